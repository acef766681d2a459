"""Sweeps over a decision diagram: node i decides on variable ``var[i]`` and has both children before it.

Nodes 0 and 1 are the answers no and yes.
"""

import math

import numpy as np

from scalemodel._jit import kernel


@kernel
def probabilities(var, low, high, down, up):
    """Return the probabilities of no and of yes at the root, summed up without a subtraction.

    `down` and `up` are ``float64[variables, cases]``, the answers ``float64[cases]``.
    """
    cases = down.shape[1]
    answers = np.empty((2, cases))
    no, yes = np.zeros(len(var)), np.zeros(len(var))
    no[0] = yes[1] = 1.0
    for case in range(cases):
        for i in range(2, len(var)):
            d, u = down[var[i], case], up[var[i], case]
            no[i] = d * no[low[i]] + u * no[high[i]]
            yes[i] = d * yes[low[i]] + u * yes[high[i]]
        answers[0, case], answers[1, case] = no[-1], yes[-1]
    return answers


@kernel
def cheapest(var, low, high, costs_low, costs_high, end):
    """Return the least cost from every node to the answer `end`, given what each branch of a variable costs."""
    cost = np.full(len(var), math.inf)
    cost[end] = 0.0
    for i in range(2, len(var)):
        cost[i] = min(cost[low[i]] + costs_low[var[i]], cost[high[i]] + costs_high[var[i]])
    return cost
