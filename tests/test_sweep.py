"""Sweeps: one table, whoever computes it, however it is cut, and however often it was interrupted."""

import itertools
import json
import multiprocessing
import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalemodel.streams import stream
from scalemodel.sweep import TASKS, PointFailed, sweep

# Functions that other processes import stand at the top level.


def simulate(policy, nodes, seed):
    """Return many rows: text, integers, floats, and a column that only some points have."""
    draws = stream(seed).exponential(nodes, size=3)
    rows = [{"draw": i, "latency": x, "late": bool(x > nodes)} for i, x in enumerate(draws)]
    if policy == "lru":
        rows[0]["note"] = f"{policy}{nodes}"
    return rows


def area(width, height=1):
    return {"area": width * height}


def ratio(a, b, seed):
    return {"ratio": a / b}


GRID = {"policy": ["lru", "fifo"], "nodes": [3, 5, 7]}


def same(left, right):
    pd.testing.assert_frame_equal(left, right, check_exact=True)
    for name in left.select_dtypes("number"):
        assert left[name].to_numpy().tobytes() == right[name].to_numpy().tobytes()


# ---------------------------------------------------------------- the table


def test_rows_are_those_of_nested_loops():
    expected = [
        {"policy": policy, "nodes": nodes, "seed": seed, **row}
        for policy in ["lru", "fifo"]
        for nodes in [3, 5, 7]
        for seed in [4, 2]
        for row in simulate(policy, nodes, seed)
    ]
    frame = sweep(simulate, GRID, seeds=[4, 2])
    assert list(frame) == ["policy", "nodes", "seed", "draw", "latency", "late", "note"]
    same(frame, pd.DataFrame(expected))


def test_points_may_be_given_one_by_one():
    frame = sweep(area, [{"width": 3, "height": 2}, {"height": 5, "width": 1}], seeds=None)
    assert frame.to_dict("list") == {"width": [3, 1], "height": [2, 5], "area": [6, 5]}


def test_a_function_may_return_a_frame_or_nothing():
    def table(n, seed):
        return pd.DataFrame({"i": np.arange(n, dtype=np.int8), "hash": np.full(n, 2**63, np.uint64)}, index=["x"] * n)

    frame = sweep(table, {"n": [2, 0, 1]})
    assert frame["n"].tolist() == [2, 2, 1]
    assert frame["i"].tolist() == [0, 1, 0]
    assert frame.dtypes[["i", "hash"]].tolist() == [np.dtype("int8"), np.dtype("uint64")]
    assert len(sweep(lambda n, seed: [], {"n": [1, 2]})) == 0


def test_types_do_not_depend_on_the_blocks():
    def kinds(n, seed):
        return {"mixed": n if n < 2 else n / 2, "gap": None if n == 0 else n, "text": None if n else "x"}

    whole = sweep(kinds, {"n": range(4)}, block=4)
    assert whole["mixed"].dtype == np.float64
    assert whole["gap"].isna().tolist() == [True, False, False, False]
    for block in 1, 2, 3, 9:
        same(sweep(kinds, {"n": range(4)}, block=block), whole)


@dataclass(frozen=True)
class Ring:
    vnodes: int


def test_values_that_are_not_scalars_stand_by_name():
    def study(ring, how, limit, seed):
        return {"got": how(ring.vnodes, 9)}

    frame = sweep(study, {"ring": [Ring(8), Ring(16)], "how": [max, min], "limit": [10, "none"]})
    assert frame["ring"].unique().tolist() == ["Ring(vnodes=8)", "Ring(vnodes=16)"]
    assert frame["how"].unique().tolist() == ["max", "min"]
    assert frame["limit"].unique().tolist() == ["10", "none"]
    assert frame["got"].tolist() == [9, 9, 8, 8, 16, 16, 9, 9]


