"""Durability, codes and copysets."""

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import availability as reference
from reference import copysets as slow_copysets
from scipy.linalg import expm

from scalemodel.availability import (
    LRC,
    Burst,
    ReedSolomon,
    Repair,
    Replicas,
    copyset_loss,
    durability,
    latent_errors,
    mttdl,
    simulate_copyset_loss,
    simulate_durability,
    window_loss_probability,
)
from scalemodel.latency import Exponential, Weibull
from scalemodel.placement import Copysets
from scalemodel.units import days, hours, years

PER_365_DAYS = years / (365 * days)


@pytest.mark.parametrize(
    ("code", "expected", "within"),
    [
        (Replicas(2), 1.83e6, 3e-3),
        (Replicas(3), 8.89e10, 1e-3),
        (Replicas(4), 4.87e15, 1e-3),
        (ReedSolomon(6, 3), 3.868e13, 1e-4),
        (ReedSolomon(10, 4), 1.4227e17, 1e-5),
        (ReedSolomon(17, 3), 1.006e12, 1e-4),
        (LRC(12, 2, 2), 1.93e13, 3e-3),
        (LRC(6, 2, 2), 1.62e14, 4e-3),
    ],
)
def test_mean_times_to_loss_at_two_percent_a_year_and_six_hours(code, expected, within):
    answer = durability(code, afr=0.02, repair=6 * hours)
    assert answer.mttdl / years == pytest.approx(expected, rel=within)


def test_five_copies_last_as_the_closed_form_says():
    rate, repairing = 0.02 / years, 1 / (6 * hours)
    total, time = Fraction(0), Fraction(0)
    for f in range(5):
        time = (1 + f * Fraction(repairing) * time) / ((5 - f) * Fraction(rate))
        total += time
    assert durability(Replicas(5), afr=0.02, repair=6 * hours).mttdl == pytest.approx(float(total), rel=1e-14)
    assert mttdl(Replicas(5), 0.02, 6 * hours) == pytest.approx(float(total), rel=1e-14)


def test_greenans_closed_forms():
    rate, repairing = 0.03 / years, 1 / (2 * days)
    two = (3 * rate + repairing) / (2 * rate**2)
    three = (11 * rate**2 + 4 * rate * repairing + repairing**2) / (6 * rate**3)
    raid5 = (repairing + 15 * rate) / (8 * 7 * rate**2)
    serial = Repair(2 * days, crews=1)
    assert durability(Replicas(2), afr=0.03, repair=serial).mttdl == pytest.approx(two, rel=1e-14)
    assert durability(Replicas(3), afr=0.03, repair=serial).mttdl == pytest.approx(three, rel=1e-14)
    assert durability(ReedSolomon(7, 1), afr=0.03, repair=serial).mttdl == pytest.approx(raid5, rel=1e-14)


def test_ford_mean_times_of_replicas_under_independent_failures():
    # a serial chain, 8.1345e-3 failures and 66.013 repairs a day; availability, not loss
    serial = Repair(days / 66.013, crews=1)
    for copies, expected, within in ((2, 4.99e5, 1e-3), (3, 1.35e9, 1e-3), (4, 2.75e12, 5e-3)):
        found = durability(Replicas(copies), afr=8.1345e-3 * 365.25, repair=serial)
        assert found.mttdl / days == pytest.approx(expected, rel=within)


def test_backblazes_eleven_nines_are_ten_and_a_half():
    afr = 0.00405 * PER_365_DAYS  # they count 365 days
    window, year = window_loss_probability(ReedSolomon(17, 3), afr, 6.5 * days)
    assert window == pytest.approx(1.30977e-13, rel=1e-5)
    assert year / PER_365_DAYS == pytest.approx(7.35486e-12, rel=1e-5)
    chain = durability(ReedSolomon(17, 3), afr=afr, repair=6.5 * days)
    assert chain.annual_loss_rate / PER_365_DAYS == pytest.approx(2.939e-11, rel=2e-4)
    assert chain.annual_loss_probability / PER_365_DAYS == pytest.approx(2.939e-11, rel=2e-4)
    assert chain.nines == pytest.approx(10.53, abs=0.01)
    assert chain.annual_loss_rate / year == pytest.approx(3.996, abs=0.002)


