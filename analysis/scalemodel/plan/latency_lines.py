"""How long a design's requests take."""

from collections.abc import Iterator

from ..cache import origin_load
from ..latency import Constant, Latency, Mixture
from .cache_lines import Misses
from .design import Design, Latencies
from .evaluation import Line
from .replication_lines import replication_lines, store_of

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def latency_lines(design: Design, busiest: float | None, behind: Misses | None) -> Iterator[Line]:
    """Say how long a read takes: from the cache, from nodes behind their queues, and mixed; and how long a write.

    `busiest` is the utilisation of the busiest node, where the design says what a node can serve. All nodes are taken
    to be as busy.
    """
    parts = design.latencies or Latencies()
    subject = "latency"
    if busiest is not None and busiest >= 1:
        yield Line(subject, "wait at the busiest node", float("inf"), "s", "overloaded: the queue only grows")
        return
    wait = queue(design, parts, busiest)
    if wait is not None:
        yield Line(subject, "wait at the busiest node", wait.mean(), "s", "in the mean, at the peak")
    store = store_of(design, wait)
    node = _sum(parts.read, wait, parts.response) if store is None else store.read
    note = "from the replicas it waits for" if store else "from a node"
    if behind is not None and parts.hit is not None:
        yield from quantiles("hit", parts.hit, "")
    if behind is not None and node is not None:
        missed = node if parts.hit is None else parts.hit + node
        yield from quantiles("miss", missed, note)
        hit = parts.hit or Constant(0.0)
        node = Mixture([hit, missed], weights=[behind.hits.hit_ratio, behind.hits.miss_ratio])
        note = "hits and misses mixed"
    if node is not None:
        yield from quantiles("read", node, note)
    if store is not None:
        yield from quantiles("write", store.write, "acknowledged by the replicas it waits for")
        yield from replication_lines(store)


def queue(design: Design, parts: Latencies, busiest: float | None) -> Latency | None:
    """Return the wait at the busiest node, or None where the design does not say how it works."""
    if busiest is None or parts.service_time is None or design.capacity is None or not 0 < busiest < 1:
        return None
    return origin_load(1.0, busiest * design.capacity, design.capacity, parts.service_time).wait


def quantiles(what: str, law: Latency, note: str) -> Iterator[Line]:
    """Return a line per percentile that people ask for."""
    for name, share in SHARES.items():
        yield Line("latency", f"{what} {name}", float(law.quantile(share)), "s", note if name == "p50" else "")


def _sum(*parts: Latency | None) -> Latency | None:
    given = [part for part in parts if part is not None]
    return sum(given[1:], start=given[0]) if given else None
