"""From a file, a database or a frame to columns of cells as they are: nothing is interpreted here.

What a file leaves open is asked back rather than guessed: the encoding, the sheet.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import itertools
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow
import pyarrow.parquet
from openpyxl.utils.exceptions import InvalidFileException

from gmts_models.data.reading.database import Database, fetch
from gmts_models.data.reading.formulas import has_formulas_to_work_out
from gmts_models.errors import DataError, InputError
from gmts_models.outcome import Ints

_EXPORT_AGAIN = "export it again: a header, and a row for each trainee"
_TEXT, _EXCEL, _PARQUET = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm"), (".parquet", ".pq")
_DELIMITERS = ",;\t"
_SNIFFED_RECORDS, _SNIFFED_CHARACTERS = 50, 100_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RawTable:
    """The cells of a table, before anything is known about them.

    Attributes
    ----------
    names : of the columns, trimmed; "" = unnamed. May repeat.
    columns : as many, each of n cells.
    numbers : (n,) what the user calls each row: as a spreadsheet counts them, with the header in
        row 1, for a file; from 1 in the order in which they came for a database; the position
        from 0 for a frame.
    misaligned : (k,) numbers of further rows, whose cells do not line up with the header.
    source : the file's name without its folder, "table trainees of a PostgreSQL database", or "a
        table in memory".
    index_names : of a frame.
    """

    names: tuple[str, ...]
    columns: tuple[pd.Series[Any], ...]
    numbers: Ints
    misaligned: Ints
    source: str
    index_names: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Rows read, misaligned ones among them."""
        return len(self.numbers) + len(self.misaligned)


def read_table(
    source: str | os.PathLike[str] | pd.DataFrame | Database,
    *,
    sheet: str | None = None,
    encoding: str = "utf-8",
) -> RawTable:
    """Read CSV (comma, semicolon or tab), Excel, Parquet or a database, or take a frame.

    Parameters
    ----------
    source : path, whose ending tells the kind of file; a frame, which is not changed; or a table
        or query of a database.
    sheet : of a workbook; needed where it has several.
    encoding : of a text file.

    Raises
    ------
    DataError : the file is missing, empty, damaged, of an unknown kind or in another encoding; the
        database cannot be reached or refuses, or its driver is missing.
    InputError : an argument does not fit the source.
    """
    if isinstance(source, pd.DataFrame):
        table = _from_frame(source)
    elif isinstance(source, Database):
        table = _from_database(source, sheet)
    elif isinstance(source, str | os.PathLike):
        table = _from_file(Path(source), sheet, encoding)
    else:
        raise InputError(
            f"a {type(source).__name__} is neither a path nor a DataFrame nor a Database",
            where="load_trainees",
            fix="pass the path of a file, a DataFrame, or gm.Database(url, table=...)",
        )
    if table.n_rows == 0:
        raise DataError("there is a header but no row", where=table.source)
    return table


def _from_file(path: Path, sheet: str | None, encoding: str) -> RawTable:
    kind = path.suffix.lower()
    if kind not in (*_TEXT, *_EXCEL, *_PARQUET):
        raise DataError(
            f"files ending in {kind!r} are not read" if kind else "the file's name has no ending",
            where=path.name,
            fix="save it as .csv, .xlsx or .parquet",
        )
    if sheet is not None and kind not in _EXCEL:
        raise InputError(f"a {kind} file has no sheets", where="sheet", fix="leave sheet out")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path), fix="check the path") from None
    except OSError as error:
        raise DataError(
            f"the file cannot be opened: {error.strerror}",
            where=str(path),
            fix="check that it is a file, that you may read it, and that no program locks it",
        ) from None
    if not data.strip():
        raise DataError("the file is empty", where=path.name, fix=_EXPORT_AGAIN)
    if kind in _TEXT:
        return _from_text(_decode(data, encoding, path.name), path.name)
    if kind in _EXCEL:
        return _from_workbook(data, sheet, path.name)
    return _from_parquet(data, path.name)


