"""Information matrices of regressions: their solution, and why there is none."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from gmts_models.errors import FitError
from gmts_models.outcome import Floats

_COLLINEAR = 1e-12  # share of a column's sum of squares that the others leave
_BLOCK = 16_384  # rows


def refuse_collinear(X: Floats, weight: Floats, names: list[str]) -> None:
    """Raise FitError that names columns which are zero, or combinations of others."""
    gram = weighted_gram(X, weight)
    size = np.sqrt(np.diag(gram))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(size[:, None] * size > 0, gram / (size[:, None] * size), 0.0)
    _, pivot, rank, _ = linalg.lapack.dpstrf(scaled, tol=_COLLINEAR)
    if rank < len(names):
        without = ", ".join(names[j - 1] for j in sorted(pivot[rank:]))
        raise FitError(
            "some columns are zero or combinations of others",
            where=f"regression, {without}",
            fix="drop them",
        )


def weighted_gram(X: Floats, weight: Floats) -> Floats:
    """Return (p, p) the sum over rows of weight x x'."""
    gram = np.zeros((X.shape[1], X.shape[1]))
    for start in range(0, len(X), _BLOCK):  # what stays in cache is not written out and read again
        part = X[start : start + _BLOCK]
        gram += part.T @ (weight[start : start + _BLOCK, None] * part)
    return gram


def solve_positive(matrix: Floats, right: Floats) -> Floats:
    """Solve with a positive definite matrix, whatever the columns' units."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1 / np.sqrt(np.diag(matrix))
        scaled = matrix * scale[:, None] * scale
    column = scale if right.ndim == 1 else scale[:, None]
    try:
        factor = linalg.cho_factor(scaled)
    except (linalg.LinAlgError, ValueError):
        raise FitError(
            "the information matrix is not positive definite: the likelihood has no maximum",
            where="regression",
            fix="drop columns that tell exactly who has an event, or use Firth's penalty",
        ) from None
    return np.asarray(column * linalg.cho_solve(factor, column * right))


def no_maximum(moving: Floats, names: list[str]) -> FitError:
    """Return the error of separation; `moving` (p,) is how far each column still pulls."""
    far = np.abs(moving) > 0.1 * np.abs(moving).max()
    which = ", ".join(name for name, is_far in zip(names, far, strict=True) if is_far)
    return FitError(
        "the likelihood has no maximum: the data tell some outcomes exactly (separation)",
        where=f"regression, {which}",
        fix="drop or merge these columns, or use Firth's penalty",
    )
