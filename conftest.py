"""Set up for every test run, including the notebook kernels, which inherit this environment."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).parent

if "NUMBA_CACHE_DIR" not in os.environ:  # ./dev sets it; this serves a bare `pytest`
    # numba does not notice that a helper in another file changed (numba #8851): one cache per state of the sources
    sources = sorted((ROOT / "analysis").rglob("*.py"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:12]
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".cache" / "numba" / digest)


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):  # a notebook; nbval itself skips png and jpeg
        collector.skip_compare += ("image/svg+xml", "application/pdf")
