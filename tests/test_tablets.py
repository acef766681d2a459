"""Tablets: every key in one of them, cuts as the twins make them, limits kept, nodes as even as theory allows."""

import itertools
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import tablets as reference

from scalemodel.hashing import hash_keys
from scalemodel.placement import (
    LIMITS,
    HashRing,
    Limits,
    TabletPlacement,
    Tablets,
    Topology,
    balance,
    compare,
    moved_ranges,
    movement,
    neighbours,
    restore,
)
from scalemodel.units import GB, GiB, KiB
from scalemodel.workload import Empirical, Uniform, Workload, Zipf

quick = settings(max_examples=60, deadline=None)

# needs in whole numbers and limits that are powers of two: nothing is rounded, so twins agree to the bit
needs = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=40)
limits_of_both = st.tuples(st.sampled_from([1, 4, 16, 64, 256]), st.sampled_from([1, 4, 16, 64, 256]))


def made(keys, order="key", names=None):
    reads, writes = np.array(keys, float).T
    return Tablets(range(len(keys)) if names is None else names, reads, writes, order=order)


def limits(pair):
    return Limits(reads=pair[0], writes=pair[1])


def in_hash_order(keys):
    """The needs of keys 0, 1, … in the order of their hashes, and these."""
    hashes = hash_keys(range(len(keys))).tolist()
    order = sorted(range(len(keys)), key=hashes.__getitem__)
    return [keys[i] for i in order], [hashes[i] for i in order]


def pairs(tablets):
    return list(itertools.pairwise(tablets.starts.tolist()))


# --- cuts -------------------------------------------------------------------------------------------------------------


@quick
@given(needs, limits_of_both)
@example([(1, 0), (3, 0), (1, 0)], (4, 1))  # two cuts as near to half
def test_halving_is_the_twins(keys, pair):
    assert pairs(made(keys).split(limits(pair))) == reference.halve(keys, 0, len(keys), pair)


@quick
@given(needs, limits_of_both)
def test_halving_in_hash_order_is_the_twins(keys, pair):
    ordered, _ = in_hash_order(keys)
    assert pairs(made(keys, "hash").split(limits(pair))) == reference.halve(ordered, 0, len(keys), pair)


@quick
@given(needs, limits_of_both)
def test_no_cuts_are_fewer_than_the_fewest(keys, pair):
    whole = made(keys)
    fewest = whole.split(limits(pair), "fewest")
    assert len(fewest) == reference.fewest(keys, pair)
    assert len(fewest) <= len(whole.split(limits(pair)))


@quick
@given(needs, limits_of_both)
def test_cutting_in_the_middle_is_the_twins(keys, pair):
    ordered, hashes = in_hash_order(keys)
    middles = made(keys, "hash").split(limits(pair), "middle")
    assert middles.first.tolist() == reference.bisect(hashes, ordered, 0, 2**64 - 1, pair)


@quick
@given(needs, limits_of_both, st.sampled_from(["half", "fewest", "middle"]), st.integers(1, 5))
def test_all_keys_are_in_one_tablet_and_none_beyond_its_limits_but_single_keys(keys, pair, at, before):
    cut = made(keys, "hash").even(before).split(limits(pair), at)
    assert cut.starts[0] == 0
    assert cut.starts[-1] == len(keys)
    assert (np.diff(cut.starts) >= 0).all()
    assert (np.diff(cut.first.astype(object)) > 0).all()
    for what in ("reads", "writes", "keys"):
        total = len(keys) if what == "keys" else sum(key[what == "writes"] for key in keys)
        assert cut.load(what).sum() == total
    hot = cut.over(limits(pair))
    assert (hot.keys == 1).all()
    assert len(hot) == sum(key[0] > pair[0] or key[1] > pair[1] for key in keys)
    # every old cut stays
    assert set(made(keys, "hash").even(before).first.tolist()) <= set(cut.first.tolist())
    # each key is found in the tablet that counts it
    found = np.bincount(cut.tablet_of(range(len(keys))), minlength=len(cut))
    assert np.array_equal(found, np.diff(cut.starts))


