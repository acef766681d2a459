"""Maglev's table: nodes take turns, and in its turn a node takes the next free slot of its own order of all slots."""

import numpy as np

from scalemodel._jit import kernel

WORD = np.uint64(6)  # 64 slots share a word of the bits that tell which are taken
WITHIN = np.uint64(63)
ONE = np.uint64(1)
NONE = np.uint64(0)


@kernel
def fill(offsets, skips, weights, size):
    """Return the node of each of `size` slots.

    A node's order is ``offset, offset + skip, offset + 2 skip, ...`` modulo the prime `size`. In turn t it takes a slot
    if t times its weight has reached its goal, which then grows by the largest weight: the heaviest nodes take one in
    every turn. Sums and comparisons are those of Envoy, so that rounding agrees, too.
    """
    table = np.empty(size, np.int32)
    taken = np.zeros((size >> WORD) + ONE, np.uint64)
    at = offsets.copy()
    goals = np.zeros(len(weights))
    heaviest = weights.max()
    free = size
    turn = 0
    while free > NONE:
        turn += 1
        for node in range(len(weights)):
            if turn * weights[node] < goals[node]:
                continue
            goals[node] += heaviest
            slot = at[node]
            skip = skips[node]
            while (taken[slot >> WORD] >> (slot & WITHIN)) & ONE:
                slot += skip
                slot = min(slot, slot - size)  # below zero is far above `size`
            taken[slot >> WORD] |= ONE << (slot & WITHIN)
            table[slot] = node
            at[node] = slot
            free -= ONE
            if free == NONE:
                break
    return table
