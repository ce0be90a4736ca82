"""A small run folder as an experiment writes it: suppressed cells, and a private folder."""

from __future__ import annotations

import csv
import json
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Stands for everything that must never leave the private folder.
CANARY = "TRAINEE-CANARY-90210"
RUN_KEY = "0123456789abcdef0123456789abcdef"
GROUPS = (
    "All",
    "Finance",
    "General Management",
    "Health Analysis",
    "Health Informatics",
    "Human Resources",
    "Policy and Strategy",
)
SMALL_GROUP = "Policy and Strategy"
HORIZONS = (12, 24, 36, 60)
TRIALS = ((0.1, 0.115, 1.5, ""), (1, 0.1125, 1.4, ""), (-1, "", 0.1, "no maximum, fold 2"))
MODELS = ("kaplan_meier", "cox", "weibull_aft", "logistic", "hist_gradient_boosting")


def write_run_folder(
    folder: Path, *, models: Iterable[str] = MODELS[:2], last_month: int = 60, **changes: Any
) -> Path:
    """Write the folder; `changes` replace keys of run.json."""
    models = tuple(models)
    for name in ("tables", "figures", "private"):
        (folder / name).mkdir(parents=True)
    record = _record(models) | changes
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "config.yaml").write_text(_config(models), encoding="utf-8")
    (folder / "report.html").write_text(
        "<!doctype html><title>Report</title><p>ok", encoding="utf-8"
    )
    _write_tables(folder / "tables", models, last_month)
    own = [f"calibration_{model}" for model in models]
    for name in ("retention", "leaderboard", "groups_cox", *own):
        (folder / "figures" / f"{name}.png").write_bytes(_png())
    (folder / "private" / "predictions.csv").write_text(
        f"trainee_id,risk\n{CANARY},0.5\n", encoding="utf-8"
    )
    return folder


def write_csv(file: Path, head: str, rows: Iterable[Iterable[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(head.split(","))
        writer.writerows(rows)


def _record(models: tuple[str, ...]) -> dict[str, Any]:
    return {
        "format": 1,
        "run_name": "gmts-20261124-101530-3fa2",
        "run_key": RUN_KEY,
        "experiment": "gmts",
        "question": "Who stays, and where?",
        "created": "2026-11-24T10:15:30+00:00",
        "seconds": 31.2,
        "synthetic": True,
        "source": "synthetic scheme, seed 7",
        "leaving": "leaving the NHS",
        "endpoint": "left_nhs",
        "horizons": HORIZONS,
        "threshold": 5,
        "level": 0.95,
        "scheme": "leave_one_cohort_out",
        "config_sha256": "c" * 64,
        "data_sha256": "d" * 64,
        "seed": 1,
        "git_commit": "a" * 40,
        "git_dirty": False,
        "versions": {"gmts_models": "0.1.0", "python": "3.11.7"},
        "counts": {"rows": 2000, "valid": 1990, "rejected": 10, "left": None},
        "models": [
            {"name": name, "kind": name, "params": {"alpha": 0.1, "by": None}, "seconds": 3.2}
            for name in models
        ],
        "limits": ["Policy and Strategy: too few trainees at 60 months."],
    }


def _config(models: tuple[str, ...]) -> str:
    kinds = "\n".join(f"- kind: {name}\n  name: {name}" for name in models)
    return f"""\
name: gmts
seed: 1
data:
  source: file
  path: /home/jane.doe/extract/trainees.csv
  columns: {{specialism: Track of the trainee}}
endpoint: left_nhs
horizons: [12, 24, 36, 60]
models:
{kinds}
evaluation:
  scheme: {{kind: leave_one_cohort_out, min_size: 1}}
  bootstrap: 500
tracking:
  uri: https://jane:hunter2@mlflow.example/
store: /home/jane.doe/gmts_store
"""


def _stays(group: str, months: float) -> float:
    return 1 - months * (0.004 + 0.0007 * GROUPS.index(group))


def _is_hidden(group: str, months: float) -> bool:
    return group == SMALL_GROUP and months > 36


def _write_tables(tables: Path, models: tuple[str, ...], last_month: int) -> None:
    def retention(group: str, months: int) -> list[object]:
        if _is_hidden(group, months):
            return ["", "", "", ""]
        value = _stays(group, months)
        return [round(value, 4), round(value - 0.03, 4), round(value + 0.03, 4), 300 - months]

    write_csv(
        tables / "retention.csv",
        "group,n,horizon_months,retention,lower,upper,at_risk",
        ([g, 330, h, *retention(g, h)] for g in GROUPS for h in HORIZONS),
    )
    write_csv(
        tables / "curves.csv",
        "group,months,retention,lower,upper,at_risk",
        ([g, m, *retention(g, m)] for g in GROUPS for m in range(last_month + 1)),
    )
    scores = ("brier", "ipa", "auc", "observed_expected")
    write_csv(
        tables / "scores.csv",
        "model,score,horizon_months,group,estimate,se,lower,upper,n",
        [
            [m, s, h, g, *_score(i + 0.1 * j + h / 100, g, h)]
            for i, m in enumerate(models)
            for j, s in enumerate(scores)
            for h in HORIZONS
            for g in GROUPS
        ]
        + [[m, "c_index", "", g, *_score(0.6, g, 0)] for m in models for g in GROUPS],
    )
    write_csv(
        tables / "leaderboard.csv",
        "rank,model,kind,mean_brier,lower,upper,difference,difference_lower,difference_upper,"
        "verdict,mean_ipa,mean_auc,c_index",
        [
            [i + 1, m, m, 0.1 + i / 100, 0.09, 0.2, i / 100, -0.1, 0.1, "reference", 0.1, 0.7, 0.6]
            for i, m in enumerate(models)
        ],
    )
    write_csv(tables / "cohorts.csv", "cohort,specialism,n", [["2019-09", "Finance", ""]])
    write_csv(tables / "rejected.csv", "reason,rows", [["left before the start", 10]])
    write_csv(tables / "data.csv", "item,count", [["rows read", 2000]])
    write_csv(
        tables / "trials.csv",
        "model,fold,trial,params,score,value,seconds,error",
        [
            ["cox", fold, i, json.dumps({"alpha": alpha, "strata": None}), "brier", *result]
            for fold in ("", "2019-09")
            for i, (alpha, *result) in enumerate(TRIALS)
        ],
    )
    write_csv(
        tables / "groups.csv",
        "model,term,group,ratio,lower,upper,shrinkage",
        [[m, "specialism", "Finance", 0.9, 0.7, 1.1, 0.5] for m in ("cox", "another")],
    )
    write_csv(tables / "ranks.csv", "model,group,rank,probability", [["cox", "Finance", 1, 0.6]])
    for model in models:
        write_csv(tables / f"coefficients_{model}.csv", "term,coefficient", [["age", 0.1]])


def _score(value: float, group: str, months: int) -> list[object]:
    if _is_hidden(group, months):
        return ["", "", "", "", ""]
    return [
        round(value / 10, 5),
        0.01,
        round(value / 10 - 0.02, 5),
        round(value / 10 + 0.02, 5),
        90,
    ]


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    image = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image
