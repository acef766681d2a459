"""Balance by keys, requests, bytes and traffic; its measures; and what chance alone would make of it."""

import json
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalemodel.placement import (
    HashRing,
    JumpHash,
    Rendezvous,
    Topology,
    balance,
    balance_over_seeds,
    balance_report,
    expected_fullest,
)
from scalemodel.placement.balance import HEAD, MEASURES, Balance
from scalemodel.workload import Empirical, EmpiricalSize, LogNormalSize, Uniform, Workload, Zipf

ZONED = Topology.grid(2, zones=3)


def by_hand(placement, loads, replicas=1, spread=None):
    """Add the load of every key to its nodes, in plain Python."""
    held = [0.0] * len(placement.nodes)
    for key, load in loads.items():
        for node in placement.replicas([key], replicas, spread)[0]:
            held[node] += load / replicas
    return np.array(held) / sum(held)


LAW = Zipf(400, 1.1)
SIZES = LogNormalSize(1000, 1.0)
STORE = Workload(1.0, popularity=LAW, object_size=SIZES)


@pytest.mark.parametrize(("replicas", "spread"), [(1, None), (3, "zone")])
@pytest.mark.parametrize("placement", [HashRing(ZONED, vnodes=16), Rendezvous(ZONED)], ids=["ring", "rendezvous"])
@pytest.mark.parametrize("by", ["requests", "keys", "bytes", "traffic"])
def test_loads_are_those_of_the_keys(placement, replicas, spread, by):
    p, size = LAW.pmf(np.arange(400)), SIZES.sample(400)
    load = {"requests": p, "keys": np.ones(400), "bytes": size, "traffic": p * size}[by]
    result = balance(placement, STORE, replicas, spread=spread, by=by)
    np.testing.assert_allclose(result.share, by_hand(placement, dict(enumerate(load)), replicas, spread))
    assert result.basis == by
    assert result.noise_floor == pytest.approx(
        np.sqrt(np.sum((load / load.sum()) ** 2) * (6 - replicas) / replicas), rel=1e-9
    )


def test_a_trace_with_sizes_of_its_own():
    trace = Empirical.from_trace(["a"] * 5 + ["b"] * 3 + ["c"])
    ring = HashRing(3)
    size = {"a": 10.0, "b": 100.0, "c": 1000.0}
    counts = {"a": 5, "b": 3, "c": 1}
    stored = balance(ring, trace, by="bytes", sizes=[10, 100, 1000])
    np.testing.assert_allclose(stored.share, by_hand(ring, size))
    sent = balance(ring, trace, by="traffic", sizes=[10, 100, 1000])
    np.testing.assert_allclose(sent.share, by_hand(ring, {key: size[key] * counts[key] for key in size}))


@pytest.mark.parametrize("by", ["requests", "keys", "bytes", "traffic"])
def test_beyond_the_head_ownership_stands_for_the_rest(monkeypatch, by):
    law, ring = Zipf(60_000, 0.9), HashRing(5, vnodes=8)
    store = Workload(1.0, popularity=law, object_size=EmpiricalSize([1, 2, 3]))
    whole = balance(ring, store, by=by)
    monkeypatch.setattr(sys.modules["scalemodel.placement.balance"], "HEAD", 5000)
    cut = balance(ring, store, by=by)
    assert HEAD > 60_000
    np.testing.assert_allclose(cut.share, whole.share, rtol=0.05)
    assert cut.share.sum() == pytest.approx(1)
    assert cut.noise_floor == pytest.approx(whole.noise_floor, rel=0.02)


def test_capacity_that_is_not_the_weight():
    jump = balance(JumpHash(4), capacity=[1, 1, 1, 2])
    assert jump.peak_to_mean == pytest.approx(1.25)
    assert jump.min_to_mean == pytest.approx(0.625)
    assert jump.busiest == "n0"
    ring = HashRing(4, vnodes=512, weights=[1, 1, 1, 2])
    assert balance(ring).peak_to_mean < 1.1
    np.testing.assert_allclose(balance(ring, capacity=[1, 1, 1, 2]).relative, balance(ring).relative)


# --- measures ---------------------------------------------------------------------------------------------------------


def loaded(share, fair=None):
    share = np.array(share, float)
    fair = np.ones(len(share)) if fair is None else np.array(fair, float)
    nodes = tuple(f"n{i}" for i in range(len(share)))
    return Balance(nodes, share / share.sum(), fair / fair.sum(), "requests", 0.0)


