"""How many leader losses a year does the error budget bear, and which timers lose the least?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from .. import _check, display, units
from ..display import Shown, format_nines, format_time
from ..latency import Constant, Latency
from .detectors import FixedTimeout
from .elections import ElectionDowntime, RaftElection, election_downtime

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_CELLS_PER_DOWNTIME = 8  # of the grid of a period's downtime, on average
_FEWEST, _MOST = 13, 20  # as powers of two
_WIDTH = 2  # budgets that it covers
_AGES = 64  # times within an interval at which a leader may stall
_DAMPING = 30.0  # e-folds over it


@dataclass(frozen=True, eq=False, repr=False)
class FailoverBudget(Shown):
    """What losses of the leader cost, against what an objective allows.

    Attributes
    ----------
    downtime : Latency
        Per loss.
    unavailability : float
        What the objective allows.
    other : float
        Unavailability by other causes, which uses up a part of it.
    losses_per_year : float
        Expected leader losses.
    period : float
        Seconds over which the objective is judged.
    risk : float
        The chance to miss it in a period that is borne by `losses_at_risk`.
    """

    downtime: Latency
    unavailability: float
    other: float
    losses_per_year: float
    period: float
    risk: float

    @property
    def budget(self) -> float:
        """Seconds per period that are left for failovers."""
        return (self.unavailability - self.other) * self.period

    @property
    def downtime_per_year(self) -> float:
        """Expected seconds a year without a leader."""
        return self.losses_per_year * self.downtime.mean()

    @property
    def used(self) -> float:
        """Share of the budget that the expected losses use, on average."""
        return self.downtime_per_year / (self.budget * units.years / self.period)

    @property
    def losses_that_fit(self) -> float:
        """Leader losses a year whose expected downtime is the budget."""
        return self.budget / self.period * units.years / self.downtime.mean()

    @property
    def losses_at_risk(self) -> float:
        """Leader losses a year, at random times, that miss the objective in a period with a chance of `risk` only."""
        return losses_within(self.downtime, self.budget, self.risk) * units.years / self.period

    @property
    def chance_to_miss(self) -> float:
        """The chance that a period's failovers take longer than its budget."""
        return exceeds(self.downtime, self.losses_per_year * self.period / units.years, self.budget)

    @property
    def title(self) -> str:
        """The objective, and what of it failovers use."""
        return (
            f"Failover budget: {format_nines(self.unavailability)}, "
            f"{self.losses_per_year:g} leader losses a year use {display.format_share(self.used)} of it"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row: downtime per loss, budget, losses that fit it."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "downtime_mean_ms": 1e3 * self.downtime.mean(),
                    "downtime_p99_ms": 1e3 * self.downtime.quantile(0.99),
                    "budget_s": self.budget,
                    "period_days": self.period / units.days,
                    "losses_that_fit": self.losses_that_fit,
                    "losses_at_risk": self.losses_at_risk,
                    "losses_per_year": self.losses_per_year,
                    "downtime_per_year_s": self.downtime_per_year,
                    "used": self.used,
                    "chance_to_miss": self.chance_to_miss,
                }
            ]
        )

    def plot(self, ax: "Axes | None" = None, label: str | None = None) -> "Axes":
        """Draw the chance to miss the objective over leader losses a year."""
        axes = display.axes(ax)
        losses = self.losses_that_fit * np.linspace(0.02, 2, 60)
        sums = _Sums(self.downtime, self.budget)
        chances = [sums.exceed(rate * self.period / units.years) for rate in losses]
        axes.plot(losses, chances, label=label)
        axes.set(xlabel="leader losses a year", ylabel="chance to miss the objective", ylim=(0, 1.02))
        if ax is None:
            axes.set_title(f"How many leader losses fit {format_nines(self.unavailability)}?")
        if label:
            axes.legend()
        return axes


def failover_budget(
    downtime: ElectionDowntime | Latency | float,
    unavailability: float,
    losses_per_year: float = 12.0,
    *,
    other: float = 0.0,
    period: float = 30 * units.days,
    risk: float = 0.05,
) -> FailoverBudget:
    """Weigh leader losses against an objective.

    Parameters
    ----------
    downtime : ElectionDowntime, Latency or float
        Seconds per loss.
    unavailability : float
        What the objective allows: 1e-4 for 99.99 %.
    losses_per_year : float
        Crashes, restarts, upgrades and moves of the leader.
    other : float
        Unavailability by other causes.
    period : float
        Seconds over which the objective is judged; a month unless given.
    risk : float
        The chance to miss it that one is willing to bear in a period.

    Examples
    --------
    >>> budget = failover_budget(1.24, unavailability=1e-4, losses_per_year=365)
    >>> round(budget.losses_that_fit), round(budget.used, 3)
    (2545, 0.143)
    """
    if isinstance(downtime, ElectionDowntime):
        law: Latency = downtime.latency
    else:
        law = downtime if isinstance(downtime, Latency) else Constant(_check.positive(downtime, "the downtime"))
    allowed = _check.share(unavailability, "the unavailability that the objective allows")
    if not 0 < allowed < 0.5:
        raise ValueError(
            f"the objective allows an unavailability of {allowed:g}: give what may be down, such as 1e-4 for 99.99 %"
        )
    other = _check.share(other, "the unavailability by other causes")
    if other >= allowed:
        raise ValueError(
            f"other causes take {other:g} of the {allowed:g} that the objective allows: nothing is left for failovers"
        )
    if not 0 < law.mean() < math.inf:
        raise ValueError(f"the mean downtime is {law.mean()}: give a downtime with a mean that is finite and above 0")
    risk = _check.share(risk, "the risk")
    if not 0 < risk < 1:
        raise ValueError(f"the risk is {risk:g}: give a share between 0 and 1, such as 0.05")
    return FailoverBudget(
        law,
        allowed,
        other,
        _check.number(losses_per_year, "the losses a year"),
        _check.positive(period, "the period"),
        risk,
    )


