"""The rules that hold between the columns of a trainee's row, and between rows.

Cells that cannot be read, and repeated rows, are in ``records.py``. ``docs/data.md`` lists the
reasons.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from gmts_models.data.checking.records import Records, missing_cells, repeated_rows, unreadable
from gmts_models.data.checking.rejections import Problem, Violation, violation
from gmts_models.data.months import Days


def check_records(records: Records, census: np.datetime64) -> list[Violation]:
    """Return every violation of the rules, cells that could not be read among them.

    Parameters
    ----------
    records : n parsed rows, with `start_date` or with `duration_months` and `event`.
    census : the day up to which follow-up is known; NaT = not known, breaks no rule.
    """
    found = unreadable(records)
    found += _identity(records)
    if "start_date" in records:
        found.append(missing_cells(records, "start_date"))
        found += _after_census(records, census)
        found += _order_of_dates(records)
    else:
        found.append(missing_cells(records, "duration_months"))
        found += _durations(records)
    found += _destination(records)
    return [each for each in found if len(each.rows)]


def observed_until(records: Records, census: np.datetime64) -> Days:
    """Return (n,) the last day on which each status is known.

    Where it is not given: the day of leaving for those who left the NHS, else the census.
    """
    seen, left = records.days("last_seen_date"), records.days("leave_nhs_date")
    return np.where(np.isnat(seen), np.where(np.isnat(left), census, left), seen)


def _identity(records: Records) -> Iterator[Violation]:
    yield missing_cells(records, "trainee_id")
    yield missing_cells(records, "specialism")
    yield from repeated_rows(
        records,
        ["trainee_id"],
        np.flatnonzero(~records.empty("trainee_id")),
        "trainee_id is shared by rows that differ",
        "keep one record a trainee",
    )


def _after_census(records: Records, census: np.datetime64) -> Iterator[Violation]:
    # Not the scheme's end, which is a plan for those who are still on it.
    observed = ("start_date", "first_seen_date", "leave_scheme_date", "leave_nhs_date")
    for name in (*observed, "last_seen_date"):
        yield violation(
            records.days(name) > census,
            name,
            f"{name} is after the census date",
            "correct it, leave it empty if it has not happened yet, or give a later census_date",
        )


def _order_of_dates(records: Records) -> Iterator[Violation]:
    start, end = records.days("start_date"), records.days("scheme_end_date")
    left_scheme, left_nhs = records.days("leave_scheme_date"), records.days("leave_nhs_date")
    seen = records.days("last_seen_date")
    last = np.where(np.isnat(left_nhs), seen, left_nhs)
    broken = (
        ("leave_nhs_date", left_nhs < start, "is before start_date"),
        ("leave_scheme_date", left_scheme < start, "is before start_date"),
        ("last_seen_date", seen < start, "is before start_date"),
        ("scheme_end_date", end <= start, "is not after start_date"),
        ("leave_nhs_date", left_nhs > seen, "is after last_seen_date"),
        ("leave_scheme_date", left_scheme > seen, "is after last_seen_date"),
        ("leave_scheme_date", left_scheme > end, "is after scheme_end_date"),
        ("leave_scheme_date", left_scheme > left_nhs, "is after leave_nhs_date"),
        ("first_seen_date", records.days("first_seen_date") > last, "is after the last day seen"),
    )
    for name, rows, words in broken:
        yield violation(rows, name, f"{name} {words}", "correct one of the two dates")


def _durations(records: Records) -> Iterator[Violation]:
    entry, duration = records.floats("entry_months"), records.floats("duration_months")
    yield violation(
        (entry >= duration) & (entry > 0),
        "entry_months",
        "entry_months is not before duration_months",
        "observation must begin before it ends; leave entry_months empty if it began at the start",
    )


def _destination(records: Records) -> Iterator[Violation]:
    if "destination" not in records:
        return
    given = ~pd.isna(records.text("destination"))
    if "start_date" in records:
        leaving = "leave_nhs_date"
        stayed = np.isnat(records.days(leaving)) & ~records.bad(leaving)
    else:
        leaving = "event"
        stayed = records.floats("event") == 0
        causes = records.columns["event"].causes
        if causes is not None:
            differ = given & ~pd.isna(causes) & (causes != records.text("destination"))
            yield Violation(rows=np.flatnonzero(differ), column="event", problem=_TWO_CAUSES)
    yield violation(
        given & stayed,
        "destination",
        "destination is given, but not that the trainee left",
        f"fill in {leaving}, or leave destination empty",
    )


_TWO_CAUSES = Problem(
    reason="event and destination name different causes", fix="write the cause in one of them"
)
