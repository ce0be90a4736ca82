"""Values that break no rule and are unlikely: a default date, a twice-passed exam, a long gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import BY_NAME
from gmts_models.data.contract.tables import SURVEYS
from gmts_models.data.months import months_between
from gmts_models.data.people import People
from gmts_models.data.reading.cells import fold_id

SUSPICIOUS_COLUMNS = ("table", "column", "what", "rows", "fix")

PILED_SHARE, PILED_LEAST = 0.1, 10
YEAR_END_SHARE = 0.03
USUAL_AGES = (18, 65)
LONGEST_COMMUTE = 120
ODD_SCHEME_MONTHS = 6
SHORTEST_PLACEMENT_DAYS, LONGEST_PLACEMENT_MONTHS = 14, 24
LONGEST_GAP_MONTHS = 2
LOST_SHARE = 0.1
STALE_MONTHS = 12
MOST_HOURS = 1.2
FEWEST_ITEMS = 5

Found = Iterator[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What is said of rows that are found.

    Attributes
    ----------
    what, fix : the finding, and what to do.
    """

    what: str
    fix: str


def find_suspicious(people: People) -> Found:
    """Return what is possible and unlikely.

    Parameters
    ----------
    people : checked records.

    Yields
    ------
    A dict with the keys `SUSPICIOUS_COLUMNS`; `rows` is how many rows it is about.
    """
    yield from _trainees(people)
    if people.has_dates:
        yield from _departures(people)
    checks: dict[str, Callable[[People, pd.DataFrame], Found]] = {
        "placements": _placements,
        "surveys": _surveys,
        "assessments": _assessments,
        "roles": _roles,
        "labour_market": _labour_market,
    }
    for table, check in checks.items():
        if table in people.tables and len(people.tables[table]):
            yield from check(people, people.tables[table])


def _found(table: str, column: str, rows: Any, words: _Words) -> Found:
    number = int(np.sum(rows))
    if number:
        yield {
            "table": table,
            "column": column,
            "what": words.what,
            "rows": number,
            "fix": words.fix,
        }


# ------------------------------------------------------------ trainees


def _trainees(people: People) -> Found:
    frame = people.trainees
    ids = frame["trainee_id"].astype(str)
    alike = ids.map(fold_id).duplicated(keep=False)
    words = "ids that differ in leading zeros, case or spaces only"
    fix = "check whether they are one person, and whose the records of each are"
    yield from _found("trainees", "trainee_id", alike, _Words(what=words, fix=fix))
    if "age_at_start" in frame:
        youngest, oldest = USUAL_AGES
        odd = ~frame["age_at_start"].dropna().between(youngest, oldest)
        words = f"under {youngest} or over {oldest} at the start"
        yield from _found("trainees", "age_at_start", odd, _Words(what=words, fix="check them"))
    if "commute_minutes" in frame:
        long = frame["commute_minutes"] > LONGEST_COMMUTE
        words = f"a commute of more than {LONGEST_COMMUTE} minutes one way"
        fix = "check whether it is both ways, or in miles"
        yield from _found("trainees", "commute_minutes", long, _Words(what=words, fix=fix))
    known = [name for name, column in BY_NAME.items() if column.known == "start"]
    for name in frame.columns.intersection([*known, *people.attributes]):
        if len(frame) >= PILED_LEAST and frame[name].isna().all():
            fix = "leave the column out, or find out why it is empty"
            words = "not a single value"
            yield from _found("trainees", str(name), len(frame), _Words(what=words, fix=fix))


def _departures(people: People) -> Found:
    frame = people.trainees
    if "leave_nhs_date" in frame:
        yield from _leaving_days(people, frame)
    if "scheme_end_date" in frame:
        yield from _scheme_length(frame)
    if people.census_date is not None and "last_seen_date" in frame:
        left = _column(frame, "leave_nhs_date").notna()
        lost = ~left & (frame["last_seen_date"] < people.census_date)
        if lost.mean() > LOST_SHARE:
            words = f"more than {LOST_SHARE:.0%} were lost to follow-up before the census"
            words = words.replace("%", " %")
            fix = "find out whether they had left: retention takes them to leave as the others do"
            yield from _found("trainees", "last_seen_date", lost, _Words(what=words, fix=fix))


