"""What hot keys do to the busiest node, and what a second copy or a small cache in front does about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes, format_share
from ..workload import Popularity, Workload
from .balance import HEAD, law_of
from .placement import Placement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class HotKeyRelief(Shown):
    """The busiest node with and without remedies against hot keys.

    Attributes
    ----------
    placement : str
    hottest : float
        Share of all requests that go to the hottest key.
    remedies : tuple of (str, int, int, float, float)
        What is done ("none", "cache in front" or "more copies"), for how many of the hottest keys, copies of each,
        the share of the requests that still reach the nodes, and the load of the busiest node over the mean load
        without remedy.
    """

    placement: str
    hottest: float
    remedies: tuple[tuple[str, int, int, float, float], ...]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        before, best = self.remedies[0], min(self.remedies, key=lambda row: row[-1])
        return (
            f"{self.placement}: the hottest key has {format_share(self.hottest)} of the requests, the busiest node "
            f"{before[-1]:.2f} times the mean; {best[0]} for {best[1]:,} keys brings it to {best[-1]:.2f}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per remedy."""
        import pandas as pd

        return pd.DataFrame(self.remedies, columns=["remedy", "keys", "copies", "reach_nodes_share", "peak_to_mean"])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the load of the busiest node against the number of keys that are cached or copied."""
        ax = axes(ax)
        frame = self.to_frame()
        ax.axhline(frame["peak_to_mean"].iloc[0], color="black", linewidth=1, linestyle=":", label="no remedy")
        for (remedy, copies), rows in frame[1:].groupby(["remedy", "copies"], sort=False):
            label = remedy if remedy == "cache in front" else f"{copies} copies"
            ax.plot(rows["keys"], rows["peak_to_mean"], marker="o", label=label)
        ax.set_xscale("log")
        ax.set(
            xlabel="hottest keys treated", ylabel="busiest node / mean without remedy", title="Remedies for hot keys"
        )
        ax.legend()
        return ax


def hot_key_relief(
    placement: Placement,
    workload: Workload | Popularity,
    keys: Sequence[int] = (1, 10, 100, 1000),
    copies: Sequence[int] = (2, 3),
) -> HotKeyRelief:
    """Compare what caching or copying the hottest keys does to the busiest node.

    Reads of a copied key spread evenly over its copies, on the first nodes of its preference list; a cached key
    reaches no node. The workload is taken as reads only.

    Parameters
    ----------
    placement : Placement
    workload : Workload or Popularity
    keys : sequence of int
        How many of the hottest keys get the remedy.
    copies : sequence of int
        On how many nodes a copied key lies.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> from scalemodel.workload import Zipf
    >>> relief = hot_key_relief(JumpHash(10), Zipf(100_000, 1.2), keys=[100], copies=[3])
    >>> relief.to_frame().round(2)[["remedy", "peak_to_mean"]].values.tolist()
    [['none', 2.55], ['cache in front', 0.32], ['more copies', 1.79]]
    """
    law = law_of(workload)
    n = len(placement.nodes)
    if bad := [k for k in (*keys, *copies) if not (isinstance(k, (int, np.integer)) and k > 0)]:
        raise ValueError(f"keys and copies hold {bad[0]!r}: give integers of one or more")
    head = min(law.n, HEAD)
    ranks = np.arange(head)
    shares = law.pmf(ranks)
    rest = float(law.tail(head)) * placement.ownership() if head < law.n else np.zeros(n)
    depth = min(max(keys, default=0), head)
    lists = placement.replicas(law.keys_at(ranks[:depth]), max(copies, default=1))
    primary = placement.lookup(law.keys_at(ranks))
    base = np.bincount(primary, shares, n) + rest

    def without(k: int) -> NDArray[np.float64]:
        return base - np.bincount(primary[:k], shares[:k], n)

    fair = placement.topology.shares
    rows = [("none", 0, 1, 1.0, float((base / fair).max()))]
    for k in (min(k, depth) for k in keys):
        rows.append(("cache in front", k, 1, float(law.tail(k)), float((without(k) / fair).max())))
    for many in copies:
        for k in (min(k, depth) for k in keys):
            spread = np.bincount(lists[:k, :many].ravel(), np.repeat(shares[:k] / many, many), n)
            rows.append(("more copies", k, many, 1.0, float(((without(k) + spread) / fair).max())))
    return HotKeyRelief(placement.description, float(law.pmf(0)), tuple(rows))
