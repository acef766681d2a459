"""How evenly does a placement spread the load?"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..display import Shown, axes, format_share
from ..streams import stream
from ..workload import Empirical, ObjectSize, Popularity, Workload
from ._kernels import occupancy as kernels
from .placement import SAMPLE, Placement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

HEAD = 2**22
"""Objects that are placed one by one, the most popular first; beyond them the ownership stands for the many."""

By = Literal["requests", "keys", "bytes", "traffic"]

MEASURES = ("peak_to_mean", "p99_to_mean", "min_to_mean", "cv", "gini", "jain")
"""What tells how even a load is, all of them properties of `Balance`."""

_BAND = (0.05, 0.5, 0.95)  # quantiles over seeds that make the band and its middle
_TRIALS = 200  # placements by chance alone
_ALONE = 2**14  # keys that they place one by one, the heaviest; the others add up to a normal deviation


@dataclass(frozen=True, eq=False)
class Chance:
    """What is left of a load's keys to judge which imbalance chance alone would make.

    Attributes
    ----------
    heaviest : float64[:]
        Shares of the heaviest keys.
    rest : float
        Share of all others together.
    rest_squares : float
        Sum of the squared shares of the others.
    replicas : int
        Nodes that share the load of a key.
    """

    heaviest: NDArray[np.float64]
    rest: float
    rest_squares: float
    replicas: int

    @classmethod
    def of(cls, shares: NDArray[np.float64], squares: float, replicas: int) -> "Chance":
        """Keep the heaviest of some keys; `squares` is the sum over all keys, also those not given."""
        heaviest = np.partition(shares, len(shares) - _ALONE)[-_ALONE:] if len(shares) > _ALONE else shares
        left = max(squares - float(np.sum(heaviest**2)), 0.0)
        return cls(heaviest, max(1 - float(heaviest.sum()), 0.0), left, replicas)

    def loads(self, fair: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw the loads of nodes when each key goes to random ones, ``float64[trials, nodes]``."""
        n = len(fair)
        upper = np.cumsum(fair)
        drawn = kernels.scatter(self.heaviest, upper, self.replicas, _TRIALS, np.uint64(0))
        # the rest: a multinomial draw of many small keys has the covariance diag(fair) - fair fair^T
        z = stream(0).standard_normal((_TRIALS, n)) * np.sqrt(fair)
        deviation = (z - fair * z.sum(axis=1, keepdims=True)) * np.sqrt(self.rest_squares)
        if self.replicas > 1:
            deviation *= np.sqrt((n - self.replicas) / (self.replicas * (n - 1)))
        return np.maximum(drawn + self.rest * fair + deviation, 0.0)


