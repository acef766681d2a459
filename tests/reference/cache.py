"""Caches as their papers describe them, with lists and dicts: a policy is a class whose `request` tells a hit.

Lists have the most recent at the end. Sizes are those with which an object was stored.
"""

import math
from collections import OrderedDict

from .hashing import M64, splitmix64


def replay(cache, ids, sizes=None, admit=None):
    """Return the misses of a trace as ones and zeros, step by step."""
    out = []
    for i, o in enumerate(ids):
        size = 1 if sizes is None else int(sizes[i])
        out.append(int(cache.request(int(o), size, i, admit is None or bool(admit[i]))))
        assert cache.occupied() <= cache.capacity
    return out


def draw(seed, counter):
    """A 64-bit draw by its number."""
    return splitmix64((seed + counter) * 0x9E3779B97F4A7C15 & M64)


class Cache:
    def __init__(self, capacity, *options, seed=0):
        self.capacity = capacity
        self.size = {}
        self.seed = seed
        self.setup(*options)

    def setup(self):
        pass

    def occupied(self):
        return sum(self.size[o] for o in self.inside())

    def inside(self):
        return self.size

    def request(self, o, size, now, admit=True):
        if o in self.inside():
            self.hit(o, now)
            return True
        if size <= self.largest(o) and admit:
            self.miss(o, size, now)
        return False

    def largest(self, o):
        return self.capacity

    def room_for(self, size, now):
        while self.occupied() + size > self.capacity:
            self.evict(now)

    def miss(self, o, size, now):
        self.room_for(size, now)
        self.size[o] = size
        self.insert(o, now)

    def evict(self, now):
        del self.size[self.victim(now)]


class Fifo(Cache):
    def setup(self):
        self.queue = []

    def hit(self, o, now):
        pass

    def insert(self, o, now):
        self.queue.append(o)

    def victim(self, now):
        return self.queue.pop(0)


class Lru(Fifo):
    def hit(self, o, now):
        self.queue.remove(o)
        self.queue.append(o)


class Lfu(Fifo):
    def setup(self):
        self.queue = []  # in the order in which objects got their present count
        self.uses = {}

    def hit(self, o, now):
        self.uses[o] += 1
        self.queue.remove(o)
        self.queue.append(o)

    def insert(self, o, now):
        self.uses[o] = 1
        self.queue.append(o)

    def victim(self, now):
        least = min(self.queue, key=lambda o: self.uses[o])  # the first of equals
        self.queue.remove(least)
        return least


class Clock(Fifo):
    def setup(self, bits):
        self.queue = []
        self.uses = {}
        self.most = 2**bits - 1

    def hit(self, o, now):
        self.uses[o] = min(self.uses[o] + 1, self.most)

    def insert(self, o, now):
        self.uses[o] = 0
        self.queue.append(o)

    def victim(self, now):
        while self.uses[self.queue[0]]:
            self.uses[self.queue[0]] -= 1
            self.queue.append(self.queue.pop(0))
        return self.queue.pop(0)


class Sieve(Fifo):
    def setup(self):
        self.queue = []
        self.visited = set()
        self.hand = None  # an object

    def hit(self, o, now):
        self.visited.add(o)

    def victim(self, now):
        at = self.queue.index(self.hand) if self.hand is not None else 0
        while self.queue[at] in self.visited:
            self.visited.remove(self.queue[at])
            at = (at + 1) % len(self.queue)
        self.hand = self.queue[at + 1] if at + 1 < len(self.queue) else None
        return self.queue.pop(at)


