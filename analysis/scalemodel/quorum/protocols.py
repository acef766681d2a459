"""Protocols that order writes through one leader, and the interface that all protocols share."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Self

from .. import _check
from ..display import PALETTE, Shown, axes
from ..latency import Constant, Latency, Mixture, Uniform
from ..topology import nearest
from .deployment import NOTHING, Deployment, wait_for

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PERCENTILES = (0.5, 0.99, 0.999)


@dataclass(frozen=True)
class Protocol(Shown):
    """How replicas agree: the latency that a client sees, what may fail, and how many messages it takes.

    Subclasses define `_commit` and `_read`.
    """

    deployment: Deployment

    reads: ClassVar[tuple[str, ...]] = ()
    """The kinds of reads that the protocol has, the default first."""

    def __post_init__(self) -> None:
        if not isinstance(self.deployment, Deployment):
            raise TypeError(f"the deployment is {self.deployment!r}: give a Deployment(network, replicas, clients)")

    @property
    def name(self) -> str:
        """The protocol's name."""
        return type(self).__name__

    @property
    def n(self) -> int:
        """The number of replicas."""
        return self.deployment.n

    def commit_latency(self, client: str | None = None) -> Latency:
        """Return the time from a client's request to the reply that says it is committed.

        Parameters
        ----------
        client : str, optional
            Any place of the network. Default a client drawn by the shares of the deployment.
        """
        return self.latency("commit", client)

    def read_latency(self, client: str | None = None, read: str | None = None) -> Latency:
        """Return the time of a read as a client sees it.

        Parameters
        ----------
        client : str, optional
            Any place of the network. Default a client drawn by the shares of the deployment.
        read : str, optional
            One of `reads`; default the first.
        """
        if not self.reads:
            raise ValueError(f"{self.name} has no reads of its own: ask one of its parts")
        return self.latency(self.reads[0] if read is None else read, client)

    def latency(self, operation: str, client: str | None = None) -> Latency:
        """Return the latency of ``"commit"`` or of one of `reads`."""
        if operation not in ("commit", *self.reads):
            raise ValueError(
                f"{self.name} has no read {operation!r}{nearest(operation, self.reads)}; it has {', '.join(self.reads)}"
            )
        if client is None:
            laws = [self.latency(operation, each) for each in self.deployment.clients]
            return laws[0] if len(laws) == 1 else Mixture(laws, self.deployment.weights)
        if (operation, client) not in self._laws:
            law = self._commit(client) if operation == "commit" else self._read(client, operation)
            self._laws[operation, client] = law
        return self._laws[operation, client]

    @cached_property
    def _laws(self) -> dict[tuple[str, str], Latency]:
        return {}

    @abstractmethod
    def _commit(self, client: str) -> Latency:
        """Return the latency of a commit for one place."""

    @abstractmethod
    def _read(self, client: str, read: str) -> Latency:
        """Return the latency of one of `reads` for one place."""

    @property
    @abstractmethod
    def tolerated_failures(self) -> int:
        """How many replicas, whichever they are, may be down for good without loss or standstill."""

    @property
    @abstractmethod
    def messages_per_commit(self) -> float:
        """Messages for one commit, request and reply included, to all replicas when nothing fails."""

    # ---- how it looks

    @property
    def title(self) -> str:
        """The protocol and where it runs."""
        return f"{self.name}, {self._where}: latency as clients see it"

    @property
    def _where(self) -> str:
        return f"{self.n} replicas"

    def to_frame(self, percentiles: Sequence[float] = PERCENTILES) -> "pd.DataFrame":
        """Return a row per client place and operation, milliseconds."""
        import pandas as pd

        rows = []
        for client, share in zip(self.deployment.clients, self.deployment.weights, strict=True):
            for operation in ("commit", *self.reads):
                law = self.latency(operation, client)
                rows.append({"client": client, "share": share, "operation": operation} | _figures(law, percentiles))
        return pd.DataFrame(rows)

    def plot(
        self,
        ax: "Axes | None" = None,
        operations: Sequence[str] | None = None,
        percentiles: tuple[float, float] = (0.5, 0.99),
    ) -> "Axes":
        """Draw commits and reads of each client place: a dot at the first percentile, a line up to the second."""
        ax = axes(ax)
        shown = ("commit", *self.reads) if operations is None else tuple(operations)
        clients = self.deployment.clients
        for i, operation in enumerate(shown):
            at = [j + 0.7 * ((i + 0.5) / len(shown) - 0.5) for j in range(len(clients))]
            low, high = ([1e3 * self.latency(operation, client).quantile(p) for client in clients] for p in percentiles)
            color = PALETTE[i % len(PALETTE)]
            ax.hlines(at, low, high, color=color, linewidth=2)
            ax.plot(low, at, "os^Dv<"[i % 6], color=color, linestyle="none", markersize=5, label=operation)
        ax.set_yticks(range(len(clients)), clients)
        ax.set_ylim(len(clients) - 0.5, -0.5)
        ax.set_xlim(left=0)
        ax.set_xlabel(f"latency in ms, p{100 * percentiles[0]:g} to p{100 * percentiles[1]:g}")
        ax.set_title(f"{self.name}, {self._where}")
        ax.legend()
        return ax


