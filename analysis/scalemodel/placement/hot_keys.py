"""What hot keys do to the busiest node, and what copies, a split or a small cache in front do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import NDArray

from ..display import Shown, axes, format_share
from ..workload import Popularity, Workload
from .balance import HEAD, law_of
from .occupancy import counted, expected_fullest, first_that
from .placement import Placement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


MANY = 10_000
"""Balls per bin from which on the fullest is taken from the normal limit, right to a few in 100,000."""

_LABELS = {
    "cache in front": "cache in front",
    "more copies": "{} copies",
    "more copies, least loaded": "{} copies, least loaded",
    "split by suffix": "split in {}",
}


@dataclass(frozen=True, eq=False)
class HotKeyRelief(Shown):
    """The busiest node with and without remedies against hot keys.

    Attributes
    ----------
    placement : str
    hottest : float
        Share of all requests that go to the hottest key.
    least : float
        Below this the busiest node cannot come by any placement of whole keys: the hottest key is on some node, and of
        one key more than nodes two share one.
    remedies : tuple of (str, int, int, float, float)
        What is done ("none", "cache in front", "more copies", "more copies, least loaded" or "split by suffix"), for
        how many of the hottest keys, in how many copies or parts of each, the requests that reach nodes over those
        that come, and the load of the busiest node over the mean load without remedy.
    """

    placement: str
    hottest: float
    least: float
    remedies: tuple[tuple[str, int, int, float, float], ...]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        before, best = self.remedies[0], min(self.remedies, key=lambda row: row[-1])
        return (
            f"{self.placement}: the hottest key has {format_share(self.hottest)} of the requests, the busiest node "
            f"{before[-1]:.2f} times the mean; {best[0]} for {best[1]:,} keys brings it to {best[-1]:.2f}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per remedy."""
        import pandas as pd

        return pd.DataFrame(self.remedies, columns=["remedy", "keys", "copies", "reach_nodes_share", "peak_to_mean"])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the load of the busiest node against the number of keys that are cached, copied or split."""
        ax = axes(ax)
        frame = self.to_frame()
        ax.axhline(frame["peak_to_mean"].iloc[0], color="black", linewidth=1, linestyle=":", label="no remedy")
        for (remedy, copies), rows in frame[1:].groupby(["remedy", "copies"], sort=False):
            ax.plot(rows["keys"], rows["peak_to_mean"], marker="o", label=_LABELS[str(remedy)].format(copies))
        ax.set_xscale("log")
        ax.set(
            xlabel="hottest keys treated", ylabel="busiest node / mean without remedy", title="Remedies for hot keys"
        )
        ax.legend()
        return ax


def hot_key_relief(
    placement: Placement,
    workload: Workload | Popularity,
    keys: Sequence[int] = (1, 10, 100, 1000),
    copies: Sequence[int] = (2, 3),
    suffixes: Sequence[int] = (),
    *,
    least_loaded: bool = False,
) -> HotKeyRelief:
    """Compare what caching, copying or splitting the hottest keys does to the busiest node.

    A cached key is read from no node; its writes still reach one. Copies of a key are on the first nodes of its
    preference list: each read goes to one of them, each write to all. A key that is split by suffix becomes ``key#0``,
    ``key#1``, … wherever these are placed: each write goes to one of them, each read asks all. All exact, key by key.

    Parameters
    ----------
    placement : Placement
    workload : Workload or Popularity
        A popularity alone is all reads.
    keys : sequence of int
        How many of the hottest keys get the remedy.
    copies : sequence of int
        On how many nodes a copied key lies.
    suffixes : sequence of int
        In how many parts a key is split.
    least_loaded : bool
        Reads of a copied key go evenly to its copies; True adds how low the busiest node can come when they are
        divided in the best way (a linear program), as by a router that knows the loads.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> from scalemodel.workload import Zipf
    >>> relief = hot_key_relief(JumpHash(10), Zipf(100_000, 1.2), keys=[100], copies=[3])
    >>> relief.to_frame().round(2)[["remedy", "peak_to_mean"]].values.tolist()
    [['none', 2.55], ['cache in front', 0.32], ['more copies', 1.79]]
    """
    law = law_of(workload)
    reading = workload.read_fraction if isinstance(workload, Workload) else 1.0
    n = len(placement.nodes)
    if bad := [k for k in (*keys, *copies, *suffixes) if not (isinstance(k, (int, np.integer)) and k > 0)]:
        raise ValueError(f"keys, copies and suffixes hold {bad[0]!r}: give integers of one or more")
    shares, primary, base = _loads(placement, law)
    depth = min(max(keys, default=0), len(shares))
    lists = placement.replicas(law.keys_at(np.arange(depth)), max(copies, default=1))
    fair = placement.topology.shares

    def peak(load: NDArray[np.float64]) -> float:
        return float((load / fair).max())

    def spread(nodes: NDArray[np.int32], each: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up what each key brings to each of its nodes."""
        return np.bincount(nodes.ravel(), np.repeat(each, nodes.shape[1]), n).astype(np.float64)

    rows = [("none", 0, 1, 1.0, peak(base))]
    treated = [min(k, depth) for k in keys]
    for k in treated:
        cached = base - reading * np.bincount(primary[:k], shares[:k], n)
        rows.append(("cache in front", k, 1, 1 - reading * float(law.head(k)), peak(cached)))
    for many in copies:
        for k in treated:
            others = base - np.bincount(primary[:k], shares[:k], n)
            written = others + spread(lists[:k, :many], (1 - reading) * shares[:k])
            reached = 1 + (1 - reading) * float(law.head(k)) * (many - 1)
            even = written + spread(lists[:k, :many], reading * shares[:k] / many)
            rows.append(("more copies", k, many, reached, peak(even)))
            if least_loaded:
                best = _best_peak(lists[:k, :many], reading * shares[:k], written, fair)
                rows.append(("more copies, least loaded", k, many, reached, best))
    for parts in suffixes:
        named = [f"{key}#{part}" for key in law.keys_at(np.arange(depth)).tolist() for part in range(parts)]
        places = placement.lookup(named).reshape(depth, parts)
        for k in treated:
            others = base - np.bincount(primary[:k], shares[:k], n)
            each = shares[:k] * (reading + (1 - reading) / parts)
            reached = 1 + reading * float(law.head(k)) * (parts - 1)
            rows.append(("split by suffix", k, parts, reached, peak(others + spread(places[:k], each))))
    hottest = float(law.pmf(0))
    pair = float(law.pmf(n - 1) + law.pmf(n)) if law.n > n else 0.0
    least = max(1.0, max(hottest, pair) / float(fair.max()))
    return HotKeyRelief(placement.description, hottest, least, tuple(rows))


