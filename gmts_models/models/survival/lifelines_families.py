"""Two flexible families of time that lifelines fits: generalised gamma, and splines.

Their digits are those of lifelines' optimiser, about three; it is imported when a model is fitted.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from gmts_models.errors import FitError, InputError
from gmts_models.models.coefficients import refuse_collinear, refuse_separated, wald_table
from gmts_models.models.encoding import Design, apply_design, fit_design
from gmts_models.models.protocol import (
    RiskMixin,
    check_horizons,
    new_rows,
    remember_columns,
    training_rows,
)
from gmts_models.models.survival.parametric import FIRST_DAY
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.parametric.fit import ParametricFit, fit_parametric
from gmts_models.stats.parametric.observations import right_censored

_SHORT = 0.01
"""Log-likelihood by which a fit may fall short of the Weibull distribution that it contains."""
_TROUBLE = "leave out or merge columns that few people share, or use WeibullAFT"


class _LifelinesAFT(RiskMixin, BaseEstimator):  # type: ignore[misc]
    """What both share: fit, coefficients, risk. A subclass makes the fitter."""

    _location: ClassVar[str]
    _intercept: ClassVar[bool]

    fitter_: Any
    coef_: Floats
    covariance_: Floats
    terms_: tuple[str, ...]
    design_: Design

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Maximise the likelihood; late entry is conditioned on."""
        frame = training_rows(X, y, model=type(self).__name__).X
        remember_columns(self, frame)
        self.design_, matrix = fit_design(self.encoder, frame)
        self.terms_ = self.design_.names
        refuse_collinear(matrix, self.terms_, fix="drop or merge the column")
        self.fitter_ = self._fit(_columns(matrix), y)
        places = [(self._location, f"x{i}") for i in range(matrix.shape[1])]
        scaled = self.fitter_.params_[places].to_numpy(float)
        covariance = self.fitter_.variance_matrix_.loc[places, places].to_numpy(float)
        refuse_separated(scaled, covariance, self.terms_, fix="drop or merge the column")
        self.coef_ = scaled / self.design_.spread
        self.covariance_ = covariance / np.outer(self.design_.spread, self.design_.spread)
        return self

    def predict_risk(self, X: pd.DataFrame, horizons: npt.ArrayLike) -> Floats:
        """Return (n, m) risks, extrapolated where need be."""
        frame = new_rows(self, X)
        months = check_horizons(horizons)
        if not len(frame):
            return np.empty((0, len(months)))
        some = np.unique(months[months > 0])
        hazard = np.zeros((len(frame), len(some)))
        if len(some):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # overflow of far horizons; the result is checked
                found = self.fitter_.predict_cumulative_hazard(
                    _columns(apply_design(self.design_, frame)), times=some / self._unit
                )
            hazard = found.to_numpy(float).T
        # Rounding may let it fall by the last digit.
        risk = -np.expm1(-np.maximum.accumulate(np.maximum(hazard, 0), axis=1))
        risk = np.hstack([np.zeros((len(frame), 1)), risk])
        return np.asarray(risk[:, np.searchsorted(np.r_[0.0, some], months)], dtype=float)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Return a row a term: coefficient, time ratio, SE, interval of the ratio, p (Wald)."""
        check_is_fitted(self)
        return wald_table(self.terms_, self.coef_, self.covariance_, level)

    def _make(self) -> Any:
        """Return lifelines' fitter."""
        raise NotImplementedError

    def _as_weibull(self, fit: ParametricFit) -> dict[str, Floats]:
        """Return the parameters at which the family is that Weibull distribution."""
        raise NotImplementedError

    def _fit(self, frame: pd.DataFrame, y: Outcome) -> Any:
        from lifelines.exceptions import ConvergenceError

        # From the Weibull maximum, which is ours: from afar lifelines often ends below it.
        exit_ = np.maximum(y.exit, FIRST_DAY)
        self._unit = float(np.median(exit_))
        exit_, entry = exit_ / self._unit, y.entry / self._unit
        weibull = fit_parametric(
            frame.to_numpy(), right_censored(exit_, y.left, entry), names=self.terms_
        )
        first = self._as_weibull(weibull)
        fitter = self._make()
        columns = " + ".join(["1" if self._intercept else "0", *frame.columns])
        # In order of name: lifelines labels the rows of its covariance in the order given here, and
        # computes them in order of name.
        regressors = dict(sorted((dict.fromkeys(first, "1") | {self._location: columns}).items()))
        late = {"entry": entry} if y.delayed else {}
        frame = frame.assign(exit=exit_, left=y.left, **late)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lifelines' own advice; what matters is checked below
            try:
                fitter.fit(
                    frame,
                    "exit",
                    "left",
                    entry_col="entry" if late else None,
                    regressors=regressors,
                    initial_point=first,
                )
            except (ConvergenceError, np.linalg.LinAlgError, ValueError):
                fitter = None
        short = fitter is None or not fitter.log_likelihood_ > weibull.log_likelihood - _SHORT
        if short or not np.isfinite(fitter.params_).all():
            raise FitError(f"{type(self).__name__} does not converge", where="X", fix=_TROUBLE)
        return fitter


