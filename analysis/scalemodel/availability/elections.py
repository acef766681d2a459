"""How long is nobody in charge? Leader elections of Raft and of Multi-Paxos with leases, as distributions."""

import functools
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _check, display, streams
from ..display import Shown, format_time
from ..latency import Constant, Empirical, Latency
from ..topology import Topology, as_topology
from ..units import ms
from ._kernels import elections as kernels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

MOST_MEMBERS = 63
"""The largest group: draws are numbered by member."""

LONGEST = 1000.0
"""An election is given up after so many of its longest timeouts."""

Start = Literal["crash", "cold"]
Until = Literal["leader", "commit"]


class Election(Shown):
    """A group of members that elects a leader, and its timers: what `RaftElection` and `LeaseElection` share."""

    members: Topology
    heartbeat: float
    network: Latency
    disk: Latency
    down: tuple[str, ...]
    leader: str | None
    start: Start
    until: Until

    @property
    def quorum(self) -> int:
        """Votes that make a leader: more than half of all members, those that are down included."""
        return len(self.members) // 2 + 1

    @property
    def voters(self) -> tuple[str, ...]:
        """Who takes part in the election: all but the members that are down and the leader that was lost."""
        return tuple(name for name in self.members.nodes if name not in self.down and name != self.leader)

    @property
    @abstractmethod
    def spans(self) -> tuple[Floats, Floats]:
        """Shortest and longest time in seconds after which a member stands for election, ``float64[members]`` each."""

    @property
    @abstractmethod
    def _rules(self) -> dict[str, Any]:
        """What the kernel needs to know of the protocol."""

    def to_frame(self) -> "pd.DataFrame":
        """Return one row of settings."""
        import pandas as pd

        low, high = self.spans
        return pd.DataFrame(
            [
                {
                    "members": len(self.members),
                    "down": len(self.down),
                    "heartbeat_ms": 1e3 * self.heartbeat,
                    "timeout_low_ms": 1e3 * low.min(),
                    "timeout_high_ms": 1e3 * high.max(),
                    "network": self.network.description,
                    "disk": self.disk.description,
                }
            ]
        )

    def round_trip(self) -> float:
        """Return the longest typical round trip between two voters, in seconds: twice the network's median is in it."""
        alive = [self.members.index(name) for name in self.voters]
        base = _delays(self.members)
        return float(max((base + base.T)[i, j] for i in alive for j in alive) + 2 * self.network.quantile(0.5))

    def _settle(self, settings: dict[str, Any]) -> None:
        """Check what is common, and set it."""
        members = as_topology(settings["members"])
        if len(members) > MOST_MEMBERS:
            raise ValueError(f"there are {len(members)} members: give {MOST_MEMBERS} or fewer")
        start, until = settings["start"], settings["until"]
        if start not in ("crash", "cold"):
            raise ValueError(f"start is {start!r}: give 'crash' (the leader is lost) or 'cold' (all begin at once)")
        if until not in ("leader", "commit"):
            raise ValueError(f"until is {until!r}: give 'leader' or 'commit' (the new leader's first entry)")
        leader = settings["leader"]
        if start == "cold" and leader is not None:
            raise ValueError(f"the leader is {leader!r} at a cold start: leave it out, there is none to lose")
        if isinstance(settings["down"], (str, float, bool)):
            raise TypeError(f"down is {settings['down']!r}: give a number of members or a list of their names")
        if isinstance(settings["down"], (int, np.integer)):
            count = _check.whole(settings["down"], "down", 0, len(members))
            free = [name for name in members.nodes if name != leader]
            down = tuple(free[len(free) - min(count, len(free)) :])
        else:
            down = tuple(members.nodes[members.index(name)] for name in settings["down"])
        if start == "crash":
            standing = [name for name in members.nodes if name not in down]
            leader = members.nodes[members.index(leader)] if leader is not None else standing[0] if standing else None
            if leader in down:
                raise ValueError(f"the leader {leader!r} is down already: leave it out of `down`")
        values = {
            "members": members,
            "heartbeat": _check.number(settings["heartbeat"], "the heartbeat interval"),
            "network": _law(settings["network"], "the network"),
            "disk": _law(settings["disk"], "the disk"),
            "down": down,
            "leader": leader,
            "start": start,
            "until": until,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if len(self.voters) < self.quorum:
            raise ValueError(
                f"{len(self.voters)} of {len(members)} members are left to vote and {self.quorum} must: nobody will "
                f"ever lead; give fewer members that are down"
            )

    def _sound(self, low: float, name: str) -> None:
        """Refuse timeouts that cannot work."""
        if self.start == "crash" and low < self.heartbeat:
            raise ValueError(
                f"{name} of {format_time(low)} is below the heartbeat interval of {format_time(self.heartbeat)}, so "
                f"that healthy leaders would be deposed: give a longer timeout or a shorter interval"
            )
        if low <= (trip := self.round_trip()):
            raise ValueError(
                f"{name} of {format_time(low)} is not above the round trip of {format_time(trip)}, so that candidates "
                f"would give up before votes arrive: give a longer timeout"
            )


@dataclass(frozen=True, init=False, eq=False, repr=False)
class RaftElection(Election):
    """A Raft group that loses its leader.

    Parameters
    ----------
    members : int, sequence of str, or Topology
        All voting members, the lost leader and those that are down included. Half of a topology's round trips is
        added to each message.
    timeout : (low, high), or one such pair per member
        Election timeouts: seconds, uniform in between; or with `tick` numbers of ticks, all equally likely, both ends
        included. A member with a shorter timeout has priority.
    heartbeat : float
        Seconds between the leader's heartbeats. It is lost at any time between two of them; 0: just after one.
    network : float or Latency
        Seconds that a message takes one way, beside the topology's.
    disk : float or Latency
        Seconds to save a vote (and, with ``until="commit"``, an entry): before a candidate asks, and before a voter
        answers.
    tick : float
        Seconds per tick of each member's own clock; 0 for clocks that are exact.
    pre_vote : bool
        Candidates first ask whether they would win; that takes a round trip and saves terms.
    check_quorum : bool
        Voters that have heard from the leader within the shortest timeout ignore candidates. (That the leader, in
        turn, steps down when it hears from no quorum makes no difference to those it has lost.)
    priorities : sequence of int, optional
        Per member: who votes only for its own priority or a higher one, as in TiKV, unless a log is longer.
    logs : sequence of int, optional
        Per member, its last entry's place: nobody votes for a shorter log than its own.
    reset : {"vote", "term"}
        What sets a member's timer anew: granting a vote, as in the paper, or also a later term, as in etcd.
    down : int or sequence of str
        Members that were down before; a number means the last ones.
    leader : str, optional
        Who is lost; by default the first that is up.
    start : {"crash", "cold"}
        A lost leader, or all members starting at once with none.
    until : {"leader", "commit"}
        When somebody is in charge: on winning, or once the first entry is on a quorum's disks.

    Raises
    ------
    ValueError
        If no quorum is left, or the timeout is below the heartbeat or not above the round trip.

    Examples
    --------
    >>> from scalemodel.units import ms
    >>> group = RaftElection(5, timeout=(150 * ms, 300 * ms), heartbeat=75 * ms)
    >>> group.quorum, group.voters
    (3, ('n1', 'n2', 'n3', 'n4'))

    References
    ----------
    D. Ongaro, "Consensus: Bridging Theory and Practice", Stanford 2014, chapters 3, 4.2.3 and 9.
    """

    members: Topology
    low: tuple[float, ...]
    high: tuple[float, ...]
    heartbeat: float
    network: Latency
    disk: Latency
    tick: float
    pre_vote: bool
    check_quorum: bool
    priorities: tuple[int, ...]
    logs: tuple[int, ...]
    reset: Literal["vote", "term"]
    down: tuple[str, ...]
    leader: str | None
    start: Start
    until: Until

    def __init__(
        self,
        members: int | Sequence[str] | Topology = 5,
        timeout: Sequence[float] | Sequence[Sequence[float]] = (150 * ms, 300 * ms),
        heartbeat: float = 75 * ms,
        *,
        network: float | Latency = 0.25 * ms,
        disk: float | Latency = 0.0,
        tick: float = 0.0,
        pre_vote: bool = False,
        check_quorum: bool = False,
        priorities: Sequence[int] | None = None,
        logs: Sequence[int] | None = None,
        reset: Literal["vote", "term"] = "vote",
        down: int | Sequence[str] = (),
        leader: str | None = None,
        start: Start = "crash",
        until: Until = "leader",
    ) -> None:
        self._settle(locals())
        if reset not in ("vote", "term"):
            raise ValueError(f"reset is {reset!r}: give 'vote' (the paper's rule) or 'term' (etcd's)")
        n = len(self.members)
        low, high = _ranges(timeout, n)
        object.__setattr__(self, "tick", _check.number(tick, "the tick"))
        if self.tick and (np.mod([low, high], 1).any() or low.min() < 1):
            raise ValueError(
                f"with ticks, the timeout {timeout!r} counts them: give whole numbers of 1 or more, such as (10, 19)"
            )
        object.__setattr__(self, "low", tuple(low.tolist()))
        object.__setattr__(self, "high", tuple(high.tolist()))
        object.__setattr__(self, "pre_vote", bool(pre_vote))
        object.__setattr__(self, "check_quorum", bool(check_quorum))
        object.__setattr__(self, "priorities", _ranks(priorities, n, "priorities"))
        object.__setattr__(self, "logs", _ranks(logs, n, "logs"))
        object.__setattr__(self, "reset", reset)
        self._sound(float(self.spans[0].min()), "the election timeout")

    @classmethod
    def etcd(
        cls,
        members: int | Sequence[str] | Topology = 3,
        heartbeat: float = 100 * ms,
        election: float = 1.0,
        pre_vote: bool = True,
        **settings: Any,
    ) -> "RaftElection":
        """Return a group with etcd's timers: a tick is a heartbeat, and a timeout k .. 2k - 1 ticks.

        Parameters
        ----------
        members : int, sequence of str, or Topology
            All members.
        heartbeat, election : float
            ``--heartbeat-interval`` and ``--election-timeout`` in seconds.
        pre_vote : bool
            etcd's ``--pre-vote``, on by default since 3.5.
        **settings
            More of `RaftElection`.

        Examples
        --------
        >>> group = RaftElection.etcd()
        >>> group.low[0], group.high[0], group.tick
        (10.0, 19.0, 0.1)

        References
        ----------
        etcd raft, ``raft.go``: ``pastElectionTimeout``, ``resetRandomizedElectionTimeout``.
        """
        tick = _check.positive(heartbeat, "the heartbeat interval")
        ticks = int(_check.positive(election, "the election timeout") / tick * (1 + 1e-12))
        if ticks < 1:
            raise ValueError(
                f"the election timeout of {format_time(election)} is below the heartbeat interval of "
                f"{format_time(tick)}: etcd wants five of them or more"
            )
        etcd: dict[str, Any] = {"check_quorum": True, "reset": "term"}
        return cls(members, (ticks, 2 * ticks - 1), tick, tick=tick, pre_vote=pre_vote, **(etcd | settings))

    @property
    def title(self) -> str:
        """The group in a few words."""
        low, high = self.spans
        how = [word for word, here in (("PreVote", self.pre_vote), ("CheckQuorum", self.check_quorum)) if here]
        gone = f", {len(self.down)} down" if self.down else ""
        return (
            f"Raft, {len(self.members)} members{gone}, timeouts {format_time(low.min())} to {format_time(high.max())}"
            + "".join(f", {word}" for word in how)
        )

    @property
    def spans(self) -> tuple[Floats, Floats]:
        """Shortest and longest timeout of each member in seconds, ``float64[members]`` each."""
        unit = self.tick or 1.0
        return np.array(self.low) * unit, np.array(self.high) * unit

    @property
    def _willing(self) -> NDArray[np.bool_]:
        logs, ranks = np.array(self.logs), np.array(self.priorities)
        longer = logs[:, None] > logs
        return longer | ((logs[:, None] == logs) & (ranks[:, None] >= ranks)) | np.eye(len(logs), dtype=bool)

    @property
    def _rules(self) -> dict[str, Any]:
        return {
            "willing": self._willing,
            "low": np.array(self.low),
            "high": np.array(self.high),
            "tick": self.tick,
            "hold": np.array([min(self.low)] if self.check_quorum else []),
            "pre_vote": self.pre_vote,
            "stride": 1,
            "resets_by_term": self.reset == "term",
        }


@dataclass(frozen=True, init=False, eq=False, repr=False)
class LeaseElection(Election):
    """A Multi-Paxos group whose leader holds a lease.

    As long as a lease may be valid, whoever granted it promises nothing to others. Once it has run out, members wait a
    random backoff and ask for promises under a ballot of their own; a higher ballot takes promises away from a lower
    one.

    Parameters
    ----------
    members : int, sequence of str, or Topology
        All members, the lost leader included.
    lease : float
        Seconds that a grant is valid.
    heartbeat : float
        Seconds between renewals.
    backoff : (low, high)
        Seconds that a member waits after a lease's end, uniform in between.
    drift : float
        Share by which clocks may differ: members wait that much longer than the lease.
    network, disk, down, leader, start, until
        As of `RaftElection`; a promise is saved before it is given. ``until="commit"`` adds phase 2.

    Examples
    --------
    >>> group = LeaseElection(5, lease=10.0, heartbeat=2.0, backoff=(0.0, 1.0))
    >>> group.spans[0][0]
    np.float64(10.0)

    References
    ----------
    T. D. Chandra, R. Griesemer, J. Redstone, "Paxos Made Live", PODC 2007, section 5.2 (master leases).
    """

    members: Topology
    lease: float
    heartbeat: float
    backoff: tuple[float, float]
    drift: float
    network: Latency
    disk: Latency
    down: tuple[str, ...]
    leader: str | None
    start: Start
    until: Until

    def __init__(
        self,
        members: int | Sequence[str] | Topology = 5,
        lease: float = 10.0,
        heartbeat: float = 2.0,
        backoff: Sequence[float] = (0.0, 1.0),
        *,
        drift: float = 0.0,
        network: float | Latency = 0.25 * ms,
        disk: float | Latency = 0.0,
        down: int | Sequence[str] = (),
        leader: str | None = None,
        start: Start = "crash",
        until: Until = "leader",
    ) -> None:
        self._settle(locals())
        low, high = _ranges(backoff, 1)
        object.__setattr__(self, "lease", _check.positive(lease, "the lease"))
        object.__setattr__(self, "backoff", (float(low[0]), float(high[0])))
        object.__setattr__(self, "drift", _check.share(drift, "the clock drift"))
        self._sound(self.lease, "the lease")

    @property
    def title(self) -> str:
        """The group in a few words."""
        gone = f", {len(self.down)} down" if self.down else ""
        return f"Multi-Paxos, {len(self.members)} members{gone}, lease {format_time(self.lease)}"

    @property
    def spans(self) -> tuple[Floats, Floats]:
        """Shortest and longest wait after the last renewal, in seconds, ``float64[members]`` each."""
        held = self.lease * (1 + self.drift)
        return np.full(len(self.members), held + self.backoff[0]), np.full(len(self.members), held + self.backoff[1])

    @property
    def _rules(self) -> dict[str, Any]:
        n = len(self.members)
        low, high = self.spans
        return {
            "willing": np.ones((n, n), bool),
            "low": low,
            "high": high,
            "tick": 0.0,
            "hold": np.array([self.lease * (1 + self.drift)]),
            "pre_vote": False,
            "stride": n,
            "resets_by_term": False,
        }


@dataclass(frozen=True, eq=False, repr=False)
class ElectionDowntime(Shown):
    """How long nobody was in charge, once per simulated loss of a leader.

    Attributes
    ----------
    election : Election
        What was simulated.
    seconds : float64[trials]
        From the loss to the new leader (or its first commit).
    terms : int64[trials]
        The winner's term, counted from the lost leader's; -1 where it was given up.
    """

    election: Election
    seconds: Floats
    terms: NDArray[np.int64] = field(repr=False)

    @cached_property
    def latency(self) -> Empirical:
        """The downtime as a `Latency`."""
        return Empirical(self.seconds)

    @property
    def undecided(self) -> float:
        """Share of elections that were given up; their seconds are lower bounds."""
        return float((self.terms < 0).mean())

    @property
    def contested(self) -> float:
        """Share of elections that needed more than one term."""
        return float((self.terms != 1).mean())

    @property
    def mean(self) -> float:
        """Mean downtime in seconds."""
        return float(self.seconds.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean in seconds."""
        return float(self.seconds.std(ddof=1) / math.sqrt(len(self.seconds)))

    def quantile(self, p: Any) -> Any:
        """Return the downtime in seconds that a share `p` of elections does not exceed."""
        return self.latency.quantile(p)

    @property
    def title(self) -> str:
        """What was simulated, and how often."""
        lost = (
            f"; {display.format_share(self.undecided)} given up, counted as far as they got" if self.undecided else ""
        )
        return f"Downtime per lost leader: {self.election.title} ({len(self.seconds):,} elections{lost})"

    def to_frame(self) -> "pd.DataFrame":
        """Return the mean with its standard error and the percentiles in milliseconds, one row."""
        import pandas as pd

        row = {"mean_ms": 1e3 * self.mean, "standard_error_ms": 1e3 * self.standard_error}
        row |= {f"p{100 * p:g}_ms": 1e3 * self.quantile(p) for p in (0.5, 0.9, 0.99, 0.999)}
        row |= {"max_ms": 1e3 * float(self.seconds.max()), "contested": self.contested, "undecided": self.undecided}
        return pd.DataFrame([row])

    def plot(self, ax: "Axes | None" = None, label: str | None = None) -> "Axes":
        """Draw the share of elections that are over, over time."""
        axes = display.axes(ax)
        ordered = np.sort(self.seconds)
        at = np.unique(np.linspace(0, len(ordered) - 1, 2000).astype(int))
        axes.plot(1e3 * ordered[at], (at + 1) / len(ordered), label=label)
        axes.set(xlabel="without a leader (ms)", ylabel="share of elections over", ylim=(0, 1.02))
        if ax is None:
            axes.set_title("How long is nobody in charge?")
        if label:
            axes.legend()
        return axes


def election_downtime(
    election: Election, trials: int = 100_000, seed: int = 0, executor: Executor | None = None
) -> ElectionDowntime:
    """Simulate the loss of the leader many times over.

    Messages and votes are followed one by one, with every rule of the protocol; nothing is averaged. The same seed
    gives the same bits for any number of threads, and different groups share their draws, so that differences between
    them are seen sooner than either downtime.

    Parameters
    ----------
    election : RaftElection or LeaseElection
        The group.
    trials : int
        Elections; two or more.
    seed : int
        Of the random numbers.
    executor : concurrent.futures.Executor, optional
        Runs chunks of elections at once; threads do, as the kernel lets go of the interpreter.

    Examples
    --------
    >>> from scalemodel.units import ms
    >>> down = election_downtime(RaftElection(5, timeout=(150 * ms, 300 * ms), heartbeat=75 * ms))
    >>> round(1e3 * down.mean), round(1e3 * down.quantile(0.99))
    (143, 229)
    """
    if not isinstance(election, Election):
        raise TypeError(f"election is {election!r}: give a RaftElection or a LeaseElection")
    trials = _check.whole(trials, "trials", 2, 10**9)
    work = functools.partial(_run, _arguments(election), seed)
    sizes = [(chunk, part.stop - part.start) for chunk, part in streams.chunks(trials)]
    spread: Callable[..., Any] = map if executor is None else executor.map
    seconds, terms = (np.concatenate(parts) for parts in zip(*spread(work, *zip(*sizes, strict=True)), strict=True))
    return ElectionDowntime(election, _check.read_only(seconds), _check.read_only(terms))


def _arguments(election: Election) -> tuple[Any, ...]:
    """Return what the kernel needs to know of a group, in its order."""
    rules = election._rules
    index = election.members.index
    return (
        np.array([index(name) for name in election.voters]),
        index(election.leader) if election.leader is not None else -1,
        election.quorum,
        rules["willing"],
        _delays(election.members),
        np.concatenate([_quantiles(election.network), _quantiles(election.disk)]),
        rules["low"],
        rules["high"],
        rules["tick"],
        election.heartbeat,
        rules["hold"],
        rules["pre_vote"],
        rules["stride"],
        rules["resets_by_term"],
        election.until == "commit",
        LONGEST * float(election.spans[1].max()),
    )


def _run(
    arguments: tuple[Any, ...], seed: int, chunk: int, size: int, skip_fast: bool = False
) -> tuple[Floats, NDArray[np.int64]]:
    """Run one chunk of elections."""
    seconds, terms = np.empty(size), np.empty(size, np.int64)
    key = streams.stream(seed, chunk).integers(0, 2**64, dtype=np.uint64)
    run: Callable[..., None] = kernels.run
    run(key, *arguments, skip_fast, seconds, terms)
    return seconds, terms


def split_vote_probability(voters: int, members: int, delay: float) -> float:
    """Return the probability that the first term ends in a split vote, if all messages take the same time.

    Parameters
    ----------
    voters : int
        Members that are up and stand for election, all with the same range of timeouts.
    members : int
        All members; more than half of them must vote.
    delay : float
        One-way delay as a share of the range of timeouts: 0.1 for 15 ms and timeouts of 150 to 300 ms.

    Examples
    --------
    >>> round(100 * split_vote_probability(4, 5, 0.1), 2)
    5.23

    References
    ----------
    D. Ongaro, "Consensus: Bridging Theory and Practice", section 9.2, c servers time out within one delay.
    """
    voters, members, delay = _group(voters, members, delay)
    rivals = voters - members // 2  # so many beside the first leave it short of a majority
    return math.fsum(math.comb(voters, k) * delay**k * (1 - delay) ** (voters - k) for k in range(rivals, voters + 1))


def expected_downtime(
    voters: int, members: int, low: float, high: float, delay: float, heartbeat: float = 0.0, disk: float = 0.0
) -> float:
    """Return the mean downtime in seconds by the thesis's closed form: an approximation, terms as if all alike.

    Parameters
    ----------
    voters, members : int
        As of `split_vote_probability`.
    low, high : float
        Range of the timeouts in seconds.
    delay, disk : float
        One-way delay, and the time to save both a candidate's and a voter's vote, in seconds.
    heartbeat : float
        Interval in seconds; the leader is lost at any time of it.

    Examples
    --------
    >>> from scalemodel.units import ms
    >>> round(1e3 * expected_downtime(4, 5, 150 * ms, 300 * ms, 1 * ms, heartbeat=75 * ms))
    145

    References
    ----------
    D. Ongaro, "Consensus: Bridging Theory and Practice", section 9.2.
    """
    low, high = _check.positive(low, "low"), _check.positive(high, "high")
    if high <= low:
        raise ValueError(f"the timeouts run from {low} to {high}: give a range, or every vote is split")
    delay = _check.number(delay, "the delay")
    lost = split_vote_probability(voters, members, min(1.0, delay / (high - low)))
    if lost == 1:
        raise ValueError(f"a delay of {delay} splits every vote: give one below the range of timeouts")
    each = low + (high - low) / (voters + 1) + delay
    return each / (1 - lost) + delay + _check.number(disk, "the disk") - _check.number(heartbeat, "the heartbeat") / 2


def _group(voters: Any, members: Any, delay: Any) -> tuple[int, int, float]:
    members = _check.whole(members, "members", 1, 10**4)
    voters = _check.whole(voters, "voters", members // 2 + 1, members)
    return voters, members, _check.share(delay, "the delay as a share of the range")


def _law(value: Any, whose: str) -> Latency:
    return value if isinstance(value, Latency) else Constant(_check.number(value, f"the time of {whose}"))


def _ranges(timeout: Any, n: int) -> tuple[Floats, Floats]:
    """Return the ends of the timeouts' ranges, one per member."""
    try:
        pairs = np.array(timeout, dtype=np.float64)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.shape not in ((2,), (n, 2)) or not np.isfinite(pairs).all():
        raise ValueError(f"the timeout is {timeout!r}: give (low, high), or one such pair for each of {n} members")
    low, high = np.broadcast_to(pairs, (n, 2)).T.copy()
    if (low < 0).any() or (high < low).any():
        raise ValueError(f"the timeout is {timeout!r}: give (low, high) with 0 <= low <= high")
    return low, high


def _ranks(given: Any, n: int, name: str) -> tuple[int, ...]:
    ranks = _check.integers([0] * n if given is None else given, name, 2**62)
    if ranks.shape != (n,):
        raise ValueError(f"{name} has shape {ranks.shape}: give one number for each of {n} members")
    return tuple(ranks.tolist())


def _delays(members: Topology) -> Floats:
    """Return one-way delays in seconds, half of the round trips; none where the topology has no table."""
    n = len(members)
    return np.zeros((n, n)) if members.round_trips is None else members.round_trip_matrix() / 2


def _quantiles(law: Latency) -> Floats:
    """Return a law's quantiles as the kernel wants them."""
    steps = np.arange(kernels.CELLS + 1) / kernels.CELLS
    last = (1 - steps) / kernels.CELLS
    last[-1] = 0.1 / kernels.CELLS**2  # the largest may be infinite
    ends = law.isf(last)
    return np.concatenate([law.quantile(steps[:-1]), ends[:1], ends])
