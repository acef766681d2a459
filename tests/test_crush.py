"""CRUSH against Ceph's own crushtool, its slow twin, and what can be counted."""

import csv
import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import crush as reference

from scalemodel.placement import Crush, CrushMap, Topology, balance, movement
from scalemodel.placement.crush import stable_mod, straw_chances
from scalemodel.placement.crush_map import NONE, Bucket, Device, Rule, Tunables, draws
from scalemodel.streams import random_keys

GOLDEN = Path(__file__).parent / "golden"
CRUSHTOOL = shutil.which("crushtool")
HOSTS = Topology.grid(4, racks=10)  # 10 hosts of 4 disks each


def rows_of(name):
    with (GOLDEN / name).open() as file:
        return list(csv.DictReader(file))


def flat(weights):
    """A map of one bucket, as crushtool reads it."""
    devices = [Device(i, f"osd.{i}") for i in range(len(weights))]
    items = tuple((device.name, round(weight * 65536)) for device, weight in zip(devices, weights, strict=True))
    rule = Rule(0, "flat", (("take", "default"), ("choose", "firstn", "0", "type", "osd"), ("emit",)))
    return CrushMap(devices, ("osd", "root"), [Bucket(-1, "default", "root", items)], [rule])


# --- crushtool --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "weights"),
    [
        ("crush_straw2_flat_w1to10.csv", range(1, 11)),
        ("crush_near_ties.csv", np.array([9, 14, 17, 22, 29, 31, 37, 41, 46, 53]) / 8),
    ],
)
def test_a_bucket_draws_ceph_s_straws(file, weights):
    rows = rows_of(file)
    found = flat(weights).place([int(row["x"]) for row in rows], 1)
    assert found.ravel().tolist() == [int(row["osd"]) for row in rows]


@pytest.mark.parametrize("case", json.loads((GOLDEN / "crushtool_maps.json").read_text()), ids=lambda case: "map")
def test_rules_choose_what_crushtool_shows(case):
    crush = CrushMap.from_text(case["map"])
    assert CrushMap.from_text(crush.to_text()) == crush
    for run in case["runs"]:
        x = np.arange(run["first_x"], run["first_x"] + len(run["rows"]))
        padded = [row + [NONE] * (run["n"] - len(row)) for row in run["rows"]]
        assert crush.place(x, run["n"], run["rule"], run["reweight"]).tolist() == padded


