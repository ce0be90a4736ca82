"""Reading a table of trainees: what is valid, and what is rejected with its reasons."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from gmts_models.config import AttributeSpec
from gmts_models.data.checking.layout import Layout, match_columns, suggest
from gmts_models.data.checking.rejections import (
    Problem,
    Violation,
    count_reasons,
    rejected_frame,
    rejected_rows,
    violation,
)
from gmts_models.data.checking.trainees import Records, check_records, observed_until
from gmts_models.data.contract.columns import TRAINEES, Column
from gmts_models.data.people import Checked, People
from gmts_models.data.reading.cells import Cells, label_key, read_cells
from gmts_models.data.reading.dates import check_format, read_date
from gmts_models.data.reading.files import RawTable, read_table
from gmts_models.data.reading.parsing import parse_column
from gmts_models.errors import DataError, InputError
from gmts_models.outcome import Ints

Scheme = Literal["gmts", "any"]
CensusDate = str | dt.date | np.datetime64

_NAT = np.datetime64("NaT", "D")
_TOLD_REASONS = 5


def load_trainees(
    path_or_frame: str | os.PathLike[str] | pd.DataFrame,
    *,
    scheme: Scheme = "gmts",
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    attributes: Mapping[str, AttributeSpec | Column] | None = None,
    date_format: str | None = None,
    census_date: CensusDate | None = None,
    sheet: str | None = None,
    encoding: str = "utf-8",
    leaving: str | None = None,
) -> Checked:
    """Read a table of trainees and check every row against the contract in ``docs/data.md``.

    Parameters
    ----------
    path_or_frame : CSV (comma, semicolon or tab), Excel or Parquet file, or a frame, which is
        left as it is.
    scheme : "gmts", or "any" for another scheme: every label of a category is then taken.
    columns : name in the contract (or of an attribute) -> name in the table. Mapped to "", a
        column is not read. Columns that already have their name need no mapping.
    labels : column -> {label in the table: label in the contract}. Mapped to "", a label means
        missing.
    attributes : columns of your own to keep, by name. Others are not kept.
    date_format : of dates that are text, as in ``datetime.strptime``: "%d/%m/%Y". Without it
        only dates that can be read in one way are taken.
    census_date : the day up to which follow-up is known. Default: the latest last_seen_date.
    sheet : of a workbook with several.
    encoding : of a CSV file.
    leaving : what the event means, in words. Default: "leaving the NHS", or "leaving" with
        ``scheme="any"``.

    Returns
    -------
    The valid people, and a line for each rule that a rejected row broke. Every row is in one of
    the two.

    Raises
    ------
    DataError : the file cannot be read, or no row is valid.
    InputError : a column is missing, an argument does not fit, or the census date is not known.

    Examples
    --------
    >>> checked = load_trainees(
    ...     pd.DataFrame(
    ...         {
    ...             "trainee_id": ["a", "b"],
    ...             "specialism": ["finance", "Health Magic"],
    ...             "start_date": ["2019-09-02", "2019-09-02"],
    ...             "leave_nhs_date": ["2021-03-01", None],
    ...         }
    ...     ),
    ...     census_date="2022-09-01",
    ... )
    >>> checked
    Checked(2 rows: 1 valid, 1 rejected)
    >>> checked.rejected.loc[0, "reason"]
    'specialism is not a label of the contract'
    """
    if scheme not in ("gmts", "any"):
        raise InputError(
            "there is no such scheme", where="scheme", fix='choose "gmts", or "any" for others'
        )
    if date_format is not None:
        check_format(date_format)
    raw = read_table(path_or_frame, sheet=sheet, encoding=encoding)
    layout = match_columns(raw, scheme=scheme, columns=columns, attributes=attributes)
    records = _parse(raw, layout, _check_labels(labels or {}, layout, date_format), date_format)
    census = _find_census(records, census_date, raw.source)
    violations = check_records(records, census)
    rejected = _all_rejected(violations, records.numbers, raw.misaligned)
    valid = np.flatnonzero(~rejected_rows(violations, len(records)))
    if not len(valid):
        raise _nobody(rejected, raw)
    if layout.dated and np.isnat(census):
        raise _no_census(raw.source)
    people = People(
        trainees=_complete(records, layout, valid, census),
        attributes=layout.attributes,
        census_date=pd.Timestamp(census) if layout.dated else None,
        scheme=scheme,
        leaving=leaving or ("leaving the NHS" if scheme == "gmts" else "leaving"),
        source=raw.source,
    )
    return Checked(valid=people, rejected=rejected, n_rows=raw.n_rows)


# ------------------------------------------------------------- parsing


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


def _parse(
    raw: RawTable,
    layout: Layout,
    labels: Mapping[str, Mapping[str, str]],
    date_format: str | None,
) -> Records:
    parsed = {}
    for column in layout.specs:
        cells = read_cells(raw.columns[layout.positions[column.name]], labels.get(column.name))
        parsed[column.name] = parse_column(column, cells, date_format=date_format)
    return Records(columns=parsed, numbers=raw.numbers)


# -------------------------------------------------------------- census


def _find_census(records: Records, given: CensusDate | None, source: str) -> np.datetime64:
    if "start_date" not in records:
        if given is not None:
            raise InputError(
                "ready durations have no census date", where="census_date", fix="leave it out"
            )
        return _NAT
    if given is not None:
        return _read_census(given)
    seen = records.days("last_seen_date")
    known = seen[~np.isnat(seen)]
    if len(known):
        return np.datetime64(known.max(), "D")
    if records.bad("last_seen_date").any():
        return _NAT  # what is wrong with the dates has to be told first
    raise _no_census(source)


def _read_census(given: CensusDate) -> np.datetime64:
    value: Any = pd.Timestamp(given) if isinstance(given, np.datetime64) else given
    value = value.strip() if isinstance(value, str) else value
    day = None if pd.isna(value) else read_date(value, "census_date")
    if day is None or isinstance(day, Problem):
        raise InputError(
            "census_date is not a day", where="census_date", fix='write it as "2024-08-31"'
        )
    return np.datetime64(day, "D")


def _no_census(source: str) -> InputError:
    return InputError(
        "the census date is not known: no last_seen_date is given or can be read",
        where=source,
        fix='say census_date="2024-08-31", the day up to which the table is complete, or add '
        "last_seen_date",
    )


# ------------------------------------------------------------ rejected


def _all_rejected(violations: Sequence[Violation], numbers: Ints, misaligned: Ints) -> pd.DataFrame:
    rejected = rejected_frame(violations, numbers)
    if not len(misaligned):
        return rejected
    torn = violation(
        np.ones(len(misaligned), dtype=bool),
        "",
        "the row has more or fewer cells than the header",
        "put cells that hold the separator or a line break in quotation marks",
    )
    both = pd.concat([rejected, rejected_frame([torn], misaligned)], ignore_index=True)
    return both.sort_values("row", kind="stable", ignore_index=True)


def _nobody(rejected: pd.DataFrame, raw: RawTable) -> DataError:
    counts = count_reasons(rejected)
    told = [f"{each.reason} ({each.rows})" for each in counts.head(_TOLD_REASONS).itertuples()]
    rest = len(counts) - len(told)
    commonest = rejected.loc[rejected["reason"] == counts.loc[0, "reason"], "fix"].mode()
    return DataError(
        f"none of the {raw.n_rows} rows is valid: {'; '.join(told)}"
        + (f"; and {rest} other reasons" if rest else ""),
        where=raw.source,
        fix=f"for the commonest: {commonest.iloc[0]}",
    )


# --------------------------------------------------------------- valid


def _complete(records: Records, layout: Layout, rows: Ints, census: np.datetime64) -> pd.DataFrame:
    """Return the valid rows, with what follows from the others filled in."""
    values = {name: parsed.array[rows] for name, parsed in records.columns.items()}
    if layout.dated:
        values["last_seen_date"] = observed_until(records, census)[rows]
        intake = values["start_date"].astype("datetime64[M]").astype(str).astype(object)
        given = records.text("cohort")[rows]
        values["cohort"] = np.where(pd.isna(given), intake, given)
    else:
        values["event"] = values["event"].astype(np.int64)
        if (causes := records.columns["event"].causes) is not None:
            given = records.text("destination")[rows]
            values["destination"] = np.where(pd.isna(given), causes[rows], given)
    order = [column.name for column in TRAINEES] + list(layout.attributes)
    frame = pd.DataFrame({name: values[name] for name in order if name in values})
    dates = [column.name for column in TRAINEES if column.kind == "date" and column.name in frame]
    return frame.astype(dict.fromkeys(dates, "datetime64[ns]"))
