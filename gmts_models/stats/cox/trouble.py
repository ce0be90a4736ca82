"""What keeps a Cox likelihood from having one maximum, named by column."""

from __future__ import annotations

import numpy as np

from gmts_models.errors import FitError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.cox.event_grid import EventGrid

ALIASED = 1e-10
"""Share of a column's information that is its own, below which it is a sum of others."""
SINGULAR = 1e-13
"""Least eigenvalue of a matrix of correlations, below which it has no inverse to speak of."""
FLATTENS = 0.6
"""Share of a column's own information that a Newton step leaves, below which its coefficient runs
away: along a direction without a maximum each step leaves 1 / e of it, near a maximum all."""
NEARLY = 1e-2
"""Length of a Newton step, in standard errors, from which on steps are looked at for that."""


def quadratic_form(V: Floats, u: Floats) -> float:
    """Return u' V^-1 u of a variance V (p, p), NaN where V is singular, whatever the units."""
    if is_singular(V):
        return np.nan
    size = np.sqrt(np.diag(V))
    return float(u / size @ np.linalg.solve(V / np.outer(size, size), u / size))


def is_singular(V: Floats) -> bool:
    """Say whether a variance or information (p, p) has no inverse, whatever the units."""
    if not (np.diag(V) > 0).all():
        return True
    size = np.sqrt(np.diag(V))
    return bool(np.linalg.eigvalsh(V / np.outer(size, size)).min(initial=1.0) <= SINGULAR)


def refuse_overflow(value: float, information: Floats) -> None:
    """Raise FitError where a log likelihood or its information (p, p) is not finite."""
    if not (np.isfinite(value) and np.isfinite(information).all()):
        raise FitError(
            "the risks of these rows are too many orders of magnitude apart to be added",
            where="cox",
            fix="look for extreme offsets, case weights or values of columns",
        )


def refuse_aliased(information: Floats, X: Floats, grid: EventGrid, names: tuple[str, ...]) -> None:
    """Raise FitError where a column is constant within strata, or a sum of earlier ones.

    Parameters
    ----------
    information : (p, p) at coefficients of 0, with any penalty.
    X : (n, p) centred columns.
    """
    if not len(names):
        return
    # Against the information of independent columns of this size: a constant one has none.
    size = np.sqrt(grid.weight.sum() * np.einsum("ij,ij->j", X, X) / max(1, len(X)))
    scale = np.maximum(size, np.sqrt(np.abs(np.diag(information))))
    constant = np.diag(information) <= ALIASED * scale**2
    safe = np.where(scale > 0, scale, 1.0)
    lost = constant | _dependent(information / np.outer(safe, safe), ~constant)
    if lost.any():
        raise FitError(
            "columns are constant, or sums of others, among those at risk: they have no effect "
            "of their own",
            where=_named(names, lost),
            fix="leave them out, or add a penalty",
        )


def _dependent(matrix: Floats, candidates: Bools) -> Bools:
    """Say which columns of a scaled information matrix the earlier ones determine."""
    if candidates.all():
        try:
            # The squares of Cholesky's diagonal are what each has beyond the earlier ones.
            own_parts = np.square(np.diag(np.linalg.cholesky(matrix)))
        except np.linalg.LinAlgError:
            own_parts = np.zeros(len(matrix))
        if (own_parts > ALIASED * np.diag(matrix)).all():
            return np.zeros(len(matrix), dtype=bool)
    lost = np.zeros(len(matrix), dtype=bool)
    kept: list[int] = []
    for j in np.flatnonzero(candidates):
        own = matrix[j, j]
        if kept:
            part = matrix[np.ix_(kept, kept)]
            own -= matrix[j, kept] @ np.linalg.solve(part, matrix[kept, j])
        if own <= ALIASED * matrix[j, j]:
            lost[j] = True
        else:
            kept.append(int(j))
    return lost


def refuse_monotone(before: Floats, here: Floats, names: tuple[str, ...]) -> None:
    """Raise FitError where the likelihood flattens along a column: it has no maximum there.

    Parameters
    ----------
    before, here : (p, p) information before and after a Newton step, when steps are `NEARLY` none.
    """
    if not len(names):
        return
    try:
        own, was = (1 / np.diag(np.linalg.inv(each)) for each in (here, before))
        flat = own <= FLATTENS * was
    except np.linalg.LinAlgError:
        flat = np.diag(here) <= FLATTENS * np.diag(before)
        flat = flat if flat.any() else np.ones(len(names), dtype=bool)
    if flat.any():
        raise FitError(
            "a column separates those who leave from those who stay, so its effect has no finite "
            "estimate",
            where=_named(names, flat),
            fix="look for outliers, use Firth's penalty (fit_cox_firth), add a ridge penalty, or "
            "merge rare labels",
        )


def _named(names: tuple[str, ...], which: Bools) -> str:
    return ", ".join(name for name, is_one in zip(names, which, strict=True) if is_one)
