"""What every latency has in common: the interface, quantiles of any law, moments, tables and operators."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _check, streams
from ..display import Shown
from ._kernels import roots

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .shared import Variable
    from .table import Tabulated

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Many = Sequence[float] | NDArray[np.floating] | NDArray[np.integer]
Values = dict["Variable", Floats]
"""What shared parts turned out to be: one value per time asked about."""

NAMED = (0.5, 0.9, 0.99, 0.999, 0.9999)
"""The percentiles that tables and plots show."""

_MANY = 64  # this many special times are looked at at once
_GRID = 2.0 ** np.arange(-8, 15)
_LATEST = 1e300
_LISTED = 4096
_SLACK = 4e-16  # a share counts as reached within this: 1 - 0.9 is not quite 0.1


class Latency(Shown):
    """How long something takes: a distribution over seconds, with an algebra.

    Scalars give scalars, arrays give arrays of the same shape. Latencies are values: where one occurs twice in an
    expression, its two occurrences are independent draws; `scalemodel.latency.shared` makes a draw that is the same
    wherever it occurs.

    Subclasses define `_tails` and `_pdf`, and override what they know better.
    """

    # ---- what it answers

    @overload
    def cdf(self, t: float) -> float: ...
    @overload
    def cdf(self, t: Many) -> Floats: ...
    def cdf(self, t: Any) -> Any:
        """Probability of an answer within `t` seconds."""
        return pointwise(lambda flat: self._tails(flat)[0], _times(t))

    @overload
    def sf(self, t: float) -> float: ...
    @overload
    def sf(self, t: Many) -> Floats: ...
    def sf(self, t: Any) -> Any:
        """Probability that it takes longer than `t` seconds; keeps its digits where it is small."""
        return pointwise(lambda flat: self._tails(flat)[1], _times(t))

    @overload
    def pdf(self, t: float) -> float: ...
    @overload
    def pdf(self, t: Many) -> Floats: ...
    def pdf(self, t: Any) -> Any:
        """Density at `t` seconds, per second. Times of positive probability have none: see `atoms`."""
        return pointwise(self._pdf, _times(t))

    @overload
    def quantile(self, p: float) -> float: ...
    @overload
    def quantile(self, p: Many) -> Floats: ...
    def quantile(self, p: Any) -> Any:
        """Shortest time within which a share `p` has been answered, in seconds.

        Parameters
        ----------
        p : float or array
            Between 0 and 1; ``quantile(0.999)`` is the p99.9. The ends of the support are at 0 and 1.
        """
        return pointwise(lambda flat: self._quantile(flat, 1 - flat), _check.shares(p, "p"))

    @overload
    def isf(self, q: float) -> float: ...
    @overload
    def isf(self, q: Many) -> Floats: ...
    def isf(self, q: Any) -> Any:
        """Time in seconds that is exceeded with probability `q`: ``quantile(1 - q)``, with all digits of a small q."""
        return pointwise(lambda flat: self._quantile(1 - flat, flat), _check.shares(q, "q"))

    def mean(self) -> float:
        """Mean in seconds; infinite where the tail is that heavy."""
        return self._moments[0]

    def var(self) -> float:
        """Variance in seconds squared; infinite where the tail is that heavy."""
        return self._moments[1]

    def std(self) -> float:
        """Standard deviation in seconds."""
        return math.sqrt(self.var())

    def sample(self, size: int, seed: int = 0) -> Floats:
        """Draw ``float64[size]`` latencies in seconds.

        By inversion: the draws have the same bits for any number of workers, a longer draw begins with the shorter
        one, and two latencies sampled with one seed go up and down together; for independence give two seeds.
        """
        u = streams.uniforms(_check.whole(size, "size", 0, 2**52), seed)
        return self._quantile(u, 1 - u)

    @property
    def support(self) -> tuple[float, float]:
        """The shortest and the longest latency in seconds; the longest may be infinite."""
        knots = self._knots
        last = knots[-1]
        return float(knots[0]), float(last) if self._tails(knots[-1:])[1][0] == 0 else math.inf

    @property
    def atoms(self) -> tuple[Floats, Floats]:
        """The times of positive probability, in seconds, and their probabilities."""
        jumps = self._jumps
        if not len(jumps):
            return jumps, jumps
        mass = self._tails(jumps, left=True)[1] - self._tails(jumps)[1]
        here = mass > 1e-14 * self._tails(jumps, left=True)[1]
        return jumps[here], mass[here]

    def on_grid(self) -> "Tabulated":
        """Return the same latency in a form that is fast to evaluate: polynomials between well chosen times.

        Its survival function has a relative error below its `error`, and it can be integrated over (`quadrature`).
        """
        return self._table

    # ---- how it looks

    @property
    def description(self) -> str:
        """The law in a few words."""
        return repr(self)

    @property
    def title(self) -> str:
        """The law in a few words."""
        return self.description

    def to_frame(self, percentiles: Sequence[float] = NAMED) -> "pd.DataFrame":
        """Return the mean and the percentiles in milliseconds, one row."""
        import pandas as pd

        columns = {f"p{100 * p:g}_ms": 1e3 * self.quantile(p) for p in percentiles}
        return pd.DataFrame([{"mean_ms": 1e3 * self.mean(), **columns}])

    def plot(self, ax: "Axes | None" = None, label: str | None = None, deepest: float = 1e-5) -> "Axes":
        """Draw the share of slower answers over time on logarithmic axes, with the percentiles named.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; several latencies may share one.
        label : str, optional
            For the legend.
        deepest : float
            The smallest share shown.
        """
        from .figures import tail_plot

        return tail_plot(self, ax, label, deepest)

    # ---- the algebra

    def __add__(self, other: Any) -> "Latency":
        from .sums import add

        return add(self, other)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> "Latency":
        from .sums import scale

        return scale(self, factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> "Latency":
        from .sums import scale

        if isinstance(divisor, Latency):
            raise TypeError("a latency was divided by a latency: divide by a number")
        return scale(self, 1 / _check.positive(divisor, "the divisor of a latency"))

    # ---- what a law defines

    @abstractmethod
    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        """Return P(X <= t) and P(X > t) at ``float64[m]`` times; with `left`, P(X < t) and P(X >= t)."""

    @abstractmethod
    def _pdf(self, t: Floats) -> Floats:
        """Return the density at ``float64[m]`` times."""

    @property
    @abstractmethod
    def _knots(self) -> Floats:
        """The rising times at which the law is not smooth: the support's ends, if finite, atoms and kinks."""

    @property
    @abstractmethod
    def _spread(self) -> float:
        """A rough typical time above the start of the support, above 0 unless the law is one atom."""

    @property
    def _jumps(self) -> Floats:
        """The rising times that may have positive probability, a subset of the knots."""
        return np.empty(0)

    @property
    def _rough(self) -> bool:
        """Tell whether the law has too many atoms or kinks to list them all."""
        return len(self._jumps) > _LISTED

    @property
    def _rows(self) -> Floats | None:
        """The law as weighted components of `_kernels.families`, if it is such a mixture."""
        return None

    @property
    def _variables(self) -> frozenset["Variable"]:
        """The shared parts in it."""
        return frozenset()

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        """Return `_tails` where shared parts have the given values, one per time."""
        return self._tails(t, left)

    def _features(self, values: Values) -> Floats:
        """Return the times around which the law, given the values, changes: ``float64[k, m]`` or ``[k, 1]``."""
        return self._table.grades[:, None]

    def _breaks(self, variable: "Variable", t: Floats, values: Values) -> Floats:
        """Return the values of a shared part at which ``P(X <= t)`` changes its course: ``float64[k, m]``."""
        raise AssertionError(f"{type(self).__name__} holds no shared part, so nobody asks for its breaks")

    def _additive(self, variable: "Variable") -> bool:
        """Tell whether more of a shared part matters than whether it has answered by the time asked about."""
        return True

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        """Return quantiles, given the share `p` below and the share `q` above."""
        if p.size > 8 * _MANY and len(self._jumps) < 8 * _MANY:
            return self._table._quantile(p, q)
        return invert(self, p, q)

    @cached_property
    def _table(self) -> "Tabulated":
        from .table import tabulate

        return tabulate(self)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        return self._table._moments


