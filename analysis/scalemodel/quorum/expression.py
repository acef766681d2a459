"""Which sets of nodes are a quorum: expressions to be read aloud, as in quoracle.

``a * b`` needs both, ``a + b`` needs either, `choose` needs k of several, `weighted` needs enough votes. All four are
one thing, a gate: parts with votes, and a threshold.
"""

import ast
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..topology import nearest

if TYPE_CHECKING:
    from .diagram import Diagram

Bools = NDArray[np.bool_]


class Expression(ABC):
    """A family of quorums: all sets of nodes that satisfy it. Any set that contains a quorum is one."""

    def __mul__(self, other: "Expression") -> "Expression":
        return gate(None, [self, _expression(other)])

    def __add__(self, other: "Expression") -> "Expression":
        return gate(1, [self, _expression(other)])

    @property
    def nodes(self) -> tuple["Node", ...]:
        """The nodes that occur, each once, in order of appearance."""
        return unique_nodes([self])

    @property
    def read_once(self) -> bool:
        """Whether no node occurs twice; most questions are then answered by one walk over the expression."""
        leaves = list(self.leaves())
        return len(set(leaves)) == len(leaves)

    @property
    def simple(self) -> bool:
        """Whether no node occurs twice and all votes are one."""
        return self.read_once and all(max(e.votes) == 1 for e in self.gates())

    @property
    def resilience(self) -> int:
        """How many nodes may fail, whichever they are, and a quorum is left.

        Examples
        --------
        >>> a, b, c, d, e = map(Node, "abcde")
        >>> majority([a, b, c, d, e]).resilience, (a * b + c * d * e).resilience
        (2, 1)
        """
        return self.fewest_failures() - 1

    @abstractmethod
    def leaves(self) -> Iterator["Node"]:
        """Yield the nodes in order of appearance, as often as they occur."""

    @abstractmethod
    def gates(self) -> Iterator["Gate"]:
        """Yield every gate, outer ones first."""

    @abstractmethod
    def dual(self) -> "Expression":
        """Return the expression whose quorums are the sets that meet every quorum of this one.

        Examples
        --------
        >>> a, b, c, d = map(Node, "abcd")
        >>> print((a * b + c * d).dual())
        (a + b) * (c + d)
        """

    @abstractmethod
    def holds(self, up: Mapping["Node", Any]) -> Any:
        """Tell whether the nodes that are up hold a quorum; `up` maps each node to a bool, or to an array of bools."""

    def is_quorum(self, nodes: Iterable["Node | str"]) -> bool:
        """Tell whether a set of nodes, given as nodes or names, holds a quorum.

        Examples
        --------
        >>> a, b, c, d = map(Node, "abcd")
        >>> (a * b + c * d).is_quorum(["a", "c", "d"])
        True
        """
        names = _names(nodes, self.nodes)
        return bool(self.holds({node: node.name in names for node in self.nodes}))

    def minimal_quorums(self) -> Iterator[frozenset[str]]:
        """Yield, one by one, the quorums of which no node can be left out.

        Examples
        --------
        >>> a, b, c, d = map(Node, "abcd")
        >>> [sorted(q) for q in (a * b + c * d).minimal_quorums()]
        [['a', 'b'], ['c', 'd']]
        """
        names = [node.name for node in self.nodes]
        for mask in self.minimal_masks():
            yield frozenset(name for i, name in enumerate(names) if mask >> i & 1)

    def minimal_masks(self) -> Iterator[int]:
        """Yield the minimal quorums as integers whose bit i stands for node i of `nodes`."""
        if self.read_once:
            return _masks(self, {node: 1 << i for i, node in enumerate(self.nodes)})
        return self._diagram().minimal_masks()

    def quorum_count(self) -> int:
        """Return how many minimal quorums there are."""
        return _count(self) if self.simple else self._diagram().minimal_count()

    def equivalent(self, other: "Expression") -> bool:
        """Tell whether both have the same quorums.

        Examples
        --------
        >>> a, b, c = map(Node, "abc")
        >>> majority([a, b, c]).equivalent(a * b + a * c + b * c)
        True
        """
        if self.simple and other.simple:  # such forms are unique, but for the order (Möhring and Radermacher 1984)
            return canonical(self) == canonical(other)
        from .diagram import Diagram

        diagram = Diagram(unique_nodes([self, other]))
        return diagram.root(self) == diagram.root(other)

    def fewest_failures(self) -> int:
        """Return the size of the smallest set of nodes without which there is no quorum."""
        if self.read_once:
            return int(_fewest_failures(self))
        return self._diagram().fewest_failures()

    def _diagram(self) -> "Diagram":
        from .diagram import Diagram

        return Diagram.of(self)


