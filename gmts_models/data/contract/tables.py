"""The contract of the tables beside the trainees: placements, surveys, assessments, roles, series.

Every record has a date; a feature sees it from the day after. What a record says that comes later
than its date (the end of a placement) has a date of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from gmts_models.data.contract.columns import REGIONS, TRAINEES, Column

PLACEMENT_TYPES = ("orientation", "first", "flexi", "second")
FOCUSES = ("operational", "strategic")
ASSESSMENT_TYPES = ("competency", "exam")
CHANGES = ("joined", "left", "returned", "moved", "band", "hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table.

    Attributes
    ----------
    name : as the package calls it; files of a folder and sheets of a workbook are found by it.
    meaning : what one row is.
    columns : of the contract; a table may have more, declared as attributes.
    date : column with the day of the record, from the day after which it is known.
    end : column with the last day of what the record tells, where it lasts; a record without it
        is open.
    personal : whether rows belong to trainees, by trainee_id.
    unique : columns that together may appear once; another row with them is a conflict.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    date: str
    end: str | None = None
    personal: bool = True
    unique: tuple[str, ...] = ()

    @property
    def by_name(self) -> dict[str, Column]:
        """The columns of the contract by name."""
        return {column.name: column for column in self.columns}


def _id() -> Column:
    return Column(name="trainee_id", kind="id", meaning="whose record it is", required=True)


def _date(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name=name, kind="date", meaning=meaning, required=required, known=name)


def _label(name: str, meaning: str, known: str, allowed: tuple[str, ...] | None = None) -> Column:
    return Column(name=name, kind="category", meaning=meaning, known=known, allowed=allowed)


def _score(name: str, meaning: str) -> Column:
    return Column(
        name=name,
        kind="number",
        meaning=meaning,
        unit="0 to 10",
        least=0,
        most=10,
        known="date",
    )


PLACEMENTS = Table(
    name="placements",
    meaning="one placement of a trainee on the scheme",
    date="start_date",
    end="end_date",
    unique=("trainee_id", "start_date"),
    columns=(
        _id(),
        _date("start_date", "first day of the placement", required=True),
        _date("end_date", "last day of the placement; empty while it goes on"),
        _label("placement_type", "which of the scheme's placements", "start_date", PLACEMENT_TYPES),
        _label("organisation", "where the placement is", "start_date"),
        _label("organisation_type", "such as acute trust or integrated care board", "start_date"),
        _label("region", "region of the organisation", "start_date", REGIONS),
        _label("focus", "kind of work", "start_date", FOCUSES),
        _label("manager", "code of the placement manager; no name", "start_date"),
        Column(
            name="commute_minutes",
            kind="number",
            meaning="one-way commute to the placement",
            unit="minutes",
            least=0,
            most=300,
            known="start_date",
        ),
    ),
)

SURVEYS = Table(
    name="surveys",
    meaning="one survey that a trainee was sent; without any score it was not answered",
    date="date",
    unique=("trainee_id", "date"),
    columns=(
        _id(),
        _date(
            "date", "day of the answer; where there is none, day by which it was due", required=True
        ),
        _score("engagement", "staff engagement"),
        _score("morale", "morale"),
        _score("support", "support from manager and scheme"),
        _score("workload", "how manageable the workload is; 10 = entirely"),
        _score("intention_to_leave", "how likely to leave; 10 = certain"),
        _score("compassionate_and_inclusive", "People Promise: we are compassionate and inclusive"),
        _score("recognised_and_rewarded", "People Promise: we are recognised and rewarded"),
        _score("voice_that_counts", "People Promise: we each have a voice that counts"),
        _score("safe_and_healthy", "People Promise: we are safe and healthy"),
        _score("always_learning", "People Promise: we are always learning"),
        _score("work_flexibly", "People Promise: we work flexibly"),
        _score("a_team", "People Promise: we are a team"),
    ),
)

ASSESSMENTS = Table(
    name="assessments",
    meaning="one rating of a competency, or one sitting of an exam",
    date="date",
    unique=("trainee_id", "date", "assessment_type", "subject"),
    columns=(
        _id(),
        _date("date", "day of the rating or of the result", required=True),
        Column(
            name="assessment_type",
            kind="category",
            meaning="a rated competency, or an exam",
            allowed=ASSESSMENT_TYPES,
            required=True,
            known="date",
        ),
        _label("subject", "which competency or exam", "date"),
        Column(
            name="rating",
            kind="number",
            meaning="rating of a competency",
            unit="1 to 5",
            least=1,
            most=5,
            known="date",
        ),
        Column(name="signed_off", kind="flag", meaning="competency signed off", known="date"),
        Column(
            name="framework_size",
            kind="number",
            meaning="how many competencies the programme asks for",
            unit="competencies",
            least=1,
            most=1000,
            known="date",
        ),
        Column(name="passed", kind="flag", meaning="exam passed", known="date"),
    ),
)

ROLES = Table(
    name="roles",
    meaning="one post that a person holds after or beside the scheme",
    date="start_date",
    end="end_date",
    unique=("trainee_id", "start_date", "organisation", "role"),
    columns=(
        _id(),
        _date("start_date", "first day in the post", required=True),
        _date("end_date", "last day in the post; empty while it goes on"),
        _label("role", "what the post is", "start_date"),
        _label("band", "pay band", "start_date"),
        _label("organisation", "employer", "start_date"),
        _label("organisation_type", "such as acute trust or integrated care board", "start_date"),
        _label("region", "region of the employer", "start_date", REGIONS),
        Column(
            name="fte",
            kind="number",
            meaning="contracted hours",
            unit="full-time equivalents",
            least=0,
            most=2,
            known="start_date",
        ),
    ),
)

LABOUR_MARKET = Table(
    name="labour_market",
    meaning="one publication of series about the labour market",
    date="date",
    personal=False,
    unique=("date", "region"),
    columns=(
        _date(
            "date", "day of publication, not the month that the figures are about", required=True
        ),
        _label("region", "region that the figures are about; empty = everywhere", "date", REGIONS),
        Column(
            name="unemployment_rate",
            kind="number",
            meaning="unemployment rate",
            unit="percent",
            least=0,
            most=100,
            known="date",
        ),
        Column(
            name="vacancies",
            kind="number",
            meaning="open vacancies",
            unit="thousands",
            least=0,
            known="date",
        ),
        Column(
            name="pay_growth",
            kind="number",
            meaning="growth of earnings over a year",
            unit="percent",
            least=-100,
            most=1000,
            known="date",
        ),
    ),
)

TABLES = {table.name: table for table in (PLACEMENTS, SURVEYS, ASSESSMENTS, ROLES, LABOUR_MARKET)}
"""Beside the trainees, by name. Each is optional."""

TABLE_NAMES = ("trainees", *TABLES)


def columns_of(table: str) -> dict[str, Column]:
    """Return the contract of a table's columns, by name; "trainees" is one of them."""
    columns = TRAINEES if table == "trainees" else TABLES[table].columns
    return {column.name: column for column in columns}