def test_pattersons_disk_array():
    # 100 data disks in groups of 10 with one parity each, 30 000 h, an hour of repair: 93 years, without his rounding
    array = durability(ReedSolomon(10, 1), afr=years / (30_000 * hours), repair=1 * hours)
    assert array.mttdl / 10 / hours == pytest.approx(30_000**2 / (11 * 10 * 10), rel=1e-3)


def test_azures_codes_decode_86_percent_of_four():
    assert (LRC(12, 2, 2).decodable[4], math.comb(16, 4)) == (1568, 1820)
    assert (LRC(6, 2, 2).decodable[4], math.comb(10, 4)) == (180, 210)


@pytest.mark.parametrize("code", [LRC(12, 2, 2), LRC(6, 2, 2), LRC(4, 2, 1), LRC(6, 3, 3), LRC(3, 3, 2), LRC(4, 1, 0)])
def test_what_local_reconstruction_codes_decode(code):
    counted = [
        sum(
            reference.local_code_survives(code.k, code.l, code.g, s)
            for s in itertools.combinations(range(code.shards), j)
        )
        for j in range(code.shards + 1)
    ]
    assert list(code.decodable) == [count for count in counted if count]
    assert code.tolerates == max(j for j, count in enumerate(counted) if count == math.comb(code.shards, j))


def test_a_local_code_is_as_durable_as_the_chain_of_all_its_sets():
    code, failing, repairing = LRC(4, 2, 1), Fraction(1, 50), Fraction(3, 2)
    rates = reference.shard_by_shard(7, lambda s: reference.local_code_survives(4, 2, 1, s), failing, repairing)
    exact = reference.mean_time(rates, frozenset(), "lost")
    found = durability(code, afr=0.02, repair=years / 1.5)
    assert found.mttdl / years == pytest.approx(float(exact), rel=1e-13)


def test_detection_bursts_and_unreadable_shards_against_fractions():
    # two copies, each good, failed unnoticed or failed and noticed; a burst; an unreadable last copy
    lam, mu, det, per_year, fails, latent = (Fraction(x) for x in ("0.1", "50", "400", "0.5", "0.25", "0.01"))
    one = 2 * lam + per_year * 2 * fails * (1 - fails)
    both = per_year * fails**2
    last = lam + per_year * fails
    rates = {
        "good": {"unnoticed": one * (1 - latent), "lost": one * latent + both},
        "unnoticed": {"noticed": det, "lost": last},
        "noticed": {"good": mu, "lost": last},
    }
    exact = float(reference.mean_time(rates, "good", "lost"))
    found = durability(
        Replicas(2),
        afr=0.1,
        repair=Repair(years / 50, detection=years / 400),
        bursts=[Burst(0.5, 0.25)],
        latent=0.01,
    )
    assert found.mttdl / years == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("repair", [6 * hours, 30 * days, 3 * years, 10.0])
def test_loss_within_a_mission_against_the_exact_roots(repair):
    # two copies: the survival is a sum of two exponentials, here in 60 digits
    with localcontext() as context:
        context.prec = 60
        lam, mu, t = Decimal("0.02") / Decimal(years), 1 / Decimal(repair), Decimal(years)
        a, b = 3 * lam + mu, 2 * lam * lam
        root = (a * a - 4 * b).sqrt()
        fast, slow = (a + root) / 2, (a - root) / 2
        loss = 1 - (fast * (-slow * t).exp() - slow * (-fast * t).exp()) / (fast - slow)
        exact = float(loss)
    found = durability(Replicas(2), afr=0.02, repair=repair)
    assert found.loss_probability(years) == pytest.approx(exact, rel=2e-13)


