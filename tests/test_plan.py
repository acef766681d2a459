"""Design files and their evaluation."""

from pathlib import Path

import numpy as np
import pytest

from scalemodel.availability import Failures, Replicas, durability
from scalemodel.cache import che, expiring_lru, irm_trace, simulate
from scalemodel.latency import Constant, Exponential, LogNormal, from_percentiles
from scalemodel.placement import HashRing, JumpHash, Maglev, Rendezvous, balance, shard_loads
from scalemodel.plan import Cache, Consistency, Design, Latencies, Risks, evaluate, read_plan
from scalemodel.plan.cache_lines import misses
from scalemodel.quorum import Cassandra, Replication
from scalemodel.topology import Topology
from scalemodel.workload import DiurnalLoad, HotSet, Uniform, Workload, Zipf

DESIGNS = sorted((Path(__file__).parents[1] / "data" / "designs").glob("*.toml"))

GOOD = """
title = "A store"
[workload]
rate = 1000
read_fraction = 0.5
load = { shape = "diurnal", peak_to_mean = 1.5 }
popularity = { law = "zipf", objects = 10_000, alpha = 0.8 }
object_bytes = 100
[cluster]
zones = 3
nodes = 2
capacity = 500
[placement]
scheme = "ring"
vnodes = 64
replicas = 3
spread = "zone"
"""


def read(tmp_path, text):
    path = tmp_path / "design.toml"
    path.write_text(text)
    return read_plan(path)


def test_a_design_file_says_what_it_says(tmp_path):
    plan = read(tmp_path, GOOD)
    assert plan.title == "A store"
    assert plan.workload == Workload(DiurnalLoad(1000.0, 1.5), 0.5, Zipf(10_000, 0.8), 100.0)
    assert plan.design == Design(HashRing(Topology.grid(2, zones=3), vnodes=64), 3, "zone", "any", 500.0)


def test_a_design_file_names_the_variant_of_maglev(tmp_path):
    text = GOOD.replace('"ring"', '"maglev"').replace("vnodes = 64", 'variant = "siphash"\ntable_size = 1009')
    assert read(tmp_path, text).design.placement == Maglev(Topology.grid(2, zones=3), 1009, scheme="siphash")
    with pytest.raises(ValueError, match="did you mean 'variant'"):
        read(tmp_path, text.replace("variant", "varian"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('law = "zipf", objects = 10_000, alpha = 0.8', 'law = "uniform", objects = 7', Uniform(7)),
        (
            'law = "zipf", objects = 10_000, alpha = 0.8',
            'law = "hotset", objects = 100, hot_share = 0.2, hot_requests = 0.8',
            HotSet(100, 0.2, 0.8),
        ),
    ],
)
def test_popularity_laws(tmp_path, old, new, expected):
    assert read(tmp_path, GOOD.replace(old, new)).workload.popularity == expected


@pytest.mark.parametrize(("scheme", "kind"), [("jump", JumpHash), ("rendezvous", Rendezvous)])
def test_schemes(tmp_path, scheme, kind):
    text = GOOD.replace('scheme = "ring"\nvnodes = 64', f'scheme = "{scheme}"')
    assert read(tmp_path, text).design.placement == kind(Topology.grid(2, zones=3))


