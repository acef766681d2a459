"""What moves when the nodes change?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes, format_bytes, format_share, format_time
from ..streams import random_keys
from ..topology import nearest
from .placement import SAMPLE, Placement, common_cells, common_cuts, interval_lengths

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
        The least share that any scheme moves from shares in proportion to the weights to such shares again. A scheme
        whose shares are uneven can move less.
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
        return float(self.matrix.sum() - _stayed(self.matrix, self.sources, self.destinations).sum())

    @property
    def title(self) -> str:
        """The verdict in one line."""
        error = f" ± {format_share(2 * self.standard_error)}" if self.standard_error else ""
        return (
            f"From {len(self.sources)} to {len(self.destinations)} nodes: {format_share(self.moved)}{error} of the keys"
            f" move (between even shares {format_share(self.minimum)}), {format_share(self.needless)} needlessly"
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

    def plot_matrix(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the matrix of a movement: which share of all keys goes from each node (row) to each other (column)."""
        ax = axes(ax)
        moved = 100 * self.matrix
        for i, source in enumerate(self.sources):
            for j, target in enumerate(self.destinations):
                if source == target:
                    moved[i, j] = np.nan  # what stays is no movement
        mesh = ax.pcolormesh(moved, cmap="viridis", vmin=0)
        ax.set_xticks(np.arange(len(self.destinations)) + 0.5, self.destinations, rotation=90)
        ax.set_yticks(np.arange(len(self.sources)) + 0.5, self.sources)
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.figure.colorbar(mesh, ax=ax, label="keys moved, % of all")
        ax.set(xlabel="to", ylabel="from", title=f"{format_share(self.moved)} of the keys move")
        return ax


def movement(before: Placement, after: Placement, replicas: int = 1, *, spread: str | None = None) -> Movement:
    """Compare two placements: which share of the keys, or of their replicas, changes its node.

    Nodes are the same if they have the same name. Exact where both placements cut one key space into intervals or
    into the same slots, or have a closed form; otherwise counted over `SAMPLE` random keys, and the standard error
    says so.

    Parameters
    ----------
    before, after : Placement
    replicas : int
        Compare the sets of nodes that hold a key's replicas. A copy goes from a node that leaves the set to one that
        enters it; a change of order within the set moves nothing.
    spread : str, optional
        Replicas in distinct domains of this level.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> change = movement(JumpHash(10), JumpHash(11))
    >>> round(change.moved * 11, 6), change.needless
    (1.0, 0.0)
    """
    matrix = before._exact_movement(after) if replicas == 1 else None
    error = 0.0
    if matrix is None:
        cells = common_cells(before, after)
        keys, weights = cells or (random_keys(SAMPLE), np.full(SAMPLE, 1 / SAMPLE))
        old, new = (p.replicas(keys, replicas, spread, hashed=cells is not None) for p in (before, after))
        matrix = tabulated(before, after, old, new, weights)
        if cells is None:
            moved = 1 - _stayed(matrix, before.nodes, after.nodes).sum()
            error = float(np.sqrt(max(moved, 0.0) * (1 - moved) / SAMPLE))
    return movement_of(before, after, matrix, error)


def movement_of(before: Placement, after: Placement, matrix: NDArray[np.float64], error: float = 0.0) -> Movement:
    """Compare what moves by a matrix of shares with what has to between nodes of these weights."""
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
    minimum = float(sum(gain for gain in gains if gain > 0))
    return Movement(before.nodes, after.nodes, matrix, minimum, float(needless), error)


