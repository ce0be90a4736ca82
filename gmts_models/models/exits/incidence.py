"""What models of several causes share: the causes that were seen, and incidences with limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.outcome import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceInterval:
    """Incidences with limits, of n people at m horizons by k causes; NaN where not estimable.

    Attributes
    ----------
    horizons : (m,) months.
    causes : (k,) names.
    incidence, lower, upper : (n, m, k).
    level : of the limits, of each cause by itself.
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
        """Return a row a person, horizon and cause.

        Columns: row, horizon_months, cause, incidence, lower, upper.
        """
        n, m, k = self.incidence.shape
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n), m * k),
                "horizon_months": np.tile(np.repeat(self.horizons, k), n),
                "cause": np.tile(np.array(self.causes, dtype=object), n * m),
                "incidence": self.incidence.ravel(),
                "lower": self.lower.ravel(),
                "upper": self.upper.ravel(),
            }
        )


def causes_seen(event: Ints) -> tuple[tuple[int, ...], Ints]:
    """Return the causes (from 0) that anyone left for, and (n,) events numbered by them alone."""
    seen = np.unique(event[event > 0])
    return tuple(int(cause) - 1 for cause in seen), np.where(
        event > 0, 1 + np.searchsorted(seen, event), 0
    )


def of_all_causes(
    values: Floats, seen: tuple[int, ...], causes: int, *, absent: float = 0.0
) -> Floats:
    """Return (n, m, k) values of all causes from those (n, m, c) of the causes seen.

    A cause that nobody left for has `absent`, or NaN where the others are not estimable.
    """
    result = np.where(np.isnan(values[..., :1]), np.nan, absent)
    result = np.repeat(result, causes, axis=2)
    result[..., list(seen)] = values
    return result
