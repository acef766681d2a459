"""Leaders, quorums and transactions over distances: message by message, published figures, closed forms, bad input."""

import math
import os
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import leaders as reference

from scalemodel.latency import Exponential, Gamma
from scalemodel.quorum import (
    ABD,
    Atlas,
    Aurora,
    Batch,
    Chain,
    Deployment,
    EPaxos,
    FastPaxos,
    FlexiblePaxos,
    MultiPaxos,
    PrimaryBackup,
    Raft,
    Spanner,
    TrueTime,
    TwoPhaseCommit,
    compare_protocols,
    fit_two_phase_commit,
    leader_search,
    place_replicas,
)
from scalemodel.topology import RoundTrips, Topology
from scalemodel.units import ms

mpl.use("Agg")
quick = settings(max_examples=30, deadline=None)

DATA = Path(__file__).parents[1] / "data"
TABLE = pd.read_csv(DATA / "cloud_round_trips.csv")
COMMITS = pd.read_csv(DATA / "published_commits.csv", keep_default_na=False)
AWS = RoundTrips.from_frame(TABLE[TABLE.provider == "aws"])
GCP = RoundTrips.from_frame(TABLE[TABLE.provider == "gcp"])
MATRIX = Path(os.environ.get("SCALEMODEL_DATA", "absent")) / "latency" / "cloud_rtt.csv"

PLACES = list("abcde")
TRIPS = 1e-3 * np.array(
    [[1, 10, 30, 70, 90], [10, 1, 25, 60, 85], [30, 25, 1, 45, 50], [70, 60, 45, 1, 20], [90, 85, 50, 20, 1.0]]
)
NETWORK = RoundTrips.from_matrix(PLACES, TRIPS)
PLAIN = Deployment(NETWORK)
NOISY = Deployment(NETWORK, message=Exponential(4 * ms), storage=Gamma(shape=2.0, mean=3 * ms))
SIX = Deployment(NETWORK, list("aabbcc"), message=NOISY.message, storage=NOISY.storage)
TRIALS = 20_000
EVERY = range(5)
CLOCK = (1 * ms, 200e-6, 30.0)


def network(seed=0):
    return reference.Network(
        TRIPS,
        lambda rng, n: rng.exponential(4 * ms, n),
        lambda rng, n: rng.gamma(2.0, 1.5 * ms, n),
        TRIALS,
        seed,
    )


def agrees(law, drawn, errors=4.0):
    """The mean, and the share below several times, are within so many standard errors."""
    assert abs(law.mean() - drawn.mean()) < errors * drawn.std() / math.sqrt(len(drawn))
    for t in np.quantile(drawn, [0.05, 0.3, 0.5, 0.8, 0.95, 0.99]):
        p = law.cdf(float(t))
        assert abs((drawn <= t).mean() - p) < errors * math.sqrt(p * (1 - p) / len(drawn)) + 1 / len(drawn)


def groups(deployment, leaders):
    return [Raft(deployment, leader=leader) for leader in leaders]


# --- message by message -----------------------------------------------------------------------------------------------

