"""Failure detectors, failover budgets and tuning: against simulations, closed forms and what Akka and SWIM publish."""

import math

import matplotlib as mpl
import numpy as np
import pytest
from reference import elections as reference
from scipy import stats

from scalemodel.availability import (
    FixedTimeout,
    PhiAccrual,
    RaftElection,
    Swim,
    compare_detectors,
    election_downtime,
    exceeds,
    failover_budget,
    losses_within,
    tune_election,
)
from scalemodel.latency import Constant, Empirical, Exponential, LogNormal, Uniform
from scalemodel.units import days, ms, years

mpl.use("Agg")

# --- detectors --------------------------------------------------------------------------------------------------------


def test_a_fixed_timeout_without_chance():
    watch = FixedTimeout(1.0, 3.0, network=0.1)
    assert watch.mistake_rate == 0
    assert watch.detection.mean() == pytest.approx(3.0 - 0.5 + 0.1, abs=0.005)
    assert watch.detection.quantile([0.25, 0.75]) == pytest.approx([2.35, 2.85], abs=0.01)
    # 2.5 intervals of silence: two heartbeats in a row are lost, after one that was not
    lossy = FixedTimeout(1.0, 2.5, network=0.1, loss=0.01)
    assert lossy.mistake_rate == pytest.approx(0.99 * 0.01**2, rel=1e-12)


@pytest.mark.parametrize(("mean", "loss"), [(0.3, 0.0), (0.3, 0.1), (1.5, 0.05)])
def test_a_fixed_timeout_by_simulation(mean, loss):
    watch = FixedTimeout(1.0, 2.5, Exponential(mean), loss)
    random = np.random.default_rng(1)
    times = reference.detection_times(1.0, 2.5, lambda: random.exponential(mean), loss, random.random, 8000)
    assert watch.detection.mean() == pytest.approx(np.mean(times), abs=4 * np.std(times) / 8000**0.5 + 0.003)
    assert stats.kstest(times, watch.detection.cdf).pvalue > 1e-3
    if mean < 1:  # else heartbeats overtake each other, and fewer gaps are long: the formula is a bound
        rate = reference.mistakes(1.0, 2.5, lambda: random.exponential(mean), loss, random.random, 400_000)
        assert watch.mistake_rate == pytest.approx(rate, rel=0.1)


def test_phi_is_a_timeout():
    # a normal law of mean 1 and deviation 0.1: phi is 8 where 1e-8 is left
    assert PhiAccrual(1.0, 8.0).timeout == pytest.approx(1 + 0.1 * stats.norm.isf(1e-8))
    # Akka's formula, read the other way round
    watch = PhiAccrual(1.0, 8.0, law="akka", pause=3.0)
    y = (watch.timeout - 4.0) / 0.1
    e = math.exp(-y * (1.5976 + 0.070566 * y * y))
    assert -math.log10(e / (1 + e)) == pytest.approx(8.0)
    # Cassandra: phi = silence / mean / ln 10
    assert PhiAccrual(1.0, 8.0, law="exponential").timeout == pytest.approx(8 * math.log(10))
    # lost heartbeats widen the window's law
    assert PhiAccrual(1.0, 8.0, loss=0.05).timeout > PhiAccrual(1.0, 8.0).timeout + 0.7
    noisy = PhiAccrual(1.0, 3.0, LogNormal(0.1, 1.0), least_deviation=0.0)
    fixed = noisy.as_fixed_timeout()
    assert (fixed.mistake_rate, fixed.detection.mean()) == (noisy.mistake_rate, noisy.detection.mean())


def test_phi_adapts_and_a_fixed_timeout_does_not():
    calm, rough = Uniform(0, 0.05), Uniform(0, 2.0)
    fixed = [FixedTimeout(1.0, 1.8, law).mistakes_per_year for law in (calm, rough)]
    phi = [PhiAccrual(1.0, 8.0, law).mistakes_per_year for law in (calm, rough)]
    assert fixed[0] == phi[0] == phi[1] == 0
    assert fixed[1] > 1e6


