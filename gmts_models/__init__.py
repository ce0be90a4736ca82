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
    from gmts_models.explanation.contrast import contrast as contrast
    from gmts_models.explanation.dependence import (
        accumulated_local_effects as accumulated_local_effects,
    )
    from gmts_models.explanation.dependence import partial_dependence as partial_dependence
    from gmts_models.explanation.importance import permutation_importance as permutation_importance
    from gmts_models.explanation.ratios import ratio_table as ratio_table
    from gmts_models.explanation.reasons import explain as explain
    from gmts_models.explanation.shapley import shapley_values as shapley_values
    from gmts_models.features.attribute import Attribute as Attribute
    from gmts_models.features.episodes import build_episodes as build_episodes
    from gmts_models.features.table import FeatureTable as FeatureTable
    from gmts_models.features.table import build_features as build_features
    from gmts_models.models.adapters.wrapped import WrappedModel as WrappedModel
    from gmts_models.models.adapters.wrapped import adopt as adopt
    from gmts_models.models.adapters.wrapped import wrap as wrap
    from gmts_models.models.checks.proportionality import (
        check_proportional_hazards as check_proportional_hazards,
    )
    from gmts_models.models.checks.sample_size import check_sample_size as check_sample_size
    from gmts_models.models.classifiers.horizon_classifier import (
        HorizonClassifier as HorizonClassifier,
    )
    from gmts_models.models.combining.bootstrapped import Bootstrapped as Bootstrapped
    from gmts_models.models.combining.conformal_time import ConformalTime as ConformalTime
    from gmts_models.models.combining.stacked import StackedRisk as StackedRisk
    from gmts_models.models.combining.tuned import Tuned as Tuned
    from gmts_models.models.exits.cause_specific import CauseSpecificCox as CauseSpecificCox
    from gmts_models.models.exits.fine_gray import FineGray as FineGray
    from gmts_models.models.files.load import load_model as load_model
    from gmts_models.models.files.save import save_model as save_model
    from gmts_models.models.fitted import FittedModel as FittedModel
    from gmts_models.models.fitted import fit as fit
    from gmts_models.models.grouped import Grouped as Grouped
    from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard as DiscreteTimeHazard
    from gmts_models.models.hierarchical.cox import HierarchicalCox as HierarchicalCox
    from gmts_models.models.hierarchical.hazard import HierarchicalHazard as HierarchicalHazard
    from gmts_models.models.missing.imputed import Imputed as Imputed
    from gmts_models.models.missing.imputed import impute as impute
    from gmts_models.models.missing.multiple_imputation import (
        MultipleImputation as MultipleImputation,
    )
    from gmts_models.models.pipeline import RiskPipeline as RiskPipeline
    from gmts_models.models.protocol import RiskInterval as RiskInterval
    from gmts_models.models.scorers import risk_scorer as risk_scorer
    from gmts_models.models.survival.cox import CoxPH as CoxPH
    from gmts_models.models.survival.cox_elastic_net import CoxElasticNet as CoxElasticNet
    from gmts_models.models.survival.cox_firth import CoxFirth as CoxFirth
    from gmts_models.models.survival.cox_time_effects import CoxTimeEffects as CoxTimeEffects
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
    "Bootstrapped": "models.combining.bootstrapped",
    "CauseSpecificCox": "models.exits.cause_specific",
    "Checked": "data.people",
    "ConformalTime": "models.combining.conformal_time",
    "CoxElasticNet": "models.survival.cox_elastic_net",
    "CoxFirth": "models.survival.cox_firth",
    "CoxPH": "models.survival.cox",
    "CoxTimeEffects": "models.survival.cox_time_effects",
    "Database": "data.reading.database",
    "DiscreteTimeHazard": "models.hazards.discrete_time",
    "Evaluation": "evaluation.evaluate",
    "ExponentialAFT": "models.survival.parametric",
    "FeatureTable": "features.table",
    "FineGray": "models.exits.fine_gray",
    "FittedModel": "models.fitted",
    "GeneralisedGammaAFT": "models.survival.flexible",
    "GmtsError": "errors",
    "Grouped": "models.grouped",
    "HierarchicalCox": "models.hierarchical.cox",
    "HierarchicalHazard": "models.hierarchical.hazard",
    "HorizonClassifier": "models.classifiers.horizon_classifier",
    "Imputed": "models.missing.imputed",
    "IncidenceTable": "reporting.incidence",
    "KaplanMeier": "models.survival.kaplan_meier",
    "LogLogisticAFT": "models.survival.parametric",
    "LogNormalAFT": "models.survival.parametric",
    "MissingSensitivity": "evaluation.sensitivity",
    "MultipleImputation": "models.missing.multiple_imputation",
    "Outcome": "outcome",
    "People": "data.people",
    "RetentionTable": "reporting.retention",
    "RiskInterval": "models.protocol",
    "RiskPipeline": "models.pipeline",
    "Run": "experiment",
    "SplineAFT": "models.survival.flexible",
    "StackedRisk": "models.combining.stacked",
    "Tuned": "models.combining.tuned",
    "WeibullAFT": "models.survival.parametric",
    "WrappedModel": "models.adapters.wrapped",
    "accumulated_local_effects": "explanation.dependence",
    "adopt": "models.adapters.wrapped",
    "build_episodes": "features.episodes",
    "build_features": "features.table",
    "check_proportional_hazards": "models.checks.proportionality",
    "check_sample_size": "models.checks.sample_size",
    "contrast": "explanation.contrast",
    "evaluate": "evaluation.evaluate",
    "explain": "explanation.reasons",
    "fit": "models.fitted",
    "from_snapshots": "data.snapshots.load",
    "impute": "models.missing.imputed",
    "incidence_table": "reporting.incidence",
    "load_dataset": "data.open.datasets",
    "load_model": "models.files.load",
    "load_trainees": "data.load",
    "missing_sensitivity": "evaluation.sensitivity",
    "partial_dependence": "explanation.dependence",
    "permutation_importance": "explanation.importance",
    "pool_scores": "evaluation.score_pooling",
    "ratio_table": "explanation.ratios",
    "retention_table": "reporting.retention",
    "risk_scorer": "models.scorers",
    "run_experiment": "experiment",
    "save_model": "models.files.save",
    "shapley_values": "explanation.shapley",
    "simulate_trainees": "data.synthetic.scheme",
    "wrap": "models.adapters.wrapped",
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
