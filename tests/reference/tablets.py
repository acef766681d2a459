"""Tablets, their nodes and what requests touch, the slow and obvious way.

A key is a tuple of what it needs of each resource; limits are a tuple of what a tablet may need. Numbers are whole or
fractions, so that nothing is rounded. A tablet is the pair of its first key and the one behind its last.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

Needs = Sequence[Sequence[int]]
Tablet = tuple[int, int]


def need(keys: Needs, lo: int, hi: int, resource: int) -> int:
    return sum(key[resource] for key in keys[lo:hi])


def times(keys: Needs, lo: int, hi: int, limits: Sequence[int]) -> list[Fraction]:
    """What the keys need of each resource, over its limit."""
    return [Fraction(need(keys, lo, hi, d), limit) for d, limit in enumerate(limits)]


def halve(keys: Needs, lo: int, hi: int, limits: Sequence[int]) -> list[Tablet]:
    """Cut where the most used resource is nearest to half, then cut both parts.

    Of equally near cuts take one before half, and of several on one side the innermost.
    """
    used = times(keys, lo, hi, limits)
    if max(used, default=0) <= 1 or hi - lo <= 1:
        return [(lo, hi)]
    worst = used.index(max(used))
    whole = need(keys, lo, hi, worst)
    beyond = {cut: 2 * need(keys, lo, cut, worst) - whole for cut in range(lo + 1, hi)}
    at = min(beyond, key=lambda cut: (abs(beyond[cut]), beyond[cut] >= 0, cut if beyond[cut] >= 0 else -cut))
    return halve(keys, lo, at, limits) + halve(keys, at, hi, limits)


def fewest(keys: Needs, limits: Sequence[int]) -> int:
    """The least number of tablets within the limits, single keys excepted: try every end of the first tablet."""
    best = [0]  # for the last 0, 1, ... keys
    n = len(keys)
    for lo in range(n - 1, -1, -1):
        ends = [hi for hi in range(lo + 1, n + 1) if hi == lo + 1 or max(times(keys, lo, hi, limits)) <= 1]
        best.append(min(1 + best[n - hi] for hi in ends))
    return best[n]


def bisect(hashes: Sequence[int], keys: Needs, first: int, last: int, limits: Sequence[int]) -> list[int]:
    """Cut ranges of hashes in the middle; return the first hash of each tablet."""
    inside = [i for i, h in enumerate(hashes) if first <= h <= last]
    needs = [sum(keys[i][d] for i in inside) for d in range(len(limits))]
    if len(inside) <= 1 or first == last or all(n <= limit for n, limit in zip(needs, limits, strict=True)):
        return [first]
    middle = first + (last - first) // 2
    return bisect(hashes, keys, first, middle, limits) + bisect(hashes, keys, middle + 1, last, limits)


def merge(keys: Needs, tablets: list[Tablet], limits: Sequence[int], below: Fraction) -> list[Tablet]:
    """Let each tablet take up the next while both together are within a share of the limits."""
    merged = tablets[:1]
    for lo, hi in tablets[1:]:
        if max(times(keys, merged[-1][0], hi, limits)) <= below:
            merged[-1] = (merged[-1][0], hi)
        else:
            merged.append((lo, hi))
    return merged


def assign(
    loads: Sequence[int], weights: Sequence[int], domains: Sequence[int], replicas: int
) -> tuple[list[list[int]], list[int]]:
    """Give the heaviest tablet first to the least loaded nodes; return each tablet's nodes and each node's load."""
    held = [0] * len(weights)
    count = [0] * len(weights)
    table: list[list[int]] = [[] for _ in loads]
    order = sorted(range(len(loads)), key=lambda t: (-loads[t], t))
    for t in order:
        for _ in range(replicas):
            free = [i for i in range(len(weights)) if domains[i] not in [domains[j] for j in table[t]]]
            node = min(
                free,
                key=lambda i: (
                    Fraction(held[i] + loads[t], weights[i]),
                    Fraction(count[i] + 1, weights[i]),
                    i,
                ),
            )
            table[t].append(node)
            held[node] += loads[t]
            count[node] += 1
    leads = [0] * len(weights)
    for t in order:
        leader = min(table[t], key=lambda i: Fraction(leads[i] + loads[t], weights[i]))
        at = table[t].index(leader)
        table[t][0], table[t][at] = table[t][at], table[t][0]
        leads[leader] += loads[t]
    return table, held


def best_peak(loads: Sequence[int], nodes: int) -> int:
    """Load of the busiest node under the best of all assignments to equal nodes."""
    peaks = []
    for owners in itertools.product(range(nodes), repeat=len(loads)):
        held = Counter()
        for load, owner in zip(loads, owners, strict=True):
            held[owner] += load
        peaks.append(max(held.values(), default=0))
    return min(peaks)


def scan(owner_of_key: Sequence[int], length: int) -> Counter[int]:
    """How many beginnings of a scan touch how many different owners."""
    starts = range(len(owner_of_key) - length + 1)
    return Counter(len(set(owner_of_key[s : s + length])) for s in starts)


def touched(keys: int, shares: Sequence[Fraction]) -> list[Fraction]:
    """Law of the number of parts that some keys touch, by trying every way they can fall."""
    law = [Fraction(0)] * (min(keys, len(shares)) + 1)
    for parts in itertools.product(range(len(shares)), repeat=keys):
        chance = Fraction(1)
        for part in parts:
            chance *= shares[part]
        law[len(set(parts))] += chance
    return law


def fullest(balls: int, bins: int) -> dict[int, Fraction]:
    """Law of the fullest bin, by trying every way the balls can fall."""
    law: Counter[int] = Counter()
    for fall in itertools.product(range(bins), repeat=balls):
        law[max(Counter(fall).values())] += 1
    return {most: Fraction(count, bins**balls) for most, count in law.items()}