@pytest.mark.skipif(CRUSHTOOL is None, reason="crushtool is not on the PATH: install ceph-base")
@pytest.mark.parametrize("racks", [1, 5])
@pytest.mark.parametrize("name", ["osd", "zone"])
def test_crushtool_agrees_on_a_topology(tmp_path, racks, name):
    topology = Topology.grid(3, zones=4, racks=racks)
    topology = topology.with_weights([0.1 + 0.37 * i for i in range(len(topology))])
    crush = Crush(topology).remove(topology.nodes[5])
    (tmp_path / "map.txt").write_text(crush.map.to_text())
    subprocess.run([CRUSHTOOL, "-c", "map.txt", "-o", "map"], cwd=tmp_path, check=True)
    rule = str(next(rule.id for rule in crush.map.rules if rule.name == name))
    test = f"-i map --test --rule {rule} --num-rep 3 --min-x 0 --max-x 4999 --show-mappings"
    shown = subprocess.run([CRUSHTOOL, *test.split()], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    rows = [[int(item) for item in row.split(",")] for row in re.findall(r"\[([\d,]*)\]", shown)]
    assert crush.map.place(range(5000), 3, name).tolist() == rows


# --- the twin ---------------------------------------------------------------------------------------------------------


@st.composite
def maps(draw):
    """Devices in hosts, some in racks, all below a root; weights of zero and empty buckets among them."""
    devices = [Device(i, f"osd.{i}") for i in range(draw(st.integers(1, 10)))]
    weight = st.one_of(st.just(65536), st.integers(0, 4 * 65536))
    hosts, racks = ([[] for _ in range(draw(st.integers(low, 4)))] for low in (1, 0))
    for device in devices:
        draw(st.sampled_from(hosts)).append((device.name, draw(weight)))
    buckets = [Bucket(-2 - i, f"host{i}", "host", tuple(items)) for i, items in enumerate(hosts)]
    top = []
    for host in list(buckets):
        draw(st.sampled_from([*racks, top])).append((host.name, draw(st.sampled_from([host.weight, 65536]))))
    for i, items in enumerate(racks):
        buckets.append(Bucket(-20 - i, f"rack{i}", "rack", tuple(items)))
        top.append((f"rack{i}", buckets[-1].weight))
    buckets.append(Bucket(-1, "default", "root", tuple(top)))
    steps = [("take", "default")]
    for name, values in (
        ("set_choose_tries", (1, 3)),
        ("set_chooseleaf_tries", (1, 4)),
        ("set_chooseleaf_stable", (0,)),
    ):
        if draw(st.integers(0, 3)) == 0:
            steps.insert(0, (name, str(draw(st.sampled_from(values)))))
    mode = draw(st.sampled_from(["firstn", "indep"]))
    if draw(st.booleans()):
        steps.append(
            ("choose", mode, draw(st.sampled_from(["0", "2", "-1"])), "type", draw(st.sampled_from(["rack", "host"])))
        )
    verb, kind = draw(
        st.sampled_from([("choose", "osd"), ("chooseleaf", "osd"), ("chooseleaf", "host"), ("choose", "host")])
    )
    steps += [(verb, mode, draw(st.sampled_from(["0", "1", "3"])), "type", kind), ("emit",)]
    tunables = Tunables(*(draw(st.sampled_from(values)) for values in ((50, 2, 0), (1, 0), (1, 0, 2), (1, 0))))
    rules = [Rule(0, "r", tuple(steps))]
    return CrushMap(devices, ("osd", "host", "rack", "root"), buckets, rules, tunables)


SETS = {"set_choose_tries": "tries", "set_chooseleaf_tries": "leaf_tries", "set_chooseleaf_stable": "stable"}


def twin(crush, rule, accepts):
    """The map and the steps as the twin takes them."""
    ids, tunables = crush._ids, crush.tunables
    numbers = {bucket.id: [(ids[name], weight) for name, weight in bucket.items] for bucket in crush.buckets}
    kinds = {bucket.id: crush.types.index(bucket.type) for bucket in crush.buckets}
    tries, *others = tunables
    steps = []
    for step in rule.steps:
        match step:
            case ("take", name):
                steps.append(("take", ids[name]))
            case ("emit",):
                steps.append(step)
            case (name, value):
                steps.append(("set", SETS[name], int(value)))
            case (verb, mode, number, _, kind):
                steps.append((verb, mode, int(number), crush.types.index(kind)))
    return reference.Map(numbers, kinds, accepts, tries + 1, 0, *others), steps


@settings(max_examples=60, deadline=None)
@given(maps(), st.integers(1, 4), st.data())
def test_rules_choose_what_the_twin_does(crush, n, data):
    shares = data.draw(st.dictionaries(st.sampled_from(crush.devices), st.sampled_from([0, 0.25, 0.75]), max_size=3))
    inputs = data.draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8))
    slow, steps = twin(crush, crush.rules[0], {device.id: int(share * 65536) for device, share in shares.items()})
    found = crush.place(inputs, n, 0, {device.name: share for device, share in shares.items()})
    assert found.tolist() == [reference.run(slow, steps, x, n) for x in inputs]


@given(st.integers(0, 65535), st.integers(1, 2**32 - 1))
def test_a_product_has_the_floor_of_the_quotient(u, weight):
    length = math.floor(draws()[u])
    assert math.floor(draws()[u] * (1 / weight)) == length // weight
    exact = length // weight * weight  # the hardest: a quotient that is whole, and one just below
    for hard in (exact, max(exact - 1, 0)):
        assert math.floor((hard + 0.5) * (1 / weight)) == hard // weight


def test_draws_are_logarithms():
    """To one part in 2^15 of a fine step, which is what Ceph's tables have."""
    exact = 2.0**48 - 2.0**44 * np.log2(np.arange(1, 65537))
    assert np.abs(draws() - exact).max() < 2.0**44 * np.log2(1 + 1 / 2**15)
    assert draws()[0] == 2**48 + 0.5
    assert draws()[32767] == 2**44 + 0.5


