"""Jump consistent hash (Lamping and Veach 2014): a key's bucket by the jumps it would make as buckets are added."""

import numpy as np

from scalemodel._jit import kernel

MULTIPLIER = np.uint64(2862933555777941757)
ONE = np.uint64(1)
TOP_31 = np.uint64(33)
TWO_31 = 2.0**31


@kernel
def lookup_cpp(hashes, n):
    """Follow the paper's C++: ``(bucket + 1) * (2^31 / d)`` is rounded twice."""
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        key = hashes[i]
        bucket = np.int64(0)
        following = np.int64(0)
        while following < n:
            bucket = following
            key = key * MULTIPLIER + ONE
            following = np.int64(np.float64(bucket + 1) * (TWO_31 / np.float64((key >> TOP_31) + ONE)))
        found[i] = bucket
    return found


@kernel
def lookup_guava(hashes, n):
    """Follow Guava's Java: ``(bucket + 1) / (d / 2^31)`` is rounded once."""
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        key = hashes[i]
        bucket = np.int64(0)
        following = np.int64(0)
        while following < n:
            bucket = following
            key = key * MULTIPLIER + ONE
            following = np.int64(np.float64(bucket + 1) / (np.float64((key >> TOP_31) + ONE) / TWO_31))
        found[i] = bucket
    return found
