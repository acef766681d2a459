"""Traces that are made: from a popularity law, scans, loops, mixtures of them, and twins of real ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import _check, streams
from ..workload import ConstantSize, ObjectSize, Popularity
from ._kernels.ranked import NEVER
from .trace import MOST_REQUESTS, Trace

_SIZES, _CHURN, _ORDER = 1, 2, 3  # what else than requests is drawn: chunks of streams far from theirs
_FAR = 2**40


def irm_trace(
    popularity: Popularity,
    requests: int,
    *,
    churn: float = 0.0,
    object_size: ObjectSize | float | None = None,
    rate: float | None = None,
    seed: int = 0,
) -> Trace:
    """Draw independent requests from a popularity law: the independent reference model, with churn if wanted.

    Parameters
    ----------
    popularity : Popularity
        Such as ``Zipf(10**6, 1.0)``. The keys of the trace are its keys, those of new objects follow after them.
    requests : int
        How many.
    churn : float
        New objects per request: at so many instants, a rank drawn uniformly passes from its object to a new one.
    object_size : ObjectSize or float, optional
        In bytes, rounded up to whole ones; every object draws its own.
    rate : float, optional
        Requests per second; times then follow a Poisson process.
    seed : int

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> irm_trace(Zipf(1000, 1.0), 50_000).title
    'Trace: 50 k requests for 1 k objects'
    """
    n = _check.whole(requests, "requests", 1, MOST_REQUESTS)
    churn = _check.share(churn, "churn")
    keys = popularity.sample(n, seed)
    if churn:
        keys = _churned(keys, popularity.n, streams.stream(seed, _FAR * _CHURN), churn)
    trace = Trace(keys if churn else popularity.keys_at(keys))
    sizes = times = None
    if object_size is not None:
        law = object_size if isinstance(object_size, ObjectSize) else ConstantSize(object_size)
        drawn = law._quantile(streams.stream(seed, _FAR * _SIZES).random(trace.objects))
        sizes = np.maximum(np.ceil(drawn), 1).astype(np.int64)[trace.ids]
    if rate is not None:
        rate = _check.positive(rate, "rate", " of requests per second")
        times = np.cumsum(streams.stream(seed, _FAR * _ORDER).exponential(1 / rate, n))
    return Trace._numbered(trace.ids, trace.names, sizes=sizes, times=times)


def _churned(keys: NDArray[np.int64], n: int, draws: np.random.Generator, churn: float) -> NDArray[np.int64]:
    """Give ranks new keys as time goes on: the key of a rank is that of its latest change."""
    changes = draws.binomial(len(keys), churn)
    at = np.sort(draws.integers(0, len(keys), changes))
    ranks = draws.integers(0, n, changes)
    order = np.lexsort((at, ranks))
    codes = ranks[order] * np.int64(2**31) + at[order]  # by rank, then by time
    before = np.searchsorted(codes, keys * np.int64(2**31) + np.arange(len(keys)), side="right") - 1
    changed = (before >= 0) & (ranks[order][before] == keys) if changes else np.zeros(len(keys), bool)
    return np.where(changed, n + order[before] if changes else 0, keys)


def loop_trace(objects: int, requests: int) -> Trace:
    """Ask for the objects in turn, again and again: what LRU cannot cache unless all of it fits.

    Examples
    --------
    >>> loop_trace(3, 7).ids
    array([0, 1, 2, 0, 1, 2, 0], dtype=int32)
    """
    objects = _check.whole(objects, "objects", 1, MOST_REQUESTS)
    return Trace(np.arange(_check.whole(requests, "requests", 1, MOST_REQUESTS)) % objects)


def scan_trace(requests: int) -> Trace:
    """Ask for ever new objects: what no cache can keep from missing."""
    return loop_trace(requests, requests)


def mixed_trace(traces: Sequence[Trace], shares: Sequence[float], seed: int = 0) -> Trace:
    """Interleave traces, whose objects stay apart; each keeps its order, and ends where the first runs out.

    Parameters
    ----------
    traces : sequence of Trace
    shares : sequence of float
        Share of the requests from each.
    seed : int

    Examples
    --------
    >>> from scalemodel.workload import Zipf
    >>> mixed_trace([irm_trace(Zipf(100, 1.0), 9000), scan_trace(1000)], [0.9, 0.1]).requests > 9000
    True
    """
    weights = _check.amounts(shares, "shares")
    if len(weights) != len(traces) or not len(traces):
        raise ValueError(f"{len(traces)} traces came with {len(weights)} shares: give a share for each trace")
    if any((trace.sizes is None) != (traces[0].sizes is None) for trace in traces):
        raise ValueError("some of the traces have sizes and some have none: give all of them sizes, or none")
    weights = weights / weights.sum()
    longest = sum(trace.requests for trace in traces)
    of = np.searchsorted(np.cumsum(weights)[:-1], streams.stream(seed, _FAR * _ORDER).random(longest), side="right")
    end = longest
    for number, trace in enumerate(traces):
        own = np.flatnonzero(of == number)
        if len(own) > trace.requests:
            end = min(end, int(own[trace.requests]))
    of = of[:end]
    keys, sizes = np.empty(end, np.int64), np.empty(end, np.int64)
    base = 0
    for number, trace in enumerate(traces):
        own = np.flatnonzero(of == number)
        keys[own] = base + trace.ids[: len(own)]
        if trace.sizes is not None:
            sizes[own] = trace.sizes[: len(own)]
        base += trace.objects
    return Trace(keys, sizes if traces[0].sizes is not None else None)


def twin(trace: Trace, seed: int = 0) -> Trace:
    """Make another trace with the popularity and the reuse of this one and none of its keys, to be shared freely.

    Every object of the twin is asked for as often as one of the trace. The requests between two for the same object
    are dealt anew among the objects of about equal popularity (powers of two), as are the instants of first requests,
    and the resulting order is played back. Sizes go with popularity; times are kept.

    Notes
    -----
    Counts per object are those of the trace, exactly; reuse times and with them the curves of LRU nearly, as an object
    may come to lie beyond the end. What is lost is which objects are asked for together.

    Examples
    --------
    >>> trace = Trace([5, 9, 5, 7, 5, 9])
    >>> sorted(twin(trace).counts.tolist()) == sorted(trace.counts.tolist())
    True
    """
    draws = streams.stream(seed, _FAR * _ORDER)
    counts = trace.counts
    classes = np.frexp(counts)[1]  # by powers of two
    following = trace.next_use.astype(np.int64)
    positions = np.arange(trace.requests)
    again = following < NEVER
    gaps, gap_class = (following - positions)[again], classes[trace.ids[again]]
    starts = positions[trace.first]
    when = np.empty(trace.requests, np.int64)
    new_ids = np.empty(trace.requests, np.int64)
    sizes = np.empty(trace.objects, np.int64) if trace.sizes is not None else None
    done = 0
    for kind in np.unique(classes):
        members = np.flatnonzero(classes == kind)
        many = counts[members]
        steps = np.zeros(many.sum(), np.int64)
        first = np.cumsum(many) - many
        later = np.ones(len(steps), bool)
        later[first] = False
        steps[later] = draws.permutation(gaps[gap_class == kind])
        steps[first] = draws.permutation(starts[members])
        total = np.cumsum(steps)
        total -= np.repeat(total[first] - steps[first], many)
        end = done + len(steps)
        when[done:end], new_ids[done:end] = total, np.repeat(members, many)
        if sizes is not None:
            sizes[members] = draws.permutation(trace.object_sizes[members])
        done = end
    order = np.lexsort((draws.random(trace.requests), when))
    shuffled = new_ids[order]
    made = Trace(shuffled)
    own = None if sizes is None else sizes[shuffled]
    return Trace._numbered(made.ids, np.arange(made.objects), sizes=own, times=trace.times)
