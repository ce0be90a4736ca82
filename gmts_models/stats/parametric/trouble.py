"""What keeps a parametric likelihood from having a maximum, named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmts_models.errors import FitError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.parametric.newton import Maximum, Problem, Standardised

UNKNOWN = 1e3
"""Standard error per standard deviation of a column, in units of the scale, from which the column
is taken to have no finite estimate: one departure that bears on it gives about 1, and steps that
run off end beyond 1e4. For the log of the scale likewise."""


def refuse_uninformative(problem: Problem) -> None:
    """Raise FitError where all are still there, or all had left before anyone looked."""
    there = problem.weights > 0
    if not (there & np.isfinite(problem.upper)).any():
        raise FitError(
            "nobody leaves, so no time of leaving can be fitted",
            where="event",
            fix="Kaplan-Meier still gives an interval for retention",
        )
    if not (there & (np.isfinite(problem.lower) | np.isfinite(problem.entry))).any():
        raise FitError("every time is left-censored", where="lower", fix="give earlier looks")


def refuse_dependent_columns(
    standard: Standardised, weights: Floats, columns: Sequence[str], *, penalised: bool
) -> None:
    """Raise FitError where columns are constant, or sums of earlier ones and not `penalised`."""
    constant = standard.spread == 0
    if constant.any():
        raise FitError(
            "columns are constant, so their effects are the intercept's",
            where=_named(columns, constant),
            fix="leave them out",
        )
    if penalised:
        return
    _, r = np.linalg.qr(np.sqrt(weights)[:, None] * standard.Z)
    size = np.abs(np.diag(r))
    lost = np.ones(len(columns), dtype=bool)  # more columns than rows
    lost[: len(size)] = size < 1e-8 * np.sqrt(weights.sum())
    if lost.any():
        raise FitError(
            "columns are sums of others, so their effects cannot be told apart",
            where=_named(columns, lost),
            fix="drop or merge them",
        )


def is_maximum(problem: Problem, found: Maximum) -> bool:
    """Say whether the steps ended at a maximum rather than at a border, columns apart."""
    error = np.sqrt(np.diag(found.covariance))
    ended = found.converged and found.distance < 1e-6 and bool(np.isfinite(error).all())
    return ended and not _scale_is_lost(problem, found)


def _scale_is_lost(problem: Problem, found: Maximum) -> bool:
    q = len(found.theta) - problem.scales
    error = np.sqrt(np.diag(found.covariance)[q:])
    size = 1.0 if problem.law.log_time else float(np.abs(problem.middle).max())
    gone = found.theta[q:] < np.log(1e-7 * size)
    return bool(gone.any() or not (error < UNKNOWN).all())


def refuse_no_maximum(problem: Problem, found: Maximum, columns: Sequence[str]) -> None:
    """Raise FitError where the steps ran off to a border, and say to which."""
    q = len(found.theta) - problem.scales
    error = np.sqrt(np.diag(found.covariance))
    if _scale_is_lost(problem, found):
        raise FitError(
            "the scale has no finite estimate: the times are fitted without error, or tell too "
            "little of it",
            where=problem.law.name,
            fix="fix the scale, leave out columns, or choose another family",
        )
    scale = problem.fixed if problem.fixed is not None else float(np.exp(found.theta[q:].max()))
    far = ~(error[1:q] < UNKNOWN * scale)
    if far.any():
        raise FitError(
            "a column separates those who leave from those who stay, so its effect has no finite "
            "estimate",
            where=_named(columns, far),
            fix="drop or merge the column, or add a penalty: alpha",
        )
    if not is_maximum(problem, found):
        raise FitError(
            "the likelihood has no maximum within reach",
            where=problem.law.name,
            fix="leave out or merge columns that few share, fix the scale, or change the family",
        )


def _named(columns: Sequence[str], which: Bools) -> str:
    return ", ".join(name for name, is_it in zip(columns, which, strict=True) if is_it)
