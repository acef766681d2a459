"""Quorum systems: against quoracle, published figures, closed forms, and brute force over all subsets."""

import itertools
import math
import random
from datetime import timedelta

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import quoracle
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import quorum as reference

from scalemodel.latency import Constant, LogNormal, kth_of, slowest
from scalemodel.quorum import (
    Node,
    QuorumSystem,
    aurora,
    choose,
    crumbling_wall,
    grid,
    hierarchical,
    majority,
    pareto,
    parse,
    paths,
    primary_backup,
    read_one_write_all,
    search,
    thresholds,
    tree,
    weighted,
)
from scalemodel.quorum.diagram import Diagram, TooLarge
from scalemodel.quorum.search import Space
from scalemodel.topology import Topology

mpl.use("Agg")
quick = settings(max_examples=40, deadline=None)

# the nodes of quoracle's case study
WRITES = dict(zip("abcde", (2000, 1000, 2000, 1000, 2000), strict=True))
SECONDS = dict(zip("abcde", (1, 1, 3, 4, 5), strict=True))
A, B, C, D, E = (Node(x, 2.0 * WRITES[x], WRITES[x], SECONDS[x]) for x in "abcde")
SHARES = {0.9: 10, 0.8: 20, 0.7: 100, 0.6: 100, 0.5: 100, 0.4: 60, 0.3: 30, 0.2: 30, 0.1: 20}
MIX = {fraction: share / 470 for fraction, share in SHARES.items()}
MAJORITY = QuorumSystem(reads=majority([A, B, C, D, E]))
WALL = QuorumSystem(reads=A * B + C * D * E)
PATHS = QuorumSystem(reads=A * B + A * C * E + D * E + D * C * B)


def named(names, **more):
    return [Node(name, **more) for name in names]


@st.composite
def expressions(draw, names="abcdef", capacities=False):
    """Any expression over some nodes, with repeated nodes and votes."""
    nodes = named(names)
    if capacities:
        nodes = [Node(x, draw(st.sampled_from([1.0, 2.0, 5.0])), draw(st.sampled_from([1.0, 2.0, 3.0]))) for x in names]
    count = draw(st.integers(1, 6))
    parts = [draw(st.sampled_from(nodes)) for _ in range(count)]
    while len(parts) > 1:
        size = draw(st.integers(2, len(parts)))
        some, parts = parts[:size], parts[size:]
        if draw(st.booleans()):
            weights = {part: draw(st.integers(1, 3)) for part in some}
            some = [weighted(weights, draw(st.integers(1, sum(weights.values()))))]
        else:
            some = [choose(draw(st.integers(1, size)), some)]
        parts = [*parts, *some]
    return parts[0]


# --- expressions ------------------------------------------------------------------------------------------------------


@quick
@given(expressions())
def test_minimal_quorums_resilience_and_dual_are_those_of_brute_force(expression):
    names = [node.name for node in expression.nodes]
    expected = reference.minimal(names, expression.is_quorum)
    found = list(expression.minimal_quorums())
    assert len(found) == len(set(found)) == expression.quorum_count()
    assert set(found) == set(expected)
    assert expression.resilience == reference.resilience(names, expression.is_quorum)
    dual = expression.dual()
    assert all(dual.is_quorum(s) == (not expression.is_quorum(set(names) - s)) for s in reference.subsets(names))
    assert dual.dual().equivalent(expression)


@quick
@given(expressions(), st.integers(1, 3))
def test_sets_that_survive_failures_are_those_of_brute_force(expression, f):
    names = [node.name for node in expression.nodes]
    diagram = Diagram.of(expression)
    masks = diagram.minimal_masks(diagram.resilient(diagram.expression_root, f))
    found = {frozenset(n for i, n in enumerate(names) if mask >> i & 1) for mask in masks}
    assert found == set(reference.resilient(names, expression.is_quorum, f))


@quick
@given(expressions(), expressions())
def test_equivalence_is_that_of_brute_force(one, other):
    names = sorted({node.name for node in (*one.nodes, *other.nodes)})

    def holds(expression, s):
        return expression.is_quorum(s & {node.name for node in expression.nodes})

    same = all(holds(one, s) == holds(other, s) for s in reference.subsets(names))
    assert one.equivalent(other) == same


@quick
@given(expressions(), expressions())
def test_disjoint_quorums_are_found(reads, writes):
    names = sorted({node.name for node in (*reads.nodes, *writes.nodes)})
    meet = all(r & w for r in reads.minimal_quorums() for w in writes.minimal_quorums())
    if meet:
        assert len(QuorumSystem(reads, writes).nodes) == len(names)
    else:
        with pytest.raises(ValueError, match="have no common node"):
            QuorumSystem(reads, writes)


@given(st.integers(1, 6), st.integers(1, 6))
def test_thresholds_that_overlap_are_accepted_and_no_others(r, w):
    nodes = named("abcdef")
    if r + w > 6:
        assert QuorumSystem(choose(r, nodes), choose(w, nodes)).read_resilience == 6 - r
    else:
        with pytest.raises(ValueError, match=r"the read quorum \{.*\} and the write quorum \{.*\} have no common node"):
            QuorumSystem(choose(r, nodes), choose(w, nodes))


@quick
@given(expressions())
def test_expressions_are_read_back_from_their_text(expression):
    assert parse(str(expression)).equivalent(expression)


def test_expressions_are_written_in_the_simplest_way():
    a, b, c = named("abc")
    assert str(a * (b * c)) == "a * b * c"
    assert str((a + b) + (c + a)) == "a + b + c"
    assert a * a == a
    assert choose(2, [a, a, b]) == weighted({a: 2, b: 1}, 2)
    assert majority([a, b, c]).equivalent(a * b + a * c + b * c)
    assert parse("choose(2, [a, 'us-east-1', c])").nodes[1].name == "us-east-1"
    assert parse("majority(a, b, c)", [Node("a", 5.0), b, c]).nodes[0].read_capacity == 5