def _figures(law: Latency, percentiles: Sequence[float]) -> dict[str, float]:
    return {"mean_ms": 1e3 * law.mean()} | {f"p{100 * p:g}_ms": 1e3 * law.quantile(p) for p in percentiles}


def compare_protocols(protocols: Iterable[Protocol], percentiles: Sequence[float] = PERCENTILES) -> "pd.DataFrame":
    """Return one row per protocol and operation over all clients: latency in milliseconds, failures, messages.

    Examples
    --------
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> table = compare_protocols([Raft(Deployment(trips), leader="us"), Chain(Deployment(trips))])
    >>> table[table.operation == "commit"][["protocol", "tolerated_failures", "mean_ms"]].round(1)
      protocol  tolerated_failures  mean_ms
    0     Raft                   1    157.0
    6    Chain                   2    250.3
    """
    import pandas as pd

    rows = []
    for protocol in protocols:
        for operation in ("commit", *protocol.reads):
            row = {
                "protocol": protocol.name,
                "replicas": protocol.n,
                "leader": getattr(protocol, "leader", None),
                "tolerated_failures": protocol.tolerated_failures,
                "messages_per_commit": protocol.messages_per_commit,
                "operation": operation,
            }
            rows.append(row | _figures(protocol.latency(operation), percentiles))
    return pd.DataFrame(rows)


# ---- one leader


@dataclass(frozen=True)
class Batch:
    """A leader that waits a little, so that several requests share one round.

    The first request opens a batch, `window` seconds later it is sent.

    Parameters
    ----------
    window : float
        Seconds, above 0.
    rate : float
        Requests per second, arriving at random (Poisson).

    Examples
    --------
    >>> batch = Batch(window=0.002, rate=2000)
    >>> batch.size, round(1e3 * batch.wait.mean(), 2)
    (5.0, 1.2)
    """

    window: float
    rate: float

    def __post_init__(self) -> None:
        _check.positive(self.window, "the window of a batch", hint=" in seconds")
        _check.positive(self.rate, "the rate of requests", hint=" per second")

    @property
    def size(self) -> float:
        """The mean number of requests in a batch: the first, and those that arrive within the window."""
        return 1 + self.rate * self.window

    @property
    def wait(self) -> Latency:
        """How long a request waits for its batch to be sent: the first all of the window, the others a part."""
        return Mixture([Constant(self.window), Uniform(0.0, self.window)], [1.0, self.rate * self.window])


@dataclass(frozen=True)
class Led(Protocol):
    """A protocol whose writes go through one replica, the leader."""

    leader: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.leader is not None:
            object.__setattr__(self, "leader", self.deployment.replica(self.leader))
        self._checked()
        if self.leader is None:
            object.__setattr__(self, "leader", self._best())

    def _checked(self) -> None:
        """Check the other parameters."""

    def _best(self) -> str:
        return min(self.deployment.up, key=lambda name: self.with_leader(name).commit_latency().mean())

    @property
    def head(self) -> str:
        """The leader, known by now."""
        assert self.leader is not None
        return self.leader

    @property
    def _where(self) -> str:
        return f"{self.n} replicas, {self._role} {self.leader}"

    @property
    def _role(self) -> str:
        return "leader"

    def with_leader(self, leader: str) -> Self:
        """Return the same protocol with another leader."""
        return replace(self, leader=leader)

    def leaders(self) -> "pd.DataFrame":
        """Return a row per replica that could lead: the latency of commits over all clients, best mean first."""
        import pandas as pd

        rows = [
            {"leader": name, "round_ms": 1e3 * moved.round_latency().mean()}
            | _figures(moved.commit_latency(), PERCENTILES)
            for name in self.deployment.up
            for moved in [self.with_leader(name)]
        ]
        return pd.DataFrame(rows).sort_values("mean_ms", kind="stable", ignore_index=True)

    @abstractmethod
    def round_latency(self) -> Latency:
        """Return the time from the leader's decision to write until enough replicas have stored it."""

    def _ask_leader(self, client: str) -> Latency:
        return self.deployment.reach(client, self.head).both_ways

    def _commit(self, client: str) -> Latency:
        return self._ask_leader(client) + self.round_latency()

    def _stale(self, client: str) -> Latency:
        """Return the time to ask the nearest replica, whatever it knows."""
        return self.deployment.reach(client, self.deployment.nearest(client)).both_ways

    def _stores(self, k: int) -> Latency:
        """Return the time until `k` replicas, the leader among them or not, have stored an entry of the leader."""
        acks = [self.deployment.between(self.head, each).stored for each in self.deployment.up]
        return wait_for(k, acks, f"commits of {self.name}")

    def _hears(self, k: int) -> Latency:
        """Return the time until `k` replicas, the leader among them, have confirmed that it leads."""
        answers = [self.deployment.between(self.head, each).both_ways for each in self.deployment.up]
        return wait_for(k, answers, f"reads of {self.name}")


