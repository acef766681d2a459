"""Run a function over a grid of designs and seeds, here or on many machines, and get one tidy table back.

The points of the grid are grouped into blocks of a constant size; a block is one task of the executor and one file of
the store. The table has the same bytes whoever computes the blocks, and in whatever order they finish. What a task
costs to hand out is 0.03 ms (processes) to 10 ms (Dask), so a block should be 0.2 to 2 seconds of work.
"""

import inspect
import itertools
import math
import operator
import pickle
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pandas as pd
import pyarrow as pa
from tqdm.auto import tqdm

from scalemodel._store import SCALARS, Store, describe_code, describe_function, fingerprint

TASKS = 2000
"""Without `block`, a sweep is cut into at most this many blocks: a constant, never a function of the workers."""

Combine: TypeAlias = Callable[..., Iterable[tuple[Any, ...]]]
Row: TypeAlias = Mapping[str, Any]
Grid: TypeAlias = Mapping[str, Iterable[Any]] | Iterable[Row]


class PointFailed(RuntimeError):
    """The function raised an error; the message names the point, the cause is the error."""


class _Run(NamedTuple):
    """One call of the function, and the columns that name it in the table."""

    arguments: dict[str, Any]
    labels: dict[str, Any]


def sweep(
    function: Callable[..., Row | Iterable[Row] | pd.DataFrame],
    grid: Grid,
    seeds: int | Iterable[int] | None = 1,
    *,
    executor: Executor | Any | None = None,
    store: str | Path | None = None,
    progress: bool = True,
    block: int | None = None,
) -> pd.DataFrame:
    """Call ``function(**point, seed=seed)`` for every point of the grid and every seed.

    Parameters
    ----------
    function : callable
        Returns a mapping (one row of the table), or a list of mappings or a `DataFrame` (many rows; the index is
        dropped). What it returns may depend on nothing but its arguments. Under an executor it calls serial kernels:
        the executor has the cores.
    grid : mapping of str to sequence, or list of mappings
        Axes, of which all combinations are taken, the last axis fastest; or the points themselves.
    seeds : int, sequence of int, or None
        How many seeds (``range(seeds)``), or which ones. With None the function is called without a seed.
    executor : concurrent.futures.Executor, optional
        Threads, processes, loky, ``mpi4py.futures``, or something that has ``get_executor()``, such as a Dask client.
        Without one, the points are computed here, one after the other.
    store : path, optional
        A folder that makes the sweep resumable: one parquet file per finished block, and ``manifest.json``, which says
        what the blocks were computed from.
    progress : bool
        Show a bar when the sweep takes longer than two seconds.
    block : int, optional
        Points per block; by default so many that there are at most `TASKS` blocks.

    Returns
    -------
    DataFrame
        The columns of the grid, `seed`, and what the function returned, in grid order. Grid values that are not
        scalars stand there by name: ``__name__`` where they have one, else ``str()``.

    Raises
    ------
    PointFailed
        The function raised an error. Blocks that were finished are in the store; repeat the call to resume.
    ValueError, TypeError
        The grid, the seeds, the executor, the returned columns, or a store that holds another sweep.

    Notes
    -----
    The manifest names the function (module, name and SHA-256 of its source), the grid, the seeds, the block size, the
    version and sources of scalemodel, and the inputs: values bound with `functools.partial` or as a method, and grid
    values that are not scalars, each by the SHA-256 of its pickle. It does not see other functions that yours calls,
    nor global variables.

    Examples
    --------
    >>> from scalemodel.streams import stream
    >>> def roll(sides, seed):
    ...     return {"rolled": int(stream(seed).integers(1, sides + 1))}
    >>> sweep(roll, {"sides": [6, 20]}, seeds=2)
       sides  seed  rolled
    0      6     0       1
    1      6     1       4
    2     20     0       2
    3     20     1      11
    """
    if not callable(function):
        raise TypeError(f"function is a {type(function).__name__}: give something that can be called")
    axes, combine = _axes(grid)
    labels = {name: _labels(values) for name, values in axes.items()}
    seeds = _seeds(seeds, axes)
    runs = _runs(axes, labels, combine, seeds)
    size = _block_size(block, len(runs))
    blocks = [runs[start : start + size] for start in range(0, len(runs), size)]
    _check_call(function, runs[0].arguments)
    executor = _executor(executor)

    files = None
    if store is not None:
        inputs = {
            name: [fingerprint(value) for value in values]
            for name, values in axes.items()
            if not all(isinstance(value, SCALARS) for value in values)
        }
        spec = {"grid": labels, "inputs": inputs, "seeds": seeds, "points": len(runs), "block": size}
        files = Store(Path(store), describe_function(function) | spec | describe_code())
    tables = {number: files.load(number) for number in range(len(blocks))} if files else {}
    todo = {number: part for number, part in enumerate(blocks) if tables.get(number) is None}
    done = len(runs) - sum(map(len, todo.values()))

    with (
        tqdm(total=len(runs), initial=done, unit="point", delay=2, disable=not progress) as bar,
        closing(_compute(function, todo, executor)) as computed,
    ):
        for number, table in computed:
            tables[number] = files.save(number, table) if files else table
            bar.update(len(blocks[number]))
    return _concat([tables[number] for number in range(len(blocks))]).to_pandas()