# --- a topology as a map ----------------------------------------------------------------------------------------------


def test_figures_of_ten_hosts():
    """3 replicas of 1000 inputs: chance alone, as if each replica were thrown at random."""
    keys = np.arange(1000, dtype=np.uint64)
    held = np.bincount(Crush(HOSTS).replicas(keys, 3, "rack", hashed=True).ravel(), minlength=40)
    assert held.std() / 75 == pytest.approx(0.108, abs=0.0005)
    assert held.max() / 75 == pytest.approx(1.27, abs=0.005)
    assert math.sqrt((1 - 1 / 40) / 75) == pytest.approx(0.114, abs=0.0005)  # what is quoted is sqrt(1 / 75) = 0.115


@pytest.mark.parametrize(("level", "spread"), [("osd", None), ("zone", "zone"), ("rack", "rack")])
def test_replicas_are_those_of_the_rule(level, spread):
    topology = Topology.grid(3, zones=4, racks=2)
    crush = (
        Crush(topology.with_weights([1 + i % 5 for i in range(len(topology))])).remove("b/r1-2").reweight("c/r2-1", 0.4)
    )
    keys = random_keys(3000)
    device_of = {node: number for level, node, number in crush.ids if level == "node"}
    expected = crush.map.place(keys % np.uint64(2**32), 4, level, {"c_r2-1": 0.4})
    names = np.array([device_of[node] for node in crush.nodes])
    assert np.array_equal(names[crush.replicas(keys, 4, spread, hashed=True)], expected)


def test_text_and_topology_are_one_map():
    topology = Topology.grid(2, regions=["x", "y"], zones=2, racks=3).with_weights([1.5] * 12 + [2.25] * 12)
    crush = (
        Crush(topology, choose_total_tries=100)
        .remove(topology.nodes[3])
        .add("new", 3, region="x", zone="xa", rack="xa/r1")
    )
    again = Crush.from_text(crush.map.to_text())
    keys = random_keys(2000)
    assert again.map.to_frame()["item_id"].tolist() == crush.map.to_frame()["item_id"].tolist()
    names = [node.replace("/", "_") for node in crush.nodes]
    mine = np.array(names)[crush.replicas(keys, 3, "rack", hashed=True)]
    assert (np.array(again.nodes)[again.replicas(keys, 3, "rack", hashed=True)] == mine).all()
    assert again.choose_total_tries == 100


def test_a_new_node_takes_the_first_free_number():
    crush = Crush(4).remove("n1")
    assert [number for level, _, number in crush.ids if level == "node"] == [0, 2, 3]
    again = crush.add("other")
    assert {name: number for _, name, number in again.ids}["other"] == 1
    assert again.map.to_frame()["item_id"].tolist() == [0, 2, 3, 1]
    keys = random_keys(1000)
    renamed = np.array(again.nodes)[again.lookup(keys, hashed=True)]  # as before, but for the name
    assert np.array_equal(
        np.where(renamed == "other", "n1", renamed), np.array(Crush(4).nodes)[Crush(4).lookup(keys, hashed=True)]
    )


def test_buckets_come_and_go_with_their_nodes():
    crush = Crush(Topology.grid(1, zones=3))
    grown = crush.add("d-1", zone="d").add("d-2", zone="d")
    assert ("zone", "d", -5) in grown.ids
    assert crush.remove("b-1").add("e-1", zone="e").ids[-1] == ("zone", "e", -3)
    assert grown.remove("d-1").remove("d-2") == crush


def test_names_become_words_of_a_map():
    topology = Topology(["a b", "a/b", "default"], places={"rack": ["a b", "x", "x"]})
    crush = Crush(topology)
    assert [device.name for device in crush.map.devices] == ["a_b", "a_b-node", "default"]
    assert CrushMap.from_text(crush.map.to_text()) == crush.map


# --- balance and movement ---------------------------------------------------------------------------------------------


def test_in_one_bucket_only_the_keys_of_a_lost_node_move():
    crush = Crush(10, weights=[1 + i % 3 for i in range(10)])
    assert movement(crush, crush.remove("n4")).needless == 0
    assert movement(crush, crush.add("new", 2)).needless == 0


