"""Consistent hashing with bounded loads: a ring whose full nodes pass keys on.

Balls (keys, or partitions) come in order. A ball goes to the first point at or after its hash and, if the node there
has no room, steps on clockwise; or it jumps, to the first node with room in the order of their rendezvous clocks for
the ball. Rings are as in `ring`.
"""

import math

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import fmix64, fnv1a_64_bytes

from .rendezvous import as_uniform
from .ring import append_bytes, append_number, first_at_or_after, room_for_names

COLON = np.uint8(58)


@kernel
def number_name_points(names, offsets, counts):
    """Hash "i:name" by FNV-1a for i below each node's count, node after node: the points of buraksezer/consistent."""
    text = room_for_names(offsets)
    points = np.empty(counts.sum(), np.uint64)
    k = 0
    for node in range(len(counts)):
        for i in range(counts[node]):
            length = append_number(text, 0, i)
            text[length] = COLON
            length = append_bytes(text, length + 1, names, offsets[node], offsets[node + 1])
            points[k] = fnv1a_64_bytes(text, 0, length)
            k += 1
    return points


@inlined
def cap(balls, weight, weights, factor):
    """Return how many of so many balls a node may hold."""
    return np.int64(math.ceil(balls * weight / weights * factor))


@kernel
def caps(balls, weights, factor):
    """Return how many of so many balls each node may hold."""
    total = weights.sum()
    allowed = np.empty(len(weights), np.int64)
    for node in range(len(weights)):
        allowed[node] = cap(balls, weights[node], total, factor)
    return allowed


@kernel
def has_room(node, ball, loads, allowed, weights, total, factor, growing):
    """Tell whether a node may take the ball: under the caps of all balls, or of those so far and this one."""
    if growing:
        return loads[node] < cap(ball + 1, weights[node], total, factor)
    return loads[node] < allowed[node]


@kernel
def clock(ball, node, node_hashes, weights):
    return -math.log(as_uniform(fmix64(ball ^ node_hashes[node]))) / weights[node]


@kernel
def assign(hashes, points, owners, starts, bits, weights, factor, node_hashes, growing):
    """Return the node of each ball and how many points or nodes it asked.

    Caps are those of all balls, or grow with them. With `node_hashes` balls jump, without any they step.
    """
    shift = np.uint64(64 - bits)
    last = len(points) - 1
    total = weights.sum()
    allowed = caps(len(hashes), weights, factor)
    loads = np.zeros(len(weights), np.int64)
    found = np.empty(len(hashes), np.int32)
    asked = np.ones(len(hashes), np.int64)
    for i in range(len(hashes)):
        k = np.int64(first_at_or_after(hashes[i], points, starts, shift))
        node = owners[k]
        if len(node_hashes) == 0:
            while not has_room(node, i, loads, allowed, weights, total, factor, growing):
                k = k + 1 if k < last else 1  # the last point is the first one again
                node = owners[k]
                asked[i] += 1
        elif not has_room(node, i, loads, allowed, weights, total, factor, growing):
            home = node
            soonest = math.inf
            for other in range(len(weights)):
                rings = clock(hashes[i], other, node_hashes, weights)
                if rings < soonest and has_room(other, i, loads, allowed, weights, total, factor, growing):
                    soonest = rings
                    node = np.int32(other)
            for other in range(len(weights)):  # the full ones that were asked before
                asked[i] += other != home and clock(hashes[i], other, node_hashes, weights) <= soonest
        loads[node] += 1
        found[i] = node
    return found, asked


@kernel
def copies(hashes, first, points, owners, starts, bits, weights, factor, domains, n):
    """Return `n` nodes of distinct domains for each ball, the first as given.

    All balls get their second copy, then their third: clockwise on the first node of another domain with room for one
    more under the cap of so many copies, or if there is none on the first of another domain.
    """
    shift = np.uint64(64 - bits)
    last = len(points) - 1
    lists = np.empty((len(hashes), n), np.int32)
    lists[:, 0] = first
    loads = np.zeros(len(weights), np.int64)
    for node in first:
        loads[node] += 1
    seen_by = np.full(len(weights), -1, np.int64)  # the last walk that came past the node
    walk = 0
    for copy in range(1, n):
        allowed = caps((copy + 1) * len(hashes), weights, factor)
        for i in range(len(hashes)):
            k = np.int64(first_at_or_after(hashes[i], points, starts, shift))
            chosen = -1
            seen = 0
            while seen < len(weights):
                node = owners[k]
                if seen_by[node] != walk:
                    seen_by[node] = walk
                    seen += 1
                    fresh = True
                    for held in lists[i, :copy]:
                        fresh &= domains[held] != domains[node]
                    if fresh and (chosen < 0 or loads[node] < allowed[node]):
                        chosen = node
                        if loads[node] < allowed[node]:
                            break
                k = k + 1 if k < last else 1
            walk += 1
            lists[i, copy] = chosen
            loads[chosen] += 1
    return lists
