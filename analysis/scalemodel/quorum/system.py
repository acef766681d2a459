"""A read-write quorum system: which nodes must answer a read, and which a write."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..display import PALETTE, Shown, axes
from ..topology import Topology
from .chances import aligned
from .diagram import NO, YES, Diagram
from .expression import Bools, Expression, Gate, Node, as_bools, as_matrix, unique_nodes
from .flows import Picks
from .mix import ReadFraction, mix_of
from .programs import GOALS, Goal, Planner, pricer
from .strategy import Strategy, picks_of
from .unavailability import Unavailability, unavailability_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_UNIFORM = 200_000
"""Minimal quorums over which a strategy may be uniform."""

SHOWN = 40
"""Quorums of each side that a picture shows."""


@dataclass(frozen=True, init=False)
class QuorumSystem(Shown):
    """Read quorums and write quorums, each of which meets each other.

    Parameters
    ----------
    reads, writes : Expression
        One of them is enough: the other is then its dual, all sets that meet each of its quorums.

    Raises
    ------
    ValueError
        If there is a read quorum and a write quorum without a common node; the message shows a pair.

    Examples
    --------
    >>> a, b, c, d, e, f = map(Node, "abcdef")
    >>> grid = QuorumSystem(reads=a * b * c + d * e * f)
    >>> print(grid.writes)
    (a + b + c) * (d + e + f)
    >>> grid.read_resilience, grid.write_resilience, grid.resilience
    (1, 2, 1)
    >>> round(grid.capacity(read_fraction=0.25), 4)
    2.6667

    References
    ----------
    Whittaker et al., "Read-Write Quorum Systems Made Practical", PaPoC 2021.
    """

    reads: Expression
    writes: Expression
    nodes: tuple[Node, ...] = field(repr=False, compare=False)

    def __init__(self, reads: Expression | None = None, writes: Expression | None = None) -> None:
        if reads is None and writes is None:
            raise ValueError("a quorum system was given neither reads nor writes: give one of them, or both")
        for side, given in (("reads", reads), ("writes", writes)):
            if given is not None and not isinstance(given, Expression):
                raise TypeError(f"{side} is {given!r}: give a Node or an expression of nodes")
        nodes = unique_nodes([side for side in (reads, writes) if side is not None])
        if reads is not None and writes is not None:
            if pair := disjoint_pair(reads, writes):
                one, two = (", ".join(sorted(node.name for node in side)) for side in pair)
                raise ValueError(
                    f"the read quorum {{{one}}} and the write quorum {{{two}}} have no common node: "
                    "leave out one side, and it becomes the dual of the other"
                )
        elif reads is not None:
            writes = reads.dual()
        elif writes is not None:
            reads = writes.dual()
        for name, value in {"reads": reads, "writes": writes, "nodes": nodes}.items():
            object.__setattr__(self, name, value)

    # ---- what it is

    @property
    def dual(self) -> "QuorumSystem":
        """The system with reads and writes exchanged."""
        return QuorumSystem(reads=self.writes, writes=self.reads)

    @property
    def read_resilience(self) -> int:
        """How many nodes may fail, whichever they are, and reads go on."""
        return self.reads.resilience

    @property
    def write_resilience(self) -> int:
        """How many nodes may fail, whichever they are, and writes go on."""
        return self.writes.resilience

    @property
    def resilience(self) -> int:
        """How many nodes may fail, whichever they are, and both reads and writes go on."""
        return min(self.read_resilience, self.write_resilience)

    def minimal_quorums(self, side: Literal["reads", "writes"] = "reads") -> Iterator[frozenset[str]]:
        """Yield, one by one, the quorums of one side of which no node can be left out."""
        return self._side(side).minimal_quorums()

    def is_read_quorum(self, nodes: Any) -> Any:
        """Tell whether sets of nodes hold a read quorum.

        Parameters
        ----------
        nodes : iterable of str or Node, list of such, or bool[..., nodes]
            One set, several, or an array over the `nodes` of the system.

        Returns
        -------
        bool or bool[...]

        Examples
        --------
        >>> a, b, c = map(Node, "abc")
        >>> system = QuorumSystem(reads=a * b + c)
        >>> system.is_read_quorum({"a", "b"}), system.is_read_quorum([{"a"}, {"c"}]).tolist()
        (True, [False, True])
        """
        return self._holds(self.reads, nodes)

    def is_write_quorum(self, nodes: Any) -> Any:
        """Tell whether sets of nodes hold a write quorum; takes what `is_read_quorum` takes."""
        return self._holds(self.writes, nodes)

    def equivalent(self, other: "QuorumSystem") -> bool:
        """Tell whether both have the same read quorums and the same write quorums."""
        return self.reads.equivalent(other.reads) and self.writes.equivalent(other.writes)

    # ---- strategies

    def strategy(
        self,
        read_fraction: ReadFraction,
        optimize: Goal = "load",
        *,
        load_limit: float | None = None,
        network_limit: float | None = None,
        latency_limit: float | None = None,
        cost_limit: float | None = None,
        percentile: tuple[float, float] | float | None = None,
        f: int = 0,
    ) -> Strategy:
        """Return the best strategy.

        Parameters
        ----------
        read_fraction : float or mapping of float to float
            The share of reads, or the probability of each of several shares.
        optimize : {"load", "network", "latency", "percentile", "cost"}
            What is to be least: the load of the busiest node, the nodes asked, the mean latency, the time within which
            a share `percentile` of the requests is answered, or the cost.
        load_limit, network_limit, latency_limit, cost_limit : float, optional
            The most that the strategy may have of each; latency in seconds.
        percentile : (float, float), or float
            ``(0.99, 0.020)``: at least 99 % of the requests are answered within 20 ms. With ``optimize="percentile"``
            the share alone.
        f : int
            Ask so many nodes that a quorum is left when any `f` of those asked fail.

        Raises
        ------
        ValueError
            If no strategy keeps the limits, with the nearest limit that can be kept; or if no quorum survives `f`
            failures.

        Notes
        -----
        Exact. Load, network load, cost, and limits on constant latencies are one linear program, no larger than the
        expression. A percentile of random latencies generates the quorums it needs. The mean of random latencies, and
        random latencies with `f` above 0, list all minimal sets (at most 20,000).

        Examples
        --------
        >>> a, b, c, d = (Node(x, read_capacity=200, latency=t) for x, t in zip("abcd", (4, 4, 1, 1)))
        >>> fast = QuorumSystem(reads=a * b + c * d).strategy(1, "latency", load_limit=1 / 300)
        >>> round(fast.latency(1), 6), round(fast.load(1), 6)
        (2.0, 0.003333)
        """
        mix = mix_of(read_fraction)
        if optimize not in GOALS:
            raise ValueError(f"optimize is {optimize!r}: give one of {', '.join(GOALS)}")
        limits = {}
        for name, limit in zip(
            ("load", "network", "latency", "cost"),
            (load_limit, network_limit, latency_limit, cost_limit),
            strict=True,
        ):
            if limit is None:
                continue
            if name == optimize:
                raise ValueError(f"{name}_limit is given and the {name} is what is minimised: leave out one of them")
            limits[name] = _not_negative(limit, f"{name}_limit")
        _failures(f)
        planner = Planner(self.reads, self.writes, self.nodes, mix, f)
        if optimize == "percentile":
            share, time = percentile if isinstance(percentile, Sequence) else (percentile, None)
            found = planner.fastest(
                _share(share), limits, lambda r, w: self._picking(r, w).latency(read_fraction, _share(share))
            )
            best = self._picking(*found)
            if time is not None and best.latency(read_fraction, share) > time:
                raise ValueError(
                    f"{100 * _share(share):g} % of the requests are to be answered within {time:g} s, and the least "
                    f"that any strategy takes is {best.latency(read_fraction, share):.6g} s"
                )
            return best
        promise = None
        if percentile is not None:
            promise = promise_of(percentile)
        return self._picking(*planner.best(optimize, limits, promise))

    def uniform_strategy(self, f: int = 0) -> Strategy:
        """Return the strategy that asks every minimal quorum, or set that survives `f` failures, equally often."""
        _failures(f)
        Planner(self.reads, self.writes, self.nodes, mix_of(0.5), f)
        picks = []
        for side, expression in (("read", self.reads), ("write", self.writes)):
            if f == 0:
                count, masks, order = expression.quorum_count(), expression.minimal_masks(), expression.nodes
            else:
                diagram = Diagram.of(expression)
                root = diagram.resilient(diagram.expression_root, f)
                count, masks, order = diagram.minimal_count(root), diagram.minimal_masks(root), diagram.nodes
            if count > MOST_UNIFORM:
                raise ValueError(
                    f"there are {count} minimal {side} quorums, too many to list for a uniform strategy (at most "
                    f"{MOST_UNIFORM}): use strategy(), which picks a few of them"
                )
            listed = list(masks)
            sets = np.zeros((len(listed), len(self.nodes)), np.bool_)
            sets[:, [self.nodes.index(node) for node in order]] = as_matrix(listed, len(order))
            picks.append((sets, np.full(len(listed), 1 / len(listed))))
        return self._picking(*picks)

    def make_strategy(self, reads: Mapping[Iterable[str], float], writes: Mapping[Iterable[str], float]) -> Strategy:
        """Return the strategy with given weights of quorums, ``{("a", "b"): 2, ("c", "d"): 1}``.

        Raises
        ------
        ValueError
            If a set is not a quorum, or the weights are negative or all zero.
        """
        return self._picking(picks_of(reads, self, "reads"), picks_of(writes, self, "writes"))

    def load(
        self,
        read_fraction: ReadFraction,
        strategy: Strategy | Literal["optimal", "uniform"] = "optimal",
        **options: Any,
    ) -> float:
        """Return the load of a strategy: the best one by `options` of `strategy()`, the uniform one, or a given one."""
        return self._chosen(read_fraction, strategy, options).load(read_fraction)

    def capacity(
        self,
        read_fraction: ReadFraction,
        strategy: Strategy | Literal["optimal", "uniform"] = "optimal",
        mean: Literal["arithmetic", "harmonic"] = "arithmetic",
        **options: Any,
    ) -> float:
        """Return the capacity of a strategy in requests per second.

        `mean` tells which mean over a distribution of read fractions it is, ``E[1 / load]`` as in quoracle, or
        ``1 / E[load]``; see `Strategy.capacity`.
        """
        return self._chosen(read_fraction, strategy, options).capacity(read_fraction, mean)

    def network_load(
        self,
        read_fraction: ReadFraction,
        strategy: Strategy | Literal["optimal", "uniform"] = "optimal",
        **options: Any,
    ) -> float:
        """Return how many nodes a request asks on average."""
        return self._chosen(read_fraction, strategy, options).network_load(read_fraction)

    def latency(
        self,
        read_fraction: ReadFraction,
        strategy: Strategy | Literal["optimal", "uniform"] = "optimal",
        percentile: float | None = None,
        **options: Any,
    ) -> float:
        """Return the mean latency of a strategy in seconds, or a percentile of it."""
        return self._chosen(read_fraction, strategy, options).latency(read_fraction, percentile)

    # ---- failures

    def unavailability(
        self, p: float | Sequence[float] | Mapping[str, Any], topology: Topology | None = None
    ) -> Unavailability:
        """Return the probability that there is no read quorum, no write quorum, or not both; exactly.

        Parameters
        ----------
        p : float, sequence of float, or mapping
            Probability that a node is down: of all, in the order of `nodes`, or by name. With failure domains, by
            level: ``{"node": 1e-3, "zone": 1e-4}``, where a level's value may be a mapping by node or domain.
        topology : Topology, optional
            Where the nodes are. Without one, the places of the nodes are their zones.

        Examples
        --------
        >>> a, b, c = (Node(x, place=z) for x, z in zip("abc", "xyz"))
        >>> three = QuorumSystem(reads=a * b + a * c + b * c)
        >>> f"{three.unavailability(1e-3).read:.6e}"
        '2.998000e-06'
        >>> f"{three.unavailability({'node': 1e-3, 'zone': 1e-4}).read:.4e}"
        '3.6267e-06'
        """
        return unavailability_of(self.reads, self.writes, self.nodes, p, topology)

    # ---- how it looks

    @property
    def title(self) -> str:
        """The expressions."""
        return f"Quorum system: reads {_short(self.reads)}, writes {_short(self.writes)}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row for reads and one for writes: quorums, their sizes and resilience."""
        import pandas as pd

        rows = []
        for side, expression in (("read", self.reads), ("write", self.writes)):
            n = len(self.nodes)
            smallest = int(pricer(expression, self.nodes)(np.ones(n)).sum())
            rows.append((side, _short(expression), expression.quorum_count(), smallest, expression.resilience))
        return pd.DataFrame(rows, columns=["request", "quorums", "minimal_quorums", "smallest", "resilience"])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the minimal quorums as columns of dots, read quorums to the left of write quorums."""
        ax = axes(ax)
        x = 0
        for side, colour, marker in (("reads", PALETTE[0], "o"), ("writes", PALETTE[1], "s")):
            expression = self._side(side)  # type: ignore[arg-type]
            count = expression.quorum_count()
            masks = list(itertools.islice(expression.minimal_masks(), SHOWN))
            at = [self.nodes.index(node) for node in expression.nodes]
            first = x
            for row in as_matrix(masks, len(expression.nodes)):
                members = sorted(at[i] for i in np.flatnonzero(row))
                ax.plot([x] * len(members), members, marker, color=colour, markersize=7)
                ax.plot([x, x], [members[0], members[-1]], "-", color=colour, linewidth=1.2, alpha=0.6)
                x += 1
            more = f", {len(masks)} shown" if count > len(masks) else ""
            ax.text((first + x - 1) / 2, len(self.nodes) - 0.35, f"{count} {side[:-1]} quorums{more}", ha="center")
            x += 1
        ax.set_yticks(range(len(self.nodes)), [node.name for node in self.nodes])
        ax.set_ylim(-0.6, len(self.nodes))
        ax.set_xticks([])
        ax.grid(axis="x", visible=False)
        ax.set(ylabel="node", title="Minimal quorums")
        return ax

    # ---- inside

    def _picking(self, reads: Picks, writes: Picks) -> Strategy:
        return Strategy(self, *reads, *writes)

    def _chosen(self, read_fraction: ReadFraction, strategy: Strategy | str, options: Mapping[str, Any]) -> Strategy:
        if isinstance(strategy, Strategy):
            if options:
                raise ValueError(f"a strategy is given and {', '.join(options)} too: these are for finding one")
            return strategy
        if strategy == "uniform":
            return self.uniform_strategy(**options)
        if strategy != "optimal":
            raise ValueError(f"strategy is {strategy!r}: give 'optimal', 'uniform' or a Strategy")
        return self.strategy(read_fraction, **options)

    def _side(self, side: Literal["reads", "writes"]) -> Expression:
        if side not in ("reads", "writes"):
            raise ValueError(f"side is {side!r}: give 'reads' or 'writes'")
        return self.reads if side == "reads" else self.writes

    def _holds(self, expression: Expression, nodes: Any) -> Any:
        table = as_bools(nodes, len(self.nodes))
        single = False
        if table is None:
            if isinstance(nodes, (str, Node)):
                raise TypeError(f"nodes came as {nodes!r}: give a list of nodes or of their names")
            given = list(nodes)
            single = all(isinstance(member, (str, Node)) for member in given)
            table = self._table([given] if single else given)
        answer = expression.holds({node: table[..., i] for i, node in enumerate(self.nodes)})
        return bool(answer[0]) if single else np.asarray(answer)

    def _table(self, sets: Sequence[Collection[Any]]) -> Bools:
        from .expression import _names

        names = [node.name for node in self.nodes]
        table = np.zeros((len(sets), len(names)), np.bool_)
        for row, members in zip(table, sets, strict=True):
            row[[names.index(name) for name in _names(members, self.nodes)]] = True
        return table


def disjoint_pair(reads: Expression, writes: Expression) -> tuple[set[Node], set[Node]] | None:
    """Return a read quorum and a write quorum that have no common node, if there are any."""
    if aligned(reads, writes) and reads.read_once:
        return _disjoint_parts(reads, writes)
    nodes = unique_nodes([reads, writes])
    diagram = Diagram(nodes)
    at = diagram.both(diagram.root(reads), diagram.complemented(diagram.root(writes)))
    if at == NO:
        return None
    readers: set[Node] = set()
    while at != YES:
        go_high = diagram.low[at] == NO
        if go_high:
            readers.add(nodes[diagram.var[at]])
        at = diagram.high[at] if go_high else diagram.low[at]
    return _smaller(reads, readers), _smaller(writes, set(nodes) - readers)


def _disjoint_parts(reads: Expression, writes: Expression) -> tuple[set[Node], set[Node]] | None:
    """Give each part to the readers, to the writers, or to both if it has a disjoint pair itself."""
    if isinstance(reads, Node):
        return None
    assert isinstance(reads, Gate)
    assert isinstance(writes, Gate)
    pairs = [_disjoint_parts(r, w) for r, w in zip(reads.parts, writes.parts, strict=True)]
    best: list[dict[int, tuple[int, int]]] = [{0: (0, 0)}]  # votes of readers: most votes of writers, and the choice
    for pair, vote in zip(pairs, reads.votes, strict=True):
        row: dict[int, tuple[int, int]] = {}
        for mine, (theirs, _) in best[-1].items():
            for choice, (a, b) in enumerate(((vote, 0), (0, vote), (vote, vote))):
                if choice < 2 or pair:
                    key = min(mine + a, reads.k)
                    if row.get(key, (-1, 0))[0] < theirs + b:
                        row[key] = theirs + b, choice * (reads.k + 1) + mine
        best.append(row)
    if best[-1].get(reads.k, (-1, 0))[0] < writes.k:
        return None
    mine = reads.k
    readers: set[Node] = set()
    writers: set[Node] = set()
    for i in range(len(pairs) - 1, -1, -1):
        choice, mine = divmod(best[i + 1][mine][1], reads.k + 1)
        pair = pairs[i]
        if choice == 2:
            assert pair is not None
            readers |= pair[0]
            writers |= pair[1]
        elif choice == 0:
            readers |= set(reads.parts[i].leaves())
        else:
            writers |= set(writes.parts[i].leaves())
    return _smaller(reads, readers), _smaller(writes, writers)


def _smaller(expression: Expression, members: set[Node]) -> set[Node]:
    """Leave out members as long as the rest holds a quorum."""
    up = {node: node in members for node in expression.nodes}
    for node in expression.nodes:
        if up[node]:
            up[node] = False
            up[node] = not expression.holds(up)
    return {node for node, kept in up.items() if kept}


def _short(expression: Expression) -> str:
    text = str(expression)
    return text if len(text) <= 60 else f"{text[:57].rstrip()}…"


def promise_of(percentile: Any) -> tuple[float, float]:
    """Read a share of the requests and the time within which they are to be answered."""
    if not (isinstance(percentile, Sequence) and len(percentile) == 2):
        raise ValueError(f"percentile is {percentile!r}: give a share and seconds, such as (0.99, 0.020)")
    return _share(percentile[0]), _not_negative(percentile[1], "the time of the percentile")


def _failures(f: int) -> None:
    if isinstance(f, bool) or not isinstance(f, (int, np.integer)) or f < 0:
        raise ValueError(f"f is {f!r}: give the number of failures to survive, an integer of zero or more")


def _not_negative(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{what} is {value!r}: give a number")
    if not (np.isfinite(float(value)) and float(value) >= 0):
        raise ValueError(f"{what} is {value!r}: give a finite number of zero or more")
    return float(value)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ValueError(f"the share of the percentile is {value!r}: give one between 0 and 1, such as 0.99")
    return float(value)
