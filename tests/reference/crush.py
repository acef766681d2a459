"""CRUSH as the papers tell it, a recursion over buckets, on plain numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from scalemodel.placement.crush_map import draws

M32 = 2**32 - 1
NONE = 2**31 - 1
LENGTHS = [math.floor(length) for length in draws()]  # checked against Ceph's own results


def mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Jenkins' mix, 1996."""
    a = (a - b - c & M32) ^ c >> 13
    b = (b - c - a & M32) ^ a << 8 & M32
    c = (c - a - b & M32) ^ b >> 13
    a = (a - b - c & M32) ^ c >> 12
    b = (b - c - a & M32) ^ a << 16 & M32
    c = (c - a - b & M32) ^ b >> 5
    a = (a - b - c & M32) ^ c >> 3
    b = (b - c - a & M32) ^ a << 10 & M32
    c = (c - a - b & M32) ^ b >> 15
    return a, b, c


@cache
def rjenkins1(*words: int) -> int:
    """Hash two or three words: mix pairs of words, and of two odd constants, into the hash."""
    h = 1315423911
    for word in words:
        h ^= word & M32
    names = dict(zip("abc", (word & M32 for word in words), strict=False)) | {"x": 231232, "y": 1232}
    for p, q in ("ab", "cx", "ya", "bx", "yc") if len(words) == 3 else ("ab", "xa", "by"):
        names[p], names[q], h = mix(names[p], names[q], h)
    return h


def stable_mod(x: int, groups: int) -> int:
    """Return the placement group of a hash: as many last bits as name all groups, or one fewer."""
    power = 1
    while power < groups:
        power *= 2
    return x % power if x % power < groups else x % (power // 2)


@dataclass(frozen=True)
class Map:
    """Items of each bucket as (id, weight in 1/65536), types of buckets, and what devices accept, in 1/65536."""

    buckets: Mapping[int, Sequence[tuple[int, int]]]
    kinds: Mapping[int, int]
    accepts: Mapping[int, int] = field(default_factory=dict)
    tries: int = 51
    leaf_tries: int = 0
    descend_once: int = 1
    vary_r: int = 1
    stable: int = 1

    def kind(self, item: int) -> int:
        return 0 if item >= 0 else self.kinds[item]

    def is_out(self, x: int, device: int) -> bool:
        accepts = self.accepts.get(device, 65536)
        return accepts < 65536 and (rjenkins1(x, device) & 65535) >= accepts


def straw2(crush: Map, x: int, r: int, bucket: int) -> int:
    """Return the item with the least draw over weight, the first of equals."""
    straws = [
        LENGTHS[rjenkins1(x, item, r) & 65535] // weight if weight else math.inf
        for item, weight in crush.buckets[bucket]
    ]
    return crush.buckets[bucket][straws.index(min(straws))][0]


def descend(crush: Map, x: int, r: int, item: int, kind: int) -> int | str:
    """Return the first item of a type on the way down, or what went wrong."""
    if item >= 0:
        return "astray"
    if not crush.buckets[item]:
        return "empty"
    below = straw2(crush, x, r, item)
    return below if crush.kind(below) == kind else descend(crush, x, r, below, kind)


def devices_of_tries(crush: Map, x: int, root: int) -> Iterator[int]:
    """Yield the device that each try finds, from the first."""
    r = 0
    while True:
        device = descend(crush, x, r, root, 0)
        if isinstance(device, int) and not crush.is_out(x, device):
            yield device
        r += 1


def firstn(crush: Map, x: int, item: int, wanted: int, room: int, kind: int, leaf: bool) -> list[tuple[int, int]]:
    """Return pairs of an item and the device below it."""
    chosen: list[tuple[int, int]] = []
    for replica in range(wanted):
        if len(chosen) == room:
            break
        for failed in range(crush.tries):
            r = replica + failed
            found = descend(crush, x, r, item, kind)
            if found == "astray":
                break
            if not isinstance(found, int) or found in [pair[0] for pair in chosen]:
                continue
            device: int | None = found
            if found < 0 and leaf:
                device = leaf_firstn(crush, x, r, found, [pair[1] for pair in chosen])
            elif found >= 0 and crush.is_out(x, found):
                device = None
            if device is not None:
                chosen.append((found, device))
                break
    return chosen


def leaf_firstn(crush: Map, x: int, r: int, item: int, others: list[int]) -> int | None:
    first = (0 if crush.stable else len(others)) + (r >> (crush.vary_r - 1) if crush.vary_r else 0)
    for failed in range(crush.leaf_tries or (1 if crush.descend_once else crush.tries)):
        device = descend(crush, x, first + failed, item, 0)
        if device == "astray":
            return None
        if isinstance(device, int) and device not in others and not crush.is_out(x, device):
            return device
    return None


def indep(crush: Map, x: int, item: int, wanted: int, room: int, kind: int, leaf: bool) -> list[tuple[int, int]]:
    """Return a pair for each place, of two `NONE` where there is none."""
    places: list[int | None] = [None] * min(wanted, room)
    leaves = [NONE] * len(places)
    for turn in range(crush.tries):
        for place, taken in enumerate(places):
            if taken is not None:
                continue
            r = place + wanted * turn
            found = descend(crush, x, r, item, kind)
            if found == "astray":
                places[place] = leaves[place] = NONE
            if not isinstance(found, int) or found in places:
                continue
            leaves[place] = found
            if found < 0 and leaf:
                leaves[place] = leaf_indep(crush, x, r, found, place, wanted)
                if leaves[place] == NONE:
                    continue
            elif found >= 0 and crush.is_out(x, found):
                continue
            places[place] = found
    return [(NONE if found is None else found, device) for found, device in zip(places, leaves, strict=True)]


def leaf_indep(crush: Map, x: int, r: int, item: int, place: int, wanted: int) -> int:
    for turn in range(crush.leaf_tries or 1):
        device = descend(crush, x, place + r + wanted * turn, item, 0)
        if device == "astray":
            break
        if isinstance(device, int) and not crush.is_out(x, device):
            return device
    return NONE


def run(crush: Map, steps: Sequence[tuple], x: int, n: int) -> list[int]:
    """Run a rule whose steps are ("take", id), ("choose" or "chooseleaf", mode, number, type), ("emit",), or set."""
    items: list[int] = []
    result: list[int] = []
    for step in steps:
        match step:
            case ("take", item):
                items = [item]
            case ("emit",):
                result += items
                items = []
            case ("set", name, value):
                crush = replace(crush, **{name: value})
            case (verb, mode, number, kind):
                wanted = number if number > 0 else number + n
                chosen: list[tuple[int, int]] = []
                for item in items:
                    if item < 0 < wanted:
                        choose = firstn if mode == "firstn" else indep
                        chosen += choose(crush, x, item, wanted, n - len(chosen), kind, verb == "chooseleaf")
                items = [pair[verb == "chooseleaf"] for pair in chosen]
    return (result + [NONE] * n)[:n]
