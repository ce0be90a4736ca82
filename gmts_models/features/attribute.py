"""An attribute that a model may learn from: a function of what is known, and its sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import TABLES, columns_of
from gmts_models.errors import InputError
from gmts_models.features.known import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute, built in or a user's own.

    Attributes
    ----------
    name : of the column in X.
    kind : "category" (text, missing allowed) or "number" (float; a flag is 0 or 1).
    meaning, unit : for people.
    sources : the columns that `derive` may read, as "column" of the trainees or "table.column".
        Each has its date in the contract (``data/contract``); reading anything else is refused.
    derive : from what is known of n rows to their n values.
    lag_days : a fact counts only from so many days after its date, as where results are published
        late.
    protected : made from a protected characteristic.
    moves : whether it changes by the mere passing of time, like tenure.

    Examples
    --------
    >>> from gmts_models.features.attribute import Attribute
    >>> def sittings(known):
    ...     exams = known.records("assessments").query("assessment_type == 'exam'")
    ...     return exams.groupby("row").size().reindex(range(len(known)), fill_value=0)
    >>> Attribute(
    ...     name="exam_sittings",
    ...     kind="number",
    ...     meaning="exams sat so far",
    ...     unit="exams",
    ...     sources=("assessments.assessment_type",),
    ...     derive=sittings,
    ... ).name
    'exam_sittings'
    """

    name: str
    kind: Literal["category", "number"]
    meaning: str
    unit: str | None = None
    sources: tuple[str, ...]
    derive: Callable[[Known], Any]
    lag_days: int = 0
    protected: bool = False
    moves: bool = False

    def values(self, known: Known) -> pd.Series[Any]:
        """Return the n values for what is known of n rows: text or float, index 0..n-1.

        Raises
        ------
        InputError : the function reads a column that is not among the sources, or does not return
            a value a row.
        """
        made = pd.Series(self.derive(known.limited(self.sources, self.lag_days)))
        if len(made) != len(known):
            raise InputError(
                f"{len(made)} values for {len(known)} rows",
                where=f"attribute {self.name}",
                fix="return one value a row, in the order of the rows",
            )
        made = made.reset_index(drop=True)
        if self.kind == "category":
            return made.astype(object).where(made.notna(), None).rename(self.name)
        return pd.Series(made.astype("Float64").to_numpy(float, na_value=np.nan), name=self.name)


def from_column(column: Column, table: str = "trainees") -> Attribute:
    """Make an attribute of a column of the trainees as it stands."""
    if table != "trainees":
        raise InputError("only columns of the trainees stand for themselves", where=table)
    return Attribute(
        name=column.name,
        kind="category" if column.kind == "category" else "number",
        meaning=column.meaning,
        unit=column.unit,
        sources=(column.name,),
        protected=column.protected,
        derive=lambda known: known.trainee(column.name),
    )


def source_of(source: str) -> tuple[str, str]:
    """Return table and column of a source, "column" or "table.column"."""
    table, _, column = source.rpartition(".")
    return (table or "trainees", column)


def when_known(attribute: Attribute) -> str:
    """Say from when an attribute's facts are known, for the data dictionary."""
    found: dict[str, None] = {}
    for source in attribute.sources:
        table, column = source_of(source)
        contract = columns_of(table).get(column)
        known = contract.known if contract is not None else TABLES[table].date
        if known == "start":
            found["the start"] = None
        elif known is not None:
            found[f"the day after `{'' if table == 'trainees' else table + '.'}{known}`"] = None
    late = f", and {attribute.lag_days} days more" if attribute.lag_days else ""
    return "; ".join(found) + late
