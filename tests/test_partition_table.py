"""Partition tables: as even as can be, with as few moves as can be, beside OpenStack Swift's builder."""

import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import partition_table as reference
from scipy.optimize import linprog
from swift.common.ring.builder import RingBuilder

from scalemodel.placement import PartitionTable, Topology, balance, movement, neighbours, partition_table, restore
from scalemodel.placement.apportion import apportion, water_fill
from scalemodel.streams import random_keys

weights = st.one_of(st.sampled_from([1.0, 1.0, 2.0, 0.5]), st.floats(0.01, 30))


@st.composite
def clusters(draw, most=9):
    """Weighted nodes in zones, and how many replicas go into distinct nodes or zones of it."""
    zones = draw(st.lists(st.integers(0, 4), min_size=1, max_size=most))
    nodes = [f"n{i}" for i in range(len(zones))]
    each = draw(st.lists(weights, min_size=len(zones), max_size=len(zones)))
    topology = Topology(nodes, each, places={"zone": zones})
    spread = draw(st.sampled_from([None, "zone"]))
    return topology, draw(st.integers(1, min(4, topology.count(spread or "node")))), spread


@st.composite
def changes(draw):
    """One change of a table: a function from the table to the changed one."""
    pick, weight, zone = draw(st.integers(0, 99)), draw(weights), str(draw(st.integers(0, 5)))
    return draw(
        st.sampled_from(
            [
                lambda table, new: table.add(new, weight, zone=zone),
                lambda table, new: table.remove(table.nodes[pick % len(table.nodes)]),
                lambda table, new: table.reweight(table.nodes[pick % len(table.nodes)], weight),
            ]
        )
    )


def primaries(table):
    return np.bincount(table.table[:, 0], minlength=len(table.nodes))


