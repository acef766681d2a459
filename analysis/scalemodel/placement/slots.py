"""Schemes that keep a table with a node for each remainder of a key's hash."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..hashing import hash_keys
from ._kernels import slots as kernels
from .placement import Placement


@dataclass(frozen=True, init=False)
class SlotTable(Placement):
    """A placement by table: a key belongs to the node of slot ``hash % slots``.

    A slot's share of the key space is taken as ``1 / slots``, which is right to ``slots / 2^64``. A scheme defines
    `_fill` and `_slot_count`. Unless it has a way of its own, replicas are on the next slots of other nodes or domains,
    in the order of the slots' SplitMix64: beside each other in the table the same nodes may meet again and again.
    """

    @property
    def table(self) -> NDArray[np.int32]:
        """The node of each slot, ``int32[slots]``."""
        return self._table[: self._slot_count()].astype(np.int32)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Slots of each node, ``int64[nodes]``."""
        return np.bincount(self.table, minlength=len(self.nodes))

    @abstractmethod
    def _fill(self) -> NDArray[np.int32]:
        """Return the node of each slot."""

    @abstractmethod
    def _slot_count(self) -> int: ...

    @cached_property
    def _table(self) -> NDArray[np.unsignedinteger]:
        """The table twice, one after the other, in as few bytes as the nodes need: the division may be one off."""
        return np.tile(self._fill().astype(np.uint16 if len(self.nodes) <= 2**16 else np.uint32), 2)

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, self._table, np.uint64(self._slot_count()))

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return self._copies(n, domains)[hashes % np.uint64(self._slot_count())]

    def _copies(self, n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the preference list of each slot, ``int32[slots, n]``."""
        order = np.argsort(hash_keys(np.arange(self._slot_count()), "splitmix64"))
        lists = np.empty((len(order), n), np.int32)
        lists[order] = kernels.following(self.table[order], domains, n)
        return lists

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        return self._count(self._copies(replicas, domains)) / (self._slot_count() * replicas)
