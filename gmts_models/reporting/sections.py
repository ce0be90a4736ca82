"""What the report says of the people and of their retention, in words, tables and curves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from gmts_models.disclosure import SUPPRESSED
from gmts_models.reporting import words
from gmts_models.reporting.plots import retention_panel, to_svg
from gmts_models.reporting.run_folder import ALL, RunFolder
from gmts_models.reporting.scales import (
    at_risk_on,
    group_colours,
    month_ticks,
    retention_floor,
)
from gmts_models.reporting.svg import inline_svg, interval_mark

_MOST_COLUMNS = 8
_NEARLY_ALL = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the page.

    Attributes
    ----------
    caption : what it shows.
    head : the heads of its columns; the first column names the rows.
    rows : cells, as many as `head`.
    text : positions of further columns that hold words rather than numbers.
    notes : lines under it.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One specialism in one sentence, with its interval drawn beside it."""

    group: str
    colour: str
    sentence: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The answer to the question.

    Attributes
    ----------
    horizon : months at which the specialisms are compared; NaN where nothing is estimable.
    overall, comparison : sentences; empty where they cannot be said.
    answers : one a specialism.
    """

    horizon: float
    overall: str
    comparison: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of the small multiples, with the numbers at risk that stand under it."""

    title: str
    colour: str
    svg: str
    ticks: tuple[str, ...] = ()
    at_risk: tuple[str, ...] = ()
    note: str = ""


# -------------------------------------------------------------- headline


def headline(run: RunFolder) -> Headline:
    """Answer the question at the longest horizon that nearly all specialisms reach."""
    table, groups = run.retention, run.groups
    horizon = _headline_horizon(table, groups)
    at = table[table["horizon_months"] == horizon].drop_duplicates("group").set_index("group")
    colours = group_colours(groups)
    known = at[["retention", "lower", "upper"]]
    span = (float(known.min().min()), float(known.max().max())) if len(known) else (0.0, 1.0)
    if not span[1] > span[0]:
        span = (0.0, 1.0)
    whole = _cell(at, ALL, "retention")
    return Headline(
        horizon=horizon,
        overall=_overall(run, at, horizon),
        comparison=_comparison(at.drop(index=ALL, errors="ignore")),
        answers=tuple(
            Answer(
                group=group,
                colour=colours[group],
                sentence=_sentence(run, group, horizon),
                mark=interval_mark(
                    _cell(at, group, "retention"),
                    _cell(at, group, "lower"),
                    _cell(at, group, "upper"),
                    span,
                    colour=colours[group],
                    line=whole,
                ),
            )
            for group in groups or ([ALL] if len(at) else [])
        ),
    )


def _headline_horizon(table: pd.DataFrame, groups: list[str]) -> float:
    known = table[table["retention"].notna() & table["group"].isin(groups or [ALL])]
    if not len(known):
        known = table[table["retention"].notna()]
    if not len(known):
        return math.nan
    reached = known.groupby("horizon_months")["group"].nunique()
    return float(reached[reached >= _NEARLY_ALL * reached.max()].index.max())


def _cell(at: pd.DataFrame, group: str, column: str) -> float:
    return float(at[column].get(group, math.nan))


def _stayed(run: RunFolder, horizon: float) -> str:
    if run.facts.endpoint == "post_scheme":
        return f"reach {words.months(horizon)} after completing without {run.facts.leaving}"
    return f"reach {words.months(horizon)} without {run.facts.leaving}"


def _overall(run: RunFolder, at: pd.DataFrame, horizon: float) -> str:
    kept = _cell(at, ALL, "retention")
    if math.isnan(kept):
        return ""
    n = _cell(at, ALL, "n")
    people = "people" if math.isnan(n) else f"{words.count(n)} people"
    lower, upper = _cell(at, ALL, "lower"), _cell(at, ALL, "upper")
    decimals = words.decimals_for([upper - lower])
    limits = words.percent_limits(lower, upper, decimals)
    if limits != words.NO_INTERVAL:
        limits = f"{words.level(run.facts.level)} interval {limits}"
    share = words.percent(kept, decimals)
    return f"An estimated {share} of the {people} {_stayed(run, horizon)} ({limits})."


