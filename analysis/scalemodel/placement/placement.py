"""What every placement scheme has in common: the interface, replicas, and what can be said of the key space."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..hashing import hash_keys
from ..streams import random_keys
from ..topology import Topology, as_topology

SAMPLE = 2**20
"""Random keys that stand for the key space where no exact answer is known."""

STATE_FORMAT = 1
"""Version of what `Placement.state` returns."""

Nodes = int | Sequence[str] | Topology
"""What a placement is built over: a number of nodes, their names, or a topology with weights and failure domains."""


@dataclass(frozen=True, init=False)
class Placement(ABC):
    """Where does a key live? A rule from keys to the nodes of a topology.

    A scheme defines `_lookup` and overrides what it can do better or exactly. Its fields, `topology` apart, are keyword
    arguments of its constructor, whose first argument takes the nodes.

    Attributes
    ----------
    topology : Topology
        The nodes with their weights and failure domains.
    seed : int
        Draws another placement of the same kind; it seeds the hash of keys and, where there is one, of nodes.
    """

    topology: Topology
    seed: int

    def __init__(self, nodes: Nodes, weights: Sequence[float] | None = None, *, seed: int = 0, **more: Any) -> None:
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
            raise ValueError(f"seed is {seed!r}: give an integer from 0 to 2^64 - 1")
        self._take(nodes, weights)
        for name, value in {"seed": int(seed), **more}.items():
            object.__setattr__(self, name, value)

    def _take(self, nodes: Nodes, weights: Sequence[float] | None) -> None:
        object.__setattr__(self, "topology", as_topology(nodes, weights))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes; look-ups return positions in it."""
        return self.topology.nodes

    @property
    def description(self) -> str:
        """The scheme, its size and what else was chosen, in a few words; variants are named unless they are usual."""
        usual = inspect.signature(type(self)).parameters
        chosen = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in ("topology", "seed")]
        named = [f"{k}={v!r}" for k, v in chosen if not (isinstance(v, str) and v == usual[k].default)]
        return ", ".join([type(self).__name__, f"{len(self.nodes)} nodes", *named])

    def lookup(self, keys: Any, hashed: bool = False) -> NDArray[np.int32]:
        """Return the node of each key.

        Parameters
        ----------
        keys : sequence of int, str or bytes, length m
            Any keys that `scalemodel.hashing.hash_keys` takes.
        hashed : bool
            True if `keys` is a ``uint64`` array of hashed keys, to be used as they are.

        Returns
        -------
        int32[m]
            Positions in `nodes`.
        """
        return self._lookup(self._hashes(keys, hashed))

    def replicas(self, keys: Any, n: int, spread: str | None = None, hashed: bool = False) -> NDArray[np.int32]:
        """Return the preference list of each key: `n` distinct nodes, the first of them the one of `lookup`.

        Parameters
        ----------
        keys : sequence of int, str or bytes, length m
            As for `lookup`.
        n : int
            Replicas per key.
        spread : str, optional
            A level of the topology, such as ``"zone"``: no two replicas share a domain of it.
        hashed : bool
            As for `lookup`.

        Returns
        -------
        int32[m, n]
            Positions in `nodes`.

        Raises
        ------
        ValueError
            If `n` exceeds the nodes, or the domains of `spread`.
        """
        domains = self._domains(n, spread)
        return self._replicas(self._hashes(keys, hashed), n, domains)

    def add(self, node: str, weight: float = 1.0, **places: str) -> Self:
        """Return the placement with one more node; a topology with levels wants the node's domain in each.

        Raises
        ------
        ValueError
            If the node is there already, its weight is not above zero, or a domain is missing.
        """
        return self._with(self.topology.add(node, weight, **places))

    def remove(self, node: str) -> Self:
        """Return the placement without a node.

        Raises
        ------
        ValueError
            If there is no such node, or it is the last.
        """
        return self._with(self.topology.remove(node))

    def with_seed(self, seed: int) -> Self:
        """Return an independent placement of the same kind over the same nodes."""
        return self._with(seed=seed)

    def state(self) -> dict[str, Any]:
        """Return all that makes this placement, as plain values that JSON can hold; `restore` reads it back.

        Examples
        --------
        >>> import json
        >>> from scalemodel.placement import HashRing, restore
        >>> ring = HashRing(["a", "b"], vnodes=64)
        >>> restore(json.loads(json.dumps(ring.state()))) == ring
        True
        """
        head = {"format": STATE_FORMAT, "kind": type(self).__name__, "topology": self.topology.state()}
        return head | self._options()

    def ownership(self, replicas: int = 1, spread: str | None = None) -> NDArray[np.float64]:
        """Return the share of the key space that each node holds, ``float64[nodes]``; the sum is 1.

        With `replicas` above one it is the share of all replicas. Exact for schemes that cut the key space into
        intervals and for those with a closed form, otherwise counted over `SAMPLE` random keys
        (`owns_exactly` tells).
        """
        domains = self._domains(replicas, spread)
        exact = self._exact_ownership(replicas, domains, spread)
        if exact is not None:
            return exact
        keys = self._hashes(random_keys(SAMPLE), hashed=True)
        return self._count(self._replicas(keys, replicas, domains)) / (SAMPLE * replicas)

    def owns_exactly(self, replicas: int = 1, spread: str | None = None) -> bool:
        """Tell whether `ownership` is exact, not a count over a sample."""
        return self._exact_ownership(replicas, self._domains(replicas, spread), spread) is not None

    @abstractmethod
    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return the node of each hashed key."""

    def _with(self, topology: Topology | None = None, **changes: Any) -> Self:
        """Return the same scheme over another topology, or with other fields."""
        return type(self)(topology or self.topology, **(self._options() | changes))

    def _options(self) -> dict[str, Any]:
        """Return what the constructor takes besides the nodes, as plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "topology"}

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        """Hash the key again and again, and keep the first `n` nodes of distinct domains."""
        found = np.full((len(hashes), n), -1, np.int32)
        found[:, 0] = self._lookup(hashes)
        chosen = np.ones(len(hashes), np.int64)
        pending = np.flatnonzero(chosen < n)
        attempt = 0
        while len(pending):
            attempt += 1
            salted = hash_keys(hashes[pending] ^ np.uint64(attempt), "splitmix64")
            candidates = self._lookup(salted)
            so_far = found[pending]
            clash = (domains[so_far] == domains[candidates][:, None]) & (so_far >= 0)
            fresh = ~clash.any(axis=1)
            at = pending[fresh]
            found[at, chosen[at]] = candidates[fresh]
            chosen[at] += 1
            pending = pending[chosen[pending] < n]
        return found

    def _boundaries(self) -> NDArray[np.uint64] | None:
        """Return the sorted last keys of the intervals that share a preference list, if the scheme has intervals."""
        return None

    def _slot_count(self) -> int | None:
        """Return m if keys whose hashes leave the same remainder by m share a preference list, for some m."""
        return None

    def _exact_ownership(
        self, replicas: int, domains: NDArray[np.int64], spread: str | None
    ) -> NDArray[np.float64] | None:
        """Return the exact ownership, or None where only a sample can tell."""
        cells = common_cells(self, self)
        if cells is None:
            return None
        keys, shares = cells
        return self._count(self._replicas(keys, replicas, domains), shares) / replicas

    def _exact_movement(self, after: "Placement") -> NDArray[np.float64] | None:
        """Return the exact shares of the key space that go from each node to each node of `after`, if known."""
        return None

    def _count(self, lists: NDArray[np.int32], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Add up the weight (1 unless given) of the keys that each node holds."""
        repeated = None if weights is None else np.repeat(weights, lists.shape[1])
        return np.bincount(lists.ravel(), repeated, len(self.nodes)).astype(np.float64)

    def _hashes(self, keys: Any, hashed: bool) -> Any:
        """Return what `_lookup` and `_replicas` take: the hash of each key, unless the scheme says otherwise."""
        if not hashed:
            return hash_keys(keys, seed=self.seed)
        if not (isinstance(keys, np.ndarray) and keys.dtype == np.uint64 and keys.ndim == 1):
            what = f"{keys.dtype}{list(keys.shape)}" if isinstance(keys, np.ndarray) else type(keys).__name__
            raise TypeError(f"hashed keys came as {what}: with hashed=True give a uint64 array of one dimension")
        return np.ascontiguousarray(keys)

    def _hashes_like(self, other: "Placement") -> bool:
        """Tell whether both placements hash a key to the same number."""
        return type(self)._hashes is type(other)._hashes and self.seed == other.seed

    def _refuse_weights(self) -> None:
        if len(set(self.topology.weights)) > 1:
            raise ValueError(
                f"the nodes have different weights and {type(self).__name__} has none: use HashRing or Rendezvous"
            )

    def _domains(self, n: int, spread: str | None) -> NDArray[np.int64]:
        return domains_for(self.topology, n, spread)


def domains_for(topology: Topology, n: int, spread: str | None) -> NDArray[np.int64]:
    """Return the domain of each node at the level `spread`, or the node itself, of which `n` replicas need as many."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"the number of replicas is {n!r}: give an integer of one or more")
    level = spread or "node"
    domains = topology.domains(level)
    if n > (count := int(domains.max()) + 1):
        raise ValueError(
            f"{n} replicas need {n} different {level}s and there {'is' if count == 1 else 'are'} {count}: "
            f"ask for at most {count}" + (", or spread them over a finer level" if spread else "")
        )
    return domains


def common_cells(a: Placement, b: Placement) -> tuple[NDArray[np.uint64], NDArray[np.float64]] | None:
    """Return a hashed key for each class of keys whose preference lists are one in either placement, and the shares.

    None unless both cut one key space into intervals, or both into the same slots.
    """
    cuts = common_cuts(a, b)
    if cuts is not None:
        return cuts, interval_lengths(cuts)
    slots = a._slot_count()
    if slots is None or slots != b._slot_count() or not a._hashes_like(b):
        return None
    return np.arange(slots, dtype=np.uint64), np.full(slots, 1 / slots)


def common_cuts(a: Placement, b: Placement) -> NDArray[np.uint64] | None:
    """Return the ends of the intervals on which neither placement changes, if both cut the same key space."""
    mine, theirs = a._boundaries(), b._boundaries()
    if mine is None or theirs is None or not a._hashes_like(b):
        return None
    return mine if a is b else np.union1d(mine, theirs)


def interval_lengths(boundaries: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return the share of the key space that ends at each boundary; the first interval goes around the end."""
    lengths = np.diff(boundaries, prepend=boundaries[-1])  # uint64: the way around is right modulo 2^64
    if len(boundaries) == 1:
        return np.ones(1)
    return lengths / 2.0**64
