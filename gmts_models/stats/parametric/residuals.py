"""What a parametric fit leaves unexplained of each row, and what each row moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.parametric.distributions import Family, family_named
from gmts_models.stats.parametric.fit import ParametricFit, working_times
from gmts_models.stats.parametric.likelihood import log_interval, row_terms, score_rows
from gmts_models.stats.parametric.observations import Observations


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """Of n rows, each counted once whatever its weight.

    Attributes
    ----------
    score : (n, k) derivatives of the row's log-likelihood; weighted, they sum to 0.
    dfbeta : (n, k) score times the model-based covariance: about what the parameters lose where
        the row is left out.
    cumulative_hazard : (n,) between entry and the time seen or the lower limit (Cox-Snell): a
        right-censored sample of the unit exponential where the family is right. NaN for
        left-censored rows.
    deviance : (n,) signed root of twice the log-likelihood that the best linear predictor of the
        row alone would gain; positive = stayed longer than fitted. NaN under late entry.
    response : (n,) time less the fitted time; of an interval, its saturated fit. For censored
        rows, of the limit there is.
    """

    score: Floats
    dfbeta: Floats
    cumulative_hazard: Floats
    deviance: Floats
    response: Floats


def residuals(
    fit: ParametricFit,
    X: npt.ArrayLike | None,
    rows: Observations,
    *,
    offset: npt.ArrayLike | None = None,
) -> Residuals:
    """Return the residuals of the rows that the model was fitted to.

    Parameters
    ----------
    fit, X, rows, offset : of `fit_parametric`.

    Raises
    ------
    InputError : X or offset does not fit the rows.

    Notes
    -----
    Agrees with ``residuals(fit, type)`` of R, types "dfbeta", "deviance" and "response", but for
    interval-censored rows. There R (survival 3.5-3) has the wrong sign in the derivative by the
    log scale, so that its dfbeta do not sum to 0 and its robust variance is another; and under the
    extreme value distribution (Weibull and its kind) its saturated fit has ``exp(width)`` where
    the maximum has ``width``, and a centre without the scale.

    Source: Davison & Gigli (1989), Biometrika 76:211-221, for the deviance.
    """
    n, law = len(rows), family_named(fit.family)
    matrix = np.empty((n, 0)) if X is None else np.asarray(X, dtype=float)
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    if matrix.shape != (n, len(fit.coefficients) - 1) or shift.shape != (n,):
        raise InputError("X or offset is not that of the fit", where="residuals")
    full = np.hstack([np.ones((n, 1)), matrix])
    eta = full @ fit.coefficients + shift
    codes = rows.strata if len(fit.scale) > 1 else np.zeros(n, dtype=np.int64)
    scale = fit.scale[codes]
    limits = working_times(law, rows)
    terms = row_terms(law.standard, *limits, eta, scale)
    score = score_rows(terms, full, codes, 0 if fit.scale_is_fixed else len(fit.scale))
    centre, best = _saturated(law, *limits[:2], scale)
    gain = np.maximum(best - terms.value, 0.0)
    deviance = np.sign(terms.eta) * np.sqrt(2 * gain)
    back = np.exp if law.log_time else np.asarray
    return Residuals(
        score=score,
        dfbeta=np.asarray(score @ fit.naive_covariance, dtype=float),
        cumulative_hazard=_cumulative_hazard(law, *limits, eta, scale),
        deviance=np.where(np.isfinite(limits[2]), np.nan, deviance),
        response=np.asarray(back(centre) - back(eta), dtype=float),
    )


def _saturated(law: Family, lower: Floats, upper: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Return the linear predictor that fits each row best, and the log-likelihood there."""
    centre, best = np.where(np.isfinite(lower), lower, upper), np.zeros(len(lower))
    seen = lower == upper
    mode = law.standard.log_density(np.array([law.standard.mode]))[0]
    best[seen] = mode - np.log(scale[seen])
    between = ~seen & np.isfinite(lower) & np.isfinite(upper)
    width = (upper[between] - lower[between]) / scale[between]
    z = law.standard.interval_mode(width)
    best[between] = log_interval(law.standard, z, z + width)
    centre[between] = lower[between] - scale[between] * z
    return centre, best


def _cumulative_hazard(
    law: Family, lower: Floats, upper: Floats, entry: Floats, eta: Floats, scale: Floats
) -> Floats:
    known, late = np.isfinite(lower), np.isfinite(entry)
    hazard = np.full(len(lower), np.nan)
    hazard[known] = -law.standard.log_survival((lower - eta)[known] / scale[known])
    hazard[late] += law.standard.log_survival((entry - eta)[late] / scale[late])
    return hazard
