"""The product-limit estimate of staying and the hazard summed to it, with errors and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.intervals import Interval, exact_limits, limits
from gmts_models.stats.options import check_option
from gmts_models.stats.rows import check_rows
from gmts_models.stats.survival.product_limit import (
    Hazard,
    cumulative_hazard,
    is_robust,
    product_limit,
)
from gmts_models.stats.survival.risk_sets import risk_sets
from gmts_models.stats.times import TIE_TOLERANCE, count_until

__all__ = [
    "Hazard",
    "Interval",
    "SurvivalAt",
    "SurvivalCurve",
    "conditional_survival",
    "exact_limits",
    "kaplan_meier",
    "survival_at",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """A right-continuous step function of time.

    Attributes
    ----------
    time : (k,) distinct times of leaving or censoring, increasing; all after `start`.
    at_risk, events, censored : (k,) counts (sums of weights) at those times. Start-stop rows
        count as censored where they end, though the person stays.
    survival : (k,) P(T > time), given that T > start.
    std_err : (k,) standard error of `survival`; where survival is 0 it is NaN, or 0 if robust.
    lower, upper : (k,) limits at `level`.
    hazard : (k,) cumulative hazard.
    hazard_std_err : (k,) its standard error.
    level, interval : of the limits.
    robust : whether the errors are those of the infinitesimal jackknife.
    start : the time that everyone is known to have outlasted; None if from the first moment on.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    hazard: Floats
    hazard_std_err: Floats
    level: float
    interval: Interval
    robust: bool
    start: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalAt:
    """A curve read off at given times; all (m,), NaN where not estimable."""

    time: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


def kaplan_meier(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
    interval: Interval = "log",
    hazard: Hazard = "nelson-aalen",
    exponential: bool = False,
    robust: bool | None = None,
    start: float | None = None,
) -> SurvivalCurve:
    """Estimate the probability of still being there, and the cumulative hazard of leaving.

    Parameters
    ----------
    exit_ : (n,) float, months at which observation ends, >= 0.
    left : (n,) bool; False = still there when last seen. Codes of causes count as leaving.
    entry : (n,) float, months at which observation begins; default 0 for all.
    weights : (n,) float, >= 0; default 1. The model-based variance takes them as counts of
        people.
    clusters : (n,) labels of people with several rows, or of larger clusters; the variance is
        then robust.
    level, interval : of the pointwise limits (`intervals.limits`). Where survival is exactly 1
        or 0, `exact_limits` does better.
    hazard : the cumulative hazard of d who leave of n: d / n ("nelson-aalen", R's ctype 1) or
        1/n + 1/(n - 1) + ... one by one ("fleming-harrington", R's ctype 2; with weights each of
        the m rows that leave counts d / m).
    exponential : survival is exp(-hazard) (R's stype 2) instead of the product-limit. It never
        reaches 0.
    robust : infinitesimal jackknife variance. Default, as in R: if clusters are given, or a
        weight is no whole number.
    start : condition on still being there after this time: only later departures count. R's
        ``start.time`` counts those at the very time too.

    Raises
    ------
    InputError : as `check_rows`; a level or name that does not exist; clusters with
        ``robust=False``; nobody observed after `start`.

    Notes
    -----
    Under late entry a small early risk set can empty and take the curve to 0 for good. Model-based
    and robust variance are equal if all weights are 1, each person has one row and nobody enters
    late. Tsiatis' error of survival is survival times `hazard_std_err`. One sort, and one more by
    cluster if clusters are given.

    Source: Kaplan & Meier (1958), JASA 53:457-481; Greenwood (1926) for the variance; Nelson
    (1969), J. Quality Technology 1:27-52; Fleming & Harrington (1984), Commun. Stat. 13:2469-2486.
    Agrees with ``survival::survfit(Surv(entry, exit, left) ~ 1, weights, cluster, robust,
    stype, ctype, conf.type = interval, start.time)``, but for the limits under robust = TRUE
    where one of stype and ctype is 2 and the other 1: survival 3.5 takes the error of log S for
    that of S there, or the reverse.
    """
    rows = check_rows(exit_, left, entry, weights, clusters=clusters, where="kaplan_meier")
    check_option(hazard, get_args(Hazard), "hazard", "kaplan_meier")
    by_influence = is_robust(rows, robust, "kaplan_meier")
    sets = risk_sets(rows)
    shown = np.ones(len(sets.time), dtype=bool) if start is None else sets.time > start
    if not shown.any():
        raise InputError("nobody was observed after the start", where="kaplan_meier, start")
    chaz, chaz_variance = cumulative_hazard(rows, sets, shown, hazard, robust=by_influence)
    if exponential:
        survival = np.exp(-chaz)
        std_err, se_of_log = survival * np.sqrt(chaz_variance), np.sqrt(chaz_variance)
        lower, upper = limits(survival, std_err, level, interval, se_of_log=se_of_log)
    else:
        survival, variance = product_limit(rows, sets, shown, robust=by_influence)
        with np.errstate(invalid="ignore"):
            std_err = survival * np.sqrt(variance)
        lower, upper = limits(survival, std_err, level, interval)
    return SurvivalCurve(
        time=sets.time[shown],
        at_risk=sets.at_risk[shown],
        events=sets.events[shown],
        censored=sets.censored[shown],
        survival=survival[shown],
        std_err=std_err[shown],
        lower=lower[shown],
        upper=upper[shown],
        hazard=chaz[shown],
        hazard_std_err=np.sqrt(chaz_variance[shown]),
        level=level,
        interval=interval,
        robust=by_influence,
        start=start,
    )


