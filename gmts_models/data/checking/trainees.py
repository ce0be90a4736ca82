"""The rules that hold between the columns of a row, and between rows.

A rule speaks only of values that could be read: a cell with a problem of its own is reported as
that problem and breaks no other rule. ``docs/data.md`` lists the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.data.checking.rejections import Problem, Violation, violation
from gmts_models.data.months import Days
from gmts_models.data.reading.parsing import Parsed
from gmts_models.outcome import Bools, Floats, Ints

_LISTED_ROWS = 5


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Records:
    """Parsed columns of n rows.

    Attributes
    ----------
    columns : by their names in the contract.
    numbers : (n,) what the user calls each row.
    """

    columns: Mapping[str, Parsed]
    numbers: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def days(self, name: str) -> Days:
        """(n,) dates; NaT everywhere where the table has no such column."""
        if name in self.columns:
            return np.asarray(self.columns[name].array)
        return np.full(len(self), np.datetime64("NaT"), dtype="datetime64[D]")

    def floats(self, name: str) -> Floats:
        """(n,) numbers; NaN everywhere where the table has no such column."""
        return self.columns[name].array if name in self.columns else np.full(len(self), np.nan)

    def text(self, name: str) -> npt.NDArray[np.object_]:
        """(n,) labels; None everywhere where the table has no such column."""
        if name in self.columns:
            return np.asarray(self.columns[name].array)
        return np.full(len(self), None, dtype=object)

    def bad(self, name: str) -> Bools:
        """(n,) bool: cells that could not be read."""
        return self.columns[name].bad if name in self.columns else np.zeros(len(self), dtype=bool)


def check_records(records: Records, census: np.datetime64) -> list[Violation]:
    """Return every violation of the rules, cells that could not be read among them.

    Parameters
    ----------
    records : n parsed rows, with `start_date` or with `duration_months` and `event`.
    census : the day up to which follow-up is known; NaT = not known, breaks no rule.
    """
    found = [each for parsed in records.columns.values() for each in parsed.violations]
    found += _identity(records)
    if "start_date" in records:
        found += _missing(records, "start_date", np.isnat(records.days("start_date")))
        found += _after_census(records, census)
        found += _order_of_dates(records)
    else:
        found += _missing(records, "duration_months", np.isnan(records.floats("duration_months")))
        found += _durations(records)
    found += _destination(records)
    return [each for each in found if len(each.rows)]


def observed_until(records: Records, census: np.datetime64) -> Days:
    """Return (n,) the last day on which each status is known.

    Where it is not given: the day of leaving for those who left the NHS, else the census.
    """
    seen, left = records.days("last_seen_date"), records.days("leave_nhs_date")
    return np.where(np.isnat(seen), np.where(np.isnat(left), census, left), seen)


def _missing(records: Records, name: str, empty: Bools) -> Iterator[Violation]:
    broken = empty & ~records.bad(name)
    yield violation(broken, name, f"{name} is missing", "fill it in, or leave the row out")


def _identity(records: Records) -> Iterator[Violation]:
    ids = pd.Series(records.text("trainee_id"))
    yield from _missing(records, "trainee_id", ids.isna().to_numpy())
    yield from _missing(records, "specialism", pd.isna(records.text("specialism")))
    shared = (ids.duplicated(keep=False) & ids.notna()).to_numpy()
    if shared.any():
        yield from _shared_ids(records, ids, np.flatnonzero(shared))


def _shared_ids(records: Records, ids: pd.Series[str], rows: Ints) -> Iterator[Violation]:
    content: dict[str, object] = {}
    for name, parsed in records.columns.items():
        content[name] = parsed.array[rows]
        content[f"{name}, bad"] = parsed.bad[rows]
        if parsed.causes is not None:
            content[f"{name}, cause"] = parsed.causes[rows]
    copy = pd.DataFrame(content).duplicated(keep="first").to_numpy()
    person = pd.factorize(ids.to_numpy()[rows])[0]
    versions = np.bincount(person, weights=~copy)
    conflict = versions[person] > 1
    yield Violation(rows=rows[copy & ~conflict], column="trainee_id", problem=_REPEATED)
    order = np.argsort(person[conflict], kind="stable")
    starts = np.flatnonzero(np.diff(person[conflict][order])) + 1
    for same in np.split(rows[conflict][order], starts):
        shown = ", ".join(str(number) for number in records.numbers[same[:_LISTED_ROWS]])
        more = ", ..." if len(same) > _LISTED_ROWS else ""
        problem = Problem(
            reason="trainee_id is shared by rows that differ",
            fix=f"keep one record a trainee; rows {shown}{more} share this one",
        )
        yield Violation(rows=same, column="trainee_id", problem=problem)


_REPEATED = Problem(
    reason="the row repeats an earlier one",
    fix="nothing to do: the first of the identical rows counts; remove the copies",
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
