"""BinomialHash: constant time and no memory, but not quite even, and only the last node may leave."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._kernels import binomial as kernels
from .buckets import Buckets
from .placement import Nodes


@dataclass(frozen=True, init=False, repr=False)
class BinomialHash(Buckets):
    """BinomialHash over numbered buckets: a key's place in a binary tree of buckets, tried again when out of range.

    After four tries a key falls back to the part of the tree that is full, the first m nodes, where m is the largest
    power of two below n. Were its hashes ideal, each of the others would hold ``(1 - q**5) / n`` of the keys, where
    ``q = 1 - n / (2 * m)``: up to 3.1 % less than its fair share, and the first m up to 0.2 % more. The engine hashes
    again by a multiplication whose bits are not independent, which adds to it: of 5 or 7 nodes one has 4 % too much, of
    up to 31 some 2 %. So `ownership` and movements are counted over a sample.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes, up to 2^31 - 1. All weights must be equal: the scheme has none.
    seed : int
        Seeds the hash of keys.

    Examples
    --------
    >>> BinomialHash(11).lookup(np.array([0, 1, 2], dtype=np.uint64), hashed=True)
    array([0, 5, 7], dtype=int32)

    References
    ----------
    Coluzzi et al., "BinomialHash: A Constant Time, Minimal Memory Consistent Hashing Algorithm", arXiv:2406.19836.
    SUPSI, java-consistent-hashing-algorithms 68803f8, ``BinomialEngine``, with murmur3's finaliser as its hash.
    """

    def __init__(self, n: Nodes, seed: int = 0) -> None:
        super().__init__(n, seed=seed)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, self.size)

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        return np.full(self.size, 1 / self.size) if replicas == self.size else None

    def _moves_to(self, more: Buckets) -> None:
        return None
