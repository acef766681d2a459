"""Kernels of the quorum subject: decision diagrams and truth tables as arrays, no checks."""
