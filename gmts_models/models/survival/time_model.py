"""What the models of the time of leaving share: all but the likelihood."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.data.months import DAYS_PER_MONTH
from gmts_models.errors import InputError
from gmts_models.models.coefficients import refuse_collinear, refuse_separated, wald_table
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    TrainingRows,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.parametric.observations import Observations, right_censored
from gmts_models.stats.parametric.predict import Prediction

FIRST_DAY = 0.5 / DAYS_PER_MONTH
"""Months at which those who leave on the first day are taken to leave: half a day. Log time has no
value at 0."""


class TimeModel(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """A model of which a subclass gives the likelihood, and what it says of new people."""

    alpha: float
    encoder: Any

    coef_: Floats
    covariance_: Floats
    last_observed_: float
    terms_: tuple[str, ...]
    design_: Design

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Maximise the (penalised) likelihood; late entry is conditioned on."""
        name = type(self).__name__
        rows = training_rows(X, y, sample_weight, model=name)
        alpha: Any = self.alpha
        if not isinstance(alpha, Real) or not 0 <= float(alpha) < np.inf:
            raise InputError("alpha must be a number, at least 0", where=f"{name}(alpha=...)")
        remember_columns(self, rows.X)
        self.design_, matrix = fit_design(self.encoder, rows.X, rows.weight)
        self.terms_, spread = self.design_.names, self.design_.spread
        trouble = f"drop or merge the column, or add a penalty: {name}(alpha=...)"
        if self.alpha == 0:
            refuse_collinear(matrix, self.terms_, fix=trouble)
        scaled, covariance = self._maximise(matrix, _observations(rows))
        refuse_separated(scaled, covariance, self.terms_, fix=trouble)
        self.coef_ = scaled / spread
        self.covariance_ = covariance / np.outer(spread, spread)
        self.last_observed_ = float(rows.y.exit.max())
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; beyond `last_observed_` months they are extrapolated."""
        frame, months = new_rows(self, X), check_horizons(horizons)
        return 1 - self._stays(apply_design(self.design_, frame), months, 0.95).estimate

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits by the delta method on the log of the cumulative hazard.

        The family is taken to be right, beyond `last_observed_` too, and a penalty to be no bias.
        """
        frame, months = new_rows(self, X), check_horizons(horizons)
        stays = self._stays(apply_design(self.design_, frame), months, level)
        return RiskInterval(
            horizons=months,
            risk=1 - stays.estimate,
            lower=1 - stays.upper,
            upper=1 - stays.lower,
            level=level,
            method="delta method",
        )

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, time ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)

    def _maximise(self, matrix: Floats, rows: Observations) -> tuple[Floats, Floats]:
        """Fit; return the coefficients of standardised columns and their covariance."""
        raise NotImplementedError

    def _stays(self, matrix: Floats, months: Floats, level: float) -> Prediction:
        """Return retention of people of standardised columns, (n, m), with limits."""
        raise NotImplementedError


def _observations(rows: TrainingRows) -> Observations:
    y = rows.y
    return right_censored(np.maximum(y.exit, FIRST_DAY), y.left, y.entry, rows.weight)
