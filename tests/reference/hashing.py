"""The hashes that no Python package offers."""

M64 = 2**64 - 1


def fnv1a_64(key: bytes) -> int:
    h = 0xCBF29CE484222325
    for byte in key:
        h = (h ^ byte) * 0x100000001B3 & M64
    return h


def fmix64(x: int) -> int:
    x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD & M64
    x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 & M64
    return x ^ (x >> 33)


def splitmix64(state: int) -> int:
    x = (state + 0x9E3779B97F4A7C15) & M64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & M64
    return x ^ (x >> 31)


def murmur3_cassandra(key: bytes) -> int:
    """Token as an unsigned number; tail bytes are signed, as in Java."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F

    def rotate(x: int, bits: int) -> int:
        return (x << bits | x >> (64 - bits)) & M64

    h1 = h2 = 0
    body = len(key) // 16 * 16
    for i in range(0, body, 16):
        k1, k2 = int.from_bytes(key[i : i + 8], "little"), int.from_bytes(key[i + 8 : i + 16], "little")
        h1 ^= rotate(k1 * c1 & M64, 31) * c2 & M64
        h1 = ((rotate(h1, 27) + h2) * 5 + 0x52DCE729) & M64
        h2 ^= rotate(k2 * c2 & M64, 33) * c1 & M64
        h2 = ((rotate(h2, 31) + h1) * 5 + 0x38495AB5) & M64

    signed = [byte - 256 if byte > 127 else byte for byte in key[body:]]
    k1 = k2 = 0
    for i, byte in enumerate(signed[:8]):
        k1 ^= byte << 8 * i
    for i, byte in enumerate(signed[8:]):
        k2 ^= byte << 8 * i
    h1 ^= rotate((k1 & M64) * c1 & M64, 31) * c2 & M64
    h2 ^= rotate((k2 & M64) * c2 & M64, 33) * c1 & M64

    h1, h2 = h1 ^ len(key), h2 ^ len(key)
    h1 = (h1 + h2) & M64
    h2 = (h2 + h1) & M64
    token = (fmix64(h1) + fmix64(h2)) & M64
    return 2**63 - 1 if token == 2**63 else token
