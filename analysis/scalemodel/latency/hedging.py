"""Asking a second time when the first answer is late: what it gains, and what it costs."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import _check
from ..display import Shown, axes, format_share, format_time
from ..units import ms, seconds, us
from .base import Delegating, Floats, Latency, latencies
from .order import fastest
from .shared import between

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Delay(ABC):
    """When to send the second request, in terms of the latency that is hedged."""

    @abstractmethod
    def of(self, part: Latency) -> float:
        """Return the delay in seconds."""


@dataclass(frozen=True)
class Percentile(Delay):
    """A percentile of the latency; `p99` is ``Percentile(0.99)``.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> round(Percentile(0.95).of(Exponential(0.010)), 4)
    0.03
    """

    p: float

    def __post_init__(self) -> None:
        if not 0 < _check.share(self.p, "the percentile of a delay") < 1:
            raise ValueError(f"the percentile of a delay is {self.p!r}: give a share between 0 and 1, such as 0.99")

    def of(self, part: Latency) -> float:
        """Return the delay in seconds."""
        return part.quantile(self.p)


p50, p75, p90, p95, p99, p999 = (Percentile(p) for p in (0.5, 0.75, 0.9, 0.95, 0.99, 0.999))


@dataclass(frozen=True, init=False)
class Min(Delay):
    """The shortest of several delays, such as Cassandra's ``MIN(99p,50ms)``.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> Min(p99, 0.050).of(Exponential(1.0))
    0.05
    """

    options: tuple[Delay | float, ...]

    def __init__(self, *options: Delay | float) -> None:
        if not options:
            raise ValueError(f"{type(self).__name__} came without delays: give percentiles or seconds")
        for option in options:
            _delay(option)
        object.__setattr__(self, "options", options)

    def of(self, part: Latency) -> float:
        """Return the delay in seconds."""
        return min(_seconds(option, part) for option in self.options)


@dataclass(frozen=True, init=False)
class Max(Min):
    """The longest of several delays, such as Cassandra's ``MAX(99p,5ms)``."""

    def of(self, part: Latency) -> float:
        """Return the delay in seconds."""
        return max(_seconds(option, part) for option in self.options)


def delay(text: str) -> Delay | float:
    """Read a delay as Cassandra and ScyllaDB write it: ``"99p"``, ``"50ms"``, ``"MIN(99p,50ms)"``, ``"ALWAYS"``.

    Returns
    -------
    Delay or float
        For `hedged`; ``"NONE"`` is infinite.

    Examples
    --------
    >>> delay("99.9PERCENTILE"), delay("MIN(99p, 50ms)"), delay("always"), delay("none")
    (Percentile(p=0.999), Min(options=(Percentile(p=0.99), 0.05)), 0.0, inf)
    """
    given = text.strip().lower()
    if given in ("always", "none", "never"):
        return 0.0 if given == "always" else math.inf
    if found := re.fullmatch(r"(min|max)\((.*)\)", given):
        return (Min if found[1] == "min" else Max)(*(delay(option) for option in found[2].split(",")))
    if found := re.fullmatch(r"([0-9.]+) *(p|percentile)", given) or re.fullmatch(r"(?:p)([0-9.]+)()", given):
        return Percentile(round(float(found[1]) / 100, 12))
    if found := re.fullmatch(r"([0-9.]+) *(us|ms|s)", given):
        return float(found[1]) * {"us": us, "ms": ms, "s": seconds}[found[2]]
    raise ValueError(f"the delay is {text!r}: write it like '99p', '50ms', 'MIN(99p,50ms)', 'ALWAYS' or 'NONE'")


Cancel = Literal["none", "tied"]


