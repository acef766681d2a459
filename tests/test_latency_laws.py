"""Every kind of latency answers alike: families against scipy, tables against the law they were made of, bad input."""

import math
import pickle

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import latency as reference
from scipy import special, stats

import scalemodel
from scalemodel.latency import (
    Constant,
    Empirical,
    Erlang,
    Exponential,
    Gamma,
    Histogram,
    Hyperexponential,
    Latency,
    LogNormal,
    Mixture,
    Pareto,
    PhaseType,
    Uniform,
    Weibull,
    common_shock,
    correlated,
    fan_out,
    fastest,
    fit,
    from_histogram,
    from_percentiles,
    hedge_curve,
    hedged,
    kth_of,
    optimal_hedge,
    p99,
    retry,
    shared,
    slowest,
    timeout,
    truncated,
)
from scalemodel.latency._kernels import families as kernels
from scalemodel.units import ms

matplotlib.use("Agg")
few = settings(max_examples=50, deadline=None)

SHARES = np.array([1e-9, 1e-4, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.999999])
TAILS = np.array([0.5, 0.1, 1e-3, 1e-6, 1e-12, 1e-18])

FAMILIES = [
    (Uniform(0.5, 2.5), stats.uniform(0.5, 2)),
    (Exponential(0.2), stats.expon(scale=0.2)),
    (Erlang(3, 3.0), stats.gamma(3)),
    (Erlang(200, 1.0), stats.gamma(200, scale=1 / 200)),
    (Gamma(0.2, 0.5), stats.gamma(0.2, scale=2.5)),
    (Gamma(7.5, 0.5), stats.gamma(7.5, scale=0.5 / 7.5)),
    (Weibull(2.0, 0.5), stats.weibull_min(0.5, scale=2)),
    (Weibull(2.0, 3.0), stats.weibull_min(3, scale=2)),
    (Pareto(0.1, 0.5), stats.pareto(0.5, scale=0.1)),
    (Pareto(0.1, 2.5), stats.pareto(2.5, scale=0.1)),
    (LogNormal(0.3, 0.5), stats.lognorm(0.5, scale=0.3)),
    (LogNormal(0.3, 3.0), stats.lognorm(3, scale=0.3)),
]
MIXED = [
    Constant(2.0),
    Mixture([Constant(1.0), Exponential(1.0)], weights=[3, 1]),
    Mixture([Uniform(0, 1), Uniform(4, 5)]),
    Hyperexponential([0.001, 1.0], weights=[0.9, 0.1]),
    PhaseType([0.7, 0.2], [[-3, 2], [1, -4]]),
    Empirical([1.0, 2.0, 2.0, 7.0]),
    Histogram([0, 1, 2, 4], [3, 0, 5]),
    from_percentiles({0.5: 1.0, 0.9: 2.0, 0.99: 10.0}),
    3 * Pareto(0.1, 1.5) + 2.0,
    kth_of(2, [Exponential(1.0), LogNormal(1.0, 0.5), Uniform(0, 3)]),
    fan_out(Mixture([Constant(1.0), Exponential(2.0)]), 50),
    Exponential(1.0) + Uniform(0, 1),
    Empirical([0.1, 0.4]) + Pareto(1.0, 1.2),
    hedged(LogNormal(1.0, 1.0), after=2.0),
    timeout(Exponential(1.0), 2.0),
    retry(Exponential(1.0), 1.0, 3, 0.5),
    truncated(LogNormal(1.0, 1.0), 0.5, 4.0),
    slowest(common_shock([Exponential(1.0)] * 3, 0.1, Constant(5.0))),
    fastest(correlated([Exponential(1.0), Uniform(0, 2)], 0.5)),
]
ALL = [law for law, _ in FAMILIES] + MIXED


# --- families -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("law", "peer"), FAMILIES, ids=lambda law: repr(law) if isinstance(law, Latency) else "")
def test_a_family_is_scipys(law, peer):
    t = np.concatenate([peer.ppf(SHARES[SHARES < 0.6]), peer.isf(TAILS)])
    rounding = 4 * law.pdf(t) * np.spacing(t)  # of a time whose share falls between two floats
    assert (np.abs(law.cdf(t) - peer.cdf(t)) <= 2e-12 * law.cdf(t) + rounding).all()
    assert (np.abs(law.sf(t) - peer.sf(t)) <= 2e-12 * law.sf(t) + rounding).all()
    np.testing.assert_allclose(law.pdf(t), peer.pdf(t), rtol=2e-12)
    np.testing.assert_allclose(law.isf(TAILS), peer.isf(TAILS), rtol=1e-11)
    np.testing.assert_allclose(law.quantile(SHARES), peer.ppf(SHARES), rtol=1e-11)
    times = law.isf(TAILS)
    rounding = law.pdf(times) * np.spacing(times)  # a share that falls between two floats
    assert (np.abs(law.sf(times) - TAILS) <= 1e-11 * TAILS + rounding).all()  # scipy's isf is not exact for all
    assert law.mean() == pytest.approx(peer.mean(), rel=1e-13)
    assert law.var() == pytest.approx(peer.var(), rel=1e-9)
    below, above = law.cdf(t), law.sf(t)
    np.testing.assert_allclose(below + above, 1, rtol=1e-14)