def survival_at(
    curve: SurvivalCurve, times: npt.ArrayLike, *, last: float | None = None
) -> SurvivalAt:
    """Read a curve off at given times.

    Parameters
    ----------
    curve : of `kaplan_meier`.
    times : (m,) months, or a number.
    last : the last time at which anyone was observed; default the curve's own. Beyond it the
        values are NaN (not estimable), unless the curve has already reached 0.

    Returns
    -------
    Values at each time; before the first step survival is 1 with limits 1 and error 0, before the
    curve's start NaN.
    """
    at = np.asarray(times, dtype=float)
    end = curve.time[-1] if last is None else last
    position = count_until(curve.time, at)
    unknown = (at > end + TIE_TOLERANCE * max(1, end)) & (curve.survival[-1] > 0)
    unknown |= np.isnan(at)
    if curve.start is not None:
        unknown |= at < curve.start

    def read(values: Floats, first: float) -> Floats:
        read_off = np.concatenate([[first], values])[position]
        return np.asarray(np.where(unknown, np.nan, read_off), dtype=float)

    return SurvivalAt(
        time=at,
        survival=read(curve.survival, 1.0),
        std_err=read(curve.std_err, 0.0),
        lower=read(curve.lower, 1.0),
        upper=read(curve.upper, 1.0),
    )


def conditional_survival(
    curve: SurvivalCurve, times: npt.ArrayLike, *, since: npt.ArrayLike
) -> SurvivalAt:
    """Estimate P(T > times, given T > since) for people of different tenure, from one curve.

    Parameters
    ----------
    curve : of `kaplan_meier` with model-based errors. A robust one needs
        ``kaplan_meier(..., start=since)``, which gives the same estimates and limits too.
    times, since : (m,) months, or one of them a number; 0 <= since <= times.

    Returns
    -------
    (m,) values with limits of the curve's level and interval; NaN past follow-up, and where the
    curve is 0 at `since` already. A `since` of 0 asks about those who outlast the first day.

    Raises
    ------
    InputError : the curve is robust, or a time lies before `since`.

    Source: Greenwood's terms after `since`. Agrees with ``survfit(..., start.time = since)``
    where nobody leaves at that very time.
    """
    if curve.robust:
        raise InputError(
            "errors of a robust curve do not split by time",
            where="conditional_survival, curve",
            fix="kaplan_meier(..., start=since)",
        )
    begin, end = np.broadcast_arrays(np.asarray(since, float), np.asarray(times, float))
    if (end < begin).any():
        raise InputError("a time lies before since", where="conditional_survival, times")
    now, then = survival_at(curve, begin), survival_at(curve, end)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = then.survival / now.survival
        variance = (then.std_err / then.survival) ** 2 - (now.std_err / now.survival) ** 2
        se_of_log = np.sqrt(np.maximum(variance, 0))
        std_err = survival * se_of_log
    lower, upper = limits(survival, std_err, curve.level, curve.interval, se_of_log=se_of_log)
    return SurvivalAt(time=end, survival=survival, std_err=std_err, lower=lower, upper=upper)
