"""From the cells of a column to its values, by the column's kind."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
import pandas as pd

from gmts_models.data.checking.rejections import Problem, Violation, violation
from gmts_models.data.contract.columns import Column
from gmts_models.data.reading.cells import (
    UNREADABLE,
    Cells,
    Value,
    as_text,
    fold_label,
    read_levels,
)
from gmts_models.data.reading.dates import read_date
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Ints

YES = frozenset({"1", "true", "yes", "y", "t"})
NO = frozenset({"0", "false", "no", "n", "f"})
STILL_THERE = NO | {"censored"}
CAUSE_UNKNOWN = frozenset({"unknown", "not known"})

_MOST_SUGGESTIONS = 200
"""A column of more labels is not the category that it was taken for: comparing takes long."""

_FORMULA_ERRORS = frozenset(
    ("#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
)

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Parsed:
    """The values of one column.

    Attributes
    ----------
    array : (n,) datetime64[D], float, object (text, None = missing) or nullable boolean. Of an
        event: 1.0 left, 0.0 still there, NaN = missing.
    bad : (n,) bool, cells that could not be read; their value is missing.
    violations : why.
    causes : (n,) object; of an event that names causes.
    """

    array: Any
    bad: Bools
    violations: tuple[Violation, ...]
    causes: Any = None


def parse_column(column: Column, cells: Cells, *, date_format: str | None = None) -> Parsed:
    """Parse the cells of a column.

    Parameters
    ----------
    column : its kind, labels and range say what is valid.
    cells : n cells.
    date_format : see `read_date`.

    Raises
    ------
    InputError : an event column says of nobody that they are still there.
    """
    match column.kind:
        case "date":
            days, bad, found = read_levels(
                cells, column.name, lambda value: read_date(value, column.name, date_format)
            )
            values: Any = np.array(days, dtype="datetime64[D]")[cells.codes]
        case "number":
            numbers, bad, found = read_levels(
                cells, column.name, lambda value: _read_number(value, column)
            )
            values = np.array(numbers, dtype=np.float64)[cells.codes]
        case "flag":
            flags, bad, found = read_levels(
                cells, column.name, lambda value: _read_flag(value, column.name)
            )
            values = pd.array(flags, dtype="boolean").take(cells.codes)
        case "category" | "id":
            labels, bad, found = read_levels(cells, column.name, _label_reader(column, cells))
            values = _take(labels, cells.codes)
        case "event":
            return _parse_event(column, cells)
        case _:
            assert_never(column.kind)
    return Parsed(array=values, bad=bad, violations=found)


def _take(labels: list[str | None], codes: Ints) -> Any:
    levels = np.empty(len(labels), dtype=object)
    levels[:] = [label or None for label in labels]
    return levels[codes]


def _read_number(value: Value, column: Column) -> float | Problem:
    number = np.nan
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        number = float(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e300 else np.nan
    if not np.isfinite(number):
        return Problem(
            reason=f"{column.name} is not a number",
            fix="write plain numbers with a full stop for decimals: 12.5",
        )
    low, high = column.least, column.most
    if (low is not None and number < low) or (high is not None and number > high):
        return Problem(
            reason=f"{column.name} is {_outside(low, high)}",
            fix=f"correct it{f' ({column.unit})' if column.unit else ''}, or leave the cell empty",
        )
    return number


def _outside(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"outside {low:g} to {high:g}"
    return f"below {low:g}" if low is not None else f"above {high:g}"


def _word(value: Value) -> str:
    word = as_text(value).casefold()
    return word.removesuffix(".0") if word in ("0.0", "1.0") else word


def _read_flag(value: Value, name: str) -> bool | Problem:
    word = _word(value)
    if word in YES or word in NO:
        return word in YES
    return Problem(
        reason=f"{name} is neither yes nor no",
        fix=f"write yes or no, or map the file's words: labels={{{name!r}: {{...: 'yes'}}}}",
    )


def _label_reader(column: Column, cells: Cells) -> Callable[[Value], str | Problem]:
    known = {fold_label(label): label for label in column.allowed or ()}
    close_to = known if len(cells.levels) <= _MOST_SUGGESTIONS else {}

    def read(value: Value) -> str | Problem:
        if value is UNREADABLE:
            return Problem(reason=f"{column.name} is not text", fix="give one label a cell")
        if column.name == "cohort" and isinstance(value, dt.date):
            return f"{value:%Y-%m}"  # what a spreadsheet makes of 2019-09
        label = as_text(value)
        if label in _FORMULA_ERRORS:
            return Problem(
                reason=f"{column.name} is an error of the spreadsheet",
                fix="mend the formula, or leave the cell empty",
            )
        if column.name == "destination" and fold_label(label) in CAUSE_UNKNOWN:
            return ""
        if column.allowed is None:
            return label
        return known.get(fold_label(label)) or _unknown_label(label, column, close_to)

    return read


def _unknown_label(label: str, column: Column, close_to: dict[str, str]) -> Problem:
    close = difflib.get_close_matches(fold_label(label), close_to, n=1)
    likely = f"{close_to[close[0]]}? " if close else ""
    return Problem(
        reason=f"{column.name} is not a label of the contract",
        fix=f"{likely}correct it, or map it under labels; valid: {', '.join(column.allowed or ())}",
    )


def _parse_event(column: Column, cells: Cells) -> Parsed:
    read_cause = _label_reader(column, cells)

    def read(value: Value) -> tuple[float, str | None] | Problem:
        word = _word(value)
        if word in STILL_THERE:
            return 0.0, None
        if word in YES or word == "left":
            return 1.0, None
        named = isinstance(value, str) and not _NUMBER.fullmatch(value)
        cause = read_cause(value) if named and word not in CAUSE_UNKNOWN else None
        if isinstance(cause, str):
            return 1.0, cause
        return Problem(
            reason="event is not understood",
            fix="write 0, 1 or the name of the cause, or map the file's codes: "
            "labels={'event': {'2': 'private sector'}}",
        )

    levels, bad, found = read_levels(cells, column.name, read)
    values = np.array([np.nan if level is None else level[0] for level in levels])[cells.codes]
    causes = _take([None if level is None else level[1] for level in levels], cells.codes)
    if any(level is not None and level[1] for level in levels):
        values[cells.missing] = 0.0
        _someone_stays(column, values)
        return Parsed(array=values, bad=bad, violations=found, causes=causes)
    if not (values == 0).any():
        values[cells.missing] = 0.0
    elif cells.missing.any():
        found = (*found, violation(cells.missing, "event", "event is missing", _SAY_EVENT))
    return Parsed(array=values, bad=bad, violations=found)


_SAY_EVENT = "write 0 for those who are still there and 1 for those who left"


def _someone_stays(column: Column, values: Any) -> None:
    if column.allowed is None and not (values == 0).any():
        raise InputError(
            "event names causes and says of nobody that they are still there, so that the label "
            "of those who stayed would pass for a cause",
            where="event",
            fix="map that label to 0: labels={'event': {...: '0'}}; or, if everyone did leave, "
            "write 1 in event and the causes in destination",
        )
