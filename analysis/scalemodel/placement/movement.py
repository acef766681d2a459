"""What moves when the nodes change?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes, format_bytes, format_share, format_time
from ..streams import random_keys
from ..topology import nearest
from .occupancy import counted
from .placement import SAMPLE, Placement, common_cells, common_cuts, interval_lengths

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Movement(Shown):
    """Which share of the keys goes from which node to which.

    Attributes
    ----------
    sources, destinations : tuple of str
        The nodes before and after.
    matrix : float64[sources, destinations]
        Share of the keys that are on the source before and on the destination after; the sum is 1.
    minimum : float
        The least share that any scheme moves from shares in proportion to the weights to such shares again. A scheme
        whose shares are uneven can move less.
    needless : float
        Share that moves between two nodes whose weights did not change; 0 for a monotone scheme.
    standard_error : float
        Of `moved`; 0 where the answer is exact.
    """

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    matrix: NDArray[np.float64]
    minimum: float
    needless: float
    standard_error: float

    @property
    def moved(self) -> float:
        """Share of the keys that change their node."""
        return float(self.matrix.sum() - _stayed(self.matrix, self.sources, self.destinations).sum())

    @property
    def donors(self) -> tuple[str, ...]:
        """The nodes that give keys away, those that give most first."""
        return _by_share(self.to_frame(), "source")

    @property
    def receivers(self) -> tuple[str, ...]:
        """The nodes that get keys, those that get most first."""
        return _by_share(self.to_frame(), "destination")

    @property
    def title(self) -> str:
        """The verdict in one line."""
        error = f" ± {format_share(2 * self.standard_error)}" if self.standard_error else ""
        return (
            f"From {len(self.sources)} to {len(self.destinations)} nodes: {format_share(self.moved)}{error} of the keys"
            f" move (between even shares {format_share(self.minimum)}), {format_share(self.needless)} needlessly"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per pair of nodes between which keys move, the largest share first."""
        import pandas as pd

        rows = [
            (source, target, self.matrix[i, j])
            for i, source in enumerate(self.sources)
            for j, target in enumerate(self.destinations)
            if source != target and self.matrix[i, j] > 0
        ]
        frame = pd.DataFrame(rows, columns=["source", "destination", "share"])
        return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw what each node gains and loses, in percent of all keys."""
        ax = axes(ax)
        nodes = tuple(dict.fromkeys(self.sources + self.destinations))
        at = {node: i for i, node in enumerate(nodes)}
        lost, gained = np.zeros(len(nodes)), np.zeros(len(nodes))
        for source, target, share in self.to_frame().itertuples(index=False):
            lost[at[source]] -= 100 * share
            gained[at[target]] += 100 * share
        ax.bar(np.arange(len(nodes)), gained, label="gains")
        ax.bar(np.arange(len(nodes)), lost, label="loses", hatch="//")
        ax.axhline(0, color="black", linewidth=1)
        if len(nodes) <= 20:
            ax.set_xticks(np.arange(len(nodes)), nodes)
        ax.set(xlabel="node", ylabel="keys moved, % of all", title=f"{format_share(self.moved)} of the keys move")
        ax.legend()
        return ax

    def plot_matrix(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the matrix of a movement: which share of all keys goes from each node (row) to each other (column).

        Colours are on a logarithmic scale; where nothing moves the field is white.
        """
        from matplotlib.colors import LogNorm

        ax = axes(ax)
        stays = np.equal.outer(self.sources, self.destinations)
        moved = np.ma.masked_where(stays | (self.matrix <= 0), 100 * self.matrix)
        mesh = ax.pcolormesh(moved, cmap="viridis", norm=LogNorm())
        ax.set_xticks(np.arange(len(self.destinations)) + 0.5, self.destinations, rotation=90)
        ax.set_yticks(np.arange(len(self.sources)) + 0.5, self.sources)
        ax.invert_yaxis()
        ax.grid(visible=False)
        ax.figure.colorbar(mesh, ax=ax, label="keys moved, % of all")
        ax.set(xlabel="to", ylabel="from", title=f"{format_share(self.moved)} of the keys move")
        return ax


