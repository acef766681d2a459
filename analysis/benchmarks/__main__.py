"""Run the races one after the other on one thread, print their table and write it as JSON.

`python analysis/benchmarks [WORD...]` runs those whose name contains a word.
"""

import importlib
import json
import os
import platform
import sys
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import pandas as pd
from tqdm import tqdm

from scalemodel import __version__

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "build" / "benchmarks.json"


def main(words: list[str]) -> int:
    modules = [importlib.import_module(path.stem) for path in sorted(HERE.glob("*_races.py"))]
    races = [race for module in modules for race in module.races()]
    races = [race for race in races if not words or any(word in race.name for word in words)]
    if not races:
        print(f"no race is called like {', '.join(words)}", file=sys.stderr)
        return 2
    rows = [race.run() for race in tqdm(races, unit="race")]
    table = pd.DataFrame(rows)
    short = table.drop(columns=["ratio_low", "ratio_high"])
    print(short.to_string(index=False, float_format=lambda x: f"{x:.3g}"))
    RESULTS.parent.mkdir(exist_ok=True)
    about = {"scalemodel": __version__, "python": platform.python_version(), "machine": platform.machine()}
    RESULTS.write_text(json.dumps({"about": about, "races": rows}, indent=2) + "\n")
    reached = int((table["ratio"] >= table["target"]).sum())
    print(f"written to {RESULTS.relative_to(RESULTS.parents[1])}; {reached} of {len(rows)} reach their target")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