def test_measures_of_known_loads():
    even = loaded([1, 1, 1, 1])
    assert [getattr(even, what) for what in MEASURES] == [1, 1, 1, 0, 0, 1]
    one = loaded([0, 0, 0, 1])
    assert (one.peak_to_mean, one.min_to_mean, one.gini, one.jain) == (4, 0, 0.75, 0.25)
    assert one.cv == pytest.approx(np.sqrt(3))
    weighted = loaded([1, 2, 3], [1, 2, 3])
    assert (weighted.peak_to_mean, weighted.cv, weighted.gini) == (1, 0, pytest.approx(0, abs=1e-15))
    assert loaded(np.arange(1, 101)).p99_to_mean == pytest.approx(99 / 50.5)
    assert loaded(np.arange(1, 101)).quantile(0.5) == pytest.approx(50 / 50.5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=12).filter(any), st.data())
def test_measures_agree_with_their_definitions(loads, data):
    weights = data.draw(st.lists(st.integers(1, 4), min_size=len(loads), max_size=len(loads)))
    result = loaded(loads, weights)
    # a node of weight w is w machines, each with its part of the load
    machines = np.concatenate([[load / weight] * weight for load, weight in zip(loads, weights, strict=True)])
    mean = machines.mean()
    assert result.peak_to_mean == pytest.approx(machines.max() / mean)
    assert result.cv == pytest.approx(machines.std() / mean)
    assert result.jain == pytest.approx(machines.sum() ** 2 / len(machines) / (machines**2).sum())
    differences = np.abs(machines[:, None] - machines[None, :]).mean()
    assert result.gini == pytest.approx(differences / 2 / mean, abs=1e-12)


# --- chance alone -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "nodes"), [(1000, 10), (20_000, 100), (3000, 3)])
def test_the_peak_by_chance_is_that_of_balls_in_bins(keys, nodes):
    result = balance(JumpHash(nodes), Uniform(keys))
    drawn = result.chance.loads(result.fair).max(axis=1) * nodes
    exact = expected_fullest(keys, nodes) / keys * nodes
    assert drawn.mean() == pytest.approx(exact, abs=5 * drawn.std() / np.sqrt(len(drawn)))
    low, _, high = result.by_chance["peak_to_mean"]
    assert low < exact < high


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("alpha", [0.0, 0.9, 1.4])
def test_the_spread_by_chance_is_the_noise_floor(alpha, replicas):
    result = balance(HashRing(8), Zipf(100_000, alpha), replicas)
    drawn = result.chance.loads(result.fair)
    np.testing.assert_allclose(drawn.sum(axis=1), 1, rtol=1e-9)
    squared = ((8 * drawn - 1) ** 2).mean(axis=1)  # each trial's squared cv
    error = squared.std() / np.sqrt(len(squared))
    assert squared.mean() == pytest.approx(result.noise_floor**2, abs=5 * error)


def test_chance_respects_weights():
    result = balance(HashRing(4, vnodes=512, weights=[1, 1, 2, 4]), Uniform(50_000))
    drawn = result.chance.loads(result.fair)
    np.testing.assert_allclose(drawn.mean(axis=0), result.fair, rtol=0.01)
    np.testing.assert_allclose(drawn.var(axis=0), result.fair * (1 - result.fair) / 50_000, rtol=0.5)


def test_a_perfect_hash_is_within_chance_and_a_crooked_ring_is_not():
    law = Uniform(20_000)
    low, _, high = balance(JumpHash(10), law).by_chance["peak_to_mean"]
    peaks = [balance(JumpHash(10, seed=seed), law).peak_to_mean for seed in range(20)]
    assert sum(low <= peak <= high for peak in peaks) >= 15
    assert balance(HashRing(10, vnodes=16), law).peak_to_mean > high


def test_nothing_is_left_to_chance_in_an_exact_share():
    exact = balance(HashRing(10))
    assert exact.by_chance["peak_to_mean"] == (1, 1, 1)
    assert exact.measures()["chance_high"].tolist() == pytest.approx([1, 1, 1, 0, 0, 1])
    sampled = balance(Rendezvous(ZONED.with_weights([1, 2, 1, 2, 1, 2])), replicas=2)
    low, _, high = sampled.by_chance["peak_to_mean"]
    assert 1 < low < high < 1.01


