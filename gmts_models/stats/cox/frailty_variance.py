"""The variance of a frailty: its profile likelihood, the maximum, limits, what it leaves uncertain.

Source: Therneau, Grambsch & Pankratz (2003), JCGS 12:156-175; Gelman (2006), Bayesian Analysis
1:515-534 (flat prior on the standard deviation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, linalg, optimize
from scipy.special import chdtri, ndtr, ndtri

from gmts_models.errors import FitError
from gmts_models.outcome import Floats
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
    restricted : whether the coefficients are integrated out too.
    """

    penalty: Penalty
    log_likelihood: Callable[[PenalisedFit], float]
    slope: Callable[[PenalisedFit], float] | None = None
    restricted: bool = False


class Profile:
    """The log likelihood of theta; remembers fits, and starts each from its neighbours."""

    def __init__(self, grouped: GroupedData, family: Family, coefficients: Floats) -> None:
        self.grouped, self.family = grouped, family
        self._fits: dict[float, PenalisedFit] = {}
        self._first = coefficients

    def at(self, theta: float) -> PenalisedFit:
        """Return the penalised fit at theta."""
        if theta not in self._fits:
            start = self._start(theta)
            self._fits[theta] = penalised_fit(self.grouped, theta, self.family.penalty, start)
        return self._fits[theta]

    def _start(self, theta: float) -> tuple[Floats, Floats]:
        """Follow the line in log theta through two near fits."""
        known = sorted(
            (each for each in self._fits if each > 0 and theta > 0),
            key=lambda each: abs(np.log(each / theta)),
        )
        if not known:
            return self._first, np.zeros(len(self.grouped.labels))
        near = self._fits[known[0]]
        for other in known[1:]:
            far, share = self._fits[other], np.log(theta / near.theta) / np.log(other / near.theta)
            if abs(share) <= 2:  # fits too near to each other hold no direction
                return (
                    near.coefficients + share * (far.coefficients - near.coefficients),
                    near.effects + share * (far.effects - near.effects),
                )
        return near.coefficients, near.effects

    def value(self, theta: float) -> float:
        """Return the log likelihood at theta."""
        return self.family.log_likelihood(self.at(theta))

    def slope(self, theta: float, step: float = 1e-3) -> float:
        """Return its derivative in log theta, by differences."""
        up, down = self.value(theta * np.exp(step)), self.value(theta * np.exp(-step))
        return (up - down) / (2 * step)


def best_theta(value: Callable[[float], float], slope: Callable[[float], float]) -> float:
    """Return the theta of highest `value` where its `slope` in log theta crosses 0; or 0."""
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
            root = optimize.brentq(lambda log_theta: slope(np.exp(log_theta)), *ends, xtol=1e-8)
            best.append(float(np.exp(root)))
    return max(best, key=value)


def profile_limits(
    value: Callable[[float], float], top: float, level: float
) -> tuple[float, float]:
    """Return the thetas at which twice the log likelihood lies a quantile of chi squared lower.

    Parameters
    ----------
    value : log likelihood of theta.
    top : theta at its maximum.
    """
    target = value(top) - float(chdtri(1, 1 - level)) / 2
    low, high = _crossings(value, float(np.sqrt(top)), target, 1e-7)
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
    theta_lower, theta_upper : quantiles of theta itself.
    """

    theta_lower: float
    theta_upper: float
    covariance: Floats
    std_err: Floats
    lower: Floats
    upper: Floats


def not_integrated(p: int, size: int) -> Integrated:
    """Return NaN for p coefficients, `size` with the effects."""
    nothing = np.full(size, np.nan)
    return Integrated(
        theta_lower=np.nan,
        theta_upper=np.nan,
        covariance=np.full((p, p), np.nan),
        std_err=nothing,
        lower=nothing,
        upper=nothing,
    )


def integrate(profile: Profile, top: float, level: float) -> Integrated:
    """Mix the normal laws of coefficients and effects over theta.

    Theta weighs by its likelihood with the coefficients integrated out, under a flat prior on
    its square root; nodes of Gauss and Legendre between where that weight is negligible.
    """
    p = profile.grouped.data.rows.X.shape[1]
    size = p + len(profile.grouped.labels)
    none = not_integrated(p, size)
    if size - p < FEWEST_GROUPS:
        return none

    def weight(theta: float) -> float:
        value, scaled = profile.value(theta), profile.at(theta).scaled
        if profile.family.restricted:
            return value
        return value - (log_determinant(scaled) - log_determinant(scaled[p:, p:])) / 2

    highest = max(weight(each) for each in [0.0, top, *SCANNED**2])
    peak = max([0.0, np.sqrt(top), *SCANNED], key=lambda sd: weight(sd**2))
    low, high = _crossings(weight, peak, highest - _NEGLIGIBLE, 1e-2)
    if not np.isfinite(high):
        return none
    thetas = (low + (high - low) * (_NODES + 1) / 2) ** 2
    logs = np.array([weight(theta) for theta in thetas])
    shares = _NODE_WEIGHTS * np.exp(logs - logs.max())
    shares /= shares.sum()
    tail = (1 - level) / 2
    limits = _theta_quantiles(thetas, logs, (low, high), (tail, 1 - tail))
    return _mixed([profile.at(theta) for theta in thetas], shares, p, tail, limits)


def _mixed(
    fits: list[PenalisedFit], shares: Floats, p: int, tail: float, limits: tuple[float, float]
) -> Integrated:
    """Mix fits by `shares` (t,) that sum to 1; `limits` are those of theta."""
    means = np.array([np.append(each.coefficients, each.effects) for each in fits])
    std_errs, total = np.empty_like(means), np.zeros((p, p))
    for t, fit in enumerate(fits):  # one at a time: groups may be many
        covariance = covariance_at(fit, p)
        std_errs[t] = np.sqrt(np.diag(covariance))
        total += shares[t] * covariance[:p, :p]
    off = means - shares @ means
    return Integrated(
        theta_lower=limits[0],
        theta_upper=limits[1],
        covariance=total + (off[:, :p].T * shares) @ off[:, :p],
        std_err=np.sqrt(shares @ (std_errs**2 + off**2)),
        lower=mixture_quantile(means, std_errs, shares, tail),
        upper=mixture_quantile(means, std_errs, shares, 1 - tail),
    )


def _theta_quantiles(
    thetas: Floats, logs: Floats, ends: tuple[float, float], shares: tuple[float, float]
) -> tuple[float, float]:
    """Return quantiles of theta from log densities `logs` (t,) of its root."""
    sd = np.linspace(*ends, 1001)
    density = np.exp(interpolate.CubicSpline(np.sqrt(thetas), logs)(sd) - logs.max())
    below = np.append(0.0, np.cumsum(density[1:] + density[:-1]))
    low, high = np.interp(np.array(shares) * below[-1], below, sd) ** 2
    return float(low), float(high)


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
