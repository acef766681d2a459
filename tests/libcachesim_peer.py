"""Ask libcachesim in a process of its own: what it does not like ends in an abort, which no `except` catches.

As a program it reads a JSON job from standard input: the trace file, whether sizes count, and the caches to run.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])


def write_oracle_general(path, ids, sizes=None):
    """Write a trace in the format oracleGeneral, with the index of the next use that Belady asks for."""
    following = np.full(len(ids), -1, np.int64)
    order = np.argsort(ids, kind="stable")
    same = ids[order][1:] == ids[order][:-1]
    following[order[:-1][same]] = order[1:][same] + 1  # its clock starts at one
    records = np.empty(len(ids), RECORD)
    records["time"] = 0
    records["id"] = np.asarray(ids, np.uint64) + np.uint64(1)
    records["size"] = 1 if sizes is None else sizes
    records["next"] = following
    records.tofile(path)


def misses(ids, caches, sizes=None):
    """Return ``[(misses, missed bytes), ...]`` of caches given as ``(class name, size, options)``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.oracleGeneral.bin"
        write_oracle_general(path, np.asarray(ids), sizes)
        job = json.dumps({"path": str(path), "caches": caches})
        run = subprocess.run([sys.executable, __file__], input=job, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"libcachesim ended with {run.returncode}: {run.stderr[-500:]}")
    total = len(ids) if sizes is None else int(np.sum(sizes, dtype=np.int64))
    ratios = json.loads(run.stdout.splitlines()[-1])
    return [(round(objects * len(ids)), round(by_bytes * total)) for objects, by_bytes in ratios]


def main():
    import libcachesim as peer

    job = json.load(sys.stdin)
    answers = []
    for kind, size, options in job["caches"]:
        reader = peer.TraceReader(job["path"], peer.TraceType.ORACLE_GENERAL_TRACE, peer.ReaderInitParam())
        cache = getattr(peer, kind)(size, hashpower=16, **options)
        answers.append(cache.process_trace(reader))
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