def test_listed_nodes(tmp_path):
    nodes = '[[cluster.nodes]]\nname = "x"\nzone = "a"\nweight = 2\n[[cluster.nodes]]\nname = "y"\nzone = "b"\n'
    text = GOOD.replace("zones = 3\nnodes = 2\n", "").replace("[placement]", nodes + "[placement]")
    plan = read(tmp_path, text.replace("replicas = 3", "replicas = 2"))
    assert plan.design.placement.topology == Topology(["x", "y"], [2, 1], {"zone": ["a", "b"]})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("vnodes = 64", "vnods = 64", "placement.vnods is not a known key; did you mean 'vnodes'?"),
        ("read_fraction", "readfraction", "workload.readfraction is not a known key; did you mean 'read_fraction'?"),
        ("[placement]", "[placements]", "placements is not a known key; did you mean 'placement'?"),
        ("alpha = 0.8", "alfa = 0.8", "workload.popularity.alpha is missing"),
        ("alpha = 0.8", "alpha = 0.8, beta = 1", "workload.popularity.beta is not a known key"),
        ("rate = 1000", "", "workload.rate is missing"),
        ("rate = 1000", "rate = -5", "workload.rate is -5: it should be greater than 0"),
        ("rate = 1000", 'rate = "fast"', "workload.rate is 'fast'"),
        ('law = "zipf"', 'law = "zip"', "'zip'"),
        ("alpha = 0.8", "alpha = -1", "alpha"),
        ("read_fraction = 0.5", "read_fraction = 90", "read_fraction is 90"),
        ('scheme = "ring"', 'scheme = "rings"', "no placement scheme 'rings'; did you mean 'ring'?"),
        ("vnodes = 64", "vnodes = 64\nreplica = 2", "placement.replica is not a known key; did you mean 'replicas'?"),
        ('scheme = "ring"', 'scheme = "jump"', "placement.vnodes is not a known key; known here are scheme, replicas"),
        ("vnodes = 64", "vnodes = 0", "vnodes is 0: give an integer of one or more"),
        ("replicas = 3", "replicas = 4", "4 replicas need 4 different zones and there are 3"),
        ('spread = "zone"', 'spread = "rack"', "no level 'rack'"),
        ("nodes = 2", "nodes = 0", "cluster.nodes is 0"),
        ('title = "A store"', "", "title is missing"),
        ("[cluster]", "[cache]\n[cluster]", "cache needs either objects or bytes"),
        ("[cluster]", "[cache]\nobjects = 5\nbytes = 7\n[cluster]", "cache needs either objects or bytes"),
        ("[cluster]", "[cache]\nobjects = 0\n[cluster]", "cache.objects is 0"),
        ("[cluster]", '[cache]\nobjects = 5\npolicy = "lro"\n[cluster]', "cache.policy is 'lro'"),
        ("object_bytes = 100\n[cluster]", "[cache]\nbytes = 5\n[cluster]", "cache.bytes needs workload.object_bytes"),
        ("[cluster]", "[cache]\nobjects = 5\nttl = 0\n[cluster]", "cache.ttl is 0"),
        ("[cluster]", '[cache]\nobjects = 5\nwrites = "aside"\n[cluster]', "cache.writes is 'aside'"),
        ("[cluster]", '[cache]\nobjects = 5\npolicy = "fifo"\nttl = 9\n[cluster]', "are modelled for lru"),
        (
            "[cluster]",
            '[latency]\nread = { law = "lognorm" }\n[cluster]',
            "'lognorm'; did you mean",
        ),
        ("[cluster]", '[latency]\nread = { law = "exponential" }\n[cluster]', "latency.read.mean is missing"),
        (
            "[cluster]",
            '[latency]\nhit = { law = "constant", valu = 1 }\n[cluster]',
            "latency.hit.valu is not a",
        ),
        ("[cluster]", '[latency]\nhit = { law = "constant", value = -1 }\n[cluster]', "constant latency is -1"),
        (
            "[cluster]",
            '[latency]\nhit = { law = "percentiles", p5 = 1 }\n[cluster]',
            "hit.p5 is not a percentile",
        ),
        ("[cluster]", '[latency]\nhot = { law = "constant" }\n[cluster]', "latency.hot is not a known key"),
        ("[cluster]", '[quorum]\nreads = "a * d"\n[cluster]', "there is no node 'd'"),
        ("[cluster]", '[quorum]\nreads = "a +"\n[cluster]', "cannot be read"),
        ("[cluster]", '[quorum]\nreads = "a + b"\nwrites = "a"\n[cluster]', "have no common node"),
        ("[cluster]", "[quorum]\n[cluster]", "neither reads nor writes"),
        ("capacity = 500", "[latency]\nservice_time = 0.1", "give the capacity, too"),
        ("[cluster]", "[consistency]\nreads = 1\nwrites = 4\n[cluster]", "w, of n = 3 replicas, is 4"),
        (
            "[cluster]",
            '[consistency]\nreads = 1\nwrites = "ALL"\n[cluster]',
            "numbers of replicas for both, or levels",
        ),
        ("[cluster]", '[consistency]\nreads = "ONE"\nwrites = "MANY"\n[cluster]', "consistency.writes"),
        ("[cluster]", '[consistency]\nreads = "ONE"\nwrites = "ALL"\n[cluster]', "a consistency level needs regions"),
        (
            "[cluster]",
            '[quorum]\nreads = "a"\n[consistency]\nreads = 1\nwrites = 1\n[cluster]',
            "quorums and a consistency",
        ),
        (
            "[cluster]",
            '[consistency]\nreads = "ONE"\nwrites = "ALL"\n[cluster]\nregions = 2',
            "do not all have as many copies in each region",
        ),
        (
            "replicas = 3",
            'replicas = 6\n[consistency]\nreads = "ONE"\nwrites = "ALL"\n[cluster.x]',
            "cluster.x is not a known key",
        ),
        ("[cluster]", "[cluster", "is not TOML"),
    ],
)
def test_a_bad_design_is_refused_in_one_sentence(tmp_path, old, new, says):
    assert old in GOOD
    with pytest.raises(ValueError, match=r"design\.toml") as error:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_misspelt_key_of_a_listed_node_is_named(tmp_path):
    nodes = '[[cluster.nodes]]\nname = "x"\nzon = "a"\n'
    text = GOOD.replace("zones = 3\nnodes = 2\n", "").replace("[placement]", nodes + "[placement]")
    with pytest.raises(ValueError, match=r"cluster\.nodes\[0\]\.zon is not a known key; did you mean 'zone'\?"):
        read(tmp_path, text)


