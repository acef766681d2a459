"""The hash slot of a key in Redis Cluster."""

import numpy as np

from scalemodel._jit import kernel
from scalemodel._kernels.hashing import crc16_bytes

OPENING = np.uint8(123)
CLOSING = np.uint8(125)
LAST_SLOT = np.uint64(16383)


@kernel
def key_slots(data, offsets):
    """Hash what is between the first ``{`` and the first ``}`` behind it, or the whole key if nothing is."""
    slots = np.empty(len(offsets) - 1, np.uint64)
    for k in range(len(slots)):
        start, stop = offsets[k], offsets[k + 1]
        opening = start
        while opening < stop and data[opening] != OPENING:
            opening += 1
        closing = opening + 1
        while closing < stop and data[closing] != CLOSING:
            closing += 1
        if closing < stop and closing > opening + 1:
            start, stop = opening + 1, closing
        slots[k] = crc16_bytes(data, start, stop) & LAST_SLOT
    return slots
