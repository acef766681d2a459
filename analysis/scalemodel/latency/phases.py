"""Phase-type latencies: the time in which a Markov chain is absorbed."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from ._kernels import phases as kernels
from .base import Floats, Latency


@dataclass(frozen=True, eq=False, init=False)
class PhaseType(Latency):
    """The time that a Markov chain needs to be absorbed: stages in series, in parallel, with returns.

    Exact by uniformisation, and relatively so far out in the tail.

    Parameters
    ----------
    start : array of float, shape (m,)
        Probabilities of the first phase; what they lack to 1 is absorbed at once, and takes no time.
    generator : array of float, shape (m, m)
        Rates per second from row to column; on the diagonal, minus the rate at which the phase is left. What a row's
        sum lacks to 0 is the rate of absorption.

    Examples
    --------
    Two stages of 1 ms, the second of which is repeated in one case of ten:

    >>> law = PhaseType([1, 0], [[-1000, 1000], [0, -900]])
    >>> round(law.mean(), 6), round(law.quantile(0.999), 6)
    (0.002111, 0.009774)

    References
    ----------
    Neuts, "Matrix-Geometric Solutions in Stochastic Models" (1981), chapter 2. Jensen, "Markoff chains as an aid in
    the study of Markoff processes", Skandinavisk Aktuarietidskrift 36 (1953): uniformisation.
    """

    start: Floats
    generator: Floats = field(repr=False)

    def __init__(self, start: ArrayLike, generator: ArrayLike) -> None:
        first = _check.amounts(start, "the start of a phase-type latency")
        rates = np.array(generator, np.float64)
        if rates.shape != (len(first), len(first)):
            raise ValueError(
                f"a phase-type latency of {len(first)} phases came with a generator of shape {rates.shape}: "
                f"give {len(first)} rows and columns"
            )
        if not first.sum() <= 1 + 1e-12:
            raise ValueError(f"the start of a phase-type latency adds up to {first.sum():g}: give at most 1 in all")
        away = rates[~np.eye(len(first), dtype=bool)]
        if not (np.isfinite(rates).all() and (away >= 0).all() and (rates.diagonal() < 0).all()):
            raise ValueError(
                "the generator of a phase-type latency has a rate of the wrong sign: give finite rates, below 0 on the "
                "diagonal and 0 or more elsewhere"
            )
        if not (rates.sum(axis=1) <= 1e-9 * -rates.diagonal()).all():
            raise ValueError(
                "a row of the generator adds up to more than 0: the rate of leaving a phase, on the diagonal, is the "
                "sum of the others and that of absorption"
            )
        reached = np.linalg.matrix_power((rates != 0) + np.eye(len(first)), len(first)) > 0
        leaves = rates.sum(axis=1) < -1e-12 * -rates.diagonal()
        if not reached[:, leaves].any(axis=1).all():
            raise ValueError("a phase of the phase-type latency is never left for good: give it a way to absorption")
        object.__setattr__(self, "start", _check.read_only(first))
        object.__setattr__(self, "generator", _check.read_only(rates))

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"phase-type of {len(self.start)} phases"

    def mean(self) -> float:
        """Mean in seconds."""
        return float(self.start @ self._sojourns[0])

    def var(self) -> float:
        """Variance in seconds squared."""
        return float(self.start @ self._sojourns[1]) - self.mean() ** 2

    @cached_property
    def _sojourns(self) -> tuple[Floats, Floats]:
        """Mean and mean square of the time to absorption from each phase."""
        mean = np.linalg.solve(-self.generator, np.ones(len(self.start)))
        square = 2 * np.linalg.solve(-self.generator, mean)
        return mean.astype(np.float64), square.astype(np.float64)

    @cached_property
    def _chain(self) -> tuple[Floats, float, Floats, Floats]:
        """Transition probabilities per jump, the rate of jumps, those over doubled strides, the rates of absorption."""
        rate = float(-self.generator.diagonal().min())
        jumps = np.maximum(self.generator / rate + np.eye(len(self.start)), 0.0)
        doubled = [kernels.stride(jumps)]
        for _ in range(1, kernels.LEVELS):
            doubled.append(doubled[-1] @ doubled[-1])
        return jumps, rate, np.array(doubled), np.maximum(-self.generator.sum(axis=1), 0.0)

    def _survival(self, t: Floats) -> tuple[Floats, Floats]:
        jumps, rate, doubled, leaving = self._chain
        return kernels.survival(t, self.start.copy(), jumps, rate, doubled, leaving)

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        above = np.where(t <= 0, 1.0, self._survival(t)[0]) if left else self._survival(t)[0]
        return 1.0 - above, above

    def _pdf(self, t: Floats) -> Floats:
        return self._survival(t)[1]

    @property
    def _knots(self) -> Floats:
        return np.zeros(1)

    @property
    def _jumps(self) -> Floats:
        return np.zeros(1 if self.start.sum() < 1 - 1e-12 else 0)

    @property
    def _spread(self) -> float:
        return self.mean() or 1e-300
