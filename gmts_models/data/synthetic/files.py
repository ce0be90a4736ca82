"""Writing synthetic people to files: one table, a folder of tables, or a folder of extracts."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from gmts_models.data.people import People
from gmts_models.data.synthetic.snapshots import simulate_snapshots
from gmts_models.errors import InputError

NOTE_FILE = "SYNTHETIC.md"  # readers of folders leave such a file alone
_NOTE = "Synthetic data: these people were made by gmts_models. No row is a person.\n"
TRAINEES_FILE, SNAPSHOTS_FOLDER = Path("trainees-SYNTHETIC.csv"), Path("snapshots-SYNTHETIC")


def write_people(
    people: People,
    out: Path | None = None,
    *,
    format_: str | None = None,
    snapshots: str | None = None,
    mess: bool = False,
) -> str:
    """Write synthetic people as the command line asks; return what is where, in a sentence.

    Parameters
    ----------
    people : of `simulate_trainees`.
    out : a file for the trainees, or a new or empty folder: what is one, or has no ending.
    format_ : "csv" or "parquet", of the files of a folder.
    snapshots : "month" or "year" for extracts in place of tables.
    mess : see `simulate_snapshots`.

    Raises
    ------
    InputError : the arguments do not go together, or nothing can be written there.
    """
    if format_ not in (None, "csv", "parquet"):
        raise InputError("the format is csv or parquet", where="--format")
    if snapshots not in (None, "month", "year"):
        raise InputError("extracts are of every month or year", where="--snapshots")
    if mess and snapshots is None:
        raise InputError(
            "the mess is that of extracts", where="--mess", fix="add --snapshots month"
        )
    out = out or (SNAPSHOTS_FOLDER if snapshots else TRAINEES_FILE)
    folder = out.is_dir() or not out.suffix
    if not folder and (format_ or snapshots):
        raise InputError(
            "extracts go into a folder" if snapshots else "--format is of the files of a folder",
            where=f"--out {out}",
            fix="give a folder, a name without a dot: --out scheme-SYNTHETIC",
        )
    if not folder:
        write_table(people.trainees, out)
        return f"{len(people):,} synthetic trainees are in {out}."
    if snapshots is None:
        names = write_tables(people, out, format_ or "csv")
        return f"{len(people):,} synthetic trainees and their records are in {out}: {_list(names)}."
    frame = simulate_snapshots(people, every="year" if snapshots == "year" else "month", mess=mess)
    names = write_snapshots(frame, out, format_ or "csv")
    return (
        f"{len(names)} extracts of {len(people):,} synthetic trainees are in {out}: {_list(names)}."
    )


def write_table(frame: pd.DataFrame, out: Path) -> None:
    """Write a frame to a file, in the format that its name says.

    Raises
    ------
    InputError : the name says nothing known, or nothing can be written there.
    """
    writers = {
        ".csv": lambda: frame.to_csv(out, index=False),
        ".xlsx": lambda: frame.to_excel(out, index=False),
        ".parquet": lambda: frame.to_parquet(out, index=False),
    }
    if out.suffix.lower() not in writers:
        raise InputError(
            f"cannot write a {out.suffix or 'nameless'} file",
            where=f"--out {out}",
            fix="end the name in .csv, .xlsx or .parquet, or give a folder: a name without a dot",
        )
    with _told(out):
        writers[out.suffix.lower()]()


def write_tables(people: People, folder: Path, format_: str = "csv") -> list[str]:
    """Write the trainees and every table of records into a folder; return the files' names.

    Parameters
    ----------
    people : with tables or without.
    folder : new or empty.
    format_ : of the files, which are called as the tables: trainees.csv, placements.csv. A table
        without a row, as a census soon after the start leaves them, gets no file.

    Raises
    ------
    InputError : the folder holds something, or cannot be written.
    """
    tables = {"trainees": people.trainees, **people.tables}
    files = {f"{name}.{format_}": frame for name, frame in tables.items() if len(frame)}
    return _write_all(files, folder)


def write_snapshots(frame: pd.DataFrame, folder: Path, format_: str = "csv") -> list[str]:
    """Write extracts into a folder, a file for each date; return the files' names.

    Parameters
    ----------
    frame : of `simulate_snapshots`.
    folder : new or empty.
    format_ : of the files, which are called after their dates: staff_2021-03-31.csv.

    Raises
    ------
    InputError : the folder holds something, or cannot be written.
    """
    by_date = frame.groupby(frame["snapshot_date"].dt.strftime("%Y-%m-%d"), sort=True)
    return _write_all({f"staff_{date}.{format_}": part for date, part in by_date}, folder)


def _write_all(frames: Mapping[str, pd.DataFrame], folder: Path) -> list[str]:
    """Write files, and a note that they are synthetic, into a folder that appears when all are."""
    with _told(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                "the folder is not empty" if folder.is_dir() else "there is a file of this name",
                where=f"--out {folder}",
                fix="give another name, or take away what is there",
            )
        folder = folder.absolute()
        part = folder.parent / f".{folder.name}-{uuid.uuid4().hex[:8]}"
        part.mkdir(parents=True)
        try:
            for name, frame in frames.items():
                write_table(frame, part / name)
            (part / NOTE_FILE).write_text(_NOTE, encoding="utf-8")
            if folder.exists():
                for each in part.iterdir():
                    each.rename(folder / each.name)
            else:
                part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return list(frames)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror}", where=f"--out {out}") from error


def _list(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{names[0]} to {names[-1]}"
