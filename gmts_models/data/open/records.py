"""From the raw tables of the open data sets to records in the columns of the contract.

Each function takes one raw table and decides what a record is, when its clock starts, what counts
as leaving and which rows cannot be used. ``open_data.py`` says the same in words, set by set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from gmts_models.data.contract.columns import Column
from gmts_models.data.months import DAYS_PER_MONTH
from gmts_models.errors import DataError

REJECTED = ["row", "column", "reason", "fix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Prepared records, before the common rules are applied.

    Attributes
    ----------
    frame : (n, c) frame in the columns of the contract; its index is the row of the raw table
        that each record comes from or begins with, as that table's index labels it.
    rejected : frame with `row`, `column`, `reason`, `fix`: raw rows that make no record.
    attributes : columns beyond the contract, by name.
    census_date : end of follow-up, where dates are known.
    """

    frame: pd.DataFrame
    rejected: pd.DataFrame
    attributes: dict[str, Column]
    census_date: pd.Timestamp | None = None


# ------------------------------------------------------------ senators

TERRITORIES = "Territories and wider divisions"
_PROVINCES = {
    "Quebec (Division)": "Quebec",
    "Ontario (Division)": "Ontario",
    "Maritimes (Division)": TERRITORIES,
    "Western Provinces (Division)": TERRITORIES,
    "Northwest Territories": TERRITORIES,
    "Nunavut": TERRITORIES,
    "Yukon": TERRITORIES,
}
_PARTIES = {
    "Liberal Party of Canada": "Liberal",
    "Conservative (1867-1942)": "Conservative",
    "Liberal-Conservative": "Conservative",
    "Progressive Conservative Party": "Conservative",
    "Conservative Party of Canada": "Conservative",
}
_RETIREMENT_ACT = pd.Timestamp("1965-06-02")


def senator_records(raw: pd.DataFrame) -> Prepared:
    """One record an appointment to the Senate of Canada.

    The day on which the table was collected stands as the end date of everyone still in office;
    it is the census date.
    """
    start, end = (
        pd.to_datetime(raw[name], format="ISO8601").dt.normalize()
        for name in ("start_date", "end_date")
    )
    left = raw["observed"].astype(bool)
    declined = raw["reason"] == "Appointment declined"
    frame = pd.DataFrame(
        {
            "trainee_id": _codes("senator", len(raw)),
            "specialism": raw["Province / Territory"].replace(_PROVINCES),
            "cohort": _decade(start.dt.year),
            "start_date": start,
            "leave_nhs_date": end.where(left),
            "destination": raw["reason"],
            "party_group": raw["Political Affiliation at Appointment"]
            .map(_PARTIES)
            .fillna("Other"),
            "retires_at_75": (start >= _RETIREMENT_ACT).astype("boolean"),
        }
    )
    return Prepared(
        frame=frame[~declined],
        rejected=rejection_lines(declined, "reason", "the appointment was declined: no term began"),
        attributes=known_at_start(
            Column(name="party_group", kind="category", meaning="party at appointment, grouped"),
            Column(
                name="retires_at_75",
                kind="flag",
                meaning="appointed after the Act that ends the term at age 75",
            ),
        ),
        census_date=end[~left].max(),
    )


# ------------------------------------------------- heads of government

_REGIMES = {
    "Parliamentary Dem": "Parliamentary democracy",
    "Mixed Dem": "Mixed democracy",
    "Presidential Dem": "Presidential democracy",
    "Civilian Dict": "Civilian dictatorship",
    "Military Dict": "Military dictatorship",
    "Monarchy": "Monarchy",
}
_FIRST_YEAR = 1946


def head_of_government_records(raw: pd.DataFrame) -> Prepared:
    """One record a spell of a head of government under one type of regime, in whole years.

    A spell that the same head continues in the next year under another type of regime ends
    censored: nobody left office. The continuation is rejected, as its clock started earlier.
    """
    spell = raw[["cowcode2", "ehead", "start_year", "duration"]]
    following = spell["start_year"] + spell["duration"]
    began = pd.MultiIndex.from_frame(spell[["cowcode2", "ehead", "start_year"]])
    ended = pd.MultiIndex.from_arrays([spell["cowcode2"], spell["ehead"], following])
    goes_on = pd.Series(ended.isin(began), raw.index)
    repeated = spell.duplicated()
    continues = pd.Series(began.isin(ended), raw.index)
    running = raw["start_year"] <= _FIRST_YEAR
    in_order = raw[~repeated].sort_values(["cowcode2", "start_year"], kind="stable")
    predecessor = in_order.groupby("cowcode2")["duration"].shift()
    frame = pd.DataFrame(
        {
            "trainee_id": _codes("head", len(raw)),
            "specialism": raw["regime"].map(_REGIMES),
            "cohort": _decade(raw["start_year"]),
            "duration_months": 12.0 * raw["duration"],
            "event": ((raw["observed"] == 1) & ~goes_on).astype(int),
            "continent": raw["un_continent_name"],
            "predecessor_years": predecessor.reindex(raw.index).astype(float),
        }
    )
    return Prepared(
        frame=frame[~(repeated | running | continues)],
        rejected=pd.concat(
            [
                rejection_lines(repeated, "leaderspellreg", "repeats an earlier row"),
                rejection_lines(
                    running & ~repeated,
                    "start_year",
                    "in office when coverage began, in 1946: when the term started is not known",
                ),
                rejection_lines(
                    continues & ~running & ~repeated,
                    "start_year",
                    "continues a term that started under another type of regime",
                ),
            ],
            ignore_index=True,
        ),
        attributes=known_at_start(
            Column(name="continent", kind="category", meaning="continent, as the UN draws them"),
            Column(
                name="predecessor_years",
                kind="number",
                unit="years",
                least=0,
                meaning="length of the spell before this one in the country; missing = none known",
            ),
        ),
    )


