"""No cell is quoted, whatever is wrong with it."""

from __future__ import annotations

import traceback

import pandas as pd
import pytest

from gmts_models.data.checking.rejections import summarise_rejected
from gmts_models.data.contract.columns import TRAINEES
from gmts_models.data.load import load_trainees
from gmts_models.errors import GmtsError

CANARY = "Qzx7Canary"
FULL = {
    "trainee_id": "t",
    "specialism": "Finance",
    "cohort": "2019",
    "start_date": "2019-09-02",
    "first_seen_date": None,
    "scheme_end_date": "2022-03-02",
    "leave_scheme_date": None,
    "leave_nhs_date": "2022-04-01",
    "last_seen_date": "2022-09-01",
    "destination": "other",
    "age_at_start": 23,
    "gender": "f",
    "ethnicity": "x",
    "disability": "no",
    "degree_subject": "x",
    "degree_class": "first",
    "entry_route": "x",
    "region": "London",
    "prior_nhs": "no",
    "in_service": "no",
    "commute_minutes": 20,
    "joining_survey": 5,
}
FULL_READY = {
    "trainee_id": "t",
    "specialism": "Finance",
    "entry_months": 0,
    "duration_months": 9,
    "event": "0",
}


def told(call):
    """Everything that a call says: its result's texts, or its error with the traceback."""
    try:
        checked = call()
    except GmtsError as error:
        return str(error) + repr(error) + traceback.format_exc()
    everything = checked.rejected.to_csv() + repr(checked) + repr(checked.valid)
    return everything + repr(summarise_rejected(checked))


def test_the_canary_table_covers_the_contract():
    assert {column.name for column in TRAINEES} == {*FULL, *FULL_READY}


@pytest.mark.parametrize("name", [*FULL, *(set(FULL_READY) - set(FULL))])
def test_no_cell_is_quoted_whatever_its_column(name):
    base = FULL if name in FULL else FULL_READY
    bad = {**base, "trainee_id": "u", name: CANARY}
    for rows in ([base, bad], [bad], [{**base, "trainee_id": ""}, bad, {**bad, "specialism": ""}]):
        frame = pd.DataFrame(rows)
        assert CANARY not in told(lambda frame=frame: load_trainees(frame))
    odd = pd.DataFrame([base, {**base, "trainee_id": CANARY}, {**base, "trainee_id": CANARY}])
    odd.loc[1, "specialism"] = "Human Resources"
    assert CANARY not in told(lambda: load_trainees(odd))


@pytest.mark.parametrize(
    "content",
    [
        f"{CANARY},Finance,2019-09-02\n{CANARY},Finance,2019-09-02\n".encode(),
        f"trainee_id,specialism\n{CANARY},{CANARY}\n".encode(),
        f'trainee_id,specialism\n"{CANARY},{CANARY}\n'.encode(),
        f"trainee_id,specialism,event,duration_months\n{CANARY}\n".encode(),
        f"trainee_id,specialism\n{CANARY},é\n".encode("cp1252"),
        f"trainee_id\n{CANARY}\n".encode("utf-16"),
        f"{CANARY},{CANARY}\n".encode(),
    ],
)
def test_no_broken_file_is_quoted(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    message = told(lambda: load_trainees(tmp_path / "a.csv"))
    assert CANARY not in message
    assert "Error" in message