def moved_ranges(before: Placement, after: Placement) -> "pd.DataFrame":
    """List the ranges of hashed keys that change their node: the plan of a migration.

    Returns
    -------
    DataFrame
        A row per range, in key order: the hashed keys from `first` to `last` (both included, uint64; a range may go
        around the end) go from `source` to `destination`; `share` is the part of the key space.

    Raises
    ------
    ValueError
        If one of the placements does not cut one key space into intervals.

    Examples
    --------
    >>> from scalemodel.placement import HashRing
    >>> ring = HashRing(["a", "b"], vnodes=2)
    >>> plan = moved_ranges(ring, ring.add("c"))
    >>> set(plan["destination"]), bool(abs(plan["share"].sum() - movement(ring, ring.add("c")).moved) < 1e-12)
    ({'c'}, True)
    """
    import pandas as pd

    cuts = common_cuts(before, after)
    if cuts is None:
        names = f"{type(before).__name__} and {type(after).__name__}"
        raise ValueError(f"{names} do not cut one key space into intervals: there are no ranges to list, use movement")
    frame = pd.DataFrame(
        {
            "first": np.roll(cuts, 1) + np.uint64(1),
            "last": cuts,
            "source": np.array(before.nodes, dtype=object)[before._lookup(cuts)],
            "destination": np.array(after.nodes, dtype=object)[after._lookup(cuts)],
            "share": interval_lengths(cuts),
        }
    )
    pair = frame[["source", "destination"]]
    run = (pair != pair.shift()).any(axis=1).cumsum()  # neighbours that go the same way are one range
    merged = frame.groupby(run).agg(
        {"first": "first", "last": "last", "source": "first", "destination": "first", "share": "sum"}
    )
    return merged[merged["source"] != merged["destination"]].reset_index(drop=True)


