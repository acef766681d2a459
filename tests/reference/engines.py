"""Buckets of a hashed key by the jump family, as their papers and first programs have it.

SUPSI's engines are given one family of hash functions: murmur3's finaliser without the sign, salts mixed in before.
"""

from .hashing import M64, fmix64, splitmix64
from .placement import jump


def engine_hash(key: int, *salts: int) -> int:
    for salt, odd in zip(salts, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F), strict=False):
        key ^= salt * odd & M64
    return fmix64(key) % 2**63


def highest_bit(x: int) -> int:
    return 1 << (x.bit_length() - 1)


def power_of_two_for(n: int) -> int:
    return 1 << (n - 1).bit_length()


# --- constant time, no memory -----------------------------------------------------------------------------------------


def jumpback(key: int, n: int, variant: str = "splitmix64") -> int:
    return jumpback_and_draws(key, n, variant)[0]


def jumpback_and_draws(key: int, n: int, variant: str = "splitmix64") -> tuple[int, int]:
    """Return the bucket and how many random numbers it took (Ertl, arXiv:2403.18682, algorithm 5 as hash4j has it)."""
    if n == 1:
        return 0, 0
    xorshift = variant != "splitmix64"
    state, draws = key, 1
    first = key if xorshift else splitmix64(state)
    low, high = first % 2**32, first >> 32
    ranges = (low ^ high) % power_of_two_for(n)
    while ranges:
        begin = highest_bit(ranges)  # of the range of buckets [begin, 2 * begin)
        word = high if ranges.bit_count() % 2 else low
        bucket = begin + word % begin
        while True:
            if bucket < begin:
                break
            if bucket < n:
                return bucket, draws
            draws += 1
            if xorshift:
                state ^= state << 7 & M64
                state ^= state >> 9
                again = state
            else:
                state = (state + 0x9E3779B97F4A7C15) & M64
                again = splitmix64(state)
            bucket = again % 2**32 % (2 * begin)
            if bucket >= n:
                bucket = (again >> 32) % (2 * begin)
        ranges -= begin
    return 0, draws


