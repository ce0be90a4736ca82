"""The mean time stayed up to a horizon: the area under the curve, and how two groups differ."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isnan, log, nan, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.intervals import check_level, normal_quantile
from gmts_models.stats.rows import check_rows
from gmts_models.stats.survival.influence import row_influence
from gmts_models.stats.survival.product_limit import is_robust, product_limit_steps
from gmts_models.stats.survival.risk_sets import risk_sets
from gmts_models.stats.times import TIE_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMean:
    """Mean months stayed, of the months from `start` to `until`.

    Attributes
    ----------
    until : the horizon.
    start : the time that everyone is known to have outlasted; 0 if none.
    mean : E(min(T, until) - start); NaN if follow-up ends before the horizon with people left.
    std_err, lower, upper : its standard error, and limits within [0, until - start] at `level`.
    level : of the limits.
    """

    until: float
    start: float
    mean: float
    std_err: float
    lower: float
    upper: float
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """How two independent groups differ.

    Attributes
    ----------
    estimate, lower, upper : first less (or over) second, with limits at `level`.
    std_err : of the difference, or of the log of the ratio.
    z, p : two-sided test of no difference.
    level : of the limits.
    """

    estimate: float
    std_err: float
    lower: float
    upper: float
    z: float
    p: float
    level: float


def restricted_mean(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    until: float,
    level: float = 0.95,
    robust: bool | None = None,
    start: float | None = None,
) -> RestrictedMean:
    """Estimate the mean time stayed up to a horizon: the area under the Kaplan-Meier curve.

    Parameters
    ----------
    exit_, left, entry, weights, clusters, robust, start : as in `kaplan_meier`.
    until : the horizon in months, > start.
    level : of the limits.

    Raises
    ------
    InputError : as `kaplan_meier`, or the horizon is not after the start.

    Notes
    -----
    R carries the curve's last value on to any horizon; here the mean is NaN (not estimable) if the
    horizon lies past the last time of observation and the curve has not reached 0.

    Source: Irwin (1949), J. Hygiene 47:188-189; Klein & Moeschberger (2003), 4.5, for the
    variance. Agrees with ``summary(survfit(Surv(entry, exit, left) ~ 1), rmean = until)`` unless
    robust, where R has no error; ours is the infinitesimal jackknife of the area.
    """
    where = "restricted_mean"
    check_level(level)
    rows = check_rows(exit_, left, entry, weights, clusters=clusters, where=where)
    by_influence = is_robust(rows, robust, where)
    begin = 0.0 if start is None else start
    if not until > begin or not np.isfinite(until):
        raise InputError("the horizon is not after the start", where=f"{where}, until")
    sets = risk_sets(rows)
    shown = np.ones(len(sets.time), dtype=bool) if start is None else sets.time > start
    factor, spread, leaving = product_limit_steps(sets, shown)
    survival = np.asarray(np.cumprod(factor), dtype=float)
    area, to_come = _areas(sets.time, survival, begin, until)
    end = sets.time[-1]
    if until > end + TIE_TOLERANCE * max(1, end) and survival[-1] > 0:
        return RestrictedMean(
            until=until, start=begin, mean=nan, std_err=nan, lower=nan, upper=nan, level=level
        )
    if by_influence:
        moved = row_influence(rows, sets, to_come * spread, to_come * leaving)
        std_err = sqrt(np.square(sum_by_cluster(moved, rows.clusters)).sum())
    else:
        std_err = sqrt((to_come**2 * spread).sum())
    half = normal_quantile(level) * std_err
    return RestrictedMean(
        until=until,
        start=begin,
        mean=area,
        std_err=std_err,
        lower=max(area - half, 0.0),
        upper=min(area + half, until - begin),
        level=level,
    )


def _areas(time: Floats, survival: Floats, start: float, until: float) -> tuple[float, Floats]:
    """Return the area from `start` to `until`, and (k,) from each time to `until`."""
    edges = np.clip(np.concatenate([[start], time, [max(until, time[-1])]]), start, until)
    pieces = np.diff(edges) * np.concatenate([[1.0], survival])
    area = np.cumsum(pieces[::-1])[::-1]
    return float(area[0]), area[1:]


def difference_of_means(first: RestrictedMean, second: RestrictedMean) -> Contrast:
    """Compare two independent groups by the difference of their mean times stayed.

    Raises
    ------
    InputError : horizons, starts or levels differ.

    Source: Royston & Parmar (2013), BMC Med. Res. Methodol. 13:152; as ``survRM2::rmst2`` (R).
    """
    _check_pair(first, second, "difference_of_means")
    estimate = first.mean - second.mean
    std_err = sqrt(first.std_err**2 + second.std_err**2)
    half = normal_quantile(first.level) * std_err
    return _contrast(estimate, estimate - half, estimate + half, estimate, std_err, first.level)


def ratio_of_means(first: RestrictedMean, second: RestrictedMean) -> Contrast:
    """Compare two independent groups by the ratio of their mean times stayed, on the log scale.

    Raises
    ------
    InputError : horizons, starts or levels differ, or a mean is 0.

    Source: as `difference_of_means`.
    """
    _check_pair(first, second, "ratio_of_means")
    if first.mean == 0 or second.mean == 0:
        raise InputError("a mean of 0 has no ratio", where="ratio_of_means")
    if isnan(first.mean) or isnan(second.mean):
        return _contrast(nan, nan, nan, nan, nan, first.level)
    effect = log(first.mean / second.mean)
    std_err = sqrt((first.std_err / first.mean) ** 2 + (second.std_err / second.mean) ** 2)
    half = normal_quantile(first.level) * std_err
    return _contrast(
        exp(effect), exp(effect - half), exp(effect + half), effect, std_err, first.level
    )


def _contrast(
    estimate: float, lower: float, upper: float, effect: float, std_err: float, level: float
) -> Contrast:
    z = effect / std_err if std_err > 0 else nan
    return Contrast(
        estimate=estimate,
        std_err=std_err,
        lower=lower,
        upper=upper,
        z=z,
        p=float(2 * ndtr(-abs(z))),
        level=level,
    )


def _check_pair(first: RestrictedMean, second: RestrictedMean, where: str) -> None:
    if (first.until, first.start, first.level) != (second.until, second.start, second.level):
        raise InputError("the horizons, starts or levels of the two means differ", where=where)
