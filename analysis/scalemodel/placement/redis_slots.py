"""Redis Cluster: 16384 hash slots, dealt to the nodes in ranges."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..hashing import Integers, KeyBytes, Keys, _as_bytes, _integers_or_bytes
from ..streams import stream
from ..topology import Topology, nearest
from ._kernels import redis_slots as kernels
from .movement import moved_slots
from .placement import Nodes, Placement
from .slots import SlotTable

if TYPE_CHECKING:
    import pandas as pd

SLOTS = 16384

Spans = Iterable[int | Sequence[int]]

Ranges = Mapping[str, Spans] | Sequence[Spans]
"""For each node, by name or in their order, its slots: single ones and pairs (first, last)."""


@dataclass(frozen=True, init=False)
class RedisSlots(SlotTable):
    """The masters of a Redis Cluster; a key's slot is CRC16 of the key, or of its hash tag, modulo 16384.

    The slots are dealt as ``redis-cli --cluster create`` does and, where weights differ, moved as ``--cluster
    rebalance --cluster-weight`` does. A new node takes the lowest slots of the nodes that are furthest above their
    share, no more than its own share; the slots of a node that leaves go to nodes below theirs, to the owner of the
    next slots where that is as even. Hashed keys stand for slots by their remainder. The masters after the first in
    `replicas` are those of other slots; Redis itself copies a master as a whole.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The masters; a topology brings weights and failure domains.
    weights : sequence of float, optional
        Relative share of each node, above zero.
    ranges : mapping or sequence, optional
        The slots of each node, by name or in the order of the nodes: single slots and pairs (first, last).
    seed : int
        0 deals the slots to the nodes in their order, another seed in another order.

    Examples
    --------
    >>> cluster = RedisSlots(3)
    >>> cluster.ranges
    (((0, 5460),), ((5461, 10922),), ((10923, 16383),))
    >>> cluster.slot(["user1000", "{user1000}.following", "{user1000}.followers"])
    array([3443, 3443, 3443], dtype=int32)
    >>> cluster.moves(cluster.add("n3"))
       first   last  slots source destination
    0      0   1364   1365     n0          n3
    1   5461   6826   1366     n1          n3
    2  10923  12287   1365     n2          n3

    References
    ----------
    Redis Cluster specification, "Key distribution model" and "Hash tags".
    """

    ranges: tuple[tuple[tuple[int, int], ...], ...]

    def __init__(
        self, nodes: Nodes, weights: Sequence[float] | None = None, ranges: Ranges | None = None, seed: int = 0
    ) -> None:
        super().__init__(nodes, weights, seed=seed)
        n = len(self.nodes)
        if n > SLOTS:
            raise ValueError(f"{n} nodes are more than there are slots: give at most {SLOTS}")
        if ranges is not None:
            table = _explicit(self.nodes, ranges)
        else:
            table = created(n)
            if self.seed:
                table = stream(self.seed).permutation(n).astype(np.int32)[table]
            if len(set(self.topology.weights)) > 1:
                table = rebalanced(table, self.topology.weights, threshold=0.0)
        object.__setattr__(self, "ranges", _ranges(table, n))

    @classmethod
    def from_cluster_nodes(cls, text: str) -> Self:
        """Read the answer of ``CLUSTER NODES``: the masters that have slots, named by their address.

        Examples
        --------
        >>> RedisSlots.from_cluster_nodes('''
        ... 07c37df 127.0.0.1:30004@31004 slave e7d1eec 0 1426238317239 4 connected
        ... 67ed2db 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 8001-16383
        ... e7d1eec 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-8000
        ... ''').ranges
        (((8001, 16383),), ((0, 8000),))
        """
        held: dict[str, list[tuple[int, int]]] = {}
        for line in text.splitlines():
            fields = line.split()
            if len(fields) > 8 and "master" in fields[2].split(","):
                spans = [field.split("-") for field in fields[8:] if not field.startswith("[")]  # [: on the move
                address = fields[1].partition("@")[0]
                try:
                    held[address] = [(int(span[0]), int(span[-1])) for span in spans]
                except ValueError:
                    raise ValueError(f"{address} has slots that are no numbers, in the line {line!r}") from None
        if not held:
            raise ValueError("no master with slots is in the text: give the answer of CLUSTER NODES")
        return cls(list(held), ranges=held)

    @property
    def description(self) -> str:
        """The scheme and its size in a few words."""
        return f"{type(self).__name__}, {len(self.nodes)} nodes"

    def slot(self, keys: Keys) -> NDArray[np.int32]:
        """Return the slot of each key, ``int32[m]``, as ``CLUSTER KEYSLOT`` does; integers are keys in decimal."""
        return self._hashes(keys, hashed=False).astype(np.int32)

    def moves(self, after: "RedisSlots") -> "pd.DataFrame":
        """List the ranges of slots to move from this cluster to another, in order of the slots."""
        plan = moved_slots(self, after)
        ways = plan[["source", "destination"]]
        fresh = plan["slot"].diff().ne(1) | (ways != ways.shift()).any(axis=1)
        return (
            plan.groupby(fresh.cumsum().to_numpy())
            .agg(
                first=("slot", "min"),
                last=("slot", "max"),
                slots=("slot", "size"),
                source=("source", "first"),
                destination=("destination", "first"),
            )
            .reset_index(drop=True)
        )

    def rebalance(self, weights: Mapping[str, float] | None = None, threshold: float = 0.02) -> Self:
        """Return the cluster after ``redis-cli --cluster rebalance --cluster-use-empty-masters``.

        Parameters
        ----------
        weights : mapping of str to float, optional
            ``--cluster-weight``; nodes that are not named weigh 1, as in Redis. Without it the weights stay as they
            are.
        threshold : float
            Nothing moves if no node is off its share by more than this part of its slots; 0 moves in any case.

        Examples
        --------
        >>> RedisSlots(3).rebalance({"n0": 2}).counts
        array([8192, 4096, 4096])
        """
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold is {threshold}: give a share from 0 to below 1")
        for node in weights or {}:
            self.topology.index(node)
        given = self.topology.weights if weights is None else [weights.get(node, 1.0) for node in self.nodes]
        topology = self.topology.with_weights(given)
        ranges = _ranges(rebalanced(self.table, given, threshold), len(given))
        return type(self)(topology, ranges=ranges, seed=self.seed)

    def _with(self, topology: Topology | None = None, **changes: Any) -> Self:
        if topology is None:
            return (
                type(self)(self.topology, **changes)
                if changes
                else type(self)(self.topology, ranges=self.ranges, seed=self.seed)
            )
        table, nodes = self.table, self.nodes
        weight = dict(zip((*self.nodes, *topology.nodes), (*self.topology.weights, *topology.weights), strict=True))
        for node in topology.nodes:
            if node not in nodes:
                nodes = (*nodes, node)
                table = joined(table, [weight[name] for name in nodes])
        for node in self.nodes:
            if node not in topology.nodes:
                at = nodes.index(node)
                nodes = (*nodes[:at], *nodes[at + 1 :])
                table = left(table, at, [weight[name] for name in nodes])
        held = dict(zip(nodes, _ranges(table, len(nodes)), strict=True))
        return type(self)(topology, ranges=held, seed=self.seed)

    def _hashes(self, keys: Any, hashed: bool) -> NDArray[np.uint64]:
        return super()._hashes(keys, hashed) if hashed else kernels.key_slots(*_as_bytes(_as_text(keys)))

    def _hashes_like(self, other: Placement) -> bool:
        return isinstance(other, RedisSlots)

    def _slot_count(self) -> int:
        return SLOTS

    def _fill(self) -> NDArray[np.int32]:
        return _explicit(self.nodes, self.ranges)


def created(n: int) -> NDArray[np.int32]:
    """Return the node of each slot after ``redis-cli --cluster create`` of n masters, which counts in floats."""
    table = np.empty(SLOTS, np.int32)
    each = np.float32(SLOTS) / np.float32(n)
    first, cursor = 0, np.float32(0)
    for node in range(n):
        last = int(float(cursor + each - np.float32(1)) + 0.5) if node < n - 1 else SLOTS - 1
        last = max(min(last, SLOTS - 1), first)
        table[first : last + 1] = node
        first, cursor = last + 1, cursor + each
    return table


def rebalanced(table: NDArray[np.int32], weights: Sequence[float], threshold: float) -> NDArray[np.int32]:
    """Return the node of each slot after ``redis-cli --cluster rebalance``.

    Nodes that are to get slots meet those that are to give some, the one furthest from its share first; each gives its
    lowest slots. What is lost to rounding goes to nodes that get slots.
    """
    light = np.array(weights, np.float32)
    per_weight = np.float32(SLOTS) / sum(light, start=np.float32(0))
    count = np.bincount(table, minlength=len(light))
    expected = (per_weight * light).astype(np.int64)
    off = np.abs(100 - 100.0 * expected / np.maximum(count, 1)).astype(np.float32)
    if threshold > 0 and not np.where(count > 0, off > 100 * threshold, expected > 1).any():
        return table
    excess = count - expected
    missing = int(excess.sum())
    while missing > 0:
        for node in np.flatnonzero(excess <= 0)[:missing]:
            excess[node] -= 1
            missing -= 1
    table = table.copy()
    order = np.argsort(excess, kind="stable")
    target, source = 0, len(order) - 1
    while target < source:
        to, giver = order[target], order[source]
        moved = min(abs(excess[to]), abs(excess[giver]))
        table[np.flatnonzero(table == giver)[:moved]] = to
        excess[to] += moved
        excess[giver] -= moved
        target += int(excess[to] == 0)
        source -= int(excess[giver] == 0)
    return table


def joined(table: NDArray[np.int32], weights: Sequence[float]) -> NDArray[np.int32]:
    """Return the node of each slot after the last of the nodes has come: it takes its share, rounded down."""
    share = SLOTS * np.array(weights) / sum(weights)
    new = len(share) - 1
    count = np.bincount(table, minlength=new)
    given = [0] * new
    furthest = [(share[node] - count[node], node) for node in range(new)]
    heapq.heapify(furthest)
    for _ in range(int(share[new])):
        below, node = furthest[0]
        given[node] += 1
        heapq.heapreplace(furthest, (below + 1, node))
    table = table.copy()
    for node, slots in enumerate(given):
        table[np.flatnonzero(table == node)[:slots]] = new
    return table


def left(table: NDArray[np.int32], leaver: int, weights: Sequence[float]) -> NDArray[np.int32]:
    """Return the node of each slot after one has left; the weights and numbers are those of the others."""
    homeless = np.flatnonzero(table == leaver)
    table = np.where(table > leaver, table - 1, table).astype(np.int32)
    table[homeless] = -1
    share = SLOTS * np.array(weights) / sum(weights)
    lacking = np.floor(share).astype(np.int64) - np.bincount(table[table >= 0], minlength=len(share))
    room = np.maximum(lacking, 0)
    spare = len(homeless) - int(room.sum())  # of shares that are no whole numbers
    one_more = (share % 1 > 0) & (lacking >= 0)
    for slot in homeless[::-1]:
        node = table[slot + 1] if slot + 1 < SLOTS and spare >= 0 else -1
        if node < 0 or (room[node] == 0 and not (spare > 0 and one_more[node])):
            node = int(np.argmax(room + share % 1 * one_more))
        if room[node] > 0:
            room[node] -= 1
        else:
            spare -= 1
            one_more[node] = False
        table[slot] = node
    return table


def _ranges(table: NDArray[np.int32], n: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return the runs of slots of each node."""
    firsts = np.flatnonzero(np.diff(table, prepend=-1))
    held: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for first, last in zip(firsts.tolist(), [*(firsts[1:] - 1).tolist(), SLOTS - 1], strict=True):
        held[table[first]].append((first, last))
    return tuple(map(tuple, held))