@pytest.mark.parametrize("shape", [0.01, 0.3, 1.0, 2.0, 11.9, 12.1, 150.0, 3e4])
def test_the_incomplete_gamma_function_keeps_both_tails(shape):
    x = np.concatenate(
        [special.gammaincinv(shape, [1e-12, 1e-3, 0.4]), special.gammainccinv(shape, [0.4, 1e-3, 1e-25])]
    )
    p, q = np.transpose([kernels.gamma_tails(float(value), shape) for value in x])
    np.testing.assert_allclose(p, special.gammainc(shape, x), rtol=1e-12)
    np.testing.assert_allclose(q, special.gammaincc(shape, x), rtol=1e-12)


def test_a_phase_type_latency_is_a_matrix_exponential():
    start = np.array([0.5, 0.2, 0.1])
    generator = np.array([[-4.0, 3, 0.5], [0.1, -2, 1], [0, 5, -6]])
    law = PhaseType(start, generator)
    for t in (0.0, 0.1, 1.0, 10.0, 30.0):
        assert law.sf(t) == pytest.approx(reference.phase_slower(t, start, generator), rel=1e-12)
    assert law.quantile(0.1) == 0.0  # 0.2 of it takes no time
    assert law.atoms[1].tolist() == pytest.approx([0.2])
    stages = PhaseType([1, 0, 0], [[-2, 2, 0], [0, -2, 2], [0, 0, -2]])
    np.testing.assert_allclose(stages.isf(TAILS), Erlang(3, 1.5).isf(TAILS), rtol=1e-13)
    assert stages.var() == pytest.approx(0.75)


def test_hyperexponentials_are_mixtures():
    law, t = Hyperexponential([0.1, 5.0], [0.8, 0.2]), np.array([0.01, 1, 100])
    np.testing.assert_allclose(law.sf(t), 0.8 * np.exp(-t / 0.1) + 0.2 * np.exp(-t / 5), rtol=1e-14)
    assert law.mean() == pytest.approx(1.08)
    assert law.var() == pytest.approx(2 * (0.8 * 0.01 + 0.2 * 25) - 1.08**2)


