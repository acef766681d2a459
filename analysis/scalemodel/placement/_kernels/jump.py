"""Jump consistent hash (Lamping and Veach 2014): a key's bucket by the jumps it would make as buckets are added.

A tile of keys jumps in step, so that the loop over them is vectorised; when most have passed the last bucket, they
leave the tile, and the others jump on. Buckets are whole float64: beyond 2^53, or at infinity, a key is out anyway.
"""

import math

import numpy as np

from scalemodel._jit import inlined, kernel

TILE = 128
MORE = 4  # jumps after the first clearing, until the next one
MULTIPLIER = np.uint64(2862933555777941757)
ONE = np.uint64(1)
TOP_31 = np.uint64(33)
TWO_31 = 2.0**31


@inlined
def lcg(key):
    """Step the linear congruential generator that says how far a key jumps."""
    return key * MULTIPLIER + ONE


@inlined
def jump_cpp(bucket, key):
    """Follow the paper's C++: ``(bucket + 1) * (2^31 / d)`` is rounded twice."""
    return np.floor((bucket + 1.0) * (TWO_31 / (np.float64(np.int32(key >> TOP_31)) + 1.0)))


@inlined
def jump_guava(bucket, key):
    """Follow Guava's Java: ``(bucket + 1) / (d / 2^31)`` is rounded once, and the largest d overflows to below zero."""
    d = np.float64(np.int32(np.int32(key >> TOP_31) + 1))
    return np.floor((bucket + 1.0) / (d / TWO_31)) if d > 0.0 else np.inf


@inlined
def lookup(hashes, n, jump):
    found = np.empty(len(hashes), np.int32)
    keys = np.empty(TILE, np.uint64)
    buckets = np.empty(TILE, np.float64)
    following = np.empty(TILE, np.float64)
    places = np.empty(TILE, np.int64)
    most = int(math.log(n)) + 2  # a key jumps as often as records are set in n draws: ln n times and half a time more
    for start in range(0, len(hashes), TILE):
        size = min(TILE, len(hashes) - start)
        for j in range(size):
            keys[j] = hashes[start + j]
            following[j] = 0.0
            places[j] = start + j
        jumps = most
        while size > 0:
            for _ in range(jumps):
                for j in range(size):  # vectorised
                    key = lcg(keys[j])
                    bucket = following[j]
                    buckets[j] = bucket if bucket < n else buckets[j]
                    following[j] = jump(bucket, key)
                    keys[j] = key
            kept = 0
            for j in range(size):
                found[places[j]] = np.int32(buckets[j])
                keys[kept] = keys[j]
                buckets[kept] = buckets[j]
                following[kept] = following[j]
                places[kept] = places[j]
                kept += following[kept] < n
            size = kept
            jumps = MORE
    return found


@kernel
def lookup_cpp(hashes, n):
    return lookup(hashes, np.float64(n), jump_cpp)


@kernel
def lookup_guava(hashes, n):
    return lookup(hashes, np.float64(n), jump_guava)
