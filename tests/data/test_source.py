"""Whatever the source, a configuration's data section becomes the same checked people."""

from __future__ import annotations

import inspect
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from postgres_server import PASSWORD

import gmts_models as gm
from gmts_models.config import DatabaseData, FileData, OpenData, SnapshotData, SyntheticData
from gmts_models.config.file import read_config
from gmts_models.data.load import load_trainees
from gmts_models.data.snapshots import from_snapshots
from gmts_models.data.source import load_source
from gmts_models.errors import DataError, InputError

TRAINEES = pd.DataFrame(
    {
        "staff_no": ["1", "2", "3"],
        "specialism": ["FIN", "Human Resources", "Magic"],
        "start_date": ["02/09/2019", "01/09/2020", "01/09/2020"],
        "leave_nhs_date": ["01/03/2021", None, None],
        "band": ["6", "7", "6"],
    }
)
ROLES = pd.DataFrame(
    {
        "trainee_id": ["2", "1", "9"],
        "from": ["05/10/2021", "03/09/2019", "01/01/2020"],
        "band": ["8a", "7", "6"],
        "grade": [3, 2, 1],
    }
)
LAYOUT = {
    "columns": {"trainee_id": "staff_no"},
    "labels": {"specialism": {"FIN": "Finance"}},
    "attributes": {"band": {"kind": "category", "known": "start"}},
    "date_format": "%d/%m/%Y",
    "census_date": "2022-09-01",
    "scheme": "gmts",
    "leaving": "leaving us",
}
HOW = {"columns": {"start_date": "from"}, "attributes": {"grade": {"kind": "number"}}}


@pytest.fixture
def database(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "people.db")) as connection:
        TRAINEES.to_sql("trainees", connection, index=False)
        ROLES.to_sql("posts", connection, index=False)
    return f"sqlite:///{tmp_path / 'people.db'}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people").mkdir()
    TRAINEES.to_csv(tmp_path / "people" / "trainees.csv", index=False)
    ROLES.to_csv(tmp_path / "posts.csv", index=False)
    return tmp_path / "people"


def same_as(checked: gm.Checked, other: gm.Checked) -> None:
    pd.testing.assert_frame_equal(checked.valid.trainees, other.valid.trainees)
    assert checked.valid.tables.keys() == other.valid.tables.keys()
    for name, table in checked.valid.tables.items():
        pd.testing.assert_frame_equal(table, other.valid.tables[name])
    assert checked.valid.census_date == other.valid.census_date
    assert checked.valid.leaving == other.valid.leaving == "leaving us"
    assert checked.valid.attributes == other.valid.attributes
    assert checked.rejected["reason"].tolist() == other.rejected["reason"].tolist()


def test_files_and_databases_give_the_same_people(folder: Path, database: str) -> None:
    posts = folder.parent / "posts.csv"
    files = FileData(path=folder, tables={"roles": {"path": posts, **HOW}}, **LAYOUT)
    from_files = load_source(files, seed=1)
    assert from_files.valid.trainees["trainee_id"].tolist() == ["1", "2"]
    assert from_files.valid.trainees["specialism"].tolist() == ["Finance", "Human Resources"]
    assert from_files.valid.tables["roles"]["grade"].tolist() == [3.0, 2.0]
    assert from_files.valid.source == "trainees.csv"
    by_table = {"roles": {"table": "posts", **HOW}}
    by_query = {"roles": {"query": "select * from posts order by rowid", **HOW}}
    for what in (
        {"table": "trainees", "tables": by_table},
        {"query": "select * from trainees order by staff_no", "tables": by_query},
        {"table": "trainees", "tables": {"roles": {"path": posts, **HOW}}},
    ):
        same_as(load_source(DatabaseData(url=database, **what, **LAYOUT), seed=1), from_files)


