"""What policies are made of: masks for constant columns, doubly linked lists, ghost queues, ordered sets of positions.

A list lives in ``links`` int32[m, 2] (next, previous), a node per object and, behind them, one sentinel per list, whose
next is the most recent node and whose previous is the oldest.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

U64 = np.uint64
NEXT, PREVIOUS = 0, 1

_options: Any = {"cache": True, "error_model": "numpy", "nogil": True, "no_cpython_wrapper": True}
helper = njit(**_options)
"""Like `kernel`, for what only other kernels call: without an entry from Python it compiles faster."""


@helper
def column(values):
    """Mask of the positions in a column: all bits, or none where it is a constant of length one."""
    return -1 if len(values) > 1 else 0


@helper
def ring_mask(n):
    """One less than the smallest power of two above `n`."""
    size = 1
    while size <= n:
        size *= 2
    return size - 1


@helper
def new_lists(objects, lists):
    links = np.empty((objects + lists, 2), np.int32)
    for head in range(objects, objects + lists):
        links[head, NEXT] = head
        links[head, PREVIOUS] = head
    return links


@helper
def push(links, head, node):
    """Make `node` the most recent of the list."""
    first = links[head, NEXT]
    links[node, NEXT] = first
    links[node, PREVIOUS] = head
    links[first, PREVIOUS] = node
    links[head, NEXT] = node


@helper
def unlink(links, node):
    after, before = links[node, NEXT], links[node, PREVIOUS]
    links[before, NEXT] = after
    links[after, PREVIOUS] = before


# --- queue of ghosts: evicted objects that are remembered, the oldest first -------------------------------------------


@helper
def compact(queue, at, tail, head):
    """Drop the entries of a full ring that are no longer those of their objects; return the new head."""
    mask = len(queue) - 1
    kept = tail
    for position in range(tail, head):
        o = queue[position & mask]
        if at[o] == position:
            queue[kept & mask] = o
            at[o] = kept
            kept += 1
    return kept


# --- set of positions, 64 to a word and 64 words to a word above ------------------------------------------------------


@intrinsic
def lowest_bit(typing_context, word):
    """Index of the lowest set bit of a uint64 that is not zero."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def leading_zeros(typing_context, word):
    """Zeros above the highest set bit of a uint64 that is not zero."""

    def generate(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def ones(typing_context, word):
    """Number of set bits of a uint64."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@helper
def new_positions(n):
    """Empty set over range(n): the words of all levels, and where each level begins."""
    begins = np.zeros(8, np.int64)
    levels, width, total = 0, n, 0
    while True:
        width = (width + 63) // 64
        begins[levels] = total
        total += width
        levels += 1
        if width == 1:
            break
    return np.zeros(total, np.uint64), begins[:levels].copy()


@helper
def add_position(words, begins, position):
    for level in range(len(begins)):
        at = begins[level] + (position >> 6)
        before = words[at]
        words[at] = before | (U64(1) << U64(position & 63))
        if before:
            return
        position >>= 6


@helper
def drop_position(words, begins, position):
    for level in range(len(begins)):
        at = begins[level] + (position >> 6)
        words[at] &= ~(U64(1) << U64(position & 63))
        if words[at]:
            return
        position >>= 6


@helper
def first_position(words, begins):
    """Smallest position of a set that is not empty."""
    at = 0
    for level in range(len(begins) - 1, -1, -1):
        at = at * 64 + lowest_bit(words[begins[level] + at])
    return at


@helper
def last_position(words, begins):
    """Largest position of a set that is not empty."""
    at = 0
    for level in range(len(begins) - 1, -1, -1):
        at = at * 64 + 63 - leading_zeros(words[begins[level] + at])
    return at


# --- heap of objects, the least (key, stamp) first --------------------------------------------------------------------


@helper
def heap_up(heap, place, key, stamp, at):
    """Move the entry at `at` up to where it belongs."""
    o = heap[at]
    while at > 0:
        above = (at - 1) >> 2
        other = heap[above]
        if key[other] < key[o] or (key[other] == key[o] and stamp[other] < stamp[o]):
            break
        heap[at] = other
        place[other] = at
        at = above
    heap[at] = o
    place[o] = at


@helper
def heap_down(heap, place, key, stamp, at, count):
    """Move the entry at `at` down to where it belongs."""
    o = heap[at]
    while True:
        first = 4 * at + 1
        if first >= count:
            break
        least = first
        best = heap[first]
        for child in range(first + 1, min(first + 4, count)):
            other = heap[child]
            if key[other] < key[best] or (key[other] == key[best] and stamp[other] < stamp[best]):
                least, best = child, other
        if key[o] < key[best] or (key[o] == key[best] and stamp[o] < stamp[best]):
            break
        heap[at] = best
        place[best] = at
        at = least
    heap[at] = o
    place[o] = at


@helper
def heap_remove(heap, place, key, stamp, at, count):
    """Take the entry at `at` out of a heap of `count`."""
    place[heap[at]] = -1
    last = heap[count - 1]
    if at == count - 1:
        return
    heap[at] = last
    place[last] = at
    heap_up(heap, place, key, stamp, at)
    heap_down(heap, place, key, stamp, np.int64(place[last]), count - 1)


# --- draws ------------------------------------------------------------------------------------------------------------


@helper
def draw(seed, counter):
    """Return a uint64 drawn by its number, by SplitMix64."""
    x = (seed + U64(counter + 1)) * U64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> U64(27))) * U64(0x94D049BB133111EB)
    return x ^ (x >> U64(31))


@helper
def below(bits, n):
    """Turn a draw into one of range(n)."""
    return np.int64((bits >> U64(32)) * U64(n) >> U64(32))
