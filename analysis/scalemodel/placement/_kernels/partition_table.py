"""Fixed partitions: a table of nodes, one row of replicas per partition, the first of them the primary.

A *part* is one replica of one partition: ``part = partition * replicas + position`` in the row. A node fits into a row
if no other part of the row lies in the node's domain.
"""

import numpy as np

from scalemodel._jit import inlined, kernel

HALF = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)

FAR = 1 << 62
"""Distance of a node from which no chain leads to room."""

MOVE = 1 << 32
"""Length of a step that moves a part; each step counts one besides, so that of equal chains the shortest is taken."""

TRIES = 16
"""Nodes below their target that a part is offered to at once; what finds none is left to `settle`."""


@inlined
def scaled(key, size):
    """Return ``key * size / 2^64``, rounded down, for a size below 2^32; of a power of two, the top bits of the key."""
    return ((key >> HALF) * size + (((key & LOW) * size) >> HALF)) >> HALF


@kernel
def rows_of(hashes, rows):
    """Return the row of each hashed key."""
    found = np.empty(len(hashes), np.int64)
    for i in range(len(hashes)):
        found[i] = scaled(hashes[i], np.uint64(rows))
    return found


@kernel
def lookup(hashes, table):
    """Return the primary of each hashed key."""
    rows = np.uint64(len(table))
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        found[i] = table[scaled(hashes[i], rows), 0]
    return found


@kernel
def following(table, domains, n):
    """Return for each row the first `n` nodes of distinct domains from there on, around the table.

    Nodes that no row holds come last, in their order. Goes backward through the table, twice, and keeps the domains in
    order of their next row, as a linked list.
    """
    count = domains.max() + 1
    node_of = np.empty(count, np.int64)
    for node in range(len(domains) - 1, -1, -1):
        node_of[domains[node]] = node
    after = np.arange(1, count + 2)  # the domain that follows; the list begins after number `count`
    before = np.arange(-1, count)
    after[count], before[0] = 0, count
    lists = np.empty((len(table), n), np.int32)
    for around in range(2):
        for row in range(len(table) - 1, -1, -1):
            for k in range(table.shape[1] - 1, -1, -1):
                domain = domains[table[row, k]]
                node_of[domain] = table[row, k]
                if after[count] == domain:
                    continue
                after[before[domain]] = after[domain]
                if after[domain] < count:
                    before[after[domain]] = before[domain]
                after[domain], before[domain] = after[count], count
                before[after[count]] = domain
                after[count] = domain
            if around == 1:
                domain = after[count]
                for k in range(n):
                    lists[row, k] = node_of[domain]
                    domain = after[domain]
    return lists


@kernel
def free(row, position, domain, domains):
    """Tell whether no other part of the row lies in the domain."""
    others = 0
    for k in range(len(row)):
        others += k != position and domains[row[k]] == domain
    return others == 0


@kernel
def fits(row, position, node, domains):
    """Tell whether the node may take this position of the row."""
    return free(row, position, domains[node], domains)


@kernel
def holds(row, node):
    """Tell whether a row holds a node."""
    found = 0
    for other in row:
        found += other == node
    return found > 0


@kernel
def mix(table, domains, partners):
    """Exchange each part with its partner where both nodes fit; every node keeps its count."""
    replicas = table.shape[1]
    for i in range(len(partners)):
        p, k = i // replicas, i % replicas
        q, j = partners[i] // replicas, partners[i] % replicas
        here, there = table[p, k], table[q, j]
        if p == q or (fits(table[p], k, there, domains) and fits(table[q], j, here, domains)):
            table[p, k] = there
            table[q, j] = here


@kernel
def hand_over(table, domains, surplus, spare, order):
    """Give parts of nodes above their target straight to nodes below, in the given order; change all but the order.

    A primary goes to a node that lacks primaries, another part to one that lacks others: `surplus` is what a node
    holds above its target, and `spare` what of it are primaries.
    """
    replicas = table.shape[1]
    below = np.flatnonzero(surplus < 0)
    left, turn = len(below), 0
    for part in order:
        p, k = part // replicas, part % replicas
        giver = table[p, k]
        if surplus[giver] <= 0 or (spare[giver] if k == 0 else surplus[giver] - spare[giver]) <= 0:
            continue
        for step in range(min(left, TRIES)):
            at = (turn + step) % left
            taker = below[at]
            if (spare[taker] if k == 0 else surplus[taker] - spare[taker]) < 0 and fits(table[p], k, taker, domains):
                table[p, k] = taker
                surplus[giver] -= 1
                surplus[taker] += 1
                if k == 0:
                    spare[giver] -= 1
                    spare[taker] += 1
                if surplus[taker] == 0:
                    left -= 1
                    below[at] = below[left]
                break
        turn += 1