def _leaving_days(people: People, frame: pd.DataFrame) -> Found:
    leaving = frame["leave_nhs_date"]
    first = leaving == frame["start_date"]
    words, fix = "left on the first day", "check whether they ever came"
    yield from _found("trainees", "leave_nhs_date", first, _Words(what=words, fix=fix))
    # Contracts end with the scheme, so that a cohort does leave on one day then.
    days = leaving[leaving.notna() & (leaving != _column(frame, "scheme_end_date"))]
    if len(days) < PILED_LEAST:
        return
    top = int(days.value_counts().iloc[0])
    if top >= PILED_LEAST and top > PILED_SHARE * len(days):
        words = "many leave on one and the same day, which is not their scheme's end"
        fix = "check whether the day stands for 'not known', or for the day of a data entry"
        yield from _found("trainees", "leave_nhs_date", top, _Words(what=words, fix=fix))
    turn = ((days.dt.month == 12) & (days.dt.day == 31)) | (
        (days.dt.month == 1) & (days.dt.day == 1)
    )
    if people.resolution == "day" and turn.sum() >= 5 and turn.mean() > YEAR_END_SHARE:
        words = "many leave on 31 December or 1 January"
        fix = "check whether only the year was known"
        yield from _found("trainees", "leave_nhs_date", turn, _Words(what=words, fix=fix))
    if people.census_date is not None:
        on_census = days == people.census_date
        words, fix = "left on the census day", "check whether it means 'still there'"
        if people.resolution == "day" and on_census.sum() >= 5:
            yield from _found("trainees", "leave_nhs_date", on_census, _Words(what=words, fix=fix))


def _scheme_length(frame: pd.DataFrame) -> Found:
    months = pd.Series(months_between(frame["start_date"], frame["scheme_end_date"]), frame.index)
    usual = months.groupby(frame["specialism"]).transform("median")
    odd = (months - usual).abs() > ODD_SCHEME_MONTHS
    words = f"the scheme is more than {ODD_SCHEME_MONTHS} months from the specialism's usual length"
    fix = "give the planned end; an early leaving has dates of its own"
    yield from _found("trainees", "scheme_end_date", odd, _Words(what=words, fix=fix))
    if "leave_scheme_date" in frame:
        same = frame["leave_scheme_date"] == frame["scheme_end_date"]
        words = "left the scheme on the day it ends"
        fix = "leave leave_scheme_date empty for those who completed it"
        yield from _found("trainees", "leave_scheme_date", same, _Words(what=words, fix=fix))


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name in frame:
        return frame[name]
    return pd.Series(pd.NaT, frame.index)


# ------------------------------------------------------------- records


def _placements(people: People, frame: pd.DataFrame) -> Found:
    table = "placements"
    if "end_date" in frame:
        days = (frame["end_date"] - frame["start_date"]).dt.days
        brief = days < SHORTEST_PLACEMENT_DAYS
        if "placement_type" in frame:
            brief &= ~frame["placement_type"].isin(["orientation"])
        words = f"a placement of less than {SHORTEST_PLACEMENT_DAYS} days"
        yield from _found(table, "end_date", brief, _Words(what=words, fix="check the dates"))
        yield from _gaps_between(frame)
    until = _column(frame, "end_date").fillna(people.census_date)
    long = months_between(frame["start_date"], until) > LONGEST_PLACEMENT_MONTHS
    words = f"a placement of more than {LONGEST_PLACEMENT_MONTHS} months"
    fix = "give the end of those that are over"
    yield from _found(table, "end_date", long, _Words(what=words, fix=fix))
    if "region" in frame and "region" in people.trainees:
        home = people.trainees.set_index("trainee_id")["region"]
        its = frame["trainee_id"].map(home)
        away = frame["region"].notna() & its.notna() & (frame["region"] != its)
        words = "a placement outside the trainee's region"
        yield from _found(table, "region", away, _Words(what=words, fix="check the regions"))
    without = ~people.trainees["trainee_id"].isin(frame["trainee_id"])
    words, fix = "trainees without any placement", "check whether the table is complete"
    yield from _found(table, "trainee_id", without, _Words(what=words, fix=fix))


