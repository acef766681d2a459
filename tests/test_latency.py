"""Latencies against scipy, closed forms and published figures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scalemodel.latency import (
    Constant,
    Erlang,
    Exponential,
    Gamma,
    LogNormal,
    Mixture,
    Pareto,
    Uniform,
    Weibull,
    fan_out,
    fastest,
    hedged,
    kth_of,
    slowest,
)
from scalemodel.units import ms

DEEP = [0.5, 0.9, 0.99, 0.999, 0.9999]

FAMILIES = [
    (Exponential(2.0), stats.expon(scale=2.0)),
    (Uniform(1.0, 3.0), stats.uniform(1.0, 2.0)),
    (Erlang(3, 3.0), stats.gamma(3, scale=1.0)),
    (Gamma(2.5, 5.0), stats.gamma(2.5, scale=2.0)),
    (Weibull(2.0, 0.7), stats.weibull_min(0.7, scale=2.0)),
    (Pareto(1.05, 1.51), stats.pareto(1.51, scale=1.05)),
    (LogNormal(2.0, 0.8), stats.lognorm(0.8, scale=2.0)),
]


@pytest.mark.parametrize(("ours", "scipys"), FAMILIES, ids=lambda law: type(law).__name__)
def test_families_are_scipys(ours, scipys):
    t = scipys.ppf([0.001, 0.3, 0.9, 0.9999])
    assert ours.cdf(t) == pytest.approx(scipys.cdf(t), rel=1e-12)
    assert ours.sf(t) == pytest.approx(scipys.sf(t), rel=1e-12)
    assert ours.pdf(t) == pytest.approx(scipys.pdf(t), rel=1e-11)
    assert ours.quantile(DEEP) == pytest.approx(scipys.ppf(DEEP), rel=1e-10)
    assert ours.mean() == pytest.approx(scipys.mean(), rel=1e-12)


def test_the_tail_keeps_its_digits():
    assert Exponential(1.0).sf(600.0) == pytest.approx(math.exp(-600), rel=1e-11)
    assert kth_of(2, [Exponential(1.0)] * 3).sf(300.0) == pytest.approx(3 * math.exp(-600), rel=1e-11)


def test_sums_of_exponentials_are_erlang_and_hypoexponential():
    erlang = Exponential(1.0) + Exponential(1.0) + Exponential(1.0)
    assert erlang.quantile(DEEP) == pytest.approx(stats.gamma(3).ppf(DEEP), rel=1e-6)
    assert erlang.quantile(0.99) == pytest.approx(8.4059, abs=5e-5)
    both = Exponential(1.0) + Exponential(3.0)
    t = np.array([0.5, 5.0, 20.0, 40.0])
    assert both.sf(t) == pytest.approx((3 * np.exp(-t / 3) - np.exp(-t)) / 2, rel=1e-6)


def test_a_sum_with_an_infinite_variance():
    """The sum of two uniform-and-Pareto: by quadrature of the closed forms."""
    pareto, width = stats.pareto(1.5), 2.0
    t = np.array([2.5, 10.0, 1e3, 1e5])
    nodes, weights = np.polynomial.legendre.leggauss(60)
    inner = t[:, None] - width * (1 + nodes) / 2
    expected = (pareto.sf(np.maximum(inner, 1.0)) * weights / 2).sum(axis=1)
    ours = Pareto(1.0, 1.5) + Uniform(0.0, width)
    assert ours.sf(t)[1:] == pytest.approx(expected[1:], rel=1e-6)


def test_shifts_and_scales():
    moved = 2 * LogNormal(1 * ms, 0.5) + 3 * ms
    assert moved.quantile(DEEP) == pytest.approx(2 * LogNormal(1 * ms, 0.5).quantile(DEEP) + 3 * ms, rel=1e-9)
    assert (Constant(1.0) + Constant(2.0)).quantile(0.5) == pytest.approx(3.0)


def test_order_statistics_of_exponentials_are_sums_of_spacings():
    """Renyi: the k-th of n is a sum of exponentials of means 1/n, 1/(n-1), …; its mean adds them up."""
    third = kth_of(3, [Exponential(1.0)] * 5)
    assert third.quantile(0.99) == pytest.approx(2.2477, abs=5e-5)
    assert third.mean() == pytest.approx(1 / 5 + 1 / 4 + 1 / 3, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6), st.floats(0.01, 20))
def test_kth_of_differing_parts_counts_the_subsets(means, t):
    parts = [Exponential(mean) for mean in means]
    done = [float(part.cdf(t)) for part in parts]
    law = np.zeros(len(parts) + 1)
    for subset in range(2 ** len(parts)):
        answered = [bool(subset >> i & 1) for i in range(len(parts))]
        law[sum(answered)] += math.prod(p if a else 1 - p for p, a in zip(done, answered, strict=True))
    for k in range(1, len(parts) + 1):
        assert kth_of(k, parts).cdf(t) == pytest.approx(law[k:].sum(), rel=1e-9)
    assert fastest(parts).sf(t) == pytest.approx(law[0], rel=1e-9)
    assert slowest(parts).cdf(t) == pytest.approx(law[-1], rel=1e-9)


def test_figures_of_the_tail_at_scale():
    """Dean and Barroso (2013): one slow answer in a hundred, and in ten thousand."""
    slow = Mixture([Constant(10 * ms), Constant(1.0)], weights=[0.99, 0.01])
    assert fan_out(slow, 100).sf(0.5) == pytest.approx(0.633968, abs=5e-7)
    rare = Mixture([Constant(10 * ms), Constant(1.0)], weights=[0.9999, 0.0001])
    assert fan_out(rare, 2000).sf(0.5) == pytest.approx(0.181277, abs=5e-7)


def test_pareto_minima_are_pareto():
    assert fastest([Pareto(1.0, 1.2), Pareto(1.0, 2.3)]).quantile(DEEP) == pytest.approx(
        Pareto(1.0, 3.5).quantile(DEEP), rel=1e-9
    )


def yammer_read():
    """Riak at Yammer (Bailis et al., VLDB 2012): read and response legs, one way, milliseconds."""
    return Mixture([Pareto(1.5 * ms, 3.8), Exponential(1 / 0.0217 * ms)], weights=[0.982, 0.018])


SEND_AND_WAIT = {
    (1, 1): 168.19, (2, 1): 11.05, (3, 1): 5.597, (4, 1): 4.826, (5, 1): 4.452,
    (2, 2): 200.39, (3, 2): 32.95, (4, 2): 6.470, (5, 2): 5.301,
    (3, 3): 219.23, (4, 3): 48.90, (5, 3): 7.412,
    (4, 4): 232.59, (5, 4): 60.70, (5, 5): 242.96,
}  # fmt: skip
"""Send to n, wait for k: exact p99.9 in milliseconds, of which Bailis's blog shows samples."""


