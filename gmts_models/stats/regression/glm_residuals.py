"""How far a generalised linear model is from its rows, and from a model of nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats
from gmts_models.stats.regression.glm import (
    GLMFit,
    Link,
    check_glm,
    fit_glm,
    glm_terms,
    unit_deviance,
)


def null_deviance(
    y: npt.ArrayLike,
    *,
    link: Link,
    offset: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    intercept: bool = True,
) -> float:
    """Return the deviance of a model with nothing but an intercept (or not even that).

    Parameters are those of `fit_glm`. Agrees with ``glm(...)$null.deviance``.
    """
    ones = np.ones((np.size(y), 1))
    if intercept:
        return fit_glm(ones, y, link=link, offset=offset, weights=weights).deviance
    _, outcome, shift, weight = check_glm(ones, y, link, offset, weights)
    return float(weight @ unit_deviance(link, outcome, glm_terms(link, shift, outcome).mean))


def deviance_residuals(
    fit: GLMFit, y: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Return (n,) signed roots of each row's part of the deviance, as ``resid(fit)`` of R."""
    outcome = np.asarray(y, dtype=float)
    part = np.maximum(unit_deviance(fit.link, outcome, fit.mean), 0)
    weight = 1.0 if weights is None else np.asarray(weights, dtype=float)
    return np.asarray(np.sign(outcome - fit.mean) * np.sqrt(weight * part))


def pearson_residuals(
    fit: GLMFit, y: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Return (n,) differences in standard deviations, as ``resid(fit, type = "pearson")`` of R."""
    outcome = np.asarray(y, dtype=float)
    variance = fit.mean if fit.link == "log" else fit.mean * (1 - fit.mean)
    weight = 1.0 if weights is None else np.asarray(weights, dtype=float)
    return np.asarray((outcome - fit.mean) * np.sqrt(weight / variance))
