"""Shuffle sharding: list every shard with its chance."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, product
from math import comb, prod


def shards(domains: "list[int]", size: int) -> Iterator[tuple[frozenset[int], Fraction]]:
    """Every shard: random domains give one node more than the others, and each gives random ones."""
    members = [[i for i, d in enumerate(domains) if d == domain] for domain in sorted(set(domains))]
    each, more = divmod(size, len(members))
    for generous in combinations(range(len(members)), more):
        takes = [(nodes, each + (d in generous)) for d, nodes in enumerate(members)]
        chance = Fraction(1, comb(len(members), more) * prod(comb(len(nodes), k) for nodes, k in takes))
        for parts in product(*(combinations(nodes, k) for nodes, k in takes)):
            yield frozenset().union(*parts), chance


def overlap(domains: "list[int]", size: int) -> list[Fraction]:
    """Chance that two tenants share so many nodes, over all pairs of shards."""
    all_shards = list(shards(domains, size))
    law = [Fraction(0)] * (size + 1)
    for mine, chance in all_shards:
        for theirs, its_chance in all_shards:
            law[len(mine & theirs)] += chance * its_chance
    return law
