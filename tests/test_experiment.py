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
from gmts_models.provenance import fingerprint

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
    assert record["data_sha256"] == fingerprint(run.checked.valid.trainees)
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


def test_a_fitted_model_speaks_of_new_people() -> None:
    people = gm.simulate_trainees(1, cohorts=range(2014, 2017))
    fitted = gm.fit(gm.CoxPH(alpha=1), gm.build_features(people))
    new = gm.simulate_trainees(2, cohorts=[2018])
    retention = fitted.predict_retention(new, [12, 24])
    assert list(retention.index) == list(new.trainees["trainee_id"])
    assert retention.notna().all(axis=None)
    assert (retention[24.0] <= retention[12.0]).all()
    assert "endpoint='left_nhs'" in repr(fitted)
