"""Range partitions: cut them until each is within its limits, put them on nodes, and move them when nodes change.

Keys are in order; ``sums[d, k]`` is what the first k of them need of resource d, in units of its limit, so a tablet of
keys lo to hi - 1 is within its limits if no ``sums[d, hi] - sums[d, lo]`` exceeds 1. Cuts come out as the position
where a tablet begins and the number of the tablet it was part of.
"""

import numpy as np

from scalemodel._jit import kernel


@kernel
def most_used(sums, lo, hi):
    """Return the resource of which keys lo to hi - 1 need most, and how much."""
    worst, used = 0, sums[0, hi] - sums[0, lo]
    for d in range(1, len(sums)):
        need = sums[d, hi] - sums[d, lo]
        if need > used:
            worst, used = d, need
    return worst, used


@kernel
def usage(sums, starts):
    """Return the most used resource of each tablet, and how much it needs of it."""
    tablets = len(starts) - 1
    which = np.empty(tablets, np.int64)
    used = np.empty(tablets)
    for t in range(tablets):
        which[t], used[t] = most_used(sums, starts[t], starts[t + 1])
    return which, used


@kernel
def _longer(values):
    """Return an array of twice the length that begins like this one."""
    longer = np.empty(2 * len(values), values.dtype)
    longer[: len(values)] = values
    return longer


@kernel
def halve(sums, starts):
    """Cut a tablet beyond its limits where its most used resource is nearest to half; and so on with both parts."""
    begins, parents = np.empty(2 * len(starts), np.int64), np.empty(2 * len(starts), np.int64)
    waiting = np.empty(64, np.int64)  # ends of the parts to the right, the nearest last
    found = 0
    for t in range(len(starts) - 1):
        lo = starts[t]
        waiting[0] = starts[t + 1]
        depth = 1
        while depth:
            hi = waiting[depth - 1]
            which, used = most_used(sums, lo, hi)
            if used <= 1.0 or hi - lo <= 1:
                if found == len(begins):
                    begins, parents = _longer(begins), _longer(parents)
                begins[found], parents[found] = lo, t
                found += 1
                lo = hi
                depth -= 1
                continue
            half = (sums[which, lo] + sums[which, hi]) / 2.0
            low, high = lo + 1, hi - 1
            while low < high:  # the first cut at or beyond half
                middle = (low + high) // 2
                if sums[which, middle] < half:
                    low = middle + 1
                else:
                    high = middle
            if low > lo + 1 and half - sums[which, low - 1] <= sums[which, low] - half:
                low -= 1
            if depth == len(waiting):
                waiting = _longer(waiting)
            waiting[depth] = low
            depth += 1
    return begins[:found], parents[:found]


@kernel
def fill(sums, starts):
    """Cut each tablet into the fewest that are within their limits: each is as long as it may be."""
    begins, parents = np.empty(2 * len(starts), np.int64), np.empty(2 * len(starts), np.int64)
    found = 0
    for t in range(len(starts) - 1):
        lo = starts[t]
        while True:
            if found == len(begins):
                begins, parents = _longer(begins), _longer(parents)
            begins[found], parents[found] = lo, t
            found += 1
            low, high = min(lo + 1, starts[t + 1]), starts[t + 1]  # a single key is a tablet in any case
            while low < high:
                middle = (low + high + 1) // 2
                if most_used(sums, lo, middle)[1] <= 1.0:
                    low = middle
                else:
                    high = middle - 1
            lo = low
            if lo == starts[t + 1]:
                break
    return begins[:found], parents[:found]


@kernel
def bisect(sums, keys, firsts, starts):
    """Cut a tablet beyond its limits in the middle of its range of hashed keys, wherever the load is.

    Returns the first hashed key of each tablet, with the number of the tablet it was part of. A tablet whose keys are
    all one, or whose range is one hash wide, stays.
    """
    one = np.uint64(1)
    begins, parents = np.empty(2 * len(firsts), np.uint64), np.empty(2 * len(firsts), np.int64)
    lasts, ends = np.empty(65, np.uint64), np.empty(65, np.int64)  # no range is halved more than 64 times
    found = 0
    for t in range(len(firsts)):
        first, lo = firsts[t], starts[t]
        lasts[0] = firsts[t + 1] - one if t + 1 < len(firsts) else np.uint64(0xFFFFFFFFFFFFFFFF)
        ends[0] = starts[t + 1]
        depth = 1
        while depth:
            last, hi = lasts[depth - 1], ends[depth - 1]
            if hi - lo <= 1 or first == last or most_used(sums, lo, hi)[1] <= 1.0:
                if found == len(begins):
                    begins, parents = _longer(begins), _longer(parents)
                begins[found], parents[found] = first, t
                found += 1
                first, lo = last + one, hi
                depth -= 1
                continue
            middle = first + ((last - first) >> one)  # the last hash of the left part
            lasts[depth] = middle
            ends[depth] = lo + np.searchsorted(keys[lo:hi], middle, side="right")
            depth += 1
    return begins[:found], parents[:found]


