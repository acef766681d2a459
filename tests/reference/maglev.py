"""Maglev, multi-probe, bounded loads and murmur3 rendezvous, and the tables that the Maglev paper compares with."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import mmh3
import numpy as np
import xxhash

from .hashing import M64, fnv1a_64, splitmix64


def siphash(key0: int, key1: int, data: bytes) -> int:
    """SipHash-2-4 of Aumasson and Bernstein 2012, as its section 2 has it."""
    v = [key0 ^ 0x736F6D6570736575, key1 ^ 0x646F72616E646F6D, key0 ^ 0x6C7967656E657261, key1 ^ 0x7465646279746573]

    def rotate(x: int, bits: int) -> int:
        return (x << bits | x >> (64 - bits)) & M64

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = (v[0] + v[1]) & M64
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & M64
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & M64
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & M64
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) % 256])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


# --- Maglev -----------------------------------------------------------------------------------------------------------


def maglev_order(name: str, size: int, scheme: str, seed: int = 0) -> list[int]:
    """A node's order of all slots."""
    if scheme == "envoy":
        offset = xxhash.xxh64_intdigest(name.encode(), 2 * seed % 2**64) % size
        skip = xxhash.xxh64_intdigest(name.encode(), (2 * seed + 1) % 2**64) % (size - 1) + 1
    else:
        h = siphash(0xDEADBEEFCAFEBABE, seed, name.encode())
        offset, skip = (h >> 32) % size, (h & 0xFFFFFFFF) % (size - 1) + 1
    return [(offset + j * skip) % size for j in range(size)]


def maglev_table(
    names: Sequence[str], size: int, shares: Sequence[float], scheme: str = "envoy", seed: int = 0
) -> list[int]:
    """Pseudocode 1 of the Maglev paper; of unequal shares, as Envoy has it, a node sits out turns."""
    orders = [iter(maglev_order(name, size, scheme, seed)) for name in names]
    goal = [0.0] * len(names)
    table = [-1] * size
    turn = 1
    while True:
        for node in range(len(names)):
            if turn * shares[node] < goal[node]:
                continue
            goal[node] += max(shares)
            table[next(slot for slot in orders[node] if table[slot] < 0)] = node
            if -1 not in table:
                return table
        turn += 1


def slots(key: int, table: Sequence[int]) -> Iterator[int]:
    """Walk once around the table from the key's slot, in the order of the slots' SplitMix64."""
    order = sorted(range(len(table)), key=splitmix64)
    start = order.index(key % len(table))
    return (table[slot] for slot in [*order[start:], *order[:start]])


# --- multi-probe ------------------------------------------------------------------------------------------------------


def multi_probe(first: int, step: int, probes: int, points: Sequence[int], mixed: bool) -> Iterator[int]:
    """Nodes by the distance of their point, clockwise, from the nearest probe; a probe at a point looks beyond it."""
    places = [(first + i * step) & M64 for i in range(probes)]
    places = [splitmix64(place) for place in places] if mixed else places
    ways = sorted(
        ((point - place - 1) & M64, i, node) for i, place in enumerate(places) for node, point in enumerate(points)
    )
    return (node for _, _, node in ways)


def nearest_of_independent(gaps: Sequence[Fraction], probes: int) -> list[Fraction]:
    """The chance of each node to win, by integrating a polynomial between neighbouring gaps; gaps are all distinct."""
    shares = []
    ends = [Fraction(0), *sorted(gaps)]
    for gap in gaps:
        share = Fraction(0)
        for low, high in pairwise(ends):
            if high > gap:
                break
            longer = sum(other > low for other in gaps)
            at_low, at_high = (sum(max(Fraction(0), other - x) for other in gaps) for x in (low, high))
            share += (at_low**probes - at_high**probes) / longer
        shares.append(share)
    return shares


# --- bounded loads ----------------------------------------------------------------------------------------------------


