"""Latencies with a closed form, and mixtures of any."""

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy  # loads its parts when they are first used

from .. import _check
from ._kernels import families as kernels
from .base import Floats, Latency, Values, latencies, stacked, union

if TYPE_CHECKING:
    from .shared import Variable

_ONE = np.array([0, 1], np.int64)
_IN_SECONDS = " in seconds"


@dataclass(frozen=True, init=False, repr=False)
class Family(Latency):
    """A law with a closed form: one component of `_kernels.families`."""

    @property
    @abstractmethod
    def _row(self) -> tuple[int, float, float, float]:
        """Code, shift, scale and shape."""

    @abstractmethod
    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        """Return quantiles of the law with shift 0 and scale 1, given the shares below and above."""

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        given = ", ".join(f"{f.name.lstrip('_')}={getattr(self, f.name)!r}" for f in fields(self))
        return f"{type(self).__name__}({given})"

    @cached_property
    def _rows(self) -> Floats:
        code, shift, scale, shape = self._row
        return np.array([[code, 1.0, shift, scale, shape]])

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        below, above = kernels.tails_of(t, self._rows, _ONE, left)
        return below[0], above[0]

    def _pdf(self, t: Floats) -> Floats:
        return kernels.densities_of(t, self._rows, _ONE)[0]

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        _, shift, scale, _ = self._row
        with np.errstate(divide="ignore", over="ignore"):
            return shift + scale * self._unit_quantile(p, q)

    @cached_property
    def _knots(self) -> Floats:
        return np.array([self._row[1]])

    @property
    def _spread(self) -> float:
        return self._row[2]


@dataclass(frozen=True, init=False, repr=False)
class Constant(Family):
    """Always the same: a fixed cost, or a distance.

    Parameters
    ----------
    value : float
        Seconds, 0 or more.

    Examples
    --------
    >>> Constant(0.003).quantile(0.99)
    0.003
    """

    value: float

    def __init__(self, value: float) -> None:
        self._set(value=_check.number(value, "a constant latency", hint=_IN_SECONDS))

    def mean(self) -> float:
        """Mean in seconds."""
        return self.value

    def var(self) -> float:
        """Variance in seconds squared."""
        return 0.0

    @property
    def _row(self) -> tuple[int, float, float, float]:
        return kernels.CONSTANT, self.value, 0.0, 0.0

    @property
    def _jumps(self) -> Floats:
        return self._knots

    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        return np.zeros(len(p))


@dataclass(frozen=True, init=False, repr=False)
class Uniform(Family):
    """Equally likely anywhere between two times.

    Parameters
    ----------
    low, high : float
        Seconds, 0 or more; `high` above `low`.

    Examples
    --------
    >>> law = Uniform(0.001, 0.003)
    >>> law.mean(), law.quantile(0.75)
    (0.002, 0.0025)
    """

    low: float
    high: float

    def __init__(self, low: float, high: float) -> None:
        self._set(low=_check.number(low, "low", hint=_IN_SECONDS), high=_check.number(high, "high", hint=_IN_SECONDS))
        if not self.low < self.high:
            raise ValueError(f"a uniform latency from {low!r} to {high!r} s: give a `high` above `low`")

    def mean(self) -> float:
        """Mean in seconds."""
        return (self.low + self.high) / 2

    def var(self) -> float:
        """Variance in seconds squared."""
        return (self.high - self.low) ** 2 / 12

    @property
    def _row(self) -> tuple[int, float, float, float]:
        return kernels.UNIFORM, self.low, self.high - self.low, 0.0

    @cached_property
    def _knots(self) -> Floats:
        return np.array([self.low, self.high])

    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        return np.where(q < 0.5, 1 - q, p)


