"""Whole parts for fractional shares: who holds how many replicas, where domains limit them."""

import numpy as np
from numpy.typing import NDArray

_SLACK = 1e-11  # a target this close to a whole number, relatively, is one: it went through floating point


def water_fill(weights: NDArray[np.float64], domains: NDArray[np.int64], rows: int, copies: int) -> NDArray[np.float64]:
    """Return how many of ``rows * copies`` parts each node should hold, ``float64[nodes]``, not rounded.

    Parts go by weight, but no domain takes more than one of each row. A domain that weighs more than that holds `rows`
    parts, shared by weight inside it, and the others take the rest by weight: the water level rises where it can. Of
    all ways within the limits, none has a smaller largest ratio of parts to weight, and none a larger smallest one.

    References
    ----------
    Fujishige, "Lexicographically optimal base of a polymatroid with respect to a weight vector", 1980.
    """
    heavy = np.zeros(domains.max() + 1, bool)
    of_domain = np.bincount(domains, weights)
    while True:
        level = rows * (copies - heavy.sum()) / max(of_domain[~heavy].sum(), np.finfo(float).tiny)
        over = ~heavy & (of_domain * level > rows * (1 + _SLACK))
        if not over.any():
            break
        heavy |= over
    parts = np.where(heavy, rows, of_domain * level)
    return parts[domains] * weights / of_domain[domains]


def apportion(targets: NDArray[np.float64], domains: NDArray[np.int64], held: NDArray[np.int64]) -> NDArray[np.int64]:
    """Round targets, whose sum is whole, up or down: ``int64[nodes]`` with the same sum.

    The sum of every domain is that of its targets, rounded up or down as well. Of all such roundings the largest
    relative deviation from a target is the smallest; of these, the one that takes the fewest parts away from the
    `held` ones is returned, and of these again the one that rounds the largest fractions up.
    """
    low, high = _down(targets), _up(targets)
    of_domain = np.bincount(domains, targets).astype(np.float64)
    base = np.bincount(domains, low).astype(np.int64)
    least, most = _down(of_domain) - base, _up(of_domain) - base  # nodes of each domain to be rounded up
    total = round(targets.sum()) - int(low.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        up, down = high / targets - 1, 1 - low / targets

    def choose(limit: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        """Return who must and who may be rounded up, and how many of each domain at least and at most."""
        must, may = (high > low) & (down > limit), (high > low) & (up <= limit)
        of_must, of_may = (np.bincount(domains, who, len(base)).astype(np.int64) for who in (must, may))
        return must, may, np.maximum(least, of_must), np.minimum(most, of_may)

    def possible(limit: float) -> bool:
        must, may, at_least, at_most = choose(limit)
        return bool((must <= may).all() and (at_least <= at_most).all() and at_least.sum() <= total <= at_most.sum())

    limits = np.unique(np.concatenate([[0.0], up[high > low], down[high > low]]))
    first, last = 0, len(limits) - 1  # the last is possible: it allows every rounding, and the targets lie between them
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if possible(limits[middle]) else (middle + 1, last)
    must, may, at_least, at_most = choose(limits[first])
    # in each domain who must comes first, then who holds so many already, then by fraction
    order = np.lexsort((low - targets, held < high, ~must))
    order = order[may[order]]
    rank = _rank_within(domains[order])
    needed = rank < at_least[domains[order]]
    wanted = ~needed & (rank < at_most[domains[order]])
    counts = low.copy()
    counts[order[needed]] += 1
    counts[order[wanted][: total - needed.sum()]] += 1
    return counts


def _down(x: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(x * (1 + _SLACK)).astype(np.int64)


def _up(x: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.ceil(x * (1 - _SLACK)).astype(np.int64)


def _rank_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many before each entry are of the same group."""
    in_groups = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[in_groups], groups[in_groups])
    rank = np.empty(len(groups), np.int64)
    rank[in_groups] = np.arange(len(groups)) - begins
    return rank
