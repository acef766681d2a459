"""The TOML file that describes a design and its workload: one table per subject, strict about its keys."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError
from pydantic_core import ErrorDetails

from .. import workload as w
from ..placement import Placement, build, scheme_options
from ..topology import Topology, nearest
from .design import Cache, Design, Plan


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


class _ClusterTable(_Table):
    nodes: PositiveInt | list[_NodeTable]
    regions: PositiveInt | list[str] = 1
    zones: PositiveInt | list[str] = 1
    racks: PositiveInt = 1
    capacity: PositiveFloat | None = None
    rebalance_bandwidth: PositiveFloat | None = None

    def build(self) -> Topology:
        if isinstance(self.nodes, int):
            return Topology.grid(self.nodes, regions=self.regions, zones=self.zones, racks=self.racks)
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
        return Topology([node.name for node in self.nodes], [node.weight for node in self.nodes], places)


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

    def build(self) -> Cache:
        if self.objects is not None and self.bytes is None:
            return Cache(self.objects, "objects", self.policy)
        if self.bytes is not None and self.objects is None:
            return Cache(self.bytes, "bytes", self.policy)
        raise ValueError("cache needs either objects or bytes: say with one of them how much fits")


class _PlanTable(_Table):
    title: str
    workload: _WorkloadTable
    cluster: _ClusterTable
    placement: _PlacementTable = _PlacementTable()
    cache: _CacheTable | None = None

    def build(self) -> Plan:
        how = self.placement
        placement = how.build(self.cluster.build())
        placement.replicas([0], how.replicas, how.spread)  # says now what cannot hold
        cache = None if self.cache is None else self.cache.build()
        workload = self.workload.build()
        if cache is not None and cache.by == "bytes" and workload.object_size is None:
            raise ValueError("cache.bytes needs workload.object_bytes: add it, or say how many objects fit")
        design = Design(
            placement,
            how.replicas,
            how.spread,
            how.reads_from,
            self.cluster.capacity,
            self.cluster.rebalance_bandwidth,
            cache,
        )
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
