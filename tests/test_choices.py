"""Power of choices and its rivals against their slow twins, exact chains of two nodes, and the laws of many nodes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import choices as reference
from scipy.stats import poisson

from scalemodel.placement import (
    HashRing,
    JumpHash,
    Topology,
    choices_queue_tail,
    choices_tail,
    dispatch,
    dispatch_queue,
)
from scalemodel.placement import choices as module
from scalemodel.placement._kernels import choices as kernels
from scalemodel.workload import Uniform, Workload, Zipf

POLICIES = ("random", "choices", "round_robin", "least_loaded")
NOBODY = np.empty(0, np.int32)


def quiet(*arguments, **options):
    return dispatch(*arguments, progress=False, **options)


def quiet_queue(*arguments, **options):
    return dispatch_queue(*arguments, progress=False, **options)


# --- the twins --------------------------------------------------------------------------------------------------------


@st.composite
def runs(draw):
    """A policy, weights whose multiples are exact, d, and the random numbers of some jobs."""
    policy = draw(st.sampled_from(POLICIES))
    weights = draw(st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), min_size=1, max_size=6))
    numbers = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=60))
    return policy, weights, draw(st.integers(1, 4)), numbers


def arguments(policy, weights, d):
    shares = np.array(weights) / sum(weights)
    return module._CODES[policy], 1 if policy == "random" else d, np.array(weights), module._ends(shares)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_jobs_go_where_the_twin_puts_them(run):
    policy, weights, d, numbers = run
    loads = kernels.dispatch(np.array(numbers, np.uint64), NOBODY, *arguments(policy, weights, d))
    assert loads.tolist() == reference.dispatch(numbers, policy, d, weights)


@settings(max_examples=60, deadline=None)
@given(runs(), st.floats(0.05, 0.95), st.integers(0, 30))
def test_queues_are_the_twins(run, utilisation, skipped):
    policy, weights, d, numbers = run
    skipped = min(skipped, len(numbers) - 1)
    arrival = int(utilisation / (1 + utilisation) * 2.0**64)
    chosen = arguments(policy, weights, d)
    found = kernels.dispatch_queue(np.array(numbers, np.uint64), NOBODY, *chosen, np.uint64(arrival), skipped, 8)
    assert found.tolist() == pytest.approx(
        reference.dispatch_queue(numbers, policy, d, weights, arrival, skipped, 8), abs=1e-12
    )


def test_long_queues_are_counted_with_the_longest():
    numbers, policy = np.zeros(50, np.uint64), arguments("random", [1.0], 1)
    found = kernels.dispatch_queue(numbers, NOBODY, *policy, np.uint64(1), 0, 5)
    assert found.tolist() == pytest.approx([1.0, 1.0, 49 / 50, 48 / 50, 47 / 50])


def test_nodes_are_drawn_by_weight():
    weights = [1.0, 3.0, 0.5]
    ends = module._ends(np.array(weights) / 4.5)
    for number in (0, 2**62, int(ends[0]) - 1, int(ends[0]), int(ends[1]) - 1, int(ends[1]), 2**64 - 1):
        assert kernels.by_weight(np.uint64(number), ends) == reference.by_weight(number, weights)


# --- jobs that stay ---------------------------------------------------------------------------------------------------


def test_random_jobs_have_the_exact_maximum():
    result = quiet("random", 20, 60, seeds=3000)
    for most in (5, 6, 7, 8):
        exact = reference.chance_that_all_have_at_most(most, 60, 20)
        found = np.mean(result.most <= most)
        assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / 3000)


@pytest.mark.parametrize("mean_load", [0.5, 1.0, 4.0, 30.0])
def test_one_choice_has_poisson_loads(mean_load):
    tail = choices_tail(mean_load, 1)
    np.testing.assert_allclose(tail[1:], poisson.sf(np.arange(len(tail) - 1), mean_load), atol=1e-9)


@pytest.mark.parametrize(("mean_load", "d"), [(1, 1), (1, 2), (1, 3), (5, 2), (0.5, 4)])
def test_loads_of_many_nodes_are_the_fluid_limits(mean_load, d):
    nodes, seeds = 10_000, 10
    result = quiet("choices", nodes, int(mean_load * nodes), d=d, seeds=seeds)
    limit = choices_tail(mean_load, d)
    assert limit.sum() - 1 == pytest.approx(mean_load, rel=1e-9)
    for level in range(1, len(result.tail)):
        error = np.sqrt(limit[level] / (nodes * seeds)) + 2 / nodes
        assert abs(result.tail[level] - limit[level]) < 5 * error


def test_two_choices_are_exponentially_better():
    """Azar et al.: ln ln n / ln 2 + O(1) instead of ln n / ln ln n, jobs as many as nodes."""
    for nodes in (100, 10_000, 100_000):
        two, one = (quiet("choices", nodes, nodes, d=d, seeds=5).most.mean() for d in (2, 1))
        assert abs(two - np.log(np.log(nodes)) / np.log(2)) < 1.5
        assert one > np.log(nodes) / np.log(np.log(nodes))
    assert quiet("choices", 10_000, 10_000, d=4, seeds=5).most.max() <= 3


def test_the_lead_of_the_fullest_does_not_grow_with_two_choices():
    """Berenbrink et al., STOC 2000: the excess over the mean is that of n jobs, however many there are."""
    few, many = (quiet("choices", 100, 100 * mean, seeds=20).excess.mean() for mean in (10, 2000))
    assert many == pytest.approx(few, abs=0.5)
    by_chance = quiet("random", 100, 200_000, seeds=20).excess.mean()
    assert by_chance == pytest.approx(np.sqrt(2 * 2000 * np.log(100)), rel=0.25)


@pytest.mark.parametrize("policy", ["round_robin", "least_loaded"])
def test_turns_and_least_loaded_are_even(policy):
    assert quiet(policy, 7, 100, seeds=3).loads.max() == 15
    weighted = quiet(policy, Topology(list("abc"), [1, 2, 5]), 800, seeds=3)
    assert (weighted.loads == [100, 200, 500]).all()
    assert np.abs(quiet(policy, Topology(list("abc"), [1, 2, 5]), 13, seeds=3).excess).max() < 1


def test_smooth_turns_are_nginxs():
    """The example in nginx's change of 2012: weights 5, 1, 1 take turns a a b a c a a."""
    turns, credits = [], np.zeros(3)
    for _ in range(7):
        turns.append("abc"[kernels.next_turn(credits, np.array([5.0, 1.0, 1.0]))])
    assert "".join(turns) == "aabacaa"


