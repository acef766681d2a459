"""MementoHash: jump consistent hash that remembers the nodes that left."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ._kernels import engines, jump
from ._kernels import memento as kernels
from .placement import Nodes
from .stateful import StatefulBuckets


@dataclass(frozen=True, init=False)
class MementoHash(StatefulBuckets):
    """MementoHash: jump consistent hash over all buckets; from an empty one, a key is hashed on among the others.

    There is no capacity to choose, and while only the last node leaves there is nothing to remember.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes. All weights must be equal: the scheme has none.
    seed : int
        Seeds the hash of keys.
    buckets, removed : sequence of int, optional
        The bucket of each node, and the empty ones in the order in which they were left: what a saved state holds.

    Examples
    --------
    >>> cluster = MementoHash(["a", "b", "c", "d"]).remove("b")
    >>> cluster.removed, cluster.remove("d").removed
    ((1,), (1, 3))

    References
    ----------
    Coluzzi et al., "MementoHash: A Stateful, Minimal Memory, Best Performing Consistent Hash Algorithm", IEEE/ACM ToN
    2024, arXiv:2306.09783.
    SUPSI, java-consistent-hashing-algorithms 68803f8, ``MementoEngine``, with murmur3's finaliser as its hash.
    """

    def __init__(
        self, n: Nodes, seed: int = 0, buckets: Sequence[int] | None = None, removed: Sequence[int] = ()
    ) -> None:
        super().__init__(n, seed=seed, buckets=buckets, removed=removed)

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        replacers = np.full(self.used, -1, np.int32)
        replacers[list(self.removed)] = self.used - 1 - np.arange(len(self.removed))
        return replacers, self._nodes_of_buckets(self.used)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        buckets = jump.lookup_guava(engines.hash1_keys(hashes), self.used)
        return kernels.settle(hashes, buckets, *self._tables)
