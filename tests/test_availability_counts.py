"""How often too few are up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import availability as reference

from scalemodel.availability import k_of_n_unavailability, spread_unavailability


@settings(max_examples=60, deadline=None)
@given(down=st.lists(st.floats(0, 1), min_size=1, max_size=9), data=st.data())
def test_against_all_states(down, data):
    k = data.draw(st.integers(1, len(down)))
    exact = reference.fewer_up(k, down)
    if float(exact) > 1e-290:
        assert k_of_n_unavailability(k, down) == pytest.approx(float(exact), rel=1e-14)
        assert k_of_n_unavailability(k, [down, down[::-1]]) == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize(
    ("k", "n", "p"), [(3, 5, 1e-6), (16, 31, 1e-3), (51, 101, 1e-2), (2, 300, 0.3), (500, 1000, 0.4)]
)
def test_the_tail_keeps_its_digits(k, n, p):
    exact = float(reference.fewer_up_by_count(k, [p] * n))
    assert k_of_n_unavailability(k, [p] * n) == pytest.approx(exact, rel=2e-13 if n > 200 else 1e-14)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 60), p=st.floats(1e-5, 1), data=st.data())
def test_nodes_that_are_alike(n, p, data):
    k = data.draw(st.integers(1, n))
    exact = float(reference.fewer_up_by_count(k, [p] * n))
    assert k_of_n_unavailability(k, p, n=n) == pytest.approx(exact, rel=2e-14)


def test_many_nodes_that_are_alike():
    shares = np.array([[0.2, 0.3], [0.4, 0.5]])
    answers = k_of_n_unavailability(50, shares, n=100)
    assert answers.shape == (2, 2)
    assert answers.ravel().tolist() == [k_of_n_unavailability(50, [p] * 100) for p in shares.ravel()]


def test_batches_of_any_size_are_rows_by_themselves():
    rows = np.random.default_rng(1).random((600, 4))
    answers = k_of_n_unavailability(2, rows)
    assert [k_of_n_unavailability(2, row) for row in rows] == answers.tolist()


def test_published_figures():
    write, read, everything = spread_unavailability([4, 3, 1], 6, 3, 1e-3, 1e-4)
    assert (write, read) == (pytest.approx(1.2479e-6, rel=5e-5), pytest.approx(3.181e-8, rel=5e-4))
    assert everything == pytest.approx(1.03e-12, rel=1e-2)
    need, replicas, zones = [2, 2, 2, 3, 3], [3, 3, 3, 5, 5], [3, 2, 1, 3, 5]
    expected = [3.627e-6, 1.0320e-4, 1.0300e-4, 6.399e-7, 1.328e-8]
    assert spread_unavailability(need, replicas, zones, 1e-3, 1e-4) == pytest.approx(expected, rel=5e-4)
    common = spread_unavailability([2, 3], [3, 5], 1, 0.95e-3, 0.0, 0.05e-3)
    assert common == pytest.approx([5.2706e-5, 5.0009e-5], rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(replicas=st.integers(1, 9), zones=st.integers(1, 4), data=st.data())
def test_spread_is_the_mixture_over_what_happens_to_the_zones(replicas, zones, data):
    need = data.draw(st.integers(1, replicas))
    node, zone, common = (data.draw(st.floats(0, 1)) for _ in range(3))
    place = sorted(i % zones for i in range(replicas))
    total = common
    for state in np.ndindex(*(2,) * zones):
        weight = np.prod([zone if gone else 1 - zone for gone in state])
        down = [1.0 if state[z] else node for z in place]
        total += (1 - common) * weight * float(reference.fewer_up(need, down))
    assert spread_unavailability(need, replicas, zones, node, zone, common) == pytest.approx(
        total, rel=1e-12, abs=1e-300
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: k_of_n_unavailability(4, [0.1] * 3), "from 1 to 3"),
        (lambda: k_of_n_unavailability(0, [0.1] * 3), "from 1 to 3"),
        (lambda: k_of_n_unavailability(2, [0.1, 99.9, 0.1]), "0.999 meant"),
        (lambda: k_of_n_unavailability(2, [0.1, -0.1, 0.1]), "between 0 and 1"),
        (lambda: k_of_n_unavailability(2, [0.1, float("nan"), 0.1]), "give"),
        (lambda: k_of_n_unavailability(1, []), "shape"),
        (lambda: k_of_n_unavailability(1, [], n=2), "empty"),
        (lambda: k_of_n_unavailability(3, 0.1, n=2), "from 1 to 2"),
        (lambda: k_of_n_unavailability(1, [0.1, 99.9], n=2), "0.999 meant"),
        (lambda: k_of_n_unavailability(1, [0.1, 1e-200], n=2), "1e-308"),
        (lambda: k_of_n_unavailability(1, [1e-200, 1e-200]), "1e-308"),
        (lambda: spread_unavailability(4, 3), "need is 4 of 3"),
        (lambda: spread_unavailability(2, 3, 0), "zones is 0"),
        (lambda: spread_unavailability(2, 3, 1, 1.5), "p_node is 1.5"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_certain_answers_are_certain():
    assert k_of_n_unavailability(1, [0.0, 0.5]) == 0.0
    assert k_of_n_unavailability(2, [1.0, 0.5]) == 1.0
    with pytest.raises(TypeError, match="integers"):
        spread_unavailability(2.5, 3)