class S3Fifo(Cache):
    """Algorithm 1 of the paper; until the first eviction, what finds the small queue full goes to the main one."""

    def setup(self, small, ghost, threshold):
        self.small_limit = int(self.capacity * small)
        self.ghost_limit = int(self.capacity * ghost)
        self.threshold = threshold
        self.small, self.main, self.ghosts, self.uses = [], [], [], {}
        self.full = False

    def largest(self, o):
        return self.small_limit

    def inside(self):
        return self.uses

    def total(self, queue):
        return sum(self.size[o] for o in queue)

    def hit(self, o, now):
        self.uses[o] = min(self.uses[o] + 1, 3)

    def miss(self, o, size, now):
        known = o in self.ghosts
        if known:
            self.ghosts.remove(o)
        while self.occupied() + size > self.capacity:
            self.full = True
            if self.total(self.main) > self.capacity - self.small_limit or not self.small:
                self.evict_main()
            else:
                self.evict_small()
        if size >= max(self.small_limit, 2):
            return  # as large as the small queue: libcachesim makes room for it and then leaves it out
        into_main = known or (not self.full and self.total(self.small) >= self.small_limit)
        self.size[o], self.uses[o] = size, 0
        (self.main if into_main else self.small).append(o)

    def evict_small(self):
        while self.small:
            o = self.small.pop(0)
            if self.uses[o] >= self.threshold:
                self.uses[o] = 0
                self.main.append(o)
                continue
            del self.uses[o]
            if self.size[o] <= self.ghost_limit:
                while self.total(self.ghosts) + self.size[o] > self.ghost_limit:
                    self.ghosts.pop(0)
                self.ghosts.append(o)
            return

    def evict_main(self):
        while self.uses[self.main[0]]:
            self.uses[self.main[0]] -= 1
            self.main.append(self.main.pop(0))
        del self.uses[self.main.pop(0)]


class Slru(Cache):
    def setup(self, *shares):
        self.limits = [int(self.capacity * share) for share in shares]
        self.segments = [[] for _ in shares]

    def total(self, level):
        return sum(self.size[o] for o in self.segments[level])

    def largest(self, o):
        return self.limits[0]

    def hit(self, o, now):
        at = next(level for level, segment in enumerate(self.segments) if o in segment)
        to = min(at + 1, len(self.segments) - 1)
        if self.size[o] > self.limits[to]:
            to = at
        self.segments[at].remove(o)
        self.segments[to].append(o)
        for level in range(to, 0, -1):
            while self.total(level) > self.limits[level]:
                self.segments[level - 1].append(self.segments[level].pop(0))

    def insert(self, o, now):
        levels = range(len(self.segments))
        room = [level for level in levels if self.total(level) + self.size[o] <= self.limits[level]]
        self.segments[room[0] if room else 0].append(o)

    def victim(self, now):
        return next(segment for segment in self.segments if segment).pop(0)


class TwoQ(Cache):
    def setup(self, a1in, a1out):
        self.in_limit, self.out_limit = int(self.capacity * a1in), int(self.capacity * a1out)
        self.a1in, self.a1out, self.am = [], [], []
        self.old = {}

    def largest(self, o):
        return self.capacity if o in self.a1out else self.in_limit

    def hit(self, o, now):
        if o in self.am:
            self.am.remove(o)
            self.am.append(o)

    def miss(self, o, size, now):
        known = o in self.a1out
        if known:
            self.a1out.remove(o)
        self.room_for(size, now)
        self.size[o] = size
        (self.am if known else self.a1in).append(o)

    def victim(self, now):
        if sum(self.size[o] for o in self.a1in) > self.in_limit or not self.am:
            o = self.a1in.pop(0)
            self.old[o] = self.size[o]
            if self.size[o] <= self.out_limit:
                while sum(self.old[x] for x in self.a1out) + self.size[o] > self.out_limit:
                    self.a1out.pop(0)
                self.a1out.append(o)
            return o
        return self.am.pop(0)


