"""Kernels of the placement subject, one module per scheme: hashed keys in, node numbers out."""
