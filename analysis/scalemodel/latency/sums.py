"""Latencies one after the other: sums, shifts and multiples."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _check
from ..display import format_time
from ._kernels import panels as kernels
from ._kernels.panels import CURVED, EDGE, MIDDLE, NODE, ORIGIN, PART, PER
from .base import Floats, Latency, Values, stacked, union
from .data import Discrete, gathered
from .families import Constant, Erlang, Exponential, Gamma
from .shared import Shared, expected_given, expected_tails
from .table import Tabulated, build, tabulate

if TYPE_CHECKING:
    from .shared import Variable

FEW_ATOMS = 64
"""Atoms of a sum's discrete parts that go into its table; more are added up one by one."""

MOST_ATOMS = 2**20
"""Atoms that are listed."""


def add(a: Latency, b: Any) -> Latency:
    """Return the sum of two independent latencies, or of a latency and a number of seconds."""
    if isinstance(b, Real) and not isinstance(b, bool):
        seconds = _check.number(b, "what is added to a latency", hint=" in seconds")
        return a if seconds == 0 else Affine.of(a, 1.0, seconds)
    if not isinstance(b, Latency):
        raise TypeError(f"a latency and {b!r} were added: add a latency or a number of seconds, such as 3 * ms")
    return Sum.of([a, b])


def scale(a: Latency, factor: Any) -> Latency:
    """Return a multiple of a latency."""
    if isinstance(factor, Latency):
        raise TypeError("a latency was multiplied by a latency: multiply by a number, or add the two")
    factor = _check.number(factor, "the factor of a latency")
    return a if factor == 1 else Constant(0.0) if factor == 0 else Affine.of(a, factor, 0.0)


@dataclass(frozen=True)
class Affine(Latency):
    """``factor * part + shift``."""

    part: Latency
    factor: float
    shift: float

    @classmethod
    def of(cls, part: Latency, factor: float, shift: float) -> Latency:
        """Return the law as simply as it can be said."""
        if isinstance(part, Constant):
            return Constant(factor * part.value + shift)
        if isinstance(part, Affine):
            return cls.of(part.part, factor * part.factor, factor * part.shift + shift)
        return part if factor == 1 and shift == 0 else cls(part, factor, shift)

    @property
    def description(self) -> str:
        """The law in a few words."""
        inner = self.part.description
        inner = inner if self.factor == 1 else f"{self.factor:g} * ({inner})"
        return inner if self.shift == 0 else f"{inner} + {format_time(self.shift)}"

    def mean(self) -> float:
        """Mean in seconds."""
        return self.factor * self.part.mean() + self.shift

    def var(self) -> float:
        """Variance in seconds squared."""
        return self.factor**2 * self.part.var()

    def _inner(self, t: Floats) -> Floats:
        inner = (t - self.shift) / self.factor
        if len(jumps := self._jumps):  # a time that is one of an atom stays that
            at = np.minimum(np.searchsorted(jumps, t), len(jumps) - 1)
            inner = np.where(jumps[at] == t, self.part._jumps[at], inner)
        return inner

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return self.part._tails(self._inner(t), left)

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        return self.part._given(self._inner(t), values, left)

    def _pdf(self, t: Floats) -> Floats:
        return self.part._pdf(self._inner(t)) / self.factor

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        return self.factor * self.part._quantile(p, q) + self.shift

    def _features(self, values: Values) -> Floats:
        return self.factor * self.part._features(values) + self.shift

    def _breaks(self, variable: "Variable", t: Floats, values: Values) -> Floats:
        return self.part._breaks(variable, (t - self.shift) / self.factor, values)

    @cached_property
    def _rows(self) -> Floats | None:
        if self.part._rows is None:
            return None
        rows = self.part._rows.copy()
        rows[:, 2] = self.factor * rows[:, 2] + self.shift
        rows[:, 3] *= self.factor
        return rows

    @cached_property
    def _table(self) -> Tabulated:
        return moved(self.part._table, self.factor, self.shift, self.description)

    @cached_property
    def _knots(self) -> Floats:
        return self.factor * self.part._knots + self.shift

    @cached_property
    def _jumps(self) -> Floats:
        return self.factor * self.part._jumps + self.shift

    @property
    def _rough(self) -> bool:
        return self.part._rough

    @property
    def _spread(self) -> float:
        return self.factor * self.part._spread

    @property
    def _variables(self) -> frozenset["Variable"]:
        return self.part._variables