def latencies(parts: Any, whose: str) -> tuple[Latency, ...]:
    """Return the parts of an expression as a tuple, checked."""
    if isinstance(parts, Latency) or not isinstance(parts, Iterable):
        raise TypeError(f"the parts of {whose} came as {type(parts).__name__}: give a list of latencies")
    chosen = tuple(parts)
    if not chosen:
        raise ValueError(f"{whose} has no parts: give one latency or more")
    for part in chosen:
        if not isinstance(part, Latency):
            raise TypeError(f"a part of {whose} is {part!r}: give latencies, such as Exponential(5 * ms)")
    return chosen


def stacked(blocks: Iterable[Floats]) -> Floats:
    """Stack blocks ``[k, m]`` or ``[k, 1]`` of times."""
    chosen = list(blocks)
    width = max((block.shape[1] for block in chosen), default=1)
    return np.concatenate([np.empty((0, width)), *(np.broadcast_to(b, (len(b), width)) for b in chosen)])


def union(times: Iterable[Floats]) -> Floats:
    """Return all times in rising order, once each; those a rounding error apart count as one."""
    merged = np.unique(np.concatenate([np.empty(0), *times]))
    return merged[np.concatenate([[True], np.diff(merged) > 4e-16 * merged[1:]])] if len(merged) else merged