class Arc(Cache):
    """Figure 4 of the paper."""

    def setup(self):
        self.t1, self.t2, self.b1, self.b2 = [], [], [], []
        self.p = 0.0

    def inside(self):
        return self.t1 + self.t2

    def total(self, *lists):
        return sum(self.size[o] for list_ in lists for o in list_)

    def hit(self, o, now):
        (self.t1 if o in self.t1 else self.t2).remove(o)
        self.t2.append(o)

    def replace(self, in_b2):
        size = self.total(self.t1)
        if self.t1 and (size > self.p or (in_b2 and size == self.p) or not self.t2):
            self.b1.append(self.t1.pop(0))
        else:
            self.b2.append(self.t2.pop(0))

    def miss(self, o, size, now):
        c = self.capacity
        in_b1, in_b2 = o in self.b1, o in self.b2
        b1, b2 = self.total(self.b1), self.total(self.b2)
        if in_b1:
            self.p = min(self.p + max(1.0, b2 / b1) * size, float(c))
            self.b1.remove(o)
        elif in_b2:
            self.p = max(self.p - max(1.0, b1 / b2) * size, 0.0)
            self.b2.remove(o)
        while self.total(self.t1, self.t2) + size > c:
            if not in_b1 and not in_b2:
                if self.total(self.t1, self.b1) + size > c:
                    if not self.b1:
                        self.t1.pop(0)
                        continue
                    self.b1.pop(0)
                elif self.total(self.t1, self.t2, self.b1, self.b2) + size > 2 * c and self.b2:
                    self.b2.pop(0)
            self.replace(in_b2)
        self.size[o] = size
        (self.t2 if in_b1 or in_b2 else self.t1).append(o)


class Lirs(Cache):
    def setup(self, hir, ghosts):
        self.hir_limit = max(int(self.capacity * hir), 1)
        self.ghost_limit = self.capacity * ghosts
        self.stack, self.queue, self.gone, self.lir = [], [], [], []

    def inside(self):
        return self.lir + self.queue

    def total(self, objects):
        return sum(self.size[o] for o in objects)

    def prune(self):
        while self.stack and self.stack[0] not in self.lir:
            o = self.stack.pop(0)
            if o in self.gone:
                self.gone.remove(o)

    def to_top(self, o):
        if o in self.stack:
            self.stack.remove(o)
        self.stack.append(o)

    def demote(self):
        self.prune()
        bottom = self.stack[0]
        self.lir.remove(bottom)
        self.queue.append(bottom)
        self.prune()

    def settle(self):
        while self.total(self.lir) > self.capacity - self.hir_limit:
            self.demote()

    def largest(self, o):
        return self.hir_limit

    def hit(self, o, now):
        known = o in self.stack
        self.to_top(o)
        if o in self.lir:
            self.prune()
        elif known:
            self.queue.remove(o)
            self.lir.append(o)
            self.settle()
        else:
            self.queue.remove(o)
            self.queue.append(o)

    def miss(self, o, size, now):
        known = o in self.gone
        if known:
            self.gone.remove(o)
        if o in self.stack:
            self.stack.remove(o)
        while self.occupied() + size > self.capacity:
            if not self.queue:
                self.demote()
            victim = self.queue.pop(0)
            if victim in self.stack:
                self.gone.append(victim)
        while self.total(self.gone) > self.ghost_limit:
            self.stack.remove(self.gone.pop(0))
        self.size[o] = size
        self.to_top(o)
        if known or self.total(self.lir) + size <= self.capacity - self.hir_limit:
            self.lir.append(o)
        else:
            self.queue.append(o)
        self.settle()


class KLru(Cache):
    def setup(self, k):
        self.lists = [Lru(self.capacity) for _ in range(int(k))]

    def inside(self):
        return self.lists[-1].size

    def occupied(self):
        return self.lists[-1].occupied()

    def request(self, o, size, now, admit=True):
        hit = o in self.inside()
        may = admit
        for each in self.lists:
            may = each.request(o, size, now, may)
        return hit