@dataclass(frozen=True, init=False, repr=False)
class Exponential(Family):
    """No memory: however long one has waited, the wait ahead is the same.

    Parameters
    ----------
    mean : float
        Seconds, above 0.

    Examples
    --------
    >>> round(Exponential(mean=0.001).quantile(0.99), 6)
    0.004605
    """

    _mean: float

    def __init__(self, mean: float) -> None:
        self._set(_mean=_check.positive(mean, "the mean", _IN_SECONDS))

    def mean(self) -> float:
        """Mean in seconds."""
        return self._mean

    def var(self) -> float:
        """Variance in seconds squared."""
        return self._mean**2

    @property
    def _row(self) -> tuple[int, float, float, float]:
        return kernels.EXPONENTIAL, 0.0, self._mean, 0.0

    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        return np.where(q < 0.5, -np.log(q), -np.log1p(-p))


@dataclass(frozen=True, init=False, repr=False)
class Gamma(Family):
    """A sum of exponential stages, their number not necessarily whole.

    Parameters
    ----------
    shape : float
        The number of stages, above 0. The coefficient of variation is ``1 / sqrt(shape)``.
    mean : float
        Of the sum, in seconds, above 0.

    Examples
    --------
    >>> law = Gamma(shape=4, mean=0.002)
    >>> law.std(), round(law.quantile(0.99), 6)
    (0.001, 0.005023)
    """

    shape: float
    _mean: float

    def __init__(self, shape: float, mean: float) -> None:
        self._set(shape=_check.positive(shape, "the shape"), _mean=_check.positive(mean, "the mean", _IN_SECONDS))

    def mean(self) -> float:
        """Mean in seconds."""
        return self._mean

    def var(self) -> float:
        """Variance in seconds squared."""
        return self._mean**2 / self.shape

    @property
    def _row(self) -> tuple[int, float, float, float]:
        return kernels.GAMMA, 0.0, self._mean / self.shape, self.shape

    @property
    def _spread(self) -> float:
        return self._mean

    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        return np.where(q < 0.5, scipy.special.gammainccinv(self.shape, q), scipy.special.gammaincinv(self.shape, p))


@dataclass(frozen=True, init=False, repr=False)
class Erlang(Gamma):
    """A sum of `k` independent exponential stages.

    Parameters
    ----------
    k : int
        The number of stages, 1 or more.
    mean : float
        Of the sum, in seconds, above 0.

    Examples
    --------
    >>> round(Erlang(k=3, mean=3).quantile(0.99), 4)
    8.4059
    """

    def __init__(self, k: int, mean: float) -> None:
        super().__init__(_check.whole(k, "k, the number of stages,", 1, 10**9), mean)

    @property
    def k(self) -> int:
        """The number of stages."""
        return int(self.shape)

    def __repr__(self) -> str:
        return f"Erlang(k={self.k}, mean={self._mean!r})"


@dataclass(frozen=True, init=False, repr=False)
class Weibull(Family):
    """``sf(t) = exp(-(t / scale) ** shape)``: a stretched exponential where `shape` is below 1.

    Parameters
    ----------
    scale : float
        Seconds, above 0: 63 % are faster.
    shape : float
        Above 0.

    Examples
    --------
    >>> round(Weibull(scale=0.001, shape=0.5).quantile(0.99), 6)
    0.021208
    """

    scale: float
    shape: float

    def __init__(self, scale: float, shape: float) -> None:
        self._set(scale=_check.positive(scale, "the scale", _IN_SECONDS), shape=_check.positive(shape, "the shape"))

    def mean(self) -> float:
        """Mean in seconds."""
        return float(self.scale * scipy.special.gamma(1 + 1 / self.shape))

    def var(self) -> float:
        """Variance in seconds squared."""
        first, second = scipy.special.gamma(1 + np.array([1, 2]) / self.shape)
        return float(self.scale**2 * (second - first**2) if second < math.inf else second)

    @property
    def _row(self) -> tuple[int, float, float, float]:
        return kernels.WEIBULL, 0.0, self.scale, self.shape

    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        return np.where(q < 0.5, -np.log(q), -np.log1p(-p)) ** (1 / self.shape)


