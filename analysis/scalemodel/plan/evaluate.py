"""What a design does with its workload: one line per answer, subject by subject."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..display import Shown, format_bytes, format_count, format_share, format_time, significant
from ..placement import balance, movement, one_fewer, one_more, rebalance_time
from ..workload import Workload
from .design import Design

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = {
    "requests/s": format_count,
    "s": format_time,
    "bytes": format_bytes,
    "share": format_share,
    "": format_count,
}


@dataclass(frozen=True)
class Line:
    """One answer: which subject gives it, what it is, its value in the unit, and what it means."""

    subject: str
    quantity: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True)
class Evaluation(Shown):
    """The summary of a design, line by line."""

    name: str
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        """The name of the design."""
        return self.name

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per line: subject, quantity, value, unit, note."""
        import pandas as pd

        return pd.DataFrame([vars(line) for line in self.lines])

    def __getitem__(self, quantity: str) -> float:
        """Return the value of a quantity."""
        for line in self.lines:
            if line.quantity == quantity:
                return line.value
        raise KeyError(quantity)

    def __str__(self) -> str:
        rows = [(line.subject, line.quantity, _formatted(line), line.note) for line in self.lines]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        text = [self.title, "-" * len(self.title)]
        before = ""
        for subject, quantity, value, note in rows:
            head = subject if subject != before else ""
            text.append(f"{head:{widths[0]}}  {quantity:{widths[1]}}  {value:>{widths[2]}}  {note}".rstrip())
            before = subject
        return "\n".join(text)


def evaluate(design: Design, workload: Workload, title: str = "Design") -> Evaluation:
    """Evaluate a design under a workload.

    Examples
    --------
    >>> from scalemodel.placement import JumpHash
    >>> from scalemodel.workload import Uniform, Workload
    >>> answer = evaluate(Design(JumpHash(10), capacity=200.0), Workload(1000.0, popularity=Uniform(10**9)))
    >>> round(answer["utilisation of the busiest node"], 3)
    0.5
    """
    return Evaluation(title, (*_workload_lines(workload), *_placement_lines(design, workload)))


def _workload_lines(workload: Workload) -> Iterator[Line]:
    yield Line("workload", "mean request rate", workload.load.mean(), "requests/s")
    yield Line("workload", "peak request rate", workload.load.peak(), "requests/s")
    yield Line("workload", "reads", workload.read_fraction, "share")
    law = workload.popularity
    if law is not None:
        yield Line("workload", "objects", law.n, "")
        yield Line("workload", "hottest key", float(law.pmf(0)), "share", "of all requests")
    if workload.object_size is not None and law is not None:
        yield Line("workload", "data", workload.data_bytes, "bytes", "one copy")


def _placement_lines(design: Design, workload: Workload) -> Iterator[Line]:
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
    # A write goes to every replica. A read goes to one: any of them, or the first in the preference list.
    stored = balance(placement, workload, design.replicas, spread=design.spread)
    read = stored if design.reads_from == "any" else balance(placement, workload)
    work = workload.read_fraction * read.share + (1 - workload.read_fraction) * design.replicas * stored.share
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
        yield Line(subject, "utilisation of the busiest node", at_peak / capacity, "share", "at the peak")
        yield Line(subject, "utilisation if load were even", even, "share", "at the peak")
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


def _formatted(line: Line) -> str:
    if line.unit in _FORMATS:
        text = _FORMATS[line.unit](line.value)
        return f"{text} requests/s" if line.unit == "requests/s" else text
    return f"{significant(line.value)} {line.unit}"
