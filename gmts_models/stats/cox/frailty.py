"""What a frailty model results in: coefficients, the groups' effects, the test of variance 0.

`gamma_frailty` and `gaussian_frailty` differ in the penalty on the groups' effects and in the
likelihood of the variance.

Source: Therneau, Grambsch & Pankratz (2003), JCGS 12:156-175; Self & Liang (1987), JASA
82:605-610 (a variance on its boundary).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.fit import CoxFit, maximise
from gmts_models.stats.cox.frailty_variance import (
    Family,
    Integrated,
    Profile,
    best_theta,
    covariance_at,
    integrate,
    not_integrated,
    profile_limits,
)
from gmts_models.stats.cox.group_effects import GroupedData, PenalisedFit


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEffects:
    """Log relative hazards of the groups, against a group of frailty 1 (gamma) or effect 0.

    Attributes
    ----------
    labels : (g,) sorted; as text where they were given as objects.
    members : (g,) int people (or rows, where no clusters are given).
    deaths : (g,) float weight of those who leave.
    estimate : (g,) log frailty at the estimated variance; its penalised maximum.
    std_err : (g,) given the variance, with what the coefficients and the baseline add.
    std_err_integrated, lower, upper : (g,) with the variance integrated over; NaN where it is
        fixed, or where there are fewer than `FEWEST_GROUPS` groups.
    """

    labels: npt.NDArray[Any]
    members: Ints
    deaths: Floats
    estimate: Floats
    std_err: Floats
    std_err_integrated: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceTest:
    """Likelihood-ratio test of variance 0.

    Attributes
    ----------
    statistic : twice the gain of the log likelihood; NaN where the variance is fixed.
    p : 0 is the boundary of the variances, so half of chi squared with 0 and half of that
        with 1 degree of freedom; 1 at a statistic of 0. That is the law of many groups: with 12,
        and a column of theirs, it rejects 1.75 % at 5 % (by REML about 4 %).
    """

    statistic: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrailtyFit:
    """A Cox model with an effect of each group.

    Attributes
    ----------
    theta : variance of the frailty (gamma, mean 1) or of the log frailty (gaussian, mean 0).
    theta_lower, theta_upper : profile likelihood limits; NaN where theta is fixed. With few groups
        they cover too seldom, as maximum likelihood finds too little variance.
    theta_lower_integrated, theta_upper_integrated : limits of theta with the coefficients
        integrated out, under a flat prior on its square root; NaN as `covariance_integrated`. The
        lower one is above 0 by construction: it says nothing of whether there is any variance.
    coefficients : (p,).
    covariance : (p, p) given theta: R's ``var``.
    covariance_narrow : (p, p) given theta, H^-1 I H^-1 with I the information without the penalty
        and H with it: R's ``var2``.
    covariance_integrated : (p, p) with theta integrated over (flat prior on its square root). NaN
        where theta is fixed, or where there are fewer than `FEWEST_GROUPS` groups.
    lower_integrated, upper_integrated : (p,) limits likewise, of the mixture of normals over theta.
    groups : their effects.
    log_likelihood : of theta, the effects integrated out, on a scale on which it is the log
        partial likelihood at theta = 0 (gaussian with REML: less half the log determinant of the
        information).
    log_likelihood_zero : the same at theta = 0.
    log_partial : log partial likelihood at coefficients and effects; R's second ``loglik``.
    penalty : subtracted from it.
    degrees_of_freedom : (p,) effective, of each coefficient: R's ``df``.
    degrees_of_freedom_groups : of the effects of all groups.
    test : of variance 0.
    plain : the Cox fit without frailty.
    at : the penalised fit at theta.
    """

    theta: float
    theta_lower: float
    theta_upper: float
    theta_lower_integrated: float
    theta_upper_integrated: float
    coefficients: Floats
    covariance: Floats
    covariance_narrow: Floats
    covariance_integrated: Floats
    lower_integrated: Floats
    upper_integrated: Floats
    groups: GroupEffects
    log_likelihood: float
    log_likelihood_zero: float
    log_partial: float
    penalty: float
    degrees_of_freedom: Floats
    degrees_of_freedom_groups: float
    test: VarianceTest
    plain: CoxFit
    at: PenalisedFit


def refuse_unshared(grouped: GroupedData) -> None:
    """Raise FitError where the data say nothing of the variance of what group members share."""
    if grouped.members.max() < 2:
        raise FitError(
            "every group has one member: what members share cannot be told from what the baseline "
            "hazard does",
            where="frailty, groups",
            fix="use larger groups, or give theta and say so",
        )
    pairs = np.unique(np.stack([grouped.data.given.strata, grouped.codes]), axis=1)
    if len(np.unique(pairs[0])) == pairs.shape[1]:
        raise FitError(
            "every stratum lies within one group: its baseline hazard takes up what members share",
            where="frailty, strata",
            fix="leave out the strata, or the frailty",
        )


def frailty_fit(
    grouped: GroupedData,
    family: Family,
    theta: float | None,
    level: float,
    estimating: Callable[[PenalisedFit], float] | None = None,
) -> FrailtyFit:
    """Fit; theta where it is given, else at the maximum of its likelihood.

    Parameters
    ----------
    estimating : a function of the fit that crosses 0 from above at the estimate of theta, where
        that is not the maximum of the likelihood.
    """
    check_options(theta, level)
    if theta is None:
        refuse_unshared(grouped)
    plain = maximise(grouped.data)
    profile = Profile(grouped, family, plain.coefficients)
    zero = profile.value(0.0)
    p = len(plain.coefficients)
    if theta is not None:
        no_test = VarianceTest(statistic=np.nan, p=np.nan)
        unknown = not_integrated(p, p + len(grouped.labels))
        return _result(profile, theta, (np.nan, np.nan), plain, no_test, unknown)
    exact = family.slope
    slope = profile.slope if exact is None else lambda t: exact(profile.at(t))
    top = best_theta(profile.value, slope)
    chosen = top
    if estimating is not None:
        chosen = best_theta(profile.value, lambda t: estimating(profile.at(t)))
    test = variance_test(profile.value(top) - zero)
    limits = profile_limits(profile.value, top, level)
    return _result(profile, chosen, limits, plain, test, integrate(profile, top, level))


def variance_test(gain: float) -> VarianceTest:
    """Test variance 0 by the `gain` of the log likelihood at its maximum over that at 0."""
    statistic = max(0.0, 2 * gain)
    p = float(chdtrc(1, statistic)) / 2 if statistic > 0 else 1.0
    return VarianceTest(statistic=statistic, p=p)


def check_options(theta: float | None, level: float) -> None:
    """Raise InputError where theta or level is out of range."""
    if theta is not None and not 0 <= theta < np.inf:
        raise InputError("theta must be a variance, >= 0", where="frailty, theta")
    if not 0 < level < 1:
        raise InputError("level must be between 0 and 1", where="frailty, level")


def _result(
    profile: Profile,
    theta: float,
    limits: tuple[float, float],
    plain: CoxFit,
    test: VarianceTest,
    integrated: Integrated,
) -> FrailtyFit:
    grouped, at = profile.grouped, profile.at(theta)
    p = len(plain.coefficients)
    covariance = covariance_at(at, p)
    narrow = covariance @ at.information @ covariance
    share = np.einsum("ij,ji->i", covariance, at.information)
    return FrailtyFit(
        theta=theta,
        theta_lower=limits[0],
        theta_upper=limits[1],
        theta_lower_integrated=integrated.theta_lower,
        theta_upper_integrated=integrated.theta_upper,
        coefficients=at.coefficients,
        covariance=covariance[:p, :p],
        covariance_narrow=narrow[:p, :p],
        covariance_integrated=integrated.covariance,
        lower_integrated=integrated.lower[:p],
        upper_integrated=integrated.upper[:p],
        groups=GroupEffects(
            labels=grouped.labels,
            members=grouped.members,
            deaths=grouped.deaths,
            estimate=at.effects,
            std_err=np.sqrt(np.diag(covariance)[p:]),
            std_err_integrated=integrated.std_err[p:],
            lower=integrated.lower[p:],
            upper=integrated.upper[p:],
        ),
        log_likelihood=profile.value(theta),
        log_likelihood_zero=profile.value(0.0),
        log_partial=at.log_partial,
        penalty=at.penalty,
        degrees_of_freedom=np.diag(narrow)[:p] / np.diag(covariance)[:p],
        degrees_of_freedom_groups=float(share[p:].sum()),
        test=test,
        plain=plain,
        at=at,
    )
