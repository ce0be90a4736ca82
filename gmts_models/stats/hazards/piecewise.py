"""Hazards that are constant within bands of time, as Poisson regressions of cut rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.hazards.rates import exposure
from gmts_models.stats.options import column_names, new_columns
from gmts_models.stats.regression.glm import fit_glm, robust_covariance
from gmts_models.stats.rows import check_rows, read_matrix, refuse_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """Rows cut at fixed times; m rows, those of one row given stand together.

    Attributes
    ----------
    row : (m,) int, the row given that each comes from.
    band : (m,) int, 0 = up to the first cut, which itself belongs to band 0.
    entry, exit : (m,) months.
    left : (m,) bool, True in the last piece of those who left only.
    """

    row: Ints
    band: Ints
    entry: Floats
    exit: Floats
    left: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewiseExponential:
    """Proportional hazards with a constant hazard in each band of time.

    Attributes
    ----------
    cuts : (k - 1,) months at which the hazard may change.
    coefficients : (k + p,) log hazards per month of the k bands at X = 0, then log hazard ratios
        of X.
    covariance : (k + p, k + p), robust where clusters were given.
    naive_covariance : (k + p, k + p), the inverse information.
    log_likelihood : of the survival times; cutting rows further does not change it.
    deviance : of the Poisson regression of the cut rows, as R prints it.
    last : the longest month that anyone was followed to.
    """

    cuts: Floats
    coefficients: Floats
    covariance: Floats
    naive_covariance: Floats
    log_likelihood: float
    deviance: float
    last: float


def split_episodes(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    *,
    cuts: npt.ArrayLike,
) -> Episodes:
    """Cut rows at fixed times, so that what is constant in between may differ across.

    Parameters
    ----------
    exit_, left, entry : (n,) months and bool.
    cuts : (k - 1,) months > 0, increasing. A row that ends at a cut is not cut there.

    Source: agrees with ``survival::survSplit(..., cut = cuts)``.
    """
    rows = check_rows(exit_, left, entry, where="split_episodes", merge_ties=False)
    at = _check_cuts(cuts, "split_episodes")
    first = np.searchsorted(at, rows.entry, side="right")
    last = np.maximum(np.searchsorted(at, rows.exit, side="left"), first)
    pieces = last - first + 1
    row = np.repeat(np.arange(len(rows)), pieces)
    step = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    band = first[row] + step
    edges = np.concatenate([[0.0], at, [np.inf]])
    return Episodes(
        row=row,
        band=band,
        entry=np.maximum(rows.entry[row], edges[band]),
        exit=np.minimum(rows.exit[row], edges[band + 1]),
        left=rows.left[row] & (band == last[row]),
    )


def piecewise_exponential(
    X: Floats,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    cuts: npt.ArrayLike,
    names: Sequence[str] | None = None,
) -> PiecewiseExponential:
    """Fit proportional hazards with a constant hazard in each band of time.

    Parameters
    ----------
    X : (n, p) float, without an intercept; p may be 0.
    exit_, left, entry, weights : (n,) as in `exit_rates`.
    clusters : (n,) labels of people or larger clusters, for a robust covariance.
    cuts : (k - 1,) months > 0 at which the hazard may change.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : bad rows or cuts, or someone left without having been followed for any time.
    FitError : nobody left in a band, or see `fit_glm`.

    Source: Friedman (1982), Annals of Statistics 10:101-113. Agrees with ``glm(left ~ 0 +
    factor(band) + X + offset(log(exit - entry)), poisson)`` of the rows that ``survSplit`` cuts.
    """
    where = "piecewise_exponential"
    rows = check_rows(exit_, left, entry, weights, None, clusters, where=where, merge_ties=False)
    at = _check_cuts(cuts, where)
    design = read_matrix(X, len(rows), where)
    refuse_rows(np.asarray(~np.isfinite(design).all(axis=1)), "X is missing or infinite", where)
    _, weight = exposure(rows, where)
    cut = split_episodes(rows.exit, rows.left, rows.entry, cuts=at)
    length = np.where(weight[cut.row] > 0, cut.exit - cut.entry, 1.0)
    edges = [f"{each:g}" for each in (0, *at, np.inf)]
    bands = [f"months {a} to {b}" for a, b in pairwise(edges)]
    fit = fit_glm(
        np.column_stack([np.eye(len(bands))[cut.band], design[cut.row]]),
        cut.left,
        link="log",
        offset=np.log(length),
        weights=weight[cut.row],
        names=[*bands, *column_names(design.shape[1], names)],
    )
    robust = None if rows.clusters is None else robust_covariance(fit, rows.clusters[cut.row])
    return PiecewiseExponential(
        cuts=at,
        coefficients=fit.coefficients,
        covariance=fit.covariance if robust is None else robust,
        naive_covariance=fit.covariance,
        log_likelihood=fit.log_likelihood - float(weight[cut.row] @ (cut.left * np.log(length))),
        deviance=fit.deviance,
        last=float(rows.exit.max()),
    )


def piecewise_survival(fit: PiecewiseExponential, X: Floats, times: npt.ArrayLike) -> Floats:
    """Return (n, m) P(still there at each time); NaN past the follow-up of the fit.

    Parameters
    ----------
    fit : of `piecewise_exponential`.
    X : (n, p) float.
    times : (m,) months >= 0.
    """
    at = np.atleast_1d(np.asarray(times, dtype=float))
    edges = np.concatenate([[0.0], fit.cuts, [np.inf]])
    spent = np.clip(at[:, None] - edges[:-1], 0, np.diff(edges))
    bands = len(fit.cuts) + 1
    new = new_columns(X, len(fit.coefficients) - bands, "piecewise_survival")
    hazard = spent @ np.exp(fit.coefficients[:bands])
    risk = np.exp(new @ fit.coefficients[bands:])
    survival = np.exp(-risk[:, None] * hazard)
    return np.asarray(np.where(at > fit.last, np.nan, survival))


def _check_cuts(cuts: npt.ArrayLike, where: str) -> Floats:
    at = np.asarray(cuts, dtype=float)
    if at.ndim != 1 or not (np.diff(at, prepend=0.0) > 0).all() or not np.isfinite(at).all():
        raise InputError("cuts must be positive months in increasing order", where=f"{where}, cuts")
    return at
