"""Promises: what services in series and with fallbacks keep, what may be spent of a budget, and how often it is missed.

A composition is an expression of services, as a quorum is one of nodes: ``a * b`` needs both, ``a + b`` either. A
service that is named twice is one service, and counted once.
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from .._check import number, positive
from ..display import PALETTE, Shown, axes, format_time
from ..latency import Constant, Exponential, Latency
from ..quorum import Expression, Node
from ..quorum.chances import tails
from ..topology import nearest
from ..units import days, minutes, years
from .failures import Chance, chance, down_from_sla

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Part = Expression | str
MONTH = 30 * days
MOST_OUTAGES = 200


@dataclass(frozen=True)
class Sla:
    """What a provider has promised for a service, and where."""

    service: str
    deployment: str
    promise: str
    dated: str
    source: str

    @property
    def down(self) -> float:
        """The share of a month that it may be down without a refund; no measured figure."""
        return down_from_sla(self.promise)


def read_slas(path: str | Path) -> tuple[Sla, ...]:
    """Read a table of published promises: columns service, deployment, promise, dated and source.

    The project's own is ``data/published_slas.csv``.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = ["service", "deployment", "promise", "dated", "source"]
        if reader.fieldnames != columns:
            raise ValueError(f"{path} has the columns {reader.fieldnames}: give {', '.join(columns)}")
        found = tuple(Sla(**row) for row in reader)
    for sla in found:
        down_from_sla(sla.promise)
    return found


def series(*parts: Part) -> Expression:
    """Return a service that needs all of these, given as names or compositions.

    Examples
    --------
    >>> print(series("web", "database"))
    web * database
    """
    whole = _part(parts[0])
    for part in parts[1:]:
        whole = whole * _part(part)
    return whole


def parallel(*parts: Part) -> Expression:
    """Return a service that any one of these can give.

    Examples
    --------
    >>> print(parallel("us", "eu"))
    us + eu
    """
    whole = _part(parts[0])
    for part in parts[1:]:
        whole = whole + _part(part)
    return whole


def fallback(primary: Part, backup: Part, switch: Part) -> Expression:
    """Return a service with a backup that only works where the switch over to it does.

    Examples
    --------
    >>> print(fallback("cache", "database", switch="health check"))
    cache + database * 'health check'
    """
    return _part(primary) + _part(backup) * _part(switch)


def composed_unavailability(service: Expression, down: Mapping[str, Chance]) -> float:
    """Return the probability that a composed service is down; exactly, shared parts counted once.

    Parameters
    ----------
    service : Expression
        Made by `series`, `parallel` and `fallback`, or written with ``*`` and ``+``.
    down : mapping of str to float or str
        For each service by name its probability to be down, or a promise such as ``"99.95 %"``.

    Examples
    --------
    Two regions that both need the same login:

    >>> site = parallel(series("us", "login"), series("eu", "login"))
    >>> round(composed_unavailability(site, {"us": 0.01, "eu": 0.01, "login": "99.9 %"}), 7)
    0.0010999

    References
    ----------
    Treynor, Dahlin, Rau and Beyer, "The calculus of service availability", ACM Queue 15 (2017).
    """
    if not isinstance(service, Expression):
        raise TypeError(f"service is {service!r}: give a composition, made by series() or parallel()")
    names = [node.name for node in service.nodes]
    if lacking := [name for name in names if name not in down]:
        raise ValueError(f"there is no probability for {lacking[0]!r}: give one for each service")
    if unknown := [name for name in down if name not in names]:
        raise ValueError(f"{unknown[0]!r} is no part of the service{nearest(str(unknown[0]), names)}")
    given = {node: chance(down[node.name], f"the probability that {node.name!r} is down") for node in service.nodes}
    lost, _ = tails(
        service,
        {node: np.array([p]) for node, p in given.items()},
        {node: np.array([1 - p]) for node, p in given.items()},
    )
    return float(lost[0])


