"""Root finding for many targets at once, the function being called outside."""

import math

import numpy as np

from scalemodel._jit import kernel

_FAR = 800.0

A, B, C, FA, FB, FC, OPEN = range(7)


@kernel
def next_times(state, t):
    """Write the next time to try of every open bracket (Chandrupatla 1997); return how many are open.

    A row of `state` is ``(a, b, c, fa, fb, fc, open)``: the root is between a, tried last, and b; c was there before.
    """
    still = 0
    for i in range(len(t)):
        if not state[i, OPEN]:
            continue
        a, b, c = state[i, A], state[i, B], state[i, C]
        fa, fb, fc = state[i, FA], state[i, FB], state[i, FC]
        best = a if abs(fa) < abs(fb) else b
        width = abs(b - a)
        tolerance = 2e-15 * abs(best) + 1e-300
        if fa == 0 or width <= tolerance:
            state[i, OPEN] = 0.0
            continue
        still += 1
        step = 0.5
        if c != c:  # the first time: a secant
            step = min(max(fa / (fa - fb), 0.05), 0.95)
        elif fc != fb and fc != fa:
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            if phi * phi < xi and (1 - phi) * (1 - phi) < 1 - xi:
                step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        edge = min(0.5, 0.5 * tolerance / width)
        t[i] = a + min(max(step, edge), 1 - edge) * (b - a)
    return still


@kernel
def gaps(below, above, deep, goal):
    """Return the logarithms of how far the shares are from their goals: above 0 before they are reached."""
    out = np.empty(len(goal))
    for i in range(len(goal)):
        far, near = (above[i], goal[i]) if deep[i] else (goal[i], below[i])
        if far <= 0 or near <= 0:
            out[i] = -_FAR if far <= near else _FAR
        else:
            out[i] = min(max(math.log(far / near), -_FAR), _FAR)
    return out


@kernel
def narrow(state, t, f):
    """Take the values `f` at the times that `next_times` asked for."""
    for i in range(len(t)):
        if not state[i, OPEN]:
            continue
        if (f[i] > 0) == (state[i, FA] > 0):
            state[i, C], state[i, FC] = state[i, A], state[i, FA]
        else:
            state[i, C], state[i, FC] = state[i, B], state[i, FB]
            state[i, B], state[i, FB] = state[i, A], state[i, FA]
        state[i, A], state[i, FA] = t[i], f[i]
