"""Failures of nodes that leave, or do not leave, every replica set enough of its nodes.

The sets of a node are ``sets_of[begins[node] : begins[node + 1]]``. A set is lost when `fatal` of its nodes are down.
"""

import numpy as np

from scalemodel._jit import kernel


@kernel
def harmless(begins, sets_of, sets, fatal, most, budget):
    """Count by size, up to `most`, the sets of nodes whose failure loses no replica set; and the steps that took.

    Tries nodes in order and goes back at the first loss, as more failures do not mend it. Stops when the budget of
    steps is spent.
    """
    nodes = len(begins) - 1
    ways = np.zeros(most + 1, np.int64)
    ways[0] = 1
    down = np.zeros(sets, np.int64)  # of each replica set
    failed = np.empty(most + 1, np.int64)
    depth, node, steps = 0, 0, 0
    while steps <= budget:
        if depth < most and node < nodes:
            lost = 0
            for at in range(begins[node], begins[node + 1]):
                down[sets_of[at]] += 1
                lost += down[sets_of[at]] >= fatal
            steps += 1 + begins[node + 1] - begins[node]
            failed[depth] = node
            depth += 1
            if lost == 0:
                ways[depth] += 1
                node += 1
                continue
        if depth == 0:
            break
        depth -= 1
        node = failed[depth]
        for at in range(begins[node], begins[node + 1]):
            down[sets_of[at]] -= 1
        node += 1
    return ways, steps


@kernel
def lost(begins, sets_of, sets, fatal, uniforms):
    """Fail random nodes, so many as each row has uniforms; return in how many rows a replica set is lost."""
    nodes = np.arange(len(begins) - 1)
    down = np.zeros(sets, np.int64)
    count = 0
    for row in uniforms:
        is_lost = False
        for i in range(len(row)):
            j = i + np.int64(row[i] * (len(nodes) - i))
            nodes[i], nodes[j] = nodes[j], nodes[i]
            for at in range(begins[nodes[i]], begins[nodes[i] + 1]):
                down[sets_of[at]] += 1
                is_lost |= down[sets_of[at]] >= fatal
        for i in range(len(row)):
            for at in range(begins[nodes[i]], begins[nodes[i] + 1]):
                down[sets_of[at]] = 0
        count += is_lost
    return count
