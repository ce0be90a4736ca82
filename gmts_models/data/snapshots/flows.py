"""How many people came, went and were there, period by period."""

from __future__ import annotations

from typing import Literal, get_args

import pandas as pd

from gmts_models.data.people import People
from gmts_models.disclosure import DEFAULT_THRESHOLD, check_threshold, is_small
from gmts_models.errors import InputError

Period = Literal["month", "quarter", "year"]

_KINDS = {"joined": "joiners", "returned": "returners", "left": "leavers", "moved": "movers"}
_OF_HEADCOUNT = ["joiners", "returners", "leavers"]


def flows(
    people: People, *, period: Period = "year", threshold: int = DEFAULT_THRESHOLD
) -> pd.DataFrame:
    """Count joiners, returners, leavers and movers by period, and who is in post at its end.

    Parameters
    ----------
    people : of `from_snapshots`.
    period : of the calendar; a change belongs to that of the snapshot that shows it.
    threshold : counts from 1 to `threshold` - 1 are hidden (NaN); a small flow hides the others of
        its period, and head counts are rounded to a multiple of the threshold, so that differences
        do not tell it. 1 shows everything as it is.

    Returns
    -------
    Frame with `period` (text), `joiners`, `returners`, `leavers`, `movers` (moves between
        organisations) and `head_count`, from the first period with a change to that of the
        census.

    Raises
    ------
    InputError : the people have no table of changes, or an argument is unknown.

    Examples
    --------
    >>> import gmts_models as gm
    >>> staff = [["a", "2020-03-31"], ["b", "2020-03-31"], ["b", "2021-03-31"], ["c", "2021-03-31"]]
    >>> frame = pd.DataFrame(staff, columns=["staff_no", "date"]).assign(start_date="2020-01-01")
    >>> people = gm.from_snapshots(
    ...     frame, id="staff_no", date="date", specialism="Finance", grace_months=0
    ... ).valid
    >>> flows(people, threshold=1)
      period  joiners  returners  leavers  movers  head_count
    0   2021        1          0        1       0           2
    """
    if "changes" not in people.tables or people.census_date is None:
        raise InputError(
            "there is no table of changes", where="people", fix="read them by from_snapshots"
        )
    if period not in get_args(Period):
        raise InputError(
            "there is no such period", where="period", fix="choose month, quarter or year"
        )
    check_threshold(threshold)
    changes = people.tables["changes"]
    newcomers = changes.loc[changes["change"] == "joined", "trainee_id"]
    opening = int((~people.trainees["trainee_id"].isin(newcomers)).sum())
    changes = changes[changes["date"] <= people.census_date]
    unit = {"month": "M", "quarter": "Q", "year": "Y"}[period]
    when = changes["date"].dt.to_period(unit)
    first = when.min() if len(when) else people.census_date.to_period(unit)
    periods = pd.period_range(first, people.census_date.to_period(unit), freq=unit)
    table = pd.DataFrame(
        {
            name: when[changes["change"] == kind].value_counts().reindex(periods, fill_value=0)
            for kind, name in _KINDS.items()
        }
    )
    net = table["joiners"] + table["returners"] - table["leavers"]
    table["head_count"] = opening + net.cumsum()
    table.insert(0, "period", periods.astype(str).astype(object))
    table = table.reset_index(drop=True)
    return _suppressed(table, threshold) if threshold > 1 else table


def _suppressed(table: pd.DataFrame, threshold: int) -> pd.DataFrame:
    small = table[_OF_HEADCOUNT].apply(is_small, threshold=threshold).any(axis=1)
    for column in _OF_HEADCOUNT:
        table[column] = table[column].astype(float).mask(small)
    table["movers"] = table["movers"].astype(float).mask(is_small(table["movers"], threshold))
    table["head_count"] = threshold * (table["head_count"] / threshold).round()
    return table
