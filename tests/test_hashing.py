import binascii
import csv
import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import mmh3
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import hashing as reference

from scalemodel.hashing import ALGORITHMS, hash_keys, key_bytes

GOLDEN = Path(__file__).parent / "golden"


def golden(name):
    with open(GOLDEN / name, newline="") as file:
        return list(csv.DictReader(file))


def little_endian(x):
    return (x % 2**64).to_bytes(8, "little")


def md5(key):
    return int.from_bytes(hashlib.md5(key).digest()[:8], "little")


# one algorithm: its value for one key, by somebody else's program or by the slow twin
SEEDED = {
    "xxh64": (2**64, lambda key, seed: xxhash.xxh64_intdigest(key, seed)),
    "murmur3_32": (2**32, lambda key, seed: mmh3.hash(key, seed, signed=False)),
    "murmur3_128": (2**32, lambda key, seed: mmh3.hash64(key, seed, signed=False)[0]),
}
UNSEEDED = {
    "murmur3_cassandra": reference.murmur3_cassandra,
    "fnv1a_64": reference.fnv1a_64,
    "crc16_redis": lambda key: binascii.crc_hqx(key, 0),
    "md5": md5,
}
ORACLES = {name: lambda key, of=of: of(key, 0) for name, (_, of) in SEEDED.items()} | UNSEEDED
OF_INTEGERS = {"fmix64": reference.fmix64, "splitmix64": reference.splitmix64}


# --- vectors and oracles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "column"),
    [("xxh64", "xxh64"), ("murmur3_32", "murmur3_x86_32"), ("murmur3_128", "murmur3_x64_128_h1")],
)
def test_published_libraries_vectors(algorithm, column):
    for row in golden("hash_vectors.csv"):
        key = bytes.fromhex(row["data_hex"])
        assert hash_keys([key], algorithm, int(row["seed"])).tolist() == [int(row[column])]

    rows = golden("hash_u64le_vectors.csv")
    keys = [int(row["key_u64(8 bytes LE, seed 0)"]) for row in rows]
    assert hash_keys(keys, algorithm).tolist() == [int(row[column]) for row in rows]


def test_cassandra_driver_tokens():
    rows = golden("cassandra_murmur3_tokens.csv")
    keys = [bytes.fromhex(row["key_hex"]) for row in rows]
    tokens = [int(row["token_i64"]) for row in rows]
    assert hash_keys(keys, "murmur3_cassandra").view(np.int64).tolist() == tokens
    standard = hash_keys(keys, "murmur3_128").view(np.int64)
    assert (standard != tokens).any()  # or these keys would not show the signed tail

    bigints = [row for row in rows if row["cql_type"] == "bigint"]
    column = np.array([int(row["value"]) for row in bigints])
    found = hash_keys(column.byteswap(), "murmur3_cassandra").view(np.int64)
    assert found.tolist() == [int(row["token_i64"]) for row in bigints]


def test_cassandra_has_no_lowest_token():
    key = bytes.fromhex("ee961629b0b5ad1d319e18e83892dbed")  # found by running murmur3 backwards
    assert mmh3.hash64(key)[0] == -(2**63)
    assert hash_keys([key], "murmur3_cassandra").view(np.int64).tolist() == [2**63 - 1]


def test_published_check_values():
    check = ["123456789"]
    assert hash_keys(check, "crc16_redis").tolist() == [0x31C3]  # Redis Cluster specification, appendix A
    assert hash_keys(["", "a", "foobar"], "fnv1a_64").tolist() == [  # RFC 9923 and the authors' test vectors
        0xCBF29CE484222325,
        0xAF63DC4C8601EC8C,
        0x85944171F73967E8,
    ]
    assert hash_keys([0], "splitmix64").tolist() == [0xE220A8397B1DCDAF]  # OpenJDK's SplittableRandom(0)
    assert hash_keys([1], "fmix64").tolist() == [0xB456BCFC34C2CB2C]


BATCHES = st.lists(st.binary(max_size=200), min_size=1, max_size=40)


@pytest.mark.parametrize("algorithm", SEEDED)
@settings(max_examples=40, deadline=None)
@given(keys=BATCHES, data=st.data())
def test_seeded_algorithms_equal_their_library(algorithm, keys, data):
    seeds, of = SEEDED[algorithm]
    seed = data.draw(st.integers(0, seeds - 1))
    assert hash_keys(keys, algorithm, seed).tolist() == [of(key, seed) for key in keys]