CASES = {
    "raft": (
        lambda: MultiPaxos(NOISY, "c").commit_latency("e"),
        lambda net: reference.led_commit(net, 4, 2, EVERY, 3),
    ),
    "raft in the client's place": (
        lambda: Raft(NOISY, "a").commit_latency("a"),
        lambda net: reference.led_commit(net, 0, 0, EVERY, 3),
    ),
    "raft with one down": (
        lambda: Raft(NOISY.without("b"), "a").commit_latency("d"),
        lambda net: reference.led_commit(net, 3, 0, [0, 2, 3, 4], 3),
    ),
    "read index": (
        lambda: Raft(NOISY, "c").read_latency("e", "index"),
        lambda net: reference.led_read(net, 4, 2, EVERY, 3),
    ),
    "follower read": (
        lambda: Raft(NOISY, "c").read_latency("e", "follower"),
        lambda net: reference.led_read(net, 4, 2, EVERY, 3, near=4),
    ),
    "follower read at the leader": (
        lambda: Raft(NOISY, "c").read_latency("c", "follower"),
        lambda net: reference.led_read(net, 2, 2, EVERY, 3, near=2),
    ),
    "flexible": (
        lambda: FlexiblePaxos(NOISY, "b", q1=4, q2=2).commit_latency("d"),
        lambda net: reference.led_commit(net, 3, 1, EVERY, 2),
    ),
    "primary, two backups": (
        lambda: PrimaryBackup(NOISY, "b", acks=2).commit_latency("c"),
        lambda net: reference.primary_backup(net, 2, 1, EVERY, 2),
    ),
    "primary alone": (
        lambda: PrimaryBackup(NOISY, "b", acks=0).commit_latency("c"),
        lambda net: reference.primary_backup(net, 2, 1, EVERY, 0),
    ),
    "chain": (lambda: Chain(NOISY).commit_latency("c"), lambda net: reference.chain(net, 2, EVERY)),
    "epaxos": (
        lambda: EPaxos(NOISY, 0.3).commit_latency("d"),
        lambda net: reference.coordinated(net, 3, 3, EVERY, 3, 3, 0.3),
    ),
    "atlas": (
        lambda: Atlas(NOISY, 0.3, f=2).commit_latency("d"),
        lambda net: reference.coordinated(net, 3, 3, EVERY, 4, 3, 0.3),
    ),
    "fast paxos": (
        lambda: FastPaxos(NOISY, "b", 0.25).commit_latency("e"),
        lambda net: reference.fast_paxos(net, 4, 1, EVERY, 4, 3, 0.25),
    ),
    "abd write": (lambda: ABD(NOISY).commit_latency("d"), lambda net: reference.abd(net, 3, EVERY, [False, True])),
    "abd regular read": (
        lambda: ABD(NOISY).read_latency("d", "regular"),
        lambda net: reference.abd(net, 3, EVERY, [False]),
    ),
    "spanner": (
        lambda: Spanner(NOISY, "b").commit_latency("c"),
        lambda net: reference.spanner_commit(net, 2, 1, EVERY, CLOCK),
    ),
    "spanner one after the other": (
        lambda: Spanner(NOISY, "b", overlapped=False).commit_latency("c"),
        lambda net: reference.spanner_commit(net, 2, 1, EVERY, CLOCK, False),
    ),
    "aurora write": (
        lambda: Aurora(SIX, "b").commit_latency("a"),
        lambda net: reference.aurora(net, 0, 1, [0, 0, 1, 1, 2, 2], 4),
    ),
    "aurora recovery": (
        lambda: Aurora(SIX, "b").read_latency("a", "recovery"),
        lambda net: reference.aurora(net, 0, 1, [0, 0, 1, 1, 2, 2], 3, store=False),
    ),
    "aurora read": (
        lambda: Aurora(SIX, "b").read_latency("a"),
        lambda net: reference.aurora(net, 0, 1, [1], 1, store=False),
    ),
    "atlas without a fast quorum": (
        lambda: Atlas(NOISY.without("a", "e"), f=2).commit_latency("e"),
        lambda net: reference.coordinated(net, 4, 3, [1, 2, 3], 3, 3, 1.0),
    ),
    "fast paxos without a fast quorum": (
        lambda: FastPaxos(NOISY.without("a", "e"), "b").commit_latency("e"),
        lambda net: reference.fast_paxos(net, 4, 1, [1, 2, 3], 3, 3, 1.0),
    ),
    "two-phase commit": (
        lambda: TwoPhaseCommit(groups(NOISY, "bde"), per_participant=1 * ms).commit_latency("a"),
        lambda net: reference.two_phase_commit(net, 0, [(i, EVERY) for i in (1, 3, 4)], per_participant=1 * ms),
    ),
    "two-phase commit in Spanner": (
        lambda: TwoPhaseCommit([Spanner(NOISY, "b"), Spanner(NOISY, "d")]).commit_latency("a"),
        lambda net: reference.two_phase_commit(net, 0, [(1, EVERY), (3, EVERY)], clock=CLOCK),
    ),
    "parallel commit": (
        lambda: TwoPhaseCommit(groups(NOISY, "bde"), parallel=True).commit_latency("a"),
        lambda net: reference.two_phase_commit(net, 0, [(i, EVERY) for i in (1, 3, 4)], True),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_latencies_are_those_of_messages(case):
    law, simulate = CASES[case]
    agrees(law(), simulate(network(seed=sorted(CASES).index(case))))


def test_spanner_waits_out_a_sawtooth_between_near_replicas():
    near = 1e-3 * np.array([[0.5, 2, 13], [2, 0.5, 3], [13, 3, 0.5]])
    group = Spanner(Deployment(RoundTrips.from_matrix("abc", near)), leader="a", overlapped=True)
    net = reference.Network(near, lambda rng, n: 0.0, lambda rng, n: 0.0, TRIALS, 5)
    agrees(group.commit_latency("b"), reference.spanner_commit(net, 1, 0, range(3), CLOCK))
    steady = Spanner(Deployment(RoundTrips.from_matrix("abc", near)), "a", clock=TrueTime(4 * ms, drift=0.0))
    assert steady.commit_latency("b").mean() == pytest.approx(2 * ms + 8 * ms)
    slow = Spanner(Deployment(NETWORK), "a")
    assert slow.commit_latency("a").mean() == Raft(Deployment(NETWORK), "a").commit_latency("a").mean()
    # within the sawtooth: E max(9, U(2, 14)) ms
    group = Spanner(Deployment(RoundTrips({("a", "b"): 9 * ms}, within=0.0)), leader="a")
    assert group.commit_latency("a").mean() == pytest.approx((9 * 7 / 12 + 11.5 * 5 / 12) * ms)
    assert TrueTime(1 * ms, 0.0).commit_wait.mean() == pytest.approx(2 * ms)


def test_a_batch_waits_as_its_requests_do():
    batch = Batch(window=2 * ms, rate=1500)
    waits = reference.batch_waits(np.random.default_rng(3), 2 * ms, 1500, 5000)
    assert len(waits) / 5000 == pytest.approx(batch.size, abs=4 * math.sqrt(3 / 5000))
    # requests of one batch wait together: count batches, not requests
    assert batch.wait.mean() == pytest.approx(waits.mean(), abs=4 * waits.std() / math.sqrt(5000))
    assert batch.wait.cdf(1 * ms) == pytest.approx((waits <= 1 * ms).mean(), abs=4 * 0.5 / math.sqrt(5000))
    plain, batched = Raft(PLAIN, "a"), Raft(PLAIN, "a", batch=batch)
    assert batched.commit_latency("b").mean() == pytest.approx(plain.commit_latency("b").mean() + batch.wait.mean())
    assert batched.messages_per_commit == 2 + 8 / 4
    assert plain.messages_per_commit == 10


# --- published figures ------------------------------------------------------------------------------------------------


def published(system, what):
    return COMMITS[(COMMITS.system == system) & (COMMITS.what == what)]


def test_majorities_over_aws_round_trips():
    rows = published("aws", "closest quorum")
    assert len(rows) == 8
    for row in rows.itertuples():
        replicas = row.replicas.split()
        raft = Raft(Deployment(AWS, replicas), leader=row.place)
        assert raft.round_latency().mean() == pytest.approx(row.value * ms, abs=0.0505 * ms)
    five = Raft(Deployment(AWS, published("aws", "closest quorum").replicas.iloc[-1].split()))
    rounds = five.leaders().round_ms
    assert (round(rounds.min(), 1), round(rounds.max(), 1)) == (48.6, 152.4)
    assert five.leaders().set_index("leader").round_ms.idxmin() == "us-east-2"


def test_quorums_of_fantoch_over_google_round_trips():
    for row in published("gcp", "closest quorum").itertuples():
        wait = FlexiblePaxos(Deployment(GCP), row.place, q2=row.size).round_latency().mean()
        assert int(1e3 * wait) == row.value
    for row in published("gcp", "leaderless commit").itertuples():  # it counts 1 ms to the own region
        f = row.size - 2
        wait = Atlas(Deployment(GCP), f=f).commit_latency(row.place).mean()
        assert int(1e3 * (wait - GCP.between(row.place, row.place))) + 1 == row.value


def test_quorum_sizes():
    for row in published("epaxos", "fast quorum").itertuples():
        assert (
            EPaxos(
                Deployment(RoundTrips.from_matrix(range_names(row.size), np.zeros((row.size, row.size))))
            ).fast_quorum
            == row.value
        )
    for n, fast in {3: 3, 4: 3, 5: 4, 6: 5, 7: 6, 8: 6}.items():  # Lamport: n > 2 e + f
        assert FastPaxos(Deployment(RoundTrips.from_matrix(range_names(n), np.zeros((n, n))))).fast == fast
    assert [Atlas(PLAIN, f=f).fast_quorum for f in (1, 2)] == [3, 4]


def range_names(n):
    return [f"p{i}" for i in range(n)]


@pytest.mark.skipif(not MATRIX.is_file(), reason="needs latency/cloud_rtt.csv: set SCALEMODEL_DATA")
def test_the_small_table_is_part_of_the_full_matrix():
    full = pd.read_csv(MATRIX)
    full = full[(full.stat == "avg") & full.date.isin(["2020-06-05", "2019-08"])]
    for provider, small in TABLE.groupby("provider"):
        trips = RoundTrips.from_frame(full[full.provider == provider])
        for row in small.itertuples():
            assert trips.between(row.src, row.dst) == pytest.approx(row.rtt_ms * ms, abs=0.5e-6)


@pytest.mark.skipif(not MATRIX.is_file(), reason="needs latency/cloud_rtt.csv: set SCALEMODEL_DATA")
def test_places_over_the_full_matrix(monkeypatch):
    full = pd.read_csv(MATRIX)
    trips = RoundTrips.from_frame(full[(full.stat == "avg") & (full.date == "2019-08")])  # 20 places
    found = place_replicas(trips, 5)
    assert found.exhaustive
    assert len(found.tried) == 15_504
    monkeypatch.setattr(leader_search, "MOST_SETS", 10)
    climbed = place_replicas(trips, 5, leaderless=True, read_share=0.3)
    assert len(climbed.tried) < 5_000
    monkeypatch.undo()
    assert climbed.value == pytest.approx(place_replicas(trips, 5, leaderless=True, read_share=0.3).value)
    # with one leader: it and the two nearest others, whoever else there is
    best = min(
        np.mean([trips.between(c, lead) for c in trips.places])
        + sorted(trips.between(lead, other) for other in trips.places if other != lead)[1]
        for lead in trips.places
    )
    assert found.value == pytest.approx(best)


def test_spanners_table_of_two_phase_commit():
    table = pd.read_csv(DATA / "spanner_two_phase_commit.csv")
    known = sum(published("spanner", what).value.iloc[0] for what in ("commit wait, one replica", "Paxos, one replica"))
    fit = fit_two_phase_commit(table.participants, table.mean_ms * ms, table.mean_deviation_ms * ms, commit=known * ms)
    assert (1e3 * fit.prepare, 1e3 * fit.per_participant) == pytest.approx((8.6, 0.55), abs=0.01)
    assert fit.prepare == pytest.approx(published("spanner", "Paxos, one replica").value.iloc[0] * ms, rel=0.05)
    assert np.abs(fit.to_frame().residual_in_deviations).max() < 2
    assert fit.residuals == pytest.approx(table.mean_ms * ms - fit.mean(table.participants))
    # the same two costs as a model of messages: 9 ms of Paxos, 5 ms of commit wait after it
    group = Spanner(
        Deployment(RoundTrips({("a", "b"): 9 * ms}, within=0.0)),
        leader="a",
        clock=TrueTime(2.5 * ms, drift=0.0),
        overlapped=False,
    )
    assert group.round_latency().mean() == pytest.approx(known * ms)
    for n in (2, 10, 100):
        model = TwoPhaseCommit([group] * n, per_participant=fit.per_participant)
        assert model.commit_latency("a").mean() == pytest.approx((known + 9) * ms + n * fit.per_participant, rel=1e-9)
    assert isinstance(fit.plot(), mpl.axes.Axes)
    plt.close("all")


def test_aurora():
    copies, write, read = (int(published("aurora", w).value.iloc[0]) for w in ("copies", "write quorum", "read quorum"))
    zones = RoundTrips.from_matrix("abc", 1e-3 * np.array([[0.2, 1, 2], [1, 0.2, 1.5], [2, 1.5, 0.2]]))
    volume = Aurora(Deployment(zones, list("aabbcc"), ["a"]), "a")
    assert (volume.n, volume.write, volume.read) == (copies, write, read)
    assert volume.deployment.replicas == ("a-1", "a-2", "b-1", "b-2", "c-1", "c-2")
    assert volume.commit_latency().mean() == pytest.approx((0.2 + 1) * ms)
    assert volume.read_latency().mean() == pytest.approx((0.2 + 0.2) * ms)
    assert volume.read_latency(read="recovery").mean() == pytest.approx((0.2 + 1) * ms)
    assert (volume.tolerated_failures, volume.tolerated_read_failures) == (2, 3)
    # a zone lost: writes go on; a zone and a copy: reads do
    zone = Aurora(volume.deployment.without("b"), "a")
    assert zone.commit_latency().mean() == pytest.approx((0.2 + 2) * ms)
    more = Aurora(zone.deployment.without("c-1"), "a")
    assert more.read_latency(read="recovery").mean() == pytest.approx((0.2 + 2) * ms)
    with pytest.raises(ValueError, match="commits of Aurora need 4 replicas and 3 are up"):
        more.commit_latency()
    assert volume.messages_per_commit == 14


def test_dynamodb_commits_within_a_region_take_single_digits():
    assert "single-digit milliseconds" in published("dynamodb", "peak requests per second").source.iloc[0]
    zones = RoundTrips({("a", "b"): 1 * ms, ("a", "c"): 1 * ms, ("b", "c"): 1 * ms}, within=0.3 * ms)
    table = MultiPaxos(Deployment(zones, message=Exponential(0.2 * ms), storage=Exponential(1 * ms)))
    assert table.commit_latency().quantile(0.99) < 10 * ms


# --- how protocols compare --------------------------------------------------------------------------------------------

matrices = st.lists(st.integers(1, 300), min_size=15, max_size=15)


def deployment(numbers, **more):
    """Five places at any distances."""
    trips = iter(numbers)
    pairs = {(PLACES[i], PLACES[j]): next(trips) * ms for i in range(5) for j in range(i, 5) if j != i}
    return Deployment(RoundTrips(pairs, within=0.5 * ms), **more)


def seconds(protocol, client="a", operation="commit"):
    return protocol.latency(operation, client).mean()


@quick
@given(matrices)
def test_more_acknowledgements_are_never_faster(numbers):
    d = deployment(numbers)
    assert np.all(np.diff([seconds(FlexiblePaxos(d, "b", q1=5, q2=q)) for q in range(1, 6)]) >= 0)
    assert np.all(np.diff([seconds(PrimaryBackup(d, "b", acks=k)) for k in range(5)]) >= 0)
    assert np.all(np.diff([seconds(Atlas(d, f=f)) for f in (1, 2)]) >= 0)
    assert seconds(FlexiblePaxos(d, "b", q1=3, q2=3)) == seconds(MultiPaxos(d, "b")) == seconds(Raft(d, "b"))
    assert seconds(PrimaryBackup(d, "b", acks=2)) == seconds(Raft(d, "b"))
    assert seconds(PrimaryBackup(d, "b")) == seconds(FlexiblePaxos(d, "b", q1=1, q2=5))


@quick
@given(matrices, st.sampled_from(PLACES))
def test_where_the_leader_is(numbers, client):
    d = deployment(numbers)
    here = Raft(d, client)
    # with the leader in its place a client waits for one round: never longer than a leaderless commit without conflicts
    assert seconds(here, client) == pytest.approx(seconds(EPaxos(d), client))
    assert seconds(here, client, "lease") == min(seconds(Raft(d, x), client, "lease") for x in PLACES)
    best = Raft(d)
    assert best.commit_latency().mean() == min(best.with_leader(x).commit_latency().mean() for x in PLACES)
    assert best.leaders().leader.iloc[0] == best.leader
    # reads: from the nearest replica, from the leader, confirmed, through the log
    raft = Raft(d, "c")
    stale, lease, index, follower, log = (
        seconds(raft, client, x) for x in ("stale", "lease", "index", "follower", "log")
    )
    assert stale <= lease <= index == log
    assert follower == pytest.approx(index) if client == "c" else follower >= index - 1e-12 or follower >= stale
    assert seconds(Raft(d, client), client, "index") <= seconds(ABD(d), client, "atomic")


@quick
@given(matrices, st.sampled_from(PLACES), st.floats(0, 1))
def test_fast_rounds_and_conflicts(numbers, client, rate):
    d = deployment(numbers)
    fast = FastPaxos(d, "b")
    # without collisions a client waits for one round trip, to the fourth nearest
    assert seconds(fast, client) == sorted(d.reach(client, x).trip for x in PLACES)[3]
    # more is awaited than by a classic quorum that the client asks itself
    assert seconds(fast, client) >= seconds(ABD(d, single_writer=True), client)
    mixed = seconds(FastPaxos(d, "b", rate), client)
    quickly, slowly = (seconds(FastPaxos(d, "b", x), client) for x in (0, 1))
    assert mixed == pytest.approx((1 - rate) * quickly + rate * slowly)
    assert seconds(EPaxos(d, rate), client) >= seconds(EPaxos(d), client) - 1e-12
    assert seconds(Atlas(d, rate, f=1), client) == seconds(Atlas(d, f=1), client)
    # a register's read is two rounds, as a write by one of several
    assert seconds(ABD(d), client, "atomic") == pytest.approx(2 * seconds(ABD(d), client, "regular"))
    assert seconds(ABD(d), client) == seconds(ABD(d), client, "atomic")


@quick
@given(matrices, st.integers(1, 4))
def test_transactions(numbers, others):
    d = deployment(numbers)
    parts = groups(d, ("b", *PLACES[:others]))
    one, two, parallel = (
        TwoPhaseCommit(parts[:1]),
        TwoPhaseCommit(parts),
        TwoPhaseCommit(parts, parallel=True),
    )
    assert seconds(one) == pytest.approx(seconds(parts[0]))
    assert seconds(one) <= seconds(parallel) + 1e-12
    assert seconds(parallel) <= seconds(two)
    assert seconds(two) <= seconds(one) + seconds(parallel)
    assert seconds(two) <= seconds(TwoPhaseCommit([*parts, *groups(d, "e")])) + 1e-12


def test_far_replicas_that_never_matter_leave_the_moments_finite():
    noisy = Deployment(AWS, list(AWS.places)[:6], message=Exponential(0.5 * ms), storage=Exponential(1 * ms))
    for client in AWS.places:
        law = Raft(noisy, "us-east-1").commit_latency(client)
        near = law.quantile(0.5)
        assert near < law.mean() < near + 1 * ms
    chosen = Raft(noisy)
    assert chosen.commit_latency().mean() == min(chosen.leaders().mean_ms) / 1e3


@quick
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_quorums_of_two_sizes_must_meet(n, q1, q2):
    d = Deployment(RoundTrips.from_matrix(range_names(n), np.zeros((n, n))))
    if max(q1, q2) <= n < q1 + q2:
        paxos = FlexiblePaxos(d, q1=q1, q2=q2)
        assert (paxos.q1, paxos.q2, paxos.tolerated_failures) == (q1, q2, n - max(q1, q2))
    else:
        with pytest.raises(ValueError, match="give"):
            FlexiblePaxos(d, q1=q1, q2=q2)
    both = FlexiblePaxos(d)
    assert both.q1 + both.q2 == n + 1
    fast = FastPaxos(d)
    assert 2 * fast.fast + fast.classic > 2 * n >= 2 * (fast.fast - 1) + fast.classic


def test_distances_in_closed_form():
    raft = Raft(PLAIN, "b")
    assert seconds(raft) == pytest.approx((10 + 25) * ms)
    assert seconds(Raft(PLAIN, "a")) == pytest.approx((1 + 30) * ms)
    assert seconds(Chain(PLAIN), "c") == pytest.approx((30 + 10 + 25 + 45 + 20 + 50) / 2 * ms)
    assert seconds(Chain(PLAIN), "c", "tail") == pytest.approx(50 * ms)
    assert seconds(Spanner(PLAIN, "b"), "d", "strong") == pytest.approx((1 + 60) * ms)
    assert seconds(Spanner(PLAIN, "b"), "d", "stale") == pytest.approx(1 * ms)
    assert Spanner(PLAIN, "b").read_write_latency("a").mean() == pytest.approx((10 + 10 + 25) * ms)
    everyone = raft.commit_latency()
    assert everyone.mean() == pytest.approx(np.mean([seconds(raft, x) for x in PLACES]))
    with_noise = Raft(NOISY, "b").commit_latency("a").mean()
    assert with_noise > (10 + 25 + 2 * 4) * ms
    # equal exponential legs: the second fastest of four, and the disk of the leader is not waited for
    star = RoundTrips({(a, b): 0.0 for a in PLACES for b in PLACES}, within=0.0)
    flat = Raft(Deployment(star, storage=Exponential(6 * ms)), "a").round_latency()
    assert flat.mean() == pytest.approx(6 * (1 / 5 + 1 / 4 + 1 / 3) * ms)


def test_topologies():
    cluster = Topology.grid(
        1,
        regions=["us", "eu"],
        zones=3,
        round_trips=RoundTrips({("us", "eu"): 80 * ms, ("us", "us"): 1 * ms}, 0.2 * ms),
    )
    d = Deployment(cluster, ["usa-1", "usb-1", "eua-1"], ["us", "eu", "usc", "eua-1"])
    assert d.reach("us", "usa-1").trip == 1 * ms
    assert d.reach("eua-1", "eua-1").trip == 0.0
    assert d.reach("usc", "eua-1").trip == 80 * ms
    assert d.between("usa-1", "usb-1").trip == 1 * ms
    assert Raft(d, "usa-1").commit_latency("eu").mean() == pytest.approx(81 * ms)
    assert Deployment(cluster).n == 6
    assert Deployment(cluster, clients=["us"]).nearest("eu") == "eua-1"
    assert hash(d) == hash(Deployment(cluster, ["usa-1", "usb-1", "eua-1"], ["us", "eu", "usc", "eua-1"]))


def test_failures():
    hurt = PLAIN.without("b", "c")
    assert hurt.up == ("a", "d", "e")
    assert seconds(Raft(hurt, "a")) == pytest.approx((1 + 90) * ms)
    assert seconds(Chain(hurt), "a") == pytest.approx((1 + 70 + 20 + 90) / 2 * ms)
    with pytest.raises(ValueError, match="commits of FastPaxos need 4 replicas and 3 are up"):
        FastPaxos(hurt, "a").path_latency("a")
    with pytest.raises(ValueError, match="need 3 replicas and 2 are up"):
        Raft(hurt.without("e"))
    for protocol in all_protocols(PLAIN):
        assert 0 <= protocol.tolerated_failures < 5
    tolerated = {p.name: p.tolerated_failures for p in all_protocols(PLAIN)}
    assert tolerated == {
        "Raft": 2, "MultiPaxos": 2, "FlexiblePaxos": 1, "PrimaryBackup": 4, "Chain": 4, "EPaxos": 2, "Atlas": 1,
        "FastPaxos": 2, "ABD": 2, "Spanner": 2, "TwoPhaseCommit": 2, "Aurora": 1,
    }  # fmt: skip
    messages = {p.name: p.messages_per_commit for p in all_protocols(PLAIN)}
    assert messages == {
        "Raft": 10, "MultiPaxos": 10, "FlexiblePaxos": 10, "PrimaryBackup": 10, "Chain": 6, "EPaxos": 14, "Atlas": 14,
        "FastPaxos": 14, "ABD": 20, "Spanner": 10, "TwoPhaseCommit": 21, "Aurora": 12,
    }  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda d: Raft(d, "e"),
        lambda d: FlexiblePaxos(d, "e", q1=2, q2=4),
        lambda d: FastPaxos(d, "e"),
        EPaxos,
        lambda d: Atlas(d, f=2),
        ABD,
        lambda d: Spanner(d, "e"),
        lambda d: TwoPhaseCommit(groups(d, "ee")),
        lambda d: Aurora(d, "e"),
    ],
)
def test_commits_go_on_with_as_many_failures_as_are_tolerated_and_no_more(make):
    tolerated = make(PLAIN).tolerated_failures
    whole = seconds(make(PLAIN), "e")
    for down in range(1, tolerated + 1):
        hurt = seconds(make(PLAIN.without(*"dcba"[:down])), "e")
        assert hurt >= whole
    with pytest.raises(ValueError, match="are up: fewer may be down"):
        make(PLAIN.without(*"dcba"[: tolerated + 1])).commit_latency("e")


