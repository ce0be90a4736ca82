"""Where snapshots come from: a frame, several, a file, or a folder with a file for each date."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gmts_models.data.checking.rejections import Problem
from gmts_models.data.reading.files import RawTable, read_table
from gmts_models.data.reading.folder import data_files
from gmts_models.data.snapshots.periods import date_in_name, read_period
from gmts_models.errors import DataError, InputError

Table = pd.DataFrame | str | os.PathLike[str]
Snapshots = Table | Iterable[Table] | Mapping[Any, Table]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Source:
    """One table of snapshots.

    Attributes
    ----------
    raw : its cells.
    day : date of all its rows, where the user gave one; nothing else is then read.
    stem : name of its file without the ending, in which a date may be found; "" of a frame.
    """

    raw: RawTable
    day: dt.date | None = None
    stem: str = ""

    def name_day(self, period_end: bool) -> dt.date:
        """Return the date in the name of the file.

        Raises
        ------
        InputError : there is no name, or no date in it that can be read in one way.
        """
        if not self.stem:
            raise InputError(
                "the table has no column snapshot_date",
                where=self.raw.source,
                fix="say what the table calls it: date='...'; or give a mapping from dates to "
                "frames",
            )
        return date_in_name(self.stem, self.raw.source, period_end=period_end)


def read_sources(
    snapshots: Snapshots, *, sheet: str | None, encoding: str, period_end: bool
) -> list[Source]:
    """Read every table.

    Raises
    ------
    DataError : a file or folder cannot be read, or holds nothing.
    InputError : an argument does not fit, or a key of a mapping is no date.
    """

    def read(table: Table, name: str, day: dt.date | None = None) -> Source:
        if isinstance(table, pd.DataFrame) and not len(table):
            raise DataError("there is a header but no row", where=name)
        raw = read_table(table, sheet=sheet, encoding=encoding)
        if isinstance(table, pd.DataFrame):
            return Source(raw=replace(raw, source=name), day=day)
        return Source(raw=raw, day=day, stem=Path(table).stem)

    if isinstance(snapshots, pd.DataFrame):
        return [read(snapshots, "a table in memory")]
    if isinstance(snapshots, str | os.PathLike):
        path = Path(snapshots)
        return [read(each, "") for each in (_files_of(path) if path.is_dir() else [path])]
    if isinstance(snapshots, Mapping):
        days = {key: _key_day(key, period_end) for key in snapshots}
        tables = [read(snapshots[key], f"{day:%Y-%m-%d}", day) for key, day in days.items()]
    elif isinstance(snapshots, Iterable):
        tables = [read(each, f"frame {i}") for i, each in enumerate(snapshots)]
    else:
        raise InputError(
            f"a {type(snapshots).__name__} holds no snapshots",
            where="from_snapshots",
            fix="pass a frame, several of them, a mapping from dates to frames, or a path",
        )
    if not tables:
        raise InputError("there is no snapshot", where="from_snapshots", fix="pass at least two")
    return tables


def _files_of(folder: Path) -> list[Path]:
    files = data_files(folder)
    if not files:
        raise DataError(
            "the folder holds no table",
            where=str(folder),
            fix="put a .csv, .xlsx or .parquet file for each date into it",
        )
    return files


def _key_day(key: Any, period_end: bool) -> dt.date:
    text = str(key) if isinstance(key, pd.Period) else key
    day = read_period(text, "the key", period_end=period_end)
    if isinstance(day, Problem):
        raise InputError(
            f"a key of the mapping is no date: {day.reason}",
            where="from_snapshots",
            fix="use dates, or text such as 2021-03-31",
        )
    return day
