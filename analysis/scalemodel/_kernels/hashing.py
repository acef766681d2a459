"""Hash functions, bit for bit: ``*_bytes`` and ``*_u64`` of one key, for other kernels to call; ``*_keys`` of a batch.

A key of bytes is ``data[start:stop]`` in a uint8 buffer that holds many keys; key ``k`` of a batch is
``data[offsets[k]:offsets[k + 1]]``. Words are read as the machine stores them: little-endian machines only.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from scalemodel._jit import inlined, kernel

U32 = np.uint32
U64 = np.uint64


def _unaligned_load(bits):
    """Return the code generator for loading `bits` bits at ``data[index]``, at any address."""

    def load(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.gep(array.data, [arguments[1]], source_etype=ir.IntType(8))
        return builder.load(address, align=1, typ=ir.IntType(bits))

    return load


@intrinsic
def word32(typing_context, data, index):
    """Read ``data[index:index + 4]`` as one little-endian uint32."""
    return types.uint32(data, types.int64), _unaligned_load(32)


@intrinsic
def word64(typing_context, data, index):
    """Read ``data[index:index + 8]`` as one little-endian uint64."""
    return types.uint64(data, types.int64), _unaligned_load(64)


@intrinsic
def _rotate32(typing_context, x, bits):
    """Rotate a uint32 to the left; LLVM's own operation, so that loops over it are vectorised as 32-bit ones."""

    def rotate(context, builder, signature, arguments):
        word = ir.IntType(32)
        turn = builder.module.declare_intrinsic("llvm.fshl", [word], ir.FunctionType(word, [word] * 3))
        return builder.call(turn, [arguments[0], arguments[0], arguments[1]])

    return types.uint32(types.uint32, types.uint32), rotate


@inlined
def rotate32(x, bits):
    return _rotate32(U32(x), U32(bits))


@inlined
def rotate64(x, bits):
    return (x << U64(bits)) | (x >> U64(64 - bits))


# --- mixers of one uint64 ---------------------------------------------------------------------------------------------


@inlined
def fmix64(x):
    """Finaliser of murmur3, a bijection that mixes well."""
    x = (x ^ (x >> U64(33))) * U64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> U64(33))) * U64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> U64(33))


@inlined
def splitmix64(x):
    """First output of SplitMix64 started at state `x`: add the golden gamma, then Stafford's mix 13."""
    x = x + U64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> U64(27))) * U64(0x94D049BB133111EB)
    return x ^ (x >> U64(31))


@kernel
def fmix64_u64_keys(keys):
    hashes = np.empty(len(keys), np.uint64)
    for k in range(len(keys)):
        hashes[k] = fmix64(keys[k])
    return hashes


@kernel
def splitmix64_u64_keys(keys):
    hashes = np.empty(len(keys), np.uint64)
    for k in range(len(keys)):
        hashes[k] = splitmix64(keys[k])
    return hashes


# --- XXH64 ------------------------------------------------------------------------------------------------------------

XX1 = U64(0x9E3779B185EBCA87)
XX2 = U64(0xC2B2AE3D27D4EB4F)
XX3 = U64(0x165667B19E3779F9)
XX4 = U64(0x85EBCA77C2B2AE63)
XX5 = U64(0x27D4EB2F165667C5)


@inlined
def xx_round(lane, word):
    return rotate64(lane + word * XX2, 31) * XX1


@inlined
def xx_merge(h, lane):
    return (h ^ xx_round(U64(0), lane)) * XX1 + XX4


@inlined
def xx_avalanche(h):
    h = (h ^ (h >> U64(33))) * XX2
    h = (h ^ (h >> U64(29))) * XX3
    return h ^ (h >> U64(32))


@inlined
def xxh64_u64(x, seed):
    """XXH64 of the 8 little-endian bytes of `x`."""
    h = (seed + XX5 + U64(8)) ^ xx_round(U64(0), x)
    return xx_avalanche(rotate64(h, 27) * XX1 + XX4)


@kernel
def xxh64_bytes(data, start, stop, seed):
    """XXH64 of ``data[start:stop]``."""
    i = start
    if stop - start >= 32:
        a, b, c, d = seed + XX1 + XX2, seed + XX2, seed, seed - XX1
        while i + 32 <= stop:
            a = xx_round(a, word64(data, i))
            b = xx_round(b, word64(data, i + 8))
            c = xx_round(c, word64(data, i + 16))
            d = xx_round(d, word64(data, i + 24))
            i += 32
        h = rotate64(a, 1) + rotate64(b, 7) + rotate64(c, 12) + rotate64(d, 18)
        h = xx_merge(xx_merge(xx_merge(xx_merge(h, a), b), c), d)
    else:
        h = seed + XX5
    h += U64(stop - start)
    while i + 8 <= stop:
        h = rotate64(h ^ xx_round(U64(0), word64(data, i)), 27) * XX1 + XX4
        i += 8
    if i + 4 <= stop:
        h = rotate64(h ^ (U64(word32(data, i)) * XX1), 23) * XX2 + XX3
        i += 4
    while i < stop:
        h = rotate64(h ^ (U64(data[i]) * XX5), 11) * XX1
        i += 1
    return xx_avalanche(h)


