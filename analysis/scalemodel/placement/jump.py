"""Jump consistent hash: perfectly even, no memory, but nodes come and go only at the end of the list."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..topology import Topology
from ._kernels import jump as kernels
from .placement import Nodes, Placement

MOST_NODES = 2**31 - 1


@dataclass(frozen=True, init=False)
class JumpHash(Placement):
    """Jump consistent hash over numbered buckets.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes. All weights must be equal: the scheme has none.
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
        if len(set(self.topology.weights)) > 1:
            raise ValueError("the nodes have different weights: jump hash has none, use HashRing or Rendezvous")

    def remove(self, node: str) -> "JumpHash":
        """Return the placement without its last node; jump hash cannot lose another one.

        Raises
        ------
        ValueError
            If the node is not the last in the list, or the only one.
        """
        if self.topology.index(node) != len(self.nodes) - 1:
            raise ValueError(
                f"jump hash can remove only its last node, {self.nodes[-1]!r}, not {node!r}: "
                "use HashRing or Rendezvous where any node may leave"
            )
        return super().remove(node)

    def _over(self, topology: Topology, seed: int | None = None) -> "JumpHash":
        return JumpHash(topology, self.variant, self.seed if seed is None else seed)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        find = kernels.lookup_cpp if self.variant == "cpp" else kernels.lookup_guava
        return find(hashes, len(self.nodes))

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        if replicas > 1 and spread:
            return None
        return np.full(len(self.nodes), 1 / len(self.nodes))

    def _exact_movement(self, after: Placement) -> NDArray[np.float64] | None:
        if not isinstance(after, JumpHash) or after.seed != self.seed or after.variant != self.variant:
            return None
        fewer, more = sorted((self.nodes, after.nodes), key=len)
        if more[: len(fewer)] != fewer:
            return None
        # A key of the larger cluster sits on a node of the smaller one with chance 1/fewer, wherever it sits now.
        matrix = np.zeros((len(fewer), len(more)))
        matrix[:, : len(fewer)] = np.diag(np.full(len(fewer), 1 / len(more)))
        matrix[:, len(fewer) :] = 1 / (len(fewer) * len(more))
        return matrix if len(self.nodes) == len(fewer) else matrix.T