def all_protocols(d):
    return [
        Raft(d), MultiPaxos(d), FlexiblePaxos(d, q1=4, q2=2), PrimaryBackup(d), Chain(d), EPaxos(d), Atlas(d),
        FastPaxos(d), ABD(d), Spanner(d), TwoPhaseCommit(groups(d, "ab")), Aurora(d, "a"),
    ]  # fmt: skip


def test_answers_show_themselves():
    for protocol in all_protocols(PLAIN):
        frame = protocol.to_frame()
        assert len(frame) == 5 * (1 + len(protocol.reads))
        assert {"client", "share", "operation", "mean_ms", "p99.9_ms"} <= set(frame.columns)
        assert np.isfinite(frame.mean_ms).all()
        assert protocol.name in str(protocol)
        protocol.plot()
        plt.close("all")
    table = compare_protocols(all_protocols(PLAIN)[:4])
    assert set(table.protocol) == {"Raft", "MultiPaxos", "FlexiblePaxos", "PrimaryBackup"}
    assert "round_trip_ms" in PLAIN.to_frame()
    assert "5 replicas" in PLAIN.title


# --- places -----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_searches_find_what_loops_find(data):
    m = data.draw(st.integers(2, 7))
    n = data.draw(st.integers(1, m))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    trips = rng.integers(1, 200, (m, m)) * ms
    trips = np.maximum(trips, trips.T)
    names = range_names(m)
    weights = rng.integers(1, 9, m).astype(float)
    quorum = data.draw(st.integers(1, n))
    leaderless, nearest = data.draw(st.booleans()), data.draw(st.booleans())
    share = data.draw(st.sampled_from([0.0, 0.5, 0.9]))
    p = data.draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    found = place_replicas(
        RoundTrips.from_matrix(names, trips),
        n,
        dict(zip(names, weights, strict=True)),
        leaderless=leaderless,
        quorum=quorum,
        objective=p or "mean",
        read_share=share,
        reads="nearest" if nearest else "leader",
        keep=1000,
    )
    between = trips * (1 - np.eye(m))
    loops = reference.placements(between, trips, weights / weights.sum(), n, quorum, leaderless, share, nearest, p)
    assert found.tried == pytest.approx(sorted(loops.values()))
    for members, value in zip(found.sets, found.seconds, strict=True):
        assert value == pytest.approx(loops[tuple(names.index(x) for x in members)])
    assert np.all(np.diff(found.seconds) >= -1e-12)


