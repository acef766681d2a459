"""Replacement policies against slow twins, libcachesim, and each other."""

import os
from pathlib import Path

import libcachesim_peer as peer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import cache as reference

from scalemodel.cache import (
    POLICIES,
    AdaptSize,
    Bloom,
    Probability,
    SizeLimit,
    SizeProbability,
    TinyLFU,
    Trace,
    catalogue,
    irm_trace,
    loop_trace,
    scan_trace,
    simulate,
    sweep,
)
from scalemodel.cache.policies import policy as find
from scalemodel.workload import LogNormalSize, Zipf

DATA = Path(os.environ.get("SCALEMODEL_DATA", "absent"))
TWITTER = DATA / "twitter_cluster52_1m.npz"


def twin_of(name, options, capacity, ids, sizes, seed):
    entries = max(min(max(ids) + 1, capacity // (1 if sizes is None else max(sum(sizes) // len(sizes), 1))), 1)
    values = list(options.values())
    kinds = {
        "fifo": (reference.Fifo,),
        "random": (reference.Drawn, "random", 1),
        "lru": (reference.Lru,),
        "qlru": (reference.Lru,),
        "lfu": (reference.Lfu,),
        "clock": (reference.Clock, *values),
        "slru": (reference.Slru, *[1 / options.get("segments", 1)] * int(options.get("segments", 1))),
        "2q": (reference.TwoQ, *values),
        "arc": (reference.Arc,),
        "lirs": (reference.Lirs, *values),
        "sieve": (reference.Sieve,),
        "s3fifo": (reference.S3Fifo, *values),
        "wtinylfu": (reference.WTinyLfu, *values, entries),
        "gdsf": (reference.Gdsf, *values),
        "lruk": (reference.LruK, *values),
        "klru": (reference.KLru, *values),
        "lecar": (reference.LeCar, *values, entries),
        "hyperbolic": (reference.Drawn, "hyperbolic", *values),
        "belady": (reference.Belady, ids),
        "beladysize": (reference.Drawn, "beladysize", *values, ids),
    }
    kind, *arguments = kinds[name]
    return kind(capacity, *arguments, seed=seed)


VARIANTS = [
    *((name, {}) for name in POLICIES),
    ("clock", {"bits": 2}),
    ("slru", {"segments": 2}),
    ("2q", {"a1in": 0.5, "a1out": 1.0}),
    ("lirs", {"hir": 0.3, "ghosts": 2.0}),
    ("s3fifo", {"small": 0.3, "ghost": 0.5, "threshold": 1}),
    ("wtinylfu", {"window_share": 0.2, "protected": 0.5, "sample": 2}),
    ("wtinylfu", {"window_share": 0.0, "protected": 0.0}),
    ("lruk", {"k": 1}),
    ("lruk", {"k": 3}),
    ("klru", {"k": 3}),
    ("gdsf", {"cost": 1}),
    ("hyperbolic", {"samples": 3}),
    ("beladysize", {"samples": 2}),
]


@st.composite
def small_traces(draw):
    """Requests of a skewed and a looping part, with sizes that may change, some of which may not enter."""
    n = draw(st.integers(1, 160))
    objects = draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    keys = np.minimum(rng.geometric(draw(st.sampled_from([0.05, 0.2, 0.5])), n), objects)
    loop = rng.random(n) < draw(st.sampled_from([0.0, 0.3]))
    keys[loop] = 100 + np.arange(loop.sum()) % objects
    kind = draw(st.sampled_from(["none", "fixed", "changing"]))
    sizes = {"none": None, "fixed": (keys * 7) % 13 + 1, "changing": rng.integers(1, 14, n)}[kind]
    admit = (rng.random(n) < 0.7).astype(np.uint8) if draw(st.booleans()) else None
    capacity = draw(st.integers(1, 30)) if sizes is None else draw(st.integers(1, 150))
    return keys, sizes, admit, capacity, draw(st.integers(0, 5))


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=lambda value: str(value))
@settings(max_examples=15, deadline=None)
@given(small_traces())
def test_every_step_is_the_papers(name, options, drawn):
    keys, sizes, admit, capacity, seed = drawn
    rule, chosen = find(name, **options)
    trace = Trace(keys, sizes)
    ids = trace.ids.tolist()
    twin = twin_of(name, chosen, capacity, ids, None if sizes is None else sizes.tolist(), seed)
    expected = reference.replay(twin, ids, sizes, admit)

    out = np.empty(len(ids), np.uint8)
    resident, occupied, evictions = rule.kernel(
        trace.ids,
        np.ones(1, np.int64) if sizes is None else trace.sizes,
        np.ones(1, np.uint8) if admit is None else admit,
        trace.objects,
        capacity,
        np.array(rule.values(chosen), float),
        np.uint64(seed),
        out,
    )
    assert out.tolist() == expected
    assert occupied <= capacity
    if name not in ("belady", "beladysize"):  # where nothing is used again, any may go
        assert (resident, occupied) == (len(twin.inside()), twin.occupied())
    assert evictions <= out.size - out.sum() - resident


# --- libcachesim ------------------------------------------------------------------------------------------------------

PEERS = {
    "lru": "LRU",
    "fifo": "FIFO",
    "clock": "Clock",
    "sieve": "Sieve",
    "s3fifo": "S3FIFO",
    "lfu": "LFU",
    "belady": "Belady",
    "2q": "TwoQ",
    "lruk": "LRUK",
    "slru": "SLRU",
    "arc": "ARC",
    "lirs": "LIRS",
    "gdsf": "GDSF",
    "wtinylfu": "WTinyLFU",
}
EXACT = ("lru", "fifo", "clock", "sieve", "s3fifo", "lfu", "belady", "lruk", "2q", "arc", "slru")
EXACT_IN_BYTES = ("lru", "fifo", "clock", "sieve", "s3fifo", "lfu", "belady", "lruk")
LOOSE = {"2q": 0.0005, "lirs": 0.002, "slru": 0.01, "arc": 0.025, "gdsf": 0.035, "wtinylfu": 0.03}  # in bytes
SHARES = (0.002, 0.005, 0.01, 0.03, 0.1, 0.3)


def traces():
    size = LogNormalSize(2000, 1.2)
    return {
        "zipf": irm_trace(Zipf(30_000, 0.9), 60_000, object_size=size, seed=1),
        "churn": irm_trace(Zipf(15_000, 0.8), 60_000, churn=0.02, object_size=size, seed=2),
    }


@pytest.fixture(scope="module", params=["zipf", "churn", "twitter"])
def trace(request):
    if request.param == "twitter":
        if not TWITTER.exists():
            pytest.skip("the Twitter trace is not there: set SCALEMODEL_DATA")
        return Trace.read(TWITTER).take(slice(100_000))
    return traces()[request.param]


@pytest.mark.parametrize("by", ["objects", "bytes"])
def test_misses_are_libcachesims(trace, by):
    whole = trace.objects if by == "objects" else trace.footprint_bytes
    sizes = [max(200, round(share * whole / 4) * 4) for share in SHARES]  # four: of SLRU's segments
    names = list(PEERS) if by == "objects" else [*EXACT_IN_BYTES, *LOOSE]
    jobs = [(PEERS[name], size, {}) for name in names for size in sizes]
    theirs = peer.misses(trace.ids, jobs, trace.sizes if by == "bytes" else None)
    exact = EXACT if by == "objects" else EXACT_IN_BYTES
    for at, name in enumerate(names):
        results = [simulate(trace, name, size, by) for size in sizes]
        ours = [result.misses for result in results]
        expected = [missed for missed, _ in theirs[at * len(sizes) : (at + 1) * len(sizes)]]
        if name in exact:
            assert ours == expected, name
            if by == "bytes":
                assert [result.bytes_missed for result in results] == [
                    missed for _, missed in theirs[at * len(sizes) : (at + 1) * len(sizes)]
                ]
        else:  # where a cache has a few dozen objects of unlike sizes, the rules that no paper gives decide
            worse = np.subtract(ours, expected) / trace.requests
            assert worse.max() <= (0.01 if by == "objects" else LOOSE[name]), (name, ours, expected)
            assert worse.min() >= -0.03, (name, ours, expected)


def test_two_bits_of_clock_are_libcachesims():
    trace = traces()["zipf"]
    theirs = peer.misses(trace.ids, [("Clock", size, {"n_bit_counter": 2}) for size in (100, 1000)])
    assert [simulate(trace, "clock", size, bits=2).misses for size in (100, 1000)] == [missed for missed, _ in theirs]


def test_the_published_hit_ratios_of_lru_on_oltp():
    from scalemodel import datasets

    if not datasets.available("arc_oltp"):
        pytest.skip("the trace arc_oltp is not there: scalemodel.datasets.fetch('arc_oltp')")
    trace = Trace.read(datasets.fetch("arc_oltp"))
    published = [16.47, 23.45, 28.28, 32.83, 36.21, 38.70, 40.79, 42.47]
    sizes = range(250, 2001, 250)
    assert [round(100 * simulate(trace, "lru", size).hit_ratio, 2) for size in sizes] == published


# --- what holds for all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("by", ["objects", "bytes"])
def test_no_policy_beats_belady_nor_misses_when_all_fits(name, by):
    trace = traces()["zipf"].take(slice(20_000))
    if by == "objects":
        assert simulate(trace, name, 500).misses >= simulate(trace, "belady", 500).misses
    if name in ("qlru", "klru"):  # they store what comes again only
        return
    result = simulate(trace, name, trace.footprint_bytes * 20 if by == "bytes" else trace.objects * 20, by)
    assert result.misses == trace.objects == result.compulsory_misses == result.resident
    assert result.evictions == 0


@settings(max_examples=30, deadline=None)
@given(small_traces())
def test_lru_and_belady_gain_from_room(drawn):
    trace = Trace(drawn[0])
    for name in ("lru", "belady"):
        misses = [simulate(trace, name, size).misses for size in range(1, trace.objects + 2)]
        assert misses == sorted(misses, reverse=True)
        assert misses[-1] == misses[-2] == trace.objects


def test_names_sizes_of_one_byte_and_permuted_keys_change_nothing():
    trace = traces()["zipf"].take(slice(20_000))
    for name in POLICIES:
        plain = simulate(trace, name, 400)
        as_bytes = simulate(Trace(trace.ids, sizes=1), name, 400, "bytes")
        renamed = simulate(Trace([f"user:{7 * key}" for key in trace.names[trace.ids]]), name, 400)
        assert np.array_equal(plain.hit, as_bytes.hit), name
        assert np.array_equal(plain.hit, renamed.hit), name


def test_loops_and_scans():
    assert simulate(loop_trace(100, 1000), "lru", 99).hits == 0
    assert simulate(loop_trace(100, 1000), "belady", 99).misses == pytest.approx(100 + 900 / 99, abs=2)
    assert simulate(loop_trace(100, 1000), "lru", 100).misses == 100
    assert simulate(scan_trace(1000), "s3fifo", 100).hits == 0


# --- admission --------------------------------------------------------------------------------------------------------


def test_admissions_say_who_enters():
    trace = traces()["zipf"].take(slice(50_000))
    sizes = trace.sizes
    assert np.array_equal(SizeLimit(2000).mask(trace, 1), sizes <= 2000)
    assert Probability(0.25).mask(trace, 1).mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 50_000))
    expected = np.exp(-sizes / 3000)
    drawn = SizeProbability(3000).mask(trace, 1)
    assert drawn.mean() == pytest.approx(expected.mean(), abs=4 * np.sqrt((expected * (1 - expected)).mean() / 50_000))
    assert np.array_equal(Bloom().mask(trace, 1), ~trace.first)
    some = Bloom(0.1).mask(trace, 1)
    assert some[~trace.first].all()
    assert some[trace.first].mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / trace.objects))


