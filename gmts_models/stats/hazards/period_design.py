"""The columns of a regression of people's periods: the baseline's, then those of X."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.hazards.person_periods import PersonPeriods
from gmts_models.stats.options import column_names, new_columns

Baseline = Callable[[Floats], Floats]
"""Gives the columns that tell periods apart: (q,) distinct periods -> (q, b)."""
_SHOWN = 5  # periods named in an error


def period_columns(cut: PersonPeriods) -> Baseline:
    """Return the baseline with one column for each period that occurs; NaN in others."""
    known = np.unique(cut.period)

    def columns(period: Floats) -> Floats:
        same = np.equal.outer(period, known)
        return np.where(same.any(axis=1, keepdims=True), same.astype(float), np.nan)

    return columns


def hazard_design(X: Floats, cut: PersonPeriods, baseline: Baseline) -> Floats:
    """Return (m, b + p) the baseline's columns and those of X, a row for each person and period."""
    period, which = np.unique(cut.period, return_inverse=True)
    base = np.asarray(baseline(period.astype(float)), dtype=float)
    if base.ndim != 2 or len(base) != len(period):
        raise InputError(
            f"the baseline of {len(period)} periods has shape {base.shape}",
            where="baseline",
            fix="return one row for each period",
        )
    return np.column_stack([base[which], X[cut.row]])


def refuse_idle_periods(cut: PersonPeriods, weights: Floats) -> None:
    """Refuse periods in which nobody leaves or nobody stays: their columns have no effect."""
    known, which = np.unique(cut.period, return_inverse=True)
    gone = np.bincount(which, weights * (cut.event != 0))
    idle = known[(gone == 0) | (gone == np.bincount(which, weights))]
    if len(idle):
        more = ", ..." if len(idle) > _SHOWN else ""
        raise FitError(
            f"in {len(idle)} of {len(known)} periods nobody leaves, or nobody stays: their own "
            "columns have no finite effect",
            where=f"discrete_hazard, periods {', '.join(map(str, idle[:_SHOWN]))}{more}",
            fix="give a baseline of fewer columns, such as lambda k: np.column_stack("
            "[np.ones_like(k), np.log(k)]); or a longer width; or end with until",
        )


def design_at(
    baseline: Baseline, known: Ints, X: npt.ArrayLike, periods: Floats, width: int
) -> Floats:
    """Return (n, q, width) the columns of new people; NaN in periods past the last of the fit."""
    inside = (periods >= 1) & (periods <= known[-1])
    base = np.asarray(baseline(np.where(inside, periods, known[-1])), dtype=float)
    base = np.where(inside[:, None], base, np.nan)
    columns = new_columns(X, width - base.shape[1], "hazards at periods")
    n, q = len(columns), len(periods)
    return np.concatenate(
        [
            np.broadcast_to(base, (n, q, base.shape[1])),
            np.broadcast_to(columns[:, None], (n, q, columns.shape[1])),
        ],
        axis=2,
    )


def design_names(
    total: int,
    p: int,
    cut: PersonPeriods,
    baseline: Baseline | None,
    names: Sequence[str] | None,
) -> list[str]:
    """Return the names of `total` columns, of which the last p are those of X."""
    own = column_names(p, names)
    if baseline is None:
        return [*(f"period {each}" for each in np.unique(cut.period)), *own]
    return [*(f"baseline column {j}" for j in range(total - p)), *own]