@quick
@given(needs, limits_of_both, st.sampled_from([0.25, 0.5, 1.0]))
def test_merging_is_the_twins_and_leaves_no_pair_that_fits(keys, pair, below):
    cut = made(keys).split(limits(pair))
    merged = cut.merge(limits(pair), below)
    assert pairs(merged) == reference.merge(keys, pairs(cut), pair, Fraction(below))
    for (lo, _), (_, hi) in itertools.pairwise(pairs(merged)):
        assert max(reference.times(keys, lo, hi, pair)) > below


@quick
@given(needs, limits_of_both)
def test_merging_undoes_a_split_that_is_no_longer_needed(keys, pair):
    whole = made(keys)
    roomy = Limits(reads=2 * sum(key[0] for key in keys) + 1, writes=2 * sum(key[1] for key in keys) + 1)
    assert len(whole.split(limits(pair)).merge(roomy)) == 1
    assert np.array_equal(whole.split(limits(pair)).merge(roomy).first, whole.first)


@quick
@given(needs, limits_of_both)
def test_splitting_again_changes_nothing(keys, pair):
    for at in ("half", "fewest", "middle"):
        once = made(keys, "hash").split(limits(pair), at)
        assert np.array_equal(once.split(limits(pair), at).first, once.first)


def test_all_at_once_is_a_power_of_two_of_equal_ranges():
    store = Tablets(range(1000), bytes=[1 * GB] * 1000)  # 1 TB in tablets of 10 GiB: 93.1, so 128
    tablets = store.split(LIMITS["scylladb"], "all")
    assert len(tablets) == 128
    assert np.array_equal(tablets.first, store.even(128).first)
    assert store.doubled().doubled().first.tolist() == [i << 62 for i in range(4)]
    # within the limit on average only: some are beyond it
    assert tablets.load("bytes").mean() <= 10 * GiB < tablets.load("bytes").max()


def test_a_hot_key_in_the_middle_of_its_tablet_is_peeled_out():
    reads = np.ones(101)
    reads[50] = 10_000
    hot = Tablets(range(101), reads, order="key").split(Limits(reads=1000))
    assert hot.first.tolist() == [0, 50, 51]
    frame = hot.over(Limits(reads=1000)).to_frame()
    assert frame.iloc[0].tolist() == [1, 50, 1, "reads", 10.0, 10]


def test_a_tablet_that_just_fills_its_limit_is_within_it():
    even = Tablets(range(8), 1.0, order="key")
    for at in ("half", "fewest"):
        assert even.split(Limits(reads=4), at).starts.tolist() == [0, 4, 8]
        assert len(even.split(Limits(reads=8), at)) == 1
    hashed = Tablets(range(8), 1.0)
    assert len(hashed.split(Limits(reads=8), "middle")) == len(hashed.split(Limits(reads=8), "all")) == 1
    assert len(even.even(8).merge(Limits(reads=4), below=1.0)) == 2
    assert len(even.even(8).merge(Limits(reads=3.999), below=1.0)) == 3
    assert not len(even.over(Limits(reads=8)))


def test_tablets_of_the_last_and_first_hash_can_be_cut_until_one_hash_is_left():
    edges = np.array([0, 1, 2**64 - 2, 2**64 - 1], np.uint64)
    whole = Tablets(range(4), [10, 10, 10, 10])
    whole = Tablets.from_state(whole.state() | {"keys": edges.tolist()})
    assert whole.split(Limits(reads=5), "middle").first.tolist()[:2] == [0, 1]
    assert whole.split(Limits(reads=5), "middle").first.tolist()[-1] == 2**64 - 1
    assert len(whole.split(Limits(reads=5), "middle").over(Limits(reads=5))) == 4


# --- what is counted --------------------------------------------------------------------------------------------------