def test_is_quorum_takes_sets_lists_of_sets_and_arrays():
    system = QuorumSystem(reads=A * B + C * D * E)
    table = np.array(list(itertools.product([False, True], repeat=5)))
    expected = [system.is_read_quorum([n for n, up in zip("abcde", row, strict=True) if up]) for row in table]
    assert system.is_read_quorum(table).tolist() == expected
    assert system.is_read_quorum(table.reshape(4, 8, 5)).shape == (4, 8)
    assert system.is_write_quorum([{"a", "c"}, {A, B}]).tolist() == [True, False]
    assert system.is_read_quorum({"a", "b"}) is True
    assert system.is_read_quorum([]) is False


# --- published figures ------------------------------------------------------------------------------------------------


def close(value, digits=1e-6):
    return pytest.approx(value, rel=digits, abs=0)


def printed(value, decimals):
    """A figure as printed: rounded, or cut off, to so many decimals."""
    return pytest.approx(value, rel=0, abs=1.000001 * 10**-decimals)


def test_case_study_capacities():
    assert MAJORITY.capacity(MIX, "uniform") == printed(2291.60, 2)
    assert MAJORITY.latency(MIX, "uniform") == close(4.5)
    assert MAJORITY.capacity(MIX) == printed(3666.56, 2)
    assert WALL.capacity(MIX) == printed(4200.22, 2)
    assert PATHS.capacity(MIX) == printed(4124.88, 2)
    searched = QuorumSystem(reads=(C + B * D) * (A + E))
    assert searched.capacity(MIX) == printed(5005.19, 2)
    assert searched.capacity(MIX, mean="harmonic") < searched.capacity(MIX)


def test_case_study_with_one_failure():
    assert [s.capacity(MIX, f=1) for s in (MAJORITY, WALL, PATHS)] == [
        printed(2749.92, 2),
        printed(1374.96, 2),
        printed(1374.96, 2),
    ]
    assert QuorumSystem(reads=choose(3, [A, C, B + D, E])).capacity(MIX, f=1) == printed(3012.03, 2)


def test_case_study_latencies():
    fastest = {"optimize": "latency", "load_limit": 1 / 2000}
    assert MAJORITY.latency(MIX, **fastest) == printed(3.238298, 6)
    assert WALL.latency(MIX, **fastest) == printed(1.953191, 6)
    assert PATHS.latency(MIX, **fastest) == printed(2.433570, 6)
    assert QuorumSystem(reads=choose(2, [A, B, C * D * E])).latency(MIX, **fastest) == printed(1.476595, 6)


def test_case_study_searches():
    nodes = [A, B, C, D, E]
    best = search(nodes, MIX, resilience=1, progress=False)
    assert best.strategy.capacity(MIX) == printed(5005.19, 2)
    assert search(nodes, MIX, resilience=1, f=1, progress=False).strategy.capacity(MIX) == printed(3012.03, 2)
    fast = search(nodes, MIX, "latency", resilience=1, load_limit=1 / 2000, progress=False)
    assert fast.best.value == printed(1.476595, 6)
    assert fast.complete
    assert fast.examined == 885


def test_examples_of_the_paper():
    a, b, c = named("abc")
    three = QuorumSystem(reads=a * b + b * c + a * c)
    assert (three.resilience, three.capacity(1)) == (1, close(1.5))
    a, b, c, d = (Node(x, r, w) for x, r, w in zip("abcd", (200, 200, 100, 100), (100, 100, 50, 50), strict=True))
    four = QuorumSystem(reads=a * b + c * d)
    assert [four.capacity(fr) for fr in (1, 0.5, 0)] == [close(300), close(200), close(100)]
    mix = {0.0: 10 / 18, 0.25: 4 / 18, 0.5: 2 / 18, 0.75: 1 / 18, 1.0: 1 / 18}
    other = QuorumSystem(reads=a * c + b * d)
    assert other.capacity(mix) == printed(159.304, 3)
    assert other.capacity(mix, mean="harmonic") == printed(158.242, 3)
    two = QuorumSystem(reads=choose(2, [a, b, c, d]))
    assert [s.capacity(1, f=f) for s in (four, two) for f in (0, 1)] == [close(300), close(100), close(300), close(200)]


def test_latencies_of_the_paper():
    nodes = a, b, c, d = [
        Node(x, r, r / 2, t) for x, r, t in zip("abcd", (200, 200, 100, 100), (4, 4, 1, 1), strict=True)
    ]
    system = QuorumSystem(reads=a * b + c * d)
    best = system.strategy(1)
    assert (best.capacity(1), best.network_load(1), best.latency(1)) == (close(300), close(2), close(3))
    fast = system.strategy(1, "latency", load_limit=1 / 150, network_limit=2)
    shares = dict(zip("abcd", fast.read_shares, strict=True))
    assert shares == {x: close(p) for x, p in zip("abcd", (1 / 3, 1 / 3, 2 / 3, 2 / 3), strict=True)}
    found = search(nodes, 1, "latency", load_limit=1 / 150, network_limit=2, progress=False)
    assert (found.best.value, found.strategy.network_load(1)) == (close(1), close(1))
    assert found.strategy.capacity(1) >= 150 * (1 - 1e-9)


def test_examples_of_the_readme():
    a, b, c, d, e, f = named("abcdef")
    system = QuorumSystem(reads=a * b * c + d * e * f)
    assert system.load(0.25) == close(3 / 8)
    assert system.load({0.1: 0.5, 0.75: 0.5}) == close(0.4041666666666)
    caps = dict(zip("abcdef", (1000, 500) * 3, strict=True))
    a, b, c, d, e, f = (Node(x, cap, cap) for x, cap in caps.items())
    assert QuorumSystem(reads=a * b * c + d * e * f).capacity(0.75) == close(4000 / 3)
    nodes = [Node(x, 10 * cap, cap) for x, cap in caps.items()]
    a, b, c, d, e, f = nodes
    system = QuorumSystem(reads=a * b * c + d * e * f)
    assert [system.capacity(fr) for fr in (1, 0.5, 0)] == [close(10_000), printed(3913.0434, 3), close(2000)]


