"""Two families of time that bend: generalised gamma, and splines."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.survival.time_model import TimeModel
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.parametric.flexible import (
    FlexibleFit,
    FlexibleName,
    fit_flexible,
)
from gmts_models.stats.parametric.flexible_prediction import predict_flexible
from gmts_models.stats.parametric.observations import Observations
from gmts_models.stats.parametric.predict import Prediction


class _FlexibleAFT(TimeModel):
    """Models of which the cumulative hazard of ``log t - x' beta`` is a family's."""

    _family: ClassVar[FlexibleName]

    fit_: FlexibleFit

    def _maximise(self, matrix: Floats, rows: Observations) -> tuple[Floats, Floats]:
        self.fit_ = fit_flexible(
            matrix,
            rows,
            self._family,
            knots=getattr(self, "knots", 2),
            alpha=self.alpha,
            names=self.terms_,
        )
        p = len(self.fit_.coefficients)
        return self.fit_.coefficients, self.fit_.covariance[:p, :p]

    def _stays(self, matrix: Floats, months: Floats, level: float) -> Prediction:
        return predict_flexible(self.fit_, matrix, months, level=level)


class GeneralisedGammaAFT(_FlexibleAFT):
    """Log time is location + scale times a log gamma variable, of estimated shape.

    Weibull (shape 1), gamma (shape = scale) and log-normal times (shape 0) are cases of it, so that
    it tells which of them fits.

    Parameters
    ----------
    alpha : ridge penalty, as for `WeibullAFT`; half of it times the squared distance of the shape
        from 1 is taken off too, so that few departures leave it near the Weibull's.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    coef_ : (p,) log time ratio per unit; positive = stays longer.
    covariance_ : (p, p), of the coefficients, location, scale and shape estimated too.
    intercept_, scale_, shape_ : floats; Prentice's mu, sigma and q.
    last_observed_ : months for which the longest of the training rows was followed.
    fit_ : `FlexibleFit` of the standardised columns.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    It extrapolates: risk beyond `last_observed_` rests on the family alone. Late entry is
    respected. Those who leave on the first day count as leaving at `FIRST_DAY`. The shape needs
    many departures: of 2,000 samples of 100 Weibull times, 37 % censored, 126 had no maximum
    within reach and were refused; of 300 times, 4. With ``alpha=1`` none of 300 samples was.

    Source: Prentice (1974), Biometrika 61:539-544. Agrees with the likelihood written out in R
    with ``pgamma`` and ``lgamma``.
    """

    _family = "generalised_gamma"

    def __init__(self, alpha: float = 0.0, encoder: Any = None) -> None:
        self.alpha = alpha
        self.encoder = encoder

    @property
    def intercept_(self) -> float:
        """Location of log time where every column of the encoded X is 0."""
        return float(self.fit_.shape[0] - self.design_.centre @ self.coef_)

    @property
    def scale_(self) -> float:
        """Scale of log time."""
        return float(np.exp(self.fit_.shape[1]))

    @property
    def shape_(self) -> float:
        """1 is Weibull, 0 log-normal; below 1 the hazard may rise and fall."""
        return float(self.fit_.shape[2])


class SplineAFT(_FlexibleAFT):
    """The log cumulative hazard is a natural cubic spline of log time, which attributes shift.

    Parameters
    ----------
    knots : of the spline, at quantiles (5 to 95 %) of the log times of leaving, 2 or more; 2 is
        Weibull.
    alpha : ridge penalty, as for `WeibullAFT`.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    coef_ : (p,) log time ratio per unit; positive = stays longer.
    covariance_ : (p, p), of the coefficients, the spline estimated too.
    knots_ : (k,) months.
    last_observed_ : months for which the longest of the training rows was followed.
    fit_ : `FlexibleFit` of the standardised columns.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    It extrapolates: past the last knot the log cumulative hazard is a line in log time, and risk
    beyond `last_observed_` rests on that line alone. Late entry is respected. Those who leave on
    the first day count as leaving at `FIRST_DAY`. Nothing keeps such a spline from falling, which
    no cumulative hazard can: such a fit is refused.

    Source: Crowther, Royston & Clements (2023), Biostatistics 24:811-831, after Royston & Parmar
    (2002), Statistics in Medicine 21:2175-2197.
    """

    _family = "spline"

    def __init__(self, knots: int = 3, alpha: float = 0.0, encoder: Any = None) -> None:
        self.knots = knots
        self.alpha = alpha
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Maximise the (penalised) likelihood; late entry is conditioned on.

        Raises
        ------
        FitError : as every model, or the fitted cumulative hazard falls somewhere.
        """
        knots: Any = self.knots
        if not isinstance(knots, Integral) or knots < 2:
            raise InputError("a spline has at least 2 knots", where="SplineAFT(knots=...)")
        return super().fit(X, y, sample_weight)

    @property
    def knots_(self) -> Floats:
        """(k,) months."""
        return np.asarray(np.exp(self.fit_.knots), dtype=float)