def test_units_of_dynamodb():
    # 9 KiB: a read takes 3 units of 4 KiB, a write 9 of 1 KiB
    item = Tablets([1, 2], reads=[1000, 0], writes=[0, 111], bytes=[9 * KiB, 9 * KiB], order="key").even(2)
    assert len(item.over(LIMITS["dynamodb"])) == 0
    busy = Tablets([1, 2], reads=[1001, 0], writes=[0, 112], bytes=[9 * KiB, 9 * KiB], order="key").even(2)
    used = dict(busy.over(LIMITS["dynamodb"]).to_frame()[["limit", "times_the_limit"]].to_numpy())
    assert used == {"reads": pytest.approx(1.001), "writes": pytest.approx(1.008)}
    np.testing.assert_allclose(busy.used(LIMITS["dynamodb"]), [1.001, 1.008])


def test_published_limits():
    assert LIMITS["dynamodb"].of == {"bytes": 10e9, "reads": 3000, "writes": 1000}
    assert LIMITS["cockroachdb"].of == {"bytes": 512 * 2**20, "requests": 2500}


def test_a_uniform_dynamodb_table_needs_what_the_arithmetic_says():
    # 60,000 reads of at most 4 KiB over 20 partitions' worth, 8 partitions' worth of writes: 20 at the least
    table = Tablets.of(Workload(68_000, 60 / 68, Uniform(200_000), object_size=900))
    assert len(table.split(LIMITS["dynamodb"], "fewest")) == pytest.approx(20, abs=1)
    assert len(table.split(LIMITS["dynamodb"])) == 32  # halving makes powers of two of an even load


def test_rows_of_one_key_are_added_up():
    twice = Tablets(["b", "a", "b"], reads=[1, 2, 4], bytes=10, order="key")
    assert twice.keys.tolist() == ["a", "b"]
    assert twice.reads.tolist() == [2, 5]
    assert twice.bytes.tolist() == [10, 20]


def test_a_workload_in_both_orders():
    workload = Workload(1000.0, 0.75, Empirical([5, 3, 2], keys=["x", "y", "a"]), object_size=100)
    for order in ("hash", "key"):
        tablets = Tablets.of(workload, order)
        by_name = dict(zip(tablets.names.tolist(), tablets.reads, strict=True))
        assert by_name == {"x": 375, "y": 225, "a": 150}
        assert tablets.load("requests").item() == 1000
        assert tablets.load("bytes").item() == 300
    assert Tablets.of(workload, "key").keys.tolist() == ["a", "x", "y"]


def test_the_rate_is_that_of_the_peak():
    from scalemodel.workload import DiurnalLoad

    assert Tablets.of(Workload(DiurnalLoad(100.0, 1.5), 1.0, Uniform(10))).load("reads").item() == pytest.approx(150)


@pytest.mark.parametrize("keys", [["b", "a", "é", "aa"], [b"b", b"\xff", b"a"], [5, -3, 0], [2**64 - 1, 2**63, 1]])
def test_any_ordered_keys(keys):
    tablets = Tablets(keys, [1.0] * len(keys), order="key").even(len(keys))
    assert tablets.keys.tolist() == sorted(keys)
    assert tablets.tablet_of(keys).tolist() == [sorted(keys).index(key) for key in keys]
    assert Tablets(pd.Series(keys), 1.0, order="key").keys.tolist() == sorted(keys)


def test_keys_that_are_not_there_belong_to_the_tablet_around_them():
    tablets = Tablets([10, 20, 30, 40], order="key").cut_at([30])
    assert tablets.tablet_of([-5, 10, 29, 30, 99]).tolist() == [0, 0, 0, 1, 1]


def test_a_cut_that_is_no_key_becomes_one():
    tablets = Tablets(["apple", "melon"], reads=[1, 2], order="key").cut_at(["a", "m", "zebra"])
    assert tablets.first.tolist() == ["a", "m", "zebra"]
    assert tablets.load("reads").tolist() == [1, 2, 0]
    assert tablets.tablet_of(["", "lemon", "mango", "zz"]).tolist() == [0, 0, 1, 2]


