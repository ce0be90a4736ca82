"""Where tables are found: folders, workbooks, databases, and what is said of them."""

from __future__ import annotations

import shutil
import sqlite3

import pandas as pd
import pytest

from gmts_models.config import TableSpec
from gmts_models.data.load import load_trainees
from gmts_models.data.reading.database import Database
from gmts_models.errors import DataError, InputError

TRAINEES = pd.DataFrame(
    {"trainee_id": ["a"], "specialism": ["Finance"], "start_date": ["2019-09-02"]}
)
PLACEMENTS = pd.DataFrame({"trainee_id": ["a"], "start_date": ["2019-09-02"]})
SURVEYS = pd.DataFrame({"trainee_id": ["a"], "date": ["2020-01-31"], "morale": [7]})


def load(source, **arguments):
    return load_trainees(source, census_date="2022-09-01", **arguments)


def tables(source, **arguments):
    return dict(load(source, **arguments).rows)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "extract"
    place.mkdir()
    TRAINEES.to_csv(place / "trainees.csv", index=False)
    PLACEMENTS.to_csv(place / "placements.csv", index=False)
    return place


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "scheme.xlsx"
    with pd.ExcelWriter(path) as writer:
        PLACEMENTS.to_excel(writer, sheet_name="Placements", index=False)
        TRAINEES.to_excel(writer, sheet_name="Trainees", index=False)
        SURVEYS.to_excel(writer, sheet_name="pulse", index=False)
    return path


# --------------------------------------------------------------- folders


def test_a_folder_is_read_by_the_names_of_its_files(folder):
    (folder / "placements.csv").unlink()
    PLACEMENTS.to_parquet(folder / "PLACEMENTS.parquet")
    SURVEYS.to_csv(folder / "surveys.tsv", sep="\t", index=False)
    pd.DataFrame({"date": ["2020-01-15"], "vacancies": [700]}).to_excel(
        folder / "Labour market.xlsx", index=False
    )
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    (folder / "survey.pdf").write_text("x", encoding="utf-8")
    (folder / "~$trainees.xlsx").write_text("x", encoding="utf-8")
    (folder / ".placements.csv").write_text("x", encoding="utf-8")
    (folder / "roles.csv").mkdir()
    checked = load(str(folder))
    assert checked.rows == {"trainees": 1, "placements": 1, "surveys": 1, "labour_market": 1}
    assert checked.valid.source == "trainees.csv"


def test_two_files_for_one_table_are_an_error(folder):
    shutil.copy(folder / "placements.csv", folder / "placements.tsv")
    with pytest.raises(DataError, match=r"'placements.csv' and 'placements.tsv' are both"):
        load(folder)


@pytest.mark.parametrize("name", ["placement.txt", "Survey.csv", "assesments.csv", "trainee.xlsx"])
def test_a_name_that_is_almost_that_of_a_table_is_an_error(folder, name):
    (folder / name).write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match="is almost the name of a table; did you mean"):
        load(folder)


def test_a_folder_needs_a_table_of_trainees(folder):
    (folder / "trainees.csv").unlink()
    with pytest.raises(DataError, match="no table of trainees"):
        load(folder)


def test_a_spec_without_a_path_says_how_to_read_what_is_found(folder):
    theirs = PLACEMENTS.rename(columns={"start_date": "From"}).assign(From="02/10/2019")
    theirs.to_csv(folder / "placements.csv", index=False, encoding="utf-16")
    spec = TableSpec(columns={"start_date": "From"}, date_format="%d/%m/%Y", encoding="utf-16")
    found = load(folder, tables={"placements": spec}).valid.tables["placements"]
    assert found["start_date"].tolist() == [pd.Timestamp("2019-10-02")]
    beside = load(folder / "trainees.csv", tables={"placements": spec})
    pd.testing.assert_frame_equal(beside.valid.tables["placements"], found)
    with pytest.raises(InputError, match="there is no table roles beside the trainees"):
        load(folder, tables={"roles": TableSpec()})


def test_format_and_encoding_of_the_trainees_hold_for_tables_that_say_none(folder):
    dated = {"start_date": "02/10/2019"}
    TRAINEES.assign(**dated).to_csv(folder / "trainees.csv", index=False, encoding="utf-16")
    PLACEMENTS.assign(**dated).to_csv(folder / "placements.csv", index=False, encoding="utf-16")
    SURVEYS.to_csv(folder / "surveys.csv", index=False)
    said = TableSpec(encoding="utf-8", date_format="%Y-%m-%d")
    arguments = {"date_format": "%d/%m/%Y", "encoding": "utf-16"}
    found = load(folder, tables={"surveys": said}, **arguments).summary()
    assert found["valid"].tolist() == [1, 1, 1]
    with pytest.raises(DataError, match=r"^surveys: "):
        load(folder, **arguments)


