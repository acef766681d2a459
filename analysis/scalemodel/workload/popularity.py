"""Popularity laws: which share of the requests goes to each object, from the most to the least popular."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scalemodel import streams
from scalemodel._kernels import popularity as kernels

from .. import _check

MOST_OBJECTS = 2**52
"""Ranks stay exact as float64, also with a half added."""

_TABLE = 1024  # ranks whose power sums are tabulated; the Euler-Maclaurin formula continues from there

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Groups(NamedTuple):
    """A population in groups of consecutive ranks, most popular first: `counts` objects of mean `probabilities`."""

    counts: Ints
    probabilities: Floats


class Popularity(ABC):
    """A law over ``n`` objects, ranked 0 to n - 1 from the most to the least popular.

    Scalars give scalars and arrays give arrays of the same shape, in all methods.
    """

    n: int

    @abstractmethod
    def _pmf(self, rank: Ints) -> Floats: ...

    @abstractmethod
    def _head(self, k: Ints) -> Floats: ...

    @abstractmethod
    def _tail(self, k: Ints) -> Floats: ...

    @abstractmethod
    def _quantile(self, u: Floats) -> Ints: ...

    @abstractmethod
    def sum_of_squares(self) -> float:
        """Probability that two requests are for the same object, Σp².

        When whole objects are placed on m nodes at random, the load of a node has the squared coefficient of
        variation (m - 1) Σp²: skew that no number of vnodes removes.
        """

    def pmf(self, rank: ArrayLike) -> Floats:
        """Probability that a request is for the object of this rank (0-based)."""
        rank = _check.integers(rank, "rank", self.n - 1)
        return self._pmf(rank.ravel()).reshape(rank.shape)[()]

    def head(self, k: ArrayLike) -> Floats:
        """Share of the requests that the k most popular objects receive: 0 at k = 0 and exactly 1 at k = n."""
        k = _check.integers(k, "k", self.n)
        return self._head(k.ravel()).reshape(k.shape)[()]

    def tail(self, k: ArrayLike) -> Floats:
        """Share of the requests for all but the k most popular objects, to full relative accuracy."""
        k = _check.integers(k, "k", self.n)
        return self._tail(k.ravel()).reshape(k.shape)[()]

    def quantile(self, u: ArrayLike) -> Ints:
        """Rank with ``head(rank) <= u < head(rank + 1)``, for u in [0, 1).

        Exact in terms of `head` as computed in float64. So it is exact to rounding as long as the least popular
        object has a probability far above 2**-53; a wholly flat or steep law over more than about 1e14 objects
        leaves out some ranks of its tail, as there are only 2**53 values of u.
        """
        u = _check.shares(u, "u", below_one=True)
        return self._quantile(u.ravel()).reshape(u.shape)[()]

    def sample(self, size: int, seed: int = 0) -> Ints:
        """Draw the ranks of `size` independent requests.

        The draws have the same bits for any number of workers, and a longer draw begins with the shorter one. On
        another machine, whose pow and exp may differ in the last bit, a draw differs with a probability of about
        n / 2**53.

        Examples
        --------
        >>> Zipf(1_000_000, 1.0).sample(5, seed=1)
        array([     0,  28731,  49955,   6655, 575502])
        """
        return self._quantile(streams.uniforms(_check.whole(size, "size", 0, MOST_OBJECTS), seed))

    def keys_at(self, rank: ArrayLike) -> NDArray:
        """Keys of the objects of these ranks: the ranks themselves, unless the law came with real keys."""
        return _check.integers(rank, "rank", self.n - 1)[()]

    def groups(self, exact: int = 1024, per_decade: int = 128) -> Groups:
        """Stand in for the population by groups of consecutive ranks, exact in the number of objects and in mass.

        A sum Σf(p) over a billion objects becomes a sum of ``counts * f(probabilities)`` over about 2,000 groups.
        Laws with few different probabilities (uniform, hot set, counted) are grouped by these, without any error.

        Parameters
        ----------
        exact : int
            So many of the most popular objects stay alone.
        per_decade : int
            Groups per factor of ten in rank from there on. Within a group of a Zipf law, probabilities differ from
            their mean by at most about ``alpha * 1.2 / per_decade``, relatively, and sums of smooth functions err by
            the square of that.

        Returns
        -------
        Groups
            ``counts`` int64[groups] and ``probabilities`` float64[groups], the mean probability of one object.

        Examples
        --------
        >>> groups = Zipf(10**9, 0.9).groups()
        >>> len(groups.counts), int(groups.counts.sum()), round(float(groups.counts @ groups.probabilities), 12)
        (1791, 1000000000, 1.0)
        """
        exact = _check.whole(exact, "exact", 0, MOST_OBJECTS)
        per_decade = _check.whole(per_decade, "per_decade", 1, MOST_OBJECTS)
        edges = self._edges(exact, per_decade)
        counts = np.diff(edges)
        return Groups(counts, -np.diff(self._tail(edges)) / counts)

    def _edges(self, exact: int, per_decade: int) -> Ints:
        """First ranks of the groups, and n at the end."""
        alone = np.arange(min(exact, self.n) + 1)
        start = max(int(alone[-1]), 1)
        steps = int(np.ceil(per_decade * np.log10(self.n / start)))
        spaced = np.rint(np.geomspace(start, self.n, steps + 1)).astype(np.int64)
        return np.unique(np.concatenate([alone, spaced]))

    def _settle(self, guess: Floats, u: Floats) -> Ints:
        """Turn a closed-form rank that rounding may have put one off into the rank that `quantile` promises."""
        rank = np.clip(guess.astype(np.int64), 0, self.n - 1)
        rank -= self._head(rank) > u
        return rank + (self._head(rank + 1) <= u)


@dataclass(frozen=True)
class Uniform(Popularity):
    """All objects are equally popular.

    Parameters
    ----------
    n : int
        Number of objects.

    Examples
    --------
    >>> Uniform(1000).head(250)
    np.float64(0.25)
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _check.whole(self.n, "n", 1, MOST_OBJECTS))

    def _pmf(self, rank: Ints) -> Floats:
        return np.full(len(rank), 1 / self.n)

    def _head(self, k: Ints) -> Floats:
        return k / self.n

    def _tail(self, k: Ints) -> Floats:
        return (self.n - k) / self.n

    def _quantile(self, u: Floats) -> Ints:
        return self._settle(u * self.n, u)

    def _edges(self, exact: int, per_decade: int) -> Ints:
        return np.array([0, self.n])

    def sum_of_squares(self) -> float:
        """Probability that two requests are for the same object, Σp² = 1 / n."""
        return 1 / self.n


