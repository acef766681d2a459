"""Availability, slowly: every state listed, every chain solved in fractions."""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any


def fewer_up(k: int, down: Sequence[float]) -> Fraction:
    """The chance that fewer than k are up: all states, one by one."""
    exact = [Fraction(p) for p in down]
    total = Fraction(0)
    for state in itertools.product((False, True), repeat=len(exact)):
        if len(exact) - sum(state) < k:
            total += math.prod(p if gone else 1 - p for p, gone in zip(exact, state, strict=True))
    return total


def fewer_up_by_count(k: int, down: Sequence[float]) -> Decimal:
    """The same by the distribution of the count, in 60 digits, for many nodes."""
    with localcontext() as context:
        context.prec = 60
        counts = [Decimal(1)]
        for p in map(Decimal, down):
            counts = [a * (1 - p) + b * p for a, b in zip([*counts, Decimal(0)], [Decimal(0), *counts], strict=True)]
        return sum(counts[len(down) - k + 1 :], Decimal(0))


def mean_time(rates: Mapping[Any, Mapping[Any, Fraction]], first: Any, lost: Any) -> Fraction:
    """The mean time from a state to the lost one, by Gauss in fractions."""
    states = [state for state in rates if state != lost]
    rows = []
    for state in states:
        out = sum(rates[state].values(), Fraction(0))
        rows.append([out * (state == to) - rates[state].get(to, Fraction(0)) for to in states] + [Fraction(1)])
    for i in range(len(rows)):
        pivot = next(r for r in range(i, len(rows)) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(len(rows)):
            if r != i and rows[r][i]:
                rows[r] = [x - rows[r][i] * y for x, y in zip(rows[r], rows[i], strict=True)]
    return rows[states.index(first)][-1]


def shard_by_shard(
    shards: int, survives: Callable[[frozenset[int]], bool], failing: Fraction, repairing: Fraction
) -> dict[Any, dict[Any, Fraction]]:
    """The chain of one stripe with a state for each set of failed shards; all are repaired at once."""
    rates: dict[Any, dict[Any, Fraction]] = {}
    todo = [frozenset[int]()]
    while todo:
        state = todo.pop()
        if state in rates:
            continue
        rates[state] = {}
        for shard in range(shards):
            to: Any = state - {shard} if shard in state else state | {shard}
            rate = repairing if shard in state else failing
            if not survives(to):
                to = "lost"
            else:
                todo.append(to)
            rates[state][to] = rates[state].get(to, Fraction(0)) + rate
    return rates


def local_code_survives(k: int, locals_: int, g: int, failed: Iterable[int]) -> bool:
    """Whether an LRC decodes: shards are its groups with their parities in turn, then the global parities."""
    width = k // locals_ + 1
    beyond = 0
    counts = [0] * locals_
    for shard in failed:
        if shard >= width * locals_:
            beyond += 1
        else:
            counts[shard // width] += 1
    return beyond + sum(max(0, count - 1) for count in counts) <= g


def partitions(home: Sequence[str], links: Mapping[tuple[str, str], float], node: float, zone: float) -> dict[str, Any]:
    """Clients of a majority under every state of nodes, zones and links; the first node leads."""
    zones = list(dict.fromkeys(home))
    refused: dict[str, Any] = {kind: dict.fromkeys(zones, 0.0) for kind in ("write", "pinned", "any_replica")}
    diverge = nowhere = 0.0
    for zones_up in itertools.product((False, True), repeat=len(zones)):
        live = {z for z, up in zip(zones, zones_up, strict=True) if up}
        for links_up in itertools.product((False, True), repeat=len(links)):
            for nodes_up in itertools.product((False, True), repeat=len(home)):
                weight = math.prod(1 - zone if up else zone for up in zones_up)
                weight *= math.prod(1 - p if up else p for p, up in zip(links.values(), links_up, strict=True))
                weight *= math.prod(1 - node if up else node for up in nodes_up)
                side = {z: {z} for z in live}
                for (a, b), up in zip(links, links_up, strict=True):
                    if up and a in live and b in live and b not in side[a]:
                        joined = side[a] | side[b]
                        side.update(dict.fromkeys(joined, joined))
                reached = {z: [i for i, at in enumerate(home) if at in side[z] and nodes_up[i]] for z in live}
                for z in zones:
                    at = reached.get(z, [])
                    refused["write"][z] += weight * (2 * len(at) <= len(home))
                    refused["pinned"][z] += weight * (2 * len(at) <= len(home) or 0 not in at)
                    refused["any_replica"][z] += weight * (not at)
                sides = {frozenset(at) for at in reached.values() if at}
                diverge += weight * (len(sides) > 1)
                nowhere += weight * all(2 * len(at) <= len(home) for at in sides)
    answer = {kind: list(values.values()) for kind, values in refused.items()}
    return answer | {"diverge": diverge, "nowhere": nowhere}
