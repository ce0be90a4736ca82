"""Classifiers as models of risk: one a horizon, the censored made up for by weights.

Dropping those who are censored before the horizon would keep the leavers and lose the stayers,
and overstate risk. Here those whose state is known stand for the others (``stats/censoring.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.models.encoding import apply_design, fit_design
from gmts_models.models.protocol import (
    RiskMixin,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.censoring import censoring_weights


class HorizonClassifier(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """A probability of having left by each of a few horizons.

    Parameters
    ----------
    estimator : scikit-learn classifier with `predict_proba` and `sample_weight`; None for
        logistic regression with a ridge penalty of 1. It sees standardised columns.
    horizons : months, increasing; between them the cumulative hazard is interpolated linearly,
        from 0 at 0. Past the last nothing is predicted.
    censoring_by : column of X whose labels are censored together (the cohort year), or several,
        such as ("cohort_year", "landmark"); None for one censoring curve.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    estimators_ : one fitted classifier a horizon; a float where only one class was seen, None
        where nobody was followed for as long.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    Late entry is refused: a classifier at a horizon has no risk set to put it in.

    Source: Vock et al. (2016), Journal of Biomedical Informatics 61:119-131.
    """

    estimators_: list[Any]
    terms_: tuple[str, ...]

    def __init__(
        self,
        estimator: Any = None,
        horizons: Sequence[float] = (12, 24, 36, 60),
        censoring_by: str | Sequence[str] | None = None,
        encoder: Any = None,
    ) -> None:
        self.estimator = estimator
        self.horizons = horizons
        self.censoring_by = censoring_by
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Fit a weighted classifier at each horizon."""
        frame = training_rows(X, y, model="HorizonClassifier").X
        months = check_horizons(self.horizons)
        if (np.diff(months) <= 0).any() or months[0] <= 0:
            raise InputError("horizons must increase, from above 0", where="HorizonClassifier")
        if y.delayed:
            raise FitError(
                "a classifier at a horizon cannot take late entry into account",
                where=f"y, {int((y.entry > 0).sum())} rows with entry > 0",
                fix="use a survival model: CoxPH or WeibullAFT",
            )
        remember_columns(self, frame)
        self.design_, matrix = fit_design(self.encoder, frame)
        self.terms_ = self.design_.names
        self.horizons_ = months
        strata = None if self.censoring_by is None else _codes(frame, self.censoring_by)
        self.estimators_ = [self._fit_one(matrix, y, h, strata) for h in months]
        if all(each is None for each in self.estimators_):
            raise NotEstimableError(
                f"nobody was followed for {months[0]:g} months",
                where="HorizonClassifier(horizons=...)",
                fix="ask for shorter horizons",
            )
        return self

    def _fit_one(self, matrix: Floats, y: Outcome, horizon: float, strata: Ints | None) -> Any:
        """Return a fitted classifier, a float where all are alike, None where nobody was seen."""
        at = censoring_weights(y, horizon, strata=strata)
        weight = at.weight[:, 0]
        known = weight > 0
        if not known.any():
            return None
        if len(np.unique(at.left[known])) == 1:
            return float(at.left[known][0])
        classifier = LogisticRegression(C=1.0) if self.estimator is None else clone(self.estimator)
        return classifier.fit(matrix[known], at.left[known], sample_weight=weight[known])

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the last horizon that anyone was followed to.

        Raises
        ------
        NotEstimableError : a horizon is past the last one of the fit.
        """
        check_is_fitted(self)
        months = check_horizons(horizons)
        if (months > self.horizons_[-1]).any():
            raise NotEstimableError(
                f"the classifiers were fitted up to {self.horizons_[-1]:g} months",
                where=f"horizons, {months.max():g}",
                fix="fit with a longer last horizon",
            )
        matrix = apply_design(self.design_, new_rows(self, X))
        risk = np.column_stack([_positive(each, matrix) for each in self.estimators_])
        risk = np.maximum.accumulate(risk, axis=1)  # and NaN from the first gap on
        with np.errstate(divide="ignore"):
            hazard = -np.log1p(-np.minimum(risk, 1 - 1e-15))
        knots = np.concatenate([[0.0], self.horizons_])
        values = np.column_stack([np.zeros(len(matrix)), hazard])
        return -np.expm1(-_interpolate(values, knots, months))


def _positive(classifier: Any, matrix: Floats) -> Floats:
    if classifier is None:
        return np.full(len(matrix), np.nan)
    if isinstance(classifier, float):
        return np.full(len(matrix), classifier)
    return np.asarray(classifier.predict_proba(matrix)[:, 1], dtype=float)


def _interpolate(values: Floats, knots: Floats, at: Floats) -> Floats:
    """Linearly interpolate the rows of `values` (n, k), known at `knots` (k,)."""
    right = np.clip(np.searchsorted(knots, at, side="left"), 1, len(knots) - 1)
    share = (at - knots[right - 1]) / (knots[right] - knots[right - 1])
    return np.asarray(values[:, right - 1] * (1 - share) + values[:, right] * share, dtype=float)


def _codes(frame: pd.DataFrame, columns: str | Sequence[str]) -> Ints:
    names = [columns] if isinstance(columns, str) else list(columns)
    for name in names:
        if name not in frame:
            raise InputError(
                f"X has no column {name!r}", where="HorizonClassifier(censoring_by=...)"
            )
    labels = frame[names].astype(str)
    return np.asarray(labels.groupby(names, sort=False).ngroup(), dtype=np.int64)
