"""MementoHash: from a removed bucket, hash on among the buckets that outlived it."""

import numpy as np

from scalemodel._jit import kernel

from .engines import hash2


@kernel
def settle(hashes, buckets, replacers, nodes):
    """Move each key from its bucket to one in use, and return its node.

    ``replacers[b]`` is the number of buckets left when b was removed, which is also the bucket that replaced it, and -1
    for a bucket in use; ``nodes[b]`` is the node on bucket b.
    """
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        b = buckets[i]
        left = replacers[b]
        while left >= 0:
            b = np.int32(hash2(hashes[i], b) % np.uint64(left))
            while replacers[b] >= left:
                b = replacers[b]
            left = replacers[b]
        found[i] = nodes[b]
    return found
