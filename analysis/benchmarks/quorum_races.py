"""Quorum systems against quoracle."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import quoracle  # type: ignore[import-untyped]
from race import Race

from scalemodel.quorum import Node, QuorumSystem, grid, majority, search

WORK = "is not part of it"


def races() -> list[Race]:
    # quoracle takes seconds for a majority of 13 and a grid of 25; it fails beyond, by time or by memory
    return [
        load("load of 3 different nodes", 1, majority_of(3), its_majority(3), 0.75),
        load("load of 9 different nodes", 3, majority_of(9), its_majority(9), 0.75),
        load("load of a majority of 13", 500, majority_of(13, alike=True), its_majority(13, alike=True), 0.75),
        load("load of 13 different nodes", 500, majority_of(13), its_majority(13), 0.75),
        load("load of a grid of 5 x 5", 300, lambda: grid(25, rows=5), its_grid(5), 0.75),
        searching(),
    ]


def capacities(i: int, alike: bool) -> tuple[float, float]:
    return (1.0, 1.0) if alike else (1.0 + i % 4, 1.0 + i % 3)


def nodes_of(n: int, alike: bool = False) -> list[Node]:
    return [Node(f"n{i}", *capacities(i, alike)) for i in range(n)]


def majority_of(n: int, alike: bool = False) -> Callable[[], Any]:
    return lambda: majority(nodes_of(n, alike))


def its_nodes(n: int, alike: bool = False) -> list[Any]:
    both = [capacities(i, alike) for i in range(n)]
    return [quoracle.Node(f"n{i}", read_capacity=r, write_capacity=w) for i, (r, w) in enumerate(both)]


def its_majority(n: int, alike: bool = False) -> Callable[[], Any]:
    return lambda: quoracle.majority(its_nodes(n, alike))


def its_grid(size: int) -> Callable[[], Any]:
    def build() -> Any:
        nodes = [quoracle.Node(f"n{i}") for i in range(size * size)]
        rows = [functools.reduce(operator.mul, nodes[i : i + size]) for i in range(0, size * size, size)]
        return functools.reduce(operator.add, rows)

    return build


def agree(ours: float, its: float) -> bool:
    return abs(ours - its) <= 1e-6 * its


def load(name: str, target: float, ours: Callable[[], Any], its: Callable[[], Any], fraction: float) -> Race:
    return Race(
        name,
        "quoracle",
        WORK,
        target,
        lambda: QuorumSystem(reads=ours()).load(fraction),
        lambda: quoracle.QuorumSystem(reads=its()).load(read_fraction=fraction),
        agree,
        1,
        1,
    )


def searching() -> Race:
    return Race(
        "search of 5 different nodes",
        "quoracle",
        WORK,
        20,
        lambda: search(nodes_of(5), 0.75, resilience=1, progress=False).best.value,
        lambda: quoracle.search(its_nodes(5), read_fraction=0.75, resilience=1)[1].load(read_fraction=0.75),
        agree,
        1,
        1,
    )
