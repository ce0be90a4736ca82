"""The data-quality report as one self-contained page, with disclosure control applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gmts_models.data.quality.report import QualityReport
from gmts_models.disclosure import (
    DEFAULT_THRESHOLD,
    SUPPRESSED,
    check_threshold,
    is_small,
    show_count,
    suppress_counts,
)
from gmts_models.errors import InputError
from gmts_models.outcome import Bools
from gmts_models.reporting import words
from gmts_models.reporting.page import page_template
from gmts_models.reporting.sections import Table

_ALL = "All"
_MOST_COHORTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the page: its anchor, title, a sentence or two, and tables."""

    name: str
    title: str
    text: str
    tables: tuple[Table, ...] = ()


def write_quality_report(
    report: QualityReport, path: str | Path, *, threshold: int = DEFAULT_THRESHOLD
) -> Path:
    """Write a data-quality report as an HTML page.

    Parameters
    ----------
    report : of `quality_report`.
    path : of the page, ending in .html; an older page there is replaced, whole.
    threshold : disclosure control; 1 shows every count.

    Raises
    ------
    InputError : the path cannot be written, or does not end in .html.
    """
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            "the page's name does not end in .html", where=target.name, fix="call it quality.html"
        )
    page = render_quality_report(report, threshold=threshold)
    draft = target.with_name(target.name + ".part")
    try:
        draft.write_text(page, encoding="utf-8", newline="\n")
        draft.replace(target)
    except OSError as error:
        raise InputError(
            f"the page cannot be written: {error.strerror}", where=target.name
        ) from None
    return target


def render_quality_report(report: QualityReport, *, threshold: int = DEFAULT_THRESHOLD) -> str:
    """Return the page as HTML."""
    check_threshold(threshold)
    show = _shower(threshold)
    sections = (
        _tables(report, show),
        _rejected(report, threshold),
        _gaps(report, threshold),
        _suspicious(report, show),
        _cohorts(report, threshold),
        _duplicates(report, show),
        _drift(report, threshold),
    )
    page: str = page_template("quality.html.j2").render(
        title="Data quality",
        about=_about(report),
        synthetic=report.synthetic,
        summary=tuple(_summary(report, show)),
        sections=sections,
        quiet=(words.MISSING, words.TOO_FEW),
        disclosure=_disclosure(threshold),
    )
    return page


Shower = Callable[[float], str]


def _shower(threshold: int) -> Shower:
    def show(count: float) -> str:
        return show_count(float(suppress_counts(pd.Series([count]), threshold).iloc[0]))

    return show


def _about(report: QualityReport) -> str:
    census = f", followed up to {words.day(report.census_date)}" if report.census_date else ""
    told = "" if report.resolution == "unknown" else f" Times are told by the {report.resolution}."
    return f"Data: {report.source}{census}.{told}"


def _summary(report: QualityReport, show: Shower) -> Iterator[str]:
    for each in _rows(report.tables):
        if each.table == "trainees" or each.rejected:
            told = f"{show(each.valid)} valid rows, {show(each.rejected)} rejected"
            yield f"{_title(each.table)}: {told}."
    gaps = report.gaps[(report.gaps["cohort"] == _ALL) & (report.gaps["share"] >= 0.2)]
    if len(gaps):
        yield f"{len(gaps)} columns miss a fifth of their values or more."
    if len(report.suspicious):
        kinds = "kind" if len(report.suspicious) == 1 else "kinds"
        yield f"{len(report.suspicious)} {kinds} of unlikely values: see below."
    young = int((report.cohorts["immature_at"] != "").sum())
    if young:
        yield (
            f"{young} of {len(report.cohorts)} cohorts have not been followed for "
            f"{report.horizons[-1]:g} months yet."
        )
    if len(report.drift):
        times = "Once" if len(report.drift) == 1 else f"{len(report.drift)} times"
        yield f"{times} a cohort differs from the others by more than chance."


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    return iter(frame.itertuples(index=False))


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


# ------------------------------------------------------------ sections


def _tables(report: QualityReport, show: Shower) -> Section:
    # Rows less valid ones are the rejected: where these are few, the first is not shown either.
    rows = tuple(
        (
            _title(each.table),
            SUPPRESSED if show(each.rejected) == SUPPRESSED else show(each.rows),
            show(each.valid),
            show(each.rejected),
        )
        for each in _rows(report.tables)
    )
    filled = tuple(
        f"{_title(each.table)}: {each.column} filled in for {show(each.rows)} rows, "
        f"{each.filled_with}."
        for each in _rows(report.filled)
    )
    table = Table(
        caption="Rows by table",
        head=("Table", "Rows", "Valid", "Rejected"),
        rows=rows,
        notes=filled,
    )
    return Section(name="tables", title="What was read", text="", tables=(table,))


def _rejected(report: QualityReport, threshold: int) -> Section:
    reasons = report.reasons
    shown = reasons.groupby("table")["rows"].transform(
        lambda rows: suppress_counts(rows, threshold, total_published=True)
    )
    rows = tuple(
        (each.reason, _title(each.table), show_count(count))
        for each, count in zip(_rows(reasons), shown, strict=True)
    )
    return _section(
        "rejected",
        "Rejected rows",
        "No row was rejected.",
        "A rejected row is in no figure. A row that breaks several rules counts under each.",
        Table(caption="By reason", head=("Reason", "Table", "Rows"), rows=rows, text=(1,)),
    )


