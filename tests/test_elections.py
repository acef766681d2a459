"""Elections: a twin with a heap, the thesis's curves and closed forms, and etcd's measured failovers."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import elections as reference

from scalemodel import streams
from scalemodel._kernels.hashing import splitmix64
from scalemodel.availability import (
    LeaseElection,
    RaftElection,
    election_downtime,
    expected_downtime,
    split_vote_probability,
)
from scalemodel.availability import elections as module
from scalemodel.availability._kernels import elections as kernels
from scalemodel.latency import Empirical, Exponential, LogNormal, Pareto, Uniform
from scalemodel.topology import RoundTrips, Topology
from scalemodel.units import ms

mpl.use("Agg")
quick = settings(max_examples=20, deadline=None)

DATA = Path(__file__).parents[1] / "data"
THESIS = pd.read_csv(DATA / "raft_thesis_elections.csv")
WIDE = pd.read_csv(DATA / "raft_thesis_wide_area.csv")
ETCD = pd.read_csv(DATA / "etcd_failovers.csv")

LAN = {"network": Uniform(0.1 * ms, 0.5 * ms), "disk": Uniform(0, 8.5 * ms)}
"""The one number that is fitted to the thesis's curves, 8.5 ms; etcd's failovers are foretold with it."""


# --- the twin ---------------------------------------------------------------------------------------------------------

KINDS = ["age", "timeout", "phase", "request", "write", "reply", "own write", "heartbeat"]
GOLDEN = 0x9E3779B97F4A7C15


def twin(election, trials, seed=0):
    """Run the first elections with a heap, on the same draws."""
    key = int(streams.stream(seed).integers(0, 2**64, dtype=np.uint64))
    rules = election._rules
    tables = [np.concatenate([module._quantiles(law)] * 2) for law in (election.network, election.disk)]
    index = election.members.index
    group = reference.Group(
        members=len(election.members),
        alive=[index(name) for name in election.voters],
        leader=None if election.leader is None else index(election.leader),
        low=rules["low"].tolist(),
        high=rules["high"].tolist(),
        heartbeat=election.heartbeat,
        jitter=lambda u: float(kernels.drawn.py_func(tables[0], 0, u)),
        disk=lambda u: float(kernels.drawn.py_func(tables[1], 0, u)),
        delays=module._delays(election.members).tolist(),
        logs=list(getattr(election, "logs", [0] * len(election.members))),
        priorities=list(getattr(election, "priorities", [0] * len(election.members))),
        tick=rules["tick"],
        hold=float(rules["hold"][0]) if len(rules["hold"]) else None,
        pre_vote=rules["pre_vote"],
        reset_by_term=rules["resets_by_term"],
        ballots=rules["stride"] > 1,
        commit=election.until == "commit",
    )
    limit = module.LONGEST * election.spans[1].max()
    answers = []
    for i in range(trials):
        state = int(splitmix64(np.uint64((key + i * GOLDEN) % 2**64)))

        def draw(kind, member, count, state=state):
            number = KINDS.index(kind) + 8 * (member + 64 * count)
            return (int(splitmix64(np.uint64((state + number * GOLDEN) % 2**64))) >> 11) * 2.0**-53

        answers.append(group.elect(draw, limit))
    seconds, terms = zip(*answers, strict=True)
    return np.array(seconds), np.array(terms)


def run(election, trials, skip_fast):
    """Run elections with the event loop alone, or with the fast way too."""
    return module._run(module._arguments(election), 0, 0, trials, skip_fast)


TRIPS = RoundTrips({("a", "b"): 0.02, ("b", "a"): 0.03, ("a", "c"): 0.06, ("b", "c"): 0.08}, within=0.001)


@st.composite
def elections(draw):
    """Any group."""
    if draw(st.booleans()):
        zones = draw(st.lists(st.sampled_from("abc"), min_size=3, max_size=7))
        members = Topology([f"n{i}" for i in range(len(zones))], places={"zone": zones}, round_trips=TRIPS)
    else:
        members = Topology([f"n{i}" for i in range(draw(st.integers(3, 7)))])
    n = len(members)
    start = draw(st.sampled_from(["crash", "cold"]))
    most = (n - 1) // 2 - (start == "crash")
    common = {
        "network": draw(st.sampled_from([0.0, Uniform(1 * ms, 9 * ms), Exponential(3 * ms)])),
        "disk": draw(st.sampled_from([0.0, Empirical([1 * ms, 2 * ms, 9 * ms]), Pareto(1 * ms, 1.5)])),
        "down": draw(st.integers(0, max(most, 0))),
        "start": start,
        "until": draw(st.sampled_from(["leader", "commit"])),
    }
    if draw(st.integers(0, 3)) == 0:
        return LeaseElection(n if n > 3 else members, 0.4, 0.1, (0.0, draw(st.sampled_from([0.02, 0.2]))), **common)
    more = {
        "pre_vote": draw(st.booleans()),
        "check_quorum": draw(st.booleans()),
        "reset": draw(st.sampled_from(["vote", "term"])),
        "logs": draw(st.sampled_from([None, [1] * (n // 2 + 2) + [0] * n, list(range(n, 2 * n))])),
        "priorities": draw(st.sampled_from([None, [2, 1, 1, 1, 1, 1, 1]])),
    }
    for name in ("logs", "priorities"):
        more[name] = more[name] and more[name][:n]
    if draw(st.booleans()):
        return RaftElection(members, (10, draw(st.sampled_from([10, 12, 19]))), 0.02, tick=0.02, **common, **more)
    return RaftElection(members, (0.15, draw(st.sampled_from([0.16, 0.2, 0.3]))), 0.05, **common, **more)


@quick
@given(st.data())
def test_elections_are_those_of_the_twin(data):
    election = data.draw(elections())
    seconds, terms = run(election, 60, skip_fast=False)
    again = run(election, 60, skip_fast=True)
    np.testing.assert_array_equal(seconds, again[0])  # the fast way changes nothing
    np.testing.assert_array_equal(terms, again[1])
    slow = twin(election, 8)
    np.testing.assert_allclose(seconds[:8], slow[0], rtol=1e-12)
    np.testing.assert_array_equal(terms[:8], slow[1])


@pytest.mark.parametrize("until", ["leader", "commit"])
def test_the_fast_way_changes_nothing(until):
    for more in (
        {},
        {"timeout": (0.012, 0.024), "heartbeat": 0.006},
        {"logs": [1, 1, 1, 0, 0]},
        {"check_quorum": True},
    ):
        election = RaftElection(5, until=until, **(LAN | more))
        for fast, slow in zip(run(election, 20_000, False), run(election, 20_000, True), strict=True):
            np.testing.assert_array_equal(fast, slow)


@pytest.mark.parametrize(
    "law", [Uniform(1, 3), LogNormal(1.0, 1.0), Pareto(1.0, 3.0), Empirical([1.0, 2.0, 2.0, 9.0])], ids=repr
)
def test_draws_follow_their_law(law):
    table = np.concatenate([module._quantiles(law)] * 2)
    u = (np.arange(200_000) + 0.5) / 200_000
    draws = np.array([kernels.drawn(table, kernels.DISK, x) for x in u])
    assert draws.mean() == pytest.approx(law.mean(), rel=1e-3)
    for p in (0.1, 0.4, 0.6, 0.99, 0.9999):
        assert kernels.drawn(table, kernels.DISK, p) == pytest.approx(law.quantile(p), rel=2e-3)


def test_the_same_bits_for_any_number_of_threads():
    group = RaftElection(5, logs=[1, 1, 1, 0, 0], **LAN)
    alone = election_downtime(group, 150_000, seed=3)
    with ThreadPoolExecutor(2) as pool:  # also the arguments can go to a process
        assert len(pickle.loads(pickle.dumps(module._arguments(group)))) == len(module._arguments(group))
        together = election_downtime(group, 150_000, seed=3, executor=pool)
    np.testing.assert_array_equal(alone.seconds, together.seconds)
    np.testing.assert_array_equal(alone.seconds[:70_000], election_downtime(group, 70_000, seed=3).seconds)
    assert not np.array_equal(alone.seconds, election_downtime(group, 150_000, seed=4).seconds)
    assert len(np.unique(alone.seconds)) > 149_000


# --- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delay", "percent"), [(0.01, 0.0592), (0.1, 5.23), (0.2, 18.08)])
def test_split_votes_of_the_thesis(delay, percent):
    assert 100 * split_vote_probability(4, 5, delay) == pytest.approx(percent, abs=0.005)


@pytest.mark.parametrize(
    ("voters", "members", "percent"), [(5, 9, 67.2), (7, 9, 14.8), (6, 9, 34.5), (6, 7, 9.9), (4, 5, 18.1)]
)
def test_split_votes_by_closed_form_by_integration_and_by_election(voters, members, percent):
    exact = split_vote_probability(voters, members, 0.2)
    assert 100 * exact == pytest.approx(percent, abs=0.05)
    assert reference.split_vote(voters, members, 0.2) == pytest.approx(exact, rel=1e-3)
    group = RaftElection(members, (10.0, 11.0), 0.0, network=0.2, start="cold", down=members - voters)
    down = election_downtime(group, 60_000)
    error = (exact * (1 - exact) / 60_000) ** 0.5
    assert down.contested == pytest.approx(exact, abs=4 * error)


def test_mean_of_the_closed_form():
    group = RaftElection(5, (10.0, 20.0), 5.0, network=0.5, disk=0.0)
    mean = election_downtime(group, 60_000).mean
    assert mean == pytest.approx(expected_downtime(4, 5, 10.0, 20.0, 0.5, heartbeat=5.0) + 0.5, rel=0.01)
    # half a second more: the last heartbeat, too, is on its way for so long


def test_one_member_needs_nobody():
    down = election_downtime(RaftElection(1, (1.0, 2.0), 0.5, start="cold"), 20_000)
    assert down.mean == pytest.approx(1.5, abs=5 * down.standard_error)
    assert (down.terms == 1).all()


def test_two_candidates_at_the_same_time_split_every_vote():
    group = RaftElection(3, (1.0, 1.0), 0.5, network=0.01, start="cold", down=1)
    down = election_downtime(group, 10)
    assert down.undecided == 1
    assert (down.seconds == 1000).all()
    assert "100 % given up" in down.title


# --- published figures ------------------------------------------------------------------------------------------------


def thesis(row):
    low, high = row.timeout_low_ms * ms, row.timeout_high_ms * ms
    return election_downtime(RaftElection(5, (low, high), low / 2, logs=[1, 1, 1, 0, 0], **LAN), 30_000)


def test_curves_of_figure_16():
    errors = []
    for row in THESIS.itertuples():
        down = thesis(row)
        errors.append([1e3 * down.quantile(0.5) / row.median_ms - 1, 1e3 * down.mean / row.mean_ms - 1])
    held_out, fitted = np.abs(errors[:1]), np.abs(errors[1:])
    assert fitted.mean() < 0.03
    assert fitted.max() < 0.11
    assert held_out.max() < 0.12  # 150-151 ms, not fitted


def test_curves_of_the_wide_area():
    for row in WIDE.itertuples():
        group = RaftElection(5, (0.3, 0.6), 0.0, network=Uniform(0.03, 0.04), start="cold", down=row.failed)
        down = election_downtime(group, 300_000)
        assert 1e3 * down.mean == pytest.approx(row.mean_ms, rel=0.01)
        assert 1e3 * down.quantile(0.5) == pytest.approx(row.median_ms, rel=0.01)


@pytest.mark.parametrize("row", list(ETCD.itertuples()), ids=lambda row: row.run)
def test_failovers_of_etcd(row):
    group = RaftElection.etcd(
        row.members, row.heartbeat_ms * ms, row.election_ms * ms, row.pre_vote, down=row.down, **LAN
    )
    down = election_downtime(group, 60_000)
    p50, p90 = 1e3 * down.quantile(0.5), 1e3 * down.quantile(0.9)
    assert p50 == pytest.approx(row.leader_p50_ms, rel=0.1)
    # about one election in ten needs a second term: p90 of some 40 is among these or below them by chance
    samples = np.random.default_rng(0).choice(1e3 * down.seconds, (2000, row.failovers))
    by_chance = np.quantile(np.quantile(samples, 0.9, axis=1), [0.025, 0.975])
    assert by_chance[0] <= row.leader_p90_ms <= by_chance[1]
    if row.run not in ("5 members", "5 members again", "3 members default timers"):
        assert p90 == pytest.approx(row.leader_p90_ms, rel=0.1)
    assert down.contested == pytest.approx(row.second_terms / row.failovers, abs=0.1)


def test_two_runs_of_one_configuration_differ_more_than_the_model_from_either():
    runs = ETCD.set_index("run").leader_p90_ms
    one, two = runs["5 members"], runs["5 members again"]
    assert two / one > 1.4
    p90 = 1e3 * election_downtime(RaftElection.etcd(5, 15 * ms, 150 * ms, False, **LAN), 60_000).quantile(0.9)
    assert p90 == pytest.approx((one * two) ** 0.5, rel=0.1)


# --- what the rules do ------------------------------------------------------------------------------------------------


def test_what_the_rules_do():
    base = election_downtime(RaftElection(5, **LAN), 40_000)
    pre = election_downtime(RaftElection(5, pre_vote=True, **LAN), 40_000)
    assert abs(pre.mean - base.mean) < 1 * ms  # a round trip more, fewer second terms
    assert pre.contested < 0.2 * base.contested
    fewer = election_downtime(RaftElection(5, down=1, **LAN), 40_000)
    assert fewer.mean > base.mean
    preferred = RaftElection(5, timeout=[(0.15, 0.3), (0.08, 0.1), *[(0.15, 0.3)] * 3], **LAN)
    assert election_downtime(preferred, 40_000).mean < 0.7 * base.mean
    commit = election_downtime(RaftElection(5, until="commit", **LAN), 40_000)
    np.testing.assert_array_less(base.seconds, commit.seconds)
    behind = election_downtime(RaftElection(5, logs=[1, 1, 1, 0, 0], **LAN), 40_000)
    assert behind.mean > base.mean * 1.1


def test_a_lease_is_waited_out():
    group = LeaseElection(5, lease=10.0, heartbeat=2.0, backoff=(0.0, 1.0), drift=0.01, network=1 * ms)
    down = election_downtime(group, 40_000)
    assert down.seconds.min() >= 10.1 - 2.0
    assert down.mean == pytest.approx(10.1 - 1.0 + 0.2 + 3 * ms, rel=0.005)
    assert down.mean < election_downtime(LeaseElection(5, 10.0, 2.0, (0.5, 1.0), drift=0.01), 1000).mean


def test_distances_count():
    cluster = Topology(list("xyz"), places={"zone": list("abc")}, round_trips=TRIPS)
    lost = {name: election_downtime(RaftElection(cluster, (0.3, 0.9), 0.1, leader=name), 40_000) for name in "xz"}
    assert lost["x"].contested > lost["z"].contested  # y and z, who are left, are further apart than x and y
    first = {name: down.seconds[down.terms == 1].mean() for name, down in lost.items()}
    # heartbeats that are on their way, and a round trip: (12.5 + 30) / 2 and 80 ms, (30 + 40) / 2 and 25 ms
    assert first["x"] - first["z"] == pytest.approx(0.055 - 0.0165, abs=0.03)


# --- answers ----------------------------------------------------------------------------------------------------------


def test_how_answers_look():
    down = election_downtime(RaftElection(3, pre_vote=True, check_quorum=True, down=0), 2000)
    frame = down.to_frame()
    assert frame.p50_ms[0] == 1e3 * down.quantile(0.5)
    assert isinstance(down.latency, Empirical)
    assert down.latency.mean() == pytest.approx(down.mean)
    assert "3 members" in str(down)
    assert "PreVote, CheckQuorum" in down.title
    assert down.election.to_frame().members[0] == 3
    axes = down.plot(label="three")
    assert axes.get_xlabel() == "without a leader (ms)"
    assert down.plot(axes) is axes
    assert "lease 10 s" in LeaseElection().title


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heartbeat": 0.2}, "election timeout of 150 ms is below the heartbeat interval of 200 ms"),
        ({"network": 0.1}, "not above the round trip of 200 ms"),
        ({"members": 64}, "63 or fewer"),
        ({"down": 2}, "2 of 5 members are left to vote and 3 must"),
        ({"down": ["n9"]}, "no node 'n9'"),
        ({"down": ["n1"], "leader": "n1"}, "down already"),
        ({"down": 1.5}, "a number of members or a list"),
        ({"timeout": (0.3, 0.15)}, "0 <= low <= high"),
        ({"timeout": 0.3}, r"give \(low, high\)"),
        ({"timeout": (0.15, float("nan"))}, r"give \(low, high\)"),
        ({"timeout": "ab"}, r"give \(low, high\)"),
        ({"tick": 0.1, "timeout": (1.5, 3)}, "whole numbers of 1 or more"),
        ({"logs": [1, 0]}, "one number for each of 5"),
        ({"start": "warm"}, "'crash'"),
        ({"until": "noon"}, "'commit'"),
        ({"start": "cold", "leader": "n0"}, "cold start"),
        ({"reset": "never"}, "etcd's"),
        ({"disk": -1}, "the disk"),
    ],
)
def test_bad_groups(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        RaftElection(**settings)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: election_downtime("raft"), "RaftElection"),
        (lambda: election_downtime(RaftElection(), trials=1), "trials"),
        (lambda: RaftElection.etcd(3, 0.1, 0.05), "five of them or more"),
        (lambda: LeaseElection(5, lease=1.0), "lease of 1 s is below the heartbeat"),
        (lambda: LeaseElection(5, drift=5), "was 0.05 meant"),
        (lambda: split_vote_probability(2, 5, 0.1), "voters"),
        (lambda: split_vote_probability(4, 5, 10), "was 0.1 meant"),
        (lambda: expected_downtime(4, 5, 0.2, 0.2, 0.01), "every vote is split"),
        (lambda: expected_downtime(4, 5, 0.2, 0.3, 0.2), "splits every vote"),
    ],
)
def test_bad_calls(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
