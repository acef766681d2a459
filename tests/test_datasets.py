"""Data sets: found, downloaded, checked and converted; the only network here is a server on this machine."""

import dataclasses
import gzip
import hashlib
import io
import lzma
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

from scalemodel import datasets
from scalemodel.datasets import DatasetUnavailable, available, catalogue, fetch, names

REAL = os.environ.get("SCALEMODEL_DATA", "")

# ---------------------------------------------------------------- originals, as their authors write them

TWITTER = b"""# time, object, size, next_access_vtime
0, 13053225291711363978, 737, 13
0, 61177148907475485, 248, 6570713
1, 13053225291711363978, 737, 7
3, 286355432205858634, 567, 7
"""
LLM = b"""TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:04.0781490,110,27
"""
STATS = b"""|cluster | miss | category | key | value | kqps | freq | once | cold | TTL | WSS | WSS | operation | alpha |
|:------|:------|:-:|:---:|:---:|:-----:|:-----:|:----:|:----:|:-----------------:|:---:|:---:|:---------:|:------:|
|cluster2| 0.0017 | 2 | 21  |  68 | 12.15 | 934.5 | 0.01 | 0.11 | 4d:0.59, 2d:0.41, |  0  |  0  | get:1.00  | 1.4908 |
|cluster5| 0.7124 | 3 | N/A | N/A |  N/A  |  N/A  | N/A  | N/A  |        N/A        | N/A | N/A |    N/A    |   NA   |
"""
NAB = b"timestamp,value\n2014-04-10 00:04:00,94.0\n"

ORIGINALS = {
    "libcachesim_csv": (
        "twitter_cluster52",
        TWITTER,
        {"id": [0, 1, 0, 2], "size": [737, 248, 737, 567], "ts": [0, 0, 1, 3]},
    ),
    "int32_keys": (
        "cache2k_web07",
        lzma.compress(np.array([7, -1, 7, 2**31 - 1], ">i4").tobytes()),
        {"id": [0, 1, 0, 2]},
    ),
    "int64_keys": (
        "scarab_recs",
        lzma.compress(np.array([2**40, 5, 2**40, -(2**40)], ">i8").tobytes()),
        {"id": [0, 1, 0, 2]},
    ),
    "arc": ("arc_oltp", gzip.compress(b"100 3 0 1\n101 1 0 2\n7 2 0 3\n"), {"id": [0, 1, 2, 1, 3, 4]}),
    "azure_llm": (
        "azure_llm_code",
        LLM,
        "t_s,context_tokens,generated_tokens\n0.0,4808,10\n0.052,3180,8\n0.0982,110,27\n",
    ),
    "twitter_stats": (
        "twitter_stats",
        STATS,
        "cluster,production_miss_ratio,category,key_bytes,value_bytes,kqps,mean_freq,one_hit_wonder_pct,"
        "compulsory_miss_pct,ttl_mix,wss_mb_no_ttl,wss_mb,op_mix,zipf_alpha\n"
        'cluster2,0.0017,2,21,68,12.15,934.5,0.01,0.11,"4d:0.59, 2d:0.41",0,0,get:1.00,1.4908\n'
        "cluster5,0.7124,3,,,,,,,,,,,\n",
    ),
    "none": ("nab_elb", NAB, NAB.decode()),
}


