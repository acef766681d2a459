"""DxHash: draw buckets at random, with the key as the seed, until one is in use."""

import numpy as np

from scalemodel._jit import inlined, kernel

from .engines import hash1

TWO_31 = np.uint64(2**31)
BITS_31 = np.uint64(31)

# java.util.Random is a linear congruential generator of 48 bits, of which a draw shows the highest.
MULTIPLIER = np.uint64(0x5DEECE66D)
INCREMENT = np.uint64(0xB)
MASK = np.uint64(2**48 - 1)
BELOW_31 = np.uint64(48 - 31)


@inlined
def step(state):
    """Return the generator's next state."""
    return (state * MULTIPLIER + INCREMENT) & MASK


@inlined
def next_int(state, bound, rejected):
    """Return ``nextInt(bound)`` and the state after it; draws of 31 bits from `rejected` on are repeated."""
    state = step(state)
    if rejected == np.uint64(0):  # a power of two: the high bits
        return (bound * (state >> BELOW_31)) >> BITS_31, state
    while state >> BELOW_31 >= rejected:
        state = step(state)
    return (state >> BELOW_31) % bound, state


@kernel
def lookup(hashes, nodes):
    """Return the node of each hashed key; ``nodes[b]`` is the node on bucket b, -1 for a bucket not in use."""
    found = np.empty(len(hashes), np.int32)
    bound = np.uint64(len(nodes))
    power_of_two = bound & (bound - np.uint64(1)) == np.uint64(0)
    rejected = np.uint64(0) if power_of_two else TWO_31 - TWO_31 % bound
    for i in range(len(hashes)):
        state = (hash1(hashes[i]) ^ MULTIPLIER) & MASK
        bucket, state = next_int(state, bound, rejected)
        while nodes[bucket] < 0:
            bucket, state = next_int(state, bound, rejected)
        found[i] = nodes[bucket]
    return found
