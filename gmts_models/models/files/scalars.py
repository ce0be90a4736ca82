"""Single numbers as JSON, to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gmts_models.errors import DataError, InputError
from gmts_models.models.files.arrays import AS_SAVED

_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_SCALARS = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
)


def write_float(value: float) -> Any:
    """Return a float as JSON; Python writes as many digits as tell it apart."""
    return value if math.isfinite(value) else {"type": "float", "value": str(value)}


def read_float(text: str) -> float:
    """Return inf, -inf or nan."""
    return _FLOATS[text]


def write_scalar(value: np.generic, path: str) -> Any:
    """Return a number or text of NumPy's as JSON.

    Raises
    ------
    InputError : it is neither.
    """
    if isinstance(value, np.str_):
        return str(value)
    if value.dtype.name not in _SCALARS:
        raise InputError(f"a {value.dtype.name} of NumPy cannot be kept", where=path)
    plain = value.item()
    plain = write_float(plain) if isinstance(plain, float) else plain
    return {"type": "scalar", "dtype": value.dtype.name, "value": plain}


def read_scalar(dtype: str, plain: Any, path: str) -> Any:
    """Return what `write_scalar` wrote.

    Raises
    ------
    DataError : it is something else.
    """
    if dtype not in _SCALARS or not isinstance(plain, bool | int | float):
        raise DataError("the file holds what no model file holds", where=path, fix=AS_SAVED)
    return np.dtype(dtype).type(plain)
