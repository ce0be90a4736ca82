"""Mean time lost to each cause within a horizon: the area under the cumulative incidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.incidence_steps import IncidenceSteps, incidence_steps, row_influence
from gmts_models.stats.incidence_variance import distinct_rows
from gmts_models.stats.intervals import check_level, normal_quantile
from gmts_models.stats.rows import check_rows

_WHERE = "time_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLost:
    """Months lost to each of c causes in the first `tau` months, and months stayed.

    Attributes
    ----------
    tau : the horizon, in months.
    lost : (c,) area under the cumulative incidence up to tau; with `stayed` they sum to tau.
    stayed : area under survival, the restricted mean.
    covariance : (c, c) of `lost`.
    std_err, lower, upper : (c,) of `lost`; limits within [0, tau].
    stayed_std_err, stayed_lower, stayed_upper : of `stayed`.
    level : of the intervals.
    """

    tau: float
    lost: Floats
    stayed: float
    covariance: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    stayed_std_err: float
    stayed_lower: float
    stayed_upper: float
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLostDifference:
    """How many more months one group loses than another, by cause.

    Attributes
    ----------
    difference, std_err, lower, upper : (c,) months.
    z, p : (c,) Wald statistic, and two-sided P under no difference; NaN where the error is 0.
    stayed_difference, stayed_std_err : the same of the months stayed.
    stayed_lower, stayed_upper, stayed_z, stayed_p : likewise.
    level : of the intervals.
    """

    difference: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    z: Floats
    p: Floats
    stayed_difference: float
    stayed_std_err: float
    stayed_lower: float
    stayed_upper: float
    stayed_z: float
    stayed_p: float
    level: float


def time_lost(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    tau: float,
    causes: int | None = None,
    level: float = 0.95,
) -> TimeLost:
    """Estimate the restricted mean time lost to each cause of leaving.

    Parameters
    ----------
    exit_, event, entry, weights, clusters, causes : as `aalen_johansen` takes them.
    tau : the horizon in months, > 0. Where it is past the last time at which anyone was observed,
        and someone had not left by then, every value is NaN (not estimable).
    level : of the intervals, normal and cut to [0, tau].

    Raises
    ------
    InputError : invalid rows, an unknown cause (-1), a horizon that is not a positive number.

    Notes
    -----
    Errors are those of the infinitesimal jackknife: the influence of each row, or cluster, on the
    whole area.

    Source: Andersen (2013), Statistics in Medicine 32:5278-5285. Agrees with the ``rmean`` of
    ``print(survfit(Surv(entry, exit, factor(event)) ~ 1), rmean = tau)``, and its errors with the
    area under ``survfit(..., influence = TRUE)$influence.pstate``.
    """
    check_level(level)
    if not (np.isfinite(tau) and tau > 0):
        raise InputError("the horizon must be a positive number of months", where=f"{_WHERE}, tau")
    rows = check_rows(exit_, event, entry, weights, clusters=clusters, where=_WHERE)
    steps = incidence_steps(rows, causes, where=_WHERE)
    time = np.minimum(np.concatenate([[0.0], steps.time]), tau)
    width = np.diff(time, append=tau)
    lost: Floats = width[1:] @ steps.incidence
    stayed = float(width[0] + width[1:] @ steps.survival)
    influence = _influence(steps, time, width)
    covariance = influence.T @ influence
    stayed_se = float(np.sqrt(np.square(influence.sum(axis=1)).sum()))
    if tau > steps.time[-1] * (1 + 1e-12) and steps.survival[-1] > 0:
        lost, covariance = lost * np.nan, covariance * np.nan
        stayed = stayed_se = np.nan
    std_err = np.sqrt(np.diag(covariance))
    z = normal_quantile(level)
    return TimeLost(
        tau=tau,
        lost=lost,
        stayed=stayed,
        covariance=covariance,
        std_err=std_err,
        lower=np.clip(lost - z * std_err, 0, tau),
        upper=np.clip(lost + z * std_err, 0, tau),
        stayed_std_err=stayed_se,
        stayed_lower=float(np.clip(stayed - z * stayed_se, 0, tau)),
        stayed_upper=float(np.clip(stayed + z * stayed_se, 0, tau)),
        level=level,
    )


def time_lost_difference(
    first: TimeLost, second: TimeLost, *, level: float = 0.95
) -> TimeLostDifference:
    """Compare the time that two groups lose: the first's less the second's.

    Parameters
    ----------
    first, second : of `time_lost`, with one horizon and the same causes. The groups must be
        independent: nobody, and no cluster, is in both.
    level : of the intervals.

    Raises
    ------
    InputError : the horizons or the numbers of causes differ.
    """
    if first.tau != second.tau or len(first.lost) != len(second.lost):
        raise InputError(
            "the groups have different horizons or numbers of causes",
            where="time_lost_difference",
            fix="call time_lost with the same tau and causes for both",
        )
    # Months stayed are compared like one cause more.
    difference = np.append(first.lost - second.lost, first.stayed - second.stayed)
    std_err = np.hypot(
        np.append(first.std_err, first.stayed_std_err),
        np.append(second.std_err, second.stayed_std_err),
    )
    half = normal_quantile(level) * std_err
    lower, upper = difference - half, difference + half
    z = difference / np.where(std_err > 0, std_err, np.nan)
    p = 2 * ndtr(-np.abs(z))
    return TimeLostDifference(
        difference=difference[:-1],
        std_err=std_err[:-1],
        lower=lower[:-1],
        upper=upper[:-1],
        z=z[:-1],
        p=p[:-1],
        stayed_difference=float(difference[-1]),
        stayed_std_err=float(std_err[-1]),
        stayed_lower=float(lower[-1]),
        stayed_upper=float(upper[-1]),
        stayed_z=float(z[-1]),
        stayed_p=float(p[-1]),
        level=level,
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
    if steps.clusters is None:
        return result
    by_cluster = [np.bincount(steps.clusters, each) for each in result.T]
    return np.stack(by_cluster, axis=1)


def _area(values: Floats, width: Floats) -> Floats:
    """Integrate steps from 0 to each padded time, and to the horizon, (k + 2, c)."""
    return np.concatenate(
        [np.zeros((1, values.shape[1])), np.cumsum(values * width[:, None], axis=0)]
    )
