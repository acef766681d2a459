"""Rendezvous hashing (highest random weight): exact weights, minimal movement, a score per node and key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..hashing import hash_keys
from ._kernels import rendezvous as kernels
from .placement import Nodes, Placement


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
        Another seed is another placement.

    Examples
    --------
    >>> Rendezvous(["a", "b"], weights=[1, 3]).ownership()
    array([0.25, 0.75])

    References
    ----------
    Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN 1998.
    Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005 (the logarithmic method).
    """

    def __init__(self, nodes: Nodes, weights: Sequence[float] | None = None, seed: int = 0) -> None:
        super().__init__(nodes, weights, seed=seed)

    @cached_property
    def _node_hashes(self) -> NDArray[np.uint64]:
        return hash_keys(self.nodes, seed=self.seed)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.asarray(self.topology.weights)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        if (self._weights == self._weights[0]).all():
            return kernels.lookup_equal(hashes, self._node_hashes)
        return kernels.lookup_weighted(hashes, self._node_hashes, self._weights)

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return kernels.replicas(hashes, self._node_hashes, self._weights, domains, n)

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
        if not isinstance(after, Rendezvous) or after.seed != self.seed:
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
