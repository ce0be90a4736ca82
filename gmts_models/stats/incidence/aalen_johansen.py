"""The Aalen-Johansen estimate: who has left by when, by cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.comparison.groups import check_frequencies
from gmts_models.stats.incidence.incidence_steps import IncidenceSteps, incidence_steps
from gmts_models.stats.incidence.incidence_variance import jackknife_variance, model_variance
from gmts_models.stats.intervals import Interval, check_level, limits
from gmts_models.stats.options import check_option
from gmts_models.stats.rows import check_rows
from gmts_models.stats.times import count_until

Variance = Literal["infinitesimal jackknife", "aalen", "greenwood", "none"]
IncidenceInterval = Literal[Interval, "complementary log-log"]

_WHERE = "aalen_johansen"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceCurves:
    """Right-continuous step functions of time, for c causes.

    Attributes
    ----------
    time : (k,) distinct times of leaving or censoring, increasing.
    at_risk, censored : (k,) counts (sums of weights) at those times. Start-stop rows count as
        censored where they end, though the person stays.
    events : (k, c) the same by cause.
    survival : (k,) P(T > time).
    incidence : (k, c) P(T <= time, cause); with `survival` they sum to 1.
    cumulative_hazard : (k, c) sum of events / at_risk, Nelson-Aalen by cause.
    survival_std_err, survival_lower, survival_upper : (k,), NaN with variance "none".
    std_err, lower, upper : (k, c) of `incidence`.
    level, interval, variance : as asked for.
    """

    time: Floats
    at_risk: Floats
    censored: Floats
    events: Floats
    survival: Floats
    incidence: Floats
    cumulative_hazard: Floats
    survival_std_err: Floats
    survival_lower: Floats
    survival_upper: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    level: float
    interval: IncidenceInterval
    variance: Variance


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceAt:
    """Curves read off at m times; (m,) and (m, c), NaN where not estimable."""

    time: Floats
    survival: Floats
    survival_std_err: Floats
    survival_lower: Floats
    survival_upper: Floats
    incidence: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


def aalen_johansen(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    causes: int | None = None,
    level: float = 0.95,
    interval: IncidenceInterval = "log",
    variance: Variance = "infinitesimal jackknife",
) -> IncidenceCurves:
    """Estimate the cumulative incidence of leaving, by cause.

    All departures of a time are taken at once, from whatever cause: no order among them is
    invented, and none is drawn.

    Parameters
    ----------
    exit_ : (n,) months at which observation ends, >= 0.
    event : (n,) int, 0 = censored, 1..c = cause of leaving.
    entry : (n,) months at which observation begins; default 0, no delayed entry.
    weights : (n,) case weights; default 1. A row of weight 0 counts for nothing, its time
        included. "aalen" and "greenwood" take them as counts of people, in whole numbers.
    clusters : (n,) labels of people with several rows, or of larger groups that leave alike, for
        the infinitesimal jackknife; default a person a row.
    causes : c; default the highest code. Give it where a group may lack the last cause.
    level : of the pointwise intervals.
    interval : the scale of `limits`, which the limits of each probability p are made on, or
        "complementary log-log": log(-log(1 - p)), that of survival for each 1 - incidence.
    variance : "infinitesimal jackknife" (as ``survfit``; right under sampling weights, clusters
        and late entry that is not independent of the rest), "aalen" (as ``cmprsk::cuminc``),
        "greenwood" (as ``etm``), or "none". Without late entry, weights and clusters the first
        and the third are the same number.

    Raises
    ------
    InputError : invalid rows, an unknown cause (-1), clusters or fractional weights with a
        variance that cannot respect them, an unknown option.

    Notes
    -----
    Under late entry a small early risk set can empty and take survival to 0 for good. Where an
    incidence is 0, limits are NaN but for "plain", as in R: `exact_limits` does better. With
    fewer than about five departures from a cause no interval here covers as often as it says.

    Source: Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141-150. Agrees with
    ``survival::survfit(Surv(entry, exit, factor(event)) ~ 1, id = clusters, weights = weights,
    conf.type = interval)``, and under the other variances with ``cmprsk::cuminc(exit, event)``
    (of two causes; of more, cuminc takes the others for one where they tie) and
    ``etm::etmCIF(Surv(entry, exit, event != 0) ~ 1, etype = event)``, whose intervals are
    "complementary log-log".
    """
    check_level(level)
    check_option(interval, (*get_args(Interval), "complementary log-log"), "interval", _WHERE)
    check_option(variance, get_args(Variance), "variance", _WHERE)
    rows = check_rows(exit_, event, entry, weights, clusters=clusters, where=_WHERE)
    if variance in ("aalen", "greenwood"):
        fix = 'use variance="infinitesimal jackknife"'
        check_frequencies(rows.weights, _WHERE, fix)
        if rows.clusters is not None:
            raise InputError(
                "clusters do not enter this variance", where=f"{_WHERE}, clusters", fix=fix
            )
    steps = incidence_steps(rows, causes, where=_WHERE)
    survival_se, se = _std_errs(steps, variance)
    s_lower, s_upper = _limits(steps.survival, survival_se, level, interval, stay=True)
    lower, upper = _limits(steps.incidence, se, level, interval)
    return IncidenceCurves(
        time=steps.time,
        at_risk=steps.at_risk,
        censored=steps.censored,
        events=steps.events,
        survival=steps.survival,
        incidence=steps.incidence,
        cumulative_hazard=np.cumsum(steps.hazard, axis=0),
        survival_std_err=survival_se,
        survival_lower=s_lower,
        survival_upper=s_upper,
        std_err=se,
        lower=lower,
        upper=upper,
        level=level,
        interval=interval,
        variance=variance,
    )


def incidence_at(
    curves: IncidenceCurves, times: npt.ArrayLike, *, last: float | None = None
) -> IncidenceAt:
    """Read incidences off at given times.

    Parameters
    ----------
    curves : of `aalen_johansen`.
    times : (m,) months, or a number.
    last : the last time at which anyone was observed; default the curves' own. Beyond it the
        values are NaN (not estimable), unless everyone has left (survival 0).

    Returns
    -------
    Values at each time. Before the first step incidence is 0 and survival 1, without error.
    """
    at = np.asarray(times, dtype=float)
    end = curves.time[-1] if last is None else last
    position = count_until(curves.time, at)
    beyond = ((at > end * (1 + 1e-12)) & (curves.survival[-1] > 0)) | np.isnan(at)
    no_error = np.nan if curves.variance == "none" else 0.0
    zero, error = np.zeros((1, curves.incidence.shape[1])), np.array([no_error])
    s_limits = _limits(np.ones(1), error, curves.level, curves.interval, stay=True)
    f_limits = _limits(zero, zero + no_error, curves.level, curves.interval)

    def read(values: Floats, first: Floats) -> Floats:
        found = np.concatenate([first, values])[position]
        where = beyond.reshape(beyond.shape + (1,) * (values.ndim - 1))
        return np.asarray(np.where(where, np.nan, found))

    return IncidenceAt(
        time=at,
        survival=read(curves.survival, np.ones(1)),
        survival_std_err=read(curves.survival_std_err, error),
        survival_lower=read(curves.survival_lower, s_limits[0]),
        survival_upper=read(curves.survival_upper, s_limits[1]),
        incidence=read(curves.incidence, zero),
        std_err=read(curves.std_err, zero + no_error),
        lower=read(curves.lower, f_limits[0]),
        upper=read(curves.upper, f_limits[1]),
    )


def _std_errs(steps: IncidenceSteps, variance: Variance) -> tuple[Floats, Floats]:
    match variance:
        case "infinitesimal jackknife":
            survival, incidence = jackknife_variance(steps)
        case "aalen" | "greenwood":
            survival, incidence = model_variance(steps, variance)
        case "none":
            survival = np.full(len(steps.time), np.nan)
            incidence = np.full(steps.incidence.shape, np.nan)
        case _:
            assert_never(variance)
    return np.sqrt(survival), np.sqrt(incidence)


def _limits(
    p: Floats, std_err: Floats, level: float, interval: IncidenceInterval, *, stay: bool = False
) -> tuple[Floats, Floats]:
    if interval != "complementary log-log":
        return limits(p, std_err, level, interval)
    if stay:
        return limits(p, std_err, level, "log-log")
    lower, upper = limits(1 - p, std_err, level, "log-log")
    return 1 - upper, 1 - lower
