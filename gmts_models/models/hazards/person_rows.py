"""Rows of people and periods, as a classifier sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.hazards.person_periods import PeriodSpans, PersonPeriods, expand_spans
from gmts_models.stats.hazards.ridge_hazard import PeriodColumns

_ROWS = 1 << 14  # copied at a time


def rows_at_risk(spans: PeriodSpans, columns: PeriodColumns) -> PersonPeriods:
    """Return a row for each person and period, but for periods in which nobody can leave."""
    cut = expand_spans(spans)
    if columns.at_risk.all():
        return cut
    kept = columns.at_risk[cut.period - 1]
    return PersonPeriods(row=cut.row[kept], period=cut.period[kept], event=cut.event[kept])


def person_matrix(X: Floats, row: Ints, period: Ints, columns: PeriodColumns) -> Floats:
    """Return (m, p + v + b) columns of people, their products with the trend, columns of time.

    Parameters
    ----------
    X : (n, p) columns of people, in the type that the result is to have.
    row, period : (m,) rows of X, and periods from 1.
    columns : of which the first of time, of ones, is left out.
    """
    p, v, b = X.shape[1], len(columns.varying), columns.time.shape[1] - 1
    matrix = np.empty((len(row), p + v + b), dtype=X.dtype)
    for start in range(0, len(row), _ROWS):  # so that no other copy is as large
        part = slice(start, start + _ROWS)
        at = period[part] - 1
        matrix[part, :p] = X[row[part]]
        if v:
            matrix[part, p : p + v] = matrix[part][:, columns.varying] * columns.trend[at, None]
        matrix[part, p + v :] = columns.time[at, 1:]
    return matrix


def fit_classifier(
    estimator: Any, X: Floats, cut: PersonPeriods, weights: Floats | None, columns: PeriodColumns
) -> Any:
    """Fit a (cloned) classifier of 0 = stays, 1..k = leaves for the cause; return it.

    Parameters
    ----------
    X : (n, p) columns of people.
    cut : rows of people and periods.
    weights : (n,) of people; None where all are 1, and then the estimator is not given any.

    Raises
    ------
    FitError : everyone leaves in each period.
    """
    if (cut.event != 0).all():
        raise FitError(
            "everyone leaves in the first period that they are followed in, so there is nothing to "
            "tell leavers from",
            where="DiscreteTimeHazard",
            fix="use shorter periods: width",
        )
    matrix = person_matrix(X, cut.row, cut.period, columns)
    given = {} if weights is None else {"sample_weight": weights[cut.row]}
    return estimator.fit(matrix, cut.event, **given)


def classifier_hazards(estimator: Any, X: Floats, columns: PeriodColumns, causes: int) -> Floats:
    """Return (n, q, k) hazards of people with columns X (n, p) in the periods of `columns`.

    A class that the estimator was not shown has hazard 0.
    """
    n, periods = len(X), np.flatnonzero(columns.at_risk) + 1
    hazards = np.zeros((n, len(columns.at_risk), causes))
    if not n or not len(periods):
        return hazards
    row, period = np.repeat(np.arange(n), len(periods)), np.tile(periods, n)
    chance = np.asarray(estimator.predict_proba(person_matrix(X, row, period, columns)))
    classes = np.asarray(estimator.classes_, dtype=np.int64)
    leaving = np.flatnonzero(classes)
    hazards[row[:, None], period[:, None] - 1, classes[leaving] - 1] = chance[:, leaving]
    return hazards


def check_classifier(estimator: Any, *, weighted: bool) -> None:
    """Refuse what cannot give chances of leaving, or would give wrong ones.

    Parameters
    ----------
    weighted : whether it is to be given weights.

    Raises
    ------
    InputError : it has no `predict_proba`, weighs its classes, or takes no `sample_weight`.
    """
    where = "DiscreteTimeHazard(estimator=...)"
    name = type(estimator).__name__
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise InputError("the estimator is not a classifier of scikit-learn's kind", where=where)
    if not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{name} has no predict_proba, and the hazard is a probability",
            where=where,
            fix="give a classifier that has, or put it into a CalibratedClassifierCV",
        )
    for key, value in estimator.get_params(deep=True).items():
        if key.split("__")[-1] == "class_weight" and value is not None:
            raise InputError(
                f"{name} weighs its classes, so its probabilities are not chances of leaving",
                where=f"{where}, {key}",
                fix="leave class_weight at None: few departures are no fault of the data",
            )
    if weighted and not has_fit_parameter(estimator, "sample_weight"):
        raise InputError(
            f"{name} takes no sample_weight in fit",
            where=where,
            fix="give a classifier that does, no sample_weight, and no unknown causes to share",
        )