@settings(max_examples=25, deadline=None)
@given(
    axes=st.lists(
        st.lists(st.integers(-9, 9) | st.floats(-1, 1), min_size=1, max_size=4, unique=True), min_size=1, max_size=3
    ),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
    block=st.integers(1, 7),
)
def test_any_grid_gives_its_product_in_order(axes, seeds, block):
    grid = {f"axis{i}": values for i, values in enumerate(axes)}

    def echo(seed, **point):
        return {"total": float(sum(point.values()) + seed)}

    with ThreadPoolExecutor(3) as pool:
        frame = sweep(echo, grid, seeds, executor=pool, block=block)
    expected = [(*point, seed) for *point, seed in itertools.product(*axes, seeds)]
    assert list(zip(*(frame[name] for name in [*grid, "seed"]), strict=True)) == expected
    assert frame["total"].tolist() == [float(sum(point) + seed) for *point, seed in expected]


# ---------------------------------------------------------------- executors


def test_threads_give_the_same_bytes():
    with ThreadPoolExecutor(3) as pool:
        same(sweep(simulate, GRID, 3, executor=pool, block=2), sweep(simulate, GRID, 3))


def test_processes_give_the_same_bytes_and_name_the_failing_point():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        same(sweep(simulate, GRID, 3, executor=pool, block=5), sweep(simulate, GRID, 3))
        with pytest.raises(PointFailed, match="a=1, b=0, seed=0: ZeroDivisionError") as failure:
            sweep(ratio, {"a": [1], "b": [1, 0]}, executor=pool)
        assert "ZeroDivisionError" in str(failure.value.__cause__)
        with pytest.raises(TypeError, match=r"the function cannot be sent to another process.*use threads"):
            sweep(lambda a, seed: {}, {"a": [1]}, executor=pool)
        with pytest.raises(TypeError, match="a value of the grid cannot be sent to another process"):
            sweep(ratio, {"a": [threading.Lock()], "b": [1]}, executor=pool)


def test_a_dask_client_gives_the_same_bytes():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        same(sweep(simulate, GRID, 3, executor=client, block=4), sweep(simulate, GRID, 3))


def test_loky_gives_the_same_bytes():
    loky = pytest.importorskip("loky")
    same(sweep(simulate, GRID, 3, executor=loky.get_reusable_executor(2)), sweep(simulate, GRID, 3))


class Backwards(Executor):
    """Waits for three tasks, and finishes the last one first."""

    def __init__(self):
        self.futures = []

    def submit(self, function, /, *args, **kwargs):
        self.futures.append((Future(), partial(function, *args, **kwargs)))
        if len(self.futures) == 3:
            for future, task in reversed(self.futures):
                future.set_result(task())
        return self.futures[-1][0]


def test_the_order_of_finishing_does_not_matter():
    executor = Backwards()
    same(sweep(simulate, GRID, executor=executor, block=2), sweep(simulate, GRID))
    assert len(executor.futures) == 3


def test_a_dead_worker_is_explained():
    def fail():
        raise OSError("no room")

    with (
        ThreadPoolExecutor(1, initializer=fail) as pool,
        pytest.raises(RuntimeError, match="a worker process died") as failure,
    ):
        sweep(area, {"width": [1, 2]}, seeds=None, executor=pool)
    assert isinstance(failure.value.__cause__, BrokenExecutor)


def test_the_number_of_tasks_is_bounded():
    class Counting(ThreadPoolExecutor):
        tasks = 0

        def submit(self, *args, **kwargs):
            self.tasks += 1
            return super().submit(*args, **kwargs)

    with Counting(2) as pool:
        frame = sweep(area, {"width": range(TASKS + 1)}, seeds=None, executor=pool)
    assert pool.tasks == TASKS // 2 + 1
    assert frame["area"].tolist() == list(range(TASKS + 1))


# ---------------------------------------------------------------- the store


class Flaky:
    """A function that fails at n=3 until it is mended, keeps a list of its calls, and is always the same to a store."""

    def __init__(self, error=None, after=None):
        self.error, self.after, self.calls = error, after, []

    def __reduce__(self):
        return Flaky, ()

    def __call__(self, n, seed):
        self.calls.append((n, seed))
        if n == 3 and self.error:
            raise self.error
        if n > 3 and self.after:
            self.after.wait()
        return [{"x": n / 7, "label": None if n < 3 else f"n{n}"}] * (n % 3)


