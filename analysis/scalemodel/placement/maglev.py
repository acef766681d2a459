"""Maglev hashing: a small table that is nearly even, and that changes little when nodes come and go."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..hashing import hash_keys, key_bytes
from ._kernels import hashes as byte_hashes
from ._kernels import maglev as kernels
from .placement import Nodes
from .slots import SlotTable

MOST_SLOTS = 2**27
"""Slots of the largest table."""

SIPHASH_KEY = 0xDEADBEEFCAFEBABE
"""First half of go-maglev's SipHash key."""

LOW_HALF = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
ONE = np.uint64(1)


@dataclass(frozen=True, init=False)
class Maglev(SlotTable):
    """A table of slots that nodes fill in turns, each by its own order of the slots; a key's slot is ``hash % size``.

    With equal weights no node has more than one slot more than another. When a node leaves, most of the other slots
    stay: some move between the survivors, fewer with a larger table. The table depends on the order of the nodes, so
    give every load balancer the same order.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes, in the order of their turns; a topology brings weights and failure domains.
    table_size : int
        Slots, a prime, at least one a node; a hundred a node keep shares within 1 % of each other.
    weights : sequence of float, optional
        Relative capacity of each node, above zero. The heaviest takes a slot in every turn, one of half its weight in
        every other; all take one in the first.
    scheme : {"envoy", "siphash"}
        Whose hash orders the slots. Envoy: offset and skip from XXH64 with the seeds 0 and 1 (twice `seed`, and one
        more). dgryski/go-maglev: both from one SipHash-2-4.
    seed : int
        Seeds the hash of keys (XXH64) and of nodes.

    Examples
    --------
    >>> maglev = Maglev(100)
    >>> maglev.counts.min(), maglev.counts.max()
    (np.int64(655), np.int64(656))

    References
    ----------
    Eisenbud et al., "Maglev: a fast and reliable software network load balancer", NSDI 2016, section 3.4.
    Envoy, Maglev load balancer, ``maglev_lb.cc``; D. Gryski, go-maglev.
    """

    table_size: int
    scheme: Literal["envoy", "siphash"]

    def __init__(
        self,
        nodes: Nodes,
        table_size: int = 65537,
        weights: Sequence[float] | None = None,
        scheme: Literal["envoy", "siphash"] = "envoy",
        seed: int = 0,
    ) -> None:
        if isinstance(table_size, bool) or not isinstance(table_size, (int, np.integer)) or table_size < 2:
            raise ValueError(f"table_size is {table_size!r}: give a prime, such as 65537")
        if table_size > MOST_SLOTS:
            raise ValueError(f"table_size is {table_size}: give a prime of at most {MOST_SLOTS}")
        if not _is_prime(int(table_size)):
            raise ValueError(
                f"table_size is {table_size}, which is not prime, so that some nodes could not reach every slot: "
                f"give a prime, such as {_prime_from(int(table_size))}"
            )
        if scheme not in ("envoy", "siphash"):
            raise ValueError(f"scheme is {scheme!r}: give 'envoy' or 'siphash'")
        super().__init__(nodes, weights, seed=seed, table_size=int(table_size), scheme=scheme)
        if (n := len(self.nodes)) > table_size:
            raise ValueError(
                f"table_size is {table_size} and there are {n} nodes, each of which needs a slot: give a prime of at "
                f"least {n}, such as {_prime_from(100 * n)} (a hundred slots a node)"
            )

    def _slot_count(self) -> int:
        return self.table_size

    def _fill(self) -> NDArray[np.int32]:
        size = np.uint64(self.table_size)
        if self.scheme == "envoy":
            offsets = hash_keys(self.nodes, seed=2 * self.seed % 2**64)
            skips = hash_keys(self.nodes, seed=(2 * self.seed + 1) % 2**64)
        else:
            both = byte_hashes.siphash_keys(*key_bytes(self.nodes), np.uint64(SIPHASH_KEY), np.uint64(self.seed))
            offsets, skips = both >> HALF, both & LOW_HALF
        return kernels.fill(offsets % size, skips % (size - ONE) + ONE, self.topology.shares, size)


def _is_prime(number: int) -> bool:
    return number >= 2 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _prime_from(number: int) -> int:
    """Return the smallest prime that is at least `number`."""
    while not _is_prime(number):
        number += 1
    return number
