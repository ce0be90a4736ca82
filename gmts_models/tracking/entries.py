"""What is written to MLflow of a run: names, metrics, parameters and tags. No MLflow here.

Names, stated once:

- ``brier.12m`` is the Brier score at 12 months, of all; ``brier.12m/health_informatics`` of one
  specialism. ``c_index`` has no horizon.
- ``across_months/brier`` is the same score as a series, its step the horizon in months.
- ``retention.12m`` and ``retention.12m/finance`` are retention at a horizon;
  ``retention/finance`` is the curve, its step the month. ``left_at_start`` is the share that
  left on completing the scheme, where the clock starts then.

A suppressed value is not written. MLflow allows letters, digits and ``_ - . / : space``.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from gmts_models.run_record import ModelRecord, RunRecord
from gmts_models.tracking import notes
from gmts_models.tracking.notes import ALL
from gmts_models.tracking.runs import Row, RunFolder, file_name, number, rows_text
from gmts_models.tracking.trials import TABLE, trial_scores, trial_table

KEY_TAG = "gmts.run_key"
MODEL_TAG = "gmts.model"
_LONGEST_VALUE = 500
_LONGEST_TAG = 5000
# In the configuration file, which is shared whole: a person's own labels make poor parameters.
_NOT_A_PARAMETER = (
    "models",
    *(f"data.{part}" for part in ("columns", "labels", "attributes", "query", "tables")),
    "tracking",
    "jobs",
)
_LEADERBOARD = {  # column: metric
    "mean_brier": "mean_brier",
    "mean_ipa": "mean_ipa",
    "mean_auc": "mean_auc",
    "difference": "mean_brier_difference",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value of a metric."""

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run as MLflow is to have it.

    Attributes
    ----------
    name : what the list of runs shows.
    tags, params : key: value, as text.
    points : metrics.
    files : relative to the run folder.
    texts : further files, by their path in the run: what is in them.
    start, end : milliseconds since 1970.
    """

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    points: tuple[Point, ...]
    files: tuple[PurePosixPath, ...]
    start: int
    end: int
    texts: dict[str, str] = field(default_factory=dict)


def execution_entry(folder: RunFolder) -> Entry:
    """Return the parent: one execution of a configuration."""
    record = folder.record
    slugs = group_slugs(folder)
    start = _milliseconds(record.created)
    return Entry(
        name=short_name(record),
        tags=_common_tags(record)
        | {
            "gmts.run_folder": record.run_name,
            "gmts.format": str(record.format),
            "gmts.config_sha256": record.config_sha256,
            "mlflow.note.content": notes.run_note(folder),
        }
        | _versions(record),
        params=_flat_params(folder.config)
        | {f"count.{_legal(name).replace(' ', '_')}": str(n) for name, n in _shown_counts(record)},
        points=(
            *_retention_points(folder.tables["retention"], slugs),
            *_curve_points(folder.tables.get("curves", []), slugs),
            *_atom_points(record, slugs),
            Point(key="seconds", value=record.seconds),
        ),
        files=folder.shared,
        start=start,
        end=start + round(1000 * record.seconds),
    )


def model_entry(folder: RunFolder, model: ModelRecord) -> Entry:
    """Return a child: one model of the execution."""
    record = folder.record
    # Lists show the latest first; one millisecond apart, models keep their order.
    start = _milliseconds(record.created) + len(record.models) - record.models.index(model)
    scores = [row for row in folder.tables["scores"] if row.get("model") == model.name]
    ranks = [row for row in folder.tables.get("leaderboard", []) if row["model"] == model.name]
    verdict = {"gmts.verdict": ranks[0]["verdict"]} if ranks and ranks[0].get("verdict") else {}
    seconds = () if model.seconds is None else (Point(key="seconds", value=model.seconds),)
    trials = [row for row in folder.tables.get(TABLE, []) if row["model"] == model.name]
    return Entry(
        name=model.name,
        tags=_common_tags(record)
        | {MODEL_TAG: model.name, "gmts.kind": model.kind}
        | {"mlflow.note.content": notes.model_note(folder, model)}
        | verdict,
        params={"kind": model.kind} | flatten(model.params),
        points=(
            *_score_points(scores, group_slugs(folder)),
            *_rank_points(ranks),
            *_trial_points(trials),
            *seconds,
        ),
        files=tuple(
            name
            for name in folder.shared
            if name.stem
            in {f"{of}_{model.name}" for of in ("coefficients", "calibration", "groups")}
        ),
        start=start,
        end=start + round(1000 * (model.seconds or 0.0)),
        texts=({f"tables/{TABLE}.csv": trial_table(trials)} if trials else {})
        | _own_rows(folder, model.name),
    )


def _own_rows(folder: RunFolder, model: str) -> dict[str, str]:
    """Return the rows of a model in the tables of groups that borrow strength."""
    parts = {
        name: [row for row in folder.tables.get(name, []) if row["model"] == model]
        for name in ("groups", "group_spread", "ranks")
    }
    return {f"tables/{name}.csv": rows_text(rows) for name, rows in parts.items() if rows}


def short_name(record: RunRecord) -> str:
    """Return the run's name without the experiment's: MLflow's lists cut names at 14 letters."""
    name = "-".join(record.experiment.lower().split())
    return record.run_name.removeprefix(f"{name}-") or record.run_name


