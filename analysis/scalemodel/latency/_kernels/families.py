"""Distribution functions of the families, from one table of weighted components.

A row of `rows` is ``(code, weight, shift, scale, shape)``; part i of n owns the rows ``starts[i]:starts[i + 1]``.
Both tails are computed by themselves, so that the small one keeps its digits.
"""

import math

import numpy as np

from scalemodel._jit import kernel

CONSTANT, EXPONENTIAL, UNIFORM, WEIBULL, PARETO, LOGNORMAL, GAMMA = range(7)

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_PI = math.sqrt(2 * math.pi)


@kernel
def tails_of(t, rows, starts, left):
    """Return P(X <= t) and P(X > t) of every part, ``float64[n, m]`` each; with `left`, P(X < t) and P(X >= t)."""
    n, m = len(starts) - 1, len(t)
    below, above = np.zeros((n, m)), np.zeros((n, m))
    for part in range(n):
        for row in range(starts[part], starts[part + 1]):
            code, weight, shift, scale, shape = rows[row]
            for i in range(m):
                x = t[i] - shift
                if code == EXPONENTIAL:
                    if x > 0:
                        x /= scale
                        p, q = -math.expm1(-x), math.exp(-x)
                    else:
                        p, q = 0.0, 1.0
                elif code == CONSTANT:
                    p = 1.0 if x > 0 or (x == 0 and not left) else 0.0
                    q = 1.0 - p
                elif code == UNIFORM:
                    p = min(max(x / scale, 0.0), 1.0)
                    q = min(max((scale - x) / scale, 0.0), 1.0)
                elif code == WEIBULL:
                    if x > 0:
                        x = (x / scale) ** shape
                        p, q = -math.expm1(-x), math.exp(-x)
                    else:
                        p, q = 0.0, 1.0
                elif code == PARETO:
                    if x > scale:
                        x = shape * math.log1p((x - scale) / scale)
                        p, q = -math.expm1(-x), math.exp(-x)
                    else:
                        p, q = 0.0, 1.0
                elif code == LOGNORMAL:
                    if x > 0:
                        z = math.log(x / scale) / shape * _ROOT_HALF
                        p, q = 0.5 * math.erfc(-z), 0.5 * math.erfc(z)
                    else:
                        p, q = 0.0, 1.0
                else:
                    p, q = gamma_tails(x / scale, shape)
                below[part, i] += weight * p
                above[part, i] += weight * q
    return below, above


@kernel
def densities_of(t, rows, starts):
    """Return the density of every part, ``float64[n, m]``; an atom has none."""
    n, m = len(starts) - 1, len(t)
    out = np.zeros((n, m))
    for part in range(n):
        for row in range(starts[part], starts[part + 1]):
            code, weight, shift, scale, shape = rows[row]
            for i in range(m):
                x = (t[i] - shift) / scale if code != CONSTANT else -1.0
                if x < 0:
                    continue
                if code == EXPONENTIAL:
                    f = math.exp(-x)
                elif code == UNIFORM:
                    f = 1.0 if x <= 1 else 0.0
                elif code == WEIBULL:
                    f = shape * x ** (shape - 1) * math.exp(-(x**shape)) if x < math.inf else 0.0
                elif code == PARETO:
                    f = shape * x ** (-shape - 1) if x >= 1 else 0.0
                elif code == LOGNORMAL:
                    z = math.log(x) / shape
                    f = math.exp(-0.5 * z * z) / (_ROOT_TWO_PI * shape * x) if 0 < x < math.inf else 0.0
                elif x == 0:
                    f = math.inf if shape < 1 else (1.0 if shape == 1 else 0.0)
                else:
                    f = _gamma_front(x, shape) * shape / x if x < math.inf else 0.0
                out[part, i] += weight * f / scale
    return out


@kernel
def gamma_tails(x, a):
    """Return the regularised incomplete gamma functions P(a, x) and Q(a, x).

    Series below the mean, Lentz's continued fraction above it (Numerical Recipes, third edition, section 6.2).
    """
    if x <= 0:
        return 0.0, 1.0
    if x == math.inf:
        return 1.0, 0.0
    front = _gamma_front(x, a)
    if x < a + 1:
        term = total = 1.0
        n = a
        while term > 1e-17 * total:
            n += 1
            term *= x / n
            total += term
        p = min(front * total, 1.0)
        return p, 1.0 - p
    b = x + 1 - a
    c = 1e300
    d = 1 / b
    h = d
    for i in range(1, 100_000):
        an = -i * (i - a)
        b += 2
        d = an * d + b
        d = 1 / (d if abs(d) > 1e-300 else 1e-300)
        c = b + an / c
        c = c if abs(c) > 1e-300 else 1e-300
        h *= d * c
        if abs(d * c - 1) < 2e-16:
            break
    q = min(front * a * h, 1.0)
    return 1.0 - q, q


@kernel
def _gamma_front(x, a):
    """Return x^a e^-x / Γ(a + 1), by Stirling's series for large a so that no large logarithms cancel."""
    if a < 12:
        return math.exp(a * math.log(x) - x - math.lgamma(a + 1))
    d = (x - a) / a
    if abs(d) < 0.1:  # d - log(1 + d) by its series
        power = d * d
        gap, k = power / 2, 2
        while abs(power) > 1e-18 * gap:
            power *= -d
            k += 1
            gap += power / k
            if gap == 0:
                break
    else:
        gap = d - math.log(x / a)
    r = 1 / (a * a)
    stirling = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - r * 691 / 360360))))) / a
    return math.exp(-a * gap - stirling) / math.sqrt(2 * math.pi * a)
