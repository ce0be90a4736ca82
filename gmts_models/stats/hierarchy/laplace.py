"""The penalised mode at given standard deviations, and Laplace's approximation around it.

Effects b of a term are drawn to 0 by b^2 / (2 sd^2). In u = b / sd the penalty stays of one size
for every sd, so that sd = 0 is no special case: it is the fit without the term.

Source: Breslow & Clayton (1993), JASA 88:9-25; Ripatti & Palmgren (2000), Biometrics 56:1016-1022;
Tierney & Kadane (1986), JASA 81:82-86.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import lapack

from gmts_models.errors import FitError
from gmts_models.outcome import Floats, Ints

_MOST_STEPS, _MOST_HALVINGS = 60, 30
_LAST_STEP = 1e-6
"""Length of a Newton step, in standard errors, after which nothing is evaluated again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A log likelihood at one point.

    Attributes
    ----------
    at : (q,) the parameters.
    value : log likelihood.
    gradient : (q,).
    information : (q, q), minus the second derivative.
    """

    at: Floats
    value: float
    gradient: Floats
    information: Floats


class LogLikelihood(Protocol):
    """A concave log (partial) likelihood of q parameters."""

    def evaluate(self, at: Floats) -> Evaluation:
        """Return value and derivatives at (q,) parameters."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the q parameters are.

    Attributes
    ----------
    component : (q,) int, the term whose effect each is; -1 = none, a coefficient.
    ridge : (q,) penalty on coefficients, as for `fit_cox`; 0 for effects.
    """

    component: Ints
    ridge: Floats

    def scale(self, sd: Floats) -> Floats:
        """Return (q,) the parameter per unit of u: 1 for a coefficient."""
        return np.append(sd, 1.0)[self.component]

    @property
    def precision(self) -> Floats:
        """(q,) of u under the prior; 0 = a flat one."""
        return np.where(self.component >= 0, 1.0, self.ridge)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaplaceFit:
    """The posterior given the standard deviations, approximately normal.

    Attributes
    ----------
    sd : (k,) of the terms.
    mode : (q,) penalised maximum.
    log_marginal : log likelihood with all parameters integrated out, flat priors as 1.
    near : evaluation near the mode; there is what is needed to go on from.
    scaled : (q, q) information with the penalty, in u.
    scale : (q,) of u.
    """

    sd: Floats
    mode: Floats
    log_marginal: float
    near: Evaluation
    scaled: Floats
    scale: Floats

    def covariance_scaled(self) -> Floats:
        """Return (q, q) covariance of the u."""
        return _solve(_factor(self.scaled), np.eye(len(self.scaled)))


def laplace_fit(model: LogLikelihood, layout: Layout, sd: Floats, near: Evaluation) -> LaplaceFit:
    """Maximise the penalised likelihood at standard deviations `sd` (k,).

    `near` is an evaluation anywhere, best at the mode for other standard deviations: the first
    step, from its derivatives, then costs nothing and is nearly all of the way.
    """
    scale, precision = layout.scale(sd), layout.precision
    u, value = None, -np.inf
    for _ in range(_MOST_STEPS):
        scaled = near.information * np.outer(scale, scale)
        scaled[np.diag_indices_from(scaled)] += precision
        factor = _factor(scaled)
        pull = scale * (near.information @ near.at + near.gradient)
        best = _solve(factor, pull)
        if u is not None:
            step = best - u
            if np.sqrt(max(0.0, float(step @ scaled @ step))) < _LAST_STEP:
                return _fit(sd, best, near, scaled, factor, scale, precision)
        near, u, value = _climb(model, u, best, value, scale, precision)
    raise FitError("the penalised fit does not converge", where="partial pooling")


def _factor(scaled: Floats) -> Floats:
    """Return Cholesky's factor; straight by LAPACK, as the checks around it cost more than it."""
    factor, failed = lapack.dpotrf(scaled, lower=1)
    if failed or not np.isfinite(factor[-1:, -1:]).all():
        raise FitError(
            "the information about the coefficients is not positive",
            where="partial pooling",
            fix="look for columns that are sums of others, also of the groups; or add a penalty",
        )
    return np.asarray(factor, dtype=float)


def _solve(factor: Floats, right: Floats) -> Floats:
    return np.asarray(lapack.dpotrs(factor, right, lower=1)[0], dtype=float)


def _climb(
    model: LogLikelihood,
    u: Floats | None,
    best: Floats,
    value: float,
    scale: Floats,
    precision: Floats,
) -> tuple[Evaluation, Floats, float]:
    """Go from u to `best`, or as much of the way as climbs; from nowhere, to anywhere finite."""
    begin = np.zeros_like(best) if u is None else u
    step = best - begin
    for _ in range(_MOST_HALVINGS):
        trial = begin + step
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = model.evaluate(trial * scale)
            reached = found.value - float(precision @ trial**2) / 2
        climbs = reached >= value - 1e-11 * abs(value) if u is not None else np.isfinite(reached)
        if climbs and np.isfinite(found.information).all():
            return found, trial, reached
        step = step / 2
    raise FitError("the penalised fit does not converge", where="partial pooling")


def _fit(
    sd: Floats,
    u: Floats,
    near: Evaluation,
    scaled: Floats,
    factor: Floats,
    scale: Floats,
    precision: Floats,
) -> LaplaceFit:
    mode = u * scale
    rest = mode - near.at
    value = near.value + float(near.gradient @ rest - rest @ near.information @ rest / 2)
    half_log_determinant = float(np.log(np.diag(factor)).sum())
    return LaplaceFit(
        sd=sd,
        mode=mode,
        log_marginal=value - float(precision @ u**2) / 2 - half_log_determinant,
        near=near,
        scaled=scaled,
        scale=scale,
    )
