"""The maximum of a (penalised) Cox partial likelihood, by Newton's method."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from typing import get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.event_grid import EventGrid, event_grid
from gmts_models.stats.cox.risk_sums import (
    CoxRows,
    Increments,
    Ties,
    cox_rows,
    increments,
    linear_predictor,
    moment_sums,
    risk_sums,
    subtracted_information,
)
from gmts_models.stats.cox.trouble import (
    NEARLY,
    refuse_aliased,
    refuse_monotone,
    refuse_overflow,
)
from gmts_models.stats.options import column_names
from gmts_models.stats.rows import Rows, check_rows, pick, read_matrix, read_numbers

MOST_STEPS, MOST_HALVINGS = 60, 30
_WORTH_A_THREAD = 500_000
"""Numbers in X from which the two passes over it take a thread each."""
_MANY_TIMES = 4096
"""Times of leaving from which rows are first put in the order of time."""
_LAST_STEP = 1e-9
"""Length of a Newton step, in standard errors, after which nothing is evaluated again: what is
left of the way is of the order of its square."""
_ROUNDING = 1e-5
"""Length below which steps that get no shorter are rounding alone (penalties of great size)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxData:
    """Rows ready for any number of evaluations: their grid, and their order in it.

    Attributes
    ----------
    given : as checked, in the order given.
    rows, grid : as `risk_sums` takes them.
    ties : method for tied times.
    names : (p,) of the columns.
    offset_centre : what was taken from every offset; None where none was given.
    """

    given: Rows
    rows: CoxRows
    grid: EventGrid
    ties: Ties
    names: tuple[str, ...]
    offset_centre: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """The log partial likelihood at one point.

    Attributes
    ----------
    value : log partial likelihood.
    gradient : (p,).
    information : (p, p), minus the second derivative.
    risk : (n,) w exp(eta) of the rows of `CoxData.rows`.
    at : hazards by place of the grid.
    """

    value: float
    gradient: Floats
    information: Floats
    risk: Floats
    at: Increments


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxFit:
    """A maximum of the (penalised) log partial likelihood.

    Attributes
    ----------
    coefficients : (p,).
    covariance : (p, p) inverse of the observed information, with the penalty where there is one.
    information : (p, p) observed information without the penalty.
    log_likelihood : at the maximum, without the penalty.
    log_likelihood_null : at 0 (with the offset), without the penalty.
    score_test : gradient' information^-1 gradient at 0 (chi squared, p degrees of freedom).
    steps : Newton steps taken.
    data : what was fitted.
    likelihood : at the coefficients.
    """

    coefficients: Floats
    covariance: Floats
    information: Floats
    log_likelihood: float
    log_likelihood_null: float
    score_test: float
    steps: int
    data: CoxData
    likelihood: Likelihood


@on_one_thread
def cox_data(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    offset: npt.ArrayLike | None = None,
    ties: Ties = "efron",
    names: Sequence[str] | None = None,
    merge_ties: bool = True,
) -> CoxData:
    """Check and sort what a Cox fit is given; parameters as for `fit_cox`."""
    if ties not in get_args(Ties):
        raise InputError("there is no such method for ties", where="ties", fix="efron or breslow")
    rows = check_rows(
        exit_, left, entry, weights, strata, clusters, where="cox", merge_ties=merge_ties
    )
    # Any cause is one here, and takes a byte.
    rows = replace(rows, event=np.asarray(rows.left.view(np.int8)))
    matrix = read_matrix(X, len(rows))
    labels = tuple(column_names(matrix.shape[1], names))
    with np.errstate(over="ignore", invalid="ignore"):
        centre = _mean(matrix, rows.weights)
    if not np.isfinite(centre).all() and not np.isfinite(matrix).all():
        bad = np.flatnonzero(~np.isfinite(matrix).all(axis=0))
        raise InputError(
            "columns hold values that are missing or infinite",
            where=", ".join(labels[column] for column in bad),
            fix="impute them, or leave out the rows",
        )
    if not (rows.left & (rows.weights > 0)).any():
        raise FitError("nobody leaves in these rows, so there is no hazard to model", where="cox")
    moved, offset_centre = None, None
    if offset is not None:
        moved = read_numbers(offset, "offset", "cox")
        if moved.shape != (len(rows),) or not np.isfinite(moved).all():
            raise InputError("offset must be a finite number a row", where="cox, offset")
        offset_centre = float(np.average(moved, weights=rows.weights))
        moved = moved - offset_centre
    grid = event_grid(rows)
    return CoxData(
        given=rows,
        rows=_cox_rows(matrix, rows, grid, centre, moved),
        grid=grid,
        ties=ties,
        names=labels,
        offset_centre=offset_centre,
    )