@dataclass(frozen=True)
class Zipf(Popularity):
    """Popularity falls as a power of the rank: p(rank) is proportional to (rank + 1) ** -alpha.

    Shares are exact for any n: power sums of the first 1024 ranks, then the Euler-Maclaurin formula. Their relative
    error is below 1e-14, alpha = 1 and its neighbourhood included.

    Parameters
    ----------
    n : int
        Number of objects.
    alpha : float
        Exponent, 0 (uniform) to 100. The 51 Twitter cache clusters with a fitted one lie between 0 and 2.68, half
        of them above 1.21.

    Examples
    --------
    A thousand of a billion objects, one in a million, get a third of the requests:

    >>> law = Zipf(n=10**9, alpha=1.0)
    >>> round(float(law.head(1000)), 4)
    0.3514

    References
    ----------
    - L. Breslau et al., "Web caching and Zipf-like distributions", INFOCOM 1999: the law.
    - J. Yang et al., "A large scale analysis of hundreds of in-memory cache clusters at Twitter", OSDI 2020: alphas.
    - NIST Digital Library of Mathematical Functions, 2.10(i): the Euler-Maclaurin formula.
    """

    n: int
    alpha: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _check.whole(self.n, "n", 1, MOST_OBJECTS))
        object.__setattr__(self, "alpha", _check.number(self.alpha, "alpha", 0, 100))

    @cached_property
    def _first(self) -> Floats:
        return kernels.powers(np.arange(min(self.n, _TABLE)), self.alpha)

    @cached_property
    def _sums(self) -> Floats:
        return kernels.cumulative(self._first)

    @cached_property
    def _rests(self) -> Floats:
        return kernels.cumulative(self._first[::-1].copy())[::-1].copy()

    @cached_property
    def _total(self) -> float:
        beyond = kernels.power_sum(_TABLE, self.n, self.alpha) if self.n > _TABLE else 0.0
        return float(self._sums[-1] + beyond)

    @cached_property
    def _heads(self) -> Floats:
        return self._sums / self._total

    @cached_property
    def _guide(self) -> Ints:
        return kernels.guide(self._heads, _TABLE)

    def _pmf(self, rank: Ints) -> Floats:
        return kernels.powers(rank, self.alpha) / self._total

    def _head(self, k: Ints) -> Floats:
        return kernels.zipf_head(k, self.alpha, self._sums, self._total)

    def _tail(self, k: Ints) -> Floats:
        return kernels.zipf_tail(k, self.n, self.alpha, self._rests, self._total)

    def _quantile(self, u: Floats) -> Ints:
        return kernels.zipf_quantile(u, self.n, self.alpha, self._sums, self._total, self._heads, self._guide)

    def sum_of_squares(self) -> float:
        """Probability that two requests are for the same object, Σp²."""
        squares = float(np.sum(self._first**2))
        if self.n > _TABLE:
            squares += kernels.power_sum(_TABLE, self.n, 2 * self.alpha)
        return squares / self._total**2


