from __future__ import annotations

import base64
import csv
import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from sample_run import GROUPS, MODELS, TRIALS, write_csv, write_run_folder

from gmts_models.errors import DataError
from gmts_models.tracking.entries import (
    execution_entry,
    flatten,
    group_slugs,
    model_entry,
    short_name,
    source_text,
)
from gmts_models.tracking.notes import EXPERIMENT_NOTE, model_note, run_note
from gmts_models.tracking.runs import RunFolder, read_run_folder
from gmts_models.tracking.views import LEADERBOARD, RETENTION, view_address, view_tags

pytestmark = pytest.mark.tracking

LEGAL = re.compile(r"[A-Za-z0-9_\-./: ]{1,250}")


def sample(tmp_path: Path, **changes: Any) -> RunFolder:
    return read_run_folder(write_run_folder(tmp_path / "run", last_month=3, **changes))


def test_names_are_legal_and_values_come_once(tmp_path: Path) -> None:
    folder = sample(tmp_path, models=MODELS, horizons=(6, 12, 18.5))
    entries = [execution_entry(folder)]
    entries += [model_entry(folder, model) for model in folder.record.models]
    for entry in entries:
        for name in (*entry.params, *entry.tags, *(point.key for point in entry.points)):
            assert LEGAL.fullmatch(name), name
        places = [(point.key, point.step) for point in entry.points]
        assert len(places) == len(set(places))
        assert all(len(text) <= 8000 for text in (*entry.tags.values(), *entry.params.values()))