def test_searches_agree_with_the_protocols():
    for places, leaderless in ((list(AWS.places), False), (list(AWS.places), True)):
        found = place_replicas(AWS, 5, leaderless=leaderless)
        d = Deployment(AWS, found.replicas, places)
        model = EPaxos(d) if leaderless else Raft(d, found.leader)
        assert model.commit_latency().mean() == pytest.approx(found.value)
        p90 = place_replicas(AWS, 5, leaderless=leaderless, objective=0.9)
        d = Deployment(AWS, p90.replicas, places)
        model = EPaxos(d) if leaderless else Raft(d, p90.leader)
        assert model.commit_latency().quantile(0.9) == pytest.approx(p90.value)


def test_equally_good_places_are_ordered_by_what_a_loss_leaves():
    found = place_replicas(AWS, 5)
    same = found.to_frame()[found.seconds == found.value]
    assert same.after_worst_loss_ms.is_monotonic_increasing
    worst = max(
        min(Raft(Deployment(AWS, found.replicas, list(AWS.places), down=[gone]), x).commit_latency().mean()
            for x in found.replicas if x != gone)
        for gone in found.replicas
    )  # fmt: skip
    assert found.after_loss[0] == pytest.approx(worst)
    survivors = place_replicas(AWS, 5, survive=True)
    assert survivors.value == pytest.approx(survivors.after_loss[0])
    assert survivors.value <= found.after_loss[0] + 1e-12
    assert math.isinf(place_replicas(AWS, 2, keep=1).after_loss[0])


