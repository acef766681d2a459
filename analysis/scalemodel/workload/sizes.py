"""Sizes of the objects, in bytes."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import ArrayLike, NDArray

from scalemodel import streams
from scalemodel._kernels.popularity import cumulative

from .. import _check

Floats = NDArray[np.float64]


class ObjectSize(ABC):
    """A distribution of object sizes, in bytes. Scalars give scalars and arrays give arrays of the same shape."""

    @abstractmethod
    def mean(self) -> float:
        """Mean size in bytes."""

    @abstractmethod
    def _quantile(self, p: Floats) -> Floats: ...

    def quantile(self, p: ArrayLike) -> Floats:
        """Size in bytes that a share `p` of the objects does not exceed; the smallest such size."""
        return self._quantile(_check.shares(p, "p"))[()]

    def sample(self, size: int, seed: int = 0) -> Floats:
        """Draw the sizes of `size` objects in bytes.

        The draws have the same bits for any number of workers, and a longer draw begins with the shorter one. All
        samples of one seed come from the same uniforms: where two should be independent, give them two seeds.
        """
        return self._quantile(streams.uniforms(_check.whole(size, "size", 0, 2**52), seed))


@dataclass(frozen=True)
class ConstantSize(ObjectSize):
    """All objects have one size.

    Parameters
    ----------
    bytes : float
        Above 0.

    Examples
    --------
    >>> ConstantSize(1024).mean()
    1024.0
    """

    bytes: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "bytes", _check.positive(self.bytes, "the object size in bytes"))

    def mean(self) -> float:
        """Mean size in bytes."""
        return self.bytes

    def _quantile(self, p: Floats) -> Floats:
        return np.full(p.shape, self.bytes)


@dataclass(frozen=True)
class LogNormalSize(ObjectSize):
    """The logarithm of the size is normal: many small objects, a few large ones.

    Parameters
    ----------
    median : float
        Bytes, above 0.
    sigma : float
        Standard deviation of the natural logarithm of the size, 0 or more: at 1, one object in 40 is larger than
        seven medians.

    Examples
    --------
    >>> size = LogNormalSize(median=1000, sigma=1.0)
    >>> round(size.mean()), round(float(size.quantile(0.975)))
    (1649, 7099)
    """

    median: float
    sigma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "median", _check.positive(self.median, "median"))
        object.__setattr__(self, "sigma", _check.number(self.sigma, "sigma", 0, 25))

    def mean(self) -> float:
        """Mean size in bytes, median * exp(sigma² / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)

    def _quantile(self, p: Floats) -> Floats:
        scores = scipy.special.ndtri(p) if self.sigma else np.zeros(p.shape)
        return self.median * np.exp(self.sigma * scores)


@dataclass(frozen=True, eq=False)
class EmpiricalSize(ObjectSize):
    """Sizes as observed, or a histogram of them.

    Parameters
    ----------
    sizes : array of float, shape (n,)
        Bytes, zero or more, in any order. Stored in rising order.
    weights : array of float, shape (n,), optional
        How many objects have each size; one each unless given.

    Examples
    --------
    >>> size = EmpiricalSize([100, 2000, 300], weights=[6, 1, 3])
    >>> size.mean(), size.quantile([0.5, 0.9, 0.99])
    (350.0, array([ 100.,  300., 2000.]))
    """

    sizes: NDArray = field(repr=False)
    weights: Any = field(default=None, repr=False)  # an array, once constructed

    def __post_init__(self) -> None:
        sizes = _check.amounts(self.sizes, "sizes")
        weights = np.ones(len(sizes)) if self.weights is None else _check.amounts(self.weights, "weights")
        if weights.shape != sizes.shape:
            raise ValueError(f"weights has shape {weights.shape}: give one weight for each of the {len(sizes)} sizes")
        if not weights.any():
            raise ValueError("all weights are 0: give at least one size a weight above 0")
        order = np.argsort(sizes, kind="stable")
        order = order[weights[order] > 0]
        object.__setattr__(self, "sizes", _check.read_only(sizes[order]))
        object.__setattr__(self, "weights", _check.read_only(weights[order]))

    @cached_property
    def _sums(self) -> Floats:
        return cumulative(self.weights.copy())  # a kernel would be compiled again for a locked array

    def mean(self) -> float:
        """Mean size in bytes."""
        return float(np.average(self.sizes, weights=self.weights))

    def _quantile(self, p: Floats) -> Floats:
        return self.sizes[np.searchsorted(self._sums[1:-1], p * self._sums[-1])]
