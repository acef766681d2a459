"""Placement schemes side by side: the decision guide."""

import contextlib
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
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

        `moved` and `needless` are shares of the keys (of their replicas, if told) for the change, NaN where the scheme
        cannot make it; `even` is what a perfectly even scheme moves. `monotone`: when a node came or left, at equal
        weights and at others, no key was seen to move between nodes that stayed. `own_replicas`: the scheme itself says
        where replicas go, otherwise the key is hashed again for each. `table_bytes` is the memory of the tables a
        look-up reads.
        """
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw unevenness against movement: the best schemes stand at the lower left."""
        ax = axes(ax)
        rows = [row for row in self.rows if np.isfinite(row["moved"])]
        spots = np.array([(100 * row["moved"], row["peak_to_mean"]) for row in rows]).reshape(-1, 2)
        ax.plot(spots[:, 0], spots[:, 1], "o", color="C0")
        reach = np.ptp(spots, axis=0) * (0.06, 0.1) if len(spots) else 0.0
        unnamed = list(range(len(rows)))
        while unnamed:  # schemes whose names would cover each other share a label
            close = [i for i in unnamed if (np.abs(spots[i] - spots[unnamed[0]]) <= reach).all()]
            label = "\n".join(textwrap.wrap(", ".join(rows[i]["scheme"] for i in close), 36))
            ax.annotate(label, spots[close].mean(0), (8, 0), textcoords="offset points", va="center", fontsize="small")
            unnamed = [i for i in unnamed if i not in close]
        ax.margins(x=0.3, y=0.15)
        ax.axvline(100 * self.rows[0]["even"], color="black", linewidth=1, linestyle="--")
        ax.set(xlabel="keys that move, %", ylabel="peak-to-mean of the key space", title=self.title)
        return ax


def compare(
    schemes: Mapping[str, Placement] | Iterable[str] | None = None,
    change: Change = "add",
    workload: Workload | Popularity | None = None,
    *,
    nodes: int = 10,
    replicas: int = 1,
    spread: str | None = None,
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
    replicas : int
        Compare the balance and the movement of so many replicas of each key.
    spread : str, optional
        Replicas in distinct domains of this level.
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
    ask = _Question(change, workload, replicas, spread, timing)
    return Comparison(tuple(ask.row(name, placement) for name, placement in schemes.items()))


@dataclass(frozen=True)
class _Question:
    """What is asked of every scheme."""

    change: Change
    workload: Workload | Popularity | None
    replicas: int
    spread: str | None
    timing: bool

    def row(self, name: str, placement: Placement) -> dict[str, Any]:
        table_bytes = _table_bytes(placement)  # before other questions have it compute other tables
        space = balance(placement, replicas=self.replicas, spread=self.spread)
        row: dict[str, Any] = {
            "scheme": name,
            "nodes": len(placement.nodes),
            "peak_to_mean": space.peak_to_mean,
            "cv": space.cv,
            "exact": placement.owns_exactly(self.replicas, self.spread),
        }
        if self.workload is not None:
            requests = balance(placement, self.workload, self.replicas, spread=self.spread)
            row["requests_peak_to_mean"] = requests.peak_to_mean
        row |= self.moves(placement)
        row["any_node_may_leave"] = _can(lambda: one_fewer(placement))
        row["weights"] = _can(lambda: _reweighted(placement).lookup(random_keys(1), hashed=True))
        row["monotone"] = all(map(_is_monotone, [placement, _reweighted(placement)] if row["weights"] else [placement]))
        row["own_replicas"] = type(placement)._replicas is not Placement._replicas
        row["table_bytes"] = table_bytes
        return row | (_timings(placement) if self.timing else {})

    def moves(self, placement: Placement) -> dict[str, float]:
        n = len(placement.nodes)
        even = (
            {"add": 1 / (n + 1), "remove": 1 / n}.get(self.change, np.nan) if isinstance(self.change, str) else np.nan
        )
        make = {"add": one_more, "remove": one_fewer}.get(self.change) if isinstance(self.change, str) else self.change
        if make is None:
            raise ValueError(f"change is {self.change!r}: give 'add', 'remove' or a function of a placement")
        try:
            after = make(placement)
        except ValueError:
            return {"moved": np.nan, "even": even, "needless": np.nan}
        result = movement(placement, after, self.replicas, spread=self.spread)
        return {"moved": result.moved, "even": even, "needless": result.needless}


def _is_monotone(placement: Placement) -> bool:
    """Look whether a node that comes or leaves moves keys of the others, on `TIMED_KEYS` random keys."""
    keys = random_keys(TIMED_KEYS)
    changed = [one_more(placement)]
    for leave in (one_fewer, _without_last):
        with contextlib.suppress(ValueError):
            changed.append(leave(placement))
    before = placement.lookup(keys)
    for other in changed:
        at = {node: i for i, node in enumerate(other.nodes)}
        old = np.array([at.get(node, -1) for node in placement.nodes])[before]
        new = other.lookup(keys)
        stays = np.isin(other.nodes, placement.nodes)
        if ((old >= 0) & stays[new] & (old != new)).any():
            return False
    return True


def _without_last(placement: Placement) -> Placement:
    return placement.remove(placement.nodes[-1])


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
    return _bytes_of([value for name, value in vars(placement).items() if name != "topology"])


def _bytes_of(value: object) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, (list, tuple)):
        return sum(map(_bytes_of, value))
    if isinstance(value, Placement):  # that this one stands on
        return _table_bytes(value)
    return _bytes_of(list(vars(value).values())) if is_dataclass(value) else 0


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
