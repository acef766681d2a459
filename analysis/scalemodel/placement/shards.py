"""The shards of a placement, which is what can be moved as a whole, and how hot the hottest of them is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..display import Shown, axes, format_share
from ..workload import Popularity, Workload
from .balance import law_of
from .placement import Placement, common_cells

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

HOT = 100_000
"""So many of the most popular objects are placed one by one: a hot shard is hot by them."""


@dataclass(frozen=True, eq=False)
class ShardLoads(Shown):
    """The requests of each shard.

    Attributes
    ----------
    nodes : tuple of str
    share : float64[shards]
        Share of all requests.
    primary : int32[shards]
        The node, as a position in `nodes`, that is the first in the shard's preference list.
    hottest_key : float64[shards]
        Share of all requests that the hottest key of each shard has.
    """

    nodes: tuple[str, ...]
    share: NDArray[np.float64]
    primary: NDArray[np.int32]
    hottest_key: NDArray[np.float64]

    def __len__(self) -> int:
        """How many shards there are."""
        return len(self.share)

    @property
    def hottest(self) -> int:
        """The shard with the most requests."""
        return int(self.share.argmax())

    @property
    def title(self) -> str:
        """The verdict in one line."""
        at = self.hottest
        return (
            f"{len(self):,} shards: the hottest, on {self.nodes[self.primary[at]]}, has {format_share(self.share[at])} "
            f"of the requests, and one key has {format_share(self.hottest_key[at] / self.share[at])} of these"
        )

    def to_frame(self, most: int = 10) -> "pd.DataFrame":
        """Return the hottest shards: node, share of the requests, and the share of their hottest key."""
        import pandas as pd

        first = np.argsort(-self.share, kind="stable")[:most]
        return pd.DataFrame(
            {
                "shard": first,
                "node": [self.nodes[i] for i in self.primary[first]],
                "requests_share": self.share[first],
                "hottest_key_share": self.hottest_key[first],
            }
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the shares of all shards, the hottest first, and of their hottest keys."""
        ax = axes(ax)
        first = np.argsort(-self.share, kind="stable")
        rank = np.arange(1, len(first) + 1)
        ax.loglog(rank, 100 * self.share[first], label="shard")
        ax.loglog(rank, 100 * np.maximum(self.hottest_key[first], 1e-12), linestyle="--", label="its hottest key")
        ax.set_ylim(bottom=50 * self.share[self.share > 0].min())
        ax.set(xlabel="shard, the hottest first", ylabel="share of all requests [%]", title="How hot the shards are")
        ax.legend()
        return ax


def shard_loads(placement: Placement, workload: Workload | Popularity) -> ShardLoads | None:
    """Return the requests of each shard: each interval of the key space, or slot, that is placed as a whole.

    Beyond the `HOT` most popular objects, the rest is spread by the shards' shares of the key space. None where a
    scheme has no shards: jump, rendezvous and their like place each key for itself.

    Examples
    --------
    >>> from scalemodel.placement import PartitionTable
    >>> from scalemodel.workload import Zipf
    >>> print(shard_loads(PartitionTable(8, partitions=256), Zipf(10**6, 1.0)).title)
    256 shards: the hottest, on n5, has 7.22 % of the requests, and one key has 96.2 % of these
    """
    law = law_of(workload)
    cells = common_cells(placement, placement)
    if cells is None:
        return None
    ends, shares = cells
    head = min(law.n, HOT)
    each = law.pmf(np.arange(head))
    hashes = placement._hashes(law.keys_at(np.arange(head)), hashed=False)
    if placement._boundaries() is None:
        at = (hashes % np.uint64(len(ends))).astype(np.int64)
    else:
        at = np.searchsorted(ends, hashes) % len(ends)
    rest = max(1 - float(each.sum()), 0.0) if head < law.n else 0.0
    load = np.bincount(at, each, len(ends)) + rest * shares
    hottest = np.zeros(len(ends))
    hottest[at[::-1]] = each[::-1]  # the most popular comes last, and stays
    return ShardLoads(placement.nodes, load, placement._lookup(ends), hottest)
