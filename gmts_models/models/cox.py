"""Cox proportional hazards."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, InputError
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import (
    RiskMixin,
    as_frame,
    check_horizons,
    check_new_rows,
    check_training_rows,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.baseline_hazard import (
    BaselineHazard,
    baseline_hazard,
    cumulative_hazard_at,
)
from gmts_models.stats.times import merge_near_ties

SEPARATED = 10.0
"""Log hazard ratio per standard deviation, or its standard error, from which a column is taken to
separate leavers from stayers: nothing real is as strong, or as little known."""


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
        scaled, covariance = _fit_lifelines(matrix, self.design_.names, stratum, y, self.alpha)
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
        return frame[self.strata].astype(str).reset_index(drop=True)


def wald_table(
    terms: tuple[str, ...], coefficients: Floats, covariance: Floats, level: float
) -> pd.DataFrame:
    """Return coefficients with their ratio, SE, interval of the ratio and two-sided Wald p."""
    se = np.sqrt(np.diag(covariance))
    z = stats.norm.ppf((1 + level) / 2)
    return pd.DataFrame(
        {
            "term": terms,
            "coefficient": coefficients,
            "ratio": np.exp(coefficients),
            "se": se,
            "lower": np.exp(coefficients - z * se),
            "upper": np.exp(coefficients + z * se),
            "p": 2 * stats.norm.sf(np.abs(coefficients / se)),
        }
    )


def _fit_lifelines(
    matrix: Floats, names: tuple[str, ...], stratum: pd.Series, y: Outcome, alpha: float
) -> tuple[Floats, Floats]:
    """Return (p,) coefficients and (p, p) covariance of the standardised columns."""
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    columns = [f"x{i}" for i in range(matrix.shape[1])]
    frame = pd.DataFrame(matrix, columns=columns)
    frame["exit"], frame["left"] = merge_near_ties(y.exit), y.left
    options: dict[str, Any] = {}
    if y.delayed:  # an entry of 0 is no delayed entry: at risk from before the first moment
        frame["entry"] = np.where(y.entry > 0, y.entry, -1.0)
        options["entry_col"] = "entry"
    if len(stratum.unique()) > 1:
        frame["stratum"] = stratum.to_numpy()
        options["strata"] = ["stratum"]
    fitter = CoxPHFitter(penalizer=alpha / len(y))
    trouble = _trouble(alpha)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifelines' own advice; what matters is checked below
        warnings.filterwarnings(
            "error", category=ConvergenceWarning, message=".*failed to converge"
        )
        try:
            fitter.fit(frame, "exit", "left", fit_options={"precision": 1e-14}, **options)
        except (ConvergenceError, ConvergenceWarning, np.linalg.LinAlgError, ValueError):
            raise FitError(
                "the Cox fit does not converge", where=_suspects(matrix, names, y), fix=trouble
            ) from None
    coefficients = fitter.params_[columns].to_numpy(float)
    covariance = fitter.variance_matrix_.loc[columns, columns].to_numpy(float)
    error = np.sqrt(np.clip(np.diag(covariance), 0, None))
    far = (np.abs(coefficients) > SEPARATED) | ~(error < SEPARATED) | (error == 0)
    if far.any():
        named = [name for name, is_far in zip(names, far, strict=True) if is_far]
        raise FitError(
            "a column separates those who leave from those who stay, so its effect has no finite "
            "estimate",
            where=", ".join(named),
            fix=trouble,
        )
    return coefficients, covariance


def _trouble(alpha: float) -> str:
    return "drop or merge the column, or add a penalty: " + (
        "CoxPH(alpha=1)" if alpha == 0 else f"more than alpha={alpha:g}"
    )


def _suspects(matrix: Floats, names: tuple[str, ...], y: Outcome) -> str:
    """Name the columns that are constant among leavers, or collinear with the others."""
    among = matrix[y.left].std(axis=0) < 1e-8
    _, r = np.linalg.qr(matrix)
    collinear = np.abs(np.diag(r)) < 1e-8 * np.sqrt(len(matrix))
    collinear = np.r_[collinear, np.zeros(len(names) - len(collinear), dtype=bool)]
    named = [name for name, bad in zip(names, among | collinear, strict=True) if bad]
    return ", ".join(named) or "X"
