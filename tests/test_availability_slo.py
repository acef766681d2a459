"""Promises, budgets and compositions."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalemodel.availability import (
    composed_unavailability,
    error_budget,
    fallback,
    miss_probability,
    parallel,
    read_slas,
    series,
)
from scalemodel.latency import Constant, Exponential, Gamma
from scalemodel.units import days, minutes

PUBLISHED = Path(__file__).parents[1] / "data" / "published_slas.csv"


def test_the_calculus_of_service_availability():
    # five dependencies of 99.999 % leave half the budget of 99.99 %: 26 minutes a year
    five = composed_unavailability(series(*"abcde"), dict.fromkeys("abcde", "99.999 %"))
    assert five == pytest.approx(1 - (1 - 1e-5) ** 5, rel=1e-10)
    assert 365 * 24 * 60 * five == pytest.approx(26.3, abs=0.05)
    year = error_budget("99.99 %", 365 * days, spent=3 * 20 * minutes)
    assert year.seconds / minutes == pytest.approx(52.56)
    assert year.left < 0 < year.burn_rate - 1


def test_a_shared_part_counts_once():
    down = {"us": 0.01, "eu": 0.02, "login": 1e-3}
    shared = parallel(series("us", "login"), series("eu", "login"))
    assert composed_unavailability(shared, down) == pytest.approx(1e-3 + 0.999 * 2e-4, rel=1e-13)
    switched = fallback("us", "eu", switch="login")
    assert composed_unavailability(switched, down) == pytest.approx(0.01 * (0.02 + 0.98 * 1e-3), rel=1e-13)


@settings(max_examples=25, deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_compositions_against_all_states(p):
    service = parallel(series("a", "b"), series(parallel("b", "c"), "d"))
    names = "abcd"
    exact = 0.0
    for up in itertools.product((0, 1), repeat=4):
        a, b, c, d = up
        if not (a and b) and not ((b or c) and d):
            exact += math.prod(1 - q if u else q for q, u in zip(p, up, strict=True))
    assert composed_unavailability(service, dict(zip(names, p, strict=True))) == pytest.approx(
        exact, rel=1e-11, abs=1e-300
    )


def test_the_chance_to_miss_a_month():
    # 43.2 minutes: two outages of half an hour break it
    assert miss_probability("99.9 %", 0.5, 1800.0) == pytest.approx(1 - 1.5 * math.exp(-0.5), rel=1e-12)
    assert miss_probability("99.9 %", 0.5, Constant(1800.0)) == miss_probability("99.9 %", 0.5, 1800.0)
    assert miss_probability(1 / 1440, 1.0, 900.0) == pytest.approx(  # two outages are just the budget
        1 - math.exp(-1) * 2.5, rel=1e-12
    )
    assert miss_probability("99.9 %", 0.0, 60.0) == 0
    rng = np.random.default_rng(4)
    counts = rng.poisson(1.5, 200_000)
    spent = rng.gamma(np.maximum(counts, 1), 1200.0) * (counts > 0)
    found = miss_probability("99.9 %", 1.5, Exponential(1200.0))
    assert found == pytest.approx((spent > 2592).mean(), abs=0.005)
    assert miss_probability("99.9 %", 1.5, Gamma(1.0, 1200.0)) == pytest.approx(found, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(incidents=st.floats(0.01, 5), outage=st.floats(60, 1e4))
def test_longer_and_more_outages_miss_more(incidents, outage):
    base = miss_probability("99.9 %", incidents, outage)
    assert 0 < base <= miss_probability("99.9 %", incidents * 1.5, outage)
    assert base <= miss_probability("99.9 %", incidents, outage * 1.5)
    assert base <= miss_probability("99.95 %", incidents, outage)


def test_published_promises_have_their_source():
    slas = read_slas(PUBLISHED)
    assert len(slas) > 10
    assert all(sla.source.startswith("https://") and 0 < sla.down < 0.02 for sla in slas)
    assert len({(sla.service, sla.deployment) for sla in slas}) == len(slas)
    assert {sla.down for sla in slas if sla.service == "Google Cloud Spanner"} == {1e-4, 1e-5}


def test_a_table_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("service,promise\na,99 %\n")
    with pytest.raises(ValueError, match="columns"):
        read_slas(path)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: error_budget(99.9), "0.999 meant"),
        (lambda: error_budget("100 %"), "below 100"),
        (lambda: error_budget(0.0), "no budget"),
        (lambda: error_budget("99.9 %", 0.0), "period"),
        (lambda: error_budget("99.9 %", spent=-1.0), "spent"),
        (lambda: miss_probability("99.9 %", -1.0, 60.0), "incidents"),
        (lambda: miss_probability("99.9 %", 1.0, 0.0), "outage"),
        (lambda: composed_unavailability(series("web", "db"), {"web": 0.1}), "'db'"),
        (
            lambda: composed_unavailability(series("web", "db"), {"web": 0.1, "db": 0.1, "dbb": 0.1}),
            "did you mean 'db'",
        ),
        (lambda: composed_unavailability(series("web"), {"web": 99.9}), "0.999 meant"),
    ],
)
def test_bad_input_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_budgets_show_themselves():
    budget = error_budget("99.95 %", spent=600)
    assert "46.3 % spent" in budget.title
    assert budget.to_frame().budget_min.round(2).tolist()[2] == 21.6
    assert budget.plot().get_xlabel() == "minutes"
    with pytest.raises(TypeError, match="composition"):
        composed_unavailability("web", {"web": 0.1})