def test_a_table_that_is_named_and_found_is_an_error(folder):
    with pytest.raises(InputError, match="placements is given, and is beside the trainees too"):
        load(folder, tables={"placements": PLACEMENTS})
    same = {"placements": TableSpec(path=folder / ".." / "extract" / "placements.csv")}
    assert tables(folder, tables=same) == {"trainees": 1, "placements": 1}


# ------------------------------------------------------------- workbooks


def test_a_workbook_with_a_sheet_of_trainees_is_read_like_a_folder(book):
    assert tables(book) == {"trainees": 1, "placements": 1}
    assert tables(book, sheet="Trainees") == {"trainees": 1}
    spec = {"surveys": TableSpec(sheet="pulse")}
    assert tables(book, tables=spec) == {"trainees": 1, "placements": 1, "surveys": 1}
    assert tables(book, sheet="Trainees", tables=spec) == {"trainees": 1, "surveys": 1}
    found = {"placements": TableSpec()}
    assert tables(book, sheet="Trainees", tables=found) == {"trainees": 1, "placements": 1}


def test_the_sheet_with_the_name_of_the_table_is_read_of_any_workbook(book, folder):
    assert tables(TRAINEES, tables={"placements": book}) == {"trainees": 1, "placements": 1}
    shutil.copy(book, folder / "placements.xlsx")
    (folder / "placements.csv").unlink()
    assert tables(folder) == {"trainees": 1, "placements": 1}
    with pytest.raises(InputError, match="surveys: the workbook has 3 sheets"):
        load(TRAINEES, tables={"surveys": book})


def test_sheets_with_almost_the_name_of_a_table_are_an_error(book):
    with pd.ExcelWriter(book, mode="a") as writer:
        SURVEYS.to_excel(writer, sheet_name="survey", index=False)
    with pytest.raises(DataError, match="'survey' is almost the name of a table"):
        load(book)


def test_a_workbook_without_a_sheet_of_trainees_is_asked_about(book):
    with pd.ExcelWriter(book) as writer:
        PLACEMENTS.to_excel(writer, sheet_name="placements", index=False)
        TRAINEES.to_excel(writer, sheet_name="people", index=False)
    with pytest.raises(InputError, match="the workbook has 2 sheets"):
        load(book)
    assert tables(book, sheet="people") == {"trainees": 1}


def test_a_workbook_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK\3\4 not a workbook")
    with pytest.raises(DataError, match="cannot be read as an Excel workbook"):
        load(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match="placements: the file cannot be read as an Excel"):
        load(TRAINEES, tables={"placements": tmp_path / "a.xlsx"})


# ------------------------------------------------------------- databases


def test_tables_come_from_the_database_of_the_trainees(tmp_path):
    path = tmp_path / "scheme.db"
    connection = sqlite3.connect(path)
    for name, frame in (("people", TRAINEES), ("placements", PLACEMENTS), ("pulse", SURVEYS)):
        frame.to_sql(name, connection, index=False)
    connection.close()
    trainees = Database(f"sqlite:///{path}", table="people")
    found = tables(
        trainees,
        tables={
            "placements": TableSpec(),
            "surveys": TableSpec(query="SELECT * FROM pulse"),
            "roles": Database(f"sqlite:///{path}", table="placements"),
        },
    )
    assert found == {"trainees": 1, "placements": 1, "surveys": 1, "roles": 1}
    assert tables(trainees, tables={"surveys": TableSpec(table="pulse")})["surveys"] == 1
    assert tables(trainees) == {"trainees": 1}
    with pytest.raises(InputError, match="surveys: there is no table 'surveys'"):
        load(trainees, tables={"surveys": TableSpec()})


# -------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"placement": PLACEMENTS}, "no table 'placement'; did you mean 'placements'"),
        ({"trainees": TRAINEES}, "no table 'trainees'"),
        ({"placements": TableSpec()}, "no table placements beside"),
        ({"placements": TableSpec(table="x")}, "the trainees come from none"),
        ({"placements": (PLACEMENTS, TableSpec(path="x.csv"))}, "said more than once"),
        ({"placements": (PLACEMENTS, {"columns": {}})}, "a pair of both"),
        ({"placements": (PLACEMENTS, TableSpec(), 1)}, "a pair of both"),
        ({"placements": 7}, "placements: a int is neither a path"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, what):
    with pytest.raises(InputError, match=what) as caught:
        load(TRAINEES, tables=given)
    assert caught.value.fix


def test_a_pair_says_where_and_how():
    theirs = PLACEMENTS.rename(columns={"start_date": "From"})
    pair = (theirs, TableSpec(columns={"start_date": "From"}))
    assert tables(TRAINEES, tables={"placements": pair}) == {"trainees": 1, "placements": 1}
