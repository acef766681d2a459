"""Numbering keys in order of first appearance."""

import numpy as np

from scalemodel._jit import kernel

U64 = np.uint64
GOLDEN = U64(0x9E3779B97F4A7C15)


@kernel
def dense(keys, table, known, ids, start):
    """Number the 64-bit `keys` into ``ids``; `table` int32[2^b] holds the number at each slot or -1.

    ``known`` uint64[] holds the key of each number, of which `start` are taken. Stops where the table is half full.
    Returns how many keys were read, and how many numbers are taken.
    """
    bits = 0
    while (1 << bits) < len(table):
        bits += 1
    shift = U64(64 - bits)
    mask = len(table) - 1
    limit = min(len(table) // 2, len(known))
    count = start
    for i in range(len(keys)):
        key = keys[i]
        slot = np.int64((key * GOLDEN) >> shift)
        while True:
            number = table[slot]
            if number < 0:
                if count == limit:
                    return i, count
                table[slot] = count
                known[count] = key
                ids[i] = count
                count += 1
                break
            if known[number] == key:
                ids[i] = number
                break
            slot = (slot + 1) & mask
    return len(keys), count


@kernel
def rehash(known, count, table):
    """Enter the first `count` keys into an empty, larger table."""
    bits = 0
    while (1 << bits) < len(table):
        bits += 1
    shift = U64(64 - bits)
    mask = len(table) - 1
    for number in range(count):
        slot = np.int64((known[number] * GOLDEN) >> shift)
        while table[slot] >= 0:
            slot = (slot + 1) & mask
        table[slot] = number
