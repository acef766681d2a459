"""Who may enter the cache after a miss.

All of these depend on the trace alone, not on what the cache holds, so that an admission is a column of yes and no.
TinyLFU, which asks for the victim, is a part of the policy: ``wtinylfu`` with another window.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check, streams
from ..topology import nearest
from .trace import Trace

_FAR = 2**41

Mask = NDArray[np.uint8]


class Admission(ABC):
    """A rule that says which missed objects are stored."""

    @abstractmethod
    def mask(self, trace: Trace, size: int, seed: int = 0) -> Mask:
        """Return ``uint8[requests]``: whether the object may be stored if this request misses in a cache of `size`."""


def _sizes(trace: Trace, rule: Admission) -> NDArray[np.int64]:
    if trace.sizes is None:
        raise ValueError(f"{type(rule).__name__} asks for the size of objects and the trace has none: give sizes")
    return trace.sizes


def _draws(trace: Trace, seed: int) -> NDArray[np.float64]:
    return streams.stream(seed, _FAR).random(trace.requests)


@dataclass(frozen=True)
class SizeLimit(Admission):
    """Objects of up to `bytes`."""

    bytes: float

    def __post_init__(self) -> None:
        _check.positive(self.bytes, "the size limit in bytes")

    def mask(self, trace: Trace, size: int, seed: int = 0) -> Mask:
        """Return who may enter."""
        return (_sizes(trace, self) <= self.bytes).astype(np.uint8)


@dataclass(frozen=True)
class Probability(Admission):
    """Every missed object with probability `p`, drawn anew at each miss."""

    p: float

    def __post_init__(self) -> None:
        if not _check.share(self.p, "p") > 0:
            raise ValueError("p is 0: with it nothing ever enters the cache, give a share above 0")

    def mask(self, trace: Trace, size: int, seed: int = 0) -> Mask:
        """Return who may enter."""
        return (_draws(trace, seed) < self.p).astype(np.uint8)


@dataclass(frozen=True)
class SizeProbability(Admission):
    """A missed object of s bytes with probability exp(-s / `scale`)."""

    scale: float

    def __post_init__(self) -> None:
        _check.positive(self.scale, "scale", " of bytes")

    def mask(self, trace: Trace, size: int, seed: int = 0) -> Mask:
        """Return who may enter."""
        return (_draws(trace, seed) < np.exp(-_sizes(trace, self) / self.scale)).astype(np.uint8)


@dataclass(frozen=True)
class Bloom(Admission):
    """Objects from their second request on, as a Bloom filter of all that was asked for tells.

    Parameters
    ----------
    false_positives : float
        Share of the new objects that the filter takes for known.
    """

    false_positives: float = 0.0

    def __post_init__(self) -> None:
        _check.share(self.false_positives, "false_positives")

    def mask(self, trace: Trace, size: int, seed: int = 0) -> Mask:
        """Return who may enter."""
        known = ~trace.first
        return (known | (_draws(trace, seed) < self.false_positives)).astype(np.uint8)


@dataclass(frozen=True)
class TinyLFU(Admission):
    """What was asked for more often, lately, than what it would displace; with ``lru`` and ``slru`` only.

    It makes them the policy ``wtinylfu`` without a window, and for ``lru`` without a protected segment.
    """

    def mask(self, trace: Trace, size: int, seed: int = 0) -> Mask:
        """Return that any may enter: the policy decides."""
        return np.ones(1, np.uint8)


@dataclass(frozen=True)
class AdaptSize(Admission):
    """An object of s bytes with probability exp(-s / c), where c follows the workload.

    After every `interval` requests, the c is taken that would have given the highest hit ratio in a model of LRU behind
    this admission, fed with the rates of the requests so far (those of earlier intervals weigh half each time).

    Parameters
    ----------
    interval : int
        Requests between two settings of c; the first interval uses the size of the cache.

    References
    ----------
    - D. Berger, R. Sitaraman, M. Harchol-Balter, "AdaptSize: orchestrating the hot object memory cache in a content
      delivery network", NSDI 2017, sections 3 and 4.
    """

    interval: int = 250_000

    def __post_init__(self) -> None:
        _check.whole(self.interval, "interval", 1, 2**31)

    def mask(self, trace: Trace, size: int, seed: int = 0) -> Mask:
        """Return who may enter."""
        scale = np.repeat(self.scales(trace, size), self.interval)[: trace.requests]
        return (_draws(trace, seed) < np.exp(-_sizes(trace, self) / scale)).astype(np.uint8)

    def scales(self, trace: Trace, size: int) -> NDArray[np.float64]:
        """Return the c of each interval, in bytes."""
        sizes = _sizes(trace, self)
        starts = range(0, trace.requests, self.interval)
        out = np.empty(len(starts))
        rates, bytes_of = np.zeros(trace.objects), np.zeros(trace.objects)
        c = float(size)
        for number, start in enumerate(starts):
            out[number] = c
            part = slice(start, start + self.interval)
            rates = rates / 2 + np.bincount(trace.ids[part], minlength=trace.objects)
            bytes_of[trace.ids[part]] = sizes[part]
            c = _best_scale(*_grouped(rates, bytes_of), size)
        return out


def _grouped(rates: NDArray, sizes: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return objects of about the same rate and size as one: how many, mean rate, mean size."""
    seen = rates > 0
    rates, sizes = rates[seen], sizes[seen]
    cells = np.rint(8 * np.log2(rates)).astype(np.int64) * 4096 + np.rint(8 * np.log2(sizes)).astype(np.int64)
    _, cell = np.unique(cells, return_inverse=True)
    many = np.bincount(cell)
    return many.astype(float), np.bincount(cell, rates) / many, np.bincount(cell, sizes) / many


