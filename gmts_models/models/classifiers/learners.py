"""Who learns the risk by one horizon: classifiers, or regressions on pseudo-observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special
from sklearn.base import clone, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from gmts_models.errors import InputError
from gmts_models.models.classifiers.horizon_targets import RIDGE, HorizonTarget
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.regression.horizon_logistic import (
    HorizonLogistic,
    fit_horizon_logistic,
    log_odds,
)

_WHERE = "HorizonClassifier(estimator=...)"
_OF_THE_SOLVER = (
    "C",
    "max_iter",
    "tol",
    "solver",
    "random_state",
    "n_jobs",
    "verbose",
    "warm_start",
)
"""Parameters of LogisticRegression that do not change which maximum is looked for, and C."""


def check_learner(estimator: Any, *, pseudo: bool) -> None:
    """Raise InputError where an estimator cannot learn a risk from weighted or pseudo-values."""
    if estimator is None:
        return
    name = type(estimator).__name__
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise InputError(f"{name} is no scikit-learn estimator", where=_WHERE)
    if ridge_of(estimator) is not None:
        return
    if pseudo and type(estimator) is LogisticRegression:
        raise InputError(
            "on pseudo-observations LogisticRegression has a ridge penalty, or none, and an "
            "intercept",
            where=f"{_WHERE}, {', '.join(_not_by_ridge(estimator))}",
            fix="leave these parameters as they are by default",
        )
    if pseudo and not is_regressor(estimator):
        raise InputError(
            f"{name} cannot learn from pseudo-observations, which lie outside 0 and 1",
            where=_WHERE,
            fix="None, LogisticRegression, a regressor that minimises squared error, or "
            'censoring="kaplan_meier"',
        )
    if not pseudo and not hasattr(estimator, "predict_proba"):
        raise InputError(f"{name} gives no probabilities (predict_proba)", where=_WHERE)
    if not has_fit_parameter(estimator, "sample_weight"):
        raise InputError(
            f"{name} takes no sample_weight, by which rows are weighed",
            where=_WHERE,
            fix="give the estimator itself; encode by encoder=..., and tune the HorizonClassifier "
            "(estimator__...)",
        )


def ridge_of(estimator: Any) -> float | None:
    """Return the ridge penalty of a logistic regression, 0 for none; None of another estimator."""
    if estimator is None:
        return RIDGE
    if type(estimator) is not LogisticRegression or _not_by_ridge(estimator):
        return None
    free = estimator.get_params().get("penalty") is None
    return 0.0 if free else 1 / float(estimator.C)


def _not_by_ridge(estimator: LogisticRegression) -> list[str]:
    """Return the parameters by which a LogisticRegression is not ridge with an intercept."""
    usual = LogisticRegression().get_params()
    return sorted(
        key
        for key, value in estimator.get_params().items()
        if key not in _OF_THE_SOLVER
        and value != usual[key]
        and not (key == "penalty" and value in (None, "l2"))
        and not (key == "l1_ratio" and not value)
    )


def fit_learner(
    estimator: Any,
    matrix: Floats,
    target: HorizonTarget,
    weight: Floats | None,
    people: Ints,
    names: Sequence[str],
    *,
    pseudo: bool,
) -> Any:
    """Learn the risk by one horizon.

    Parameters
    ----------
    estimator : as checked by `check_learner`.
    matrix : (n, p) standardised columns, `names` (p,) of them.
    target : what the rows say.
    weight : (n,) case weights, above 0; None for 1.
    people : (n,) codes of people.
    pseudo : whether the target holds pseudo-observations.

    Returns
    -------
    A fitted estimator or `HorizonLogistic`; a float where all are alike; None where nobody's
    state is known.
    """
    known = target.factor > 0
    if not known.any():
        return None
    value, factor = target.value[known], target.factor[known]
    if (value == value[0]).all():
        return float(value[0])
    case = None if weight is None else weight[known]
    if (ridge := ridge_of(estimator)) is not None:
        refuse_gaps(None, matrix)
        penalty = np.append(0.0, np.full(matrix.shape[1], ridge))
        return fit_horizon_logistic(
            _with_intercept(matrix[known]),
            value,
            case,
            people[known],
            factors=factor,
            penalty=penalty,
            names=("intercept", *names),
        )
    refuse_gaps(estimator, matrix)
    total = factor if case is None else factor * case
    labels = value if pseudo else value == 1
    return clone(estimator).fit(matrix[known], labels, sample_weight=total)


def learned_risk(learner: Any, matrix: Floats) -> Floats:
    """Return (n,) risks by the horizon of a learner; NaN where there is none."""
    if not len(matrix):  # scikit-learn refuses to predict for nobody
        return np.empty(0)
    if learner is None or isinstance(learner, float):
        return np.full(len(matrix), np.nan if learner is None else learner)
    if isinstance(learner, HorizonLogistic):
        refuse_gaps(None, matrix)
        return np.asarray(special.expit(_with_intercept(matrix) @ learner.coefficients))
    refuse_gaps(learner, matrix)
    if is_regressor(learner):
        return np.asarray(np.clip(learner.predict(matrix), 0.0, 1.0), dtype=float)
    return np.asarray(learner.predict_proba(matrix)[:, 1], dtype=float)


def risk_limits(learner: HorizonLogistic, matrix: Floats, z: float) -> tuple[Floats, Floats]:
    """Return (n,) limits of the risk, `z` standard errors of the log odds to either side."""
    refuse_gaps(None, matrix)
    odds, std_err = log_odds(learner, _with_intercept(matrix))
    lower, upper = special.expit([odds - z * std_err, odds + z * std_err])
    return lower, upper


def refuse_gaps(estimator: Any, matrix: Floats) -> None:
    """Raise InputError where an encoder leaves gaps that the estimator cannot take."""
    takes = estimator is not None and get_tags(estimator).input_tags.allow_nan
    if takes or np.isfinite(matrix).all():
        return
    name = "logistic regression" if estimator is None else type(estimator).__name__
    raise InputError(
        f"{name} does not take missing values, and the encoder leaves some",
        where="X",
        fix="the default encoder fills them; or an estimator such as "
        "HistGradientBoostingClassifier",
    )


def _with_intercept(matrix: Floats) -> Floats:
    return np.column_stack([np.ones(len(matrix)), matrix])
