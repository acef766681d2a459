"""Rendezvous as clandestined has it: the score of a node is the 32-bit murmur3 of "node-key", and the largest wins.

What a node's name does to the hash is done once. A key's words are the same for all nodes whose "node-" leaves the same
remainder by 4, so such nodes stand together and one loop over them per word is vectorised. Of equal scores the node of
the higher rank wins.
"""

import math

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import word32

from .hashes import last_bytes

U32 = np.uint32


@inlined
def rotate(x, bits):
    return U32(U32(x << U32(bits)) | (x >> U32(32 - bits)))


@inlined
def scramble(word):
    return U32(rotate(U32(word * U32(0xCC9E2D51)), 15) * U32(0x1B873593))


@inlined
def mix(h, scrambled):
    return U32(rotate(U32(h ^ scrambled), 13) * U32(5) + U32(0xE6546B64))


@inlined
def finish(h):
    h = U32(U32(h ^ (h >> U32(16))) * U32(0x85EBCA6B))
    h = U32(U32(h ^ (h >> U32(13))) * U32(0xC2B2AE35))
    return U32(h ^ (h >> U32(16)))


@kernel
def prefixes(data, offsets, seed):
    """Return murmur3's state after the whole words of each text, the bytes that remain, and the length in bytes."""
    n = len(offsets) - 1
    states = np.empty(n, np.uint32)
    tails = np.zeros(n, np.uint32)
    lengths = np.empty(n, np.uint32)
    for k in range(n):
        h = U32(seed)
        i = offsets[k]
        while i + 4 <= offsets[k + 1]:
            h = mix(h, scramble(word32(data, i)))
            i += 4
        states[k] = h
        for j in range(offsets[k + 1] - i):
            tails[k] |= U32(U32(data[i + j]) << U32(8 * j))
        lengths[k] = U32(offsets[k + 1] - offsets[k])
    return states, tails, lengths


@kernel
def decimals(numbers):
    """Write each number in decimal, one after the other; return the bytes and where each begins."""
    offsets = np.zeros(len(numbers) + 1, np.int64)
    for k in range(len(numbers)):
        digits = 1
        rest = numbers[k] // np.uint64(10)
        while rest > np.uint64(0):
            digits += 1
            rest //= np.uint64(10)
        offsets[k + 1] = offsets[k] + digits
    data = np.empty(offsets[-1], np.uint8)
    for k in range(len(numbers)):
        rest = numbers[k]
        for at in range(offsets[k + 1] - 1, offsets[k] - 1, -1):
            data[at] = np.uint8(np.uint64(48) + rest % np.uint64(10))
            rest //= np.uint64(10)
    return data, offsets


@inlined
def score(scores, data, start, stop, states, tails, lengths, groups):
    """Score all nodes for the key ``data[start:stop]``; a group of nodes is of one remainder.

    Nodes are counted unsigned, which spares the test for negative positions: all loops over them are vectorised.
    """
    size = stop - start
    for ahead in range(4):
        low, high = np.uint64(groups[ahead]), np.uint64(groups[ahead + 1])
        if low == high:
            continue
        # the first word fills up the node's tail, then come whole words, and the last is a part of one, or empty
        head = min(4 - ahead, size)
        first = U32(last_bytes(data, start, start + head) << np.uint64(8 * ahead))
        rest = start + head
        if ahead + size < 4:
            for i in range(low, high):
                h = U32(states[i] ^ scramble(U32(tails[i] | first)))
                scores[i] = finish(U32(h ^ U32(lengths[i] + U32(size))))
            continue
        for i in range(low, high):
            scores[i] = mix(states[i], scramble(U32(tails[i] | first)))
        while rest + 4 <= stop:
            middle = scramble(word32(data, rest))
            rest += 4
            for i in range(low, high):
                scores[i] = mix(scores[i], middle)
        last = scramble(U32(last_bytes(data, rest, stop)))
        for i in range(low, high):
            scores[i] = finish(U32(U32(scores[i] ^ last) ^ U32(lengths[i] + U32(size))))


@kernel
def largest(scores):
    best = U32(0)
    for i in range(len(scores)):
        best = max(best, scores[i])
    return best


@kernel
def highest_rank(scores, ranks, best):
    """Return the highest rank of those with the best score."""
    highest = np.int32(-1)
    for i in range(len(scores)):
        rank = ranks[i] if scores[i] == best else np.int32(-1)
        highest = rank if rank > highest else highest
    return highest


@kernel
def lookup_equal(data, offsets, states, tails, lengths, groups, ranks):
    """Return the rank of the node with the largest score for each key."""
    scores = np.empty(len(states), np.uint32)
    found = np.empty(len(offsets) - 1, np.int32)
    for k in range(len(found)):
        score(scores, data, offsets[k], offsets[k + 1], states, tails, lengths, groups)
        found[k] = highest_rank(scores, ranks, largest(scores))
    return found


@kernel
def replicas(data, offsets, states, tails, lengths, groups, ranks, weights, domains, n):
    """Return the ranks of the first `n` nodes of distinct domains, by exponential clocks ``-ln(u) / weight``.

    Weights and domains are in the order of the states.
    """
    scores = np.empty(len(states), np.uint32)
    clocks = np.empty(len(states), np.float64)
    found = np.empty((len(offsets) - 1, n), np.int32)
    for k in range(len(found)):
        score(scores, data, offsets[k], offsets[k + 1], states, tails, lengths, groups)
        for i in range(len(scores)):
            clocks[i] = -math.log((np.float64(scores[i]) + 0.5) * 2.0**-32) / weights[i]
        for chosen in range(n):
            first = -1
            for i in range(len(scores)):
                sooner = first < 0 or clocks[i] < clocks[first]
                if clocks[i] < math.inf and (sooner or (clocks[i] == clocks[first] and ranks[i] > ranks[first])):
                    first = i
            found[k, chosen] = ranks[first]
            for i in range(len(scores)):
                if domains[i] == domains[first]:
                    clocks[i] = math.inf
    return found
