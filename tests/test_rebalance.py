"""Movement of replicas, the plan of a migration and the time it takes."""

import numpy as np
import pytest

from scalemodel.placement import HashRing, JumpHash, Rendezvous, Topology, moved_ranges, movement, rebalance_time
from scalemodel.streams import random_keys

RING = HashRing(Topology.grid(3, zones=3), vnodes=16)


def copies_by_set(before, after, keys, n, spread):
    """Count copies to make, key by key, with Python sets."""
    old, new = (p.replicas(keys, n, spread, hashed=True) for p in (before, after))
    moved = 0
    for a, b in zip(old, new, strict=True):
        moved += len({after.nodes[i] for i in b} - {before.nodes[i] for i in a})
    return moved / len(keys) / n


@pytest.mark.parametrize("change", [lambda p: p.remove("b-2"), lambda p: p.add("new", zone="a")], ids=["leave", "join"])
@pytest.mark.parametrize("spread", [None, "zone"])
def test_replica_movement_counts_the_copies_to_make(change, spread):
    after = change(RING)
    exact = movement(RING, after, 3, spread=spread)
    counted = copies_by_set(RING, after, random_keys(20_000), 3, spread)
    assert exact.moved == pytest.approx(counted, abs=5 * np.sqrt(counted / 60_000))
    assert exact.matrix.sum() == pytest.approx(1)
    owned = RING.ownership(3, spread)
    np.testing.assert_allclose(exact.matrix.sum(axis=1), owned, atol=1e-12)
    np.testing.assert_allclose(exact.matrix.sum(axis=0), after.ownership(3, spread), atol=1e-12)


def test_a_change_of_order_within_the_set_moves_nothing():
    both = HashRing(["a", "b"], vnodes=8)
    other = HashRing(["a", "b"], vnodes=8, weights=[1, 3])
    assert movement(both, other).moved > 0.1
    assert movement(both, other, 2).moved == 0


def test_sampled_replica_movement_agrees_with_exact():
    rendezvous = Rendezvous(5)
    sampled = movement(rendezvous, rendezvous.remove("n2"), 2)
    # one of five nodes holds 2/5 of the sets' places twice over: 1/5 of all replicas must be copied
    assert sampled.moved == pytest.approx(0.2, abs=6 * sampled.standard_error)
    assert sampled.standard_error > 0


def test_the_plan_of_a_migration_is_what_moves():
    after = RING.remove("b-2")
    plan = moved_ranges(RING, after)
    assert (plan["source"] == "b-2").all()
    assert plan["share"].sum() == pytest.approx(movement(RING, after).moved, abs=1e-12)
    for row in plan.itertuples():
        ends = np.array([row.first, row.last], np.uint64)
        assert [RING.nodes[i] for i in RING.lookup(ends, hashed=True)] == [row.source] * 2
        assert [after.nodes[i] for i in after.lookup(ends, hashed=True)] == [row.destination] * 2
        beyond = np.array([row.first], np.uint64) - np.uint64(1)
        pair = RING.nodes[RING.lookup(beyond, hashed=True)[0]], after.nodes[after.lookup(beyond, hashed=True)[0]]
        assert pair != (row.source, row.destination), "ranges that touch and go the same way are one"
    sizes = (plan["last"].to_numpy(np.uint64) - plan["first"].to_numpy(np.uint64)).astype(float) + 1
    np.testing.assert_allclose(sizes / 2.0**64, plan["share"], rtol=1e-9)


def test_no_change_no_plan():
    assert len(moved_ranges(RING, RING)) == 0


def test_schemes_without_intervals_have_no_ranges():
    with pytest.raises(ValueError, match="do not cut one key space into intervals"):
        moved_ranges(JumpHash(3), JumpHash(4))


def test_a_new_node_is_bound_by_what_it_receives():
    grown = movement(JumpHash(10), JumpHash(11))
    time = rebalance_time(grown, data_bytes=11e12, send=1e8, receive=2e8)
    assert time.bottleneck == "n10"
    assert time.longest == pytest.approx(1e12 / 2e8)
    np.testing.assert_allclose(time.sent[:10], 1e11)
    assert time.sent.sum() == pytest.approx(time.received.sum())


def test_a_dead_node_sends_nothing():
    lost = movement(Rendezvous(5), Rendezvous(5).remove("n2"))
    alive = rebalance_time(lost, 5e9, 1e6)
    dead = rebalance_time(lost, 5e9, 1e6, dead=["n2"])
    at = alive.nodes.index("n2")
    assert alive.bottleneck == "n2"
    assert alive.longest == pytest.approx(1000)
    assert dead.sent[at] == 0
    assert dead.sent.sum() == pytest.approx(alive.sent.sum())
    assert dead.longest == pytest.approx(250)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"data_bytes": 0, "send": 1}, "data_bytes is 0"),
        ({"data_bytes": 1, "send": -1}, "send is -1"),
        ({"data_bytes": 1, "send": 1, "receive": np.nan}, "receive is nan"),
        ({"data_bytes": 1, "send": 1, "dead": ["n33"]}, "did you mean 'n3'"),
        ({"data_bytes": 1, "send": 1, "dead": [f"n{i}" for i in range(5)]}, "all nodes that hold data are dead"),
    ],
)
def test_bad_input(arguments, says):
    change = movement(Rendezvous(5), Rendezvous(6))
    with pytest.raises(ValueError, match=says):
        rebalance_time(change, **arguments)
