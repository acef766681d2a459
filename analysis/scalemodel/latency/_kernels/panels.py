"""A law as polynomials between edges: evaluation, quantiles and the sum of two.

A law of m panels is one array, ``float64[m + 1, WIDTH]``; row i describes the panel from edge i to edge i + 1, and the
last row the last edge only. A panel's polynomial is the Chebyshev series of the smaller tail: of P(X > t) where DEEP is
set, otherwise of P(X <= t). Its variable runs over [-1, 1] linearly in t, or in log(t - ORIGIN) where CURVED is set.
Atoms sit on edges, and the polynomials jump there. Beyond the last edge P(X > t) falls as a power of t.
"""

import math

import numpy as np

from scalemodel._jit import kernel

DEGREE = 15
"""Highest degree of a panel's polynomial, an odd number."""

NODES = 12
"""Gauss-Legendre nodes of a stretch: exact to degree 23."""

EDGE, MASS, ORIGIN, MIDDLE, PER, CURVED, DEEP, WIDE = range(8)
"""MIDDLE is that of a linear panel, the first edge's distance from the origin of a curved one. PER is the change of the
variable per second or per unit of the logarithm. WIDE tells that NODE is spaced by the logarithm."""

POWER = ORIGIN
"""In the last row: P(X > t) ~ t^-power beyond the last edge; infinite if nothing is there."""

VALUE = 8
"""First coefficient of the tail."""
SLOPE = VALUE + DEGREE + 1
"""First coefficient of the tail's derivative by the variable."""
NODE = SLOPE + DEGREE + 1
"""Times to integrate at, Gauss-Legendre nodes."""
PART = NODE + NODES
"""The probabilities that go with them."""
WIDTH = PART + NODES

_DEEP = 64  # pieces of a stretch that wait
_Z, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)


@kernel
def _series_at(law, i, first, v):
    """Return the Chebyshev series that begins in column `first`, by Clenshaw's recursion."""
    b1 = b2 = 0.0
    for j in range(first + DEGREE, first, -1):
        b1, b2 = 2 * v * b1 - b2 + law[i, j], b1
    return v * b1 - b2 + law[i, first]


@kernel
def _variable(law, i, t):
    if law[i, CURVED]:
        v = math.log((t - law[i, ORIGIN]) / law[i, MIDDLE]) * law[i, PER] - 1.0
    else:
        v = (t - law[i, MIDDLE]) * law[i, PER]
    return min(max(v, -1.0), 1.0)


@kernel
def _small_tail(law, i, t):
    """Return the tail that panel i stores."""
    return max(_series_at(law, i, VALUE, _variable(law, i, t)), 0.0)


@kernel
def _density(law, i, t):
    f = _series_at(law, i, SLOPE, _variable(law, i, t)) * law[i, PER]
    if law[i, CURVED]:
        f /= t - law[i, ORIGIN]
    return max(-f if law[i, DEEP] else f, 0.0)


@kernel
def _panel_of(law, t, left):
    """Return the panel i that begins at or before t and ends after it; with `left`, before and at or after.

    -1 is before the first edge, the number of the last row after the last.
    """
    low, high = 0, len(law)
    while low < high:
        middle = (low + high) // 2
        edge = law[middle, EDGE]
        if edge < t or (edge == t and not left):
            low = middle + 1
        else:
            high = middle
    return low - 1


@kernel
def _beyond(law, t):
    """Return P(X > t) after the last edge."""
    last = len(law) - 1
    power = law[last, POWER]
    if power == math.inf:
        return 0.0
    end = law[last, EDGE]
    return _small_tail(law, last - 1, end) * (t / end) ** -power


@kernel
def _tails_at(law, t, left):
    i = _panel_of(law, t, left)
    if i < 0:
        return 0.0, 1.0
    if i == len(law) - 1:
        above = _beyond(law, t)
        return 1.0 - above, above
    small = _small_tail(law, i, t)
    return (1.0 - small, small) if law[i, DEEP] else (small, 1.0 - small)


@kernel
def tails(law, t, left):
    """Return P(X <= t) and P(X > t); with `left`, P(X < t) and P(X >= t)."""
    below, above = np.empty(len(t)), np.empty(len(t))
    for k in range(len(t)):
        below[k], above[k] = _tails_at(law, t[k], left)
    return below, above