@pytest.mark.parametrize("algorithm", UNSEEDED)
@settings(max_examples=40, deadline=None)
@given(keys=BATCHES)
def test_unseeded_algorithms_equal_their_oracle(algorithm, keys):
    assert hash_keys(keys, algorithm).tolist() == [UNSEEDED[algorithm](key) for key in keys]


@pytest.mark.parametrize("algorithm", ORACLES)
def test_every_length(algorithm):
    noise = np.random.default_rng(5).bytes(300)
    keys = [noise[size : 2 * size] for size in range(150)]
    assert hash_keys(keys, algorithm).tolist() == [ORACLES[algorithm](key) for key in keys]


INTEGERS = st.lists(st.integers(-(2**63), 2**64 - 1), min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(keys=INTEGERS, seed=st.integers(0, 2**64 - 1))
def test_integers_are_eight_little_endian_bytes(keys, seed):
    as_bytes = [little_endian(key) for key in keys]
    assert hash_keys(keys, seed=seed).tolist() == hash_keys(as_bytes, seed=seed).tolist()
    for algorithm, of in ORACLES.items():
        assert hash_keys(keys, algorithm).tolist() == [of(key) for key in as_bytes]
    for algorithm, of in OF_INTEGERS.items():
        assert hash_keys(keys, algorithm).tolist() == [of(key % 2**64) for key in keys]


# --- one content in many containers -----------------------------------------------------------------------------------

TEXTS = ["user:1", "", "é", "\N{GRINNING FACE} grin", "a\0b", "user:1", "x" * 70]
BYTES = [text.encode() for text in TEXTS]
FIXED = [b"\x00\xff", b"ab", b"\xc3\xa9"]

TEXT_FORMS = {
    "list": TEXTS,
    "tuple": tuple(TEXTS),
    "numpy U": np.array(TEXTS),
    "numpy big-endian U": np.array(TEXTS).astype(">U70"),
    "numpy objects": np.array(TEXTS, object),
    "numpy strings": np.array(TEXTS, np.dtypes.StringDType()),
    "numpy str in a list": list(np.array(TEXTS)),
    "pandas": pd.Series(TEXTS),
    "pandas objects": pd.Series(TEXTS, dtype=object),
    "pandas python strings": pd.Series(TEXTS, dtype="string[python]"),
    "pandas pyarrow strings": pd.Series(TEXTS, dtype="string[pyarrow]"),
    "pandas arrow": pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())),
    "pandas category": pd.Series(TEXTS, dtype="category"),
    "pandas index": pd.Index(TEXTS),
    "pandas array": pd.array(TEXTS),
    "arrow": pa.array(TEXTS),
    "arrow large": pa.array(TEXTS, pa.large_string()),
    "arrow view": pa.array(TEXTS, pa.string_view()),
    "arrow dictionary": pa.array(TEXTS).dictionary_encode(),
    "arrow chunks": pa.chunked_array([TEXTS[:2], [], TEXTS[2:]]),
    "bytes": BYTES,
    "numpy S": np.array(BYTES),
    "numpy bytes objects": np.array(BYTES, object),
    "pandas bytes": pd.Series(BYTES),
    "arrow binary": pa.array(BYTES),
    "arrow large binary": pa.array(BYTES, pa.large_binary()),
    "arrow binary view": pa.array(BYTES, pa.binary_view()),
}


@pytest.mark.parametrize("keys", TEXT_FORMS.values(), ids=TEXT_FORMS)
def test_text_hashes_alike_in_every_container(keys):
    assert hash_keys(keys, seed=3).tolist() == [xxhash.xxh64_intdigest(key, 3) for key in BYTES]