def test_chance_does_not_change_from_run_to_run():
    first, second = (balance(JumpHash(5), Zipf(1000, 1.0)).measures() for _ in range(2))
    assert first.equals(second)
    assert first["measure"].tolist() == list(MEASURES)
    again = pickle.loads(pickle.dumps(balance(JumpHash(5), Zipf(1000, 1.0))))
    assert again.measures().equals(first)


# --- over seeds -------------------------------------------------------------------------------------------------------


def test_bands_are_quantiles_over_seeds():
    law, ring = Zipf(2000, 1.0), HashRing(6, vnodes=32)
    bands = balance_over_seeds(ring, law, 2, seeds=[3, 5, 8], progress=False)
    each = [balance(ring.with_seed(seed), law, 2) for seed in (3, 5, 8)]
    for what in MEASURES:
        assert getattr(bands, what).tolist() == [getattr(one, what) for one in each]
    frame = bands.to_frame().set_index("measure")
    assert frame.loc["gini", "median"] == np.median([one.gini for one in each])
    assert frame.loc["cv", "value_high"] == np.quantile([one.cv for one in each], 0.95)


def test_seeds_with_capacity_and_sizes():
    trace = Empirical([3, 2, 1])
    options = {"by": "traffic", "sizes": [1, 2, 3], "capacity": [1, 3]}
    bands = balance_over_seeds(JumpHash(2), trace, seeds=4, progress=False, **options)
    assert bands.peak_to_mean.tolist() == [
        balance(JumpHash(2, seed=seed), trace, **options).peak_to_mean for seed in range(4)
    ]


def test_a_report_is_its_parts():
    trace = Empirical.from_trace(list("aaabbc"))
    report = balance_report(HashRing(3), trace, seeds=5, progress=False)
    frame = report.to_frame()
    assert frame["basis"].tolist() == ["key space", "keys", "requests"]
    assert frame["peak_to_mean"][2] == np.median([balance(HashRing(3, seed=s), trace).peak_to_mean for s in range(5)])
    assert json.loads(json.dumps(report.to_dict()))["hottest_key_share"] == 0.5


# --- how it looks, and bad input --------------------------------------------------------------------------------------


def test_titles_tables_and_plots():
    result = balance(HashRing(4), Zipf(100, 1.0))
    assert result.title.startswith("Balance of requests over 4 nodes: peak-to-mean ")
    frame = result.to_frame()
    assert frame["load_to_fair"].is_monotonic_decreasing
    assert frame["node"].iloc[0] == result.busiest
    assert result.plot().get_ylabel() == "requests: load / fair share"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"by": "weight"}, "by is 'weight': give one of 'requests', 'keys', 'bytes', 'traffic'"),
        ({"by": "bytes"}, "the key space has no sizes"),
        ({"sizes": [1]}, "the key space has no sizes"),
        ({"workload": Zipf(9, 1.0), "by": "bytes"}, "the balance by bytes needs sizes"),
        ({"workload": Workload(1.0, popularity=Zipf(9, 1.0)), "by": "traffic"}, "the balance by traffic needs sizes"),
        ({"workload": Workload(1.0)}, "the workload has no popularity"),
        (
            {"workload": Zipf(9, 1.0), "by": "bytes", "sizes": [1, 2]},
            r"sizes has shape \[2\]: give one for each of the 9",
        ),
        ({"workload": Uniform(2), "by": "bytes", "sizes": [0, 0]}, "only zeros"),
        ({"workload": Uniform(2), "by": "bytes", "sizes": [-1, 2]}, "negative"),
        ({"workload": Uniform(2), "by": "bytes", "sizes": [np.nan, 2]}, "infinite"),
        ({"capacity": [1, 2]}, "2 weights for 3 nodes"),
        ({"capacity": [1, 0, 1]}, "a weight is 0"),
        ({"replicas": 4}, "4 replicas need 4 different nodes"),
    ],
)
def test_bad_input(arguments, says):
    with pytest.raises(ValueError, match=says):
        balance(HashRing(3), **arguments)


def test_a_quantile_is_of_a_share():
    with pytest.raises(ValueError, match=r"p is 1\.5: give a share of the nodes"):
        balance(HashRing(3)).quantile(1.5)
