"""Factors from everyday units to the SI base units of the whole API: seconds, bytes, requests per second.

Examples
--------
>>> 5 * ms
0.005
>>> 2 * GiB
2147483648
"""

ns = 1e-9
us = 1e-6
ms = 1e-3
seconds = 1.0
minutes = 60.0
hours = 3600.0
days = 86400.0
years = 365.25 * days
"""A Julian year: 365.25 days."""

kB = 10**3
MB = 10**6
GB = 10**9
TB = 10**12
KiB = 2**10
MiB = 2**20
GiB = 2**30
TiB = 2**40

per_second = 1.0
per_minute = 1 / minutes
per_day = 1 / days
per_year = 1 / years