def _best_scale(many: NDArray, rates: NDArray, sizes: NDArray, size: int) -> float:
    """Search for the c of the highest modelled hit ratio, on a grid of factors of two and then finer."""
    tried = {}
    grid = 2.0 ** np.arange(np.floor(np.log2(sizes.min())), np.log2(max(size, sizes.max())) + 3)
    for c in grid:
        tried[float(c)] = _modelled_hits(float(c), many, rates, sizes, size)
    for step in (1.41, 1.19, 1.09):
        best = max(tried, key=tried.__getitem__)
        for c in (best / step, best * step):
            tried[c] = _modelled_hits(c, many, rates, sizes, size)
    return max(tried, key=tried.__getitem__)


def _modelled_hits(c: float, many: NDArray, rates: NDArray, sizes: NDArray, size: int) -> float:
    """Hits per request: an object is cached with probability a / (1 + a), a = (e^(rate T) - 1) e^(-size / c)."""
    admitted = np.exp(-np.minimum(sizes / c, 700.0))

    def cached(t: float) -> NDArray:
        a = np.expm1(np.minimum(rates * t, 500.0)) * admitted
        return a / (1 + a)

    low, high = 0.0, 2.0  # intervals: objects that need longer to get in are not there when their rates have changed
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if many @ (cached(middle) * sizes) < size else (low, middle)
    return float(many @ (rates * cached(low)) / (many @ rates))


ADMISSIONS: dict[str, Any] = {"adaptsize": AdaptSize, "bloom": Bloom, "tinylfu": TinyLFU}
"""Admissions that need no parameter, by name."""


def as_admission(rule: Admission | str | None) -> Admission | None:
    """Return the admission of a name."""
    if rule is None or isinstance(rule, Admission):
        return rule
    plain = "".join(c for c in str(rule).lower() if c.isalnum())
    if plain not in ADMISSIONS:
        hint = (
            nearest(plain, ADMISSIONS)
            or f"; there are {', '.join(ADMISSIONS)}, or give an object such as Probability(0.1)"
        )
        raise ValueError(f"there is no admission {rule!r}{hint}")
    admission: Admission = ADMISSIONS[plain]()
    return admission
