"""Start-stop rows: each person's follow-up, split where what is known of them changes.

A row is the stretch (a, b] of one person's time, and its features are what is known at its
beginning: the facts dated up to and including day a. So an event on day b is set against facts of
the days before it only. The first stretch begins with the clock, and has what is known then: the
facts dated before its first day. A fact of that very day is taken up a day later.

What moves with time alone (tenure, the phase of the scheme) has its value at the beginning of the
stretch, which is the day after day a. Stretches therefore end at the scheme's end and six months
after it; finer steps of time are the calendar's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from gmts_models.config import Endpoint
from gmts_models.data.contract.columns import BY_NAME
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.endpoints import Followed, build_outcome
from gmts_models.data.months import Days, add_months, months_between, to_days
from gmts_models.data.people import People, check_people
from gmts_models.errors import InputError
from gmts_models.features.attribute import Attribute, source_of
from gmts_models.features.matrix import Features, candidates, make_matrix
from gmts_models.features.prediction_date import Asked, read_at
from gmts_models.features.table import FeatureTable, Recipe, as_table
from gmts_models.outcome import Ints, Outcome

Calendar = Literal["year", "month"] | Sequence[str | dt.date | np.datetime64]

BREAKS = ("placements", "surveys", "assessments", "roles")

_DAY = np.timedelta64(1, "D")
_AFTER_SCHEME = 6
"""Months after the scheme's end at which a stretch ends too."""


def build_episodes(
    people: People,
    endpoint: Endpoint = "left_nhs",
    *,
    features: Features = "default",
    breaks: Sequence[str] = BREAKS,
    calendar: Calendar | None = None,
    attributes: Sequence[Attribute] = (),
    competing: bool = False,
) -> FeatureTable:
    """Split each person's follow-up into stretches, for models of features that change with time.

    Parameters
    ----------
    people : of `load_trainees(...).valid` or `simulate_trainees`, with dates.
    endpoint : "left_nhs", "left_scheme" or "post_scheme".
    features, attributes : as of `build_features`.
    breaks : tables whose records split the follow-up of their people: at the day of the record,
        and at its end where it has one. A table that does not belong to people
        ("labour_market") splits everyone's. Tables that are not there split nothing.
    calendar : "year" or "month" splits at the first day of each; or a list of days. None = none.
    competing : as of `build_features`. Of "left_scheme", whose people otherwise stay at risk after
        completing, rows then end at completion.

    Returns
    -------
    FeatureTable, a person's rows under each other, indexed 0..n-1: entry and exit in months on the
    clock of the endpoint, the event in the last row only, `y.people` the same in all. `on` is the
    day before which what X tells is dated, `landmark` the beginning of the row in months since the
    start.

    Raises
    ------
    InputError : durations came ready, a break is no table, a calendar day is no day, or as
        `build_features`.

    Notes
    -----
    Splitting alone changes no Cox fit; R's ``survival::tmerge`` splits alike.

    Source: Therneau, Crowson & Atkinson, Using time dependent covariates and time dependent
    coefficients in the Cox model (vignette of ``survival``).
    """
    check_people(people)
    if not people.has_dates:
        raise InputError(
            "these people have ready durations and no dates, so no record has a place in time",
            where="build_episodes",
            fix="give start_date and leave_nhs_date",
        )
    followed = build_outcome(people, endpoint, competing=competing)
    begin = _first_days(people, followed)
    owner, day = _breaks(people, followed, begin, breaks, calendar, features, attributes)
    person, first, last = _split(begin, followed.ends, owner, day)
    y = _outcome(followed, person, first, last)
    on = first + np.where(first > followed.clock[person], _DAY, 0 * _DAY)
    rows = followed.rows[person]
    start = to_days(people.trainees["start_date"])[rows]
    asked = Asked(person=rows, on=on, months=months_between(start, first))
    X = make_matrix(people, features, attributes, asked)
    recipe = Recipe(
        names=tuple(map(str, X)), endpoint=endpoint, attributes=tuple(attributes), episodes=True
    )
    return as_table(people, X, y, asked, followed.follow_up[person], recipe)


def _first_days(people: People, followed: Followed) -> Days:
    """Return (n,) the day on which each person's observation begins."""
    if "first_seen_date" not in people.trainees:
        return followed.clock
    seen = to_days(people.trainees["first_seen_date"])[followed.rows]
    return np.where(followed.y.entry > 0, seen, followed.clock)


def _split(begin: Days, end: Days, owner: Ints, day: Days) -> tuple[Ints, Days, Days]:
    """Return, for each stretch, whose it is, and its first and last day.

    Parameters
    ----------
    begin, end : (n,) of each person's observation.
    owner, day : (m,) persons and the days at which their stretches end.
    """
    inside = (day > begin[owner]) & (day < end[owner])  # false where a day is missing
    breaks = pd.DataFrame({"owner": owner[inside], "day": day[inside].astype(np.int64)})
    breaks = breaks.drop_duplicates().sort_values(["owner", "day"])
    number = np.bincount(breaks["owner"], minlength=len(begin)) + 1
    person = np.repeat(np.arange(len(begin)), number)
    opens = np.cumsum(number) - number
    first = np.empty(len(person), dtype="datetime64[D]")
    is_break = np.ones(len(person), dtype=bool)
    is_break[opens] = False
    first[opens] = begin
    first[is_break] = breaks["day"].to_numpy().astype("datetime64[D]")
    last = np.empty_like(first)
    last[:-1] = first[1:]
    last[opens + number - 1] = end
    return person, first, last