def hedged(
    part: Latency, after: Delay | float | str, backup: Latency | None = None, cancel: Cancel = "none"
) -> "Hedged":
    """Return the latency of a request that is sent a second time when the first has not been answered.

    Parameters
    ----------
    part : Latency
        Of one request.
    after : float, Percentile, Min, Max or str
        When to send the second: seconds, or a percentile of `part` (`p99`), or the shorter or longer of such
        (``Min(p99, 50 * ms)``), or any of them as `delay` reads it.
    backup : Latency, optional
        Of the second request; as the first unless given.
    cancel : "none" or "tied"
        Whether both requests run to their end, or the answer to one stops the other at once. The latency is the same,
        the load is not.

    Returns
    -------
    Hedged
        The latency ``min(part, after + backup)``, exact; with `extra_load`, `extra_requests` and `delay`.

    Raises
    ------
    ValueError
        If the delay is negative, or `cancel` has no such name.

    Examples
    --------
    Yammer's reads, asked anew after 8 ms (Bailis 2013 forgets the 8 ms in his answer of 11.0 ms):

    >>> from scalemodel.latency import Exponential, Mixture, Pareto
    >>> from scalemodel.units import ms
    >>> leg = Mixture([Pareto(1.5 * ms, 3.8), Exponential(1 / 0.0217 * ms)], weights=[0.982, 0.018])
    >>> read = hedged(leg + leg, after=8 * ms)
    >>> round(1e3 * read.quantile(0.999), 3), round(100 * read.extra_load, 4)
    (16.712, 4.2117)

    References
    ----------
    Dean and Barroso, "The Tail at Scale", CACM 56 (2013): hedged and tied requests.
    """
    (part,) = latencies([part], "hedged")
    second = part if backup is None else latencies([backup], "hedged")[0]
    if cancel not in ("none", "tied"):
        raise ValueError(f"cancel is {cancel!r}: give 'none' or 'tied'")
    return Hedged(part, _seconds(_delay(after), part), second, cancel)


@dataclass(frozen=True)
class Hedged(Delegating):
    """A request that is sent a second time when it is late; `hedged` makes one."""

    part: Latency
    delay: float
    backup: Latency
    cancel: Cancel

    @property
    def description(self) -> str:
        """The law in a few words."""
        if self.delay == math.inf:
            return f"{self.part.description}, never hedged"
        return f"{self.part.description}, hedged after {format_time(self.delay)}"

    @cached_property
    def _law(self) -> Latency:
        return self.part if self.delay == math.inf else fastest([self.part, self.backup + self.delay])

    @property
    def extra_requests(self) -> float:
        """The share of requests that are sent a second time."""
        return self.part.sf(self.delay)

    @property
    def extra_load(self) -> float:
        """The work added, as a share of the work without hedging.

        Without cancelling, a second request is as much work as a first, so this is `extra_requests`. Tied requests are
        work while they run: the loser stops when the winner answers. That may save more than it adds; it is negative
        then.
        """
        if self.cancel == "none" or self.delay == math.inf:
            return self.extra_requests
        x, w = between(self._law, np.array([[self.delay]]))
        busy = self._law.mean() + float((w * np.maximum(x - self.delay, 0.0)).sum())
        return busy / self.part.mean() - 1


@dataclass(frozen=True, eq=False)
class HedgeCurve(Shown):
    """What hedging gains and costs, by its delay; `hedge_curve` makes one.

    Attributes
    ----------
    delays : float64[n]
        Seconds, falling; the first is infinite: no hedging.
    laws : tuple of Hedged
        One for each.
    percentiles : tuple of float
        Those in the table.
    """

    laws: tuple[Hedged, ...]
    percentiles: tuple[float, ...]

    @property
    def title(self) -> str:
        """What the table shows."""
        return f"Hedging of {self.laws[0].part.description}"

    @property
    def delays(self) -> Floats:
        """Seconds, falling."""
        return np.array([law.delay for law in self.laws])

    @cached_property
    def extra_load(self) -> Floats:
        """The work added by each, as a share."""
        return np.array([law.extra_load for law in self.laws])

    @cached_property
    def quantiles(self) -> Floats:
        """``float64[n, percentiles]`` in seconds."""
        return np.array([law.quantile(self.percentiles) for law in self.laws])

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per delay."""
        import pandas as pd

        columns = {f"p{100 * p:g}_ms": 1e3 * self.quantiles[:, i] for i, p in enumerate(self.percentiles)}
        return pd.DataFrame({"delay_ms": 1e3 * self.delays, "extra_load_percent": 100 * self.extra_load, **columns})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the percentiles over the extra load."""
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        ax = axes(ax)
        for i, p in enumerate(self.percentiles):
            ax.plot(100 * self.extra_load, 1e3 * self.quantiles[:, i], label=f"p{100 * p:g}", marker="o", markersize=3)
        ax.set_xscale("symlog", linthresh=0.1)
        ax.set_yscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("extra load [%]")
        ax.set_ylabel("latency [ms]")
        ax.set_title("What hedging gains, by what it costs")
        ax.legend()
        return ax


