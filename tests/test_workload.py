"""Workload vocabulary against closed forms, brute force over all ranks, scipy, and a real trace."""

import dataclasses
import math
import os
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import digamma, zeta

from scalemodel import streams
from scalemodel.units import days, hours, minutes
from scalemodel.workload import (
    ConstantLoad,
    ConstantSize,
    DiurnalLoad,
    Empirical,
    EmpiricalLoad,
    EmpiricalSize,
    HotSet,
    LogNormalSize,
    SpikeLoad,
    SumLoad,
    Uniform,
    Workload,
    Zipf,
)

ALPHAS = [0, 0.3, 0.77, 0.99, 1 - 1e-9, 1, 1 + 1e-12, 1.01, 1.21, 2, 2.68, 10]
few = settings(max_examples=40, deadline=None)

LAWS = [
    Uniform(1),
    Uniform(997),
    Zipf(1, 1.0),
    Zipf(300, 0.9),
    Zipf(1024, 1.0),
    Zipf(1025, 1.2),
    Zipf(40_000, 0.0),
    Zipf(40_000, 0.7),
    Zipf(40_000, 2.68),
    HotSet(1000, 0.2, 0.8),
    HotSet(1000, 0.3, 0.3),
    HotSet(50, 0.1, 1.0),
    Empirical([5, 0, 3, 3, 9, 1, 0]),
    Empirical(np.random.default_rng(5).pareto(1.1, 5000)),
]


def direct_shares(n, alpha, edges):
    """Shares of the first k ranks and of the rest for every k in `edges`, which rises from 0 to n."""
    terms = (np.arange(1.0, n + 1) ** -float(alpha)).tolist()
    parts = [math.fsum(terms[a:b]) for a, b in pairwise(edges)]
    total = math.fsum(parts)
    return [(math.fsum(parts[:i]) / total, math.fsum(parts[i:]) / total) for i in range(len(edges))]


# ---- popularity: every law -------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_shares_add_up(law):
    ranks, k = np.arange(law.n), np.arange(law.n + 1)
    pmf, head, tail = law.pmf(ranks), law.head(k), law.tail(k)
    assert head[0] == 0
    assert head[-1] == 1
    assert tail[0] == 1
    assert tail[-1] == 0
    assert (np.diff(pmf) <= 1e-15).all()
    assert (np.diff(head) >= 0).all()
    assert math.fsum(pmf) == pytest.approx(1, rel=1e-13)
    # a plain cumsum of n terms loses up to n * 2**-53; the sharp test of Zipf is below
    np.testing.assert_allclose(head, np.concatenate([[0], np.cumsum(pmf)]), rtol=1e-11)
    np.testing.assert_allclose(tail[:-1], np.cumsum(pmf[::-1])[::-1], rtol=1e-11, atol=1e-300)
    assert law.sum_of_squares() == pytest.approx(math.fsum(pmf**2), rel=1e-13)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_quantile_is_a_search_in_the_cumulative_shares(law):
    head = law.head(np.arange(law.n + 1))
    beside = np.concatenate([head, np.nextafter(head, 0), np.nextafter(head, 2)])
    u = np.concatenate([streams.uniforms(20_000, seed=3), beside[beside < 1]])
    np.testing.assert_array_equal(law.quantile(u), np.searchsorted(head, u, side="right") - 1)


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_samples_have_the_law(law):
    draws = law.sample(200_000, seed=11)
    edges = np.unique(np.searchsorted(law.head(np.arange(law.n + 1)), np.linspace(0, 1, 40)).clip(0, law.n))
    expected = len(draws) * np.diff(law.head(edges))
    observed = np.diff(np.searchsorted(np.sort(draws), edges))
    assert observed.sum() == len(draws)
    if len(expected) > 1:
        assert stats.chisquare(observed[expected > 0], expected[expected > 0]).pvalue > 1e-3


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_groups_keep_objects_and_mass(law):
    groups = law.groups(exact=100, per_decade=128)
    edges = np.concatenate([[0], np.cumsum(groups.counts)])
    assert edges[-1] == law.n
    assert (groups.counts > 0).all()
    np.testing.assert_allclose(groups.counts * groups.probabilities, np.diff(law.head(edges)), atol=1e-15)
    assert math.fsum(groups.counts * groups.probabilities) == pytest.approx(1, rel=1e-14)
    pmf = law.pmf(np.arange(law.n))
    seen = -np.expm1(-500 * pmf)  # what a cache model sums: objects asked for within 500 requests
    assert groups.counts @ -np.expm1(-500 * groups.probabilities) == pytest.approx(math.fsum(seen), rel=1e-4)


