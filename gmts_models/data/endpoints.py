"""What counts as leaving: from people to an Outcome, one endpoint at a time.

- ``left_nhs``: leaving the NHS (or the organisation, of another scheme). Clock at the start date.
  Destinations are the causes; a leaver without one has a missing cause.
- ``left_scheme``: withdrawing from the scheme before completing it. Clock at the start date.
  Completion competes: someone who completed can no longer withdraw, and stays counted as not
  withdrawn until the census. So risk is the share that withdraws (the cumulative incidence),
  which censoring at completion would overstate. With ``competing=True`` completion is a cause of
  its own instead, and risk is that of leaving the scheme either way.
- ``post_scheme``: leaving the NHS after completing. Only those who completed count; the clock is
  0 at completion. Contracts end on that day, so a group leaves exactly then, at month 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.config import Endpoint
from gmts_models.data.contract.columns import DESTINATIONS
from gmts_models.data.months import Days, months_between
from gmts_models.data.people import People, check_people
from gmts_models.errors import InputError
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The outcome of one endpoint, and whom it is about.

    Attributes
    ----------
    y : n rows, indexed like ``people.trainees.iloc[rows]``.
    rows : (n,) positions in ``people.trainees``.
    follow_up : (n,) months from the clock's start to the census; NaN where not known.
    clock : (n,) day on which time is 0; NaT where durations came ready.
    ends : (n,) day on which observation ends; NaT where durations came ready.
    """

    y: Outcome
    rows: Ints
    follow_up: Floats
    clock: Days
    ends: Days


def build_outcome(
    people: People, endpoint: Endpoint = "left_nhs", *, competing: bool = False
) -> Followed:
    """Turn dates or ready durations into entry, exit and event.

    Parameters
    ----------
    people : checked records.
    endpoint : see the head of this module.
    competing : whether an exit that ends the risk of leaving is an event with a cause of its own,
        as models of several causes need it. Of ``left_scheme`` that is "completed"; the other
        endpoints have none beside their destinations.

    Raises
    ------
    InputError : the records do not hold what the endpoint needs, or nobody is left to follow; or
        these are no people.
    """
    check_people(people)
    match endpoint:
        case "left_nhs":
            return _left_nhs(people) if people.has_dates else _ready_durations(people)
        case "left_scheme":
            return _left_scheme(people, competing)
        case "post_scheme":
            return _post_scheme(people)
    raise InputError(
        f"unknown endpoint {endpoint!r}",
        where="endpoint",
        fix="choose left_nhs, left_scheme or post_scheme",
    )


def _left_nhs(people: People) -> Followed:
    frame = people.trainees
    left = _known(frame, "leave_nhs_date")
    return _followed(
        people,
        rows=np.arange(len(frame)),
        clock=_dates(frame, "start_date"),
        ends=np.where(left, _dates(frame, "leave_nhs_date"), _seen(people)),
        event=_cause_codes(people, left),
        causes=_causes(people, left),
    )


def _ready_durations(people: People) -> Followed:
    frame = people.trainees
    left = frame["event"].to_numpy(float) == 1
    entry = frame["entry_months"].fillna(0).to_numpy(float) if "entry_months" in frame else 0.0
    y = Outcome(
        entry,
        frame["duration_months"].to_numpy(float),
        _cause_codes(people, left),
        _causes(people, left),
        index=frame.index,
    )
    rows = np.arange(len(frame))
    nowhen = np.full(len(rows), _NAT, dtype="datetime64[D]")
    return Followed(y=y, rows=rows, follow_up=np.full(len(rows), np.nan), clock=nowhen, ends=nowhen)


def _left_scheme(people: People, competing: bool) -> Followed:
    frame = people.trainees
    _need(people, "left_scheme")
    end, left_nhs = _dates(frame, "scheme_end_date"), _dates(frame, "leave_nhs_date")
    withdrawal = np.fmin(
        _dates(frame, "leave_scheme_date"), np.where(left_nhs < end, left_nhs, _NAT)
    )
    withdrew = ~np.isnat(withdrawal) & ~(withdrawal >= end)
    completed = ~withdrew & (end <= np.fmax(_seen(people), left_nhs))
    last = np.where(completed, end if competing else _census(people), _seen(people))
    return _followed(
        people,
        rows=np.arange(len(frame)),
        clock=_dates(frame, "start_date"),
        ends=np.where(withdrew, withdrawal, last),
        event=np.where(withdrew, 1, np.where(completed & competing, 2, 0)),
        causes=("withdrew", "completed") if competing else ("withdrew",),
    )


