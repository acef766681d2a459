"""Balls in bins: how many bins are touched, when each has a chance of its own, and how full is the fullest?"""

import math

import numpy as np

from scalemodel._jit import kernel
from scalemodel._kernels.hashing import splitmix64

NEVER = 1e-20  # probabilities and characteristic functions below this are left out
QUIET = 256  # so many points in a row where nothing is left to add: nothing will come


@kernel
def touched_equal(keys, parts):
    """``out[j, d]``: probability that j keys touch d of so many equal parts: the next meets an old or a new one."""
    out = np.zeros((keys + 1, min(keys, parts) + 1))
    out[0, 0] = 1.0
    for j in range(1, keys + 1):
        for d in range(1, min(j, parts) + 1):
            out[j, d] = (out[j - 1, d] * d + out[j - 1, d - 1] * (parts - d + 1)) / parts
    return out


@kernel
def touched(keys, shares):
    """``out[j, d]``: probability that j keys touch d parts of unequal shares.

    Parts are taken from the last to the first. Of u keys that fall on parts i, i + 1, ..., a binomial number falls on
    part i; the others touch what the parts behind it have been found to touch.
    """
    parts = len(shares)
    out = np.zeros((keys + 1, min(keys, parts) + 1))
    behind = np.zeros_like(out)
    out[0, 0] = 1.0
    rest = 0.0
    for i in range(parts - 1, -1, -1):
        out, behind = behind, out
        rest += shares[i]
        p = min(shares[i] / rest, 1.0)
        most = min(keys, parts - 1 - i)  # parts that those behind can touch
        for u in range(keys + 1):
            for d in range(min(u, most + 1) + 1):
                out[u, d] = 0.0
            if p == 1.0:
                out[u, min(u, 1)] = 1.0
                continue
            odds = p / (1.0 - p)
            chance = math.exp(u * math.log1p(-p))
            if chance == 0.0:  # so many keys that none beside part i is out of reach: start from the logarithm
                for m in range(u + 1):
                    log = (
                        math.lgamma(u + 1.0)
                        - math.lgamma(m + 1.0)
                        - math.lgamma(u - m + 1.0)
                        + m * math.log(p)
                        + (u - m) * math.log1p(-p)
                    )
                    _add(out, behind, u, m, math.exp(log), most)
                continue
            for m in range(u + 1):
                if chance < NEVER and m > u * p:
                    break
                _add(out, behind, u, m, chance, most)
                chance *= (u - m) / (m + 1.0) * odds
    return out


@kernel
def _add(out, behind, u, m, chance, most):
    """Let m of u keys fall on the part at hand."""
    new = 1 if m > 0 else 0
    for d in range(min(u - m, most) + 1):
        out[u, d + new] += chance * behind[u - m, d]


@kernel
def fullest(pmf, first, bins, balls, size):
    """``out[i]``: density at `balls` of the sum of so many counts of law `pmf`, each cut off above ``first + i``.

    The characteristic function of a sum of few possible values, at `size` points of the circle, gives its law exactly.
    It falls so fast that most points need not be visited.
    """
    out = np.zeros(len(pmf) - first)
    begin = 0
    while pmf[begin] < NEVER and begin < first:
        begin += 1
    quiet = 0
    for k in range(size // 2 + 1):
        angle = 2.0 * math.pi * k / size
        turn = complex(math.cos(angle), math.sin(angle))
        back_angle = 2.0 * math.pi * ((k * balls) % size) / size
        back = complex(math.cos(back_angle), -math.sin(back_angle)) / size
        if k > 0 and 2 * k < size:
            back *= 2.0  # the other half of the circle is its mirror image
        wave = complex(math.cos(begin * angle), math.sin(begin * angle))
        total = complex(0.0, 0.0)
        largest = 0.0
        for j in range(begin, len(pmf)):
            total += pmf[j] * wave
            wave *= turn
            if j >= first:
                power = complex(1.0, 0.0)
                base = total
                n = bins
                while n:
                    if n & 1:
                        power *= base
                    base *= base
                    n >>= 1
                out[j - first] += (power * back).real
                largest = max(largest, abs(power.real) + abs(power.imag))
        quiet = quiet + 1 if largest < NEVER else 0
        if quiet == QUIET:
            break
    return out


@kernel
def scatter(weights, upper, replicas, trials, seed):
    """``out[t, i]``: load of part i when each ball is put, `replicas` times in parts of its weight, into random parts.

    Part i is drawn with the share ``upper[i] - upper[i - 1]``, no part twice for one ball.
    """
    parts = len(upper)
    out = np.zeros((trials, parts))
    drawn = np.empty(replicas, np.int64)
    state = seed
    for t in range(trials):
        for ball in range(len(weights)):
            for r in range(replicas):
                fresh = False
                while not fresh:
                    state += np.uint64(1)
                    u = np.float64(splitmix64(state) >> np.uint64(11)) * 2.0**-53
                    low, high = 0, parts - 1
                    while low < high:
                        middle = (low + high) // 2
                        if upper[middle] <= u:
                            low = middle + 1
                        else:
                            high = middle
                    fresh = True
                    for earlier in range(r):
                        fresh &= drawn[earlier] != low
                drawn[r] = low
                out[t, low] += weights[ball] / replicas
    return out
