"""Policies that send jobs to nodes: one job after the other, and the laws that they must follow."""

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import scipy.sparse.linalg
from scipy import sparse

from .hashing import M64, splitmix64

GAMMA = 0x9E3779B97F4A7C15


def by_weight(number: int, weights: Sequence[float]) -> int:
    total = sum(weights)
    ends = [int(float(end) * 2.0**64) for end in accumulate(weight / total for weight in weights)]
    return next((node for node, end in enumerate(ends[:-1]) if number < end), len(weights) - 1)


class Policy:
    """Picks a node for a job, with a random number for what is left to chance."""

    def __init__(self, policy: str, d: int, weights: Sequence[float]) -> None:
        self.policy, self.d, self.weights = policy, 1 if policy == "random" else d, weights
        self.credits = [0.0] * len(weights)

    def pick(self, number: int, loads: Sequence[int]) -> int:
        def load(node: int) -> float:
            return (loads[node] + 1) / self.weights[node]

        if self.policy == "round_robin":
            self.credits = [credit + weight for credit, weight in zip(self.credits, self.weights, strict=True)]
            node = max(range(len(self.credits)), key=lambda at: (self.credits[at], -at))
            self.credits[node] -= sum(self.weights)
            return node
        if self.policy == "least_loaded":
            best, equals = 0, 1
            for node in range(1, len(loads)):
                if load(node) < load(best):
                    best, equals = node, 1
                elif load(node) == load(best):
                    equals += 1
                    number = (number + GAMMA) & M64
                    if splitmix64(number) * equals >> 64 == 0:
                        best = node
            return best
        drawn = [by_weight(splitmix64((number + i * GAMMA) & M64), self.weights) for i in range(self.d)]
        return min(drawn, key=load)


def dispatch(numbers: Sequence[int], policy: str, d: int, weights: Sequence[float]) -> list[int]:
    chooser = Policy(policy, d, weights)
    loads = [0] * len(weights)
    for number in numbers:
        loads[chooser.pick(number, loads)] += 1
    return loads


def dispatch_queue(
    numbers: Sequence[int], policy: str, d: int, weights: Sequence[float], arrival: int, skipped: int, levels: int
) -> list[float]:
    """Time average of the number of nodes with at least k jobs, by counting after every event."""
    chooser = Policy(policy, d, weights)
    loads = [0] * len(weights)
    totals = [0] * levels
    for i, first in enumerate(numbers):
        number = splitmix64(first)
        if first < arrival:
            loads[chooser.pick(number, loads)] += 1
        else:
            node = by_weight(number, weights)
            loads[node] = max(0, loads[node] - 1)
        if i >= skipped:
            for level in range(levels):
                totals[level] += sum(load >= level for load in loads)
    return [total / (len(numbers) - skipped) for total in totals]


def two_queues(policy: str, utilisation: float, weights: Sequence[float] = (1.0, 1.0), most: int = 40) -> list[float]:
    """Share of two nodes that have at least k jobs, from the balance equations of all states up to `most` jobs each."""
    turns = 2 if policy == "round_robin" else 1
    states = [(a, b, turn) for a in range(most + 1) for b in range(most + 1) for turn in range(turns)]
    at = {state: i for i, state in enumerate(states)}
    rate = utilisation * sum(weights)
    rows, columns, values = [], [], []

    def flow(source: tuple[int, int, int], target: tuple[int, int, int], speed: float) -> None:
        if target in at:
            rows.extend([at[target], at[source]])
            columns.extend([at[source], at[source]])
            values.extend([speed, -speed])

    for a, b, turn in states:
        here = a, b, turn
        loads = (a + 1) / weights[0], (b + 1) / weights[1]
        share = weights[0] / sum(weights)
        if policy == "round_robin":
            first = float(turn == 0)
        elif policy == "random":
            first = share
        elif policy == "choices":  # both draws the same node, or the less loaded of both, or the first drawn
            mixed = 1 - share**2 - (1 - share) ** 2
            first = share**2 + mixed * (0.5 if loads[0] == loads[1] else float(loads[0] < loads[1]))
        else:
            first = 0.5 if loads[0] == loads[1] else float(loads[0] < loads[1])
        if first > 0:
            flow(here, (a + 1, b, (turn + 1) % turns), rate * first)
        if first < 1:
            flow(here, (a, b + 1, (turn + 1) % turns), rate * (1 - first))
        if a > 0:
            flow(here, (a - 1, b, turn), weights[0])
        if b > 0:
            flow(here, (a, b - 1, turn), weights[1])
    balance = sparse.csr_matrix((values, (rows, columns)), shape=(len(states), len(states))).tolil()
    balance[0] = 1.0  # one equation is redundant: probabilities sum to 1
    chances = scipy.sparse.linalg.spsolve(balance.tocsc(), np.eye(len(states), 1)[:, 0])
    return [
        sum(p * ((a >= k) + (b >= k)) / 2 for (a, b, _), p in zip(states, chances, strict=True)) for k in range(most)
    ]


def round_robin_tail(utilisation: float, nodes: int, levels: int) -> list[float]:
    """Each node is a queue with Erlang arrivals: P(at least k) = utilisation sigma^(k - 1) (Kleinrock, section 6.4)."""
    sigma = utilisation
    for _ in range(10_000):
        sigma = (nodes * utilisation / (nodes * utilisation + 1 - sigma)) ** nodes
    return [1.0, *(utilisation * sigma ** (k - 1) for k in range(1, levels))]


def chance_that_all_have_at_most(most: int, jobs: int, nodes: int) -> float:
    """Exact for random placement: ``jobs! / nodes^jobs`` times the coefficient of x^jobs in (sum of x^i/i!)^nodes."""
    series = np.array([1 / math.factorial(i) for i in range(min(most, jobs) + 1)])
    power = np.ones(1)
    for _ in range(nodes):
        power = np.convolve(power, series)[: jobs + 1]
    if len(power) <= jobs:
        return 0.0
    return float(power[jobs] * math.exp(math.lgamma(jobs + 1) - jobs * math.log(nodes)))
