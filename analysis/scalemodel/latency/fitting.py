"""Laws fitted to samples, and how well they fit, above all in the tail."""

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import ArrayLike

from .. import _check
from .base import NAMED, Delegating, Floats, Latency, Many
from .data import Empirical
from .families import Exponential, Gamma, Hyperexponential, LogNormal, Mixture, Pareto, Weibull
from .figures import curve_times, tail_plot

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FEWEST = 10  # samples
_TOP = 500  # samples that are kept as they are, from the slowest on
_BLOCKS = 1500  # of equally many, for the rest

Law = Callable[[Floats, Floats], Latency | None]


def _exponential(x: Floats, w: Floats) -> Latency:
    return Exponential(float(w @ x))


def _shifted_exponential(x: Floats, w: Floats) -> Latency | None:
    return Exponential(float(w @ x) - x[0]) + float(x[0]) if x[0] > 0 else None


def _gamma(x: Floats, w: Floats) -> Latency | None:
    if not x[0] > 0:
        return None
    mean = float(w @ x)
    gap = math.log(mean) - float(w @ np.log(x))
    log_shape = scipy.optimize.brentq(lambda u: u - scipy.special.digamma(math.exp(u)) - gap, -14.0, 14.0)
    return Gamma(math.exp(log_shape), mean)


def _weibull(x: Floats, w: Floats) -> Latency | None:
    if not x[0] > 0:
        return None
    logs = np.log(x / x[-1])
    mean = float(w @ logs)

    def slope(shape: float) -> float:
        power = w * np.exp(shape * logs)
        return float(power @ logs / power.sum()) - 1 / shape - mean

    shape = scipy.optimize.brentq(slope, 1e-3, 1e3)
    return Weibull(float(x[-1] * (w @ np.exp(shape * logs)) ** (1 / shape)), shape)


def _lognormal(x: Floats, w: Floats) -> Latency | None:
    if not x[0] > 0:
        return None
    logs = np.log(x)
    mean = float(w @ logs)
    return LogNormal(math.exp(mean), math.sqrt(float(w @ (logs - mean) ** 2)))


def _shifted_lognormal(x: Floats, w: Floats) -> Latency | None:
    """Shift by three quantiles (the p5, p50 and p95 of a log-normal are in geometric progression), then as above."""
    low, middle, high = np.interp([0.05, 0.5, 0.95], np.cumsum(w), x)
    skew = low + high - 2 * middle
    shift = (low * high - middle**2) / skew if skew > 0 else 0.0
    shift = min(shift, x[0] * (1 - 1e-3))
    law = _lognormal(x - shift, w) if shift > 0 else None
    return law + float(shift) if law is not None else None


def _pareto(x: Floats, w: Floats) -> Latency | None:
    return Pareto(float(x[0]), 1 / float(w @ np.log(x / x[0]))) if x[0] > 0 else None


def _hyperexponential(x: Floats, w: Floats) -> Latency:
    """Two exponentials."""

    def densities(means: Floats) -> Floats:
        return np.exp(-x[:, None] / means) / means

    def best(share: Floats) -> Floats:
        return np.maximum(share.T @ x / share.sum(axis=0), 1e-12 * x[-1])

    means, weights = _maximised(w, np.quantile(x, [0.25, 0.95]) + 1e-9 * x[-1], densities, best)
    return Hyperexponential(means.tolist(), weights.tolist())


def _pareto_and_exponential(x: Floats, w: Floats) -> Latency | None:
    """A Pareto and an exponential, as Bailis et al. (2012) fit theirs; the scale of the Pareto is searched for."""
    if not x[0] > 0:
        return None

    def given(scale: float) -> tuple[float, Latency]:
        """Return the likelihood and the law of the best fit with this scale."""
        logs = np.log(np.maximum(x, scale) / scale)

        def densities(numbers: Floats) -> Floats:
            shape, mean = numbers
            body = np.where(x >= scale, shape / x * np.exp(-shape * logs), 0.0)
            return np.column_stack([body, np.exp(-x / mean) / mean])

        def best(share: Floats) -> Floats:
            body, tail = share.T
            return np.array([body.sum() / max(body @ logs, 0.02 * body.sum()), tail @ x / tail.sum()])

        numbers, weights = _maximised(w, np.array([2.0, float(w @ x)]), densities, best)
        law = Mixture([Pareto(scale, float(numbers[0])), Exponential(float(numbers[1]))], weights.tolist())
        return float(w @ np.log(np.maximum(densities(numbers) @ weights, 1e-300))), law

    low, high = 0, int(np.searchsorted(np.cumsum(w), 0.7))
    best: tuple[float, Latency] | None = None
    while high > low:  # ever closer around the best scale, which is at a sample
        tried = np.unique(np.linspace(low, high, 12).astype(np.int64))
        fits = [given(float(x[at])) for at in tried]
        at = max(range(len(fits)), key=lambda i: fits[i][0])
        best = fits[at]
        low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
        if high - low <= 2:
            break
    return best[1] if best is not None else None


