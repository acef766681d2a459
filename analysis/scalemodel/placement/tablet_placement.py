"""Tablets on nodes: assigned by load, size or number, moved when nodes or tablets change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..topology import Topology
from ._kernels import ring as ring_kernels
from ._kernels import tablets as kernels
from .balance import Balance
from .fan_out import FanOut
from .movement import Movement, movement_of, tabulated
from .occupancy import counted
from .placement import Nodes, Placement
from .ring import Index, indexed
from .tablets import Measure, Tablets

if TYPE_CHECKING:
    import pandas as pd

LAST = np.uint64(2**64 - 1)

ReadsFrom = Literal["primary", "any"]


@dataclass(frozen=True, eq=False, init=False)
class TabletPlacement(Placement):
    """Tablets on nodes: a table says which nodes hold the replicas of each.

    The heaviest tablet first, each replica goes to the node that is then least loaded over its weight, no two replicas
    of a tablet into one domain. Among the replicas, that node leads which leads least. A node that joins takes tablets
    from the most loaded nodes until it has its fair share; those of a node that leaves go to the least loaded. Nothing
    else moves.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
    tablets : Tablets
    replicas : int
        Of each tablet; no more can be asked for later.
    by : {"requests", "reads", "writes", "bytes", "keys", "tablets"}
        What to balance.
    spread : str, optional
        Keep the replicas in distinct domains of this level.
    weights : sequence of float, optional
        Relative capacity of each node.
    table : array of int, shape (tablets, replicas), optional
        Where the replicas are, positions in `nodes`, the leader first. Those that are -1, all unless given, are
        assigned as above.

    Examples
    --------
    >>> from scalemodel.placement import Tablets, balance
    >>> hot = Tablets(range(4), writes=[6, 3, 2, 1], order="key").even(4)
    >>> placed = TabletPlacement(["a", "b"], hot, by="writes")
    >>> [placed.nodes[i] for i in placed.lookup(range(4))]
    ['a', 'b', 'b', 'b']
    >>> placed.balance("writes").peak_to_mean, placed.balance("tablets").peak_to_mean
    (1.0, 1.5)

    References
    ----------
    Graham, "Bounds on multiprocessing timing anomalies" (1969): with equal weights, the busiest node has at most
    ``4/3 - 1/(3 n)`` times the load that the best assignment gives it.
    """

    tablets: Tablets
    table: NDArray[np.int32]
    by: Measure
    spread: str | None

    def __init__(
        self,
        nodes: Nodes,
        tablets: Tablets | Mapping[str, Any],
        replicas: int = 1,
        by: Measure = "requests",
        spread: str | None = None,
        weights: Sequence[float] | None = None,
        *,
        table: ArrayLike | None = None,
        seed: int | None = None,
    ) -> None:
        if isinstance(tablets, Mapping):
            tablets = Tablets.from_state(dict(tablets))
        if not isinstance(tablets, Tablets):
            raise TypeError(f"tablets is {tablets!r}: give Tablets(keys, ...) or Tablets.of(workload)")
        if seed not in (None, tablets.seed):
            raise ValueError(f"seed is {seed} and the keys of the tablets are hashed with {tablets.seed}: leave it out")
        super().__init__(nodes, weights, seed=tablets.seed, tablets=tablets, by=by, spread=spread)
        load = tablets.load(by)
        given = np.full((len(tablets), counted(replicas, "replicas")), -1) if table is None else np.array(table)
        if given.ndim != 2 or len(given) != len(tablets):
            raise ValueError(f"table has shape {list(given.shape)}: give a row of nodes for each tablet")
        if given.min() < -1 or given.max() >= len(self.nodes):
            raise ValueError(f"table names node {given.min()} or {given.max()}: give 0 to {len(self.nodes) - 1}")
        domains = super()._domains(given.shape[1], spread)
        given = given.astype(np.int32)
        self._fill(given, load, domains)
        if table is None:
            kernels.elect(load, _heaviest_first(load), np.asarray(self.topology.weights), given)
        if not _apart(given, domains):
            raise ValueError(f"table puts two replicas of a tablet into one {spread or 'node'}: give each its own")
        given.flags.writeable = False
        object.__setattr__(self, "table", given)

    def __eq__(self, other: object) -> bool:
        """Placements are equal if they put the same keys on the same nodes by the same rules."""
        return (
            isinstance(other, TabletPlacement)
            and (self.topology, self.by, self.spread) == (other.topology, other.by, other.spread)
            and np.array_equal(self.table, other.table)
            and np.array_equal(self.tablets.first, other.tablets.first)
            and self._hashes_like(other)
        )

    def __hash__(self) -> int:
        return hash((self.topology, self.by, self.spread, self.table.tobytes()))

    @property
    def description(self) -> str:
        """The scheme, its size and what is balanced."""
        return f"TabletPlacement, {len(self.nodes)} nodes, {len(self.tablets):,} tablets, by {self.by}"

    # --- changes ----------------------------------------------------------------------------------------------------

    def add(self, node: str, weight: float = 1.0, **places: str) -> Self:
        """Return the placement with one more node, to which tablets have moved until it has its share.

        Raises
        ------
        ValueError
            If the node is there already, its weight is not above zero, or a domain is missing.
        """
        topology = self.topology.add(node, weight, **places)
        return self._with(topology)._moved([node])

    def remove(self, node: str) -> Self:
        """Return the placement without a node; its replicas are on the least loaded others.

        Raises
        ------
        ValueError
            If there is no such node, it is the last, or the replicas need its domain.
        """
        gone = self.topology.index(node)
        topology = self.topology.remove(node)
        table = np.where(self.table == gone, -1, self.table - (self.table > gone))
        followers_first = np.argsort(table < 0, axis=1, kind="stable")  # who followed the lost node now leads
        return self._with(topology, table=np.take_along_axis(table, followers_first, axis=1))

    def rebalanced(self) -> Self:
        """Return the placement after tablets have moved from the most to the least loaded nodes while that helps.

        Examples
        --------
        Tablets that split stay where they are; a rebalance then spreads them.

        >>> from scalemodel.placement import Tablets
        >>> one = TabletPlacement(4, Tablets(range(64), reads=[1.0] * 64))
        >>> split = one.with_tablets(one.tablets.even(16))
        >>> split.balance().peak_to_mean, split.rebalanced().balance().peak_to_mean
        (4.0, 1.0625)
        """
        return self._moved(list(self.nodes))

    def with_tablets(self, tablets: Tablets) -> Self:
        """Return the placement over other cuts of the same keys; each tablet is where its first key was.

        Raises
        ------
        ValueError
            If they are not tablets of the same keys.
        """
        if not _same_keys(tablets, self.tablets):
            raise ValueError("the tablets are of other keys: split, merge or cut the tablets of this placement")
        return self._with(tablets=tablets, table=self.table[self._tablets_at(tablets.first)])

    def with_seed(self, seed: int) -> Self:
        """Refuse: the seed is that of the tablets.

        Raises
        ------
        ValueError
            Unless it is the same.
        """
        return self._with(seed=seed)

    def _with(self, topology: Topology | None = None, **changes: Any) -> Self:
        kept: dict[str, Any] = {"tablets": self.tablets, "table": self.table, "by": self.by, "spread": self.spread}
        return type(self)(topology or self.topology, **(kept | changes))

    def _moved(self, receivers: list[str]) -> Self:
        table = self.table.copy()
        domains = Placement._domains(self, table.shape[1], self.spread)
        may = np.isin(np.array(self.nodes, dtype=object), np.array(receivers, dtype=object)).astype(np.bool_)
        load = self.tablets.load(self.by)
        weights = np.asarray(self.topology.weights)
        kernels.shift(load, weights, domains, may, table, self._held(load))
        return self._with(table=table)

    def _fill(self, table: NDArray[np.int32], load: NDArray[np.float64], domains: NDArray[np.int64]) -> None:
        """Put the replicas that have no node yet, -1 in the table, on the least loaded nodes."""
        weights = np.asarray(self.topology.weights)
        rows, columns = np.nonzero(table >= 0)
        held = np.bincount(table[rows, columns], load[rows], len(weights)).astype(np.float64)
        counts = np.bincount(table[rows, columns], minlength=len(weights)).astype(np.int64)
        missing = _heaviest_first(load)
        missing = missing[(table[missing] < 0).any(axis=1)]
        kernels.place(load, missing, weights, domains, table, held, counts)

    # --- loads ------------------------------------------------------------------------------------------------------

    def load(self, by: Measure = "requests", reads_from: ReadsFrom = "primary") -> NDArray[np.float64]:
        """Return what each node holds or serves, ``float64[nodes]``: bytes, or requests per second.

        Parameters
        ----------
        by : {"requests", "reads", "writes", "bytes", "keys", "tablets"}
            Writes, bytes, keys and tablets are on all replicas.
        reads_from : {"primary", "any"}
            Reads go to the first replica of a tablet, or evenly to all.
        """
        if reads_from not in get_args(ReadsFrom):
            raise ValueError(f"reads_from is {reads_from!r}: give 'primary' or 'any'")
        if by == "requests":
            return self.load("reads", reads_from) + self.load("writes")
        each = self.tablets.load(by)
        if by != "reads":
            return self._held(each)
        if reads_from == "any":
            return self._held(each / self.table.shape[1])
        return np.bincount(self.table[:, 0], each, len(self.nodes)).astype(np.float64)

    def balance(self, by: Measure = "requests", reads_from: ReadsFrom = "primary") -> Balance:
        """Return how evenly the nodes are loaded, as for `load`; exact."""
        load = self.load(by, reads_from)
        if not load.sum() > 0:
            raise ValueError(f"the tablets have no {by}: balance what they have")
        return Balance(self.nodes, load / load.sum(), self.topology.shares, by, 0.0)

    def loads(self) -> "pd.DataFrame":
        """Return one row per node: tablets, how many of them it leads, bytes and requests."""
        import pandas as pd

        columns = {
            "node": self.nodes,
            "tablets": np.bincount(self.table.ravel(), minlength=len(self.nodes)),
            "leads": np.bincount(self.table[:, 0], minlength=len(self.nodes)),
            "bytes": self.load("bytes"),
        }
        return pd.DataFrame(columns | {"reads_per_s": self.load("reads"), "writes_per_s": self.load("writes")})

    def scan(self, keys: int, by: Literal["keys", "requests"] = "keys") -> FanOut:
        """Return how many nodes a scan of so many consecutive keys touches, by the first replicas: exact.

        Examples
        --------
        >>> from scalemodel.placement import Tablets
        >>> placed = TabletPlacement(5, Tablets(range(100), reads=[1.0] * 100, order="key").even(10))
        >>> round(placed.scan(6).mean, 2), round(placed.scan(100).mean, 2)
        (1.47, 5.0)
        """
        _, lows, highs, weights = self.tablets._windows(keys, by)
        owners = np.ascontiguousarray(self.table[:, 0])
        touched = kernels.distinct_in_windows(owners, lows, highs, len(self.nodes))
        return FanOut(f"a scan of {keys:,} keys", "nodes", np.bincount(touched, weights).astype(np.float64))

    def _held(self, each: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up over the replicas on each node."""
        return np.bincount(self.table.ravel(), np.repeat(each, self.table.shape[1]), len(self.nodes)).astype(np.float64)

    # --- movement ---------------------------------------------------------------------------------------------------

    def movement(self, after: "TabletPlacement", by: Measure = "bytes") -> Movement:
        """Return what moves to another placement of the same keys, as shares of all replicas' bytes or of other load.

        `movement(before, after)` counts the key space instead.

        Examples
        --------
        >>> from scalemodel.placement import Tablets
        >>> before = TabletPlacement(4, Tablets(range(64), bytes=[100.0] * 64).even(16), by="bytes")
        >>> grown = before.movement(before.add("n4"))
        >>> grown.needless, bool(grown.moved <= 0.2)
        (0.0, True)
        """
        pieces, old, new = self._common(after)
        weights = pieces.load(by)
        if not weights.sum() > 0:
            raise ValueError(f"the tablets have no {by}: weigh the movement by what they have")
        return movement_of(self, after, tabulated(self, after, old, new, weights / weights.sum()))

    def moves(self, after: "TabletPlacement") -> "pd.DataFrame":
        """List the replicas to copy: where each range of keys goes from and to, and how many bytes that is."""
        import pandas as pd

        pieces, old, new = self._common(after)
        names_before = np.array(self.nodes, dtype=object)[old]
        names_after = np.array(after.nodes, dtype=object)[new]
        leaves = ~(names_before[:, :, None] == names_after[:, None, :]).any(axis=2)
        enters = ~(names_after[:, :, None] == names_before[:, None, :]).any(axis=2)
        (rows, left), (_, entered) = np.nonzero(leaves), np.nonzero(enters)
        return pd.DataFrame(
            {
                "first": pieces.first[rows],
                "keys": np.diff(pieces.starts)[rows],
                "bytes": pieces.load("bytes")[rows],
                "source": names_before[rows, left],
                "destination": names_after[rows, entered],
            }
        )

    def _common(self, after: "TabletPlacement") -> tuple[Tablets, NDArray[np.int32], NDArray[np.int32]]:
        """Return the tablets that neither placement cuts, and where their replicas are before and after."""
        if not (isinstance(after, TabletPlacement) and _same_keys(self.tablets, after.tablets)):
            raise ValueError("the other placement is not of tablets of the same keys: use movement(before, after)")
        if self.table.shape[1] != after.table.shape[1]:
            raise ValueError(
                f"the placements have {self.table.shape[1]} and {after.table.shape[1]} replicas: compare equal numbers"
            )
        pieces = self.tablets._recut(np.union1d(self.tablets.first, after.tablets.first))
        at = pieces.first
        return pieces, self.table[self._tablets_at(at)], after.table[after._tablets_at(at)]

    def _tablets_at(self, first: NDArray[Any]) -> NDArray[np.int64]:
        return np.searchsorted(self.tablets.first[1:], first, side="right").astype(np.int64)

    # --- as a placement ---------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all that makes this placement, as plain values that JSON can hold; `restore` reads it back."""
        saved = super().state()
        return saved | {"tablets": self.tablets.state(), "table": self.table.tolist()}

    def _hashes(self, keys: Any, hashed: bool) -> NDArray[np.uint64]:
        """Hash the keys or, where they are in order, number them so that all of the key space is theirs alike."""
        if hashed or self.tablets.order == "hash":
            return super()._hashes(keys, hashed)
        known = np.searchsorted(self.tablets.keys, self.tablets._positions(keys, False), side="right")
        return (np.maximum(known, 1) - 1).astype(np.uint64) * self._step

    def _hashes_like(self, other: Placement) -> bool:
        return isinstance(other, TabletPlacement) and _same_keys(self.tablets, other.tablets)

    @property
    def _step(self) -> np.uint64:
        return np.uint64(2**64 // max(len(self.tablets.keys), 2))

    @cached_property
    def _lasts(self) -> NDArray[np.uint64]:
        """The last hash, or number, of each tablet."""
        if self.tablets.order == "hash":
            inner = self.tablets.first[1:] - np.uint64(1)
        else:
            inner = self.tablets.starts[1:-1].astype(np.uint64) * self._step - np.uint64(1)
        return np.append(inner, LAST)

    @cached_property
    def _index(self) -> Index:
        return indexed(self._lasts, np.ones(len(self._lasts), np.int64))

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return self.table[ring_kernels.lookup(hashes, *self._index), 0]

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return self.table[ring_kernels.lookup(hashes, *self._index), :n]

    def _domains(self, n: int, spread: str | None) -> NDArray[np.int64]:
        domains = super()._domains(n, spread)
        if n > self.table.shape[1]:
            raise ValueError(f"the tablets have {self.table.shape[1]} replicas and {n} are asked for: assign as many")
        if spread != self.spread and not _apart(self.table[:, :n], domains):
            raise ValueError(f"some replicas share a {spread}: assign the tablets with spread={spread!r}")
        return domains

    def _boundaries(self) -> NDArray[np.uint64]:
        return self._lasts


def _heaviest_first(load: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(-load, kind="stable").astype(np.int64)


def _apart(table: NDArray[np.int32], domains: NDArray[np.int64]) -> bool:
    """Tell whether the replicas of every tablet are in distinct domains."""
    held = np.sort(domains[table], axis=1)
    return bool((held[:, 1:] != held[:, :-1]).all())


def _same_keys(some: Tablets, others: Tablets) -> bool:
    same = some.keys is others.keys or np.array_equal(some.keys, others.keys)
    return same and (some.order, some.seed) == (others.order, others.seed)
