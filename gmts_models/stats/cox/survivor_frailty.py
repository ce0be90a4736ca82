"""A gamma frailty of groups that are observed because their members stayed to their entries.

`fit_gamma_frailty` takes the law of the frailties to be that of the groups observed. Where a group
comes under observation only if its given members are all still there when they enter (pairs,
families, small teams sampled later), groups of high frailty are missing: given hazards E gone
through before the entries, the frailty is gamma with shape 1 / theta and rate 1 / theta + E. The
likelihood is that of all that happened, divided by that of having stayed to the entries. E holds
the baseline hazard before the entries, so the hazards at all times are found together with the
coefficients; a hazard before the first time at which anyone under observation leaves is not
identified, and counts as 0: theta is that of the groups as they were then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from gmts_models.errors import FitError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.event_grid import cumulate_down, cumulate_up, places
from gmts_models.stats.cox.fit import MOST_HALVINGS, MOST_STEPS, cox_data, maximise
from gmts_models.stats.cox.frailty import (
    VarianceTest,
    check_options,
    refuse_unshared,
    variance_test,
)
from gmts_models.stats.cox.frailty_variance import best_theta, inverse, profile_limits
from gmts_models.stats.cox.gamma_frailty import log_rising, slope_rising
from gmts_models.stats.cox.group_effects import GroupedData, grouped_data, sums

MOST_TIMES = 2000
"""Times of leaving beyond which hazards are not found together."""
_LAST_STEP = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorFrailtyFit:
    """A Cox model with gamma frailties of groups that all stayed to their entries.

    Attributes
    ----------
    theta : variance of the frailties before anyone left.
    theta_lower, theta_upper : profile likelihood limits; NaN where theta is fixed.
    coefficients : (p,).
    covariance : (p, p) given theta.
    centre : (p,) means of the columns, to which the hazards belong.
    times, hazards : (k,) times of leaving, by stratum, and the baseline hazard at each.
    labels : (g,) groups, sorted.
    frailties : (g,) mean of each group's frailty, given all its data.
    log_likelihood : at theta, on a scale on which it is the log partial likelihood at theta = 0.
    log_likelihood_zero : at theta = 0.
    test : of variance 0.
    """

    theta: float
    theta_lower: float
    theta_upper: float
    coefficients: Floats
    covariance: Floats
    centre: Floats
    times: Floats
    hazards: Floats
    labels: npt.NDArray[Any]
    frailties: Floats
    log_likelihood: float
    log_likelihood_zero: float
    test: VarianceTest


@on_one_thread
def fit_survivor_frailty(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    groups: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    theta: float | None = None,
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> SurvivorFrailtyFit:
    """Fit a gamma frailty by the likelihood given that all stayed to their entries.

    Parameters
    ----------
    X, exit_, left, groups, entry, weights, strata, clusters, theta, level, names : as for
        `fit_gamma_frailty`; ties are Breslow's. Without late entry the two are one.

    Returns
    -------
    SurvivorFrailtyFit

    Raises
    ------
    InputError, FitError : as `fit_gamma_frailty`; more than `MOST_TIMES` times of leaving; hazards
        that have no maximum, as where nobody is observed early.

    Notes
    -----
    Large groups of which some members left before they could be observed are not such groups: the
    number observed says as much as their having stayed. Use `fit_gamma_frailty`.

    Source: Jensen, Brookmeyer, Aaby & Andersen (2004), Johns Hopkins Biostatistics working paper
    58; van den Berg & Drepper (2016), Econometric Reviews 35:1075-1098.
    """
    check_options(theta, level)
    options: dict[str, Any] = {"ties": "breslow", "names": names}
    data = cox_data(X, exit_, left, entry, weights, strata, clusters, **options)
    grouped = grouped_data(data, groups)
    if theta is None:
        refuse_unshared(grouped)
    if len(data.grid) > MOST_TIMES:
        raise FitError(
            f"there are {len(data.grid)} times of leaving; at most {MOST_TIMES} hazards are found "
            "together",
            where="survivor frailty, exit_",
            fix="count time in whole months",
        )
    plain = maximise(data)
    start = np.append(plain.coefficients, np.log(plain.likelihood.at.hazard))
    profile = _Profile(_survivors(grouped, np.asarray(X, dtype=float)), start)
    if theta is not None:
        limits, test = (np.nan, np.nan), VarianceTest(statistic=np.nan, p=np.nan)
    else:
        theta = best_theta(profile.value, lambda each: profile.at(each).slope)
        limits = profile_limits(profile.value, theta, level)
        test = variance_test(profile.value(theta) - profile.value(0.0))
    return _result(profile, grouped, theta, limits, test)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survivors:
    """All rows with the places that they went through, before and after their entries.

    Attributes
    ----------
    X : (n, p), centred. weights : (n,). group : (n,) codes.
    last : (m,) places up to which the rows `through` went.
    until : (l,) places up to which the rows `before` had gone when they entered.
    starts : (s,) places at which strata begin.
    leavers : (k,) weight that leaves at each place.
    deaths : (g,) by group. of_leavers : (p,) sum of w x of those who leave.
    """

    X: Floats
    weights: Floats
    group: Ints
    through: Ints
    last: Ints
    before: Ints
    until: Ints
    starts: Ints
    leavers: Floats
    deaths: Floats
    of_leavers: Floats


def _survivors(grouped: GroupedData, X: Floats) -> _Survivors:
    rows, grid = grouped.data.given, grouped.data.grid
    at = places(grid, rows)
    start = np.searchsorted(grid.stratum, rows.strata)
    counted = rows.weights > 0
    through = np.flatnonzero(counted & (at.last >= start))
    before = np.flatnonzero(counted & (at.first > start) & (rows.entry > 0))
    centred = X - grouped.data.rows.centre
    return _Survivors(
        X=centred,
        weights=rows.weights,
        group=grouped.codes,
        through=through,
        last=at.last[through],
        before=before,
        until=at.first[before] - 1,
        starts=grid.starts,
        leavers=grid.weight,
        deaths=grouped.deaths,
        of_leavers=(rows.weights * rows.left) @ centred,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """The log likelihood at coefficients and log hazards `at`, for one theta.

    Attributes
    ----------
    value : log likelihood. slope : its derivative in log theta.
    gradient, information : (p + k,), and (p + k, p + k) minus the second derivative.
    frailties : (g,) means given all that happened.
    """

    at: Floats
    value: float
    slope: float
    gradient: Floats
    information: Floats
    frailties: Floats


def _evaluate(data: _Survivors, theta: float, at: Floats) -> _Point:
    p, d = data.X.shape[1], data.deaths
    all_ = _gone_through(data, at, data.through, data.last)
    stayed = _gone_through(data, at, data.before, data.until)
    mean = (1 + theta * d) / (1 + theta * all_.total)
    mean_at_entry = 1 / (1 + theta * stayed.total)
    leaving = np.append(data.of_leavers, data.leavers)
    value = float(at @ leaving - (data.leavers * np.log(data.leavers) - data.leavers).sum())
    gradient, information = leaving, np.zeros((len(at), len(at)))
    for part, weight, sign in ((all_, mean, 1.0), (stayed, mean_at_entry, -1.0)):
        bend = theta * weight / (1 + theta * part.total)
        gradient = gradient - sign * part.first @ weight
        information += sign * (_second(data, part, weight, p) - part.first * bend @ part.first.T)
    if theta == 0:
        value += float((stayed.total - all_.total).sum())
        slope = 0.0
    else:
        terms, slopes = _of_theta(d, theta, theta * all_.total, theta * stayed.total)
        value, slope = value + float(terms.sum()), float(slopes.sum())
    return _Point(
        at=at,
        value=value,
        slope=slope,
        gradient=gradient,
        information=information,
        frailties=mean,
    )


def _of_theta(d: Floats, theta: float, all_: Floats, stayed: Floats) -> tuple[Floats, Floats]:
    """Return each group's log likelihood given theta times its hazards, and its slope."""
    nu = 1 / theta
    terms = log_rising(d, nu) - (d + nu) * np.log1p(all_) + nu * np.log1p(stayed)
    slopes = -nu * (slope_rising(d, nu) + np.log1p(theta * d) - theta * d)
    slopes += nu * np.log1p(all_) - (d + nu) * all_ / (1 + all_)
    slopes += nu * stayed / (1 + stayed) - nu * np.log1p(stayed)
    return terms, slopes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    """Hazard that m rows went through, up to the place of each.

    Attributes
    ----------
    which, place : (m,) rows and places.
    risk, hazard : (m,) w exp(x beta), and that times the baseline hazard gone through.
    jumps : (k,) baseline hazards.
    total : (g,) sum of `hazard` by group.
    first : (p + k, g) derivatives of `total`.
    """

    which: Ints
    place: Ints
    risk: Floats
    hazard: Floats
    jumps: Floats
    total: Floats
    first: Floats