def test_in_a_hierarchy_some_keys_move_needlessly():
    crush = Crush(HOSTS)
    change = movement(crush, crush.remove("r5-2"))
    # the host lost a quarter of its weight, so a tenth of the keys is drawn for at odds of 3 : 36 instead of 4 : 36
    assert change.needless == pytest.approx(3 / 40 * (1 - (3 / 39) / (4 / 40)), rel=0.1)
    assert change.moved == pytest.approx(1 / 40 + change.needless, rel=0.05)


def test_a_node_that_is_out_keeps_its_host_as_heavy():
    crush = Crush(HOSTS)
    change = movement(crush, crush.reweight("r5-2", 0))
    assert change.needless == pytest.approx(1 / 40, rel=0.05)  # all its keys, and no others
    assert change.moved == change.needless
    half = crush.reweight("r5-2", 0.5)
    assert half.ownership()[HOSTS.index("r5-2")] == pytest.approx(0.5 / 40, rel=0.05)
    assert half.reweight("r5-2", 1) == crush
    assert half.remove("r5-2").reweights == ()


def test_chances_are_what_draws_show():
    weights = [1, 1, 2, 7, 0.5]
    chances = straw_chances(tuple(round(weight * 65536) for weight in weights))
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    assert chances == pytest.approx(np.array(weights) / sum(weights), rel=5e-4)
    drawn = np.bincount(flat(weights).place(np.arange(2**21), 1).ravel(), minlength=5) / 2**21
    assert (np.abs(drawn - chances) < 4 * np.sqrt(chances / 2**21)).all()


def test_the_first_of_many_gains_from_ties():
    chances = straw_chances((65536,) * 200) * 200
    assert chances[0] == pytest.approx(1.0030, abs=1e-4)
    assert chances[-1] == pytest.approx(0.9970, abs=1e-4)
    assert (np.diff(chances) < 0).all()


def test_a_node_with_a_light_neighbour_owns_what_chance_gives_it():
    crush = Crush(Topology(list("abcd"), [1, 3, 2, 2], {"rack": "xxyy"}))
    assert crush.owns_exactly()
    assert crush.ownership() == pytest.approx(np.array([1, 3, 2, 2]) / 8, rel=3e-4)


# --- pools ------------------------------------------------------------------------------------------------------------


def test_a_pool_is_counted_group_by_group():
    pool = Crush(HOSTS, pg_num=1024, seed=3)
    groups = pool.replicas(np.arange(1024, dtype=np.uint64), 3, "rack", hashed=True)
    held = np.bincount(groups.ravel(), minlength=40)
    assert pool.ownership(3, "rack") == pytest.approx(held / 3072, rel=1e-12)
    result = balance(pool, replicas=3, spread="rack")
    assert (result.noise_floor, result.peak_to_mean) == (0, pytest.approx(held.max() / 76.8))
    inputs = [reference.rjenkins1(group, 3) for group in range(1024)]
    assert np.array_equal(groups, pool.map.place(inputs, 3, "rack"))


def test_pools_are_as_uneven_as_chance():
    """More groups help by the root of their number; another seed is another pool."""
    cvs = [
        [balance(Crush(HOSTS, pg_num=n, seed=pool), replicas=3, spread="rack").cv for pool in range(30)]
        for n in (256, 4096)
    ]
    few, many = np.mean(cvs, axis=1)
    assert few == pytest.approx(math.sqrt(40 / 3 / 256), rel=0.1)
    assert few / many == pytest.approx(4, rel=0.1)


