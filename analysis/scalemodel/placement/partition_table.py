"""Fixed partitions in a table of nodes: as OpenStack Swift's ring and Dynamo's third strategy have it."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..streams import stream
from ..topology import Topology
from ._kernels import partition_table as kernels
from .apportion import apportion, water_fill
from .placement import Nodes, Placement, domains_for

if TYPE_CHECKING:
    import pandas as pd

MOST_PARTS = 2**28
"""Parts (partitions x replicas) of the largest table: 1 GiB."""


@dataclass(frozen=True, init=False, eq=False)
class PartitionTable(Placement):
    """A fixed number of partitions, each assigned to nodes by a table that changes as little as possible.

    The partition of a key is ``hash * partitions / 2^64``, rounded down: for a power of two the top bits of the hash,
    as in Swift. The table has a row for each partition, of `replicas` nodes in distinct domains, the first of them the
    primary. A *part* is one replica of one partition.

    Every node holds its weight's share of the parts, rounded up or down, and is the primary of its share of these, the
    same. Where a domain weighs so much that it would hold two replicas of a partition, it holds one of each, and the
    others take the rest by weight (`targets`). `add`, `remove`, `reweight` and `rebalance` round so that the fewest
    parts leave their nodes, and of all tables with these counts take one that moves the fewest parts: a flow of least
    cost. So a table depends on its history, and adding a node and removing it again need not restore it. Swift besides
    moves one replica of a partition at a time, and waits ``min_part_hours`` before the next; here a change is planned
    as a whole.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes; a topology brings weights and failure domains.
    partitions : int
        Number of partitions. It never changes: take about a hundred for each node there may ever be.
    replicas : int
        Replicas of each partition (the attribute is `copies`). Asked for more, the method `replicas` goes on through
        the rows that follow, as a request goes on to Swift's handoff nodes.
    spread : str, optional
        A level of the topology, such as ``"zone"``: no two replicas of a partition share a domain of it.
    weights : sequence of float, optional
        Relative capacity of each node, above zero.
    seed : int
        Another seed is another table and another hash of the keys.
    table : str or int array, shape (partitions, replicas), optional
        The table, as read from another program, or as `state` wrote it; a new one is drawn unless given.

    Attributes
    ----------
    table : int32[partitions, copies]
        The nodes of each partition, positions in `nodes`; read-only.

    Examples
    --------
    >>> table = PartitionTable(40, partitions=2**14)
    >>> grown = table.add("n40")
    >>> len(table.transfers(grown)), round(3 * 2**14 / 41, 1)
    (1198, 1198.8)

    References
    ----------
    OpenStack Swift, ``swift.common.ring.RingBuilder``; DeCandia et al., "Dynamo", SOSP 2007, section 6.2, strategy 3.
    """

    partitions: int
    copies: int
    spread: str | None
    table: NDArray[np.int32] = field(repr=False)

    def __init__(
        self,
        nodes: Nodes,
        partitions: int = 2**16,
        replicas: int = 3,
        spread: str | None = None,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        table: str | NDArray[np.integer] | None = None,
    ) -> None:
        if isinstance(partitions, bool) or not isinstance(partitions, (int, np.integer)) or partitions < 1:
            raise ValueError(f"partitions is {partitions!r}: give an integer of one or more")
        super().__init__(nodes, weights, seed=seed, partitions=int(partitions), copies=replicas, spread=spread)
        domains = self._domains(replicas, spread)
        if partitions * replicas > MOST_PARTS:
            raise ValueError(
                f"{partitions} partitions of {replicas} replicas are {partitions * replicas:.3g} parts, at most "
                f"{MOST_PARTS:.3g} are allowed: give fewer partitions"
            )
        made = self._drawn(domains) if table is None else self._checked(table, domains)
        made.flags.writeable = False
        object.__setattr__(self, "copies", int(replicas))
        object.__setattr__(self, "table", made)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PartitionTable):
            return NotImplemented
        mine, theirs = ((p.topology, p._options()) for p in (self, other))
        return mine == theirs and bool(np.array_equal(self.table, other.table))

    def __hash__(self) -> int:
        return hash((self.topology, *self._options().values(), self.table.tobytes()))

    @property
    def description(self) -> str:
        """The scheme, its size and what else was chosen, in a few words."""
        spread = f", spread={self.spread!r}" if self.spread else ""
        return f"PartitionTable, {len(self.nodes)} nodes, partitions={self.partitions}, replicas={self.copies}{spread}"

    @property
    def counts(self) -> NDArray[np.int64]:
        """Parts that each node holds, ``int64[nodes]``; the sum is partitions x copies."""
        return np.bincount(self.table.ravel(), minlength=len(self.nodes))

    @property
    def targets(self) -> NDArray[np.float64]:
        """Parts that each node should hold, ``float64[nodes]``: its weight's share, as far as the domains allow."""
        return water_fill(np.array(self.topology.weights), self._own_domains, self.partitions, self.copies)

    @property
    def deviation(self) -> float:
        """The largest deviation of a node's parts from its weight's share, relative to that share; 0 is perfect.

        What Swift's ring builder calls balance, there in percent.

        Examples
        --------
        >>> round(PartitionTable(40, 2**16).deviation, 5)
        0.00016
        >>> PartitionTable(3, 2**10, replicas=2, weights=[1, 1, 6]).counts.tolist()  # n2 cannot hold more than one each
        [512, 512, 1024]
        """
        due = self.topology.shares * self.table.size
        return float(np.max(np.abs(self.counts / due - 1)))

    def reweight(self, node: str, weight: float) -> Self:
        """Return the placement with another weight of one node.

        Examples
        --------
        >>> table = PartitionTable(4, 1000).reweight("n0", 0.5)
        >>> table.counts.tolist()
        [429, 857, 857, 857]
        """
        at = self.topology.index(node)
        return self.rebalance(
            self.topology.with_weights([weight if i == at else w for i, w in enumerate(self.topology.weights)])
        )

    def rebalance(self, topology: Topology) -> Self:
        """Return the placement over another topology: several nodes that come, leave and change weight at once.

        Nodes are the same if they have the same name.

        Raises
        ------
        ValueError
            If there are too few domains for the replicas, or a node has changed its domain.
        """
        domains_for(topology, self.copies, self.spread)
        places = dict(zip(topology.nodes, _labels(topology, self.spread), strict=True))
        gone = {}
        for node, label in zip(self.nodes, _labels(self.topology, self.spread), strict=True):
            if places.get(node, label) != label:
                raise ValueError(
                    f"node {node!r} has moved from {self.spread} {label!r} to {places[node]!r}, with parts whose other "
                    "replicas may be there: remove it, and add it under another name"
                )
            if node not in places:
                gone[node] = label
        everywhere = places | gone  # nodes that are gone hold their parts until these are handed over
        at = {node: i for i, node in enumerate(everywhere)}
        number = {label: i for i, label in enumerate(dict.fromkeys(everywhere.values()))}
        domains = np.array([number[label] for label in everywhere.values()], np.int64)
        before = np.array([at[node] for node in self.nodes], np.int32)[self.table]
        after = _settled(before, domains, np.array(topology.weights), self.seed)
        return type(self)(topology, **self._options(), table=after)

    def transfers(self, after: "PartitionTable") -> "pd.DataFrame":
        """List the parts that are to be copied to get from this table to another.

        Returns
        -------
        DataFrame
            A row per part, in order of the partitions: `partition`, the node that loses the part (`source`) and the
            node that gets it (`destination`).

        Raises
        ------
        ValueError
            If the tables differ in partitions or replicas.
        """
        import pandas as pd

        if (self.partitions, self.copies) != (after.partitions, after.copies):
            raise ValueError(
                f"one table has {self.partitions} partitions x {self.copies} replicas, the other {after.partitions} x "
                f"{after.copies}: compare tables of the same size"
            )
        at = {node: i for i, node in enumerate(after.nodes)}
        here = np.array([at.get(node, -1) for node in self.nodes])[self.table]
        lost = ~(here[:, :, None] == after.table[:, None, :]).any(axis=2)
        gained = ~(after.table[:, :, None] == here[:, None, :]).any(axis=2)
        return pd.DataFrame(  # a row loses as many nodes as it gains, so the two lists go together
            {
                "partition": np.nonzero(lost)[0],
                "source": np.array(self.nodes, dtype=object)[self.table[lost]],
                "destination": np.array(after.nodes, dtype=object)[after.table[gained]],
            }
        )

    def state(self) -> dict[str, Any]:
        """Return all that makes this placement, as plain values that JSON can hold; `restore` reads it back.

        The table is written as base64 of its deflated little-endian bytes.
        """
        packed = zlib.compress(self.table.astype("<i4").tobytes())
        return super().state() | {"table": base64.b64encode(packed).decode("ascii")}

    def _options(self) -> dict[str, Any]:
        return {"partitions": self.partitions, "replicas": self.copies, "spread": self.spread, "seed": self.seed}

    def _with(self, topology: Topology | None = None, **changes: Any) -> Self:
        """Return this table brought to another topology; other changes draw a new table."""
        return super()._with(None, **changes) if topology is None else self.rebalance(topology)

    @cached_property
    def _own_domains(self) -> NDArray[np.int64]:
        return self.topology.domains(self.spread or "node")

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return kernels.lookup(hashes, self.table)

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return preference_lists(self.table, n, domains, self._own_domains)[kernels.rows_of(hashes, self.partitions)]

    def _boundaries(self) -> NDArray[np.uint64]:
        return row_ends(self.partitions)

    def _exact_ownership(self, replicas: int, domains: NDArray[np.int64], spread: str | None) -> NDArray[np.float64]:
        lists = preference_lists(self.table, replicas, domains, self._own_domains)
        return self._count(lists) / lists.size  # a partition is 1/partitions of the key space, to 2^-64

    def _drawn(self, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return a random table."""
        counts = apportion(self.targets, domains, np.zeros(len(domains), np.int64))
        generator = stream(self.seed)
        table = random_rows(counts, domains, self.partitions, self.copies, generator)
        table = generator.permuted(table, axis=1)
        _elect(table, np.full((self.partitions, 1), -1, np.int32), domains)
        return table

    def _checked(self, table: str | NDArray[np.integer], domains: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return a copy of a given table, which must be one of this placement."""
        shape = self.partitions, self.copies
        if isinstance(table, str):
            try:
                table = np.frombuffer(zlib.decompress(base64.b64decode(table, validate=True)), "<i4").reshape(shape)
            except (binascii.Error, zlib.error, ValueError) as error:
                raise ValueError(f"the saved table is damaged ({error}): save it anew") from None
        if not (isinstance(table, np.ndarray) and np.issubdtype(table.dtype, np.integer)):
            what = table.dtype if isinstance(table, np.ndarray) else type(table).__name__
            raise TypeError(f"the table came as {what}: give an integer array, a row of nodes per partition")
        if table.shape != shape:
            raise ValueError(
                f"the table has shape {table.shape}: for {shape[0]} partitions of {shape[1]} replicas give {shape}"
            )
        if table.min() < 0 or table.max() >= len(self.nodes):
            raise ValueError(
                f"the table holds nodes from {table.min()} to {table.max()}: give positions from 0 to "
                f"{len(self.nodes) - 1}"
            )
        in_order = np.sort(domains[table], axis=1)
        if (in_order[:, 1:] == in_order[:, :-1]).any():
            row = int(np.flatnonzero((in_order[:, 1:] == in_order[:, :-1]).any(axis=1))[0])
            raise ValueError(
                f"partition {row} has two replicas in one {self.spread or 'node'}: give a table without such rows"
                + (", or a finer spread" if self.spread else "")
            )
        return np.array(table, np.int32, order="C")


def preference_lists(
    table: NDArray[np.int32], n: int, domains: NDArray[np.int64], spread_over: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return for each row its first `n` nodes of distinct domains, going on through the rows that follow.

    The rows hold distinct domains of `spread_over`; where these tell the asked domains apart, a row is taken as it is.
    """
    if n <= table.shape[1] and (domains.max() + 1 == len(domains) or np.array_equal(domains, spread_over)):
        return table[:, :n]
    return kernels.following(table, domains, n)


def row_ends(rows: int) -> NDArray[np.uint64]:
    """Return the last hashed key of each of `rows` equal intervals: ``((i + 1) 2^64 - 1) / rows``, rounded down."""
    whole, rest = divmod(2**64, rows)
    following = np.arange(1, rows + 1)
    fraction = (following * rest - 1) // rows  # below 2^57: rest and rows are below 2^28
    return following.astype(np.uint64) * np.uint64(whole) + fraction.astype(np.uint64)  # around the end: modulo 2^64


def random_rows(
    counts: NDArray[np.int64], domains: NDArray[np.int64], rows: int, copies: int, generator: np.random.Generator
) -> NDArray[np.int32]:
    """Draw a table in which each node comes so many times, and no row has two nodes of one domain.

    The nodes are laid out domain after domain in one line, which is cut into `copies` columns of `rows`: as no domain
    is longer than a column, none comes into a row twice (McNaughton's wrap-around rule, 1959). Then each part is
    exchanged with another at random, as far as the domains allow.
    """
    place = generator.permutation(domains.max() + 1)[domains]
    order = np.argsort(place, kind="stable")
    line = np.repeat(order.astype(np.int32), counts[order])
    for stretch in np.split(line, np.cumsum(np.bincount(place, counts).astype(np.int64))[:-1]):
        generator.shuffle(stretch)
    table = np.ascontiguousarray(line.reshape(copies, rows).T)
    kernels.mix(table, domains, generator.integers(0, table.size, table.size))
    return table


def _labels(topology: Topology, spread: str | None) -> tuple[str, ...]:
    return topology.nodes if spread in (None, "node") else topology.places[spread]


def _settled(
    before: NDArray[np.int32], domains: NDArray[np.int64], weights: NDArray[np.float64], seed: int
) -> NDArray[np.int32]:
    """Return the table nearest to a given one that suits the weights; nodes beyond these have left."""
    rows, copies = before.shape
    table, nodes = before.copy(), len(domains)
    held, primaries = np.bincount(table.ravel(), minlength=nodes), np.bincount(table[:, 0], minlength=nodes)
    here = slice(len(weights))
    due = apportion(water_fill(weights, domains[here], rows, copies), domains[here], held[here])
    one_domain = np.zeros(len(due), np.int64)
    due_primaries = apportion(due / copies, one_domain, primaries[here])
    surplus, spare = held, primaries
    surplus[here] -= due
    spare[here] -= due_primaries
    # which parts go is drawn, and never twice alike on the way of a table
    order = stream(seed, zlib.crc32(table.tobytes())).permutation(table.size)
    kernels.hand_over(table, domains, surplus, spare, order)
    _settle(table, before, before, True, domains, np.maximum(surplus, 0), np.maximum(-surplus, 0), order)
    _elect(table, before[:, :1].copy(), domains)
    return table


def _settle(
    table: NDArray[np.int32],
    home: NDArray[np.int32],
    choices: NDArray[np.int32],
    anywhere: bool,
    domains: NDArray[np.int64],
    surplus: NDArray[np.int64],
    room: NDArray[np.int64],
    order: NDArray[np.int64],
) -> None:
    """Bring surplus to where there is room, in as few moves as possible; change table, surplus and room.

    A flow of least cost. Surplus goes along chains of nodes, each of which hands a part on to the next. A part may go
    to the nodes of its row in `choices` and, if so told, anywhere it fits; it has moved if its node is not in its row
    of `home`. All chains that move the fewest parts are followed before the next are looked for (the primal-dual
    method), so that there are few rounds.
    """
    while surplus.any() and room.any():
        distance = np.where(room > 0, 0, kernels.FAR)
        changed = True
        while changed:
            nearest = np.full(domains.max() + 1, kernels.FAR)
            np.minimum.at(nearest, domains, distance)
            changed = kernels.shorten(
                table, home, choices, anywhere, domains, distance, nearest, np.argsort(nearest, kind="stable")
            )
        ordered = np.lexsort((domains, distance))
        by_node = kernels.parts_of(table, order, len(domains))
        step = table, home, choices, anywhere, domains
        if not kernels.push(*step, surplus, room, distance, ordered, distance[ordered], *by_node):
            return


def _elect(table: NDArray[np.int32], before: NDArray[np.int32], domains: NDArray[np.int64]) -> None:
    """Put such a node first in each row that each is the primary of its share of its parts, rounded up or down.

    That can always be: a row that gives each of its nodes an equal share of it is a fractional solution, and flows are
    whole. Few rows get another primary than `before`.
    """
    rows, copies = table.shape
    nodes = len(domains)
    held = np.bincount(table.ravel(), minlength=nodes)
    low, high = held // copies, -(-held // copies)
    primary = np.where((table == before).any(axis=1, keepdims=True), before, table[:, :1])
    for most, least in ((high, low), (high, high), (low, low)):  # too many to too few, to any, and from any to too few
        count = np.bincount(primary[:, 0], minlength=nodes)
        surplus, room = np.maximum(count - most, 0), np.maximum(least - count, 0)
        _settle(primary, before, table, False, domains, surplus, room, np.arange(rows))
    row, position = np.arange(rows), (table == primary).argmax(axis=1)
    table[row, position] = table[:, 0]
    table[:, 0] = primary[:, 0]