@dataclass(frozen=True, eq=False)
class Balance(Shown):
    """The load of each node beside its fair share.

    Attributes
    ----------
    nodes : tuple of str
    share : float64[nodes]
        Share of the load on each node; the sum is 1.
    fair : float64[nodes]
        The share that its weight makes due to it; the sum is 1.
    basis : str
        What the load is: "key space", "keys", "requests", "bytes" or "traffic".
    noise_floor : float
        The coefficient of variation that would remain if every key went to a random node in exact proportion to the
        weights: what is due to few or hot keys, not to the scheme. Zero for an exact ownership.
    chance : Chance, optional
        What `by_chance` draws from; None where nothing is left to chance.
    """

    nodes: tuple[str, ...]
    share: NDArray[np.float64]
    fair: NDArray[np.float64]
    basis: str
    noise_floor: float
    chance: Chance | None = None

    @cached_property
    def relative(self) -> NDArray[np.float64]:
        """Load of each node over its fair share, ``float64[nodes]``; 1 is perfect."""
        return self.share / self.fair

    @property
    def peak_to_mean(self) -> float:
        """Load of the busiest node over its fair share."""
        return float(self.relative.max())

    @property
    def p99_to_mean(self) -> float:
        """Load over its fair share of the node that 99 % of the nodes do not exceed."""
        return self.quantile(0.99)

    @property
    def min_to_mean(self) -> float:
        """Load of the idlest node over its fair share."""
        return float(self.relative.min())

    @property
    def cv(self) -> float:
        """Coefficient of variation of the relative load, each node counted by its weight."""
        return float(np.sqrt(np.sum(self.fair * (self.relative - 1) ** 2)))

    @property
    def gini(self) -> float:
        """Gini coefficient of the relative load, each node counted by its weight: 0 if even, towards 1 if on one."""
        order = np.argsort(self.relative, kind="stable")
        held, due = self.share[order], self.fair[order]
        return float(1 - np.sum(due * (2 * np.cumsum(held) - held)))

    @property
    def jain(self) -> float:
        """Jain's fairness index of the relative load: 1 if even, 1/n if all is on one node."""
        return float(1 / np.sum(self.fair * self.relative**2))

    def quantile(self, p: float) -> float:
        """Return the relative load that a share `p` of the nodes does not exceed, such as the p99 node."""
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}: give a share of the nodes between 0 and 1")
        return float(np.quantile(self.relative, p, method="inverted_cdf"))

    @cached_property
    def by_chance(self) -> dict[str, tuple[float, float, float]]:
        """What chance alone would show: the 5th, 50th and 95th percentile of each of `MEASURES`.

        The same keys are put on random nodes, in exact proportion to the weights, 200 times. A peak within this band is
        no fault of the scheme; without keys to draw from, the band is that of a perfect spread.

        Examples
        --------
        A thousand keys on ten nodes: a perfect hash leaves one of them 8 to 24 % above the mean.

        >>> from scalemodel.placement import JumpHash
        >>> from scalemodel.workload import Uniform
        >>> low, _, high = balance(JumpHash(10), Uniform(1000)).by_chance["peak_to_mean"]
        >>> round(low, 2), round(high, 2)
        (1.08, 1.24)
        """
        loads = self.fair[None, :] if self.chance is None else self.chance.loads(self.fair)
        drawn = [Balance(self.nodes, load, self.fair, self.basis, 0.0) for load in loads]
        bands = {what: np.quantile([getattr(each, what) for each in drawn], _BAND) for what in MEASURES}
        return {what: (float(low), float(middle), float(high)) for what, (low, middle, high) in bands.items()}

    def measures(self) -> "pd.DataFrame":
        """Return one row per measure: its value, and between which bounds chance alone would put it."""
        import pandas as pd

        rows = [(what, getattr(self, what), *self.by_chance[what]) for what in MEASURES]
        return pd.DataFrame(rows, columns=["measure", "value", "chance_low", "chance_median", "chance_high"])

    @property
    def busiest(self) -> str:
        """The node with the highest relative load."""
        return self.nodes[int(self.relative.argmax())]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"Balance of {self.basis} over {len(self.nodes)} nodes: peak-to-mean {self.peak_to_mean:.3f}, "
            f"cv {self.cv:.3f} (noise floor {self.noise_floor:.3f})"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per node, busiest first."""
        import pandas as pd

        order = np.argsort(-self.relative, kind="stable")
        return pd.DataFrame(
            {
                "node": [self.nodes[i] for i in order],
                "share": self.share[order],
                "fair_share": self.fair[order],
                "load_to_fair": self.relative[order],
            }
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the relative load of each node, busiest first, against the fair line."""
        ax = axes(ax)
        ax.bar(np.arange(len(self.nodes)), np.sort(self.relative)[::-1], width=0.9 if len(self.nodes) < 60 else 1.0)
        ax.axhline(1, color="black", linewidth=1, linestyle="--")
        ax.annotate("fair share", (1, 1), xycoords=("axes fraction", "data"), ha="right", va="bottom")
        ax.set(
            xlabel="node, busiest first", ylabel=f"{self.basis}: load / fair share", title=f"{len(self.nodes)} nodes"
        )
        return ax


