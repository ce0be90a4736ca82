"""Two families of log time that bend: the generalised gamma, and splines of log cumulative hazard.

A family is a cumulative hazard H(u, s) of ``u = log t - x' beta``, with shape parameters s that all
share. Late entry, censoring and the attributes are left to ``flexible.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from gmts_models.outcome import Floats

_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)
_NEAR_NORMAL = 3e-3
"""Size of the shape under which an expansion about the normal takes the place of the incomplete
gamma function, whose argument would lose its digits."""
_STEP = 1e-3
"""Of the differences by which the derivatives are taken. Both arguments are of the size of 1, so
that fourth-order differences leave about 1e-12 of the first derivatives and 1e-7 of the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jet:
    """A function at n points with its derivatives in d arguments, u first, then the shape.

    Attributes
    ----------
    value : (n,). gradient : (d, n). curvature : (d, d, n).
    """

    value: Floats
    gradient: Floats
    curvature: Floats


class FlexibleFamily(Protocol):
    """A cumulative hazard of u with k shape parameters; d = 1 + k."""

    def cumulative(self, u: Floats, shape: Floats) -> Jet:
        """Return H."""
        ...

    def log_rate(self, u: Floats, shape: Floats) -> Jet:
        """Return log dH/du, which is the log hazard of log time; NaN where H falls."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralisedGamma:
    """``u = location + scale * W``, where ``exp(q W) / q**2`` is gamma of shape ``1 / q**2``.

    The shape parameters are location, log scale, q; q = 1 is Weibull, scale gamma, 0 log-normal.

    Source: Prentice (1974), Biometrika 61:539-544.
    """

    def cumulative(self, u: Floats, shape: Floats) -> Jet:
        """Return H."""
        return _in_shape(lambda z, q: -_log_survival(z, q), u, shape)

    def log_rate(self, u: Floats, shape: Floats) -> Jet:
        """Return log dH/du."""
        jet = _in_shape(lambda z, q: _log_density(z, q) - _log_survival(z, q), u, shape)
        jet.gradient[2] -= 1
        return Jet(value=jet.value - shape[1], gradient=jet.gradient, curvature=jet.curvature)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHazardSpline:
    """log H is a natural cubic spline of u: a line outside the outer knots.

    Attributes
    ----------
    knots : (k,) of log time, increasing. There are k shape parameters: of 1, u and k - 2 bends.

    Source: Royston & Parmar (2002), Statistics in Medicine 21:2175-2197; with u in the place of
    log time, Crowther, Royston & Clements (2023), Biostatistics 24:811-831.
    """

    knots: Floats

    def cumulative(self, u: Floats, shape: Floats) -> Jet:
        """Return H."""
        log = self._log(u, shape, 0)
        hazard = np.exp(log.value)
        square = log.gradient[:, None] * log.gradient[None]
        return Jet(
            value=hazard,
            gradient=hazard * log.gradient,
            curvature=hazard * (log.curvature + square),
        )

    def log_rate(self, u: Floats, shape: Floats) -> Jet:
        """Return log dH/du."""
        log, slope = self._log(u, shape, 0), self._log(u, shape, 1)
        relative = slope.gradient / slope.value
        square = relative[:, None] * relative[None]
        return Jet(
            value=log.value + np.log(slope.value),
            gradient=log.gradient + relative,
            curvature=log.curvature + slope.curvature / slope.value - square,
        )

    def falls(self, shape: Floats) -> bool:
        """Tell whether H falls somewhere, which no cumulative hazard does."""
        span = self.knots[-1] - self.knots[0]
        # A line outside the knots: what holds just outside holds everywhere.
        u = np.linspace(self.knots[0] - 0.1 * span, self.knots[-1] + 0.1 * span, 1000)
        return bool((shape @ self._basis(u, 1) < 0).any())

    def _log(self, u: Floats, shape: Floats, order: int) -> Jet:
        """Return the derivative of log H in u of that order."""
        here, first, second = (self._basis(u, order + more) for more in range(3))
        curvature = np.zeros((1 + len(shape), 1 + len(shape), len(u)))
        curvature[0, 0] = shape @ second
        curvature[0, 1:] = curvature[1:, 0] = first
        return Jet(
            value=shape @ here,
            gradient=np.concatenate([(shape @ first)[None], here]),
            curvature=curvature,
        )

    def _basis(self, u: Floats, order: int) -> Floats:
        """Return (k, n) derivatives of the basis in u."""
        line = [(np.ones_like(u), u), (np.zeros_like(u), np.ones_like(u))]
        rows = list(line[order]) if order < 2 else [np.zeros_like(u)] * 2
        low, high = self.knots[0], self.knots[-1]
        for knot in self.knots[1:-1]:
            share = (high - knot) / (high - low)
            outer = share * _cube(u - low, order) + (1 - share) * _cube(u - high, order)
            rows.append(_cube(u - knot, order) - outer)
        return np.array(rows)


def _cube(x: Floats, order: int) -> Floats:
    """Return the derivative of max(0, x)**3 of that order, up to the third."""
    factor, power = ((1.0, 3), (3.0, 2), (6.0, 1), (6.0, 0))[order]
    return np.asarray(np.where(x > 0, factor * x**power, 0.0), dtype=float)


def _in_shape(function: Callable[[Floats, Floats], Floats], u: Floats, shape: Floats) -> Jet:
    """Return a function of z and q as one of u, location, log scale and q."""
    location, log_scale, q = shape
    scale = np.exp(log_scale)
    z = (u - location) / scale
    value, by, twice = _differences(function, z, np.full_like(z, q))
    moves = np.zeros((2, 4, len(z)))  # of z and q with u, location, log scale and q
    moves[0, 0], moves[0, 1], moves[0, 2], moves[1, 3] = 1 / scale, -1 / scale, -z, 1
    bends = np.zeros((4, 4, len(z)))  # of z
    bends[0, 2] = bends[2, 0] = -1 / scale
    bends[1, 2] = bends[2, 1] = 1 / scale
    bends[2, 2] = z
    return Jet(
        value=value,
        gradient=np.einsum("an,ain->in", by, moves),
        curvature=by[0] * bends + np.einsum("ain,abn,bjn->ijn", moves, twice, moves),
    )


def _differences(
    function: Callable[[Floats, Floats], Floats], z: Floats, q: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return value (n,), first (2, n) and second (2, 2, n) derivatives in z and q."""
    h, value = _STEP, function(z, q)
    by, twice = np.empty((2, len(z))), np.empty((2, 2, len(z)))
    for i, (a, b) in enumerate(((h, 0.0), (0.0, h))):
        far_below, below, above, far_above = (
            function(z + k * a, q + k * b) for k in (-2, -1, 1, 2)
        )
        by[i] = (far_below - 8 * below + 8 * above - far_above) / (12 * h)
        twice[i, i] = (-far_below + 16 * (below + above) - 30 * value - far_above) / (12 * h * h)
    corners = [function(z + a, q + b) for a in (-h, h) for b in (-h, h)]
    twice[0, 1] = twice[1, 0] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h * h)
    return value, by, twice


