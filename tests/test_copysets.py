"""Copysets: the sets that are drawn, how keys share them, and the paper's chances of loss."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import copysets as reference

from scalemodel.placement import Copysets, Topology, balance, neighbours, restore
from scalemodel.streams import random_keys, stream

METHODS = ["permutation", "random"]


def chances(copysets):
    return np.diff(np.append(0, copysets._boundaries().astype(object) + 1)) / 2.0**64


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
    st.integers(1, 4),
    st.integers(3, 9),
    st.sampled_from(METHODS),
    st.sampled_from([None, "zone"]),
    st.integers(0, 9),
)
def test_every_node_is_in_sets_of_distinct_domains(zones, replicas, width, method, spread, seed):
    topology = Topology([f"n{i}" for i in range(len(zones))], places={"zone": zones})
    replicas = min(replicas, topology.count(spread or "node"))
    try:
        copysets = Copysets(topology, replicas, width, method, spread, seed)
    except ValueError as error:
        if method == "permutation" or "span too few zones" not in str(error):
            raise
        return
    sets, domains = copysets.sets, topology.domains(spread or "node")
    assert (np.diff(np.sort(domains[sets], axis=1), axis=1) > 0).all()
    assert set(sets.ravel().tolist()) == set(range(len(zones)))
    keys = random_keys(500)
    chosen = copysets.replicas(keys, replicas, spread, hashed=True)
    assert {tuple(row) for row in np.sort(chosen, axis=1).tolist()} <= {tuple(row) for row in sets.tolist()}
    assert copysets.ownership() == pytest.approx(np.full(len(zones), 1 / len(zones)))


def test_a_permutation_is_cut_into_sets_that_cover_each_node_once():
    copysets = Copysets(12, replicas=3, scatter_width=2)
    assert copysets.permutations == 1
    assert sorted(copysets.sets.ravel().tolist()) == list(range(12))
    in_racks = Copysets(Topology.grid(3, racks=4), 3, scatter_width=2, spread="rack")
    assert sorted(in_racks.sets.ravel().tolist()) == list(range(12))
    assert len(Copysets(13, replicas=3, scatter_width=2).sets) == 5  # two nodes come twice


@pytest.mark.parametrize(("width", "permutations"), [(2, 1), (3, 2), (4, 2), (10, 5), (11, 6)])
def test_permutations_reach_the_scatter_width(width, permutations):
    copysets = Copysets(999, scatter_width=width)
    assert copysets.permutations == permutations
    assert len(copysets.sets) == permutations * 333
    counts = neighbours(copysets, 3).counts
    assert counts.max() == 2 * permutations
    assert counts.mean() > 2 * permutations - 0.1  # now and then two nodes meet twice


def test_the_papers_nine_nodes():
    # section 3: 84 sets of random replication over all nodes, 54 with a scatter width of four, and 6 of permutations
    assert len(Copysets(9, scatter_width=8, method="random").sets) == 84
    assert len(Copysets(9, scatter_width=4, method="random").sets) == 54
    assert max(len(Copysets(9, scatter_width=4, seed=seed).sets) for seed in range(5)) == 6


@pytest.mark.parametrize(("nodes", "copies", "width"), [(9, 3, 4), (20, 2, 3), (12, 4, 5), (5, 3, 10)])
def test_random_sets_are_those_of_windows(nodes, copies, width):
    copysets = Copysets(nodes, copies, width, method="random", seed=7)
    circle = stream(7).permutation(nodes).tolist()
    assert {frozenset(row) for row in copysets.sets.tolist()} == reference.window_sets(circle, copies, width)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spread", [None, "zone"])
def test_keys_go_where_the_twin_puts_them(method, spread):
    topology = Topology.grid(3, zones=4)
    copysets = Copysets(topology, 3, 5, method, spread, seed=2)
    keys, rows = random_keys(200), copysets._grouped[0].tolist()
    for n, apart in ((1, None), (3, spread), (5, None), (4, "zone")):
        domains = topology.domains(apart or "node").tolist()
        expected = []
        for key in keys:
            nodes = []
            for node in reference.walk(int(key), rows, len(topology)):
                if len(nodes) < n and all(domains[node] != domains[other] for other in nodes):
                    nodes.append(node)
            expected.append(nodes)
        assert copysets.replicas(keys, n, apart, hashed=True).tolist() == expected


@pytest.mark.parametrize("method", METHODS)
def test_the_sets_of_a_primary_share_its_keys_evenly(method):
    copysets = Copysets(Topology.grid(3, zones=5), 3, 7, method, "zone")
    rows, begins = copysets._grouped
    ends = copysets._boundaries()
    assert copysets.replicas(ends, 3, "zone", hashed=True).tolist() == rows.tolist()
    assert copysets.replicas(ends + np.uint64(1), 3, "zone", hashed=True).tolist() == np.roll(rows, -1, 0).tolist()
    of_each = np.diff(begins)
    assert chances(copysets).astype(float) == pytest.approx(np.repeat(1 / of_each / 15, of_each))
    exact = copysets.ownership(3, "zone")
    lists = copysets.replicas(random_keys(10**5), 3, "zone", hashed=True)
    assert exact == pytest.approx(np.bincount(lists.ravel()) / 3e5, abs=0.003)
    assert exact.sum() == pytest.approx(1)


def test_permutations_that_divide_evenly_are_perfectly_even():
    copysets = Copysets(Topology.grid(4, zones=6), 3, scatter_width=6, spread="zone")
    assert balance(copysets, replicas=3, spread="zone").peak_to_mean == pytest.approx(1)


# --- a tier for the last replica --------------------------------------------------------------------------------------


def tiers(near, far):
    return Topology([f"n{i}" for i in range(near + far)], places={"tier": ["near"] * near + ["far"] * far})


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 14), st.integers(1, 9), st.integers(2, 4), st.integers(3, 9), st.integers(0, 9))
def test_the_last_node_of_each_set_and_no_other_is_in_the_backup(near, far, replicas, width, seed):
    replicas = min(replicas, near + 1)
    copysets = Copysets(tiers(near, far), replicas, width, "tiered", backup="far", seed=seed)
    sets = copysets.sets
    assert (sets[:, :-1] < near).all()
    assert (sets[:, -1] >= near).all()
    assert (np.diff(sets, axis=1) > 0).all()
    assert set(sets.ravel().tolist()) == set(range(near + far))
    met = [set(sets[(sets == node).any(axis=1)].ravel().tolist()) - {node} for node in range(near + far)]
    for node, others in enumerate(met):
        elsewhere = (near - 1) * (replicas > 2) + far if node < near else near
        assert len(others) >= min(width, elsewhere)
    keys = random_keys(500)
    chosen = copysets.replicas(keys, replicas, hashed=True)
    assert {tuple(row) for row in np.sort(chosen, axis=1).tolist()} <= {tuple(row) for row in sets.tolist()}
    assert (chosen[:, -1] >= near).all()
    assert copysets.ownership() == pytest.approx([1 / near] * near + [0] * far)
    assert np.array_equal(copysets.lookup(keys, hashed=True), chosen[:, 0])
    ends = copysets._boundaries()
    assert copysets.replicas(ends, replicas, hashed=True).tolist() == copysets._grouped[0].tolist()
    assert copysets.ownership(replicas)[near:].sum() == pytest.approx(1 / replicas)


def test_tiered_sets_may_be_spread_too():
    topology = Topology(
        [f"n{i}" for i in range(20)],
        places={"region": ["near"] * 12 + ["far"] * 8, "rack": [*"aaabbbcccddd", *"eeeeffff"]},
    )
    copysets = Copysets(topology, 3, 6, "tiered", "rack", backup="far")
    domains = topology.domains("rack")
    assert (np.diff(np.sort(domains[copysets.sets], axis=1), axis=1) > 0).all()
    assert (copysets.sets[:, -1] >= 12).all()
    assert restore(copysets.state()) == copysets


@pytest.mark.parametrize(("near", "far", "width"), [(100, 50, 10), (100, 100, 10), (60, 10, 6)])
def test_tiered_sets_are_hardly_more_than_must_be(near, far, width):
    # a set gives each node two others at most; this is why the greedy way beats permutations
    copysets = Copysets(tiers(near, far), 3, width, "tiered", backup="far")
    assert neighbours(copysets, 3).counts.min() >= width
    assert len(copysets.sets) <= 1.05 * max(near * width / 4, far * width / 2)


def test_the_backup_survives_the_loss_of_all_others():
    # and of as many failures anywhere, those of a set are rarer with a tier than with permutations
    copysets = Copysets(tiers(60, 30), 3, 10, "tiered", backup="far")
    assert not any((copysets.sets < 60).all(axis=1))
    down = np.zeros(90, bool)
    down[:60] = True
    assert not down[copysets.sets].all(axis=1).any()
    few = Copysets(tiers(6, 4), 3, 4, "tiered", backup="far")
    by_hand = reference.loss_by_hand(10, few.sets.tolist(), 4, 3)
    chance, error = neighbours(few, 3).quorum_loss(4, needed=1)
    assert chance == pytest.approx(float(by_hand), abs=4 * error + 1e-12)


# --- the paper's figures: 1 % of 5000 nodes do not come back after a power outage -------------------------------------


def test_facebooks_hdfs():
    # abstract: 22.8 % -> 0.78 %. The first needs 55 sets a node: windows of eleven nodes.
    random = Copysets(5000, scatter_width=11, method="random")
    permutation = Copysets(5000, scatter_width=10)
    assert len(random.sets) == 275_000
    assert len(permutation.sets) == pytest.approx(8333, abs=3)
    as_if_independent = reference.loss_of_sets_as_if_independent
    assert 100 * as_if_independent(5000, 3, len(random.sets), 50) == pytest.approx(22.8, abs=0.05)
    assert 100 * as_if_independent(5000, 3, len(permutation.sets), 50) == pytest.approx(0.78, abs=0.005)
    shared = neighbours(permutation, 3)
    chance, error = shared.quorum_loss(50, needed=1)
    assert chance == pytest.approx(0.0078, abs=4 * error)
    assert shared.counts.mean() == pytest.approx(10, abs=0.02)


def test_ramcloud():
    # abstract: 99.99 % -> 0.15 % (cut off). Ten million chunks are on as many sets out of all; the other way is one
    # permutation, and its sets share no node.
    assert 100 * reference.loss_of_sets_as_if_independent(5000, 3, 10**7, 50) == pytest.approx(99.99, abs=0.005)
    sets = Copysets(4998, scatter_width=2)
    chance, error = neighbours(sets, 3).quorum_loss(50, needed=1)
    assert error == 0
    assert chance == pytest.approx(reference.loss_of_disjoint_sets(4998, 3, 50), rel=1e-12)
    assert math.floor(1e4 * chance) / 100 == 0.15
    assert neighbours(Copysets(5000, scatter_width=2), 3).quorum_loss(50, needed=1) == (
        pytest.approx(0.00156730, rel=1e-3),
        0,
    )


def test_sets_that_overlap_are_lost_together_more_often():
    # so random replication in windows loses something less often than the paper's estimate says
    random = Copysets(400, scatter_width=10, method="random")
    chance, error = neighbours(random, 3).quorum_loss(12, needed=1)
    estimate = reference.loss_of_sets_as_if_independent(400, 3, len(random.sets), 12)
    assert chance + 4 * error < estimate


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Copysets(2), "3 replicas need 3 different nodes and there are 2"),
        (lambda: Copysets(9, scatter_width=1), "scatter_width is 1: with 3 replicas give an integer of 2 or more"),
        (lambda: Copysets(9, scatter_width=2.5), r"scatter_width is 2\.5: with 3 replicas"),
        (lambda: Copysets(9, 1, scatter_width=0), "scatter_width is 0: with 1 replicas give an integer of 1 or more"),
        (lambda: Copysets(9, method="paxos"), "method is 'paxos': give 'permutation', 'random' or 'tiered'"),
        (lambda: Copysets(9, backup="b"), "backup is 'b' and method='permutation' has none: give method='tiered'"),
        (lambda: Copysets(9, method="tiered"), "backup is None: name a domain of the topology; the topology has none"),
        (
            lambda: Copysets(Topology.grid(3, zones=2), method="tiered", backup="c"),
            "backup is 'c': name a domain of the topology; there are a, b",
        ),
        (
            lambda: Copysets(Topology.grid(3, zones=2), 5, method="tiered", backup="b"),
            "5 replicas with one of them in 'b' need 4 nodes elsewhere, one or more, and there are 3",
        ),
        (
            lambda: Copysets(Topology.grid(3, zones=3), 1, method="tiered", backup="b"),
            "1 replicas with one of them in 'b' need 1 nodes",
        ),
        (
            lambda: Copysets(
                Topology([*"abcd"], places={"zone": "xxxx", "rack": "xxyz"}), method="tiered", backup="z", spread="zone"
            ),
            "3 replicas need 3 different zones",
        ),
        (
            lambda: Copysets(
                Topology([*"abcd"], places={"tier": "nnff", "rack": "sstu"}), 3, 2, "tiered", "rack", backup="f"
            ),
            "there is no set for 'a' of 3 different racks with one of them in 'f': lower replicas, or leave spread out",
        ),
        (lambda: Copysets(Topology(list("abc"), [1, 2, 3])), "different weights and Copysets has none"),
        (lambda: Copysets(5000, scatter_width=4999, method="random"), "lower scatter_width"),
        (lambda: Copysets(Topology.grid(9, zones=2), spread="zone"), "3 replicas need 3 different zones"),
        (
            lambda: Copysets(Topology.grid(9, zones=3), scatter_width=2, method="random", spread="zone"),
            "span too few zones for 3 replicas: give a larger scatter_width or method='permutation'",
        ),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(ValueError, match=says):
        call()