def exceeds(downtime: Latency, losses: float, budget: float) -> float:
    """Return the chance that so many losses, as a Poisson process has them, are down for longer than a budget.

    The sum has the transform exp(losses (f - 1)) for the transform f of one downtime, put on a grid that keeps its
    mean, and damped, so that longer sums do not come round again.

    Examples
    --------
    >>> from scalemodel.latency import Constant
    >>> round(exceeds(Constant(10.0), losses=2.0, budget=35.0), 4)  # four or more
    0.1429
    """
    return _Sums(downtime, budget).exceed(losses)


def losses_within(downtime: Latency, budget: float, risk: float) -> float:
    """Return the expected losses whose downtime exceeds the budget with a chance of `risk`.

    Examples
    --------
    >>> from scalemodel.latency import Constant
    >>> round(losses_within(Constant(10.0), budget=5.0, risk=0.05), 4)  # one is too many
    0.0513
    """
    sums = _Sums(downtime, budget)
    high = 2 * budget / downtime.mean() + 10
    while sums.exceed(high) < risk:
        high *= 2
    return float(optimize.brentq(lambda losses: sums.exceed(losses) - risk, 0, high, rtol=1e-7))


class _Sums:
    """The transform of one downtime, from which that of a sum of any number follows."""

    def __init__(self, downtime: Latency, budget: float) -> None:
        fine = math.log2(_WIDTH * budget / downtime.mean() * _CELLS_PER_DOWNTIME)
        self.cells = 2 ** min(max(math.ceil(fine), _FEWEST), _MOST)
        cell = _WIDTH * budget / self.cells
        edges = cell * np.arange(self.cells)
        longest = downtime.isf(1e-14)
        used = min(self.cells, int(min(longest / cell, 1e9)) + 2)
        below = downtime.cdf(edges[:used] + cell / 2)
        masses = np.zeros(self.cells)
        masses[:used] = np.diff(below, prepend=0.0)
        if below[-1] > 1 - 1e-12:  # none is longer: keep the mean by moving a share of each to a neighbour
            share = (downtime.mean() - float(masses @ edges)) / cell
            masses = (1 - abs(share)) * masses + abs(share) * np.roll(masses, 1 if share >= 0 else -1)
        self.damped = np.exp(-_DAMPING * np.arange(self.cells) / self.cells)
        self.within = int(np.searchsorted(edges, budget * (1 + 1e-12), side="right"))
        self.transform = np.fft.rfft(masses * self.damped)

    def exceed(self, losses: float) -> float:
        """Return the chance that the sum of so many exceeds the budget."""
        total = np.fft.irfft(np.exp(losses * (self.transform - 1)), self.cells)[: self.within]
        return float(min(max(1 - (total / self.damped[: self.within]).sum(), 0.0), 1.0)) if losses else 0.0