@dataclass(frozen=True)
class FlexiblePaxos(Led):
    """Multi-Paxos whose two phases need quorums of different sizes: elections `q1`, commits `q2`.

    Commits cost one round trip from the client to the leader and one from the leader to the `q2`-th fastest replica,
    the leader's own copy included.

    Reads: ``"log"`` goes through the log as a commit does; ``"index"`` asks the leader, which confirms with `q2`
    replicas that nobody else leads (they meet every `q1`); ``"lease"`` asks the leader, which holds a lease;
    ``"follower"`` asks the nearest replica, which asks the leader as ``"index"`` does (linearisable, if the replica has
    caught up by then); ``"stale"`` asks the nearest replica alone.

    Parameters
    ----------
    deployment : Deployment
    leader : str, optional
        A replica or its place. Default the one with the least mean commit latency over the clients.
    q1, q2 : int
        Replicas needed for an election and a commit, ``q1 + q2 > n``. Default `q2` a majority, `q1` as few as do.
    batch : Batch, optional
        How the leader gathers requests. Default each for itself.

    Raises
    ------
    ValueError
        If quorums of the two sizes may fail to meet, or too few replicas are up.

    Examples
    --------
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> paxos = FlexiblePaxos(Deployment(trips), leader="us", q1=3, q2=1)
    >>> paxos.commit_latency("eu").mean(), paxos.tolerated_failures
    (0.08, 0)

    References
    ----------
    Howard, Malkhi, Spiegelman, "Flexible Paxos: quorum intersection revisited", OPODIS 2016.
    """

    q1: int | None = None
    q2: int | None = None
    batch: Batch | None = field(default=None, kw_only=True)

    reads: ClassVar[tuple[str, ...]] = ("index", "lease", "log", "follower", "stale")

    def _checked(self) -> None:
        n = self.n
        second = n // 2 + 1 if self.q2 is None else _check.whole(self.q2, f"q2, of {n} replicas,", 1, n)
        first = n - second + 1 if self.q1 is None else _check.whole(self.q1, f"q1, of {n} replicas,", 1, n)
        if first + second <= n:
            raise ValueError(
                f"q1 = {first} and q2 = {second} of {n} replicas need not meet: give sizes that sum to {n + 1} or more"
            )
        if self.batch is not None and not isinstance(self.batch, Batch):
            raise TypeError(f"batch is {self.batch!r}: give a Batch(window, rate)")
        object.__setattr__(self, "q1", first)
        object.__setattr__(self, "q2", second)

    @property
    def _quorums(self) -> tuple[int, int]:
        assert self.q1 is not None
        assert self.q2 is not None
        return self.q1, self.q2

    def round_latency(self) -> Latency:
        """Return the time from the leader's decision to write until `q2` replicas have stored it."""
        return self._stores(self._quorums[1])

    def _commit(self, client: str) -> Latency:
        return super()._commit(client) + (NOTHING if self.batch is None else self.batch.wait)

    def _read(self, client: str, read: str) -> Latency:
        if read == "log":
            return self._commit(client)
        if read == "stale":
            return self._stale(client)
        if read == "follower":
            near = self.deployment.nearest(client)
            ask = self.deployment.between(near, self.head).both_ways
            return self.deployment.reach(client, near).both_ways + ask + self._hears(self._quorums[1])
        return self._ask_leader(client) + (self._hears(self._quorums[1]) if read == "index" else NOTHING)

    @property
    def tolerated_failures(self) -> int:
        """Replicas that may be down with commits and elections going on."""
        return self.n - max(self._quorums)

    @property
    def messages_per_commit(self) -> float:
        """Request and reply, and a round with all other replicas, which a batch shares."""
        return 2 + 2 * (self.n - 1) / (1 if self.batch is None else self.batch.size)


