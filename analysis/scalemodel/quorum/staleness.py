"""How stale a read can be: the integrals behind it, over the time of the commit and the time of the answer.

A write reaches replica i after W_i and is acknowledged after another A_i; it is committed with the w-th
acknowledgement, at time s. A read that starts t later reaches the replica after R_i, whose answer takes another S_i;
the first r answers count. Replica i answers with the old version if W_i > s + t + R_i. So a replica that has
acknowledged by s is never stale, and given s, whether the others are stale and when they answer is independent:

    H_i(s + t, v) = P(R_i + S_i <= v, W_i > s + t + R_i) = ∫_0^v P(S_i <= v - x) P(W_i > s + t + x) dF_R(x)

References
----------
Bailis, Venkataraman, Franklin, Hellerstein, Stoica, "Probabilistically bounded staleness for practical partial
quorums", VLDB 2012: the model WARS, there sampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..latency import Constant, Latency
from ._kernels import replication as kernels

Floats = NDArray[np.float64]

DEEPEST = 1e-13
"""Times that are exceeded with a smaller probability are left out of the integrals."""

MOST_ATOMS = 64
"""Times of positive probability that a leg may have in the exact integrals."""

NODES = 6
"""Gauss-Legendre nodes between two edges."""

TABLE, COARSE = 5, 2
"""The same for many curves at once, and for a first guess."""

_GAUSS = {k: np.polynomial.legendre.leggauss(k) for k in (COARSE, TABLE, NODES)}
_LAGRANGE = {k: np.linalg.inv(np.polynomial.legendre.legvander(x, k - 1)) for k, (x, _) in _GAUSS.items()}


@dataclass(frozen=True)
class Legs:
    """The four ways between the coordinator and one replica.

    With `handoff`, the replica is down when it is written: another node acknowledges in its place, and `handoff` after
    the start of the write the replica has it.
    """

    write: Latency
    ack: Latency
    read: Latency
    response: Latency
    handoff: Latency | None = None

    @cached_property
    def acknowledged(self) -> Latency:
        """The time until the coordinator has the acknowledgement of a write."""
        return self.write + self.ack

    @cached_property
    def answered(self) -> Latency:
        """The time until the coordinator has the answer to a read."""
        return self.read + self.response

    @property
    def arrival(self) -> Latency:
        """The time until the replica holds the write."""
        return self.write if self.handoff is None else self.handoff


@dataclass(frozen=True)
class Setting:
    """Who takes part in a write and in the read after it; None stands for a replica that is down.

    `asked` says which replicas a read is sent to: all (None), these, or this many, picked at random.
    """

    legs: tuple[Legs | None, ...]
    w: int
    r: int
    asked: tuple[int, ...] | int | None = None

    @property
    def up(self) -> tuple[Legs, ...]:
        """The legs of the replicas that are up."""
        return tuple(legs for legs in self.legs if legs is not None)

    @property
    def strict(self) -> bool:
        """Tell whether every read meets every committed write."""
        if any(legs.handoff for legs in self.up):
            return False
        return self.r + self.w > len(self.up)

    def staleness(self, t: float, nodes: int = NODES) -> float:
        """Return the probability that a read that starts `t` seconds after the commit misses the write."""
        if self.strict or all(legs.arrival == Constant(0.0) for legs in self.up):
            return 0.0
        return min(self._alike(t, nodes) if self._uniform else self._agreeing(t, nodes, False), 1.0)

    def disagreement(self, t: float, nodes: int = NODES) -> float:
        """Return the probability that of the first r answers some are stale and some are not."""
        same = self._agreeing(t, nodes, True) + self._agreeing(t, nodes, False)
        return min(max(1 - same, 0.0), 1.0) if self.r > 1 else 0.0

    @cached_property
    def _acknowledged(self) -> tuple[Latency, ...]:
        return tuple(dict.fromkeys(legs.acknowledged for legs in self.up))

    @cached_property
    def _answered(self) -> tuple[Latency, ...]:
        return tuple(dict.fromkeys(legs.answered for legs in self.up))

    @cached_property
    def _uniform(self) -> bool:
        """Tell whether the replicas that are up are alike, and no two events fall together."""
        kinds = set(self.up)
        (first, *_) = kinds
        smooth = not (len(first.acknowledged._jumps) or len(first.answered._jumps))
        return len(kinds) == 1 and first.handoff is None and self.asked is None and smooth

    def _alike(self, t: float, nodes: int) -> float:
        n, w, r = len(self.up), self.w, self.r
        legs = self.up[0]
        s, v = _grid(self._acknowledged, nodes), _grid(self._answered, nodes)
        now, by, _, after, _ = s.of(legs.acknowledged)
        committed = w * special.comb(n, w) * now * by ** (w - 1) * after ** (n - w - r)
        answered = special.comb(n - w, r) * r * v.of(legs.answered)[3] ** (n - r)
        reach = _reach(legs.read, legs.response, v, nodes)
        absent = _absent(legs, s.times + t, reach.x)
        if r == 1:
            return float(committed @ absent @ (reach.now @ answered))
        return float(committed @ (absent @ reach.now * (absent @ reach.by) ** (r - 1)) @ answered)

    def _agreeing(self, t: float, nodes: int, fresh: bool) -> float:
        """Return the probability that the first r answers are all fresh, or all stale."""
        s = _grid(self._acknowledged, nodes)
        timed = self.asked is None
        v = _grid(self._answered, nodes) if timed else _Grid(np.array([np.inf]), np.ones(1), np.zeros(1, np.bool_))
        n = len(self.legs)
        acks = np.zeros((n, 5, len(s.times)))
        answers = np.zeros((n, 2, len(v.times)))
        free, bound = np.zeros((2, n, 3, len(s.times), len(v.times)))
        loose = np.zeros(n, np.bool_)
        chosen = self.asked if isinstance(self.asked, tuple) else range(n)
        seen: dict[Legs, Floats] = {}
        for i, legs in enumerate(self.legs):
            if legs is None:
                acks[i, kernels.NOT :] = 1.0
                answers[i] = 0.0 if isinstance(self.asked, tuple) and i in chosen else 1.0
                continue
            acks[i] = s.of(legs.acknowledged)
            if timed:
                answers[i] = v.of(legs.answered)[kernels.NOT :]
            else:
                answers[i] = 0.0 if isinstance(self.asked, tuple) and i in chosen else 1.0
            if i in chosen:
                if legs not in seen:
                    starts = s.times + t
                    seen[legs] = np.stack(
                        missed(legs, starts, v, nodes) if timed else [unseen(legs, starts, nodes)[:, None]] * 3
                    )
                stale = seen[legs]
                late = legs.handoff is not None
                loose[i] = late or fresh
                if not fresh:
                    (free if late else bound)[i] = stale
                    continue
                any_kind = v.of(legs.answered)[: kernels.NOT, None, :] if timed else np.ones((3, 1, 1))
                free[i] = any_kind - stale if late else any_kind
                bound[i] = 0.0 if late else np.negative(stale)
        total = kernels.agreeing(acks, answers, free, bound, loose, self.w, self.r, timed)
        return float(total / special.comb(len(self.up), self.r) if isinstance(self.asked, int) else total)


@dataclass(frozen=True, eq=False)
class _Grid:
    """Times at which an integrand is looked at, and their weights; atoms are times of their own."""

    times: Floats
    weights: Floats
    atoms: NDArray[np.bool_]

    def of(self, law: Latency) -> Floats:
        """Return what the kernel wants to know of a law: ``float64[5, m]``."""
        below, above = law._tails(self.times)
        before, not_before = law._tails(self.times, left=True)
        now = np.where(self.atoms, np.maximum(not_before - above, 0.0), law._pdf(self.times) * self.weights)
        return np.stack([now, below, before, above, not_before])


@lru_cache(maxsize=256)
def _grid(laws: tuple[Latency, ...], nodes: int) -> _Grid:
    """Return Gauss-Legendre nodes between the edges of the tables of some laws, and their atoms."""
    kept = _edges(laws)
    places, weights = _GAUSS[nodes]
    half = np.diff(kept) / 2
    x = ((kept[:-1] + half)[:, None] + half[:, None] * places).ravel()
    w = (half[:, None] * weights).ravel()
    jumps = np.unique(np.concatenate([_atoms(law)[0] for law in laws]))
    atoms = np.arange(len(x) + len(jumps)) >= len(x)
    return _Grid(np.append(x, jumps), np.append(w, np.ones(len(jumps))), atoms)


def _edges(laws: tuple[Latency, ...]) -> Floats:
    """Return times between which the laws are smooth, up to the last that matters."""
    edges = [law.on_grid().edges for law in laws]
    edges = [e[: np.searchsorted(e, law.isf(DEEPEST)) + 1] for e, law in zip(edges, laws, strict=True)]
    return _thinned(edges, np.unique(np.concatenate([law._knots for law in laws])))


def _thinned(edges: Sequence[Floats], knots: Floats) -> Floats:
    """Return edges out of those of all, about as close as the closest, with all special times among them."""
    times = np.unique(np.concatenate(edges))
    if len(edges) == 1 or len(times) < 3:
        return times
    middle = (times[:-1] + times[1:]) / 2
    fine = np.full(len(middle), np.inf)
    for e in edges:
        at = np.searchsorted(e, middle)
        inside = (at > 0) & (at < len(e))
        fine[inside] = np.minimum(fine[inside], np.diff(e)[at[inside] - 1])
    fixed = np.isin(times, knots)
    kept = [times[0]]
    for i in range(1, len(times)):
        if fixed[i] or i == len(times) - 1 or times[i] - kept[-1] >= 0.7 * fine[i - 1]:
            kept.append(times[i])
    return np.array(kept)


def _atoms(law: Latency) -> tuple[Floats, Floats]:
    if len(law._jumps) > MOST_ATOMS:
        raise ValueError(
            f"{law.description} has {len(law._jumps)} times of positive probability: fit a smooth law to it, or use "
            "method='monte_carlo'"
        )
    return law.atoms


@dataclass(frozen=True, eq=False)
class _Reach:
    """How a function of the time at which a read reaches the replica is integrated, from its values at `x`.

    Between two edges it is taken as a polynomial; `weights` integrate it over that time; `now`, `by` and `before` also
    over the time of the answer: those at a time of the grid (a weight), by then, and before.
    """

    x: Floats
    now: Floats
    by: Floats
    before: Floats


@lru_cache(maxsize=256)
def _reach(read: Latency, response: Latency, v: _Grid, nodes: int) -> _Reach:
    """Return the weights of the integrals over the two ways of a read."""
    grid = _grid((read,), nodes)
    places, weights = _GAUSS[NODES]
    m = len(v.times)
    edges = _edges((read,))
    cuts = np.sort(np.clip(np.concatenate([
        np.broadcast_to(edges[:, None], (len(edges), m)), v.times - _edges((response,))[:, None]
    ]), edges[0], np.minimum(edges[-1], np.maximum(v.times, edges[0]))), axis=0)  # fmt: skip
    half = np.diff(cuts, axis=0) / 2
    i, at = np.nonzero(half > 1e-18)
    x = (cuts[i, at] + half[i, at])[:, None] + half[i, at][:, None] * places
    density = half[i, at][:, None] * weights * read._pdf(x.ravel()).reshape(x.shape)
    x, density, at = x.ravel(), density.ravel(), np.repeat(at, NODES)
    way = v.times[at] - x
    by = response._tails(way)[0]
    now = response._pdf(way) * v.weights[at] * ~v.atoms[at]
    out = []
    for value in (now * density, by * density):
        out.append(_spread_over(edges, x, at, value, m, nodes))
    for time, mass in zip(*_atoms(response), strict=True):
        at = np.flatnonzero((v.times - time >= edges[0]) & (v.times - time <= edges[-1]) & ~v.atoms)
        x = v.times[at] - time
        out[0] += _spread_over(edges, x, at, read._pdf(x) * v.weights[at] * mass, m, nodes)
    first, rest = out
    before = rest
    times, masses = _atoms(read)
    if len(times):
        way = _snapped(v.times - times[:, None], response).ravel()
        (by, prior), density = (response._tails(way, left)[0] for left in (False, True)), response._pdf(way)
        by, prior, density = (each.reshape(len(times), m) * masses[:, None] for each in (by, prior, density))
        first = np.concatenate([first, np.where(v.atoms, by - prior, density * v.weights)])
        before = np.concatenate([rest, prior])
        rest = np.concatenate([rest, by])
    return _Reach(grid.times, first, rest, before)


def _snapped(times: Floats, law: Latency) -> Floats:
    """Return times, those a rounding error from an atom on it."""
    if not len(law._jumps):
        return times
    jumps = law._jumps
    at = np.searchsorted((jumps[1:] + jumps[:-1]) / 2, times)
    near = jumps[at]
    return np.where(np.abs(times - near) <= 1e-14 * (np.abs(times) + near.max()), near, times)


def _spread_over(edges: Floats, x: Floats, at: NDArray[np.int64], values: Floats, m: int, k: int) -> Floats:
    """Give values at x to the nodes of the panel around it, as the polynomial through these is."""
    panels = len(edges) - 1
    if not panels:
        return np.zeros((0, m))
    panel = np.clip(np.searchsorted(edges, x) - 1, 0, panels - 1)
    place = 2 * (x - edges[panel]) / (edges[panel + 1] - edges[panel]) - 1
    shares = np.polynomial.legendre.legvander(place, k - 1) @ _LAGRANGE[k] * values[:, None]
    index = ((panel[:, None] * k + np.arange(k)) * m + at[:, None]).ravel()
    return np.bincount(index, shares.ravel(), panels * k * m).astype(np.float64).reshape(panels * k, m)


def missed(legs: Legs, starts: Floats, v: _Grid, nodes: int = NODES) -> tuple[Floats, Floats, Floats]:
    """Return the weight of a stale answer at each time of the grid, the probability of one by then, and before.

    Parameters
    ----------
    legs : Legs
        Of the replica.
    starts : float64[s]
        When the read starts, in seconds after the start of the write.
    v : _Grid
        Times after the start of the read.

    Returns
    -------
    three of float64[s, m]
    """
    reach = _reach(legs.read, legs.response, v, nodes)
    absent = _absent(legs, starts, reach.x)
    first, rest = absent @ reach.now, absent @ reach.by
    return first, rest, rest if reach.before is reach.by else absent @ reach.before


def unseen(legs: Legs, starts: Floats, nodes: int = NODES) -> Floats:
    """Return the probability that a read finds the write missing at one replica, for each start."""
    grid = _grid((legs.read,), nodes)
    return _absent(legs, starts, grid.times) @ grid.of(legs.read)[kernels.NOW]


def _absent(legs: Legs, starts: Floats, x: Floats) -> Floats:
    """Return the probability that the write has not arrived when a read does."""
    return legs.arrival._tails((starts[:, None] + x).ravel())[1].reshape(len(starts), len(x))
