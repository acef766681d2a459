"""Staleness of replicas that differ: all ways in which the first r answers can be of one kind, added up."""

import numpy as np

from scalemodel._jit import kernel

NOW, DONE, DONE_LEFT, NOT, NOT_LEFT = range(5)
"""Rows about an event and a time: happens then, has by then, has before, has not by then, has not before."""


@kernel
def agreeing(acks, answers, free, bound, loose, w, r, timed):
    """Return the probability that a write is committed and the first r answers of a read are of one kind.

    `acks` is ``float64[n, 5, s]``: what is known of the acknowledgement of replica i at each commit time (the first
    row holds weights of the times). ``answers[n, 2, v]`` is the probability that the answer to a read comes later than
    each read time, and not before it. An answer of the kind comes at a read time (a weight), by then, or before, with
    ``free[n, 3, s, v]`` whether or not the replica has acknowledged, and ``bound[n, 3, s, v]`` more if it has not;
    ``loose[i]`` tells that `free` is not all zero. Without `timed`, there is one read time, and no answer is the last.

    Of replicas that do a thing at the same time, the one with the lower number does it first.
    """
    n, times, reads = len(acks), acks.shape[2], answers.shape[2]
    state = np.zeros((2, w + 1, 2, r + 1, reads))
    new = np.empty(reads)
    total = 0.0
    for s in range(times):
        state[:] = 0.0
        state[0, 0, 0 if timed else 1, 0] = 1.0
        for i in range(n):
            left = n - 1 - i
            for a in range(min(i + 1, w), max(w - left, 0) - 1, -1):
                for z in range(min(i + 1, r), max(r - left, 0) - 1, -1):
                    for e in range(1, -1, -1):  # whether the commit has been seen
                        yes, no, now = acks[i, DONE + e, s], acks[i, NOT + e, s], acks[i, NOW, s]
                        for f in range(1, -1, -1):  # whether the last answer has
                            for v in range(reads):
                                new[v] = state[e, a, f, z, v] * no * answers[i, f, v]
                            if z:
                                _step(new, state[e, a, f, z - 1], 1.0, bound[i, 1 + f, s])
                                if loose[i]:
                                    _step(new, state[e, a, f, z - 1], no, free[i, 1 + f, s])
                                if f and timed:
                                    _step(new, state[e, a, 0, z - 1], 1.0, bound[i, 0, s])
                                    if loose[i]:
                                        _step(new, state[e, a, 0, z - 1], no, free[i, 0, s])
                            if a:
                                _step(new, state[e, a - 1, f, z], yes, answers[i, f])
                                if e:
                                    _step(new, state[0, a - 1, f, z], now, answers[i, f])
                                if z and loose[i]:
                                    _step(new, state[e, a - 1, f, z - 1], yes, free[i, 1 + f, s])
                                    if e:
                                        _step(new, state[0, a - 1, f, z - 1], now, free[i, 1 + f, s])
                                    if f and timed:
                                        _step(new, state[e, a - 1, 0, z - 1], yes, free[i, 0, s])
                                        if e:
                                            _step(new, state[0, a - 1, 0, z - 1], now, free[i, 0, s])
                            for v in range(reads):
                                state[e, a, f, z, v] = new[v]
        row = 0.0
        for v in range(reads):
            row += state[1, w, 1, r, v]
        total += row
    return total


@kernel
def _step(new, state, factor, factors):
    for v in range(len(new)):
        new[v] += state[v] * factor * factors[v]
