"""What the frailty models share: the variance's profile, what it leaves uncertain, the result.

`gamma_frailty` and `gaussian_frailty` differ in the penalty on the groups' effects and in the
likelihood of the variance; the search for its maximum, its interval, the test of variance 0 and
the integration over it are here.

Source: Therneau, Grambsch & Pankratz (2003), JCGS 12:156-175; Self & Liang (1987), JASA
82:605-610 (variance on the boundary); Gelman (2006), Bayesian Analysis 1:515-534 (flat prior).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize
from scipy.special import chdtrc, chdtri, ndtr, ndtri

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.fit import CoxFit, maximise
from gmts_models.stats.cox.group_effects import GroupedData, PenalisedFit, Penalty, penalised_fit

SCANNED = 2.0 ** np.arange(-4, 3)
"""Standard deviations of the effects between which the maximum is sought; doubled on if need be."""
SMALLEST, LARGEST = 1e-3, 64.0
"""Standard deviations taken to be 0, and to have no finite maximum."""
FEWEST_GROUPS = 4
"""Groups below which the data say too little of the variance to integrate over it."""
_NEGLIGIBLE = 12.0
"""Fall of the log likelihood below its maximum beyond which nothing is integrated."""
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A distribution of the groups' effects.

    Attributes
    ----------
    penalty : see `group_effects.Penalty`.
    log_likelihood : of theta, given the fit there, with the effects integrated out.
    slope : its derivative in log theta, given the fit; None = by differences.
    """

    penalty: Penalty
    log_likelihood: Callable[[PenalisedFit], float]
    slope: Callable[[PenalisedFit], float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEffects:
    """Log relative hazards of the groups, against a group of frailty 1 (gamma) or effect 0.

    Attributes
    ----------
    labels : (g,) sorted.
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
    p_value : 0 is the boundary of the variances, so half of chi squared with 0 and half of that
        with 1 degree of freedom; 1 at a statistic of 0.
    """

    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrailtyFit:
    """A Cox model with an effect of each group.

    Attributes
    ----------
    theta : variance of the frailty (gamma, mean 1) or of the log frailty (gaussian, mean 0).
    theta_lower, theta_upper : profile likelihood limits; NaN where theta is fixed.
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


class Profile:
    """The log likelihood of theta; remembers fits, and starts each from the nearest."""

    def __init__(self, grouped: GroupedData, family: Family, coefficients: Floats) -> None:
        self.grouped, self.family = grouped, family
        self._fits: dict[float, PenalisedFit] = {}
        self._first = coefficients

    def at(self, theta: float) -> PenalisedFit:
        """Return the penalised fit at theta."""
        if theta not in self._fits:
            known = [each for each in self._fits if each > 0]
            nearest = min(known, key=lambda each: abs(np.log(each / theta))) if known else None
            start = self._first if theta == 0 or nearest is None else self._fits[nearest]
            self._fits[theta] = penalised_fit(self.grouped, theta, self.family.penalty, start)
        return self._fits[theta]

    def value(self, theta: float) -> float:
        """Return the log likelihood at theta."""
        return self.family.log_likelihood(self.at(theta))

    def slope(self, theta: float, step: float = 1e-3) -> float:
        """Return its derivative in log theta, by differences."""
        up, down = self.value(theta * np.exp(step)), self.value(theta * np.exp(-step))
        return (up - down) / (2 * step)


def refuse_single_members(grouped: GroupedData) -> None:
    """Raise FitError where no group has two members, so that nobody shares a frailty."""
    if grouped.members.max() < 2:
        raise FitError(
            "every group has one member: what members share cannot be told from what the baseline "
            "hazard does",
            where="frailty, groups",
            fix="use larger groups, or give theta and say so",
        )


def best_theta(profile: Profile, slope: Callable[[float], float]) -> float:
    """Return the theta at the highest of the maxima, where `slope` in log theta crosses 0; or 0."""
    sd = list(SCANNED)
    slopes = [slope(each**2) for each in sd]
    while slopes[-1] > 0:
        if sd[-1] >= LARGEST:
            raise FitError(
                "the variance of the frailty has no finite maximum",
                where="frailty, theta",
                fix="look at groups in which nobody or everybody leaves; or give theta",
            )
        sd.append(2 * sd[-1])
        slopes.append(slope(sd[-1] ** 2))
    if slopes[0] < 0:
        sd.insert(0, SMALLEST)
        slopes.insert(0, slope(SMALLEST**2))
    best = [0.0]
    for j in range(len(sd) - 1):
        if slopes[j] > 0 >= slopes[j + 1]:
            ends = 2 * np.log(sd[j]), 2 * np.log(sd[j + 1])
            root = optimize.brentq(lambda log_theta: slope(np.exp(log_theta)), *ends, xtol=1e-10)
            best.append(float(np.exp(root)))
    return max(best, key=profile.value)


def profile_limits(profile: Profile, top: float, level: float) -> tuple[float, float]:
    """Return the thetas at which twice the log likelihood lies a quantile of chi squared lower.

    Parameters
    ----------
    top : theta at the maximum.
    """
    target = profile.value(top) - float(chdtri(1, 1 - level)) / 2
    low, high = _crossings(profile.value, float(np.sqrt(top)), target, 1e-10)
    return low**2, high**2


def _crossings(
    value: Callable[[float], float], top: float, target: float, precision: float
) -> tuple[float, float]:
    """Return the standard deviations around `top` at which value(variance) falls to target.

    0 where it does not fall that far; inf where it has not by `LARGEST`.
    """

    def above(sd: float) -> float:
        return value(sd**2) - target

    low = 0.0
    if top > 0 and above(0.0) < 0:
        low = optimize.brentq(above, 0.0, top, xtol=precision)
    inside, outside = top, max(2 * top, SCANNED[1])
    while above(outside) > 0:
        if outside > LARGEST:
            return low, np.inf
        inside, outside = outside, 2 * outside
    return low, float(optimize.brentq(above, inside, outside, xtol=precision))


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrated:
    """Coefficients and effects with theta integrated over; all NaN where it cannot be.

    Attributes
    ----------
    covariance : (p, p) of the coefficients.
    std_err, lower, upper : (p + g,) of coefficients and effects.
    """

    covariance: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


def integrate(profile: Profile, top: float, level: float) -> Integrated:
    """Mix the normal laws of coefficients and effects over theta.

    Theta weighs by its likelihood with the coefficients integrated out, under a flat prior on
    its square root; nodes of Gauss and Legendre between where that weight is negligible.
    """
    p = profile.grouped.data.rows.X.shape[1]
    size = p + len(profile.grouped.labels)
    nothing = np.full(size, np.nan)
    none = Integrated(
        covariance=np.full((p, p), np.nan), std_err=nothing, lower=nothing, upper=nothing
    )
    if size - p < FEWEST_GROUPS:
        return none

    def weight(theta: float) -> float:
        at = profile.at(theta)
        return log_restricted(profile.value(theta), at.scaled, p)

    highest = max(weight(each) for each in [0.0, top, *SCANNED**2])
    peak = max([0.0, np.sqrt(top), *SCANNED], key=lambda sd: weight(sd**2))
    low, high = _crossings(weight, peak, highest - _NEGLIGIBLE, 1e-2)
    if not np.isfinite(high):
        return none
    thetas = (low + (high - low) * (_NODES + 1) / 2) ** 2
    logs = np.array([weight(theta) for theta in thetas])
    shares = _NODE_WEIGHTS * np.exp(logs - logs.max())
    shares /= shares.sum()
    means = np.array([np.r_[profile.at(t).coefficients, profile.at(t).effects] for t in thetas])
    inverses = np.array([covariance_at(profile.at(t), p) for t in thetas])
    off = means - shares @ means
    total = np.einsum("t,tij->ij", shares, inverses[:, :p, :p])
    std_errs = np.sqrt(np.diagonal(inverses, axis1=1, axis2=2))
    tail = (1 - level) / 2
    return Integrated(
        covariance=total + (off[:, :p].T * shares) @ off[:, :p],
        std_err=np.sqrt(shares @ (std_errs**2 + off**2)),
        lower=mixture_quantile(means, std_errs, shares, tail),
        upper=mixture_quantile(means, std_errs, shares, 1 - tail),
    )


def log_restricted(value: float, scaled: Floats, p: int) -> float:
    """Return the log likelihood with the coefficients integrated out (up to a constant)."""
    return value - (log_determinant(scaled) - log_determinant(scaled[p:, p:])) / 2


def log_determinant(matrix: Floats) -> float:
    """Return the log determinant of a positive definite matrix."""
    return 2 * float(np.log(np.diag(linalg.cholesky(matrix, check_finite=False))).sum())


def inverse(matrix: Floats) -> Floats:
    """Return the inverse of a positive definite matrix."""
    # By Cholesky: threads of BLAS stall in a general inverse of so small a matrix.
    factor = linalg.cho_factor(matrix, check_finite=False)
    return np.asarray(linalg.cho_solve(factor, np.eye(len(matrix))), dtype=float)


def covariance_at(at: PenalisedFit, p: int) -> Floats:
    """Return (p + g, p + g) covariance of coefficients and effects given theta."""
    scale = np.append(np.ones(p), np.full(len(at.effects), np.sqrt(at.theta)))
    return np.asarray(inverse(at.scaled) * np.outer(scale, scale), dtype=float)


def mixture_quantile(means: Floats, std_errs: Floats, shares: Floats, q: float) -> Floats:
    """Return (k,) quantiles of mixtures of normals, by bisection.

    Parameters
    ----------
    means, std_errs : (t, k).
    shares : (t,) that sum to 1.
    """
    each = means + ndtri(q) * std_errs
    low, high = each.min(axis=0), each.max(axis=0)
    safe = np.where(std_errs > 0, std_errs, np.finfo(float).tiny)
    for _ in range(60):
        middle = (low + high) / 2
        below = shares @ ndtr((middle - means) / safe) < q
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2, dtype=float)


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
    _check(theta, level)
    plain = maximise(grouped.data)
    profile = Profile(grouped, family, plain.coefficients)
    zero = profile.value(0.0)
    p = len(plain.coefficients)
    if theta is not None:
        nothing = np.full(p + len(grouped.labels), np.nan)
        unknown = Integrated(
            covariance=np.full((p, p), np.nan), std_err=nothing, lower=nothing, upper=nothing
        )
        no_test = VarianceTest(statistic=np.nan, p_value=np.nan)
        limits = (np.nan, np.nan)
        return _result(profile, theta, limits, plain, no_test, unknown)
    refuse_single_members(grouped)
    exact = family.slope
    top = best_theta(profile, profile.slope if exact is None else lambda t: exact(profile.at(t)))
    statistic = max(0.0, 2 * (profile.value(top) - zero))
    test = VarianceTest(
        statistic=statistic, p_value=float(chdtrc(1, statistic)) / 2 if statistic > 0 else 1.0
    )
    limits = profile_limits(profile, top, level)
    chosen = top if estimating is None else best_theta(profile, lambda t: estimating(profile.at(t)))
    return _result(profile, chosen, limits, plain, test, integrate(profile, top, level))


def _check(theta: float | None, level: float) -> None:
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
