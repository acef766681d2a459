"""CRUSH against Ceph's own program, where it is installed, in one process each."""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray
from race import Race

from scalemodel.placement import Crush, Topology

HOSTS, DISKS, COPIES, INPUTS = 10, 4, 3, 2**20
LISTED = 2**14
"""Inputs whose devices crushtool is asked to print: that takes longer than to choose them."""


def races() -> list[Race]:
    if shutil.which("crushtool") is None:
        print("left out: CRUSH against crushtool, which is not installed (Debian: ceph-base)", file=sys.stderr)
        return []
    return [test()]


def test() -> Race:
    crush = Crush(Topology.grid(DISKS, racks=HOSTS)).map
    directory = Path(mkdtemp())
    text, binary = directory / "map.txt", directory / "map.bin"
    text.write_text(crush.to_text())
    crushtool("-c", text, "-o", binary)

    def run(inputs: int, *more: str) -> str:
        chosen = ("--test", "--num-rep", COPIES, "--min-x", 0, "--max-x", inputs - 1, *more)
        return crushtool("-i", binary, "--rule", 0, *chosen)

    def equal(ours: NDArray[np.int32], _: str) -> bool:
        lines = run(LISTED, "--show-mappings").splitlines()
        chosen = [list(map(int, line[line.rindex("[") + 1 : -1].split(","))) for line in lines if "[" in line]
        return np.array_equal(ours[:LISTED], chosen)

    inputs = np.arange(INPUTS, dtype=np.uint32)
    return Race(
        f"CRUSH {HOSTS} hosts x {DISKS}, {COPIES} replicas",
        "crushtool --test",
        "the same inputs; crushtool starts, counts and prints nothing",
        1,
        lambda: crush.place(inputs, COPIES, 0),
        lambda: run(INPUTS, "--show-bad-mappings"),
        equal,
        INPUTS,
        INPUTS,
    )


def crushtool(*words: object) -> str:
    return subprocess.run(["crushtool", *map(str, words)], check=True, capture_output=True, text=True).stdout
