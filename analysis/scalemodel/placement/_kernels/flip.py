"""FlipHash: the low bits of a hash with the bits below the highest one flipped at random; more draws above n."""

import numpy as np

from scalemodel._jit import inlined, kernel

from .engines import hash1, hash2, hash3
from .hashes import leading_zeros

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)
TRIES = 64


@inlined
def flip(value, mask):
    """Return a bucket within a mask of low bits."""
    low = value & mask
    if low == np.uint64(0):
        return low
    zeros = leading_zeros(low)
    return low ^ (hash2(value, zeros) & (ALL >> zeros >> ONE))


@kernel
def lookup(hashes, n):
    """Return the bucket below `n` of each hashed key."""
    found = np.empty(len(hashes), np.int32)
    size = np.uint64(n)
    mask = ALL >> leading_zeros(size)
    half = mask >> ONE
    salt = leading_zeros(size) - np.uint64(32)  # as Java counts them, in an int
    for i in range(len(hashes)):
        value = hash1(hashes[i])
        bucket = flip(value, mask)
        if bucket >= size:
            bucket = half
            for draw in range(1, TRIES + 1):
                bucket = hash3(value, salt, draw) & mask
                if bucket < size:
                    break
            if bucket <= half or bucket >= size:
                bucket = flip(value, half)
        found[i] = np.int32(bucket)
    return found