def test_latencies_of_the_readme():
    spec = zip("abcdef", (1000, 500) * 3, range(1, 7), strict=True)
    nodes = a, b, c, d, e, f = [Node(x, 10 * cap, cap, t) for x, cap, t in spec]
    grid = QuorumSystem(reads=a * b * c + d * e * f)
    assert [grid.capacity(0, f=f) for f in (0, 1)] == [close(2000), close(1000)]
    write2 = QuorumSystem(writes=choose(2, [a, b, c, d, e]))
    assert [write2.capacity(0, f=f) for f in (0, 1)] == [close(2000), close(4000 / 3)]
    fast = grid.strategy(0.5, "latency")
    assert [fast.latency(fr) for fr in (1, 0, 0.5)] == [close(3), close(4), close(3.5)]
    assert grid.latency(0.5, optimize="latency", load_limit=1 / 1500) == close(11 / 3)
    assert grid.capacity(0.5, latency_limit=4) == pytest.approx(3856.2090893331633, rel=1e-6)
    assert grid.network_load(0.5, optimize="network") == close(2.5)
    with pytest.raises(ValueError, match="latency"):
        grid.strategy(0.5, latency_limit=1)
    shown = QuorumSystem(reads=choose(3, [a, c, e, b + d + f]), writes=choose(2, [a, c, e, b * d * f]))
    limits = {"latency_limit": 4, "network_limit": 4}
    assert shown.resilience == 1
    assert shown.capacity(0.75, f=1, **limits) == close(3500)
    found = search(nodes, 0.75, resilience=1, f=1, **limits, time_limit=20, progress=False)
    assert found.strategy.capacity(0.75) >= 3500 * (1 - 1e-6)
    assert found.strategy.latency(0.75) <= 4 * (1 + 1e-9)


def test_aurora():
    system = aurora()
    assert [system.capacity(fr) for fr in (1, 0.5, 0)] == [close(2.0), close(12 / 7), close(1.5)]
    assert (system.read_resilience, system.write_resilience) == (3, 2)
    found = system.unavailability({"node": 1e-3, "zone": 1e-4})
    assert found.write == pytest.approx(1.2479e-6, rel=5e-5)
    assert found.read == pytest.approx(3.181e-8, rel=2e-4)
    assert found.both == found.write


def test_small_capacities_have_strategies_too():
    # quoracle bounds the load by 1, and finds none
    assert QuorumSystem(reads=majority([Node(x, 0.3, 0.3) for x in "abcde"])).capacity(1) == close(0.5)


# --- quoracle as the oracle -------------------------------------------------------------------------------------------


of_quoracle = pytest.mark.filterwarnings("ignore::DeprecationWarning:quoracle", "ignore::DeprecationWarning:pulp")


def random_system(seed):
    """A random system of up to seven nodes, as ours and as quoracle's."""
    rng = random.Random(seed)
    n = rng.randint(3, 7 if seed % 3 else 5)
    spec = [(f"n{i}", rng.choice((1, 2, 4)), rng.choice((1, 2, 3)), rng.choice((1, 2, 3, 5, 8))) for i in range(n)]
    ours = [Node(name, r, w, t) for name, r, w, t in spec]
    theirs = [
        quoracle.Node(name, read_capacity=r, write_capacity=w, latency=timedelta(seconds=t)) for name, r, w, t in spec
    ]
    repeated = seed % 3 == 0  # only where the dual stays small: quoracle does not minimise it
    leaves = [rng.randrange(n) for _ in range(rng.randint(3, 5))] if repeated else rng.sample(range(n), n)

    def build(items):
        if len(items) == 1:
            return ours[items[0]], theirs[items[0]]
        size = rng.randint(2, min(len(items), 4))
        cuts = sorted(rng.sample(range(1, len(items)), size - 1))
        parts = [build(items[a:b]) for a, b in zip([0, *cuts], [*cuts, len(items)], strict=True)]
        k = rng.randint(1, size)
        return choose(k, [p for p, _ in parts]), quoracle.choose(k, [p for _, p in parts])

    mine, its = build(leaves)
    return QuorumSystem(reads=mine), quoracle.QuorumSystem(reads=its), rng


def its_metric(ask, **options):
    try:
        return ask(**options)
    except quoracle.NoStrategyFoundError:
        return None


@of_quoracle
@pytest.mark.parametrize("seed", range(36))
def test_as_quoracle(seed):
    ours, its, rng = random_system(seed)
    assert ours.read_resilience == its.read_resilience()
    assert ours.write_resilience == its.write_resilience()
    assert set(ours.minimal_quorums()) == set(map(frozenset, its._minimize(list(its.read_quorums()))))
    mix = rng.choice([0.5, 0.8, {0.1: 0.5, 0.75: 0.5}])
    assert ours.load(mix) == close(its.load(read_fraction=mix))
    uniform, its_uniform = ours.uniform_strategy(), its.uniform_strategy()
    assert uniform.load(mix) == close(its_uniform.load(read_fraction=mix))
    assert uniform.capacity(mix) == close(its_uniform.capacity(read_fraction=mix))
    assert uniform.network_load(mix) == close(its_uniform.network_load(read_fraction=mix))
    assert uniform.latency(mix) == close(its_uniform.latency(read_fraction=mix).total_seconds())
    best = ours.strategy(mix)
    limit = best.load(mix) * rng.choice([1.1, 1.4])
    least = its.strategy(read_fraction=mix, optimize="network", load_limit=limit)
    assert ours.network_load(mix, optimize="network", load_limit=limit) == close(least.network_load(read_fraction=mix))
    fast = its.strategy(read_fraction=mix, optimize="latency", load_limit=limit)
    seconds = fast.latency(read_fraction=mix).total_seconds()
    assert ours.latency(mix, optimize="latency", load_limit=limit) == pytest.approx(seconds, rel=2e-6)
    within = rng.choice([1.02, 1.3]) * ours.latency(mix, optimize="latency")
    expected = its.load(read_fraction=mix, latency_limit=timedelta(seconds=within))
    assert ours.load(mix, latency_limit=within) == pytest.approx(expected, rel=2e-6)
    if ours.resilience:
        assert ours.load(mix, f=1) == close(its.load(read_fraction=mix, f=1))
        assert ours.uniform_strategy(f=1).load(mix) == close(its.uniform_strategy(f=1).load(read_fraction=mix))
    else:
        with pytest.raises(ValueError, match=r"holds a .* quorum after any 1 of them fail"):
            ours.load(mix, f=1)