def _gaps(report: QualityReport, threshold: int) -> Section:
    gaps = report.gaps
    shown = gaps.assign(
        told=[
            words.TOO_FEW if few else words.percent(share)
            for few, share in zip(_hidden_gaps(gaps, threshold), gaps["share"], strict=True)
        ]
    )
    whole = shown[shown["cohort"] == _ALL]
    # Scores of one survey are missing together: one line for all.
    together = whole.groupby(["table", "n", "missing", "told"], sort=False)["column"]
    whole = together.agg(", ".join).reset_index()
    rows = tuple((each.column, _title(each.table), each.told) for each in _rows(whole))
    tables = [Table(caption="By column", head=("Column", "Table", "Missing"), rows=rows, text=(1,))]
    if (by_cohort := _gaps_by_cohort(shown)) is not None:
        tables.append(by_cohort)
    return _section(
        "gaps",
        "What is missing",
        "Nothing is missing.",
        "Shares of the rows that should have a value: a destination, say, of those who left. "
        "Columns without a gap are left out.",
        *tables,
    )


def _hidden_gaps(gaps: pd.DataFrame, threshold: int) -> Bools:
    """Return (n,) bool: the shares by which few people could be told, cohorts adding up to all."""
    missing = gaps["missing"]
    told = gaps["n"] - missing
    few = (gaps["n"] < threshold) | is_small(missing, threshold) | is_small(told, threshold)
    for rows in gaps[gaps["cohort"] != _ALL].groupby(["table", "column"]).groups.values():
        hidden = few[rows]
        while True:
            before = hidden
            for counts in (missing[rows], told[rows]):
                shown = suppress_counts(counts, threshold, total_published=True, also=hidden)
                hidden = shown.isna()
            if hidden.equals(before):
                break
        few[rows] = hidden
    return few.to_numpy(bool)


def _gaps_by_cohort(shown: pd.DataFrame) -> Table | None:
    part = shown[shown["cohort"] != _ALL]
    if not len(part):
        return None
    grid = part.pivot_table(index="column", columns="cohort", values="told", aggfunc="first")
    grid = grid[sorted(map(str, grid))[-_MOST_COHORTS:]]
    rows = tuple(
        (str(name), *(words.MISSING if pd.isna(cell) else str(cell) for cell in cells))
        for name, *cells in grid.itertuples()
    )
    return Table(
        caption=f"Trainees by cohort (the latest {len(grid.columns)})",
        head=("Column", *map(str, grid.columns)),
        rows=rows,
    )


def _suspicious(report: QualityReport, show: Shower) -> Section:
    rows = tuple(
        (each.what, f"{_title(each.table)}: {each.column}", show(each.rows), each.fix)
        for each in _rows(report.suspicious)
    )
    return _section(
        "suspicious",
        "Possible, and unlikely",
        "No unlikely value was found.",
        "These rows are valid and count. They may be right; they may be a default, a unit or a "
        "date gone astray.",
        Table(
            caption="Unlikely values",
            head=("What", "Where", "Rows", "What to do"),
            rows=rows,
            text=(1, 3),
        ),
    )


def _cohorts(report: QualityReport, threshold: int) -> Section:
    frame = report.cohorts
    n = suppress_counts(frame["n"].astype(float), threshold, total_published=True)
    few = (frame["left"] > 0) & (frame["left"] < threshold)
    left = frame["left"].astype(float).mask(n.isna() | few)
    rows = tuple(
        (
            str(each.cohort),
            show_count(size),
            show_count(gone),
            f"{each.followed_months:,.1f}".removesuffix(".0"),
            each.immature_at or words.MISSING,
        )
        for each, size, gone in zip(_rows(frame), n, left, strict=True)
    )
    return _section(
        "cohorts",
        "How far cohorts have come",
        "There are no cohorts with dates.",
        "A cohort is immature at a horizon that it has not been followed for. Retention there "
        "rests on the cohorts before it.",
        Table(
            caption="Cohorts",
            head=("Cohort", "People", "Left", "Followed for, months", "Immature at, months"),
            rows=rows,
        ),
    )


def _duplicates(report: QualityReport, show: Shower) -> Section:
    rows = tuple((each.what, show(each.rows)) for each in _rows(report.duplicates))
    return _section(
        "duplicates",
        "Duplicates",
        "No row is there twice, and no two people are alike in all that is recorded.",
        "Copies are rejected. People who are alike count twice until someone has looked.",
        Table(caption="Copies and likenesses", head=("What", "Rows"), rows=rows),
    )


def _drift(report: QualityReport, threshold: int) -> Section:
    rows = tuple(
        (
            each.column,
            each.cohort,
            each.what if each.fewest >= threshold else "other shares of its labels",
            words.number(each.size, 2),
            _p(each.p),
        )
        for each in _rows(report.drift)
        if each.n >= threshold
    )
    return _section(
        "drift",
        "Cohorts that differ",
        "No cohort differs from the others by more than chance.",
        "A new form, a new wording or other people: a model learned from the other cohorts meets "
        "here what it does not know. Size is the distance between the shares (0 to 1), or the "
        "difference of means in standard deviations; p is adjusted for all that was compared.",
        Table(
            caption="Against all other cohorts",
            head=("Column", "Cohort", "What", "Size", "p"),
            rows=rows,
            text=(1, 2),
        ),
    )


def _section(name: str, title: str, nothing: str, text: str, *tables: Table) -> Section:
    if not any(table.rows for table in tables):
        return Section(name=name, title=title, text=nothing)
    return Section(name=name, title=title, text=text, tables=tables)


def _p(value: float) -> str:
    return "under 0.001" if value < 0.001 else words.number(value)


def _disclosure(threshold: int) -> str:
    if threshold == 1:
        return "Every count is shown: disclosure control was switched off."
    return (
        f"Counts from 1 to {threshold - 1} are not shown (*), and shares that rest on so few are "
        "marked as too few. No row, name or identifier of a person is on this page; "
        "gmts-models validate names the rejected rows by their number."
    )
