"""How a latency is drawn: the share of slower answers on logarithmic axes, with named percentiles."""

from typing import TYPE_CHECKING

import numpy as np

from ..display import axes, format_time

SHARES = (0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
"""Shares of slower answers that are named: p50 to p99.9999."""

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .base import Floats, Latency


def tail_plot(law: "Latency", ax: "Axes | None", label: str | None, deepest: float, points: bool = True) -> "Axes":
    """Draw P(T > t) over t; see `Latency.plot`."""
    from matplotlib.ticker import LogLocator

    ax = with_percentiles(ax, deepest)
    t = curve_times(law, deepest)
    before, after = law._tails(t, left=True)[1], law._tails(t)[1]
    drawn = np.maximum(np.column_stack([before, after]).ravel(), deepest / 10)
    (line,) = ax.plot(np.repeat(t, 2), drawn, label=label)
    first, last = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if last < 300 * first else (1,), numticks=12))
    if points:
        shown = [q for q in SHARES if q >= deepest]
        times = law.isf(shown)
        ax.plot(times, shown, "o", color=line.get_color(), markersize=4)
        if label is None:
            for time, q in zip(times, shown, strict=True):
                ax.annotate(format_time(time), (time, q), xytext=(6, 5), textcoords="offset points", fontsize="small")
    if label is not None:
        ax.legend(loc="lower left")
    return ax


def curve_times(law: "Latency", deepest: float) -> "Floats":
    """Return rising times, from the fastest hundredth to where a share of `deepest` is left, jumps included."""
    by_share = law._quantile(*(p := np.linspace(0.01, 0.99, 99), 1 - p)), law.isf(np.geomspace(0.01, deepest, 100))
    start, end = by_share[0][0], max(by_share[1][-1], by_share[0][0])
    inner = np.geomspace(start, end, 200) if 0 < start < end else np.linspace(start, end, 200)
    knots = law._knots[(law._knots >= start) & (law._knots <= end)]
    return np.unique(np.concatenate([*by_share, inner, knots[:: len(knots) // 1000 + 1]]))


def with_percentiles(ax: "Axes | None", deepest: float) -> "Axes":
    """Return axes for tails: both logarithmic, percentiles named."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, NullFormatter, NullLocator

    ax = axes(ax)
    shown = [q for q in SHARES if q >= deepest]
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(deepest, 1.0)
    ax.yaxis.set_major_locator(FixedLocator(shown))
    ax.yaxis.set_major_formatter(FixedFormatter([f"p{100 * (1 - q):.6g}" for q in shown]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda t, _: format_time(t)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("latency")
    ax.set_ylabel("share that is faster")
    return ax
