"""The linear regressions that missing values are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Floats, Ints

PRIOR = 1.0
"""Prior precision of the slope of a standardised column, in units of the residual's: the weight of
one row. It leaves slopes alone (1 / n), and keeps sums of other columns and few rows solvable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slopes:
    """Posterior means of a regression of the q columns of a block on the others of (n, p) rows.

    Attributes
    ----------
    centre : (p,) means of the rows learned from.
    slopes : (p, q); 0 for the block's own columns.
    root : (r, r) R with R' R the inverse of the penalised cross-product of the r others.
    residual : (n, q) of the rows learned from.
    """

    centre: Floats
    slopes: Floats
    root: Floats
    residual: Floats

    def means(self, rows: Floats) -> Floats:
        """Return (r, q) predictions for (r, p) rows, as distances from the block's centre."""
        return (rows - self.centre) @ self.slopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A draw from the posterior of such a regression.

    Attributes
    ----------
    centre : (p,) means of the rows learned from.
    slopes, level : (p, q), (q,) slopes, and the block's means at `centre`.
    noise : (q, q) square root of the residual covariance.
    """

    centre: Floats
    slopes: Floats
    level: Floats
    noise: Floats

    def means(self, rows: Floats) -> Floats:
        """Return (r, q) means of the block for (r, p) rows."""
        return self.level + (rows - self.centre) @ self.slopes


def fit_slopes(rows: Floats, block: Ints, others: Ints) -> Slopes:
    """Regress the block's columns on the others.

    Parameters
    ----------
    rows : (n, p) standardised columns without gaps, n >= 1.
    block : (q,) columns to be explained.
    others : (r,) columns that explain; r may be 0.
    """
    centre = rows.mean(axis=0)
    away = rows - centre
    cross = away.T @ away
    lower = np.linalg.cholesky(cross[np.ix_(others, others)] + PRIOR * np.eye(len(others)))
    root = np.linalg.inv(lower)
    slopes = np.zeros((rows.shape[1], len(block)))
    slopes[others] = root.T @ (root @ cross[np.ix_(others, block)])
    return Slopes(centre=centre, slopes=slopes, root=root, residual=away[:, block] - away @ slopes)


def draw_regression(
    rows: Floats, block: Ints, others: Ints, rng: np.random.Generator
) -> Regression:
    """Fit as `fit_slopes`, and draw from the posterior.

    Parameters
    ----------
    rows, block, others : as in `fit_slopes`.
    rng : of the draw.

    Notes
    -----
    Normal errors, a flat prior for the level and the residual covariance, and `PRIOR` for slopes.

    Source: Rubin (1987), Multiple Imputation for Nonresponse in Surveys, 5.3.
    """
    fit = fit_slopes(rows, block, others)
    n = len(rows)
    used = 1 + len(others) - PRIOR * float(np.square(fit.root).sum())
    spread = fit.residual.T @ fit.residual / rng.chisquare(max(n - used, 1.0))
    noise = _square_root(spread)
    slopes = fit.slopes.copy()
    slopes[others] += fit.root.T @ (rng.standard_normal((len(others), len(block))) @ noise)
    level = fit.centre[block] + rng.standard_normal(len(block)) @ noise / np.sqrt(n)
    return Regression(centre=fit.centre, slopes=slopes, level=level, noise=noise)


def _square_root(covariance: Floats) -> Floats:
    """Return the symmetric root of a covariance, which may be singular."""
    if covariance.shape == (1, 1):
        return np.sqrt(covariance)
    value, vector = np.linalg.eigh(covariance)
    return np.asarray((vector * np.sqrt(np.clip(value, 0, None))) @ vector.T, dtype=float)
