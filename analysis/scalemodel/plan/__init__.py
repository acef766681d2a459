"""A whole design: describe it in one TOML file, evaluate it.

The only place that knows all subjects; the subjects know nothing of it.
"""

from ..workload import Workload
from .design import Design, Plan, read_plan
from .evaluate import Evaluation, evaluate

__all__ = ["Design", "Evaluation", "Plan", "Workload", "evaluate", "read_plan"]
