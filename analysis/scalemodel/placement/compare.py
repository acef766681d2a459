"""Placement schemes side by side: the decision guide."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..display import Shown, axes
from ..streams import random_keys
from ..workload import Popularity, Workload
from .balance import balance
from .movement import movement, one_fewer, one_more
from .placement import Placement
from .schemes import SCHEMES, build

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Change = Literal["add", "remove"] | Callable[[Placement], Placement]

TIMED_KEYS = 2**17


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """One row per scheme; `rows` is what `to_frame` shows."""

    rows: tuple[dict[str, Any], ...]

    @property
    def title(self) -> str:
        """What is compared."""
        return f"{len(self.rows)} placement schemes over {self.rows[0]['nodes']} nodes"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per scheme.

        `moved` and `needless` are shares of the keys for the change, NaN where the scheme cannot make it; `even` is
        what a perfectly even scheme moves. `table_bytes` is the memory of the tables a look-up reads.
        """
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw unevenness against movement: the best schemes stand at the lower left."""
        ax = axes(ax)
        for i, row in enumerate(row for row in self.rows if np.isfinite(row["moved"])):
            at = 100 * row["moved"], row["peak_to_mean"]
            ax.plot(*at, "o")
            ax.annotate(row["scheme"], at, (4, 6 if i % 2 else -12), textcoords="offset points")
        ax.axvline(100 * self.rows[0]["even"], color="black", linewidth=1, linestyle="--")
        ax.set(xlabel="keys that move, %", ylabel="peak-to-mean of the key space", title=self.title)
        return ax


def compare(
    schemes: Mapping[str, Placement] | Iterable[str] | None = None,
    change: Change = "add",
    workload: Workload | Popularity | None = None,
    *,
    nodes: int = 10,
    timing: bool = False,
) -> Comparison:
    """Compare schemes by balance, by what a change of nodes moves, and by what they can do.

    Parameters
    ----------
    schemes : mapping of str to Placement, or iterable of str
        Placements with labels, or names of `SCHEMES` to build over `nodes`; all of them unless given.
    change : {"add", "remove"} or callable
        One node more, the middle node leaves, or a function from a placement to the changed one.
    workload : Workload or Popularity, optional
        Adds the peak-to-mean of its requests.
    nodes : int
        How many, where names are given.
    timing : bool
        Adds `lookup_ns` (per hashed key, one thread) and `build_ms`: of this machine, so keep them out of notebooks
        that are compared.

    Examples
    --------
    >>> table = compare(["jump", "rendezvous"], "remove").to_frame()
    >>> table[["scheme", "any_node_may_leave", "weights"]].values.tolist()
    [['jump', False, False], ['rendezvous', True, True]]
    """
    if not isinstance(schemes, Mapping):
        schemes = {name: build(name, nodes) for name in (SCHEMES if schemes is None else schemes)}
    if not schemes:
        raise ValueError("there are no schemes to compare: give at least one")
    return Comparison(tuple(_row(name, placement, change, workload, timing) for name, placement in schemes.items()))


def _row(
    name: str, placement: Placement, change: Change, workload: Workload | Popularity | None, timing: bool
) -> dict[str, Any]:
    space = balance(placement)
    row: dict[str, Any] = {
        "scheme": name,
        "nodes": len(placement.nodes),
        "peak_to_mean": space.peak_to_mean,
        "cv": space.cv,
        "exact": placement.owns_exactly(),
    }
    if workload is not None:
        row["requests_peak_to_mean"] = balance(placement, workload).peak_to_mean
    row |= _moves(placement, change)
    row["any_node_may_leave"] = _can(lambda: one_fewer(placement))
    row["weights"] = _can(lambda: _reweighted(placement).lookup(random_keys(1), hashed=True))
    row["table_bytes"] = _table_bytes(placement)
    return row | (_timings(placement) if timing else {})


def _moves(placement: Placement, change: Change) -> dict[str, float]:
    n = len(placement.nodes)
    even = {"add": 1 / (n + 1), "remove": 1 / n}.get(change, np.nan) if isinstance(change, str) else np.nan
    make = {"add": one_more, "remove": one_fewer}.get(change) if isinstance(change, str) else change
    if make is None:
        raise ValueError(f"change is {change!r}: give 'add', 'remove' or a function of a placement")
    try:
        result = movement(placement, make(placement))
    except ValueError:
        return {"moved": np.nan, "even": even, "needless": np.nan}
    return {"moved": result.moved, "even": even, "needless": result.needless}


def _reweighted(placement: Placement) -> Placement:
    weights = [2.0, *placement.topology.weights[1:]]
    return placement._with(placement.topology.with_weights(weights))


def _can(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except ValueError:
        return False
    return True


def _table_bytes(placement: Placement) -> int:
    """Add up the arrays that the placement has computed for its look-ups."""
    placement.lookup(random_keys(1), hashed=True)
    held = [value for name, value in vars(placement).items() if name != "topology"]
    arrays = [
        x for value in held for x in (value if isinstance(value, tuple) else (value,)) if isinstance(x, np.ndarray)
    ]
    return sum(array.nbytes for array in arrays)


def _timings(placement: Placement) -> dict[str, float]:
    keys = random_keys(TIMED_KEYS)
    placement.lookup(keys, hashed=True)
    start = time.perf_counter()
    fresh = placement._with()
    fresh.lookup(keys[:1], hashed=True)
    built = time.perf_counter()
    rounds = []
    for _ in range(5):
        begin = time.perf_counter()
        placement.lookup(keys, hashed=True)
        rounds.append(time.perf_counter() - begin)
    return {"lookup_ns": 1e9 * min(rounds) / TIMED_KEYS, "build_ms": 1e3 * (built - start)}
