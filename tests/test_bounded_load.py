"""Bounded loads against their slow twin, the figures of buraksezer/consistent and the bounds of the papers."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import maglev as reference
from reference import placement as rings

from scalemodel.placement import BoundedLoad, HashRing, Topology, moved_slots, movement
from scalemodel.streams import random_keys

VARIANTS = ("linear", "jump", "buraksezer")


def members(count):
    """The names in the examples of buraksezer/consistent."""
    return [f"node{i}.olricmq" for i in range(count)]


# --- buraksezer/consistent --------------------------------------------------------------------------------------------


def test_partitions_of_eight_members():
    """Its default load of 1.25 and 271 partitions: the fullest member has 1.269 of the mean, a whole partition up."""
    placement = BoundedLoad(members(8), variant="buraksezer")
    assert (placement.partitions, placement.vnodes, placement.load_factor) == (271, 20, 1.25)
    assert set(placement.caps) == {43}
    assert placement.counts.max() * 8 / 271 == pytest.approx(1.269, abs=5e-4)


def test_partitions_of_twenty_members():
    placement = BoundedLoad(members(20), 1.05, 1009, variant="buraksezer")
    assert placement.counts.max() * 20 / 1009 == pytest.approx(1.051, abs=5e-4)


def test_removing_a_member_moves_partitions_of_others():
    before = BoundedLoad(members(8), variant="buraksezer")
    plan = moved_slots(before, before.remove("node3.olricmq"))
    assert (before.counts[3], len(plan)) == (29, 32)


def test_names_that_differ_in_their_last_letter_crowd():
    """A trait of FNV-1a, not of the ring: of each i the points of a, b, c and d are beside each other."""
    shares = np.mean([HashRing(list("abcd"), 20, seed=s).ownership().max() for s in range(20)])
    points = reference.buraksezer_points("abcd", [20] * 4)
    arcs = np.zeros(4)
    for i, (point, node) in enumerate(points):
        arcs[node] += (point - points[i - 1][0]) % 2**64 / 2**64
    assert arcs.max() > 0.4 > shares


# --- the twin ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_keys_are_assigned_as_by_the_twin(data):
    nodes = data.draw(st.integers(1, 6))
    weights = data.draw(st.lists(st.sampled_from([0.125, 1, 1.5, 4]), min_size=nodes, max_size=nodes))
    factor = data.draw(st.sampled_from([1.001, 1.1, 1.25, 3]))
    variant, growing = data.draw(st.sampled_from(VARIANTS)), data.draw(st.booleans())
    hashes = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40))
    placement = BoundedLoad(nodes, factor, variant=variant, vnodes=3, weights=weights)
    result = placement.assign(np.array(hashes, np.uint64), hashed=True, growing=growing)
    counts = [max(1, round(weight * 3)) for weight in weights]
    of_theirs = reference.buraksezer_points if variant == "buraksezer" else rings.ring_points
    points = of_theirs(placement.nodes, counts)
    jump = partial(rings.rendezvous, nodes=placement.nodes, weights=weights) if variant == "jump" else None
    owners, asked = reference.bounded_load(hashes, points, weights, factor, jump, growing)
    assert result.owners.tolist() == owners
    assert result.asked.tolist() == asked
    assert (result.loads <= result.caps).all()
    assert result.caps.tolist() == reference.bounded_caps(len(hashes), weights, factor)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("factor", [1.01, 1.25, 2.0])
def test_no_node_is_above_its_cap(variant, factor):
    placement = BoundedLoad(Topology(list("abcde"), [1, 1, 2, 3, 0.5]), factor, 1000, variant)
    assert placement.counts.sum() == 1000
    assert (placement.counts <= placement.caps).all()
    assert (placement.caps == np.ceil(1000 * placement.topology.shares * factor)).all()


def test_copies_of_equal_nodes_are_bounded_too():
    placement = BoundedLoad(Topology.grid(4, zones=3), 1.05, 1200)
    for copies, spread in ((2, None), (3, "zone")):
        assert placement.ownership(copies, spread).max() * 12 <= 1.05 + 1e-12
    assert HashRing(Topology.grid(4, zones=3)).ownership(3, "zone").max() * 12 > 1.1


def test_with_room_enough_it_is_the_ring():
    ring = HashRing(10, vnodes=64)
    keys = random_keys(5000)
    for variant in ("linear", "jump"):
        result = BoundedLoad(ring, 10.0, variant=variant).assign(keys, hashed=True)
        assert np.array_equal(result.owners, ring.lookup(keys, hashed=True))
        assert result.displaced == 0
        assert result.mean_asked == 1


def test_a_ring_brings_its_nodes_points_and_seed():
    ring = HashRing(["a", "b"], vnodes=7, weights=[1, 2], seed=5)
    assert BoundedLoad(ring) == BoundedLoad(["a", "b"], vnodes=7, weights=[1, 2], seed=5)


# --- what passing on costs --------------------------------------------------------------------------------------------


def test_the_closer_the_cap_the_more_is_passed_on():
    keys = random_keys(20_000)
    results = [BoundedLoad(50, factor, vnodes=4).assign(keys, hashed=True) for factor in (1.02, 1.1, 1.25, 1.5, 2)]
    assert (np.diff([result.displaced for result in results]) < 0).all()
    assert (np.diff([result.mean_asked for result in results]) < 0).all()
    peaks = [result.peak_to_mean for result in results]
    assert peaks[:2] == pytest.approx([1.02, 1.1], abs=0.003)


def test_few_points_are_asked():
    """Mirrokni et al., theorem 1: O(1/e^2) for a cap of 1 + e; here with a constant below 3, one point a node."""
    keys = random_keys(20_000)
    for excess in (0.1, 0.3, 0.5, 1.0):
        asked = [BoundedLoad(200, 1 + excess, vnodes=1, seed=s).assign(keys, hashed=True).mean_asked for s in range(10)]
        assert np.mean(asked) < 3 / excess**2


def test_jumps_ask_less_than_steps():
    """Chen et al.: with one point a node, steps pile up behind the full nodes and jumps do not."""
    keys = random_keys(20_000)
    for excess in (0.1, 0.3):
        asked, full = {}, {}
        for variant in ("linear", "jump"):
            runs = [BoundedLoad(200, 1 + excess, variant=variant, vnodes=1, seed=s) for s in range(10)]
            results = [run.assign(keys, hashed=True) for run in runs]
            asked[variant] = np.mean([result.mean_asked for result in results])
            full[variant] = np.mean([(result.loads >= result.caps).mean() for result in results])
        assert asked["jump"] < 0.75 * asked["linear"]
        assert full["jump"] < full["linear"]


def test_a_cap_that_grows_holds_all_the_time():
    keys = random_keys(3000)
    result = BoundedLoad(7, 1.1, variant="jump").assign(keys, hashed=True, growing=True)
    for so_far in (1, 2, 10, 100, 1000, 3000):
        loads = np.bincount(result.owners[:so_far], minlength=7)
        assert loads.max() <= np.ceil(so_far / 7 * 1.1)
    assert result.displaced > BoundedLoad(7, 1.1, variant="jump").assign(keys, hashed=True).displaced


def test_assignments_compare_by_name():
    keys = [f"user:{i}" for i in range(5000)]
    before = BoundedLoad(10, 1.1)
    after = before.remove("n3")
    old, new = before.assign(keys), after.assign(keys)
    same = [before.nodes[a] == after.nodes[b] for a, b in zip(old.owners, new.owners, strict=True)]
    assert old.moved(new) == pytest.approx(1 - np.mean(same))
    assert old.moved(new) > (old.owners == 3).mean()
    assert old.moved(old) == 0
    with pytest.raises(ValueError, match="one assignment is of 5000 keys, the other of 3: assign the same keys"):
        old.moved(after.assign(keys[:3]))


def test_the_order_of_arrival_decides_who_is_passed_on():
    keys = random_keys(5000)
    placement = BoundedLoad(10, 1.05)
    forwards, backwards = placement.assign(keys, hashed=True), placement.assign(keys[::-1], hashed=True)
    assert not np.array_equal(forwards.owners, backwards.owners[::-1])
    assert forwards.loads.max() == backwards.loads.max()


def test_movement_is_exact():
    before = BoundedLoad(10, 1.02, partitions=1000)
    change = movement(before, before.remove("n3"))
    assert change.standard_error == 0
    assert len(moved_slots(before, before.remove("n3"))) == round(1000 * change.moved)
    assert change.needless > 0


# --- how it is shown --------------------------------------------------------------------------------------------------


def test_the_answer_shows_itself():
    result = BoundedLoad(Topology(list("abc"), [1, 1, 2]), 1.1).assign(range(1000))
    frame = result.to_frame()
    assert frame["keys"].sum() == 1000
    assert frame.set_index("node").loc["c", "cap"] == 550
    assert frame["load_to_fair"].max() == result.peak_to_mean
    assert (frame["full"] == (frame["keys"] == frame["cap"])).all()
    assert "1,000 keys over 3 nodes" in result.title
    ax = result.plot()
    assert ax.get_ylabel() == "keys"
    assert len(ax.patches) == 3


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 1.0, 0.5, -2, 1 + 1e-9, float("nan"), float("inf")])
def test_there_is_room_for_all(factor):
    with pytest.raises(ValueError, match=r"load_factor is .*: give a finite number above 1, such as 1\.25"):
        BoundedLoad(3, load_factor=factor)


@pytest.mark.parametrize("factor", ["1.25", None, True])
def test_the_load_factor_is_a_number(factor):
    with pytest.raises(TypeError, match=r"load_factor is .*: give a number above 1, such as 1\.25"):
        BoundedLoad(3, load_factor=factor)


@pytest.mark.parametrize("partitions", [0, -1, 1.5, True, "8"])
def test_partitions_are_counted(partitions):
    with pytest.raises(ValueError, match=r"partitions is .*: give an integer of one or more"):
        BoundedLoad(3, partitions=partitions)


def test_there_is_a_partition_for_every_node():
    with pytest.raises(ValueError, match="partitions is 3: give at least one for each of the 4 nodes, and at most"):
        BoundedLoad(3, partitions=3).add("new")


def test_a_ring_and_its_options_do_not_mix():
    with pytest.raises(ValueError, match="a ring brings its vnodes and its seed: give them only with nodes"):
        BoundedLoad(HashRing(3), vnodes=8)
    with pytest.raises(ValueError, match="a ring brings its vnodes and its seed"):
        BoundedLoad(HashRing(3), seed=8)
    for ring, variant in ((HashRing(3, hash="murmur2"), "linear"), (HashRing(3), "buraksezer")):
        with pytest.raises(ValueError, match="points come from another hash: give the nodes and vnodes instead"):
            BoundedLoad(ring, variant=variant)


def test_other_bad_input():
    with pytest.raises(ValueError, match="variant is 'random': give 'linear', 'jump' or 'buraksezer'"):
        BoundedLoad(3, variant="random")
    with pytest.raises(ValueError, match="vnodes is 0"):
        BoundedLoad(3, vnodes=0)
    with pytest.raises(ValueError, match="there are no keys to assign: give at least one"):
        BoundedLoad(3).assign([])