def test_admissions_act_in_the_cache():
    trace = traces()["zipf"]
    room = trace.footprint_bytes // 50
    plain = simulate(trace, "lru", room, "bytes")
    for rule in ("bloom", "tinylfu", "adaptsize", SizeLimit(4000)):
        assert simulate(trace, "lru", room, "bytes", admission=rule).miss_ratio < plain.miss_ratio, rule
    once = simulate(trace, "fifo", trace.objects, admission="bloom")
    assert once.misses == trace.objects + (trace.counts >= 2).sum()
    guarded = simulate(trace, "lru", 300, admission=TinyLFU())
    assert guarded.misses == simulate(trace, "wtinylfu", 300, window_share=0.0, protected=0.0).misses


def test_adaptsize_gains_where_large_objects_are_no_more_popular():
    trace = irm_trace(Zipf(20_000, 0.9), 300_000, object_size=LogNormalSize(5000, 1.5), seed=3)
    room = trace.footprint_bytes // 100

    plain = simulate(trace, "lru", room, "bytes", warmup=0.4)
    assert simulate(trace, "lru", room, "bytes", warmup=0.4, admission=AdaptSize(50_000)).misses < 0.9 * plain.misses


# --- answers ----------------------------------------------------------------------------------------------------------


def test_a_result_counts_after_the_warm_up():
    trace = traces()["zipf"]
    whole, late = simulate(trace, "lru", 500, "objects"), simulate(trace, "lru", 500, warmup=0.25, window=4_500)
    assert np.array_equal(whole.hit, late.hit)
    assert late.requests == 45_000
    assert late.hits == whole.hit[15_000:].sum()
    assert late.bytes_missed == trace.sizes[15_000:][whole.hit[15_000:] == 0].sum()
    rows = late.windows()
    assert rows["request"].tolist() == list(range(15_000, 60_000, 4_500))
    assert (rows["miss_ratio"] * rows["requests"]).sum() == pytest.approx(late.misses)
    assert (rows["byte_miss_ratio"] * 4_500).sum() > 0
    assert late.compulsory_misses == trace.first[15_000:].sum()
    assert late.title == "lru, 500 objects: 64.5 % of the requests miss"
    assert late.plot().get_xlabel() == "request"


