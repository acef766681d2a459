"""The hash functions that the engines of the SUPSI benchmark are given here: of a key, with a salt, and with two.

Results are Java longs without their sign. Salts are Java's 32-bit integers, widened without their sign.
"""

import numpy as np

from scalemodel._jit import inlined, kernel
from scalemodel._kernels.hashing import fmix64

POSITIVE = np.uint64(0x7FFFFFFFFFFFFFFF)
SALT = np.uint64(0x9E3779B97F4A7C15)
SECOND_SALT = np.uint64(0xC2B2AE3D27D4EB4F)


@inlined
def hash1(key):
    """Hash a key."""
    return fmix64(key) & POSITIVE


@inlined
def hash2(key, salt):
    """Hash a key with a salt."""
    return fmix64(key ^ (np.uint64(salt) * SALT)) & POSITIVE


@inlined
def hash3(key, salt, second):
    """Hash a key with two salts."""
    return fmix64(key ^ (np.uint64(salt) * SALT) ^ (np.uint64(second) * SECOND_SALT)) & POSITIVE


@kernel
def hash1_keys(keys):
    """Hash every key of a batch."""
    hashes = np.empty(len(keys), np.uint64)
    for i in range(len(keys)):
        hashes[i] = hash1(keys[i])
    return hashes