def test_bytes_that_are_not_utf8(tmp_path):
    (tmp_path / "design.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(ValueError, match="not UTF-8"):
        read_plan(tmp_path / "design.toml")


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.name)
def test_the_example_designs_evaluate(path):
    plan = read_plan(path)
    answer = evaluate(plan.design, plan.workload, plan.title)
    assert np.isfinite([line.value for line in answer.lines]).all()
    assert answer["utilisation of the busiest node"] < 1, "an example should hold its load"


def test_the_busiest_node_is_counted_by_hand(tmp_path):
    plan = read(tmp_path, GOOD)
    answer = evaluate(plan.design, plan.workload)
    shares = balance(plan.design.placement, plan.workload, 3, spread="zone").share
    # at the peak 1500 requests/s: half read one of three copies, half write all three
    loads = 750 * shares + 750 * 3 * shares
    assert answer["load of the busiest node"] == pytest.approx(loads.max())
    assert answer["utilisation of the busiest node"] == pytest.approx(loads.max() / 500)
    assert answer["utilisation if load were even"] == pytest.approx(3000 / 6 / 500)


def test_reads_from_the_first_copy_only_are_less_even(tmp_path):
    everywhere = read(tmp_path, GOOD.replace("read_fraction = 0.5", "read_fraction = 1.0"))
    first = read(
        tmp_path,
        GOOD.replace("read_fraction = 0.5", "read_fraction = 1.0").replace('spread = "zone"', 'reads_from = "first"'),
    )
    peak = "peak-to-mean of the requests"
    assert evaluate(first.design, first.workload)[peak] > evaluate(everywhere.design, everywhere.workload)[peak]


def test_an_unknown_quantity_is_a_key_error(tmp_path):
    plan = read(tmp_path, GOOD)
    with pytest.raises(KeyError, match="colour"):
        evaluate(plan.design, plan.workload)["colour"]