def test_local_search_finds_the_best_of_many(monkeypatch):
    exact = place_replicas(AWS, 4, leaderless=True, read_share=0.5)
    monkeypatch.setattr(leader_search, "MOST_SETS", 10)
    found = place_replicas(AWS, 4, leaderless=True, read_share=0.5)
    assert exact.exhaustive
    assert not found.exhaustive
    assert found.value == pytest.approx(exact.value)
    assert len(found.tried) < len(exact.tried)
    assert "local search" in found.title
    again = place_replicas(AWS, 4, leaderless=True, read_share=0.5)
    assert again.to_frame().equals(found.to_frame())
    assert isinstance(found.plot(), mpl.axes.Axes)
    plt.close("all")


# --- bad input --------------------------------------------------------------------------------------------------------

LACKING = RoundTrips({("a", "b"): 0.01, ("b", "c"): 0.01}, within=0.001)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RoundTrips.from_matrix("ab", [[0, 1]]), r"shape \(1, 2\): for 2 places give 2 rows and columns"),
        (lambda: Raft(Deployment(LACKING)), "no round trip between 'a' and 'c': add the pair"),
        (lambda: Raft(Deployment(RoundTrips({("a", "b"): 0.01}))), "no round trip within 'a'"),
        (lambda: place_replicas(LACKING, 2), "no round trip between 'a' and 'c': add the pair"),
        (lambda: Deployment(NETWORK, ["a", "f"]), "no place 'f' in the network"),
        (lambda: Deployment(NETWORK, clients=["us"]), "no place 'us' in the network"),
        (lambda: Deployment(AWS, ["us-east-3"]), "no place 'us-east-3' in the network; did you mean 'us-east-2'"),
        (lambda: Deployment(NETWORK, []), "replicas is empty"),
        (lambda: Deployment(NETWORK, clients=["a", "b", "a"]), "clients are in 'a' more than once: give a mapping"),
        (
            lambda: Deployment(Topology.grid(zones=3, round_trips=AWS), ["a-1", "a-1"]),
            "a replica is on 'a-1' more than once: give each a node of its own",
        ),
        (
            lambda: Deployment(RoundTrips({("a", "a-1"): 1.0}), ["a", "a", "a-1"]),
            "a replica is called 'a-1' more than once: give places other names",
        ),
        (
            lambda: Deployment(NETWORK, clients={"a": 0, "b": 1}),
            "clients in 'a' is 0: leave the place out",
        ),
        (lambda: Deployment(NETWORK, clients={"a": -1}), "not negative"),
        (lambda: Deployment(Topology.grid(zones=3)), "the topology has no round trips"),
        (lambda: Deployment(NETWORK, down=["x"]), "there is no replica 'x'"),
        (lambda: Deployment(NETWORK, ["a"], down=["a"]), "all replicas are down"),
        (lambda: Raft(PLAIN, "x"), "there is no replica 'x'; there are a, b, c, d, e"),
        (lambda: Raft(PLAIN.without("a"), "a"), "replica 'a' is down: choose one of b, c, d, e"),
        (lambda: Raft(PLAIN, "a").commit_latency("x"), "no place 'x'"),
        (lambda: Raft(PLAIN, "a").read_latency("a", "leas"), "no read 'leas'; did you mean 'lease'"),
        (lambda: TwoPhaseCommit(groups(PLAIN, "a")).read_latency("a"), "no reads of its own"),
        (lambda: FlexiblePaxos(PLAIN, q1=2, q2=3), "q1 = 2 and q2 = 3 of 5 replicas need not meet"),
        (lambda: FlexiblePaxos(PLAIN, q1=6, q2=3), "q1, of 5 replicas, is 6: give a whole number from 1 to 5"),
        (lambda: FlexiblePaxos(PLAIN, q1=5, q2=0), "q2, of 5 replicas, is 0"),
        (lambda: PrimaryBackup(PLAIN, acks=5), "acks, of 4 backups, is 5"),
        (lambda: FastPaxos(PLAIN, fast=3), "give 2 \\* classic above 5 and 2 \\* fast \\+ classic above 10"),
        (lambda: FastPaxos(PLAIN, classic=2), "classic = 2 of 5"),
        (lambda: FastPaxos(PLAIN, conflict_rate=2), "conflict rate is 2"),
        (lambda: EPaxos(PLAIN, conflict_rate=math.nan), "the conflict rate is nan"),
        (lambda: Atlas(PLAIN, f=3), "f, of 5 replicas, is 3: give a whole number from 1 to 2"),
        (lambda: Atlas(Deployment(NETWORK, ["a", "b"])), "Atlas came with 2 replicas: give 3 or more"),
        (lambda: Aurora(Deployment(NETWORK), "a", write=2, read=4), "give write \\+ read above 5"),
        (lambda: Aurora(Deployment(NETWORK), "a", write=4, read=7), "read, of 5 copies, is 7"),
        (lambda: Aurora(Deployment(NETWORK), "x"), "no place 'x'"),
        (lambda: Batch(0, 1), "the window of a batch is 0"),
        (lambda: Batch(1, -1), "the rate of requests is -1"),
        (lambda: TrueTime(-1), "delay of the time masters is -1"),
        (lambda: TrueTime(poll=0), "the poll interval is 0"),
        (lambda: TwoPhaseCommit([]), "a transaction has no participants"),
        (lambda: TwoPhaseCommit([Spanner(PLAIN)], parallel=True), "came with Spanner as its coordinator"),
        (lambda: fit_two_phase_commit([1, 2], [0.1]), "2 participants came with 1 means"),
        (lambda: fit_two_phase_commit([2, 2], [0.1, 0.2]), "two different numbers"),
        (lambda: fit_two_phase_commit([1, 2], [0.1, 0.2], [0.0, 0.1]), "an error is 0"),
        (lambda: place_replicas(NETWORK, 6), "n, of 5 candidates, is 6"),
        (lambda: place_replicas(NETWORK, 3, quorum=4), "quorum, of 3 replicas, is 4"),
        (lambda: place_replicas(NETWORK, 3, objective="p99"), "the objective is 'p99': give 'mean' or a percentile"),
        (lambda: place_replicas(NETWORK, 3, objective=99), "was 0.99 meant"),
        (lambda: place_replicas(NETWORK, 3, objective=0), "percentile is 0"),
        (lambda: place_replicas(NETWORK, 3, reads="lease"), "reads is 'lease': give 'leader' or 'nearest'"),
        (lambda: place_replicas(NETWORK, 2, survive=True), "survives no loss"),
        (lambda: place_replicas(NETWORK, 2, candidates=["a", "a"]), "a candidate appears more than once"),
        (lambda: place_replicas(NETWORK, 2, read_share=1.5), "read_share is 1.5"),
    ],
)
def test_bad_input_is_told_in_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Deployment({"a": 1}), "give RoundTrips or a Topology"),
        (lambda: Deployment(NETWORK, "abc"), "replicas is 'abc': give a list of names"),
        (lambda: Deployment(NETWORK, message=0.1), "message is 0.1: give a Latency"),
        (lambda: Raft(NETWORK), "give a Deployment"),
        (lambda: Raft(PLAIN, batch=3), "batch is 3: give a Batch"),
        (lambda: Spanner(PLAIN, clock=3), "the clock is 3: give a TrueTime"),
        (lambda: TwoPhaseCommit([PLAIN]), "give protocols with a leader"),
    ],
)
def test_wrong_types_are_told_in_one_sentence(make, sentence):
    with pytest.raises(TypeError, match=sentence):
        make()