def test_tablets_survive_saving():
    for order in ("hash", "key"):
        tablets = Tablets(["a", "b", "c"], [1, 2, 3], bytes=7, order=order, seed=3 * (order == "hash")).even(2)
        again = Tablets.from_state(json.loads(json.dumps(tablets.state())))
        assert again.state() == tablets.state()
        assert again.tablet_of(["b", "q"]).tolist() == tablets.tablet_of(["b", "q"]).tolist()


# --- scans ------------------------------------------------------------------------------------------------------------


@quick
@given(needs, limits_of_both, st.data())
def test_scans_are_counted_as_by_the_twin(keys, pair, data):
    length = data.draw(st.integers(1, len(keys)))
    nodes = data.draw(st.integers(1, 5))
    tablets = made(keys).split(limits(pair))
    placed = TabletPlacement(nodes, tablets)
    tablet_of_key = tablets.tablet_of(range(len(keys)))
    for owners, answer in (
        (tablet_of_key.tolist(), tablets.scan(length)),
        (placed.lookup(range(len(keys))).tolist(), placed.scan(length)),
    ):
        counted = reference.scan(owners, length)
        whole = len(keys) - length + 1
        expected = [counted.get(d, 0) / whole for d in range(len(answer.law))]
        np.testing.assert_allclose(answer.law, expected, atol=1e-12)


def test_scans_may_begin_where_the_requests_are():
    tablets = Tablets(range(10), reads=[0, 0, 0, 1, 0, 0, 0, 0, 0, 0], order="key").even(2)
    assert tablets.scan(3).alone == pytest.approx(6 / 8)
    assert tablets.scan(3, by="requests").law.tolist() == [0, 0, 1]


# --- on nodes ---------------------------------------------------------------------------------------------------------

loads = st.lists(st.integers(0, 50), min_size=1, max_size=30)


@st.composite
def clusters(draw, least=1):
    n = draw(st.integers(least, 7))
    weights = draw(st.lists(st.sampled_from([1, 2, 4]), min_size=n, max_size=n))
    zones = draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    return Topology([f"n{i}" for i in range(n)], weights, {"zone": zones})


def tablets_of(each):
    return Tablets(range(len(each)), np.array(each, float), bytes=1.0, order="key").even(len(each))


@quick
@given(loads, clusters(), st.data())
def test_tablets_go_where_the_twin_puts_them(each, cluster, data):
    spread = data.draw(st.sampled_from([None, "zone"]))
    replicas = data.draw(st.integers(1, cluster.count(spread or "node")))
    placed = TabletPlacement(cluster, tablets_of(each), replicas, "reads", spread)
    domains = cluster.domains(spread or "node").tolist()
    table, held = reference.assign(each, [int(w) for w in cluster.weights], domains, replicas)
    assert placed.table.tolist() == table
    assert placed._held(placed.tablets.load("reads")).tolist() == held
    assert placed.replicas(range(len(each)), replicas, spread).tolist() == table


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=7), st.integers(1, 3))
def test_the_busiest_node_is_within_grahams_bound_of_the_best(each, nodes):
    peak = TabletPlacement(nodes, tablets_of(each), by="reads").load("reads").max()
    assert peak <= reference.best_peak(each, nodes) * (4 / 3 - 1 / (3 * nodes)) + 1e-9


@quick
@given(loads, clusters(), st.sampled_from(["reads", "tablets"]), st.data())
def test_a_node_that_joins_only_receives_and_none_is_busier_than_before(each, cluster, by, data):
    spread = data.draw(st.sampled_from([None, "zone"]))
    replicas = data.draw(st.integers(1, cluster.count(spread or "node")))
    before = TabletPlacement(cluster, tablets_of(each), replicas, by, spread)
    after = before.add("new", 2, zone=data.draw(st.sampled_from("abcd")))
    changed = before.table != after.table
    assert (after.table[changed] == len(cluster)).all()
    domains = after.topology.domains(spread or "node")
    for row in after.table:
        assert len(set(domains[row])) == replicas
    if sum(each):
        peak_before = (before._held(before.tablets.load(by)) / before.topology.weights).max()
        assert (after._held(after.tablets.load(by)) / after.topology.weights).max() <= peak_before + 1e-9
        change = before.movement(after, "tablets")
        assert change.needless == 0
        assert change.moved == pytest.approx(changed.sum() / changed.size)
        assert len(before.moves(after)) == changed.sum()


