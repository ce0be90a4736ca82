"""Accelerated failure time models: attributes stretch or shrink the time until leaving."""

from __future__ import annotations

from typing import Any, ClassVar

from gmts_models.models.survival.time_model import FIRST_DAY, TimeModel
from gmts_models.outcome import Floats
from gmts_models.stats.parametric.fit import ParametricFit, fit_parametric
from gmts_models.stats.parametric.observations import Observations
from gmts_models.stats.parametric.predict import Prediction, predict_survival

__all__ = ["FIRST_DAY", "ExponentialAFT", "LogLogisticAFT", "LogNormalAFT", "WeibullAFT"]


class _AFT(TimeModel):
    """Location-scale models of log time; a subclass names its family."""

    _family: ClassVar[str]

    fit_: ParametricFit
    intercept_: float
    scale_: float

    def __init__(self, alpha: float = 0.0, encoder: Any = None) -> None:
        self.alpha = alpha
        self.encoder = encoder

    def _maximise(self, matrix: Floats, rows: Observations) -> tuple[Floats, Floats]:
        found = fit_parametric(matrix, rows, self._family, alpha=self.alpha, names=self.terms_)
        self.fit_, scaled = found, found.coefficients[1:]
        shift = self.design_.centre @ (scaled / self.design_.spread)
        self.intercept_ = float(found.coefficients[0] - shift)
        self.scale_ = float(found.scale[0])
        p = len(scaled)
        return scaled, found.covariance[1 : p + 1, 1 : p + 1]

    def _stays(self, matrix: Floats, months: Floats, level: float) -> Prediction:
        return predict_survival(self.fit_, matrix, months, level=level)


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
    last_observed_ : months for which the longest of the training rows was followed.
    fit_ : `ParametricFit` of the standardised columns.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    It extrapolates: risk beyond `last_observed_` rests on the Weibull shape alone. Late entry is
    respected. Those who leave on the first day count as leaving at `FIRST_DAY`.

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
    It extrapolates: risk beyond `last_observed_` rests on the constant hazard alone. Agrees with
    ``survival::survreg(..., dist = "exponential")``.
    """

    _family = "exponential"


class LogNormalAFT(_AFT):
    """Attributes stretch or shrink time, whose logarithm is normal.

    The hazard of leaving rises, then falls. Parameters, attributes, late entry and first day as
    for `WeibullAFT`; `scale_` is the standard deviation of log time. It extrapolates: risk beyond
    `last_observed_` rests on the family alone. Agrees with
    ``survival::survreg(..., dist = "lognormal")``.
    """

    _family = "lognormal"


class LogLogisticAFT(_AFT):
    """Attributes stretch or shrink time, whose logarithm is logistic.

    The odds of having left by any time are proportional between people. Parameters, attributes,
    late entry and first day as for `WeibullAFT`. It extrapolates: risk beyond `last_observed_`
    rests on the family alone. Agrees with ``survival::survreg(..., dist = "loglogistic")``.
    """

    _family = "loglogistic"
