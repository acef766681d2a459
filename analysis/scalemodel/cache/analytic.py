"""Hit ratios from a popularity law, without a trace: Che's approximation and what grew from it, and exact small cases.

All of it assumes independent references: each request asks for an object by its popularity, whatever was asked for
before. `model_error` tells how far a trace is from that.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check, streams
from ..display import Shown, axes, format_count, format_share
from ..topology import nearest
from ..workload import ConstantSize, ObjectSize, Popularity
from .simulate import LARGEST, simulate
from .trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

MODELS = ("lru", "fifo", "random", "lfu", "qlru", "klru")
"""Policies that `che` knows."""

MOST_EXACT = 20
"""Objects for which `exact_lru` is computed: its work doubles with each."""


class _Chances(NamedTuple):
    """Of each group of objects: the chance that it is in the cache, and that a request for it hits."""

    inside: Floats
    hit: Floats


@dataclass(frozen=True, eq=False)
class CheResult(Shown):
    """The hit ratio that a popularity law promises.

    Attributes
    ----------
    policy : str
    size : float
        In objects, or bytes where object sizes were given.
    hit_ratio, byte_hit_ratio : float
        Share of the requests, and of the bytes, that hit.
    characteristic_time : float
        How long an object stays without being used (LRU) or at all (FIFO), in requests to the cache; ``inf`` if all
        fits, ``nan`` for LFU.
    counts, probabilities, hits : float64[groups]
        Objects in each group, the popularity of one, and the chance that a request for it hits.
    """

    policy: str
    size: float
    hit_ratio: float
    byte_hit_ratio: float
    characteristic_time: float
    counts: NDArray = field(repr=False)
    probabilities: Floats = field(repr=False)
    hits: Floats = field(repr=False)

    @property
    def miss_ratio(self) -> float:
        """Share of the requests that miss."""
        return float(self.counts @ (self.probabilities * (1 - self.hits)))

    @property
    def byte_miss_ratio(self) -> float:
        """Share of the bytes that miss."""
        return 1 - self.byte_hit_ratio

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"Che's model of {self.policy}, size {format_count(self.size)}: {format_share(self.miss_ratio)} of the "
            f"requests miss, characteristic time {format_count(self.characteristic_time)} requests"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per decade of the popularity rank: objects, their share of the requests, their hit ratio."""
        import pandas as pd

        last = np.cumsum(self.counts)
        frame = pd.DataFrame(
            {
                "ranks_up_to": 10.0 ** np.ceil(np.log10(last - 1e-9)),
                "objects": self.counts,
                "request_share": self.counts * self.probabilities,
                "hit_ratio": self.counts * self.probabilities * self.hits,
            }
        )
        rows = frame.groupby("ranks_up_to", as_index=False).sum()
        rows["hit_ratio"] /= rows["request_share"]
        rows["ranks_up_to"] = rows["ranks_up_to"].clip(upper=last[-1])
        return rows

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the chance of a hit over the popularity rank."""
        ax = axes(ax)
        ax.plot(np.cumsum(self.counts), self.hits)
        ax.set_xscale("log")
        ax.set(xlabel="popularity rank", ylabel="hit ratio of the object", ylim=(0, 1), title=self.title)
        return ax


def che(
    popularity: Popularity,
    size: float,
    policy: str = "lru",
    *,
    object_size: ObjectSize | float | None = None,
    object_sizes: ArrayLike | None = None,
    q: float = 0.1,
    k: int = 2,
    burstiness: float = 1.0,
) -> CheResult:
    """Approximate the hit ratio of a cache under independent references.

    An object stays for a characteristic time T, the same for all, which solves Σ P(object i is inside) = size.

    Parameters
    ----------
    popularity : Popularity
        Any number of objects: a billion are computed in groups.
    size : float
        Objects, or bytes where object sizes are given.
    policy : str
        "lru", "fifo", "random" (as fifo), "lfu" (the most popular stay: the best without knowing the future), "qlru",
        "klru".
    object_size : ObjectSize or float, optional
        Sizes that do not depend on popularity; their mean decides.
    object_sizes : array, shape (n,), optional
        Bytes of each object, in rank order.
    q, k : float, int
        Of qlru and klru.
    burstiness : float
        Squared coefficient of variation of the time between requests for one object, one or more: 1 is a Poisson
        process, more is a hyperexponential renewal process with balanced means. For lru, fifo and random.

    Raises
    ------
    ValueError
        A policy that is not modelled, a size that is not above zero.

    Notes
    -----
    With x = p T, the chance of a hit is 1 - e^-x for LRU, x / (1 + x) for FIFO and RANDOM, and
    q (1 - e^-x) / (e^-x + q (1 - e^-x)) for q-LRU; k-LRU is a chain of these, q being the chance of the list before.
    For LRU it errs by less than 6e-4 at Zipf exponents of 0.6 to 1.2 from ten objects on; FIFO by up to 5e-3 there.

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> round(che(Zipf(5, 1.0), 2).hit_ratio, 6), round(che(Zipf(5, 1.0), 2, "fifo").hit_ratio, 6)
    (0.510826, 0.483472)
    >>> round(che(Zipf(10**9, 0.9), 10**6).hit_ratio, 4)
    0.3277

    References
    ----------
    - H. Che, Y. Tung, Z. Wang, "Hierarchical web caching systems: modeling, design and experimental results", 2002.
    - C. Fricker, P. Robert, J. Roberts, "A versatile and accurate approximation for LRU cache performance", ITC 2012.
    - M. Garetto, E. Leonardi, V. Martina, "A unified approach to the performance analysis of caching systems", ACM
      TOMPECS 2016 (arXiv 1307.6702).
    """
    policy = str(policy).lower().replace("-", "")
    if policy not in MODELS:
        raise ValueError(f"there is no analytic model of {policy!r}{nearest(policy, MODELS)}: give {', '.join(MODELS)}")
    size = _check.positive(size, "the cache size")
    q = _check.share(q, "q")
    if not q > 0:
        raise ValueError("q is 0: with it nothing ever enters the cache, give a share above 0")
    k = _check.whole(k, "k", 1, 1000)
    burstiness = _check.number(burstiness, "burstiness", 1.0)
    if burstiness > 1 and policy not in ("lru", "fifo", "random"):
        raise ValueError(f"burstiness is modelled for lru, fifo and random, not for {policy}: leave it at 1")
    counts, p, weights = _population(popularity, object_size, object_sizes)

    if policy == "lfu":
        hit = _most_popular(counts, weights, p, size)
        time = math.nan
    elif counts @ weights <= size:
        hit, time = np.ones(len(p)), math.inf
    else:
        model = _model(policy, p, q, k, burstiness, size, counts * weights)
        time = _solve(lambda t: float(counts @ (weights * model(t).inside)), size, 1 / p.max())
        hit = model(time).hit
    shares = counts * p
    carried = shares * weights
    label = {"qlru": f"qlru(q={q:g})", "klru": f"klru(k={k})"}.get(policy, policy)
    return CheResult(
        label, size, float(shares @ hit), float(carried @ hit / carried.sum()), time, counts, p, hit
    )  # fmt: skip


def _population(
    popularity: Popularity, object_size: ObjectSize | float | None, object_sizes: ArrayLike | None
) -> tuple[NDArray, Floats, Floats]:
    """Return groups of objects: how many, the popularity of one, its size."""
    if not isinstance(popularity, Popularity):
        raise TypeError(f"popularity is {popularity!r}: give a law such as Zipf(n, alpha)")
    if object_sizes is not None:
        if object_size is not None:
            raise ValueError("both object_size and object_sizes are given: give one of them")
        weights = _check.amounts(object_sizes, "object_sizes")
        if len(weights) != popularity.n or not weights.all():
            raise ValueError(
                f"object_sizes has {len(weights)} values: give one above 0 for each of {popularity.n} objects"
            )
        p = popularity.pmf(np.arange(popularity.n))
        asked_for = p > 0
        return np.ones(int(asked_for.sum())), p[asked_for], weights[asked_for]
    groups = popularity.groups()
    asked_for = groups.probabilities > 0
    counts, p = groups.counts[asked_for].astype(np.float64), groups.probabilities[asked_for]
    if object_size is None:
        return counts, p, np.ones(len(p))
    law = object_size if isinstance(object_size, ObjectSize) else ConstantSize(object_size)
    return counts, p, np.full(len(p), law.mean())


def _most_popular(counts: NDArray, weights: Floats, p: Floats, size: float) -> Floats:
    """Fill the cache by popularity per byte; of the group that fits in part, that part hits."""
    order = np.argsort(-p / weights, kind="stable")
    room = size - np.concatenate([[0.0], np.cumsum((counts * weights)[order])[:-1]])
    hit = np.empty(len(p))
    hit[order] = np.clip(room / (counts * weights)[order], 0, 1)
    return hit


def _model(
    policy: str, p: Floats, q: float, k: int, burstiness: float, size: float, occupied: Floats
) -> Callable[[float], _Chances]:
    """Return the chances as a function of the characteristic time."""
    if policy == "qlru":
        return lambda t: _twice(_q_lru(p * t, q))
    if policy == "klru":
        before = np.ones(len(p))
        for _ in range(k - 1):
            chance = before
            time = _solve(lambda t, chance=chance: float(occupied @ _q_lru(p * t, chance)), size, 1 / p.max())  # type: ignore[misc]
            before = _q_lru(p * time, chance)
        return lambda t: _twice(_q_lru(p * t, before))
    if burstiness > 1:
        return lambda t: _bursty(policy, p, t, burstiness)
    if policy == "lru":
        return lambda t: _twice(-np.expm1(-p * t))
    return lambda t: _twice(p * t / (1 + p * t))


def _twice(chance: Floats) -> _Chances:
    return _Chances(chance, chance)  # Poisson arrivals see time averages


def _q_lru(x: Floats, q: Any) -> Floats:
    stays = -np.expm1(-x)
    return q * stays / (np.exp(-x) + q * stays)


def _bursty(policy: str, p: Floats, t: float, scv: float) -> _Chances:
    """Renewal requests, hyperexponential of two phases with balanced means."""
    a = 0.5 * (1 + math.sqrt((scv - 1) / (scv + 1)))
    fast, slow = 2 * a * p, 2 * (1 - a) * p
    if policy == "lru":
        short = a * np.exp(-fast * t) + (1 - a) * np.exp(-slow * t)
        residual = 0.5 * (np.exp(-fast * t) + np.exp(-slow * t))  # of the equilibrium distribution
        return _Chances(1 - residual, 1 - short)
    gamma = a * slow + (1 - a) * fast
    renewals = p * t - (scv - 1) / 2 * np.expm1(-gamma * t)  # requests within t after one, in the mean
    return _Chances(p * t / (1 + renewals), renewals / (1 + renewals))


def _solve(inside: Callable[[float], float], size: float, start: float) -> float:
    """Return the time at which the cache is full."""
    from scipy.optimize import brentq

    low = high = math.log(start)
    while inside(math.exp(high)) < size:
        high += 2.0
        if high > 650:
            return math.inf
    while inside(math.exp(low)) > size:
        low -= 2.0
    if low == high:
        return math.exp(low)
    return math.exp(brentq(lambda u: inside(math.exp(u)) - size, low, high, xtol=1e-13, rtol=1e-13))


# --- exact, for few objects -------------------------------------------------------------------------------------------


def exact_lru(probabilities: ArrayLike, size: int) -> float:
    """Return the hit ratio of LRU under independent references, exactly, for up to `MOST_EXACT` objects.

    The chance that a set is what was used last grows from that of its subsets, by the object used the longest ago.

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> round(exact_lru(Zipf(5, 1.0).pmf([0, 1, 2, 3, 4]), 2), 12)
    0.518884563817

    References
    ----------
    - W. King, "Analysis of demand paging algorithms", IFIP Congress 1971.
    """
    p, size = _few(probabilities, size, MOST_EXACT)
    n = len(p)
    chance = {0: 1.0}
    mass = {0: 0.0}
    for _ in range(size):
        grown: dict[int, float] = {}
        grown_mass: dict[int, float] = {}
        for members, value in chance.items():
            left = 1 - mass[members]
            for i in range(n):
                if not members >> i & 1:
                    larger = members | 1 << i
                    grown[larger] = grown.get(larger, 0.0) + value * p[i] / left
                    grown_mass[larger] = mass[members] + p[i]
        chance, mass = grown, grown_mass
    return float(sum(value * mass[members] for members, value in chance.items()))


def exact_fifo(probabilities: ArrayLike, size: int) -> float:
    """Return the hit ratio of FIFO, which is that of RANDOM, under independent references, exactly.

    The chance of a content is proportional to the product of its popularities; sums of products over all contents
    are built object by object, so that thousands of objects are no trouble.

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> round(exact_fifo(Zipf(5, 1.0).pmf([0, 1, 2, 3, 4]), 2), 12)
    0.503649635036

    References
    ----------
    - E. Gelenbe, "A unified approach to the evaluation of a class of replacement algorithms", IEEE TC 1973.
    """
    p, size = _few(probabilities, size, 10**6)
    if size == len(p):
        return 1.0
    # a common factor of all p leaves the chances of contents as they are: choose it so that `size` objects are likely
    factor = _solve(lambda t: float((p * t / (1 + p * t)).sum()), size, 1 / p.max())
    inside = p * factor / (1 + p * factor)
    chances, masses = np.zeros(size + 1), np.zeros(size + 1)  # of 0, 1, ... objects inside; times their Σp
    chances[0] = 1.0
    for chance, value in zip(inside, p, strict=True):
        masses[1:] = masses[1:] * (1 - chance) + chance * (masses[:-1] + value * chances[:-1])
        masses[0] *= 1 - chance
        chances[1:] = chances[1:] * (1 - chance) + chance * chances[:-1]
        chances[0] *= 1 - chance
    return float(masses[size] / chances[size])


def _few(probabilities: ArrayLike, size: int, most: int) -> tuple[Floats, int]:
    p = _check.amounts(probabilities, "probabilities")
    if not p.all() or abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"probabilities add up to {p.sum():.6g}: give values above 0 that add up to 1")
    if len(p) > most:
        raise ValueError(f"{len(p)} objects are too many for an exact answer, at most {most} are allowed: use che()")
    return p / p.sum(), _check.whole(size, "the cache size", 1, len(p))


# --- expiry and invalidation ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TTLResult(Shown):
    """A cache without a limit of size whose copies expire or are invalidated.

    Attributes
    ----------
    ttl, rate, update_rate : float
        Seconds; requests per second for all objects; updates per second of each object.
    hit_ratio : float
        Share of the requests that the cache answers.
    occupancy : float
        Objects in the cache in the mean.
    stale_share : float
        Share of the hits that serve a copy older than the object's last update.
    mean_age : float
        Seconds since the fetch of the copy that a hit serves, in the mean.
    """

    ttl: float
    rate: float
    update_rate: float
    hit_ratio: float
    occupancy: float
    stale_share: float
    mean_age: float

    @property
    def miss_ratio(self) -> float:
        """Share of the requests that go to the origin."""
        return 1 - self.hit_ratio

    @property
    def origin_rate(self) -> float:
        """Requests per second that go to the origin."""
        return self.rate * self.miss_ratio

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"TTL {self.ttl:g} s: {format_share(self.hit_ratio)} hits, {format_count(self.origin_rate)} origin "
            f"requests/s, "
            f"{format_share(self.stale_share)} of the hits stale"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        names = ("hit_ratio", "occupancy", "stale_share", "mean_age", "origin_rate")
        return pd.DataFrame([{"ttl_s": self.ttl} | {name: getattr(self, name) for name in names}])


def ttl_cache(
    popularity: Popularity,
    rate: float,
    ttl: float,
    *,
    reset: bool = False,
    update_rate: float = 0.0,
    invalidate: bool = False,
) -> TTLResult:
    """Compute a cache of unlimited size whose copies live for a time.

    Parameters
    ----------
    popularity : Popularity
    rate : float
        Requests per second for all objects together, a Poisson process.
    ttl : float
        Seconds; ``inf`` with invalidation alone.
    reset : bool
        Whether every hit starts the time anew.
    update_rate : float
        Updates per second of each object at the origin, a Poisson process.
    invalidate : bool
        Whether an update removes the copy at once; otherwise it stays, stale, until it expires.

    Notes
    -----
    With requests at rate L: L T / (1 + L T) hit without reset, 1 - e^-LT with it. Invalidation at rate M makes a copy
    live R = (1 - e^-MT) / M in the mean: L R / (1 + L R), L / (L + M) without TTL. Without invalidation
    1 - (1 - e^-MT) / (M T) of the hits are stale; with reset, the age of a copy that a hit serves has no bound.

    Examples
    --------
    >>> from scalemodel.workload import Uniform
    >>> result = ttl_cache(Uniform(100), rate=1000, ttl=3.0, update_rate=0.1)
    >>> round(result.hit_ratio, 4), round(result.stale_share, 4), result.mean_age
    (0.9677, 0.1361, 1.5)

    References
    ----------
    - J. Jung, A. Berger, H. Balakrishnan, "Modeling TTL-based Internet caches", INFOCOM 2003.
    """
    counts, p, _ = _population(popularity, None, None)
    rate = _check.positive(rate, "rate", " of requests per second")
    m = _check.number(update_rate, "update_rate")
    if ttl != math.inf:
        ttl = _check.positive(ttl, "ttl", " of seconds, or inf")
    if ttl == math.inf and not (invalidate and m):
        raise ValueError("ttl is inf and nothing invalidates: copies would stay for ever, give a TTL or an update rate")
    if reset and invalidate:
        raise ValueError("reset and invalidate are both set: there is no closed form for it, simulate it")
    lam = rate * p
    stale, age = 0.0, 0.0
    if reset:
        hit = -np.expm1(-lam * ttl)
        occupancy = float(counts @ hit)
        # the age at a hit is a sum of gaps below T, and another follows with chance h: E[gap | < T] / (1 - h)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = 1 / lam - ttl / np.expm1(lam * ttl)
            ages = gap * np.exp(lam * ttl)
        served = counts * p * hit
        age = float(served @ ages / served.sum())
        if m:  # E[e^-M age]: Laplace transforms of gaps below T, geometric
            short = lam / (lam + m) * -np.expm1(-(lam + m) * ttl)
            fresh = np.exp(-lam * ttl) * short / (1 - short) / hit
            stale = float(1 - served @ fresh / served.sum())
    else:
        lives = ttl if not (invalidate and m) else (1 / m if ttl == math.inf else -math.expm1(-m * ttl) / m)
        hit = lam * lives / (1 + lam * lives)
        occupancy = float(counts @ hit)
        if invalidate and m:  # hits are spread over lives that end by chance: mean age = E[life²] / (2 E[life])
            age = 1 / m if ttl == math.inf else (1 - (1 + m * ttl) * math.exp(-m * ttl)) / (m * m) / lives
        else:
            age = ttl / 2
            stale = 1 + math.expm1(-m * ttl) / (m * ttl) if m else 0.0
    return TTLResult(ttl, rate, m, float(counts @ (p * hit)), occupancy, stale, age)


# --- caches behind caches ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class CacheNetwork(Shown):
    """LRU caches behind LRU caches.

    Attributes
    ----------
    names : tuple of str
        Of the caches, the ones nearest to the clients first.
    sizes : tuple of float
    hit_ratios : tuple of float
        Share of the requests that reach a cache and hit there.
    reaching : tuple of float
        Share of all requests that reach it.
    miss_ratio : float
        Share of all requests that reach the origin.
    naive_miss_ratio : float
        What multiplying the miss ratios of the caches, each under the full load, would promise.
    """

    names: tuple[str, ...]
    sizes: tuple[float, ...]
    hit_ratios: tuple[float, ...]
    reaching: tuple[float, ...]
    miss_ratio: float
    naive_miss_ratio: float

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{len(self.names)} caches: {format_share(self.miss_ratio)} of the requests reach the origin; as if "
            f"independent it would be {format_share(self.naive_miss_ratio)}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per cache."""
        import pandas as pd

        columns = {
            "cache": self.names,
            "size": self.sizes,
            "reaching_share": self.reaching,
            "hit_ratio": self.hit_ratios,
        }
        return pd.DataFrame(columns)


