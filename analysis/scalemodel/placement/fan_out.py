"""What sharding costs a request for several keys: how many nodes take part in a transaction, a range scan or a join?"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy  # loads its parts when they are first used
from numpy.typing import ArrayLike, NDArray

from ..display import Shown, axes, format_bytes, format_share
from ..workload import Popularity, Workload
from .balance import balance
from .occupancy import counted, shares_of, touched_laws
from .placement import Placement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class FanOut(Shown):
    """How many parts a request touches.

    Attributes
    ----------
    request : str
        What is asked for, such as "5 keys".
    parts : str
        What is touched: "nodes" or "tablets".
    law : float64[most + 1]
        Entry d is the probability that exactly d parts are touched.
    """

    request: str
    parts: str
    law: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Expected number of parts."""
        return float(np.arange(len(self.law)) @ self.law)

    @property
    def alone(self) -> float:
        """Probability that one part has it all: no coordination, no two-phase commit."""
        return float(self.law[1]) if len(self.law) > 1 else 0.0

    def quantile(self, p: float) -> int:
        """Return the number of parts that a share `p` of the requests does not exceed."""
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}: give a probability between 0 and 1")
        return int(np.searchsorted(np.cumsum(self.law)[:-1], max(p * (1 - 1e-12), 1e-300)))

    @property
    def title(self) -> str:
        """The verdict in one line."""
        return (
            f"{self.request}: {self.mean:.2f} {self.parts} on average, "
            f"{format_share(self.alone)} of the requests stay on one"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per number of parts that is possible."""
        import pandas as pd

        touched = np.flatnonzero(self.law > 0)
        return pd.DataFrame(
            {self.parts: touched, "probability": self.law[touched], "at_most": np.cumsum(self.law)[touched]}
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the probability of each number of parts."""
        ax = axes(ax)
        frame = self.to_frame()
        ax.bar(frame[self.parts], 100 * frame["probability"])
        ax.set(xlabel=f"{self.parts} touched", ylabel="requests, %", title=self.request)
        return ax


def transaction_fan_out(
    placement: Placement | ArrayLike,
    keys: int,
    workload: Workload | Popularity | None = None,
    *,
    together: float = 0.0,
) -> FanOut:
    """Return how many nodes a transaction over several independent keys touches: the exact law of unequal shares.

    Parameters
    ----------
    placement : Placement, array of float or int
        Where the keys live. Instead of a placement, the share of the keys on each node, or a number of equal nodes.
    keys : int
        Keys of a transaction.
    workload : Workload or Popularity, optional
        The keys are drawn by their popularity, so that hot ones are often among them; each alike unless given.
    together : float
        Chance of each key after the first to be in the entity group of the first, on the same node: the keys of one
        customer under one hash tag, one partition key or one key prefix.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> scattered = transaction_fan_out(JumpHash(10), keys=3)
    >>> round(scattered.mean, 2), round(scattered.alone, 2)
    (2.71, 0.01)
    >>> round(transaction_fan_out(JumpHash(10), keys=3, together=0.9).alone, 3)
    0.828

    Notes
    -----
    Of the keys, one and a binomial number of the others are the first of their groups; given how many, the law is that
    of balls in bins (`touched_law`).
    """
    k = counted(keys, "keys")
    if not 0 <= together <= 1:
        raise ValueError(f"together is {together}: give a chance between 0 and 1")
    if isinstance(placement, Placement):
        shares = placement.ownership() if workload is None else balance(placement, workload).share
    elif workload is not None:
        raise ValueError("a workload came with shares instead of a placement: give the shares of its requests")
    else:
        shares = shares_of(placement)
    laws = touched_laws(k, shares)
    groups = scipy.stats.binom.pmf(np.arange(k), k - 1, 1 - together)
    return FanOut(f"{k} keys" if k > 1 else "1 key", "nodes", groups @ laws[1:])


def traced_fan_out(
    placement: Placement, transactions: Sequence[Sequence[Any]], group: Callable[[Any], Hashable] | None = None
) -> FanOut:
    """Count how many nodes each of the given transactions touches.

    Parameters
    ----------
    placement : Placement
    transactions : sequence of sequences of keys
        All keys of one kind; each transaction has at least one.
    group : callable, optional
        From a key to what decides on its place, such as the customer in it: ``lambda key: key.split(":")[0]``.

    Examples
    --------
    >>> from scalemodel.placement import HashRing
    >>> orders = [["ann:1", "ann:2"], ["bob:1", "bob:2", "bob:3"]]
    >>> ring = HashRing(5)
    >>> traced_fan_out(ring, orders).mean, traced_fan_out(ring, orders, group=lambda key: key.split(":")[0]).mean
    (1.5, 1.0)
    """
    sizes = np.array([len(keys) for keys in transactions], np.int64)
    if not len(sizes) or not sizes.all():
        raise ValueError("there are no transactions, or one has no key: give at least one key in each")
    flat = [key if group is None else group(key) for keys in transactions for key in keys]
    nodes = placement.lookup(flat).astype(np.int64)
    which = np.repeat(np.arange(len(sizes)), sizes)
    pairs = np.unique(which * len(placement.nodes) + nodes)  # a transaction and a node that it touches
    touched = np.bincount(pairs // len(placement.nodes))
    return FanOut(f"{len(sizes):,} transactions", "nodes", np.bincount(touched) / len(sizes))


@dataclass(frozen=True, eq=False)
class JoinCost(Shown):
    """What a distributed join sends between nodes; `rows` is what `to_frame` shows."""

    nodes: int
    rows: tuple[tuple[str, float, float], ...]

    @property
    def title(self) -> str:
        """The verdict in one line."""
        free, best = self.rows[0], min(self.rows[1:], key=lambda row: row[1])
        return (
            f"A join over {self.nodes} nodes sends {format_bytes(best[1])} at best ({best[0]}), "
            f"and {format_bytes(free[1])} where the tables are {free[0]}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per way to join: bytes sent in all, and received by the node that receives most."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=["join", "sent_bytes", "most_received_bytes"])


def join_cost(placement: Placement | ArrayLike, left: float, right: float) -> JoinCost:
    """Return the bytes that a join of two sharded tables sends between nodes, for each way to do it.

    Tables that are sharded alike by the join key are joined where they are. Otherwise rows go to the node of their
    join key, which is independent of the one they are on: a share ``1 - sum(p^2)`` has to move. Or each node gets all
    of the right table.

    Parameters
    ----------
    placement : Placement, array of float or int
        The share of each table on each node, as for `transaction_fan_out`.
    left, right : float
        Bytes of the two tables that take part, after filters.

    Examples
    --------
    >>> from scalemodel.units import GB
    >>> cost = join_cost(10, left=100 * GB, right=1 * GB)
    >>> (cost.to_frame().set_index("join")["sent_bytes"] / GB).round(1).to_dict()
    {'sharded alike': 0.0, 'move the right': 0.9, 'move both': 90.9, 'right to every node': 9.0}
    """
    for what, size in (("left", left), ("right", right)):
        if not (np.isfinite(size) and size >= 0):
            raise ValueError(f"{what} is {size}: give a size in bytes, zero or more")
    p = shares_of(placement.ownership() if isinstance(placement, Placement) else placement)
    sent = float(p @ (1 - p))
    most = float((p * (1 - p)).max())
    rows = (
        ("sharded alike", 0.0, 0.0),
        ("move the right", sent * right, most * right),  # the left is sharded by the join key already
        ("move both", sent * (left + right), most * (left + right)),
        ("right to every node", (len(p) - 1) * right, float(1 - p.min()) * right),
    )
    return JoinCost(len(p), rows)
