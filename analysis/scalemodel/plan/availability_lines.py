"""How often a design cannot answer, what that comes from, whether it loses data, and how long nobody leads."""

from collections import Counter
from collections.abc import Iterator, Mapping

from ..availability import (
    Failures,
    Replicas,
    SystemUnavailability,
    durability,
    election_downtime,
    failover_budget,
    replica_nodes,
    replica_quorums,
    unavailability,
)
from ..display import format_share, nines
from ..quorum import Expression, Node, QuorumSystem, choose
from ..topology import Topology
from ..units import years
from .design import Design, Risks
from .evaluation import Line
from .replication_lines import Levelled, store_of


def availability_lines(design: Design) -> Iterator[Line]:
    """Say how available reads and writes are, now and after losing a node or a zone, how durable data, who leads."""
    risks = design.risks
    assert risks is not None
    if risks.failures is not None:
        yield from _nines(design, risks.failures)
    if risks.failures_per_year is not None and risks.repair is not None:
        yield from _durability(design, risks.failures_per_year, risks.repair)
    if risks.election is not None:
        yield from _failover(risks)


def _nines(design: Design, failures: Failures) -> Iterator[Line]:
    subject = "availability"
    system, topology = members_of(design)
    answer = unavailability(system, topology, failures)
    for what, value in (("reads", answer.read), ("writes", answer.write)):
        yield Line(
            subject, f"nines of {what}", nines(value), "", f"unavailable {value:.2e} of the time{_why(answer, what)}"
        )
    yield Line(subject, "downtime a year", answer.downtime, "s", "in which reads or writes fail")
    names = [node.name for node in _nodes(system)]
    lost: dict[str, list[str] | Mapping[str, str]] = {"a node": [names[0]]}
    for level in ("zone", "region"):
        if level in topology.places and topology.count(level) > 1:
            lost[f"a {level}"] = {level: topology.places[level][topology.index(names[0])]}
    for what, gone in lost.items():
        left = unavailability(system, topology, failures, lost=gone)
        for side, value in (("reads", left.read), ("writes", left.write)):
            note = f"unavailable {value:.2e} of the time" if value < 1 else f"no {side} at all"
            yield Line(subject, f"nines of {side} without {what}", nines(value), "", note)


def _why(answer: SystemUnavailability, what: str) -> str:
    """Return the kind of failure that most of it comes from."""
    column = f"{what.removesuffix('s')}_share"
    causes = answer.contributions.sort_values(column, ascending=False)
    if not len(causes):
        return ""
    cause, share = causes["cause"].iloc[0], causes[column].iloc[0]
    return f"; without failures of {cause}, {format_share(share)} of that would be gone"


def _durability(design: Design, failures_per_year: float, repair: float) -> Iterator[Line]:
    subject = "durability"
    safe = durability(Replicas(design.replicas), afr=failures_per_year, repair=repair)
    note = f"of one key within a year; a copy is made again in {repair / 3600:.3g} h"
    yield Line(subject, "nines", safe.nines, "", f"loss {safe.annual_loss_probability:.2e} {note}")
    yield Line(subject, "mean time to data loss", safe.mttdl / years, "years", "of one key")
    for what, copies in _lost_copies(design).items():
        name = f"nines after losing a {what}"
        if copies >= design.replicas:
            yield Line(subject, name, 0.0, "", "all copies of some keys were there")
            continue
        left = durability(Replicas(design.replicas), afr=failures_per_year, repair=repair, lost=copies)
        chance = left.loss_probability(1 * years)
        yield Line(subject, name, nines(chance), "", "of the keys that had a copy there, within a year")


def _lost_copies(design: Design) -> dict[str, int]:
    """Return how many copies of a key a node and a zone hold at most."""
    placement = design.placement
    lists = placement.replicas(list(range(64)), design.replicas, design.spread)
    out = {"node": 1}
    if zones := placement.topology.places.get("zone"):
        out["zone"] = max(max(Counter(zones[node] for node in row).values()) for row in lists.tolist())
    return out


def _failover(risks: Risks) -> Iterator[Line]:
    subject = "failover"
    assert risks.election is not None
    down = election_downtime(risks.election)
    yield Line(subject, "downtime per leader loss", down.mean, "s", "in the mean")
    yield Line(subject, "downtime per leader loss p99", float(down.quantile(0.99)), "s", "")
    if risks.objective is not None:
        budget = failover_budget(down, risks.objective, risks.leader_losses_per_year)
        note = f"into an unavailability of {risks.objective:g}, and nothing else may fail"
        yield Line(subject, "leader losses a year that fit", budget.losses_that_fit, "", note)
        note = f"{risks.leader_losses_per_year:g} leader losses a year"
        yield Line(subject, "budget used", budget.used, "share", note)


def members_of(design: Design) -> tuple[QuorumSystem | tuple[Expression, Expression], Topology]:
    """Return who must be up for a key's reads and writes, and where those are."""
    topology = design.placement.topology
    n, spread = design.replicas, design.spread
    if design.quorums is not None:
        return design.quorums, _standing_for_domains(design.quorums, topology)
    store = store_of(design)
    if isinstance(store, Levelled):
        nodes = replica_nodes(topology, n, spread)
        reads, writes = (_level(store.store.needed(level), nodes, topology) for level in (store.reads, store.writes))
        return (reads, writes), topology
    how = design.consistency
    r, w = (1, n) if how is None else (int(how.reads), int(how.writes))
    return replica_quorums(topology, n, r, w, spread), topology


def _level(needed: Mapping[str, int], nodes: tuple[Node, ...], topology: Topology) -> Expression:
    """Return the quorums of a consistency level over the replicas of a key."""
    regions = topology.places["region"]
    sides = []
    for region, count in needed.items():
        there = [node for node in nodes if region in ("any", regions[topology.index(node.name)])]
        sides.append(choose(count, there))
    out = sides[0]
    for side in sides[1:]:
        out = out * side
    return out


def _standing_for_domains(quorums: QuorumSystem, topology: Topology) -> Topology:
    """Return a topology in which a domain that is a member is one node: any of its nodes, which has the key's copy."""
    names = [node.name for node in quorums.nodes]
    if all(name in topology.nodes for name in names):
        return topology
    first = []
    for name in names:
        held = [level for level in topology.places.values() if name in level]
        first.append(topology.nodes.index(name) if name in topology.nodes else held[0].index(name))
    places = {level: [labels[i] for i in first] for level, labels in topology.places.items()}
    return Topology(names, places=places)


def _nodes(system: QuorumSystem | tuple[Expression, Expression]) -> tuple[Node, ...]:
    return system.nodes if isinstance(system, QuorumSystem) else system[0].nodes + system[1].nodes
