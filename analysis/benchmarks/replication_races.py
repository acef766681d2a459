"""Replication, exact and by Monte Carlo, against numpy's Monte Carlo in one pass, which is what tools do."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from race import Race

from scalemodel.latency import Exponential, LogNormal, Mixture, Pareto, kth_of
from scalemodel.quorum import Replication, replication_table
from scalemodel.units import ms

WORK = "is not part of it"
NAMED = (0.5, 0.9, 0.99, 0.999, 0.9999)
WRITE = Mixture([Pareto(1.05 * ms, 1.51), Exponential(ms / 0.183)], [0.38, 0.62])  # LNKD-DISK of PBS
OTHERS = Mixture([Pareto(0.235 * ms, 10), Exponential(ms / 1.66)], [0.9122, 0.0878])
NINE = [LogNormal((2 + i) * ms, 0.4 + 0.05 * i) for i in range(9)]
DRAWS = 2**20


def races() -> list[Race]:
    return [
        nine_replicas(),
        many_replicas(),
        visibility(),
        one_pass(),
        table(),
    ]


def nine_replicas() -> Race:
    # p99.99 to 1 % of numpy's draws takes about 1e6 of them; ours is exact to 1e-12
    def peer() -> Any:
        rng = np.random.default_rng(1)
        times = np.stack([2e-3 * (1 + i / 2) * np.exp((0.4 + 0.05 * i) * rng.standard_normal(10**6)) for i in range(9)])
        return np.quantile(np.partition(times, 4, axis=0)[4], NAMED)

    return Race(
        "5th of 9 different replicas, p50 to p99.99",
        "numpy, 1e6 draws (1 % error)",
        WORK,
        1000.0,
        lambda: kth_of(5, NINE).quantile(NAMED),
        peer,
        lambda ours, its: bool(np.allclose(ours, its, rtol=0.03)),
        1,
        1,
    )


def many_replicas() -> Race:
    laws = [LogNormal((1 + i / 50) * ms, 0.5 + i / 400) for i in range(101)]

    def peer() -> Any:
        rng = np.random.default_rng(1)
        times = np.stack([law.quantile(rng.random(20_000)) for law in laws])
        return np.quantile(np.partition(times, 50, axis=0)[50], NAMED[:4])

    return Race(
        "51st of 101 different replicas, p50 to p99.99",
        "numpy, 2e4 draws (1 % error at p99)",
        WORK,
        1.0,
        lambda: kth_of(51, laws).quantile(NAMED),
        peer,
        lambda ours, its: bool(np.allclose(ours[:3], its[:3], rtol=0.02)),
        1,
        1,
    )


def visibility() -> Race:
    # an error of 1e-4 of the t-visibility at p = .999 takes numpy 1e8 writes: it draws a million of them here
    million = drawn(10**6)

    def peer() -> float:
        return float(np.quantile(million()[0], 0.999))

    return Race(
        "t-visibility at p = .999, n = 3, r = w = 1",
        "numpy, per 1e6 of its 1e8 writes",
        WORK,
        100.0,
        lambda: Replication(3, 1, 1, write=WRITE, ack=OTHERS).t_visibility(0.999),
        peer,
        lambda ours, its: math.isclose(ours, its, rel_tol=0.1),
        1,
        1,
    )


def one_pass() -> Race:
    store = Replication(3, 1, 1, write=WRITE, ack=OTHERS)
    store.simulate(1000)
    ours = 2**23

    def simulate() -> list[float]:
        result = store.simulate(ours, seed=1)
        stale = [result.staleness(t * ms, r, w) for r, w in ((1, 1), (1, 2), (2, 1)) for t in (0, 10)]
        reads = [result.read_quantile(0.999, k) for k in (1, 2, 3)]
        return [*stale, *reads, *(result.write_quantile(0.99, k) for k in (1, 2, 3))]

    def peer() -> list[float]:
        *waits, answers, commits = drawn(DRAWS)()
        stale = [float((wait > t * ms).mean()) for wait in waits for t in (0, 10)]
        return [*stale, *np.quantile(answers, 0.999, axis=0), *np.quantile(commits, 0.99, axis=0)]

    return Race(
        "WARS by Monte Carlo: all r and w, the whole curve",
        "numpy in one pass",
        WORK,
        20.0,
        simulate,
        peer,
        lambda ours, its: bool(np.allclose(ours, its, rtol=0.05, atol=2e-3)),
        ours,
        DRAWS,
    )


def drawn(samples: int) -> Callable[[], tuple[Any, ...]]:
    """Waits until a read is fresh for (1, 1), (1, 2) and (2, 1), and ordered answers and commits, all in one pass."""

    def mixture(rng: np.random.Generator, weight: float, scale: float, shape: float, rate: float) -> Any:
        u = rng.random((samples, 3))
        heavy = u < weight  # the uniform is used again for the value
        with np.errstate(divide="ignore"):
            pareto = scale * (1 - np.where(heavy, u / weight, 0.0)) ** (-1 / shape)
            return ms * np.where(heavy, pareto, -np.log1p(-np.where(heavy, 0.0, (u - weight) / (1 - weight))) / rate)

    def draw() -> tuple[Any, ...]:
        rng = np.random.default_rng(2)
        write = mixture(rng, 0.38, 1.05, 1.51, 0.183)
        ack, read, response = (mixture(rng, 0.9122, 0.235, 10, 1.66) for _ in range(3))
        commits = np.sort(write + ack, axis=1)
        answers = read + response
        order = np.argsort(answers, axis=1)
        gaps = np.minimum.accumulate(np.take_along_axis(write - read, order, axis=1), axis=1)
        waits = [gaps[:, r - 1] - commits[:, w - 1] for r, w in ((1, 1), (1, 2), (2, 1))]
        return *waits, np.take_along_axis(answers, order, axis=1), commits

    return draw


def table() -> Race:
    def peer() -> Any:
        wait, *_ = drawn(100_000)()
        return float((wait > 0).mean())

    def ours() -> Any:
        frame = replication_table(range(1, 15), write=WRITE, ack=OTHERS, times=(0.0, 0.01))
        assert len(frame) == 1015
        return float(frame.query("n == 3 and r == 1 and w == 1")["stale_at_0ms"].iloc[0])

    return Race(
        "table of 1,015 configurations, t-visibility and two times each",
        "numpy, 1e5 writes each, a twentieth of them run",
        WORK,
        10.0,
        ours,
        lambda: [peer() for _ in range(50)][-1],
        lambda ours, its: math.isclose(ours, its, abs_tol=0.01),
        1015,
        50,
    )
