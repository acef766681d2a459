"""Cassandra's ring, and the choice of tokens by trying each out: whole numbers and fractions, no shortcuts."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain

import xxhash

from .engines import JavaRandom

TURN = 2**64
TIE = Fraction(1, 10**12)


def signed(number: int) -> int:
    return (number + 2**63) % TURN - 2**63


def random_tokens(name: str, count: int, seed: int) -> list[int]:
    return [signed(xxhash.xxh64_intdigest(f"{name}_{i}".encode(), seed)) for i in range(count)]


def walk(token: int, tokens: Sequence[Sequence[int]]) -> Iterator[int]:
    """The nodes from the first token at or after a signed one."""
    ring = sorted((theirs, node) for node, held in enumerate(tokens) for theirs in held)
    first = bisect_left(ring, (token, -1))
    return (node for _, node in chain(ring[first:], ring[:first]))


def part(start: int, end: int) -> Fraction:
    return Fraction((end - start) % TURN or TURN, TURN)


def middle(start: int, end: int) -> int:
    if start < end:
        return (start + end) // 2
    found = (TURN - 1 + start + end) // 2
    return found if found < 2**63 else found - (TURN - 1)


def split(start: int, end: int, ratio: float) -> int:
    exact = Fraction(repr(ratio))
    width = end - start if start < end else TURN - 1 + end - start
    token = int(width * exact + start)
    return token if token < 2**63 else token - (TURN - 1)


def splits(held: dict[int, int], node: int, count: int, first: int) -> None:
    """Give a node tokens by splitting the largest range; `held` has the node of each token."""
    random = JavaRandom(len(held))
    new = 0
    if not held:
        held[first] = node
        new = 1
    while new < count:
        ring = sorted(held)
        start, end = max(zip([ring[-1], *ring], ring, strict=False), key=lambda ends: part(*ends))
        double = (random.next(26) * 2**27 + random.next(27)) * 2.0**-53
        least = 1 - 1 / 5**0.5
        held[split(start, end, least + (least + 0.075 - least) * double)] = node
        new += 1


def replicated(held: dict[int, int], groups: Sequence[int], replicas: int) -> dict[int, Fraction]:
    """What each token replicates: up to the token of the last of so many other groups, or of its own."""
    ring = sorted(held)
    found = {}
    for at, token in enumerate(ring):
        others: list[int] = []
        for before in [*ring[:at][::-1], *ring[at:][::-1]]:
            group = groups[held[before]]
            if group not in others:
                others.append(group)
            if group == groups[held[token]] or len(others) == replicas:
                found[token] = part(before, token)
                break
    return found


def variance(
    held: dict[int, int], groups: Sequence[int], replicas: int, ideal: Fraction, node: int, count: int, worth: Fraction
) -> Fraction:
    """How far tokens and nodes are from their ideals; the tokens that a node is still to get are ideal."""
    shares = replicated(held, groups, replicas)
    counts = {owner: list(held.values()).count(owner) for owner in held.values()}
    missing = count - counts.get(node, 0)
    counts[node] = count
    total = sum(((share - ideal) / counts[held[token]]) ** 2 for token, share in shares.items())
    for owner, tokens in counts.items():
        owned = sum(share for token, share in shares.items() if held[token] == owner)
        owned += missing * ideal if owner == node else 0
        total += (owned / tokens - ideal) ** 2 * (worth if owner == node else 1)
    return total


def even_out(
    held: dict[int, int], groups: Sequence[int], replicas: int, node: int, count: int, preferred: Sequence[int]
) -> None:
    """Give a node the middles of ranges that lower the variance most, each looked at again when it seems the best.

    Of those that are as good as each other a preferred one is taken.
    """
    ideal = Fraction(replicas, len(held) + count)
    ring = sorted(held)

    def gain(token: int, k: int) -> Fraction:
        before, after = (
            variance(now, groups, replicas, ideal, node, count, Fraction(k, count))
            for now in (held, held | {token: node})
        )
        return before - after

    candidates = {token: gain(token, 1) for token in map(middle, [ring[-1], *ring], ring)}
    for k in range(1, count + 1):
        while True:
            ties = [token for token, worth in candidates.items() if worth > max(candidates.values()) - TIE]
            best = next((token for token in ties if token in preferred), ties[0])
            candidates[best] = gain(best, k) if k > 1 else candidates[best]
            if candidates[best] > max(candidates.values()) - TIE:
                break
        del candidates[best]
        held[best] = node


def even_out_without_replicas(held: dict[int, int], node: int, count: int) -> None:
    """Split the largest ranges of the nodes that own the most."""
    ring = sorted(held)
    ranges = sorted(zip([ring[-1], *ring], ring, strict=False), key=lambda ends: -part(*ends))
    owners = set(held.values())
    owned = {owner: sum(part(*ends) for ends in ranges if held[ends[1]] == owner) for owner in owners}
    by_share = sorted(owners, key=lambda owner: -owned[owner])
    givers = 0
    while givers < min(count, len(by_share)):
        average = sum(owned[owner] for owner in by_share[: givers + 1]) / (givers + 2)
        if owned[by_share[givers]] <= average:
            break
        givers += 1
    average = sum(owned[owner] for owner in by_share[:givers]) / (givers + 1)
    spread = average * min(Fraction(1), Fraction(count + 1, len(owners) + 1)) * 2 / (2 * count + 1)
    for k, owner in enumerate(by_share[:givers]):
        target = average + spread / 2 - k * spread / givers
        theirs = [ends for ends in ranges if held[ends[1]] == owner][: count // givers + (k < count % givers)]
        ratio = (owned[owner] - target) / sum(part(*ends) for ends in theirs)
        for start, end in theirs:
            held[split(start, end, float(min(max(ratio, Fraction(1, 10)), Fraction(9, 10))))] = node


def allocated(
    names: Sequence[str],
    racks: "Sequence[int] | None",
    count: int,
    replicas: int,
    seed: int,
    preferred: Sequence[Sequence[int]],
) -> list[list[int]]:
    """The tokens of nodes that join, one of each rack after another; of ties the preferred ones."""
    number = len(set(racks)) if racks else 1
    groups = racks if racks and number > replicas > 1 else range(len(names))
    rings = racks if racks and 1 < number == replicas else [0] * len(names)
    order = sorted(range(len(names)), key=lambda node: racks[:node].count(racks[node]) if racks else node)
    held_in: dict[int, dict[int, int]] = {ring: {} for ring in rings}
    if 1 < number == replicas:
        replicas = 1
    for node in order:
        held = held_in[rings[node]]
        if len({groups[owner] for owner in held.values()}) < replicas or count > len(held):
            splits(held, node, count, random_tokens(names[node], 1, seed)[0])
        elif replicas == 1:
            even_out_without_replicas(held, node, count)
        else:
            even_out(held, groups, replicas, node, count, preferred[node])
    every = {token: node for held in held_in.values() for token, node in held.items()}
    return [sorted(token for token, owner in every.items() if owner == node) for node in range(len(names))]
