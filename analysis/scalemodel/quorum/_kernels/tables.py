"""Truth tables of many expressions at once: bit s of a table tells whether the set of nodes s is a quorum.

Bit i of s stands for node i. A table is a row of 64-bit words.
"""

import numpy as np

from scalemodel._jit import kernel

ONE = np.uint64(1)
ZERO = np.uint64(0)


@kernel
def build(thresholds, starts, parts, tables, out, first):
    """Fill the rows `first`, … of `out`: gate i needs ``thresholds[i]`` of ``parts[starts[i]:starts[i + 1]]``.

    Parts are rows of `tables`, which may be `out` itself if a gate's parts come before it.
    """
    words = tables.shape[1]
    most = 0
    for i in range(len(thresholds)):
        most = max(most, thresholds[i])
    row = np.empty(most + 1, np.uint64)
    for i in range(len(thresholds)):
        k = thresholds[i]
        for word in range(words):
            row[0] = ~ZERO
            for j in range(1, k + 1):
                row[j] = ZERO
            for at in range(starts[i], starts[i + 1]):
                table = tables[parts[at], word]
                for j in range(k, 0, -1):
                    row[j] |= row[j - 1] & table
            out[first + i, word] = row[k]


@kernel
def dualized(tables, n):
    """Return the tables of the duals: a set is a quorum of the dual if its complement is not one."""
    out = np.zeros_like(tables)
    sets = 1 << n
    for i in range(len(tables)):
        for s in range(sets):
            t = sets - 1 - s
            if not (tables[i, t >> 6] >> np.uint64(t & 63)) & ONE:
                out[i, s >> 6] |= ONE << np.uint64(s & 63)
    return out


@kernel
def surviving(tables, n, f):
    """Return the tables of the sets that are still quorums after any `f` of their members have failed."""
    now = tables.copy()
    sets = 1 << n
    for _ in range(f):
        out = now.copy()
        for i in range(len(now)):
            for s in range(sets):
                for node in range(n):
                    if (s >> node) & 1:
                        t = s ^ (1 << node)
                        if not (now[i, t >> 6] >> np.uint64(t & 63)) & ONE:
                            out[i, s >> 6] &= ~(ONE << np.uint64(s & 63))
                            break
        now = out
    return now


@kernel
def first_of(tables, order):
    """Return for each table the first position in `order` whose set is a quorum; the full set must be one."""
    found = np.empty(len(tables), np.int64)
    for i in range(len(tables)):
        at = 0
        while not (tables[i, order[at] >> 6] >> np.uint64(order[at] & 63)) & ONE:
            at += 1
        found[i] = at
    return found


@kernel
def missing(tables, weights):
    """Return for each table the sum of the weights of the sets that are not quorums."""
    out = np.zeros(len(tables))
    for i in range(len(tables)):
        for s in range(len(weights)):
            if not (tables[i, s >> 6] >> np.uint64(s & 63)) & ONE:
                out[i] += weights[s]
    return out


@kernel
def minimal(table, n):
    """Return the sets that are quorums of one table and lose it with any member."""
    out = np.empty(1 << n, np.int64)
    count = 0
    for s in range(1 << n):
        if not (table[s >> 6] >> np.uint64(s & 63)) & ONE:
            continue
        needed = True
        for node in range(n):
            t = s ^ (1 << node)
            if (s >> node) & 1 and (table[t >> 6] >> np.uint64(t & 63)) & ONE:
                needed = False
                break
        if needed:
            out[count] = s
            count += 1
    return out[:count]
