"""Set up for every test run, including the notebook kernels, which inherit this environment."""

import hashlib
import os
from pathlib import Path

import run  # notebooks/run.py: which notebooks can be run here

ROOT = Path(__file__).parent
LEFT_OUT: list[str] = []

if "NUMBA_CACHE_DIR" not in os.environ:  # ./dev sets it; this serves a bare `pytest`
    # numba does not notice that a helper in another file changed (numba #8851): one cache per state of the sources
    sources = sorted((ROOT / "analysis").rglob("*.py"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:12]
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".cache" / "numba" / digest)


def pytest_ignore_collect(collection_path):
    if collection_path.suffix == ".ipynb" and run.missing(collection_path):
        LEFT_OUT.append(f"{collection_path.name} needs the data set {', '.join(run.missing(collection_path))}")
        return True
    return None


def pytest_terminal_summary(terminalreporter):
    for line in LEFT_OUT:
        terminalreporter.write_line(f"left out: {line} (set SCALEMODEL_DATA, see README.md)")


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):  # a notebook; nbval itself skips png and jpeg
        collector.skip_compare += ("image/svg+xml", "application/pdf")
