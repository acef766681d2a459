"""A strategy: with which probability each quorum is asked, and what follows for load, latency and capacity."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..display import DASHES, PALETTE, Shown, axes
from ..streams import stream
from .expression import Bools, Node
from .flows import Picks
from .mix import ReadFraction, mix_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .responses import QuorumLatency
    from .system import QuorumSystem

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Strategy(Shown):
    """Which quorum a request asks: picked at random, from one distribution for reads and one for writes.

    `QuorumSystem.strategy`, `uniform_strategy` and `make_strategy` make one.

    Attributes
    ----------
    system : QuorumSystem
        Whose quorums they are.
    read_quorums, write_quorums : bool[quorums, nodes]
        The sets that are asked, over the nodes of the system.
    read_chances, write_chances : float64[quorums]
        Their probabilities; each side sums to 1.

    Examples
    --------
    >>> from scalemodel.quorum import Node, QuorumSystem
    >>> a, b, c, d, e, f = map(Node, "abcdef")
    >>> grid = QuorumSystem(reads=a * b * c + d * e * f)
    >>> strategy = grid.make_strategy({("a", "b", "c"): 2, ("d", "e", "f"): 1}, {"ad": 1, "be": 1, "cf": 1})
    >>> round(strategy.load(1), 4), round(strategy.load(0), 4)
    (0.6667, 0.3333)
    """

    system: "QuorumSystem"
    read_quorums: Bools = field(repr=False)
    read_chances: Floats = field(repr=False)
    write_quorums: Bools = field(repr=False)
    write_chances: Floats = field(repr=False)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the system."""
        return self.system.nodes

    @cached_property
    def read_shares(self) -> Floats:
        """The share of the reads that each node takes part in, ``float64[nodes]``."""
        return self.read_chances @ self.read_quorums

    @cached_property
    def write_shares(self) -> Floats:
        """The share of the writes that each node takes part in, ``float64[nodes]``."""
        return self.write_chances @ self.write_quorums

    def node_load(self, read_fraction: ReadFraction) -> Floats:
        """Return the seconds of work that a request per second gives each node, ``float64[nodes]``.

        With a distribution of read fractions, the mean.
        """
        mix = mix_of(read_fraction)
        return mix.chances @ self._loads(mix.fractions)

    def load(self, read_fraction: ReadFraction) -> float:
        """Return the load of the busiest node; with a distribution of read fractions, its mean.

        Parameters
        ----------
        read_fraction : float or mapping of float to float
            The share of reads, or the probability of each of several shares.

        References
        ----------
        Naor and Wool, "The load, capacity, and availability of quorum systems", 1998, definition 3.2.
        """
        mix = mix_of(read_fraction)
        return float(mix.chances @ self._loads(mix.fractions).max(axis=1))

    def capacity(self, read_fraction: ReadFraction, mean: Literal["arithmetic", "harmonic"] = "arithmetic") -> float:
        """Return the requests per second at which the busiest node is just fully used.

        Parameters
        ----------
        read_fraction : float or mapping of float to float
            The share of reads, or the probability of each of several shares.
        mean : {"arithmetic", "harmonic"}
            With a distribution of read fractions: ``E[1 / load]`` (quoracle's: the mean over times of the day that
            have such shares), or ``1 / E[load]`` (the rate at which a long queue of requests is worked off, of which
            such parts have such shares). The second is never the larger.
        """
        mix = mix_of(read_fraction)
        loads = self._loads(mix.fractions).max(axis=1)
        if mean not in ("arithmetic", "harmonic"):
            raise ValueError(f"mean is {mean!r}: give 'arithmetic' for E[1 / load], or 'harmonic' for 1 / E[load]")
        return float(mix.chances @ (1 / loads)) if mean == "arithmetic" else float(1 / (mix.chances @ loads))

    def network_load(self, read_fraction: ReadFraction) -> float:
        """Return the mean number of nodes that a request asks."""
        mix = mix_of(read_fraction)
        return mix.reads * float(self.read_shares.sum()) + mix.writes * float(self.write_shares.sum())

    def cost(self, read_fraction: ReadFraction) -> float:
        """Return the mean cost of a request: the sum of `Node.cost` over the nodes that it asks."""
        mix = mix_of(read_fraction)
        costs = np.array([node.cost for node in self.nodes])
        return float((mix.reads * self.read_shares + mix.writes * self.write_shares) @ costs)

    def latency(self, read_fraction: ReadFraction, percentile: float | None = None) -> float:
        """Return the mean latency of a request in seconds, or a percentile of it.

        Parameters
        ----------
        read_fraction : float or mapping of float to float
            The share of reads.
        percentile : float, optional
            ``0.99`` for the p99; the mean unless given.
        """
        law = self.latency_law(read_fraction)
        if percentile is not None:
            return float(law.quantile(percentile))
        return float(sum(weights @ picked.means() for picked, weights in law.parts))

    def latency_law(self, read_fraction: ReadFraction) -> "QuorumLatency":
        """Return the latency of a request as a distribution: quorums are picked, their nodes answer independently.

        It is answered when a quorum among the nodes it asked has answered.
        """
        from .responses import Picked, QuorumLatency

        mix = mix_of(read_fraction)
        parts = []
        for share, expression, (sets, chances) in zip(
            (mix.reads, mix.writes), (self.system.reads, self.system.writes), self.picks, strict=True
        ):
            if share > 0:
                parts.append((Picked.of(expression, self.nodes, sets), share * chances))
        return QuorumLatency(tuple(parts))

    @property
    def picks(self) -> tuple[Picks, Picks]:
        """Sets and probabilities of reads, and of writes."""
        return (self.read_quorums, self.read_chances), (self.write_quorums, self.write_chances)

    def sample(self, side: Literal["reads", "writes"], size: int, seed: int = 0) -> list[frozenset[str]]:
        """Draw the quorums of so many requests, as sets of names."""
        if side not in ("reads", "writes"):
            raise ValueError(f"side is {side!r}: give 'reads' or 'writes'")
        sets, chances = self.picks[side == "writes"]
        names = [frozenset(self._members(row)) for row in sets]
        return [names[i] for i in stream(seed).choice(len(names), size, p=chances)]

    @property
    def title(self) -> str:
        """What it picks from."""
        return f"Strategy: {len(self.read_chances)} read and {len(self.write_chances)} write quorums are asked"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per quorum that is asked, the most probable first."""
        import pandas as pd

        rows = []
        for side, (sets, chances) in zip(("read", "write"), self.picks, strict=True):
            listed = [(side, ", ".join(self._members(row)), p) for row, p in zip(sets, chances, strict=True)]
            rows += sorted(listed, key=lambda row: (-round(row[2], 12), row[1]))
        return pd.DataFrame(rows, columns=["request", "quorum", "probability"])

    def summary(self, read_fraction: ReadFraction, percentiles: Iterable[float] = (0.99,)) -> "pd.DataFrame":
        """Return load, both capacities, network load and, where the nodes have latencies, the latency, one row."""
        import pandas as pd

        row = {
            "load": self.load(read_fraction),
            "capacity_mean": self.capacity(read_fraction),
            "capacity_of_mean_load": self.capacity(read_fraction, "harmonic"),
            "network_load": self.network_load(read_fraction),
        }
        if all(node.latency is not None for node in self.nodes):
            row["mean_ms"] = 1e3 * self.latency(read_fraction)
            row |= {f"p{100 * p:g}_ms": 1e3 * self.latency(read_fraction, p) for p in percentiles}
        return pd.DataFrame([row])

    def plot(self, ax: "Axes | None" = None, read_fraction: ReadFraction = 0.5) -> "Axes":
        """Draw the load of each node as a bar, its reads below its writes, and the load of the system as a line."""
        ax = axes(ax)
        mix = mix_of(read_fraction)
        names = [node.name for node in self.nodes]
        reads = mix.reads * self.read_shares / [node.read_capacity for node in self.nodes]
        writes = mix.writes * self.write_shares / [node.write_capacity for node in self.nodes]
        ax.bar(names, reads, color=PALETTE[0], label="reads")
        ax.bar(names, writes, bottom=reads, color=PALETTE[1], hatch="//", edgecolor="white", label="writes")
        ax.axhline(float((reads + writes).max()), color="black", linewidth=1, linestyle="--")
        ax.set(xlabel="node", ylabel="load, seconds of work per request", title="Load of each node")
        ax.margins(y=0.2)
        ax.legend(ncols=2, loc="upper right")
        return ax

    def plot_load(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the load of each node against the read fraction, and that of the busiest above them."""
        ax = axes(ax)
        x = np.linspace(0, 1, 201)
        loads = self._loads(x)
        ax.plot(x, loads.max(axis=1), color="0.8", linewidth=6, linestyle="-", label="busiest node")
        alike: dict[tuple[float, float], list[str]] = {}
        for i, node in enumerate(self.nodes):
            ends = round(float(loads[0, i]), 9), round(float(loads[-1, i]), 9)
            alike.setdefault(ends, []).append(node.name)
        for i, ((low, high), names) in enumerate(alike.items()):
            label = ", ".join(names[:6]) + f" … ({len(names)})" * (len(names) > 6)
            style: dict[str, Any] = {"color": PALETTE[i % len(PALETTE)], "linestyle": DASHES[i % len(DASHES)]}
            ax.plot([0, 1], [low, high], label=label, **style)
        ax.set(xlabel="read fraction", ylabel="load, seconds of work per request", title="Load against read fraction")
        ax.set_ylim(bottom=0)
        ax.legend()
        return ax

    def _loads(self, fractions: Floats) -> Floats:
        """Return ``float64[fractions, nodes]``."""
        reads = self.read_shares / [node.read_capacity for node in self.nodes]
        writes = self.write_shares / [node.write_capacity for node in self.nodes]
        return np.outer(fractions, reads) + np.outer(1 - fractions, writes)

    def _members(self, row: Bools) -> list[str]:
        return [node.name for node, member in zip(self.nodes, row, strict=True) if member]


def picks_of(quorums: Mapping[Iterable[str], float], system: "QuorumSystem", side: Literal["reads", "writes"]) -> Picks:
    """Read ``{quorum: weight}`` of one side; weights are divided by their sum."""
    if not isinstance(quorums, Mapping) or not quorums:
        raise ValueError(f"the {side} of the strategy are {quorums!r}: give {{quorum: weight, ...}}, at least one")
    expression = system.reads if side == "reads" else system.writes
    names = [node.name for node in system.nodes]
    sets = np.zeros((len(quorums), len(names)), np.bool_)
    weights = np.array([float(weight) for weight in quorums.values()])
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError(f"the weights of the {side} are {weights.tolist()}: give finite ones of zero or more")
    for row, quorum in zip(sets, quorums, strict=True):
        members = [member.name if isinstance(member, Node) else member for member in quorum]
        if not expression.is_quorum(members):
            raise ValueError(f"{sorted(members)} is no quorum of the {side}: it holds none of {expression}")
        row[[names.index(name) for name in members]] = True
    return sets, weights / weights.sum()