def _from_frame(frame: pd.DataFrame) -> RawTable:
    if frame.columns.nlevels > 1:
        raise InputError(
            "the columns have several levels",
            where="load_trainees",
            fix="give every column one name",
        )
    return RawTable(
        names=tuple(str(name).strip() for name in frame.columns),
        columns=tuple(frame.iloc[:, i].reset_index(drop=True) for i in range(len(frame.columns))),
        numbers=np.arange(len(frame)),
        misaligned=np.empty(0, dtype=np.int64),
        source="a table in memory",
        index_names=tuple(str(name) for name in frame.index.names if name is not None),
    )


def _from_database(database: Database, sheet: str | None) -> RawTable:
    if sheet is not None:
        raise InputError("a database has no sheets", where="sheet", fix="leave sheet out")
    names, columns = fetch(database)
    return RawTable(
        names=tuple(name.strip() for name in names),
        columns=columns,
        numbers=np.arange(1, len(columns[0]) + 1 if columns else 1),
        misaligned=np.empty(0, dtype=np.int64),
        source=database.source,
    )


# ---------------------------------------------------------------- text


def _decode(data: bytes, encoding: str, name: str) -> str:
    try:
        codec = codecs.lookup(encoding).name
        marked = data.startswith(codecs.BOM_UTF8)
        if marked and not codec.startswith("utf-8"):
            raise DataError(
                f"the file says of itself that it is UTF-8, not {encoding}",
                where=name,
                fix='say encoding="utf-8"',
            )
        text = data.decode("utf-8-sig" if marked else codec)
    except LookupError:
        raise InputError(
            f"there is no text encoding {encoding!r}",
            where="encoding",
            fix='"utf-8", "cp1252" and "utf-16" are common',
        ) from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _wrong_encoding(data, codec, encoding, f"{name}, line {line}") from None
    if "\0" in text:
        raise _wrong_encoding(data, codec, encoding, name)
    return text.removeprefix("\ufeff")


def _wrong_encoding(data: bytes, codec: str, encoding: str, where: str) -> DataError:
    if data.startswith(b"PK\3\4"):
        return DataError("this is a workbook, not text", where=where, fix="rename it to .xlsx")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:200]:
        fix = 'say encoding="utf-16"'
    elif codec == "utf-8":
        fix = 'say encoding="cp1252" (Excel on Windows), or save the file as "CSV UTF-8"'
    else:
        fix = 'say encoding="utf-8"'
    return DataError(f"the file is not text in {encoding}", where=where, fix=fix)


def _from_text(text: str, name: str) -> RawTable:
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.rstrip("\r")) == 5:  # Excel's own mark
        delimiter, text = first[4], rest
    else:
        delimiter = _sniff(text)
    records: list[list[str]] = []
    numbers: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, record in enumerate(reader, start=1):
            if any(cell.strip() for cell in record):
                records.append(record)
                numbers.append(number)
    except csv.Error as error:
        where = f"{name}, after row {numbers[-1] if numbers else 0}"
        if "limit" in str(error):
            raise DataError(
                f"a cell holds more than {csv.field_size_limit():,} characters",
                where=where,
                fix="shorten it, or close the quotation mark that opens it",
            ) from None
        raise DataError(
            "the quotation marks do not match",
            where=where,
            fix='close every quoted cell, and write a quotation mark within one as ""',
        ) from None
    if not records:
        raise DataError("the file is empty", where=name, fix=_EXPORT_AGAIN)
    return _from_records(records, np.array(numbers), name, ragged="refuse")


def _sniff(text: str) -> str:
    """Return the delimiter by which the first rows have as many cells as the header."""
    sample = text[:_SNIFFED_CHARACTERS]

    def fit(delimiter: str) -> tuple[float, int]:
        widths = list(itertools.islice(_widths(sample, delimiter), _SNIFFED_RECORDS))
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(_DELIMITERS, key=fit)