def cache_tree(
    popularity: Popularity, leaf_sizes: Sequence[float], root_size: float, shares: Sequence[float] | None = None
) -> CacheNetwork:
    """Approximate LRU caches that share one LRU cache behind them; every cache on the way stores what passes.

    Parameters
    ----------
    popularity : Popularity
        Of the requests at every leaf.
    leaf_sizes : sequence of float
        Objects in each leaf.
    root_size : float
        Objects in the cache behind.
    shares : sequence of float, optional
        Share of the requests at each leaf; equal unless given.

    Notes
    -----
    A request that missed in leaf j was not asked for there during the leaf's time T_j, so that the root saw no request
    from j for that long: it hits with chance 1 - exp(-m_j (T - T_j)+ - Σ m_k T), m being the miss rates of the leaves.

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> print(cache_tree(Zipf(10**5, 0.9), [1000, 1000], 2000).title)
    3 caches: 60.2 % of the requests reach the origin; as if independent it would be 38.7 %

    References
    ----------
    - M. Garetto, E. Leonardi, V. Martina, "A unified approach to the performance analysis of caching systems", ACM
      TOMPECS 2016, section 6.
    """
    counts, p, _ = _population(popularity, None, None)
    sizes = [_check.positive(size, "the size of a leaf") for size in leaf_sizes]
    root_size = _check.positive(root_size, "the size of the root")
    if not sizes:
        raise ValueError("leaf_sizes is empty: give one leaf or more")
    parts = np.ones(len(sizes)) if shares is None else _check.amounts(shares, "shares")
    if len(parts) != len(sizes) or not parts.all():
        raise ValueError(f"{len(sizes)} leaves came with {len(parts)} shares: give one above 0 for each leaf")
    parts = parts / parts.sum()
    leaves = [che(popularity, size) for size in sizes]
    times = np.array([leaf.characteristic_time for leaf in leaves]) / parts  # in requests to all leaves
    miss = np.array([1 - leaf.hits for leaf in leaves])
    rates = p * parts[:, None] * miss
    total = rates.sum(axis=0)
    hit_ratio, miss_ratio = _behind(counts, rates, total, times, root_size)
    alone = che(popularity, root_size).miss_ratio
    naive = float(parts @ [leaf.miss_ratio for leaf in leaves]) * alone
    names = (*(f"leaf {number + 1}" for number in range(len(sizes))), "root")
    reach = float(counts @ total)
    ratios = (*(leaf.hit_ratio for leaf in leaves), hit_ratio)
    return CacheNetwork(names, (*sizes, root_size), ratios, (*map(float, parts), reach), miss_ratio, naive)


