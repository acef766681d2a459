"""What a caller makes of a latency: a timeout, retries; and latencies cut to a range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .. import _check
from ..display import format_time
from .base import Floats, Latency, Values, latencies, union

if TYPE_CHECKING:
    from .shared import Variable


def timeout(part: Latency, after: float) -> "Capped":
    """Return the latency of a caller who gives up after so many seconds: ``min(part, after)``.

    Its `failure_probability` is the share of calls that are given up.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> call = timeout(Exponential(0.010), after=0.050)
    >>> call.quantile(0.9999), round(call.failure_probability, 6)
    (0.05, 0.006738)
    """
    (part,) = latencies([part], "timeout")
    return Capped(part, _check.positive(after, "the timeout", " in seconds"))


def retry(part: Latency, timeout: float, attempts: int = 2, backoff: float | Sequence[float] = 0.0) -> "Retried":
    """Return the latency of a caller who tries anew when an attempt has not answered within the timeout.

    Attempts are independent, the one before is given up. After the last one the call fails.

    Parameters
    ----------
    part : Latency
        Of one attempt.
    timeout : float
        Of each attempt, in seconds.
    attempts : int
        How many in all, 1 or more.
    backoff : float or sequence of float
        Seconds between the end of an attempt and the next, one for all or one for each of ``attempts - 1`` pauses.

    Returns
    -------
    Retried
        A `Latency`, failed calls included, with `failure_probability` and `extra_load`.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> call = retry(Exponential(0.010), timeout=0.020, attempts=3, backoff=0.005)
    >>> round(call.failure_probability, 6), round(call.extra_load, 4), round(call.quantile(0.99), 4)
    (0.002479, 0.1537, 0.0561)
    """
    (part,) = latencies([part], "retry")
    if part._variables:
        raise ValueError(
            "a latency that holds a shared latency was retried: share a latency around the retries instead"
        )
    attempts = _check.whole(attempts, "the number of attempts", 1, 1000)
    pauses = [backoff] * (attempts - 1) if isinstance(backoff, (int, float)) else list(backoff)
    if len(pauses) != attempts - 1:
        raise ValueError(f"{attempts} attempts came with {len(pauses)} pauses: give one number, or {attempts - 1}")
    return Retried(
        part,
        _check.positive(timeout, "the timeout", " in seconds"),
        tuple(_check.number(pause, "the backoff", hint=" in seconds") for pause in pauses),
    )


def truncated(part: Latency, low: float = 0.0, high: float = math.inf) -> "Truncated":
    """Return the latency of those calls that take from `low` to `high` seconds.

    Examples
    --------
    What is left of an exponential after 5 ms is distributed as before:

    >>> from scalemodel.latency import Exponential
    >>> round(truncated(Exponential(0.010), low=0.005).quantile(0.5) - 0.005, 6)
    0.006931
    """
    (part,) = latencies([part], "truncated")
    if part._variables:
        raise ValueError("a truncated latency was made of one that holds a shared latency: truncate its own parts")
    start = _check.number(low, "low", hint=" in seconds")
    end = high if high == math.inf else _check.number(high, "high", hint=" in seconds")
    if not start < end:
        raise ValueError(f"a latency was truncated from {low!r} to {high!r} s: give a `high` above `low`")
    law = Truncated(part, start, end)
    if not law._mass > 0:
        raise ValueError(
            f"no latency of {part.description} is between {format_time(start)} and {format_time(end)}: nothing is left"
        )
    return law


@dataclass(frozen=True)
class Capped(Latency):
    """The shorter of a latency and a limit; `timeout` makes one."""

    part: Latency
    after: float

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"{self.part.description}, given up after {format_time(self.after)}"

    @property
    def failure_probability(self) -> float:
        """The share of calls that are given up."""
        return self.part.sf(self.after)

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        return self._given(t, {}, left)

    def _given(self, t: Floats, values: Values, left: bool = False) -> tuple[Floats, Floats]:
        below, above = self.part._given(t, values, left)
        over = t > self.after if left else t >= self.after
        return np.where(over, 1.0, below), np.where(over, 0.0, above)

    def _pdf(self, t: Floats) -> Floats:
        return np.where(t < self.after, self.part._pdf(t), 0.0)

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        return np.minimum(self.part._quantile(p, q), self.after)

    def _features(self, values: Values) -> Floats:
        return np.minimum(self.part._features(values), self.after)

    def _breaks(self, variable: "Variable", t: Floats, values: Values) -> Floats:
        return self.part._breaks(variable, t, values)

    def _additive(self, variable: "Variable") -> bool:
        return self.part._additive(variable)

    @cached_property
    def _knots(self) -> Floats:
        return union([np.minimum(self.part._knots, self.after), np.array([min(self.after, self.part.support[1])])])

    @cached_property
    def _jumps(self) -> Floats:
        jumps = self.part._jumps
        return union([jumps[jumps < self.after], self._knots[-1:]])

    @property
    def _rough(self) -> bool:
        return self.part._rough

    @property
    def _spread(self) -> float:
        return min(self.part._spread, self._knots[-1] - self._knots[0]) or 1e-300

    @property
    def _variables(self) -> frozenset["Variable"]:
        return self.part._variables


@dataclass(frozen=True)
class Retried(Latency):
    """Attempts one after the other, each given up at a timeout; `retry` makes one."""

    part: Latency
    timeout: float
    pauses: tuple[float, ...]

    @property
    def attempts(self) -> int:
        """How many attempts there are at most."""
        return len(self.pauses) + 1

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"{self.part.description}, up to {self.attempts} attempts of {format_time(self.timeout)}"

    @property
    def failure_probability(self) -> float:
        """The share of calls that fail: no attempt was answered in time."""
        return self._fails**self.attempts

    @property
    def extra_load(self) -> float:
        """The mean number of attempts beyond the first."""
        return sum(self._fails**n for n in range(1, self.attempts))

    @cached_property
    def _fails(self) -> float:
        return self.part.sf(self.timeout)

    @cached_property
    def _starts(self) -> Floats:
        return np.append(0.0, np.cumsum(np.array(self.pauses) + self.timeout))

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        at = np.maximum(np.searchsorted(self._starts, t, "left" if left else "right") - 1, 0)
        own = t - self._starts[at]
        over = own > self.timeout if left else own >= self.timeout
        below, above = self.part._tails(np.minimum(own, self.timeout), left)
        rest = np.where(at == self.attempts - 1, 0.0, self._fails)
        slow = self._fails**at * np.where(over, rest, above)
        return np.where((at == 0) & ~over, below, 1.0 - slow), slow

    def _pdf(self, t: Floats) -> Floats:
        at = np.maximum(np.searchsorted(self._starts, t, "right") - 1, 0)
        own = t - self._starts[at]
        return np.where(own < self.timeout, self._fails**at * self.part._pdf(own), 0.0)

    @cached_property
    def _knots(self) -> Floats:
        own = union([np.minimum(self.part._knots, self.timeout), np.array([self.timeout])])
        knots = (self._starts[:, None] + own).ravel()
        return union([knots[knots <= self.support[1]]])

    @property
    def support(self) -> tuple[float, float]:
        """The shortest and the longest latency in seconds."""
        low, high = self.part.support
        return min(low, self.timeout), high if high <= self.timeout else float(self._starts[-1] + self.timeout)

    @cached_property
    def _jumps(self) -> Floats:
        own = self.part._jumps[self.part._jumps <= self.timeout]
        end = self._starts[-1:] + self.timeout
        return union([(self._starts[:, None] + own).ravel(), end if self._fails > 0 else end[:0]])

    @property
    def _rough(self) -> bool:
        return self.part._rough or super()._rough

    @property
    def _spread(self) -> float:
        return min(self.part._spread, self.timeout) or self.timeout


@dataclass(frozen=True)
class Truncated(Latency):
    """A latency, given that it lies in a range; `truncated` makes one."""

    part: Latency
    low: float
    high: float

    @property
    def description(self) -> str:
        """The law in a few words."""
        above = "" if self.high == math.inf else f" to {format_time(self.high)}"
        return f"{self.part.description}, only from {format_time(self.low)}{above}"

    @cached_property
    def _outside(self) -> tuple[Floats, Floats]:
        """The shares of the part before the range and not yet in it, and those up to its end and beyond."""
        before = self.part._tails(np.array([self.low]), left=True)
        after = self.part._tails(np.array([self.high]))
        return np.concatenate(before), np.concatenate(after)

    @cached_property
    def _mass(self) -> float:
        (before, ahead), (inside, after) = self._outside
        return float(ahead - after if ahead < 0.5 else inside - before)

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        (before, ahead), (inside, after) = self._outside
        below, above = self.part._tails(t, left)
        p = np.where(ahead < 0.5, ahead - above, below - before) / self._mass
        q = np.where(after < 0.5, above - after, inside - below) / self._mass
        early = t <= self.low if left else t < self.low
        late = t > self.high if left else t >= self.high
        p, q = np.where(early, 0.0, np.where(late, 1.0, p)), np.where(early, 1.0, np.where(late, 0.0, q))
        return np.clip(p, 0, 1), np.clip(q, 0, 1)

    def _pdf(self, t: Floats) -> Floats:
        return np.where((t >= self.low) & (t <= self.high), self.part._pdf(t) / self._mass, 0.0)

    def _quantile(self, p: Floats, q: Floats) -> Floats:
        (before, ahead), (_, after) = self._outside
        deep = ahead - p * self._mass < 0.5  # of the part
        below, above = before + p * self._mass, after + q * self._mass
        found = self.part._quantile(np.where(deep, 1 - above, below), np.where(deep, above, 1 - below))
        return np.clip(found, *self.support)

    @property
    def support(self) -> tuple[float, float]:
        """The shortest and the longest latency in seconds."""
        low, high = self.part.support
        return max(low, self.low), min(high, self.high)

    @cached_property
    def _knots(self) -> Floats:
        low, high = self.support
        inner = self.part._knots[(self.part._knots >= low) & (self.part._knots <= high)]
        return union([inner, np.array([low, high] if high < math.inf else [low])])

    @cached_property
    def _jumps(self) -> Floats:
        return self.part._jumps[(self.part._jumps >= self.low) & (self.part._jumps <= self.high)]

    @property
    def _rough(self) -> bool:
        return self.part._rough

    @property
    def _spread(self) -> float:
        low, high = self.support
        return min(self.part._spread, high - low) or 1e-300
