"""Miss ratio curves: the miss ratio over the size of the cache, exact or from a sample."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..display import Shown, axes, format_count, format_share
from ..hashing import hash_keys
from ._kernels import stack
from .policies import policy as find_policy
from .simulate import LARGEST, By, simulate
from .trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Method = Literal["exact", "shards", "aet", "minisim"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRID = 48
"""Sizes of a curve where they are not given, spaced evenly in logarithm from 1 to the footprint."""


@dataclass(frozen=True, eq=False)
class MissRatioCurve(Shown):
    """The miss ratio over the size of the cache.

    Attributes
    ----------
    sizes : int64[m]
        Sizes in objects or bytes, rising.
    miss_ratios : float64[m]
        Share of the requests that miss.
    policy, method, by : str
    requests : int
        Requests of the trace.
    compulsory : float
        Share of the requests that are the first for their object: no size goes below.
    low, high : float64[m] or None
        Bounds of a band that holds the exact curve at 95 % of the sizes or more.
    misses : int64[m] or None
        Missed requests, where they are counted.
    steps : bool
        Whether the curve is known at every size, and so constant between `sizes`.
    """

    sizes: Ints
    miss_ratios: Floats
    policy: str
    method: str
    by: By
    requests: int
    compulsory: float
    low: Floats | None = field(default=None, repr=False)
    high: Floats | None = field(default=None, repr=False)
    misses: Ints | None = field(default=None, repr=False)
    steps: bool = False

    def at(self, size: ArrayLike) -> Any:
        """Return the miss ratio at a size, or at an array of them: all miss at 0, and beyond the last the last.

        Between sizes of a curve that is known at some only, it is interpolated linearly in the logarithm of the size.
        """
        wanted = np.asarray(size, np.float64)
        if not (wanted >= 0).all():
            raise ValueError(f"the size is {size!r}: give numbers of zero or more")
        if self.steps:
            at = np.searchsorted(self.sizes, wanted, side="right") - 1
            return np.where(at < 0, 1.0, self.miss_ratios[np.maximum(at, 0)])[()]
        inside = np.interp(np.log(np.maximum(wanted, 1e-9)), np.log(self.sizes), self.miss_ratios)
        below = 1 - (1 - self.miss_ratios[0]) * wanted / self.sizes[0]
        return np.where(wanted < self.sizes[0], below, inside)[()]

    def size_for(self, miss_ratio: float) -> int:
        """Return the least size of the curve at which no more than this share misses.

        Raises
        ------
        ValueError
            No size of the curve gets there.
        """
        good = self.miss_ratios <= _check.share(miss_ratio, "miss_ratio")
        if not good.any():
            raise ValueError(
                f"no size gets the miss ratio down to {miss_ratio:g}: the least is {self.miss_ratios.min():.4g}, "
                f"of which {self.compulsory:.4g} are first requests"
            )
        return int(self.sizes[int(np.argmax(good))])

    @property
    def title(self) -> str:
        """The curve in one line."""
        middle = len(self.sizes) // 2
        return (
            f"{self.policy} ({self.method}): {format_share(self.miss_ratios[middle])} of "
            f"{format_count(self.requests)} requests miss at {format_count(self.sizes[middle])} {self.by}, "
            f"{format_share(self.miss_ratios[-1])} at {format_count(self.sizes[-1])}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per size, of a long curve `GRID` of them: size, miss ratio, and the band."""
        import pandas as pd

        chosen = np.arange(len(self.sizes))
        if len(chosen) > GRID:
            spaced = np.geomspace(max(self.sizes[0], 1), self.sizes[-1], GRID)
            chosen = np.unique(np.searchsorted(self.sizes, np.floor(spaced + 1e-9), side="right") - 1)
        frame = pd.DataFrame({f"size_{self.by}": self.sizes[chosen], "miss_ratio": self.miss_ratios[chosen]})
        if self.low is not None and self.high is not None:
            frame["miss_ratio_low"], frame["miss_ratio_high"] = self.low[chosen], self.high[chosen]
        return frame

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the curve, its band, and the share of first requests."""
        ax = axes(ax)
        rows = self.to_frame()
        sizes = rows[f"size_{self.by}"]
        drawn = ax.plot(sizes, rows["miss_ratio"], label=f"{self.policy} ({self.method})")
        if "miss_ratio_low" in rows:
            colour = drawn[0].get_color()
            ax.fill_between(
                sizes, rows["miss_ratio_low"], rows["miss_ratio_high"], color=colour, alpha=0.2, linewidth=0
            )
        ax.axhline(self.compulsory, color="black", linewidth=1, linestyle=":")
        ax.set_xscale("log")
        ax.set(xlabel=f"cache size ({self.by})", ylabel="miss ratio", ylim=(0, None), title="Miss ratio curve")
        ax.legend()
        return ax


def miss_ratio_curve(
    trace: Trace,
    method: Method = "exact",
    policy: str = "lru",
    by: By = "objects",
    *,
    sizes: Iterable[int] | None = None,
    rate: float = 0.01,
    samples: int | None = None,
    salts: int = 10,
    seed: int = 0,
    **options: Any,
) -> MissRatioCurve:
    """Compute how the miss ratio falls with the size of the cache.

    Parameters
    ----------
    trace : Trace
    method : str
        - "exact": for LRU all sizes at once, from stack distances; other policies, "belady" among them, are replayed at
          each of `sizes`.
        - "shards": LRU from a sample of the objects.
        - "aet": LRU from the times between uses, without a sample: a model, linear in time.
        - "minisim": any policy, replayed on a sample of the objects in a cache that is smaller in proportion.
    policy : str
        For "exact" and "minisim".
    by : "objects" or "bytes"
        Bytes with "exact" and "minisim" only.
    sizes : sequence of int, optional
        Where the curve is wanted; `GRID` of them unless given, and all sizes for LRU by "exact".
    rate : float
        Share of the objects in each sample.
    samples : int, optional
        Objects in each sample, instead of `rate`: the fixed-size variant of SHARDS.
    salts : int
        Samples, disjoint; from two on they make a band.
    seed : int
        Draws other samples.
    **options
        Of `simulate`: options of the policy, ``admission=``, ``ttl=``, ``renew=``. With any of them LRU is replayed.

    Returns
    -------
    MissRatioCurve

    Notes
    -----
    LRU by bytes is exact for sizes from the largest object on, where objects keep their size: an object hits if all
    that was used since, itself included, fits. Samples are corrected for the requests that they lack (SHARDS_adj).
    The published error of SHARDS, 0.01, does not hold at a rate of 1 % where a few objects have much of the load: look
    at the band. It is that of Student's t at 99 %, which covers 95 % where the samples are spread askew by hot objects.

    Examples
    --------
    >>> trace = Trace([1, 2, 3, 1, 2, 3, 3])
    >>> curve = miss_ratio_curve(trace)
    >>> curve.at([1, 2, 3]) * 7
    array([6., 6., 3.])

    References
    ----------
    - R. Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 1970.
    - C. Waldspurger et al., "Efficient MRC construction with SHARDS", FAST 2015.
    - X. Hu et al., "Fast miss ratio curve modeling for storage cache" (AET), ACM TOS 2018.
    - C. Waldspurger et al., "Cache modeling and optimization using miniature simulations", USENIX ATC 2017.
    """
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}: give one of {', '.join(get_args(Method))}")
    if by == "bytes" and trace.sizes is None:
        raise ValueError("by is 'bytes' and the trace has no sizes: give it sizes, or count objects")
    name = find_policy(policy)[0].name
    wanted = None if sizes is None else _sizes(sizes)
    if method in ("shards", "aet") and (name != "lru" or by != "objects" or options):
        raise ValueError(f"{method!r} knows LRU by objects, without options: use 'minisim' or 'exact'")
    compulsory = trace.objects / trace.requests
    if method == "aet":
        at, ratios = _aet(trace, wanted)
        return MissRatioCurve(at, ratios, name, method, by, trace.requests, compulsory)
    if method == "exact":
        if name == "lru" and not options:
            at, misses = _exact_lru(trace, by)
            if wanted is not None:
                before = np.searchsorted(at, wanted, side="right") - 1
                at, misses = wanted, np.where(before < 0, trace.requests, misses[np.maximum(before, 0)])
        else:
            at = _grid(trace, policy, by, options) if wanted is None else wanted
            results = [simulate(trace, policy, int(size), by, seed=seed, **options) for size in at]
            misses = np.array([result.misses for result in results])
        ratios = misses / trace.requests
        every = name == "lru" and not options and wanted is None
        return MissRatioCurve(at, ratios, name, method, by, trace.requests, compulsory, misses=misses, steps=every)
    sample = _samples(trace, rate, samples, salts, seed)
    at = _resolved(trace, _grid(trace, policy, by, options), by, sample[0][1]) if wanted is None else wanted
    if at[0] * sample[0][1] < 1:
        raise ValueError(
            f"a cache of {at[0]} {by} is less than one of a sample of {sample[0][1]:.3g} of the objects: "
            f"give sizes from {1 / sample[0][1]:.0f} on, or a higher rate"
        )
    values = np.array([_sampled(trace, part, of, at, method, policy, by, seed, options) for part, of in sample])
    ratios = np.clip(values.mean(axis=0), 0, 1)
    low = high = None
    if len(values) > 1:
        half = scipy.special.stdtrit(len(values) - 1, 0.995) * values.std(axis=0, ddof=1) / np.sqrt(len(values))
        low, high = np.clip(ratios - half, 0, 1), np.clip(ratios + half, 0, 1)
    return MissRatioCurve(at, ratios, name, method, by, trace.requests, compulsory, low, high)


def _sizes(sizes: Iterable[int]) -> Ints:
    wanted = np.array(sorted({_check.whole(size, "the cache size", 1, LARGEST) for size in sizes}), np.int64)
    if not len(wanted):
        raise ValueError("sizes is empty: give one size or more")
    return wanted


def _grid(trace: Trace, policy: str, by: By, options: dict[str, Any]) -> Ints:
    """Return sizes from the smallest that the policy takes to the footprint."""
    known = find_policy(policy)[0].options
    rule, chosen = find_policy(policy, **{name: value for name, value in options.items() if name in known})
    unit = 1 if by == "objects" or trace.sizes is None else int(trace.sizes.min())
    whole = trace.objects if by == "objects" else trace.footprint_bytes or 1
    least = min(rule.smallest(chosen, unit), whole)
    if by == "bytes":
        least = max(least, min(whole, int(trace.object_sizes.max())))
    return np.unique(np.rint(np.geomspace(least, whole, GRID)).astype(np.int64))


def _resolved(trace: Trace, grid: Ints, by: By, share: float) -> Ints:
    """Return the sizes of a grid that hold ten objects of a sample, or the largest."""
    unit = 1.0 if by == "objects" else float(trace.object_sizes.mean())
    kept = grid[grid * share >= 10 * unit]
    return kept if len(kept) else np.array([max(grid[-1], int(np.ceil(1 / share)))])


def _exact_lru(trace: Trace, by: By) -> tuple[Ints, Ints]:
    """Return all sizes at which the curve falls, and the misses there."""
    if by == "objects":
        counts = stack.object_distances(trace.ids, trace.objects)
        return np.arange(1, trace.objects + 1), trace.requests - np.cumsum(counts[1:])
    assert trace.sizes is not None
    distances = stack.byte_distances(trace.ids, trace.sizes, trace.objects)
    at, counts = np.unique(distances[distances > 0], return_counts=True)
    if not len(at):
        at, counts = np.array([trace.footprint_bytes or 1]), np.array([0])
    return at, trace.requests - np.cumsum(counts)


def _aet(trace: Trace, wanted: Ints | None) -> tuple[Ints, Floats]:
    """Average eviction time: the T for which the chances of not being used again within t < T add up to the size."""
    counts = stack.reuse_times(trace.ids, trace.objects)
    counts[0] = 0
    later = 1 - np.cumsum(counts) / trace.requests  # share of requests whose object is not used again within t
    filled = np.cumsum(later)
    sizes = np.unique(np.rint(np.geomspace(1, trace.objects, GRID)).astype(np.int64)) if wanted is None else wanted
    return sizes, np.interp(sizes, np.append(0.0, filled[:-1]), later)


def _samples(
    trace: Trace, rate: float, samples: int | None, salts: int, seed: int
) -> list[tuple[tuple[Ints, NDArray[np.int32], int], float]]:
    """Cut `salts` disjoint samples of the objects; return the requests for each, and its share of the objects."""
    if samples is None:
        rate = _check.share(rate, "rate")
        if not rate > 0:
            raise ValueError("rate is 0: give the share of the objects in a sample, above 0")
    else:
        rate = min(_check.whole(samples, "samples", 1, LARGEST) / trace.objects, 1.0)
    salts = _check.whole(salts, "salts", 1, 10_000)
    hashes = hash_keys(np.arange(trace.objects, dtype=np.int64), seed=_check.whole(seed, "seed", 0, 2**63))
    parts = min(salts, int(1 / rate + 1e-9))
    if samples is None:
        classes = np.minimum(hashes / 2.0**64 / rate, 2**30).astype(np.int32)
        shares = [rate] * parts
    else:  # those of the least hashes, then those of the next
        each = round(rate * trace.objects)
        classes = np.empty(trace.objects, np.int32)
        classes[np.argsort(hashes)] = (np.arange(trace.objects) // each).astype(np.int32)
        shares = [each / trace.objects] * parts
    room = np.empty(trace.objects, np.int32)
    return [(stack.of_class(trace.ids, classes, number, room), shares[number]) for number in range(parts)]


def _sampled(
    trace: Trace,
    part: tuple[Ints, NDArray[np.int32], int],
    share: float,
    at: Ints,
    method: str,
    policy: str,
    by: By,
    seed: int,
    options: dict[str, Any],
) -> Floats:
    """Return the miss ratios that one sample shows, with the requests that it lacks taken for hits."""
    positions, ids, objects = part
    expected = share * trace.requests
    missing = expected - len(ids)
    if not len(ids):
        return np.ones(len(at))
    small = np.maximum(np.rint(at * share), 1).astype(np.int64)
    if method == "shards":
        counts = stack.object_distances(ids, objects)
        hits = np.cumsum(counts[1:])[np.minimum(small, objects) - 1]
    else:
        mini = trace.take(positions)
        rule = find_policy(policy)[0]
        chosen = {name: options[name] for name in rule.options if name in options}
        unit = 1 if by == "objects" or mini.sizes is None else int(mini.sizes.min())
        least = rule.smallest({**rule.options, **chosen}, unit)
        run: Callable[[int], int] = lambda size: simulate(mini, policy, size, by, seed=seed, **options).hits  # noqa: E731
        hits = np.array([run(max(int(size), least)) for size in small])
    return 1 - (hits + missing) / expected
