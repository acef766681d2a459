"""The law of the ring: what random points do to balance, without drawing any.

The shares of n nodes with k random points each are Dirichlet(k, …, k): independent Gamma(k) divided by their sum. The
sum is independent of the shares, so the expected peak needs one integral and its whole law one more.

References
----------
Devroye, "Non-Uniform Random Variate Generation" (1986), chapter V.2 (spacings as normalised exponentials).
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import ArrayLike, NDArray

from .occupancy import first_that

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(400)
_NEVER = 1e-17  # probabilities and characteristic functions below this are left out
_FEW = 8  # fewer nodes than this: the characteristic function decays too slowly, break shares off one by one


def ownership_cv(nodes: int, vnodes: int) -> float:
    """Return the standard deviation of a node's share over its mean, ``sqrt((n - 1) / (n k + 1))``.

    Examples
    --------
    >>> round(ownership_cv(100, 160), 4)
    0.0787
    """
    n, k = _checked(nodes, vnodes)
    return float(np.sqrt((n - 1) / (n * k + 1)))


def share_quantile(p: ArrayLike, nodes: int, vnodes: int) -> NDArray[np.float64]:
    """Return quantiles of one node's share over its mean: a share is Beta(k, (n - 1) k).

    Examples
    --------
    >>> share_quantile([0.005, 0.995], 1000, 100).round(2)
    array([0.76, 1.28])
    """
    n, k = _checked(nodes, vnodes)
    p = np.asarray(p, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p is {p}: give probabilities between 0 and 1")
    return n * scipy.stats.beta.ppf(p, k, (n - 1) * k) if n > 1 else np.ones(p.shape)


def expected_peak_to_mean(nodes: int, vnodes: int) -> float:
    """Return the expected share of the busiest of n nodes over the mean: E[max of n Gamma(k)] / k.

    With one point per node it is the harmonic number H_n.

    Examples
    --------
    >>> round(expected_peak_to_mean(100, 1), 3), round(expected_peak_to_mean(100, 160), 3)
    (5.187, 1.21)
    """
    n, k = _checked(nodes, vnodes)
    law = scipy.stats.gamma(k)
    top = float(law.isf(1e-18 / n))
    # E[max] = integral of 1 - F^n
    mean, _ = scipy.integrate.quad(
        lambda x: -np.expm1(n * law.logcdf(x)),
        0,
        top,
        points=[k, float(law.isf(1 / n)) if n > 1 else k],
        limit=500,
        epsabs=0,
        epsrel=1e-11,
    )
    return float(mean / k)


def peak_to_mean_cdf(peak: float, nodes: int, vnodes: int) -> float:
    """Return the probability that the busiest of n nodes has at most `peak` times the mean share.

    Good to about 1e-7, absolute.

    Examples
    --------
    >>> round(peak_to_mean_cdf(1.5, 2, 1), 6)
    0.5
    """
    n, k = _checked(nodes, vnodes)
    if np.isnan(peak):
        raise ValueError(f"peak is {peak}: give a peak-to-mean of one or more")
    if peak <= 1:
        return float(n == 1 and peak == 1)
    if peak >= n:
        return 1.0
    return float(_few_nodes(n, k)(np.asarray(peak / n))) if n < _FEW else _many_nodes(peak, n, k)


def peak_to_mean_quantile(p: float, nodes: int, vnodes: int) -> float:
    """Return the peak-to-mean that a ring stays below with probability `p`.

    Examples
    --------
    >>> round(peak_to_mean_quantile(0.5, 2, 1), 6)
    1.5
    """
    n, k = _checked(nodes, vnodes)
    if not 0 < p < 1:
        raise ValueError(f"p is {p}: give a probability between 0 and 1")
    if n == 1:
        return 1.0
    highest = min(
        n, scipy.stats.gamma(k).isf((1 - p) / n / 100) / k
    )  # at least: a share's tail is lighter than a Gamma's
    return float(scipy.optimize.brentq(lambda m: peak_to_mean_cdf(m, n, k) - p, 1.0, highest, xtol=1e-9))


@cache
def _few_nodes(n: int, k: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return P(all of n shares <= x) as a function of x.

    Break the first share off: what is left is again a Dirichlet, of one node less, scaled by what is left. Above
    1 - x the first share leaves so little that the others cannot exceed x.
    """
    first = scipy.stats.beta(k, (n - 1) * k)
    if n == 2:
        return lambda x: np.maximum(first.cdf(x) - first.cdf(1 - x), 0.0)
    rest = _few_nodes(n - 1, k)
    lowest, highest = first.ppf(_NEVER), first.isf(_NEVER)
    x = np.linspace(1 / n, highest, 2001)
    low = np.maximum(lowest, 1 - (n - 1) * x)  # below it, some other share exceeds x
    half = np.maximum(np.minimum(x, 1 - x) - low, 0.0)[:, None] / 2
    share = low[:, None] + half * (1 + _NODES)
    values = (first.pdf(share) * rest(x[:, None] / (1 - share)) * half * _WEIGHTS).sum(axis=1)
    values += np.maximum(first.cdf(x) - first.cdf(1 - x), 0.0)
    law = scipy.interpolate.PchipInterpolator(x, np.clip(values, 0.0, 1.0))
    return lambda x: law(np.clip(x, 1 / n, highest))


