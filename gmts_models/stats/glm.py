"""Generalised linear models of counts and of yes or no: Poisson, logistic, complementary log-log.

Rates (``rates.py``) and discrete hazards (``discrete_hazard.py``) are fitted with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never

import numpy as np
import numpy.typing as npt
from scipy import linalg, special

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Bools, Floats

Link = Literal["log", "logit", "cloglog"]
"""The link, which fixes the family: "log" is Poisson's, "logit" and "cloglog" are binomial."""

_MAX_STEPS = 60
_DONE = 1e-18  # Newton decrement: the next step is within 1e-9 standard errors
_COLLINEAR = 1e-12  # share of a column's sum of squares that the others leave


@dataclass(frozen=True, slots=True, kw_only=True)
class GLMFit:
    """A generalised linear model at its maximum likelihood.

    Attributes
    ----------
    coef : (p,) float.
    covariance : (p, p) float, inverse of the expected information.
    linear_predictor : (n,) float, offset included.
    mean : (n,) float, expected count or probability.
    score : (n, p) float, each row's share of the score, case weight included: sums to 0.
    log_likelihood : float; the binomial one is without binomial coefficients.
    deviance : float.
    df_residual : rows of positive weight less p.
    steps : Fisher scoring steps that it took.
    link : as given.
    """

    coef: Floats
    covariance: Floats
    linear_predictor: Floats
    mean: Floats
    score: Floats
    log_likelihood: float
    deviance: float
    df_residual: int
    steps: int
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class GLMTerms:
    """What each row contributes at a linear predictor; all (n,), case weights not included.

    Attributes
    ----------
    mean : expected count or probability.
    score : derivative of `log_likelihood` by the linear predictor.
    information : minus the expected second derivative (the working weight).
    log_likelihood : log density of the outcome, without binomial coefficients.
    """

    mean: Floats
    score: Floats
    information: Floats
    log_likelihood: Floats