def test_loss_within_a_mission_without_repair_to_speak_of():
    found = durability(ReedSolomon(4, 2), afr=0.5, repair=1e9 * years)
    down = -math.expm1(-0.5)
    exact = float(reference.fewer_up(4, [down] * 6))
    assert found.loss_probability(years) == pytest.approx(exact, rel=1e-8)


def test_a_matrix_exponential_agrees_where_it_can():
    found = durability(LRC(4, 2, 1), afr=3.0, repair=20 * days)
    rates, losses, first = found._chain
    whole = np.zeros((len(losses) + 1,) * 2)
    whole[:-1, :-1], whole[:-1, -1] = rates, losses
    np.fill_diagonal(whole, -whole.sum(axis=1))
    assert found.loss_probability(years) == pytest.approx(expm(whole * years)[first, -1], rel=1e-10)


def test_a_shard_that_is_missing_costs_what_it_costs():
    whole, missing = (durability(ReedSolomon(6, 3), afr=0.02, repair=6 * hours, lost=n) for n in (0, 2))
    assert missing.annual_loss_probability > 100 * whole.annual_loss_probability
    assert missing.mttdl < whole.mttdl
    local = durability(LRC(4, 2, 1), afr=0.02, repair=6 * hours, lost=[1, 0, 0])
    assert local.annual_loss_probability > durability(LRC(4, 2, 1), afr=0.02, repair=6 * hours).annual_loss_probability


@settings(max_examples=30, deadline=None)
@given(k=st.integers(1, 8), m=st.integers(1, 4), afr=st.floats(0.001, 2), repair=st.floats(60, 1e7))
def test_more_parity_faster_repair_and_better_disks_are_safer(k, m, afr, repair):
    base = float(mttdl(ReedSolomon(k, m), afr, repair))
    assert base <= float(mttdl(ReedSolomon(k, m + 1), afr, repair))
    assert base < float(mttdl(ReedSolomon(k, m), afr, repair / 2))
    assert base < float(mttdl(ReedSolomon(k, m), afr / 2, repair))
    found = durability(ReedSolomon(k, m), afr=afr, repair=repair)
    assert found.mttdl == pytest.approx(base, rel=1e-13)
    assert 0 < found.annual_loss_probability <= 1
    assert found.loss_probability(years) <= found.loss_probability(2 * years) <= 1
    one_crew = durability(ReedSolomon(k, m), afr=afr, repair=Repair(repair, crews=1))
    assert one_crew.mttdl <= found.mttdl * (1 + 1e-13)


@pytest.mark.parametrize("serial", [False, True])
def test_simulated_lives_agree_with_the_chain(serial):
    repair = Repair(6 * hours, crews=1 if serial else None)
    exact = durability(ReedSolomon(6, 3), afr=0.02, repair=repair).loss_probability(years)
    crews = 1 if serial else None
    found = simulate_durability(
        ReedSolomon(6, 3), Exponential(50 * years), Exponential(6 * hours), crews=crews, samples=60_000, seed=3
    )
    assert abs(found.loss_probability - exact) < 4 * found.standard_error
    assert found.relative_error < 0.12


def test_simulated_wear_agrees_with_fractions_without_repair():
    # nothing is repaired: each of four has failed with probability 1 - exp(-H)
    law = Weibull(scale=10 * years, shape=1.6)
    down = -math.expm1(-((3 / 10) ** 1.6))
    exact = float(reference.fewer_up(2, [down] * 4))
    found = simulate_durability(ReedSolomon(2, 2), law, 1e6 * years, mission=3 * years, samples=60_000)
    assert abs(found.loss_probability - exact) < 4 * found.standard_error
    old = simulate_durability(ReedSolomon(2, 2), law, 1e6 * years, mission=3 * years, age=5 * years, samples=20_000)
    down = -math.expm1(-(0.8**1.6 - 0.5**1.6))
    assert abs(old.loss_probability - float(reference.fewer_up(2, [down] * 4))) < 4 * old.standard_error