@dataclass(frozen=True)
class HotSet(Popularity):
    """A share of the objects is hot and gets a share of the requests; within the two sets all are equal.

    Parameters
    ----------
    n : int
        Number of objects.
    hot_share : float
        Share of the objects that is hot; their number is rounded, and must leave at least one hot and one cold.
    hot_requests : float
        Share of the requests that the hot objects get; a hot object must not be less popular than a cold one.

    Examples
    --------
    A fifth of the keys gets 80 % of the requests:

    >>> law = HotSet(1000, hot_share=0.2, hot_requests=0.8)
    >>> law.hot_objects, law.head(100)
    (200, np.float64(0.4))
    """

    n: int
    hot_share: float = 0.2
    hot_requests: float = 0.8

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _check.whole(self.n, "n", 2, MOST_OBJECTS))
        object.__setattr__(self, "hot_share", _check.share(self.hot_share, "hot_share"))
        object.__setattr__(self, "hot_requests", _check.share(self.hot_requests, "hot_requests"))
        if not 0 < self.hot_objects < self.n:
            raise ValueError(
                f"hot_share is {self.hot_share}: of {self.n} objects that makes {self.hot_objects} hot ones, "
                "leave at least one hot and one cold"
            )
        if self.hot_requests < self.hot_objects / self.n * (1 - 1e-12):  # the margin is for rounding
            raise ValueError(
                f"hot_requests is {self.hot_requests}: give at least {self.hot_objects / self.n:g}, "
                "so that a hot object is not less popular than a cold one"
            )

    @property
    def hot_objects(self) -> int:
        """Number of hot objects."""
        return round(self.n * self.hot_share)

    @property
    def _hot(self) -> float:
        return self.hot_requests / self.hot_objects

    @property
    def _cold(self) -> float:
        return (1 - self.hot_requests) / (self.n - self.hot_objects)

    def _pmf(self, rank: Ints) -> Floats:
        return np.where(rank < self.hot_objects, self._hot, self._cold)

    def _head(self, k: Ints) -> Floats:
        hot = self.hot_requests * (k / self.hot_objects)
        return np.where(k <= self.hot_objects, hot, 1 - (self.n - k) * self._cold)

    def _tail(self, k: Ints) -> Floats:
        hot_left = np.maximum(self.hot_objects - k, 0) / self.hot_objects
        cold_left = np.minimum(self.n - k, self.n - self.hot_objects) / (self.n - self.hot_objects)
        return hot_left * self.hot_requests + cold_left * (1 - self.hot_requests)

    def _quantile(self, u: Floats) -> Ints:
        hot = u * (self.hot_objects / self.hot_requests)
        cold = self.n - (1 - u) / self._cold if self._cold else hot
        return self._settle(np.where(u < self.hot_requests, hot, cold), u)

    def _edges(self, exact: int, per_decade: int) -> Ints:
        return np.array([0, self.hot_objects, self.n])

    def sum_of_squares(self) -> float:
        """Probability that two requests are for the same object, Σp²."""
        return self.hot_requests * self._hot + (1 - self.hot_requests) * self._cold


