"""CRUSH, Ceph's placement, over a topology: straws drawn at every level of the hierarchy."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count, pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..topology import LEVELS, Topology, as_topology
from ._kernels import crush as kernels
from .crush_map import MOST_IDS, ONE, Bucket, CrushMap, Device, Rule, Tunables, accepted, draws
from .placement import Nodes, Placement

HIERARCHY = (*LEVELS, "host")
"""Levels of a topology that become buckets unless told, outermost first."""

MOST_WEIGHTS = 12
"""Different weights in a bucket up to which the chances of its items are worked out."""

Ids = Iterable[tuple[str, str, int]]


@dataclass(frozen=True, init=False)
class Crush(Placement):
    """CRUSH with straw2 buckets and Ceph's tunables since "jewel": root > region > zone > rack > host > node.

    At each level every item draws a straw, ``ln(u) / weight`` with ``u`` a 16-bit hash of key, item and try; the
    longest wins. Replicas are further tries, as in ``step chooseleaf firstn n type <spread>``. Bit for bit what
    ``crushtool`` computes for `map`, the same cluster in Ceph's words. A bucket weighs what is in it, so a node that
    leaves also draws keys from other buckets: some needless movement.

    Without `pg_num` the low 32 bits of a hashed key are the input of the rule. With it they choose a placement group,
    and its number is hashed with the pool's, as Ceph does: then shares are exact counts over the groups.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes; a topology brings weights and failure domains. A level that is no bucket may still keep replicas
        apart, which CRUSH itself cannot do.
    weights : sequence of float, optional
        Relative capacity of each node, above zero; CRUSH rounds them to 1/65536, and their sum is below 65536.
    pg_num : int, optional
        Placement groups of the pool.
    choose_total_tries : int
        Retries until CRUSH gives up to find a replica.
    levels : sequence of str, optional
        Which levels become buckets, outermost first; those of `HIERARCHY` that the topology has, unless given.
    ids : iterable of (level, name, id), optional
        Numbers of nodes (level ``"node"``, from 0) and of buckets (from -1 down; the root is ``("root", "")``), which
        are hashed. Whatever has none gets the first free one, as in Ceph.
    reweights : iterable of (node, share), optional
        Nodes that turn part of their keys away (``ceph osd reweight``): the share they accept, 0 for a node that is
        out.
    seed : int
        Seeds the hash of keys; with `pg_num` its low 32 bits are the number of the pool.

    Examples
    --------
    >>> crush = Crush(Topology.grid(4, racks=10))
    >>> crush.replicas(np.arange(3, dtype=np.uint64), 3, spread="rack", hashed=True)
    array([[13,  9, 38],
           [18, 24,  0],
           [ 9, 22,  0]], dtype=int32)

    References
    ----------
    Weil, Brandt, Miller and Maltzahn, "CRUSH: controlled, scalable, decentralized placement of replicated data", SC
    2006.
    """

    pg_num: int | None
    choose_total_tries: int
    levels: tuple[str, ...]
    ids: tuple[tuple[str, str, int], ...]
    reweights: tuple[tuple[str, float], ...]

    def __init__(
        self,
        nodes: Nodes,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        *,
        pg_num: int | None = None,
        choose_total_tries: int = 50,
        levels: Sequence[str] | None = None,
        ids: Ids = (),
        reweights: Iterable[tuple[str, float]] = (),
    ) -> None:
        topology = as_topology(nodes, weights)
        if pg_num is not None:
            _check_whole("pg_num", pg_num, 2**31)
        _check_whole("choose_total_tries", choose_total_tries, 2**31)
        chosen = tuple(level for level in HIERARCHY if level in topology.places) if levels is None else tuple(levels)
        for level in chosen:
            topology.count(level)  # an unknown one is an error
        for outer, inner in pairwise(chosen):
            _check_nesting(topology, outer, inner)
        kept = {str(node): float(share) for node, share in reweights}
        for node, share in kept.items():
            topology.index(node)
            accepted(node, share)
        super().__init__(
            topology,
            seed=seed,
            pg_num=pg_num,
            choose_total_tries=int(choose_total_tries),
            levels=chosen,
            ids=_numbered(topology, chosen, ids),
            reweights=tuple(sorted((node, share) for node, share in kept.items() if share < 1)),
        )
        self._check_weights()

    @classmethod
    def from_text(cls, text: str, root: str | None = None, seed: int = 0, pg_num: int | None = None) -> Self:
        """Read the text form of a map (``crushtool -d``) and place over the devices below one of its buckets.

        For maps that are as regular as a topology: every device as deep as the others, below buckets of the same
        types, and every bucket as heavy as what it holds. `CrushMap.from_text` reads all others, and runs their rules.

        Parameters
        ----------
        text : str
        root : str, optional
            Name of the bucket; the only one that no other holds, unless given.
        seed, pg_num
            As for the constructor.

        Raises
        ------
        ValueError
            If the text is no map, or the map is not regular.

        Examples
        --------
        >>> Crush.from_text(Crush(8).map.to_text()) == Crush(8)
        True
        """
        crush = CrushMap.from_text(text)
        topology, levels, ids = _as_topology(crush, root)
        if crush.tunables != Tunables(crush.tunables.choose_total_tries):
            raise ValueError(f"the map has {crush.tunables}: only {Tunables()} can be placed over, use CrushMap.place")
        tries = crush.tunables.choose_total_tries
        return cls(topology, seed=seed, pg_num=pg_num, choose_total_tries=tries, levels=levels, ids=ids)

    def reweight(self, node: str, share: float) -> Self:
        """Return the placement in which a node accepts this share of its keys: 1 all, 0 none (it is out).

        Unlike a changed weight it leaves the buckets as heavy as they are.

        Examples
        --------
        >>> crush = Crush(4).reweight("n2", 0)
        >>> sorted(set(crush.lookup(range(100)).tolist()))
        [0, 1, 3]
        """
        return self._with(reweights=[*self.reweights, (node, share)])

    @property
    def description(self) -> str:
        """The scheme, its size and what else was chosen, in a few words."""
        groups = f", pg_num={self.pg_num}" if self.pg_num else ""
        return f"{type(self).__name__}, {len(self.nodes)} nodes{groups}, levels={'>'.join(self.levels) or None}"

    @cached_property
    def map(self) -> CrushMap:
        """The cluster as a CRUSH map, with a rule for replicas on distinct nodes and one for each level."""
        number = {(level, name): id_ for level, name, id_ in self.ids}
        taken: set[str] = set()
        named = {place: _word(place, taken) for place in number}
        devices = [Device(number["node", node], named["node", node]) for node in self.nodes]
        weights = [round(weight * ONE) for weight in self.topology.weights]
        inside = [("node", node) for node in self.nodes]
        weight_of = dict(zip(inside, weights, strict=True))
        buckets = []
        for level in ("root", *self.levels)[::-1]:
            homes = [(level, label) for label in _labels(self.topology, level)]
            items: dict[tuple[str, str], list[tuple[str, str]]] = {}
            for item, home in dict.fromkeys(zip(inside, homes, strict=True)):
                items.setdefault(home, []).append(item)
            for home, held in items.items():
                filled = tuple((named[item], weight_of[item]) for item in held)
                buckets.append(Bucket(number[home], named[home], level, filled))
                weight_of[home] = buckets[-1].weight
            inside = homes
        root = named["root", ""]
        rules = [Rule(0, "osd", (("take", root), ("choose", "firstn", "0", "type", "osd"), ("emit",)))]
        for level in self.levels:
            steps = (("take", root), ("chooseleaf", "firstn", "0", "type", level), ("emit",))
            rules.append(Rule(len(rules), level, steps))
        types = ("osd", *self.levels[::-1], "root")
        return CrushMap(devices, types, buckets, rules, Tunables(self.choose_total_tries))

    def _with(self, topology: Topology | None = None, **changes: Any) -> Self:
        if topology is not None:  # whatever is gone takes its number and its reweight with it
            there = set(_places(topology, self.levels))
            changes["ids"] = [row for row in self.ids if row[:2] in there]
            changes["reweights"] = [row for row in self.reweights if row[0] in topology.nodes]
        return super()._with(topology, **changes)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return self._replicas(hashes, 1, np.arange(len(self.nodes)))[:, 0]

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        if self.pg_num is None:
            return self._choose(hashes, n, domains)
        return self._choose(self._inputs, n, domains)[stable_mod(hashes, self.pg_num)]

    def _choose(self, inputs: NDArray[np.unsignedinteger], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        """Run the rule; to keep leaves apart by their domains is the same as to choose domains and go on to leaves."""
        steps = np.array([[kernels.TAKE, self._root, 0], [kernels.CHOOSE_FIRSTN, n, 0], [kernels.EMIT, 0, 0]])
        device_of = np.array([id_ for level, _, id_ in self.ids if level == "node"])
        node_of = np.full(device_of.max() + 1, -1, np.int32)
        node_of[device_of] = np.arange(len(device_of))
        devices = np.zeros((len(node_of), 2), np.int64)
        devices[device_of, 0] = ONE
        devices[device_of, 1] = domains
        for node, share in self.reweights:
            devices[device_of[self.topology.index(node)], 0] = accepted(node, share)
        found = kernels.place(inputs.astype(np.uint32), steps, n, self.map._limits, *self.map._tables, devices)
        if (short := (found == kernels.NONE).any(axis=1).sum()) > 0:
            raise ValueError(
                f"CRUSH gives up on {n} replicas for {short} of {len(found)} keys after {self.choose_total_tries} "
                "retries: raise choose_total_tries, even the weights out, or ask for fewer replicas"
            )
        return node_of[found]

    @property
    def _root(self) -> int:
        return next(id_ for level, _, id_ in self.ids if level == "root")

    @cached_property
    def _inputs(self) -> NDArray[np.uint32]:
        """What each placement group hands to the rule."""
        return kernels.hash_pairs(np.arange(self.pg_num or 1, dtype=np.uint32), np.uint32(self.seed % 2**32))

    def _slot_count(self) -> int | None:
        return self.pg_num and 2 ** (self.pg_num - 1).bit_length()

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        if replicas == len(self.nodes):  # all of them hold every key
            return np.full(replicas, 1 / replicas)
        if self.pg_num is None and replicas == 1 and not self.reweights:
            return self._chances
        return super()._exact_ownership(replicas, domains, spread)

    @cached_property
    def _chances(self) -> NDArray[np.float64] | None:
        """Chance of each node if all 16-bit hashes are independent and uniform, by the chances in each bucket."""
        chance = {self._root: 1.0}
        for bucket in reversed(self.map.buckets):
            if len({weight for _, weight in bucket.items}) > MOST_WEIGHTS:
                return None
            shares = straw_chances(tuple(weight for _, weight in bucket.items))
            for (name, _), share in zip(bucket.items, shares, strict=True):
                chance[self.map._ids[name]] = chance[bucket.id] * share
        return np.array([chance[id_] for level, _, id_ in self.ids if level == "node"])

    def _check_weights(self) -> None:
        weights = self.topology.weights
        if round(sum(weights) * ONE) >= 2**32:
            raise ValueError(f"the weights add up to {sum(weights):g}: CRUSH counts to 65535, give smaller ones")
        if min(weights) * ONE < 0.5:
            raise ValueError(f"a weight is {min(weights):g}: CRUSH rounds it to 0 of 65536, give a larger one")


def stable_mod(hashes: NDArray[np.uint64], pg_num: int) -> NDArray[np.uint64]:
    """Return the placement group of each hash: its last bits, one fewer where there is no such group.

    When `pg_num` grows, only groups that split move.
    """
    bits = (pg_num - 1).bit_length()
    group = hashes & np.uint64(2**bits - 1)
    return np.where(group < np.uint64(pg_num), group, group & np.uint64(2**bits // 2 - 1 if bits else 0))


@cache
def straw_chances(weights: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the chance of each item of a straw2 bucket, given independent and uniform 16-bit hashes.

    Close to the weights' shares: as draws are coarse, an early item gains from ties, by 0.03 % among 10 items and by
    0.3 % among 200.
    """
    lengths = {weight: np.sort(np.floor(draws() / weight)) for weight in set(weights)}
    of_all = len(draws())
    left = {weight: weights.count(weight) for weight in lengths}

    def beaten(rival: int, by: int, side: Any) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.log1p(-np.searchsorted(lengths[rival], lengths[by], side) / of_all)

    strictly = {(a, b): beaten(a, b, "right") for a in lengths for b in lengths}  # the rival comes first
    weakly = {(a, b): beaten(a, b, "left") for a in lengths for b in lengths}
    before = dict.fromkeys(lengths, 0)
    chances = []
    for weight in weights:
        log_chance = np.zeros(of_all)
        for rival in lengths:
            later = left[rival] - before[rival] - (rival == weight)
            if before[rival]:
                log_chance += before[rival] * strictly[rival, weight]
            if later:
                log_chance += later * weakly[rival, weight]
        chances.append(np.exp(log_chance).mean())
        before[weight] += 1
    return np.array(chances)


