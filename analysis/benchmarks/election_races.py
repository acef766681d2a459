"""Elections against the same simulation in plain Python: a heap of events, the twin of the tests."""

import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from race import Race

from scalemodel.availability import ElectionDowntime, RaftElection, election_downtime
from scalemodel.latency import Uniform
from scalemodel.units import ms

TWIN = Path(__file__).parents[2] / "tests" / "reference" / "elections.py"
WORK = "is not part of it"
OURS, THEIRS = 300_000, 4000


def races() -> list[Race]:
    return [
        race("elections of 5 members, one-way 0.25 ms", 0.25, 0.25, 0.0),
        race("elections of 5 members, random network and disk", 0.1, 0.5, 8.0),
    ]


def race(name: str, low: float, high: float, disk: float) -> Race:
    group = RaftElection(5, (150 * ms, 300 * ms), 75 * ms, network=law(low, high), disk=law(0.0, disk))
    return Race(
        name,
        "plain Python",
        WORK,
        40,
        lambda: election_downtime(group, OURS),
        in_plain_python(low, high, disk),
        agree,
        OURS,
        THEIRS,
    )


def law(low: float, high: float) -> Any:
    return Uniform(low * ms, high * ms) if high > low else low * ms


def in_plain_python(low: float, high: float, disk: float) -> Callable[[], Any]:
    group = twin().Group(
        members=5,
        alive=[1, 2, 3, 4],
        leader=0,
        low=[150 * ms] * 5,
        high=[300 * ms] * 5,
        heartbeat=75 * ms,
        jitter=lambda u: (low + u * (high - low)) * ms,
        disk=lambda u: u * disk * ms,
        delays=[[0.0] * 5] * 5,
        logs=[0] * 5,
        priorities=[0] * 5,
    )

    def run() -> Any:
        chance = random.Random(1)
        return np.array([group.elect(lambda *_: chance.random(), 1e9)[0] for _ in range(THEIRS)])

    return run


def agree(ours: ElectionDowntime, its: Any) -> bool:
    return abs(ours.mean - its.mean()) < 5 * its.std() / len(its) ** 0.5


def twin() -> Any:
    spec = importlib.util.spec_from_file_location("elections_twin", TWIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
