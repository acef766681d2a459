"""Unavailability on a topology, what it comes from, and partitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import availability as reference
from repyability import FaultTree

from scalemodel.availability import (
    Failures,
    Maintenance,
    Shared,
    down_from_afr,
    down_from_mtbf,
    down_from_sla,
    k_of_n_unavailability,
    partition_unavailability,
    replica_nodes,
    replica_quorums,
    spread_unavailability,
    unavailability,
)
from scalemodel.availability.nines import pinned
from scalemodel.quorum import Node, QuorumSystem, choose, grid, majority
from scalemodel.topology import Topology

USUAL = Failures(node=1e-3, zone=1e-4)


def in_zones(*counts: int) -> Topology:
    zones = [chr(97 + z) for z, n in enumerate(counts) for _ in range(n)]
    return Topology([f"n{i}" for i in range(len(zones))], places={"zone": zones})


def nodes_of(topology: Topology) -> list[Node]:
    return [Node(name) for name in topology]


def its_tree(k: int, topology: Topology, node: float, domains: list[tuple[frozenset[str], float]]) -> FaultTree:
    """RePyability's fault tree: fewer than k nodes up, each down by itself or with a domain."""
    gates: dict = {"top": ("vote", len(topology) - k + 1, [f"down {n}" for n in topology])}
    events = {f"node {n}": node for n in topology}
    for n in topology:
        causes = [f"domain {i}" for i, (members, _) in enumerate(domains) if n in members]
        gates[f"down {n}"] = ("or", [f"node {n}", *causes])
    return FaultTree(gates, events | {f"domain {i}": p for i, (_, p) in enumerate(domains)})


def of_level(topology: Topology, level: str, p: float) -> list[tuple[frozenset[str], float]]:
    labels = topology.places[level]
    return [
        (frozenset(n for n, at in zip(topology, labels, strict=True) if at == label), p)
        for label in dict.fromkeys(labels)
    ]


# ---- published figures


def test_aurora():
    six = in_zones(2, 2, 2)
    nodes = nodes_of(six)
    system = QuorumSystem(reads=choose(3, nodes), writes=choose(4, nodes))
    found = unavailability(system, six, USUAL)
    assert found.write == pytest.approx(1.2479e-6, rel=5e-5)
    assert found.read == pytest.approx(3.181e-8, rel=2e-4)
    assert found.unavailability == found.both == pytest.approx(found.write, rel=1e-14)
    assert found.either == pytest.approx(found.read, rel=1e-14)
    assert (found.write, found.read) == pytest.approx(spread_unavailability([4, 3], 6, 3, 1e-3, 1e-4), rel=1e-14)
    assert found.relative_error == 0


def test_two_zones_are_no_better_than_one():
    figures = {(1, 1, 1): 3.627e-6, (2, 1): 1.0320e-4, (3,): 1.0300e-4, (2, 2, 1): 6.399e-7, (1,) * 5: 1.3284e-8}
    for counts, expected in figures.items():
        cluster = in_zones(*counts)
        found = unavailability(majority(nodes_of(cluster)), cluster, USUAL)
        assert found.unavailability == pytest.approx(expected, rel=3e-4)


def test_five_replicas_are_no_better_than_three_at_a_common_cause_of_five_percent():
    for n, expected, alone in ((3, 5.2706e-5, 2.998e-6), (5, 5.0009e-5, 9.985e-9)):
        cluster = in_zones(n)
        found = unavailability(majority(nodes_of(cluster)), cluster, Failures(1e-3, beta=0.05))
        assert found.unavailability == pytest.approx(expected, rel=1e-5)
        assert found.contributions.cause[0] == "common cause"
        assert unavailability(majority(nodes_of(cluster)), cluster, 1e-3).unavailability == pytest.approx(
            alone, rel=1e-4
        )


