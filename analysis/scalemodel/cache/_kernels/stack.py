"""Stack distances of LRU: how much was used since the last use of the same object, itself included.

Every request takes the next slot of a time axis; the last use of each object is marked there, so that a distance is the
number (or the size) of the marks from the last use on. The axis has room for four times the objects; when it is full,
the marks are moved together, so that memory does not grow with the trace.
"""

import numpy as np

from scalemodel._jit import kernel

from .parts import U64, helper, ones


@kernel
def object_distances(ids, objects):
    """Count the requests by distance, ``int64[objects + 1]``; first requests are at 0.

    Marks are bits; a Fenwick tree holds how many there are in each word of 64.
    """
    words_count = 1
    while words_count * 64 < 4 * objects + 64:
        words_count *= 2
    slots = words_count * 64
    words = np.zeros(words_count, np.uint64)
    tree = np.zeros(words_count + 1, np.int32)
    owner = np.empty(slots, np.int32)
    slot_of = np.full(objects, -1, np.int32)
    counts = np.zeros(objects + 1, np.int64)
    live, now = 0, 0
    for i in range(len(ids)):
        if now == slots:
            now = _gather_bits(words, tree, owner, slot_of)
        o = ids[i]
        before = slot_of[o]
        word = now >> 6
        if before < 0:
            counts[0] += 1
            live += 1
            _add(tree, word, 1)
        else:
            old = before >> 6
            bit = U64(before & 63)
            below = ones(words[old] & ((U64(1) << bit) - U64(1)))
            at = old
            while at > 0:  # marks in the words before
                below += tree[at]
                at &= at - 1
            counts[live - below] += 1
            words[old] ^= U64(1) << bit
            if old != word:
                _add(tree, old, -1)
                _add(tree, word, 1)
        words[word] |= U64(1) << U64(now & 63)
        owner[now] = o
        slot_of[o] = now
        now += 1
    return counts


@helper
def _add(tree, word, change):
    at = word + 1
    while at < len(tree):
        tree[at] += change
        at += at & -at


@helper
def _gather_bits(words, tree, owner, slot_of):
    """Move the marks to the beginning of the axis; return how many there are."""
    kept = 0
    for slot in range(len(owner)):
        o = owner[slot]
        if slot_of[o] == slot:
            owner[kept] = o
            slot_of[o] = kept
            kept += 1
    words[:] = U64(0)
    tree[:] = 0
    for slot in range(kept):
        words[slot >> 6] |= U64(1) << U64(slot & 63)
    for word in range(len(words)):
        tree[word + 1] += ones(words[word])
        above = word + 1 + ((word + 1) & -(word + 1))
        if above < len(tree):
            tree[above] += tree[word + 1]
    return kept


@kernel
def byte_distances(ids, sizes, objects):
    """Distance of each request in bytes, ``int64[n]``; 0 for first requests. A Fenwick tree holds sizes by slot."""
    slots = 4 * objects + 64
    tree = np.zeros(slots + 1, np.int64)
    owner = np.empty(slots, np.int32)
    slot_of = np.full(objects, -1, np.int32)
    weight = np.zeros(objects, np.int64)
    out = np.zeros(len(ids), np.int64)
    total, now = 0, 0
    for i in range(len(ids)):
        if now == slots:
            now = _gather_sizes(tree, owner, slot_of, weight)
        o = ids[i]
        before = slot_of[o]
        if before >= 0:
            below = 0
            at = before
            while at > 0:
                below += tree[at]
                at &= at - 1
            out[i] = total - below
            at = before + 1
            while at <= slots:
                tree[at] -= weight[o]
                at += at & -at
            total -= weight[o]
        weight[o] = sizes[i]
        total += weight[o]
        at = now + 1
        while at <= slots:
            tree[at] += weight[o]
            at += at & -at
        owner[now] = o
        slot_of[o] = now
        now += 1
    return out


@helper
def _gather_sizes(tree, owner, slot_of, weight):
    kept = 0
    for slot in range(len(owner)):
        o = owner[slot]
        if slot_of[o] == slot:
            owner[kept] = o
            slot_of[o] = kept
            kept += 1
    tree[:] = 0
    for slot in range(len(owner)):
        if slot < kept:
            tree[slot + 1] += weight[owner[slot]]
        above = slot + 1 + ((slot + 1) & -(slot + 1))
        if above < len(tree):
            tree[above] += tree[slot + 1]
    return kept


@kernel
def of_class(ids, classes, wanted, numbers):
    """Pick the requests for the objects of one class; return their positions and numbers anew.

    ``numbers`` int32[objects] is room to work in.
    """
    numbers[:] = -1
    found = 0
    for i in range(len(ids)):
        found += classes[ids[i]] == wanted
    positions = np.empty(found, np.int64)
    fresh = np.empty(found, np.int32)
    found, count = 0, 0
    for i in range(len(ids)):
        o = ids[i]
        if classes[o] == wanted:
            if numbers[o] < 0:
                numbers[o] = count
                count += 1
            positions[found] = i
            fresh[found] = numbers[o]
            found += 1
    return positions, fresh, count


@kernel
def reuse_times(ids, objects):
    """Count the requests by the requests since the last for the same object, ``int64[n + 1]``; first ones at 0."""
    counts = np.zeros(len(ids) + 1, np.int64)
    seen = np.full(objects, -1, np.int32)
    for i in range(len(ids)):
        o = ids[i]
        counts[i - seen[o] if seen[o] >= 0 else 0] += 1
        seen[o] = i
    return counts