def buraksezer_points(nodes: Iterable[str], counts: Iterable[int], seed: int = 0) -> list[tuple[int, int]]:
    """Points of the ring of buraksezer/consistent with FNV-1a, with the position of their node."""
    prefix = f"{seed}/" if seed else ""
    return sorted(
        (fnv1a_64(f"{i}:{prefix}{name}".encode()), at)
        for at, (name, count) in enumerate(zip(nodes, counts, strict=True))
        for i in range(count)
    )


def bounded_caps(balls: int, weights: Sequence[float], factor: float) -> list[int]:
    return [math.ceil(balls * weight / sum(weights) * factor) for weight in weights]


def bounded_load(
    hashes: Sequence[int],
    points: Sequence[tuple[int, int]],
    weights: Sequence[float],
    factor: float,
    jump: Callable[[int], Iterator[int]] | None = None,
    growing: bool = False,
) -> tuple[list[int], list[int]]:
    """The node of each ball, and how many points were asked for it; `jump` is the order of nodes for a ball."""
    loads = [0] * len(weights)
    caps = bounded_caps(len(hashes), weights, factor)
    found, asked = [], []
    for i, ball in enumerate(hashes):
        if growing:
            caps = bounded_caps(i + 1, weights, factor)
        start = bisect_left(points, (ball, -1)) % len(points)
        walk = [node for _, node in [*points[start:], *points[:start]]]
        if jump is not None:
            walk = [walk[0], *(node for node in jump(ball) if node != walk[0])]
        tries, node = next((at, node) for at, node in enumerate(walk, 1) if loads[node] < caps[node])
        loads[node] += 1
        found.append(node)
        asked.append(tries)
    return found, asked


def bounded_copies(
    hashes: Sequence[int],
    first: Sequence[int],
    points: Sequence[tuple[int, int]],
    weights: Sequence[float],
    factor: float,
    domains: Sequence[int],
    n: int,
) -> list[list[int]]:
    """Second copies of all balls, then third ones, each on the next node with room that is in another domain."""
    lists = [[node] for node in first]
    loads = [list(first).count(node) for node in range(len(weights))]
    for copy in range(2, n + 1):
        caps = bounded_caps(copy * len(hashes), weights, factor)
        for ball, held in zip(hashes, lists, strict=True):
            start = bisect_left(points, (ball, -1)) % len(points)
            walk = [node for _, node in [*points[start:], *points[:start]]]
            fresh = [node for node in walk if domains[node] not in [domains[other] for other in held]]
            node = next((node for node in fresh if loads[node] < caps[node]), fresh[0])
            held.append(node)
            loads[node] += 1
    return lists


# --- murmur3 rendezvous -----------------------------------------------------------------------------------------------


def murmur3_rendezvous(key: str, nodes: Sequence[str], weights: Sequence[float], seed: int = 0) -> Iterator[int]:
    """Nodes by their clocks; of equal clocks the name that sorts last comes first."""
    by_name = sorted(range(len(nodes)), key=nodes.__getitem__, reverse=True)
    scores = [mmh3.hash(f"{node}-{key}".encode(), seed, signed=False) for node in nodes]
    return iter(sorted(by_name, key=lambda at: -math.log((scores[at] + 0.5) / 2**32) / weights[at]))


# --- the other tables of the Maglev paper -----------------------------------------------------------------------------


def karger_table(nodes: int, size: int, views: int, generator: np.random.Generator) -> np.ndarray:
    """Entries per node of a lookup table filled by a ring, as section 5.3 of the Maglev paper must have done it.

    View after view, every node hashes to one entry and keeps it if it is free; what remains goes to the next entry.
    """
    table = np.full(size, -1)
    for _ in range(views):
        wanted = generator.integers(0, size, nodes)
        order = generator.permutation(nodes)
        _, first = np.unique(wanted[order], return_index=True)
        winners = order[first]
        winners = winners[table[wanted[winners]] < 0]
        table[wanted[winners]] = winners
    held = np.flatnonzero(table >= 0)
    owners = table[held[np.searchsorted(held, np.arange(size)) % len(held)]]
    return np.bincount(owners, minlength=nodes)


def rendezvous_table(nodes: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Entries per node if each entry goes to the node with the highest random score: to any, with the same chance."""
    return np.bincount(generator.integers(0, nodes, size), minlength=nodes)
