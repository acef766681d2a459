"""Draws of writes, each with a read after it, and histograms of what happened: Monte Carlo of WARS.

Numbers are binned by their leading bits, `FINE` bins per doubling: bin 0 holds what is too small, the last what is too
large or infinite.
"""

import numpy as np

from scalemodel._jit import inlined, kernel

FINE = 128
"""Bins per doubling."""

LOWEST = -40
"""Exponent of two of the lowest bin: a picosecond, in seconds."""

BINS = 64 * FINE + 2

CELLS = 32
"""Cells of a table of quantiles per doubling of the smaller of the shares below and above."""

LEVEL = 2 * 53 * CELLS
"""Cells of a table of quantiles."""

BY_TIME, SHUFFLED, AS_GIVEN = range(3)

_BASE = (1023 + LOWEST) * FINE


@inlined
def bin_of(x, bits, word):
    """Return the bin of a number, through a float and an integer that share their memory."""
    bits[0] = x
    at = np.int64(word[0] >> np.uint64(45)) - _BASE
    return min(max(at + 1, 0), BINS - 1) if x > 0 else 0


@inlined
def next_word(state):
    """Return 64 random bits: xoshiro256++ (Blackman and Vigna, 2019)."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    out = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s0
    t = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    state[0], state[1], state[2], state[3] = s0, s1, s2, (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return out


@inlined
def draw(state, cells, first, bits, word):
    """Draw from a table of quantiles: parabolas in each cell, and a finer table where these do not do."""
    u = next_word(state)
    share = ((u >> np.uint64(12)) + np.uint64(1)) * 2.0**-53  # in (0, 1/2]
    bits[0] = share
    at = np.int64(word[0] >> np.uint64(47)) - (1023 - 53) * CELLS
    row = first + min(at, LEVEL // 2 - 1) + np.int64(u & np.uint64(1)) * (LEVEL // 2)
    while cells[row, 3] > 0:  # a table of its own
        place = (share - cells[row, 0]) * cells[row, 1]
        row = np.int64(cells[row, 3]) + min(max(np.int64(place), 0), CELLS - 1)
    return cells[row, 0] + share * (cells[row, 1] + share * cells[row, 2])


@kernel
def simulate(state, samples, cells, legs, sizes, cumulative, orders, mode, rs, ws, reads, writes, stale):
    """Add `samples` writes and reads to the histograms ``reads[r]``, ``writes[w]`` and ``stale[pair]``.

    ``legs[setting, i]`` are the tables of replica i: write, acknowledgement, read, response, and its handoff or -1;
    ``sizes[setting]`` of them are up. ``orders[setting]`` is the order in which replicas are asked where `mode` is
    AS_GIVEN. ``stale[j]`` gets by how much later than the commit a read must start to see it, with ``rs[j]`` answers
    and ``ws[j]`` acknowledgements.
    """
    most = legs.shape[1]
    commit, answer, gap = np.empty(most), np.empty(most), np.empty(most)
    bits = np.empty(1)
    word = bits.view(np.uint64)
    for _ in range(samples):
        setting = 0
        if len(sizes) > 1:
            u = (next_word(state) >> np.uint64(11)) * 2.0**-53
            while u >= cumulative[setting] and setting < len(sizes) - 1:
                setting += 1
        n = sizes[setting]
        for j in range(n):
            i = j
            if mode == AS_GIVEN:
                i = orders[setting, j]
            write = draw(state, cells, legs[setting, i, 0] * LEVEL, bits, word)
            acked = write + draw(state, cells, legs[setting, i, 1] * LEVEL, bits, word)
            read = draw(state, cells, legs[setting, i, 2] * LEVEL, bits, word)
            answered = read + draw(state, cells, legs[setting, i, 3] * LEVEL, bits, word)
            if legs[setting, i, 4] >= 0:
                write = draw(state, cells, legs[setting, i, 4] * LEVEL, bits, word)
            fresh = write - read
            for at in range(j):  # no branches: which of two is the earlier cannot be predicted
                acked, commit[at] = max(commit[at], acked), min(commit[at], acked)
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
                at = np.int64((next_word(state) >> np.uint64(32)) * np.uint64(j + 1) >> np.uint64(32))
                answer[j], gap[j] = answer[at], gap[at]
            answer[at], gap[at] = answered, fresh
        for j in range(1, n):
            gap[j] = min(gap[j], gap[j - 1])
            answer[j] = max(answer[j], answer[j - 1])
        for j in range(n):
            reads[j, bin_of(answer[j], bits, word)] += 1
            writes[j, bin_of(commit[j], bits, word)] += 1
        for j in range(len(rs)):
            stale[j, bin_of(gap[rs[j] - 1] - commit[ws[j] - 1], bits, word)] += 1
