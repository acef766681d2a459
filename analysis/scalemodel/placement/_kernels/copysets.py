"""Copysets: rows of nodes, grouped by the first of them."""

import numpy as np

from scalemodel._jit import kernel

from .partition_table import scaled


@kernel
def rows_of(hashes, starts):
    """Return the row of each hashed key: the hash scaled to the nodes, and what is left of it to the node's rows."""
    nodes = np.uint64(len(starts) - 1)
    found = np.empty(len(hashes), np.int64)
    for i in range(len(hashes)):
        node = np.int64(scaled(hashes[i], nodes))
        rest = hashes[i] * nodes  # modulo 2^64: how far into the node's interval
        found[i] = starts[node] + np.int64(scaled(rest, np.uint64(starts[node + 1] - starts[node])))
    return found
