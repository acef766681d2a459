"""What a design does with its workload: one line per answer, subject by subject."""

from collections.abc import Iterator

from ..workload import Workload
from .availability_lines import availability_lines
from .cache_lines import cache_lines, misses
from .design import Design
from .evaluation import Evaluation, Line
from .latency_lines import latency_lines
from .placement_lines import UTILISATION, placement_lines
from .quorum_lines import quorum_lines


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
    behind = misses(design, workload)
    lines = list(_workload_lines(workload))
    if behind is not None:
        lines += cache_lines(behind, workload)
    placed = list(placement_lines(design, workload, behind))
    lines += placed
    if design.quorums is not None:
        lines += quorum_lines(design, workload)
    if design.latencies is not None or design.consistency is not None:
        busiest = next((line.value for line in placed if line.quantity == UTILISATION), None)
        lines += latency_lines(design, busiest, behind)
    if design.risks is not None:
        lines += availability_lines(design)
    return Evaluation(title, tuple(lines))


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