def hedge_curve(
    part: Latency,
    delays: Sequence[Delay | float | str] | None = None,
    backup: Latency | None = None,
    cancel: Cancel = "none",
    percentiles: Sequence[float] = (0.5, 0.9, 0.99, 0.999),
) -> HedgeCurve:
    """Return what each of several hedging delays gains and costs, beside no hedging.

    Parameters
    ----------
    part, backup, cancel
        As for `hedged`.
    delays : sequence, optional
        As `after` of `hedged`; the percentiles from p50 to p99.9, and at once, unless given.
    percentiles : sequence of float
        To be shown.

    Examples
    --------
    >>> from scalemodel.latency import LogNormal
    >>> print(hedge_curve(LogNormal(0.002, 1.0), delays=[p99, p95, p50], percentiles=[0.5, 0.99, 0.999]))
    Hedging of LogNormal(median=0.002, sigma=1.0)
     delay_ms  extra_load_percent  p50_ms  p99_ms  p99.9_ms
          inf                   0   2.000   20.48     43.96
        20.48               1.000   2.000   20.48     25.44
        10.36               5.000   2.000   13.33     18.63
        2.000               50.00   2.000   8.241     13.84
    """
    given = [Percentile(p) for p in (0.999, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)] if delays is None else delays
    laws = [hedged(part, after, backup, cancel) for after in [math.inf, *given, *([0.0] if delays is None else [])]]
    shown = tuple(float(p) for p in _check.shares(percentiles, "a percentile"))
    return HedgeCurve(tuple(sorted(laws, key=lambda law: -law.delay)), shown)


def optimal_hedge(part: Latency, budget: float, backup: Latency | None = None, cancel: Cancel = "none") -> Hedged:
    """Return the hedge of least latency among those whose extra load is within a budget.

    Every percentile falls with the delay, so it is the shortest delay that the budget allows.

    Parameters
    ----------
    part, backup, cancel
        As for `hedged`.
    budget : float
        The extra load allowed, as a share of the load without hedging.

    Examples
    --------
    >>> from scalemodel.latency import LogNormal
    >>> best = optimal_hedge(LogNormal(0.002, 1.0), budget=0.02)
    >>> round(1e3 * best.delay, 3), round(best.extra_load, 4), round(1e3 * best.quantile(0.999), 3)
    (15.594, 0.02, 22.02)
    """
    (part,) = latencies([part], "optimal_hedge")
    budget = _check.number(budget, "the budget of a hedge", 0, math.inf, hint=", such as 0.05 for five per cent")
    if budget >= 1 and cancel == "none":
        return hedged(part, 0.0, backup, cancel)
    shortest = part.isf(min(budget, 1.0))
    if cancel == "none":
        return hedged(part, shortest, backup, cancel)
    delays = np.concatenate(
        [[0.0], part.quantile(np.linspace(0, 1, 129)[:-1]), part.isf(np.geomspace(0.005, 1e-6, 33))]
    )
    allowed = [hedged(part, float(d), backup, cancel).extra_load <= budget for d in np.unique(delays)]
    first = int(np.argmax(allowed)) if any(allowed) else len(allowed)
    high = float(np.unique(delays)[first]) if first < len(allowed) else math.inf
    low = float(np.unique(delays)[first - 1]) if first else high
    while high - low > 1e-12 * high and high < math.inf:  # the first delay within the budget
        middle = 0.5 * (low + high)
        if hedged(part, middle, backup, cancel).extra_load <= budget:
            high = middle
        else:
            low = middle
    return hedged(part, high, backup, cancel)


