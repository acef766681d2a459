"""Maglev against our own ring, and rendezvous of murmur3 against the package it equals."""

import numpy as np
from clandestined import RendezvousHash
from race import Race

from scalemodel.placement import HashRing, Maglev, Rendezvous
from scalemodel.streams import random_keys

KEYS = random_keys(10**6)
NAMES = [f"n{i}" for i in range(100)]
TEXTS = [f"user:{i}" for i in range(100_000)]
FEW = 1000


def races() -> list[Race]:
    return [maglev(), *rendezvous()]


def maglev() -> Race:
    table, ring = Maglev(NAMES), HashRing(NAMES, vnodes=160)
    slots = table.table
    points, owners = ring.points, ring.owners

    def agree(ours: np.ndarray, its: np.ndarray) -> bool:
        """Two schemes: each is checked against NumPy on its own table."""
        found = owners[np.searchsorted(points, KEYS) % len(points)]
        return bool((ours == slots[KEYS % np.uint64(len(slots))]).all() and (its == found).all())

    return Race(
        "Maglev of 100, M = 65537, look-up",
        "own ring 100 x 160",
        "nothing; two schemes, each checked against its own table by NumPy",
        2,
        lambda: table.lookup(KEYS, hashed=True),
        lambda: ring.lookup(KEYS, hashed=True),
        agree,
        len(KEYS),
        len(KEYS),
    )


def rendezvous() -> list[Race]:
    peer = RendezvousHash(nodes=list(NAMES))
    same, default = Rendezvous(NAMES, variant="murmur3"), Rendezvous(NAMES)
    expected = [peer.find_node(key) for key in TEXTS[:FEW]]
    default_expected = default.lookup(TEXTS[:FEW])
    hashes = default._hashes(TEXTS, hashed=False)

    def named(nodes: np.ndarray) -> list[str]:
        return [NAMES[at] for at in nodes[:FEW]]

    def its_own(ours: np.ndarray, its: list[str]) -> bool:
        """Two schemes: ours is checked against itself key by key, the peer against our murmur3."""
        alone = np.concatenate([default.lookup([key]) for key in TEXTS[:50]])
        return (
            bool((ours[:FEW] == default_expected).all() and (alone == default_expected[:50]).all()) and its == expected
        )

    def theirs() -> list[str]:
        return [peer.find_node(key) for key in TEXTS[:FEW]]

    name, items = "rendezvous of 100, text keys", (len(TEXTS), FEW)
    return [
        Race(
            name + ", murmur3",
            "clandestined (C murmur3)",
            'all "node-key" texts, by both; the same answers',
            150,
            lambda: same.lookup(TEXTS),
            theirs,
            lambda ours, its: named(ours) == its,
            *items,
        ),
        Race(
            name + ", our default",
            "clandestined (C murmur3)",
            'the key once and a mix per node, by us; all "node-key" texts by the peer: two schemes',
            150,
            lambda: default.lookup(TEXTS),
            theirs,
            its_own,
            *items,
        ),
        Race(
            name + ", our default, hashed before",
            "clandestined (C murmur3)",
            'a mix per node, by us; all "node-key" texts by the peer: two schemes',
            150,
            lambda: default.lookup(hashes, hashed=True),
            theirs,
            its_own,
            *items,
        ),
    ]
