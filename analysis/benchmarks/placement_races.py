"""Placement against the libraries a Python user would pick instead."""

import hashlib
import math

import numpy as np
import uhashring
import xxhash
from race import Race

from scalemodel.hashing import hash_keys
from scalemodel.placement import HashRing, Rendezvous
from scalemodel.streams import random_keys

KEYS = random_keys(10**6)
FEW = KEYS[:20_000]


def races() -> list[Race]:
    return [hashing(), *rings(), rendezvous(), ring_build()]


def hashing() -> Race:
    few = [int(key).to_bytes(8, "little") for key in KEYS[:200_000]]
    return Race(
        "xxh64 of u64 keys",
        "xxhash, a loop",
        "is the work",
        30,
        lambda: hash_keys(KEYS),
        lambda: [xxhash.xxh64_intdigest(key) for key in few],
        lambda ours, peer: ours[: len(few)].tolist() == peer,
        len(KEYS),
        len(few),
    )


def rings() -> list[Race]:
    ring = HashRing(100, vnodes=160)

    def same_hash(key: bytes | str) -> int:
        # uhashring names its points "n0-0", the ring of Envoy (and ours) "n0_0"
        return xxhash.xxh64_intdigest(key if isinstance(key, bytes) else key.replace("-", "_").encode())

    peer = uhashring.HashRing(list(ring.nodes), vnodes=160, hash_fn=same_hash)
    as_shipped = uhashring.HashRing(list(ring.nodes), vnodes=160)
    encoded = [int(key).to_bytes(8, "little") for key in FEW]
    numbers = [int(key) for key in FEW]
    # the points of uhashring's own MD5 ring in our index: both look the same keys up in the same table
    its_points = np.array([point >> 64 for point in as_shipped.runtime._keys], np.uint64)
    its_owners = [as_shipped.runtime._ring[point] for point in as_shipped.runtime._keys]
    md5 = np.array([int(hashlib.md5(str(n).encode()).hexdigest()[:16], 16) for n in numbers], np.uint64)
    found = np.searchsorted(its_points, md5) % len(its_points)
    expected = [its_owners[i] for i in found]

    def names(nodes: np.ndarray) -> list[str]:
        return [ring.nodes[i] for i in nodes[: len(FEW)]]

    points, owners = ring.points, ring.owners
    return [
        Race(
            "ring 100 x 160, look-up",
            "uhashring with xxh64",
            "keys, by both",
            150,
            lambda: ring.lookup(KEYS),
            lambda: [peer.get_node(key) for key in encoded],
            lambda ours, its: names(ours) == its,
            len(KEYS),
            len(FEW),
        ),
        Race(
            "ring 100 x 160, look-up",
            "uhashring as shipped (md5)",
            "keys, by both; own rings, so the peer's answers are checked against its own points",
            150,
            lambda: ring.lookup(KEYS),
            lambda: [as_shipped.get_node(key) for key in numbers],
            lambda ours, its: its == expected,
            len(KEYS),
            len(FEW),
        ),
        Race(
            "ring 100 x 160, look-up",
            "np.searchsorted",
            "nothing",
            10,
            lambda: ring.lookup(KEYS, hashed=True),
            lambda: owners[np.searchsorted(points, KEYS) % len(points)],
            lambda ours, its: bool((ours == its).all()),
            len(KEYS),
            len(KEYS),
        ),
    ]


def ring_build() -> Race:
    names = [f"n{i}" for i in range(1000)]

    def build() -> HashRing:
        ring = HashRing(names, vnodes=160)
        ring.lookup(FEW[:1], hashed=True)
        return ring

    def encode(key: str) -> int:
        return xxhash.xxh64_intdigest(key.replace("-", "_").encode())

    return Race(
        "ring 1000 x 160, build",
        "uhashring with xxh64",
        "points, by both",
        100,
        build,
        lambda: uhashring.HashRing(names, vnodes=160, hash_fn=encode),
        lambda ours, its: ours.points.tolist() == its.runtime._keys,
        1,
        1,
    )


def rendezvous() -> Race:
    placement = Rendezvous(100)
    few = [int(key) for key in KEYS[:2000]]
    salts = [int(h) for h in placement._node_hashes]
    mask = 2**64 - 1

    def fmix64(x: int) -> int:
        x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD & mask
        x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 & mask
        return x ^ (x >> 33)

    def pure_python() -> list[int]:
        found = []
        for key in few:
            best, winner = -math.inf, 0
            for node, salt in enumerate(salts):
                score = fmix64(key ^ salt)
                if score > best:
                    best, winner = score, node
            found.append(winner)
        return found

    return Race(
        "rendezvous of 100",
        "pure Python HRW",
        "scores, by both; keys are hashed before",
        100,
        lambda: placement.lookup(KEYS, hashed=True),
        pure_python,
        lambda ours, its: ours[: len(few)].tolist() == its,
        len(KEYS),
        len(few),
    )
