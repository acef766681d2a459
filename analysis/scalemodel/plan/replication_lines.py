"""How long replicated reads and writes take, how stale a read can be, and what the next stronger level costs."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..latency import Constant, Latency
from ..quorum import LEVELS, Cassandra, Level, Replication
from .design import Consistency, Design, Latencies
from .evaluation import Line

Step = tuple[str, Latency]
"""The next stronger way and the latency with it."""


class Store(ABC):
    """A design's replicas, asked as it says."""

    read: Latency
    write: Latency
    copies_read: float

    @abstractmethod
    def staleness(self, t: float) -> float:
        """Probability that a read `t` seconds after a commit misses it."""

    @abstractmethod
    def t_visibility(self, p: float) -> float:
        """Seconds after a commit from which on a read sees it with probability `p`."""

    @abstractmethod
    def failures(self) -> tuple[int, int]:
        """How many replicas may fail, whichever they are, and reads, or writes, are answered."""

    @abstractmethod
    def stronger(self) -> tuple[Step | None, Step | None]:
        """Return the next stronger way of reading, and of writing."""


@dataclass(frozen=True)
class Counted(Store):
    """So many answers of n replicas."""

    replication: Replication

    @property
    def read(self) -> Latency:  # type: ignore[override]
        """Until a read is answered."""
        return self.replication.read_latency()

    @property
    def write(self) -> Latency:  # type: ignore[override]
        """Until a write is acknowledged."""
        return self.replication.write_latency()

    @property
    def copies_read(self) -> float:  # type: ignore[override]
        """Replicas that a read is sent to."""
        return self.replication.n if self.replication.send_to == "all" else self.replication.r

    def staleness(self, t: float) -> float:
        """Probability that a read `t` seconds after a commit misses it."""
        return self.replication.staleness(t)

    def t_visibility(self, p: float) -> float:
        """Seconds after a commit from which on a read sees it with probability `p`."""
        return self.replication.t_visibility(p)

    def failures(self) -> tuple[int, int]:
        """How many replicas may fail, whichever they are, and reads, or writes, are answered."""
        return self.replication.tolerated_read_failures, self.replication.tolerated_write_failures

    def stronger(self) -> tuple[Step | None, Step | None]:
        """Wait for one replica more."""
        have = self.replication
        read = have.r < have.n and (f"r = {have.r + 1}", self._with(have.r + 1, have.w).read_latency())
        write = have.w < have.n and (f"w = {have.w + 1}", self._with(have.r, have.w + 1).write_latency())
        return read or None, write or None

    def _with(self, r: int, w: int) -> Replication:
        have = self.replication
        return Replication(
            have.n, r, w, write=have.write, ack=have.ack, read=have.read, response=have.response, send_to=have.send_to
        )


@dataclass(frozen=True)
class Levelled(Store):
    """Cassandra's levels, seen from a region."""

    store: Cassandra
    reads: Level
    writes: Level

    @property
    def read(self) -> Latency:  # type: ignore[override]
        """Until a read is answered."""
        return self.store.read_latency(self.reads)

    @property
    def write(self) -> Latency:  # type: ignore[override]
        """Until a write is acknowledged."""
        return self.store.write_latency(self.writes)

    @property
    def copies_read(self) -> float:  # type: ignore[override]
        """Replicas that a read is sent to."""
        return sum(self.store.needed(self.reads).values())

    def staleness(self, t: float) -> float:
        """Probability that a read `t` seconds after a commit misses it."""
        return self.store.staleness(self.reads, self.writes, t)

    def t_visibility(self, p: float) -> float:
        """Seconds after a commit from which on a read sees it with probability `p`."""
        return self.store.t_visibility(self.reads, self.writes, p)

    def failures(self) -> tuple[int, int]:
        """How many replicas may fail, whichever they are, and reads, or writes, are answered."""
        return self.store.tolerates(self.reads), self.store.tolerates(self.writes)

    def stronger(self) -> tuple[Step | None, Step | None]:
        """Take the next level that waits for more replicas, or for others."""
        read, write = self._above(self.reads), self._above(self.writes)
        return (
            None if read is None else (read, self.store.read_latency(read)),
            None if write is None else (write, self.store.write_latency(write)),
        )

    def _above(self, level: Level) -> Level | None:
        waits = sum(self.store.needed(level).values())
        total = sum(self.store.replicas.values())
        for other in LEVELS[LEVELS.index(level) + 1 :]:
            if other == "THREE" and total < 3:
                continue
            if sum(self.store.needed(other).values()) > waits:
                return other
        return None


