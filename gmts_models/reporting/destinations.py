"""What the report says of where leavers go: a table over time, and one by specialism."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from gmts_models.reporting import words
from gmts_models.reporting.run_folder import ALL, RunFolder
from gmts_models.reporting.sections import Table, small

_COMPLETED = "completed"


def title(run: RunFolder) -> str:
    """Return the head of the section."""
    return "How the scheme ends" if run.facts.endpoint == "left_scheme" else "Where leavers go"


def destinations(run: RunFolder) -> tuple[Table, ...]:
    """Return incidence by cause over time, and by specialism; nothing where no cause is known."""
    table = run.incidence
    if not table["incidence"].notna().any():
        return ()
    causes = list(dict.fromkeys(table["cause"]))
    horizons = sorted(table["horizon_months"].dropna().unique())
    everybody = table[table["group"] == ALL]
    told = table.loc[table["incidence"].notna() & (table["group"] == ALL), "horizon_months"]
    rows = tuple(
        (_name(cause), *(_cell(everybody, cause, horizon) for horizon in horizons))
        for cause in causes
    )
    over_time = Table(
        caption="Of everybody, the share that left for each of these, by months since "
        + ("completion" if run.facts.endpoint == "post_scheme" else "the start"),
        head=("", *map(words.months, horizons)),
        rows=rows,
        notes=(*_notes(run, everybody), *_few_note(run, rows)),
    )
    if not len(told) or table["group"].nunique() < 2:
        return (over_time,)
    return (over_time, _by_group(run, causes, float(told.max())))


def _by_group(run: RunFolder, causes: Sequence[str], horizon: float) -> Table:
    rows = []
    for group in dict.fromkeys(run.incidence["group"]):
        mine = run.incidence[run.incidence["group"] == group]
        name = "Everybody" if group == ALL else str(group)
        rows.append((name, *(_cell(mine, cause, horizon) for cause in causes)))
    return Table(
        caption=f"By specialism, within {words.months(horizon)}",
        head=("Specialism", *map(_name, causes)),
        rows=tuple(rows),
        notes=_few_note(run, rows),
    )


def _cell(part: pd.DataFrame, cause: str, horizon: float) -> str:
    at = part[(part["cause"] == cause) & (part["horizon_months"] == horizon)]
    if not len(at) or math.isnan(at["incidence"].iloc[0]):
        return words.TOO_FEW
    one = at.iloc[0]
    lower, upper = float(one["lower"]), float(one["upper"])
    if math.isnan(lower) or math.isnan(upper):
        return words.percent(float(one["incidence"]), 1)
    return words.with_limits(
        words.percent(float(one["incidence"]), 1), words.percent_limits(lower, upper, 1)
    )


def _notes(run: RunFolder, everybody: pd.DataFrame) -> list[str]:
    notes = [f"In brackets: {words.level(run.facts.level)} interval, in per cent."]
    last = everybody[everybody["horizon_months"] == everybody["horizon_months"].max()]
    wide = last[last["highest"] - last["lowest"] > 1e-9]
    if len(wide):
        bounds = [
            f"{words.percent_limits(low, high, 1)} % {_name(cause)}"
            for cause, low, high in zip(wide["cause"], wide["lowest"], wide["highest"], strict=True)
        ]
        month = words.months(float(last["horizon_months"].iloc[0]))
        notes.append(
            "Of some leavers it is not known where they went. They are taken to have gone where "
            "others of their specialism went, and the interval counts that this is a guess. If "
            f"none or all of them had gone one way, it would be, at {month}: "
            f"{words.in_words(bounds)}."
        )
    return notes


def _few_note(run: RunFolder, rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    if not any(words.TOO_FEW in row for row in rows):
        return ()
    told = f"Too few: {small(run)} are known to have gone that way or are left to follow"
    return (f"{told}, or the figure would give such a count away.",)


def _name(cause: str) -> str:
    return "completed it" if cause == _COMPLETED else str(cause)
