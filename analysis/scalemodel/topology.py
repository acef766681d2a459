"""Where the nodes are: regions > zones > racks > nodes, their weights, and the round trips between places.

Examples
--------
A cluster in one line, and its racks lost or its zones counted in the next:

>>> cluster = Topology.grid(zones=3, nodes=4)
>>> len(cluster), cluster.nodes[:2], cluster.count("zone")
(12, ('a-1', 'a-2'), 3)
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from string import ascii_lowercase
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .display import Shown

if TYPE_CHECKING:
    import pandas as pd

LEVELS = ("region", "zone", "rack")
"""The levels that nest, outermost first. Other levels (a power feed, a rollout wave) may cut across them."""


@dataclass(frozen=True)
class RoundTrips:
    """Round-trip times between places, in seconds.

    Parameters
    ----------
    pairs : mapping of (place, place) to float
        Seconds. One direction is enough; where both are given, they may differ. ``(a, a)`` is the round trip
        within `a`.
    within : float, optional
        Seconds between two nodes of one place, where `pairs` does not say.

    Examples
    --------
    >>> trips = RoundTrips({("us", "eu"): 0.08}, within=0.0005)
    >>> trips.between("eu", "us"), trips.between("eu", "eu")
    (0.08, 0.0005)
    """

    pairs: Mapping[tuple[str, str], float]
    within: float | None = None

    def __post_init__(self) -> None:
        for (a, b), seconds in self.pairs.items():
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"round trip {a!r} to {b!r} is {seconds}: give seconds, finite and not negative")
        if self.within is not None and not (math.isfinite(self.within) and self.within >= 0):
            raise ValueError(f"round trip within a place is {self.within}: give seconds, finite and not negative")
        object.__setattr__(self, "pairs", MappingProxyType(dict(self.pairs)))

    def __hash__(self) -> int:
        return hash((frozenset(self.pairs.items()), self.within))

    def __reduce__(self) -> tuple[Any, ...]:
        return RoundTrips, (dict(self.pairs), self.within)

    @classmethod
    def from_matrix(cls, places: Sequence[str], seconds: NDArray[np.float64] | Sequence[Sequence[float]]) -> RoundTrips:
        """Read a square matrix: row = from, column = to, seconds.

        Examples
        --------
        >>> RoundTrips.from_matrix(["a", "b"], [[0.001, 0.01], [0.012, 0.001]]).between("b", "a")
        0.012
        """
        matrix = np.asarray(seconds, dtype=np.float64)
        if matrix.shape != (len(places), len(places)):
            n = len(places)
            raise ValueError(
                f"the round-trip matrix has shape {matrix.shape}: for {n} places give {n} rows and columns"
            )
        _unique(places, "place")
        return cls({(a, b): float(matrix[i, j]) for i, a in enumerate(places) for j, b in enumerate(places)})

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        source: str = "src",
        destination: str = "dst",
        value: str = "rtt_ms",
        unit: float = 1e-3,
        within: float | None = None,
    ) -> RoundTrips:
        """Read a tidy table with a row per pair; `unit` turns its values into seconds (milliseconds unless told)."""
        for column in (source, destination, value):
            if column not in frame.columns:
                raise ValueError(
                    f"the round-trip table has no column {column!r}: it has {', '.join(map(repr, frame.columns))}"
                )
        pairs: dict[tuple[str, str], float] = {}
        for a, b, number in zip(_column(frame, source), _column(frame, destination), frame[value], strict=True):
            if (a, b) in pairs:
                raise ValueError(
                    f"the round-trip table has two rows from {a!r} to {b!r}: select one statistic and date first"
                )
            pairs[a, b] = float(number) * unit
        return cls(pairs, within)

    @property
    def places(self) -> tuple[str, ...]:
        """Every place named, in order of appearance."""
        return tuple(dict.fromkeys(place for pair in self.pairs for place in pair))

    def get(self, a: str, b: str) -> float | None:
        """Return the round trip from `a` to `b` in seconds, or None where the table does not say."""
        if (a, b) in self.pairs:
            return self.pairs[a, b]
        if (b, a) in self.pairs:
            return self.pairs[b, a]
        return self.within if a == b else None

    def between(self, a: str, b: str) -> float:
        """Return the round trip from `a` to `b` in seconds.

        Raises
        ------
        ValueError
            If the table does not hold the pair.
        """
        seconds = self.get(a, b)
        if seconds is None:
            what = f"within {a!r}: add the pair or give within=" if a == b else f"between {a!r} and {b!r}: add the pair"
            raise ValueError(f"there is no round trip {what}")
        return seconds

    def matrix(self, places: Sequence[str] | None = None) -> NDArray[np.float64]:
        """Return ``float64[places, places]`` in seconds; a missing pair is an error that names it."""
        chosen = self.places if places is None else places
        return np.array([[self.between(a, b) for b in chosen] for a in chosen])


@dataclass(frozen=True)
class Topology(Shown):
    """Nodes, how much each can take, and the failure domains each sits in.

    Parameters
    ----------
    nodes : sequence of str
        Unique names.
    weights : sequence of float, optional
        Capacity of each node relative to the others, above zero. Default 1 each.
    places : mapping of str to sequence of str, optional
        For each level (``"zone"``, ``"rack"``, ``"power"``, …) the domain of each node. Region, zone and rack must
        nest; other levels may cut across them.
    round_trips : RoundTrips, optional
        Between any of the places named.

    Examples
    --------
    >>> Topology(["n1", "n2", "n3"], places={"zone": ["a", "b", "b"]}).count("zone")
    2
    """

    nodes: tuple[str, ...]
    weights: tuple[float, ...]
    places: Mapping[str, tuple[str, ...]] = field(repr=False)
    round_trips: RoundTrips | None = field(repr=False)

    def __init__(
        self,
        nodes: Sequence[str],
        weights: Sequence[float] | None = None,
        places: Mapping[str, Sequence[str]] | None = None,
        round_trips: RoundTrips | None = None,
    ) -> None:
        if isinstance(nodes, str):
            raise TypeError(f"nodes is the string {nodes!r}: give a list of node names")
        names = tuple(nodes)
        if not names:
            raise ValueError("there are no nodes: give at least one")
        if bad := [name for name in names if not isinstance(name, str) or not name]:
            raise TypeError(f"a node is named {bad[0]!r}: names are non-empty strings")
        _unique(names, "node")
        levels = {level: tuple(map(str, labels)) for level, labels in (places or {}).items()}
        for level, labels in levels.items():
            if level in ("node", "weight"):
                raise ValueError(f"a level is called {level!r}: give another name, nodes have that column already")
            if len(labels) != len(names):
                raise ValueError(f"{len(labels)} {level}s for {len(names)} nodes: give one {level} per node")
        nested = [level for level in LEVELS if level in levels]
        ordered = {level: levels[level] for level in [*nested, *(k for k in levels if k not in LEVELS)]}
        for outer, inner in pairwise(nested):
            _nests(outer, ordered[outer], inner, ordered[inner])
        object.__setattr__(self, "nodes", names)
        object.__setattr__(self, "weights", _weights(weights, len(names)))
        object.__setattr__(self, "places", MappingProxyType(ordered))
        object.__setattr__(self, "round_trips", round_trips)

    def __hash__(self) -> int:
        return hash((self.nodes, self.weights, frozenset(self.places.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return Topology, (self.nodes, self.weights, dict(self.places), self.round_trips)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    @classmethod
    def grid(
        cls,
        nodes: int = 1,
        *,
        regions: int | Sequence[str] = 1,
        zones: int | Sequence[str] = 1,
        racks: int = 1,
        weight: float = 1.0,
        round_trips: RoundTrips | None = None,
    ) -> Topology:
        """Build the even cluster: so many regions x zones each x racks each x `nodes` each.

        A level of one is left out, unless it is named. Zones are called after their region, racks after their zone,
        nodes after the innermost place.

        Examples
        --------
        >>> Topology.grid(2, regions=["us-east-1", "eu-west-1"], zones=3).places["zone"][::2]
        ('us-east-1a', 'us-east-1b', 'us-east-1c', 'eu-west-1a', 'eu-west-1b', 'eu-west-1c')
        """
        for what, count in (("nodes", nodes), ("racks", racks)):
            if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
                raise ValueError(f"{what} is {count!r}: give an integer of one or more per place")
        rows = []
        for region in _names(regions, "regions", "r", 1):
            for zone in _names(zones, "zones", region, 0):
                for rack in [f"{zone}/" * bool(zone) + f"r{i}" for i in range(1, racks + 1)] if racks > 1 else [zone]:
                    for i in range(1, nodes + 1):
                        rows.append((f"{rack or 'n'}-{i}" if rack else f"n{i}", region, zone, rack))
        columns = list(zip(*rows, strict=True))
        counts = (regions, zones, racks)
        places = {
            level: labels
            for level, labels, count in zip(LEVELS, columns[1:], counts, strict=True)
            if count != 1  # a name given for the level counts too: a list is never equal to 1
        }
        return cls(columns[0], [weight] * len(rows), places, round_trips)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, round_trips: RoundTrips | None = None) -> Topology:
        """Read a table with columns ``node``, optionally ``weight``, and one column per level."""
        if "node" not in frame.columns:
            raise ValueError(f"the table has no column 'node': it has {', '.join(map(repr, frame.columns))}")
        places = {str(c): _column(frame, c) for c in frame.columns if c not in ("node", "weight")}
        weights = [float(v) for v in frame["weight"]] if "weight" in frame.columns else None
        return cls(_column(frame, "node"), weights, places, round_trips)

    def state(self) -> dict[str, Any]:
        """Return all of the topology as plain values that JSON can hold; `from_state` reads them back.

        Examples
        --------
        >>> cluster = Topology.grid(zones=2, round_trips=RoundTrips({("a", "b"): 0.001}))
        >>> Topology.from_state(cluster.state()) == cluster
        True
        """
        trips = self.round_trips
        return {
            "nodes": list(self.nodes),
            "weights": list(self.weights),
            "places": {level: list(labels) for level, labels in self.places.items()},
            "round_trips": trips
            and {"pairs": [[a, b, t] for (a, b), t in trips.pairs.items()], "within": trips.within},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Topology:
        """Return the topology that `state` described."""
        trips = state["round_trips"]
        table = trips and RoundTrips({(a, b): t for a, b, t in trips["pairs"]}, trips["within"])
        return cls(state["nodes"], state["weights"], state["places"], table)

    @property
    def title(self) -> str:
        """What the cluster consists of."""
        levels = ", ".join(f"{self.count(level)} {level}{'s' * (self.count(level) > 1)}" for level in self.places)
        return f"Topology: {len(self)} node{'s' * (len(self) > 1)}" + (f" in {levels}" if levels else "")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per node: its places and its weight."""
        import pandas as pd

        return pd.DataFrame({"node": self.nodes, **self.places, "weight": self.weights})

    @property
    def shares(self) -> NDArray[np.float64]:
        """The fair share of each node: its weight over the sum, ``float64[nodes]``."""
        weights = np.asarray(self.weights)
        return weights / weights.sum()

    def index(self, node: str) -> int:
        """Return the position of a node; an unknown name is an error that names the nearest."""
        try:
            return self.nodes.index(node)
        except ValueError:
            raise ValueError(f"there is no node {node!r}{nearest(node, self.nodes)}") from None

    def domains(self, level: str) -> NDArray[np.int64]:
        """Return ``int64[nodes]``: the number of each node's domain at a level, from 0 in order of appearance."""
        numbers = {label: i for i, label in enumerate(dict.fromkeys(self._labels(level)))}
        return np.array([numbers[label] for label in self._labels(level)], dtype=np.int64)

    def count(self, level: str) -> int:
        """Return how many domains there are at a level."""
        return len(set(self._labels(level)))

    def _labels(self, level: str) -> tuple[str, ...]:
        if level == "node":
            return self.nodes
        if level not in self.places:
            known = ("node", *self.places)
            raise ValueError(
                f"the topology has no level {level!r}{nearest(level, known)}; its levels are {', '.join(known)}"
            )
        return self.places[level]

    def add(self, node: str, weight: float = 1.0, **places: str) -> Topology:
        """Return the topology with one more node, for which a domain at each level must be given.

        Examples
        --------
        >>> Topology.grid(zones=3, nodes=2).add("spare", zone="b").count("zone")
        3
        """
        if node in self.nodes:
            raise ValueError(f"there is already a node {node!r}: give another name")
        if missing := [level for level in self.places if level not in places]:
            raise ValueError(
                f"node {node!r} has no {' and no '.join(missing)}: give {', '.join(f'{m}=...' for m in missing)}"
            )
        if unknown := [level for level in places if level not in self.places]:
            raise ValueError(f"the topology has no level {unknown[0]!r}{nearest(unknown[0], self.places)}")
        grown = {level: (*labels, places[level]) for level, labels in self.places.items()}
        return Topology((*self.nodes, node), (*self.weights, weight), grown, self.round_trips)

    def remove(self, node: str) -> Topology:
        """Return the topology without a node.

        Examples
        --------
        >>> Topology(["n1", "n2"]).remove("n1").nodes
        ('n2',)
        """
        at = self.index(node)
        if len(self) == 1:
            raise ValueError(f"{node!r} is the last node: a topology keeps at least one")
        keep = [i for i in range(len(self)) if i != at]
        return Topology(
            [self.nodes[i] for i in keep],
            [self.weights[i] for i in keep],
            {level: [labels[i] for i in keep] for level, labels in self.places.items()},
            self.round_trips,
        )

    def with_weights(self, weights: Sequence[float]) -> Topology:
        """Return the same nodes with other weights."""
        return Topology(self.nodes, weights, self.places, self.round_trips)

    def round_trip(self, a: str, b: str) -> float:
        """Return the round trip between two nodes in seconds, by the innermost places whose pair is known."""
        i, j = self.index(a), self.index(b)
        if i == j:
            return 0.0
        if self.round_trips is None:
            raise ValueError("the topology has no round trips: give round_trips=RoundTrips(...)")
        levels = [level for level in reversed(LEVELS) if level in self.places]
        for level in levels:
            labels = self.places[level]
            seconds = self.round_trips.get(labels[i], labels[j])
            if seconds is not None:
                return seconds
        if not levels and self.round_trips.within is not None:  # the whole cluster is one place
            return self.round_trips.within
        raise ValueError(f"there is no round trip between the places of {a!r} and {b!r}: add the pair to the table")

    def round_trip_matrix(self) -> NDArray[np.float64]:
        """Return ``float64[nodes, nodes]`` of round trips in seconds."""
        return np.array([[self.round_trip(a, b) for b in self.nodes] for a in self.nodes])


