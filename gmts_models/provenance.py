"""What has to be known to make a result again: versions, commit, fingerprint of the data."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd

PACKAGES = (
    "gmts_models",
    "joblib",
    "lifelines",
    "mlflow",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """The commit checked out, None outside a checkout; and whether files differ from it."""

    commit: str | None
    dirty: bool


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that make the numbers."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_state(folder: Path) -> GitState:
    """Return the state of the checkout that holds `folder`."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return GitState(commit=None, dirty=False)
    return GitState(commit=commit, dirty=bool(_git(folder, "status", "--porcelain")))


def fingerprint(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a frame's columns and all of its values, as 64 hex digits.

    It does not depend on the index, nor on how missing values are stored.
    """
    digest = hashlib.sha256()
    for name in sorted(frame.columns, key=str):
        column = frame[name]
        digest.update(str(name).encode() + b"\0")
        if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
            column = column.astype("string")
        values = pd.util.hash_pandas_object(column, index=False).to_numpy()
        digest.update(values.astype("<u8").tobytes())
    return digest.hexdigest()


def fingerprint_people(trainees: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return one fingerprint of the trainees and all tables beside them.

    Without such tables it is that of the trainees.
    """
    own = fingerprint(trainees)
    if not tables:
        return own
    parts = [own, *(f"{name} {fingerprint(tables[name])}" for name in sorted(tables))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
