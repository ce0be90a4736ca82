"""The dates of the snapshots: whether any is missing, how fine they are, and the census."""

from __future__ import annotations

import numpy as np

from gmts_models.data.months import Days, add_months
from gmts_models.data.people import Resolution
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Ints

_SHOWN = 5
_DAY = np.timedelta64(1, "D")


def check_regular(dates: Days) -> None:
    """Refuse a sequence in which a snapshot seems to be missing: everyone would seem away.

    Parameters
    ----------
    dates : (d,) increasing.

    Raises
    ------
    InputError : the months (or, of weekly extracts, the days) between two dates are at least twice
        the usual number.
    """
    month = dates.astype("datetime64[M]").astype(np.int64)
    gaps = np.diff(month)
    usual = int(np.median(gaps)) if len(gaps) else 0
    if usual == 0:
        days = np.diff(dates.astype(np.int64))
        wide = days >= 2 * np.median(days) if len(days) else np.zeros(0, dtype=bool)
        told = [f"after {dates[i]}" for i in np.flatnonzero(wide)]
    else:
        wide = gaps >= 2 * usual
        told = [
            f"{np.datetime64(int(between), 'M')}"
            for i in np.flatnonzero(wide)
            for between in range(month[i] + usual, month[i + 1] - usual // 2, usual)
        ]
    if wide.any():
        more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        raise InputError(
            f"snapshots seem to be missing: {', '.join(told[:_SHOWN])}{more}",
            where="snapshot_date",
            fix="add them, since everyone would seem to be away; or say irregular=True where there "
            "never were any",
        )


def resolution_of(dates: Days) -> Resolution:
    """Return how finely snapshots tell times, from the usual gap between them."""
    days = float(np.median(np.diff(dates.astype(np.int64))))
    if days < 15:
        return "day"
    return "month" if days < 270 else "year"


def find_census(dates: Days, grace_months: int) -> int:
    """Return the position of the last date by which every absence can be told from leaving.

    Somebody who was last seen on a date has left if no snapshot of the grace period after it has
    them. That period must be over by the last snapshot; the departure is then first missed on the
    next date. So the census is the date after the last one whose grace period is over.

    Raises
    ------
    InputError : there are fewer than two dates, or no absence can be told from leaving.
    """
    if len(dates) < 2:
        raise InputError(
            "there is a single snapshot date, and so no follow-up",
            where="snapshot_date",
            fix="pass the snapshots of at least two dates",
        )
    month = dates.astype("datetime64[M]").astype(np.int64)
    # Where a month has several snapshots, it counts when it is over.
    often = bool((np.diff(month) == 0).any()) and grace_months > 0
    over = month + grace_months + often <= month[-1]
    over = over if grace_months else np.ones(len(dates), dtype=bool)
    last = int(np.flatnonzero(over).max(initial=-1))
    if last < 0:
        raise InputError(
            f"the snapshots span less than the {grace_months} months of grace, so that no absence "
            "can be told from leaving",
            where="grace_months",
            fix="add later snapshots, or say a smaller grace_months",
        )
    return min(last + 1, len(dates) - 1)


def before_first(dates: Days) -> np.datetime64:
    """Return the date on which a snapshot before the first would have been taken."""
    if usual := int(np.median(np.diff(dates.astype("datetime64[M]").astype(np.int64)))):
        if _ends_month(dates[:1])[0]:
            return np.datetime64(add_months(dates[:1] + _DAY, -usual)[0] - _DAY, "D")
        return np.datetime64(add_months(dates[:1], -usual)[0], "D")
    return np.datetime64(dates[0] - int(np.median(np.diff(dates.astype(np.int64)))), "D")


def _ends_month(dates: Days) -> Bools:
    return np.asarray((dates + _DAY).astype("datetime64[M]") > dates.astype("datetime64[M]"))


def months_apart(dates: Days, first: Ints, second: Ints) -> Ints:
    """Return the calendar months between dates at two positions: from March to June it is 3."""
    month = dates.astype("datetime64[M]").astype(np.int64)
    return np.asarray(month[second] - month[first])
