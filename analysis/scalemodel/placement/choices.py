"""Send jobs to nodes without regard to keys: power of choices, least loaded, round robin; hashing beside them."""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes
from ..streams import random_keys
from ..workload import Popularity, Workload
from ._kernels import choices as kernels
from .balance import balance, law_of
from .placement import Nodes, Placement
from .ring import HashRing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Policy = Literal["random", "choices", "round_robin", "least_loaded", "hash"]

MOST_JOBS = 10**9
LEVELS = 4096
"""Queue lengths that are told apart."""

MOST_MEAN_LOAD = 1000
"""Of `choices_tail`, which solves one equation per level."""

_WARM_UP = 0.2  # share of the events before the averages begin
_BAND = (0.05, 0.5, 0.95)
_CODES = {
    "random": kernels.CHOICES,
    "choices": kernels.CHOICES,
    "round_robin": kernels.ROUND_ROBIN,
    "least_loaded": kernels.LEAST_LOADED,
    "hash": kernels.GIVEN,
}


@dataclass(frozen=True, eq=False)
class Dispatch(Shown):
    """How many jobs each node has when none leaves, in many runs.

    Attributes
    ----------
    policy : str
    nodes : tuple of str
    fair : float64[nodes]
        Share of the jobs that its weight makes due to each node; the sum is 1.
    loads : int64[seeds, nodes]
        Jobs of each node in each run.
    """

    policy: str
    nodes: tuple[str, ...]
    fair: NDArray[np.float64]
    loads: NDArray[np.int64]

    @property
    def jobs(self) -> int:
        """Jobs of a run."""
        return int(self.loads[0].sum())

    @property
    def peak_to_mean(self) -> NDArray[np.float64]:
        """Load of the busiest node over its fair share, ``float64[seeds]``."""
        return np.max(self.loads / (self.fair * self.jobs), axis=1)

    @property
    def excess(self) -> NDArray[np.float64]:
        """Jobs above its fair share on the node that has most above it, ``float64[seeds]``."""
        return np.max(self.loads - self.fair * self.jobs, axis=1)

    @property
    def most(self) -> NDArray[np.int64]:
        """Jobs of the busiest node, ``int64[seeds]``."""
        return self.loads.max(axis=1)

    @property
    def tail(self) -> NDArray[np.float64]:
        """Share of the nodes that have at least 0, 1, 2, … jobs, over all runs."""
        counts = np.bincount(self.loads.ravel())
        return np.cumsum(counts[::-1])[::-1] / self.loads.size

    @property
    def title(self) -> str:
        """The verdict in one line."""
        low, middle, high = np.quantile(self.peak_to_mean, _BAND)
        return (
            f"{self.policy}: {self.jobs:,} jobs over {len(self.nodes)} nodes, {len(self.loads)} runs: "
            f"peak-to-mean {middle:.3f} (90 % between {low:.3f} and {high:.3f})"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per measure: its mean over runs with the standard error, and the band of 90 % of the runs."""
        import pandas as pd

        rows = []
        for measure in ("peak_to_mean", "excess", "most"):
            values = getattr(self, measure)
            low, middle, high = np.quantile(values, _BAND)
            rows.append((self.policy, measure, np.mean(values), _error(values), middle, low, high))
        columns = ["policy", "measure", "mean", "standard_error", "median", "value_low", "value_high"]
        return pd.DataFrame(rows, columns=columns)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw which share of the nodes has at least so many jobs."""
        ax = axes(ax)
        ax.step(np.arange(len(self.tail)), self.tail, where="post", label=self.policy)
        ax.set(xlabel="jobs", ylabel="share of nodes with at least as many", yscale="log", title=f"{self.jobs:,} jobs")
        ax.legend()
        return ax


@dataclass(frozen=True, eq=False)
class DispatchQueue(Shown):
    """How long the queues are when jobs leave once they are served, in many runs.

    Attributes
    ----------
    policy : str
    nodes : tuple of str
    utilisation : float
        Rate at which jobs come over the rate at which all nodes together can serve them.
    service_rate : float
        Of all nodes together: the sum of their weights.
    tails : float64[seeds, levels]
        Share of the nodes, on average over time, that have at least 0, 1, 2, … jobs, the one in service included.
    """

    policy: str
    nodes: tuple[str, ...]
    utilisation: float
    service_rate: float
    tails: NDArray[np.float64]

    @property
    def tail(self) -> NDArray[np.float64]:
        """Mean of `tails` over the runs."""
        return self.tails.mean(axis=0)

    @property
    def responses(self) -> NDArray[np.float64]:
        """Mean time from arrival to departure in each run, in mean service times of a node of weight 1."""
        jobs = self.tails[:, 1:].sum(axis=1) * len(self.nodes)  # Little's law
        return jobs / (self.utilisation * self.service_rate)

    @property
    def response(self) -> float:
        """Mean of `responses`."""
        return float(np.mean(self.responses))

    @property
    def standard_error(self) -> float:
        """Of `response`."""
        return _error(self.responses)

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{self.policy}: {len(self.nodes)} nodes at utilisation {self.utilisation:g}, {len(self.tails)} runs: "
            f"mean response {self.response:.3g} ± {2 * self.standard_error:.1g} service times"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per queue length, as far as one node in a million: the share of nodes with at least as many.

        Bounds are two standard errors over the runs away.
        """
        import pandas as pd

        shown = max(2, int(np.sum(self.tail >= 1e-6)))
        error = np.array([_error(column) for column in self.tails.T[:shown]])
        mean = self.tail[:shown]
        return pd.DataFrame(
            {
                "policy": self.policy,
                "jobs": np.arange(shown),
                "share_of_nodes": mean,
                "share_low": np.maximum(mean - 2 * error, 0),
                "share_high": np.minimum(mean + 2 * error, 1),
            }
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw which share of the nodes has at least so many jobs."""
        ax = axes(ax)
        frame = self.to_frame()
        (line,) = ax.plot(frame["jobs"], frame["share_of_nodes"], label=self.policy)
        ax.fill_between(frame["jobs"], frame["share_low"], frame["share_high"], alpha=0.2, color=line.get_color())
        title = f"utilisation {self.utilisation:g}"
        ax.set(xlabel="jobs", ylabel="share of nodes with at least as many", yscale="log", title=title)
        ax.legend()
        return ax


def dispatch(
    policy: Policy,
    nodes: Nodes | Placement,
    jobs: int,
    *,
    d: int = 2,
    workload: Workload | Popularity | None = None,
    seeds: int | Iterable[int] = 30,
    executor: Executor | None = None,
    progress: bool = True,
) -> Dispatch:
    """Give jobs that stay (connections, sessions, partitions) to nodes, one after the other.

    Parameters
    ----------
    policy : {"random", "choices", "round_robin", "least_loaded", "hash"}
        A random node, by weight; the least loaded of `d` random nodes, drawn with replacement; smooth weighted round
        robin (nginx); the least loaded of all, any of the equals; or the node of the job's key. Loads are jobs over
        weight, and one job more is counted on both sides.
    nodes : int, sequence of str, Topology or Placement
        The nodes with their weights. For ``"hash"`` the placement of the keys; of mere nodes, a `HashRing`.
    jobs : int
    d : int
        How many nodes ``"choices"`` looks at.
    workload : Workload or Popularity, optional
        Whose keys the jobs of ``"hash"`` have; unless given, each job has its own.
    seeds : int or iterable of int
        How many runs, or with which seeds.
    executor : concurrent.futures.Executor, optional
        Where to run them.
    progress : bool
        Show a bar if it takes longer than two seconds.

    Examples
    --------
    >>> [int(dispatch(policy, 100, 100, seeds=5).most.max()) for policy in ("random", "choices", "round_robin")]
    [5, 3, 1]

    References
    ----------
    Azar, Broder, Karlin and Upfal, "Balanced allocations", STOC 1994.
    """
    run = _Run(*_checked(policy, nodes, d, workload), _whole(jobs, "jobs", 1, MOST_JOBS), d)
    topology = run.placement.topology
    loads = _over_seeds(run, policy, seeds, len(topology), executor, progress).astype(np.int64)
    return Dispatch(_name(policy, d), topology.nodes, topology.shares, loads)


def dispatch_queue(
    policy: Policy,
    nodes: Nodes | Placement,
    utilisation: float,
    jobs: int = 200_000,
    *,
    d: int = 2,
    workload: Workload | Popularity | None = None,
    seeds: int | Iterable[int] = 30,
    executor: Executor | None = None,
    progress: bool = True,
) -> DispatchQueue:
    """Give jobs to nodes that serve them one after the other: Poisson arrivals, exponential service, as fast as weight.

    The first fifth of each run fills the queues and is left out of the averages. Close to utilisation 1 queues fill
    slowly: give more jobs.

    Parameters
    ----------
    policy, nodes, d, workload, seeds, executor, progress
        As for `dispatch`.
    utilisation : float
        Above 0 and below 1: the rate at which jobs come over the sum of the weights.
    jobs : int
        Expected number of jobs of a run.

    Raises
    ------
    ValueError
        Also if keys give some node more than it can serve.

    Examples
    --------
    >>> from scalemodel.placement import choices_queue_tail
    >>> two = dispatch_queue("choices", 200, 0.9, seeds=10)
    >>> bool(np.allclose(two.tail[:4], choices_queue_tail(0.9)[:4], atol=0.02))
    True

    References
    ----------
    Mitzenmacher, "The power of two choices in randomized load balancing", IEEE TPDS 2001.
    """
    if not 0 < utilisation < 1:
        raise ValueError(f"utilisation is {utilisation}: give a number above 0 and below 1, or queues grow without end")
    placement, law = _checked(policy, nodes, d, workload)
    if policy == "hash":
        fullest = balance(placement, law)
        if utilisation * fullest.peak_to_mean >= 1:
            raise ValueError(
                f"{fullest.busiest} would get {utilisation * fullest.peak_to_mean:.3g} times what it can serve: "
                f"give a utilisation below {1 / fullest.peak_to_mean:.3g}, or its queue grows without end"
            )
    run = _Run(placement, law, _whole(jobs, "jobs", 1, MOST_JOBS), d, float(utilisation))
    tails = _over_seeds(run, policy, seeds, LEVELS, executor, progress)
    longest = int(np.flatnonzero(tails.any(axis=0)).max())
    topology = placement.topology
    return DispatchQueue(
        _name(policy, d), topology.nodes, float(utilisation), sum(topology.weights), tails[:, : longest + 2]
    )


def choices_tail(mean_load: float, d: int = 2) -> NDArray[np.float64]:
    """Return the share of nodes with at least 0, 1, 2, … jobs after ``mean_load * n`` jobs by `d` choices, n large.

    The limit of many nodes: ``ds_k/dt = s_(k-1)^d - s_k^d`` from an empty system until t is the mean load. One choice
    gives the tail of a Poisson law.

    Examples
    --------
    >>> choices_tail(1.0)[:4].round(4)
    array([1.    , 0.7616, 0.2295, 0.0089])

    References
    ----------
    Mitzenmacher, "The power of two choices in randomized load balancing", PhD thesis, Berkeley 1996, chapter 3.
    """
    from scipy.integrate import solve_ivp

    if not (np.isfinite(mean_load) and 0 < mean_load <= MOST_MEAN_LOAD):
        raise ValueError(f"mean_load is {mean_load}: give a number above 0, and at most {MOST_MEAN_LOAD}")
    _whole(d, "d", 1, 64)
    levels = int(mean_load + 12 * np.sqrt(mean_load) + 24)

    def change(_: float, tail: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(1.0, tail[:-1] ** d) - tail**d

    solved = solve_ivp(change, (0.0, mean_load), np.zeros(levels), "DOP853", rtol=1e-10, atol=1e-14)
    return np.append(1.0, np.clip(solved.y[:, -1], 0.0, 1.0))


def choices_queue_tail(utilisation: float, d: int = 2) -> NDArray[np.float64]:
    """Return the share of nodes with at least 0, 1, 2, … jobs in a queue by `d` choices, for many nodes.

    ``utilisation^((d^k - 1)/(d - 1))``, and ``utilisation^k`` for one choice, down to 1e-15.

    Examples
    --------
    >>> choices_queue_tail(0.9)[:4].round(4)
    array([1.    , 0.9   , 0.729 , 0.4783])

    References
    ----------
    Mitzenmacher, "The power of two choices in randomized load balancing", IEEE TPDS 2001, section 2.3.
    Vvedenskaya, Dobrushin and Karpelevich, "Queueing system with selection of the shortest of two queues" (1996).
    """
    if not 0 < utilisation < 1:
        raise ValueError(f"utilisation is {utilisation}: give a number above 0 and below 1")
    _whole(d, "d", 1, 64)
    tail = [1.0]
    exponent = 0
    while tail[-1] >= 1e-15:
        exponent = exponent * d + 1
        tail.append(utilisation**exponent)
    return np.array(tail[:-1])


@dataclass(frozen=True)
class _Run:
    """One run of a policy; a class, so that it travels to other processes."""

    placement: Placement
    law: Popularity | None
    jobs: int
    d: int
    utilisation: float | None = None

    def __call__(self, policy: Policy, seed: int) -> "pd.DataFrame":
        import pandas as pd

        weights = np.asarray(self.placement.topology.weights)
        ends = _ends(self.placement.topology.shares)
        chosen = _CODES[policy], 1 if policy == "random" else self.d, weights, ends
        if self.utilisation is None:
            numbers = random_keys(self.jobs, seed)
            owners = self._owners(policy, self.jobs, seed)
            values = kernels.dispatch(numbers, owners, *chosen).astype(np.float64)
        else:
            arrivals = self.utilisation / (1 + self.utilisation)  # of all events
            numbers = random_keys(round(self.jobs / arrivals), seed)
            owners = self._owners(policy, len(numbers), seed)
            below, skipped = np.uint64(arrivals * 2.0**64), round(_WARM_UP * len(numbers))
            values = kernels.dispatch_queue(numbers, owners, *chosen, below, skipped, LEVELS) / len(weights)
        return pd.DataFrame({"value": values})

    def _owners(self, policy: Policy, jobs: int, seed: int) -> NDArray[np.int32]:
        """Return the nodes of the jobs' keys, where keys decide; keys are drawn apart from what else is random."""
        if policy != "hash":
            return np.empty(0, np.int32)
        keys_seed = seed ^ 2**63
        if self.law is None:
            return self.placement.lookup(random_keys(jobs, keys_seed), hashed=True)
        return self.placement.lookup(self.law.keys_at(self.law.sample(jobs, keys_seed)))


def _over_seeds(
    run: _Run, policy: Policy, seeds: int | Iterable[int], width: int, executor: Executor | None, progress: bool
) -> NDArray[np.float64]:
    """Return what the runs return, ``float64[seeds, width]``."""
    from ..sweep import sweep  # brings pandas, which a look-up can do without

    chosen = seeds if isinstance(seeds, int) else list(seeds)
    frame = sweep(run, {"policy": [policy]}, chosen, executor=executor, progress=progress)
    return frame["value"].to_numpy(np.float64).reshape(-1, width)


def _checked(
    policy: Policy, nodes: Nodes | Placement, d: int, workload: Workload | Popularity | None
) -> tuple[Placement, Popularity | None]:
    if policy not in get_args(Policy):
        raise ValueError(f"policy is {policy!r}: give one of {', '.join(map(repr, get_args(Policy)))}")
    if workload is not None and policy != "hash":
        raise ValueError(f"policy {policy!r} does not look at keys: give a workload only with 'hash'")
    _whole(d, "d", 1, 64)
    placement = nodes if isinstance(nodes, Placement) else HashRing(nodes)
    return placement, None if workload is None else law_of(workload)


def _whole(value: Any, what: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value <= most:
        raise ValueError(f"{what} is {value!r}: give an integer from {least} to {most}")
    return int(value)


def _ends(shares: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return where each share of 2^64 ends; the last one ends with it."""
    ends = np.cumsum(shares)[:-1] * 2.0**64
    return np.append(ends.astype(np.uint64), np.uint64(2**64 - 1))


def _name(policy: Policy, d: int) -> str:
    return f"{d} choices" if policy == "choices" else policy.replace("_", " ")


def _error(values: NDArray[Any]) -> float:
    """Return the standard error of the mean."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