@dataclass(frozen=True)
class ErrorBudget(Shown):
    """How long a service may be down, and how much of that is spent.

    Attributes
    ----------
    seconds : float
        The budget of the period.
    spent : float
        Seconds that were, or are expected to be, down.
    """

    down: float
    period: float
    spent: float

    @property
    def seconds(self) -> float:
        """Seconds that the service may be down within the period."""
        return self.down * self.period

    @property
    def left(self) -> float:
        """Seconds left; negative when overspent."""
        return self.seconds - self.spent

    @property
    def burn_rate(self) -> float:
        """Spent over budget: above 1 the promise is broken."""
        return self.spent / self.seconds

    @property
    def title(self) -> str:
        """The verdict in one line."""
        spent = f", {100 * self.burn_rate:.3g} % spent" if self.spent else ""
        return f"Error budget {format_time(self.seconds)} in {format_time(self.period)}{spent}"

    def to_frame(self) -> "pd.DataFrame":
        """Return the budget of some usual periods."""
        import pandas as pd

        periods = {"day": days, "week": 7 * days, "30 days": MONTH, "quarter": years / 4, "year": years}
        rows = [(name, self.down * span / minutes) for name, span in periods.items()]
        return pd.DataFrame(rows, columns=["period", "budget_min"])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw what is spent beside the budget."""
        ax = axes(ax)
        ax.barh(["spent", "budget"], [self.spent / minutes, self.seconds / minutes], color=[PALETTE[3], PALETTE[0]])
        ax.set(xlabel="minutes", title=self.title)
        return ax


def error_budget(slo: Chance, period: float = MONTH, spent: float = 0.0) -> ErrorBudget:
    """Return the error budget of a promise.

    Parameters
    ----------
    slo : str or float
        The promise, such as ``"99.9 %"``; a number is the share of time that may be down.
    period : float
        Seconds; 30 days unless told.
    spent : float
        Seconds down within the period.

    Examples
    --------
    >>> budget = error_budget("99.99 %", period=365 * 86400, spent=3 * 20 * 60)
    >>> round(budget.seconds / 60, 2), budget.burn_rate > 1
    (52.56, True)
    """
    down = chance(slo, "the share of time that may be down")
    if down == 0:
        raise ValueError("the promise leaves no budget at all: give one below 100 %")
    return ErrorBudget(down, positive(period, "period", "; seconds"), number(spent, "spent", hint="; seconds"))


def miss_probability(slo: Chance, incidents: float, outage: float | Latency, period: float = MONTH) -> float:
    """Return the chance to miss a promise within a period although incidents come as often as expected.

    Incidents come at random (a Poisson process), and their outages do not overlap.

    Parameters
    ----------
    slo : str or float
        The promise, such as ``"99.9 %"``, or the share of time that may be down.
    incidents : float
        How many a period has on average.
    outage : float or Latency
        Seconds that each lasts; exact for a constant and for an `Exponential`.
    period : float
        Seconds; 30 days unless told.

    Examples
    --------
    Half an incident of half an hour a month leaves the mean at 15 of the 43 minutes that 99.9 % allows, yet

    >>> round(miss_probability("99.9 %", incidents=0.5, outage=1800), 4)
    0.0902
    """
    budget = error_budget(slo, period).seconds
    mean = number(incidents, "incidents, how many a period has on average,")
    if isinstance(outage, Exponential):
        most = int(mean + 40 * math.sqrt(mean) + 60)
        n = np.arange(1, most + 1)
        odds = np.exp(special.xlogy(n, mean) - mean - special.gammaln(n + 1))
        return float((odds * special.gammaincc(n, budget / float(outage.mean()))).sum())
    if isinstance(outage, Latency) and not isinstance(outage, Constant):
        return _by_sums(mean, outage, budget)
    each = positive(outage.value if isinstance(outage, Constant) else outage, "outage", "; seconds, or a Latency")
    return float(special.pdtrc(math.floor(budget / each * (1 + 1e-12)), mean)) if mean else 0.0


def _by_sums(mean: float, outage: Latency, budget: float) -> float:
    total, together = 0.0, outage
    odds = math.exp(-mean)
    for n in range(1, MOST_OUTAGES + 1):
        odds *= mean / n
        total += odds * float(together.sf(budget))
        if special.pdtrc(n, mean) <= 1e-9 * total or not mean:
            return total
        together = together + outage
    raise ValueError(f"incidents is {mean:g}: give fewer, or a constant or Exponential outage, which are exact")


def _part(part: Part) -> Expression:
    return Node(part) if isinstance(part, str) else part
