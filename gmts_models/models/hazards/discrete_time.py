"""Any classifier as a model of risk: the chance to leave in each period, for those still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.exits.unknown_causes import UnknownCauses
from gmts_models.models.hazards.learning_rows import LearningRows, learning_rows
from gmts_models.models.hazards.logistic import (
    fit_logistic,
    limits_of_risk,
    risk_and_log_error,
    summary_table,
    unscaled,
)
from gmts_models.models.hazards.person_rows import (
    check_classifier,
    classifier_hazards,
    fit_classifier,
    rows_at_risk,
)
from gmts_models.models.hazards.time_basis import TimeBasis, TimeKind, fit_time_basis
from gmts_models.models.hazards.time_varying import terms_of
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.hazards.period_risk import incidence_by, spent_periods
from gmts_models.stats.hazards.ridge_hazard import (
    PeriodColumns,
    RidgeHazard,
    ridge_hazards,
)
from gmts_models.stats.intervals import normal_quantile

_NAME = "DiscreteTimeHazard"
_CELLS = 1 << 16  # people times periods that are predicted at a time


class DiscreteTimeHazard(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """The chance to leave in each period of those still there, by any classifier.

    Follow-up is cut into periods. Each person and period at risk is a row, which says whether the
    person left in it; a classifier of such rows gives hazards, and these the risk by any horizon.
    Those who are lost count for as long as they were seen.

    Parameters
    ----------
    estimator : scikit-learn classifier with `predict_proba`. It sees standardised columns and
        those of the period. None for logistic regression with a ridge penalty, which is the only
        one with coefficients and intervals of its own.
    alpha : ridge penalty where `estimator` is None: ``alpha / 2`` times the sum of squared
        coefficients, of columns and of those of the period, all of unit variance, is taken from
        the log likelihood (``LogisticRegression(C=1 / alpha)``). 0 for none: R's ``glm``.
    width : months in a period.
    time_basis, time_df : how the hazard changes with time, and with how many columns of "spline"
        or "steps"; see `fit_time_basis`. Give trees "linear": they find bends by themselves.
    time_varying : columns of X whose effect changes with time, linearly in the period.
    until : the last period to learn from and to predict; later departures are censored at its end.
    by_cause : whether causes of leaving are told apart, by a classifier of several classes.
    unknown_causes : where `by_cause`, "refuse" or "share" departures of unknown cause. Otherwise
        they count as leaving.
    encoder : transformer from X to numbers; None for `make_encoder`'s. For estimators that take
        missing values, ``make_encoder(impute=False)`` keeps them.

    Attributes
    ----------
    estimator_ : the fitted classifier; None where `estimator` is.
    time_basis_ : columns of the period.
    terms_ : (p,) names of the encoded columns, then of their products with time.
    coef_ : (p,) log odds ratio of leaving in a period per unit of each term; where `by_cause`
        (c, p), of the c causes that anybody left for. Products are with the distance of the period
        from the mean period, in which the other coefficients hold. Only where `estimator` is None.
    covariance_ : (p, p), or (c p, c p), of ``coef_.ravel()``: inverse of information and penalty.
    causes_ : names of the k causes, where `by_cause`.
    person_periods_ : number of rows of people and periods, by weight.
    uncounted_ : departures, by weight, that are in no such row: of people who came under
        observation in the period that they left in, or past `until`.
    feature_names_in_ : columns of X.

    Notes
    -----
    A period counts where a person was there at its beginning, and left in it or was seen to its
    end. Departures at month 0 are of the first. Late entry is respected. Within a period the
    cumulative hazard grows linearly. Risk is NaN past the last period that anyone was followed
    through, also where a classifier would give a number; periods before anyone came under
    observation take what the time basis and the classifier say of them.

    Few departures per row are no reason to draw rows again or to weigh classes: both ruin the
    risks, and a `class_weight` is refused. Boosting of few steps or small leaves overstates rare
    departures: leaves of some hundred rows and small learning rates do not; the observed and
    expected departures of ``gm.evaluate`` tell. Whatever splits rows by itself (early stopping,
    cross-validation inside the estimator) splits the periods of people: switch it off.

    Source: Allison (1982), Sociological Methodology 13:61-98; Tutz & Schmid (2016), Modeling
    Discrete Time-to-Event Data. Agrees with ``glm(binomial)`` and ``nnet::multinom`` on rows of
    people and periods.
    """

    estimator_: Any
    design_: Design | None
    time_basis_: TimeBasis
    terms_: tuple[str, ...]
    coef_: Floats
    covariance_: Floats
    causes_: tuple[str, ...]

    def __init__(
        self,
        estimator: Any = None,
        alpha: float = 1.0,
        width: float = 1.0,
        time_basis: TimeKind = "spline",
        time_df: int = 3,
        time_varying: Sequence[str] = (),
        until: int | None = None,
        by_cause: bool = False,
        unknown_causes: UnknownCauses = "refuse",
        encoder: Any = None,
    ) -> None:
        self.estimator = estimator
        self.alpha = alpha
        self.width = width
        self.time_basis = time_basis
        self.time_df = time_df
        self.time_varying = time_varying
        self.until = until
        self.by_cause = by_cause
        self.unknown_causes = unknown_causes
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Learn the hazards of the periods.

        Raises
        ------
        InputError : the estimator gives no chances, weighs its classes, or takes no weights where
            there are some; an option is none.
        FitError, NotEstimableError : nobody leaves, nobody was followed for a whole period; with
            alpha 0, a column separates those who leave.
        """
        rows = training_rows(X, y, sample_weight, model=_NAME)
        alpha: Any = self.alpha
        if not isinstance(alpha, Real) or not 0 <= float(alpha) < np.inf:
            raise InputError("alpha must be a number, at least 0", where=f"{_NAME}(alpha=...)")
        for name in ("causes_", "coef_", "covariance_"):  # of an earlier fit with other options
            self.__dict__.pop(name, None)
        remember_columns(self, rows.X)
        self.design_, matrix = _encode(self.encoder, rows.X, rows.weight)
        names = () if self.design_ is None else self.design_.names
        varying = terms_of(self.time_varying, names, list(rows.X.columns))
        learnt = learning_rows(
            matrix,
            rows.y,
            rows.weight,
            by_cause=self.by_cause,
            unknown_causes=self.unknown_causes,
            width=self.width,
            until=self.until,
        )
        self.time_basis_ = fit_time_basis(
            self.time_basis, learnt.departures, learnt.followed, df=self.time_df
        )
        self._trend = fit_time_basis("linear", learnt.departures, learnt.followed)
        self._varying = varying[: len(varying) * len(self._trend.names)]  # one period has no trend
        self.terms_ = (*names, *(f"{names[j]} x time" for j in self._varying))
        self.person_periods_ = float(learnt.followed.sum())
        self.uncounted_ = learnt.uncounted
        self._width, self._k = float(self.width), 1
        if self.by_cause:
            self.causes_ = rows.y.causes
            self._k = len(self.causes_)
        columns = self._columns(self.time_basis_.last)
        if self.estimator is None:
            self.estimator_ = None
            self._fit_logistic(learnt, columns)
        else:
            check_classifier(self.estimator, weighted=learnt.weight is not None)
            cut = rows_at_risk(learnt.spans, columns)
            self.estimator_ = fit_classifier(
                clone(self.estimator), learnt.X, cut, learnt.weight, columns
            )
        return self

    def _fit_logistic(self, rows: LearningRows, columns: PeriodColumns) -> None:
        names = ("intercept", *self.time_basis_.names, *self.terms_)
        self._ridge: RidgeHazard = fit_logistic(rows, columns, self.alpha, names)
        self._occurring = np.unique(rows.spans.event[rows.spans.event != 0]) - 1
        spread = np.empty(0) if self.design_ is None else self.design_.spread
        of_trend = 1 / self._trend.scale[0, 0] if len(self._varying) else 1.0
        spread = np.r_[spread, spread[self._varying] * of_trend]
        coefficients, covariance = unscaled(self._ridge, columns.time.shape[1], spread)
        self.coef_ = coefficients if self.by_cause else coefficients[0]
        self.covariance_ = covariance

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the last period that anyone was followed through."""
        return np.asarray(np.clip(self._incidence(X, horizons).sum(axis=2), 0, 1))

    @available_if(lambda self: bool(self.by_cause))  # type: ignore[untyped-decorator]
    def predict_incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k) P(left for the cause by the horizon); 0 for causes nobody left for."""
        return self._incidence(X, horizons)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits by the delta method on the log of the cumulative hazard.

        Raises
        ------
        InputError : an `estimator` was given, and nothing tells how sure its hazards are.

        Notes
        -----
        The columns of time are taken as chosen, and shared causes as known.
        """
        if self.estimator is not None:
            return super().predict_risk_interval(X, horizons, level)
        quantile = normal_quantile(level)
        frame, months = new_rows(self, X), check_horizons(horizons)
        risk, log_error = np.empty((2, len(frame), len(months)))
        columns, spent = self._until(months)
        for part, matrix in self._parts(frame, len(months) * self._ridge.coefficients.size):
            risk[part], log_error[part] = risk_and_log_error(self._ridge, matrix, columns, spent)
        lower, upper = limits_of_risk(risk, log_error, quantile)
        return RiskInterval(
            horizons=months,
            risk=risk,
            lower=lower,
            upper=upper,
            level=level,
            method="delta method",
        )

    @available_if(lambda self: self.estimator is None)  # type: ignore[untyped-decorator]
    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, odds ratio, SE, interval of the ratio, p (Wald).

        Where `by_cause`, a row a term and cause that somebody left for.
        """
        check_is_fitted(self)
        causes = [self.causes_[j] for j in self._occurring] if self.by_cause else None
        return summary_table(self.terms_, self.coef_, self.covariance_, level, causes)

    def _incidence(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m, k), k being 1 where causes are not told apart."""
        frame, months = new_rows(self, X), check_horizons(horizons)
        incidence = np.empty((len(frame), len(months), self._k))
        columns, spent = self._until(months)
        for part, matrix in self._parts(frame, len(columns.time) * self._k):
            incidence[part] = incidence_by(self._hazards(matrix, columns), spent)
        return incidence

    def _hazards(self, matrix: Floats, columns: PeriodColumns) -> Floats:
        if self.estimator_ is not None:
            return classifier_hazards(self.estimator_, matrix, columns, self._k)
        hazards = np.zeros((len(matrix), len(columns.time), self._k))
        hazards[:, :, self._occurring] = ridge_hazards(matrix, self._ridge.coefficients, columns)
        return hazards

    def _parts(self, frame: pd.DataFrame, cells: int) -> Iterator[tuple[slice, Floats]]:
        """Give the encoded rows so many at a time that `cells` of each fit into memory."""
        size = max(1, _CELLS // max(1, cells))
        matrix = np.empty((len(frame), 0))
        if self.design_ is not None:
            matrix = apply_design(self.design_, frame)
        for start in range(0, len(frame), size):
            part = slice(start, start + size)
            yield part, matrix[part]

    def _until(self, months: Floats) -> tuple[PeriodColumns, Floats]:
        """Return the columns of the periods to the last of `months`, and how far each goes."""
        at = months / self._width
        periods = int(np.clip(np.ceil(at.max()), 1, self.time_basis_.last))
        return self._columns(periods), spent_periods(at, periods)

    def _columns(self, periods: int) -> PeriodColumns:
        period = np.arange(1.0, periods + 1)
        trend = self._trend.columns(period)
        return PeriodColumns(
            time=np.column_stack([np.ones(periods), self.time_basis_.columns(period)]),
            trend=trend[:, 0] if trend.shape[1] else np.zeros(periods),
            varying=self._varying,
            at_risk=self.time_basis_.can_leave(period),
        )


def _encode(
    encoder: Any, frame: pd.DataFrame, weight: Floats | None
) -> tuple[Design | None, Floats]:
    """Return the design, None where X has no columns, and the (n, p) standardised matrix."""
    if not frame.shape[1]:
        return None, np.empty((len(frame), 0))
    return fit_design(encoder, frame, weight)
