"""Traces: numbering, reading, describing, making."""

import bz2
import gzip
import lzma

import libcachesim_peer as peer
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalemodel.cache import Trace, irm_trace, loop_trace, mixed_trace, scan_trace, simulate, twin
from scalemodel.workload import LogNormalSize, Uniform, Zipf

IDS = [5, 2**40, 5, 7, 7, 5]
SIZES = [10, 20, 10, 30, 30, 10]
TIMES = [0, 1, 1, 2, 5, 9]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=60), st.booleans())
def test_numbers_follow_first_appearance(keys, as_names):
    keys = [key % 17 if key % 2 else key for key in keys]
    given_keys = [f"k{key}" for key in keys] if as_names else keys
    trace = Trace(given_keys)
    order = list(dict.fromkeys(given_keys))
    assert trace.names.tolist() == order
    assert trace.ids.tolist() == [order.index(key) for key in given_keys]
    assert trace.first.tolist() == [key not in given_keys[:i] for i, key in enumerate(given_keys)]
    following = [next((j for j in range(i + 1, len(keys)) if keys[j] == key), 2**31 - 1) for i, key in enumerate(keys)]
    assert trace.next_use.tolist() == following


def test_many_keys_of_any_kind():
    keys = np.random.default_rng(0).integers(0, 2**64 - 1, 50_000, np.uint64)
    trace = Trace(np.concatenate([keys, keys[::-1]]))
    assert np.array_equal(trace.names[trace.ids[50_000:]], keys[::-1])
    assert trace.objects == len(np.unique(keys))
    for kind in (np.int32, np.uint8, np.int64):
        assert Trace(np.array([3, 1, 3], kind)).ids.tolist() == [0, 1, 0]
    for names in (["a", "b", "a"], [b"a", b"b", b"a"], np.array(["a", "b", "a"]), pd.Series(["a", "b", "a"])):
        assert Trace(names).ids.tolist() == [0, 1, 0]


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def columns():
    return pd.DataFrame({"when": 1, "time": TIMES, "id": IDS, "size": SIZES})


def check(trace, times=True, sizes=True):
    assert trace.names[trace.ids].tolist() == IDS
    assert trace.sizes is None if not sizes else trace.sizes.tolist() == SIZES
    assert trace.times is None if not times else trace.times.tolist() == TIMES


