"""The product-limit estimate of staying, with its intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.times import count_at_risk, merge_near_ties, sum_by_time

Interval = Literal["plain", "log", "log-log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """A right-continuous step function of time.

    Attributes
    ----------
    time : (k,) distinct times of leaving or censoring, increasing.
    at_risk, events, censored : (k,) counts (sums of weights) at those times.
    survival : (k,) P(T > time).
    std_err : (k,) standard error of `survival`; NaN where survival is 0.
    lower, upper : (k,) limits at `level`.
    level : of the interval.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalAt:
    """A curve read off at given times; all (m,), NaN where not estimable."""

    time: Floats
    survival: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


def kaplan_meier(
    exit_: Floats,
    left: Bools,
    entry: Floats | None = None,
    weights: Floats | None = None,
    *,
    level: float = 0.95,
    interval: Interval = "log",
) -> SurvivalCurve:
    """Product-limit estimate of still being there.

    Parameters
    ----------
    exit_ : (n,) float, months at which observation ends, >= 0.
    left : (n,) bool; False = still there when last seen.
    entry : (n,) float, months at which observation begins; default 0 for all.
    weights : (n,) float, frequencies; default 1. The variance takes them as counts of people.
    level : of the pointwise interval.
    interval : on the scale of S ("plain"), log S ("log", R's default) or log(-log S)
        ("log-log", which stays within 0 and 1). As in R, limits are cut to [0, 1]; where
        survival is exactly 1 they are 1, or NaN for "log-log", and `exact_limits` does better.

    Raises
    ------
    InputError : no rows, or lengths differ.

    Notes
    -----
    Under late entry a small early risk set can empty and take the curve to 0 for good.

    Source: Kaplan & Meier (1958), JASA 53:457-481; Greenwood (1926) for the variance. Agrees
    with ``survival::survfit(Surv(entry, exit, left) ~ 1, conf.type = interval)``.
    """
    n = len(exit_)
    entry_ = np.zeros(n) if entry is None else entry
    w = np.ones(n) if weights is None else weights
    if n == 0 or len({n, len(left), len(entry_), len(w)}) > 1:
        raise InputError("a survival curve needs rows, and arrays of one length")
    merged = merge_near_ties(np.concatenate([exit_, entry_]))
    exit_, entry_ = merged[:n], merged[n:]
    time = np.unique(exit_)
    events = sum_by_time(exit_, time, w, left)
    censored = sum_by_time(exit_, time, w, ~left)
    at_risk = count_at_risk(time, entry_, exit_, w)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival: Floats = np.cumprod(np.where(events > 0, 1 - events / at_risk, 1.0), dtype=float)
        step = np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0)
        se_log = np.sqrt(np.cumsum(step))
        std_err = np.where(survival > 0, survival * se_log, np.nan)
    lower, upper = _limits(survival, se_log, level, interval)
    return SurvivalCurve(
        time=time,
        at_risk=at_risk,
        events=events,
        censored=censored,
        survival=survival,
        std_err=std_err,
        lower=lower,
        upper=upper,
        level=level,
    )


def _limits(
    survival: Floats, se_log: Floats, level: float, interval: Interval
) -> tuple[Floats, Floats]:
    z = stats.norm.ppf((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        match interval:
            case "plain":
                half = z * se_log * survival
                lower, upper = survival - half, survival + half
            case "log":
                lower, upper = survival * np.exp(-z * se_log), survival * np.exp(z * se_log)
            case "log-log":
                log_s = np.log(survival)
                theta, se = np.log(-log_s), se_log / np.abs(log_s)
                lower, upper = np.exp(-np.exp(theta + z * se)), np.exp(-np.exp(theta - z * se))
            case _:
                assert_never(interval)
    gone = survival == 0
    return (
        np.where(gone, np.nan, np.clip(lower, 0, 1)),
        np.where(gone, np.nan, np.clip(upper, 0, 1)),
    )


def survival_at(curve: SurvivalCurve, times: Floats, *, last: float | None = None) -> SurvivalAt:
    """Read a curve off at given times.

    Parameters
    ----------
    curve : of `kaplan_meier`.
    times : (m,) float, >= 0.
    last : the last time at which anyone was observed; default the curve's own. Beyond it the
        values are NaN (not estimable), unless the curve has already reached 0.

    Returns
    -------
    Values at each time; before the first step survival is 1 with limits 1 and error 0.
    """
    end = curve.time[-1] if last is None else last
    position = np.searchsorted(curve.time, times, side="right")
    beyond = (times > end * (1 + 1e-12)) & (curve.survival[-1] > 0)

    def read(values: Floats, first: float) -> Floats:
        read_off = np.concatenate([[first], values])[position]
        return np.asarray(np.where(beyond, np.nan, read_off), dtype=float)

    return SurvivalAt(
        time=times,
        survival=read(curve.survival, 1.0),
        std_err=read(curve.std_err, 0.0),
        lower=read(curve.lower, 1.0),
        upper=read(curve.upper, 1.0),
    )


def exact_limits(count: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact lower limit where nobody of `count` left, and upper where all did.

    Where a curve still stands at 1, approximate intervals have no width. If `count` people were
    followed so far and none left, retention below ``lower`` would have shown a departure with
    probability above 1 - (1 - level) / 2; likewise ``upper`` where `count` people all left.

    Source: Clopper & Pearson (1934), Biometrika 26:404-413, for 0 of n.
    """
    edge = ((1 - level) / 2) ** (1 / count) if count > 0 else 0.0
    return edge, 1 - edge