class GeneralisedGammaAFT(_LifelinesAFT):
    """Log time is location + scale times a log gamma variable, of estimated shape.

    Weibull, gamma and log-normal times are cases of it, so that it tells which of them fits.

    Parameters
    ----------
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    coef_ : (p,) log time ratio per unit; positive = stays longer.
    covariance_ : (p, p).
    fitter_ : lifelines' own.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    It extrapolates: risk past the longest follow-up rests on the family alone. Late entry is
    respected. Those who leave on the first day count as leaving at `FIRST_DAY`.

    Source: Prentice (1974), Biometrika 61:539-544.
    """

    _location, _intercept = "mu_", True

    def __init__(self, encoder: Any = None) -> None:
        self.encoder = encoder

    def _make(self) -> Any:
        from lifelines import GeneralizedGammaRegressionFitter

        return GeneralizedGammaRegressionFitter()

    def _as_weibull(self, fit: ParametricFit) -> dict[str, Floats]:
        return {"mu_": fit.coefficients, "sigma_": np.log(fit.scale), "lambda_": np.ones(1)}


class SplineAFT(_LifelinesAFT):
    """The log cumulative hazard is a natural cubic spline of log time, which attributes shift.

    Parameters
    ----------
    knots : of the spline, at quantiles of the log times of leaving, 2 or more; 2 is Weibull.
    encoder : transformer from X to numbers; None for `make_encoder`'s.

    Attributes
    ----------
    coef_ : (p,) log time ratio per unit; positive = stays longer.
    covariance_ : (p, p).
    fitter_ : lifelines' own.
    feature_names_in_, terms_ : columns of X, and of the encoded X.

    Notes
    -----
    It extrapolates: past the last knot the log cumulative hazard is a line in log time. Late entry
    is respected. Those who leave on the first day count as leaving at `FIRST_DAY`. Nothing keeps
    lifelines' spline from falling, which no cumulative hazard can: such a fit is refused.

    Source: Crowther, Royston & Clements (2023), Biostatistics 24:811-831, after Royston & Parmar
    (2002), Statistics in Medicine 21:2175-2197.
    """

    _location, _intercept = "beta_", False  # the spline has its own; with both, neither is known

    def __init__(self, knots: int = 3, encoder: Any = None) -> None:
        self.knots = knots
        self.encoder = encoder

    def fit(self, X: pd.DataFrame, y: Outcome) -> Self:
        """Maximise the likelihood; late entry is conditioned on.

        Raises
        ------
        FitError : as every model, or the fitted cumulative hazard falls somewhere.
        """
        if self.knots < 2:
            raise InputError("a spline has at least 2 knots", where="SplineAFT(knots=...)")
        super().fit(X, y)
        self._refuse_falling()
        return self

    def _make(self) -> Any:
        from lifelines import CRCSplineFitter

        fitter = CRCSplineFitter(n_baseline_knots=self.knots)
        fitter.fit_intercept = False
        return fitter

    def _as_weibull(self, fit: ParametricFit) -> dict[str, Floats]:
        line = {"gamma0_": -fit.coefficients[:1] / fit.scale, "gamma1_": 1 / fit.scale}
        bends = {f"gamma{i}_": np.zeros(1) for i in range(2, self.knots)}
        return {"beta_": fit.coefficients[1:]} | line | bends

    def _refuse_falling(self) -> None:
        # Linear outside the knots: what holds just outside holds everywhere.
        knots = np.asarray(self.fitter_.knots, dtype=float)
        span = knots[-1] - knots[0]
        log_time = np.linspace(knots[0] - 0.1 * span, knots[-1] + 0.1 * span, 500)
        gamma = [float(self.fitter_.params_[f"gamma{i}_"].iloc[0]) for i in range(self.knots)]
        log_hazard = gamma[1] * log_time
        for i in range(2, self.knots):
            basis = self.fitter_.basis(log_time, knots[i - 1], knots[0], knots[-1])
            log_hazard = log_hazard + gamma[i] * basis
        if (np.diff(log_hazard) < 0).any():
            raise FitError(
                "the fitted cumulative hazard falls somewhere, which none can",
                where=f"SplineAFT(knots={self.knots})",
                fix="use fewer knots, or WeibullAFT",
            )


def _columns(matrix: Floats) -> pd.DataFrame:
    return pd.DataFrame(matrix, columns=[f"x{i}" for i in range(matrix.shape[1])])
