"""Accelerated failure time models: attributes stretch or shrink the time until leaving."""

from __future__ import annotations

from typing import Any, ClassVar, Self

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
    RiskMixin,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.parametric.fit import ParametricFit, fit_parametric
from gmts_models.stats.parametric.observations import right_censored
from gmts_models.stats.parametric.predict import predict_survival

FIRST_DAY = 0.5 / DAYS_PER_MONTH
"""Months at which those who leave on the first day are taken to leave: half a day. Log time has no
value at 0."""


class _AFT(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """What the accelerated failure time models share; a subclass names its family.

    Parameters
    ----------
    alpha : ridge penalty, as for `CoxPH`, on the coefficients of columns scaled to unit variance.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    fit_ : `ParametricFit` of the standardised columns.
    coef_ : (p,) log time ratio per unit; positive = stays longer.
    covariance_ : (p, p), of the coefficients, intercept and scale estimated too.
    intercept_, scale_ : floats.
    feature_names_in_, terms_ : columns of X, and of the encoded X.
    """

    _family: ClassVar[str]

    fit_: ParametricFit
    coef_: Floats
    covariance_: Floats
    intercept_: float
    scale_: float
    terms_: tuple[str, ...]
    design_: Design

    def __init__(self, alpha: float = 0.0, encoder: Any = None) -> None:
        self.alpha = alpha
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Maximise the (penalised) likelihood."""
        name = type(self).__name__
        frame = training_rows(X, y, model=name).X
        if self.alpha < 0:
            raise InputError("alpha must be at least 0", where=f"{name}(alpha=...)")
        remember_columns(self, frame)
        self.design_, matrix = fit_design(self.encoder, frame)
        self.terms_ = self.design_.names
        trouble = f"drop or merge the column, or add a penalty: {name}(alpha=...)"
        if self.alpha == 0:
            refuse_collinear(matrix, self.terms_, fix=trouble)
        rows = right_censored(np.maximum(y.exit, FIRST_DAY), y.left, y.entry)
        self.fit_ = fit_parametric(matrix, rows, self._family, alpha=self.alpha, names=self.terms_)
        spread = self.design_.spread
        self.coef_ = self.fit_.coefficients[1:] / spread
        self.intercept_ = float(self.fit_.coefficients[0] - self.design_.centre @ self.coef_)
        self.scale_ = float(self.fit_.scale[0])
        p = len(spread)
        covariance = self.fit_.covariance[1 : p + 1, 1 : p + 1]
        refuse_separated(self.fit_.coefficients[1:], covariance, self.terms_, fix=trouble)
        self.covariance_ = covariance / np.outer(spread, spread)
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks, extrapolated where need be."""
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        matrix = apply_design(self.design_, frame)
        stays = predict_survival(self.fit_, matrix, months)
        return 1 - stays.estimate

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, time ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)


class WeibullAFT(_AFT):
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
    intercept_, scale_, shape_ : floats; shape = 1 / scale. Above 1 the hazard of leaving rises.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    It extrapolates: risk past the longest follow-up rests on the Weibull shape alone. Late entry
    is respected. Those who leave on the first day count as leaving at `FIRST_DAY`.

    Source: Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, ch. 3.
    Agrees with ``survival::survreg(Surv(exit, left) ~ x)``.
    """

    _family = "weibull"

    @property
    def shape_(self) -> float:
        """1 / scale."""
        return 1 / self.scale_


class ExponentialAFT(_AFT):
    """Attributes stretch or shrink time; the hazard of leaving is constant in time.

    Parameters, attributes, late entry and first day as for `WeibullAFT`, whose shape is 1 here.
    It extrapolates: risk past the longest follow-up rests on the constant hazard alone. Agrees
    with ``survival::survreg(..., dist = "exponential")``.
    """

    _family = "exponential"


class LogNormalAFT(_AFT):
    """Attributes stretch or shrink time, whose logarithm is normal.

    The hazard of leaving rises, then falls. Parameters, attributes, late entry and first day as
    for `WeibullAFT`; `scale_` is the standard deviation of log time. It extrapolates: risk past the
    longest follow-up rests on the family alone. Agrees with
    ``survival::survreg(..., dist = "lognormal")``.
    """

    _family = "lognormal"


class LogLogisticAFT(_AFT):
    """Attributes stretch or shrink time, whose logarithm is logistic.

    The odds of having left by any time are proportional between people. Parameters, attributes,
    late entry and first day as for `WeibullAFT`. It extrapolates: risk past the longest follow-up
    rests on the family alone. Agrees with ``survival::survreg(..., dist = "loglogistic")``.
    """

    _family = "loglogistic"
