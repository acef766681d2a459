"""Where do the replicas and the leader go? All sets of places are tried, or many where there are too many."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _check, streams
from ..display import Shown, axes, format_time
from ..topology import RoundTrips, Topology
from ._kernels import leaders as kernels
from .deployment import Deployment
from .leaderless import epaxos_quorum

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_SETS = 20_000
"""Sets of places that are all tried: C(20, 5) is 15,504."""

STARTS = 8
"""Sets from which a local search starts, drawn at random."""

Floats = NDArray[np.float64]
Sets = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Placements(Shown):
    """The best places for replicas that were found, best first."""

    sets: tuple[tuple[str, ...], ...]
    leaders: tuple[str | None, ...]
    """The best leader of each set; None where any replica coordinates."""
    seconds: Floats = field(repr=False)
    """The objective of each set."""
    after_loss: Floats = field(repr=False)
    """Seconds: the same once the worst one of its replicas is lost, with the best leader then."""
    objective: str
    tried: Floats = field(repr=False)
    """Seconds, rising: the objective of every set that was tried."""
    exhaustive: bool
    """Whether all sets were tried."""

    @property
    def replicas(self) -> tuple[str, ...]:
        """The best places."""
        return self.sets[0]

    @property
    def leader(self) -> str | None:
        """The best leader."""
        return self.leaders[0]

    @property
    def value(self) -> float:
        """The objective of the best places in seconds."""
        return float(self.seconds[0])

    @property
    def title(self) -> str:
        """The best places, and whether they are proved to be."""
        how = "best of all" if self.exhaustive else "best found by local search in"
        return (
            f"{how} {len(self.tried)} sets of {len(self.replicas)} places: {self.objective} {format_time(self.value)}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per set, best first, milliseconds."""
        import pandas as pd

        return pd.DataFrame(
            {
                "replicas": [", ".join(places) for places in self.sets],
                "leader": self.leaders,
                f"{self.objective}_ms": 1e3 * self.seconds,
                "after_worst_loss_ms": 1e3 * self.after_loss,
            }
        )

    def plot(self, ax: "Axes | None" = None, label: str | None = None) -> "Axes":
        """Draw which share of the sets tried does as well or better."""
        ax = axes(ax)
        share = np.arange(1, len(self.tried) + 1) / len(self.tried)
        ax.step(1e3 * self.tried, 100 * share, where="post", label=label)
        ax.set_xlabel(f"{self.objective} latency in ms, best leader")
        ax.set_ylabel("sets of places as good or better, %")
        ax.set_ylim(bottom=0)
        return ax


@dataclass(frozen=True)
class _Problem:
    """The arrays of one search."""

    between: Floats
    reach: Floats
    weights: Floats
    quorum: int
    leaderless: bool
    read_share: float
    nearest_reads: bool
    p: float

    def each(self, sets: Sets) -> Floats:
        """Return the objective of each set and leader."""
        return kernels.values_of(
            np.ascontiguousarray(sets),
            self.between,
            self.reach,
            self.weights,
            self.quorum,
            self.leaderless,
            self.read_share,
            self.nearest_reads,
            self.p,
        )

    def after_loss(self, sets: Sets) -> Floats:
        """Return the objective of each set without the member whose loss is worst."""
        n = sets.shape[1]
        if n - 1 < self.quorum:
            return np.full(len(sets), math.inf)
        lost = [self.each(np.delete(sets, j, axis=1)).min(axis=1) for j in range(n)]
        return np.max(lost, axis=0)


