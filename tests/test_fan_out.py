"""What several keys cost: exact laws against trying every way, closed forms and counting."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import tablets as reference

from scalemodel.placement import (
    HashRing,
    JumpHash,
    Rendezvous,
    TabletPlacement,
    Tablets,
    balance,
    expected_fullest,
    expected_touched,
    fullest_law,
    join_cost,
    touched_law,
    traced_fan_out,
    transaction_fan_out,
)
from scalemodel.placement.fan_out import FanOut
from scalemodel.placement.occupancy import touched_laws
from scalemodel.streams import stream
from scalemodel.workload import Empirical, Zipf

# --- how many parts are touched ---------------------------------------------------------------------------------------

shares_of_parts = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(
    lambda counts: [Fraction(count, sum(counts)) for count in counts]
)


@settings(max_examples=40, deadline=None)
@given(shares_of_parts, st.integers(1, 6))
def test_touched_parts_are_those_of_every_way_to_fall(shares, keys):
    np.testing.assert_allclose(
        touched_law(keys, [float(p) for p in shares]),
        [float(p) for p in reference.touched(keys, shares)],
        atol=1e-14,
    )


@pytest.mark.parametrize(("keys", "parts"), [(1, 1), (5, 1), (1, 7), (30, 7), (7, 30), (400, 100)])
def test_equal_parts_are_stirlings(keys, parts):
    # P(d) = S(keys, d) parts! / (parts - d)! / parts^keys, whole numbers
    second = [[0] * (keys + 1) for _ in range(keys + 1)]
    second[0][0] = 1
    for k, d in itertools.product(range(1, keys + 1), repeat=2):
        second[k][d] = d * second[k - 1][d] + second[k - 1][d - 1]
    expected = [
        float(Fraction(second[keys][d] * math.perm(parts, d), parts**keys)) for d in range(min(keys, parts) + 1)
    ]
    np.testing.assert_allclose(touched_law(keys, parts), expected, rtol=1e-11, atol=1e-300)
    if parts > 1:  # a hair of difference takes the other way
        uneven = np.full(parts, 1 / parts)
        uneven[0] *= 1 + 1e-13
        np.testing.assert_allclose(touched_law(keys, uneven), expected, rtol=1e-9, atol=1e-17)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=60), st.integers(1, 80))
def test_the_law_has_the_closed_mean_and_variance(weights, keys):
    p = np.array(weights) / sum(weights)
    law = touched_law(keys, p)
    d = np.arange(len(law))
    assert law.sum() == pytest.approx(1, abs=1e-12)
    assert law @ d == pytest.approx(expected_touched(keys, p), rel=1e-12)
    missed = (1 - p) ** keys
    both = np.maximum(1 - p[:, None] - p[None, :], 0) ** keys - missed[:, None] * missed[None, :]
    np.fill_diagonal(both, missed * (1 - missed))
    assert law @ d**2 - (law @ d) ** 2 == pytest.approx(both.sum(), rel=1e-6, abs=1e-10)


def test_uneven_parts_are_touched_less():
    even, ring = touched_law(10, 20), touched_law(10, HashRing(20, vnodes=4).ownership())
    assert (np.cumsum(ring)[1:-1] > np.cumsum(even)[1:-1]).all()
    assert expected_touched(10, HashRing(20, vnodes=4).ownership()) < expected_touched(10, 20)


def test_many_keys_on_a_part_that_none_can_miss():
    law = touched_law(1000, [0.9, 0.06, 0.04])
    assert law[3] == pytest.approx(1)
    assert expected_touched(10**9, [0.9, 0.06, 0.04]) == 3
    assert touched_law(3, [1.0]).tolist() == [0, 1]
    assert touched_law(2, [0.0, 1.0, 0.0]).tolist() == [0, 1]


def test_all_numbers_of_keys_at_once():
    p = [0.5, 0.3, 0.2]
    laws = touched_laws(5, p)
    for k in range(1, 6):
        np.testing.assert_allclose(laws[k, : min(k, 3) + 1], touched_law(k, p))
    assert laws[0].tolist() == [1, 0, 0, 0]


# --- how full the fullest is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("balls", "bins"), [(1, 1), (6, 1), (1, 5), (2, 2), (5, 3), (7, 4), (4, 9)])
def test_the_fullest_bin_is_that_of_every_way_to_fall(balls, bins):
    law = reference.fullest(balls, bins)
    low, cdf = fullest_law(balls, bins)
    expected = [float(sum(p for most, p in law.items() if most <= low + i)) for i in range(len(cdf))]
    np.testing.assert_allclose(cdf, expected, atol=1e-10)
    assert low + len(cdf) - 1 == max(law)
    mean = float(sum(most * p for most, p in law.items()))
    assert expected_fullest(balls, bins) == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize(("balls", "bins"), [(100, 10), (1000, 100), (20_000, 50), (300, 2)])
def test_the_fullest_bin_is_what_a_draw_shows(balls, bins):
    drawn = stream(1).multinomial(balls, np.full(bins, 1 / bins), 20_000).max(axis=1)
    assert expected_fullest(balls, bins) == pytest.approx(drawn.mean(), abs=5 * drawn.std() / math.sqrt(20_000))
    low, cdf = fullest_law(balls, bins)
    for i, p in enumerate(cdf):
        assert np.mean(drawn <= low + i) == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / 20_000) + 1e-4)


def test_a_hundred_keys_a_node_are_not_a_sample():
    # the noise of 100 keys per node over 1000 nodes: a third above the mean on a perfectly even hash
    assert expected_fullest(100_000, 1000) / 100 == pytest.approx(1.34, abs=0.01)


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_transaction_over_a_placement_uses_its_shares():
    ring = HashRing(10, vnodes=8)
    fan_out = transaction_fan_out(ring, 3)
    assert fan_out.alone == pytest.approx((ring.ownership() ** 3).sum())
    assert fan_out.mean == pytest.approx(expected_touched(3, ring.ownership()))
    np.testing.assert_allclose(fan_out.law, transaction_fan_out(ring.ownership(), 3).law)
    np.testing.assert_allclose(transaction_fan_out(JumpHash(10), 4).law, transaction_fan_out(10, 4).law, atol=1e-12)


def test_hot_keys_make_transactions_narrower():
    law = Zipf(1000, 1.3)
    fan_out = transaction_fan_out(JumpHash(10), 3, law)
    assert fan_out.alone == pytest.approx((balance(JumpHash(10), law).share ** 3).sum())
    assert fan_out.mean < transaction_fan_out(JumpHash(10), 3).mean


def test_drawn_transactions_agree_with_the_law():
    placement, law = HashRing(8, vnodes=16), Zipf(500, 0.8)
    drawn = law.sample(4 * 30_000, seed=3).reshape(-1, 4)
    counted = traced_fan_out(placement, drawn.tolist())
    exact = transaction_fan_out(placement, 4, law)
    np.testing.assert_allclose(counted.law, exact.law, atol=5 * 0.5 / math.sqrt(30_000))


@pytest.mark.parametrize("together", [0.0, 0.3, 1.0])
def test_entity_groups(together):
    keys, nodes = 4, 5
    expected = [0.0] * 5
    for others in range(keys):  # so many keys outside the first one's group
        chance = math.comb(keys - 1, others) * (1 - together) ** others * together ** (keys - 1 - others)
        for d, p in enumerate(reference.touched(others + 1, [Fraction(1, nodes)] * nodes)):
            expected[d] += chance * float(p)
    fan_out = transaction_fan_out(nodes, keys, together=together)
    np.testing.assert_allclose(fan_out.law, expected, atol=1e-12)
    if together == 1:
        assert fan_out.alone == 1


def test_traced_transactions_are_counted_one_by_one():
    placement = Rendezvous(6)
    transactions = [["a"], ["a", "b", "a"], list("abcdefgh")]
    counted = Counter(len(set(placement.lookup(keys).tolist())) for keys in transactions)
    fan_out = traced_fan_out(placement, transactions)
    assert fan_out.law.tolist() == [counted.get(d, 0) / 3 for d in range(len(fan_out.law))]
    grouped = traced_fan_out(placement, [["x:1", "x:2"], ["y:1", "y:2"]], group=lambda key: key.partition(":")[0])
    assert grouped.alone == 1


def test_range_and_hash_differ_in_scans_and_agree_on_scattered_keys():
    names = [f"{i:05}" for i in range(2000)]
    ranges = TabletPlacement(10, Tablets(names, 1.0, order="key").even(40))
    hashes = TabletPlacement(10, Tablets(names, 1.0).even(40))
    scan = ranges.scan(20)
    neighbours = [names[i : i + 20] for i in range(0, 1980, 7)]
    assert scan.mean < 1.5
    assert traced_fan_out(ranges, neighbours).mean == pytest.approx(scan.mean, abs=0.1)
    assert traced_fan_out(hashes, neighbours).mean == pytest.approx(expected_touched(20, hashes.ownership()), abs=0.2)


def test_quantiles_titles_and_plots():
    fan_out = FanOut("3 keys", "nodes", np.array([0, 0.25, 0.5, 0.25]))
    assert [fan_out.quantile(p) for p in (0, 0.25, 0.26, 0.75, 0.76, 1)] == [1, 1, 2, 2, 3, 3]
    assert fan_out.title == "3 keys: 2.00 nodes on average, 25 % of the requests stay on one"
    assert fan_out.to_frame()["at_most"].tolist() == [0.25, 0.75, 1.0]
    assert fan_out.plot().get_xlabel() == "nodes touched"


# --- joins ------------------------------------------------------------------------------------------------------------


def test_a_join_sends_what_counting_rows_says():
    rng = stream(2)
    nodes, rows = 4, 40_000
    p = np.array([0.4, 0.3, 0.2, 0.1])
    at, to = rng.choice(nodes, rows, p=p), rng.choice(nodes, rows, p=p)
    table = join_cost(p, rows, rows / 2).to_frame().set_index("join")
    sent = np.sum(at != to)
    assert table.loc["move both", "sent_bytes"] * 2 / 3 == pytest.approx(sent, rel=0.03)
    received = np.bincount(to[at != to], minlength=nodes).max()
    assert table.loc["move both", "most_received_bytes"] * 2 / 3 == pytest.approx(received, rel=0.05)
    assert table.loc["right to every node"].tolist() == [3 * rows / 2, 0.9 * rows / 2]
    assert table.loc["sharded alike"].tolist() == [0, 0]
    assert "sends" in join_cost(HashRing(5), 1e9, 1e6).title


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: touched_law(0, 3), "keys is 0: give an integer of one or more"),
        (lambda: touched_law(2, 0), "parts is 0"),
        (lambda: touched_law(2, []), r"shares has shape \[0\]"),
        (lambda: touched_law(2, [0.5, 0.6]), "sum to 1.1: give shares that sum to 1"),
        (lambda: touched_law(2, [1.5, -0.5]), "shares run from -0.5"),
        (lambda: touched_law(2, [np.nan, 1]), "shares run from nan"),
        (lambda: touched_law(2000, np.arange(1, 1001) / 500500), "ask for expected_touched"),
        (lambda: fullest_law(10**7, 2), "too many for the exact law"),
        (lambda: fullest_law(10**9, 10), "too many for the exact law"),
        (lambda: expected_fullest(1.5, 2), "balls is 1.5"),
        (lambda: transaction_fan_out(3, True), "keys is True"),
        (lambda: transaction_fan_out(3, 2, together=1.5), "together is 1.5"),
        (lambda: transaction_fan_out(3, 2, Zipf(9, 1.0)), "a workload came with shares"),
        (lambda: traced_fan_out(HashRing(3), []), "there are no transactions"),
        (lambda: traced_fan_out(HashRing(3), [["a"], []]), "give at least one key in each"),
        (lambda: join_cost(3, -1, 1), "left is -1"),
        (lambda: join_cost(3, 1, np.inf), "right is inf"),
        (lambda: FanOut("x", "nodes", np.array([0, 1.0])).quantile(2), "p is 2"),
    ],
)
def test_bad_input(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_a_trace_is_drawn_from_by_its_own_keys():
    trace = Empirical.from_trace(["a"] * 8 + ["b"] * 2)
    both = transaction_fan_out(JumpHash(50), 2, trace)
    assert both.law.tolist() == pytest.approx([0, 0.68, 0.32])
