"""Policies that are queues: FIFO, LRU, CLOCK, SIEVE, S3-FIFO."""

import numpy as np

from scalemodel._jit import kernel

from .parts import PREVIOUS, column, compact, new_lists, push, ring_mask, unlink


@kernel
def fifo(ids, sizes, admit, objects, capacity, p, seed, out):
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    mask = ring_mask(min(objects, capacity))
    ring = np.empty(mask + 1, np.int32)
    present = np.zeros(objects, np.uint8)
    head, tail, occupied = 0, 0, 0
    for i in range(len(ids)):
        o = ids[i]
        out[i] = present[o]
        if present[o]:
            continue
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            victim = ring[tail & mask]
            tail += 1
            present[victim] = 0
            occupied -= held[victim & each]
        ring[head & mask] = o
        head += 1
        present[o] = 1
        held[o & each] = size
        occupied += size
    return head - tail, occupied, tail


@kernel
def lru(ids, sizes, admit, objects, capacity, p, seed, out):
    """No list: the trace itself is the queue, and an entry of it counts if it is the last of its object."""
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    last = np.full(objects, -1, np.int32)
    tail, occupied, resident, evictions = 0, 0, 0, 0
    for i in range(len(ids)):
        o = ids[i]
        if last[o] >= 0:
            last[o] = i
            out[i] = 1
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            victim = ids[tail]
            if last[victim] == tail:
                last[victim] = -1
                occupied -= held[victim & each]
                evictions += 1
                resident -= 1
            tail += 1
        last[o] = i
        held[o & each] = size
        occupied += size
        resident += 1
    return resident, occupied, evictions


@kernel
def clock(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: highest count of uses, 1 for one bit."""
    each, some = column(sizes), column(admit)
    most = np.uint8(p[0])
    held = np.ones(objects if each else 1, np.int64)
    mask = ring_mask(min(objects, capacity))
    ring = np.empty(mask + 1, np.int32)
    uses = np.zeros(objects, np.uint8)  # 0: absent, else one more than the count
    head, tail, occupied, evictions = 0, 0, 0, 0
    for i in range(len(ids)):
        o = ids[i]
        if uses[o]:
            out[i] = 1
            if uses[o] <= most:
                uses[o] += np.uint8(1)
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            victim = ring[tail & mask]
            tail += 1
            uses[victim] -= np.uint8(1)
            if uses[victim]:
                ring[head & mask] = victim
                head += 1
            else:
                occupied -= held[victim & each]
                evictions += 1
        ring[head & mask] = o
        head += 1
        uses[o] = 1
        held[o & each] = size
        occupied += size
    return head - tail, occupied, evictions


@kernel
def sieve(ids, sizes, admit, objects, capacity, p, seed, out):
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    links = new_lists(objects, 1)
    state = np.zeros(objects, np.uint8)  # 0: absent, 1: present, 2: visited
    hand, occupied, resident, evictions = objects, 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        if state[o]:
            out[i] = 1
            state[o] = 2
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            if hand == objects:
                hand = np.int64(links[objects, PREVIOUS])
            while state[hand] == 2:
                state[hand] = 1
                hand = np.int64(links[hand, PREVIOUS])
                if hand == objects:
                    hand = np.int64(links[objects, PREVIOUS])
            victim = hand
            hand = np.int64(links[victim, PREVIOUS])
            unlink(links, victim)
            state[victim] = 0
            occupied -= held[victim & each]
            resident -= 1
            evictions += 1
        push(links, objects, o)
        state[o] = 1
        held[o & each] = size
        occupied += size
        resident += 1
    return resident, occupied, evictions


@kernel
def s3fifo(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: share of the small queue, ghost size over the cache size, uses that lead into the main queue."""
    each, some = column(sizes), column(admit)
    small_capacity = np.int64(capacity * p[0])
    main_capacity = capacity - small_capacity
    largest = max(small_capacity - 1, 1)
    ghost_capacity = np.int64(capacity * p[1])
    threshold = np.uint8(p[2])
    held = np.ones(objects if each else 1, np.int64)
    mask = ring_mask(min(objects, capacity))
    small, main = np.empty(mask + 1, np.int32), np.empty(mask + 1, np.int32)
    where = np.zeros(objects, np.uint8)  # 0: absent, 4 + uses: in the small queue, 8 + uses: in the main queue
    ghosts = np.empty(2 * ring_mask(objects) + 2, np.int32)
    ghost_mask = len(ghosts) - 1
    ghost_at = np.full(objects, -1, np.int32)
    small_head, small_tail, small_bytes = 0, 0, 0
    main_head, main_tail, main_bytes = 0, 0, 0
    ghost_head, ghost_tail, ghost_bytes = 0, 0, 0
    evictions = 0
    from_small, full = False, False
    for i in range(len(ids)):
        o = ids[i]
        state = where[o]
        if state:
            out[i] = 1
            if state & 3 < 3:
                where[o] = state + np.uint8(1)
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > small_capacity or not admit[i & some]:
            continue
        remembered = ghost_at[o] >= 0
        if remembered:
            ghost_at[o] = -1
            ghost_bytes -= held[o & each]
        while small_bytes + main_bytes + size > capacity:
            full = True
            from_small = (from_small or main_bytes <= main_capacity) and small_head > small_tail
            if from_small:
                victim = small[small_tail & mask]
                small_tail += 1
                weight = held[victim & each]
                small_bytes -= weight
                if where[victim] & 3 >= threshold:
                    where[victim] = 8
                    main[main_head & mask] = victim
                    main_head += 1
                    main_bytes += weight
                    continue
                where[victim] = 0
                from_small = False
                evictions += 1
                if weight > ghost_capacity:
                    continue
                while ghost_bytes + weight > ghost_capacity:
                    old = ghosts[ghost_tail & ghost_mask]
                    if ghost_at[old] == ghost_tail:
                        ghost_at[old] = -1
                        ghost_bytes -= held[old & each]
                    ghost_tail += 1
                if ghost_head - ghost_tail > ghost_mask:
                    ghost_head = compact(ghosts, ghost_at, ghost_tail, ghost_head)
                ghosts[ghost_head & ghost_mask] = victim
                ghost_at[victim] = ghost_head
                ghost_head += 1
                ghost_bytes += weight
            else:
                victim = main[main_tail & mask]
                main_tail += 1
                if where[victim] & 3:
                    where[victim] -= np.uint8(1)
                    main[main_head & mask] = victim
                    main_head += 1
                else:
                    where[victim] = 0
                    main_bytes -= held[victim & each]
                    evictions += 1
        if size > largest:  # as large as the small queue: it has made room and does not enter
            continue
        held[o & each] = size
        if remembered or (not full and small_bytes >= small_capacity):
            where[o] = 8
            main[main_head & mask] = o
            main_head += 1
            main_bytes += size
        else:
            where[o] = 4
            small[small_head & mask] = o
            small_head += 1
            small_bytes += size
    return small_head - small_tail + main_head - main_tail, small_bytes + main_bytes, evictions
