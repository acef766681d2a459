"""Multi-probe consistent hashing: one point a node, and balance from looking up every key several times."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..hashing import hash_keys, key_bytes
from ._kernels import hashes as byte_hashes
from ._kernels import multi_probe as kernels
from .placement import Nodes, Placement, interval_lengths
from .ring import Index, indexed

MOST_PROBES = 1000

GAMMA = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, init=False)
class MultiProbe(Placement):
    """Every node has one point on a circle; the point that is nearest, clockwise, to any of a key's probes owns it.

    With probes independent of each other the busiest node holds about 1 + 1/(probes - 1) times the mean. The probes of
    go-mpchash are ``h1 + i h2``, of two hashes a key, and so are not independent: with 21 of them and 100 nodes the
    peak is about 1.09 instead of 1.05. A change of one node moves keys to or from that node only.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes. All weights must be equal: the scheme has none.
    probes : int
        Probes of a key.
    variant : {"mpchash", "independent"}
        dgryski/go-mpchash, bit for bit: nodes hashed by SipHash-2-4 with the key (0, `seed`), keys with the keys (1,
        `seed`) and (2, `seed`) to h1 and h2. Or the paper's independent probes: the outputs of SplitMix64 seeded by the
        key's XXH64. With ``hashed=True`` a key is h1, and h2 its SplitMix64; or the seed of the probes.
    seed : int
        Seeds the hashes of nodes and keys.

    Examples
    --------
    >>> MultiProbe([f"shard-{i}" for i in range(1, 11)]).lookup(["key:1", "key:2"])
    array([0, 3], dtype=int32)
    >>> float(round(100 * MultiProbe(100, variant="independent").ownership().max(), 2))
    1.04

    References
    ----------
    Appleton and O'Reilly, "Multi-probe consistent hashing", arXiv:1505.00062.
    D. Gryski, go-mpchash.
    """

    probes: int
    variant: Literal["mpchash", "independent"]

    def __init__(
        self,
        nodes: Nodes,
        probes: int = 21,
        weights: Sequence[float] | None = None,
        variant: Literal["mpchash", "independent"] = "mpchash",
        seed: int = 0,
    ) -> None:
        if isinstance(probes, bool) or not isinstance(probes, (int, np.integer)) or not 1 <= probes <= MOST_PROBES:
            raise ValueError(f"probes is {probes!r}: give an integer from 1 to {MOST_PROBES}")
        if variant not in ("mpchash", "independent"):
            raise ValueError(f"variant is {variant!r}: give 'mpchash' or 'independent'")
        super().__init__(nodes, weights, seed=seed, probes=int(probes), variant=variant)
        self._refuse_weights()

    @property
    def points(self) -> NDArray[np.uint64]:
        """The points of the nodes in order."""
        return self._index.points[:-1]

    @property
    def owners(self) -> NDArray[np.int32]:
        """The node of each point, in order."""
        return self._index.owners[:-1]

    @cached_property
    def _index(self) -> Index:
        return indexed(self._siphash(self.nodes, 0), np.ones(len(self.nodes), np.int64))

    def _siphash(self, keys: Any, first: int) -> NDArray[np.uint64]:
        return byte_hashes.siphash_keys(*key_bytes(keys), np.uint64(first), np.uint64(self.seed))

    def _hashes(self, keys: Any, hashed: bool) -> NDArray[np.uint64]:
        """Return the hash of each key or, for the probes of go-mpchash, a row of two."""
        if self.variant == "independent":
            return super()._hashes(keys, hashed)
        if not hashed:
            return np.column_stack([self._siphash(keys, 1), self._siphash(keys, 2)])
        first = super()._hashes(keys, hashed)
        return np.column_stack([first, hash_keys(first, "splitmix64")])

    def _hashes_like(self, other: Placement) -> bool:
        return isinstance(other, MultiProbe) and (self.variant, self.seed) == (other.variant, other.seed)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        find = kernels.lookup_double if self.variant == "mpchash" else kernels.lookup_independent
        return find(hashes, self.probes, self.points, self.owners, self._index.starts, self._index.bits)

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        mixed = self.variant == "independent"
        firsts, steps = (hashes, np.full(len(hashes), GAMMA)) if mixed else np.ascontiguousarray(hashes.T)
        index = self._index
        return kernels.replicas(
            firsts, steps, mixed, self.probes, self.points, self.owners, index.starts, index.bits, domains, n
        )

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        """Integrate over the winner's distance; two probes are independent in either variant, more in one only.

        With g_j the gap before node j, a probe is farther than x from its node with the chance
        ``G(x) = sum over j of max(0, g_j - x)``, so node j wins with the chance of P integrals over x from 0 to g_j of
        ``G(x)^(P-1)``. Between neighbouring gaps G falls by 1 for each node with a longer gap.
        """
        if replicas > 1 or (self.variant == "mpchash" and self.probes > 2):
            return None
        gaps = interval_lengths(self.points)
        order = np.argsort(gaps, kind="stable")
        ends = gaps[order]
        longer = np.arange(len(gaps), 0, -1)
        farther = np.append(np.cumsum((np.diff(ends, prepend=0.0) * longer)[::-1])[::-1], 0.0)  # G at 0 and at each end
        wins = farther**self.probes
        shares = np.empty(len(gaps))
        shares[self.owners[order]] = np.cumsum((wins[:-1] - wins[1:]) / longer)
        return shares
