"""Incidences by cause with limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.outcome import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceInterval:
    """Incidences with limits, of n people at m horizons from k causes; NaN where not estimable.

    Attributes
    ----------
    horizons : (m,) months.
    causes : (k,) names.
    incidence, lower, upper : (n, m, k). They are about the person's probability of having left
        for the cause, not about whether the person leaves; each interval is of one cause.
    level : of the limits.
    method : how the limits were made.
    """

    horizons: Floats
    causes: tuple[str, ...]
    incidence: Floats
    lower: Floats
    upper: Floats
    level: float
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return row, horizon_months, cause, incidence, lower, upper; long."""
        n, m, k = self.incidence.shape
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n), m * k),
                "horizon_months": np.tile(np.repeat(self.horizons, k), n),
                "cause": list(self.causes) * (n * m),
                "incidence": self.incidence.ravel(),
                "lower": self.lower.ravel(),
                "upper": self.upper.ravel(),
            }
        )
