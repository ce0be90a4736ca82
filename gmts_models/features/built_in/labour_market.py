"""What the labour market was like on the prediction date, as far as it was published, and the year.

Where the table has regions and the trainee has one, the region's own figures are taken; where there
are none for it, those of everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.contract.tables import LABOUR_MARKET
from gmts_models.data.people import People
from gmts_models.features.attribute import Attribute
from gmts_models.features.known import Known
from gmts_models.outcome import Floats

SERIES = tuple(column.name for column in LABOUR_MARKET.columns if column.kind == "number")

_BY = "region"
_REGION = (_BY, f"{LABOUR_MARKET.name}.{_BY}")
_CHANGE_MONTHS = 12


@dataclass(frozen=True, slots=True)
class _Series:
    """Read the latest value of a column, or its change."""

    column: str
    over_months: int | None = None

    def __call__(self, known: Known) -> pd.Series[Any]:
        return known.series(LABOUR_MARKET.name, self.column, _BY, over_months=self.over_months)


def _year(known: Known) -> Floats:
    year = known.on.astype("datetime64[Y]").astype(np.int64) + 1970.0
    return np.where(np.isnat(known.on), np.nan, year)


def _sources(*names: str) -> tuple[str, ...]:
    return tuple(f"{LABOUR_MARKET.name}.{name}" for name in names)


def _of_series(column: Column, name: str | None = None) -> Attribute:
    return Attribute(
        name=name or column.name,
        kind="number",
        meaning=f"{column.meaning or column.name}, latest published",
        unit=column.unit,
        sources=_sources(column.name),
        optional=_REGION,
        protected=column.protected,
        derive=_Series(column.name),
    )


ATTRIBUTES: tuple[Attribute, ...] = (
    *(_of_series(LABOUR_MARKET.by_name[name]) for name in SERIES),
    Attribute(
        name="unemployment_change",
        kind="number",
        meaning="unemployment rate, latest published, less the one latest 12 months before",
        unit="percentage points",
        sources=_sources("unemployment_rate"),
        optional=_REGION,
        derive=_Series("unemployment_rate", _CHANGE_MONTHS),
        moves=True,
    ),
    Attribute(
        name="calendar_period",
        kind="number",
        meaning="calendar year of the prediction date",
        unit="year",
        sources=("start_date",),
        derive=_year,
        moves=True,
    ),
)


def for_people(people: People) -> tuple[Attribute, ...]:
    """Return attributes of the user's own numbers and flags of the table.

    They go by the names of their columns. One that a column of the trainees has already begins with
    "labour_market_".

    Parameters
    ----------
    people : checked records, with or without the table.
    """
    if LABOUR_MARKET.name not in people.tables:
        return ()
    taken = {*BY_NAME, *people.attributes}
    return tuple(
        _of_series(column, f"{LABOUR_MARKET.name}_{name}" if name in taken else name)
        for name, column in people.table_attributes.get(LABOUR_MARKET.name, {}).items()
        if column.kind in ("number", "flag")
        and column.known is not None
        and name in people.tables[LABOUR_MARKET.name]
    )
