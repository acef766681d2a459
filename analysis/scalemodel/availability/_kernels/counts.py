"""How many are down: the house's Poisson-binomial, case by case, and counts over zones that fail whole."""

import numpy as np

from scalemodel._jit import kernel
from scalemodel.latency._kernels.order import kth_tails

BLOCK = 256
"""Cases that are computed at once, so that their counts stay in the nearest cache."""


@kernel
def fewer_up(k, down, answers):
    """Write for each row of `down` the probability that fewer than `k` are up; return the first share out of range.

    -1 says that all are between 0 and 1.
    """
    cases, n = down.shape
    index = np.arange(n)
    size = min(cases, BLOCK)
    up, gone = np.empty((n, size)), np.empty((n, size))
    for first in range(0, cases, size):
        width = min(size, cases - first)
        for case in range(width):
            for i in range(n):
                p = down[first + case, i]
                if not 0.0 <= p <= 1.0:
                    return (first + case) * n + i
                gone[i, case] = p
                up[i, case] = 1.0 - p
        _, lost = kth_tails(up, gone, index, k)
        for case in range(width):
            answers[first + case] = lost[case]
    return -1


@kernel
def fewer_up_once(k, down):
    """Return the probability that fewer than `k` are up, or -1 if some share is out of range."""
    n = len(down)
    up, gone = np.empty((n, 1)), np.empty((n, 1))
    for i in range(n):
        if not 0.0 <= down[i] <= 1.0:
            return -1.0
        up[i, 0], gone[i, 0] = 1.0 - down[i], down[i]
    return kth_tails(up, gone, np.arange(n), k)[1][0]


@kernel
def fewer_alike(k, n, ways, down, answers):
    """Write for each share of `down` the probability that fewer than `k` of `n` are up, all of them alike.

    The binomial tail, from its largest power of whichever of down and up is the rarer, as a nested sum of positive
    terms; ``ways`` is the number of sets of n - k + 1. Returns the first share out of range, or -1.
    """
    dead = n - k + 1
    grows = np.empty(n + 1)
    for d in range(1, n + 1):
        grows[d] = (n - d + 1) / d
    for case in range(len(down)):
        p = down[case]
        if not 0.0 <= p <= 1.0:
            return case
        q = 1.0 - p
        total, power = 1.0, 1.0
        if p <= 0.5:
            ratio = p / q
            for d in range(n, dead, -1):
                total = 1.0 + total * ratio * grows[d]
            for _ in range(k - 1):
                power *= q
            for _ in range(dead):
                power *= p
            answers[case] = ways * power * total
        else:
            ratio = q / p
            for m in range(k - 1, 0, -1):
                total = 1.0 + total * ratio * grows[m]
            for _ in range(n):
                power *= p
            answers[case] = power * total
    return -1


@kernel
def _binomial(n, p, pmf):
    for j in range(n + 1):
        pmf[j] = 0.0
    pmf[0] = 1.0
    for done in range(n):
        for j in range(done + 1, 0, -1):
            pmf[j] = pmf[j] * (1.0 - p) + pmf[j - 1] * p
        pmf[0] *= 1.0 - p


@kernel
def spread_once(need, replicas, zones, node, zone, common):
    """Return the probability that fewer than `need` of the replicas are up, which are spread evenly over zones.

    A zone is down with probability `zone`, and all replicas at once with `common`. Zones hold ``replicas // zones``
    each, the first ``replicas % zones`` one more.
    """
    dead = replicas - need + 1
    held, extra = replicas // zones, replicas % zones
    count, moved = np.zeros(dead + 1), np.empty(dead + 1)
    small, large = np.empty(held + 1), np.empty(held + 2)
    count[0] = 1.0
    _binomial(held, node, small)
    _binomial(held + 1, node, large)
    for z in range(min(zones, replicas)):
        of = held + (z < extra)
        pmf = large if z < extra else small
        for j in range(dead):
            moved[j] = 0.0
        moved[dead] = count[dead]
        for j in range(dead):
            for d in range(of + 1):
                chance = (1.0 - zone) * pmf[d]
                if d == of:
                    chance += zone
                moved[min(j + d, dead)] += count[j] * chance
        count, moved = moved, count
    return common + (1.0 - common) * count[dead]


@kernel
def spread(need, replicas, zones, node, zone, common, answers):
    """Write `spread_once` for each design."""
    for i in range(len(need)):
        answers[i] = spread_once(need[i], replicas[i], zones[i], node[i], zone[i], common[i])
