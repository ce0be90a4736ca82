"""A run folder as the tracker reads it: what may be shared, and a last check that it may."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gmts_models.config.places import dialect_of
from gmts_models.data.contract.columns import TRAINEES
from gmts_models.errors import DataError, InputError
from gmts_models.run_record import FILE, RunRecord, read_record
from gmts_models.tracking.client import hide_password

_NEEDED = ("config.yaml", "tables/retention.csv", "tables/scores.csv")
_SHARED = (("", "report.html"), ("tables", "*.csv"), ("figures", "*.png"))
# private/ is not in this list, nor is anything else that a folder may hold one day.
_PEOPLE_COUNTS = ("n", "at_risk")
_UNFINISHED = (".tmp", ".partial", ".part")

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """A complete run folder.

    Attributes
    ----------
    path : absolute path.
    record : what run.json says.
    config : the resolved configuration, without paths of this machine and passwords.
    tables : name without ``.csv``: its rows, cells as text, "" where suppressed.
    shared : files that may be shared, relative to `path`; the configuration is not among them,
        since it is shared without paths and passwords.
    """

    path: Path
    record: RunRecord
    config: dict[str, Any]
    tables: dict[str, list[Row]]
    shared: tuple[PurePosixPath, ...]

    def config_text(self) -> str:
        """Return the configuration that may be shared, as YAML."""
        text = io.StringIO()
        yaml = YAML()  # keeps the order; the plain values below are all it ever sees
        yaml.default_flow_style = False
        yaml.dump(self.config, text)
        return text.getvalue()

    def digest(self) -> str:
        """Return the SHA-256 of everything that is shared."""
        total = hashlib.sha256(self.config_text().encode())
        for name in self.shared:
            total.update(f"\0{name}\0".encode())
            total.update((self.path / name).read_bytes())
        return total.hexdigest()


def read_run_folder(path: Path) -> RunFolder:
    """Read a run folder and check that what is shared of it may be.

    Raises
    ------
    InputError : there is no such folder, or it is not a run folder.
    DataError : the run is unfinished or damaged, was written by a newer version, or a table
        holds a count that should have been suppressed or a column that names people.
    """
    path = Path(path).absolute()
    if not path.is_dir():
        raise InputError("there is no such run folder", where=str(path))
    record = _read_record(path)
    for name in _NEEDED:
        if not (path / name).is_file():
            raise _unfinished(path, f"{name} is missing")
    shared = tuple(_find_shared(path))
    tables = {
        name.stem: _read_table(path / name, record.threshold)
        for name in shared
        if name.suffix == ".csv"
    }
    _check_report(path / "report.html")
    return RunFolder(
        path=path, record=record, config=_read_config(path), tables=tables, shared=shared
    )


def number(row: Row, column: str) -> float:
    """Return a cell as a number; NaN where it is suppressed, missing or infinite."""
    text = row.get(column) or ""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        raise DataError(f"a cell of column {column} is not a number", where=column) from None
    return value if math.isfinite(value) else math.nan


def rows_text(rows: Sequence[Row]) -> str:
    """Return rows of one table, at least one, as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read_record(path: Path) -> RunRecord:
    if path.name.startswith(".") or path.name.endswith(_UNFINISHED):
        raise _unfinished(path, "it still has its temporary name")
    if not (path / FILE).is_file() and any((path / name).exists() for name in _NEEDED):
        raise _unfinished(path, f"{FILE} is missing")
    return read_record(path)


def _unfinished(path: Path, why: str) -> DataError:
    return DataError(
        f"the run is unfinished or damaged: {why}", where=str(path), fix="run it again"
    )


def _find_shared(path: Path) -> Iterator[PurePosixPath]:
    for folder, pattern in _SHARED:
        for file in sorted((path / folder).glob(pattern)):
            # A link could lead to the private folder.
            if file.is_file() and not file.is_symlink():
                yield PurePosixPath(folder, file.name)


def _read_table(file: Path, threshold: int) -> list[Row]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            columns = tuple(reader.fieldnames or ())
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error):
        raise DataError("a table is not a CSV file in UTF-8", where=str(file)) from None
    identifiers = {column.name for column in TRAINEES if column.kind == "id"}
    if named := sorted(identifiers & set(columns)):
        raise DataError(
            f"a table to be shared has a column that names people: {', '.join(named)}",
            where=str(file),
            fix="this is a defect of what wrote the table: report it, and share nothing of it",
        )
    for column in set(_PEOPLE_COUNTS) & set(columns):
        small = sum(0 < number(row, column) < threshold for row in rows)
        if small:
            raise DataError(
                f"{small} counts under the threshold of {threshold} are not suppressed",
                where=f"{file}, column {column}",
                fix="this is a defect of what wrote the table: report it, and share nothing of it",
            )
    return rows


def _check_report(file: Path) -> None:
    if file.is_file() and b"<script" in file.read_bytes().lower():
        raise DataError(
            "the report holds a script, which the MLflow page would run",
            where=str(file),
            fix="write it again: gmts-models report",
        )


def _read_config(path: Path) -> dict[str, Any]:
    file = path / "config.yaml"
    try:
        config = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError):
        raise _unfinished(path, "config.yaml is not valid YAML") from None
    if not isinstance(config, dict):
        raise _unfinished(path, "config.yaml holds no settings")
    return _without_places(config)


def _without_places(config: dict[str, Any]) -> dict[str, Any]:
    """Reduce paths to file names, which hold no user's name, and addresses to what may be seen."""
    shared = {key: value for key, value in config.items() if key != "store"}
    if isinstance(data := shared.get("data"), dict):
        shared["data"] = _without_place(data)
        if isinstance(tables := data.get("tables"), dict):
            shared["data"]["tables"] = {name: _without_place(each) for name, each in tables.items()}
    if isinstance(tracking := shared.get("tracking"), dict) and tracking.get("uri"):
        shared["tracking"] = tracking | {"uri": hide_password(str(tracking["uri"]))}
    return shared


def _without_place(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    path = {"path": file_name(str(data["path"]))} if data.get("path") else {}
    url = {"url": dialect_of(str(data["url"]))} if data.get("url") else {}
    return data | path | url


def file_name(path: str) -> str:
    """Return the last part of a path of any system."""
    return PureWindowsPath(path).name or PurePosixPath(path).name
