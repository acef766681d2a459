"""Compiled inner loops of availability: arrays in, arrays out, no checks."""

"""Compiled functions over arrays; no checks here."""