@kernel
def xxh64_u64_keys(keys, seed):
    hashes = np.empty(len(keys), np.uint64)
    for k in range(len(keys)):
        hashes[k] = xxh64_u64(keys[k], seed)
    return hashes


@kernel
def xxh64_keys(data, offsets, seed):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = xxh64_bytes(data, offsets[k], offsets[k + 1], seed)
    return hashes


# --- murmur3 ----------------------------------------------------------------------------------------------------------


@inlined
def murmur32_scramble(word):
    return U32(rotate32(U32(word * U32(0xCC9E2D51)), 15) * U32(0x1B873593))


@kernel
def murmur3_32_bytes(data, start, stop, seed):
    """MurmurHash3_x86_32 of ``data[start:stop]``, in the low half of a uint64."""
    h = U32(seed)
    i = start
    while i + 4 <= stop:
        h = U32(rotate32(h ^ murmur32_scramble(word32(data, i)), 13) * U32(5) + U32(0xE6546B64))
        i += 4
    tail = U32(0)
    for j in range(stop - i):
        tail |= U32(U32(data[i + j]) << U32(8 * j))
    h ^= murmur32_scramble(tail) ^ U32(stop - start)
    h = U32((h ^ (h >> U32(16))) * U32(0x85EBCA6B))
    h = U32((h ^ (h >> U32(13))) * U32(0xC2B2AE35))
    return U64(h ^ (h >> U32(16)))


M1 = U64(0x87C37B91114253D5)
M2 = U64(0x4CF5AD432745937F)


@inlined
def murmur128_scramble1(word):
    return rotate64(word * M1, 31) * M2


@inlined
def murmur128_scramble2(word):
    return rotate64(word * M2, 33) * M1


@inlined
def murmur128_tail(data, start, stop, signed):
    """Up to 8 last bytes as one word; `signed` extends the sign of each byte over the higher ones, as Java does."""
    word = U64(0)
    for i in range(start, stop):
        byte = U64(np.int8(data[i])) if signed else U64(data[i])
        word ^= byte << U64(8 * (i - start))
    return word


@kernel
def murmur3_128_bytes(data, start, stop, seed, signed):
    """First half of MurmurHash3_x64_128 of ``data[start:stop]``; `signed` treats the tail bytes as Cassandra does."""
    a = seed
    b = seed
    i = start
    while i + 16 <= stop:
        a = (rotate64(a ^ murmur128_scramble1(word64(data, i)), 27) + b) * U64(5) + U64(0x52DCE729)
        b = (rotate64(b ^ murmur128_scramble2(word64(data, i + 8)), 31) + a) * U64(5) + U64(0x38495AB5)
        i += 16
    a ^= murmur128_scramble1(murmur128_tail(data, i, min(i + 8, stop), signed))
    b ^= murmur128_scramble2(murmur128_tail(data, i + 8, stop, signed))
    a ^= U64(stop - start)
    b ^= U64(stop - start)
    a += b
    b += a
    return fmix64(a) + fmix64(b)


@kernel
def murmur3_cassandra_bytes(data, start, stop):
    """Token of Cassandra's Murmur3Partitioner for ``data[start:stop]``, as the uint64 of the same bits."""
    token = murmur3_128_bytes(data, start, stop, U64(0), True)
    lowest, highest = U64(0x8000000000000000), U64(0x7FFFFFFFFFFFFFFF)
    return highest if token == lowest else token  # Long.MIN_VALUE is no token of a key


@kernel
def murmur3_32_keys(data, offsets, seed):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = murmur3_32_bytes(data, offsets[k], offsets[k + 1], seed)
    return hashes


@kernel
def murmur3_128_keys(data, offsets, seed):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = murmur3_128_bytes(data, offsets[k], offsets[k + 1], seed, False)
    return hashes


@kernel
def murmur3_cassandra_keys(data, offsets):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = murmur3_cassandra_bytes(data, offsets[k], offsets[k + 1])
    return hashes


# --- byte by byte: FNV-1a and CRC16 -----------------------------------------------------------------------------------


@kernel
def fnv1a_64_bytes(data, start, stop):
    """64-bit FNV-1a of ``data[start:stop]``."""
    h = U64(0xCBF29CE484222325)
    for i in range(start, stop):
        h = (h ^ U64(data[i])) * U64(0x100000001B3)
    return h


@kernel
def fnv1a_64_keys(data, offsets):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = fnv1a_64_bytes(data, offsets[k], offsets[k + 1])
    return hashes


def _crc16_table():
    """CRC of each byte, polynomial 0x1021, most significant bit first."""
    crc = np.arange(256, dtype=np.uint32) << 8
    for _ in range(8):
        crc = (crc << 1) ^ np.where(crc & 0x8000, 0x1021, 0).astype(np.uint32)
    return (crc & 0xFFFF).astype(np.uint64)


CRC16 = _crc16_table()


@kernel
def crc16_bytes(data, start, stop):
    """CRC16-XMODEM of ``data[start:stop]``."""
    crc = U64(0)
    for i in range(start, stop):
        crc = ((crc << U64(8)) & U64(0xFF00)) ^ CRC16[(crc >> U64(8)) ^ U64(data[i])]
    return crc


