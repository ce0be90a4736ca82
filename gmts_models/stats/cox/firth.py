"""Cox regression with Firth's penalty: finite where nobody, or everybody, of a group leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.event_grid import cumulate_down, cumulate_up
from gmts_models.stats.cox.fit import CoxData, Likelihood, cox_data, likelihood_at
from gmts_models.stats.cox.risk_sums import Ties, tied_shares
from gmts_models.stats.cox.trouble import refuse_aliased
from gmts_models.stats.regression.firth import FirthFit, FirthPoint, fit_firth, half_log_determinant


@on_one_thread
def fit_cox_firth(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    *,
    offset: npt.ArrayLike | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
    profile: bool = True,
    names: Sequence[str] | None = None,
) -> FirthFit:
    """Fit proportional hazards by the partial likelihood plus half the log determinant of its I.

    Parameters
    ----------
    X : (n, p) columns, in any scale; no intercept.
    exit_, left, entry, weights, strata, offset, ties, names : as for `fit_cox`. Weights count
        rows: a whole weight is that many equal rows, in the penalty too (by Breslow's method).
    level : of the profile limits.
    profile : whether to find limits and tests of single coefficients.

    Returns
    -------
    FirthFit : its covariance is the inverse of the information; rows of one person must not be
        correlated, beyond that they follow each other.

    Raises
    ------
    InputError : lengths differ, a value is not a finite number, or the level is none.
    FitError : nobody leaves; a column is constant or a sum of others.

    Source: Heinze & Schemper (2001), Biometrics 57:114-119. Agrees with
    ``coxphf::coxphf(Surv(entry, exit, left) ~ X, pl = TRUE)`` (which is Breslow's), and with the
    maximum of ``coxph``'s log likelihood plus ``log(det(solve(vcov))) / 2``.
    """
    data = cox_data(X, exit_, left, entry, weights, strata, offset=offset, ties=ties, names=names)
    p = len(data.names)
    null = likelihood_at(data, np.zeros(p))
    refuse_aliased(null.information, data.rows.X, data.grid, data.names)
    return fit_firth(
        lambda beta: firth_point(data, beta),
        data.names,
        np.zeros(p, dtype=bool),
        level=level,
        profile=profile,
    )


def firth_point(data: CoxData, beta: Floats) -> FirthPoint:
    """Evaluate the penalised log partial likelihood with its gradient."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        at = likelihood_at(data, beta)
        penalty, inverse = half_log_determinant(at.information)
        value = at.value + penalty
        if not np.isfinite(value):
            value, gradient = -np.inf, at.gradient
        else:
            gradient = at.gradient + _penalty_gradient(data, at, inverse)
    return FirthPoint(
        log_likelihood=at.value, value=value, gradient=gradient, information=at.information
    )


def _penalty_gradient(data: CoxData, at: Likelihood, inverse: Floats) -> Floats:
    """Return (p,) the derivative of log |I| / 2.

    With M the inverse of I, m the mean of x over a risk set, h the hazard that a row went through
    and u the sum of its increments times m, it is half the sum over rows of
    r (x' M x) (h x - u) - 2 r (x' M u) x, plus the sum over deaths of w (m' M m) m: third moments
    of the risk sets are never formed.
    """
    rows, grid = data.rows, data.grid
    which, gone = np.arange(len(grid)), np.zeros(len(grid))
    if data.ties == "efron":
        which, gone = tied_shares(grid)
    weight = (grid.weight / np.bincount(which, minlength=len(grid)))[which]
    died, k = np.flatnonzero(rows.left), len(grid)
    parts = at.risk[:, None] * np.column_stack([np.ones(len(rows.X)), rows.X])
    moments = _sum_by_place(rows.last, parts, k) - _sum_by_place(
        rows.late_until, parts[rows.late], k
    )
    moments = cumulate_down(moments, grid.starts)[which]
    moments -= gone[:, None] * _sum_by_place(rows.last[died], parts[died], k)[which]
    at_risk = at.at.at_risk[which] - gone * np.bincount(rows.last[died], at.risk[died], k)[which]
    mean = moments[:, 1:] / at_risk[:, None]
    pull = (weight / at_risk)[:, None] * np.column_stack([np.ones(len(mean)), mean])
    passed = cumulate_up(_sum_by_place(which, pull, k), grid.starts)
    through = passed[rows.last]
    through[rows.late] -= passed[rows.late_until]
    through[died] -= _sum_by_place(which, gone[:, None] * pull, k)[rows.last[died]]
    h, u = through[:, 0], through[:, 1:]
    turned = rows.X @ inverse
    own = at.risk * np.einsum("ij,ij->i", turned, rows.X)
    crossed = at.risk * np.einsum("ij,ij->i", turned, u)
    of_means = weight * np.einsum("ij,ij->i", mean @ inverse, mean)
    return np.asarray((own * h - 2 * crossed) @ rows.X / 2 - own @ u / 2 + of_means @ mean)


def _sum_by_place(place: Ints, values: Floats, k: int) -> Floats:
    """Sum the rows of `values` (n, q) by place; return (k, q)."""
    return np.stack([np.bincount(place, each, k) for each in values.T], axis=1)
