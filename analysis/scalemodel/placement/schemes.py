"""All placement schemes by name, and the way back from a saved state."""

import inspect
from collections.abc import Mapping
from typing import Any

from ..topology import Topology, nearest
from .anchor import AnchorHash
from .binomial import BinomialHash
from .bounded_load import BoundedLoad
from .cassandra import CassandraRing
from .copysets import Copysets
from .crush import Crush
from .dx import DxHash
from .flip import FlipHash
from .jump import JumpHash
from .jumpback import JumpBackHash
from .ketama import Ketama
from .maglev import Maglev
from .memento import MementoHash
from .multi_probe import MultiProbe
from .partition_table import PartitionTable
from .placement import STATE_FORMAT, Nodes, Placement
from .power import PowerHash
from .redis_slots import RedisSlots
from .rendezvous import Rendezvous
from .ring import HashRing
from .tablet_placement import TabletPlacement

SCHEMES: dict[str, type[Placement]] = {
    "ring": HashRing,
    "ketama": Ketama,
    "jump": JumpHash,
    "jumpback": JumpBackHash,
    "flip": FlipHash,
    "binomial": BinomialHash,
    "power": PowerHash,
    "anchor": AnchorHash,
    "dx": DxHash,
    "memento": MementoHash,
    "rendezvous": Rendezvous,
    "maglev": Maglev,
    "multiprobe": MultiProbe,
    "bounded": BoundedLoad,
    "table": PartitionTable,
    "crush": Crush,
    "redis": RedisSlots,
    "cassandra": CassandraRing,
    "copysets": Copysets,
}
"""The schemes that can be built from nodes alone, by the name that the command line and design files use."""


def build(scheme: str, nodes: Nodes, /, **options: Any) -> Placement:
    """Build a placement by the name of its scheme, with the options that `scheme_options` names.

    Raises
    ------
    ValueError
        If there is no such scheme, or it does not have the option; the message names the nearest.

    Examples
    --------
    >>> build("ring", 10, vnodes=64).vnodes
    64
    """
    allowed = scheme_options(scheme)
    parameters = inspect.signature(SCHEMES[scheme]).parameters
    if unknown := [option for option in options if option not in (*allowed, *parameters)]:
        hint = nearest(unknown[0], allowed) or f"; it has {', '.join(allowed)}"
        raise ValueError(f"the scheme {scheme!r} has no option {unknown[0]!r}{hint}")
    named = {option if option in parameters else "scheme": value for option, value in options.items()}
    return SCHEMES[scheme](nodes, **named)


def scheme_options(scheme: str) -> list[str]:
    """Return the names of the options that a scheme has besides its nodes.

    Maglev's `scheme` goes by the name ``variant``, too, as other schemes call theirs: in a design file the key
    ``scheme`` is taken.

    Raises
    ------
    ValueError
        If there is no such scheme; the message names the nearest.

    Examples
    --------
    >>> scheme_options("jump")
    ['variant', 'seed']
    >>> scheme_options("maglev")
    ['table_size', 'weights', 'variant', 'seed']
    """
    if scheme not in SCHEMES:
        hint = nearest(scheme, SCHEMES) or f"; there are {', '.join(SCHEMES)}"
        raise ValueError(f"there is no placement scheme {scheme!r}{hint}")
    parameters = list(inspect.signature(SCHEMES[scheme]).parameters)[1:]
    return ["variant" if parameter == "scheme" else parameter for parameter in parameters]


def restore(state: Mapping[str, Any]) -> Placement:
    """Return the placement that `Placement.state` saved.

    Raises
    ------
    ValueError
        If the state is of another version, of an unknown scheme, or damaged.
    """
    fields = dict(state)
    version, name, topology = (fields.pop(key, None) for key in ("format", "kind", "topology"))
    if version != STATE_FORMAT:
        raise ValueError(f"the saved state has format {version!r} and this version reads {STATE_FORMAT}: save it anew")
    kinds: tuple[type[Placement], ...] = (*SCHEMES.values(), TabletPlacement)
    known = {scheme.__name__: scheme for scheme in kinds}
    if name not in known:
        raise ValueError(f"the saved state is of the scheme {name!r}, which is not known{nearest(str(name), known)}")
    try:
        return known[name](Topology.from_state(topology or {}), **fields)
    except (TypeError, KeyError) as error:
        raise ValueError(f"the saved state of {name} is damaged ({error}): save it anew") from None