# ---------------------------------------------------------------- what was asked


def _axes(grid: Grid) -> tuple[dict[str, list[Any]], Combine]:
    """Return the values by axis, and how they combine into points: all with all, or the first with the first."""
    combine: Combine
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str | bytes | Mapping | set | frozenset) or not isinstance(values, Iterable):
                raise ValueError(f"axis {name!r} is {values!r}: give a list of values, such as [{values!r}]")
        axes, combine = {name: list(values) for name, values in grid.items()}, itertools.product
    else:
        points = [dict(point) if isinstance(point, Mapping) else point for point in grid]
        for point in points:
            if not isinstance(point, dict) or point.keys() != points[0].keys():
                raise ValueError(f"grid holds {point!r}: give mappings that all have the same names")
        axes, combine = {name: [point[name] for point in points] for name in (points[0] if points else ())}, zip
    if not axes:
        raise ValueError("grid is empty: give at least one axis, or one point")
    for name, values in axes.items():
        if not isinstance(name, str):
            raise ValueError(f"the grid has an axis named {name!r}: give the name of an argument of the function")
        if not values:
            raise ValueError(f"axis {name!r} is empty: give at least one value")
    return axes, combine


def _seeds(seeds: int | Iterable[int] | None, axes: Mapping[str, Any]) -> list[int] | None:
    if seeds is None:
        return None
    if "seed" in axes:
        raise ValueError("the grid has an axis 'seed': leave it out and give `seeds`, or give seeds=None")
    if isinstance(seeds, bool | str | float) or (isinstance(seeds, int) and seeds < 1):
        raise ValueError(f"seeds is {seeds!r}: give how many (one or more), a list of them, or None")
    numbers = list(range(seeds)) if isinstance(seeds, int) else [operator.index(seed) for seed in seeds]
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"seeds is {numbers}: give at least one, and each of them once")
    return numbers


def _labels(values: list[Any]) -> list[Any]:
    """Return the scalars that stand for the values of an axis in the table, all of one kind."""
    labels = [_label(value) for value in values]
    try:
        pa.array(labels)
    except (pa.ArrowException, OverflowError):
        return [str(label) for label in labels]
    return labels


def _label(value: Any) -> Any:
    return value if isinstance(value, SCALARS) else getattr(value, "__name__", None) or str(value)


def _runs(
    axes: dict[str, list[Any]], labels: dict[str, list[Any]], combine: Combine, seeds: list[int] | None
) -> list[_Run]:
    points = [dict(zip(axes, values, strict=True)) for values in combine(*axes.values())]
    named = [dict(zip(labels, values, strict=True)) for values in combine(*labels.values())]
    seen: set[tuple[Any, ...]] = set()
    for label in named:
        if (key := tuple(label.values())) in seen:
            raise ValueError(f"the grid has {_name(label)} twice: give it once, or values that print differently")
        seen.add(key)
    streams: list[dict[str, Any]] = [{}] if seeds is None else [{"seed": seed} for seed in seeds]
    return [_Run(point | seed, label | seed) for point, label in zip(points, named, strict=True) for seed in streams]


def _block_size(block: int | None, runs: int) -> int:
    if block is None:
        return math.ceil(runs / TASKS)
    if isinstance(block, bool) or not isinstance(block, int) or block < 1:
        raise ValueError(f"block is {block!r}: give the number of points in a block, one or more")
    return block


