"""Dynamo-style replication: n replicas, r answers to a read, w acknowledgements of a write."""

import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from scipy import optimize, special

from .. import _check
from ..display import Shown, axes, format_time
from ..latency import Constant, Latency, Mixture, kth_of
from ..latency.base import Many, pointwise
from .staleness import COARSE, NODES, Floats, Legs, Setting

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .wars import Simulated

Method = Literal["exact", "monte_carlo"]
SendTo = Literal["all", "r", "closest"]
Leg = Latency | Sequence[Latency]

MOST_REPLICAS = 1001
"""Replicas of one item."""

MOST_SUBSETS = 10_000
"""Sets of different replicas that a read may be sent to."""

_SAMPLES = 1_000_000


class Replicated(Shown):
    """What is asked of replicas, however the requests find them: how long it takes, and how stale it is."""

    @property
    @abstractmethod
    def _settings(self) -> tuple[tuple[float, Setting], ...]:
        """The settings that a write and the read after it may find, and the probability of each."""

    # ---- how long

    def read_latency(self) -> Latency:
        """Return the time until a read is answered.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> store = Replication(3, 2, 2, write=Exponential(0.010), ack=Exponential(0.002))
        >>> round(1e3 * store.read_latency().quantile(0.99), 3)
        9.089
        """
        return _mixed([(weight, _reads(setting)) for weight, setting in self._settings])

    def write_latency(self) -> Latency:
        """Return the time until a write is acknowledged by enough replicas.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> store = Replication(3, 1, 1, write=Exponential(0.010), ack=Exponential(0.002))
        >>> round(1e3 * store.write_latency().quantile(0.99), 3)
        17.58
        """
        return _mixed([(weight, _writes(setting)) for weight, setting in self._settings])

    # ---- how stale

    @property
    def strict(self) -> bool:
        """Tell whether a read always sees the last committed write: r + w > n, and nobody stands in for a replica."""
        return all(setting.strict for _, setting in self._settings)

    @overload
    def staleness(self, t: float, method: Method = "exact", samples: int = _SAMPLES, seed: int = 0) -> float: ...
    @overload
    def staleness(self, t: Many, method: Method = "exact", samples: int = _SAMPLES, seed: int = 0) -> Floats: ...
    def staleness(self, t: Any, method: Method = "exact", samples: int = _SAMPLES, seed: int = 0) -> Any:
        """Probability that a read misses the write, if it starts `t` seconds after the write was committed.

        Parameters
        ----------
        t : float or array
            Seconds, zero or more.
        method : {"exact", "monte_carlo"}
            By integration, or by `simulate` with so many `samples`.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> store = Replication(3, 1, 1, write=Exponential(0.010), ack=Exponential(0.002))
        >>> f"{store.staleness(0.0):.4f} {store.staleness(0.010):.4f}"
        '0.5131 0.1888'

        References
        ----------
        Bailis et al., VLDB 2012, section 4: the model.
        """
        times = np.asarray(t, np.float64)
        if not (np.isfinite(times) & (times >= 0)).all():
            raise ValueError(f"t is {t!r}: give seconds after the commit, finite and not negative")
        if _method(method) == "monte_carlo":
            simulated = self.simulate(samples, seed)
            return pointwise(lambda flat: simulated.staleness(flat), times)
        return pointwise(lambda flat: np.array([self._stale(float(time)) for time in flat]), times)

    def _stale(self, t: float, nodes: int = NODES) -> float:
        return math.fsum(weight * setting.staleness(t, nodes) for weight, setting in self._settings)

    def disagreement(self, t: float) -> float:
        """Return the probability that the r answers of a read differ: some see the write, some miss it.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> store = Replication(3, 2, 2, write=Exponential(0.010), ack=Exponential(0.002))
        >>> f"{store.disagreement(0.0):.3f} {store.disagreement(0.050):.4f}"
        '0.474 0.0032'
        """
        t = _check.number(t, "t")
        return math.fsum(weight * setting.disagreement(t) for weight, setting in self._settings)

    def repaired_read_latency(self, t: float) -> Latency:
        """Return the time of a read with blocking read repair, `t` seconds after the last write was committed.

        Where the r answers differ, the newest version is written to a replica that misses it, and acknowledged, before
        the read is answered: a second round. Whether they differ is taken as independent of how long the first took.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> store = Replication(3, 2, 2, write=Exponential(0.010), ack=Exponential(0.002))
        >>> once, twice = store.read_latency().quantile(0.9), store.repaired_read_latency(0.0).quantile(0.9)
        >>> f"{1e3 * once:.2f} {1e3 * twice:.2f}"
        '6.05 21.62'
        """
        share = self.disagreement(t)
        first = self.read_latency()
        if not share:
            return first
        legs = [each.acknowledged for _, setting in self._settings for each in setting.up]
        second = _mixed([(1 / len(legs), law) for law in legs])
        return Mixture([first, first + second], [1 - share, share])

    def t_visibility(self, p: float, method: Method = "exact", samples: int = _SAMPLES, seed: int = 0) -> float:
        """Return how long after the commit a read must start to see the write with probability `p`, in seconds.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> store = Replication(3, 1, 1, write=Exponential(0.010), ack=Exponential(0.002))
        >>> round(1e3 * store.t_visibility(0.999), 2)
        62.4

        References
        ----------
        Bailis et al., VLDB 2012, definition 3.
        """
        p = _check.share(p, "p")
        if _method(method) == "monte_carlo":
            return self.simulate(samples, seed).t_visibility(p)
        miss = 1 - p
        if self.strict or self._stale(0.0, COARSE) < 0.5 * miss or self._stale(0.0) <= miss:
            return 0.0
        if miss == 0:
            return max(legs.arrival.support[1] for _, setting in self._settings for legs in setting.up)
        arrivals = {legs.arrival for _, setting in self._settings for legs in setting.up}
        return math.exp(self._level(math.log(miss), math.log(max(float(law.isf(miss)) for law in arrivals))))

    def _level(self, goal: float, guess: float) -> float:
        """Return the logarithm of the time at which the logarithm of the staleness falls to the goal.

        First on a coarse grid, then by secants on the fine one.
        """

        def gap(log_t: float, nodes: int = COARSE) -> float:
            return math.log(max(self._stale(math.exp(log_t), nodes), 1e-300)) - goal

        low = high = guess
        above = below = gap(guess)
        step = 0.25
        while below > 0:
            low, above = high, below
            high += step
            step *= 2
            below = gap(high)
        while above <= 0:
            high, below = low, above
            low -= step
            step *= 2
            if low < -70:
                return -math.inf
            above = gap(low)
        last = float(optimize.brentq(gap, low, high, xtol=1e-9, rtol=1e-9))
        slope = (gap(last + 1e-4) - gap(last - 1e-4)) / 2e-4
        value = gap(last, NODES)
        for _ in range(20):
            if slope >= 0 or not math.isfinite(slope):
                break
            time = last - min(max(value / slope, -1.0), 1.0)
            if abs(time - last) <= 1e-8:
                return time
            there = gap(time, NODES)
            slope, last, value = (there - value) / (time - last), time, there
        return float(optimize.brentq(gap, low - 1, high + 1, args=(NODES,), xtol=1e-9, rtol=1e-9))

    def staleness_curve(self, times: Sequence[float] | Floats | None = None) -> "StalenessCurve":
        """Return the probability of a stale read over the time since the commit, ready to plot."""
        if times is None:
            last = self.t_visibility(0.9999)
            chosen = np.append(0.0, np.geomspace(1e-3, 1.0, 48) * last) if last else np.array([0.0, 1e-3])
        else:
            chosen = np.asarray(times, np.float64)
        return StalenessCurve(self.title, chosen, self.staleness(chosen))

    def simulate(self, samples: int = _SAMPLES, seed: int = 0) -> "Simulated":
        """Draw writes, each with a read after it, and return what they tell of every r and w at once.

        Parameters
        ----------
        samples : int
            Writes, from 1 to 2^31.
        seed : int
            Zero or greater. The same bits for any number of threads.
        """
        from .wars import simulate

        return simulate(self._settings, samples, seed)


