"""Ketama, the ring of memcached's clients, as libmemcached builds it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._kernels.hashing import md5_digests
from ..hashing import hash_keys, key_bytes
from ._kernels import hashes, ring
from ._kernels import ketama as kernels
from .placement import Nodes, Placement
from .ring import MOST_POINTS, Index, indexed

POINTS = {"weighted": 160, "default": 100, "md5": 100}
"""Points per server of libmemcached's three configurations."""

DEFAULT_PORT = ":11211"

LOW_HALF = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)

Mode = Literal["weighted", "default", "md5"]


@dataclass(frozen=True, init=False)
class Ketama(Placement):
    """The ring of libmemcached 1.1.4: 32-bit points named ``"host-0"``, ``"host-1"``, …; the first at or after a key.

    A name that ends in ``:11211``, memcached's port, goes without it. Of two equal points the node named first owns
    the keys. A node's points depend on the sum of all weights, so in mode ``"weighted"`` adding or removing one node
    moves keys between the others, too, and a node with less than a 40th of the average weight has no point and gets
    no key.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The servers, ``"host"`` or ``"host:port"``; a topology brings weights and failure domains.
    weights : sequence of float, optional
        Relative capacity of each node, above zero; libmemcached takes integers. Only in mode ``"weighted"``.
    mode : {"weighted", "default", "md5"}
        ``MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED``, 160 points from the four words of 40 MD5s; or
        ``MEMCACHED_BEHAVIOR_KETAMA``, 100 points by Jenkins' one-at-a-time or, with its hash set to MD5, by the first
        word of MD5. Keys are hashed likewise.
    seed : int
        0 is libmemcached; another seed names the nodes ``"seed/host"``: the ring of a cluster with other names.

    Examples
    --------
    >>> ring = Ketama(["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"], weights=[1, 1, 2])
    >>> ring.lookup(["user:0", "user:1", "user:2"])
    array([0, 1, 2], dtype=int32)
    >>> ring.counts
    array([120, 120, 240])

    References
    ----------
    libmemcached 1.1.4, ``src/libmemcached/hosts.cc``, ``update_continuum``.
    R. Jones, "libketama: Consistent Hashing library for memcached clients", last.fm, 2007.
    """

    mode: Mode

    def __init__(
        self, nodes: Nodes, weights: Sequence[float] | None = None, mode: Mode = "weighted", seed: int = 0
    ) -> None:
        if mode not in POINTS:
            raise ValueError(f"mode is {mode!r}: give 'weighted', 'default' or 'md5'")
        super().__init__(nodes, weights, seed=seed, mode=mode)
        if mode != "weighted" and len(set(self.topology.weights)) > 1:
            raise ValueError(f"the nodes have different weights and mode {mode!r} has none: use mode='weighted'")
        if len(set(self._hosts)) < len(self._hosts):
            twice = next(host for host in self._hosts if self._hosts.count(host) > 1)
            raise ValueError(f"{twice!r} and {twice + DEFAULT_PORT!r} are one server to Ketama: give each another name")
        if (total := POINTS[mode] * len(self.nodes)) > MOST_POINTS:
            raise ValueError(f"the ring would have {total:.3g} points, at most {MOST_POINTS:.3g} are allowed")

    @property
    def counts(self) -> NDArray[np.int64]:
        """Points of each node, ``int64[nodes]``; zero for a node whose weight is too small.

        libmemcached counts them in floats: of 25, 47, 50, 55, … or 100 equal nodes each has 156 instead of 160.
        """
        if self.mode != "weighted":
            return np.full(len(self.nodes), POINTS[self.mode])
        # libmemcached: float pct = (float) weight / (float) total;
        #               floor((float) (pct * 160 / 4 * (float) servers + 0.0000000001)) * 4
        weights = self.topology.weights
        share = np.array(weights, np.float32) / np.float32(math.fsum(weights))
        md5s = share * np.float32(160) / np.float32(4) * np.float32(len(weights))
        return 4 * np.floor((md5s.astype(np.float64) + 1e-10).astype(np.float32)).astype(np.int64)

    @property
    def points(self) -> NDArray[np.uint64]:
        """The 32-bit points in ring order."""
        return self._index.points[:-1] >> HALF

    @property
    def owners(self) -> NDArray[np.int32]:
        """The node of each point, in ring order."""
        return self._index.owners[:-1]

    @cached_property
    def _hosts(self) -> list[str]:
        return [node.removesuffix(DEFAULT_PORT) for node in self.nodes]

    @cached_property
    def _index(self) -> Index:
        """The ring of 2^64 whose keys are told apart by their upper half: a point is the last key that it owns."""
        names, offsets = key_bytes([f"{self.seed}/{host}" for host in self._hosts] if self.seed else self._hosts)
        per_hash = 4 if self.mode == "weighted" else 1
        texts = kernels.numbered_names(names, offsets, self.counts // per_hash)
        for array in texts:
            array.flags.writeable = False  # as keys are: numba compiles for writable and read-only arrays apart
        if self.mode == "default":
            points = hashes.one_at_a_time_keys(*texts)
        else:
            points = md5_digests(*texts)[:, :per_hash].astype(np.uint64).ravel()
        return indexed(points << HALF | LOW_HALF, self.counts)

    def _hashes(self, keys: Any, hashed: bool) -> NDArray[np.uint64]:
        """Hash to 32 bits, in the upper half; of keys that are hashed already the upper half counts."""
        if hashed:
            return super()._hashes(keys, hashed)
        if self.mode == "default":
            return hashes.one_at_a_time_keys(*key_bytes(keys)) << HALF
        return hash_keys(keys, "md5") << HALF

    def _hashes_like(self, other: Placement) -> bool:
        return (
            isinstance(other, Ketama)
            and self.seed == other.seed
            and (self.mode == "default") == (other.mode == "default")
        )

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return ring.lookup(hashes, *self._index)

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        if n > (reached := len(np.unique(domains[self.counts > 0]))):
            raise ValueError(
                f"{n} replicas need {n} domains with points on the ring and there are {reached}: "
                "ask for fewer, or give the lightest nodes more weight"
            )
        return ring.replicas(hashes, *self._index, domains, n)

    def _boundaries(self) -> NDArray[np.uint64]:
        return self._index.points[:-1]