def test_grouping_is_free_where_probabilities_repeat():
    assert len(Uniform(10**9).groups().counts) == 1
    assert HotSet(10**9).groups().counts.tolist() == [2 * 10**8, 8 * 10**8]
    counted = Empirical([1, 7, 1, 1, 2, 0]).groups()
    assert counted.counts.tolist() == [1, 1, 3, 1]
    np.testing.assert_allclose(counted.probabilities, np.array([7, 2, 1, 0]) / 12, rtol=1e-15)


@pytest.mark.parametrize("exact", [0, 1, 10, 5000])
@pytest.mark.parametrize("n", [1, 2, 11, 4000])
def test_groups_of_small_populations(n, exact):
    groups = Zipf(n, 1.1).groups(exact=exact, per_decade=3)
    assert groups.counts.sum() == n
    assert (groups.counts[:exact] == 1).all()


@pytest.mark.parametrize("law", [Zipf(10**9, 0.9), HotSet(10**9), Uniform(10**9), Empirical([3, 2, 1])], ids=repr)
def test_draws_are_the_same_for_any_number_of_workers_and_prefixes(law):
    size = 2 * streams.CHUNK + 17
    draws = law.sample(size, seed=4)
    assert draws.dtype == np.int64
    np.testing.assert_array_equal(law.sample(1000, seed=4), draws[:1000])
    assert not np.array_equal(law.sample(1000, seed=5), draws[:1000])
    with ThreadPoolExecutor(3) as pool:
        parts = pool.map(lambda c: law.quantile(streams.stream(4, c).random(streams.CHUNK)), range(3))
        np.testing.assert_array_equal(np.concatenate(list(parts))[:size], draws)


@pytest.mark.parametrize("law", [Uniform(10), Zipf(5000, 1.0), HotSet(10), Empirical([2, 1] * 5)], ids=repr)
def test_shapes_follow_the_input(law):
    for method, value in [(law.pmf, 3), (law.head, 3), (law.tail, 3), (law.quantile, 0.3), (law.keys_at, 3)]:
        one = method(value)
        assert np.ndim(one) == 0
        several = np.array([[value] * 3] * 2)
        assert method(several).shape == (2, 3)
        assert (method(several) == one).all()
        assert (method(np.asfortranarray(several)) == one).all()
        assert method([]).shape == (0,)


