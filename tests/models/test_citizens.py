"""Every model passes scikit-learn's estimator checks, or the page names the exception and why.

``GMTS_UPDATE_DOCS=1 pytest tests/models/test_citizens.py`` writes the table of the page anew.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sklearn
from checkable import check_array_api, run_checks
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from threadpoolctl import threadpool_limits

import gmts_models as gm
import gmts_models.models

PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"
MARKS = ("<!-- checks -->\n", "<!-- end of the checks -->")
UPDATE = os.environ.get("GMTS_UPDATE_DOCS") == "1"

TREES = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2, random_state=0)
FOREST = RandomForestClassifier(3, random_state=0)
COX = gm.CoxPH(alpha=1.0, ties="breslow")
ROWS = "check_sample_weight_equivalence_on_dense_data"
NAMES = "check_sample_weights_pandas_series"
ARRAYS = "check_array_api_input"

MODELS: dict[str, tuple[Any, int]] = {
    "Bootstrapped": (gm.Bootstrapped(COX, repetitions=20), 1),
    "CauseSpecificCox": (gm.CauseSpecificCox(alpha=1.0, ties="breslow"), 2),
    "ConformalTime": (gm.ConformalTime(COX, folds=2), 1),
    "CoxElasticNet": (gm.CoxElasticNet(alpha=0.01, ties="breslow"), 1),
    "CoxFirth": (gm.CoxFirth(ties="breslow", profile=False), 1),
    "CoxPH": (COX, 1),
    "CoxPH, Efron's ties": (gm.CoxPH(alpha=1.0), 1),
    "CoxTimeEffects": (gm.CoxTimeEffects({"x0": "log"}, alpha=1.0, ties="breslow"), 1),
    "DiscreteTimeHazard": (gm.DiscreteTimeHazard(), 1),
    "DiscreteTimeHazard, by cause": (gm.DiscreteTimeHazard(by_cause=True), 2),
    "DiscreteTimeHazard, boosted trees": (gm.DiscreteTimeHazard(TREES), 1),
    "DiscreteTimeHazard, forest": (gm.DiscreteTimeHazard(FOREST), 1),
    "ExponentialAFT": (gm.ExponentialAFT(alpha=1.0), 1),
    "FineGray": (gm.FineGray(alpha=1.0, ties="breslow"), 2),
    "GeneralisedGammaAFT": (gm.GeneralisedGammaAFT(alpha=1e4), 1),
    "Grouped": (gm.Grouped(COX, pooling="full", by="x0"), 1),
    "Grouped, partial pooling": (gm.Grouped(COX, pooling="partial", by="x0"), 1),
    "HierarchicalCox": (gm.HierarchicalCox(by="x0", alpha=1.0, ties="breslow"), 1),
    "HierarchicalHazard": (gm.HierarchicalHazard(by="x0", alpha=1.0), 1),
    "HorizonClassifier": (gm.HorizonClassifier(horizons=(2, 6)), 1),
    "HorizonClassifier, boosted trees": (gm.HorizonClassifier(TREES, horizons=(2, 6)), 1),
    "HorizonClassifier, forest": (gm.HorizonClassifier(FOREST, horizons=(2, 6)), 1),
    "KaplanMeier": (gm.KaplanMeier(by=None), 1),
    "LogLogisticAFT": (gm.LogLogisticAFT(alpha=1e4), 1),
    "LogNormalAFT": (gm.LogNormalAFT(alpha=1e4), 1),
    "MultipleImputation": (gm.MultipleImputation(COX, m=2, iterations=4), 1),
    "SplineAFT": (gm.SplineAFT(alpha=1e4), 1),
    "StackedRisk": (
        gm.StackedRisk([("a", COX), ("b", gm.KaplanMeier(by=None))], (2, 4), folds=2),
        1,
    ),
    "Tuned": (gm.Tuned(COX, {"alpha": [1.0, 10.0]}, horizons=(2, 4), folds=2), 1),
    "WeibullAFT": (gm.WeibullAFT(alpha=1e4), 1),
}
"""In configurations that the statistics allow on the few rows of the checks, with the number of
causes. What comes before a comma is the class."""

NOT_CHECKED = {
    "PartiallyPooled": "what HierarchicalCox and HierarchicalHazard share",
    "RiskPipeline": "scikit-learn's Pipeline, whose steps are checked",
    "TimeModel": "what the parametric models share",
    "WrappedModel": "fitted by another library: `fit` refuses",
}

_UNNAMED = "the check's frame has columns named 0 and 1, not the one that the model is told to use"
_FOLDS = "a row twice is two people, who may come into different folds"
_DRAWS = "each tree draws rows, and a row twice is drawn twice as often, not with weight 2"
_SUMS = "columns are constant or sums of others, which Firth's penalty does not tell apart"
EXCEPTIONS: dict[str, dict[str, str]] = {
    "CoxFirth": {ROWS: _SUMS, "check_pipeline_consistency": _SUMS},
    "CoxPH, Efron's ties": {
        ROWS: "two who leave together share a death's weight; one of weight 2 does not"
    },
    "CoxTimeEffects": {NAMES: _UNNAMED},
    "DiscreteTimeHazard, boosted trees": {ROWS: "the trees count rows in bins and leaves"},
    "DiscreteTimeHazard, forest": {ROWS: _DRAWS},
    "Grouped": {NAMES: _UNNAMED},
    "Grouped, partial pooling": {NAMES: _UNNAMED},
    "HierarchicalCox": {NAMES: _UNNAMED},
    "HierarchicalHazard": {NAMES: _UNNAMED},
    "HorizonClassifier, forest": {ROWS: _DRAWS},
    "StackedRisk": {ROWS: _FOLDS},
    "Tuned": {ROWS: _FOLDS},
}


def estimators() -> set[str]:
    """Return the names of all models of the package."""
    found = set()
    for module in pkgutil.walk_packages(gmts_models.models.__path__, "gmts_models.models."):
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            ours = kind.__module__.startswith("gmts_models") and not name.startswith("_")
            if ours and issubclass(kind, BaseEstimator) and hasattr(kind, "predict_risk"):
                found.add(name)
    return found


def test_every_model_is_checked() -> None:
    assert estimators() == {name.split(",")[0] for name in MODELS} | set(NOT_CHECKED)
    assert set(EXCEPTIONS) <= set(MODELS)


def check_array_api_of_all() -> None:
    for name, (model, k) in MODELS.items():
        sys.stdout.write(f"{name}\n")
        check_array_api(model, causes=k)


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, tuple[str, str]]]:
    with threadpool_limits(1):
        found = {name: run_checks(model, causes=k) for name, (model, k) in MODELS.items()}
    if all(ARRAYS in each for each in found.values()):
        # SciPy reads the variable once, when it is imported; without it this check skips.
        done = subprocess.run(
            [sys.executable, "-c", "import test_citizens; test_citizens.check_array_api_of_all()"],
            cwd=Path(__file__).parent,
            env={**os.environ, "SCIPY_ARRAY_API": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines() == list(MODELS)
        for each in found.values():
            each[ARRAYS] = ("passed", "")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_scikit_learn_s_checks_pass(name: str, results: dict[str, Any]) -> None:
    wrong = {check: each for check, each in results[name].items() if each[0] != "passed"}
    assert set(wrong) <= set(EXCEPTIONS.get(name, {})), wrong
    assert len(results[name]) > 40


@pytest.mark.slow
def test_the_page_has_the_counts(results: dict[str, Any]) -> None:
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0], 1)
    shown, after = rest.split(MARKS[1], 1)
    version = ".".join(sklearn.__version__.split(".")[:2])
    if f"scikit-learn {version}:" not in shown and not UPDATE:
        pytest.skip(f"the page counts the checks of another scikit-learn than {version}")
    lines = ["| model | passed | not passed, and why |", "|---|---|---|"]
    total = of = 0
    for name, found in results.items():
        failed = sorted(check for check, (status, _) in found.items() if status != "passed")
        assert failed == sorted(EXCEPTIONS.get(name, {})), name
        passed = len(found) - len(failed)
        total, of = total + passed, of + len(found)
        kind, *variant = name.split(",")
        why = "; ".join(f"`{check}`: {EXCEPTIONS[name][check]}" for check in failed)
        label = ",".join([f"`{kind}`", *variant])
        lines.append(f"| {label} | {passed} of {len(found)} | {why} |")
    table = "\n".join(lines)
    made = f"{table}\n\nscikit-learn {version}: together {total:,} of {of:,}.\n"
    if UPDATE:
        PAGE.write_text(before + MARKS[0] + made + MARKS[1] + after, encoding="utf-8", newline="\n")
        shown = made
    assert shown == made, "GMTS_UPDATE_DOCS=1 pytest tests/models/test_citizens.py"
