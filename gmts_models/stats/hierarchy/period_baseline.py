"""Baselines of hazards of periods, as plain data: stepped or smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmts_models.outcome import Floats


@dataclass(frozen=True, slots=True)
class SteppedBaseline:
    """A hazard of its own in each band of periods.

    Attributes
    ----------
    ends : last period of each band but the last, increasing: (12, 24) are three bands.
    """

    ends: tuple[int, ...] = (12, 24)

    def __call__(self, periods: Floats) -> Floats:
        """Return (q, b) 1 in the band of each period (q,)."""
        band = np.searchsorted(np.asarray(self.ends, dtype=float), periods, side="left")
        return np.eye(len(self.ends) + 1)[band]


@dataclass(frozen=True, slots=True)
class SmoothBaseline:
    """A curve on the link's scale: a natural cubic spline, straight beyond the outer knots.

    Attributes
    ----------
    knots : periods, increasing, two at least: two are a straight line.
    """

    knots: tuple[float, ...] = (1.0, 12.0, 24.0, 36.0)

    def __call__(self, periods: Floats) -> Floats:
        """Return (q, b) an intercept, a line, and a column for each inner knot.

        Source: Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, 5.2.1.
        """
        knots = np.asarray(self.knots, dtype=float)
        span = knots[-1] - knots[0]
        at, where = (np.asarray(periods, dtype=float) - knots[0]) / span, (knots - knots[0]) / span

        def bend(j: int) -> Floats:
            cubes = np.maximum(at - where[j], 0.0) ** 3 - np.maximum(at - 1.0, 0.0) ** 3
            return np.asarray(cubes / (1.0 - where[j]), dtype=float)

        last = bend(len(knots) - 2)
        inner = [bend(j) - last for j in range(len(knots) - 2)]
        return np.column_stack([np.ones_like(at), at, *inner])