def as_topology(nodes: int | Sequence[str] | Topology, weights: Sequence[float] | None = None) -> Topology:
    """Return the topology that a count (nodes ``n0``, ``n1``, …), a list of names or a topology stands for.

    Examples
    --------
    >>> as_topology(3).nodes
    ('n0', 'n1', 'n2')
    """
    if isinstance(nodes, Topology):
        return nodes if weights is None else nodes.with_weights(weights)
    if isinstance(nodes, (int, np.integer)) and not isinstance(nodes, bool):
        if nodes < 1:
            raise ValueError(f"the number of nodes is {nodes}: give one or more")
        return Topology([f"n{i}" for i in range(nodes)], weights)
    if isinstance(nodes, (float, bool)) or nodes is None:
        raise TypeError(f"nodes is {nodes!r}: give a number of nodes, a list of names or a Topology")
    return Topology(nodes, weights)


def nearest(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, or nothing."""
    match = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {match[0]!r}?" if match else ""


def _names(given: int | Sequence[str], what: str, prefix: str, first: int) -> list[str]:
    if isinstance(given, (str, float)) or given is None:
        raise TypeError(f"{what} is {given!r}: give a number or a list of names")
    if not isinstance(given, (int, np.integer)):
        if not len(given):
            raise ValueError(f"{what} is empty: give a number of one or more, or a list of names")
        _unique(given, what.removesuffix("s"))
        return [f"{prefix}{name}" if what == "zones" else name for name in given]
    if isinstance(given, bool) or given < 1:
        raise ValueError(f"{what} is {given!r}: give a number of one or more, or a list of names")
    if given == 1:
        return [prefix if what == "zones" else ""]
    if what == "zones" and given <= len(ascii_lowercase):
        return [prefix + letter for letter in ascii_lowercase[:given]]
    return [f"{prefix}{'z' * (what == 'zones')}{i}" for i in range(first, first + given)]


def _weights(weights: Sequence[float] | None, n: int) -> tuple[float, ...]:
    if weights is None:
        return (1.0,) * n
    if len(weights) != n:
        raise ValueError(f"{len(weights)} weights for {n} nodes: give one weight per node")
    numbers = tuple(float(w) for w in weights)
    if bad := [w for w in numbers if not (math.isfinite(w) and w > 0)]:
        raise ValueError(
            f"a weight is {bad[0]:g}: weights are finite and above zero; leave out a node that gets nothing"
        )
    return numbers


def _column(frame: pd.DataFrame, column: str) -> list[str]:
    if frame[column].isna().any():
        raise ValueError(f"the table lacks values in column {column!r}: fill them in, or drop the rows")
    return [str(value) for value in frame[column]]


def _unique(names: Sequence[str], what: str) -> None:
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"{what} {twice!r} appears more than once: give each a name of its own")


def _nests(outer: str, outers: Sequence[str], inner: str, inners: Sequence[str]) -> None:
    home: dict[str, str] = {}
    for out, inn in zip(outers, inners, strict=True):
        if home.setdefault(inn, out) != out:
            raise ValueError(
                f"{inner} {inn!r} lies in {outer} {home[inn]!r} and in {out!r}: give each {inner} a name of its own"
            )
