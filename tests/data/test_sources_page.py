"""The page on sources says what the code does: its examples run, against SQLite."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.config import DatabaseData, ExperimentConfig, FileData, SnapshotData
from gmts_models.config.file import read_config
from gmts_models.data.source import load_source

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
HERE = "sqlite:///people.db"

TRAINEES = pd.DataFrame(
    {
        "trainee_id": ["a", "b"],
        "specialism": ["Finance", "Human Resources"],
        "start_date": ["2019-09-02", "2020-09-01"],
        "leave_nhs_date": ["2021-03-01", None],
    }
)
PLACEMENTS = pd.DataFrame(
    {
        "trainee_id": ["a", "b"],
        "start_date": ["2019-09-02", "2020-09-01"],
        "end_date": ["2020-03-01", "2021-03-01"],
    }
)
POSTS = pd.DataFrame({"trainee_id": ["b", "b"], "start_date": ["2022-10-01"] * 2, "nhs": [1, 0]})
STAFF = pd.DataFrame(
    {
        "Staff No": ["a", "b", "a", "b", "a", "a"],
        "As at": ["2020-03-31"] * 2 + ["2020-06-30"] * 2 + ["2020-09-30", "2020-12-31"],
        "start_date": "2019-09-02",
    }
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GMTS_DATABASE_URL", HERE)
    monkeypatch.setenv("GMTS_PASSWORD", "secret")
    for name in ("extract", "staff-in-post"):
        Path(name).mkdir()
    TRAINEES.to_csv("trainees.csv", index=False)
    TRAINEES.to_csv("extract/trainees.csv", index=False)
    PLACEMENTS.to_csv("extract/placements.csv", index=False)
    STAFF.to_csv("staff-in-post/all.csv", index=False)
    with pd.ExcelWriter("scheme.xlsx") as book:
        TRAINEES.to_excel(book, sheet_name="trainees", index=False)
        PLACEMENTS.to_excel(book, sheet_name="placements", index=False)
    with closing(sqlite3.connect("people.db")) as connection:
        for name, frame in (("trainees", TRAINEES), ("placements", PLACEMENTS), ("posts", POSTS)):
            frame.to_sql(name, connection, index=False)


def block(section: str, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], flags=re.DOTALL)
    return str(found)


def by_python(section: str) -> gm.Checked:
    scope: dict[str, Any] = {}
    exec(block("A file", "python") + block(section, "python"), scope)
    checked = scope["checked"]
    assert isinstance(checked, gm.Checked)
    return checked


def by_yaml(section: str) -> ExperimentConfig:
    text = f"name: x\n{block(section, 'yaml')}\nmodels: [{{kind: kaplan_meier}}]\n"
    Path("x.yaml").write_text(text, encoding="utf-8")
    return read_config("x.yaml").config


@pytest.mark.parametrize(
    ("section", "kind", "tables"),
    [
        ("A file", FileData, []),
        ("A workbook", FileData, ["placements"]),
        ("A folder", FileData, ["placements"]),
        ("Snapshots", SnapshotData, ["roles", "changes"]),
    ],
)
def test_the_examples_run_and_say_the_same(section: str, kind: type, tables: list[str]) -> None:
    people = by_python(section).valid
    spec = by_yaml(section).data
    assert isinstance(spec, kind)
    same = load_source(spec, seed=1).valid
    assert people.trainees["trainee_id"].tolist() == ["a", "b"]
    assert people.trainees["leave_nhs_date"].notna().sum() == 1
    assert sorted(people.tables) == sorted(tables)
    pd.testing.assert_frame_equal(people.trainees, same.trainees)
    assert people.census_date == same.census_date


def test_the_examples_of_a_database_run() -> None:
    people = by_python("A database").valid
    assert len(people) == 2
    assert len(people.tables["placements"]) == 2
    assert len(people.tables["roles"]) == 1
    spec = by_yaml("A database").data
    assert isinstance(spec, DatabaseData)
    assert spec.url.get_secret_value().startswith("postgresql+pg8000://analyst:secret@")
    assert spec.tables["roles"].query is not None
    here = DatabaseData(
        url=HERE,
        table="trainees",
        tables={
            "placements": spec.tables["placements"],
            "roles": {"query": spec.tables["roles"].query.replace("hr.", "")},
        },
        census_date=spec.census_date,
    )
    same = load_source(here, seed=1).valid
    pd.testing.assert_frame_equal(people.trainees, same.trainees)
    pd.testing.assert_frame_equal(people.tables["roles"], same.tables["roles"])


def test_the_page_links_to_pages_that_are_there() -> None:
    docs = Path(__file__).parents[2] / "docs"
    links = re.findall(r"\]\((\S+?\.md)\)", PAGE)
    assert {"data.md", "snapshots.md"} <= set(links)
    assert [link for link in links if not (docs / link).is_file()] == []
