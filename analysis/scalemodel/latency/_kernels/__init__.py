"""Compiled inner loops of latencies: arrays in, arrays out, no checks."""
