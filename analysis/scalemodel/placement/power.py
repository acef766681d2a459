"""PowerCH: constant time and no memory, but only the last node may leave."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._kernels import power as kernels
from .buckets import Buckets, no_power_of_two_between
from .placement import Nodes


@dataclass(frozen=True, init=False, repr=False)
class PowerHash(Buckets):
    """Power consistent hashing over numbered buckets.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes, up to 2^31 - 1. All weights must be equal: the scheme has none.
    seed : int
        Seeds the hash of keys.

    Examples
    --------
    >>> PowerHash(11).lookup(np.array([0, 1, 2], dtype=np.uint64), hashed=True)
    array([0, 8, 7], dtype=int32)

    References
    ----------
    Leu, "Fast Consistent Hashing in Constant Time", arXiv:2307.12448.
    SUPSI, java-consistent-hashing-algorithms 68803f8, ``PowerEngine``, with murmur3's finaliser as its hash.
    """

    def __init__(self, n: Nodes, seed: int = 0) -> None:
        super().__init__(n, seed=seed)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, self.size)

    def _moves_to(self, more: Buckets) -> NDArray[np.float64] | None:
        """Know nothing across a power of two: which bits of the key decide below and above it is not independent."""
        return super()._moves_to(more) if no_power_of_two_between(self.size, more.size) else None