def group_slugs(folder: RunFolder) -> dict[str, str]:
    """Return a name for each group that is legal in a metric; "All" has none.

    Different groups have different names: a second one with the same letters gets a number.
    """
    slugs: dict[str, str] = {}
    for table in ("retention", "curves", "scores"):
        for row in folder.tables.get(table, []):
            group = row.get("group", "")
            if group not in ("", ALL) and group not in slugs:
                slugs[group] = _free_slug(group, {"all", *slugs.values()})
    return slugs


def _free_slug(group: str, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", group).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:80] or "group"
    numbered = (f"{slug}_{i}" for i in itertools.count(2))
    return next(name for name in itertools.chain([slug], numbered) if name not in taken)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as ``outer.inner``: text; what is not set is left out."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{_legal(key)}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        elif isinstance(value, list | tuple):
            flat[name] = ", ".join(_text(item) for item in value)[:_LONGEST_VALUE]
        elif value is not None:
            flat[name] = _text(value)[:_LONGEST_VALUE]
    return flat


def _text(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _flat_params(config: dict[str, Any]) -> dict[str, str]:
    return {
        key: value
        for key, value in flatten(config).items()
        if value and not any(key == name or key.startswith(f"{name}.") for name in _NOT_A_PARAMETER)
    }


def _legal(name: object) -> str:
    return re.sub(r"[^\w.\- ]", "_", str(name), flags=re.ASCII)[:200]


def _months(months: float) -> str:
    return f"{months:g}m"


def _key(score: str, months: float, slug: str | None) -> str:
    name = score if math.isnan(months) else f"{score}.{_months(months)}"
    return f"{name}/{slug}" if slug else name


def _points(points: Iterable[Point]) -> tuple[Point, ...]:
    """Drop what is suppressed or could not be estimated; round to what a list can show."""
    return tuple(
        replace(point, value=float(f"{point.value:.6g}"))
        for point in points
        if math.isfinite(point.value)
    )


def _retention_points(rows: list[Row], slugs: dict[str, str]) -> tuple[Point, ...]:
    return _points(
        Point(
            key=_key("retention", number(row, "horizon_months"), slugs.get(row["group"])),
            value=number(row, "retention"),
        )
        for row in rows
    )


def _curve_points(rows: list[Row], slugs: dict[str, str]) -> tuple[Point, ...]:
    return _points(
        Point(
            key=f"retention/{slugs.get(row['group'], 'all')}",
            value=number(row, "retention"),
            step=round(number(row, "months")),
        )
        for row in rows
        # Steps are whole numbers: a value between two months belongs to neither.
        if number(row, "months").is_integer()
    )


def _atom_points(record: RunRecord, slugs: dict[str, str]) -> tuple[Point, ...]:
    """Return who left at the very start of the clock, which no curve shows."""
    return _points(
        Point(key=_key("left_at_start", math.nan, slugs.get(atom.group)), value=atom.share)
        for atom in record.atoms
        if atom.share is not None
    )


def _score_points(rows: list[Row], slugs: dict[str, str]) -> tuple[Point, ...]:
    points: list[Point] = []
    for row in rows:
        months, value = number(row, "horizon_months"), number(row, "estimate")
        points.append(Point(key=_key(row["score"], months, slugs.get(row["group"])), value=value))
        if row["group"] == ALL and months.is_integer():
            points.append(
                Point(key=f"across_months/{row['score']}", value=value, step=round(months))
            )
    return _points(points)


def _rank_points(rows: list[Row]) -> tuple[Point, ...]:
    return _points(
        Point(key=key, value=number(row, column))
        for row in rows
        for column, key in _LEADERBOARD.items()
    )


def _trial_points(rows: list[Row]) -> tuple[Point, ...]:
    """Return how good each trial of a search was, by its number."""
    return _points(
        Point(key=f"tuning.{_legal(score)}", value=value, step=trial)
        for score, trial, value in trial_scores(rows)
    )


def _common_tags(record: RunRecord) -> dict[str, str]:
    """Return the tags of parent and children; MLflow's own user and source say nothing personal."""
    tags = {
        KEY_TAG: record.run_key,
        "gmts.run": short_name(record),
        "gmts.endpoint": record.endpoint,
        "gmts.at": ", ".join(map(str, record.landmarks)) or record.at,
        "gmts.synthetic": str(record.synthetic).lower(),
        "gmts.data_sha256": record.data_sha256,
        "gmts.scheme": record.scheme,
        "gmts.git_dirty": "true" if record.git_dirty else "",
        "mlflow.user": "gmts_models",
        "mlflow.source.name": "gmts_models",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": record.git_commit or "",
    }
    return {key: value[:_LONGEST_TAG] for key, value in tags.items() if value}


def _versions(record: RunRecord) -> dict[str, str]:
    return {f"gmts.version.{_legal(name)}": text for name, text in record.versions.items() if text}


def _shown_counts(record: RunRecord) -> list[tuple[str, int]]:
    return [
        (name, count)
        for name, count in record.counts.items()
        if count is not None and (count == 0 or count >= record.threshold)
    ]


def source_text(record: RunRecord) -> str:
    """Return where the data come from, without the folders of this machine."""
    source = record.source or ("synthetic" if record.synthetic else "file")
    absolute = PureWindowsPath(source).is_absolute() or PurePosixPath(source).is_absolute()
    return file_name(source) if absolute else source


def _milliseconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(1000 * aware.timestamp())
