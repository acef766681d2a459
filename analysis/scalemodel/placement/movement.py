"""What moves when the nodes change?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes, format_share
from ..streams import random_keys
from .placement import SAMPLE, Placement, interval_lengths

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Movement(Shown):
    """Which share of the keys goes from which node to which.

    Attributes
    ----------
    sources, destinations : tuple of str
        The nodes before and after.
    matrix : float64[sources, destinations]
        Share of the keys that are on the source before and on the destination after; the sum is 1.
    minimum : float
        The least share that any scheme moves for this change of weights.
    needless : float
        Share that moves between two nodes whose weights did not change; 0 for a monotone scheme.
    standard_error : float
        Of `moved`; 0 where the answer is exact.
    """

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    matrix: NDArray[np.float64]
    minimum: float
    needless: float
    standard_error: float

    @property
    def moved(self) -> float:
        """Share of the keys that change their node."""
        return float(self.matrix.sum() - self._stayed.sum())

    @property
    def _stayed(self) -> NDArray[np.float64]:
        at = {node: j for j, node in enumerate(self.destinations)}
        return np.array([self.matrix[i, at[node]] for i, node in enumerate(self.sources) if node in at])

    @property
    def title(self) -> str:
        """The verdict in one line."""
        error = f" ± {format_share(2 * self.standard_error)}" if self.standard_error else ""
        return (
            f"From {len(self.sources)} to {len(self.destinations)} nodes: {format_share(self.moved)}{error} of the keys"
            f" move, {format_share(self.minimum)} must, {format_share(self.needless)} move needlessly"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per pair of nodes between which keys move, the largest share first."""
        import pandas as pd

        rows = [
            (source, target, self.matrix[i, j])
            for i, source in enumerate(self.sources)
            for j, target in enumerate(self.destinations)
            if source != target and self.matrix[i, j] > 0
        ]
        frame = pd.DataFrame(rows, columns=["source", "destination", "share"])
        return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw what each node gains and loses, in percent of all keys."""
        ax = axes(ax)
        nodes = tuple(dict.fromkeys(self.sources + self.destinations))
        at = {node: i for i, node in enumerate(nodes)}
        lost, gained = np.zeros(len(nodes)), np.zeros(len(nodes))
        for source, target, share in self.to_frame().itertuples(index=False):
            lost[at[source]] -= 100 * share
            gained[at[target]] += 100 * share
        ax.bar(np.arange(len(nodes)), gained, label="gains")
        ax.bar(np.arange(len(nodes)), lost, label="loses", hatch="//")
        ax.axhline(0, color="black", linewidth=1)
        if len(nodes) <= 20:
            ax.set_xticks(np.arange(len(nodes)), nodes)
        ax.set(xlabel="node", ylabel="keys moved, % of all", title=f"{format_share(self.moved)} of the keys move")
        ax.legend()
        return ax


def movement(before: Placement, after: Placement) -> Movement:
    """Compare two placements: which share of the key space changes its node.

    Nodes are the same if they have the same name. Exact where both placements cut one key space into intervals or
    have a closed form; otherwise counted over `SAMPLE` random keys, and the standard error says so.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> change = movement(JumpHash(10), JumpHash(11))
    >>> round(change.moved * 11, 6), change.needless
    (1.0, 0.0)
    """
    matrix = _exact(before, after)
    exact = matrix is not None
    if matrix is None:
        keys = random_keys(SAMPLE)
        matrix = _tabulate(before, after, before.lookup(keys), after.lookup(keys), np.full(SAMPLE, 1 / SAMPLE))
    weight_before = dict(zip(before.nodes, before.topology.weights, strict=True))
    weight_after = dict(zip(after.nodes, after.topology.weights, strict=True))
    due = dict(zip(before.nodes, before.topology.shares, strict=True))
    gains = [share - due.get(node, 0.0) for node, share in zip(after.nodes, after.topology.shares, strict=True)]
    steady = {node for node, weight in weight_before.items() if weight_after.get(node) == weight}
    needless = sum(
        matrix[i, j]
        for i, source in enumerate(before.nodes)
        if source in steady
        for j, target in enumerate(after.nodes)
        if target in steady and target != source
    )
    result = Movement(before.nodes, after.nodes, matrix, float(sum(g for g in gains if g > 0)), float(needless), 0.0)
    if exact:
        return result
    error = float(np.sqrt(result.moved * (1 - result.moved) / SAMPLE))
    return Movement(before.nodes, after.nodes, matrix, result.minimum, result.needless, error)


def _exact(before: Placement, after: Placement) -> NDArray[np.float64] | None:
    matrix = before._exact_movement(after)
    if matrix is not None:
        return matrix
    mine, theirs = before._boundaries(), after._boundaries()
    if mine is None or theirs is None or before.seed != after.seed:
        return None
    cuts = np.union1d(mine, theirs)
    return _tabulate(before, after, before._lookup(cuts), after._lookup(cuts), interval_lengths(cuts))


def _tabulate(
    before: Placement,
    after: Placement,
    old: NDArray[np.int32],
    new: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    shape = len(before.nodes), len(after.nodes)
    pairs = old.astype(np.int64) * shape[1] + new
    return np.bincount(pairs, weights, shape[0] * shape[1]).reshape(shape).astype(np.float64)
