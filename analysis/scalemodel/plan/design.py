"""A design and the workload it is to carry."""

import math
from dataclasses import dataclass
from typing import Literal

from ..availability import Failures, RaftElection
from ..latency import Latency
from ..placement import Placement
from ..quorum import Level, QuorumSystem
from ..workload import Workload


@dataclass(frozen=True)
class Cache:
    """A cache before the nodes.

    Attributes
    ----------
    size : float
        Objects or bytes that fit.
    by : {"objects", "bytes"}
    policy : str
        One that `scalemodel.cache.che` models.
    ttl : float
        Seconds that a copy may be served; LRU only.
    writes : str
        What a write does to the copy, as in `scalemodel.cache.expiring_lru`; it goes to the nodes in any case. Other
        policies than LRU are written through.
    """

    size: float
    by: Literal["objects", "bytes"] = "objects"
    policy: str = "lru"
    ttl: float = math.inf
    writes: str = "write-through"

    def __post_init__(self) -> None:
        if self.policy != "lru" and (self.ttl < math.inf or self.writes != "write-through"):
            raise ValueError(
                f"the cache's policy is {self.policy!r}: a TTL, and writes other than write-through, are modelled for "
                "lru; leave them out or take lru"
            )


@dataclass(frozen=True)
class Latencies:
    """How long the parts of a request take; those left out count as nothing.

    Attributes
    ----------
    read, response : Latency, optional
        From the coordinator to a replica and the work there; back.
    write, ack : Latency, optional
        The same of a write; those of a read unless given.
    hit : Latency, optional
        Of a read that the cache answers; a miss takes it, too, before it goes on to the nodes.
    service_time : float, optional
        Seconds that a node works on a request: it has capacity times service time of servers, before which requests
        queue. Without it there are no queues.
    """

    read: Latency | None = None
    response: Latency | None = None
    write: Latency | None = None
    ack: Latency | None = None
    hit: Latency | None = None
    service_time: float | None = None


@dataclass(frozen=True)
class Consistency:
    """How many replicas a request waits for.

    Attributes
    ----------
    reads, writes : int or str
        How many answers of the replicas, as Dynamo's R and W; or both by levels of Cassandra, such as "LOCAL_QUORUM".
    send_to : {"all", "r", "closest"}
        Whether a read goes to all replicas or to as many as it waits for; of levels, always to the closest.
    local : str, optional
        The region from which levels are seen.
    speculative_retry : float or str, optional
        When a read at a level is sent to one replica more, such as "p99" or "min(p99, 50ms)".
    """

    reads: int | Level
    writes: int | Level
    send_to: Literal["all", "r", "closest"] = "r"
    local: str | None = None
    speculative_retry: float | str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.reads, int) != isinstance(self.writes, int):
            raise ValueError(
                f"reads are {self.reads!r} and writes {self.writes!r}: give numbers of replicas for both, or levels"
            )


@dataclass(frozen=True)
class Risks:
    """What fails, how often, and what is promised.

    Attributes
    ----------
    failures : Failures, optional
        How often nodes and domains are down.
    failures_per_year : float, optional
        Failures of a node in a year of service that take its data with them.
    repair : float, optional
        Mean seconds until a lost copy is made again.
    election : RaftElection, optional
        How a leader is elected, if there is one.
    leader_losses_per_year : float
    objective : float, optional
        The share of the time that may be lost: 1e-4 for 99.99 %.
    """

    failures: Failures | None = None
    failures_per_year: float | None = None
    repair: float | None = None
    election: RaftElection | None = None
    leader_losses_per_year: float = 12.0
    objective: float | None = None

    def __post_init__(self) -> None:
        if (self.failures_per_year is None) != (self.repair is None):
            raise ValueError("durability needs both failures_per_year and repair: give both, or neither")
        if self.objective is not None and self.election is None:
            raise ValueError("an objective is weighed against failovers: give an election, too, or leave it out")


@dataclass(frozen=True)
class Design:
    """A cluster and how it holds the data.

    Attributes
    ----------
    placement : Placement
        The scheme, over its topology.
    replicas : int
        Copies of each key.
    spread : str, optional
        The level whose domains keep the copies apart.
    reads_from : {"any", "first"}
        Whether reads spread over all replicas or go to the first in the preference list.
    capacity : float, optional
        Requests per second that a node of weight 1 can serve.
    bandwidth : float, optional
        Bytes per second that a node may spend on moving data.
    cache : Cache, optional
        What answers reads before they reach a node.
    latencies : Latencies, optional
        How long the parts of a request take.
    quorums : QuorumSystem, optional
        Which sets of nodes, or of the domains that `spread` keeps the copies apart in, answer a read or a write.
    consistency : Consistency, optional
        How many replicas a request waits for; instead of `quorums`.
    risks : Risks, optional
        What fails, and how often.
    """

    placement: Placement
    replicas: int = 1
    spread: str | None = None
    reads_from: Literal["any", "first"] = "any"
    capacity: float | None = None
    bandwidth: float | None = None
    cache: Cache | None = None
    latencies: Latencies | None = None
    quorums: QuorumSystem | None = None
    consistency: Consistency | None = None
    risks: Risks | None = None

    def __post_init__(self) -> None:
        if self.latencies is not None and self.latencies.service_time is not None and self.capacity is None:
            raise ValueError("a service time makes queues at nodes of a known capacity: give the capacity, too")
        if self.quorums is not None and self.consistency is not None:
            raise ValueError("a design has quorums and a consistency: the first says it all, leave one out")


@dataclass(frozen=True, eq=False)
class Plan:
    """What a design file says: a title, the workload and the design that is to carry it."""

    title: str
    workload: Workload
    design: Design
