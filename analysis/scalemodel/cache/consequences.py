"""What hits and misses mean for what stands behind the cache, and for the bill."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..display import Shown, axes, format_count, format_share, format_time
from ..latency import Constant, Exponential, Latency, Mixture
from ..topology import nearest
from ..workload import Popularity
from ._kernels import after
from .analytic import _population, che
from .curve import MissRatioCurve
from .simulate import CacheResult

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


# --- latency ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OriginLoad(Shown):
    """The load on what stands behind a cache.

    Attributes
    ----------
    rate, miss_ratio : float
        Requests per second before the cache; share that goes behind.
    capacity : float
        Requests per second that the origin can serve.
    service_time : float
        Mean seconds of a request at the origin, not waiting.
    cv2 : float
        Squared coefficient of variation of the service time.
    """

    rate: float
    miss_ratio: float
    capacity: float
    service_time: float
    cv2: float

    @property
    def origin_rate(self) -> float:
        """Requests per second at the origin."""
        return self.rate * self.miss_ratio

    @property
    def utilisation(self) -> float:
        """Share of its capacity that the origin needs; 1 or more: it is overloaded."""
        return self.origin_rate / self.capacity

    @property
    def mean_wait(self) -> float:
        """Seconds in the queue in the mean, ``inf`` where overloaded.

        Pollaczek and Khinchine for one server; many servers (capacity × service time of them) by Lee and Longton's
        scaling of Erlang's formula.
        """
        if self.utilisation >= 1:
            return math.inf
        return self.waiting_share * (1 + self.cv2) / 2 / (self.capacity - self.origin_rate)

    @property
    def _servers(self) -> int:
        return max(1, round(self.capacity * self.service_time))

    @property
    def waiting_share(self) -> float:
        """Share of the requests that wait at all: Erlang's C by the recursion of B."""
        offered, blocked = self._servers * self.utilisation, 1.0
        for servers in range(1, self._servers + 1):
            blocked = offered * blocked / (servers + offered * blocked)
        return blocked / (1 - self.utilisation * (1 - blocked))

    @property
    def wait(self) -> Latency:
        """The wait in the queue; where there is one, it is taken as exponential, which for M/M/c it is.

        Raises
        ------
        ValueError
            If the origin is overloaded: the queue only grows.
        """
        if self.utilisation >= 1:
            raise ValueError(
                f"the origin gets {self.origin_rate:g} requests/s and can serve {self.capacity:g}: its queue only "
                "grows; lower the miss ratio or raise the capacity"
            )
        waiting = self.waiting_share
        if not self.mean_wait > 0:
            return Constant(0.0)
        return Mixture([Constant(0.0), Exponential(self.mean_wait / waiting)], weights=[1 - waiting, waiting])

    def read_latency(self, hit: Latency, service: Latency) -> Latency:
        """Return the latency of reads before the cache: hits, and misses that find out, wait and are served.

        Examples
        --------
        >>> from scalemodel.latency import Constant, Exponential
        >>> reads = origin_load(0.05, 10_000, 1000, 0.004).read_latency(Constant(0.001), Exponential(0.004))
        >>> round(reads.mean(), 6), round(reads.quantile(0.99), 4)
        (0.001217, 0.008)
        """
        return Mixture([hit, hit + (self.wait + service)], weights=[1 - self.miss_ratio, self.miss_ratio])

    @property
    def knee(self) -> float:
        """The miss ratio at which the origin is overloaded."""
        return self.capacity / self.rate

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"Origin: {format_count(self.origin_rate)} requests/s, utilisation {format_share(self.utilisation)}; "
            f"overloaded from {format_share(self.knee)} misses on"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        p99 = self.wait.quantile(0.99) if self.utilisation < 1 else math.inf
        row = {"origin_rate": self.origin_rate, "utilisation": self.utilisation, "mean_wait_ms": 1e3 * self.mean_wait}
        return pd.DataFrame([row | {"p99_wait_ms": 1e3 * p99, "knee_miss_ratio": self.knee}])


