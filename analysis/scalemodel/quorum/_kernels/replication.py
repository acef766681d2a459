"""Staleness of replicas that differ: all ways in which the first r answers can all be stale, added up."""

import numpy as np

from scalemodel._jit import kernel

NOW, DONE, DONE_LEFT, NOT, NOT_LEFT = range(5)
"""Rows about an event and a time: happens then, has by then, has before, has not by then, has not before."""


@kernel
def stale(acks, late, answers, missed, w, r, timed):
    """Return the probability that a write is committed and the first r answers of a read miss it.

    `acks` is ``float64[n, 5, s]``: what is known of the acknowledgement of replica i at each commit time (the first
    row holds weights of the times). A replica that has acknowledged holds the write, unless ``late[i]``: then whether
    it does is independent. ``answers[n, 2, v]`` is the probability that the answer to a read comes later than each read
    time, and not before it; ``missed[n, 3, s, v]`` that a stale answer comes then (a weight), by then, and before.
    Without `timed`, there is one read time, and no answer is the last.

    Of replicas that do a thing at the same time, the one with the lower number does it first.
    """
    n, times, reads = len(acks), acks.shape[2], answers.shape[2]
    state = np.zeros((2, w + 1, 2, r + 1))
    total = 0.0
    for s in range(times):
        row = 0.0
        for v in range(reads):
            state[:] = 0.0
            state[0, 0, 0 if timed else 1, 0] = 1.0
            for i in range(n):
                for a in range(min(i + 1, w), -1, -1):
                    for z in range(min(i + 1, r), -1, -1):
                        for e in range(1, -1, -1):  # whether the commit has been seen
                            for f in range(1, -1, -1):  # whether the last answer has
                                yes, no = acks[i, DONE + e, s], acks[i, NOT + e, s]
                                later, before = answers[i, f, v], missed[i, 1 + f, s, v]
                                both = no if late[i] else 1.0
                                new = state[e, a, f, z] * no * later
                                if z:
                                    new += state[e, a, f, z - 1] * both * before
                                    if f and timed:
                                        new += state[e, a, 0, z - 1] * both * missed[i, 0, s, v]
                                if a:
                                    new += state[e, a - 1, f, z] * yes * later
                                    if e:
                                        new += state[0, a - 1, f, z] * acks[i, NOW, s] * later
                                    if z and late[i]:
                                        new += state[e, a - 1, f, z - 1] * yes * before
                                        if e:
                                            new += state[0, a - 1, f, z - 1] * acks[i, NOW, s] * before
                                        if f and timed:
                                            new += state[e, a - 1, 0, z - 1] * yes * missed[i, 0, s, v]
                                            if e:
                                                new += state[0, a - 1, 0, z - 1] * acks[i, NOW, s] * missed[i, 0, s, v]
                                state[e, a, f, z] = new
            row += state[1, w, 1, r]
        total += row
    return total
