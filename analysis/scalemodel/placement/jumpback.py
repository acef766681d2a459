"""JumpBackHash: what jump consistent hash does, in constant time."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ._kernels import jumpback as kernels
from .buckets import Buckets, no_power_of_two_between
from .placement import Nodes


@dataclass(frozen=True, init=False, repr=False)
class JumpBackHash(Buckets):
    """JumpBackHash over numbered buckets: perfectly even, no memory, at most 5/3 random numbers a key on average.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes, up to 2^31 - 1. All weights must be equal: the scheme has none.
    variant : {"splitmix64", "xorshift_l7r9"}
        The random numbers of a key: hash4j's ``jumpBackHashSplitMix64``, or its ``jumpBackHashXorshiftL7R9``, which
        takes the hashed key itself for the first one.
    seed : int
        Seeds the hash of keys.

    Examples
    --------
    >>> JumpBackHash(1000).lookup(np.array([0, 1, 2], dtype=np.uint64), hashed=True)
    array([313, 492, 990], dtype=int32)

    References
    ----------
    Ertl, "JumpBackHash: Say Goodbye to the Modulo Operation to Distribute Keys Uniformly to Buckets",
    arXiv:2403.18682.
    """

    variant: Literal["splitmix64", "xorshift_l7r9"]

    def __init__(self, n: Nodes, variant: Literal["splitmix64", "xorshift_l7r9"] = "splitmix64", seed: int = 0) -> None:
        if variant not in ("splitmix64", "xorshift_l7r9"):
            raise ValueError(f"variant is {variant!r}: give 'splitmix64' or 'xorshift_l7r9'")
        super().__init__(n, seed=seed, variant=variant)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, self.size, self.variant == "xorshift_l7r9")

    def _moves_to(self, more: Buckets) -> NDArray[np.float64] | None:
        """Know nothing across a power of two: which bits of the key decide below and above it is not independent."""
        return super()._moves_to(more) if no_power_of_two_between(self.size, more.size) else None
