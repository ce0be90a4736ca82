"""Cox models with a gamma frailty shared by the members of each group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from gmts_models.outcome import Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.fit import cox_data
from gmts_models.stats.cox.frailty import FrailtyFit, frailty_fit
from gmts_models.stats.cox.frailty_variance import Family
from gmts_models.stats.cox.group_effects import PenalisedFit, grouped_data
from gmts_models.stats.cox.risk_sums import Ties

_LARGE = 100.0
"""1 / theta from which Stirling's series takes over from differences of large numbers."""


@on_one_thread
def fit_gamma_frailty(
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
    offset: npt.ArrayLike | None = None,
    ties: Ties = "efron",
    names: Sequence[str] | None = None,
    merge_ties: bool = True,
) -> FrailtyFit:
    """Fit proportional hazards, where each group's hazard is multiplied by a gamma variable.

    The frailty has mean 1 and variance theta. With it integrated out, theta and the coefficients
    are at the maximum of the likelihood, the baseline hazard being free at every time of leaving
    (``log_likelihood`` at theta; the search does not stop short, and 0 is an answer).

    Parameters
    ----------
    X : (n, p) columns, in any scale; no intercept.
    exit_ : (n,) months at which observation ends.
    left : (n,) bool; False = still there when last seen.
    groups : (n,) labels of the groups whose members share a frailty.
    entry : (n,) months at which observation begins; default 0. Late entry is taken to say nothing
        of a group's frailty, as R has it: the law of the frailties is that of the groups observed.
        So it is where groups are large and people come under observation late, some having left
        before. Where a group is observed only because all of its few members stayed to their
        entries, see `fit_survivor_frailty`.
    weights : (n,) case weights, >= 0; a weight of 2 is a second such member of the same group.
    strata : (n,) labels; each has a baseline hazard of its own, a group may be in several.
    clusters : (n,) labels of people, where one has several rows; used to count members.
    theta : variance of the frailty, where it is to be held fixed; 0 is the plain Cox model.
    level : of the limits.
    offset : (n,) known part of the log relative hazard.
    ties : "efron" or "breslow".
    names : (p,) names of the columns, for errors.
    merge_ties : whether times apart by floating-point noise only become one (R's timefix).

    Returns
    -------
    FrailtyFit

    Raises
    ------
    InputError : lengths differ, or a value is not a finite number.
    FitError : as `fit_cox`; one group; groups of one member each with theta to be estimated.

    Source: Nielsen, Gill, Andersen & Sorensen (1992), Scand J Stat 19:25-43; Therneau, Grambsch &
    Pankratz (2003), JCGS 12:156-175.
    Agrees with ``survival::coxph(Surv(entry, exit, left) ~ X + frailty(g, theta = t, sparse =
    FALSE))``. With theta estimated, where R's outer loop reaches the maximum: it may stop after
    ``outer.max`` (10) steps or at a small change, without a warning. R ignores weights in the
    likelihood of theta. Its sparse form (the default from 6 groups) leaves out covariances between
    groups, so that its standard errors differ by some percent.
    """
    data = cox_data(
        X,
        exit_,
        left,
        entry,
        weights,
        strata,
        clusters,
        offset=offset,
        ties=ties,
        names=names,
        merge_ties=merge_ties,
    )
    grouped = grouped_data(data, groups)
    family = Family(
        penalty=gamma_penalty,
        log_likelihood=lambda at: gamma_log_likelihood(at, grouped.deaths),
        slope=lambda at: gamma_slope(at, grouped.deaths),
    )
    return frailty_fit(grouped, family, theta, level)


def gamma_penalty(u: Floats, theta: float) -> tuple[float, Floats, Floats]:
    """Return the negative log density of b = u sqrt(theta), less its least, with derivatives.

    exp(b) is gamma with mean 1 and variance theta; the density is that of b.
    """
    if theta == 0:
        return float(u @ u) / 2, u, np.ones_like(u)
    size = np.sqrt(theta)
    b = size * u
    with np.errstate(over="ignore"):
        return float((np.expm1(b) - b).sum()) / theta, np.expm1(b) / size, np.exp(b)


def gamma_log_likelihood(at: PenalisedFit, deaths: Floats) -> float:
    """Return the log likelihood of theta with the frailties integrated out.

    Parameters
    ----------
    at : the penalised fit at theta.
    deaths : (g,) float weight of those who leave.

    Given the hazards A of the groups it is that of a negative binomial; the penalised maximum has
    1 + theta A = (1 + theta d) / z. The scale is that of the log partial likelihood.
    """
    if at.theta == 0:
        return at.log_partial
    share = np.log1p(at.theta * deaths)
    terms = log_rising(deaths, 1 / at.theta) - (deaths + 1 / at.theta) * share + deaths
    return at.log_partial - at.penalty + float(terms.sum())


def gamma_slope(at: PenalisedFit, deaths: Floats) -> float:
    """Return the derivative of `gamma_log_likelihood` in log theta (the rest is at its maximum)."""
    nu, b = 1 / at.theta, at.effects
    terms = slope_rising(deaths, nu) - (np.expm1(b) - b)
    return -nu * float(terms.sum())


def log_rising(d: Floats, nu: float) -> Floats:
    """Return log Gamma(nu + d) - log Gamma(nu) - d log nu, without loss where nu is large."""
    if nu < _LARGE:
        return np.asarray(gammaln(nu + d) - gammaln(nu) - d * np.log(nu), dtype=float)
    total = (nu + d - 0.5) * np.log1p(d / nu) - d
    for power, factor in ((1, 1 / 12), (3, -1 / 360), (5, 1 / 1260)):
        total += factor * ((nu + d) ** -power - nu**-power)
    return total


def slope_rising(d: Floats, nu: float) -> Floats:
    """Return digamma(nu + d) - digamma(nu) - log(1 + d / nu), without loss where nu is large."""
    if nu < _LARGE:
        return np.asarray(digamma(nu + d) - digamma(nu) - np.log1p(d / nu), dtype=float)
    total = np.zeros_like(d)
    for power, factor in ((1, -1 / 2), (2, -1 / 12), (4, 1 / 120), (6, -1 / 252)):
        total += factor * ((nu + d) ** -power - nu**-power)
    return total
