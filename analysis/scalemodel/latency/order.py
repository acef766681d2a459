"""Waiting for the k-th fastest answer of several, exact at any time: no grid, no sampling."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import NDArray

from .. import _check
from ._kernels import families, order
from .base import Floats, Latency, Values, latencies, stacked, union
from .shared import counts_of

if TYPE_CHECKING:
    from .shared import Variable

MOST = 100_000
"""Parts that may differ; `fan_out` takes any number of equal ones."""


def kth_of(k: int, parts: Iterable[Latency]) -> Latency:
    """Return the time until the `k`-th fastest of several independent answers.

    Parameters
    ----------
    k : int
        From 1 (the fastest) to the number of parts (the slowest).
    parts : sequence of Latency
        They may differ. One that occurs twice is asked twice, independently; parts that hold the same
        `scalemodel.latency.shared` latency are correlated.

    Returns
    -------
    Latency
        With relative accuracy in both tails: ``P(T > t)`` is the probability that fewer than k have answered, added
        up by the Poisson-binomial recursion without a subtraction.

    Raises
    ------
    ValueError
        If `k` is not between 1 and the number of parts.

    Examples
    --------
    A read that needs three of five replicas, one of which is on a slow disk:

    >>> from scalemodel.latency import Exponential
    >>> fast, slow = Exponential(mean=0.001), Exponential(mean=0.020)
    >>> round(1e3 * kth_of(3, [fast] * 4 + [slow]).quantile(0.99), 4)
    3.0931

    References
    ----------
    Wang, "On the number of successes in independent trials", Statistica Sinica 3 (1993): the recursion.
    """
    chosen = latencies(parts, "kth_of")
    if len(chosen) > MOST:
        raise ValueError(f"kth_of came with {len(chosen)} parts: give at most {MOST}, or use fan_out for equal ones")
    k = _check.whole(k, f"k, of {len(chosen)} parts,", 1, len(chosen))
    return chosen[0] if len(chosen) == 1 else KthOf.of(k, chosen)


def fastest(parts: Iterable[Latency]) -> Latency:
    """Return the time until the first of several independent answers.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> round(fastest([Exponential(0.003), Exponential(0.006)]).mean(), 9)
    0.002
    """
    return kth_of(1, parts)


def slowest(parts: Iterable[Latency]) -> Latency:
    """Return the time until the last of several independent answers.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> round(slowest([Exponential(0.001), Exponential(0.001)]).mean(), 9)
    0.0015
    """
    chosen = latencies(parts, "slowest")
    return kth_of(len(chosen), chosen)


def fan_out(part: Latency, n: int) -> Latency:
    """Return the time until all of `n` equal, independent requests are answered.

    Examples
    --------
    One server in 10,000 is slow, and 2,000 are asked (Dean and Barroso, "The Tail at Scale", 2013: "almost one in
    five requests"):

    >>> from scalemodel.latency import Constant, Mixture
    >>> leaf = Mixture([Constant(0.01), Constant(1.0)], weights=[0.9999, 0.0001])
    >>> round(fan_out(leaf, 2000).sf(0.5), 6)
    0.181277
    """
    (part,) = latencies([part], "fan_out")
    n = _check.whole(n, "n, the requests of a fan-out,", 1, 2**52)
    return part if n == 1 else KthOf(n, (part,), (n,))


@dataclass(frozen=True)
class KthOf(Latency):
    """The k-th fastest answer of parts, each with the number of times it is asked; `kth_of` makes one."""

    k: int
    parts: tuple[Latency, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, k: int, parts: Iterable[Latency]) -> "KthOf":
        """Gather equal parts."""
        counts = Counter(parts)
        return cls(k, tuple(counts), tuple(counts.values()))

    @property
    def n(self) -> int:
        """How many are asked."""
        return sum(self.counts)

    @property
    def description(self) -> str:
        """The law in a few words."""
        if len(self.parts) == 1:
            return f"{nth(self.k, self.n)} of {self.n} times {self.parts[0].description}"
        return f"{nth(self.k, self.n)} of {self.n} latencies of {len(self.parts)} kinds"

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return self._given(t, {}, left)

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        if self._entangled - values.keys():
            counts = counts_of(list(zip(self.parts, self.counts, strict=True)), t, values, left)
            return counts[self.k :].sum(axis=0), counts[: self.k].sum(axis=0)
        below, above = self._part_tails(t, values, left)
        if len(self.parts) == 1:
            return _kth_of_equal(self.k, self.n, below[0], above[0])
        return order.kth_tails(below, above, self._index, self.k)

    def _part_tails(self, t: Floats, values: Values, left: bool) -> tuple[Floats, Floats]:
        rows, starts, others = self._packed
        below, above = families.tails_of(t, rows, starts, left)
        for i in others:
            below[i], above[i] = self.parts[i]._given(t, values, left)
        return below, above

    def _pdf(self, t: Floats) -> Floats:
        if self._entangled:
            return self._table._pdf(t)
        rows, starts, others = self._packed
        density = families.densities_of(t, rows, starts)
        for i in others:
            density[i] = self.parts[i]._pdf(t)
        below, above = self._part_tails(t, {}, False)
        if len(self.parts) == 1:
            return _density_of_equal(self.k, self.n, below[0], above[0], density[0])
        return order.kth_density(below, above, density, self._index, self.k)

    @cached_property
    def _index(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self.parts)), self.counts)

    @cached_property
    def _packed(self) -> tuple[Floats, NDArray[np.int64], list[int]]:
        """The parts with closed forms as rows for one kernel call, and the numbers of the other parts."""
        rows = [part._rows for part in self.parts]
        lengths = [0 if row is None else len(row) for row in rows]
        packed = np.concatenate([np.empty((0, 5)), *(row for row in rows if row is not None)])
        return packed, np.cumsum([0, *lengths]), [i for i, row in enumerate(rows) if row is None]

    @cached_property
    def _entangled(self) -> frozenset["Variable"]:
        """The shared latencies that more than one answer depends on."""
        pairs = list(zip(self.parts, self.counts, strict=True))
        return frozenset(v for v in self._variables if sum(count for part, count in pairs if v in part._variables) > 1)

    def _breaks(self, variable: "Variable", t: Floats, values: Values) -> Floats:
        return stacked(part._breaks(variable, t, values) for part in self.parts if variable in part._variables)

    def _additive(self, variable: "Variable") -> bool:
        return any(part._additive(variable) for part in self.parts if variable in part._variables)

    def _features(self, values: Values) -> Floats:
        return stacked(part._features(values) for part in self.parts)

    @cached_property
    def _knots(self) -> Floats:
        knots = union(part._knots for part in self.parts)
        lows = np.repeat([part._knots[0] for part in self.parts], np.minimum(self.counts, self.k))
        return knots[knots >= np.sort(lows)[self.k - 1] * (1 - 1e-15)]  # before it, fewer than k can have answered

    @cached_property
    def _jumps(self) -> Floats:
        jumps = union(part._jumps for part in self.parts)
        return jumps[jumps >= self._knots[0]]

    @cached_property
    def _rough(self) -> bool:
        return super()._rough or any(part._rough for part in self.parts)

    @cached_property
    def _spread(self) -> float:
        typical = sorted(part._knots[0] + part._spread for part in self.parts)
        least = min((part._spread for part in self.parts if part._spread > 0), default=0.0)
        return max(typical[(len(typical) - 1) // 2] - self._knots[0], least)

    @cached_property
    def _variables(self) -> frozenset["Variable"]:
        return frozenset().union(*(part._variables for part in self.parts))


def _kth_of_equal(k: int, n: int, below: Floats, above: Floats) -> tuple[Floats, Floats]:
    """Return the tails of the k-th of n equal parts: incomplete beta functions."""
    with np.errstate(divide="ignore"):
        if k == n:
            return below**n, -np.expm1(n * np.where(above < 0.5, np.log1p(-above), np.log(below)))
        if k == 1:
            return -np.expm1(n * np.where(below < 0.5, np.log1p(-below), np.log(above))), above**n
    return scipy.special.betainc(k, n - k + 1, below), scipy.special.betainc(n - k + 1, k, above)


def _density_of_equal(k: int, n: int, below: Floats, above: Floats, density: Floats) -> Floats:
    """Return the density of the k-th of n equal parts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log = scipy.special.xlogy(k - 1, below) + scipy.special.xlogy(n - k, above) - scipy.special.betaln(k, n - k + 1)
        return np.where(density > 0, density * np.exp(log), 0.0)


def nth(k: int, n: int) -> str:
    """Write the k-th fastest of n in words."""
    if k in (1, n):
        return "fastest" if k == 1 else "slowest"
    suffix = "th" if k % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return f"{k}{suffix} fastest"
