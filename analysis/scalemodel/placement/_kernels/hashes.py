"""Hash functions of bytes that only placement programs use, and instructions that NumPy lacks.

As in `scalemodel._kernels.hashing`, a key is ``data[start:stop]``; a batch is cut by ``offsets``.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import rotate64, word64

U32 = np.uint32
U64 = np.uint64


@intrinsic
def high_product(typing_context, a, b):
    """Return the upper 64 bits of the product of two uint64."""

    def generate(context, builder, signature, arguments):
        wide = ir.IntType(128)
        a, b = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(a, b), ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def bit_count(typing_context, x):
    """Count the bits that are set in a uint64."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def leading_zeros(typing_context, x):
    """Count the bits of a uint64 above the highest one that is set; 64 for zero."""

    def generate(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@inlined
def highest_bit(x):
    """Return a uint64 with only its highest bit left; `x` is not zero."""
    return U64(1) << (U64(63) - leading_zeros(x))


@inlined
def last_bytes(data, start, stop):
    """Up to 7 bytes as the low bytes of one little-endian word."""
    word = U64(0)
    for i in range(start, stop):
        word |= U64(data[i]) << U64(8 * (i - start))
    return word


# --- SipHash-2-4 (Aumasson and Bernstein 2012) ------------------------------------------------------------------------


@inlined
def sip_round(a, b, c, d):
    a = a + b
    c = c + d
    b = rotate64(b, 13) ^ a
    d = rotate64(d, 16) ^ c
    a = rotate64(a, 32)
    c = c + b
    a = a + d
    b = rotate64(b, 17) ^ c
    d = rotate64(d, 21) ^ a
    return a, b, rotate64(c, 32), d


@kernel
def siphash_bytes(data, start, stop, key0, key1):
    """SipHash-2-4 of ``data[start:stop]`` under a key of two uint64."""
    a = key0 ^ U64(0x736F6D6570736575)
    b = key1 ^ U64(0x646F72616E646F6D)
    c = key0 ^ U64(0x6C7967656E657261)
    d = key1 ^ U64(0x7465646279746573)
    i = start
    while i + 8 <= stop:
        word = word64(data, i)
        a, b, c, d = sip_round(a, b, c, d ^ word)
        a, b, c, d = sip_round(a, b, c, d)
        a ^= word
        i += 8
    word = last_bytes(data, i, stop) | (U64(stop - start) << U64(56))
    a, b, c, d = sip_round(a, b, c, d ^ word)
    a, b, c, d = sip_round(a, b, c, d)
    a ^= word
    c ^= U64(0xFF)
    for _ in range(4):
        a, b, c, d = sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


@kernel
def siphash_keys(data, offsets, key0, key1):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = siphash_bytes(data, offsets[k], offsets[k + 1], key0, key1)
    return hashes


# --- MurmurHash2, 64-bit variant A (Appleby) --------------------------------------------------------------------------

MURMUR2 = U64(0xC6A4A7935BD1E995)


@kernel
def murmur2_bytes(data, start, stop, seed):
    """MurmurHash64A of ``data[start:stop]``."""
    h = seed ^ (U64(stop - start) * MURMUR2)
    i = start
    while i + 8 <= stop:
        word = word64(data, i) * MURMUR2
        h = (h ^ ((word ^ (word >> U64(47))) * MURMUR2)) * MURMUR2
        i += 8
    if i < stop:
        h = (h ^ last_bytes(data, i, stop)) * MURMUR2
    h = (h ^ (h >> U64(47))) * MURMUR2
    return h ^ (h >> U64(47))


# --- Jenkins' one-at-a-time -------------------------------------------------------------------------------------------


@kernel
def one_at_a_time_bytes(data, start, stop):
    """Jenkins' one-at-a-time of ``data[start:stop]``, in the low half of a uint64."""
    h = U32(0)
    for i in range(start, stop):
        h = U32(h + data[i])
        h = U32(h + (h << U32(10)))
        h ^= h >> U32(6)
    h = U32(h + (h << U32(3)))
    h ^= h >> U32(11)
    return U64(U32(h + (h << U32(15))))


@kernel
def one_at_a_time_keys(data, offsets):
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(hashes)):
        hashes[k] = one_at_a_time_bytes(data, offsets[k], offsets[k + 1])
    return hashes
