"""The pages on data say what the code does; GMTS_UPDATE_DOCS=1 writes their tables anew."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from gmts_models.config import FileData
from gmts_models.data.contract.columns import Column
from gmts_models.data.contract.tables import TABLE_NAMES, TABLES, columns_of
from gmts_models.data.reading.cells import MISSING_WORDS
from gmts_models.data.reading.folder import ENDINGS
from gmts_models.data.reading.parsing import CAUSE_UNKNOWN, NO, STILL_THERE, YES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "data.md").read_text(encoding="utf-8")
TABLES_PAGE = (DOCS / "tables.md").read_text(encoding="utf-8")


def table_of_columns(table: str) -> str:
    lines = ["| column | kind | meaning | values | notes |", "|---|---|---|---|---|"]
    for column in columns_of(table).values():
        notes = [
            "required" if column.required else "",
            "protected characteristic" if column.protected else "",
            "known at the start" if column.known == "start" else "",
            f"known the day after `{column.known}`" if known_later(column, table) else "",
        ]
        cells = (f"`{column.name}`", column.kind, column.meaning, values(column))
        lines.append(f"| {' | '.join(cells)} | {', '.join(filter(None, notes))} |")
    return "\n".join(lines) + "\n"


def known_later(column: Column, table: str) -> bool:
    return table != "trainees" and column.known not in (None, "start", column.name)


def values(column: Column) -> str:
    if column.allowed:
        return "; ".join(column.allowed)
    low, high, unit = column.least, column.most, column.unit or ""
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" + (f" {unit}" if unit != f"{low:g} to {high:g}" else "")
    return f"{low:g} or more {unit}" if low is not None else ""


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_the_table_of_columns_is_the_contract(table):
    page = DOCS / ("data.md" if table == "trainees" else "tables.md")
    what = "the contract" if table == "trainees" else table
    start, end = f"<!-- columns of {what} -->\n", "<!-- end of "
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    told, mark, after = rest.partition(end)
    assert mark, f"{page.name} has no place for the columns of {table}"
    if os.environ.get("GMTS_UPDATE_DOCS"):
        made = before + start + table_of_columns(table) + mark + after
        page.write_text(made, encoding="utf-8")
        return
    assert told == table_of_columns(table), "GMTS_UPDATE_DOCS=1 writes it anew"


@pytest.mark.parametrize("words", [MISSING_WORDS, YES, NO, STILL_THERE, CAUSE_UNKNOWN])
def test_every_word_that_is_understood_is_on_the_page(words):
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_every_table_and_every_ending_that_a_folder_may_hold_is_on_the_page():
    assert [name for name in (*TABLES, *ENDINGS) if f"`{name}`" not in TABLES_PAGE] == []


def test_the_examples_of_a_configuration_are_valid():
    for page, path in ((PAGE, "trainees.csv"), (TABLES_PAGE, "extract")):
        example = page.split("```yaml\n")[1].split("```")[0]
        data = FileData(**YAML(typ="safe", pure=True).load(example)["data"])
        assert str(data.path) == path
    assert data.tables["placements"].attributes["rating"].known == "end_date"


def test_the_example_of_loading_runs(tmp_path, monkeypatch):
    rows = [["1", "INF", "02/09/2019", "", "6"], ["2", "Magic", "02/09/2019", "", "7"]]
    names = ["Staff No", "Stream", "Joined", "Left the NHS", "band"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "trainees.csv", index=False)
    monkeypatch.chdir(tmp_path)
    scope = run_example(PAGE)
    assert scope["people"].trainees["band"].tolist() == ["6"]


def test_the_example_of_loading_tables_runs(tmp_path, monkeypatch):
    (tmp_path / "extract").mkdir()
    files = {
        "trainees.csv": "trainee_id,specialism,start_date\na,Finance,2021-09-01\n",
        "placements.csv": "trainee_id,From,To,placement_type,rating\n"
        "a,2021-09-01,,Orientation,\na,2021-10-01,2022-09-30,Rotation 1,4\n",
        "surveys.csv": "trainee_id,date,morale\na,2022-01-31,7\nz,2022-01-31,7\n",
    }
    for name, text in files.items():
        (tmp_path / "extract" / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    checked = run_example(TABLES_PAGE)["checked"]
    assert checked.summary().to_numpy().tolist() == [
        ["trainees", 1, 1, 0],
        ["placements", 2, 2, 0],
        ["surveys", 2, 1, 1],
    ]
    placements = checked.valid.tables["placements"]
    assert placements["end_date"].dt.strftime("%Y-%m-%d").tolist() == ["2021-10-01", "2022-09-30"]
    assert placements["placement_type"].tolist() == ["orientation", "first"]


def run_example(page: str) -> dict[str, object]:
    scope: dict[str, object] = {}
    exec(page.split("```python\n")[1].split("```")[0], scope)
    return scope