@pytest.mark.parametrize(("n", "k"), SEND_AND_WAIT)
def test_sending_to_more_replicas_than_one_waits_for(n, k):
    leg = yammer_read() + yammer_read()
    assert 1e3 * kth_of(k, [leg] * n).quantile(0.999) == pytest.approx(SEND_AND_WAIT[n, k], rel=1.5e-4)


def test_bailis_hedge_counts_the_delay():
    """Sent again after 8 ms: the blog's 11.0 ms forgets the delay."""
    twice = hedged(yammer_read() + yammer_read(), after=8 * ms)
    assert 1e3 * twice.quantile(0.999) == pytest.approx(16.712, abs=5e-4)
    assert twice.extra_load == pytest.approx(0.042117, abs=5e-7)


def test_a_hedge_after_a_delay():
    """The second request starts late: P(T > t) = S(t) S(t - d), and a share S(d) is sent twice."""
    leg = Exponential(10 * ms)
    twice = hedged(leg, after=8 * ms)
    t = 20 * ms
    assert twice.sf(t) == pytest.approx(leg.sf(t) * leg.sf(t - 8 * ms), rel=1e-9)
    assert twice.extra_load == pytest.approx(leg.sf(8 * ms), rel=1e-9)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Exponential(-1.0), ValueError, "-1"),
        (lambda: Constant(float("nan")), ValueError, "nan"),
        (lambda: Exponential(1.0) + "a", TypeError, "'a' were added: add a latency or a number of seconds"),
        (lambda: kth_of(3, [Exponential(1.0)] * 2), ValueError, "3"),
        (lambda: kth_of(1, []), ValueError, "no parts"),
        (lambda: hedged(Exponential(1.0), after=-1.0), ValueError, "-1"),
        (lambda: Exponential(1.0).quantile(1.5), ValueError, "1.5"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, error, says):
    with pytest.raises(error, match=r"give|add") as refused:  # what to do
        make()
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