@of_quoracle
@pytest.mark.parametrize("seed", range(3))
def test_searches_as_quoracle(seed):
    rng = random.Random(seed)
    spec = [(f"n{i}", rng.choice((1, 2, 4)), rng.choice((1, 2)), rng.choice((1, 2, 5))) for i in range(4)]
    ours = [Node(name, r, w, t) for name, r, w, t in spec]
    its = [quoracle.Node(n, read_capacity=r, write_capacity=w, latency=timedelta(seconds=t)) for n, r, w, t in spec]
    found = search(ours, 0.6, resilience=1, progress=False)
    assert found.best.value == close(quoracle.search(its, read_fraction=0.6, resilience=1)[1].load(read_fraction=0.6))
    limit = 1.2 * found.best.value
    fast = search(ours, 0.6, "latency", resilience=1, load_limit=limit, progress=False)
    _, expected = quoracle.search(its, read_fraction=0.6, resilience=1, optimize="latency", load_limit=limit)
    assert fast.best.value == pytest.approx(expected.latency(read_fraction=0.6).total_seconds(), rel=2e-6)


# --- strategies -------------------------------------------------------------------------------------------------------


def quorums_of(strategy, side):
    sets, chances = strategy.picks[side == "writes"]
    return [
        (frozenset(n.name for n, m in zip(strategy.nodes, row, strict=True) if m), p)
        for row, p in zip(sets, chances, strict=True)
    ]


@quick
@given(expressions(capacities=True), st.sampled_from([0.0, 0.3, 1.0, {0.2: 0.25, 0.9: 0.75}]))
def test_the_best_load_is_that_of_a_program_with_all_quorums(expression, mix):
    system = QuorumSystem(reads=expression)
    strategy = system.strategy(mix)
    names = [node.name for node in system.nodes]
    fractions = mix if isinstance(mix, dict) else {mix: 1.0}
    capacities = {node.name: (node.read_capacity, node.write_capacity) for node in system.nodes}
    listed = [list(side.minimal_quorums()) for side in (system.reads, system.writes)]
    assert strategy.load(mix) == close(reference.best_load(names, *listed, capacities, fractions))
    for side in ("reads", "writes"):
        chosen = quorums_of(strategy, side)
        expression = getattr(system, side)
        assert all(expression.is_quorum(q) for q, _ in chosen)
        assert math.isclose(sum(p for _, p in chosen), 1)
        assert all(p > 0 for _, p in chosen)


def test_a_majority_of_a_thousand_and_a_grid_of_nine_hundred():
    n = 1001
    wide = QuorumSystem(reads=majority(named(f"n{i}" for i in range(n))))
    assert wide.load(0.5) == close(501 / 1001, 1e-9)
    unequal = QuorumSystem(reads=majority([Node(f"n{i}", 1 + i % 3, 1 + i % 3) for i in range(n)]))
    capacity = sum(1 + i % 3 for i in range(n)) / 501  # no node limits it alone
    assert unequal.capacity(0.5) == close(capacity, 1e-8)
    square = QuorumSystem(reads=grid(900, rows=30))
    strategy = square.strategy(0.75)
    assert strategy.load(0.75) == close(1 / 30, 1e-9)
    assert len(strategy.read_chances) <= 900


def test_equal_nodes_get_equal_shares():
    shares = QuorumSystem(reads=grid(12, rows=3)).strategy(0.5)
    assert np.allclose(shares.read_shares, 1 / 3)
    assert np.allclose(shares.write_shares, 1 / 4)


def test_votes_and_large_diagrams_generate_their_quorums():
    nodes = [Node(f"n{i}", 1 + i % 2, 1 + i % 2) for i in range(31)]
    plain = QuorumSystem(reads=majority(nodes)).load(0.4)
    votes = weighted(dict.fromkeys(nodes, 2))
    assert QuorumSystem(reads=votes).load(0.4) == close(plain)
    heavy = weighted({node: 1 + i % 7 for i, node in enumerate(nodes)})
    system = QuorumSystem(reads=heavy)
    from scalemodel.quorum import programs

    exact = system.load(0.4)
    most, programs.MOST_EDGES = programs.MOST_EDGES, 10
    try:
        assert system.load(0.4) == close(exact, 3e-7)
        assert system.load(0.4, f=2) >= exact
    finally:
        programs.MOST_EDGES = most


def test_minimised_measures_do_not_depend_on_what_else_is_known():
    system = QuorumSystem(reads=tree([Node(f"n{i}", cost=1 + i) for i in range(7)]))
    cheap = system.strategy(0.5, "cost")
    least = min(sum(1 + int(n[1:]) for n in q) for q in system.minimal_quorums())
    assert cheap.cost(0.5) == close(least)
    assert system.strategy(0.5, "network").network_load(0.5) == close(3)
    limited = system.strategy(0.5, network_limit=3.2, cost_limit=12)
    assert limited.network_load(0.5) <= 3.2 + 1e-9
    assert limited.cost(0.5) <= 12 + 1e-9


def test_given_strategies_and_samples():
    a, b, c, d, e, f = named("abcdef")
    system = QuorumSystem(reads=a * b * c + d * e * f)
    strategy = system.make_strategy({("a", "b", "c"): 2, (d, e, f): 1}, {"ad": 1, "be": 1, "cf": 1})
    assert strategy.load(1) == close(2 / 3)
    assert strategy.load(0.25) == close(5 / 12)
    assert strategy.node_load(0.25).tolist() == [close(x) for x in (5 / 12,) * 3 + (1 / 3,) * 3]
    assert system.load(0.25, strategy) == strategy.load(0.25)
    drawn = strategy.sample("reads", 30_000, seed=3)
    share = sum(q == frozenset("abc") for q in drawn) / 30_000
    assert abs(share - 2 / 3) < 4 * math.sqrt(2 / 9 / 30_000)


# --- latency ----------------------------------------------------------------------------------------------------------

RANDOM = [
    Node(x, latency=LogNormal(median=m / 1000, sigma=0.6)) for x, m in zip("abcde", (1, 1.3, 3, 4, 5), strict=True)
]


