"""Schemes over numbered buckets: perfectly even, without weights, and only the last bucket may leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .placement import Nodes, Placement


@dataclass(frozen=True, init=False)
class Buckets(Placement):
    """A placement whose nodes are buckets 0 to n - 1, each with the same share of the key space.

    From n to more buckets, every key stays or moves to a new bucket, each new one with the same chance.
    """

    def __init__(self, nodes: Nodes, weights: Sequence[float] | None = None, *, seed: int = 0, **more: Any) -> None:
        super().__init__(nodes, weights, seed=seed, **more)
        self._refuse_weights()

    def remove(self, node: str) -> Self:
        """Return the placement without its last node; no other can leave.

        Raises
        ------
        ValueError
            If the node is not the last in the list, or the only one.
        """
        if self.topology.index(node) != len(self.nodes) - 1:
            raise ValueError(
                f"{type(self).__name__} can remove only its last node, {self.nodes[-1]!r}, not {node!r}: "
                "use HashRing or Rendezvous where any node may leave"
            )
        return super().remove(node)

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        if replicas > 1 and spread:
            return None
        return np.full(len(self.nodes), 1 / len(self.nodes))

    def _exact_movement(self, after: Placement) -> NDArray[np.float64] | None:
        if not isinstance(after, Buckets) or self._with(after.topology) != after:
            return None
        fewer, more = sorted((self.nodes, after.nodes), key=len)
        if more[: len(fewer)] != fewer:
            return None
        # A key of the larger cluster sits on a node of the smaller one with chance 1/fewer, wherever it sits now.
        matrix = np.zeros((len(fewer), len(more)))
        matrix[:, : len(fewer)] = np.diag(np.full(len(fewer), 1 / len(more)))
        matrix[:, len(fewer) :] = 1 / (len(fewer) * len(more))
        return matrix if len(self.nodes) == len(fewer) else matrix.T