@dataclass(frozen=True)
class Replication(Replicated):
    """An item on `n` replicas: a write waits for `w` acknowledgements, a read for `r` answers.

    Parameters
    ----------
    n, r, w : int
        From 1; r and w up to n.
    write, ack : Latency, or one per replica
        From the coordinator to the replica, and back. Without `ack`, back takes as long as there.
    read, response : Latency, or one per replica
        The same for a read; as `ack` unless given.
    send_to : {"all", "r", "closest"}
        Whom a read is sent to: all replicas, so that the fastest r count; r picked at random; or the r with the
        shortest median round trip. A write is always sent to all.
    coordinator : int, optional
        The replica on which writes and reads are coordinated: its own legs take no time.
    down : sequence of int
        The replicas that are down.
    handoff : Latency, optional
        Sloppy quorums: replicas that are `down` while a write happens are stood in for by other nodes, which
        acknowledge it, and hand it over so long after the start of the write; when the read happens, the replicas are
        back. Without it, `down` replicas neither acknowledge nor answer.

    Raises
    ------
    ValueError
        If fewer than r or w replicas are up, or a number is out of range.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> from scalemodel.units import ms
    >>> store = Replication(n=3, r=1, w=2, write=Exponential(10 * ms), ack=Exponential(2 * ms))
    >>> f"{store.staleness(0):.3f} {1e3 * store.write_latency().quantile(0.5):.2f}"
    '0.247 9.11'

    References
    ----------
    DeCandia et al., "Dynamo: Amazon's highly available key-value store", SOSP 2007, sections 4.5 and 4.6.
    """

    n: int
    r: int
    w: int
    write: Leg = field(kw_only=True)
    ack: Leg | None = field(default=None, kw_only=True)
    read: Leg | None = field(default=None, kw_only=True)
    response: Leg | None = field(default=None, kw_only=True)
    send_to: SendTo = field(default="all", kw_only=True)
    coordinator: int | None = field(default=None, kw_only=True)
    down: tuple[int, ...] = field(default=(), kw_only=True)
    handoff: Latency | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        n = _check.whole(self.n, "n, the replicas,", 1, MOST_REPLICAS)
        values: dict[str, Any] = {
            "n": n,
            "r": _check.whole(self.r, f"r, of n = {n} replicas,", 1, n),
            "w": _check.whole(self.w, f"w, of n = {n} replicas,", 1, n),
        }
        before: Leg | None = None
        for name in ("write", "ack", "read", "response"):
            given = getattr(self, name)
            before = values[name] = _leg(before if given is None else given, name, n)
        if self.send_to not in ("all", "r", "closest"):
            raise ValueError(f"send_to is {self.send_to!r}: give 'all', 'r' or 'closest'")
        if self.coordinator is not None:
            values["coordinator"] = _check.whole(self.coordinator, "coordinator", 0, n - 1)
        down = [self.down] if isinstance(self.down, int) else self.down
        values["down"] = tuple(sorted({_check.whole(i, "a replica that is down", 0, n - 1) for i in down}))
        if self.handoff is not None and not isinstance(self.handoff, Latency):
            raise TypeError(f"handoff is {self.handoff!r}: give a latency, such as Exponential(10 * minutes)")
        if self.handoff is not None and not values["down"]:
            raise ValueError("handoff is given, but no replica is down: name the replicas in down=")
        for name, value in values.items():
            object.__setattr__(self, name, value)
        up = n - len(self.down) if self.handoff is None else n
        if (most := max(self.r, self.w)) > up:
            what = "w" if most == self.w else "r"
            raise ValueError(f"{what} is {most}, but only {up} of {n} replicas are up: nobody is answered")
        if self.coordinator is not None and self.coordinator in self.down:
            raise ValueError(f"the coordinator is replica {self.coordinator}, which is down: name another")

    @property
    def title(self) -> str:
        """The replicas and quorums in a line."""
        return f"n={self.n} r={self.r} w={self.w}"

    @property
    def legs(self) -> tuple[Legs | None, ...]:
        """The four ways to each replica; None for one that is down."""
        ways = [_spread(getattr(self, name), self.n) for name in ("write", "ack", "read", "response")]
        out: list[Legs | None] = []
        at_once = Constant(0.0)
        for i, (write, ack, read, response) in enumerate(zip(*ways, strict=True)):
            if i == self.coordinator:
                out.append(Legs(at_once, at_once, at_once, at_once))
            elif i in self.down:
                out.append(None if self.handoff is None else Legs(write, ack, read, response, self.handoff))
            else:
                out.append(Legs(write, ack, read, response))
        return tuple(out)

    @cached_property
    def _setting(self) -> Setting:
        legs = self.legs
        asked: tuple[int, ...] | int | None = None
        if self.send_to == "r":
            asked = self.r
        elif self.send_to == "closest":
            up = [(float(each.answered.quantile(0.5)), i) for i, each in enumerate(legs) if each is not None]
            asked = tuple(i for _, i in sorted(up)[: self.r])
        return Setting(legs, self.w, self.r, asked)

    @property
    def _settings(self) -> tuple[tuple[float, Setting], ...]:
        return ((1.0, self._setting),)

    # ---- versions

    def k_staleness(self, k: int) -> float:
        """Return the probability that a read misses the last `k` versions, if writes reach only their w replicas.

        Those w, and the r of a read, are picked at random and independently.

        Examples
        --------
        >>> from scalemodel.latency import Exponential
        >>> round(1 - Replication(3, 1, 1, write=Exponential(0.001)).k_staleness(3), 4)
        0.7037

        References
        ----------
        Bailis et al., VLDB 2012, section 3.1, equation 2.
        """
        k = _check.whole(k, "k, the versions,", 1, 2**31)
        return float((special.comb(self.n - self.w, self.r) / special.comb(self.n, self.r)) ** k)

    def kt_staleness(self, k: int, t: float) -> float:
        """Return an upper bound of the probability that a read `t` seconds after a commit misses the last `k` versions.

        All k are taken to be committed at once, ``t`` before the read, and to spread independently.

        References
        ----------
        Bailis et al., VLDB 2012, section 3.5, equation 5.
        """
        return float(self.staleness(t) ** _check.whole(k, "k, the versions,", 1, 2**31))

    def monotonic_reads(self, writes: float, reads: float, strict: bool = False) -> float:
        """Return the probability that a client reads an older version than it has read before.

        Parameters
        ----------
        writes : float
            Rate at which all clients write the item, per second.
        reads : float
            Rate at which this client reads it, per second, above zero.
        strict : bool
            Ask for a newer version than before, if there is one.

        References
        ----------
        Bailis et al., VLDB 2012, section 3.2, equation 3.
        """
        rate = _check.number(writes, "writes per second") / _check.positive(reads, "reads per second")
        return float(self.k_staleness(1) ** (rate if strict else 1 + rate))

    def read_your_writes(self, t: float = 0.0) -> float:
        """Return the probability that a client misses its own write, `t` seconds after it was told of the commit.

        Its next request reaches the same coordinator; writes of others are left out.
        """
        return self.staleness(t)

    # ---- what holds

    @property
    def tolerated_read_failures(self) -> int:
        """How many more replicas may fail before reads are not answered."""
        return len(self._setting.up) - self.r

    @property
    def tolerated_write_failures(self) -> int:
        """How many more replicas may fail before writes are not acknowledged."""
        return len(self._setting.up) - self.w

    def to_frame(self) -> "pd.DataFrame":
        """Return one row: the quorums, percentiles, how stale reads are, and what failures are tolerated."""
        import pandas as pd

        read, write = self.read_latency(), self.write_latency()
        row: dict[str, Any] = {"n": self.n, "r": self.r, "w": self.w}
        for name, law in (("read", read), ("write", write)):
            for p in (0.5, 0.99, 0.999):
                row[f"{name}_p{100 * p:g}_ms"] = 1e3 * law.quantile(p)
        row |= {"stale_at_0": self.staleness(0.0), "t_visibility_99.9_ms": 1e3 * self.t_visibility(0.999)}
        row |= {"reads_tolerate": self.tolerated_read_failures, "writes_tolerate": self.tolerated_write_failures}
        return pd.DataFrame([row])


