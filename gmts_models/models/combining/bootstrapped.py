"""Intervals for any model, from fits to people drawn again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, GmtsError, InputError
from gmts_models.models.combining.bootstrap_limits import bootstrap_limits
from gmts_models.models.combining.drawn_people import DrawnPeople, draw_people
from gmts_models.models.combining.incidence_interval import IncidenceInterval
from gmts_models.models.combining.inner_models import (
    check_model,
    fit_clone,
    inner_has,
    takes_weights,
)
from gmts_models.models.missing.imputed import check_counts
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Ints, Outcome

_FEWEST = 20
"""Refits below which limits at the usual levels mean nothing."""
_MOST_FAILED = 0.1
_MOST_CELLS = 20_000_000
"""Predictions of all refits held at once."""
METHOD = "bootstrap"


class Bootstrapped(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Fit a model, and again to people drawn with replacement, for intervals.

    Parameters
    ----------
    estimator : model to be fitted; clones of it are.
    repetitions : refits, at least 20. 200 are enough for limits at 95 %.
    by : column of X, or several, within whose labels people are drawn, such as the cohort or the
        strata of the model; None to draw from all.
    seed : of the draws.
    n_jobs : processes for the refits; the numbers are the same for any.

    Attributes
    ----------
    estimator_ : the fit to everyone, whose risks are predicted.
    refits_ : the fits to people drawn again.
    failed_ : number of refits that failed, or that do not know a label of X that was not drawn;
        at most a tenth of them.
    causes_ : names of the causes, where the estimator is a model of causes.
    feature_names_in_ : columns of X.

    Notes
    -----
    People are drawn whole, with all of their rows. Where the estimator takes weights, it gets all
    rows with the number of copies as their weight: nothing is copied, and a person stays one
    person in folds that the estimator makes. Otherwise, as for a pipeline, rows are copied.

    Limits say how far off the risk may be because other people might have come, if the model
    holds. They do not make up for a model that is wrong or, like one with a strong penalty, drawn
    towards the average. How they are made is in `bootstrap_limits`.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap; Davison & Hinkley (1997),
    Bootstrap Methods and their Application, chs. 3 and 5.
    """

    estimator_: Any
    refits_: list[Any]
    failed_: int

    def __init__(
        self,
        estimator: Any,
        repetitions: int = 200,
        by: str | Sequence[str] | None = None,
        seed: int = 0,
        n_jobs: int | None = 1,
    ) -> None:
        self.estimator = estimator
        self.repetitions = repetitions
        self.by = by
        self.seed = seed
        self.n_jobs = n_jobs

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Fit to everyone, then to people drawn again.

        Raises
        ------
        FitError : the fit to everyone fails, or more than a tenth of the refits do.
        """
        rows = training_rows(X, y, sample_weight, model="Bootstrapped", must_leave=False)
        check_model(self.estimator, "Bootstrapped(estimator=...)")
        check_counts("Bootstrapped", repetitions=(self.repetitions, _FEWEST), seed=(self.seed, 0))
        stratum = self._strata(rows.X)
        remember_columns(self, rows.X)
        self.estimator_ = fit_clone(self.estimator, rows)
        rng = np.random.default_rng(self.seed)
        drawn = draw_people(rows, stratum, self.repetitions, rng)
        weighted = takes_weights(self.estimator)
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(_refit)(self.estimator, rows, drawn, sample, weighted)
            for sample in range(self.repetitions)
        )
        self.refits_ = [fit for fit, _ in found if fit is not None]
        self.failed_ = self.repetitions - len(self.refits_)
        if self.failed_ > _MOST_FAILED * self.repetitions:
            reasons = Counter(reason for _, reason in found if reason is not None)
            raise FitError(
                f"{self.failed_} of {self.repetitions} refits to people drawn again failed, most "
                f"often since: {reasons.most_common(1)[0][0]}",
                where="Bootstrapped",
                fix="draw within the labels that the model needs, Bootstrapped(by=...), or use a "
                "simpler or penalised model",
            )
        return self

    def _strata(self, X: pd.DataFrame) -> Ints:
        if self.by is None:
            return np.zeros(len(X), dtype=np.int64)
        names = [self.by] if isinstance(self.by, str) else list(self.by)
        if missing := [name for name in names if name not in X]:
            raise InputError(f"X has no column {missing[0]!r}", where="Bootstrapped(by=...)")
        return np.asarray(X[names].astype(str).groupby(names).ngroup(), dtype=np.int64)

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks of the fit to everyone."""
        check_is_fitted(self)
        risk: Floats = self.estimator_.predict_risk(new_rows(self, X), horizons)
        return risk

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits; NaN where half of the refits or more have no risk."""
        risk, lower, upper = self._limits("predict_risk", X, horizons, level)
        return RiskInterval(
            horizons=check_horizons(horizons),
            risk=risk,
            lower=lower,
            upper=upper,
            level=level,
            method=METHOD,
        )

    @available_if(inner_has("predict_incidence"))  # type: ignore[untyped-decorator]
    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) incidences of the fit to everyone, where the estimator has them."""
        check_is_fitted(self)
        incidence: Floats = self.estimator_.predict_incidence(new_rows(self, X), horizons)
        return incidence

    @available_if(inner_has("predict_incidence"))  # type: ignore[untyped-decorator]
    def predict_incidence_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> IncidenceInterval:
        """Return incidences with limits, where the estimator is a model of causes."""
        incidence, lower, upper = self._limits("predict_incidence", X, horizons, level)
        return IncidenceInterval(
            horizons=check_horizons(horizons),
            causes=tuple(self.causes_),
            incidence=incidence,
            lower=lower,
            upper=upper,
            level=level,
            method=METHOD,
        )

    @property
    def causes_(self) -> tuple[str, ...]:
        """Names of the k causes of the estimator."""
        causes: tuple[str, ...] = self.estimator_.causes_
        return causes

    def _limits(
        self, name: str, X: pd.DataFrame, horizons: npt.ArrayLike, level: float
    ) -> tuple[Floats, Floats, Floats]:
        """Return estimate, lower and upper of what a method predicts, a few rows at a time."""
        check_is_fitted(self)
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        estimate = np.asarray(getattr(self.estimator_, name)(frame, months), dtype=float)
        lower, upper = np.empty_like(estimate), np.empty_like(estimate)
        a_row = max(len(self.refits_) * int(np.prod(estimate.shape[1:])), 1)
        step = max(_MOST_CELLS // a_row, 1)
        for begin in range(0, len(frame), step):
            rows = slice(begin, begin + step)
            draws = np.array([getattr(fit, name)(frame.iloc[rows], months) for fit in self.refits_])
            lower[rows], upper[rows] = bootstrap_limits(estimate[rows], draws, level)
        return estimate, lower, upper


def _refit(
    estimator: Any, rows: TrainingRows, drawn: DrawnPeople, sample: int, weighted: bool
) -> tuple[Any, str | None]:
    """Return a fit to a sample, or None and why it failed."""
    weights = drawn.weights(sample, rows)
    if weighted:
        taken = TrainingRows(X=rows.X, y=rows.y, weight=weights)
    else:
        copies = drawn.rows(sample)
        taken = TrainingRows(X=rows.X.iloc[copies], y=rows.y[copies], weight=None)
    try:
        fit = fit_clone(estimator, taken)
        if (weights == 0).any():  # labels of people who were not drawn may be unknown to the fit
            fit.predict_risk(rows.X.iloc[np.flatnonzero(weights == 0)], [0.0])
    except GmtsError as error:
        return None, error.what
    return fit, None