# -------------------------------------------------------- unemployment

_TWO_WEEKS = 14 / DAYS_PER_MONTH
_EXITS = ("censor1", "censor2", "censor3", "censor4")
_SPELL_ATTRIBUTES = (
    Column(
        name="replacement_rate",
        kind="number",
        meaning="weekly benefit as a share of weekly earnings in the lost job",
        unit="share",
        least=0,
    ),
    Column(
        name="disregard_rate",
        kind="number",
        meaning="earnings allowed without loss of benefit, as a share of weekly earnings "
        "in the lost job",
        unit="share",
        least=0,
    ),
    Column(
        name="log_weekly_earnings",
        kind="number",
        meaning="log of weekly earnings in the lost job",
        unit="log of 1985 dollars",
    ),
    Column(
        name="lost_job_years",
        kind="number",
        meaning="years in the lost job",
        unit="years",
        least=0,
    ),
)
UNEMPLOYMENT_COLUMNS: dict[str, tuple[str, ...]] = {
    name: (name,)
    for name in ("spell", *_EXITS, "age", "ui", "reprate", "disrate", "logwage", "tenure")
}


def unemployment_records(raw: pd.DataFrame) -> Prepared:
    """One record a spell without a job after a displacement; full and part time jobs compete."""
    table = find_columns(raw, UNEMPLOYMENT_COLUMNS, where="unemployment_mccall CSV")
    exits = table[list(_EXITS)].apply(pd.to_numeric, errors="coerce").eq(1)
    unclear = exits.sum(axis=1) != 1
    destination = pd.Series(None, table.index, dtype=object)
    destination[exits["censor1"]] = "full-time job"
    destination[exits["censor2"]] = "part-time job"
    frame = pd.DataFrame(
        {
            "trainee_id": _codes("spell", len(table)),
            "specialism": as_flag(table["ui"]).map({True: "Claimed benefit", False: "No claim"}),
            "duration_months": as_number(table["spell"]) * _TWO_WEEKS,
            "event": (~exits["censor4"]).astype(int),
            "destination": destination,
            "age_at_start": as_number(table["age"]),
            "replacement_rate": as_number(table["reprate"]),
            "disregard_rate": as_number(table["disrate"]),
            "log_weekly_earnings": as_number(table["logwage"]),
            "lost_job_years": as_number(table["tenure"]),
        }
    )
    return Prepared(
        frame=frame[~unclear],
        rejected=rejection_lines(
            unclear,
            "censor1 to censor4",
            "not exactly one of the four is 1: how the spell ended is not known",
        ),
        attributes=known_at_start(*_SPELL_ATTRIBUTES),
    )


# -------------------------------------------------------------- shared


def known_at_start(*columns: Column) -> dict[str, Column]:
    """Declare attributes that are known when the clock starts, by name."""
    return {column.name: replace(column, known="start") for column in columns}


def rejection_lines(
    bad: pd.Series[bool],
    column: str,
    reason: str,
    fix: str = "none: the source does not tell; the row is left out",
) -> pd.DataFrame:
    """Give a line for each row where `bad` holds; `row` is its label in the index."""
    rows = bad.index[bad.to_numpy()]
    frame = pd.DataFrame({"row": rows, "column": column, "reason": reason, "fix": fix})
    return frame[REJECTED]


def _codes(word: str, n: int) -> list[str]:
    return [f"{word}-{number:04d}" for number in range(1, n + 1)]


def _decade(year: pd.Series[Any]) -> pd.Series[str]:
    return (year // 10 * 10).astype(int).astype(str) + "s"


def as_number(column: pd.Series[Any]) -> pd.Series[float]:
    """Read numbers; missing where a value is none."""
    return pd.to_numeric(column, errors="coerce").astype(float)


def as_text(column: pd.Series[Any]) -> pd.Series[str]:
    """Read labels in lower case; a code reads alike as 1, 1.0 and "1"."""
    return column.astype("string").str.strip().str.lower().str.removesuffix(".0")


def as_flag(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read yes and no, as words, labels or 1 and 0; missing where a value is neither."""
    words = dict.fromkeys(("1", "yes", "true", "college grad"), True)
    words |= dict.fromkeys(("0", "no", "false", "not college grad"), False)
    return as_text(column).map(words).astype("boolean")


def find_columns(
    raw: pd.DataFrame, names: Mapping[str, Iterable[str]], *, where: str
) -> pd.DataFrame:
    """Take the columns of a user's CSV under our names, whatever their case and punctuation.

    Parameters
    ----------
    names : our name: the names that the column goes by; the first is told where none is there.

    Raises
    ------
    DataError : columns are missing.
    """
    plain = {str(name).strip().lower().replace(".", "_").replace(" ", "_"): name for name in raw}
    found = {
        ours: plain[match] for ours, theirs in names.items() if (match := _first(theirs, plain))
    }
    if missing := [next(iter(names[ours])) for ours in names if ours not in found]:
        raise DataError(
            f"columns are missing: {', '.join(missing)}",
            where=where,
            fix="docs/open-data.md says which table it is and how to export it",
        )
    return pd.DataFrame({ours: raw[theirs] for ours, theirs in found.items()})


def _first(candidates: Iterable[str], among: Mapping[str, Any]) -> str | None:
    return next((name for name in candidates if name in among), None)
