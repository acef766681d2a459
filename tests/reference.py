"""The slow, obvious twins: what the kernels compute, as one would write it on a blackboard."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import xxhash

M64 = 2**64 - 1

# --- hashes that no Python package offers -----------------------------------------------------------------------------


def fnv1a_64(key: bytes) -> int:
    h = 0xCBF29CE484222325
    for byte in key:
        h = (h ^ byte) * 0x100000001B3 & M64
    return h


def fmix64(x: int) -> int:
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD & M64
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 & M64
    return x ^ (x >> 33)


def splitmix64(state: int) -> int:
    x = (state + 0x9E3779B97F4A7C15) & M64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & M64
    return x ^ (x >> 31)


def murmur3_cassandra(key: bytes) -> int:
    """Token as an unsigned number; tail bytes are signed, as in Java."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F

    def rotate(x: int, bits: int) -> int:
        return (x << bits | x >> (64 - bits)) & M64

    h1 = h2 = 0
    body = len(key) // 16 * 16
    for i in range(0, body, 16):
        k1, k2 = int.from_bytes(key[i : i + 8], "little"), int.from_bytes(key[i + 8 : i + 16], "little")
        h1 ^= rotate(k1 * c1 & M64, 31) * c2 & M64
        h1 = ((rotate(h1, 27) + h2) * 5 + 0x52DCE729) & M64
        h2 ^= rotate(k2 * c2 & M64, 33) * c1 & M64
        h2 = ((rotate(h2, 31) + h1) * 5 + 0x38495AB5) & M64

    signed = [byte - 256 if byte > 127 else byte for byte in key[body:]]
    k1 = k2 = 0
    for i, byte in enumerate(signed[:8]):
        k1 ^= byte << 8 * i
    for i, byte in enumerate(signed[8:]):
        k2 ^= byte << 8 * i
    h1 ^= rotate((k1 & M64) * c1 & M64, 31) * c2 & M64
    h2 ^= rotate((k2 & M64) * c2 & M64, 33) * c1 & M64

    h1, h2 = h1 ^ len(key), h2 ^ len(key)
    h1 = (h1 + h2) & M64
    h2 = (h2 + h1) & M64
    token = (fmix64(h1) + fmix64(h2)) & M64
    return 2**63 - 1 if token == 2**63 else token


# --- placements: the nodes of a hashed key, from the first to the last ------------------------------------------------


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
    """The program of Lamping and Veach, figure 1; Guava divides by a quotient instead of multiplying by one."""
    bucket, following = -1, 0
    while following < n:
        bucket = following
        key = (key * 2862933555777941757 + 1) & M64
        d = float((key >> 33) + 1)
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
