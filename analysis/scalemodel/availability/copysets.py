"""Many nodes fail at once, as after a power cut: is all of something among them?"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .._check import share, whole
from ..display import PALETTE, Shown, axes, format_share
from ..placement.copysets import Copysets
from ..streams import stream
from .codes import ReedSolomon, Replicas

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Method = Literal["permutation", "random", "disjoint", "tiered"]

MOST_PAIRS = 20_000
"""Sets of a placement whose overlaps are counted pair by pair."""


@dataclass(frozen=True)
class CopysetLoss(Shown):
    """What a loss of many nodes at once does.

    Attributes
    ----------
    probability : float
        Something is lost: exact where `exact`; else as if each set were lost by itself, as the paper does.
    low, high : float
        What the probability cannot be outside of. Both are `probability` where it is exact.
    sets : int
        Distinct sets of nodes that hold something together.
    share_lost : float
        Expected share of the data lost in such an event.
    """

    nodes: int
    failed: int
    sets: int
    probability: float
    low: float
    high: float
    share_lost: float
    exact: bool

    @property
    def share_lost_if_any(self) -> float:
        """Expected share of the data lost, given that something is: few sets are lost seldom, but then much goes."""
        return self.share_lost / self.probability

    @property
    def title(self) -> str:
        """The verdict in one line."""
        what = f"{self.failed} of {self.nodes} nodes fail, {self.sets} copysets"
        return f"{what}: {format_share(self.probability)} to lose something"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row of figures."""
        import pandas as pd

        row = {
            "nodes": self.nodes,
            "failed": self.failed,
            "copysets": self.sets,
            "probability": self.probability,
            "probability_low": self.low,
            "probability_high": self.high,
            "share_lost": self.share_lost,
            "share_lost_if_any": self.share_lost_if_any,
        }
        return pd.DataFrame([row])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Mark how often something is lost against how much then is."""
        ax = axes(ax)
        ax.plot([self.share_lost_if_any], [self.probability], "o", color=PALETTE[0])
        ax.set(xscale="log", yscale="log", xlabel="share of the data lost, if any", ylabel="probability to lose any")
        return ax


def copyset_loss(
    nodes: int | Copysets,
    failed: int,
    code: Replicas | ReedSolomon = Replicas(3),  # noqa: B008  frozen
    scatter_width: int = 10,
    method: Method = "permutation",
    sets: int | None = None,
    chunks: int | None = None,
    backup_down: float | None = None,
) -> CopysetLoss:
    """Return the probability that `failed` random nodes, down at once, hold all of something.

    Parameters
    ----------
    nodes : int or Copysets
        How many nodes there are; or a placement, whose own sets are counted, and then only `failed` is needed.
    failed : int
        How many of them are lost at once.
    code : Replicas or ReedSolomon
        What a set of nodes holds; it is lost when more of its nodes are than the code tolerates.
    scatter_width : int
        With how many others a node shares data.
    method : {"permutation", "random", "disjoint", "tiered"}
        ``"permutation"``: copyset replication, ``scatter_width / (shards - 1)`` permutations cut into sets.
        ``"random"``: all choices from the nodes that follow. ``"disjoint"``: no node is in two sets; exact.
        ``"tiered"``: of each set one copy is on a backup tier that does not fail with the others.
    sets : int, optional
        How many sets there are, instead of a count by `method`.
    chunks : int, optional
        Things kept: there are no more sets in use than these fall into.
    backup_down : float, optional
        For ``"tiered"``: probability that a backup node is down at such a time.

    Raises
    ------
    ValueError
        If more nodes fail than there are, or a number is out of its range.

    Examples
    --------
    Facebook's clusters, by random replication and by copysets:

    >>> [round(100 * copyset_loss(5000, 50, sets=count).probability, 2) for count in (275_000, 8_300)]
    [22.81, 0.78]
    >>> copyset_loss(5000, 50, scatter_width=2, method="disjoint").exact
    True

    References
    ----------
    Cidon et al., "Copysets: reducing the frequency of data loss in cloud storage", USENIX ATC 2013. Cidon et al.,
    "Tiered replication: a cost-effective alternative to full cluster geo-replication", USENIX ATC 2015.
    """
    if isinstance(nodes, Copysets):
        return _of_placement(nodes, whole(failed, "failed", 0, len(nodes.nodes)))
    n = whole(nodes, "nodes", 1, 10**9)
    f = whole(failed, "failed, nodes lost at once,", 0, n)
    if not isinstance(code, (Replicas, ReedSolomon)):
        raise TypeError(f"code is {code!r}: give Replicas(n) or ReedSolomon(k, m)")
    size = whole(code.shards, "the number of shards", 1, n)
    if method not in ("permutation", "random", "disjoint", "tiered"):
        raise ValueError(f"method is {method!r}: give 'permutation', 'random', 'disjoint' or 'tiered'")
    if (method == "tiered") != (backup_down is not None):
        raise ValueError("backup_down goes with method='tiered', and must be given there: the share of backups down")
    if sets is None:
        width = size - 1 if method == "disjoint" else whole(scatter_width, "scatter_width", max(1, size - 1), 10**9)
        if method == "random":
            count = n * math.comb(min(width, n - 1), size - 1)
        else:
            count = max(1, math.ceil(width / max(1, size - 1))) * n // size
    else:
        count = whole(sets, "sets", 1, 10**18)
        if method == "disjoint" and count * size > n:
            raise ValueError(f"{count} disjoint sets of {size} need more than {n} nodes: give at most {n // size} sets")
    if chunks is not None:
        held = whole(chunks, "chunks", 1, 10**18)
        if held < 1000 * count:
            count = max(1, round(-count * math.expm1(-held / count)))
    least = code.tolerates + 1
    if method == "tiered":
        if not isinstance(code, Replicas) or size < 2:
            raise ValueError(f"code is {code!r}: the tiered method keeps full copies, give Replicas(2) or more")
        one = Fraction(math.comb(f, size - 1), math.comb(n, size - 1)) * Fraction(share(backup_down, "backup_down"))
    else:
        one = Fraction(
            sum(math.comb(size, j) * _ways(n - size, f - j) for j in range(least, size + 1)), math.comb(n, f)
        )
    p = float(one)
    if one and not p:
        raise ValueError("the loss is less likely than 1e-308, which no float holds: let more nodes fail")
    if method == "disjoint":
        exact = float(_disjoint(n, f, size, least, count))
        return CopysetLoss(n, f, count, exact, exact, exact, p, True)
    alone = -math.expm1(count * math.log1p(-p)) if p < 1 else 1.0
    return CopysetLoss(n, f, count, alone, p, min(1.0, count * p), p, count == 1)


def _ways(n: int, k: int) -> int:
    return math.comb(n, k) if k >= 0 else 0


def _disjoint(nodes: int, failed: int, size: int, least: int, sets: int) -> Fraction:
    """Count the ways to fail, with and without loss, by the power of a polynomial in whole numbers."""
    harmless = [math.comb(size, j) for j in range(least)]
    ways, power, left = [1], harmless, sets
    while left:
        if left & 1:
            ways = _times(ways, power, failed)
        power = _times(power, power, failed)
        left >>= 1
    rest = nodes - sets * size
    ways = _times(ways, [math.comb(rest, j) for j in range(min(rest, failed) + 1)], failed)
    total = math.comb(nodes, failed)
    return Fraction(total - (ways[failed] if failed < len(ways) else 0), total)


def _times(a: list[int], b: list[int], most: int) -> list[int]:
    out = [0] * min(len(a) + len(b) - 1, most + 1)
    for i, x in enumerate(a[: len(out)]):
        for j, y in enumerate(b[: len(out) - i]):
            out[i + j] += x * y
    return out


def _of_placement(placement: Copysets, failed: int) -> CopysetLoss:
    sets, n, size = placement.sets, len(placement.nodes), placement.copies
    chance = [
        float(Fraction(_ways(n - held, failed - held), math.comb(n, failed))) for held in range(min(2 * size, n) + 1)
    ]
    p, count = chance[size], len(sets)
    if not p:
        return CopysetLoss(n, failed, count, 0.0, 0.0, 0.0, 0.0, True) if failed < size else _too_small()
    overlaps = _overlaps(sets, n)
    if overlaps is not None and not overlaps[1:].any():
        exact = float(_disjoint(n, failed, size, size, count))
        return CopysetLoss(n, failed, count, exact, exact, exact, p, True)
    alone = -math.expm1(count * math.log1p(-p)) if p < 1 else 1.0
    low, high = p, min(1.0, count * p)
    if overlaps is not None:
        pairs = sum(int(overlaps[j]) * chance[2 * size - j] for j in range(size) if 2 * size - j <= n)
        single = count * p
        low = max(low, single - pairs, single**2 / (single + 2 * pairs))
        high = min(high, single - 2 * pairs / count)
    return CopysetLoss(n, failed, count, min(max(alone, low), high), low, high, p, low == high)


def _too_small() -> CopysetLoss:
    raise ValueError("the loss is less likely than 1e-308, which no float holds: let more nodes fail")


def _overlaps(sets: NDArray[np.int32], nodes: int) -> NDArray[np.int64] | None:
    """Count the pairs of sets by the nodes they share; None if there are too many sets."""
    if len(sets) > MOST_PAIRS:
        return None
    holds = np.zeros((len(sets), nodes), np.float32)
    holds[np.arange(len(sets))[:, None], sets] = 1.0
    counts = np.zeros(sets.shape[1] + 1, np.int64)
    for start in range(0, len(sets), 512):
        shared = (holds[start : start + 512] @ holds.T).astype(np.int64)
        counts += np.bincount(shared.ravel(), minlength=len(counts))
    counts[-1] -= len(sets)
    return counts // 2


@dataclass(frozen=True)
class SimulatedLoss(Shown):
    """How often something was lost in simulated events, and how much then.

    Attributes
    ----------
    probability, standard_error : float
        Share of events with a loss.
    lost : tuple of float
        Share of the sets lost in each event that lost any, in rising order.
    """

    probability: float
    standard_error: float
    lost: tuple[float, ...]
    samples: int

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return f"{format_share(self.probability)} of {self.samples} events lost something"

    def to_frame(self) -> "pd.DataFrame":
        """Return how often at least so much was lost: frequency against magnitude."""
        import pandas as pd

        values, counts = np.unique(self.lost, return_counts=True)
        beyond = counts[::-1].cumsum()[::-1]
        return pd.DataFrame({"share_of_sets_lost": values, "probability_of_as_much": beyond / self.samples})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw frequency against magnitude."""
        ax = axes(ax)
        frame = self.to_frame()
        ax.step(frame.share_of_sets_lost, frame.probability_of_as_much, where="pre", color=PALETTE[0])
        ax.set(xscale="log", yscale="log", xlabel="share of the copysets lost", ylabel="probability of as much")
        return ax


def simulate_copyset_loss(placement: Copysets, failed: int, samples: int = 10_000, seed: int = 0) -> SimulatedLoss:
    """Let random nodes fail at once, again and again, and count the sets that are lost.

    Examples
    --------
    >>> answer = simulate_copyset_loss(Copysets(300, scatter_width=4), failed=9, samples=2000)
    >>> exact = copyset_loss(Copysets(300, scatter_width=4), failed=9)
    >>> abs(answer.probability - exact.probability) < 4 * answer.standard_error
    True
    """
    sets, n = placement.sets, len(placement.nodes)
    f = whole(failed, "failed", 0, n)
    total = whole(samples, "samples", 2, 10**8)
    generator = stream(seed)
    lost = np.empty(total)
    down = np.zeros(n, bool)
    for i in range(total):
        chosen = generator.choice(n, f, replace=False)
        down[chosen] = True
        lost[i] = down[sets].all(axis=1).mean()
        down[chosen] = False
    p = float((lost > 0).mean())
    return SimulatedLoss(p, math.sqrt(p * (1 - p) / total), tuple(np.sort(lost[lost > 0]).tolist()), total)