def movement(before: Placement, after: Placement, replicas: int = 1, *, spread: str | None = None) -> Movement:
    """Compare two placements: which share of the keys, or of their replicas, changes its node.

    Nodes are the same if they have the same name. Exact where both placements cut one key space into intervals or
    into the same slots, or have a closed form; otherwise counted over `SAMPLE` random keys, and the standard error
    says so.

    Parameters
    ----------
    before, after : Placement
    replicas : int
        Compare the sets of nodes that hold a key's replicas. A copy goes from a node that leaves the set to one that
        enters it; a change of order within the set moves nothing.
    spread : str, optional
        Replicas in distinct domains of this level.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> change = movement(JumpHash(10), JumpHash(11))
    >>> round(change.moved * 11, 6), change.needless
    (1.0, 0.0)
    """
    matrix = before._exact_movement(after) if replicas == 1 else None
    error = 0.0
    if matrix is None:
        cells = common_cells(before, after)
        keys, weights = cells or (random_keys(SAMPLE), np.full(SAMPLE, 1 / SAMPLE))
        old, new = (p.replicas(keys, replicas, spread, hashed=cells is not None) for p in (before, after))
        matrix = tabulated(before, after, old, new, weights)
        if cells is None:
            moved = 1 - _stayed(matrix, before.nodes, after.nodes).sum()
            error = float(np.sqrt(max(moved, 0.0) * (1 - moved) / SAMPLE))
    return movement_of(before, after, matrix, error)


def movement_of(before: Placement, after: Placement, matrix: NDArray[np.float64], error: float = 0.0) -> Movement:
    """Compare what moves by a matrix of shares with what has to between nodes of these weights."""
    weight_before = dict(zip(before.nodes, before.topology.weights, strict=True))
    weight_after = dict(zip(after.nodes, after.topology.weights, strict=True))
    due = dict(zip(before.nodes, before.topology.shares, strict=True))
    gains = [share - due.get(node, 0.0) for node, share in zip(after.nodes, after.topology.shares, strict=True)]
    steady = {node for node, weight in weight_before.items() if weight_after.get(node) == weight}
    needless = sum(
        matrix[i, j]
        for i, source in enumerate(before.nodes)
        if source in steady
        for j, target in enumerate(after.nodes)
        if target in steady and target != source
    )
    minimum = float(sum(gain for gain in gains if gain > 0))
    return Movement(before.nodes, after.nodes, matrix, minimum, float(needless), error)


def moved_ranges(before: Placement, after: Placement) -> "pd.DataFrame":
    """List the ranges of hashed keys that change their node: the plan of a migration.

    Returns
    -------
    DataFrame
        A row per range, in key order: the hashed keys from `first` to `last` (both included, uint64; a range may go
        around the end) go from `source` to `destination`; `share` is the part of the key space.

    Raises
    ------
    ValueError
        If one of the placements does not cut one key space into intervals.

    Examples
    --------
    >>> from scalemodel.placement import HashRing
    >>> ring = HashRing(["a", "b"], vnodes=2)
    >>> plan = moved_ranges(ring, ring.add("c"))
    >>> set(plan["destination"]), bool(abs(plan["share"].sum() - movement(ring, ring.add("c")).moved) < 1e-12)
    ({'c'}, True)
    """
    import pandas as pd

    cuts = common_cuts(before, after)
    if cuts is None:
        names = f"{type(before).__name__} and {type(after).__name__}"
        raise ValueError(f"{names} do not cut one key space into intervals: there are no ranges to list, use movement")
    frame = pd.DataFrame(
        {
            "first": np.roll(cuts, 1) + np.uint64(1),
            "last": cuts,
            "source": np.array(before.nodes, dtype=object)[before._lookup(cuts)],
            "destination": np.array(after.nodes, dtype=object)[after._lookup(cuts)],
            "share": interval_lengths(cuts),
        }
    )
    pair = frame[["source", "destination"]]
    run = (pair != pair.shift()).any(axis=1).cumsum()  # neighbours that go the same way are one range
    merged = frame.groupby(run).agg(
        {"first": "first", "last": "last", "source": "first", "destination": "first", "share": "sum"}
    )
    return merged[merged["source"] != merged["destination"]].reset_index(drop=True)