@kernel
def shorten(table, home, choices, anywhere, domains, distance, nearest, in_order):
    """Look once through all parts for shorter chains to room, and tell whether there were any; change the distances.

    A step that hands a part on costs a move if the next node is not in the row of `home`, and gives one back if the
    part's node is not. `nearest` are the distances of the domains and `in_order` the domains by them.
    """
    changed = False
    for p in range(len(table)):
        for k in range(table.shape[1]):
            node = table[p, k]
            best = FAR
            for other in choices[p]:
                if distance[other] < FAR and other != node and fits(table[p], k, other, domains):
                    best = min(best, distance[other] + (0 if holds(home[p], other) else MOVE))
            if anywhere:
                for domain in in_order:
                    if nearest[domain] == FAR:
                        break
                    if free(table[p], k, domain, domains):
                        best = min(best, nearest[domain] + MOVE)
                        break
            if best < FAR:
                length = best + 1 - (0 if holds(home[p], node) else MOVE)
                if length < distance[node]:
                    distance[node] = length
                    changed = True
    return changed


@kernel
def push(table, home, choices, anywhere, domains, surplus, room, distance, ordered, lengths, starts, parts):
    """Follow shortest chains from surplus to room until none is left, and tell whether there were any.

    Depth first; a node from which no chain goes on is of no more use. `ordered` has the nodes by distance and domain,
    `lengths` their distances, and `parts` from ``starts[node]`` on those of a node.
    """
    nodes, replicas = len(domains), table.shape[1]
    cursor = starts.copy()
    place = np.empty(nodes, np.int64)
    link = np.arange(nodes + 1)  # from each place in `ordered` to the next node that is still of use
    chain, via = np.empty(nodes + 1, np.int64), np.empty(nodes + 1, np.int64)
    for at in range(nodes):
        place[ordered[at]] = at
    any_found = False
    for source in range(nodes):
        while surplus[source] > 0 and distance[source] < FAR and link[place[source]] == place[source]:
            chain[0], depth = source, 0
            while depth >= 0 and (depth == 0 or room[chain[depth]] == 0):
                node = chain[depth]
                taker = -1
                while cursor[node] < starts[node + 1] and taker < 0:
                    part = parts[cursor[node]]
                    p, k = part // replicas, part % replicas
                    if table[p, k] == node:
                        length = distance[node] - 1 + (0 if holds(home[p], node) else MOVE)
                        taker = chosen(table[p], k, choices[p], home[p], domains, distance, length, link, place)
                        if anywhere and taker < 0:
                            taker = anyone(table[p], k, domains, ordered, lengths, length - MOVE, link)
                    if taker < 0:
                        cursor[node] += 1
                if taker < 0:
                    link[place[node]] = place[node] + 1
                    depth -= 1
                else:
                    via[depth] = parts[cursor[node]]
                    depth += 1
                    chain[depth] = taker
            if depth < 0:
                break
            any_found = True
            for step in range(depth):
                table[via[step] // replicas, via[step] % replicas] = chain[step + 1]
            last = chain[depth]
            surplus[source] -= 1
            room[last] -= 1
            if room[last] == 0:
                link[place[last]] = place[last] + 1
    return any_found


@kernel
def chosen(row, position, choices, home, domains, distance, length, link, place):
    """Return a node of `choices` that may take the position, is of use and lies at this length, or -1."""
    for node in choices:
        if node >= 0 and link[place[node]] == place[node] and node != row[position]:
            step = 0 if holds(home, node) else MOVE
            if distance[node] + step == length and fits(row, position, node, domains):
                return np.int64(node)
    return np.int64(-1)


@kernel
def anyone(row, position, domains, ordered, lengths, length, link):
    """Return a node that may take the position, is of use and has this distance, or -1."""
    at = following_use(link, first_at_least(lengths, length))
    while at < len(ordered) and lengths[at] == length:
        node = ordered[at]
        if fits(row, position, node, domains):
            return node
        while at < len(ordered) and lengths[at] == length and domains[ordered[at]] == domains[node]:
            at = following_use(link, at + 1)
    return np.int64(-1)


@kernel
def first_at_least(lengths, length):
    """Return the place of the first length that is not shorter, of lengths in order."""
    low, high = 0, len(lengths)
    while low < high:
        middle = (low + high) // 2
        if lengths[middle] < length:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def following_use(link, at):
    """Return the first place at or after this one that is still of use, and shorten the way there."""
    while link[at] != at:
        link[at] = link[link[at]]
        at = link[at]
    return at


@kernel
def parts_of(table, order, nodes):
    """Return where the parts of each node begin, and the parts node after node, each node's in the given order."""
    replicas = table.shape[1]
    starts = np.zeros(nodes + 1, np.int64)
    for part in order:
        starts[table[part // replicas, part % replicas] + 1] += 1
    for node in range(nodes):
        starts[node + 1] += starts[node]
    filled = starts.copy()
    parts = np.empty_like(order)
    for part in order:
        node = table[part // replicas, part % replicas]
        parts[filled[node]] = part
        filled[node] += 1
    return starts, parts