def _behind(counts: NDArray, rates: Floats, total: Floats, times: Floats, size: float) -> tuple[float, float]:
    """Return the hit ratio of the cache behind, and the share of all requests that miss there too."""
    asked_for = total > 0
    if counts[asked_for].sum() <= size:
        return (1.0, 0.0) if asked_for.any() else (0.0, 0.0)
    time = _solve(lambda t: float(counts @ -np.expm1(-total * t)), size, 1 / total.max())
    missed = 0.0
    for rate, own in zip(rates, times, strict=True):
        exponent = (total - rate) * time + rate * max(time - own, 0.0)
        missed += float(counts @ (rate * np.exp(-exponent)))
    return 1 - missed / float(counts @ total), missed


def tandem(popularity: Popularity, sizes: Sequence[float]) -> CacheNetwork:
    """Approximate a row of LRU caches, each behind the misses of the one before.

    The chances are those of `cache_tree`. Hit ratios come out within two points of a replay.

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> print(tandem(Zipf(10**5, 0.9), [1000, 1000]).title)
    2 caches: 65.1 % of the requests reach the origin; as if independent it would be 43.3 %
    """
    counts, p, _ = _population(popularity, None, None)
    rooms = [_check.positive(size, "the size of a cache") for size in sizes]
    if not rooms:
        raise ValueError("sizes is empty: give one cache or more")
    rate, own = p, 0.0
    ratios, reaching = [], []
    for size in rooms:
        reaching.append(float(counts @ rate))
        if counts[rate > 0].sum() <= size or not reaching[-1] > 0:
            ratios.append(1.0 if reaching[-1] > 0 else 0.0)
            rate = np.zeros(len(p))
            continue
        now = rate
        time = _solve(lambda t, now=now: float(counts @ -np.expm1(-now * t)), size, 1 / now.max())  # type: ignore[misc]
        rate = now * np.exp(-now * max(time - own, 0.0))
        ratios.append(1 - float(counts @ rate) / reaching[-1])
        own = max(own, time)
    naive = math.prod(che(popularity, size).miss_ratio for size in rooms)
    names = tuple(f"cache {number + 1}" for number in range(len(rooms)))
    return CacheNetwork(names, tuple(rooms), tuple(ratios), tuple(reaching), float(counts @ rate), naive)