@dataclass(frozen=True)
class Node(Expression):
    """One node, and the quorum that consists of it.

    Parameters
    ----------
    name : str
        What it is called; within one system a name has one definition.
    read_capacity, write_capacity : float
        Reads, and writes, per second that it can serve when it does nothing else.
    latency : Latency or float, optional
        Time until its answer, in seconds.
    place : str, optional
        The failure domain it is in, its zone.
    cost : float
        Of one request to it, in any unit: money, bytes, hops.

    Examples
    --------
    >>> Node("a", read_capacity=4000, write_capacity=2000, latency=0.003)
    Node('a', read_capacity=4000.0, write_capacity=2000.0, latency=0.003)
    """

    name: str
    read_capacity: float = 1.0
    write_capacity: float = 1.0
    latency: Any = None
    place: str | None = None
    cost: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"a node is named {self.name!r}: names are non-empty strings")
        for what in ("read_capacity", "write_capacity"):
            object.__setattr__(self, what, _number(getattr(self, what), f"{what} of node {self.name!r}", above=True))
        object.__setattr__(self, "cost", _number(self.cost, f"cost of node {self.name!r}"))
        if self.latency is not None and not callable(getattr(self.latency, "sf", None)):
            what = f"latency of node {self.name!r}"
            object.__setattr__(self, "latency", _number(self.latency, what, " in seconds, or a Latency"))

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name if self.name.isidentifier() else repr(self.name)

    def __repr__(self) -> str:
        usual = {"read_capacity": 1.0, "write_capacity": 1.0, "latency": None, "place": None, "cost": 1.0}
        named = [f"{what}={getattr(self, what)!r}" for what, value in usual.items() if getattr(self, what) != value]
        return f"Node({', '.join([repr(self.name), *named])})"

    def leaves(self) -> Iterator["Node"]:
        """Yield the node."""
        yield self

    def gates(self) -> Iterator["Gate"]:
        """Yield nothing."""
        return iter(())

    def dual(self) -> "Expression":
        """Return the node: it meets itself."""
        return self

    def holds(self, up: Mapping["Node", Any]) -> Any:
        """Tell whether the node is up."""
        return up[self]


@dataclass(frozen=True)
class Gate(Expression):
    """Parts of which so many must hold: those that do have at least `k` votes together. `gate` makes one."""

    k: int
    parts: tuple[Expression, ...]
    votes: tuple[int, ...]

    @property
    def total(self) -> int:
        """All votes."""
        return sum(self.votes)

    @property
    def kills(self) -> int:
        """The fewest votes without which the gate cannot hold."""
        return self.total - self.k + 1

    def __str__(self) -> str:
        inner = [str(part) for part in self.parts]
        if max(self.votes) > 1:
            votes = ", ".join(f"{text}: {vote}" for text, vote in zip(inner, self.votes, strict=True))
            return f"weighted({{{votes}}}, {self.k})"
        if self.k == 1:
            return " + ".join(inner)
        if self.k == self.total:
            sums = [isinstance(part, Gate) and part.k == 1 for part in self.parts]
            return " * ".join(f"({text})" if is_sum else text for text, is_sum in zip(inner, sums, strict=True))
        return f"choose({self.k}, {', '.join(inner)})"

    def __repr__(self) -> str:
        return str(self)

    def leaves(self) -> Iterator[Node]:
        """Yield the nodes in order of appearance, as often as they occur."""
        for part in self.parts:
            yield from part.leaves()

    def gates(self) -> Iterator["Gate"]:
        """Yield every gate, outer ones first."""
        yield self
        for part in self.parts:
            yield from part.gates()

    def dual(self) -> Expression:
        """Return the expression whose quorums are the sets that meet every quorum of this one."""
        return gate(self.kills, [part.dual() for part in self.parts], self.votes)

    def holds(self, up: Mapping[Node, Any]) -> Any:
        """Tell whether the nodes that are up hold a quorum."""
        if self.k == 1:
            return np.logical_or.reduce([part.holds(up) for part in self.parts])
        if self.k == self.total:
            return np.logical_and.reduce([part.holds(up) for part in self.parts])
        return sum(vote * np.asarray(part.holds(up), np.int64) for part, vote in self._voting()) >= self.k

    def _voting(self) -> Iterator[tuple[Expression, int]]:
        return zip(self.parts, self.votes, strict=True)


