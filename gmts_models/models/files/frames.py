"""Tables of pandas as JSON and arrays: frames, series and indexes of plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import DataError, InputError
from gmts_models.models.files.arrays import AS_SAVED, PLAIN_KINDS, Array

Write = Callable[[Any, str], Any]
Read = Callable[[Any, str], Any]

_NULLABLE = (
    *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
    *("Float32", "Float64", "boolean"),
)
_TEXT = ("object", "string", "str")


def is_cell(value: object) -> bool:
    """Tell whether a value may lie in an array of objects: text, a number, a flag or None."""
    return value is None or type(value) in (bool, int, float, str)


def is_frame(value: object) -> bool:
    """Tell whether a value is pandas'."""
    return isinstance(value, pd.DataFrame | pd.Series | pd.Index | pd.Timestamp)


def object_array(items: Sequence[Any], shape: Sequence[int]) -> Array:
    """Return an array of objects; `items` in C order."""
    flat = np.empty(len(items), dtype=object)
    flat[:] = items
    return flat.reshape(shape)


def write_frame(value: Any, path: str, write: Write) -> Any:
    """Return a frame, series, index or timestamp as JSON.

    Raises
    ------
    InputError : it has columns of another type, or an index of several levels.
    """
    if isinstance(value, pd.Timestamp):
        if value.tz is not None:
            raise InputError("a time with a zone cannot be kept", where=path)
        return {"type": "timestamp", "value": value.isoformat()}
    if isinstance(value, pd.RangeIndex):
        ends = [value.start, value.stop, value.step]
        return {"type": "range", "ends": ends, "name": write(value.name, path)}
    if isinstance(value, pd.MultiIndex):
        raise InputError("an index of several levels cannot be kept", where=path)
    if isinstance(value, pd.DataFrame):
        columns = [
            _write_column(value.iloc[:, number], f"{path}.{number}", write)
            for number in range(value.shape[1])
        ]
        return {
            "type": "frame",
            "columns": columns,
            "names": write(value.columns, f"{path}.names"),
            "index": write(value.index, f"{path}.index"),
        }
    found = {"values": _write_column(value, path, write), "name": write(value.name, path)}
    if isinstance(value, pd.Index):
        return {"type": "index"} | found
    return {"type": "series"} | found | {"index": write(value.index, f"{path}.index")}


def read_frame(value: Any, path: str, read: Read) -> Any:
    """Return what `write_frame` wrote.

    Raises
    ------
    DataError : it is something else.
    """
    match value:
        case {"type": "timestamp", "value": str(text)}:
            return pd.Timestamp(text)
        case {"type": "range", "ends": [int(start), int(stop), int(step)], "name": name}:
            return pd.RangeIndex(start, stop, step, name=read(name, path))
        case {"type": "index", "values": column, "name": name}:
            return pd.Index(_read_column(column, path, read), name=read(name, path))
        case {"type": "series", "values": column, "name": name, "index": index}:
            values = _read_column(column, path, read)
            return pd.Series(values, index=read(index, f"{path}.index"), name=read(name, path))
        case {"type": "frame", "columns": list(columns), "names": names, "index": index}:
            made = {
                number: _read_column(each, f"{path}.{number}", read)
                for number, each in enumerate(columns)
            }
            frame = pd.DataFrame(made, index=read(index, f"{path}.index"))
            return frame.set_axis(read(names, f"{path}.names"), axis=1)
    raise DataError("the file holds what no model file holds", where=path, fix=AS_SAVED)


def _write_column(column: Any, path: str, write: Write) -> dict[str, Any]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = column.array
        return {
            "dtype": "category",
            "codes": write(np.asarray(values.codes), f"{path}.codes"),
            "categories": write(dtype.categories, f"{path}.categories"),
            "ordered": bool(dtype.ordered),
        }
    name = getattr(dtype, "name", "")
    if name in _TEXT:
        cells = column.astype(object)
        cells = np.where(cells.isna(), None, cells) if name != "object" else cells.to_numpy()
        return {"dtype": name, "values": write(np.asarray(cells, dtype=object), path)}
    if name in _NULLABLE:
        gaps = column.isna()
        plain = dtype.numpy_dtype
        known = column.array.to_numpy(plain, na_value=plain.type(0))
        return {
            "dtype": name,
            "values": write(known, path),
            "gaps": write(np.asarray(gaps), f"{path}.gaps"),
        }
    if isinstance(dtype, np.dtype) and dtype.kind in PLAIN_KINDS:
        return {"dtype": "numpy", "values": write(np.asarray(column), path)}
    raise InputError("a column of a table is of a type that cannot be kept", where=path)


def _read_column(column: Any, path: str, read: Read) -> Any:
    match column:
        case {"dtype": "category", "codes": codes, "categories": names, "ordered": bool(ordered)}:
            return pd.Categorical.from_codes(
                read(codes, path), categories=read(names, path), ordered=ordered
            )
        case {"dtype": "numpy", "values": values}:
            return read(values, path)
        case {"dtype": str(name), "values": values} if name in _TEXT:
            return pd.array(read(values, path), dtype=name)
        case {"dtype": str(name), "values": values, "gaps": gaps} if name in _NULLABLE:
            made = pd.Series(read(values, path)).astype(name)  # type: ignore[call-overload]
            return made.mask(read(gaps, path)).array
    raise DataError("the file holds what no model file holds", where=path, fix=AS_SAVED)
