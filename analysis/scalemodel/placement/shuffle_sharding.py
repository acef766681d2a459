"""Shuffle sharding: every tenant has a random few of the nodes, so that one tenant takes few others down with it."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes, format_count, format_share
from ..topology import Topology
from .placement import Nodes
from .rendezvous import Rendezvous

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, init=False)
class ShuffleSharding:
    """Each tenant is served by a random combination of nodes, its shard.

    The nodes of a shard are those with the best rendezvous scores for the tenant: nobody keeps a list, and a node that
    comes or goes changes at most one node of any shard.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes. All weights must be equal: every combination is to be as likely as another.
    shard_size : int
        Nodes of each shard.
    spread : str, optional
        A level of the topology, such as ``"zone"``: each domain of it gives a shard as many nodes, or, where the size
        does not divide evenly, random ones of them give one more.
    seed : int
        Draws other shards.

    Examples
    --------
    Eight workers, two for each tenant: a bad tenant takes one in 28 others down, with four fixed shards one in four.

    >>> sharding = ShuffleSharding(8, 2)
    >>> sharding.combinations, round(1 / sharding.fully_hit, 6), round(1 / sharding.fixed_shards_hit, 6)
    (28, 28.0, 4.0)

    References
    ----------
    MacCárthaigh, "Workload isolation using shuffle-sharding", Amazon Builders' Library.
    """

    topology: Topology
    shard_size: int
    spread: str | None
    seed: int

    def __init__(self, nodes: Nodes, shard_size: int, spread: str | None = None, seed: int = 0) -> None:
        topology = Rendezvous(nodes, seed=seed).topology
        if len(set(topology.weights)) > 1:
            raise ValueError(
                "the nodes have different weights, and the combinations of a shuffle sharding are equally likely: "
                "give nodes of equal weight"
            )
        if isinstance(shard_size, bool) or not isinstance(shard_size, (int, np.integer)) or shard_size < 1:
            raise ValueError(f"shard_size is {shard_size!r}: give an integer of one or more")
        fields = {"topology": topology, "shard_size": int(shard_size), "spread": spread, "seed": int(seed)}
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        each, more = self._quota
        if each + (more > 0) > (smallest := min(self._sizes)):
            where = f"the smallest {spread} has {smallest}" if spread else f"there are {smallest}"
            raise ValueError(
                f"a shard of {shard_size} takes {each + (more > 0)} nodes{f' of a {spread}' if spread else ''} and "
                f"{where}: give a smaller shard_size"
            )

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes."""
        return self.topology.nodes

    @property
    def combinations(self) -> int:
        """Number of different shards."""
        each, more = self._quota
        ways = [1] + [0] * more  # by how many domains gave one more
        for size in self._sizes:
            even, odd = math.comb(size, each), math.comb(size, each + 1)
            ways = [ways[i] * even + (ways[i - 1] * odd if i else 0) for i in range(more + 1)]
        return ways[more]

    @property
    def fully_hit(self) -> float:
        """Share of the other tenants that lose all their nodes when one tenant takes its shard down."""
        return float(self.overlap()[-1])

    @property
    def fixed_shards_hit(self) -> float:
        """The same if the nodes were cut into fixed shards of this size, each with its tenants."""
        return self.shard_size / len(self.nodes)

    def shards(self, tenants: Any) -> NDArray[np.int32]:
        """Return the nodes of each tenant, ``int32[tenants, shard_size]``, positions in `nodes`.

        Parameters
        ----------
        tenants : sequence of int, str or bytes
            Any keys that `scalemodel.hashing.hash_keys` takes.
        """
        each, more = self._quota
        taken, further = [], []
        for members in self._members:
            names = [self.nodes[i] for i in members]
            chosen = Rendezvous(names, seed=self.seed).replicas(tenants, min(each + 1, len(names)))
            taken.append(members[chosen[:, :each]])
            further.append(members[chosen[:, -1]])
        if more:
            labels = [f"{self.spread} {i}" for i in range(len(further))]
            domains = Rendezvous(labels, seed=self.seed).replicas(tenants, more)
            taken.append(np.take_along_axis(np.column_stack(further), domains.astype(np.int64), axis=1))
        return np.hstack(taken).astype(np.int32)

    def overlap(self) -> NDArray[np.float64]:
        """Return the chance that two tenants share exactly 0, 1, … nodes, ``float64[shard_size + 1]``.

        Hypergeometric, in each domain of `spread` by itself.

        Examples
        --------
        >>> ShuffleSharding(50, 4).overlap().round(4).tolist()
        [0.7086, 0.2637, 0.027, 0.0008, 0.0]
        """
        each, more = self._quota
        ways = np.zeros((more + 1, more + 1, self.shard_size + 1))  # domains that gave one more to either; shared nodes
        ways[0, 0, 0] = 1
        for size in self._sizes:
            before, ways = ways, np.zeros_like(ways)
            for mine in range(min(more, 1) + 1):
                for theirs in range(min(more, 1) + 1):
                    for shared in range(each + min(mine, theirs) + 1):
                        chance = _hypergeometric(shared, size, each + mine, each + theirs)
                        ways[mine:, theirs:, shared:] += (
                            chance * (before[: more + 1 - mine, : more + 1 - theirs, : self.shard_size + 1 - shared])
                        )
        return ways[more, more] / math.comb(len(self._sizes), more) ** 2

    def lost_to(self, failed: int) -> NDArray[np.float64]:
        """Return the chance that a tenant loses exactly 0, 1, … nodes when `failed` random nodes are down.

        Examples
        --------
        >>> ShuffleSharding(8, 2).lost_to(1).tolist()
        [0.75, 0.25, 0.0]
        """
        if isinstance(failed, bool) or not isinstance(failed, (int, np.integer)) or not 0 <= failed <= len(self.nodes):
            raise ValueError(f"failed is {failed!r}: give a number of nodes from 0 to {len(self.nodes)}")
        # every shard is as likely to lose so many: that it lies in domains does not matter to nodes that fail at random
        lost = range(self.shard_size + 1)
        return np.array([_hypergeometric(k, len(self.nodes), self.shard_size, int(failed)) for k in lost])

    def isolation(self, tenants: int = 1000) -> "Isolation":
        """Say how many of so many other tenants a bad one harms, and how much."""
        if isinstance(tenants, bool) or not isinstance(tenants, (int, np.integer)) or tenants < 1:
            raise ValueError(f"tenants is {tenants!r}: give an integer of one or more")
        return Isolation(self, int(tenants), self.overlap())

    @cached_property
    def _members(self) -> list[NDArray[np.int64]]:
        """The nodes of each domain of `spread`, or all."""
        domains = self.topology.domains(self.spread) if self.spread else np.zeros(len(self.nodes), np.int64)
        return [np.flatnonzero(domains == domain) for domain in range(domains.max() + 1)]

    @property
    def _sizes(self) -> list[int]:
        return [len(members) for members in self._members]

    @property
    def _quota(self) -> tuple[int, int]:
        """How many nodes each domain gives, and how many domains give one more."""
        return divmod(self.shard_size, len(self._members))


