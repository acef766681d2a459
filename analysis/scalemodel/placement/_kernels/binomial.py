"""BinomialHash: a position in a binary tree of buckets, and a few tries to stay within the buckets that exist."""

import numpy as np

from scalemodel._jit import inlined, kernel

from .engines import hash1
from .hashes import highest_bit
from .jump import lcg

ONE = np.uint64(1)
HALF = np.uint64(32)
TRIES = 4


@inlined
def rehash(value, seed):
    """Mix a hash once more: square a step of the generator, keep the high half."""
    step = lcg(value)
    return (step * step * seed) >> HALF


@inlined
def relocate(bucket, value):
    """Return a random bucket on the tree level of `bucket`."""
    if bucket < np.uint64(2):
        return bucket
    level = highest_bit(bucket)
    return level + (rehash(value, level - ONE) & (level - ONE))


@kernel
def lookup(hashes, n):
    """Return the bucket below `n` of each hashed key."""
    found = np.zeros(len(hashes), np.int32)
    size = np.uint64(n)
    if n == 1:
        return found
    enclosing = (highest_bit(size - ONE) << ONE) - ONE  # masks: the smallest tree that holds n, and half of it
    minor = enclosing >> ONE
    for i in range(len(hashes)):
        value = hash1(hashes[i])
        bucket = relocate(value & enclosing, value)
        if bucket >= size:
            again = value
            for _ in range(TRIES):
                again = rehash(again, enclosing)
                bucket = relocate(again & enclosing, again)
                if bucket < size:
                    break
            if bucket >= size or bucket <= minor:
                bucket = relocate(value & minor, value)
        found[i] = np.int32(bucket)
    return found