class Delegating(Latency):
    """A latency whose law is that of another; it adds what else is known."""

    @property
    @abstractmethod
    def _law(self) -> Latency:
        """The law itself."""

    def mean(self) -> float:
        """Mean in seconds."""
        return self._law.mean()

    def var(self) -> float:
        """Variance in seconds squared."""
        return self._law.var()

    @property
    def atoms(self) -> tuple[Floats, Floats]:
        """The times of positive probability, in seconds, and their probabilities."""
        return self._law.atoms

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return self._law._tails(t, left)

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        return self._law._given(t, values, left)

    def _pdf(self, t: Floats) -> Floats:
        return self._law._pdf(t)

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        return self._law._quantile(p, q)

    def _features(self, values: Values) -> Floats:
        return self._law._features(values)

    def _breaks(self, variable: "Variable", t: Floats, values: Values) -> Floats:
        return self._law._breaks(variable, t, values)

    def _additive(self, variable: "Variable") -> bool:
        return self._law._additive(variable)

    @property
    def _table(self) -> "Tabulated":
        return self._law._table

    @property
    def _knots(self) -> Floats:
        return self._law._knots

    @property
    def _jumps(self) -> Floats:
        return self._law._jumps

    @property
    def _spread(self) -> float:
        return self._law._spread

    @property
    def _rough(self) -> bool:
        return self._law._rough

    @property
    def _rows(self) -> Floats | None:
        return self._law._rows

    @property
    def _variables(self) -> frozenset["Variable"]:
        return self._law._variables


def invert(law: Latency, p: Floats, q: Floats) -> Floats:
    """Return quantiles of any law: find the stretch between its special times, then the root in it."""
    knots = law._knots
    low, high = law.support
    deep = q < 0.5
    goal = np.where(deep, q, p)

    allowed = goal + np.where(deep, 1, -1) * np.where(goal > 1e-9, _SLACK, 0.0)

    def reached(below: Floats, above: Floats) -> Flags:
        return np.where(deep, above <= allowed, below >= allowed)

    def missing(t: Floats, left: bool = False) -> Floats:
        return roots.gaps(*law._tails(t, left), deep, goal)

    if len(knots) > _MANY:
        at = _first(knots, lambda t: reached(*law._tails(t)), len(p))
        times = knots
    else:
        times = np.union1d(knots, low + law._spread * _GRID)
        times = times[times <= high]
        below, above = law._tails(times)
        done = np.where(deep[:, None], above <= allowed[:, None], below >= allowed[:, None])
        done[:, -1] |= math.isfinite(high)
        at = np.where(done.any(axis=1), done.argmax(axis=1), len(times))
    start = times[np.maximum(at - 1, 0)]
    end = times[np.minimum(at, len(times) - 1)]
    beyond = at == len(times)
    while beyond.any():  # double the way from the start until all are reached
        start = np.where(beyond, end, start)
        end = np.where(beyond, np.minimum(low + 4 * np.maximum(end - low, law._spread), _LATEST), end)
        beyond &= ~reached(*law._tails(end)) & (end < _LATEST)
    state = np.column_stack([end, start, np.full((len(p), 5), np.nan)])
    state[:, roots.FA], state[:, roots.FB] = np.minimum(missing(end), 0.0), missing(start)
    if len(law._jumps):
        before = missing(end, left=True)
        jump = (before > 0) & (state[:, roots.FA] <= 0)
        state[:, roots.FA] = np.where(jump, 0.0, before)
    state[:, roots.FA] = np.where(at == 0, 0.0, state[:, roots.FA])
    state[:, roots.OPEN] = 1.0
    t = end.copy()
    while roots.next_times(state, t):
        roots.narrow(state, t, missing(t))
    found = np.where(state[:, roots.FA] <= 0, state[:, roots.A], state[:, roots.B])
    return np.where(p <= 0, low, np.where(q <= 0, high, found))


def _first(knots: Floats, reached: Callable[[Floats], Flags], size: int) -> NDArray[np.int64]:
    """Return the first position of `knots` at which each goal is reached, or their number."""
    low, high = np.zeros(size, np.int64), np.full(size, len(knots), np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        done = reached(knots[np.minimum(middle, len(knots) - 1)]) | (middle == len(knots))
        low, high = np.where(done, low, middle + 1), np.where(done, middle, high)
    return low


def _times(t: ArrayLike) -> Floats:
    times = np.asarray(t, np.float64)
    if np.isnan(times).any():
        raise ValueError("a time t is not a number: give seconds")
    return times


def pointwise(function: Callable[[Floats], Floats], array: Floats) -> Any:
    """Apply a function of flat arrays to an array of any shape; a scalar gives a scalar."""
    if not array.size:
        return np.empty(array.shape)
    out = function(array.ravel())
    return float(out[0]) if array.ndim == 0 else out.reshape(array.shape)
