"""The best strategy: what to minimise, under which limits, as a linear program or a few.

With constant latencies all measures are linear in the shares of `flows`. Where latencies are random, a quorum's
probability of being late is a number of its own, and quorums are generated as they are needed: the one that lowers the
objective most minimises ``cost + v P(late)``, which is concave in (cost, sum of -log P(in time)), so that it is a
corner of their convex hull, and each corner is the cheapest quorum by some weights of the nodes.

References
----------
Whittaker et al., "Read-Write Quorum Systems Made Practical", PaPoC 2021: the measures and limits. Naor and Wool, "The
load, capacity, and availability of quorum systems", SIAM J. Computing 27 (1998): load as a linear program.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import NDArray

from ._kernels import diagram as kernels
from .chances import aligned
from .diagram import NO, YES, Diagram
from .expression import Bools, Expression, Gate, Node, as_matrix
from .flows import ColumnSide, FlowSide, Picks, Side, flow_of
from .mix import Mix

Floats = NDArray[np.float64]
Goal: TypeAlias = Literal["load", "network", "latency", "percentile", "cost"]
GOALS = ("load", "network", "latency", "percentile", "cost")

MOST_QUORUMS = 20_000
"""Minimal quorums of one side that may be listed one by one."""

DENSE = 20_000
"""Entries of a matrix that is not worth to be stored as a sparse one."""

MOST_EDGES = 3_000
"""Variables of the largest decision diagram that is one program; with more of them, quorums are generated."""

GAP = 1e-7
"""Relative to the objective: quorums are generated until no more than this is left to gain."""

ENOUGH = 1e-9
"""Relative to a limit or to the objective: differences below this are rounding."""


class Infeasible(ValueError):
    """No strategy keeps the limits."""


@dataclass(frozen=True)
class Prices:
    """The dual of a solved program: what a unit more of each would have changed, divided by the objective's scale."""

    load: Floats
    """``float64[fractions, nodes]``: of a unit of load."""
    measures: Mapping[str, float]
    """Of network, cost, latency and late probability, per request, from the objective and the limits."""
    limits: float
    """What all limits together contribute: the sum of price times limit."""
    whole: tuple[float, float]
    """Of the equation that the probabilities of read, and of write quorums sum to 1."""


@dataclass(frozen=True)
class Solved:
    """The solution of a program."""

    scaled: float
    """The value in the scale of the prices."""
    scale: float
    x: tuple[Floats, Floats]
    prices: Prices

    @property
    def value(self) -> float:
        """What was minimised."""
        return self.scaled * self.scale


