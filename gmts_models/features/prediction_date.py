"""The prediction date: the day from which risk is asked, who is at risk then, and their outcome.

By the rule of ``known.py`` the facts dated before the prediction date are known. So at risk on it
is everyone who has started, whose departure is not dated before it, and who was not lost from view
before it; whose outcome is asked for must have been seen on the day too. Time restarts there: a
departure on the day itself has exit 0 and counts, and whoever comes under observation later enters
late. By endpoint:

- ``left_nhs``: the departure is leaving the NHS.
- ``left_scheme``: it is withdrawing; who has completed before the date is not at risk either. On
  the day the scheme ends nobody can withdraw any more, so ``at="scheme_end"`` is refused.
- ``post_scheme``: about those who complete, and given that they do. Up to completion the clock
  still starts at completion, and only what is known differs; after it the clock starts on the
  prediction date, for those who have not left by then.

On the start date everyone is at risk, whatever became of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from gmts_models.config import Endpoint
from gmts_models.data.checking.rejections import Problem
from gmts_models.data.endpoints import Followed
from gmts_models.data.months import Days, add_months, months_between, to_days
from gmts_models.data.people import People
from gmts_models.data.reading.dates import read_date
from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints, Outcome

At = str | int
"""A prediction date as a recipe keeps it: "start", "scheme_end", whole months since the start
(1 or more), or a day as "2021-09-01"."""

AskedAt = Literal["start", "scheme_end"] | str | int | dt.date | np.datetime64
"""A prediction date as a user says it."""

_MOST_MONTHS = 1200
_NAT = np.datetime64("NaT", "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of whom risk is asked, and when: n rows.

    Attributes
    ----------
    person : (n,) positions in ``people.trainees``.
    on : (n,) prediction dates; NaT where durations came ready.
    months : (n,) of them since the start.
    """

    person: Ints
    on: Days
    months: Floats


def pick(asked: Asked, rows: Ints) -> Asked:
    """Return some of the rows."""
    return Asked(person=asked.person[rows], on=asked.on[rows], months=asked.months[rows])


def stack(parts: Sequence[Asked]) -> Asked:
    """Put rows under each other."""
    return Asked(
        person=np.concatenate([part.person for part in parts]),
        on=np.concatenate([part.on for part in parts]),
        months=np.concatenate([part.months for part in parts]),
    )


# ------------------------------------------------------------- as it is said


def read_at(at: AskedAt) -> At:
    """Return a prediction date in the one form that recipes keep.

    Raises
    ------
    InputError : it is neither a word, nor whole months, nor a day.
    """
    if isinstance(at, str) and at in ("start", "scheme_end"):
        return at
    if isinstance(at, int | float | np.integer | np.floating):
        if not isinstance(at, bool) and float(at).is_integer() and 0 <= at <= _MOST_MONTHS:
            return int(at) or "start"
    elif isinstance(at, str | dt.date | np.datetime64) and not pd.isna(at):
        day = read_date(pd.Timestamp(at) if isinstance(at, np.datetime64) else at, "at")
        if not isinstance(day, Problem):
            return day.isoformat()
    raise InputError(
        "the prediction date is neither a number of whole months nor a day",
        where="at",
        fix=f'say "start", whole months since the start (0 to {_MOST_MONTHS}), a day such as '
        '"2021-09-01", or "scheme_end"',
    )


def read_landmarks(landmarks: Iterable[int]) -> tuple[int, ...]:
    """Return landmarks in ascending order, as whole months since the start.

    Raises
    ------
    InputError : there is none, one is twice, or one is no whole number of months.
    """
    given = None if isinstance(landmarks, str | dict) else _listed(landmarks)
    marks = [] if given is None else [_months_only(each) for each in given]
    known = sorted({each for each in marks if each is not None})
    if not marks or len(known) < len(marks):
        raise InputError(
            "landmarks are different whole numbers of months since the start",
            where="landmarks",
            fix="for instance [0, 6, 12, 18, 24]; a single day goes into at=",
        )
    return tuple(known)


def _listed(values: object) -> list[object] | None:
    return list(values) if isinstance(values, Iterable) else None


