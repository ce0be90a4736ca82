"""Hazards of whole periods (months, years): the chance to leave in one, for those there before.

Binomial or multinomial regressions of one row for each person and period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import UNKNOWN_CAUSE, Floats, Ints
from gmts_models.stats.hazards.period_design import (
    Baseline,
    design_at,
    design_names,
    hazard_design,
    period_columns,
    refuse_idle_periods,
)
from gmts_models.stats.hazards.person_periods import person_periods
from gmts_models.stats.regression.glm import fit_glm, mean_of, robust_covariance
from gmts_models.stats.regression.multinomial import fit_multinomial, multinomial_probabilities
from gmts_models.stats.rows import check_rows, read_matrix, refuse_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteHazard:
    """A regression of the hazard of each period.

    Attributes
    ----------
    coefficients : (b + p,) float: of the baseline's b columns, then of X.
    covariance : (b + p, b + p), robust where clusters were given.
    naive_covariance : (b + p, b + p), the inverse expected information.
    log_likelihood, deviance : float.
    link : as given.
    baseline : as given; by default a column for each of `periods`.
    periods : (q,) int, the periods that anyone was followed in.
    person_periods : number of rows of the regression.
    """

    coefficients: Floats
    covariance: Floats
    naive_covariance: Floats
    log_likelihood: float
    deviance: float
    link: Literal["logit", "cloglog"]
    baseline: Baseline
    periods: Ints
    person_periods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteHazardAt:
    """Hazards of people and periods; all (n, q), NaN in periods after the last of the fit.

    Attributes
    ----------
    linear_predictor : on the scale of the link.
    std_err : of `linear_predictor`.
    hazard : P(left in the period | there at its beginning).
    """

    linear_predictor: Floats
    std_err: Floats
    hazard: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseHazards:
    """Multinomial regression of the cause of leaving in each period, against staying.

    Attributes
    ----------
    coefficients : (k, b + p) float, by cause: of the baseline's columns, then of X.
    covariance : (k (b + p), k (b + p)), in the order of ``coefficients.ravel()``; robust where
        clusters were given.
    naive_covariance : the inverse information, of the same shape.
    log_likelihood : float.
    baseline, periods, person_periods : as in `DiscreteHazard`.
    """

    coefficients: Floats
    covariance: Floats
    naive_covariance: Floats
    log_likelihood: float
    baseline: Baseline
    periods: Ints
    person_periods: int


def discrete_hazard(
    X: Floats,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    link: Literal["logit", "cloglog"] = "logit",
    baseline: Baseline | None = None,
    width: float = 1.0,
    until: int | None = None,
    names: Sequence[str] | None = None,
) -> DiscreteHazard:
    """Regress the hazard of each period on columns.

    Parameters
    ----------
    X : (n, p) float, without an intercept; p may be 0. A person whose columns change has a row
        for each stretch of time.
    exit_, left, entry, weights : (n,) months, bool, months and case weights.
    clusters : (n,) labels of people or larger clusters, for a robust covariance.
    link : "cloglog" is proportional hazards of continuous time, seen by the period; "logit"
        proportional odds of leaving in it.
    baseline : columns by period, with an intercept where one is wanted; default one column for
        each period, in which somebody must leave and somebody stay.
    width : months in a period.
    until : the last period to use; later ones are censored.
    names : (p,) of the columns of X, for errors.

    Raises
    ------
    FitError : by default, a period in which nobody leaves or stays; see also `fit_glm`.
    InputError, NotEstimableError : see `person_periods` and `fit_glm`.

    Source: Allison (1982), Sociological Methodology 13:61-98; Prentice & Gloeckler (1978),
    Biometrics 34:57-67. Agrees with ``glm(left ~ 0 + baseline(period) + X, binomial(link))`` on
    rows of persons and periods, and with ``sandwich::vcovCL(type = "HC0", cadjust = FALSE)``.
    """
    where = "discrete_hazard"
    rows = check_rows(exit_, left, entry, weights, None, clusters, where=where, merge_ties=False)
    attributes = read_matrix(X, len(rows), where)
    refuse_rows(np.asarray(~np.isfinite(attributes).all(axis=1)), "X is missing or infinite", where)
    cut = person_periods(rows.exit, rows.left, rows.entry, width=width, until=until)
    if baseline is None:
        refuse_idle_periods(cut, rows.weights[cut.row])
    columns = period_columns(cut) if baseline is None else baseline
    design = hazard_design(attributes, cut, columns)
    fit = fit_glm(
        design,
        cut.event != 0,
        link=link,
        weights=rows.weights[cut.row],
        names=design_names(design.shape[1], attributes.shape[1], cut, baseline, names),
    )
    people = None if rows.clusters is None else rows.clusters[cut.row]
    return DiscreteHazard(
        coefficients=fit.coefficients,
        covariance=fit.covariance if people is None else robust_covariance(fit, people),
        naive_covariance=fit.covariance,
        log_likelihood=fit.log_likelihood,
        deviance=fit.deviance,
        link=link,
        baseline=columns,
        periods=np.unique(cut.period),
        person_periods=len(cut.row),
    )


def discrete_hazard_at(fit: DiscreteHazard, X: Floats, periods: npt.ArrayLike) -> DiscreteHazardAt:
    """Give the hazard of people with columns X (n, p) in periods (q,)."""
    at = np.atleast_1d(np.asarray(periods, dtype=float))
    design = design_at(fit.baseline, fit.periods, X, at, fit.coefficients.shape[-1])
    linear = design @ fit.coefficients
    variance = np.einsum("nqa,ab,nqb->nq", design, fit.covariance, design)
    return DiscreteHazardAt(
        linear_predictor=linear, std_err=np.sqrt(variance), hazard=mean_of(fit.link, linear)
    )


def cause_hazards(
    X: Floats,
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    baseline: Baseline,
    width: float = 1.0,
    until: int | None = None,
    names: Sequence[str] | None = None,
) -> CauseHazards:
    """Regress the causes of leaving in each period on columns, all at once.

    Parameters
    ----------
    event : (n,) int, 0 = censored, 1..k = cause.
    baseline : as in `discrete_hazard`; each column needs leavers of every cause.
    X, exit_, entry, weights, clusters, width, until, names : as in `discrete_hazard`.

    Raises
    ------
    InputError : a cause is unknown; see also `person_periods`.
    NotEstimableError, FitError : see `fit_multinomial`.

    Source: Allison (1982), Sociological Methodology 13:61-98. Agrees with
    ``nnet::multinom(reltol = 1e-14)`` on rows of persons and periods.
    """
    where = "cause_hazards"
    rows = check_rows(exit_, event, entry, weights, None, clusters, where=where, merge_ties=False)
    if (unknown := rows.event == UNKNOWN_CAUSE).any():
        raise InputError(
            f"{int(unknown.sum())} row(s) left from an unknown cause",
            where=f"{where}, event",
            fix="impute the cause first, or fit discrete_hazard to leaving from any cause",
        )
    attributes = read_matrix(X, len(rows), where)
    refuse_rows(np.asarray(~np.isfinite(attributes).all(axis=1)), "X is missing or infinite", where)
    cut = person_periods(rows.exit, rows.event, rows.entry, width=width, until=until)
    design = hazard_design(attributes, cut, baseline)
    fit = fit_multinomial(
        design,
        cut.event,
        weights=rows.weights[cut.row],
        names=design_names(design.shape[1], attributes.shape[1], cut, baseline, names),
    )
    covariance = fit.covariance
    if rows.clusters is not None:
        covariance = robust_covariance(fit, rows.clusters[cut.row])
    return CauseHazards(
        coefficients=fit.coefficients,
        covariance=covariance,
        naive_covariance=fit.covariance,
        log_likelihood=fit.log_likelihood,
        baseline=baseline,
        periods=np.unique(cut.period),
        person_periods=len(cut.row),
    )


def cause_hazards_at(fit: CauseHazards, X: Floats, periods: npt.ArrayLike) -> Floats:
    """Give (n, q, k) hazards by cause of people with columns X (n, p) in periods (q,)."""
    at = np.atleast_1d(np.asarray(periods, dtype=float))
    design = design_at(fit.baseline, fit.periods, X, at, fit.coefficients.shape[-1])
    flat = multinomial_probabilities(fit.coefficients, design.reshape(-1, design.shape[2]))
    return np.asarray(flat[:, 1:].reshape(*design.shape[:2], len(fit.coefficients)))


def survival_of(hazard: Floats) -> Floats:
    """Return (n, q) P(there at the end of each period) for hazards (n, q) of periods 1..q."""
    return np.asarray(np.cumprod(1 - hazard, axis=1))


def incidence_of(hazards: Floats) -> Floats:
    """Return (n, q, k) P(left from each cause by the end of each period 1..q).

    Parameters
    ----------
    hazards : (n, q, k) by cause, of consecutive periods from the first.
    """
    survival = survival_of(hazards.sum(axis=2))
    before = np.concatenate([np.ones((len(survival), 1)), survival[:, :-1]], axis=1)
    return np.asarray(np.cumsum(before[:, :, None] * hazards, axis=1))
