"""The linear regression that a missing value is drawn from, with its own uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Floats, Ints

PRIOR = 1.0
"""Prior precision of the slope of a standardised column, in units of the residual's: the weight of
one row. It leaves slopes alone (1 / n), and keeps sums of other columns and few rows solvable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Regression of the q columns of a block on the others, all within one (n, p) matrix.

    Attributes
    ----------
    centre : (p,) means of the rows learned from.
    slopes : (p, q) posterior means; 0 for the block's own columns.
    drawn_slopes, drawn_level : (p, q), (q,) one draw from the posterior of slopes and of the level
        at `centre`.
    noise : (q, q) square root of the drawn residual covariance.
    """

    centre: Floats
    slopes: Floats
    drawn_slopes: Floats
    drawn_level: Floats
    noise: Floats

    def means(self, rows: Floats) -> Floats:
        """Return (r, q) posterior means of (r, p) rows."""
        return (rows - self.centre) @ self.slopes

    def drawn_means(self, rows: Floats) -> Floats:
        """Return (r, q) means of (r, p) rows by the draw."""
        return self.drawn_level + (rows - self.centre) @ self.drawn_slopes


def draw_regression(
    rows: Floats, block: Ints, others: Ints, rng: np.random.Generator
) -> Regression:
    """Fit the block's columns to the others, and draw from the posterior.

    Parameters
    ----------
    rows : (n, p) standardised columns without gaps, n >= 1.
    block : (q,) columns to be explained.
    others : (r,) columns that explain; r may be 0.
    rng : of the draw.

    Notes
    -----
    Normal errors, a flat prior for the level and the residual covariance, and `PRIOR` for slopes.
    The draw is of all coefficients together, so that it is one for all rows that it is used for.

    Source: Rubin (1987), Multiple Imputation for Nonresponse in Surveys, 5.3.
    """
    n, p = rows.shape
    centre = rows.mean(axis=0)
    away = rows - centre
    cross = away.T @ away
    lower = np.linalg.cholesky(cross[np.ix_(others, others)] + PRIOR * np.eye(len(others)))
    inverse = np.linalg.inv(lower)
    slopes = np.zeros((p, len(block)))
    slopes[others] = inverse.T @ (inverse @ cross[np.ix_(others, block)])
    residual = away[:, block] - away @ slopes
    used = 1 + len(others) - PRIOR * float(np.square(inverse).sum())
    df = max(n - used, 1.0)
    root = _square_root(residual.T @ residual / rng.chisquare(df))
    drawn = slopes.copy()
    drawn[others] += inverse.T @ (rng.standard_normal((len(others), len(block))) @ root)
    level = centre[block] + rng.standard_normal(len(block)) @ root / np.sqrt(n)
    return Regression(
        centre=centre,
        slopes=slopes,
        drawn_slopes=drawn,
        drawn_level=level,
        noise=root,
    )


def _square_root(covariance: Floats) -> Floats:
    """Return the symmetric root of a covariance, which may be singular."""
    if covariance.shape == (1, 1):
        return np.sqrt(covariance)
    value, vector = np.linalg.eigh(covariance)
    return np.asarray((vector * np.sqrt(np.clip(value, 0, None))) @ vector.T, dtype=float)