def test_a_cache_by_bytes_holds_as_many_objects_as_fit(tmp_path):
    by_bytes = read(tmp_path, GOOD.replace("[cluster]", "[cache]\nbytes = 50_000\n[cluster]"))
    by_objects = read(tmp_path, GOOD.replace("[cluster]", "[cache]\nobjects = 500\n[cluster]"))
    ratios = [evaluate(plan.design, plan.workload)["hit ratio"] for plan in (by_bytes, by_objects)]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-9)
    assert ratios[1] == pytest.approx(che(Zipf(10_000, 0.8), 500).hit_ratio, rel=1e-12)


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu"])
def test_the_nodes_see_what_the_cache_lets_through(policy):
    law, nodes = Zipf(5000, 1.1), JumpHash(4)
    workload = Workload(1000.0, popularity=law)
    design = Design(nodes, capacity=1000.0, cache=Cache(200, policy=policy))
    behind = misses(design, workload)
    ranks = np.arange(law.n)
    assert behind.pmf(ranks).sum() == pytest.approx(1, rel=1e-6)
    assert behind.tail(ranks[1::1000]) == pytest.approx(1 - np.cumsum(behind.pmf(ranks))[0::1000], abs=1e-3)
    assert behind.sum_of_squares() == pytest.approx(np.sum(behind.pmf(ranks) ** 2), rel=1e-3)
    assert (np.diff(behind.quantile([0.1, 0.5, 0.9])) > 0).all()
    assert abs(behind.head(int(behind.quantile(0.5))) - 0.5) < 2e-3
    answer = evaluate(design, workload)
    if policy == "lfu":  # of the law's frequencies, not of those counted so far, as a replay has them
        assert 1 - answer["hit ratio"] == pytest.approx(law.tail(200), rel=1e-9)
    else:
        replayed = simulate(irm_trace(law, 400_000), policy, 200, warmup=0.1).miss_ratio
        assert 1 - answer["hit ratio"] == pytest.approx(replayed, abs=0.01)
    work = np.bincount(nodes.lookup(ranks), behind.pmf(ranks), 4)
    expected = 1000 * (1 - answer["hit ratio"]) * work.max()
    assert answer["load of the busiest node"] == pytest.approx(expected, rel=1e-3)


def test_a_cache_that_holds_everything_leaves_only_writes():
    workload = Workload(1000.0, 0.75, Uniform(100))
    answer = evaluate(Design(JumpHash(4), cache=Cache(100)), workload)
    assert answer["hit ratio"] == 1
    assert answer["reads that reach the nodes"] == 0
    assert answer["load of the busiest node"] == pytest.approx(
        250 * balance(JumpHash(4), Workload(1.0, 1.0, Uniform(100))).share.max()
    )


def test_a_cache_before_data_that_changes():
    law, workload = Zipf(5000, 0.9), Workload(1000.0, 0.8, Zipf(5000, 0.9))
    answer = evaluate(Design(JumpHash(4), cache=Cache(500, ttl=3.0, writes="write-around")), workload)
    model = expiring_lru(law, 500, 1000.0, read_fraction=0.8, ttl=3.0, writes="write-around")
    assert answer["hit ratio"] == model.hit_ratio
    assert answer["stale hits"] == model.stale_share > 0
    assert answer["reads that reach the nodes"] == pytest.approx(800 * model.miss_ratio)
    through = evaluate(Design(JumpHash(4), cache=Cache(500)), workload)
    assert through["hit ratio"] == pytest.approx(che(law, 500).hit_ratio, rel=1e-9)
    with pytest.raises(KeyError):
        through["stale hits"]


def test_a_read_is_a_mixture_of_hits_and_misses_behind_a_queue():
    hit, node = Constant(0.001), Exponential(0.010)
    design = Design(
        JumpHash(4), capacity=100.0, cache=Cache(100), latencies=Latencies(hit=hit, read=node, service_time=0.01)
    )
    answer = evaluate(design, Workload(400.0, popularity=Uniform(200)))
    miss = 1 - answer["hit ratio"]
    assert miss == pytest.approx(0.5, abs=1e-3)
    busy = answer["utilisation of the busiest node"]
    assert answer["wait at the busiest node"] == pytest.approx(busy / (100 - 100 * busy))  # M/M/1
    draws = np.random.default_rng(1)
    n = 400_000
    wait = np.where(draws.random(n) < busy, draws.exponential(1 / (100 - 100 * busy), n), 0)
    missed = 0.001 + draws.exponential(0.010, n) + wait
    read = np.where(draws.random(n) < miss, missed, 0.001)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        assert answer[f"miss {name}"] == pytest.approx(np.quantile(missed, share), rel=0.02)
        assert answer[f"read {name}"] == pytest.approx(np.quantile(read, share), rel=0.03, abs=1e-6)