def _widths(sample: str, delimiter: str) -> Iterator[int]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            if record:
                yield len(record)
    except csv.Error:  # the wrong delimiter, or the sample's end
        return


def _from_records(
    records: Sequence[Sequence[Any]], numbers: Ints, name: str, *, ragged: str
) -> RawTable:
    names = tuple("" if cell is None else str(cell).strip() for cell in records[0])
    width = len(names)
    least = max((i + 1 for i, column in enumerate(names) if column), default=0)
    rows: list[Sequence[Any]] = []
    aligned = np.zeros(len(records), dtype=bool)
    for i, record in enumerate(records[1:], start=1):
        aligned[i] = ragged == "pad" or (
            len(record) >= least and not any(cell.strip() for cell in record[width:])
        )
        if aligned[i]:
            rows.append([*record, *[None] * (width - len(record))][:width])
    columns: Iterable[tuple[Any, ...]] = zip(*rows, strict=True) if rows else [()] * width
    kept = numbers[aligned]
    aligned[0] = True
    return RawTable(
        names=names,
        columns=tuple(pd.Series(_objects(column)) for column in columns),
        numbers=kept,
        misaligned=numbers[~aligned],
        source=name,
    )


def _objects(cells: Sequence[Any]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


# ------------------------------------------------- workbooks and Parquet


def _from_workbook(data: bytes, sheet: str | None, name: str) -> RawTable:
    try:
        with warnings.catch_warnings():
            # About styles and validations that a reader of values has no use for.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            with closing(book):
                page = book[_choose_sheet(book.sheetnames, sheet, name)]
                page.reset_dimensions()  # some programs state them wrongly
                cells = enumerate(page.iter_rows(values_only=True), start=1)
                filled = [(i, row) for i, row in cells if not _is_blank(row)]
                to_work_out = has_formulas_to_work_out(data, page._worksheet_path.lstrip("/"))
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        if isinstance(error, DataError | InputError):
            raise
        locked = data.startswith(b"\xd0\xcf\x11\xe0")
        raise DataError(
            "the file cannot be read as an Excel workbook",
            where=name,
            fix="take its password away, or save it as .xlsx"
            if locked
            else "open it in a spreadsheet and save it as .xlsx again",
        ) from None
    if to_work_out:
        raise DataError(
            "the sheet has formulas without a result, whose cells would pass for empty",
            where=name,
            fix="open it in a spreadsheet and save it, which works them out; or save it as CSV",
        )
    if not filled:
        raise DataError("the sheet is empty", where=name, fix=_EXPORT_AGAIN)
    numbers = np.array([i for i, _ in filled])
    return _from_records([row for _, row in filled], numbers, name, ragged="pad")


def _is_blank(row: Iterable[Any]) -> bool:
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in row)


def _choose_sheet(names: Sequence[str], sheet: str | None, source: str) -> str:
    listed = ", ".join(repr(name) for name in names)
    if sheet is None:
        if len(names) == 1:
            return names[0]
        raise InputError(
            f"the workbook has {len(names)} sheets", where=source, fix=f"say sheet= one of {listed}"
        )
    if sheet in names:
        return sheet
    close = difflib.get_close_matches(sheet, names, n=1)
    raise InputError(
        f"there is no sheet {sheet!r}" + (f"; did you mean {close[0]!r}?" if close else ""),
        where=source,
        fix=f"say sheet= one of {listed}",
    )


def _from_parquet(data: bytes, name: str) -> RawTable:
    try:
        table = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data)).read()
        # As floats, which whole numbers beside gaps become, long ids would lose digits.
        frame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    except (pyarrow.ArrowException, ValueError, OSError):
        raise DataError(
            "the file cannot be read as Parquet", where=name, fix="write it again, or use CSV"
        ) from None
    raw = _from_frame(frame)
    return RawTable(
        names=raw.names,
        columns=raw.columns,
        numbers=raw.numbers + 2,
        misaligned=raw.misaligned,
        source=name,
    )
