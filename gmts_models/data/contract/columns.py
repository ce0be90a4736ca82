"""The contract of the trainees table, declared once.

Loading, checking, the features, the synthetic scheme and the docs all read it from here. The other
tables are in ``tables.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "category", "date", "number", "flag", "event"]

SPECIALISMS = (
    "Finance",
    "General Management",
    "Health Analysis",
    "Health Informatics",
    "Human Resources",
    "Policy and Strategy",
)
DESTINATIONS = ("other public sector", "private sector", "further study", "other")
REGIONS = (
    "East of England",
    "London",
    "Midlands",
    "North East and Yorkshire",
    "North West",
    "South East",
    "South West",
)
DEGREE_CLASSES = ("first", "upper second", "lower second", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : as the package calls it; a user's own name is mapped to it on loading.
    kind : id, category (text), date, number, flag (yes or no) or event (0, 1, or the name of
        a cause).
    meaning : one line.
    unit : of a number.
    allowed : the labels a category may take on the GMTS; None = any.
    least, most : the range of a number.
    required : whether a table without it is refused.
    protected : a protected characteristic (Equality Act 2010): no feature unless it is named; of
        the default features only age_band comes from one.
    known : when the fact is known. "start": before the first day on the scheme. The name of a date
        column of the same table: from the day after that date on. None: not said, or never known
        to a feature, like the end of observation.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str | None = None
    allowed: tuple[str, ...] | None = None
    least: float | None = None
    most: float | None = None
    required: bool = False
    protected: bool = False
    known: str | None = None


TRAINEES: tuple[Column, ...] = (
    Column(name="trainee_id", kind="id", meaning="one person on the scheme; unique", required=True),
    Column(
        name="specialism",
        kind="category",
        meaning="the group that everything is estimated by",
        allowed=SPECIALISMS,
        required=True,
        known="start",
    ),
    Column(
        name="cohort",
        kind="category",
        meaning="intake, such as 2019-09; made from start_date where it is not given",
        known="start",
    ),
    # Dates
    Column(name="start_date", kind="date", meaning="first day on the scheme", known="start"),
    Column(
        name="first_seen_date",
        kind="date",
        meaning="first day under observation, where later than the start (late entry)",
    ),
    Column(
        name="scheme_end_date",
        kind="date",
        meaning="day on which the scheme ends for the trainee, or is planned to",
        known="start",
    ),
    Column(
        name="leave_scheme_date",
        kind="date",
        meaning="day of withdrawing from the scheme before completing it",
        known="leave_scheme_date",
    ),
    Column(
        name="leave_nhs_date",
        kind="date",
        meaning="day of leaving the NHS",
        known="leave_nhs_date",
    ),
    Column(
        name="last_seen_date",
        kind="date",
        meaning="last day on which the status is known; the census date where it is not given",
    ),
    Column(
        name="destination",
        kind="category",
        meaning="where a leaver of the NHS went; missing = unknown",
        allowed=DESTINATIONS,
    ),
    # Ready durations, in place of the dates
    Column(
        name="entry_months",
        kind="number",
        meaning="months since the start at which observation begins; 0 where it is not given",
        unit="months",
        least=0,
    ),
    Column(
        name="duration_months",
        kind="number",
        meaning="months since the start at which observation ends",
        unit="months",
        least=0,
    ),
    Column(
        name="event",
        kind="event",
        meaning="0 = still there when last seen, 1 = left; or the name of the cause, empty = 0",
    ),
    # Attributes
    Column(
        name="age_at_start",
        kind="number",
        meaning="age on the start date",
        unit="years",
        least=16,
        most=100,
        protected=True,
        known="start",
    ),
    Column(name="gender", kind="category", meaning="gender", protected=True, known="start"),
    Column(
        name="ethnicity", kind="category", meaning="ethnic group", protected=True, known="start"
    ),
    Column(
        name="disability",
        kind="flag",
        meaning="declared a disability",
        protected=True,
        known="start",
    ),
    Column(
        name="degree_subject", kind="category", meaning="subject area of the degree", known="start"
    ),
    Column(
        name="degree_class",
        kind="category",
        meaning="class of the degree",
        allowed=DEGREE_CLASSES,
        known="start",
    ),
    Column(name="entry_route", kind="category", meaning="how the trainee came in", known="start"),
    Column(
        name="region",
        kind="category",
        meaning="region of the placements",
        allowed=REGIONS,
        known="start",
    ),
    Column(
        name="prior_nhs",
        kind="flag",
        meaning="worked in the NHS before the scheme",
        known="start",
    ),
    Column(
        name="in_service",
        kind="flag",
        meaning="joined from an NHS post (in-service entry)",
        known="start",
    ),
    Column(
        name="commute_minutes",
        kind="number",
        meaning="one-way commute to the first placement",
        unit="minutes",
        least=0,
        most=300,
        known="start",
    ),
    Column(
        name="joining_survey",
        kind="number",
        meaning="intention to stay, asked before the first day; missing = no answer",
        unit="0 to 10",
        least=0,
        most=10,
        known="start",
    ),
)

BY_NAME = {column.name: column for column in TRAINEES}
REQUIRED = tuple(column.name for column in TRAINEES if column.required)
PROTECTED = tuple(column.name for column in TRAINEES if column.protected)