def test_without_a_cache_a_read_comes_from_a_node():
    laws = Latencies(read=LogNormal(0.002, 0.5), response=Constant(0.001))
    answer = evaluate(Design(JumpHash(2), latencies=laws), Workload(10.0, popularity=Uniform(1000)))
    assert answer["read p99"] == pytest.approx(0.001 + LogNormal(0.002, 0.5).quantile(0.99))
    over = Design(JumpHash(2), capacity=1.0, latencies=Latencies(read=Constant(0.1), service_time=0.1))
    assert evaluate(over, Workload(10.0, popularity=Uniform(1000)))["wait at the busiest node"] == np.inf


def test_latencies_are_read_from_the_file(tmp_path):
    table = """[latency]
read = { law = "percentiles", p50 = 0.002, p999 = 0.02 }
hit = { law = "lognormal", median = 0.001, sigma = 0.5 }
service_time = 0.001
[cluster]"""
    found = read(tmp_path, GOOD.replace("[cluster]", table)).design.latencies
    assert found.hit == LogNormal(0.001, 0.5)
    assert found.read.quantile(0.999) == pytest.approx(from_percentiles({0.5: 0.002, 0.999: 0.02}).quantile(0.999))
    assert (found.write, found.service_time) == (None, 0.001)


def test_quorums_of_zones(tmp_path):
    plan = read(tmp_path, GOOD.replace("[placement]", '[quorum]\nreads = "choose(2, a, b, c)"\n[placement]'))
    answer = evaluate(plan.design, plan.workload)
    # three zones of two nodes of 500 requests/s, two of which serve each request
    assert answer["capacity"] == pytest.approx(3 * 2 * 500 / 2)
    assert answer["utilisation of the busiest member"] == pytest.approx(1500 / 1500)
    assert answer["failures that reads survive"] == answer["failures that writes survive"] == 1
    assert answer["members asked by a request"] == pytest.approx(2)
    even = answer["utilisation if load were even"]
    assert even == pytest.approx(1.0)  # the nodes' load is that of the quorums
    peak = answer["peak-to-mean of the requests"]
    assert answer["utilisation of the busiest node"] == pytest.approx(even * peak)


def test_quorums_of_nodes_without_capacity():
    from scalemodel.quorum import Node, QuorumSystem

    a, b, c = map(Node, ["n1", "n2", "n3"])
    design = Design(HashRing(3), replicas=3, quorums=QuorumSystem(reads=a + b + c))
    answer = evaluate(design, Workload(10.0, 1.0, Uniform(1000)))
    assert answer["load of the busiest member"] == pytest.approx(1 / 3)
    assert answer["failures that reads survive"] == 2
    assert answer["failures that writes survive"] == 0


@pytest.mark.parametrize("scheme", ["ring", "table", "redis", "maglev"])
def test_the_hottest_shard_is_counted_key_by_key(scheme):
    from scalemodel.placement import build

    law = Zipf(2000, 1.0)
    placement = build(scheme, Topology.grid(5))
    shards = shard_loads(placement, law)
    assert shards.share.sum() == pytest.approx(1)
    by_node = np.bincount(shards.primary, shards.share, len(placement.nodes))
    np.testing.assert_allclose(by_node, balance(placement, law).share, rtol=1e-9)
    assert shards.share[shards.hottest] >= law.pmf(0) == shards.hottest_key.max()
    frame = shards.to_frame()
    assert frame["requests_share"].is_monotonic_decreasing
    assert "hottest" in shards.title
    assert shards.plot().get_ylabel() == "share of all requests [%]"
    assert evaluate(Design(placement), Workload(1.0, popularity=law))["hottest shard"] == shards.share.max()


def test_schemes_without_shards_have_none():
    assert shard_loads(JumpHash(4), Zipf(100, 1.0)) is None


