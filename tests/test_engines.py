"""The jump family and SUPSI's engines against the programs of others, their twins, and the figures of the papers."""

import csv
import json
import os
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import engines

from scalemodel.placement import (
    AnchorHash,
    BinomialHash,
    DxHash,
    FlipHash,
    JumpBackHash,
    JumpHash,
    MementoHash,
    PowerHash,
    Topology,
    movement,
    restore,
)
from scalemodel.placement.stateful import MOST_BUCKETS
from scalemodel.streams import random_keys

GOLDEN = Path(__file__).parent / "golden"
OTHERS = Path(os.environ.get("SCALEMODEL_DATA", "absent")).parent / "golden" / "jump_hash.csv"
M64 = 2**64
HASHES = random_keys(2**18, seed=4)
KEYS = random_keys(300, seed=5)

STATEFUL = {"anchor": AnchorHash, "dx": DxHash, "memento": MementoHash}
NUMBERED = {"binomial": BinomialHash, "flip": FlipHash, "power": PowerHash}
TWINS = {
    "jump": (JumpHash, engines.jump),
    "jump of guava": (partial(JumpHash, variant="guava"), partial(engines.jump, variant="guava")),
    "jump back": (JumpBackHash, engines.jumpback),
    "jump back by xorshift": (
        partial(JumpBackHash, variant="xorshift_l7r9"),
        partial(engines.jumpback, variant="xorshift_l7r9"),
    ),
    "flip": (FlipHash, engines.flip),
    "binomial": (BinomialHash, engines.binomial),
    "power": (PowerHash, engines.power),
}

each_numbered = pytest.mark.parametrize(
    ("make", "twin"), [pytest.param(*pair, id=name) for name, pair in TWINS.items()]
)
each_stateful = pytest.mark.parametrize("make", [pytest.param(kind, id=name) for name, kind in STATEFUL.items()])


def rows_of(path, *columns):
    """The rows in groups of equal `columns`: for each, the keys and the buckets."""
    groups = defaultdict(list)
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            groups[tuple(row[column] for column in columns)].append((int(row["key_u64"]), int(row["bucket"])))
    for group, pairs in groups.items():
        keys, buckets = zip(*pairs, strict=True)
        yield *group, np.array(keys, np.uint64), list(buckets)


def buckets_of(placement, keys):
    return np.array(placement.buckets)[placement.lookup(keys, hashed=True)].tolist()


def node_on(placement, bucket):
    return placement.nodes[placement.buckets.index(bucket)]


# --- vectors of other programs ----------------------------------------------------------------------------------------


def test_jump_is_the_c_extensions():
    sizes = set()
    for buckets, keys, expected in rows_of(GOLDEN / "jump_hash.csv", "num_buckets"):
        assert JumpHash(int(buckets)).lookup(keys, hashed=True).tolist() == expected
        sizes.add(int(buckets))
    assert {1, 2, 2**31 - 1} <= sizes


@pytest.mark.skipif(not OTHERS.exists(), reason="vectors of other projects' tests are not there: a folder golden")
def test_jump_is_the_papers_and_guavas():
    seen = set()
    for source, buckets, keys, expected in rows_of(OTHERS, "source", "num_buckets"):
        variant = "guava" if source.startswith("guava") else "cpp"
        assert JumpHash(int(buckets), variant).lookup(keys, hashed=True).tolist() == expected
        seen.add(source)
    assert {"google-c++-ref-via-go-jump", "guava-golden", "lithammer-tests"} <= seen


def test_the_two_published_jumps_differ():
    """The key at which the C++ of the paper and Guava 31.1 were found to disagree."""
    key = np.array([2687259751451158933], np.uint64)
    assert JumpHash(10000).lookup(key, hashed=True).tolist() == [576]
    assert JumpHash(10000, "guava").lookup(key, hashed=True).tolist() == [195]


