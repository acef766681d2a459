"""Remedies against hot keys, counted key by key; caches for any popularity; and the nodes that a peak costs."""

import itertools
import math

import numpy as np
import pytest

from scalemodel.placement import (
    HashRing,
    JumpHash,
    balance,
    cache_entries_for_any_workload,
    cache_entries_for_peak,
    expected_fullest,
    expected_peak_to_mean,
    headroom,
    hot_key_relief,
    worst_peak_with_cache,
)
from scalemodel.placement.hot_keys import MANY, _fullest
from scalemodel.streams import stream
from scalemodel.workload import DiurnalLoad, Empirical, Uniform, Workload, Zipf


def loads_by_hand(placement, law, treated, remedy, pieces=1, reading=1.0):
    """Add up the requests of every key on its nodes in plain Python; return the peak and how many reach nodes."""
    load = [0.0] * len(placement.nodes)
    for rank in range(law.n):
        key = law.keys_at(np.array([rank]))
        p = float(law.pmf(rank))
        read, write = reading * p, (1 - reading) * p
        home = placement.lookup(key)[0]
        if rank >= treated or remedy == "none":
            load[home] += p
        elif remedy == "cache in front":
            load[home] += write
        elif remedy == "more copies":
            for node in placement.replicas(key, pieces)[0]:
                load[node] += read / pieces + write
        elif remedy == "split by suffix":
            for piece in range(pieces):
                load[placement.lookup([f"{key[0]}#{piece}"])[0]] += read + write / pieces
    fair = placement.topology.shares
    return max(x / f for x, f in zip(load, fair, strict=True)), sum(load)


@pytest.mark.parametrize("reading", [1.0, 0.6])
@pytest.mark.parametrize(
    "placement", [HashRing(5, vnodes=32, weights=[1, 1, 2, 1, 1]), JumpHash(5)], ids=["ring", "jump"]
)
def test_by_hand(placement, reading):
    law = Zipf(300, 1.1)
    workload = Workload(1.0, reading, law)
    relief = hot_key_relief(placement, workload, keys=[1, 10], copies=[2, 3], suffixes=[1, 4]).to_frame()
    assert len(relief) == 1 + 2 + 4 + 4
    for row in relief.itertuples():
        peak, reached = loads_by_hand(placement, law, row.keys, row.remedy, row.copies, reading)
        assert row.peak_to_mean == pytest.approx(peak), row
        assert row.reach_nodes_share == pytest.approx(reached), row


def test_a_popularity_alone_is_all_reads():
    law, ring = Zipf(300, 1.1), HashRing(5)
    alone, with_reads = hot_key_relief(ring, law), hot_key_relief(ring, Workload(9.0, 1.0, law))
    assert alone.to_frame().equals(with_reads.to_frame())


def test_reads_divided_in_the_best_way():
    """Against trying all ways to cut every key's reads into twelfths."""
    law, ring = Empirical([50, 30, 20, 10, 8]), HashRing(3, vnodes=8)
    relief = hot_key_relief(ring, law, keys=[2], copies=[2], least_loaded=True).to_frame().set_index("remedy")
    p = law.pmf(np.arange(5))
    lists = ring.replicas(law.keys_at(np.arange(2)), 2)
    others = np.bincount(ring.lookup(law.keys_at(np.arange(2, 5))), p[2:], 3)
    peaks = []
    for cuts in itertools.product(range(13), repeat=2):
        load = others.copy()
        for key, cut in enumerate(cuts):
            load[lists[key, 0]] += p[key] * cut / 12
            load[lists[key, 1]] += p[key] * (1 - cut / 12)
        peaks.append(load.max() * 3)
    best = relief.loc["more copies, least loaded", "peak_to_mean"]
    assert best <= min(peaks) + 1e-9
    assert best == pytest.approx(min(peaks), abs=0.5 * 3 / 12)
    assert best <= relief.loc["more copies", "peak_to_mean"]


def test_copies_on_all_nodes_divided_at_will_make_all_even():
    law = Zipf(200, 1.5)
    relief = hot_key_relief(JumpHash(4), law, keys=[200], copies=[4], least_loaded=True).to_frame()
    assert relief["peak_to_mean"].iloc[-1] == pytest.approx(1)


def test_no_placement_of_whole_keys_goes_below_the_least():
    assert hot_key_relief(JumpHash(10), Empirical([40, 30, 20, 10])).least == pytest.approx(4)
    # five equal keys on four nodes: two are on one
    relief = hot_key_relief(JumpHash(4), Uniform(5), keys=[1], copies=[1])
    assert relief.least == pytest.approx(1.6)
    assert relief.remedies[0][-1] >= 1.6 - 1e-12


