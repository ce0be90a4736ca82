"""Calibration: from a classifier's risks to those that were observed, learned out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
from scipy import special
from sklearn.isotonic import IsotonicRegression

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.regression.horizon_logistic import fit_horizon_logistic

Calibration = Literal["isotonic", "platt"]

_NEAREST = 1e-6
"""Risks nearer than this to 0 or 1 count as this near, so that their log odds are finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlattCurve:
    """Calibrated log odds = intercept + slope times log odds; slope >= 0."""

    intercept: float
    slope: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IsotonicCurve:
    """Calibrated risks (k,) at risks (k,), both increasing; straight between, flat outside."""

    risk: Floats
    calibrated: Floats


Curve = PlattCurve | IsotonicCurve


def people_in_folds(y: Outcome, folds: int, seed: int) -> Ints:
    """Deal people to folds, those who leave first, so that each fold has its share of them.

    Returns
    -------
    (n,) number of the fold of each row; all rows of a person are in one.

    Raises
    ------
    InputError : there are fewer people than folds.
    FitError : fewer than two people leave, so that a fold would learn from nobody who does.
    """
    person = np.unique(y.people, return_inverse=True)[1]
    count = int(person.max()) + 1
    if count < folds:
        raise InputError(
            f"{count} people cannot be dealt to {folds} folds",
            where="HorizonClassifier(folds=...)",
            fix="fewer folds, or calibration=None",
        )
    leaves = np.bincount(person, y.left, count) > 0
    if leaves.sum() < 2:
        raise FitError(
            "fewer than two people leave: nothing can be calibrated out of fold",
            where="y",
            fix="calibration=None",
        )
    order = np.lexsort((np.random.default_rng(seed).permutation(count), ~leaves))
    fold = np.empty(count, dtype=np.int64)
    fold[order] = np.arange(count) % folds
    return fold[person]


def fit_curve(kind: Calibration, risk: Floats, target: Floats, weight: Floats) -> Curve:
    """Learn how the observed goes with the predicted.

    Parameters
    ----------
    kind : "platt" takes two numbers from the data, "isotonic" as many steps as they show.
    risk : (n,) predicted by models that did not see the row's person.
    target : (n,) 1 = left, 0 = did not, or a pseudo-observation.
    weight : (n,) censoring weight times case weight, above 0.

    Notes
    -----
    Platt's targets lie a little inside 0 and 1, as if one more had left and one more had not. A
    slope below 0, of a prediction that is worse than none, becomes 0.

    Source: Platt (1999), Advances in Large Margin Classifiers 61-74; Zadrozny & Elkan (2002), KDD
    694-699.
    """
    match kind:
        case "isotonic":
            steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
            steps.fit(risk, target, sample_weight=weight)
            return IsotonicCurve(risk=steps.X_thresholds_, calibrated=steps.y_thresholds_)
        case "platt":
            return _platt(_log_odds(risk), target, weight)
    assert_never(kind)


def _platt(odds: Floats, target: Floats, weight: Floats) -> PlattCurve:
    left = max(float(weight @ target), 0.0)
    stayed = max(float(weight.sum()) - left, 0.0)
    low, high = 1 / (stayed + 2), (left + 1) / (left + 2)
    inside = low + (high - low) * target
    if np.ptp(odds) > 1e-9:
        design = np.column_stack([np.ones(len(odds)), odds])
        intercept, slope = fit_horizon_logistic(design, inside, weight).coefficients
        if slope > 0:
            return PlattCurve(intercept=float(intercept), slope=float(slope))
    mean = np.clip(np.average(inside, weights=weight), _NEAREST, 1 - _NEAREST)
    return PlattCurve(intercept=float(special.logit(mean)), slope=0.0)


def calibrated(curve: Curve, risk: Floats) -> Floats:
    """Return (n,) calibrated risks."""
    match curve:
        case PlattCurve():
            return np.asarray(special.expit(curve.intercept + curve.slope * _log_odds(risk)))
        case IsotonicCurve():
            return np.asarray(np.interp(risk, curve.risk, curve.calibrated), dtype=float)
    assert_never(curve)


def _log_odds(risk: Floats) -> Floats:
    return np.asarray(special.logit(np.clip(risk, _NEAREST, 1 - _NEAREST)))
