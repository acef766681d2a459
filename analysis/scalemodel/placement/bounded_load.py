"""Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018): full nodes pass keys on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes, format_share
from ..hashing import hash_keys, key_bytes
from ._kernels import bounded_load as kernels
from .placement import Nodes, Placement
from .ring import HashRing, Index, indexed
from .slots import SlotTable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_PARTITIONS = 2**27

LEAST_FACTOR = 1 + 1e-6
"""Below it, the rounding of the caps could leave less room than there are keys."""

Variant = Literal["linear", "jump", "buraksezer"]


@dataclass(frozen=True, eq=False)
class BoundedAssignment(Shown):
    """Where keys went that came one after the other, to nodes that pass on what is above their cap.

    Attributes
    ----------
    nodes : tuple of str
    fair : float64[nodes]
        Share of the keys that its weight makes due to each node; the sum is 1.
    caps : int64[nodes]
        How many keys each node may hold, at the end.
    owners : int32[keys]
        Node of each key.
    asked : int64[keys]
        Points of the ring, or nodes, that were asked for each key; 1 if its first node had room.
    """

    nodes: tuple[str, ...]
    fair: NDArray[np.float64]
    caps: NDArray[np.int64]
    owners: NDArray[np.int32]
    asked: NDArray[np.int64]

    @cached_property
    def loads(self) -> NDArray[np.int64]:
        """Keys of each node, ``int64[nodes]``."""
        return np.bincount(self.owners, minlength=len(self.nodes))

    @property
    def peak_to_mean(self) -> float:
        """Load of the busiest node over its fair share."""
        return float(np.max(self.loads / (self.fair * len(self.owners))))

    @property
    def displaced(self) -> float:
        """Share of the keys that are not on their first node."""
        return float(np.mean(self.asked > 1))

    @property
    def mean_asked(self) -> float:
        """Mean number of points, or nodes, asked for a key."""
        return float(np.mean(self.asked))

    def moved(self, after: "BoundedAssignment") -> float:
        """Return the share of the same keys, in the same order, that are on another node after a change.

        Raises
        ------
        ValueError
            If the assignments are of different numbers of keys.
        """
        if len(self.owners) != len(after.owners):
            raise ValueError(
                f"one assignment is of {len(self.owners)} keys, the other of {len(after.owners)}: assign the same keys"
            )
        known = {node: j for j, node in enumerate(after.nodes)}
        renumber = np.array([known.get(node, -1) for node in self.nodes])
        return float(np.mean(renumber[self.owners] != after.owners))

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{len(self.owners):,} keys over {len(self.nodes)} nodes: peak-to-mean {self.peak_to_mean:.3f}, "
            f"{format_share(self.displaced)} not on their first node, {self.mean_asked:.3g} asked a key, "
            f"{int(self.asked.max())} at most"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per node, the busiest first."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "node": self.nodes,
                "keys": self.loads,
                "cap": self.caps,
                "load_to_fair": self.loads / (self.fair * len(self.owners)),
                "full": self.loads >= self.caps,
            }
        )
        return frame.sort_values("load_to_fair", ascending=False, kind="stable", ignore_index=True)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the keys of each node, busiest first, below its cap."""
        ax = axes(ax)
        frame = self.to_frame()
        at = np.arange(len(frame))
        ax.bar(at, frame["keys"], width=0.9 if len(frame) < 60 else 1.0, label="keys")
        ax.step(at, frame["cap"], where="mid", color="black", linewidth=1, linestyle="--", label="cap")
        ax.set(xlabel="node, busiest first", ylabel="keys", title=f"{format_share(self.displaced)} are passed on")
        ax.legend()
        return ax


