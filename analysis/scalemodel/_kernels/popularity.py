"""Kernels of the popularity laws: power sums without an array of n, and inverse cumulative shares.

Power sums Σ i^-α are tabulated for the first ranks and continued by the Euler-Maclaurin formula at midpoints,

    Σ_{i=a+1}^{b} f(i) = ∫_{a+½}^{b+½} f - [f'/24 - 7 f'''/5760 + 31 f⁽⁵⁾/967680]_{a+½}^{b+½},

of which two corrections are kept: from rank 1024 on, the third is below 1e-14 of a term for α up to 10.
"""

import math

import numpy as np

from scalemodel._jit import inlined, kernel

ROUNDING = 64 * 2.0**-52
"""More than the rounding error of a cumulative share, as a share of all requests."""


@kernel
def powers(rank, alpha):
    """``(rank + 1) ** -alpha`` by the same pow for every caller: numpy's differs in its last bits between CPUs."""
    out = np.empty(len(rank))
    for i in range(len(rank)):
        out[i] = (rank[i] + 1.0) ** -alpha
    return out


@kernel
def cumulative(values):
    """Sums of the first 0, 1, ..., n values, compensated (Neumaier): the error does not grow with n."""
    out = np.empty(len(values) + 1)
    total, lost = 0.0, 0.0
    out[0] = 0.0
    for i in range(len(values)):
        value = values[i]
        new = total + value
        lost += (total - new) + value if total >= value else (value - new) + total
        total = new
        out[i + 1] = total + lost
    return out


@inlined
def _corrections(x, alpha):
    """The two Euler-Maclaurin corrections of x^-alpha at one end; tiny from x = 1024 on."""
    second = alpha * (alpha + 1.0) * (alpha + 2.0)
    return x ** (-alpha - 1.0) * (alpha / 24.0 - second * (7.0 / 5760.0) / (x * x))


@kernel
def power_sum(first, last, alpha):
    """Σ i^-alpha for first < i <= last, where first >= 1024."""
    a = first + 0.5
    log_ratio = math.log1p((last - first) / a)
    t = (1.0 - alpha) * log_ratio
    growth = math.expm1(t) / t if t != 0.0 else 1.0  # keeps its digits around alpha = 1
    return a ** (1.0 - alpha) * log_ratio * growth + _corrections(last + 0.5, alpha) - _corrections(a, alpha)


@inlined
def _zipf_head(k, alpha, sums, total):
    m = len(sums) - 1
    if k <= m:
        return sums[k] / total
    return min((sums[m] + power_sum(m, k, alpha)) / total, 1.0)


@kernel
def zipf_head(k, alpha, sums, total):
    """Share of the k most popular of the objects; `sums` holds the first power sums, `total` the last."""
    out = np.empty(len(k))
    for i in range(len(k)):
        out[i] = _zipf_head(k[i], alpha, sums, total)
    return out


@kernel
def zipf_tail(k, n, alpha, rests, total):
    """Share of all but the k most popular objects; ``rests[k]`` is the power sum from k + 1 to the table's end."""
    m = len(rests) - 1
    beyond = power_sum(m, n, alpha) if n > m else 0.0
    out = np.empty(len(k))
    for i in range(len(k)):
        out[i] = (rests[k[i]] + beyond if k[i] <= m else power_sum(k[i], n, alpha)) / total
    return out


@kernel
def guide(heads, size):
    """``guide[j]``: the rank at which a search for shares from j / size on may start (Chen and Asau 1974)."""
    out = np.empty(size, np.int64)
    rank = 0
    for j in range(size):
        while rank < len(heads) - 2 and heads[rank + 1] <= j / size:
            rank += 1
        out[j] = rank
    return out


@inlined
def _search(u, heads, start):
    rank = start[int(u * len(start))]
    while heads[rank + 1] <= u:
        rank += 1
    return rank


@kernel
def table_quantile(u, heads, start):
    """Rank with ``heads[rank] <= u < heads[rank + 1]``; `start` is the `guide` of `heads`, its size a power of two."""
    out = np.empty(len(u), np.int64)
    for i in range(len(u)):
        out[i] = _search(u[i], heads, start)
    return out


@kernel
def zipf_quantile(u, n, alpha, sums, total, heads, start):
    """Rank with ``head(rank) <= u < head(rank + 1)``, in terms of the shares that `zipf_head` computes.

    Within the table it is searched. Beyond, the midpoint integral is inverted in closed form; it neglects the
    corrections at the upper end, worth alpha / (24 x) of a rank. When that or rounding could decide, as it does
    about once in a thousand draws, the shares themselves are bisected.
    """
    m = len(sums) - 1
    a = m + 0.5
    scale = a ** (1.0 - alpha)
    s = 1.0 - alpha
    offset = sums[m] - _corrections(a, alpha)
    out = np.empty(len(u), np.int64)
    for i in range(len(u)):
        if u[i] < heads[m]:
            out[i] = _search(u[i], heads, start)
            continue
        area = (u[i] * total - offset) / scale
        x = a * math.exp(math.log1p(s * area) / s if s != 0.0 else area)  # ∫_a^x t^-alpha dt = area * scale
        k = x - 0.5
        density = (1.0 + s * area) * scale / x
        doubt = alpha / (24.0 * a) + ROUNDING * total / density
        if abs(k - np.rint(k)) > doubt:  # false for NaN
            out[i] = int(k)
            continue
        low, high = m, n
        while high - low > 1:
            middle = (low + high) // 2
            if _zipf_head(middle, alpha, sums, total) <= u[i]:
                low = middle
            else:
                high = middle
        out[i] = low
    return out