@pytest.mark.parametrize("ending", ["", ".gz", ".xz", ".bz2", ".zst"])
def test_tables_and_text_however_compressed(tmp_path, columns, ending):
    def write(name, data):
        path = tmp_path / (name + ending)
        if ending == ".zst":
            with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as file:
                file.write(data)
        else:
            opener = {"": open, ".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}[ending]
            with opener(path, "wb") as file:
                file.write(data)
        return path

    check(Trace.read(write("t.csv", columns.to_csv(index=False).encode())))
    check(Trace.read(write("t.txt", "".join(f"{key}\n" for key in IDS).encode())), times=False, sizes=False)
    other = columns.rename(columns={"id": "what", "size": "how much"}).to_csv(index=False).encode()
    check(Trace.read(write("u.csv", other), key="what", size="how much"))
    peer.write_oracle_general(tmp_path / "plain", np.array(IDS) - 1, SIZES)
    oracle = Trace.read(write("t.oracleGeneral", (tmp_path / "plain").read_bytes()))
    assert oracle.names[oracle.ids].tolist() == IDS
    assert oracle.sizes.tolist() == SIZES


def test_parquet_and_npz(tmp_path, columns):
    columns.to_parquet(tmp_path / "t.parquet")
    check(Trace.read(tmp_path / "t.parquet"))
    np.savez(tmp_path / "t.npz", id=IDS, size=SIZES, ts=TIMES)
    check(Trace.read(str(tmp_path / "t.npz")))


@pytest.mark.parametrize("keys", [["007", "b", "007"], ["1", "2", "x"], [str(2**63 + 5), "1", "1"]])
def test_keys_of_text_are_told_apart(tmp_path, keys):
    (tmp_path / "t.txt").write_text("\n".join(keys))
    (tmp_path / "t.csv").write_text("key,size\n" + "".join(f"{key},1\n" for key in keys))
    for name in ("t.txt", "t.csv"):
        trace = Trace.read(tmp_path / name)
        assert [str(key) for key in trace.names[trace.ids]] == keys, name


def lcs(version, records):
    header = (0x123456789ABCDEF0).to_bytes(8, "little") + version.to_bytes(8, "little")
    width = {1: 24, 2: 28, 3: 32, 4: 36, 5: 44, 6: 52, 7: 68, 8: 100}[version]
    body = b""
    for time, key, size in records:
        record = (
            time.to_bytes(4, "little") + key.to_bytes(8, "little") + size.to_bytes(4 if version < 3 else 8, "little")
        )
        body += record.ljust(width, b"\0")
    return header.ljust(8192, b"\0") + body


@pytest.mark.parametrize("version", range(1, 9))
def test_lcs(tmp_path, version):
    (tmp_path / "t.lcs").write_bytes(lcs(version, zip(TIMES, IDS, SIZES, strict=True)))
    check(Trace.read(tmp_path / "t.lcs"))


@pytest.mark.parametrize("version", [1, 2])
def test_vscsi(tmp_path, version):
    first = [("sn", "<u4"), ("len", "<u4"), ("n", "<u4"), ("cmd", "<u2"), ("ver", "<u2"), ("lbn", "<u8"), ("ts", "<u8")]
    second = [first[3], first[4], *first[:3], *first[5:], ("rt", "<u8")]
    records = np.zeros(len(IDS), [first, second][version - 1])
    records["lbn"], records["len"], records["ts"] = IDS, SIZES, np.array(TIMES) * 10**6
    records["ver"], records["cmd"] = version << 8, [0x28, 0x2A, 0x28, 0x28, 0x2A, 0x28]
    records.tofile(tmp_path / "t.vscsi")
    trace = Trace.read(tmp_path / "t.vscsi")
    check(trace)
    assert trace.writes.tolist() == [False, True, False, False, True, False]


def test_twitter_arc_and_lirs(tmp_path):
    (tmp_path / "cluster.csv").write_text("0,aa,10,90,1,get,0\n0,bb,10,0,1,set,3600\n2,aa,10,90,1,get,0\n")
    trace = Trace.read(tmp_path / "cluster.csv", "twitter")
    assert trace.names.tolist() == ["aa", "bb"]
    assert trace.sizes.tolist() == [100, 10, 100]
    assert trace.writes.tolist() == [False, True, False]
    assert trace.ttls.tolist() == [np.inf, 3600, np.inf]
    (tmp_path / "t.arc").write_text("10 3 0 0\n11 1 0 3\n")
    assert Trace.read(tmp_path / "t.arc").ids.tolist() == [0, 1, 2, 1]
    (tmp_path / "t.lirs").write_text("4\n5\n*\n4\n")
    assert Trace.read(tmp_path / "t.lirs").ids.tolist() == [0, 1, 0]


def test_a_file_of_many_blocks_is_read_in_pieces(tmp_path, monkeypatch):
    from scalemodel.cache import formats

    monkeypatch.setattr(formats, "BLOCK", 7)
    keys = np.arange(100) % 13
    pd.DataFrame({"key": keys, "time": np.arange(100)}).to_csv(tmp_path / "t.csv", index=False)
    peer.write_oracle_general(tmp_path / "t.oracleGeneral.bin", keys)
    for name in ("t.csv", "t.oracleGeneral.bin"):
        assert Trace.read(tmp_path / name).ids.tolist() == keys.tolist()


def damaged(path, change):
    path.write_bytes(change(path.read_bytes()))
    return path


def test_damage_is_told_with_its_place(tmp_path):
    path = tmp_path / "t.oracleGeneral.bin"
    peer.write_oracle_general(path, np.arange(10) % 3)
    with pytest.raises(
        ValueError, match=r"ends at byte 235, 19 bytes into a record: as oracleGeneral it has records of"
    ):
        Trace.read(damaged(path, lambda data: data[:-5]))
    with pytest.raises(ValueError, match=r"is not oracleGeneral: the record at byte 48 has time"):
        Trace.read(damaged(path, lambda data: data[:24] + bytes(range(1, 25)) + data[48:240].ljust(192, b"\0")))
    other = tmp_path / "t.lcs"
    other.write_bytes(b"no such thing")
    with pytest.raises(ValueError, match=r"is not lcs: expected was a header of 8192 bytes.*at byte 0 are 6e6f20"):
        Trace.read(other)
    other.write_bytes(lcs(1, [(0, 1, 1)]).replace(b"\1\0\0\0\0\0\0\0", b"\x0b\0\0\0\0\0\0\0", 1))
    with pytest.raises(ValueError, match=r"is lcs of version 11 \(at byte 8\): versions 1 to 8 are read"):
        Trace.read(other)
    disk = tmp_path / "t.vscsi"
    disk.write_bytes(bytes(80))
    with pytest.raises(ValueError, match=r"is not vscsi: expected was the version, 1 or 2, at byte 15 or 3"):
        Trace.read(disk)
    with gzip.open(tmp_path / "t.txt.gz", "wb") as file:
        file.write(b"1234\n" * 100_000)
    cut = damaged(tmp_path / "t.txt.gz", lambda data: data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"is damaged or cut off after \d+ bytes of its contents"):
        Trace.read(cut)


@pytest.mark.parametrize(
    ("name", "text", "format", "message"),
    [
        ("t.csv", "a,b\n1,2\n", "auto", r"has the columns a, b: name the one with the keys"),
        ("t.csv", "", "auto", r"is not a table with a header"),
        ("t.txt", "", "auto", r"holds no requests"),
        ("t.csv", "key,size\n1,0\n", "auto", r"request 0 has a size of 0 bytes: give one or more"),
        ("t.csv", "key,time\n1,5\n2,4\n", "auto", r"time runs backwards at request 1, from 5 to 4 s: sort"),
        ("t.csv", "key,size\n,3\n1,1\n", "auto", r"lacks 1 of its keys"),
        ("t.csv", "1,2\n", "twitter", r"is not of Twitter's format"),
        ("t.arc", "1 x\n", "auto", r"is not of ARC's format"),
        ("t.lirs", "a\nb\n", "auto", r"is not of LIRS's format"),
        ("t.csv", "key\n1\n", "oracle", r"there is no trace format 'oracle'"),
        ("t.npz", "nonsense", "auto", r"is not a readable .npz file"),
        ("t.parquet", "nonsense", "auto", r"is not a readable parquet file"),
    ],
)
def test_foreign_files_are_refused(tmp_path, name, text, format, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        Trace.read(tmp_path / name, format)


def test_files_that_are_not_there_and_options_that_make_no_sense(tmp_path):
    for name in ("no.csv", "no.lcs", "no.npz", "no.parquet"):
        with pytest.raises(FileNotFoundError):
            Trace.read(tmp_path / name)
    (tmp_path / "t.csv").write_text("key,size\n1,0\n2,3\n")
    assert Trace.read(tmp_path / "t.csv", skip_empty=True).names.tolist() == [2]
    with pytest.raises(ValueError, match="has no column 'kez'"):
        Trace.read(tmp_path / "t.csv", key="kez")
    with pytest.raises(ValueError, match="there is no column option 'keys'"):
        Trace.read(tmp_path / "t.csv", keys="key")
    with pytest.raises(ValueError, match="is read as txt, which has no named columns"):
        Trace.read(tmp_path / "t.csv", "txt", key="key")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ValueError, "holds no requests"),
        (([1.5, 2.0],), TypeError, "have type float64|have type object|give integers"),
        ((["a", 1],), TypeError, "the keys hold 1 of type int"),
        (([[1, 2]],), ValueError, "shape"),
        (([1, 2], [1]), ValueError, r"sizes has shape \(1,\)"),
        (([1, 2], [1, -4]), ValueError, "request 1 has a size of -4 bytes"),
        (([1, 2], [1.5, 2]), TypeError, "sizes has type float64: give whole bytes"),
        (([1, 2], None, [3, 2]), ValueError, "time runs backwards at request 1"),
        (([1, 2], None, [3, np.nan]), ValueError, "request 1 has no finite time"),
        (([1, 2], None, None, None, [1, -1]), ValueError, "request 1 has a TTL of -1"),
    ],
)
def test_columns_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        Trace(*arguments)