@kernel
def _density_at(law, t):
    i = _panel_of(law, t, False)
    if 0 <= i < len(law) - 1:
        return _density(law, i, t)
    if i >= 0 and law[i, POWER] < math.inf:
        return law[i, POWER] * _beyond(law, t) / t
    return 0.0


@kernel
def densities(law, t):
    """Return the density at times t."""
    out = np.empty(len(t))
    for k in range(len(t)):
        out[k] = _density_at(law, t[k])
    return out


@kernel
def quantiles(law, p, q):
    """Return the first times at which P(X <= t) reaches p, and P(X > t) is down to q, whichever is less than 1/2."""
    last = len(law) - 1
    out = np.empty(len(p))
    for k in range(len(p)):
        deep = q[k] < 0.5
        goal = q[k] if deep else p[k]
        slack = 4e-16 if goal > 1e-9 else 0.0
        low, high = 0, last  # the first panel at whose end, an atom there left out, the goal is reached
        while low < high:
            i = (low + high) // 2
            if _missing(law, i, law[i + 1, EDGE], deep, goal) <= slack:
                high = i
            else:
                low = i + 1
        if low == last:
            out[k] = law[last, EDGE]
            end = _beyond(law, out[k])
            if deep and goal < end:
                out[k] *= (end / goal) ** (1 / law[last, POWER]) if goal > 0 else math.inf
            continue
        a, b = law[low, EDGE], law[low + 1, EDGE]
        if _missing(law, low, a, deep, goal) <= slack:  # at an atom on the first edge
            out[k] = a
            continue
        t = 0.5 * (a + b)
        if law[low, CURVED]:
            t = law[low, ORIGIN] + math.sqrt((a - law[low, ORIGIN]) * (b - law[low, ORIGIN]))
        for _ in range(200):  # Newton's steps; halves, where one leaves the bracket
            gap = _missing(law, low, t, deep, goal)
            if gap <= 0:
                b = t
            else:
                a = t
            f = _density(law, low, t)
            step = gap / f if f > 0 else math.inf
            if abs(step) <= 1e-15 * t or b - a <= 2e-16 * b:
                break
            t = t + step if a < t + step < b else 0.5 * (a + b)
        out[k] = min(max(t, law[low, EDGE]), law[low + 1, EDGE])
    return out


@kernel
def _missing(law, i, t, deep, goal):
    """Return how far the share in panel i is from the goal; at or below 0 once it is reached."""
    small = _small_tail(law, i, t)
    share = small if (law[i, DEEP] != 0) == deep else 1.0 - small
    return share - goal if deep else goal - share


@kernel
def sum_tails(x_law, y_law, t):
    """Return P(X + Y <= t) and P(X + Y > t) of independent X and Y.

    Either both exceed t/2, or one is at most t/2 and the other makes up for it: positive terms only,

        P(X + Y > t) = P(X > t/2) P(Y > t/2) + ∫_{x <= t/2} P(Y > t - x) dF(x) + ∫_{y <= t/2} P(X > t - y) dG(y).
    """
    below, above = np.empty(len(t)), np.empty(len(t))
    sums = np.empty(2)
    work = np.empty((7, _DEEP))
    for k in range(len(t)):
        sums[0] = sums[1] = 0.0
        _half(x_law, y_law, t[k], sums, work)
        _half(y_law, x_law, t[k], sums, work)
        x_below, x_above = _tails_at(x_law, 0.5 * t[k], False)
        y_below, y_above = _tails_at(y_law, 0.5 * t[k], False)
        p = max(sums[0] - x_below * y_below, 0.0)
        q = sums[1] + x_above * y_above
        below[k], above[k] = (p, 1.0 - p) if p < q else (1.0 - q, q)
    return below, above


