"""PowerCH: a bucket within the powers of two around n, and jumps between the two powers."""

import numpy as np

from scalemodel._jit import inlined, kernel

from .engines import hash1, hash2
from .hashes import highest_bit
from .jump import jump_guava, lcg

ONE = np.uint64(1)


@inlined
def within(value, mask):
    """Return a bucket within a mask of low bits: its highest bit from the hash, the bits below from another."""
    low = value & mask
    if low == np.uint64(0):
        return low
    highest = highest_bit(low)
    return highest + (hash2(value, highest) & (highest - ONE))


@inlined
def jumped(value, start, size):
    """Jump on from bucket `start`, as Guava's jump consistent hash does, to the last bucket below `size`."""
    bucket = start
    following = start
    while following < size:
        bucket = following
        value = lcg(value)
        following = jump_guava(bucket, value)
    return bucket


@kernel
def lookup(hashes, n):
    """Return the bucket below `n` of each hashed key."""
    found = np.zeros(len(hashes), np.int32)
    size = np.uint64(n)
    if n == 1:
        return found
    mask = (highest_bit(size - ONE) << ONE) - ONE  # the smallest power of two that holds n, and half of it
    half = mask >> ONE
    for i in range(len(hashes)):
        value = hash1(hashes[i])
        bucket = within(value, mask)
        if bucket >= size:
            bucket = np.uint64(jumped(value, np.float64(half), np.float64(size)))
            if bucket == half:
                bucket = within(value, half)
        found[i] = np.int32(bucket)
    return found
