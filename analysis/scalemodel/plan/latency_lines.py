"""How long a design's requests take."""

from collections.abc import Iterator

from ..cache import origin_load
from ..latency import Constant, Latency, Mixture
from .cache_lines import Misses
from .design import Design, Latencies
from .evaluation import Line

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def latency_lines(design: Design, busiest: float | None, behind: Misses | None) -> Iterator[Line]:
    """Say how long a read takes: from the cache, from a node behind its queue, and mixed.

    `busiest` is the utilisation of the busiest node, where the design says what a node can serve.
    """
    parts = design.latencies
    assert parts is not None
    subject = "latency"
    wait = queue(design, parts, busiest)
    if busiest is not None and busiest >= 1:
        yield Line(subject, "wait at the busiest node", float("inf"), "s", "overloaded: the queue only grows")
        return
    node = _sum(parts.read, wait, parts.response)
    if wait is not None:
        yield Line(subject, "wait at the busiest node", wait.mean(), "s", "in the mean, at the peak")
    if behind is None:
        if node is not None:
            yield from quantiles("read", node, "from the busiest node" if wait else "from a node")
        return
    missed = _sum(parts.hit, node)
    if parts.hit is not None:
        yield from quantiles("hit", parts.hit, "")
    if missed is not None:
        yield from quantiles("miss", missed, "from the busiest node" if wait else "from a node")
        hit = parts.hit or Constant(0.0)
        mixed = Mixture([hit, missed], weights=[behind.hits.hit_ratio, behind.hits.miss_ratio])
        yield from quantiles("read", mixed, "hits and misses mixed")


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