def _explicit(nodes: tuple[str, ...], ranges: Ranges) -> NDArray[np.int32]:
    """Return the node of each slot, each of which has to be named once."""
    if isinstance(ranges, Mapping):
        for node in ranges:
            if node not in nodes:
                raise ValueError(f"ranges names the node {node!r}, which is not there{nearest(str(node), nodes)}")
    every = [ranges.get(node, ()) for node in nodes] if isinstance(ranges, Mapping) else list(ranges)
    if len(every) != len(nodes):
        raise ValueError(f"there are ranges for {len(every)} nodes and {len(nodes)} nodes: give each its ranges")
    table = np.full(SLOTS, -1, np.int32)
    for at, spans in enumerate(every):
        for first, last in _spans(spans, nodes[at]):
            if (taken := np.flatnonzero(table[first : last + 1] >= 0)).size:
                slot = first + int(taken[0])
                raise ValueError(f"slot {slot} is given to {nodes[table[slot]]!r} and to {nodes[at]!r}: give it to one")
            table[first : last + 1] = at
    if (free := np.flatnonzero(table < 0)).size:
        raise ValueError(f"{free.size} slots have no node, the first is {free[0]}: give all of 0 to {SLOTS - 1}")
    return table


def _spans(spans: Spans, node: str) -> Iterator[tuple[int, int]]:
    for span in spans:
        ends = span if isinstance(span, (tuple, list)) else (span, span)
        whole = all(isinstance(end, (int, np.integer)) and not isinstance(end, bool) for end in ends)
        if not (whole and len(ends) == 2 and 0 <= ends[0] <= ends[1] < SLOTS):
            raise ValueError(
                f"{node!r} has the range {span!r}: give a slot from 0 to {SLOTS - 1}, or a pair of the first and last"
            )
        yield int(ends[0]), int(ends[1])


def _as_text(keys: Keys) -> Integers | KeyBytes:
    """Turn integers into the decimal text that clients send."""
    found = _integers_or_bytes(keys)
    if not isinstance(found, np.ndarray):
        return found
    import pyarrow as pa

    kind = str(getattr(keys, "dtype", getattr(keys, "type", ""))).lower()
    whole = kind.startswith("uint64") or ("int" not in kind and any(int(key) >= 2**63 for key in keys))
    return _integers_or_bytes(pa.array(found.view(np.uint64 if whole else np.int64)).cast(pa.large_string()))