@dataclass(frozen=True)
class MultiPaxos(FlexiblePaxos):
    """Paxos with a steady leader and majorities.

    See `FlexiblePaxos` for the kinds of reads.

    Examples
    --------
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> paxos = MultiPaxos(Deployment(trips))
    >>> paxos.leader, round(paxos.commit_latency("asia").mean(), 3), paxos.read_latency("asia", "stale").mean()
    ('us', 0.23, 0.001)

    References
    ----------
    Lamport, "Paxos made simple", 2001.
    """

    q1: int | None = field(default=None, init=False)
    q2: int | None = field(default=None, init=False)

    def _checked(self) -> None:
        object.__setattr__(self, "q1", self.n // 2 + 1)
        object.__setattr__(self, "q2", self.n // 2 + 1)
        super()._checked()


@dataclass(frozen=True)
class Raft(MultiPaxos):
    """Raft: a strong leader and majorities; a commit takes the same messages as in `MultiPaxos`.

    ``"index"`` is Raft's ReadIndex, ``"follower"`` the same asked by a follower.

    Examples
    --------
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> raft = Raft(Deployment(trips), leader="eu")
    >>> [raft.read_latency("asia", read).mean() for read in raft.reads]
    [0.3, 0.22, 0.3, 0.301, 0.001]

    References
    ----------
    Ongaro and Ousterhout, "In search of an understandable consensus algorithm", USENIX ATC 2014; Ongaro's thesis
    (2014), section 6.4: ReadIndex, leases and reads by followers.
    """


@dataclass(frozen=True)
class PrimaryBackup(Led):
    """A primary that stores and sends each write to its backups, and waits for some of them.

    Reads: ``"primary"``, or ``"stale"`` at the nearest replica.

    Parameters
    ----------
    deployment : Deployment
    leader : str, optional
        The primary. Default the replica with the least mean commit latency.
    acks : int, optional
        Backups that must have stored the write: 0 replicates asynchronously. Default all.

    Examples
    --------
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> [PrimaryBackup(Deployment(trips), "us", acks=k).commit_latency("us").mean() for k in (0, 1, 2)]
    [0.001, 0.081, 0.151]

    References
    ----------
    Budhiraja, Marzullo, Schneider, Toueg, "The primary-backup approach", 1993.
    """

    acks: int | None = None

    reads: ClassVar[tuple[str, ...]] = ("primary", "stale")

    def _checked(self) -> None:
        most = self.n - 1
        acks = most if self.acks is None else _check.whole(self.acks, f"acks, of {most} backups,", 0, most)
        object.__setattr__(self, "acks", acks)

    @property
    def _role(self) -> str:
        return "primary"

    @property
    def _awaited(self) -> int:
        assert self.acks is not None
        return self.acks

    def round_latency(self) -> Latency:
        """Return the time until the primary and `acks` backups have stored a write."""
        own = self.deployment.storage
        if not self._awaited:
            return own
        acks = [self.deployment.between(self.head, each).stored for each in self.deployment.up if each != self.head]
        backups = wait_for(self._awaited, acks, "commits of PrimaryBackup")
        return wait_for(2, [own, backups], "commits of PrimaryBackup")

    def _read(self, client: str, read: str) -> Latency:
        return self._stale(client) if read == "stale" else self._ask_leader(client)

    @property
    def tolerated_failures(self) -> int:
        """Replicas whose loss, whichever they are, loses no committed write."""
        return self._awaited

    @property
    def messages_per_commit(self) -> float:
        """Request and reply, and a round with all backups."""
        return 2.0 + 2 * (self.n - 1)


@dataclass(frozen=True)
class Chain(Protocol):
    """Chain replication: a write enters at the head, is stored by one replica after the other, and the tail replies.

    The replicas stand in the chain as the deployment lists them; those that are down are skipped.

    Reads: ``"tail"``; ``"nearest"`` asks the nearest replica, which answers alone when it holds no write under way
    (CRAQ's clean read).

    Examples
    --------
    >>> from scalemodel.topology import RoundTrips
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> round(Chain(Deployment(trips, ["eu", "us", "asia"])).commit_latency("eu").mean(), 4)
    0.2255

    References
    ----------
    van Renesse and Schneider, "Chain replication", OSDI 2004; Terrace and Freedman, "Object storage on CRAQ", USENIX
    ATC 2009.
    """

    reads: ClassVar[tuple[str, ...]] = ("tail", "nearest")

    def _commit(self, client: str) -> Latency:
        chain = self.deployment.up
        law = self.deployment.reach(client, chain[0]).one_way + self.deployment.storage
        for a, b in pairwise(chain):
            law = law + self.deployment.between(a, b).one_way + self.deployment.storage
        return law + self.deployment.reach(client, chain[-1]).one_way

    def _read(self, client: str, read: str) -> Latency:
        target = self.deployment.up[-1] if read == "tail" else self.deployment.nearest(client)
        return self.deployment.reach(client, target).both_ways

    @property
    def tolerated_failures(self) -> int:
        """All but one."""
        return self.n - 1

    @property
    def messages_per_commit(self) -> float:
        """Request, one message per link, reply."""
        return self.n + 1.0


@dataclass(frozen=True)
class Aurora(Protocol):
    """Amazon Aurora's storage: a writer that waits for 4 of 6 copies, two in each of three zones.

    Requests go through the writer, an instance in a zone that is no copy itself. Reads: ``"current"`` asks one copy,
    the nearest to the writer, which knows the copies that are current; ``"recovery"`` waits for 3 of 6, as a writer
    must that has forgotten, and as every read would without that knowledge.

    Parameters
    ----------
    deployment : Deployment
        Its replicas are the copies of a segment.
    writer : str
        The place of the writer.
    write, read : int
        Copies that must have stored a write, or answer a recovery: ``write + read > n`` and ``2 * write > n``.

    Examples
    --------
    >>> from scalemodel.topology import RoundTrips
    >>> zones = RoundTrips({("a", "b"): 0.001, ("a", "c"): 0.001, ("b", "c"): 0.001}, within=0.0002)
    >>> volume = Aurora(Deployment(zones, ["a", "a", "b", "b", "c", "c"], ["a"]), writer="a")
    >>> commit, read = volume.commit_latency("a").mean(), volume.read_latency("a").mean()
    >>> round(1e3 * commit, 3), round(1e3 * read, 3), volume.tolerated_failures
    (1.2, 0.4, 2)

    References
    ----------
    Verbitski et al., "Amazon Aurora: on avoiding distributed consensus for I/Os, commits, and membership changes",
    SIGMOD 2018.
    """

    writer: str
    write: int = 4
    read: int = 3

    reads: ClassVar[tuple[str, ...]] = ("current", "recovery")

    def __post_init__(self) -> None:
        super().__post_init__()
        n = self.n
        _check.whole(self.write, f"write, of {n} copies,", 1, n)
        _check.whole(self.read, f"read, of {n} copies,", 1, n)
        if self.write + self.read <= n or 2 * self.write <= n:
            raise ValueError(
                f"write = {self.write} and read = {self.read} of {n} copies: give write + read above {n} and a write "
                f"above {n / 2:g}"
            )
        self.deployment.nearest(self.writer)

    @property
    def _where(self) -> str:
        return f"{self.n} copies, writer in {self.writer}"

    def _commit(self, client: str) -> Latency:
        acks = [self.deployment.reach(self.writer, copy).stored for copy in self.deployment.up]
        return self._ask_writer(client) + wait_for(self.write, acks, "commits of Aurora")

    def _read(self, client: str, read: str) -> Latency:
        copies = (self.deployment.nearest(self.writer),) if read == "current" else self.deployment.up
        answers = [self.deployment.reach(self.writer, copy).both_ways for copy in copies]
        law = wait_for(1 if read == "current" else self.read, answers, "recoveries of Aurora")
        return self._ask_writer(client) + law

    def _ask_writer(self, client: str) -> Latency:
        return self.deployment.places_apart(client, self.writer).both_ways

    @property
    def tolerated_failures(self) -> int:
        """Copies that may be down while writes go on."""
        return self.n - self.write

    @property
    def tolerated_read_failures(self) -> int:
        """Copies that may be down with the volume still readable and reparable: a zone and one more."""
        return self.n - self.read

    @property
    def messages_per_commit(self) -> float:
        """Request and reply, and a round with all copies."""
        return 2.0 + 2 * self.n