def origin_load(
    miss_ratio: float | CacheResult, rate: float, capacity: float, service_time: float, cv2: float = 1.0
) -> OriginLoad:
    """Tell what the misses do to the origin.

    Parameters
    ----------
    miss_ratio : float or CacheResult
    rate : float
        Requests per second before the cache.
    capacity : float
        Requests per second that the origin can serve.
    service_time : float
        Mean seconds of a request there; capacity × service time is the number of its servers.
    cv2 : float
        Squared coefficient of variation of the service time: 1 is exponential.

    Examples
    --------
    Two points of hit ratio are twice the load:

    >>> [origin_load(miss, 100_000, 2500, 0.001).utilisation for miss in (0.01, 0.02)]
    [0.4, 0.8]
    """
    ratio = miss_ratio.miss_ratio if isinstance(miss_ratio, CacheResult) else _check.share(miss_ratio, "miss_ratio")
    return OriginLoad(
        _check.positive(rate, "rate", " of requests per second"),
        ratio,
        _check.positive(capacity, "capacity", " of requests per second"),
        _check.positive(service_time, "service_time", " of seconds"),
        _check.number(cv2, "cv2"),
    )


@dataclass(frozen=True)
class DelayedHits(Shown):
    """Requests for what is still being fetched.

    Attributes
    ----------
    requests, hits, delayed, fetches : int
        Requests; those served at once, those that wait for a fetch under way, and those that start one.
    fetch_time : float
        Seconds.
    mean_wait : float
        Seconds that a request waits for the origin, in the mean over all requests.
    """

    requests: int
    hits: int
    delayed: int
    fetches: int
    fetch_time: float
    mean_wait: float

    @property
    def true_hit_ratio(self) -> float:
        """Share of the requests that are served at once."""
        return self.hits / self.requests

    @property
    def origin_requests_without_collapsing(self) -> int:
        """What the origin would see if requests for an object under way were not collapsed into one."""
        return self.fetches + self.delayed

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"Fetches of {format_time(self.fetch_time)}: {format_share(self.true_hit_ratio)} are hits, "
            f"{format_share(self.delayed / self.requests)} wait for a fetch under way; mean wait "
            f"{format_time(self.mean_wait)}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        names = ("requests", "hits", "delayed", "fetches", "origin_requests_without_collapsing", "mean_wait")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])


def delayed_hits(result: CacheResult, fetch_time: float) -> DelayedHits:
    """Tell which hits of a replay find their object still under way.

    Parameters
    ----------
    result : CacheResult
        Of a trace with times.
    fetch_time : float
        Seconds from a miss until the object is in the cache.

    Notes
    -----
    The policy is taken to store the object when it is asked for, not when it arrives.

    Examples
    --------
    >>> from scalemodel.cache import Trace, simulate
    >>> told = delayed_hits(simulate(Trace([1, 1, 1], times=[0, 0.004, 0.02]), "lru", 1), 0.01)
    >>> told.fetches, told.delayed, told.hits, round(told.mean_wait, 6)
    (1, 1, 1, 0.005333)

    References
    ----------
    - N. Atre et al., "Caching with delayed hits", SIGCOMM 2020.
    """
    trace = result.trace
    if trace.times is None:
        raise ValueError("the trace has no times: give it times to tell what is under way")
    fetch_time = _check.positive(fetch_time, "fetch_time", " of seconds")
    state = np.empty(trace.requests, np.uint8)
    waited = after.delayed(trace.ids, trace.times, fetch_time, trace.objects, result.hit, state)
    fetches, hits, late = (int(count) for count in np.bincount(state, minlength=3))
    wait = (waited + fetches * fetch_time) / trace.requests
    return DelayedHits(trace.requests, hits, late, fetches, fetch_time, float(wait))


# --- expiry of hot objects --------------------------------------------------------------------------------------------