@quick
@given(loads, clusters(least=2), st.data())
def test_a_node_that_leaves_moves_nothing_but_its_own(each, cluster, data):
    leaver = data.draw(st.sampled_from(cluster.nodes))
    spread = data.draw(st.sampled_from([None, "zone"]))
    most = cluster.remove(leaver).count(spread or "node")
    before = TabletPlacement(cluster, tablets_of(each), data.draw(st.integers(1, most)), "reads", spread)
    after = before.remove(leaver)
    named = lambda p: [[p.nodes[i] for i in row] for row in p.table]  # noqa: E731
    for old, new in zip(named(before), named(after), strict=True):
        if leaver not in old:
            assert new == old
        else:
            stay = [node for node in old if node != leaver]
            assert new[: len(stay)] == stay
            assert leaver not in new
    domains = after.topology.domains(spread or "node")
    assert all(len(set(domains[row])) == len(row) for row in after.table)


@quick
@given(loads, clusters(), st.data())
def test_a_rebalance_makes_no_node_busier_than_the_busiest_and_ends_where_no_move_helps(each, cluster, data):
    table = [[data.draw(st.integers(0, len(cluster) - 1))] for _ in each]
    crooked = TabletPlacement(cluster, tablets_of(each), by="reads", table=table)
    straight = crooked.rebalanced()
    weights = np.array(cluster.weights)
    before, after = crooked.load("reads") / weights, straight.load("reads") / weights
    assert after.max() <= before.max() + 1e-9
    assert straight.rebalanced() == straight
    busiest, idlest = after.argmax(), after.argmin()
    moving = [n for n, node in zip(each, straight.table[:, 0], strict=True) if node == busiest and n > 0]
    assert not moving or after[idlest] + min(moving) / weights[idlest] >= after[busiest] - 1e-9


def test_the_fair_share_moves_when_tablets_are_small():
    store = Tablets(range(4000), bytes=[1.0] * 4000).even(1024)
    before = TabletPlacement(8, store, by="bytes")
    assert before.balance("bytes").peak_to_mean < 1.001
    after = before.add("n8")
    change = before.movement(after)
    assert change.moved == pytest.approx(1 / 9, rel=0.01)
    assert change.needless == 0
    assert after.balance("bytes").peak_to_mean < 1.01
    assert before.moves(after)["bytes"].sum() == pytest.approx(change.moved * 4000)


def test_balanced_bytes_are_not_balanced_numbers():
    # scylladb#31384: one large table and many small ones
    sizes = np.r_[np.full(8, 100.0), np.full(92, 4.0)]
    mixed = Tablets(range(100), bytes=sizes, order="key").even(100)
    by_bytes, by_number = (TabletPlacement(3, mixed, by=by) for by in ("bytes", "tablets"))
    assert by_bytes.balance("bytes").peak_to_mean < 1.01
    assert by_bytes.balance("tablets").peak_to_mean > 1.4
    assert by_number.balance("tablets").peak_to_mean == pytest.approx(34 / (100 / 3))


def test_tablets_that_split_stay_and_then_spread():
    whole = Tablets.of(Workload(9000, 1.0, Zipf(2000, 0.5)))
    before = TabletPlacement(6, whole)
    split = before.with_tablets(whole.split(Limits(reads=500)))
    assert before.movement(split, "reads").moved == 0
    assert movement(before, split).moved == 0
    even = split.rebalanced()
    assert even.balance().peak_to_mean < 1.2
    assert split.movement(even, "reads").moved == pytest.approx(5 / 6, abs=0.05)