def test_consistent_and_available_on_three_sites():
    mesh = in_zones(1, 1, 1)
    found = partition_unavailability(majority(nodes_of(mesh)), mesh, 1e-3, {"zone": 1e-4}, leader="n0")
    assert found.write == pytest.approx([1.0121e-4] * 3, rel=3e-5)
    assert found.pinned[1:] == pytest.approx([2.0209e-4] * 2, rel=3e-5)
    assert found.any_replica == pytest.approx([1e-4] * 3, rel=1e-14)
    assert found.diverge == pytest.approx(3.297e-6, rel=2e-4)
    assert found.nowhere == pytest.approx(3.309e-7, rel=2e-4)
    assert found.price == pytest.approx(1.0121, abs=1e-4)


def test_consistent_on_a_ring_of_five():
    ring = in_zones(1, 1, 1, 1, 1)
    links = {("abcde"[i], "abcde"[(i + 1) % 5]): 1e-3 for i in range(5)}
    found = partition_unavailability(majority(nodes_of(ring)), ring, links, {"zone": 1e-4})
    assert found.write == pytest.approx([1.0363e-4] * 5, rel=5e-5)
    assert found.pinned is None


# ---- the oracle


@pytest.mark.parametrize(("k", "counts"), [(2, (1, 1, 1)), (3, (2, 2, 1)), (4, (2, 2, 2)), (6, (4, 4, 3))])
def test_nested_domains_against_a_fault_tree(k, counts):
    cluster = in_zones(*counts)
    found = unavailability((choose(k, nodes_of(cluster)),) * 2, cluster, USUAL).read
    tree = its_tree(k, cluster, 1e-3, of_level(cluster, "zone", 1e-4))
    assert found == pytest.approx(tree.top_event_probability(), rel=1e-14)


@settings(max_examples=15, deadline=None)
@given(data=st.data(), n=st.integers(2, 7))
def test_overlapping_domains_against_a_fault_tree(data, n):
    letters = st.lists(st.sampled_from("xyz"), min_size=n, max_size=n)
    places = {"zone": data.draw(letters), "power": data.draw(letters)}
    cluster = Topology([f"n{i}" for i in range(n)], places=places)
    k = data.draw(st.integers(1, n))
    odds = [data.draw(st.floats(1e-6, 0.4)) for _ in range(3)]
    found = unavailability(
        (choose(k, nodes_of(cluster)),) * 2, cluster, Failures(odds[0], zone=odds[1], power=odds[2])
    ).read
    domains = of_level(cluster, "zone", odds[1]) + of_level(cluster, "power", odds[2])
    assert found == pytest.approx(its_tree(k, cluster, odds[0], domains).top_event_probability(), rel=1e-13)


def test_digits_at_1e_18():
    cluster = in_zones(1, 1, 1, 1, 1)
    found = unavailability(majority(nodes_of(cluster)), cluster, Failures(1e-7, zone=3e-7)).unavailability
    p = 3e-7 + (1 - 3e-7) * 1e-7
    assert found == pytest.approx(float(reference.fewer_up(3, [p] * 5)), rel=1e-14)
    assert found < 1e-18


def test_a_thousand_nodes():
    cluster = in_zones(334, 333, 333)
    found = unavailability(majority(nodes_of(cluster)), cluster, Failures(0.3, zone=1e-3)).unavailability
    assert found == pytest.approx(float(spread_unavailability(501, 1000, 3, 0.3, 1e-3)), rel=1e-12)


# ---- leaders, maintenance, losses


def test_a_pinned_leader_is_needed_besides_the_quorum():
    cluster = in_zones(1, 1, 1)
    nodes = nodes_of(cluster)
    found = unavailability(majority(nodes), cluster, 1e-2, leader="n0")
    assert found.write == pytest.approx(1e-2 + 0.99 * 1e-4, rel=1e-13)
    assert pinned(majority(nodes), nodes[0]).equivalent(nodes[0] * (nodes[1] + nodes[2]))
    rows = grid(["a", "b", "c", "d"], rows=2)
    assert pinned(rows, Node("a")).equivalent(Node("a") * rows)
    assert pinned(choose(1, nodes), nodes[1]) == nodes[1]


