"""Every n, r and w in one table: how long, how stale, and how many failures are survived."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, special

from .. import _check
from ..latency import Latency
from .replication import MOST_REPLICAS, Replication
from .staleness import TABLE, Floats, Legs, _absent, _grid, _reach

if TYPE_CHECKING:
    import pandas as pd

MOST = 1_000_000
"""Rows of a table."""

_STEPS = 64
_QUANTILES = (0.5, 0.99, 0.999)

Ints = NDArray[np.int64]


def replication_table(
    n: int | Iterable[int],
    r: int | Iterable[int] | None = None,
    w: int | Iterable[int] | None = None,
    *,
    write: Latency,
    ack: Latency | None = None,
    read: Latency | None = None,
    response: Latency | None = None,
    times: Sequence[float] = (0.0,),
    p: float = 0.999,
) -> "pd.DataFrame":
    """Return a row for each n, r and w: percentiles of reads and writes, staleness, and failures survived.

    Parameters
    ----------
    n, r, w : int or iterables of int
        All combinations in which r and w are at most n. Every r and w unless given.
    write, ack, read, response : Latency
        The legs, shared by the replicas, as in `Replication`.
    times : sequence of float
        Seconds after the commit, for each of which there is a column with the share of stale reads.
    p : float
        The t-visibility is for this probability of a fresh read, below 1. It is interpolated from the staleness at 64
        times, to about 1e-4 of itself.

    Returns
    -------
    DataFrame
        ``n, r, w, strict, read_p50_ms, …, write_p99.9_ms, stale_at_<t>ms, …, t_visibility_<p>_ms, reads_tolerate,
        writes_tolerate``.

    Examples
    --------
    >>> from scalemodel.latency import Exponential
    >>> table = replication_table(3, write=Exponential(0.010), ack=Exponential(0.002))
    >>> table[["r", "w", "strict", "stale_at_0ms"]].head(3).round(4)
       r  w  strict  stale_at_0ms
    0  1  1   False        0.5131
    1  1  2   False        0.2467
    2  1  3    True        0.0000

    References
    ----------
    Cassandra's ``nodetool predictconsistency`` (versions 1.2 to 2.0) gave such a table, by Monte Carlo.
    """
    import pandas as pd

    sizes = _several(n, "n")
    triples = [
        (a, b, c)
        for a in sizes
        for b in (range(1, a + 1) if r is None else _several(r, "r"))
        for c in (range(1, a + 1) if w is None else _several(w, "w"))
        if b <= a and c <= a
    ]
    if not triples:
        raise ValueError(f"no r and w is at most n = {max(sizes)}: give smaller ones")
    if len(triples) > MOST:
        raise ValueError(f"{len(triples)} combinations of n, r and w: give at most {MOST}")
    moments = _check.amounts(times, "times")
    p = _check.share(p, "p")
    if p == 1:
        raise ValueError("p is 1: give a probability below 1")
    (legs,) = set(Replication(1, 1, 1, write=write, ack=ack, read=read, response=response).legs)
    assert legs is not None
    if len(legs.acknowledged._jumps) or len(legs.answered._jumps):
        raise ValueError("the legs of a table add up to times of positive probability: use Replication, one by one")
    ns, rs, ws = (np.array(column, np.int64) for column in zip(*triples, strict=True))
    columns: dict[str, Any] = {"n": ns, "r": rs, "w": ws, "strict": rs + ws > ns}
    for name, law, ks in (("read", legs.answered, rs), ("write", legs.acknowledged, ws)):
        for quantile in _QUANTILES:
            columns[f"{name}_p{100 * quantile:g}_ms"] = 1e3 * _ordered(law, ns, ks, quantile)
    curves = _Curves(legs, ns, rs, ws)
    for t in moments:
        columns[f"stale_at_{1e3 * t:g}ms"] = curves.at(float(t))
    columns[f"t_visibility_{100 * p:g}_ms"] = 1e3 * curves.visibility(p)
    return pd.DataFrame(columns | {"reads_tolerate": ns - rs, "writes_tolerate": ns - ws})


def _several(given: int | Iterable[int], name: str) -> list[int]:
    values = list(given) if isinstance(given, Iterable) else [given]
    if not values:
        raise ValueError(f"{name} is empty: give whole numbers from 1 to {MOST_REPLICAS}")
    return [_check.whole(value, name, 1, MOST_REPLICAS) for value in values]


def _ordered(law: Latency, ns: Ints, ks: Ints, p: float) -> Floats:
    """Return quantiles of the k-th of n equal parts, through those of one part."""
    share, rest = special.betaincinv(ks, ns - ks + 1, p), special.betaincinv(ns - ks + 1, ks, 1 - p)
    pairs, inverse = np.unique(np.stack([share, rest]), axis=1, return_inverse=True)
    return law._quantile(*np.ascontiguousarray(pairs))[inverse.ravel()]


class _Curves:
    """The staleness of many n, r and w with the same legs: what is costly is computed once for each time."""

    def __init__(self, legs: Legs, ns: Ints, rs: Ints, ws: Ints) -> None:
        self.legs = legs
        self.size = len(ns)
        self.open = np.flatnonzero(rs + ws <= ns)
        self.ns, self.rs, self.ws = ns[self.open], rs[self.open], ws[self.open]
        if not len(self.open):
            return
        self.commit, self.answer = _grid((legs.acknowledged,), TABLE), _grid((legs.answered,), TABLE)
        self.reach = _reach(legs.read, legs.response, self.answer, TABLE)
        now, by, _, after, _ = self.commit.of(legs.acknowledged)
        n, r, w = self.ns[:, None], self.rs[:, None], self.ws[:, None]
        scale = special.comb(n - w, r) * r * w * special.comb(n, w)
        self.commits = scale * now * by ** (w - 1) * after ** (n - w - r)  # [configuration, time]
        later = self.answer.of(legs.answered)[3]
        self.groups = []
        for k in np.unique(self.rs):
            rows = np.flatnonzero(self.rs == k)
            sizes, which = np.unique(self.ns[rows], return_inverse=True)
            self.groups.append((int(k), rows, which, later[:, None] ** (sizes - k)))

    def at(self, t: float) -> Floats:
        """Return the staleness of all at one time."""
        out = np.zeros(self.size)
        if len(self.open):
            out[self.open] = self._open_at(t)
        return out

    def _open_at(self, t: float) -> Floats:
        absent = _absent(self.legs, self.commit.times + t, self.reach.x)
        first, rest = absent @ self.reach.now, absent @ self.reach.by
        out = np.empty(len(self.open))
        power = np.ones_like(rest)
        last = 1
        for k, rows, which, later in self.groups:
            for _ in range(k - last):
                power *= rest
            last = k
            answered = (first * power) @ later  # [time, n]
            out[rows] = np.einsum("ij,ji->i", self.commits[rows], answered[:, which])
        return np.minimum(out, 1.0)

    def visibility(self, p: float) -> Floats:
        """Return from when on each is fresh with probability p, in seconds."""
        out = np.zeros(self.size)
        miss = 1 - p
        if not len(self.open):
            return out
        at_once = self._open_at(0.0)
        if not (waiting := np.flatnonzero(at_once > miss)).size:
            return out
        last = float(self.legs.arrival.isf(miss / (2 * int(self.ns.max()))))
        times = np.geomspace(1e-3 * float(self.legs.arrival.quantile(0.5)) or 1e-6 * last, last, _STEPS)
        logs = np.log(np.maximum(np.stack([self._open_at(t)[waiting] for t in times]), 1e-300) / miss)
        after = np.argmax(logs <= 0, axis=0)
        x = np.log(times)
        curve = interpolate.CubicSpline(x, logs).c[:, np.maximum(after - 1, 0), np.arange(len(waiting))]
        low, high = np.zeros(len(waiting)), x[after] - x[np.maximum(after - 1, 0)]
        for _ in range(60):
            middle = (low + high) / 2
            above = ((curve[0] * middle + curve[1]) * middle + curve[2]) * middle + curve[3] > 0
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        drop = np.log(at_once[waiting] / miss)
        early = times[0] * drop / (drop - logs[0])  # straight from the start
        out[self.open[waiting]] = np.where(after == 0, early, np.exp(x[np.maximum(after - 1, 0)] + low))
        return out
