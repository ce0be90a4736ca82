"""Cox proportional hazards."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import InputError
from gmts_models.models.coefficients import wald_table
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import (
    RiskInterval,
    RiskMixin,
    check_horizons,
    group_label,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.cox.baseline import CoxCurves, cox_curves, hazard_at
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.prediction import predict_survival, relative_hazard
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

    Notes
    -----
    Late entry is respected. Risk is NaN past the last time observed in the stratum.

    Source: Cox (1972), JRSS B 34:187-220; Efron (1977), JASA 72:557-565. Agrees with
    ``survival::coxph``.
    """

    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]
    design_: Design
    strata_: tuple[str, ...]

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
        frame, y = rows.X, rows.y
        alpha: Any = self.alpha
        if not isinstance(alpha, Real) or not 0 <= float(alpha) < np.inf:
            raise InputError("alpha must be a number, at least 0", where="CoxPH(alpha=...)")
        if self.ties not in ("efron", "breslow"):
            raise InputError('ties must be "efron" or "breslow"', where="CoxPH(ties=...)")
        if self.strata is not None and self.strata not in frame:
            raise InputError(f"X has no column {self.strata!r}", where="CoxPH(strata=...)")
        remember_columns(self, frame)
        self.design_, matrix = fit_design(self.encoder, self._covariates(frame), rows.weight)
        self.terms_ = self.design_.names
        labels = self._stratum(frame)
        self.strata_ = tuple(sorted(set(labels)))
        found = fit_cox(
            matrix,
            y.exit,
            y.left,
            y.entry,
            rows.weight,
            strata=self._codes(labels),
            clusters=y.people,
            ties=self.ties,
            penalty=np.full(len(self.terms_), self.alpha) if self.alpha else None,
            names=self.terms_,
        )
        covariance = robust_covariance(found) if self.robust else found.covariance
        self._curves: CoxCurves = cox_curves(found, covariance)
        self.coef_ = found.coefficients / self.design_.spread
        self.covariance_ = covariance / np.outer(self.design_.spread, self.design_.spread)
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks; NaN past the stratum's follow-up.

        Raises
        ------
        InputError : X lacks a column, or has a stratum that was not in training.
        """
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        strata = self._known_strata(frame)
        baselines = [hazard_at(base, months).cumulative for base in self._curves.baselines]
        cumulative = np.array(baselines)[strata]
        matrix = apply_design(self.design_, self._covariates(frame))
        predictor = (matrix - self._curves.centre) @ self._curves.coefficients
        relative = relative_hazard(predictor)[:, None]
        return np.asarray(-np.expm1(-cumulative * relative), dtype=float)

    def predict_risk_interval(
        self, X: pd.DataFrame, horizons: npt.ArrayLike, level: float = 0.95
    ) -> RiskInterval:
        """Return risks with limits by the delta method on the log of the cumulative hazard."""
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        found = predict_survival(
            self._curves,
            apply_design(self.design_, self._covariates(frame)),
            months,
            strata=self._known_strata(frame),
            level=level,
            interval="log-log",
        )
        return RiskInterval(
            horizons=months,
            risk=1 - found.survival,
            lower=1 - found.upper,
            upper=1 - found.lower,
            level=level,
            method="delta method",
        )

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, hazard ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)

    def _covariates(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if self.strata is None else frame.drop(columns=self.strata)

    def _stratum(self, frame: pd.DataFrame) -> list[str]:
        if self.strata is None:
            return ["all"] * len(frame)
        return [group_label(value) for value in frame[self.strata]]

    def _known_strata(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        labels = self._stratum(frame)
        if unseen := set(labels) - set(self.strata_):
            raise InputError(
                f"{len(unseen)} strata were not in the training rows, so their hazard is unknown",
                where=f"X, {self.strata}",
                fix="use the column as an attribute instead of a stratum",
            )
        return self._codes(labels)

    def _codes(self, labels: list[str]) -> npt.NDArray[np.int64]:
        code = {label: number for number, label in enumerate(self.strata_)}
        return np.array([code[label] for label in labels], dtype=np.int64)
