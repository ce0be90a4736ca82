"""Every model passes scikit-learn's estimator checks, or the page names the exception and why.

``GMTS_UPDATE_DOCS=1 pytest tests/models/test_citizens.py`` writes the table of the page anew.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from checkable import run_checks
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

import gmts_models as gm
import gmts_models.models

PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"
MARKS = ("<!-- checks -->\n", "<!-- end of the checks -->")
UPDATE = os.environ.get("GMTS_UPDATE_DOCS") == "1"

COX = gm.CoxPH(alpha=1.0, ties="breslow")
ROWS = "check_sample_weight_equivalence_on_dense_data"
NAMES = "check_sample_weights_pandas_series"

MODELS: dict[str, tuple[Any, int]] = {
    "Bootstrapped": (gm.Bootstrapped(COX, repetitions=20), 1),
    "CauseSpecificCox": (gm.CauseSpecificCox(alpha=1.0, ties="breslow"), 2),
    "ConformalTime": (gm.ConformalTime(COX, folds=2), 1),
    "CoxElasticNet": (gm.CoxElasticNet(alpha=0.01, ties="breslow"), 1),
    "CoxFirth": (gm.CoxFirth(ties="breslow", profile=False), 1),
    "CoxPH": (COX, 1),
    "CoxTimeEffects": (gm.CoxTimeEffects({"x0": "log"}, alpha=1.0, ties="breslow"), 1),
    "DiscreteTimeHazard": (gm.DiscreteTimeHazard(), 1),
    "ExponentialAFT": (gm.ExponentialAFT(alpha=1.0), 1),
    "FineGray": (gm.FineGray(alpha=1.0, ties="breslow"), 2),
    "GeneralisedGammaAFT": (gm.GeneralisedGammaAFT(alpha=1e4), 1),
    "Grouped": (gm.Grouped(COX, pooling="full", by="x0"), 1),
    "HierarchicalCox": (gm.HierarchicalCox(by="x0", alpha=1.0, ties="breslow"), 1),
    "HierarchicalHazard": (gm.HierarchicalHazard(by="x0", alpha=1.0), 1),
    "HorizonClassifier": (gm.HorizonClassifier(horizons=(3, 6)), 1),
    "KaplanMeier": (gm.KaplanMeier(by=None), 1),
    "LogLogisticAFT": (gm.LogLogisticAFT(alpha=1e4), 1),
    "LogNormalAFT": (gm.LogNormalAFT(alpha=1e4), 1),
    "MultipleImputation": (gm.MultipleImputation(COX, m=2, iterations=4), 1),
    "SplineAFT": (gm.SplineAFT(alpha=1e4), 1),
    "StackedRisk": (gm.StackedRisk([("a", COX), ("b", gm.KaplanMeier(by=None))], (1,), folds=2), 1),
    "Tuned": (gm.Tuned(COX, {"alpha": [1.0, 10.0]}, horizons=(1,), folds=2), 1),
    "WeibullAFT": (gm.WeibullAFT(alpha=1e4), 1),
}
"""In a configuration that the statistics allow on the few rows of the checks, with the causes."""

NOT_CHECKED = {
    "PartiallyPooled": "what HierarchicalCox and HierarchicalHazard share",
    "RiskPipeline": "scikit-learn's Pipeline, whose steps are checked",
    "TimeModel": "what the parametric models share",
    "WrappedModel": "fitted by another library: `fit` refuses",
}

_UNNAMED = "the check's frame has columns named 0 and 1, not the one that the model is told to use"
EXCEPTIONS: dict[str, dict[str, str]] = {
    "ConformalTime": {ROWS: "a row twice is two people, who may come into different folds"},
    "CoxFirth": {
        ROWS: "there are more columns than rows, which Firth's penalty cannot tell apart",
        "check_pipeline_consistency": "columns are sums of others",
        "check_sample_weights_not_overwritten": "columns are sums of others",
        "check_sample_weights_shape": "columns are sums of others",
    },
    "CoxTimeEffects": {NAMES: _UNNAMED},
    "Grouped": {NAMES: _UNNAMED},
    "HierarchicalCox": {NAMES: _UNNAMED},
    "HierarchicalHazard": {NAMES: _UNNAMED},
    "MultipleImputation": {ROWS: "gaps are drawn row by row, whatever the weights"},
    "Tuned": {ROWS: "a row twice is two people, who may come into different folds"},
    "StackedRisk": {ROWS: "a row twice is two people, who may come into different folds"},
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
    assert estimators() == set(MODELS) | set(NOT_CHECKED)


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, tuple[str, str]]]:
    with threadpool_limits(1):
        return {name: run_checks(model, causes=k) for name, (model, k) in MODELS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_scikit_learn_s_checks_pass(name: str, results: dict[str, Any]) -> None:
    failed = {check: why for check, (status, why) in results[name].items() if status == "failed"}
    assert set(failed) <= set(EXCEPTIONS.get(name, {})), failed
    skipped = [check for check, (status, _) in results[name].items() if status == "skipped"]
    assert skipped == ["check_array_api_input"]


@pytest.mark.slow
def test_the_page_has_the_counts(results: dict[str, Any]) -> None:
    lines = ["| model | passed | not passed, and why |", "|---|---|---|"]
    total = of = 0
    for name, found in results.items():
        passed = sum(status == "passed" for status, _ in found.values())
        failed = [check for check, (status, _) in found.items() if status == "failed"]
        total, of = total + passed, of + passed + len(failed)
        why = "; ".join(f"`{check}`: {EXCEPTIONS[name][check]}" for check in failed)
        lines.append(f"| `{name}` | {passed} of {passed + len(failed)} | {why} |")
    made = "\n".join(lines) + f"\n\nTogether {total:,} of {of:,}.\n"
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0], 1)
    shown, after = rest.split(MARKS[1], 1)
    if UPDATE:
        PAGE.write_text(before + MARKS[0] + made + MARKS[1] + after, encoding="utf-8", newline="\n")
        shown = made
    assert shown == made, "GMTS_UPDATE_DOCS=1 pytest tests/models/test_citizens.py"
