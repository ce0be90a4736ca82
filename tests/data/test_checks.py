"""Each rule on a hand-made table: the second row breaks it, the first keeps it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gmts_models.data.load import load_trainees

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")

DATED = {
    "trainee_id": "a",
    "specialism": "Finance",
    "start_date": "2019-09-02",
    "first_seen_date": "2019-09-02",
    "scheme_end_date": "2022-03-02",
    "leave_scheme_date": None,
    "leave_nhs_date": "2022-05-01",
    "last_seen_date": "2022-09-01",
    "destination": "other",
    "age_at_start": 23,
    "degree_class": "first",
    "disability": "no",
    "joining_survey": 7,
}
READY = {
    "trainee_id": "a",
    "specialism": "Finance",
    "entry_months": 0,
    "duration_months": 20.5,
    "event": 1,
    "destination": "other",
}


def rejected(base, **changes):
    frame = pd.DataFrame([base, {**base, "trainee_id": "b", **changes}])
    checked = load_trainees(frame, census_date="2022-09-01" if "start_date" in base else None)
    assert len(checked.valid) == 1
    assert checked.valid.trainees["trainee_id"].tolist() == ["a"]
    assert set(checked.rejected["row"]) == {1}
    return checked.rejected


CASES = [
    (DATED, {"trainee_id": " "}, "trainee_id", "trainee_id is missing"),
    (DATED, {"specialism": "NA"}, "specialism", "specialism is missing"),
    (DATED, {"specialism": "Magic"}, "specialism", "specialism is not a label of the contract"),
    (DATED, {"degree_class": "1st"}, "degree_class", "degree_class is not a label of the contract"),
    (DATED, {"degree_class": [1]}, "degree_class", "degree_class is not text"),
    (DATED, {"entry_route": "#REF!"}, "entry_route", "entry_route is an error of the spreadsheet"),
    (DATED, {"start_date": None}, "start_date", "start_date is missing"),
    (DATED, {"start_date": "soon"}, "start_date", "start_date is not a date"),
    (
        DATED,
        {"start_date": "03/04/2019"},
        "start_date",
        "start_date can be read as day and month or as month and day",
    ),
    (DATED, {"start_date": "02/09/19"}, "start_date", "start_date has a two-digit year"),
    (DATED, {"start_date": 43710}, "start_date", "start_date is a number, not a date"),
    (DATED, {"start_date": "2019-02-30"}, "start_date", "start_date is not a day of the calendar"),
    (DATED, {"start_date": "2019-09-02 07:30"}, "start_date", "start_date has a time of day"),
    (
        DATED,
        {"leave_nhs_date": "9999-12-31"},
        "leave_nhs_date",
        "leave_nhs_date is outside the years 1700 to 2199",
    ),
    (
        DATED,
        {"leave_nhs_date": None, "destination": None, "last_seen_date": "2022-09-02"},
        "last_seen_date",
        "last_seen_date is after the census date",
    ),
    (
        DATED,
        {"leave_nhs_date": "2019-09-01", "first_seen_date": None},
        "leave_nhs_date",
        "leave_nhs_date is before start_date",
    ),
    (
        DATED,
        {"leave_scheme_date": "2019-09-01"},
        "leave_scheme_date",
        "leave_scheme_date is before start_date",
    ),
    (
        DATED,
        {
            "last_seen_date": "2019-09-01",
            "leave_nhs_date": None,
            "destination": None,
            "first_seen_date": None,
        },
        "last_seen_date",
        "last_seen_date is before start_date",
    ),
    (
        DATED,
        {"scheme_end_date": "2019-09-02"},
        "scheme_end_date",
        "scheme_end_date is not after start_date",
    ),
    (
        DATED,
        {"last_seen_date": "2022-04-30"},
        "leave_nhs_date",
        "leave_nhs_date is after last_seen_date",
    ),
    (
        DATED,
        {
            "leave_scheme_date": "2021-02-01",
            "last_seen_date": "2021-01-01",
            "leave_nhs_date": None,
            "destination": None,
        },
        "leave_scheme_date",
        "leave_scheme_date is after last_seen_date",
    ),
    (
        DATED,
        {"leave_scheme_date": "2022-03-03"},
        "leave_scheme_date",
        "leave_scheme_date is after scheme_end_date",
    ),
    (
        DATED,
        {"leave_scheme_date": "2020-03-03", "leave_nhs_date": "2020-03-02"},
        "leave_scheme_date",
        "leave_scheme_date is after leave_nhs_date",
    ),
    (
        DATED,
        {"first_seen_date": "2022-05-02"},
        "first_seen_date",
        "first_seen_date is after the last day seen",
    ),
    (
        DATED,
        {"leave_nhs_date": None},
        "destination",
        "destination is given, but not that the trainee left",
    ),
    (DATED, {"destination": "Mars"}, "destination", "destination is not a label of the contract"),
    (DATED, {"age_at_start": 15}, "age_at_start", "age_at_start is outside 16 to 100"),
    (DATED, {"age_at_start": "12,5"}, "age_at_start", "age_at_start is not a number"),
    (DATED, {"joining_survey": float("inf")}, "joining_survey", "joining_survey is not a number"),
    (DATED, {"joining_survey": True}, "joining_survey", "joining_survey is not a number"),
    (DATED, {"joining_survey": "1e999"}, "joining_survey", "joining_survey is not a number"),
    (DATED, {"disability": "maybe"}, "disability", "disability is neither yes nor no"),
    (READY, {"duration_months": None}, "duration_months", "duration_months is missing"),
    (READY, {"duration_months": -1}, "duration_months", "duration_months is below 0"),
    (
        READY,
        {"entry_months": 20.5},
        "entry_months",
        "entry_months is not before duration_months",
    ),
    (READY, {"event": 2}, "event", "event is not understood"),
    (READY, {"event": "Mars"}, "event", "event is not understood"),
    (
        READY,
        {"event": 0},
        "destination",
        "destination is given, but not that the trainee left",
    ),
]


@pytest.mark.parametrize(("base", "changes", "column", "reason"), CASES)
def test_a_broken_rule_rejects_the_row_and_says_why(base, changes, column, reason):
    lines = rejected(base, **changes)
    assert lines[["column", "reason"]].to_numpy().tolist() == [[column, reason]]
    assert lines["fix"].str.len().gt(10).all()


@pytest.mark.parametrize("reason", sorted({(case[2], case[3]) for case in CASES}))
def test_the_page_on_data_lists_the_reason(reason):
    column, words = reason
    generic = words.replace(f"{column} ", "... ", 1)
    assert f"`{words}`" in PAGE or f"`{generic}`" in PAGE


def test_a_start_after_the_census_breaks_two_rules_and_shows_both():
    lines = rejected(
        DATED,
        start_date="2022-10-01",
        scheme_end_date="2024-09-01",
        first_seen_date=None,
        leave_nhs_date=None,
        destination=None,
        last_seen_date=None,
    )
    assert lines["reason"].tolist() == ["start_date is after the census date"]
    lines = rejected(DATED, disability="maybe", age_at_start=1)
    assert lines["column"].tolist() == ["age_at_start", "disability"]


def test_a_cell_that_cannot_be_read_breaks_no_other_rule():
    lines = rejected(DATED, leave_nhs_date="soon")
    assert lines["reason"].tolist() == ["leave_nhs_date is not a date"]


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme_end_date": "2030-01-01"},  # a plan may lie after the census
        {"leave_nhs_date": "2019-09-02"},  # left on the first day
        {"leave_nhs_date": "2022-09-01"},  # on the census, and on the last day seen
        {"leave_scheme_date": "2022-03-02"},  # withdrew on the last day
        {"leave_scheme_date": "2021-02-01", "leave_nhs_date": "2021-02-01"},
        {"first_seen_date": "2018-01-01"},  # no late entry
        {"first_seen_date": "2022-05-01"},
        {"scheme_end_date": None, "first_seen_date": None, "last_seen_date": None},
        {"destination": "unknown"},
        {"age_at_start": None, "disability": "", "degree_class": None},
    ],
)
def test_what_the_rules_allow(changes):
    frame = pd.DataFrame([DATED, {**DATED, "trainee_id": "b", **changes}])
    assert len(load_trainees(frame, census_date="2022-09-01").valid) == 2


def test_nobody_is_lost_on_the_first_day_of_ready_durations():
    frame = pd.DataFrame([READY, {**READY, "trainee_id": "b", "duration_months": 0}])
    assert len(load_trainees(frame).valid) == 2


def test_copies_keep_the_first_and_conflicts_keep_none():
    other = {**DATED, "age_at_start": 30}
    rows = [DATED, {**DATED, "trainee_id": "c"}, other, {**DATED, "trainee_id": "c "}, DATED]
    lines = load_trainees(pd.DataFrame(rows), census_date="2022-09-01").rejected
    assert lines[["row", "reason"]].to_numpy().tolist() == [
        [0, "trainee_id is shared by rows that differ"],
        [2, "trainee_id is shared by rows that differ"],
        [3, "the row repeats an earlier one"],
        [4, "trainee_id is shared by rows that differ"],
    ]
    assert lines.loc[0, "fix"] == "keep one record a trainee; rows 0, 2, 4 share this one"


def test_the_reasons_of_shared_ids_are_on_the_page():
    for reason in ("trainee_id is shared by rows that differ", "the row repeats an earlier one"):
        assert f"`{reason}`" in PAGE


def test_an_unknown_label_is_answered_with_the_closest_of_the_contract():
    fix = rejected(DATED, specialism="Health Informatic")["fix"].iloc[0]
    assert fix.startswith("Health Informatics?")
    assert "valid: Finance, General Management" in rejected(DATED, specialism="Zzzz")["fix"].iloc[0]


def test_a_column_of_many_unknown_labels_is_not_compared_label_by_label():
    rows = [{**DATED, "trainee_id": str(i), "degree_class": f"firs {i}"} for i in range(250)]
    few = load_trainees(pd.DataFrame([*rows[:9], DATED]), census_date="2022-09-01").rejected
    many = load_trainees(pd.DataFrame([*rows, DATED]), census_date="2022-09-01").rejected
    assert few["fix"].str.startswith("first?").all()
    assert not many["fix"].str.startswith("first?").any()
    assert len(many) == 250


def test_many_shared_ids_take_no_longer():
    n = 20_000
    frame = pd.DataFrame([READY]).loc[[0] * n].reset_index(drop=True)
    frame["trainee_id"] = [f"t{i // 2}" for i in range(n)]
    frame["duration_months"] = [float(i) for i in range(n)]
    frame.loc[n, :] = {**READY, "trainee_id": "z"}
    checked = load_trainees(frame)
    assert len(checked.valid) == 1
    assert checked.n_rejected == n
