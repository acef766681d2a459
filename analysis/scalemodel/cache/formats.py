"""Reading traces in the formats in which they are published, a block at a time.

| format | what a record is |
|---|---|
| csv | columns by name: the key, and size, time, write, ttl where there are such |
| txt | a key per line |
| parquet, npz | as csv |
| oracleGeneral | 24 bytes: time u32, id u64, size u32, position of the next use i64 |
| lcs | a header of 8192 bytes; 24 to 100 bytes a record by its version: time u32, id u64, size u32 or i64, more |
| vscsi | 32 bytes (version 1) or 40 (version 2): block, length and µs of disk requests |
| twitter | csv without header: time, key, key size, value size, client, operation, TTL |
| arc | lines of ``first block, number of blocks, ...``; a request per block |
| lirs | a block number per line; lines that are no number are left out |

Binary numbers are little-endian. The layout of lcs was read off files that libcachesim wrote.

References
----------
- J. Yang et al., "A large scale analysis of hundreds of in-memory cache clusters at Twitter", OSDI 2020: twitter.
- N. Megiddo and D. Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003: arc.
- S. Jiang and X. Zhang, "LIRS", SIGMETRICS 2002: lirs.
- C. Waldspurger et al., "Efficient MRC construction with SHARDS", FAST 2015: the traces in vscsi.
"""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from ..topology import nearest
from .trace import Columns

BLOCK = 2**20
"""Records that are read at a time."""

COLUMNS = {
    "key": ("key", "keys", "id", "obj_id", "object", "object_id", "obj", "anonymized_key"),
    "size": ("size", "size_bytes", "obj_size", "object_size", "bytes"),
    "time": ("time", "time_s", "ts", "timestamp", "clock_time"),
    "write": ("write", "is_write"),
    "ttl": ("ttl", "ttl_s"),
}
"""Names under which the columns of a table are found, unless they are named."""

_ENDINGS = {
    ".csv": "csv", ".txt": "txt", ".parquet": "parquet", ".npz": "npz", ".lcs": "lcs", ".vscsi": "vscsi",
    ".vscsitrace": "vscsi", ".oraclegeneral": "oracleGeneral", ".arc": "arc", ".lis": "arc", ".lirs": "lirs",
    ".trc": "lirs",
}  # fmt: skip
_COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
_WRITES = ("set", "add", "replace", "cas", "append", "prepend", "delete", "incr", "decr")


def blocks(
    path: Path, format: str, *, skip_empty: bool = False, keys_as: str = "int64", **named: str
) -> Iterator[Columns]:
    """Yield the columns of a trace file, some requests at a time; `KeysAreNot` asks to begin anew with another type."""
    kind = detect(path) if format == "auto" else {known.lower(): known for known in _READERS}.get(str(format).lower())
    if kind is None:
        hint = nearest(str(format), _READERS) or f"; there are {', '.join(_READERS)}"
        raise ValueError(f"there is no trace format {format!r}{hint}")
    if wrong := [name for name in named if name not in COLUMNS]:
        raise ValueError(
            f"there is no column option {wrong[0]!r}{nearest(wrong[0], COLUMNS)}: give {', '.join(COLUMNS)}"
        )
    if named and kind not in ("csv", "parquet", "npz"):
        raise ValueError(f"{path} is read as {kind}, which has no named columns: leave out {', '.join(named)}")
    if kind in ("csv", "txt"):
        named["as"] = keys_as
    for part in _READERS[kind](path, named):
        yield _without_empty(part) if skip_empty and part.sizes is not None else part


