"""Every state of sites and links: who can still reach whom."""

import numpy as np

from scalemodel._jit import kernel


@kernel
def partitions(site_down, ends, link_down, quorumless, dead, reach):
    """Fill ``reach[site, set]`` with the probability that a site is up and reaches just that set of sites.

    `ends` holds the two sites of each link; ``quorumless[set]`` and ``dead[set]`` are the probabilities that the
    replicas at these sites hold no quorum, and that none is up. Returns the probability that replicas are up on more
    than one side, and that no side has a quorum.
    """
    sites, links = len(site_down), len(link_down)
    near = np.empty(sites, np.int64)
    split = 0.0
    nowhere = 0.0
    for live in range(1 << sites):
        chance = 1.0
        for i in range(sites):
            chance *= 1.0 - site_down[i] if live >> i & 1 else site_down[i]
        if chance == 0.0:
            continue
        for state in range(1 << links):
            weight = chance
            for i in range(sites):
                near[i] = 1 << i
            for j in range(links):
                a, b = ends[j, 0], ends[j, 1]
                if state >> j & 1:
                    weight *= 1.0 - link_down[j]
                    if live >> a & 1 and live >> b & 1:
                        near[a] |= 1 << b
                        near[b] |= 1 << a
                else:
                    weight *= link_down[j]
            if weight == 0.0:
                continue
            rest = live
            none, one, more, without = 1.0, 0.0, 0.0, 1.0
            while rest:
                group = rest & -rest
                before = 0
                while before != group:
                    before = group
                    for i in range(sites):
                        if before >> i & 1:
                            group |= near[i]
                rest &= ~group
                for i in range(sites):
                    if group >> i & 1:
                        reach[i, group] += weight
                gone = dead[group]
                more += one * (1.0 - gone)
                one = one * gone + none * (1.0 - gone)
                none *= gone
                without *= quorumless[group]
            split += weight * more
            nowhere += weight * without
    return split, nowhere
