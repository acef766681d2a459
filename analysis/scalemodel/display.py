"""How answers look: numbers with readable units, small tables, one plot style.

Nothing here changes global state, except `notebook_style`, which notebooks call themselves.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from html import escape
from typing import TYPE_CHECKING, Any

from . import units

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PALETTE = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#949494", "#56b4e9")
"""Colours that colour-blind readers tell apart: seaborn's "colorblind"."""

DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)))
"""Line styles in the order of the palette: lines differ by dash as well as by colour."""

_STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": "large",
    "axes.titleweight": "bold",
    "grid.color": "0.88",
    "grid.linewidth": 0.8,
    "figure.figsize": (7.5, 4.2),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}

_TIMES = (
    (units.years, "years"),
    (units.days, "days"),
    (units.hours, "h"),
    (units.minutes, "min"),
    (1.0, "s"),
    (units.ms, "ms"),
    (units.us, "µs"),
    (units.ns, "ns"),
)
_BYTES = ((units.TiB, "TiB"), (units.GiB, "GiB"), (units.MiB, "MiB"), (units.KiB, "KiB"), (1, "B"))
_COUNTS = ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))


class Shown(ABC):
    """An answer that shows itself: as a small table in a notebook, as text in a terminal."""

    @property
    @abstractmethod
    def title(self) -> str:
        """One line that says what the table shows."""

    @abstractmethod
    def to_frame(self) -> "pd.DataFrame":
        """Return the answer as a tidy table, units in the column names."""

    def _repr_html_(self) -> str:
        return html_table(self.to_frame(), self.title)

    def __str__(self) -> str:
        return f"{self.title}\n{text_table(self.to_frame())}"


class Answer:
    """The closing paragraph of a notebook, computed from its results and compared by the tests.

    Examples
    --------
    >>> Answer("Use **256** vnodes.")
    Use **256** vnodes.
    """

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"> {self.text}"


def html_table(frame: "pd.DataFrame", title: str = "", rows: int = 12) -> str:
    """Render at most `rows` rows as HTML without ids or addresses, so that notebooks can be compared."""
    head = f"<p><b>{escape(title)}</b></p>\n" if title else ""
    more = f"<p>… {len(frame) - rows} more rows</p>" if len(frame) > rows else ""
    return head + frame.head(rows).to_html(index=False, border=0, float_format=significant) + more


def text_table(frame: "pd.DataFrame") -> str:
    """Render a table for a terminal, numbers to four significant digits."""
    return frame.to_string(index=False, float_format=significant)


def significant(value: float, digits: int = 4) -> str:
    """Format a number to so many significant digits, without exponent where it stays short.

    Examples
    --------
    >>> significant(1234567.0), significant(0.00012345), significant(2.0)
    ('1235000', '0.0001234', '2.000')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])  # of the rounded number
    if not -5 < exponent < 12:
        return f"{value:.{digits - 1}e}"
    decimals = digits - 1 - exponent
    return f"{value:.{decimals}f}" if decimals >= 0 else f"{round(value, decimals):.0f}"


def format_time(seconds: float) -> str:
    """Write a duration in its readable unit.

    Examples
    --------
    >>> format_time(0.0042), format_time(5400), format_time(3e8)
    ('4.2 ms', '1.5 h', '9.51 years')
    """
    return _with_unit(seconds, _TIMES, " ")


def format_bytes(size: float) -> str:
    """Write a size in its readable unit.

    Examples
    --------
    >>> format_bytes(3 * 2**30), format_bytes(512)
    ('3 GiB', '512 B')
    """
    return _with_unit(size, _BYTES, " ")


def format_count(number: float) -> str:
    """Write a large number with its prefix.

    Examples
    --------
    >>> format_count(1_250_000), format_count(12)
    ('1.25 M', '12')
    """
    return _with_unit(number, _COUNTS, "")


def format_share(share: float) -> str:
    """Write a share as a percentage of three significant digits.

    Examples
    --------
    >>> format_share(0.0589), format_share(1 / 11)
    ('5.89 %', '9.09 %')
    """
    return f"{100 * share:.3g} %"


def nines(unavailability: float) -> float:
    """Return the number of nines of an availability, given the probability of being down.

    Examples
    --------
    >>> round(nines(1e-3), 6), round(nines(5e-18), 3)
    (3.0, 17.301)
    """
    if not 0 <= unavailability <= 1:
        raise ValueError(f"unavailability is {unavailability}: give a probability between 0 and 1")
    return 0.0 - math.log10(unavailability) if unavailability else math.inf  # 0.0 -: never a negative zero


def format_nines(unavailability: float) -> str:
    """Write an availability by its nines and the downtime a year.

    Examples
    --------
    >>> format_nines(1e-4)
    '4.00 nines (52.6 min a year)'
    """
    return f"{nines(unavailability):.2f} nines ({format_time(unavailability * units.years)} a year)"


def _with_unit(value: float, scale: Sequence[tuple[float, str]], space: str) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}{space}{scale[-1][1] if scale is not _TIMES else 's'}"
    factor, unit = next((row for row in scale if abs(value) >= row[0]), scale[-1])
    number = value / factor
    return f"{number:.0f}{space}{unit}" if abs(number) >= 999.5 else f"{number:.3g}{space}{unit}"


def style() -> AbstractContextManager[Any]:
    """Return a context in which new figures have the house style."""
    import matplotlib as mpl

    return mpl.rc_context(_rc())


def notebook_style() -> None:
    """Use the house style for all figures of this notebook."""
    import matplotlib as mpl

    mpl.rcParams.update(_rc())


def axes(ax: "Axes | None" = None) -> "Axes":
    """Return `ax`, or the axes of a new figure in the house style."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots()[1]


def _rc() -> Any:
    from cycler import cycler

    return _STYLE | {"axes.prop_cycle": cycler(color=PALETTE[: len(DASHES)], linestyle=DASHES)}
