"""Decision diagrams: exact answers for expressions in which nodes occur more than once.

Reduced ordered binary decision diagrams of monotone functions. Two expressions have the same quorums if they have the
same root; a quorum is a path to "yes" and consists of the nodes at which it goes up.

References
----------
Bryant, "Graph-based algorithms for Boolean function manipulation", IEEE ToC 35 (1986). Rauzy, "New algorithms for fault
trees analysis", Reliability Engineering and System Safety 40 (1993): minimal sets.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._kernels import diagram as kernels
from .expression import Expression, Gate, Node

Ints = NDArray[np.int64]

NO, YES = 0, 1
MOST_VARIABLES = 500
"""Nodes and failure domains of the largest diagram."""
MOST_STEPS = 1_000_000
"""Steps that one diagram may take to build: some seconds."""


class TooLarge(ValueError):
    """The expression repeats its nodes in too entangled a way to be answered exactly."""


class Arrays(NamedTuple):
    """The part of a diagram below one root, for kernels: children come before their parents, the root is last."""

    var: Ints
    low: Ints
    high: Ints


class Diagram:
    """Decision diagrams over nodes in a fixed order, sharing what they have in common.

    Parameters
    ----------
    nodes : sequence of Node
        The variables, in the order in which they are decided.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        if len(nodes) > MOST_VARIABLES:
            raise TooLarge(
                f"the expression repeats some of its {len(nodes)} nodes: with repeated nodes exact answers are for at "
                f"most {MOST_VARIABLES}; write it without repeating a node, by choose, majority or weighted"
            )
        self.nodes = tuple(nodes)
        self.at = {node: i for i, node in enumerate(nodes)}
        end = len(nodes)
        self.var, self.low, self.high = [end, end], [NO, YES], [NO, YES]
        self._table: dict[tuple[int, int, int], int] = {}
        self._memo: dict[tuple[object, ...], int] = {}
        self._roots: dict[Expression, int] = {}

    @classmethod
    def of(cls, expression: Expression) -> "Diagram":
        """Return the diagram of one expression, its root already there."""
        diagram = cls(expression.nodes)
        diagram.expression_root = diagram.root(expression)
        return diagram

    expression_root: int

    # ---- building

    def root(self, expression: Expression) -> int:
        """Return the root of an expression's diagram."""
        if isinstance(expression, Node):
            return self.node(self.at[expression], NO, YES)
        if expression not in self._roots:
            assert isinstance(expression, Gate)
            self._roots[expression] = self._gate(expression)
        return self._roots[expression]

    def node(self, var: int, low: int, high: int) -> int:
        """Return the node that decides on a variable."""
        if low == high:
            return low
        key = var, low, high
        found = self._table.get(key)
        if found is None:
            found = self._table[key] = len(self.var)
            self.var.append(var)
            self.low.append(low)
            self.high.append(high)
            self._spend()
        return found

    def ite(self, test: int, high: int, low: int) -> int:
        """Return "if `test` then `high` else `low`"."""
        if test <= YES:
            return high if test == YES else low
        if high == low:
            return high
        if high == YES and low == NO:
            return test
        key = "ite", test, high, low
        found = self._memo.get(key)
        if found is None:
            var = min(self.var[test], self.var[high], self.var[low])
            (t0, t1), (h0, h1), (l0, l1) = (self._split(at, var) for at in (test, high, low))
            found = self._memo[key] = self.node(var, self.ite(t0, h0, l0), self.ite(t1, h1, l1))
            self._spend()
        return found

    def both(self, a: int, b: int) -> int:
        """Return "a and b"."""
        return self.ite(min(a, b), max(a, b), NO)

    def given(self, at: int, var: int, value: bool) -> int:
        """Return the diagram where one variable is decided."""
        return self.given_all(at, {var: value})

    def given_all(self, at: int, values: Mapping[int, bool]) -> int:
        """Return the diagram where some variables are decided."""
        memo: dict[int, int] = {NO: NO, YES: YES}

        def walk(at: int) -> int:
            if at not in memo:
                var = self.var[at]
                if var in values:
                    memo[at] = walk(self.high[at] if values[var] else self.low[at])
                else:
                    memo[at] = self.node(var, walk(self.low[at]), walk(self.high[at]))
            return memo[at]

        return walk(at)

    def complemented(self, at: int) -> int:
        """Return the function of the complement: whether the nodes that are *not* in the set hold a quorum."""
        return self._map("complement", at, lambda var, low, high: self.node(var, high, low))

    def resilient(self, at: int, f: int) -> int:
        """Return the sets that hold a quorum still when any `f` of their members have failed."""
        if f == 0 or at <= YES:
            return at
        key = "resilient", at, f
        found = self._memo.get(key)
        if found is None:
            var, low, high = self.var[at], self.low[at], self.high[at]
            used = self.both(self.resilient(high, f), self.resilient(low, f - 1))  # none of the f is this node, or one
            # `used` and the other decide on later variables only
            found = self._memo[key] = self.node(var, self.resilient(low, f), used)
        return found

    def minimal(self, at: int) -> int:
        """Return the diagram of the minimal quorums: its paths to yes, nodes at which they go down left out."""
        if at <= YES:
            return at
        key = "minimal", at
        found = self._memo.get(key)
        if found is None:
            low = self.low[at]
            high = self._without(self.minimal(self.high[at]), low)
            found = self._memo[key] = self._member(self.var[at], self.minimal(low), high)
        return found

    def _without(self, family: int, at: int) -> int:
        """Return the sets of the family that hold no quorum of `at`."""
        if family == NO or at == YES:
            return NO
        if family == YES or at == NO:
            return family
        key = "without", family, at
        found = self._memo.get(key)
        if found is None:
            var, other = self.var[family], self.var[at]
            if other < var:
                found = self._without(family, self.low[at])
            else:
                a0, a1 = self._split(at, var)
                low, high = self._without(self.low[family], a0), self._without(self.high[family], a1)
                found = self._member(var, low, high)
            self._memo[key] = found
            self._spend()
        return found

    def _member(self, var: int, low: int, high: int) -> int:
        """Return a node of a family of sets: a variable that is not decided is not in the set."""
        return low if high == NO else self._raw(var, low, high)

    def _raw(self, var: int, low: int, high: int) -> int:
        if low != high:
            return self.node(var, low, high)
        key = var, low, high
        found = self._table.get(key)
        if found is None:
            found = self._table[key] = len(self.var)
            self.var.append(var)
            self.low.append(low)
            self.high.append(high)
        return found

    def _gate(self, expression: Gate) -> int:
        """Count votes part by part: a row for each number of votes still needed, the last part first."""
        roots = sorted(
            ((self.root(part), vote) for part, vote in zip(expression.parts, expression.votes, strict=True)),
            key=lambda pair: self.var[pair[0]],
        )
        if expression.k in (1, expression.total):  # by halves: what is in between stays small
            some = [root for root, _ in roots]
            while len(some) > 1:
                pairs = itertools.zip_longest(some[::2], some[1::2], fillvalue=NO if expression.k == 1 else YES)
                some = [self.ite(a, YES, b) if expression.k == 1 else self.both(a, b) for a, b in pairs]
            return some[0]
        k, before, after = expression.k, expression.total, 0  # votes of the parts before and after the one at hand
        rows = {0: YES}  # votes still needed: root
        for root, vote in reversed(roots):
            before, after = before - vote, after + vote
            rows = {
                needed: self.ite(root, rows[max(needed - vote, 0)], rows.get(needed, NO)) if needed else YES
                for needed in {0, *range(max(k - before, 1), min(k, after) + 1)}
            }
        return rows[expression.k]

    def _split(self, at: int, var: int) -> tuple[int, int]:
        return (self.low[at], self.high[at]) if self.var[at] == var else (at, at)

    def _map(self, what: str, at: int, make: Callable[[int, int, int], int]) -> int:
        if at <= YES:
            return at
        key = what, at
        if key not in self._memo:
            low, high = (self._map(what, child, make) for child in (self.low[at], self.high[at]))
            self._memo[key] = make(self.var[at], low, high)
        return self._memo[key]

    def _spend(self) -> None:
        if len(self.var) + len(self._memo) > MOST_STEPS:
            raise TooLarge(
                f"the expression repeats its {len(self.nodes)} nodes in too entangled a way: its decision diagram "
                "takes more than a million steps; write it with fewer repeated nodes, by choose, majority or weighted"
            )

    # ---- asking

    def arrays(self, root: int) -> Arrays:
        """Return the diagram below a root as arrays."""
        reached = {NO, YES, root}
        todo = [root]
        while todo:
            at = todo.pop()
            for child in (self.low[at], self.high[at]):
                if child not in reached:
                    reached.add(child)
                    todo.append(child)
        order = sorted(reached)
        number = {at: i for i, at in enumerate(order)}
        table = [(self.var[at], number[self.low[at]], number[self.high[at]]) for at in order]
        var, low, high = np.array(table, np.int64).T.copy()
        return Arrays(var, low, high)

    @cached_property
    def _own(self) -> Arrays:
        return self.arrays(self.expression_root)

    def fewest_failures(self) -> int:
        """Return the size of the smallest set of nodes without which there is no quorum."""
        n = len(self.nodes)
        return int(kernels.cheapest(*self._own, np.ones(n), np.zeros(n), NO)[-1])

    def minimal_count(self, root: int | None = None) -> int:
        """Return how many minimal quorums there are."""
        counts = {NO: 0, YES: 1}

        def count(at: int) -> int:
            if at not in counts:
                counts[at] = count(self.low[at]) + count(self.high[at])
            return counts[at]

        return count(self.minimal(self.expression_root if root is None else root))

    def minimal_masks(self, root: int | None = None) -> Iterator[int]:
        """Yield the minimal quorums as bitmasks."""
        todo = [(self.minimal(self.expression_root if root is None else root), 0)]
        while todo:
            at, mask = todo.pop()
            if at == YES:
                yield mask
            elif at != NO:
                todo.append((self.low[at], mask))
                todo.append((self.high[at], mask | 1 << self.var[at]))