def _gaps_between(frame: pd.DataFrame) -> Found:
    ordered = frame.sort_values(["trainee_id", "start_date"], kind="stable")
    before = ordered.groupby("trainee_id")["end_date"].shift()
    gap = months_between(before, ordered["start_date"]) > LONGEST_GAP_MONTHS
    words = f"more than {LONGEST_GAP_MONTHS} months without a placement before this one"
    fix = "add the placement between, or check the dates"
    yield from _found("placements", "start_date", gap, _Words(what=words, fix=fix))


def _surveys(people: People, frame: pd.DataFrame) -> Found:
    scores = frame[[name for name in SURVEYS.by_name if name in frame and name != "date"]]
    scores = scores.select_dtypes("number")
    told = scores.notna().sum(axis=1) >= FEWEST_ITEMS
    flat = told & (scores.max(axis=1) == scores.min(axis=1))
    words = "the same score in every question"
    fix = "check whether the form fills in a default"
    yield from _found("surveys", "all scores", flat, _Words(what=words, fix=fix))
    ordered = frame.sort_values(["trainee_id", "date"], kind="stable")
    since = ordered.groupby("trainee_id")["date"].diff().dt.days
    words, fix = "another survey less than a week before", "keep one of them"
    yield from _found("surveys", "date", since < 7, _Words(what=words, fix=fix))


def _assessments(people: People, frame: pd.DataFrame) -> Found:
    by = ["trainee_id", "assessment_type", "subject"]
    if not {"assessment_type", "subject"}.issubset(frame.columns):
        return
    ordered = frame.sort_values("date", kind="stable")
    named = ordered[ordered["subject"].notna()]
    for flag, words in (
        ("passed", "an exam taken again after it was passed"),
        ("signed_off", "a competency that is signed off no longer"),
    ):
        if flag not in named:
            continue
        value = named[flag].astype("boolean")
        so_far = value.fillna(False).astype(int).groupby([named[name] for name in by]).cumsum()
        before = so_far - value.fillna(False).astype(int) > 0
        again = before & (value.notna() if flag == "passed" else (value == False).fillna(False))  # noqa: E712
        yield from _found("assessments", flag, again, _Words(what=words, fix="check the dates"))
    if {"rating", "signed_off"}.issubset(frame.columns):
        low = (frame["rating"] <= 2) & frame["signed_off"].astype("boolean").fillna(False)
        words = "signed off with a rating of 1 or 2"
        fix = "check whether the scale runs the other way"
        yield from _found("assessments", "rating", low, _Words(what=words, fix=fix))


def _roles(people: People, frame: pd.DataFrame) -> Found:
    if "fte" not in frame:
        return
    many = frame["fte"] > MOST_HOURS
    words = f"a post of more than {MOST_HOURS:g} full-time equivalents"
    fix = "check whether it is in hours or percent"
    yield from _found("roles", "fte", many, _Words(what=words, fix=fix))


def _labour_market(people: People, frame: pd.DataFrame) -> Found:
    if people.census_date is None:
        return
    last = frame["date"].max()
    if float(months_between([last], [people.census_date])[0]) > STALE_MONTHS:
        words = f"the series ends more than {STALE_MONTHS} months before the census"
        fix = "add the later publications; till then the last value is taken"
        yield from _found("labour_market", "date", 1, _Words(what=words, fix=fix))