def test_a_sweep_resumes_where_it_stopped(tmp_path):
    grid, flaky = {"n": range(6)}, Flaky(ZeroDivisionError("no nodes"))
    with pytest.raises(PointFailed, match="n=3, seed=1: ZeroDivisionError: no nodes") as failure:
        sweep(flaky, grid, [1, 8], store=tmp_path / "runs" / "n=6", block=2)
    assert failure.value.__cause__ is flaky.error
    mended = Flaky()
    resumed = sweep(mended, grid, [1, 8], store=tmp_path / "runs" / "n=6", block=2)
    assert mended.calls == [(n, seed) for n in (3, 4, 5) for seed in (1, 8)]  # the first three blocks were there
    same(resumed, sweep(Flaky(), grid, [1, 8]))
    again = Flaky()
    same(sweep(again, grid, [1, 8], store=tmp_path / "runs" / "n=6", block=2), resumed)
    assert again.calls == []
    assert sorted(p.name for p in (tmp_path / "runs" / "n=6").iterdir()) == [
        *(f"block-{i:05d}.parquet" for i in range(6)),
        "manifest.json",
    ]


def test_an_interrupted_sweep_keeps_its_blocks_and_cancels_the_rest(tmp_path):
    grid, released = {"n": range(200)}, threading.Event()
    flaky = Flaky(KeyboardInterrupt(), after=released)
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            sweep(flaky, grid, store=tmp_path, executor=pool, block=1)
        released.set()
    assert len(flaky.calls) <= 5  # the fifth may have begun
    assert sorted(p.name for p in tmp_path.glob("block*")) == [f"block-0000{i}.parquet" for i in range(3)]
    mended = Flaky()
    same(sweep(mended, grid, store=tmp_path, block=1), sweep(Flaky(), grid))
    assert len(mended.calls) == 197


@pytest.mark.parametrize("damage", [b"", b"PAR1 nonsense PAR1"])
def test_a_damaged_block_is_computed_again(tmp_path, damage):
    first = sweep(simulate, GRID, store=tmp_path, block=2)
    (tmp_path / "block-00001.parquet").write_bytes(damage)
    same(sweep(simulate, GRID, store=tmp_path, block=2), first)


def test_a_truncated_block_is_computed_again(tmp_path):
    first = sweep(simulate, GRID, store=tmp_path, block=2)
    path = tmp_path / "block-00002.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    same(sweep(simulate, GRID, store=tmp_path, block=2), first)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"grid": {"a": [1, 2], "b": [1.5]}}, r'grid is \{"a": \[1, 2\].*there \{"a": \[1\]'),
        ({"seeds": 2}, r"seeds is \[0, 1\], there \[0\]"),
        ({"block": 7}, "block is 7, there 1"),
        ({"function": area, "grid": {"width": [1], "height": [2]}}, "function is .*test_sweep.area"),
        ({"function": partial(ratio, b=2.0), "grid": {"a": [1]}}, 'bound is {"b": 2.0}, there {}'),
    ],
)
def test_a_store_of_another_sweep_is_refused(tmp_path, change, named):
    call = {"function": ratio, "grid": {"a": [1], "b": [1.5]}, "seeds": 1, "store": tmp_path}
    sweep(**call)
    if change.get("function") is area:
        change = {**change, "seeds": None}
    with pytest.raises(ValueError, match=f"holds another sweep .*{named}.*another folder, or delete"):
        sweep(**{**call, **change})


def test_edited_sources_and_changed_inputs_are_noticed(tmp_path):
    class Trace:
        """Two of these print alike."""

        def __init__(self, keys):
            self.keys = keys

        def __reduce__(self):
            return list, (self.keys,)

        def __repr__(self):
            return "Trace"

    def length(trace, seed):
        return {"length": len(trace.keys)}

    sweep(length, {"trace": [Trace([1, 2])]}, store=tmp_path)
    sweep(length, {"trace": [Trace([1, 2])]}, store=tmp_path)
    with pytest.raises(ValueError, match=r"holds another sweep \(inputs is"):
        sweep(length, {"trace": [Trace([1, 3])]}, store=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["function"].endswith("length")
    assert {"scalemodel", "scalemodel_sha256", "function_sha256", "seeds", "block"} <= manifest.keys()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"scalemodel_sha256": "another"}))
    with pytest.raises(ValueError, match="scalemodel_sha256 is"):
        sweep(length, {"trace": [Trace([1, 2])]}, store=tmp_path)


