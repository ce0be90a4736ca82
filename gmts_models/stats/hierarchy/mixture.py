"""Quantiles and means of mixtures of normals."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from gmts_models.outcome import Floats

_STEPS = 40
_PRECISION = 1e-9
_SMALLEST = 1e-100
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(11)


def mixture_moments(mean: Floats, std_err: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation, both (...), of mixtures.

    Parameters
    ----------
    mean, std_err : (t, ...).
    share : (t,) that sum to 1.
    """
    centre = np.tensordot(share, mean, 1)
    square = np.tensordot(share, std_err**2 + (mean - centre) ** 2, 1)
    return centre, np.sqrt(square)


def mixture_quantile(mean: Floats, std_err: Floats, share: Floats, q: float) -> Floats:
    """Return (...) quantiles of mixtures, by Newton's method on the normal score.

    On that scale the distribution function is nearly a straight line, so that few steps suffice;
    one that leaves the bracket is replaced by halving it.
    """
    shape = mean.shape[1:]
    centre, spread = mixture_moments(mean, std_err, share)
    m, s = mean.reshape(len(share), -1), std_err.reshape(len(share), -1)
    score = float(ndtri(q))
    each = m + score * s
    low, high = each.min(axis=0), each.max(axis=0)
    s = np.where(s > 0, s, _SMALLEST)
    at = np.clip((centre + score * spread).ravel(), low, high)
    left = np.flatnonzero(high > low)
    for _ in range(_STEPS):
        if not len(left):
            break
        x = at[left]
        z = (x - m[:, left]) / s[:, left]
        below = share @ ndtr(z)
        density = share @ (np.exp(-(z**2) / 2) / s[:, left]) / np.sqrt(2 * np.pi)
        low[left], high[left] = (
            np.where(below < q, x, low[left]),
            np.where(below < q, high[left], x),
        )
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            here = ndtri(below)
            slope = density * np.sqrt(2 * np.pi) * np.exp(here**2 / 2)
            new = x - (here - score) / slope
        inside = (new >= low[left]) & (new <= high[left])  # NaN is not
        new = np.where(inside, new, (low[left] + high[left]) / 2)
        at[left] = new
        left = left[np.abs(new - x) > _PRECISION * (1 + np.abs(new))]
    return at.reshape(shape)


def mean_risk(mean: Floats, variance: Floats, share: Floats) -> Floats:
    """Return (...) the mean of 1 - exp(-exp(h)) for h in mixtures of normals (t, ...)."""
    spread = np.sqrt(variance)
    total = np.zeros(mean.shape[1:])
    with np.errstate(over="ignore"):
        for point, weight in zip(_POINTS, _WEIGHTS / _WEIGHTS.sum(), strict=True):
            total -= weight * np.tensordot(share, np.expm1(-np.exp(mean + point * spread)), 1)
    return total
