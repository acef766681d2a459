"""Consistent hashing on a ring with virtual nodes (Karger et al. 1997)."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..hashing import key_bytes
from ._kernels import ring as kernels
from .placement import Nodes, Placement

MOST_POINTS = 2**27
"""Points of the largest ring: 2 GiB of tables."""

MURMUR2_SEED = 0xC70F6907
"""Seed of Envoy's MurmurHash2, the one of libstdc++."""


class Index(NamedTuple):
    """Points in order, with one more for the way around, and where each bucket of their top bits begins."""

    points: NDArray[np.uint64]
    owners: NDArray[np.int32]
    starts: NDArray[np.int32]
    bits: int


def indexed(points: NDArray[np.uint64], counts: NDArray[np.int64]) -> Index:
    """Sort points that came node after node, `counts` of each; of equal points the first to come owns the keys."""
    owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    bits = math.ceil(math.log2(len(points))) + 1
    in_order, their_owners, starts = kernels.sort_points(points, owners, bits)
    return Index(in_order, their_owners, starts, bits)


def point_counts(weights: Sequence[float], each: int) -> NDArray[np.int64]:
    """Return the points of each node when one of weight 1 has `each`: rounded, at least one."""
    return np.maximum(1, np.rint(np.asarray(weights) * each)).astype(np.int64)


class PointRing(Placement):
    """What rings of points have in common; a scheme defines `_index`."""

    @property
    def points(self) -> NDArray[np.uint64]:
        """The points in ring order."""
        return self._index.points[:-1]

    @property
    def owners(self) -> NDArray[np.int32]:
        """The node of each point, in ring order."""
        return self._index.owners[:-1]

    @cached_property
    @abstractmethod
    def _index(self) -> Index:
        """Return the points and who owns them."""

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, *self._index)

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return kernels.replicas(hashes, *self._index, domains, n)

    def _boundaries(self) -> NDArray[np.uint64]:
        return self.points


@dataclass(frozen=True, init=False)
class HashRing(PointRing):
    """A ring of points, `vnodes` for each node of weight 1; a key belongs to the first point at or after its hash.

    Points are the XXH64 of ``"name_0"``, ``"name_1"``, … and keys are hashed by XXH64, both with `seed`: the ring of
    Envoy's load balancer when every host has as many points. A node of weight w has ``round(vnodes * w)`` points, at
    least one, whatever the other nodes weigh, so adding or removing a node moves no key between the others.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes; a topology brings weights and failure domains.
    vnodes : int
        Points of a node of weight 1.
    weights : sequence of float, optional
        Relative capacity of each node, above zero.
    seed : int
        Another seed is another ring.
    hash : {"xxh64", "murmur2"}
        Hash function of the points: XXH64 or, as Envoy's other choice, MurmurHash64A with the seed 0xc70f6907 plus
        `seed`. Keys are hashed by XXH64 either way.

    Examples
    --------
    >>> ring = HashRing(["a", "b", "c"], vnodes=256)
    >>> [ring.nodes[i] for i in ring.lookup(["user:1", "user:2"])]
    ['a', 'c']
    >>> ring.add("d").remove("d") == ring
    True

    References
    ----------
    Karger et al., "Consistent hashing and random trees", STOC 1997.
    Envoy, ring hash load balancer: hash of ``address_i``.
    """

    vnodes: int
    hash: Literal["xxh64", "murmur2"]

    def __init__(
        self,
        nodes: Nodes,
        vnodes: int = 128,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        hash: Literal["xxh64", "murmur2"] = "xxh64",
    ) -> None:
        if isinstance(vnodes, bool) or not isinstance(vnodes, (int, np.integer)) or vnodes < 1:
            raise ValueError(f"vnodes is {vnodes!r}: give an integer of one or more points per node")
        if hash not in ("xxh64", "murmur2"):
            raise ValueError(f"hash is {hash!r}: give 'xxh64' or 'murmur2'")
        super().__init__(nodes, weights, seed=seed, vnodes=int(vnodes), hash=hash)
        if (total := sum(self.topology.weights) * vnodes) > MOST_POINTS:
            raise ValueError(
                f"the ring would have {total:.3g} points, at most {MOST_POINTS:.3g} are allowed: "
                "give fewer vnodes or smaller weights (a node of weight 1 has `vnodes` points)"
            )

    @property
    def counts(self) -> NDArray[np.int64]:
        """Points of each node, ``int64[nodes]``."""
        return point_counts(self.topology.weights, self.vnodes)

    @cached_property
    def _index(self) -> Index:
        names, offsets = key_bytes(self.nodes)
        counts = self.counts
        murmur2 = self.hash == "murmur2"
        seed = (self.seed + MURMUR2_SEED) % 2**64 if murmur2 else self.seed
        return indexed(kernels.name_points(names, offsets, counts, np.uint64(seed), murmur2), counts)
