"""The folder that makes a sweep resumable: one parquet file per block, and what they were computed from."""

import datetime
import hashlib
import inspect
import json
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scalemodel import __version__
from scalemodel._files import replacing

SCALARS = (bool, int, float, str, np.generic, datetime.date, datetime.timedelta, type(None))
"""What a table and a manifest hold as it is."""


class Store:
    """Blocks of one sweep; opening a folder that holds another one is a `ValueError`."""

    def __init__(self, folder: Path, spec: Mapping[str, Any]):
        self.folder = folder
        text = json.dumps(spec, indent=2, default=_plain)
        if " at 0x" in text:
            raise ValueError(
                "a value of the sweep prints as a memory address: give its class a __repr__, or pass names"
            )
        manifest = folder / "manifest.json"
        if manifest.exists():
            self._compare(manifest, json.loads(text))
            return
        if folder.exists() and (not folder.is_dir() or any(folder.glob("block-*"))):
            raise ValueError(f"{folder} is a file, or has blocks but no manifest.json: give another folder")
        with replacing(manifest) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def _compare(self, manifest: Path, here: dict[str, Any]) -> None:
        try:
            there = dict(json.loads(manifest.read_text(encoding="utf-8")))
        except (TypeError, ValueError):
            raise ValueError(f"{manifest} cannot be read: give another folder, or delete this one") from None
        pairs = {
            name: (json.dumps(here[name]), json.dumps(there.get(name))) for name in here
        }  # as text, NaN equals NaN
        differing = [f"{name} is {_short(a)}, there {_short(b)}" for name, (a, b) in pairs.items() if a != b]
        if differing:
            raise ValueError(
                f"{self.folder} holds another sweep ({'; '.join(differing)}): give another folder, or delete this one"
            )

    def _file(self, number: int) -> Path:
        return self.folder / f"block-{number:05d}.parquet"

    def save(self, number: int, table: pa.Table) -> pa.Table:
        """Write a block and read it back, so that a resumed sweep cannot differ from one that ran through."""
        with replacing(self._file(number)) as temporary:
            pq.write_table(table, temporary)
        return pq.ParquetFile(self._file(number)).read()

    def load(self, number: int) -> pa.Table | None:
        """Return a block, or None if it is absent or damaged, so that it is computed again."""
        try:
            return pq.ParquetFile(self._file(number)).read()
        except (OSError, pa.ArrowException):
            return None


def describe_function(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what the manifest says about a function: its name, its source and what is bound to it."""
    bound: dict[str, Any] = {}
    while isinstance(function, partial):
        bound |= {str(position): fingerprint(value) for position, value in enumerate(function.args)}
        bound |= {name: fingerprint(value) for name, value in function.keywords.items()}
        function = function.func
    code = function if hasattr(function, "__qualname__") else type(function)  # an object with __call__
    owner = function if code is not function else getattr(function, "__self__", None)
    if owner is not None:
        bound["self"] = fingerprint(owner)
    try:
        source = hashlib.sha256(inspect.getsource(code).encode()).hexdigest()
    except (OSError, TypeError):  # typed in at a prompt, or compiled
        source = None
    return {"function": f"{code.__module__}.{code.__qualname__}", "function_sha256": source, "bound": bound}


def describe_code() -> dict[str, str]:
    """Return what the manifest says about this library: its version and the digest of its sources."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return {"scalemodel": __version__, "scalemodel_sha256": digest.hexdigest()}


def fingerprint(value: Any) -> Any:
    """Return what the manifest knows a value by: itself, its name, or the digest of its pickle."""
    if isinstance(value, SCALARS):
        return value
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    try:
        return hashlib.sha256(pickle.dumps(value, protocol=5)).hexdigest()
    except Exception:  # whatever cannot be pickled has an error of its own
        return str(value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