def is_sound(table):
    """Replicas are in distinct domains, and parts and primaries are as they should be."""
    in_order = np.sort(table.topology.domains(table.spread or "node")[table.table], axis=1)
    assert (np.diff(in_order, axis=1) > 0).all()
    assert (np.abs(table.counts - table.targets) < 1 + 1e-9).all()
    assert table.counts.sum() == table.partitions * table.copies
    assert (primaries(table) >= table.counts // table.copies).all()
    assert (primaries(table) <= -(-table.counts // table.copies)).all()
    return True


def unmoved(before, after):
    """The table before in numbers of all nodes of both, their domains, and the counts after."""
    nodes = [*after.nodes, *(node for node in before.nodes if node not in after.nodes)]
    place = {
        node: table.topology.places[table.spread][i] if table.spread else node
        for table in (before, after)
        for i, node in enumerate(table.nodes)
    }
    labels = list(dict.fromkeys(place[node] for node in nodes))
    domains = np.array([labels.index(place[node]) for node in nodes])
    counts = np.append(after.counts, np.zeros(len(nodes) - len(after.nodes), np.int64))
    return np.array([nodes.index(node) for node in before.nodes])[before.table], domains, counts


def least_by_counts(before, after):
    """Parts that nodes are short of: so many move at least, and more if the domains force it."""
    table, _, counts = unmoved(before, after)
    return np.maximum(counts - np.bincount(table.ravel(), minlength=len(counts)), 0).sum()


# --- who gets how many ------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(clusters(), st.integers(1, 60))
def test_targets_are_those_of_the_twin(cluster, rows):
    topology, copies, spread = cluster
    domains = topology.domains(spread or "node")
    expected = reference.targets(topology.weights, domains.tolist(), rows, copies)
    assert water_fill(np.array(topology.weights), domains, rows, copies) == pytest.approx(
        [float(x) for x in expected], rel=1e-12
    )


@settings(max_examples=30, deadline=None)
@given(clusters(), st.integers(1, 60))
def test_no_other_targets_have_a_lower_peak_or_a_higher_low(cluster, rows):
    topology, copies, spread = cluster
    domains, share = topology.domains(spread or "node"), topology.shares * rows * copies
    nodes = len(share)
    within = (domains == np.arange(domains.max() + 1)[:, None]).astype(float)  # parts of each domain
    limits = np.hstack([within, np.zeros((len(within), 1))])
    peak = np.hstack([np.eye(nodes), -share[:, None]])  # parts <= ratio * share
    targets = water_fill(np.array(topology.weights), domains, rows, copies)
    for sign, extreme in ((1, np.max), (-1, np.min)):
        found = linprog(
            np.append(np.zeros(nodes), sign),
            A_ub=np.vstack([limits, sign * peak]),
            b_ub=np.append(np.full(len(within), rows), np.zeros(nodes)),
            A_eq=np.append(np.ones(nodes), 0)[None],
            b_eq=[rows * copies],
            method="highs",
        )
        assert extreme(targets / share) == pytest.approx(sign * found.fun, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(clusters(most=7), st.integers(1, 40), st.randoms(use_true_random=False))
def test_rounding_is_the_best_of_all(cluster, rows, random):
    topology, copies, spread = cluster
    domains = topology.domains(spread or "node")
    fair = reference.targets(topology.weights, domains.tolist(), rows, copies)
    held = np.array([random.randint(0, 2 * rows) for _ in fair])
    counts = apportion(np.array([float(x) for x in fair]), domains, held)

    def quality(counts):
        worst = max(abs(c - x) / x for c, x in zip(counts, fair, strict=True))
        taken = sum(max(0, int(h) - c) for c, h in zip(counts, held, strict=True))
        return worst, taken

    ways = list(reference.roundings(fair, domains.tolist()))
    assert tuple(counts.tolist()) in ways
    best, found = min(quality(way) for way in ways), quality(counts.tolist())
    assert float(found[0]) == pytest.approx(float(best[0]), rel=1e-9)
    assert found[1] <= min(quality(way)[1] for way in ways if quality(way)[0] <= best[0] * (1 + Fraction(1, 10**9)))


def test_a_heavy_domain_holds_one_of_each_and_the_others_share_the_rest():
    topology = Topology(list("abcdef"), [3, 5, 1, 1, 1, 3], places={"zone": list("xxyyzz")})
    table = PartitionTable(topology, 1000, replicas=2, spread="zone")
    assert table.targets == pytest.approx([375, 625, 1000 / 6, 1000 / 6, 1000 / 6, 500])
    assert is_sound(table)
    assert PartitionTable(3, 7, replicas=3, weights=[1, 2, 30]).counts.tolist() == [7, 7, 7]


# --- every change -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(clusters(), st.integers(1, 25), st.lists(changes(), min_size=1, max_size=4), st.integers(0, 2**64 - 1))
def test_changes_keep_a_table_sound_and_move_as_little_as_can_be(cluster, partitions, steps, seed):
    topology, copies, spread = cluster
    table = PartitionTable(topology, partitions, copies, spread, seed=seed)
    assert is_sound(table)
    for number, change in enumerate(steps):
        try:
            after = change(table, f"new-{number}")
        except ValueError as error:  # the last node, or the last of its zone, may not leave
            if "last node" not in str(error) and "replicas need" not in str(error):
                raise
            continue
        assert is_sound(after)
        moves = len(table.transfers(after))
        assert moves == reference.fewest_moves(*unmoved(table, after)) >= least_by_counts(table, after)
        table = after


@settings(max_examples=20, deadline=None)
@given(clusters(most=30), st.lists(changes(), min_size=1, max_size=3))
def test_large_changes_take_few_rounds(cluster, steps):
    topology, copies, spread = cluster
    rounds = []
    push = partition_table.kernels.push
    table = PartitionTable(topology, 2**11, copies, spread)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_table.kernels, "push", lambda *given: rounds.append(1) or push(*given))
        for number, change in enumerate(steps):
            try:
                table = change(table, f"new-{number}")
            except ValueError:
                continue
            assert is_sound(table)
    assert len(rounds) <= 30 * len(steps)  # each goes once or a few times over the 2^11 rows


@pytest.mark.parametrize("copies", [1, 2, 3, 5])
def test_among_equal_nodes_only_the_node_that_comes_or_goes_has_its_keys_moved(copies):
    table = PartitionTable(10, 2**12, replicas=copies)
    for after in (table.add("new"), table.remove("n4")):
        for replicas in (1, copies):
            change = movement(table, after, replicas)
            assert change.needless == 0
            assert change.standard_error == 0
            assert change.moved == pytest.approx(change.minimum, abs=2 / 2**12)


def test_many_nodes_come_and_go_at_once():
    topology = Topology.grid(4, zones=4)
    table = PartitionTable(topology, 2**10, spread="zone")
    after = topology.remove("a-1").remove("b-2").add("new", 2.0, zone="e").add("more", 2.0, zone="e")
    at_once = table.rebalance(after)
    assert is_sound(at_once)
    one_by_one, moves = table, 0
    for each in (
        topology.remove("a-1"),
        topology.remove("a-1").remove("b-2"),
        topology.remove("a-1").remove("b-2").add("new", 2.0, zone="e"),
        after,
    ):
        before, one_by_one = one_by_one, one_by_one.rebalance(each)
        moves += len(before.transfers(one_by_one))
    assert len(table.transfers(at_once)) <= len(table.transfers(one_by_one)) < moves
    assert table.rebalance(topology).transfers(table).empty


def test_transfers_lead_from_one_table_to_the_other():
    table = PartitionTable(Topology.grid(3, zones=4), 200, spread="zone")
    after = table.rebalance(table.topology.remove("b-2").add("new", 3.0, zone="c"))
    rows = [{table.nodes[i] for i in row} for row in table.table]
    for partition, source, destination in table.transfers(after).itertuples(index=False):
        rows[partition].remove(source)
        assert destination not in rows[partition]
        rows[partition].add(destination)
    assert rows == [{after.nodes[i] for i in row} for row in after.table]
    assert table.transfers(after)["partition"].is_monotonic_increasing


def test_later_changes_move_other_partitions():
    table = PartitionTable(20, 2**10)
    first = table.add("x")
    second = first.add("y")
    moved = [set(a.transfers(b)["partition"]) for a, b in ((table, first), (first, second))]
    by_chance = len(moved[0]) * len(moved[1]) / 2**10
    assert len(moved[0] & moved[1]) < 2 * by_chance


# --- the table as a placement -----------------------------------------------------------------------------------------


def test_the_partition_is_the_top_of_the_hash():
    table, seven = PartitionTable(5, 2**8, replicas=2), PartitionTable(5, 7, replicas=2)
    keys = random_keys(1000)
    assert np.array_equal(table.replicas(keys, 2, hashed=True), table.table[(keys >> np.uint64(56)).astype(np.int64)])
    assert seven.lookup(keys, hashed=True).tolist() == [seven.table[int(key) * 7 // 2**64, 0] for key in keys]
    ends = seven._boundaries()
    assert [int(end) * 7 // 2**64 for end in ends] == list(range(7))
    assert [(int(end) + 1) % 2**64 * 7 // 2**64 for end in ends] == [1, 2, 3, 4, 5, 6, 0]


@pytest.mark.parametrize("spread", [None, "zone", "rack"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_more_replicas_and_other_spreads_go_on_through_the_rows(spread, n):
    topology = Topology.grid(2, zones=4, racks=2)
    table = PartitionTable(topology, 32, replicas=2, spread="rack", seed=3)
    keys = random_keys(100)
    domains = topology.domains(spread or "node").tolist()
    expected = []
    for key in keys:
        nodes = []
        for node in reference.walk(int(key), table.table.tolist(), len(topology)):
            if len(nodes) < n and all(domains[node] != domains[other] for other in nodes):
                nodes.append(node)
        expected.append(nodes)
    assert table.replicas(keys, n, spread, hashed=True).tolist() == expected


def test_nodes_without_parts_come_last():
    table = PartitionTable(5, 2, replicas=1, weights=[1, 1, 1e-6, 1e-6, 1e-6])
    assert table.counts.tolist() == [1, 1, 0, 0, 0]
    assert table.replicas(random_keys(5), 5, hashed=True)[:, 2:].tolist() == [[2, 3, 4]] * 5


@pytest.mark.parametrize(
    ("topology", "spread"), [(Topology.grid(40), None), (Topology.grid(10, zones=4), "zone"), (Topology.grid(3), None)]
)
def test_pairs_share_partitions_as_if_drawn_at_random(topology, spread):
    table = PartitionTable(topology, 2**13, spread=spread)
    domains = topology.domains(spread or "node")
    together = np.zeros((len(topology), len(topology)))
    for i in range(3):
        for j in range(3):
            np.add.at(together, (table.table[:, i], table.table[:, j]), i != j)
    apart = domains[:, None] != domains
    assert not together[~apart].any()
    assert together[apart].std() < 1.1 * np.sqrt(together[apart].mean())
    assert (neighbours(table, 3).counts == apart.sum(axis=1)).all()


def test_the_figures_of_swifts_builder():
    # measured with Swift 2.38: balance 0.065 and 0.016 %, an added device moves 1199 and 4796 replica-parts
    for power, percent, moves in ((14, 0.0652, 1199), (16, 0.0163, 4796)):
        table = PartitionTable(40, 2**power)
        grown = table.add("n40")
        assert 100 * table.deviation <= percent
        assert len(table.transfers(grown)) <= moves
        assert 100 * grown.deviation <= 100 / (3 * 2**power / 41)
        assert balance(table).peak_to_mean <= 1 + 40 / 2**power


LAYOUTS = {  # zones and weights of 40 devices; zone and weight of the new one
    "one zone": ([1] * 40, [1.0] * 40, 1, 1.0),
    "own zones": (list(range(40)), [1.0] * 40, 40, 1.0),
    "four zones": ([i % 4 for i in range(40)], [1.0] * 40, 0, 1.0),
    "five zones and a new one": ([i % 5 for i in range(40)], [1.0] * 40, 5, 1.0),
    "five zones, weights": ([i % 5 for i in range(40)], [2.0 if i % 3 == 0 else 1.0 for i in range(40)], 2, 1.5),
    "uneven weights": (list(range(40)), [1 + i % 7 / 3 for i in range(40)], 40, 2.5),
}
POWER = 10


@pytest.fixture(scope="module", params=LAYOUTS.values(), ids=LAYOUTS)
def swift_and_ours(request):
    """Both builders' tables before and after a device comes; Swift may rebalance until it changes nothing."""
    zones, devices, zone, weight = request.param
    builder = RingBuilder(POWER, 3, 0)

    def add(device, zone, weight):
        where = {"region": 1, "zone": zone, "ip": f"10.0.{zone}.{device}", "port": 6200, "device": "d"}
        builder.add_dev({"id": device, "weight": 100 * weight, **where})

    def rebalanced():
        for seed in range(10):
            if not builder.rebalance(seed=seed)[0]:
                break
            builder.pretend_min_part_hours_passed()
        table = np.array([list(row) for row in builder._replica2part2dev]).T
        return table, builder.get_balance() / 100

    for device, (its_zone, its_weight) in enumerate(zip(zones, devices, strict=True)):
        add(device, its_zone, its_weight)
    before = rebalanced()
    add(40, zone, weight)
    after = rebalanced()
    names = [f"n{i}" for i in range(40)]
    topology = Topology(names, devices, places={"zone": zones})
    spread = "zone" if topology.count("zone") > 1 else None
    table = PartitionTable(topology, 2**POWER, spread=spread)
    return (before, after), (table, table.add("n40", weight, zone=str(zone))), table


def test_swifts_builder_is_not_more_even(swift_and_ours):
    swift, ours, _ = swift_and_ours
    for (_, its_balance), table in zip(swift, ours, strict=True):
        assert table.deviation <= its_balance + 1e-9


def test_swifts_builder_does_not_move_less(swift_and_ours):
    ((before, _), (after, _)), (table, grown), _ = swift_and_ours
    its_moves = sum(len(set(new) - set(old)) for old, new in zip(before.tolist(), after.tolist(), strict=True))
    assert len(table.transfers(grown)) <= its_moves


def test_a_table_that_swift_drew_is_taken_over(swift_and_ours):
    ((its_table, _), _), (_, grown), table = swift_and_ours
    taken = PartitionTable(table.topology, 2**POWER, spread=table.spread, table=its_table)
    assert np.array_equal(taken.table, its_table)
    after = taken.rebalance(grown.topology)
    assert is_sound(after)
    assert len(taken.transfers(after)) == least_by_counts(taken, after)


# --- equality, state, bad input ---------------------------------------------------------------------------------------


def test_a_table_with_a_history_is_saved_and_restored():
    table = PartitionTable(Topology.grid(3, zones=4), 100, spread="zone", seed=5).remove("a-2").reweight("b-1", 2.0)
    for copy in (restore(json.loads(json.dumps(table.state()))), pickle.loads(pickle.dumps(table))):
        assert copy == table
        assert hash(copy) == hash(table)
        assert copy.add("new", zone="a") == table.add("new", zone="a")
    fresh = PartitionTable(table.topology, 100, spread="zone", seed=5)
    assert fresh != table
    assert fresh == table.with_seed(5)
    assert table != "a table"
    assert not table.table.flags.writeable


def test_equal_seeds_draw_equal_tables():
    assert PartitionTable(10, 64, seed=3) == PartitionTable(10, 64, seed=3)
    assert (PartitionTable(10, 64, seed=3).table != PartitionTable(10, 64, seed=4).table).mean() > 0.5
    assert PartitionTable(10, 64, seed=3).add("x") == PartitionTable(10, 64, seed=3).add("x")


def test_a_damaged_state_is_refused():
    state = PartitionTable(4, 16).state()
    for bad in ("%%%", "AAAA", state["table"][:-8], PartitionTable(4, 8).state()["table"]):
        with pytest.raises(ValueError, match="table is damaged"):
            restore(state | {"table": bad})
    with pytest.raises(ValueError, match="format 0 and this version reads 1"):
        restore(state | {"format": 0})


TWO_ZONES = Topology.grid(2, zones=2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: PartitionTable(3, 0), "partitions is 0: give an integer of one or more"),
        (lambda: PartitionTable(3, 2.0), r"partitions is 2\.0"),
        (lambda: PartitionTable(3, True), "partitions is True"),
        (lambda: PartitionTable(2, 8), "3 replicas need 3 different nodes and there are 2"),
        (lambda: PartitionTable(3, 8, replicas=0), "number of replicas is 0"),
        (lambda: PartitionTable(TWO_ZONES, 8, 3, "zone"), "3 replicas need 3 different zones and there are 2"),
        (lambda: PartitionTable(3, 8, spread="zone"), "no level 'zone'"),
        (lambda: PartitionTable(3, 2**28), "at most 2.68e[+]08 are allowed: give fewer partitions"),
        (lambda: PartitionTable(3, 8).remove("n1"), "3 replicas need 3 different nodes and there are 2"),
        (lambda: PartitionTable(3, 8).reweight("n9", 1), "there is no node 'n9'"),
        (lambda: PartitionTable(3, 8).reweight("n1", -1), "a weight is -1"),
        (lambda: PartitionTable(3, 8).transfers(PartitionTable(3, 9)), "8 partitions x 3 replicas, the other 9 x 3"),
        (lambda: PartitionTable(3, 2, 2, table=np.array([[0, 1]])), r"has shape \(1, 2\): for 2 partitions"),
        (lambda: PartitionTable(3, 1, 2, table=np.array([[0, 3]])), "holds nodes from 0 to 3: give positions from 0"),
        (lambda: PartitionTable(3, 1, 2, table=np.array([[-1, 1]])), "holds nodes from -1 to 1"),
        (lambda: PartitionTable(3, 1, 2, table=np.array([[1, 1]])), "partition 0 has two replicas in one node"),
        (
            lambda: PartitionTable(TWO_ZONES, 1, 2, "zone", table=np.array([[0, 1]])),
            "partition 0 has two replicas in one zone: give a table without such rows, or a finer spread",
        ),
        (
            lambda: PartitionTable(TWO_ZONES, 8, 2, "zone").rebalance(
                Topology(TWO_ZONES.nodes, places={"zone": list("aaab")})
            ),
            "node 'b-1' has moved from zone 'b' to 'a'",
        ),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize("table", [[[0, 1]], np.array([[0.0, 1.0]]), 7])
def test_a_table_is_an_integer_array(table):
    with pytest.raises(TypeError, match="give an integer array, a row of nodes per partition"):
        PartitionTable(3, 1, 2, table=table)