def _check_call(function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise TypeError(
            f"the function cannot be called with {', '.join(arguments)} ({error}): "
            "name the axes as its arguments; seeds=None leaves out the seed"
        ) from None


def _name(labels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={label}" for name, label in labels.items())


# ---------------------------------------------------------------- computing


def _executor(executor: Any) -> Executor | None:
    if hasattr(executor, "get_executor") and not isinstance(executor, type):
        executor = executor.get_executor()
    if executor is None or isinstance(executor, Executor):
        return executor
    raise TypeError(f"executor is {executor!r}: give a concurrent.futures.Executor, or a client with get_executor()")


def _compute(
    function: Callable[..., Any], blocks: Mapping[int, list[_Run]], executor: Executor | None
) -> Generator[tuple[int, pa.Table], None, None]:
    """Yield the blocks in the order in which they finish; after an error, those that have finished by then."""
    if executor is None:
        for number, runs in blocks.items():
            yield number, _run_block(function, runs)
        return
    if isinstance(executor, ProcessPoolExecutor):
        _check_picklable(function, blocks)
    futures: dict[Future, int] = {}
    try:
        for number, runs in blocks.items():
            futures[executor.submit(_run_block, function, runs)] = number
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    except (Exception, KeyboardInterrupt) as error:
        started = {future: number for future, number in futures.items() if not future.cancel()}
        for future, number in started.items():
            if future.done() and future.exception() is None:
                yield number, future.result()
        if isinstance(error, BrokenExecutor):
            raise RuntimeError(
                "a worker process died: it ran out of memory, or could not import the function "
                "(one that is defined in a notebook must move to a module, or run in threads)"
            ) from error
        raise
    finally:
        for future in futures:
            future.cancel()


def _check_picklable(function: Callable[..., Any], blocks: Mapping[int, list[_Run]]) -> None:
    for what, thing in ("the function", function), ("a value of the grid", list(blocks.values())[:1]):
        try:
            pickle.dumps(thing)
        except Exception as error:  # PicklingError, AttributeError, TypeError or what an object's own method raises
            raise TypeError(
                f"{what} cannot be sent to another process ({error}): define it at the top level of a module, "
                "or use threads"
            ) from error


def _run_block(function: Callable[..., Any], runs: list[_Run]) -> pa.Table:
    return _concat([_table(_call(function, run), run.labels) for run in runs]).combine_chunks()


def _call(function: Callable[..., Any], run: _Run) -> Any:
    try:
        return function(**run.arguments)
    except Exception as error:
        raise PointFailed(f"the sweep failed at {_name(run.labels)}: {type(error).__name__}: {error}") from error


# ---------------------------------------------------------------- tables
# Every point becomes an Arrow table of its own, so that types do not depend on which points share a block.


def _table(result: Row | Iterable[Row] | pd.DataFrame, labels: dict[str, Any]) -> pa.Table:
    columns, height = _columns(result, labels)
    for name in columns:
        if not isinstance(name, str) or name in labels:
            raise ValueError(
                f"at {_name(labels)} the function returned a column {name!r}: "
                "give it a name, and one that no axis has, nor the seed"
            )
    return pa.table({name: pa.array([label] * height) for name, label in labels.items()} | columns)


def _columns(result: Any, labels: dict[str, Any]) -> tuple[dict[str, Any], int]:
    if isinstance(result, pd.DataFrame):
        if not result.columns.is_unique:
            raise ValueError(f"at {_name(labels)} the function returned two columns of one name: {list(result)}")
        values: dict[Any, Any] = {name: result[name] for name in result}
        height = len(result)
    else:
        rows = [result] if isinstance(result, Mapping) else list(result) if isinstance(result, Iterable) else [result]
        for row in rows:
            if not isinstance(row, Mapping):
                raise TypeError(
                    f"at {_name(labels)} the function returned a {type(row).__name__}: "
                    "return a mapping, a list of mappings or a DataFrame"
                )
        values = {name: [row.get(name) for row in rows] for name in dict.fromkeys(itertools.chain(*rows))}
        height = len(rows)
    return {name: _array(name, column, labels) for name, column in values.items()}, height


def _array(name: str, values: Any, labels: dict[str, Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError) as error:
        raise TypeError(
            f"at {_name(labels)} column {name!r} has values that do not fit a table ({error}): "
            "return numbers, strings or booleans, one kind in a column"
        ) from error


def _concat(tables: list[pa.Table]) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise TypeError(f"points returned different kinds of values in a column ({error}): return one kind") from error
