"""Cox proportional hazards."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.models.coefficients import at_least, wald_table
from gmts_models.models.encoding import Design
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.models.survival.cox_design import (
    CoxDesign,
    apply_cox_design,
    check_penalty,
    check_ties,
    fit_cox_design,
    ridge,
)
from gmts_models.models.survival.cox_risk import cox_interval, cox_risk, risk_interval
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.cox.baseline import CoxCurves, cox_curves
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.prediction import predict_path
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.cox.robust import robust_covariance


class CoxPH(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Proportional hazards: each attribute multiplies the hazard of leaving.

    Parameters
    ----------
    alpha : ridge penalty: ``alpha / 2`` times the sum of squared coefficients of columns scaled
        to unit variance is taken from the log partial likelihood (R: ``ridge(theta = alpha)``).
    strata : column of X; each of its labels has a baseline hazard of its own and no coefficient.
    ties : "efron" or "breslow", in the coefficients and in the baseline hazard alike.
    robust : whether `covariance_` is the sandwich over people (``y.people``), which does not
        trust the model, instead of the inverse information.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    coef_ : (p,) log hazard ratio per unit of each column of the encoded X.
    covariance_ : (p, p) of `coef_`; see `robust`.
    feature_names_in_ : columns of X.
    terms_ : (p,) names of the encoded columns.
    strata_ : labels of the strata.

    Notes
    -----
    Late entry is respected. Risk is NaN past the last time observed in the stratum.

    Start-stop rows, each with the attributes of its time (`build_episodes` makes them), are fitted
    as they are. `predict_risk` takes the attributes of a row for those of the whole time ahead;
    `predict_path` follows a person whose attributes change.

    Limits of risks are by the delta method. In simulations with months tied and follow-up by a
    census they covered, at 95 %, in 94.0 to 95.0 % (100 people) and 95.0 to 95.6 % (300; +- 0.3).

    Source: Cox (1972), JRSS B 34:187-220; Efron (1977), JASA 72:557-565. Agrees with
    ``survival::coxph``.
    """

    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]

    def __init__(
        self,
        alpha: float = 0.0,
        strata: str | None = None,
        ties: Ties = "efron",
        robust: bool = False,
        encoder: Any = None,
    ) -> None:
        self.alpha = alpha
        self.strata = strata
        self.ties = ties
        self.robust = robust
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Maximise the (penalised) partial likelihood."""
        rows = training_rows(X, y, sample_weight, model="Cox")
        alpha = check_penalty(self.alpha, "CoxPH")
        check_ties(self.ties, "CoxPH")
        remember_columns(self, rows.X)
        self._learned: CoxDesign
        self._learned, matrix, strata = fit_cox_design(
            rows.X, rows.weight, strata=self.strata, encoder=self.encoder, model="CoxPH"
        )
        self.terms_ = self.design_.names
        found = fit_cox(
            matrix,
            rows.y.exit,
            rows.y.left,
            rows.y.entry,
            rows.weight,
            strata=strata,
            clusters=rows.y.people,
            ties=self.ties,
            penalty=ridge(alpha, len(self.terms_)),
            names=self.terms_,
        )
        covariance = found.covariance
        if self.robust:
            robust = robust_covariance(found)
            covariance = at_least(robust, covariance) if self.alpha else robust
        self._curves: CoxCurves = cox_curves(found, covariance)
        spread = self.design_.spread
        self.coef_ = found.coefficients / spread
        self.covariance_ = covariance / np.outer(spread, spread)
        return self

    @property
    def design_(self) -> Design:
        """How the columns of X are encoded and scaled."""
        return self._learned.design

    @property
    def strata_(self) -> tuple[str, ...]:
        """Labels of the strata."""
        return self._learned.labels

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the stratum's follow-up.

        Raises
        ------
        InputError : X lacks a column, or has a stratum that was not in training.
        """
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix, strata = apply_cox_design(self._learned, frame)
        return cox_risk(self._curves, matrix, months, strata)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits by the delta method on the log of the cumulative hazard.

        Limits are NaN where the risk is 0, which is before anyone of the stratum left.
        """
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix, strata = apply_cox_design(self._learned, frame)
        return cox_interval(self._curves, matrix, months, strata, level)

    def predict_path(
        self,
        X: pd.DataFrame,
        entry: npt.ArrayLike,
        exit: npt.ArrayLike,  # noqa: A002 - the field's word
        horizons: npt.ArrayLike,
        level: float = 0.95,
    ) -> RiskInterval:
        """Return the risk of one person whose attributes change along a known path.

        Parameters
        ----------
        X : (r, q) frame, the attributes on each stretch of the path.
        entry, exit : (r,) months, on the clock of the fit, at which the stretches begin and end.
            They must not overlap; over a gap nothing is added.
        horizons : (m,) months on the same clock.
        level : of the limits, by the delta method as in `predict_risk_interval`.

        Returns
        -------
        RiskInterval : of one row: P(left by the horizon, given still there where the path begins);
            NaN past the path's end.

        Raises
        ------
        InputError : as `predict_risk`; stretches overlap, or end before they begin.

        Notes
        -----
        Agrees with ``survfit(coxph(...), newdata = path, id = id)``. The path has to be known,
        or supposed: what somebody will be asked or told later is not known when the risk is.
        """
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix, strata = apply_cox_design(self._learned, frame)
        found = predict_path(
            self._curves,
            matrix,
            entry,
            exit,
            months,
            strata=strata,
            level=level,
            interval="log-log",
        )
        return risk_interval(found, months, level)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, hazard ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)
