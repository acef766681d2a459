"""How often are too few of n up? Exactly, and in the small tail too."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._check import share, shares, whole
from ._kernels import counts as kernels

MOST = 10_000
"""Replicas of one system."""

MOST_POWERS = 60
"""Nodes that are alike up to which powers of their probability neither vanish nor lose digits."""


def k_of_n_unavailability(k: int, p_down: ArrayLike, n: int | None = None) -> float | NDArray[np.float64]:
    """Return the probability that fewer than `k` of n nodes are up, which fail independently.

    Only additions and multiplications of probabilities: the relative error is some 1e-15, at 1e-80 as at 0.1.

    Parameters
    ----------
    k : int
        How many must be up, from 1 to n.
    p_down : float64[n] or float64[cases, n]
        Probability of each node to be down. Rows are cases, each answered for itself.
    n : int, optional
        That all of so many nodes are alike; `p_down`, of any shape, then holds one probability for each case.

    Returns
    -------
    float or float64[cases]
        Of the shape of `p_down`, where `n` is given.

    Raises
    ------
    ValueError
        If `k` is not from 1 to n or a probability not from 0 to 1, or if the answer is too small for a float.

    Examples
    --------
    >>> f"{k_of_n_unavailability(2, [1e-3, 1e-3, 1e-3]):.6e}"
    '2.998000e-06'
    >>> k_of_n_unavailability(2, [[0.1, 0.1, 0.1], [0.5, 0.5, 0.5]]).round(4).tolist()
    [0.028, 0.5]
    >>> k_of_n_unavailability(2, [0.1, 0.5], n=3).round(4).tolist()
    [0.028, 0.5]

    References
    ----------
    Barlow and Heidtmann, "Computing k-out-of-n system reliability", IEEE Transactions on Reliability R-33 (1984).
    """
    down = np.asarray(p_down, dtype=np.float64)
    if n is not None:
        return _alike(k, down, n)
    if down.ndim == 1 and type(k) is int and 0 < k <= down.size <= MOST:
        answer = kernels.fewer_up_once(k, down)
        if answer > 0.0:
            return answer
    rows = down.reshape(1, -1) if down.ndim == 1 else down
    if rows.ndim != 2 or not rows.size or rows.shape[1] > MOST:
        raise ValueError(f"p_down has shape {down.shape}: give one probability for each of up to {MOST} nodes, or rows")
    k = whole(k, "k", 1, rows.shape[1])
    answers = np.empty(len(rows))
    wrong = kernels.fewer_up(k, np.ascontiguousarray(rows), answers)
    if wrong >= 0:
        share(float(rows.flat[wrong]), "a probability to be down")
    if answers.min() == 0.0:
        refuse_zero(answers, (rows > 0).sum(axis=1) > rows.shape[1] - k)
    return float(answers[0]) if down.ndim == 1 else answers


def _alike(k: int, down: NDArray[np.float64], n: int) -> float | NDArray[np.float64]:
    n = whole(n, "n", 1, MOST)
    k = whole(k, "k", 1, n)
    flat = np.ascontiguousarray(down).ravel()
    if not flat.size:
        raise ValueError("p_down is empty: give a probability")
    answers = np.empty(flat.size)
    if n <= MOST_POWERS:
        wrong = kernels.fewer_alike(k, n, float(math.comb(n, k - 1)), flat, answers)
    else:
        wrong = kernels.fewer_up(k, np.repeat(flat[:, None], n, axis=1), answers) // n
    if wrong >= 0:
        share(float(flat[wrong]), "a probability to be down")
    if answers.min() == 0.0:
        refuse_zero(answers, flat > 0)
    return answers.reshape(down.shape) if down.ndim else float(answers[0])


def refuse_zero(answers: NDArray[np.float64], possible: NDArray[np.bool_]) -> None:
    """Raise if an answer is zero although it can happen."""
    if ((answers == 0) & possible).any():
        raise ValueError("the unavailability is below 1e-308, which no float holds: give less unlikely failures")


def _plain(given: tuple[Any, ...]) -> bool:
    """Tell whether one design is given in plain numbers, all of them good."""
    need, replicas, zones, *odds = given
    return (
        type(need) is type(replicas) is type(zones) is int
        and 1 <= need <= replicas <= MOST
        and 1 <= zones <= MOST
        and all(type(p) in (int, float) and 0 <= p <= 1 for p in odds)
    )


def spread_unavailability(
    need: ArrayLike,
    replicas: ArrayLike,
    zones: ArrayLike = 1,
    p_node: ArrayLike = 0.0,
    p_zone: ArrayLike = 0.0,
    p_common: ArrayLike = 0.0,
) -> float | NDArray[np.float64]:
    """Return the probability that fewer than `need` of the replicas are up, for a million designs at once.

    Replicas are spread over zones as evenly as can be. All parameters are broadcast against each other.

    Parameters
    ----------
    need, replicas, zones : int or array of int
        Replicas that must be up, that there are, and the zones they are in; zones beyond the replicas stay empty.
    p_node, p_zone, p_common : float or array of float
        Probability that a node is down by itself, that a zone is down, and that whatever all replicas share is.

    Returns
    -------
    float or float64 array of the common shape

    Examples
    --------
    Amazon Aurora's six copies in three zones: a write takes four, a read three.

    >>> [f"{u:.4e}" for u in spread_unavailability([4, 3], 6, 3, 1e-3, 1e-4)]
    ['1.2479e-06', '3.1810e-08']

    Five replicas are no better than three, if 5 % of failures take all of them:

    >>> [f"{u:.4e}" for u in spread_unavailability([2, 3], [3, 5], 1, 0.95e-3, 0, 0.05e-3)]
    ['5.2706e-05', '5.0009e-05']
    """
    plain = (need, replicas, zones, p_node, p_zone, p_common)
    if _plain(plain):
        return float(kernels.spread_once(*plain[:3], *map(float, plain[3:])))  # type: ignore[arg-type]
    integers = []
    for name, given in (("need", need), ("replicas", replicas), ("zones", zones)):
        array = np.asarray(given)
        if array.dtype.kind not in "iu" or not array.size:
            raise TypeError(f"{name} has type {array.dtype} and shape {array.shape}: give integers of one or more")
        if array.min() < 1 or array.max() > MOST:
            raise ValueError(f"{name} is {array.min() if array.min() < 1 else array.max()}: give 1 to {MOST}")
        integers.append(array.astype(np.int64))
    chances = [shares(p, name) for p, name in ((p_node, "p_node"), (p_zone, "p_zone"), (p_common, "p_common"))]
    arrays = np.broadcast_arrays(*integers, *chances)
    n, total = arrays[0], arrays[1]
    if (n > total).any():
        at = int(np.argmax((n > total).ravel()))
        raise ValueError(f"need is {n.flat[at]} of {total.flat[at]} replicas: give no more than there are")
    answers = np.empty(arrays[0].size)
    a, b, c, d, e, f = (np.ascontiguousarray(array).ravel() for array in arrays)
    kernels.spread(a, b, c, d, e, f, answers)
    return answers.reshape(arrays[0].shape) if arrays[0].ndim else float(answers[0])
