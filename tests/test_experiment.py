"""A whole run through the Python API: its folder, the tracker, and a tracker that fails."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
from gmts_models import cli
from gmts_models.config import ExperimentConfig
from gmts_models.config.file import config_sha256
from gmts_models.provenance import fingerprint, fingerprint_people

SMALL = {
    "name": "small scheme",
    "question": "Who stays?",
    "data": {"source": "synthetic", "first_cohort": 2011, "last_cohort": 2014},
    "horizons": [12, 24],
    "models": [
        {"kind": "kaplan_meier"},
        {"kind": "cox", "alpha": 1.0},
        {"kind": "cox", "name": "cox_strong", "alpha": 100.0, "strata": "specialism"},
    ],
    "evaluation": {"bootstrap": 50},
    "jobs": 1,
}


def _config(**changes: object) -> ExperimentConfig:
    return ExperimentConfig.model_validate({**SMALL, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> gm.Run:
    store = tmp_path_factory.mktemp("store")
    return gm.run_experiment(_config(tracking={"enabled": False}), store=store)


def test_the_folder_is_complete(run: gm.Run) -> None:
    files = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}
    assert files >= {
        "run.json",
        "config.yaml",
        "report.html",
        "tables/retention.csv",
        "tables/curves.csv",
        "tables/scores.csv",
        "tables/leaderboard.csv",
        "tables/calibration.csv",
        "tables/data.csv",
        "tables/rejected.csv",
        "tables/cohorts.csv",
        "tables/coefficients_cox.csv",
        "tables/coefficients_cox_strong.csv",
        "figures/retention.png",
        "private/predictions.parquet",
    }
    assert run.published is None
    assert run.publish_error is None


def test_the_record_tells_what_was_run(run: gm.Run) -> None:
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert record["run_name"] == run.name == run.folder.name
    assert record["synthetic"] is True
    assert record["config_sha256"] == config_sha256(run.config)
    people = run.checked.valid
    assert record["data_sha256"] == fingerprint_people(people.trainees, people.tables)
    assert record["versions"]["gmts_models"] == gm.__version__
    assert [model["name"] for model in record["models"]] == ["kaplan_meier", "cox", "cox_strong"]
    assert any("synthetic" in sentence for sentence in record["limits"])


def test_tables_hold_what_the_results_hold(run: gm.Run) -> None:
    retention = pd.read_csv(run.folder / "tables" / "retention.csv")
    np.testing.assert_allclose(retention["retention"], run.retention.retention.ravel())
    board = pd.read_csv(run.folder / "tables" / "leaderboard.csv")
    assert list(board["model"]) == list(run.evaluation.leaderboard["model"])
    assert set(board["kind"]) == {"kaplan_meier", "cox"}


def test_no_table_shows_a_small_count(run: gm.Run) -> None:
    checked = 0
    for path in (run.folder / "tables").glob("*.csv"):
        table = pd.read_csv(path)
        for column in {"n", "at_risk", "count", "rows"} & set(table):
            counts = table[column].dropna()
            assert not counts.between(1, 4).any(), (path.name, column)
            checked += len(counts)
    assert checked > 100


def test_private_losses_average_to_the_brier_score(run: gm.Run) -> None:
    losses = pd.read_parquet(run.folder / "private" / "predictions.parquet")
    mean = losses.groupby(["model", "horizon_months"])["loss"].mean()
    scores = run.evaluation.scores.query("score == 'brier' and group == 'All'")
    for row in scores.dropna(subset=["estimate"]).itertuples():
        assert mean[row.model, row.horizon_months] == pytest.approx(row.estimate)
    assert scores["estimate"].notna().sum() >= 4
    assert "trainee_id" not in losses


def test_fingerprints_notice_every_change() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None], "c": [True, False]})
    known = fingerprint(frame)
    assert fingerprint(frame.set_axis([7, 8])) == known
    assert fingerprint(frame[["c", "b", "a"]]) == known
    assert fingerprint(frame.astype({"b": "category"})) == known
    for changed in (
        frame.assign(a=[1.0, 0.0]),
        frame.assign(b=["x", "y"]),
        frame.assign(c=[True, True]),
        frame.iloc[::-1],
        frame.rename(columns={"a": "d"}),
    ):
        assert fingerprint(changed) != known


def test_a_fingerprint_covers_every_table() -> None:
    trainees, surveys = pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [2.0]})
    known = fingerprint_people(trainees, {"surveys": surveys})
    assert fingerprint_people(trainees, {}) == fingerprint(trainees)
    for tables in (
        {},
        {"surveys": surveys.assign(b=3.0)},
        {"roles": surveys},
        {"surveys": surveys, "roles": surveys.head(0)},
    ):
        assert fingerprint_people(trainees, tables) != known
    assert fingerprint_people(trainees.assign(a=2.0), {"surveys": surveys}) != known


@pytest.mark.tracking
@pytest.mark.slow
def test_a_tracker_that_fails_costs_a_message_and_a_second_try(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = {"uri": "http://127.0.0.1:9"}
    with caplog.at_level(logging.WARNING):
        run = gm.run_experiment(_config(tracking=nowhere))
    assert run.published is None
    assert run.publish_error is not None
    assert "gmts-models publish" in caplog.text
    assert (run.folder / "report.html").is_file()
    with pytest.raises(SystemExit) as stopped:
        cli.main(["publish", str(run.folder)])
    assert stopped.value.code == 0
    assert "is in MLflow" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        cli.main(["publish", str(run.folder), "--uri", "http://127.0.0.1:9"])
    assert stopped.value.code == 3


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["left_scheme", "post_scheme"])
def test_every_endpoint_runs(tmp_path: Path, endpoint: str) -> None:
    config = _config(
        endpoint=endpoint,
        data={"source": "synthetic", "first_cohort": 2009, "last_cohort": 2015},
        models=[{"kind": "kaplan_meier", "by": None}, {"kind": "cox", "alpha": 1.0}],
        tracking={"enabled": False},
    )
    run = gm.run_experiment(config, store=tmp_path)
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert bool(record["atoms"]) == (endpoint == "post_scheme")
    assert record["endpoint"] == endpoint
    assert np.isfinite(run.retention.retention[0]).all()
    assert np.isfinite(run.evaluation.leaderboard["mean_brier"]).all()


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> gm.Run:
    config = _config(
        landmarks=[0, 12, 24],
        horizons=[12],
        features=["specialism", "joining_survey", "answer_rate", "landmark"],
        models=[
            {"kind": "kaplan_meier", "by": ["specialism", "landmark"]},
            {"kind": "cox", "alpha": 1.0, "strata": "landmark", "robust": True},
            {"kind": "logistic", "censoring_by": ["specialism", "landmark"]},
        ],
        evaluation={"bootstrap": 20, "scheme": {"kind": "k_fold", "folds": 2}},
        tracking={"enabled": False},
    )
    return gm.run_experiment(config, store=tmp_path_factory.mktemp("store"))


def test_a_stack_of_landmarks_counts_people(stacked: gm.Run) -> None:
    people = stacked.checked.valid
    record = json.loads((stacked.folder / "run.json").read_text(encoding="utf-8"))
    assert (record["at"], record["landmarks"]) == ("start", [0, 12, 24])
    assert record["counts"]["followed"] == len(people)
    assert record["counts"]["left"] == people.trainees["leave_nhs_date"].notna().sum()
    cohorts = pd.read_csv(stacked.folder / "tables" / "cohorts.csv")
    sizes = people.trainees.groupby(["cohort", "specialism"]).size()
    for row in cohorts.dropna().itertuples():
        assert sizes[row.cohort, row.specialism] == row.n
    scores = pd.read_csv(stacked.folder / "tables" / "scores.csv")
    assert {"landmark 0", "landmark 12", "landmark 24"} <= set(scores["group"])
    assert scores["n"].max() <= len(people)
    shown = scores.query("score == 'brier' and group == 'landmark 24'")
    assert shown["estimate"].notna().all()
    assert stacked.evaluation.predictions.failed == {}


def test_retention_stays_from_the_start(stacked: gm.Run, run: gm.Run) -> None:
    columns = ["group", "n", "horizon_months", "retention", "lower", "upper", "at_risk"]
    theirs = run.retention.to_frame().query("horizon_months == 12").reset_index(drop=True)
    pd.testing.assert_frame_equal(stacked.retention.to_frame()[columns], theirs[columns])


def test_the_report_says_when_risk_is_asked(stacked: gm.Run, run: gm.Run) -> None:
    page = (stacked.folder / "report.html").read_text(encoding="utf-8")
    assert "Here risk is asked 0, 12 and 24 months after the start" in page
    assert "At 24 months" in page
    assert "landmark 24" not in page
    assert "risk is asked" not in (run.folder / "report.html").read_text(encoding="utf-8")


def test_another_prediction_date_is_recorded_and_said(tmp_path: Path) -> None:
    config = _config(
        at="2014-06-01",
        features=["specialism", "joining_survey"],
        horizons=[12],
        models=[{"kind": "kaplan_meier"}, {"kind": "cox", "alpha": 1.0}],
        evaluation={"bootstrap": 0, "scheme": {"kind": "k_fold", "folds": 2}},
        tracking={"enabled": False},
    )
    run = gm.run_experiment(config, store=tmp_path)
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert (record["at"], record["landmarks"]) == ("2014-06-01", [])
    assert record["counts"]["followed"] < record["counts"]["valid"]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Here risk is asked on 1 June 2014" in page


def test_a_fitted_model_speaks_of_new_people() -> None:
    people = gm.simulate_trainees(1, cohorts=range(2014, 2017))
    fitted = gm.fit(gm.CoxPH(alpha=1), gm.build_features(people), strict=None)
    new = gm.simulate_trainees(2, cohorts=[2018])
    retention = fitted.predict_retention(new, [12, 24])
    assert list(retention.index) == list(new.trainees["trainee_id"])
    assert retention.notna().all(axis=None)
    assert (retention[24.0] <= retention[12.0]).all()
    assert "endpoint='left_nhs'" in repr(fitted)