def _post_scheme(people: People) -> Followed:
    frame = people.trainees
    _need(people, "post_scheme")
    end, left_nhs = _dates(frame, "scheme_end_date"), _dates(frame, "leave_nhs_date")
    last = np.where(np.isnat(left_nhs), _seen(people), left_nhs)
    stayed = ~(_dates(frame, "leave_scheme_date") < end)
    rows = np.flatnonzero(stayed & (end <= last))
    if not len(rows):
        raise InputError(
            "nobody has completed the scheme by the census",
            where="scheme_end_date",
            fix="endpoint left_scheme looks at the time before completion",
        )
    left = ~np.isnat(left_nhs)
    return _followed(
        people,
        rows=rows,
        clock=end,
        ends=last,
        event=_cause_codes(people, left)[rows],
        causes=_causes(people, left),
    )


_NAT = np.datetime64("NaT")


def _followed(
    people: People,
    *,
    rows: Ints,
    clock: Days,
    ends: Days,
    event: Ints,
    causes: tuple[str, ...],
) -> Followed:
    frame = people.trainees
    exit_ = months_between(clock, ends)[rows]
    entry = np.zeros(len(rows))
    if "first_seen_date" in frame:
        late = months_between(clock, _dates(frame, "first_seen_date"))[rows]
        entry = np.where(late > 0, late, 0.0)
    seen = (exit_ > entry) | (entry == 0)  # left or lost before observation began: never at risk
    rows, entry, exit_, event = rows[seen], entry[seen], exit_[seen], event[seen]
    y = Outcome(entry, exit_, event, causes, index=frame.index[rows])
    follow_up = months_between(clock, _census(people))[rows]
    return Followed(y=y, rows=rows, follow_up=follow_up, clock=clock[rows], ends=ends[rows])


def _need(people: People, endpoint: str) -> None:
    if not people.has_dates or "scheme_end_date" not in people.trainees:
        raise InputError(
            f"endpoint {endpoint} needs the dates of start and scheme end",
            where="start_date, scheme_end_date",
            fix="give both columns, or use endpoint left_nhs",
        )
    if (missing := ~_known(people.trainees, "scheme_end_date")).any():
        raise InputError(
            f"{int(missing.sum())} trainees have no scheme end date",
            where="scheme_end_date",
            fix="give the planned date for those still on the scheme",
        )


def _dates(frame: pd.DataFrame, column: str) -> Days:
    if column not in frame:
        return np.full(len(frame), _NAT, dtype="datetime64[D]")
    return frame[column].to_numpy().astype("datetime64[D]")


def _known(frame: pd.DataFrame, column: str) -> Bools:
    return ~np.isnat(_dates(frame, column))


def _census(people: People) -> Days:
    census = _NAT if people.census_date is None else people.census_date.to_datetime64()
    return np.full(len(people), census).astype("datetime64[D]")


def _seen(people: People) -> Days:
    seen = _dates(people.trainees, "last_seen_date")
    return np.where(np.isnat(seen), _census(people), seen)


def _causes(people: People, left: Bools) -> tuple[str, ...]:
    if "destination" not in people.trainees:
        return ("left",)
    given = people.trainees["destination"][left].dropna()
    if people.scheme == "gmts":
        return DESTINATIONS
    return tuple(sorted(given.unique())) or ("left",)


def _cause_codes(people: People, left: Bools) -> Ints:
    causes = _causes(people, left)
    if causes == ("left",):
        return left.astype(np.int64)
    codes = {cause: code for code, cause in enumerate(causes, start=1)}
    named = people.trainees["destination"].map(codes).fillna(UNKNOWN_CAUSE).to_numpy(np.int64)
    return np.where(left, named, 0)