def _maximised(
    w: Floats, numbers: Floats, densities: Callable[[Floats], Floats], best: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """Return the numbers and the weights of a mixture of two laws, by expectation maximisation."""
    weights = np.array([0.9, 0.1])
    for _ in range(300):
        parts = weights * densities(numbers)
        share = w[:, None] * parts / np.maximum(parts.sum(axis=1, keepdims=True), 1e-300)
        before = np.append(numbers, weights)
        weights = np.maximum(share.sum(axis=0), 1e-3)
        weights /= weights.sum()
        numbers = best(np.maximum(share, 1e-300))
        if np.allclose(np.append(numbers, weights), before, rtol=1e-5, atol=0):
            break
    return numbers, weights


FAMILIES: dict[str, tuple[int, Law]] = {
    "exponential": (1, _exponential),
    "gamma": (2, _gamma),
    "hyperexponential": (3, _hyperexponential),
    "lognormal": (2, _lognormal),
    "pareto": (2, _pareto),
    "pareto and exponential": (4, _pareto_and_exponential),
    "shifted exponential": (2, _shifted_exponential),
    "shifted lognormal": (3, _shifted_lognormal),
    "weibull": (2, _weibull),
}
"""The families that `fit` knows, each with its number of parameters."""


def fit(samples: ArrayLike, family: str | Sequence[str] | None = None) -> "Fit":
    """Fit a law to measured latencies, and say how well it fits.

    Parameters
    ----------
    samples : array of float, shape (n,)
        Seconds; ten or more, not all the same.
    family : str or sequence of str, optional
        A name of `FAMILIES`, or those to choose from; all unless given. The choice is by Schwarz's criterion.

    Returns
    -------
    Fit
        A `Latency`, with `family`, `law`, `distance`, `candidates`; its table and its plot compare the percentiles with
        those of the sample and their 95 % intervals.

    Raises
    ------
    ValueError
        If there are too few samples, they are all the same, or a family is unknown.

    Examples
    --------
    >>> from scalemodel.latency import LogNormal
    >>> found = fit(LogNormal(0.002, 0.8).sample(10_000, seed=1))
    >>> found.family, round(found.law.median, 4), round(found.law.sigma, 2)
    ('lognormal', 0.002, 0.8)
    >>> found.distance < 0.02
    True
    """
    sample = Empirical(samples)
    if sample.n < _FEWEST:
        raise ValueError(f"there are {sample.n} samples to fit: give {_FEWEST} or more, or use Empirical")
    if len(sample.times) < 2:
        raise ValueError("all samples are the same: use Constant")
    names = [*FAMILIES] if family is None else [family] if isinstance(family, str) else list(family)
    for name in names:
        if name not in FAMILIES:
            near = difflib.get_close_matches(name, FAMILIES, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"give one of {', '.join(FAMILIES)}"
            raise ValueError(f"there is no family {name!r} to fit: {hint}")
    x, w = _condensed(sample)
    candidates = []
    for name in names:
        parameters, best = FAMILIES[name]
        law = best(x, w)
        if law is not None:
            with np.errstate(divide="ignore"):
                likelihood = float(sample.weights @ np.log(law._pdf(sample.times)))
            candidates.append(
                Candidate(name, law, math.log(sample.n) * parameters - 2 * likelihood, _distance(law, sample))
            )
    if not candidates:
        raise ValueError(
            f"a sample with a latency of 0 does not fit {' or '.join(names)}: leave those out, or add to all"
        )
    return Fit(sample, tuple(sorted(candidates, key=lambda c: (c.bic, c.distance))))


@dataclass(frozen=True)
class Candidate:
    """A family with its best parameters, its Schwarz criterion (BIC) and its Kolmogorov-Smirnov distance."""

    family: str
    law: Latency
    bic: float
    distance: float


@dataclass(frozen=True, eq=False)
class Fit(Delegating):
    """A fitted law, beside the sample it was fitted to; `fit` makes one.

    Attributes
    ----------
    measured : Empirical
    ranking : tuple of Candidate
        The best first.
    """

    measured: Empirical
    ranking: tuple[Candidate, ...]

    @property
    def law(self) -> Latency:
        """The fitted law."""
        return self.ranking[0].law

    @property
    def family(self) -> str:
        """Its family."""
        return self.ranking[0].family

    @property
    def distance(self) -> float:
        """The largest difference of the two distribution functions (Kolmogorov and Smirnov)."""
        return self.ranking[0].distance

    @property
    def _law(self) -> Latency:
        return self.law

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"{self.law.description}, fitted to {self.measured.n} samples"

    @property
    def candidates(self) -> "pd.DataFrame":
        """Return a row per family: Schwarz's criterion beyond the best, distance, and the p99.9 beside the sample's."""
        import pandas as pd

        slowest = self.measured.quantile(0.999)
        return pd.DataFrame(
            {
                "family": c.family,
                "bic_above_best": c.bic - self.ranking[0].bic,
                "distance": c.distance,
                "p99.9_over_sample": c.law.quantile(0.999) / slowest,
            }
            for c in self.ranking
        )

    def to_frame(self, percentiles: Sequence[float] = NAMED) -> "pd.DataFrame":
        """Return a row per percentile: the sample's, its 95 % interval, the law's and whether it lies within."""
        import pandas as pd

        low, high = self.sample_interval(percentiles)
        fitted = self.law.quantile(percentiles)
        return pd.DataFrame(
            {
                "percentile": [f"p{100 * p:g}" for p in percentiles],
                "sample_ms": 1e3 * self.measured.quantile(percentiles),
                "sample_ms_low": 1e3 * low,
                "sample_ms_high": 1e3 * high,
                "fit_ms": 1e3 * fitted,
                "within": (low <= fitted) & (fitted <= high),
            }
        )

    def sample_interval(self, p: Many, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return between which times the quantiles `p` of what was sampled lie, in seconds.

        By order statistics: it holds for any law, also one of infinite variance. Where the sample is too small to bound
        a quantile from above, the bound is infinite.
        """
        shares = _check.shares(p, "p").ravel()
        tail = (1 - _check.share(confidence, "the confidence")) / 2
        ordered = np.repeat(self.measured.times, self.measured.weights.astype(np.int64))
        n = len(ordered)
        first = scipy.stats.binom.ppf(tail, n, shares).astype(np.int64) - 1
        last = scipy.stats.binom.ppf(1 - tail, n, shares).astype(np.int64)
        low = np.where(first < 0, 0.0, ordered[np.clip(first, 0, n - 1)])
        return low, np.where(last >= n, math.inf, ordered[np.clip(last, 0, n - 1)])

    def plot(self, ax: "Axes | None" = None, label: str | None = None, deepest: float | None = None) -> "Axes":
        """Draw the tail of the law over that of the sample, with the sample's 95 % band."""
        floor = 0.3 / self.measured.n if deepest is None else deepest
        t = curve_times(self.measured, 1 / self.measured.n)
        slower = np.rint(self.measured._tails(t)[1] * self.measured.n)
        low = scipy.special.betaincinv(np.maximum(slower, 1e-9), self.measured.n - slower + 1, 0.025)
        high = scipy.special.betaincinv(slower + 1, np.maximum(self.measured.n - slower, 1e-9), 0.975)
        ax = tail_plot(self.measured, ax, f"sample of {self.measured.n}", floor, points=False)
        ax.fill_between(t, np.maximum(low, floor), high, alpha=0.2, linewidth=0, step="post")
        return tail_plot(self.law, ax, label or self.family, floor)


def _condensed(sample: Empirical) -> tuple[Floats, Floats]:
    """Return rising times and weights that add up to 1: the slowest as they are, the rest in blocks' means."""
    x, w = sample.times, sample.weights
    if len(x) > _TOP + 2 * _BLOCKS:
        cuts = np.linspace(1, len(x) - _TOP, _BLOCKS + 1).astype(np.int64)
        totals = np.add.reduceat(w[: cuts[-1]], np.append(0, cuts[:-1]))
        means = np.add.reduceat((w * x)[: cuts[-1]], np.append(0, cuts[:-1])) / totals
        x, w = np.append(means, x[cuts[-1] :]), np.append(totals, w[cuts[-1] :])
    return x, w / w.sum()


def _distance(law: Latency, sample: Empirical) -> float:
    """Return the Kolmogorov-Smirnov distance."""
    below, _ = sample._shares
    fitted = law._tails(sample.times)[0]
    return float(np.maximum(np.abs(fitted - below[:-1]), np.abs(fitted - below[1:])).max())
