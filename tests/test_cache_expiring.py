"""An LRU cache whose copies expire and are overtaken by writes: the model against replays, and against its limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalemodel.cache import STRATEGIES, Trace, che, expiring_lru, freshness, irm_trace, ttl_cache
from scalemodel.cache.expiring import _lifetime, _survival
from scalemodel.workload import Uniform, Zipf

LAW = Zipf(2000, 0.9)


@pytest.fixture(scope="module")
def trace():
    drawn = irm_trace(LAW, 600_000, rate=1000, seed=1)
    return Trace(drawn.ids, times=drawn.times, writes=np.random.default_rng(2).random(600_000) < 0.2)


@pytest.mark.parametrize("ttl", [math.inf, 20.0, 2.0, 0.3])
@pytest.mark.parametrize("writes", ["cache-aside", "write-through", "write-around"])
@pytest.mark.parametrize("size", [100, 500])
def test_against_a_replay(trace, writes, ttl, size):
    model = expiring_lru(LAW, size, 1000, read_fraction=0.8, ttl=ttl, writes=writes)
    replay = freshness(trace, size, writes, ttl=ttl)
    assert model.hit_ratio == pytest.approx(replay.hit_ratio, abs=0.003)
    assert model.stale_share == pytest.approx(replay.stale_share, abs=0.005)


@pytest.mark.parametrize("size", [3, 100, 1999])
def test_without_writes_and_expiry_it_is_lru(size):
    for writes in STRATEGIES:
        assert expiring_lru(LAW, size, 7, writes=writes).hit_ratio == pytest.approx(che(LAW, size).hit_ratio, rel=1e-9)
    stored = expiring_lru(LAW, size, 7, read_fraction=0.4, writes="write-through")
    assert stored.hit_ratio == pytest.approx(che(LAW, size).hit_ratio, rel=1e-9)  # a write is as good as a read


@pytest.mark.parametrize("ttl", [0.01, 1.0, 100.0])
def test_where_all_fits_it_is_a_ttl_cache(ttl):
    ours = expiring_lru(LAW, 2000, 50, ttl=ttl, writes="write-around")
    assert ours.hit_ratio == pytest.approx(ttl_cache(LAW, 50, ttl).hit_ratio, rel=1e-12)
    law = Uniform(100)  # 10 writes per second of 100 objects
    for writes, invalidate in (("write-around", False), ("cache-aside", True)):
        ours = expiring_lru(law, 100, 100, read_fraction=0.9, ttl=ttl, writes=writes)
        limit = ttl_cache(law, 90, ttl, update_rate=0.1, invalidate=invalidate)
        assert ours.hit_ratio == pytest.approx(limit.hit_ratio, rel=1e-12)
        assert ours.stale_share == pytest.approx(limit.stale_share, rel=1e-9, abs=1e-15)


def test_the_life_of_a_copy_is_a_run_of_short_gaps():
    """Simulated: reads at rate 1, evicted after a gap of T, expired after D, ended by a write."""
    rng = np.random.default_rng(0)
    for gap, lives, ended in ((1.5, 40.0, 0.0), (0.5, 3.0, 0.2), (3.0, math.inf, 0.0), (2.0, math.inf, 0.3)):
        runs = []
        gaps = rng.exponential(size=(20_000, 400))
        until = np.where(gaps > gap, gap, gaps).cumsum(axis=1)
        first = (gaps > gap).argmax(axis=1)
        runs = np.minimum(until[np.arange(len(until)), first], lives)
        if ended:
            runs = np.minimum(runs, rng.exponential(1 / ended, len(runs)))
        expected = _lifetime(np.ones(1), gap, lives, np.full(1, ended))[0]
        assert abs(runs.mean() - expected) < 4 * runs.std() / math.sqrt(len(runs))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 20), st.floats(1.0, 20.0))
def test_survival_keeps_its_equation(reads, periods):
    """S'(t) = -L e^-LT S(t - T), and S falls from 1."""
    t, step = np.array([periods]), 1e-5
    now, later, before = (_survival(np.array([reads]), 1.0, at)[0, 0] for at in (t, t + step, t - 1 + step / 2))
    if abs(periods - round(periods)) > 1e-3:
        assert (later - now) / step == pytest.approx(-reads * math.exp(-reads) * before, abs=1e-6 + 1e-4 * reads)
    assert 0 <= later <= now + 1e-12 <= 1 + 2e-12


def test_a_billion_objects_and_sizes_in_bytes():
    many = expiring_lru(Zipf(10**9, 1.0), 10**7, 1e5, read_fraction=0.95, ttl=3600)
    assert 0.5 < many.hit_ratio < che(Zipf(10**9, 1.0), 10**7).hit_ratio
    by_bytes = expiring_lru(LAW, 50_000, 10, ttl=30, object_size=100)
    assert by_bytes.hit_ratio == pytest.approx(expiring_lru(LAW, 500, 10, ttl=30).hit_ratio)
    assert list(by_bytes.to_frame()) == ["size", "ttl_s", "writes", "hit_ratio", "stale_share"]
    assert "TTL 30 s" in by_bytes.title


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expiring_lru(LAW, 0, 1), "the cache size is 0"),
        (lambda: expiring_lru(LAW, 5, 0), "rate is 0"),
        (lambda: expiring_lru(LAW, 5, 1, ttl=0), "ttl is 0"),
        (lambda: expiring_lru(LAW, 5, 1, ttl=math.nan), "ttl is nan"),
        (lambda: expiring_lru(LAW, 5, 1, read_fraction=0), "read_fraction is 0"),
        (lambda: expiring_lru(LAW, 5, 1, read_fraction=2), "read_fraction is 2"),
        (lambda: expiring_lru(LAW, 5, 1, writes="write-trough"), "did you mean 'write-through'"),
    ],
)
def test_bad_requests(call, message):
    with pytest.raises(ValueError, match=message):
        call()
