"""A table with a node for each remainder of the hash."""

import numpy as np

from scalemodel._jit import kernel

from .hashes import high_product


@kernel
def lookup(hashes, table, size):
    """Return the node of slot ``hash % size``; `table` is the table twice.

    The quotient by a rounded reciprocal is right or one too small, so the remainder may be one `size` too large: it
    falls into the second half.
    """
    reciprocal = np.uint64(0xFFFFFFFFFFFFFFFF) // size
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        found[i] = table[hashes[i] - high_product(hashes[i], reciprocal) * size]
    return found


@kernel
def following(table, domains, n):
    """Return for each slot the nodes of the first `n` distinct domains from it on, around the end.

    Walks backwards: the list of a slot is its node, then the list of the next slot without the node's domain. The
    first round only finds the lists that reach around the end.
    """
    size = len(table)
    lists = np.empty((size, n), np.int32)
    held = np.empty(n, np.int32)
    count = 0
    for step in range(2 * size):
        slot = (2 * size - 1 - step) % size
        node = table[slot]
        at = 0
        while at < count and domains[held[at]] != domains[node]:
            at += 1
        if at == count and count < n:
            count += 1
        for k in range(min(at, n - 1), 0, -1):
            held[k] = held[k - 1]
        held[0] = node
        if step >= size:
            lists[slot] = held
    return lists
