"""The contract of a row of a staff-in-post extract, made of the columns of the other tables."""

from __future__ import annotations

from dataclasses import replace

from gmts_models.data.contract.columns import BY_NAME, TRAINEES, Column
from gmts_models.data.contract.tables import CHANGES, ROLES, Table

POST = ("organisation", "organisation_type", "region", "band", "role", "fte")
"""What a row says of the post; spells in which none of it changes are the roles."""

FIXED = ("specialism", "cohort", "start_date", "scheme_end_date")
"""What ought to be the same in every row of a person: the first that is given counts."""

AS_FIRST_SEEN = tuple(
    column.name for column in TRAINEES if column.known == "start" and column.name not in FIXED
)
"""Attributes of the trainees: the first row of a person counts, even where it gives none."""


def _post(name: str) -> Column:
    return replace(ROLES.by_name[name], known="snapshot_date")


SNAPSHOTS = Table(
    name="snapshots",
    meaning="one person, or post, in post on the date of an extract; or one that has ended",
    date="snapshot_date",
    columns=(
        Column(name="trainee_id", kind="id", meaning="whose row it is", required=True),
        Column(
            name="snapshot_date",
            kind="date",
            meaning="date of the extract, or its year, quarter or month",
            required=True,
            known="snapshot_date",
        ),
        *(replace(BY_NAME[name], required=False) for name in FIXED),
        replace(
            BY_NAME["leave_nhs_date"],
            meaning="day of leaving the NHS; up to the snapshot's date, the row is of a leaver, "
            "later it is a plan",
            known="snapshot_date",
        ),
        BY_NAME["destination"],
        replace(BY_NAME["event"], meaning="of a panel: 1, or the cause, where the period ended it"),
        *(_post(name) for name in POST),
        *(BY_NAME[name] for name in AS_FIRST_SEEN if name not in POST),
    ),
)

CHANGES_SEEN = Table(
    name="changes",
    meaning="what happened to a person between two snapshots",
    date="date",
    columns=(
        Column(name="trainee_id", kind="id", meaning="to whom", required=True),
        Column(
            name="date",
            kind="date",
            meaning="date of the snapshot that shows it first",
            required=True,
            known="date",
        ),
        Column(
            name="after_date",
            kind="date",
            meaning="date of the last snapshot that does not: it happened after, and up to `date`",
            known="date",
        ),
        Column(
            name="change",
            kind="category",
            meaning="what happened; moved is to another organisation",
            allowed=CHANGES,
            required=True,
            known="date",
        ),
        Column(
            name="was",
            kind="category",
            meaning="organisation, band or hours before; empty of a joiner",
            known="date",
        ),
        Column(
            name="now",
            kind="category",
            meaning="organisation, band or hours after; empty of a leaver",
            known="date",
        ),
    ),
)
"""What `from_snapshots` derives; no table that is loaded, and no feature reads it."""
