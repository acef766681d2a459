"""How Cassandra chooses the tokens of nodes that join: by splits, evenly without replicas, and evenly with them.

Tokens are signed numbers of 64 bits. Sums and ratios are rounded as in Cassandra, so that the same first token gives
the same ring.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..topology import Topology
from ._kernels import cassandra as kernels

LOWEST, HIGHEST = -(2**63), 2**63 - 1

LEAST_SPLIT = 1 - 1 / math.sqrt(5)
SPLIT_SPREAD = LEAST_SPLIT + 0.075 - LEAST_SPLIT
"""The first ranges are split at a ratio from `LEAST_SPLIT` to so much more."""

MOST_TAKEN = 0.9
"""Of a range that is split to even nodes out, a tenth to so much goes to the new node."""

Held = Mapping[str, Sequence[int]]
"""Tokens by node."""


def allocated(
    topology: Topology, held: Held, counts: Sequence[int], replicas: int, spread: str | None, first: Sequence[int]
) -> dict[str, list[int]]:
    """Return the tokens of every node: those that are held, and `counts` of them for each node that joins.

    `spread` is the level of the racks, and `first` has the token with which each node would begin a ring.

    Raises
    ------
    ValueError
        If there is more than one rack and fewer than replicas.
    """
    racks = topology.domains(spread) if spread else np.zeros(len(topology), np.int64)
    number = int(racks.max()) + 1
    if 1 < number < replicas:
        raise ValueError(
            f"tokens for {replicas} replicas need as many {spread}s, or one, and there are {number}: lower "
            "replication_factor, give allocation='random', or choose tokens without spread"
        )
    apart = number > 1 and number == replicas  # each rack is a ring of its own, with a replica of everything
    groups = racks if number > replicas > 1 else np.arange(len(topology))
    ring_of = racks if apart else np.zeros(len(topology), np.int64)
    joins = [at for at, node in enumerate(topology.nodes) if node not in held]
    if not held:
        before = [int((racks[:at] == racks[at]).sum()) for at in range(len(topology))]
        joins.sort(key=lambda at: before[at])  # a node of each rack, then another of each

    tokens = {at: list(held[node]) for at, node in enumerate(topology.nodes) if node in held}
    for at in joins:
        others = {other: theirs for other, theirs in tokens.items() if ring_of[other] == ring_of[at]}
        chosen = _joining(at, others, groups, 1 if apart else replicas, counts[at], first[at])
        taken = {token for theirs in tokens.values() for token in theirs} if apart else set()
        for k, token in enumerate(chosen):
            while token in taken:
                token = _signed(token + 1)
            chosen[k] = token
        tokens[at] = sorted(chosen)
    return {node: tokens[at] for at, node in enumerate(topology.nodes)}


def _joining(
    node: int, others: Mapping[int, Sequence[int]], groups: NDArray[np.int64], replicas: int, count: int, first: int
) -> list[int]:
    """Return the tokens of a node that joins others."""
    ring = sorted((token, other) for other, theirs in others.items() for token in theirs)
    if len(set(groups[list(others)].tolist())) < replicas or count > len(ring):
        return _splits([token for token, _ in ring], count, first)
    if replicas == 1:
        return _without_replicas(ring, count)
    tokens, owners = (np.array(column) for column in zip(*ring, strict=True))
    return kernels.allocate(tokens, owners.astype(np.int32), groups, node, replicas, count).tolist()


def _splits(tokens: list[int], count: int, first: int) -> list[int]:
    """Split the largest range again and again, at ratios that differ, so that later nodes find ranges of many sizes."""
    tokens = sorted(tokens)
    ratios = _java_doubles(len(tokens))
    chosen = []
    if not tokens:
        tokens.append(first)
        chosen.append(first)
    while len(chosen) < count:
        at = max(range(len(tokens)), key=lambda i: _size(tokens[i - 1], tokens[i]))
        token = _split(tokens[at - 1], tokens[at], LEAST_SPLIT + SPLIT_SPREAD * next(ratios))
        chosen.append(token)
        tokens = sorted([*tokens, token])
    return chosen


def _without_replicas(ring: list[tuple[int, int]], count: int) -> list[int]:
    """Split the largest ranges of the nodes that own the most, so that these come down to what the new one gets."""
    largest: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for i, (token, owner) in enumerate(ring):
        largest[owner].append((_size(ring[i - 1][0], token), i))
    owned = sorted(((sum(size for size, _ in ranges), owner) for owner, ranges in largest.items()), reverse=True)
    givers: list[tuple[float, int]] = []
    total = average = 0.0
    for share, owner in owned[:count]:
        total += share
        if share <= total / (len(givers) + 2):
            break
        givers.append((share, owner))
        average = total / (len(givers) + 1)
    # the largest give down to a little more than the average, the last to a little less
    spread = average * min(1.0, (count + 1.0) / (len(owned) + 1.0)) * 2.0 / (2 * count + 1)
    target = average + spread / 2
    chosen = []
    for k, (share, owner) in enumerate(givers):
        ranges = sorted(largest[owner], reverse=True)[: count // len(givers) + (k < count % len(givers))]
        size = sum(size for size, _ in ranges)
        ratio = min(max((share - target) / size, 1 - MOST_TAKEN), MOST_TAKEN)
        chosen += [_split(ring[i - 1][0], ring[i][0], ratio) for _, i in ranges]
        target -= spread / len(givers)
    if len(chosen) < count:  # the givers have fewer tokens than the new node
        chosen += _splits([token for token, _ in ring] + chosen, count - len(chosen), 0)
    return chosen


def _size(start: int, end: int) -> float:
    """Return the share of the circle from one token to another, all of it if they are equal."""
    part = _signed(end - start) * 2.0**-64
    return part if part > 0 else part + 1


def _split(start: int, end: int, ratio: float) -> int:
    """Return where Murmur3Partitioner splits a range; around the end it counts one step less."""
    width = end - start if start < end else 2**64 - 1 + end - start
    token = int(width * Fraction(Decimal(repr(ratio))) + start)
    return token if token <= HIGHEST else LOWEST + token - HIGHEST


def _java_doubles(seed: int) -> Iterator[float]:
    """Yield what ``nextDouble`` of ``java.util.Random(seed)`` returns."""
    state = seed ^ 0x5DEECE66D
    while True:
        halves = []
        for bits in (26, 27):
            state = (state * 0x5DEECE66D + 0xB) % 2**48
            halves.append(state >> (48 - bits))
        yield (halves[0] * 2**27 + halves[1]) * 2.0**-53


def _signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63
