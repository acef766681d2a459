"""The algebra of latencies against its slow twin: subsets in fractions, sums atom by atom, many small steps."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import latency as reference

from scalemodel.latency import (
    Constant,
    Empirical,
    Exponential,
    LogNormal,
    Mixture,
    Pareto,
    Uniform,
    correlated,
    fastest,
    fit,
    hedge_curve,
    kth_of,
    learned_hedge,
    optimal_hedge,
    retry,
    shared,
    slowest,
)

few = settings(max_examples=25, deadline=None)
DEEP = np.array([0.5, 0.99, 0.9999, 0.999999])


def slowly(q: Fraction):
    """Answers at once, or at 1 s with probability q."""
    return Mixture([Constant(0.0), Constant(1.0)], weights=[float(1 - q), float(q)])


@few
@given(st.lists(st.integers(1, 99), min_size=1, max_size=7), st.data())
def test_the_kth_of_parts_that_differ_is_a_sum_over_subsets(percent, data):
    k = data.draw(st.integers(1, len(percent)))
    chances = [Fraction(p, 10**6) for p in percent]
    law = kth_of(k, [slowly(q) for q in chances])
    assert law.sf(0.5) == pytest.approx(float(reference.kth_slower(k, chances)), rel=1e-9)


@pytest.mark.parametrize("q", [Fraction(1, 3), Fraction(1, 10**4)])
def test_parts_that_share_a_node_are_not_independent(q):
    """A read from (a or b) and (a or c): a alone answers both."""
    a, b, c = (shared(slowly(q)) for _ in range(3))
    law = slowest([fastest([a, b]), fastest([a, c])])
    expected = reference.expression_slower(lambda done: done[0] or (done[1] and done[2]), [q] * 3)
    assert law.sf(0.5) == pytest.approx(float(expected), rel=1e-9)
    majority = kth_of(2, [a, fastest([a, b]), slowest([b, c])])
    expected = reference.expression_slower(lambda d: (d[0] + (d[0] or d[1]) + (d[1] and d[2])) >= 2, [q] * 3)
    assert majority.sf(0.5) == pytest.approx(float(expected), rel=1e-9)


@few
@given(
    st.lists(
        st.dictionaries(st.integers(0, 12), st.integers(1, 9), min_size=2, max_size=4),
        min_size=2,
        max_size=3,
    )
)
def test_sums_of_samples_are_exact_atom_by_atom(laws):
    fractions = [{Fraction(t): Fraction(n, sum(counts.values())) for t, n in counts.items()} for counts in laws]
    expected = reference.sum_of_atoms(*fractions)
    total = sum((Empirical(list(counts), list(counts.values())) for counts in laws[1:]), start=_empirical(laws[0]))
    times, chances = total.atoms
    assert times.tolist() == sorted(float(t) for t in expected)
    np.testing.assert_allclose(chances, [float(expected[t]) for t in sorted(expected)], rtol=1e-12)


def _empirical(counts):
    return Empirical(list(counts), list(counts.values()))


@pytest.mark.parametrize("p", DEEP.tolist())
@pytest.mark.parametrize("law", [Pareto(1.0, 1.5), LogNormal(1.0, 1.0), LogNormal(0.2, 2.0)], ids=repr)
def test_sums_of_heavy_tails_are_integrals(law, p):
    total = law + law
    t = total.quantile(p)
    assert reference.sum_slower(t, law.pdf, law.sf, law.support[0]) == pytest.approx(1 - p, rel=2e-7)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_sums_of_uniforms_are_irwin_halls(n):
    total = Uniform(0, 1) + Uniform(0, 1)
    for _ in range(n - 2):
        total = total + Uniform(0, 1)
    for t in (Fraction(1, 2), Fraction(n, 2), n - Fraction(1, 10), n - Fraction(1, 100)):
        assert total.sf(float(t)) == pytest.approx(float(reference.uniform_sum_slower(t, n)), rel=1e-7)


def test_sums_of_exponentials_of_near_rates_do_not_cancel():
    rates = [100, 101, 102, 103]
    total = sum((Exponential(1 / r) for r in rates[1:]), start=Exponential(1 / rates[0]))
    for t in (0.02, 0.1, 0.25):
        assert total.sf(t) == pytest.approx(reference.hypoexponential_slower(t, rates), rel=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_common_factor_is_an_integral_over_it(k):
    means, correlation = [1.0, 2.0, 3.0], 0.4
    law = kth_of(k, correlated([Exponential(m) for m in means], correlation))
    for t in (0.3, 2.0, 12.0):
        slower = [math.exp(-t / m) for m in means]
        expected = reference.copula_kth_slower(t, k, slower, [correlation] * 3)
        assert law.sf(t) == pytest.approx(expected, rel=1e-6)


@few
@given(st.floats(0.01, 6), st.floats(0.2, 2), st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_retries_follow_one_another(t, timeout, pauses):
    part = Exponential(0.7)
    law = retry(part, timeout, len(pauses) + 1, pauses)
    expected = reference.retried_slower(t, lambda s: float(part.sf(s)), timeout, pauses)
    edges = np.cumsum([timeout + pause for pause in pauses])
    if np.abs(t - edges).min() > 1e-9 and np.abs(t - timeout - np.append(0, edges)).min() > 1e-9:
        assert law.sf(t) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("n", [101, 1000])
def test_many_differing_parts(n):
    """Half of n answer at the median of their law; the chance of exactly that many is binomial's."""
    parts = [Exponential(1.0 + 1e-10 * i) for i in range(n)]
    from scipy import stats

    law = kth_of(n // 2 + 1, parts)
    t = np.array([0.4, 0.7, 1.0])
    np.testing.assert_allclose(law.sf(t), stats.binom.cdf(n // 2, n, -np.expm1(-t)), rtol=1e-4)
    p = law.quantile(0.9999)
    assert law.sf(p) == pytest.approx(1e-4, rel=1e-6)


def test_the_slower_of_a_constant_and_what_varies_has_a_mean():
    # max(9, U(2, 14)): 7/12 of the time 9, else the mean of U(9, 14)
    law = slowest([Constant(9.0), Uniform(2.0, 14.0)])
    assert law.mean() == pytest.approx(7 / 12 * 9 + 5 / 12 * 11.5, rel=1e-9)


def test_the_quantiles_of_an_expression_are_first_times():
    parts = [Exponential(1.0), LogNormal(1.0, 0.5), Pareto(0.2, 1.5)]
    law = kth_of(2, parts)

    def answered(t):
        return 1 - float(reference.kth_slower(2, [Fraction(float(part.sf(t))) for part in parts]))

    for p in (0.5, 0.99, 0.9999):
        assert law.quantile(p) == pytest.approx(reference.first_time(answered, p, 0.0, 1e4), rel=1e-6)


def test_the_best_hedge_within_a_budget_is_the_best_of_the_curve():
    part = Mixture([LogNormal(2.0, 0.5), LogNormal(40.0, 0.5)], weights=[0.97, 0.03])
    best = optimal_hedge(part, 0.05)
    assert best.extra_load <= 0.05 + 1e-9
    curve = hedge_curve(part, percentiles=[0.99])
    assert best.quantile(0.99) <= curve.quantiles[curve.extra_load <= 0.05, 0].min() * (1 + 1e-6)


def test_a_learnt_threshold_creeps_up_to_the_percentile_of_what_is_not_hedged():
    part = LogNormal(2.0, 1.0)
    learnt = learned_hedge(part, 0.95, start=1.0)
    assert learnt.settled
    assert (np.diff(learnt.thresholds) > 0).all()
    assert learnt.thresholds[-1] == pytest.approx(part.quantile(0.95), rel=1e-4)
    assert learnt.fixed_point.quantile(0.95) == pytest.approx(learnt.fixed_point.delay, rel=1e-5)


@pytest.mark.parametrize("law", [LogNormal(0.005, 0.8), Pareto(0.001, 2.2), Exponential(0.02)], ids=repr)
def test_a_fit_finds_the_law_it_was_drawn_from(law):
    found = fit(law.sample(20_000, seed=5))
    assert found.quantile(0.5) == pytest.approx(law.quantile(0.5), rel=0.03)
    assert found.quantile(0.99) == pytest.approx(law.quantile(0.99), rel=0.1)