def test_guavas_largest_draw_overflows():
    """A draw of 2^31 - 1 plus one is a negative int in Java, and a negative jump ends the search."""
    key = (((2**31 - 1 << 33) | 77) - 1) * pow(2862933555777941757, -1, M64) % M64  # the generator run backwards
    keys = np.array([key], np.uint64)
    assert JumpHash(1000, "guava").lookup(keys, hashed=True).tolist() == [0]
    assert JumpHash(1000).lookup(keys, hashed=True).tolist() == [engines.jump(key, 1000)] != [0]


def test_jump_back_is_hash4js():
    variants = {"JumpBackHash-SplitMix64": "splitmix64", "JumpBackHash-XorshiftL7R9": "xorshift_l7r9"}
    groups = list(rows_of(GOLDEN / "jumpback_hash4j.csv", "algorithm", "num_buckets"))
    assert {int(buckets) for _, buckets, _, _ in groups} >= {1, 2, 1024, 1025, 10**6, 2**31 - 1}
    for algorithm, buckets, keys, expected in groups:
        placement = JumpBackHash(int(buckets), variants[algorithm])
        assert placement.lookup(keys, hashed=True).tolist() == expected


def supsi_cases(names):
    cases = []
    for name, case, n, capacity, ops, keys, expected in rows_of(
        GOLDEN / "supsi_engines.csv", "algorithm", "case", "initial_size", "capacity", "ops"
    ):
        if name in names:
            cases.append(pytest.param(name, int(n), int(capacity), ops, keys, expected, id=f"{name}-{case}"))
    return cases


@pytest.mark.parametrize(("name", "n", "capacity", "ops", "keys", "expected"), supsi_cases(NUMBERED))
def test_numbered_buckets_are_supsis(name, n, capacity, ops, keys, expected):
    assert (ops, capacity) == ("", 0)
    assert NUMBERED[name](n).lookup(keys, hashed=True).tolist() == expected


@pytest.mark.parametrize(("name", "n", "capacity", "ops", "keys", "expected"), supsi_cases(STATEFUL))
def test_stateful_buckets_are_supsis(name, n, capacity, ops, keys, expected):
    if ops.startswith("for b in 0..999"):
        ops = ";".join(f"r{b * 7 % 1000}" for b in range(1000) if b % 10 != 3)
    placement = STATEFUL[name](n, capacity=capacity) if capacity else STATEFUL[name](n)
    for i, op in enumerate(op for op in ops.split(";") if op):
        placement = placement.add(f"new-{i}") if op == "a" else placement.remove(node_on(placement, int(op[1:])))
    assert buckets_of(placement, keys) == expected
    assert buckets_of(restore(json.loads(json.dumps(placement.state()))), keys) == expected


# --- twins ------------------------------------------------------------------------------------------------------------


@each_numbered
@pytest.mark.parametrize(
    "n", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 1023, 1024, 1025, 10**6, 2**30, 2**30 + 1, 2**31 - 1]
)
def test_buckets_are_the_twins(make, twin, n):
    assert make(n).lookup(KEYS, hashed=True).tolist() == [twin(int(key), n) for key in KEYS]


@each_numbered
@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 2**31 - 1), keys=st.lists(st.integers(0, M64 - 1), min_size=1, max_size=5))
def test_buckets_of_any_number_are_the_twins(make, twin, n, keys):
    found = make(n).lookup(np.array(keys, np.uint64), hashed=True)
    assert found.tolist() == [twin(key, n) for key in keys]


@each_stateful
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_history_is_the_engines(make, data):
    """Joins and leaves in any order: buckets and keys are those of an engine that changes."""
    n = data.draw(st.integers(1, 12))
    capacity = data.draw(st.integers(n, 24))
    bounds = () if make is MementoHash else (capacity,)
    kind = {AnchorHash: engines.Anchor, DxHash: engines.Dx, MementoHash: engines.Memento}[make]
    placement, engine = make(n, *bounds), kind(n, *bounds)
    for i in range(data.draw(st.integers(0, 15))):
        if data.draw(st.booleans()):
            if len(placement.nodes) < capacity:
                placement = placement.add(f"new-{i}")
                assert placement.buckets[-1] == engine.add()
        elif len(placement.nodes) > 1:
            leaver = data.draw(st.sampled_from(placement.buckets))
            placement = placement.remove(node_on(placement, leaver))
            engine.remove(leaver)
    keys = KEYS[:40]
    assert buckets_of(placement, keys) == [engine.lookup(int(key)) for key in keys]
    saved = restore(json.loads(json.dumps(placement.state())))
    assert saved == placement
    assert saved.removed == placement.removed


