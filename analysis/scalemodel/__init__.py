"""A scale model of your cluster, in a notebook.

The subjects are subpackages, loaded on first use: ``import scalemodel as sm; sm.placement.HashRing(...)``.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        cache,
        datasets,
        display,
        hashing,
        latency,
        placement,
        plan,
        quorum,
        streams,
        sweep,
        topology,
        units,
        workload,
    )

__all__ = [
    "cache",
    "datasets",
    "display",
    "hashing",
    "latency",
    "placement",
    "plan",
    "quorum",
    "streams",
    "sweep",
    "topology",
    "units",
    "workload",
]
__version__ = metadata.version("scalemodel")


def __getattr__(name: str) -> Any:
    if name in __all__:  # numba, pandas and matplotlib are imported by those who use them
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
