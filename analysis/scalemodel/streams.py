"""Random streams keyed by ``(seed, chunk)``: the same bits for any number of threads, processes or machines.

Work is cut into chunks of a constant size. Each chunk has a stream of its own, so it does not matter who draws it or
when, and two designs that are compared draw the same numbers (common random numbers).
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

CHUNK = 2**16
"""Draws per chunk. A constant, never a function of the number of workers."""


def stream(seed: int, chunk: int = 0) -> np.random.Generator:
    """Return the random generator of one chunk.

    Parameters
    ----------
    seed : int
        Zero or greater.
    chunk : int
        Which chunk of the work; zero or greater.

    Examples
    --------
    >>> stream(7, 3).integers(100) == stream(7, 3).integers(100)
    np.True_
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}: give an integer of zero or more")
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=(chunk,))))


def chunks(size: int) -> Iterator[tuple[int, slice]]:
    """Cut ``range(size)`` into numbered slices of at most `CHUNK`.

    Examples
    --------
    >>> [(i, part.stop - part.start) for i, part in chunks(100_000)]
    [(0, 65536), (1, 34464)]
    """
    for chunk, start in enumerate(range(0, size, CHUNK)):
        yield chunk, slice(start, min(start + CHUNK, size))


def uniforms(size: int, seed: int = 0) -> NDArray[np.float64]:
    """Draw ``float64[size]`` uniforms in [0, 1); a longer draw begins with the shorter one."""
    return _fill(np.empty(size), seed, lambda generator, n: generator.random(n))


def random_keys(size: int, seed: int = 0) -> NDArray[np.uint64]:
    """Draw ``uint64[size]`` keys, uniform over all 64-bit values: stand-ins for hashed keys."""
    full = np.iinfo(np.uint64).max
    return _fill(
        np.empty(size, np.uint64),
        seed,
        lambda generator, n: generator.integers(0, full, n, np.uint64, endpoint=True),
    )


def _fill(out: NDArray, seed: int, draw: Callable[[np.random.Generator, int], NDArray]) -> NDArray:
    for chunk, part in chunks(len(out)):
        out[part] = draw(stream(seed, chunk), part.stop - part.start)
    return out
