"""Runs of models with searches, pooling, imputation and stacks; what the report says of models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
from gmts_models import cli
from gmts_models.config import ExperimentConfig
from gmts_models.errors import FitError, InputError
from gmts_models.models.factory import make_models

CONFIG = {
    "name": "families",
    "data": {"source": "synthetic", "first_cohort": 2014, "last_cohort": 2016},
    "features": ["specialism", "prior_nhs", "joining_survey"],
    "horizons": [12, 24],
    "models": [
        {"kind": "kaplan_meier"},
        {"kind": "cox", "name": "searched", "tune": {"values": {"alpha": [1, 100]}, "folds": 2}},
        {"kind": "cox", "name": "partial", "pooling": "partial", "alpha": 1},
        {"kind": "weibull_aft", "alpha": 1},
        {"kind": "cox", "name": "imputed", "alpha": 1, "impute": {"m": 2, "iterations": 4}},
        {"kind": "stacked", "of": ["partial", "weibull_aft"], "folds": 2},
    ],
    "evaluation": {"scheme": {"kind": "k_fold", "folds": 2}, "bootstrap": 0},
    "tracking": {"enabled": False},
    "jobs": 1,
}


def _config(**changes: object) -> ExperimentConfig:
    return ExperimentConfig.model_validate({**CONFIG, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> gm.Run:
    return gm.run_experiment(_config(), store=tmp_path_factory.mktemp("store"))


def test_every_model_is_judged(run: gm.Run) -> None:
    assert run.evaluation.predictions.failed == {}
    board = run.evaluation.leaderboard
    assert set(board["model"]) == {each.name for each in run.config.models}
    assert board["mean_brier"].notna().all()


def test_trials_of_each_fold_and_of_everyone_are_kept(run: gm.Run) -> None:
    trials = pd.read_csv(run.folder / "tables" / "trials.csv")
    assert trials["model"].unique().tolist() == ["searched"]
    assert len(trials) == 2 * 3
    assert trials["fold"].isna().sum() == 2
    assert {json.loads(text)["alpha"] for text in trials["params"]} == {1, 100}
    assert trials["value"].between(0, 0.25).all()


def test_the_report_says_where_people_are_too_few(run: gm.Run) -> None:
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    few = [text for text in record["limits"] if "people would be needed" in text]
    assert len(few) == 1
    assert "searched" in few[0]
    assert "kaplan_meier" not in few[0]


def test_a_finished_run_leaves_no_searches_behind(run: gm.Run) -> None:
    store = run.folder.parents[1]
    assert not list((store / "unfinished searches").rglob("*.json*"))


def test_a_search_for_what_is_no_parameter_is_refused_before_the_fits() -> None:
    spec = _config(models=[{"kind": "cox", "tune": {"values": {"alfa": [1]}}}])
    with pytest.raises(InputError, match="'alfa'") as error:
        make_models(spec.models, spec.horizons)
    assert "alpha" in str(error.value.fix)


def test_strict_stops_before_anything_is_fitted(tmp_path: Path) -> None:
    with pytest.raises(FitError, match="people would be needed") as error:
        gm.run_experiment(_config(strict=True), store=tmp_path)
    assert "strict: false" in str(error.value.fix)
    assert not list(tmp_path.rglob("run.json"))


def test_extrapolation_is_said(tmp_path: Path) -> None:
    models = [{"kind": "kaplan_meier"}, {"kind": "weibull_aft", "alpha": 1}]
    found = gm.run_experiment(_config(models=models, horizons=[24, 600]), store=tmp_path)
    record = json.loads((found.folder / "run.json").read_text(encoding="utf-8"))
    assert any("weibull_aft say of 600 months is extrapolation" in t for t in record["limits"])


def test_parameters_of_a_model_inside_keep_their_names() -> None:
    spec = _config(
        models=[
            {
                "kind": "cox",
                "pooling": "full",
                "impute": {"m": 2},
                "tune": {"values": {"alpha": [0.1, 1]}},
            }
        ]
    )
    tuned = make_models(spec.models, spec.horizons)["cox"]
    assert tuned.space == {"estimator__estimator__alpha": [0.1, 1]}
    assert "estimator__estimator__alpha" in tuned.estimator.get_params()


def test_every_kind_makes_a_model_that_can_be_fitted() -> None:
    people = gm.simulate_trainees(seed=7, cohorts=range(2011, 2020))
    table = gm.build_features(people, features=["specialism", "prior_nhs", "joining_survey"])
    kinds = ExperimentConfig.model_json_schema()["properties"]["models"]["items"]["discriminator"]
    more = {
        "cox_elastic_net": {"alpha": 0.01},
        "random_forest": {"trees": 10},
        "hist_gradient_boosting": {"max_iter": 5},
        "cox_time_effects": {"trends": {"joining_survey": "log"}},
    }
    specs = [
        {"kind": kind, "alpha": 1.0} if kind.endswith(("cox", "_aft", "gray")) else {"kind": kind}
        for kind in kinds["mapping"]
        if kind != "stacked"
    ]
    spec = _config(models=[each | more.get(each["kind"], {}) for each in specs])  # type: ignore[operator]
    for name, model in make_models(spec.models, spec.horizons, seed=1).items():
        risk = model.fit(table.X, table.y).predict_risk(table.X, [12, 24])
        assert np.isfinite(risk).all(), name
        assert ((risk >= 0) & (risk <= 1)).all(), name
        assert (np.diff(risk, axis=1) >= -1e-12).all(), name


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{kind: weibull_aft, pooling: partial}", "has no partial pooling"),
        ("{kind: stacked, of: [cox, nothing]}", "there is no model 'nothing' to stack"),
        ("{kind: cox, tune: {search: grid}}", "values: {alpha: [0.1, 1]}"),
        ("{kind: cox, impute: {columns: [route]}}", "'route' is not among the features"),
        ("{kind: cox, pooling_by: route}", "'route' is not among the features"),
        ("{kind: cox_time_effects, trends: {nothing: log}}", "'nothing' is not among the features"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: x\ndata: {source: synthetic}\nfeatures: [specialism, region]\n"
        f"models:\n  - kind: kaplan_meier\n  - {line}\n",
        encoding="utf-8",
    )
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", str(path)])
    assert stopped.value.code == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert said in shown
    assert "bad.yaml:6:" in shown
