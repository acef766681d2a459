"""Keys as balls and parts as bins: how many parts do some keys touch, and how full is the fullest?

Exact laws for keys that fall independently, each on part i with the share of part i.

References
----------
Johnson and Kotz, "Urn Models and Their Application" (1977), chapter 3.
Levin, "A representation for multinomial cumulative distribution functions", Annals of Statistics 9 (1981).
"""

from collections.abc import Callable

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import ArrayLike, NDArray

from ._kernels import occupancy as kernels

MOST_STEPS = 1e9
"""Work of the largest law: of touched parts, parts x keys x keys; a few seconds."""

_NEVER = 1e-14
_SURELY = 1e-11


def touched_law(keys: int, shares: ArrayLike) -> NDArray[np.float64]:
    """Return how likely it is that some keys touch one part, two parts, and so on.

    Parameters
    ----------
    keys : int
        How many keys, each of which falls on a part independently of the others.
    shares : array of float, shape (parts,)
        Chance of each part, such as the `ownership` of a placement, or the shares of a `Balance` by requests; zero or
        more, with the sum 1. An integer stands for so many equal parts.

    Returns
    -------
    float64[min(keys, parts) + 1]
        Entry d is the probability that exactly d parts are touched.

    Notes
    -----
    The parts are taken one after the other: of the keys that are left, a binomial number falls on each. All terms are
    probabilities, so nothing cancels, as it does in the inclusion-exclusion sum.

    Examples
    --------
    Three keys on two equal parts are together once in four times.

    >>> touched_law(3, 2)
    array([0.  , 0.25, 0.75])
    >>> touched_law(2, [0.9, 0.1]).round(3)
    array([0.  , 0.82, 0.18])
    """
    return touched_laws(keys, shares)[-1]


def touched_laws(keys: int, shares: ArrayLike) -> NDArray[np.float64]:
    """Return `touched_law` for 0, 1, …, `keys` keys at once, ``float64[keys + 1, min(keys, parts) + 1]``."""
    k = counted(keys, "keys")
    p = shares_of(shares)
    laws = kernels.touched_equal(k, len(p)) if (p == p[0]).all() else None
    if laws is not None:
        return laws
    if len(p) * float(k * k) > MOST_STEPS:
        raise ValueError(
            f"{k} keys on {len(p)} parts of different shares are too many for the exact law: "
            "ask for expected_touched, or give the number of parts for equal shares"
        )
    return kernels.touched(k, p)


def expected_touched(keys: int, shares: ArrayLike) -> float:
    """Return the expected number of parts that some keys touch, ``sum(1 - (1 - p)^keys)``, for any number of keys.

    Examples
    --------
    >>> round(expected_touched(10, 100), 2)
    9.56
    """
    k, p = counted(keys, "keys"), shares_of(shares)
    return float(-np.expm1(k * np.log1p(-p[p < 1])).sum() + np.sum(p >= 1))


def fullest_law(balls: int, bins: int) -> tuple[int, NDArray[np.float64]]:
    """Return the law of the fullest of some equal bins.

    The bins are independent Poisson counts, given their sum; of those cut off at t, the sum has a law that is a
    convolution power, found by its characteristic function (Levin 1981). Good to about 1e-11, absolute.

    Returns
    -------
    low, cdf : int, float64[:]
        ``cdf[i]`` is the probability that no bin holds more than ``low + i`` balls; before that it is 0, after the
        end it is 1.

    Examples
    --------
    >>> low, cdf = fullest_law(2, 2)
    >>> low, cdf.round(12).tolist()
    (1, [0.5, 1.0])
    """
    m, n = counted(balls, "balls"), counted(bins, "bins")
    mean = m / n
    least = -(-m // n)
    below, most = least - 1, m  # by bisection, as scipy's own inverse is lost where 1 - p is 1
    while most - below > 1:  # no bin is fuller than `most`
        middle = (below + most) // 2
        below, most = (below, middle) if scipy.special.bdtrc(middle, m, 1 / n) < _NEVER / n else (middle, most)
    size = n * most + 1
    # beyond this angle the n-th power of a characteristic function with a jump of 0.4 sd in its law is nothing
    angle = max(10 / np.sqrt(m), 0.4 / np.sqrt(mean) * 10 ** (20 / n))
    if min(size / 2, size * angle / (2 * np.pi)) * 2 * (most - least + 1) > MOST_STEPS:
        raise ValueError(f"{m} balls in {n} bins are too many for the exact law: give fewer")
    densities = kernels.fullest(scipy.stats.poisson.pmf(np.arange(most + 1), mean), least, n, m, size)
    law = np.maximum.accumulate(np.clip(densities / scipy.stats.poisson.pmf(m, m), 0.0, 1.0))
    start = int(np.searchsorted(law, _SURELY))
    stop = min(int(np.searchsorted(law, 1 - _SURELY)), len(law) - 1)
    law[stop] = 1.0
    return least + start, law[start : stop + 1]


def expected_fullest(balls: int, bins: int) -> float:
    """Return the expected number of balls in the fullest of some equal bins.

    Examples
    --------
    >>> round(expected_fullest(1000, 100), 2)
    18.76
    """
    low, cdf = fullest_law(balls, bins)
    return low + float(np.sum(1 - cdf[:-1]))


def shares_of(shares: ArrayLike) -> NDArray[np.float64]:
    """Return shares that are above zero and sum to 1; an integer stands for so many equal ones."""
    if np.ndim(shares) == 0 and isinstance(shares, (int, np.integer)):
        return np.full(counted(shares, "parts"), 1 / int(shares))
    p = np.asarray(shares, np.float64)
    if p.ndim != 1 or not len(p):
        raise ValueError(f"shares has shape {list(p.shape)}: give a flat list, or the number of equal parts")
    if not (np.isfinite(p).all() and (p >= 0).all() and abs(p.sum() - 1) < 1e-6):
        raise ValueError(
            f"shares run from {p.min():g} to {p.max():g} and sum to {p.sum():g}: give shares that sum to 1"
        )
    return p[p > 0] / p.sum()


def first_that(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the least integer above `low` that holds, by halving; `low` does not hold, `high` and all beyond do."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def counted(value: int | np.integer, what: str) -> int:
    """Return a whole number of one or more."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{what} is {value!r}: give an integer of one or more")
    return int(value)
