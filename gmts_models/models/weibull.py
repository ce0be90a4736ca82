"""The Weibull accelerated failure time model."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.data.months import DAYS_PER_MONTH
from gmts_models.errors import FitError, InputError
from gmts_models.models.coefficients import refuse_collinear, refuse_separated, wald_table
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import (
    RiskMixin,
    as_frame,
    check_horizons,
    check_new_rows,
    check_training_rows,
)
from gmts_models.outcome import Floats, Outcome

FIRST_DAY = 0.5 / DAYS_PER_MONTH
"""Months at which those who leave on the first day are taken to leave: half a day. The Weibull
density has no finite value at 0."""


class WeibullAFT(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Attributes stretch or shrink time; the time of someone average is Weibull.

    ``log T = intercept + coefficients' x + W / shape``, W standard minimum extreme value.

    Parameters
    ----------
    alpha : ridge penalty, as for `CoxPH`, on the coefficients of columns scaled to unit variance.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    coef_ : (p,) log time ratio per unit; positive = stays longer.
    covariance_ : (p, p), of the coefficients, intercept and shape estimated too.
    intercept_, shape_ : floats.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    It extrapolates: risk past the longest follow-up rests on the Weibull shape alone. Late entry
    is respected. Those who leave on the first day count as leaving at `FIRST_DAY`.

    Source: Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, ch. 3.
    """

    coef_: Floats
    covariance_: Floats
    intercept_: float
    shape_: float
    terms_: tuple[str, ...]
    design_: Design

    def __init__(self, alpha: float = 0.0, encoder: Any = None) -> None:
        self.alpha = alpha
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Maximise the (penalised) likelihood."""
        frame = check_training_rows(X, y, model="Weibull")
        if self.alpha < 0:
            raise InputError("alpha must be at least 0", where="WeibullAFT(alpha=...)")
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.design_, matrix = fit_design(self.encoder, frame)
        trouble = "drop or merge the column, or add a penalty: WeibullAFT(alpha=...)"
        if self.alpha == 0:
            refuse_collinear(matrix, self.design_.names, fix=trouble)
        fitter = _fit_lifelines(matrix, y, self.alpha)
        columns = [("lambda_", f"x{i}") for i in range(matrix.shape[1])]
        self._scaled = fitter.params_[columns].to_numpy(float)
        self._centre = float(fitter.params_["lambda_", "Intercept"])
        self.shape_ = float(np.exp(fitter.params_["rho_", "Intercept"]))
        spread = self.design_.spread
        self.terms_ = self.design_.names
        self.coef_ = self._scaled / spread
        self.intercept_ = self._centre - float(self.design_.centre @ self.coef_)
        covariance = fitter.variance_matrix_.loc[columns, columns].to_numpy(float)
        refuse_separated(self._scaled, covariance, self.design_.names, fix=trouble)
        self.covariance_ = covariance / np.outer(spread, spread)
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks, extrapolated where need be."""
        check_is_fitted(self)
        months = check_horizons(horizons)
        frame = check_new_rows(as_frame(X), self.feature_names_in_)
        scale = np.exp(self._centre + apply_design(self.design_, frame) @ self._scaled)
        return np.asarray(-np.expm1(-((months / scale[:, None]) ** self.shape_)), dtype=float)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, time ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)


def _fit_lifelines(matrix: Floats, y: Outcome, alpha: float) -> Any:
    from lifelines import WeibullAFTFitter
    from lifelines.exceptions import ConvergenceError

    frame = pd.DataFrame(matrix, columns=[f"x{i}" for i in range(matrix.shape[1])])
    frame["exit"], frame["left"] = np.maximum(y.exit, FIRST_DAY), y.left
    options: dict[str, Any] = {}
    if y.delayed:
        frame["entry"] = y.entry
        options["entry_col"] = "entry"
    # Neither the intercept nor the shape is penalised; lifelines leaves out the former itself.
    penalty = np.append(np.full(matrix.shape[1], alpha / len(y)), 0.0)
    fitter = WeibullAFTFitter(penalizer=penalty if alpha else 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifelines' own advice; what matters is checked below
        try:
            fitter.fit(frame, "exit", "left", **options)
        except (ConvergenceError, np.linalg.LinAlgError, ValueError):
            fitter = None
    if fitter is None or not np.isfinite(fitter.params_).all():
        raise FitError(
            "the Weibull fit does not converge",
            where="X",
            fix="leave out or merge columns that few people share, or add a penalty: alpha=1",
        )
    return fitter
