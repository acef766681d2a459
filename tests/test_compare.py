"""The decision guide says what its schemes do."""

import numpy as np
import pytest

from scalemodel.placement import (
    HashRing,
    JumpHash,
    PartitionTable,
    Rendezvous,
    Topology,
    balance,
    compare,
    movement,
    one_fewer,
)
from scalemodel.workload import Zipf


def test_rows_are_what_the_functions_say():
    schemes = {"ring": HashRing(10, 64), "hrw": Rendezvous(10)}
    table = compare(schemes, workload=Zipf(1000, 1.0)).to_frame().set_index("scheme")
    ring = schemes["ring"]
    assert table.loc["ring", "peak_to_mean"] == balance(ring).peak_to_mean
    assert table.loc["ring", "requests_peak_to_mean"] == balance(ring, Zipf(1000, 1.0)).peak_to_mean
    assert table.loc["ring", "moved"] == pytest.approx(movement(ring, ring.add("new-1")).moved)
    assert table.loc["hrw", "moved"] == pytest.approx(1 / 11)
    assert (table["even"] == 1 / 11).all()


def test_what_a_scheme_cannot_do_is_said():
    table = compare({"jump": JumpHash(10), "hrw": Rendezvous(10)}, "remove").to_frame().set_index("scheme")
    assert not table.loc["jump", "any_node_may_leave"]
    assert not table.loc["jump", "weights"]
    assert np.isnan(table.loc["jump", "moved"])
    assert table.loc["hrw", "moved"] == pytest.approx(0.1)


def test_replicas_are_compared_if_told():
    topology = Topology.grid(4, zones=4)
    schemes = {"ring": HashRing(topology, 64), "table": PartitionTable(topology, 2**12, spread="zone")}
    table = compare(schemes, "remove", replicas=3, spread="zone").to_frame().set_index("scheme")
    for name, placement in schemes.items():
        change = movement(placement, one_fewer(placement), 3, spread="zone")
        assert table.loc[name, "peak_to_mean"] == balance(placement, replicas=3, spread="zone").peak_to_mean
        assert table.loc[name, "moved"] == change.moved
        assert table.loc[name, "needless"] == change.needless
        assert table.loc[name, "exact"]
    assert table.loc["table", "moved"] == pytest.approx(1 / 16, abs=1e-3)


def test_who_is_monotone_and_who_places_replicas():
    schemes = ["ring", "jump", "rendezvous", "anchor", "ketama", "maglev", "copysets"]
    table = compare(schemes, nodes=12).to_frame().set_index("scheme")
    monotone = table.index[table["monotone"]].tolist()
    assert monotone == ["ring", "jump", "rendezvous", "anchor"]  # ketama is, but for weights that differ
    assert table.index[table["own_replicas"]].tolist() == ["ring", "rendezvous", "ketama", "maglev", "copysets"]


def test_tables_are_weighed_before_other_questions_fill_caches():
    ring, table = HashRing(10, 64), PartitionTable(10, 2**10)
    rows = compare({"ring": ring, "table": table}).to_frame().set_index("scheme")
    again = compare({"ring": HashRing(10, 64), "table": PartitionTable(10, 2**10)}).to_frame().set_index("scheme")
    assert rows["table_bytes"].tolist() == again["table_bytes"].tolist()
    assert rows.loc["table", "table_bytes"] == pytest.approx(3 * 4 * 2**10, abs=100)


def test_names_of_schemes_that_are_alike_share_a_label():
    import matplotlib.pyplot as plt

    ax = compare(["jump", "rendezvous", "ring", "copysets"]).plot()
    assert [text.get_text() for text in ax.texts] == ["jump, rendezvous", "ring", "copysets"]
    assert not compare(["jump"], "remove").plot().texts
    plt.close("all")


def test_a_change_of_ones_own_and_timings():
    table = compare({"ring": HashRing(4, 64)}, lambda p: p.remove("n0").remove("n1"), timing=True).to_frame()
    assert table["moved"].item() == pytest.approx(HashRing(4, 64).ownership()[:2].sum())
    assert table["lookup_ns"].item() > 0
    assert table["table_bytes"].item() > 4 * 64 * 12


def test_all_schemes_by_default():
    from scalemodel.placement import SCHEMES

    table = compare(nodes=5).to_frame()
    assert table["scheme"].tolist() == list(SCHEMES)
    assert (table["peak_to_mean"] >= 1 - 1e-12).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(([],), "no schemes"), ((["rings"],), "did you mean 'ring'"), ((["ring"], "grow"), "change is 'grow'")],
)
def test_bad_input(arguments, says):
    with pytest.raises(ValueError, match=says):
        compare(*arguments)
