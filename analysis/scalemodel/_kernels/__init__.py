"""Kernels of the ground floor (hashing, popularity); each subject keeps its own in its ``_kernels``."""
