"""The page on data says what the code does: its table of columns, its words for missing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from gmts_models.config import FileData
from gmts_models.data.contract.columns import TRAINEES, Column
from gmts_models.data.reading.cells import MISSING_WORDS
from gmts_models.data.reading.parsing import CAUSE_UNKNOWN, NO, STILL_THERE, YES

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
START, END = "<!-- columns of the contract -->\n", "<!-- end of the columns -->"


def table_of_columns() -> str:
    lines = ["| column | kind | meaning | values | notes |", "|---|---|---|---|---|"]
    for column in TRAINEES:
        notes = [
            "required" if column.required else "",
            "protected characteristic" if column.protected else "",
            "known at the start" if column.known == "start" else "",
        ]
        cells = (f"`{column.name}`", column.kind, column.meaning, values(column))
        lines.append(f"| {' | '.join(cells)} | {', '.join(filter(None, notes))} |")
    return "\n".join(lines) + "\n"


def values(column: Column) -> str:
    if column.allowed:
        return "; ".join(column.allowed)
    low, high, unit = column.least, column.most, column.unit or ""
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" + (f" {unit}" if unit != f"{low:g} to {high:g}" else "")
    return f"{low:g} or more {unit}" if low is not None else ""


def test_the_table_of_columns_is_the_contract():
    table = PAGE.split(START)[1].split(END)[0]
    assert table == table_of_columns(), f"put this into docs/data.md:\n{table_of_columns()}"


@pytest.mark.parametrize("words", [MISSING_WORDS, YES, NO, STILL_THERE, CAUSE_UNKNOWN])
def test_every_word_that_is_understood_is_on_the_page(words):
    assert [word for word in words if f"`{word}`" not in PAGE] == []


def test_the_example_of_a_configuration_is_valid():
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    data = YAML(typ="safe", pure=True).load(example)["data"]
    assert FileData(**data).columns["trainee_id"] == "Staff No"


def test_the_example_of_loading_runs(tmp_path, monkeypatch):
    rows = [["1", "INF", "02/09/2019", "", "6"], ["2", "Magic", "02/09/2019", "", "7"]]
    names = ["Staff No", "Stream", "Joined", "Left the NHS", "band"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "trainees.csv", index=False)
    monkeypatch.chdir(tmp_path)
    example = PAGE.split("```python\n")[1].split("```")[0]
    scope: dict[str, object] = {}
    exec(example, scope)
    assert scope["people"].trainees["band"].tolist() == ["6"]
