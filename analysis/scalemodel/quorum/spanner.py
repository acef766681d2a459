"""Transactions: Spanner's commit wait, and two-phase commit over replicated groups."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check
from ..display import Shown, axes
from ..latency import Constant, Latency, Mixture, Uniform
from ..units import ms, us
from .deployment import NOTHING, Deployment, wait_for
from .protocols import Led, MultiPaxos, Protocol

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class TrueTime:
    """A clock that knows how wrong it may be: a sawtooth that grows between two questions to the time masters.

    Parameters
    ----------
    delay : float
        Uncertainty just after a question, seconds: the way to the masters.
    drift : float
        Seconds of uncertainty added per second.
    poll : float
        Seconds between two questions.

    Examples
    --------
    >>> clock = TrueTime()
    >>> round(1e3 * clock.uncertainty.mean(), 3), round(1e3 * clock.commit_wait.quantile(0.99), 2)
    (4.0, 13.88)

    References
    ----------
    Corbett et al., "Spanner: Google's globally-distributed database", OSDI 2012, sections 3 and 4.2.1.
    """

    delay: float = 1 * ms
    drift: float = 200 * us
    poll: float = 30.0

    def __post_init__(self) -> None:
        _check.number(self.delay, "the delay of the time masters", hint=" in seconds")
        _check.number(self.drift, "the drift", 0.0, 0.5, hint=" seconds per second")
        _check.positive(self.poll, "the poll interval", hint=" in seconds")

    @property
    def uncertainty(self) -> Latency:
        """Half the width of the interval that holds the true time, at a moment drawn at random."""
        grown = self.drift * self.poll
        return Uniform(self.delay, self.delay + grown) if grown > 0 else Constant(self.delay)

    @property
    def commit_wait(self) -> Latency:
        """Time until a timestamp taken at the late end of the interval is past for certain: twice the uncertainty.

        What the uncertainty grows meanwhile is left out: a `drift` part of it.
        """
        grown = 2 * self.drift * self.poll
        return Uniform(2 * self.delay, 2 * self.delay + grown) if grown > 0 else Constant(2 * self.delay)


@dataclass(frozen=True)
class Spanner(MultiPaxos):
    """One Spanner group: Paxos with a leader that holds locks, and the commit wait of TrueTime.

    A commit takes the way to the leader and back, and the longer of the commit wait and the Paxos round, which
    overlap. A read-write transaction (`read_write_latency`) first reads at the leader, under locks.

    Reads: ``"strong"`` at the nearest replica, which asks the leader how far it must have caught up; ``"stale"`` at
    the nearest replica alone, at a timestamp that it has passed; ``"leader"`` at the leader, with its lease.

    Parameters
    ----------
    deployment : Deployment
    leader : str, optional
    clock : TrueTime
    overlapped : bool
        Whether the commit wait runs while Paxos does, or after it.

    Examples
    --------
    >>> from scalemodel.quorum import Deployment
    >>> from scalemodel.topology import RoundTrips
    >>> near = RoundTrips({("a", "b"): 0.001, ("a", "c"): 0.001, ("b", "c"): 0.001}, within=0.0002)
    >>> group = Spanner(Deployment(near), leader="a")
    >>> round(1e3 * group.commit_latency("b").mean(), 3), round(1e3 * group.read_latency("b").mean(), 3)
    (9.0, 1.2)

    References
    ----------
    Corbett et al., "Spanner: Google's globally-distributed database", OSDI 2012, section 4.
    """

    clock: TrueTime = field(default=TrueTime(), kw_only=True)
    overlapped: bool = field(default=True, kw_only=True)

    reads: ClassVar[tuple[str, ...]] = ("strong", "stale", "leader")

    def _checked(self) -> None:
        super()._checked()
        if not isinstance(self.clock, TrueTime):
            raise TypeError(f"the clock is {self.clock!r}: give a TrueTime(delay, drift, poll)")

    def round_latency(self) -> Latency:
        """Return the time of a Paxos write and its commit wait."""
        return after_wait(super().round_latency(), self.clock, self.overlapped)

    def prepare_latency(self) -> Latency:
        """Return the time of a Paxos write alone, without a commit wait: a participant's prepare record."""
        return super().round_latency()

    def read_write_latency(self, client: str) -> Latency:
        """Return the time of a transaction that reads at the leader and then commits."""
        return self._ask_leader(client) + self._commit(client)

    def _read(self, client: str, read: str) -> Latency:
        if read == "leader":
            return self._ask_leader(client)
        near = self.deployment.nearest(client)
        law = self.deployment.reach(client, near).both_ways
        return law + self.deployment.between(near, self.head).both_ways if read == "strong" else law


