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
from gmts_models.reporting.svg import inline_svg

_MOST_COLUMNS = 8
_ITEMS = {
    "rows": "rows read",
    "rejected": "rows left out",
    "valid": "valid records",
    "followed": "people followed",
    "left": "seen to leave",
    "late entry": "followed from later on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the page.

    Attributes
    ----------
    caption : what it shows.
    head : the heads of its columns; the first column names the rows.
    rows : cells, as many as `head`; or a single one, the name of the rows that follow.
    text : positions of further columns that hold words rather than numbers.
    notes : lines under it.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of the small multiples, with the numbers at risk that stand under it."""

    title: str
    colour: str
    svg: str
    ticks: tuple[str, ...] = ()
    at_risk: tuple[str, ...] = ()
    note: str = ""


# ---------------------------------------------------------------- people


def counts(run: RunFolder) -> tuple[tuple[str, str], ...]:
    """Return what was read and what became of it, in the order of the table."""
    held = dict(zip(run.data["item"], run.data["count"], strict=True)) or run.facts.counts
    named = dict(_ITEMS)
    if run.facts.landmarks:
        named["followed"] = "people at one landmark or more"
    elif run.facts.at != "start":
        named["followed"] = "at risk on the prediction date"
        named["left"] = "of them seen to leave"
    return tuple((named.get(item, item), words.count(value)) for item, value in held.items())


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
    found = list(run.cohorts["specialism"].unique())
    labels = {
        "cohort": list(run.cohorts["cohort"].unique()),
        "specialism": sorted(found, key=[*run.groups, *found].index),
    }
    turned = len(found) > max(_MOST_COLUMNS, len(labels["cohort"]))
    rows, columns = ("specialism", "cohort") if turned else ("cohort", "specialism")
    cells = run.cohorts.drop_duplicates([rows, columns]).set_index([rows, columns])["n"]
    heads = labels[columns]
    shown = tuple(
        (str(row), *(words.count(cells.get((row, column), 0.0)) for column in heads))
        for row in labels[rows]
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
    if run.facts.endpoint != "post_scheme":
        return ""
    found = [atom for atom in run.facts.atoms if atom.group == group]
    share, n = (found[0].share, found[0].n) if found else (None, None)
    if share == 0:
        return "Nobody left exactly at completion."
    if share is None or (n is not None and n < run.facts.threshold):
        return "How many left exactly at completion is not shown: too few."
    people = "" if n is None else f" of {words.count(n)} people"
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
