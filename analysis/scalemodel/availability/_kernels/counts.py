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
def spread(need, replicas, zones, node, zone, common, answers):
    """Write the probability that fewer than `need` of the replicas are up, which are spread evenly over zones.

    A zone is down with probability `zone`, and all replicas at once with `common`. Zones hold ``replicas // zones``
    each, the first ``replicas % zones`` one more.
    """
    most = 0
    for i in range(len(need)):
        most = max(most, replicas[i])
    count, moved, small, large = np.empty(most + 2), np.empty(most + 2), np.empty(most + 2), np.empty(most + 2)
    for i in range(len(need)):
        n, dead = replicas[i], replicas[i] - need[i] + 1
        for j in range(dead + 1):
            count[j] = 0.0
        count[0] = 1.0
        held, extra = n // zones[i], n % zones[i]
        _binomial(held, node[i], small)
        if extra:
            _binomial(held + 1, node[i], large)
        for z in range(zones[i]):
            of = held + (z < extra)
            if of == 0:
                break
            pmf = large if z < extra else small
            for j in range(dead + 1):
                moved[j] = 0.0
            for j in range(dead):
                for d in range(of + 1):
                    chance = (1.0 - zone[i]) * pmf[d]
                    if d == of:
                        chance += zone[i]
                    moved[min(j + d, dead)] += count[j] * chance
            moved[dead] += count[dead]
            count, moved = moved, count
        answers[i] = common[i] + (1.0 - common[i]) * count[dead]


@kernel
def _binomial(n, p, pmf):
    for j in range(n + 1):
        pmf[j] = 0.0
    pmf[0] = 1.0
    for done in range(n):
        for j in range(done + 1, 0, -1):
            pmf[j] = pmf[j] * (1.0 - p) + pmf[j - 1] * p
        pmf[0] *= 1.0 - p
