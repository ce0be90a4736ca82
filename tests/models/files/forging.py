"""Change the files of a model as a stranger would: the checksum is made to fit again."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def seal(folder: Path) -> None:
    """Write a checksum that fits what is in the folder now."""
    files = sorted(
        each.relative_to(folder).as_posix()
        for each in folder.rglob("*")
        if each.is_file() and each.name != "checksum"
    )
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in files
    ]
    (folder / "checksum").write_text("\n".join(lines) + "\n")


def forge_document(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change model.json in place."""
    path = folder / "model.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    seal(folder)


def forge_model(folder: Path, model: Any) -> None:
    """Put something else in the place of the model."""
    forge_document(folder, lambda document: document.update(model=model))


def forge_skops(folder: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> None:
    """Change the last estimator of scikit-learn: its schema, and its arrays, in place."""
    path = max((folder / "estimators").iterdir())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    change(schema, members)
    write_zip(path, {"schema.json": json.dumps(schema).encode(), **members})
    seal(folder)


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())


def nodes(schema: Any, loader: str) -> list[dict[str, Any]]:
    """Return the nodes of a skops schema that are read by a loader."""
    return [each for each in everything(schema) if each.get("__loader__") == loader]


def everything(schema: Any) -> list[dict[str, Any]]:
    """Return every object in a schema."""
    found, todo = [], [schema]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            found.append(part)
            todo += part.values()
        elif isinstance(part, list):
            todo += part
    return found
