"""How dates become months. The convention of the package, stated here once.

The time from a start date to a later date is the number of whole calendar months between them
plus the fraction of the month begun. So every anniversary is an integer, whatever the length of
the months between, and people of one cohort who leave on the same day of service tie. An
anniversary that a month is too short for falls on that month's last day (31 January plus one
month is 28 or 29 February). Durations that arrive ready in days are divided by `DAYS_PER_MONTH`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.outcome import Floats

DAYS_PER_MONTH = 30.4375  # 365.25 / 12

Days = npt.NDArray[np.datetime64]


def to_days(dates: Any) -> Days:
    """Return dates as ``datetime64[D]``; missing ones as NaT."""
    values = dates.to_numpy() if isinstance(dates, (pd.Series, pd.Index)) else np.asarray(dates)
    return np.asarray(values, dtype="datetime64[D]")


def add_months(start: Days, months: npt.ArrayLike) -> Days:
    """Return the dates a whole number of calendar months after `start`.

    Parameters
    ----------
    start : (n,) datetime64[D].
    months : (n,) or scalar, whole numbers.

    Returns
    -------
    (n,) datetime64[D]; the last day of the month where the day of `start` does not exist there.
    """
    month = start.astype("datetime64[M]")
    day = (start - month.astype("datetime64[D]")).astype("timedelta64[D]")
    target = month + np.asarray(months).astype("timedelta64[M]")
    last = (target + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    return np.asarray(np.minimum(target.astype("datetime64[D]") + day, last))


def months_between(start: Any, end: Any) -> Floats:
    """Return the months from `start` to `end`; NaN where either is missing.

    Parameters
    ----------
    start, end : (n,) dates (anything that NumPy or pandas reads as dates), or one scalar.

    Returns
    -------
    (n,) float; whole calendar months plus the fraction of the month begun; negative where `end`
    is before `start`.

    Examples
    --------
    >>> months_between(["2019-09-02", "2019-01-31"], ["2021-09-02", "2019-02-28"])
    array([24.,  1.])
    """
    start_, end_ = np.broadcast_arrays(to_days(start), to_days(end))
    known = ~(np.isnat(start_) | np.isnat(end_))
    result = np.full(start_.shape, np.nan)
    first, last = start_[known], end_[known]
    whole = (last.astype("datetime64[M]") - first.astype("datetime64[M]")).astype(np.int64)
    whole -= add_months(first, whole) > last
    begun, next_ = add_months(first, whole), add_months(first, whole + 1)
    fraction = (last - begun).astype(np.int64) / (next_ - begun).astype(np.int64)
    result[known] = whole + fraction
    return result
