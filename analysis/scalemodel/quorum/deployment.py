"""Where replicas and clients are, and how long messages between them take."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import _check
from ..display import Shown
from ..latency import Constant, Latency, kth_of
from ..topology import LEVELS, RoundTrips, Topology, nearest

if TYPE_CHECKING:
    import pandas as pd

NOTHING = Constant(0.0)


@dataclass(frozen=True)
class Deployment(Shown):
    """Replicas and clients in places, and what a message between them takes.

    A message takes half the round trip of its two places and `message` on top; each is an independent draw. A replica
    that must not forget takes `storage` before it answers.

    Parameters
    ----------
    network : RoundTrips or Topology
        Round trips between places, or nodes in places with round trips.
    replicas : sequence of str, optional
        The place of each replica (a place may hold several, then called ``a-1``, ``a-2``), or nodes of a topology.
        Default all places or nodes.
    clients : mapping of str to float, or sequence of str, optional
        Places (or nodes) of clients and their shares of the requests. Default the places of the replicas, equally.
    message : Latency, optional
        What a message takes beyond half the round trip: queues, serialisation. Default nothing.
    storage : Latency, optional
        What a replica takes to store an entry durably. Default nothing.
    down : sequence of str, optional
        Replicas that do not answer, by name, or all those of a place.

    Raises
    ------
    ValueError
        If a place is unknown or a round trip that is needed is missing; both are named.

    Examples
    --------
    >>> trips = RoundTrips({("us", "eu"): 0.08, ("us", "asia"): 0.15, ("eu", "asia"): 0.22}, within=0.001)
    >>> cluster = Deployment(trips, clients={"eu": 3, "asia": 1})
    >>> cluster.replicas, cluster.weights
    (('us', 'eu', 'asia'), (0.75, 0.25))
    >>> cluster.nearest("eu"), cluster.without("eu").nearest("eu")
    ('eu', 'us')
    """

    network: RoundTrips | Topology
    places: tuple[str, ...]
    clients: tuple[str, ...]
    weights: tuple[float, ...]
    message: Latency = field(repr=False)
    storage: Latency = field(repr=False)
    down: tuple[str, ...]

    def __init__(
        self,
        network: RoundTrips | Topology,
        replicas: Sequence[str] | None = None,
        clients: Mapping[str, float] | Sequence[str] | None = None,
        *,
        message: Latency = NOTHING,
        storage: Latency = NOTHING,
        down: Sequence[str] = (),
    ) -> None:
        if not isinstance(network, RoundTrips | Topology):
            raise TypeError(f"the network is {network!r}: give RoundTrips or a Topology")
        if isinstance(network, Topology) and network.round_trips is None:
            raise ValueError("the topology has no round trips: give round_trips=RoundTrips(...)")
        known = network.nodes if isinstance(network, Topology) else network.places
        places = _names(known if replicas is None else replicas, "replicas")
        given = tuple(dict.fromkeys(places)) if clients is None else clients
        if isinstance(given, Mapping):
            shares = given
        else:
            shares = dict.fromkeys(_names(given, "clients"), 1.0)
            _once(given, "clients are in", "give a mapping of places to shares")
        weights = _check.amounts(list(shares.values()), "the shares of the clients")
        if not weights.all():
            nobody = next(name for name, weight in zip(shares, weights, strict=True) if not weight)
            raise ValueError(f"the share of the clients in {nobody!r} is 0: leave the place out")
        for what, law in (("message", message), ("storage", storage)):
            if not isinstance(law, Latency):
                raise TypeError(f"{what} is {law!r}: give a Latency, such as Exponential(1 * ms)")
        values = (network, places, tuple(shares), tuple((weights / weights.sum()).tolist()), message, storage)
        names = ("network", "places", "clients", "weights", "message", "storage")
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)
        for name in (*places, *shares):
            self._known(name)
        if isinstance(network, Topology):
            _once(
                [place for place in places if place in network.nodes], "a replica is on", "give each a node of its own"
            )
        _once(self.replicas, "a replica is called", "give places other names")
        gone = {i for name in _names(down, "down", 0) for i in self._those(name)}
        object.__setattr__(self, "down", tuple(name for i, name in enumerate(self.replicas) if i in gone))
        if len(gone) == len(places):
            raise ValueError("all replicas are down: leave at least one up")

    # ---- who there is

    @cached_property
    def replicas(self) -> tuple[str, ...]:
        """The name of each replica: its place, with a number where the place has several."""
        count, seen = Counter(self.places), Counter[str]()
        names = []
        for place in self.places:
            seen[place] += 1
            names.append(f"{place}-{seen[place]}" if count[place] > 1 else place)
        return tuple(names)

    @property
    def n(self) -> int:
        """The number of replicas, down or not."""
        return len(self.places)

    @cached_property
    def up(self) -> tuple[str, ...]:
        """The replicas that answer."""
        return tuple(name for name in self.replicas if name not in self.down)

    def without(self, *down: str) -> "Deployment":
        """Return the same deployment while more replicas are down; a place stands for all of its replicas."""
        clients = dict(zip(self.clients, self.weights, strict=True))
        gone = (*self.down, *down)
        return Deployment(self.network, self.places, clients, message=self.message, storage=self.storage, down=gone)

    def replica(self, name: str) -> str:
        """Return the name of a replica that is up, given its name or its place."""
        those = [self.replicas[i] for i in self._those(name)]
        alive = [replica for replica in those if replica in self.up]
        if not alive:
            raise ValueError(f"replica {name!r} is down: choose one of {', '.join(self.up)}")
        return alive[0]

    def nearest(self, client: str) -> str:
        """Return the replica that is up and has the shortest round trip from a place."""
        return min(self.up, key=lambda replica: self.reach(client, replica).trip)

    # ---- how far it is

    def reach(self, client: str, replica: str) -> "Leg":
        """Return the way from a client's place to a replica."""
        return Leg(distance(self.network, self._known(client), self.place(replica)), self)

    def places_apart(self, a: str, b: str) -> "Leg":
        """Return the way between two places, or within one."""
        return Leg(distance(self.network, self._known(a), self._known(b)), self)

    def between(self, a: str, b: str) -> "Leg":
        """Return the way between two replicas; from one to itself nothing is sent."""
        return Leg(0.0 if a == b else distance(self.network, self.place(a), self.place(b)), self, a == b)

    def place(self, replica: str) -> str:
        """Return the place of a replica."""
        return self.places[self.replicas.index(replica)]

    @cached_property
    def _names(self) -> dict[str, None]:
        return _known_places(self.network)

    def _known(self, name: str) -> str:
        if name not in self._names:
            raise ValueError(f"there is no place {name!r} in the network{nearest(name, self._names)}")
        return name

    def _those(self, name: str) -> list[int]:
        those = [i for i, both in enumerate(zip(self.replicas, self.places, strict=True)) if name in both]
        if not those:
            raise ValueError(f"there is no replica {name!r}{nearest(name, self.replicas)}; there are {self._list}")
        return those

    @property
    def _list(self) -> str:
        return ", ".join(self.replicas[:8]) + (", …" if self.n > 8 else "")

    @property
    def title(self) -> str:
        """How many replicas serve how many places."""
        gone = f", {len(self.down)} down" if self.down else ""
        return f"Deployment: {self.n} replicas{gone}, clients in {len(self.clients)} places"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per client place and replica: the share of the requests and the round trip."""
        import pandas as pd

        return pd.DataFrame(
            {
                "client": client,
                "share": weight,
                "replica": replica,
                "up": replica not in self.down,
                "round_trip_ms": 1e3 * self.reach(client, replica).trip,
            }
            for (client, weight), replica in itertools.product(
                zip(self.clients, self.weights, strict=True), self.replicas
            )
        )

    @cached_property
    def trips(self) -> NDArray[np.float64]:
        """``float64[clients, replicas]``: round trips in seconds."""
        return np.array([[distance(self.network, client, place) for place in self.places] for client in self.clients])

    @cached_property
    def apart(self) -> NDArray[np.float64]:
        """``float64[replicas, replicas]``: round trips in seconds, 0 from a replica to itself."""
        each = list(enumerate(self.places))
        return np.array([[0.0 if i == j else distance(self.network, a, b) for j, b in each] for i, a in each])

    @cached_property
    def _both_ways(self) -> Latency:
        return self.message + self.message

    @cached_property
    def _stored(self) -> Latency:
        return self.message + self.storage + self.message


@dataclass(frozen=True)
class Leg:
    """The way from one place to another."""

    trip: float
    """The round trip in seconds, without what messages take beyond it."""

    deployment: Deployment = field(repr=False)

    local: bool = False
    """The two are one replica: nothing is sent."""

    @property
    def one_way(self) -> Latency:
        """The time of one message."""
        return NOTHING if self.local else self.deployment.message + self.trip / 2

    @property
    def both_ways(self) -> Latency:
        """The time of a question and its answer."""
        return NOTHING if self.local else self.deployment._both_ways + self.trip

    @property
    def stored(self) -> Latency:
        """The time of an entry, its durable storage and the acknowledgement."""
        return self.deployment.storage if self.local else self.deployment._stored + self.trip


def wait_for(k: int, parts: Iterable[Latency], what: str) -> Latency:
    """Return the k-th fastest answer of the replicas that are up."""
    laws = list(parts)
    if k > len(laws):
        raise ValueError(f"{what} need {k} replicas and {len(laws)} are up: fewer may be down")
    fixed = sorted(law.value for law in laws if isinstance(law, Constant))
    others = [law for law in laws if not isinstance(law, Constant)]
    if not others:
        return Constant(fixed[k - 1])
    start = min(law.support[0] for law in others)
    first = [value for value in fixed if value <= start]  # they answer before all others
    if k <= len(first):
        return Constant(first[k - 1])
    return kth_of(k - len(first), [*(Constant(value) for value in fixed[len(first) :]), *others])


def distance(network: RoundTrips | Topology, a: str, b: str) -> float:
    """Return the round trip in seconds between two places or nodes, by the innermost places whose pair is known."""
    if isinstance(network, RoundTrips):
        return network.between(a, b)
    if a in network.nodes and b in network.nodes:
        return network.round_trip(a, b)
    trips = network.round_trips
    assert trips is not None
    for x, y in itertools.product(_around(network, a), _around(network, b)):
        if (seconds := trips.get(x, y)) is not None:
            return seconds
    raise ValueError(f"there is no round trip between {a!r} and {b!r}: add the pair to the table")


def _around(topology: Topology, name: str) -> list[str]:
    """Return the places that hold a node or a place, innermost first."""
    levels = [level for level in reversed(LEVELS) if level in topology.places]
    if name in topology.nodes:
        return [topology.places[level][topology.index(name)] for level in levels]
    for depth, level in enumerate(levels):
        if name in topology.places[level]:
            at = topology.places[level].index(name)
            return [topology.places[outer][at] for outer in levels[depth:]]
    return [name]


def _known_places(network: RoundTrips | Topology) -> dict[str, None]:
    """Return the names of all places and nodes of the network."""
    if isinstance(network, RoundTrips):
        return dict.fromkeys(network.places)
    assert network.round_trips is not None
    labels = (label for level in network.places.values() for label in level)
    return dict.fromkeys((*network.nodes, *labels, *network.round_trips.places))


def _once(names: Sequence[str], what: str, hint: str) -> None:
    """Refuse a name that occurs twice."""
    if len(set(names)) < len(names):
        raise ValueError(f"{what} {Counter(names).most_common(1)[0][0]!r} more than once: {hint}")


def _names(given: Sequence[str], what: str, least: int = 1) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"{what} is {given!r}: give a list of names")
    if len(given) < least:
        raise ValueError(f"{what} is empty: name at least one place")
    return tuple(given)