_AVOIDERS = ("plain", "lock", "lease", "xfetch")


@dataclass(frozen=True)
class Stampede(Shown):
    """What happens around the expiry of one object.

    Attributes
    ----------
    strategy : str
    rate, ttl, fetch_time, beta : float
        Requests per second for the object; seconds that a copy lives; seconds to make it anew; eagerness of XFetch.
    regenerations : float
        How often it is made anew, in the mean, around one expiry.
    waiting : float
        Requests that wait for that, in the mean.
    stale : float
        Requests that are served the expired copy, in the mean.
    expires : float
        Probability that the copy expires before anybody makes it anew.
    lead : float
        Seconds before the expiry at which the first renewal starts, in the mean; 0 where it starts after.
    """

    strategy: str
    rate: float
    ttl: float
    fetch_time: float
    beta: float
    regenerations: float
    waiting: float
    stale: float
    expires: float
    lead: float

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{self.strategy}: {self.regenerations:.3g} regenerations per expiry, {self.waiting:.3g} requests wait, "
            f"{self.stale:.3g} are served stale"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        names = ("strategy", "regenerations", "waiting", "stale", "expires", "lead")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])


def stampede(rate: float, ttl: float, fetch_time: float, strategy: str = "plain", beta: float = 1.0) -> Stampede:
    """Compute what the requests for one hot object do when its copy expires.

    Parameters
    ----------
    rate : float
        Requests per second for the object, a Poisson process.
    ttl : float
        Seconds that a copy lives.
    fetch_time : float
        Seconds that making it anew takes.
    strategy : str
        - "plain": whoever finds it expired makes it anew.
        - "lock": the first does, the others wait.
        - "lease": the first does, the others get the expired copy.
        - "xfetch": each request makes it anew early with probability exp(-(time left) / (beta × fetch time)).
    beta : float
        Above 1: earlier.

    Notes
    -----
    XFetch does not give exactly one regeneration: while the first renewal is under way, others may start. The chance is
    0.368 at a fetch time before expiry and 0.0067 at five.

    Examples
    --------
    >>> print(stampede(1000, 60, 0.1).title)
    plain: 101 regenerations per expiry, 101 requests wait, 0 are served stale
    >>> round(stampede(1000, 60, 0.1, "xfetch").regenerations, 2)
    2.72

    References
    ----------
    - A. Vattani, F. Chierichetti, K. Lowenstein, "Optimal probabilistic cache stampede prevention", VLDB 2015.
    - R. Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013: leases.
    """
    if strategy not in _AVOIDERS:
        hint = nearest(str(strategy), _AVOIDERS) or f"; there are {', '.join(_AVOIDERS)}"
        raise ValueError(f"there is no strategy {strategy!r} against stampedes{hint}")
    rate = _check.positive(rate, "rate", " of requests per second")
    ttl = _check.positive(ttl, "ttl", " of seconds")
    d = _check.positive(fetch_time, "fetch_time", " of seconds")
    beta = _check.positive(beta, "beta")
    during = rate * d
    if strategy == "plain":
        return Stampede(strategy, rate, ttl, d, beta, 1 + during, 1 + during, 0.0, 1.0, 0.0)
    if strategy == "lock":
        return Stampede(strategy, rate, ttl, d, beta, 1.0, 1 + during, 0.0, 1.0, 0.0)
    if strategy == "lease":
        return Stampede(strategy, rate, ttl, d, beta, 1.0, 1.0, during, 1.0, 0.0)
    scale = beta * d
    expires = math.exp(rate * scale * math.expm1(-ttl / scale))
    # the lead of the first renewal: P(G <= g) = exp(-rate scale (e^(-g/scale) - e^(-ttl/scale))), by its quantiles
    u = (np.arange(20_000) + 0.5) / 20_000
    u = expires + (1 - expires) * u
    lead = -scale * np.log(np.minimum(math.exp(-ttl / scale) - np.log(u) / (rate * scale), 1.0))
    early = np.minimum(d, lead)
    more = rate * scale * np.exp(-lead / scale) * np.expm1(early / scale) + rate * (d - early)
    made = (1 - expires) * float(1 + more.mean()) + expires * (1 + during)
    return Stampede(strategy, rate, ttl, d, beta, made, made, 0.0, expires, (1 - expires) * float(lead.mean()))


