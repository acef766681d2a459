"""Freshness and what follows behind the cache: against twins, event by event, and closed forms."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import cache as reference

from scalemodel.cache import (
    STRATEGIES,
    Trace,
    cache_cost,
    compare_freshness,
    delayed_hits,
    expiry_wave,
    freshness,
    front_cache,
    irm_trace,
    miss_ratio_curve,
    origin_load,
    simulate,
    stampede,
    warm_up,
)
from scalemodel.latency import Constant, Exponential
from scalemodel.workload import Uniform, Zipf

# --- freshness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_strategy_is_its_twin(strategy, data):
    n = data.draw(st.integers(1, 80))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    ids = np.minimum(rng.geometric(0.2, n), 12)
    times = np.cumsum(rng.integers(0, 4, n)).astype(float)
    sizes = rng.integers(1, 6, n) if data.draw(st.booleans()) else None
    ttl = data.draw(st.sampled_from([math.inf, 3.0, 12.0]))
    flush = data.draw(st.sampled_from([math.inf, 5.0])) if strategy == "write-back" else math.inf
    trace = Trace(ids, sizes, times, rng.random(n) < 0.4)
    capacity = data.draw(st.integers(5, 20)) if sizes is not None else data.draw(st.integers(1, 10))
    by = "objects" if sizes is None else "bytes"
    result = freshness(trace, capacity, strategy, by, ttl=ttl, flush_after=flush)
    counts, age, lost = reference.freshness(
        strategy, capacity, trace.ids.tolist(), trace.writes.tolist(), times.tolist(),
        [1] * n if sizes is None else sizes.tolist(), ttl, flush,
    )  # fmt: skip
    reads, hits, stale, origin_reads, origin_writes, most, at_end, expired = counts
    assert (result.reads, result.writes) == (reads, n - reads)
    assert (result.hits, result.stale_hits, result.origin_reads) == (hits, stale, origin_reads)
    assert (result.origin_writes, result.expired) == (origin_writes, expired)
    assert (result.lost_most, result.lost_at_end) == (most, at_end)
    assert result.mean_age == pytest.approx(age / max(hits, 1))
    assert result.lost_mean == pytest.approx(lost / n)


def mixed(rate_read, rate_write, n, seed):
    """Reads and writes of one object, two Poisson processes."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(1 / (rate_read + rate_write), n))
    return Trace(np.zeros(n, np.int64), times=times, writes=rng.random(n) < rate_write / (rate_read + rate_write))


def test_invalidation_and_expiry_have_their_closed_forms():
    L, M, T = 2.0, 0.5, 3.0
    runs = [mixed(L, M, 60_000, seed) for seed in range(6)]

    def check(expected, values):
        assert abs(np.mean(values) - expected) < 4.5 * np.std(values, ddof=1) / np.sqrt(len(values))

    check(L / (L + M), [freshness(run, 1).hit_ratio for run in runs])
    check(1 - (1 - math.exp(-M * T)) / (M * T), [freshness(run, 1, "write-around", ttl=T).stale_share for run in runs])
    check(T / 2, [freshness(run, 1, "write-around", ttl=T).mean_age for run in runs])
    check(L * T / (1 + L * T), [freshness(run, 1, "write-around", ttl=T).hit_ratio for run in runs])
    life = (1 - math.exp(-M * T)) / M
    check(L * life / (1 + L * life), [freshness(run, 1, "cache-aside", ttl=T).hit_ratio for run in runs])


def test_strategies_differ_as_they_should():
    plain = irm_trace(Zipf(2000, 0.9), 60_000, rate=100, seed=1)
    writes = np.random.default_rng(1).random(60_000) < 0.2
    trace = Trace(plain.ids, times=plain.times, writes=writes)
    table = compare_freshness(trace, 300).set_index("strategy")
    assert table.loc["cache-aside", "stale_hits"] == table.loc["write-through", "stale_hits"] == 0
    assert table.loc["write-around", "stale_hits"] > 0
    assert table.loc["write-through", "hits"] > table.loc["cache-aside", "hits"]
    assert table.loc["write-back", "origin_writes"] < writes.sum() == table.loc["write-through", "origin_writes"]
    assert table.loc["write-back", "lost_at_end"] > 0 == table.loc["write-through", "lost_most"]
    flushed = freshness(trace, 300, "write-back", flush_after=10.0)
    assert flushed.lost_mean < table.loc["write-back", "lost_mean"]
    assert flushed.origin_writes > table.loc["write-back", "origin_writes"]
    reads_only = Trace(plain.ids, writes=np.zeros(60_000, bool))
    assert freshness(reads_only, 300).hits == simulate(plain, "lru", 300).hits
    assert "stale" in freshness(trace, 300).title


