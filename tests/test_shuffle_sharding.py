"""Shuffle sharding: published chances, all shards by hand, and what hashed tenants get."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import shuffle_sharding as reference

from scalemodel.placement import ShuffleSharding, Topology

TENANTS = [f"tenant-{i}" for i in range(20_000)]


@st.composite
def lattices(draw):
    """Nodes in zones, and the size of a shard that each zone can give its part of."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    most = min(len(sizes) * min(sizes), 5)
    zones = draw(st.permutations([str(zone) for zone, size in enumerate(sizes) for _ in range(size)]))
    return Topology([f"n{i}" for i in range(len(zones))], places={"zone": zones}), draw(st.integers(1, most))


@settings(max_examples=50, deadline=None)
@given(lattices())
def test_overlaps_are_those_of_all_pairs_of_shards(lattice):
    topology, size = lattice
    for spread in (None, "zone"):
        sharding = ShuffleSharding(topology, size, spread)
        domains = topology.domains(spread).tolist() if spread else [0] * len(topology)
        assert sharding.overlap() == pytest.approx([float(x) for x in reference.overlap(domains, size)], abs=1e-15)
        assert sharding.combinations == len({shard for shard, _ in reference.shards(domains, size)})


def test_eight_workers():
    # Amazon Builders' Library: "28 unique combinations", "1/28th", "7 times better than regular sharding" (four shards)
    sharding = ShuffleSharding(8, 2)
    assert sharding.combinations == 28
    assert sharding.fully_hit == pytest.approx(1 / 28)
    assert sharding.fixed_shards_hit / sharding.fully_hit == pytest.approx(7)


def test_route_53s_name_servers():
    # Amazon Builders' Library: 2048 virtual name servers, four for each domain: "730 billion possible shuffle shards"
    assert ShuffleSharding(2048, 4).combinations == pytest.approx(730e9, rel=0.005)


def test_a_hundred_workers():
    # AWS Well-Architected lab on fault isolation: 5 of 100 workers, one failed shard harms 0.0000013 % of customers
    assert 100 * ShuffleSharding(100, 5).fully_hit == pytest.approx(0.0000013, abs=5e-8)


def test_mimirs_ingesters():
    # Grafana Mimir, "Configure shuffle sharding": 4 of 50 ingesters, 230,000 combinations; percent by shared instances
    sharding = ShuffleSharding(50, 4)
    assert sharding.combinations == pytest.approx(230e3, rel=0.005)
    for chance, percent, half in zip(
        sharding.overlap(), (71, 26, 2.7, 0.08, 0.0004), (0.5, 0.5, 0.05, 0.005, 5e-5), strict=True
    ):
        assert 100 * chance == pytest.approx(percent, abs=half)


@pytest.mark.parametrize(("size", "spread"), [(1, None), (4, None), (12, None), (2, "zone"), (3, "zone"), (7, "zone")])
def test_tenants_get_random_shards(size, spread):
    topology = Topology.grid(4, zones=3)
    sharding = ShuffleSharding(topology, size, spread)
    shards = sharding.shards(TENANTS)
    assert shards.dtype == np.int32
    assert shards.shape == (len(TENANTS), size)
    assert (np.diff(np.sort(shards, axis=1), axis=1) > 0).all()
    in_zones = np.array([(topology.domains("zone")[shards] == zone).sum(axis=1) for zone in range(3)])
    if spread:
        assert set(in_zones.ravel().tolist()) <= {size // 3, -(-size // 3)}
    used = np.bincount(shards.ravel(), minlength=12) / len(TENANTS)
    assert used == pytest.approx(np.full(12, size / 12), abs=5 * 0.5 / math.sqrt(len(TENANTS)))
    held = np.zeros((len(TENANTS), 12), bool)
    np.put_along_axis(held, shards.astype(np.int64), True, axis=1)
    shared = (held[::2] & held[1::2]).sum(axis=1)
    seen = np.bincount(shared, minlength=size + 1) / len(shared)
    law = sharding.overlap()
    assert (np.abs(seen - law) <= 5 * np.sqrt(law * (1 - law) / len(shared)) + 1e-12).all()


def test_shards_are_steady():
    before, after = ShuffleSharding(20, 5), ShuffleSharding(21, 5)
    pairs = zip(before.shards(TENANTS[:2000]).tolist(), after.shards(TENANTS[:2000]).tolist(), strict=True)
    changed = [len(set(new) - set(old)) for old, new in pairs]
    assert max(changed) == 1
    assert np.mean(changed) == pytest.approx(5 / 21, abs=0.04)
    assert np.array_equal(before.shards(TENANTS), ShuffleSharding(20, 5).shards(TENANTS))
    assert (before.shards(TENANTS) != ShuffleSharding(20, 5, seed=1).shards(TENANTS)).mean() > 0.8


@pytest.mark.parametrize("failed", [0, 1, 5, 12])
@pytest.mark.parametrize("spread", [None, "zone"])
def test_nodes_that_fail_at_random(failed, spread):
    sharding = ShuffleSharding(Topology.grid(4, zones=3), 4, spread)
    law = sharding.lost_to(failed)
    assert law.sum() == pytest.approx(1)
    assert (np.arange(5) * law).sum() == pytest.approx(4 * failed / 12)
    shards = sharding.shards(TENANTS)
    generator = np.random.default_rng(5)
    lost = [np.isin(shards, generator.choice(12, failed, False)).sum(axis=1) for _ in range(100)]
    assert np.bincount(np.ravel(lost), minlength=5) / np.size(lost) == pytest.approx(law, abs=0.06)


def test_isolation_says_what_a_bad_tenant_does():
    isolation = ShuffleSharding(8, 2).isolation(tenants=280)
    frame = isolation.to_frame()
    assert frame["tenants"].tolist() == pytest.approx([150, 120, 10])
    assert frame["chance_or_more"].tolist() == pytest.approx([1, 130 / 280, 10 / 280])
    assert (
        "28 shards of 2: a bad tenant takes all nodes of 3.57 % of the others (fixed shards: 25 %)" in isolation.title
    )
    assert isolation.plot().get_ylabel() == "tenants to expect, of 280"
    assert "nodes_lost" in isolation._repr_html_()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ShuffleSharding(8, 0), "shard_size is 0: give an integer of one or more"),
        (lambda: ShuffleSharding(8, 2.0), r"shard_size is 2\.0"),
        (lambda: ShuffleSharding(8, 9), "a shard of 9 takes 9 nodes and there are 8: give a smaller shard_size"),
        (
            lambda: ShuffleSharding(Topology.grid(2, zones=2), 5, "zone"),
            "a shard of 5 takes 3 nodes of a zone and the smallest zone has 2: give a smaller shard_size",
        ),
        (lambda: ShuffleSharding(8, 2, "zone"), "no level 'zone'"),
        (lambda: ShuffleSharding(Topology(["a", "b"], [1, 2]), 1), "the nodes have different weights"),
        (lambda: ShuffleSharding(8, 2, seed=-1), "seed is -1"),
        (lambda: ShuffleSharding(8, 2).lost_to(9), "failed is 9: give a number of nodes from 0 to 8"),
        (lambda: ShuffleSharding(8, 2).isolation(0), "tenants is 0: give an integer of one or more"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(ValueError, match=says):
        call()
