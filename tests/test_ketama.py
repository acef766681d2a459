"""Ketama against libmemcached, uhashring and the rule written down, at the places where it is hard to get right."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import uhashring
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import ketama as reference

from scalemodel.placement import Ketama, Topology, moved_ranges, movement

GOLDEN = Path(__file__).parent / "golden"
SERVERS = [f"10.0.0.{i}:11211" for i in range(1, 11)]
WEIGHTS = [1, 1, 2, 3, 5, 1, 1, 2, 4, 10]
USERS = [f"user:{i}" for i in range(10_000)]
MODES = ["weighted", "default", "md5"]


def golden(name):
    with open(GOLDEN / name, newline="") as file:
        return list(csv.DictReader(file))


# --- libmemcached -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "weights", "mode"),
    [
        ("lmc_KETAMA_default_hash", None, "default"),
        ("lmc_KETAMA_md5", None, "md5"),
        ("lmc_KETAMA_WEIGHTED_equal", None, "weighted"),
        ("lmc_KETAMA_WEIGHTED_weights", WEIGHTS, "weighted"),
    ],
)
def test_servers_are_libmemcacheds(column, weights, mode):
    rows = golden("ketama_libmemcached_10k.csv")
    ring = Ketama(SERVERS, weights, mode)
    assert ring.lookup([row["key"] for row in rows]).tolist() == [int(row[column]) for row in rows]
    assert ring.lookup(USERS).tolist() == reference.servers(USERS, SERVERS, weights or [1] * 10, mode)


def test_losing_a_weighted_server_moves_keys_of_the_others():
    """The figure measured with libmemcached: without server 4, 332 of the 8,321 keys of the others move."""
    before = Ketama(SERVERS, WEIGHTS)
    after = before.remove(SERVERS[4])
    old, new = (np.array(ring.nodes)[ring.lookup(USERS)] for ring in (before, after))
    others = old != SERVERS[4]
    assert (others.sum(), (old != new)[others].sum()) == (8321, 332)
    exact = movement(before, after)
    assert exact.standard_error == 0
    assert exact.needless / (1 - before.ownership()[4]) == pytest.approx(332 / 8321, abs=0.006)  # 3 deviations
    assert len(moved_ranges(before, after)) > len(before.points) - len(after.points)


@pytest.mark.parametrize("mode", ["default", "md5"])
def test_losing_a_server_without_weights_moves_only_its_keys(mode):
    before = Ketama(SERVERS, mode=mode)
    exact = movement(before, before.remove(SERVERS[4]))
    assert exact.needless == 0
    assert exact.moved == pytest.approx(before.ownership()[4], abs=1e-12)


def test_the_default_port_is_no_part_of_the_name():
    assert np.array_equal(Ketama(SERVERS).points, Ketama([f"10.0.0.{i}" for i in range(1, 11)]).points)
    assert not np.array_equal(Ketama(["a:11212"]).points, Ketama(["a"]).points)
    assert not np.array_equal(Ketama(["a:11211:11211"]).points, Ketama(["a"]).points)
    with pytest.raises(ValueError, match="'a' and 'a:11211' are one server to Ketama: give each another name"):
        Ketama(["b", "a", "a:11211"])
    with pytest.raises(ValueError, match="'a' and 'a:11211' are one server to Ketama"):
        Ketama(["a:11211", "b"]).add("a")


# --- points -----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10**6) | st.floats(1e-3, 1e3), min_size=1, max_size=30))
def test_points_are_counted_in_floats(weights):
    total = sum(weights)
    counts = Ketama(len(weights), weights).counts
    assert counts.tolist() == [reference.points_of(weight, total, len(weights)) for weight in weights]
    exact = [160 * len(weights) * Fraction(weight) / sum(map(Fraction, weights)) for weight in weights]
    assert all(share - 4.01 < count <= share + 0.01 for share, count in zip(exact, counts, strict=True))


def test_float_costs_equal_servers_a_hash():
    """At these sizes 1/n times n is below one, and every server of libmemcached loses four points."""
    rows = golden("ketama_libmemcached_sizes.csv")
    for n in (24, 25, 100):
        found = Ketama([f"10.0.1.{i}" for i in range(n)]).lookup([row["key"] for row in rows])
        assert found.tolist() == [int(row[f"of_{n}"]) for row in rows]
    fewer = [n for n in range(1, 60) if set(Ketama(n).counts.tolist()) != {160}]
    assert fewer == [25, 47, 50, 55]
    assert set(Ketama(25).counts.tolist()) == set(Ketama(100).counts.tolist()) == {156}
    assert movement(Ketama(24), Ketama(25)).needless > 0 == movement(Ketama(23), Ketama(24)).needless


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("nodes", [["n"], ["a", "β", "10.0.0.1:6379"], ["x" * 70, "x"], ["s" * 52, "s" * 53]], ids=len)
def test_points_are_the_rules(nodes, mode):
    ring = Ketama(nodes, mode=mode)
    expected = reference.continuum(nodes, [1] * len(nodes), mode)
    assert list(zip(ring.points.tolist(), ring.owners.tolist(), strict=True)) == expected


def test_of_equal_points_the_first_server_owns_the_keys():
    """With 2,000 servers some of the 320,000 points of 32 bits coincide."""
    nodes = [f"cache-{i}" for i in range(2000)]
    ring = Ketama(nodes)
    expected = reference.continuum(nodes, [1] * 2000, "weighted")
    assert list(zip(ring.points.tolist(), ring.owners.tolist(), strict=True)) == expected
    twice = np.flatnonzero(ring.points[1:] == ring.points[:-1])
    assert len(twice) > 5
    first, second = ring.owners[twice], ring.owners[twice + 1]
    assert (first <= second).all()
    assert (first < second).any()
    keys = ring.points[twice] << np.uint64(32)
    assert np.array_equal(ring.lookup(keys, hashed=True), first)


def test_a_server_of_little_weight_has_no_point():
    ring = Ketama(["big", "bigger", "tiny"], [10, 12, 0.1])
    assert ring.counts.tolist() == [216, 260, 0]
    assert ring.ownership()[2] == 0
    assert set(ring.replicas(USERS, 2).ravel().tolist()) == {0, 1}
    with pytest.raises(ValueError, match="3 replicas need 3 domains with points on the ring and there are 2: ask for"):
        ring.replicas(USERS, 3)
    zones = Topology(ring.nodes, ring.topology.weights, {"zone": ["x", "x", "y"]})
    with pytest.raises(ValueError, match="2 replicas need 2 domains with points on the ring and there are 1: ask for"):
        Ketama(zones).ownership(2, "zone")


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_hashed_keys_count_by_their_upper_half(mode):
    ring = Ketama(5, mode=mode)
    hashes = np.array([reference.hash_of_key(key.encode(), mode) for key in USERS[:500]], np.uint64) << np.uint64(32)
    expected = ring.lookup(USERS[:500])
    for lower in (0, 1, 2**32 - 1):
        assert np.array_equal(ring.lookup(hashes | np.uint64(lower), hashed=True), expected)


def test_a_key_on_a_point_belongs_to_it_and_the_next_key_does_not():
    ring = Ketama(20, mode="md5")
    points = ring.points << np.uint64(32)
    assert np.array_equal(ring.lookup(points, hashed=True), ring.owners)
    after = points + np.uint64(2**32)
    assert np.array_equal(ring.lookup(after, hashed=True), np.roll(ring.owners, -1))


@pytest.mark.parametrize("mode", MODES)
def test_ownership_adds_up_the_arcs(mode):
    ring = Ketama(7, mode=mode)
    points = reference.continuum(ring.nodes, [1] * 7, mode)
    arcs = [Fraction(0)] * 7
    for i, (point, owner) in enumerate(points):
        arcs[owner] += Fraction((point - points[i - 1][0]) % 2**32, 2**32)
    assert sum(arcs) == 1
    assert ring.owns_exactly()
    assert ring.ownership().tolist() == pytest.approx([float(arc) for arc in arcs], abs=1e-15)


# --- a peer -----------------------------------------------------------------------------------------------------------


def test_uhashring_agrees_when_the_port_is_not_named():
    bare = [server.removesuffix(":11211") for server in SERVERS]
    ring, peer = Ketama(SERVERS), uhashring.HashRing(bare, hash_fn="ketama")
    assert [bare[i] for i in ring.lookup(USERS)] == [peer.get_node(key) for key in USERS]
    with_port = uhashring.HashRing(SERVERS, hash_fn="ketama")
    differ = np.mean([SERVERS[i] != with_port.get_node(key) for i, key in zip(ring.lookup(USERS), USERS, strict=True)])
    assert differ > 0.8  # the same name for another placement


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ketama", "", None, "MD5"])
def test_modes_are_checked(mode):
    with pytest.raises(ValueError, match=r"mode is .*: give 'weighted', 'default' or 'md5'"):
        Ketama(3, mode=mode)


@pytest.mark.parametrize("mode", ["default", "md5"])
def test_only_one_mode_has_weights(mode):
    with pytest.raises(ValueError, match=f"the nodes have different weights and mode '{mode}' has none: use mode='wei"):
        Ketama(["a", "b"], [1, 2], mode)


def test_a_ring_beyond_memory_is_refused(monkeypatch):
    monkeypatch.setattr("scalemodel.placement.ketama.MOST_POINTS", 1000)
    with pytest.raises(ValueError, match=r"the ring would have 1\.12e\+03 points, at most 1e\+03 are allowed"):
        Ketama(7)
    assert len(Ketama(6).points) == 960
