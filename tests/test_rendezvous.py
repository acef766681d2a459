"""Rendezvous by murmur3 against the two packages that have it."""

import mmh3
import numpy as np
import pytest
from clandestined import RendezvousHash
from hypothesis import given, settings
from hypothesis import strategies as st
from pymemcache.client.rendezvous import RendezvousHash as PymemcacheHash

from scalemodel.placement import Rendezvous, Topology, movement
from scalemodel.placement._kernels import rendezvous_murmur3 as kernels

NAMES = [*"abc", "β", *(f"10.0.0.{i}:6379" for i in range(8, 13)), "x" * 41, "node-1", "node-12", "node-123"]
KEYS = ["", "k", "ab", "abc", "abcd", "user:12", "y" * 100, *(f"key{i}" * (i % 6) for i in range(200))]


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
@pytest.mark.parametrize("nodes", [["one"], NAMES, [f"n{i}" for i in range(100)]], ids=len)
def test_keys_go_where_clandestined_puts_them(nodes, seed):
    peer = RendezvousHash(nodes=list(nodes), seed=seed)
    found = Rendezvous(nodes, seed=seed, variant="murmur3").lookup(KEYS)
    assert [nodes[at] for at in found] == [peer.find_node(key) for key in KEYS]


@pytest.mark.parametrize("seed", [0, 7])
def test_keys_go_where_pymemcache_puts_them(seed):
    nodes = [name for name in NAMES if name.isascii()]  # its murmur3 is of characters
    peer = PymemcacheHash(nodes=list(nodes), seed=seed)
    found = Rendezvous(nodes, seed=seed, variant="murmur3").lookup(KEYS)
    assert [nodes[at] for at in found] == [peer.get_node(key) for key in KEYS]


def test_numbers_are_keys_in_decimal():
    numbers = [0, 9, 10, 99, 12345, 2**63, 2**64 - 1]
    peer = RendezvousHash(nodes=NAMES)
    placement = Rendezvous(NAMES, variant="murmur3")
    expected = [peer.find_node(number) for number in numbers]
    assert [NAMES[at] for at in placement.lookup(numbers)] == expected
    assert [NAMES[at] for at in placement.lookup(np.array(numbers, np.uint64), hashed=True)] == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=9, unique=True), st.data())
def test_scores_are_those_of_mmh3(nodes, data):
    keys = data.draw(st.lists(st.text(max_size=20), min_size=1, max_size=9))
    found = Rendezvous(nodes, variant="murmur3", seed=2**32 - 1).lookup(keys)
    scores = [[mmh3.hash(f"{node}-{key}", 2**32 - 1, signed=False) for node in nodes] for key in keys]
    assert found.tolist() == [row.index(max(row)) for row in scores]


def test_of_equal_scores_the_name_wins_that_sorts_last():
    scores, ranks = np.array([5, 9, 9, 9, 1], np.uint32), np.array([4, 0, 3, 2, 1], np.int32)
    assert kernels.highest_rank(scores, ranks, kernels.largest(scores)) == 3
    # two names whose scores for the key "k" are equal, found by trying
    tried = {}
    pair = next(
        (tried[score], i)
        for i in range(10**6)
        if tried.setdefault(score := mmh3.hash(f"{i}-k", 0, signed=False), i) != i
    )
    for nodes in ([str(i) for i in pair], [str(i) for i in reversed(pair)]):
        placement = Rendezvous(nodes, variant="murmur3")
        assert nodes[placement.lookup(["k"])[0]] == max(nodes) == RendezvousHash(nodes=nodes).find_node("k")
        assert nodes[placement.replicas(["k"], 2)[0, 0]] == max(nodes)


def test_weights_are_kept_by_clocks():
    placement = Rendezvous(Topology(list("abc"), [1, 2, 5]), variant="murmur3")
    held = np.bincount(placement.lookup(range(80_000)), minlength=3) / 80_000
    assert held == pytest.approx(np.array([1, 2, 5]) / 8, abs=0.007)
    assert placement.ownership().tolist() == [0.125, 0.25, 0.625]


def test_movement_is_exact_within_a_variant_only():
    by_murmur3 = Rendezvous(5, variant="murmur3")
    assert movement(by_murmur3, by_murmur3.remove("n2")).moved == pytest.approx(0.2, abs=1e-12)
    across = movement(by_murmur3, Rendezvous(5))
    assert across.moved == pytest.approx(0.8, abs=0.01)
    assert across.standard_error > 0


def test_bad_input():
    with pytest.raises(ValueError, match="variant is 'crc': give 'fmix64' or 'murmur3'"):
        Rendezvous(3, variant="crc")
    with pytest.raises(ValueError, match=r"seed is 4294967296 and murmur3 takes 32 bits: give an integer from 0 to 2"):
        Rendezvous(3, seed=2**32, variant="murmur3")