# --- describing and making --------------------------------------------------------------------------------------------


def test_a_description_counts():
    trace = Trace([1, 2, 1, 3, 1, 2], sizes=[5, 7, 5, 1, 5, 7], times=[0, 1, 2, 3, 4, 5], ttls=[9, 9, 9, 0, 9, 9])
    told = trace.describe()
    assert (told.one_hit_share, told.compulsory_miss_ratio) == (pytest.approx(1 / 3), 0.5)
    bounds, counts = told.reuse_times
    assert dict(zip(bounds.tolist(), counts.tolist(), strict=True)) == {1: 0, 2: 2, 4: 1}
    assert told.ttl_mix.to_dict() == {9.0: pytest.approx(5 / 6), np.inf: pytest.approx(1 / 6)}
    rows = told.to_frame().set_index("quantity")["value"]
    assert rows["footprint"] == 13
    assert rows["rate"] == pytest.approx(6 / 5)
    assert irm_trace(Zipf(5000, 1.1), 400_000).describe().zipf_alpha == pytest.approx(1.1, abs=0.03)
    assert told.plot().get_xlabel() == "popularity rank"


def test_irm_traces_have_the_popularity_that_was_asked_for():
    trace = irm_trace(Zipf(100, 1.0), 100_000, object_size=LogNormalSize(500, 0.5), rate=50.0, seed=4)
    share = trace.counts[list(trace.names).index(0)] / 100_000
    expected = float(Zipf(100, 1.0).pmf(0))
    assert abs(share - expected) < 4 * np.sqrt(expected / 100_000)
    assert trace.duration == pytest.approx(2000, rel=0.02)
    assert (trace.sizes == trace.object_sizes[trace.ids]).all()
    assert np.median(trace.object_sizes) == pytest.approx(500, rel=0.3)


