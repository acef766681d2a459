"""Draws of writes, each with a read after it, and histograms of what happened: Monte Carlo of WARS.

Numbers are binned by their leading bits, `FINE` bins per doubling: bin 0 holds what is too small, the last what is too
large or infinite.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from scalemodel._jit import inlined, kernel

FINE = 64
"""Bins per doubling."""

LOWEST = -40
"""Exponent of two of the lowest bin: a picosecond, in seconds."""

BINS = 64 * FINE + 2

CELLS, FINER = 256, 32
"""Cells of a table of quantiles, and of a finer one in the place of a cell: its index is the next digit of a share."""

BY_TIME, SHUFFLED, AS_GIVEN = range(3)

STEP = np.uint64(0x9E3779B97F4A7C15)

_BASE = (1023 + LOWEST) * FINE


@intrinsic
def bits_of(_, x):
    """Return the bits of a float as an integer."""

    def cast(context, builder, signature, values):
        return builder.bitcast(values[0], context.get_value_type(types.uint64))

    return types.uint64(types.float64), cast


@inlined
def bin_of(x):
    """Return the bin of a number."""
    at = np.int64(bits_of(x) >> np.uint64(46)) - _BASE + 1
    at = at if at > 0 else 0
    return (at if at < BINS - 1 else BINS - 1) if x > 0 else 0


@inlined
def mixed(counter):
    """Return 64 random bits: splitmix64 (Steele, Lea and Flood, 2014), of a counter that goes up by `STEP`."""
    z = (counter ^ (counter >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def quantile(cells, table, share):
    """Return a quantile from a table: a parabola in each cell, or a finer table where that does not do."""
    row = table * CELLS + np.int64(share >> np.uint64(56))
    share <<= np.uint64(8)
    while cells[row, 3] > 0:
        row = np.int64(cells[row, 3]) + np.int64(share >> np.uint64(59))
        share <<= np.uint64(5)
    x = np.float64(share >> np.uint64(11)) * 2.0**-53
    return cells[row, 0] + x * (cells[row, 1] + x * cells[row, 2])


@kernel
def simulate(start, samples, cells, legs, sizes, cumulative, orders, mode, rs, ws, reads, writes, stale):
    """Add `samples` writes and reads to the histograms ``reads[r]``, ``writes[w]`` and ``stale[pair]``.

    ``legs[setting, i]`` are the tables of replica i: write, acknowledgement, read, response, and its handoff or -1;
    ``sizes[setting]`` of them are up. ``orders[setting]`` is the order in which replicas are asked where `mode` is
    AS_GIVEN. ``stale[j]`` gets by how much later than the commit a read must start to see it, with ``rs[j]`` answers
    and ``ws[j]`` acknowledgements.
    """
    most = legs.shape[1]
    counter = start
    commit, answer, gap = np.empty(most), np.empty(most), np.empty(most)
    for _ in range(samples):
        setting = 0
        if len(sizes) > 1:
            counter += STEP
            u = np.float64(mixed(counter) >> np.uint64(11)) * 2.0**-53
            while u >= cumulative[setting] and setting < len(sizes) - 1:
                setting += 1
        n = sizes[setting]
        for j in range(n):
            i = j
            if mode == AS_GIVEN:
                i = orders[setting, j]
            counter += STEP
            write = quantile(cells, legs[setting, i, 0], mixed(counter))
            counter += STEP
            acked = write + quantile(cells, legs[setting, i, 1], mixed(counter))
            counter += STEP
            read = quantile(cells, legs[setting, i, 2], mixed(counter))
            counter += STEP
            answered = read + quantile(cells, legs[setting, i, 3], mixed(counter))
            if legs[setting, i, 4] >= 0:
                counter += STEP
                write = quantile(cells, legs[setting, i, 4], mixed(counter))
            fresh = write - read
            for at in range(j):  # no branches: which of two is the earlier cannot be predicted
                there = commit[at]
                commit[at] = acked if acked < there else there
                acked = there if acked < there else acked
            commit[j] = acked
            at = j
            if mode == BY_TIME:
                for at in range(j):
                    there, held = answer[at], gap[at]
                    earlier = answered < there
                    answer[at], gap[at] = (answered if earlier else there), (fresh if earlier else held)
                    answered, fresh = (there if earlier else answered), (held if earlier else fresh)
                at = j
            elif mode == SHUFFLED:
                counter += STEP
                at = np.int64((mixed(counter) >> np.uint64(32)) * np.uint64(j + 1) >> np.uint64(32))
                answer[j], gap[j] = answer[at], gap[at]
            answer[at], gap[at] = answered, fresh
        for j in range(1, n):
            gap[j] = min(gap[j], gap[j - 1])
            answer[j] = max(answer[j], answer[j - 1])
        for j in range(n):
            reads[j, bin_of(answer[j])] += 1
            writes[j, bin_of(commit[j])] += 1
        for j in range(len(rs)):
            stale[j, bin_of(gap[rs[j] - 1] - commit[ws[j] - 1])] += 1