@dataclass(frozen=True, eq=False, repr=False)
class ElectionTuning(Shown):
    """Expected downtime a year over timers.

    Attributes
    ----------
    election : RaftElection
        The group whose timers were varied.
    rows : DataFrame
        A row per heartbeat and timeout: downtime per loss, losses and needless elections a year, downtime a year.
    """

    election: RaftElection
    rows: "pd.DataFrame"

    @property
    def best(self) -> RaftElection:
        """The group with the timers that lose the least."""
        row = self.rows.sort_values("downtime_per_year_s").iloc[0]
        low = row.timeout_low_ms * units.ms
        return _with_timers(self.election, row.heartbeat_ms * units.ms, low, self._spread * low)

    @property
    def _spread(self) -> float:
        return float(self.rows.timeout_high_ms.iloc[0] / self.rows.timeout_low_ms.iloc[0])

    @property
    def title(self) -> str:
        """The best timers."""
        row = self.rows.sort_values("downtime_per_year_s").iloc[0]
        return (
            f"Least downtime: heartbeats every {format_time(row.heartbeat_ms * units.ms)}, timeouts from "
            f"{format_time(row.timeout_low_ms * units.ms)}: {format_time(row.downtime_per_year_s)} a year"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return the rows."""
        return self.rows.copy()

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw downtime a year over the timeout, a line per heartbeat interval."""
        axes = display.axes(ax)
        for heartbeat, rows in self.rows.groupby("heartbeat_ms"):
            axes.loglog(rows.timeout_low_ms, rows.downtime_per_year_s, label=f"heartbeat {heartbeat:g} ms")
        axes.set(xlabel="shortest election timeout (ms)", ylabel="without a leader (s a year)")
        axes.legend()
        return axes


def tune_election(
    election: RaftElection,
    losses_per_year: float,
    heartbeats: Sequence[float],
    timeouts: Sequence[float],
    *,
    delay: Latency | None = None,
    loss: float = 0.0,
    stalls_per_day: float = 0.0,
    stall: Latency | None = None,
    spread: float = 2.0,
    trials: int = 20_000,
    seed: int = 0,
) -> ElectionTuning:
    """Find the heartbeat and the timeout that cost the least expected downtime.

    A short timeout notices a loss soon, but also deposes leaders that are well: when heartbeats are late or lost, and
    when the leader stalls, so that the silence since its last heartbeat is longer than the shortest timeout. A needless
    election costs what an election costs from its first campaign on. With CheckQuorum it takes as many silent followers
    as make a quorum.

    Parameters
    ----------
    election : RaftElection
        The group; its timers are replaced, a timeout of `low` becoming ``(low, spread * low)``.
    losses_per_year : float
        Leaders that are really lost.
    heartbeats, timeouts : sequence of float
        Seconds to try; pairs with a timeout below the heartbeat or not above the round trip are left out.
    delay : Latency, optional
        What heartbeats take; the group's network unless given. Give measured delays: their tail decides.
    loss : float
        Share of heartbeats that never arrive.
    stalls_per_day : float
        Pauses of the leader.
    stall : Latency, optional
        How long they take.
    spread : float
        Longest timeout over shortest.
    trials, seed
        As of `election_downtime`.

    Returns
    -------
    ElectionTuning
        With `best`, a `RaftElection`.
    """
    rate = _check.number(losses_per_year, "the losses a year")
    often = _check.number(stalls_per_day, "the stalls a day")
    spread = _check.number(spread, "the spread of the timeouts", 1.0)
    if often and stall is None:
        raise ValueError("there are stalls, but not how long they take: give stall=, a latency")
    if election.tick:
        raise ValueError("the group counts ticks, which are heartbeats: give one with timeouts in seconds")
    import pandas as pd

    rows = []
    followers = len(election.voters)
    for heartbeat in _check.amounts(heartbeats, "the heartbeats"):
        for low in _check.amounts(timeouts, "the timeouts"):
            if low < heartbeat or low <= election.round_trip() or heartbeat <= 0:
                continue
            group = _with_timers(election, float(heartbeat), float(low), spread * float(low))
            lost = election_downtime(group, trials, seed)
            watch = FixedTimeout(float(heartbeat), float(low), delay or election.network, loss)
            needless = followers * watch.mistakes_per_year  # a bound: most followers draw longer timeouts
            if election.check_quorum:  # so many others must have heard nothing, either
                silent = min(1.0, watch.mistake_rate * heartbeat)
                others = election.quorum - 1
                needless *= min(1.0, math.comb(max(followers - 1, 0), others) * silent**others)
            if stall is not None:
                heard = heartbeat * (np.arange(_AGES) + 0.5) / _AGES  # so long before the stall was the last heartbeat
                needless += often * (units.years / units.days) * float(stall.sf(np.maximum(low - heard, 0.0)).mean())
            first = low * (1 + (spread - 1) / (followers + 1)) - heartbeat / 2  # when a timer fires, on average
            each = max(lost.mean - first, election.round_trip())
            rows.append(
                {
                    "heartbeat_ms": 1e3 * heartbeat,
                    "timeout_low_ms": 1e3 * low,
                    "timeout_high_ms": 1e3 * spread * low,
                    "downtime_per_loss_ms": 1e3 * lost.mean,
                    "losses_per_year": rate,
                    "needless_per_year": needless,
                    "downtime_per_year_s": rate * lost.mean + needless * each,
                }
            )
    if not rows:
        raise ValueError(
            f"no pair has a timeout that is at least its heartbeat and above the round trip of "
            f"{format_time(election.round_trip())}: give longer timeouts"
        )
    return ElectionTuning(election, pd.DataFrame(rows))


def _with_timers(election: RaftElection, heartbeat: float, low: float, high: float) -> RaftElection:
    return RaftElection(
        election.members,
        (low, high),
        heartbeat,
        network=election.network,
        disk=election.disk,
        pre_vote=election.pre_vote,
        check_quorum=election.check_quorum,
        priorities=election.priorities,
        logs=election.logs,
        reset=election.reset,
        down=election.down,
        leader=election.leader,
        start=election.start,
        until=election.until,
    )