def test_the_law_of_a_strategy_is_a_mixture_of_slowest_answers():
    system = QuorumSystem(reads=majority(RANDOM))
    strategy = system.make_strategy({"abc": 3, "cde": 1}, {"abc": 1})
    law = strategy.latency_law(0.5)
    laws = {node.name: node.latency for node in RANDOM}
    quick, slow = slowest([laws[x] for x in "abc"]), slowest([laws[x] for x in "cde"])
    t = np.geomspace(1e-4, 1, 50)
    assert np.allclose(law.sf(t), 0.875 * quick.sf(t) + 0.125 * slow.sf(t), rtol=1e-12, atol=0)
    assert np.allclose(law.cdf(t), 0.875 * quick.cdf(t) + 0.125 * slow.cdf(t), rtol=1e-12, atol=0)
    assert strategy.latency(0.5) == close(0.875 * quick.mean() + 0.125 * slow.mean(), 1e-9)
    assert law.mean() == close(strategy.latency(0.5), 1e-9)
    assert law.sf(strategy.latency(0.5, 0.999)) == close(1e-3, 1e-9)


def test_asking_more_nodes_than_a_quorum_is_a_kth_of_n():
    system = QuorumSystem(reads=choose(3, RANDOM), writes=choose(3, RANDOM))
    everybody = system.make_strategy({"abcde": 1}, {"abcde": 1})
    expected = kth_of(3, [node.latency for node in RANDOM])
    t = np.geomspace(1e-4, 1, 50)
    assert np.allclose(everybody.latency_law(0.3).sf(t), expected.sf(t), rtol=1e-12, atol=0)
    assert everybody.latency(0.3) == close(expected.mean(), 1e-9)
    assert everybody.latency(0.3, 0.99) == close(expected.quantile(0.99), 1e-9)


def test_constant_latencies_are_exact():
    strategy = MAJORITY.make_strategy({"abc": 1, "ade": 1}, {"abe": 1})
    assert strategy.latency(1) == close(4, 1e-12)
    assert strategy.latency(1, 0.5) == 3
    assert strategy.latency(1, 0.51) == 5
    as_laws = [
        Node(node.name, node.read_capacity, node.write_capacity, Constant(node.latency)) for node in (A, B, C, D, E)
    ]
    same = QuorumSystem(reads=majority(as_laws))
    assert same.latency(MIX, optimize="latency", load_limit=1 / 2000) == printed(3.238298, 6)


@pytest.mark.parametrize("promise", [(0.99, 0.030), (0.99, 0.017), (0.999, 0.031), (0.9, 0.011)])
@pytest.mark.parametrize(
    "reads", [majority(RANDOM), RANDOM[0] * RANDOM[1] + RANDOM[2] * RANDOM[3] * RANDOM[4]], ids=str
)
def test_a_promised_percentile_is_kept_at_the_least_load(reads, promise):
    system = QuorumSystem(reads=reads)
    listed = [list(side.minimal_quorums()) for side in (system.reads, system.writes)]
    laws = {node.name: node.latency for node in system.nodes}
    share, time = promise
    late = [[slowest([laws[x] for x in q]).sf(time) for q in side] for side in listed]
    rows = [(0.6 * np.array(late[0]) / (1 - share), 0.4 * np.array(late[1]) / (1 - share), 1.0)]
    expected = reference.best_load(list(laws), *listed, dict.fromkeys(laws, (1, 1)), {0.6: 1.0}, rows)
    if expected is None:
        with pytest.raises(ValueError, match="and the least that any strategy has is a share of"):
            system.strategy(0.6, percentile=promise)
        return
    strategy = system.strategy(0.6, percentile=promise)
    assert strategy.load(0.6) == close(expected)
    assert strategy.latency_law(0.6).sf(time) <= (1 - share) * (1 + 1e-6)


def test_the_fastest_percentile():
    system = QuorumSystem(reads=majority(RANDOM))
    fastest = system.strategy(0.5, "percentile", percentile=0.99)
    assert fastest.latency(0.5, 0.99) == close(slowest([n.latency for n in RANDOM[:3]]).quantile(0.99))
    limited = system.strategy(0.5, "percentile", percentile=0.99, load_limit=0.7)
    time = limited.latency(0.5, 0.99)
    assert limited.load(0.5) <= 0.7 * (1 + 1e-9)
    assert system.strategy(0.5, percentile=(0.99, time * 1.0001)).load(0.5) <= 0.7 * (1 + 1e-4)
    with pytest.raises(
        ValueError, match=r"no strategy keeps all; with the other limits kept, the least is a load of 0.7"
    ):
        system.strategy(0.5, "network", percentile=(0.99, time * 0.999), load_limit=0.7)
    hedged = system.strategy(0.5, "percentile", percentile=0.99, f=1)
    assert hedged.latency(0.5, 0.99) < fastest.latency(0.5, 0.99)
    with pytest.raises(ValueError, match="the least that any strategy takes is"):
        system.strategy(0.5, "percentile", percentile=(0.99, time / 3))


def test_constant_latencies_have_percentiles_too():
    strategy = MAJORITY.strategy(0.5, "percentile", percentile=0.9, load_limit=1 / 2500)
    time = strategy.latency(0.5, 0.9)
    assert time in SECONDS.values()
    assert strategy.load(0.5) <= 1 / 2500 * (1 + 1e-9)
    earlier = max(t for t in SECONDS.values() if t < time)
    with pytest.raises(ValueError, match="with the other limits kept, the least is"):
        MAJORITY.strategy(0.5, "network", percentile=(0.9, earlier), load_limit=1 / 2500)


def test_a_mean_of_random_latencies_is_minimised():
    system = QuorumSystem(reads=majority(RANDOM))
    listed = [list(side.minimal_quorums()) for side in (system.reads, system.writes)]
    laws = {node.name: node.latency for node in system.nodes}
    means = [[slowest([laws[x] for x in q]).mean() for q in side] for side in listed]
    assert system.latency(0.6, optimize="latency") == close(0.6 * min(means[0]) + 0.4 * min(means[1]))
    limit = 0.007
    rows = [(0.6 * np.array(means[0]), 0.4 * np.array(means[1]), limit)]
    expected = reference.best_load(list(laws), *listed, dict.fromkeys(laws, (1, 1)), {0.6: 1.0}, rows)
    assert system.load(0.6, latency_limit=limit) == close(expected)
    assert system.latency(0.6, optimize="latency", f=1) < system.latency(0.6, optimize="latency")