def _gone_through(data: _Survivors, at: Floats, which: Ints, place: Ints) -> _Gone:
    p, g, k = data.X.shape[1], len(data.deaths), len(data.leavers)
    X, group, jumps = data.X[which], data.group[which], np.exp(at[p:])
    risk = data.weights[which] * np.exp(X @ at[:p])
    hazard = risk * cumulate_up(jumps, data.starts)[place]
    table = sums(place * g + group, risk, k * g).reshape(k, g)
    of_jumps = jumps[:, None] * cumulate_down(table, data.starts)
    return _Gone(
        which=which,
        place=place,
        risk=risk,
        hazard=hazard,
        jumps=jumps,
        total=sums(group, hazard, g),
        first=np.vstack([*(sums(group, hazard * x, g) for x in X.T), of_jumps]),
    )


def _second(data: _Survivors, part: _Gone, weight: Floats, p: int) -> Floats:
    """Return (p + k, p + k) second derivatives of the sum of `total` times weight (g,)."""
    k = len(part.jumps)
    X, w = data.X[part.which], weight[data.group[part.which]]
    second = np.diag(part.first @ weight)
    second[:p, :p] = (X.T * (w * part.hazard)) @ X
    for j in range(p):
        of_place = sums(part.place, w * part.risk * X[:, j], k)
        second[j, p:] = second[p:, j] = part.jumps * cumulate_down(of_place, data.starts)
    return second


