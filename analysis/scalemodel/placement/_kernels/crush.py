"""CRUSH: straw2 draws, the descent through the buckets, and the steps of a rule.

Devices are 0, 1, …, buckets are negative. The arrays that all kernels read:

buckets : int64[buckets, 3]
    Of bucket -1 - b the place of its first item, the number of its items and its type. After its items there is room
    up to a multiple of `LANES`, so that hashes are computed in whole vectors.
items : uint32[items]
    Their ids, as the words that are hashed.
per_weight : float64[items]
    One over their weight in 1/65536, infinite for weight zero.
draws : float64[65536]
    ``2^48 - crush_ln(u) + 1/2``.
devices : int64[devices, 2]
    In 1/65536 the chance that a device accepts what it was chosen for; a number, of which each may be chosen once.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from scalemodel._jit import inlined, kernel

U32 = np.uint32
LANES = 8

NONE = 0x7FFFFFFF  # Ceph's CRUSH_ITEM_NONE: a place without an item
UNDECIDED = 0x7FFFFFFE
EMPTY = 1 << 40  # a descent that ended in an empty bucket: try again
ASTRAY = 1 << 41  # a descent that met a device above the wanted level: give up

TRIES, LEAF_TRIES, DESCEND_ONCE, VARY_R, STABLE = range(5)  # the tunables; of leaf tries 0: as descend_once says
TAKE, CHOOSE_FIRSTN, CHOOSE_INDEP, CHOOSELEAF_FIRSTN, CHOOSELEAF_INDEP, EMIT, SET = range(7)  # SET + i sets tunable i

TURNS = (13, -8, 13, 12, -16, 5, 3, -10, 15)  # of Jenkins' mix (1996): bits to the right, negative ones to the left
SEED, FIRST, SECOND = 1315423911, 231232, 1232


def mix(builder, a, b, c):
    """Write the code of Jenkins' mix of three words; written as operations on 32 bits, which numba would widen."""
    for turn in TURNS:
        other = (builder.lshr if turn > 0 else builder.shl)(c, c.type(abs(turn)))
        a, b, c = b, c, builder.xor(builder.sub(builder.sub(a, b), c), other)
    return a, b, c


@intrinsic
def hash3(typing_context, a, b, c):
    """The rjenkins1 hash of three words."""

    def generate(context, builder, signature, arguments):
        a, b, c = arguments
        h, x, y = builder.xor(a.type(SEED), builder.xor(a, builder.xor(b, c))), a.type(FIRST), a.type(SECOND)
        a, b, h = mix(builder, a, b, h)
        c, x, h = mix(builder, c, x, h)
        y, a, h = mix(builder, y, a, h)
        b, x, h = mix(builder, b, x, h)
        return mix(builder, y, c, h)[2]

    return types.uint32(types.uint32, types.uint32, types.uint32), generate