@dataclass(frozen=True, eq=False)
class BalanceOverSeeds(Shown):
    """The balance of many placements of one kind: what to expect before the names of the nodes are known.

    Attributes
    ----------
    basis : str
        What the load is.
    peak_to_mean, p99_to_mean, min_to_mean, cv, gini, jain : float64[seeds]
        As in `Balance`, one value per seed.
    noise_floor : float
    """

    basis: str
    peak_to_mean: NDArray[np.float64]
    p99_to_mean: NDArray[np.float64]
    min_to_mean: NDArray[np.float64]
    cv: NDArray[np.float64]
    gini: NDArray[np.float64]
    jain: NDArray[np.float64]
    noise_floor: float

    @property
    def title(self) -> str:
        """The verdict in one line."""
        low, middle, high = np.quantile(self.peak_to_mean, _BAND)
        return (
            f"Balance of {self.basis} over {len(self.peak_to_mean)} seeds: "
            f"peak-to-mean {middle:.3f} (90 % between {low:.3f} and {high:.3f})"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per measure: the median and the 5th and 95th percentile over seeds."""
        import pandas as pd

        rows = []
        for measure in MEASURES:
            low, middle, high = np.quantile(getattr(self, measure), _BAND)
            rows.append((self.basis, measure, middle, low, high))
        return pd.DataFrame(rows, columns=["basis", "measure", "median", "value_low", "value_high"])


@dataclass(frozen=True, eq=False)
class BalanceReport(Shown):
    """The balance of the key space, of the distinct keys of a trace and of its requests, side by side."""

    placement: Placement
    trace: Empirical
    rows: tuple[BalanceOverSeeds, ...]

    @property
    def title(self) -> str:
        """What was spread over what."""
        return (
            f"{self.placement.description}: {self.trace.n:,} keys, {self.trace.counts.sum():,.0f} requests, "
            f"{format_share(float(self.trace.pmf(0)))} of them for the hottest key; "
            f"median and 5th to 95th percentile over {len(self.rows[0].peak_to_mean)} seeds"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per basis: medians, the interval of the peak, and the floor that no hash can go below."""
        import pandas as pd

        rows = []
        for row in self.rows:
            low, middle, high = np.quantile(row.peak_to_mean, _BAND)
            medians = float(np.median(row.min_to_mean)), float(np.median(row.cv))
            rows.append((row.basis, middle, low, high, *medians, row.noise_floor))
        columns = ["basis", "peak_to_mean", "peak_to_mean_low", "peak_to_mean_high", "min_to_mean", "cv"]
        return pd.DataFrame(rows, columns=[*columns, "cv_noise_floor"])

    def to_dict(self) -> dict[str, Any]:
        """Return what `scalemodel balance --json` prints."""
        return {
            "placement": self.placement.description,
            "nodes": len(self.placement.nodes),
            "keys": self.trace.n,
            "requests": float(self.trace.counts.sum()),
            "hottest_key_share": float(self.trace.pmf(0)),
            "seeds": len(self.rows[0].peak_to_mean),
            "balance": self.to_frame().to_dict("records"),
        }


def balance(
    placement: Placement,
    workload: Workload | Popularity | None = None,
    replicas: int = 1,
    *,
    spread: str | None = None,
    by: By = "requests",
    sizes: ArrayLike | None = None,
    capacity: Sequence[float] | None = None,
) -> Balance:
    """Measure how evenly a placement spreads the key space, a set of keys, their requests or their bytes.

    Parameters
    ----------
    placement : Placement
    workload : Workload or Popularity, optional
        Whose requests to spread. Without one, the key space itself: what many keys of equal popularity would see.
        Objects of a popularity law are the keys 0, 1, …; those of `Empirical.from_trace` are the trace's own. Beyond
        the `HEAD` most popular objects, the rest is spread by ownership.
    replicas : int
        Spread the load over so many replicas of each key, evenly; with one, all of it is on the primary.
    spread : str, optional
        Keep replicas in distinct domains of this level.
    by : {"requests", "keys", "bytes", "traffic"}
        Count requests; or each object once; or each by its size, what is stored; or requests by the size of their
        object, what is sent.
    sizes : array of float, shape (objects,), optional
        Bytes of each object, the most popular first; drawn from the workload's `object_size` unless given.
    capacity : sequence of float, shape (nodes,), optional
        What each node can take, relative to the others, where that is not its weight: what Jump, which has no weights,
        does to unequal machines.

    Returns
    -------
    Balance

    Examples
    --------
    >>> from scalemodel.placement import HashRing
    >>> round(balance(HashRing(10, vnodes=256)).peak_to_mean, 2)
    1.05
    """
    if by not in get_args(By):
        raise ValueError(f"by is {by!r}: give one of {', '.join(map(repr, get_args(By)))}")
    fair = placement.topology.shares if capacity is None else placement.topology.with_weights(capacity).shares
    n = len(fair)
    if workload is None:
        if sizes is not None or by in ("bytes", "traffic"):
            raise ValueError("the key space has no sizes: give a workload to balance by bytes or traffic")
        share = placement.ownership(replicas, spread)
        if placement.owns_exactly(replicas, spread):
            return Balance(placement.nodes, share, fair, "key space", 0.0)
        chance = Chance(np.empty(0), 1.0, 1 / SAMPLE, replicas)
        return Balance(placement.nodes, share, fair, "key space", _floor(1 / SAMPLE, n, replicas), chance)
    law = law_of(workload)
    head = min(law.n, HEAD)
    lists = placement.replicas(law.keys_at(np.arange(head)), replicas, spread)
    each, squares = _weights(workload, law, head, by, sizes)
    rest = max(1 - float(each.sum()), 0.0) if head < law.n else 0.0
    share = np.bincount(lists.ravel(), np.repeat(each, replicas), n) / replicas
    if rest > 0:
        share += rest * placement.ownership(replicas, spread)
    floor = _floor(squares, n, replicas)
    return Balance(placement.nodes, share, fair, by, floor, Chance.of(each, squares, replicas))


def _floor(squares: float, n: int, replicas: int) -> float:
    """Return the cv of random nodes: a key adds p / replicas to so many of n, each with the chance replicas / n."""
    return float(np.sqrt(squares * (n - replicas) / replicas))


def law_of(workload: Workload | Popularity) -> Popularity:
    """Return the popularity of a workload, which must have one."""
    law = workload.popularity if isinstance(workload, Workload) else workload
    if law is None:
        raise ValueError("the workload has no popularity: give one, such as Uniform(n) or Zipf(n, alpha)")
    return law


def _weights(
    workload: Workload | Popularity, law: Popularity, head: int, by: By, sizes: ArrayLike | None
) -> tuple[NDArray[np.float64], float]:
    """Return the share in the load of each of the first objects, and the sum of all squared shares."""
    if by == "requests":
        return law.pmf(np.arange(head)), law.sum_of_squares()
    if by == "keys":
        return np.full(head, 1 / law.n), 1 / law.n
    if sizes is not None:
        known = np.asarray(sizes, np.float64)
        if known.shape != (law.n,):
            raise ValueError(f"sizes has shape {list(known.shape)}: give one for each of the {law.n:,} objects")
        if not (np.isfinite(known).all() and (known >= 0).all() and known.any()):
            raise ValueError("sizes holds negative or infinite numbers, or only zeros: give sizes in bytes")
        loads = known * law.pmf(np.arange(law.n)) if by == "traffic" else known
        shares = loads / loads.sum()
        return shares[:head], float(np.sum(shares**2))
    of = workload.object_size if isinstance(workload, Workload) else None
    if not isinstance(of, ObjectSize):
        raise ValueError(f"the balance by {by} needs sizes: give a Workload with object_size, or sizes")
    drawn = of.sample(head)  # stands for the sizes of the others, too
    if by == "bytes":
        shares = drawn / drawn.sum() * (head / law.n)
        return shares, float(np.sum(shares**2)) * law.n / head
    popularity = law.pmf(np.arange(head))
    sent, others = drawn * popularity, float(law.tail(head)) * drawn.mean()
    shares = sent / (sent.sum() + others)
    left = max(law.sum_of_squares() - float(np.sum(popularity**2)), 0.0)
    return shares, float(np.sum(shares**2) + left * np.mean(drawn**2) / (sent.sum() + others) ** 2)


def balance_over_seeds(
    placement: Placement,
    workload: Workload | Popularity | None = None,
    replicas: int = 1,
    *,
    spread: str | None = None,
    by: By = "requests",
    sizes: ArrayLike | None = None,
    capacity: Sequence[float] | None = None,
    seeds: int | Iterable[int] = 30,
    executor: Executor | None = None,
    progress: bool = True,
) -> BalanceOverSeeds:
    """Measure the balance of placements that differ in nothing but their seed.

    Parameters
    ----------
    placement, workload, replicas, spread, by, sizes, capacity
        As for `balance`.
    seeds : int or iterable of int
        How many seeds from 0, or which.
    executor : concurrent.futures.Executor, optional
        Where to run them.
    progress : bool
        Show a bar if it takes longer than two seconds.

    Examples
    --------
    >>> from scalemodel.placement import HashRing
    >>> bands = balance_over_seeds(HashRing(10, vnodes=256), seeds=10)
    >>> bool(1.0 < np.median(bands.peak_to_mean) < 1.2)
    True
    """
    from ..sweep import sweep  # brings pandas, which a look-up can do without

    placement._domains(replicas, spread)
    each = _BalanceOfSeed(placement, workload, spread, by, sizes, capacity)
    chosen = seeds if isinstance(seeds, int) else list(seeds)
    frame = sweep(each, {"replicas": [replicas]}, chosen, executor=executor, progress=progress)
    columns = {name: frame[name].to_numpy(np.float64) for name in MEASURES}
    return BalanceOverSeeds(frame["basis"].iloc[0], **columns, noise_floor=float(frame["noise_floor"].iloc[0]))


def balance_report(
    placement: Placement,
    trace: Empirical,
    replicas: int = 1,
    *,
    spread: str | None = None,
    seeds: int | Iterable[int] = 30,
    executor: Executor | None = None,
    progress: bool = True,
) -> BalanceReport:
    """Compare the balance of the key space, of a trace's distinct keys and of its requests, over seeds.

    Examples
    --------
    >>> from scalemodel.placement import HashRing
    >>> trace = Empirical.from_trace(["a"] * 9 + ["b"])
    >>> balance_report(HashRing(2), trace, seeds=5).to_frame()["basis"].tolist()
    ['key space', 'keys', 'requests']
    """
    bases: list[tuple[Empirical | None, By]] = [(None, "requests"), (trace, "keys"), (trace, "requests")]
    rows = [
        balance_over_seeds(
            placement, law, replicas, spread=spread, by=by, seeds=seeds, executor=executor, progress=progress
        )
        for law, by in bases
    ]
    return BalanceReport(placement, trace, tuple(rows))


@dataclass(frozen=True, eq=False)
class _BalanceOfSeed:
    """One point of `balance_over_seeds`; a class, so that it travels to other processes."""

    placement: Placement
    workload: Workload | Popularity | None
    spread: str | None
    by: By
    sizes: ArrayLike | None
    capacity: Sequence[float] | None

    def __call__(self, replicas: int, seed: int) -> dict[str, float | str]:
        result = balance(
            self.placement.with_seed(seed),
            self.workload,
            replicas,
            spread=self.spread,
            by=self.by,
            sizes=self.sizes,
            capacity=self.capacity,
        )
        measured = {name: float(getattr(result, name)) for name in MEASURES}
        return {"basis": result.basis, "noise_floor": result.noise_floor, **measured}
