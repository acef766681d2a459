"""DxHash: any node may leave, and a look-up draws buckets until one is in use."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ._kernels import dx as kernels
from .stateful import BoundedBuckets


@dataclass(frozen=True, init=False)
class DxHash(BoundedBuckets):
    """DxHash: a key draws buckets at random until it meets one with a node.

    A look-up takes ``capacity / nodes`` draws on average, of Java's ``Random`` with the key's hash as the seed.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes. All weights must be equal: the engine has none.
    capacity : int, optional
        The most nodes there can ever be at a time; placement depends on it. Twice as many as now and at least 16,
        unless given.
    seed : int
        Seeds the hash of keys.
    buckets, removed : sequence of int, optional
        The bucket of each node, and the empty ones in the order in which they were left: what a saved state holds.

    Raises
    ------
    ValueError
        If the capacity is below the number of nodes.

    Examples
    --------
    >>> DxHash(10, capacity=20).lookup(np.array([0, 1, 2], dtype=np.uint64), hashed=True)
    array([0, 9, 8], dtype=int32)

    References
    ----------
    Dong and Wang, "DxHash: A Scalable Consistent Hash Based on the Pseudo-Random Sequence", arXiv:2107.07930.
    SUPSI, java-consistent-hashing-algorithms 68803f8, ``DxEngine``, with murmur3's finaliser as its hash.
    """

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        return self._nodes_of_buckets(self.capacity)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, self._table)