# --- unavailability ---------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(expressions(), st.data())
def test_unavailability_is_that_of_all_states(expression, data):
    system = QuorumSystem(reads=expression)
    names = [node.name for node in system.nodes]
    chance = st.sampled_from([1e-9, 1e-3, 0.2, 0.9])
    down = {name: data.draw(chance) for name in names}
    racks = [data.draw(st.sampled_from("xyz")) for _ in names]
    zones = [{"x": "1", "y": "1", "z": "2"}[rack] for rack in racks]
    feeds = [data.draw(st.sampled_from("pq")) for _ in names]  # cuts across racks
    topology = Topology(names, places={"zone": zones, "rack": racks, "feed": feeds})
    levels = {"rack": data.draw(chance), "zone": data.draw(chance), "feed": data.draw(st.sampled_from([0.0, 0.05]))}
    domains = []
    for level, labels in (("rack", racks), ("zone", zones), ("feed", feeds)):
        for label in set(labels):
            domains.append(({n for n, own in zip(names, labels, strict=True) if own == label}, levels[level]))
    found = system.unavailability({"node": down, **levels}, topology)
    reads, writes = system.is_read_quorum, system.is_write_quorum
    expected = [
        reference.unavailability(names, works, down, domains)
        for works in (reads, writes, lambda s: reads(s) and writes(s), lambda s: reads(s) or writes(s))
    ]
    assert [found.read, found.write, found.both, found.either] == [close(p, 1e-12) for p in expected]
    alone = system.unavailability(down)
    assert alone.read == close(reference.unavailability(names, reads, down), 1e-12)


def test_a_binomial_keeps_its_digits():
    for n, p in ((5, 1e-4), (31, 1e-3), (101, 0.01)):
        k = n // 2 + 1
        system = QuorumSystem(reads=majority(named(f"n{i}" for i in range(n))))
        assert system.unavailability(p).read == close(float(scipy.stats.binom.sf(n - k, n, p)), 1e-11)
    assert QuorumSystem(reads=majority(named("abcde"))).unavailability(1e-6).read == close(
        10 * 1e-18 - 15e-24 + 6e-30, 1e-12
    )


def test_domains_of_large_systems():
    zones = Topology.grid(nodes=20, zones=5, racks=4)
    system = QuorumSystem(reads=majority(named(zones.nodes)))
    found = system.unavailability({"node": 0.01, "rack": 1e-3, "zone": 1e-3}, zones)
    lost_zones = scipy.stats.binom.sf(2, 5, 1e-3)
    assert lost_zones < found.read < 1.1 * lost_zones
    assert found.write < found.read == found.both  # of 400, reads need 201 and writes 200
    by_zone = hierarchical(
        [[n for n, z in zip(zones.nodes, zones.places["zone"], strict=True) if z == label] for label in "abcde"]
    )
    assert QuorumSystem(reads=by_zone).unavailability({"node": 0.01, "zone": 1e-3}, zones).read == close(
        float(scipy.stats.binom.sf(2, 5, 1e-3 + (1 - 1e-3) * scipy.stats.binom.sf(39, 80, 0.01))), 1e-9
    )
    square = QuorumSystem(reads=grid(900, rows=30)).unavailability(0.01)
    assert square.read == close((1 - 0.99**30) ** 30, 1e-9)
    assert square.write == close(30 * 0.01**30, 1e-9)


def test_reads_against_writes_as_the_threshold_moves():
    frame = thresholds(named("abcde"), 0.01).to_frame()
    for r, w, read, write, both in frame.itertuples(index=False):
        assert r + w == 6
        assert read == close(float(scipy.stats.binom.sf(5 - r, 5, 0.01)), 1e-11)
        assert write == close(float(scipy.stats.binom.sf(5 - w, 5, 0.01)), 1e-11)
        assert both == max(read, write)


# --- builders ---------------------------------------------------------------------------------------------------------


def test_builders_make_the_systems_of_their_papers():
    assert grid(list("abcdef"), rows=2).equivalent(parse("a*b*c + d*e*f"))
    assert hierarchical([list("abc"), list("def"), list("ghi")]).quorum_count() == 27
    binary = tree(7)
    assert sorted(map(len, binary.minimal_quorums()))[0] == 3
    assert binary.dual().equivalent(binary)
    ternary = tree(list("abcd"), degree=3)
    assert {"".join(sorted(q)) for q in ternary.minimal_quorums()} == {"ab", "ac", "ad", "bcd"}
    wall = crumbling_wall([["a"], ["b", "c"], ["d", "e", "f"]])
    assert wall.dual().equivalent(wall)  # a single node on top: nondominated (Peleg and Wool)
    assert paths(list("abcde")).equivalent(parse("a*b + a*c*e + d*e + d*c*b"))
    for order in (1, 2, 3):
        bridge = paths(2 * order * (order + 1) + 1)
        assert bridge.resilience == bridge.dual().resilience == order
        half = QuorumSystem(reads=bridge).unavailability(0.5)
        assert half.read == close(0.5, 1e-12)  # a path and its dual are equally likely
    assert weighted(dict(zip(named("abcd"), (3, 1, 1, 1), strict=True)), 4).quorum_count() == 3
    everywhere = read_one_write_all(list("abc"))
    assert (everywhere.read_resilience, everywhere.write_resilience) == (2, 0)
    backed = primary_backup(["p", "a", "b"])
    assert (str(backed.reads), str(backed.writes)) == ("p", "p * a * b")
    assert str(primary_backup(["p"]).writes) == "p"


def test_load_of_paths_is_of_order_one_over_root_n():
    assert [QuorumSystem(reads=paths(n)).load(0.5) for n in (5, 13, 25)] == [close(1 / 2), close(1 / 3), close(1 / 4)]


# --- search -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "different", "alike"), [(2, 2, 2), (3, 9, 5), (4, 74, 16), (5, 885, 53), (6, 13684, 196)]
)
def test_every_system_is_looked_at_once(n, different, alike):
    unequal = Space([Node(f"n{i}", 1.0 + i) for i in range(n)])
    assert sum(len(chunk.gates) for chunk in unequal.chunks()) == different
    equal = list(Space(named(f"n{i}" for i in range(n))).chunks())
    assert sum(len(chunk.gates) for chunk in equal) == alike
    if n == 5:
        found = [chunk.expression(i) for chunk in equal for i in range(len(chunk.gates))]
        assert not any(a.equivalent(b) for a, b in itertools.combinations(found, 2))