@given(st.integers(1, 500), st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_groups_are_those_of_ceph_s_stable_mod(groups, hashes):
    found = stable_mod(np.array(hashes, np.uint64), groups)
    assert found.tolist() == [reference.stable_mod(key, groups) for key in hashes]


def test_a_pool_that_grows_splits_its_groups():
    keys = random_keys(5000)
    before, after = stable_mod(keys, 96), stable_mod(keys, 100)
    assert set(before[before != after]) == {32, 33, 34, 35}
    uneven = Crush(4, pg_num=96)
    assert uneven.ownership().sum() == pytest.approx(1)
    assert movement(uneven, uneven.add("n4")).standard_error == 0


# --- bad input --------------------------------------------------------------------------------------------------------

MAP = Crush(Topology.grid(2, racks=2)).map.to_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("straw2", "straw", r"line \d+ of the map: bucket 'r1' is of 'straw': only straw2 is modelled"),
        ("hash 0", "hash 1", r"bucket 'r1' has the hash '1': only rjenkins1"),
        ("\tid -2\n", "", r"line \d+ of the map: bucket 'r1' has no id: give it one, such as id -1"),
        ("id -2", "id -x", r"line \d+ of the map: '-x' stands where a whole number belongs"),
        ("id -2", "id 2", r"the id of 'r1' is 2: give an integer from -1048576 to -1"),
        ("id -2", "id -1", r"'r1' and 'default' both have the id -1"),
        ("id -2", "ids -2", r"bucket 'r1' has 'ids': there are id, alg, hash and item"),
        ("# types", "device 4 r2-1", r"there are two items 'r2-1'"),
        ("device 3 r2-2", "device -3 r2-2", r"the id of 'r2-2' is -3: give an integer from 0"),
        ("item r2-2 weight 1", "item r2-3 weight 1", r"holds 'r2-3', which no line before has made; did you mean 'r2-"),
        ("item r2-2 weight 1", "item r2-2 weight much", r"'r2-2' has the weight 'much': give a number"),
        ("item r2-2 weight 1", "item r2-2 weight -1", r"'r2-2' weighs -1 in 'r2': give a weight from 0"),
        ("choose_local_tries 0", "choose_local_tries 2", r"the map has choose_local_tries 2 .*: only 0 is modelled"),
        ("tunable choose_local_tries 0\n", "", r"choose_local_tries 2 \(the oldest default, if it is not stated\)"),
        (
            "chooseleaf_vary_r",
            "chooseleaf_vary",
            r"unknown tunable 'chooseleaf_vary'; did you mean 'chooseleaf_vary_r'",
        ),
        ("type 0 osd\n", "", r"the map has no type 0"),
        ("rack r1 {", "rick r1 {", r"line \d+ of the map: 'rick' is no tunable, device, rule, nor a type"),
        ("rack r1 {", "rack r1", r"a brace \{ belongs here"),
        ("step emit\n}", "step emit\n", r"rule '.*' has '.*': there are id, type|the text ends in the middle"),
        ("step emit", "step omit", r"rule 'osd' has the step 'omit': steps are take, choose"),
        ("step take default", "step take root", r"rule 'osd' takes the unknown item 'root'"),
        ("type osd", "type disk", r"rule 'osd' chooses the unknown type 'disk'"),
        ("firstn 0", "firstn all", r"rule 'osd' has 'all' where a whole number belongs"),
        ("# end", "choose_args 0 {}\n# end", r"the map has weight sets \(choose_args\)"),
    ],
)
def test_text_is_checked(old, new, message):
    assert old in MAP
    with pytest.raises(ValueError, match=message):
        CrushMap.from_text(MAP.replace(old, new, 1))


def test_classes_need_the_numbers_of_their_shadows():
    text = MAP.replace("device 0 r1-1", "device 0 r1-1 class ssd").replace("take default", "take default class ssd")
    with pytest.raises(ValueError, match="has no id for the class 'ssd': give the text that crushtool -d writes"):
        CrushMap.from_text(text)


def test_a_text_is_a_str():
    with pytest.raises(TypeError, match="the map came as bytes: give its text, as a str"):
        CrushMap.from_text(MAP.encode())


def test_weights_left_out_are_one_or_what_is_inside():
    text = MAP.replace("item r1-2 weight 1", "item r1-2").replace("item r1 weight 2", "item r1")
    assert CrushMap.from_text(text) == CrushMap.from_text(MAP)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("item r1 weight 2", "item r1 weight 3"), "'r1' weighs 3 in 'default' and holds 2"),
        (
            lambda text: text.replace("item r1 weight 2", "item r1 weight 2\n\titem r2-1 weight 2"),
            "not every device lies in buckets of the",
        ),
        (lambda text: text.replace("vary_r 1", "vary_r 0"), "only .* can be placed over, use CrushMap.place"),
        (
            lambda text: text.replace("\titem r1 weight 2\n", ""),
            "no root is named .*: its outermost buckets are 'r1', ",
        ),
    ],
)
def test_only_regular_maps_can_be_placed_over(change, message):
    text = change(MAP)
    assert text != MAP
    with pytest.raises(ValueError, match=message):
        Crush.from_text(text)


