"""What is missing, by column and cohort."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gmts_models.data.contract.tables import TABLES
from gmts_models.data.people import People

ALL = "All"

_NOT_YET = {
    "trainees": ("first_seen_date", "leave_scheme_date", "leave_nhs_date", "entry_months"),
    "placements": ("end_date",),
    "roles": ("end_date",),
    "labour_market": ("region",),
}
"""Empty means that it has not happened, or that it is everywhere, so it is no gap."""

_OF_ONE_KIND = {
    "rating": "competency",
    "signed_off": "competency",
    "framework_size": "competency",
    "passed": "exam",
}
"""Columns of the assessments that only one type of them has."""

COLUMNS = ["table", "column", "cohort", "n", "missing", "share"]


def count_gaps(people: People) -> pd.DataFrame:
    """Count missing values.

    Parameters
    ----------
    people : checked records.

    Returns
    -------
    Frame with the columns `COLUMNS`: of every column that misses a value, over all rows, and of
    the trainees also by cohort. A destination is missing only of those who left, and so on.
    """
    lines: list[dict[str, Any]] = []
    read = [(name, people.tables[name]) for name in TABLES if name in people.tables]
    for table, frame in [("trainees", people.trainees), *read]:
        for name in frame.columns:
            if name in _NOT_YET.get(table, ()):
                continue
            asked = frame[name][_asked(people, table, frame, str(name))]
            if not asked.isna().any():
                continue
            lines.append(_line(table, name, ALL, asked))
            if table == "trainees" and "cohort" in frame and name != "cohort":
                cohort = frame["cohort"].loc[asked.index]
                lines += [
                    _line(table, name, label, part)
                    for label, part in asked.groupby(cohort, sort=True)
                ]
    return pd.DataFrame(lines, columns=COLUMNS)


def _line(table: str, column: object, cohort: object, values: pd.Series[Any]) -> dict[str, Any]:
    missing = int(values.isna().sum())
    return {
        "table": table,
        "column": str(column),
        "cohort": str(cohort),
        "n": len(values),
        "missing": missing,
        "share": missing / len(values),
    }


def _asked(people: People, table: str, frame: pd.DataFrame, name: str) -> pd.Series[bool]:
    """Return (n,) bool: the rows that should have a value."""
    everyone = pd.Series(True, frame.index)
    if table == "trainees" and name == "destination":
        return frame["leave_nhs_date"].notna() if people.has_dates else frame["event"] == 1
    if table == "assessments" and name in _OF_ONE_KIND and "assessment_type" in frame:
        return frame["assessment_type"] == _OF_ONE_KIND[name]
    return everyone