# --- what all of them promise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.description[:60])
def test_the_answers_of_a_latency_agree(law):
    t = np.unique(np.concatenate([law.quantile(SHARES), law.isf(TAILS[:-1]), law._knots]))
    below, above = law.cdf(t), law.sf(t)
    np.testing.assert_allclose(below + above, 1, rtol=1e-12)
    assert (np.diff(below) >= -1e-12).all()
    assert (np.diff(above) <= 1e-12).all()
    assert (below >= 0).all()
    assert (above >= 0).all()
    assert (law.pdf(t) >= 0).all()
    low, high = law.support
    assert law.cdf(np.nextafter(low, -1)) == 0
    assert law.sf(high) == 0
    assert law.quantile([0.0, 1.0]).tolist() == [low, high]
    # a quantile is the first time at which the share is reached
    for p in SHARES:
        time = law.quantile(p)
        assert law.cdf(time * (1 + 1e-12)) >= p - 1e-14
        assert law.cdf(np.nextafter(time * (1 - 1e-11), -1)) <= p + 1e-10


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.description[:60])
def test_a_table_is_the_law(law):
    table = law.on_grid()
    t = np.unique(
        np.concatenate([law.quantile(SHARES[1:]), law.isf(TAILS[:-2]), np.linspace(*law.quantile([0.01, 0.99]))])
    )
    np.testing.assert_allclose(table.sf(t), law.sf(t), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(table.cdf(t), law.cdf(t), rtol=1e-9, atol=1e-14)
    ours, laws = table.quantile(SHARES[1:]), law.quantile(SHARES[1:])
    alike = np.abs(ours - laws) <= 1e-10 * laws
    assert (alike | (np.abs(law.cdf(ours) - law.cdf(laws)) <= 1e-14)).all()  # a share may be that of a gap
    inner = t[~np.isin(t, law._knots)]
    np.testing.assert_allclose(table.pdf(inner), law.pdf(inner), rtol=1e-7, atol=1e-9)
    assert table.error < 1e-9
    np.testing.assert_allclose(np.concatenate(table.atoms), np.concatenate(law.atoms), rtol=1e-12)
    times, weights = table.quadrature()
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    if law.var() < math.inf:
        assert weights @ times == pytest.approx(law.mean(), rel=1e-9)
        mean, var = table._moments
        assert mean == pytest.approx(law.mean(), rel=1e-8)
        assert var == pytest.approx(law.var(), rel=1e-4)  # of a wide lognormal law, most comes from beyond the table


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.description[:60])
def test_draws_follow_the_law(law):
    draws = law.sample(4000, seed=3)
    np.testing.assert_allclose(law.sample(10, seed=3), draws[:10], rtol=1e-12)
    assert (law.sample(4000, seed=4) != draws).any() or law.var() == 0
    t = law.quantile([0.1, 0.5, 0.9, 0.99])
    expected = law.cdf(t)
    assert (
        np.abs((draws[:, None] <= t).mean(axis=0) - expected) <= 4 * np.sqrt(expected * (1 - expected) / 4000)
    ).all()


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.description[:60])
def test_scalars_give_scalars_and_arrays_arrays(law):
    for answer in (law.cdf, law.sf, law.pdf, law.quantile, law.isf):
        assert type(answer(0.5)) is float
        assert answer(np.full((2, 3), 0.5)).shape == (2, 3)
        assert answer(np.full((2, 3), 0.5))[1, 2] == pytest.approx(answer(0.5), rel=1e-14)
        assert answer([]).shape == (0,)
    assert type(law.mean()) is float
    assert type(law.var()) is float
    assert law.cdf(-1.0) == 0
    assert law.sf(math.inf) == 0
    assert law.cdf(1) == law.cdf(1.0)


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.description[:60])
def test_a_latency_shows_itself(law):
    frame = law.to_frame()
    assert list(frame) == ["mean_ms", "p50_ms", "p90_ms", "p99_ms", "p99.9_ms", "p99.99_ms"]
    assert frame["p99_ms"].iloc[0] == pytest.approx(1e3 * law.quantile(0.99))
    assert "p99_ms" in law._repr_html_()
    assert law.description in str(law)
    ax = law.plot(label="one")
    assert law.plot(ax, label="two") is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert "p99.9" in [tick.get_text() for tick in ax.get_yticklabels()]
    assert ax.get_xlabel()
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.description[:60])
def test_latencies_can_be_sent_to_other_processes(law):
    again = pickle.loads(pickle.dumps(law))
    np.testing.assert_array_equal(again.quantile(SHARES), law.quantile(SHARES))


def test_equal_laws_are_equal_values():
    assert Exponential(1) == Exponential(1.0)
    assert hash(LogNormal(1, 2)) == hash(LogNormal(1.0, 2.0))
    assert Erlang(2, 1.0) != Gamma(2, 1.0)
    assert Mixture([Exponential(1.0)]) == Mixture([Exponential(1.0)], [7])
    assert kth_of(1, [Exponential(1.0), Exponential(2.0)]) == kth_of(1, [Exponential(1.0), Exponential(2.0)])
    assert repr(Gamma(2, mean=0.5)) == "Gamma(shape=2.0, mean=0.5)"
    assert scalemodel.latency.Exponential is Exponential


def test_a_share_that_is_not_quite_representable_counts_as_reached():
    two = Mixture([Constant(1.0), Constant(2.0)], weights=[0.9, 0.1])
    assert two.quantile([0.9, 0.9 + 1e-12]).tolist() == [1.0, 2.0]
    assert two.isf([0.1, 0.1 - 1e-12]).tolist() == [1.0, 2.0]
    ten = Empirical(np.arange(1.0, 11.0))
    assert ten.quantile(np.arange(1, 11) / 10).tolist() == list(range(1, 11))
    assert (ten + 1.0).quantile(0.3) == 4.0
    assert kth_of(1, [two, Constant(9.0)]).quantile(0.9) == 1.0