def test_hashed_jobs_are_where_their_keys_are():
    ring = HashRing(10, vnodes=16)
    result = quiet("hash", ring, 100_000, seeds=4)
    held = result.loads.sum(axis=0) / 400_000
    assert np.abs(held - ring.ownership()).max() < 5 * np.sqrt(0.1 / 400_000)
    hot = quiet("hash", ring, 10_000, workload=Zipf(1000, 1.2), seeds=4)
    hottest = ring.lookup([0])[0]
    assert (hot.loads[:, hottest] / 10_000 > Zipf(1000, 1.2).pmf(0) - 0.02).all()
    assert np.array_equal(
        hot.loads, quiet("hash", ring, 10_000, workload=Workload(1, popularity=Zipf(1000, 1.2)), seeds=4).loads
    )


# --- jobs that leave --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "weights"),
    [(policy, [1, 1]) for policy in POLICIES] + [(policy, [1, 3]) for policy in POLICIES if policy != "round_robin"],
)
def test_two_queues_are_the_exact_chain(policy, weights):
    result = quiet_queue(policy, Topology(["a", "b"], weights), 0.6, 100_000, seeds=10)
    exact = np.array(reference.two_queues(policy, 0.6, weights))
    for level in range(1, 8):
        error = np.std(result.tails[:, level], ddof=1) / np.sqrt(10)
        assert abs(result.tail[level] - exact[level]) < 5 * error + 1e-5


def test_the_chain_is_right_where_it_is_known():
    np.testing.assert_allclose(reference.two_queues("random", 0.5)[:10], 0.5 ** np.arange(10.0), atol=1e-8)
    np.testing.assert_allclose(
        reference.two_queues("round_robin", 0.5)[:10], reference.round_robin_tail(0.5, 2, 10), atol=1e-8
    )


@pytest.mark.parametrize("d", [1, 2, 3])
def test_queues_of_many_nodes_are_the_fixed_point(d):
    """Mitzenmacher: utilisation^((d^k - 1)/(d - 1)); of 1000 nodes the distance is about their inverse."""
    result = quiet_queue("choices", 1000, 0.9, 600_000, d=d, seeds=4)
    limit = choices_queue_tail(0.9, d)
    for level in range(1, 6):
        error = np.std(result.tails[:, level], ddof=1) / 2
        assert abs(result.tail[level] - limit[level]) < 5 * error + 0.003


def test_the_fixed_point_by_hand():
    assert choices_queue_tail(0.5, 1)[:4].tolist() == [1, 0.5, 0.25, 0.125]
    assert choices_queue_tail(0.9, 2)[:5] == pytest.approx([1, 0.9, 0.9**3, 0.9**7, 0.9**15])
    assert choices_queue_tail(0.9, 3)[:4] == pytest.approx([1, 0.9, 0.9**4, 0.9**13])
    assert choices_queue_tail(0.9, 2)[-1] >= 1e-15


def test_turns_are_erlang_arrivals():
    result = quiet_queue("round_robin", 10, 0.8, 200_000, seeds=10)
    exact = reference.round_robin_tail(0.8, 10, 8)
    for level in range(1, 8):
        error = np.std(result.tails[:, level], ddof=1) / np.sqrt(10)
        assert abs(result.tail[level] - exact[level]) < 5 * error + 1e-5