def expiry_wave(keys: int, rate: float, ttl: float, jitter: float = 0.0) -> float:
    """Return the peak of regenerations per second when keys that were stored together expire together.

    Parameters
    ----------
    keys : int
        Stored at one instant, such as by a deployment.
    rate : float
        Requests per second for each.
    ttl : float
        Seconds.
    jitter : float
        Share of the TTL by which it is shortened at random, uniformly: 0.1 makes it 90 to 100 %.

    Examples
    --------
    >>> round(expiry_wave(100_000, rate=2.0, ttl=300)), round(expiry_wave(100_000, rate=2.0, ttl=300, jitter=0.1))
    (200000, 3333)
    """
    keys = _check.whole(keys, "keys", 1, 2**62)
    rate = _check.positive(rate, "rate", " of requests per second")
    spread = _check.share(jitter, "jitter") * _check.positive(ttl, "ttl", " of seconds")
    return keys * rate if spread == 0 else keys * -math.expm1(-rate * spread) / spread


# --- cold start -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class WarmUp(Shown):
    """How a cache that lost some or all of its contents comes back, under independent references.

    Attributes
    ----------
    rate : float
        Requests per second.
    size : float
        Objects.
    lost : float
        Share of the contents that is lost: 1 after a restart, the share of moved keys after resharding.
    steady_hit_ratio : float
        What it comes back to.
    fill_time : float
        Seconds until the cache is full again, ``inf`` if all objects fit.
    """

    rate: float
    size: float
    lost: float
    steady_hit_ratio: float
    fill_time: float
    counts: NDArray = field(repr=False)
    probabilities: Floats = field(repr=False)
    hits: Floats = field(repr=False)

    def hit_ratio(self, t: ArrayLike) -> Any:
        """Return the expected hit ratio t seconds after the loss."""
        times = np.asarray(t, np.float64)
        if not (times >= 0).all():
            raise ValueError(f"the time is {t!r}: give seconds of zero or more")
        shares = self.counts * self.probabilities
        came = -np.expm1(-np.multiply.outer(np.minimum(times, self.fill_time), self.rate * self.probabilities))
        cold = np.minimum(came, self.hits) @ shares
        return ((1 - self.lost) * self.steady_hit_ratio + self.lost * cold)[()]

    def time_to(self, share: float = 0.9) -> float:
        """Return the seconds until the hit ratio is this share of the steady one."""
        goal = _check.share(share, "share") * self.steady_hit_ratio
        low, high = 0.0, 1.0
        while self.hit_ratio(high) < goal and high < 1e15:
            high *= 2
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if self.hit_ratio(middle) < goal else (low, middle)
        return 0.0 if self.hit_ratio(0.0) >= goal else high

    @property
    def peak_origin_factor(self) -> float:
        """Load on the origin just after the loss, over the steady load."""
        steady = 1 - self.steady_hit_ratio
        return math.inf if steady <= 0 else float((1 - self.hit_ratio(0.0)) / steady)

    @property
    def extra_requests(self) -> float:
        """Requests to the origin beyond the steady load, until the cache is as before: the objects fetched again."""
        return float(self.lost * (self.counts @ self.hits))

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{format_share(self.lost)} of the cache lost: origin load ×{self.peak_origin_factor:.3g} at first, "
            f"90 % of the hit ratio after {format_time(self.time_to(0.9))}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return the hit ratio and the load on the origin over time."""
        import pandas as pd

        end = self.time_to(0.99)
        times = np.append(0.0, np.geomspace(end / 1000, end, 11)) if end > 0 else np.zeros(1)
        ratio = self.hit_ratio(times)
        return pd.DataFrame({"time_s": times, "hit_ratio": ratio, "origin_rate": self.rate * (1 - ratio)})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the load on the origin over time."""
        ax = axes(ax)
        rows = self.to_frame()
        ax.plot(rows["time_s"], rows["origin_rate"], marker="o", markersize=3)
        ax.axhline(self.rate * (1 - self.steady_hit_ratio), color="black", linewidth=1, linestyle=":")
        ax.set(xlabel="seconds after the loss", ylabel="origin requests/s", ylim=(0, None), title="Warming up")
        return ax


def warm_up(popularity: Popularity, rate: float, size: float, lost: float = 1.0) -> WarmUp:
    """Compute how an LRU cache fills again after a restart, the loss of a node, or resharding.

    Parameters
    ----------
    popularity : Popularity
    rate : float
        Requests per second, a Poisson process.
    size : float
        Objects.
    lost : float
        Share of the contents that is lost.

    Notes
    -----
    Until it is full, after Che's characteristic time, the cache has what was asked for since: 1 - e^-(rate p t).

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> cold = warm_up(Zipf(10**6, 1.0), rate=10_000, size=100_000)
    >>> round(cold.steady_hit_ratio, 3), round(cold.peak_origin_factor, 2), round(cold.time_to(0.9), 1)
    (0.779, 4.53, 11.1)
    """
    rate = _check.positive(rate, "rate", " of requests per second")
    lost = _check.share(lost, "lost")
    model = che(popularity, size)
    counts, p, _ = _population(popularity, None, None)
    return WarmUp(rate, size, lost, model.hit_ratio, model.characteristic_time / rate, counts, p, model.hits)


# --- a small cache before many nodes ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrontCache(Shown):
    """The worst that any popularity can do to nodes behind a small cache of the hottest keys.

    Attributes
    ----------
    nodes, entries, keys : int
        Nodes, entries of the cache, keys that could be asked for.
    peak_to_mean : float
        Load of the busiest node over the load of all requests spread evenly, at the worst.
    worst_keys : int
        How many keys, asked for alike, bring it about.
    """

    nodes: int
    entries: int
    keys: int
    peak_to_mean: float
    worst_keys: int

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{self.entries:,} entries before {self.nodes} nodes: the busiest node has at most {self.peak_to_mean:.2f} "
            "times an even share, whatever is popular"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        names = ("nodes", "entries", "keys", "peak_to_mean", "worst_keys")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])


def front_cache(nodes: int, entries: int | None = None, keys: int = 10**9) -> FrontCache:
    """Bound the imbalance of nodes whose hottest keys are cached in front.

    The worst popularity asks for x keys alike: the cache answers `entries` of them, the rest falls on nodes at random.

    Parameters
    ----------
    nodes : int
        Two or more.
    entries : int, optional
        ``nodes × ln(nodes)``, rounded up, unless given.
    keys : int
        How many keys there are.

    Notes
    -----
    The busiest of n nodes with b keys has about b/n + sqrt(2 b ln(n) / n) of them (Raab and Steger 1998) once b is
    above n ln n, and fewer than that formula gives below.

    Examples
    --------
    >>> front_cache(100).entries, round(front_cache(100).peak_to_mean, 2), round(front_cache(100, 1).peak_to_mean, 1)
    (461, 1.37, 50.0)

    References
    ----------
    - B. Fan et al., "Small cache, big effect: provable load balancing for randomly partitioned cluster services",
      SoCC 2011.
    """
    nodes = _check.whole(nodes, "nodes", 2, 2**40)
    filled = math.ceil(nodes * math.log(nodes)) if entries is None else _check.whole(entries, "entries", 0, 2**62)
    keys = _check.whole(keys, "keys", 1, 2**62)
    if keys <= filled:
        return FrontCache(nodes, filled, keys, 0.0, keys)
    x = np.unique(np.rint(np.geomspace(filled + 1, keys, 4000)))
    behind = x - filled
    busiest = np.minimum(behind, behind / nodes + np.sqrt(2 * behind / nodes * math.log(nodes)))
    peak = nodes * np.maximum(busiest, 1) / x
    at = int(peak.argmax())
    return FrontCache(nodes, filled, keys, float(peak[at]), int(x[at]))


# --- money ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class CacheCost(Shown):
    """What caches of several sizes cost, memory and origin together.

    Attributes
    ----------
    sizes : int64[m]
    memory, origin : float64[m]
        Money per month.
    by : str
    """

    sizes: NDArray[np.int64]
    memory: Floats
    origin: Floats
    by: str

    @property
    def total(self) -> Floats:
        """Money per month for both."""
        return self.memory + self.origin

    @property
    def best(self) -> int:
        """The size that costs least."""
        return int(self.sizes[int(self.total.argmin())])

    @property
    def title(self) -> str:
        """The verdict in one line."""
        at = int(self.total.argmin())
        return (
            f"Cheapest at {format_count(self.best)} {self.by}: {self.total[at]:,.2f} a month, "
            f"{self.memory[at]:,.2f} of it for memory"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per size, at most fifty of them and the cheapest."""
        import pandas as pd

        spread = np.searchsorted(self.sizes, np.geomspace(max(self.sizes[0], 1), self.sizes[-1], 50)).clip(
            0, len(self.sizes) - 1
        )
        chosen = np.unique(np.append(spread, int(self.total.argmin())))
        columns = {f"size_{self.by}": self.sizes, "memory": self.memory, "origin": self.origin, "total": self.total}
        return pd.DataFrame({name: values[chosen] for name, values in columns.items()})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the cost of memory, origin and both over the size."""
        ax = axes(ax)
        rows = self.to_frame()
        for name in ("memory", "origin", "total"):
            ax.plot(rows[f"size_{self.by}"], rows[name], label=name)
        ax.axvline(self.best, color="black", linewidth=1, linestyle=":")
        ax.set_xscale("log")
        ax.set(xlabel=f"cache size ({self.by})", ylabel="cost per month", ylim=(0, None), title=self.title)
        ax.legend()
        return ax


def cache_cost(
    curve: MissRatioCurve,
    rate: float,
    memory_price: float,
    origin_price: float,
    bytes_per_object: float = 1.0,
    sizes: Sequence[int] | None = None,
) -> CacheCost:
    """Weigh the price of memory against the price of misses.

    Parameters
    ----------
    curve : MissRatioCurve
    rate : float
        Requests per second.
    memory_price : float
        Money per GiB and month.
    origin_price : float
        Money per million requests to the origin.
    bytes_per_object : float
        For a curve by objects: bytes of an object with its overhead.
    sizes : sequence of int, optional
        Those of the curve unless given.

    Examples
    --------
    >>> from scalemodel.cache import irm_trace, miss_ratio_curve
    >>> from scalemodel.workload import Zipf
    >>> curve = miss_ratio_curve(irm_trace(Zipf(10_000, 0.9), 200_000))
    >>> cost = cache_cost(curve, rate=100, memory_price=4.0, origin_price=0.4, bytes_per_object=2**20)
    >>> 1000 < cost.best < 10_000
    True
    """
    rate = _check.positive(rate, "rate", " of requests per second")
    memory_price = _check.number(memory_price, "memory_price")
    origin_price = _check.number(origin_price, "origin_price")
    per_object = _check.positive(bytes_per_object, "bytes_per_object") if curve.by == "objects" else 1.0
    wanted = (
        curve.sizes if sizes is None else np.array([_check.whole(size, "the cache size", 1, 2**62) for size in sizes])
    )
    month = 365.25 / 12 * 86400
    origin = curve.at(wanted) * rate * month / 1e6 * origin_price
    return CacheCost(wanted, wanted * per_object / 2**30 * memory_price, origin, curve.by)