@dataclass(frozen=True, eq=False)
class Empirical(Popularity):
    """Popularity as counted.

    Parameters
    ----------
    counts : array of int or float, shape (n,)
        Requests per object, in any order; zero or more, some above zero. Stored from the most to the least popular.
    keys : array, shape (n,), optional
        Key of each object, in the order of `counts`; positions in `counts` unless given. Stored in rank order as
        the attribute `keys`; of equal counts, the key given first has the better rank.

    Examples
    --------
    >>> law = Empirical.from_trace(["a", "b", "c", "b", "b", "c"])
    >>> law.counts, law.keys, law.head(1)
    (array([3., 2., 1.]), array(['b', 'c', 'a'], dtype=object), np.float64(0.5))
    """

    counts: NDArray = field(repr=False)
    keys: Any = field(default=None, repr=False)  # an array, once constructed
    n: int = field(init=False)

    def __post_init__(self) -> None:
        counts = _check.amounts(self.counts, "counts")
        if not counts.any():
            raise ValueError(f"all {len(counts)} counts are 0: give at least one object that was asked for")
        keys = np.arange(len(counts)) if self.keys is None else np.asarray(self.keys)
        if keys.shape != counts.shape:
            raise ValueError(f"keys has shape {keys.shape}: give one key for each of the {len(counts)} counts")
        order = np.argsort(-counts, kind="stable")
        object.__setattr__(self, "counts", _check.read_only(counts[order]))
        object.__setattr__(self, "keys", _check.read_only(keys[order]))
        object.__setattr__(self, "n", len(counts))

    @classmethod
    def from_trace(cls, keys: ArrayLike) -> "Empirical":
        """Count the distinct keys of a trace of requests.

        Parameters
        ----------
        keys : array or list of int, str or bytes, shape (requests,)
            Key of each request. Of equally popular keys, the one asked for first has the better rank.
        """
        trace = np.asarray(keys)
        if isinstance(keys, list | tuple) and trace.dtype.kind not in "iu":
            trace = np.asarray(keys, dtype=object)  # as strings, numpy would cut them at a NUL and mix kinds
        if trace.ndim != 1 or not trace.size:
            raise ValueError(f"the trace has shape {trace.shape}: give one key or more in a flat list or array")
        if trace.dtype.kind not in "iuSUOT":
            raise TypeError(f"the keys of the trace have type {trace.dtype}: give integers or strings")
        codes, distinct = pd.factorize(trace)  # numbers the keys by first appearance, missing ones -1
        if codes.min() < 0:
            raise ValueError(f"the trace lacks {int((codes < 0).sum())} of its keys: drop the missing ones first")
        if trace.dtype.kind == "O" and not _of_one_kind(distinct):
            kinds = ", ".join(sorted({type(key).__name__ for key in distinct}))
            raise TypeError(f"the keys of the trace are of type {kinds}: give integers or strings, all of one kind")
        return cls(np.bincount(codes), distinct)

    @cached_property
    def _sums(self) -> Floats:
        return kernels.cumulative(self.counts.copy())  # a kernel would be compiled again for a locked array

    @cached_property
    def _heads(self) -> Floats:
        return self._sums / self._sums[-1]

    @cached_property
    def _tails(self) -> Floats:
        return kernels.cumulative(self.counts[::-1].copy())[::-1] / self._sums[-1]

    @cached_property
    def _guide(self) -> Ints:
        return kernels.guide(self._heads, 2 ** min((self.n - 1).bit_length(), 20))

    def _pmf(self, rank: Ints) -> Floats:
        return self.counts[rank] / self._sums[-1]

    def _head(self, k: Ints) -> Floats:
        return self._heads[k]

    def _tail(self, k: Ints) -> Floats:
        return self._tails[k]

    def _quantile(self, u: Floats) -> Ints:
        return kernels.table_quantile(u, self._heads, self._guide)

    def _edges(self, exact: int, per_decade: int) -> Ints:
        changes = np.flatnonzero(np.diff(self.counts)) + 1
        return np.concatenate([[0], changes, [self.n]])

    def keys_at(self, rank: ArrayLike) -> NDArray:
        """Keys of the objects of these ranks."""
        return self.keys[super().keys_at(rank)]

    def sum_of_squares(self) -> float:
        """Probability that two requests are for the same object, Σp²."""
        return float(np.sum((self.counts / self._sums[-1]) ** 2))


def _of_one_kind(keys: NDArray) -> bool:
    kinds = {type(key) for key in keys}
    return bool not in kinds and any(
        all(issubclass(kind, allowed) for kind in kinds) for allowed in (str, bytes, (int, np.integer))
    )
