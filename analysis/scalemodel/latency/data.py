"""Latencies as measured: samples, histograms, published percentiles."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..display import format_time
from .base import _SLACK, Floats, Latency, Many, pointwise


@dataclass(frozen=True, eq=False)
class Discrete(Latency):
    """A law of atoms.

    Parameters
    ----------
    times : float64[n]
        Rising, in seconds.
    weights : float64[n]
        Above 0; their ratios matter.
    """

    times: Floats = field(repr=False)
    weights: Floats = field(repr=False)

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"{len(self.times)} times from {format_time(self.times[0])} to {format_time(self.times[-1])}"

    def mean(self) -> float:
        """Mean in seconds."""
        return float(np.average(self.times, weights=self.weights))

    def var(self) -> float:
        """Variance in seconds squared."""
        return float(np.average((self.times - self.mean()) ** 2, weights=self.weights))

    @cached_property
    def masses(self) -> Floats:
        """The probability of each time."""
        return self.weights / self.weights.sum()

    @cached_property
    def _shares(self) -> tuple[Floats, Floats]:
        """The probabilities before and from each time on, each added up from its small end."""
        total = self.weights.sum()
        below, above = np.cumsum(self.weights), np.cumsum(self.weights[::-1])[::-1]
        return np.append(0.0, below) / total, np.append(above, 0.0) / total

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        at = np.searchsorted(self.times, t, "left" if left else "right")
        below, above = self._shares
        return below[at], above[at]

    def _pdf(self, t: Floats) -> Floats:
        return np.zeros(len(t))

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        below, above = self._shares
        by_p = np.searchsorted(below[1:], p - _SLACK)
        by_q = len(self.times) - np.searchsorted(above[:0:-1], q + _SLACK, "right")
        return self.times[np.minimum(np.where(q < 0.5, by_q, by_p), len(self.times) - 1)]

    @property
    def atoms(self) -> tuple[Floats, Floats]:
        """The times, in seconds, and their probabilities."""
        return self.times, self.masses

    @property
    def _knots(self) -> Floats:
        return self.times

    @property
    def _jumps(self) -> Floats:
        return self.times

    @property
    def _spread(self) -> float:
        return float(self.times[-1] - self.times[0]) or 1e-300


@dataclass(frozen=True, eq=False, init=False)
class Empirical(Discrete):
    """What was measured is what will be.

    Parameters
    ----------
    samples : array of float, shape (n,)
        Two or more latencies in seconds, in any order.
    weights : array of float, shape (n,), optional
        How often each was seen; once unless given.

    Examples
    --------
    >>> law = Empirical([0.003, 0.001, 0.002, 0.010])
    >>> law.mean(), law.quantile([0.5, 0.75, 0.99])
    (0.004, array([0.002, 0.003, 0.01 ]))
    """

    n: int

    def __init__(self, samples: ArrayLike, weights: ArrayLike | None = None) -> None:
        values = _check.amounts(samples, "the sample of latencies")
        if len(values) < 2:
            raise ValueError(
                "the sample holds one latency: give two or more, or use Constant for one that never varies"
            )
        seen = np.ones(len(values)) if weights is None else _check.amounts(weights, "the weights of the sample")
        if seen.shape != values.shape or not seen.any():
            raise ValueError(
                f"a sample of {len(values)} came with {len(seen)} weights: give one for each, and not all of them 0"
            )
        times, at = np.unique(values, return_inverse=True)
        counts = np.bincount(at, seen)
        for name, value in {"times": times[counts > 0], "weights": counts[counts > 0]}.items():
            object.__setattr__(self, name, _check.read_only(value))
        object.__setattr__(self, "n", len(values))

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"{self.n} samples from {format_time(self.times[0])} to {format_time(self.times[-1])}"


@dataclass(frozen=True, eq=False)
class Histogram(Latency):
    """Counts in buckets; within a bucket all times are taken as equally likely.

    Parameters
    ----------
    edges : array of float, shape (n + 1,)
        Rising, in seconds; the last may be infinite. What is in such an overflow bucket is taken to be at its lower
        edge, as Prometheus does: a bound from below.
    counts : array of float, shape (n,)
        0 or more, not all of them 0.

    Examples
    --------
    >>> law = Histogram([0, 0.001, 0.002, 0.004], [50, 40, 10])
    >>> round(law.quantile(0.95), 6), law.quantile_bounds(0.95)
    (0.003, (0.002, 0.004))
    """

    edges: Floats = field(repr=False)
    counts: Floats = field(repr=False)

    def __post_init__(self) -> None:
        edges = np.array(self.edges, np.float64)
        counts = _check.amounts(self.counts, "the counts of the histogram")
        if edges.shape != (len(counts) + 1,):
            raise ValueError(f"a histogram of {len(counts)} counts came with {edges.size} edges: give one edge more")
        finite = edges if edges[-1] < math.inf else edges[:-1]
        _check.amounts(finite, "the edges of the histogram")
        if not (np.diff(edges) > 0).all():
            raise ValueError("the edges of the histogram do not rise: give them in order, each once")
        if not counts.any():
            raise ValueError("all counts of the histogram are 0: there is nothing to learn from it")
        if len(finite) < 2:
            raise ValueError(
                "the histogram has an overflow bucket only: give at least one bucket with two finite edges"
            )
        object.__setattr__(self, "edges", _check.read_only(edges))
        object.__setattr__(self, "counts", _check.read_only(counts))

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"{self.counts.sum():g} counted in {len(self.counts)} buckets"

    @overload
    def quantile_bounds(self, p: float) -> tuple[float, float]: ...
    @overload
    def quantile_bounds(self, p: Many) -> tuple[Floats, Floats]: ...
    def quantile_bounds(self, p: Any) -> Any:
        """Return the lower and the upper edge of the bucket that holds the quantile `p`, in seconds.

        What was counted allows any value in between. The upper edge of an overflow bucket is infinite.
        """
        shares = _check.shares(p, "p")
        low = pointwise(lambda flat: self.edges[self._bucket(flat, 1 - flat)], shares)
        high = pointwise(lambda flat: self.edges[self._bucket(flat, 1 - flat) + 1], shares)
        return low, high

    @property
    def bounds(self) -> tuple[Discrete, Discrete]:
        """The fastest and the slowest law that the counts allow: all at the lower, all at the upper edges.

        Sums, order statistics and hedges grow with each part, so that what they give for the two encloses the truth
        (above the last finite edge nothing is known, and the slowest law has that edge).
        """
        upper = np.minimum(self.edges[1:], self._last)
        return gathered(self.edges[:-1], self.counts), gathered(upper, self.counts)

    def mean(self) -> float:
        """Mean in seconds."""
        middles = (self.edges[:-1] + np.minimum(self.edges[1:], self._last)) / 2
        return float(np.average(np.minimum(middles, self._last), weights=self.counts))

    def var(self) -> float:
        """Variance in seconds squared."""
        widths = np.minimum(self.edges[1:], self._last) - self.edges[:-1]
        middles = self.edges[:-1] + widths / 2
        return float(np.average((middles - self.mean()) ** 2 + widths**2 / 12, weights=self.counts))

    @property
    def _last(self) -> float:
        """The last finite edge."""
        return float(self.edges[-1] if self.edges[-1] < math.inf else self.edges[-2])

    @cached_property
    def _steps(self) -> Discrete:
        """The numbers of the buckets as if they were times."""
        held = np.flatnonzero(self.counts)
        return Discrete(held.astype(np.float64), self.counts[held])

    def _bucket(self, p: Floats, q: Floats) -> NDArray[np.int64]:
        return self._steps._quantile(p, q).astype(np.int64)

    @cached_property
    def _shares(self) -> tuple[Floats, Floats]:
        return Discrete(self.edges[1:], self.counts)._shares

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        below, above = self._shares
        at = np.clip(np.searchsorted(self.edges, t, "right") - 1, 0, len(self.counts) - 1)
        start, end = self.edges[at], self.edges[at + 1]
        over = end == math.inf
        width = np.where(over, 1.0, end - start)
        done = np.where(over, 1.0 if not left else (t > start), np.clip((t - start) / width, 0, 1))
        ahead = np.where(over, 1 - done, np.clip((end - t) / width, 0, 1))
        done, ahead = np.where(t < start, 0.0, done), np.where(t < start, 1.0, ahead)
        mass = self._masses[at]
        return below[at] + mass * done, above[at + 1] + mass * ahead

    @cached_property
    def _masses(self) -> Floats:
        return self.counts / self.counts.sum()

    def _pdf(self, t: Floats) -> Floats:
        at = np.searchsorted(self.edges, t, "right") - 1
        inside = (at >= 0) & (at < len(self.counts))
        return np.where(inside, np.append(self._masses / np.diff(self.edges), 0.0)[at], 0.0)

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        at = self._bucket(p, q)
        below, above = self._shares
        start, end = self.edges[at], np.minimum(self.edges[at + 1], self._last)
        mass = self._masses[at]
        share = np.where(q < 0.5, 1 - (q - above[at + 1]) / mass, (p - below[at]) / mass)
        return start + (end - start) * np.clip(share, 0, 1)

    @cached_property
    def _knots(self) -> Floats:
        held = self.counts > 0
        return np.unique(np.minimum(np.concatenate([self.edges[:-1][held], self.edges[1:][held]]), self._last))

    @property
    def _jumps(self) -> Floats:
        return np.array([self._last]) if self.edges[-1] == math.inf and self.counts[-1] else np.empty(0)

    @property
    def _spread(self) -> float:
        return float(self._knots[-1] - self._knots[0]) or 1e-300


@dataclass(frozen=True, eq=False)
class Interpolated(Latency):
    """A latency through given percentiles: log-normal between two neighbours, and beyond the outermost.

    Parameters
    ----------
    p : array of float, shape (n,)
        Rising, between 0 and 1, both excluded; two or more.
    times : array of float, shape (n,)
        Seconds, above 0, not falling; two equal neighbours make an atom.
    """

    p: Floats
    times: Floats

    def __post_init__(self) -> None:
        p = np.array(self.p, np.float64)
        times = _check.amounts(self.times, "the times of the percentiles")
        if p.shape != times.shape or len(p) < 2:
            raise ValueError(f"{len(p)} percentiles came with {len(times)} times: give two or more, a time for each")
        if not ((p > 0) & (p < 1)).all():
            wrong = float(p[~((p > 0) & (p < 1))][0])
            hint = f", was {wrong / 100:g} meant?" if 1 < wrong < 100 else ""
            raise ValueError(f"a percentile is at {wrong:g}: give shares between 0 and 1, such as 0.99{hint}")
        if not (np.diff(p) > 0).all():
            raise ValueError("the percentiles do not rise: give each share once, in order")
        for i in range(1, len(p)):
            if times[i] < times[i - 1]:
                low, high = (f"p{100 * p[k]:g} is {format_time(times[k])}" for k in (i - 1, i))
                raise ValueError(f"{low} and {high}: a higher percentile cannot be faster")
        if times[0] <= 0:
            raise ValueError("a percentile is 0 s: give times above 0")
        object.__setattr__(self, "p", _check.read_only(p))
        object.__setattr__(self, "times", _check.read_only(times))

    @property
    def description(self) -> str:
        """The law in a few words."""
        points = (f"p{100 * p:g} {format_time(t)}" for p, t in zip(self.p, self.times, strict=True))
        return "log-normal through " + ", ".join(points)

    @cached_property
    def _line(self) -> tuple[Floats, Floats, Floats]:
        """Logarithms of the times, normal scores, and the score per logarithm of each stretch; the outer two twice."""
        ndtri = scipy.special.ndtri
        logs, scores = np.log(self.times), np.where(self.p > 0.5, -ndtri(1 - self.p), ndtri(self.p))
        with np.errstate(divide="ignore"):
            slopes = np.diff(scores) / np.diff(logs)
        return logs, scores, np.concatenate([slopes[:1], slopes, slopes[-1:]])

    def _score(self, t: Floats, left: bool) -> tuple[Floats, Floats]:
        """Return the normal score of each time, and its slope by the logarithm of the time."""
        logs, scores, slopes = self._line
        at = np.searchsorted(self.times, t, "left" if left else "right")
        anchor = np.maximum(at - 1, 0)
        steep = np.isinf(slopes[at])  # before the first of two equal times, or from the last of two on
        with np.errstate(divide="ignore"):
            way = np.where(steep, 0.0, slopes[at]) * (np.log(np.maximum(t, 0.0)) - logs[anchor])
        return np.where(steep, np.where(at > 0, math.inf, -math.inf), scores[anchor] + way), slopes[at]

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        score, _ = self._score(t, left)
        return scipy.special.ndtr(score), scipy.special.ndtr(-score)

    def _pdf(self, t: Floats) -> Floats:
        score, slope = self._score(t, False)
        inside = np.isfinite(score) & (t > 0)
        with np.errstate(over="ignore"):
            return np.where(
                inside, slope * np.exp(-(score**2) / 2) / (math.sqrt(2 * math.pi) * np.where(inside, t, 1)), 0
            )

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        _, scores, slopes = self._line
        z = np.where(q < 0.5, -scipy.special.ndtri(q), scipy.special.ndtri(p))
        at = np.searchsorted(scores, z, "right")
        anchor = np.maximum(at - 1, 0)
        with np.errstate(over="ignore", invalid="ignore"):
            away = np.where(np.isinf(slopes[at]), 0.0, (z - scores[anchor]) / slopes[at])
            return self.times[anchor] * np.exp(away)

    @cached_property
    def _knots(self) -> Floats:
        slopes = self._line[2]
        return np.unique(self.times if np.isinf(slopes[0]) else np.append(0.0, self.times))

    @cached_property
    def _jumps(self) -> Floats:
        return np.unique(self.times[1:][np.diff(self.times) == 0])

    @property
    def _spread(self) -> float:
        return float(self.times[len(self.times) // 2])


def from_percentiles(percentiles: Mapping[float, float]) -> Interpolated:
    """Return a latency that has exactly the given percentiles, such as a dashboard shows.

    Between two neighbours the law is log-normal, and so it goes on beyond the outermost: with two percentiles it is
    the log-normal through both. What lies beyond the highest given is a guess, not a measurement.

    Parameters
    ----------
    percentiles : mapping of float to float
        Share (0.99) to seconds; two or more, in any order.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, or a higher percentile has a shorter time.

    Examples
    --------
    >>> law = from_percentiles({0.5: 0.002, 0.99: 0.020})
    >>> law.quantile(0.99), round(law.quantile(0.999), 4)
    (0.02, 0.0426)
    """
    if not isinstance(percentiles, Mapping):
        raise TypeError(
            f"the percentiles came as {type(percentiles).__name__}: give a mapping such as {{0.99: 20 * ms}}"
        )
    if len(percentiles) < 2:
        raise ValueError("there are fewer than two percentiles: give two or more, such as {0.5: 2 * ms, 0.99: 20 * ms}")
    shares = [_check.number(p, "a percentile", -math.inf) for p in percentiles]
    times = [_check.number(t, "the time of a percentile", hint=" in seconds") for t in percentiles.values()]
    order = np.argsort(shares, kind="stable")
    return Interpolated(np.array(shares)[order], np.array(times)[order])


def from_histogram(edges: ArrayLike, counts: ArrayLike, cumulative: bool = False) -> Histogram:
    """Return the latency of a histogram's buckets.

    Parameters
    ----------
    edges, counts : array of float
        As for `Histogram`; with `cumulative`, the upper edges (Prometheus' ``le``, the last may be infinite) and how
        many were at most that long.

    Examples
    --------
    >>> law = from_histogram([0.005, 0.01, 0.025, float("inf")], [900, 980, 998, 1000], cumulative=True)
    >>> round(law.quantile(0.99), 6), law.quantile_bounds(0.99), law.quantile_bounds(0.999)
    (0.018333, (0.01, 0.025), (0.025, inf))
    """
    if not cumulative:
        return Histogram(np.asarray(edges), np.asarray(counts))
    upper = np.asarray(edges, np.float64)
    totals = _check.amounts(counts, "the counts of the histogram")
    if upper.shape != totals.shape:
        raise ValueError(f"{len(totals)} cumulative counts came with {upper.size} upper edges: give one for each")
    if not (np.diff(totals) >= 0).all():
        raise ValueError("the counts of a cumulative histogram fall: give how many were at most as long as each edge")
    if not upper[0] > 0:
        raise ValueError(f"the first upper edge is {upper[0]:g}: give edges above 0, as a bucket from 0 comes before")
    return Histogram(np.append(0.0, upper), np.diff(totals, prepend=0.0))


def gathered(times: Floats, weights: Floats) -> Discrete:
    """Return the law of times of which some may be equal, or of no weight."""
    unique, at = np.unique(times, return_inverse=True)
    total = np.bincount(at, weights).astype(np.float64)
    return Discrete(unique[total > 0], total[total > 0])
