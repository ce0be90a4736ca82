"""From a model's specification to the estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from gmts_models.config import (
    BoostingSpec,
    CoxSpec,
    KaplanMeierSpec,
    LogisticSpec,
    ModelSpec,
    WeibullSpec,
)
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.encoding import make_encoder
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import WeibullAFT


def make_model(spec: ModelSpec, horizons: Sequence[float], seed: int = 0) -> Any:
    """Return an unfitted estimator.

    Parameters
    ----------
    spec : of the configuration.
    horizons : months at which classifiers are fitted.
    seed : of estimators that draw.
    """
    match spec:
        case KaplanMeierSpec():
            return KaplanMeier(by=spec.by)
        case CoxSpec():
            return CoxPH(alpha=spec.alpha, strata=spec.strata, robust=spec.robust)
        case WeibullSpec():
            return WeibullAFT(alpha=spec.alpha)
        case LogisticSpec():
            return HorizonClassifier(
                LogisticRegression(C=1 / spec.alpha, max_iter=1000),
                tuple(horizons),
                censoring_by=spec.censoring_by,
            )
        case BoostingSpec():
            trees = HistGradientBoostingClassifier(
                max_iter=spec.max_iter,
                learning_rate=spec.learning_rate,
                max_leaf_nodes=spec.max_leaf_nodes,
                min_samples_leaf=spec.min_samples_leaf,
                early_stopping=False,
                random_state=seed,
            )
            return HorizonClassifier(
                trees,
                tuple(horizons),
                censoring_by=spec.censoring_by,
                encoder=make_encoder(impute=False),
            )
    assert_never(spec)
