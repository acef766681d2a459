"""Miss ratio curves against replays, stack distances by hand, and each other."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalemodel.cache import Trace, irm_trace, loop_trace, miss_ratio_curve, simulate
from scalemodel.workload import LogNormalSize, Uniform, Zipf


@pytest.fixture(scope="module")
def trace():
    return irm_trace(Zipf(20_000, 1.0), 150_000, object_size=LogNormalSize(1000, 1.0), rate=1000, seed=1)


@pytest.fixture(scope="module")
def exact(trace):
    return miss_ratio_curve(trace)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=300), st.integers(1, 9))
def test_the_exact_curve_is_a_replay_at_every_size(keys, factor):
    trace = Trace(keys, sizes=[1 + key * factor % 7 for key in keys])
    curve = miss_ratio_curve(trace)
    for size in range(1, trace.objects + 2):
        assert round(curve.at(size) * len(keys)) == simulate(trace, "lru", size).misses
    by_bytes = miss_ratio_curve(trace, by="bytes")
    for size in range(max(trace.sizes), trace.footprint_bytes + 2):
        assert round(by_bytes.at(size) * len(keys)) == simulate(trace, "lru", size, "bytes").misses
    assert curve.at(0) == by_bytes.at(0) == 1.0


def test_the_exact_curve_survives_many_turns_of_its_axis(trace, exact):
    """The time axis of a loop over few objects is gathered hundreds of times."""
    looped = miss_ratio_curve(loop_trace(30, 30_000))
    assert looped.misses.tolist() == [30_000] * 29 + [30]
    for size in (1, 77, 1500, trace.objects):
        assert exact.misses[size - 1] == simulate(trace, "lru", size).misses
    assert exact.misses[-1] == trace.objects
    assert (np.diff(exact.misses) <= 0).all()


def test_sizes_that_are_asked_for_are_points_of_the_whole_curve(trace, exact):
    some = miss_ratio_curve(trace, sizes=[2000, 10, 10**7])
    assert some.sizes.tolist() == [10, 2000, 10**7]
    assert some.miss_ratios.tolist() == exact.at([10, 2000, 10**7]).tolist()
    assert some.at(10) == pytest.approx(exact.at(10))
    assert exact.at(141) > some.at(141) - 0.1


def test_other_policies_and_ttls_are_replayed(trace):
    curve = miss_ratio_curve(trace, policy="belady", sizes=[50, 500])
    assert curve.misses.tolist() == [simulate(trace, "belady", size).misses for size in (50, 500)]
    with_ttl = miss_ratio_curve(trace, sizes=[50, 5000], ttl=5.0)
    assert with_ttl.misses.tolist() == [simulate(trace, "lru", size, ttl=5.0).misses for size in (50, 5000)]
    assert with_ttl.misses[1] > simulate(trace, "lru", 5000).misses
    assert len(miss_ratio_curve(trace, policy="s3fifo", by="bytes", small=0.2).sizes) > 20


# --- samples and models -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"rate": 0.02}, {"samples": 300}])
def test_the_band_of_shards_covers_the_exact_curve(options):
    covered, errors = [], []
    for seed in range(12):
        trace = irm_trace(Zipf(20_000, 0.9), 150_000, seed=seed)
        whole = miss_ratio_curve(trace)
        curve = miss_ratio_curve(trace, "shards", seed=seed, **options)
        expected = whole.at(curve.sizes)
        covered.append(((curve.low <= expected) & (expected <= curve.high)).mean())
        errors.append(np.abs(curve.miss_ratios - expected).mean())
    assert np.mean(covered) >= 0.95
    assert np.mean(errors) < 0.02


def test_a_sample_of_all_is_exact(trace, exact):
    for options in ({"rate": 1.0}, {"samples": 10**9}):
        curve = miss_ratio_curve(trace, "shards", salts=1, **options)
        assert curve.miss_ratios == pytest.approx(exact.at(curve.sizes), abs=1e-12)
        assert curve.low is None
    mini = miss_ratio_curve(trace, "minisim", "sieve", rate=1.0, sizes=[100, 1000])
    assert mini.miss_ratios == pytest.approx([simulate(trace, "sieve", size).miss_ratio for size in (100, 1000)])


def test_miniatures_of_any_policy_and_by_bytes(trace):
    for policy in ("fifo", "s3fifo"):
        curve = miss_ratio_curve(trace, "minisim", policy, rate=0.1, sizes=[500, 2000])
        expected = [simulate(trace, policy, size).miss_ratio for size in (500, 2000)]
        assert curve.miss_ratios == pytest.approx(expected, abs=0.03)
    sizes = [trace.footprint_bytes // part for part in (20, 4)]
    curve = miss_ratio_curve(trace, "minisim", by="bytes", rate=0.1, sizes=sizes)
    assert curve.miss_ratios == pytest.approx(miss_ratio_curve(trace, by="bytes").at(sizes[::-1])[::-1], abs=0.04)


def test_aet_is_close_where_references_are_independent(trace, exact):
    curve = miss_ratio_curve(trace, "aet")
    assert np.abs(curve.miss_ratios - exact.at(curve.sizes)).max() < 0.01
    assert curve.miss_ratios[-1] == pytest.approx(exact.compulsory, abs=0.01)


# --- answers and bad input --------------------------------------------------------------------------------------------


def test_a_curve_shows_itself(trace, exact):
    assert exact.size_for(0.5) == int(np.argmax(exact.miss_ratios <= 0.5)) + 1
    with pytest.raises(ValueError, match=r"no size gets the miss ratio down to 0\.01: the least is"):
        exact.size_for(0.01)
    rows = exact.to_frame()
    assert len(rows) <= 48
    assert rows["size_objects"].iloc[-1] == trace.objects
    sampled = miss_ratio_curve(trace, "shards", rate=0.05)
    assert list(sampled.to_frame()) == ["size_objects", "miss_ratio", "miss_ratio_low", "miss_ratio_high"]
    assert sampled.plot(exact.plot()).get_xlabel() == "cache size (objects)"
    assert exact.title.startswith("lru (exact): ")
    plt.close("all")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "shard"}, "method is 'shard': give one of exact, shards, aet, minisim"),
        ({"method": "shards", "policy": "fifo"}, "'shards' knows LRU by objects"),
        ({"method": "aet", "by": "bytes"}, "'aet' knows LRU by objects|has no sizes"),
        ({"by": "bytes"}, "the trace has no sizes"),
        ({"sizes": []}, "sizes is empty"),
        ({"sizes": [0]}, "the cache size is 0"),
        ({"method": "shards", "rate": 0}, "rate is 0: give the share"),
        ({"method": "shards", "rate": 5}, "rate is 5: give a share"),
        ({"method": "shards", "samples": 0}, "samples is 0"),
        ({"method": "shards", "salts": 0}, "salts is 0"),
        ({"method": "shards", "sizes": [5], "rate": 0.1}, "a cache of 5 objects is less than one of a sample"),
        ({"policy": "lruu"}, "there is no cache policy"),
    ],
)
def test_bad_requests_for_curves(options, message):
    with pytest.raises(ValueError, match=message):
        miss_ratio_curve(irm_trace(Uniform(200), 1000), **options)


def test_at_refuses_negative_sizes(exact):
    with pytest.raises(ValueError, match="give numbers of zero or more"):
        exact.at([1, -1])
