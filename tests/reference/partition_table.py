"""Partition tables: their walk, their fair counts and the fewest moves, by trying and by linear programming."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, product

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array


def walk(key: int, table: "list[list[int]]", nodes: int) -> Iterator[int]:
    """The row of a hashed key, those that follow it around the table, then all nodes."""
    first = key * len(table) // 2**64
    return chain(*table[first:], *table[:first], range(nodes))


def targets(weights: "list[float]", domains: "list[int]", rows: int, copies: int) -> list[Fraction]:
    """Fair parts of each node: the heaviest domains hold one part of each row, as many of them as have to."""
    each = [Fraction(weight) for weight in weights]
    of_domain = {d: sum(w for w, e in zip(each, domains, strict=True) if e == d) for d in domains}
    heaviest = sorted(of_domain, key=lambda d: -of_domain[d])
    for full in range(len(heaviest)):
        level = Fraction(rows * (copies - full), sum(of_domain[d] for d in heaviest[full:]))
        parts = {d: Fraction(rows) if d in heaviest[:full] else level * of_domain[d] for d in heaviest}
        if all(parts[d] <= rows for d in heaviest):
            return [parts[d] * w / of_domain[d] for d, w in zip(domains, each, strict=True)]
    raise ValueError("there are fewer domains than replicas")


def roundings(fair: list[Fraction], domains: "list[int]") -> Iterator[tuple[int, ...]]:
    """All ways to round up or down that keep the sum, and of each domain the sum up to rounding."""
    for counts in product(*({x.numerator // x.denominator, -(-x.numerator // x.denominator)} for x in fair)):
        apart = [
            sum(c - x for c, x, d in zip(counts, fair, domains, strict=True) if d == domain) for domain in set(domains)
        ]
        if sum(counts) == sum(fair) and all(abs(difference) < 1 for difference in apart):
            yield counts


def fewest_moves(table: "np.ndarray", domains: "np.ndarray", counts: "np.ndarray") -> int:
    """Parts that must move until each node holds its count, as a linear program; its corners are whole."""
    rows, copies = table.shape
    nodes = len(counts)
    cost = np.ones((rows, nodes))
    np.put_along_axis(cost, table.astype(np.int64), 0, axis=1)
    holds = np.arange(rows * nodes).reshape(rows, nodes)
    equal = [(row, copies) for row in holds] + [(holds[:, i], count) for i, count in enumerate(counts)]
    at_most = [row[domains == domain] for row in holds for domain in range(domains.max() + 1)]
    result = linprog(
        cost.ravel(),
        A_eq=_sums([cells for cells, _ in equal], cost.size),
        b_eq=[total for _, total in equal],
        A_ub=_sums(at_most, cost.size),
        b_ub=np.ones(len(at_most)),
        bounds=(0, 1),
        method="highs",
    )
    return round(result.fun)


def _sums(groups: "list[np.ndarray]", size: int) -> coo_array:
    row = np.repeat(np.arange(len(groups)), [len(cells) for cells in groups])
    return coo_array((np.ones(len(row)), (row, np.concatenate(groups))), shape=(len(groups), size))