def test_maintenance_is_a_mixture():
    cluster = in_zones(1, 1, 1)
    work = Maintenance(duration=600, interval=86400)
    found = unavailability(majority(nodes_of(cluster)), cluster, Failures(1e-3, maintenance=work))
    share = 600 / 86400
    expected = 3 * share * (1 - 0.999**2) + (1 - 3 * share) * 2.998e-6
    assert found.write == pytest.approx(expected, rel=1e-12)
    assert found.contributions.cause.tolist() == ["nodes", "maintenance"]
    by_zone = unavailability(
        majority(nodes_of(in_zones(2, 1))), in_zones(2, 1), Failures(maintenance=Maintenance(60, 6000, "zone"))
    )
    assert by_zone.write == pytest.approx(0.01, rel=1e-13)


def test_what_is_lost_stays_lost():
    cluster = in_zones(2, 2, 2)
    nodes = nodes_of(cluster)
    system = QuorumSystem(reads=choose(3, nodes), writes=choose(4, nodes))
    after = unavailability(system, cluster, USUAL, lost={"zone": "a"})
    assert after.write == pytest.approx(float(spread_unavailability(4, 4, 2, 1e-3, 1e-4)), rel=1e-13)
    one = unavailability(system, cluster, USUAL, lost=["n0"])
    assert after.write > one.write > unavailability(system, cluster, USUAL).write


def test_contributions_name_what_to_fix():
    cluster = Topology(list("abcd"), places={"zone": list("xxyy"), "power": list("pqpq")})
    failures = Failures({"a": 0.2, "b": 1e-4, "c": 1e-4, "d": 1e-4}, zone={"x": 1e-5, "y": 1e-3}, power=1e-6)
    found = unavailability((choose(1, nodes_of(cluster)), choose(3, nodes_of(cluster))), cluster, failures)
    assert found.by_domain.cause[0] == "zone y"
    assert set(found.by_domain.cause) >= {"node a", "zone x", "power p"}
    row = found.by_domain.set_index("cause").loc["zone y"]
    less = unavailability(
        (choose(1, nodes_of(cluster)), choose(3, nodes_of(cluster))),
        cluster,
        Failures(failures.node, zone={"x": 1e-5, "y": 0.0}, power=1e-6),
    )
    assert row.write_unavailability_without == pytest.approx(less.write, rel=1e-14)
    assert row.write_share == pytest.approx(1 - less.write / found.write, rel=1e-12)


def test_shared_things_nest_and_overlap():
    cluster = in_zones(1, 1, 1)
    shared = [Shared("feed", 1e-4, ["n0", "switch"]), Shared("switch", "99.9 %", ["n1"])]
    found = unavailability(majority(nodes_of(cluster)), cluster, Failures(0.0, shared=shared)).write
    assert found == pytest.approx(1e-4, rel=1e-13)  # the feed takes two


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    node=st.floats(1e-6, 0.5),
    zone=st.floats(0, 0.5),
    beta=st.floats(0, 1),
)
def test_more_failures_are_never_better(counts, node, zone, beta):
    cluster = in_zones(*counts)
    system = majority(nodes_of(cluster))
    base = unavailability(system, cluster, Failures(node, zone=zone, beta=beta))
    worse = unavailability(system, cluster, Failures(min(1, 1.2 * node), zone=zone, beta=beta))
    assert 0 < base.unavailability <= worse.unavailability * (1 + 1e-12) <= 1 + 1e-12
    pin = unavailability(system, cluster, Failures(node, zone=zone, beta=beta), leader="n0")
    assert base.write <= pin.write * (1 + 1e-12)


# ---- sampling