def store_of(design: Design, wait: Latency | None = None) -> Store | None:
    """Return how a design's replicas are asked, each behind the wait; None if it does not say.

    Raises
    ------
    ValueError
        If the counts or levels do not go with the replicas, or regions are needed and there are none.
    """
    how = design.consistency
    if how is None:
        return None
    parts = design.latencies or Latencies()
    nothing = Constant(0.0)
    read = parts.read or parts.write or nothing
    write, response = parts.write or read, parts.response or parts.ack or nothing
    ack = parts.ack or response
    if wait is not None:
        read, write = read + wait, write + wait
    if isinstance(how.reads, int) and isinstance(how.writes, int):
        n = design.replicas
        return Counted(
            Replication(
                n, how.reads, how.writes, write=write, ack=ack, read=read, response=response, send_to=how.send_to
            )
        )
    assert not isinstance(how.reads, int)
    assert not isinstance(how.writes, int)
    topology = design.placement.topology
    store = Cassandra(
        topology, _per_region(design), _local(how, design), write=write, ack=ack, read=read, response=response,
        speculative_retry=how.speculative_retry,
    )  # fmt: skip
    return Levelled(store, how.reads, how.writes)


def _local(how: Consistency, design: Design) -> str:
    regions = dict.fromkeys(design.placement.topology.places.get("region", ()))
    if how.local is None:
        raise ValueError(f"a consistency level is seen from a region: say with `local` which of {', '.join(regions)}")
    return how.local


def _per_region(design: Design) -> dict[str, int]:
    """Return how many copies each region holds; of every key the same."""
    placement = design.placement
    regions = placement.topology.places.get("region")
    if regions is None:
        raise ValueError("a consistency level needs regions: give the cluster regions, or reads and writes as numbers")
    lists = placement.replicas(list(range(64)), design.replicas, design.spread)
    counts = [Counter(regions[node] for node in row) for row in lists.tolist()]
    if any(count != counts[0] for count in counts):
        raise ValueError(
            "the keys do not all have as many copies in each region: spread as many replicas as there are zones over "
            "zones, or as many as there are regions over regions"
        )
    return {region: counts[0][region] for region in dict.fromkeys(regions) if counts[0][region]}


def replication_lines(store: Store, times: tuple[float, ...] = (0.0, 0.010)) -> Iterator[Line]:
    """Say how stale a read can be, what the next stronger level costs, and which failures are survived."""
    subject = "replication"
    for t in times:
        when = "at once" if t == 0 else f"{1e3 * t:g} ms later"
        yield Line(subject, f"stale reads {when}", store.staleness(t), "share", "of reads after a commit that miss it")
    yield Line(subject, "t-visibility", store.t_visibility(0.999), "s", "then 99.9 % of the reads see the commit")
    for what, law, step in zip(("read", "write"), (store.read, store.write), store.stronger(), strict=True):
        if step is not None:
            name, stronger = step
            extra = float(stronger.quantile(0.99) - law.quantile(0.99))
            yield Line(subject, f"{what} p99 costs more", extra, "s", f"with the next stronger level, {name}")
    reads, writes = store.failures()
    yield Line(subject, "replicas that may fail for reads", reads, "", "whichever they are")
    yield Line(subject, "replicas that may fail for writes", writes, "", "whichever they are")
