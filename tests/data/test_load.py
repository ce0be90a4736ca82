"""Tables as they come: what ends up valid, and what rejected."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from gmts_models.config import AttributeSpec
from gmts_models.data.checking.rejections import summarise_rejected
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.load import load_trainees
from gmts_models.errors import DataError, InputError

CENSUS = "2022-09-01"


def people(**columns):
    n = len(next(iter(columns.values())))
    base = {"trainee_id": [f"t{i}" for i in range(n)], "specialism": ["Finance"] * n}
    return pd.DataFrame({**base, **columns})


def dated(**columns):
    n = len(next(iter(columns.values())))
    return people(**{"start_date": ["2019-09-02"] * n, "leave_nhs_date": [None] * n, **columns})


# ----------------------------------------------------------- valid rows


def test_the_valid_frame_has_the_types_that_the_package_promises():
    frame = dated(
        specialism=["health_informatics", "POLICY & STRATEGY"],
        leave_nhs_date=["25/12/2020", None],
        destination=["Private Sector", None],
        age_at_start=["23", None],
        disability=["Yes", None],
        region=["north-west", None],
        hobby=["chess", "chess"],
    )
    valid = load_trainees(frame, census_date=CENSUS).valid
    expected = pd.DataFrame(
        {
            "trainee_id": ["t0", "t1"],
            "specialism": ["Health Informatics", "Policy and Strategy"],
            "cohort": ["2019-09", "2019-09"],
            "start_date": pd.to_datetime(["2019-09-02"] * 2).astype("datetime64[ns]"),
            "leave_nhs_date": pd.to_datetime(["2020-12-25", None]).astype("datetime64[ns]"),
            "last_seen_date": pd.to_datetime(["2020-12-25", CENSUS]).astype("datetime64[ns]"),
            "destination": ["private sector", None],
            "age_at_start": [23.0, np.nan],
            "disability": pd.array([True, None], dtype="boolean"),
            "region": ["North West", None],
        }
    )
    pd.testing.assert_frame_equal(valid.trainees, expected)
    assert valid.census_date == pd.Timestamp(CENSUS)
    assert (valid.scheme, valid.leaving) == ("gmts", "leaving the NHS")
    assert valid.source == "a table in memory"


def test_the_index_is_plain_and_the_users_frame_is_left_alone():
    frame = dated(specialism=["Magic", "Finance"]).set_index(pd.Index([7, 7]))
    before = frame.copy()
    assert load_trainees(frame, census_date=CENSUS).valid.trainees.index.tolist() == [0]
    pd.testing.assert_frame_equal(frame, before)


def test_numeric_ids_are_text_without_decimals():
    frame = dated(trainee_id=[7.0, 8.0, np.nan])
    checked = load_trainees(frame, census_date=CENSUS)
    assert checked.valid.trainees["trainee_id"].tolist() == ["7", "8"]


def test_a_given_cohort_stays_and_a_missing_one_is_made():
    frame = dated(cohort=["2019 autumn", None, dt.datetime(2019, 9, 1)])
    cohort = load_trainees(frame, census_date=CENSUS).valid.trainees["cohort"]
    assert cohort.tolist() == ["2019 autumn", "2019-09", "2019-09"]


def test_another_scheme_keeps_labels_as_they_are():
    frame = dated(specialism=[" health_informatics ", "Banks"], region=["Kent", "kent"])
    checked = load_trainees(frame, scheme="any", census_date=CENSUS)
    assert checked.valid.trainees["specialism"].tolist() == ["health_informatics", "Banks"]
    assert checked.valid.trainees["region"].tolist() == ["Kent", "kent"]
    assert checked.valid.leaving == "leaving"
    named = load_trainees(frame, scheme="any", census_date=CENSUS, leaving="quitting")
    assert named.valid.leaving == "quitting"


def test_mapping_of_columns_labels_and_attributes():
    frame = pd.DataFrame(
        {
            "Staff No": ["x"],
            "Stream": ["INF"],
            "Joined": ["2019-09-02"],
            "Left": ["still here"],
            "AfC": ["6"],
            "Car": ["J"],
        }
    )
    names = {"trainee_id": "Staff No", "specialism": "Stream", "start_date": "Joined"}
    checked = load_trainees(
        frame,
        columns={**names, "leave_nhs_date": "Left", "band": "AfC"},
        labels={
            "specialism": {"inf": "health informatics"},
            "leave_nhs_date": {"Still  Here": ""},
            "Car": {"J": "yes", "N": "no"},
        },
        attributes={
            "band": AttributeSpec(kind="number", unit="AfC band"),
            "Car": AttributeSpec(kind="flag", protected=True),
        },
        census_date=CENSUS,
    )
    row = checked.valid.trainees.loc[0]
    assert (row["specialism"], row["band"], row["Car"]) == ("Health Informatics", 6.0, True)
    assert pd.isna(row["leave_nhs_date"])
    assert checked.valid.attributes["band"].unit == "AfC band"
    assert checked.valid.attributes["Car"].protected


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        ({"specialism": {"INF": "Informatics"}}, "did you mean 'Health Informatics'"),
        ({"leave_nhs_date": {"open": "never"}}, "not valid in leave_nhs_date"),
        ({"region": {"x": "London"}}, "not a column that is read"),
        ({"specialisms": {"x": "Finance"}}, "did you mean 'specialism'"),
        ({"trainee_id": {"x": "y"}}, "not a column that is read"),
        ({"specialism": {"INF": "Finance", "inf": ""}}, "differ only in case"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(labels, what):
    with pytest.raises(InputError, match=what):
        load_trainees(dated(specialism=["Finance"]), labels=labels, census_date=CENSUS)


# --------------------------------------------------------------- census


def test_the_census_is_the_latest_day_anyone_was_seen():
    frame = dated(
        leave_nhs_date=[None, "2020-01-10", None, "2020-01-10"],
        last_seen_date=["2022-08-31", None, None, "2022-01-01"],
    )
    valid = load_trainees(frame).valid
    assert valid.census_date == pd.Timestamp("2022-08-31")
    seen = valid.trainees["last_seen_date"].dt.strftime("%Y-%m-%d").tolist()
    assert seen == ["2022-08-31", "2020-01-10", "2022-08-31", "2022-01-01"]


@pytest.mark.parametrize(
    "given", ["2022-09-01", dt.date(2022, 9, 1), np.datetime64("2022-09-01"), "1 Sep 2022"]
)
def test_a_census_in_any_form(given):
    valid = load_trainees(dated(specialism=["Finance"]), census_date=given).valid
    assert valid.census_date == pd.Timestamp("2022-09-01")


@pytest.mark.parametrize("given", ["03/04/2022", "autumn", pd.NaT])
def test_a_census_that_is_no_day(given):
    with pytest.raises(InputError, match="census_date"):
        load_trainees(dated(specialism=["Finance"]), census_date=given)


def test_without_any_day_seen_the_census_is_asked_for():
    for frame in (dated(specialism=["Finance"]), dated(last_seen_date=[None])):
        with pytest.raises(InputError, match="census date is not known") as caught:
            load_trainees(frame)
        assert "census_date=" in caught.value.fix
    half = dated(last_seen_date=["soon", None])
    with pytest.raises(InputError, match="census date is not known"):
        load_trainees(half)


def test_unreadable_days_seen_are_told_before_the_census_is_asked_for():
    with pytest.raises(DataError, match="last_seen_date can be read as") as caught:
        load_trainees(dated(last_seen_date=["01/09/2022", "02/09/2022"]))
    assert 'date_format="%d/%m/%Y"' in caught.value.fix
    read = load_trainees(
        dated(start_date=["02/09/2019"], last_seen_date=["01/09/2022"]), date_format="%d/%m/%Y"
    )
    assert read.valid.census_date == pd.Timestamp(CENSUS)


# ------------------------------------------------------ ready durations


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, 1, 1], [0, 1, 1]),
        (["0.0", "1.0", "1"], [0, 1, 1]),
        (["no", "YES", "left"], [0, 1, 1]),
        ([False, True, True], [0, 1, 1]),
        (["censored", "y", "t"], [0, 1, 1]),
        ([None, 1, 1], [0, 1, 1]),
        ([None, None, ""], [0, 0, 0]),
    ],
)
def test_event_codes(given, expected):
    frame = people(duration_months=[1.0, 2.0, 3.0], event=given)
    trainees = load_trainees(frame).valid.trainees
    assert trainees["event"].tolist() == expected
    assert trainees["event"].dtype == np.int64
    assert "destination" not in trainees


def test_an_empty_event_beside_noughts_and_ones_is_not_taken_for_staying():
    frame = people(duration_months=[1.0, 2.0, 3.0], event=["0", "1", None])
    rejected = load_trainees(frame).rejected
    assert rejected[["row", "reason"]].to_numpy().tolist() == [[2, "event is missing"]]


def test_causes_in_event_become_destinations():
    frame = people(
        duration_months=[1.0, 2.0, 3.0, 4.0, 5.0], event=["Death", None, "0", "Censored", "yes"]
    )
    valid = load_trainees(frame, scheme="any").valid
    assert valid.trainees["event"].tolist() == [1, 0, 0, 0, 1]
    assert valid.trainees["destination"].tolist() == ["Death", None, None, None, None]
    y = build_outcome(valid).y
    assert y.causes == ("Death",)
    assert y.event.tolist() == [1, 0, 0, 0, -1]


def test_causes_on_the_gmts_are_its_destinations():
    frame = people(duration_months=[1.0, 2.0], event=["further_study", "0"])
    assert load_trainees(frame).valid.trainees["destination"].tolist() == ["further study", None]


def test_event_and_destination_may_not_name_different_causes():
    frame = people(
        duration_months=[1.0, 2.0, 3.0], event=["Death", "Move", 0], destination=["Move"] * 2 + [""]
    )
    checked = load_trainees(frame, scheme="any")
    assert checked.rejected["reason"].tolist() == ["event and destination name different causes"]
    assert checked.valid.trainees["destination"].tolist() == ["Move", None]


def test_a_label_for_staying_does_not_pass_for_a_cause():
    frame = people(duration_months=[1.0, 2.0], event=["Active", "Resigned"])
    with pytest.raises(InputError, match="says of nobody that they are still there"):
        load_trainees(frame, scheme="any")
    mapped = load_trainees(frame, scheme="any", labels={"event": {"active": "0"}})
    assert mapped.valid.trainees["event"].tolist() == [0, 1]


def test_ready_durations_have_no_census():
    frame = people(duration_months=[1.0], event=[1])
    assert load_trainees(frame).valid.census_date is None
    with pytest.raises(InputError, match="no census date"):
        load_trainees(frame, census_date=CENSUS)


def test_turnover_is_read_whole(open_data):
    own = ("age", "profession", "traffic", "coach", "head_gender", "greywage", "way")
    scores = ("extraversion", "independ", "selfcontrol", "anxiety", "novator")
    kinds = dict.fromkeys(own, "category") | dict.fromkeys(("age", *scores), "number")
    checked = load_trainees(
        open_data("data/turnover_babushkin.csv"),
        scheme="any",
        columns={"trainee_id": "id", "duration_months": "stag", "specialism": "industry"},
        attributes={name: AttributeSpec(kind=kind) for name, kind in kinds.items()},
    )
    assert (checked.n_rows, len(checked.valid), checked.n_rejected) == (1129, 1129, 0)
    assert checked.valid.trainees["event"].sum() == 571
    assert checked.valid.trainees["specialism"].nunique() == 16
    assert checked.valid.trainees["age"].dtype == np.float64


# ------------------------------------------------------- rejected rows


def test_files_are_told_by_spreadsheet_rows(tmp_path):
    text = (
        "trainee_id;specialism;start_date;leave_nhs_date\n\n"
        "a;Finance;2019-09-02;\nb;Magic;2019-09-02;\nc;Finance\nd;Finance;;\n"
    )
    (tmp_path / "people.csv").write_text(text, encoding="utf-8")
    checked = load_trainees(tmp_path / "people.csv", census_date=CENSUS)
    assert checked.valid.source == "people.csv"
    assert (checked.n_rows, checked.n_rejected) == (4, 3)
    assert checked.rejected[["row", "reason"]].to_numpy().tolist() == [
        [4, "specialism is not a label of the contract"],
        [5, "the row has more or fewer cells than the header"],
        [6, "start_date is missing"],
    ]


def test_the_summary_counts_rows_by_reason():
    frame = dated(specialism=["Magic", "Magic", "Finance", None], age_at_start=[1, 30, 30, 30])
    summary = summarise_rejected(load_trainees(frame, census_date=CENSUS))
    assert summary.to_numpy().tolist() == [
        ["specialism is not a label of the contract", 2],
        ["age_at_start is outside 16 to 100", 1],
        ["specialism is missing", 1],
    ]
    nothing = summarise_rejected(load_trainees(dated(specialism=["Finance"]), census_date=CENSUS))
    assert list(nothing.columns) == ["reason", "rows"]
    assert len(nothing) == 0


def test_a_table_without_a_valid_row_is_an_error_with_counts():
    frame = dated(specialism=["Magic", "Magic"], age_at_start=[1, 30])
    with pytest.raises(DataError) as caught:
        load_trainees(frame, census_date=CENSUS)
    assert caught.value.what == (
        "none of the 2 rows is valid: specialism is not a label of the contract (2); "
        "age_at_start is outside 16 to 100 (1)"
    )


def test_a_scheme_that_does_not_exist():
    with pytest.raises(InputError, match="no such scheme"):
        load_trainees(dated(specialism=["Finance"]), scheme="nhs")
