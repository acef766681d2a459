"""Hash keys in batches, bit for bit as the systems do that are modelled here.

Integers are hashed as 8 little-endian bytes, text as UTF-8. Python's own ``hash()`` is of no use for placement: it
differs from run to run.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scalemodel._kernels import hashing as kernels

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Keys: TypeAlias = (
    "Sequence[int] | Sequence[str] | Sequence[bytes] | NDArray[Any] | pd.Series[Any] | pd.Index[Any] | pa.Array"
)
"""What can be hashed: integers, text or bytes, all keys of one kind."""

Integers: TypeAlias = NDArray[np.uint64]
KeyBytes: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]

WANTED = "give a list, an array or a column of integers, of str or of bytes"


@dataclass(frozen=True)
class Algorithm:
    """One hash function: its kernels over bytes and over integers, and the width of its seed (0: it takes none)."""

    of_bytes: Callable[..., Integers] | None
    of_integers: Callable[..., Integers] | None = None
    seed_bits: int = 0


ALGORITHMS = {
    "xxh64": Algorithm(kernels.xxh64_keys, kernels.xxh64_u64_keys, seed_bits=64),
    "murmur3_32": Algorithm(kernels.murmur3_32_keys, seed_bits=32),
    "murmur3_128": Algorithm(kernels.murmur3_128_keys, seed_bits=32),
    "murmur3_cassandra": Algorithm(kernels.murmur3_cassandra_keys),
    "fnv1a_64": Algorithm(kernels.fnv1a_64_keys),
    "crc16_redis": Algorithm(kernels.crc16_keys),
    "md5": Algorithm(kernels.md5_keys),
    "fmix64": Algorithm(None, kernels.fmix64_u64_keys),
    "splitmix64": Algorithm(None, kernels.splitmix64_u64_keys),
}


def hash_keys(keys: Keys, algorithm: str = "xxh64", seed: int = 0) -> NDArray[np.uint64]:
    """Hash every key of a batch to 64 bits.

    Parameters
    ----------
    keys : n integers, n str or n bytes
        A list, tuple or range, a 1-D NumPy array (integers, ``S``, ``U`` or objects), a pandas Series, Index or array
        (categoricals too), or a pyarrow array. Integers from ``-2**63`` to ``2**64 - 1`` are hashed as 8 little-endian
        bytes, negative ones in two's complement; str as UTF-8. NumPy's ``S`` and ``U`` arrays drop trailing NULs.
    algorithm : str
        ========================= =========================================================== ==========
        name                      result                                                      seed
        ========================= =========================================================== ==========
        ``xxh64``                 XXH64                                                       64 bits
        ``murmur3_32``            MurmurHash3_x86_32, zero-extended                           32 bits
        ``murmur3_128``           first half of MurmurHash3_x64_128                           32 bits
        ``murmur3_cassandra``     token of Murmur3Partitioner; ``.view("int64")`` shows it    none
        ``fnv1a_64``              64-bit FNV-1a                                               none
        ``crc16_redis``           CRC16-XMODEM, 0 to 65535; Redis Cluster's slot is % 16384   none
        ``md5``                   first 8 bytes of the digest, little-endian                  none
        ``fmix64``                finaliser of murmur3, integers only                         none
        ``splitmix64``            first output of SplitMix64 from that state, integers only   none
        ========================= =========================================================== ==========
    seed : int
        Picks one of the functions of the family; 0 for algorithms that have no seed.

    Returns
    -------
    uint64[n]
        The hashes, in the order of the keys.

    Raises
    ------
    TypeError
        When `keys` is a single key or holds anything but integers, str or bytes, all of one kind.
    ValueError
        When the algorithm is unknown, the seed or an integer is out of range, a key is missing or no valid text.

    Notes
    -----
    Cassandra stores a ``bigint`` as 8 big-endian bytes: swap the bytes of an int64 column first. Pass other types as
    bytes (an ``int`` has 4 of them, composite keys carry lengths).

    Examples
    --------
    >>> hash_keys(["user:1", "user:2"])
    array([15692727345848811763,  3709811196750279946], dtype=uint64)
    >>> hash_keys(range(3), "splitmix64")
    array([16294208416658607535, 10451216379200822465, 10905525725756348110],
          dtype=uint64)
    >>> hash_keys(np.array([4, 8]).byteswap(), "murmur3_cassandra").view("int64")
    array([1830508272351686621, 3989579132296173906])

    References
    ----------
    .. [1] Y. Collet, "xxHash fast digest algorithm", specification 0.2.0, 2023, section "XXH64 algorithm description".
    .. [2] A. Appleby, "MurmurHash3.cpp", SMHasher, 2011.
    .. [3] Apache Cassandra, ``MurmurHash.hash3_x64_128``; its signed tail bytes: apache/cassandra-gocql-driver#1035.
    .. [4] G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, "The FNV Non-Cryptographic Hash Algorithm", RFC 9923.
    .. [5] Redis Cluster specification, appendix A, "CRC16 reference implementation in ANSI C".
    .. [6] R. Rivest, "The MD5 Message-Digest Algorithm", RFC 1321.
    .. [7] G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    chosen = _algorithm(algorithm)
    seeds = _seeds(seed, algorithm, chosen.seed_bits)
    found = _integers_or_bytes(keys)
    if isinstance(found, np.ndarray) and chosen.of_integers is not None:
        return chosen.of_integers(found, *seeds)
    if chosen.of_bytes is None:
        raise TypeError(f"keys hold text or bytes and {algorithm} hashes integers only: use xxh64 for them")
    return chosen.of_bytes(*_as_bytes(found), *seeds)