def _months_only(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    whole = float(value).is_integer() and 0 <= value <= _MOST_MONTHS
    return int(value) if whole else None


# ------------------------------------------------------------- whom it is about


def ask(people: People, at: At) -> Asked:
    """Return everyone with their prediction date.

    Raises
    ------
    InputError : durations came ready and `at` is a day, or a scheme end is not known.
    """
    everyone = np.arange(len(people))
    if not people.has_dates:
        if isinstance(at, str) and at != "start":
            raise InputError(
                "these people have ready durations and no dates",
                where=f"at={at!r}",
                fix="say the months since the start, or give start_date and leave_nhs_date",
            )
        months = np.full(len(people), 0.0 if at == "start" else float(at))
        return Asked(person=everyone, on=np.full(len(people), _NAT), months=months)
    start = to_days(people.trainees["start_date"])
    on = start
    if isinstance(at, int):
        on = add_months(start, at)
    elif at == "scheme_end":
        on = _scheme_end(people)
    elif at != "start":
        on = np.full(len(people), np.datetime64(at, "D"))
    return Asked(person=everyone, on=on, months=months_between(start, on))


def at_risk(people: People, endpoint: Endpoint, at: At) -> Bools:
    """Return (n,) bool: who is at risk of the endpoint on the prediction date.

    Only facts dated before it decide, so that it can be asked of people whose outcome is open.
    """
    frame = people.trainees
    if at == "start":
        return np.ones(len(people), dtype=bool)
    if endpoint == "left_scheme" and at == "scheme_end":
        raise InputError(
            "nobody can withdraw from the scheme on the day it ends",
            where='at="scheme_end"',
            fix="use the endpoint left_nhs or post_scheme, or an earlier prediction date",
        )
    asked = ask(people, at)
    if not people.has_dates:
        return np.asarray(frame["duration_months"].to_numpy(float) >= asked.months)
    on = asked.on
    seen = _day(people, "last_seen_date")
    if people.census_date is not None:
        census = people.census_date.to_datetime64().astype("datetime64[D]")
        seen = np.where(np.isnat(seen), census, seen)
    # A comparison with a missing day is false: it has not happened.
    there = (to_days(frame["start_date"]) <= on) & ~(_day(people, "leave_nhs_date") < on)
    there &= ~(seen < on - np.timedelta64(1, "D"))  # what is dated before the day decides
    if endpoint == "left_nhs":
        return np.asarray(there)
    end, withdrew = _scheme_end(people), _day(people, "leave_scheme_date")
    there &= ~((withdrew < on) & (withdrew < end))
    return np.asarray(there & (end >= on) if endpoint == "left_scheme" else there)


def restart(people: People, followed: Followed, endpoint: Endpoint, at: At) -> Followed:
    """Return the outcome from the prediction date on, of those who are at risk then.

    Parameters
    ----------
    people : checked records.
    followed : their outcome from the start, as `build_outcome` gives it.
    endpoint : of `followed`.
    at : the prediction date. At the start `followed` comes back as it is.

    Notes
    -----
    A prediction date in months is a point on everyone's own clock, so the months before it are
    taken off, and anniversaries of the start stay whole. From a day, time is counted anew.

    Raises
    ------
    InputError : nobody is at risk.
    """
    if at == "start":
        return followed
    known = at_risk(people, endpoint, at)[followed.rows]
    kept = np.flatnonzero(known & ~(followed.ends < ask(people, at).on[followed.rows]))
    if not len(kept):
        raise InputError(
            "nobody is at risk on the prediction date: they have left, have not started, or were "
            "not followed for as long",
            where=f"at={at!r}",
            fix="choose an earlier prediction date",
        )
    rows, y, ends = followed.rows[kept], followed.y[kept], followed.ends[kept]
    on, clock = ask(people, at).on[rows], followed.clock[kept]
    if isinstance(at, int) and endpoint != "post_scheme":
        entry, exit_ = np.maximum(y.entry - at, 0.0), y.exit - at
        follow_up, clock = followed.follow_up[kept] - at, on
    else:
        clock = np.maximum(clock, on)  # before the clock starts it stands
        late = months_between(clock, _day(people, "first_seen_date")[rows])
        entry, exit_ = np.where(late > 0, late, 0.0), months_between(clock, ends)
        follow_up = _census_months(people, clock)
    return replace(
        followed,
        y=Outcome(entry, exit_, y.event, y.causes, index=y.index),
        rows=rows,
        follow_up=follow_up,
        clock=clock,
        ends=ends,
    )


def _census_months(people: People, clock: Days) -> Floats:
    if people.census_date is None:
        return np.full(len(clock), np.nan)
    return months_between(clock, people.census_date.to_datetime64())


def _scheme_end(people: People) -> Days:
    end = _day(people, "scheme_end_date")
    if missing := int(np.isnat(end).sum()):
        raise InputError(
            f"{missing} trainees have no scheme end date",
            where="scheme_end_date",
            fix="give the planned date for those still on the scheme",
        )
    return end


def _day(people: People, column: str) -> Days:
    if column not in people.trainees:
        return np.full(len(people), _NAT)
    return to_days(people.trainees[column])
