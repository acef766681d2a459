"""Monte Carlo of WARS: one pass draws the whole staleness curve of every r and w, with intervals."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .. import _check, streams
from ..display import Shown, axes, format_count
from ..latency import Latency
from ..latency.base import Many
from ._kernels import wars as kernels
from ._kernels.wars import BINS, CELLS, FINE, FINER, LOWEST
from .staleness import Floats, Setting

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Counts = NDArray[np.int64]

EDGES = np.concatenate([[0.0], np.ldexp(1 + np.arange(64 * FINE) % FINE / FINE, np.arange(64 * FINE) // FINE + LOWEST)])
"""The lower edges of the bins in seconds; what is beyond the last bin is infinite."""

ALL_PAIRS = 16
"""Up to this many replicas, every r and w is kept."""

_SMOOTH = 3e-5  # relative error of a drawn time
_SOON = 1e-12  # seconds: earlier is at once
_RARE = 2.0**-36  # a cell of a smaller probability need not be smooth


@dataclass(frozen=True, eq=False)
class Simulated(Shown):
    """What drawn writes and reads tell of every r and w.

    Attributes
    ----------
    samples : int
        Writes, each with a read after it.
    n, r, w : int
        Of the replication that was simulated; the answers are for its r and w unless others are asked for.
    """

    samples: int
    n: int
    r: int
    w: int
    pairs: tuple[tuple[int, int], ...] = field(repr=False)
    reads: Counts = field(repr=False)
    writes: Counts = field(repr=False)
    stale: Counts = field(repr=False)

    @property
    def title(self) -> str:
        """How much was drawn."""
        return f"{format_count(self.samples)} writes to {self.n} replicas, each with a read after it"

    @overload
    def staleness(self, t: float, r: int | None = None, w: int | None = None) -> float: ...
    @overload
    def staleness(self, t: Many, r: int | None = None, w: int | None = None) -> Floats: ...
    def staleness(self, t: Any, r: int | None = None, w: int | None = None) -> Any:
        """Share of reads, `t` seconds after the commit, that missed it."""
        count = self._late(np.asarray(t, np.float64), r, w) / self.samples
        return float(count) if np.ndim(t) == 0 else count

    def staleness_interval(
        self, t: Any, r: int | None = None, w: int | None = None, level: float = 0.95
    ) -> tuple[Any, Any]:
        """Bounds of the probability of a stale read: Clopper and Pearson's, with this confidence."""
        count = self._late(np.asarray(t, np.float64), r, w)
        tail = (1 - _check.share(level, "level")) / 2
        with np.errstate(invalid="ignore"):
            low = np.where(count > 0, special.betaincinv(count, self.samples - count + 1, tail), 0.0)
            high = np.where(count < self.samples, special.betaincinv(count + 1, self.samples - count, 1 - tail), 1.0)
        return (float(low), float(high)) if np.ndim(t) == 0 else (low, high)

    def t_visibility(self, p: float, r: int | None = None, w: int | None = None) -> float:
        """Seconds after the commit from which a share `p` of the reads saw it."""
        misses = (1 - _check.share(p, "p")) * self.samples
        return _level(self.stale[self._pair(r, w)], misses)

    def t_visibility_interval(
        self, p: float, r: int | None = None, w: int | None = None, level: float = 0.95
    ) -> tuple[float, float]:
        """Bounds of the t-visibility, from the order statistics of the draws: they hold for any tail."""
        p = _check.share(p, "p")
        spread = _sigmas(level) * np.sqrt(self.samples * p * (1 - p))
        misses, row = (1 - p) * self.samples, self.stale[self._pair(r, w)]
        return _level(row, misses + spread), _level(row, max(misses - spread, 0.0))

    def read_quantile(self, p: float, r: int | None = None) -> float:
        """Seconds within which a share `p` of the reads had r answers."""
        return _level(self.reads[self._rank(r, self.r, "r")], (1 - _check.share(p, "p")) * self.samples)

    def write_quantile(self, p: float, w: int | None = None) -> float:
        """Seconds within which a share `p` of the writes had w acknowledgements."""
        return _level(self.writes[self._rank(w, self.w, "w")], (1 - _check.share(p, "p")) * self.samples)

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per r and w: percentiles, stale reads at once with bounds, and t-visibility with bounds."""
        import pandas as pd

        rows = []
        for r, w in self.pairs:
            low, high = self.staleness_interval(0.0, r, w)
            early, late = self.t_visibility_interval(0.999, r, w)
            rows.append(
                {
                    "r": r,
                    "w": w,
                    "read_p99.9_ms": 1e3 * self.read_quantile(0.999, r),
                    "write_p99.9_ms": 1e3 * self.write_quantile(0.999, w),
                    "stale_at_0": self.staleness(0.0, r, w),
                    "stale_at_0_low": low,
                    "stale_at_0_high": high,
                    "t_visibility_99.9_ms": 1e3 * self.t_visibility(0.999, r, w),
                    "t_visibility_99.9_ms_low": 1e3 * early,
                    "t_visibility_99.9_ms_high": 1e3 * late,
                }
            )
        return pd.DataFrame(rows)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the stale reads over the time since the commit, a line and a band for each r and w that has any."""
        ax = axes(ax)
        for j, (r, w) in enumerate(self.pairs):
            if not (filled := np.flatnonzero(self.stale[j])).size:
                continue
            times = EDGES[max(filled[0], 1) : filled[-1] + 2]
            ax.plot(1e3 * times, self.staleness(times, r, w), label=f"r={r} w={w}")
            ax.fill_between(1e3 * times, *self.staleness_interval(times, r, w), alpha=0.2)
        ax.set(xscale="log", yscale="log", xlabel="read starts so long after the commit (ms)", ylabel="stale reads")
        ax.legend()
        return ax

    def _late(self, t: Floats, r: int | None, w: int | None) -> Floats:
        """Return how many waits were longer than t; those in the bin of t are spread over it."""
        row = self.stale[self._pair(r, w)]
        above = np.append(np.cumsum(row[::-1])[::-1][1:], 0)
        at = np.clip(np.searchsorted(EDGES, t, side="right") - 1, 0, BINS - 2)
        rest = np.clip((t - EDGES[at]) / (np.append(EDGES[1:], 2 * EDGES[-1])[at] - EDGES[at]), 0, 1)
        return above[at] + row[at] * (1 - rest)

    def _pair(self, r: int | None, w: int | None) -> int:
        pair = (self.r if r is None else r, self.w if w is None else w)
        if pair not in self.pairs:
            raise ValueError(f"r = {pair[0]} and w = {pair[1]} were not simulated: give numbers from 1 to {self.n}")
        return self.pairs.index(pair)

    def _rank(self, k: int | None, own: int, name: str) -> int:
        return _check.whole(own if k is None else k, name, 1, self.n) - 1


