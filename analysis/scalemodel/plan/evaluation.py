"""The summary of a design: lines, each with its subject, value and unit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..display import Shown, format_bytes, format_count, format_share, format_time, significant

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


def _formatted(line: Line) -> str:
    if line.unit in _FORMATS:
        text = _FORMATS[line.unit](line.value)
        return f"{text} requests/s" if line.unit == "requests/s" else text
    return f"{significant(line.value)} {line.unit}"