# ---- Zipf ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("n", [1, 2, 1023, 1024, 1025, 1026, 5000, 10**6])
def test_zipf_equals_direct_sums(n, alpha):
    law = Zipf(n, alpha)
    edges = sorted({k for k in (0, 1, 2, 1000, 1024, 1025, n // 2, n - 1, n) if k <= n})
    for k, (head, tail) in zip(edges, direct_shares(n, alpha, edges), strict=True):
        assert law.head(k) == pytest.approx(head, rel=1e-14, abs=0)
        assert law.tail(k) == pytest.approx(tail, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("alpha", [1.2, 2, 2.68, 5])
@pytest.mark.parametrize("n", [10**5, 10**9, 10**12])
def test_zipf_equals_hurwitz_zeta(n, alpha):
    law, total = Zipf(n, alpha), zeta(alpha, 1) - zeta(alpha, n + 1)
    for k in (1, 1000, 1025, n // 100):
        assert law.head(k) == pytest.approx((zeta(alpha, 1) - zeta(alpha, k + 1)) / total, rel=1e-13)
        assert law.tail(k) == pytest.approx((zeta(alpha, k + 1) - zeta(alpha, n + 1)) / total, rel=1e-13)


@pytest.mark.parametrize("n", [10**6, 10**9, 10**12])
def test_zipf_of_alpha_one_equals_harmonic_numbers(n):
    def harmonic(k):
        return digamma(k + 1) + np.euler_gamma

    assert Zipf(n, 1).head(n // 7) == pytest.approx(harmonic(n // 7) / harmonic(n), rel=1e-14)
    for near in (1 - 1e-13, 1 + 1e-13):  # no jump where the formula changes
        assert Zipf(n, near).head(n // 7) == pytest.approx(Zipf(n, 1).head(n // 7), rel=1e-11)


@pytest.mark.parametrize("alpha", [0.5, 1, 1.7])
def test_zipf_equals_scipy(alpha):
    law, theirs, ranks = Zipf(3000, alpha), stats.zipfian(alpha, 3000), np.arange(3000)
    np.testing.assert_allclose(law.pmf(ranks), theirs.pmf(ranks + 1), rtol=1e-12)
    np.testing.assert_allclose(law.head(ranks + 1), theirs.cdf(ranks + 1), rtol=1e-12)


def test_zipf_of_alpha_zero_is_uniform():
    flat, even, u = Zipf(10**6, 0), Uniform(10**6), streams.uniforms(10_000)
    np.testing.assert_allclose(flat.head(np.arange(10**6 + 1)), even.head(np.arange(10**6 + 1)), rtol=1e-14)
    np.testing.assert_array_equal(flat.quantile(u), even.quantile(u))


@few
@given(
    n=st.integers(1, 2**52),
    alpha=st.floats(0, 12),
    u=st.floats(0, 1, exclude_max=True),
    share=st.floats(0, 1),
)
def test_zipf_of_any_size(n, alpha, u, share):
    law = Zipf(n, alpha)
    rank = int(law.quantile(u))
    assert 0 <= rank < n
    assert law.head(rank) <= u < law.head(rank + 1)
    k = int(share * n)
    assert law.head(k) + law.tail(k) == pytest.approx(1, rel=1e-14)
    assert law.pmf(max(k - 1, 0)) >= law.pmf(n - 1)
    assert 1 / n <= law.sum_of_squares() * (1 + 1e-12) <= 1 + 1e-11


@few
@given(n=st.integers(1025, 10**9), alpha=st.floats(0, 1.2), share=st.floats(0, 1, exclude_max=True))
def test_zipf_quantile_inverts_head_at_the_boundaries(n, alpha, share):
    law, k = Zipf(n, alpha), int(share * n)
    assert law.quantile(law.head(k)) == k
    if k:
        assert law.quantile(np.nextafter(law.head(k), 0)) == k - 1


def test_a_billion_objects_take_no_array():
    law = Zipf(10**9, 0.9)
    assert law.head(10**9) == 1
    assert law.groups().counts.sum() == 10**9
    assert len(law.groups().counts) < 2000
    exact = law.sum_of_squares()
    assert law.groups().counts @ law.groups().probabilities ** 2 == pytest.approx(exact, rel=1e-6)


# ---- the other laws --------------------------------------------------------------------------------------------


def test_hot_set_keeps_its_promise():
    law = HotSet(1_000_000, hot_share=0.2, hot_requests=0.8)
    assert law.hot_objects == 200_000
    assert law.head(200_000) == 0.8
    assert law.pmf(0) / law.pmf(999_999) == pytest.approx(16)
    assert law.tail(999_999) == pytest.approx(0.2 / 800_000, rel=1e-14)


def test_empirical_ranks_by_count_then_by_first_appearance():
    law = Empirical.from_trace(["d", "b", "c", "b", "a", "c", "b"])
    assert law.keys.tolist() == ["b", "c", "d", "a"]
    assert law.counts.tolist() == [3, 2, 1, 1]
    assert law.keys_at([3, 0]).tolist() == ["a", "b"]
    assert Empirical([1, 5, 5]).keys.tolist() == [1, 2, 0]
    assert Empirical([1, 2], keys=["x", "y"]).keys_at(0) == "y"
    assert Zipf(10, 1).keys_at([4, 2]).tolist() == [4, 2]


def test_empirical_shares_do_not_lose_digits_with_their_number():
    law = Empirical(np.full(10**6, 0.1))  # a plain running sum of these is off by 1e-11
    k = np.array([3, 1000, 777_777, 999_999])
    np.testing.assert_allclose(law.head(k), k / 10**6, rtol=1e-15)
    np.testing.assert_allclose(law.tail(k), 1 - k / 10**6, rtol=1e-10)
    assert law.tail(999_999) == pytest.approx(1e-6, rel=1e-15)


@few
@given(st.lists(st.integers(-3, 2**63 + 5) | st.sampled_from([7, 8, 9]), min_size=1, max_size=50))
def test_empirical_counts_like_a_counter(trace):
    law = Empirical.from_trace(trace)
    assert list(zip(law.keys.tolist(), law.counts.tolist(), strict=True)) == Counter(trace).most_common()


@pytest.mark.parametrize(
    "trace",
    [
        ["é", "b\0", "é"],
        [b"a\0", b"a", b"a\0"],
        np.array(["x", "yy", "x"]),
        np.array([b"x", b"y", b"x"]),
        np.array([2**63, 1, 2**63], np.uint64),
        (4, 5, 4),
        pd.Series(["x", "y", "x"]),
        pd.Series(["x", "y", "x"], dtype="category"),
    ],
    ids=lambda trace: str(np.asarray(trace).dtype),
)
def test_empirical_takes_every_kind_of_key(trace):
    law = Empirical.from_trace(trace)
    assert law.counts.tolist() == [2, 1]
    assert law.keys.tolist() == list(trace)[:2]


def test_laws_are_values():
    assert Zipf(10, 1) == Zipf(np.int64(10), 1.0) == Zipf(1e1, 1)
    assert len({Zipf(10, 1), Zipf(10, 1.0), Uniform(10)}) == 2
    law = Zipf(5000, 1.0)
    law.head(7)
    assert pickle.loads(pickle.dumps(law)) == law
    counted = Empirical([1, 2])
    with pytest.raises(ValueError, match="read-only"):
        counted.counts[0] = 9
    with pytest.raises(dataclasses.FrozenInstanceError):
        law.n = 3
    counts = np.array([1.0, 2.0])
    Empirical(counts)
    counts[0] = 7  # the caller's array stays the caller's


def test_real_trace():
    folder = os.environ.get("SCALEMODEL_DATA")
    if not folder:
        pytest.skip("SCALEMODEL_DATA is not set: it names the folder of the optional data sets")
    path = Path(folder) / "twitter_cluster52_1m.npz"
    if not path.exists():
        pytest.skip("the folder SCALEMODEL_DATA has no twitter_cluster52_1m.npz")
    with np.load(path) as file:
        keys = file["id"]
    law = Empirical.from_trace(keys)
    assert law.n == 143_542
    assert law.counts.sum() == 1_000_000
    assert round(float(law.head(1)), 3) == 0.059
    assert round(float(law.head(10)), 3) == 0.227
    assert round(float(law.head(1435)), 2) == 0.57
    assert (keys == law.keys[0]).mean() == law.head(1)
    drawn = np.bincount(law.sample(1_000_000, seed=2), minlength=law.n)
    assert drawn[0] == pytest.approx(law.counts[0], abs=5 * math.sqrt(law.counts[0]))
    groups = law.groups()
    assert len(groups.counts) < 1000
    assert groups.counts @ groups.probabilities**2 == pytest.approx(law.sum_of_squares(), rel=1e-12)


# ---- object sizes ----------------------------------------------------------------------------------------------


def test_log_normal_size():
    size, theirs = LogNormalSize(median=500, sigma=1.3), stats.lognorm(1.3, scale=500)
    p = np.array([0.01, 0.5, 0.9, 0.999])
    assert size.mean() == pytest.approx(theirs.mean(), rel=1e-14)
    np.testing.assert_allclose(size.quantile(p), theirs.ppf(p), rtol=1e-12)
    assert stats.kstest(size.sample(100_000, seed=1), theirs.cdf).pvalue > 1e-3
    assert LogNormalSize(500, 0).quantile([0, 0.5, 1]).tolist() == [500, 500, 500]


@few
@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 5)), min_size=1, max_size=20).filter(
        lambda rows: any(weight for _, weight in rows)
    ),
    st.floats(0, 1),
)
def test_empirical_size_is_the_weighted_list_of_sizes(rows, p):
    sizes, weights = zip(*rows, strict=True)
    all_sizes = np.repeat(sizes, weights)
    size = EmpiricalSize(sizes, weights)
    assert size.mean() == pytest.approx(all_sizes.mean(), rel=1e-12)
    assert size.quantile(p) == np.quantile(all_sizes, p, method="inverted_cdf")


def test_size_samples():
    size = EmpiricalSize([100, 2000, 300], weights=[6, 1, 3])
    draws = size.sample(100_000, seed=8)
    assert stats.chisquare(np.unique(draws, return_counts=True)[1], [60_000, 30_000, 10_000]).pvalue > 1e-3
    np.testing.assert_array_equal(size.sample(10, seed=8), draws[:10])
    assert ConstantSize(7).sample(3).tolist() == [7, 7, 7]
    assert ConstantSize(7).quantile(0.3) == 7
    assert EmpiricalSize([1, 2, 9]).mean() == 4


# ---- load over time --------------------------------------------------------------------------------------------

DIURNAL = DiurnalLoad(mean=1000, peak_to_mean=1.6, peak_at=20 * hours)
STEPS = EmpiricalLoad([0, 10, 40, 50], [5, 100, 0, 20])
LOADS = [
    ConstantLoad(40),
    DIURNAL,
    STEPS,
    EmpiricalLoad([0, 10, 40, 50], [5, 100, 0, 20], between="linear"),
    SpikeLoad(200, at=1 * hours, duration=10 * minutes, factor=5),
    SpikeLoad(DIURNAL, at=19 * hours, duration=1.5 * hours, factor=3),
    SpikeLoad(DIURNAL, at=22 * hours, duration=2 * hours, factor=0.1, period=7 * days),
    DIURNAL + ConstantLoad(100) + DiurnalLoad(50, 2, period=12 * hours, peak_at=-1 * hours),
    ConstantLoad(1) + ConstantLoad(2),
]


@pytest.mark.parametrize("load", LOADS, ids=repr)
def test_load_against_a_fine_grid(load):
    period = load.period or 60.0
    t = (np.arange(400_000) + 0.5) * period / 400_000
    rates = load.rate(t)
    assert rates.min() >= 0
    np.testing.assert_allclose(load.rate(t[::1000] - 3 * period), rates[::1000], rtol=1e-9, atol=1e-6)
    assert load.mean() == pytest.approx(rates.mean(), rel=1e-4)
    assert load.peak() == pytest.approx(rates.max(), rel=1e-4)
    assert load.peak() >= rates.max() * (1 - 1e-7)
    assert load.peak_to_mean == load.peak() / load.mean()
    for p in (0.013, 0.333, 0.77, 0.99):
        low, high = np.quantile(rates, [p - 2e-4, p + 2e-4])
        assert low * (1 - 1e-9) <= load.quantile(p) <= high * (1 + 1e-9)


@pytest.mark.parametrize("load", LOADS, ids=repr)
def test_expected_requests_are_the_integral_of_the_rate(load):
    period = load.period or 60.0
    for start, stop in [(0.1, 0.7), (0.82, 0.86), (-1.3, 0.2), (0.9, 2.45)]:
        t = (np.arange(400_000) + 0.5) / 400_000 * (stop - start) * period + start * period
        expected = load.rate(t).mean() * (stop - start) * period
        assert load.requests(start * period, stop * period) == pytest.approx(expected, rel=2e-4)
    assert load.requests(5, 5) == 0


def test_diurnal_closed_forms():
    assert DIURNAL.peak() == pytest.approx(1600)
    assert DIURNAL.rate(20 * hours) == pytest.approx(1600)
    assert DIURNAL.rate([8 * hours, 32 * hours]) == pytest.approx([400, 400])
    assert DIURNAL.quantile([0, 0.5, 1]) == pytest.approx([400, 1000, 1600])
    area, _ = integrate.quad(DIURNAL.rate, 3 * hours, 11 * hours)
    assert DIURNAL.requests(3 * hours, 11 * hours) == pytest.approx(area, rel=1e-9)
    assert DiurnalLoad(5, 2).quantile(0) == 0
    again = eval(repr(DIURNAL))
    assert again == DIURNAL
    assert hash(again) == hash(DIURNAL)


def test_two_waves_add_to_one_wave():
    a, b = DiurnalLoad(100, 1.5, peak_at=3 * hours), DiurnalLoad(100, 1.5, peak_at=9 * hours)
    assert (a + b).peak() == pytest.approx(200 + 50 * math.sqrt(2), rel=1e-7)  # a quarter of a day apart


def test_spike_with_a_known_mean():
    load = SpikeLoad(100, at=6 * hours, duration=6 * hours, factor=3)
    assert load.mean() == pytest.approx(150)
    assert load.quantile([0.75, 0.7501]).tolist() == [100, 300]
    assert load.rate([6 * hours - 1e-6, 6 * hours, 12 * hours]).tolist() == [100, 300, 100]
    rising = DiurnalLoad(100, 2, peak_at=18 * hours)
    before_peak = SpikeLoad(rising, at=10 * hours, duration=2 * hours, factor=9)
    assert before_peak.peak() == pytest.approx(9 * 100)  # the supremum, at the very end of the spike


def test_empirical_load():
    assert STEPS.period == 60
    assert STEPS.mean() == (10 * 5 + 30 * 100 + 10 * 0 + 10 * 20) / 60
    assert STEPS.rate([0, 9.9, 10, 45, 59, 60, -1]).tolist() == [5, 5, 100, 0, 20, 5, 20]
    assert STEPS.quantile([0.1, 0.25, 0.4, 0.5, 0.51]).tolist() == [0, 5, 20, 20, 100]
    linear = EmpiricalLoad([0, 10, 40, 50], [5, 100, 0, 20], between="linear")
    assert linear.rate([5, 25, 55]).tolist() == [52.5, 50, 12.5]
    assert linear.mean() == (10 * 52.5 + 30 * 50 + 10 * 10 + 10 * 12.5) / 60
    dates = pd.date_range("2014-04-10 00:04", periods=3, freq="5min")
    dated = EmpiricalLoad(dates.to_numpy(), [1, 2, 6])
    assert dated.times.tolist() == [0, 300, 600]
    assert dated.mean() == 3


@pytest.mark.parametrize("load", LOADS, ids=repr)
def test_arrivals_follow_the_load(load):
    duration = (load.period or 60.0) * 1.1
    scale = 60_000 / load.requests(0, duration)  # a load with enough requests, and not too many
    fitting = SpikeLoad(load, 0, load.period, scale, load.period) if load.period else ConstantLoad(1000)
    arrivals = fitting.arrivals(duration, seed=6)
    assert (np.diff(arrivals) >= 0).all()
    assert 0 <= arrivals[0] <= arrivals[-1] < duration
    edges = np.linspace(0, duration, 34)
    expected = np.array([fitting.requests(a, b) for a, b in pairwise(edges)])
    observed = np.histogram(arrivals, edges)[0]
    assert (observed[expected < 1e-6] == 0).all()
    seen = expected > 5
    z2 = (observed[seen] - expected[seen]) ** 2 / expected[seen]
    assert stats.chi2.sf(z2.sum(), seen.sum()) > 1e-3


def test_arrivals_are_poisson_and_reproducible():
    load = ConstantLoad(200)
    arrivals = load.arrivals(500, seed=1)
    assert stats.kstest(np.diff(arrivals) * 200, stats.expon.cdf).pvalue > 1e-3
    shorter = load.arrivals(100, seed=1)
    np.testing.assert_array_equal(shorter, arrivals[: len(shorter)])
    assert arrivals[len(shorter)] >= 100
    later = DIURNAL.arrivals(60, seed=1, start=20 * hours)
    assert later.min() >= 20 * hours
    assert later.size == pytest.approx(96_000, abs=5 * math.sqrt(96_000))
    assert ConstantLoad(0).arrivals(1e9).size == 0
    assert load.arrivals(0).size == 0


# ---- the workload as a whole -----------------------------------------------------------------------------------


def test_workload_figures():
    workload = Workload(DIURNAL, read_fraction=0.9, popularity=Zipf(10**6, 1.0), object_size=2000)
    assert workload.read_rate == pytest.approx(900)
    assert workload.write_rate == pytest.approx(100)
    assert workload.data_bytes == 2e9
    assert workload.bandwidth == 2e6
    assert workload.object_size == ConstantSize(2000)
    assert workload.at_peak().load == ConstantLoad(DIURNAL.peak())
    assert workload.at_peak().popularity == workload.popularity
    table = workload.to_frame()
    assert list(table.columns) == ["quantity", "value", "unit"]
    values = dict(zip(table["quantity"], table["value"], strict=True))
    assert values["peak rate"] == pytest.approx(1600)
    assert values["data"] == 2e9
    assert values["most popular object"] == Zipf(10**6, 1.0).pmf(0)
    assert "<table" in workload._repr_html_()
    assert "at 0x" not in repr(workload)


def test_workload_with_little_known():
    workload = Workload(5)
    assert workload.load == ConstantLoad(5)
    assert workload.write_rate == 0
    assert len(workload.to_frame()) == 5
    with pytest.raises(ValueError, match="no object_size: give"):
        _ = workload.bandwidth
    with pytest.raises(ValueError, match="no popularity: give"):
        _ = workload.data_bytes
    assert Workload(5) == Workload(5.0)


# ---- bad input -------------------------------------------------------------------------------------------------

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(0), "n is 0"),
        (lambda: Uniform(-3), "n is -3"),
        (lambda: Uniform(1.5), "n is 1.5"),
        (lambda: Uniform("9"), "n is '9'"),
        (lambda: Uniform(NAN), "n is nan"),
        (lambda: Zipf(0, 1), "n is 0"),
        (lambda: Zipf(2**60, 1), "n is 1152921504606846976"),
        (lambda: Zipf(10, -0.1), "alpha is -0.1"),
        (lambda: Zipf(10, NAN), "alpha is nan"),
        (lambda: Zipf(10, INF), "alpha is inf"),
        (lambda: HotSet(1), "n is 1"),
        (lambda: HotSet(10, 1.2), "hot_share is 1.2"),
        (lambda: HotSet(10, 20, 80), "was 0.2 meant"),
        (lambda: HotSet(10, 0.2, -0.5), "hot_requests is -0.5"),
        (lambda: HotSet(10, 0.2, NAN), "hot_requests is nan"),
        (lambda: HotSet(10, 0.001), "at least one hot"),
        (lambda: HotSet(10, 1.0), "at least one hot"),
        (lambda: HotSet(10, 0.8, 0.2), "give at least 0.8"),
        (lambda: Empirical([]), "counts has shape"),
        (lambda: Empirical([[1, 2]]), "counts has shape"),
        (lambda: Empirical([1, -2]), "counts holds -2"),
        (lambda: Empirical([1, NAN]), "counts holds nan"),
        (lambda: Empirical([0, 0]), "all 2 counts are 0"),
        (lambda: Empirical([1, 2], keys=["a"]), "one key for each"),
        (lambda: Empirical.from_trace([]), "one key or more"),
        (lambda: Empirical.from_trace([[1, 2], [3, 4]]), "one key or more"),
        (lambda: Empirical.from_trace(["a", None]), "lacks 1"),
        (lambda: Zipf(10, 1).pmf(10), "rank is 10"),
        (lambda: Zipf(10, 1).pmf([-1, 2]), "rank is -1"),
        (lambda: Zipf(10, 1).head(11), "k is 11"),
        (lambda: Zipf(10, 1).tail(-1), "k is -1"),
        (lambda: Zipf(10, 1).quantile(1.0), "u is 1.0"),
        (lambda: Zipf(10, 1).quantile([0.5, NAN]), "u is nan"),
        (lambda: Zipf(10, 1).sample(-1), "size is -1"),
        (lambda: Zipf(10, 1).sample(5, seed=-1), "seed is -1"),
        (lambda: Zipf(10, 1).groups(per_decade=0), "per_decade is 0"),
        (lambda: Empirical([1]).keys_at(1), "rank is 1"),
        (lambda: ConstantSize(0), "bytes is 0"),
        (lambda: ConstantSize(NAN), "bytes is nan"),
        (lambda: LogNormalSize(-1, 1), "median is -1"),
        (lambda: LogNormalSize(10, -1), "sigma is -1"),
        (lambda: LogNormalSize(10, 1).quantile(1.5), "p is 1.5"),
        (lambda: EmpiricalSize([]), "sizes has shape"),
        (lambda: EmpiricalSize([1, -1]), "sizes holds -1"),
        (lambda: EmpiricalSize([1, 2], [1]), "one weight for each"),
        (lambda: EmpiricalSize([1, 2], [0, 0]), "all weights are 0"),
        (lambda: ConstantLoad(-1), "requests per second is -1"),
        (lambda: ConstantLoad(NAN), "requests per second is nan"),
        (lambda: DiurnalLoad(-1, 1.5), "mean is -1"),
        (lambda: DiurnalLoad(1, 3), "peak_to_mean is 3.*below zero"),
        (lambda: DiurnalLoad(1, 0.5), "peak_to_mean is 0.5"),
        (lambda: DiurnalLoad(1, 1.5, period=0), "period is 0"),
        (lambda: DiurnalLoad(1, 1.5, peak_at=INF), "peak_at is inf"),
        (lambda: SpikeLoad(1, -1, 5, 2), "at is -1"),
        (lambda: SpikeLoad(1, 0, 5, -2), "factor is -2"),
        (lambda: SpikeLoad(1, 23 * hours, 2 * hours, 2), "after the period"),
        (lambda: SpikeLoad(DIURNAL, 0, 5, 2, period=36 * hours), "a multiple of the shorter"),
        (lambda: SpikeLoad(DIURNAL, 0, 5, 2, period=10.0), "a multiple of the shorter"),
        (lambda: SumLoad(()), "no parts"),
        (lambda: DIURNAL + STEPS + DiurnalLoad(1, 1, period=7.1), "a multiple of the shorter"),
        (lambda: EmpiricalLoad([0], [1]), "two times or more"),
        (lambda: EmpiricalLoad([0, 1], [1]), "two times or more"),
        (lambda: EmpiricalLoad([1, 0], [1, 1]), "times do not rise"),
        (lambda: EmpiricalLoad([0, NAN], [1, 1]), "times do not rise"),
        (lambda: EmpiricalLoad([0, 1], [1, NAN]), "rates holds nan"),
        (lambda: EmpiricalLoad([0, 1], [1, 1], between="cubic"), "between is 'cubic'"),
        (lambda: ConstantLoad(1).rate(NAN), "t is not finite"),
        (lambda: ConstantLoad(1).requests(5, 1), "stop is 1"),
        (lambda: ConstantLoad(1).quantile(-0.1), "p is -0.1"),
        (lambda: ConstantLoad(1).arrivals(-1), "duration is -1"),
        (lambda: Workload(NAN), "rate is nan"),
        (lambda: Workload(-5), "rate is -5"),
        (lambda: Workload(5, read_fraction=90), "was 0.9 meant"),
        (lambda: Workload(5, read_fraction=NAN), "read_fraction is nan"),
        (lambda: Workload(5, object_size=-1), "bytes is -1"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Zipf(10, "1"), "alpha is '1': give a number"),
        (lambda: Zipf(10, 1).pmf(0.5), "rank has type float64"),
        (lambda: Empirical.from_trace([0.5, 1.5]), "of type float"),
        (lambda: Empirical.from_trace(np.array([0.5])), "type float64"),
        (lambda: Empirical.from_trace([1, "a"]), "of type int, str"),
        (lambda: Empirical.from_trace([True, False]), "of type bool"),
        (lambda: Workload("100"), "rate is '100': give a number of requests per second, or a Load"),
        (lambda: Workload(5, popularity="zipf"), "give a law such as Zipf"),
        (lambda: Workload(5, object_size="1 kB"), "bytes is '1 kB': give a number"),
        (lambda: SpikeLoad(None, 0, 1, 2), "base is None: give a number or a Load"),
        (lambda: ConstantLoad(1) + 5, "unsupported operand"),
    ],
)
def test_bad_types_are_refused_in_one_sentence(make, message):
    with pytest.raises(TypeError, match=message):
        make()
