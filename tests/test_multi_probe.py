"""Multi-probe hashing against go-mpchash's answers, the exact law of independent probes, and the paper's figures."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import maglev as reference

from scalemodel.placement import HashRing, MultiProbe, balance, movement
from scalemodel.placement._kernels import multi_probe as kernels
from scalemodel.placement._kernels import ring as rings
from scalemodel.streams import random_keys

GOLDEN = pd.read_csv(Path(__file__).parent / "golden" / "multiprobe_dgryski.csv")
LAST = 2**64 - 1


@pytest.mark.parametrize("nodes", [10, 100, 1000])
@pytest.mark.parametrize("probes", [1, 5, 21])
def test_keys_go_where_go_mpchash_puts_them(nodes, probes):
    rows = GOLDEN[(GOLDEN["n_buckets"] == nodes) & (GOLDEN["k"] == probes)]
    assert len(rows) > 100
    placement = MultiProbe([f"shard-{i}" for i in range(1, nodes + 1)], probes)
    assert [placement.nodes[at] for at in placement.lookup(rows["key"])] == rows["bucket"].tolist()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_probes_find_the_nearest_point_after_them(data):
    """Also where probes and points coincide, at the ends, and with equal distances."""
    numbers = st.one_of(st.sampled_from([0, 1, 2, 5, LAST, LAST - 1, 2**63, 2**63 + 1]), st.integers(0, LAST))
    points = sorted(data.draw(st.lists(numbers, min_size=1, max_size=12, unique=True)))
    pairs = data.draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=10))
    probes = data.draw(st.integers(1, 6))
    bits = int(np.ceil(np.log2(len(points)))) + 2
    owners = np.arange(len(points), dtype=np.int32)
    _, _, starts = rings.sort_points(np.array(points, np.uint64), owners, bits)
    index = np.array(points, np.uint64), owners, starts, bits

    hashes = np.array(pairs, np.uint64)
    walks = [list(reference.multi_probe(first, step, probes, points, False)) for first, step in pairs]
    assert kernels.lookup_double(hashes, probes, *index).tolist() == [walk[0] for walk in walks]
    n = len(points)
    lists = kernels.replicas(
        hashes[:, 0].copy(), hashes[:, 1].copy(), False, probes, *index, np.arange(n, dtype=np.int64), n
    )
    assert lists.tolist() == [list(dict.fromkeys(walk)) for walk in walks]


def test_a_point_on_a_probe_is_not_after_it():
    placement = MultiProbe(["a", "b", "c"], probes=1)
    at_points = np.column_stack([placement.points, np.zeros(3, np.uint64)])
    assert np.array_equal(placement._lookup(at_points), np.roll(placement.owners, -1))


# --- ownership --------------------------------------------------------------------------------------------------------


def test_one_probe_has_arcs():
    placement = MultiProbe(50, probes=1)
    arcs = np.diff(placement.points, prepend=placement.points[-1]) / 2.0**64
    expected = np.empty(50)
    expected[placement.owners] = arcs
    np.testing.assert_allclose(placement.ownership(), expected, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 10**6))
def test_independent_probes_have_the_exact_law(nodes, probes, seed):
    placement = MultiProbe(nodes, probes, variant="independent", seed=seed)
    points = [int(point) for point in placement.points]
    gaps = [Fraction((point - points[i - 1]) % 2**64 if nodes > 1 else 2**64, 2**64) for i, point in enumerate(points)]
    expected = np.empty(nodes)
    expected[placement.owners] = [float(share) for share in reference.nearest_of_independent(gaps, probes)]
    np.testing.assert_allclose(placement.ownership(), expected, rtol=1e-9, atol=1e-15)
    assert placement.owns_exactly()


@pytest.mark.parametrize("probes", [1, 2])
def test_two_hashes_are_two_independent_probes(probes):
    placement = MultiProbe(30, probes)
    assert placement.owns_exactly()
    shares = placement.ownership()
    held = np.bincount(placement.lookup(random_keys(10**6), hashed=True), minlength=30) / 10**6
    assert (np.abs(held - shares) < 5 * np.sqrt(shares / 10**6)).all()


def test_more_probes_of_two_hashes_are_sampled():
    placement = MultiProbe(30, 3)
    assert not placement.owns_exactly()
    assert balance(placement).noise_floor == pytest.approx(np.sqrt(29 / 2**20))
    assert not MultiProbe(30, variant="independent").owns_exactly(replicas=2)


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probes", "measured"), [(1, 4.995), (2, 2.00), (5, 1.287), (10, 1.141), (21, 1.078), (21, 1.05)]
)
def test_peaks_of_a_hundred_nodes(probes, measured):
    """One set of names each, 1.078 with sampling noise; 1.05 is what the paper promises: 1 + 1/(21 - 1)."""
    peaks = [100 * MultiProbe(100, probes, variant="independent", seed=s).ownership().max() for s in range(300)]
    assert np.quantile(peaks, 0.025) < measured < np.quantile(peaks, 0.975)
    assert np.mean(peaks) == pytest.approx({1: 5.187, 2: 2.0, 5: 1.25, 10: 1.111, 21: 1.05}[probes], rel=0.04)


def test_probes_of_two_hashes_peak_higher_than_independent_ones():
    """What go-mpchash's ``h1 + i h2`` costs, far above the noise of the sample."""
    keys = random_keys(2**21)
    for nodes, excess in ((100, 0.03), (20, 0.03)):
        theirs, promised = [], []
        for seed in range(4):
            placement = MultiProbe(nodes, seed=seed)
            theirs.append(np.bincount(placement.lookup(keys, hashed=True)).max() / len(keys) * nodes)
            promised.append(MultiProbe(nodes, variant="independent", seed=seed).ownership().max() * nodes)
        assert np.mean(theirs) - np.mean(promised) > excess > 4 * np.sqrt(nodes / len(keys))


def test_21_probes_are_as_even_as_many_vnodes():
    ring = HashRing(100, vnodes=700)
    assert MultiProbe(100, variant="independent").ownership().max() < ring.ownership().max()


@pytest.mark.parametrize("variant", ["mpchash", "independent"])
def test_a_change_moves_nothing_needlessly(variant):
    before = MultiProbe(20, variant=variant)
    for after in (before.remove("n7"), before.add("new")):
        change = movement(before, after)
        assert change.needless == 0
        assert change.moved == pytest.approx(0.05, abs=0.02)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probes", [0, -1, 1001, 2.0, True, "21", None])
def test_probes_are_checked(probes):
    with pytest.raises(ValueError, match=r"probes is .*: give an integer from 1 to 1000"):
        MultiProbe(3, probes)


def test_the_variant_is_known():
    with pytest.raises(ValueError, match="variant is 'double': give 'mpchash' or 'independent'"):
        MultiProbe(3, variant="double")
