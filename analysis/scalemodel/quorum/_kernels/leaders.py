"""Many sets of places for replicas at once: how long commits and reads take from each leader."""

import numpy as np

from scalemodel._jit import kernel


@kernel
def combinations(m, n, total):
    """Return all `n` of `m` numbers, ``int64[total, n]``, in lexicographic order."""
    out = np.empty((total, n), np.int64)
    now = np.arange(n)
    for i in range(total):
        for j in range(n):
            out[i, j] = now[j]
        at = n - 1
        while at >= 0 and now[at] == m - n + at:
            at -= 1
        if at < 0:
            break
        now[at] += 1
        for j in range(at + 1, n):
            now[j] = now[j - 1] + 1
    return out


@kernel
def kth_smallest(row, members, k, best):
    """Return the k-th smallest of ``row[members]``; `best` has room for k numbers."""
    found = 0
    for j in range(len(members)):
        value = row[members[j]]
        if found == k and value >= best[k - 1]:
            continue
        at = min(found, k - 1)
        while at > 0 and best[at - 1] > value:
            best[at] = best[at - 1]
            at -= 1
        best[at] = value
        found = min(found + 1, k)
    return best[k - 1]


@kernel
def weighted_percentile(values, weights, p, order):
    """Return the smallest value that a share `p` of the weights does not exceed; `order` is room for indices."""
    for i in range(len(values)):
        at = i
        while at > 0 and values[order[at - 1]] > values[i]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = i
    total = 0.0
    last = values[order[0]]
    for i in order:
        if weights[i] > 0:
            last = values[i]
            total += weights[i]
            if total >= p - 1e-12:
                break
    return last


@kernel
def values_of(sets, between, reach, weights, quorum, leaderless, read_share, nearest_reads, p):
    """Return ``float64[sets, leaders]``: the mean latency over clients and requests, or its `p` percentile if p > 0.

    `between` has round trips between candidates, 0 from one to itself, `reach` from clients (rows) to candidates.
    A commit takes the way to the leader and the `quorum`-th fastest of its round trips; where there is no leader, the
    nearest replica does its part and there is one column. A read asks the leader, or the nearest replica.
    """
    clients, n = len(reach), sets.shape[1]
    columns = 1 if leaderless else n
    out = np.empty((len(sets), columns))
    to_lead = np.zeros(reach.shape[1])
    for i in range(reach.shape[1]):
        for c in range(clients):
            to_lead[i] += weights[c] * reach[c, i]
    best = np.empty(quorum)
    near = np.zeros(clients, np.int64)
    rounds = np.empty(n)
    times, shares = np.empty(2 * clients), np.empty(2 * clients)
    order = np.empty(2 * clients, np.int64)
    for c in range(clients):
        shares[c] = (1 - read_share) * weights[c]
        shares[clients + c] = read_share * weights[c]
    for s in range(len(sets)):
        members = sets[s]
        for j in range(n):
            rounds[j] = kth_smallest(between[members[j]], members, quorum, best)
        to_near = 0.0
        if leaderless or nearest_reads:
            for c in range(clients):
                near[c] = 0
                for j in range(1, n):
                    if reach[c, members[j]] < reach[c, members[near[c]]]:
                        near[c] = j
                to_near += weights[c] * reach[c, members[near[c]]]
        for j in range(columns):
            if p > 0:
                for c in range(clients):
                    at = near[c] if leaderless else j
                    times[c] = reach[c, members[at]] + rounds[at]
                    times[clients + c] = reach[c, members[near[c] if leaderless or nearest_reads else j]]
                out[s, j] = weighted_percentile(times, shares, p, order)
            elif leaderless:
                total = to_near
                for c in range(clients):
                    total += (1 - read_share) * weights[c] * rounds[near[c]]
                out[s, j] = total
            else:
                there = to_lead[members[j]]
                read = to_near if nearest_reads else there
                out[s, j] = (1 - read_share) * (there + rounds[j]) + read_share * read
    return out
