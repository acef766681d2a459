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
    time = rebalance_time(grown, bytes=11e12, bandwidth_per_node=1e8, receive=2e8)
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


def schedule(movement, bytes, send, receive, slots, quantum):
    """Move pieces of a quantum in rounds: in each, every node sends and receives at most its slots. Return the rounds.

    Rounds are matchings found greedily from the fullest ports, so their number is at most twice the best.
    """
    left = {
        (source, target): round(share * bytes / quantum)
        for source, target, share in movement.to_frame().itertuples(index=False)
    }
    rounds = 0
    while any(left.values()):
        rounds += 1
        sends, receives = dict.fromkeys(movement.sources, slots), dict.fromkeys(movement.destinations, slots)
        weight = {pair: n for pair, n in left.items() if n}
        total = {}
        for (source, target), n in weight.items():
            total["out", source] = total.get(("out", source), 0) + n
            total["in", target] = total.get(("in", target), 0) + n
        for pair in sorted(weight, key=lambda pair: -max(total["out", pair[0]], total["in", pair[1]])):
            n = min(left[pair], sends[pair[0]], receives[pair[1]])
            left[pair] -= n
            sends[pair[0]] -= n
            receives[pair[1]] -= n
    return rounds


@pytest.mark.parametrize("change", [lambda p: p.add("new", zone="a"), lambda p: p.remove("b-2")], ids=["join", "leave"])
def test_rounds_of_streams_reach_the_bound(change):
    moved = movement(RING, change(RING), 3)
    time = rebalance_time(moved, 1e9, 2e6, streams=2, stream_bandwidth=1e6)
    quantum = 1e6 / 20  # what a stream carries in a twentieth of a second
    rounds = schedule(moved, 1e9, 2e6, 2e6, 2, quantum)
    assert rounds / 20 == pytest.approx(time.longest, rel=0.02)


def test_constant_rates_keep_every_limit():
    moved = movement(RING, RING.add("new", 2.0, zone="b"), 3)
    send = {node: 1e6 * (i + 1) for i, node in enumerate(moved.destinations)}
    time = rebalance_time(moved, 1e9, send, receive=5e6, competing=5e5)
    rates = moved.matrix * 1e9 / time.longest
    nodes = list(moved.destinations)
    for i, source in enumerate(moved.sources):
        rates[i, nodes.index(source)] = 0
    used_out = [rates[moved.sources.index(node)].sum() / (send[node] - 5e5) for node in moved.sources]
    used_in = rates.sum(axis=0) / 4.5e6
    assert max(*used_out, *used_in) == pytest.approx(1)


def test_a_network_can_be_the_bottleneck():
    grown = movement(JumpHash(10), JumpHash(11))
    time = rebalance_time(grown, 11e12, 1e9, network=1e8)
    assert time.bottleneck == "the network"
    assert time.longest == pytest.approx(1e4)
    assert "the network limits it" in time.title
    assert rebalance_time(grown, 11e12, 1e9, network=1e10).bottleneck == "n10"
    assert time.plot().get_ylabel() == "busy, minutes"


def test_donors_and_receivers():
    grown = movement(Rendezvous(5), Rendezvous(6))
    assert grown.receivers == ("n5",)
    assert set(grown.donors) == {f"n{i}" for i in range(5)}
    shares = grown.to_frame().groupby("source")["share"].sum()
    assert list(shares[list(grown.donors)]) == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"bytes": 0}, "bytes is 0: give a finite number above zero"),
        ({"bandwidth_per_node": -1}, "bandwidth_per_node is -1: give finite numbers"),
        ({"bandwidth_per_node": 0}, "bandwidth_per_node of n0 is 0 and requests take 0 of it"),
        ({"bandwidth_per_node": {"n0": 1}}, "bandwidth_per_node lacks node 'n1'"),
        ({"bandwidth_per_node": {"n00": 1}}, "bandwidth_per_node names 'n00', which is no node; did you mean 'n0'"),
        ({"receive": np.nan}, "receive is nan"),
        ({"receive": 3, "competing": 3}, "receive of n0 is 3 and requests take 3 of it: leave some"),
        ({"network": 0}, "network is 0"),
        ({"streams": 2}, "give both or neither"),
        ({"streams": 0, "stream_bandwidth": 1}, "streams is 0"),
        ({"stream_bandwidth": np.inf, "streams": 1}, "stream_bandwidth is inf"),
        ({"dead": ["n33"]}, "did you mean 'n3'"),
        ({"dead": [f"n{i}" for i in range(5)]}, "all nodes that hold data are dead"),
    ],
)
def test_bad_input(arguments, says):
    change = movement(Rendezvous(5), Rendezvous(6))
    with pytest.raises(ValueError, match=says):
        rebalance_time(change, **{"bytes": 1.0, "bandwidth_per_node": 10.0} | arguments)