def test_the_same_seed_gives_the_same_bits():
    answers = [
        simulate_durability(Replicas(2), Weibull(years, 0.7), 5 * days, samples=n, seed=7).loss_probability
        for n in (10_000, 10_000)
    ]
    assert answers[0] == answers[1]


def test_latent_errors_lie_below_the_scrub():
    assert latent_errors(1e-3, 1 * days) == pytest.approx(1e-3 / 365.25 / 2, rel=1e-5)
    assert latent_errors(1e9, years) == pytest.approx(1, abs=1e-6)
    assert latent_errors(0, days) == 0


# ---- copysets


def test_the_figures_of_the_copyset_paper():
    assert 100 * copyset_loss(5000, 50, sets=275_000).probability == pytest.approx(22.81, abs=0.005)
    assert 100 * copyset_loss(5000, 50, sets=8_300).probability == pytest.approx(0.778, abs=0.0005)
    assert 100 * copyset_loss(5000, 50).probability == pytest.approx(0.78, abs=0.005)
    assert 100 * copyset_loss(5000, 50, sets=10**7).probability == pytest.approx(99.99, abs=0.005)
    ram = copyset_loss(5000, 50, method="disjoint")
    assert ram.exact
    assert ram.sets == 1666
    assert 100 * ram.probability == pytest.approx(0.156730, abs=5e-7)
    assert 100 * copyset_loss(5000, 50, scatter_width=2).probability == pytest.approx(0.15671, abs=5e-6)


def test_stripes_on_disjoint_sets():
    for code, expected in ((ReedSolomon(6, 3), 0.0597e-2), (ReedSolomon(10, 4), 0.00544e-2)):
        assert copyset_loss(5000, 50, code, method="disjoint").probability == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("failed", [3, 5, 9])
def test_disjoint_sets_against_the_slow_twin(failed):
    exact = slow_copysets.loss_of_disjoint_sets(20, 3, failed)
    assert copyset_loss(20, failed, method="disjoint").probability == pytest.approx(float(exact), rel=1e-12)


def test_the_sets_of_a_placement_lie_within_their_bounds():
    for width, method in ((2, "permutation"), (6, "permutation"), (6, "random")):
        placement = Copysets(21, scatter_width=width, method=method, seed=1)
        sets = [frozenset(row) for row in placement.sets.tolist()]
        lost = sum(any(s <= set(down) for s in sets) for down in itertools.combinations(range(21), 4))
        exact = lost / math.comb(21, 4)
        found = copyset_loss(placement, 4)
        assert found.low * (1 - 1e-12) <= exact <= found.high * (1 + 1e-12)
        assert found.exact == (width == 2)
        sampled = simulate_copyset_loss(placement, 4, samples=4000)
        assert abs(sampled.probability - exact) < 4.5 * sampled.standard_error
        assert sampled.to_frame().probability_of_as_much.iloc[0] == pytest.approx(sampled.probability)


def test_rare_and_large_against_frequent_and_small():
    few, many = copyset_loss(5000, 50), copyset_loss(5000, 50, method="random")
    assert few.probability < many.probability
    assert few.share_lost == many.share_lost
    assert few.share_lost_if_any > many.share_lost_if_any


def test_few_chunks_use_few_sets():
    assert copyset_loss(5000, 50, method="random", chunks=1000).sets <= 1000
    tiered = copyset_loss(5000, 50, method="tiered", backup_down=0.001)
    assert tiered.probability < copyset_loss(5000, 50).probability


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 60), failed=st.integers(0, 60), copies=st.integers(1, 4))
def test_more_failures_lose_more(n, failed, copies):
    failed, copies = min(failed, n - 1), min(copies, n)
    now, then = (copyset_loss(n, f, Replicas(copies), method="disjoint").probability for f in (failed, failed + 1))
    assert 0 <= now <= then <= 1
    assert (now == 0) == (failed < copies)


