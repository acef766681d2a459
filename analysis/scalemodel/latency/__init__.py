"""A latency is a distribution, with an algebra."""

from .base import Latency
from .data import Empirical, Histogram, from_histogram, from_percentiles
from .families import *
from .order import *
from .shared import *
from .sums import *
from .table import Tabulated
