"""Will data be lost? A chain of failures and repairs, solved without a single subtraction.

Linear algebra on such chains subtracts numbers that are nearly equal, and is wrong by a factor of two where data are
safe for 1e20 hours. State elimination as Grassmann, Taksar and Heyman do it only adds, multiplies and divides.

References
----------
Grassmann, Taksar and Heyman, "Regenerative analysis and steady state distributions for Markov chains", Operations
Research 33 (1985). O'Cinneide, "Entrywise perturbation theory and error analysis for Markov chains", Numerische
Mathematik 65 (1993).
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._check import number, positive, share, whole
from ..display import PALETTE, Shown, axes, format_time, nines
from ..units import years
from ._kernels import lifetimes as kernels
from .codes import Code, ReedSolomon, Replicas
from .counts import k_of_n_unavailability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
State = tuple[tuple[int, ...], ...]
"""For each group, how many shards have failed unnoticed and noticed."""

MOST_STATES = 900
"""States of a chain."""

ANY = 10**9
"""More repairs at once than there are shards."""


@dataclass(frozen=True)
class Repair:
    """How lost shards are made again; all times are exponential, with these means.

    Parameters
    ----------
    time : float
        Seconds to make one shard again.
    crews : int, optional
        How many are made at once; by default all. One for a shared bandwidth: see `limited`.
    detection : float
        Seconds until a failure is noticed and repair begins.

    Examples
    --------
    >>> Repair.limited(shard_bytes=4e12, bandwidth=100e6)
    Repair(time=40000.0, crews=1, detection=0.0)
    """

    time: float
    crews: int | None = None
    detection: float = 0.0

    def __post_init__(self) -> None:
        positive(self.time, "the repair time", "; seconds")
        if self.crews is not None:
            object.__setattr__(self, "crews", whole(self.crews, "crews, repairs at once,", 1, ANY))
        number(self.detection, "the detection time", hint="; seconds")

    @classmethod
    def limited(cls, shard_bytes: float, bandwidth: float, detection: float = 0.0) -> "Repair":
        """Return repairs that share a bandwidth: one shard after the other."""
        return cls(positive(shard_bytes, "shard_bytes") / positive(bandwidth, "bandwidth"), 1, detection)


@dataclass(frozen=True)
class Burst:
    """Failures that come together: each shard that is good fails with the same chance.

    Parameters
    ----------
    per_year : float
        How often this happens to one item's nodes.
    fails : float
        Chance of each good shard to fail for good.
    """

    per_year: float
    fails: float

    def __post_init__(self) -> None:
        number(self.per_year, "per_year, how often a burst comes,")
        share(self.fails, "fails, the share of shards that a burst takes,")


@dataclass(frozen=True)
class Durability(Shown):
    """How safe one item (an object, a placement group, a stripe) is.

    Attributes
    ----------
    mttdl : float
        Mean time to data loss, seconds, from a state without failures, or with those `lost` at first.
    annual_loss_probability : float
        Probability to be lost within a year of 365.25 days: of an item that has been in service for long, at a random
        moment of its life; or with those `lost` at first, from then on. From new it is ``loss_probability(years)``,
        which is less: it takes some repair times until as many failures are open as usual.
    """

    code: Code
    mttdl: float
    annual_loss_probability: float
    _chain: tuple[Floats, Floats, int] = field(repr=False, compare=False)

    @property
    def nines(self) -> float:
        """Nines of durability over a year."""
        return nines(self.annual_loss_probability)

    @property
    def annual_loss_rate(self) -> float:
        """Losses a year in the long run; the expected share of data lost a year, if a loss takes all of an item."""
        return years / self.mttdl

    def loss_probability(self, mission: float, items: int = 1) -> float:
        """Return the probability that any of so many independent items is lost within `mission` seconds from new.

        Or from the state with those `lost` at first.

        Examples
        --------
        >>> safe = durability(Replicas(3), afr=0.02, repair=6 * 3600)
        >>> f"{safe.loss_probability(5 * years, items=1_000_000):.3e}"
        '5.620e-05'
        """
        positive(mission, "mission", "; seconds")
        whole(items, "items", 1, 2**62)
        one = _absorbed(*self._chain[:2], mission)[self._chain[2]]
        return -math.expm1(items * math.log1p(-one)) if one < 1 else 1.0

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return f"{self.code}: {self.nines:.2f} nines a year, mean time to loss {format_time(self.mttdl)}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row of figures."""
        import pandas as pd

        row = {
            "code": str(self.code),
            "overhead": self.code.overhead,
            "tolerates": self.code.tolerates,
            "mttdl_years": self.mttdl / years,
            "annual_loss_probability": self.annual_loss_probability,
            "nines": self.nines,
        }
        return pd.DataFrame([row])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the probability of loss against the years passed, both logarithmic."""
        ax = axes(ax)
        times = np.geomspace(0.01, 100, 25)
        ax.plot(times, [self.loss_probability(t * years) for t in times], color=PALETTE[0])
        ax.set(xscale="log", yscale="log", xlabel="years", ylabel="probability of loss", title=str(self.code))
        return ax


def durability(
    code: Code,
    *,
    afr: float,
    repair: float | Repair,
    latent: float = 0.0,
    bursts: Iterable[Burst] = (),
    lost: int | Sequence[int] = 0,
) -> Durability:
    """Return how safe one item is: exactly, for exponential lifetimes and repairs.

    Parameters
    ----------
    code : Code
        `Replicas`, `ReedSolomon` or `LRC`.
    afr : float
        Failures a year of one node or disk (a rate: 0.02 is 2 % a year) that take a shard with them.
    repair : float or Repair
        Mean seconds to make a shard again, each by itself; or more about it.
    latent : float
        Probability that a shard, when it is needed, turns out to be unreadable: see `latent_errors`. Counted when a
        failure leaves shards without which the data are gone.
    bursts : iterable of Burst
        Failures that come together.
    lost : int or sequence of int
        Shards that are missing at first, noticed and in repair; by group of the code, or in all if it has one group.

    Raises
    ------
    ValueError
        If a number is out of its range, or the chain would have too many states.

    Examples
    --------
    >>> safe = durability(Replicas(3), afr=0.02, repair=6 * 3600)
    >>> f"{safe.mttdl / years:.3e} years, {safe.nines:.2f} nines"
    '8.894e+10 years, 10.95 nines'

    References
    ----------
    Greenan, Plank and Wylie, "Mean time to meaningless: MTTDL, Markov models, and storage system reliability",
    HotStorage 2010.
    """
    if not isinstance(code, Code):
        raise TypeError(f"code is {code!r}: give Replicas(n), ReedSolomon(k, m) or LRC(k, l, g)")
    rate = positive(afr, "afr, the failures of a node a year,") / years
    if afr >= 10:
        raise ValueError(f"afr is {afr!r} failures a year: give a share such as 0.02, was {afr / 100:g} meant?")
    how = repair if isinstance(repair, Repair) else Repair(positive(repair, "repair", "; seconds, or a Repair"))
    share(latent, "latent, the chance that a shard is unreadable,")
    if latent and code.tolerates == 0:
        raise ValueError(f"{code} has no redundancy, an unreadable shard is a loss: leave out latent")
    model = _Model(code, rate, how, latent, tuple(bursts))
    first = model.start(lost)
    numbers, rates, losses = model.chain(first)
    if not losses.any():
        raise ValueError(f"{code} loses nothing here: give it failures")
    at = numbers[first]
    mean = _mean_time(rates, losses, at)
    within = _absorbed(rates, losses, years)
    loss = float(within[at] if sum(map(sum, first)) else _in_service(rates, losses, at) @ within)
    if not (loss > 0 and math.isfinite(mean)):
        raise ValueError("the loss is less likely than 1e-308 a year, which no float holds: give less safe a design")
    return Durability(code, mean, loss, (rates, losses, at))


class _Model:
    """The states of one item and what leads from each to which."""

    def __init__(self, code: Code, rate: float, repair: Repair, latent: float, bursts: tuple[Burst, ...]) -> None:
        self.code, self.rate, self.repair, self.latent, self.bursts = code, rate, repair, latent, bursts
        self.staged = repair.detection > 0
        self._hidden: dict[tuple[int, ...], float] = {}

    def start(self, lost: int | Sequence[int]) -> State:
        sizes = self.code.groups
        counts = [lost] if np.ndim(lost) == 0 else list(lost)  # type: ignore[arg-type]
        if counts == [0]:
            counts = [0] * len(sizes)
        if len(counts) != len(sizes):
            raise ValueError(
                f"lost is {lost!r}: {self.code} has {len(sizes)} groups of shards, give one number for each"
            )
        checked = tuple(whole(c, "lost", 0, size) for c, size in zip(counts, sizes, strict=True))
        if not self.code.survives(checked):
            raise ValueError(f"lost is {lost!r}: {self.code} does not survive that, the data are gone already")
        return self._sorted(tuple((0, c) if self.staged else (c,) for c in checked))

    def chain(self, first: State) -> tuple[dict[State, int], Floats, Floats]:
        """Return the states in order of failures, the rates between them, and the rate of loss of each."""
        none = self._sorted(tuple((0,) * len(group) for group in first))
        found: dict[State, dict[State | None, float]] = {}
        todo = [none, first]
        while todo:
            state = todo.pop()
            if state in found:
                continue
            leads: defaultdict[State | None, float] = defaultdict(float)
            found[state] = leads
            for target, rate in self.moves(state):
                leads[target] += rate
                if target is not None and target not in found:
                    todo.append(target)
            if len(found) > MOST_STATES:
                raise ValueError(
                    f"{self.code} has more than {MOST_STATES} states to follow: give a smaller code, or detection=0"
                )
        order = sorted(found, key=lambda state: (sum(map(sum, state)), state))
        numbers = {state: i for i, state in enumerate(order)}
        rates, losses = np.zeros((len(order), len(order))), np.zeros(len(order))
        for state, ways in found.items():
            for target, rate in ways.items():
                if target is None:
                    losses[numbers[state]] += rate
                elif target != state:
                    rates[numbers[state], numbers[target]] += rate
        return numbers, rates, losses

    def moves(self, state: State) -> Iterator[tuple[State | None, float]]:
        """Yield what may happen, None for a loss, and its rate."""
        good = [size - sum(group) for size, group in zip(self.code.groups, state, strict=True)]
        for i, left in enumerate(good):
            if left:
                more = tuple(int(j == i) for j in range(len(good)))
                yield from self.failing(state, more, left * self.rate)
        for burst in self.bursts:
            for more in itertools.product(*(range(left + 1) for left in good)):
                chance = math.prod(
                    math.comb(left, n) * burst.fails**n * (1 - burst.fails) ** (left - n)
                    for left, n in zip(good, more, strict=True)
                )
                if any(more) and chance:
                    yield from self.failing(state, more, burst.per_year / years * chance)
        noticed = sum(group[-1] for group in state)
        for i, group in enumerate(state):
            if self.staged and group[0]:
                moved = (group[0] - 1, group[1] + 1)
                yield self._with(state, i, moved), group[0] / self.repair.detection
            if group[-1]:
                crews = min(noticed, self.repair.crews or ANY)
                yield self._with(state, i, (*group[:-1], group[-1] - 1)), crews * group[-1] / noticed / self.repair.time

    def failing(self, state: State, more: tuple[int, ...], rate: float) -> Iterator[tuple[State | None, float]]:
        failed = tuple(sum(group) + n for group, n in zip(state, more, strict=True))
        if not self.code.survives(failed):
            yield None, rate
            return
        hidden = self.hidden(failed)
        if hidden:
            yield None, rate * hidden
        after = tuple((group[0] + n, *group[1:]) for group, n in zip(state, more, strict=True))
        yield self._sorted(after), rate * (1 - hidden)

    def hidden(self, failed: tuple[int, ...]) -> float:
        """Return the chance that a shard that is needed now is unreadable."""
        if not self.latent:
            return 0.0
        if failed not in self._hidden:
            needed = sum(
                size - failed[i]
                for i, size in enumerate(self.code.groups)
                if size > failed[i] and not self.code.survives((*failed[:i], failed[i] + 1, *failed[i + 1 :]))
            )
            self._hidden[failed] = (
                -math.expm1(needed * math.log1p(-self.latent)) if self.latent < 1 else float(needed > 0)
            )
        return self._hidden[failed]

    def _with(self, state: State, i: int, group: tuple[int, ...]) -> State:
        return self._sorted((*state[:i], group, *state[i + 1 :]))

    def _sorted(self, state: State) -> State:
        """Put groups that are alike in order: which of them has which failures does not matter."""
        alike = self.code.alike
        return (*sorted(state[:alike], reverse=True), *state[alike:])


def _mean_time(rates: Floats, losses: Floats, first: int) -> float:
    """Return the mean time to loss from one state, by state elimination; all others go first."""
    order = [first, *(i for i in range(len(losses)) if i != first)]
    rates, losses, cost = rates[np.ix_(order, order)], losses[order], np.ones(len(losses))
    for last in range(len(losses) - 1, 0, -1):
        out = losses[last] + rates[last, :last].sum()
        back = rates[:last, last] / out
        rates[:last, :last] += np.outer(back, rates[last, :last])
        losses[:last] += back * losses[last]
        cost[:last] += back * cost[last]
        np.fill_diagonal(rates, 0.0)
    with np.errstate(over="ignore", divide="ignore"):
        return float(cost[0] / losses[0])


def _in_service(rates: Floats, losses: Floats, first: int) -> Floats:
    """Return the share of its life that an item spends in each state, by the same elimination."""
    rates = rates.copy()
    rates[:, first] += losses
    np.fill_diagonal(rates, 0.0)
    into = np.zeros_like(rates)
    for last in range(len(losses) - 1, 0, -1):
        into[:last, last] = rates[:last, last] / rates[last, :last].sum()
        rates[:last, :last] += np.outer(into[:last, last], rates[last, :last])
    shares = np.ones(len(losses))
    for i in range(1, len(losses)):
        shares[i] = shares[:i] @ into[:i, i]
    return shares / shares.sum()


def _absorbed(rates: Floats, losses: Floats, time: float) -> Floats:
    """Return for each state the probability of loss within a time: the exponential of a matrix, in positive terms.

    A short step by uniformisation, doubled until the time is reached. Rows are probabilities and sum to one, which
    keeps the errors of the doublings from growing.
    """
    n = len(losses)
    out = rates.sum(axis=1) + losses
    top = 2 * float(out.max())
    doublings = max(0, math.ceil(math.log2(top * time)) + 2)
    at = top * time / 2.0**doublings
    step = np.zeros((n + 1, n + 1))
    step[:n, :n] = rates / top
    step[:n, n] = losses / top
    np.fill_diagonal(step, [*(1 - out / top), 1.0])
    term, total = np.eye(n + 1), np.eye(n + 1)
    for j in range(1, 24):
        term = term @ step * (at / j)
        total = total + term
    total /= total.sum(axis=1, keepdims=True)
    for _ in range(doublings):
        total = total @ total
        total /= total.sum(axis=1, keepdims=True)
    return total[:n, n]


def latent_errors(per_year: float, scrub: float) -> float:
    """Return the probability that a shard holds an error nobody has found yet.

    Parameters
    ----------
    per_year : float
        Latent errors of one shard a year.
    scrub : float
        Seconds between two readings of all data, which find and mend every error.

    Examples
    --------
    >>> round(latent_errors(0.1, 14 * 86400), 6)
    0.001914
    """
    expected = number(per_year, "per_year, latent errors of a shard,") * positive(scrub, "scrub", "; seconds") / years
    if expected < 1e-4:
        return expected / 2 - expected**2 / 6 + expected**3 / 24
    return 1 + math.expm1(-expected) / expected


def mttdl(code: Replicas | ReedSolomon, afr: ArrayLike, repair: ArrayLike, crews: int | None = None) -> Floats:
    """Return the mean time to data loss in seconds, for arrays of failure rates and repair times.

    As `durability`, for many designs at once: some ten nanoseconds each.

    Parameters
    ----------
    code : Replicas or ReedSolomon
        What is kept.
    afr, repair : float or array of float
        Failures of a node a year, and seconds to make a shard again; broadcast against each other.
    crews : int, optional
        Repairs at once; by default all.

    Examples
    --------
    >>> [f"{t / years:.3e}" for t in mttdl(ReedSolomon(17, 3), [0.02, 0.01], 6 * 3600)]
    ['1.006e+12', '1.609e+13']
    """
    if not isinstance(code, (Replicas, ReedSolomon)):
        raise TypeError(f"code is {code!r}: give Replicas(n) or ReedSolomon(k, m), and others to durability()")
    rate, time = np.broadcast_arrays(np.asarray(afr, float), np.asarray(repair, float))
    for name, array in (("afr", rate), ("repair", time)):
        if not array.size or not (np.isfinite(array) & (array > 0)).all():
            raise ValueError(f"{name} holds a value that is not above zero and finite: give such ones")
    answers = np.empty(rate.size)
    at_once = ANY if crews is None else whole(crews, "crews", 1, ANY)
    failing, repairing = (rate / years).ravel(), (1 / time).ravel()
    kernels.birth_death(code.shards, code.tolerates, failing, repairing, at_once, answers)
    return answers.reshape(rate.shape)


def window_loss_probability(code: Replicas | ReedSolomon, afr: float, window: float) -> tuple[float, float]:
    """Return the loss probability of one window and of a year, as Backblaze computes it: too low, see below.

    Counts failures within fixed windows as long as a repair takes. Failures that straddle the border of two windows
    are missed, which makes the answer too small by about the number of shards that must fail.

    Examples
    --------
    Eleven nines, which are ten and a half:

    >>> day = 24 * 3600.0
    >>> _, year = window_loss_probability(ReedSolomon(17, 3), 0.00405, 6.5 * day)
    >>> safe = durability(ReedSolomon(17, 3), afr=0.00405, repair=6.5 * day)
    >>> f"{year:.3e} {safe.annual_loss_rate:.3e}"
    '7.340e-12 2.933e-11'

    References
    ----------
    Backblaze, "Backblaze durability calculates at 99.999999999%, and why it doesn't matter", 2018.
    """
    expected = positive(afr, "afr") * positive(window, "window", "; seconds") / years
    chances = [share(expected, "afr * window")] * code.shards
    lost = float(k_of_n_unavailability(code.shards - code.tolerates, chances))
    return lost, -math.expm1(years / window * math.log1p(-lost))
