"""What a model file may name: a closed list of this package's classes, and where they are.

A name that a file holds is only ever looked up here; nothing is imported by it. A class that moves
keeps its name in files, and so do its fields and parameters: give new ones a default, and an older
file still loads.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

_ROOM = "gmts_models.models."
_STATS = "gmts_models.stats."

ESTIMATORS: dict[str, str] = {
    "Bootstrapped": _ROOM + "combining.bootstrapped",
    "CauseSpecificCox": _ROOM + "exits.cause_specific",
    "ConformalTime": _ROOM + "combining.conformal_time",
    "CoxElasticNet": _ROOM + "survival.cox_elastic_net",
    "CoxFirth": _ROOM + "survival.cox_firth",
    "CoxPH": _ROOM + "survival.cox",
    "CoxTimeEffects": _ROOM + "survival.cox_time_effects",
    "DiscreteTimeHazard": _ROOM + "hazards.discrete_time",
    "ExponentialAFT": _ROOM + "survival.parametric",
    "FineGray": _ROOM + "exits.fine_gray",
    "GeneralisedGammaAFT": _ROOM + "survival.flexible",
    "Grouped": _ROOM + "grouped",
    "HierarchicalCox": _ROOM + "hierarchical.cox",
    "HierarchicalHazard": _ROOM + "hierarchical.hazard",
    "HorizonClassifier": _ROOM + "classifiers.horizon_classifier",
    "KaplanMeier": _ROOM + "survival.kaplan_meier",
    "LogLogisticAFT": _ROOM + "survival.parametric",
    "LogNormalAFT": _ROOM + "survival.parametric",
    "MultipleImputation": _ROOM + "missing.multiple_imputation",
    "RiskPipeline": _ROOM + "pipeline",
    "SplineAFT": _ROOM + "survival.flexible",
    "StackedRisk": _ROOM + "combining.stacked",
    "Tuned": _ROOM + "combining.tuned",
    "WeibullAFT": _ROOM + "survival.parametric",
}
"""Estimators, by class name: their module. Their parameters and fitted attributes are written."""

RECORDS: dict[str, str] = {
    "BaselineHazard": _STATS + "cox.baseline",
    "Coefficients": _STATS + "hierarchy.result",
    "CoxBase": _STATS + "hierarchy.result",
    "CoxCurves": _STATS + "cox.baseline",
    "CoxDesign": _ROOM + "survival.cox_design",
    "Design": _ROOM + "encoding",
    "Effects": _STATS + "hierarchy.result",
    "Equations": _STATS + "missing.new_rows",
    "FittedModel": _ROOM + "fitted",
    "FlexibleFit": _STATS + "parametric.flexible",
    "FollowUp": _ROOM + "survival.kaplan_meier",
    "HierarchicalFit": _STATS + "hierarchy.result",
    "HorizonLogistic": _STATS + "regression.horizon_logistic",
    "IsotonicCurve": _ROOM + "classifiers.calibration",
    "Layout": _ROOM + "missing.imputation",
    "Mixture": _STATS + "hierarchy.result",
    "NodeHazard": _STATS + "hierarchy.result",
    "ParametricFit": _STATS + "parametric.fit",
    "Part": _ROOM + "missing.imputation",
    "PartialPoolingLayout": _ROOM + "hierarchical.layout:Layout",
    "PeriodBase": _STATS + "hierarchy.result",
    "PlattCurve": _ROOM + "classifiers.calibration",
    "Pooled": _STATS + "missing.pooling",
    "PooledFits": _ROOM + "missing.pooled_fits",
    "Recipe": "gmts_models.features.table",
    "Regression": _STATS + "missing.regression",
    "RidgeHazard": _STATS + "hazards.ridge_hazard",
    "ShapedEffect": _STATS + "cox.time_effects_prediction",
    "Slope": _ROOM + "hierarchical.layout",
    "Spread": _STATS + "hierarchy.result",
    "SurvivalCurve": _STATS + "survival.kaplan_meier",
    "TermGroups": _STATS + "hierarchy.terms",
    "TimeBasis": _ROOM + "hazards.time_basis",
    "Variable": _STATS + "missing.new_rows",
}
"""Frozen dataclasses, by name: their module, and ":" and the class where it has another name here.
Their fields are written."""

REFUSED: dict[str, str] = {
    "WrappedModel": "save the model with its own library, and wrap it again once it is loaded",
}
"""Estimators that cannot be written, by class name: what to do instead."""


@cache
def find_class(table: str, name: str) -> Any:
    """Return the class of a name in "estimators" or "records"; None where it has none."""
    place = _TABLES[table].get(name)
    if place is None:
        return None
    module, _, own = place.partition(":")
    return getattr(import_module(module), own or name)


def name_of(table: str, value: object) -> str | None:
    """Return the name under which the class of a value stands in the table, if it does."""
    kind = type(value)
    return _names(table).get(f"{kind.__module__}:{kind.__qualname__}")


@cache
def _names(table: str) -> dict[str, str]:
    return {
        place if ":" in place else f"{place}:{name}": name for name, place in _TABLES[table].items()
    }


_TABLES = {"estimators": ESTIMATORS, "records": RECORDS}
