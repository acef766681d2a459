"""Availability against RePyability, durability against numpy's linear algebra."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from race import Race
from repyability import FaultTree
from surpyval import Exponential

from scalemodel.availability import (
    Code,
    ReedSolomon,
    Replicas,
    k_of_n_unavailability,
    mttdl,
    spread_unavailability,
)
from scalemodel.units import days, hours, years

WORK = "is not part of it"
POINTS = 10_000
DESIGNS = 1_000_000
AFR, REPAIR = 0.02, 6 * hours


def races() -> list[Race]:
    return [
        one(5),
        one(31),
        batch(5),
        batch(31),
        domains(),
        *(losses(code, right) for code, right in ((ReedSolomon(6, 3), True), (ReedSolomon(10, 4), False))),
        sweep(),
    ]


def close(ours: Any, its: Any) -> bool:
    return bool(np.allclose(ours, its, rtol=1e-12, atol=0))


def its_majority(n: int, model: Any) -> FaultTree:
    events: dict[Any, Any] = {f"node {i}": model for i in range(n)}
    return FaultTree({"top": ("vote", n // 2 + 1, list(events))}, events)


def one(n: int) -> Race:
    tree, down, k = its_majority(n, 1e-3), np.full(n, 1e-3), n // 2 + 1

    def ours() -> float:
        for _ in range(10_000):
            answer = k_of_n_unavailability(k, down)
        return float(answer)

    def its() -> float:
        for _ in range(100):
            answer = tree.top_event_probability()
        return float(answer)

    return Race(f"majority of {n}, one call", "RePyability", WORK, 50, ours, its, close, 10_000, 100)


def batch(n: int) -> Race:
    tree, times, k = its_majority(n, Exponential.from_params([1e-3])), np.geomspace(0.1, 10, POINTS), n // 2 + 1
    return Race(
        f"majority of {n}, 10,000 points",
        "RePyability, vectorised",
        WORK,
        5,
        lambda: k_of_n_unavailability(k, -np.expm1(-1e-3 * times), n=n),
        lambda: tree.top_event_probability(times),
        close,
        POINTS,
        POINTS,
    )


def domains() -> Race:
    """Four of six copies in three zones, one call after another; the peer's tree is built beforehand."""
    times = np.geomspace(0.1, 10, 20).tolist()
    nodes: dict[Any, Any] = {f"node {i}": Exponential.from_params([1e-3]) for i in range(6)}
    gates: dict[Any, Any] = {f"down {i}": ("or", [f"node {i}", f"zone {i % 3}"]) for i in range(6)}
    gates["top"] = ("vote", 3, [f"down {i}" for i in range(6)])
    tree = FaultTree(gates, nodes | {f"zone {z}": 1e-4 for z in range(3)})

    def ours() -> list[float]:
        for _ in range(20):
            answers = [float(spread_unavailability(4, 6, 3, -math.expm1(-1e-3 * t), 1e-4)) for t in times]
        return answers

    return Race(
        "nodes within zones, one call",
        "RePyability",
        WORK,
        20,
        ours,
        lambda: [float(tree.top_event_probability(t)) for t in times],
        close,
        400,
        20,
    )


def by_solve(code: Code, afr: NDArray[np.float64]) -> list[float]:
    """The textbook's way: one linear system for each design."""
    answers = []
    for rate in (afr / years).tolist():
        states = code.tolerates + 1
        matrix = np.zeros((states, states))
        for f in range(states):
            fails, mended = (code.shards - f) * rate, f / REPAIR
            matrix[f, f] = fails + mended
            if f + 1 < states:
                matrix[f, f + 1] = -fails
            if f:
                matrix[f, f - 1] = -mended
        answers.append(float(np.linalg.solve(matrix, np.ones(states))[0]))
    return answers


def losses(code: Replicas | ReedSolomon, right: bool) -> Race:
    """Where numpy's answer is wrong, the race asks that it is, by a tenth at least."""
    many, few = np.geomspace(0.01, 0.1, POINTS), np.geomspace(0.01, 0.1, 20)

    def agree(ours: NDArray[np.float64], its: list[float]) -> bool:
        off = np.abs(np.array(its) / mttdl(code, few, REPAIR) - 1)
        return bool(off.max() < 1e-2) if right else bool(off.max() > 0.1)

    its_name = "numpy.linalg.solve" if right else "numpy.linalg.solve, wrong"
    ours: Callable[[], Any] = lambda: mttdl(code, many, REPAIR)  # noqa: E731
    return Race(f"MTTDL of {code}", its_name, WORK, 100, ours, lambda: by_solve(code, few), agree, POINTS, 20)


def sweep() -> Race:
    """A million designs of replicas x zones x MTTR x beta; the peer does ten of them."""
    rng = np.random.default_rng(0)
    replicas, zones = rng.choice([3, 5, 7], DESIGNS), rng.choice([1, 2, 3], DESIGNS)
    down = rng.uniform(60, 7200, DESIGNS) / (30 * days)
    common = down * rng.choice([0.0, 0.001, 0.01, 0.05], DESIGNS)

    def its() -> NDArray[np.float64]:
        answers = []
        for i in range(10):
            n = int(replicas[i])
            shared: dict[Any, Any] = {f"zone {z}": 1e-4 for z in range(int(zones[i]))} | {"all": float(common[i])}
            nodes: dict[Any, Any] = {f"node {j}": float(down[i] - common[i]) for j in range(n)}
            gates: dict[Any, Any] = {
                f"down {j}": ("or", [f"node {j}", f"zone {j % zones[i]}", "all"]) for j in range(n)
            }
            gates["top"] = ("vote", n // 2 + 1, [f"down {j}" for j in range(n)])
            answers.append(FaultTree(gates, {**shared, **nodes}).top_event_probability())
        return np.array(answers)

    return Race(
        "a million designs",
        "RePyability",
        WORK,
        100,
        lambda: spread_unavailability(replicas // 2 + 1, replicas, zones, down - common, 1e-4, common),
        its,
        lambda ours, its: close(ours[:10], its),
        DESIGNS,
        10,
    )