def test_answers_of_so_many_replicas():
    write, read = LogNormal(0.002, 1.0), Exponential(0.003)
    laws = Latencies(write=write, ack=Constant(0.001), read=read, response=Constant(0.001))
    design = Design(HashRing(6), replicas=3, latencies=laws, consistency=Consistency(1, 2, send_to="all"))
    answer = evaluate(design, Workload(10.0, 0.5, Uniform(1000)))
    legs = {"write": write, "ack": Constant(0.001), "read": read, "response": Constant(0.001)}
    store = Replication(3, 1, 2, **legs)
    for p, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")):
        assert answer[f"read {name}"] == pytest.approx(store.read_latency().quantile(p))
        assert answer[f"write {name}"] == pytest.approx(store.write_latency().quantile(p))
    assert answer["stale reads at once"] == pytest.approx(store.staleness(0.0))
    assert answer["stale reads 10 ms later"] == pytest.approx(store.staleness(0.010))
    assert answer["t-visibility"] == pytest.approx(store.t_visibility(0.999))
    two, three = Replication(3, 2, 2, **legs), Replication(3, 1, 3, **legs)
    extra = two.read_latency().quantile(0.99) - store.read_latency().quantile(0.99)
    assert answer["read p99 costs more"] == pytest.approx(extra)
    extra = three.write_latency().quantile(0.99) - store.write_latency().quantile(0.99)
    assert answer["write p99 costs more"] == pytest.approx(extra)
    assert answer["replicas that may fail for reads"] == 2
    assert answer["replicas that may fail for writes"] == 1
    # reads ask three nodes and writes write three
    assert answer["load of the busiest node"] == pytest.approx(30 * balance(HashRing(6), Uniform(1000), 3).share.max())


def test_levels_seen_from_a_region():
    plan = read_plan(DESIGNS[0].parent / "global_profiles.toml")
    answer = evaluate(plan.design, plan.workload)
    parts = plan.design.latencies
    store = Cassandra(
        plan.design.placement.topology, {"us-east-1": 3, "eu-west-1": 3}, "us-east-1",
        write=parts.write, ack=parts.response, read=parts.read, response=parts.response,
    )  # fmt: skip
    assert answer["read p99"] == pytest.approx(store.read_latency("LOCAL_ONE").quantile(0.99))
    assert answer["write p99"] == pytest.approx(store.write_latency("LOCAL_QUORUM").quantile(0.99))
    assert answer["stale reads at once"] == pytest.approx(store.staleness("LOCAL_ONE", "LOCAL_QUORUM", 0.0))
    dearer = store.write_latency("QUORUM").quantile(0.99) - store.write_latency("LOCAL_QUORUM").quantile(0.99)
    assert answer["write p99 costs more"] == pytest.approx(dearer)
    assert dearer > 0.060
    assert answer["replicas that may fail for writes"] == 1


def test_the_strongest_has_no_stronger():
    from scalemodel.plan.replication_lines import store_of

    design = Design(HashRing(3), replicas=3, consistency=Consistency(3, 3))
    assert store_of(design).stronger() == (None, None)
    assert store_of(design).t_visibility(0.999) == 0
    plan = read_plan(DESIGNS[0].parent / "global_profiles.toml")
    everything = Design(plan.design.placement, 6, "zone", consistency=Consistency("ALL", "ALL", local="eu-west-1"))
    assert store_of(everything).stronger() == (None, None)
    with pytest.raises(ValueError, match="say with `local` which of us-east-1, eu-west-1"):
        store_of(Design(plan.design.placement, 6, "zone", consistency=Consistency("ONE", "ALL")))


# --- what fails -------------------------------------------------------------------------------------------------------

RISKS = """[risks]
down = { node = 1e-3, zone = 1e-4 }
failures_per_year = 0.05
repair = 3600
objective = "99.99 %"
leader_losses_per_year = 50
election = { heartbeat = 0.1, timeout = 1.0, disk = { law = "constant", value = 0.001 } }
[placement]"""


