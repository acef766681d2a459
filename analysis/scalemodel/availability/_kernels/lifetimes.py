"""Chains of failures and repairs: the birth-death recursion, and simulated lives under more failures than real."""

import numpy as np

from scalemodel._jit import kernel


@kernel
def birth_death(shards, most, failing, repairing, crews, answers):
    """Write the mean time until more than `most` of the shards are failed, all being good at first.

    T_f, the mean time from f failures to f + 1, is ``(1 + d_f T_{f-1}) / b_f``: nothing is ever subtracted.
    """
    for i in range(len(answers)):
        time = 0.0
        total = 0.0
        for f in range(most + 1):
            time = (1.0 + min(f, crews) * repairing[i] * time) / ((shards - f) * failing[i])
            total += time
        answers[i] = total


@kernel
def lives(generator, weights, shards, most, scale, shape, age, repair, repair_shape, serial, mission, calm, busy):
    """Write for each simulated mission what its loss counts, or 0 if there is none.

    Hazards are `calm` times the real ones while all shards are good, and `busy` times while some are not; the weight
    is the likelihood ratio. `repair_shape` 0 is a constant time.
    """
    born, ends = np.empty(shards), np.empty(shards)  # a shard that has failed is back at ends, else that is infinite
    for sample in range(len(weights)):
        for i in range(shards):
            born[i], ends[i] = -age, np.inf
        now, failed, log_weight = 0.0, 0, 0.0
        weights[sample] = 0.0
        while True:
            boost = busy if failed else calm
            first, which = mission, -1
            for i in range(shards):
                if ends[i] < np.inf:
                    if ends[i] < first:
                        first, which = ends[i], i
                else:
                    spent = ((now - born[i]) / scale) ** shape
                    at = born[i] + scale * (spent + generator.standard_exponential() / boost) ** (1.0 / shape)
                    if at < first:
                        first, which = at, i
            if boost != 1.0:
                for i in range(shards):
                    if ends[i] == np.inf:
                        more = ((first - born[i]) / scale) ** shape - ((now - born[i]) / scale) ** shape
                        log_weight += (boost - 1.0) * more
            now = first
            if which < 0:
                break
            if ends[which] < np.inf:
                born[which], ends[which] = now, np.inf
                failed -= 1
                continue
            log_weight -= np.log(boost)
            failed += 1
            if failed > most:
                weights[sample] = np.exp(log_weight)
                break
            takes = repair
            if repair_shape > 0.0:
                takes = repair * generator.standard_exponential() ** (1.0 / repair_shape)
            start = now
            if serial:  # after all that were lost before
                for i in range(shards):
                    if start < ends[i] < np.inf:
                        start = ends[i]
            ends[which] = start + takes