def _many_nodes(peak: float, n: int, k: int) -> float:
    """Return P(peak-to-mean <= peak) by the sum of n Gammas that are cut off at ``peak * k``.

    Given their sum n k, all stay below with probability F^n f(n k) / g(n k): F the distribution function, g the
    density of the sum, f that of the sum of the cut ones. f has bounded support, so the sum over its characteristic
    function is exact up to rounding.
    """
    law = scipy.stats.gamma(k)
    bottom, top = law.ppf(_NEVER / n), min(peak * k, law.isf(_NEVER / n))
    x = (top + bottom) / 2 + (top - bottom) / 2 * _NODES
    density = law.pdf(x) * _WEIGHTS * (top - bottom) / 2
    mass = density.sum()
    if n * np.log(mass) < -700:  # the mean of the cut ones is far below k
        return 0.0
    step = 2 * np.pi / (n * (top - bottom))
    total = 0.5
    for first in range(1, len(_NODES) * n // 4, 512):  # as far as the nodes resolve the waves
        t = step * np.arange(first, first + 512)
        phi = np.exp(1j * np.outer(t, x - k)) @ (density / mass)
        total += float((phi**n).real.sum())
        if np.abs(phi[-1]) ** n < _NEVER:
            break
    log_ratio = n * np.log(mass) - scipy.stats.gamma(n * k).logpdf(n * k)
    return float(np.clip(total * step / np.pi * np.exp(log_ratio), 0.0, 1.0))


def vnodes_for_peak(peak: float, nodes: int) -> int:
    """Return the fewest vnodes whose expected peak-to-mean is at most `peak`.

    Examples
    --------
    >>> vnodes_for_peak(1.1, 100)
    665
    """
    n, _ = _checked(nodes, 1)
    if not peak > 1:
        raise ValueError(f"the peak-to-mean wanted is {peak}: a ring reaches only values above 1")
    high = 1
    while expected_peak_to_mean(n, high) > peak:
        high *= 2
        if high > 2**26:
            raise ValueError(f"a peak-to-mean of {peak} needs more than 2^26 vnodes per node: use a table or jump hash")
    return first_that(lambda k: expected_peak_to_mean(n, k) <= peak, high // 2, high)


def _checked(nodes: int, vnodes: int) -> tuple[int, int]:
    for what, value in (("nodes", nodes), ("vnodes", vnodes)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{what} is {value!r}: give an integer of one or more")
    return int(nodes), int(vnodes)