# --- as a placement ---------------------------------------------------------------------------------------------------

ZONED = Topology.grid(3, zones=3)


def zoned(order="hash", names=None):
    store = Workload(10_000, 0.8, Zipf(3000, 0.7), object_size=500)
    tablets = Tablets.of(store, order) if names is None else Tablets(names, 1.0, order=order)
    return TabletPlacement(
        ZONED, tablets.split(Limits(requests=200)) if names is None else tablets.even(20), 3, spread="zone"
    )


@pytest.mark.parametrize("order", ["hash", "key"])
def test_it_is_a_placement_like_any_other(order):
    placed = zoned(order)
    found = placed.lookup(range(3000))
    assert np.array_equal(found, placed.table[placed.tablets.tablet_of(range(3000)), 0])
    lists = placed.replicas(range(3000), 3, "zone")
    assert np.array_equal(lists[:, 0], found)
    assert (np.sort(ZONED.domains("zone")[lists], axis=1) == np.arange(3)).all()
    assert placed.owns_exactly()
    assert placed.ownership().sum() == pytest.approx(1)
    assert neighbours(placed, 3).exact
    law = Zipf(3000, 0.7)
    np.testing.assert_allclose(balance(placed, law).share, placed.balance("reads").share, atol=1e-12)
    np.testing.assert_allclose(balance(placed, law, 3).share, placed.balance("reads", "any").share, atol=1e-12)
    counts = np.bincount(found, minlength=9) / 3000
    if order == "key":  # the key space is that of the keys there are
        np.testing.assert_allclose(placed.ownership(), counts, atol=1e-12)
    else:
        np.testing.assert_allclose(placed.ownership(), counts, atol=0.03)


@pytest.mark.parametrize("order", ["hash", "key"])
def test_movement_of_the_key_space_and_of_keys_agree(order):
    before = zoned(order)
    after = before.remove("b-2")
    space, keys = movement(before, after, 3, spread="zone"), before.movement(after, "keys")
    assert space.moved == pytest.approx(keys.moved, abs=0.02 if order == "hash" else 1e-12)
    assert keys.needless == 0
    plan = moved_ranges(before, after)
    assert plan["share"].sum() == pytest.approx(movement(before, after).moved)


def test_it_survives_saving_and_pickling():
    names = [f"user:{i:04}" for i in range(500)]
    for placed in (zoned("hash"), zoned("key"), zoned("key", names)):
        keys = placed.tablets.names[:50]
        for again in (restore(json.loads(json.dumps(placed.state()))), pickle.loads(pickle.dumps(placed))):
            assert again == placed
            assert hash(again) == hash(placed)
            assert np.array_equal(again.replicas(keys, 3), placed.replicas(keys, 3))
            assert again.remove("a-1") == placed.remove("a-1")


def test_it_can_be_compared():
    table = compare({"tablets": zoned(), "ring": HashRing(ZONED)}, "remove").to_frame().set_index("scheme")
    assert table.loc["tablets", ["any_node_may_leave", "weights", "exact"]].all()
    assert table.loc["tablets", "needless"] == 0


def test_equal_placements():
    placed = zoned()
    assert placed == zoned()
    assert placed != zoned("key")
    assert placed != placed.remove("a-1")
    assert placed.with_seed(0) == placed
    assert len({placed, zoned()}) == 1
    assert "tablets, by requests" in placed.description


def test_many_tablets_are_looked_up_where_they_crowd():
    # half of the tablets lie within a millionth of the hashes
    crowd = np.sort(np.random.default_rng(0).integers(2**40, 2**44, 2000).astype(np.uint64))
    spread = Tablets(range(2000)).keys
    cuts = np.unique(np.concatenate([crowd, spread]))
    placed = TabletPlacement(5, Tablets(range(2000), 1.0).cut_at(cuts, hashed=True))
    asked = np.concatenate([cuts, cuts - np.uint64(1), cuts + np.uint64(1)])
    at = np.searchsorted(placed.tablets.first, asked, side="right") - 1
    assert np.array_equal(placed.lookup(asked, hashed=True), placed.table[at, 0])