def gate(k: int | None, parts: Sequence[Expression], votes: Sequence[int] | None = None) -> Expression:
    """Make a gate, written in the simplest way: equal parts are gathered, sums of sums and the like are flattened.

    `k` None needs all of the parts.
    """
    counted: dict[Expression, int] = {}
    for part, vote in zip(parts, votes or [1] * len(parts), strict=True):
        counted[part] = counted.get(part, 0) + vote
    total = sum(counted.values())
    k = total if k is None else k
    counted = {part: min(vote, k) for part, vote in counted.items() if vote}
    total = sum(counted.values())
    least = min(counted.values())
    if len(counted) == 1:
        return next(iter(counted))
    if k <= least:
        counted = dict.fromkeys(_flat(counted, any_of=True), 1)
        k = 1
    elif total - least < k:
        counted = dict.fromkeys(_flat(counted, any_of=False), 1)
        k = len(counted)
    else:
        divisor = math.gcd(*counted.values())
        counted = {part: vote // divisor for part, vote in counted.items()}
        k = -(-k // divisor)
    return Gate(k, tuple(counted), tuple(counted.values()))


def choose(k: int, parts: Iterable[Expression]) -> Expression:
    """Return the expression that needs any `k` of the parts.

    Examples
    --------
    >>> a, b, c, d = map(Node, "abcd")
    >>> print(choose(2, [a, b, c * d]))
    choose(2, a, b, c * d)
    """
    chosen = _parts(parts, "choose")
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= len(chosen):
        raise ValueError(f"k is {k!r} for {len(chosen)} parts: give an integer from 1 to {len(chosen)}")
    return gate(int(k), chosen)


def majority(parts: Iterable[Expression]) -> Expression:
    """Return the expression that needs more than half of the parts.

    Examples
    --------
    >>> print(majority([Node("a"), Node("b"), Node("c")]))
    choose(2, a, b, c)
    """
    chosen = _parts(parts, "majority")
    return choose(len(chosen) // 2 + 1, chosen)


def weighted(votes: Mapping[Expression, int], threshold: int | None = None) -> Expression:
    """Return the expression that needs so many votes, more than half of them unless told (Gifford 1979).

    Examples
    --------
    >>> a, b, c, d = map(Node, "abcd")
    >>> print(weighted({a: 2, b: 1, c: 1, d: 1}))
    weighted({a: 2, b: 1, c: 1, d: 1}, 3)
    """
    chosen = _parts(votes, "weighted")
    counts = list(votes.values())
    for part, vote in votes.items():
        if isinstance(vote, bool) or not isinstance(vote, (int, np.integer)) or vote < 0:
            raise ValueError(f"{part} has {vote!r} votes: give an integer of zero or more")
    total = sum(counts)
    needed = total // 2 + 1 if threshold is None else threshold
    if isinstance(needed, bool) or not isinstance(needed, (int, np.integer)) or not 1 <= needed <= total:
        raise ValueError(
            f"the threshold is {needed!r} of {total} votes: give an integer from 1 to the sum of the votes"
        )
    return gate(int(needed), chosen, [int(vote) for vote in counts])


def parse(text: str, nodes: Iterable[Node] = ()) -> Expression:
    """Read an expression from text: ``a * b + c * d``, ``choose(2, a, b, c)``, ``majority(a, b, c)``.

    Parameters
    ----------
    text : str
        Names (quoted where they are not plain words), ``*``, ``+``, parentheses, ``choose(k, …)``, ``majority(…)`` and
        ``weighted({name: votes, …}, threshold)``; what `str` of an expression gives.
    nodes : iterable of Node, optional
        The nodes that the names mean; a name is a node of capacity 1 unless told.

    Examples
    --------
    >>> print(parse("choose(2, a, b, c * d)"))
    choose(2, a, b, c * d)
    """
    known = {node.name: node for node in nodes}
    wrong = f"the quorum expression {text!r} cannot be read"
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise ValueError(f"{wrong}: write it like 'a * b + choose(2, c, d, e)'") from None

    def build(at: ast.expr) -> Expression:
        match at:
            case ast.Name(id=name) | ast.Constant(value=str(name)):
                if known and name not in known:
                    raise ValueError(f"{wrong}: there is no node {name!r}{nearest(name, known)}")
                return known.get(name) or Node(name)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return build(left) * build(right)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return build(left) + build(right)
            case ast.Call(func=ast.Name(id="majority"), args=[ast.List(elts=parts)] | parts, keywords=[]):
                return majority(map(build, parts))
            case ast.Call(
                func=ast.Name(id="choose"),
                args=[ast.Constant(value=int(k)), ast.List(elts=parts)] | [ast.Constant(value=int(k)), *parts],
                keywords=[],
            ):
                return choose(k, map(build, parts))
            case ast.Call(
                func=ast.Name(id="weighted"),
                args=[ast.Dict(keys=names, values=votes), ast.Constant(value=int(k))],
                keywords=[],
            ) if all(names):
                return weighted({build(n): ast.literal_eval(v) for n, v in zip(names, votes, strict=True) if n}, k)
        raise ValueError(f"{wrong} at {ast.unparse(at)!r}: use names, *, +, choose(k, ...) and majority(...)")

    return build(tree)


def unique_nodes(expressions: Iterable[Expression]) -> tuple[Node, ...]:
    """Return the nodes of several expressions, each once, and refuse two definitions of one name."""
    found: dict[str, Node] = {}
    for node in itertools.chain.from_iterable(e.leaves() for e in expressions):
        first = found.setdefault(node.name, node)
        if first is not node and first != node:
            raise ValueError(
                f"node {node.name!r} is used with two definitions, {first!r} and {node!r}: "
                "give each node a name of its own"
            )
    return tuple(found.values())


def canonical(expression: Expression) -> Any:
    """Return the expression as nested tuples that do not depend on the order of its parts."""
    if isinstance(expression, Node):
        return (expression.name,)
    assert isinstance(expression, Gate)
    return expression.k, *sorted(map(canonical, expression.parts), key=repr)


def cover(votes: Sequence[int], needed: int, costs: Sequence[Any]) -> Any:
    """Return the least cost of parts with at least `needed` votes together; costs are numbers of zero or more."""
    if max(votes) == 1:
        return sum(sorted(costs)[:needed])
    best = np.array([0.0] + [math.inf] * needed)
    for vote, cost in zip(votes, costs, strict=True):
        without = np.concatenate([np.full(vote, best[0]), best])[: needed + 1]
        best = np.minimum(best, without + cost)
    return float(best[needed])


def _fewest_failures(expression: Expression) -> float:
    if not isinstance(expression, Gate):
        return 1
    return cover(expression.votes, expression.kills, [_fewest_failures(part) for part in expression.parts])


def _count(expression: Expression) -> int:
    """Count the quorums of an expression without repeated nodes and with single votes: a symmetric polynomial."""
    if not isinstance(expression, Gate):
        return 1
    ways = [1] + [0] * expression.k
    for count in map(_count, expression.parts):
        for chosen in range(expression.k, 0, -1):
            ways[chosen] += ways[chosen - 1] * count
    return ways[expression.k]


def _masks(expression: Expression, bits: Mapping[Node, int]) -> Iterator[int]:
    """Yield the minimal quorums of an expression without repeated nodes."""
    if not isinstance(expression, Gate):
        assert isinstance(expression, Node)
        yield bits[expression]
        return
    for chosen in _minimal_choices(expression):
        yield from map(sum, itertools.product(*(list(_masks(expression.parts[i], bits)) for i in chosen)))


def _minimal_choices(expression: Gate) -> Iterator[tuple[int, ...]]:
    """Yield the sets of parts that have enough votes, and would not without any one of them."""
    votes = expression.votes
    if max(votes) == 1:
        yield from itertools.combinations(range(len(votes)), expression.k)
        return
    order = sorted(range(len(votes)), key=lambda i: -votes[i])
    left = [0, *itertools.accumulate(votes[i] for i in reversed(order))][::-1]

    def extend(at: int, needed: int, chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if needed <= 0:
            yield chosen  # the last and lightest was needed, so all are
        elif at < len(order) and left[at] >= needed:
            yield from extend(at + 1, needed - votes[order[at]], (*chosen, order[at]))
            yield from extend(at + 1, needed, chosen)

    yield from extend(0, expression.k, ())


def _flat(parts: Iterable[Expression], any_of: bool) -> Iterator[Expression]:
    for part in parts:
        same = isinstance(part, Gate) and (part.k == 1 if any_of else part.k == part.total)
        if same:
            assert isinstance(part, Gate)
            yield from part.parts
        else:
            yield part


def _expression(value: Any) -> Expression:
    if not isinstance(value, Expression):
        raise TypeError(f"a part of a quorum expression is {value!r}: give a Node or an expression of nodes")
    return value


def _parts(parts: Iterable[Expression], what: str) -> list[Expression]:
    if isinstance(parts, Expression) or not isinstance(parts, Iterable):
        raise TypeError(f"the parts of {what} came as {type(parts).__name__}: give a list of nodes or expressions")
    chosen = [_expression(part) for part in parts]
    if not chosen:
        raise ValueError(f"{what} has no parts: give at least one node")
    return chosen


def _names(nodes: Iterable[Node | str], known: Sequence[Node]) -> set[str]:
    if isinstance(nodes, (str, Node)):
        raise TypeError(f"nodes came as {nodes!r}: give a list of nodes or of their names")
    names = {node.name if isinstance(node, Node) else node for node in nodes}
    if unknown := sorted(map(str, names - {node.name for node in known})):
        raise ValueError(f"there is no node {unknown[0]!r}{nearest(unknown[0], [node.name for node in known])}")
    return names


def _number(value: Any, what: str, hint: str = "", above: bool = False) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{what} is {value!r}: give a number{hint}") from None
    if isinstance(value, bool) or not math.isfinite(number) or number < 0 or (above and number == 0):
        raise ValueError(
            f"{what} is {value!r}: give a finite number{hint}, {'above zero' if above else 'zero or more'}"
        )
    return number


def as_matrix(masks: Iterable[int], n: int) -> Bools:
    """Return bitmasks as ``bool[quorums, n]``."""
    found = list(masks)
    width = (n + 7) // 8
    packed = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in found), np.uint8)
    bits = np.unpackbits(packed.reshape(len(found), width), axis=1, bitorder="little")
    return bits[:, :n].astype(np.bool_)


def as_bools(nodes: Any, n: int) -> Bools | None:
    """Return a bool array whose last axis has a place per node, or None if it is something else."""
    if not (isinstance(nodes, np.ndarray) and nodes.dtype == np.bool_):
        return None
    if nodes.ndim == 0 or nodes.shape[-1] != n:
        raise ValueError(f"the array of nodes has shape {nodes.shape}: its last axis has a place for each of {n} nodes")
    return nodes
