"""Protocols in which any replica, or the client itself, may coordinate a write."""

from dataclasses import dataclass
from typing import ClassVar

from .. import _check
from ..latency import Latency, Mixture
from .deployment import wait_for
from .protocols import Led, Protocol


@dataclass(frozen=True)
class Coordinated(Protocol):
    """A protocol in which the replica nearest to the client coordinates, quickly unless commands conflict.

    Where too few replicas are up for a fast quorum, every command takes two rounds.
    """

    conflict_rate: float = 0.0

    reads: ClassVar[tuple[str, ...]] = ("log", "stale")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.share(self.conflict_rate, "the conflict rate")

    @property
    def fast_quorum(self) -> int:
        """Replicas, the coordinator among them, that must agree for a commit in one round."""
        raise AssertionError("a subclass says it")

    @property
    def slow_quorum(self) -> int:
        """Replicas that must accept in a second round."""
        raise AssertionError("a subclass says it")

    @property
    def slow_rate(self) -> float:
        """The share of commands that need a second round."""
        return self.conflict_rate

    def path_latency(self, client: str, slow: bool = False) -> Latency:
        """Return the latency of a command that commits in one round, or in two.

        Where too few replicas are up for a fast quorum, the first of two rounds waits for a majority.
        """
        first = self.deployment.nearest(client)
        acks = [self.deployment.between(first, each).stored for each in self.deployment.up]
        what = f"commits of {self.name}"
        awaited = self.n // 2 + 1 if slow and not self._can_be_fast else self.fast_quorum
        law = self.deployment.reach(client, first).both_ways + wait_for(awaited, acks, what)
        return law + wait_for(self.slow_quorum, acks, what) if slow else law

    @property
    def _can_be_fast(self) -> bool:
        return len(self.deployment.up) >= self.fast_quorum

    def _commit(self, client: str) -> Latency:
        rate = self.slow_rate if self._can_be_fast else 1.0
        if rate in (0, 1):
            return self.path_latency(client, slow=rate == 1)
        return Mixture([self.path_latency(client), self.path_latency(client, slow=True)], [1 - rate, rate])

    def _read(self, client: str, read: str) -> Latency:
        if read == "stale":
            return self.deployment.reach(client, self.deployment.nearest(client)).both_ways
        return self._commit(client)

    @property
    def messages_per_commit(self) -> float:
        """Request and reply, a round with all other replicas, the commit sent to them, and second rounds."""
        return 2 + (3 + 2 * self.slow_rate) * (self.n - 1)


