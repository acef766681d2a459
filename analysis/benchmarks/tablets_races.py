"""Tablets against what a Python user would write; no library does this."""

import numpy as np
from race import Race

from scalemodel.placement import Limits, TabletPlacement, Tablets, expected_fullest
from scalemodel.workload import Workload, Zipf

STORE = Tablets.of(Workload(1_000_000, 1.0, Zipf(1_000_000, 0.9)))
LIMITS = Limits(reads=100)
CUT = STORE.split(LIMITS)


def races() -> list[Race]:
    return [splitting(), look_ups(), fullest()]


def splitting() -> Race:
    sums = STORE._needs(LIMITS)[0]

    def recursive() -> list[int]:
        found, waiting = [], [(0, len(STORE.keys))]
        while waiting:
            lo, hi = waiting.pop()
            if sums[hi] - sums[lo] <= 1 or hi - lo <= 1:
                found.append(lo)
                continue
            half = (sums[lo] + sums[hi]) / 2
            at = lo + 1 + int(np.searchsorted(sums[lo + 1 : hi], half))
            at = min(at, hi - 1)
            if at > lo + 1 and half - sums[at - 1] <= sums[at] - half:
                at -= 1
            waiting += [(at, hi), (lo, at)]
        return found

    return Race(
        "split 1,000,000 keys by load",
        "Python and np.searchsorted, a stack",
        "nothing; the peer is given the sums, ours computes them",
        5,
        lambda: STORE.split(LIMITS),
        recursive,
        lambda ours, its: ours.starts[:-1].tolist() == its,
        len(CUT),
        len(CUT),
    )


def look_ups() -> Race:
    placed = TabletPlacement(100, CUT)
    keys = STORE.keys[:: len(STORE.keys) // 10**6]
    firsts, table = CUT.first, placed.table[:, 0]
    placed.lookup(keys, hashed=True)
    return Race(
        f"look-up in {len(CUT):,} tablets",
        "np.searchsorted",
        "nothing",
        3,
        lambda: placed.lookup(keys, hashed=True),
        lambda: table[np.searchsorted(firsts, keys, side="right") - 1],
        lambda ours, its: bool((ours == its).all()),
        len(keys),
        len(keys),
    )


def fullest() -> Race:
    def drawn() -> float:
        each = np.random.default_rng(1).multinomial(10_000, np.full(100, 0.01), 1000).max(axis=1)
        return float(each.mean())

    return Race(
        "fullest of 100 bins, 10,000 balls",
        "numpy, 1,000 draws (right to 0.2 %)",
        "nothing; ours is exact",
        3,
        lambda: expected_fullest(10_000, 100),
        drawn,
        lambda ours, its: abs(ours - its) < 1.5,
        1,
        1,
    )
