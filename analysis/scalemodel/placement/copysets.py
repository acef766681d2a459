"""Copysets: few distinct sets of nodes that hold replicas together, so that few combinations of failures lose data."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, cycle
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..streams import stream
from ._kernels import copysets as kernels
from ._kernels.partition_table import rows_of
from .partition_table import preference_lists, random_rows
from .placement import Nodes, Placement

MOST_SETS = 2**24
"""Sets of the largest table."""


@dataclass(frozen=True, init=False)
class Copysets(Placement):
    """Every key has its replicas on one of a list of sets of nodes, drawn once.

    The primary of a key is ``hash * nodes / 2^64``, rounded down, and the rest of the hash takes one of the primary's
    sets. A node that comes or goes draws all sets anew: this is to compare policies on a given cluster, not to grow it.

    Parameters
    ----------
    nodes : int, sequence of str or Topology
        The nodes. All weights must be equal: the scheme has none.
    replicas : int
        Nodes of a set (the attribute is `copies`).
    scatter_width : int
        With how many others a node is to share data: the more, the faster it is copied again, and the more sets there
        are to lose. A node cannot share with more than all others.
    method : {"permutation", "random", "tiered"}
        ``"permutation"`` is copyset replication: ``scatter_width / (replicas - 1)`` random permutations of the nodes,
        rounded up, are cut into sets; if the nodes do not divide evenly, some come twice. ``"random"`` is the random
        replication of HDFS: the nodes are put in a random circle, and all choices from the `scatter_width` nodes that
        follow the primary are sets (so a node shares data with as many before it, too). ``"tiered"`` is tiered
        replication: the last node of each set, and only that, is in the domain `backup`. Sets are made for one node
        after the other, with those nodes that share data with the fewest so far and, while there are any, with none of
        the set, until all share with `scatter_width`, or with all they can.
    spread : str, optional
        A level of the topology, such as ``"rack"``: no two nodes of a set share a domain of it.
    seed : int
        Draws other sets, and another hash of the keys.
    backup : str, optional
        For ``"tiered"``: the domain, of any level of the topology, that holds one copy of everything and is no key's
        primary, such as a region.

    Examples
    --------
    The paper's nine nodes, of which each shares data with four others:

    >>> len(Copysets(9, scatter_width=4, seed=2).sets), len(Copysets(9, scatter_width=4, method="random").sets)
    (6, 54)

    A third replica far away: if all the other nodes are lost, every set has one left.

    >>> from scalemodel.topology import Topology
    >>> far = Topology.grid(6, regions=["near", "far"])
    >>> Copysets(far, scatter_width=4, method="tiered", backup="far").sets[:2].tolist()
    [[0, 1, 10], [0, 2, 11]]

    References
    ----------
    Cidon et al., "Copysets: reducing the frequency of data loss in cloud storage", USENIX ATC 2013, sections 2 and 4.
    Cidon et al., "Tiered replication: a cost-effective alternative to full cluster geo-replication", USENIX ATC 2015.
    """

    copies: int
    scatter_width: int
    method: Literal["permutation", "random", "tiered"]
    spread: str | None
    backup: str | None

    def __init__(
        self,
        nodes: Nodes,
        replicas: int = 3,
        scatter_width: int = 10,
        method: Literal["permutation", "random", "tiered"] = "permutation",
        spread: str | None = None,
        seed: int = 0,
        backup: str | None = None,
    ) -> None:
        how: dict[str, Any] = {"scatter_width": scatter_width, "method": method, "spread": spread, "backup": backup}
        super().__init__(nodes, seed=seed, copies=replicas, **how)
        self._refuse_weights()
        self._domains(replicas, spread)
        least = max(1, replicas - 1)
        if (
            isinstance(scatter_width, bool)
            or not isinstance(scatter_width, (int, np.integer))
            or not scatter_width >= least
        ):
            raise ValueError(
                f"scatter_width is {scatter_width!r}: with {replicas} replicas give an integer of {least} or more"
            )
        if method not in ("permutation", "random", "tiered"):
            raise ValueError(f"method is {method!r}: give 'permutation', 'random' or 'tiered'")
        self._check_backup()
        count = len(self.nodes)
        if method == "random":
            drawn = count * math.comb(min(scatter_width, count - 1), replicas - 1)
        else:
            drawn = self.permutations * count
        if drawn > MOST_SETS:
            raise ValueError(f"there would be {drawn:.3g} sets, at most {MOST_SETS} are allowed: lower scatter_width")
        self._grouped  # noqa: B018  draws the sets, and says so if there are none for some node

    @property
    def description(self) -> str:
        """The scheme, its size and what else was chosen, in a few words."""
        chosen: dict[str, Any] = {"replicas": self.copies, "scatter_width": self.scatter_width, "method": self.method}
        chosen |= {"spread": self.spread} if self.spread else {}
        chosen |= {"backup": self.backup} if self.backup else {}
        return ", ".join(["Copysets", f"{len(self.nodes)} nodes", *(f"{k}={v!r}" for k, v in chosen.items())])

    @property
    def permutations(self) -> int:
        """Permutations of the nodes that give each so many others to share data with, if no two meet twice."""
        return math.ceil(self.scatter_width / (self.copies - 1)) if self.copies > 1 else 1

    @property
    def sets(self) -> NDArray[np.int32]:
        """The distinct sets, ``int32[sets, copies]``: positions in `nodes` in rising order."""
        return np.unique(np.sort(self._grouped[0], axis=1), axis=0)

    @cached_property
    def _grouped(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The sets of each primary, primary after primary, itself first, and where those of each begin.

        All nodes are primaries, save those of the backup.
        """
        domains = self._domains(self.copies, self.spread)
        generator = stream(self.seed)
        if self.method == "random":
            rows = _windows(domains, self.copies, self.scatter_width, generator)
        elif self.method == "tiered":
            rows = _tiered(domains, self._backups, self.copies, self.scatter_width, generator)
        else:
            sets = np.concatenate([_permutation(domains, self.copies, generator) for _ in range(self.permutations)])
            rows = np.concatenate([np.roll(sets, -first, axis=1) for first in range(self.copies)])
        rows = np.ascontiguousarray(rows[np.argsort(rows[:, 0], kind="stable")])
        of_each = np.bincount(rows[:, 0], minlength=len(domains))[self._primaries]
        if not of_each.all():
            node = self.nodes[self._primaries[of_each.argmin()]]
            if self.method == "tiered":
                raise ValueError(
                    f"there is no set for {node!r} of {self.copies} different {self.spread}s with one of them in "
                    f"{self.backup!r}: lower replicas, or leave spread out"
                )
            raise ValueError(
                f"the {self.scatter_width} nodes that follow {node!r} span too few {self.spread}s for {self.copies} "
                "replicas: give a larger scatter_width or method='permutation'"
            )
        return rows, np.concatenate([[0], np.cumsum(of_each)])

    @property
    def _backups(self) -> NDArray[np.bool_]:
        """Which nodes are in the backup."""
        found = np.zeros(len(self.nodes), bool)
        for labels in self.topology.places.values():
            found |= [label == self.backup for label in labels]
        return found

    @cached_property
    def _primaries(self) -> NDArray[np.int64]:
        """The nodes that keys may have as their first."""
        return np.flatnonzero(~self._backups)

    def _check_backup(self) -> None:
        if self.method != "tiered":
            if self.backup is not None:
                raise ValueError(f"backup is {self.backup!r} and method={self.method!r} has none: give method='tiered'")
            return
        labels = sorted({label for labels in self.topology.places.values() for label in labels})
        if self.backup not in labels:
            known = f"there are {', '.join(labels)}" if labels else "the topology has none"
            raise ValueError(f"backup is {self.backup!r}: name a domain of the topology; {known}")
        near = len(self._primaries)
        if self.copies < 2 or near < self.copies - 1:
            raise ValueError(
                f"{self.copies} replicas with one of them in {self.backup!r} need {max(self.copies - 1, 1)} nodes "
                f"elsewhere, one or more, and there are {near}: give replicas from 2 to {near + 1}"
            )

    def _options(self) -> dict[str, Any]:
        kept = super()._options()
        return {"replicas": kept.pop("copies")} | kept

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return self._primaries[rows_of(hashes, len(self._primaries))].astype(np.int32)

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return self._lists(n, domains)[kernels.rows_of(hashes, self._grouped[1])]

    def _lists(self, n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return for each row its first `n` nodes of distinct domains."""
        return preference_lists(self._grouped[0], n, domains, self._domains(self.copies, self.spread))

    def _boundaries(self) -> NDArray[np.uint64]:
        return self._row_ends

    @cached_property
    def _row_ends(self) -> NDArray[np.uint64]:
        count, starts = len(self._primaries), self._grouped[1].tolist()
        ends = [
            -(-((node << 64) - (-(j << 64) // of_node)) // count) - 1
            for node in range(count)
            for of_node in [starts[node + 1] - starts[node]]
            for j in range(1, of_node + 1)
        ]
        return np.array(ends, np.uint64)

    def _exact_ownership(self, replicas: int, domains: NDArray[np.int64], spread: str | None) -> NDArray[np.float64]:
        of_each = np.diff(self._grouped[1])
        weights = np.repeat(1 / of_each, of_each)
        return self._count(self._lists(replicas, domains), weights) / (len(of_each) * replicas)


def _permutation(domains: NDArray[np.int64], copies: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """Cut a random permutation of the nodes into sets of distinct domains; as few nodes come twice as can be."""
    nodes, sizes = len(domains), np.bincount(domains)
    rows = max(math.ceil(nodes / copies), int(sizes.max()))
    counts, missing = np.ones(nodes, np.int64), rows * copies - nodes
    for node in cycle(generator.permutation(nodes)):
        if missing == 0:
            break
        if sizes[domains[node]] < rows:
            counts[node] += 1
            sizes[domains[node]] += 1
            missing -= 1
    return random_rows(counts, domains, rows, copies, generator)


def _windows(domains: NDArray[np.int64], copies: int, width: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """List the sets of each node with choices from the nodes of other domains that follow it in a random circle."""
    nodes = len(domains)
    circle = generator.permutation(nodes).astype(np.int32)
    twice = np.concatenate([circle, circle])
    rows = []
    for at, node in enumerate(circle):
        following = twice[at + 1 : at + nodes]
        window = following[domains[following] != domains[node]][:width]
        choices = list(combinations(range(len(window)), copies - 1))
        others = np.array(choices, np.int64).reshape(len(choices), copies - 1)
        sets = np.column_stack([np.full(len(others), node, np.int32), window[others]])
        in_order = np.sort(domains[sets], axis=1)
        rows.append(sets[(np.diff(in_order, axis=1) > 0).all(axis=1)])
    return np.concatenate(rows)


def _tiered(
    domains: NDArray[np.int64], backups: NDArray[np.bool_], copies: int, width: int, generator: np.random.Generator
) -> NDArray[np.int32]:
    """List the sets of tiered replication, once for each node that may be first; the backup is the last."""
    nodes = len(domains)
    shuffled = generator.permutation(nodes)
    met: list[set[int]] = [set() for _ in range(nodes)]
    widths = np.zeros(nodes, np.int64)
    sets: list[list[int]] = []

    def fits(node: int, chosen: list[int], anew: bool) -> bool:
        tier = sum(backups[other] == backups[node] for other in chosen)
        return tier < (1 if backups[node] else copies - 1) and not any(
            node == other or domains[node] == domains[other] or (anew and node in met[other]) for other in chosen
        )

    def filled(chosen: list[int], anew: bool) -> list[int]:
        for other in shuffled[np.argsort(widths[shuffled], kind="stable")].tolist():
            if len(chosen) == copies:
                break
            if fits(other, chosen, anew):
                chosen = [*chosen, other]
        return chosen

    def made(node: int) -> bool:
        """Add a set that has the node share data with someone new, if there is one."""
        chosen = filled([node], anew=True)
        if len(chosen) < copies:
            strangers = (other for other in shuffled.tolist() if fits(other, [node], True))
            tries = (filled([node, other], anew=False) for other in strangers)
            chosen = next((full for full in tries if len(full) == copies), [])
        for at in chosen:
            met[at].update(other for other in chosen if other != at)
            widths[at] = len(met[at])
        if chosen:
            sets.append(sorted(chosen, key=lambda at: (backups[at], at)))
        return bool(chosen)

    short = shuffled.tolist()
    while short:
        short = [node for node in short if widths[node] < width and made(node)]
    found = np.array(sets, np.int32).reshape(len(sets), copies)
    near, far = found[:, :-1], found[:, -1:]
    return np.concatenate([np.hstack([np.roll(near, -first, axis=1), far]) for first in range(copies - 1)])