# ---- bad input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LRC(12, 5, 2), "divides"),
        (lambda: LRC(12, 0, 2), "local groups"),
        (lambda: LRC(250, 2, 20), "at most"),
        (lambda: Replicas(0), "replicas"),
        (lambda: ReedSolomon(200, 100), "parity"),
        (lambda: durability(Replicas(3), afr=0.0, repair=1.0), "above 0"),
        (lambda: durability(Replicas(3), afr=-1, repair=1.0), "above 0"),
        (lambda: durability(Replicas(3), afr=float("nan"), repair=1.0), "afr"),
        (lambda: durability(Replicas(3), afr=99.9, repair=1.0), "0.999 meant"),
        (lambda: durability(Replicas(3), afr=0.02, repair=0.0), "above 0"),
        (lambda: durability(Replicas(3), afr=0.02, repair=-5.0), "above 0"),
        (lambda: durability(Replicas(3), afr=0.02, repair=1.0, latent=2.0), "share between 0 and 1"),
        (lambda: durability(Replicas(1), afr=0.02, repair=1.0, latent=0.1), "no redundancy"),
        (lambda: durability(Replicas(3), afr=0.02, repair=1.0, lost=3), "gone already"),
        (lambda: durability(Replicas(3), afr=0.02, repair=1.0, lost=[1, 1]), "1 groups"),
        (lambda: durability(LRC(60, 12, 6), afr=0.02, repair=Repair(1.0, detection=1.0)), "states"),
        (lambda: durability(Replicas(80), afr=1e-6, repair=1e-3), "1e-308"),
        (lambda: Repair(1.0, crews=0), "crews"),
        (lambda: Repair(1.0, detection=-1.0), "detection"),
        (lambda: Burst(1.0, 5.0), "0.05 meant"),
        (lambda: mttdl(Replicas(3), [0.1, -0.1], 1.0), "afr"),
        (lambda: latent_errors(1.0, 0.0), "scrub"),
        (lambda: copyset_loss(10, 11), "failed"),
        (lambda: copyset_loss(10, 3, method="tiered"), "backup_down"),
        (lambda: copyset_loss(10, 3, method="disjoint", sets=4), "disjoint"),
        (lambda: copyset_loss(10, 3, method="copy"), "method"),  # type: ignore[arg-type]
        (lambda: copyset_loss(2, 1), "shards"),
        (lambda: simulate_durability(Replicas(2), Exponential(years), 1.0, crews=2), "crews"),
        (lambda: simulate_durability(Replicas(2), Exponential(years), -1.0), "repair"),
        (lambda: durability(Replicas(3), afr=0.1, repair=1.0).loss_probability(0.0), "mission"),
    ],
)
def test_bad_numbers_are_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: durability("rs", afr=0.1, repair=1.0),
        lambda: mttdl(LRC(4, 2, 1), 0.1, 1.0),
        lambda: copyset_loss(10, 3, LRC(4, 2, 1)),
        lambda: simulate_durability(LRC(4, 2, 1), Exponential(1.0), 1.0),
        lambda: simulate_durability(Replicas(2), 50.0, 1.0),
    ],
)
def test_bad_types_are_told(call):
    with pytest.raises(TypeError, match="give"):
        call()


def test_answers_show_themselves():
    for answer in (
        durability(ReedSolomon(6, 3), afr=0.02, repair=6 * hours),
        copyset_loss(5000, 50),
        simulate_copyset_loss(Copysets(30, scatter_width=4), 5, samples=500),
    ):
        assert answer.title in answer._repr_html_().replace("&lt;", "<")
        assert answer.plot().get_xlabel()
    assert "loss" in str(simulate_durability(Replicas(2), Exponential(years), 5 * days, samples=2000))
