"""Range partitions that split and merge by size and load: tablets, ranges, regions, chunks, partitions."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._kernels.popularity import cumulative
from ..display import Shown, axes, format_bytes, format_count
from ..hashing import hash_keys
from ..units import GB, MB, GiB, KiB, MiB
from ..workload import ObjectSize, Workload
from ._kernels import tablets as kernels
from .fan_out import FanOut
from .occupancy import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_KEYS = 2**24
"""Objects of the largest workload whose keys are put in order one by one: 0.7 GB of tables."""

MOST_TABLETS = 2**24

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Order = Literal["hash", "key"]
Cut = Literal["half", "middle", "fewest", "all"]
Measure = Literal["tablets", "keys", "bytes", "reads", "writes", "requests"]

_UNITS = {"bytes": "bytes", "reads": "reads/s", "writes": "writes/s", "requests": "requests/s"}


@dataclass(frozen=True)
class Limits:
    """What one tablet may hold and serve.

    Parameters
    ----------
    bytes : float
    reads, writes, requests : float
        Per second; requests are reads and writes together. Each limit holds by itself.
    read_unit, write_unit : float, optional
        Bytes that one read or write of the limit covers: of a key with b bytes, each read counts ``ceil(b / unit)``
        times. Every read and write counts once unless given.

    Examples
    --------
    >>> Limits(bytes=512 * MiB, requests=2500).of["requests"]
    2500
    """

    bytes: float = np.inf
    reads: float = np.inf
    writes: float = np.inf
    requests: float = np.inf
    read_unit: float | None = None
    write_unit: float | None = None

    def __post_init__(self) -> None:
        for what in fields(self):
            value = getattr(self, what.name)
            if value is not None and not value > 0:
                raise ValueError(f"{what.name} is {value}: give a limit above zero")
        if not self.of:
            raise ValueError(f"no limit is given: give at least one of {', '.join(_UNITS)}")

    @property
    def of(self) -> dict[str, float]:
        """The limits that there are, by what they limit."""
        return {what: getattr(self, what) for what in _UNITS if np.isfinite(getattr(self, what))}


LIMITS = {
    "dynamodb": Limits(bytes=10 * GB, reads=3000, writes=1000, read_unit=4 * KiB, write_unit=1 * KiB),
    "cockroachdb": Limits(bytes=512 * MiB, requests=2500),
    "scylladb": Limits(bytes=10 * GiB),
    "mongodb": Limits(bytes=128 * MB),
}
"""When real systems split.

