"""Placements: the nodes of a hashed key, from the first to the last."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import xxhash

from .hashing import M64, fmix64, splitmix64


def ring_points(nodes: Iterable[str], counts: Iterable[int], seed: int = 0) -> list[tuple[int, int]]:
    """Every point of the ring with the position of its node, in ring order."""
    return sorted(
        (xxhash.xxh64_intdigest(f"{name}_{i}".encode(), seed), at)
        for at, (name, count) in enumerate(zip(nodes, counts, strict=True))
        for i in range(count)
    )


def ring(key: int, points: list[tuple[int, int]]) -> Iterator[int]:
    """Walk clockwise once around, from the first point at or after the key."""
    start = bisect_left(points, (key, -1))
    return (node for _, node in points[start:] + points[:start])


def ring_shares(points: list[tuple[int, int]], nodes: int, replicas: int = 1) -> list[Fraction]:
    """Share of all replicas on each node, without spread, by adding up arcs as whole numbers."""
    owned = [0] * nodes
    for i, (point, _) in enumerate(points):
        arc = (point - points[i - 1][0]) % 2**64 if len(points) > 1 else 2**64
        for node in first_of_each(ring(point, points), range(nodes), replicas):
            owned[node] += arc
    return [Fraction(arcs, 2**64 * replicas) for arcs in owned]


def rendezvous(key: int, nodes: Iterable[str], weights: Iterable[float], seed: int = 0) -> Iterator[int]:
    """Sort the nodes by their exponential clocks ``-ln(u) / weight``."""
    clocks = []
    for at, (name, weight) in enumerate(zip(nodes, weights, strict=True)):
        score = fmix64(key ^ xxhash.xxh64_intdigest(name.encode(), seed))
        u = ((score >> 11) + 0.5) / 2**53
        clocks.append((-math.log(u) / weight, -score, at))
    return (at for _, _, at in sorted(clocks))


def jump(key: int, n: int, variant: str = "cpp") -> int:
    """The program of Lamping and Veach, figure 1; Guava divides by a quotient instead of multiplying by one.

    Guava's d is an int, which the largest value overflows; a negative jump is the last.
    """
    bucket, following = -1, 0
    while following < n:
        bucket = following
        key = (key * 2862933555777941757 + 1) & M64
        d = float((key >> 33) + 1)
        if variant == "guava" and d == 2**31:
            break
        following = int((bucket + 1) * (2.0**31 / d) if variant == "cpp" else (bucket + 1) / (d / 2.0**31))
    return bucket


def hashed_again(key: int, lookup: Callable[[int], int]) -> Iterator[int]:
    """Look the key up, then ever new hashes of it: replicas of a scheme that knows one node per key."""
    yield lookup(key)
    attempt = 1
    while True:
        yield lookup(splitmix64(key ^ attempt))
        attempt += 1


def first_of_each(walk: Iterable[int], domains: "range | list[int]", n: int) -> list[int]:
    """Take the first `n` nodes of distinct domains."""
    chosen: list[int] = []
    for node in walk:
        if domains[node] not in [domains[other] for other in chosen]:
            chosen.append(node)
        if len(chosen) == n:
            return chosen
    raise ValueError("there are fewer domains than replicas")


# --- the law of the ring ----------------------------------------------------------------------------------------------


def largest_of_spacings_at_most(x: Fraction, n: int) -> Fraction:
    """Probability that n uniform spacings of a circle are all at most x (Fisher 1929)."""
    return sum(
        ((-1) ** j * math.comb(n, j) * (1 - j * x) ** (n - 1) for j in range(n + 1) if j * x < 1), start=Fraction(0)
    )
