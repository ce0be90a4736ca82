"""Reading the trainees, and the tables beside them: what is valid, and what is rejected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.config import AttributeSpec, TableSpec
from gmts_models.data.checking.layout import Layout, Scheme, match_columns
from gmts_models.data.checking.records import Records, parse_records
from gmts_models.data.checking.rejections import (
    Problem,
    none_valid,
    rejected_rows,
    rejected_with_misaligned,
)
from gmts_models.data.checking.tables import Roster
from gmts_models.data.checking.trainees import check_records, observed_until
from gmts_models.data.contract.columns import TRAINEES, Column
from gmts_models.data.load_tables import load_tables
from gmts_models.data.months import months_between, to_days
from gmts_models.data.people import Checked, People
from gmts_models.data.reading.dates import check_format, read_date
from gmts_models.data.reading.files import read_table
from gmts_models.data.resolution import infer_resolution
from gmts_models.data.table_sources import Source, Tables, TableSource, find_sources
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints

CensusDate = str | dt.date | np.datetime64

_NAT = np.datetime64("NaT", "D")


def load_trainees(
    path_or_frame: Source,
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
    tables: Tables | None = None,
) -> Checked:
    """Read trainees, and records of them, and check every row against the contract.

    The contract is in ``docs/data.md`` and ``docs/tables.md``.

    Parameters
    ----------
    path_or_frame : CSV (comma, semicolon or tab), Excel or Parquet file with the trainees; a folder
        of such files, called trainees, placements, surveys, assessments, roles or labour_market; a
        workbook with sheets of these names; a Database; or a frame, which is left as it is.
    scheme : "gmts", or "any" for another scheme: every label of a category is then taken.
    columns : name in the contract (or of an attribute) -> name in the table. Mapped to "", a
        column is not read. Columns that already have their name need no mapping.
    labels : column -> {label in the table: label in the contract}. Mapped to "", a label means
        missing.
    attributes : columns of your own to keep, by name. Others are not kept.
    date_format : of dates that are text, as in ``datetime.strptime``: "%d/%m/%Y". Without it
        only dates that can be read in one way are taken. It holds for the tables that say no
        other, as encoding does.
    census_date : the day up to which follow-up is known. Default: the latest last_seen_date.
    sheet : of a workbook with several, the one with the trainees.
    encoding : of a CSV file.
    leaving : what the event means, in words. Default: "leaving the NHS", or "leaving" with
        ``scheme="any"``.
    tables : the tables beside the trainees, by name: a path, a frame or a Database; a
        ``TableSpec``, how to read what is found beside the trainees; or a pair of both.

    Returns
    -------
    The valid people and records, and a line for each rule that a rejected row broke. Every row is
    in one of the two.

    Raises
    ------
    DataError : a file cannot be read, or none of its rows is valid.
    InputError : a column is missing, an argument does not fit, the census date is not known, or
        tables are given beside ready durations.

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
    how = TableSpec(sheet=sheet, encoding=encoding, date_format=date_format)
    sources = find_sources(path_or_frame, how=how, tables=tables)
    home = sources.pop("trainees")
    raw = read_table(home.source, sheet=home.how.sheet, encoding=encoding)
    layout = match_columns(raw, scheme=scheme, columns=columns, attributes=attributes)
    records = parse_records(raw, layout, labels=labels, date_format=date_format)
    census = _find_census(records, census_date, raw.source)
    violations = check_records(records, census)
    rejected = rejected_with_misaligned(violations, records.numbers, raw.misaligned, "trainees")
    valid = ~rejected_rows(violations, len(records))
    if not valid.any():
        raise none_valid(rejected, raw.n_rows, raw.source)
    if layout.dated and np.isnat(census):
        raise _no_census(raw.source)
    trainees = _complete(records, layout, np.flatnonzero(valid), census)
    people = People(
        trainees=trainees,
        attributes=layout.attributes,
        census_date=pd.Timestamp(census) if layout.dated else None,
        resolution=infer_resolution(_months_of_leaving(trainees)),
        scheme=scheme,
        leaving=leaving or ("leaving the NHS" if scheme == "gmts" else "leaving"),
        source=raw.source,
    )
    checked = Checked(valid=people, rejected=rejected, n_rows=raw.n_rows)
    return _with_tables(checked, sources, _roster(records, valid, census)) if sources else checked


# -------------------------------------------------------------- tables


def _with_tables(checked: Checked, sources: Mapping[str, TableSource], roster: Roster) -> Checked:
    people = checked.valid
    if not people.has_dates:
        raise InputError(
            f"{' and '.join(sources)} need dates of the trainees, who have ready durations",
            where=people.source,
            fix="give start_date and leave_nhs_date in place of the durations, or leave the tables "
            "out; in a folder, give the path of the trainees' file",
        )
    loaded = load_tables(sources, scheme=people.scheme, roster=roster)
    return Checked(
        valid=replace(
            people,
            tables={name: table.frame for name, table in loaded.items()},
            table_attributes={
                name: table.attributes for name, table in loaded.items() if table.attributes
            },
        ),
        rejected=pd.concat(
            [checked.rejected, *(each.rejected for each in loaded.values())], ignore_index=True
        ),
        n_rows=checked.n_rows,
        rows={name: table.n_rows for name, table in loaded.items()},
        filled=pd.concat([each.filled for each in loaded.values()], ignore_index=True),
    )


def _roster(records: Records, valid: Bools, census: np.datetime64) -> Roster:
    ids = pd.Index(records.text("trainee_id"))
    refused = ids[~valid & ~records.empty("trainee_id")]
    return Roster(
        ids=ids[valid],
        start=records.days("start_date")[valid],
        left=records.days("leave_nhs_date")[valid],
        rejected=refused.difference(ids[valid]),
        census=census,
    )


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


def _months_of_leaving(trainees: pd.DataFrame) -> Floats:
    """Return the months from the start to leaving, of those who left."""
    if "start_date" not in trainees:
        left = trainees["event"] == 1
        return np.asarray(trainees.loc[left, "duration_months"], dtype=float)
    if "leave_nhs_date" not in trainees:
        return np.empty(0)
    left = trainees["leave_nhs_date"].notna()
    return months_between(
        to_days(trainees.loc[left, "start_date"]), to_days(trainees.loc[left, "leave_nhs_date"])
    )