def test_the_misses_are_the_trace_of_what_stands_behind():
    trace = traces()["zipf"]
    front = simulate(trace, "lru", 500)
    behind = front.miss_trace()
    assert behind.requests == front.misses
    assert np.array_equal(behind.names[behind.ids], trace.names[trace.ids][front.hit == 0])
    assert behind.sizes.sum() == front.bytes_missed


def test_expiry_is_counted_request_by_request():
    trace = Trace([1, 1, 1, 1, 2, 1], times=[0, 4, 8, 12, 13, 21], ttls=[10, 10, 10, 10, 10, 0])
    assert simulate(trace, "lru", 5, ttl=10).hit.tolist() == [0, 1, 1, 0, 0, 1]
    assert simulate(trace, "lru", 5, ttl="trace").hit.tolist() == [0, 1, 1, 0, 0, 1]
    assert simulate(trace, "lru", 5, ttl=9.0).hit.tolist() == [0, 1, 1, 0, 0, 0]
    renewed = simulate(trace, "lru", 5, ttl=8.5, renew=True)
    assert renewed.hit.tolist() == [0, 1, 1, 1, 0, 0]
    assert renewed.expired == 1


def test_a_sweep_is_its_runs_whoever_computes_them():
    from concurrent.futures import ThreadPoolExecutor

    trace = traces()["zipf"].take(slice(30_000))
    policies = {"lru": {}, "small": {"policy": "s3fifo", "small": 0.05}}
    alone = sweep(trace, policies, [100, 1000], progress=False, warmup=0.1)
    with ThreadPoolExecutor(2) as threads:
        assert sweep(trace, policies, [100, 1000], executor=threads, progress=False, warmup=0.1).equals(alone)
    assert alone["policy"].tolist() == ["lru", "lru", "small", "small"]
    assert alone["misses"][3] == simulate(trace, "s3fifo", 1000, small=0.05, warmup=0.1).misses


