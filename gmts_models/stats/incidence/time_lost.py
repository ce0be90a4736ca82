"""Mean time lost to each cause within a horizon: the area under the cumulative incidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.incidence.incidence_steps import (
    IncidenceSteps,
    incidence_steps,
    row_influence,
)
from gmts_models.stats.incidence.incidence_variance import distinct_rows
from gmts_models.stats.intervals import check_level, normal_quantile
from gmts_models.stats.rows import check_rows

_WHERE = "time_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLost:
    """Mean months lost to each of c causes, of the first `until` months.

    Attributes
    ----------
    until : the horizon.
    lost : (c,) E(until - T; T <= until, cause), the area under the cumulative incidence. With the
        restricted mean of staying they sum to `until`. NaN if follow-up ends before the horizon
        with people left.
    covariance : (c, c) of `lost`; the sum of all its elements is the variance of the total.
    std_err, lower, upper : (c,) standard errors, and limits within [0, until] at `level`.
    level : of the limits.
    """

    until: float
    lost: Floats
    covariance: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLostDifference:
    """How many more months one group loses than another, by cause.

    Attributes
    ----------
    estimate, std_err, lower, upper : (c,) first less second, with limits at `level`.
    z, p : (c,) two-sided test of no difference; NaN where the error is 0.
    level : of the limits.
    """

    estimate: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    z: Floats
    p: Floats
    level: float


def time_lost(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    until: float,
    causes: int | None = None,
    level: float = 0.95,
) -> TimeLost:
    """Estimate the mean time lost to each cause of leaving, up to a horizon.

    Parameters
    ----------
    exit_, event, entry, weights, clusters, causes : as in `aalen_johansen`.
    until : the horizon in months, > 0.
    level : of the limits.

    Raises
    ------
    InputError : as `aalen_johansen`, or the horizon is not a positive number.

    Notes
    -----
    Errors are those of the infinitesimal jackknife: squared influences of each row, or cluster, on
    the whole area. R carries the curves' last values on to any horizon; see `TimeLost.lost`.

    Source: Andersen (2013), Statistics in Medicine 32:5278-5285. Agrees with the ``rmean`` of
    ``print(survfit(Surv(entry, exit, factor(event)) ~ 1), rmean = until)``, which has no errors;
    ours are those of the area under ``survfit(..., influence = TRUE)$influence.pstate``.
    """
    check_level(level)
    if not (np.isfinite(until) and until > 0):
        raise InputError("the horizon is not a positive number", where=f"{_WHERE}, until")
    rows = check_rows(exit_, event, entry, weights, clusters=clusters, where=_WHERE)
    steps = incidence_steps(rows, causes, where=_WHERE)
    time = np.minimum(np.concatenate([[0.0], steps.time]), until)
    width = np.diff(time, append=until)
    lost: Floats = width[1:] @ steps.incidence
    influence = _influence(steps, time, width)
    covariance: Floats = influence.T @ influence
    if until > steps.time[-1] * (1 + 1e-12) and steps.survival[-1] > 0:
        lost, covariance = lost * np.nan, covariance * np.nan
    std_err = np.sqrt(np.diag(covariance))
    half = normal_quantile(level) * std_err
    return TimeLost(
        until=until,
        lost=lost,
        covariance=covariance,
        std_err=std_err,
        lower=np.maximum(lost - half, 0.0),
        upper=np.minimum(lost + half, until),
        level=level,
    )


def difference_of_time_lost(first: TimeLost, second: TimeLost) -> TimeLostDifference:
    """Compare the time that two independent groups lose: nobody, and no cluster, is in both.

    Raises
    ------
    InputError : horizons, numbers of causes or levels differ.

    Source: as `time_lost`.
    """
    if (first.until, len(first.lost), first.level) != (
        second.until,
        len(second.lost),
        second.level,
    ):
        raise InputError(
            "the horizons, numbers of causes or levels of the two groups differ",
            where="difference_of_time_lost",
            fix="give time_lost the same until, causes and level for both",
        )
    estimate = first.lost - second.lost
    std_err = np.hypot(first.std_err, second.std_err)
    half = normal_quantile(first.level) * std_err
    z = estimate / np.where(std_err > 0, std_err, np.nan)
    return TimeLostDifference(
        estimate=estimate,
        std_err=std_err,
        lower=estimate - half,
        upper=estimate + half,
        z=z,
        p=2 * ndtr(-np.abs(z)),
        level=first.level,
    )


def _influence(steps: IncidenceSteps, time: Floats, width: Floats) -> Floats:
    """Integrate the influences on incidence up to the horizon, (rows or clusters, c).

    Parameters
    ----------
    time, width : (k + 1,) padded times cut to the horizon, and how long each value stands.
    """
    entry_at, exit_at, event, w = distinct_rows(steps)
    row = row_influence(steps, entry_at, exit_at, event)
    curve = np.concatenate([np.zeros((1, steps.incidence.shape[1])), steps.incidence])
    area, drift = _area(curve, width), _area(row.drift, width)
    observed = (time[exit_at] - time[entry_at])[:, None]
    after = (time[-1] + width[-1] - time[exit_at])[:, None]
    result: Floats = drift[exit_at] - drift[entry_at] + row.start * observed
    result -= row.slope_start[:, None] * (area[exit_at] - area[entry_at])
    result += row.gone * after + row.slope[:, None] * (area[-1] - area[exit_at])
    result *= w[:, None]
    return sum_by_cluster(result, steps.clusters)


def _area(values: Floats, width: Floats) -> Floats:
    """Integrate steps from 0 to each padded time, and to the horizon, (k + 2, c)."""
    return np.concatenate(
        [np.zeros((1, values.shape[1])), np.cumsum(values * width[:, None], axis=0)]
    )