@each_stateful
def test_placement_depends_on_the_order_of_leaving(make):
    one, other = (make(30).remove(first).remove(second) for first, second in (("n3", "n9"), ("n9", "n3")))
    assert one.nodes == other.nodes
    assert (one.removed, other.removed) == ((3, 9), (9, 3))
    assert one != other
    if make is not DxHash:  # which draws until it hits, whoever left first
        assert (one.lookup(HASHES) != other.lookup(HASHES)).any()


@each_stateful
def test_the_last_to_leave_is_the_first_replaced(make):
    before = make(10)
    after = before.remove("n2").remove("n7").remove("n9")
    assert after.removed == (2, 7, 9)
    again = after.add("x").add("y").add("z")
    assert (again.buckets[-3:], again.removed) == ((9, 7, 2), ())
    assert buckets_of(again, KEYS) == buckets_of(before, KEYS)
    assert after.remove("n0").add("n0").lookup(KEYS, hashed=True).shape == KEYS.shape
    assert before.remove("n9").remove("n8") == make(8, **({} if make is MementoHash else {"capacity": 20}))


@each_stateful
def test_descriptions_count_empty_buckets(make):
    placement = make(10)
    assert placement.description.startswith(f"{make.__name__}, 10 nodes")
    assert "empty" not in placement.description
    assert placement.remove("n3").remove("n4").description.endswith(", 2 empty buckets")


# --- more buckets than names ------------------------------------------------------------------------------------------


@each_numbered
def test_buckets_beyond_names_can_be_looked_up(make, twin):
    most = make(2**31 - 1)
    assert most.buckets[-1] == 2**31 - 2
    assert repr(most).startswith(f"{type(most).__name__}(2147483647, seed=0")
    for ask in (lambda: most.nodes, lambda: most.add("x"), most.ownership, lambda: most.replicas(["k"], 2)):
        with pytest.raises(ValueError, match="2147483647 buckets are too many to have names: beyond 10000000 a"):
            ask()
    with pytest.raises(ValueError, match="2147483648 buckets are too many: give at most 2147483647"):
        make(2**31)


@each_numbered
def test_counted_buckets_are_named_ones(make, twin):
    assert make(3) == make(["n0", "n1", "n2"]) == make(np.int64(3))
    assert make(3).nodes == ("n0", "n1", "n2")
    assert list(make(3).buckets) == [0, 1, 2]
    assert repr(make(3)) == repr(make(Topology(["n0", "n1", "n2"])))


# --- even shares and exact movement -----------------------------------------------------------------------------------


def is_chance(counts, expected):
    """Chi-square within five deviations of its mean."""
    some = expected > 0
    assert not counts[~some].any()
    square = float((np.square(counts - expected)[some] / expected[some]).sum())
    freedom = int(some.sum()) - 1
    return square < freedom + 5 * np.sqrt(2 * freedom) + 5


EVEN = {name: pair[0] for name, pair in TWINS.items() if name != "binomial"} | STATEFUL


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in EVEN.items()])
@pytest.mark.parametrize(("few", "many"), [(1, 2), (3, 5), (7, 9), (8, 9), (11, 16), (16, 17)])
def test_shares_and_movements_are_what_keys_do(make, few, many):
    bounds = {"capacity": 40} if make in (AnchorHash, DxHash) else {}
    small, large = make(few, **bounds), make(many, **bounds)
    for placement in (small, large):
        counts = np.bincount(placement.lookup(HASHES, hashed=True), minlength=len(placement.nodes))
        assert is_chance(counts, placement.ownership() * len(HASHES))
    before, after = small.lookup(HASHES, hashed=True), large.lookup(HASHES, hashed=True)
    pairs = np.bincount(before.astype(np.int64) * many + after, minlength=few * many).reshape(few, many)
    if (known := small._exact_movement(large)) is None:
        assert isinstance(small, JumpBackHash | PowerHash)
        assert few < 2 ** (many - 1).bit_length() // 2 < many
        assert not is_chance(pairs, JumpHash(few)._exact_movement(JumpHash(many)) * len(HASHES))
        return
    grown, shrunk = movement(small, large), movement(large, small)
    assert (grown.standard_error, grown.needless, shrunk.needless) == (0, 0, 0)
    assert grown.moved == pytest.approx(1 - few / many) == pytest.approx(grown.minimum)
    np.testing.assert_allclose(shrunk.matrix, grown.matrix.T)
    assert is_chance(pairs, known * len(HASHES))