def test_how_often_a_design_cannot_answer(tmp_path):
    quorums = '[quorum]\nreads = "choose(2, a, b, c)"\n'
    plan = read(tmp_path, GOOD.replace("[placement]", quorums + RISKS))
    answer = evaluate(plan.design, plan.workload)
    p = 1 - (1 - 1e-3) * (1 - 1e-4)  # of a zone's copy, by its node or the zone
    both = 3 * p**2 - 2 * p**3
    assert answer["nines of reads"] == pytest.approx(-np.log10(both), abs=1e-6)
    assert answer["nines of writes"] == answer["nines of reads"]
    assert answer["downtime a year"] == pytest.approx(both * 365.25 * 86400, rel=1e-9)
    left = 2 * p - p**2
    assert answer["nines of reads without a node"] == pytest.approx(-np.log10(left), abs=1e-6)
    assert answer["nines of reads without a zone"] == pytest.approx(-np.log10(left), abs=1e-6)
    safe = durability(Replicas(3), afr=0.05, repair=3600)
    assert answer["mean time to data loss"] == pytest.approx(safe.mttdl / (365.25 * 86400))
    assert answer["nines after losing a node"] < safe.nines
    assert answer["nines after losing a zone"] == answer["nines after losing a node"]  # one copy in each
    down = answer["downtime per leader loss"]
    assert 1.0 < down < 2.0 < answer["downtime per leader loss p99"] + 1
    assert answer["budget used"] == pytest.approx(50 * down / (1e-4 * 365.25 * 86400), rel=1e-6)
    assert answer["leader losses a year that fit"] == pytest.approx(50 / answer["budget used"])


@pytest.mark.parametrize(
    ("how", "reads", "writes"),
    [
        (None, lambda p: p**3, lambda p: 1 - (1 - p) ** 3),  # any copy, and all of them
        (Consistency(2, 2), lambda p: 3 * p**2 - 2 * p**3, lambda p: 3 * p**2 - 2 * p**3),
        (Consistency(1, 1), lambda p: p**3, lambda p: p**3),
    ],
)
def test_copies_that_must_be_up(how, reads, writes):
    design = Design(HashRing(6), replicas=3, consistency=how, risks=Risks(Failures(node=0.01)))
    answer = evaluate(design, Workload(1.0, popularity=Uniform(100)))
    assert answer["nines of reads"] == pytest.approx(-np.log10(reads(0.01)))
    assert answer["nines of writes"] == pytest.approx(-np.log10(writes(0.01)))
    with pytest.raises(KeyError):
        answer["mean time to data loss"]


def test_a_zone_may_hold_all_copies():
    design = Design(HashRing(Topology.grid(4, zones=2)), 2, risks=Risks(failures_per_year=0.05, repair=3600))
    answer = evaluate(design, Workload(1.0, popularity=Uniform(100)))
    assert answer["nines after losing a zone"] == 0 < answer["nines after losing a node"] < answer["nines"]


def test_levels_need_their_regions():
    plan = read_plan(DESIGNS[0].parent / "global_profiles.toml")
    answer = evaluate(plan.design, plan.workload)
    assert answer["nines of writes without a region"] == 0  # LOCAL_QUORUM, and the region is gone
    assert answer["nines of reads"] == pytest.approx(5, abs=0.01)  # the region's own failures


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("down = { node = 99.9 }", "99.9"),
        ("down = { zome = 1e-4 }", "risks.down.zome is not a known key; did you mean 'zone'?"),
        ('down = { node = "99.9" }', "give a percentage"),
        ("objective = 0.999", "risks.objective"),
        ("repair = 0", "risks.repair is 0"),
        ("repair = 60", "durability needs both failures_per_year and repair"),
        ('objective = "99.9 %"', "give an election, too, or leave it out"),
        ("election = { heartbeat = 1.0, timeout = 0.1 }", "heartbeat"),
        ("election = { heartbeat = 0.1 }", "risks.election.timeout is missing"),
        ("elections = 3", "risks.elections is not a known key; did you mean 'election'?"),
    ],
)
def test_bad_risks(tmp_path, table, says):
    with pytest.raises(ValueError, match=r"design\.toml") as error:
        read(tmp_path, GOOD.replace("[placement]", f"[risks]\n{table}\n[placement]"))
    assert says in str(error.value)