def test_groups_of_one_spelling_stay_apart(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run")
    groups = ["All", "R & D", "R/D", "Café", "医療", "看護", "all", "R D 2"]
    write_csv(
        folder / "tables" / "retention.csv",
        "group,n,horizon_months,retention,lower,upper,at_risk",
        [[group, 90, 12, 0.9, 0.8, 0.95, 60] for group in groups],
    )
    slugs = group_slugs(read_run_folder(folder))
    assert {group: slugs.get(group) for group in groups} == {
        "All": None,
        "R & D": "r_d",
        "R/D": "r_d_2",
        "Café": "cafe",
        "医療": "group",
        "看護": "group_2",
        "all": "all_2",
        "R D 2": "r_d_2_2",
    }


def test_specialisms_have_the_names_of_the_docs(tmp_path: Path) -> None:
    slugs = group_slugs(sample(tmp_path))
    assert list(slugs) == list(GROUPS[1:])
    assert slugs["Health Informatics"] == "health_informatics"
    assert slugs["Policy and Strategy"] == "policy_and_strategy"


def test_scores_of_a_model(tmp_path: Path) -> None:
    folder = sample(tmp_path)
    cox = {(p.key, p.step): p.value for p in model_entry(folder, folder.record.models[1]).points}
    # (1 + 0.1 * position of the score + months / 100) / 10
    assert cox["brier.12m", 0] == pytest.approx(0.112)
    assert cox["auc.24m/health_informatics", 0] == pytest.approx(0.144)
    assert cox["across_months/brier", 36] == pytest.approx(0.136)
    assert cox["c_index", 0] == pytest.approx(0.06)
    assert cox["c_index/finance", 0] == pytest.approx(0.06)
    assert cox["seconds", 0] == 3.2
    assert cox["mean_brier_difference", 0] == pytest.approx(0.01)
    assert ("ipa.60m/policy_and_strategy", 0) not in cox


def test_trials_of_a_search(tmp_path: Path) -> None:
    folder = sample(tmp_path)
    kaplan_meier, cox = (model_entry(folder, model) for model in folder.record.models)
    # The search among everyone; those inside folds have trials of the same numbers.
    series = [(p.key, p.step, p.value) for p in cox.points if p.key.startswith("tuning")]
    assert series == [("tuning.brier", 0, 0.115), ("tuning.brier", 1, 0.1125)]
    assert list(csv.DictReader(io.StringIO(cox.texts["tables/trials.csv"]))) == [
        {
            "fold": fold,
            "trial": str(i),
            "param_alpha": str(alpha),
            "param_strata": "",
            "score": "brier",
            "value": str(value),
            "seconds": str(seconds),
            "error": error,
        }
        for fold in ("", "2019-09")
        for i, (alpha, value, seconds, error) in enumerate(TRIALS)
    ]
    assert kaplan_meier.texts == {}
    assert not [p for p in kaplan_meier.points if p.key.startswith("tuning")]


def test_groups_of_a_model_are_its_own(tmp_path: Path) -> None:
    folder = sample(tmp_path)
    kaplan_meier, cox = (model_entry(folder, model) for model in folder.record.models)
    (row,) = csv.DictReader(io.StringIO(cox.texts["tables/groups.csv"]))
    assert (row["model"], row["group"], row["shrinkage"]) == ("cox", "Finance", "0.5")
    assert not {"tables/groups.csv", "tables/ranks.csv"} & set(kaplan_meier.texts)
    assert "tables/group_spread.csv" not in cox.texts


def test_damaged_parameters_of_a_trial_are_told(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run")
    write_csv(
        folder / "tables" / "trials.csv",
        "model,fold,trial,params,score,value,seconds,error",
        [["cox", "", 0, "alpha=1", "brier", 0.1, 1, ""]],
    )
    read = read_run_folder(folder)
    with pytest.raises(DataError, match="not a JSON object"):
        model_entry(read, read.record.models[1])


def test_months_between_whole_ones_are_not_charted(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run")
    write_csv(
        folder / "tables" / "curves.csv",
        "group,months,retention,lower,upper,at_risk",
        [["All", 0.5, 0.99, "", "", 50], ["All", 1, 0.98, "", "", 50], ["All", 2, "", "", "", ""]],
    )
    write_csv(
        folder / "tables" / "retention.csv",
        "group,n,horizon_months,retention,lower,upper,at_risk",
        [["All", 90, 4.5, 0.9, 0.8, 0.95, 60]],
    )
    points = execution_entry(read_run_folder(folder)).points
    assert [(p.key, p.step, p.value) for p in points if p.key != "seconds"] == [
        ("retention.4.5m", 0, 0.9),
        ("retention/all", 1, 0.98),
    ]


def test_those_who_left_as_the_clock_started_are_stated(tmp_path: Path) -> None:
    atoms = [
        {"group": "All", "share": 0.31, "n": 400},
        {"group": "Finance", "share": 0.25, "n": 90},
        {"group": "Policy and Strategy", "share": None, "n": None},
    ]
    folder = sample(tmp_path, endpoint="post_scheme", atoms=atoms)
    points = {point.key: point.value for point in execution_entry(folder).points}
    assert {key: value for key, value in points.items() if key.startswith("left")} == {
        "left_at_start": 0.31,
        "left_at_start/finance": 0.25,
    }
    note = run_note(folder)
    assert "| group | people | left on completing | 12 months |" in note
    assert "| Finance | 330 | 25% | 94%" in note
    assert "| Policy and Strategy | 330 | * |" in note


def test_small_counts_of_the_record_are_left_out(tmp_path: Path) -> None:
    params = execution_entry(
        sample(tmp_path, counts={"rows": 40, "rejected": 3, "left": None, "late entry": 0})
    ).params
    counts = {key: text for key, text in params.items() if key.startswith("count.")}
    assert counts == {"count.rows": "40", "count.late_entry": "0"}


def test_parameters_hold_settings_and_no_places(tmp_path: Path) -> None:
    params = execution_entry(sample(tmp_path)).params
    assert params["data.path"] == "trainees.csv"
    assert params["evaluation.scheme.kind"] == "leave_one_cohort_out"
    assert not [key for key in params if key.startswith(("tracking", "store", "data.columns"))]
    assert not [key for key in params if key.startswith("models")]


def test_docs_name_what_is_there(tmp_path: Path) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "mlflow.md").read_text(encoding="utf-8")
    rows = [line for line in docs.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    folder = sample(tmp_path, git_dirty=True, atoms=[{"group": "All", "share": 0.5}])
    execution = execution_entry(folder)
    entries = [execution, *(model_entry(folder, model) for model in folder.record.models)]
    points = {point.key for entry in entries for point in entry.points}
    tags = {tag for entry in entries for tag in entry.tags if tag.startswith("gmts.")}

    documented = {name for name in named if name.startswith("gmts.")}
    tags = {re.sub(r"^gmts\.version\..*", "gmts.version.*", tag) for tag in tags}
    assert documented == tags | {"gmts.files_sha256"}
    metrics = {name for name in named if re.fullmatch(r"[a-z_0-9]+[./]?[a-z_0-9./]*", name)}
    not_metrics = {"runs/", "mlflow.db", "artifacts/", "post_scheme", "run.json"}
    not_metrics |= documented | {"left_at_start/finance"}
    assert metrics - not_metrics <= points


def test_flatten() -> None:
    values = {"a": {"b": 1e-3, "c d@": [1, 2.0, 0.5]}, "e": None, "f": False, "g": "x" * 900}
    assert flatten(values) == {"a.b": "0.001", "a.c d_": "1, 2, 0.5", "f": "False", "g": "x" * 500}


@pytest.mark.parametrize(
    ("experiment", "run_name", "short"),
    [
        ("gmts", "gmts-20261124-101530-3fa2", "20261124-101530-3fa2"),
        ("My Study", "my-study-20261124-101530-3fa2", "20261124-101530-3fa2"),
        ("v1.0_b", "v1.0_b-20261124-101530-3fa2", "20261124-101530-3fa2"),
        ("gmts", "other-1", "other-1"),
    ],
)
def test_short_name_starts_with_what_differs(
    tmp_path: Path, experiment: str, run_name: str, short: str
) -> None:
    folder = sample(tmp_path, experiment=experiment, run_name=run_name)
    assert short_name(folder.record) == short


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("synthetic scheme, seed 7", "synthetic scheme, seed 7"),
        ("ESR extract 2024/25", "ESR extract 2024/25"),
        ("/home/jane.doe/t.csv", "t.csv"),
        ("C:\\Users\\jane\\t.csv", "t.csv"),
        ("", "synthetic"),
    ],
)
def test_source_has_no_folders(tmp_path: Path, source: str, shown: str) -> None:
    assert source_text(sample(tmp_path, source=source).record) == shown


def test_note_begins_with_the_answer(tmp_path: Path) -> None:
    lines = run_note(sample(tmp_path)).splitlines()
    assert lines[0] == "**Synthetic data: no real person.** Who stays, and where?"
    assert lines[2] == (
        "Still here at 12, 24, 36, 60 months: **95%, 90%, 86%, 76%**. "
        "Best of 2 models: **kaplan_meier**, mean Brier 0.1000 (0.0900 to 0.2000)."
    )
    # Finance at 12 months: 1 - 12 * 0.0047 = 0.9436, give or take 0.03.
    finance = next(line for line in lines if line.startswith("| Finance"))
    assert finance.startswith("| Finance | 330 | 94% (91 to 97) |")
    assert next(line for line in lines if line.startswith("| Policy")).endswith("| * |")
    assert "- Policy and Strategy: too few trainees at 60 months." in lines


def test_note_says_from_when_months_count(tmp_path: Path) -> None:
    assert "Risk is asked" not in run_note(sample(tmp_path))
    later = sample(tmp_path / "later", at="12")
    assert "Risk is asked 12 months after the start, and months count from there" in run_note(later)
    stack = sample(tmp_path / "stack", landmarks=[0, 12])
    assert "Risk is asked 0 and 12 months after the start" in run_note(stack)


def test_note_of_real_data_does_not_say_synthetic(tmp_path: Path) -> None:
    folder = sample(tmp_path, synthetic=False)
    assert "Synthetic" not in run_note(folder)
    assert "Synthetic" not in model_note(folder, folder.record.models[0])


def test_note_of_a_model(tmp_path: Path) -> None:
    folder = sample(tmp_path)
    note = model_note(folder, folder.record.models[1])
    assert "Number 2, mean Brier 0.1100 (0.0900 to 0.2000): reference." in note
    assert "| brier | 0.112 (0.092 to 0.132) |" in note


def test_notes_keep_their_form_with_many_and_odd_groups(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run", question="a\n# b")
    write_csv(
        folder / "tables" / "retention.csv",
        "group,n,horizon_months,retention,lower,upper,at_risk",
        [[f"pipe | {i}", "", 12, "", "", "", ""] for i in range(100)],
    )
    note = run_note(read_run_folder(folder))
    assert "| pipe \\| 0 | * | * |" in note
    assert "70 more rows are in the tables." in note
    assert note.splitlines()[0].endswith("a # b")
    assert len(note) < 8000
    assert len(EXPERIMENT_NOTE) < 5000


def test_views_are_readable_by_both_kinds_of_page() -> None:
    tags = view_tags([12, 24.5], 1_000)
    assert set(tags) == {
        f"mlflow.sharedViewState.{LEADERBOARD}",
        f"mlflow.sharedViewState.{RETENTION}",
    }
    for text in tags.values():
        assert len(text) < 5000
        plain = json.loads(text)
        kind, _, packed = plain["state"].partition(";")
        assert kind == "deflate"
        state = json.loads(zlib.decompress(base64.b64decode(packed)))
        assert plain["selectedColumns"] == state["selectedColumns"] == state["columnOrder"]
        assert plain["runsPinned"] == []
    leaderboard = json.loads(tags[f"mlflow.sharedViewState.{LEADERBOARD}"])
    assert "metrics.`brier.24.5m`" in leaderboard["selectedColumns"]
    assert view_address("7").endswith(f"viewStateShareKey={LEADERBOARD}")
