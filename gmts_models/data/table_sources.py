"""Where each table comes from, and how it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gmts_models.config import TableName, TableSpec
from gmts_models.data.checking.names import suggest
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.reading.database import Database
from gmts_models.data.reading.folder import (
    find_beside,
    find_files,
    find_sheet,
    find_sheets,
    is_workbook,
)
from gmts_models.errors import DataError, InputError

Source = str | os.PathLike[str] | pd.DataFrame | Database
Given = Source | TableSpec | tuple[Source, TableSpec]
Tables = Mapping[str, Given] | Mapping[TableName, Given]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TableSource:
    """One table.

    Attributes
    ----------
    source : path of a file, frame or database.
    how : sheet, encoding, columns, labels, attributes and date_format.
    """

    source: Source
    how: TableSpec


def find_sources(
    trainees: Source,
    *,
    how: TableSpec,
    tables: Tables | None = None,
) -> dict[str, TableSource]:
    """Find the table of trainees and those beside it.

    Parameters
    ----------
    trainees : file, folder, workbook with a sheet for each table, frame or database.
    how : to read the trainees. Its encoding and date_format hold for the other tables too, where
        they do not say their own.
    tables : of the others, by name: a source, how to read what is found beside the trainees, or
        both.

    Returns
    -------
    Name -> source, "trainees" first.

    Raises
    ------
    InputError, DataError : there is no such table, it is not found, or found twice.
    """
    said: dict[str, Given] = {str(name): given for name, given in (tables or {}).items()}
    _check_names(said)
    found = _found(trainees, how.sheet)
    home = found.pop("trainees", TableSource(source=trainees, how=TableSpec()))
    sheet = how.sheet or home.how.sheet or _own_sheet(home.source, "trainees")
    sources = {
        "trainees": TableSource(source=home.source, how=how.model_copy(update={"sheet": sheet}))
    }
    for name in TABLES:
        given = said.get(name)
        if given is None and name not in found:
            continue
        table = _resolve(name, given, found.get(name), trainees)
        sources[name] = TableSource(source=table.source, how=_inherit(table.how, how))
    return sources


def _check_names(tables: Mapping[str, Given]) -> None:
    for name in tables:
        if name not in TABLES:
            raise InputError(
                f"there is no table {name!r}" + suggest(name, TABLES),
                where="tables",
                fix=f"choose among {', '.join(TABLES)}; the trainees are the first argument",
            )


def _found(trainees: Source, sheet: str | None) -> dict[str, TableSource]:
    """Return the tables that a folder or a workbook holds, by name."""
    if not isinstance(trainees, str | os.PathLike):
        return {}
    path = Path(trainees)
    if not path.is_dir():
        sheets = find_sheets(path) if sheet is None else {}
        return {
            name: TableSource(source=path, how=TableSpec(sheet=each))
            for name, each in sheets.items()
        }
    files = find_files(path)
    if "trainees" not in files:
        raise DataError(
            "the folder has no table of trainees",
            where=path.name,
            fix="call it trainees.csv (or .tsv, .xlsx, .parquet), or give the path of the file",
        )
    return {name: TableSource(source=each, how=TableSpec()) for name, each in files.items()}


def _resolve(
    name: str, given: Given | None, found: TableSource | None, trainees: Source
) -> TableSource:
    said, how = (None, TableSpec()) if given is None else _said(name, given, trainees)
    if said is None:
        home = found or _beside(name, how, trainees)
        source, sheet = home.source, how.sheet or home.how.sheet
    elif found is None or _same(said, found.source):
        source, sheet = said, how.sheet
    else:
        raise InputError(
            f"{name} is given, and is beside the trainees too",
            where=f"tables, {name}",
            fix="take one of the two away",
        )
    sheet = sheet or _own_sheet(source, name)
    return TableSource(source=source, how=how.model_copy(update={"sheet": sheet}))


def _said(name: str, given: Given, trainees: Source) -> tuple[Source | None, TableSpec]:
    """Return what the user gave: the source, None where it is to be found, and how to read it."""
    if not isinstance(given, TableSpec | tuple):
        return given, TableSpec()
    source, how = given if isinstance(given, tuple) and len(given) == 2 else (None, given)
    if not isinstance(how, TableSpec):
        raise InputError(
            "a table is a source, a TableSpec, or a pair of both",
            where=f"tables, {name}",
            fix='for instance (frame, TableSpec(columns={"start_date": "From"}))',
        )
    said = [source, how.path, how.table, how.query]
    if sum(each is not None for each in said) > 1:
        raise InputError(
            f"it is said more than once where {name} come from",
            where=f"tables, {name}",
            fix="say one of path, table and query",
        )
    if how.table is not None or how.query is not None:
        if not isinstance(trainees, Database):
            raise InputError(
                "table and query are of a database, and the trainees come from none",
                where=f"tables, {name}",
                fix="give a path, or Database(url, table=...)",
            )
        return Database(trainees.url, table=how.table, query=how.query), how
    return (source if source is not None else how.path), how


def _beside(name: str, how: TableSpec, trainees: Source) -> TableSource:
    if isinstance(trainees, Database):
        schema = (trainees.table or "").rpartition(".")[0]
        table = f"{schema}.{name}" if schema else name
        return TableSource(source=Database(trainees.url, table=table), how=TableSpec())
    if isinstance(trainees, str | os.PathLike) and not Path(trainees).is_dir():
        path = Path(trainees)
        if is_workbook(path) and (how.sheet or find_sheet(path, name)):
            return TableSource(source=path, how=TableSpec())
        beside = find_beside(path, name)
        if beside is not None:
            return TableSource(source=beside, how=TableSpec())
    raise InputError(
        f"there is no table {name} beside the trainees",
        where=f"tables, {name}",
        fix=f"give its path, or call the file {name}.csv",
    )


def _same(source: Source, found: Source) -> bool:
    if not isinstance(source, str | os.PathLike) or not isinstance(found, str | os.PathLike):
        return False
    return Path(source).resolve() == Path(found).resolve()


def _own_sheet(source: Source, name: str) -> str | None:
    """Return the sheet of a table's own name, where the source is a workbook that has one."""
    return find_sheet(Path(source), name) if isinstance(source, str | os.PathLike) else None


def _inherit(how: TableSpec, trainees: TableSpec) -> TableSpec:
    update: dict[str, str | None] = {"date_format": how.date_format or trainees.date_format}
    if "encoding" not in how.model_fields_set:
        update["encoding"] = trainees.encoding
    return how.model_copy(update=update)
