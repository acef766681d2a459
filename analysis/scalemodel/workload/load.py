"""Load over time: requests per second as a function of seconds, repeating with a period."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalemodel import streams
from scalemodel.units import days, hours

from .. import _check

Floats = NDArray[np.float64]

_CELLS = 2**16  # into which a period is cut for quantiles and peaks without a closed form


class Load(ABC):
    """Requests per second at any second. Loads add up: ``DiurnalLoad(900, 2) + ConstantLoad(100)``."""

    period: float
    """Seconds after which the load repeats; 0 for a load that is the same at all times."""

    @abstractmethod
    def _rate(self, t: Floats) -> Floats: ...

    @abstractmethod
    def _requests_until(self, t: float) -> float:
        """Return the integral of the rate from 0 to t."""

    @abstractmethod
    def _breaks(self) -> Floats:
        """Return the times in [0, period) of jumps, kinks and extremes: smooth and monotone in between."""

    def rate(self, t: ArrayLike) -> Floats:
        """Requests per second at time `t` in seconds, of any shape."""
        times = np.asarray(t, dtype=np.float64)
        if not np.isfinite(times).all():
            raise ValueError("t is not finite: give times in seconds")
        return self._rate(times)[()]

    def requests(self, start: float, stop: float) -> float:
        """Expected number of requests between two times in seconds."""
        start = _check.number(start, "start", -math.inf)
        stop = _check.number(stop, "stop", start)
        return self._requests_until(stop) - self._requests_until(start)

    def mean(self) -> float:
        """Mean requests per second over a period."""
        return self._requests_until(self.period) / self.period

    def peak(self) -> float:
        """Highest requests per second. Exact, except for sums of curved loads: there within 1e-7, relatively."""
        edges, _ = self._cells()
        inside = np.nextafter(edges[1:], 0)  # a rate may jump at an edge: look at both of its sides
        return float(max(self._rate(edges[:-1]).max(), self._rate(inside).max()))

    @property
    def peak_to_mean(self) -> float:
        """Peak divided by mean; 1 for a load of no requests."""
        mean = self.mean()
        return self.peak() / mean if mean else 1.0

    def quantile(self, p: ArrayLike) -> Floats:
        """Requests per second that are not exceeded in a share `p` of the time.

        Exact for constant, diurnal and step loads; otherwise the period is cut into 65,536 cells or more.
        """
        return self._quantile(_check.shares(p, "p"))[()]

    def _quantile(self, p: Floats) -> Floats:
        edges, widths = self._cells()
        rates = self._rate(edges[:-1] + widths / 2)
        order = np.argsort(rates, kind="stable")
        time = np.cumsum(widths[order])
        return rates[order][np.searchsorted(time[:-1], p * time[-1])]

    def _cells(self) -> tuple[Floats, Floats]:
        """Cut a period into cells that no break divides; return their edges and widths."""
        span = self.period or 1.0  # what is the same at all times may be looked at for any while
        breaks = np.unique(np.concatenate([[0.0], self._breaks(), [span]]))
        pieces = len(breaks) - 1
        each = 2 ** max(2, math.ceil(math.log2(_CELLS / pieces)))  # halving whole seconds leaves no rounding error
        edges = np.interp(np.arange(pieces * each + 1) / each, np.arange(pieces + 1), breaks)
        return edges, np.diff(edges)

    def arrivals(self, duration: float, seed: int = 0, start: float = 0.0) -> Floats:
        """Draw the instants of the requests as a Poisson process whose rate is this load.

        Candidates arrive at the peak rate, and one at time t stays with probability ``rate(t) / peak()`` (thinning).
        The draw has the same bits for any number of workers, and a longer duration begins with the shorter one.

        Parameters
        ----------
        duration : float
            Seconds.
        seed : int
            Zero or greater.
        start : float
            Second at which to begin.

        Returns
        -------
        float64[requests]
            Seconds, rising, in [start, start + duration).

        References
        ----------
        P. A. W. Lewis and G. S. Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", Naval
        Research Logistics Quarterly 26, 1979.

        Examples
        --------
        >>> ConstantLoad(100.0).arrivals(duration=3600.0).size
        359342
        """
        duration = _check.number(duration, "duration")
        clock = _check.number(start, "start", -math.inf)
        stop = clock + duration
        peak = self.peak()
        kept = [np.empty(0)]
        chunk = 0
        while clock < stop and peak > 0:
            generator = streams.stream(seed, chunk)
            times = clock + np.cumsum(generator.standard_exponential(streams.CHUNK)) / peak
            stays = generator.random(streams.CHUNK) * peak < self._rate(times)
            kept.append(times[stays & (times < stop)])
            clock = float(times[-1])
            chunk += 1
        return np.concatenate(kept)

    def __add__(self, other: "Load") -> "SumLoad":
        return SumLoad((self, other)) if isinstance(other, Load) else NotImplemented


@dataclass(frozen=True)
class ConstantLoad(Load):
    """The same at all times.

    Parameters
    ----------
    value : float
        Requests per second, 0 or more.

    Examples
    --------
    >>> ConstantLoad(250.0).peak_to_mean
    1.0
    """

    value: float
    period: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _check.number(self.value, "the load in requests per second"))

    def _rate(self, t: Floats) -> Floats:
        return np.full(t.shape, self.value)

    def _requests_until(self, t: float) -> float:
        return self.value * t

    def _breaks(self) -> Floats:
        return np.empty(0)

    def mean(self) -> float:
        """Mean requests per second."""
        return self.value

    def peak(self) -> float:
        """Highest requests per second."""
        return self.value

    def _quantile(self, p: Floats) -> Floats:
        return np.full(p.shape, self.value)


@dataclass(frozen=True, init=False, repr=False)
class DiurnalLoad(Load):
    """A sinusoid, by default one wave per day.

    Parameters
    ----------
    mean : float
        Requests per second, 0 or more.
    peak_to_mean : float
        Peak divided by mean, 1 (flat) to 2 (no requests at the quietest moment).
    period : float
        Seconds; a day unless given.
    peak_at : float
        Second of the peak; 14:00 unless given.

    Examples
    --------
    >>> load = DiurnalLoad(mean=1000.0, peak_to_mean=1.8)
    >>> load.peak(), round(float(load.rate(2 * hours)), 6), round(load.requests(0, 1 * days))
    (1800.0, 200.0, 86400000)
    """

    _mean: float
    _peak_to_mean: float
    period: float
    peak_at: float

    # Written out, because every load answers to `mean` and `peak_to_mean`, so the fields have other names.
    def __init__(self, mean: float, peak_to_mean: float, period: float = 1 * days, peak_at: float = 14 * hours) -> None:
        hint = ", as a higher wave would fall below zero"
        object.__setattr__(self, "_mean", _check.number(mean, "mean"))
        object.__setattr__(self, "_peak_to_mean", _check.number(peak_to_mean, "peak_to_mean", 1, 2, hint))
        object.__setattr__(self, "period", _check.positive(period, "period"))
        object.__setattr__(self, "peak_at", _check.number(peak_at, "peak_at", -math.inf))

    def __repr__(self) -> str:
        return (
            f"DiurnalLoad(mean={self._mean}, peak_to_mean={self._peak_to_mean}, "
            f"period={self.period}, peak_at={self.peak_at})"
        )

    @property
    def _swing(self) -> float:
        return self._mean * (self._peak_to_mean - 1)

    def _rate(self, t: Floats) -> Floats:
        return self._mean + self._swing * np.cos(2 * np.pi * (t - self.peak_at) / self.period)

    def _requests_until(self, t: float) -> float:
        angle, begin = (2 * math.pi * (s - self.peak_at) / self.period for s in (t, 0.0))
        return self._mean * t + self._swing * self.period / (2 * math.pi) * (math.sin(angle) - math.sin(begin))

    def _breaks(self) -> Floats:
        return np.mod([self.peak_at, self.peak_at + self.period / 2], self.period)

    def mean(self) -> float:
        """Mean requests per second."""
        return self._mean

    def peak(self) -> float:
        """Highest requests per second."""
        return self._mean + self._swing

    def _quantile(self, p: Floats) -> Floats:
        return self._mean - self._swing * np.cos(np.pi * p)


@dataclass(frozen=True)
class SpikeLoad(Load):
    """A load that is multiplied for a while: a flash sale, a batch job, a retry wave.

    Parameters
    ----------
    base : Load or float
        Load outside the spike; a number is a constant load in requests per second.
    at : float
        Second at which the spike begins.
    duration : float
        Seconds it lasts.
    factor : float
        What the base is multiplied with; below 1 it is a dip.
    period : float
        Seconds after which the spike comes again, a day unless given: a multiple of the base's period, and no less
        than ``at + duration``.

    Examples
    --------
    >>> sale = SpikeLoad(base=100.0, at=12 * hours, duration=1 * hours, factor=10.0)
    >>> sale.peak(), sale.mean(), sale.quantile(0.95)
    (1000.0, 137.5, np.float64(100.0))
    """

    base: Load | float
    at: float
    duration: float
    factor: float
    period: float = 1 * days

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", as_load(self.base, "base"))
        for name in ("at", "duration", "factor"):
            object.__setattr__(self, name, _check.number(getattr(self, name), name))
        object.__setattr__(self, "period", _check.positive(self.period, "period"))
        if self.at + self.duration > self.period:
            raise ValueError(
                f"the spike ends at {self.at + self.duration:g} s, after the period of {self.period:g} s: "
                "give a longer period or an earlier spike"
            )
        _check_period(self._base, self.period)

    @property
    def _base(self) -> Load:
        return as_load(self.base, "base")

    def _rate(self, t: Floats) -> Floats:
        phase = np.mod(t, self.period)
        spike = (phase >= self.at) & (phase < self.at + self.duration)
        return self._base._rate(t) * np.where(spike, self.factor, 1.0)

    def _requests_until(self, t: float) -> float:
        cycles, phase = divmod(t, self.period)
        begin = self._base._requests_until(self.at)
        whole, part = (
            self._base._requests_until(min(max(end, self.at), self.at + self.duration)) - begin
            for end in (self.period, phase)
        )
        return self._base._requests_until(t) + (self.factor - 1) * (cycles * whole + part)

    def _breaks(self) -> Floats:
        return np.concatenate([_breaks_until(self._base, self.period), [self.at, self.at + self.duration]])


@dataclass(frozen=True)
class SumLoad(Load):
    """Several loads at once, such as ``a + b``.

    Parameters
    ----------
    parts : tuple of Load
        The longest of their periods must be a multiple of each of the others.

    Examples
    --------
    >>> load = DiurnalLoad(900.0, 2.0) + ConstantLoad(100.0)
    >>> load.mean(), load.peak()
    (1000.0, 1900.0)
    """

    parts: tuple[Load, ...]
    period: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts = tuple(as_load(part, "a part of the sum") for part in self.parts)
        if not parts:
            raise ValueError("the sum has no parts: give one load or more")
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "period", max(part.period for part in parts))
        for part in parts:
            _check_period(part, self.period)

    def _rate(self, t: Floats) -> Floats:
        return np.sum([part._rate(t) for part in self.parts], axis=0)

    def _requests_until(self, t: float) -> float:
        return math.fsum(part._requests_until(t) for part in self.parts)

    def _breaks(self) -> Floats:
        return np.concatenate([_breaks_until(part, self.period) for part in self.parts])

    def mean(self) -> float:
        """Mean requests per second."""
        return math.fsum(part.mean() for part in self.parts)


@dataclass(frozen=True, eq=False)
class EmpiricalLoad(Load):
    """Requests per second as measured at given times, over and over.

    The clock starts at the first time. The last rate lasts as long as the one before it; then the load repeats.

    Parameters
    ----------
    times : array of float or datetime64, shape (n,)
        Seconds, or dates, rising; two or more. Stored as seconds since the first.
    rates : array of float, shape (n,)
        Requests per second, zero or more.
    between : "step" or "linear"
        Whether a rate holds until the next time or moves to the next rate in a straight line.

    Examples
    --------
    >>> load = EmpiricalLoad(times=[0, 60, 120], rates=[100.0, 400.0, 100.0])
    >>> load.period, load.rate(90), load.mean(), load.peak()
    (180.0, np.float64(400.0), 200.0, 400.0)
    """

    times: NDArray = field(repr=False)
    rates: NDArray = field(repr=False)
    between: Literal["step", "linear"] = "step"
    period: float = field(init=False)

    def __post_init__(self) -> None:
        times = np.asarray(self.times)
        if times.dtype.kind == "M":
            times = (times - times.ravel()[:1]) / np.timedelta64(1, "s")
        times = np.array(times, dtype=np.float64)
        rates = _check.amounts(self.rates, "rates")
        if times.shape != rates.shape or len(times) < 2:
            raise ValueError(
                f"times has shape {times.shape} and rates {rates.shape}: give two times or more and one rate for each"
            )
        if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
            raise ValueError("times do not rise or are not finite: sort them and drop the missing and repeated ones")
        if self.between not in ("step", "linear"):
            raise ValueError(f"between is {self.between!r}: give 'step' or 'linear'")
        times -= times[0]
        object.__setattr__(self, "times", _check.read_only(times))
        object.__setattr__(self, "period", float(2 * times[-1] - times[-2]))
        object.__setattr__(self, "rates", _check.read_only(rates))

    def _rate(self, t: Floats) -> Floats:
        if self.between == "linear":
            return np.interp(t, self.times, self.rates, period=self.period)
        return self.rates[np.searchsorted(self.times, np.mod(t, self.period), side="right") - 1]

    def _requests_until(self, t: float) -> float:
        edges = np.append(self.times, self.period)
        cycles, phase = divmod(t, self.period)
        whole, part = self._integral(edges), self._integral(np.append(edges[edges < phase], phase))
        return cycles * whole + part

    def _integral(self, edges: Floats) -> float:
        """Integrate the rate over cells that no time divides; a straight line has its mean in the middle."""
        return float(self._rate((edges[:-1] + edges[1:]) / 2) @ np.diff(edges))

    def _breaks(self) -> Floats:
        return self.times

    def peak(self) -> float:
        """Highest requests per second."""
        return float(self.rates.max())


def as_load(load: Load | float, name: str) -> Load:
    """Return a load as it is and a number as a constant load."""
    return load if isinstance(load, Load) else ConstantLoad(_check.number(load, name, hint=" or a Load"))


def _check_period(load: Load, period: float) -> None:
    times = period / load.period if load.period else 1.0
    if abs(times - round(times)) > 1e-9 or round(times) < 1:
        raise ValueError(
            f"a load with a period of {load.period:g} s is combined with one of {period:g} s: "
            "make the longer one a multiple of the shorter"
        )


def _breaks_until(load: Load, period: float) -> Floats:
    """Repeat the breaks of a load over a longer period."""
    repeats = round(period / load.period) if load.period else 1
    return (load._breaks() + load.period * np.arange(repeats)[:, None]).ravel()
