"""The ring against Envoy's own, the sorted list, and the figures of the papers."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import placement as reference

from scalemodel.hashing import hash_keys
from scalemodel.placement import HashRing, Topology, expected_peak_to_mean, movement, ownership_cv
from scalemodel.placement._kernels import ring as kernels

LAST = 2**64 - 1
ENVOY = Path(os.environ.get("SCALEMODEL_DATA", "absent")).parent / "golden" / "envoy_ring_maglev.json"


def mean_and_error(values):
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


# --- Envoy ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not ENVOY.exists(), reason="Envoy's test tables are not there: a folder golden beside the data")
@pytest.mark.parametrize(
    ("name", "hash"),
    [
        ("address_xxh64", "xxh64"),
        ("hostname_xxh64", "xxh64"),
        ("address_murmur2_64A_seed_0xc70f6907", "murmur2"),
    ],
)
def test_the_ring_is_envoys(name, hash):
    case = next(case for case in json.loads(ENVOY.read_text())["ring_hash"]["cases"] if case["name"] == name)
    ring = HashRing(case["hosts"], vnodes=2, hash=hash)
    assert ring.points.tolist() == [int(point["hash"]) for point in case["ring"]]
    assert [ring.nodes[owner] for owner in ring.owners] == [point["host"] for point in case["ring"]]
    keys = np.array([int(key) for key, _ in case["lookups"]], dtype=np.uint64)
    assert ring.lookup(keys, hashed=True).tolist() == [host for _, host in case["lookups"]]


# --- points -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize(
    "nodes", [["n"], ["a", "β", "10.0.0.1:6379"], ["x" * 40, "x"], [f"n{i}" for i in range(12)]], ids=len
)
def test_points_are_hashes_of_numbered_names(nodes, seed):
    ring = HashRing(nodes, vnodes=111, seed=seed)  # numbers of one, two and three digits
    expected = reference.ring_points(nodes, [111] * len(nodes), seed)
    assert list(zip(ring.points.tolist(), ring.owners.tolist(), strict=True)) == expected


def test_a_node_has_points_by_its_weight_whatever_the_others_weigh():
    ring = HashRing(["a", "b", "c", "d"], vnodes=100, weights=[1, 2.5, 0.004, 1e-300])
    assert ring.counts.tolist() == [100, 250, 1, 1]
    assert np.bincount(ring.owners).tolist() == ring.counts.tolist()
    assert (ring.ownership() > 0).all()
    assert np.isin(HashRing(["a"], vnodes=100).points, ring.points).all()


@pytest.mark.parametrize("points", [[0], [LAST], [0, LAST], [5, 5, 5], [1, 2**63, 2**63 + 1], list(range(2000))])
def test_keys_find_the_first_point_at_or_after_them(points):
    """Also where points coincide, crowd into one bucket, or sit at the ends."""
    bits = int(np.ceil(np.log2(len(points)))) + 2
    owners = np.arange(len(points), dtype=np.int32)
    index = kernels.sort_points(np.array(points[::-1], dtype=np.uint64), owners, bits)
    ordered = sorted((point, owner) for owner, point in enumerate(points[::-1]))
    assert list(zip(index[0][:-1].tolist(), index[1][:-1].tolist(), strict=True)) == ordered

    keys = sorted({(point + step) % 2**64 for point in points for step in (-1, 0, 1)} | {0, 2**62, LAST})
    expected = [next(reference.ring(key, ordered)) for key in keys]
    assert kernels.lookup(np.array(keys, dtype=np.uint64), *index, bits).tolist() == expected


def test_a_key_on_a_point_belongs_to_it_and_the_next_key_does_not():
    ring = HashRing(50, vnodes=4)
    assert np.array_equal(ring.lookup(ring.points, hashed=True), ring.owners)
    after = ring.points + np.uint64(1)
    assert np.array_equal(ring.lookup(after, hashed=True), np.roll(ring.owners, -1))
    assert np.array_equal(ring.lookup(np.array([0, LAST], np.uint64), hashed=True), ring.owners[[0, 0]])


def test_keys_and_points_share_a_hash():
    ring = HashRing(["a", "b", "c"], vnodes=8, seed=3)
    names = [f"{name}_{i}" for name in ring.nodes for i in range(8)]
    assert np.array_equal(ring.lookup(names), np.repeat([0, 1, 2], 8))
    assert set(hash_keys(names, seed=3).tolist()) == set(ring.points.tolist())


# --- ownership --------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000), st.data())
def test_ownership_adds_up_the_arcs(nodes, vnodes, seed, data):
    weights = data.draw(st.lists(st.floats(0.1, 3), min_size=nodes, max_size=nodes))
    replicas = data.draw(st.integers(1, nodes))
    ring = HashRing(nodes, vnodes, weights, seed)
    points = list(zip(ring.points.tolist(), ring.owners.tolist(), strict=True))
    expected = [float(share) for share in reference.ring_shares(points, nodes, replicas)]
    assert ring.ownership(replicas).tolist() == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert ring.owns_exactly(replicas)


def test_spread_ownership_adds_up_the_arcs():
    topology = Topology.grid(2, zones=3)
    ring = HashRing(topology, vnodes=3)
    domains = topology.domains("zone").tolist()
    points = list(zip(ring.points.tolist(), ring.owners.tolist(), strict=True))
    held = np.zeros(6)
    for i, (point, _) in enumerate(points):
        for node in reference.first_of_each(reference.ring(point, points), domains, 2):
            held[node] += (point - points[i - 1][0]) % 2**64 / 2**64 / 2
    assert ring.ownership(2, "zone") == pytest.approx(held, rel=1e-12)


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nodes", "vnodes"), [(10, 1), (10, 40), (100, 16)])
def test_deviation_of_shares_is_the_laws(nodes, vnodes):
    squares = [np.sum((HashRing(nodes, vnodes, seed=seed).ownership() - 1 / nodes) ** 2) for seed in range(300)]
    mean, error = mean_and_error(squares)
    expected = ownership_cv(nodes, vnodes) ** 2 / nodes  # n times the variance of a share
    assert abs(mean - expected) < 4 * error
    assert error < 0.1 * expected


@pytest.mark.parametrize(
    ("points", "published"), [(1, 0.9979060), (10, 0.3151810), (100, 0.0996996), (1000, 0.0315723)]
)
def test_standard_errors_of_the_jump_hash_paper(points, published):
    """Table 1 of Lamping and Veach: standard error of bucket sizes on a ring."""
    assert ownership_cv(1000, points) == pytest.approx(published, rel=0.005)
    deviations = [
        np.std(HashRing(1000, points, seed=seed).ownership()) * 1000 for seed in range(6 if points > 10 else 60)
    ]
    mean, error = mean_and_error(deviations)
    assert abs(mean - published) < 4 * error + 0.005 * published


@pytest.mark.parametrize(("nodes", "vnodes", "measured"), [(100, 1, 5.187), (1000, 16, 2.0147), (1000, 256, 1.2152)])
def test_expected_peak(nodes, vnodes, measured):
    seeds = {1: 400, 16: 30, 256: 12}[vnodes]
    peaks = [HashRing(nodes, vnodes, seed=seed).ownership().max() * nodes for seed in range(seeds)]
    mean, error = mean_and_error(peaks)
    assert expected_peak_to_mean(nodes, vnodes) == pytest.approx(measured, abs=0.0005)
    assert abs(mean - measured) < 4 * error
    assert error < 0.03 * measured


def test_a_new_node_takes_its_share_on_average():
    small, moved = HashRing(10, vnodes=8), []
    for seed in range(200):
        change = movement(small.with_seed(seed), small.with_seed(seed).add("new"))
        moved.append(change.moved)
        assert change.needless == 0.0
    mean, error = mean_and_error(moved)
    assert abs(mean - 1 / 11) < 4 * error


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vnodes", [0, -5, 1.5, True, "8", None, float("nan")])
def test_vnodes_are_checked(vnodes):
    with pytest.raises(ValueError, match=r"vnodes is .*: give an integer of one or more points per node"):
        HashRing(3, vnodes=vnodes)


@pytest.mark.parametrize(("vnodes", "weights"), [(2**27, None), (128, [1, 1e30, 1]), (1, [1e308, 1e308, 1e308])])
def test_a_ring_beyond_memory_is_refused(vnodes, weights):
    with pytest.raises(ValueError, match=r"the ring would have .* points, at most .* are allowed: give fewer vnodes"):
        HashRing(3, vnodes=vnodes, weights=weights)


def test_vnodes_of_numpy_are_integers():
    assert HashRing(3, vnodes=np.int64(8)) == HashRing(3, vnodes=8)
