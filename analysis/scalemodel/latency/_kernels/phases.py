"""Phase-type laws by uniformisation: sums of positive terms, so that small tails keep their digits."""

import math

import numpy as np

from scalemodel._jit import inlined, kernel

STRIDE = 8.0
"""Jumps of the uniformised chain in one stride, in the mean."""

LEVELS = 44
"""Strides are doubled so many times."""


@inlined
def _step(now, transitions, after):
    """Write the phases after one step."""
    m = len(now)
    for j in range(m):
        total = 0.0
        for i in range(m):
            total += now[i] * transitions[i, j]
        after[j] = total


@kernel
def stride(jumps):
    """Return the transition probabilities over one stride, ``float64[m, m]``."""
    m = len(jumps)
    out = np.zeros((m, m))
    now, other = np.empty(m), np.empty(m)
    for i in range(m):
        for j in range(m):
            now[j] = 1.0 if i == j else 0.0
        _flow(now, other, jumps, STRIDE, out[i])
    return out


@kernel
def _flow(now, other, jumps, mean, out):
    """Write to `out` the phases after a Poisson number of jumps with the given mean; `now` and `other` are used up."""
    m = len(jumps)
    weight = math.exp(-mean)
    for i in range(m):
        out[i] = weight * now[i]
    k = 0
    while True:
        k += 1
        weight *= mean / k
        _step(now, jumps, other)
        added, total = 0.0, 0.0
        for i in range(m):
            now[i] = other[i]
            term = weight * now[i]
            out[i] += term
            added += term
            total += out[i]
        if k > mean and added <= 1e-18 * total:
            return


@kernel
def survival(t, start, jumps, rate, doubled, leaving):
    """Return the probability that no phase has been left for good by t, and the density of that moment."""
    m = len(start)
    above, density = np.empty(len(t)), np.empty(len(t))
    now, other, out = np.empty(m), np.empty(m), np.empty(m)
    for k in range(len(t)):
        if t[k] < 0:
            above[k], density[k] = 1.0, 0.0
            continue
        if not t[k] * rate / STRIDE < 2.0 ** (LEVELS - 1):  # far out, or for ever
            above[k], density[k] = 0.0, 0.0
            continue
        strides_left = math.floor(t[k] * rate / STRIDE)
        for i in range(m):
            now[i] = start[i]
        rest = max(t[k] * rate - strides_left * STRIDE, 0.0)
        level = 0
        n = strides_left
        while n > 0:
            if n & 1:
                _step(now, doubled[level], other)
                for i in range(m):
                    now[i] = other[i]
            n >>= 1
            level += 1
        _flow(now, other, jumps, rest, out)
        total, left = 0.0, 0.0
        for i in range(m):
            total += out[i]
            left += out[i] * leaving[i]
        above[k], density[k] = total, left
    return above, density
