"""People as the rest of the package receives them, and what a check of a table returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from gmts_models.data.contract.columns import Column
from gmts_models.errors import InputError

Resolution = Literal["day", "month", "year", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a simulation knows and real data never tell.

    Attributes
    ----------
    coefficients : log hazard ratio of each effect, by the name of its column in `design`.
    design : (n, p) frame: the columns that the coefficients multiply.
    risk : (n, m) frame: P(left the NHS by the month that names the column), from the start.
    """

    coefficients: dict[str, float]
    design: pd.DataFrame
    risk: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class People:
    """Checked records: one row a trainee in the columns of the contract, and dated records of them.

    Attributes
    ----------
    trainees : (n, c) frame with a plain 0..n-1 index. Dates are datetime64, categories are
        text, flags are nullable booleans, missing values are missing.
    attributes : columns beyond the contract that the user declared, by name.
    tables : dated records beside the trainees, by name (``contract/tables.py``); each frame has a
        plain index, and its trainee_id are among the trainees'. A table that was not given is not
        there.
    table_attributes : by table, the columns beyond the contract that the user declared.
    census_date : the day up to which follow-up is known; None where durations came ready.
    resolution : how finely times are told: "day", "month" or "year", or "unknown".
    scheme : "gmts", or "any" for a scheme with other groups and destinations.
    leaving : what the event means, in words: "leaving the NHS".
    source : where the records came from, without folders or people's names.
    synthetic : whether they were made by a simulation; said wherever they show.
    truth : of a simulation.
    """

    trainees: pd.DataFrame
    attributes: dict[str, Column] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    table_attributes: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    census_date: pd.Timestamp | None = None
    resolution: Resolution = "unknown"
    scheme: Literal["gmts", "any"] = "gmts"
    leaving: str = "leaving the NHS"
    source: str = "a table in memory"
    synthetic: bool = False
    truth: Truth | None = None

    @property
    def has_dates(self) -> bool:
        """Whether follow-up is told by dates rather than by ready durations."""
        return "start_date" in self.trainees

    def __len__(self) -> int:
        return len(self.trainees)

    def __repr__(self) -> str:
        made = ", synthetic" if self.synthetic else ""
        census = f", census {self.census_date:%Y-%m-%d}" if self.census_date is not None else ""
        tables = f", tables: {', '.join(self.tables)}" if self.tables else ""
        return f"People(n={len(self)}, columns={self.trainees.shape[1]}{tables}{census}{made})"


def _nothing_filled() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "table": pd.Series(dtype=object),
            "column": pd.Series(dtype=object),
            "rows": pd.Series(dtype="int64"),
            "filled_with": pd.Series(dtype=object),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Checked:
    """The valid records, and every rejected row with its reason.

    Attributes
    ----------
    valid : the people whose rows broke no rule, and their records.
    rejected : frame with `table`, `row`, `column`, `reason`, `fix`: a line for each rule that a
        row broke. `row` is the row as a spreadsheet numbers it (the header is row 1) for a file,
        and the position from 0 for a frame. No value of the row is repeated. Lines given without
        `table` are about the trainees.
    n_rows : rows read of the table of trainees.
    rows : table -> rows read. Of a table that is not said: its valid and its rejected rows.
    filled : frame with `table`, `column`, `rows`, `filled_with`: what was empty in the records
        beside the trainees and follows from other rows.
    """

    valid: People
    rejected: pd.DataFrame
    n_rows: int
    rows: Mapping[str, int] = field(default_factory=dict)
    filled: pd.DataFrame = field(default_factory=_nothing_filled)

    def __post_init__(self) -> None:
        if "table" not in self.rejected:
            told = self.rejected.assign(table="trainees").astype({"table": object})
            first = ["table", *self.rejected.columns]
            object.__setattr__(self, "rejected", told[first])
        tables = self.valid.tables.items()
        read = {name: len(frame) + self._n_rejected(name) for name, frame in tables}
        object.__setattr__(self, "rows", {"trainees": self.n_rows, **read, **self.rows})

    @property
    def n_rejected(self) -> int:
        """How many rows (not reasons) of the table of trainees were rejected."""
        return self._n_rejected("trainees")

    def summary(self) -> pd.DataFrame:
        """Return `table`, and its numbers of rows read, `valid` and `rejected`."""
        tables = list(self.rows)
        valid = [
            len(self.valid) if name == "trainees" else len(self.valid.tables[name])
            for name in tables
        ]
        return pd.DataFrame(
            {
                "table": tables,
                "rows": list(self.rows.values()),
                "valid": valid,
                "rejected": [self._n_rejected(name) for name in tables],
            }
        )

    def _n_rejected(self, table: str) -> int:
        return int(self.rejected.loc[self.rejected["table"] == table, "row"].nunique())

    def __repr__(self) -> str:
        told = [
            f"{'' if each.table == 'trainees' else f'{each.table}: '}"
            f"{each.rows} rows: {each.valid} valid, {each.rejected} rejected"
            for each in self.summary().itertuples()
        ]
        return f"Checked({'; '.join(told)})"


def check_people(people: object) -> None:
    """Refuse what is no `People`, such as a frame, or the `Checked` that holds them.

    Raises
    ------
    InputError : it is something else.
    """
    if isinstance(people, People):
        return
    holder = isinstance(getattr(people, "valid", None), People)
    raise InputError(
        f"these are no people, but {type(people).__name__}",
        where="people",
        fix="pass its .valid" if holder else "read them first: load_trainees(...).valid",
    )
