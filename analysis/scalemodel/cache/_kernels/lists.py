"""Policies that keep lists in order of use: LFU, SLRU, 2Q, ARC, LIRS, k-LRU, W-TinyLFU, LeCaR."""

import math

import numpy as np

from scalemodel._jit import kernel

from .parts import (
    NEXT,
    PREVIOUS,
    U64,
    column,
    draw,
    heap_down,
    heap_remove,
    heap_up,
    helper,
    new_lists,
    push,
    unlink,
)


@kernel
def lfu(ids, sizes, admit, objects, capacity, p, seed, out):
    """A list of buckets, one per count of uses that occurs, each with its objects in the order in which they came."""
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    most = min(objects, capacity) + 2
    links = new_lists(objects, most)  # sentinel of bucket b: objects + b; bucket 0 is the end of the chain of buckets
    chain = new_lists(0, most)  # next: of the higher count
    uses = np.zeros(most, np.int64)
    free = np.arange(most - 1, 0, -1).astype(np.int32)
    free_count = most - 1
    bucket = np.zeros(objects, np.int32)
    chain[0, NEXT] = chain[0, PREVIOUS] = 0
    occupied, resident, evictions = 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        old = np.int64(bucket[o])
        if old:
            out[i] = 1
            count = uses[old] + 1
            above = np.int64(chain[old, NEXT])
            alone = links[objects + old, NEXT] == links[objects + old, PREVIOUS]
            if above == 0 or uses[above] != count:
                if alone:
                    uses[old] = count
                    continue
                free_count -= 1
                above = np.int64(free[free_count])
                uses[above] = count
                insert_after(chain, old, above)
            unlink(links, o)
            push(links, objects + above, o)
            bucket[o] = above
            if alone:
                unlink(chain, old)
                free[free_count] = old
                free_count += 1
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        while occupied + size > capacity:
            lowest = np.int64(chain[0, NEXT])
            victim = np.int64(links[objects + lowest, PREVIOUS])
            unlink(links, victim)
            bucket[victim] = 0
            if links[objects + lowest, NEXT] == objects + lowest:
                unlink(chain, lowest)
                free[free_count] = lowest
                free_count += 1
            occupied -= held[victim & each]
            resident -= 1
            evictions += 1
        lowest = np.int64(chain[0, NEXT])
        if lowest == 0 or uses[lowest] != 1:
            free_count -= 1
            lowest = np.int64(free[free_count])
            uses[lowest] = 1
            insert_after(chain, 0, lowest)
        push(links, objects + lowest, o)
        bucket[o] = lowest
        held[o & each] = size
        occupied += size
        resident += 1
    return resident, occupied, evictions


@helper
def insert_after(chain, node, new):
    after = chain[node, NEXT]
    chain[new, NEXT] = after
    chain[new, PREVIOUS] = node
    chain[after, PREVIOUS] = new
    chain[node, NEXT] = new


