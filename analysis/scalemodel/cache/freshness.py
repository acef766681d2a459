"""What a cache serves that is no longer true, and what writes cost."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import _check
from ..display import Shown, format_share
from ..topology import nearest
from ._kernels import after
from .policies import POLICIES
from .simulate import By, _capacity
from .trace import Trace

if TYPE_CHECKING:
    import pandas as pd


class _Writes(NamedTuple):
    """What a write does to the cache."""

    stores: bool
    drops: bool
    holds: bool


STRATEGIES = {
    "cache-aside": _Writes(False, True, False),
    "read-through": _Writes(False, True, False),
    "write-through": _Writes(True, False, False),
    "write-back": _Writes(True, False, True),
    "write-around": _Writes(False, False, False),
}
"""Strategies by name.

- cache-aside, read-through: a write goes to the origin and removes the copy; who fills the cache differs, not
  what is in it.
- write-through: a write goes to the origin and is stored.
- write-back: a write is stored, and goes to the origin when it is evicted, or after a time.
- write-around: a write goes to the origin and the copy stays as it is, stale, until it expires or is evicted.
"""


@dataclass(frozen=True)
class FreshnessResult(Shown):
    """What a cache did with reads and writes.

    Attributes
    ----------
    strategy : str
    size : int
    by : str
    reads, writes : int
        Requests.
    hits, stale_hits : int
        Reads that the cache answered, and those with a copy older than the last write.
    origin_reads, origin_writes : int
        What reached the origin; of write-back, what had reached it by the end.
    expired : int
        Copies that were found expired.
    mean_age : float
        Time since the copy that a hit serves was stored, in the mean: seconds, or requests if the trace has no times.
    lost_mean, lost_most, lost_at_end : float, int, int
        Updates that only the cache has: what is lost when it dies at a request drawn at random, at worst, at the end.
    """

    strategy: str
    size: int
    by: By
    reads: int
    writes: int
    hits: int
    stale_hits: int
    origin_reads: int
    origin_writes: int
    expired: int
    mean_age: float
    lost_mean: float
    lost_most: int
    lost_at_end: int

    @property
    def hit_ratio(self) -> float:
        """Share of the reads that the cache answered."""
        return self.hits / self.reads if self.reads else math.nan

    @property
    def stale_share(self) -> float:
        """Share of the hits that served a copy older than the last write."""
        return self.stale_hits / self.hits if self.hits else 0.0

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{self.strategy}: {format_share(self.hit_ratio)} of the reads hit, {format_share(self.stale_share)} of "
            f"these stale, {self.origin_reads:,} reads and {self.origin_writes:,} writes at the origin"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        return pd.DataFrame([asdict(self) | {"hit_ratio": self.hit_ratio, "stale_share": self.stale_share}])


def freshness(
    trace: Trace,
    size: int,
    strategy: str = "cache-aside",
    by: By = "objects",
    *,
    ttl: float = math.inf,
    flush_after: float = math.inf,
) -> FreshnessResult:
    """Replay reads and writes through an LRU cache.

    Parameters
    ----------
    trace : Trace
        With `writes`; and times, where one of the times below is given.
    size : int
        Objects or bytes.
    strategy : str
        See `STRATEGIES`.
    by : "objects" or "bytes"
    ttl : float
        Seconds after which a copy is not served; an update that is held back is not dropped by it.
    flush_after : float
        Seconds after which write-back writes an object to the origin, all its updates since then as one.

    Examples
    --------
    >>> trace = Trace([1, 1, 1, 1], writes=[False, True, False, False])
    >>> for strategy in ("cache-aside", "write-around", "write-back"):
    ...     result = freshness(trace, 10, strategy)
    ...     print(strategy, result.hits, result.stale_hits, result.origin_writes, result.lost_at_end)
    cache-aside 1 0 1 0
    write-around 2 2 1 0
    write-back 2 0 0 1

    Raises
    ------
    ValueError
        A trace without writes or times, an unknown strategy, times that are not above zero.
    """
    if strategy not in STRATEGIES:
        hint = nearest(str(strategy), STRATEGIES) or f"; there are {', '.join(STRATEGIES)}"
        raise ValueError(f"there is no strategy {strategy!r}{hint}")
    if trace.writes is None:
        raise ValueError("the trace does not say which requests write: give it writes")
    for value, name in ((ttl, "ttl"), (flush_after, "flush_after")):
        if value != math.inf:
            _check.positive(value, name, " of seconds")
            if trace.times is None:
                raise ValueError(f"{name} is given and the trace has no times: give it times")
    if flush_after != math.inf and strategy != "write-back":
        raise ValueError(f"flush_after goes with write-back, not with {strategy}: leave it out")
    capacity = _capacity(trace, POLICIES["lru"], {}, size, by)
    sizes = trace.sizes if by == "bytes" and trace.sizes is not None else np.ones(1, np.int64)
    times = np.arange(trace.requests, dtype=np.float64) if trace.times is None else trace.times
    counts, sums = np.zeros(8, np.int64), np.zeros(2)
    after.freshness(
        trace.ids, sizes, trace.writes, times, trace.objects, capacity, float(ttl), float(flush_after),
        *STRATEGIES[strategy], counts, sums,
    )  # fmt: skip
    reads, hits, stale, origin_reads, origin_writes, most, at_end, expired = counts.tolist()
    return FreshnessResult(
        strategy, capacity, by, reads, trace.requests - reads, hits, stale, origin_reads, origin_writes, expired,
        float(sums[0] / max(hits, 1)), float(sums[1] / trace.requests), most, at_end,
    )  # fmt: skip


def compare_freshness(
    trace: Trace, size: int, strategies: Iterable[str] = tuple(STRATEGIES), by: By = "objects", *, ttl: float = math.inf
) -> "pd.DataFrame":
    """Return a row per strategy, as `freshness` computes it.

    Examples
    --------
    >>> trace = Trace([1, 1, 1, 1], writes=[False, True, False, False])
    >>> compare_freshness(trace, 10)[["strategy", "hits", "stale_hits"]].values.tolist()[0]
    ['cache-aside', 1, 0]
    """
    import pandas as pd

    return pd.concat([freshness(trace, size, each, by, ttl=ttl).to_frame() for each in strategies], ignore_index=True)
