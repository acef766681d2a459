"""The ring: points in order on a circle of 2^64, each owned by a node.

A key belongs to the first point at or after it. The top bits of a key select a bucket; ``starts`` says where the
bucket's points begin, so a look-up is one load and a short scan instead of a binary search. Four buckets a point keep
the scan so short that its branch is nearly always predicted. A last point of 2^64 - 1, owned like the first, stands
for the way around.
"""

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import xxh64_bytes

from .hashes import murmur2_bytes

ONE = np.uint64(1)
UNDERSCORE = np.uint8(95)
ZERO = np.uint8(48)
NINE = np.uint8(57)
UNIT = np.uint8(1)


@inlined
def append_number(text, length, number):
    """Write a number in decimal behind the first `length` bytes; return the new length."""
    digits = 1
    rest = number
    while rest >= 10:
        rest //= 10
        digits += 1
    rest = number
    for place in range(length + digits - 1, length - 1, -1):
        text[place] = ZERO + np.uint8(rest % 10)
        rest //= 10
    return length + digits


@inlined
def count_up(text, start, end):
    """Add one to the decimal number in ``text[start:end]``; return its new end."""
    place = end - 1
    while place >= start and text[place] == NINE:
        text[place] = ZERO
        place -= 1
    if place >= start:
        text[place] += UNIT
        return end
    text[start] = ZERO + UNIT  # all nines: a one, and a zero more
    text[end] = ZERO
    return end + 1


@inlined
def room_for_names(offsets):
    """Return a buffer for the longest name and a number behind it."""
    longest = 0  # by loops here and below: numba takes seconds to compile np.diff, and slices that are assigned
    for k in range(len(offsets) - 1):
        longest = max(longest, offsets[k + 1] - offsets[k])
    return np.empty(longest + 20, np.uint8)


@inlined
def append_bytes(text, length, data, start, stop):
    """Write bytes behind the first `length`; return the new length."""
    for i in range(start, stop):
        text[length + i - start] = data[i]
    return length + stop - start


@kernel
def name_points(names, offsets, counts, seed, murmur2):
    """Hash "name_i" for i below each node's count, node after node: where Envoy puts a host's points."""
    text = room_for_names(offsets)
    points = np.empty(counts.sum(), np.uint64)
    k = 0
    for node in range(len(counts)):
        length = offsets[node + 1] - offsets[node]
        append_bytes(text, 0, names, offsets[node], offsets[node + 1])
        text[length] = UNDERSCORE
        text[length + 1] = ZERO
        end = length + 2
        for _ in range(counts[node]):
            points[k] = murmur2_bytes(text, 0, end, seed) if murmur2 else xxh64_bytes(text, 0, end, seed)
            end = count_up(text, length + 1, end)
            k += 1
    return points


@kernel
def sort_points(points, owners, bits):
    """Sort points and owners, and tell where each bucket of the top bits begins; equal points stay as they came.

    Points go into the buckets, from the last to the first, which leaves each bucket's end at its begin. There are more
    buckets than points, so that a few steps of insertion sort are left.
    """
    n = len(points)
    shift = np.uint64(64 - bits)
    starts = np.zeros((1 << bits) + 1, np.int32)
    for point in points:
        starts[np.int64(point >> shift)] += 1
    end = np.int32(0)
    for bucket in range((1 << bits) + 1):
        end += starts[bucket]
        starts[bucket] = end
    ordered = np.empty(n + 1, np.uint64)
    ordered_owners = np.empty(n + 1, np.int32)
    for i in range(n - 1, -1, -1):
        bucket = np.int64(points[i] >> shift)
        at = starts[bucket] - 1
        starts[bucket] = at
        ordered[at] = points[i]
        ordered_owners[at] = owners[i]
    for i in range(1, n):
        point = ordered[i]
        if ordered[i - 1] > point:
            owner, k = ordered_owners[i], i
            while k > 0 and ordered[k - 1] > point:
                ordered[k] = ordered[k - 1]
                ordered_owners[k] = ordered_owners[k - 1]
                k -= 1
            ordered[k] = point
            ordered_owners[k] = owner
    ordered[n] = np.uint64(0xFFFFFFFFFFFFFFFF)
    ordered_owners[n] = ordered_owners[0]
    return ordered, ordered_owners, starts


@inlined
def first_at_or_after(key, points, starts, shift):
    """Return the position of the key's point; positions are unsigned, which spares the test for negative ones."""
    k = np.uint64(starts[key >> shift])
    k += np.uint64(points[k] < key)  # often the one step needed, and no branch
    while points[k] < key:
        k += ONE
    return k


@kernel
def lookup(hashes, points, owners, starts, bits):
    """Return the owner of the first point at or after each hashed key."""
    shift = np.uint64(64 - bits)
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        found[i] = owners[first_at_or_after(hashes[i], points, starts, shift)]
    return found


@kernel
def replicas(hashes, points, owners, starts, bits, domains, n):
    """Walk clockwise from each key and take the first `n` owners of distinct domains."""
    shift = np.uint64(64 - bits)
    last = len(points) - 1
    found = np.empty((len(hashes), n), np.int32)
    taken_by = np.full(domains.max() + 1, -1, np.int64)  # the last key that used the domain
    for i in range(len(hashes)):
        k = np.int64(first_at_or_after(hashes[i], points, starts, shift))
        chosen = 0
        while chosen < n:
            node = owners[k]
            if taken_by[domains[node]] != i:
                taken_by[domains[node]] = i
                found[i, chosen] = node
                chosen += 1
            k = k + 1 if k < last else 1  # the last point is the first one again
    return found