CHANGES = {
    "leave": lambda p: (p, p.remove("n4")),
    "last leaves": lambda p: (p, p.remove("n9")),
    "three leave": lambda p: (p, p.remove("n9").remove("n2").remove("n5")),
    "more leave": lambda p: (p.remove("n1"), p.remove("n1").remove("n8").remove("n0")),
    "join": lambda p: (p, p.add("x")),
    "rejoin": lambda p: (p.remove("n1").remove("n8"), p.remove("n1").remove("n8").add("x")),
    "two join": lambda p: (p.remove("n3"), p.remove("n3").add("x").add("y")),
    "replace": lambda p: (p, p.remove("n3").add("x")),
    "nothing": lambda p: (p.remove("n3"), p.remove("n3")),
}


@each_stateful
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_movements_are_exact_along_a_history(make, change):
    before, after = change(make(10))
    exact = movement(before, after)
    assert (exact.standard_error, exact.needless) == (0, 0)
    old, new = before.lookup(HASHES, hashed=True), after.lookup(HASHES, hashed=True)
    shape = len(before.nodes), len(after.nodes)
    pairs = np.bincount(old.astype(np.int64) * shape[1] + new, minlength=shape[0] * shape[1]).reshape(shape)
    assert is_chance(pairs, exact.matrix * len(HASHES))


@each_stateful
def test_movements_between_strangers_are_counted(make):
    one, other = make(10).remove("n1"), make(10).remove("n2")
    assert one._exact_movement(other) is None
    assert movement(one, other).standard_error > 0
    assert make(10)._exact_movement(make(10, seed=1)) is None
    if make is not MementoHash:
        assert make(10, capacity=20)._exact_movement(make(10, capacity=21)) is None


def test_movement_from_numbered_buckets_to_others_is_counted():
    assert JumpHash(10)._exact_movement(JumpHash(11, "guava")) is None
    assert JumpHash(10)._exact_movement(JumpBackHash(11)) is None
    assert JumpHash(["a", "b"])._exact_movement(JumpHash(["a", "c", "d"])) is None


# --- figures ----------------------------------------------------------------------------------------------------------


def test_jump_back_takes_at_most_five_thirds_of_a_draw():
    """Ertl's bound on the random numbers of a key; a bucket more than a power of two comes close to it."""

    def mean_draws(n):
        return np.mean([engines.jumpback_and_draws(int(key), n)[1] for key in HASHES[:20_000]])

    assert mean_draws(2**10) == 1
    for n in (3, 11, 100, 1000, 2**10 + 1, 2**20 + 1):
        assert mean_draws(n) < 5 / 3 + 0.03  # 5 deviations of a sample of 20,000
    assert mean_draws(2**20 + 1) > 1.6


@pytest.mark.parametrize(("n", "capacity"), [(10, 20), (10, 100), (50, 100)])
def test_hashes_of_anchor(n, capacity):
    """Mendelson et al.: fewer than 1 + ln(a / w) hashes on average; bucket i is met with chance 1 / (i + 1)."""
    engine = engines.Anchor(n, capacity)
    hashes = [engine.lookup_and_hashes(int(key))[1] for key in HASHES[:10_000]]
    expected = 1 + sum(1 / (i + 1) for i in range(n, capacity))
    assert np.mean(hashes) == pytest.approx(expected, abs=5 * np.std(hashes) / 100)
    assert expected < 1 + np.log(capacity / n)


