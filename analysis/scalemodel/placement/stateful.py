"""Schemes over numbered buckets from which any node may leave, and whose placement depends on who left, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from operator import index
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .placement import Nodes, Placement

MOST_BUCKETS = 2**27
"""Buckets of the largest capacity: up to 1.5 GiB of tables."""


@dataclass(frozen=True, init=False)
class StatefulBuckets(Placement):
    """A placement whose nodes sit on buckets; a bucket whose node left stays empty until a new node takes it.

    A new node takes the bucket that was emptied last, or the next unused one when none is empty. Every node has the
    same share of the key space, and a change moves no key between nodes that stay.

    Attributes
    ----------
    buckets : tuple of int
        The bucket of each node: ``buckets[i]`` is the one of ``nodes[i]``.
    removed : tuple of int
        The empty buckets in the order in which they were left; placement depends on it.
    """

    buckets: tuple[int, ...] = field(repr=False)
    removed: tuple[int, ...] = field(repr=False)

    def __init__(
        self, nodes: Nodes, *, seed: int, buckets: Iterable[int] | None, removed: Iterable[int], **more: Any
    ) -> None:
        super().__init__(nodes, seed=seed, **more)
        self._refuse_weights()
        n = len(self.nodes)
        taken = tuple(range(n) if buckets is None else map(index, buckets))
        empty = tuple(map(index, removed))
        if len(taken) != n or sorted((*taken, *empty)) != list(range(n + len(empty))):
            raise ValueError(
                f"{n} nodes on {len(taken)} buckets and {len(empty)} removed do not make up the buckets from 0 to "
                f"{n + len(empty) - 1}: give each node one bucket, and each empty bucket once"
            )
        object.__setattr__(self, "buckets", taken)
        object.__setattr__(self, "removed", empty)

    @property
    def used(self) -> int:
        """Buckets that hold a node or once did, from 0 on."""
        return len(self.buckets) + len(self.removed)

    @property
    def description(self) -> str:
        """The scheme, its size, and how many buckets are empty."""
        hidden = ("topology", "seed", "buckets", "removed")
        chosen = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name not in hidden]
        empty = [f"{len(self.removed)} empty buckets"] if self.removed else []
        return ", ".join([type(self).__name__, f"{len(self.nodes)} nodes", *chosen, *empty])

    def add(self, node: str, weight: float = 1.0, **places: str) -> Self:
        """Return the placement with one more node, on the bucket that was emptied last or else the next unused one.

        Raises
        ------
        ValueError
            If the node is there already, a weight or a domain is wrong, or no bucket is left.
        """
        bucket = self.removed[-1] if self.removed else self.used
        return self._with(
            self.topology.add(node, weight, **places), buckets=(*self.buckets, bucket), removed=self.removed[:-1]
        )

    def remove(self, node: str) -> Self:
        """Return the placement without a node; its bucket stays empty until a new node takes it.

        Raises
        ------
        ValueError
            If there is no such node, or it is the last.
        """
        topology = self.topology.remove(node)
        left = self.buckets[self.topology.index(node)]
        kept = tuple(bucket for bucket in self.buckets if bucket != left)
        last = left == self.used - 1 and not self.removed  # the next unused bucket again: nothing to remember
        return self._with(topology, buckets=kept, removed=self.removed if last else (*self.removed, left))

    def _nodes_of_buckets(self, buckets: int) -> NDArray[np.int32]:
        """Return the node on each of so many buckets, -1 where there is none."""
        nodes = np.full(buckets, -1, np.int32)
        nodes[list(self.buckets)] = np.arange(len(self.buckets))
        return nodes

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        if replicas > 1 and spread:
            return None
        return np.full(len(self.nodes), 1 / len(self.nodes))

    def _exact_movement(self, after: Placement) -> NDArray[np.float64] | None:
        """Know the shares when one placement came from the other by removals alone, or additions alone."""
        if not isinstance(after, StatefulBuckets) or not self._same_kind(after):
            return None
        fewer, more = (self, after) if len(self.nodes) <= len(after.nodes) else (after, self)
        if fewer.used == more.used:
            descends = fewer.removed[: len(more.removed)] == more.removed
        else:  # the buckets at the end were left first, the last one foremost
            descends = not more.removed and fewer.used < more.used
        if not descends:
            return None
        # A key of the larger cluster whose bucket is left goes to any bucket of the smaller one with the same chance.
        stays = np.equal.outer(fewer.buckets, more.buckets)
        matrix = stays / len(more.buckets) + ~stays.any(axis=0) / (len(fewer.buckets) * len(more.buckets))
        return matrix if fewer is self else matrix.T

    def _same_kind(self, other: "StatefulBuckets") -> bool:
        changing = ("topology", "buckets", "removed")
        return type(self) is type(other) and all(
            getattr(self, f.name) == getattr(other, f.name) for f in fields(self) if f.name not in changing
        )


@dataclass(frozen=True, init=False)
class BoundedBuckets(StatefulBuckets):
    """Stateful buckets of which there are so many from the start, used or not.

    Parameters
    ----------
    n : int, sequence of str or Topology
        The nodes. All weights must be equal: the scheme has none.
    capacity : int, optional
        The most nodes there can ever be at a time; placement depends on it. Twice as many as now and at least 16,
        unless given.
    seed : int
        Seeds the hash of keys.
    buckets, removed : sequence of int, optional
        The bucket of each node, and the empty ones in the order in which they were left: what a saved state holds.

    Raises
    ------
    ValueError
        If the capacity is below the number of nodes.
    """

    capacity: int

    def __init__(
        self,
        n: Nodes,
        capacity: int | None = None,
        seed: int = 0,
        buckets: Sequence[int] | None = None,
        removed: Sequence[int] = (),
    ) -> None:
        super().__init__(n, seed=seed, buckets=buckets, removed=removed)
        if capacity is None:
            capacity = max(16, 2 * len(self.nodes))
        if isinstance(capacity, bool) or not isinstance(capacity, (int, np.integer)):
            raise TypeError(f"capacity is {capacity!r}: give an integer, the most nodes there can ever be at a time")
        if not self.used <= capacity <= MOST_BUCKETS:
            raise ValueError(
                f"capacity is {capacity}: {self.used} buckets are in use, give {self.used} to {MOST_BUCKETS}"
            )
        object.__setattr__(self, "capacity", int(capacity))

    def add(self, node: str, weight: float = 1.0, **places: str) -> Self:
        """Return the placement with one more node, on the bucket that was emptied last or else the next unused one.

        Raises
        ------
        ValueError
            If the node is there already, a weight or a domain is wrong, or all buckets have a node.
        """
        if len(self.nodes) == self.capacity:
            raise ValueError(
                f"all {self.capacity} buckets have a node, so {node!r} finds none: build a placement of more capacity, "
                "which moves nearly all keys"
            )
        return super().add(node, weight, **places)
