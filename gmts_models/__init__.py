"""Retention prediction and statistical modelling for schemes that take people in cohorts.

The names below load on first use, so that importing the package is quick.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmts_models.data.load import load_trainees as load_trainees
    from gmts_models.data.open.datasets import load_dataset as load_dataset
    from gmts_models.data.people import Checked as Checked
    from gmts_models.data.people import People as People
    from gmts_models.data.reading.database import Database as Database
    from gmts_models.data.snapshots.load import from_snapshots as from_snapshots
    from gmts_models.data.synthetic.scheme import simulate_trainees as simulate_trainees
    from gmts_models.errors import GmtsError as GmtsError
    from gmts_models.evaluation.evaluate import Evaluation as Evaluation
    from gmts_models.evaluation.evaluate import evaluate as evaluate
    from gmts_models.evaluation.score_pooling import pool_scores as pool_scores
    from gmts_models.evaluation.sensitivity import MissingSensitivity as MissingSensitivity
    from gmts_models.evaluation.sensitivity import missing_sensitivity as missing_sensitivity
    from gmts_models.experiment import Run as Run
    from gmts_models.experiment import run_experiment as run_experiment
    from gmts_models.features.attribute import Attribute as Attribute
    from gmts_models.features.episodes import build_episodes as build_episodes
    from gmts_models.features.table import FeatureTable as FeatureTable
    from gmts_models.features.table import build_features as build_features
    from gmts_models.models.classifiers.horizon_classifier import (
        HorizonClassifier as HorizonClassifier,
    )
    from gmts_models.models.fitted import FittedModel as FittedModel
    from gmts_models.models.fitted import fit as fit
    from gmts_models.models.missing.imputed import Imputed as Imputed
    from gmts_models.models.missing.imputed import impute as impute
    from gmts_models.models.missing.multiple_imputation import (
        MultipleImputation as MultipleImputation,
    )
    from gmts_models.models.survival.cox import CoxPH as CoxPH
    from gmts_models.models.survival.flexible import GeneralisedGammaAFT as GeneralisedGammaAFT
    from gmts_models.models.survival.flexible import SplineAFT as SplineAFT
    from gmts_models.models.survival.kaplan_meier import KaplanMeier as KaplanMeier
    from gmts_models.models.survival.parametric import ExponentialAFT as ExponentialAFT
    from gmts_models.models.survival.parametric import LogLogisticAFT as LogLogisticAFT
    from gmts_models.models.survival.parametric import LogNormalAFT as LogNormalAFT
    from gmts_models.models.survival.parametric import WeibullAFT as WeibullAFT
    from gmts_models.outcome import Outcome as Outcome
    from gmts_models.reporting.incidence import IncidenceTable as IncidenceTable
    from gmts_models.reporting.incidence import incidence_table as incidence_table
    from gmts_models.reporting.retention import RetentionTable as RetentionTable
    from gmts_models.reporting.retention import retention_table as retention_table

_HOME = {
    "Attribute": "features.attribute",
    "Checked": "data.people",
    "CoxPH": "models.survival.cox",
    "Database": "data.reading.database",
    "Evaluation": "evaluation.evaluate",
    "ExponentialAFT": "models.survival.parametric",
    "FeatureTable": "features.table",
    "FittedModel": "models.fitted",
    "GeneralisedGammaAFT": "models.survival.flexible",
    "GmtsError": "errors",
    "HorizonClassifier": "models.classifiers.horizon_classifier",
    "IncidenceTable": "reporting.incidence",
    "Imputed": "models.missing.imputed",
    "KaplanMeier": "models.survival.kaplan_meier",
    "LogLogisticAFT": "models.survival.parametric",
    "LogNormalAFT": "models.survival.parametric",
    "MissingSensitivity": "evaluation.sensitivity",
    "MultipleImputation": "models.missing.multiple_imputation",
    "Outcome": "outcome",
    "People": "data.people",
    "RetentionTable": "reporting.retention",
    "Run": "experiment",
    "SplineAFT": "models.survival.flexible",
    "WeibullAFT": "models.survival.parametric",
    "build_episodes": "features.episodes",
    "build_features": "features.table",
    "evaluate": "evaluation.evaluate",
    "fit": "models.fitted",
    "from_snapshots": "data.snapshots.load",
    "incidence_table": "reporting.incidence",
    "impute": "models.missing.imputed",
    "load_dataset": "data.open.datasets",
    "load_trainees": "data.load",
    "missing_sensitivity": "evaluation.sensitivity",
    "pool_scores": "evaluation.score_pooling",
    "retention_table": "reporting.retention",
    "run_experiment": "experiment",
    "simulate_trainees": "data.synthetic.scheme",
}

__version__ = version("gmts_models")
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gmts_models' has no attribute {name!r}")
    value = getattr(import_module(f"gmts_models.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