@dataclass(frozen=True, eq=False)
class LearnedHedge(Shown):
    """A hedging threshold that is learnt from latencies which it shortens itself; `learned_hedge` makes one.

    Attributes
    ----------
    laws : tuple of Hedged
        One per update, from the first threshold on.
    percentile : float
        What is learnt.
    settled : bool
        Whether the last update changed the threshold by less than one part in a million.
    """

    laws: tuple[Hedged, ...]
    percentile: float
    settled: bool

    @property
    def title(self) -> str:
        """What the table shows."""
        return f"A threshold learnt from the p{100 * self.percentile:g} of the hedged latency"

    @property
    def thresholds(self) -> Floats:
        """The threshold of each update in seconds."""
        return np.array([law.delay for law in self.laws])

    @property
    def extra_load(self) -> Floats:
        """The extra load of each update, as a share."""
        return np.array([law.extra_load for law in self.laws])

    @property
    def fixed_point(self) -> Hedged:
        """The last: the latency once the threshold has settled."""
        return self.laws[-1]

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per update."""
        import pandas as pd

        return pd.DataFrame(
            {
                "update": np.arange(len(self.laws)),
                "threshold_ms": 1e3 * self.thresholds,
                "extra_load_percent": 100 * self.extra_load,
            }
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the threshold over the updates."""
        ax = axes(ax)
        ax.plot(1e3 * self.thresholds, marker="o", markersize=3)
        ax.set_xlabel("update")
        ax.set_ylabel("threshold [ms]")
        ax.set_title(self.title)
        return ax


def learned_hedge(
    part: Latency,
    percentile: float = 0.99,
    start: float = 0.0,
    backup: Latency | None = None,
    cancel: Cancel = "none",
    updates: int = 1000,
) -> LearnedHedge:
    """Follow a threshold that is set, time and again, to a percentile of the hedged latencies.

    Hedging does not change what comes before the threshold, so a threshold above the percentile of `part` is corrected
    at once. One below is raised: a late request is answered a backup's time after the threshold, and that becomes the
    new threshold. So it creeps up to the percentile of `part` itself, and once a replica is slow or dead in
    more than ``1 - percentile`` of the requests, there is no more hedging when it is needed (ScyllaDB 3746, 8783).

    Parameters
    ----------
    part, backup, cancel
        As for `hedged`.
    percentile : float
        What is learnt, between 0 and 1.
    start : float
        The first threshold in seconds.
    updates : int
        At most so many.

    Examples
    --------
    One of three replicas now takes 100 ms instead of 10, and two are asked: 2/3 of the reads wait for it.

    >>> from scalemodel.latency import Constant, Mixture
    >>> read = Mixture([Constant(0.010), Constant(0.100)], weights=[1 / 3, 2 / 3])
    >>> loop = learned_hedge(read, start=0.010, backup=Constant(0.012))
    >>> (1e3 * loop.thresholds).round().tolist()
    [10.0, 22.0, 34.0, 46.0, 58.0, 70.0, 82.0, 94.0, 100.0]
    >>> loop.extra_load[[0, -1]].round(3).tolist()
    [0.667, 0.0]
    """
    p = Percentile(percentile).p
    most = _check.whole(updates, "the number of updates", 1, 10**6)
    laws = [hedged(part, _check.number(start, "the first threshold", hint=" in seconds"), backup, cancel)]
    settled = False
    while not settled and len(laws) <= most:
        threshold = laws[-1].quantile(p)
        settled = math.isclose(threshold, laws[-1].delay, rel_tol=1e-6)
        if settled:
            laws.pop()
        laws.append(hedged(part, threshold, backup, cancel))
    return LearnedHedge(tuple(laws), p, settled)


