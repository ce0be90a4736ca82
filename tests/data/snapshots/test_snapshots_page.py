"""The page on snapshots says what the code does: its columns, its reasons, its example."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from extracts import rows, staff

from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import Table
from gmts_models.data.snapshots import dated, posts
from gmts_models.data.snapshots import rows as row_rules
from gmts_models.data.snapshots.contract import CHANGES_SEEN, SNAPSHOTS

PAGE = (Path(__file__).parents[3] / "docs" / "snapshots.md").read_text(encoding="utf-8")


def table_of(table: Table) -> str:
    lines = ["| column | kind | meaning | values |", "|---|---|---|---|"]
    for column in table.columns:
        needed = " (required)" if column.required else ""
        cells = (f"`{column.name}`{needed}", column.kind, column.meaning, values(column))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def values(column: Column) -> str:
    if column.allowed:
        return "; ".join(column.allowed)
    low, high, unit = column.least, column.most, column.unit or ""
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" + (f" {unit}" if unit != f"{low:g} to {high:g}" else "")
    return f"{low:g} or more {unit}" if low is not None else ""


@pytest.mark.parametrize(
    ("table", "start", "end"),
    [
        (SNAPSHOTS, "<!-- columns of the contract -->\n", "<!-- end of the columns -->"),
        (CHANGES_SEEN, "<!-- columns of the changes -->\n", "<!-- end of the changes -->"),
    ],
)
def test_the_tables_of_columns_are_the_contract(table, start, end):
    written = PAGE.split(start)[1].split(end)[0]
    assert written == table_of(table), f"put this into docs/snapshots.md:\n{table_of(table)}"


def test_the_reasons_of_rows_are_on_the_page():
    told = (posts.REPEATED, posts.SECOND_POST, posts.EQUAL_POST, posts.ENDED_POST)
    told += (row_rules.LATE, row_rules.WRONG, dated.STAYED)
    assert [each.reason for each in told if f"`{each.reason}`" not in PAGE] == []


def test_the_example_runs(tmp_path, monkeypatch):
    frame = staff(rows("b", range(4)), rows("c", range(3, 12), start_date="2020-12-07"))
    folder = tmp_path / "staff in post"
    folder.mkdir()
    names = {"trainee_id": "Staff No", "specialism": "Stream", "start_date": "Hired"}
    for day, part in frame.assign(Trust="A").rename(columns=names).groupby("snapshot_date"):
        part.drop(columns="snapshot_date").to_csv(folder / f"staff {day}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    example = PAGE.split("```python\n")[1].split("```")[0]
    scope: dict[str, object] = {}
    exec(example, scope)
    assert isinstance(scope["people"].trainees, pd.DataFrame)
    assert len(scope["people"]) == 3
