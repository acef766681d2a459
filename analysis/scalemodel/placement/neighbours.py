"""Who shares data with whom, and what that does to the chance of losing a quorum."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..display import Shown, axes
from ..streams import chunks, random_keys, stream
from ._kernels import neighbours as kernels
from .placement import SAMPLE, Placement, common_cells

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_STEPS = 10**8
"""Steps of an exact count of failures; if it takes more, a sample of `TRIALS` stands for them."""

TRIALS = 50_000


@dataclass(frozen=True, eq=False)
class Neighbours(Shown):
    """Which nodes hold replicas of the same keys.

    Attributes
    ----------
    nodes : tuple of str
    sets : int32[sets, replicas]
        The distinct sets of nodes that hold the replicas of some key, positions in `nodes` in rising order.
    shares : float64[sets]
        Share of the key space that each set holds.
    exact : bool
        False if the sets were collected from a sample of keys: rare ones may be missing.
    """

    nodes: tuple[str, ...]
    sets: NDArray[np.int32]
    shares: NDArray[np.float64]
    exact: bool

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of other nodes with which each node shares a key: its scatter width, ``int64[nodes]``."""
        shared = np.zeros((len(self.nodes), len(self.nodes)), bool)
        for i in range(self.sets.shape[1]):
            for j in range(self.sets.shape[1]):
                shared[self.sets[:, i], self.sets[:, j]] = True
        np.fill_diagonal(shared, False)
        return shared.sum(axis=1)

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{len(self.nodes)} nodes, {self.sets.shape[1]} replicas: {len(self.sets):,} distinct replica sets, "
            f"a node shares data with {self.counts.mean():.1f} others on average"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per node: with how many others it shares data."""
        import pandas as pd

        return pd.DataFrame({"node": self.nodes, "neighbours": self.counts})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the number of neighbours of each node."""
        ax = axes(ax)
        ax.bar(np.arange(len(self.nodes)), np.sort(self.counts)[::-1])
        ax.set(xlabel="node, most neighbours first", ylabel="nodes it shares data with", title="Neighbours")
        return ax

    def quorum_loss(self, failed: int, needed: int | None = None, seed: int = 0) -> tuple[float, float]:
        """Return the probability that `failed` random nodes take a quorum of some key with them, and its error.

        Parameters
        ----------
        failed : int
            How many nodes are down at once; any set of so many is as likely as another.
        needed : int, optional
            Replicas of a key that must be up; a majority unless given.
        seed : int
            Of the sample, where there are too many sets to try them all.

        Returns
        -------
        probability, standard_error : float
            The error is 0 if all sets were tried.

        Examples
        --------
        Three nodes, three replicas: one may fail, two may not.

        >>> from scalemodel.placement import HashRing, neighbours
        >>> [neighbours(HashRing(3), 3).quorum_loss(f)[0] for f in (1, 2)]
        [0.0, 1.0]
        """
        n, replicas = len(self.nodes), self.sets.shape[1]
        needed = replicas // 2 + 1 if needed is None else needed
        if not 0 <= failed <= n or failed != int(failed):
            raise ValueError(f"failed is {failed}: give a number of nodes from 0 to {n}")
        if not 1 <= needed <= replicas or needed != int(needed):
            raise ValueError(f"needed is {needed}: give a number of replicas from 1 to {replicas}")
        fatal = replicas - needed + 1  # so many of a set down: the key has no quorum
        if failed < fatal:
            return 0.0, 0.0
        if failed == fatal:  # only the nodes of some set do it
            within = [self.sets[:, list(those)] for those in combinations(range(replicas), fatal)]
            return len(_distinct(np.concatenate(within), n)[0]) / math.comb(n, failed), 0.0
        harmless = self._harmless(failed, fatal)
        if harmless is not None:
            return float(1 - Fraction(harmless, math.comb(n, failed))), 0.0
        begins, sets_of = _sets_of(self.sets, n)
        lost = 0
        for chunk, part in chunks(TRIALS):
            uniforms = stream(seed, chunk).random((part.stop - part.start, failed))
            lost += kernels.lost(begins, sets_of, len(self.sets), fatal, uniforms)
        share = lost / TRIALS
        return share, math.sqrt(max(share * (1 - share), 1 / TRIALS) / TRIALS)

    def _harmless(self, failed: int, fatal: int) -> int | None:
        """Count the ways to fail that leave every set a quorum, or return None if that takes too long.

        Sets that share no node, not even by way of others, fail independently but for their number: the ways of each
        such component, by how many fail, are multiplied as polynomials. Components of one shape are counted once.
        """
        n, replicas = len(self.nodes), self.sets.shape[1]
        row = np.repeat(self.sets[:, 0], replicas)
        count, of_node = connected_components(coo_array((np.ones(len(row)), (row, self.sets.ravel())), (n, n)), False)
        of_set = of_node[self.sets[:, 0]]
        by_node, by_set = np.argsort(of_node, kind="stable"), np.argsort(of_set, kind="stable")
        number = np.empty(n, np.int32)  # of each node in its component
        sizes, set_counts = np.bincount(of_node), np.bincount(of_set, minlength=count)
        number[by_node] = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        known: dict[tuple[int, bytes], list[int]] = {}
        ways, budget = [1], MOST_STEPS
        for size, sets in zip(sizes, np.split(number[self.sets[by_set]], np.cumsum(set_counts)[:-1]), strict=True):
            shape = int(size), np.unique(sets, axis=0).tobytes()
            if shape not in known:
                begins, sets_of = _sets_of(sets, int(size))
                found, spent = kernels.harmless(begins, sets_of, len(sets), fatal, min(failed, int(size)), budget)
                budget -= spent
                if budget < 0:
                    return None
                known[shape] = found.tolist()
            ways = _product(ways, known[shape], failed)
        return ways[failed] if len(ways) > failed else 0


