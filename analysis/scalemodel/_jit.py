"""How every kernel is compiled: one place for the options.

``cache`` keeps the machine code between runs, ``nogil`` lets sweeps run kernels in threads, numpy's error model
leaves out a branch per division. There is no ``fastmath``: results have the same bits on every machine.
"""

from numba import njit

kernel = njit(cache=True, error_model="numpy", nogil=True)
"""A compiled function over arrays and scalars."""

inlined = njit(cache=True, error_model="numpy", nogil=True, inline="always")
"""A compiled helper that is copied into its callers, so that their loops can be vectorised."""