def _outcome(followed: Followed, person: Ints, first: Days, last: Days) -> Outcome:
    y, clock = followed.y, followed.clock[person]
    opens = np.diff(person, prepend=-1) != 0
    closes = np.diff(person, append=len(y)) != 0
    return Outcome(
        np.where(opens, y.entry[person], months_between(clock, first)),
        np.where(closes, y.exit[person], months_between(clock, last)),
        np.where(closes, y.event[person], 0),
        y.causes,
        ids=followed.rows[person],
        index=pd.RangeIndex(len(person)),
    )


# ---------------------------------------------------------------- breaks


def _breaks(
    people: People,
    followed: Followed,
    begin: Days,
    breaks: Sequence[str],
    calendar: Calendar | None,
    features: Features,
    own: Sequence[Attribute],
) -> tuple[Ints, Days]:
    """Return rows of `followed` and the days at which their stretches end."""
    used = candidates(people, features, own)
    parts = [
        *_of_trainees(people, followed, used),
        *_of_records(people, followed, breaks, used),
    ]
    owner = np.concatenate([part[0] for part in parts])
    day = np.concatenate([part[1] for part in parts])
    # What is dated on the first day is not known at the start of that day.
    clock = followed.clock[owner]
    day = np.where((day == clock) & (begin[owner] == clock), day + _DAY, day)
    series = [(people.tables[name], name) for name in _tables(people, breaks, personal=False)]
    common = [
        _calendar_days(calendar, begin, followed.ends),
        *(to_days(frame[TABLES[name].date]) for frame, name in series),
    ]
    theirs, when = _for_everyone(np.unique(np.concatenate(common)), begin, followed.ends)
    return np.concatenate([owner, theirs]), np.concatenate([day, when])


def _of_trainees(
    people: People, followed: Followed, used: Iterable[Attribute]
) -> Iterator[tuple[Ints, Days]]:
    """Give the scheme's end, six months after it, and the dates from which features are known."""
    frame, rows = people.trainees, np.arange(len(followed.rows))
    nothing = np.full(len(rows), np.datetime64("NaT", "D"))
    yield rows, nothing
    if "scheme_end_date" in frame:
        end = to_days(frame["scheme_end_date"])[followed.rows]
        yield rows, end
        yield rows, add_months(end, _AFTER_SCHEME)
    for attribute in used:
        for table, name in map(source_of, (*attribute.sources, *attribute.optional)):
            column = BY_NAME.get(name, people.attributes.get(name))
            if table != "trainees" or column is None:
                continue
            if column.known in frame:
                day = to_days(frame[column.known])[followed.rows]
                yield rows, day + attribute.lag_days * _DAY
            elif column.known == "start" and attribute.lag_days:  # dated on the eve of the start
                start = to_days(frame["start_date"])[followed.rows]
                yield rows, start + (attribute.lag_days - 1) * _DAY


def _of_records(
    people: People, followed: Followed, breaks: Sequence[str], used: Iterable[Attribute]
) -> Iterator[tuple[Ints, Days]]:
    row_of = np.full(len(people) + 1, -1)  # the last is nobody's, where an id is not found
    row_of[followed.rows] = np.arange(len(followed.rows))
    ids = pd.Index(people.trainees["trainee_id"].astype(object))
    used = list(used)
    for name in _tables(people, breaks, personal=True):
        frame, contract = people.tables[name], TABLES[name]
        owner = row_of[ids.get_indexer(pd.Index(frame["trainee_id"].astype(object)))]
        lags = {
            a.lag_days
            for a in used
            if any(source_of(s)[0] == name for s in (*a.sources, *a.optional))
        }
        for column in (contract.date, contract.end):
            if column in frame:
                day = to_days(frame[column])
                for lag in {0, *lags}:
                    yield owner[owner >= 0], day[owner >= 0] + lag * _DAY


def _tables(people: People, breaks: Sequence[str], *, personal: bool) -> list[str]:
    for name in [breaks] if isinstance(breaks, str) else breaks:
        if name not in TABLES:
            raise InputError(
                f"there is no table {name!r} to split by",
                where="breaks",
                fix=f"choose among {', '.join(TABLES)}",
            )
    return [each for each in people.tables if each in breaks and TABLES[each].personal == personal]


def _for_everyone(days: Days, begin: Days, end: Days) -> tuple[Ints, Days]:
    """Return each pair of a person and a day that falls into their observation."""
    days = days[~np.isnat(days)]
    first = np.searchsorted(days, begin, side="right")
    number = np.maximum(np.searchsorted(days, end, side="left") - first, 0)
    owner = np.repeat(np.arange(len(begin)), number)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
    return owner, days[np.repeat(first, number) + within]


def _calendar_days(calendar: Calendar | None, begin: Days, end: Days) -> Days:
    if calendar is None or not len(begin):
        return np.array([], dtype="datetime64[D]")
    if isinstance(calendar, str):
        units = {"year": "Y", "month": "M"}
        if calendar not in units:
            raise InputError(
                f"there is no calendar {calendar!r}",
                where="calendar",
                fix='say "year", "month" or a list of days',
            )
        unit = f"datetime64[{units[calendar]}]"
        return np.arange(begin.min().astype(unit), end.max().astype(unit) + 1).astype(
            "datetime64[D]"
        )
    days = [_day(each) for each in calendar]
    if None in days:
        raise InputError(
            "the calendar holds something that is no day",
            where="calendar",
            fix='write days as "2021-09-01"',
        )
    return np.array(days, dtype="datetime64[D]")


def _day(value: str | dt.date | np.datetime64) -> str | None:
    try:
        day = read_at(value)
    except InputError:
        return None
    return day if isinstance(day, str) and day not in ("start", "scheme_end") else None
