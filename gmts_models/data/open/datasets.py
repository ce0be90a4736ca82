"""Open data sets on people who stay or leave, as checked records.

The package ships none of the data: two sets come with lifelines, which is installed with the
package, and two are read from a CSV that the user has. Each set has a card that says what a
record, a group, a cohort and an event are, and what to mind.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from gmts_models.data.load import load_trainees
from gmts_models.data.open.nlswork import nlswork_records
from gmts_models.data.open.records import (
    Prepared,
    head_of_government_records,
    rejection_lines,
    senator_records,
    unemployment_records,
)
from gmts_models.data.people import Checked
from gmts_models.data.reading.files import read_table
from gmts_models.errors import DataError, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """What one needs to know about an open data set before using it.

    Attributes
    ----------
    name : as `load_dataset` takes it.
    title : in words.
    source : who collected it, and the package that carries it.
    licence : as the carrying package states it.
    record : what one row of the result is.
    event : what counts as leaving; `leaving` is the same in three or four words.
    groups, cohorts : what stands in the columns specialism and cohort.
    time_unit : how finely time was measured, and how it became months.
    follow_up : when observation begins and ends.
    quirks : what to mind when reading results.
    obtain : how to get the CSV; empty where the set comes with an installed package.
    """

    name: str
    title: str
    source: str
    licence: str
    record: str
    event: str
    leaving: str
    groups: str
    cohorts: str
    time_unit: str
    follow_up: str
    quirks: tuple[str, ...]
    obtain: str = ""


_SENATORS = DatasetCard(
    name="canadian_senators",
    title="Members of the Senate of Canada, 1867 to 2013",
    source="lifelines.datasets.load_canadian_senators (package lifelines), 933 rows",
    licence="lifelines is under the MIT licence; a licence of the data is not stated",
    record="an appointment to the Senate; some people have more than one",
    event="the end of the term; its cause is Death, Resignation or Retirement",
    leaving="leaving the Senate",
    groups="province; the three territories, and the four senators who stand for the Maritimes or "
    "for the Western Provinces as a whole, are one group. The extra senators of the divisions of "
    "Quebec and Ontario count with their province",
    cohorts="decade of appointment, such as 1960s",
    time_unit="days, turned into calendar months and fractions",
    follow_up="from the appointment to 1 October 2013, when the table was collected: the table "
    "gives that moment as the end date of all 99 members then in office",
    quirks=(
        "Those appointed from 2 June 1965 on (Constitution Act, 1965) must retire at 75; those "
        "before sat for life. The attribute retires_at_75 tells which. So Retirement occurs only "
        "from then on, and earlier decades say little about later ones.",
        "Age is not in the table, though it drives retirement and death.",
        "Three appointments were declined and are rejected: no term began.",
        "The 73 members named in the Royal Proclamation of 1867 began on one day.",
        "Parties are grouped: Liberal, Conservative under its four names since 1867, Other.",
    ),
)
_HEADS = DatasetCard(
    name="heads_of_government",
    title="Heads of government of 202 countries, 1946 to 2008",
    source="Cheibub, Gandhi and Vreeland (2010), Democracy and dictatorship revisited, Public "
    "Choice 143:67-101; lifelines.datasets.load_dd (package lifelines), 1,808 rows",
    licence="lifelines is under the MIT licence; a licence of the data is not stated",
    record="a spell of one head of government under one type of regime",
    event="leaving office other than by death",
    leaving="leaving office",
    groups="type of regime: parliamentary, mixed or presidential democracy; civilian or military "
    "dictatorship; monarchy",
    cohorts="decade of the first year in office, such as 1960s",
    time_unit="whole years, each with one head a country; a spell of d years is 12 d months",
    follow_up="from the first year in office to 2008; 190 were then in office",
    quirks=(
        "A death in office is censored in the source, as is being in office in 2008; retention is "
        "thus that of heads who do not die.",
        "Each country has one head a year, so terms within a year do not show and all events fall "
        "on anniversaries: use horizons that are multiples of 12.",
        "70 spells that began in 1946, the first year of the table, are rejected: most were "
        "running already and their start is not known. Heads of countries that became "
        "independent later start with their country.",
        "When the regime changes under a head, the source ends a spell and begins another. Here "
        "the first is censored (21 had been counted as left) and the 24 that continue one are "
        "rejected, since their clock started earlier.",
        "One row appears twice under two country codes; the second is rejected.",
        "A head with several terms is several records.",
        "Some heads are bodies rather than persons ('military').",
    ),
)
_NLSWORK = DatasetCard(
    name="nlswork",
    title="Jobs of young women in the United States, 1968 to 1988",
    source="National Longitudinal Survey, young women aged 14 to 26 in 1968: the extract of 28,534 "
    "interviews with 4,711 women known as nlswork (Stata; R package sampleSelection)",
    licence="not stated by the packages that carry it; sampleSelection is under GPL 2 or later",
    record="a stretch of interviews in one job: a woman interviewed in one job in round after "
    "round. Jobs seen once and not followed in the next round hold no time under observation and "
    "are rejected",
    event="another job in the next round of interviews",
    leaving="moving to another job",
    groups="industry of the job, 12 codes in 9 groups",
    cohorts="years of birth, such as 1948-49, so that all jobs of a woman are in one cohort",
    time_unit="tenure in months; the day of leaving is not known and set in the middle between the "
    "last interview in the old job and the start of the new one",
    follow_up="from the first interview in the job (late entry, at the tenure then told) to the "
    "last interview before a round that missed her, or to leaving",
    quirks=(
        "Women who stop working, or are not interviewed, drop out of the table; they are censored. "
        "So the event is a move to another job, and its risk is not that of leaving altogether.",
        "A woman has several records. They are not independent: intervals are somewhat too "
        "narrow, and k_fold can put two jobs of one woman in training and test. "
        "leave_one_cohort_out keeps her jobs together.",
        "Whether it is the same job is judged by tenure: it is another job where tenure fell, or "
        "neither reaches back to the last interview nor grew with the calendar (two months' slack; "
        "in long jobs tenure grew by 16 months from the round of 1987 to that of 1988).",
        "Where in the gap a job is left matters: with the middle, 47 percent stay 12 months; with "
        "the start of the next job, 69 percent. The middle agrees with the share that is directly "
        "seen in the same job a round later (70 percent; the curve gives 68).",
        "Attributes are told at the first interview in the job, not on its first day; age and "
        "experience are taken back to that day by the tenure. A few tenures are too long to be "
        "true, which makes some start a job as children.",
        "Union membership was not asked in every round; it is missing for over 40 percent.",
        "The industry codes carry no labels in the table; the labels are those of nlsw88, an "
        "extract of the same survey.",
    ),
    obtain="in R: write.csv(sampleSelection::nlswork, 'nlswork.csv', row.names = FALSE); "
    "in Stata: webuse nlswork, then export delimited using nlswork.csv, nolabel",
)
_UNEMPLOYMENT = DatasetCard(
    name="unemployment_mccall",
    title="Spells without a job after a displacement, United States, 1986 to 1992",
    source="McCall (1996), Unemployment insurance rules, joblessness, and part-time work, "
    "Econometrica 64:647-682; 3,343 rows as UnempDur in the R package Ecdat",
    licence="a licence of the data is not stated; the R package Ecdat is under GPL 2 or later",
    record="a spell without a job of a displaced worker aged 20 to 61",
    event="finding a job: full-time job or part-time job as causes; where the type is not known "
    "(574 spells) the cause is missing",
    leaving="finding a job",
    groups="whether unemployment benefit was claimed",
    cohorts="none: the table holds no dates; use k_fold",
    time_unit="periods of two weeks, 14 / 30.4375 months each",
    follow_up="from the loss of the job, for at most 28 periods, about 13 months",
    quirks=(
        "A spell of one period ended within the first two weeks; many spells tie.",
        "102 spells have none of the four flags set, so how they ended is not known; they are "
        "rejected. Copies of the table that count them as still jobless have 3,343 valid rows.",
        "A few replacement and disregard rates exceed 1.",
        "Staying means staying without a job, so a high retention is bad news here.",
    ),
    obtain="in R: write.csv(Ecdat::UnempDur, 'unemployment_mccall.csv', row.names = FALSE)",
)

DATASETS: Mapping[str, DatasetCard] = MappingProxyType(
    {card.name: card for card in (_SENATORS, _HEADS, _NLSWORK, _UNEMPLOYMENT)}
)
"""The card of each set, by name."""


def describe_dataset(name: str) -> DatasetCard:
    """Return the card of an open data set.

    Raises
    ------
    InputError : there is no set of that name.
    """
    if name in DATASETS:
        return DATASETS[name]
    close = difflib.get_close_matches(str(name).lower(), DATASETS, n=1, cutoff=0.4)
    raise InputError(
        f"unknown data set {name!r}" + (f": did you mean {close[0]!r}?" if close else ""),
        where="name",
        fix=f"choose one of {', '.join(DATASETS)}",
    )


def load_dataset(name: str, path: Path | str | None = None) -> Checked:
    """Load an open data set as checked records.

    Parameters
    ----------
    name : one of `DATASETS`: canadian_senators, heads_of_government, nlswork or
        unemployment_mccall.
    path : of the CSV (or Excel or Parquet) file, for the last two. It may have further columns;
        names are found whatever their case.

    Returns
    -------
    Checked : ``valid`` with ``scheme="any"`` and the attributes of the set declared. In
        ``rejected``, `row` counts from 0 for the sets that come with lifelines, and as a
        spreadsheet numbers it (the header is row 1) for a file. ``n_rows`` are the rows of the raw
        table; in nlswork these are interviews, of which several make a record.

    Raises
    ------
    InputError : there is no set of that name, or a path is missing, or given where none is used.
    DataError : the file cannot be read, is another table, or holds no usable row.

    Examples
    --------
    >>> senators = load_dataset("canadian_senators").valid  # doctest: +SKIP
    >>> len(senators)  # doctest: +SKIP
    930
    """
    card = describe_dataset(name)
    if card.obtain:
        raw, torn = _read_file(card, path)
    else:
        raw, torn = _from_lifelines(card, path), _NO_ROWS
    prepared = _PREPARE[card.name](raw)
    if not len(prepared.frame):
        reasons = "; ".join(prepared.rejected["reason"].unique())
        raise DataError(f"none of the {len(raw)} rows makes a record: {reasons}", where=card.name)
    checked = load_trainees(
        prepared.frame.reset_index(drop=True),
        scheme="any",
        attributes=prepared.attributes,
        census_date=prepared.census_date,
        leaving=card.leaving,
    )
    return Checked(
        valid=replace(checked.valid, source=f"{card.title} ({card.name})"),
        rejected=_all_rejected(prepared, checked, torn),
        n_rows=len(raw) + len(torn),
    )


_PREPARE: dict[str, Callable[[pd.DataFrame], Prepared]] = {
    _SENATORS.name: senator_records,
    _HEADS.name: head_of_government_records,
    _NLSWORK.name: nlswork_records,
    _UNEMPLOYMENT.name: unemployment_records,
}
_NO_ROWS = rejection_lines(pd.Series(dtype=bool), "", "")


def _all_rejected(prepared: Prepared, checked: Checked, torn: pd.DataFrame) -> pd.DataFrame:
    """Join what was rejected on reading, on preparing and by the common rules."""
    by_rules = checked.rejected.drop(columns="table").assign(
        row=prepared.frame.index.to_numpy()[checked.rejected["row"].to_numpy(int)]
    )
    parts = [part for part in (torn, prepared.rejected, by_rules) if len(part)]
    every = pd.concat(parts, ignore_index=True) if parts else _NO_ROWS
    return every.astype({"row": np.int64}).sort_values("row", kind="stable", ignore_index=True)


def _from_lifelines(card: DatasetCard, path: Path | str | None) -> pd.DataFrame:
    if path is not None:
        raise InputError(
            f"{card.name} comes with lifelines and is not read from a file",
            where="path",
            fix=f"load_dataset({card.name!r})",
        )
    from lifelines import datasets  # takes seconds, so only when asked for

    raw: pd.DataFrame = (
        datasets.load_dd() if card.name == _HEADS.name else datasets.load_canadian_senators()
    )
    return raw


def _read_file(card: DatasetCard, path: Path | str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table, its index the rows as a spreadsheet numbers them, and its torn rows."""
    if path is None:
        raise InputError(
            f"{card.name} needs the path of its CSV: it comes with no installed package",
            where="path",
            fix=f"{card.obtain}; then load_dataset({card.name!r}, path)",
        )
    table = read_table(path)
    frame = pd.concat(
        [column.rename(name) for name, column in zip(table.names, table.columns, strict=True)],
        axis="columns",
    )
    torn = rejection_lines(
        pd.Series(True, index=table.misaligned, dtype=bool),
        "",
        "the row has more or fewer cells than the header",
        "put cells that hold the separator or a line break in quotation marks",
    )
    return frame.set_axis(table.numbers), torn