def moved_slots(before: Placement, after: Placement) -> "pd.DataFrame":
    """List the slots that change their node: the plan of a migration between two tables of the same size.

    Returns
    -------
    DataFrame
        A row per slot, in order: `slot` goes from `source` to `destination`. Its keys are those whose hash leaves the
        remainder `slot` by the number of slots.

    Raises
    ------
    ValueError
        If the placements do not have the same slots.

    Examples
    --------
    >>> from scalemodel.placement import Maglev
    >>> maglev = Maglev(3, table_size=11)
    >>> moved_slots(maglev, maglev.remove("n1"))["source"].tolist()
    ['n1', 'n1', 'n1', 'n1']
    """
    import pandas as pd

    slots = before._slot_count()
    if slots is None or slots != after._slot_count() or not before._hashes_like(after):
        names = f"{type(before).__name__} and {type(after).__name__}"
        raise ValueError(f"{names} do not have the same slots: compare tables of one size and seed, or use movement")
    keys = np.arange(slots, dtype=np.uint64)
    frame = pd.DataFrame(
        {
            "slot": np.arange(slots),
            "source": np.array(before.nodes, dtype=object)[before._lookup(keys)],
            "destination": np.array(after.nodes, dtype=object)[after._lookup(keys)],
        }
    )
    return frame[frame["source"] != frame["destination"]].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class RebalanceTime(Shown):
    """How long the data of a movement is under way, when every node streams at its limit.

    Attributes
    ----------
    nodes : tuple of str
    sent, received : float64[nodes]
        Bytes.
    seconds : float64[nodes]
        How long each node is busy.
    """

    nodes: tuple[str, ...]
    sent: NDArray[np.float64]
    received: NDArray[np.float64]
    seconds: NDArray[np.float64]

    @property
    def longest(self) -> float:
        """Seconds until the last node is done."""
        return float(self.seconds.max())

    @property
    def bottleneck(self) -> str:
        """The node that is done last."""
        return self.nodes[int(self.seconds.argmax())]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{format_bytes(float(self.received.sum()))} move in {format_time(self.longest)}; "
            f"{self.bottleneck} is done last"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per node, the longest busy first."""
        import pandas as pd

        columns = {"node": self.nodes, "sent_bytes": self.sent, "received_bytes": self.received, "busy_s": self.seconds}
        return pd.DataFrame(columns).sort_values("busy_s", ascending=False, kind="stable", ignore_index=True)


def rebalance_time(
    movement: Movement,
    data_bytes: float,
    send: float,
    receive: float | None = None,
    *,
    dead: Sequence[str] = (),
) -> RebalanceTime:
    """Return how long a movement takes when each node may send and receive only so many bytes per second.

    A node sends and receives at once. All transfers can be scheduled without idling the busiest port (a bipartite
    graph can be edge-coloured by its largest degree: König 1916), so the longest node is the answer, not a bound.

    Parameters
    ----------
    movement : Movement
    data_bytes : float
        All data that moves could concern, in bytes: with a `movement` of replicas, all copies together.
    send, receive : float
        Limits of each node in bytes per second; `receive` equals `send` unless given.
    dead : sequence of str
        Nodes that cannot send: what was on them comes from the other replicas, evenly from all that survive.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash, movement
    >>> grown = movement(JumpHash(10), JumpHash(11))
    >>> round(rebalance_time(grown, data_bytes=1.1e12, send=100e6).longest)  # the new node receives all
    1000
    """
    receive = send if receive is None else receive
    for what, value in (("data_bytes", data_bytes), ("send", send), ("receive", receive)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{what} is {value}: give a finite number above zero")
    nodes = tuple(dict.fromkeys(movement.sources + movement.destinations))
    at = {node: i for i, node in enumerate(nodes)}
    for node in dead:
        if node not in at:
            raise ValueError(f"there is no node {node!r}{nearest(node, nodes)}")
    alive = np.array([node in movement.sources and node not in dead for node in nodes])
    if not alive.any():
        raise ValueError("all nodes that hold data are dead: leave at least one to copy from")
    sent, received = np.zeros(len(nodes)), np.zeros(len(nodes))
    for source, target, share in movement.to_frame().itertuples(index=False):
        received[at[target]] += share * data_bytes
        if source in dead:
            sent[alive] += share * data_bytes / alive.sum()
        else:
            sent[at[source]] += share * data_bytes
    return RebalanceTime(nodes, sent, received, np.maximum(sent / send, received / receive))


def one_more(placement: Placement) -> Placement:
    """Return the placement with a node added beside the last one, and like it."""
    taken = placement.nodes
    name = next(f"new-{i}" for i in range(1, len(taken) + 2) if f"new-{i}" not in taken)
    places = {level: labels[-1] for level, labels in placement.topology.places.items()}
    return placement.add(name, placement.topology.weights[-1], **places)


def one_fewer(placement: Placement) -> Placement:
    """Return the placement without the node in the middle of the list: not the last, which is easy for some."""
    return placement.remove(placement.nodes[(len(placement.nodes) - 1) // 2])


def _stayed(matrix: NDArray[np.float64], sources: tuple[str, ...], targets: tuple[str, ...]) -> NDArray[np.float64]:
    at = {node: j for j, node in enumerate(targets)}
    return np.array([matrix[i, at[node]] for i, node in enumerate(sources) if node in at])


def tabulated(
    before: Placement,
    after: Placement,
    old: NDArray[np.int32],
    new: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Add up the weight that goes from each node to each other; of sets, what leaves is paired with what enters."""
    known = {node: j for j, node in enumerate(after.nodes)}
    gone = len(after.nodes)  # numbers beyond the nodes of `after`: nodes only before has
    renumber = np.array([known.get(node, gone + i) for i, node in enumerate(before.nodes)])
    same = renumber[old][:, :, None] == new[:, None, :]
    stays, leaves, enters = same.any(axis=2), ~same.any(axis=2), ~same.any(axis=1)
    (rows, held), (moving, left), (_, entered) = np.nonzero(stays), np.nonzero(leaves), np.nonzero(enters)
    source = np.concatenate([old[rows, held], old[moving, left]]).astype(np.int64)
    target = np.concatenate([renumber[old[rows, held]], new[moving, entered]])
    shape = len(before.nodes), len(after.nodes)
    weight = weights[np.concatenate([rows, moving])] / old.shape[1]
    return np.bincount(source * shape[1] + target, weight, shape[0] * shape[1]).reshape(shape).astype(np.float64)
