"""The TOML file that describes a design and its workload: one table per subject, strict about its keys."""

import inspect
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic_core import ErrorDetails

from .. import latency
from .. import workload as w
from ..availability import Failures, RaftElection, down_from_sla
from ..placement import Placement, build, scheme_options
from ..quorum import Level
from ..topology import RoundTrips, Topology, nearest
from .design import Cache, Consistency, Design, Latencies, Plan, Risks
from .quorum_lines import read_quorums
from .replication_lines import store_of


def read_plan(path: str | Path) -> Plan:
    """Read a design file.

    Raises
    ------
    ValueError
        If the file is not TOML, has an unknown or missing key, or a value that is not allowed.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> read_plan("data/designs/session_store.toml").design.replicas
    3
    """
    try:
        tables = tomllib.loads(Path(path).read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}") from None
    try:
        return _PlanTable.model_validate(tables).build()
    except ValidationError as errors:
        # of the errors of a union's members, the deepest is the one that was meant
        deepest = max(errors.errors(), key=lambda each: len(each["loc"]))
        raise ValueError(f"{path}: {_sentence(deepest)}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class _UniformTable(_Table):
    law: Literal["uniform"]
    objects: PositiveInt

    def build(self) -> w.Popularity:
        return w.Uniform(self.objects)


class _ZipfTable(_Table):
    law: Literal["zipf"]
    objects: PositiveInt
    alpha: float

    def build(self) -> w.Popularity:
        return w.Zipf(self.objects, self.alpha)


class _HotSetTable(_Table):
    law: Literal["hotset"]
    objects: PositiveInt
    hot_share: float
    hot_requests: float

    def build(self) -> w.Popularity:
        return w.HotSet(self.objects, self.hot_share, self.hot_requests)


class _ConstantLoadTable(_Table):
    shape: Literal["constant"]

    def build(self, rate: float) -> w.Load:
        return w.ConstantLoad(rate)


class _DiurnalLoadTable(_Table):
    shape: Literal["diurnal"]
    peak_to_mean: PositiveFloat

    def build(self, rate: float) -> w.Load:
        return w.DiurnalLoad(rate, self.peak_to_mean)


class _WorkloadTable(_Table):
    rate: PositiveFloat
    read_fraction: float = 1.0
    load: Annotated[_ConstantLoadTable | _DiurnalLoadTable, Field(discriminator="shape")] = _ConstantLoadTable(
        shape="constant"
    )
    popularity: Annotated[_UniformTable | _ZipfTable | _HotSetTable, Field(discriminator="law")]
    object_bytes: PositiveFloat | None = None

    def build(self) -> w.Workload:
        size = None if self.object_bytes is None else w.ConstantSize(self.object_bytes)
        return w.Workload(self.load.build(self.rate), self.read_fraction, self.popularity.build(), size)


class _NodeTable(_Table):
    name: str
    weight: PositiveFloat = 1.0
    region: str | None = None
    zone: str | None = None
    rack: str | None = None


class _TripTable(_Table):
    between: tuple[str, str]
    seconds: NonNegativeFloat


class _ClusterTable(_Table):
    nodes: PositiveInt | list[_NodeTable]
    regions: PositiveInt | list[str] = 1
    zones: PositiveInt | list[str] = 1
    racks: PositiveInt = 1
    capacity: PositiveFloat | None = None
    rebalance_bandwidth: PositiveFloat | None = None
    round_trips: list[_TripTable] | None = None

    def build(self) -> Topology:
        trips = None
        if self.round_trips is not None:
            trips = RoundTrips({trip.between: trip.seconds for trip in self.round_trips}, within=0.0)
        if isinstance(self.nodes, int):
            return Topology.grid(
                self.nodes, regions=self.regions, zones=self.zones, racks=self.racks, round_trips=trips
            )
        if counted := self.model_fields_set & {"regions", "zones", "racks"}:
            raise ValueError(
                f"cluster.{min(counted)} counts places while cluster.nodes lists nodes: use one of the two"
            )
        places: dict[str, list[str]] = {}
        for level in ("region", "zone", "rack"):
            labels = [getattr(node, level) for node in self.nodes]
            if any(labels):
                if not all(labels):
                    lacking = self.nodes[labels.index(None)].name
                    raise ValueError(f"node {lacking!r} has no {level} and others have: give every node one")
                places[level] = labels
        return Topology([node.name for node in self.nodes], [node.weight for node in self.nodes], places, trips)


class _PlacementTable(_Table):
    """Besides the fields, every option of the scheme is a key."""

    model_config = ConfigDict(extra="allow")

    scheme: str = "ring"
    replicas: PositiveInt = 1
    spread: str | None = None
    reads_from: Literal["any", "first"] = "any"
    seed: NonNegativeInt = 0

    def build(self, topology: Topology) -> Placement:
        options = dict(self.model_extra or {})
        allowed = [option for option in scheme_options(self.scheme) if option != "weights"]  # the cluster has them
        if unknown := [key for key in options if key not in allowed]:
            known = [*type(self).model_fields, *allowed]
            raise ValueError(f"placement.{_not_known(unknown[0], known)}")
        shared = {name: getattr(self, name) for name in ("replicas", "spread", "seed") if name in allowed}
        return build(self.scheme, topology, **shared, **options)


class _CacheTable(_Table):
    objects: PositiveFloat | None = None
    bytes: PositiveFloat | None = None
    policy: Literal["lru", "fifo", "random", "lfu", "qlru", "klru"] = "lru"
    ttl: PositiveFloat = math.inf
    writes: Literal["cache-aside", "read-through", "write-through", "write-back", "write-around"] = "write-through"

    def build(self) -> Cache:
        if (self.objects is None) == (self.bytes is None):
            raise ValueError("cache needs either objects or bytes: say with one of them how much fits")
        by: Literal["objects", "bytes"] = "objects" if self.bytes is None else "bytes"
        size = self.objects if self.bytes is None else self.bytes
        assert size is not None
        return Cache(size, by, self.policy, self.ttl, self.writes)


class _LawTable(_Table):
    """Besides the name of the law, every parameter of it is a key, in seconds where it is a time."""

    model_config = ConfigDict(extra="allow")

    law: str

    def build(self, where: str) -> latency.Latency:
        if self.law not in _LAWS:
            raise ValueError(f"{where}.law is {self.law!r}{nearest(self.law, _LAWS)}: give one of {', '.join(_LAWS)}")
        given = dict(self.model_extra or {})
        if self.law == "percentiles":
            return latency.from_percentiles({_percentile(key, where): value for key, value in given.items()})
        make = _LAWS[self.law]
        parameters = list(inspect.signature(make).parameters)
        if unknown := [key for key in given if key not in parameters]:
            raise ValueError(f"{where}.{_not_known(unknown[0], ['law', *parameters])}")
        if lacking := [key for key in parameters if key not in given]:
            raise ValueError(f"{where}.{lacking[0]} is missing: add it")
        return make(**given)


_LAWS: dict[str, Callable[..., latency.Latency]] = {
    "constant": latency.Constant,
    "uniform": latency.Uniform,
    "exponential": latency.Exponential,
    "gamma": latency.Gamma,
    "weibull": latency.Weibull,
    "pareto": latency.Pareto,
    "lognormal": latency.LogNormal,
    "percentiles": latency.from_percentiles,
}


def _percentile(key: str, where: str) -> float:
    """Return the share that a key such as p50, p99 or p999 names."""
    if not re.fullmatch(r"p\d\d+", key):
        raise ValueError(f"{where}.{key} is not a percentile: write p50, p99, p999 and so on")
    return float(f"0.{key[1:]}")


class _LatencyTable(_Table):
    read: _LawTable | None = None
    response: _LawTable | None = None
    write: _LawTable | None = None
    ack: _LawTable | None = None
    hit: _LawTable | None = None
    service_time: PositiveFloat | None = None

    def build(self) -> Latencies:
        laws = {name: getattr(self, name) for name in ("read", "response", "write", "ack", "hit")}
        built = {name: law.build(f"latency.{name}") for name, law in laws.items() if law is not None}
        return Latencies(**built, service_time=self.service_time)


class _QuorumTable(_Table):
    """Expressions over the cluster's nodes, or over the domains that `placement.spread` keeps the copies apart in."""

    reads: str | None = None
    writes: str | None = None


class _ConsistencyTable(_Table):
    reads: PositiveInt | Level
    writes: PositiveInt | Level
    send_to: Literal["all", "r", "closest"] = "r"
    local: str | None = None
    speculative_retry: PositiveFloat | str | None = None

    def build(self) -> Consistency:
        return Consistency(self.reads, self.writes, self.send_to, self.local, self.speculative_retry)


class _ElectionTable(_Table):
    members: PositiveInt = 3
    heartbeat: PositiveFloat
    timeout: PositiveFloat
    network: _LawTable | None = None
    disk: _LawTable | None = None

    def build(self) -> RaftElection:
        laws = {"network": self.network, "disk": self.disk}
        built: dict[str, Any] = {
            name: law.build(f"risks.election.{name}") for name, law in laws.items() if law is not None
        }
        return RaftElection.etcd(self.members, self.heartbeat, self.timeout, **built)


class _RisksTable(_Table):
    """Probabilities of being down, or promises such as "99.95 %", for nodes and for every level of the cluster."""

    down: dict[str, float | str] | None = None
    common_cause: float = 0.0
    failures_per_year: PositiveFloat | None = None
    repair: PositiveFloat | None = None
    election: _ElectionTable | None = None
    leader_losses_per_year: PositiveFloat = 12.0
    objective: str | None = None

    def build(self) -> Risks:
        down: dict[str, Any] | None = self.down
        failures = None if down is None else Failures(**down, beta=self.common_cause)
        election = None if self.election is None else self.election.build()
        objective = None if self.objective is None else down_from_sla(self.objective)
        return Risks(failures, self.failures_per_year, self.repair, election, self.leader_losses_per_year, objective)


class _PlanTable(_Table):
    title: str
    workload: _WorkloadTable
    cluster: _ClusterTable
    placement: _PlacementTable = _PlacementTable()
    cache: _CacheTable | None = None
    quorum: _QuorumTable | None = None
    latency: _LatencyTable | None = None
    consistency: _ConsistencyTable | None = None
    risks: _RisksTable | None = None

    def build(self) -> Plan:
        how = self.placement
        placement = how.build(self.cluster.build())
        placement.replicas([0], how.replicas, how.spread)  # says now what cannot hold
        cache = None if self.cache is None else self.cache.build()
        workload = self.workload.build()
        if cache is not None and cache.by == "bytes" and workload.object_size is None:
            raise ValueError("cache.bytes needs workload.object_bytes: add it, or say how many objects fit")
        quorums = None
        if self.quorum is not None:
            sides = self.quorum.reads, self.quorum.writes
            quorums = read_quorums(*sides, placement.topology, how.spread, self.cluster.capacity)
        design = Design(
            placement,
            how.replicas,
            how.spread,
            how.reads_from,
            self.cluster.capacity,
            self.cluster.rebalance_bandwidth,
            cache,
            None if self.latency is None else self.latency.build(),
            quorums,
            None if self.consistency is None else self.consistency.build(),
            None if self.risks is None else self.risks.build(),
        )
        store_of(design)  # says now what cannot hold
        known = ["node", *placement.topology.places]
        for level in (self.risks and self.risks.down) or ():
            if level not in known:
                raise ValueError(f"risks.down.{_not_known(level, known)}")
        return Plan(self.title, workload, design)


def _sentence(error: ErrorDetails) -> str:
    """Say in one sentence what an error of a file is."""
    where, allowed = _descend(error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{where + '.' * bool(where)}{_not_known(str(error['loc'][-1]), allowed)}"
    if error["type"] == "missing":
        return f"{where} is missing: add it"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{where} is {error['input']!r}: it {message}"


def _not_known(key: str, allowed: list[str]) -> str:
    hint = nearest(key, allowed) or f"; known here are {', '.join(allowed)}"
    return f"{key} is not a known key{hint}"


def _descend(location: tuple[int | str, ...]) -> tuple[str, list[str]]:
    """Return an error's place as the file has it, and the keys that are allowed there.

    Pydantic's location also names members of unions, by their tag or type; those are not in the file.
    """
    path = ""
    models: list[type[BaseModel]] = [_PlanTable]
    for part in location:
        fields = {name: field.annotation for model in models for name, field in model.model_fields.items()}
        tagged = [m for m in models if any(part in get_args(f.annotation) for f in m.model_fields.values())]
        if isinstance(part, int):
            path += f"[{part}]"
        elif part in fields:
            path += "." * bool(path) + part
            models = list(_models(fields[part]))
        elif tagged:
            models = tagged
    return path, [name for model in models for name in model.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
