"""The decision guide says what its schemes do."""

import numpy as np
import pytest

from scalemodel.placement import HashRing, JumpHash, Rendezvous, balance, compare, movement
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
