"""Schemes over numbered buckets: perfectly even, without weights, and only the last bucket may leave."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..topology import Topology, as_topology
from .placement import Nodes, Placement

MOST_BUCKETS = 2**31 - 1
"""Look-ups return ``int32``."""

MOST_NAMES = 10**7
"""Buckets that can be given names."""


@dataclass(frozen=True, init=False, repr=False)
class Buckets(Placement):
    """A placement whose nodes are buckets 0 to n - 1, each with the same share of the key space.

    From n to more buckets, every key stays or moves to a new bucket, each new one with the same chance. There can be
    2^31 - 1 buckets; what needs their names (`nodes`, `add`, `ownership`, …) works up to 10^7.
    """

    def __init__(self, nodes: Nodes, *, seed: int = 0, **more: Any) -> None:
        super().__init__(nodes, seed=seed, **more)

    def _take(self, nodes: Nodes, weights: Sequence[float] | None) -> None:
        """Leave the names of buckets that are only counted until they are asked for."""
        if isinstance(nodes, (int, np.integer)) and not isinstance(nodes, bool) and nodes > 0:
            if nodes > MOST_BUCKETS:
                raise ValueError(f"{nodes} buckets are too many: give at most {MOST_BUCKETS}, 2^31 - 1")
            vars(self)["_size"] = int(nodes)
            return
        super()._take(nodes, weights)
        vars(self)["_size"] = len(self.topology)
        self._refuse_weights()

    @property
    def size(self) -> int:
        """How many buckets there are."""
        return int(vars(self)["_size"])

    @cached_property  # type: ignore[misc]
    def topology(self) -> Topology:
        """The nodes with their failure domains: ``n0``, ``n1``, … if only their number was given."""
        if self.size > MOST_NAMES:
            raise ValueError(
                f"{self.size} buckets are too many to have names: beyond {MOST_NAMES} a {type(self).__name__} can only "
                "look keys up"
            )
        return as_topology(self.size)

    @property
    def buckets(self) -> Sequence[int]:
        """The bucket of each node: its position."""
        return range(self.size)

    def __repr__(self) -> str:
        chosen = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name != "topology"]
        nodes = repr(self.size) if self.size > MOST_NAMES else f"topology={self.topology!r}"
        return f"{type(self).__name__}({', '.join([nodes, *chosen])})"

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
        return np.full(self.size, 1 / self.size)

    def _exact_movement(self, after: Placement) -> NDArray[np.float64] | None:
        if not isinstance(after, Buckets) or self._with(after.topology) != after:
            return None
        fewer, more = sorted((self, after), key=lambda placement: placement.size)
        if more.nodes[: fewer.size] != fewer.nodes:
            return None
        matrix = fewer._moves_to(more)
        return matrix if matrix is None or fewer is self else matrix.T

    def _moves_to(self, more: "Buckets") -> NDArray[np.float64] | None:
        """Return the shares of the key space that go from each bucket to each of more buckets, if known."""
        # A key of the larger cluster sits on a node of the smaller one with chance 1 / size, wherever it sits now.
        matrix = np.zeros((self.size, more.size))
        np.fill_diagonal(matrix, 1 / more.size)
        matrix[:, self.size :] = 1 / (self.size * more.size)
        return matrix


def no_power_of_two_between(few: int, many: int) -> bool:
    """Tell whether no power of two is above `few` and below `many`."""
    return few >= many or few.bit_length() == (many - 1).bit_length()