@intrinsic
def hash2(typing_context, a, b):
    """The rjenkins1 hash of two words."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        h, x, y = builder.xor(a.type(SEED), builder.xor(a, b)), a.type(FIRST), a.type(SECOND)
        a, b, h = mix(builder, a, b, h)
        x, a, h = mix(builder, x, a, h)
        return mix(builder, b, y, h)[2]

    return types.uint32(types.uint32, types.uint32), generate


@kernel
def hash_pairs(words, other):
    """Hash each word together with another."""
    hashes = np.empty(len(words), np.uint32)
    for i in range(len(words)):
        hashes[i] = hash2(words[i], other)
    return hashes


@inlined
def straw2(x, r, bucket, buckets, items, per_weight, draws, words):
    """Return the item with the longest straw: the least ``floor(draw / weight)``, the first of equals.

    The draw has 48 bits and one half, so the product with the rounded reciprocal has the floor of the exact quotient.
    """
    start, size = buckets[bucket, 0], buckets[bucket, 1]
    for i in range((size + LANES - 1) // LANES * LANES):  # vectorised
        words[i] = hash3(x, items[start + i], r)
    winner = 0
    shortest = np.inf
    for i in range(size):
        length = np.floor(draws[words[i] & U32(0xFFFF)] * per_weight[start + i])
        better = length < shortest
        shortest = length if better else shortest
        winner = i if better else winner
    return np.int64(np.int32(items[start + winner]))


@kernel
def descend(x, r, item, kind, buckets, items, per_weight, draws, words):
    """Go down from a bucket to the first item of a type (0: a device)."""
    while True:
        bucket = -1 - item
        if buckets[bucket, 1] == 0:
            return EMPTY
        item = straw2(x, r, bucket, buckets, items, per_weight, draws, words)
        if (0 if item >= 0 else buckets[-1 - item, 2]) == kind:
            return item
        if item >= 0:
            return ASTRAY


@inlined
def is_out(x, device, devices):
    """Tell whether a device that has been reweighted turns this input down."""
    accepts = devices[device, 0]
    return accepts < 0x10000 and np.int64(hash2(x, device) & U32(0xFFFF)) >= accepts


@inlined
def is_taken(item, chosen, start, stop, devices):
    """Tell whether an item, or a device of the same number, has been chosen already."""
    number = devices[item, 1] if item >= 0 else item
    for i in range(start, stop):
        other = chosen[i]
        if (devices[other, 1] if 0 <= other < UNDECIDED else other) == number:
            return True
    return False


@inlined
def find_leaf(x, first, step, tries, item, start, stop, leaves, buckets, items, per_weight, draws, devices, words):
    """Look for a device below an item, unlike those from `start` to `stop`."""
    for turn in range(tries):
        device = descend(x, U32(first + step * turn), item, 0, buckets, items, per_weight, draws, words)
        if device == ASTRAY:
            return NONE
        if device != EMPTY and not is_taken(device, leaves, start, stop, devices) and not is_out(x, device, devices):
            return device
    return NONE


@inlined
def firstn(
    x, item, wanted, kind, to_leaf, start, chosen, leaves, limits, buckets, items, per_weight, draws, devices, words
):
    """Choose distinct items of a type below another; one that cannot be found leaves no gap. Return where they end."""
    leaf_tries = limits[LEAF_TRIES]
    if leaf_tries == 0:
        leaf_tries = 1 if limits[DESCEND_ONCE] else limits[TRIES]
    stop = start
    for replica in range(wanted):
        if stop == len(chosen):
            break
        for failed in range(limits[TRIES]):
            r = replica + failed
            found = descend(x, U32(r), item, kind, buckets, items, per_weight, draws, words)
            if found == ASTRAY:
                break
            if found == EMPTY or is_taken(found, chosen, start, stop, devices):
                continue
            leaf = found
            if found >= 0:
                if is_out(x, found, devices):
                    continue
            elif to_leaf:
                first = 0 if limits[STABLE] else stop - start
                if limits[VARY_R] > 0:
                    first += r >> (limits[VARY_R] - 1)
                leaf = find_leaf(
                    x,
                    first,
                    1,
                    leaf_tries,
                    found,
                    start,
                    stop,
                    leaves,
                    buckets,
                    items,
                    per_weight,
                    draws,
                    devices,
                    words,
                )
                if leaf == NONE:
                    continue
            chosen[stop] = found
            leaves[stop] = leaf
            stop += 1
            break
    return stop


@inlined
def indep(
    x, item, wanted, kind, to_leaf, start, chosen, leaves, limits, buckets, items, per_weight, draws, devices, words
):
    """Choose distinct items of a type below another, each in its own place; one that cannot be found leaves a gap."""
    stop = min(start + wanted, len(chosen))
    for at in range(start, stop):
        chosen[at] = UNDECIDED
        leaves[at] = NONE
    for turn in range(limits[TRIES]):
        missing = False
        for at in range(start, stop):
            if chosen[at] != UNDECIDED:
                continue
            missing = True
            r = at - start + wanted * turn
            found = descend(x, U32(r), item, kind, buckets, items, per_weight, draws, words)
            if found == ASTRAY:
                chosen[at] = NONE
                leaves[at] = NONE
                continue
            if found == EMPTY or is_taken(found, chosen, start, stop, devices):
                continue
            leaves[at] = found  # as Ceph has it: a device that is turned down stays if no other is found
            if found >= 0:
                if is_out(x, found, devices):
                    continue
            elif to_leaf:
                leaves[at] = find_leaf(
                    x, at - start + r, wanted, max(limits[LEAF_TRIES], 1), found, start, start, leaves,
                    buckets, items, per_weight, draws, devices, words,
                )  # fmt: skip
                if leaves[at] == NONE:
                    continue
            chosen[at] = found
        if not missing:
            break
    for at in range(start, stop):
        if chosen[at] == UNDECIDED:
            chosen[at] = NONE
    return stop


@kernel
def place(xs, steps, n, tunables, buckets, items, per_weight, draws, devices):
    """Run a rule for each input: int32[inputs, n], filled up with `NONE`."""
    result = np.empty((len(xs), n), np.int32)
    largest = 0
    for bucket in range(len(buckets)):
        largest = max(largest, buckets[bucket, 1])
    words = np.empty(largest + LANES, np.uint32)
    limits = np.empty(len(tunables), np.int64)
    working = np.empty(n, np.int64)  # the items that the next step starts from
    chosen = np.empty(n, np.int64)
    leaves = np.empty(n, np.int64)  # the devices to which they lead
    for i in range(len(xs)):
        x = xs[i]
        for tunable in range(len(tunables)):  # a rule may set them; slices take numba long to compile
            limits[tunable] = tunables[tunable]
        held = 0
        emitted = 0
        for step in range(len(steps)):
            action, argument, kind = steps[step, 0], steps[step, 1], steps[step, 2]
            if action == TAKE:
                working[0] = argument
                held = 1
            elif action == EMIT:
                for k in range(min(held, n - emitted)):
                    result[i, emitted] = working[k]
                    emitted += 1
                held = 0
            elif action >= SET:
                limits[action - SET] = argument
            else:
                wanted = argument if argument > 0 else argument + n
                to_leaf = action in (CHOOSELEAF_FIRSTN, CHOOSELEAF_INDEP)
                stop = 0
                for k in range(held):
                    if working[k] >= 0 or wanted <= 0:  # nothing is below a device
                        continue
                    if action in (CHOOSE_FIRSTN, CHOOSELEAF_FIRSTN):
                        stop = firstn(
                            x, working[k], wanted, kind, to_leaf, stop, chosen, leaves, limits,
                            buckets, items, per_weight, draws, devices, words,
                        )  # fmt: skip
                    else:
                        stop = indep(
                            x, working[k], wanted, kind, to_leaf, stop, chosen, leaves, limits,
                            buckets, items, per_weight, draws, devices, words,
                        )  # fmt: skip
                held = stop
                for k in range(held):
                    working[k] = leaves[k] if to_leaf else chosen[k]
        for k in range(emitted, n):
            result[i, k] = NONE
    return result
