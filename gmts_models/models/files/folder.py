"""The folder of a model: written whole or not at all, and read only where nothing was changed.

``checksum`` has a line a file, as ``sha256sum`` writes and checks it. It finds damage and
accidents; whoever can change a file can change the checksum too.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gmts_models.errors import DataError, InputError
from gmts_models.models.files.arrays import AS_SAVED

MODEL, ARRAYS, CHECKSUM = "model.json", "arrays.npz", "checksum"

MOST_BYTES = 2**31
"""Largest file that is read."""

_FILE = re.compile(r"model\.json|arrays\.npz|estimators/\d{1,6}\.skops", re.ASCII)
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)", re.ASCII)


def write_folder(folder: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> Path:
    """Write the files of a model and their checksum under a temporary name, then rename.

    Raises
    ------
    InputError : there is something of that name, and `overwrite` is False or it is no model.
    DataError : the folder cannot be written.
    """
    if (there := os.path.lexists(folder)) and not overwrite:
        raise InputError(
            "there is something of this name already",
            where=str(folder),
            fix="choose another name, or say overwrite=True",
        )
    if there and not (is_model_folder(folder) and not folder.is_symlink()):
        raise InputError(
            "what is there is no model, and is not overwritten",
            where=str(folder),
            fix="choose another name",
        )
    building = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".building-{folder.name}-"))
        building = aside / "new"
        building.mkdir()
        for name, content in {**files, CHECKSUM: _checksum(files)}.items():
            _write_file(building / name, content)
        _flush_folder(building)
        _put(building, folder, aside / "old" if there else None)
        _flush_folder(folder.parent)
    except OSError as error:
        raise DataError(
            f"the model cannot be written: {error.strerror}",
            where=str(folder),
            fix="choose another folder, and see that the disc has room",
        ) from error
    finally:
        if building is not None:
            shutil.rmtree(building.parent, ignore_errors=True)
    return folder


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a model, each as the checksum says.

    Nothing else in the folder is read. Each file is read once, so that what was checked is what is
    used.

    Raises
    ------
    DataError : there is no model, or a file is missing, changed, too large or no file.
    """
    if not folder.is_dir():
        raise DataError(
            "there is no such folder", where=str(folder), fix="give the folder of save_model"
        )
    if not is_model_folder(folder):
        raise DataError(
            f"the folder holds no model: it has no {MODEL} or no {CHECKSUM}",
            where=str(folder),
            fix="give the folder of save_model",
        )
    listed = _read_checksum(_read_file(folder, CHECKSUM), folder)
    files = {}
    for name, digest in listed.items():
        content = _read_file(folder, name)
        if hashlib.sha256(content).hexdigest() != digest:
            raise DataError(
                f"{name} is not as it was saved: its checksum differs",
                where=str(folder),
                fix=AS_SAVED,
            )
        files[name] = content
    return files


def is_model_folder(folder: Path) -> bool:
    """Tell whether a folder looks like a model's."""
    return all(os.path.lexists(folder / name) for name in (MODEL, CHECKSUM))


def _checksum(files: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return "".join(lines).encode()


def _read_checksum(content: bytes, folder: Path) -> dict[str, str]:
    listed: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").split("\n")[:-1]:
        found = _LINE.fullmatch(line)
        if not found or not _FILE.fullmatch(found[2]) or found[2] in listed:
            raise _bad_checksum(folder)
        listed[found[2]] = found[1]
    if not {MODEL, ARRAYS} <= listed.keys() or not content.endswith(b"\n"):
        raise _bad_checksum(folder)
    return listed


def _bad_checksum(folder: Path) -> DataError:
    return DataError(
        "the file checksum is not as it was saved", where=str(folder / CHECKSUM), fix=AS_SAVED
    )


def _read_file(folder: Path, name: str) -> bytes:
    """Return the bytes of a plain file, without following links out of the folder."""
    path = folder / name
    inside = [folder / part for part in Path(name).parents if part.name] + [path]
    try:
        if any(each.is_symlink() for each in inside):
            raise DataError(f"{name} is a link, and is not followed", where=str(folder))
        # Not blocking, so that a pipe of that name does not wait for a writer.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
                raise DataError(f"{name} is no file, or too large to read", where=str(folder))
            return file.read(MOST_BYTES)
    except OSError as error:
        raise DataError(
            f"{name} cannot be read: {error.strerror}", where=str(folder), fix=AS_SAVED
        ) from None


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Have the names in a folder written to the disc, where the system knows how."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(building: Path, folder: Path, aside: Path | None) -> None:
    """Give the folder its name; what had it is put back where that fails."""
    if aside is not None:
        folder.rename(aside)
    try:
        building.rename(folder)
    except OSError:
        if aside is not None:
            aside.rename(folder)
        raise
