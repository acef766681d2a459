"""Slots against a real Redis Cluster, redis-py and the slow twin."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.crc import key_slot
from reference import redis_slots as reference

from scalemodel.placement import RedisSlots, balance, movement, restore
from scalemodel.placement.redis_slots import SLOTS

REAL = json.loads((Path(__file__).parent / "golden" / "redis_cluster.json").read_text())


def listed(placement):
    return [[list(span) for span in spans] for spans in placement.ranges]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_slots_are_those_of_a_server():
    keys, slots = zip(*REAL["keyslots"], strict=True)
    assert RedisSlots(3).slot([bytes.fromhex(key) for key in keys]).tolist() == list(slots)


@settings(max_examples=200)
@given(st.lists(st.lists(st.sampled_from([b"{", b"}", b"a", b"\x00", b"\xff"]), max_size=9).map(b"".join)))
def test_slots_are_those_of_redis_py_and_the_twin(keys):
    found = RedisSlots(3).slot(keys).tolist()
    assert found == [key_slot(key) for key in keys]
    assert found == [reference.slot(key) for key in keys]


@pytest.mark.parametrize(
    ("keys", "texts"),
    [
        (range(-2, 3), ["-2", "-1", "0", "1", "2"]),
        ([7, -7], ["7", "-7"]),
        ([2**64 - 1, 5], ["18446744073709551615", "5"]),
        (np.array([-1, 7], np.int32), ["-1", "7"]),
        (np.array([2**64 - 1, 7], np.uint64), ["18446744073709551615", "7"]),
        (pd.Series([2**64 - 1], dtype="UInt64"), ["18446744073709551615"]),
        (pd.Series([-3], dtype="Int64"), ["-3"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (np.array([-5, 12], object), ["-5", "12"]),
        (["é", "{é}x"], ["é", "é"]),
        ([], []),
    ],
)
def test_numbers_are_keys_in_decimal(keys, texts):
    assert RedisSlots(3).slot(keys).tolist() == [reference.slot(text) for text in texts]


def test_keys_go_to_the_node_of_their_slot():
    cluster = RedisSlots(5)
    keys = [f"user:{{{i % 50}}}:{i}" for i in range(500)]
    assert np.array_equal(cluster.lookup(keys), cluster.table[cluster.slot(keys)])
    assert len(set(cluster.slot(keys).tolist())) == 50
    assert np.array_equal(cluster.lookup(cluster.slot(keys).astype(np.uint64), hashed=True), cluster.lookup(keys))


# --- redis-cli --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("created", REAL["created"], ids=len)
def test_slots_are_dealt_as_by_redis_cli(created):
    assert listed(RedisSlots(len(created))) == created


@pytest.mark.parametrize("step", REAL["rebalanced"], ids=lambda step: str(len(step["before"])))
def test_slots_are_rebalanced_as_by_redis_cli(step):
    cluster = RedisSlots(len(step["before"]), ranges=step["before"])
    weights = step["weights"] and dict(zip(cluster.nodes, step["weights"], strict=True))
    assert listed(cluster.rebalance(weights)) == step["after"]


def test_the_answer_of_cluster_nodes_is_read():
    cluster = RedisSlots.from_cluster_nodes(REAL["cluster_nodes"])
    created = next(created for created in REAL["created"] if len(created) == 6)
    ports = sorted(cluster.nodes)
    assert [listed(cluster)[cluster.nodes.index(node)] for node in ports] == created


def test_a_balanced_cluster_is_left_alone():
    cluster = RedisSlots(3)
    assert cluster.rebalance() == cluster
    assert cluster.rebalance({"n0": 1.005}).ranges == cluster.ranges
    assert cluster.rebalance({"n0": 1.005}, threshold=0).ranges != cluster.ranges


@pytest.mark.parametrize("n", [1, 2, 100, 1000, 5461, SLOTS])
def test_every_slot_is_dealt_once_and_evenly(n):
    counts = RedisSlots(n).counts
    assert counts.sum() == SLOTS
    assert set(counts.tolist()) <= {SLOTS // n, -(-SLOTS // n)}
    assert balance(RedisSlots(n)).peak_to_mean == pytest.approx(counts.max() * n / SLOTS)


# --- changes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50, 999])
def test_a_node_comes_and_goes_with_the_fewest_slots(n):
    cluster = RedisSlots(n)
    grown = cluster.add("new")
    assert movement(cluster, grown).moved == SLOTS // (n + 1) / SLOTS
    assert movement(cluster, grown).needless == 0
    assert grown.counts.max() - grown.counts.min() <= 1
    assert grown.remove("new") == cluster
    if n > 1:
        smaller = cluster.remove("n0")
        assert movement(cluster, smaller).moved == cluster.counts[0] / SLOTS
        assert smaller.counts.max() - smaller.counts.min() <= 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.05, 5), min_size=2, max_size=7),
    st.lists(st.tuples(st.booleans(), st.floats(0.05, 5)), max_size=5),
)
def test_changes_move_what_they_have_to_and_keep_to_the_shares(weights, changes):
    cluster = RedisSlots(len(weights), weights)
    for number, (add, weight) in enumerate(changes):
        if add:
            after = cluster.add(f"new-{number}", weight)
            moved = int(SLOTS * weight / sum(after.topology.weights) + 1e-9)
        elif len(cluster.nodes) > 1:
            after = cluster.remove(cluster.nodes[0])
            moved = int(cluster.counts[0])
        else:
            continue
        plan = cluster.moves(after)
        assert plan["slots"].sum() == moved
        assert set(plan["destination" if add else "source"]) <= {f"new-{number}" if add else cluster.nodes[0]}
        off = after.counts - SLOTS * after.topology.shares
        assert np.abs(off).max() <= max(len(weights), 2)  # redis-cli gives all that rounding leaves over to few nodes
        cluster = after


def test_moves_are_ranges():
    cluster = RedisSlots(["a", "b"], ranges={"a": [(0, 9), 12, (100, SLOTS - 1)], "b": [(10, 11), (13, 99)]})
    after = RedisSlots(["b", "c"], ranges={"c": [(0, 11)], "b": [(12, SLOTS - 1)]})
    assert cluster.moves(after).to_numpy().tolist() == [
        [0, 9, 10, "a", "c"],
        [10, 11, 2, "b", "c"],
        [12, 12, 1, "a", "b"],
        [100, SLOTS - 1, SLOTS - 100, "a", "b"],
    ]
    assert cluster.moves(cluster).empty


def test_weights_and_seeds_deal_other_slots():
    cluster = RedisSlots(["a", "b", "c"], [1, 2, 1])
    assert cluster.counts.tolist() == [4096, 8192, 4096]
    assert RedisSlots(9, seed=1).counts.sum() == SLOTS
    assert RedisSlots(9, seed=1).ranges != RedisSlots(9).ranges
    assert sorted(RedisSlots(9, seed=1).ranges) == sorted(RedisSlots(9).ranges)


def test_ranges_survive_saving():
    cluster = RedisSlots(4).remove("n1").add("x", 2)
    assert restore(json.loads(json.dumps(cluster.state()))) == cluster


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ([[(0, 9)], [(11, SLOTS - 1)]], "1 slots have no node, the first is 10: give all of 0 to 16383"),
        ([[(0, 10)], [(9, SLOTS - 1)]], "slot 9 is given to 'n0' and to 'n1': give it to one"),
        ([[(0, SLOTS - 1)]], "there are ranges for 1 nodes and 2 nodes"),
        ({"n0": [(0, SLOTS - 1)], "n2": []}, "ranges names the node 'n2', which is not there"),
        ([[(0, SLOTS)], []], r"'n0' has the range \(0, 16384\): give a slot from 0 to 16383, or a pair"),
        ([[(5, 3)], []], r"'n0' has the range \(5, 3\)"),
        ([[-1], []], "'n0' has the range -1"),
        ([[(0, 1, 2)], []], r"'n0' has the range \(0, 1, 2\)"),
        ([["0-16383"], []], "'n0' has the range '0-16383'"),
        ([[1.5], []], "'n0' has the range 1.5"),
    ],
)
def test_ranges_are_checked(ranges, message):
    with pytest.raises(ValueError, match=message):
        RedisSlots(2, ranges=ranges)


def test_clusters_are_checked():
    with pytest.raises(ValueError, match="16385 nodes are more than there are slots: give at most 16384"):
        RedisSlots(SLOTS + 1)
    with pytest.raises(ValueError, match="no master with slots is in the text: give the answer of CLUSTER NODES"):
        RedisSlots.from_cluster_nodes("07c37df 127.0.0.1:30004@31004 slave e7d1eec 0 1 4 connected")
    with pytest.raises(ValueError, match="h:1 has slots that are no numbers, in the line"):
        RedisSlots.from_cluster_nodes("a h:1@2 master - 0 1 2 connected 0-many")
    with pytest.raises(ValueError, match="1 slots have no node"):
        RedisSlots.from_cluster_nodes("a h:1@2 master - 0 1 2 connected 0-16382")
    with pytest.raises(ValueError, match=r"threshold is -0.1: give a share from 0 to below 1"):
        RedisSlots(3).rebalance(threshold=-0.1)
    with pytest.raises(ValueError, match="there is no node 'n3'"):
        RedisSlots(3).rebalance({"n3": 2})
    with pytest.raises(ValueError, match="a weight is 0: weights are finite and above zero"):
        RedisSlots(3).rebalance({"n2": 0})
