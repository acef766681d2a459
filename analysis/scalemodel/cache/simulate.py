"""Replay a trace through a cache."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..display import Shown, axes, format_bytes, format_count, format_share
from ._kernels import after
from .admission import Admission, TinyLFU, as_admission
from .policies import Policy  # fmt: skip
from .policies import policy as find_policy
from .trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

By = Literal["objects", "bytes"]

LARGEST = 2**62
"""Size of a cache, in objects or bytes."""


@dataclass(frozen=True, eq=False)
class CacheResult(Shown):
    """What a cache did with a trace; requests before the end of the warm-up are not counted.

    Attributes
    ----------
    trace : Trace
    policy : str
        Name and options.
    size : int
        In objects or bytes, as `by` says.
    by : str
    hit : uint8[requests of the trace]
        1 for a hit and 0 for a miss.
    warmup : int
        Requests at the beginning that count for nothing but the state of the cache.
    window : int
        Requests of a row of `windows`.
    evictions, resident, occupied, expired : int
        Objects that were evicted, are in the cache at the end, the room they take, and hits that TTLs turned into
        misses; all of it over the whole trace.
    """

    trace: Trace
    policy: str
    size: int
    by: By
    hit: NDArray[np.uint8] = field(repr=False)
    warmup: int
    window: int
    evictions: int
    resident: int
    occupied: int
    expired: int = 0

    @property
    def requests(self) -> int:
        """Requests that are counted."""
        return self.trace.requests - self.warmup

    @cached_property
    def hits(self) -> int:
        """Requests that the cache answered."""
        return int(np.count_nonzero(self.hit[self.warmup :]))

    @property
    def misses(self) -> int:
        """Requests that went to the store behind the cache."""
        return self.requests - self.hits

    @property
    def hit_ratio(self) -> float:
        """Share of the requests that the cache answered."""
        return self.hits / self.requests

    @property
    def miss_ratio(self) -> float:
        """Share of the requests that went behind the cache."""
        return self.misses / self.requests

    @cached_property
    def compulsory_misses(self) -> int:
        """Misses that are the first request for their object: no cache that starts empty has less."""
        return int(np.count_nonzero(self.trace.first[self.warmup :]))

    @property
    def bytes_requested(self) -> int:
        """Bytes asked for; objects where the trace has no sizes."""
        sizes = self.trace.sizes
        return self.requests if sizes is None else int(sizes[self.warmup :].sum())

    @cached_property
    def bytes_missed(self) -> int:
        """Bytes fetched from behind the cache; objects where the trace has no sizes."""
        sizes = self.trace.sizes
        if sizes is None:
            return self.misses
        return int(sizes[self.warmup :][self.hit[self.warmup :] == 0].sum())

    @property
    def byte_miss_ratio(self) -> float:
        """Share of the bytes that came from behind the cache; the miss ratio where the trace has no sizes."""
        return self.bytes_missed / self.bytes_requested

    @property
    def byte_hit_ratio(self) -> float:
        """Share of the bytes that the cache served."""
        return 1 - self.byte_miss_ratio

    def miss_trace(self) -> Trace:
        """Return the requests that missed, as the trace of what stands behind the cache."""
        missed = np.flatnonzero(self.hit[self.warmup :] == 0) + self.warmup
        if not len(missed):
            raise ValueError(
                "no request missed: there is no trace behind this cache, give it a shorter warm-up or less room"
            )
        return self.trace.take(missed)

    def windows(self) -> "pd.DataFrame":
        """Return the miss ratio over time, a row per `window` requests: where it starts, and its ratios."""
        import pandas as pd

        starts = np.arange(self.warmup, self.trace.requests, self.window)
        length = np.diff(np.append(starts, self.trace.requests))
        missed = self.hit == 0
        columns: dict[str, Any] = {"request": starts, "requests": length}
        if self.trace.times is not None:
            columns["time_s"] = self.trace.times[starts]
        columns["miss_ratio"] = np.add.reduceat(missed, starts, dtype=np.int64) / length
        if self.trace.sizes is not None:
            total = np.add.reduceat(self.trace.sizes, starts)
            columns["byte_miss_ratio"] = np.add.reduceat(self.trace.sizes * missed, starts) / total
        return pd.DataFrame(columns)

    @property
    def title(self) -> str:
        """The verdict in one line."""
        room = format_bytes(self.size) if self.by == "bytes" else f"{format_count(self.size)} objects"
        all_fit = " (all fit)" if self._all_fit else ""
        return f"{self.policy}, {room}{all_fit}: {format_share(self.miss_ratio)} of the requests miss"

    @property
    def _all_fit(self) -> bool:
        whole = self.trace.objects if self.by == "objects" else self.trace.footprint_bytes
        return whole is not None and self.size >= whole

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        names: tuple[str, ...] = ("policy", "size", "by", "requests", "hits", "misses", "compulsory_misses")
        names += ("hit_ratio", "miss_ratio", "byte_miss_ratio", "evictions", "resident", "occupied", "expired")
        return {name: getattr(self, name) for name in names}

    def to_frame(self) -> "pd.DataFrame":
        """Return a table of one row."""
        import pandas as pd

        return pd.DataFrame([self.to_dict()])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the miss ratio over the requests, by windows."""
        ax = axes(ax)
        rows = self.windows()
        ax.step(rows["request"], rows["miss_ratio"], where="post", label="requests")
        if "byte_miss_ratio" in rows:
            ax.step(rows["request"], rows["byte_miss_ratio"], where="post", label="bytes")
            ax.legend()
        ax.set(xlabel="request", ylabel="miss ratio", ylim=(0, None), title=self.title)
        return ax


