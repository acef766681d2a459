"""A law in a form that is fast to evaluate: polynomials between well chosen edges.

`tabulate` walks along the time axis as a solver of differential equations does: it tries a stretch, halves it where the
polynomial of degree 15 does not resolve the smaller tail to its relative tolerance, and lengthens the next where it
does so easily. Stretches start anew at every atom and kink.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ._kernels import panels as kernels
from ._kernels.panels import CURVED, DEEP, DEGREE, EDGE, MASS, MIDDLE, NODE, ORIGIN, PER, POWER, SLOPE, VALUE, WIDTH
from .base import Floats, Latency, union

TOLERANCE = 1e-12
"""Relative error of P(X > t) that a stretch may have."""

DEEPEST = 1e-26
"""Absolute error of P(X > t) that a stretch may have; a table ends where P(X > t) is below."""

SHALLOWEST = 1e-15
"""Absolute error of P(X <= t) that a stretch may have."""

_MOST = 20_000  # stretches
_POWER_LAW = 1e-20  # moments take P(X > t) for a power of t below this
_LINES = 512  # times of a sketch, twice
_ANGLES = np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1)
_POINTS = -np.cos(_ANGLES)
_TRANSFORM = (2 / (DEGREE + 1)) * np.cos(np.outer(np.arange(DEGREE + 1), np.arccos(_POINTS)))
_TRANSFORM[0] /= 2
_SLOPE = np.array([np.pad(np.polynomial.chebyshev.chebder(row), (0, 1)) for row in np.eye(DEGREE + 1)])


@dataclass(frozen=True, eq=False)
class Tabulated(Latency):
    """A latency in a form that is fast to evaluate; `Latency.on_grid` makes one.

    Attributes
    ----------
    edges : float64[m + 1]
        Seconds: what is between two of them is one polynomial.
    error : float
        Bound of the relative error of ``sf``, down to 1e-15. That of ``cdf`` is the same down to 1e-3, and absolute
        below.
    """

    panels: Floats = field(repr=False)
    error: float
    name: str = "a tabulated latency"

    @property
    def description(self) -> str:
        """The law in a few words."""
        return self.name

    @property
    def edges(self) -> Floats:
        """The times between which the law is one polynomial, in seconds."""
        return self.panels[:, EDGE]

    def quadrature(self) -> tuple[Floats, Floats]:
        """Return times and probabilities with which smooth functions are integrated over the law.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> times, weights = Exponential(0.002).on_grid().quadrature()
        >>> round(float(weights @ times), 12)
        0.002
        """
        from .shared import between

        x, w = between(self, np.empty((0, 1)))
        return x[:, 0], w[:, 0]

    @cached_property
    def grades(self) -> Floats:
        """The edges, and more of them so that no stretch is wide for its distance from its origin."""
        out = []
        for (a, origin, curved), b in zip(self.panels[:-1, [EDGE, ORIGIN, CURVED]], self.edges[1:], strict=True):
            ratio = (b - origin) / (a - origin) if curved else 1.0
            steps = max(1, math.ceil(math.log2(ratio)))
            out.append(np.append(a, origin + (a - origin) * ratio ** (np.arange(1, steps) / steps)))
        return np.concatenate([*out, self.edges[-1:]])

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return kernels.tails(self.panels, t, left)

    def _pdf(self, t: Floats) -> Floats:
        return kernels.densities(self.panels, t)

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        return kernels.quantiles(self.panels, p, q)

    @property
    def _table(self) -> "Tabulated":
        return self

    @property
    def _knots(self) -> Floats:
        last = self.edges[-1:] if self.panels[-1, POWER] == math.inf else self.edges[:0]
        return np.unique(np.concatenate([self.panels[:-1, ORIGIN], self._jumps, last]))

    @property
    def atoms(self) -> tuple[Floats, Floats]:
        """The times of positive probability, in seconds, and their probabilities."""
        held = self.panels[:, MASS] > 0
        return self.edges[held], self.panels[held, MASS]

    @property
    def _jumps(self) -> Floats:
        return self.atoms[0]

    @property
    def _spread(self) -> float:
        return float(self._quantile(np.array([0.5]), np.array([0.5]))[0] - self.edges[0]) or 1e-300

    @cached_property
    def _moments(self) -> tuple[float, float]:
        """Mean and variance: an integral over the table, and over the power law that its far tail is."""
        x, w = self.quadrature()
        end, power, above = math.inf, math.inf, 0.0
        if self.panels[-1, POWER] < math.inf:
            shares = self._tails(self.edges)[1]
            last = np.flatnonzero(shares > _POWER_LAW)[-1:]
            end, above = float(self.edges[last][0]), float(shares[last][0])
            power = end * float(self._pdf(self.edges[last])[0]) / above
            x, w = x[x < end], w[x < end]
        if power <= 1 + 1e-6:
            return math.inf, math.inf
        mean = float(w @ x) + (above * end * power / (power - 1) if above else 0.0)
        if power <= 2 + 1e-6:
            return mean, math.inf
        spread = float(w @ (x - mean) ** 2)
        if above:
            spread += above * (end**2 * power / (power - 2) - 2 * mean * end * power / (power - 1) + mean**2)
        return mean, spread


def tabulate(law: Latency) -> Tabulated:
    """Return the table of any law."""
    bounded = law.support[1] < math.inf
    if law._rough:
        return _sketch(law)
    return build(law._tails, law._knots, law.atoms, bounded, law._spread, law.description)


def build(
    tails: Callable[[Floats], tuple[Floats, Floats]],
    knots: Floats,
    atoms: tuple[Floats, Floats],
    bounded: bool,
    spread: float,
    name: str,
    error: float = 1e-14,
) -> Tabulated:
    """Return the table of a law.

    Parameters
    ----------
    tails : callable
        P(X <= t) and P(X > t), between the knots.
    knots : float64[n]
        Where the law is not smooth, its start, its end if it is `bounded`, and its atoms among them.
    atoms : float64[k], float64[k]
        Times, up to rounding, and probabilities.
    spread : float
        A rough typical time above the start.
    error : float
        The relative error that `tails` has.
    """
    knots = union([knots])
    walk = _Walk(tails, spread, TOLERANCE if error < 1e-8 else error / 10)
    for start, stop in zip(knots, [*knots[1:], math.inf], strict=True):
        if not (stop == math.inf and bounded):
            walk.from_to(start, stop)
    return walk.finish(knots, atoms, bounded, name, error)


def _sketch(law: Latency) -> Tabulated:
    """Return the table of a law with too many atoms to list: straight lines between close times."""
    low, high = law.support
    if high == math.inf:
        high = float(law.isf(DEEPEST))
    coarse = np.union1d(np.linspace(low, high, _LINES), np.geomspace(low or high * 1e-6, high, _LINES))
    times = np.union1d(coarse, (coarse[1:] + coarse[:-1]) / 2)
    below, above = law._tails(times)
    deep = above[1:] < 0.3
    start, end = np.where(deep, above[:-1], below[:-1]), np.where(deep, above[1:], below[1:])
    walk = _Walk(law._tails, law._spread, TOLERANCE)
    for a, b, is_deep, middle, half in zip(times, times[1:], deep, (start + end) / 2, (end - start) / 2, strict=False):
        walk.add(a, b, low, is_deep, np.array([middle, half]))
    between = np.interp(times, coarse, np.interp(coarse, times, above))
    error = (np.abs(between - above) / np.maximum(np.minimum(below, above), 1e-3)).max()
    return walk.finish(times, (times[:1], below[:1]), above[-1] == 0, law.description, float(error))


class _Walk:
    """The stretches so far, and how long the next one should be."""

    def __init__(self, tails: Callable[[Floats], tuple[Floats, Floats]], spread: float, tolerance: float) -> None:
        self.tails = tails
        self.length = spread
        self.tolerance = tolerance
        self.rows: list[tuple[float, float, float, bool, bool, Floats]] = []  # edge, origin, middle, ...
        self.end = 0.0
        self.error = 0.0

    def from_to(self, start: float, stop: float) -> None:
        """Cover the stretch between two special times, or to where next to nothing is left."""
        a, longer, halvings, last = start, self.length, 1, math.inf
        while a < stop:
            b = min(a + longer, 1e300)
            if b > stop - 0.1 * longer:
                b = stop
            near, far = a - start, b - start
            curved = near > 0 and far > 1.25 * near
            way = 0.5 * (1 + _POINTS)
            t = start + near * (far / near) ** way if curved else a + (b - a) * way
            below, above = self.tails(t)
            deep = bool(above[-1] < 0.3)
            values = above if deep else below
            coefficients = _TRANSFORM @ values
            most, least = (above[0], above[-1]) if deep else (below[-1], below[0])
            floor = DEEPEST if deep else SHALLOWEST
            rounding = 2e-15 * b * abs(most - least) / (b - a)  # of the times
            allowed = self.tolerance * (least if deep else most) + floor + rounding
            tail = np.abs(coefficients[-2:]).max()
            steep = deep and (least < 1e-3 * most - floor or below[0] < 0.05)
            noise = tail > 0.7 * last and tail < 30 * allowed and not steep  # shorter does not help
            good = (tail <= allowed and not steep) or most <= floor or noise or b - a <= 1e-15 * b + 1e-290
            if not good and len(self.rows) < _MOST:
                if a == start:
                    longer = (b - a) * 0.5**halvings
                    halvings = min(2 * halvings, 64)
                else:
                    longer = 0.5 * (b - a) if not curved else near * ((far / near) ** 0.5 - 1)
                last = tail
                continue
            self.add(a, b, start, deep, coefficients, curved)
            if most > 1e-15:
                scale = max(least, 1e-15) if deep else max(most, 1e-3)
                self.error = max(self.error, float((tail - rounding) / scale))
            self.length = b - a
            if stop == math.inf and (above[-1] <= DEEPEST or b >= 1e300):
                return
            needed = np.flatnonzero(np.abs(coefficients) > allowed)
            growth = 2.0 if not len(needed) or needed[-1] <= 8 else 1.4 if needed[-1] <= 11 else 1.0
            longer = (far * ((far / near) ** growth - 1)) if curved else growth * (b - a)
            a, last = b, math.inf

    def add(self, a: float, b: float, origin: float, deep: bool, coefficients: Floats, curved: bool = False) -> None:
        """Append one stretch."""
        middle = a - origin if curved else 0.5 * (a + b)
        value = np.pad(coefficients, (0, DEGREE + 1 - len(coefficients)))
        self.rows.append((a, origin, middle, curved, deep, value))
        self.end = b

    def finish(self, knots: Floats, atoms: tuple[Floats, Floats], bounded: bool, name: str, error: float) -> Tabulated:
        """Put the stretches together."""
        m = len(self.rows)
        law = np.zeros((m + 1, WIDTH))
        if m:
            law[:m, [EDGE, ORIGIN, MIDDLE, CURVED, DEEP]] = [row[:5] for row in self.rows]
            law[:m, VALUE:SLOPE] = [row[5] for row in self.rows]
        law[m, EDGE] = self.end if m else knots[0]
        edges, start, middle = law[:, EDGE], law[:m, ORIGIN], law[:m, MIDDLE]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            law[:m, PER] = np.where(law[:m, CURVED], 2 / np.log((edges[1:] - start) / middle), 2 / np.diff(edges))
        np.add.at(law[:, MASS], np.clip(np.searchsorted(edges, atoms[0] * (1 - 1e-15)), 0, m), atoms[1])
        _join(law)
        law[:m, SLOPE:NODE] = law[:m, VALUE:SLOPE] @ _SLOPE
        law[m, POWER] = math.inf
        kernels.prepare(law)
        if not bounded:
            end = edges[-1:]
            left = kernels.tails(law, end, True)[1][0]
            density = kernels.densities(law, np.nextafter(end, 0))[0]
            law[m, POWER] = end[0] * density / left if left > 0 else math.inf
        return Tabulated(law, self.error + error, name)


def _join(law: Floats) -> None:
    """Make neighbours meet where there is no atom: their ends differ by rounding, which a sum would see as a jump."""
    m = len(law) - 1
    value, deep = law[:m, VALUE:SLOPE], law[:m, DEEP] > 0
    right = value.sum(axis=1)[:-1]
    left = (value * (-1.0) ** np.arange(DEGREE + 1)).sum(axis=1)[1:]
    same = deep[1:] == deep[:-1]
    gap = np.where(same, left, 1 - left) - right
    gap[(law[1:m, MASS] > 0) | (np.abs(gap) > 1e-9 * np.abs(right))] = 0.0
    at_end, at_start = np.append(gap, 0.0) / 2, np.append(0.0, np.where(same, -gap, gap)) / 2
    value[:, 0] += (at_end + at_start) / 2
    value[:, 1] += (at_end - at_start) / 2
