"""A whole design: describe it in one TOML file, evaluate it.

The only place that knows all subjects; the subjects know nothing of it.
"""

from ..workload import Workload
from .design import Cache, Consistency, Design, Latencies, Plan, Risks
from .evaluate import evaluate
from .evaluation import Evaluation, Line
from .file import read_plan

__all__ = [
    "Cache",
    "Consistency",
    "Design",
    "Evaluation",
    "Latencies",
    "Line",
    "Plan",
    "Risks",
    "Workload",
    "evaluate",
    "read_plan",
]
