"""FlipHash: perfectly even in constant time and without memory, but only the last node may leave."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._kernels import flip as kernels
from .buckets import Buckets
from .placement import Nodes


@dataclass(frozen=True, init=False, repr=False)
class FlipHash(Buckets):
    """FlipHash over numbered buckets.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes, up to 2^31 - 1. All weights must be equal: the scheme has none.
    seed : int
        Seeds the hash of keys.

    Examples
    --------
    >>> FlipHash(11).lookup(np.array([0, 1, 2], dtype=np.uint64), hashed=True)
    array([0, 5, 4], dtype=int32)

    References
    ----------
    Masson and Lee, "FlipHash: A Constant-Time Consistent Range-Hashing Algorithm", arXiv:2402.17549.
    SUPSI, java-consistent-hashing-algorithms 68803f8, ``FlipEngine``, with murmur3's finaliser as its hash.
    """

    def __init__(self, n: Nodes, seed: int = 0) -> None:
        super().__init__(n, seed=seed)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, self.size)