def simulate(settings: Sequence[tuple[float, Setting]], samples: int, seed: int) -> Simulated:
    """Draw writes and reads of replicas in some settings, each with its probability."""
    samples = _check.whole(samples, "samples", 1, 2**31)
    modes = {type(setting.asked) for _, setting in settings}
    if len(modes) > 1:
        raise ValueError("the parts of a mixture send reads in different ways: simulate them one by one")
    mode = {type(None): kernels.BY_TIME, int: kernels.SHUFFLED, tuple: kernels.AS_GIVEN}[modes.pop()]
    ups = [setting.up for _, setting in settings]
    n, r, w = min(map(len, ups)), settings[0][1].r, settings[0][1].w
    if any((setting.r, setting.w) != (r, w) for _, setting in settings):
        raise ValueError("the parts of a mixture have different r or w: simulate them one by one")
    laws: dict[Latency, int] = {}
    most = max(map(len, ups))
    legs = np.full((len(ups), most, 5), -1)
    orders = np.zeros((len(ups), most), np.int64)
    for k, up in enumerate(ups):
        typical = [float(each.answered.quantile(0.5)) if mode == kernels.AS_GIVEN else 0.0 for each in up]
        orders[k, : len(up)] = sorted(range(len(up)), key=lambda i: (typical[i], i))
        for i, each in enumerate(up):
            for j, law in enumerate((each.write, each.ack, each.read, each.response, each.handoff)):
                if law is not None:
                    legs[k, i, j] = laws.setdefault(law, len(laws))
    pairs = [(a, b) for a in range(1, n + 1) for b in range(1, n + 1)] if n <= ALL_PAIRS else [(r, w)]
    late = any(each.handoff is not None for up in ups for each in up)
    open_pairs = [j for j, (a, b) in enumerate(pairs) if late or a + b <= most]  # the others meet
    rs, ws = (np.array([pairs[j][i] for j in open_pairs], np.int64) for i in (0, 1))
    cells = _cells(tuple(laws))
    sizes = np.array([len(up) for up in ups])
    cumulative = np.cumsum([weight for weight, _ in settings])

    def work(chunk: int, part: slice) -> tuple[Counts, ...]:
        start = streams.stream(seed, chunk).integers(0, 2**64, dtype=np.uint64)
        out = tuple(np.zeros((rows, BINS), np.int64) for rows in (most, most, len(rs)))
        kernels.simulate(start, part.stop - part.start, cells, legs, sizes, cumulative, orders, mode, rs, ws, *out)
        return out

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(lambda chunk: work(*chunk), streams.chunks(samples))
        reads, writes, stale = next(parts)
        for part in parts:
            for total, more in zip((reads, writes, stale), part, strict=True):
                total += more
    stale_of_all = np.zeros((len(pairs), BINS), np.int64)
    stale_of_all[open_pairs] = stale
    stale_of_all[:, 0] = 0  # those that need not wait
    return Simulated(samples, n, r, w, tuple(pairs), reads[:n], writes[:n], stale_of_all)


