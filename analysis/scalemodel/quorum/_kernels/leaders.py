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
def rising(values, order):
    """Fill `order` with the numbers of the values, smallest first."""
    for i in range(len(values)):
        at = i
        while at > 0 and values[order[at - 1]] > values[i]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = i


@kernel
def percentile(first, first_order, shift, first_share, second, second_order, second_share, weights, p):
    """Return the smallest time within which a share `p` is done: of ``first + shift`` and `second`, largest first.

    Value c of either has weight ``weights[c]`` times the share of the list.
    """
    i = j = len(weights) - 1
    left = 1 - p + 1e-12  # what may be above the answer
    time = 0.0
    while i >= 0 or j >= 0:
        if j < 0 or (i >= 0 and first[first_order[i]] + shift >= second[second_order[j]]):
            time = first[first_order[i]] + shift
            left -= first_share * weights[first_order[i]]
            i -= 1
        else:
            time = second[second_order[j]]
            left -= second_share * weights[second_order[j]]
            j -= 1
        if left < 0:
            break
    return time


@kernel
def values_of(sets, between, reach, weights, quorum, leaderless, read_share, nearest_reads, p):
    """Return ``float64[sets, leaders]``: the mean latency over clients and requests, or its `p` percentile if p > 0.

    `between` has round trips between candidates, 0 from one to itself, `reach` to candidates (rows) from clients.
    A commit takes the way to the leader and the `quorum`-th fastest of its round trips; where there is no leader, the
    nearest replica does its part and there is one column. A read asks the leader, or the nearest replica.
    """
    clients, n = reach.shape[1], sets.shape[1]
    columns = 1 if leaderless else n
    use_near = leaderless or nearest_reads
    out = np.empty((len(sets), columns))
    to_lead = np.zeros(len(reach))
    orders = np.empty((len(reach), clients), np.int64)
    for i in range(len(reach)):
        rising(reach[i], orders[i])
        for c in range(clients):
            to_lead[i] += weights[c] * reach[i, c]
    best, rounds = np.empty(quorum), np.empty(n)
    near = np.zeros(clients, np.int64)
    reads, commits = np.empty(clients), np.empty(clients)
    read_order, commit_order = np.empty(clients, np.int64), np.empty(clients, np.int64)
    for s in range(len(sets)):
        members = sets[s]
        for j in range(n):
            rounds[j] = kth_smallest(between[members[j]], members, quorum, best)
        to_near = 0.0
        if use_near:
            for c in range(clients):
                at = 0
                for j in range(1, n):
                    if reach[members[j], c] < reach[members[at], c]:
                        at = j
                near[c] = at
                reads[c] = reach[members[at], c]
                to_near += weights[c] * reads[c]
            if p > 0:
                rising(reads, read_order)
        for j in range(columns):
            member = members[j]
            if leaderless:
                for c in range(clients):
                    commits[c] = reads[c] + rounds[near[c]]
            if p > 0 and leaderless:
                rising(commits, commit_order)
                out[s, 0] = percentile(
                    commits, commit_order, 0.0, 1 - read_share, reads, read_order, read_share, weights, p
                )
            elif p > 0:
                later = reads if use_near else reach[member]
                order = read_order if use_near else orders[member]
                out[s, j] = percentile(
                    reach[member], orders[member], rounds[j], 1 - read_share, later, order, read_share, weights, p
                )
            elif leaderless:
                total = read_share * to_near
                for c in range(clients):
                    total += (1 - read_share) * weights[c] * commits[c]
                out[s, 0] = total
            else:
                read = to_near if nearest_reads else to_lead[member]
                out[s, j] = (1 - read_share) * (to_lead[member] + rounds[j]) + read_share * read
    return out
