"""Jobs from the interviews of the National Longitudinal Survey of Young Women (nlswork)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import Column
from gmts_models.data.open.records import (
    Prepared,
    as_flag,
    as_number,
    as_text,
    find_columns,
    known_at_start,
    rejection_lines,
)

_INDUSTRIES = {
    1: "Agriculture, mining and construction",
    2: "Agriculture, mining and construction",
    3: "Agriculture, mining and construction",
    4: "Manufacturing",
    5: "Transport, communications and utilities",
    6: "Wholesale and retail trade",
    7: "Finance, insurance and property",
    8: "Business and repair services",
    9: "Personal and entertainment services",
    10: "Personal and entertainment services",
    11: "Professional services",
    12: "Public administration",
}
_BIRTH_YEARS = [40, 43, 45, 47, 49, 51, 54]
_BIRTH_COHORTS = ["1941-43", "1944-45", "1946-47", "1948-49", "1950-51", "1952-54"]
_RACES = {"1": "white", "2": "black", "3": "other"} | {
    name: name for name in ("white", "black", "other")
}
_JOB_ATTRIBUTES = (
    Column(
        name="age_at_job_start",
        kind="number",
        meaning="age at the first interview in the job, less tenure",
        unit="years",
        protected=True,
    ),
    Column(
        name="experience_before",
        kind="number",
        meaning="work experience at the first interview in the job, less tenure",
        unit="years",
        least=0,
    ),
    Column(name="race", kind="category", meaning="race, in the survey's words", protected=True),
    Column(name="schooling_years", kind="number", meaning="grade completed", unit="years", least=0),
    Column(name="college_graduate", kind="flag", meaning="finished college"),
    Column(name="married", kind="flag", meaning="married, spouse present", protected=True),
    Column(name="area", kind="category", meaning="central city, suburb or neither"),
    Column(name="south", kind="flag", meaning="lives in the South"),
    Column(name="union", kind="flag", meaning="union member; not asked in every round"),
    Column(name="hours", kind="number", meaning="usual hours a week", unit="hours a week", least=0),
)
_ROUNDS = np.array([68, 69, 70, 71, 72, 73, 75, 77, 78, 80, 82, 83, 85, 87, 88])
_LATE_ROUND, _LATE_MONTHS = 88, 4.0  # tenure in long jobs grew by 16 months from 1987 to 1988
_SLACK_MONTHS = 2.0
"""How far tenure may lag behind the calendar from one interview in a job to the next."""

NLSWORK_COLUMNS: dict[str, tuple[str, ...]] = {
    "person": ("idcode", "id", "person_id", "caseid", "nr"),
    "year": ("year", "yr"),
    "birth_year": ("birth_yr", "birth_year", "yob"),
    "age": ("age",),
    "race": ("race",),
    "grade": ("grade", "educ", "education"),
    "college": ("collgrad", "college"),
    "married": ("msp", "married"),
    "south": ("south",),
    "outside_metropolitan": ("not_smsa", "notsmsa"),
    "central_city": ("c_city", "ccity"),
    "industry": ("ind_code", "industry", "ind"),
    "union": ("union",),
    "experience": ("ttl_exp", "exper", "experience", "total_exp"),
    "tenure": ("tenure",),
    "hours": ("hours",),
}


def nlswork_records(raw: pd.DataFrame) -> Prepared:
    """One record a stretch of interviews, round after round, in one job.

    Tenure dates the start of the job, so a job is under observation from the first interview of
    the stretch (late entry). Where the next round finds the woman in another job, she left between
    this interview and the start of the new one: in the middle, at least half a month after the
    interview. A stretch that the next round does not follow is censored at its last interview,
    whether or not she is seen again.
    """
    table = find_columns(raw, NLSWORK_COLUMNS, where="nlswork CSV")
    interviews, rejected = _usable_interviews(table)
    first, last, left, unseen = _stretches(interviews)
    start = interviews[first]
    entry = start["tenure"].to_numpy()
    delay = np.where(left[last], np.maximum(unseen[last] / 2, 0.5), 0.0)
    exit_ = interviews.loc[last, "tenure"].to_numpy() + delay
    stretch = start.groupby("person").cumcount() + 1
    frame = pd.DataFrame(
        {
            "trainee_id": start["person"].astype(int).astype(str) + "-" + stretch.astype(str),
            "specialism": as_number(start["industry"]).map(_INDUSTRIES),
            "cohort": pd.cut(
                _two_digits(start["birth_year"]), _BIRTH_YEARS, labels=_BIRTH_COHORTS
            ).astype(object),
            "entry_months": entry,
            "duration_months": exit_,
            "event": left[last].astype(int).to_numpy(),
        }
        | _job_attributes(start)
    )
    once = pd.Series(exit_ <= entry, frame.index)
    reason = "one interview in the job, and none in the next round: no time under observation"
    return Prepared(
        frame=frame[~once],
        rejected=pd.concat([rejected, rejection_lines(once, "tenure", reason)], ignore_index=True),
        attributes=known_at_start(*_JOB_ATTRIBUTES),
    )


def _usable_interviews(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the interviews in order, tenure in months, and those that cannot be used."""
    person, year = as_number(table["person"]), _two_digits(table["year"])
    tenure = (12 * as_number(table["tenure"])).round(2)
    unplaced = person.isna() | ~year.isin(_ROUNDS)
    unknown = ~unplaced & ~(tenure >= 0)
    keys = pd.DataFrame({"person": person, "year": year})[~unplaced & ~unknown]
    twice = keys.duplicated().reindex(table.index, fill_value=False)
    rejected = [
        rejection_lines(unplaced, "idcode, year", "no person, or not the year of a survey round"),
        rejection_lines(unknown, "tenure", "tenure is missing or negative: the job cannot be told"),
        rejection_lines(twice, "year", "a second interview of the same person in one year"),
    ]
    usable = table.assign(person=person, year=year, tenure=tenure)[~(unplaced | unknown | twice)]
    in_order = usable.sort_values(["person", "year"], kind="stable")
    return in_order, pd.concat(rejected, ignore_index=True)