def moved_slots(before: Placement, after: Placement) -> "pd.DataFrame":
    """List the slots that change their node: the plan of a migration between two tables of the same size.

    Returns
    -------
    DataFrame
        A row per slot, in order: `slot` goes from `source` to `destination`. Its keys are those whose hash leaves the
        remainder `slot` by the number of slots.

    Raises
    ------
    ValueError
        If the placements do not have the same slots.

    Examples
    --------
    >>> from scalemodel.placement import Maglev
    >>> maglev = Maglev(3, table_size=11)
    >>> moved_slots(maglev, maglev.remove("n1"))["source"].tolist()
    ['n1', 'n1', 'n1', 'n1']
    """
    import pandas as pd

    slots = before._slot_count()
    if slots is None or slots != after._slot_count() or not before._hashes_like(after):
        names = f"{type(before).__name__} and {type(after).__name__}"
        raise ValueError(f"{names} do not have the same slots: compare tables of one size and seed, or use movement")
    keys = np.arange(slots, dtype=np.uint64)
    frame = pd.DataFrame(
        {
            "slot": np.arange(slots),
            "source": np.array(before.nodes, dtype=object)[before._lookup(keys)],
            "destination": np.array(after.nodes, dtype=object)[after._lookup(keys)],
        }
    )
    return frame[frame["source"] != frame["destination"]].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class RebalanceTime(Shown):
    """How long the data of a movement is under way, when it streams as fast as the limits let it.

    Attributes
    ----------
    nodes : tuple of str
    sent, received : float64[nodes]
        Bytes.
    seconds : float64[nodes]
        How long each node is busy at the least.
    network : float
        Seconds that all transfers together need at the least, 0 where only the nodes are limited.
    """

    nodes: tuple[str, ...]
    sent: NDArray[np.float64]
    received: NDArray[np.float64]
    seconds: NDArray[np.float64]
    network: float = 0.0

    @property
    def longest(self) -> float:
        """Seconds until all is done."""
        return max(float(self.seconds.max()), self.network)

    @property
    def bottleneck(self) -> str:
        """What makes it last: the node that is done last, or "the network"."""
        return "the network" if self.network > self.seconds.max() else self.nodes[int(self.seconds.argmax())]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        last = f"{self.bottleneck} {'limits it' if self.network > self.seconds.max() else 'is done last'}"
        return f"{format_bytes(float(self.received.sum()))} move in {format_time(self.longest)}; {last}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per node, the longest busy first."""
        import pandas as pd

        columns = {"node": self.nodes, "sent_bytes": self.sent, "received_bytes": self.received, "busy_s": self.seconds}
        return pd.DataFrame(columns).sort_values("busy_s", ascending=False, kind="stable", ignore_index=True)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw how long each node is busy, the longest first."""
        ax = axes(ax)
        ax.bar(np.arange(len(self.nodes)), np.sort(self.seconds)[::-1] / 60)
        if self.network:
            ax.axhline(self.network / 60, color="black", linewidth=1, linestyle="--", label="the network")
            ax.legend()
        ax.set(
            xlabel="node, longest busy first", ylabel="busy, minutes", title=f"All done in {format_time(self.longest)}"
        )
        return ax


def rebalance_time(
    movement: Movement,
    bytes: float,
    bandwidth_per_node: float | Mapping[str, float],
    receive: float | Mapping[str, float] | None = None,
    *,
    competing: float | Mapping[str, float] = 0.0,
    streams: int | None = None,
    stream_bandwidth: float | None = None,
    network: float | None = None,
    dead: Sequence[str] = (),
) -> RebalanceTime:
    """Return how long a movement takes when nodes and network may carry only so many bytes per second.

    A node sends and receives at once. No schedule is faster than the busiest port, and one is as fast: let each pair of
    nodes stream all the time, at the rate that brings its bytes over in that time. Where nodes are limited to some
    streams at once, all alike, that is divided into turns (König 1916: a bipartite graph can be edge-coloured by its
    largest degree; Gonzalez and Sahni 1976: open shop with preemption). So the answer is exact, not only a bound, for
    data that can be cut at will; whole tablets may take one of them longer.

    Parameters
    ----------
    movement : Movement
    bytes : float
        All data that moves could concern: with a `movement` of replicas, all copies together.
    bandwidth_per_node : float or mapping of str to float
        What a node may send, bytes per second; for each node by name where they differ.
    receive : float or mapping of str to float, optional
        What it may receive; as much as it may send unless given.
    competing : float or mapping of str to float
        What requests take of both meanwhile, bytes per second.
    streams, stream_bandwidth : int and float, optional
        A node takes part in so many transfers at once in each direction, each at most so fast.
    network : float, optional
        What all transfers together may use, such as the link between two zones.
    dead : sequence of str
        Nodes that cannot send: what was on them comes from the other replicas, evenly from all that survive.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash, movement
    >>> grown = movement(JumpHash(10), JumpHash(11))
    >>> round(rebalance_time(grown, bytes=1.1e12, bandwidth_per_node=100e6).longest)  # the new node receives all
    1000
    >>> round(rebalance_time(grown, 1.1e12, 100e6, competing=60e6, streams=2, stream_bandwidth=10e6).longest)
    5000
    """
    nodes = tuple(dict.fromkeys(movement.sources + movement.destinations))
    at = {node: i for i, node in enumerate(nodes)}
    for what, value in (("bytes", bytes), ("network", network), ("stream_bandwidth", stream_bandwidth)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ValueError(f"{what} is {value}: give a finite number above zero")
    for node in dead:
        if node not in at:
            raise ValueError(f"there is no node {node!r}{nearest(node, nodes)}")
    limit = np.inf
    if (streams is None) != (stream_bandwidth is None):
        raise ValueError("streams and stream_bandwidth limit a node together: give both or neither")
    if streams is not None and stream_bandwidth is not None:
        limit = counted(streams, "streams") * stream_bandwidth
    used = _per_node(competing, "competing", nodes)
    send = _per_node(bandwidth_per_node, "bandwidth_per_node", nodes)
    ports = [
        (send, "bandwidth_per_node"),
        (send if receive is None else _per_node(receive, "receive", nodes), "receive"),
    ]
    for port, what in ports:
        if not (port > used).all():
            i = int(np.argmin(port - used))
            raise ValueError(f"{what} of {nodes[i]} is {port[i]:g} and requests take {used[i]:g} of it: leave some")
    alive = np.array([node in movement.sources and node not in dead for node in nodes])
    if not alive.any():
        raise ValueError("all nodes that hold data are dead: leave at least one to copy from")
    sent, received = np.zeros(len(nodes)), np.zeros(len(nodes))
    for source, target, share in movement.to_frame().itertuples(index=False):
        received[at[target]] += share * bytes
        if source in dead:
            sent[alive] += share * bytes / alive.sum()
        else:
            sent[at[source]] += share * bytes
    out, into = (np.minimum(port - used, limit) for port, _ in ports)
    together = float(received.sum()) / network if network is not None else 0.0
    return RebalanceTime(nodes, sent, received, np.maximum(sent / out, received / into), together)


def _per_node(value: float | Mapping[str, float], what: str, nodes: tuple[str, ...]) -> NDArray[np.float64]:
    """Return one number per node, of zero or more."""
    if isinstance(value, Mapping):
        if unknown := [node for node in value if node not in nodes]:
            raise ValueError(f"{what} names {unknown[0]!r}, which is no node{nearest(unknown[0], nodes)}")
        if missing := [node for node in nodes if node not in value]:
            raise ValueError(f"{what} lacks node {missing[0]!r}: give a number for each node, or one for all")
        each = np.array([value[node] for node in nodes], np.float64)
    else:
        each = np.full(len(nodes), float(value))
    if not (np.isfinite(each) & (each >= 0)).all():
        raise ValueError(
            f"{what} is {each[~(np.isfinite(each) & (each >= 0))][0]:g}: give finite numbers, zero or more"
        )
    return each


def _by_share(moves: "pd.DataFrame", column: str) -> tuple[str, ...]:
    return tuple(moves.groupby(column, sort=False)["share"].sum().sort_values(ascending=False, kind="stable").index)


def one_more(placement: Placement) -> Placement:
    """Return the placement with a node added beside the last one, and like it."""
    taken = placement.nodes
    name = next(f"new-{i}" for i in range(1, len(taken) + 2) if f"new-{i}" not in taken)
    places = {level: labels[-1] for level, labels in placement.topology.places.items()}
    return placement.add(name, placement.topology.weights[-1], **places)


def one_fewer(placement: Placement) -> Placement:
    """Return the placement without the node in the middle of the list: not the last, which is easy for some."""
    return placement.remove(placement.nodes[(len(placement.nodes) - 1) // 2])


def _stayed(matrix: NDArray[np.float64], sources: tuple[str, ...], targets: tuple[str, ...]) -> NDArray[np.float64]:
    at = {node: j for j, node in enumerate(targets)}
    return np.array([matrix[i, at[node]] for i, node in enumerate(sources) if node in at])


def tabulated(
    before: Placement,
    after: Placement,
    old: NDArray[np.int32],
    new: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Add up the weight that goes from each node to each other; of sets, what leaves is paired with what enters."""
    known = {node: j for j, node in enumerate(after.nodes)}
    gone = len(after.nodes)  # numbers beyond the nodes of `after`: nodes only before has
    renumber = np.array([known.get(node, gone + i) for i, node in enumerate(before.nodes)])
    same = renumber[old][:, :, None] == new[:, None, :]
    stays, leaves, enters = same.any(axis=2), ~same.any(axis=2), ~same.any(axis=1)
    (rows, held), (moving, left), (_, entered) = np.nonzero(stays), np.nonzero(leaves), np.nonzero(enters)
    source = np.concatenate([old[rows, held], old[moving, left]]).astype(np.int64)
    target = np.concatenate([renumber[old[rows, held]], new[moving, entered]])
    shape = len(before.nodes), len(after.nodes)
    weight = weights[np.concatenate([rows, moving])] / old.shape[1]
    return np.bincount(source * shape[1] + target, weight, shape[0] * shape[1]).reshape(shape).astype(np.float64)