def test_truth_tables_agree_with_expressions():
    nodes = [Node(f"n{i}", 1.0 + i % 3) for i in range(7)]
    chunk = next(Space(nodes).chunks())
    reads, writes = chunk.resilience()
    down = np.array([0.1, 0.2, 0.05, 0.3, 0.15, 0.25, 0.01])
    from scalemodel.quorum.search import up_chances

    lost = chunk.unavailability(up_chances(nodes, down, None))
    for i in range(0, len(chunk.gates), 997):
        system = QuorumSystem(reads=chunk.expression(i))
        assert (system.read_resilience, system.write_resilience) == (reads[i], writes[i])
        chances = {node.name: p for node, p in zip(nodes, down, strict=True)}
        assert lost[i] == close(system.unavailability(chances).both, 1e-9)


def test_no_system_is_better_than_the_best_found():
    nodes = [Node(x, 1.0 + i, 2.0, latency=1.0 + i % 2) for i, x in enumerate("abcd")]
    chunk = next(Space(nodes).chunks())
    systems = [QuorumSystem(reads=chunk.expression(i)) for i in range(len(chunk.gates))]

    def best(measure, keep=lambda system: True, **options):
        values = []
        for system in filter(keep, systems):
            try:
                values.append(measure(system.strategy(0.7, **options)))
            except ValueError:
                continue
        return sorted(values)

    loads = best(lambda s: s.load(0.7), lambda s: s.resilience >= 1)
    found = search(nodes, 0.7, resilience=1, ranked=5, progress=False)
    assert [f.value for f in found.ranking] == [close(v) for v in loads[:5]]
    options = {"optimize": "network", "load_limit": 0.4}
    assert search(nodes, 0.7, **options, progress=False).best.value == close(
        best(lambda s: s.network_load(0.7), **options)[0]
    )
    options = {"optimize": "percentile", "percentile": 0.9, "load_limit": 0.4}
    assert search(nodes, 0.7, **options, progress=False).best.value == close(
        best(lambda s: s.latency(0.7, 0.9), **options)[0]
    )
    options = {"percentile": (0.9, 1.0)}
    assert search(nodes, 0.7, **options, progress=False).best.value == close(best(lambda s: s.load(0.7), **options)[0])
    rarely = [s for s in systems if s.unavailability(0.01).both <= 1e-3]
    expected = min(s.load(0.7) for s in rarely)
    assert search(nodes, 0.7, p=0.01, unavailability_limit=1e-3, progress=False).best.value == close(expected)


