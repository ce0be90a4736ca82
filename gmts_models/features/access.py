"""Which columns of people and their tables may be read, and where their facts have their dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.months import Days, to_days
from gmts_models.data.people import People
from gmts_models.errors import InputError

NAT = np.datetime64("NaT", "D")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Access:
    """Access to some columns.

    Attributes
    ----------
    people : checked records.
    sources : the columns that may be read, as "column" of the trainees or "table.column"; None =
        all.
    """

    people: People
    sources: frozenset[str] | None = None

    def allows(self, table: str, name: str) -> bool:
        """Whether a column may be read, be it there or not."""
        full = name if table == "trainees" else f"{table}.{name}"
        return self.sources is None or full in self.sources

    def has(self, table: str, name: str) -> bool:
        """Whether a column is there and may be read."""
        frame = self.people.trainees if table == "trainees" else self.people.tables.get(table)
        return frame is not None and name in frame and self.allows(table, name)

    def columns(self, table: str) -> Mapping[str, Column]:
        """Return the columns of the contract and the user's own, by name."""
        if table == "trainees":
            return {**self.people.attributes, **BY_NAME}
        return {**self.people.table_attributes.get(table, {}), **TABLES[table].by_name}

    def column(self, table: str, name: str) -> Column:
        """Return what the contract says of a column that is read.

        Raises
        ------
        InputError : it is not there, not among the sources, or never known to a feature.
        """
        frame = self.frame(table)
        column = self.columns(table).get(name)
        if column is None or name not in frame:
            raise InputError(f"there is no column {name!r}", where=table)
        if not self.allows(table, name):
            raise undeclared(table, name)
        if column.known is None and (table != "trainees" or name in BY_NAME):
            raise InputError(f"{name} is never known to a feature", where=table)
        return column

    def readable(self, table: str) -> list[str]:
        """Return the columns of a table's records that may be read; the date is one of them."""
        columns, date = self.columns(table), TABLES[table].date
        names = [str(name) for name in self.frame(table)]
        names = [name for name in names if name != "trainee_id" and name in columns]
        if self.sources is None:
            return [name for name in names if columns[name].known is not None]
        return [
            name
            for name in names
            if name == date or (self.allows(table, name) and self.column(table, name))
        ]

    def frame(self, table: str) -> pd.DataFrame:
        """Return the trainees, or a table beside them.

        Raises
        ------
        InputError : there is no such table.
        """
        if table == "trainees":
            return self.people.trainees
        if table not in TABLES or table not in self.people.tables:
            raise InputError(f"there is no table {table!r} of these people", where="tables")
        return self.people.tables[table]

    def days(self, table: str, name: str) -> Days:
        """Return (m,) a date column of a table, whether it may be read or not.

        Raises
        ------
        InputError : it is not there.
        """
        frame = self.frame(table)
        if name not in frame:
            raise InputError(f"there is no {name} from which a fact is known", where=table)
        return to_days(frame[name])

    def starts(self) -> Days:
        """Return the start dates of all trainees; NaT where durations came ready."""
        frame = self.people.trainees
        return self.days("trainees", "start_date") if "start_date" in frame else _never(len(frame))


def undeclared(table: str, name: str) -> InputError:
    """Return the error of reading what is not declared."""
    return InputError(
        f"{name} is read, but it is not a declared source",
        where=table,
        fix="add it to the sources of the attribute",
    )


def _never(n: int) -> Days:
    return np.full(n, NAT)