def _comparison(at: pd.DataFrame) -> str:
    known = at.dropna(subset=["retention"])
    if len(known) < 2 or known["retention"].nunique() < 2:
        return ""
    low, high = str(known["retention"].idxmin()), str(known["retention"].idxmax())
    shares = [words.percent(_cell(known, group, "retention")) for group in (low, high)]
    text = f"The lowest estimate is {shares[0]} ({low}), the highest {shares[1]} ({high})."
    gap = _cell(known, high, "lower") - _cell(known, low, "upper")
    if math.isnan(gap):
        return text
    if gap > 0:
        return f"{text} Their intervals do not overlap."
    return f"{text} Their intervals overlap: these data do not clearly tell the two apart."


def _sentence(run: RunFolder, group: str, horizon: float) -> str:
    mine = run.retention[run.retention["group"] == group].sort_values("horizon_months")
    known = mine[mine["retention"].notna()]
    if not len(known):
        return "Too few people to say."
    there = known[known["horizon_months"] == horizon]
    row = (there if len(there) else known).iloc[-1]
    decimals = words.decimals_for([row["upper"] - row["lower"]])
    limits = words.percent_limits(row["lower"], row["upper"], decimals)
    kept = words.percent(row["retention"], decimals)
    text = f"{kept} {_stayed(run, row['horizon_months'])} ({limits})."
    return text if len(there) else f"{text} Too few have been followed for longer."


# ---------------------------------------------------------------- people


def counts(run: RunFolder) -> tuple[tuple[str, str], ...]:
    """Return what was read and what became of it, in the order of the table."""
    if len(run.data):
        pairs = zip(run.data["item"], run.data["count"], strict=True)
        return tuple((str(item), words.count(value)) for item, value in pairs)
    return tuple((item, words.count(value)) for item, value in run.facts.counts.items())


def rejected(run: RunFolder) -> Table | None:
    """Return the rejected rows by reason; None where there are none."""
    if not len(run.rejected):
        return None
    pairs = zip(run.rejected["reason"], run.rejected["rows"], strict=True)
    shown = tuple((str(reason), words.count(rows)) for reason, rows in pairs)
    return Table(
        caption="Rows left out, by reason",
        head=("Reason", "Rows"),
        rows=shown,
        notes=("A row that broke two rules counts under both.", *hidden_note(run, shown)),
    )


def cohorts(run: RunFolder) -> Table | None:
    """Return the people by cohort and specialism; None where there are none."""
    if not len(run.cohorts):
        return None
    across = run.cohorts["specialism"].unique()
    turned = len(across) > max(_MOST_COLUMNS, run.cohorts["cohort"].nunique())
    rows, columns = ("specialism", "cohort") if turned else ("cohort", "specialism")
    cells = run.cohorts.drop_duplicates([rows, columns]).set_index([rows, columns])["n"]
    heads = list(run.cohorts[columns].unique())
    shown = tuple(
        (str(row), *(words.count(cells.get((row, column), 0.0)) for column in heads))
        for row in run.cohorts[rows].unique()
    )
    return Table(
        caption=f"People by {rows} and {columns}",
        head=(rows.capitalize(), *map(str, heads)),
        rows=shown,
        notes=hidden_note(run, shown),
    )


