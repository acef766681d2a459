"""The slots of Redis Cluster, bit by bit and slot by slot."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from .hashing import splitmix64

SLOTS = 16384


def crc16(key: bytes) -> int:
    """XMODEM: polynomial 0x1021, most significant bit first, from 0."""
    crc = 0
    for byte in key:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
    return crc & 0xFFFF


def tag(key: bytes) -> bytes:
    """Return what is between the first opening brace and the first closing one behind it, or the key."""
    _, brace, rest = key.partition(b"{")
    inside, end, _ = rest.partition(b"}")
    return inside if brace and end and inside else key


def slot(key: bytes | str | int) -> int:
    text = key if isinstance(key, bytes) else str(key).encode()
    return crc16(tag(text)) % SLOTS


def table(ranges: Iterable[Iterable[Sequence[int]]]) -> list[int]:
    """Return the node of each slot."""
    owners = {
        slot: node for node, spans in enumerate(ranges) for first, last in spans for slot in range(first, last + 1)
    }
    return [owners[slot] for slot in range(SLOTS)]


def circle() -> Callable[[int], Iterator[int]]:
    """Return the way once around all slots from any of them on, in the order of their SplitMix64."""
    order = sorted(range(SLOTS), key=splitmix64)
    place = {slot: at for at, slot in enumerate(order)}
    return lambda slot: chain(islice(order, place[slot], None), islice(order, place[slot]))
