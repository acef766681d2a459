"""The command line: what it prints, and that bad input ends in one sentence and exit status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from scalemodel.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "data" / "designs" / "session_store.toml"


def run(*arguments, **more):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **more)


def refusal(*arguments, **more):
    """Run what must be refused and return the sentence."""
    result = run(*arguments, **more)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith(("scalemodel: ", "Usage: "))
    if result.stderr.startswith("scalemodel"):
        assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text("".join(f"user:{i % 300}\n" for i in range(1000)))
    return path


@pytest.mark.parametrize("command", [[], ["balance"], ["evaluate"], ["mrc"]])
def test_help_everywhere(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_help_imports_nothing_heavy():
    code = (
        "import sys, scalemodel.cli; print([m for m in ('numba', 'pandas', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def balance_of(path, *more, **options):
    result = run("balance", "--nodes", 10, "--vnodes", 64, "--keys", path, "--seeds", 5, "--json", *more, **options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_format_gives_the_same_balance(tmp_path, keys):
    names = keys.read_text().splitlines()
    frame = pd.DataFrame({"when": range(1000), "key": names})
    frame.to_csv(tmp_path / "k.csv", index=False)
    frame.to_csv(tmp_path / "k.csv.gz", index=False)
    frame.to_parquet(tmp_path / "k.parquet")
    np.savez(tmp_path / "k.npz", other=np.arange(3), key=np.array(names))
    expected = balance_of(keys)
    assert (expected["keys"], expected["requests"]) == (300, 1000)
    for name in ("k.csv", "k.csv.gz", "k.parquet", "k.npz"):
        assert balance_of(tmp_path / name) == expected, name
        assert balance_of(tmp_path / name, "--column", "key") == expected, name
    assert balance_of("-", input=keys.read_bytes()) == expected
    assert balance_of("-", input=keys.read_bytes().replace(b"\n", b"\r\n")) == expected


def test_integer_keys_are_not_their_decimal_text(tmp_path):
    np.savez(tmp_path / "k.npz", id=np.arange(1000))
    (tmp_path / "k.txt").write_text("\n".join(map(str, range(1000))))
    assert balance_of(tmp_path / "k.npz")["balance"] != balance_of(tmp_path / "k.txt")["balance"]


def test_the_json_is_what_the_library_says(keys):
    from scalemodel.placement import HashRing, balance
    from scalemodel.workload import Empirical

    trace = Empirical.from_trace(keys.read_text().splitlines())
    peaks = [balance(HashRing(10, vnodes=64, seed=seed), trace).peak_to_mean for seed in range(5)]
    rows = {row["basis"]: row for row in balance_of(keys)["balance"]}
    assert rows["requests"]["peak_to_mean"] == pytest.approx(np.median(peaks))
    assert rows["requests"]["peak_to_mean_high"] == pytest.approx(np.quantile(peaks, 0.95))
    assert rows["requests"]["peak_to_mean_low"] <= rows["requests"]["peak_to_mean"]


@pytest.mark.parametrize("scheme", ["ring", "jump", "rendezvous"])
def test_people_get_a_table(keys, scheme):
    result = run("balance", "--nodes", 4, "--keys", keys, "--seeds", 3, "--scheme", scheme)
    assert result.exit_code == 0
    assert "300 keys, 1,000 requests" in result.output
    assert all(basis in result.output for basis in ("key space", "keys", "requests"))


@pytest.mark.parametrize("option", ["variant=siphash", "scheme=siphash"])
def test_the_variant_of_maglev_is_an_option(keys, option):
    result = run("balance", "--nodes", 4, "--keys", keys, "--seeds", 1, "--scheme", "maglev", "-o", option)
    assert result.exit_code == 0
    assert "Maglev, 4 nodes, table_size=65537, scheme='siphash'" in result.output


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.txt", b"", "holds no keys"),
        ("blank.txt", b"\n\n\n", "holds no keys"),
        ("latin.txt", b"good\nbad \xff\n", "line 2"),
        ("bad.npz", b"PK\x03\x04 not a zip", "not a readable .npz"),
        ("text.npz", b"hello", "not a readable .npz"),
        ("empty.csv", b"", "holds no keys"),
        ("header.csv", b"key\n", "holds no keys"),
        ("two.csv", b"a,b\n1,2\n", "name the one with the keys"),
        ("gaps.csv", b"key,x\na,1\n,2\n", "1 empty values"),
        ("float.csv", b"key\n1.5\n2.5\n", "integers or strings"),
        ("bad.parquet", b"hello", "not a readable parquet"),
    ],
)
def test_bad_key_files(tmp_path, name, data, says):
    path = tmp_path / name
    path.write_bytes(data)
    sentence = refusal("balance", "--nodes", 3, "--keys", path)
    assert str(path) in sentence
    assert says in sentence


def test_a_damaged_archive(tmp_path):
    path = tmp_path / "k.npz"
    np.savez_compressed(path, id=np.arange(100_000))
    data = bytearray(path.read_bytes())
    data[200:300] = bytes(100)
    path.write_bytes(data)
    assert "not a readable .npz" in refusal("balance", "--nodes", 3, "--keys", path)


def test_pickles_are_refused(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, id=np.array(["a", None], dtype=object))
    assert "is a pickled object, which is refused" in refusal("balance", "--nodes", 3, "--keys", path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--nodes", 0], "number of nodes is 0"),
        (["--nodes", -3], "number of nodes is -3"),
        (["--nodes", 3, "--vnodes", 0], "vnodes is 0"),
        (["--nodes", 3, "--vnodes", -1], "vnodes is -1"),
        (["--nodes", 3, "--replicas", 4], "4 replicas need 4 different nodes"),
        (["--nodes", 3, "--replicas", 0], "number of replicas is 0"),
        (["--nodes", 3, "--seeds", 0], "seeds"),
        (["--nodes", "many"], "not a valid integer"),
        (["--nodes", 3, "--column", "id"], "has no column"),
        (["--nodes", 3, "--scheme", "rings"], "did you mean 'ring'?"),
        (["--nodes", 3, "--scheme", "jump", "--vnodes", 5], "has no option 'vnodes'"),
    ],
)
def test_bad_options(keys, options, says):
    assert says in refusal("balance", *options, "--keys", keys)


def test_a_missing_file_and_a_missing_column_are_named(tmp_path, keys):
    assert "nowhere.txt" in refusal("balance", "--nodes", 3, "--keys", tmp_path / "nowhere.txt")
    assert "nowhere.npz" in refusal("balance", "--nodes", 3, "--keys", tmp_path / "nowhere.npz")
    assert "nowhere.toml" in refusal("evaluate", tmp_path / "nowhere.toml")
    np.savez(tmp_path / "k.npz", object_id=np.arange(3))
    sentence = refusal("balance", "--nodes", 3, "--keys", tmp_path / "k.npz", "--column", "objectid")
    assert "did you mean 'object_id'?" in sentence


def test_evaluate_prints_the_summary_and_its_json():
    result = run("evaluate", EXAMPLE)
    assert result.exit_code == 0, result.output
    assert "Session store" in result.output
    assert "peak-to-mean of the requests" in result.output
    (design,) = json.loads(run("evaluate", "--json", EXAMPLE).stdout)
    values = {line["quantity"]: line["value"] for line in design["lines"]}
    assert values["nodes"] == 12
    assert values["peak request rate"] == pytest.approx(64_000)


def test_the_exit_status_reaches_the_shell(tmp_path):
    command = [sys.executable, "-m", "scalemodel.cli", "balance", "--nodes", "3", "--keys", str(tmp_path / "no.txt")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == f"scalemodel: No such file or directory: {tmp_path / 'no.txt'}\n"


@pytest.mark.skipif(
    not (Path(os.environ.get("SCALEMODEL_DATA", "")) / "twitter_cluster52_1m.npz").is_file(),
    reason="needs the data set twitter_cluster52: set SCALEMODEL_DATA",
)
def test_real_keys_are_even_and_real_requests_are_not():
    path = Path(os.environ["SCALEMODEL_DATA"]) / "twitter_cluster52_1m.npz"
    result = run("balance", "--nodes", 10, "--vnodes", 256, "--keys", path, "--json")
    report = json.loads(result.stdout)
    assert (report["keys"], report["requests"]) == (143_542, 1_000_000)
    assert report["hottest_key_share"] == pytest.approx(0.059, abs=0.0005)
    rows = {row["basis"]: row for row in report["balance"]}
    assert rows["keys"]["peak_to_mean"] == pytest.approx(1.1, abs=0.03)
    assert rows["requests"]["peak_to_mean_low"] > rows["keys"]["peak_to_mean_high"]
    # even a placement without a flaw cannot spread the hottest key
    assert rows["requests"]["cv"] == pytest.approx(rows["requests"]["cv_noise_floor"], rel=0.25)


def test_options_of_a_scheme(keys):
    asked = balance_of(keys, "--scheme", "ring", "-o", "hash=murmur2")
    assert asked["balance"] != balance_of(keys)["balance"]
    assert balance_of(keys, "-o", "hash=xxh64") == balance_of(keys)
    assert "has no value: give NAME=VALUE" in refusal("balance", "--nodes", 3, "--keys", keys, "-o", "hash")
    assert "no option 'hush'; did you mean 'hash'?" in refusal("balance", "--nodes", 3, "--keys", keys, "-o", "hush=1")


@pytest.mark.parametrize(
    ("scheme", "option", "says"),
    [("anchor", "capacity=many", "capacity is 'many'"), ("bounded", "load_factor=x", "load_factor is 'x'")],
)
def test_an_option_of_the_wrong_kind_is_refused_in_one_sentence(tmp_path, keys, scheme, option, says):
    assert says in refusal("balance", "--nodes", 3, "--keys", keys, "--scheme", scheme, "-o", option)
    name, value = option.split("=")
    path = tmp_path / "design.toml"
    path.write_text(
        EXAMPLE.read_text()
        .replace('scheme = "ring"', f'scheme = "{scheme}"')
        .replace("vnodes = 256", f'{name} = "{value}"')
    )
    sentence = refusal("evaluate", path)
    assert str(path) in sentence
    assert says in sentence
