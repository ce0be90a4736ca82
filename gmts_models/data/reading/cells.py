"""The cells of a column: which are missing, and the distinct values of the others.

Columns repeat themselves, so that every distinct value is cleaned and parsed once. Text is
trimmed and brought to one Unicode form (NFC); nothing else about it changes here.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from gmts_models.data.checking.rejections import Problem, Violation
from gmts_models.outcome import Bools, Ints

MISSING_WORDS = ("NA", "N/A", "#N/A", "NULL", "NaN", "NaT", "<NA>")
"""Text that means missing, in any case; so does an empty cell."""

_MISSING = frozenset(word.casefold() for word in MISSING_WORDS) | {""}

_ENDS = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff]+|[\s\u200b-\u200f\u2060\ufeff]+$")
"""White space, and the signs without width that pages and forms leave at the ends of a text."""


class _Unreadable:
    """Stands for a cell that holds no single value: a list, bytes, a time without a day."""


UNREADABLE: Final = _Unreadable()

Value = str | bool | int | float | dt.date | _Unreadable
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cells:
    """A column of n cells as codes and levels.

    Attributes
    ----------
    codes : (n,) int, position in `levels`; -1 = missing.
    levels : the distinct values, cleaned.
    """

    codes: Ints
    levels: list[Value]

    @property
    def missing(self) -> Bools:
        """(n,) bool."""
        return np.asarray(self.codes < 0)


def read_cells(column: pd.Series[Any], renamed: Mapping[str, str] | None = None) -> Cells:
    """Find the distinct values of a column, and what is missing.

    Parameters
    ----------
    column : (n,) of any type.
    renamed : `label_key` of a label in the file -> the text to put in its place; "" = missing.
        It goes before everything else, so that a label NA can be kept by renaming it.
    """
    codes, levels = _factorize(column)
    kept: list[Value] = []
    position = np.full(len(levels) + 1, -1, dtype=np.int64)  # the last one answers to code -1
    for i, level in enumerate(levels):
        value = _present(_scalar(level), renamed or {})
        if value is not None:
            position[i] = len(kept)
            kept.append(value)
    return Cells(codes=position[codes], levels=kept)


def read_levels(
    cells: Cells, column: str, read: Callable[[Value], Read | Problem]
) -> tuple[list[Read | None], Bools, tuple[Violation, ...]]:
    """Parse every distinct value once.

    Returns
    -------
    values : what `read` made of each level and, last, the None that code -1 picks; None too
        where it found a problem.
    bad : (n,) bool, the cells with a problem.
    violations : one for each different problem.
    """
    values: list[Read | None] = []
    problems: dict[Problem, int] = {}
    found = np.zeros(len(cells.levels) + 1, dtype=np.int64)
    for i, level in enumerate(cells.levels):
        result = read(level)
        if isinstance(result, Problem):
            found[i] = problems.setdefault(result, len(problems) + 1)
            values.append(None)
        else:
            values.append(result)
    by_cell = found[cells.codes]
    violations = tuple(
        Violation(rows=np.flatnonzero(by_cell == code), column=column, problem=problem)
        for problem, code in problems.items()
    )
    return [*values, None], by_cell > 0, violations


def as_text(value: Value) -> str:
    """Return a value as a spreadsheet shows it: 2.0 is "2", a day is "2021-09-01"."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.isoformat() if value.time() != dt.time() else value.date().isoformat()
    return value if isinstance(value, str) else str(value)


def label_key(label: str) -> str:
    """Return what a label in the file is looked up by: any case, any white space."""
    return " ".join(unicodedata.normalize("NFC", label).split()).casefold()


def fold_label(label: str) -> str:
    """Return what makes labels of the contract alike: case, spaces, _, -, / and & against and."""
    words = re.sub(r"[\s_\-/]+", " ", label.replace("&", " and "))
    return " ".join(words.split()).casefold()


def fold_id(identifier: str) -> str:
    """Return what is alike of ids that were written in two ways: 00a12 and "A12", 00 and 0."""
    return re.sub(r"^0+(?=.)", "", re.sub(r"\s", "", identifier)).casefold()


def _factorize(column: pd.Series[Any]) -> tuple[Ints, list[Any]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = np.asarray(column.cat.codes, dtype=np.int64)
        return codes, column.cat.categories.tolist()
    if column.dtype == object and pd.api.types.infer_dtype(column) not in ("string", "empty"):
        return _factorize_mixed(column)
    found, levels = pd.factorize(column)
    return np.asarray(found, dtype=np.int64), pd.Index(levels).tolist()


def _factorize_mixed(column: pd.Series[Any]) -> tuple[Ints, list[Any]]:
    # By type as well as value: pandas takes True, 1 and 1.0 for one.
    codes = np.empty(len(column), dtype=np.int64)
    known: dict[tuple[type, Any], int] = {}
    for i, value in enumerate(column):
        try:
            codes[i] = known.setdefault((type(value), value), len(known))
        except TypeError:  # not hashable
            codes[i] = known.setdefault((_Unreadable, UNREADABLE), len(known))
    return codes, [value for _, value in known]


def _scalar(level: Any) -> Value | None:
    if isinstance(level, str):
        text = str(level)
        if text.isascii():
            return text.strip()
        return _ENDS.sub("", unicodedata.normalize("NFC", text))
    if isinstance(level, np.datetime64):
        level = pd.Timestamp(level)
    elif isinstance(level, np.generic):
        level = level.item()
    elif isinstance(level, Decimal):
        whole = level.is_finite() and level == level.to_integral_value()
        level = int(level) if whole else float(level)
    if level is None or level is pd.NA or level is pd.NaT:
        return None
    if isinstance(level, float) and np.isnan(level):
        return None
    return level if isinstance(level, bool | int | float | dt.date) else UNREADABLE


def _present(value: Value | None, renamed: Mapping[str, str]) -> Value | None:
    if value is None:
        return None
    if renamed and (key := label_key(as_text(value))) in renamed:
        return renamed[key] or None
    if isinstance(value, str) and value.casefold() in _MISSING:
        return None
    return value