# --- a topology and the names and numbers of a map --------------------------------------------------------------------


def _places(topology: Topology, levels: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Yield the level and name of all that has a number: nodes, then buckets from the root inwards."""
    yield from (("node", node) for node in topology.nodes)
    yield from (
        ("root", ""),
        *(place for level in levels for place in dict.fromkeys((level, label) for label in _labels(topology, level))),
    )


def _labels(topology: Topology, level: str) -> Sequence[str]:
    return [""] * len(topology) if level == "root" else topology.places[level]


def _numbered(topology: Topology, levels: Sequence[str], ids: Ids) -> tuple[tuple[str, str, int], ...]:
    """Return the number of every node and bucket: the one given, or the first that is free."""
    places = list(dict.fromkeys(_places(topology, levels)))
    given: dict[tuple[str, str], int] = {}
    for level, name, number in ids:
        if (level, name) not in places:
            raise ValueError(f"ids names the {level} {name!r}, which the topology does not have among its {level}s")
        _check_id(level, name, number)
        given[level, name] = int(number)
    taken = set(given.values())
    if len(taken) < len(given):
        raise ValueError("ids gives one number to two items: give each its own")
    free_devices = (number for number in count() if number not in taken)
    free_buckets = (-1 - number for number in count() if -1 - number not in taken)
    return tuple(
        (
            level,
            name,
            given[level, name] if (level, name) in given else next(free_devices if level == "node" else free_buckets),
        )
        for level, name in places
    )


def _check_id(level: str, name: str, number: int) -> None:
    right = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
    if not right or not (0 <= number < MOST_IDS if level == "node" else -MOST_IDS <= number < 0):
        allowed = f"0 to {MOST_IDS - 1}" if level == "node" else f"-{MOST_IDS} to -1"
        raise ValueError(f"the id of {level} {name!r} is {number!r}: give an integer from {allowed}")


def _check_nesting(topology: Topology, outer: str, inner: str) -> None:
    pairs = set(zip(topology.domains(outer), topology.domains(inner), strict=True))
    if len(pairs) > topology.count(inner):
        raise ValueError(f"a {inner} lies in more than one {outer}: only levels that nest can be buckets, give others")


def _check_whole(what: str, value: int, below: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value < below:
        raise ValueError(f"{what} is {value!r}: give an integer of one or more, below {below}")


def _word(place: tuple[str, str], taken: set[str]) -> str:
    """Return the name of a node or bucket as a map can hold it: one word, unlike all others."""
    level, name = place
    word = re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "default"
    while word in taken:
        word = f"{word}-{level}"
    taken.add(word)
    return word


def _as_topology(crush: CrushMap, root: str | None) -> tuple[Topology, tuple[str, ...], list[tuple[str, str, int]]]:
    """Return the topology below a bucket of a map, the types that are its levels, and all numbers."""
    buckets = {bucket.name: bucket for bucket in crush.buckets}
    held = {item for bucket in crush.buckets for item, _ in bucket.items}
    tops = [name for name in buckets if name not in held]
    if root is None and len(tops) == 1:
        root = tops[0]
    if root not in buckets:
        what = "no root is named and the map has not just one" if root is None else f"there is no bucket {root!r}"
        raise ValueError(f"{what}: its outermost buckets are {', '.join(map(repr, tops))}")
    numbers = {device.name: device.id for device in crush.devices}
    rows: list[tuple[str, int, tuple[Bucket, ...]]] = []

    def walk(bucket: Bucket, above: tuple[Bucket, ...]) -> None:
        for name, weight in bucket.items:
            if name in numbers:
                rows.append((name, weight, above))
                continue
            if weight != buckets[name].weight:
                raise ValueError(
                    f"{name!r} weighs {weight / ONE:g} in {bucket.name!r} and holds {buckets[name].weight / ONE:g}: "
                    "only maps whose buckets weigh what they hold can be placed over, use CrushMap.place"
                )
            walk(buckets[name], (*above, buckets[name]))

    walk(buckets[root], ())
    levels = tuple(bucket.type for bucket in rows[0][2]) if rows else ()
    if not rows or len(set(levels)) < len(levels) or any(tuple(b.type for b in row[2]) != levels for row in rows):
        raise ValueError(
            f"below {root!r} not every device lies in buckets of the same types: only such maps can be placed over, "
            "use CrushMap.place"
        )
    topology = Topology(
        [row[0] for row in rows],
        [row[1] / ONE for row in rows],
        {level: [row[2][i].name for row in rows] for i, level in enumerate(levels)},
    )
    ids = [("node", row[0], numbers[row[0]]) for row in rows] + [("root", "", buckets[root].id)]
    ids += dict.fromkeys((bucket.type, bucket.name, bucket.id) for row in rows for bucket in row[2])
    return topology, levels, ids