def binomial_shares(n):
    """Shares with ideal hashes: the lower m nodes, and the others."""
    m = 1 << (n - 1).bit_length() - 1
    q = 1 - n / (2 * m)
    other = (1 - q**5) / n
    return np.where(np.arange(n) < m, (1 - (n - m) * other) / m, other)


def test_binomial_has_the_skew_of_ideal_hashes_from_32_nodes_on():
    extremes = [
        (shares.min() * n, shares.max() * n) for n in range(2, 5000) if (shares := binomial_shares(n)) is not None
    ]
    lows, highs = zip(*extremes, strict=True)
    assert min(lows) == pytest.approx(1 - 0.5**5, abs=0.001)  # 3.1 % below the fair share
    assert max(highs) == pytest.approx(1.0021, abs=0.0001)
    keys = random_keys(2**21)
    for n in (32, 33, 37, 48):
        held = np.bincount(BinomialHash(n).lookup(keys, hashed=True), minlength=n)
        assert is_chance(held, binomial_shares(n) * len(keys))
    assert not is_chance(np.bincount(BinomialHash(33).lookup(keys, hashed=True)), np.full(33, len(keys) / 33))


@pytest.mark.parametrize(("n", "peak"), [(5, 1.044), (7, 1.042), (19, 1.021)])
def test_binomial_is_worse_with_few_nodes(n, peak):
    placement = BinomialHash(n)
    assert not placement.owns_exactly()
    assert placement.ownership().max() * n == pytest.approx(peak, abs=5 * np.sqrt(n / 2**20))
    assert movement(placement, placement.add("x")).standard_error > 0
    assert placement.ownership(n).tolist() == [1 / n] * n


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "known"), [(JumpHash, "'cpp' or 'guava'"), (JumpBackHash, "'splitmix64' or 'xor")])
def test_variants_are_checked(make, known):
    with pytest.raises(ValueError, match=f"variant is 'C': give {known}"):
        make(3, variant="C")


@pytest.mark.parametrize("make", [AnchorHash, DxHash])
def test_capacity_is_checked(make):
    for capacity in (float("nan"), 20.0, "20", True):
        with pytest.raises(TypeError, match=r"capacity is .*: give an integer, the most nodes there can ever be"):
            make(10, capacity=capacity)
    for capacity in (9, 0, -1, MOST_BUCKETS + 1):
        with pytest.raises(
            ValueError, match=rf"capacity is {capacity}: 10 buckets are in use, give 10 to {MOST_BUCKETS}"
        ):
            make(10, capacity=capacity)
    assert make(10).capacity == 20
    assert make(3).capacity == 16
    assert make(10).add("x").capacity == 20
    assert make(10, capacity=np.int64(12)) == make(10, capacity=12)
    with pytest.raises(ValueError, match="all 10 buckets have a node, so 'x' finds none: build a placement of more"):
        make(10, capacity=10).add("x")
    assert make(10, capacity=10).remove("n3").add("x").buckets[-1] == 3


@each_stateful
def test_a_damaged_state_is_refused(make):
    state = make(4).remove("n1").state()
    assert restore(state).removed == (1,)
    for change in (
        {"buckets": [0, 2]},
        {"buckets": [0, 2, 2]},
        {"removed": []},
        {"removed": [2]},
        {"buckets": [0, 2, 4]},
    ):
        with pytest.raises(ValueError, match=r"do not make up the buckets from 0 to \d: give each node one bucket"):
            restore(state | change)
    for change in ({"buckets": [0, 2, "3"]}, {"removed": 1}, {"removed": [1.0]}, {"capacities": 3}):
        with pytest.raises(ValueError, match=f"the saved state of {make.__name__} is damaged"):
            restore(state | change)


def test_twins_know_javas_random():
    """``new Random(42)`` is known to begin with these ints."""
    random = engines.JavaRandom(42)
    assert [random.next(32) for _ in range(3)] == [2**32 - 1170105035, 234785527, 2**32 - 1360544799]
    random = engines.JavaRandom(42)
    assert [random.next_int(10) for _ in range(5)] == [0, 3, 8, 4, 0]
