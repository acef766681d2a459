"""Parts that several answers have in common: conditioning makes the answers independent again, and exact.

Given the value of what is shared, parts are independent. A shared latency that is only waited for is either there
at time t or not, two cases at every t; one that is added to others is integrated over, between all the times at which
one of them changes its course.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import NDArray

from .. import _check
from .base import Delegating, Floats, Latency, Values, latencies, stacked

_GAUSS, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(12)
_AT_ONCE = 2**21  # numbers in a block of an integration


class Variable(ABC):
    """Something random that more than one part depends on; equal only to itself."""

    @abstractmethod
    def _values(self, breaks: Floats) -> tuple[Floats, Floats]:
        """Return values and probabilities to integrate with, ``float64[k, m]`` each, cut at ``breaks[:, m]``."""


@dataclass(frozen=True, eq=False)
class Shared(Variable, Delegating):
    """A latency that has one value wherever it occurs in an expression; `shared` makes one."""

    part: Latency

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"shared {self.part.description}"

    @property
    def _law(self) -> Latency:
        return self.part

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        if self not in values:
            return self._tails(t, left)
        there = (values[self] < t if left else values[self] <= t).astype(np.float64)
        return there, 1.0 - there

    def _values(self, breaks: Floats) -> tuple[Floats, Floats]:
        return between(self.part, breaks)

    def _features(self, values: Values) -> Floats:
        return values[self][None] if self in values else self.part._features(values)

    def _breaks(self, variable: Variable, t: Floats, values: Values) -> Floats:
        return t[None]

    def _additive(self, variable: Variable) -> bool:
        return False

    @property
    def _rows(self) -> None:
        return None

    @cached_property
    def _variables(self) -> frozenset[Variable]:
        return frozenset([self])


class Factor(Variable):
    """The standard normal factor of a one-factor copula."""

    def __init__(self, steepest: float) -> None:
        width = min(1.0, 2 * math.sqrt(1 - steepest) / math.sqrt(steepest)) if steepest else 1.0
        edges = np.linspace(-_FARTHEST, _FARTHEST, math.ceil(2 * _FARTHEST / width) + 1)
        half = np.diff(edges)[:, None] / 2
        self._z = (edges[:-1, None] + half * (1 + _GAUSS)).ravel()
        self._w = (half * _GAUSS_WEIGHTS).ravel() * np.exp(-0.5 * self._z**2) / math.sqrt(2 * math.pi)

    def _values(self, breaks: Floats) -> tuple[Floats, Floats]:
        shape = (len(self._z), breaks.shape[1])
        return np.broadcast_to(self._z[:, None], shape), np.broadcast_to(self._w[:, None], shape)


_FARTHEST = 10.0  # the normal factor is beyond with probability 1.5e-23


@dataclass(frozen=True, eq=False)
class Correlated(Delegating):
    """A latency whose quantile goes up and down with a common factor; `correlated` makes several."""

    part: Latency
    correlation: float
    factor: Factor

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"correlated {self.part.description}"

    @property
    def _law(self) -> Latency:
        return self.part

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        below, above = self.part._tails(t, left)
        if self.factor not in values:
            return below, above
        level = np.where(above < 0.5, -scipy.special.ndtri(above), scipy.special.ndtri(below))
        z = (level - math.sqrt(self.correlation) * values[self.factor]) / math.sqrt(1 - self.correlation)
        return scipy.special.ndtr(z), scipy.special.ndtr(-z)

    def _features(self, values: Values) -> Floats:
        if self.factor not in values:
            return self.part._features(values)
        steps = np.array([-8, -4, -2, -1, 0, 1, 2, 4, 8.0])[:, None]
        z = math.sqrt(self.correlation) * values[self.factor] + math.sqrt(1 - self.correlation) * steps
        p, q = scipy.special.ndtr(z).ravel(), scipy.special.ndtr(-z).ravel()
        moving = self.part._table._quantile(p, q).reshape(z.shape)
        return stacked([moving, self.part._knots[:, None]])

    def _breaks(self, variable: Variable, t: Floats, values: Values) -> Floats:
        return np.empty((0, len(t)))

    @property
    def _rows(self) -> None:
        return None

    @cached_property
    def _variables(self) -> frozenset[Variable]:
        return frozenset([self.factor])


def shared(part: Latency) -> Shared:
    """Return a latency that has the same value wherever it occurs in an expression.

    Examples
    --------
    Two replicas behind one switch are slow together, so that the second one helps less:

    >>> from scalemodel.latency import Exponential, fastest
    >>> disk, network = Exponential(0.001), Exponential(0.001)
    >>> switch = shared(network)
    >>> apart = fastest([network + disk, network + disk])
    >>> together = fastest([switch + disk, switch + disk])
    >>> round(1e3 * apart.quantile(0.99), 3), round(1e3 * together.quantile(0.99), 3)
    (3.89, 5.296)
    """
    (part,) = latencies([part], "shared")
    if part._variables:
        raise ValueError(
            "a shared latency was made of one that holds a shared latency: add the two instead, as in a + b + own"
        )
    return Shared(part)


def common_shock(parts: Iterable[Latency], probability: float, extra: Latency) -> list[Latency]:
    """Return the parts with an extra delay that, now and then, hits all of them at once.

    Parameters
    ----------
    parts : sequence of Latency
    probability : float
        That the shock comes.
    extra : Latency
        What it adds, the same to each part.

    Examples
    --------
    One request in a hundred finds the zone busy, for 50 ms; three copies in it do not help the p99.9:

    >>> from scalemodel.latency import Constant, Exponential, fastest
    >>> zone = common_shock([Exponential(0.001)] * 3, 0.01, Constant(0.050))
    >>> round(fastest(zone).quantile(0.999), 4)
    0.0508

    References
    ----------
    Marshall and Olkin, "A multivariate exponential distribution", JASA 62 (1967): the idea of a common shock.
    """
    from .families import Constant, Mixture

    chosen = latencies(parts, "common_shock")
    latencies([extra], "common_shock")
    p = _check.share(probability, "the probability of the shock")
    shock = shared(Mixture([Constant(0.0), extra], weights=[1 - p, p]))
    return [part + shock for part in chosen]


def correlated(parts: Iterable[Latency], correlation: float | Sequence[float]) -> list[Latency]:
    """Return the parts tied to one common factor: a Gaussian copula.

    Each part keeps its own law. Its normal score is ``sqrt(r) * factor + sqrt(1 - r) * own``, so two parts have the
    correlation ``sqrt(r1 * r2)`` of their normal scores.

    Parameters
    ----------
    parts : sequence of Latency
    correlation : float or sequence of float
        From 0 (independent) to below 1, one for all or one for each.

    Examples
    --------
    >>> from scalemodel.latency import Exponential, slowest
    >>> leaves = [Exponential(0.001)] * 100
    >>> [round(1e3 * slowest(correlated(leaves, r)).quantile(0.5), 3) for r in (0, 0.3, 0.6)]
    [4.975, 3.992, 2.869]

    References
    ----------
    Li, "On default correlation: a copula function approach", Journal of Fixed Income 9 (2000): one factor.
    """
    chosen = latencies(parts, "correlated")
    given = [correlation] * len(chosen) if isinstance(correlation, (int, float)) else list(correlation)
    if len(given) != len(chosen):
        raise ValueError(f"{len(chosen)} parts came with {len(given)} correlations: give one for all, or one for each")
    for r in given:
        if not 0 <= _check.number(r, "the correlation", -math.inf) < 1:
            raise ValueError(f"the correlation is {r!r}: give 0 or more, and less than 1")
    for part in chosen:
        if part._variables:
            raise ValueError(
                "a correlated part holds a shared latency: correlate its own parts, then add the shared one"
            )
    factor = Factor(max(given))
    return [Correlated(part, float(r), factor) for part, r in zip(chosen, given, strict=True)]


def between(law: Latency, breaks: Floats) -> tuple[Floats, Floats]:
    """Return times and probabilities that integrate over a law, cut at its own special times and at ``breaks[:, m]``.

    Twelve Gauss-Legendre nodes per stretch, ``float64[k, m]``; atoms are nodes of their own.
    """
    table = law._table
    edges = table.grades[:, None]
    width = breaks.shape[1]
    cuts = np.clip(stacked([breaks, edges]), edges[0], edges[-1])
    cuts.sort(axis=0)
    half = np.diff(cuts, axis=0)[:, None] / 2
    x = (cuts[:-1, None] + half * (1 + _GAUSS[:, None])).reshape(-1, width)
    w = (half * _GAUSS_WEIGHTS[:, None]).reshape(-1, width)
    w = w * table._pdf(x.ravel()).reshape(x.shape)
    times, masses = table.atoms
    if len(times):
        x = np.concatenate([x, np.broadcast_to(times[:, None], (len(times), width))])
        w = np.concatenate([w, np.broadcast_to(masses[:, None], (len(times), width))])
    return x, w


def counts_of(
    pairs: Sequence[tuple[Latency, int]], t: Floats, values: Values, left: bool = False
) -> NDArray[np.float64]:
    """Return the probabilities that 0, 1, ..., n of the parts have answered by `t`, ``float64[n + 1, m]``.

    Parts that share nothing are counted apart, and the counts put together.
    """
    total = np.ones((1, len(t)))
    for group in _groups(pairs, values):
        variable = _most_shared(group, values)
        if variable is not None:
            total = _convolved(total, _conditioned(group, variable, t, values, left))
            continue
        for part, count in group:
            below, above = part._given(t, values, left)
            for _ in range(count):
                total = _convolved(total, np.stack([above, below]))
    return total


def expected_tails(law: Latency, variable: Variable, t: Floats, values: Values, left: bool) -> tuple[Floats, Floats]:
    """Return the tails of a law, averaged over a variable in it."""
    above, below = _conditioned([(law, 1)], variable, t, values, left)
    return below, above


def expected_given(rest: Latency, tied: Latency, t: Floats, values: Values, left: bool) -> tuple[Floats, Floats]:
    """Return the tails of ``rest + tied``, where `tied` depends on the values and `rest` on nothing known."""
    features = tied._features(values)
    x, w = between(rest, t - np.broadcast_to(features, (len(features), len(t))))
    k = len(x)
    known = {v: np.tile(value, k) for v, value in values.items()}
    below, above = tied._given((t - x).ravel(), known, left)
    return (below.reshape(x.shape) * w).sum(axis=0), (above.reshape(x.shape) * w).sum(axis=0)


def _conditioned(
    group: Sequence[tuple[Latency, int]], variable: Variable, t: Floats, values: Values, left: bool
) -> Floats:
    holders = [part for part, _ in group if variable in part._variables]
    size = sum(count for _, count in group)
    if isinstance(variable, Shared) and not any(part._additive(variable) for part in holders):
        below, above = variable._tails(t, left)  # there or not: no more matters at time t
        x = np.stack([np.full(len(t), -math.inf), np.full(len(t), math.inf)])
        return _averaged(group, variable, x, np.stack([below, above]), t, values, left)
    breaks = stacked(part._breaks(variable, t, values) for part in holders)
    out = np.empty((size + 1, len(t)))
    rows = 12 * (len(breaks) + 64) * (size + 1)
    step = max(1, _AT_ONCE // rows)
    for first in range(0, len(t), step):
        part = slice(first, first + step)
        x, w = variable._values(np.broadcast_to(breaks, (len(breaks), len(t)))[:, part])
        here = {v: value[part] for v, value in values.items()}
        out[:, part] = _averaged(group, variable, x, w, t[part], here, left)
    return out


def _averaged(
    group: Sequence[tuple[Latency, int]],
    variable: Variable,
    x: Floats,
    w: Floats,
    t: Floats,
    values: Values,
    left: bool,
) -> Floats:
    """Count given each value of the variable, ``x[k, m]``, and average with the probabilities `w`."""
    k, m = x.shape
    known = {v: np.tile(value, k) for v, value in values.items()}
    known[variable] = np.ascontiguousarray(x).ravel()
    counts = counts_of(group, np.tile(t, k), known, left)
    return np.einsum("nkm,km->nm", counts.reshape(-1, k, m), w)


def _convolved(a: Floats, b: Floats) -> Floats:
    out = np.zeros((len(a) + len(b) - 1, a.shape[1]))
    short, long = (a, b) if len(a) < len(b) else (b, a)
    for i, row in enumerate(short):
        out[i : i + len(long)] += row * long
    return out


def _most_shared(group: Sequence[tuple[Latency, int]], values: Values) -> Variable | None:
    """Return the variable that most answers depend on, if any ties two of them."""
    ties: dict[Variable, int] = {}
    for part, count in group:
        for variable in part._variables - values.keys():
            ties[variable] = ties.get(variable, 0) + count
    most = max(ties, key=lambda v: ties[v], default=None)
    return most if most is not None and ties[most] > 1 else None


def _groups(pairs: Sequence[tuple[Latency, int]], values: Values) -> list[list[tuple[Latency, int]]]:
    """Put parts that hold the same unknown variables into one group."""
    groups: list[tuple[set[Variable], list[tuple[Latency, int]]]] = []
    for pair in pairs:
        unknown = set(pair[0]._variables - values.keys())
        members = [pair]
        apart = []
        for held, others in groups:
            if held & unknown:
                unknown |= held
                members = others + members
            else:
                apart.append((held, others))
        groups = [*apart, (unknown, members)]
    return [members for _, members in groups]
