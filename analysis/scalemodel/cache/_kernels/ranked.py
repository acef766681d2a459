"""Policies that evict the first or last of an order: GDSF, LRU-K and Belady, and those that draw a few to compare."""

import numpy as np

from scalemodel._jit import kernel

from .parts import (
    PREVIOUS,
    add_position,
    below,
    column,
    draw,
    drop_position,
    first_position,
    heap_down,
    heap_remove,
    heap_up,
    last_position,
    new_lists,
    new_positions,
    push,
    unlink,
)

NEVER = np.int32(2**31 - 1)


@kernel
def gdsf(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: exponent of the size in an object's cost; 0 counts misses and 1 missed bytes."""
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    worth = np.ones(objects if each else 1)  # of a use: size^(cost - 1)
    heap = np.empty(min(objects, capacity), np.int32)
    place = np.full(objects, -1, np.int32)
    key = np.zeros(objects)
    stamp = np.zeros(objects, np.int64)
    uses = np.zeros(objects, np.int64)
    age = 0.0
    occupied, resident, evictions = 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        if place[o] >= 0:
            out[i] = 1
            uses[o] += 1
            key[o] = age + uses[o] * worth[o & each]
            stamp[o] = i
            heap_down(heap, place, key, stamp, np.int64(place[o]), resident)
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            victim = np.int64(heap[0])
            age = key[victim]
            heap_remove(heap, place, key, stamp, 0, resident)
            occupied -= held[victim & each]
            resident -= 1
            evictions += 1
        held[o & each] = size
        uses[o] = 1
        worth[o & each] = np.float64(size) ** (p[0] - 1.0)
        key[o] = age + worth[o & each]
        stamp[o] = i
        heap[resident] = o
        resident += 1
        heap_up(heap, place, key, stamp, resident - 1)
        occupied += size
    return resident, occupied, evictions


@kernel
def lru_k(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: K. The backward K-distance is the position of the K-th last use, an element of an ordered set."""
    depth = np.int64(p[0])
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    recent = np.full((objects, depth), -1, np.int32)  # a ring of the last K uses
    uses = np.zeros(objects, np.int64)  # since it was stored; 0: absent
    links = new_lists(objects, 1)  # those with fewer than K uses
    words, begins = new_positions(len(ids))
    occupied, resident, evictions = 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        count = uses[o]
        if count:
            out[i] = 1
            if count >= depth:
                drop_position(words, begins, np.int64(recent[o, count % depth]))
            else:
                unlink(links, o)
            recent[o, count % depth] = i
            count += 1
            uses[o] = count
            if count >= depth:
                add_position(words, begins, np.int64(recent[o, count % depth]))
            else:
                push(links, objects, o)
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            victim = np.int64(links[objects, PREVIOUS])
            if victim < objects:
                unlink(links, victim)
            else:
                position = first_position(words, begins)
                victim = np.int64(ids[position])
                drop_position(words, begins, position)
            uses[victim] = 0
            occupied -= held[victim & each]
            resident -= 1
            evictions += 1
        recent[o, 0] = i
        uses[o] = 1
        if depth == 1:
            add_position(words, begins, i)
        else:
            push(links, objects, o)
        held[o & each] = size
        occupied += size
        resident += 1
    return resident, occupied, evictions


@kernel
def next_uses(ids, objects):
    """Position of the next request for the same object, `NEVER` after the last."""
    following = np.empty(len(ids), np.int32)
    seen = np.full(objects, NEVER, np.int32)
    for i in range(len(ids) - 1, -1, -1):
        following[i] = seen[ids[i]]
        seen[ids[i]] = i
    return following


@kernel
def belady(ids, sizes, admit, objects, capacity, p, seed, out):
    """The next uses of what is cached are an ordered set of positions; what has none is in a list of its own."""
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    following = next_uses(ids, objects)
    words, begins = new_positions(len(ids))
    present = np.zeros(objects, np.uint8)
    links = new_lists(objects, 1)
    occupied, resident, evictions = 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        if present[o]:
            out[i] = 1
            drop_position(words, begins, i)
        else:
            out[i] = 0
            size = sizes[i & each]
            if size > capacity or not admit[i & some]:
                continue
            while occupied + size > capacity:
                victim = np.int64(links[objects, PREVIOUS])
                if victim < objects:
                    unlink(links, victim)
                else:
                    position = last_position(words, begins)
                    drop_position(words, begins, position)
                    victim = np.int64(ids[position])
                present[victim] = 0
                occupied -= held[victim & each]
                resident -= 1
                evictions += 1
            present[o] = 1
            held[o & each] = size
            occupied += size
            resident += 1
        if following[i] < NEVER:
            add_position(words, begins, np.int64(following[i]))
        else:
            push(links, objects, o)
    return resident, occupied, evictions


LEAST_USED, FARTHEST_BYTES, ANY = 0, 1, 2


@kernel
def sampled(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: what is compared (hyperbolic, size-aware Belady, nothing), how many are drawn, weight of the size."""
    kind, draws, by_size = np.int64(p[0]), np.int64(p[1]), p[2]
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    following = next_uses(ids, objects) if kind == FARTHEST_BYTES else np.empty(0, np.int32)
    cached = np.empty(min(objects, capacity), np.int32)
    place = np.full(objects, -1, np.int32)
    since = np.zeros(objects if kind != ANY else 0, np.int32)  # of its storing, or its next use
    uses = np.zeros(objects if kind == LEAST_USED else 0, np.int32)
    occupied, resident, evictions, counter = 0, 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        if place[o] >= 0:
            out[i] = 1
            if kind == LEAST_USED:
                uses[o] += 1
            elif kind == FARTHEST_BYTES:
                since[o] = following[i]
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            every = resident <= draws and kind != ANY
            worst, victim = -np.inf, 0
            for k in range(resident if every else draws):
                at = k
                if not every:
                    at = below(draw(seed, counter), resident)
                    counter += 1
                other = cached[at]
                score = 0.0
                if kind == LEAST_USED:
                    score = (i - since[other]) / np.float64(uses[other])
                elif kind == FARTHEST_BYTES:
                    score = np.inf if since[other] == NEVER else np.float64(since[other] - i)
                if by_size != 0.0:
                    score *= np.float64(held[other & each]) ** by_size
                if score > worst:
                    worst, victim = score, at
            gone = cached[victim]
            resident -= 1
            evictions += 1
            last = cached[resident]
            cached[victim] = last
            place[last] = victim
            place[gone] = -1
            occupied -= held[gone & each]
        cached[resident] = o
        place[o] = resident
        resident += 1
        if kind == LEAST_USED:
            since[o] = i
            uses[o] = 1
        elif kind == FARTHEST_BYTES:
            since[o] = following[i]
        held[o & each] = size
        occupied += size
    return resident, occupied, evictions
