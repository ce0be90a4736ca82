"""Cox proportional hazards."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.coefficients import refuse_separated, wald_table
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import (
    RiskMixin,
    as_frame,
    check_horizons,
    check_new_rows,
    check_training_rows,
    group_label,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.baseline_hazard import (
    BaselineHazard,
    baseline_hazard,
    cumulative_hazard_at,
)
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.times import merge_near_ties


class CoxPH(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """Proportional hazards: each attribute multiplies the hazard of leaving.

    Parameters
    ----------
    alpha : ridge penalty: ``alpha / 2`` times the sum of squared coefficients of columns scaled
        to unit variance is taken from the log partial likelihood (R: ``ridge(theta = alpha)``).
    strata : column of X; each of its labels has a baseline hazard of its own and no coefficient.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    coef_ : (p,) log hazard ratio per unit of each column of the encoded X.
    covariance_ : (p, p) inverse observed information (with the penalty, where there is one).
    feature_names_in_ : columns of X.
    terms_ : (p,) names of the encoded columns.

    Notes
    -----
    Ties by Efron's method, in the coefficients and in the baseline hazard. Late entry is
    respected. Risk is NaN past the last time observed in the stratum.

    Source: Cox (1972), JRSS B 34:187-220; Efron (1977), JASA 72:557-565.
    """

    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]
    design_: Design
    baselines_: dict[str, BaselineHazard]

    def __init__(self, alpha: float = 0.0, strata: str | None = None, encoder: Any = None) -> None:
        self.alpha = alpha
        self.strata = strata
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Maximise the (penalised) partial likelihood."""
        frame = check_training_rows(X, y, model="Cox")
        if self.alpha < 0:
            raise InputError("alpha must be at least 0", where="CoxPH(alpha=...)")
        if self.strata is not None and self.strata not in frame:
            raise InputError(f"X has no column {self.strata!r}", where="CoxPH(strata=...)")
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.design_, matrix = fit_design(self.encoder, self._covariates(frame))
        stratum = self._stratum(frame)
        scaled, covariance = _fit(matrix, self.design_.names, stratum, y, self.alpha)
        self.terms_ = self.design_.names
        self.coef_ = scaled / self.design_.spread
        self.covariance_ = covariance / np.outer(self.design_.spread, self.design_.spread)
        self._scaled = scaled
        exit_ = merge_near_ties(y.exit)
        self.baselines_ = {
            str(label): baseline_hazard(
                exit_[rows], y.left[rows], matrix[rows] @ scaled, y.entry[rows]
            )
            for label, rows in stratum.groupby(stratum).indices.items()
        }
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the stratum's follow-up.

        Raises
        ------
        InputError : X lacks a column, or has a stratum that was not in training.
        """
        check_is_fitted(self)
        months = check_horizons(horizons)
        frame = check_new_rows(as_frame(X), self.feature_names_in_)
        stratum = self._stratum(frame)
        if unseen := sorted(set(stratum) - set(self.baselines_)):
            raise InputError(
                f"{len(unseen)} strata were not in the training rows, so their hazard is unknown",
                where=f"X, {self.strata}",
                fix="use the column as an attribute instead of a stratum",
            )
        hazard = {
            label: cumulative_hazard_at(base, months) for label, base in self.baselines_.items()
        }
        cumulative = np.array([hazard[label] for label in stratum]).reshape(-1, len(months))
        predictor = apply_design(self.design_, self._covariates(frame)) @ self._scaled
        return np.asarray(-np.expm1(-cumulative * np.exp(predictor)[:, None]), dtype=float)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, hazard ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)

    def _covariates(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if self.strata is None else frame.drop(columns=self.strata)

    def _stratum(self, frame: pd.DataFrame) -> pd.Series:
        if self.strata is None:
            return pd.Series("all", np.arange(len(frame)))
        return pd.Series([group_label(value) for value in frame[self.strata]], dtype=object)


def _fit(
    matrix: Floats, names: tuple[str, ...], stratum: pd.Series, y: Outcome, alpha: float
) -> tuple[Floats, Floats]:
    """Return (p,) coefficients and (p, p) covariance of the standardised columns."""
    found = fit_cox(
        matrix,
        y.exit,
        y.left,
        y.entry,
        strata=stratum.to_numpy(),
        penalty=np.full(len(names), alpha) if alpha else None,
        names=names,
    )
    refuse_separated(found.coefficients, found.covariance, names, fix=_trouble(alpha))
    return found.coefficients, found.covariance


def _trouble(alpha: float) -> str:
    return "drop or merge the column, or add a penalty: " + (
        "CoxPH(alpha=1)" if alpha == 0 else f"more than alpha={alpha:g}"
    )