def hidden_note(run: RunFolder, rows: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Say what a suppressed cell is, where one of `rows` holds one."""
    if not any(SUPPRESSED in row for row in rows):
        return ()
    return (f"{SUPPRESSED} not shown: {small(run)}, or a count that would give one away.",)


def small(run: RunFolder) -> str:
    """Say which counts are too small to show."""
    return f"fewer than {run.facts.threshold} people"


# ------------------------------------------------------------- retention


def curves(run: RunFolder) -> tuple[Panel, ...]:
    """Draw the curve of each specialism that has one, with its numbers at risk."""
    table = run.curves.dropna(subset=["retention"])
    with_curve = [group for group in run.groups if (table["group"] == group).any()]
    if not with_curve and (table["group"] == ALL).any():
        with_curve = [ALL]
    colours = group_colours(run.groups)
    ticks, floor = month_ticks(table), retention_floor(table)
    panels = []
    for number, group in enumerate(with_curve):
        drawing = retention_panel(table, group, colours[group], ticks, floor)
        label = f"Retention curve of {group}: {_read_out(run, group)}"
        panels.append(
            Panel(
                title=_group_name(group),
                colour=colours[group],
                svg=inline_svg(to_svg(drawing), name=f"curve{number}", label=label),
                ticks=tuple(map(str, ticks)),
                at_risk=tuple(map(words.count, at_risk_on(table[table["group"] == group], ticks))),
                note=_atom(run, group),
            )
        )
    return tuple(panels)


def without_curve(run: RunFolder) -> tuple[str, ...]:
    """Return the specialisms with too few people for a curve."""
    drawn = set(run.curves.dropna(subset=["retention"])["group"])
    return tuple(group for group in run.groups if group not in drawn)


def curve_notes(run: RunFolder) -> tuple[str, ...]:
    """Return how the curves are to be read."""
    table = run.curves.dropna(subset=["retention"])
    notes = [
        f"Line: share who have not left. Band: {words.level(run.facts.level)} interval."
        + (" Grey line: everybody." if run.groups and (table["group"] == ALL).any() else ""),
        "The clock starts at completion of the scheme."
        if run.facts.endpoint == "post_scheme"
        else "The clock starts on the first day.",
        "Under each month: people still followed (at risk). "
        f"{SUPPRESSED} not shown: {small(run)} left to follow, or a count that would give one "
        "away.",
    ]
    if floor := retention_floor(table):
        notes.insert(1, f"The axis starts at {words.percent(floor)}.")
    return tuple(notes)


def _group_name(group: str) -> str:
    return "Everybody" if group == ALL else group


def _read_out(run: RunFolder, group: str) -> str:
    mine = run.retention[(run.retention["group"] == group) & run.retention["retention"].notna()]
    read = [
        f"{words.percent(kept)} at {words.months(month)}"
        for kept, month in zip(mine["retention"], mine["horizon_months"], strict=True)
    ]
    return f"{', '.join(read)}." if read else "no horizon is estimable."


def _atom(run: RunFolder, group: str) -> str:
    found = [atom for atom in run.facts.atoms if atom.group == group]
    if not found:
        return ""
    share, n = found[0].share, found[0].n
    if n == 0 or share == 0:
        return "Nobody left exactly at completion."
    if share is None or (n is not None and n < run.facts.threshold):
        return "How many left exactly at completion is not shown: too few."
    people = "" if n is None else f" ({words.count(n)} people)"
    return (
        f"{words.percent(share)}{people} left exactly at completion, when contracts end: "
        "the drop at month 0."
    )


def retention(run: RunFolder) -> Table:
    """Return retention by specialism and horizon."""
    table = run.retention
    horizons = sorted(table["horizon_months"].dropna().unique())
    decimals = words.decimals_for((table["upper"] - table["lower"]).tolist())
    rows = []
    for group in table["group"].unique():
        mine = table[table["group"] == group].drop_duplicates("horizon_months")
        at = mine.set_index("horizon_months")
        cells = [_retention_cell(at, float(horizon), decimals) for horizon in horizons]
        rows.append((_group_name(group), words.count(mine["n"].iloc[0]), *cells))
    shown = {cell for row in rows for cell in row}
    notes = [f"In brackets: {words.level(run.facts.level)} interval, in per cent."]
    notes.extend(hidden_note(run, rows))
    if words.TOO_FEW in shown:
        notes.append(f"Too few: {small(run)} in the group, or left to follow at that month.")
    if words.NOT_ESTIMABLE in shown:
        notes.append("Not estimable: nobody was followed for as long.")
    return Table(
        caption="Retention by specialism and months "
        + ("since completion" if run.facts.endpoint == "post_scheme" else "since the start"),
        head=("Specialism", "People", *(words.months(horizon) for horizon in horizons)),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _retention_cell(at: pd.DataFrame, horizon: float, decimals: int) -> str:
    if horizon not in at.index:
        return words.MISSING
    columns = ["retention", "lower", "upper", "at_risk"]
    kept, lower, upper, at_risk = (float(at[column][horizon]) for column in columns)
    if math.isnan(kept):
        return words.TOO_FEW if math.isnan(at_risk) else words.NOT_ESTIMABLE
    return words.with_limits(
        words.percent(kept, decimals), words.percent_limits(lower, upper, decimals)
    )
