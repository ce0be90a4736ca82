"""Cause-specific Cox regression: one fit by cause.

Each fit takes departures from other causes as censorings, which is right for the hazard of the
cause; the risk of leaving by it needs all of them (`cause_specific_prediction`), since whoever
leaves for one reason can no longer leave for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy.typing as npt

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import UNKNOWN_CAUSE, Floats
from gmts_models.stats.cox.baseline import CoxCurves, cox_curves
from gmts_models.stats.cox.fit import CoxFit, fit_cox
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.rows import check_rows

_WHERE = "cause_specific"


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSpecificFit:
    """One Cox fit by cause, of the same rows and columns.

    Attributes
    ----------
    fits : (c,) of the causes 1..c, in their order.
    """

    fits: tuple[CoxFit, ...]


def fit_cause_specific(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    causes: int | None = None,
    ties: Ties = "efron",
    penalty: Floats | None = None,
    names: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> CauseSpecificFit:
    """Fit proportional hazards of each cause.

    Parameters
    ----------
    X, exit_, entry, weights, strata, clusters, ties, penalty, names : as for `fit_cox`; the same
        columns, and the same penalty, for every cause.
    event : (n,) int, 0 = censored, 1..c = cause.
    causes : how many there are; default the highest code.
    labels : (c,) names of the causes, for errors.

    Raises
    ------
    InputError : as `fit_cox`; a cause is unknown (-1) or above `causes`.
    FitError : nobody leaves from one of the causes; or as `fit_cox`.

    Source: Prentice et al. (1978), Biometrics 34:541-554; Benichou & Gail (1990), Biometrics
    46:813-826. Agrees with ``coxph(Surv(entry, exit, event == c) ~ X)`` and
    ``riskRegression::CSC``.
    """
    rows = check_rows(exit_, event, entry, weights, strata, clusters, where=_WHERE)
    unknown = int((rows.event == UNKNOWN_CAUSE).sum())
    if unknown:
        raise InputError(
            f"{unknown} people left from an unknown cause (-1), which no fit by cause can place",
            where=f"{_WHERE}, event",
            fix="impute the causes several times, or give all of them each cause in turn for "
            "bounds, or fit_cox leaving from any cause with event != 0",
        )
    count = max(1, int(rows.event.max())) if causes is None else causes
    if count < int(rows.event.max()):
        raise InputError(
            f"event codes run to {int(rows.event.max())}, causes is {causes}",
            where=f"{_WHERE}, causes",
        )
    fits = []
    for cause in range(1, count + 1):
        if not ((rows.event == cause) & (rows.weights > 0)).any():
            raise FitError(
                f"nobody leaves from cause {cause}",
                where=f"{_WHERE}, event",
                fix="merge the cause with another, or number the causes without it",
            )
        try:
            fit = fit_cox(
                X,
                rows.exit,
                rows.event == cause,
                rows.entry,
                rows.weights,
                rows.strata,
                rows.clusters,
                ties=ties,
                penalty=penalty,
                names=names,
                merge_ties=False,
            )
        except FitError as error:
            label = f"cause {cause}" if labels is None else labels[cause - 1]
            raise FitError(error.what, where=f"{label}: {error.where}", fix=error.fix) from None
        fits.append(fit)
    return CauseSpecificFit(fits=tuple(fits))


def cause_specific_curves(fit: CauseSpecificFit) -> tuple[CoxCurves, ...]:
    """Keep what prediction needs of each fit, without rows of people."""
    return tuple(cox_curves(each) for each in fit.fits)
