"""What fails, how often: nodes, the domains they share, common causes, and planned work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from .._check import positive, share
from ..topology import Topology, nearest
from ..units import years

Chance = float | str
"""A probability to be down, or a promise of availability such as ``"99.95 %"``."""


def down_from_mtbf(mtbf: float, mttr: float) -> float:
    """Return the probability to be down, given the mean times up and down in seconds: ``mttr / (mtbf + mttr)``.

    Examples
    --------
    >>> down_from_mtbf(mtbf=999 * 3600, mttr=3600)
    0.001
    """
    repair = positive(mttr, "mttr", "; seconds")
    return repair / (positive(mtbf, "mtbf", "; seconds") + repair)


def down_from_afr(afr: float, mttr: float) -> float:
    """Return the probability to be down, given the failures in a year of service and the mean seconds down.

    Examples
    --------
    >>> round(down_from_afr(afr=12, mttr=3600), 6)
    0.001367
    """
    return down_from_mtbf(years / positive(afr, "afr, the failures a year,"), mttr)


def down_from_sla(promise: str) -> float:
    """Return the probability to be down that a promise allows, to all its digits.

    Examples
    --------
    >>> down_from_sla("99.99 %"), down_from_sla("99.999999999%")
    (0.0001, 1e-11)
    """
    if not isinstance(promise, str):
        raise TypeError(f'the promise is {promise!r}: give text such as "99.95 %", which keeps its digits')
    try:
        percent = Decimal(promise.removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal(-1)
    if not ("%" in promise and 0 <= percent < 100):
        raise ValueError(f'the promise is {promise!r}: give a percentage from 0 % to below 100 %, such as "99.95 %"')
    return float((100 - percent) / 100)


@dataclass(frozen=True)
class Maintenance:
    """Planned work that goes through the domains of a level one by one, and takes each down whole.

    Parameters
    ----------
    duration : float
        Seconds that each is down.
    interval : float
        Seconds from one round to the next: a month for patches, a day for a deployment.
    level : str
        ``"node"`` for a rolling upgrade, or a level of the topology: a rack, a rollout wave.
    """

    duration: float
    interval: float
    level: str = "node"

    def __post_init__(self) -> None:
        positive(self.duration, "the duration of maintenance", "; seconds")
        if positive(self.interval, "the interval of maintenance", "; seconds") < self.duration:
            raise ValueError(
                f"maintenance of {self.duration:g} s comes every {self.interval:g} s: give a longer interval"
            )


@dataclass(frozen=True)
class Shared:
    """Something that several nodes need, whatever their places: a power feed, a switch, a version of the software.

    Parameters
    ----------
    name : str
        What it is called.
    down : float or str
        Probability that it is down, and all its members with it.
    members : sequence of str
        Names of nodes, or of others that are shared.
    """

    name: str
    down: Chance
    members: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "down", chance(self.down, f"the probability that {self.name!r} is down"))
        if isinstance(self.members, str):
            raise TypeError(f"the members of {self.name!r} are the string {self.members!r}: give a list of names")
        object.__setattr__(self, "members", tuple(self.members))


@dataclass(frozen=True, init=False)
class Failures:
    """How often nodes and their failure domains are down.

    Parameters
    ----------
    node : float, str, or mapping of str to these
        Probability that a node is down by itself, or a promise such as ``"99.9 %"``: of all, or by name.
    beta : float
        Share of the nodes' failures that take all of them at once: a bad release, a full log, a lost certificate.
    maintenance : Maintenance or iterable of these
        Planned work; only one domain is worked on at a time.
    shared : iterable of Shared
        What cuts across the levels.
    **levels : float, str, or mapping of str to these
        For levels of the topology (``zone=1e-4``, ``power={"feed-1": 1e-5}``) the probability that a domain is down
        with all its nodes.

    Examples
    --------
    >>> Failures(node=down_from_mtbf(mtbf=90 * 86400, mttr=1800), zone="99.99 %", beta=0.05).beta
    0.05

    References
    ----------
    NUREG/CR-5485, "Guidelines on modeling common-cause failures in probabilistic risk assessment", 1998.
    """

    node: Chance | Mapping[str, Chance]
    beta: float
    maintenance: tuple[Maintenance, ...]
    shared: tuple[Shared, ...]
    levels: Mapping[str, Chance | Mapping[str, Chance]]

    def __init__(
        self,
        node: Chance | Mapping[str, Chance] = 0.0,
        *,
        beta: float = 0.0,
        maintenance: Maintenance | Iterable[Maintenance] = (),
        shared: Iterable[Shared] = (),
        **levels: Chance | Mapping[str, Chance],
    ) -> None:
        values: dict[str, Any] = {
            "node": _chances(node, "node"),
            "beta": share(beta, "beta, the share of failures with a common cause,"),
            "maintenance": (maintenance,) if isinstance(maintenance, Maintenance) else tuple(maintenance),
            "shared": tuple(shared),
            "levels": MappingProxyType({level: _chances(value, level) for level, value in levels.items()}),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        names = [one.name for one in self.shared]
        if len(set(names)) < len(names):
            raise ValueError("two shared things have the same name: give each a name of its own")

    def __hash__(self) -> int:
        return hash((self.beta, self.maintenance, self.shared, *self.levels))

    def of_nodes(self, names: Sequence[str]) -> tuple[list[float], float]:
        """Return the probability of each node to be down by itself, and that of the cause they have in common.

        The common cause takes `beta` of what the best node fails; with it, each node fails as often as before.
        """
        if isinstance(self.node, Mapping):
            if unknown := [name for name in self.node if name not in names]:
                raise ValueError(f"node names {unknown[0]!r}, which is no replica{nearest(unknown[0], names)}")
            if lacking := [name for name in names if name not in self.node]:
                raise ValueError(f"node has no probability for {lacking[0]!r}: give one for each replica")
            down = [float(self.node[name]) for name in names]
        else:
            down = [float(self.node)] * len(names)
        common = self.beta * min(down)
        return [p - common if common < p else 0.0 for p in down] if self.beta else down, common

    def of_domains(self, topology: Topology, names: Sequence[str]) -> list[tuple[str, str, frozenset[str], float]]:
        """Return level, name, members among the nodes named, and probability of each domain that can fail."""
        at = [topology.index(name) for name in names]
        found = []
        for level, value in self.levels.items():
            if level not in topology.places:
                hint = nearest(level, topology.places)
                known = ", ".join(topology.places) or "none"
                raise ValueError(f"the topology has no level {level!r}{hint}; its levels are {known}")
            members: dict[str, set[str]] = {}
            for name, i in zip(names, at, strict=True):
                label = topology.places[level][i]
                if not label:
                    raise ValueError(f"node {name!r} is in no {level}: give it one, or leave out {level}=")
                members.setdefault(label, set()).add(name)
            if isinstance(value, Mapping):
                if lacking := [label for label in members if label not in value]:
                    raise ValueError(f"{level} has no probability for {lacking[0]!r}: give one for each {level}")
                if unknown := [label for label in value if label not in topology.places[level]]:
                    hint = nearest(unknown[0], topology.places[level])
                    raise ValueError(f"{level} names {unknown[0]!r}, which is no {level} of the topology{hint}")
            for label, inside in members.items():
                p = value[label] if isinstance(value, Mapping) else value
                found.append((level, label, frozenset(inside), float(p)))
        by_name = {one.name: one for one in self.shared}
        for one in self.shared:
            inside = {name for name in _members(one, by_name, topology, ()) if name in names}
            if inside:
                found.append(("shared", one.name, frozenset(inside), float(one.down)))
        return [row for row in found if row[3] > 0]


def _members(one: Shared, by_name: Mapping[str, Shared], topology: Topology, above: tuple[str, ...]) -> set[str]:
    if one.name in above:
        raise ValueError(f"{one.name!r} contains itself by way of {', '.join(above)}: leave out one of these members")
    found: set[str] = set()
    for member in one.members:
        if member in by_name:
            found |= _members(by_name[member], by_name, topology, (*above, one.name))
        elif member in topology.nodes:
            found.add(member)
        else:
            hint = nearest(member, [*topology.nodes, *by_name])
            raise ValueError(f"{one.name!r} has the member {member!r}, which is no node of the topology{hint}")
    return found


def chance(value: Any, what: str) -> float:
    """Return a probability to be down, given as such or as a promise."""
    return down_from_sla(value) if isinstance(value, str) else share(value, what)


def _chances(value: Any, level: str) -> Any:
    what = f"the probability that a {level} is down"
    if isinstance(value, Mapping):
        return MappingProxyType({str(name): chance(p, what) for name, p in value.items()})
    return chance(value, what)
