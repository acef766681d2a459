"""Keys from files: one per line of text, or a column of a table.

Nothing is ever unpickled.
"""

import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .topology import nearest

if TYPE_CHECKING:
    import pandas as pd

USUAL_COLUMNS = ("id", "key", "keys", "object")
"""Columns that hold the keys where none is named."""


def read_keys(path: str | Path, column: str | None = None) -> "np.ndarray | pd.Series":
    """Read keys in request order.

    Parameters
    ----------
    path : str or Path
        A ``.npz``, ``.csv`` or ``.parquet`` file (also ``.csv.gz`` and the like), any other file as UTF-8 text with
        one key per line, or ``-`` for text from standard input. Blank lines are skipped.
    column : str, optional
        Which column of a table holds the keys; not needed where there is one, or one called ``id`` or ``key``.

    Returns
    -------
    numpy array or pandas Series
        Integers or strings, as `scalemodel.hashing.hash_keys` takes them.

    Raises
    ------
    ValueError
        If the file holds no keys, is damaged or not UTF-8, or does not have the column.
    OSError
        If it cannot be read.
    """
    if str(path) == "-":
        return _lines(sys.stdin.buffer.read(), "standard input")
    path = Path(path)
    keys: np.ndarray | pd.Series
    kinds = [suffix.lower() for suffix in path.suffixes]
    if ".npz" in kinds[-1:]:
        keys = _npz(path, column)
    elif ".parquet" in kinds[-1:]:
        keys = _parquet(path, column)
    elif ".csv" in kinds[-2:]:
        keys = _csv(path, column)
    else:
        if column is not None:
            raise ValueError(f"{path} is text with a key per line and has no column {column!r}: leave the column out")
        return _lines(path.read_bytes(), str(path))
    if not len(keys):
        raise ValueError(f"{path} holds no keys: give a file with at least one")
    return keys


def _lines(data: bytes, name: str) -> np.ndarray:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} of {name} is not UTF-8: convert the file, or give hashed or integer keys"
        ) from None
    keys = [line for line in text.splitlines() if line]
    if not keys:
        raise ValueError(f"{name} holds no keys: give one key per line")
    return np.array(keys, dtype=object)


def _npz(path: Path, column: str | None) -> np.ndarray:
    damaged = f"{path} is not a readable .npz file: make or fetch it again"
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(damaged)
        with np.load(file, allow_pickle=False) as arrays:
            chosen = _choose(column, arrays.files, path)
            try:
                keys: np.ndarray = arrays[chosen]
            except ValueError:  # numpy's way to refuse a pickle
                raise ValueError(
                    f"{chosen!r} of {path} is a pickled object, which is refused: save plain arrays"
                ) from None
            except (zipfile.BadZipFile, zlib.error, EOFError):
                raise ValueError(damaged) from None
    if keys.ndim != 1 or keys.dtype.kind not in "iuSU":
        raise ValueError(f"the keys in {path} are {keys.dtype}{list(keys.shape)}: save one row of integers or strings")
    return keys


def _csv(path: Path, column: str | None) -> "pd.Series":
    import pandas as pd

    try:
        header = list(pd.read_csv(path, nrows=0).columns)
        chosen = _choose(column, header, path)
        keys = pd.read_csv(path, usecols=[chosen])[chosen]
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8: convert the file first") from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} holds no keys: give a file with a header and at least one row") from None
    except pd.errors.ParserError as error:
        raise ValueError(f"{path} is not a readable table ({_first_line(error)}): check its rows") from None
    return _column(keys, chosen, path)


def _parquet(path: Path, column: str | None) -> "pd.Series":
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        chosen = _choose(column, pq.read_schema(path).names, path)
        keys = pd.read_parquet(path, columns=[chosen])[chosen]
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a readable parquet file ({_first_line(error)}): make it again") from None
    return _column(keys, chosen, path)


def _column(keys: "pd.Series", name: str, path: Path) -> "pd.Series":
    from pandas.api import types

    if keys.isna().any():
        raise ValueError(f"column {name!r} of {path} has {int(keys.isna().sum())} empty values: fill or drop them")
    if types.is_float_dtype(keys) or types.is_bool_dtype(keys):
        raise ValueError(f"column {name!r} of {path} holds {keys.dtype} values: keys are integers or strings")
    return keys


def _choose(column: str | None, columns: list[str], path: Path) -> str:
    if column is not None:
        if column not in columns:
            raise ValueError(f"{path} has no column {column!r}{nearest(column, columns)}; it has {', '.join(columns)}")
        return column
    usual = [name for name in USUAL_COLUMNS if name in columns]
    if usual or len(columns) == 1:
        return (usual or columns)[0]
    raise ValueError(f"{path} has the columns {', '.join(columns) or '(none)'}: name the one with the keys (--column)")


def _first_line(error: Any) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
