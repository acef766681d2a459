"""Copysets: the walk of a key, the sets of random replication, and the chance to lose all copies of something."""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, combinations


def walk(key: int, rows: "list[list[int]]", nodes: int) -> Iterator[int]:
    """The row of a hashed key, those that follow it around, then all nodes; rows come in order of their first node."""
    primary, rest = divmod(key * nodes, 2**64)
    begin = sum(row[0] < primary for row in rows)
    count = sum(row[0] == primary for row in rows)
    first = begin + rest * count // 2**64
    return chain(*rows[first:], *rows[:first], range(nodes))


def window_sets(circle: "list[int]", copies: int, width: int) -> set[frozenset[int]]:
    """All sets of a node with others of those that follow it in a circle."""
    twice = circle + circle
    return {
        frozenset((node, *others))
        for at, node in enumerate(circle)
        for others in combinations(twice[at + 1 : at + 1 + min(width, len(circle) - 1)], copies - 1)
    }


def loss_of_sets_as_if_independent(nodes: int, copies: int, sets: int, failed: int) -> float:
    """The paper's estimate: each set is lost with the chance of one, whatever happens to the others."""
    one = Fraction(math.comb(failed, copies), math.comb(nodes, copies))
    return -math.expm1(sets * math.log1p(-float(one)))


def loss_of_disjoint_sets(nodes: int, copies: int, failed: int) -> float:
    """Exactly, for sets that share no node: count the ways to fail that leave each set a node."""
    sets, single = divmod(nodes, copies)
    ways = [1]
    for factor in [[math.comb(copies, k) for k in range(copies)]] * sets + [[1, 1]] * single:
        ways = [
            sum(ways[i - k] * factor[k] for k in range(len(factor)) if 0 <= i - k < len(ways))
            for i in range(min(len(ways) + len(factor) - 1, failed + 1))
        ]
    return float(1 - Fraction(ways[failed], math.comb(nodes, failed)))


def loss_by_hand(nodes: int, sets: "Iterable[Iterable[int]]", failed: int, fatal: int) -> Fraction:
    """Try all ways to fail: in how many does a set lose `fatal` of its nodes?"""
    each = [frozenset(s) for s in sets]
    tries = list(combinations(range(nodes), failed))
    return Fraction(sum(any(len(s.intersection(down)) >= fatal for s in each) for down in tries), len(tries))