@kernel
def _half(x_law, y_law, t, sums, work):
    """Add to `sums` the integrals of P(Y <= t - x) and P(Y > t - x) over the law of X up to x = t / 2."""
    half = 0.5 * t
    for i in range(len(x_law)):
        start = x_law[i, EDGE]
        if start > half:
            break
        if x_law[i, MASS] > 0:
            below, above = _tails_at(y_law, t - start, False)
            sums[0] += x_law[i, MASS] * below
            sums[1] += x_law[i, MASS] * above
        if i == len(x_law) - 1 or start == half:
            break
        end = min(x_law[i + 1, EDGE], half)
        j = _panel_of(y_law, t - start, True)  # from the panel of the largest y down to that of the smallest
        a = start
        while a < end:
            b = min(end, t - y_law[j, EDGE]) if j >= 0 else end
            if b > a:
                _pieces(x_law, y_law, i, j, t, a, b, sums, work)
            a = b
            j -= 1


@kernel
def _pieces(x_law, y_law, i, j, t, a, b, sums, work):
    """Add the integral over [a, b], which lies in panel i of X and in panel j of Y.

    A piece that is wide for its distance from the origin of one law is integrated by the logarithm of that distance;
    it is cut until the other law changes little over it, and smoothly so.
    """
    inside = 0 <= j < len(y_law) - 1
    curved_x, curved_y = x_law[i, CURVED] != 0, inside and y_law[j, CURVED] != 0
    length_x = x_law[i + 1, EDGE] - x_law[i, EDGE]
    length_y = y_law[j + 1, EDGE] - y_law[j, EDGE] if inside else math.inf
    work[6, 0] = b
    depth = 1
    while depth:
        end = work[6, depth - 1]
        wide_x = curved_x and end - x_law[i, ORIGIN] > 2 * (a - x_law[i, ORIGIN])
        wide_y = curved_y and t - a - y_law[j, ORIGIN] > 2 * (t - end - y_law[j, ORIGIN])
        if (wide_x or wide_y) and depth < _DEEP:
            other = length_y if wide_x else length_x  # over which the other law changes much
            if wide_x and curved_y:
                other = min(other, t - end - y_law[j, ORIGIN])
            elif wide_y and curved_x:
                other = min(other, a - x_law[i, ORIGIN])
            cut = end
            if (wide_x and wide_y) or end - a > 0.25 * other:
                cut = 0.5 * (a + end)
            elif end - a > 1e-13 * other:
                if wide_x and end - x_law[i, ORIGIN] > 48 * (a - x_law[i, ORIGIN]):
                    cut = x_law[i, ORIGIN] + (end - x_law[i, ORIGIN]) / 32
                elif wide_y and t - a - y_law[j, ORIGIN] > 48 * (t - end - y_law[j, ORIGIN]):
                    cut = t - y_law[j, ORIGIN] - 32 * (t - end - y_law[j, ORIGIN])
            if a < cut < end:
                work[6, depth] = cut
                depth += 1
                continue
        if a == x_law[i, EDGE] and end == x_law[i + 1, EDGE] and not wide_y and wide_x == (x_law[i, WIDE] != 0):
            for k in range(NODES):
                work[1, k] = t - x_law[i, NODE + k]
                work[3, k] = x_law[i, PART + k]
        else:
            _place(x_law[i, ORIGIN], y_law[j, ORIGIN], t, a, end, wide_x, wide_y, work)
            _weigh(x_law, i, work)
        _collect(y_law, j, sums, work)
        a = end
        depth -= 1


@kernel
def _place(x_origin, y_origin, t, a, b, by_x, by_y, work):
    """Write nodes x of [a, b], y = t - x and their weights."""
    if by_x or by_y:
        near, far = (a - x_origin, b - x_origin) if by_x else (t - b - y_origin, t - a - y_origin)
        rate = 0.5 * math.log(far / near)
        for k in range(NODES):
            distance = near * math.exp(rate * (1 + _Z[k]))
            work[2, k] = _WEIGHTS[k] * rate * distance
            work[0, k] = x_origin + distance if by_x else t - (y_origin + distance)
            work[1, k] = t - work[0, k]
    else:
        half = 0.5 * (b - a)
        for k in range(NODES):
            work[2, k] = _WEIGHTS[k] * half
            work[0, k] = a + half * (1 + _Z[k])
            work[1, k] = t - work[0, k]


