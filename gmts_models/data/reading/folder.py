"""The tables of a folder or a workbook, found by their names.

A file or sheet called as a table of the contract is that table; case, spaces, underscores and
hyphens make no difference. Others are left alone, unless their name is almost that of a table.
"""

from __future__ import annotations

import difflib
import io
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from gmts_models.data.checking.names import LIKELY, fold_name
from gmts_models.data.contract.tables import TABLE_NAMES
from gmts_models.errors import DataError

WORKBOOKS = (".xlsx", ".xlsm")
ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", *WORKBOOKS)
_NOT_DATA = (".", "~$", "readme")  # hidden files, marks of open workbooks, words to the reader
_FOLDED = {fold_name(name): name for name in TABLE_NAMES}


def find_files(folder: Path) -> dict[str, Path]:
    """Find the files of a folder that are tables.

    Parameters
    ----------
    folder : what it holds is looked at, not what its own folders hold.

    Returns
    -------
    Table -> path.

    Raises
    ------
    DataError : two files are one table, a name is almost that of a table, or the folder cannot be
        listed.
    """
    names = {path.name: path.stem for path in data_files(folder)}
    found = _by_table(names, f"the folder {folder.name}")
    return {table: folder / name for table, name in found.items()}


def find_beside(path: Path, table: str) -> Path | None:
    """Find one table in the folder of a file; None where there is none.

    Raises
    ------
    DataError : two files are that table, or the folder cannot be listed.
    """
    files = data_files(path.parent)
    names = {each.name: each.stem for each in files if _FOLDED.get(fold_name(each.stem)) == table}
    found = _by_table(names, f"the folder of {path.name}")
    return path.parent / found[table] if table in found else None


def find_sheets(path: Path) -> dict[str, str]:
    """Find the sheets of a workbook that are tables.

    Returns
    -------
    Table -> sheet; nothing where the file is no workbook that can be read, which reading it tells.

    Raises
    ------
    DataError : two sheets are one table, or beside a table of trainees a name is almost that of
        a table.
    """
    names = _sheet_names(path)
    if "trainees" not in map(fold_name, names):
        return {}
    return _by_table({name: name for name in names}, path.name)


def find_sheet(path: Path, table: str) -> str | None:
    """Return the sheet of a workbook that is called as a table; None where there is none."""
    alike = [name for name in _sheet_names(path) if _FOLDED.get(fold_name(name)) == table]
    return alike[0] if len(alike) == 1 else None


def is_workbook(path: Path) -> bool:
    """Whether a file's name says that it is a workbook."""
    return path.suffix.lower() in WORKBOOKS


def data_files(folder: Path) -> list[Path]:
    """Return the files of a folder that may be tables, by name.

    Raises
    ------
    DataError : the folder cannot be listed.
    """
    try:
        paths = sorted(each for each in folder.iterdir() if each.is_file())
    except OSError as error:
        raise DataError(
            f"the folder cannot be listed: {error.strerror}",
            where=str(folder),
            fix="check the path, and that you may read it",
        ) from None
    return [
        path
        for path in paths
        if path.suffix.lower() in ENDINGS and not path.name.casefold().startswith(_NOT_DATA)
    ]


def _sheet_names(path: Path) -> Sequence[str]:
    if not is_workbook(path):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True)
            with closing(book):
                return list(book.sheetnames)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        return []


def _by_table(names: Mapping[str, str], where: str) -> dict[str, str]:
    """Return table -> name, of names with what of them tells the table."""
    found: dict[str, str] = {}
    for name, told in names.items():
        table = _FOLDED.get(fold_name(told))
        if table is None:
            _refuse_lookalike(name, fold_name(told), where)
        elif table in found:
            raise DataError(
                f"{found[table]!r} and {name!r} are both the table of {table}",
                where=where,
                fix="keep one; rename the other, or take it away",
            )
        else:
            found[table] = name
    return found


def _refuse_lookalike(name: str, told: str, where: str) -> None:
    if close := difflib.get_close_matches(told, _FOLDED, n=1, cutoff=LIKELY):
        raise DataError(
            f"{name!r} is almost the name of a table; did you mean {_FOLDED[close[0]]!r}?",
            where=where,
            fix="rename it: to the table's name, or to one that is less like it",
        )
