"""Cassandra's replication-aware choice of tokens: of the middles of all ranges, those that even out what nodes hold.

A token replicates the range from its start, the token of the `replicas`-th other group before it (or of its own group,
if that comes first), up to itself. Tokens are linked in ring order both ways. A candidate is the middle of the range
before the token of the same number.
"""

import numpy as np

from scalemodel._jit import inlined, kernel

ONE = np.uint64(1)


@inlined
def size(start, end):
    """Return the share of the circle from one token to another, all of it if they are equal."""
    part = np.float64(np.int64(np.uint64(end) - np.uint64(start))) * 2.0**-64  # signed numbers must not overflow
    return part if part > 0.0 else part + 1.0


@inlined
def middle(start, end):
    """Return Murmur3Partitioner's midpoint of a range; around the end it counts one step less, but at 2^63."""
    if start < end:
        return (start & end) + ((start ^ end) >> 1)
    half = (np.uint64(end) - np.uint64(start) - ONE) >> ONE
    found = np.int64(np.uint64(start) + half)
    return found if found >= start else found + 1


@inlined
def further(a, b, towards):
    """Return which of two tokens lies further before a third."""
    if a == towards:
        return b
    if b == towards:
        return a
    return a if size(a, towards) > size(b, towards) else b


@kernel
def span(token, before, group, new_group, replicas, tokens, owners, previous, groups, seen, stamp):
    """Return the start of what a token replicates, and the nearest place where a new token becomes its start."""
    start = threshold = token
    last = new_group
    found = 0
    at = before
    while True:
        start = tokens[at]
        last = groups[owners[at]]
        if seen[last] != stamp:
            seen[last] = stamp
            found += 1
            if found == replicas:
                break
            threshold = start
            if last == group:
                break
        at = previous[at]
    if group == new_group:
        threshold = token
    elif last != new_group and seen[new_group] == stamp:
        threshold = start
    return start, threshold


@kernel
def worth(token, start, at, unit, share, replicas, ring, nodes, ideal, seen, stamp, touched, adjusted):
    """Return how much less the shares of tokens and nodes vary with a new token in the range before token `at`.

    `start` is where that token's replication starts, and `share` how much the new node's own distance from its ideal
    counts: little at first.
    """
    tokens, owners, following, _, thresholds, held = ring
    groups, counts, holds = nodes
    new = size(start, token)
    change = ((new - ideal) / counts[unit]) ** 2
    touched[0], adjusted[0] = unit, holds[unit] + (new - ideal)
    used = 1
    found = 0
    while found < replicas:
        owner = owners[at]
        if seen[groups[owner]] != stamp:  # a second token of a group is not affected
            seen[groups[owner]] = stamp
            found += 1
            new = size(further(thresholds[at], token, tokens[at]), tokens[at])
            change += ((new - ideal) ** 2 - (held[at] - ideal) ** 2) / np.float64(counts[owner]) ** 2
            place = 0
            while place < used and touched[place] != owner:
                place += 1
            if place == used:
                touched[used], adjusted[used] = owner, holds[owner]
                used += 1
            adjusted[place] += new - held[at]
        at = following[at]
    of_nodes = 0.0
    for place in range(used - 1, -1, -1):
        owner = touched[place]
        diff = (adjusted[place] / counts[owner] - ideal) ** 2 - (holds[owner] / counts[owner] - ideal) ** 2
        of_nodes += diff if place > 0 else diff * share
    return -(change + of_nodes)


