"""Latencies the slow and obvious way: enumeration, exact fractions, integrals over many small steps."""

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from scipy import special
from scipy.linalg import expm


def kth_slower(k: int, slower: Sequence[Fraction]) -> Fraction:
    """P(fewer than k of the parts have answered), over all sets of parts; `slower` holds each part's P(not yet)."""
    return expression_slower(lambda done: sum(done) >= k, slower)


def expression_slower(answered: Callable[[Sequence[bool]], bool], slower: Sequence[Fraction]) -> Fraction:
    """P(an expression of parts is not answered), over all sets of parts that are."""
    total = Fraction(0)
    for done in itertools.product([False, True], repeat=len(slower)):
        if not answered(done):
            total += math.prod((1 - q if d else q for d, q in zip(done, slower, strict=True)), start=Fraction(1))
    return total


def sum_of_atoms(*laws: dict[Fraction, Fraction]) -> dict[Fraction, Fraction]:
    """The law of a sum of independent discrete latencies."""
    out = {Fraction(0): Fraction(1)}
    for law in laws:
        new: dict[Fraction, Fraction] = {}
        for (a, p), (b, q) in itertools.product(out.items(), law.items()):
            new[a + b] = new.get(a + b, Fraction(0)) + p * q
        out = new
    return out


def sum_slower(t: float, density: Callable, slower: Callable, low: float = 0.0, steps: int = 400) -> float:
    """P(X + Y > t) of two continuous latencies above `low`, of one law: 2 ∫_low^{t/2} + both, by steps of the log."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = math.log(t / 2) + np.linspace(math.log(2 * low / t) if low else -260, 0, steps + 1)
    half = np.diff(edges)[:, None] / 2
    x = np.exp(edges[:-1, None] + half * (1 + nodes))
    inner = (half * weights * x * density(x) * slower(t - x)).sum()
    return 2 * float(inner) + float(slower(t / 2)) ** 2


def uniform_sum_slower(t: Fraction, n: int) -> Fraction:
    """P(the sum of n uniforms on [0, 1] exceeds t): Irwin (1927) and Hall (1927), seen from the upper end."""
    left = n - t
    terms = ((-1) ** k * math.comb(n, k) * (left - k) ** n for k in range(n + 1) if k < left)
    return sum(terms, start=Fraction(0)) / math.factorial(n)


def hypoexponential_slower(t: float, rates: Sequence[int], digits: int = 60) -> float:
    """P(the sum of exponentials of distinct rates exceeds t), with so many digits that nothing cancels."""
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = digits
        total = Decimal(0)
        for i, rate in enumerate(rates):
            factor = math.prod(
                (Fraction(other, other - rate) for j, other in enumerate(rates) if j != i), start=Fraction(1)
            )
            total += Decimal(factor.numerator) / Decimal(factor.denominator) * (-Decimal(rate) * Decimal(t)).exp()
        return float(total)


def phase_slower(t: float, start: np.ndarray, generator: np.ndarray) -> float:
    """P(a Markov chain is not yet absorbed)."""
    return float(start @ expm(generator * t) @ np.ones(len(start)))


def copula_kth_slower(t: float, k: int, slower: Sequence[float], correlations: Sequence[float]) -> float:
    """P(fewer than k of the parts have answered), by the trapezoidal rule over their normal factor."""
    z = np.linspace(-9, 9, 4001)
    given = [
        special.ndtr((special.ndtri(q) + math.sqrt(r) * z) / math.sqrt(1 - r))
        for q, r in zip(slower, correlations, strict=True)
    ]
    count = [np.ones(len(z))] + [np.zeros(len(z))] * len(given)
    for q in given:
        count = [count[0] * q] + [count[j] * q + count[j - 1] * (1 - q) for j in range(1, len(count))]
    return float((sum(count[:k]) * np.exp(-(z**2) / 2)).sum() / np.exp(-(z**2) / 2).sum())


def retried_slower(t: float, slower: Callable[[float], float], timeout: float, pauses: Sequence[float]) -> float:
    """P(a call with retries takes longer than t), attempt by attempt."""
    if t < timeout:
        return slower(t)
    if not pauses:
        return 0.0
    if t < timeout + pauses[0]:
        return slower(timeout)
    return slower(timeout) * retried_slower(t - timeout - pauses[0], slower, timeout, pauses[1:])


def first_time(answered: Callable[[float], float], p: float, low: float, high: float) -> float:
    """The quantile p of a distribution function, by halving."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if answered(middle) >= p else (middle, high)
    return high