@kernel
def _weigh(law, i, work):
    """Write the probabilities of the nodes x: weight times density."""
    x, w, f, v, spare = work[0], work[2], work[3], work[4], work[5]
    _variables(law, i, x, v)
    _series(law[i, SLOPE:NODE], v, f, spare)
    sign = -law[i, PER] if law[i, DEEP] else law[i, PER]
    for k in range(NODES):
        f[k] = max(f[k] * w[k] * sign, 0.0)
    if law[i, CURVED]:
        for k in range(NODES):
            f[k] /= x[k] - law[i, ORIGIN]


@kernel
def _collect(law, j, sums, work):
    """Add up the tails of Y at the nodes y, each with its probability."""
    y, f, g, v, spare = work[1], work[3], work[0], work[4], work[5]
    mass = small = 0.0
    for k in range(NODES):
        mass += f[k]
    if j < 0:
        sums[1] += mass
        return
    deep = True
    if j == len(law) - 1:
        for k in range(NODES):
            small += f[k] * _beyond(law, y[k])
    else:
        _variables(law, j, y, v)
        _series(law[j, VALUE:SLOPE], v, g, spare)
        for k in range(NODES):
            small += f[k] * max(g[k], 0.0)
        deep = law[j, DEEP] != 0
    sums[1 if deep else 0] += small
    sums[0 if deep else 1] += mass - small


@kernel
def _variables(law, i, t, v):
    if law[i, CURVED]:
        for k in range(NODES):
            v[k] = math.log((t[k] - law[i, ORIGIN]) / law[i, MIDDLE]) * law[i, PER] - 1.0
    else:
        for k in range(NODES):
            v[k] = (t[k] - law[i, MIDDLE]) * law[i, PER]


@kernel
def _series(coefficients, v, out, spare):
    """Write the Chebyshev series at v: Clenshaw's recursion, two steps at a time for all nodes at once."""
    for k in range(NODES):
        out[k] = spare[k] = 0.0
    for j in range(DEGREE, 1, -2):
        high, low = coefficients[j], coefficients[j - 1]
        for k in range(NODES):
            spare[k] = 2 * v[k] * out[k] - spare[k] + high
        for k in range(NODES):
            out[k] = 2 * v[k] * spare[k] - out[k] + low
    for k in range(NODES):
        spare[k] = 2 * v[k] * out[k] - spare[k] + coefficients[1]
        out[k] = v[k] * spare[k] - out[k] + coefficients[0]


@kernel
def prepare(law):
    """Fill WIDE, NODE and PART."""
    work = np.empty((7, _DEEP))
    for i in range(len(law) - 1):
        a, b, origin = law[i, EDGE], law[i + 1, EDGE], law[i, ORIGIN]
        law[i, WIDE] = law[i, CURVED] != 0 and b - origin > 2 * (a - origin)
        _place(origin, 0.0, 0.0, a, b, law[i, WIDE] != 0, False, work)
        _weigh(law, i, work)
        for k in range(NODES):
            law[i, NODE + k], law[i, PART + k] = work[0, k], work[3, k]


@kernel
def mixed_tails(times, masses, law, t, left):
    """Return the tails of D + Y at times t: D is discrete, Y is a law in panels."""
    below, above = np.zeros(len(t)), np.zeros(len(t))
    for k in range(len(t)):
        for i in range(len(times)):
            p, q = _tails_at(law, t[k] - times[i], left)
            below[k] += masses[i] * p
            above[k] += masses[i] * q
    return below, above


@kernel
def mixed_densities(times, masses, law, t):
    """Return the density of D + Y at times t: D is discrete, Y is a law in panels."""
    out = np.zeros(len(t))
    for k in range(len(t)):
        for i in range(len(times)):
            out[k] += masses[i] * _density_at(law, t[k] - times[i])
    return out


@kernel
def pair_tails(a_times, a_masses, b_times, b_below, b_above, t, left):
    """Return the tails of the sum of two discrete laws; before time i of b lies the share ``b_below[i]``."""
    below, above = np.zeros(len(t)), np.zeros(len(t))
    for k in range(len(t)):
        at = len(b_times)
        for i in range(len(a_times)):
            while at > 0 and (a_times[i] + b_times[at - 1] > t[k] or (left and a_times[i] + b_times[at - 1] == t[k])):
                at -= 1
            below[k] += a_masses[i] * b_below[at]
            above[k] += a_masses[i] * b_above[at]
    return below, above
