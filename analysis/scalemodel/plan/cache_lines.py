"""What a design's cache keeps away from its nodes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cache import CheResult, ExpiringResult, che, expiring_lru, warm_up
from ..workload import Popularity, Workload
from .design import Design
from .evaluation import Line


@dataclass(frozen=True, eq=False)
class Misses(Popularity):
    """The reads that a cache lets through: which objects they are for.

    The ranks, and so the keys, are those of the law in front of the cache, where the hottest miss the least often.
    """

    law: Popularity
    hits: CheResult

    @property
    def n(self) -> int:  # type: ignore[override]
        """How many objects there are."""
        return self.law.n

    @property
    def _missed(self) -> NDArray[np.float64]:
        """Share of all misses for one object of each group."""
        return self.hits.probabilities * (1 - self.hits.hits) / self.hits.miss_ratio

    def _pmf(self, rank: NDArray[np.int64]) -> NDArray[np.float64]:
        group = np.searchsorted(np.cumsum(self.hits.counts), rank, side="right")
        return np.append(self._missed, 0.0)[group]

    def _head(self, k: NDArray[np.int64]) -> NDArray[np.float64]:
        return 1 - self._tail(k)

    def _tail(self, k: NDArray[np.int64]) -> NDArray[np.float64]:
        last = np.append(0, np.cumsum(self.hits.counts))
        left = np.append(np.cumsum((self.hits.counts * self._missed)[::-1])[::-1], 0.0)
        return np.interp(k, last, left)  # within a group all are alike

    def _quantile(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        last = np.append(0, np.cumsum(self.hits.counts))
        before = np.append(0.0, np.cumsum(self.hits.counts * self._missed))
        return np.minimum(np.interp(u, before, last), self.n - 1).astype(np.int64)

    def sum_of_squares(self) -> float:
        """Probability that two misses are for the same object."""
        return float(self.hits.counts @ self._missed**2)


def misses(design: Design, workload: Workload) -> Misses | None:
    """Return what the cache lets through, or None if the design has no cache."""
    law, cache = workload.popularity, design.cache
    if cache is None or law is None:
        return None
    size = None if cache.by == "objects" else workload.object_size
    if cache.policy != "lru":
        return Misses(law, che(law, cache.size, cache.policy, object_size=size))
    # at the peak: the faster the requests come, the more of them a copy serves before it expires
    rate, read = workload.load.peak(), workload.read_fraction
    return Misses(
        law,
        expiring_lru(law, cache.size, rate, read_fraction=read, ttl=cache.ttl, writes=cache.writes, object_size=size),
    )


def cache_lines(behind: Misses, workload: Workload) -> Iterator[Line]:
    """Say how much a cache answers, what it leaves to the nodes, and what happens when it starts empty."""
    hits, subject = behind.hits, "cache"
    reads = workload.load.peak() * workload.read_fraction
    how = f"{hits.policy}, {hits.writes}" if isinstance(hits, ExpiringResult) else hits.policy
    yield Line(subject, "hit ratio", hits.hit_ratio, "share", f"{how}, of the reads; Che's model")
    if isinstance(hits, ExpiringResult) and hits.writes == "write-around":
        yield Line(subject, "stale hits", hits.stale_share, "share", "of the hits: older than the last write")
    yield Line(subject, "reads that reach the nodes", reads * hits.miss_ratio, "requests/s", "at the peak")
    if hits.policy == "lru" and np.isfinite(hits.characteristic_time):
        held = float(hits.counts @ hits.hits)
        cold = warm_up(behind.law, workload.load.peak(), held)
        note = "as many reads as usual reach the nodes when it starts empty at the peak"
        yield Line(subject, "cold start", cold.peak_origin_factor, "x", note)
        yield Line(subject, "time to nine tenths of the hits", cold.time_to(0.9), "s", "from empty, at the peak")