@kernel
def crc16_keys(data, offsets):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = crc16_bytes(data, offsets[k], offsets[k + 1])
    return hashes


# --- MD5 (RFC 1321) ---------------------------------------------------------------------------------------------------

# Each step waits for the one before, so the keys of a batch go side by side, in lanes of vectors. Of the 64 steps: the
# constant, the rotation (by round and step in a group of four), and which of the 16 words of the block is used.
LANES = 64
MD5_SINES = np.floor(np.abs(np.sin(np.arange(1, 65))) * 2.0**32).astype(np.uint32)
MD5_ROTATIONS = np.array([[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]], np.uint32)
MD5_WORDS = np.concatenate([(np.arange(16) * m + c) % 16 for m, c in ((1, 0), (5, 1), (3, 5), (7, 0))])
MD5_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], np.uint32)


@inlined
def md5_mix(turn, b, c, d):
    if turn == 0:
        return d ^ (b & (c ^ d))
    if turn == 1:
        return c ^ (d & (b ^ c))
    if turn == 2:
        return b ^ c ^ d
    return c ^ (b | ~d)


@kernel
def md5_steps(state, words):
    """Take the state (uint32[4, LANES]) through the steps of one block (uint32[16, LANES]), without the final sum."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(0, 64, 4):
        turn = i >> 4
        w0, w1, w2, w3 = words[MD5_WORDS[i]], words[MD5_WORDS[i + 1]], words[MD5_WORDS[i + 2]], words[MD5_WORDS[i + 3]]
        k0, k1, k2, k3 = MD5_SINES[i], MD5_SINES[i + 1], MD5_SINES[i + 2], MD5_SINES[i + 3]
        r0, r1, r2, r3 = MD5_ROTATIONS[turn, 0], MD5_ROTATIONS[turn, 1], MD5_ROTATIONS[turn, 2], MD5_ROTATIONS[turn, 3]
        for j in range(LANES):  # vectorised
            e, f, g, h = a[j], b[j], c[j], d[j]
            e = U32(f + rotate32(e + md5_mix(turn, f, g, h) + k0 + w0[j], r0))
            h = U32(e + rotate32(h + md5_mix(turn, e, f, g) + k1 + w1[j], r1))
            g = U32(h + rotate32(g + md5_mix(turn, h, e, f) + k2 + w2[j], r2))
            f = U32(g + rotate32(f + md5_mix(turn, g, h, e) + k3 + w3[j], r3))
            a[j], b[j], c[j], d[j] = e, f, g, h


@inlined
def md5_load(data, start, stop, block, words, j):
    """Write the block of that number of a padded key to lane j of words that are zero."""
    i = start + 64 * block
    whole = min(max(stop - i, 0) >> 2, 16)
    for w in range(whole):
        words[w, j] = word32(data, i + 4 * w)
    i += 4 * whole
    if whole == 16:
        return
    if i <= stop:  # otherwise the end was in the block before
        last = U32(0x80) << U32(8 * (stop - i))
        for k in range(stop - i):
            last |= U32(data[i + k]) << U32(8 * k)
        words[whole, j] = U32(last)
    if start + 64 * block + 55 >= stop:  # room for the length in bits
        bits = U64(8 * (stop - start))
        words[14, j] = U32(bits)
        words[15, j] = U32(bits >> U64(32))


@kernel
def md5_digests(data, offsets):
    """MD5 of every key of a batch as the four little-endian uint32 of the digest, ``uint32[n, 4]``."""
    n = len(offsets) - 1
    digests = np.empty((n, 4), np.uint32)
    words = np.empty((16, LANES), np.uint32)
    state = np.empty((4, LANES), np.uint32)
    before = np.empty((4, LANES), np.uint32)
    for first in range(0, n, LANES):
        size = min(LANES, n - first)
        longest = 0
        for k in range(first, first + size):
            longest = max(longest, offsets[k + 1] - offsets[k])
        for w in range(4):
            for j in range(LANES):
                state[w, j] = MD5_START[w]
        for block in range((longest + 8) // 64 + 1):
            for w in range(16):
                for j in range(LANES):
                    words[w, j] = U32(0)
            for j in range(size):
                md5_load(data, offsets[first + j], offsets[first + j + 1], block, words, j)
            for w in range(4):
                for j in range(LANES):
                    before[w, j] = state[w, j]
            md5_steps(state, words)
            for w in range(4):
                for j in range(LANES):
                    state[w, j] += before[w, j]
            for k in range(first, first + size):
                if (offsets[k + 1] - offsets[k] + 8) // 64 == block:  # the last block of the key
                    for w in range(4):
                        digests[k, w] = state[w, k - first]
    return digests


@kernel
def md5_keys(data, offsets):
    digests = md5_digests(data, offsets)
    hashes = np.empty(len(digests), np.uint64)
    for k in range(len(digests)):
        hashes[k] = U64(digests[k, 0]) | (U64(digests[k, 1]) << U64(32))
    return hashes