@dataclass(frozen=True)
class Sum(Latency):
    """A sum of independent latencies; ``a + b`` makes one."""

    parts: tuple[Latency, ...]

    @classmethod
    def of(cls, parts: Iterable[Latency]) -> Latency:
        """Return the sum as simply as it can be said: constants together, exponential stages of one rate together."""
        shift = 0.0
        stages: list[Gamma] = []
        shared: dict[Shared, float] = {}
        others: list[Latency] = []
        for given in _flat(parts):
            part, factor = given, 1.0
            if isinstance(given, Affine):
                shift += given.shift
                part, factor = given.part, given.factor
            if isinstance(part, Constant):
                shift += factor * part.value
            elif isinstance(part, Exponential | Gamma):
                stages.append(Gamma(getattr(part, "shape", 1.0), factor * part.mean()))
            elif isinstance(part, Shared):
                shared[part] = shared.get(part, 0.0) + factor
            else:
                others.append(Affine.of(part, factor, 0.0))
        others += [Affine.of(part, factor, 0.0) for part, factor in shared.items()]
        others += _joined(stages)
        if len(others) < 2:
            return Affine.of(others[0] if others else Constant(0.0), 1.0, shift)
        return Affine.of(cls(tuple(others)), 1.0, shift)

    @property
    def description(self) -> str:
        """The law in a few words."""
        counts = Counter(part.description for part in self.parts)
        return " + ".join(what if n == 1 else f"{n} times {what}" for what, n in counts.items())

    def mean(self) -> float:
        """Mean in seconds."""
        return sum(part.mean() for part in self.parts)

    def var(self) -> float:
        """Variance in seconds squared."""
        if self._entangled:
            return super().var()
        return sum(part.var() for part in self.parts)

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return self._given(t, {}, left) if self._entangled else self._law._tails(t, left)

    def _pdf(self, t: Floats) -> Floats:
        return self._table._pdf(t) if self._entangled else self._law._pdf(t)

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        return super()._quantile(p, q) if self._entangled else self._law._quantile(p, q)

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        unknown = self._entangled - values.keys()
        if unknown:
            return expected_tails(self, min(unknown, key=self._ties), t, values, left)
        offset, tied, rest = self._split(frozenset(values))
        if offset:
            t = t - sum(_known(part, values) for part in offset)
        if not tied:
            if rest is None:
                there = (t > 0 if left else t >= 0).astype(np.float64)
                return there, 1.0 - there
            return rest._tails(t, left)
        if len(tied) > 1:
            raise ValueError(
                f"the sum of {tied[0].description} and {tied[1].description} has a shared latency inside both: "
                "write the sum inside of the choice, as in kth_of(k, [x + a, x + b])"
            )
        if rest is None:
            return tied[0]._given(t, values, left)
        return expected_given(rest, tied[0], t, values, left)

    def _split(self, known: frozenset["Variable"]) -> tuple[list[Latency], list[Latency], Latency | None]:
        """Sort the parts: those whose value is known, those that depend on what is known, the sum of the rest."""
        fixed: list[Latency] = []
        tied: list[Latency] = []
        rest: list[Latency] = []
        for part in self.parts:
            bare = part.part if isinstance(part, Affine) else part
            if bare in known:
                fixed.append(part)
            else:
                (tied if part._variables & known else rest).append(part)
        return fixed, tied, Sum.of(rest) if rest else None

    @cached_property
    def _entangled(self) -> frozenset["Variable"]:
        """The shared latencies that more than one part depends on."""
        return frozenset(v for v in self._variables if sum(v in part._variables for part in self.parts) > 1)

    def _ties(self, variable: "Variable") -> int:
        """Put first what is a part itself, then what most parts hold."""
        bare = any(variable in (part, getattr(part, "part", None)) for part in self.parts)
        return -sum(variable in part._variables for part in self.parts) - len(self.parts) * bare

    def _features(self, values: Values) -> Floats:
        fixed, tied, rest = self._split(frozenset(values))
        out = np.zeros((1, 1))
        for part in fixed + tied + ([] if rest is None else [rest]):
            more = _thinned(part._table.grades[:, None] if part is rest else part._features(values), 1024 // len(out))
            out = (out[:, None] + more[None]).reshape(-1, max(out.shape[1], more.shape[1]))
        return out

    def _breaks(self, variable: "Variable", t: Floats, values: Values) -> Floats:
        blocks = []
        for i, part in enumerate(self.parts):
            if variable not in part._variables:
                continue
            others = Sum.of(self.parts[:i] + self.parts[i + 1 :])
            features = np.broadcast_to(f := others._features(values), (len(f), len(t)))
            if isinstance(part, Affine) and part.part is variable:
                blocks.append((t - features) / part.factor)
            else:
                known = {v: np.tile(x, len(f)) for v, x in values.items()}
                blocks.append(part._breaks(variable, (t - features).ravel(), known).reshape(-1, len(t)))
        return stacked(blocks)

    @cached_property
    def _law(self) -> Latency:
        """The sum evaluated, its shared parts being drawn anew."""
        return _law_of(self.parts)

    @cached_property
    def _table(self) -> Tabulated:
        return tabulate(self) if self._entangled else self._law._table

    @cached_property
    def _knots(self) -> Floats:
        if not self._entangled:
            return self._law._knots
        return np.array([sum(part._knots[0] for part in self.parts)])

    @property
    def _jumps(self) -> Floats:
        return np.empty(0) if self._entangled else self._law._jumps

    @property
    def _rough(self) -> bool:
        return not self._entangled and self._law._rough

    @property
    def _spread(self) -> float:
        return sum(part._spread for part in self.parts)

    @cached_property
    def _variables(self) -> frozenset["Variable"]:
        return frozenset().union(*(part._variables for part in self.parts))


@dataclass(frozen=True, eq=False)
class Stepped(Latency):
    """The sum of a discrete latency of many atoms, such as a sample, and one in a table; exact at any time."""

    steps: Discrete
    rest: Tabulated

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return kernels.mixed_tails(self.steps.times, self.steps.masses, self.rest.panels, t, left)

    def _pdf(self, t: Floats) -> Floats:
        return kernels.mixed_densities(self.steps.times, self.steps.masses, self.rest.panels, t)

    @cached_property
    def _knots(self) -> Floats:
        low, high = self.steps.times[[0, -1]] + self.rest._knots[[0, -1]]
        return union([self._jumps, np.array([low, high] if self.rest.support[1] < math.inf else [low])])

    @cached_property
    def _jumps(self) -> Floats:
        return union([_outer(self.steps.times, self.rest._jumps)])

    @property
    def _spread(self) -> float:
        return self.steps._spread + self.rest._spread

    @property
    def _rough(self) -> bool:
        return True


@dataclass(frozen=True, eq=False)
class Pair(Latency):
    """The sum of two samples, too large for a list of its atoms; exact at any time."""

    a: Discrete
    b: Discrete

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return kernels.pair_tails(self.a.times, self.a.masses, self.b.times, *self.b._shares, t, left)

    def _pdf(self, t: Floats) -> Floats:
        return np.zeros(len(t))

    @property
    def _knots(self) -> Floats:
        return self.a.times[[0, -1]] + self.b.times[[0, -1]]

    @property
    def _spread(self) -> float:
        return self.a._spread + self.b._spread

    @property
    def _rough(self) -> bool:
        return True


@lru_cache(maxsize=256)
def _law_of(parts: tuple[Latency, ...]) -> Latency:
    """Return the law of a sum of independent parts in a form that can be evaluated."""
    discrete, tables = [], []
    for part in parts:
        steps = _as_discrete(part)
        if steps is None:
            tables.append(part._table)
        else:
            discrete.append(steps)
    discrete.sort(key=lambda law: len(law.times))
    while len(discrete) > 1 and len(discrete[0].times) * len(discrete[1].times) <= MOST_ATOMS:
        a, b = discrete[:2]
        both = gathered(_outer(a.times, b.times), np.outer(a.masses, b.masses).ravel())
        discrete = sorted([both, *discrete[2:]], key=lambda law: len(law.times))
    if len(discrete) == 1 and tables and len(discrete[0].times) <= FEW_ATOMS:
        tables.append(discrete.pop()._table)
    while len(discrete) > (1 if tables else 2):
        tables.append(Pair(*discrete[:2])._table)
        discrete = discrete[2:]
    if not tables:
        return discrete[0] if len(discrete) == 1 else Pair(*discrete)
    table = reduce(convolve, sorted(tables, key=lambda table: len(table.edges)))
    return Stepped(discrete[0], table) if discrete else table


def convolve(a: Tabulated, b: Tabulated) -> Tabulated:
    """Return the table of the sum of two independent latencies."""
    a_atoms, b_atoms = a.atoms, b.atoms
    return build(
        lambda t: kernels.sum_tails(a.panels, b.panels, t),
        _outer(a._knots, b._knots),
        (_outer(a_atoms[0], b_atoms[0]), np.outer(a_atoms[1], b_atoms[1]).ravel()),
        a.support[1] + b.support[1] < math.inf,
        a._spread + b._spread,
        "a sum",
        a.error + b.error,
    )


def moved(table: Tabulated, factor: float, shift: float, name: str) -> Tabulated:
    """Return the table of ``factor * X + shift``."""
    law = table.panels.copy()
    law[:, EDGE] = factor * law[:, EDGE] + shift
    law[:-1, ORIGIN] = factor * law[:-1, ORIGIN] + shift
    law[:, NODE:PART] = factor * law[:, NODE:PART] + shift
    curved = law[:, CURVED] > 0
    law[:, MIDDLE] = factor * law[:, MIDDLE] + np.where(curved, 0.0, shift)
    law[:, PER] /= np.where(curved, 1.0, factor)
    return Tabulated(law, table.error, name)


def _as_discrete(part: Latency) -> Discrete | None:
    """Return a law of nothing but known atoms."""
    if isinstance(part, Discrete):
        return part
    if not len(part._jumps):
        return None
    times, masses = part.atoms
    return Discrete(times, masses) if masses.sum() > 1 - 1e-12 else None


def _outer(a: Floats, b: Floats) -> Floats:
    return (a[:, None] + b).ravel()


def _flat(parts: Iterable[Latency]) -> list[Latency]:
    """Return the parts of sums, sums of sums and shifted sums."""
    out: list[Latency] = []
    for part in parts:
        if isinstance(part, Sum):
            out += part.parts
        elif isinstance(part, Affine) and isinstance(part.part, Sum) and part.factor == 1:
            out += [*part.part.parts, Constant(part.shift)]
        else:
            out.append(part)
    return out


def _joined(stages: list[Gamma]) -> list[Latency]:
    """Return exponential stages, those of one rate as one Erlang or Gamma."""
    out: list[list[float]] = []
    for stage in stages:
        for row in out:
            if math.isclose(row[1] / row[0], stage.mean() / stage.shape, rel_tol=1e-14):
                row[0] += stage.shape
                row[1] += stage.mean()
                break
        else:
            out.append([stage.shape, stage.mean()])
    return [
        Exponential(mean) if shape == 1 else Erlang(int(shape), mean) if shape == int(shape) else Gamma(shape, mean)
        for shape, mean in out
    ]


def _known(part: Latency, values: Values) -> Floats:
    """Return the value of a shared part, or of a multiple of one."""
    return part.factor * values[part.part] if isinstance(part, Affine) else values[part]  # type: ignore[index]


def _thinned(features: Floats, most: int) -> Floats:
    most = max(most, 8)
    return features if len(features) <= most else features[np.linspace(0, len(features) - 1, most).round().astype(int)]
