"""An attribute that a model may learn from: a function of what is known, and its sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import TABLES, columns_of
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.access import Access
from gmts_models.features.known import Known
from gmts_models.outcome import Floats

Kind = Literal["category", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute, built in or a user's own.

    Attributes
    ----------
    name : of the column in X.
    kind : "category" (text, missing allowed) or "number" (float; a flag is 0 or 1).
    meaning, unit : for people.
    sources : the columns that `derive` needs, as "column" of the trainees or "table.column".
        Each has its date in the contract (``data/contract``); reading anything else is refused.
    optional : columns that it reads where they are there (`Known.has`) and does without elsewhere.
    derive : from what is known of n rows to their n values, in the order of the rows. A function
        of a module, not a lambda, where the attribute is to be pickled.
    lag_days : a fact counts only from so many days after its date, as where results are published
        late.
    protected : made from a protected characteristic.
    moves : whether it changes by the mere passing of time, like tenure.

    Raises
    ------
    InputError : a source is of no table or never known to a feature, or the lag is negative.

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
    kind: Kind
    meaning: str
    unit: str | None = None
    sources: tuple[str, ...]
    optional: tuple[str, ...] = ()
    derive: Callable[[Known], Any]
    lag_days: int = 0
    protected: bool = False
    moves: bool = False

    def __post_init__(self) -> None:
        where = f"attribute {self.name}"
        if self.kind not in get_args(Kind):
            raise InputError(f"the kind must be one of {', '.join(get_args(Kind))}", where=where)
        for name in ("sources", "optional"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise InputError(f"{name} is one text", where=where, fix='write ("column",)')
            object.__setattr__(self, name, tuple(given))
        for source in (*self.sources, *self.optional):
            table, column = source_of(source)
            contract = columns_of(table).get(column)
            if contract is not None and contract.known is None:
                raise InputError(f"{source} is never known to a feature", where=where)
        if isinstance(self.lag_days, bool) or not isinstance(self.lag_days, int | np.integer):
            raise InputError("lag_days is a whole number of days", where=where)
        if self.lag_days < 0:
            raise InputError("a negative lag would look ahead", where=where)

    def values(self, known: Known) -> pd.Series[Any]:
        """Return the n values for what is known of n rows: text or float, index 0..n-1.

        Raises
        ------
        InputError : the function reads a column that is not among the sources, or does not return
            a value a row.
        """
        try:
            derived = self.derive(known.limited((*self.sources, *self.optional), self.lag_days))
        except KeyError:
            # Its text may be a value of a record.
            raise InputError(
                "the function asks for a column that is not there",
                where=f"attribute {self.name}",
                fix='name every column that it reads in its sources, as "table.column"',
            ) from None
        made = self._one_a_row(derived, len(known))
        if self.kind == "number":
            return pd.Series(self._numbers(made), name=self.name)
        text = made.astype(object)
        text = text.where(text.notna(), None).rename(self.name)
        other = [not isinstance(label, str | None) for label in pd.unique(text)]
        return text.map(str, na_action="ignore").astype(object) if any(other) else text

    def _one_a_row(self, derived: Any, n: int) -> pd.Series[Any]:
        where, fix = f"attribute {self.name}", "return one value a row, in the order of the rows"
        if np.ndim(derived) != 1:
            raise InputError("the values are not in one dimension", where=where, fix=fix)
        if len(derived) != n:
            raise InputError(f"{len(derived)} values for {n} rows", where=where, fix=fix)
        if not isinstance(derived, pd.Series):
            return pd.Series(derived)
        if n and not derived.index.equals(pd.RangeIndex(n)):
            raise InputError(
                "the index of the values is not 0..n-1, so their order is in doubt",
                where=where,
                fix="reindex them by row: .reindex(range(len(known)))",
            )
        return derived.reset_index(drop=True)

    def _numbers(self, made: pd.Series[Any]) -> Floats:
        where = f"attribute {self.name}"
        try:
            floats = np.asarray(made.astype("Float64").to_numpy(float, na_value=np.nan))
        except (TypeError, ValueError):  # whose text would repeat a value
            raise InputError(
                "the values are not numbers", where=where, fix='say kind="category"'
            ) from None
        if np.isinf(floats).any():
            raise InputError("values are infinite", where=where, fix="return NaN where unknown")
        return floats.astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Read:
    """Read a column of the trainees as it stands."""

    name: str

    def __call__(self, known: Known) -> pd.Series[Any]:
        return known.trainee(self.name)


def from_column(column: Column) -> Attribute:
    """Make an attribute of a column of the trainees as it stands."""
    return Attribute(
        name=column.name,
        kind="category" if column.kind == "category" else "number",
        meaning=column.meaning,
        unit=column.unit,
        sources=(column.name,),
        protected=column.protected,
        derive=_Read(column.name),
    )


def source_of(source: str) -> tuple[str, str]:
    """Return table and column of a source, "column" or "table.column".

    Raises
    ------
    InputError : there is no such table.
    """
    table, _, column = source.rpartition(".")
    table = table or "trainees"
    if table != "trainees" and table not in TABLES:
        raise InputError(
            f"there is no table {table!r}",
            where=f"source {source!r}",
            fix=f"choose among trainees, {', '.join(TABLES)}",
        )
    return table, column


def when_known(attribute: Attribute, people: People | None = None) -> str:
    """Say from when an attribute's facts are known, for the data dictionary.

    Parameters
    ----------
    attribute : built in, or the user's own.
    people : whose own columns are among the sources.
    """
    found: dict[str, None] = {}
    for source in (*attribute.sources, *attribute.optional):
        table, column = source_of(source)
        columns = Access(people=people).columns(table) if people else columns_of(table)
        known = columns[column].known if column in columns else None
        if table != "trainees" and known in (None, "start"):
            known = TABLES[table].date
        if known == "start":
            found["the start"] = None
        elif known is not None:
            found[f"the day after `{'' if table == 'trainees' else table + '.'}{known}`"] = None
    late = f", and {attribute.lag_days} days more" if attribute.lag_days else ""
    return "; ".join(found) + late