def after_wait(paxos: Latency, clock: TrueTime, overlapped: bool = True) -> Latency:
    """Return the time of a Paxos round and a commit wait, one beside the other or one after the other.

    Examples
    --------
    >>> round(after_wait(Constant(0.009), TrueTime()).mean(), 6)
    0.010042
    """
    wait = clock.commit_wait
    if not overlapped:
        return paxos + wait
    if not isinstance(paxos, Constant) or isinstance(wait, Constant):
        return wait_for(2, [paxos, wait], "commits")
    low, high = wait.support
    if paxos.value <= low:
        return wait
    if paxos.value >= high:
        return paxos
    return Mixture([paxos, Uniform(paxos.value, high)], [paxos.value - low, high - paxos.value])


@dataclass(frozen=True)
class TwoPhaseCommit(Protocol):
    """A transaction over several replicated groups: all must prepare, then one commits.

    The client asks the leader of the first group, the coordinator. It asks the other leaders, each of which makes a
    prepare record durable in its group; when all have, it commits in its own group and replies. With one participant
    there is nothing to prepare. In parallel (CockroachDB's parallel commits) the record of the transaction is written
    beside the others, and the transaction is committed once all are durable: one round instead of two.

    Parameters
    ----------
    participants : sequence of Led
        Groups with a leader, such as `Raft` or `Spanner`; the first one coordinates, with a commit wait if it is a
        `Spanner`. A group that occurs twice stands for two groups in the same places.
    parallel : bool
        Whether the rounds run beside each other. Not with Spanner, which takes its timestamp between them.
    per_participant : float
        Seconds of the coordinator's work per participant, one after the other.

    Examples
    --------
    >>> from scalemodel.quorum import Deployment, Raft
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> groups = [Raft(Deployment(trips), leader="us"), Raft(Deployment(trips), leader="eu")]
    >>> [round(TwoPhaseCommit(groups, parallel=p).commit_latency("us").mean(), 4) for p in (False, True)]
    [0.241, 0.161]

    References
    ----------
    Corbett et al., OSDI 2012, section 4.2.1; Taft et al., "CockroachDB: the resilient geo-distributed SQL database",
    SIGMOD 2020, section 3.3.
    """

    deployment: Deployment = field(init=False, repr=False)
    participants: tuple[Led, ...] = ()
    parallel: bool = False
    per_participant: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "participants", tuple(self.participants))
        if not self.participants:
            raise ValueError("a transaction has no participants: give one group or more, the coordinator first")
        if wrong := [group for group in self.participants if not isinstance(group, Led)]:
            raise TypeError(f"a participant is {wrong[0]!r}: give protocols with a leader, such as Raft")
        if self.parallel and isinstance(self.participants[0], Spanner):
            raise ValueError(
                "a parallel commit came with Spanner as its coordinator: leave out `parallel`, or give Raft"
            )
        _check.number(self.per_participant, "the work per participant", hint=" in seconds")
        object.__setattr__(self, "deployment", self.participants[0].deployment)
        super().__post_init__()

    @property
    def _where(self) -> str:
        n = len(self.participants)
        return f"{n} participant{'s' * (n > 1)}, coordinator {self._coordinator.leader}"

    @property
    def _coordinator(self) -> Led:
        return self.participants[0]

    def _asked(self, group: Led) -> Latency:
        """Return the time until the coordinator hears that another group has made its record durable."""
        here, there = (each.deployment.place(each.leader or "") for each in (self._coordinator, group))
        return self.deployment.places_apart(here, there).both_ways + prepare_of(group)

    def _commit(self, client: str) -> Latency:
        first = self._coordinator
        asked = [self._asked(group) for group in self.participants[1:]]
        way = self.deployment.reach(client, first.head).both_ways + len(self.participants) * self.per_participant
        if self.parallel:
            return way + all_of([prepare_of(first), *asked])
        return way + first.round_latency() + (all_of(asked) if asked else NOTHING)

    def _read(self, client: str, read: str) -> Latency:
        raise AssertionError("a transaction's reads belong to its groups")

    @property
    def tolerated_failures(self) -> int:
        """Replicas, whichever they are, whose loss no group feels."""
        return min(group.tolerated_failures for group in self.participants)

    @property
    def messages_per_commit(self) -> float:
        """The client's request and reply, question, answer and outcome per participant, and a round in each group."""
        rounds = sum(group.messages_per_commit - 2 for group in self.participants)
        return 2 + rounds + 3.0 * (len(self.participants) - 1)


