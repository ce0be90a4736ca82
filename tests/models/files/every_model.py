"""A fitted example of every model, small, on made-up people whose values are easy to look for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.combining.bootstrapped import Bootstrapped
from gmts_models.models.combining.conformal_time import ConformalTime
from gmts_models.models.combining.stacked import StackedRisk
from gmts_models.models.combining.tuned import Tuned
from gmts_models.models.encoding import make_encoder
from gmts_models.models.exits.cause_specific import CauseSpecificCox
from gmts_models.models.exits.fine_gray import FineGray
from gmts_models.models.grouped import Grouped
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.models.pipeline import RiskPipeline
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.cox_elastic_net import CoxElasticNet
from gmts_models.models.survival.cox_firth import CoxFirth
from gmts_models.models.survival.cox_time_effects import CoxTimeEffects
from gmts_models.models.survival.flexible import GeneralisedGammaAFT, SplineAFT
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import (
    ExponentialAFT,
    LogLogisticAFT,
    LogNormalAFT,
    WeibullAFT,
)
from gmts_models.outcome import Outcome

HORIZONS = [3.0, 6.5, 12.0, 18.0]


def made_up(n: int = 179, seed: int = 3) -> tuple[pd.DataFrame, Outcome]:
    """Return X and y of n people; who leaves does so from one of two causes."""
    rng = np.random.default_rng(seed)
    score = rng.normal(50, 10, n)
    specialism = rng.choice(["Finance", "Human Resources", "Policy"], n)
    region = rng.choice(["London", "Midlands", None], n, p=[0.5, 0.4, 0.1])
    X = pd.DataFrame(
        {
            "specialism": specialism.astype(object),
            "region": region,
            "score": np.where(rng.uniform(size=n) < 0.15, np.nan, score),
            "age": rng.uniform(21, 40, n),
        },
        index=pd.Index([f"trainee-{seed}-{number:04d}-xq" for number in range(n)]),
    )
    hazard = 0.03 * np.exp((score - 50) / 20 + 0.4 * (specialism == "Policy"))
    time = np.ceil(rng.gamma(2.0, 0.6 / hazard))
    census = rng.integers(15, 30, n).astype(float)
    event = np.where(time <= census, rng.integers(1, 3, n), 0)
    y = Outcome(0, np.minimum(time, census), event, ["left", "moved"], ids=X.index, index=X.index)
    return X, y


def trees() -> Any:
    return HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=15, random_state=0)


def forest() -> Any:
    return RandomForestClassifier(4, min_samples_leaf=10, random_state=0)


def horizons(estimator: Any = None, **options: Any) -> Any:
    return HorizonClassifier(estimator, horizons=(6, 12, 18), **options)


@cache
def fitted_trees() -> Any:
    """Fit gradient boosting once for all tests of this process."""
    return horizons(trees(), encoder=make_encoder(impute=False)).fit(*made_up())


EXAMPLES: dict[str, list[Callable[[], Any]]] = {
    "KaplanMeier": [KaplanMeier, lambda: KaplanMeier(by=None)],
    "CoxPH": [
        CoxPH,
        lambda: CoxPH(strata="specialism", robust=True),
        lambda: CoxPH(alpha=0.5, ties="breslow", encoder=make_encoder()),
    ],
    "WeibullAFT": [WeibullAFT],
    "ExponentialAFT": [lambda: ExponentialAFT(alpha=0.1)],
    "LogNormalAFT": [LogNormalAFT],
    "LogLogisticAFT": [LogLogisticAFT],
    "GeneralisedGammaAFT": [GeneralisedGammaAFT],
    "SplineAFT": [SplineAFT],
    "HorizonClassifier": [
        horizons,
        lambda: horizons(LogisticRegression(C=0.5), calibration="platt", folds=3),
        lambda: horizons(trees(), encoder=make_encoder(impute=False)),
        lambda: horizons(forest()),
        lambda: horizons(calibration="isotonic", censoring="cox", folds=3),
        lambda: horizons(censoring="pseudo"),
    ],
    "MultipleImputation": [
        lambda: MultipleImputation(CoxPH(), m=2, iterations=4),
        lambda: MultipleImputation(KaplanMeier(), m=2, iterations=4, columns=["region"]),
    ],
    "RiskPipeline": [
        lambda: RiskPipeline([("encode", make_encoder()), ("model", CoxPH())]),
    ],
    "Grouped": [
        lambda: Grouped(CoxPH(alpha=1.0)),
        lambda: Grouped(CoxPH(), pooling="full"),
        lambda: Grouped(CoxPH(), pooling="partial"),
    ],
    "HierarchicalCox": [
        HierarchicalCox,
        lambda: HierarchicalCox(slopes=("age",), crossed=("region",)),
    ],
    "HierarchicalHazard": [lambda: HierarchicalHazard(width=3.0)],
    "CoxElasticNet": [lambda: CoxElasticNet(folds=3)],
    "CoxFirth": [CoxFirth],
    "CoxTimeEffects": [lambda: CoxTimeEffects(effects={"age": "log"})],
    "DiscreteTimeHazard": [
        DiscreteTimeHazard,
        lambda: DiscreteTimeHazard(time_basis="steps", time_varying=("age",), width=3.0),
        lambda: DiscreteTimeHazard(by_cause=True),
        lambda: DiscreteTimeHazard(trees()),
        lambda: DiscreteTimeHazard(forest()),
    ],
    "StackedRisk": [
        lambda: StackedRisk(
            [("cox", CoxPH(alpha=1.0)), ("groups", KaplanMeier())], (6, 12), folds=2
        )
    ],
    "Tuned": [lambda: Tuned(CoxPH(), {"alpha": [0.5, 2.0]}, horizons=(6, 12), folds=2)],
    "Bootstrapped": [lambda: Bootstrapped(CoxPH(alpha=1.0), repetitions=20)],
    "CauseSpecificCox": [lambda: CauseSpecificCox(alpha=1.0, strata="specialism")],
    "FineGray": [lambda: FineGray(alpha=1.0)],
    "ConformalTime": [lambda: ConformalTime(CoxPH(alpha=1.0), folds=2)],
}
"""Examples by class name. A model that has none fails `test_every_model_has_an_example`."""
