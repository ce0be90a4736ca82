"""``run.json``: what a run says of itself. One definition for who writes it and who reads it."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gmts_models.disclosure import DEFAULT_THRESHOLD
from gmts_models.errors import DataError, InputError

FORMAT = 1
"""Of the run folder; a reader refuses a newer one."""
FILE = "run.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Record(BaseModel):
    # Open: a later version may write more than this one reads.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class ModelRecord(_Record):
    """A model of the run, with its settings and the seconds that all its fits took."""

    name: Annotated[str, Field(pattern=r"^[\w-]+$")]
    kind: str = ""
    params: dict[str, Any] = {}
    seconds: float | None = None


class AtomRecord(_Record):
    """The share of a group of n that left exactly when the clock started; None = suppressed."""

    group: str
    share: float | None = None
    n: int | None = None


class RunRecord(_Record):
    """What ``run.json`` holds; counts in it have passed disclosure control (None = suppressed)."""

    format: Annotated[int, Field(ge=1, le=FORMAT)] = FORMAT
    run_name: Annotated[str, Field(min_length=1)]
    run_key: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    experiment: Annotated[str, Field(min_length=1)]
    question: str = ""
    command: str = "gmts-models run config.yaml"
    created: datetime
    seconds: float = 0.0
    synthetic: bool
    source: str = ""
    leaving: str = "leaving"
    endpoint: str
    at: str = "start"
    """The prediction date: "start", months since the start, a day, or "scheme_end"."""
    landmarks: tuple[int, ...] = ()
    """Several prediction dates, in months since the start; empty = the one of `at`."""
    horizons: tuple[float, ...]
    features: tuple[str, ...] = ()
    census_date: date | None = None
    resolution: str = "unknown"
    """How finely times are told: day, month or year."""
    scheme: str = ""
    bootstrap: int | None = None
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    reference: str | None = None
    threshold: Annotated[int, Field(ge=1)] = DEFAULT_THRESHOLD
    seed: int | None = None
    config_sha256: Sha256
    data_sha256: Sha256
    git_commit: str | None = None
    git_dirty: bool | None = None
    versions: dict[str, str] = {}
    counts: dict[str, int | None] = {}
    atoms: tuple[AtomRecord, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def event_words(self) -> str:
        """What is counted, to stand after "without"."""
        return event_words(self.endpoint, self.leaving)


def event_words(endpoint: str, leaving: str) -> str:
    """Return what counts as the event of an endpoint, to stand after "without" or "not"."""
    if endpoint == "left_scheme":
        return "withdrawing from the scheme"
    return f"{leaving} after completing the scheme" if endpoint == "post_scheme" else leaving


def write_record(record: RunRecord, folder: Path) -> None:
    """Write ``run.json`` into a folder."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> RunRecord:
    """Read ``run.json`` of a run folder.

    Raises
    ------
    InputError : the folder is not there, or is no run folder.
    DataError : the record is damaged, or of a newer version.
    """
    file = folder / FILE
    if not file.is_file():
        raise InputError(
            f"there is no finished run here: no {FILE}",
            where=str(folder),
            fix="run folders are in the store: gmts_store/runs/<run>",
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise _damaged(f"{FILE} is not valid JSON", file) from None
    written = content.get("format") if isinstance(content, dict) else None
    if isinstance(written, int) and written > FORMAT:
        raise DataError(
            f"the run folder has format {written}; this version reads up to {FORMAT}",
            where=str(file),
            fix="pip install --upgrade gmts-models",
        )
    try:
        return RunRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise _damaged(f"{FILE} is damaged: {key}: {first['msg']}", file) from None


def _damaged(what: str, file: Path) -> DataError:
    return DataError(what, where=str(file), fix="run the experiment again")