# --- how it looks -----------------------------------------------------------------------------------------------------


def test_titles_tables_and_plots():
    tablets = Tablets.of(Workload(9000, 0.5, Zipf(500, 1.2), object_size=100)).split(Limits(reads=500))
    assert tablets.title == f"500 keys in {len(tablets)} tablets: 48.8 KiB, 9 k requests/s"
    assert len(tablets.to_frame()) == len(tablets)
    hot = tablets.over(Limits(reads=500))
    assert hot.title == f"1 of {len(tablets)} tablets is beyond its limits, a single key that no split relieves"
    both = Tablets(range(4), [9, 1, 1, 9], order="key").cut_at([1]).over(Limits(reads=8))
    assert both.title == "2 of 2 tablets are beyond their limits, 1 of them a single key that no split relieves"
    assert Tablets([1], 2.0).over(Limits(reads=1)).title.startswith("1 of 1 tablets is beyond its limits, a single")
    assert hot.to_frame()["key"].iloc[0] == 0
    assert hot.to_frame()["pieces"].iloc[0] == math.ceil(4500 * Zipf(500, 1.2).pmf(0) / 500)
    assert Tablets([1]).over(Limits(reads=1)).title == "All 1 tablets are within their limits"
    placed = TabletPlacement(3, tablets)
    assert placed.loads()["tablets"].sum() == len(tablets)
    assert placed.loads()["reads_per_s"].sum() == pytest.approx(4500)
    assert tablets.plot().get_ylabel() == "requests/s"
    assert hot.plot().get_ylabel() == "need / limit"
    assert placed.scan is not None
    assert Tablets(range(9), order="key").even(3).scan(2).plot().get_xlabel() == "tablets touched"


# --- bad input --------------------------------------------------------------------------------------------------------

