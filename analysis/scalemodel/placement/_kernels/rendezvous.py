"""Rendezvous (highest random weight): every node draws a score for the key, the best score owns it.

The score of a node is ``fmix64(key ^ node)``; as a uniform u it becomes an exponential clock ``-ln(u) / weight``, and
the clock that rings first wins. With equal weights that is the largest score, and no logarithm is needed. Clocks that
are equal as floats are told apart by their scores, then by the order of the nodes.
"""

import math

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import fmix64

BLOCK = 256  # keys per tile: their best scores stay in the first-level cache while all nodes pass by
SLACK = 1.0 + 1e-12  # wider than the rounding of the bound below
HALF = np.uint64(11)


@inlined
def as_uniform(score):
    """Map a score to the open interval (0, 1)."""
    return (np.float64(score >> HALF) + 0.5) * 2.0**-53


@kernel
def lookup_equal(hashes, node_hashes):
    """Return the node with the largest score for each hashed key."""
    found = np.empty(len(hashes), np.int32)
    best = np.empty(BLOCK, np.uint64)
    for start in range(0, len(hashes), BLOCK):
        size = min(BLOCK, len(hashes) - start)
        keys = hashes[start : start + size]
        winner = found[start : start + size]
        for j in range(size):
            best[j] = fmix64(keys[j] ^ node_hashes[0])
            winner[j] = 0
        for node in range(1, len(node_hashes)):
            salt = node_hashes[node]
            for j in range(size):  # keys innermost: this loop is vectorised
                score = fmix64(keys[j] ^ salt)
                better = score > best[j]
                best[j] = score if better else best[j]
                winner[j] = np.int32(node) if better else winner[j]
    return found


@kernel
def lookup_weighted(hashes, node_hashes, weights):
    """Return the node whose clock rings first for each hashed key."""
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        first = math.inf
        first_score = np.uint64(0)
        winner = 0
        for node in range(len(node_hashes)):
            score = fmix64(hashes[i] ^ node_hashes[node])
            u = as_uniform(score)
            # 1 - u <= -ln(u): most nodes are out without a logarithm
            if (1.0 - u) > first * weights[node] * SLACK:
                continue
            clock = -math.log(u) / weights[node]
            if clock < first or (clock == first and score > first_score):
                first = clock
                first_score = score
                winner = node
        found[i] = winner
    return found


@kernel
def replicas(hashes, node_hashes, weights, domains, n):
    """Return the first `n` nodes of distinct domains, in the order in which their clocks ring."""
    found = np.empty((len(hashes), n), np.int32)
    clocks = np.empty(n + 1, np.float64)  # the earliest so far, in order; one place more to insert into
    scores = np.empty(n + 1, np.uint64)
    nodes = np.empty(n + 1, np.int32)
    for i in range(len(hashes)):
        held = 0
        for node in range(len(node_hashes)):
            score = fmix64(hashes[i] ^ node_hashes[node])
            u = as_uniform(score)
            if held == n and (1.0 - u) > clocks[n - 1] * weights[node] * SLACK:
                continue
            clock = -math.log(u) / weights[node]
            at = held
            while at > 0 and (clock < clocks[at - 1] or (clock == clocks[at - 1] and score > scores[at - 1])):
                at -= 1
            stop = held  # one domain, one place: the later of two of a domain leaves, or else the last
            for k in range(held):
                if domains[nodes[k]] == domains[node]:
                    stop = k
            if stop < at:
                continue
            for k in range(stop, at, -1):
                clocks[k] = clocks[k - 1]
                scores[k] = scores[k - 1]
                nodes[k] = nodes[k - 1]
            clocks[at] = clock
            scores[at] = score
            nodes[at] = node
            if stop == held:
                held = min(held + 1, n)
        found[i] = nodes[:n]
    return found
