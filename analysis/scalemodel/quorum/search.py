"""Which system suits these nodes best? All expressions without repeated nodes, up to the exchange of equal nodes.

Two things keep it short. Every system is one truth table, so that what does not depend on a strategy is known for all
of them at once. And the prices (the dual) of one system's best strategy bound every other system from below: a strategy
can pick no cheaper quorum than the cheapest. Systems are solved in the order of their bounds, until the next bound is
above the best value found.
"""

import itertools
import math
import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from ..display import DASHES, PALETTE, Shown, axes, format_time
from ..topology import Topology, nearest
from ._kernels import tables as kernels
from .builders import Nodes, nodes_of
from .expression import Bools, Expression, Node, gate
from .flows import Floats, Picks
from .mix import Mix, ReadFraction, mix_of
from .programs import GOALS, Goal, Planner, Solved, constant, node_prices
from .strategy import Strategy
from .system import QuorumSystem, _failures, _not_negative, _share, promise_of
from .unavailability import Down, failures_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .responses import Picked

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]
Counts: TypeAlias = tuple[int, ...]

MOST_NODES = 10
"""Nodes of the largest search; from nine different ones on, only a time limit ends it."""

CHUNK = 16_384
"""Systems that are looked at together, at most."""

MOST_DOMAINS = 12
"""Failure domains that a search takes into account."""

TIMES = 240
"""Times at which all systems' fastest strategies are bounded."""

Objective: TypeAlias = Literal["load", "network", "cost", "latency", "percentile", "resilience", "unavailability"]
OBJECTIVES = ("load", "network", "cost", "latency", "percentile", "resilience", "unavailability")


@dataclass(frozen=True, eq=False)
class Found:
    """A system that a search has solved, its best strategy and the value of what was minimised."""

    system: QuorumSystem
    strategy: Strategy
    value: float


@dataclass(frozen=True, eq=False)
class SearchResult(Shown):
    """The best systems over some nodes.

    Attributes
    ----------
    ranking : tuple of Found
        The best first.
    complete : bool
        Whether all systems were considered, so that none is better; False if time ran out.
    examined, solved : int
        How many systems were looked at, and for how many of them strategies had to be computed.
    """

    ranking: tuple[Found, ...]
    goal: str
    complete: bool
    examined: int
    solved: int
    read_fraction: ReadFraction = field(repr=False)

    @property
    def best(self) -> Found:
        """The best system."""
        return self.ranking[0]

    @property
    def system(self) -> QuorumSystem:
        """The best system."""
        return self.best.system

    @property
    def strategy(self) -> Strategy:
        """Its best strategy."""
        return self.best.strategy

    @property
    def title(self) -> str:
        """What was searched."""
        end = "none is better" if self.complete else "time ran out"
        return f"Least {self.goal} of {self.examined} quorum systems ({end}): reads {self.system.reads}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per system of the ranking."""
        import pandas as pd

        rows = [
            {
                "reads": str(found.system.reads),
                "writes": str(found.system.writes),
                self.goal: found.value,
                "load": found.strategy.load(self.read_fraction),
                "capacity": found.strategy.capacity(self.read_fraction),
                "network_load": found.strategy.network_load(self.read_fraction),
                "resilience": found.system.resilience,
            }
            for found in self.ranking
        ]
        return pd.DataFrame(rows)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the load of each node under the best strategy."""
        return self.strategy.plot(ax, self.read_fraction)


@dataclass(frozen=True, eq=False)
class ParetoFront(Shown):
    """Systems, each with a strategy, of which none is at least as good as another in all objectives.

    Attributes
    ----------
    points : tuple of (Found, mapping of str to float)
        Sorted by the first objective; every mapping has a value for each objective.
    complete : bool
        Whether all systems were considered.
    """

    points: tuple[tuple[Found, Mapping[str, float]], ...]
    objectives: tuple[str, ...]
    complete: bool
    examined: int

    @property
    def title(self) -> str:
        """How many are left of how many."""
        end = "" if self.complete else ", when time ran out"
        return f"{len(self.points)} of {self.examined} quorum systems are on the Pareto front{end}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per point: the reads of the system, and the objectives."""
        import pandas as pd

        return pd.DataFrame([{"reads": str(found.system.reads), **values} for found, values in self.points])

    def plot(self, ax: "Axes | None" = None, x: str | None = None, y: str | None = None) -> "Axes":
        """Draw two of the objectives against each other, the first two unless told; a third by colour."""
        ax = axes(ax)
        across, up, *more = [*(name for name in (x, y) if name), *(o for o in self.objectives if o not in (x, y))]
        for name in (across, up):
            if name not in self.objectives:
                raise ValueError(f"there is no objective {name!r}{nearest(name, self.objectives)}")
        frame = self.to_frame()
        groups = frame.groupby(more[0]) if more and frame[more[0]].nunique() <= len(DASHES) else [(None, frame)]
        for i, (value, part) in enumerate(groups):
            label = f"{more[0]} {value!s:.6}" if value is not None else None
            ax.plot(part[across], part[up], "osv^D*"[i % 6], color=PALETTE[i], label=label)
        if len(frame) <= 12:
            middle = (frame[across].min() + frame[across].max()) / 2
            for (_, row), side in zip(frame.iterrows(), itertools.cycle((6, -12))):
                end, shift = ("right", -5) if row[across] > middle else ("left", 5)
                at = row[across], row[up]
                ax.annotate(row.reads, at, (shift, side), textcoords="offset points", fontsize=8, ha=end)
            ax.margins(0.1)
        for name, scale in ((across, ax.set_xscale), (up, ax.set_yscale)):
            if name == "unavailability":
                scale("log")
        ax.set(xlabel=_AXES[across], ylabel=_AXES[up], title=self.title)
        if ax.get_legend_handles_labels()[0]:
            ax.legend()
        return ax