@few
@given(
    st.lists(st.floats(0.01, 10), min_size=1, max_size=4),
    st.floats(0, 1),
    st.floats(0.001, 100),
    st.floats(0, 100),
)
def test_affine_laws_follow(means, p, factor, shift):
    law = Hyperexponential(means)
    moved = factor * law + shift
    assert moved.quantile(p) == pytest.approx(factor * law.quantile(p) + shift, rel=1e-12)
    assert moved.mean() == pytest.approx(factor * law.mean() + shift)
    assert moved.var() == pytest.approx(factor**2 * law.var())
    assert (moved / factor).quantile(0.5) == pytest.approx(law.quantile(0.5) + shift / factor)
    t = law.quantile(0.9)
    assert moved.sf(factor * t + shift) == pytest.approx(law.sf(t), rel=1e-8)


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Constant(-1), "constant latency is -1: give a finite number of 0 or more in seconds"),
        (lambda: Constant(math.nan), "constant latency is nan"),
        (lambda: Exponential(0), "the mean is 0: give a number above 0"),
        (lambda: Exponential(math.inf), "the mean is inf: give a finite number"),
        (lambda: Uniform(2, 1), "give a `high` above `low`"),
        (lambda: Uniform(-1, 1), "low is -1"),
        (lambda: Erlang(1.5, 1), "number of stages, is 1.5: give a whole number"),
        (lambda: Gamma(-1, 1), "the shape is -1"),
        (lambda: Weibull(1, 0), "the shape is 0"),
        (lambda: Pareto(0, 1), "the scale is 0"),
        (lambda: LogNormal(1, 0), "sigma is 0"),
        (lambda: LogNormal(1, 30), "give at most 20"),
        (lambda: Mixture([]), "a mixture has no parts"),
        (lambda: Mixture([Constant(1)], [1, 2]), "1 parts came with 2 weights"),
        (lambda: Mixture([Constant(1)], [-1]), "holds -1"),
        (lambda: Mixture([Constant(1)], [0]), "all weights of a mixture are 0"),
        (lambda: Hyperexponential([1, -1]), "the mean is -1"),
        (lambda: PhaseType([1, 0], [[-1]]), "2 phases came with a generator of shape"),
        (lambda: PhaseType([2], [[-1]]), "adds up to 2"),
        (lambda: PhaseType([1], [[1]]), "wrong sign"),
        (lambda: PhaseType([1, 0], [[-1, 2], [0, -1]]), "adds up to more than 0"),
        (lambda: PhaseType([1, 0], [[-1, 1], [1, -1]]), "never left for good"),
        (lambda: Empirical([]), "give one number or more"),
        (lambda: Empirical([1.0]), "the sample holds one latency: give two or more"),
        (lambda: Empirical([1.0, -2.0]), "holds -2"),
        (lambda: Empirical([1.0, math.nan]), "holds nan"),
        (lambda: Empirical([1.0, 2.0], [1]), "one for each"),
        (lambda: Histogram([0, 1], [1, 2]), "2 counts came with 2 edges"),
        (lambda: Histogram([0, 2, 1], [1, 2]), "do not rise"),
        (lambda: Histogram([0, 1, 2], [0, 0]), "all counts of the histogram are 0"),
        (lambda: Histogram([-1, 1], [1]), "holds -1"),
        (lambda: Histogram([0, math.inf], [1]), "overflow bucket only"),
        (lambda: from_histogram([1, 2], [5, 4], cumulative=True), "cumulative histogram fall"),
        (lambda: from_histogram([1, 2], [5], cumulative=True), "one for each"),
        (lambda: from_percentiles({0.5: 1}), "fewer than two percentiles"),
        (lambda: from_percentiles({0.5: 1, 99: 2}), "a percentile is at 99.*was 0.99 meant"),
        (lambda: from_percentiles({0.0: 1, 0.9: 2}), "a percentile is at 0"),
        (lambda: from_percentiles({0.5: 0.002, 0.9: 0.001}), "p50 is 2 ms and p90 is 1 ms: a higher percentile"),
        (lambda: from_percentiles({0.5: 0.0, 0.9: 0.001}), "a percentile is 0 s"),
        (lambda: kth_of(0, [Constant(1)]), "k, of 1 parts, is 0: give a whole number from 1 to 1"),
        (lambda: kth_of(3, [Constant(1)] * 2), "is 3: give a whole number from 1 to 2"),
        (lambda: fastest([]), "kth_of has no parts"),
        (lambda: fan_out(Constant(1), 0), "requests of a fan-out, is 0"),
        (lambda: Constant(1) + -1, "what is added to a latency is -1"),
        (lambda: Constant(1) + math.nan, "what is added to a latency is nan"),
        (lambda: -2 * Constant(1), "the factor of a latency is -2"),
        (lambda: Constant(1) / 0, "the divisor of a latency is 0"),
        (lambda: hedged(Constant(1), after=-1), "the delay of a hedge is -1"),
        (lambda: hedged(Constant(1), after=math.nan), "the delay of a hedge is nan"),
        (lambda: hedged(Constant(1), after="soon"), "the delay is 'soon'"),
        (lambda: hedged(Constant(1), after=1, cancel="yes"), "cancel is 'yes'"),
        (lambda: optimal_hedge(Constant(1), -0.1), "the budget of a hedge is -0.1"),
        (lambda: hedge_curve(Constant(1), percentiles=[99]), "a percentile is 99"),
        (lambda: timeout(Constant(1), 0), "the timeout is 0"),
        (lambda: retry(Constant(1), 1, 3, [0.1]), "3 attempts came with 1 pauses"),
        (lambda: retry(Constant(1), 1, 0), "the number of attempts is 0"),
        (lambda: retry(Constant(1), 1, 2, -1), "the backoff is -1"),
        (lambda: truncated(Uniform(0, 1), 2, 3), "nothing is left"),
        (lambda: truncated(Uniform(0, 1), 1, 0.5), "give a `high` above `low`"),
        (lambda: correlated([Constant(1)], 1.0), "the correlation is 1.0"),
        (lambda: correlated([Constant(1)], [0.1, 0.2]), "1 parts came with 2 correlations"),
        (lambda: correlated([shared(Constant(1))], 0.1), "holds a shared latency"),
        (lambda: shared(shared(Constant(1)) + Exponential(1)), "holds a shared latency"),
        (lambda: retry(shared(Exponential(1)), 1), "holds a shared latency"),
        (lambda: truncated(shared(Exponential(1)), 1), "holds a shared latency"),
        (lambda: common_shock([Constant(1)], 1.5, Constant(1)), "the probability of the shock is 1.5"),
        (lambda: fit([1.0] * 5), "there are 5 samples to fit"),
        (lambda: fit([1.0] * 50), "all samples are the same"),
        (lambda: fit(np.arange(50.0), "normal"), "there is no family 'normal' to fit: did you mean 'lognormal'"),
        (lambda: fit(np.arange(50.0), "pareto"), "latency of 0 does not fit pareto"),
        (lambda: Constant(1).cdf(math.nan), "not a number"),
        (lambda: Constant(1).quantile(99), "p is 99"),
        (lambda: Constant(1).quantile([0.5, -0.1]), "p is -0.1"),
        (lambda: Constant(1).isf(math.nan), "q is nan"),
        (lambda: Constant(1).sample(-1), "size is -1"),
        (lambda: Constant(1).sample(1, seed=-1), "seed is -1"),
    ],
)
def test_a_wrong_value_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Constant(1) + "x", "a latency and 'x' were added: add a latency or a number of seconds"),
        (lambda: "x" + Constant(1), "a latency and 'x' were added"),
        (lambda: Constant(1) + None, "a latency and None were added"),
        (lambda: Constant(1) + True, "a latency and True were added"),
        (lambda: Constant(1) * Constant(1), "multiplied by a latency"),
        (lambda: Constant(1) / Constant(1), "divided by a latency"),
        (lambda: Constant(1) * "x", "the factor of a latency is 'x'"),
        (lambda: Constant("1"), "a constant latency is '1': give a number"),
        (lambda: Mixture(Constant(1)), "the parts of a mixture came as Constant: give a list"),
        (lambda: Mixture([1.0]), "a part of a mixture is 1.0"),
        (lambda: kth_of(1, 5), "the parts of kth_of came as int"),
        (lambda: hedged(5, after=1), "a part of hedged is 5"),
        (lambda: hedged(Constant(1), after=None), "the delay of a hedge is None"),
        (lambda: from_percentiles([1, 2]), "the percentiles came as list"),
        (lambda: shared(3), "a part of shared is 3"),
        (lambda: timeout(Constant(1), p99), "the timeout is Percentile"),
    ],
)
def test_a_wrong_type_is_named(build, message):
    with pytest.raises(TypeError, match=message):
        build()


def test_expressions_cannot_contain_themselves():
    """Latencies are made from finished ones and never change: there is no way to write a cycle."""
    parts = [Exponential(1 * ms)]
    law = Mixture(parts)
    parts.append(law)
    assert law.parts == (Exponential(1 * ms),)
    with pytest.raises(AttributeError):
        law.parts = (law,)
