"""Jump consistent hash: perfectly even, no memory, but nodes come and go only at the end of the list."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ._kernels import jump as kernels
from .buckets import Buckets
from .placement import Nodes


@dataclass(frozen=True, init=False, repr=False)
class JumpHash(Buckets):
    """Jump consistent hash over numbered buckets.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes, up to 2^31 - 1. All weights must be equal: the scheme has none.
    variant : {"cpp", "guava"}
        Two published programs, which round differently and disagree on about one key in 6e7: the C++ of the paper, or
        Guava's ``Hashing.consistentHash``.
    seed : int
        Seeds the hash of keys.

    Examples
    --------
    >>> JumpHash(1000).lookup(np.array([0, 1, 2], dtype=np.uint64), hashed=True)
    array([  0, 549, 338], dtype=int32)

    References
    ----------
    Lamping and Veach, "A fast, minimal memory, consistent hash algorithm", arXiv:1406.2294.
    """

    variant: Literal["cpp", "guava"]

    def __init__(self, n: Nodes, variant: Literal["cpp", "guava"] = "cpp", seed: int = 0) -> None:
        if variant not in ("cpp", "guava"):
            raise ValueError(f"variant is {variant!r}: give 'cpp' or 'guava'")
        super().__init__(n, seed=seed, variant=variant)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        find = kernels.lookup_cpp if self.variant == "cpp" else kernels.lookup_guava
        return find(hashes, self.size)
