"""Caches against libcachesim and cachetools: the same trace, the same misses.

libcachesim reads its trace from a memory-mapped file, here of 24 bytes a request; ours is an array in memory. Its hash
table has 2^20 slots, the faster of its default and this. The traces have 10 million requests where a race then takes
about a minute, and fewer where it says so.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import cachetools
import libcachesim as peer  # type: ignore[import-untyped]
import numpy as np
from race import Race

from scalemodel import datasets
from scalemodel.cache import Trace, irm_trace, miss_ratio_curve, simulate, sweep
from scalemodel.streams import random_keys
from scalemodel.workload import Zipf

FOLDER = Path(tempfile.mkdtemp(prefix="scalemodel-races-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
PEERS = {
    "lru": "LRU",
    "fifo": "FIFO",
    "clock": "Clock",
    "sieve": "Sieve",
    "s3fifo": "S3FIFO",
    "lfu": "LFU",
    "2q": "TwoQ",
    "arc": "ARC",
    "slru": "SLRU",
    "lruk": "LRUK",
    "belady": "Belady",
    "lirs": "LIRS",
    "gdsf": "GDSF",
    "wtinylfu": "WTinyLFU",
}
ROUGHLY = ("slru", "lirs", "gdsf", "wtinylfu")  # not the same to the last digit: see their descriptions


@cache
def zipf(requests: int) -> Trace:
    """Zipf(1) over a million objects, named by random 64-bit keys."""
    trace = irm_trace(Zipf(10**6, 1.0), requests)
    return Trace._numbered(trace.ids, random_keys(trace.objects))


@cache
def twitter() -> Trace | None:
    name = "twitter_cluster52"
    return Trace.read(datasets.fetch(name)) if datasets.available(name) else None


@cache
def file_of(trace: Trace) -> str:
    path = FOLDER / f"{trace.requests}-{trace.objects}.oracleGeneral.bin"
    following = trace.next_use.astype(np.int64) + 1
    records = np.zeros(trace.requests, RECORD)
    records["id"], records["size"] = trace.names[trace.ids].astype(np.uint64), 1
    records["next"] = np.where(following == 2**31, -1, following)
    records.tofile(path)
    return str(path)


def replayed(trace: Trace, policy: str, size: int) -> int:
    reader = peer.TraceReader(file_of(trace), peer.TraceType.ORACLE_GENERAL_TRACE, peer.ReaderInitParam())
    ratio, _ = getattr(peer, PEERS[policy])(size, hashpower=20).process_trace(reader)
    return round(ratio * trace.requests)


def races() -> list[Race]:
    found = [replay(zipf, 10**7, policy, 100_000, 15) for policy in list(PEERS)[:5]]
    found += [replay(zipf, 2 * 10**6, policy, 50_000, 5) for policy in list(PEERS)[5:]]
    if twitter() is not None:
        found += [replay(lambda _: twitter(), 10**6, policy, 14_000, 15) for policy in list(PEERS)[:5]]
    return [*found, with_remap(), curve(), sixteen_sizes(), python_caches("lru"), python_caches("fifo")]


def replay(make: Callable[[int], Trace | None], requests: int, policy: str, size: int, target: float) -> Race:
    trace = make(requests)
    assert trace is not None
    exact = policy not in ROUGHLY
    name = "Zipf(1)" if trace.times is None else "Twitter"
    return Race(
        f"{policy}, {name}, {requests / 1e6:g} M requests, {size:,} objects",
        "libcachesim",
        "peer: ids from its file; ours: numbered before",
        target,
        lambda: simulate(trace, policy, size).misses,
        lambda: replayed(trace, policy, size),
        lambda ours, its: ours == its if exact else abs(ours - its) < 0.01 * requests,
        requests,
        requests,
    )


def with_remap() -> Race:
    trace = zipf(10**7)
    keys = trace.names[trace.ids]
    return Race(
        "lru and numbering of 64-bit keys, Zipf(1), 10 M requests",
        "libcachesim",
        "by both",
        5,
        lambda: simulate(Trace(keys), "lru", 100_000).misses,
        lambda: replayed(trace, "lru", 100_000),
        lambda ours, its: ours == its,
        trace.requests,
        trace.requests,
    )


def curve() -> Race:
    """Its exact profiler is not reachable from Python, so it replays LRU at 16 sizes; ours knows all sizes."""
    trace = zipf(2 * 10**6)
    sizes = np.unique(np.geomspace(1000, trace.objects / 2, 16).astype(int)).tolist()
    return Race(
        "exact curve of lru, Zipf(1), 2 M requests",
        "libcachesim, 16 sizes",
        "peer: ids from its file; ours: numbered before",
        15,
        lambda: miss_ratio_curve(trace),
        lambda: [replayed(trace, "lru", size) for size in sizes],
        lambda ours, its: (ours.at(sizes) * trace.requests).round().astype(int).tolist() == its,
        trace.requests,
        trace.requests,
    )


def sixteen_sizes() -> Race:
    trace = zipf(10**6)
    sizes = np.unique(np.geomspace(1000, trace.objects / 2, 16).astype(int)).tolist()
    policies = ["fifo", "lru", "s3fifo"]

    def ours() -> list[int]:
        with ThreadPoolExecutor(2) as threads:
            return sweep(trace, policies, sizes, executor=threads, progress=False)["misses"].tolist()

    def its() -> list[int]:
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(lambda job: replayed(trace, *job), [(p, size) for p in policies for size in sizes]))

    return Race(
        "16 sizes of fifo, lru and s3fifo, Zipf(1), 1 M requests",
        "libcachesim, two threads too",
        "peer: ids from its file; ours: numbered before",
        40,
        ours,
        its,
        lambda ours, its: ours == its,
        trace.requests,
        trace.requests,
    )


def python_caches(policy: str) -> Race:
    trace = zipf(10**7)
    few = trace.ids[:300_000].tolist()
    prefix = trace.take(slice(len(few)))
    size = 10_000

    def its() -> int:
        held: Any = {"lru": cachetools.LRUCache, "fifo": cachetools.FIFOCache}[policy](size)
        missed = 0
        for key in few:
            try:
                held[key]
            except KeyError:
                missed += 1
                held[key] = True
        return missed

    return Race(
        f"{policy}, Zipf(1), {size:,} objects",
        "cachetools, a loop",
        "by the peer; ours: numbered before",
        50,
        lambda: simulate(trace, policy, size).misses,
        its,
        lambda _, missed: simulate(prefix, policy, size).misses == missed,
        trace.requests,
        len(few),
    )