def test_churn_brings_new_objects_at_the_rate_that_was_asked_for():
    still, churning = (irm_trace(Uniform(50), 20_000, churn=churn, seed=1) for churn in (0.0, 0.1))
    assert still.objects == 50
    changes = 2000
    asked_for_before_the_next_change = 1 - 1 / (
        1 + 1 / (0.1 * 1)
    )  # a new object waits 50 requests, a change comes in 500
    expected = 50 + changes * asked_for_before_the_next_change
    assert churning.objects == pytest.approx(expected, rel=0.05)
    assert simulate(churning, "lru", 50).miss_ratio > simulate(still, "lru", 50).miss_ratio


def test_mixtures_keep_order_and_shares():
    parts = [irm_trace(Zipf(50, 1.0), 20_000), scan_trace(5000), loop_trace(7, 5000)]
    mixed = mixed_trace(parts, [0.6, 0.2, 0.2], seed=2)
    of = np.searchsorted([50, 5050], mixed.names[mixed.ids], side="right")
    for number, part in enumerate(parts):
        own = mixed.names[mixed.ids][of == number]
        base = [0, 50, 5050][number]
        assert np.array_equal(own - base, part.ids[: len(own)])
        assert len(own) / mixed.requests == pytest.approx([0.6, 0.2, 0.2][number], abs=0.02)
    with pytest.raises(ValueError, match="3 traces came with 2 shares"):
        mixed_trace(parts, [0.5, 0.5])


def test_a_twin_has_the_counts_and_nearly_the_curve():
    trace = mixed_trace([irm_trace(Zipf(3000, 1.0), 60_000, churn=0.02), loop_trace(500, 9000)], [0.9, 0.1])
    made = twin(trace, seed=3)
    assert np.array_equal(np.sort(made.counts), np.sort(trace.counts))
    for size in (30, 300, 1000):
        assert simulate(made, "lru", size).miss_ratio == pytest.approx(
            simulate(trace, "lru", size).miss_ratio, abs=0.05
        )
    assert not np.array_equal(made.ids, trace.ids)


def test_taking_numbers_anew():
    trace = Trace([4, 5, 6, 5, 4], sizes=[1, 2, 3, 2, 1], times=range(5))
    part = trace.take([2, 3, 4])
    assert (part.names.tolist(), part.ids.tolist(), part.sizes.tolist()) == ([6, 5, 4], [0, 1, 2], [3, 2, 1])
    assert trace.take(trace.first).requests == 3
    with pytest.raises(ValueError, match="no request is taken"):
        trace.take(slice(0, 0))
    assert trace.to_frame()["key"].tolist() == [4, 5, 6, 5, 4]
    assert trace.title == "Trace: 5 requests for 3 objects, 6 B"
