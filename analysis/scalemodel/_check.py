"""Checks of numbers that callers give: one sentence each on what came, what is allowed, what to do."""

import math
import operator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def number(value: Any, name: str, low: float = 0.0, high: float = math.inf, hint: str = "") -> float:
    """Return a finite float within ``[low, high]``."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}: give a number{hint}")
    result = float(value)
    if not (math.isfinite(result) and low <= result <= high):
        allowed = (
            "" if low == -math.inf else f" of {low:g} or more" if high == math.inf else f" from {low:g} to {high:g}"
        )
        raise ValueError(f"{name} is {value!r}: give a finite number{allowed}{hint}")
    return result


def positive(value: Any, name: str, hint: str = "") -> float:
    """Return a finite float above zero."""
    result = number(value, name, -math.inf, hint=hint)
    if not result > 0:
        raise ValueError(f"{name} is {value!r}: give a number above 0{hint}")
    return result


def share(value: Any, name: str) -> float:
    """Return a share between 0 and 1; a percentage is asked about."""
    result = number(value, name, -math.inf)
    if not 0 <= result <= 1:
        question = f", was {result / 100:g} meant?" if 1 < result <= 100 else ""
        raise ValueError(f"{name} is {value!r}: give a share between 0 and 1{question}")
    return result


def whole(value: Any, name: str, low: int, high: int) -> int:
    """Return an int within ``[low, high]``; 1e9 counts as whole, 1.5 does not."""
    try:
        result = int(value) if isinstance(value, float) and value.is_integer() else operator.index(value)
    except TypeError:
        result = None
    if result is None or not low <= result <= high:
        raise ValueError(f"{name} is {value!r}: give a whole number from {low} to {high}")
    return result


def integers(values: ArrayLike, name: str, high: int) -> NDArray[np.int64]:
    """Return ``int64`` values of any shape within ``[0, high]``."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} has type {array.dtype}: give integers from 0 to {high}")
    if array.size and not (array.min() >= 0 and array.max() <= high):
        wrong = array.min() if array.min() < 0 else array.max()
        raise ValueError(f"{name} is {wrong}: give integers from 0 to {high}")
    return array.astype(np.int64)


def shares(values: ArrayLike, name: str, below_one: bool = False) -> NDArray[np.float64]:
    """Return ``float64`` values of any shape within [0, 1], or within [0, 1) where `below_one`."""
    array = np.array(values, dtype=np.float64)  # a copy, as a kernel would be compiled again for a locked array
    good = (array >= 0) & ((array < 1) if below_one else (array <= 1))
    if not good.all():
        allowed = "[0, 1)" if below_one else "[0, 1]"
        raise ValueError(f"{name} is {float(array[~good].flat[0])}: give numbers in {allowed}")
    return array


def amounts(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return a new ``float64[n]``, not empty, of finite values that are zero or more."""
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} has shape {array.shape}: give one number or more in a flat list or array")
    good = np.isfinite(array) & (array >= 0)
    if not good.all():
        raise ValueError(f"{name} holds {float(array[~good][0])}: give finite numbers that are not negative")
    return array


def read_only(array: NDArray) -> NDArray:
    """Lock an array of a frozen model."""
    array.flags.writeable = False
    return array
