"""Ketama: the names of a server's points on its ring."""

import numpy as np

from scalemodel._jit import kernel

from .ring import append_number

DASH = np.uint8(45)
DIGITS = 20


@kernel
def numbered_names(names, offsets, counts):
    """Write "name-i" for i below each node's count, node after node; return the bytes and where each begins."""
    room = 0
    for node in range(len(counts)):
        room += counts[node] * (offsets[node + 1] - offsets[node] + 1 + DIGITS)
    text = np.empty(room, np.uint8)
    starts = np.zeros(counts.sum() + 1, np.int64)
    k = 0
    end = 0
    for node in range(len(counts)):
        for i in range(counts[node]):
            for j in range(offsets[node], offsets[node + 1]):
                text[end] = names[j]
                end += 1
            text[end] = DASH
            end = append_number(text, end + 1, i)
            k += 1
            starts[k] = end
    return text, starts
