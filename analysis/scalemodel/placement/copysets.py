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
    method : {"permutation", "random"}
        ``"permutation"`` is copyset replication: ``scatter_width / (replicas - 1)`` random permutations of the nodes,
        rounded up, are cut into sets; if the nodes do not divide evenly, some come twice. ``"random"`` is the random
        replication of HDFS: the nodes are put in a random circle, and all choices from the `scatter_width` nodes that
        follow the primary are sets (so a node shares data with as many before it, too).
    spread : str, optional
        A level of the topology, such as ``"rack"``: no two nodes of a set share a domain of it.
    seed : int
        Draws other sets, and another hash of the keys.

    Examples
    --------
    The paper's nine nodes, of which each shares data with four others:

    >>> len(Copysets(9, scatter_width=4, seed=2).sets), len(Copysets(9, scatter_width=4, method="random").sets)
    (6, 54)

    References
    ----------
    Cidon et al., "Copysets: reducing the frequency of data loss in cloud storage", USENIX ATC 2013, sections 2 and 4.
    """

    copies: int
    scatter_width: int
    method: Literal["permutation", "random"]
    spread: str | None

    def __init__(
        self,
        nodes: Nodes,
        replicas: int = 3,
        scatter_width: int = 10,
        method: Literal["permutation", "random"] = "permutation",
        spread: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(nodes, seed=seed, copies=replicas, scatter_width=scatter_width, method=method, spread=spread)
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
        if method not in ("permutation", "random"):
            raise ValueError(f"method is {method!r}: give 'permutation' or 'random'")
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
        """The sets of each primary, primary after primary, itself first, and where those of each begin."""
        domains = self._domains(self.copies, self.spread)
        generator = stream(self.seed)
        if self.method == "random":
            rows = _windows(domains, self.copies, self.scatter_width, generator)
        else:
            sets = np.concatenate([_permutation(domains, self.copies, generator) for _ in range(self.permutations)])
            rows = np.concatenate([np.roll(sets, -first, axis=1) for first in range(self.copies)])
        rows = np.ascontiguousarray(rows[np.argsort(rows[:, 0], kind="stable")])
        of_each = np.bincount(rows[:, 0], minlength=len(domains))
        if not of_each.all():
            node = self.nodes[int(of_each.argmin())]
            raise ValueError(
                f"the {self.scatter_width} nodes that follow {node!r} span too few {self.spread}s for {self.copies} "
                "replicas: give a larger scatter_width or method='permutation'"
            )
        return rows, np.concatenate([[0], np.cumsum(of_each)])

    def _options(self) -> dict[str, Any]:
        kept = super()._options()
        return {"replicas": kept.pop("copies")} | kept

    def _lookup(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        return rows_of(hashes, len(self.nodes)).astype(np.int32)

    def _replicas(self, hashes: NDArray[np.uint64], n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        return self._lists(n, domains)[kernels.rows_of(hashes, self._grouped[1])]

    def _lists(self, n: int, domains: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return for each row its first `n` nodes of distinct domains."""
        return preference_lists(self._grouped[0], n, domains, self._domains(self.copies, self.spread))

    def _boundaries(self) -> NDArray[np.uint64]:
        return self._row_ends

    @cached_property
    def _row_ends(self) -> NDArray[np.uint64]:
        count, starts = len(self.nodes), self._grouped[1].tolist()
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