def test_the_catalogue_names_papers():
    table = catalogue()
    assert table["policy"].tolist() == list(POLICIES)
    assert table["paper"].str.len().min() >= 8


# --- bad input --------------------------------------------------------------------------------------------------------

TINY = Trace([1, 2, 3, 1], sizes=[100, 200, 100, 100])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lruu", 2), r"there is no cache policy 'lruu'.*lru"),
        (("lru", 0), r"the cache size in objects is 0: give a whole number from 1"),
        (("lru", 2.5), r"the cache size in objects is 2.5"),
        (("lru", 0.1), r"the cache size in objects is 0.1"),
        (("lru", 99, "bytes"), r"a cache of 99 bytes holds no object: the smallest of the trace has 100 bytes"),
        (("lru", 2, "items"), r"by is 'items': give 'objects' or 'bytes'"),
        (("s3fifo", 9), r"at 9 objects the small queue of s3fifo rounds to nothing: give a size of 10 or more"),
        (("s3fifo", 900, "bytes"), r"small queue of s3fifo rounds to nothing: give a size of 1010 or more"),
        (("2q", 3), r"queue A1in of 2q rounds to nothing: give a size of 4 or more"),
        (("slru", 3), r"segment of slru rounds to nothing: give a size of 4 or more"),
    ],
)
def test_sizes_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulate(TINY, *arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smal": 0.1}, r"the policy 's3fifo' has no option 'smal'.*small"),
        ({"small": 1.5}, r"small of s3fifo is 1.5: give a number from 0.0001 to 0.9999"),
        ({"threshold": 1.5}, r"threshold of s3fifo is 1.5: give a whole number"),
        ({"small": float("nan")}, r"small of s3fifo is nan"),
        ({"warmup": 4}, r"warmup is 4 and the trace has 4 requests"),
        ({"warmup": -1}, r"warmup is -1"),
        ({"ttl": 3}, r"a TTL was given and the trace has no times"),
        ({"seed": -1}, r"seed is -1"),
        ({"admission": "blom"}, r"there is no admission 'blom'.*bloom"),
        ({"admission": "tinylfu"}, r"TinyLFU as an admission goes with lru and slru"),
        ({"window": 0}, r"window is 0"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        simulate(TINY, "s3fifo", 20, **options)


def test_what_needs_sizes_or_times_says_so():
    bare = Trace([1, 2, 1], times=[0, 1, 2])
    with pytest.raises(ValueError, match="the trace has no sizes: give it sizes, or count objects"):
        simulate(bare, "lru", 2, "bytes")
    with pytest.raises(ValueError, match="SizeLimit asks for the size of objects and the trace has none"):
        simulate(bare, "lru", 2, admission=SizeLimit(3))
    for ttl, message in ((0, "ttl is 0"), (-1, "ttl is -1"), ("file", "ttl is 'file': give seconds, or 'trace'")):
        with pytest.raises(ValueError, match=message):
            simulate(bare, "lru", 2, ttl=ttl)
    with pytest.raises(ValueError, match="p is 0: with it nothing ever enters"):
        Probability(0)
    with pytest.raises(ValueError, match="no request missed"):
        simulate(Trace([1, 1]), "lru", 1, warmup=1).miss_trace()


def test_small_caches_never_miss_all_in_silence():
    """At every size that is accepted, a policy hits in a trace of one object."""
    for name in POLICIES:
        rule, chosen = find(name)
        for size in range(rule.smallest(chosen), 40):
            assert simulate(Trace([1] * 40), name, size).hits > 0, (name, size)
