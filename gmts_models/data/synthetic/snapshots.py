"""Staff-in-post extracts of synthetic people: the same lives as an employer's system shows them.

In post on a day are those who started on or before it and have not left on or before it. Extracts
tell no leaving: who has left is no longer there, and so is who was lost from sight.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gmts_models.data.checking.rejections import Problem
from gmts_models.data.contract.columns import TRAINEES
from gmts_models.data.months import Days, to_days
from gmts_models.data.people import People
from gmts_models.data.reading.dates import read_date
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.seeds import make_generator
from gmts_models.data.synthetic.snapshot_mess import make_mess
from gmts_models.errors import InputError
from gmts_models.outcome import Ints

Every = Literal["month", "year"]
DayOfMonth = Literal["end", "first"]
Lost = Literal["vanish", "stay"]

_DAY = np.timedelta64(1, "D")
_NAT = np.datetime64("NaT", "D")
_POST = ("organisation", "organisation_type", "region", "band", "role", "fte")
_KEYS = ("trainee_id", "snapshot_date", "specialism", "cohort", "start_date", "scheme_end_date")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Spells:
    """Placements and posts, by person and first day: (s,) each.

    Attributes
    ----------
    owner : positions in the table of trainees.
    begin : first days.
    post : frame with the columns of a post.
    """

    owner: Ints
    begin: Days
    post: pd.DataFrame


def simulate_snapshots(
    people: People,
    *,
    every: Every = "month",
    day: DayOfMonth = "end",
    first: str | dt.date | np.datetime64 | None = None,
    lost: Lost = "vanish",
    mess: bool = False,
    seed: int | np.random.Generator = 1,
) -> pd.DataFrame:
    """Draw up the staff-in-post extracts that an employer's system would give of these people.

    Parameters
    ----------
    people : of `simulate_trainees`, or read back from its tables: with dates, a census,
        placements and roles.
    every : an extract a month, or a year: then always of the month of the first one.
    day : "end" for the last day of a month, "first" for the first.
    first : extracts begin with the first one on or after this day. Default: the earliest start.
        Who left before it is in none of them; who started before it comes under observation late.
    lost : whether people who were lost from sight "vanish" after the day last seen, as an extract
        would have it (they look like leavers), or "stay" to the census (they look like stayers).
    mess : add what real extracts hold: second posts with fewer hours, people who are out for a
        month or two, rows without a start date. The first and the last row of nobody are lost.
    seed : of the mess; without it nothing is drawn.

    Returns
    -------
    Frame of a row for each person (with mess: each post) in each extract up to the census, sorted
    by snapshot_date and trainee_id: trainee_id, snapshot_date, specialism, cohort, start_date,
    scheme_end_date, what the person holds on that day (organisation, organisation_type, region,
    band, role, fte) and the attributes known at the start. `region` is that of the post.

    Raises
    ------
    InputError : the people lack what is needed, an argument is not one of its values, or there is
        no extract between `first` and the census.

    Examples
    --------
    >>> from gmts_models import simulate_trainees
    >>> frame = simulate_snapshots(simulate_trainees(7, cohorts=[2020]), every="year", day="first")
    >>> frame["snapshot_date"].dt.strftime("%Y-%m-%d").unique().tolist()
    ['2020-09-01', '2021-09-01']
    """
    _check_choices(every=every, day=day, lost=lost)
    _check_people(people)
    if not isinstance(mess, bool):
        raise InputError("mess must be True or False", where="simulate_snapshots(mess=)")
    rng = make_generator(seed, "simulate_snapshots(seed=)")
    dates = _extract_dates(people, every, day, first)
    person, on = _in_post(people, dates, lost)
    frame = _describe(people, person, on)
    if mess:
        frame = make_mess(rng, frame)
    order = np.lexsort((frame["trainee_id"].to_numpy(str), frame["snapshot_date"].to_numpy()))
    return frame.iloc[order].reset_index(drop=True)


# ---------------------------------------------------------- arguments


def _check_choices(*, every: str, day: str, lost: str) -> None:
    choices = (
        ("every", every, ("month", "year")),
        ("day", day, ("end", "first")),
        ("lost", lost, ("vanish", "stay")),
    )
    for name, given, valid in choices:
        if given not in valid:
            raise InputError(
                f"{name} must be {' or '.join(valid)}", where=f"simulate_snapshots({name}=)"
            )


def _check_people(people: People) -> None:
    if not people.has_dates or people.census_date is None or not len(people):
        raise InputError("extracts need people with dates and a census", where="people")
    if missing := [name for name in ("placements", "roles") if name not in people.tables]:
        raise InputError(
            f"the people have no table of {' and '.join(missing)}",
            where="people.tables",
            fix="give people of simulate_trainees, or load its tables with the trainees",
        )


def _extract_dates(
    people: People, every: Every, day: DayOfMonth, first: str | dt.date | np.datetime64 | None
) -> Days:
    start = to_days(people.trainees["start_date"]).min()
    begin = start if first is None else _read_day(first)
    census = to_days([people.census_date])[0]
    months = np.arange(begin.astype("datetime64[M]"), census.astype("datetime64[M]") + 1)
    days = months.astype("datetime64[D]")
    if day == "end":
        days = (months + 1).astype("datetime64[D]") - _DAY
    dates = days[(days >= max(begin, start)) & (days <= census)]
    if not len(dates):
        raise InputError("there is no extract between the first day and the census", where="first")
    return np.asarray(dates[:: 12 if every == "year" else 1])


def _read_day(given: str | dt.date | np.datetime64) -> np.datetime64:
    value = pd.Timestamp(given) if isinstance(given, np.datetime64) else given
    read = None if pd.isna(value) else read_date(value, "first")
    if read is None or isinstance(read, Problem):
        raise InputError("first is not a day", where="first", fix='write it as "2015-03-31"')
    return np.datetime64(read, "D")


# ------------------------------------------------------------- people


def _in_post(people: People, dates: Days, lost: Lost) -> tuple[Ints, Days]:
    """Return every pair of a person and a date on which they are in post."""
    frame = people.trainees
    seen = to_days(frame["last_seen_date"])
    left = (
        to_days(frame["leave_nhs_date"]) if "leave_nhs_date" in frame else np.full_like(seen, _NAT)
    )
    after = np.where(lost == "vanish", seen + _DAY, dates[-1] + _DAY)
    gone = np.where(np.isnat(left), after, left)
    begin = np.searchsorted(dates, to_days(frame["start_date"]))
    number = np.maximum(np.searchsorted(dates, gone) - begin, 0)
    person = np.repeat(np.arange(len(frame)), number)
    within = np.arange(len(person)) - np.repeat(np.cumsum(number) - number, number)
    return person, dates[begin[person] + within]


def _describe(people: People, person: Ints, on: Days) -> pd.DataFrame:
    """Return the rows of people on days, with what they hold then."""
    spells = _spells(people)
    key = spells.owner * 1_000_000 + spells.begin.astype(np.int64)
    held = np.searchsorted(key, person * 1_000_000 + on.astype(np.int64), side="right") - 1
    # Before one's own first placement the last one begun is somebody else's, or none.
    held = np.where((held >= 0) & (spells.owner[held] == person), held, -1)
    frame = people.trainees.iloc[person].reset_index(drop=True)
    frame["snapshot_date"] = on.astype("datetime64[ns]")
    for name in _POST:
        frame[name] = spells.post[name].reindex(held).to_numpy()
    attributes = [
        column.name
        for column in TRAINEES
        if column.known == "start" and column.name not in (*_KEYS, *_POST)
    ]
    return frame[[name for name in (*_KEYS, *_POST, *attributes) if name in frame]]


def _spells(people: People) -> _Spells:
    ids = pd.Index(people.trainees["trainee_id"])
    placements = people.tables["placements"].assign(
        role=assumed.TRAINEE_ROLE, band=assumed.TRAINEE_BAND, fte=1.0
    )
    tables = (placements, people.tables["roles"])
    columns = ["trainee_id", "start_date", *_POST]
    both = pd.concat([table.reindex(columns=columns) for table in tables], ignore_index=True)
    owner = np.asarray(ids.get_indexer(pd.Index(both["trainee_id"])), dtype=np.int64)
    begin = to_days(both["start_date"])
    begun = begin >= to_days(people.trainees["start_date"])[owner]  # no post before the scheme
    order = np.lexsort((begin, owner))
    order = order[begun[order]]
    return _Spells(
        owner=owner[order], begin=begin[order], post=both.iloc[order].reset_index(drop=True)
    )