INTEGER_FORMS = {
    "list": [3, 0, 127],
    "list of numpy": [np.int8(3), np.uint64(0), 127],
    "tuple": (3, 0, 127),
    **{f"numpy {code}": np.array([3, 0, 127], code) for code in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")},
    "big-endian": np.array([3, 0, 127], ">i4"),
    "strided": np.array([3, 9, 0, 9, 127, 9])[::2],
    "reversed": np.array([127, 0, 3], np.uint64)[::-1],
    "column": np.array([[3, 1], [0, 1], [127, 1]])[:, 0],
    "unaligned": np.frombuffer(b"?" + np.array([3, 0, 127]).tobytes(), np.int64, 3, 1),
    "objects": np.array([3, 0, 127], object),
    "pandas": pd.Series([3, 0, 127]),
    "pandas small": pd.Series([3, 0, 127], dtype="int8"),
    "pandas nullable": pd.Series([3, 0, 127], dtype="Int64"),
    "pandas arrow": pd.Series([3, 0, 127], dtype="int64[pyarrow]"),
    "pandas category": pd.Series([3, 0, 127], dtype="category"),
    "pandas index": pd.Index([3, 0, 127]),
    "pandas array": pd.array([3, 0, 127]),
    "arrow": pa.array([3, 0, 127]),
    "arrow small": pa.array([9, 3, 0, 127], pa.uint8())[1:],
    "arrow dictionary": pa.array([3, 0, 127]).dictionary_encode(),
    "arrow chunks": pa.chunked_array([[3], [0, 127]]),
}


@pytest.mark.parametrize("keys", INTEGER_FORMS.values(), ids=INTEGER_FORMS)
def test_integers_hash_alike_in_every_container(keys):
    assert hash_keys(keys, seed=3).tolist() == [xxhash.xxh64_intdigest(little_endian(key), 3) for key in (3, 0, 127)]
    assert hash_keys(keys, "md5").tolist() == [md5(little_endian(key)) for key in (3, 0, 127)]


SLICES = [slice(1, 4), slice(3, None), slice(2, 2), slice(0, 3)]


@pytest.mark.parametrize("part", SLICES, ids=str)
@pytest.mark.parametrize("form", [name for name in TEXT_FORMS if "arrow" in name or "pandas" in name])
def test_slices_keep_their_place(form, part):
    assert hash_keys(TEXT_FORMS[form][part]).tolist() == hash_keys(TEXTS).tolist()[part]


def test_slices_of_fixed_size_binary():
    array = pa.array(FIXED, pa.binary(2))
    assert hash_keys(array[1:]).tolist() == hash_keys(FIXED[1:]).tolist()


def test_pandas_steps_and_selections():
    column = pd.Series(TEXTS)
    assert hash_keys(column[::-2]).tolist() == hash_keys(TEXTS[::-2]).tolist()
    assert hash_keys(column[column != ""]).tolist() == hash_keys([text for text in TEXTS if text]).tolist()


@pytest.mark.parametrize(
    "keys",
    [
        range(5),
        range(-3, 9, 4),
        range(9, -9, -5),
        range(2**63 - 2, 2**63 + 3),
        range(5, 2**70, 2**70),
        range(0),
        pd.RangeIndex(2, 9, 3),
    ],
)
def test_ranges(keys):
    assert hash_keys(keys).tolist() == [xxhash.xxh64_intdigest(little_endian(int(key))) for key in keys]


def test_large_and_negative_integers():
    def twins(keys):
        return [xxhash.xxh64_intdigest(little_endian(int(key))) for key in keys]

    for keys in ([1, 2**63], [2**53 + 1, 2**64 - 1], [-1, -(2**63)], [-1, 2**63], [np.uint64(2**64 - 1), -1]):
        assert hash_keys(keys).tolist() == twins(keys)
    high = np.array([2**63, 2**64 - 1, 2**53 + 1], np.uint64)
    assert hash_keys(high).tolist() == twins(high)
    assert hash_keys(pa.array(high)).tolist() == hash_keys(pd.Series(high)).tolist() == twins(high)
    assert (
        hash_keys(np.array([-1], np.int8)).tolist() == hash_keys([2**64 - 1]).tolist()
    )  # sign-extended, then unsigned
    assert hash_keys(np.array([255], np.uint8)).tolist() == twins([255])


EMPTY = [[], (), np.array([], np.int32), np.array([], "U3"), np.array([], "S1"), np.array([], object), pd.Series([])]
EMPTY += [pd.Series([], dtype="str"), pd.Index([]), pa.array([]), pa.array([], pa.string()), pa.array(TEXTS)[3:3]]
EMPTY += [pa.chunked_array([], pa.string()), pa.chunked_array([], pa.int8())]


@pytest.mark.parametrize("keys", EMPTY, ids=lambda keys: type(keys).__name__)
def test_no_keys(keys):
    for algorithm in ("xxh64", "fnv1a_64"):
        hashes = hash_keys(keys, algorithm)
        assert hashes.dtype == np.uint64
        assert hashes.shape == (0,)
    data, offsets = key_bytes(keys)
    assert len(data) == 0
    assert offsets.tolist() == [0]


def test_trailing_nul_is_lost_only_by_numpy():
    nul, plain = hash_keys(["a\0", "a"])
    assert nul != plain
    assert hash_keys(np.array(["a\0"])).tolist() == hash_keys(np.array([b"a\0"])).tolist() == [plain]


def test_input_is_left_alone_and_output_is_writable():
    keys = np.arange(4, dtype=np.uint64)
    hashes = hash_keys(keys)
    hashes += np.uint64(1)
    assert keys.flags.writeable
    assert keys.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("keys", [*TEXT_FORMS.values(), *INTEGER_FORMS.values()], ids=[*TEXT_FORMS, *INTEGER_FORMS])
def test_key_bytes_have_one_type(keys):
    data, offsets = key_bytes(keys)
    for array, dtype in ((data, np.uint8), (offsets, np.int64)):  # another type would compile the kernels again
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert not array.flags.writeable
    found = [data[start:stop].tobytes() for start, stop in pairwise(offsets)]
    assert found in (BYTES, [little_endian(key) for key in (3, 0, 127)])


def test_large_text_is_not_copied():
    array = pa.array(TEXTS, pa.large_string())
    data, _ = key_bytes(array)
    assert data.ctypes.data == array.buffers()[2].address


def test_integer_keys_import_neither_pandas_nor_pyarrow():
    code = """if True:
        import sys
        from scalemodel.hashing import hash_keys
        hash_keys([1, 2])
        hash_keys(range(3))
        sys.exit(any(name in sys.modules for name in ("pandas", "pyarrow")))"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- bad input --------------------------------------------------------------------------------------------------------

BAD_KEYS = [
    ("user:1", TypeError, r"single str 'user:1': pass a list, such as \['user:1'\]"),
    (b"user", TypeError, "single bytes"),
    (7, TypeError, "single int 7: pass a list"),
    (np.int64(7), TypeError, "single int64"),
    (7.5, TypeError, "single float"),
    (np.array(7), TypeError, "array of 0 dimensions"),
    (np.zeros((2, 2), int), TypeError, "array of 2 dimensions: pass one of 1 dimension"),
    (pd.DataFrame({"key": [1]}), TypeError, "DataFrame: pass one of its columns"),
    (pa.table({"key": [1]}), TypeError, "pyarrow Table"),
    (pa.scalar("a"), TypeError, "pyarrow StringScalar"),
    (None, TypeError, "keys is a NoneType: give a list"),
    ({"a", "b"}, TypeError, "keys is a set"),
    ({"a": 1}, TypeError, "keys is a dict"),
    ((key for key in "ab"), TypeError, "keys is a generator"),
    ([1.0, 2.0], TypeError, "keys hold float: give"),
    ([1, 2.5], TypeError, "keys mix float and int"),
    ([True, False], TypeError, "keys hold bool"),
    ([1, True], TypeError, "keys mix bool and int"),
    (["a", None], TypeError, "keys mix NoneType and str"),
    (["a", float("nan")], TypeError, "keys mix float and str"),
    (["a", 1], TypeError, "keys mix int and str.* all of one kind"),
    (["a", b"a"], TypeError, "keys mix bytes and str"),
    ([[1, 2], [3, 4]], TypeError, "keys hold list"),
    ([bytearray(b"a")], TypeError, "keys hold bytearray"),
    (np.array([1.0]), TypeError, "array of float64"),
    (np.array([True]), TypeError, "array of bool"),
    (np.array([1 + 2j]), TypeError, "array of complex128"),
    (np.array(["2026-01-01"], "M8[D]"), TypeError, "array of datetime64"),
    (np.array(["a", None], object), TypeError, "keys mix NoneType and str"),
    (np.ma.masked_equal([1, 2], 2), ValueError, "array with masked values"),
    (pd.Series([1.0, None]), TypeError, "array of float64"),
    (pd.Series(["a", 1], dtype=object), TypeError, "keys mix int and str"),
    (pd.Series([True, None], dtype="boolean"), TypeError, "column of bool"),
    (pd.Series(["a", None]), ValueError, "keys lack 1 of 2 values"),
    (pd.Series(["a", None], dtype="category"), ValueError, "keys lack 1 of 2 values"),
    (pd.Series([1, None], dtype="Int64"), ValueError, "keys lack 1 of 2 values"),
    (pd.Series(pd.Categorical(["a", 1])), TypeError, "Categorical that Arrow cannot hold"),
    (pd.date_range("2026-01-01", periods=2, tz="UTC"), TypeError, "column of timestamp"),
    (pd.MultiIndex.from_tuples([("a", 1)]), TypeError, "keys hold tuple"),
    (pa.array(["a", None]), ValueError, "keys lack 1 of 2 values"),
    (pa.array(["a", None]).dictionary_encode(), ValueError, "keys lack 1 of 2 values"),
    (pa.chunked_array([[1], [None]]), ValueError, "keys lack 1 of 2 values"),
    (pa.nulls(2), ValueError, "keys lack 2 of 2 values"),
    (pa.array([1.5]), TypeError, "column of double"),
    (pa.array([1.5]).dictionary_encode(), TypeError, "column of double"),
    (pa.array([["a"]]), TypeError, "column of list"),
    (["a", "\ud800"], ValueError, r"keys hold '\\ud800', which has no UTF-8 form"),
    (np.array(["\ud800"]), ValueError, "no UTF-8 form"),
    (pd.Series(["\ud800"], dtype=object), ValueError, "no UTF-8 form"),
    ([2**64], ValueError, "give integers from"),
    ([1, -(2**63) - 1], ValueError, "give integers from"),
    ([-1, 2**64], ValueError, "give integers from"),
    (range(2**64 - 1, 2**64 + 1), ValueError, "give integers from"),
    (range(0, 2**64 + 2**62, 2**62), ValueError, "keys run from 0 to 18446744073709551616: give integers from"),
    (range(0, -(2**64), -(2**62)), ValueError, "give integers from"),
]


@pytest.mark.parametrize(("keys", "error", "message"), BAD_KEYS, ids=[message for _, _, message in BAD_KEYS])
def test_bad_keys(keys, error, message):
    with pytest.raises(error, match=message):
        hash_keys(keys)


@pytest.mark.parametrize(
    ("near", "meant"),
    [("xxh46", "xxh64"), ("XXH64", "xxh64"), ("murmur3", "murmur3_"), ("fnv", "fnv1a_64"), ("crc16", "crc16_redis")],
)
def test_unknown_algorithm_names_the_nearest(near, meant):
    with pytest.raises(ValueError, match=f"algorithm is '{near}': did you mean '{meant}"):
        hash_keys([1], near)


@pytest.mark.parametrize("algorithm", OF_INTEGERS)
@pytest.mark.parametrize("keys", [["a"], [b"12345678"], pd.Series(["a"])], ids=["str", "bytes", "pandas"])
def test_mixers_refuse_text(algorithm, keys):
    with pytest.raises(TypeError, match=f"{algorithm} hashes integers only: use xxh64"):
        hash_keys(keys, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_seeds(algorithm):
    if algorithm in SEEDED:
        highest = SEEDED[algorithm][0] - 1
        assert len({hash_keys([1], algorithm, seed)[0] for seed in (0, 1, highest)}) == 3
        for seed in (-1, highest + 1):
            with pytest.raises(ValueError, match=rf"seed is {seed}: {algorithm} takes an integer from 0 to 2\*\*"):
                hash_keys([1], algorithm, seed)
        assert hash_keys([1], algorithm, np.uint64(5)).tolist() == hash_keys([1], algorithm, 5).tolist()
    else:
        with pytest.raises(ValueError, match=f"seed is 1 and {algorithm} has no seed"):
            hash_keys([1], algorithm, 1)
    for seed in (1.0, "1", None, True):
        with pytest.raises(TypeError, match="give an integer"):
            hash_keys([1], algorithm, seed)