def _stretches(
    interviews: pd.DataFrame,
) -> tuple[pd.Series[bool], pd.Series[bool], pd.Series[bool], pd.Series[float]]:
    """Mark, among interviews in order, the first and the last of each stretch in one job.

    Also whether the next round finds her in another job, and the months from this interview to
    the start of that one. It is the same job unless tenure fell, or is both too short to reach
    back to the last interview and shorter than tenure in that job would be.
    """
    person, tenure = interviews["person"], interviews["tenure"]
    round_ = pd.Series(np.searchsorted(_ROUNDS, interviews["year"]), interviews.index)
    when = 12 * interviews["year"] + _LATE_MONTHS * (interviews["year"] == _LATE_ROUND)
    before = tenure.groupby(person).shift()
    elapsed = when - when.groupby(person).shift()
    followed = round_ - round_.groupby(person).shift() == 1
    lags = (tenure < elapsed) & (tenure < before + elapsed - _SLACK_MONTHS)
    another = followed & ((tenure < before) | lags)
    first = ~followed | another
    last = first.shift(-1, fill_value=True)
    left = another.shift(-1, fill_value=False)
    unseen = (elapsed - tenure).clip(lower=0).shift(-1)
    return first, last, left, unseen


def _job_attributes(start: pd.DataFrame) -> dict[str, Any]:
    """Build what is told at the first interview; age and experience as of the start of the job."""
    outside, central = as_flag(start["outside_metropolitan"]), as_flag(start["central_city"])
    area = np.select(
        [outside.fillna(False), central.fillna(False)],
        ["outside metropolitan areas", "central city"],
        "suburb",
    )
    known = (outside.notna() & central.notna()).to_numpy()
    tenure = start["tenure"] / 12
    return {
        "age_at_job_start": (as_number(start["age"]) - tenure).round(2),
        "experience_before": (as_number(start["experience"]) - tenure).clip(lower=0).round(2),
        "race": as_text(start["race"]).map(_RACES).astype(object),
        "schooling_years": as_number(start["grade"]),
        "college_graduate": as_flag(start["college"]),
        "married": as_flag(start["married"]),
        "area": pd.Series(area, start.index, dtype=object).where(known),
        "south": as_flag(start["south"]),
        "union": as_flag(start["union"]),
        "hours": as_number(start["hours"]),
    }


def _two_digits(year: pd.Series[Any]) -> pd.Series[float]:
    number = as_number(year)
    return number.where(number < 100, number - 1900)