def test_sampling_agrees_with_what_is_exact():
    cluster = Topology(list("abcde"), places={"zone": list("xyzxy"), "power": list("ppqqq")})
    system = majority(nodes_of(cluster))
    failures = Failures(1e-3, zone=1e-4, power=1e-5, beta=0.01, maintenance=Maintenance(60, 86400))
    exact = unavailability(system, cluster, failures)
    sampled = unavailability(system, cluster, failures, method="sampled", seed=2)
    assert 0 < sampled.relative_error < 0.1
    assert sampled.write == pytest.approx(exact.write, rel=5 * sampled.relative_error)
    assert "sampling" in sampled.title


def test_sampling_takes_over_where_a_diagram_is_out_of_reach(monkeypatch):
    from scalemodel.quorum import diagram

    monkeypatch.setattr(diagram, "MOST_STEPS", 20)
    cluster = in_zones(2, 2, 2)
    a, b, c, d, e, f = nodes_of(cluster)
    system = QuorumSystem(reads=a * b + b * c * d + d * e + e * f + f * a)
    found = unavailability(system, cluster, 0.01, samples=20_000)
    assert found.relative_error > 0
    with pytest.raises(ValueError, match="more than"):
        unavailability(system, cluster, 0.01, method="exact")
    monkeypatch.undo()
    assert found.write == pytest.approx(unavailability(system, cluster, 0.01).write, rel=5 * found.relative_error)


# ---- partitions, slowly


@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_partitions_against_all_states(data):
    counts = data.draw(st.lists(st.integers(1, 2), min_size=2, max_size=3).filter(lambda n: sum(n) < 6))
    cluster = in_zones(*counts)
    pairs = list(itertools.combinations("abc"[: len(counts)], 2))
    links = {pair: data.draw(st.floats(0.01, 0.5)) for pair in pairs}
    node, zone = data.draw(st.floats(0.01, 0.5)), data.draw(st.floats(0.01, 0.5))
    found = partition_unavailability(
        majority(nodes_of(cluster)), cluster, links, Failures(node, zone=zone), leader="n0"
    )
    slow = reference.partitions(list(cluster.places["zone"]), links, node, zone)
    for name in ("write", "pinned", "any_replica"):
        assert getattr(found, name) == pytest.approx(slow[name], rel=1e-12)
    assert found.diverge == pytest.approx(slow["diverge"], rel=1e-12)
    assert found.nowhere == pytest.approx(slow["nowhere"], rel=1e-12)


# ---- probabilities, replicas, bad input


def test_where_probabilities_come_from():
    assert down_from_mtbf(999.0, 1.0) == 1e-3
    assert down_from_sla("99.999999999 %") == 1e-11
    assert down_from_afr(1.0, 3600.0) == pytest.approx(1 / (1 + 8766), rel=1e-12)


def test_replicas_spread():
    cluster = in_zones(3, 1, 1)
    assert [node.name for node in replica_nodes(cluster, 4)] == ["n0", "n3", "n4", "n1"]
    reads, writes = replica_quorums(cluster, 3, 1, 1)
    found = unavailability((reads, writes), cluster, 0.1)
    assert found.read == found.write == pytest.approx(1e-3, rel=1e-13)
    assert unavailability(majority(replica_nodes(cluster, 3)), cluster).write == pytest.approx(3.627e-6, rel=3e-4)


