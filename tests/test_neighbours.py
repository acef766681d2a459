"""Who shares data with whom, and the chance to lose a quorum."""

from itertools import combinations

import numpy as np
import pytest

from scalemodel.placement import HashRing, Rendezvous, Topology, expected_neighbours, neighbours, outage_rate
from scalemodel.streams import random_keys
from scalemodel.units import years


def lost_by_hand(placement, replicas, failed, needed):
    """Try every set of failed nodes against every key, with Python sets."""
    keys = np.concatenate([placement.points, random_keys(2000)])
    sets = {frozenset(row) for row in placement.replicas(keys, replicas, hashed=True).tolist()}
    tries = list(combinations(range(len(placement.nodes)), failed))
    bad = sum(any(len(s - set(down)) < needed for s in sets) for down in tries)
    return bad / len(tries)


@pytest.mark.parametrize(("failed", "needed"), [(1, 3), (2, 2), (3, 2), (3, 1), (4, 2), (2, 3)])
def test_quorum_loss_by_hand(failed, needed):
    ring = HashRing(9, vnodes=2)
    probability, error = neighbours(ring, 3).quorum_loss(failed, needed)
    assert error == 0
    assert probability == pytest.approx(lost_by_hand(ring, 3, failed, needed))


def test_many_nodes_are_sampled_with_an_error():
    ring = HashRing(60, vnodes=4)
    shared = neighbours(ring, 3)
    exact, _ = shared.quorum_loss(2)
    sampled, error = shared.quorum_loss(4)
    assert exact == pytest.approx(shared.counts.sum() / 60 / 59)
    assert 0 < error < 0.01
    assert sampled > exact


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
        (lambda: neighbours(HashRing(3), 3).quorum_loss(1, 4), "needed is 4"),
        (lambda: neighbours(HashRing(3), 4), "4 replicas need 4 different nodes"),
        (lambda: expected_neighbours(0, 1, 3), "candidates"),
        (lambda: outage_rate(10, -1.0, 1, 1), "failure_rate is -1"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(ValueError, match=says):
        call()
