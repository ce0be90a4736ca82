"""The report's section on where leavers go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gmts_models.reporting.destinations import destinations, title
from gmts_models.reporting.report import render_report
from gmts_models.reporting.run_folder import read_run_folder

HORIZONS = (12.0, 60.0)


def _with_incidence(folder: Path, rows: list[tuple[Any, ...]]) -> Path:
    columns = ["group", "n", "horizon_months", "cause", "incidence", "lower", "upper"]
    frame = pd.DataFrame(rows, columns=[*columns, "lowest", "highest"])
    frame.to_csv(folder / "tables" / "incidence.csv", index=False)
    return folder


def _row(group: str, horizon: float, cause: str, share: float, known: float) -> tuple[Any, ...]:
    return (group, 500, horizon, cause, share, share - 0.01, share + 0.01, known, share + 0.02)


ROWS = [
    _row(group, horizon, cause, share, known=share - 0.005)
    for group in ("All", "Finance")
    for horizon in HORIZONS
    for cause, share in (("private sector", 0.08), ("further study", 0.03))
]


def test_both_tables_and_the_bounds(make_run: Any) -> None:
    run = read_run_folder(_with_incidence(make_run(), ROWS))
    over_time, by_group = destinations(run)
    assert over_time.head == ("", "12 months", "60 months")
    assert [row[0] for row in over_time.rows] == ["private sector", "further study"]
    assert "7.5 to 10.0 % private sector and 2.5 to 5.0 % further study" in over_time.notes[1]
    assert by_group.caption == "By specialism, within 60 months"
    assert [row[0] for row in by_group.rows] == ["Everybody", "Finance"]
    assert not any("Too few" in note for note in (*over_time.notes, *by_group.notes))
    page = render_report(run)
    assert "Where leavers go" in page
    assert "8.0" in page


def test_hidden_cells_are_called_too_few(make_run: Any) -> None:
    hidden = (*_row("Finance", 60.0, "private sector", 0.08, 0.07)[:4], *[None] * 5)
    rows = [hidden if row[:4] == hidden[:4] else row for row in ROWS]
    by_group = destinations(read_run_folder(_with_incidence(make_run(), rows)))[1]
    assert by_group.rows[1] == ("Finance", "too few", by_group.rows[1][2])
    assert by_group.notes[0].startswith("Too few: fewer than 5 people are known")


def test_without_missing_causes_no_bounds_are_told(make_run: Any) -> None:
    rows = [(*row[:7], row[4], row[4]) for row in ROWS]
    over_time = destinations(read_run_folder(_with_incidence(make_run(), rows)))[0]
    assert not any("not known where" in note for note in over_time.notes)


def test_a_run_without_causes_has_no_such_section(make_run: Any) -> None:
    run = read_run_folder(make_run())
    assert destinations(run) == ()
    assert "Where leavers go" not in render_report(run)


def test_of_the_scheme_it_says_how_it_ends(make_run: Any) -> None:
    rows = [
        _row("All", 12.0, "withdrew", 0.02, 0.02),
        _row("All", 12.0, "completed", 0.9, 0.9),
    ]
    run = read_run_folder(_with_incidence(make_run(endpoint="left_scheme"), rows))
    assert title(run) == "How the scheme ends"
    (over_time,) = destinations(run)
    assert [row[0] for row in over_time.rows] == ["withdrew", "completed it"]


def test_the_resolution_of_time_is_told(make_run: Any) -> None:
    assert "told by the month" in render_report(read_run_folder(make_run(resolution="month")))
    assert "told by the" not in render_report(read_run_folder(make_run()))
