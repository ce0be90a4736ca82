"""No cell of a table beside the trainees is quoted, whatever is wrong with it."""

from __future__ import annotations

import traceback

import pandas as pd
import pytest

from gmts_models.config import AttributeSpec, TableSpec
from gmts_models.console import print_checked
from gmts_models.data.checking.rejections import summarise_rejected
from gmts_models.data.contract.tables import TABLES
from gmts_models.data.load import load_trainees
from gmts_models.errors import GmtsError

CANARY = "Qzx7Canary"
TRAINEES = pd.DataFrame(
    {
        "trainee_id": [CANARY, f"{CANARY}2", f"{CANARY}3"],
        "specialism": ["Finance", "Finance", CANARY],
        "start_date": ["2019-09-02"] * 3,
        "leave_nhs_date": ["2021-05-01", None, None],
    }
)
GOOD = {
    "id": CANARY,
    "date": "2020-01-31",
    "number": 1,
    "flag": None,
    "category": None,
}
REQUIRED = {"assessment_type": "competency", "end_date": "2020-02-28"}


def row(table, **changes):
    made = {each.name: REQUIRED.get(each.name, GOOD[each.kind]) for each in TABLES[table].columns}
    return {**made, **changes}


def told(call, capsys):
    """Everything that a call says: its result's texts, or its error with the traceback."""
    try:
        checked = call()
    except GmtsError as error:
        return str(error) + repr(error) + traceback.format_exc()
    print_checked(checked)
    shown = [repr(checked), repr(checked.valid), checked.rejected.to_csv(), capsys.readouterr().out]
    return "".join([*shown, repr(summarise_rejected(checked)), repr(checked.summary())])


COLUMNS = [(table.name, column.name) for table in TABLES.values() for column in table.columns]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_no_cell_is_quoted_whatever_its_column(table, column, capsys):
    good = row(table)
    odd = {**good, column: f"{CANARY} odd"}
    later = "2022-12-01"
    date = TABLES[table].date
    for rows in (
        [good, odd],
        [odd],
        [good, good, odd, {**odd, date: later}, {**good, date: "2021-05-02"}],
        [{**good, date: ""}, {**good, column: None}, {**good, column: [CANARY]}],
    ):
        frame = pd.DataFrame(rows)

        def call(frame=frame):
            return load_trainees(TRAINEES, census_date="2022-09-01", tables={table: frame})

        assert CANARY not in told(call, capsys)


def test_no_id_is_quoted_of_orphans_conflicts_and_overlaps(capsys):
    ids = [CANARY, CANARY, CANARY, f"{CANARY}3", f"{CANARY} nobody", f"{CANARY}2", f"{CANARY}2"]
    starts = ["2019-09-02", "2019-09-02", "2020-01-01", *["2019-10-01"] * 3, "2019-11-01"]
    ends = ["2019-12-01", "2019-12-31", None, None, None, "2020-01-01", None]
    frame = pd.DataFrame({"trainee_id": ids, "start_date": starts, "end_date": ends})

    def call():
        return load_trainees(TRAINEES, census_date="2022-09-01", tables={"placements": frame})

    said = told(call, capsys)
    for reason in ("overlaps", "own row was rejected", "shared by rows", "not in the table"):
        assert reason in said
    assert CANARY not in said


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (f"{CANARY},2020-01-31,5\n{CANARY},2020-01-31,6\n", TableSpec()),  # no header
        (f"{CANARY},2020-01-31,5\n", TableSpec(columns={"date": "day"})),
        (f'trainee_id,date\n"{CANARY},2020-01-31\n', TableSpec()),
        (f"trainee_id,date\n{CANARY},{CANARY},{CANARY}\n", TableSpec()),
        (
            f"trainee_id,date,own\n{CANARY},2020-01-31,{CANARY}\n",
            TableSpec(attributes={"own": AttributeSpec(kind="number", known="nothing")}),
        ),
        (
            f"trainee_id,date,own\n{CANARY},2020-01-31,{CANARY}\n",
            TableSpec(attributes={"own": AttributeSpec(kind="flag")}),
        ),
    ],
)
def test_no_broken_file_is_quoted(tmp_path, content, how, capsys):
    (tmp_path / "surveys.csv").write_text(content, encoding="utf-8")

    def call():
        return load_trainees(
            TRAINEES,
            census_date="2022-09-01",
            tables={"surveys": (tmp_path / "surveys.csv", how)},
        )

    message = told(call, capsys)
    assert CANARY not in message
    assert "surveys: " in message
