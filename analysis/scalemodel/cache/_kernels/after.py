"""What follows from the outcome of a replay: expiry."""

import numpy as np

from scalemodel._jit import kernel

from .parts import column


@kernel
def expire(ids, times, ttls, objects, renew, out):
    """Turn hits on expired copies into misses that fetch them anew; return how many.

    ``ttls`` float64[n] or [1]. The age counts from the fetch or, with `renew`, from the last use.
    """
    each = column(ttls)
    until = np.full(objects, -np.inf)
    expired = 0
    for i in range(len(ids)):
        o = ids[i]
        if out[i] and times[i] >= until[o]:
            out[i] = 0
            expired += 1
        if not out[i] or renew:
            until[o] = times[i] + ttls[i & each]
    return expired


@kernel
def delayed(ids, times, fetch, objects, hit, state):
    """Mark in ``state`` what a request meets: 0 a miss that fetches, 1 a hit, 2 a hit on what is still being fetched.

    Returns the seconds that requests of the third kind wait, added up.
    """
    ready = np.full(objects, -np.inf)
    waited = 0.0
    for i in range(len(ids)):
        o = ids[i]
        if not hit[i] and times[i] >= ready[o]:
            state[i] = 0
            ready[o] = times[i] + fetch
        elif times[i] < ready[o]:
            state[i] = 2
            waited += ready[o] - times[i]
        else:
            state[i] = 1
    return waited


@kernel
def freshness(ids, sizes, writes, times, objects, capacity, ttl, flush_after, stores, drops, holds, counts, sums):
    """LRU with reads and writes; what writes do to the cache: it `stores` them, `drops` the copy, `holds` them back.

    ``counts`` int64[8]: reads, read hits, stale hits, reads and writes of the origin, most updates held at a time,
    those held at the end, expired copies. ``sums`` float64[2]: age of the copies at hits, updates held at each request.
    """
    each = column(sizes)
    held = np.ones(objects if each else 1, np.int64)
    last = np.full(objects, -1, np.int32)
    fetched = np.zeros(objects)
    written = np.full(objects, -1, np.int64)  # position of the last write, and of the last that the copy has
    seen = np.full(objects, -1, np.int64)
    dirty_since = np.full(objects, -1, np.int32)  # position of the first update held back
    tail, flushed, occupied, dirty = 0, 0, 0, 0
    for i in range(len(ids)):
        o, now = ids[i], times[i]
        while flushed < i and times[flushed] + flush_after <= now:
            late = ids[flushed]
            if dirty_since[late] == flushed:
                dirty_since[late] = -1
                dirty -= 1
                counts[4] += 1
            flushed += 1
        present = last[o] >= 0
        if present and now - fetched[o] >= ttl and dirty_since[o] < 0:
            counts[7] += 1
            last[o] = -1
            occupied -= held[o & each]
            present = False
        if writes[i]:
            written[o] = i
            if not holds:
                counts[4] += 1
            if drops:
                if present:
                    last[o] = -1
                    occupied -= held[o & each]
                sums[1] += dirty
                continue
            if not stores:
                sums[1] += dirty
                continue
        else:
            counts[0] += 1
            if present:
                counts[1] += 1
                counts[2] += written[o] > seen[o]
                sums[0] += now - fetched[o]
                last[o] = i
                sums[1] += dirty
                continue
            counts[3] += 1
        size = held[o & each] if present else sizes[i & each]
        if size > capacity:
            counts[4] += holds and writes[i]
            sums[1] += dirty
            continue
        while not present and occupied + size > capacity:
            victim = ids[tail]
            if last[victim] == tail:
                last[victim] = -1
                occupied -= held[victim & each]
                if dirty_since[victim] >= 0:
                    dirty_since[victim] = -1
                    dirty -= 1
                    counts[4] += 1
            tail += 1
        if not present:
            held[o & each] = size
            occupied += size
        last[o] = i
        fetched[o] = now
        seen[o] = written[o]
        if holds and writes[i] and dirty_since[o] < 0:
            dirty_since[o] = i
            dirty += 1
            counts[5] = max(counts[5], dirty)
        sums[1] += dirty
    counts[6] = dirty
