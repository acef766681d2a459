"""Strategies as linear programs that are as large as the expression, not as its number of quorums.

A strategy picks quorums at random. Load, network load and cost depend only on how often each node is picked, and those
shares form a polytope with few rows: in an expression without repeated nodes, the share of a gate that needs k of its
parts is spread over them so that they sum to k times it and none exceeds it. In a decision diagram, strategies are
flows from the root to "yes". Either is cut back into quorums exactly.

Latency by constants is linear too: one copy of the polytope for each time, without the nodes that are slower.

References
----------
McNaughton, "Scheduling with deadlines and loss functions", Management Science 6 (1959): wrapping shares around.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .diagram import NO, YES, Arrays, Diagram
from .expression import Bools, Expression, Gate, Node, gate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Picks = tuple[Bools, Floats]
"""Quorums as rows over the nodes, and their probabilities."""

TINY = 1e-11
"""Shares below this are rounding of the solver."""

Triplets = list[tuple[int, int, float]]


@dataclass
class Flow(ABC):
    """The polytope of a family's shares. Variable 0 is the share of the family as a whole.

    Attributes
    ----------
    size, rows : int
        How many variables and equations there are.
    equal : list of (row, variable, coefficient)
        Equations: rows that are zero.
    capped : list of (variable, variable)
        The first is at most the second.
    leaves : list of (node, variable)
        The share of a node is the sum of its variables.
    """

    nodes: Sequence[Node]
    size: int = 1
    rows: int = 0
    equal: Triplets = field(default_factory=list)
    capped: list[tuple[int, int]] = field(default_factory=list)
    leaves: list[tuple[int, int]] = field(default_factory=list)

    @cached_property
    def at(self) -> dict[Node, int]:
        """The position of each node."""
        return {node: i for i, node in enumerate(self.nodes)}

    def variable(self) -> int:
        """Add a variable."""
        self.size += 1
        return self.size - 1

    @abstractmethod
    def decompose(self, x: Floats) -> Picks:
        """Return quorums and probabilities, summing to ``x[0]``, that have these shares."""


class TreeFlow(Flow):
    """Shares in an expression without repeated nodes and with single votes.

    Parts of a gate that are alike but for the names of their nodes may share their variables (`alike`): if reads and
    writes have the same symmetry, one of the best strategies has it too.
    """

    def __init__(self, expression: Expression, nodes: Sequence[Node], alike: bool) -> None:
        super().__init__(nodes)
        self.expression, self.alike = expression, alike
        self.own: dict[int, list[int]] = {}  # of each gate, the variables of its parts
        self._shapes: dict[int, object] = {}
        self._add([expression], 0)

    def _shape(self, expression: Expression, position: int) -> object:
        """Return what a part of a gate is like, but for the names of its nodes and the order of its parts."""
        if not self.alike:
            return position
        if isinstance(expression, Node):
            return expression.read_capacity, expression.write_capacity, expression.latency, expression.cost
        assert isinstance(expression, Gate)
        if id(expression) not in self._shapes:
            counts = Counter(self._shape(part, 0) for part in expression.parts)
            self._shapes[id(expression)] = expression.k, frozenset(counts.items())
        return self._shapes[id(expression)]

    def _add(self, copies: Sequence[Expression], variable: int) -> None:
        """Add expressions that are alike, each with the share of the variable."""
        first = copies[0]
        if isinstance(first, Node):
            self.leaves += [(self.at[copy], variable) for copy in copies if isinstance(copy, Node)]
            return
        assert isinstance(first, Gate)
        groups: dict[object, list[Sequence[Expression]]] = {}
        for copy in copies:
            assert isinstance(copy, Gate)
            seen: dict[object, list[Expression]] = {}
            for i, part in enumerate(copy.parts):
                seen.setdefault(self._shape(part, i), []).append(part)
            for key, alike in seen.items():
                groups.setdefault(key, []).append(alike)
        if first.k == first.total:  # all parts are picked when the gate is
            for every in groups.values():
                self._add([part for some in every for part in some], variable)
            return
        row = self.rows
        self.rows += 1
        self.equal.append((row, variable, -float(first.k)))
        shares: dict[object, int] = {}
        for key, every in groups.items():
            share = shares[key] = self.variable()
            self.equal.append((row, share, float(len(every[0]))))
            if first.k > 1:
                self.capped.append((share, variable))
            self._add([part for some in every for part in some], share)
        for copy in copies:
            assert isinstance(copy, Gate)
            self.own[id(copy)] = [shares[self._shape(part, i)] for i, part in enumerate(copy.parts)]

    def decompose(self, x: Floats) -> Picks:
        """Give each gate a stretch of time and wrap its parts around it k times: no part ever meets itself."""
        starts: list[Floats] = []
        ends: list[Floats] = []
        owners: list[NDArray[np.int64]] = []

        def assign(expression: Expression, start: Floats, end: Floats) -> None:
            if isinstance(expression, Node):
                starts.append(start)
                ends.append(end)
                owners.append(np.full(len(start), self.at[expression]))
                return
            assert isinstance(expression, Gate)
            if expression.k == expression.total:
                for part in expression.parts:
                    assign(part, start, end)
                return
            own = self.own[id(expression)]
            length = np.concatenate([[0.0], np.cumsum(end - start)])
            whole = length[-1]
            shares = np.clip(x[own], 0, whole)
            if whole > 0:
                shares = _summing(shares, expression.k * whole, whole)
            edges = np.concatenate([[0.0], np.cumsum(shares)])
            edges[-1] = expression.k * whole
            for part, first, last in zip(expression.parts, edges, edges[1:], strict=False):
                a, b = [], []
                turn = int(first // whole) if whole > 0 and last > first else 0
                for lap in (turn, turn + 1) if last > first else ():
                    low, high = max(first - lap * whole, 0.0), min(last - lap * whole, whole)
                    if high > low:
                        cut_low = np.maximum(length[:-1], low)
                        cut_high = np.minimum(length[1:], high)
                        keep = cut_high > cut_low
                        shift = (start - length[:-1])[keep]
                        a.append(cut_low[keep] + shift)
                        b.append(cut_high[keep] + shift)
                empty = np.empty(0)
                assign(part, np.concatenate([empty, *a]), np.concatenate([empty, *b]))

        assign(self.expression, np.zeros(1), x[:1].copy())
        start, end, owner = np.concatenate(starts), np.concatenate(ends), np.concatenate(owners)
        times = np.unique(np.concatenate([start, end]))
        times = times[np.concatenate([[True], np.diff(times) > TINY])]
        lengths = np.diff(np.concatenate([times, [max(x[0], times[-1])]]))
        times, lengths = times[lengths > TINY], lengths[lengths > TINY]
        middle = times + lengths / 2
        picked = np.zeros((len(times) + 1, len(self.nodes)), np.int64)
        np.add.at(picked, (np.searchsorted(middle, start), owner), 1)  # from the first stretch on …
        np.add.at(picked, (np.searchsorted(middle, end), owner), -1)  # … until the last
        return picked[:-1].cumsum(axis=0) > 0, lengths


class DiagramFlow(Flow):
    """Flows through a decision diagram: any expression."""

    def __init__(self, arrays: Arrays, nodes: Sequence[Node], order: Sequence[int]) -> None:
        super().__init__(nodes)
        self.edges: list[tuple[int, int, int]] = []  # from, to, node that is picked or -1
        var, low, high = arrays
        self.root = len(var) - 1
        for at in range(2, len(var)):
            for child, node in ((low[at], -1), (high[at], order[var[at]])):
                if child != NO:
                    share = self.variable()
                    self.edges.append((at, int(child), node))
                    self.equal.append((at - 2, share, -1.0))
                    if child != YES:
                        self.equal.append((int(child) - 2, share, 1.0))
                    if node >= 0:
                        self.leaves.append((node, share))
        self.rows = len(var) - 2
        self.equal.append((self.root - 2, 0, 1.0))

    def decompose(self, x: Floats) -> Picks:
        """Strip path after path, each along its widest edges."""
        left = np.maximum(x[1:], 0.0)
        out: dict[int, list[int]] = {}
        for i, (source, _, _) in enumerate(self.edges):
            out.setdefault(source, []).append(i)
        quorums, chances = [], []
        while True:
            at, path = self.root, []
            while at != YES:
                edge = max(out[at], key=left.__getitem__)
                path.append(edge)
                at = self.edges[edge][1]
            width = left[path].min()
            if width <= TINY:
                break
            left[path] -= width
            quorum = np.zeros(len(self.nodes), np.bool_)
            quorum[[self.edges[edge][2] for edge in path if self.edges[edge][2] >= 0]] = True
            quorums.append(quorum)
            chances.append(width)
        return np.array(quorums).reshape(-1, len(self.nodes)), np.array(chances)


class Entries(NamedTuple):
    """The entries of a matrix that are not zero."""

    rows: Ints
    columns: Ints
    values: Floats
    height: int
    """How many rows there are."""

    @classmethod
    def of(cls, triplets: Sequence[tuple[int, int, float]], count: int) -> "Entries":
        """Gather entries that came one by one."""
        rows, columns, values = zip(*triplets, strict=True) if triplets else ((), (), ())
        return cls(np.array(rows, np.int64), np.array(columns, np.int64), np.array(values, np.float64), count)


class Side(ABC):
    """How reads, or writes, may be served: variables of a linear program.

    Attributes
    ----------
    size : int
        Variables.
    shares : Entries
        How often each node is picked: a row per node.
    equal, right : Entries, float64[rows]
        Equations; the first is that the probabilities sum to 1.
    capped : Entries
        Rows of at most zero.
    measures : mapping of str to float64[variables]
        Linear measures of a request: ``network``, ``cost``, and where they were asked for ``latency``, ``late``.
    """

    def __init__(self, size: int, shares: Entries, equal: Entries, capped: Entries, nodes: Sequence[Node]) -> None:
        self.size, self.shares, self.equal, self.capped = size, shares, equal, capped
        self.right = np.zeros(equal.height)
        self.right[0] = 1.0
        costs = np.array([node.cost for node in nodes])
        self.measures: dict[str, Floats] = {
            "network": np.bincount(shares.columns, shares.values, size).astype(np.float64),
            "cost": np.bincount(shares.columns, shares.values * costs[shares.rows], size).astype(np.float64),
        }

    @abstractmethod
    def picks(self, x: Floats) -> Picks:
        """Return quorums and probabilities for the solved variables."""


class FlowSide(Side):
    """Copies of flows that share one whole."""

    def __init__(self, flows: Sequence[Flow], nodes: Sequence[Node], measures: Mapping[str, Sequence[float]]) -> None:
        """`measures` has a value for each flow: what a request of it counts."""
        self.flows = flows
        self.first = np.cumsum([0, *(flow.size for flow in flows)])
        rows = np.cumsum([1, *(flow.rows for flow in flows)])
        shares, equal, capped = [], [(0, int(first), 1.0) for first in self.first[:-1]], []
        count = 0
        for flow, first, row in zip(flows, self.first.tolist(), rows.tolist(), strict=False):
            shares += [(node, first + v, 1.0) for node, v in flow.leaves]
            equal += [(row + r, first + v, c) for r, v, c in flow.equal]
            for a, b in flow.capped:
                capped += [(count, first + a, 1.0), (count, first + b, -1.0)]
                count += 1
        super().__init__(
            int(self.first[-1]),
            Entries.of(shares, len(nodes)),
            Entries.of(equal, int(rows[-1])),
            Entries.of(capped, count),
            nodes,
        )
        for name, values in measures.items():
            self.measures[name] = np.zeros(self.size)
            self.measures[name][self.first[:-1]] = values

    def picks(self, x: Floats) -> Picks:
        """Return quorums and probabilities for the solved variables."""
        found = [
            flow.decompose(x[a:b])
            for flow, a, b in zip(self.flows, self.first, self.first[1:], strict=False)
            if x[a] > TINY
        ]
        return np.concatenate([quorums for quorums, _ in found]), np.concatenate([chances for _, chances in found])


class ColumnSide(Side):
    """One variable for each quorum."""

    def __init__(self, quorums: Bools, nodes: Sequence[Node], measures: Mapping[str, Floats]) -> None:
        self.quorums = quorums
        count = len(quorums)
        columns, rows = np.nonzero(quorums)
        shares = Entries(rows, columns, np.ones(len(rows)), len(nodes))
        equal = Entries(np.zeros(count, np.int64), np.arange(count), np.ones(count), 1)
        super().__init__(count, shares, equal, Entries.of([], 0), nodes)
        self.measures.update(measures)

    def picks(self, x: Floats) -> Picks:
        """Return the quorums that are picked, and their probabilities."""
        used = x > TINY
        return self.quorums[used], x[used]


def flow_of(
    expression: Expression, nodes: Sequence[Node], f: int, allowed: set[Node] | None, alike: bool
) -> Flow | None:
    """Return the flow of the sets that survive `f` failures and hold a quorum of the allowed nodes, or None."""
    if f == 0 and expression.simple:
        kept = expression if allowed is None else restricted(expression, allowed)
        return None if kept is None else TreeFlow(kept, nodes, alike)
    flat = isinstance(expression, Gate) and all(isinstance(p, Node) for p in expression.parts) and expression.simple
    if flat and allowed is None:
        assert isinstance(expression, Gate)
        if expression.k + f > expression.total:
            return None
        return TreeFlow(gate(expression.k + f, expression.parts), nodes, alike)
    diagram = Diagram.of(expression)
    root = diagram.resilient(diagram.expression_root, f)
    if allowed is not None:
        slow = {diagram.at[node]: False for node in diagram.nodes if node not in allowed}
        root = diagram.both(root, diagram.given_all(diagram.expression_root, slow))
    if root == NO:
        return None
    at = {node: i for i, node in enumerate(nodes)}
    return DiagramFlow(diagram.arrays(root), nodes, [at[node] for node in diagram.nodes])


def restricted(expression: Expression, allowed: set[Node]) -> Expression | None:
    """Return the expression over the allowed nodes only, or None if they hold no quorum."""
    if isinstance(expression, Node):
        return expression if expression in allowed else None
    assert isinstance(expression, Gate)
    kept = [(restricted(part, allowed), vote) for part, vote in zip(expression.parts, expression.votes, strict=True)]
    left = [(part, vote) for part, vote in kept if part is not None]
    if sum(vote for _, vote in left) < expression.k:
        return None
    return gate(expression.k, [part for part, _ in left], [vote for _, vote in left])


def _summing(shares: Floats, total: float, most: float) -> Floats:
    """Correct the rounding of shares so that they add up, none above `most`."""
    gap = total - shares.sum()
    room = most - shares if gap > 0 else shares
    return np.clip(shares + gap * room / room.sum(), 0, most) if gap and room.sum() > 0 else shares