def cache_entries_for_peak(placement: Placement, workload: Workload | Popularity, peak: float) -> int:
    """Return the fewest of the hottest keys that a cache in front must serve for the busiest node to stay below a peak.

    Parameters
    ----------
    placement : Placement
    workload : Workload or Popularity
        Reads of a cached key reach no node, its writes do.
    peak : float
        Load of the busiest node over the mean load without a cache, above zero.

    Raises
    ------
    ValueError
        If writes alone exceed the peak.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> from scalemodel.workload import Zipf
    >>> cache_entries_for_peak(JumpHash(10), Zipf(100_000, 1.2), peak=1.0)
    5
    """
    if not (np.isfinite(peak) and peak > 0):
        raise ValueError(f"peak is {peak}: give a load over the mean, above zero")
    law = law_of(workload)
    reading = workload.read_fraction if isinstance(workload, Workload) else 1.0
    shares, primary, base = _loads(placement, law)
    fair = placement.topology.shares

    def enough(k: int) -> bool:
        cached = base - reading * np.bincount(primary[:k], shares[:k], len(fair))
        return bool((cached / fair).max() <= peak + 1e-12)

    if not enough(len(shares)):
        raise ValueError(
            f"with all {len(shares):,} keys cached the busiest node is still above {peak:g} times the mean: "
            "allow a higher peak, or give the writes more copies to go to"
        )
    return first_that(enough, -1, len(shares))