@kernel
def merge(sums, starts, below):
    """Tell which still begin one when each takes up the next as long as both fit into that share of the limits."""
    begins = np.ones(len(starts) - 1, np.bool_)
    lo = starts[0]
    for t in range(1, len(starts) - 1):
        if most_used(sums, lo, starts[t + 1])[1] <= below:
            begins[t] = False
        else:
            lo = starts[t]
    return begins


@kernel
def place(weights, order, capacities, domains, table, loads, counts):
    """Fill the empty places (-1) of `table`, tablets in the given order, each replica on the least loaded node.

    A node is as loaded as it would be with the tablet, over its capacity; of equal ones the one with fewer tablets over
    its capacity is taken, then the first. No two replicas of a tablet share a domain. `loads` and `counts` are updated.
    """
    replicas = table.shape[1]
    per = 1.0 / capacities
    used = np.full(domains.max() + 1, -1, np.int64)  # the last tablet with a replica in the domain
    for t in order:
        for r in range(replicas):
            if table[t, r] >= 0:
                used[domains[table[t, r]]] = t
        for r in range(replicas):
            if table[t, r] >= 0:
                continue
            best, least, fewest = -1, np.inf, np.inf
            for node in range(len(loads)):
                if used[domains[node]] == t:
                    continue
                load = (loads[node] + weights[t]) * per[node]
                if load > least:
                    continue
                count = (counts[node] + 1) * per[node]
                if load < least or count < fewest:
                    best, least, fewest = node, load, count
            table[t, r] = best
            used[domains[best]] = t
            loads[best] += weights[t]
            counts[best] += 1


@kernel
def elect(weights, order, capacities, table):
    """Put first in each row the node that then leads least, heaviest tablets first."""
    leads = np.zeros(len(capacities))
    for t in order:
        best, least = 0, np.inf
        for r in range(table.shape[1]):
            load = (leads[table[t, r]] + weights[t]) / capacities[table[t, r]]
            if load < least:
                best, least = r, load
        table[t, 0], table[t, best] = table[t, best], table[t, 0]
        leads[table[t, 0]] += weights[t]


@kernel
def shift(weights, capacities, domains, receivers, table, loads):
    """Move replicas from loaded nodes to the least loaded receivers while that helps; return how many moved.

    The receiver is the one least loaded over its capacity, the donor the one most loaded. What moves is the heaviest
    replica that takes neither across its fair load; if there is none, the lightest that leaves the receiver less loaded
    than the donor was. So the pair's higher load falls with every move, and that ends.
    """
    n = len(loads)
    fair = capacities * (loads.sum() / capacities.sum())
    open_receiver = receivers.copy()  # those for whom something may still fit
    moves = 0
    while True:
        to = -1
        for node in range(n):
            if open_receiver[node] and (to < 0 or loads[node] / capacities[node] < loads[to] / capacities[to]):
                to = node
        if to < 0 or loads[to] >= fair[to]:
            return moves
        spent = np.zeros(n, np.bool_)  # donors with nothing fit for this receiver
        moved = False
        while not moved:
            donor = -1
            for node in range(n):
                above = loads[node] > fair[node] and node != to and not spent[node]
                if above and (donor < 0 or loads[node] / capacities[node] > loads[donor] / capacities[donor]):
                    donor = node
            if donor < 0:
                break
            room = min(loads[donor] - fair[donor], fair[to] - loads[to])
            limit = loads[donor] / capacities[donor] * capacities[to] - loads[to]
            heavy, light = -1, -1
            heavy_slot, light_slot = 0, 0
            for t in range(len(table)):
                slot = -1
                fits = True
                for r in range(table.shape[1]):
                    if table[t, r] == donor:
                        slot = r
                    elif domains[table[t, r]] == domains[to]:
                        fits = False
                if slot < 0 or not fits or weights[t] <= 0.0:
                    continue
                if weights[t] <= room:
                    if heavy < 0 or weights[t] > weights[heavy]:
                        heavy, heavy_slot = t, slot
                elif weights[t] < limit and (light < 0 or weights[t] < weights[light]):
                    light, light_slot = t, slot
            if heavy < 0:
                heavy, heavy_slot = light, light_slot
            if heavy < 0:
                spent[donor] = True
                continue
            table[heavy, heavy_slot] = to
            loads[donor] -= weights[heavy]
            loads[to] += weights[heavy]
            moves += 1
            moved = True
        if moved:
            open_receiver[:] = receivers
        else:
            open_receiver[to] = False


@kernel
def distinct_in_windows(owners, lows, highs, nodes):
    """Count the distinct owners of tablets lows[i] to highs[i]; both rise, so a window slides over the tablets."""
    held = np.zeros(nodes, np.int64)
    out = np.empty(len(lows), np.int64)
    distinct = 0
    begin, end = 0, 0
    for i in range(len(lows)):
        while end <= highs[i]:
            distinct += held[owners[end]] == 0
            held[owners[end]] += 1
            end += 1
        while begin < lows[i]:
            held[owners[begin]] -= 1
            distinct -= held[owners[begin]] == 0
            begin += 1
        out[i] = distinct
    return out
