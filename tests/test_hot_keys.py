"""Remedies against hot keys, counted key by key."""

import numpy as np
import pytest

from scalemodel.placement import HashRing, JumpHash, hot_key_relief
from scalemodel.workload import Empirical, Workload, Zipf


def loads_by_hand(placement, law, treated, copies):
    """Add up the requests of every key on its nodes in plain Python; copies = 0 stands for a cache."""
    load = [0.0] * len(placement.nodes)
    for rank in range(law.n):
        key = law.keys_at(np.array([rank]))
        if rank >= treated:
            load[placement.lookup(key)[0]] += float(law.pmf(rank))
        elif copies:
            for node in placement.replicas(key, copies)[0]:
                load[node] += float(law.pmf(rank)) / copies
    return max(load) * len(load)


@pytest.mark.parametrize("placement", [HashRing(5, vnodes=32), JumpHash(5)], ids=["ring", "jump"])
def test_by_hand(placement):
    law = Zipf(300, 1.1)
    relief = hot_key_relief(placement, law, keys=[1, 10], copies=[2, 3]).to_frame()
    assert relief["peak_to_mean"].iloc[0] == pytest.approx(loads_by_hand(placement, law, 0, 1))
    for row in relief[1:].itertuples():
        copies = 0 if row.remedy == "cache in front" else row.copies
        assert row.peak_to_mean == pytest.approx(loads_by_hand(placement, law, row.keys, copies)), row


def test_a_trace_uses_its_own_keys_and_more_keys_than_there_are_is_all_of_them():
    law = Empirical.from_trace(["a"] * 5 + ["b"] * 3 + ["c"])
    relief = hot_key_relief(HashRing(3), law, keys=[10], copies=[2]).to_frame()
    assert relief["keys"].tolist() == [0, 3, 3]
    assert relief["peak_to_mean"].iloc[1] == pytest.approx(0, abs=1e-12)
    assert relief["reach_nodes_share"].iloc[1] == 0


def test_caching_more_never_hurts_and_the_plot_says_what_it_shows():
    relief = hot_key_relief(HashRing(10, vnodes=64), Workload(1.0, popularity=Zipf(10**5, 1.0)))
    cached = relief.to_frame().query("remedy == 'cache in front'")
    assert cached["peak_to_mean"].is_monotonic_decreasing
    ax = relief.plot()
    assert ax.get_xlabel() == "hottest keys treated"
    assert len(ax.get_lines()) == 4


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"keys": [0]}, "keys and copies hold 0"), ({"copies": [6]}, "6 replicas need 6 different nodes")],
)
def test_bad_input(arguments, says):
    with pytest.raises(ValueError, match=says):
        hot_key_relief(HashRing(5), Zipf(100, 1.0), **arguments)


def test_a_workload_without_popularity():
    with pytest.raises(ValueError, match="has no popularity"):
        hot_key_relief(HashRing(5), Workload(1.0))