# --- the model and the trace ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ModelError(Shown):
    """How far a trace is from independent references, as caches see it.

    Attributes
    ----------
    policy : str
    sizes : int64[m]
    simulated, shuffled, modelled : float64[m]
        Miss ratios of the trace, of the same requests in random order, and of Che's model with the trace's popularity
        and its first requests added as misses.
    """

    policy: str
    sizes: NDArray[np.int64]
    simulated: Floats
    shuffled: Floats
    modelled: Floats

    @property
    def locality(self) -> float:
        """Mean of what the order of the requests saves (above 0) or costs (below 0), in miss ratio."""
        return float((self.shuffled - self.simulated).mean())

    @property
    def mean_absolute_error(self) -> float:
        """Mean distance of the model from the trace, in miss ratio."""
        return float(np.abs(self.modelled - self.simulated).mean())

    @property
    def title(self) -> str:
        """The verdict in one line."""
        effect = "saves" if self.locality >= 0 else "costs"
        return (
            f"{self.policy}: the model is {100 * self.mean_absolute_error:.2f} points off in the mean; the order of "
            f"the requests {effect} {100 * abs(self.locality):.2f} points"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per size."""
        import pandas as pd

        columns = {
            "size_objects": self.sizes,
            "trace": self.simulated,
            "shuffled": self.shuffled,
            "model": self.modelled,
        }
        return pd.DataFrame(columns)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the three miss ratios over the size."""
        ax = axes(ax)
        for label, values in (("trace", self.simulated), ("shuffled", self.shuffled), ("model", self.modelled)):
            ax.plot(self.sizes, values, marker="o", markersize=3, label=label)
        ax.set_xscale("log")
        ax.set(
            xlabel="cache size (objects)", ylabel="miss ratio", ylim=(0, None), title=f"Model and trace, {self.policy}"
        )
        ax.legend()
        return ax


def model_error(
    trace: Trace, sizes: Iterable[int] | None = None, policy: str = "lru", *, seed: int = 0, **options: Any
) -> ModelError:
    """Compare a trace with independent references of the same popularity.

    Parameters
    ----------
    trace : Trace
    sizes : sequence of int, optional
        Objects; twelve from a thousandth to half of the objects unless given.
    policy : str
        One that `che` models.
    seed : int
        Of the shuffling.
    **options
        ``q=`` or ``k=`` of the policy.

    Notes
    -----
    The model knows no beginning; of an object asked for c times, the first request misses, and the others hit by
    the model.

    Examples
    --------
    >>> from scalemodel.cache import irm_trace
    >>> from scalemodel.workload import Zipf
    >>> model_error(irm_trace(Zipf(1000, 0.9), 50_000), [100]).mean_absolute_error < 0.02
    True
    """
    if sizes is None:
        sizes = np.unique(
            np.geomspace(max(1, trace.objects / 1000), max(1, trace.objects / 2), 12).astype(int)
        ).tolist()
    wanted = np.array(sorted({_check.whole(size, "the cache size", 1, LARGEST) for size in sizes}), np.int64)
    order = streams.stream(seed, 2**42).permutation(trace.requests)
    mixed = Trace(trace.ids[order])
    law = trace.popularity()
    again = (law.counts - 1) / trace.requests
    values = []
    for size in wanted.tolist():
        model = che(law, size, policy, **options)
        hits = np.repeat(model.hits, model.counts.astype(np.int64))
        modelled = 1 - float(again @ hits)
        real, random = (simulate(each, policy, size, seed=seed, **options).miss_ratio for each in (trace, mixed))
        values.append((real, random, modelled))
    simulated, shuffled, modelled_all = np.array(values).T
    return ModelError(policy, wanted, simulated, shuffled, modelled_all)
