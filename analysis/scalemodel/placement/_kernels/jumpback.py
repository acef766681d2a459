"""JumpBackHash (Ertl 2024): jump hash from the other end; how far back a key jumps is read off its random bits.

Buckets come in ranges [2^i, 2^(i+1)). One 64-bit draw is two words: the bits that are set in their exclusive or tell
in which ranges the key is a newcomer, and one of the words says where in the range. A key that would land beyond the
last bucket draws again, until it falls into the range or before it.
"""

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import splitmix64

from .hashes import bit_count, highest_bit

BLOCK = 512  # keys per tile: all first draws without a branch, so that their loop is vectorised
GAMMA = np.uint64(0x9E3779B97F4A7C15)
ZERO = np.uint64(0)
ONE = np.uint64(1)
HALF = np.uint64(32)


@inlined
def place_in(size, ranges, draw):
    """Return the key's bucket in the range of `size` buckets, the last one that is set in `ranges`."""
    word = draw >> ((bit_count(ranges) & ONE) * HALF)
    return size | (word & (size - ONE))


@inlined
def last_range(ranges):
    """Return the size of the last range that is set, which is its highest bit; 1 if none is."""
    return highest_bit(ranges | ONE)


@kernel
def draw_again(key, draw, ranges, n, xorshift):
    """Return the bucket of a key whose first draw led beyond the last of `n` buckets."""
    state = key
    while ranges != ZERO:
        size = last_range(ranges)
        bucket = place_in(size, ranges, draw)
        both = (size << ONE) - ONE
        while bucket >= size:
            if bucket < n:
                return bucket
            if xorshift:
                state ^= state << np.uint64(7)
                state ^= state >> np.uint64(9)
                again = state
            else:
                state += GAMMA
                again = splitmix64(state)
            bucket = again & both
            if bucket >= n:
                bucket = (again >> HALF) & both
        ranges ^= size
    return ZERO


@kernel
def lookup(hashes, n, xorshift):
    """Return the bucket below `n` of each hashed key."""
    n = np.uint64(n)
    mask = last_range(n - ONE) * np.uint64(2) - ONE if n > ONE else ZERO
    found = np.empty(len(hashes), np.int32)
    draws = np.empty(BLOCK, np.uint64)
    buckets = np.empty(BLOCK, np.uint64)
    for start in range(0, len(hashes), BLOCK):
        size = min(BLOCK, len(hashes) - start)
        keys = hashes[start : start + size]
        for j in range(size):
            draws[j] = keys[j] if xorshift else splitmix64(keys[j])
        for j in range(size):
            ranges = (draws[j] ^ (draws[j] >> HALF)) & mask
            bucket = place_in(last_range(ranges), ranges, draws[j])
            buckets[j] = bucket if ranges != ZERO else ZERO
        for j in range(size):
            bucket = buckets[j]
            if bucket >= n:
                bucket = draw_again(keys[j], draws[j], (draws[j] ^ (draws[j] >> HALF)) & mask, n, xorshift)
            found[start + j] = np.int32(bucket)
    return found
