"""Who shares data with whom, and the chance to lose a quorum."""

import math
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import copysets as reference

from scalemodel.placement import (
    Copysets,
    HashRing,
    Neighbours,
    PartitionTable,
    Rendezvous,
    Topology,
    expected_neighbours,
    neighbours,
    outage_rate,
)
from scalemodel.streams import random_keys
from scalemodel.units import years


def lost_by_hand(placement, replicas, failed, needed):
    """Try every set of failed nodes against every key, with Python sets."""
    keys = np.concatenate([placement.points, random_keys(2000)])
    sets = {frozenset(row) for row in placement.replicas(keys, replicas, hashed=True).tolist()}
    return float(reference.loss_by_hand(len(placement.nodes), sets, failed, replicas - needed + 1))


@st.composite
def set_systems(draw):
    """Up to nine nodes and sets of one size over them, which need not hang together."""
    nodes, size = draw(st.integers(3, 9)), draw(st.integers(1, 3))
    one = st.lists(st.integers(0, nodes - 1), min_size=size, max_size=size, unique=True).map(sorted)
    sets = np.unique(draw(st.lists(one, min_size=1, max_size=12)), axis=0).astype(np.int32)
    names = tuple(f"n{i}" for i in range(nodes))
    return Neighbours(names, sets, np.full(len(sets), 1 / len(sets)), True)


@settings(max_examples=100, deadline=None)
@given(set_systems(), st.data())
def test_quorum_loss_of_any_sets_by_hand(shared, data):
    failed = data.draw(st.integers(0, len(shared.nodes)))
    needed = data.draw(st.integers(1, shared.sets.shape[1]))
    fatal = shared.sets.shape[1] - needed + 1
    expected = reference.loss_by_hand(len(shared.nodes), shared.sets.tolist(), failed, fatal)
    assert shared.quorum_loss(failed, needed) == (pytest.approx(float(expected)), 0)


@pytest.mark.parametrize(("failed", "needed"), [(1, 3), (2, 2), (3, 2), (3, 1), (4, 2), (2, 3)])
def test_quorum_loss_by_hand(failed, needed):
    ring = HashRing(9, vnodes=2)
    probability, error = neighbours(ring, 3).quorum_loss(failed, needed)
    assert error == 0
    assert probability == pytest.approx(lost_by_hand(ring, 3, failed, needed))


def test_pairs_of_many_nodes_are_counted_by_who_is_next_to_whom():
    shared = neighbours(HashRing(300, vnodes=4), 3)
    assert shared.quorum_loss(2) == (pytest.approx(shared.counts.sum() / 300 / 299), 0)
    assert shared.quorum_loss(3, needed=1) == (pytest.approx(len(shared.sets) / math.comb(300, 3)), 0)


def test_too_many_failures_are_sampled_with_an_error(monkeypatch):
    shared = neighbours(HashRing(60, vnodes=4), 3)
    exact, none = shared.quorum_loss(4, needed=1)
    monkeypatch.setattr(import_module("scalemodel.placement.neighbours"), "MOST_STEPS", 1000)
    sampled, error = shared.quorum_loss(4, needed=1)
    assert none == 0
    assert 0 < error < 0.002
    assert abs(sampled - exact) < 4 * error
    assert shared.quorum_loss(4, 1, seed=1) != (sampled, error)
    assert shared.quorum_loss(4, 1) == (sampled, error)


def test_groups_of_their_own_fail_apart():
    # 1000 nodes in groups of four, of which each must keep two: no enumeration could try 20 failures
    groups = np.arange(1000, dtype=np.int32).reshape(-1, 4)
    shared = Neighbours(tuple(f"n{i}" for i in range(1000)), groups, np.full(250, 1 / 250), True)
    ways = [1]
    for _ in range(250):
        ways = np.convolve(np.array(ways, object), np.array([1, 4, 6], object))[:21]
    assert shared.quorum_loss(20, needed=2) == (pytest.approx(1 - ways[20] / math.comb(1000, 20)), 0)


def test_tables_and_copysets_show_all_their_sets():
    table = PartitionTable(Topology.grid(4, zones=3), 64, spread="zone")
    shared = neighbours(table, 3, spread="zone")
    assert shared.exact
    assert {tuple(row) for row in shared.sets.tolist()} == {tuple(sorted(row)) for row in table.table.tolist()}
    copysets = Copysets(30, scatter_width=6)
    assert neighbours(copysets, 3).exact
    assert np.array_equal(neighbours(copysets, 3).sets, copysets.sets)


def test_rows_too_wide_for_one_number_are_told_apart():
    shared = neighbours(HashRing(200, vnodes=1), 9)
    assert len(shared.sets) == 200
    assert shared.shares.sum() == pytest.approx(1)
    assert (np.diff(shared.sets, axis=1) > 0).all()


def test_netflixs_96_nodes_with_256_vnodes_share_with_all_of_the_other_racks():
    shared = neighbours(HashRing(Topology.grid(32, zones=3), vnodes=256), 3, spread="zone")
    assert (shared.counts == 64).all()
    assert shared.quorum_loss(2) == (pytest.approx(64 / 95), 0)


def test_every_set_is_found_and_shares_sum_to_one():
    shared = neighbours(HashRing(Topology.grid(2, zones=3), vnodes=8), 3, spread="zone")
    assert shared.exact
    assert shared.shares.sum() == pytest.approx(1)
    assert len(shared.sets) <= 8  # two nodes in each of three zones
    assert (shared.counts <= 4).all()
    assert not neighbours(Rendezvous(5), 2).exact


@pytest.mark.parametrize(
    ("candidates", "vnodes", "printed"),
    [
        (40, 256, 39.9999999998),
        (40, 16, 32.0867407145),
        (40, 4, 13.323193263),
        (200, 256, 198.8200470802),
        (200, 16, 54.8867183963),
        (200, 4, 15.4137752052),
    ],
)
def test_lynch_and_snyders_neighbours(candidates, vnodes, printed):
    assert expected_neighbours(candidates, vnodes, 3) == pytest.approx(printed, rel=1e-10)


@pytest.mark.parametrize(("neighbours", "per_century"), [(64, 2.98), (7.5, 0.35)])
def test_netflix_outages_per_century(neighbours, per_century):
    # the paper prints two decimals cut off: 2.988 and 0.350
    assert 100 * years * outage_rate(96, 0.25 / years, 2457, neighbours) == pytest.approx(per_century, abs=0.01)


def test_random_rings_have_the_expected_neighbours():
    # Three racks of 20: the walk skips the own rack, so up to 40 nodes share data with one.
    means = [
        neighbours(HashRing(Topology.grid(20, zones=3), vnodes=4, seed=seed), 3, spread="zone").counts.mean()
        for seed in range(5)
    ]
    assert np.mean(means) == pytest.approx(expected_neighbours(40, 4, 3), rel=0.08)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: neighbours(HashRing(3), 3).quorum_loss(4), "failed is 4"),
        (lambda: neighbours(HashRing(3), 3).quorum_loss(1.5), r"failed is 1\.5"),
        (lambda: neighbours(HashRing(3), 3).quorum_loss(1, 4), "needed is 4"),
        (lambda: neighbours(HashRing(3), 3).quorum_loss(1, 0), "needed is 0"),
        (lambda: neighbours(HashRing(3), 4), "4 replicas need 4 different nodes"),
        (lambda: expected_neighbours(0, 1, 3), "candidates"),
        (lambda: outage_rate(10, -1.0, 1, 1), "failure_rate is -1"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(ValueError, match=says):
        call()