def minimise(
    sides: tuple[Side, Side],
    nodes: Sequence[Node],
    mix: Mix,
    goal: str,
    limits: Mapping[str, float],
    violation: bool = False,
) -> Solved | None:
    """Solve one linear program; None if the limits cannot be kept.

    `goal` is a measure of the sides or ``load``. With `violation`, the program minimises instead by what share the
    limits have to be exceeded.
    """
    reads, writes = sides
    fractions = mix.fractions if goal == "load" or "load" in limits else mix.fractions[:0]
    d = len(fractions)
    first = d, d + reads.size  # variables: loads, reads, writes, and the violation
    size = d + reads.size + writes.size + violation
    unit = max(max(node.read_capacity, node.write_capacity) for node in nodes)
    tops = {name: limit * (unit if name == "load" else 1.0) for name, limit in limits.items()}
    scale = {name: tops.get(name) or _largest(sides, name) for name in {*limits, goal}}

    def form(measure: str) -> Floats:
        """Return a measure as coefficients, in a scale near 1."""
        c = np.zeros(size)
        if measure == "load":
            c[:d] = mix.chances
        else:
            c[first[0] : first[1]] = mix.reads * reads.measures[measure]
            c[first[1] : first[1] + writes.size] = mix.writes * writes.measures[measure]
        return c / scale[measure]

    like = _representatives(sides, nodes) if d else np.empty(0, np.int64)
    each = np.unique(like)
    peaks = len(each) * d
    blocks = []
    for i, fraction in enumerate(fractions):
        start = i * len(each)
        blocks.append((np.arange(start, start + len(each)), np.full(len(each), i), np.full(len(each), -1.0)))
        for side, at, share, kind in ((reads, first[0], fraction, "read"), (writes, first[1], 1 - fraction, "write")):
            row = np.full(len(nodes), -1)
            row[each] = np.arange(start, start + len(each))
            work = unit * share / np.array([getattr(node, f"{kind}_capacity") for node in nodes])
            kept = row[side.shares.rows] >= 0
            owners = side.shares.rows[kept]
            blocks.append((row[owners], at + side.shares.columns[kept], side.shares.values[kept] * work[owners]))
    for i, name in enumerate(limits):
        coefficients = form(name)
        coefficients[-1] -= violation
        used = np.flatnonzero(coefficients)
        blocks.append((np.full(len(used), peaks + i), used, coefficients[used]))
    count = peaks + len(limits)
    for side, at in zip(sides, first, strict=True):
        blocks.append((count + side.capped.rows, at + side.capped.columns, side.capped.values))
        count += side.capped.height
    at_most = np.zeros(count)
    at_most[peaks : peaks + len(limits)] = [1.0 if top > 0 else 0.0 for top in tops.values()]
    equal = [
        (reads.equal.rows, first[0] + reads.equal.columns, reads.equal.values),
        (reads.equal.height + writes.equal.rows, first[1] + writes.equal.columns, writes.equal.values),
    ]
    solution = scipy.optimize.linprog(
        np.eye(size)[-1] if violation else form(goal),
        A_ub=_matrix(blocks, count, size),
        b_ub=at_most,
        A_eq=_matrix(equal, reads.equal.height + writes.equal.height, size),
        b_eq=np.concatenate([reads.right, writes.right]),
        method="highs",
        options={"presolve": count * size > DENSE},
    )
    if solution.status == 2:
        return None
    if solution.status != 0:  # pragma: no cover
        raise RuntimeError(f"the solver of linear programs gave up: {solution.message}")
    duals = -solution.ineqlin.marginals
    of_limits = dict(zip(limits, duals[peaks:], strict=False))
    of_measures = {name: of_limits.get(name, 0.0) / scale[name] for name in scale if name != "load"}
    if goal != "load" and not violation:
        of_measures[goal] += 1 / scale[goal]
    of_load = np.zeros((d, len(nodes)))
    if d:  # those that are alike share a price
        _, members = np.unique(like, return_inverse=True)
        shared = unit / np.bincount(members)
        of_load = (duals[:peaks].reshape(d, len(each)) * shared)[:, members]
    return Solved(
        float(solution.fun),
        1.0 if violation else scale[goal] / (unit if goal == "load" else 1.0),
        (solution.x[first[0] : first[1]], solution.x[first[1] : first[1] + writes.size]),
        Prices(
            of_load,
            of_measures,
            float(sum(price for name, price in of_limits.items() if tops[name] > 0)),
            (float(solution.eqlin.marginals[0]), float(solution.eqlin.marginals[reads.equal.height])),
        ),
    )


def _largest(sides: tuple[Side, Side], measure: str) -> float:
    """Return the largest value of a measure, or 1."""
    if measure == "load":
        return 1.0
    return max(float(side.measures[measure].max(initial=0.0)) for side in sides) or 1.0


def _representatives(sides: tuple[Side, Side], nodes: Sequence[Node]) -> NDArray[np.int64]:
    """Return for each node one whose load is the same whatever the strategy."""
    used: list[list[int]] = [[] for _ in nodes]
    for side, other in zip(sides, (0, sides[0].size), strict=True):
        for node, variable in zip(side.shares.rows.tolist(), (other + side.shares.columns).tolist(), strict=True):
            used[node].append(variable)
    first: dict[tuple[float, ...], int] = {}
    return np.array(
        [
            first.setdefault((node.read_capacity, node.write_capacity, *own), i)
            for i, (node, own) in enumerate(zip(nodes, used, strict=True))
        ]
    )


def _matrix(blocks: Sequence[tuple[Any, Any, Any]], rows: int, columns: int) -> Any:
    """Return the sum of all entries as a matrix: small ones dense, which is what the solver takes fastest."""
    row, column, value = (np.concatenate([np.asarray(block[i]) for block in blocks]) for i in range(3))
    if rows * columns <= DENSE:
        flat = np.bincount(row * columns + column, value, rows * columns)
        return flat.reshape(rows, columns)
    return scipy.sparse.csc_array((value, (row, column)), shape=(rows, columns))