def place_replicas(
    network: RoundTrips | Topology,
    n: int,
    clients: Mapping[str, float] | Sequence[str] | None = None,
    candidates: Sequence[str] | None = None,
    *,
    leaderless: bool = False,
    quorum: int | None = None,
    objective: str | float = "mean",
    read_share: float = 0.0,
    reads: str = "leader",
    survive: bool = False,
    keep: int = 10,
    seed: int = 0,
) -> Placements:
    """Find the places of `n` replicas, and of the leader, with the least latency over the clients.

    All sets are tried up to 20,000 (5 of 20 places are 15,504); of more, a local search moves one replica at a time
    from several starts until no move is better. Sets that are equally good are ordered by what is left of them after
    the worst loss of one replica.

    Parameters
    ----------
    network : RoundTrips or Topology
    n : int
        Replicas, one per place.
    clients : mapping of str to float, or sequence of str, optional
        Places of clients and their shares. Default the candidates, equally.
    candidates : sequence of str, optional
        Places (or nodes) that may have a replica. Default all.
    leaderless : bool
        Whether the replica nearest to a client coordinates (as in `EPaxos`), or one leads (as in `MultiPaxos`).
    quorum : int, optional
        Replicas that must have stored a write, the leader or coordinator among them. Default a majority, or the fast
        quorum of `EPaxos`.
    objective : "mean" or float
        The mean over clients and requests, or a percentile of it such as 0.99: the time within which that share of the
        requests is answered.
    read_share : float
        The share of the requests that are reads.
    reads : {"leader", "nearest"}
        Who answers a read alone: the leader with its lease, or the nearest replica, maybe with old data.
    survive : bool
        Whether the objective is that after the worst loss of one replica.
    keep : int
        Sets that the answer holds.
    seed : int
        For the starts of a local search.

    Returns
    -------
    Placements
        The best sets with their leaders, what the worst loss leaves of each, and the objective of every set tried.

    Raises
    ------
    ValueError
        If a place is unknown, a round trip is missing (it is named), or a quorum cannot be had.

    Examples
    --------
    >>> trips = RoundTrips.from_matrix(list("abcd"), [[1, 5, 9, 70], [5, 1, 8, 60], [9, 8, 1, 65], [70, 60, 65, 1]])
    >>> found = place_replicas(trips, 3, clients={"a": 1, "b": 1, "c": 2})
    >>> found.replicas, found.leader, found.value
    (('a', 'b', 'c'), 'b', 10.5)
    """
    if candidates is not None and len(set(candidates)) < len(candidates):
        raise ValueError("a candidate appears more than once: a search puts one replica into each place")
    everyone = Deployment(network, candidates, clients if clients is not None else candidates)
    m = everyone.n
    n = _check.whole(n, f"n, of {m} candidates,", 1, m)
    usual = epaxos_quorum(n) if leaderless else n // 2 + 1
    needed = usual if quorum is None else _check.whole(quorum, f"quorum, of {n} replicas,", 1, n)
    if survive and needed > n - 1:
        raise ValueError(
            f"a quorum of {needed} of {n} replicas survives no loss: give more replicas or a smaller quorum"
        )
    if reads not in ("leader", "nearest"):
        raise ValueError(f"reads is {reads!r}: give 'leader' or 'nearest'")
    if isinstance(objective, Real) and not isinstance(objective, bool):
        p = _check.share(objective, "the objective's percentile")
        if p == 0:
            raise ValueError("the objective's percentile is 0: give one above 0, or 'mean'")
    elif objective == "mean":
        p = 0.0
    else:
        raise ValueError(f"the objective is {objective!r}: give 'mean' or a percentile such as 0.99")
    share = _check.share(read_share, "read_share")
    problem = _Problem(
        everyone.apart,
        np.ascontiguousarray(everyone.trips.T),
        np.array(everyone.weights),
        needed,
        leaderless,
        share,
        reads == "nearest",
        p,
    )
    goal = problem.after_loss if survive else lambda sets: problem.each(sets).min(axis=1)
    exhaustive = math.comb(m, n) <= MOST_SETS
    if exhaustive:
        sets = kernels.combinations(m, n, math.comb(m, n))
        values = goal(sets)
    else:
        sets, values = _climb(goal, m, n, seed)
    return _ranked(problem, everyone, sets, values, p, survive, exhaustive, _check.whole(keep, "keep", 1, 10**6))


def _ranked(
    problem: _Problem,
    everyone: Deployment,
    sets: Sets,
    values: Floats,
    p: float,
    survive: bool,
    exhaustive: bool,
    keep: int,
) -> Placements:
    """Return the best sets, those as good as each other by what a loss leaves."""
    rounded = np.round(values, 12)
    edge = np.partition(rounded, min(keep, len(sets)) - 1)[min(keep, len(sets)) - 1]
    near = np.flatnonzero(rounded <= edge)
    left = problem.after_loss(sets[near])
    each = problem.each(sets[near])
    order = np.lexsort([np.round(each.min(axis=1), 12), np.round(left, 12), rounded[near]])[:keep]
    best, names = sets[near][order], everyone.replicas
    lead = each[order].argmin(axis=1)
    leaders = [None if problem.leaderless else names[row[j]] for row, j in zip(best, lead, strict=True)]
    what = "mean" if p == 0 else f"p{100 * p:g}"
    return Placements(
        tuple(tuple(names[i] for i in row) for row in best),
        tuple(leaders),
        values[near][order],
        left[order],
        what + "_after_loss" * survive,
        np.sort(values),
        exhaustive,
    )


def _climb(goal: Callable[[Sets], Floats], m: int, n: int, seed: int) -> tuple[Sets, Floats]:
    """Move one replica at a time to where it helps most, from several starts; return all sets met and their values."""
    met: dict[tuple[int, ...], float] = {}

    def look(sets: list[tuple[int, ...]]) -> list[float]:
        new = [row for row in dict.fromkeys(sets) if row not in met]
        if new:
            met.update(zip(new, goal(np.array(new, np.int64)).tolist(), strict=True))
        return [met[row] for row in sets]

    for start in range(STARTS):
        now = tuple(sorted(int(i) for i in streams.stream(seed, start).choice(m, n, replace=False)))
        (value,) = look([now])
        while True:
            inside = set(now)
            moves = [tuple(sorted((inside - {out}) | {into})) for out in now for into in range(m) if into not in inside]
            values = look(moves)
            at = int(np.argmin(values))
            if not values[at] < value:
                break
            now, value = moves[at], values[at]
    return np.array(list(met), np.int64), np.array(list(met.values()))
