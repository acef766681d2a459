"""A trace: which object each request is for, how large it is, and when."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..display import Shown, axes, format_bytes, format_count, format_share
from ..workload import Empirical
from ._kernels import remap
from ._kernels.ranked import NEVER, next_uses

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_REQUESTS = 2**31 - 2
"""Positions in a trace are int32."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Columns(NamedTuple):
    """Some requests of a trace, as a reader hands them on."""

    keys: Any
    sizes: Any = None
    times: Any = None
    writes: Any = None
    ttls: Any = None


@dataclass(frozen=True, init=False, eq=False)
class Trace(Shown):
    """Requests in the order in which they came.

    Parameters
    ----------
    keys : array or list of int, str or bytes, shape (requests,)
        What each request asks for. Keys are numbered once, in order of first appearance.
    sizes : array of int or int, optional
        Bytes of the object at each request, one or more; a number is the size of all. An object that changes its size
        keeps, in a cache, the one with which it was stored.
    times : array of float, optional
        Seconds; they may not run backwards.
    writes : array of bool, optional
        Which requests write; all read unless given.
    ttls : array of float, optional
        Seconds that the object may stay once a request has stored it; ``inf`` or 0 for ever.

    Attributes
    ----------
    ids : int32[requests]
        The number of the object of each request.
    names : array, shape (objects,)
        The key of each object.

    Raises
    ------
    ValueError, TypeError
        No requests, keys of another or of mixed kinds, lengths that differ, sizes below one, times that run backwards.

    Examples
    --------
    >>> trace = Trace(["a", "b", "a", "c"], sizes=[10, 20, 10, 5])
    >>> trace.ids, trace.objects, trace.footprint_bytes
    (array([0, 1, 0, 2], dtype=int32), 3, 35)
    """

    ids: NDArray[np.int32] = field(repr=False)
    names: NDArray = field(repr=False)
    sizes: Ints | None = field(repr=False)
    times: Floats | None = field(repr=False)
    writes: NDArray[np.bool_] | None = field(repr=False)
    ttls: Floats | None = field(repr=False)

    def __init__(
        self,
        keys: ArrayLike,
        sizes: ArrayLike | None = None,
        times: ArrayLike | None = None,
        writes: ArrayLike | None = None,
        ttls: ArrayLike | None = None,
    ) -> None:
        self._gather([Columns(keys, sizes, times, writes, ttls)])

    @classmethod
    def read(cls, path: str | Path, format: str = "auto", *, skip_empty: bool = False, **options: Any) -> "Trace":
        """Read a trace from a file, a block at a time.

        Parameters
        ----------
        path : str or Path
            May be compressed: ``.gz``, ``.zst``, ``.xz``, ``.bz2``.
        format : str
            By its name unless given: "csv", "txt" (a key per line), "parquet", "npz", "oracleGeneral", "lcs"
            (versions 1 to 8), "vscsi" (versions 1 and 2), "twitter", "arc", "lirs". See `scalemodel.cache.formats`.
        skip_empty : bool
            Leave out requests for objects of no bytes, which are an error otherwise.
        **options
            For tables: ``key``, ``size``, ``time``, ``write`` and ``ttl`` name their columns.

        Raises
        ------
        ValueError
            A format that is not known or not that of the file, or a file that is cut off; the message has the place.
        """
        from .formats import KeysAreNot, blocks

        for kind in ("int64", "uint64"):
            try:
                return cls._of(blocks(Path(path), format, skip_empty=skip_empty, keys_as=kind, **options))
            except KeysAreNot:
                continue
        return cls._of(blocks(Path(path), format, skip_empty=skip_empty, keys_as="str", **options))

    @classmethod
    def _of(cls, parts: Iterable[Columns]) -> "Trace":
        trace = object.__new__(cls)
        trace._gather(parts)
        return trace

    @classmethod
    def _numbered(cls, ids: NDArray[np.int32], names: NDArray, **columns: Any) -> "Trace":
        """Make a trace of what is numbered and checked already."""
        trace = object.__new__(cls)
        for name in ("sizes", "times", "writes", "ttls"):
            object.__setattr__(trace, name, columns.get(name))
        object.__setattr__(trace, "ids", ids)
        object.__setattr__(trace, "names", names)
        return trace

    def _gather(self, parts: Iterable[Columns]) -> None:
        numbering = _Numbering()
        ids: list[NDArray] = []
        columns: dict[str, list[NDArray]] = {}
        requests, latest = 0, -np.inf
        for part in parts:
            ids.append(numbering.number(part.keys, requests))
            n = len(ids[-1])
            if requests + n > MOST_REQUESTS:
                raise ValueError(f"the trace has more than {MOST_REQUESTS:,} requests: cut it into several")
            checked = _check_columns(part, n, requests, latest)
            for name, values in checked.items():
                columns.setdefault(name, []).append(values)
            if "times" in checked and n:
                latest = float(checked["times"][-1])
            requests += n
        if not requests:
            raise ValueError("the trace holds no requests: give one or more")
        for name in ("sizes", "times", "writes", "ttls"):
            object.__setattr__(self, name, _join(columns[name]) if name in columns else None)
        object.__setattr__(self, "ids", _join(ids))
        object.__setattr__(self, "names", numbering.names())

    @property
    def requests(self) -> int:
        """Number of requests."""
        return len(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def objects(self) -> int:
        """Number of distinct objects: no larger cache makes a difference."""
        return len(self.names)

    @cached_property
    def counts(self) -> Ints:
        """Requests of each object, ``int64[objects]``."""
        return np.bincount(self.ids, minlength=self.objects)

    @cached_property
    def first(self) -> NDArray[np.bool_]:
        """Whether each request is the first for its object."""
        return np.diff(np.maximum.accumulate(self.ids), prepend=-1) > 0

    @cached_property
    def object_sizes(self) -> Ints:
        """Bytes of each object at its last request; ones where the trace has no sizes."""
        out = np.ones(self.objects, np.int64)
        if self.sizes is not None:
            out[self.ids] = self.sizes
        return out

    @property
    def footprint_bytes(self) -> int | None:
        """Bytes of all objects together, or None where the trace has no sizes."""
        return None if self.sizes is None else int(self.object_sizes.sum())

    @property
    def duration(self) -> float | None:
        """Seconds from the first request to the last, or None where the trace has no times."""
        return None if self.times is None else float(self.times[-1] - self.times[0])

    @cached_property
    def next_use(self) -> NDArray[np.int32]:
        """Position of the next request for the same object; 2**31 - 1 after the last."""
        return next_uses(self.ids, self.objects)

    def popularity(self) -> Empirical:
        """Return how popular the objects are, as counted."""
        return Empirical(self.counts)

    def take(self, which: ArrayLike | slice) -> "Trace":
        """Return the trace of some of the requests: a mask, positions in rising order, or a slice.

        Examples
        --------
        >>> Trace([7, 8, 9, 8]).take(slice(1, None)).names
        array([8, 9])
        """
        chosen: Any = which if isinstance(which, slice) else np.asarray(which)
        ids = self.ids[chosen]
        if not len(ids):
            raise ValueError("no request is taken: a trace has one or more")
        fresh, names = _renumber(ids, self.objects)
        columns = {
            name: None if (values := getattr(self, name)) is None else values[chosen]
            for name in ("sizes", "times", "writes", "ttls")
        }
        return Trace._numbered(fresh, self.names[names], **columns)

    def describe(self) -> "TraceDescription":
        """Return what a planner wants to know of a trace before a cache is built for it."""
        return TraceDescription(self)

    @property
    def title(self) -> str:
        """What the trace holds, in one line."""
        size = "" if self.sizes is None else f", {format_bytes(float(self.footprint_bytes or 0))}"
        return f"Trace: {format_count(self.requests)} requests for {format_count(self.objects)} objects{size}"

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per request: its key and what is known besides."""
        import pandas as pd

        columns = {"key": self.names[self.ids], "size_bytes": self.sizes, "time_s": self.times}
        columns |= {"write": self.writes, "ttl_s": self.ttls}
        return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


class _Numbering:
    """Numbers keys in order of first appearance, over many blocks."""

    def __init__(self) -> None:
        self.kind = ""
        self.table = np.full(2**12, -1, np.int32)
        self.known = np.empty(2**11, np.uint64)
        self.count = 0
        self.by_name: dict[Any, int] = {}
        self.signed = False

    def number(self, keys: Any, start: int) -> NDArray[np.int32]:
        array = _as_array(keys)
        if array.ndim != 1:
            raise ValueError(f"the keys have shape {array.shape}: give a flat list or array, one key per request")
        kind = "integers" if array.dtype.kind in "iu" else "names"
        if len(array) and self.kind and kind != self.kind:
            raise TypeError(
                f"from request {start} on, the keys are {kind}, before they were {self.kind}: give one kind"
            )
        if len(array):
            self.kind = kind
        if kind == "names":
            return self._names(array)
        self.signed = self.signed or array.dtype.kind == "i"
        bits = np.ascontiguousarray(array, dtype=np.int64 if array.dtype.kind == "i" else np.uint64).view(np.uint64)
        ids = np.empty(len(bits), np.int32)
        at = 0
        while True:
            done, self.count = remap.dense(bits[at:], self.table, self.known, ids[at:], self.count)
            at += done
            if at == len(bits):
                return ids
            self.table = np.full(4 * len(self.table), -1, np.int32)
            self.known = np.concatenate([self.known, np.empty(len(self.table) // 2 - len(self.known), np.uint64)])
            remap.rehash(self.known, self.count, self.table)

    def _names(self, array: NDArray) -> NDArray[np.int32]:
        import pandas as pd

        codes, distinct = pd.factorize(array)
        if len(codes) and codes.min() < 0:
            raise ValueError(f"the trace lacks {int((codes < 0).sum())} of its keys: drop the missing ones first")
        if bad := next((key for key in distinct if not isinstance(key, str | bytes)), None):
            raise TypeError(
                f"the keys hold {bad!r} of type {type(bad).__name__}: give integers, or strings, of one kind"
            )
        numbers = [self.by_name.setdefault(key, len(self.by_name)) for key in distinct]
        return np.asarray(numbers, np.int32)[codes]

    def names(self) -> NDArray:
        if self.kind == "names":
            return np.array(list(self.by_name), dtype=object)
        names = self.known[: self.count].copy()
        return names.view(np.int64) if self.signed else names


def _as_array(keys: Any) -> NDArray:
    array = np.asarray(keys)
    if array.dtype.kind in "US" or (isinstance(keys, list | tuple) and array.dtype.kind not in "iu" and len(keys)):
        array = np.asarray(keys, dtype=object)  # as strings, numpy would cut them at a NUL and mix kinds
    if array.size and array.dtype.kind not in "iuOT":
        raise TypeError(f"the keys of the trace have type {array.dtype}: give integers or strings")
    return array if array.size else array.astype(np.int64)


def _renumber(ids: NDArray[np.int32], objects: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number again in order of first appearance; return the numbers and the old one of each."""
    position = np.full(objects, len(ids), np.int64)
    position[ids[::-1]] = np.arange(len(ids) - 1, -1, -1)
    order = np.argsort(position, kind="stable")
    order = order[: int((position < len(ids)).sum())]
    fresh = np.empty(objects, np.int32)
    fresh[order] = np.arange(len(order), dtype=np.int32)
    return fresh[ids], order


def _join(parts: list[NDArray]) -> NDArray:
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return np.ascontiguousarray(whole)


def _check_columns(part: Columns, n: int, start: int, latest: float) -> dict[str, NDArray]:
    checked: dict[str, NDArray] = {}
    for name in ("sizes", "times", "writes", "ttls"):
        values = getattr(part, name)
        if values is None:
            continue
        array = np.asarray(values)
        if name == "sizes" and array.ndim == 0:
            array = np.full(n, array)
        if array.shape != (n,):
            raise ValueError(f"{name} has shape {array.shape}: give one value for each of the {n} requests")
        checked[name] = array
    if "sizes" in checked:
        sizes = checked["sizes"]
        if sizes.dtype.kind == "f" and np.isfinite(sizes).all() and (sizes == np.rint(sizes)).all():
            sizes = sizes.astype(np.int64)
        if sizes.dtype.kind not in "iu":
            raise TypeError(f"sizes has type {sizes.dtype}: give whole bytes")
        if (sizes < 1).any():
            at = int(np.argmax(sizes < 1))
            raise ValueError(f"request {start + at} has a size of {sizes[at]} bytes: give one or more, or drop it")
        checked["sizes"] = sizes.astype(np.int64)
    if "times" in checked:
        times = checked["times"].astype(np.float64)
        if not np.isfinite(times).all():
            raise ValueError(f"request {start + int(np.argmin(np.isfinite(times)))} has no finite time: give seconds")
        steps = np.diff(times, prepend=latest)
        if (steps < 0).any():
            at = int(np.argmax(steps < 0))
            raise ValueError(
                f"time runs backwards at request {start + at}, from {times[at] - steps[at]:.9g} to {times[at]:.9g} s: "
                "sort the requests, or leave the times out"
            )
        checked["times"] = times
    if "writes" in checked:
        checked["writes"] = checked["writes"].astype(np.bool_)
    if "ttls" in checked:
        ttls = checked["ttls"].astype(np.float64)
        if not (ttls >= 0).all():
            at = int(np.argmin(ttls >= 0))
            raise ValueError(f"request {start + at} has a TTL of {ttls[at]} s: give seconds, 0 or inf for no expiry")
        checked["ttls"] = np.where(ttls == 0, np.inf, ttls)
    return checked


@dataclass(frozen=True, eq=False)
class TraceDescription(Shown):
    """What is in a trace: footprint, popularity, reuse, TTLs.

    Attributes
    ----------
    trace : Trace
    """

    trace: Trace

    @cached_property
    def one_hit_share(self) -> float:
        """Share of the objects that are asked for once: no cache gains by storing them."""
        return float((self.trace.counts == 1).mean())

    @cached_property
    def compulsory_miss_ratio(self) -> float:
        """Share of the requests that are the first for their object: they miss in any cache that starts empty."""
        return self.trace.objects / self.trace.requests

    @cached_property
    def top_share(self) -> float:
        """Share of the requests for the most popular 1 % of the objects."""
        ranked = np.sort(self.trace.counts)[::-1]
        return float(ranked[: max(1, round(self.trace.objects / 100))].sum() / self.trace.requests)

    @cached_property
    def zipf_alpha(self) -> float:
        """Slope of log count over log rank of the most popular 10 % of the objects, each decade of rank alike.

        It describes the head only; ``nan`` for a trace of fewer than 20 objects.
        """
        ranked = np.sort(self.trace.counts)[::-1]
        head = ranked[: len(ranked) // 10] if len(ranked) >= 1000 else ranked
        if len(head) < 20:
            return float("nan")
        at = np.unique(np.geomspace(1, len(head), 64).astype(np.int64)) - 1
        return float(-np.polyfit(np.log(at + 1.0), np.log(head[at]), 1)[0])

    @cached_property
    def reuse_times(self) -> tuple[Ints, Ints]:
        """Histogram of the requests between two for the same object: upper bounds (powers of two) and counts."""
        following = self.trace.next_use.astype(np.int64)
        gaps = (following - np.arange(len(following)))[following < NEVER]
        exponents = np.ceil(np.log2(gaps)).astype(np.int64) if len(gaps) else np.zeros(0, np.int64)
        counts = np.bincount(exponents)
        return 2 ** np.arange(len(counts)), counts

    @cached_property
    def ttl_mix(self) -> "pd.Series":
        """Share of the requests by TTL in seconds, most frequent first; empty where the trace has none."""
        import pandas as pd

        ttls = self.trace.ttls
        return pd.Series(dtype=float) if ttls is None else pd.Series(ttls).value_counts(normalize=True)

    @property
    def title(self) -> str:
        """The trace in one line."""
        return self.trace.title

    def to_frame(self) -> "pd.DataFrame":
        """Return quantity, value and unit, one row each."""
        import pandas as pd

        trace = self.trace
        rows: list[tuple[str, float, str]] = [
            ("requests", trace.requests, "requests"),
            ("objects", trace.objects, "objects"),
            ("objects asked for once", self.one_hit_share, "share of objects"),
            ("compulsory misses", self.compulsory_miss_ratio, "share of requests"),
            ("most popular 1 %", self.top_share, "share of requests"),
            ("Zipf exponent of the head", self.zipf_alpha, "alpha"),
        ]
        bounds, counts = self.reuse_times
        if counts.sum():
            for share in (0.5, 0.9, 0.99):
                at = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
                rows.append((f"p{100 * share:g} of the reuse time, at most", float(bounds[at]), "requests"))
        if trace.sizes is not None:
            rows += [
                ("footprint", float(trace.footprint_bytes or 0), "bytes"),
                ("mean size of a request", float(trace.sizes.mean()), "bytes"),
                ("mean size of an object", float(trace.object_sizes.mean()), "bytes"),
            ]
        if trace.duration:
            rows += [("duration", trace.duration, "s"), ("rate", trace.requests / trace.duration, "requests/s")]
        if trace.writes is not None:
            rows.append(("writes", float(trace.writes.mean()), "share of requests"))
        rows += [(f"TTL {ttl:g} s", float(share), "share of requests") for ttl, share in self.ttl_mix.head(5).items()]
        return pd.DataFrame(rows, columns=["quantity", "value", "unit"]).astype({"value": float})

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw requests over popularity rank."""
        ax = axes(ax)
        ranked = np.sort(self.trace.counts)[::-1]
        at = np.unique(np.geomspace(1, len(ranked), 400).astype(np.int64)) - 1
        ax.loglog(at + 1, ranked[at])
        ax.set(xlabel="popularity rank", ylabel="requests", title=f"Popularity: head α = {self.zipf_alpha:.2f}")
        ax.annotate(
            f"{format_share(self.one_hit_share)} of the objects asked for once", (0.98, 0.95), xycoords="axes fraction",
            ha="right", va="top",
        )  # fmt: skip
        return ax
