"""The k-th fastest of parts that differ: the Poisson-binomial recursion, with positive terms only."""

import numpy as np

from scalemodel._jit import kernel


@kernel
def kth_tails(below, above, index, k):
    """Return P(T <= t) and P(T > t) of the k-th of n parts; part i has row ``index[i]`` of `below` and `above`.

    Counts whichever are fewer: k parts that have answered, or n - k + 1 that have not. The count that ends the wait
    is a state of its own, so neither tail is ever taken from one.
    """
    n, m = len(index), below.shape[1]
    slow = n - k + 1 < k
    need = n - k + 1 if slow else k
    hits, misses = (above, below) if slow else (below, above)
    count = np.zeros((need + 1, m))
    count[0] = 1.0
    for done in range(n):
        hit, miss = hits[index[done]], misses[index[done]]
        top = min(done, need - 1)
        if done >= need - 1:
            for i in range(m):
                count[need, i] += count[need - 1, i] * hit[i]
        else:
            for i in range(m):
                count[top + 1, i] = count[top, i] * hit[i]
        for j in range(top, 0, -1):
            for i in range(m):
                count[j, i] = count[j, i] * miss[i] + count[j - 1, i] * hit[i]
        for i in range(m):
            count[0, i] *= miss[i]
    rest = np.zeros(m)
    for j in range(need):
        for i in range(m):
            rest[i] += count[j, i]
    return (rest, count[need]) if slow else (count[need], rest)


@kernel
def kth_density(below, above, density, index, k):
    """Return the density of the k-th of n parts: one part answers now, k - 1 others have."""
    n, m = len(index), below.shape[1]
    slow = n - k < k - 1
    need = n - k if slow else k - 1  # others that have not, or have, answered
    hits, misses = (above, below) if slow else (below, above)
    count = np.zeros((need + 1, m))  # none of the parts so far answers now
    marked = np.zeros((need + 1, m))  # one does
    count[0] = 1.0
    for done in range(n):
        hit, miss, now = hits[index[done]], misses[index[done]], density[index[done]]
        for j in range(min(done + 1, need), -1, -1):
            for i in range(m):
                without = count[j, i]
                marked[j, i] = marked[j, i] * miss[i] + without * now[i]
                count[j, i] = without * miss[i]
                if j:
                    marked[j, i] += marked[j - 1, i] * hit[i]
                    count[j, i] += count[j - 1, i] * hit[i]
    return marked[need]