def node_prices(prices: Prices, nodes: Sequence[Node], mix: Mix) -> tuple[Floats, Floats]:
    """Return what it costs to pick each node for a read, and for a write, at the prices of a solved program."""
    fractions = mix.fractions[: len(prices.load)]
    shared = np.array([prices.measures.get("cost", 0.0) * node.cost for node in nodes])
    shared += prices.measures.get("network", 0.0)
    reads = (fractions @ prices.load) / [node.read_capacity for node in nodes] + mix.reads * shared
    writes = ((1 - fractions) @ prices.load) / [node.write_capacity for node in nodes] + mix.writes * shared
    return np.maximum(reads, 0), np.maximum(writes, 0)


@dataclass(frozen=True)
class Plan:
    """The least value of a measure, and the shares that have it."""

    value: float
    x: tuple[Floats, Floats]
    sides: tuple[Side, Side]

    @cached_property
    def picks(self) -> tuple[Picks, Picks]:
        """The quorums to ask and their probabilities, of reads and of writes."""
        reads, writes = (_normal(side.picks(x)) for side, x in zip(self.sides, self.x, strict=True))
        return reads, writes


class Planner:
    """Finds strategies for one system, mix of requests and number of failures to survive.

    Parameters
    ----------
    reads, writes : Expression
        The quorums.
    nodes : sequence of Node
        All nodes.
    mix : Mix
        Of reads and writes.
    f : int
        How many members of a picked set may fail.

    Attributes
    ----------
    solved : Solved
        The last program, and `kept` whether it kept the limits. With `pricing` it is, where the limits cannot be kept,
        the program that exceeds them least.
    """

    def __init__(self, reads: Expression, writes: Expression, nodes: Sequence[Node], mix: Mix, f: int) -> None:
        self.expressions = reads, writes
        self.nodes, self.mix, self.f = nodes, mix, f
        for what, expression in (("read", reads), ("write", writes)):
            most = len(expression.nodes) and expression.resilience
            if f > most:
                raise ValueError(
                    f"f is {f} and no set of nodes holds a {what} quorum after any {most + 1} of them fail: "
                    f"ask for f of at most {most}"
                )
        self.pricing = False
        self.solved: Solved | None = None
        self.kept = False
        self._listed: list[Bools] | None = None
        self._pricers: tuple[Callable[[Floats], Bools], ...] | None = None
        self._pool: list[dict[bytes, Bools]] = [{}, {}]

    @cached_property
    def constant(self) -> bool:
        """Whether no latency is random."""
        return all(constant(node) is not None for node in self.nodes)

    @cached_property
    def times(self) -> Floats:
        """The different latencies, where they are constant."""
        return np.unique([constant(node) for node in self.nodes])

    def best(
        self, goal: str, limits: Mapping[str, float], percentile: tuple[float, float] | None
    ) -> tuple[Picks, Picks]:
        """Return the picks that minimise a measure (``load``, ``network``, ``cost``, ``latency``) under limits.

        Raises
        ------
        Infeasible
            Naming the limit that cannot be kept, and its nearest value that can.
        """
        time = None
        if percentile is not None:
            limits, time = {**limits, "late": 1 - percentile[0]}, percentile[1]
        found = self.solve(goal, limits, time)
        if found is None:
            raise Infeasible(self._explain(limits, time))
        return found.picks

    def fastest(
        self, p: float, limits: Mapping[str, float], quantile: Callable[[Picks, Picks], float]
    ) -> tuple[Picks, Picks]:
        """Return the picks with the shortest time within which a share `p` is answered.

        `quantile` returns that time for given picks.
        """
        if self.constant:
            low, high, found = 0, len(self.times), None
            while low < high:
                middle = (low + high) // 2
                tried = self.solve("late", limits, float(self.times[middle]))
                if tried is None:
                    raise Infeasible(self._explain(limits, None))
                if tried.value <= (1 - p) + ENOUGH:
                    high, found = middle, tried.picks
                else:
                    low = middle + 1
            assert found is not None
            return found
        start = self.solve("network" if "load" not in limits else "load", limits, None)
        if start is None:
            raise Infeasible(self._explain(limits, None))
        best = start.picks
        time = quantile(*best)
        for gap in (1e-1, 1e-3, GAP):  # coarse steps first
            while (tried := self.solve("late", limits, time, gap)) is not None:
                sooner = quantile(*tried.picks)
                if sooner >= time * (1 - max(gap * 1e-2, 1e-10)):
                    break
                best, time = tried.picks, sooner
        return best

    def solve(self, goal: str, limits: Mapping[str, float], time: float | None, gap: float = GAP) -> "Plan | None":
        """Return the least value and how to reach it, or None if the limits cannot be kept."""
        wanted = {goal, *limits}
        if "latency" not in wanted and "late" not in wanted:
            compact = self._flows(wanted, None)
            if max(side.size for side in compact) <= MOST_EDGES:
                solved, sides = self._program(compact, goal, limits)
            else:
                solved, sides = self._generated(goal, limits, None, gap)
        elif self.constant:
            solved, sides = self._program(self._flows(wanted, time), goal, limits)
        elif "latency" in wanted or self.f:
            solved, sides = self._program(self._columns(self._all(), wanted, time), goal, limits)
        else:
            assert time is not None
            solved, sides = self._generated(goal, limits, time, gap)
        return None if solved is None else Plan(solved.value, solved.x, sides)

    def _program(
        self, sides: tuple[Side, Side], goal: str, limits: Mapping[str, float], violation: bool = False
    ) -> tuple[Solved | None, tuple[Side, Side]]:
        solved = minimise(sides, self.nodes, self.mix, goal, limits, violation)
        if solved is None and self.pricing:
            self.solved = minimise(sides, self.nodes, self.mix, goal, limits, True)
        elif solved is not None:
            self.solved = solved
        self.kept = solved is not None and not violation
        return solved, sides

    def _flows(self, wanted: Iterable[str], time: float | None) -> tuple[Side, Side]:
        """Return compact sides; where times matter, with a copy for each."""
        sides = []
        alike = aligned(*self.expressions)
        for expression in self.expressions:
            if "latency" in wanted:
                tops = [float(t) for t in self.times]
            elif time is not None:
                tops = [time, math.inf]
            else:
                tops = [math.inf]
            kept = []
            for top in tops:
                allowed = {node for node in self.nodes if top == math.inf or constant(node) <= top}  # type: ignore[operator]
                everything = len(allowed) == len(self.nodes)
                flow = (
                    flow_of(expression, self.nodes, self.f, None if everything else allowed, alike) if allowed else None
                )
                if flow is not None:
                    kept.append((top, flow))
            measures = {}
            if "latency" in wanted:
                measures["latency"] = [top for top, _ in kept]
            if time is not None:
                measures["late"] = [float(top > time) for top, _ in kept]
            sides.append(FlowSide([flow for _, flow in kept], self.nodes, measures))
        return sides[0], sides[1]

    def _all(self) -> list[Bools]:
        """List the minimal sets of both sides."""
        if self._listed is None:
            listed = []
            for expression in self.expressions:
                if self.f == 0:
                    masks, order = expression.minimal_masks(), expression.nodes
                else:
                    diagram = Diagram.of(expression)
                    masks = diagram.minimal_masks(diagram.resilient(diagram.expression_root, self.f))
                    order = diagram.nodes
                some = list(itertools.islice(masks, MOST_QUORUMS + 1))
                if len(some) > MOST_QUORUMS:
                    raise ValueError(
                        f"there are more than {MOST_QUORUMS} minimal quorums, and this question about random "
                        "latencies needs them all: give constant latencies, or f = 0 and a percentile in place of "
                        "the mean"
                    )
                listed.append(_placed(as_matrix(some, len(order)), order, self.nodes))
            self._listed = listed
        return self._listed

    def _columns(self, quorums: Sequence[Bools], wanted: Iterable[str], time: float | None) -> tuple[Side, Side]:
        from .responses import Picked

        sides = []
        for expression, rows in zip(self.expressions, quorums, strict=True):
            measures = {}
            picked = Picked(expression, self.nodes, rows, self.f == 0)
            if "latency" in wanted:
                measures["latency"] = picked.means()
            if time is not None:
                measures["late"] = picked.tails(np.array([time]))[1][:, 0]
            sides.append(ColumnSide(rows, self.nodes, measures))
        return sides[0], sides[1]

    def _generated(
        self, goal: str, limits: Mapping[str, float], time: float | None, enough: float
    ) -> tuple[Solved | None, tuple[Side, Side]]:
        """Solve by generating quorums: first to keep the limits, then for the goal."""
        from .responses import log_in_time

        n = len(self.nodes)
        self._pricers = self._pricers or tuple(pricer(side, self.nodes, self.f) for side in self.expressions)
        slowness = np.zeros(n)
        leaning = [np.ones(n)]  # weights for quorums to begin with
        if time is not None:
            slowness = np.minimum(-log_in_time(self.nodes, np.array([time]))[:, 0], 700.0)
            leaning.append(slowness)
            self._seed(goal, limits, slowness)
        else:
            leaning += list(1 + n * (1 - np.eye(n)))
        for pool, cheapest in zip(self._pool, self._pricers, strict=True):
            pool |= {quorum.tobytes(): quorum for quorum in map(cheapest, leaning)}
        wanted = {goal, *limits}
        for violation in (True, False) if limits else (False,):
            while True:
                quorums = [np.array(list(pool.values())) for pool in self._pool]
                solved, sides = self._program(self._columns(quorums, wanted, time), goal, limits, violation)
                assert solved is not None or not violation
                if solved is None or (violation and solved.value <= ENOUGH):
                    break
                weights = node_prices(solved.prices, self.nodes, self.mix)
                price = solved.prices.measures.get("late", 0.0)
                gap, known = 0.0, sum(map(len, self._pool))
                for side, share in enumerate((self.mix.reads, self.mix.writes)):
                    found = improving(
                        self._pricers[side], weights[side], slowness, price * share, solved.prices.whole[side]
                    )
                    gap += max([gain for gain, _ in found], default=0.0)
                    self._pool[side] |= {quorum.tobytes(): quorum for _, quorum in found}
                if gap <= enough * max(solved.scaled, 1e-3) or sum(map(len, self._pool)) == known:
                    break  # `gap` is what is left to gain, at most
            if solved is None or (violation and solved.value > ENOUGH):
                return None, sides
        assert solved is not None
        self._pool = [
            {quorum.tobytes(): quorum for quorum in side.picks(x)[0]} for side, x in zip(sides, solved.x, strict=True)
        ]
        return solved, sides

    def _seed(self, goal: str, limits: Mapping[str, float], slowness: Floats) -> None:
        """Add good quorums to the pool: E[P(in time)] >= exp(-E[slowness]), and slowness is linear in the shares."""
        sides = self._flows({goal, *limits}, None)
        for side in sides:
            shares = side.shares
            late = np.bincount(shares.columns, shares.values * slowness[shares.rows], side.size)
            side.measures["late"] = late.astype(np.float64)
        most = {name: -math.log1p(-limit) if name == "late" else limit for name, limit in limits.items()}
        solved = minimise(sides, self.nodes, self.mix, goal, most)
        if solved is not None:
            for pool, side, x in zip(self._pool, sides, solved.x, strict=True):
                pool |= {quorum.tobytes(): quorum for quorum in side.picks(x)[0]}

    def _explain(self, limits: Mapping[str, float], time: float | None) -> str:
        """Say which limit cannot be kept, and its nearest value that can."""
        alone = {name: self.solve(name, {}, time) for name in limits}
        for name, limit in limits.items():
            least = alone[name]
            assert least is not None
            if least.value > limit * (1 + ENOUGH):
                return (
                    f"{_limit(name, limit, time)}, and the least that any strategy has is {_least(name, least.value)}"
                )
        parts = []
        for name in limits:
            others = {other: limit for other, limit in limits.items() if other != name}
            least = self.solve(name, others, time)
            if least is not None:
                parts.append(_least(name, least.value))
        which = " and ".join(_limit(name, limit, time) for name, limit in limits.items())
        if not parts:
            return f"{which}: no strategy keeps any two of these limits together; raise them"
        return f"{which}: no strategy keeps all; with the other limits kept, the least is {', or '.join(parts)}"


