"""Generalised linear models of counts and of yes or no: Poisson, logistic, complementary log-log.

Rates (``rates.py``) and discrete hazards (``discrete_hazard.py``) are fitted with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, assert_never, get_args

import numpy as np
import numpy.typing as npt
from scipy import special

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.options import check_option, column_names
from gmts_models.stats.regression.information import (
    no_maximum,
    refuse_collinear,
    solve_positive,
    weighted_gram,
)
from gmts_models.stats.rows import read_matrix, read_numbers

Link = Literal["log", "logit", "cloglog"]
"""The link, which fixes the family: "log" is Poisson's, "logit" and "cloglog" are binomial."""

_MAX_STEPS = 60
_DONE = 1e-18  # Newton decrement: the next step is within 1e-9 standard errors


@dataclass(frozen=True, slots=True, kw_only=True)
class GLMFit:
    """A generalised linear model at its maximum likelihood.

    Attributes
    ----------
    coefficients : (p,) float.
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

    coefficients: Floats
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


@on_one_thread
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
    labels = column_names(X.shape[1], names)
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
    covariance = solve_positive(weighted_gram(X, weight * terms.information), np.eye(len(coef)))
    if link == "cloglog":
        _refuse_underflow(X[weight > 0], coef, covariance, labels)
    return GLMFit(
        coefficients=coef,
        covariance=covariance,
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
        rows = sum_by_cluster(rows, np.unique(labels, return_inverse=True)[1].astype(np.int64))
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
    check_option(link, get_args(Link), "link", "fit_glm")
    outcome = read_numbers(y, "y", "fit_glm")
    n = len(outcome)
    design = read_matrix(X, n, "fit_glm")
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    weight = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    if 0 in design.shape:
        raise InputError("X must have rows and columns", where="fit_glm, X")
    for name, part in (("offset", shift), ("weights", weight)):
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


def unit_deviance(link: Link, y: Floats, mean: Floats) -> Floats:
    """Return (n,) each row's part of the deviance."""
    fitted = special.xlogy(y, mean)
    if link == "log":
        return np.asarray(2 * (special.xlogy(y, y) - fitted - (y - mean)))
    full = special.xlogy(y, y) + special.xlogy(1 - y, 1 - y)
    return np.asarray(2 * (full - fitted - special.xlog1py(1 - y, -mean)))


def _refuse_underflow(X: Floats, coef: Floats, covariance: Floats, names: list[str]) -> None:
    """Refuse a stop where all leave: there 1 - mean vanishes so fast that steps look small."""
    std_err = np.sqrt(np.einsum("ij,jk,ik->i", X, covariance, X, optimize=True))
    if (std_err > 20 + np.abs(X @ coef)).any():
        raise no_maximum(np.sqrt(np.diag(covariance)) * np.abs(X).max(axis=0), names)