@inlined
def replay(tree, worths, i):
    """Let candidate i play again for the best: the root of the tree is the winner, a leaf is a candidate or -1."""
    at = (len(tree) // 2 + i) // 2
    while at > 0:
        a, b = tree[2 * at], tree[2 * at + 1]
        tree[at] = a if b < 0 or worths[a] >= worths[b] else b
        at //= 2


@kernel
def allocate(in_order, their_owners, groups, unit, replicas, fresh):
    """Return `fresh` tokens for a node that joins.

    `in_order` are the tokens of the other nodes, with at least `replicas` groups among them, and `groups` tells the
    group of each node. The best candidate is taken, then what the others are worth is looked at again, the best first,
    until one is still worth more than the next was.
    """
    n = len(in_order)
    new_group = groups[unit]
    ideal = replicas / (n + fresh)
    tokens, owners = np.empty(n + fresh, np.int64), np.empty(n + fresh, np.int32)
    following, previous = np.empty(n + fresh, np.int32), np.empty(n + fresh, np.int32)
    thresholds, held = np.empty(n + fresh, np.int64), np.zeros(n + fresh)
    counts, holds = np.zeros(len(groups), np.int64), np.zeros(len(groups))
    seen, visited = np.zeros(groups.max() + 1, np.int64), np.zeros(groups.max() + 1, np.int64)
    for i in range(n):
        tokens[i], owners[i] = in_order[i], their_owners[i]
        following[i], previous[i] = (i + 1) % n, (i + n - 1) % n
        counts[owners[i]] += 1
    counts[unit], holds[unit] = fresh, fresh * ideal
    stamp = 0
    for i in range(n):
        stamp += 1
        start, thresholds[i] = span(
            tokens[i],
            previous[i],
            groups[owners[i]],
            new_group,
            replicas,
            tokens,
            owners,
            previous,
            groups,
            seen,
            stamp,
        )
        held[i] = size(start, tokens[i])
        holds[owners[i]] += held[i]
    ring = tokens, owners, following, previous, thresholds, held
    nodes = groups, counts, holds

    middles, starts, worths = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    after, ahead = np.empty(n, np.int32), np.empty(n, np.int32)  # the candidates that are left
    touched, adjusted = np.empty(replicas + 1, np.int64), np.empty(replicas + 1)
    for i in range(n):
        middles[i] = middle(tokens[previous[i]], tokens[i])
        after[i], ahead[i] = following[i], previous[i]
        stamp += 1
        starts[i], _ = span(
            middles[i], previous[i], new_group, new_group, replicas, tokens, owners, previous, groups, seen, stamp
        )
        worths[i] = worth(
            middles[i], starts[i], i, unit, 1 / fresh, replicas, ring, nodes, ideal, visited, stamp, touched, adjusted
        )

    leaves = 2
    while leaves < n:
        leaves *= 2
    tree = np.full(2 * leaves, -1, np.int32)
    for i in range(n):
        tree[leaves + i] = i
    for at in range(leaves - 1, 0, -1):
        a, b = tree[2 * at], tree[2 * at + 1]
        tree[at] = a if b < 0 or worths[a] >= worths[b] else b

    for k in range(fresh):
        best = tree[1]
        while k > 0:
            stamp += 1
            worths[best] = worth(
                middles[best], starts[best], best, unit, (k + 1) / fresh,
                replicas, ring, nodes, ideal, visited, stamp, touched, adjusted,
            )  # fmt: skip
            replay(tree, worths, best)
            if tree[1] == best:
                break
            best = tree[1]
        worths[best] = -np.inf
        replay(tree, worths, best)
        after[ahead[best]], ahead[after[best]] = after[best], ahead[best]

        new = n + k
        tokens[new], owners[new], held[new] = middles[best], unit, ideal
        previous[new], following[new] = previous[best], best
        following[previous[best]], previous[best] = new, new
        at, candidate, found = new, best, 0
        stamp += 1
        visit = stamp
        while found < replicas:
            group = groups[owners[at]]
            if at != new:
                candidate = after[candidate]
                stamp += 1
                starts[candidate], _ = span(
                    middles[candidate], previous[candidate], new_group, new_group,
                    replicas, tokens, owners, previous, groups, seen, stamp,
                )  # fmt: skip
            if at == new or visited[group] != visit:
                if at != new:
                    visited[group] = visit
                    found += 1
                stamp += 1
                start, thresholds[at] = span(
                    tokens[at], previous[at], group, new_group, replicas, tokens, owners, previous, groups, seen, stamp
                )
                before, held[at] = held[at], size(start, tokens[at])
                holds[owners[at]] += held[at] - before
            at = following[at]
    return tokens[n:]