# --- the origin -------------------------------------------------------------------------------------------------------


def test_reads_mix_hits_and_misses():
    origin = origin_load(0.1, 5000, 1000, 0.001)  # M/M/1 at a half
    reads = origin.read_latency(Constant(0.001), Exponential(0.02))
    assert reads.mean() == pytest.approx(0.001 + 0.1 * (0.02 + 0.5 / 500))
    rng = np.random.default_rng(0)
    n = 400_000
    behind = rng.exponential(0.02, n) + np.where(rng.random(n) < 0.5, rng.exponential(1 / 500, n), 0)
    drawn = 0.001 + np.where(rng.random(n) < 0.1, behind, 0)
    for p in (0.95, 0.99, 0.999):
        assert reads.quantile(p) == pytest.approx(np.quantile(drawn, p), rel=0.05)
    assert origin_load(0, 5000, 1000, 0.001).read_latency(Constant(0.001), Exponential(9)).quantile(0.99) == 0.001


def test_the_origin_waits_as_queueing_theory_says():
    one = origin_load(0.02, 40_000, 1000, 0.001)  # M/M/1 at 0.8
    assert one.utilisation == pytest.approx(0.8)
    assert one.mean_wait == pytest.approx(0.8 / (1000 - 800))
    assert one.wait.quantile(0.99) == pytest.approx(math.log(0.8 / 0.01) / 200)
    assert one.wait.quantile(0.1) == 0.0
    assert origin_load(0.02, 40_000, 1000, 0.001, cv2=0).mean_wait == pytest.approx(one.mean_wait / 2)
    many = origin_load(0.02, 40_000, 1000, 0.010)  # 10 servers, a = 8: Erlang C is 0.409180
    assert many.mean_wait == pytest.approx(0.409180 / 200, rel=1e-5)
    assert origin_load(0.04, 40_000, 1000, 0.001).mean_wait == math.inf
    assert origin_load(0.04, 40_000, 1000, 0.001).to_frame()["p99_wait_ms"][0] == math.inf
    assert one.knee == 0.025
    assert origin_load(simulate(Trace([1, 2, 1, 1]), "lru", 2), 10, 100, 0.01).origin_rate == 5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 20))
def test_delayed_hits_event_by_event(seed, fetch):
    rng = np.random.default_rng(seed)
    trace = Trace(rng.integers(0, 8, 60), times=np.cumsum(rng.exponential(1, 60)))
    result = simulate(trace, "fifo", 4)
    ready, counts, waited = {}, [0, 0, 0], 0.0
    for o, now, hit in zip(trace.ids.tolist(), trace.times, result.hit, strict=True):
        if now < ready.get(o, -math.inf):
            counts[2] += 1
            waited += ready[o] - now
        elif hit:
            counts[1] += 1
        else:
            counts[0] += 1
            ready[o] = now + fetch
            waited += fetch
    told = delayed_hits(result, fetch)
    assert [told.fetches, told.hits, told.delayed] == counts
    assert told.mean_wait == pytest.approx(waited / 60)
    assert told.origin_requests_without_collapsing == counts[0] + counts[2]


# --- stampedes --------------------------------------------------------------------------------------------------------


def cycle(rate, ttl, fetch, beta, rng):
    """One life of a copy under XFetch; returns how often it is made anew, whether it expired first, and the lead."""
    now, made, end = 0.0, 0, math.inf
    lead, expired = 0.0, True
    while now < end:
        now += rng.exponential(1 / rate)
        if now >= end:
            break
        left = ttl - now
        if left <= 0 or -fetch * beta * math.log(1 - rng.random()) >= left:
            if made == 0:
                end = now + fetch
                expired, lead = left <= 0, max(left, 0.0)
            made += 1
    return made, expired, lead


@pytest.mark.parametrize(("rate", "beta"), [(20.0, 1.0), (2.0, 1.0), (20.0, 2.0), (0.3, 1.0)])
def test_xfetch_against_replays(rate, beta):
    rng = np.random.default_rng(int(rate * 10 + beta))
    runs = np.array([cycle(rate, 10.0, 0.5, beta, rng) for _ in range(3000)], float)
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    told = stampede(rate, 10.0, 0.5, "xfetch", beta)
    for value, mean, noise in zip((told.regenerations, told.expires, told.lead), runs.mean(axis=0), error, strict=True):
        assert abs(value - mean) < 4 * noise + 1e-4


