"""Consistency levels over places: how long Cassandra and DynamoDB wait, how stale they are, who can still answer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from scipy import optimize

from .. import _check
from ..display import Shown
from ..latency import Latency, hedged, kth_of, slowest
from ..latency.hedging import Delay
from ..topology import Topology
from .replication import Replication
from .staleness import Legs, unseen

if TYPE_CHECKING:
    import pandas as pd

Level = Literal["ONE", "TWO", "THREE", "QUORUM", "LOCAL_ONE", "LOCAL_QUORUM", "EACH_QUORUM", "ALL"]

LEVELS: tuple[Level, ...] = ("LOCAL_ONE", "ONE", "TWO", "THREE", "LOCAL_QUORUM", "QUORUM", "EACH_QUORUM", "ALL")
"""The levels, weakest first."""

_LOCAL = ("LOCAL_ONE", "LOCAL_QUORUM")


@dataclass(frozen=True)
class Cassandra(Shown):
    """Replicas in data centres, and a coordinator in one of them.

    A write goes to every replica; a read to the closest ones that the level needs. The legs are those within a place;
    to another place half a round trip is added each way.

    Parameters
    ----------
    topology : Topology
        With round trips between the places.
    replicas : mapping of str to int
        How many replicas each data centre holds.
    local : str
        The data centre of the coordinator.
    write, ack, read, response : Latency
        Legs as in `Replication`.
    place : str
        The level of the topology that counts as a data centre.
    speculative_retry : float, Percentile, Min, Max or str, optional
        When a read is sent to one more replica: what `scalemodel.latency.hedged` takes as `after`. Percentiles are of
        the answer of the slowest replica asked.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> from scalemodel.topology import RoundTrips, Topology
    >>> from scalemodel.units import ms
    >>> two = Topology.grid(3, regions=["us", "eu"], round_trips=RoundTrips({("us", "eu"): 80 * ms}, within=0.5 * ms))
    >>> store = Cassandra(two, {"us": 3, "eu": 3}, local="us", write=Exponential(2 * ms))
    >>> [round(1e3 * store.write_latency(level).quantile(0.99), 1) for level in ("LOCAL_QUORUM", "QUORUM")]
    [9.6, 85.8]

    References
    ----------
    Apache Cassandra documentation, "Dynamo": tunable consistency. Abadi, "Consistency tradeoffs in modern distributed
    database system design", IEEE Computer 45 (2012): PACELC.
    """

    topology: Topology
    replicas: Mapping[str, int]
    local: str
    write: Latency = field(kw_only=True)
    ack: Latency | None = field(default=None, kw_only=True)
    read: Latency | None = field(default=None, kw_only=True)
    response: Latency | None = field(default=None, kw_only=True)
    place: str = field(default="region", kw_only=True)
    speculative_retry: Delay | float | str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.place not in self.topology.places:
            known = ", ".join(map(repr, self.topology.places)) or "no level"
            raise ValueError(f"place is {self.place!r}, but the topology has {known}: name one of its levels")
        held = self.topology.places[self.place]
        counts = {}
        for name, count in self.replicas.items():
            if name not in held:
                raise ValueError(f"there is no {self.place} {name!r}: it is one of {', '.join(dict.fromkeys(held))}")
            counts[name] = _check.whole(count, f"replicas in {name!r}", 1, held.count(name))
        if self.local not in counts:
            raise ValueError(f"local is {self.local!r}, which holds no replica: give one of {', '.join(counts)}")
        if self.topology.round_trips is None:
            raise ValueError("the topology has no round trips: give it round_trips=RoundTrips(...)")
        object.__setattr__(self, "replicas", MappingProxyType(counts))
        (_,) = set(Replication(1, 1, 1, write=self.write, ack=self.ack, read=self.read, response=self.response).legs)
        _ = self._sites  # a missing round trip is noticed now

    def __hash__(self) -> int:
        return hash((self.topology, frozenset(self.replicas.items()), self.local, self.write))

    @property
    def title(self) -> str:
        """The replicas and the coordinator's place."""
        held = " + ".join(f"{count} in {name}" for name, count in self.replicas.items())
        return f"Cassandra: {held}, coordinator in {self.local}"

    @cached_property
    def _sites(self) -> tuple[tuple[str, Legs], ...]:
        """The data centre and the legs of each replica, the closest first."""
        (near,) = set(Replication(1, 1, 1, write=self.write, ack=self.ack, read=self.read, response=self.response).legs)
        assert near is not None
        assert self.topology.round_trips is not None
        out = []
        for name, count in self.replicas.items():
            there = self.topology.round_trips.between(self.local, name) / 2
            back = self.topology.round_trips.between(name, self.local) / 2
            legs = Legs(near.write + there, near.ack + back, near.read + there, near.response + back)
            out += [(name != self.local, there + back, name, legs)] * count
        return tuple((name, legs) for _, _, name, legs in sorted(out, key=lambda row: row[:3]))

    def needed(self, level: Level) -> dict[str, int]:
        """Return how many answers the level needs: by data centre, or of any under the name ``"any"``."""
        total = sum(self.replicas.values())
        counts = {"ONE": 1, "TWO": 2, "THREE": 3, "QUORUM": total // 2 + 1, "ALL": total}
        if level in counts:
            if counts[level] > total:
                raise ValueError(f"{level} needs {counts[level]} replicas, there are {total}: give a weaker level")
            return {"any": counts[level]}
        if level not in LEVELS:
            raise ValueError(f"level is {level!r}: give one of {', '.join(LEVELS)}")
        if level == "LOCAL_ONE":
            return {self.local: 1}
        places = [self.local] if level == "LOCAL_QUORUM" else list(self.replicas)
        return {name: self.replicas[name] // 2 + 1 for name in places}

    def _asked(self, level: Level) -> tuple[int, ...]:
        """Return the replicas that a read is sent to: the closest."""
        chosen: list[int] = []
        for name, count in self.needed(level).items():
            chosen += [i for i, (place, _) in enumerate(self._sites) if name in ("any", place)][:count]
        return tuple(sorted(chosen))

    def read_latency(self, level: Level) -> Latency:
        """Return the time until a read at this level is answered."""
        answers = [legs.answered for _, legs in self._sites]
        parts = []
        for name, count in self.needed(level).items():
            there = [law for law, (place, _) in zip(answers, self._sites, strict=True) if name in ("any", place)]
            parts.append(self._speculated(there, count))
        return parts[0] if len(parts) == 1 else slowest(parts)

    def _speculated(self, answers: Sequence[Latency], count: int) -> Latency:
        asked = list(answers[:count])
        if self.speculative_retry is None or count == len(answers):
            return slowest(asked)
        last = asked[-1]
        after = hedged(last, self.speculative_retry).delay
        return slowest(asked) if after == math.inf else kth_of(count, [*asked, answers[count] + after])

    def write_latency(self, level: Level) -> Latency:
        """Return the time until a write at this level is acknowledged."""
        law = self._committed(level, ())
        assert law is not None
        return law

    def _committed(self, level: Level, without: tuple[int, ...]) -> Latency | None:
        """Return the time of the commit if some replicas do not acknowledge; None if they are too many."""
        parts = []
        for name, count in self.needed(level).items():
            acks = [
                legs.acknowledged
                for i, (place, legs) in enumerate(self._sites)
                if name in ("any", place) and i not in without
            ]
            if len(acks) < count:
                return None
            parts.append(kth_of(count, acks))
        return parts[0] if len(parts) == 1 else slowest(parts)

    def staleness(self, read: Level, write: Level, t: float) -> float:
        """Return the probability that a read at one level misses a write at another, `t` seconds after its commit.

        Both through the same data centre, and without speculative retry. The replicas asked are fixed. If all of them
        are stale, none has acknowledged, so the commit was that of the others: one integral over its time.
        """
        t = _check.number(t, "t")
        asked = self._asked(read)
        law = self._committed(write, asked)
        if law is None:
            return 0.0
        times, weights = law.on_grid().quadrature()
        kinds = [self._sites[i][1] for i in asked]
        for legs in set(kinds):
            weights = weights * unseen(legs, times + t) ** kinds.count(legs)
        return float(min(weights.sum(), 1.0))

    def t_visibility(self, read: Level, write: Level, p: float) -> float:
        """Return how long after the commit a read must start to see the write with probability `p`, in seconds."""
        miss = 1 - _check.share(p, "p")
        if self.staleness(read, write, 0.0) <= miss:
            return 0.0
        if miss == 0:
            return max(legs.arrival.support[1] for _, legs in self._sites)
        high = float(max(legs.arrival.isf(miss) for _, legs in self._sites))

        def gap(t: float) -> float:
            return self.staleness(read, write, t) - miss

        while gap(high) > 0:
            high *= 2
        return float(optimize.brentq(gap, 0.0, high, rtol=1e-9, xtol=1e-12))

    def strict(self, read: Level, write: Level) -> bool:
        """Tell whether a read always meets the write, because enough replicas are asked."""
        return self._committed(write, self._asked(read)) is None

    def tolerates(self, level: Level) -> int:
        """Return how many replicas may fail, whichever they are, with requests at this level still answered."""
        spare = []
        for name, count in self.needed(level).items():
            spare.append((sum(self.replicas.values()) if name == "any" else self.replicas[name]) - count)
        return min(spare)

    def answers_alone(self, level: Level) -> bool:
        """Tell whether the local data centre still answers at this level when it is cut off from the others."""
        return all(name in ("any", self.local) and count <= self.replicas[self.local] for name, count in
                   self.needed(level).items())  # fmt: skip

    def prices(self, t: float = 0.0, p: float = 0.999, levels: Sequence[Level] | None = None) -> "pd.DataFrame":
        """Return what each level costs when nothing is wrong, and who can still answer when something is: PACELC.

        Parameters
        ----------
        t : float
            Seconds after the commit at which a read starts, for the share of stale reads.
        p : float
            Probability of a fresh read, for the t-visibility.
        levels : sequence of str, optional
            Reads and writes both use the level; all levels that there are replicas for, unless given.

        Returns
        -------
        DataFrame
            A row per level, weakest first: percentiles, what the p99 costs over the weakest, staleness, and what holds
            when replicas or the ways between data centres fail.
        """
        import pandas as pd

        total = sum(self.replicas.values())
        chosen = [level for level in LEVELS if level != "THREE" or total >= 3] if levels is None else list(levels)
        rows: list[dict[str, Any]] = []
        for level in [level for level in chosen if level != "TWO" or total >= 2]:
            row: dict[str, Any] = {"level": level}
            for name, law in (("read", self.read_latency(level)), ("write", self.write_latency(level))):
                for quantile, value in zip((0.5, 0.99, 0.999), law.quantile([0.5, 0.99, 0.999]), strict=True):
                    row[f"{name}_p{100 * quantile:g}_ms"] = 1e3 * value
            for name in ("read", "write"):
                extra = row[f"{name}_p99_ms"] - (rows[0] if rows else row)[f"{name}_p99_ms"]
                row[f"{name}_p99_extra_ms"] = round(extra, 9) + 0.0  # not -0, where only rounding differs
            row[f"stale_at_{1e3 * t:g}ms"] = self.staleness(level, level, t)
            row[f"t_visibility_{100 * p:g}_ms"] = 1e3 * self.t_visibility(level, level, p)
            row |= {"strict": self.strict(level, level), "tolerates": self.tolerates(level)}
            rows.append(row | {"answers_alone": self.answers_alone(level)})
        return pd.DataFrame(rows)

    def to_frame(self) -> "pd.DataFrame":
        """Return `prices`."""
        return self.prices()


@dataclass(frozen=True)
class DynamoDB(Shown):
    """An item on a leader and two followers in three zones; a write waits for one of the followers.

    Parameters
    ----------
    write, ack, read, response : Latency
        From the leader to a follower and back; from a request router to any replica and back. As in `Replication`.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> from scalemodel.units import ms
    >>> table = DynamoDB(write=Exponential(1 * ms), read=Exponential(0.5 * ms))
    >>> f"{table.staleness(0):.4f} {table.staleness(0, consistent=True)}"
    '0.1111 0.0'

    References
    ----------
    Elhemali et al., "Amazon DynamoDB: a scalable, predictably performant, and fully managed NoSQL database service",
    USENIX ATC 2022, section 3: replication groups, eventually and strongly consistent reads.
    """

    write: Latency = field(kw_only=True)
    ack: Latency | None = field(default=None, kw_only=True)
    read: Latency | None = field(default=None, kw_only=True)
    response: Latency | None = field(default=None, kw_only=True)

    @property
    def title(self) -> str:
        """What it is."""
        return "DynamoDB: a leader and two followers"

    @cached_property
    def _replicas(self) -> Replication:
        from ..latency import Constant

        plain = Replication(1, 1, 1, write=self.write, ack=self.ack, read=self.read, response=self.response)
        (legs,) = plain.legs
        assert legs is not None
        here = Constant(0.0)
        return Replication(
            3,
            1,
            2,
            write=[here, legs.write, legs.write],
            ack=[here, legs.ack, legs.ack],
            read=legs.read,
            response=legs.response,
            send_to="r",
        )

    def write_latency(self) -> Latency:
        """Return the time from the leader's start to its answer: its own log and the faster follower's."""
        return self._replicas.write_latency()

    def read_latency(self) -> Latency:
        """Return the time of a read, of either kind: one replica is asked."""
        return self._replicas.read_latency()

    def staleness(self, t: float, consistent: bool = False) -> float:
        """Return the probability that a read misses a write, `t` seconds after its commit.

        A strongly consistent read asks the leader, which holds every committed write; an eventually consistent one asks
        a random replica, for half the price.
        """
        stale = self._replicas.staleness(t)
        return 0.0 if consistent else stale

    def t_visibility(self, p: float, consistent: bool = False) -> float:
        """Return how long after the commit a read must start to see the write with probability `p`, in seconds."""
        seconds = self._replicas.t_visibility(p)
        return 0.0 if consistent else seconds

    def to_frame(self) -> "pd.DataFrame":
        """Return a row for each kind of read."""
        import pandas as pd

        law = self.read_latency()
        return pd.DataFrame(
            {
                "read": kind,
                "read_p50_ms": 1e3 * law.quantile(0.5),
                "read_p99.9_ms": 1e3 * law.quantile(0.999),
                "stale_at_0": self.staleness(0.0, consistent),
                "t_visibility_99.9_ms": 1e3 * self.t_visibility(0.999, consistent),
                "capacity_units": 1.0 if consistent else 0.5,
                "answers_without_leader": not consistent,
            }
            for kind, consistent in (("eventually consistent", False), ("strongly consistent", True))
        )