@pytest.mark.parametrize(("members", "order"), [(12, "random"), (12, "round robin"), (2, "random"), (3, "round robin")])
def test_swim_by_simulation(members, order):
    watch = Swim(members, 1.0, 0.5, 0, suspicion=0.0, order=order)
    times = reference.swim_detection(members, np.random.default_rng(2), 8000, order == "round robin")
    assert watch.detection.mean() == pytest.approx(np.mean(times), abs=4 * np.std(times) / 8000**0.5 + 0.002)
    assert stats.kstest(times, watch.detection.cdf).pvalue > 1e-3


def test_swim_of_the_paper():
    # section 3.1: e / (e - 1) periods; the false positives of one probe with k helpers
    watch = Swim(10**6, 1.0, 0.5, 3, network=0.0, loss=0.05)
    assert watch.expected_first_probe == pytest.approx(math.e / (math.e - 1), rel=1e-5)
    assert watch.unanswered == pytest.approx((1 - 0.95**2) * (1 - 0.95**4) ** 3)
    assert watch.suspicion_time == pytest.approx(4 * 6)
    assert Swim(100, suspicion=0.0).mistake_rate == Swim(100, suspicion=0.0).suspicion_rate
    # in turn, nobody waits for longer than two rounds
    assert Swim(5, suspicion=0.0, order="round robin").detection.support[1] <= 2 * 4 + 1
    assert Swim(100, loss=0.05).mistake_rate < Swim(100, loss=0.05).suspicion_rate


def test_sooner_is_more_often_wrong():
    watches = [FixedTimeout(1.0, t, LogNormal(0.05, 1.0), 0.01) for t in (1.5, 2.5, 3.5)]
    rows = compare_detectors([*watches, Swim(50, loss=0.01)])
    assert rows.mean_ms[:3].is_monotonic_increasing
    assert rows.mistakes_per_year[:3].is_monotonic_decreasing
    assert list(rows.columns) == ["detector", "mean_ms", "p50_ms", "p99_ms", "mistakes_per_year"]
    assert "fixed timeout of 1.5 s" in str(watches[0])
    assert watches[0].plot().get_xlabel()


# --- budgets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("losses", [0.5, 3.0, 40.0, 400.0])
def test_equal_downtimes_by_poisson(losses):
    # k downtimes of 10 s exceed 10 (k - 1/2) s
    for k in (1, 4, 40, 420):
        exact = stats.poisson.sf(k - 1, losses)
        assert exceeds(Constant(10.0), losses, 10 * (k - 0.5)) == pytest.approx(exact, abs=2e-3)


def test_exponential_downtimes_by_gamma():
    exact = sum(stats.poisson.pmf(k, 5.0) * stats.gamma.sf(12.0, k, scale=2.0) for k in range(1, 60))
    assert exceeds(Exponential(2.0), 5.0, 12.0) == pytest.approx(exact, rel=5e-4)
    # downtimes far below a cell of the grid: a normal law
    many = exceeds(Exponential(0.01), 1e5, 1010.0)
    assert many == pytest.approx(stats.norm.sf(10 / (0.01 * (2e5) ** 0.5)), abs=0.01)


def test_downtimes_longer_than_the_budget():
    random = np.random.default_rng(3)
    slow = reference.compound_poisson_exceeds(lambda: random.lognormal(0, 1.5), 2.0, 6.0, random, 20_000)
    assert exceeds(LogNormal(1.0, 1.5), 2.0, 6.0) == pytest.approx(slow, abs=4 * (slow * (1 - slow) / 20_000) ** 0.5)


def test_losses_that_fit():
    down = election_downtime(RaftElection.etcd(3), 20_000)
    budget = failover_budget(down, unavailability=1e-4, losses_per_year=365)
    assert budget.losses_that_fit == pytest.approx(1e-4 * years / down.mean)
    assert budget.used == pytest.approx(365 / budget.losses_that_fit)
    assert budget.downtime_per_year == pytest.approx(365 * down.mean)
    assert budget.losses_at_risk < budget.losses_that_fit
    month = budget.losses_at_risk * budget.period / years
    assert exceeds(down.latency, month, budget.budget) == pytest.approx(0.05, abs=1e-6)
    assert budget.chance_to_miss < 1e-6
    # a leader loss a day at etcd's default timers: 1.4e-5, as measured
    assert budget.downtime_per_year / years == pytest.approx(1.4e-5, rel=0.1)
    tighter = failover_budget(down, 1e-4, 365, other=5e-5)
    assert tighter.used == pytest.approx(2 * budget.used)
    assert "4.00 nines" in str(budget)
    assert budget.to_frame().losses_that_fit[0] == budget.losses_that_fit
    assert budget.plot().get_xlabel() == "leader losses a year"
    assert failover_budget(10.0, 1e-4, 0.0).chance_to_miss == 0