def test_stampedes_have_their_closed_forms():
    rng = np.random.default_rng(0)
    plain = np.array([1 + rng.poisson(20 * 0.5) for _ in range(4000)])
    told = stampede(20, 10, 0.5)
    assert abs(told.regenerations - plain.mean()) < 4 * plain.std() / np.sqrt(len(plain))
    assert (told.regenerations, stampede(20, 10, 0.5, "lock").regenerations) == (11, 1)
    assert stampede(20, 10, 0.5, "lock").waiting == 11
    lease = stampede(20, 10, 0.5, "lease")
    assert (lease.regenerations, lease.waiting, lease.stale) == (1, 1, 10)
    hot = stampede(10_000, 3600, 0.1, "xfetch")
    assert hot.lead == pytest.approx(0.1 * (math.log(10_000 * 0.1) + 0.5772), rel=0.01)
    assert hot.expires < 1e-100


def test_a_wave_of_expiries():
    rng = np.random.default_rng(1)
    at = rng.uniform(270, 300, 200_000) + rng.exponential(1 / 2, 200_000)
    peak = np.histogram(at, bins=np.arange(265, 330, 0.5))[0].max() / 0.5
    assert expiry_wave(200_000, 2.0, 300, 0.1) == pytest.approx(peak, rel=0.06)
    assert expiry_wave(1000, 2.0, 300) == 2000
    assert expiry_wave(1000, 2.0, 300, 1e-12) == pytest.approx(2000)


# --- cold start -------------------------------------------------------------------------------------------------------


def test_warming_up_against_replays():
    law, rate, size = Zipf(20_000, 0.9), 1000.0, 2000
    told = warm_up(law, rate, size)
    hits = np.zeros(40)
    for seed in range(4):
        hit = simulate(irm_trace(law, 40_000, seed=seed), "lru", size).hit
        hits += hit.reshape(40, 1000).mean(axis=1) / 4
    expected = [told.hit_ratio(np.linspace(second, second + 1, 21)).mean() for second in range(40)]
    assert np.abs(hits - expected).max() < 0.03
    assert hits[-10:].mean() == pytest.approx(told.steady_hit_ratio, abs=0.01)
    filled = np.argmax(np.cumsum(simulate(irm_trace(law, 40_000), "lru", size).hit == 0) == size) / rate
    assert told.fill_time == pytest.approx(filled, rel=0.05)
    assert told.hit_ratio(told.time_to(0.8)) == pytest.approx(0.8 * told.steady_hit_ratio)
    assert told.peak_origin_factor == pytest.approx(1 / (1 - told.steady_hit_ratio))


def test_a_part_that_is_lost_costs_its_part():
    whole, part = (warm_up(Zipf(10_000, 1.0), 500, 1000, lost) for lost in (1.0, 0.25))
    assert part.hit_ratio(0.0) == pytest.approx(0.75 * whole.steady_hit_ratio)
    assert part.extra_requests == pytest.approx(0.25 * whole.extra_requests)
    assert whole.extra_requests == pytest.approx(1000, rel=1e-6)
    assert warm_up(Zipf(100, 1.0), 500, 1000).steady_hit_ratio == pytest.approx(1.0)
    assert warm_up(Zipf(10_000, 1.0), 500, 1000, 0.05).time_to(0.9) == 0.0
    assert whole.to_frame()["hit_ratio"].is_monotonic_increasing
    assert whole.plot().get_ylabel() == "origin requests/s"
    plt.close("all")


# --- a small cache in front -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [10, 100])
def test_a_front_cache_bounds_the_busiest_node(nodes):
    told = front_cache(nodes, keys=10**5)
    rng = np.random.default_rng(nodes)
    worst = 0.0
    for asked in np.unique(np.geomspace(told.entries + 1, 10**5, 12).astype(int)):
        behind = int(asked) - told.entries
        peaks = [np.bincount(rng.integers(0, nodes, behind), minlength=nodes).max() for _ in range(30)]
        worst = max(worst, np.mean(peaks) * nodes / asked)
    assert worst <= 1.1 * told.peak_to_mean
    assert told.peak_to_mean < 1.6
    assert front_cache(nodes, 0).peak_to_mean == nodes
    assert front_cache(nodes, 50, keys=50).peak_to_mean == 0


