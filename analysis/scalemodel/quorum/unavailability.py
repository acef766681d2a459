"""How often is there no quorum? Exactly, with nodes of different reliability and nested failure domains."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display import DASHES, PALETTE, Shown, axes, format_nines, nines
from ..topology import Topology, nearest
from ..units import minutes, years
from .chances import Domain, joint_tails
from .expression import Expression, Node, choose

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Down = float | Sequence[float] | Mapping[str, Any]


@dataclass(frozen=True)
class Unavailability(Shown):
    """The probability that a request finds no quorum among the nodes that are up.

    Attributes
    ----------
    read, write : float
        There is no read quorum; no write quorum.
    both : float
        Reads or writes, or both, are impossible.
    either : float
        Neither reads nor writes are possible.
    """

    read: float
    write: float
    both: float
    either: float

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return f"Reads {format_nines(self.read)}, writes {format_nines(self.write)}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per kind of request: unavailability, nines and the downtime of a year."""
        import pandas as pd

        rows = [("read", self.read), ("write", self.write), ("read and write", self.both), ("any", self.either)]
        table = [(what, p, nines(p), p * years / minutes) for what, p in rows]
        return pd.DataFrame(table, columns=["request", "unavailability", "nines", "downtime_min_per_year"])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the nines of each kind of request."""
        ax = axes(ax)
        frame = self.to_frame()
        ax.barh(frame.request[::-1], frame.nines[::-1], color=PALETTE[0])
        ax.set(xlabel="nines", title="Availability")
        return ax


@dataclass(frozen=True)
class Thresholds(Shown):
    """Reads of any r nodes and writes of any n - r + 1, for every r."""

    rows: tuple[tuple[int, int, float, float, float], ...]

    @property
    def title(self) -> str:
        """What varies."""
        return f"Read and write quorums of {len(self.rows)} nodes: availability as the threshold moves"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per threshold."""
        import pandas as pd

        columns = ["r", "w", "read_unavailability", "write_unavailability", "both_unavailability"]
        return pd.DataFrame(self.rows, columns=columns)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw both unavailabilities against the read quorum, on a logarithmic axis."""
        ax = axes(ax)
        frame = self.to_frame()
        for i, side in enumerate(("read", "write", "both")):
            label = {"read": "reads", "write": "writes", "both": "reads and writes"}[side]
            style: dict[str, Any] = {"color": PALETTE[i], "linestyle": DASHES[i], "marker": "os^"[i]}
            ax.plot(frame.r, frame[f"{side}_unavailability"], label=label, **style)
        ax.set_yscale("log")
        ax.set_xticks(frame.r, [f"{r} / {w}" for r, w in zip(frame.r, frame.w, strict=True)])
        ax.set(xlabel="nodes that a read / a write needs", ylabel="unavailability", title=self.title)
        ax.legend()
        return ax


def thresholds(nodes: Iterable[Node], p: Down, topology: Topology | None = None) -> Thresholds:
    """Tell how read and write availability trade as the quorum sizes move.

    Parameters
    ----------
    nodes : iterable of Node
        The replicas.
    p, topology
        As for `QuorumSystem.unavailability`.

    Examples
    --------
    >>> thresholds(map(Node, "abc"), 0.01).to_frame().round(6).iloc[:, :4].values.tolist()
    [[1.0, 3.0, 1e-06, 0.029701], [2.0, 2.0, 0.000298, 0.000298], [3.0, 1.0, 0.029701, 1e-06]]
    """
    chosen = tuple(nodes)
    n = len(chosen)
    rows = []
    for r in range(1, n + 1):
        found = unavailability_of(choose(r, chosen), choose(n - r + 1, chosen), chosen, p, topology)
        rows.append((r, n - r + 1, found.read, found.write, found.both))
    return Thresholds(tuple(rows))


def unavailability_of(
    reads: Expression, writes: Expression, nodes: Sequence[Node], p: Down, topology: Topology | None
) -> Unavailability:
    """Return the unavailability of reads and writes; see `QuorumSystem.unavailability`."""
    down, domains = failures_of(nodes, p, topology)
    joint = joint_tails(reads, writes, down, domains)
    return Unavailability(
        read=float(joint[0].sum()),
        write=float(joint[:, 0].sum()),
        both=float(joint[0].sum() + joint[1, 0]),
        either=float(joint[0, 0]),
    )


def failures_of(nodes: Sequence[Node], p: Down, topology: Topology | None) -> tuple[dict[Node, float], list[Domain]]:
    """Return the probability of each node on its own, and the failure domains."""
    names = [node.name for node in nodes]
    if not isinstance(p, Mapping):
        return _of_nodes(nodes, p), []
    levels = _levels(nodes, topology)
    if topology is None and set(p) <= set(names) and not set(p) <= {"node", *levels}:
        return _of_nodes(nodes, p), []
    if unknown := [level for level in p if level != "node" and level not in levels]:
        known = ", ".join(["node", *levels])
        hint = nearest(str(unknown[0]), ["node", *levels, *names])
        raise ValueError(
            f"p names the level {unknown[0]!r}{hint}; give levels out of {known}, or a value for each node"
        )
    domains = []
    for level, value in p.items():
        if level == "node":
            continue
        members: dict[str, list[Node]] = {}
        for node, label in zip(nodes, levels[level], strict=True):
            members.setdefault(label, []).append(node)
        if isinstance(value, Mapping) and (lacking := [label for label in members if label not in value]):
            raise ValueError(f"p has no probability for the {level} {lacking[0]!r}: give one for each {level}")
        for label, inside in members.items():
            chance = value[label] if isinstance(value, Mapping) else value
            domains.append(Domain(f"{level} {label}", frozenset(inside), _chance(chance, f"the {level} {label!r}")))
    return _of_nodes(nodes, p.get("node", 0.0)), domains


def _levels(nodes: Sequence[Node], topology: Topology | None) -> dict[str, list[str]]:
    """Return the domain of each node at each level."""
    if topology is not None:
        at = [topology.index(node.name) for node in nodes]
        return {level: [labels[i] for i in at] for level, labels in topology.places.items()}
    places = [node.place for node in nodes if node.place is not None]
    if not places:
        return {}
    if len(places) < len(nodes):
        lacking = next(node.name for node in nodes if node.place is None)
        raise ValueError(f"node {lacking!r} has no place and others have: give Node({lacking!r}, place=...)")
    return {"zone": places}


def _of_nodes(nodes: Sequence[Node], p: Any) -> dict[Node, float]:
    if isinstance(p, Mapping):
        names = [node.name for node in nodes]
        if unknown := [name for name in p if name not in names]:
            raise ValueError(f"p names {unknown[0]!r}, which is no node of the system{nearest(str(unknown[0]), names)}")
        if lacking := [name for name in names if name not in p]:
            raise ValueError(f"p has no probability for node {lacking[0]!r}: give one for each node")
        return {node: _chance(p[node.name], f"node {node.name!r}") for node in nodes}
    if isinstance(p, str) or np.ndim(p) > 1:
        raise TypeError(f"p is {p!r}: give a probability, one for each node, or a mapping")
    if np.ndim(p) == 1:
        values = list(p)
        if len(values) != len(nodes):
            raise ValueError(f"p has {len(values)} probabilities for {len(nodes)} nodes: give one for each")
        return {node: _chance(q, f"node {node.name!r}") for node, q in zip(nodes, values, strict=True)}
    return {node: _chance(p, "a node") for node in nodes}


def _chance(value: Any, whose: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"the probability that {whose} is down is {value!r}: give a number from 0 to 1")
    if not 0 <= float(value) <= 1:
        raise ValueError(f"the probability that {whose} is down is {value!r}: give a number from 0 to 1")
    return float(value)
