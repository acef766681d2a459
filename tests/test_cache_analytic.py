"""Analytic models against exact chains, replays, and figures that others computed."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalemodel.cache import (
    Trace,
    cache_tree,
    che,
    exact_fifo,
    exact_lru,
    irm_trace,
    loop_trace,
    miss_ratio_curve,
    model_error,
    simulate,
    tandem,
    ttl_cache,
)
from scalemodel.workload import Empirical, HotSet, LogNormalSize, Uniform, Zipf

# --- small and exact --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "alpha", "size", "lru", "fifo", "che_lru", "che_fifo"),
    [
        (5, 1.0, 2, 0.518884563817, 0.503649635036, 0.510826, 0.483472),
        (6, 0.8, 3, 0.591638795381, 0.573289385611, 0.589102, 0.562352),
    ],
)
def test_published_small_cases(n, alpha, size, lru, fifo, che_lru, che_fifo):
    law = Zipf(n, alpha)
    p = law.pmf(np.arange(n))
    assert exact_lru(p, size) == pytest.approx(lru, abs=1e-12)
    assert exact_fifo(p, size) == pytest.approx(fifo, abs=1e-12)
    assert che(law, size).hit_ratio == pytest.approx(che_lru, abs=1e-6)
    assert che(law, size, "fifo").hit_ratio == che(law, size, "random").hit_ratio
    assert che(law, size, "fifo").hit_ratio == pytest.approx(che_fifo, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.05, 1), min_size=2, max_size=5), st.data())
def test_exact_hit_ratios_are_those_of_the_markov_chain(weights, data):
    """States are the contents in order, of LRU by use and of FIFO by entry."""
    p = np.array(weights) / np.sum(weights)
    size = data.draw(st.integers(1, len(p)))
    states = list(itertools.permutations(range(len(p)), size))
    index = {state: at for at, state in enumerate(states)}
    for kind, exact in (("lru", exact_lru), ("fifo", exact_fifo)):
        matrix = np.zeros((len(states), len(states)))
        for state in states:
            for o, chance in enumerate(p):
                if o not in state:
                    after = (o, *state[:-1])
                elif kind == "lru":
                    after = (o, *(x for x in state if x != o))
                else:
                    after = state
                matrix[index[state], index[after]] += chance
        system = np.vstack([matrix.T - np.eye(len(states)), np.ones(len(states))])
        stationary = np.linalg.lstsq(system, np.append(np.zeros(len(states)), 1), rcond=None)[0]
        if kind == "fifo" and size == len(p):
            continue  # every order is a state of its own
        hits = sum(chance * p[list(state)].sum() for state, chance in zip(states, stationary, strict=True))
        assert exact(p, size) == pytest.approx(hits, abs=1e-9)


def test_exact_fifo_of_many_objects_is_near_its_model():
    law = Zipf(3000, 0.8)
    assert exact_fifo(law.pmf(np.arange(3000)), 200) == pytest.approx(che(law, 200, "fifo").hit_ratio, abs=1e-3)
    assert exact_fifo([0.25] * 4, 4) == pytest.approx(1.0)
    assert exact_lru([0.25] * 4, 3) == pytest.approx(0.75)


# --- Che --------------------------------------------------------------------------------------------------------------

ERROR = 6e-4


def mean_and_error(law, size, policy, seeds=4, **options):
    hits = [
        simulate(irm_trace(law, 400_000, seed=seed), policy, size, warmup=0.25, seed=seed, **options).hit_ratio
        for seed in range(seeds)
    ]
    return np.mean(hits), np.std(hits, ddof=1) / np.sqrt(seeds)


@pytest.mark.parametrize("alpha", [0.6, 0.9, 1.2])
@pytest.mark.parametrize(
    ("policy", "options", "error"),
    [
        ("lru", {}, ERROR),
        ("fifo", {}, 2e-3),
        ("random", {}, 2e-3),
        ("qlru", {"q": 0.3}, 2e-3),
        ("klru", {"k": 2}, 4e-3),
        ("klru", {"k": 3}, 5e-3),
    ],
)
def test_che_is_near_replays(alpha, policy, options, error):
    law = Zipf(5000, alpha)
    mean, noise = mean_and_error(law, 200, policy, **options)
    assert abs(che(law, 200, policy, **options).hit_ratio - mean) < error + 4 * noise


def test_lfu_keeps_the_most_popular():
    law = Zipf(5000, 0.9)
    assert che(law, 300, "lfu").hit_ratio == pytest.approx(float(law.head(300)), abs=1e-12)
    assert all(che(law, 300, policy).hit_ratio < che(law, 300, "lfu").hit_ratio for policy in ("lru", "fifo", "klru"))
    by_bytes = che(Zipf(4, 1.0), 30, "lfu", object_sizes=[100, 10, 10, 10])
    assert by_bytes.hits.tolist() == [0, 1, 1, 1]


def test_a_billion_objects_are_computed_in_groups():
    law = Zipf(2_000_000, 0.9)
    in_groups = che(law, 10_000)
    one_by_one = che(law, 10_000, object_sizes=np.ones(law.n))
    assert in_groups.hit_ratio == pytest.approx(one_by_one.hit_ratio, abs=1e-5)
    assert che(Zipf(10**9, 0.9), 10**6).counts.sum() == 10**9


def test_object_sizes():
    law = Zipf(3000, 0.8)
    trace = irm_trace(law, 600_000, object_size=LogNormalSize(1000, 0.8), seed=5)
    sizes = np.empty(law.n)
    sizes[trace.names] = trace.object_sizes
    sizes[np.setdiff1d(np.arange(law.n), trace.names)] = 1000
    room = trace.footprint_bytes // 10
    model, replay = che(law, room, object_sizes=sizes), simulate(trace, "lru", room, "bytes", warmup=0.3)
    assert model.hit_ratio == pytest.approx(replay.hit_ratio, abs=4e-3)
    assert model.byte_hit_ratio == pytest.approx(replay.byte_hit_ratio, abs=4e-3)
    assert che(law, 300).hit_ratio == pytest.approx(che(law, 300 * 512, object_size=512).hit_ratio, abs=1e-9)


def renewal_trace(p, scv, requests, seed):
    """Hyperexponential gaps with balanced means for each object, merged in time."""
    rng = np.random.default_rng(seed)
    a = 0.5 * (1 + np.sqrt((scv - 1) / (scv + 1)))
    keys, times = [], []
    for o, rate in enumerate(p):
        n = int(requests * rate * 1.3 + 50)
        fast = rng.random(n) < a
        gaps = rng.exponential(1, n) / np.where(fast, 2 * a * rate, 2 * (1 - a) * rate)
        keys.append(np.full(n, o))
        times.append(np.cumsum(gaps))
    keys, times = np.concatenate(keys), np.concatenate(times)
    order = np.argsort(times)
    return Trace(keys[order][:requests])


@pytest.mark.parametrize("policy", ["lru", "fifo"])
def test_bursty_requests(policy):
    law = Zipf(2000, 0.8)
    replays = [
        simulate(renewal_trace(law.pmf(np.arange(law.n)), 4.0, 300_000, seed), policy, 150, warmup=0.4).hit_ratio
        for seed in range(3)
    ]
    noise = np.std(replays, ddof=1) / np.sqrt(3)
    assert abs(che(law, 150, policy, burstiness=4.0).hit_ratio - np.mean(replays)) < 4e-3 + 4 * noise
    assert che(law, 150, policy, burstiness=1.0 + 1e-9).hit_ratio == pytest.approx(che(law, 150, policy).hit_ratio)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 5000), st.floats(0, 2), st.floats(0.01, 1.2), st.sampled_from(["lru", "fifo", "lfu", "qlru", "klru"])
)
def test_che_keeps_within_bounds_and_grows_with_size(n, alpha, share, policy):
    law = Zipf(n, alpha)
    small, large = (che(law, max(share * n * factor, 1e-3), policy) for factor in (1.0, 1.5))
    assert 0 <= small.hit_ratio <= large.hit_ratio + 1e-12 <= 1 + 1e-9
    assert small.hit_ratio + small.miss_ratio == pytest.approx(1)
    if share >= 1:
        assert small.hit_ratio == pytest.approx(1)
        assert small.miss_ratio == pytest.approx(0, abs=1e-12)


def test_equal_popularity_hits_by_share():
    for policy in ("lru", "fifo", "lfu"):
        assert che(Uniform(1000), 250, policy).hit_ratio == pytest.approx(0.25)
    assert che(Empirical([5, 0, 5]), 1).hit_ratio == pytest.approx(0.5)
    assert che(HotSet(1000, 0.1, 0.9), 100, "lfu").hit_ratio == pytest.approx(0.9)


# --- expiry and invalidation ------------------------------------------------------------------------------------------


def replay_ttl(rate, ttl, reset, m, invalidate, seed, horizon):
    """One object, event by event; returns hits, requests, stale hits, summed age at hits."""
    rng = np.random.default_rng(seed)
    reads = np.cumsum(rng.exponential(1 / rate, int(horizon * rate)))
    updates = np.cumsum(rng.exponential(1 / m, int(horizon * m * 1.2) + 50)) if m else np.array([np.inf])
    last_update = np.concatenate([[-np.inf], updates])[np.searchsorted(updates, reads)]
    fetched, until = -np.inf, -np.inf
    hits, stale, age = 0, 0, 0.0
    for now, update in zip(reads, last_update, strict=True):
        if now < until and not (invalidate and update > fetched):
            hits += 1
            stale += update > fetched
            age += now - fetched
        else:
            fetched, until = now, now + ttl
        if reset:
            until = now + ttl
    return hits / len(reads), stale / max(hits, 1), age / max(hits, 1)


@pytest.mark.parametrize(
    ("reset", "m", "invalidate", "ttl"),
    [(False, 0.0, False, 2.0), (True, 0.0, False, 0.7), (False, 0.3, False, 2.0), (False, 0.3, True, 2.0),
     (False, 0.3, True, np.inf), (True, 0.3, False, 0.7)],
)  # fmt: skip
def test_expiry_against_replays(reset, m, invalidate, ttl):
    runs = np.array([replay_ttl(1.5, ttl, reset, m, invalidate, seed, 12_000) for seed in range(8)])
    mean, error = runs.mean(axis=0), runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    model = ttl_cache(Uniform(1), 1.5, ttl, reset=reset, update_rate=m, invalidate=invalidate)
    for value, expected, noise in zip((model.hit_ratio, model.stale_share, model.mean_age), mean, error, strict=True):
        assert abs(value - expected) <= 4.5 * noise + 1e-12


def test_ttl_of_a_population_adds_up():
    law = Zipf(50, 1.0)
    p = law.pmf(np.arange(50))
    x = 200 * p * 3.0
    model = ttl_cache(law, 200, 3.0)
    assert model.hit_ratio == pytest.approx((p * x / (1 + x)).sum())
    assert model.occupancy == pytest.approx((x / (1 + x)).sum())
    assert model.origin_rate == pytest.approx(200 * (p / (1 + x)).sum())
    assert ttl_cache(Uniform(1), 2.0, np.inf, update_rate=0.5, invalidate=True).hit_ratio == pytest.approx(0.8)
    timed = irm_trace(law, 100_000, rate=200, seed=2)
    assert simulate(timed, "lru", 50, ttl=3.0, warmup=0.1).hit_ratio == pytest.approx(model.hit_ratio, abs=0.004)


# --- networks ---------------------------------------------------------------------------------------------------------


def test_tandem_against_replays_and_the_naive_product():
    law = Zipf(10_000, 0.9)
    trace = irm_trace(law, 800_000, seed=3)
    first = simulate(trace, "lru", 300, warmup=0.2)
    second = simulate(first.miss_trace(), "lru", 1500, warmup=0.2)
    model = tandem(law, [300, 1500])
    assert model.hit_ratios[0] == pytest.approx(first.hit_ratio, abs=0.002)
    assert model.hit_ratios[1] == pytest.approx(second.hit_ratio, abs=0.025)
    assert model.miss_ratio == pytest.approx(first.miss_ratio * second.miss_ratio, abs=0.02)
    assert model.naive_miss_ratio < 0.75 * model.miss_ratio
    assert tandem(law, [300]).miss_ratio == pytest.approx(che(law, 300).miss_ratio)
    assert tandem(law, [300, 300]).hit_ratios[1] < 0.1
    assert tandem(law, [20_000, 10]).miss_ratio == 0


def test_tree_against_a_replay():
    law = Zipf(10_000, 0.9)
    trace = irm_trace(law, 800_000, seed=4)
    at_first = np.random.default_rng(0).random(trace.requests) < 0.7
    missed = np.zeros(trace.requests, bool)
    for leaf, size in ((at_first, 300), (~at_first, 100)):
        missed[np.flatnonzero(leaf)[simulate(trace.take(leaf), "lru", size).hit == 0]] = True
    root = simulate(trace.take(missed), "lru", 1200, warmup=0.2)
    model = cache_tree(law, [300, 100], 1200, [0.7, 0.3])
    assert model.reaching[-1] == pytest.approx(missed.mean(), abs=0.003)
    assert model.hit_ratios[-1] == pytest.approx(root.hit_ratio, abs=0.025)
    assert model.to_frame()["cache"].tolist() == ["leaf 1", "leaf 2", "root"]
    alone = cache_tree(law, [300], 1200)
    assert alone.miss_ratio == pytest.approx(tandem(law, [300, 1200]).miss_ratio, abs=1e-9)


# --- the model and the trace ------------------------------------------------------------------------------------------


def test_model_error_tells_order_from_popularity():
    drawn = model_error(irm_trace(Zipf(3000, 0.9), 100_000), [30, 300])
    assert drawn.mean_absolute_error < 0.005
    assert abs(drawn.locality) < 0.005
    looped = model_error(loop_trace(100, 20_000), [50])
    assert looped.locality == pytest.approx(-0.5, abs=0.02)  # LRU hits nothing in a loop, half in random order
    assert "costs" in looped.title
    bursts = Trace(np.repeat(np.arange(2000), 5))
    assert model_error(bursts, [10]).locality > 0.7
    assert len(model_error(bursts).to_frame()) > 5
    assert looped.plot().get_ylabel() == "miss ratio"
    plt.close("all")


def test_answers_show_themselves():
    result = che(Zipf(10**6, 0.9), 1000)
    rows = result.to_frame()
    assert rows["objects"].sum() == 10**6
    assert rows["request_share"].sum() == pytest.approx(1)
    assert (rows["request_share"] * rows["hit_ratio"]).sum() == pytest.approx(result.hit_ratio)
    assert result.plot().get_xlabel() == "popularity rank"
    assert "miss" in result.title
    assert "stale" in ttl_cache(Uniform(3), 1, 1).title
    plt.close("all")


def test_che_agrees_with_the_curve_of_a_long_trace():
    law = Zipf(1000, 0.8)
    trace = irm_trace(law, 500_000)
    curve = miss_ratio_curve(trace)
    for size in (10, 100, 500):
        assert che(law, size).miss_ratio == pytest.approx(curve.at(size), abs=0.004)


# --- bad input --------------------------------------------------------------------------------------------------------

LAW = Zipf(10, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: che(LAW, 3, "arc"), "there is no analytic model of 'arc'"),
        (lambda: che(LAW, 0), "the cache size is 0"),
        (lambda: che(LAW, float("nan")), "the cache size is nan"),
        (lambda: che(LAW, 3, "qlru", q=0), "q is 0: with it nothing ever enters"),
        (lambda: che(LAW, 3, "qlru", q=2), "q is 2"),
        (lambda: che(LAW, 3, "klru", k=0), "k is 0"),
        (lambda: che(LAW, 3, burstiness=0.5), "burstiness is 0.5"),
        (lambda: che(LAW, 3, "qlru", burstiness=2), "burstiness is modelled for lru, fifo and random, not for qlru"),
        (lambda: che(LAW, 3, object_sizes=[1, 2]), "object_sizes has 2 values"),
        (lambda: che(LAW, 3, object_sizes=np.ones(10), object_size=1), "give one of them"),
        (lambda: exact_lru([0.5, 0.6], 1), "probabilities add up to 1.1"),
        (lambda: exact_lru(np.ones(21) / 21, 2), "21 objects are too many for an exact answer"),
        (lambda: exact_fifo([0.5, 0.5], 3), "the cache size is 3: give a whole number from 1 to 2"),
        (lambda: ttl_cache(LAW, 1, 0), "ttl is 0"),
        (lambda: ttl_cache(LAW, 0, 1), "rate is 0"),
        (lambda: ttl_cache(LAW, 1, np.inf), "ttl is inf and nothing invalidates"),
        (lambda: ttl_cache(LAW, 1, 1, reset=True, update_rate=1, invalidate=True), "reset and invalidate are both set"),
        (lambda: tandem(LAW, []), "sizes is empty"),
        (lambda: cache_tree(LAW, [], 3), "leaf_sizes is empty"),
        (lambda: cache_tree(LAW, [1, 2], 3, [1]), "2 leaves came with 1 shares"),
        (lambda: model_error(Trace([1, 2, 1]), [0]), "the cache size is 0"),
    ],
)
def test_bad_requests(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_law_is_asked_for():
    with pytest.raises(TypeError, match="give a law such as Zipf"):
        che([0.5, 0.5], 1)