def key_bytes(keys: Keys) -> KeyBytes:
    """Lay the bytes of all keys one after the other, as Arrow does.

    Parameters
    ----------
    keys : n integers, n str or n bytes
        As for `hash_keys`.

    Returns
    -------
    data : uint8[:]
        The buffer, read-only. It may begin before the first key and end after the last one.
    offsets : int64[n + 1]
        Key ``k`` is ``data[offsets[k]:offsets[k + 1]]``; read-only.

    Examples
    --------
    >>> data, offsets = key_bytes(["a", "é", ""])
    >>> data, offsets
    (array([ 97, 195, 169], dtype=uint8), array([0, 1, 3, 3]))
    """
    return _as_bytes(_integers_or_bytes(keys))


def _algorithm(name: str) -> Algorithm:
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    near = get_close_matches(str(name).lower(), ALGORITHMS, n=1, cutoff=0)
    raise ValueError(f"algorithm is {name!r}: did you mean {near[0]!r}? Known are {', '.join(ALGORITHMS)}")


def _seeds(seed: int, algorithm: str, bits: int) -> tuple[np.uint64, ...]:
    """Return the seed as the arguments of a kernel: one, or none."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed is {seed!r}: give an integer")
    if bits == 0 and seed != 0:
        raise ValueError(f"seed is {seed} and {algorithm} has no seed: leave it at 0, or use xxh64 or murmur3")
    if bits and not 0 <= seed < 2**bits:
        raise ValueError(f"seed is {seed}: {algorithm} takes an integer from 0 to 2**{bits} - 1")
    return (np.uint64(seed),) if bits else ()


def _integers_or_bytes(keys: Keys) -> Integers | KeyBytes:
    """Bring keys of any kind to one of the two forms that kernels take."""
    package = type(keys).__module__.partition(".")[0]  # asked by name: integer keys need no import of pandas or pyarrow
    if package == "pandas":
        return _from_pandas(keys)
    if package == "pyarrow":
        return _from_arrow(keys)
    if isinstance(keys, np.ndarray):
        return _from_numpy(keys)
    if isinstance(keys, (list, tuple, range)):
        return _from_sequence(keys)
    if isinstance(keys, (str, bytes, int, float, np.generic)):
        raise TypeError(f"keys is the single {type(keys).__name__} {keys!r}: pass a list, such as [{keys!r}]")
    raise TypeError(f"keys is a {type(keys).__name__}: {WANTED}")


def _from_pandas(keys: Any) -> Integers | KeyBytes:
    if isinstance(getattr(keys, "dtype", None), np.dtype):
        return _from_numpy(keys.to_numpy())
    if getattr(keys, "ndim", 0) != 1:
        raise TypeError(f"keys is a pandas {type(keys).__name__}: pass one of its columns")
    return _from_arrow(_arrow_array(getattr(keys, "array", keys)))


def _from_numpy(keys: NDArray[Any]) -> Integers | KeyBytes:
    if keys.ndim != 1:
        raise TypeError(f"keys is an array of {keys.ndim} dimensions: pass one of 1 dimension, such as keys.ravel()")
    if np.ma.is_masked(keys):
        raise ValueError("keys is an array with masked values: drop or fill them first")
    if keys.dtype.kind in "iu":
        wide = keys.astype(np.int64 if keys.dtype.kind == "i" else np.uint64, order="C", copy=False)
        return _frozen(wide.view(np.uint64))
    if keys.dtype.kind in "SUOT":  # by way of a list, because pyarrow cuts `S` and `U` off at the first NUL
        return _from_sequence(keys.tolist())
    raise TypeError(f"keys is an array of {keys.dtype}: {WANTED}")


def _from_sequence(keys: Sequence[Any]) -> Integers | KeyBytes:
    if isinstance(keys, range):
        return _from_range(keys)
    kinds = set(map(type, keys))
    if all(issubclass(kind, (int, np.integer)) and kind is not bool for kind in kinds):
        return _from_integers(keys)
    if all(issubclass(kind, str) for kind in kinds):
        return _from_arrow(_arrow_array(keys, "large_string"))
    if all(issubclass(kind, bytes) for kind in kinds):
        return _from_arrow(_arrow_array(keys, "large_binary"))
    names = sorted(kind.__name__ for kind in kinds)
    raise TypeError(f"keys {'hold' if len(names) == 1 else 'mix'} {' and '.join(names)}: {WANTED}, all of one kind")


def _from_range(keys: range) -> Integers:
    if keys:
        _fit_into_8_bytes(min(keys[0], keys[-1]), max(keys[0], keys[-1]))
    start, step = np.uint64(keys.start % 2**64), np.uint64(keys.step % 2**64)
    return _frozen(np.arange(len(keys), dtype=np.uint64) * step + start)


def _from_integers(keys: Sequence[int]) -> Integers:
    for kind in (np.int64, np.uint64):  # asked for by name: left to itself, NumPy makes float64 of [1, 2**63]
        with suppress(OverflowError):
            return _frozen(np.fromiter(keys, kind, len(keys)).view(np.uint64))
    exact = [int(key) for key in keys]
    _fit_into_8_bytes(min(exact), max(exact))
    return _frozen(np.fromiter((key % 2**64 for key in exact), np.uint64, len(exact)))


def _fit_into_8_bytes(lowest: int, highest: int) -> None:
    if lowest < -(2**63) or highest >= 2**64:
        raise ValueError(f"keys run from {lowest} to {highest}: give integers from -2**63 to 2**64 - 1")


def _arrow_array(keys: Any, kind: str | None = None) -> Any:
    """Convert to a pyarrow array, of the named type or of the one that pyarrow finds."""
    import pyarrow as pa

    try:
        return pa.array(keys, pa.type_for_alias(kind) if kind else None)
    except UnicodeEncodeError as error:
        key = error.object
        raise ValueError(
            f"keys hold {key!r}, which has no UTF-8 form: replace its lone surrogates, or pass bytes"
        ) from error
    except (pa.ArrowException, TypeError) as error:
        raise TypeError(f"keys is a {type(keys).__name__} that Arrow cannot hold ({error}): {WANTED}") from error


def _from_arrow(keys: Any) -> Integers | KeyBytes:
    """Take a pyarrow array or chunked array, without a copy where its layout allows it."""
    import pyarrow as pa

    if not isinstance(keys, (pa.Array, pa.ChunkedArray)):
        raise TypeError(f"keys is a pyarrow {type(keys).__name__}: {WANTED}")
    kind = keys.type.value_type if pa.types.is_dictionary(keys.type) else keys.type
    whole = pa.types.is_integer(kind)
    try:
        flat = keys.cast(kind if whole else pa.large_binary())
    except pa.ArrowException as error:
        raise TypeError(f"keys is a column of {kind}: {WANTED}") from error
    if isinstance(flat, pa.ChunkedArray):
        flat = flat.combine_chunks()
    if flat.null_count:
        raise ValueError(f"keys lack {flat.null_count} of {len(flat)} values (None or NaN): drop or fill them first")
    if whole:
        return _from_numpy(flat.to_numpy())
    if len(flat) == 0:
        return _frozen(np.empty(0, np.uint8)), _frozen(np.zeros(1, np.int64))
    _, offsets, data = flat.buffers()
    starts = np.frombuffer(offsets, np.int64, len(flat) + 1, 8 * flat.offset)
    return _frozen(np.frombuffer(data or b"", np.uint8)), _frozen(starts)


def _as_bytes(found: Integers | KeyBytes) -> KeyBytes:
    if isinstance(found, tuple):
        return found
    return found.view(np.uint8), _frozen(np.arange(0, 8 * len(found) + 1, 8, dtype=np.int64))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view: numba compiles for writable and read-only arrays apart, and Arrow's are read-only."""
    view = array.view()
    view.flags.writeable = False
    return view
