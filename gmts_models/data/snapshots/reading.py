"""From the tables of all snapshots to parsed columns of all rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.checking.layout import Attributes, Layout, Scheme, match_table
from gmts_models.data.checking.names import fold_name
from gmts_models.data.checking.records import Records, parse_records
from gmts_models.data.contract.columns import Column
from gmts_models.data.reading.cells import read_cells, read_levels
from gmts_models.data.reading.dates import check_format
from gmts_models.data.reading.files import RawTable
from gmts_models.data.reading.parsing import Parsed, parse_column
from gmts_models.data.snapshots.contract import SNAPSHOTS
from gmts_models.data.snapshots.periods import read_period
from gmts_models.data.snapshots.sources import Source
from gmts_models.errors import InputError
from gmts_models.outcome import Floats

DATE = SNAPSHOTS.date


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Read:
    """The rows of all snapshots, in the order in which they came.

    Attributes
    ----------
    records : n parsed rows, numbered as in their own table. Without `snapshot_date` where
        `periods` is given.
    periods : (n,) numbers of periods since the start, where dates are told so; else None.
    sources : (n,) names of the tables.
    misaligned : (name, number) of further rows whose cells do not line up with the header.
    attributes : the user's own columns, by name.
    """

    records: Records
    periods: Floats | None
    sources: npt.NDArray[np.object_]
    misaligned: list[tuple[str, int]]
    attributes: dict[str, Column]

    @property
    def n_rows(self) -> int:
        """Rows read, misaligned ones among them."""
        return len(self.sources) + len(self.misaligned)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What the user says of the tables; see `from_snapshots`."""

    columns: Mapping[str, str]
    labels: Mapping[str, Mapping[str, str]]
    attributes: Attributes
    scheme: Scheme
    specialism: str | None
    date_format: str | None
    period_end: bool

    def check(self) -> None:
        """Refuse what can never be read.

        Raises
        ------
        InputError : there is no such scheme, date_format does not tell a day, or an attribute is
            known from another date than the first snapshot of a person.
        """
        for name, spec in self.attributes.items():
            if spec.known not in (None, "start", DATE):
                raise InputError(
                    f"{name} is taken from the first snapshot of a person, and known from then on",
                    where=f"attributes, {name}, known",
                    fix="leave known out",
                )
        if self.scheme not in get_args(Scheme):
            raise InputError(
                "there is no such scheme", where="scheme", fix='choose "gmts", or "any" for others'
            )
        if self.date_format is not None:
            check_format(self.date_format)


def read_rows(sources: Sequence[Source], options: ReadOptions) -> Read:
    """Parse all rows of all tables; a column that a table does not have is empty there.

    Raises
    ------
    InputError : a column is missing or there twice, or an argument does not fit.
    """
    sources = [_dated(source, options) for source in sources]
    layouts = [_layout(source, sources, options) for source in sources]
    tables = list(zip(sources, layouts, strict=True))
    raw, layout = _stacked(tables, options)
    records = parse_records(raw, layout, labels=options.labels, date_format=options.date_format)
    dates, periods = _read_dates(_stack([_dates(*table) for table in tables]), options)
    if periods is None:
        records = replace(records, columns={**records.columns, DATE: dates})
    counts = [len(source.raw.numbers) for source in sources]
    names = np.array([source.raw.source for source in sources], dtype=object)
    return Read(
        records=records,
        periods=periods,
        sources=np.repeat(names, counts),
        misaligned=[(s.raw.source, int(row)) for s in sources for row in s.raw.misaligned],
        attributes=layout.attributes,
    )


def _stacked(
    tables: Sequence[tuple[Source, Layout]], options: ReadOptions
) -> tuple[RawTable, Layout]:
    """Return all tables below each other, but for their dates."""
    specs = {column.name: column for _, layout in tables for column in layout.specs}
    parts = {
        name: [_part(source.raw, layout, name) for source, layout in tables]
        for name in (*SNAPSHOTS.by_name, *options.attributes)
        if name in specs and name != DATE
    }
    first = tables[0][0].raw.source
    if options.specialism is not None:
        specs["specialism"] = _constant_column(options)
        parts["specialism"] = [_repeat(options.specialism, source.raw) for source, _ in tables]
    elif "specialism" not in parts:
        raise InputError(
            "no table has a column specialism, the group that everything is estimated by",
            where=first,
            fix="say what the tables call it: columns={'specialism': ...}; or give all rows one: "
            "specialism='Finance'",
        )
    raw = RawTable(
        names=tuple(parts),
        columns=tuple(_stack(part) for part in parts.values()),
        numbers=np.concatenate([source.raw.numbers for source, _ in tables]),
        misaligned=np.empty(0, dtype=np.int64),
        source=first,
    )
    own = {name: replace(specs[name], known="start") for name in options.attributes}
    layout = Layout(
        specs=tuple(own.get(name, specs[name]) for name in parts),
        positions={name: i for i, name in enumerate(parts)},
        attributes=own,
    )
    return raw, layout