def test_a_trace_uses_its_own_keys_and_more_keys_than_there_are_is_all_of_them():
    law = Empirical.from_trace(["a"] * 5 + ["b"] * 3 + ["c"])
    relief = hot_key_relief(HashRing(3), law, keys=[10], copies=[2], suffixes=[2]).to_frame()
    assert relief["keys"].tolist() == [0, 3, 3, 3]
    assert relief["peak_to_mean"].iloc[1] == pytest.approx(0, abs=1e-12)
    assert relief["reach_nodes_share"].iloc[1] == pytest.approx(0, abs=1e-12)
    named = HashRing(3).lookup([f"{key}#{part}" for key in "abc" for part in range(2)])
    by_hand = np.bincount(named, np.repeat([5, 3, 1], 2)) / 3
    assert relief["peak_to_mean"].iloc[-1] == pytest.approx(by_hand.max())


def test_caching_more_never_hurts_and_the_plot_says_what_it_shows():
    relief = hot_key_relief(HashRing(10, vnodes=64), Workload(1.0, popularity=Zipf(10**5, 1.0)), suffixes=[4])
    cached = relief.to_frame().query("remedy == 'cache in front'")
    assert cached["peak_to_mean"].is_monotonic_decreasing
    ax = relief.plot()
    assert ax.get_xlabel() == "hottest keys treated"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["no remedy", "cache in front", "2 copies", "3 copies", "split in 4"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"keys": [0]}, "keys, copies and suffixes hold 0"),
        ({"suffixes": [1.5]}, "keys, copies and suffixes hold 1.5"),
        ({"copies": [6]}, "6 replicas need 6 different nodes"),
    ],
)
def test_bad_input(arguments, says):
    with pytest.raises(ValueError, match=says):
        hot_key_relief(HashRing(5), Zipf(100, 1.0), **arguments)


def test_a_workload_without_popularity():
    with pytest.raises(ValueError, match="has no popularity"):
        hot_key_relief(HashRing(5), Workload(1.0))


# --- how large a cache ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", [1.0, 0.95])
def test_the_fewest_entries_are_enough_and_one_fewer_is_not(reading):
    placement, law = JumpHash(10), Zipf(5000, 1.1)
    for peak in (1.0, 1.3):
        entries = cache_entries_for_peak(placement, Workload(1.0, reading, law), peak)
        enough = loads_by_hand(placement, law, entries, "cache in front", reading=reading)[0]
        fewer = loads_by_hand(placement, law, entries - 1, "cache in front", reading=reading)[0]
        assert enough <= peak < fewer


def test_no_cache_is_needed_or_none_is_enough():
    assert cache_entries_for_peak(JumpHash(4), Uniform(10_000), 1.5) == 0
    with pytest.raises(ValueError, match=r"with all 100 keys cached the busiest node is still above 0\.5"):
        cache_entries_for_peak(JumpHash(4), Workload(1.0, 0.2, Zipf(100, 1.0)), 0.5)
    with pytest.raises(ValueError, match="peak is 0"):
        cache_entries_for_peak(JumpHash(4), Uniform(10), 0)


@pytest.mark.parametrize(("nodes", "entries"), [(2, 12), (3, 7), (10, 22), (10, 100)])
def test_the_worst_popularity_is_found(nodes, entries):
    tried = np.unique(np.geomspace(1, 3000, 120).astype(int)).tolist()
    each = [nodes * expected_fullest(left, nodes) / (left + entries) for left in tried]
    worst = worst_peak_with_cache(nodes, entries)
    assert max(each) - 1e-5 <= worst <= max(each) + 2e-3


def test_no_other_popularity_is_worse():
    nodes, entries = 10, 40
    worst = worst_peak_with_cache(nodes, entries)
    rng = stream(4)
    for law in (Zipf(1000, 0.5), Zipf(3000, 1.0), Zipf(200, 2.0), Uniform(60), Uniform(3000)):
        p = law.pmf(np.arange(entries, law.n))
        peaks = [np.bincount(rng.integers(0, nodes, len(p)), p, nodes).max() * nodes for _ in range(300)]
        assert np.mean(peaks) <= worst + 4 * np.std(peaks) / math.sqrt(300)


