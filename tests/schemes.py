"""The placement schemes under test, a row for each: how to build it, its slow twin, and what it promises."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import xxhash
from reference import cassandra, crush, engines
from reference import copysets as sets
from reference import ketama as libmemcached
from reference import maglev as tables
from reference import partition_table as partitions
from reference import placement as reference
from reference import redis_slots as redis
from reference.hashing import fnv1a_64, splitmix64

from scalemodel.hashing import key_bytes
from scalemodel.placement import (
    AnchorHash,
    BinomialHash,
    BoundedLoad,
    CassandraRing,
    Copysets,
    Crush,
    DxHash,
    FlipHash,
    HashRing,
    JumpBackHash,
    JumpHash,
    Ketama,
    Maglev,
    MementoHash,
    MultiProbe,
    PartitionTable,
    Placement,
    PowerHash,
    RedisSlots,
    Rendezvous,
)


@dataclass(frozen=True)
class Scheme:
    make: Callable[..., Any]
    """Builds the placement from nodes and, by keyword, a seed."""
    twin: Callable[[Any], Callable[[Any], Iterator[int]]]
    """From the placement to a function from a hashed key to its nodes, from the first to the last."""
    hashes: Callable[[Any, Any, bool], Sequence[Any]] = lambda placement, keys, hashed: placement._hashes(
        keys, hashed
    ).tolist()
    """What the twin takes for each key (or hashed key) of a placement."""
    lists: Callable[..., list[list[int]]] | None = None
    """The twin of `replicas` where lists are not what comes first on a walk: (placement, hashes, domains, n)."""
    one_hash: bool = True
    """Knows a key by one hash of 64 bits, so that hashed keys and keys are the same to it."""
    weighted: bool = True
    """Takes weights."""
    any_may_leave: bool = True
    """Otherwise only the last node."""
    monotone: bool = True
    """A change of one node moves keys to or from that node only."""
    grain: float = 0.0
    """How far shares may be from the weights because they come in whole slots, or are cut off at a cap."""
    largest_seed: int = 2**64 - 1
    steady_lists: bool = True
    """A lost node leaves the order of the others in every preference list."""
    lightest: float = 0.01
    """The least weight, beside others of up to 5, with which a node still gets keys."""

    restores: bool = True
    """A node that comes and leaves again leaves no trace."""

    def leaver(self, placement: Placement) -> str:
        """A node that may leave; one in the middle, if possible."""
        return placement.nodes[len(placement.nodes) // 2 if self.any_may_leave else -1]


def ring(placement: HashRing) -> Callable[[int], Iterator[int]]:
    counts = [max(1, round(weight * placement.vnodes)) for weight in placement.topology.weights]
    points = reference.ring_points(placement.nodes, counts, placement.seed)
    return lambda key: reference.ring(key, points)


def rendezvous(placement: Rendezvous) -> Callable[[int], Iterator[int]]:
    return lambda key: reference.rendezvous(key, placement.nodes, placement.topology.weights, placement.seed)


def jump(placement: JumpHash) -> Callable[[int], Iterator[int]]:
    lookup = partial(reference.jump, n=len(placement.nodes), variant=placement.variant)
    return lambda key: reference.hashed_again(key, lookup)


def maglev(placement: Maglev) -> Callable[[int], Iterator[int]]:
    chosen = placement.table_size, placement.topology.shares.tolist(), placement.scheme, placement.seed
    table = tables.maglev_table(placement.nodes, *chosen)
    return lambda key: tables.slots(key, table)


def multi_probe(placement: MultiProbe) -> Callable[[Any], Iterator[int]]:
    points = [tables.siphash(0, placement.seed, name.encode()) for name in placement.nodes]
    if placement.variant == "independent":
        return lambda key: tables.multi_probe(key, 0x9E3779B97F4A7C15, placement.probes, points, True)
    return lambda pair: tables.multi_probe(*pair, placement.probes, points, False)


def two_hashes(placement: MultiProbe, keys: Any, hashed: bool) -> list[tuple[int, int]]:
    if hashed:
        return [(int(key), splitmix64(int(key))) for key in keys]
    return [tuple(tables.siphash(first, placement.seed, key.encode()) for first in (1, 2)) for key in keys]


def bounded(placement: BoundedLoad) -> tuple[list[int], list[tuple[int, int]]]:
    """The places of the partitions, and the points of the ring."""
    numbers = [p.to_bytes(8, "little") for p in range(placement.partitions)]
    counts = [max(1, round(weight * placement.vnodes)) for weight in placement.topology.weights]
    if placement.variant == "buraksezer":
        return list(map(fnv1a_64, numbers)), tables.buraksezer_points(placement.nodes, counts, placement.seed)
    places = [xxhash.xxh64_intdigest(number, placement.seed) for number in numbers]
    return places, reference.ring_points(placement.nodes, counts, placement.seed)


def bounded_lists(placement: BoundedLoad, hashes: Sequence[int], domains: Sequence[int], n: int) -> list[list[int]]:
    places, points = bounded(placement)
    weights, factor = placement.topology.weights, placement.load_factor
    order = partial(reference.rendezvous, nodes=placement.nodes, weights=weights, seed=placement.seed)
    first, _ = tables.bounded_load(places, points, weights, factor, order if placement.variant == "jump" else None)
    lists = tables.bounded_copies(places, first, points, weights, factor, domains, n)
    return [lists[key % placement.partitions] for key in hashes]


def murmur3(placement: Rendezvous) -> Callable[[str], Iterator[int]]:
    weights = placement.topology.weights
    return lambda key: tables.murmur3_rendezvous(key, placement.nodes, weights, placement.seed)


SMALL = {"partitions": 101, "vnodes": 20}

TABLE = {"monotone": False, "steady_lists": False}


def jumpback(placement: JumpBackHash) -> Callable[[int], Iterator[int]]:
    lookup = partial(engines.jumpback, n=len(placement.nodes), variant=placement.variant)
    return lambda key: reference.hashed_again(key, lookup)


def engine(
    lookup: Callable[[int, int], int],
) -> Callable[[FlipHash | BinomialHash | PowerHash], Callable[[int], Iterator[int]]]:
    return lambda placement: lambda key: reference.hashed_again(key, partial(lookup, n=len(placement.nodes)))


def stateful(placement: AnchorHash | DxHash | MementoHash) -> Callable[[int], Iterator[int]]:
    kind = {AnchorHash: engines.Anchor, DxHash: engines.Dx, MementoHash: engines.Memento}[type(placement)]
    bounds = () if isinstance(placement, MementoHash) else (placement.capacity,)
    twin = kind(len(placement.buckets) + len(placement.removed), *bounds)
    for bucket in placement.removed:
        twin.remove(bucket)
    return lambda key: reference.hashed_again(key, lambda again: placement.buckets.index(twin.lookup(again)))


def ketama(placement: Ketama) -> Callable[[int], Iterator[int]]:
    names = [f"{placement.seed}/{name}" if placement.seed else name for name in placement.nodes]
    points = libmemcached.continuum(names, placement.topology.weights, placement.mode)
    return lambda key: libmemcached.walk(key >> 32, points)


def ketama_hashes(placement: Ketama, keys: Any, hashed: bool) -> list[int]:
    if hashed:
        return [int(key) for key in keys]
    data, offsets = key_bytes(keys)
    texts = [data[offsets[i] : offsets[i + 1]].tobytes() for i in range(len(keys))]
    return [libmemcached.hash_of_key(text, placement.mode) << 32 for text in texts]


def partition_table(placement: PartitionTable) -> Callable[[int], Iterator[int]]:
    return lambda key: partitions.walk(key, placement.table.tolist(), len(placement.nodes))


def copysets(placement: Copysets) -> Callable[[int], Iterator[int]]:
    rows, _ = placement._grouped
    return lambda key: sets.walk(key, rows.tolist(), len(placement.nodes))


def crush_tries(placement: Crush) -> Callable[[int], Iterator[int]]:
    buckets, ids, types = placement.map.buckets, placement.map._ids, placement.map.types
    position = {number: at for at, (_, _, number) in enumerate(placement.ids[: len(placement.nodes)])}
    tree = crush.Map(
        {bucket.id: [(ids[name], weight) for name, weight in bucket.items] for bucket in buckets},
        {bucket.id: types.index(bucket.type) for bucket in buckets},
    )

    def walk(key: int) -> Iterator[int]:
        x = key % 2**32
        if placement.pg_num:
            x = crush.rjenkins1(crush.stable_mod(x, placement.pg_num), placement.seed)
        return (position[device] for device in crush.devices_of_tries(tree, x, buckets[-1].id))

    return walk


def redis_slots(placement: RedisSlots) -> Callable[[int], Iterator[int]]:
    table, circle = redis.table(placement.ranges), redis.circle()
    return lambda slot: (table[other] for other in circle(slot % redis.SLOTS))


def redis_hashes(placement: RedisSlots, keys: Any, hashed: bool) -> list[int]:
    return [int(key) if hashed else redis.slot(key) for key in keys]


def cassandra_ring(placement: CassandraRing) -> Callable[[int], Iterator[int]]:
    return lambda key: cassandra.walk(cassandra.signed(key), placement.tokens)


BUCKETS = {"weighted": False, "any_may_leave": False, "steady_lists": False}
STATEFUL = {"weighted": False, "steady_lists": False}

SCHEMES = {
    "ring": Scheme(partial(HashRing, vnodes=16), ring),
    "ring of one point": Scheme(partial(HashRing, vnodes=1), ring),
    "rendezvous": Scheme(Rendezvous, rendezvous),
    "ketama": Scheme(Ketama, ketama, monotone=False, steady_lists=False, hashes=ketama_hashes, lightest=0.13),
    "ketama by one-at-a-time": Scheme(partial(Ketama, mode="default"), ketama, weighted=False, hashes=ketama_hashes),
    "ketama by md5": Scheme(partial(Ketama, mode="md5"), ketama, weighted=False, hashes=ketama_hashes),
    "jump": Scheme(JumpHash, jump, **BUCKETS),
    "jump of guava": Scheme(partial(JumpHash, variant="guava"), jump, **BUCKETS),
    "maglev": Scheme(partial(Maglev, table_size=1009), maglev, grain=2 / 1009, **TABLE),
    "maglev of siphash": Scheme(partial(Maglev, table_size=1009, scheme="siphash"), maglev, grain=2 / 1009, **TABLE),
    "multi-probe": Scheme(partial(MultiProbe, probes=5), multi_probe, two_hashes, one_hash=False, weighted=False),
    "multi-probe, independent": Scheme(
        partial(MultiProbe, probes=5, variant="independent"), multi_probe, weighted=False
    ),
    "rendezvous of murmur3": Scheme(
        partial(Rendezvous, variant="murmur3"),
        murmur3,
        lambda _, keys, hashed: list(map(str, keys)),
        one_hash=False,
        largest_seed=2**32 - 1,
    ),
    "bounded load": Scheme(partial(BoundedLoad, **SMALL), bounded, lists=bounded_lists, grain=0.02, **TABLE),
    "bounded load, jump": Scheme(
        partial(BoundedLoad, variant="jump", **SMALL), bounded, lists=bounded_lists, grain=0.02, **TABLE
    ),
    "bounded load of buraksezer": Scheme(  # FNV-1a puts names that differ at their end beside each other: uneven
        partial(BoundedLoad, variant="buraksezer", **SMALL), bounded, lists=bounded_lists, grain=0.15, **TABLE
    ),
    "crush": Scheme(partial(Crush, choose_total_tries=10**6), crush_tries, grain=2e-4, **TABLE),
    "crush of a pool": Scheme(partial(Crush, choose_total_tries=10**6, pg_num=100), crush_tries, **TABLE),
    "redis": Scheme(RedisSlots, redis_slots, redis_hashes, steady_lists=False, grain=4 / 16384),
    "cassandra": Scheme(CassandraRing, cassandra_ring),
    "cassandra, chosen tokens": Scheme(
        partial(CassandraRing, num_tokens=4, allocation="replicas", replication_factor=2),
        cassandra_ring,
        monotone=False,  # but for what test_cassandra shows: a node of another weight changes what later ones choose
        grain=0.1,
    ),
    "jump back": Scheme(JumpBackHash, jumpback, **BUCKETS),
    "jump back by xorshift": Scheme(partial(JumpBackHash, variant="xorshift_l7r9"), jumpback, **BUCKETS),
    "flip": Scheme(FlipHash, engine(engines.flip), **BUCKETS),
    "binomial": Scheme(BinomialHash, engine(engines.binomial), **BUCKETS),
    "power": Scheme(PowerHash, engine(engines.power), **BUCKETS),
    "anchor": Scheme(AnchorHash, stateful, **STATEFUL),
    "dx": Scheme(DxHash, stateful, **STATEFUL),
    "memento": Scheme(MementoHash, stateful, **STATEFUL),
    "partition table": Scheme(
        partial(PartitionTable, partitions=60, replicas=1),
        partition_table,
        monotone=False,
        steady_lists=False,
        restores=False,
    ),
    "copysets": Scheme(partial(Copysets, replicas=1), copysets, weighted=False, monotone=False, steady_lists=False),
}