def _level(row: Counts, misses: float) -> float:
    """Return the time that at most so many of the counted are above, straight within a bin."""
    above = np.append(np.cumsum(row[::-1])[::-1], 0)  # at the lower edge of each bin
    if above[0] <= misses:
        return 0.0
    at = int(np.flatnonzero(above > misses)[-1])
    if at >= len(EDGES) - 1:
        return float("inf")
    return float(EDGES[at] + (EDGES[at + 1] - EDGES[at]) * (above[at] - misses) / row[at])


def _sigmas(level: float) -> float:
    return float(special.ndtri((1 + _check.share(level, "level")) / 2))


@lru_cache(maxsize=8)
def _cells(laws: tuple[Latency, ...]) -> Floats:
    """Return the tables of quantiles of some laws, one after the other, and the finer tables behind them.

    A row holds a parabola in the place within the cell, and where the finer table is, if there is one.
    """
    tables: list[Floats] = []
    finer: list[Floats] = []
    where = len(laws) * CELLS
    for law in laws:
        table, rough = _parabolas(law, 0.0, 1.0, CELLS)
        tables.append(table)
        todo = [(table, int(i), i / CELLS, 1 / CELLS) for i in rough]
        while todo:
            owner, row, start, width = todo.pop()
            fine, rough = _parabolas(law, start, width, FINER)
            owner[row] = 0.0, 0.0, 0.0, where
            where += FINER
            finer.append(fine)
            if width > _RARE:
                todo += [(fine, int(i), start + width * i / FINER, width / FINER) for i in rough]
    return np.ascontiguousarray(np.concatenate(tables + finer))


def _parabolas(law: Latency, start: float, width: float, cells: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return parabolas through the quantiles at the ends and in the middle of cells, and which of them miss others."""

    def quantile(place: float) -> Floats:
        share = np.clip(start + width * ((np.arange(cells) + place) / cells), 2.0**-60, 1 - 2.0**-53)
        return np.minimum(law._quantile(share, 1 - share), 1e300)

    left, middle, right = quantile(0.0), quantile(0.5), quantile(1.0)
    bend = 2 * (left + right) - 4 * middle
    slope = right - left - bend
    off = np.zeros(cells, np.bool_)
    for place in (0.2, 0.8):
        off |= np.abs(left + place * (slope + place * bend) - quantile(place)) > _SMOOTH * np.maximum(middle, _SOON)
    rows = np.column_stack([left, np.where(off, right - left, slope), np.where(off, 0.0, bend), np.zeros(cells)])
    return rows, np.flatnonzero(off)
