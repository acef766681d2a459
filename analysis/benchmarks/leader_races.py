"""The search for places of replicas against what one would write with itertools and numpy: 5 of 20, every leader."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from race import Race

from scalemodel.quorum import place_replicas
from scalemodel.topology import RoundTrips

WORK = "is not part of it"
M, N = 20, 5
SETS = 15_504

Floats = NDArray[np.float64]


def earth() -> Floats:
    """Round trips between places strewn over a globe, 1 ms within one."""
    points = np.random.default_rng(0).normal(size=(M, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return 0.001 + 0.2 / np.pi * np.arccos(np.clip(points @ points.T, -1, 1)) * (1 - np.eye(M))


TRIPS = earth()
BETWEEN = TRIPS * (1 - np.eye(M))
NETWORK = RoundTrips.from_matrix([f"p{i}" for i in range(M)], TRIPS)


def one_by_one() -> Floats:
    to_lead = TRIPS.mean(axis=0)
    values = []
    for members in itertools.combinations(range(M), N):
        chosen = list(members)
        rounds = np.sort(BETWEEN[np.ix_(chosen, chosen)], axis=1)[:, N // 2]
        values.append((to_lead[chosen] + rounds).min())
    return np.sort(values)


def all_at_once() -> Floats:
    sets = np.array(list(itertools.combinations(range(M), N)))
    rounds = np.sort(BETWEEN[sets[:, :, None], sets[:, None, :]], axis=2)[:, :, N // 2]
    return np.sort((TRIPS.mean(axis=0)[sets] + rounds).min(axis=1))


def percentile_at_once() -> Floats:
    """The 90th percentile over requests, half of them reads from the nearest replica."""
    sets = np.array(list(itertools.combinations(range(M), N)))
    rounds = np.sort(BETWEEN[sets[:, :, None], sets[:, None, :]], axis=2)[:, :, N // 2]
    commits = TRIPS[:, sets] + rounds  # clients, sets, leaders
    reads = np.broadcast_to(TRIPS[:, sets].min(axis=2, keepdims=True), commits.shape)
    times = np.sort(np.concatenate([commits, reads]), axis=0)
    return np.sort(times[int(np.ceil(0.9 * 2 * M)) - 1].min(axis=1))


def agree(ours: Any, its: Any) -> bool:
    return len(ours) == SETS and np.allclose(ours, its, rtol=1e-12)


def ours() -> Floats:
    return place_replicas(NETWORK, N).tried


def our_percentile() -> Floats:
    return place_replicas(NETWORK, N, objective=0.9, read_share=0.5, reads="nearest").tried


def races() -> list[Race]:
    return [
        Race("places of 5 in 20, mean", "itertools, numpy per set", WORK, 20, ours, one_by_one, agree, SETS, SETS),
        Race("places of 5 in 20, mean", "numpy, all at once", WORK, 2, ours, all_at_once, agree, SETS, SETS),
        Race(
            "places of 5 in 20, p90",
            "numpy, all at once",
            WORK,
            3,
            our_percentile,
            percentile_at_once,
            agree,
            SETS,
            SETS,
        ),
    ]