class _Profile:
    """The log likelihood of theta; remembers maxima, and starts each from the nearest."""

    def __init__(self, data: _Survivors, start: Floats) -> None:
        self.data, self._points = data, {0.0: _climb(data, 0.0, start)}

    def at(self, theta: float) -> _Point:
        """Return the maximum at theta."""
        if theta not in self._points:
            nearest = min(self._points, key=lambda each: abs(np.sqrt(each) - np.sqrt(theta)))
            self._points[theta] = _climb(self.data, theta, self._points[nearest].at)
        return self._points[theta]

    def value(self, theta: float) -> float:
        """Return the log likelihood at theta."""
        return self.at(theta).value


def _climb(data: _Survivors, theta: float, start: Floats) -> _Point:
    """Go to the maximum at theta by Newton's method, damped where the likelihood is not concave."""
    here = _evaluate(data, theta, start)
    for _ in range(MOST_STEPS):
        step = _newton_step(here)
        if step is None:
            break
        if float(here.gradient @ step) < _LAST_STEP**2:
            return _evaluate(data, theta, here.at + step)
        for _ in range(MOST_HALVINGS):
            trial = _evaluate(data, theta, here.at + step)
            if trial.value >= here.value - 1e-11 * abs(here.value):
                break
            step = step / 2
        here = trial
    raise FitError(
        "the hazards have no maximum: what is known of the time before the entries is too little",
        where="survivor frailty",
        fix="use fit_gamma_frailty, whose frailties are those of the groups observed",
    )


def _newton_step(here: _Point) -> Floats | None:
    ridge = 0.0
    for _ in range(30):
        try:
            damped = here.information + ridge * np.diag(np.abs(np.diag(here.information)) + 1e-12)
            factor = linalg.cho_factor(damped, check_finite=False)
        except linalg.LinAlgError:
            ridge = max(1e-4, 4 * ridge)
        else:
            return np.asarray(linalg.cho_solve(factor, here.gradient), dtype=float)
    return None


def _result(
    profile: _Profile,
    grouped: GroupedData,
    theta: float,
    limits: tuple[float, float],
    test: VarianceTest,
) -> SurvivorFrailtyFit:
    here, p = profile.at(theta), profile.data.X.shape[1]
    return SurvivorFrailtyFit(
        theta=theta,
        theta_lower=limits[0],
        theta_upper=limits[1],
        coefficients=here.at[:p],
        covariance=inverse(here.information)[:p, :p],
        centre=grouped.data.rows.centre,
        times=grouped.data.grid.time,
        hazards=np.exp(here.at[p:]),
        labels=grouped.labels,
        frailties=here.frailties,
        log_likelihood=here.value,
        log_likelihood_zero=profile.value(0.0),
        test=test,
    )