def fit_glm(
    X: Floats,
    y: npt.ArrayLike,
    *,
    link: Link,
    offset: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> GLMFit:
    """Fit a Poisson or binomial regression by Fisher scoring.

    Parameters
    ----------
    X : (n, p) float, the whole design: a column of ones is the intercept.
    y : (n,) counts >= 0 for "log", else 0 and 1 (or shares of `weights` trials, in [0, 1]).
    link : "log" (Poisson), "logit" or "cloglog" (binomial).
    offset : (n,) float, added to the linear predictor; default 0.
    weights : (n,) float >= 0, times that a row counts; default 1.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : lengths differ, a value is missing or out of range.
    FitError : columns are collinear, or the likelihood has no maximum (separation: some
        combination of columns tells exactly who has an event).

    Source: McCullagh & Nelder (1989), Generalized Linear Models. Agrees with
    ``glm(y ~ 0 + X, family, offset = offset, weights = weights)`` at a small ``epsilon``.
    """
    X, outcome, shift, weight = check_glm(X, y, link, offset, weights)
    labels = [f"column {j}" for j in range(X.shape[1])] if names is None else list(names)
    refuse_collinear(X, weight, labels)
    coef = _start(X, outcome, shift, weight, link)
    terms = glm_terms(link, X @ coef + shift, outcome)
    for steps in range(1, _MAX_STEPS + 1):
        score = X.T @ (weight * terms.score)
        step = solve_positive(weighted_gram(X, weight * terms.information), score)
        decrement = float(score @ step)
        coef, terms, moved = _climb(X, outcome, shift, weight, link, coef, step, terms)
        if decrement < _DONE or (not moved and decrement < 1e-8):
            break
        change = np.abs(X[weight > 0] @ step).max()
        if not moved or (steps >= 12 and decrement < 1e-4 and change > 0.5):
            raise no_maximum(step * np.abs(X).max(axis=0), labels)
    else:
        raise no_maximum(step * np.abs(X).max(axis=0), labels)
    identity = np.eye(len(coef))
    return GLMFit(
        coef=coef,
        covariance=solve_positive(weighted_gram(X, weight * terms.information), identity),
        linear_predictor=X @ coef + shift,
        mean=terms.mean,
        score=X * (weight * terms.score)[:, None],
        log_likelihood=float(weight @ terms.log_likelihood),
        deviance=float(weight @ unit_deviance(link, outcome, terms.mean)),
        df_residual=int((weight > 0).sum()) - len(coef),
        steps=steps,
        link=link,
    )


def glm_terms(link: Link, linear_predictor: Floats, y: Floats) -> GLMTerms:
    """Return each row's mean, score, information and log likelihood at a linear predictor.

    Parameters
    ----------
    link : as in `fit_glm`.
    linear_predictor, y : (n,) float.
    """
    eta = linear_predictor
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        match link:
            case "log":
                mean = np.exp(eta)
                score, information = y - mean, mean
                log_likelihood = y * eta - mean - special.gammaln(y + 1)
            case "logit":
                mean = special.expit(eta)
                score, information = y - mean, mean * special.expit(-eta)
                log_likelihood = y * eta - np.logaddexp(0, eta)
            case "cloglog":
                hazard = np.exp(eta)
                mean = -np.expm1(-hazard)
                odds = np.where(hazard > 0, hazard / np.expm1(hazard), 1.0)
                score, information = y * odds - (1 - y) * hazard, hazard * odds
                log_likelihood = special.xlogy(y, mean) - (1 - y) * hazard
            case _:
                assert_never(link)
    return GLMTerms(mean=mean, score=score, information=information, log_likelihood=log_likelihood)


class Scored(Protocol):
    """A fit by maximum likelihood, with what each row pulls."""

    @property
    def covariance(self) -> Floats:
        """(p, p) inverse information."""
        ...

    @property
    def score(self) -> Floats:
        """(n, p) each row's share of the score."""
        ...


def robust_covariance(fit: Scored, clusters: npt.ArrayLike | None = None) -> Floats:
    """Return the (p, p) sandwich covariance, which holds under a wrong variance or repeated rows.

    Parameters
    ----------
    fit : of `fit_glm` or `fit_multinomial`.
    clusters : (n,) labels of people (or larger clusters) whose rows may depend on each other;
        default each row its own.

    Source: Huber (1967); Liang & Zeger (1986), Biometrika 73:13-22. Agrees with
    ``sandwich::vcovCL(fit, cluster, type = "HC0", cadjust = FALSE)``.
    """
    rows = fit.score
    if clusters is not None:
        labels = np.asarray(clusters)
        if labels.shape != (len(rows),):
            raise InputError(
                f"the fit has {len(rows)} rows, clusters has shape {labels.shape}",
                where="robust_covariance, clusters",
            )
        code = np.unique(labels, return_inverse=True)[1]
        rows = np.stack([np.bincount(code, weights=column) for column in rows.T], axis=1)
    half = rows @ fit.covariance
    return np.asarray(half.T @ half)


def mean_of(link: Link, linear_predictor: Floats) -> Floats:
    """Return the expected count or probability at a linear predictor, of the same shape."""
    eta = np.asarray(linear_predictor, dtype=float)
    return glm_terms(link, eta, np.zeros_like(eta)).mean


def check_glm(
    X: Floats,
    y: npt.ArrayLike,
    link: Link,
    offset: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return X, y, offset and weights as arrays, or raise InputError."""
    design, outcome = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    n = len(outcome)
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    weight = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    if design.ndim != 2 or n == 0 or design.shape[1] == 0:
        raise InputError("X must have rows and columns", where="fit_glm, X")
    for name, part in (("y", outcome), ("offset", shift), ("weights", weight)):
        if part.shape != (len(design),):
            raise InputError(
                f"X has {len(design)} rows, {name} has shape {part.shape}", where="fit_glm"
            )
    bad: Bools = ~np.isfinite(outcome + shift + weight) | ~np.isfinite(design).all(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} row(s) hold a value that is missing or infinite",
            where=f"fit_glm, first at row {int(np.argmax(bad))}",
        )
    if (weight < 0).any() or not weight.any():
        raise InputError("weights must be >= 0, and not all 0", where="fit_glm, weights")
    if (outcome < 0).any() or (link != "log" and (outcome > 1).any()):
        what = "a count below 0" if link == "log" else "an outcome outside 0 to 1"
        raise InputError(f"y holds {what}", where="fit_glm, y")
    return design, outcome, shift, weight


def refuse_collinear(X: Floats, weight: Floats, names: list[str]) -> None:
    """Raise FitError that names columns which are zero, or combinations of those before them."""
    gram = weighted_gram(X, weight)
    size = np.sqrt(np.diag(gram))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(size[:, None] * size > 0, gram / (size[:, None] * size), 0.0)
    _, pivot, rank, _ = linalg.lapack.dpstrf(scaled, tol=_COLLINEAR)
    if rank < len(names):
        without = ", ".join(names[j - 1] for j in sorted(pivot[rank:]))
        raise FitError(
            "some columns are zero or combinations of others",
            where=f"fit_glm, {without}",
            fix="drop them",
        )


def _start(X: Floats, y: Floats, offset: Floats, weight: Floats, link: Link) -> Floats:
    """Regress a first guess of the linear predictor, taken from y alone, on the columns."""
    match link:
        case "log":
            mean = y + 0.1
            eta, spread = np.log(mean), mean
        case "logit":
            mean = (weight * y + 0.5) / (weight + 1)
            eta, spread = special.logit(mean), mean * (1 - mean)
        case "cloglog":
            mean = (weight * y + 0.5) / (weight + 1)
            eta = np.log(-np.log1p(-mean))
            spread = glm_terms(link, eta, y).information
        case _:
            assert_never(link)
    terms = glm_terms(link, eta, y)
    target = spread * (eta - offset) + terms.score
    return solve_positive(weighted_gram(X, weight * spread), X.T @ (weight * target))


def _climb(
    X: Floats,
    y: Floats,
    offset: Floats,
    weight: Floats,
    link: Link,
    coef: Floats,
    step: Floats,
    terms: GLMTerms,
) -> tuple[Floats, GLMTerms, bool]:
    """Take the step, halved until the likelihood does not fall; say whether that was possible."""
    now = float(weight @ terms.log_likelihood)
    for _ in range(30):
        new = glm_terms(link, X @ (coef + step) + offset, y)
        value = float(weight @ new.log_likelihood)
        if value >= now - 1e-12 * (1 + abs(now)):  # NaN fails
            return coef + step, new, True
        step = step / 2
    return coef, terms, False


def weighted_gram(X: Floats, weight: Floats) -> Floats:
    """Return (p, p) the sum over rows of weight x x'."""
    return np.asarray(X.T @ (weight[:, None] * X))


def solve_positive(matrix: Floats, right: Floats) -> Floats:
    """Solve with a positive definite matrix, whatever the columns' units."""
    scale = 1 / np.sqrt(np.diag(matrix))
    column = scale if right.ndim == 1 else scale[:, None]
    try:
        factor = linalg.cho_factor(matrix * scale[:, None] * scale)
    except (linalg.LinAlgError, ValueError):
        raise FitError(
            "the information matrix is not positive definite: the likelihood has no maximum",
            where="fit_glm",
            fix="drop columns that tell exactly who has an event, or use Firth's penalty",
        ) from None
    return np.asarray(column * linalg.cho_solve(factor, column * right))


def unit_deviance(link: Link, y: Floats, mean: Floats) -> Floats:
    """Return (n,) each row's part of the deviance."""
    fitted = special.xlogy(y, mean)
    if link == "log":
        return np.asarray(2 * (special.xlogy(y, y) - fitted - (y - mean)))
    full = special.xlogy(y, y) + special.xlogy(1 - y, 1 - y)
    return np.asarray(2 * (full - fitted - special.xlog1py(1 - y, -mean)))


def no_maximum(moving: Floats, names: list[str]) -> FitError:
    """Return the error of separation; `moving` (p,) is how far each column still pulls."""
    far = np.abs(moving) > 0.1 * np.abs(moving).max()
    which = ", ".join(name for name, is_far in zip(names, far, strict=True) if is_far)
    return FitError(
        "the likelihood has no maximum: the data tell some outcomes exactly (separation)",
        where=f"fit_glm, {which}",
        fix="drop or merge these columns, or use Firth's penalty",
    )