def test_a_root_is_found_by_name():
    assert Crush.from_text(MAP, root="r1").nodes == ("r1-1", "r1-2")
    with pytest.raises(ValueError, match="there is no bucket 'r3': its outermost buckets are 'default'"):
        Crush.from_text(MAP, root="r3")


def test_places_are_checked():
    crush = Crush(3).map
    for n in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match=r"number of items is .*: give an integer of one or more"):
            crush.place([1], n)
    for x in ([1.5], [[1]], ["a"], 3):
        with pytest.raises(TypeError, match=r"the inputs came as .*: give integers in one dimension"):
            crush.place(x, 1)
    for x in ([-1], [2**32]):
        with pytest.raises(ValueError, match=r"the inputs run from .*: give integers from 0 to 2\^32 - 1"):
            crush.place(x, 1)
    assert crush.place([], 2).shape == (0, 2)
    with pytest.raises(ValueError, match="there is no rule 'leaf': its rules are 'osd'"):
        crush.place([1], 1, "leaf")
    with pytest.raises(ValueError, match="no rule is named and the map has not just one: its rules are 'osd', 'rack'"):
        CrushMap.from_text(MAP).place([1], 1)
    with pytest.raises(ValueError, match="there is no device 'n33' to reweight"):
        crush.place([1], 1, reweight={"n33": 0.5})
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"the reweight of 'n1' is .*: give a number from 0 \(out\) to 1"):
            crush.place([1], 1, reweight={"n1": share})
        with pytest.raises(ValueError, match=r"the reweight of 'n1' is .*: give a number from 0 \(out\) to 1"):
            Crush(3).reweight("n1", share)
    with pytest.raises(ValueError, match="there is no node 'n4'"):
        Crush(3).reweight("n4", 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pg_num": 0}, r"pg_num is 0: give an integer of one or more"),
        ({"pg_num": 1.5}, r"pg_num is 1\.5: give an integer"),
        ({"choose_total_tries": 0}, r"choose_total_tries is 0: give an integer of one or more"),
        ({"levels": ["rack", "zone"]}, r"a zone lies in more than one rack: only levels that nest can be buckets"),
        ({"levels": ["row"]}, r"no level 'row'"),
        ({"ids": [("zone", "z", -7)]}, r"ids names the zone 'z', which the topology does not have"),
        ({"ids": [("node", "a-1", -7)]}, r"the id of node 'a-1' is -7: give an integer from 0 to"),
        ({"ids": [("zone", "a", 7)]}, r"the id of zone 'a' is 7: give an integer from -1048576 to -1"),
        ({"ids": [("node", "a-1", 3), ("node", "b-1", 3)]}, r"ids gives one number to two items"),
        ({"reweights": [("a-1", 2)]}, r"the reweight of 'a-1' is 2"),
        ({"weights": [70000, 1, 1, 1]}, r"the weights add up to 70003: CRUSH counts to 65535, give smaller ones"),
        ({"weights": [1e-6, 1, 1, 1]}, r"a weight is 1e-06: CRUSH rounds it to 0 of 65536, give a larger one"),
    ],
)
def test_options_are_checked(options, message):
    topology = Topology(["a-1", "a-2", "b-1", "b-2"], places={"zone": "aabb", "rack": "rsuv"})
    with pytest.raises(ValueError, match=message):
        Crush(topology, **options)


def test_crush_says_when_it_gives_up():
    crush = Crush(3, weights=[1, 1, 0.001], choose_total_tries=5)
    with pytest.raises(
        ValueError, match=r"CRUSH gives up on 3 replicas for \d+ of 100 keys after 5 retries: raise choose"
    ):
        crush.replicas(range(100), 3)
    assert (crush.map.place(range(100), 3) == NONE).any()