def test_the_front_is_that_of_all_systems():
    nodes = [Node(x, 1.0 + i // 2, 2.0, latency=LogNormal((1 + i // 2) / 1000, 0.5)) for i, x in enumerate("abcd")]
    wanted = ["load", "percentile", "resilience", "unavailability"]
    front = pareto(nodes, 0.7, wanted, percentile=0.99, p=0.02, progress=False)
    chunk = next(Space(nodes).chunks())
    rows = []
    for i in range(len(chunk.gates)):
        system = QuorumSystem(reads=chunk.expression(i))
        fixed = -system.resilience, system.unavailability(0.02).both
        for strategy in (system.strategy(0.7), system.strategy(0.7, "percentile", percentile=0.99)):
            rows.append((strategy.load(0.7), strategy.latency(0.7, 0.99), *fixed))
    rows = np.array(rows)
    found = np.array([[v["load"], v["percentile"], -v["resilience"], v["unavailability"]] for _, v in front.points])
    slack = 1e-5 * np.abs(rows)
    assert front.complete
    for row, more in zip(rows, slack, strict=True):  # every strategy is matched by a point of the front
        assert (found <= row + more).all(axis=1).any()
    for row in found:  # which nothing surpasses
        better = (rows <= row + slack).all(axis=1) & (rows < row - slack).any(axis=1)
        assert not better.any()


def test_a_time_limit_is_kept():
    from time import monotonic

    start = monotonic()
    found = search([Node(f"n{i}", 1.0 + i) for i in range(9)], 0.5, time_limit=1.0, progress=False)
    assert monotonic() - start < 5  # generous: others may use the machine
    assert not found.complete
    assert "time ran out" in found.title
    front = pareto(
        [Node(f"n{i}", 1.0 + i) for i in range(8)], 0.5, ["load", "resilience"], time_limit=1.0, progress=False
    )
    assert not front.complete
    with pytest.raises(ValueError, match="give more time"):
        search(8, 0.5, time_limit=0, progress=False)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: QuorumSystem(reads=A + B, writes=C), "read quorum .b. and the write quorum .c. have no common node"),
        (lambda: QuorumSystem(reads=A * Node("a")), "node 'a' is used with two definitions"),
        (lambda: QuorumSystem(), "neither reads nor writes"),
        (lambda: MAJORITY.strategy(0.5, load_limit=0.1, optimize="load"), "leave out one of them"),
        (
            lambda: MAJORITY.strategy(0.5, "latency", load_limit=1e-5),
            "least that any strategy has is a load of 0.00028125",
        ),
        (lambda: MAJORITY.strategy(0.5, latency_limit=2), "least that any strategy has is a mean latency of 3 s"),
        (lambda: MAJORITY.strategy(0.5, network_limit=2), "the network load is limited to 2, and the least"),
        (
            lambda: MAJORITY.strategy(0.5, "network", load_limit=3e-4, latency_limit=3.1),
            "no strategy keeps all; with the other limits kept, the least is a load of .*, or a mean latency of ",
        ),
        (lambda: MAJORITY.load({0.1: 0.5, 0.9: 0.6}), "sum to 1.1"),
        (lambda: MAJORITY.load({}), "empty"),
        (lambda: MAJORITY.load(1.5), "give a number from 0 to 1"),
        (lambda: MAJORITY.load(math.nan), "give a number from 0 to 1"),
        (lambda: MAJORITY.load(0.5, f=3), "f is 3 and no set of nodes holds a read quorum after any 3"),
        (lambda: MAJORITY.load(0.5, f=-1), "f is -1"),
        (lambda: MAJORITY.load(0.5, optimize="speed"), "optimize is 'speed'"),
        (lambda: MAJORITY.load(0.5, "best"), "strategy is 'best'"),
        (lambda: MAJORITY.load(0.5, MAJORITY.uniform_strategy(), f=1), "a strategy is given and f too"),
        (lambda: MAJORITY.strategy(0.5, percentile=0.99), r"such as \(0.99, 0.020\)"),
        (lambda: MAJORITY.strategy(0.5, "percentile"), "the share of the percentile is None"),
        (lambda: MAJORITY.capacity(0.5, mean="median"), "mean is 'median'"),
        (lambda: MAJORITY.is_read_quorum(["a", "x"]), "there is no node 'x'"),
        (lambda: MAJORITY.is_read_quorum(np.ones((2, 4), bool)), "a place for each of 5 nodes"),
        (lambda: MAJORITY.make_strategy({"ab": 1}, {"abc": 1}), "is no quorum of the reads"),
        (lambda: MAJORITY.make_strategy({"abc": -1}, {"abc": 1}), "weights of the reads"),
        (lambda: MAJORITY.make_strategy({}, {"abc": 1}), "at least one"),
        (lambda: QuorumSystem(reads=majority(named("abc"))).latency(0.5), "node 'a' has no latency"),
        (
            lambda: QuorumSystem(reads=majority(named(f"n{i}" for i in range(31)))).uniform_strategy(),
            "there are 300540195 minimal read quorums",
        ),
        (lambda: Node("a", read_capacity=0), "read_capacity of node 'a' is 0: give a finite number, above zero"),
        (lambda: Node("a", latency=-1), "latency of node 'a' is -1"),
        (lambda: Node("a", cost=math.inf), "cost of node 'a' is inf"),
        (lambda: choose(4, named("abc")), "k is 4 for 3 parts"),
        (lambda: choose(1, []), "no parts"),
        (lambda: weighted({A: 1, B: 1}, 3), "the threshold is 3 of 2 votes"),
        (lambda: weighted({A: -1, B: 1}), "has -1 votes"),
        (lambda: parse("a - b"), "cannot be read at 'a - b'"),
        (lambda: parse("a +"), "cannot be read"),
        (lambda: parse("alpha * c", named(["alfa", "c"])), "did you mean 'alfa'"),
        (lambda: grid(10, rows=3), "10 nodes do not fill 3 rows"),
        (lambda: tree(6), "6 nodes do not make a tree"),
        (lambda: paths(41), "give 5, 13 or 25"),
        (lambda: aurora(list("abc")), "it has six"),
        (lambda: primary_backup(3, acknowledged=3), "for 2 backups"),
        (lambda: grid(["a", "a"], rows=1), "node 'a' appears more than once"),
        (lambda: MAJORITY.unavailability(1.5), "give a number from 0 to 1"),
        (lambda: MAJORITY.unavailability([0.1] * 4), "4 probabilities for 5 nodes"),
        (lambda: MAJORITY.unavailability({"a": 0.1}), "no probability for node 'b'"),
        (lambda: MAJORITY.unavailability({"zone": 0.1}), "'zone'"),
        (
            lambda: MAJORITY.unavailability(
                {"node": 0.1, "zome": 0.1}, Topology(list("abcde"), places={"zone": list("xyzxy")})
            ),
            "did you mean 'zone'",
        ),
        (lambda: search(11, 0.5), "give at most 10"),
        (lambda: search(3, 0.5, resilience=3, progress=False), "keeps the limits"),
        (
            lambda: search([A, B, C], 0.5, "network", load_limit=1e-9, progress=False),
            "least that any strategy has is a load",
        ),
        (lambda: search(3, 0.5, unavailability_limit=0.1), "without p"),
        (lambda: pareto(3, 0.5, ["load", "speed"]), "there is no objective 'speed'"),
        (lambda: pareto(3, 0.5, ["load", "unavailability"]), "p is not given"),
        (lambda: pareto(3, 0.5, ["load"]), "two or more"),
    ],
)
def test_bad_input_is_refused_with_advice(attempt, message):
    with pytest.raises(ValueError, match=message):
        attempt()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: A * "b",
        lambda: majority(A),
        lambda: Node("a", latency="fast"),
        lambda: QuorumSystem(reads="a"),
        lambda: MAJORITY.is_read_quorum("a"),
        lambda: grid("abc", rows=1),
        lambda: hierarchical([["a"], 3]),
        lambda: MAJORITY.load("half"),
        lambda: MAJORITY.strategy(0.5, "latency", load_limit="low"),
        lambda: MAJORITY.unavailability("often"),
    ],
)
def test_wrong_types_are_refused(attempt):
    with pytest.raises(TypeError, match="give"):
        attempt()


def test_entangled_expressions_are_refused_not_run_for_hours():
    rng = random.Random(0)
    nodes = named(f"n{i}" for i in range(60))
    parts = [choose(5, rng.sample(nodes, 12)) for _ in range(200)]
    with pytest.raises(TooLarge, match="too entangled a way"):
        QuorumSystem(reads=majority(parts)).load(0.5)
    many = named(f"n{i}" for i in range(1001))
    with pytest.raises(TooLarge, match="repeats some of its 1001 nodes"):
        QuorumSystem(reads=many[0] * choose(2, many) + many[1]).load(0.5)


# --- how it looks -----------------------------------------------------------------------------------------------------


def test_answers_show_themselves():
    strategy = WALL.strategy(MIX)
    found = search([A, B, C, D], 0.5, ranked=3, progress=False)
    front = pareto([A, B, C, D], 0.5, ["load", "latency", "resilience"], progress=False)
    lost = WALL.unavailability(0.01)
    for answer in (WALL, strategy, found, front, lost, thresholds([A, B, C], 0.01)):
        assert len(answer.to_frame())
        assert answer.title in str(answer)
        assert "<table" in answer._repr_html_()
        answer.plot()
    strategy.plot_load()
    front.plot(x="latency", y="load")
    plt.close("all")
    summary = strategy.summary(MIX)
    assert summary.capacity_mean[0] == printed(4200.22, 2)
    assert summary.capacity_of_mean_load[0] < summary.capacity_mean[0]
    assert found.to_frame().resilience.tolist() == [f.system.resilience for f in found.ranking]
    assert len(found.ranking) == 3
