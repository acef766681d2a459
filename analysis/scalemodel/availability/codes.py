"""What may be lost of one item before its data are: replicas, Reed-Solomon stripes, local reconstruction codes."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from .._check import whole

MOST_SHARDS = 255
"""Shards of a stripe; codes over bytes have no more."""


class Code(ABC):
    """How one item is kept on several nodes: groups of shards that are alike, and what failures it survives."""

    @property
    @abstractmethod
    def groups(self) -> tuple[int, ...]:
        """Shards of each group; which shards of a group have failed does not matter, only how many."""

    @abstractmethod
    def survives(self, failed: tuple[int, ...]) -> bool:
        """Tell whether the data can be rebuilt after so many failures in each group."""

    @property
    @abstractmethod
    def data(self) -> int:
        """Shards that the data alone would fill."""

    @property
    def alike(self) -> int:
        """How many of the first groups may change places."""
        return 1

    @property
    def shards(self) -> int:
        """Shards in all, each on a node of its own."""
        return sum(self.groups)

    @property
    def overhead(self) -> float:
        """Bytes stored per byte of data."""
        return self.shards / self.data

    @property
    @abstractmethod
    def tolerates(self) -> int:
        """How many shards may fail, whichever they are."""

    @property
    def decodable(self) -> tuple[int, ...]:
        """How many sets of j shards may fail without loss, for j from 0 on, up to the last that is not zero.

        Examples
        --------
        >>> LRC(12, 2, 2).decodable[4], math.comb(16, 4)
        (1568, 1820)
        """
        return tuple(math.comb(self.shards, j) for j in range(self.tolerates + 1))


@dataclass(frozen=True)
class Replicas(Code):
    """So many full copies; one that is left is enough.

    Examples
    --------
    >>> Replicas(3).tolerates, Replicas(3).overhead
    (2, 3.0)
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", whole(self.n, "n, the number of replicas,", 1, MOST_SHARDS))

    @property
    def groups(self) -> tuple[int, ...]:
        """All copies are alike."""
        return (self.n,)

    @property
    def data(self) -> int:
        """One copy."""
        return 1

    @property
    def tolerates(self) -> int:
        """All copies but one."""
        return self.n - 1

    def survives(self, failed: tuple[int, ...]) -> bool:
        """Tell whether a copy is left."""
        return failed[0] < self.n


@dataclass(frozen=True)
class ReedSolomon(Code):
    """k data shards and m parity shards; any k of them hold the data.

    Examples
    --------
    >>> ReedSolomon(6, 3).tolerates, ReedSolomon(6, 3).overhead
    (3, 1.5)
    """

    k: int
    m: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole(self.k, "k, the number of data shards,", 1, MOST_SHARDS))
        object.__setattr__(self, "m", whole(self.m, "m, the number of parity shards,", 0, MOST_SHARDS - self.k))

    @property
    def groups(self) -> tuple[int, ...]:
        """All shards are alike."""
        return (self.k + self.m,)

    @property
    def data(self) -> int:
        """The data shards."""
        return self.k

    @property
    def tolerates(self) -> int:
        """As many as there are parity shards."""
        return self.m

    def survives(self, failed: tuple[int, ...]) -> bool:
        """Tell whether k shards are left."""
        return failed[0] <= self.m


@dataclass(frozen=True)
class LRC(Code):
    """k data shards in l local groups of a local parity each, and g global parities; it decodes whatever any such can.

    Examples
    --------
    Azure's: six data shards decode 86 % of the ways to lose four.

    >>> azure = LRC(6, 2, 2)
    >>> azure.tolerates, azure.decodable[4] / math.comb(azure.shards, 4)
    (3, 0.8571428571428571)

    References
    ----------
    Huang et al., "Erasure coding in Windows Azure Storage", USENIX ATC 2012, section 2.
    """

    k: int
    l: int  # noqa: E741  the code's own letter
    g: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole(self.k, "k, the number of data shards,", 1, MOST_SHARDS))
        object.__setattr__(self, "l", whole(self.l, "l, the number of local groups,", 1, self.k))
        object.__setattr__(self, "g", whole(self.g, "g, the number of global parities,", 0, MOST_SHARDS))
        if self.k % self.l:
            raise ValueError(
                f"LRC({self.k}, {self.l}, {self.g}) has {self.l} groups for {self.k} data shards: give an "
                "l that divides k"
            )
        if self.k + self.l + self.g > MOST_SHARDS:
            raise ValueError(
                f"LRC({self.k}, {self.l}, {self.g}) has {self.k + self.l + self.g} shards: give at most {MOST_SHARDS}"
            )

    @property
    def groups(self) -> tuple[int, ...]:
        """The local groups with their parities, then the global parities."""
        return (self.k // self.l + 1,) * self.l + ((self.g,) if self.g else ())

    @property
    def alike(self) -> int:
        """The local groups."""
        return self.l

    @property
    def data(self) -> int:
        """The data shards."""
        return self.k

    @property
    def tolerates(self) -> int:
        """One more than there are global parities: of one group, or with one of a group, the local parity mends one."""
        return self.g + 1

    @property
    def decodable(self) -> tuple[int, ...]:
        """How many sets of j shards may fail without loss, for j from 0 on, up to the last that is not zero."""
        counts = [
            [0] * (self.g + 1) for _ in range(self.l + self.g + 1)
        ]  # by failures, and by those left to the globals
        for j in range(self.g + 1):
            counts[j][j] = math.comb(self.g, j)
        size = self.k // self.l + 1
        for _ in range(self.l):
            before, counts = counts, [[0] * (self.g + 1) for _ in counts]
            for failed in range(min(size, self.g + 1) + 1):
                left = max(0, failed - 1)
                for j, row in enumerate(before[: len(counts) - failed]):
                    for beyond, count in enumerate(row[: self.g + 1 - left]):
                        counts[j + failed][beyond + left] += count * math.comb(size, failed)
        return tuple(sum(row) for row in counts)

    def survives(self, failed: tuple[int, ...]) -> bool:
        """Tell whether the global parities suffice when each local parity has rebuilt one shard of its group."""
        beyond = sum(max(0, f - 1) for f in failed[: self.l])
        return beyond + sum(failed[self.l :]) <= self.g
