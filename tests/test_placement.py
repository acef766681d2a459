"""What all placement schemes share; a new scheme is one row in `schemes.py`."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import placement as reference
from schemes import SCHEMES

import scalemodel.placement
from scalemodel.placement import Topology, balance, movement, restore
from scalemodel.placement.placement import SAMPLE
from scalemodel.streams import random_keys

USERS = [f"user:{i}" for i in range(300)]
HASHES = random_keys(2**16, seed=9)


def those(promise):
    return pytest.mark.parametrize(
        "scheme", [pytest.param(row, id=name) for name, row in SCHEMES.items() if promise(row)]
    )


each_scheme = those(lambda row: True)
weighted_schemes = those(lambda row: row.weighted)
quick = settings(max_examples=15, deadline=None)

names = st.text(min_size=1, max_size=8)
hashed_keys = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)


@st.composite
def clusters(draw, weighted=False, least=1, lightest=0.01):
    """Nodes of any names and weights in up to four zones, each of which is used."""
    nodes = draw(st.lists(names, min_size=least, max_size=8, unique=True))
    weights = draw(st.lists(st.floats(lightest, 5), min_size=len(nodes), max_size=len(nodes))) if weighted else None
    zones = draw(st.lists(st.sampled_from("abcd"), min_size=len(nodes), max_size=len(nodes)))
    return Topology(nodes, weights, places={"zone": zones})


def twin_lists(scheme, placement, keys, n, spread=None, hashed=False):
    domains = list(placement.topology.domains(spread or "node"))
    hashes = scheme.hashes(placement, keys, hashed)
    if scheme.lists is not None:
        return scheme.lists(placement, hashes, domains, n)
    walk = scheme.twin(placement)
    return [reference.first_of_each(walk(key), domains, n) for key in hashes]


def named(placement, positions):
    return np.array(placement.nodes, dtype=object)[positions]


def test_every_public_scheme_has_a_row():
    assert {type(row.make(2)) for row in SCHEMES.values()} == set(scalemodel.placement.SCHEMES.values())


# --- the twin ---------------------------------------------------------------------------------------------------------


@each_scheme
@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
@pytest.mark.parametrize("nodes", [1, 2, 11, Topology.grid(3, zones=3)], ids=str)
def test_keys_go_where_the_twin_puts_them(scheme, nodes, seed):
    placement = scheme.make(nodes, seed=min(seed, scheme.largest_seed))
    n = min(len(placement.nodes), 4)
    expected = twin_lists(scheme, placement, USERS, n)
    assert placement.replicas(USERS, n).tolist() == expected
    assert placement.lookup(USERS).tolist() == [nodes[0] for nodes in expected]


@each_scheme
@quick
@given(st.data())
def test_replicas_of_any_cluster_are_the_twins(scheme, data):
    topology = data.draw(clusters(weighted=scheme.weighted, lightest=scheme.lightest))
    spread = data.draw(st.sampled_from([None, "zone"]))
    n = data.draw(st.integers(1, topology.count(spread or "node")))
    hashes = np.array(data.draw(hashed_keys), dtype=np.uint64)
    placement = scheme.make(topology)
    assert placement.replicas(hashes, n, spread, hashed=True).tolist() == twin_lists(
        scheme, placement, hashes, n, spread, hashed=True
    )


# --- look-ups ---------------------------------------------------------------------------------------------------------


@each_scheme
def test_one_node_has_all_keys(scheme):
    placement = scheme.make(["only"])
    assert not placement.lookup(HASHES).any()
    assert placement.ownership().tolist() == [1.0]


@each_scheme
def test_results_are_int32_positions_in_nodes(scheme):
    placement = scheme.make(10)
    found = placement.lookup(HASHES)
    lists = placement.replicas(HASHES[:100], 3)
    assert found.dtype == lists.dtype == np.int32
    assert found.shape == HASHES.shape
    assert lists.shape == (100, 3)
    assert set(found.tolist()) == set(range(10))


@each_scheme
def test_a_key_is_looked_up_alike_in_every_batch_and_every_form(scheme):
    placement = scheme.make(10, seed=3)
    expected = placement.lookup(USERS)
    assert np.array_equal(placement.lookup([key.encode() for key in USERS]), expected)
    assert np.array_equal(placement.lookup(np.array(USERS)), expected)
    assert np.array_equal(placement.lookup(pd.Series(USERS)), expected)
    assert np.array_equal(np.concatenate([placement.lookup([key]) for key in USERS]), expected)
    assert np.array_equal(placement.lookup(range(50)), placement.lookup(np.arange(50)))


@those(lambda row: row.one_hash)
@pytest.mark.parametrize("keys", [USERS, range(50)], ids=["text", "numbers"])
def test_hashed_keys_are_the_keys(scheme, keys):
    placement = scheme.make(10, seed=3)
    assert np.array_equal(placement.lookup(placement._hashes(keys, False), hashed=True), placement.lookup(keys))


@each_scheme
def test_no_keys_give_no_nodes(scheme):
    placement = scheme.make(3)
    assert placement.lookup([]).shape == (0,)
    assert placement.lookup(np.empty(0, np.uint64), hashed=True).shape == (0,)
    assert placement.replicas([], 2).shape == (0, 2)


@each_scheme
def test_hashed_keys_may_have_gaps_in_memory_and_be_locked(scheme):
    placement = scheme.make(10)
    every_other = HASHES[:1000:2]
    locked = every_other.copy()
    locked.flags.writeable = False
    expected = placement.lookup(every_other.copy(), hashed=True)
    assert np.array_equal(placement.lookup(every_other, hashed=True), expected)
    assert np.array_equal(placement.lookup(locked, hashed=True), expected)


@each_scheme
@pytest.mark.parametrize(
    "keys", [np.arange(3), np.arange(3.0), [1, 2], HASHES.reshape(2, -1), HASHES.view(np.int64), "user:1"]
)
def test_hashed_keys_are_uint64_of_one_dimension(scheme, keys):
    for ask in (scheme.make(3).lookup, lambda keys, hashed: scheme.make(3).replicas(keys, 2, hashed=hashed)):
        with pytest.raises(TypeError, match=r"hashed=True give a uint64 array of one dimension"):
            ask(keys, hashed=True)


@each_scheme
@pytest.mark.parametrize("keys", ["user:1", 7, [1, "a"], [1.5], None])
def test_keys_are_checked_as_everywhere(scheme, keys):
    with pytest.raises(TypeError, match="keys"):
        scheme.make(3).lookup(keys)


# --- replicas ---------------------------------------------------------------------------------------------------------


@each_scheme
def test_replicas_are_distinct_and_begin_with_the_owner(scheme):
    placement = scheme.make(7)
    lists = placement.replicas(HASHES[:2000], 7)
    assert (np.sort(lists, axis=1) == np.arange(7)).all()
    assert np.array_equal(lists[:, 0], placement.lookup(HASHES[:2000]))


@each_scheme
@pytest.mark.parametrize("spread", [None, "zone"])
def test_fewer_replicas_are_the_first_of_more(scheme, spread):
    placement = scheme.make(Topology.grid(2, zones=4))
    most = placement.replicas(HASHES[:2000], 4, spread)
    for n in (1, 2, 3):
        assert np.array_equal(placement.replicas(HASHES[:2000], n, spread), most[:, :n])


@each_scheme
def test_spread_replicas_share_no_domain(scheme):
    topology = Topology([f"n{i}" for i in range(9)], places={"zone": "aaaaaabbc", "power": "xyxyxyxyx"})
    placement = scheme.make(topology)
    for level in ("zone", "power"):
        count = topology.count(level)
        lists = placement.replicas(HASHES[:2000], count, level)
        assert (np.sort(topology.domains(level)[lists], axis=1) == np.arange(count)).all()
        assert np.array_equal(lists[:, 0], placement.lookup(HASHES[:2000]))


# --- changes ----------------------------------------------------------------------------------------------------------


@each_scheme
def test_a_change_makes_a_new_placement(scheme):
    placement = scheme.make(5, seed=2)
    before = placement.lookup(HASHES)
    grown = placement.add("new")
    assert grown.nodes == ("n0", "n1", "n2", "n3", "n4", "new")
    assert type(grown) is type(placement)
    assert (grown.seed, grown.description) == (2, placement.description.replace("5 nodes", "6 nodes"))
    leaver = scheme.leaver(placement)
    assert placement.remove(leaver).nodes == tuple(node for node in placement.nodes if node != leaver)
    assert placement.nodes == ("n0", "n1", "n2", "n3", "n4")
    assert np.array_equal(placement.lookup(HASHES), before)
    with pytest.raises(AttributeError):
        placement.seed = 1


@those(lambda row: row.restores)
def test_adding_and_removing_a_node_restores_the_placement(scheme):
    placement = scheme.make(Topology.grid(2, zones=3))
    again = placement.add("new", zone="b").remove("new")
    assert again == placement
    assert hash(again) == hash(placement)
    assert np.array_equal(again.replicas(HASHES[:1000], 3, "zone"), placement.replicas(HASHES[:1000], 3, "zone"))
    assert movement(placement, again).moved == pytest.approx(0, abs=1e-12)


@each_scheme
def test_equal_placements_are_those_that_place_alike(scheme):
    placement = scheme.make(["a", "b", "c"])
    assert placement == scheme.make(Topology(["a", "b", "c"]))
    assert placement != scheme.make(["a", "c", "b"])
    assert placement != scheme.make(["a", "b", "c"], seed=1)
    assert placement != placement.add("d")
    assert len({placement, scheme.make(["a", "b", "c"]), placement.with_seed(1)}) == 2


@each_scheme
def test_a_placement_survives_pickling_and_saving(scheme):
    placement = scheme.make(Topology.grid(2, zones=3), seed=5)
    placement.lookup(HASHES[:1])  # builds what is cached
    for copy in (pickle.loads(pickle.dumps(placement)), restore(json.loads(json.dumps(placement.state())))):
        assert copy == placement
        assert np.array_equal(copy.replicas(USERS, 3, "zone"), placement.replicas(USERS, 3, "zone"))


@those(lambda row: row.monotone)
@quick
@given(st.data())
def test_keys_move_only_to_a_new_node_and_from_a_lost_one(scheme, data):
    topology = data.draw(clusters(weighted=scheme.weighted, least=2))
    weight = data.draw(st.floats(0.01, 5)) if scheme.weighted else 1.0
    new = data.draw(names.filter(lambda name: name not in topology.nodes))
    small = scheme.make(topology)
    big = small.add(new, weight, zone=data.draw(st.sampled_from("abcde")))
    hashes = HASHES[:5000]
    before, after = small.lookup(hashes, hashed=True), big.lookup(hashes, hashed=True)
    assert set(named(big, after[after != before])) <= {new}

    leaver = data.draw(st.sampled_from(topology.nodes)) if scheme.any_may_leave else topology.nodes[-1]
    smaller = small.remove(leaver)
    stays = before != topology.index(leaver)
    after = smaller.lookup(hashes, hashed=True)
    assert np.array_equal(named(small, before)[stays], named(smaller, after)[stays])


@those(lambda row: row.steady_lists)
@pytest.mark.parametrize("spread", [None, "zone"])
def test_a_lost_node_leaves_the_other_replicas_in_order(scheme, spread):
    # of zone b one node is left to take over, so that every zone stays
    placement = scheme.make(Topology.grid(2, zones=4))
    smaller = placement.remove("b-1")
    before = named(placement, placement.replicas(HASHES[:3000], 4, spread))
    after = named(smaller, smaller.replicas(HASHES[:3000], 4, spread))
    lost = (before == "b-1").any(axis=1)
    assert lost.any()
    assert np.array_equal(before[~lost], after[~lost])
    others = [[node for node in nodes if node != "b-1"] for nodes in before[lost]]
    if spread is None:
        assert np.array_equal(np.array(others, dtype=object), after[lost][:, :3])
    else:  # b-2 takes over, in its own place in the list
        assert others == [[node for node in nodes if node != "b-2"] for nodes in after[lost]]


@each_scheme
def test_another_seed_is_another_placement(scheme):
    placement = scheme.make(50)
    same = np.mean(placement.lookup(HASHES) == placement.with_seed(1).lookup(HASHES))
    assert same < 0.1  # by chance 2 %; more with one point a node, whose shares are uneven
    assert placement.with_seed(1).nodes == placement.nodes
    assert placement.with_seed(0) == placement


# --- ownership --------------------------------------------------------------------------------------------------------


def is_what_keys_show(placement, replicas, spread):
    shares = placement.ownership(replicas, spread)
    assert shares.sum() == pytest.approx(1, rel=1e-12)
    lists = placement.replicas(HASHES, replicas, spread, hashed=True)
    held = np.bincount(lists.ravel(), minlength=len(shares)) / len(HASHES)
    chance = np.minimum(replicas * shares, 1)  # that a key is on the node
    samples = 1 / len(HASHES) + (0 if placement.owns_exactly(replicas, spread) else 1 / SAMPLE)
    return (np.abs(held - chance) <= 5 * np.sqrt(chance * (1 - chance) * samples) + 1e-12).all()


HOW_MANY = pytest.mark.parametrize(("replicas", "spread"), [(1, None), (2, None), (3, "zone"), (9, None)])


@each_scheme
@HOW_MANY
def test_ownership_is_what_keys_show(scheme, replicas, spread):
    assert is_what_keys_show(scheme.make(Topology.grid(3, zones=3)), replicas, spread)


@weighted_schemes
@HOW_MANY
def test_weighted_ownership_is_what_keys_show(scheme, replicas, spread):
    topology = Topology.grid(3, zones=3).with_weights([1, 2, 3, 4, 1, 2, 3, 4, 5])
    assert is_what_keys_show(scheme.make(topology), replicas, spread)


@weighted_schemes
def test_weights_are_relative_shares(scheme):
    weights = [1, 2, 3, 4]
    seeds = [scheme.make(Topology(list("abcd"), weights), seed=seed).ownership() for seed in range(200)]
    error = np.std(seeds, axis=0) / np.sqrt(200)
    assert (np.abs(np.mean(seeds, axis=0) - np.array(weights) / 10) <= 4 * error + scheme.grain + 1e-12).all()


@those(lambda row: row.weighted and row.monotone)
@pytest.mark.parametrize("change", [0.25, 4])
def test_another_weight_moves_keys_only_to_or_from_that_node(scheme, change):
    before = scheme.make(Topology(list("abcdef")))
    after = scheme.make(Topology(list("abcdef"), [1, 1, change, 1, 1, 1]))
    old, new = before.lookup(HASHES), after.lookup(HASHES)
    moved = old != new
    assert set((new if change > 1 else old)[moved].tolist()) <= {2}


# --- bad input --------------------------------------------------------------------------------------------------------


@each_scheme
@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (0, r"number of nodes is 0: give one or more"),
        (-3, r"number of nodes is -3: give one or more"),
        (2.5, r"nodes is 2\.5: give a number of nodes, a list of names or a Topology"),
        (None, r"nodes is None: give a number of nodes"),
        (True, r"nodes is True: give a number of nodes"),
        ([], r"there are no nodes: give at least one"),
        ("abc", r"nodes is the string 'abc': give a list of node names"),
        (["a", "b", "a"], r"node 'a' appears more than once"),
        (["a", ""], r"a node is named '': names are non-empty strings"),
        (["a", 3], r"a node is named 3: names are non-empty strings"),
    ],
)
def test_nodes_are_checked(scheme, nodes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        scheme.make(nodes)


@each_scheme
@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "0", True, None])
def test_seeds_are_checked(scheme, seed):
    with pytest.raises(ValueError, match=r"seed is .*: give an integer from 0 to 2\^64 - 1"):
        scheme.make(3, seed=seed)


@weighted_schemes
@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_weights_are_checked(scheme, weight):
    message = re.escape(f"a weight is {weight:g}: weights are finite and above zero; leave out a node")
    with pytest.raises(ValueError, match=message):
        scheme.make(["a", "b"], weights=[1, weight])
    with pytest.raises(ValueError, match=message):
        scheme.make(["a", "b"]).add("c", weight=weight)


@weighted_schemes
@pytest.mark.parametrize("weights", [[1], [1, 2, 3], []])
def test_there_is_a_weight_per_node(scheme, weights):
    with pytest.raises(ValueError, match=f"{len(weights)} weights for 2 nodes: give one weight per node"):
        scheme.make(["a", "b"], weights=weights)


@those(lambda row: not row.weighted)
def test_a_scheme_without_weights_refuses_them(scheme):
    with pytest.raises(ValueError, match="different weights"):
        scheme.make(Topology(["a", "b"], [1, 2]))
    with pytest.raises(ValueError, match="different weights"):
        scheme.make(["a", "b"]).add("c", weight=2)
    alike = scheme.make(Topology(["a", "b"], [2, 2]))
    assert np.array_equal(alike.lookup(USERS), scheme.make(["a", "b"]).lookup(USERS))


@each_scheme
def test_adding_is_checked(scheme):
    with pytest.raises(ValueError, match="there is already a node 'n1': give another name"):
        scheme.make(3).add("n1")
    with pytest.raises(TypeError, match="a node is named '': names are non-empty strings"):
        scheme.make(3).add("")
    with pytest.raises(ValueError, match=r"node 'x' has no zone: give zone=\.\.\."):
        scheme.make(Topology.grid(zones=3)).add("x")
    with pytest.raises(ValueError, match="no level 'zones'; did you mean 'zone'"):
        scheme.make(Topology.grid(zones=3)).add("x", zone="a", zones="a")


@each_scheme
def test_removing_is_checked(scheme):
    with pytest.raises(ValueError, match="there is no node 'node-22'; did you mean 'node-2'"):
        scheme.make(["node-1", "node-2"]).remove("node-22")
    with pytest.raises(ValueError, match="'a' is the last node: a topology keeps at least one"):
        scheme.make(["a"]).remove("a")


@those(lambda row: not row.any_may_leave)
def test_a_node_in_the_middle_may_not_leave_a_list(scheme):
    with pytest.raises(ValueError, match="can remove only its last node, 'n2', not 'n1': use HashRing or Rendezvous"):
        scheme.make(3).remove("n1")
    assert scheme.make(3).remove("n2") == scheme.make(2)


@each_scheme
def test_replicas_are_checked(scheme):
    placement = scheme.make(Topology.grid(2, zones=2))
    for ask in (
        lambda n, spread=None: placement.replicas(["k"], n, spread),
        placement.ownership,
        lambda n, spread=None: balance(placement, replicas=n, spread=spread),
    ):
        for n in (0, -1, 1.5, True, "2", None):
            with pytest.raises(ValueError, match=r"number of replicas is .*: give an integer of one or more"):
                ask(n)
        with pytest.raises(ValueError, match=r"5 replicas need 5 different nodes and there are 4: ask for at most 4$"):
            ask(5)
        with pytest.raises(
            ValueError, match="3 replicas need 3 different zones and there are 2: ask for at most 2, or spread them"
        ):
            ask(3, "zone")
        with pytest.raises(ValueError, match=r"no level 'zones'; did you mean 'zone'.*its levels are node, zone"):
            ask(2, "zones")
