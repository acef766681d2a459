"""How many nines? The unavailability of a quorum system on a topology, and what it comes from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .._check import whole
from ..display import nines
from ..quorum import Expression, Node, QuorumSystem, Unavailability
from ..quorum.chances import Domain, joint_tails
from ..quorum.expression import Gate, choose, gate, unique_nodes
from ..streams import stream
from ..topology import Topology, nearest
from ..units import years
from .counts import refuse_zero
from .failures import Failures, Maintenance

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Target = Callable[[Mapping[Node, Bools]], Bools]
System = QuorumSystem | Expression | tuple[Expression, Expression]
Method = Literal["auto", "exact", "sampled"]

USUAL_NODE, USUAL_ZONE = 1e-3, 1e-4
"""What is assumed of nodes and zones where nothing is said."""

SAMPLES = 2**16
PILOT = 2**13
MOST_NAMED = 60
"""Domains and nodes whose contributions are told one by one."""


@dataclass(frozen=True)
class SystemUnavailability(Unavailability):
    """The probability that a request finds no quorum, and what that comes from.

    Attributes
    ----------
    read, write, both, either : float
        No read quorum; no write quorum; not both; neither. With a pinned leader, a quorum includes it.
    relative_error : float
        Zero where the answer is exact; else the largest relative standard error of the four.
    """

    relative_error: float
    _model: "_Model" = field(repr=False, compare=False)

    @property
    def unavailability(self) -> float:
        """The probability that not all requests can be served: reads, writes or both fail."""
        return self.both

    @property
    def downtime(self) -> float:
        """Expected seconds a year in which not all requests can be served."""
        return self.both * years

    @property
    def nines(self) -> float:
        """Nines of the time in which all requests can be served."""
        return nines(self.both)

    @property
    def title(self) -> str:
        """The verdict in one line."""
        error = f", ± {100 * self.relative_error:.2g} % by sampling" if self.relative_error else ""
        return super().title + error

    @cached_property
    def contributions(self) -> "pd.DataFrame":
        """By kind of failure: the share of the unavailability that would be gone without it; the largest first.

        Shares may add up to more than one, as two failures together are often what it takes.
        """
        return self._model.table(self, self._model.kinds())

    @cached_property
    def by_domain(self) -> "pd.DataFrame":
        """As `contributions`, for each domain and each node by itself: what to fix first."""
        return self._model.table(self, self._model.parts())


@dataclass(frozen=True)
class _Model:
    """A system with all that can fail; `events` are level, name, members and probability."""

    reads: Expression
    writes: Expression
    nodes: tuple[Node, ...]
    alone: tuple[float, ...]
    events: tuple[tuple[str, str, frozenset[str], float], ...]
    waves: tuple[tuple[str, frozenset[str], float], ...]
    lost: frozenset[str]
    method: Method
    samples: int
    seed: int

    def answer(self) -> tuple[Floats, float]:
        """Return the joint probabilities of reads and writes, no before yes, and the relative error."""
        if self.method == "sampled":
            return self.sampled()
        try:
            total, calm = np.zeros((2, 2)), 1.0
            for _, members, weight in self.waves:
                total += weight * self.given(members)
                calm -= weight
            return total + max(calm, 0.0) * self.given(frozenset()), 0.0
        except ValueError:  # the diagram would be too large
            if self.method == "exact":
                raise
            return self.sampled()

    def given(self, fallen: frozenset[str]) -> Floats:
        gone = self.lost | fallen
        down = {node: 1.0 if node.name in gone else p for node, p in zip(self.nodes, self.alone, strict=True)}
        by_name = {node.name: node for node in self.nodes}
        domains = [
            Domain(f"{level} {name}", frozenset(by_name[m] for m in members), p)
            for level, name, members, p in self.events
        ]
        return joint_tails(self.reads, self.writes, down, domains)

    def kinds(self) -> dict[str, "_Model"]:
        levels = dict.fromkeys(level for level, *_ in self.events)
        found = {
            {"shared": "what is shared", "all": "common cause"}.get(level, f"{level}s"): self.but(
                events=tuple(e for e in self.events if e[0] != level)
            )
            for level in levels
        }
        found["nodes"] = self.but(alone=(0.0,) * len(self.nodes))
        if self.waves:
            found["maintenance"] = self.but(waves=())
        return found

    def parts(self) -> dict[str, "_Model"]:
        found = {}
        for event in self.events:
            found[f"{event[0]} {event[1]}" if event[0] != "all" else "common cause"] = self.but(
                events=tuple(e for e in self.events if e is not event)
            )
        for i, node in enumerate(self.nodes):
            found[f"node {node.name}"] = self.but(alone=(*self.alone[:i], 0.0, *self.alone[i + 1 :]))
        for wave in self.waves:
            found[f"maintenance of {wave[0]}"] = self.but(waves=tuple(w for w in self.waves if w is not wave))
        if len(found) > MOST_NAMED:
            raise ValueError(f"there are {len(found)} domains and nodes: look at contributions, which has their kinds")
        return found

    def but(self, **changed: object) -> "_Model":
        values = {name: getattr(self, name) for name in self.__dataclass_fields__} | changed
        return _Model(**values)

    def table(self, whole: SystemUnavailability, without: Mapping[str, "_Model"]) -> "pd.DataFrame":
        import pandas as pd

        rows = []
        for cause, model in without.items():
            joint, _ = model.answer()
            read, write = joint[0].sum(), joint[:, 0].sum()
            shares = [
                max(0.0, 1 - less / all_) if all_ else 0.0 for less, all_ in ((read, whole.read), (write, whole.write))
            ]
            rows.append((cause, *shares, read, write))
        columns = ["cause", "read_share", "write_share", "read_unavailability_without", "write_unavailability_without"]
        frame = pd.DataFrame(rows, columns=columns)
        return frame.sort_values(["write_share", "read_share"], ascending=False, kind="stable", ignore_index=True)

    # ---- by importance sampling

    def sampled(self) -> tuple[Floats, float]:
        """Estimate: each event is made likelier by the cross-entropy method, each answer weighed by its likelihood."""
        chances = np.array([*self.alone, *(p for *_, p in self.events)])
        estimates, errors = [], []
        alike = self.reads == self.writes
        for number, target in enumerate((self._no_read,) if alike else (self._no_read, self._no_write, self._neither)):
            tilted = self._tilted(chances, target, 100 * number)
            weights, failed, _ = self._draw(chances, tilted, self.samples, target, 100 * number + 99)
            values = weights * failed
            mean = float(values.mean())
            estimates.append(mean)
            errors.append(float(values.std(ddof=1)) / self.samples**0.5 / mean if mean else 1.0)
        read, write, either = estimates * 3 if alike else estimates
        either = min(either, read, write)
        return np.array([[either, read - either], [write - either, 1 - (read + write - either)]]), max(errors)

    def _no_read(self, up: Mapping[Node, Bools]) -> Bools:
        return ~np.asarray(self.reads.holds(up), bool)

    def _no_write(self, up: Mapping[Node, Bools]) -> Bools:
        return ~np.asarray(self.writes.holds(up), bool)

    def _neither(self, up: Mapping[Node, Bools]) -> Bools:
        return self._no_read(up) & self._no_write(up)

    def _tilted(self, chances: Floats, target: Target, chunk: int) -> Floats:
        """Return the probabilities to draw with: where failures are common, and in the mix in which they occur."""
        can = (chances > 0) & (chances < 1)
        for least in (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7):
            tilted = np.where(can, np.maximum(chances, least), chances)
            _, failed, _ = self._draw(chances, tilted, PILOT, target, chunk)
            if failed.mean() > 0.02:
                break
        for round_ in range(1, 7):
            weights, failed, happened = self._draw(chances, tilted, PILOT, target, chunk + round_)
            worth = weights * failed
            if worth.sum() > 0:
                seen = worth @ happened / worth.sum()
                tilted = np.where(can, np.clip(0.3 * tilted + 0.7 * seen, chances, np.maximum(chances, 0.95)), chances)
        return tilted

    def _draw(
        self, chances: Floats, tilted: Floats, size: int, target: Target, chunk: int
    ) -> tuple[Floats, Bools, Bools]:
        """Return the likelihood ratio of each draw, whether it is on target, and which events happened in it."""
        generator = stream(self.seed, chunk)
        happened = generator.random((size, len(chances))) < tilted
        with np.errstate(divide="ignore", invalid="ignore"):
            yes, no = np.log(chances / tilted), np.log((1 - chances) / (1 - tilted))
        can = (chances > 0) & (chances < 1)
        weights = np.exp(happened[:, can] @ yes[can] + ~happened[:, can] @ no[can])
        down = happened[:, : len(self.nodes)].copy()
        names = [node.name for node in self.nodes]
        for i, (_, _, members, _) in enumerate(self.events):
            inside = [name in members for name in names]
            down[:, inside] |= happened[:, len(names) + i, None]
        if self.waves:
            real = np.array([1 - sum(w for *_, w in self.waves), *(w for *_, w in self.waves)])
            drawn = np.array([0.5, *(0.5 * real[1:] / real[1:].sum())])
            which = generator.choice(len(real), size, p=drawn)
            weights *= (real / drawn)[which]
            for i, (_, members, _) in enumerate(self.waves):
                down[np.ix_(which == i + 1, [name in members for name in names])] = True
        down |= [name in self.lost for name in names]
        return weights, target({node: ~down[:, i] for i, node in enumerate(self.nodes)}), happened


def unavailability(
    system: System,
    topology: Topology,
    failures: Failures | float | Mapping[str, object] | None = None,
    *,
    leader: str | None = None,
    lost: Sequence[str] | Mapping[str, str] = (),
    method: Method = "auto",
    samples: int = SAMPLES,
    seed: int = 0,
) -> SystemUnavailability:
    """Return how often a quorum system on a topology cannot serve reads, or writes; and why.

    Exact, to some 14 digits at 1e-18 as well: nested domains by counting, overlapping ones by conditioning or by a
    decision diagram. Where the diagram would be too large, importance sampling takes over and says how well it knows.

    Parameters
    ----------
    system : QuorumSystem, Expression or (reads, writes)
        Whose nodes are nodes of the topology, by name. An expression alone serves reads and writes alike.
    topology : Topology
        Where the nodes are.
    failures : Failures, float or mapping, optional
        How often what is down; a number is that of each node, a mapping has the keywords of `Failures`. Where nothing
        is said, nodes are down for 1e-3 of the time and zones, if there are any, for 1e-4.
    leader : str, optional
        A node that reads and writes must go through, besides the quorum: a leader that is not replaced.
    lost : sequence of str or mapping of level to domain
        What is down already: nodes by name, or ``{"zone": "a"}``.
    method : {"auto", "exact", "sampled"}
        ``"auto"`` is exact where it can be.
    samples, seed : int
        For the sampling.

    Raises
    ------
    ValueError
        If a probability, a name or a level is wrong; each in one sentence.

    Examples
    --------
    Amazon Aurora: six copies in three zones, four for a write and three for a read.

    >>> from scalemodel.quorum import choose
    >>> cluster = Topology.grid(zones=3, nodes=2)
    >>> nodes = [Node(name) for name in cluster]
    >>> aurora = QuorumSystem(reads=choose(3, nodes), writes=choose(4, nodes))
    >>> answer = unavailability(aurora, cluster, Failures(node=1e-3, zone=1e-4))
    >>> f"{answer.write:.4e} {answer.read:.3e} {answer.nines:.2f}"
    '1.2479e-06 3.181e-08 5.90'
    >>> answer.contributions[["cause", "write_share"]].round(2).values.tolist()
    [['zones', 0.98], ['nodes', 0.98]]
    >>> f"{unavailability(aurora, cluster, lost={'zone': 'a'}).write:.2e}"
    '4.19e-03'

    References
    ----------
    Verbitski et al., "Amazon Aurora: design considerations for high throughput cloud-native relational databases",
    SIGMOD 2017, section 2.
    """
    model = model_of(system, topology, failures, leader, lost, method, samples, seed)
    joint, error = model.answer()
    found = SystemUnavailability(
        read=float(joint[0].sum()),
        write=float(joint[:, 0].sum()),
        both=float(joint[0].sum() + joint[1, 0]),
        either=float(joint[0, 0]),
        relative_error=error,
        _model=model,
    )
    if found.read == 0 or found.write == 0:
        worst = {node: _sure(model, node.name) for node in model.nodes}
        for value, side in ((found.read, model.reads), (found.write, model.writes)):
            refuse_zero(np.array([value]), np.array([not side.holds(worst)]))
    return found


def _sure(model: _Model, name: str) -> bool:
    """Tell whether nothing can take this node down."""
    alone = model.alone[[node.name for node in model.nodes].index(name)]
    return not (
        alone or name in model.lost or any(name in e[2] for e in model.events) or any(name in w[1] for w in model.waves)
    )


def model_of(
    system: System,
    topology: Topology,
    failures: Failures | float | Mapping[str, object] | None,
    leader: str | None,
    lost: Sequence[str] | Mapping[str, str],
    method: Method,
    samples: int,
    seed: int,
) -> _Model:
    """Return the system with all that can fail, checked."""
    reads, writes = system if isinstance(system, tuple) and len(system) == 2 else _sides(system)
    if not (isinstance(reads, Expression) and isinstance(writes, Expression)):
        raise TypeError(f"system is {system!r}: give a QuorumSystem, an expression of nodes, or two: reads and writes")
    if not isinstance(topology, Topology):
        raise TypeError(f"topology is {topology!r}: give a Topology with the nodes of the system")
    if method not in ("auto", "exact", "sampled"):
        raise ValueError(f"method is {method!r}: give 'auto', 'exact' or 'sampled'")
    how = failures_of(failures, topology)
    if leader is not None:
        members = unique_nodes([reads, writes])
        names = [node.name for node in members]
        if leader not in names:
            raise ValueError(f"leader is {leader!r}, which is no node of the system{nearest(str(leader), names)}")
        reads, writes = (pinned(side, members[names.index(leader)]) for side in (reads, writes))
    nodes = unique_nodes([reads, writes])
    names = [node.name for node in nodes]
    events = how.of_domains(topology, names)
    alone, common = how.of_nodes(names)
    if common:
        events.append(("all", "", frozenset(names), common))
    waves = [wave for work in how.maintenance for wave in _waves(work, topology, names)]
    if sum(weight for *_, weight in waves) > 1:
        raise ValueError("maintenance never ends: its rounds take longer than their interval, give a longer interval")
    gone = _lost(lost, topology)
    size = whole(samples, "samples", 1000, 10**8)
    return _Model(reads, writes, nodes, tuple(alone), tuple(events), tuple(waves), gone, method, size, seed)


def _sides(system: object) -> tuple[object, object]:
    return (system.reads, system.writes) if isinstance(system, QuorumSystem) else (system, system)


def failures_of(failures: Failures | float | Mapping[str, object] | None, topology: Topology) -> Failures:
    """Return the failures that were given in one of several ways."""
    if isinstance(failures, Failures):
        return failures
    if failures is None:
        return Failures(USUAL_NODE, zone=USUAL_ZONE) if "zone" in topology.places else Failures(USUAL_NODE)
    if isinstance(failures, Mapping):
        return Failures(**failures)  # type: ignore[arg-type]
    return Failures(failures)


def pinned(expression: Expression, leader: Node) -> Expression:
    """Return the quorums that hold the leader, in a form without repeated nodes where there is one."""
    if isinstance(expression, Gate) and leader in expression.parts:
        rest = [(part, vote) for part, vote in zip(expression.parts, expression.votes, strict=True) if part != leader]
        need = expression.k - expression.votes[expression.parts.index(leader)]
        if need <= 0 or not rest:
            return leader
        parts, votes = zip(*rest, strict=True)
        return leader * gate(need, parts, votes)
    return leader * expression


def _waves(work: Maintenance, topology: Topology, names: Iterable[str]) -> list[tuple[str, frozenset[str], float]]:
    if work.level != "node" and work.level not in topology.places:
        known = ("node", *topology.places)
        raise ValueError(
            f"maintenance goes by the level {work.level!r}{nearest(work.level, known)}; give one of {', '.join(known)}"
        )
    inside: dict[str, set[str]] = {}
    for name in names:
        label = name if work.level == "node" else topology.places[work.level][topology.index(name)]
        inside.setdefault(label, set()).add(name)
    return [(f"{work.level} {label}", frozenset(ones), work.duration / work.interval) for label, ones in inside.items()]


def _lost(lost: Sequence[str] | Mapping[str, str], topology: Topology) -> frozenset[str]:
    if isinstance(lost, str):
        raise TypeError(f"lost is the string {lost!r}: give a list of nodes, or a level and its domain as a mapping")
    if not isinstance(lost, Mapping):
        return frozenset(topology.nodes[topology.index(name)] for name in lost)
    gone: set[str] = set()
    for level, label in lost.items():
        if level not in topology.places:
            raise ValueError(f"lost names the level {level!r}{nearest(level, topology.places)}: give one that there is")
        if label not in topology.places[level]:
            hint = nearest(str(label), topology.places[level])
            raise ValueError(f"lost names the {level} {label!r}, which there is not{hint}")
        gone |= {name for name, at in zip(topology.nodes, topology.places[level], strict=True) if at == label}
    return frozenset(gone)


def replica_nodes(topology: Topology, n: int, spread: str | None = "zone") -> tuple[Node, ...]:
    """Return `n` nodes of a topology for the replicas of one item, spread over the domains of a level in turn.

    Examples
    --------
    >>> [node.name for node in replica_nodes(Topology.grid(zones=3, nodes=2), 4)]
    ['a-1', 'b-1', 'c-1', 'a-2']
    """
    whole(n, "n, the number of replicas,", 1, len(topology))
    if spread is not None and spread != "zone":
        topology.count(spread)  # says which levels there are
    labels = topology.nodes if spread is None else topology.places.get(spread, topology.nodes)
    seen: dict[str, int] = {}
    turns = []
    for i, label in enumerate(labels):
        turns.append((seen.get(label, 0), i))
        seen[label] = seen.get(label, 0) + 1
    places = topology.places.get("zone")
    chosen = [topology.nodes[i] for _, i in sorted(turns)[:n]]
    return tuple(Node(name, place=places[topology.index(name)] if places else None) for name in chosen)


def replica_quorums(
    topology: Topology, n: int, r: int, w: int, spread: str | None = "zone"
) -> tuple[Expression, Expression]:
    """Return the read and write quorums of an item with `n` replicas: any `r` of them, and any `w`.

    They need not overlap: Dynamo's partial quorums are as good here.

    Examples
    --------
    >>> system = replica_quorums(Topology.grid(zones=3, nodes=2), n=3, r=2, w=2)
    >>> f"{unavailability(system, Topology.grid(zones=3, nodes=2), Failures(node=1e-3, zone=1e-4)).write:.4e}"
    '3.6267e-06'
    """
    nodes = replica_nodes(topology, n, spread)
    reads, writes = (choose(whole(k, name, 1, n), nodes) for k, name in ((r, "r"), (w, "w")))
    return reads, writes
