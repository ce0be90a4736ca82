"""Where an experiment's people come from: files, a database, snapshots, open data, a simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
TableName = Literal["placements", "surveys", "assessments", "roles", "labour_market"]


class Spec(BaseModel):
    """A part of a configuration: frozen, closed, and silent about what it holds."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # an address may hold a password
    )


class AttributeSpec(Spec):
    """A column of the user's own, beyond the contract."""

    kind: Literal["category", "number", "flag"]
    unit: str | None = None
    meaning: str = ""
    protected: bool = False
    known: str | None = None
    """When the fact is known: ``start`` = before the first day; a date column of the same table =
    from the day after that date on. Default: of the trainees, not said, which is refused for
    prediction dates after the start; of other tables, the date of the record."""


class SyntheticData(Spec):
    """The synthetic scheme."""

    source: Literal["synthetic"] = "synthetic"
    first_cohort: Annotated[int, Field(ge=1956, le=2100)] = 2011
    last_cohort: Annotated[int, Field(ge=1956, le=2100)] = 2022
    seed: Seed | None = None
    """Default: the experiment's seed."""


class _Layout(Spec):
    """How the columns of a table are to be read."""

    columns: dict[str, str] = {}
    """Name in the contract: name in the table. ``""`` says not to read a column."""
    labels: dict[str, dict[str, str]] = {}
    """Column: {label in the table: label in the contract}."""
    attributes: dict[str, AttributeSpec] = {}
    date_format: str | None = None
    sheet: str | None = None
    encoding: str = "utf-8"


class TableSpec(_Layout):
    """A table beside that of the trainees: placements, surveys, assessments, roles, a series."""

    path: Path | None = None
    """Of a file, relative to the folder of the configuration file; ``${NAME}`` is an environment
    variable. Default: the table of this name beside the trainees."""
    table: str | None = None
    """Of the database that the trainees come from, such as ``hr.placements``."""
    query: str | None = None
    """A SELECT of that database, in place of a table."""

    @model_validator(mode="after")
    def _one_place(self) -> TableSpec:
        if sum(each is not None for each in (self.path, self.table, self.query)) > 1:
            raise ValueError("say one of path, table and query")
        return self


class FileData(_Layout):
    """A user's own CSV, Excel or Parquet file, or a folder of them; see ``docs/data.md``."""

    source: Literal["file"] = "file"
    path: Path
    """Of a file, or of a folder that holds trainees.csv (or .xlsx, .parquet) and the other tables;
    relative to the folder of the configuration file; ``${NAME}`` is an environment variable."""
    tables: dict[TableName, TableSpec] = {}
    """Tables beside the trainees, by name. Those that a folder or a workbook holds under their own
    names are read without being named here."""
    scheme: Literal["gmts", "any"] = "gmts"
    census_date: str | None = None
    leaving: str | None = None


class DatabaseData(_Layout):
    """Tables or queries of an SQL database; see ``docs/sources.md``."""

    source: Literal["database"] = "database"
    url: SecretStr
    """Of SQLAlchemy: ``postgresql+pg8000://user:${PASSWORD}@host/database``. ``${NAME}`` is an
    environment variable, the only place for a password. The url is never kept with the results."""
    table: str | None = None
    """With the trainees, such as ``hr.trainees``."""
    query: str | None = None
    """A SELECT that gives the trainees, in place of a table."""
    tables: dict[TableName, TableSpec] = {}
    """Tables beside the trainees, by name. Only those that are named here are read."""
    scheme: Literal["gmts", "any"] = "gmts"
    census_date: str | None = None
    leaving: str | None = None

    @model_validator(mode="after")
    def _table_or_query(self) -> DatabaseData:
        if (self.table is None) == (self.query is None):
            raise ValueError("say either table or query")
        return self


class SnapshotData(_Layout):
    """Staff-in-post extracts: a row a person in post on each date; see ``docs/snapshots.md``."""

    source: Literal["snapshots"] = "snapshots"
    path: Path
    """Of a folder with a file for each date, or of one file with all; relative to the folder of the
    configuration file; ``${NAME}`` is an environment variable."""
    grace_months: Annotated[int, Field(ge=0, le=120)] = 3
    """Who is missing for no longer than this and comes back has not left."""
    leaving_date: Literal["auto", "first_missed", "last_seen", "midpoint", "spread"] = "auto"
    """Where a departure is put that the extract does not date: on the first snapshot without the
    person, on the last with them, midway, or spread evenly over the days between; auto: the first
    where snapshots are a month or less apart, spread where they are further apart."""
    unknown_start: Literal["reject", "first_snapshot"] = "reject"
    """What becomes of people in the first snapshot whose start date is not known."""
    returners: Literal["first_departure", "last_departure"] = "first_departure"
    """Which departure counts of those who come back after a longer absence."""
    covers: Literal["date", "period"] = "date"
    """``period``: an extract also holds everyone who left since the one before."""
    irregular: bool = False
    """Whether snapshots with wide gaps between them are all that there are."""
    period_end: bool = True
    """Whether a year, quarter or month is dated on its last day, or on its first."""
    months_per_period: Annotated[float, Field(gt=0, le=1200)] | None = None
    """Where dates are numbers 1, 2, ... of periods since each person's start."""
    specialism: str | None = None
    """Of all rows, where no column tells it."""
    scheme: Literal["gmts", "any"] = "gmts"
    leaving: str | None = None


class OpenData(Spec):
    """An open data set, by name; see ``docs/open-data.md``."""

    source: Literal["open"] = "open"
    name: Literal["canadian_senators", "heads_of_government", "nlswork", "unemployment_mccall"]
    path: Path | None = None
    """Of the CSV, for the sets that do not come with an installed package."""


DataSpec = Annotated[
    SyntheticData | FileData | DatabaseData | SnapshotData | OpenData,
    Field(discriminator="source"),
]
