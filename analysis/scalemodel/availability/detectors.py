"""How soon is a lost member noticed, and how often is a healthy one given up? Failure detectors."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .. import _check, display, units
from ..display import Shown, format_time
from ..latency import Constant, Histogram, Latency
from ..units import ms

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_POINTS = 2048  # of the quantiles over which delays are averaged
_AGES = 128  # times within an interval at which a member may fail
_ROUNDS = 400  # heartbeats in a row that are looked at


class FailureDetector(Shown):
    """Says that a member has failed: some time after it has, and sometimes when it has not."""

    @property
    @abstractmethod
    def detection(self) -> Latency:
        """The time from a failure to its detection, as a `Latency`."""

    @property
    @abstractmethod
    def mistake_rate(self) -> float:
        """How often a healthy member is declared failed, per second."""

    @property
    def mistakes_per_year(self) -> float:
        """How often a healthy member is declared failed, per year."""
        return self.mistake_rate * units.years

    def to_frame(self) -> "pd.DataFrame":
        """Return the detection time in milliseconds and the mistakes, one row."""
        import pandas as pd

        detection = self.detection
        return pd.DataFrame(
            [
                {
                    "detector": self.title,
                    "mean_ms": 1e3 * detection.mean(),
                    "p50_ms": 1e3 * detection.quantile(0.5),
                    "p99_ms": 1e3 * detection.quantile(0.99),
                    "mistakes_per_year": self.mistakes_per_year,
                }
            ]
        )

    def plot(self, ax: "Axes | None" = None, label: str | None = None) -> "Axes":
        """Draw the share of failures that are detected, over time."""
        axes = display.axes(ax)
        detection = self.detection
        times = np.linspace(0.0, 1.05 * detection.quantile(0.999), 300)
        axes.plot(times, detection.cdf(times), label=label or self.title)
        axes.set(xlabel="since the failure (s)", ylabel="share of failures detected", ylim=(0, 1.02))
        axes.legend()
        return axes


@dataclass(frozen=True, init=False, eq=False, repr=False)
class FixedTimeout(FailureDetector):
    """Declares a member failed when no heartbeat has come for a fixed time.

    Parameters
    ----------
    interval : float
        Seconds between heartbeats.
    timeout : float
        Seconds without one.
    network : float or Latency
        Seconds that a heartbeat takes, independent of the others.
    loss : float
        Share of heartbeats that never arrive.

    Examples
    --------
    >>> from scalemodel.units import ms
    >>> watch = FixedTimeout(interval=1.0, timeout=2.5, network=1 * ms, loss=0.01)
    >>> round(watch.mistakes_per_year), round(watch.detection.quantile(0.5), 2)
    (3124, 2.0)

    References
    ----------
    W. Chen, S. Toueg, M. K. Aguilera, "On the quality of service of failure detectors", IEEE Trans. Computers 51(5),
    2002: detection time, mistake recurrence time.
    """

    interval: float
    timeout: float
    network: Latency
    loss: float

    def __init__(
        self, interval: float = 1.0, timeout: float = 3.0, network: float | Latency = 0.25 * ms, loss: float = 0.0
    ) -> None:
        object.__setattr__(self, "interval", _check.positive(interval, "the heartbeat interval"))
        object.__setattr__(self, "timeout", _check.positive(timeout, "the timeout"))
        object.__setattr__(self, "network", _law(network))
        object.__setattr__(self, "loss", _loss(loss))
        if self.timeout < self.interval:
            raise ValueError(
                f"the timeout of {format_time(self.timeout)} is below the heartbeat interval of "
                f"{format_time(self.interval)}, so that every member would be declared failed: give a longer timeout"
            )

    @property
    def title(self) -> str:
        """The detector in a few words."""
        return f"fixed timeout of {format_time(self.timeout)}, heartbeats every {format_time(self.interval)}"

    @cached_property
    def detection(self) -> Latency:
        """The time from a failure to its detection: the timeout after the last heartbeat that arrived has done so."""
        tail = self.network.isf(np.geomspace(1.0, 1e-9, 200))
        times = np.unique(np.r_[np.linspace(0.0, self.timeout, 401), self.timeout + tail])
        ages = self.interval * (np.arange(_AGES) + 0.5) / _AGES
        arrived = np.ones((len(times), _AGES))  # the chance that all heartbeats are in time for this detection
        for earlier in range(_ROUNDS):
            left = times[:, None] - self.timeout + ages + earlier * self.interval
            late = (1 - self.loss) * np.where(left >= 0, self.network.sf(np.maximum(left, 0.0)), 1.0)
            arrived *= 1 - late
            if late.max() < 1e-12:
                break
        return _with_cdf(times, arrived.mean(axis=1))

    @cached_property
    def mistake_rate(self) -> float:
        """How often a healthy member is declared failed, per second: exact for independent delays and losses.

        A heartbeat that arrived is followed by silence if each later one is lost or arrives after the timeout.
        """
        delays = self.network.quantile((np.arange(_POINTS) + 0.5) / _POINTS)
        silence = np.ones(_POINTS)
        for later in range(1, _ROUNDS + 1):
            left = delays + self.timeout - later * self.interval
            if not (left > 0).any():
                break
            silence *= np.where(left > 0, self.loss + (1 - self.loss) * self.network.sf(np.maximum(left, 0.0)), 1.0)
        return (1 - self.loss) * float(silence.mean()) / self.interval


@dataclass(frozen=True, init=False, eq=False, repr=False)
class PhiAccrual(FailureDetector):
    """Declares a member failed when silence has become too unlikely, given how heartbeats came before.

    The suspicion of a silence of t seconds is phi = -log10 of the chance that an inter-arrival time is longer.

    Parameters
    ----------
    interval : float
        Seconds between heartbeats.
    threshold : float
        The phi that counts as a failure.
    network, loss
        As of `FixedTimeout`; the window of past arrivals is taken to be long, so that it knows mean and deviation.
    law : {"normal", "akka", "exponential"}
        What inter-arrival times are taken for: normal (the paper), Akka's logistic approximation of it, or exponential
        (Cassandra).
    pause : float
        Seconds added to the mean inter-arrival time, as Akka's acceptable heartbeat pause.
    least_deviation : float
        The least standard deviation in seconds; Akka's default is 0.1.

    Examples
    --------
    >>> watch = PhiAccrual(interval=1.0, threshold=8.0, pause=3.0, least_deviation=0.1)
    >>> round(watch.timeout, 2)
    4.56
    >>> round(PhiAccrual(1.0, 8.0, law="exponential").timeout, 2)
    18.42

    References
    ----------
    N. Hayashibara et al., "The φ accrual failure detector", SRDS 2004. Akka, ``PhiAccrualFailureDetector.scala``.
    """

    interval: float
    threshold: float
    network: Latency
    loss: float
    law: Literal["normal", "akka", "exponential"]
    pause: float
    least_deviation: float

    def __init__(
        self,
        interval: float = 1.0,
        threshold: float = 8.0,
        network: float | Latency = 0.25 * ms,
        loss: float = 0.0,
        *,
        law: Literal["normal", "akka", "exponential"] = "normal",
        pause: float = 0.0,
        least_deviation: float = 0.1,
    ) -> None:
        if law not in ("normal", "akka", "exponential"):
            raise ValueError(f"law is {law!r}: give 'normal', 'akka' or 'exponential'")
        values = {
            "interval": _check.positive(interval, "the heartbeat interval"),
            "threshold": _check.positive(threshold, "the threshold"),
            "network": _law(network),
            "loss": _loss(loss),
            "law": law,
            "pause": _check.number(pause, "the pause"),
            "least_deviation": _check.number(least_deviation, "the least deviation"),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.timeout < self.interval:
            raise ValueError(
                f"a threshold of {self.threshold:g} is reached after {format_time(self.timeout)}, below the heartbeat "
                f"interval of {format_time(self.interval)}: give a higher threshold"
            )

    @property
    def title(self) -> str:
        """The detector in a few words."""
        return f"phi of {self.threshold:g} ({self.law}), heartbeats every {format_time(self.interval)}"

    @cached_property
    def timeout(self) -> float:
        """The silence in seconds at which the threshold is reached."""
        gap = self.interval / (1 - self.loss)  # so many intervals until one arrives: a geometric number
        if self.law == "exponential":
            return self.threshold * math.log(10) * gap
        spread = math.sqrt(2 * self.network.var() + self.loss * gap**2)
        spread = max(spread, self.least_deviation)
        chance = 10.0**-self.threshold
        if self.law == "normal":
            return gap + self.pause - spread * float(special.ndtri(chance))
        odds = math.log(chance / (1 - chance))  # y (1.5976 + 0.070566 y²) = -odds
        roots = np.roots([0.070566, 0.0, 1.5976, odds])
        return gap + self.pause + spread * float(roots[np.abs(roots.imag) < 1e-9].real[0])

    def as_fixed_timeout(self) -> FixedTimeout:
        """Return the fixed timeout that comes to the same once the window is filled."""
        return FixedTimeout(self.interval, self.timeout, self.network, self.loss)

    @cached_property
    def detection(self) -> Latency:
        """The time from a failure to its detection."""
        return self.as_fixed_timeout().detection

    @cached_property
    def mistake_rate(self) -> float:
        """How often a healthy member is declared failed, per second."""
        return self.as_fixed_timeout().mistake_rate


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Swim(FailureDetector):
    """Members probe each other at random, ask others to probe who does not answer, then suspect, then declare failed.

    Parameters
    ----------
    members : int
        Who probe each other, the watched one included.
    period : float
        Seconds between two probes of a member.
    timeout : float
        Seconds that an answer to a direct probe may take.
    helpers : int
        Members that are asked to probe instead.
    network : float or Latency
        Seconds that a message takes one way.
    loss : float
        Share of messages that never arrive.
    suspicion : float
        Multiple of log10(members) periods, at least of one, that a suspect has to answer a probe before it is declared
        failed; 0 declares it at once. memberlist takes 4.
    order : {"random", "round robin"}
        Who is probed next: any member, or all in turn, shuffled (as the paper's section 4.3 has it).

    Examples
    --------
    >>> round(Swim(100, period=1.0, timeout=0.5).expected_first_probe, 3)
    1.577

    References
    ----------
    A. Das, I. Gupta, A. Motivala, "SWIM: scalable weakly-consistent infection-style process group membership protocol",
    DSN 2002, sections 3.1 and 4. HashiCorp memberlist, ``suspicionTimeout``.
    """

    members: int
    period: float
    timeout: float
    helpers: int
    network: Latency
    loss: float
    suspicion: float
    order: Literal["random", "round robin"]

    def __init__(
        self,
        members: int = 100,
        period: float = 1.0,
        timeout: float = 0.5,
        helpers: int = 3,
        network: float | Latency = 0.25 * ms,
        loss: float = 0.0,
        *,
        suspicion: float = 4.0,
        order: Literal["random", "round robin"] = "random",
    ) -> None:
        if order not in ("random", "round robin"):
            raise ValueError(f"order is {order!r}: give 'random' or 'round robin'")
        members = _check.whole(members, "members", 2, 10**6)
        values = {
            "members": members,
            "period": _check.positive(period, "the protocol period"),
            "timeout": _check.positive(timeout, "the timeout"),
            "helpers": _check.whole(helpers, "helpers", 0, max(members - 2, 0)),
            "network": _law(network),
            "loss": _loss(loss),
            "suspicion": _check.number(suspicion, "the suspicion multiple"),
            "order": order,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.timeout >= self.period:
            raise ValueError(
                f"the timeout of {format_time(self.timeout)} is not below the protocol period of "
                f"{format_time(self.period)}, which leaves the helpers no time: give a shorter timeout"
            )
        if (trip := 2 * self.network.quantile(0.5)) >= self.timeout:
            raise ValueError(
                f"the timeout of {format_time(self.timeout)} is not above the round trip of {format_time(trip)}: give "
                f"a longer timeout"
            )

    @property
    def title(self) -> str:
        """The detector in a few words."""
        return (
            f"SWIM, {self.members} members, period {format_time(self.period)}, "
            f"suspicion {format_time(self.suspicion_time)}"
        )

    @property
    def suspicion_time(self) -> float:
        """Seconds from suspicion to declaration."""
        return self.suspicion * max(1.0, math.log10(self.members)) * self.period

    @property
    def probed(self) -> float:
        """The chance that some member probes a given one within a period: 1 - 1/e for many members."""
        others = self.members - 1
        return -math.expm1(others * math.log1p(-1 / others)) if others > 1 else 1.0

    @property
    def expected_first_probe(self) -> float:
        """Expected seconds from a failure to the end of the period that first probes the member."""
        return self.period / self.probed

    @cached_property
    def unanswered(self) -> float:
        """The chance that a probe of a healthy member fails, the helpers' too."""
        trip = self.network + self.network
        direct = 1 - (1 - self.loss) ** 2 * trip.cdf(self.timeout)
        if not self.helpers:
            return direct
        relayed = 1 - (1 - self.loss) ** 4 * (trip + trip).cdf(self.period - self.timeout)
        return direct * relayed**self.helpers

    @cached_property
    def detection(self) -> Latency:
        """The time from a failure to its declaration.

        Members probe at times of their own. A probe ends, unanswered, with its period; then the suspicion runs. With
        random order, each period of each of the others goes to the member with the same chance; in turn, it comes once
        in each of their rounds, at a place that is shuffled anew.
        """
        others = self.members - 1
        counts = np.arange(62.0)
        if self.order == "random":
            missed = np.where(counts > 0, (1 - 1 / others) ** counts, 1.0)
        else:
            missed = np.array([_missed_in_turn(int(k), others) for k in counts])
        periods = np.linspace(0.0, 60.0, 6001)
        whole = np.floor(periods).astype(int)
        part = periods - whole
        probed = 1 - ((1 - part) * missed[whole] + part * missed[whole + 1]) ** others
        return _with_cdf((periods + 1) * self.period + self.suspicion_time, probed)

    @cached_property
    def suspicion_rate(self) -> float:
        """How often a healthy member is suspected, per second: probes a second, times the chance that one fails."""
        return self.unanswered / self.period  # each member probes one a period, so each is probed once on average

    @cached_property
    def mistake_rate(self) -> float:
        """How often a healthy member is declared failed, per second: suspected, and no probe answered since."""
        quiet = (1 - self.probed) + self.probed * self.unanswered
        return self.suspicion_rate * quiet ** (self.suspicion_time / self.period)


def compare_detectors(detectors: Sequence[FailureDetector]) -> "pd.DataFrame":
    """Return a row per detector: detection time against mistakes a year.

    Examples
    --------
    >>> rows = compare_detectors([FixedTimeout(1.0, 3.0, loss=0.01), FixedTimeout(1.0, 5.0, loss=0.01)])
    >>> rows.p50_ms.round(-2).tolist()
    [2500.0, 4500.0]
    """
    import pandas as pd

    if not detectors:
        raise ValueError("there are no detectors: give one or more")
    return pd.concat([detector.to_frame() for detector in detectors], ignore_index=True)


def _law(value: Any) -> Latency:
    return value if isinstance(value, Latency) else Constant(_check.number(value, "the time of the network"))


def _loss(value: Any) -> float:
    loss = _check.share(value, "the loss")
    if loss == 1:
        raise ValueError("the loss is 1: nothing ever arrives; give a share below 1")
    return loss


def _missed_in_turn(probes: int, others: int) -> float:
    """Return the chance that so many probes in a row of one member, in shuffled rounds, all miss another."""
    rest = np.arange(1, min(probes - 1, others) + 1)  # of the round, if it ends before
    crossing = (1 - rest / others) * np.maximum(1 - (probes - rest) / others, 0.0)
    return float(max(others - probes + 1, 0) * (1 - probes / others) + crossing.sum()) / others if probes else 1.0


def _with_cdf(times: Floats, cdf: Floats) -> Latency:
    """Return the law with these chances to be over; what is over at the first time is just after it."""
    cdf = np.maximum.accumulate(cdf)
    masses = np.diff(cdf)
    masses[0] += cdf[0]
    return Histogram(times, masses)