@kernel
def slru(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: share of the cache of each segment, from probation up."""
    each, some = column(sizes), column(admit)
    segments = len(p)
    held = np.ones(objects if each else 1, np.int64)
    links = new_lists(objects, segments)
    limit = np.empty(segments, np.int64)
    limit[:] = capacity * p
    inside = np.zeros(segments, np.int64)
    segment = np.full(objects, -1, np.int8)
    occupied, resident, evictions = 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        at = np.int64(segment[o])
        if at >= 0:
            out[i] = 1
            size = held[o & each]
            to = min(at + 1, segments - 1)
            if size > limit[to]:
                to = at
            unlink(links, o)
            push(links, objects + to, o)
            inside[at] -= size
            inside[to] += size
            segment[o] = to
            for level in range(to, 0, -1):
                while inside[level] > limit[level]:
                    oldest = np.int64(links[objects + level, PREVIOUS])
                    unlink(links, oldest)
                    push(links, objects + level - 1, oldest)
                    segment[oldest] = level - 1
                    inside[level] -= held[oldest & each]
                    inside[level - 1] += held[oldest & each]
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > limit[0] or not admit[i & some]:
            continue
        while occupied + size > capacity:
            level = 0
            while inside[level] == 0:
                level += 1
            victim = np.int64(links[objects + level, PREVIOUS])
            unlink(links, victim)
            segment[victim] = -1
            inside[level] -= held[victim & each]
            occupied -= held[victim & each]
            resident -= 1
            evictions += 1
        level = 0  # as long as the cache fills, a segment with room
        while level < segments - 1 and inside[level] + size > limit[level]:
            level += 1
        if inside[level] + size > limit[level]:
            level = 0
        push(links, objects + level, o)
        segment[o] = level
        held[o & each] = size
        inside[level] += size
        occupied += size
        resident += 1
    return resident, occupied, evictions


@kernel
def two_queues(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: share of the queue A1in, size of the ghost queue A1out over the cache size."""
    each, some = column(sizes), column(admit)
    young_limit = np.int64(capacity * p[0])
    ghost_limit = np.int64(capacity * p[1])
    held = np.ones(objects if each else 1, np.int64)
    links = new_lists(objects, 3)
    old_head, young_head, ghost_head = objects, objects + 1, objects + 2
    where = np.zeros(objects, np.uint8)  # 1: A1in, 2: Am, 3: A1out
    young, old, ghosts, resident, evictions = 0, 0, 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        state = where[o]
        if state == 1 or state == 2:
            out[i] = 1
            if state == 2:
                unlink(links, o)
                push(links, old_head, o)
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > (capacity if state == 3 else young_limit) or not admit[i & some]:
            continue
        if state == 3:
            unlink(links, o)
            ghosts -= held[o & each]
        while young + old + size > capacity:
            if young > young_limit or old == 0:
                victim = np.int64(links[young_head, PREVIOUS])
                unlink(links, victim)
                weight = held[victim & each]
                young -= weight
                where[victim] = 0
                if weight <= ghost_limit:
                    while ghosts + weight > ghost_limit:
                        forgotten = np.int64(links[ghost_head, PREVIOUS])
                        unlink(links, forgotten)
                        where[forgotten] = 0
                        ghosts -= held[forgotten & each]
                    push(links, ghost_head, victim)
                    where[victim] = 3
                    ghosts += weight
            else:
                victim = np.int64(links[old_head, PREVIOUS])
                unlink(links, victim)
                where[victim] = 0
                old -= held[victim & each]
            resident -= 1
            evictions += 1
        held[o & each] = size
        resident += 1
        if state == 3:
            push(links, old_head, o)
            where[o] = 2
            old += size
        else:
            push(links, young_head, o)
            where[o] = 1
            young += size
    return resident, young + old, evictions


@kernel
def arc(ids, sizes, admit, objects, capacity, p, seed, out):
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    links = new_lists(objects, 5)
    where = np.zeros(objects, np.uint8)  # 1: T1, 2: T2, 3: B1, 4: B2
    inside = np.zeros(5, np.int64)
    target = 0.0
    resident, evictions = 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        state = where[o]
        if state == 1 or state == 2:
            out[i] = 1
            unlink(links, o)
            push(links, objects + 2, o)
            where[o] = 2
            inside[state] -= held[o & each]
            inside[2] += held[o & each]
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        if state == 3:
            target = min(target + max(1.0, inside[4] / inside[3]) * size, float(capacity))
        elif state == 4:
            target = max(target - max(1.0, inside[3] / inside[4]) * size, 0.0)
        if state:
            unlink(links, o)
            where[o] = 0
            inside[state] -= held[o & each]
        while inside[1] + inside[2] + size > capacity:
            if not state:
                if inside[1] + inside[3] + size > capacity:
                    if not inside[3]:
                        drop(links, where, inside, held, each, objects, 1)
                        resident -= 1
                        evictions += 1
                        continue
                    drop(links, where, inside, held, each, objects, 3)
                elif inside[4] and inside[1] + inside[2] + inside[3] + inside[4] + size > 2 * capacity:
                    drop(links, where, inside, held, each, objects, 4)
            of = 1 if inside[1] and (inside[1] > target or (state == 4 and inside[1] == target) or not inside[2]) else 2
            victim = np.int64(links[objects + of, PREVIOUS])
            unlink(links, victim)
            push(links, objects + of + 2, victim)
            where[victim] = of + 2
            inside[of] -= held[victim & each]
            inside[of + 2] += held[victim & each]
            resident -= 1
            evictions += 1
        to = 2 if state else 1
        push(links, objects + to, o)
        where[o] = to
        held[o & each] = size
        inside[to] += size
        resident += 1
    return resident, inside[1] + inside[2], evictions


@helper
def drop(links, where, inside, held, each, objects, of):
    """Forget the oldest of a list."""
    oldest = np.int64(links[objects + of, PREVIOUS])
    unlink(links, oldest)
    where[oldest] = 0
    inside[of] -= held[oldest & each]


@kernel
def lirs(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: share of the resident HIR blocks, bound of the non-resident ones over the cache size.

    Stack S holds LIR blocks and recent HIR blocks, queue Q the resident HIR blocks, list R the non-resident ones of S
    in the order in which they lost their residence. A node has a place in S and one in Q or R.
    """
    each, some = column(sizes), column(admit)
    hir_limit = max(np.int64(capacity * p[0]), 1)
    lir_limit = capacity - hir_limit
    ghost_limit = capacity * p[1]
    held = np.ones(objects if each else 1, np.int64)
    stack = new_lists(objects, 1)
    queue = new_lists(objects, 2)
    gone = objects + 1
    where = np.zeros(objects, np.uint8)  # 1: LIR, 2: resident HIR, 3: non-resident HIR
    stacked = np.zeros(objects, np.uint8)
    lir, hir, ghosts, resident, evictions = 0, 0, 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        state = where[o]
        if state == 1:
            out[i] = 1
            bottom = stack[objects, PREVIOUS] == o
            unlink(stack, o)
            push(stack, objects, o)
            if bottom:
                ghosts -= prune(stack, queue, where, stacked, held, each, objects)
            continue
        if state == 2:
            out[i] = 1
            unlink(queue, o)
            if not stacked[o]:
                push(stack, objects, o)
                push(queue, objects, o)
                stacked[o] = 1
                continue
            unlink(stack, o)
            push(stack, objects, o)
            where[o] = 1
            hir -= held[o & each]
            lir += held[o & each]
        else:
            out[i] = 0
            size = sizes[i & each]
            if size > hir_limit or not admit[i & some]:
                continue
            if state == 3:
                unlink(queue, o)
                ghosts -= held[o & each]
                where[o] = 0
            if stacked[o]:
                unlink(stack, o)
            while lir + hir + size > capacity:
                if hir == 0:  # only with sizes: a LIR block must go first
                    ghosts -= prune(stack, queue, where, stacked, held, each, objects)
                    lowest = np.int64(stack[objects, PREVIOUS])
                    lir -= held[lowest & each]
                    hir += held[lowest & each]
                    where[lowest] = 2
                    push(queue, objects, lowest)
                    ghosts -= prune(stack, queue, where, stacked, held, each, objects)
                victim = np.int64(queue[objects, PREVIOUS])
                unlink(queue, victim)
                hir -= held[victim & each]
                where[victim] = 0
                if stacked[victim]:
                    where[victim] = 3
                    push(queue, gone, victim)
                    ghosts += held[victim & each]
                resident -= 1
                evictions += 1
            while ghosts > ghost_limit:
                oldest = np.int64(queue[gone, PREVIOUS])
                unlink(queue, oldest)
                unlink(stack, oldest)
                stacked[oldest] = 0
                where[oldest] = 0
                ghosts -= held[oldest & each]
            push(stack, objects, o)
            stacked[o] = 1
            held[o & each] = size
            resident += 1
            if state == 3 or lir + size <= lir_limit:
                where[o] = 1
                lir += size
            else:
                where[o] = 2
                push(queue, objects, o)
                hir += size
        while lir > lir_limit:
            ghosts -= prune(stack, queue, where, stacked, held, each, objects)
            lowest = np.int64(stack[objects, PREVIOUS])
            lir -= held[lowest & each]
            hir += held[lowest & each]
            where[lowest] = 2
            push(queue, objects, lowest)
            ghosts -= prune(stack, queue, where, stacked, held, each, objects)
    return resident, lir + hir, evictions


@helper
def prune(stack, queue, where, stacked, held, each, objects):
    """Take HIR blocks off the bottom of the stack until a LIR block is there; return the size of lost ghosts."""
    lost = 0
    while True:
        lowest = np.int64(stack[objects, PREVIOUS])
        if lowest == objects or where[lowest] == 1:
            return lost
        unlink(stack, lowest)
        stacked[lowest] = 0
        if where[lowest] == 3:
            unlink(queue, lowest)
            where[lowest] = 0
            lost += held[lowest & each]


@kernel
def k_lru(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: number of LRU lists; the last is the cache and the ones before it hold names only.

    As in `lru`, the trace is the queue of every list.
    """
    lists = np.int64(p[0])
    each, some = column(sizes), column(admit)
    held = np.ones((lists, objects if each else 1), np.int64)
    last = np.full((lists, objects), -1, np.int32)
    tail = np.zeros(lists, np.int64)
    occupied = np.zeros(lists, np.int64)
    resident, evictions = 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        out[i] = last[lists - 1, o] >= 0
        size = sizes[i & each]
        may = size <= capacity and admit[i & some]
        for level in range(lists):
            known = last[level, o] >= 0
            if known:
                last[level, o] = i
            elif may:
                while occupied[level] + size > capacity:
                    victim = ids[tail[level]]
                    if last[level, victim] == tail[level]:
                        last[level, victim] = -1
                        occupied[level] -= held[level, victim & each]
                        if level == lists - 1:
                            resident -= 1
                            evictions += 1
                    tail[level] += 1
                last[level, o] = i
                held[level, o & each] = size
                occupied[level] += size
                if level == lists - 1:
                    resident += 1
            may = known and size <= capacity
    return resident, occupied[lists - 1], evictions


# --- TinyLFU ----------------------------------------------------------------------------------------------------------


@helper
def count_use(sketch, seed, o, most):
    """Count a use in the rows of a count-min sketch, conservatively: only the smallest counters grow."""
    rows, width = sketch.shape
    least = estimate(sketch, seed, o)
    if least >= most:
        return
    for row in range(rows):
        at = np.int64(draw(seed + U64(row), np.int64(o)) & U64(width - 1))
        if sketch[row, at] == least:
            sketch[row, at] += 1


@helper
def estimate(sketch, seed, o):
    rows, width = sketch.shape
    least = 255
    for row in range(rows):
        at = np.int64(draw(seed + U64(row), np.int64(o)) & U64(width - 1))
        least = min(least, sketch[row, at])
    return least


@kernel
def w_tinylfu(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: share of the window, share of the main part that is protected, uses between two halvings per entry.

    Lists: window, probation, protected.
    """
    each, some = column(sizes), column(admit)
    window_limit = capacity - np.int64(capacity * (1.0 - p[0]))  # rounded up, so that there is one
    protected_limit = np.int64((capacity - window_limit) * p[1])
    held = np.ones(objects if each else 1, np.int64)
    mean = max(sizes.sum() // len(sizes), 1)
    entries = max(min(objects, capacity // mean), 1)
    width = 8
    while width < entries:
        width *= 2
    sketch = np.zeros((4, width), np.uint8)
    sample = max(np.int64(p[2] * entries), 1)
    counted = 0
    links = new_lists(objects, 3)
    segment = np.full(objects, -1, np.int8)
    inside = np.zeros(3, np.int64)
    resident, evictions = 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        count_use(sketch, seed, o, 15)
        counted += 1
        if counted == sample:
            for row in range(4):
                for at in range(width):
                    sketch[row, at] >>= 1
            counted = counted // 2
        at = np.int64(segment[o])
        if at >= 0:
            out[i] = 1
            to = 2 if at else 0
            if to == 2 and held[o & each] > protected_limit:
                to = 1
            unlink(links, o)
            push(links, objects + to, o)
            segment[o] = to
            inside[at] -= held[o & each]
            inside[to] += held[o & each]
            while inside[2] > protected_limit:
                move_oldest(links, segment, inside, held, each, objects, 2, 1)
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > (window_limit if window_limit else capacity) or not admit[i & some]:
            continue
        push(links, objects, o)
        segment[o] = 0
        held[o & each] = size
        inside[0] += size
        resident += 1
        while inside[0] > window_limit:
            candidate = move_oldest(links, segment, inside, held, each, objects, 0, 1)
            need = inside[0] + inside[1] + inside[2] - capacity
            if need <= 0:
                continue
            # the candidate is worth more than all that it would displace, or it goes (Einziger et al. 2021)
            interest = estimate(sketch, seed, candidate)
            victim = candidate
            while need > 0 and interest > 0:
                victim = next_victim(links, objects, victim, candidate)
                if victim < 0:
                    break
                interest -= estimate(sketch, seed, victim)
                need -= held[victim & each]
            if need > 0 or interest <= 0:
                leave(links, segment, inside, held, each, candidate)
                resident -= 1
                evictions += 1
                continue
            while inside[0] + inside[1] + inside[2] > capacity:
                leave(links, segment, inside, held, each, next_victim(links, objects, candidate, candidate))
                resident -= 1
                evictions += 1
        while inside[0] + inside[1] + inside[2] > capacity:  # the window grew within its bounds
            leave(links, segment, inside, held, each, next_victim(links, objects, objects + 1, objects + 1))
            resident -= 1
            evictions += 1
    return resident, inside.sum(), evictions


@helper
def leave(links, segment, inside, held, each, victim):
    """Take an object out of its segment and the cache."""
    unlink(links, victim)
    inside[segment[victim]] -= held[victim & each]
    segment[victim] = -1


@helper
def next_victim(links, objects, node, candidate):
    """The one that leaves after `node`, or first of all if that is the candidate: probation, then protected, or -1."""
    if node == candidate:
        node = objects + 1
    node = np.int64(links[node, PREVIOUS])
    if node == candidate:
        node = np.int64(links[node, PREVIOUS])
    if node == objects + 1:
        node = np.int64(links[objects + 2, PREVIOUS])
    return node if node < objects else -1


@helper
def move_oldest(links, segment, inside, held, each, objects, of, to):
    """Make the oldest of one list the most recent of another, and return it."""
    oldest = np.int64(links[objects + of, PREVIOUS])
    unlink(links, oldest)
    push(links, objects + to, oldest)
    segment[oldest] = to
    inside[of] -= held[oldest & each]
    inside[to] += held[oldest & each]
    return oldest


@kernel
def lecar(ids, sizes, admit, objects, capacity, p, seed, out):
    """``p``: weight of LRU at first, learning rate, discount over a cache of requests, size of each history."""
    each, some = column(sizes), column(admit)
    held = np.ones(objects if each else 1, np.int64)
    mean = max(sizes.sum() // len(sizes), 1)
    entries = max(min(objects, capacity // mean), 1)
    rate, decay = p[1], p[2] ** (1.0 / entries)
    history_limit = capacity * p[3]
    most = min(objects, capacity)
    links = new_lists(objects, 3)  # the cache by recency, the histories of LRU and of LFU
    where = np.zeros(objects, np.uint8)  # 1: in the cache, 2: history of LRU, 3: history of LFU
    heap = np.empty(most, np.int32)
    place = np.full(objects, -1, np.int32)
    uses = np.zeros(objects, np.float64)
    stamp = np.zeros(objects, np.int64)
    left = np.zeros(objects, np.int64)
    history = np.zeros(2, np.int64)
    weight = p[0]
    occupied, resident, evictions = 0, 0, 0
    for i in range(len(ids)):
        o = np.int64(ids[i])
        state = where[o]
        if state == 1:
            out[i] = 1
            uses[o] += 1.0
            stamp[o] = i
            heap_down(heap, place, uses, stamp, np.int64(place[o]), resident)
            unlink(links, o)
            push(links, objects, o)
            continue
        out[i] = 0
        size = sizes[i & each]
        if size > capacity or not admit[i & some]:
            continue
        if state:
            regret = math.exp(rate * decay ** np.float64(i - left[o]))
            lru_weight, lfu_weight = weight, 1.0 - weight
            if state == 2:
                lfu_weight *= regret
            else:
                lru_weight *= regret
            weight = min(max(lru_weight / (lru_weight + lfu_weight), 0.01), 0.99)
            unlink(links, o)
            history[state - 2] -= held[o & each]
            where[o] = 0
        while occupied + size > capacity:
            recent, frequent = np.int64(links[objects, PREVIOUS]), np.int64(heap[0])
            by = 0 if np.float64(draw(seed, evictions) >> U64(11)) * 2.0**-53 < weight else 1
            victim = recent if by == 0 else frequent
            unlink(links, victim)
            heap_remove(heap, place, uses, stamp, np.int64(place[victim]), resident)
            resident -= 1
            evictions += 1
            where[victim] = 0
            freed = held[victim & each]
            occupied -= freed
            if recent != frequent and freed <= history_limit:
                while history[by] + freed > history_limit:
                    oldest = np.int64(links[objects + 1 + by, PREVIOUS])
                    unlink(links, oldest)
                    where[oldest] = 0
                    history[by] -= held[oldest & each]
                push(links, objects + 1 + by, victim)
                where[victim] = 2 + by
                left[victim] = i
                history[by] += freed
        push(links, objects, o)
        where[o] = 1
        held[o & each] = size
        uses[o] = uses[o] + 1.0 if state else 1.0  # the history remembers how often
        stamp[o] = i
        heap[resident] = o
        resident += 1
        heap_up(heap, place, uses, stamp, resident - 1)
        occupied += size
    return resident, occupied, evictions
