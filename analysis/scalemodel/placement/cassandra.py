"""Cassandra's ring: tokens of Murmur3Partitioner, drawn at random or chosen so that replicas spread evenly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from .._check import whole
from ..hashing import _integers_or_bytes, hash_keys, key_bytes
from ..topology import Topology, nearest
from ._kernels.ring import name_points
from .placement import Nodes, Placement
from .ring import MOST_POINTS, Index, PointRing, indexed, point_counts
from .token_allocation import HIGHEST, LOWEST, allocated

MOST_TOKENS = 1536
"""Cassandra's largest ``num_tokens``."""

Tokens = Mapping[str, Iterable[int]] | Sequence[Iterable[int]]
"""The tokens of each node, by name or in their order."""


@dataclass(frozen=True, init=False)
class CassandraRing(PointRing):
    """The nodes of a Cassandra data center; a key belongs to the first token at or after its own, in signed order.

    Keys are text or bytes of a single partition column, or integers, which are a ``bigint``; hashed keys are tokens as
    ``uint64``. `replicas` is SimpleStrategy, and with a level to spread over, such as ``"rack"``, it is
    NetworkTopologyStrategy with at most as many replicas as there are racks. A new node takes ranges from others, and
    no key moves between these: their tokens stay.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes in the order in which they join; a topology brings weights and racks.
    num_tokens : int
        Tokens of a node of weight 1, up to 1536; one of weight w has ``round(num_tokens * w)``, at least one.
    weights : sequence of float, optional
        Relative capacity of each node, above zero.
    allocation : {"random", "replicas"}
        ``"random"`` takes the XXH64 of ``"name_0"``, ``"name_1"``, … for the random numbers that Cassandra draws.
        ``"replicas"`` is what Cassandra does with ``allocate_tokens_for_local_replication_factor``: each node that
        joins gets those tokens which even out what all nodes hold. Only the first token is drawn; the rest follows from
        it as in Cassandra 4. Takes a second for some 10,000 tokens.
    replication_factor : int
        For how many replicas tokens are chosen. No matter if they are random.
    spread : str, optional
        The level of the topology that is Cassandra's rack when tokens are chosen. With as many racks as replicas, each
        rack is a ring of its own with one replica; with more, replicas are in different racks. First one node of each
        rack joins, then the second of each, and so on.
    tokens : mapping or sequence, optional
        The tokens of each node, by name or in the order of the nodes, from -2^63 to 2^63 - 1: ``initial_token``.
    seed : int
        Draws other tokens. Keys are hashed without.

    Examples
    --------
    >>> ring = CassandraRing(["a", "b", "c"], tokens=[[-(2**62)], [0], [2**62]])
    >>> ring.token(["user:1", "user:3"])
    array([ 6120565781388772718, -3564460312670630062])
    >>> [ring.nodes[i] for i in ring.lookup(["user:1", "user:3"])]
    ['a', 'b']

    Sixteen tokens each, at random and chosen for three replicas: what the fullest node holds.

    >>> from scalemodel.placement import balance
    >>> for allocation in ("random", "replicas"):
    ...     print(f"{balance(CassandraRing(30, allocation=allocation), replicas=3).peak_to_mean:.2f}")
    1.24
    1.03

    References
    ----------
    Apache Cassandra, ``Murmur3Partitioner``, ``ReplicationAwareTokenAllocator``, ``NoReplicationTokenAllocator``.
    B. Lambov, "New token allocation algorithm in Cassandra 3.0", DataStax, 2016.
    """

    num_tokens: int
    allocation: Literal["random", "replicas"]
    replication_factor: int
    spread: str | None
    tokens: tuple[tuple[int, ...], ...]

    def __init__(
        self,
        nodes: Nodes,
        num_tokens: int = 16,
        weights: Sequence[float] | None = None,
        allocation: Literal["random", "replicas"] = "random",
        replication_factor: int = 3,
        spread: str | None = None,
        tokens: Tokens | None = None,
        seed: int = 0,
    ) -> None:
        if allocation not in ("random", "replicas"):
            raise ValueError(f"allocation is {allocation!r}: give 'random' or 'replicas'")
        super().__init__(
            nodes,
            weights,
            seed=seed,
            num_tokens=whole(num_tokens, "num_tokens", 1, MOST_TOKENS),
            allocation=allocation,
            replication_factor=whole(replication_factor, "replication_factor", 1, 10**6),
            spread=spread,
        )
        if (total := sum(self.topology.weights) * self.num_tokens) > MOST_POINTS:
            raise ValueError(
                f"there would be {total:.3g} tokens, at most {MOST_POINTS:.3g} are allowed: "
                "give fewer num_tokens or smaller weights (a node of weight 1 has `num_tokens` tokens)"
            )
        if spread is not None:
            self.topology.domains(spread)  # says if there is no such level
        held = self._with_tokens(self.topology, {}) if tokens is None else _explicit(self.nodes, tokens)
        object.__setattr__(self, "tokens", tuple(tuple(held[node]) for node in self.nodes))

    @property
    def description(self) -> str:
        """The scheme, its size and how tokens are chosen, in a few words."""
        how = f", replication_factor={self.replication_factor}" if self.allocation == "replicas" else ""
        return (
            f"{type(self).__name__}, {len(self.nodes)} nodes, num_tokens={self.num_tokens}, "
            f"allocation={self.allocation!r}{how}"
        )

    @property
    def counts(self) -> NDArray[np.int64]:
        """Tokens of each node, ``int64[nodes]``."""
        return np.array([len(held) for held in self.tokens])

    def token(self, keys: Any) -> NDArray[np.int64]:
        """Return the token of each key, ``int64[m]``, as CQL's ``token()`` does; integers are keys of type bigint."""
        return self._hashes(keys, hashed=False).view(np.int64)

    @cached_property
    def _index(self) -> Index:
        """The ring of unsigned numbers, which is cut open elsewhere than that of signed ones, and is the same ring."""
        return indexed(np.array([token for held in self.tokens for token in held]).view(np.uint64), self.counts)

    def _with(self, topology: Topology | None = None, **changes: Any) -> Self:
        options = self._options() | changes
        if topology is not None:
            held = dict(zip(self.nodes, self.tokens, strict=True))
            options["tokens"] = self._with_tokens(topology, held)
        elif changes:
            del options["tokens"]
        return type(self)(topology or self.topology, **options)

    def _with_tokens(self, topology: Topology, held: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
        """Return the tokens of each node of a topology; those in `held` have theirs already."""
        joining = [node for node in topology.nodes if node not in held]
        kept = {node: held[node] for node in topology.nodes if node in held}
        if not joining:
            return kept
        counts = point_counts(topology.weights, self.num_tokens)
        chosen = self.allocation == "replicas"
        drawn = np.ones_like(counts) if chosen else counts  # where tokens are chosen, one is drawn to begin with
        points = name_points(*key_bytes(topology.nodes), drawn, np.uint64(self.seed), False).view(np.int64).tolist()
        if chosen:
            return allocated(topology, kept, counts.tolist(), self.replication_factor, self.spread, points)
        ends = np.cumsum(counts).tolist()
        return {
            node: kept.get(node) or points[end - count : end]
            for node, end, count in zip(topology.nodes, ends, counts.tolist(), strict=True)
        }

    def _hashes(self, keys: Any, hashed: bool) -> NDArray[np.uint64]:
        if hashed:
            return super()._hashes(keys, hashed)
        found = _integers_or_bytes(keys)
        return hash_keys(found.byteswap() if isinstance(found, np.ndarray) else keys, "murmur3_cassandra")

    def _hashes_like(self, other: Placement) -> bool:
        return isinstance(other, CassandraRing)


def _explicit(nodes: tuple[str, ...], tokens: Tokens) -> dict[str, list[int]]:
    """Return the tokens that were given for each node."""
    if isinstance(tokens, Mapping):
        for node in tokens:
            if node not in nodes:
                raise ValueError(f"tokens names the node {node!r}, which is not there{nearest(str(node), nodes)}")
    every = [tokens.get(node, ()) for node in nodes] if isinstance(tokens, Mapping) else list(tokens)
    if len(every) != len(nodes):
        raise ValueError(f"there are tokens for {len(every)} nodes and {len(nodes)} nodes: give each its tokens")
    owners: dict[int, str] = {}
    held = {}
    for node, theirs in zip(nodes, every, strict=True):
        held[node] = [whole(token, f"a token of {node!r}", LOWEST, HIGHEST) for token in theirs]
        if not held[node]:
            raise ValueError(f"{node!r} has no token: give every node one or more")
        for token in held[node]:
            if token in owners:
                raise ValueError(f"token {token} is given to {owners[token]!r} and to {node!r}: give it to one")
            owners[token] = node
    return held
