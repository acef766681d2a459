"""How long does it take? A latency is a distribution, with an algebra.

A `Latency` answers `cdf`, `sf`, `pdf`, `quantile`, `isf`, `mean`, `var`, `sample`, `plot`: exactly where there is a
closed form, otherwise through polynomials with a stated `error` (`Latency.on_grid`). It keeps its digits far out in the
tail, also where the variance is infinite.

- Made from a law (`Exponential`, `LogNormal`, `Pareto`, …), from data (`Empirical`, `Histogram`, `fit`), or from a
  dashboard (`from_percentiles`, `from_histogram`).
- Put together: ``a + b``, ``a + 3 * ms``, ``2 * a``; `kth_of`, `fastest`, `slowest`, `fan_out` of parts that differ;
  `shared`, `common_shock` and `correlated` where parts are slow together.
- Acted upon: `hedged`, `hedge_curve`, `optimal_hedge`, `learned_hedge`, `hedged_under_load`; `timeout`, `retry`.

>>> from scalemodel.units import ms
>>> disk, slow = LogNormal(2 * ms, sigma=0.5), LogNormal(6 * ms, sigma=0.8)
>>> round(1e3 * kth_of(2, [disk, disk, slow]).quantile(0.999), 2)
8.76
"""

from .base import Latency
from .calls import Capped, Retried, Truncated, retry, timeout, truncated
from .data import Discrete, Empirical, Histogram, Interpolated, from_histogram, from_percentiles
from .families import (
    Constant,
    Erlang,
    Exponential,
    Gamma,
    Hyperexponential,
    LogNormal,
    Mixture,
    Pareto,
    Uniform,
    Weibull,
)
from .fitting import FAMILIES, Fit, fit
from .hedging import (
    HedgeCurve,
    Hedged,
    LearnedHedge,
    LoadedHedge,
    Max,
    Min,
    Percentile,
    break_even_utilisation,
    delay,
    hedge_curve,
    hedged,
    hedged_under_load,
    learned_hedge,
    optimal_hedge,
    p50,
    p75,
    p90,
    p95,
    p99,
    p999,
)
from .order import KthOf, fan_out, fastest, kth_of, slowest
from .phases import PhaseType
from .shared import Correlated, Shared, common_shock, correlated, shared
from .sums import Affine, Sum
from .table import Tabulated

__all__ = [
    "FAMILIES",
    "Affine",
    "Capped",
    "Constant",
    "Correlated",
    "Discrete",
    "Empirical",
    "Erlang",
    "Exponential",
    "Fit",
    "Gamma",
    "HedgeCurve",
    "Hedged",
    "Histogram",
    "Hyperexponential",
    "Interpolated",
    "KthOf",
    "Latency",
    "LearnedHedge",
    "LoadedHedge",
    "LogNormal",
    "Max",
    "Min",
    "Mixture",
    "Pareto",
    "Percentile",
    "PhaseType",
    "Retried",
    "Shared",
    "Sum",
    "Tabulated",
    "Truncated",
    "Uniform",
    "Weibull",
    "break_even_utilisation",
    "common_shock",
    "correlated",
    "delay",
    "fan_out",
    "fastest",
    "fit",
    "from_histogram",
    "from_percentiles",
    "hedge_curve",
    "hedged",
    "hedged_under_load",
    "kth_of",
    "learned_hedge",
    "optimal_hedge",
    "p50",
    "p75",
    "p90",
    "p95",
    "p99",
    "p999",
    "retry",
    "shared",
    "slowest",
    "timeout",
    "truncated",
]
