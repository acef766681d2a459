"""Rendezvous hashing (highest random weight): exact weights, minimal movement, a score per node and key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..hashing import KeyBytes, _frozen, _integers_or_bytes, hash_keys, key_bytes
from ._kernels import rendezvous as kernels
from ._kernels import rendezvous_murmur3 as murmur3
from .placement import Nodes, Placement


class Prefixes(NamedTuple):
    """What murmur3 has made of each "node-", in groups by length modulo 4, and each node's rank in order of names."""

    states: NDArray[np.uint32]
    tails: NDArray[np.uint32]
    lengths: NDArray[np.uint32]
    groups: NDArray[np.int64]
    ranks: NDArray[np.int32]


@dataclass(frozen=True, init=False)
class Rendezvous(Placement):
    """Every node draws a random clock for the key, ``-ln(u) / weight``; the first to ring owns it.

    A node owns exactly its weight's share of the key space. Adding, removing or reweighting a node moves keys only to
    or from that node.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes; a topology brings weights and failure domains.
    weights : sequence of float, optional
        Relative capacity of each node, above zero.
    seed : int
        Another seed is another placement; with variant ``"murmur3"`` below 2^32.
    variant : {"fmix64", "murmur3"}
        Where u comes from: a mix of the XXH64 of key and node; or, as in clandestined and pymemcache, bit for bit, the
        32-bit murmur3 of ``"node-key"``. There integers, and keys that are hashed already, are written in decimal, and
        of equal scores the node wins whose name sorts last.

    Examples
    --------
    >>> Rendezvous(["a", "b"], weights=[1, 3]).ownership()
    array([0.25, 0.75])
    >>> Rendezvous(["a", "b", "c"], variant="murmur3").lookup(["user:1", "user:3"])
    array([2, 1], dtype=int32)

    References
    ----------
    Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN 1998.
    Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005 (the logarithmic method).
    """

    variant: Literal["fmix64", "murmur3"]

    def __init__(
        self,
        nodes: Nodes,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        variant: Literal["fmix64", "murmur3"] = "fmix64",
    ) -> None:
        if variant not in ("fmix64", "murmur3"):
            raise ValueError(f"variant is {variant!r}: give 'fmix64' or 'murmur3'")
        super().__init__(nodes, weights, seed=seed, variant=variant)
        if variant == "murmur3" and self.seed >= 2**32:
            raise ValueError(f"seed is {seed} and murmur3 takes 32 bits: give an integer from 0 to 2^32 - 1")

    @cached_property
    def _node_hashes(self) -> NDArray[np.uint64]:
        return hash_keys(self.nodes, seed=self.seed)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.asarray(self.topology.weights)

    @cached_property
    def _prefixes(self) -> Prefixes:
        states, tails, lengths = murmur3.prefixes(*key_bytes([f"{node}-" for node in self.nodes]), self.seed)
        order = np.argsort(lengths % np.uint32(4), kind="stable")
        groups = np.searchsorted(lengths[order] % np.uint32(4), np.arange(5)).astype(np.int64)
        ranks = np.empty(len(order), np.int32)
        ranks[self._by_name] = np.arange(len(order))
        return Prefixes(states[order], tails[order], lengths[order], groups, ranks[order])

    @cached_property
    def _by_name(self) -> NDArray[np.int32]:
        return np.array(sorted(range(len(self.nodes)), key=self.nodes.__getitem__), np.int32)

    def _hashes(self, keys: Any, hashed: bool) -> Any:
        """Return the hash of each key; for murmur3 its bytes."""
        if self.variant == "fmix64":
            return super()._hashes(keys, hashed)
        found = super()._hashes(keys, hashed) if hashed else _integers_or_bytes(keys)
        return _decimals(found) if isinstance(found, np.ndarray) else found

    def _hashes_like(self, other: Placement) -> bool:
        return super()._hashes_like(other) and isinstance(other, Rendezvous) and self.variant == other.variant

    def _lookup(self, hashes: Any) -> NDArray[np.int32]:
        equal = bool((self._weights == self._weights[0]).all())
        if self.variant == "murmur3":
            if not equal:
                return self._replicas(hashes, 1, np.arange(len(self.nodes)))[:, 0]
            data, offsets = hashes
            return self._by_name[murmur3.lookup_equal(data, offsets, *self._prefixes)]
        if equal:
            return kernels.lookup_equal(hashes, self._node_hashes)
        return kernels.lookup_weighted(hashes, self._node_hashes, self._weights)

    def _replicas(self, hashes: Any, n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        if self.variant == "fmix64":
            return kernels.replicas(hashes, self._node_hashes, self._weights, domains, n)
        nodes = self._by_name[self._prefixes.ranks]  # in the order of the states
        data, offsets = hashes
        ranks = murmur3.replicas(data, offsets, *self._prefixes, self._weights[nodes], domains[nodes], n)
        return self._by_name[ranks]

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        if replicas == 1:
            return self.topology.shares
        if not spread and (self._weights == self._weights[0]).all():
            return self.topology.shares
        return None

    def _exact_movement(self, after: Placement) -> NDArray[np.float64] | None:
        """Use that clocks have no memory: who rings first says nothing of the order of the rest."""
        if not isinstance(after, Rendezvous) or not self._hashes_like(after):
            return None
        before_weight = dict(zip(self.nodes, self.topology.weights, strict=True))
        after_weight = dict(zip(after.nodes, after.topology.weights, strict=True))
        if any(after_weight[node] != before_weight[node] for node in before_weight.keys() & after_weight.keys()):
            return None
        before_sum, after_sum = sum(before_weight.values()), sum(after_weight.values())
        union_sum = sum((before_weight | after_weight).values())
        matrix = np.zeros((len(self.nodes), len(after.nodes)))
        for i, (source, w) in enumerate(before_weight.items()):
            for j, (target, v) in enumerate(after_weight.items()):
                if source == target:
                    matrix[i, j] = w / union_sum
                    continue
                if target not in before_weight:  # the target is first of all, the source first of those before
                    matrix[i, j] += v / union_sum * w / before_sum
                if source not in after_weight:  # the source is first of all, the target first of those after
                    matrix[i, j] += w / union_sum * v / after_sum
        return matrix


def _decimals(numbers: NDArray[np.uint64]) -> KeyBytes:
    data, offsets = murmur3.decimals(_frozen(numbers))
    return _frozen(data), _frozen(offsets)