def detect(path: Path) -> str:
    """Return the format that the name of a file promises; text with a key per line unless its ending is known."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _COMPRESSED:
        endings.pop()
    if ".oraclegeneral" in endings:
        return "oracleGeneral"
    return _ENDINGS.get(endings[-1], "txt") if endings else "txt"


def _without_empty(part: Columns) -> Columns:
    kept = np.asarray(part.sizes) != 0
    return Columns(*(None if values is None else np.asarray(values)[kept] for values in part))


class _Stream(io.RawIOBase):
    """A file, decompressed, whose damage is reported with its place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        ending = path.suffix.lower()
        if ending == ".zst":
            import pyarrow as pa

            self.file: Any = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        else:
            opener: Any = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}.get(ending, open)
            self.file = opener(path, "rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self.file.read(len(buffer))
        except (EOFError, OSError, lzma.LZMAError, zlib.error, ValueError) as error:
            raise ValueError(
                f"{self.path} is damaged or cut off after {self.offset} bytes of its contents "
                f"({str(error).splitlines()[0] if str(error) else type(error).__name__}): fetch it again"
            ) from None
        buffer[: len(data)] = data
        self.offset += len(data)
        return len(data)

    def close(self) -> None:
        self.file.close()
        super().close()


def _open(path: Path) -> BinaryIO:
    if not path.exists():
        raise FileNotFoundError(2, "No such file", str(path))
    return cast(BinaryIO, io.BufferedReader(_Stream(path), 2**20))


# --- binary records ---------------------------------------------------------------------------------------------------


def _records(file: BinaryIO, path: Path, kind: str, dtype: np.dtype, offset: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the offset in bytes and the records of each block."""
    while data := file.read(BLOCK * dtype.itemsize):
        if extra := len(data) % dtype.itemsize:
            raise ValueError(
                f"{path} ends at byte {offset + len(data)}, {extra} bytes into a record: as {kind} it has records of "
                f"{dtype.itemsize} bytes; it is cut off, or of another format"
            )
        yield offset, np.frombuffer(data, dtype)
        offset += len(data)


def _oracle_general(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    dtype = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
    with _open(path) as file:
        for offset, part in _records(file, path, "oracleGeneral", dtype, 0):
            position = offset // dtype.itemsize + np.arange(len(part))
            _refuse_foreign(path, "oracleGeneral", part, position, dtype.itemsize, offset)
            yield Columns(part["id"], part["size"], part["time"])


def _refuse_foreign(path: Path, kind: str, part: np.ndarray, position: np.ndarray, width: int, offset: int) -> None:
    """Check what no other format has by chance: the next use is later, and time does not run backwards."""
    wrong = (part["next"] >= 0) & (part["next"] <= position)
    wrong[1:] |= part["time"][1:] < part["time"][:-1]
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(
            f"{path} is not {kind}: the record at byte {offset + at * width} has time {part['time'][at]} and a next "
            f"use at {part['next'][at]}, expected were times that do not fall and a position after {position[at]}"
        )


def _lcs(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    with _open(path) as file:
        header = file.read(8192)
        if len(header) < 8192 or header[:8] != (0x123456789ABCDEF0).to_bytes(8, "little"):
            raise ValueError(
                f"{path} is not lcs: expected was a header of 8192 bytes that begins with the magic number "
                f"0x123456789abcdef0, at byte 0 are {header[:8].hex() or 'no bytes'}"
            )
        version = int.from_bytes(header[8:16], "little")
        if not 1 <= version <= 8:
            raise ValueError(f"{path} is lcs of version {version} (at byte 8): versions 1 to 8 are read")
        size = "<u4" if version < 3 else "<i8"
        fields = [("time", "<u4"), ("id", "<u8"), ("size", size)]
        fields += [("operation", "<u4")] if version >= 2 else []
        fields += [("more", "<u4")] if version >= 4 else []
        fields += [("next", "<i8")]
        fields += [("features", f"V{4 * 2 ** (version - 4)}")] if version >= 5 else []
        for _, part in _records(file, path, f"lcs {version}", np.dtype(fields), 8192):
            yield Columns(part["id"], part["size"], part["time"])


def _vscsi(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    first = [
        ("sn", "<u4"),
        ("len", "<u4"),
        ("nsg", "<u4"),
        ("cmd", "<u2"),
        ("ver", "<u2"),
        ("lbn", "<u8"),
        ("ts", "<u8"),
    ]
    second = [
        ("cmd", "<u2"),
        ("ver", "<u2"),
        ("sn", "<u4"),
        ("len", "<u4"),
        ("nsg", "<u4"),
        ("lbn", "<u8"),
        ("ts", "<u8"),
    ]
    layouts = [np.dtype(first), np.dtype([*second, ("rt", "<u8")])]
    with _open(path) as file:
        start = cast(Any, file).peek(80)[:80]
        found = None
        for version, dtype in enumerate(layouts, 1):
            head = np.frombuffer(start[: len(start) // dtype.itemsize * dtype.itemsize], dtype)
            if len(head) and (head["ver"] >> 8 == version).all():
                found = version, dtype
        if found is None:
            raise ValueError(
                f"{path} is not vscsi: expected was the version, 1 or 2, at byte 15 or 3 of each record, "
                f"at byte 0 are {start[:16].hex() or 'no bytes'}"
            )
        version, dtype = found
        for offset, part in _records(file, path, f"vscsi {version}", dtype, 0):
            if (part["ver"] >> 8 != version).any():
                at = offset + int(np.argmax(part["ver"] >> 8 != version)) * dtype.itemsize
                raise ValueError(
                    f"{path} is not vscsi: the record at byte {at} is not of version {version} as the first"
                )
            writes = np.isin(part["cmd"], (0x0A, 0x2A, 0xAA, 0x8A))  # SCSI WRITE of 6, 10, 12 and 16 bytes
            yield Columns(part["lbn"], part["len"], part["ts"] / 1e6, writes)


# --- tables -----------------------------------------------------------------------------------------------------------


class KeysAreNot(Exception):
    """The keys of a text are not of the type as which they were read."""


def _csv(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    import pandas as pd

    named = dict(named)
    dtype = named.pop("as")
    with _open(path) as file:
        try:
            header = list(pd.read_csv(cast(Any, file), nrows=0).columns)
        except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError):
            raise ValueError(f"{path} is not a table with a header: give one, or format='txt' for bare keys") from None
    found = _found(header, named, path)
    for chunk in _chunks(path, {"usecols": list(found.values()), "dtype": {found["key"]: dtype}}):
        yield _columns(chunk, found)


def _txt(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    layout = {"header": None, "names": ["key"], "sep": "\x01", "quoting": 3, "dtype": {"key": named["as"]}}
    for chunk in _chunks(path, layout):
        yield Columns(np.asarray(chunk["key"]))


def _twitter(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    names = ["time", "key", "key_size", "value_size", "client", "operation", "ttl"]
    for chunk in _chunks(path, {"header": None, "names": names, "dtype": {"key": str, "operation": str}}):
        for column in ("time", "key_size", "value_size", "ttl"):
            if chunk[column].dtype.kind not in "iuf" or chunk[column].isna().any():
                raise ValueError(
                    f"{path} is not of Twitter's format: {column!r} of row {int(chunk.index[0])} ff. is not a number "
                    "in every row; expected were 7 columns: time, key, key size, value size, client, operation, TTL"
                )
        writes = chunk["operation"].str.lower().isin(_WRITES).to_numpy()
        sizes = (chunk["key_size"] + chunk["value_size"]).to_numpy()
        yield Columns(chunk["key"].to_numpy(object), sizes, chunk["time"].to_numpy(), writes, chunk["ttl"].to_numpy())


def _arc(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    layout = {"header": None, "sep": r"\s+", "usecols": [0, 1], "names": ["first", "count"]}
    for chunk in _chunks(path, layout):
        if any(chunk[name].dtype.kind not in "iu" for name in chunk) or (chunk["count"] < 1).any():
            raise ValueError(f"{path} is not of ARC's format: expected were lines that begin with a block and how many")
        first, count = chunk["first"].to_numpy(), chunk["count"].to_numpy()
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        yield Columns(np.repeat(first, count) + within)


def _lirs(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    with _open(path) as file:
        while lines := file.readlines(2**24):
            blocks = [int(line) for line in lines if line.strip().isdigit()]
            if len(blocks) < len(lines) // 2:
                raise ValueError(f"{path} is not of LIRS's format: expected was a block number per line")
            yield Columns(np.array(blocks, np.int64))


def _chunks(path: Path, layout: dict[str, Any]) -> Iterator[Any]:
    import pandas as pd

    with _open(path) as file:
        try:
            yield from pd.read_csv(cast(Any, file), chunksize=BLOCK, skip_blank_lines=True, **layout)
        except pd.errors.EmptyDataError:
            raise ValueError(f"{path} holds no requests: give a file with one or more") from None
        except (pd.errors.ParserError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not a readable table ({str(error).splitlines()[0]}): check its rows") from None
        except (ValueError, OverflowError) as error:
            if str(path) in str(error) or "str" in map(str, layout.get("dtype", {"": "str"}).values()):
                raise
            raise KeysAreNot from None


def _found(available: list[str], named: dict[str, str], path: Path) -> dict[str, str]:
    """Return which column holds what."""
    found: dict[str, str] = {}
    lower = {str(name).strip().lower(): name for name in reversed(available)}
    for what, usual in COLUMNS.items():
        if what in named and named[what] not in available:
            hint = nearest(named[what], available)
            raise ValueError(f"{path} has no column {named[what]!r}{hint}; it has {', '.join(map(str, available))}")
        name = named.get(what) or next((lower[known] for known in usual if known in lower), None)
        if name is None and what == "key" and len(available) == 1:
            name = available[0]
        if name is not None:
            found[what] = name
    if "key" not in found:
        raise ValueError(f"{path} has the columns {', '.join(map(str, available))}: name the one with the keys (key=)")
    return found


def _columns(table: Any, found: dict[str, str]) -> Columns:
    values = {what: np.asarray(table[name]) for what, name in found.items()}
    return Columns(values["key"], values.get("size"), values.get("time"), values.get("write"), values.get("ttl"))


def _parquet(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        raise FileNotFoundError(2, "No such file", str(path))
    try:
        file = pq.ParquetFile(path)
        found = _found(file.schema_arrow.names, named, path)
        for batch in file.iter_batches(BLOCK, columns=list(found.values())):
            yield _columns(batch.to_pandas(), found)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path} is not a readable parquet file ({str(error).splitlines()[0]}): make it again"
        ) from None


def _npz(path: Path, named: dict[str, str]) -> Iterator[Columns]:
    if not path.exists():
        raise FileNotFoundError(2, "No such file", str(path))
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a readable .npz file: make or fetch it again")
    with np.load(path, allow_pickle=False) as arrays:
        found = _found(arrays.files, named, path)
        try:
            part = _columns(arrays, found)
        except (ValueError, zipfile.BadZipFile, zlib.error, EOFError):
            raise ValueError(f"{path} is damaged or holds pickled objects: make it again from plain arrays") from None
        yield part


_READERS: dict[str, Any] = {
    "arc": _arc,
    "csv": _csv,
    "lcs": _lcs,
    "lirs": _lirs,
    "npz": _npz,
    "oracleGeneral": _oracle_general,
    "parquet": _parquet,
    "twitter": _twitter,
    "txt": _txt,
    "vscsi": _vscsi,
}
