"""How long until a quorum has answered: the law of picked sets of nodes, and of a strategy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..latency import Constant, Latency, slowest
from .chances import tails
from .expression import Bools, Expression, Node
from .programs import constant

Floats = NDArray[np.float64]

CASES = 2**20
"""Pairs of a set and a time that are computed at once."""

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def law_of(node: Node) -> Latency:
    """Return a node's latency."""
    fixed = constant(node)
    return node.latency if fixed is None else Constant(fixed)


def log_in_time(nodes: Sequence[Node], times: Floats, left: bool = False) -> Floats:
    """Return ``float64[nodes, times]``: the logarithm of the probability that a node has answered by then."""
    laws: dict[Latency, Floats] = {}
    for law in map(law_of, nodes):
        if law not in laws:
            below, above = law._tails(times, left)
            with np.errstate(divide="ignore"):
                logs = np.where(above < 0.5, np.log1p(-above), np.log(below))
            laws[law] = np.maximum(logs, -1e4)  # never: but zero times it is zero
    return np.array([laws[law_of(node)] for node in nodes])


@dataclass(frozen=True, eq=False)
class Picked:
    """Sets of nodes that are asked, and of which a quorum has to answer.

    Attributes
    ----------
    expression : Expression
        The quorums.
    nodes : sequence of Node
        All nodes of the system.
    sets : bool[sets, nodes]
        Who is asked.
    minimal : bool
        Whether every member of every set has to answer.
    """

    expression: Expression
    nodes: Sequence[Node]
    sets: Bools = field(repr=False)
    minimal: bool

    @classmethod
    def of(cls, expression: Expression, nodes: Sequence[Node], sets: Bools) -> "Picked":
        """Find out whether the sets are minimal."""
        up = {node: sets[:, i].copy() for i, node in enumerate(nodes)}
        for i, node in enumerate(nodes):
            members = sets[:, i]
            if members.any():
                up[node] = np.zeros(len(sets), np.bool_)
                if (np.asarray(expression.holds(up)) & members).any():
                    return cls(expression, nodes, sets, False)
                up[node] = members
        return cls(expression, nodes, sets, True)

    def tails(self, times: Floats, left: bool = False) -> tuple[Floats, Floats]:
        """Return ``float64[sets, times]`` twice: the probability that a quorum has answered by then, and has not."""
        if self.minimal:
            log = self.sets.astype(np.float64) @ log_in_time(self.nodes, times, left)
            return np.exp(log), -np.expm1(log)
        both = [law_of(node)._tails(times, left) for node in self.nodes]
        below, above = np.empty((2, len(self.sets), len(times)))
        size = max(CASES // max(len(times), 1), 1)
        for start in range(0, len(self.sets), size):
            part = self.sets[start : start + size]
            asked = {node: part[:, i, None] for i, node in enumerate(self.nodes)}
            down = {node: np.where(asked[node], both[i][1], 1.0).ravel() for i, node in enumerate(self.nodes)}
            up = {node: np.where(asked[node], both[i][0], 0.0).ravel() for i, node in enumerate(self.nodes)}
            no, yes = tails(self.expression, down, up)
            above[start : start + size], below[start : start + size] = (x.reshape(len(part), -1) for x in (no, yes))
        return below, above

    def means(self) -> Floats:
        """Return the mean time in seconds until each set has answered."""
        used = [node for i, node in enumerate(self.nodes) if self.sets[:, i].any()]
        laws = list(dict.fromkeys(map(law_of, used)))
        if all(low == high for low, high in (law.support for law in laws)):
            return self._constant_means()
        for law in laws:
            if law.mean() == math.inf:
                raise ValueError(f"the mean of {law.description} is infinite: ask for a percentile")
        edges = np.unique(np.concatenate([law.on_grid().edges for law in [slowest(laws), *laws]]))
        half = np.diff(edges) / 2
        times = (edges[:-1] + half)[:, None] + half[:, None] * _POINTS
        weights = half[:, None] * _WEIGHTS
        means = np.full(len(self.sets), edges[0])
        size = max(CASES // max(len(self.sets), 1), 1)
        for start in range(0, times.size, size):
            part = slice(start, start + size)
            means += self.tails(times.ravel()[part])[1] @ weights.ravel()[part]
        return means

    def _constant_means(self) -> Floats:
        delays = np.array([law_of(node).support[0] for node in self.nodes])
        times = np.unique(delays[self.sets.any(axis=0)])
        return times[self.tails(times)[0].argmax(axis=1)]

    @property
    def start(self) -> float:
        """The earliest time at which any set can have answered, in seconds."""
        starts = np.array([law_of(node).support[0] for node in self.nodes])
        for time in np.unique(starts):
            quick = starts <= time
            if np.any(self.expression.holds({node: self.sets[:, i] & quick[i] for i, node in enumerate(self.nodes)})):
                return float(time)
        raise AssertionError("a picked set holds no quorum")


@dataclass(frozen=True, eq=False, repr=False)
class QuorumLatency(Latency):
    """The time until a request is answered, whose quorum is picked at random: a mixture of exact laws."""

    parts: tuple[tuple[Picked, Floats], ...]
    """Picked sets and the probability of each; the probabilities of all parts sum to 1."""

    @property
    def description(self) -> str:
        """The law in a few words."""
        return f"the latency of {sum(len(picked.sets) for picked, _ in self.parts)} quorums"

    def __repr__(self) -> str:
        return f"QuorumLatency({self.description})"

    def _tails(self, t: Floats, left: bool = False) -> tuple[Floats, Floats]:
        below, above = np.zeros((2, len(t)))
        for picked, weights in self._grouped:
            for part in np.array_split(np.arange(len(t)), max(len(t) * len(weights) // CASES, 1)):
                low, high = picked.tails(t[part], left)
                below[part] += weights @ low
                above[part] += weights @ high
        return below, above

    def _pdf(self, t: Floats) -> Floats:
        return self._table._pdf(t)

    @cached_property
    def _grouped(self) -> list[tuple[Picked, Floats]]:
        """The parts, sets of nodes with the same latencies gathered where only these matter."""
        return [_gathered(picked, weights) if picked.minimal else (picked, weights) for picked, weights in self.parts]

    @cached_property
    def _laws(self) -> list[Latency]:
        used = [
            law_of(node) for picked, _ in self.parts for i, node in enumerate(picked.nodes) if picked.sets[:, i].any()
        ]
        return list(dict.fromkeys(used))

    @cached_property
    def _knots(self) -> Floats:
        knots = np.unique(np.concatenate([law._knots for law in self._laws]))
        return knots[knots >= min(picked.start for picked, _ in self.parts)]

    @cached_property
    def _jumps(self) -> Floats:
        jumps = np.unique(np.concatenate([law._jumps for law in self._laws]))
        return jumps[jumps >= self._knots[0]]

    @cached_property
    def _spread(self) -> float:
        typical = [law._knots[0] + law._spread for law in self._laws]
        return max(float(np.median(typical)) - float(self._knots[0]), min(law._spread for law in self._laws))


def _gathered(picked: Picked, weights: Floats) -> tuple[Picked, Floats]:
    """Replace the members of minimal sets by others of the same law, so that sets become equal, and gather them."""
    homes: dict[Latency, list[int]] = {}
    for i, node in enumerate(picked.nodes):
        homes.setdefault(law_of(node), []).append(i)
    sets = np.zeros_like(picked.sets)
    for members in homes.values():
        sets[:, members] = np.arange(len(members)) < picked.sets[:, members].sum(axis=1)[:, None]
    unique, inverse = np.unique(sets, axis=0, return_inverse=True)
    return (
        Picked(picked.expression, picked.nodes, unique, True),
        np.bincount(inverse.ravel(), weights, len(unique)).astype(np.float64),
    )