@dataclass(frozen=True, init=False)
class BoundedLoad(SlotTable):
    """A ring on which no node holds more than `load_factor` times its fair share, rounded up.

    As a placement it is a table: the partition of a key is ``hash % partitions``, and the partitions, in order, are
    assigned to the ring's nodes. `assign` does the same with keys themselves, one after the other, as a load balancer
    meets them.

    Replicas are on the next nodes of the ring that have room for one more copy; where the domains leave none, on the
    next node of another domain.

    Parameters
    ----------
    ring : HashRing, int, sequence of str or Topology
        A ring, whose nodes, `vnodes` and `seed` are taken, or the nodes.
    load_factor : float
        Above 1. Close to it the load is even, but keys are passed on often and move often when nodes change.
    partitions : int
        Number of partitions, at least one a node.
    variant : {"linear", "jump", "buraksezer"}
        Where a full node's key goes: to the next point clockwise; or to the first node with room in a random order of
        all nodes that is the key's own (of rendezvous clocks, so that it is steady), which spares the neighbours of
        full nodes: the random jumps of Chen et al. and Envoy. Or clockwise with the hashes of buraksezer/consistent
        (Go) over FNV-1a, bit for bit: its ``ReplicationFactor`` is `vnodes`, 20 unless told, its ``PartitionCount``
        `partitions`, 271 unless told. FNV-1a puts names that differ in their last letters beside each other on the
        ring, so that one of them takes nearly all: let names end alike, such as ``"node1.example"``.
    vnodes : int
        Points of a node of weight 1.
    weights : sequence of float, optional
        Relative capacity of each node, above zero: a node has points and a cap in proportion.
    seed : int
        Another seed is another placement. With ``"buraksezer"`` 0 is the program, and another seed names the nodes
        ``"seed/node"``.

    Examples
    --------
    >>> bounded = BoundedLoad(10, load_factor=1.05)
    >>> float(round(10 * bounded.ownership().max(), 3))
    1.05
    >>> result = bounded.assign(range(10_000))
    >>> result.loads.max(), result.caps[0]
    (np.int64(1050), np.int64(1050))

    References
    ----------
    Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", SODA 2018, arXiv:1608.01350.
    Chen, Coleman and Shrivastava, "Revisiting consistent hashing with bounded loads", AAAI 2021, arXiv:1908.08762.
    B. Sezer, buraksezer/consistent.
    """

    load_factor: float
    partitions: int
    variant: Variant
    vnodes: int

    def __init__(
        self,
        ring: HashRing | Nodes,
        load_factor: float = 1.25,
        partitions: int | None = None,
        variant: Variant = "linear",
        vnodes: int | None = None,
        weights: Sequence[float] | None = None,
        seed: int = 0,
    ) -> None:
        if variant not in ("linear", "jump", "buraksezer"):
            raise ValueError(f"variant is {variant!r}: give 'linear', 'jump' or 'buraksezer'")
        if isinstance(load_factor, bool) or not isinstance(load_factor, (int, float, np.number)):
            raise TypeError(f"load_factor is {load_factor!r}: give a number above 1, such as 1.25")
        if not (math.isfinite(load_factor) and load_factor >= LEAST_FACTOR):
            raise ValueError(
                f"load_factor is {load_factor}: give a finite number above 1, such as 1.25 (some node must have room)"
            )
        theirs = variant == "buraksezer"
        if isinstance(ring, HashRing):
            if ring.hash != "xxh64" or theirs:
                raise ValueError(
                    "the ring's points come from another hash: give the nodes and vnodes instead of a ring"
                )
            if vnodes is not None or seed != 0:
                raise ValueError("a ring brings its vnodes and its seed: give them only with nodes")
            nodes: Nodes = ring.topology
            vnodes, seed = ring.vnodes, ring.seed
        else:
            nodes = ring
            vnodes = (20 if theirs else 128) if vnodes is None else vnodes
        if partitions is None:
            partitions = 271 if theirs else 2**16
        if isinstance(partitions, bool) or not isinstance(partitions, (int, np.integer)) or partitions < 1:
            raise ValueError(f"partitions is {partitions!r}: give an integer of one or more")
        inner = HashRing(nodes, vnodes, weights, seed)  # checks what they share
        super().__init__(
            inner.topology,
            seed=inner.seed,
            load_factor=float(load_factor),
            partitions=int(partitions),
            variant=variant,
            vnodes=inner.vnodes,
        )
        if not len(self.nodes) <= partitions <= MOST_PARTITIONS:
            raise ValueError(
                f"partitions is {partitions}: give at least one for each of the {len(self.nodes)} nodes, and at most "
                f"{MOST_PARTITIONS}"
            )

    @property
    def caps(self) -> NDArray[np.int64]:
        """Partitions that each node may hold, ``int64[nodes]``: ``ceil(partitions weight / weights load_factor)``."""
        return kernels.caps(self.partitions, self._weights, self.load_factor)

    def assign(self, keys: Any, hashed: bool = False, *, growing: bool = False) -> BoundedAssignment:
        """Assign keys one after the other, without partitions: each to the first node that has room.

        Parameters
        ----------
        keys : sequence of int, str or bytes, length m
            As for `lookup`; each counts 1, however often it comes.
        hashed : bool
            As for `lookup`.
        growing : bool
            False: a node holds at most ``ceil(m weight / weights load_factor)`` keys, of all m. True: the cap counts
            the keys so far and the one to be placed, as HAProxy's ``hash-balance-factor`` counts requests in flight.
        """
        hashes = self._hashes(keys, hashed)
        if not len(hashes):
            raise ValueError("there are no keys to assign: give at least one")
        owners, asked = self._assign(hashes, growing)
        caps = kernels.caps(len(hashes), self._weights, self.load_factor)
        return BoundedAssignment(self.nodes, self.topology.shares, caps, owners, asked)

    def _assign(self, hashes: NDArray[np.uint64], growing: bool) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        jumps = hash_keys(self.nodes, seed=self.seed) if self.variant == "jump" else np.empty(0, np.uint64)
        return kernels.assign(hashes, *self._index, self._weights, self.load_factor, jumps, growing)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.asarray(self.topology.weights)

    @cached_property
    def _index(self) -> Index:
        ring = HashRing(self.topology, self.vnodes, seed=self.seed)
        if self.variant != "buraksezer":
            return ring._index
        names = [f"{self.seed}/{node}" for node in self.nodes] if self.seed else self.nodes
        return indexed(kernels.number_name_points(*key_bytes(names), ring.counts), ring.counts)

    @cached_property
    def _partition_hashes(self) -> NDArray[np.uint64]:
        """The place of each partition on the ring: the hash of its number."""
        return self._hashes(np.arange(self.partitions), hashed=False)

    def _hashes(self, keys: Any, hashed: bool) -> NDArray[np.uint64]:
        if self.variant == "buraksezer" and not hashed:
            return hash_keys(keys, "fnv1a_64")
        return super()._hashes(keys, hashed)

    def _hashes_like(self, other: Placement) -> bool:
        if self.variant != "buraksezer":
            return super()._hashes_like(other) and getattr(other, "variant", None) != "buraksezer"
        return isinstance(other, BoundedLoad) and other.variant == "buraksezer"

    def _slot_count(self) -> int:
        return self.partitions

    def _fill(self) -> NDArray[np.int32]:
        return self._assign(self._partition_hashes, growing=False)[0]

    def _copies(self, n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return kernels.copies(
            self._partition_hashes, self.table, *self._index, self._weights, self.load_factor, domains, n
        )