def pricer(expression: Expression, nodes: Sequence[Node], f: int = 0) -> Callable[[Floats], Bools]:
    """Return a function from the weights of the nodes to a set of least weight that holds a quorum after f failures."""
    at = {node: i for i, node in enumerate(nodes)}
    n = len(nodes)
    if f or not expression.simple:
        diagram = Diagram.of(expression)
        arrays = diagram.arrays(diagram.resilient(diagram.expression_root, f))
        order = np.array([at[node] for node in diagram.nodes])
        zero = np.zeros(len(order))

        def by_diagram(weights: Floats) -> Bools:
            var, low, high = arrays
            costs = weights[order]
            reach = kernels.cheapest(var, low, high, zero, costs, YES)
            quorum = np.zeros(n, np.bool_)
            here = len(var) - 1
            while here != YES:
                go_low = low[here] != NO and reach[low[here]] <= reach[high[here]] + costs[var[here]]
                quorum[order[var[here]]] |= not go_low
                here = low[here] if go_low else high[here]
            return quorum

        return by_diagram

    def walk(expression: Expression, weights: Floats) -> tuple[float, list[int]]:
        if isinstance(expression, Node):
            return float(weights[at[expression]]), [at[expression]]
        assert isinstance(expression, Gate)
        if all(isinstance(part, Node) for part in expression.parts):
            own = own_nodes[expression]
            chosen = np.argsort(weights[own], kind="stable")[: expression.k]
            return float(weights[own[chosen]].sum()), own[chosen].tolist()
        parts = sorted((walk(part, weights) for part in expression.parts), key=lambda pair: pair[0])[: expression.k]
        return sum(cost for cost, _ in parts), [i for _, members in parts for i in members]

    own_nodes = {
        e: np.array([at[part] for part in e.parts if isinstance(part, Node)])
        for e in expression.gates()
        if all(isinstance(part, Node) for part in e.parts)
    }

    def by_tree(weights: Floats) -> Bools:
        quorum = np.zeros(n, np.bool_)
        quorum[walk(expression, weights)[1]] = True
        return quorum

    return by_tree


