"""Real data sets: fetched from where their authors publish them, checked by SHA-256, converted to one simple form.

Nothing of them is part of this project; ``registry.csv`` has the address, the digest and the licence of each. Traces
become npz files with ``id`` (int32, dense, in order of first appearance) and, where the original has them, ``size``
(int32, bytes) and ``ts`` (int32, seconds); tables become CSV.
"""

import csv
import gzip
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pooch  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tqdm.auto import tqdm

from scalemodel._files import replacing

FOLDER = "SCALEMODEL_DATA"
"""The environment variable that names a folder of already fetched files."""


class DatasetUnavailable(OSError):
    """A data set is not on this machine and could not be downloaded."""


@dataclass(frozen=True)
class _Dataset:
    """A row of the registry; `file` is the path of the converted file in a folder of data sets."""

    name: str
    file: str
    url: str
    sha256: str
    bytes: int
    converter: str
    licence: str
    credit: str
    what: str

    @property
    def original(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def places(self) -> list[Path]:
        """Where the converted file may be; the last place is the cache, by digest, so that no row can get stale."""
        places = [folder / self.file for folder in _folder()]
        return [*places, _cache() / self.sha256[:12] / Path(self.file).name]


@cache
def _registry() -> dict[str, _Dataset]:
    text = resources.files("scalemodel").joinpath("registry.csv").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = [{**row, "bytes": int(row["bytes"])} for row in csv.DictReader(text.splitlines())]
    return {row["name"]: _Dataset(**row) for row in rows}


def _folder() -> list[Path]:
    return [Path(os.environ[FOLDER]).expanduser()] if os.environ.get(FOLDER) else []


def _cache() -> Path:
    return Path(pooch.os_cache("scalemodel"))


def _dataset(name: str) -> _Dataset:
    if name not in _registry():
        (nearest,) = get_close_matches(str(name), _registry(), n=1, cutoff=0)
        raise ValueError(f"there is no data set {name!r}: the nearest is {nearest!r}, catalogue() lists all")
    return _registry()[name]


def names() -> list[str]:
    """Return the names of the data sets.

    Examples
    --------
    >>> names()[:2]
    ['twitter_cluster52', 'cache2k_web07']
    """
    return list(_registry())


def catalogue() -> pd.DataFrame:
    """Return what there is: name, what it is, licence, credit, address and digest of the original, and file.

    Examples
    --------
    >>> catalogue().loc[0, ["name", "licence"]].tolist()
    ['twitter_cluster52', 'CC BY 4.0']
    """
    columns = ["name", "what", "licence", "credit", "url", "sha256", "bytes", "file"]
    return pd.DataFrame([asdict(row) for row in _registry().values()])[columns]


def available(name: str) -> bool:
    """Tell whether `fetch` will find a data set on this machine; it never touches the network.

    Raises
    ------
    ValueError
        There is no data set of that name.

    Examples
    --------
    >>> available("twitter_cluster25")
    Traceback (most recent call last):
    ValueError: there is no data set 'twitter_cluster25': the nearest is 'twitter_cluster52', catalogue() lists all
    """
    dataset = _dataset(name)
    originals = [folder / dataset.original for folder in _folder()]
    return any(path.is_file() for path in dataset.places + originals)


def fetch(name: str) -> Path:
    """Return the path of a data set, in this project's form; download and convert it if need be.

    Looks in the folder that the environment variable ``SCALEMODEL_DATA`` names, for the file of the registry or for
    the original as it was published, then in the cache of earlier downloads, then at the original's address.

    Parameters
    ----------
    name : str
        See `catalogue`. Mind the licence there: some data sets are for your own use only.

    Returns
    -------
    Path
        An npz file (a trace) or a CSV file, perhaps compressed (a table).

    Raises
    ------
    DatasetUnavailable
        It is not here, and its address cannot be reached or sends something else than it did.
    ValueError
        There is no data set of that name, or its file here is damaged.

    Notes
    -----
    It goes on like this (not run here, for it may download)::

        with np.load(fetch("cache2k_web07"), allow_pickle=False) as trace:
            keys = trace["id"]
    """
    dataset = _dataset(name)
    for path in dataset.places:
        if path.is_file():
            _check(path)
            return path
    target = dataset.places[-1]
    with tempfile.TemporaryDirectory() as scratch, replacing(target) as converted:
        _CONVERTERS[dataset.converter](_original(dataset, Path(scratch)), converted)
    return target


def _check(path: Path) -> None:
    """Read a file to its end, so that a damaged one is noticed here."""
    try:
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as arrays:
                sound = bool(arrays.namelist()) and arrays.testzip() is None
        else:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
                sound = sum(map(len, lines)) > 0
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error):
        sound = False
    if not sound:
        raise ValueError(f"{path} is damaged: delete it and fetch it again")


