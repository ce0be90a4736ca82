"""Which of the user's columns is which of the contract's."""

from __future__ import annotations

import pandas as pd
import pytest

from gmts_models.config import AttributeSpec
from gmts_models.data.checking.layout import match_columns
from gmts_models.data.contract.columns import Column
from gmts_models.data.reading.files import read_table
from gmts_models.errors import InputError

DATED = ["trainee_id", "specialism", "start_date", "leave_nhs_date"]


def match(names, **arguments):
    frame = pd.DataFrame([["SECRET"] * len(names)], columns=names)
    return match_columns(read_table(frame), **arguments)


def test_names_match_in_any_writing_and_mapping_goes_first():
    layout = match(
        ["Trainee ID", "specialism", "Group", "START-DATE", "leave_nhs_date", "other"],
        columns={"specialism": "Group"},
    )
    assert layout.positions == {
        "trainee_id": 0,
        "specialism": 2,
        "start_date": 3,
        "leave_nhs_date": 4,
    }
    assert layout.dated


def test_a_mapped_column_is_not_taken_for_its_own_name_too():
    names = ["trainee_id", "specialism", "duration_months", "event", "status"]
    layout = match(names, scheme="any", columns={"destination": "event", "event": "status"})
    assert layout.positions["event"] == 4
    assert layout.positions["destination"] == 3


def test_labels_are_free_under_another_scheme():
    own = {spec.name: spec.allowed for spec in match(DATED, scheme="any").specs}
    gmts = {spec.name: spec.allowed for spec in match(DATED).specs}
    assert own["specialism"] is None
    assert "Finance" in gmts["specialism"]


def test_attributes_become_columns_that_keep_when_they_are_known():
    layout = match(
        [*DATED, "Band", "score"],
        columns={"band": "Band"},
        attributes={
            "band": AttributeSpec(kind="category", protected=True),
            "score": Column(name="x", kind="number", meaning="points", most=9, known="start_date"),
        },
    )
    assert layout.attributes["band"].protected
    assert layout.attributes["band"].known is None
    assert layout.attributes["score"] == Column(
        name="score", kind="number", meaning="points", most=9, known="start_date"
    )
    assert [spec.name for spec in layout.specs][-2:] == ["band", "score"]


@pytest.mark.parametrize(
    ("names", "arguments", "what"),
    [
        (DATED[1:], {}, "no column trainee_id"),
        (["trainee_idd", *DATED[1:]], {}, "did you mean 'trainee_idd'"),
        (DATED[:2], {}, "neither start_date nor duration_months"),
        ([*DATED[:2], "start_dt"], {}, "neither start_date.*did you mean 'start_dt'"),
        ([*DATED[:2], "duration_months"], {}, "no column event"),
        ([*DATED, "duration_months", "event"], {}, "told twice"),
        ([*DATED, "trainee_id"], {}, "two columns are called 'trainee_id'"),
        ([*DATED, "x", "x"], {}, "two columns share a name"),
        ([*DATED, "Start Date"], {}, "2 columns could be start_date"),
        (DATED, {"columns": {"start": "start_date"}}, "no column 'start'; did you mean"),
        (DATED, {"columns": {"cohort": "intake"}}, "table has no column 'intake'"),
        (DATED, {"columns": {"cohort": "specialsm"}}, "did you mean 'specialism'"),
        (DATED, {"attributes": {"gender": AttributeSpec(kind="category")}}, "already"),
        (DATED, {"attributes": {"band": AttributeSpec(kind="category")}}, "no column band"),
        (
            DATED,
            {"attributes": {"band": Column(name="b", kind="date", meaning="")}},
            "cannot be of kind date",
        ),
        (
            [*DATED, "band"],
            {"attributes": {"band": AttributeSpec(kind="category", known="last_seen_date")}},
            "'last_seen_date' is no date from which band can be known",
        ),
        (
            ["trainee_id", "specialism", "duration_months", "event", "band"],
            {"attributes": {"band": AttributeSpec(kind="category", known="start_date")}},
            "no date from which band",
        ),
        (["trainee_id", "specialism", "start_date", "date_left"], {}, "'date_left' may be meant"),
        ([*DATED, "last_seen_dt"], {}, "no last_seen_date, but"),
        (
            ["trainee_id", "specialism", "start_date", "Left Scheme", "Leaving Date"],
            {},
            "'Left Scheme' or 'Leaving Date' may be meant",
        ),
        (
            [*DATED, "gone"],
            {"columns": {"leave_nhs_date": "gone", "leave_scheme_date": "gone"}},
            "mapped to leave_nhs_date and leave_scheme_date",
        ),
    ],
)
def test_each_mistake_is_one_clear_error(names, arguments, what):
    with pytest.raises(InputError, match=what) as caught:
        match(names, **arguments)
    assert caught.value.where
    assert caught.value.fix
    assert "SECRET" not in str(caught.value)


def test_follow_up_told_twice_is_settled_by_leaving_one_out():
    names = [*DATED, "duration_months", "event"]
    assert match(names, columns={"duration_months": "", "event": ""}).dated
    assert not match(names, columns={"start_date": "", "leave_nhs_date": ""}).dated


def test_a_column_that_looks_like_leaving_can_be_waved_through():
    names = [*DATED[:3], "annual_leave"]
    assert "leave_nhs_date" not in match(names, columns={"leave_nhs_date": ""}).positions


def test_a_mapping_the_wrong_way_round_is_told_so():
    with pytest.raises(InputError) as caught:
        match(["id", *DATED[1:]], columns={"id": "trainee_id"})
    assert caught.value.fix == "turn it round: columns={'trainee_id': 'id'}"


def test_ids_in_the_index_are_found_out():
    frame = pd.DataFrame([["x"] * 4], columns=DATED).set_index("trainee_id")
    with pytest.raises(InputError) as caught:
        match_columns(read_table(frame))
    assert "reset_index" in caught.value.fix


def test_the_first_person_of_a_table_without_a_header_is_not_quoted():
    with pytest.raises(InputError) as caught:
        match(["T-SECRET", "SECRET", "SECRET", "2019-09-02"])
    assert "SECRET" not in str(caught.value)
    with pytest.raises(InputError, match="no header"):
        match(["T-SECRET", "Finance", "2019-09-02"])
    with pytest.raises(InputError) as caught:
        match(["staff-007", "Finance"], columns={"trainee_id": "staff-no"})
    assert "007" not in str(caught.value)