def improving(
    cheapest: Callable[[Floats], Bools], weights: Floats, slowness: Floats, price: float, worth: float
) -> list[tuple[float, Bools]]:
    """Return quorums whose ``weights + price * P(late)`` is below what the program pays for one, and by how much."""

    def point(factor: float) -> tuple[Bools, float, float]:
        quorum = cheapest(weights * factor + slowness * (1 - factor))
        return quorum, float(weights[quorum].sum()), float(slowness[quorum].sum())

    def gain(cost: float, slow: float) -> float:
        return worth - cost + price * math.expm1(-slow)

    left = point(1.0)
    corners = [left]
    if price > 0:
        right = point(0.0)
        corners.append(right)
        todo = [(left, right)]
        best = max(gain(*left[1:]), gain(*right[1:]), 0.0)
        while todo:
            a, b = todo.pop()
            if a[2] - b[2] <= 1e-13 * (1 + a[2]) or gain(a[1], b[2]) <= best:
                continue  # no corner between them can be better
            factor = (a[2] - b[2]) / (a[2] - b[2] + b[1] - a[1])
            middle = point(factor)
            if _blend(middle, factor) < _blend(a, factor) * (1 - 1e-12):
                corners.append(middle)
                best = max(best, gain(*middle[1:]))
                todo += [(a, middle), (middle, b)]
    return [(gain(*corner[1:]), corner[0]) for corner in corners if gain(*corner[1:]) > 0]