def _original(dataset: _Dataset, scratch: Path) -> Path:
    for folder in _folder():
        path = folder / dataset.original
        if path.is_file():
            if pooch.file_hash(str(path)) != dataset.sha256:
                raise _unavailable(dataset, f"{path} has another SHA-256 than the registry")
            return path
    bar = tqdm(desc=dataset.name, total=dataset.bytes, unit="B", unit_scale=True, delay=2)
    try:
        path = pooch.retrieve(
            dataset.url,
            known_hash=f"sha256:{dataset.sha256}",
            fname=dataset.original,
            path=scratch,
            downloader=pooch.HTTPDownloader(progressbar=bar),
        )
    except ValueError:
        raise _unavailable(dataset, "what its address sends has another SHA-256 than the registry") from None
    except OSError as error:  # every error of requests is one
        response = getattr(error, "response", None)
        if response is not None:
            response.close()  # pooch leaves it open
        reason = type(error).__name__ if response is None else f"HTTP status {response.status_code}"
        raise _unavailable(dataset, f"it could not be downloaded ({reason})") from None
    finally:
        bar.close()
    return Path(path)


def _unavailable(dataset: _Dataset, reason: str) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"data set {dataset.name!r} is not here, and {reason}: get {dataset.url} (licence: {dataset.licence}) "
        f"by hand, and set {FOLDER} to the folder that has it as {dataset.original}"
    )


# ---------------------------------------------------------------- converters: an original to this project's form


def _none(original: Path, target: Path) -> None:
    shutil.copyfile(original, target)


def _dense(keys: NDArray) -> NDArray[np.int32]:
    """Number the keys in order of first appearance."""
    return pd.factorize(keys)[0].astype(np.int32)


def _libcachesim_csv(original: Path, target: Path) -> None:
    trace = pd.read_csv(
        original,
        skiprows=1,
        names=["ts", "id", "size"],
        usecols=[0, 1, 2],
        dtype={"ts": np.int32, "id": np.uint64, "size": np.int32},
        skipinitialspace=True,
    )
    np.savez_compressed(
        target, id=_dense(trace["id"].to_numpy()), size=trace["size"].to_numpy(), ts=trace["ts"].to_numpy()
    )


def _int32_keys(original: Path, target: Path) -> None:
    with lzma.open(original) as keys:
        np.savez_compressed(target, id=_dense(np.frombuffer(keys.read(), ">i4").astype(np.int64)))


def _int64_keys(original: Path, target: Path) -> None:
    with lzma.open(original) as keys:
        np.savez_compressed(target, id=_dense(np.frombuffer(keys.read(), ">i8").astype(np.int64)))


def _arc(original: Path, target: Path) -> None:
    """Expand lines of ``first-block number-of-blocks ...``, a reference per block."""
    lines = pd.read_csv(original, sep=" ", header=None, usecols=[0, 1], compression="gzip", dtype=np.int64)
    first, count = lines[0].to_numpy(), lines[1].to_numpy()
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    np.savez_compressed(target, id=_dense(np.repeat(first, count) + within))


def _azure_llm(original: Path, target: Path) -> None:
    calls = pd.read_csv(original, parse_dates=["TIMESTAMP"])
    since = calls["TIMESTAMP"] - calls["TIMESTAMP"].iloc[0]
    table = {
        "t_s": since.dt.total_seconds().round(4),
        "context_tokens": calls["ContextTokens"],
        "generated_tokens": calls["GeneratedTokens"],
    }
    pd.DataFrame(table).to_csv(target, index=False, lineterminator="\n")


def _twitter_stats(original: Path, target: Path) -> None:
    columns = ["cluster", "production_miss_ratio", "category", "key_bytes", "value_bytes", "kqps", "mean_freq"]
    columns += ["one_hit_wonder_pct", "compulsory_miss_pct", "ttl_mix", "wss_mb_no_ttl", "wss_mb", "op_mix"]
    columns += ["zipf_alpha"]
    lines = original.read_text(encoding="utf-8").splitlines()[2:]  # below the heading and its rule
    rows = [[cell.strip().rstrip(",") for cell in line.strip().strip("|").split("|")] for line in lines]
    table = pd.DataFrame(rows, columns=columns).replace(["N/A", "NA"], "")
    table.to_csv(target, index=False, lineterminator="\n")


_CONVERTERS: dict[str, Callable[[Path, Path], None]] = {
    "none": _none,
    "libcachesim_csv": _libcachesim_csv,
    "int32_keys": _int32_keys,
    "int64_keys": _int64_keys,
    "arc": _arc,
    "azure_llm": _azure_llm,
    "twitter_stats": _twitter_stats,
}