def neighbours(placement: Placement, replicas: int, *, spread: str | None = None) -> Neighbours:
    """Collect the distinct sets of nodes that hold the replicas of some key.

    Exact for placements that cut the key space into intervals or slots; otherwise from `SAMPLE` random keys.

    Examples
    --------
    >>> from scalemodel.placement import HashRing
    >>> neighbours(HashRing(10, vnodes=1), replicas=2).counts.max() <= 2
    np.True_
    """
    cells = common_cells(placement, placement)
    keys, weights = cells or (random_keys(SAMPLE), np.full(SAMPLE, 1 / SAMPLE))
    lists = np.sort(placement.replicas(keys, replicas, spread, hashed=True), axis=1)
    sets, which = _distinct(lists, len(placement.nodes))
    return Neighbours(placement.nodes, sets, np.bincount(which, weights).astype(np.float64), cells is not None)


def _distinct(rows: NDArray[np.int32], n: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the distinct rows of numbers below `n`, in order, and which of them each row is."""
    if n ** rows.shape[1] >= 2**63:
        found, which = np.unique(rows, axis=0, return_inverse=True)
        return found, which.ravel()
    powers = n ** np.arange(rows.shape[1])[::-1]  # a row as one number
    numbers, which = np.unique(rows @ powers, return_inverse=True)
    return (numbers[:, None] // powers % n).astype(np.int32), which


def _sets_of(sets: NDArray[np.int32], nodes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the sets of each node begin, and the numbers of the sets, node after node."""
    begins = np.concatenate([[0], np.cumsum(np.bincount(sets.ravel(), minlength=nodes))])
    return begins, np.argsort(sets.ravel(), kind="stable") // sets.shape[1]


def _product(a: list[int], b: list[int], degree: int) -> list[int]:
    """Multiply polynomials, without the powers above `degree`."""
    product = [0] * min(len(a) + len(b) - 1, degree + 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b[: len(product) - i]):
            product[i + j] += x * y
    return product


def expected_neighbours(candidates: int, vnodes: int, replicas: int) -> float:
    """Return the expected number of nodes that share data with one node of a ring of random tokens.

    Every vnode has ``2 (replicas - 1)`` neighbours on the ring, each any of the `candidates` (the nodes outside the
    own rack where racks keep replicas apart): ``candidates (1 - (1 - 1/candidates)^(2 vnodes (replicas - 1)))``.

    Examples
    --------
    >>> round(expected_neighbours(40, 16, 3), 4)
    32.0867

    References
    ----------
    Lynch and Snyder, "Cassandra availability with virtual nodes" (2018).
    """
    if candidates < 1 or vnodes < 1 or replicas < 1:
        raise ValueError(
            f"candidates, vnodes and replicas are {candidates}, {vnodes} and {replicas}: give integers of one or more"
        )
    if candidates == 1:
        return float(replicas > 1)
    return -candidates * math.expm1(2 * vnodes * (replicas - 1) * math.log1p(-1 / candidates))


def outage_rate(nodes: int, failure_rate: float, recovery: float, neighbours: float) -> float:
    """Return how often per unit of time a node fails while a neighbour of it is still down.

    ``nodes failure_rate (1 - exp(-recovery neighbours failure_rate))``: with three replicas such a pair of failures
    takes the quorum of some key away.

    Parameters
    ----------
    nodes : int
    failure_rate : float
        Failures of one node per second.
    recovery : float
        Seconds that a failed node stays down.
    neighbours : float
        Nodes that share data with one node.

    Examples
    --------
    Netflix's 96 nodes, a failure per node in four years, 2457 s to recover: 3 outages a century with 256 vnodes (the
    paper prints 2.98).

    >>> from scalemodel.units import years
    >>> round(100 * years * outage_rate(96, 0.25 / years, 2457, 64), 2)
    2.99

    References
    ----------
    Lynch and Snyder, "Cassandra availability with virtual nodes" (2018).
    """
    for what, value in (("failure_rate", failure_rate), ("recovery", recovery), ("neighbours", neighbours)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{what} is {value}: give a finite number, not negative")
    return -nodes * failure_rate * math.expm1(-recovery * neighbours * failure_rate)
