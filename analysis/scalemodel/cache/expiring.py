"""An LRU cache of limited size before data that changes: copies are evicted, expire, and are overtaken by writes."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import NDArray

from .. import _check
from ..display import format_count, format_share
from ..topology import nearest
from ..workload import ObjectSize, Popularity
from .analytic import CheResult, _population, _solve
from .freshness import STRATEGIES

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_STRETCHES = 12
"""Characteristic times until the chance that a copy lives on falls exponentially."""

_LONG = 1e300
"""For ever, in requests; finite, so that it can be multiplied by nothing."""


@dataclass(frozen=True, eq=False)
class ExpiringResult(CheResult):
    """The hit ratio of reads where data changes; `hits` are those of reads.

    Attributes
    ----------
    ttl : float
        Seconds; ``inf`` if copies do not expire.
    writes : str
        What a write does to the copy.
    stale_share : float
        Share of the hits that serve a copy older than the object's last write.
    """

    ttl: float
    writes: str
    stale_share: float

    @property
    def title(self) -> str:
        """The verdict in one line."""
        expiry = "" if self.ttl == math.inf else f", TTL {self.ttl:g} s"
        return (
            f"LRU of size {format_count(self.size)}{expiry}, {self.writes}: {format_share(self.miss_ratio)} of the "
            f"reads miss, {format_share(self.stale_share)} of the hits are stale"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        row = {"size": self.size, "ttl_s": self.ttl, "writes": self.writes, "hit_ratio": self.hit_ratio}
        return pd.DataFrame([row | {"stale_share": self.stale_share}])


def expiring_lru(
    popularity: Popularity,
    size: float,
    rate: float,
    *,
    read_fraction: float = 1.0,
    ttl: float = math.inf,
    writes: str = "cache-aside",
    object_size: ObjectSize | float | None = None,
) -> ExpiringResult:
    """Approximate an LRU cache whose copies expire and are overtaken by writes, by Che's characteristic time.

    Parameters
    ----------
    popularity : Popularity
        Of reads and writes alike.
    size : float
        Objects, or bytes where a size of objects is given.
    rate : float
        Requests per second, reads and writes together, a Poisson process.
    read_fraction : float
        Share of the reads.
    ttl : float
        Seconds that a copy may be served after it was fetched or written; an expired one keeps its room until then.
    writes : str
        - "cache-aside", "read-through": a write removes the copy.
        - "write-through", "write-back": a write stores what it writes.
        - "write-around": a write leaves the copy as it is, stale.
    object_size : ObjectSize or float, optional

    Raises
    ------
    ValueError
        A size, rate or TTL that is not above zero, no reads, an unknown strategy.

    Notes
    -----
    Within a characteristic time T, the same for all, a copy that is not touched leaves. From a fetch (or a write that
    stores) on, reads at rate L keep a copy for t at least with a chance S(t) = 1 until T, and later
    S(t) = P(no gap above T) = Σ_k (-e^-LT)^k (u^k / k! + u^(k-1) / (k-1)!) with u = L (t - kT), which falls in the end
    as e^-zt/T where z is the other root of z e^-z = LT e^-LT. So the hits until the next fetch are L ∫ e^-Wt S(t) dt up
    to the TTL, where writes at rate W end it, and without W where they do not; (1 - E) / (W + L E) with
    E = e^-(L + W)T if copies do not expire.

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> law = Zipf(10**6, 0.9)
    >>> for writes in ("cache-aside", "write-through", "write-around"):
    ...     print(expiring_lru(law, 10**5, 1000, read_fraction=0.9, ttl=600, writes=writes).title)
    LRU of size 100 k, TTL 600 s, cache-aside: 42.2 % of the reads miss, 0 % of the hits are stale
    LRU of size 100 k, TTL 600 s, write-through: 36.9 % of the reads miss, 0 % of the hits are stale
    LRU of size 100 k, TTL 600 s, write-around: 37.9 % of the reads miss, 65.6 % of the hits are stale

    References
    ----------
    - H. Che, Y. Tung, Z. Wang, "Hierarchical web caching systems: modeling, design and experimental results", 2002.
    - J. Jung, A. Berger, H. Balakrishnan, "Modeling TTL-based Internet caches", INFOCOM 2003: renewals.
    """
    if writes not in STRATEGIES:
        raise ValueError(
            f"there is no way of writing {writes!r}{nearest(str(writes), STRATEGIES)}: give {', '.join(STRATEGIES)}"
        )
    size = _check.positive(size, "the cache size")
    rate = _check.positive(rate, "rate", " of requests per second")
    read = _check.share(read_fraction, "read_fraction")
    if not read > 0:
        raise ValueError("read_fraction is 0: a cache without reads has no hit ratio, give a share above 0")
    lives = math.inf if ttl == math.inf else rate * _check.positive(ttl, "ttl", " of seconds, or inf")
    counts, p, weights = _population(popularity, object_size, None)
    stores, drops, _ = STRATEGIES[writes]
    stale_copies = not (stores or drops)
    reads, changes = p * read, p * (1 - read)
    touched = reads if stale_copies else p
    kept = reads / p if drops else np.ones(len(p))

    def inside(time: float) -> float:
        return float(counts @ (weights * kept * -np.expm1(-touched * time)))

    time = _solve(inside, size, 1 / p.max())
    undisturbed = _lifetime(reads, time, lives, np.zeros(len(p)))
    until_write = _lifetime(reads, time, lives, changes)
    if stale_copies:
        served, fetches = reads * undisturbed, np.ones(len(p))
    else:
        served = reads * until_write
        fetches = reads / p * np.maximum(1 - np.minimum(changes * until_write, 1.0), 0) if stores else np.ones(len(p))
    with np.errstate(divide="ignore"):
        hit = 1 / (1 + fetches / served)
    shares = counts * p
    stale = 0.0
    if stale_copies:
        stale = float(1 - shares @ (hit * until_write / undisturbed) / (shares @ hit))
    carried = shares * weights
    return ExpiringResult(
        "lru", size, float(shares @ hit), float(carried @ hit / carried.sum()), time, counts, p, hit,
        ttl, writes, max(stale, 0.0),
    )  # fmt: skip


def _lifetime(reads: Floats, time: float, lives: float, ended: Floats) -> Floats:
    """Return the mean time for which a copy serves: read at a rate, ended at a rate or after `lives`, or evicted."""
    if lives <= time:
        return _until(lives, ended)
    left = np.exp(-(reads + ended) * time)
    for_ever = np.minimum((1 - left) / np.maximum(ended + reads * left, 1 / _LONG), _LONG)
    if lives == math.inf:
        return for_ever
    many = reads * time > 30  # reads: no gap is likely, and if there are any they are far apart
    if lives <= _STRETCHES * time:
        nodes, gauss = np.polynomial.legendre.leggauss(8)
        edges = np.minimum(time * np.arange(1, math.ceil(lives / time) + 1), lives)
        half = np.diff(edges)[:, None] / 2
        at, step = (edges[:-1, None] + half * (1 + nodes)).ravel(), (half * gauss).ravel()
        until = _until(time, ended) + (np.exp(-ended[:, None] * at) * _survival(reads, time, at)) @ step
    else:
        x = reads * time
        decay = -scipy.special.lambertw(-x * np.exp(-x), np.where(x > 1, 0, -1)).real / time
        end = _STRETCHES * time
        last = _survival(reads, time, np.array([end]))[:, 0] * np.exp(-decay * (lives - end) - ended * lives)
        until = for_ever - last / np.maximum(decay + ended, 1 / _LONG)
    return np.where(many, _until(lives, ended + reads * np.exp(-reads * time)), until)


def _until(time: float, ended: Floats) -> Floats:
    """Return the mean of what lasts for a time at most and ends at a rate before."""
    with np.errstate(all="ignore"):
        return np.minimum(np.where(ended * time > 1e-12, -np.expm1(-ended * time) / ended, time), _LONG)


def _survival(reads: Floats, time: float, at: Floats) -> Floats:
    """Return the chance that until each time there is no gap above `time`, ``float64[objects, times]``."""
    out = np.ones((len(reads), len(at)))
    gap = np.exp(-reads * time)[:, None]
    term = np.ones_like(gap)
    for k in range(1, math.ceil(at.max() / time) + 1):
        term = -term * gap / k
        u = reads[:, None] * np.maximum(at - k * time, 0)
        power = u ** (k - 1)
        out += np.where(at >= k * time, term * power * (u + k), 0.0)
    return np.clip(out, 0.0, 1.0)
