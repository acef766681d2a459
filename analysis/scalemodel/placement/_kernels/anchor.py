"""AnchorHash: hash to a bucket of the anchor; from a removed one, hash on among the buckets that outlived it."""

import numpy as np

from scalemodel._jit import kernel

from .engines import hash2, hash3

SEED = np.uint64(0xDEADBEEF)


@kernel
def tables(capacity, used, removed):
    """Remove the buckets of `removed` in order from the first `used` of `capacity`; return sizes and successors.

    ``sizes[b]`` is the number of working buckets left when b was removed, 0 for a working bucket; ``successors[b]`` is
    the bucket that took its place in the working set.
    """
    sizes = np.zeros(capacity, np.uint32)
    for b in range(used, capacity):
        sizes[b] = b
    successors = np.arange(capacity).astype(np.uint32)
    working = np.arange(capacity)  # the buckets in use come first
    positions = np.arange(capacity)
    size = used
    for b in removed:
        size -= 1
        last = working[size]
        sizes[b] = size
        successors[b] = last
        working[positions[b]] = last
        positions[last] = positions[b]
    return sizes, successors


@kernel
def lookup(hashes, sizes, successors, nodes):
    """Return the node of each hashed key; ``nodes[b]`` is the node on bucket b."""
    found = np.empty(len(hashes), np.int32)
    capacity = np.uint64(len(sizes))
    for i in range(len(hashes)):
        value = hash2(hashes[i], SEED)
        b = np.uint32(value % capacity)
        while sizes[b] > 0:
            left = sizes[b]
            value = hash3(value, b, SEED)
            b = np.uint32(value % np.uint64(left))
            while sizes[b] >= left:
                b = successors[b]
        found[i] = nodes[b]
    return found