def worst_peak_with_cache(nodes: int, entries: int) -> float:
    """Return the expected load of the busiest node over the mean, for the worst popularity there is.

    Keys are placed at random and a cache in front serves the `entries` most popular. The worst that can be asked is
    some number of keys alike, just those that the cache leaves being balls in bins (Fan et al., theorem 1); the answer
    is the maximum over that number, exact. It depends on the nodes only, not on how many keys there are.

    Examples
    --------
    The paper's 85 nodes, with a cache of 3,000 entries, and without:

    >>> round(worst_peak_with_cache(85, 3000), 2), worst_peak_with_cache(85, 0)
    (1.04, 85.0)

    References
    ----------
    Fan, Lim, Andersen and Kaminsky, "Small cache, big effect: provable load balancing for randomly partitioned cluster
    services", SoCC 2011: of the order of n log n entries are enough, and needed.
    """
    n = counted(nodes, "nodes")
    if isinstance(entries, bool) or not isinstance(entries, (int, np.integer)) or entries < 0:
        raise ValueError(f"entries is {entries!r}: give an integer of zero or more")
    if n == 1 or entries == 0:
        return float(n)

    def peak(left: int) -> float:
        return n * _fullest(left, n) / (left + entries)

    # with many keys m left the fullest has about m/n + a sqrt(m) / n: where that is worst, calculus tells
    a = np.sqrt(n) * _largest_normal(n)
    guess = ((entries + np.sqrt(entries**2 + a * a * entries)) / a) ** 2
    grid = np.unique(np.geomspace(1, 3 * guess + 10, 24).astype(np.int64))
    best = int(np.argmax([peak(int(left)) for left in grid]))
    low, high = int(grid[max(best - 1, 0)]), int(grid[min(best + 1, len(grid) - 1)])
    while high - low > max(2, low // 500):  # near its top the curve is flat
        left, right = low + (high - low) // 3, high - (high - low) // 3
        low, high = (left, high) if peak(left) < peak(right) else (low, right)
    return max(peak((low + high) // 2), peak(int(grid[best])))


def cache_entries_for_any_workload(nodes: int, peak: float) -> int:
    """Return the fewest entries of a cache in front with which no popularity at all brings the busiest above a peak.

    Expected load over the mean, keys placed at random; see `worst_peak_with_cache`.

    Examples
    --------
    >>> cache_entries_for_any_workload(10, 1.25)
    22
    """
    n = counted(nodes, "nodes")
    if not peak > 1:
        raise ValueError(f"peak is {peak}: give a load over the mean above 1, which no cache guarantees")
    high = 1
    while worst_peak_with_cache(n, high) > peak:
        high *= 2
        if high > 2**40:
            raise ValueError(f"a peak of {peak} needs more than 2^40 entries: allow a higher one")
    return first_that(lambda k: worst_peak_with_cache(n, k) <= peak, high // 2, high)


def _loads(placement: Placement, law: Popularity) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]:
    """Return the shares of the first keys, their nodes, and the load of each node by all keys."""
    head = min(law.n, HEAD)
    ranks = np.arange(head)
    shares = law.pmf(ranks)
    primary = placement.lookup(law.keys_at(ranks))
    load = np.bincount(primary, shares, len(placement.nodes)).astype(np.float64)
    if head < law.n:
        load += float(law.tail(head)) * placement.ownership()
    return shares, primary, load


def _best_peak(
    nodes: NDArray[np.int32], reads: NDArray[np.float64], others: NDArray[np.float64], fair: NDArray[np.float64]
) -> float:
    """Return the lowest peak when the reads of each key are divided at will among its nodes."""
    keys, copies = nodes.shape
    flows = np.arange(keys * copies)
    on_node = scipy.sparse.csr_array((np.ones(len(flows)), (nodes.ravel(), flows)), (len(fair), len(flows)))
    of_key = scipy.sparse.csr_array((np.ones(len(flows)), (flows // copies, flows)), (keys, len(flows)))
    answer = scipy.optimize.linprog(
        np.r_[np.zeros(len(flows)), 1.0],
        A_ub=scipy.sparse.hstack([on_node, -fair[:, None]], format="csr"),
        b_ub=-others,
        A_eq=scipy.sparse.hstack([of_key, np.zeros((keys, 1))], format="csr"),
        b_eq=reads,
        method="highs",
    )
    if not answer.success:
        raise RuntimeError(f"the linear program of {keys} keys was not solved: {answer.message}")
    return float(answer.fun)


def _fullest(balls: int, bins: int) -> float:
    """Return the expected fullest bin, from the normal limit where there are very many balls."""
    if balls < MANY * bins:
        return expected_fullest(balls, bins)
    return balls / bins + float(np.sqrt(balls / bins)) * _largest_normal(bins)


@cache
def _largest_normal(n: int) -> float:
    """Return the expected largest of n standard normal numbers."""
    cdf = scipy.stats.norm.cdf
    return float(scipy.integrate.quad(lambda x: 1 - cdf(x) ** n - cdf(-x) ** n, 0, 40, points=[2, 5], limit=200)[0])
