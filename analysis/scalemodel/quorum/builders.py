"""Well-known quorum systems by name.

What returns an `Expression` gives one side of a system: ``QuorumSystem(reads=grid(nodes, rows=3))``. Protocols that fix
both sides return a `QuorumSystem`.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .expression import Expression, Node, choose, gate, majority
from .system import QuorumSystem

Nodes: TypeAlias = int | Iterable[Node | str]
"""A number of nodes (``n0``, ``n1``, …), their names, or nodes."""

MOST_PATHS = 3
"""The largest order of `paths`; its expression lists all paths, of which order 4 has half a million."""


def nodes_of(nodes: Nodes) -> list[Node]:
    """Return the nodes that a number or names stand for.

    Examples
    --------
    >>> nodes_of(2)
    [Node('n0'), Node('n1')]
    """
    if isinstance(nodes, (int, np.integer)) and not isinstance(nodes, bool):
        if nodes < 1:
            raise ValueError(f"the number of nodes is {nodes}: give one or more")
        return [Node(f"n{i}") for i in range(nodes)]
    if isinstance(nodes, str) or not isinstance(nodes, Iterable):
        raise TypeError(f"nodes came as {nodes!r}: give a number of nodes, a list of names, or nodes")
    found = [node if isinstance(node, Node) else Node(node) for node in nodes]
    if not found:
        raise ValueError("there are no nodes: give at least one")
    names = [node.name for node in found]
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"node {twice!r} appears more than once: give each a name of its own")
    return found


def grid(nodes: Nodes, rows: int) -> Expression:
    """Return a grid: a quorum is a full row, so that the other side takes one node from each row.

    Parameters
    ----------
    nodes : int or list of nodes
        Row by row.
    rows : int
        How many rows; it divides the number of nodes.

    References
    ----------
    Cheung, Ammar and Ahamad, "The grid protocol", ICDE 1990.

    Examples
    --------
    >>> print(grid(list("abcdef"), rows=2))
    a * b * c + d * e * f
    """
    found = nodes_of(nodes)
    if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < 1 or len(found) % rows:
        raise ValueError(f"{len(found)} nodes do not fill {rows!r} rows: give a number of rows that divides them")
    width = len(found) // int(rows)
    return choose(1, [_all(found[start : start + width]) for start in range(0, len(found), width)])


def crumbling_wall(rows: Sequence[Iterable[Node | str]]) -> Expression:
    """Return a crumbling wall: a quorum is a full row and one node from every row below it.

    Parameters
    ----------
    rows : list of lists of nodes
        From the top; their lengths may differ.

    References
    ----------
    Peleg and Wool, "Crumbling walls: a class of practical and efficient quorum systems", Distributed Computing 10,
    1997.

    Examples
    --------
    >>> print(crumbling_wall([["a", "b"], ["c", "d", "e"]]))
    a * b * (c + d + e) + c * d * e
    """
    found = _rows(rows, "crumbling_wall")
    wall = _all(found[-1])
    below: Expression = choose(1, found[-1])
    for row in reversed(found[:-1]):
        wall = _all(row) * below + wall
        below = choose(1, row) * below
    return wall


def hierarchical(groups: Sequence[Any]) -> Expression:
    """Return a majority of groups, each by a majority of its nodes or groups, to any depth.

    References
    ----------
    Kumar, "Hierarchical quorum consensus", IEEE Transactions on Computers 40 (1991).

    Examples
    --------
    >>> print(hierarchical([["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]]))
    choose(2, choose(2, a, b, c), choose(2, d, e, f), choose(2, g, h, i))
    """
    nodes_of(list(_flattened(groups)))  # checks names

    def build(group: Any) -> Expression:
        if isinstance(group, (Node, str)):
            return group if isinstance(group, Node) else Node(group)
        return majority([build(member) for member in group])

    return build(list(groups))


def tree(nodes: Nodes, degree: int = 2) -> Expression:
    """Return the tree protocol: the root and a quorum of one child's tree, or quorums of all children's trees.

    Parameters
    ----------
    nodes : int or list of nodes
        In breadth-first order: the root first.
    degree : int
        Children of each node, 2 or more; the tree must be full.

    References
    ----------
    Agrawal and El Abbadi, "An efficient and fault-tolerant solution for distributed mutual exclusion", ACM TOCS 9,
    1991.

    Examples
    --------
    >>> print(tree(["a", "b", "c"]))
    choose(2, a, b, c)
    """
    found = nodes_of(nodes)
    if isinstance(degree, bool) or not isinstance(degree, (int, np.integer)) or degree < 2:
        raise ValueError(f"degree is {degree!r}: give an integer of two or more")
    if (len(found) - 1) % degree:
        raise ValueError(f"{len(found)} nodes do not make a tree in which each node has {degree} children or none")

    def build(at: int) -> Expression:
        children = range(degree * at + 1, min(degree * (at + 1) + 1, len(found)))
        if not children:
            return found[at]
        return gate(degree, [found[at], *map(build, children)], [degree - 1] + [1] * degree)

    return build(0)


def paths(nodes: Nodes) -> Expression:
    """Return the paths of a grid: a quorum crosses it from left to right, the other side's from top to bottom.

    Parameters
    ----------
    nodes : int or list of nodes
        The edges of a grid of order l: 2 l^2 + 2 l + 1 of them, that is 5, 13 or 25. Row by row, and between two rows
        the edges that join them.

    References
    ----------
    Naor and Wool, "The load, capacity, and availability of quorum systems", SIAM J. Computing 27 (1998), section 6.2.

    Examples
    --------
    >>> sorted("".join(sorted(q)) for q in paths(list("abcde")).minimal_quorums())
    ['ab', 'ace', 'bcd', 'de']
    """
    found = nodes_of(nodes)
    sizes = {2 * order * (order + 1) + 1: order for order in range(1, MOST_PATHS + 1)}
    if len(found) not in sizes:
        raise ValueError(
            f"paths was given {len(found)} nodes: give 5, 13 or 25, the edges of a grid of order 1, 2 or 3 "
            "(larger ones have too many paths to list)"
        )
    size = sizes[len(found)]
    edges: list[tuple[Any, Any]] = []  # between corners (row, column); those at the left are one, as at the right
    for row in range(size + 1):
        line = ["left", *((row, column) for column in range(size)), "right"]
        edges += itertools.pairwise(line)
        edges += [((row, column), (row + 1, column)) for column in range(size) if row < size]
    # top rows first, so that the decision diagram meets the nodes row by row and stays small
    crossings = sorted(map(sorted, _crossings(edges)), key=lambda path: (path[-1], path))
    return choose(1, [_all([found[i] for i in path]) for path in crossings])


def read_one_write_all(nodes: Nodes) -> QuorumSystem:
    """Return the system that reads any one node and writes all.

    Examples
    --------
    >>> system = read_one_write_all(3)
    >>> system.read_resilience, system.write_resilience
    (2, 0)
    """
    return QuorumSystem(reads=choose(1, nodes_of(nodes)))


def primary_backup(nodes: Nodes, acknowledged: int | None = None) -> QuorumSystem:
    """Return the system that reads the first node and writes it and so many of the others.

    Parameters
    ----------
    nodes : int or list of nodes
        The primary, then its backups.
    acknowledged : int, optional
        Backups that a write waits for; all unless told.

    Examples
    --------
    >>> print(primary_backup(["p", "a", "b"], acknowledged=1).writes)
    p * (a + b)
    """
    found = nodes_of(nodes)
    count = len(found) - 1 if acknowledged is None else acknowledged
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 0 <= count < len(found):
        raise ValueError(f"acknowledged is {acknowledged!r} for {len(found) - 1} backups: give at most their number")
    primary, *backups = found
    return QuorumSystem(reads=primary, writes=primary * choose(int(count), backups) if count else primary)


def aurora(nodes: Nodes | None = None) -> QuorumSystem:
    """Return Amazon Aurora's system: six copies, two in each of three zones, reads of three and writes of four.

    Parameters
    ----------
    nodes : list of nodes, optional
        The six copies; ``a1`` to ``c2`` in the zones ``a``, ``b`` and ``c`` unless given.

    References
    ----------
    Verbitski et al., "Amazon Aurora: design considerations for high throughput cloud-native relational databases",
    SIGMOD 2017, section 2.

    Examples
    --------
    >>> system = aurora()
    >>> system.read_resilience, system.write_resilience, round(system.capacity(0.5), 6)
    (3, 2, 1.714286)
    """
    found = [Node(f"{zone}{i}", place=zone) for zone in "abc" for i in (1, 2)] if nodes is None else nodes_of(nodes)
    if len(found) != 6:
        raise ValueError(f"aurora was given {len(found)} nodes: it has six, two in each of three zones")
    return QuorumSystem(reads=choose(3, found), writes=choose(4, found))


def _all(parts: Sequence[Expression]) -> Expression:
    return choose(len(parts), parts)


def _rows(rows: Sequence[Iterable[Node | str]], what: str) -> list[list[Node]]:
    if isinstance(rows, str) or not isinstance(rows, Sequence) or not rows:
        raise TypeError(f"the rows of {what} came as {rows!r}: give a list of lists of nodes")
    found = [nodes_of(row) for row in rows]
    nodes_of([node for row in found for node in row])  # checks that names are unique
    return found


def _flattened(groups: Any) -> Iterable[Node | str]:
    if isinstance(groups, (Node, str)):
        yield groups
    elif isinstance(groups, Sequence) and groups:
        for member in groups:
            yield from _flattened(member)
    else:
        raise TypeError(f"a group is {groups!r}: give a list of nodes or of groups")


def _crossings(edges: Sequence[tuple[Any, Any]]) -> Iterable[list[int]]:
    """Yield the edges of every simple path from "left" to "right"."""
    around: dict[Any, list[tuple[int, Any]]] = {}
    for i, (a, b) in enumerate(edges):
        around.setdefault(a, []).append((i, b))
        around.setdefault(b, []).append((i, a))

    def walk(at: Any, visited: frozenset[Any], used: list[int]) -> Iterable[list[int]]:
        if at == "right":
            yield used
            return
        for i, other in around[at]:
            if other not in visited:
                yield from walk(other, visited | {other}, [*used, i])

    return walk("left", frozenset(["left"]), [])