def _cox_rows(
    X: Floats, rows: Rows, grid: EventGrid, centre: Floats, offset: Floats | None
) -> CoxRows:
    if len(grid) <= _MANY_TIMES:
        return cox_rows(X, rows, grid, centre, offset)
    # Places are quicker found for rows in the order of time.
    by_time = np.argsort(rows.exit)
    ordered = Rows(
        entry=pick(rows.entry, by_time),
        exit=rows.exit[by_time],
        event=rows.event[by_time],
        weights=pick(rows.weights, by_time),
        strata=pick(rows.strata, by_time),
        clusters=None,
    )
    return cox_rows(X, ordered, grid, centre, offset, by_time)


def _mean(X: Floats, weights: Floats) -> Floats:
    """Return the (p,) weighted mean of the columns."""
    if weights.strides == (0,):
        return np.asarray(np.ones(len(X)) @ X / len(X))
    return np.asarray(weights @ X / weights.sum())


@on_one_thread
def likelihood_at(data: CoxData, beta: Floats) -> Likelihood:
    """Evaluate the log partial likelihood with its two derivatives at `beta` (p,)."""
    return _with_derivatives(data, *_risk_at(data, beta))


def _with_derivatives(data: CoxData, risk: Floats, at: Increments) -> Likelihood:
    of, context = (data.rows, data.grid, risk, at), copy_context()
    if data.rows.X.size > _WORTH_A_THREAD and parent_process() is None:
        # The two passes over X need nothing of each other. Workers of joblib share no cores.
        with ThreadPoolExecutor(1) as other:
            first = other.submit(lambda: context.run(moment_sums, *of))  # NumPy's errstate too
            subtracted = subtracted_information(*of)
            moments = first.result()
    else:
        moments, subtracted = moment_sums(*of), subtracted_information(*of)
    information = moments.cross - subtracted
    return Likelihood(
        value=at.log_likelihood,
        gradient=moments.gradient,
        information=(information + information.T) / 2,
        risk=risk,
        at=at,
    )


def _risk_at(data: CoxData, beta: Floats) -> tuple[Floats, Increments]:
    risk, sums = risk_sums(data.rows, data.grid, linear_predictor(data.rows, beta))
    return risk, increments(data.grid, sums, data.ties)


def fit_cox(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    offset: npt.ArrayLike | None = None,
    ties: Ties = "efron",
    penalty: Floats | None = None,
    names: Sequence[str] | None = None,
    merge_ties: bool = True,
) -> CoxFit:
    """Fit proportional hazards.

    Parameters
    ----------
    X : (n, p) columns, in any scale; no intercept.
    exit_ : (n,) months at which observation ends.
    left : (n,) bool; False = still there when last seen.
    entry : (n,) months at which observation begins; default 0. Several rows of one person, each
        with the attributes of its time, are written (entry, exit].
    weights : (n,) case weights, >= 0, whole or not; default 1.
    strata : (n,) labels; each has a baseline hazard of its own.
    clusters : (n,) labels of people or larger clusters, for `robust_covariance`.
    offset : (n,) known part of the log relative hazard.
    ties : "efron" or "breslow"; for few rows see also `fit_cox_exact`.
    penalty : (p,) diagonal, >= 0, or (p, p) matrix P, symmetric and positive semidefinite: half
        of beta' P beta is taken from the log likelihood.
    names : (p,) names of the columns, for errors.
    merge_ties : whether times apart by floating-point noise only become one (R's timefix).

    Returns
    -------
    CoxFit

    Raises
    ------
    InputError : lengths differ, or a value is not a finite number.
    FitError : nobody leaves; a column is constant or a sum of others; a column separates those
        who leave from those who stay, so that the likelihood has no maximum; offsets, weights or
        columns are so extreme that risks cannot be added.

    Source: Cox (1972), JRSS B 34:187-220; Therneau & Grambsch (2000), Modeling Survival Data.
    Agrees with ``survival::coxph(Surv(entry, exit, left) ~ X + strata(s) + offset(o), weights)``.
    """
    data = cox_data(
        X,
        exit_,
        left,
        entry,
        weights,
        strata,
        clusters,
        offset=offset,
        ties=ties,
        names=names,
        merge_ties=merge_ties,
    )
    return maximise(data, penalty)