def test_a_store_needs_a_manifest_it_can_read(tmp_path):
    sweep(area, {"width": [float("nan"), 1]}, seeds=None, store=tmp_path)
    sweep(area, {"width": [float("nan"), 1]}, seeds=None, store=tmp_path)  # NaN is NaN here
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{")
    with pytest.raises(ValueError, match=r"manifest.json cannot be read"):
        sweep(area, {"width": [1]}, seeds=None, store=tmp_path)
    manifest.unlink()
    with pytest.raises(ValueError, match="no manifest"):
        sweep(area, {"width": [1]}, seeds=None, store=tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        sweep(area, {"width": [1]}, seeds=None, store=tmp_path / "block-00000.parquet")
    with pytest.raises(ValueError, match="memory address"):
        sweep(area, {"width": [object()]}, seeds=None, store=tmp_path / "new")


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": {}}, "grid is empty"),
        ({"grid": []}, "grid is empty"),
        ({"grid": [{}]}, "grid is empty"),
        ({"grid": {"width": []}}, "axis 'width' is empty"),
        ({"grid": {"width": "wide"}}, r"axis 'width' is 'wide': give a list of values, such as \['wide'\]"),
        ({"grid": {"width": 3}}, r"axis 'width' is 3: give a list"),
        ({"grid": {"width": {1, 2}}}, "axis 'width' is .1, 2.: give a list"),
        ({"grid": {1: [1]}}, "axis named 1"),
        ({"grid": {"width": [1, 2, 1]}}, "width=1, seed=0|width=1 twice"),
        ({"grid": [{"width": 1}, {"height": 1}]}, "all have the same names"),
        ({"grid": ["width"]}, "grid holds 'width': give mappings"),
        ({"grid": {"seed": [1]}}, "axis 'seed'"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": -1}, "seeds is -1"),
        ({"seeds": True}, "seeds is True"),
        ({"seeds": 2.0}, "seeds is 2.0"),
        ({"seeds": []}, r"seeds is \[\]"),
        ({"seeds": [3, 3]}, r"seeds is \[3, 3\].*each of them once"),
        ({"block": 0}, "block is 0"),
        ({"block": 1.5}, "block is 1.5"),
        ({"function": lambda width, seed: {"width": 2}}, "at width=1, seed=0 the function returned a column 'width'"),
        ({"function": lambda width, seed: [{"seed": 2}]}, "column 'seed'"),
        ({"function": lambda width, seed: {3: 2}}, "column 3"),
        (
            {"function": lambda width, seed: pd.DataFrame([[1, 2]], columns=["a", "a"])},
            r"two columns of one name: \['a', 'a'\]",
        ),
    ],
)
def test_bad_values(arguments, message):
    call = {"function": lambda width, seed: {"area": width}, "grid": {"width": [1]}, **arguments}
    with pytest.raises(ValueError, match=message):
        sweep(**call)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": 3}, "function is a int"),
        ({"function": area}, "cannot be called with width, seed.*seeds=None"),
        ({"grid": {"depth": [1]}}, "cannot be called with depth, seed"),
        ({"executor": 4}, "executor is 4"),
        ({"executor": ThreadPoolExecutor}, "executor is <class"),
        ({"function": lambda width, seed: 3.5}, "at width=1, seed=0 the function returned a float"),
        ({"function": lambda width, seed: "text"}, "returned a str"),
        ({"function": lambda width, seed: {"x": object()}}, "at width=1, seed=0 column 'x'"),
        ({"function": lambda width, seed: {"x": 2**70}}, "column 'x'"),
        ({"function": lambda width, seed: [{"x": 1}, {"x": "a"}]}, "column 'x'"),
        (
            {"function": lambda width, seed: {"x": [1, "a"][width]}, "grid": {"width": [0, 1]}},
            "different kinds of values in a column .*Field x",
        ),
    ],
)
def test_bad_types(arguments, message):
    call = {"function": lambda width, seed: {"area": width}, "grid": {"width": [1]}, **arguments}
    with pytest.raises(TypeError, match=message):
        sweep(**call)