EVEN = Tablets(range(10), 1.0, order="key").even(5)
HASHED = Tablets(range(10), 1.0)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Tablets([]), ValueError, "there are no keys"),
        (lambda: Tablets([1.5]), TypeError, "keys hold float: give integers, str or bytes"),
        (lambda: Tablets([1, "a"], order="key"), TypeError, "keys hold int and str"),
        (lambda: Tablets([True]), TypeError, "keys hold bool"),
        (lambda: Tablets(np.ones((2, 2), int)), TypeError, "keys has 2 dimensions"),
        (lambda: Tablets([1, 2], reads=[1]), ValueError, r"reads has shape \[1\]: give one number for each of the 2"),
        (lambda: Tablets([1], writes=[-1]), ValueError, "writes holds -1: give finite numbers, zero or more"),
        (lambda: Tablets([1], bytes=[np.nan]), ValueError, "bytes holds nan"),
        (lambda: Tablets([1], order="range"), ValueError, "order is 'range': give 'hash' or 'key'"),
        (lambda: Tablets.of(Workload(1.0)), ValueError, "the workload has no popularity"),
        (lambda: Tablets.of(Workload(1.0, popularity=Uniform(10**9))), ValueError, "scale objects, rate and limits"),
        (lambda: Limits(), ValueError, "no limit is given"),
        (lambda: Limits(reads=0), ValueError, "reads is 0: give a limit above zero"),
        (lambda: Limits(bytes=np.nan), ValueError, "bytes is nan"),
        (lambda: EVEN.split(5), TypeError, "limits is 5: give Limits"),
        (lambda: EVEN.split(Limits(reads=1), "third"), ValueError, "at is 'third'"),
        (lambda: EVEN.split(Limits(reads=1), "middle"), ValueError, "these are in the order of keys"),
        (lambda: EVEN.split(Limits(reads=1), "all"), ValueError, "use order='hash'"),
        (lambda: EVEN.doubled(), ValueError, "use order='hash'"),
        (lambda: EVEN.even(0), ValueError, "count is 0: give an integer of one or more"),
        (lambda: EVEN.even(11), ValueError, "count is 11: give at most 10"),
        (lambda: EVEN.merge(Limits(reads=1), 0), ValueError, "below is 0"),
        (lambda: EVEN.merge(Limits(reads=1), 1.5), ValueError, "below is 1.5"),
        (lambda: EVEN.load("size"), ValueError, "by is 'size'"),
        (lambda: EVEN.tablet_of(["a"]), TypeError, "keys are of type <U1 and the tablets' of int64"),
        (lambda: EVEN.tablet_of(np.array([1], np.uint64), hashed=True), ValueError, "in the order of keys: hashed"),
        (lambda: HASHED.tablet_of([1], hashed=True), TypeError, "uint64 array of one dimension"),
        (lambda: HASHED.scan(2), ValueError, "asks every tablet; use order='key'"),
        (lambda: EVEN.scan(0), ValueError, "keys is 0"),
        (lambda: EVEN.scan(11), ValueError, "longer than the 10 keys"),
        (lambda: EVEN.scan(2, by="bytes"), ValueError, "by is 'bytes'"),
        (lambda: Tablets(range(5), order="key").scan(2, by="requests"), ValueError, "weigh the beginnings by keys"),
        (lambda: Tablets([b"a"], order="key").state(), ValueError, "decode them to str"),
        (lambda: TabletPlacement(3, 5), TypeError, "tablets is 5: give Tablets"),
        (lambda: TabletPlacement(3, EVEN, 4), ValueError, "4 replicas need 4 different nodes"),
        (lambda: TabletPlacement(3, EVEN, 0), ValueError, "replicas is 0"),
        (lambda: TabletPlacement(3, EVEN, by="size"), ValueError, "by is 'size'"),
        (lambda: TabletPlacement(3, EVEN, seed=1), ValueError, "seed is 1 and the keys of the tablets are hashed"),
        (lambda: TabletPlacement(3, EVEN, table=[[0]]), ValueError, r"table has shape \[1, 1\]"),
        (lambda: TabletPlacement(3, EVEN, table=[[3]] * 5), ValueError, "give 0 to 2"),
        (lambda: TabletPlacement(3, EVEN, table=[[1, 1]] * 5), ValueError, "two replicas of a tablet into one node"),
        (lambda: TabletPlacement(3, EVEN).replicas([1], 2), ValueError, "have 1 replicas and 2 are asked for"),
        (lambda: TabletPlacement(ZONED, EVEN, 3).replicas([1], 3, "zone"), ValueError, "some replicas share a zone"),
        (lambda: TabletPlacement(3, EVEN).balance("bytes"), ValueError, "the tablets have no bytes"),
        (lambda: TabletPlacement(3, EVEN).load(reads_from="all"), ValueError, "reads_from is 'all'"),
        (lambda: TabletPlacement(3, EVEN).with_tablets(HASHED), ValueError, "the tablets are of other keys"),
        (
            lambda: TabletPlacement(3, EVEN).movement(TabletPlacement(3, HASHED)),
            ValueError,
            "not of tablets of the same",
        ),
        (
            lambda: TabletPlacement(3, EVEN).movement(TabletPlacement(3, EVEN, 2), "keys"),
            ValueError,
            "1 and 2 replicas",
        ),
        (lambda: TabletPlacement(3, EVEN).movement(TabletPlacement(4, EVEN)), ValueError, "the tablets have no bytes"),
        (lambda: TabletPlacement(3, EVEN).with_seed(4), ValueError, "leave it out"),
        (lambda: TabletPlacement(1, EVEN).remove("n0"), ValueError, "'n0' is the last node"),
        (lambda: TabletPlacement(3, EVEN, 3).remove("n0"), ValueError, "3 replicas need 3 different nodes"),
    ],
)
def test_bad_input(make, error, says):
    with pytest.raises(error, match=says):
        make()