@dataclass(frozen=True, eq=False)
class LoadedHedge(Shown):
    """Hedging where the requests it adds slow down all others; `hedged_under_load` makes one."""

    utilisation: float
    plain: Latency
    law: Hedged
    loaded: float

    @property
    def title(self) -> str:
        """What the table shows."""
        before, after = format_share(self.utilisation), format_share(self.loaded)
        return f"Hedged at a utilisation of {before}, which it raises to {after}"

    def to_frame(self, percentiles: Sequence[float] = (0.5, 0.9, 0.99, 0.999)) -> "pd.DataFrame":
        """Return a row without hedging and one with it."""
        import pandas as pd

        rows = [
            {
                "hedged": name,
                "utilisation": load,
                **{f"p{100 * p:g}_ms": 1e3 * law.quantile(p) for p in percentiles},
            }
            for name, load, law in (("no", self.utilisation, self.plain), ("yes", self.loaded, self.law))
        ]
        return pd.DataFrame(rows)


def hedged_under_load(
    response: Callable[[float], Latency],
    utilisation: float,
    after: Delay | float | str,
    cancel: Cancel = "none",
) -> LoadedHedge:
    """Return the hedged latency of servers whose response depends on their load, to which the hedges add.

    Parameters
    ----------
    response : callable
        From a utilisation, 0 or more and below 1, to the `Latency` at it; slower with more load.
    utilisation : float
        Without hedging, between 0 and 1.
    after, cancel
        As for `hedged`; percentiles are those of the response under the load that results.

    Returns
    -------
    LoadedHedge
        With the latency without hedging (`plain`), with it (`law`), and the utilisation that results (`loaded`).

    Raises
    ------
    ValueError
        If hedging adds more than the servers can take.

    Examples
    --------
    At 40 % hedging M/M/1 servers at their p95 helps the p99 as if they were hardly busier; at 80 % it hurts:

    >>> from scalemodel.latency import Exponential
    >>> def server(load):
    ...     return Exponential(0.001 / (1 - load))
    >>> for load in (0.4, 0.8, 0.9):
    ...     hedge = hedged_under_load(server, load, after=p95)
    ...     print(round(hedge.loaded, 3), round(hedge.law.quantile(0.99) / hedge.plain.quantile(0.99), 3))
    0.42 0.854
    0.84 1.032
    0.945 1.5
    """
    base = _check.share(utilisation, "the utilisation")
    if not 0 < base < 1:
        raise ValueError(f"the utilisation is {utilisation!r}: give a share between 0 and 1")

    extra = 0.0
    while True:  # what the hedges of one load add makes the next
        load = base * (1 + extra)
        if not load < 1:
            raise ValueError(
                f"hedging adds more than servers at a utilisation of {utilisation!r} can take: hedge later, or not"
            )
        law = hedged(response(load), after, cancel=cancel)
        before, extra = extra, law.extra_load
        if abs(extra - before) <= 1e-12:
            return LoadedHedge(base, response(base), law, load)


def break_even_utilisation(
    response: Callable[[float], Latency],
    after: Delay | float | str,
    percentile: float = 0.99,
    cancel: Cancel = "none",
) -> float:
    """Return the utilisation up to which hedging shortens a percentile, its own load included.

    Parameters
    ----------
    response, after, cancel
        As for `hedged_under_load`.
    percentile : float
        Which is to become shorter, between 0 and 1.

    Returns
    -------
    float
        Between 0 (it never helps) and 1 (always).

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> round(break_even_utilisation(lambda load: Exponential(0.001 / (1 - load)), after=p95), 3)
    0.778
    """
    p = Percentile(percentile).p

    def helps(utilisation: float) -> bool:
        try:
            hedge = hedged_under_load(response, utilisation, after, cancel)
        except ValueError:
            return False
        return hedge.law.quantile(p) < hedge.plain.quantile(p)

    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if helps(middle) else (low, middle)
    return 0.5 * (low + high)


def _delay(after: Any) -> Delay | float:
    """Return a delay, checked."""
    if isinstance(after, str):
        return delay(after)
    if isinstance(after, Delay) or after == math.inf:
        return after
    return _check.number(after, "the delay of a hedge", hint=" in seconds, or a percentile such as p99")


def _seconds(after: Delay | float, part: Latency) -> float:
    return after.of(part) if isinstance(after, Delay) else after