def prepare_of(group: Led) -> Latency:
    """Return the time of a durable record in a group, without a commit wait."""
    return group.prepare_latency() if isinstance(group, Spanner) else group.round_latency()


def all_of(laws: Sequence[Latency]) -> Latency:
    """Return the time until all have answered."""
    return wait_for(len(laws), laws, "transactions")


@dataclass(frozen=True, eq=False)
class TwoPhaseFit(Shown):
    """Two costs of two-phase commit, fitted to measured means: ``commit + prepare (n > 1) + per_participant * n``."""

    participants: NDArray[np.int64]
    means: NDArray[np.float64]
    errors: NDArray[np.float64]
    commit: float
    prepare: float
    """Seconds of the round in which the others prepare."""
    per_participant: float
    """Seconds of the coordinator's work per participant."""

    def mean(self, participants: ArrayLike) -> NDArray[np.float64]:
        """Return the mean latency of the model in seconds."""
        n = np.asarray(participants)
        return self.commit + self.prepare * (n > 1) + self.per_participant * n

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Measured less model, in seconds."""
        return self.means - self.mean(self.participants)

    @property
    def title(self) -> str:
        """The two costs."""
        return (
            f"Two-phase commit: a prepare round of {1e3 * self.prepare:.1f} ms and {1e3 * self.per_participant:.2f} ms "
            "per participant"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per measured mean: the model's, the residual, and it in standard deviations."""
        import pandas as pd

        return pd.DataFrame(
            {
                "participants": self.participants,
                "measured_ms": 1e3 * self.means,
                "model_ms": 1e3 * self.mean(self.participants),
                "residual_ms": 1e3 * self.residuals,
                "residual_in_deviations": self.residuals / self.errors,
            }
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the measured means with their deviations and the model."""
        ax = axes(ax)
        n = np.unique(np.geomspace(1, self.participants.max(), 200).round())
        ax.errorbar(
            self.participants, 1e3 * self.means, 1e3 * self.errors, fmt="o", capsize=3, label="measured, ± 1 deviation"
        )
        ax.plot(n, 1e3 * self.mean(n), label="model")
        ax.set_xscale("log")
        ax.set_xticks(self.participants, [str(count) for count in self.participants], minor=False)
        ax.minorticks_off()
        ax.set_ylim(bottom=0)
        ax.set_xlabel("participants")
        ax.set_ylabel("mean latency in ms")
        ax.legend()
        return ax


def fit_two_phase_commit(
    participants: ArrayLike, means: ArrayLike, errors: ArrayLike | None = None, commit: float = 0.0
) -> TwoPhaseFit:
    """Fit the prepare round and the work per participant to measured mean latencies, by weighted least squares.

    Parameters
    ----------
    participants : int[n]
    means : float[n]
        Seconds.
    errors : float[n], optional
        Standard deviations in seconds; default the same for all, one millisecond.
    commit : float
        Seconds that a transaction of one participant is known to take beside `per_participant`.

    Raises
    ------
    ValueError
        If there are fewer than two measurements, or none of several participants.

    Examples
    --------
    >>> fit = fit_two_phase_commit([1, 10, 100], [0.0101, 0.021, 0.03], commit=0.01)
    >>> round(fit.prepare, 4), round(fit.per_participant, 5)
    (0.01, 0.0001)
    """
    count = _check.integers(participants, "participants", 10**9)
    measured = _check.amounts(means, "the mean latencies")
    deviations = _check.amounts(np.full(measured.shape, 1 * ms) if errors is None else errors, "the errors")
    if not count.shape == measured.shape == deviations.shape:
        raise ValueError(
            f"{count.size} participants came with {measured.size} means and {deviations.size} errors: "
            "give one of each per measurement"
        )
    if count.min() < 1 or len(np.unique(count)) < 2:
        raise ValueError("the participants are not two different numbers of 1 or more: two costs are to be fitted")
    if not deviations.all():
        raise ValueError("an error is 0: give standard deviations above 0 seconds")
    base = _check.number(commit, "the commit", hint=" in seconds")
    columns = np.column_stack([count > 1, count]) / deviations[:, None]
    if np.linalg.matrix_rank(columns) < 2:
        raise ValueError("the measurements do not tell the two costs apart: give more numbers of participants")
    prepare, each = np.linalg.lstsq(columns, (measured - base) / deviations)[0]
    return TwoPhaseFit(count, measured, deviations, base, float(prepare), float(each))