# --- money ------------------------------------------------------------------------------------------------------------


def test_the_cheapest_size_is_the_least_sum():
    curve = miss_ratio_curve(irm_trace(Zipf(5000, 0.9), 100_000))
    cost = cache_cost(curve, 50.0, 3.0, 0.5, bytes_per_object=2**20)
    month = 365.25 / 12 * 86400
    sums = [size / 1024 * 3.0 + curve.at(size) * 50 * month / 1e6 * 0.5 for size in curve.sizes.tolist()]
    assert cost.best == curve.sizes[int(np.argmin(sums))]
    assert cost.total.min() == pytest.approx(min(sums))
    assert cost.best in cost.to_frame()["size_objects"].tolist()
    assert cache_cost(curve, 50, 0, 0.5).best == curve.size_for(curve.miss_ratios[-1])
    assert cache_cost(curve, 50, 3.0, 0.5, sizes=[10, 100]).sizes.tolist() == [10, 100]
    assert "a month" in cost.title
    assert cost.plot().get_ylabel() == "cost per month"
    plt.close("all")


# --- bad input --------------------------------------------------------------------------------------------------------

BARE = Trace([1, 2, 1])
WRITES = Trace([1, 2, 1], writes=[True, False, False])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: freshness(BARE, 2), "the trace does not say which requests write"),
        (lambda: freshness(WRITES, 2, "write-throgh"), "there is no strategy 'write-throgh'.*write-through"),
        (lambda: freshness(WRITES, 2, ttl=1), "ttl is given and the trace has no times"),
        (lambda: freshness(WRITES, 2, ttl=0), "ttl is 0"),
        (lambda: freshness(WRITES, 2, ttl=float("nan")), "ttl is nan"),
        (lambda: freshness(WRITES, 0), "the cache size in objects is 0"),
        (lambda: freshness(Trace([1], times=[0], writes=[True]), 2, flush_after=1), "flush_after goes with write-back"),
        (lambda: delayed_hits(simulate(BARE, "lru", 1), 1), "the trace has no times"),
        (lambda: stampede(1, 1, 1, "locks"), "there is no strategy 'locks' against stampedes.*lock"),
        (lambda: stampede(0, 1, 1), "rate is 0"),
        (lambda: stampede(1, 1, -1), "fetch_time is -1"),
        (lambda: expiry_wave(0, 1, 1), "keys is 0"),
        (lambda: origin_load(1.5, 1, 1, 1), "miss_ratio is 1.5"),
        (lambda: origin_load(0.5, 1, 0, 1), "capacity is 0"),
        (
            lambda: origin_load(0.04, 40_000, 1000, 0.001).wait,
            "can serve 1000: its queue only grows",
        ),
        (lambda: warm_up(Uniform(9), 1, 3, lost=2), "lost is 2"),
        (lambda: warm_up(Uniform(9), 1, 3).hit_ratio(-1), "give seconds of zero or more"),
        (lambda: front_cache(1), "nodes is 1"),
        (lambda: cache_cost(miss_ratio_curve(BARE), 0, 1, 1), "rate is 0"),
    ],
)
def test_bad_requests(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_and_draws_a_curve(tmp_path):
    import json

    from click.testing import CliRunner

    from scalemodel.cli import main

    (tmp_path / "t.csv").write_text("key,size\n" + "".join(f"{i * i % 37},{5 + i * i % 37}\n" for i in range(500)))

    def run(*arguments):
        return CliRunner().invoke(main, ["mrc", *map(str, arguments)])

    printed = run(tmp_path / "t.csv", "--plot", tmp_path / "t.png")
    assert printed.exit_code == 0, printed.output
    assert printed.output.startswith("Trace: 500 requests for 19 objects")
    assert (tmp_path / "t.png").stat().st_size > 1000
    told = json.loads(run(tmp_path / "t.csv", "--json", "--policy", "sieve", "--bytes").output)
    assert told["requests"] == 500
    assert set(told["curve"][0]) == {"size_bytes", "miss_ratio"}
    for arguments, sentence in (
        ([tmp_path / "no.csv"], "No such file"),
        ([tmp_path / "t.csv", "--policy", "lur"], "there is no cache policy 'lur'"),
        ([tmp_path / "t.csv", "--key", "kez"], "has no column 'kez'"),
    ):
        refused = run(*arguments)
        assert refused.exit_code == 2
        assert sentence in refused.stderr
        assert refused.stderr.count("\n") == 1
    plt.close("all")
