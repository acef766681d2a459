"""Durability when wear matters: Weibull lifetimes, by importance sampling."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._check import number, positive, whole
from ..display import Shown, nines
from ..latency import Constant, Exponential, Weibull
from ..streams import stream
from ..units import years
from ._kernels import lifetimes as kernels
from .codes import ReedSolomon, Replicas

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 2**13
"""Missions of one stream."""


@dataclass(frozen=True)
class SimulatedDurability(Shown):
    """An estimate of the probability of loss within a mission.

    Attributes
    ----------
    loss_probability, standard_error : float
        The estimate and its error.
    losses : int
        Simulated missions that ended in a loss.
    """

    code: Replicas | ReedSolomon
    mission: float
    loss_probability: float
    standard_error: float
    losses: int
    samples: int

    @property
    def nines(self) -> float:
        """Nines over the mission."""
        return nines(self.loss_probability)

    @property
    def relative_error(self) -> float:
        """Standard error over estimate."""
        return self.standard_error / self.loss_probability

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return f"{self.code}: loss {self.loss_probability:.3g} ± {100 * self.relative_error:.1g} %"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row of figures; the interval is that of 95 %."""
        import pandas as pd

        p, e = self.loss_probability, self.standard_error
        row = {
            "code": str(self.code),
            "mission_years": self.mission / years,
            "loss_probability": p,
            "loss_probability_low": max(0.0, p - 1.96 * e),
            "loss_probability_high": p + 1.96 * e,
            "relative_error": self.relative_error,
        }
        return pd.DataFrame([row])


def simulate_durability(
    code: Replicas | ReedSolomon,
    lifetime: Weibull | Exponential,
    repair: float | Constant | Exponential | Weibull,
    mission: float = years,
    age: float = 0.0,
    crews: int | None = None,
    samples: int = 100_000,
    seed: int = 0,
) -> SimulatedDurability:
    """Return the probability of loss of an item whose nodes wear out, or fail early, by importance sampling.

    Hazards are raised while a shard is missing, so that losses are common, and each loss counts what it is worth. A
    node that is replaced is new.

    Parameters
    ----------
    code : Replicas or ReedSolomon
        What is kept.
    lifetime : Weibull or Exponential
        Of a node, in seconds. A shape below 1 is infant mortality, above 1 is wear.
    repair : float, Constant, Exponential or Weibull
        Seconds to make a shard again; a number is constant.
    mission : float
        Seconds; the loss is counted within this time.
    age : float
        Seconds that all nodes have lived at first.
    crews : int, optional
        Repairs at once: all, or one.
    samples, seed : int
        Missions simulated.

    Examples
    --------
    >>> wear = Weibull(scale=30 * years, shape=0.75)
    >>> answer = simulate_durability(ReedSolomon(6, 3), wear, repair=6 * 3600.0, age=years, samples=20_000)
    >>> answer.relative_error < 0.2, 11 < answer.nines < 13
    (True, True)
    """
    if not isinstance(code, (Replicas, ReedSolomon)):
        raise TypeError(f"code is {code!r}: give Replicas(n) or ReedSolomon(k, m)")
    if not isinstance(lifetime, (Weibull, Exponential)):
        raise TypeError(f"lifetime is {lifetime!r}: give a Weibull(scale, shape) or an Exponential(mean)")
    scale, shape = _parameters(lifetime)
    if isinstance(repair, (Weibull, Exponential)):
        takes, repair_shape = _parameters(repair)
        mean = float(repair.mean())
    else:
        given = repair.value if isinstance(repair, Constant) else repair
        takes = mean = positive(given, "repair", "; seconds")
        repair_shape = 0.0
    if crews not in (None, 1):
        raise ValueError(f"crews is {crews!r}: give 1, or nothing for all at once")
    positive(mission, "mission", "; seconds")
    number(age, "age", hint="; seconds")
    total = whole(samples, "samples", 2, 10**9)
    n = code.shards
    per_second = ((age + mission) / scale) ** shape - (age / scale) ** shape
    per_second /= mission
    calm = max(1.0, 1 / (n * per_second * mission))
    busy = max(calm, 0.5 / (n * per_second * mean))
    weights = np.empty(total)
    for chunk, start in enumerate(range(0, total, CHUNK)):
        part = weights[start : start + CHUNK]
        kernels.lives(
            stream(seed, chunk), part, n, code.tolerates, scale, shape, float(age), takes, repair_shape,
            crews == 1, float(mission), calm, busy,
        )  # fmt: skip
    losses = int((weights > 0).sum())
    if not losses:
        raise ValueError(f"none of {total} missions ended in a loss: give more samples or a longer mission")
    return SimulatedDurability(
        code, mission, float(weights.mean()), float(weights.std(ddof=1)) / math.sqrt(total), losses, total
    )


def _parameters(law: Weibull | Exponential) -> tuple[float, float]:
    return (float(law.scale), float(law.shape)) if isinstance(law, Weibull) else (float(law.mean()), 1.0)
