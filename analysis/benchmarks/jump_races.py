"""The jump family and Ketama against the libraries a Python user would pick instead."""

import jump
import numpy as np
import uhashring
from race import Race

from scalemodel.placement import JumpBackHash, JumpHash, Ketama
from scalemodel.streams import random_keys

KEYS = random_keys(10**6)
USERS = [f"user:{key % 10**9}" for key in KEYS.tolist()]


def races() -> list[Race]:
    return [*jumps(), jump_back(), ketama()]


def jumps() -> list[Race]:
    few = [int(key) for key in KEYS[:100_000]]

    def against_c(n: int) -> Race:
        placement = JumpHash(n)
        return Race(
            f"jump of {n}",
            "jump-consistent-hash, C in a loop",
            "nothing",
            2.5,
            lambda: placement.lookup(KEYS, hashed=True),
            lambda: [jump.hash(key, n) for key in few],
            lambda ours, its: ours[: len(few)].tolist() == its,
            len(KEYS),
            len(few),
        )

    return [against_c(n) for n in (100, 10_000)]


def jump_back() -> Race:
    back, forth = JumpBackHash(1000), JumpHash(1000)

    def as_even(ours: np.ndarray, its: np.ndarray) -> bool:
        """Two schemes: the answers differ, but both spread the keys as chance does."""
        deviations = [np.bincount(found, minlength=1000).std() for found in (ours, its)]
        return all(0.8 < deviation / np.sqrt(len(KEYS) / 1000) < 1.2 for deviation in deviations)

    return Race(
        "jump back of 1000",
        "our jump; another scheme, both as even as chance",
        "nothing",
        4,
        lambda: back.lookup(KEYS, hashed=True),
        lambda: forth.lookup(KEYS, hashed=True),
        as_even,
        len(KEYS),
        len(KEYS),
    )


def ketama() -> Race:
    ring = Ketama(96)  # of 100, each has four points less than with uhashring, as with libmemcached
    peer = uhashring.HashRing(list(ring.nodes), hash_fn="ketama")
    few = USERS[:20_000]
    return Race(
        "ketama of 96, look-up of text",
        "uhashring's ketama",
        "keys by md5, by both; node names without :11211",
        10,
        lambda: ring.lookup(USERS),
        lambda: [peer.get_node(key) for key in few],
        lambda ours, its: [ring.nodes[i] for i in ours[: len(few)]] == its,
        len(USERS),
        len(few),
    )