def test_losses_at_a_risk():
    assert losses_within(Constant(10.0), 5.0, 0.05) == pytest.approx(-math.log(0.95), rel=1e-6)  # one is too many
    law = Empirical([1.0, 2.0, 9.0])
    rate = losses_within(law, 30.0, 0.01)
    assert exceeds(law, rate, 30.0) == pytest.approx(0.01, rel=1e-4)


# --- tuning -----------------------------------------------------------------------------------------------------------


def test_tuning_finds_the_middle():
    group = RaftElection(5, network=LogNormal(1 * ms, 0.5), disk=1 * ms)
    tuned = tune_election(
        group,
        losses_per_year=50,
        heartbeats=[20 * ms, 100 * ms],
        timeouts=[0.01, 0.05, 0.15, 0.5, 1.5, 5.0],
        stalls_per_day=20,
        stall=LogNormal(50 * ms, 1.0),
        loss=1e-4,
        trials=4000,
    )
    rows = tuned.to_frame()
    assert len(rows) == 5 + 4  # a timeout of 10 ms is below both heartbeats, 50 ms below the slower
    best = tuned.best
    assert best.heartbeat == pytest.approx(20 * ms)  # heartbeats cost nothing here
    assert 0.15 <= best.low[0] <= 1.5
    assert best.high[0] == pytest.approx(2 * best.low[0])
    assert rows.needless_per_year.iloc[0] > 20 * rows.needless_per_year.iloc[2]
    assert tuned.plot().get_ylabel() == "without a leader (s a year)"
    assert "Least downtime" in str(tuned)
    careful = RaftElection(5, network=LogNormal(1 * ms, 0.5), disk=1 * ms, pre_vote=True, check_quorum=True)
    calm = tune_election(careful, 50, [0.02], [0.05], loss=1e-4, trials=2000).to_frame()
    wild = tune_election(group, 50, [0.02], [0.05], loss=1e-4, trials=2000).to_frame()
    assert calm.needless_per_year[0] < 1e-3 * wild.needless_per_year[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FixedTimeout(1.0, 0.5), "below the heartbeat interval"),
        (lambda: FixedTimeout(0.0, 0.5), "interval"),
        (lambda: FixedTimeout(loss=1.0), "nothing ever arrives"),
        (lambda: FixedTimeout(loss=5), "was 0.05 meant"),
        (lambda: PhiAccrual(1.0, 0.1), "give a higher threshold"),
        (lambda: PhiAccrual(law="weibull"), "'akka'"),
        (lambda: Swim(1), "members"),
        (lambda: Swim(timeout=1.0), "not below the protocol period"),
        (lambda: Swim(network=0.3), "not above the round trip"),
        (lambda: Swim(order="sorted"), "'round robin'"),
        (lambda: compare_detectors([]), "no detectors"),
        (lambda: failover_budget(1.0, 99.99), "between 0 and 1"),
        (lambda: failover_budget(1.0, 0.9999), "such as 1e-4 for 99.99 %"),
        (lambda: failover_budget(0.0, 1e-4), "above 0"),
        (lambda: failover_budget(1.0, 1e-4, other=1e-3), "nothing is left"),
        (lambda: failover_budget(1.0, 1e-4, risk=0.0), "such as 0.05"),
        (lambda: failover_budget(1.0, 1e-4, -1), "losses a year"),
        (lambda: failover_budget(1.0, 1e-4, period=30 * days * 0), "period"),
        (lambda: tune_election(RaftElection.etcd(), 1, [0.1], [1.0]), "counts ticks"),
        (lambda: tune_election(RaftElection(), 1, [0.1], [0.05]), "no pair"),
        (lambda: tune_election(RaftElection(), 1, [0.1], [0.5], stalls_per_day=1), "give stall="),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
