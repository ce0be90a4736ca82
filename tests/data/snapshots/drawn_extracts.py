"""Extracts of people whose true histories are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

MONTHS = 48
RATE = 0.02
FIRST = np.datetime64("2016-01", "M")


def presence(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw starts (whole months), stays (exponential) and who is seen on the 1st of each month.

    Each year a person may be away for one or two snapshots, and is then back; only absences that
    end before the person leaves are drawn, so that the truth is plain.
    """
    start = rng.integers(-36, MONTHS, n)
    left = start + rng.exponential(1 / RATE, n)
    when = np.arange(MONTHS + 12)
    there = (when >= start[:, None]) & (when < left[:, None])
    seen = there.copy()
    who = np.arange(n)
    for year in range(0, MONTHS, 12):
        begin, length = year + rng.integers(8, 12, n), rng.integers(1, 3, n)
        away = (rng.random(n) < 0.4) & there[who, begin - 1] & there[who, begin + length]
        seen[who[away], begin[away]] = False
        longer = away & (length == 2)
        seen[who[longer], begin[longer] + 1] = False
    return start, left, seen[:, :MONTHS]


def extract(start: np.ndarray, seen: np.ndarray, first_id: int = 0) -> pd.DataFrame:
    """Return the rows of the extracts: a row for each person seen on each date."""
    who, when = np.nonzero(seen)
    return pd.DataFrame(
        {
            "trainee_id": who + first_id,
            "snapshot_date": (FIRST + when).astype("datetime64[D]"),
            "start_date": (FIRST + start[who]).astype("datetime64[D]"),
        }
    )