@dataclass(frozen=True, eq=False)
class Isolation(Shown):
    """What one tenant does to the others when it takes all its nodes down.

    Attributes
    ----------
    sharding : ShuffleSharding
    tenants : int
        Number of other tenants.
    chances : float64[shard_size + 1]
        Chance that another tenant loses exactly 0, 1, … of its nodes.
    """

    sharding: ShuffleSharding
    tenants: int
    chances: NDArray[np.float64]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        sharding = self.sharding
        return (
            f"{len(sharding.nodes)} nodes, {format_count(sharding.combinations)} shards of {sharding.shard_size}: "
            f"a bad tenant takes all nodes of {format_share(sharding.fully_hit)} of the others "
            f"(fixed shards: {format_share(sharding.fixed_shards_hit)})"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per number of nodes lost: its chance, that of so many or more, and the tenants to expect."""
        import pandas as pd

        or_more = np.cumsum(self.chances[::-1])[::-1]
        columns = {
            "nodes_lost": np.arange(len(self.chances)),
            "chance": self.chances,
            "chance_or_more": or_more,
            "tenants": self.tenants * self.chances,
        }
        return pd.DataFrame(columns)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw how many tenants lose how many of their nodes."""
        ax = axes(ax)
        ax.bar(np.arange(len(self.chances)), self.tenants * self.chances)
        ax.set_xticks(np.arange(len(self.chances)))
        ax.set_yscale("log")
        ax.axhline(1, color="black", linewidth=1, linestyle="--")
        ax.set(
            xlabel="nodes lost", ylabel=f"tenants to expect, of {self.tenants:,}", title="One tenant's shard is down"
        )
        return ax


def _hypergeometric(shared: int, nodes: int, mine: int, theirs: int) -> float:
    """Return the chance that two random choices from the nodes share so many."""
    if shared > min(mine, theirs) or mine + theirs - shared > nodes:
        return 0.0
    return math.comb(mine, shared) * math.comb(nodes - mine, theirs - shared) / math.comb(nodes, theirs)