# ------------------------------------------------------------- columns


def _dated(source: Source, options: ReadOptions) -> Source:
    """Return the table with the date in its name, where it has no column of dates."""
    if source.day is not None:
        return source
    user = options.columns.get(DATE)
    there = user in source.raw.names if user else user is None and _has(source.raw, DATE)
    if there or (user and not source.stem):
        return source
    return replace(source, day=source.name_day(options.period_end))


def _layout(source: Source, sources: Sequence[Source], options: ReadOptions) -> Layout:
    """Match the columns of one table, of which others may have more."""
    names = {name for each in sources for name in each.raw.names}
    columns = {
        name: user
        for name, user in options.columns.items()
        if not user or user in source.raw.names or user not in names
    }
    attributes = {
        name: spec
        for name, spec in options.attributes.items()
        if _has(source.raw, user := options.columns.get(name) or name)
        or not any(_has(each.raw, user) for each in sources)
    }
    unread = [DATE] if source.day is not None else []
    unread += ["specialism"] if options.specialism is not None else []
    columns |= dict.fromkeys(unread, "")
    required = tuple(
        replace(column, required=False) if column.name in unread else column
        for column in SNAPSHOTS.columns
    )
    table = replace(SNAPSHOTS, columns=required)
    try:
        return match_table(
            source.raw, table, scheme=options.scheme, columns=columns, attributes=attributes
        )
    except InputError as error:
        if len(sources) == 1 or source.raw.source in (error.where or ""):
            raise
        where = f"{source.raw.source}: {error.where}"
        raise InputError(error.what, where=where, fix=error.fix) from None


def _has(raw: RawTable, name: str) -> bool:
    return fold_name(name) in {fold_name(each) for each in raw.names if each}


def _part(raw: RawTable, layout: Layout, name: str) -> pd.Series[Any]:
    if name in layout.positions:
        return raw.columns[layout.positions[name]]
    return pd.Series(np.full(len(raw.numbers), None, dtype=object))


def _stack(parts: Sequence[pd.Series[Any]]) -> pd.Series[Any]:
    """Put columns below each other; where their types differ, each cell keeps its own."""
    if len(parts) == 1:
        return parts[0]
    if all(part.dtype == parts[0].dtype for part in parts):
        return pd.concat(parts, ignore_index=True)
    return pd.Series(np.concatenate([part.to_numpy(dtype=object) for part in parts]))


def _repeat(label: str, raw: RawTable) -> pd.Series[Any]:
    codes = np.zeros(len(raw.numbers), dtype=np.int64)
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index([label], dtype=object)))


def _constant_column(options: ReadOptions) -> Column:
    """Return the contract of the one specialism of all rows, having checked its label."""
    if options.columns.get("specialism"):
        raise InputError(
            "specialism is told twice, for all rows and as a column",
            where="specialism",
            fix="leave one out",
        )
    column = SNAPSHOTS.by_name["specialism"]
    column = column if options.scheme == "gmts" else replace(column, allowed=None)
    label = pd.Series([options.specialism], dtype=object)
    if parse_column(column, read_cells(label)).bad.any():
        raise InputError(
            f"{options.specialism!r} is not a specialism of the contract",
            where="specialism",
            fix=f"choose among {', '.join(column.allowed or ())}; or say scheme='any'",
        )
    return column


# --------------------------------------------------------------- dates


def _dates(source: Source, layout: Layout) -> pd.Series[Any]:
    if DATE in layout.positions:
        column = source.raw.columns[layout.positions[DATE]]
        return column.astype(str) if isinstance(column.dtype, pd.PeriodDtype) else column
    return pd.Series(np.full(len(source.raw.numbers), source.day, dtype=object))


def _read_dates(dates: pd.Series[Any], options: ReadOptions) -> tuple[Parsed, Floats | None]:
    """Parse the dates; or return the numbers of periods, where all are small numbers."""
    cells = read_cells(dates)
    if cells.levels and all(_is_number(level) for level in cells.levels):
        column = replace(SNAPSHOTS.by_name[DATE], kind="number")
        parsed = parse_column(column, cells)
        return parsed, parsed.array

    def read(value: Any) -> dt.date | Any:
        return read_period(
            value, DATE, date_format=options.date_format, period_end=options.period_end
        )

    days, bad, violations = read_levels(cells, DATE, read)
    array = np.array(days, dtype="datetime64[D]")[cells.codes]
    return Parsed(array=array, bad=bad, violations=violations), None


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and abs(float(value)) < 1000
    except (TypeError, ValueError):
        return False
