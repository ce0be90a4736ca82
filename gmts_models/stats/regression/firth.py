"""Likelihoods with Firth's penalty: their maximum, profile limits and tests.

Half the log determinant of the information (Jeffreys' prior) is added to the log likelihood. This
takes most of the small-sample bias away, and keeps estimates finite where a column separates
those who have the event from the others. The penalised likelihood is far from quadratic there, so
limits and tests come from its profile, with the determinant of the whole information throughout.

Source: Firth (1993), Biometrika 80:27-38; Heinze & Schemper (2001), Biometrics 57:114-119 (Cox),
(2002), Statistics in Medicine 21:2409-2419 (logistic).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats

from gmts_models.errors import FitError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.intervals import check_level

_DONE = 1e-10  # length of the penalised score, in standard errors
_FEWER = "use fewer columns for so few events, or profile=False"
_MOST_STEPS, _MOST_HALVINGS, _MOST_TRIALS = 500, 40, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FirthPoint:
    """A penalised likelihood at one point.

    Attributes
    ----------
    log_likelihood : without the penalty.
    value : with it; -inf where the information is not positive definite.
    gradient : (p,) of `value`.
    information : (p, p), without the penalty.
    """

    log_likelihood: float
    value: float
    gradient: Floats
    information: Floats


Evaluate = Callable[[Floats], FirthPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirthFit:
    """A maximum of a likelihood with Firth's penalty.

    Attributes
    ----------
    coefficients : (p,).
    covariance : (p, p) inverse of the information at the maximum.
    lower, upper : (p,) profile limits; NaN where not asked for.
    statistic, p : (p,) penalised likelihood ratio test of each coefficient being 0; NaN
        where not asked for.
    overall_statistic, overall_df, overall_p : the same of all (but an intercept) together.
    log_likelihood, penalised_log_likelihood : at the maximum.
    penalised_log_likelihood_null : where all (but an intercept) are 0.
    score_length : length of the penalised score at the maximum, in standard errors.
    steps : Newton steps taken.
    level : of the limits.
    """

    coefficients: Floats
    covariance: Floats
    lower: Floats
    upper: Floats
    statistic: Floats
    p: Floats
    overall_statistic: float
    overall_df: int
    overall_p: float
    log_likelihood: float
    penalised_log_likelihood: float
    penalised_log_likelihood_null: float
    score_length: float
    steps: int
    level: float


def fit_firth(
    evaluate: Evaluate,
    names: Sequence[str],
    intercept: Bools,
    *,
    level: float = 0.95,
    profile: bool = True,
) -> FirthFit:
    """Maximise, and profile each coefficient.

    Parameters
    ----------
    evaluate : the penalised likelihood at (p,) coefficients.
    names : (p,) of the columns, for errors.
    intercept : (p,) bool, columns that the overall test leaves in.
    level : of the profile limits.
    profile : whether to find limits and tests of single coefficients.

    Raises
    ------
    InputError : the level is none.
    FitError : the search does not converge.
    """
    check_level(level)
    p = len(names)
    every = np.ones(p, dtype=bool)
    best = _climb(evaluate, np.zeros(p), every)
    null = _climb(evaluate, np.where(intercept, best.beta, 0.0), intercept)
    lower, upper, statistic = (np.full(p, np.nan) for _ in range(3))
    if profile:
        distance = float(stats.norm.isf((1 - level) / 2))
        for j in range(p):
            lower[j] = _limit(evaluate, best, j, -distance, names)
            upper[j] = _limit(evaluate, best, j, distance, names)
            statistic[j] = _twice_below(best, _constrain(evaluate, best, j, 0.0))
    overall, df = _twice_below(best, null), int((~intercept).sum())
    return FirthFit(
        coefficients=best.beta,
        covariance=_inverse(best.point.information),
        lower=lower,
        upper=upper,
        statistic=statistic,
        p=stats.chi2.sf(statistic, 1),
        overall_statistic=overall,
        overall_df=df,
        overall_p=float(stats.chi2.sf(overall, df)) if df else np.nan,
        log_likelihood=best.point.log_likelihood,
        penalised_log_likelihood=best.point.value,
        penalised_log_likelihood_null=null.point.value,
        score_length=best.left_over,
        steps=best.steps,
        level=level,
    )


def half_log_determinant(information: Floats) -> tuple[float, Floats]:
    """Return log |I| / 2 and the inverse of I; -inf and zeros where I is not positive definite."""
    size: Floats = np.sqrt(np.maximum(np.diag(information), 0.0))
    if not np.isfinite(information).all() or (size == 0).any():
        return -np.inf, np.zeros_like(information)
    try:
        factor = linalg.cho_factor(information / np.outer(size, size), lower=True)
    except linalg.LinAlgError:
        return -np.inf, np.zeros_like(information)
    value = float(np.log(np.diag(factor[0]) * size).sum())
    return value, linalg.cho_solve(factor, np.eye(len(size))) / np.outer(size, size)


def _inverse(information: Floats) -> Floats:
    return half_log_determinant(information)[1]


@dataclass(frozen=True, slots=True)
class _Maximum:
    """Where a search ended; `bend` is what the penalty was seen to add to the information."""

    beta: Floats
    point: FirthPoint
    bend: Floats
    left_over: float
    steps: int


def _climb(evaluate: Evaluate, start: Floats, free: Bools, bend: Floats | None = None) -> _Maximum:
    """Maximise over the free coefficients.

    Newton steps with the information plus `bend`, minus the second derivative of the penalty,
    which is learnt from how the score changes from step to step (the symmetric update of rank 1).
    """
    beta, point = start, evaluate(start)
    bend = np.zeros((len(beta), len(beta))) if bend is None else bend
    if not np.isfinite(point.value):
        raise FitError(
            "the information is not positive definite: columns are constant or sums of others",
            where="firth",
            fix="leave them out",
        )
    for steps in range(_MOST_STEPS):
        step, length = _step(point, bend, free)
        if length < _DONE:
            return _Maximum(beta, point, bend, length, steps)
        floor = point.value - 1e-13 * (1 + abs(point.value))
        for _ in range(_MOST_HALVINGS):
            trial = evaluate(beta + step)
            if trial.value >= floor:
                break
            step = step / 2
        else:
            if length < 1e-7:  # no climb is left that the digits of the likelihood would show
                return _Maximum(beta, point, bend, length, steps)
            break
        bend = _learn(bend, step, point.gradient - trial.gradient, trial.information)
        beta, point = beta + step, trial
    raise FitError("the search does not converge", where="firth", fix=_FEWER)


def _step(point: FirthPoint, bend: Floats, free: Bools) -> tuple[Floats, float]:
    """Return (p,) a step uphill, and the length of the score in standard errors."""
    inside = np.ix_(free, free)
    score, usual = point.gradient[free], _inverse(point.information[inside])
    value, inverse = half_log_determinant((point.information + bend)[inside])
    step = np.zeros(len(free))
    step[free] = (inverse if np.isfinite(value) else usual) @ score
    return step, float(np.sqrt(max(0.0, float(score @ usual @ score))))


def _learn(bend: Floats, step: Floats, fall: Floats, information: Floats) -> Floats:
    """Return `bend` such that with it the score falls over the step as it did."""
    missing = fall - (information + bend) @ step
    along = float(missing @ step)
    size = float(missing @ _inverse(information) @ missing) * float(step @ information @ step)
    if along**2 <= 1e-12 * size:
        return bend
    return bend + np.outer(missing, missing) / along


def _twice_below(best: _Maximum, other: _Maximum) -> float:
    return max(0.0, 2 * (best.point.value - other.point.value))


def _constrain(evaluate: Evaluate, near: _Maximum, j: int, value: float) -> _Maximum:
    """Maximise with coefficient j held, from where the others would go with it."""
    free = np.ones(len(near.beta), dtype=bool)
    free[j] = False
    start, move = near.beta.copy(), value - near.beta[j]
    start[j] = value
    information = near.point.information + near.bend
    drift = _inverse(information[np.ix_(free, free)]) @ information[free, j]
    guess = start.copy()
    guess[free] -= move * drift
    if np.isfinite(evaluate(guess).value):
        try:
            return _climb(evaluate, guess, free, near.bend)
        except FitError:  # too far for what was learnt nearby
            pass
    return _climb(evaluate, start, free)


def _limit(
    evaluate: Evaluate, best: _Maximum, j: int, distance: float, names: Sequence[str]
) -> float:
    """Find where the signed root of twice the fall of the profile is `distance`.

    Newton's method on that root, whose derivative is the j-th score over it, in a bracket.
    """
    error = float(np.sqrt(_inverse(best.point.information)[j, j]))
    side = np.sign(distance)
    inside, outside = best.beta[j], side * np.inf
    near, at = best, best.beta[j] + distance * error
    for _ in range(_MOST_TRIALS):
        near = _constrain(evaluate, near, j, at)
        root = np.sqrt(_twice_below(best, near))
        if root < abs(distance):
            inside = at
        else:
            outside = at
        slope = -float(near.point.gradient[j]) / root if root > 0 else np.nan
        following = at + (abs(distance) - root) / slope if slope else np.nan
        if abs(following - at) <= 1e-9 * error:
            return float(following)
        beyond = not side * inside < side * following < side * outside
        if beyond or abs(following - at) > 5 * abs(distance) * error:
            wide = 2 * distance * error
            following = (inside + outside) / 2 if np.isfinite(outside) else at + wide
        at = following
    raise FitError("a profile limit was not found", where=f"firth, {names[j]}", fix=_FEWER)