class WTinyLfu(Cache):
    def setup(self, window, protected, sample, entries):
        self.window_limit = self.capacity - int(self.capacity * (1.0 - window))
        self.protected_limit = int((self.capacity - self.window_limit) * protected)
        self.width = 2 ** max(3, math.ceil(math.log2(entries)))
        self.rows = [[0] * self.width for _ in range(4)]
        self.sample, self.counted = max(int(sample * entries), 1), 0
        self.window, self.probation, self.protected = [], [], []

    def inside(self):
        return self.window + self.probation + self.protected

    def cells(self, o):
        return [(row, draw(self.seed + row, o) & (self.width - 1)) for row in range(4)]

    def estimate(self, o):
        return min(self.rows[row][at] for row, at in self.cells(o))

    def count(self, o):
        least = self.estimate(o)
        if least < 15:
            for row, at in self.cells(o):
                if self.rows[row][at] == least:
                    self.rows[row][at] += 1
        self.counted += 1
        if self.counted == self.sample:
            self.rows = [[cell // 2 for cell in row] for row in self.rows]
            self.counted //= 2

    def total(self, objects):
        return sum(self.size[o] for o in objects)

    def request(self, o, size, now, admit=True):
        self.count(o)
        return super().request(o, size, now, admit)

    def largest(self, o):
        return self.window_limit or self.capacity

    def hit(self, o, now):
        if o in self.window:
            self.window.remove(o)
            self.window.append(o)
            return
        (self.probation if o in self.probation else self.protected).remove(o)
        (self.protected if self.size[o] <= self.protected_limit else self.probation).append(o)
        while self.total(self.protected) > self.protected_limit:
            self.probation.append(self.protected.pop(0))

    def miss(self, o, size, now):
        self.size[o] = size
        self.window.append(o)
        while self.total(self.window) > self.window_limit:
            candidate = self.window.pop(0)
            order = self.probation + self.protected
            self.probation.append(candidate)
            victims, need = [], self.occupied() - self.capacity
            while need > 0 and len(victims) < len(order):
                victims.append(order[len(victims)])
                need -= self.size[victims[-1]]
            if self.occupied() <= self.capacity:
                continue
            worth = self.estimate(candidate) - sum(self.estimate(victim) for victim in victims)
            if need > 0 or worth <= 0:
                self.probation.remove(candidate)
                continue
            while self.occupied() > self.capacity:
                self.leave(order.pop(0))
        while self.occupied() > self.capacity:
            self.leave((self.probation + self.protected)[0])

    def leave(self, victim):
        (self.probation if victim in self.probation else self.protected).remove(victim)


class LeCar(Cache):
    def setup(self, weight, rate, discount, history, entries):
        self.weight, self.rate = weight, rate
        self.decay = discount ** (1.0 / entries)
        self.limit = self.capacity * history
        self.last, self.uses, self.left = OrderedDict(), {}, {}
        self.histories = [[], []]
        self.evictions = 0

    def inside(self):
        return self.last

    def hit(self, o, now):
        self.uses[o] += 1
        self.last[o] = now

    def miss(self, o, size, now):
        known = [o in history for history in self.histories]
        if any(known):
            regret = math.exp(self.rate * self.decay ** (now - self.left[o]))
            lru, lfu = self.weight, 1.0 - self.weight
            lru, lfu = (lru, lfu * regret) if known[0] else (lru * regret, lfu)
            self.weight = min(max(lru / (lru + lfu), 0.01), 0.99)
            self.histories[known.index(True)].remove(o)
        while self.occupied() + size > self.capacity:
            recent = min(self.last, key=self.last.get)
            frequent = min(self.last, key=lambda x: (self.uses[x], self.last[x]))
            by = 0 if (draw(self.seed, self.evictions) >> 11) * 2.0**-53 < self.weight else 1
            self.evictions += 1
            victim = (recent, frequent)[by]
            del self.last[victim]
            if recent != frequent and self.size[victim] <= self.limit:
                history = self.histories[by]
                while sum(self.size[x] for x in history) + self.size[victim] > self.limit:
                    history.pop(0)
                history.append(victim)
                self.left[victim] = now
        self.size[o] = size
        self.uses[o] = self.uses[o] + 1 if any(known) else 1
        self.last[o] = now


class Gdsf(Cache):
    def setup(self, cost):
        self.cost, self.age, self.uses, self.key, self.last = cost, 0.0, {}, {}, {}

    def weigh(self, o, now):
        self.key[o] = self.age + self.uses[o] * float(self.size[o]) ** (self.cost - 1.0)
        self.last[o] = now

    def hit(self, o, now):
        self.uses[o] += 1
        self.weigh(o, now)

    def insert(self, o, now):
        self.uses[o] = 1
        self.weigh(o, now)

    def victim(self, now):
        least = min(self.size, key=lambda o: (self.key[o], self.last[o]))
        self.age = self.key[least]
        return least


class LruK(Cache):
    def setup(self, k):
        self.k, self.history = int(k), {}

    def hit(self, o, now):
        self.history[o].append(now)

    def insert(self, o, now):
        self.history[o] = [now]

    def victim(self, now):
        def distance(o):
            uses = self.history[o]
            return (0, uses[-1]) if len(uses) < self.k else (1, uses[-self.k])

        return min(self.size, key=distance)


class Belady(Cache):
    def setup(self, ids):
        self.ids = list(ids)

    def hit(self, o, now):
        pass

    def insert(self, o, now):
        pass

    def next_use(self, o, now):
        return next((i for i in range(now + 1, len(self.ids)) if self.ids[i] == o), math.inf)

    def victim(self, now):
        return max(self.size, key=lambda o: self.next_use(o, now))


class Drawn(Cache):
    """RANDOM, Hyperbolic and the size-aware Belady, over an array whose last fills the gap of the victim."""

    def setup(self, score, samples, ids=()):
        self.score, self.samples, self.ids = score, samples, list(ids)
        self.cached, self.since, self.uses, self.counter = [], {}, {}, 0

    def hit(self, o, now):
        self.uses[o] += 1

    def insert(self, o, now):
        self.cached.append(o)
        self.since[o], self.uses[o] = now, 1

    def value(self, o, now):
        if self.score == "random":
            return 0.0
        if self.score == "hyperbolic":
            return (now - self.since[o]) / self.uses[o] * self.size[o]
        following = next((i for i in range(now, len(self.ids)) if self.ids[i] == o), math.inf)
        return (following - now) * self.size[o]

    def victim(self, now):
        n = len(self.cached)
        if n <= self.samples and self.score != "random":
            drawn = list(range(n))
        else:
            drawn = []
            for _ in range(self.samples):
                drawn.append((draw(self.seed, self.counter) >> 32) * n >> 32)
                self.counter += 1
        at = max(drawn, key=lambda k: self.value(self.cached[k], now))
        gone, last = self.cached[at], self.cached.pop()
        if at < len(self.cached):
            self.cached[at] = last
        return gone


# --- reads and writes -------------------------------------------------------------------------------------------------


def freshness(strategy, capacity, ids, writes, times, sizes, ttl, flush_after):
    """Reads and writes through an LRU cache, event by event; returns the counts in the order of the kernel's."""
    copies = OrderedDict()  # object -> [size, stored at, version]
    versions, dirty = {}, {}
    reads = hits = stale = origin_reads = origin_writes = expired = most = 0
    age, lost = 0.0, 0
    for i, (o, write, now) in enumerate(zip(ids, writes, times, strict=True)):
        for late in [x for x, (at, _) in dirty.items() if at + flush_after <= now]:
            del dirty[late]
            origin_writes += 1
        if o in copies and now - copies[o][1] >= ttl and o not in dirty:
            del copies[o]
            expired += 1
        store = True
        if write:
            versions[o] = i
            if strategy != "write-back":
                origin_writes += 1
            if strategy in ("cache-aside", "read-through"):
                copies.pop(o, None)
            store = strategy in ("write-through", "write-back")
        else:
            reads += 1
            if o in copies:
                hits += 1
                stale += versions.get(o, -1) > copies[o][2]
                age += now - copies[o][1]
                copies.move_to_end(o)
                store = False
            else:
                origin_reads += 1
        if store:
            size = copies[o][0] if o in copies else sizes[i]
            if size > capacity:
                origin_writes += write and strategy == "write-back"
            else:
                while o not in copies and sum(copy[0] for copy in copies.values()) + size > capacity:
                    victim, _ = copies.popitem(last=False)
                    origin_writes += dirty.pop(victim, None) is not None
                copies[o] = [size, now, versions.get(o, -1)]
                copies.move_to_end(o)
                if write and strategy == "write-back":
                    dirty.setdefault(o, (now, i))
        most = max(most, len(dirty))
        lost += len(dirty)
    return [reads, hits, stale, origin_reads, origin_writes, most, len(dirty), expired], age, lost