@dataclass(frozen=True, init=False, repr=False)
class Pareto(Family):
    """``sf(t) = (t / scale) ** -shape`` from `scale` on: a tail without an end.

    Parameters
    ----------
    scale : float
        The shortest latency in seconds, above 0.
    shape : float
        Above 0. The mean is infinite up to 1, the variance up to 2.

    Examples
    --------
    >>> law = Pareto(scale=0.001, shape=1.5)
    >>> round(law.mean(), 9), law.var(), round(law.quantile(0.999), 6)
    (0.003, inf, 0.1)
    """

    scale: float
    shape: float

    def __init__(self, scale: float, shape: float) -> None:
        self._set(scale=_check.positive(scale, "the scale", _IN_SECONDS), shape=_check.positive(shape, "the shape"))

    def mean(self) -> float:
        """Mean in seconds; infinite for a shape of 1 or less."""
        return self.scale * self.shape / (self.shape - 1) if self.shape > 1 else math.inf

    def var(self) -> float:
        """Variance in seconds squared; infinite for a shape of 2 or less."""
        a = self.shape
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2)) if a > 2 else math.inf

    @property
    def _row(self) -> tuple[int, float, float, float]:
        return kernels.PARETO, 0.0, self.scale, self.shape

    @cached_property
    def _knots(self) -> Floats:
        return np.array([self.scale])

    @property
    def _spread(self) -> float:
        return self.scale / self.shape

    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        return np.exp(np.where(q < 0.5, -np.log(q), -np.log1p(-p)) / self.shape)


@dataclass(frozen=True, init=False, repr=False)
class LogNormal(Family):
    """The logarithm is normal.

    Parameters
    ----------
    median : float
        Seconds, above 0.
    sigma : float
        Standard deviation of the natural logarithm, above 0: the p97.5 is ``exp(1.96 * sigma)`` medians.

    Examples
    --------
    >>> law = LogNormal(median=0.002, sigma=1)
    >>> round(law.mean(), 6), round(law.quantile(0.99), 6)
    (0.003297, 0.020481)
    """

    median: float
    sigma: float

    def __init__(self, median: float, sigma: float) -> None:
        self._set(median=_check.positive(median, "the median", _IN_SECONDS), sigma=_check.positive(sigma, "sigma"))
        if self.sigma > 20:
            raise ValueError(f"sigma is {sigma!r}: give at most 20, at which the p99 is 1e20 medians")

    def mean(self) -> float:
        """Mean in seconds, ``median * exp(sigma² / 2)``."""
        return self.median * math.exp(self.sigma**2 / 2)

    def var(self) -> float:
        """Variance in seconds squared."""
        return self.mean() ** 2 * math.expm1(self.sigma**2)

    @property
    def _row(self) -> tuple[int, float, float, float]:
        return kernels.LOGNORMAL, 0.0, self.median, self.sigma

    def _unit_quantile(self, p: Floats, q: Floats) -> Floats:
        return np.exp(self.sigma * np.where(q < 0.5, -scipy.special.ndtri(q), scipy.special.ndtri(p)))


