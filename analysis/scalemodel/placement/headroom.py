"""What an uneven load costs: the nodes, and the money, that the busiest one makes one buy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING

import numpy as np

from ..display import Shown, axes, format_count
from ..workload import Workload

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PeakToMean = float | Callable[[int], float]
"""How many times the mean the busiest node gets: a number, or a function of the number of nodes."""

MOST_TIMES = 100
"""Where so many times the nodes of an even spread are not enough, no number is taken to be."""


@dataclass(frozen=True, eq=False)
class Headroom(Shown):
    """How many nodes each way to spread a load needs.

    Attributes
    ----------
    load : float
        Requests per second at the peak.
    per_node : float
        Requests per second that a node may get at the target utilisation.
    even : int
        Nodes that a perfectly even spread needs.
    price : float or None
        Of one node, for whatever span of time.
    options : tuple of (str, float, float)
        The name of each way, its peak-to-mean, and the nodes it needs; both infinite where no number is
        enough.
    """

    load: float
    per_node: float
    even: int
    price: float | None
    options: tuple[tuple[str, float, float], ...]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        name, _, nodes = min(self.options, key=lambda row: row[2])
        return (
            f"{format_count(self.load)} requests/s at {format_count(self.per_node)} per node: {self.even:,} nodes if "
            f"spread evenly, {nodes:,.0f} with {name}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per way to spread the load; costs are in the currency and for the span of the price."""
        import pandas as pd

        frame = pd.DataFrame(list(self.options), columns=["spread", "peak_to_mean", "nodes"])
        frame["extra_nodes"] = frame["nodes"] - self.even
        frame["extra_share"] = frame["extra_nodes"] / self.even
        if self.price is not None:
            frame["cost"] = frame["nodes"] * self.price
            frame["extra_cost"] = frame["extra_nodes"] * self.price
        return frame

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the nodes that each way needs, beside those of an even spread."""
        ax = axes(ax)
        finite = [row for row in self.options if isfinite(row[2])]
        ax.barh([row[0] for row in finite], [row[2] for row in finite])
        ax.axvline(self.even, color="black", linewidth=1, linestyle="--")
        ax.invert_yaxis()
        ax.set(xlabel="nodes", title=f"{format_count(self.load)} requests/s (dashed: spread evenly)")
        return ax


def headroom(
    options: Mapping[str, PeakToMean] | PeakToMean,
    workload: Workload | float,
    capacity: float,
    utilisation: float = 0.7,
    *,
    price: float | None = None,
) -> Headroom:
    """Return how many nodes an uneven spread needs, so that the busiest node stays within its target.

    Parameters
    ----------
    options : mapping of str to float or callable, or one of these
        Peak-to-mean of each way to spread the load. A function is asked for ever larger numbers of nodes, since a load
        gets less even the more nodes share it: ``lambda n: expected_peak_to_mean(n, vnodes=256)`` for any ring, or
        ``lambda n: balance(JumpHash(n), law).peak_to_mean`` for the hot keys of a law. Below 1 where a cache in front
        takes load away, as in `HotKeyRelief`: the mean is that of the whole load.
    workload : Workload or float
        Its peak load; or requests per second.
    capacity : float
        Requests per second of one node.
    utilisation : float
        Share of its capacity that the busiest node may reach.
    price : float, optional
        Of one node, for any span of time: a table of costs for that span comes with it.

    Examples
    --------
    >>> from scalemodel.placement import expected_peak_to_mean
    >>> ring = {f"{k} vnodes": lambda n, k=k: expected_peak_to_mean(n, k) for k in (16, 256)}
    >>> needed = headroom({"even": 1.0, **ring}, 1e6, capacity=15e3, price=2000.0).to_frame()
    >>> needed[["spread", "nodes", "extra_cost"]].values.tolist()
    [['even', 96, 0.0], ['16 vnodes', 173, 154000.0], ['256 vnodes', 112, 32000.0]]
    """
    load = workload.load.peak() if isinstance(workload, Workload) else float(workload)
    for what, value in (("the load", load), ("capacity", capacity)):
        if not (isfinite(value) and value > 0):
            raise ValueError(f"{what} is {value}: give a finite number of requests per second above zero")
    if not 0 < utilisation <= 1:
        raise ValueError(f"utilisation is {utilisation}: give a share of the capacity above 0 and up to 1")
    if price is not None and not (isfinite(price) and price >= 0):
        raise ValueError(f"price is {price}: give what one node costs, zero or more")
    ways = options if isinstance(options, Mapping) else {"this spread": options}
    if not ways:
        raise ValueError("there is no spread to size for: give at least one peak-to-mean")
    per_node = capacity * utilisation
    rows = tuple((name, *_needed(name, peak, load / per_node)) for name, peak in ways.items())
    return Headroom(load, per_node, _whole(load / per_node), price, rows)


def _needed(name: str, peak: PeakToMean, even: float) -> tuple[float, float]:
    """Return the peak-to-mean at the fewest nodes that are enough, and these."""

    def ratio(nodes: int) -> float:
        value = float(peak(nodes) if callable(peak) else peak)
        if not (isfinite(value) and value > 0):
            raise ValueError(f"the peak-to-mean of {name} is {value} over {nodes} nodes: give a number above 0")
        return value

    nodes = _whole(even)
    if not callable(peak):
        return ratio(nodes), _whole(even * ratio(nodes))
    if _whole(even * ratio(nodes)) <= nodes:  # a cache takes so much that fewer may do
        fewer = 0
        while nodes - fewer > 1:
            middle = (fewer + nodes) // 2
            fewer, nodes = (fewer, middle) if _whole(even * ratio(middle)) <= middle else (middle, nodes)
        return ratio(nodes), nodes
    # more nodes are less even: the fewest that are enough for themselves are approached from below
    while (enough := _whole(even * ratio(nodes))) > nodes:
        if enough > MOST_TIMES * even + 1:
            return np.inf, np.inf
        nodes = enough
    return ratio(nodes), nodes


def _whole(nodes: float) -> int:
    return max(1, ceil(nodes - 1e-9))