def epaxos_quorum(n: int) -> int:
    """Return the fast quorum of `EPaxos` for `n` replicas."""
    f = n // 2
    return max(f + (f + 1) // 2, 1)


@dataclass(frozen=True)
class EPaxos(Coordinated):
    """Egalitarian Paxos: any replica commits a command in one round, unless it conflicts with another under way.

    Reads: ``"log"`` as a command, ``"stale"`` at the nearest replica.

    Parameters
    ----------
    deployment : Deployment
    conflict_rate : float
        The share of commands that find different dependencies at different replicas, and take a second round.

    Examples
    --------
    >>> from scalemodel.quorum import Deployment
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> paxos = EPaxos(Deployment(trips), conflict_rate=0.02)
    >>> paxos.fast_quorum, round(paxos.commit_latency("eu").mean(), 6)
    (2, 0.0826)

    References
    ----------
    Moraru, Andersen, Kaminsky, "There is more consensus in egalitarian parliaments", SOSP 2013; Tollman, Park,
    Ousterhout, "EPaxos revisited", NSDI 2021: what conflicts do to the tail.
    """

    @property
    def tolerated_failures(self) -> int:
        """A minority."""
        return (self.n - 1) // 2

    @property
    def fast_quorum(self) -> int:
        """``f + floor((f + 1) / 2)``, with f half of the replicas, rounded down."""
        return epaxos_quorum(self.n)

    @property
    def slow_quorum(self) -> int:
        """A majority."""
        return self.n // 2 + 1


@dataclass(frozen=True)
class Atlas(Coordinated):
    """Atlas: quorums as small as the failures that are to be survived, and one round even with conflicts where f = 1.

    Reads: ``"log"`` as a command, ``"stale"`` at the nearest replica.

    Parameters
    ----------
    deployment : Deployment
    conflict_rate : float
        The share of commands with a dependency that fewer than `f` of the quorum report: they take a second round,
        which never happens where f is 1.
    f : int
        Failures to survive, from 1 to a minority.

    Examples
    --------
    >>> from scalemodel.quorum import Deployment
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> atlas = Atlas(Deployment(trips), conflict_rate=0.5, f=1)
    >>> atlas.fast_quorum, round(atlas.commit_latency("eu").mean(), 6)
    (2, 0.081)

    References
    ----------
    Enes et al., "State-machine replication for planet-scale systems", EuroSys 2020.
    """

    f: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n < 3:
            raise ValueError(f"Atlas came with {self.n} replicas: give 3 or more")
        _check.whole(self.f, f"f, of {self.n} replicas,", 1, (self.n - 1) // 2)

    @property
    def tolerated_failures(self) -> int:
        """The failures asked for."""
        return self.f

    @property
    def fast_quorum(self) -> int:
        """``floor(n / 2) + f``."""
        return self.n // 2 + self.f

    @property
    def slow_quorum(self) -> int:
        """``f + 1``."""
        return self.f + 1

    @property
    def slow_rate(self) -> float:
        """The share of commands that need a second round: none where f is 1."""
        return 0.0 if self.f == 1 else self.conflict_rate


@dataclass(frozen=True)
class FastPaxos(Led):
    """Fast Paxos: clients send to all replicas at once; where proposals collide, the leader starts a classic round.

    Replicas send their votes to the client and to the leader. Without a collision the client waits for a fast quorum.
    With one, the leader waits for a classic quorum of votes, which serves as the first phase, has one value accepted
    by a classic quorum, and replies. So it does with every command where too few replicas are up for a fast quorum.

    Reads: ``"lease"`` at the leader, ``"log"`` as a commit, ``"stale"`` at the nearest replica.

    Parameters
    ----------
    deployment : Deployment
    leader : str, optional
        The replica that resolves collisions. Default the one with the least mean commit latency.
    conflict_rate : float
        The share of commands that collide.
    fast, classic : int, optional
        Quorums: two fast ones and a classic one, and two classic ones, must meet. Default the smallest: a majority
        and about three quarters.

    Examples
    --------
    >>> from scalemodel.quorum import Deployment
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> paxos = FastPaxos(Deployment(trips), leader="us", conflict_rate=0.1)
    >>> paxos.fast, paxos.commit_latency("us").quantile(0.5), round(paxos.commit_latency("us").quantile(0.95), 4)
    (3, 0.15, 0.1605)

    References
    ----------
    Lamport, "Fast Paxos", Distributed Computing 19 (2006).
    """

    conflict_rate: float = 0.0
    fast: int | None = None
    classic: int | None = None

    reads: ClassVar[tuple[str, ...]] = ("lease", "log", "stale")

    def _checked(self) -> None:
        n = self.n
        _check.share(self.conflict_rate, "the conflict rate")
        classic = n // 2 + 1 if self.classic is None else _check.whole(self.classic, "classic", 1, n)
        fast = n - (classic - 1) // 2 if self.fast is None else _check.whole(self.fast, "fast", 1, n)
        if 2 * classic <= n or 2 * fast + classic <= 2 * n:
            raise ValueError(
                f"fast = {fast} and classic = {classic} of {n} replicas: give 2 * classic above {n} and "
                f"2 * fast + classic above {2 * n}"
            )
        object.__setattr__(self, "classic", classic)
        object.__setattr__(self, "fast", fast)

    @property
    def _quorums(self) -> tuple[int, int]:
        assert self.classic is not None
        assert self.fast is not None
        return self.classic, self.fast

    def round_latency(self) -> Latency:
        """Return the time of the classic round that resolves a collision."""
        return self._stores(self._quorums[0])

    def path_latency(self, client: str, slow: bool = False) -> Latency:
        """Return the latency of a command that nobody collides with, or of one that collides."""
        classic, fast = self._quorums
        what = "commits of FastPaxos"
        reach = {each: self.deployment.reach(client, each) for each in self.deployment.up}
        if not slow:
            return wait_for(fast, [leg.stored for leg in reach.values()], what)
        votes = [
            leg.one_way + self.deployment.storage + self.deployment.between(each, self.head).one_way
            for each, leg in reach.items()
        ]
        return wait_for(classic, votes, what) + self.round_latency() + reach[self.head].one_way

    def _commit(self, client: str) -> Latency:
        rate = self.conflict_rate if len(self.deployment.up) >= self._quorums[1] else 1.0
        if rate in (0, 1):
            return self.path_latency(client, slow=rate == 1)
        return Mixture([self.path_latency(client), self.path_latency(client, slow=True)], [1 - rate, rate])

    def _read(self, client: str, read: str) -> Latency:
        if read == "stale":
            return self._stale(client)
        return self._ask_leader(client) if read == "lease" else self._commit(client)

    @property
    def tolerated_failures(self) -> int:
        """Replicas that may be down with classic rounds going on; fast ones need `fast` up."""
        return self.n - self._quorums[0]

    @property
    def messages_per_commit(self) -> float:
        """Requests to all, votes to the client and the leader; after a collision a round and the leader's reply."""
        votes = 2 * self.n + (self.n - 1)
        return votes + self.conflict_rate * (2 * (self.n - 1) + 1)


@dataclass(frozen=True)
class ABD(Protocol):
    """A shared register of Attiya, Bar-Noy and Dolev: linearisable reads and writes without consensus.

    The client asks all replicas itself. A write asks a majority for the newest version and then stores one that is
    newer; a single writer knows it and leaves out the first round. A read asks a majority and writes the newest back.

    Reads: ``"atomic"`` with the write-back; ``"regular"`` without it, one round.

    Parameters
    ----------
    deployment : Deployment
    single_writer : bool
        Whether only one client ever writes.

    Examples
    --------
    >>> from scalemodel.quorum import Deployment
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> register = ABD(Deployment(trips))
    >>> register.commit_latency("eu").mean(), register.read_latency("eu", "regular").mean()
    (0.16, 0.08)

    References
    ----------
    Attiya, Bar-Noy, Dolev, "Sharing memory robustly in message-passing systems", JACM 42 (1995); Lynch and
    Shvartsman (FTCS 1997) for several writers.
    """

    single_writer: bool = False

    reads: ClassVar[tuple[str, ...]] = ("atomic", "regular")

    def _commit(self, client: str) -> Latency:
        return self._store(client) if self.single_writer else self._ask(client) + self._store(client)

    def _read(self, client: str, read: str) -> Latency:
        return self._ask(client) + self._store(client) if read == "atomic" else self._ask(client)

    def _ask(self, client: str) -> Latency:
        answers = [self.deployment.reach(client, each).both_ways for each in self.deployment.up]
        return wait_for(self.n // 2 + 1, answers, "reads of ABD")

    def _store(self, client: str) -> Latency:
        acks = [self.deployment.reach(client, each).stored for each in self.deployment.up]
        return wait_for(self.n // 2 + 1, acks, "commits of ABD")

    @property
    def tolerated_failures(self) -> int:
        """A minority."""
        return (self.n - 1) // 2

    @property
    def messages_per_commit(self) -> float:
        """One or two rounds with all replicas."""
        return 2.0 * self.n * (1 if self.single_writer else 2)
