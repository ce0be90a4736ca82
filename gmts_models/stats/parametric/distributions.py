"""The standard distributions of parametric survival models, safe in both tails.

A family is a distribution of W in ``y = eta + scale * W``, where y is the time or its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from gmts_models.errors import InputError
from gmts_models.outcome import Floats

_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A standard continuous distribution on the real line.

    Attributes
    ----------
    log_density, log_survival, log_cdf : functions of (n,) z.
    slope, curvature : first and second derivative of `log_density`.
    from_log_survival : z from log S(z), the inverse of `log_survival`.
    mean, variance : of the distribution, from which fits start.
    mode : where the density is highest; it is the saturated fit of someone who leaves.
    interval_mode : from the width of an interval, its lower end where its probability is highest.
    """

    log_density: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    curvature: Callable[[Floats], Floats]
    log_survival: Callable[[Floats], Floats]
    log_cdf: Callable[[Floats], Floats]
    from_log_survival: Callable[[Floats], Floats]
    interval_mode: Callable[[Floats], Floats]
    mean: float
    variance: float
    mode: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A distribution, on the scale of log time or of time, with its scale free or fixed.

    Attributes
    ----------
    name : as in R's ``survreg``.
    standard : distribution of W.
    log_time : whether y is the logarithm of time.
    scale : the scale where the family fixes it; else None.
    """

    name: str
    standard: Distribution
    log_time: bool
    scale: float | None = None


def family_named(name: str) -> Family:
    """Return a family by its name.

    Raises
    ------
    InputError : there is none of that name.
    """
    if name not in FAMILIES:
        raise InputError(
            f"{name!r} is not a family of survival times",
            where="family",
            fix=f"one of {', '.join(FAMILIES)}",
        )
    return FAMILIES[name]


def log_difference(larger: Floats, smaller: Floats) -> Floats:
    """Return log(exp(larger) - exp(smaller)) without leaving the log scale."""
    gap = smaller - larger
    # log(1 - e^gap): log1p for wide gaps, expm1 for narrow ones.
    near = gap > -np.log(2)
    return larger + np.where(near, np.log(-np.expm1(gap)), np.log1p(-np.exp(gap)))


def _exp(z: Floats) -> Floats:
    """Exponentiate, with a bound that is as good as infinity and whose square is still finite."""
    return np.asarray(np.exp(np.minimum(z, 300.0)), dtype=float)


def _extreme_log_cdf(z: Floats) -> Floats:
    hazard = _exp(z)
    with np.errstate(divide="ignore"):
        near = np.where(z < 0, np.log(-np.expm1(-hazard)), np.log1p(-np.exp(-hazard)))
    return np.asarray(np.where(z < -40, z, near))  # there the hazard vanishes next to 1


def _extreme_interval_mode(width: Floats) -> Floats:
    return np.asarray(np.log(width) - width - np.log(-np.expm1(-width)), dtype=float)


def _logistic_log_density(z: Floats) -> Floats:
    size = np.abs(z)
    return np.asarray(-size - 2 * np.log1p(np.exp(-size)), dtype=float)


def _logistic_from_log_survival(log_survival: Floats) -> Floats:
    return np.asarray(-log_survival + np.log(-np.expm1(log_survival)), dtype=float)


EXTREME = Distribution(
    log_density=lambda z: z - _exp(z),
    slope=lambda z: 1 - _exp(z),
    curvature=lambda z: -_exp(z),
    log_survival=lambda z: -np.exp(z),
    log_cdf=_extreme_log_cdf,
    from_log_survival=lambda log_survival: np.log(-log_survival),
    interval_mode=_extreme_interval_mode,
    mean=-float(np.euler_gamma),
    variance=np.pi**2 / 6,
)
"""The smallest of many: time is Weibull where log time is this."""

GAUSSIAN = Distribution(
    log_density=lambda z: -0.5 * z * z - _LOG_ROOT_TWO_PI,
    slope=lambda z: -z,
    curvature=lambda z: -np.ones_like(z),
    log_survival=lambda z: np.asarray(special.log_ndtr(-z), dtype=float),
    log_cdf=lambda z: np.asarray(special.log_ndtr(z), dtype=float),
    from_log_survival=lambda log_survival: -np.asarray(special.ndtri_exp(log_survival), float),
    interval_mode=lambda width: -width / 2,
    mean=0.0,
    variance=1.0,
)

LOGISTIC = Distribution(
    log_density=_logistic_log_density,
    slope=lambda z: -np.tanh(z / 2),
    curvature=lambda z: -2 * np.exp(_logistic_log_density(z)),
    log_survival=lambda z: -np.logaddexp(0, z),
    log_cdf=lambda z: -np.logaddexp(0, -z),
    from_log_survival=_logistic_from_log_survival,
    interval_mode=lambda width: -width / 2,
    mean=0.0,
    variance=np.pi**2 / 3,
)

FAMILIES = {
    each.name: each
    for each in (
        Family(name="weibull", standard=EXTREME, log_time=True),
        Family(name="exponential", standard=EXTREME, log_time=True, scale=1.0),
        Family(name="rayleigh", standard=EXTREME, log_time=True, scale=0.5),
        Family(name="lognormal", standard=GAUSSIAN, log_time=True),
        Family(name="loglogistic", standard=LOGISTIC, log_time=True),
        Family(name="extreme", standard=EXTREME, log_time=False),
        Family(name="gaussian", standard=GAUSSIAN, log_time=False),
        Family(name="logistic", standard=LOGISTIC, log_time=False),
    )
}
"""By R's name for them; the scale is R's."""