def simulate(
    trace: Trace,
    policy: str,
    size: int,
    by: By = "objects",
    *,
    admission: Admission | str | None = None,
    ttl: float | str | None = None,
    renew: bool = False,
    warmup: float = 0,
    window: int | None = None,
    seed: int = 0,
    **options: float,
) -> CacheResult:
    """Replay a trace through a cache that starts empty.

    Parameters
    ----------
    trace : Trace
    policy : str
        See `POLICIES` and `catalogue`: fifo, random, lru, lfu, clock, slru, 2q, arc, lirs, sieve, s3fifo, wtinylfu,
        gdsf, lruk, qlru, klru, lecar, hyperbolic, belady, beladysize.
    size : int
        Objects that fit, or bytes. A size above the footprint of the trace is fine: then only first requests miss.
    by : "objects" or "bytes"
    admission : Admission or str, optional
        Who may enter after a miss: `SizeLimit`, `Probability`, `SizeProbability`, "bloom", "tinylfu", "adaptsize".
    ttl : float or "trace", optional
        Seconds after which a copy is fetched anew; "trace" takes those of the trace. An expired copy keeps its place
        until it is asked for or evicted.
    renew : bool
        Whether a hit starts the time to live anew.
    warmup : float
        So many requests are replayed but not counted; below 1, that share of them.
    window : int, optional
        Requests per row of `CacheResult.windows`; a hundredth of those counted unless given.
    seed : int
        Of policies and admissions that draw.
    **options
        Parameters of the policy, such as ``small=0.2`` of s3fifo.

    Returns
    -------
    CacheResult

    Raises
    ------
    ValueError
        A policy or option that is not known; a size of zero, or too small for an object or for a part of the policy;
        bytes without sizes; a TTL without times.

    Notes
    -----
    Writes count as requests like reads do; for what they do to copies see `scalemodel.cache.freshness`.

    Examples
    --------
    >>> trace = Trace([1, 2, 3, 1, 2, 4, 1])
    >>> simulate(trace, "lru", 2).misses, simulate(trace, "belady", 2).misses
    (7, 5)
    """
    rule, chosen = find_policy(policy, **options)
    admits = as_admission(admission)
    label = describe_policy(rule, chosen)
    if admits is not None:
        label += f" + {admits}"
    if isinstance(admits, TinyLFU):
        if rule.name not in ("lru", "slru"):
            raise ValueError(f"TinyLFU as an admission goes with lru and slru, not with {rule.name}: try 'wtinylfu'")
        protected = 0.8 if rule.name == "slru" else 0.0
        rule, chosen = find_policy("wtinylfu", window_share=0.0, protected=protected)
    capacity = _capacity(trace, rule, chosen, size, by)
    if rule.admission is not None:
        own = rule.admission(chosen).mask(trace, capacity, seed)
        mask = own if admits is None else own & admits.mask(trace, capacity, seed + 1)
    else:
        mask = np.ones(1, np.uint8) if admits is None else admits.mask(trace, capacity, seed)
    skipped = _warmup(warmup, trace.requests)
    each = max(1, (trace.requests - skipped) // 100) if window is None else _check.whole(window, "window", 1, LARGEST)
    hit = np.empty(trace.requests, np.uint8)
    sizes = trace.sizes if by == "bytes" and trace.sizes is not None else np.ones(1, np.int64)
    resident, occupied, evictions = rule.kernel(
        trace.ids, sizes, mask, trace.objects, capacity, np.array(rule.values(chosen), float), _seed(seed), hit
    )
    expired = 0 if ttl is None else _expire(trace, ttl, renew, hit)
    return CacheResult(trace, label, capacity, by, hit, skipped, each, evictions, resident, occupied, expired)


def describe_policy(rule: Policy, chosen: Mapping[str, float]) -> str:
    """Name a policy with the options that differ from the defaults."""
    changed = [f"{name}={value:g}" for name, value in chosen.items() if value != rule.options[name]]
    return f"{rule.name}({', '.join(changed)})" if changed else rule.name


def _seed(seed: int) -> np.uint64:
    return np.uint64(_check.whole(seed, "seed", 0, 2**64 - 1))


def _capacity(trace: Trace, rule: Policy, chosen: Mapping[str, float], size: Any, by: Any) -> int:
    if by not in get_args(By):
        raise ValueError(f"by is {by!r}: give 'objects' or 'bytes'")
    capacity = _check.whole(size, f"the cache size in {by}", 1, LARGEST)
    unit = 1
    if by == "bytes":
        if trace.sizes is None:
            raise ValueError("by is 'bytes' and the trace has no sizes: give it sizes, or count objects")
        unit = int(trace.sizes.min())
        if capacity < unit:
            raise ValueError(f"a cache of {capacity} bytes holds no object: the smallest of the trace has {unit} bytes")
    least = rule.smallest(chosen, unit)
    if capacity < least:
        name = min(parts := rule.parts(chosen, unit), key=parts.__getitem__)
        raise ValueError(
            f"at {capacity} {by} the {name} of {rule.name} rounds to nothing: give a size of {least} or more, or a "
            "larger share to that part"
        )
    return capacity


def _warmup(warmup: Any, requests: int) -> int:
    number = _check.number(warmup, "warmup")
    skipped = round(number * requests) if number < 1 else _check.whole(warmup, "warmup", 0, LARGEST)
    if skipped >= requests:
        raise ValueError(f"warmup is {warmup!r} and the trace has {requests} requests: leave some to be counted")
    return skipped


def _expire(trace: Trace, ttl: Any, renew: bool, hit: NDArray[np.uint8]) -> int:
    if trace.times is None:
        raise ValueError("a TTL was given and the trace has no times: give it times")
    if isinstance(ttl, str):
        if ttl != "trace" or trace.ttls is None:
            raise ValueError(f"ttl is {ttl!r}: give seconds, or 'trace' with a trace that has TTLs")
        ttls = trace.ttls
    else:
        ttls = np.array([_check.positive(ttl, "ttl", " of seconds")])
    return int(after.expire(trace.ids, trace.times, ttls, trace.objects, bool(renew), hit))


def sweep(
    trace: Trace,
    policies: str | Iterable[str] | Mapping[str, Mapping[str, Any]],
    sizes: Iterable[int],
    by: By = "objects",
    *,
    executor: Executor | None = None,
    progress: bool = True,
    **common: Any,
) -> "pd.DataFrame":
    """Replay a trace through caches of several policies and sizes.

    Parameters
    ----------
    trace : Trace
    policies : list of str, or mapping of str to mapping
        Names; or labels with the arguments of `simulate` for each, such as
        ``{"lru": {}, "small s3": {"policy": "s3fifo", "small": 0.05}}``.
    sizes : sequence of int
        Objects or bytes.
    by : "objects" or "bytes"
    executor : concurrent.futures.Executor, optional
        Threads share the trace and run at the same time; processes get a copy each.
    progress : bool
    **common
        Further arguments of `simulate`, for all.

    Returns
    -------
    DataFrame
        A row per policy and size: requests, hits, ratios, evictions.

    Examples
    --------
    >>> trace = Trace([1, 2, 3, 1, 2, 4, 1, 2])
    >>> sweep(trace, ["lru", "belady"], [2, 3])[["policy", "size", "misses"]].values.tolist()
    [['lru', 2, 8], ['lru', 3, 4], ['belady', 2, 6], ['belady', 3, 4]]
    """
    from ..sweep import sweep as run

    if isinstance(policies, str):
        policies = [policies]
    named = dict(policies) if isinstance(policies, Mapping) else {str(name): {} for name in policies}
    chosen = {name: {"policy": name} | dict(arguments) | common for name, arguments in named.items()}
    wanted = [_check.whole(size, "the cache size", 1, LARGEST) for size in sizes]
    for arguments in chosen.values():  # before the work begins
        known = find_policy(arguments["policy"])[0].options
        rule, options = find_policy(arguments["policy"], **{k: v for k, v in arguments.items() if k in known})
        for size in wanted:
            _capacity(trace, rule, options, size, by)
    replay = _Replay(trace, chosen, by)
    return run(replay, {"policy": list(chosen), "size": wanted}, None, executor=executor, progress=progress)


@dataclass(frozen=True, eq=False)
class _Replay:
    """One point of `sweep`; a class, so that it travels to other processes."""

    trace: Trace
    arguments: Mapping[str, Mapping[str, Any]]
    by: By

    def __call__(self, policy: str, size: int) -> dict[str, Any]:
        row = simulate(self.trace, size=size, by=self.by, **self.arguments[policy]).to_dict()
        return {name: value for name, value in row.items() if name not in ("policy", "size")}
