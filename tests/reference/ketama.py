"""Ketama as libmemcached 1.1.4 has it: the continuum of its servers, and the server of a key."""

import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import numpy as np


def one_at_a_time(key: bytes) -> int:
    """Jenkins' hash of 32 bits."""
    h = 0
    for byte in key:
        h = (h + byte) % 2**32
        h = (h + (h << 10)) % 2**32
        h ^= h >> 6
    h = (h + (h << 3)) % 2**32
    h ^= h >> 11
    return (h + (h << 15)) % 2**32


def md5_words(key: bytes) -> list[int]:
    digest = hashlib.md5(key).digest()
    return [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]


def hash_of_key(key: bytes, mode: str) -> int:
    return one_at_a_time(key) if mode == "default" else md5_words(key)[0]


def points_of(weight: float, total: float, servers: int) -> int:
    """Points of a server in mode ``weighted``, rounded where a C compiler rounds floats."""
    share = np.float32(weight) / np.float32(total)
    hashes = np.float32(np.float32(np.float32(share * np.float32(160)) / np.float32(4)) * np.float32(servers))
    return math.floor(np.float32(float(hashes) + 1e-10)) * 4


def continuum(names: Sequence[str], weights: Sequence[float], mode: str) -> list[tuple[int, int]]:
    """All points with the position of their server, in ring order; the sort of glibc keeps equal ones in order."""
    points = []
    for at, (name, weight) in enumerate(zip(names, weights, strict=True)):
        host = name.removesuffix(":11211")
        if mode == "weighted":
            for i in range(points_of(weight, math.fsum(weights), len(names)) // 4):
                points += [(word, at) for word in md5_words(f"{host}-{i}".encode())]
        else:
            points += [(hash_of_key(f"{host}-{i}".encode(), mode), at) for i in range(100)]
    return sorted(points, key=lambda point: point[0])


def walk(key: int, points: list[tuple[int, int]]) -> Iterator[int]:
    """Walk clockwise once around, from the first point at or after the 32-bit hash."""
    start = bisect_left(points, key, key=lambda point: point[0])
    return (server for _, server in points[start:] + points[:start])


def servers(keys: Iterable[str], names: Sequence[str], weights: Sequence[float], mode: str) -> list[int]:
    points = continuum(names, weights, mode)
    return [next(walk(hash_of_key(key.encode(), mode), points)) for key in keys]
