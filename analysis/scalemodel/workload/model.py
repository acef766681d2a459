"""The workload as a whole: how many requests, for which objects, of which size."""

from dataclasses import dataclass, replace

import pandas as pd

from scalemodel.display import Shown

from .. import _check
from .load import Load, as_load
from .popularity import Popularity
from .sizes import ConstantSize, ObjectSize


@dataclass(frozen=True)
class Workload(Shown):
    """Who asks for what, how often, in what sizes.

    Parameters
    ----------
    rate : float or Load
        Requests per second; 0 or more.
    read_fraction : float
        Share of the requests that read, 0 to 1; the others write.
    popularity : Popularity, optional
        Which objects the requests are for, and how many there are.
    object_size : ObjectSize or float, optional
        A number is the size of every object in bytes. Sizes do not depend on popularity.

    Examples
    --------
    >>> from scalemodel.workload import Workload, Zipf
    >>> workload = Workload(50_000, read_fraction=0.9, popularity=Zipf(10**7, 0.99), object_size=1000)
    >>> print(workload)
    Workload: 50000 requests/s, 90 % reads
               quantity       value              unit
              mean rate       50000        requests/s
              peak rate       50000        requests/s
           peak to mean       1.000             ratio
              read rate       45000        requests/s
             write rate        5000        requests/s
                objects    10000000           objects
    most popular object     0.05535 share of requests
       mean object size        1000             bytes
              bandwidth    50000000           bytes/s
                   data 10000000000             bytes
    """

    rate: float | Load
    read_fraction: float = 1.0
    popularity: Popularity | None = None
    object_size: ObjectSize | float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.rate, Load):
            object.__setattr__(
                self, "rate", _check.number(self.rate, "rate", hint=" of requests per second, or a Load")
            )
        object.__setattr__(self, "read_fraction", _check.share(self.read_fraction, "read_fraction"))
        if not isinstance(self.popularity, Popularity | None):
            raise TypeError(f"popularity is {self.popularity!r}: give a law such as Zipf(n, alpha)")
        if not isinstance(self.object_size, ObjectSize | None):
            object.__setattr__(self, "object_size", ConstantSize(self.object_size))

    @property
    def load(self) -> Load:
        """The rate over time."""
        return as_load(self.rate, "rate")

    @property
    def read_rate(self) -> float:
        """Mean reads per second."""
        return self.load.mean() * self.read_fraction

    @property
    def write_rate(self) -> float:
        """Mean writes per second."""
        return self.load.mean() * (1 - self.read_fraction)

    @property
    def mean_object_size(self) -> float:
        """Mean size of an object in bytes."""
        if not isinstance(self.object_size, ObjectSize):
            raise ValueError("the workload has no object_size: give one, in bytes or as a distribution")
        return self.object_size.mean()

    @property
    def data_bytes(self) -> float:
        """Size of all objects together in bytes, one copy of each."""
        if self.popularity is None:
            raise ValueError("the workload has no popularity: give one, it says how many objects there are")
        return self.popularity.n * self.mean_object_size

    @property
    def bandwidth(self) -> float:
        """Mean bytes per second that requests carry, reads and writes together."""
        return self.load.mean() * self.mean_object_size

    def at_peak(self) -> "Workload":
        """Return this workload at a constant rate, that of its peak: what a cluster is sized for."""
        return replace(self, rate=self.load.peak())

    @property
    def title(self) -> str:
        """One line that says what the table shows."""
        return f"Workload: {self.load.mean():.6g} requests/s, {100 * self.read_fraction:.3g} % reads"

    def to_frame(self) -> pd.DataFrame:
        """Return what is known of the workload as a table: quantity, value, unit."""
        load = self.load
        rows: list[tuple[str, float, str]] = [
            ("mean rate", load.mean(), "requests/s"),
            ("peak rate", load.peak(), "requests/s"),
            ("peak to mean", load.peak_to_mean, "ratio"),
            ("read rate", self.read_rate, "requests/s"),
            ("write rate", self.write_rate, "requests/s"),
        ]
        if self.popularity is not None:
            hottest = float(self.popularity.head(1))
            rows += [("objects", self.popularity.n, "objects"), ("most popular object", hottest, "share of requests")]
        if self.object_size is not None:
            rows += [("mean object size", self.mean_object_size, "bytes"), ("bandwidth", self.bandwidth, "bytes/s")]
            if self.popularity is not None:
                rows.append(("data", self.data_bytes, "bytes"))
        return pd.DataFrame(rows, columns=["quantity", "value", "unit"]).astype({"value": float})
