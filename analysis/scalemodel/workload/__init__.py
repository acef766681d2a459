"""Who asks for what, how often, in what sizes: the vocabulary in which every subject is told its workload.

- `Workload`: rate, reads and writes, popularity and sizes together.
- Which objects? `Zipf`, `Uniform`, `HotSet`, `Empirical` (counted, also from a trace); all are a `Popularity`.
- How large? `ConstantSize`, `LogNormalSize`, `EmpiricalSize`; all are an `ObjectSize`, in bytes.
- How often, over time? `ConstantLoad`, `DiurnalLoad`, `SpikeLoad`, `EmpiricalLoad` and sums of them, a `SumLoad`;
  all are a `Load`, in requests per second.
"""

from .load import ConstantLoad, DiurnalLoad, EmpiricalLoad, Load, SpikeLoad, SumLoad
from .model import Workload
from .popularity import Empirical, Groups, HotSet, Popularity, Uniform, Zipf
from .sizes import ConstantSize, EmpiricalSize, LogNormalSize, ObjectSize

__all__ = [
    "ConstantLoad",
    "ConstantSize",
    "DiurnalLoad",
    "Empirical",
    "EmpiricalLoad",
    "EmpiricalSize",
    "Groups",
    "HotSet",
    "Load",
    "LogNormalSize",
    "ObjectSize",
    "Popularity",
    "SpikeLoad",
    "SumLoad",
    "Uniform",
    "Workload",
    "Zipf",
]