def _deviance(z: Floats, q: Floats) -> Floats:
    """Return (exp(q z) - 1 - q z) / q**2, which is z**2 / 2 at q = 0."""
    m = q * z
    near = np.abs(m) < 1e-2
    series = z * z * (1 / 2 + m * (1 / 6 + m * (1 / 24 + m * (1 / 120 + m * (1 / 720 + m / 5040)))))
    whole = (np.expm1(m) - m) / np.where(near, 1.0, q * q)
    return np.asarray(np.where(near, series, whole), dtype=float)


def _log_density(z: Floats, q: Floats) -> Floats:
    """Return the log density of W."""
    square = q * q
    shape = 1 / np.maximum(square, 1e-4)
    # What Stirling's formula lacks of log gamma(1 / q**2).
    stirling = (shape - 0.5) * np.log(shape) - shape + _LOG_ROOT_TWO_PI
    lack = special.gammaln(shape) - stirling
    series = square / 12 - square**3 / 360
    rest = np.where(square < 1e-2, series + square**5 / 1260, lack)
    return np.asarray(-_deviance(z, q) - _LOG_ROOT_TWO_PI - rest, dtype=float)


def _log_survival(z: Floats, q: Floats) -> Floats:
    """Return log P(W > z); -inf where it is below the smallest number."""
    near = np.abs(q) < _NEAR_NORMAL
    value = np.empty(z.shape)
    with np.errstate(all="ignore"):
        value[near], value[~near] = _near_normal(z[near], q[near]), _gamma(z[~near], q[~near])
    return value


def _gamma(z: Floats, q: Floats) -> Floats:
    shape = 1 / np.square(q)
    x = shape * np.exp(q * z)
    lower, upper = special.gammainc(shape, x), special.gammaincc(shape, x)
    above, below = np.where(q > 0, upper, lower), np.where(q > 0, lower, upper)
    return np.asarray(np.where(above > 0.5, np.log1p(-below), np.log(above)), dtype=float)


def _near_normal(z: Floats, q: Floats) -> Floats:
    """Return log P(W > z) for a small q.

    Source: Temme (1979), SIAM J. Math. Anal. 10:757-766, the first terms.
    """
    deviance = _deviance(z, q)
    y = np.sign(z) * np.sqrt(2 * deviance)
    e = q * y
    first = -1 / 3 + e * (1 / 12 + e * (-2 / 135 + e * (1 / 864 + e / 2835)))
    shift = q * (first + q * q * (-1 / 540 - e / 288))
    log_density = -deviance - _LOG_ROOT_TWO_PI
    log_normal = special.log_ndtr(-y)
    upper = log_normal + np.log1p(shift * np.exp(log_density - log_normal))
    lower = np.log1p(-(special.ndtr(y) - shift * np.exp(log_density)))
    return np.asarray(np.where(y < 0, lower, upper), dtype=float)
