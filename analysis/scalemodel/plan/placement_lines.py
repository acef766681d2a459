"""What a design's placement does with its workload."""

import math
from collections.abc import Iterator

from ..display import format_share
from ..placement import balance, movement, one_fewer, one_more, rebalance_time, shard_loads
from ..workload import Workload
from .cache_lines import Misses
from .design import Design
from .evaluation import Line
from .replication_lines import store_of

UTILISATION = "utilisation of the busiest node"


def placement_lines(design: Design, workload: Workload, behind: Misses | None = None) -> Iterator[Line]:
    """Say how the load spreads over the nodes, behind the cache if there is one, and what a change of nodes moves."""
    subject, placement = "placement", design.placement
    n = len(placement.nodes)
    yield Line(subject, "nodes", n, "", placement.description)
    for level in placement.topology.places:
        yield Line(subject, f"{level}s", placement.topology.count(level), "")
    space = balance(placement, None, design.replicas, spread=design.spread)
    exact = placement.owns_exactly(design.replicas, design.spread)
    replicas = f"{design.replicas} replicas" + (f" in distinct {design.spread}s" if design.spread else "")
    yield Line(
        subject,
        "peak-to-mean of the key space",
        space.peak_to_mean,
        "x",
        f"{replicas}, {'exact' if exact else 'sampled'}",
    )
    if workload.popularity is None:
        return
    # A write goes to every replica and a read to one, any of them or the first in the preference list; or as they ask.
    stored = balance(placement, workload, design.replicas, spread=design.spread)
    copies_read, copies_written = 1.0, float(design.replicas)
    if design.quorums is not None:
        best = design.quorums.strategy(workload.read_fraction)
        copies_read, copies_written = best.network_load(1.0), best.network_load(0.0)
    elif (store := store_of(design)) is not None:
        copies_read = store.copies_read
    read_copies = design.replicas if design.reads_from == "any" or copies_read > 1 else 1
    missed = behind.hits.miss_ratio if behind else 1.0
    asked = behind if behind and missed > 0 else workload
    read = balance(placement, asked, read_copies, spread=design.spread if read_copies > 1 else None)
    reads = workload.read_fraction * missed
    work = reads * copies_read * read.share + (1 - workload.read_fraction) * copies_written * stored.share
    relative = work / work.sum() / stored.fair
    busiest = int(relative.argmax())
    at_peak = workload.load.peak() * float(work[busiest])
    yield Line(
        subject, "peak-to-mean of the requests", float(relative[busiest]), "x", f"noise floor cv {read.noise_floor:.3f}"
    )
    yield Line(subject, "load of the busiest node", at_peak, "requests/s", f"{placement.nodes[busiest]}, at the peak")
    if design.capacity is not None:
        capacity = design.capacity * placement.topology.weights[busiest]
        even = workload.load.peak() * float(work.sum()) / (design.capacity * sum(placement.topology.weights))
        yield Line(subject, UTILISATION, at_peak / capacity, "share", "at the peak")
        yield Line(subject, "utilisation if load were even", even, "share", "at the peak")
    shards = shard_loads(placement, workload)
    if shards is not None:
        hot = shards.hottest
        key = format_share(shards.hottest_key[hot] / shards.share[hot])
        note = f"of all requests{', before the cache' if behind else ''}; one key has {key} of it"
        yield Line(subject, "shards", len(shards), "", "that are placed as a whole")
        yield Line(subject, "hottest shard", float(shards.share[hot]), "share", note)
    extra = math.ceil(n * float(relative[busiest]) - 1e-9) - n
    yield Line(subject, "nodes that imbalance costs", extra, "", "to bring the busiest to the mean of today")
    yield from _change_lines(design, workload)


def _change_lines(design: Design, workload: Workload) -> Iterator[Line]:
    """Say what moves, and for how long, when the cluster has one node more or one fewer."""
    before = design.placement
    for what, change in (("more", one_more), ("fewer", one_fewer)):
        try:
            moved = movement(before, change(before), design.replicas, spread=design.spread)
        except ValueError:
            continue  # some schemes cannot lose the node, some designs have none to spare
        note = f"of all replicas; between even shares {format_share(moved.minimum)}"
        yield Line("placement", f"data that one node {what} moves", moved.moved, "share", note)
        if design.bandwidth is not None and workload.object_size is not None:
            dead = [node for node in moved.sources if node not in moved.destinations]
            under_way = rebalance_time(moved, design.replicas * workload.data_bytes, design.bandwidth, dead=dead)
            note = f"{under_way.bottleneck} is done last" + (", copied from the replicas that are left" if dead else "")
            yield Line("placement", f"time to rebalance with one node {what}", under_way.longest, "s", note)
