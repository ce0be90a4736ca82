"""The attributes that a model may learn from, each with its meaning, unit and source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.people import People

AGE_BANDS = (
    (0, 22, "under 22"),
    (22, 25, "22 to 24"),
    (25, 30, "25 to 29"),
    (30, 200, "30 and over"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute.

    Attributes
    ----------
    name : of the column in X.
    kind : "category" (text, missing allowed) or "number" (float; a flag is 0 or 1).
    meaning, unit : for people.
    source : columns of the trainees table that it is made from.
    protected : derived from a protected characteristic.
    derive : from the trainees frame to a Series with the same index.
    """

    name: str
    kind: Literal["category", "number"]
    meaning: str
    unit: str | None = None
    source: tuple[str, ...]
    protected: bool = False
    derive: Callable[[pd.DataFrame], pd.Series]


def _text(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    def derive(frame: pd.DataFrame) -> pd.Series:
        return frame[column].astype(object).where(frame[column].notna(), None)

    return derive


def _number(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    def derive(frame: pd.DataFrame) -> pd.Series:
        return pd.Series(
            frame[column].astype("Float64").to_numpy(float, na_value=np.nan), frame.index
        )

    return derive


def _cohort_year(frame: pd.DataFrame) -> pd.Series:
    return frame["cohort"].astype("string").str.extract(r"^(\d{4})", expand=False).astype(float)


def _age_band(frame: pd.DataFrame) -> pd.Series:
    age = frame["age_at_start"].to_numpy(float)
    band = pd.Series(None, frame.index, dtype=object)
    for least, below, label in AGE_BANDS:
        band[(age >= least) & (age < below)] = label
    return band


def from_column(column: Column) -> Attribute:
    """Make an attribute of a column as it stands."""
    category = column.kind == "category"
    return Attribute(
        name=column.name,
        kind="category" if category else "number",
        meaning=column.meaning,
        unit=column.unit,
        source=(column.name,),
        protected=column.protected,
        derive=_text(column.name) if category else _number(column.name),
    )


BUILT_IN: tuple[Attribute, ...] = (
    from_column(BY_NAME["specialism"]),
    Attribute(
        name="cohort_year",
        kind="number",
        meaning="calendar year of the intake",
        unit="year",
        source=("cohort",),
        derive=_cohort_year,
    ),
    Attribute(
        name="age_band",
        kind="category",
        meaning="age on the start date, in bands",
        source=("age_at_start",),
        protected=True,
        derive=_age_band,
    ),
    *(
        from_column(BY_NAME[name])
        for name in (
            "degree_subject",
            "degree_class",
            "entry_route",
            "region",
            "prior_nhs",
            "in_service",
            "commute_minutes",
            "joining_survey",
        )
    ),
)
"""The attributes of the default recipe. Age is a protected characteristic and the only one among
them; name the features yourself to leave it out. Every other contract column known at the start
can be named too."""


def available(people: People) -> dict[str, Attribute]:
    """Return every attribute that can be made from these people's columns, by name."""
    own = [from_column(column) for column in people.attributes.values()]
    raw = [
        from_column(column)
        for column in BY_NAME.values()
        if column.known == "start" and column.kind in ("category", "number", "flag")
    ]
    known = {attribute.name: attribute for attribute in (*raw, *own, *BUILT_IN)}
    columns = set(people.trainees.columns)
    return {name: each for name, each in known.items() if columns.issuperset(each.source)}


def default_names(people: People) -> tuple[str, ...]:
    """Return the default recipe: the built-in attributes, and the user's own unprotected ones.

    A column without a single value is left out, and so is a cohort without a year in its label.
    """
    ready = available(people)
    wanted = [attribute.name for attribute in BUILT_IN]
    wanted += [name for name, column in people.attributes.items() if not column.protected]
    return tuple(
        name
        for name in wanted
        if name in ready and ready[name].derive(people.trainees).notna().any()
    )
