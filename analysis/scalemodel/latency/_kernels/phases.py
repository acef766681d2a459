"""Phase-type laws by uniformisation: sums of positive terms, so that small tails keep their digits."""

import math

import numpy as np

from scalemodel._jit import kernel

STRIDE = 8.0
"""Jumps of the uniformised chain in one stride, in the mean."""

LEVELS = 44
"""Strides are doubled so many times."""


@kernel
def strides(jumps):
    """Return the transition probabilities over 1, 2, 4, ... strides, ``float64[LEVELS, m, m]``, by squaring."""
    m = len(jumps)
    out = np.zeros((LEVELS, m, m))
    for i in range(m):
        start = np.zeros(m)
        start[i] = 1.0
        out[0, i] = _flow(start, jumps, STRIDE)
    for level in range(1, LEVELS):
        out[level] = out[level - 1] @ out[level - 1]
    return out


@kernel
def _flow(start, jumps, mean):
    """Return the phases after a Poisson number of jumps with the given mean."""
    m = len(jumps)
    now = start.copy()
    weight = math.exp(-mean)
    out = weight * now
    k = 0
    while True:
        k += 1
        weight *= mean / k
        now = now @ jumps
        added, total = 0.0, 0.0
        for i in range(m):
            term = weight * now[i]
            out[i] += term
            added += term
            total += out[i]
        if k > mean and added <= 1e-18 * total:
            return out


@kernel
def survival(t, start, jumps, rate, doubled, leaving):
    """Return the probability that no phase has been left for good by t, and the density of that moment."""
    above, density = np.empty(len(t)), np.empty(len(t))
    for k in range(len(t)):
        if t[k] < 0:
            above[k], density[k] = 1.0, 0.0
            continue
        now = start.copy()
        strides_left = math.floor(t[k] * rate / STRIDE)
        if strides_left >= 2.0 ** (LEVELS - 1):
            above[k], density[k] = 0.0, 0.0
            continue
        rest = t[k] * rate - strides_left * STRIDE
        level = 0
        n = np.int64(strides_left)
        while n > 0:
            if n & 1:
                now = now @ doubled[level]
            n >>= 1
            level += 1
        now = _flow(now, jumps, rest)
        above[k] = now.sum()
        density[k] = (now * leaving).sum()
    return above, density
