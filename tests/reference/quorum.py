"""Quorum systems by brute force: every subset of the nodes is looked at."""

import itertools
import math

import numpy as np
from scipy import optimize


def subsets(names):
    return [frozenset(s) for size in range(len(names) + 1) for s in itertools.combinations(names, size)]


def minimal(names, is_quorum):
    """The quorums none of whose subsets is one, smallest first."""
    found = []
    for s in subsets(names):
        if is_quorum(s) and not any(q <= s for q in found):
            found.append(s)
    return found


def resilient(names, is_quorum, f):
    """The minimal sets that hold a quorum whichever `f` of their members fail."""
    return minimal(
        names,
        lambda s: all(is_quorum(s - set(gone)) for gone in itertools.combinations(sorted(s), min(f, len(s)))),
    )


def resilience(names, is_quorum):
    """How many nodes may fail, whichever they are."""
    for size in range(len(names) + 1):
        if any(not is_quorum(set(names) - set(gone)) for gone in itertools.combinations(names, size)):
            return size - 1
    raise AssertionError


def unavailability(names, works, down, domains=()):
    """Sum the probabilities of all states of nodes and domains in which the system does not work.

    `domains` are pairs of members and the probability that all of them are down.
    """
    terms = []
    for fallen in itertools.product([False, True], repeat=len(domains)):
        weight = math.prod(p if gone else 1 - p for (_, p), gone in zip(domains, fallen, strict=True))
        lost = set().union(*(members for (members, _), gone in zip(domains, fallen, strict=True) if gone))
        for s in subsets(names):
            if not works(s - lost):
                terms.append(weight * math.prod(1 - down[name] if name in s else down[name] for name in names))
    return math.fsum(terms)


def best_load(names, reads, writes, capacities, fractions, rows=()):
    """The least load over all strategies: a variable per quorum. `capacities` maps a name to those of read and write.

    `rows` are further limits, ``(coefficients of reads, of writes, most)``.
    """
    d, size = len(fractions), len(reads) + len(writes)
    above, most = [], []
    for i, fraction in enumerate(fractions):
        for name in names:
            row = np.zeros(d + size)
            row[i] = -1
            row[d : d + len(reads)] = [fraction * (name in q) / capacities[name][0] for q in reads]
            row[d + len(reads) :] = [(1 - fraction) * (name in q) / capacities[name][1] for q in writes]
            above.append(row)
            most.append(0)
    for of_reads, of_writes, limit in rows:
        above.append(np.concatenate([np.zeros(d), of_reads, of_writes]))
        most.append(limit)
    equal = np.zeros((2, d + size))
    equal[0, d : d + len(reads)] = equal[1, d + len(reads) :] = 1
    cost = np.concatenate([list(fractions.values()), np.zeros(size)])
    solution = optimize.linprog(cost, A_ub=above, b_ub=most, A_eq=equal, b_eq=[1, 1])
    return solution.fun if solution.status == 0 else None
