"""AnchorHash: any node may leave, none of the others' keys move, and memory is fixed by the capacity."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ._kernels import anchor as kernels
from .stateful import BoundedBuckets


@dataclass(frozen=True, init=False)
class AnchorHash(BoundedBuckets):
    """AnchorHash: a fixed set of buckets, the anchor, of which the nodes take some.

    A key is hashed to a bucket of the anchor; when that bucket is empty, it is hashed again over the buckets that were
    in use when it was left. A look-up takes about ``1 + ln(capacity / nodes)`` hashes.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes. All weights must be equal: the scheme has none.
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
    >>> cluster = AnchorHash(["a", "b", "c"], capacity=6)
    >>> smaller = cluster.remove("a")
    >>> smaller.removed, smaller.buckets
    ((0,), (1, 2))
    >>> smaller.add("d").buckets
    (1, 2, 0)

    References
    ----------
    Mendelson et al., "AnchorHash: A Scalable Consistent Hash", IEEE/ACM ToN 2021, arXiv:1812.09674.
    SUPSI, java-consistent-hashing-algorithms 68803f8, ``AnchorEngine``, with murmur3's finaliser as its hash.
    """

    @cached_property
    def _tables(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int32]]:
        removed = np.array(self.removed, np.int64)
        return *kernels.tables(self.capacity, self.used, removed), self._nodes_of_buckets(self.capacity)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, *self._tables)
