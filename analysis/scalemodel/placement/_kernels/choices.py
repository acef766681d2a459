"""Which node gets the next job? Policies that look at the load, or at nothing.

Each job (or event) comes with a random uint64; a policy takes what more it needs from SplitMix64 of it. Loads count
jobs, and the load of a node with a job more is taken over its weight.
"""

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import splitmix64

from .hashes import high_product

U64 = np.uint64
GAMMA = U64(0x9E3779B97F4A7C15)

CHOICES, ROUND_ROBIN, LEAST_LOADED, GIVEN = range(4)


@kernel
def by_weight(number, ends):
    """Return a random node, by weight: the first whose share of 2^64 ends above the number."""
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if number < ends[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@kernel
def least_of(number, d, loads, weights, ends):
    """Return the least loaded of d nodes drawn by weight, with replacement; of equals the one drawn first."""
    best = by_weight(splitmix64(number), ends)
    for _ in range(1, d):
        number += GAMMA
        node = by_weight(splitmix64(number), ends)
        if (loads[node] + 1) * weights[best] < (loads[best] + 1) * weights[node]:
            best = node
    return best


@kernel
def least_of_all(number, loads, weights):
    """Return the least loaded node, any of the equals with the same chance."""
    best = 0
    equals = U64(1)
    for node in range(1, len(loads)):
        mine, its = (loads[node] + 1) * weights[best], (loads[best] + 1) * weights[node]
        if mine < its:
            best = node
            equals = U64(1)
        elif mine == its:
            equals += U64(1)
            number += GAMMA
            if high_product(splitmix64(number), equals) == U64(0):
                best = node
    return best


@kernel
def next_turn(credits, weights):
    """Return the node whose turn it is, by smooth weighted round robin: all earn their weight, the richest pays all."""
    best = 0
    for node in range(len(weights)):
        credits[node] += weights[node]
        if credits[node] > credits[best]:
            best = node
    credits[best] -= weights.sum()
    return best


@inlined
def pick(policy, number, d, loads, credits, weights, ends):
    if policy == CHOICES:
        return least_of(number, d, loads, weights, ends)
    if policy == LEAST_LOADED:
        return least_of_all(number, loads, weights)
    return next_turn(credits, weights)


@kernel
def dispatch(numbers, owners, policy, d, weights, ends):
    """Return how many jobs each node has in the end; no job leaves. A policy of GIVEN takes the owners."""
    loads = np.zeros(len(weights), np.int64)
    credits = np.zeros(len(weights), np.float64)
    for i in range(len(numbers)):
        node = owners[i] if policy == GIVEN else pick(policy, numbers[i], d, loads, credits, weights, ends)
        loads[node] += 1
    return loads


@kernel
def dispatch_queue(numbers, owners, policy, d, weights, ends, arrival, skipped, levels):
    """Return the time average of the number of nodes with at least k jobs, for k below `levels`.

    Events come at a constant rate. One whose number is below `arrival` is a job; any other ends the service at a node
    drawn by weight, if there is one: a node of weight w serves w times as fast. The first `skipped` events are not
    averaged over.
    """
    loads = np.zeros(len(weights), np.int64)
    credits = np.zeros(len(weights), np.float64)
    holding = np.zeros(levels + 1, np.int64)  # nodes with at least k jobs
    holding[0] = len(weights)
    since = np.full(levels + 1, skipped, np.int64)
    totals = np.zeros(levels + 1, np.float64)
    jobs = 0
    for i in range(len(numbers)):
        number = splitmix64(numbers[i])
        if numbers[i] < arrival:
            node = owners[jobs] if policy == GIVEN else pick(policy, number, d, loads, credits, weights, ends)
            jobs += 1
            loads[node] += 1
            level = min(loads[node], levels)
            change = 1
        else:
            node = by_weight(number, ends)
            if loads[node] == 0:
                continue
            level = min(loads[node], levels)
            loads[node] -= 1
            change = -1
        totals[level] += holding[level] * max(i - since[level], 0)
        since[level] = max(i, skipped)
        holding[level] += change
    for level in range(levels):
        totals[level] += holding[level] * (len(numbers) - since[level])
    return totals[:levels] / (len(numbers) - skipped)