def search(
    nodes: Nodes,
    read_fraction: ReadFraction,
    optimize: Goal = "load",
    *,
    resilience: int = 0,
    load_limit: float | None = None,
    network_limit: float | None = None,
    latency_limit: float | None = None,
    cost_limit: float | None = None,
    percentile: tuple[float, float] | float | None = None,
    f: int = 0,
    unavailability_limit: float | None = None,
    p: Down | None = None,
    topology: Topology | None = None,
    ranked: int = 1,
    time_limit: float | None = None,
    progress: bool = True,
) -> SearchResult:
    """Find the best quorum systems over some nodes.

    Parameters
    ----------
    nodes : int or list of nodes
        At most ten. Nodes with the same definition are exchangeable and cut the search short.
    read_fraction, optimize, load_limit, network_limit, latency_limit, cost_limit, percentile, f
        As for `QuorumSystem.strategy`.
    resilience : int
        How many nodes may fail, whichever they are, with reads and writes still possible.
    unavailability_limit : float, optional
        The most that reads and writes may be unavailable, given `p` and `topology` as for
        `QuorumSystem.unavailability`.
    ranked : int
        How many of the best systems to return.
    time_limit : float, optional
        Seconds after which the best found so far is returned.
    progress : bool
        Show a bar when the search takes longer than two seconds.

    Raises
    ------
    ValueError
        If no system keeps the limits, or none was found in time.

    Examples
    --------
    >>> found = search([Node(x, read_capacity=c) for x, c in zip("abcd", (4, 4, 1, 1))], 1.0, resilience=1)
    >>> print(found.system.reads, round(found.best.value, 6), found.complete)
    choose(2, a, b, c, d) 0.2 True

    References
    ----------
    Whittaker et al., "Read-Write Quorum Systems Made Practical", PaPoC 2021, section 4.3.
    """
    problem = _Problem(
        nodes,
        read_fraction,
        optimize,
        {"load": load_limit, "network": network_limit, "latency": latency_limit, "cost": cost_limit},
        percentile,
        f,
    )
    if unavailability_limit is not None and p is None:
        raise ValueError("unavailability_limit is given without p: give the probability that a node is down")
    for what, number, least in (("resilience", resilience, 0), ("ranked", ranked, 1)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
            raise ValueError(f"{what} is {number!r}: give an integer of {least} or more")
    chances = None if p is None else up_chances(problem.nodes, p, topology)
    space = Space(problem.nodes, _deadline(time_limit))
    ranking: list[tuple[float, int, Strategy]] = []
    examined = solved = 0
    hopeless: QuorumSystem | None = None
    prices: list[tuple[Solved, bool]] = []

    def mark() -> float:
        """Return what a system has to undercut."""
        return ranking[ranked - 1][0] * (1 - 1e-9) if len(ranking) >= ranked else math.inf

    complete = True
    try:
        for chunk in _shown(space.chunks(), progress):
            examined += len(chunk.gates)
            survived = np.minimum(*chunk.resilience())
            fit = survived >= max(resilience, f)
            if chances is not None and unavailability_limit is not None:
                fit &= chunk.unavailability(chances) <= unavailability_limit
            alive = np.flatnonzero(fit)
            asked = chunk.part(alive, f)
            bounds = np.zeros(len(alive))
            for price in prices:
                bounds = np.maximum(bounds, problem.bounds(*price, asked))
            while len(alive):
                at = int(_rounded(bounds).argmin())
                if bounds[at] >= mark():
                    break
                space.check()
                system = QuorumSystem(reads=chunk.expression(int(alive[at])))
                solved += 1
                value, strategy, fresh = problem.solve(system, mark())
                if strategy is None:
                    hopeless = system if not ranking else None
                elif value < mark():
                    ranking.append((value, solved, strategy))
                    ranking.sort(key=lambda row: row[:2])
                    problem.improve(mark())
                if fresh is not None:
                    prices = [*prices[1 - PRICES :], fresh]
                    bounds = np.maximum(bounds, problem.bounds(*fresh, asked))
                keep = bounds < mark()
                keep[at] = False
                alive, bounds, asked = alive[keep], bounds[keep], asked.only(keep)
    except _TimeUp:
        complete = False
    if not ranking:
        if not complete:
            raise ValueError(
                f"no system that keeps the limits was found within {format_time(time_limit or 0.0)}: give more time"
            )
        why = "their resilience or availability is too low" if hopeless is None else problem.explain(hopeless)
        raise ValueError(f"none of the {examined} systems keeps the limits: {why}")
    found = tuple(Found(strategy.system, strategy, value) for value, _, strategy in ranking[:ranked])
    return SearchResult(found, optimize, complete, examined, solved, read_fraction)


class _TimeUp(Exception):
    """The search has to end now."""


PRICES = 200
"""Systems whose prices bound those of later chunks."""


class Space:
    """All read-once expressions over some nodes, each once: equal nodes are exchanged freely.

    A shape is an expression over kinds of nodes: ``parts`` of which ``k`` are needed. Shapes are numbered; the first
    are the kinds themselves.
    """

    def __init__(self, nodes: Sequence[Node], deadline: float = math.inf) -> None:
        if len(nodes) > MOST_NODES:
            raise ValueError(
                f"search was given {len(nodes)} nodes: give at most {MOST_NODES}, or group them and search over groups"
            )
        self.nodes, self.deadline = nodes, deadline
        kinds: dict[Any, list[int]] = {}
        for i, node in enumerate(nodes):
            definition = (node.read_capacity, node.write_capacity, node.latency, node.place, node.cost)
            kinds.setdefault(definition, []).append(i)
        self.members = list(kinds.values())
        self.whole: Counts = tuple(map(len, self.members))
        kind = range(len(self.members))
        self.needs = [0 for _ in kind]
        self.parts: list[tuple[int, ...]] = [() for _ in kind]
        self.counts: list[Counts] = [tuple(int(i == j) for j in kind) for i in kind]
        self._shapes: dict[Counts, list[int]] = {self.counts[i]: [i] for i in kind}
        # rows of truth tables: the nodes, then gates over nodes
        self.gates: list[tuple[int, tuple[int, ...]]] = [(0, ()) for _ in nodes]
        self._rows: dict[tuple[int, Counts], int] = {}
        sets = np.arange(1 << len(nodes))
        self.tables = np.array([_packed(sets >> i & 1 == 1) for i in range(len(nodes))])

    def check(self) -> None:
        """End the search if its time is over."""
        if clock.perf_counter() > self.deadline:
            raise _TimeUp

    def chunks(self) -> Iterator["Chunk"]:
        """Yield all expressions over all nodes."""
        if len(self.nodes) == 1:
            yield Chunk(self, [(1, (0,))])
            return
        everything = self._emit(self.whole)
        size = 64  # and more each time: there is soon something to return
        while some := list(itertools.islice(everything, size)):
            start = tuple(0 for _ in self.whole)
            yield Chunk(self, [(k, self._placed(parts, start)) for k, parts in some])
            self.check()
            size = min(4 * size, CHUNK)

    def expression(self, k: int, rows: Iterable[int]) -> Expression:
        """Return the expression of a gate over rows."""
        parts = [self.nodes[r] if r < len(self.nodes) else self.expression(*self.gates[r]) for r in rows]
        return gate(k, parts)

    def shapes(self, counts: Counts) -> list[int]:
        """Return the shapes over so many nodes of each kind."""
        if counts not in self._shapes:
            found = []
            for k, parts in self._emit(counts):
                found.append(len(self.needs))
                self.needs.append(k)
                self.parts.append(parts)
                self.counts.append(counts)
            self._shapes[counts] = found
        return self._shapes[counts]

    def _emit(self, counts: Counts) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the gates over so many nodes of each kind, those with many parts first."""
        singles = [self.counts[i] for i, count in enumerate(counts) for _ in range(count)]
        others = (blocks for blocks in _partitions(counts, counts) if 1 < len(blocks) < len(singles))
        by_length = (blocks for some in (others,) for blocks in sorted(some, key=lambda blocks: -len(blocks)))
        for partition in itertools.chain([singles], by_length):
            self.check()
            blocks = [(block, len(list(same))) for block, same in itertools.groupby(partition)]
            choices = [itertools.combinations_with_replacement(self.shapes(block), times) for block, times in blocks]
            for number, chosen in enumerate(itertools.product(*choices)):
                if number % 1024 == 0:
                    self.check()
                parts = tuple(itertools.chain.from_iterable(chosen))
                flat_any = all(self.needs[part] != 1 for part in parts)
                flat_all = all(self.needs[part] != len(self.parts[part]) or part < len(self.whole) for part in parts)
                for k in range(1, len(parts) + 1):
                    if (k > 1 or flat_any) and (k < len(parts) or flat_all):
                        yield k, parts

    def _placed(self, parts: Iterable[int], offsets: Counts) -> tuple[int, ...]:
        """Return the rows of parts that take their nodes one after the other, each kind from its offset on."""
        rows = []
        for part in parts:
            rows.append(self._row(part, offsets))
            offsets = tuple(o + c for o, c in zip(offsets, self.counts[part], strict=True))
        return tuple(rows)

    def _row(self, shape: int, offsets: Counts) -> int:
        if shape < len(self.members):
            return self.members[shape][offsets[shape]]
        key = shape, tuple(o if c else 0 for o, c in zip(offsets, self.counts[shape], strict=True))
        if key not in self._rows:
            own = self.needs[shape], self._placed(self.parts[shape], offsets)
            self._rows[key] = len(self.gates)
            self.gates.append(own)
        return self._rows[key]

    def table_of(self, gates: Sequence[tuple[int, tuple[int, ...]]]) -> Words:
        """Return the truth tables of gates over rows."""
        done = len(self.tables)
        if done < len(self.gates):
            self.tables = np.concatenate(
                [self.tables, np.empty((len(self.gates) - done, self.tables.shape[1]), np.uint64)]
            )
            kernels.build(*_flat(self.gates[done:]), self.tables, self.tables, done)
        out = np.empty((len(gates), self.tables.shape[1]), np.uint64)
        kernels.build(*_flat(gates), self.tables, out, 0)
        return out


class Chunk:
    """Some systems, as truth tables of their reads and writes."""

    def __init__(self, space: Space, gates: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        self.space, self.gates, self.n = space, gates, len(space.nodes)
        self.reads = space.table_of(gates)
        self.writes = kernels.dualized(self.reads, self.n)

    def expression(self, at: int) -> Expression:
        """Return the reads of one system."""
        return self.space.expression(*self.gates[at])

    def resilience(self) -> tuple[Ints, Ints]:
        """Return how many failures reads, and writes, survive."""
        order = np.argsort(np.bitwise_count(np.arange(1 << self.n)), kind="stable")
        sizes = np.bitwise_count(order).astype(np.int64)
        # what ends reads is a quorum of their dual
        return sizes[kernels.first_of(self.writes, order)] - 1, sizes[kernels.first_of(self.reads, order)] - 1

    def survives(self, f: int) -> NDArray[np.bool_]:
        """Tell whether all nodes together hold read and write quorums after `f` failures."""
        return np.minimum(*self.resilience()) >= f

    def unavailability(self, chances: Floats) -> Floats:
        """Return how often reads or writes are impossible, given how often each set of nodes is up."""
        return kernels.missing(self.reads & self.writes, chances)

    def part(self, which: Ints, f: int) -> "Asked":
        """Return the sets that some of the systems may ask."""
        reads, writes = self.reads[which], self.writes[which]
        if f:
            reads, writes = (kernels.surviving(tables, self.n, f) for tables in (reads, writes))
        return Asked(reads, writes)


@dataclass(frozen=True, eq=False)
class Asked:
    """Truth tables of the sets that may be asked for a read, and for a write."""

    reads: Words
    writes: Words

    def only(self, which: NDArray[np.bool_]) -> "Asked":
        """Return some of them."""
        return Asked(self.reads[which], self.writes[which])

    def cheapest(self, reads: Floats, writes: Floats) -> Floats:
        """Return for each system the least price of a read plus that of a write, given those of all sets."""
        total = np.zeros(len(self.reads))
        for tables, prices in ((self.reads, reads), (self.writes, writes)):
            order = np.argsort(prices, kind="stable")
            total += prices[order][kernels.first_of(tables, order)]
        return total


class _Problem:
    """What a search minimises, for any system over its nodes."""

    def __init__(
        self,
        nodes: Nodes,
        read_fraction: ReadFraction,
        goal: str,
        limits: Mapping[str, float | None],
        percentile: Any,
        f: int,
    ) -> None:
        self.nodes = nodes_of(nodes)
        self.mix: Mix = mix_of(read_fraction)
        if goal not in GOALS:
            raise ValueError(f"optimize is {goal!r}: give one of {', '.join(GOALS)}")
        self.read_fraction, self.goal, self.f = read_fraction, goal, f
        self.options: dict[str, Any] = {f"{name}_limit": limit for name, limit in limits.items() if limit is not None}
        if percentile is not None:
            self.options["percentile"] = percentile
        self.limits = {
            name: _not_negative(limit, f"{name}_limit") for name, limit in limits.items() if limit is not None
        }
        if goal in self.limits:
            raise ValueError(f"{goal}_limit is given and the {goal} is what is minimised: leave out one of them")
        self.share = percentile[0] if isinstance(percentile, Sequence) else percentile
        self.promise = None
        if goal == "percentile":
            _share(self.share)
            self.within = percentile[1] if isinstance(percentile, Sequence) else math.inf
        elif percentile is not None:
            self.promise = promise_of(percentile)
        _failures(f)
        self.sets = np.arange(1 << len(self.nodes))[:, None] >> np.arange(len(self.nodes)) & 1 == 1
        self.set_latency: Floats | None = None  # of sets all of whose members have to answer
        self.set_late: Floats | None = None
        if f == 0 and "latency" in (goal, *self.limits):
            self.set_latency = np.concatenate([[0.0], self._picked(self.sets[1:]).means()])
        if f == 0 and self.promise is not None:
            self._late_at(self.promise[1])

    def _picked(self, sets: Bools) -> "Picked":
        from .responses import Picked

        return Picked(gate(None, list(self.nodes)), self.nodes, sets, True)

    def _late_at(self, time: float) -> None:
        self.set_late = self._picked(self.sets).tails(np.array([time]))[1][:, 0]

    def improve(self, value: float) -> None:
        """Learn the value that is to be undercut."""
        if self.goal == "percentile" and self.f == 0 and value < math.inf:
            self._late_at(value)

    def solve(self, system: QuorumSystem, below: float) -> tuple[float, Strategy | None, tuple[Solved, bool] | None]:
        """Return the least value of a system, its strategy, and the prices that bound other systems.

        The value is infinite where the limits cannot be kept, or where it is not `below`.
        """
        planner = Planner(system.reads, system.writes, system.nodes, self.mix, self.f)
        planner.pricing = True
        picks = self._fastest(planner, system, below) if self.goal == "percentile" else self._best(planner, below)
        place = [system.nodes.index(node) for node in self.nodes]
        price = None
        if planner.solved is not None:
            load = planner.solved.prices.load[:, place]
            price = replace(planner.solved, prices=replace(planner.solved.prices, load=load)), not planner.kept
        if picks is None:
            return math.inf, None, price
        strategy = Strategy(system, *picks[0], *picks[1])
        value = self.value(strategy)
        if self.goal == "percentile" and value > self.within:
            return math.inf, None, None
        return value, strategy, price

    def value(self, strategy: Strategy) -> float:
        """Return what is minimised."""
        return measure(strategy, self.goal, self.read_fraction, self.share)

    def bounds(self, solved: Solved, violated: bool, asked: Asked) -> Floats:
        """Return a lower bound of every system's value by the prices of one."""
        prices = solved.prices
        sides = []
        for weights, share in zip(
            node_prices(prices, self.nodes, self.mix), (self.mix.reads, self.mix.writes), strict=True
        ):
            total = self.sets @ weights
            for name, values in (("latency", self.set_latency), ("late", self.set_late)):
                if values is not None:
                    total = total + share * prices.measures.get(name, 0.0) * values
            sides.append(total)
        least = asked.cheapest(*sides) - prices.limits
        if violated:  # by how much the limits are exceeded at least
            return np.where(least > 1e-7, math.inf, 0.0)
        if self.goal == "percentile":  # the least probability of being too late
            return np.where(least * solved.scale > (1 - _share(self.share)) * (1 + 1e-7), math.inf, 0.0)
        return least * solved.scale * (1 - 1e-9)

    def least(self, asked: Asked) -> Floats:
        """Return a lower bound of every system's value without solving any; limits play no part."""
        sides = (self.mix.reads, self.mix.writes)
        if self.goal == "load":
            return np.zeros(len(asked.reads))
        if self.goal == "percentile":
            times = self._times()
            late = self._picked(self.sets).tails(times)[1]
            first = np.full(len(asked.reads), len(times))
            for i in range(len(times) - 1, -1, -1):
                in_time = asked.cheapest(*(share * late[:, i] for share in sides)) <= 1 - _share(self.share) + 1e-9
                first[in_time] = i
            return np.concatenate([[0.0], times])[first + self.constant]
        values = {
            "network": self.sets.sum(axis=1).astype(np.float64),
            "cost": self.sets @ np.array([node.cost for node in self.nodes]),
            "latency": self.set_latency,
        }[self.goal]
        return asked.cheapest(*(share * values for share in sides)) * (1 - 1e-9)

    @cached_property
    def constant(self) -> bool:
        """Whether no latency is random."""
        return all(constant(node) is not None for node in self.nodes)

    def _times(self) -> Floats:
        """Return times at which strategies are compared."""
        if self.constant:
            return np.unique([constant(node) for node in self.nodes])
        from .responses import law_of

        laws = [law_of(node) for node in self.nodes]
        low, high = min(law.quantile(0.01) for law in laws), max(law.quantile(1 - 1e-6) for law in laws)
        return np.geomspace(max(low, high * 1e-9), high, TIMES)

    def explain(self, system: QuorumSystem) -> str:
        """Say why a system does not keep the limits."""
        try:
            system.strategy(self.read_fraction, self.goal, f=self.f, **self.options)  # type: ignore[arg-type]
        except ValueError as error:
            return str(error)
        return ""

    def _best(self, planner: Planner, below: float) -> tuple[Picks, Picks] | None:
        limits, time = dict(self.limits), None
        if self.promise is not None:
            limits["late"], time = 1 - self.promise[0], self.promise[1]
        found = planner.solve(self.goal, limits, time)
        return None if found is None or found.value >= below else found.picks

    def _fastest(self, planner: Planner, system: QuorumSystem, below: float) -> tuple[Picks, Picks] | None:
        share = _share(self.share)
        if below < math.inf:
            found = planner.solve("late", self.limits, below)
            if found is None or found.value > (1 - share) * (1 - 1e-9):
                return None
        elif planner.solve("network", self.limits, None) is None:
            return None
        return planner.fastest(share, self.limits, lambda r, w: self.value(Strategy(system, *r, *w)))


def pareto(
    nodes: Nodes,
    read_fraction: ReadFraction,
    objectives: Sequence[Objective] = ("load", "resilience", "unavailability"),
    *,
    percentile: float = 0.99,
    p: Down | None = None,
    topology: Topology | None = None,
    resilience: int = 0,
    time_limit: float | None = None,
    progress: bool = True,
) -> ParetoFront:
    """Return the quorum systems over some nodes that no other surpasses in all objectives.

    Parameters
    ----------
    nodes : int or list of nodes
        At most ten.
    read_fraction : float or mapping of float to float
        As for `QuorumSystem.strategy`.
    objectives : sequence of str
        Two or more of ``load``, ``network``, ``cost``, ``latency`` (mean), ``percentile`` (of latency), ``resilience``
        and ``unavailability`` (of reads or writes, given `p`). All but resilience are to be small. Each system takes
        part with every strategy that is best for one of the objectives.
    percentile : float
        Which percentile of latency.
    p, topology
        As for `QuorumSystem.unavailability`.
    resilience : int
        The least resilience of interest.
    time_limit : float, optional
        Seconds after which the front of the systems so far is returned.
    progress : bool
        Show a bar when it takes longer than two seconds.

    Examples
    --------
    >>> front = pareto(3, 1.0, ["load", "resilience"])
    >>> front.to_frame().round(4).values.tolist()
    [['n0 + n1 + n2', 0.3333, 0], ['choose(2, n0, n1, n2)', 0.6667, 1]]
    """
    wanted = list(objectives)
    for name in wanted:
        if name not in OBJECTIVES:
            hint = nearest(str(name), OBJECTIVES) or f"; there are {', '.join(OBJECTIVES)}"
            raise ValueError(f"there is no objective {name!r}{hint}")
    if len(wanted) < 2 or len(set(wanted)) < len(wanted):
        raise ValueError(f"the objectives are {wanted}: give two or more different ones")
    if "unavailability" in wanted and p is None:
        raise ValueError("unavailability is an objective and p is not given: give the probability that a node is down")
    goals = [name for name in wanted if name not in ("resilience", "unavailability")]
    problems = {
        goal: _Problem(nodes, read_fraction, goal, {}, percentile if goal == "percentile" else None, 0)
        for goal in goals or ["load"]
    }
    chosen = next(iter(problems.values())).nodes
    space = Space(chosen, _deadline(time_limit))
    chances = None if p is None else up_chances(chosen, p, topology)
    prices: list[tuple[Solved, bool]] = []
    points: list[tuple[Found, dict[str, float]]] = []
    coordinates = np.empty((0, len(wanted)))  # of the points; all are to be small
    examined = 0
    complete = True
    try:
        for chunk in _shown(space.chunks(), progress):
            examined += len(chunk.gates)
            survived = np.minimum(*chunk.resilience())
            alive = np.flatnonzero(survived >= resilience)
            asked = chunk.part(alive, 0)
            exact = {"resilience": -survived[alive].astype(np.float64)}
            if chances is not None:
                exact["unavailability"] = chunk.unavailability(chances)[alive]
            bounds = np.column_stack([exact[name] if name in exact else problems[name].least(asked) for name in wanted])
            at_load = wanted.index("load") if "load" in wanted else None
            if at_load is not None:
                for price in prices:
                    bounds[:, at_load] = np.maximum(bounds[:, at_load], problems["load"].bounds(*price, asked))
            keep = ~_surpassed(bounds, coordinates)
            while keep.any():
                alive, bounds, asked = alive[keep], bounds[keep], asked.only(keep)
                exact = {name: column[keep] for name, column in exact.items()}
                at = int(np.lexsort([_rounded(column) for column in bounds.T[::-1]])[0])
                system = QuorumSystem(reads=chunk.expression(int(alive[at])))
                for goal, problem in problems.items():
                    space.check()
                    _, strategy, fresh = problem.solve(system, math.inf)
                    if goal == "load" and fresh is not None and at_load is not None:
                        prices = [*prices[1 - PRICES :], fresh]
                        bounds[:, at_load] = np.maximum(bounds[:, at_load], problem.bounds(*fresh, asked))
                    assert strategy is not None
                    values: dict[str, float] = {
                        name: float(exact[name][at])
                        if name in exact
                        else measure(strategy, name, read_fraction, percentile)
                        for name in wanted
                    }
                    values |= {"resilience": -values["resilience"]} if "resilience" in values else {}
                    points.append((Found(system, strategy, values[wanted[0]]), values))
                    row = [-values[name] if name == "resilience" else values[name] for name in wanted]
                    coordinates = np.vstack([coordinates, row])
                keep = ~_surpassed(bounds, coordinates)
                keep[at] = False
    except _TimeUp:
        complete = False
    if not points:
        raise ValueError(
            f"none of {examined} systems has a resilience of {resilience}"
            if complete
            else f"no system was found within {format_time(time_limit or 0.0)}: give more time"
        )
    left = [i for i in range(len(points)) if not _surpassed(coordinates[i : i + 1], np.delete(coordinates, i, 0), i)[0]]
    left.sort(key=lambda i: coordinates[i].tolist())
    front = tuple(
        (points[i][0], {n: int(v) if n == "resilience" else v for n, v in points[i][1].items()}) for i in left
    )
    return ParetoFront(front, tuple(wanted), complete, examined)


def _surpassed(rows: Floats, others: Floats, first: int | None = None) -> NDArray[np.bool_]:
    """Tell which rows have another that is nowhere larger; of equal points of a front the `first` stays."""
    out = np.zeros(len(rows), np.bool_)
    slack = 1e-9 * np.abs(others)
    for i, other in enumerate(others):
        better = (other - slack[i] <= rows).all(axis=1)
        if first is not None and i >= first:
            better &= ~(np.abs(rows - other) <= slack[i]).all(axis=1)
        out |= better
    return out


_AXES = {
    "load": "load, seconds of work per request",
    "network": "nodes asked per request",
    "cost": "cost per request",
    "latency": "mean latency, s",
    "percentile": "latency percentile, s",
    "resilience": "resilience, nodes",
    "unavailability": "unavailability of reads or writes",
}


def measure(strategy: Strategy, name: str, read_fraction: ReadFraction, percentile: float | None = None) -> float:
    """Return a measure of a strategy by its name."""
    if name == "percentile":
        return strategy.latency(read_fraction, _share(percentile))
    ask: Callable[[ReadFraction], float] = {
        "load": strategy.load,
        "network": strategy.network_load,
        "cost": strategy.cost,
        "latency": strategy.latency,
    }[name]
    return ask(read_fraction)


def up_chances(nodes: Sequence[Node], p: Down, topology: Topology | None) -> Floats:
    """Return ``float64[2 ** nodes]``: the probability that exactly this set of nodes is up."""
    down, domains = failures_of(nodes, p, topology)
    total = np.zeros(1 << len(nodes))
    if len(domains) > MOST_DOMAINS:
        raise ValueError(f"there are {len(domains)} failure domains: a search takes at most {MOST_DOMAINS}")
    for states in itertools.product([False, True], repeat=len(domains)):
        weight = math.prod(d.down if fallen else 1 - d.down for d, fallen in zip(domains, states, strict=True))
        gone = frozenset().union(*(d.members for d, fallen in zip(domains, states, strict=True) if fallen))
        chances = np.array([weight])
        for node in nodes:
            out = 1.0 if node in gone else down[node]
            chances = np.concatenate([chances * out, chances * (1 - out)])
        total += chances
    return total


def _partitions(rest: Counts, most: Counts) -> Iterator[list[Counts]]:
    """Yield the ways to split a multiset into blocks, each once, blocks falling in lexicographic order."""
    if not any(rest):
        yield []
        return
    first = next(i for i, count in enumerate(rest) if count)
    for block in itertools.product(*(range(count, -1, -1) for count in rest)):
        if block[first] and block <= most:
            for more in _partitions(tuple(r - b for r, b in zip(rest, block, strict=True)), block):
                yield [block, *more]


def _packed(bits: NDArray[np.bool_]) -> Words:
    """Return bits as 64-bit words, the first the lowest."""
    padded = np.zeros(max(64, len(bits)), np.bool_)
    padded[: len(bits)] = bits
    return np.packbits(padded, bitorder="little").view(np.uint64)


def _flat(gates: Sequence[tuple[int, tuple[int, ...]]]) -> tuple[Ints, Ints, Ints]:
    thresholds = np.array([k for k, _ in gates], np.int64)
    starts = np.cumsum([0, *(len(rows) for _, rows in gates)])
    return thresholds, starts, np.array([row for _, rows in gates for row in rows], np.int64)


def _rounded(values: Floats) -> Floats:
    """Round so that ties are broken by position, not by the last bits."""
    top = np.abs(values[np.isfinite(values)]).max(initial=0.0) or 1.0
    return np.round(values / float(top), 9).astype(np.float64)


def _shown(chunks: Iterable["Chunk"], progress: bool) -> Iterator["Chunk"]:
    """Count systems in a progress bar."""
    with tqdm(unit=" systems", delay=2, disable=not progress) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk.gates))


def _deadline(time_limit: float | None) -> float:
    if time_limit is None:
        return math.inf
    return clock.perf_counter() + _not_negative(time_limit, "time_limit")