def test_the_papers_cluster():
    # Fan et al.: 85 nodes and 8 n ln n + 1 = 3,022 entries keep the load even, whatever is asked for
    assert round(8 * 85 * math.log(85) + 1) == 3022
    assert worst_peak_with_cache(85, 3022) < 1.05
    assert worst_peak_with_cache(85, 85) > 2
    # the number grows as n log n, not with the keys
    each = {n: cache_entries_for_any_workload(n, 1.1) / (n * math.log(n)) for n in (10, 40, 160)}
    assert max(each.values()) < 4 < 2 * min(each.values())


def test_a_guarantee_is_kept_by_the_fewest_entries():
    entries = cache_entries_for_any_workload(12, 1.2)
    assert worst_peak_with_cache(12, entries) <= 1.2 < worst_peak_with_cache(12, entries - 1)


def test_the_normal_limit_takes_over_smoothly():
    balls = MANY * 8 - 1
    assert _fullest(balls + 1, 8) == pytest.approx(_fullest(balls, 8), rel=2e-5)
    assert worst_peak_with_cache(1, 5) == 1
    assert worst_peak_with_cache(7, 0) == 7


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: worst_peak_with_cache(0, 1), "nodes is 0"),
        (lambda: worst_peak_with_cache(3, -1), "entries is -1"),
        (lambda: worst_peak_with_cache(3, 1.5), "entries is 1.5"),
        (lambda: cache_entries_for_any_workload(3, 1.0), "peak is 1.0: give a load over the mean above 1"),
        (lambda: cache_entries_for_any_workload(3, math.nan), "peak is nan"),
    ],
)
def test_bad_caches(ask, says):
    with pytest.raises(ValueError, match=says):
        ask()


# --- headroom ---------------------------------------------------------------------------------------------------------


def test_the_fewest_nodes_that_are_enough():
    ring = lambda n: expected_peak_to_mean(n, 64)  # noqa: E731
    answer = headroom({"even": 1.0, "ring": ring, "fixed": 1.5}, 1e5, 1000, 0.5, price=10.0)
    nodes = {name: int(needed) for name, _, needed in answer.options}
    assert (nodes["even"], nodes["fixed"]) == (200, 300)
    first = nodes["ring"]
    assert 1e5 / first * ring(first) <= 500 < 1e5 / (first - 1) * ring(first - 1)
    frame = answer.to_frame().set_index("spread")
    assert frame.loc["ring", "extra_cost"] == (first - 200) * 10
    assert frame.loc["fixed", "extra_share"] == 0.5
    assert "200 nodes if spread evenly" in answer.title
    assert answer.plot().get_xlabel() == "nodes"


def test_a_hot_key_can_be_too_hot_for_any_number_of_nodes():
    law = Zipf(10_000, 1.2)  # the hottest key has 21 %: more than a node can take
    answer = headroom(lambda n: balance(JumpHash(n), law).peak_to_mean, 10_000, 1000, 0.7)
    assert answer.options[0][2] == math.inf
    cached = headroom(lambda n: 1.2, 10_000, 1000, 0.7)
    assert cached.options[0][2] == 18


def test_a_cache_can_spare_nodes():
    law = Zipf(10_000, 1.0)

    def cached(n):
        return hot_key_relief(JumpHash(n), law, keys=[100], copies=[1]).remedies[1][-1]

    needed = int(headroom(cached, 100_000, 1000, 0.7).options[0][2])
    assert 100_000 * cached(needed) / needed <= 700 < 100_000 * cached(needed - 1) / (needed - 1)
    assert needed < 143
    assert headroom(0.5, 1000, 100, 1.0).options[0][2] == 5


def test_a_workload_brings_its_peak_and_exact_fits_need_no_more():
    assert headroom(1.0, Workload(DiurnalLoad(500.0, 2.0)), 100, 1.0).even == 10
    assert headroom(1.0, 700, 100, 0.7).even == 10
    assert headroom(1.0, 1, 100, 0.7).even == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((1.0, 0, 1), "the load is 0"),
        ((1.0, 1, math.inf), "capacity is inf"),
        ((1.0, 1, 1, 1.5), "utilisation is 1.5: give a share"),
        ((0, 1, 1), "peak-to-mean of this spread is 0.0 over 2 nodes: give a number above 0"),
        ((lambda n: math.nan, 1, 1), "peak-to-mean of this spread is nan"),
        (({}, 1, 1), "there is no spread to size for"),
    ],
)
def test_bad_headroom(arguments, says):
    with pytest.raises(ValueError, match=says):
        headroom(*arguments)
    with pytest.raises(ValueError, match="price is -1"):
        headroom(1.0, 1, 1, price=-1)