@dataclass(frozen=True, init=False, repr=False)
class Mixture(Latency):
    """One of several latencies, drawn anew each time: hits and misses, fast and slow machines.

    Parameters
    ----------
    parts : sequence of Latency
    weights : sequence of float, optional
        0 or more each; their ratios matter, not their sum. Equal unless given.

    Examples
    --------
    LinkedIn's disks: a Pareto body and an exponential tail (Bailis et al. 2012, table 3).

    >>> disk = Mixture([Pareto(0.00105, 1.51), Exponential(1e-3 / 0.183)], weights=[0.38, 0.62])
    >>> round(1e3 * disk.quantile(0.999), 3)
    54.678
    """

    parts: tuple[Latency, ...]
    weights: tuple[float, ...]

    def __init__(self, parts: Iterable[Latency], weights: Sequence[float] | None = None) -> None:
        chosen = latencies(parts, "a mixture")
        given = _check.amounts([1.0] * len(chosen) if weights is None else weights, "the weights of a mixture")
        if len(given) != len(chosen):
            raise ValueError(f"a mixture of {len(chosen)} parts came with {len(given)} weights: give one for each part")
        if not given.any():
            raise ValueError("all weights of a mixture are 0: give at least one part a weight above 0")
        kept = [(part, float(w)) for part, w in zip(chosen, given / given.sum(), strict=True) if w > 0]
        object.__setattr__(self, "parts", tuple(part for part, _ in kept))
        object.__setattr__(self, "weights", tuple(w for _, w in kept))

    def __repr__(self) -> str:
        given = ", ".join(f"{w:.4g}: {part!r}" for part, w in zip(self.parts, self.weights, strict=True))
        return f"{type(self).__name__}({given})"

    def mean(self) -> float:
        """Mean in seconds."""
        return sum(w * part.mean() for part, w in zip(self.parts, self.weights, strict=True))

    def var(self) -> float:
        """Variance in seconds squared."""
        mean = self.mean()
        if mean == math.inf:
            return math.inf
        pairs = zip(self.parts, self.weights, strict=True)
        return sum(w * (part.var() + (part.mean() - mean) ** 2) for part, w in pairs)

    @cached_property
    def _rows(self) -> Floats | None:
        rows = [part._rows for part in self.parts]
        known = [row for row in rows if row is not None]
        if len(known) < len(rows):
            return None
        out = np.concatenate(known)
        out[:, 1] *= np.repeat(self.weights, [len(row) for row in known])
        return out

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        if self._rows is not None:
            below, above = kernels.tails_of(t, self._rows, np.array([0, len(self._rows)]), left)
            return below[0], above[0]
        return self._given(t, {}, left)

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        below, above = np.zeros(len(t)), np.zeros(len(t))
        for part, w in zip(self.parts, self.weights, strict=True):
            p, q = part._given(t, values, left)
            below += w * p
            above += w * q
        return below, above

    def _pdf(self, t: Floats) -> Floats:
        return sum((w * part._pdf(t) for part, w in zip(self.parts, self.weights, strict=True)), np.zeros(len(t)))

    def _features(self, values: Values) -> Floats:
        return stacked(part._features(values) for part in self.parts)

    def _breaks(self, variable: "Variable", t: Floats, values: Values) -> Floats:
        return stacked(part._breaks(variable, t, values) for part in self.parts if variable in part._variables)

    def _additive(self, variable: "Variable") -> bool:
        return any(part._additive(variable) for part in self.parts if variable in part._variables)

    @cached_property
    def _knots(self) -> Floats:
        return union(part._knots for part in self.parts)

    @cached_property
    def _jumps(self) -> Floats:
        return union(part._jumps for part in self.parts)

    @cached_property
    def _rough(self) -> bool:
        return super()._rough or any(part._rough for part in self.parts)

    @cached_property
    def _spread(self) -> float:
        return sum(w * part._spread for part, w in zip(self.parts, self.weights, strict=True)) or float(
            np.ptp(self._knots)
        )

    @cached_property
    def _variables(self) -> frozenset["Variable"]:
        return frozenset().union(*(part._variables for part in self.parts))


@dataclass(frozen=True, init=False, repr=False)
class Hyperexponential(Mixture):
    """A mixture of exponentials: more variable than one of them.

    Parameters
    ----------
    means : sequence of float
        Seconds, above 0.
    weights : sequence of float, optional
        As for `Mixture`.

    Examples
    --------
    >>> law = Hyperexponential([0.001, 0.1], weights=[0.99, 0.01])
    >>> round(law.mean(), 6), round(law.quantile(0.999), 4)
    (0.00199, 0.2303)
    """

    def __init__(self, means: Sequence[float], weights: Sequence[float] | None = None) -> None:
        super().__init__([Exponential(mean) for mean in means], weights)
