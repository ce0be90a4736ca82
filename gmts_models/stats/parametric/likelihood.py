"""The log-likelihood of censored and truncated times, row by row, with its derivatives.

With ``z = (y - eta) / scale`` and ``tau = log scale``, a row adds ``log f(z) - tau`` where its time
was seen, ``log(S(z_lower) - S(z_upper))`` where it was not, and takes off ``log S(z_entry)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.parametric.distributions import Distribution, log_difference

_Derivatives = Callable[[Floats], tuple[Floats, Floats, Floats]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTerms:
    """Log-likelihood of each row and its derivatives in eta and tau; all (n,)."""

    value: Floats
    eta: Floats
    tau: Floats
    eta_eta: Floats
    eta_tau: Floats
    tau_tau: Floats


def row_terms(
    standard: Distribution, lower: Floats, upper: Floats, entry: Floats, eta: Floats, scale: Floats
) -> RowTerms:
    """Evaluate each row.

    Parameters
    ----------
    standard : distribution of (y - eta) / scale.
    lower, upper : (n,) limits of y; equal where it was seen, infinite where there is none.
    entry : (n,) y is greater, else the row would not be there; -inf = no late entry.
    eta, scale : (n,).

    Notes
    -----
    Densities are of y, not of time. A row that overflows has the value -inf or NaN.
    """
    terms = np.zeros((6, len(eta)))
    seen = lower == upper
    right, left, late = np.isinf(upper), np.isinf(lower), np.isfinite(entry)
    with np.errstate(all="ignore"):
        _add_one(terms, seen, lower, eta, scale, lambda z: _density(standard, z))
        _add_one(terms, right, lower, eta, scale, lambda z: _survival(standard, z))
        _add_one(terms, left, upper, eta, scale, lambda z: _cdf(standard, z))
        _add_two(terms, ~(seen | right | left), lower, upper, eta, scale, standard)
        _add_one(terms, late, entry, eta, scale, lambda z: _survival(standard, z), sign=-1)
        terms[0, seen] -= np.log(scale[seen])
        terms[2, seen] -= 1
    return RowTerms(
        value=terms[0],
        eta=terms[1],
        tau=terms[2],
        eta_eta=terms[3],
        eta_tau=terms[4],
        tau_tau=terms[5],
    )


def _density(standard: Distribution, z: Floats) -> tuple[Floats, Floats, Floats]:
    return standard.log_density(z), standard.slope(z), standard.curvature(z)


def _survival(standard: Distribution, z: Floats) -> tuple[Floats, Floats, Floats]:
    value = standard.log_survival(z)
    hazard = np.exp(standard.log_density(z) - value)
    return value, -hazard, -hazard * (standard.slope(z) + hazard)


def _cdf(standard: Distribution, z: Floats) -> tuple[Floats, Floats, Floats]:
    value = standard.log_cdf(z)
    reversed_hazard = np.exp(standard.log_density(z) - value)
    return value, reversed_hazard, reversed_hazard * (standard.slope(z) - reversed_hazard)


def _add_one(
    terms: Floats,
    which: Bools,
    at: Floats,
    eta: Floats,
    scale: Floats,
    function: _Derivatives,
    sign: int = 1,
) -> None:
    """Add a function of one z, by the chain rule, to the rows `which`."""
    if not which.any():
        return
    s = scale[which]
    z = (at[which] - eta[which]) / s
    value, first, second = function(z)
    terms[:, which] += sign * np.array(
        [
            value,
            -first / s,
            -z * first,
            second / s**2,
            (first + z * second) / s,
            z * first + z * z * second,
        ]
    )


def _add_two(
    terms: Floats,
    which: Bools,
    lower: Floats,
    upper: Floats,
    eta: Floats,
    scale: Floats,
    standard: Distribution,
) -> None:
    """Add log(S(z1) - S(z2)) to the rows `which`."""
    if not which.any():
        return
    s = scale[which]
    z1, z2 = (lower[which] - eta[which]) / s, (upper[which] - eta[which]) / s
    log_f1, log_f2 = standard.log_density(z1), standard.log_density(z2)
    value = log_interval(standard, z1, z2)
    a, b = np.exp(log_f1 - value), np.exp(log_f2 - value)
    slope1, slope2 = standard.slope(z1), standard.slope(z2)
    # In narrow intervals b - a is a small difference of large numbers: from the densities' ratio.
    narrow = np.abs(log_f2 - log_f1) < 0.5
    gap = np.where(narrow, a * np.expm1(log_f2 - log_f1), b - a)

    def difference(at1: Floats, at2: Floats) -> Floats:
        """Return b at2 - a at1."""
        return np.where(narrow, gap * at2 + a * (at2 - at1), b * at2 - a * at1)

    bend, moment = difference(slope1, slope2), difference(z1, z2)
    spin = difference(z1 * slope1, z2 * slope2)
    swirl = difference(z1 * z1 * slope1, z2 * z2 * slope2)
    terms[:, which] += np.array(
        [
            value,
            -gap / s,
            -moment,
            (bend - gap**2) / s**2,
            (gap + spin - moment * gap) / s,
            moment + swirl - moment**2,
        ]
    )


def log_interval(standard: Distribution, z1: Floats, z2: Floats) -> Floats:
    """Return log P(z1 < W <= z2), each row by its nearer tail."""
    with np.errstate(all="ignore"):
        upper = z1 + z2 > 0
        larger = np.where(upper, standard.log_survival(z1), standard.log_cdf(z2))
        smaller = np.where(upper, standard.log_survival(z2), standard.log_cdf(z1))
        return log_difference(larger, smaller)


def score_rows(terms: RowTerms, X: Floats, strata: Ints, scales: int) -> Floats:
    """Return (n, q + scales) scores of rows for the columns of X and each stratum's log scale.

    Parameters
    ----------
    terms : of `row_terms`.
    X : (n, q) with the intercept.
    strata : (n,) codes.
    scales : how many log scales are estimated; 0 where the scale is fixed.
    """
    indicator = strata[:, None] == np.arange(scales)
    return np.hstack([terms.eta[:, None] * X, terms.tau[:, None] * indicator])


def information(terms: RowTerms, X: Floats, strata: Ints, weights: Floats, scales: int) -> Floats:
    """Return the (q + scales, q + scales) observed information; arguments as for `score_rows`."""
    indicator = (strata[:, None] == np.arange(scales)).astype(float)
    middle = X.T @ ((weights * terms.eta_eta)[:, None] * X)
    cross = X.T @ ((weights * terms.eta_tau)[:, None] * indicator)
    corner = np.diag((weights * terms.tau_tau) @ indicator)
    return -np.block([[middle, cross], [cross.T, corner]])
