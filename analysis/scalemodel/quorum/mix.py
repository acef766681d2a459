"""How many of the requests are reads: a fraction, or a distribution of fractions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

ReadFraction: TypeAlias = float | Mapping[float, float]
"""A number from 0 (writes only) to 1 (reads only), or the probability of each of several such numbers."""


@dataclass(frozen=True)
class Mix:
    """Read fractions and their probabilities, which sum to 1."""

    fractions: NDArray[np.float64]
    chances: NDArray[np.float64]

    @property
    def reads(self) -> float:
        """The mean read fraction."""
        return float(self.fractions @ self.chances)

    @property
    def writes(self) -> float:
        """The mean write fraction."""
        return float((1 - self.fractions) @ self.chances)


def mix_of(read_fraction: ReadFraction) -> Mix:
    """Read a read fraction.

    Raises
    ------
    ValueError
        If a fraction is not between 0 and 1, or the probabilities do not sum to one.
    """
    pairs = list(read_fraction.items()) if isinstance(read_fraction, Mapping) else [(read_fraction, 1.0)]
    if not pairs:
        raise ValueError("the read fractions are empty: give a number from 0 to 1, or {fraction: probability, ...}")
    for fraction, chance in pairs:
        for what, value in (("read fraction", fraction), ("probability of a read fraction", chance)):
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"a {what} is {value!r}: give a number from 0 to 1")
            if not 0 <= float(value) <= 1:  # also refuses NaN
                raise ValueError(f"a {what} is {value!r}: give a number from 0 to 1")
    fractions, chances = (np.array([float(pair[i]) for pair in pairs]) for i in (0, 1))
    if not math.isclose(chances.sum(), 1, rel_tol=0, abs_tol=1e-9):
        raise ValueError(
            f"the probabilities of the read fractions sum to {chances.sum():.6g}: divide each by that, so that they "
            "sum to 1"
        )
    used = chances > 0
    return Mix(fractions[used], chances[used] / chances.sum())