@on_one_thread
def maximise(data: CoxData, penalty: Floats | None = None, start: Floats | None = None) -> CoxFit:
    """Find the maximum for prepared data; parameters and errors as for `fit_cox`.

    `start` (p,) is where the search begins, the null likelihood stays that at 0.
    """
    p = data.rows.X.shape[1]
    P = np.zeros((p, p)) if penalty is None else _penalty_matrix(penalty, p)
    here = _finite_likelihood(data, np.zeros(p))
    null, at_zero = here.value, here.information + P
    refuse_aliased(at_zero, data.rows.X, data.grid, data.names)
    score_test = float(here.gradient @ np.linalg.solve(at_zero, here.gradient))
    beta = np.zeros(p)
    if start is not None:
        beta, here = start, _finite_likelihood(data, start)
    # Standard errors grow as weights fall.
    unit = min(1.0, float(np.sqrt(data.grid.weight.sum() / data.grid.deaths.sum())))
    steps, before, earlier = 0, np.inf, at_zero
    for steps in range(MOST_STEPS + 1):
        gradient, information = here.gradient - P @ beta, here.information + P
        step = _newton_step(earlier, information, gradient, data.names)
        length = np.sqrt(max(0.0, float(gradient @ step))) / unit
        if steps and length < NEARLY:
            refuse_monotone(earlier, information, data.names)
        if length < _LAST_STEP or before / 2 < length < _ROUNDING:
            beta = beta + step
            break
        before, earlier = length, information
        if steps == MOST_STEPS:
            raise FitError("the Cox fit does not converge", where="cox", fix="add a penalty")
        value = here.value
        del here  # it is as long as the rows
        beta, here = _climb(data, P, beta, step, value)
    return CoxFit(
        coefficients=beta,
        covariance=_inverse(here.information + P),
        information=here.information,
        log_likelihood=here.value,
        log_likelihood_null=null,
        score_test=score_test,
        steps=steps,
        data=data,
        likelihood=here,
    )


def _newton_step(
    earlier: Floats, information: Floats, gradient: Floats, names: tuple[str, ...]
) -> Floats:
    if not np.isfinite(information).all():  # so far have the coefficients run
        refuse_monotone(earlier, np.zeros_like(information), names)
    try:
        return np.asarray(np.linalg.solve(information, gradient))
    except np.linalg.LinAlgError:
        refuse_monotone(earlier, information, names)
        raise FitError("the Cox fit does not converge", where="cox", fix="add a penalty") from None


def _penalty_matrix(penalty: Floats, p: int) -> Floats:
    try:
        P = np.asarray(penalty, dtype=float)
    except (TypeError, ValueError):
        raise InputError("penalty must be numbers", where="penalty") from None
    if P.shape not in ((p,), (p, p)) or not np.isfinite(P).all():
        raise InputError(
            f"penalty must be {p} finite numbers, or {p} x {p}, has shape {P.shape}",
            where="penalty",
        )
    P = np.diag(P) if P.ndim == 1 else P
    size = np.abs(P).max(initial=0.0)
    symmetric = (np.abs(P - P.T) <= 1e-9 * size).all()
    if not symmetric or np.linalg.eigvalsh(P).min(initial=0.0) < -1e-9 * size:
        raise InputError(
            "penalty must be symmetric and positive semidefinite, else it draws coefficients away",
            where="penalty",
        )
    return P


def _finite_likelihood(data: CoxData, beta: Floats) -> Likelihood:
    with np.errstate(over="ignore", invalid="ignore"):
        here = likelihood_at(data, beta)
    refuse_overflow(here.value, here.information)
    return here


def _inverse(information: Floats) -> Floats:
    """Return the inverse, exactly symmetric."""
    inverse = np.linalg.inv(information)
    return np.asarray((inverse + inverse.T) / 2)


def _climb(
    data: CoxData, P: Floats, beta: Floats, step: Floats, value: float
) -> tuple[Floats, Likelihood]:
    """Go a Newton step, or as much of it as climbs."""
    floor = value - beta @ P @ beta / 2 - 1e-11 * abs(value)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(MOST_HALVINGS):
            trial = beta + step
            risk, at = _risk_at(data, trial)
            if at.log_likelihood - trial @ P @ trial / 2 >= floor:
                break
            step = step / 2
        return trial, _with_derivatives(data, risk, at)