@pytest.fixture
def server():
    """Serves `files` (by name, or 404) on this machine, and keeps a list of the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.lstrip("/")
            server.requests.append(name)
            body = server.files.get(name)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = {}, []
        server.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """Start without a folder of data sets and with an empty cache."""
    monkeypatch.delenv("SCALEMODEL_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(datasets.pooch, "os_cache", lambda project: tmp_path / "cache" / project)


@pytest.fixture
def publish(server, monkeypatch):
    """Publish bytes as the original of a data set, here instead of at its real address."""

    def publish(name, original, served=None):
        row = dict(datasets._registry())[name]
        row = dataclasses.replace(
            row, url=f"{server.address}/{row.original}", sha256=hashlib.sha256(original).hexdigest()
        )
        monkeypatch.setattr(datasets, "_registry", lambda: {name: row})
        server.files[row.original] = original if served is None else served
        return row

    return publish


def content(path):
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            assert {array.dtype for array in arrays.values()} == {np.dtype(np.int32)}
            return {name: array.tolist() for name, array in arrays.items()}
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()


# ---------------------------------------------------------------- fetching


@pytest.mark.parametrize("converter", ORIGINALS)
def test_an_original_is_downloaded_once_and_converted(converter, publish, server):
    name, original, expected = ORIGINALS[converter]
    assert publish(name, original).converter == converter
    assert not available(name)
    assert server.requests == []
    path = fetch(name)
    assert content(path) == expected
    assert available(name)
    assert fetch(name) == path
    assert len(server.requests) == 1
    assert [p for p in path.parent.iterdir() if p != path] == []  # neither the original nor a temporary file is left


def test_every_converter_is_tested_and_every_row_has_one():
    assert ORIGINALS.keys() == datasets._CONVERTERS.keys() == {row.converter for row in datasets._registry().values()}


def test_the_folder_comes_first(tmp_path, monkeypatch, publish, server):
    publish("nab_elb", NAB)
    monkeypatch.setenv("SCALEMODEL_DATA", str(tmp_path))
    placed = tmp_path / "load" / "nab_elb_request_count_5min.csv"
    placed.parent.mkdir()
    placed.write_bytes(NAB)
    assert available("nab_elb")
    assert fetch("nab_elb") == placed
    placed.unlink()
    assert not available("nab_elb")
    assert fetch("nab_elb") != placed
    assert server.requests == ["elb_request_count_8c0756.csv"]


def test_an_original_may_be_placed_by_hand(tmp_path, monkeypatch, publish, server):
    publish("twitter_cluster52", TWITTER)
    monkeypatch.setenv("SCALEMODEL_DATA", str(tmp_path))
    placed = tmp_path / "twitter_cluster52.csv"
    placed.write_bytes(TWITTER)
    assert available("twitter_cluster52")
    assert content(fetch("twitter_cluster52"))["id"] == [0, 1, 0, 2]
    assert placed.read_bytes() == TWITTER
    assert server.requests == []


def test_another_original_placed_by_hand_is_refused(tmp_path, monkeypatch, publish):
    publish("twitter_cluster52", TWITTER)
    monkeypatch.setenv("SCALEMODEL_DATA", str(tmp_path))
    (tmp_path / "twitter_cluster52.csv").write_bytes(TWITTER[:-40])
    with pytest.raises(DatasetUnavailable, match=r"twitter_cluster52.csv has another SHA-256"):
        fetch("twitter_cluster52")


def check_unavailable(error, row):
    text = str(error)
    assert "\n" not in text
    assert error.__cause__ is None
    assert error.__suppress_context__
    for part in (repr(row.name), row.url, row.licence, "SCALEMODEL_DATA", row.original):
        assert part in text
    assert not available(row.name)


def test_a_changed_original_is_refused(publish):
    row = publish("cache2k_web07", lzma.compress(b"1234"), served=lzma.compress(b"4321"))
    with pytest.raises(DatasetUnavailable, match="sends has another SHA-256") as failure:
        fetch("cache2k_web07")
    check_unavailable(failure.value, row)


def test_a_missing_original_is_explained_and_its_answer_closed(publish, server, monkeypatch):
    answers, get = [], requests.get
    monkeypatch.setattr(requests, "get", lambda *args, **options: answers.append(get(*args, **options)) or answers[-1])
    row = publish("arc_oltp", b"")
    server.files.clear()
    with pytest.raises(DatasetUnavailable, match=r"could not be downloaded \(HTTP status 404\)") as failure:
        fetch("arc_oltp")
    check_unavailable(failure.value, row)
    assert [answer.raw.closed for answer in answers] == [True]


def test_being_offline_is_explained(publish, monkeypatch):
    row = dataclasses.replace(publish("arc_oltp", b""), url="http://127.0.0.1:9/oltp.gz")  # nobody listens there
    monkeypatch.setattr(datasets, "_registry", lambda: {"arc_oltp": row})
    with pytest.raises(OSError, match=r"could not be downloaded \(ConnectionError\)") as failure:
        fetch("arc_oltp")
    check_unavailable(failure.value, row)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


SOUND = npz(id=np.arange(1000, dtype=np.int32))


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("cache2k_web07", b""),
        ("cache2k_web07", b"not a zip"),
        ("cache2k_web07", SOUND[:-30]),
        ("cache2k_web07", SOUND[:200] + b"\0\0\0\0" + SOUND[204:]),
        ("azure_llm_conv", b"not gzip"),
        ("azure_llm_conv", gzip.compress(LLM)[:-12]),
        ("nab_elb", b""),
    ],
)
def test_a_damaged_file_is_noticed(tmp_path, monkeypatch, name, damaged):
    monkeypatch.setenv("SCALEMODEL_DATA", str(tmp_path))
    path = tmp_path / datasets._registry()[name].file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=f"{path.name} is damaged: delete it"):
        fetch(name)


def test_an_unknown_name_meets_the_nearest():
    for function in fetch, available:
        with pytest.raises(ValueError, match="no data set 'cache2k_web7': the nearest is 'cache2k_web07'"):
            function("cache2k_web7")


# ---------------------------------------------------------------- the registry


def test_the_registry_is_complete_and_credited():
    table = catalogue()
    assert table["name"].tolist() == names()
    assert table["name"].is_unique
    assert table["file"].is_unique
    assert table["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert table["url"].str.fullmatch(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{40}/.+").all()
    assert (table["bytes"] > 0).all()
    assert (table[["licence", "credit", "what"]] != "").all(axis=None)
    credits = (Path(__file__).parents[1] / "data" / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert [name for name in names() if f"`{name}`" not in credits] == []


@pytest.mark.parametrize(
    ("name", "requests", "objects"),  # counted by others
    [
        ("twitter_cluster52", 1_000_000, 143_542),
        ("cache2k_web07", 76_118, 20_484),
        ("cache2k_web12", 95_607, 13_756),
        ("cache2k_orm_busy", 5_000_000, 76_349),
    ],
)
def test_real_traces(monkeypatch, name, requests, objects):
    monkeypatch.setenv("SCALEMODEL_DATA", REAL)
    if not available(name):
        pytest.skip(f"SCALEMODEL_DATA names no folder with {name}")
    with np.load(fetch(name), allow_pickle=False) as trace:
        ids = trace["id"]
    assert len(ids) == requests
    assert len(np.unique(ids)) == objects == ids.max() + 1
    first = np.unique(ids, return_index=True)[1]
    assert (np.diff(first) > 0).all()  # numbered in order of first appearance


@pytest.mark.parametrize(
    ("name", "rows"), [("azure_llm_conv", 19_366), ("azure_llm_code", 8_819), ("nab_elb", 4_032), ("twitter_stats", 54)]
)
def test_real_tables(monkeypatch, name, rows):
    monkeypatch.setenv("SCALEMODEL_DATA", REAL)
    if not available(name):
        pytest.skip(f"SCALEMODEL_DATA names no folder with {name}")
    assert len(pd.read_csv(fetch(name))) == rows
