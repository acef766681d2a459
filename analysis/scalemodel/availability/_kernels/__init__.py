"""Compiled inner loops of availability: arrays in, arrays out, no checks."""