THREE = in_zones(1, 1, 1)
SYSTEM = majority(nodes_of(THREE))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Failures(99.9), "0.999 meant"),
        (lambda: Failures(-0.1), "between 0 and 1"),
        (lambda: Failures(1e-3, beta=1.5), "beta"),
        (lambda: Failures(float("nan")), "node"),
        (lambda: down_from_sla("99.99"), "percentage"),
        (lambda: down_from_sla("100 %"), "below 100"),
        (lambda: down_from_mtbf(100.0, 0.0), "mttr"),
        (lambda: down_from_mtbf(-1.0, 1.0), "mtbf"),
        (lambda: down_from_afr(0.0, 1.0), "afr"),
        (lambda: Maintenance(10.0, 5.0), "longer interval"),
        (lambda: unavailability(SYSTEM, THREE, Failures(0.1, maintenance=Maintenance(50, 60))), "never ends"),
        (lambda: unavailability(SYSTEM, THREE, Failures(0.1, zon=0.1)), "did you mean 'zone'"),
        (lambda: unavailability(SYSTEM, THREE, Failures(0.1, zone={"a": 0.1, "b": 0.1})), "'c'"),
        (lambda: unavailability(SYSTEM, THREE, Failures({"n0": 0.1})), "'n1'"),
        (lambda: unavailability(SYSTEM, THREE, Failures(shared=[Shared("f", 0.1, ["f"])])), "contains itself"),
        (
            lambda: unavailability(SYSTEM, THREE, Failures(shared=[Shared("f", 0.1, ["g"]), Shared("g", 0.1, ["f"])])),
            "contains itself",
        ),
        (lambda: unavailability(SYSTEM, THREE, Failures(shared=[Shared("f", 0.1, ["n9"])])), "no node"),
        (
            lambda: unavailability(
                SYSTEM, Topology(["n0", "n1", "n2"], places={"zone": ["a", "", "b"]}), Failures(0.1, zone=0.1)
            ),
            "is in no zone",
        ),
        (lambda: unavailability(majority([Node("x"), Node("y"), Node("z")]), THREE), "no node 'x'"),
        (lambda: unavailability(SYSTEM, THREE, leader="n7"), "leader"),
        (lambda: unavailability(SYSTEM, THREE, lost={"zone": "q"}), "'q'"),
        (lambda: unavailability(SYSTEM, THREE, lost=["q"]), "no node 'q'"),
        (lambda: unavailability(SYSTEM, THREE, method="fast"), "method"),  # type: ignore[arg-type]
        (lambda: unavailability(SYSTEM, THREE, 1e-200), "1e-308"),
        (lambda: replica_nodes(THREE, 4), "n, the number"),
        (lambda: replica_quorums(THREE, 3, 4, 1), "r is 4"),
        (lambda: partition_unavailability(SYSTEM, THREE, 99.9), "0.999 meant"),
        (lambda: partition_unavailability(SYSTEM, THREE, {("a", "z"): 0.1}), "'z'"),
        (lambda: partition_unavailability(SYSTEM, THREE, {("a", "a"): 0.1}), "pairs"),
        (lambda: partition_unavailability(SYSTEM, THREE, {("a", "b"): 0.1, ("b", "a"): 0.1}), "twice"),
        (lambda: partition_unavailability(SYSTEM, THREE, 0.1, Failures(0.1, beta=0.1)), "common cause"),
        (lambda: partition_unavailability(SYSTEM, THREE, 0.1, level="rack"), "no level 'rack'"),
        (
            lambda: partition_unavailability(SYSTEM, THREE, 0.1, Failures(0.1, maintenance=Maintenance(1, 60))),
            "mainten",
        ),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: unavailability("abc", THREE),
        lambda: unavailability(SYSTEM, "abc"),
        lambda: unavailability(SYSTEM, THREE, lost="n0"),
        lambda: Shared("f", 0.1, "n0"),
        lambda: down_from_sla(99.9),
    ],
)
def test_bad_types_are_told(call):
    with pytest.raises(TypeError, match="give"):
        call()


def test_answers_show_themselves():
    found = unavailability(SYSTEM, THREE)
    assert "nines" in found._repr_html_()
    assert found.nines == pytest.approx(-np.log10(found.both))
    assert found.downtime == pytest.approx(found.both * 365.25 * 86400)
    assert found.plot().get_xlabel() == "nines"
    parts = partition_unavailability(SYSTEM, THREE, 1e-3, USUAL, leader="n0")
    assert parts.title in parts._repr_html_()
    assert parts.plot().get_ylabel() == "unavailability"
    with pytest.raises(ValueError, match="look at contributions"):
        _ = unavailability(majority(nodes_of(in_zones(40, 40))), in_zones(40, 40)).by_domain
    assert k_of_n_unavailability(2, [1e-3] * 3) == pytest.approx(unavailability(SYSTEM, THREE, 1e-3).write, rel=1e-14)
