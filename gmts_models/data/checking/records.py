"""The parsed columns of a table, and the rules that every table shares.

A rule speaks only of values that could be read: a cell with a problem of its own is reported as
that problem and breaks no other rule. ``docs/data.md`` and ``docs/tables.md`` list the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.checking.layout import Layout
from gmts_models.data.checking.names import suggest
from gmts_models.data.checking.rejections import Problem, Violation, violation
from gmts_models.data.contract.columns import Column
from gmts_models.data.months import Days
from gmts_models.data.reading.cells import Cells, label_key, read_cells
from gmts_models.data.reading.files import RawTable
from gmts_models.data.reading.parsing import Parsed, parse_column
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints

_LISTED_ROWS = 5
_REPEATED = Problem(
    reason="the row repeats an earlier one",
    fix="nothing to do: the first of the identical rows counts; remove the copies",
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Records:
    """Parsed columns of n rows.

    Attributes
    ----------
    columns : by their names in the contract.
    numbers : (n,) what the user calls each row.
    """

    columns: Mapping[str, Parsed]
    numbers: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def days(self, name: str) -> Days:
        """(n,) dates; NaT everywhere where the table has no such column."""
        if name in self.columns:
            return np.asarray(self.columns[name].array)
        return np.full(len(self), np.datetime64("NaT"), dtype="datetime64[D]")

    def floats(self, name: str) -> Floats:
        """(n,) numbers; NaN everywhere where the table has no such column."""
        return self.columns[name].array if name in self.columns else np.full(len(self), np.nan)

    def text(self, name: str) -> npt.NDArray[np.object_]:
        """(n,) labels; None everywhere where the table has no such column."""
        if name in self.columns:
            return np.asarray(self.columns[name].array)
        return np.full(len(self), None, dtype=object)

    def empty(self, name: str) -> Bools:
        """(n,) bool: values of any kind that are missing or could not be read."""
        if name in self.columns:
            return np.asarray(pd.isna(self.columns[name].array), dtype=bool)
        return np.ones(len(self), dtype=bool)

    def bad(self, name: str) -> Bools:
        """(n,) bool: cells that could not be read."""
        return self.columns[name].bad if name in self.columns else np.zeros(len(self), dtype=bool)


# ------------------------------------------------------------- parsing


def parse_records(
    raw: RawTable,
    layout: Layout,
    *,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    date_format: str | None = None,
) -> Records:
    """Parse the columns that are read.

    Parameters
    ----------
    raw : the table.
    layout : which columns those are.
    labels : column -> {label in the table: label in the contract, "" = missing}.
    date_format : see `read_date`.

    Raises
    ------
    InputError : the labels cannot be meant.
    """
    known = _check_labels(labels or {}, layout, date_format)
    parsed = {}
    for column in layout.specs:
        cells = read_cells(raw.columns[layout.positions[column.name]], known.get(column.name))
        parsed[column.name] = parse_column(column, cells, date_format=date_format)
    return Records(columns=parsed, numbers=raw.numbers)


def _check_labels(
    labels: Mapping[str, Mapping[str, str]], layout: Layout, date_format: str | None
) -> dict[str, dict[str, str]]:
    """Return the labels by `label_key`, having parsed every target as a cell of its column."""
    specs = {column.name: column for column in layout.specs}
    checked: dict[str, dict[str, str]] = {}
    for name, renamed in labels.items():
        if name not in specs or specs[name].kind == "id":
            raise InputError(
                f"labels are given for {name!r}, which is not a column that is read"
                + suggest(name, specs),
                where="labels",
                fix="name the column as the contract does, or as in attributes",
            )
        checked[name] = {label_key(label): target.strip() for label, target in renamed.items()}
        if len(checked[name]) < len(renamed):
            raise InputError(
                "two labels differ only in case or spaces", where=f"labels, {name}", fix="keep one"
            )
        for target in checked[name].values():
            _check_target(specs[name], target, date_format)
    return checked


def _check_target(column: Column, target: str, date_format: str | None) -> None:
    if not target or (column.kind == "event" and column.allowed is None):
        return
    cell = Cells(codes=np.zeros(1, dtype=np.int64), levels=[target])
    if found := parse_column(column, cell, date_format=date_format).violations:
        hint = suggest(target, column.allowed) if column.allowed else ""
        raise InputError(
            f"{target!r} is not valid in {column.name}{hint}",
            where=f"labels, {column.name}",
            fix=f"choose among {', '.join(column.allowed)}, or '' for missing"
            if column.allowed
            else found[0].problem.fix,
        )


# --------------------------------------------------------------- rules


def unreadable(records: Records) -> list[Violation]:
    """Return the cells that could not be read."""
    return [each for parsed in records.columns.values() for each in parsed.violations]


def missing_cells(records: Records, name: str) -> Violation:
    """Return the rows without a value that every row must have."""
    broken = records.empty(name) & ~records.bad(name)
    return violation(broken, name, f"{name} is missing", "fill it in, or leave the row out")


def repeated_rows(
    records: Records, key: Sequence[str], rows: Ints, reason: str, advice: str
) -> Iterator[Violation]:
    """Find the rows that share what only one may have.

    Of identical rows the first counts. Where rows with the same key differ, nobody can tell which
    is right, and all are rejected.

    Parameters
    ----------
    records : n rows.
    key : columns that together may appear once; a missing value is a value like others.
    rows : (k,) positions of the rows whose keys could be read.
    reason : of rows that differ.
    advice : the fix, before the numbers of the rows.
    """
    keys = pd.DataFrame({name: records.columns[name].array[rows] for name in key})
    shared = keys.duplicated(keep=False).to_numpy()
    if not shared.any():
        return
    column, rows = ", ".join(key), rows[shared]
    grouped = keys[shared].groupby(list(key), sort=False, dropna=False)
    group = np.asarray(grouped.ngroup(), dtype=np.int64)
    content: dict[str, object] = {}
    for name, parsed in records.columns.items():
        content[name] = parsed.array[rows]
        content[f"{name}, bad"] = parsed.bad[rows]
        if parsed.causes is not None:
            content[f"{name}, cause"] = parsed.causes[rows]
    copy = pd.DataFrame(content).duplicated(keep="first").to_numpy()
    versions = np.bincount(group, weights=~copy)
    conflict = versions[group] > 1
    yield Violation(rows=rows[copy & ~conflict], column=column, problem=_REPEATED)
    for same in split_by(rows[conflict], group[conflict]):
        fix = f"{advice}; rows {listed(records, same)} share this one"
        yield Violation(rows=same, column=column, problem=Problem(reason=reason, fix=fix))


def split_by(rows: Ints, group: Ints) -> list[Ints]:
    """Return the rows of each group, in order; none for no rows."""
    if not len(rows):
        return []
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order])) + 1
    return list(np.split(rows[order], starts))


def listed(records: Records, rows: Ints) -> str:
    """Return the numbers of some rows: the first few, and whether there are more."""
    shown = ", ".join(str(number) for number in records.numbers[rows[:_LISTED_ROWS]])
    return shown + (", ..." if len(rows) > _LISTED_ROWS else "")