def test_responses_come_in_order():
    """At 0.8 on 50 equal nodes: keys wait longest, then chance, turns, two choices, and the least loaded."""
    policies = ("hash", "random", "round_robin", "choices", "least_loaded")
    ring = HashRing(50, vnodes=1000)
    responses = [quiet_queue(policy, ring, 0.8, 100_000, seeds=5).response for policy in policies]
    assert (np.diff(responses) < 0).all()
    assert responses[1] == pytest.approx(5, rel=0.05)  # M/M/1: 1 / (1 - 0.8)


def test_keys_that_give_a_node_too_much_are_refused():
    ring = HashRing(10, vnodes=1)
    with pytest.raises(ValueError, match=r"n\d would get 1\.\d+ times what it can serve: give a utilisation below 0\."):
        quiet_queue("hash", ring, 0.6, seeds=1)
    with pytest.raises(ValueError, match=r"would get .* times what it can serve"):
        quiet_queue("hash", JumpHash(10), 0.5, workload=Zipf(100, 2.0), seeds=1)
    uniform = quiet_queue("hash", JumpHash(10), 0.5, workload=Uniform(10**6), seeds=2, jobs=50_000)
    assert uniform.response == pytest.approx(2, rel=0.1)


# --- reproducible, and shown ------------------------------------------------------------------------------------------


def test_the_same_bits_from_any_executor():
    with ThreadPoolExecutor(2) as pool:
        for policy in ("choices", "hash"):
            alone = quiet(policy, 10, 1000, seeds=[3, 1, 4])
            assert np.array_equal(alone.loads, quiet(policy, 10, 1000, seeds=[3, 1, 4], executor=pool).loads)
        one, other = (quiet_queue("choices", 10, 0.5, 1000, seeds=3, executor=e) for e in (None, pool))
        assert np.array_equal(one.tails, other.tails)
    assert not np.array_equal(alone.loads[0], alone.loads[1])


def test_answers_show_themselves():
    stay = quiet("choices", 10, 100, d=3, seeds=5)
    assert stay.title.startswith("3 choices: 100 jobs over 10 nodes, 5 runs: peak-to-mean 1.")
    frame = stay.to_frame().set_index("measure")
    assert frame.loc["most", "mean"] == stay.most.mean()
    assert (frame["value_low"] <= frame["value_high"]).all()
    assert stay.tail[0] == 1
    assert stay.tail.sum() == pytest.approx(11)
    assert stay.plot().get_yscale() == "log"
    leave = quiet_queue("least_loaded", 10, 0.5, 5000, seeds=5)
    assert leave.title.startswith("least loaded: 10 nodes at utilisation 0.5, 5 runs: mean response 1.0")
    table = leave.to_frame()
    assert table.loc[1, "share_of_nodes"] == pytest.approx(0.5, abs=0.05)
    assert (table["share_low"] <= table["share_high"]).all()
    assert leave.plot().get_xlabel() == "jobs"
    assert np.isnan(quiet("random", 3, 10, seeds=1).to_frame()["standard_error"]).all()


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "nodes", "options", "message"),
    [
        ("two", 3, {}, r"policy is 'two': give one of 'random', 'choices'"),
        ("choices", 3, {"d": 0}, r"d is 0: give an integer from 1 to 64"),
        ("choices", 3, {"d": 2.0}, r"d is 2\.0: give an integer from 1 to 64"),
        ("random", 0, {}, r"number of nodes is 0"),
        ("random", 3, {"workload": Zipf(10, 1.0)}, r"policy 'random' does not look at keys: give a workload only"),
        ("hash", 3, {"workload": Workload(1)}, r"the workload has no popularity"),
    ],
)
def test_bad_input(policy, nodes, options, message):
    for ask in (
        lambda **more: quiet(policy, nodes, 10, **more),
        lambda **more: quiet_queue(policy, nodes, 0.5, **more),
    ):
        with pytest.raises(ValueError, match=message):
            ask(**options)


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True, "9", 10**9 + 1])
def test_jobs_are_counted(jobs):
    for ask in (lambda: quiet("random", 3, jobs), lambda: quiet_queue("random", 3, 0.5, jobs)):
        with pytest.raises(ValueError, match=r"jobs is .*: give an integer from 1 to 1000000000"):
            ask()


@pytest.mark.parametrize("utilisation", [0, 1, -0.5, 1.5, float("nan")])
def test_utilisations_are_checked(utilisation):
    for ask in (lambda: quiet_queue("random", 3, utilisation), lambda: choices_queue_tail(utilisation)):
        with pytest.raises(ValueError, match=r"utilisation is .*: give a number above 0 and below 1"):
            ask()


@pytest.mark.parametrize("load", [0, -1, 1001, float("nan"), float("inf")])
def test_mean_loads_are_checked(load):
    with pytest.raises(ValueError, match=r"mean_load is .*: give a number above 0, and at most 1000"):
        choices_tail(load)