def _blend(corner: tuple[Bools, float, float], factor: float) -> float:
    return factor * corner[1] + (1 - factor) * corner[2]


def constant(node: Node) -> float | None:
    """Return the latency of a node in seconds if it is always the same, else None.

    Raises
    ------
    ValueError
        If it has none.
    """
    if node.latency is None:
        raise ValueError(
            f"node {node.name!r} has no latency: give Node({node.name!r}, latency=...) in seconds or as a Latency"
        )
    low, high = (node.latency, node.latency) if isinstance(node.latency, float) else node.latency.support
    return low if low == high else None


def _placed(rows: Bools, order: Sequence[Node], nodes: Sequence[Node]) -> Bools:
    """Return quorums over all nodes."""
    at = {node: i for i, node in enumerate(nodes)}
    placed = np.zeros((len(rows), len(nodes)), np.bool_)
    placed[:, [at[node] for node in order]] = rows
    return placed


def _normal(picks: Picks) -> Picks:
    quorums, chances = picks
    return quorums, chances / chances.sum()


_NAMES = {"load": "load", "network": "network load", "cost": "cost", "latency": "mean latency"}


def _limit(name: str, limit: float, time: float | None) -> str:
    if name == "late":
        return f"{1 - limit:.6g} of the requests are to be answered within {time:.6g} s"
    return f"the {_NAMES[name]} is limited to {limit:.6g}{' s' * (name == 'latency')}"


def _least(name: str, value: float) -> str:
    if name == "late":
        return f"a share of {1 - value:.6g} within that time"
    return f"a {_NAMES[name]} of {value:.6g}{' s' * (name == 'latency')}"