def flip(key: int, n: int) -> int:
    """FlipHash (Masson and Lee, arXiv:2402.17549, algorithms 1 and 2)."""
    hashed = engine_hash(key)

    def within(power: int) -> int:
        low = hashed % power
        if low == 0:
            return 0
        return low ^ engine_hash(hashed, 64 - low.bit_length()) % highest_bit(low)

    power = 2 * highest_bit(n)
    bucket = within(power)
    if bucket < n:
        return bucket
    for attempt in range(1, 65):
        draw = engine_hash(hashed, 32 - n.bit_length(), attempt) % power
        if draw < power // 2:
            break
        if draw < n:
            return draw
    return within(power // 2)


def binomial(key: int, n: int) -> int:
    """BinomialHash (Coluzzi et al., arXiv:2406.19836) with the four tries of the engine."""
    if n == 1:
        return 0

    def rehash(value: int, seed: int) -> int:
        step = (2862933555777941757 * value + 1) & M64
        return (step * step * seed & M64) >> 32

    def relocate(bucket: int, value: int) -> int:
        if bucket < 2:
            return bucket
        level = highest_bit(bucket)
        return level + rehash(value, level - 1) % level

    hashed = engine_hash(key)
    tree = power_of_two_for(n)
    bucket = relocate(hashed % tree, hashed)
    if bucket < n:
        return bucket
    value = hashed
    for _ in range(4):
        value = rehash(value, tree - 1)
        bucket = relocate(value % tree, value)
        if bucket < tree // 2:
            break
        if bucket < n:
            return bucket
    return relocate(hashed % (tree // 2), hashed)


def power(key: int, n: int) -> int:
    """Power consistent hashing (Leu, arXiv:2307.12448), whose g jumps as Guava's consistent hash does."""
    hashed = engine_hash(key)

    def f(power: int) -> int:
        low = hashed % power
        if low == 0:
            return 0
        return highest_bit(low) + engine_hash(hashed, highest_bit(low)) % highest_bit(low)

    def g(start: int) -> int:
        bucket = following = start
        state = hashed
        while start <= following < n:
            bucket = following
            state = (state * 2862933555777941757 + 1) & M64
            draw = (state >> 33) + 1
            following = int((bucket + 1) / (draw / 2.0**31)) if draw < 2**31 else -1  # Java's int has no 2^31
        return bucket

    tree = power_of_two_for(n)
    if (bucket := f(tree)) < n:
        return bucket
    if (bucket := g(tree // 2 - 1)) >= tree // 2:
        return bucket
    return f(tree // 2)


# --- any bucket may leave ---------------------------------------------------------------------------------------------


class Anchor:
    """AnchorHash (Mendelson et al., arXiv:1812.09674, algorithm 3), the names are the paper's."""

    def __init__(self, n: int, capacity: int) -> None:
        self.A = [0] * capacity
        self.W, self.L, self.K = (list(range(capacity)) for _ in range(3))
        self.R = list(range(capacity))[n:][::-1]
        self.N = n
        for b in self.R:
            self.A[b] = b

    def lookup(self, key: int) -> int:
        return self.lookup_and_hashes(key)[0]

    def lookup_and_hashes(self, key: int) -> tuple[int, int]:
        k = engine_hash(key, 0xDEADBEEF)
        b, hashes = k % len(self.A), 1
        while self.A[b] > 0:
            k = engine_hash(k, b, 0xDEADBEEF)
            h, hashes = k % self.A[b], hashes + 1
            while self.A[h] >= self.A[b]:
                h = self.K[h]
            b = h
        return b, hashes

    def add(self) -> int:
        b = self.R.pop()
        self.A[b] = 0
        self.L[self.W[self.N]] = self.N
        self.W[self.L[b]] = self.K[b] = b
        self.N += 1
        return b

    def remove(self, b: int) -> None:
        self.R.append(b)
        self.N -= 1
        self.A[b] = self.N
        self.W[self.L[b]] = self.K[b] = self.W[self.N]
        self.L[self.W[self.N]] = self.L[b]


class JavaRandom:
    """``java.util.Random`` as its documentation has it."""

    def __init__(self, seed: int) -> None:
        self.state = (seed ^ 0x5DEECE66D) % 2**48

    def next(self, bits: int) -> int:
        self.state = (self.state * 0x5DEECE66D + 0xB) % 2**48
        return self.state >> (48 - bits)

    def next_int(self, bound: int) -> int:
        if bound & -bound == bound:
            return bound * self.next(31) >> 31
        while True:
            bits = self.next(31)
            value = bits % bound
            if bits - value + bound - 1 < 2**31:  # no overflow of an int
                return value


class Dx:
    """DxHash (Dong and Wang, arXiv:2107.07930): draw until a bucket works."""

    def __init__(self, n: int, capacity: int) -> None:
        self.capacity = capacity
        self.working = set(range(n))
        self.unused = list(range(capacity))[n:][::-1]

    def lookup(self, key: int) -> int:
        random = JavaRandom(engine_hash(key))
        while (bucket := random.next_int(self.capacity)) not in self.working:
            pass
        return bucket

    def add(self) -> int:
        bucket = self.unused.pop()
        self.working.add(bucket)
        return bucket

    def remove(self, bucket: int) -> None:
        self.working.remove(bucket)
        self.unused.append(bucket)


class Memento:
    """MementoHash (Coluzzi et al., arXiv:2306.09783): what is remembered of a removed bucket is what replaces it."""

    def __init__(self, n: int) -> None:
        self.size = n
        self.replacers: dict[int, int] = {}  # in the order of removal
        self.working = n

    def lookup(self, key: int) -> int:
        bucket = jump(engine_hash(key), self.size, "guava")
        while bucket in self.replacers:
            left = self.replacers[bucket]
            bucket = engine_hash(key, bucket) % left
            while self.replacers.get(bucket, -1) >= left:
                bucket = self.replacers[bucket]
        return bucket

    def add(self) -> int:
        self.working += 1
        if self.replacers:
            return self.replacers.popitem()[0]
        self.size += 1
        return self.size - 1

    def remove(self, bucket: int) -> None:
        self.working -= 1
        if not self.replacers and bucket == self.size - 1:
            self.size = bucket
        else:
            self.replacers[bucket] = self.working
