"""Consistent or available, counted: what a client at each place gets when links fail as well as nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display import PALETTE, Shown, axes, nines
from ..quorum import Expression, choose
from ..quorum.chances import Domain, joint_tails
from ..topology import Topology, nearest
from ._kernels import partitions as kernels
from .failures import Failures, chance
from .nines import System, failures_of, model_of, pinned

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_SITES = 10
MOST_STATES = 2**22
"""States of sites and links together."""


@dataclass(frozen=True)
class PartitionUnavailability(Shown):
    """How often a client at each site is refused, by what it asks for; and what the sides do meanwhile.

    Attributes
    ----------
    sites : tuple of str
        Where clients are.
    read, write : tuple of float
        At each site: no quorum of reads, of writes, can be reached.
    pinned : tuple of float or None
        No quorum that holds the leader can be reached, or the leader is down; None without a leader.
    any_replica : tuple of float
        Not even one replica can be reached: what a client of an always-available store sees.
    diverge : float
        Replicas are up on more than one side: if any of them accepts writes, both sides do, and must be merged.
    nowhere : float
        No side has a write quorum.
    """

    sites: tuple[str, ...]
    read: tuple[float, ...]
    write: tuple[float, ...]
    pinned: tuple[float, ...] | None
    any_replica: tuple[float, ...]
    diverge: float
    nowhere: float

    @property
    def price(self) -> float:
        """How many times as long writes fail with a quorum as with any replica, over all sites."""
        return sum(self.write) / sum(self.any_replica)

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return f"Quorum writes fail {self.price:.3g} times as long as writes to any replica"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per client site: unavailability by kind of request, and the nines of quorum writes."""
        import pandas as pd

        columns: dict[str, Any] = {"client": self.sites, "quorum_read": self.read, "quorum_write": self.write}
        if self.pinned is not None:
            columns["pinned_leader"] = self.pinned
        columns["any_replica"] = self.any_replica
        columns["nines_of_quorum_write"] = [nines(u) for u in self.write]
        return pd.DataFrame(columns)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the unavailability at each site, by kind of request."""
        ax = axes(ax)
        kinds = {"any replica": self.any_replica, "quorum": self.write, "pinned leader": self.pinned}
        shown = {name: values for name, values in kinds.items() if values is not None}
        width = 0.8 / len(shown)
        at = np.arange(len(self.sites))
        for i, (name, values) in enumerate(shown.items()):
            ax.bar(at + (i - (len(shown) - 1) / 2) * width, values, width, label=name, color=PALETTE[i])
        ax.set_xticks(at, self.sites)
        ax.set(xlabel="client at", ylabel="unavailability", title=self.title)
        ax.legend()
        return ax


def partition_unavailability(
    system: System,
    topology: Topology,
    links: float | str | Mapping[tuple[str, str], float | str],
    failures: Failures | float | Mapping[str, object] | None = None,
    *,
    level: str = "zone",
    leader: str | None = None,
) -> PartitionUnavailability:
    """Return how often a client at each site is refused when sites, nodes and the links between sites fail; exactly.

    A client is at a site and down with it. Sites that are connected by way of others reach each other.

    Parameters
    ----------
    system, topology
        As for `unavailability`.
    links : float, str, or mapping of (site, site) to these
        Probability that a link is down: of a link between any two sites, or of the links that there are.
    failures : Failures, float or mapping, optional
        As for `unavailability`. What several sites share cannot be told from a partition, and is refused.
    level : str
        What a site is.
    leader : str, optional
        A node that is not replaced; clients that need it are counted too.

    Examples
    --------
    Three sites, each down for 1e-4 of the time, and links for 1e-3:

    >>> from scalemodel.quorum import Node, majority
    >>> mesh = Topology(["a", "b", "c"], places={"zone": ["a", "b", "c"]})
    >>> system = majority([Node(name) for name in mesh])
    >>> answer = partition_unavailability(system, mesh, links=1e-3, failures={"zone": 1e-4}, leader="a")
    >>> [f"{u:.4e}" for u in (answer.write[1], answer.pinned[1], answer.any_replica[1])]
    ['1.0121e-04', '2.0209e-04', '1.0000e-04']

    References
    ----------
    Gilbert and Lynch, "Brewer's conjecture and the feasibility of consistent, available, partition-tolerant web
    services", SIGACT News 33 (2002).
    """
    how = failures_of(failures, topology)
    model = model_of(system, topology, how, None, (), "exact", 1000, 0)
    if level not in topology.places:
        raise ValueError(f"the topology has no level {level!r}{nearest(level, topology.places)}: give one that it has")
    sites = tuple(dict.fromkeys(topology.places[level]))
    if len(sites) > MOST_SITES:
        raise ValueError(f"there are {len(sites)} {level}s: give a level with at most {MOST_SITES}")
    ends, down = _links(links, sites, level)
    if 2 ** (len(sites) + len(down)) > MOST_STATES:
        raise ValueError(
            f"{len(sites)} sites and {len(down)} links have more than {MOST_STATES:.2g} states: name fewer links"
        )
    if model.waves:
        raise ValueError("maintenance is not part of this: leave it out, and see unavailability() for it")
    home = {node.name: topology.places[level][topology.index(node.name)] for node in model.nodes}
    of_site = dict.fromkeys(sites, 0.0)
    value = how.levels.get(level, 0.0)
    for site in sites:
        of_site[site] = float(value.get(site, 0.0)) if isinstance(value, Mapping) else float(value)
    domains = []
    by_name = {node.name: node for node in model.nodes}
    for kind, name, members, p in model.events:
        if kind == level:
            continue
        if len({home[m] for m in members}) > 1:
            what = "the common cause" if kind == "all" else f"{kind} {name!r}"
            raise ValueError(f"{what} takes down nodes at several {level}s: leave it out here")
        domains.append(Domain(f"{kind} {name}", frozenset(by_name[m] for m in members), p))
    alone = dict(zip(model.nodes, model.alone, strict=True))
    if leader is not None and leader not in by_name:
        raise ValueError(f"leader is {leader!r}, which is no node of the system{nearest(str(leader), list(by_name))}")

    size = 1 << len(sites)
    lost = {name: np.ones(size) for name in ("read", "write", "pinned", "any")}
    some = choose(1, model.nodes)
    through: Expression | None = pinned(model.writes, by_name[leader]) if leader is not None else None
    for reached in range(1, size):
        inside = {site for i, site in enumerate(sites) if reached >> i & 1}
        given = {node: p if home[node.name] in inside else 1.0 for node, p in alone.items()}
        joint = joint_tails(model.reads, model.writes, given, domains)
        lost["read"][reached], lost["write"][reached] = joint[0].sum(), joint[:, 0].sum()
        lost["any"][reached] = joint_tails(some, some, given, domains)[0, 0]
        if through is not None:
            lost["pinned"][reached] = joint_tails(through, through, given, domains)[0, 0]
    reach = np.zeros((len(sites), size))
    site_down = np.array([of_site[site] for site in sites])
    diverge, nowhere = kernels.partitions(site_down, ends, down, lost["write"], lost["any"], reach)
    refused = {name: tuple((site_down + reach @ values).tolist()) for name, values in lost.items()}
    return PartitionUnavailability(
        sites,
        refused["read"],
        refused["write"],
        None if leader is None else refused["pinned"],
        refused["any"],
        float(diverge),
        float(nowhere),
    )


def _links(links: Any, sites: tuple[str, ...], level: str) -> tuple[np.ndarray, np.ndarray]:
    what = "the probability that a link is down"
    if not isinstance(links, Mapping):
        p = chance(links, what)
        links = dict.fromkeys(combinations(sites, 2), p)
    seen: set[frozenset[str]] = set()
    ends, down = [], []
    for pair, p in links.items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and pair[0] != pair[1]):
            raise ValueError(f"a link is given as {pair!r}: give pairs of two {level}s")
        for site in pair:
            if site not in sites:
                raise ValueError(f"a link ends at {site!r}, which is no {level}{nearest(str(site), sites)}")
        if frozenset(pair) in seen:
            raise ValueError(f"the link of {pair[0]!r} and {pair[1]!r} is given twice: give it once")
        seen.add(frozenset(pair))
        ends.append([sites.index(pair[0]), sites.index(pair[1])])
        down.append(chance(p, what))
    return np.array(ends, np.int64).reshape(-1, 2), np.array(down, np.float64)
