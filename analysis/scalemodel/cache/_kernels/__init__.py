"""Compiled loops of the cache subject: arrays and scalars in, arrays out.

Policies are in `queues`, `lists`, `ranked` and `sampled`, all with one signature,

    policy(ids, sizes, admit, objects, capacity, p, seed, out) -> (resident, occupied, evictions)

- ``ids`` int32[n]: dense object of each request; ``objects`` of them.
- ``sizes`` int64[n]: bytes of each request, or int64[1]: every object has that size.
- ``admit`` uint8[n]: whether a miss may enter the cache, or uint8[1].
- ``capacity``: in the unit of the sizes. ``p`` float64[]: the parameters of the policy; ``seed``: of its draws.
- ``out`` uint8[n]: becomes 1 for a hit and 0 for a miss.

An object keeps the size with which it was stored until it leaves; one larger than the cache passes it by.
"""
