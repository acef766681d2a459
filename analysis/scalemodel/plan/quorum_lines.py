"""What a design's quorums can carry and survive."""

from collections.abc import Iterator, Mapping

from ..quorum import Node, QuorumSystem, parse
from ..topology import Topology
from ..workload import Workload
from .design import Design
from .evaluation import Line


def read_quorums(
    reads: str | None, writes: str | None, topology: Topology, spread: str | None, capacity: float | None
) -> QuorumSystem:
    """Read quorum expressions whose names are the topology's nodes, or the domains that keep the copies apart.

    A domain stands for its nodes together: each has a copy of its share of the keys.
    """
    known = _members(topology, spread, capacity)
    sides = [None if text is None else parse(text, known.values()) for text in (reads, writes)]
    return QuorumSystem(*sides)


def _members(topology: Topology, spread: str | None, capacity: float | None) -> Mapping[str, Node]:
    per_weight = 1.0 if capacity is None else capacity
    found = {
        name: Node(name, per_weight * weight, per_weight * weight)
        for name, weight in zip(topology.nodes, topology.weights, strict=True)
    }
    if spread is not None:
        domains = topology.places[spread]
        for domain in dict.fromkeys(domains):
            total = per_weight * sum(w for w, place in zip(topology.weights, domains, strict=True) if place == domain)
            found.setdefault(domain, Node(domain, total, total))
    return found


def quorum_lines(design: Design, workload: Workload) -> Iterator[Line]:
    """Say what the best strategy asks of the busiest member, what that can carry, and which failures it survives."""
    quorums, subject = design.quorums, "quorum"
    assert quorums is not None
    best = quorums.strategy(workload.read_fraction)
    yield Line(subject, "members", len(quorums.nodes), "", quorums.title)
    shares = best.node_load(workload.read_fraction)
    if design.capacity is not None:
        capacity = best.capacity(workload.read_fraction)
        note = f"at {workload.read_fraction:.0%} reads, best strategy; keys spread evenly"
        yield Line(subject, "capacity", capacity, "requests/s", note)
        used = workload.load.peak() / capacity
        yield Line(subject, "utilisation of the busiest member", used, "share", "at the peak")
    else:
        note = "of all requests, best strategy"
        yield Line(subject, "load of the busiest member", float(shares.max()), "share", note)
    yield Line(subject, "members asked by a request", best.network_load(workload.read_fraction), "", "in the mean")
    yield Line(subject, "failures that reads survive", quorums.read_resilience, "", "whichever members fail")
    yield Line(subject, "failures that writes survive", quorums.write_resilience, "", "whichever members fail")