def test_a_database_by_a_configuration(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
name: from a database
data:
  source: database
  url: ${GMTS_TEST_DATABASE}
  table: trainees
  columns: {trainee_id: staff_no}
  scheme: any
  date_format: "%d/%m/%Y"
  census_date: 2022-09-01
  tables:
    roles: {table: posts, columns: {start_date: from}}
models: [{kind: kaplan_meier}]
"""
    monkeypatch.setenv("GMTS_TEST_DATABASE", database)
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    checked = load_source(read_config(tmp_path / "x.yaml").config.data, seed=1)
    assert len(checked.valid) == 3
    assert checked.valid.source == "table trainees of an SQLite database"
    assert "roles" in checked.valid.tables
    (tmp_path / "x.yaml").write_text(
        text.replace("${GMTS_TEST_DATABASE}", "sqlite:///people.db"), encoding="utf-8"
    )
    assert len(load_source(read_config(tmp_path / "x.yaml").config.data, seed=1).valid) == 3


def test_postgresql_by_a_configuration(postgres, tmp_path: Path, monkeypatch) -> None:
    postgres.run(
        "create schema if not exists hr_source",
        "grant usage on schema hr_source to with_password",
        "create table hr_source.trainees as select 'a' as trainee_id, 'Finance' as specialism, "
        "date '2019-09-02' as start_date, null::date as leave_nhs_date",
        "create table hr_source.roles as select 'a' as trainee_id, date '2021-10-01' as start_date",
        "grant select on all tables in schema hr_source to with_password",
    )
    text = """
name: x
data:
  source: database
  url: postgresql+pg8000://with_password:${GMTS_TEST_PASSWORD}@127.0.0.1:PORT/postgres
  table: hr_source.trainees
  census_date: 2022-09-01
  tables: {roles: {}}
models: [{kind: kaplan_meier}]
"""
    monkeypatch.setenv("GMTS_TEST_PASSWORD", PASSWORD)
    path = tmp_path / "x.yaml"
    path.write_text(text.replace("PORT", str(postgres.port)), encoding="utf-8")
    checked = load_source(read_config(path).config.data, seed=1)
    assert len(checked.valid.tables["roles"]) == 1
    monkeypatch.setenv("GMTS_TEST_PASSWORD", "wrong")
    with pytest.raises(DataError, match="refuses the account"):
        load_source(read_config(path).config.data, seed=1)


def test_snapshots(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    dates = ["2020-09-30", "2020-10-31", "2020-11-30", "2020-12-31"]
    for i, day in enumerate(dates):
        staff = ["a", "b"] if i < 2 else ["a"]
        rows = pd.DataFrame({"Staff No": staff, "Joined": "01/09/2020", "Stream": "FIN"})
        rows.to_csv(tmp_path / "extracts" / f"staff {day}.csv", index=False)
    spec = SnapshotData(
        path=tmp_path / "extracts",
        columns={"trainee_id": "Staff No", "start_date": "Joined", "specialism": "Stream"},
        labels={"specialism": {"FIN": "Finance"}},
        date_format="%d/%m/%Y",
        grace_months=1,
        leaving_date="last_seen",
        leaving="leaving us",
    )
    checked = load_source(spec, seed=1)
    people = checked.valid
    assert people.trainees["trainee_id"].tolist() == ["a", "b"]
    assert people.trainees["leave_nhs_date"].tolist()[1] == pd.Timestamp("2020-10-31")
    assert people.leaving == "leaving us"
    changed = spec.model_copy(update={"leaving_date": "first_missed"})
    later = load_source(changed, seed=1).valid.trainees["leave_nhs_date"]
    assert later.tolist()[1] == pd.Timestamp("2020-11-30")


def test_the_other_sources() -> None:
    first = load_source(SyntheticData(first_cohort=2015, last_cohort=2016), seed=3).valid
    again = load_source(SyntheticData(first_cohort=2015, last_cohort=2016, seed=3), seed=4).valid
    pd.testing.assert_frame_equal(first.trainees, again.trainees)
    assert len(load_source(OpenData(name="canadian_senators"), seed=1).valid)


def test_a_table_that_is_not_there_is_an_error(database: str) -> None:
    spec = DatabaseData(url=database, table="trainees", tables={"surveys": {}}, **LAYOUT)
    with pytest.raises(InputError, match="no table 'surveys'"):
        load_source(spec, seed=1)


@pytest.mark.parametrize(
    ("spec", "function", "place"),
    [
        (FileData, load_trainees, {"path"}),
        (DatabaseData, load_trainees, {"url", "table", "query"}),
        (SnapshotData, from_snapshots, {"path"}),
    ],
)
def test_keys_and_arguments_are_called_alike_and_have_one_default(spec, function, place) -> None:
    arguments = inspect.signature(function).parameters
    for name, field in spec.model_fields.items():
        if name not in {"source", *place}:
            default = arguments[name].default
            assert field.default == default or (not field.default and default is None), name
    said = set(spec.model_fields) | {"id", "date"}  # short for columns
    assert {name for name, each in arguments.items() if each.default is not each.empty} <= said