DynamoDB: a partition serves 3,000 read and 1,000 write units a second, each throttled by itself ("Best practices for
designing partition keys"; units of 4 KB and 1 KB, an eventually consistent read is half a unit) and holds about 10 GB.
CockroachDB: a range splits at 512 MiB (``range_max_bytes``) or 2,500 queries a second
(``kv.range_split.load_qps_threshold``). ScyllaDB: all tablets of a table split at once, ``split(..., at="all")``, when
they hold twice ``target_tablet_size_in_bytes`` of 5 GiB on average. MongoDB: the balancer's range size is 128 MB.
"""


@dataclass(frozen=True, eq=False, init=False)
class Tablets(Shown):
    """Keys in order, what each of them stores and serves, and where the order is cut into tablets.

    Changing the cuts makes a new object over the same keys. At first there is one tablet.

    Parameters
    ----------
    keys : sequence of int, str or bytes, shape (n,)
        In any order. Rows of one key are added up.
    reads, writes : array of float, shape (n,), optional
        Per second; 0 unless given. One number is for each key.
    bytes : array of float, shape (n,), optional
        Stored under each key; 0 unless given.
    order : {"hash", "key"}
        Tablets are ranges of hashed keys (XXH64), as in DynamoDB, ScyllaDB or YugabyteDB, or of the keys themselves, as
        in Bigtable, HBase, Spanner, CockroachDB or TiKV.
    seed : int
        Of the hash.

    Examples
    --------
    Ten counters of which one is hot, and partitions that take 100 writes a second:

    >>> names = [f"counter:{i}" for i in range(10)]
    >>> counters = Tablets(names, writes=[50, 20, 20, 900, 20, 20, 20, 20, 20, 20], order="key")
    >>> cut = counters.split(Limits(writes=100))
    >>> cut.first.tolist()
    ['counter:0', 'counter:3', 'counter:4', 'counter:7']
    >>> cut.over(Limits(writes=100)).to_frame()[["key", "keys", "times_the_limit"]].values.tolist()
    [['counter:3', 1, 9.0]]

    References
    ----------
    Chang et al., "Bigtable: a distributed storage system for structured data", OSDI 2006.
    Elhemali et al., "Amazon DynamoDB: a scalable, predictably performant, and fully managed NoSQL database service",
    USENIX ATC 2022, section 4 (splitting for consumption, and the keys for which it is no help).
    """

    keys: NDArray[Any] = field(repr=False)
    """Positions in order, each once: ``uint64`` hashes, or the keys themselves."""
    names: NDArray[Any] = field(repr=False)
    """The key at each position."""
    reads: Floats = field(repr=False)
    writes: Floats = field(repr=False)
    bytes: Floats = field(repr=False)
    order: Order
    seed: int
    first: NDArray[Any] = field(repr=False)
    """Where each tablet begins: a ``uint64`` hash, or a key. It ends before the next."""

    def __init__(
        self,
        keys: Any,
        reads: ArrayLike | None = None,
        writes: ArrayLike | None = None,
        bytes: ArrayLike | None = None,
        order: Order = "hash",
        seed: int = 0,
    ) -> None:
        if order not in get_args(Order):
            raise ValueError(f"order is {order!r}: give 'hash' or 'key'")
        if not isinstance(keys, (list, tuple, range, np.ndarray)):
            keys = np.asarray(keys)  # a column of a table
        names = _as_array(keys)
        if not len(names):
            raise ValueError("there are no keys: give at least one")
        positions = hash_keys(keys, seed=seed) if order == "hash" else names
        amounts = [
            _amounts(values, what, len(names))
            for what, values in (("reads", reads), ("writes", writes), ("bytes", bytes))
        ]
        in_order = np.argsort(positions, kind="stable")
        positions = positions[in_order]
        alone = np.flatnonzero(np.r_[True, positions[1:] != positions[:-1]])
        summed = [np.add.reduceat(values[in_order], alone) for values in amounts]
        first = np.zeros(1, np.uint64) if order == "hash" else positions[:1]
        self._set(positions[alone], names[in_order[alone]], *summed, order, seed, first)

    def _set(self, *values: Any) -> None:
        for what, value in zip(fields(self), values, strict=True):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, what.name, value)

    @classmethod
    def of(cls, workload: Workload, order: Order = "hash", seed: int = 0) -> "Tablets":
        """Return the keys of a workload as one tablet, at its peak rate.

        Objects of a popularity law are the keys 0, 1, …, from the most to the least popular, so in the order of keys
        the hot ones are neighbours; those of `Empirical.from_trace` are the trace's own. Sizes are drawn from
        `object_size`, the same whenever asked.

        Examples
        --------
        >>> from scalemodel.workload import Workload, Zipf
        >>> store = Tablets.of(Workload(40_000, 0.9, Zipf(100_000, 0.8), object_size=1000))
        >>> len(store.split(LIMITS["dynamodb"]))
        16
        """
        law = workload.popularity
        if law is None:
            raise ValueError("the workload has no popularity: give one, such as Uniform(n) or Zipf(n, alpha)")
        if law.n > MOST_KEYS:
            raise ValueError(
                f"the workload has {law.n:,} objects and at most {MOST_KEYS:,} are put in order one by one: "
                "scale objects, rate and limits down alike"
            )
        ranks = np.arange(law.n)
        requests = law.pmf(ranks) * workload.load.peak()
        sizes = workload.object_size.sample(law.n) if isinstance(workload.object_size, ObjectSize) else None
        share = workload.read_fraction
        return cls(law.keys_at(ranks), requests * share, requests * (1 - share), sizes, order, seed)

    # --- what there is ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of tablets."""
        return len(self.first)

    @cached_property
    def starts(self) -> Ints:
        """Position in `keys` of the first key of each tablet, and the number of keys at the end."""
        inner = np.searchsorted(self.keys, self.first[1:])
        return np.concatenate([[0], inner, [len(self.keys)]]).astype(np.int64)

    def tablet_of(self, keys: Any, hashed: bool = False) -> Ints:
        """Return the tablet of any keys, also of those that are not in `keys`.

        Parameters
        ----------
        keys : sequence of int, str or bytes
        hashed : bool
            True if they are ``uint64`` hashes.
        """
        return np.searchsorted(self.first[1:], self._positions(keys, hashed), side="right").astype(np.int64)

    def load(self, by: Measure = "requests") -> Floats:
        """Return what each tablet holds or serves, ``float64[tablets]``: bytes, or requests per second.

        Parameters
        ----------
        by : {"requests", "reads", "writes", "bytes", "keys", "tablets"}
            By tablets, each counts 1.
        """
        if by not in get_args(Measure):
            raise ValueError(f"by is {by!r}: give one of {', '.join(map(repr, get_args(Measure)))}")
        if by == "tablets":
            return np.ones(len(self))
        if by == "keys":
            return np.diff(self.starts).astype(np.float64)
        if by == "requests":
            return self.load("reads") + self.load("writes")
        return np.diff(self._sums[by][self.starts])

    def used(self, limits: Limits) -> Floats:
        """Return what each tablet needs of the limit that it is nearest to, or most beyond, ``float64[tablets]``."""
        return kernels.usage(self._needs(limits), self.starts)[1]

    def over(self, limits: Limits) -> "HotTablets":
        """Return the tablets that are beyond their limits; after a `split`, only those that are a single key."""
        which, used = kernels.usage(self._needs(limits), self.starts)
        hot = np.flatnonzero(used > 1)
        hot = hot[np.argsort(-used[hot], kind="stable")]
        names = self.names[self.starts[hot]]
        resources = tuple(np.array(list(limits.of), dtype=object)[which[hot]])
        return HotTablets(len(self), hot, names, np.diff(self.starts)[hot], resources, used[hot])

    # --- other cuts -------------------------------------------------------------------------------------------------

    def split(self, limits: Limits, at: Cut = "half") -> "Tablets":
        """Cut every tablet that is beyond its limits, and its parts, until each is within them or is a single key.

        Parameters
        ----------
        limits : Limits
        at : {"half", "middle", "fewest", "all"}
            Where to cut. "half": at the key that comes nearest to halving what is most beyond its limit, as systems do
            that watch which keys are busy. "middle": in the middle of the range of hashed keys, wherever the load is.
            "fewest": as late as possible, which no way to cut can beat in number. "all": all tablets at once in the
            middle of their ranges, until they are within the limits *on average*.

        Examples
        --------
        >>> even = Tablets(range(1000), writes=[1.0] * 1000)
        >>> [len(even.split(Limits(writes=300), at)) for at in ("half", "middle", "fewest", "all")]
        [4, 4, 4, 4]
        """
        if at not in get_args(Cut):
            raise ValueError(f"at is {at!r}: give 'half', 'middle', 'fewest' or 'all'")
        needs = self._needs(limits)
        if at == "half":
            return self._cut(*kernels.halve(needs, self.starts))
        if at == "fewest":
            return self._cut(*kernels.fill(needs, self.starts))
        self._hash_order_only(f"cutting at {at!r} takes the middle of a range of hashes")
        if at == "middle":
            return self._recut(kernels.bisect(needs, self.keys, self.first, self.starts)[0])
        tablets, whole = self, float(needs[:, -1].max())
        while whole > len(tablets):
            tablets = tablets.doubled()
        return tablets

    def doubled(self) -> "Tablets":
        """Cut each tablet in the middle of its range of hashed keys."""
        self._hash_order_only("a doubling takes the middle of each range of hashes")
        if 2 * len(self) > MOST_TABLETS:
            raise ValueError(f"there are {len(self):,} tablets already: at most {MOST_TABLETS:,} can be")
        ends = np.append(self.first[1:], np.uint64(0)) - np.uint64(1)  # uint64: 0 - 1 is the last hash
        middles = self.first + ((ends - self.first) >> np.uint64(1)) + np.uint64(1)
        return self._recut(np.unique(np.concatenate([self.first, middles[ends > self.first]])))

    def even(self, count: int) -> "Tablets":
        """Return the same keys in so many tablets: equal ranges of hashed keys, or equal numbers of keys.

        Examples
        --------
        >>> Tablets(range(100), order="key").even(4).first.tolist()
        [0, 25, 50, 75]
        """
        n = counted(count, "count")
        most = MOST_TABLETS if self.order == "hash" else len(self.keys)
        if n > most:
            raise ValueError(f"count is {n:,}: give at most {most:,}" + " tablets" * (self.order == "hash"))
        if self.order == "key":
            return self._recut(self.keys[[len(self.keys) * i // n for i in range(n)]])
        return self._recut(np.array([2**64 * i // n for i in range(n)], np.uint64))

    def cut_at(self, keys: Any, hashed: bool = False) -> "Tablets":
        """Return the tablets with more cuts, so that a tablet begins at each of the given keys.

        In the order of keys, a cut that is no key becomes one, with no load.
        """
        cuts = self._positions(keys, hashed)
        whole = self
        if self.order == "key" and len(fresh := np.setdiff1d(cuts, self.keys)):
            whole = object.__new__(Tablets)
            at = np.searchsorted(self.keys, fresh)
            positions = np.insert(self.keys.astype(np.promote_types(self.keys.dtype, fresh.dtype)), at, fresh)
            amounts = [np.insert(values, at, 0.0) for values in (self.reads, self.writes, self.bytes)]
            first = self.first.astype(positions.dtype)
            first[0] = positions[0]
            whole._set(positions, positions.copy(), *amounts, self.order, self.seed, first)
        return whole._recut(np.unique(np.concatenate([whole.first, cuts])))

    def merge(self, limits: Limits, below: float = 0.5) -> "Tablets":
        """Join neighbours as long as they stay within a share of every limit together, from the first to the last.

        Parameters
        ----------
        limits : Limits
        below : float
            The share, up to 1: below one half, no merged tablet is soon split again.

        Examples
        --------
        >>> small = Tablets(range(8), writes=[1.0] * 8, order="key").even(8)
        >>> len(small.merge(Limits(writes=4)))
        4
        """
        if not 0 < below <= 1:
            raise ValueError(f"below is {below}: give a share of the limits above 0 and up to 1")
        return self._recut(self.first[kernels.merge(self._needs(limits), self.starts, float(below))])

    def _cut(self, begins: Ints, parents: Ints) -> "Tablets":
        """Cut at positions in `keys`; the first part of a tablet begins where that began."""
        eldest = np.r_[True, parents[1:] != parents[:-1]]
        inside = self.keys[np.minimum(begins, len(self.keys) - 1)]
        return self._recut(np.where(eldest, self.first[parents], inside))

    def _recut(self, first: NDArray[Any]) -> "Tablets":
        new = object.__new__(Tablets)
        new._set(*(getattr(self, what.name) for what in fields(self)[:-1]), first)
        object.__setattr__(new, "_sums", self._sums)
        return new

    @cached_property
    def _sums(self) -> dict[str, Floats]:
        """What the first 0, 1, … keys hold or serve together."""
        return {what: cumulative(getattr(self, what).copy()) for what in ("reads", "writes", "bytes")}

    def _needs(self, limits: Limits) -> Floats:
        """Sums of what the keys need, in units of the limits: a row for each limit, ``float64[limits, keys + 1]``."""
        if not isinstance(limits, Limits):
            raise TypeError(f"limits is {limits!r}: give Limits(bytes=..., reads=..., ...) or one of LIMITS")
        rows = []
        for what, limit in limits.of.items():
            if what == "requests":
                each = self.reads + self.writes
            else:
                each = getattr(self, what)
                unit = {"reads": limits.read_unit, "writes": limits.write_unit}.get(what)
                if unit is not None:
                    each = each * np.maximum(np.ceil(self.bytes / unit), 1.0)
            rows.append(cumulative(each / limit))
        return np.array(rows)

    def _positions(self, keys: Any, hashed: bool) -> NDArray[Any]:
        if self.order == "hash":
            return _checked_hashes(keys) if hashed else hash_keys(keys, seed=self.seed)
        if hashed:
            raise ValueError("the tablets are in the order of keys: hashed keys have no place in it, give the keys")
        positions = _as_array(keys)
        if len(positions) and not _comparable(positions, self.keys):
            raise TypeError(f"keys are of type {positions.dtype} and the tablets' of {self.keys.dtype}: give one kind")
        return positions if positions.dtype.kind == self.keys.dtype.kind else positions.astype(self.keys.dtype)

    def _hash_order_only(self, why: str) -> None:
        if self.order != "hash":
            raise ValueError(f"{why} and these are in the order of keys: split at 'half', or use order='hash'")

    # --- scans ------------------------------------------------------------------------------------------------------

    def scan(self, keys: int, by: Literal["keys", "requests"] = "keys") -> FanOut:
        """Return how many tablets a scan of so many consecutive keys touches: exact, by the boundaries.

        Parameters
        ----------
        keys : int
            How many keys it reads; it begins at any key that has enough others behind it.
        by : {"keys", "requests"}
            Every such key is as likely a beginning as another, or by its requests.

        Examples
        --------
        >>> Tablets(range(100), order="key").even(10).scan(6).law
        array([0.        , 0.52631579, 0.47368421])
        """
        _, lows, highs, weights = self._windows(keys, by)
        return FanOut(f"a scan of {keys:,} keys", "tablets", np.bincount(highs - lows + 1, weights).astype(np.float64))

    def _windows(self, keys: int, by: str) -> tuple[Ints, Ints, Ints, Floats]:
        """Cut the possible beginnings of a scan where its first or last tablet changes.

        Returns the beginnings, the first and the last tablet of each group of them, and how likely it is.
        """
        k = counted(keys, "keys")
        if self.order == "hash":
            raise ValueError("hashed keys have no order to scan: such a scan asks every tablet; use order='key'")
        if by not in ("keys", "requests"):
            raise ValueError(f"by is {by!r}: give 'keys' or 'requests'")
        last = len(self.keys) - k + 1  # beginnings are 0 to last - 1
        if last < 1:
            raise ValueError(f"a scan of {k} keys is longer than the {len(self.keys)} keys there are: ask for fewer")
        cuts = np.concatenate([self.starts[:-1], self.starts[1:-1] - (k - 1)])
        begins = np.unique(np.clip(cuts, 0, last - 1))
        lows = np.searchsorted(self.starts, begins, side="right") - 1
        highs = np.searchsorted(self.starts, begins + k - 1, side="right") - 1
        sums = np.arange(last + 1.0) if by == "keys" else (self._sums["reads"] + self._sums["writes"])[: last + 1]
        if sums[-1] <= 0:
            raise ValueError("no key that a scan could begin at has requests: weigh the beginnings by keys")
        weights = np.diff(sums[np.append(begins, last)]) / (sums[-1] - sums[0])
        return begins, lows, highs, weights

    # --- how it looks -----------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """What there is, in one line."""
        requests = float(self.reads.sum() + self.writes.sum())
        return (
            f"{len(self.keys):,} keys in {len(self):,} tablet{'s' * (len(self) != 1)}: "
            f"{format_bytes(float(self.bytes.sum()))}, {format_count(requests)} requests/s"
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per tablet, in order; `first` is a hash or a key."""
        import pandas as pd

        columns = {"first": self.first, "keys": np.diff(self.starts), "bytes": self.load("bytes")}
        return pd.DataFrame(columns | {"reads_per_s": self.load("reads"), "writes_per_s": self.load("writes")})

    def plot(self, ax: "Axes | None" = None, by: Measure = "requests") -> "Axes":
        """Draw the load of each tablet, in order."""
        ax = axes(ax)
        load = self.load(by)
        ax.bar(np.arange(len(self)), load, width=0.9 if len(self) < 60 else 1.0)
        ax.set(xlabel="tablet, in order", ylabel=_UNITS.get(by, by), title=f"{len(self):,} tablets by {by}")
        return ax

    def state(self) -> dict[str, Any]:
        """Return the tablets as plain values that JSON can hold; `from_state` reads them back."""
        if self.names.dtype.kind == "S":
            raise ValueError("keys that are bytes have no plain form: decode them to str before")
        return {what.name: _plain(getattr(self, what.name)) for what in fields(self)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the tablets that `state` described."""
        hashed = np.uint64 if state["order"] == "hash" else None
        new = object.__new__(cls)
        new._set(
            np.array(state["keys"], hashed),
            np.array(state["names"]),
            *(np.array(state[what], np.float64) for what in ("reads", "writes", "bytes")),
            state["order"],
            state["seed"],
            np.array(state["first"], hashed),
        )
        return new


@dataclass(frozen=True, eq=False)
class HotTablets(Shown):
    """Tablets that are beyond their limits.

    Attributes
    ----------
    tablets : int
        How many tablets there are in all.
    which : int64[hot]
        The hot ones, the hottest first.
    first_keys : array[hot]
        The first key of each.
    keys : int64[hot]
        How many keys each has; one key cannot be split further.
    resources : tuple of str
        Which limit each exceeds most: "bytes", "reads", "writes" or "requests".
    used : float64[hot]
        What it needs of that, over the limit.
    """

    tablets: int
    which: Ints
    first_keys: NDArray[Any]
    keys: Ints
    resources: tuple[str, ...]
    used: Floats

    def __len__(self) -> int:
        """Return how many are hot."""
        return len(self.which)

    @property
    def title(self) -> str:
        """The verdict in one line."""
        if not len(self):
            return f"All {self.tablets:,} tablets are within their limits"
        single = int((self.keys == 1).sum())
        which = "" if single == len(self) else f"{single} of them "
        rest = f", {which}a single key that no split relieves" if single else ""
        verb = "tablets is beyond its limits" if len(self) == 1 else "tablets are beyond their limits"
        return f"{len(self)} of {self.tablets:,} {verb}{rest}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per hot tablet, the hottest first.

        `pieces` is in how many parts the key would have to be divided, each with a name of its own, to be within the
        limit.
        """
        import pandas as pd

        columns = {"tablet": self.which, "key": self.first_keys, "keys": self.keys, "limit": self.resources}
        return pd.DataFrame(columns | {"times_the_limit": self.used, "pieces": np.ceil(self.used).astype(np.int64)})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw how far each is beyond its limit, the hottest first."""
        ax = axes(ax)
        ax.bar(np.arange(len(self)), self.used)
        ax.axhline(1, color="black", linewidth=1, linestyle="--")
        ax.set(xlabel="tablet, hottest first", ylabel="need / limit", title="Tablets beyond their limits")
        return ax


def _as_array(keys: Any) -> NDArray[Any]:
    """Return integer, str or bytes keys as an array that compares in their order."""
    if not isinstance(keys, np.ndarray) or keys.dtype.kind == "O":
        kinds = set(map(type, keys))
        whole = all(issubclass(kind, (int, np.integer)) and kind is not bool for kind in kinds)
        if not (whole or any(all(issubclass(kind, one) for kind in kinds) for one in (str, bytes))):
            names = " and ".join(sorted(kind.__name__ for kind in kinds))
            raise TypeError(f"keys hold {names}: give integers, str or bytes, all of one kind")
        # asked for by name: left to itself, numpy makes float64 of [1, 2**63]
        signed = whole and all(-(2**63) <= key < 2**63 for key in keys)
        keys = np.array(list(keys), (np.int64 if signed else np.uint64) if whole else None)
    if keys.ndim != 1:
        raise TypeError(f"keys has {keys.ndim} dimensions: give a flat list or array of keys")
    if len(keys) and keys.dtype.kind not in "iuSU":
        raise TypeError(f"keys are of type {keys.dtype}: give integers, str or bytes, all of one kind")
    return keys


def _comparable(some: NDArray[Any], others: NDArray[Any]) -> bool:
    kinds = {some.dtype.kind, others.dtype.kind}
    if kinds == {"i", "u"}:
        return int(some.min()) >= 0 and max(int(some.max()), int(others.max())) < 2**63
    return len(kinds) == 1


def _checked_hashes(keys: Any) -> NDArray[np.uint64]:
    if not (isinstance(keys, np.ndarray) and keys.dtype == np.uint64 and keys.ndim == 1):
        raise TypeError("hashed keys are a uint64 array of one dimension: give that, or hashed=False")
    return keys


def _amounts(values: ArrayLike | None, what: str, n: int) -> Floats:
    if values is None:
        return np.zeros(n)
    array = np.asarray(values, np.float64)
    if array.ndim == 0:
        array = np.full(n, float(array))
    if array.shape != (n,):
        raise ValueError(f"{what} has shape {list(array.shape)}: give one number for each of the {n} keys")
    if not (np.isfinite(array) & (array >= 0)).all():
        wrong = array[~(np.isfinite(array) & (array >= 0))][0]
        raise ValueError(f"{what} holds {wrong:g}: give finite numbers, zero or more")
    return array


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
