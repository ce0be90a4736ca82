"""Cox regression that stays finite where nobody, or everybody, of a group leaves."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
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
    check_ties,
    fit_cox_design,
)
from gmts_models.models.survival.cox_risk import cox_interval, cox_risk
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.cox.baseline import CoxCurves, curves_of
from gmts_models.stats.cox.firth import fit_cox_firth
from gmts_models.stats.cox.fit import cox_data
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.intervals import check_level


class CoxFirth(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Proportional hazards with Firth's penalty, for few departures and rare labels.

    Parameters
    ----------
    strata, ties, encoder : as in `CoxPH`.
    profile : whether to find profile limits and tests, which takes most of the time; without them
        those columns of `summary` are NaN.
    level : of the profile limits, which are found in the fit.

    Attributes
    ----------
    coef_ : (p,) log hazard ratio per unit of each column of the encoded X.
    covariance_ : (p, p) of `coef_`, the inverse information.
    lower_, upper_ : (p,) profile penalised-likelihood limits of `coef_`.
    p_ : (p,) of the penalised likelihood-ratio test of each coefficient being 0.
    terms_ : (p,) names of the encoded columns.
    strata_ : labels of the strata.

    Notes
    -----
    Half the log determinant of the information is added to the log partial likelihood. It takes
    most of the small-sample bias away, and every coefficient has a finite estimate. Limits and
    tests are of the profile: the likelihood is far from quadratic where a column separates.
    The penalty is of the rows: those of one person, which only follow each other, are not
    correlated by it. Risk is NaN past the last time observed in the stratum.

    Limits of risks are by the delta method. In simulations with a label of 15 % of the people they
    covered, at 95 %, in 94.6 to 95.7 % (60 and 100 people; +- 0.3).

    Source: Heinze & Schemper (2001), Biometrics 57:114-119. Agrees with ``coxphf::coxphf`` (by
    Breslow's ties) in coefficients and limits.
    """

    coef_: Floats
    covariance_: Floats
    lower_: Floats
    upper_: Floats
    p_: Floats
    terms_: tuple[str, ...]

    def __init__(
        self,
        strata: str | None = None,
        ties: Ties = "efron",
        profile: bool = True,
        level: float = 0.95,
        encoder: Any = None,
    ) -> None:
        self.strata = strata
        self.ties = ties
        self.profile = profile
        self.level = level
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Maximise the penalised partial likelihood, and profile each coefficient."""
        rows = training_rows(X, y, sample_weight, model="CoxFirth")
        check_ties(self.ties, "CoxFirth")
        check_level(self.level)
        remember_columns(self, rows.X)
        self._learned: CoxDesign
        self._learned, matrix, strata = fit_cox_design(
            rows.X, rows.weight, strata=self.strata, encoder=self.encoder, model="CoxFirth"
        )
        self.terms_ = self.design_.names
        given = (matrix, rows.y.exit, rows.y.left, rows.y.entry, rows.weight, strata)
        found = fit_cox_firth(
            *given, ties=self.ties, level=self.level, profile=self.profile, names=self.terms_
        )
        data = cox_data(*given, ties=self.ties, names=self.terms_)
        self._curves: CoxCurves = curves_of(data, found.coefficients, found.covariance)
        spread = self.design_.spread
        self.coef_ = found.coefficients / spread
        self.covariance_ = found.covariance / np.outer(spread, spread)
        self.lower_, self.upper_ = found.lower / spread, found.upper / spread
        self.p_ = found.p
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

        They rest on `covariance_`. Limits are NaN where the risk is 0, which is before anyone of
        the stratum left.
        """
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix, strata = apply_cox_design(self._learned, frame)
        return cox_interval(self._curves, matrix, months, strata, level)

    def summary(self, level: float | None = None) -> pd.DataFrame:
        """Return a row a term: coefficient, hazard ratio, SE, profile limits of the ratio, p.

        Raises
        ------
        InputError : the level is not that of the fit, in which the limits were found.
        """
        check_is_fitted(self)
        if level is not None and level != self.level:
            raise InputError(
                f"the profile limits were found at the level {self.level:g}",
                where="CoxFirth.summary(level=...)",
                fix=f"CoxFirth(level={level:g})",
            )
        return pd.DataFrame(
            {
                "term": self.terms_,
                "coefficient": self.coef_,
                "ratio": np.exp(self.coef_),
                "se": np.sqrt(np.diag(self.covariance_)),
                "lower": np.exp(self.lower_),
                "upper": np.exp(self.upper_),
                "p": self.p_,
            }
        )