@dataclass(frozen=True)
class ReplicationMixture(Replicated):
    """Requests that find the replicas in different ways: a random local data centre, a random coordinator.

    Parameters
    ----------
    parts : sequence of Replicated
        What a write and the read after it may find.
    weights : sequence of float, optional
        The probability of each; equal unless given.

    Examples
    --------
    A write and a read in data centres picked at random, the other two 75 ms away:

    >>> from scalemodel.latency import Exponential
    >>> from scalemodel.units import ms
    >>> near, far = Exponential(1 * ms), Exponential(1 * ms) + 75 * ms
    >>> legs = [[near if i == home else far for i in range(3)] for home in range(3)]
    >>> wide = ReplicationMixture([Replication(3, 1, 1, write=w, read=r) for w in legs for r in legs])
    >>> round(wide.staleness(0.0), 3)
    0.667
    """

    parts: tuple[Replicated, ...]
    weights: tuple[float, ...]

    def __init__(self, parts: Iterable[Replicated], weights: Sequence[float] | None = None) -> None:
        chosen = tuple(parts)
        if not chosen:
            raise ValueError("there are no parts: give one replication or more")
        for part in chosen:
            if not isinstance(part, Replicated):
                raise TypeError(f"a part is {part!r}: give replications")
        shares = _check.amounts(np.ones(len(chosen)) if weights is None else weights, "weights")
        if len(shares) != len(chosen) or not shares.sum() > 0:
            raise ValueError(f"{len(shares)} weights for {len(chosen)} parts: give one per part, not all zero")
        object.__setattr__(self, "parts", chosen)
        object.__setattr__(self, "weights", tuple(float(x) for x in shares / shares.sum()))

    @property
    def title(self) -> str:
        """The parts in a line."""
        titles = list(dict.fromkeys(part.title for part in self.parts))
        return f"{titles[0]} in {len(self.parts)} ways" if len(titles) == 1 else f"{len(self.parts)} replications"

    @cached_property
    def _settings(self) -> tuple[tuple[float, Setting], ...]:
        gathered: Counter[Setting] = Counter()
        for weight, part in zip(self.weights, self.parts, strict=True):
            for share, setting in part._settings:
                gathered[setting] += weight * share  # type: ignore[assignment]
        return tuple((weight, setting) for setting, weight in gathered.items())

    def to_frame(self) -> "pd.DataFrame":
        """Return one row: percentiles, and how stale reads are."""
        import pandas as pd

        row: dict[str, Any] = {}
        for name, law in (("read", self.read_latency()), ("write", self.write_latency())):
            for p in (0.5, 0.99, 0.999):
                row[f"{name}_p{100 * p:g}_ms"] = 1e3 * law.quantile(p)
        row |= {"stale_at_0": self.staleness(0.0), "t_visibility_99.9_ms": 1e3 * self.t_visibility(0.999)}
        return pd.DataFrame([row])


