"""A design and the workload it is to carry."""

from dataclasses import dataclass
from typing import Literal

from ..placement import Placement
from ..workload import Workload


@dataclass(frozen=True)
class Cache:
    """A cache before the nodes. A write goes through it: the copy is made anew, and the nodes are written, too.

    Attributes
    ----------
    size : float
        Objects or bytes that fit.
    by : {"objects", "bytes"}
    policy : str
        One that `scalemodel.cache.che` models.
    """

    size: float
    by: Literal["objects", "bytes"] = "objects"
    policy: str = "lru"


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
    """

    placement: Placement
    replicas: int = 1
    spread: str | None = None
    reads_from: Literal["any", "first"] = "any"
    capacity: float | None = None
    bandwidth: float | None = None
    cache: Cache | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """What a design file says: a title, the workload and the design that is to carry it."""

    title: str
    workload: Workload
    design: Design
