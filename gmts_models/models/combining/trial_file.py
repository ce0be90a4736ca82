"""Finished trials on disc, so that a search that was stopped goes on.

A folder holds a file for each search, whose name is a digest of all that the scores depend on:
the training data, the estimator and its parameters, the folds and the score. So folds of an outer
cross-validation that search at once never share a file. A file has a line of JSON for each trial,
appended whole; a line that a kill cut short is passed over. No row of people is in it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.combining.trials import Trial, params_text
from gmts_models.models.protocol import TrainingRows
from gmts_models.provenance import fingerprint, package_versions


class TrialFile:
    """The finished trials of one search; of none, where there is no file.

    Parameters
    ----------
    folder : where files are; None = nowhere.
    rows, estimator, settings : what the scores depend on.

    Raises
    ------
    InputError : the folder cannot be written or read.
    """

    def __init__(
        self, folder: Any, rows: TrainingRows, estimator: Any, settings: Mapping[str, Any]
    ) -> None:
        self._path: Path | None = None
        self._done: dict[str, Trial] = {}
        if folder is None:
            return
        place = Path(folder)
        self._path = place / f"{_digest(rows, estimator, settings)[:32]}.jsonl"
        try:
            place.mkdir(parents=True, exist_ok=True)
            self._done = _read(self._path) if self._path.exists() else {}
        except OSError as error:
            raise _not_usable(folder, error) from error

    def get(self, params: Mapping[str, Any]) -> Trial | None:
        """Return a finished trial of these parameters."""
        return self._done.get(params_text(params))

    def add(self, trial: Trial) -> None:
        """Keep a finished trial, on disc too."""
        text = params_text(trial.params)
        self._done[text] = trial
        if self._path is None:
            return
        line = json.dumps(
            {
                "params": text,
                "scores": [[_number(score) for score in fold] for fold in trial.scores],
                "seconds": round(trial.seconds, 3),
                "error": trial.error,
            },
            ensure_ascii=False,
        )
        try:
            _append(self._path, f"{line}\n".encode())
        except OSError as error:
            raise _not_usable(self._path, error) from error


def _append(path: Path, line: bytes) -> None:
    """Append a line in one write; where a kill cut the last one short, on a line of its own."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        if size:
            os.lseek(file, size - 1, os.SEEK_SET)
            line = line if os.read(file, 1) == b"\n" else b"\n" + line
        os.write(file, line)
        os.fsync(file)
    finally:
        os.close(file)


def _read(path: Path) -> dict[str, Trial]:
    done: dict[str, Trial] = {}
    for line in path.read_bytes().splitlines():
        try:
            content = json.loads(line)
            trial = Trial(
                params=json.loads(content["params"]),
                scores=tuple(tuple(map(_score, fold)) for fold in content["scores"]),
                seconds=float(content["seconds"]),
                error=None if content["error"] is None else str(content["error"]),
            )
        except (ValueError, KeyError, TypeError):
            continue
        if bool(trial.scores) != (trial.error is not None):
            done.setdefault(params_text(trial.params), trial)
    return done


def _number(score: float) -> float | None:
    return score if math.isfinite(score) else None


def _score(number: float | None) -> float:
    return math.nan if number is None else float(number)


def _digest(rows: TrainingRows, estimator: Any, settings: Mapping[str, Any]) -> str:
    y = rows.y
    outcome = pd.DataFrame(
        {"entry": y.entry, "exit": y.exit, "event": y.event, "person": y.people}
        | ({} if rows.weight is None else {"weight": rows.weight})
    )
    versions = package_versions()
    content = {
        "X": fingerprint(rows.X),
        "columns": [str(name) for name in rows.X],
        "y": fingerprint(outcome),
        "causes": y.causes,
        "estimator": _describe(estimator),
        "settings": _describe(settings),
        "versions": [versions.get(name) for name in ("gmts_models", "scikit-learn")],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _describe(value: Any) -> Any:
    """Return a value as JSON holds it; models by their class and parameters."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        kind = type(value)
        params = value.get_params(deep=False)
        return [f"{kind.__module__}.{kind.__qualname__}", _describe(params)]
    if isinstance(value, Mapping):
        return {str(key): _describe(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_describe(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _not_usable(path: Any, error: OSError) -> InputError:
    return InputError(
        f"trials cannot be kept there: {error.strerror}",
        where=f"Tuned(resume=...), {path}",
        fix="name a folder that can be written",
    )
