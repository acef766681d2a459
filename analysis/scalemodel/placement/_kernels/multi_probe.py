"""Multi-probe consistent hashing: a point for each node, several probes for each key, and the nearest wins.

A probe looks clockwise for the first point after it; a point at the probe itself does not count. Of equal distances the
earlier probe's wins. Points are in order, `starts` says where those of each bucket of their top bits begin.
"""

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import splitmix64

U64 = np.uint64
GAMMA = U64(0x9E3779B97F4A7C15)
FARTHEST = U64(0xFFFFFFFFFFFFFFFF)
ONE = U64(1)


@inlined
def first_after(probe, points, starts, shift):
    """Return the position of the first point after the probe, around the end."""
    k = U64(starts[probe >> shift])
    last = U64(len(points))
    while k < last and points[k] <= probe:
        k += ONE
    return k if k < last else U64(0)


@kernel
def nearest(first, step, mixed, probes, points, starts, shift):
    """Return the position of the nearest point to any of the probes ``first + i step``, which may be mixed yet."""
    best = FARTHEST
    found = U64(0)
    for _ in range(probes):
        probe = splitmix64(first) if mixed else first
        k = first_after(probe, points, starts, shift)
        distance = points[k] - probe
        if distance < best:
            best = distance
            found = k
        first += step
    return found


@kernel
def lookup_double(pairs, probes, points, owners, starts, bits):
    """Return the owner of the point nearest to the probes ``h1 + i h2``, for each pair of hashes."""
    found = np.empty(len(pairs), np.int32)
    for i in range(len(pairs)):
        k = nearest(pairs[i, 0], pairs[i, 1], False, probes, points, starts, U64(64 - bits))
        found[i] = owners[k]
    return found


@kernel
def lookup_independent(hashes, probes, points, owners, starts, bits):
    """Return the owner of the point nearest to the outputs of SplitMix64, for each hash as its seed."""
    found = np.empty(len(hashes), np.int32)
    for i in range(len(hashes)):
        k = nearest(hashes[i], GAMMA, True, probes, points, starts, U64(64 - bits))
        found[i] = owners[k]
    return found


@kernel
def replicas(firsts, steps, mixed, probes, points, owners, starts, bits, domains, n):
    """Return the first `n` owners of distinct domains, by the distance of their points from the nearest probe."""
    shift = U64(64 - bits)
    last = len(points) - 1
    found = np.empty((len(firsts), n), np.int32)
    places = np.empty(probes, np.uint64)
    at = np.empty(probes, np.int64)
    distances = np.empty(probes, np.uint64)
    taken_by = np.full(domains.max() + 1, -1, np.int64)  # the last key that used the domain
    for i in range(len(firsts)):
        for p in range(probes):
            place = firsts[i] + U64(p) * steps[i]
            places[p] = splitmix64(place) if mixed else place
            at[p] = first_after(places[p], points, starts, shift)
            distances[p] = points[at[p]] - places[p]
        chosen = 0
        while chosen < n:
            p = 0
            for other in range(1, probes):
                if distances[other] < distances[p]:
                    p = other
            node = owners[at[p]]
            if taken_by[domains[node]] != i:
                taken_by[domains[node]] = i
                found[i, chosen] = node
                chosen += 1
            at[p] = at[p] + 1 if at[p] < last else 0
            onward = points[at[p]] - places[p]
            distances[p] = onward if onward > distances[p] else FARTHEST  # once around, this probe has seen all
    return found