@dataclass(frozen=True, eq=False)
class StalenessCurve(Shown):
    """The probability of a stale read over the time since the commit.

    Attributes
    ----------
    times : float64[m]
        Seconds after the commit.
    staleness : float64[m]
    """

    name: str
    times: Floats
    staleness: Floats

    @property
    def title(self) -> str:
        """What was computed, and how stale a read at once is."""
        return f"Stale reads of {self.name}: {100 * self.staleness[0]:.3g} % after {format_time(self.times[0])}"

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per time."""
        import pandas as pd

        return pd.DataFrame({"after_commit_ms": 1e3 * self.times, "stale": self.staleness})

    def plot(self, ax: "Axes | None" = None, label: str | None = None) -> "Axes":
        """Draw the share of stale reads on logarithmic axes."""
        ax = axes(ax)
        shown = (self.times > 0) & (self.staleness > 0)
        ax.plot(1e3 * self.times[shown], self.staleness[shown], label=self.name if label is None else label)
        ax.set(xscale="log", yscale="log", xlabel="read starts so long after the commit (ms)", ylabel="stale reads")
        ax.legend()
        return ax


def _leg(given: Any, name: str, n: int) -> Leg:
    if isinstance(given, Latency):
        return given
    if given is None or isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"{name} is {given!r}: give a latency, such as Exponential(5 * ms), or one per replica")
    legs = tuple(given)
    if len(legs) != n:
        raise ValueError(f"{name} has {len(legs)} latencies for {n} replicas: give one, or one per replica")
    for leg in legs:
        if not isinstance(leg, Latency):
            raise TypeError(f"{name} holds {leg!r}: give latencies, such as Exponential(5 * ms)")
    return legs


def _spread(leg: Leg, n: int) -> tuple[Latency, ...]:
    return (leg,) * n if isinstance(leg, Latency) else tuple(leg)


def _method(method: str) -> str:
    if method not in ("exact", "monte_carlo"):
        raise ValueError(f"method is {method!r}: give 'exact' or 'monte_carlo'")
    return method


def _mixed(parts: Sequence[tuple[float, Latency]]) -> Latency:
    """Return a mixture, equal laws gathered."""
    shares: dict[Latency, float] = {}
    for weight, law in parts:
        shares[law] = shares.get(law, 0.0) + weight
    if len(shares) == 1:
        return next(iter(shares))
    return Mixture(list(shares), list(shares.values()))


def _kth(k: int, laws: Sequence[Latency]) -> Latency:
    """Return the time of the k-th answer; those that take no time are there at once."""
    waited = [law for law in laws if law != Constant(0.0)]
    k -= len(laws) - len(waited)
    return kth_of(k, waited) if k > 0 else Constant(0.0)


def _writes(setting: Setting) -> Latency:
    return _kth(setting.w, [legs.acknowledged for legs in setting.up])


def _reads(setting: Setting) -> Latency:
    answers = [None if legs is None else legs.answered for legs in setting.legs]
    up = [law for law in answers if law is not None]
    if setting.asked is None:
        return _kth(setting.r, up)
    if isinstance(setting.asked, tuple):
        asked = [law for i in setting.asked if (law := answers[i]) is not None]
        return _kth(len(asked), asked)
    return _mixed([(weight, _kth(len(laws), laws)) for weight, laws in _subsets(up, setting.r)])


def _subsets(laws: Sequence[Latency], r: int) -> list[tuple[float, tuple[Latency, ...]]]:
    """Return the kinds of sets of r of the laws, and the probability of each."""
    counts = Counter(laws)
    if len(counts) == 1:
        return [(1.0, tuple(laws[:r]))]
    if (sets := special.comb(len(laws), r)) > MOST_SUBSETS:
        raise ValueError(f"a read goes to one of {sets:.3g} sets of different replicas: use send_to='all' or 'closest'")
    kinds = list(counts)
    number = {law: i for i, law in enumerate(kinds)}
    found = Counter(tuple(sorted(number[law] for law in chosen)) for chosen in combinations(laws, r))
    return [(count / sets, tuple(kinds[i] for i in chosen)) for chosen, count in found.items()]
