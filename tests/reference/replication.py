"""Slow twins of replication: what each replica does, in numpy, one line per step of the model WARS."""

import numpy as np


def wars(legs, samples, seed, handoffs=None):
    """Draw the times of the commit by w, of the answer by r, and the wait by (r, w) until a read sees a write.

    `legs` are write, acknowledgement, read and response, each with a latency per replica.
    """
    rng = np.random.default_rng(seed)
    write, ack, read, response = (np.stack([law.quantile(rng.random(samples)) for law in leg], axis=1) for leg in legs)
    commits = np.sort(write + ack, axis=1)
    order = np.argsort(read + response, axis=1)
    answers = np.take_along_axis(read + response, order, axis=1)
    arrival = write.copy()
    for i, law in enumerate(handoffs or [None] * write.shape[1]):
        if law is not None:
            arrival[:, i] = law.quantile(rng.random(samples))
    gaps = np.minimum.accumulate(np.take_along_axis(arrival - read, order, axis=1), axis=1)
    n = write.shape[1]
    waits = {(r, w): gaps[:, r - 1] - commits[:, w - 1] for r in range(1, n + 1) for w in range(1, n + 1)}
    return commits, answers, waits
