"""What is known on a prediction date, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.data.contract.columns import Column
from gmts_models.data.months import add_months
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.known import Known, known_at_start, known_on

DAY = np.timedelta64(1, "D")


def days(*values: str | None) -> Any:
    return np.array([value or "NaT" for value in values], dtype="datetime64[D]")


def dates(*values: str | None) -> pd.Series:
    return pd.Series(pd.to_datetime(list(values)))


@pytest.fixture
def people() -> People:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c", "d"],
            "specialism": ["Finance", "Finance", "Finance", "Health Analysis"],
            "region": ["London", "London", None, "London"],
            "start_date": dates("2018-09-03", "2018-09-03", "2018-09-03", "2019-09-02"),
            "scheme_end_date": dates("2020-09-03", "2020-09-03", "2020-09-03", None),
            "leave_nhs_date": dates(None, "2019-03-31", "2019-03-01", None),
            "last_seen_date": pd.Timestamp("2021-01-01"),
            "destination": [None, "other", None, None],
            "prior_nhs": pd.array([True, False, None, True], dtype="boolean"),
            "grade": ["5", "6", None, "7"],
            "graded": dates("2019-01-01", "2019-01-02", None, "2019-09-02"),
            "shoe_size": [40.0, 41.0, 42.0, 43.0],
        }
    )
    placements = pd.DataFrame(
        {
            "trainee_id": ["b", "a", "zz", "a", "a", None],
            "start_date": dates(
                "2018-10-01", "2019-09-02", "2018-09-10", "2018-09-10", None, "2018-09-10"
            ),
            "end_date": dates("2019-03-31", None, "2018-12-31", "2019-09-01", None, None),
            "organisation": ["X", "Y", "Z", "X", "Q", "Q"],
            "visit_score": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "visited": dates("2018-10-15", None, None, "2018-12-01", None, None),
            "notes": ["n"] * 6,
        }
    )
    own = {
        "grade": Column(name="grade", kind="category", meaning="", known="graded"),
        "shoe_size": Column(name="shoe_size", kind="number", meaning=""),
    }
    visits = {
        "visit_score": Column(name="visit_score", kind="number", meaning="", known="visited"),
        "visited": Column(name="visited", kind="date", meaning="", known="visited"),
        "notes": Column(name="notes", kind="category", meaning=""),
    }
    return People(
        trainees=trainees,
        attributes=own,
        tables={"placements": placements},
        table_attributes={"placements": visits},
    )


def on(people: People, person: list[int], *when: str | None) -> Known:
    return known_on(people, np.array(person, dtype=np.int64), days(*when))


# ------------------------------------------------------------------ trainees


def test_start_facts_are_known_from_the_first_day(people: People) -> None:
    known = on(people, [0, 0, 0, 3], "2018-09-02", "2018-09-03", "2020-01-01", "2019-09-01")
    assert [x if x == x else None for x in known.trainee("specialism")] == [
        None,
        "Finance",
        "Finance",
        None,
    ]
    assert known.trainee("prior_nhs").isna().tolist() == [True, False, False, True]
    np.testing.assert_array_equal(known.start, days(None, "2018-09-03", "2018-09-03", None))
    np.testing.assert_allclose(known.months[:2], [np.nan, 0])
    planned = known.trainee("scheme_end_date")
    assert planned.isna().tolist() == [True, False, False, True]


def test_a_departure_is_known_from_the_day_after_it(people: People) -> None:
    known = on(people, [1, 1, 0], "2019-03-31", "2019-04-01", "2021-01-01")
    left = known.trainee("leave_nhs_date")
    assert left.isna().tolist() == [True, False, True]
    assert left.index.equals(pd.RangeIndex(3))


def test_a_fact_of_ones_own_is_known_from_its_date_on(people: People) -> None:
    known = on(people, [0, 1, 2, 1], "2019-01-02", "2019-01-02", "2030-01-01", "2019-01-03")
    grade = known.trainee("grade")
    assert [None if pd.isna(each) else each for each in grade] == ["5", None, None, "6"]


def test_what_is_not_said_serves_the_start_alone(people: People) -> None:
    np.testing.assert_array_equal(known_at_start(people).trainee("shoe_size"), [40, 41, 42, 43])
    with pytest.raises(InputError, match="not said when shoe_size is known"):
        on(people, [0, 1], "2018-09-03", "2018-09-04").trainee("shoe_size")


@pytest.mark.parametrize("name", ["destination", "last_seen_date"])
def test_the_end_of_observation_is_never_known(people: People, name: str) -> None:
    with pytest.raises(InputError, match="never known"):
        on(people, [0], "2030-01-01").trainee(name)


def test_a_row_without_a_prediction_date_knows_nothing(people: People) -> None:
    known = on(people, [0, 1], None, "2019-01-01")
    assert known.trainee("specialism").isna().tolist() == [True, False]
    assert known.trainee("leave_nhs_date").isna().all()
    assert known.records("placements")["row"].tolist() == [1]
    np.testing.assert_array_equal(known.others_there(["specialism"]), [np.nan, 2])
    np.testing.assert_array_equal(known.first_record("placements"), days(None, "2018-09-10"))


def test_ready_durations_know_the_start_and_no_more() -> None:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b"],
            "specialism": ["Finance", None],
            "duration_months": [3.0, 4.0],
            "leave_nhs_date": dates("2019-01-01", None),
        }
    )
    surveys = pd.DataFrame({"trainee_id": ["a"], "date": dates("2018-01-01"), "morale": [3.0]})
    known = known_at_start(People(trainees=trainees, tables={"surveys": surveys}))
    assert known.trainee("specialism").tolist() == ["Finance", None]
    assert known.trainee("leave_nhs_date").isna().all()
    assert np.isnan(known.months).all()
    assert np.isnat(known.start).all()
    assert known.records("surveys").empty
    assert np.isnan(known.others_dated(["specialism"], "leave_nhs_date")).all()
    with pytest.raises(InputError, match="never known"):
        known.trainee("duration_months")


# ------------------------------------------------------------------- records


def test_records_of_one_person_on_several_days(people: People) -> None:
    known = on(
        people,
        [0, 1, 0, 0, 2],
        *("2019-09-03", "2019-03-31", "2018-09-10", "2018-09-11", "2021-01-01"),
    )
    found = known.records("placements")
    assert found["row"].tolist() == [0, 0, 1, 3]
    assert found["organisation"].tolist() == ["X", "Y", "X", "X"]
    np.testing.assert_array_equal(
        found["start_date"], dates("2018-09-10", "2019-09-02", "2018-10-01", "2018-09-10")
    )
    # b's placement ends on the prediction date itself: it is still open.
    np.testing.assert_array_equal(found["end_date"], dates("2019-09-01", None, None, None))
    assert "notes" not in found  # never known
    assert "trainee_id" not in found


def test_the_end_of_a_placement_is_known_from_the_day_after_it(people: People) -> None:
    found = on(people, [1, 1], "2019-03-31", "2019-04-01").records("placements")
    np.testing.assert_array_equal(found["end_date"], dates(None, "2019-03-31"))


def test_later_facts_are_hidden_though_their_date_is_no_source(people: People) -> None:
    known = on(people, [0, 0, 1], "2018-12-01", "2018-12-02", "2018-10-16")
    found = known.limited(["placements.visit_score"]).records("placements")
    assert list(found) == ["row", "start_date", "visit_score"]
    np.testing.assert_array_equal(found["visit_score"], [np.nan, 4, 1])


def test_a_fact_whose_date_is_missing_is_refused(people: People) -> None:
    frame = people.tables["placements"].drop(columns="visited")
    known = on(replace(people, tables={"placements": frame}), [0], "2020-01-01")
    with pytest.raises(InputError, match="there is no visited"):
        known.records("placements")


def test_the_order_of_a_table_is_none() -> None:
    trainees = pd.DataFrame(
        {"trainee_id": ["a", "b"], "start_date": dates("2018-09-03", "2018-09-03")}
    )
    table = pd.DataFrame(
        {
            "trainee_id": ["a", "a", "a", "b", "a"],
            "date": dates("2019-01-01", "2019-01-01", "2018-12-01", "2019-01-01", "2019-01-01"),
            "assessment_type": ["exam", "competency", "exam", "exam", "exam"],
            "subject": ["s", "s", "s", "s", None],
            "passed": pd.array([True, None, False, True, None], dtype="boolean"),
        }
    )
    found = []
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 1, 3]):
        frame = table.iloc[order].set_axis(list("vwxyz"), axis=0)
        people = People(trainees=trainees, tables={"assessments": frame})
        known = on(people, [1, 0], "2020-01-01", "2020-01-01")
        found.append(known.records("assessments"))
        pd.testing.assert_frame_equal(found[0], found[-1])
    assert found[0]["row"].tolist() == [0, 1, 1, 1, 1]
    assert found[0]["assessment_type"].tolist() == ["exam", "exam", "competency", "exam", "exam"]
    assert [None if pd.isna(each) else each for each in found[0]["subject"]] == [
        *("s", "s", "s", None, "s"),
    ]


def test_ties_are_settled_by_what_is_known_alone() -> None:
    """Two posts of one day differ only in their ends, which are still to come."""
    trainees = pd.DataFrame({"trainee_id": ["a"], "start_date": dates("2018-09-03")})
    found = []
    for ends in (("2021-01-01", "2022-01-01"), ("2022-01-01", "2021-01-01")):
        roles = pd.DataFrame(
            {
                "trainee_id": ["a", "a"],
                "start_date": dates("2019-01-01", "2019-01-01"),
                "end_date": dates(*ends),
                "organisation": ["X", "Y"],
            }
        )
        known = on(People(trainees=trainees, tables={"roles": roles}), [0], "2020-01-01")
        found.append(known.records("roles"))
    pd.testing.assert_frame_equal(*found)


def test_records_do_not_depend_on_how_text_is_kept(people: People) -> None:
    known = on(people, [0, 1], "2020-01-01", "2020-01-01")
    expected = known.records("placements")["organisation"].tolist()
    for kind in ("category", "string", "string[pyarrow]"):
        if kind.endswith("[pyarrow]"):
            pytest.importorskip("pyarrow")
        frame = people.tables["placements"].astype({"trainee_id": kind, "organisation": kind})
        trainees = people.trainees.astype({"region": kind})
        other = replace(people, trainees=trainees, tables={"placements": frame})
        again = on(other, [0, 1], "2020-01-01", "2020-01-01")
        assert again.records("placements")["organisation"].tolist() == expected
        # Of a, b (left) and d in London.
        np.testing.assert_array_equal(again.others_there(["region"]), [1, 2])


def test_the_first_record_is_of_anyone(people: People) -> None:
    known = on(people, [3, 3], "2018-09-10", "2018-09-11")
    np.testing.assert_array_equal(known.first_record("placements"), days(None, "2018-09-10"))
    empty = replace(people, tables={"placements": people.tables["placements"].iloc[:0]})
    known = on(empty, [3], "2018-09-11")
    assert np.isnat(known.first_record("placements")).all()
    assert known.records("placements").empty


def test_no_rows(people: People) -> None:
    known = on(people, [])
    assert len(known) == 0
    assert list(known.records("placements"))[:2] == ["row", "start_date"]
    assert known.trainee("specialism").empty
    assert known.others_there(["specialism"]).shape == (0,)
    assert known.first_record("placements").shape == (0,)


# -------------------------------------------------------------------- series


def series(rows: list[tuple[str | None, str | None, float | None]]) -> People:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c"],
            "region": ["London", "Midlands", None],
            "start_date": pd.Timestamp("2018-09-03"),
        }
    )
    frame = pd.DataFrame(rows, columns=["date", "region", "vacancies"])
    frame["date"] = pd.to_datetime(frame["date"])
    return People(trainees=trainees, tables={"labour_market": frame})


ROWS: list[tuple[str | None, str | None, float | None]] = [
    ("2019-03-01", None, 3.0),
    ("2019-01-01", None, 1.0),
    ("2019-02-01", "London", 20.0),
    ("2019-04-01", "London", None),
    (None, "London", 99.0),
    ("2019-02-10", "North West", 7.0),
]


def test_the_latest_value_published_before_the_day() -> None:
    known = on(series(ROWS), [0] * 4, "2019-01-01", "2019-01-02", "2019-03-01", "2019-03-02")
    of_region = known.series("labour_market", "vacancies", "region")
    np.testing.assert_array_equal(of_region, [np.nan, 1, 20, 20])


def test_values_without_a_region_serve_those_without_their_own() -> None:
    known = on(series(ROWS), [0, 1, 2, 0], *["2019-05-01"] * 3, "2018-09-02")
    of_region = known.series("labour_market", "vacancies", "region")
    np.testing.assert_array_equal(of_region, [20, 3, 3, np.nan])
    # Without groups every record serves everyone.
    np.testing.assert_array_equal(known.series("labour_market", "vacancies")[:3], [3, 3, 3])


def test_the_region_of_someone_yet_to_start_is_not_known() -> None:
    early = [("2018-01-01", None, 1.0), ("2018-01-01", "London", 2.0)]
    known = on(series(early), [0, 0], "2018-09-02", "2018-09-03")
    of_region = known.series("labour_market", "vacancies", "region")
    np.testing.assert_array_equal(of_region, [1, 2])


def test_a_series_of_no_records_or_without_groups() -> None:
    assert on(series([]), [0], "2020-01-01").series("labour_market", "vacancies").isna().all()
    people = series(ROWS)
    plain = replace(people, trainees=people.trainees.drop(columns="region"))
    known = on(plain, [0], "2019-05-01")
    assert known.series("labour_market", "vacancies", "region").tolist() == [3]
    with pytest.raises(InputError, match="not a number"):
        known.series("labour_market", "region")


# -------------------------------------------------------------------- others


def test_others_are_counted_without_oneself(people: People) -> None:
    known = on(people, [0, 1, 2, 3], *["2019-03-31"] * 4)
    # Of a, b, c in Finance: c left on 1 March; b's departure on the day itself is not known.
    np.testing.assert_array_equal(known.others_there(["specialism"]), [1, 1, 2, np.nan])
    np.testing.assert_array_equal(
        known.others_dated(["specialism"], "leave_nhs_date"), [1, 1, 0, np.nan]
    )
    next_day = on(people, [0, 1, 2, 3], *["2019-04-01"] * 4)
    np.testing.assert_array_equal(next_day.others_there(["specialism"]), [0, 1, 1, np.nan])


def test_those_who_start_on_the_day_are_there(people: People) -> None:
    known = on(people, [3, 0, 0], "2019-09-02", "2019-09-01", "2019-09-02")
    # In London: a (there), b (left in March), d (starts on 2 September 2019).
    np.testing.assert_array_equal(known.others_there(["region"]), [1, 0, 1])
    np.testing.assert_array_equal(known.others_dated(["region"], "start_date"), [2, 1, 2])


def test_everyone_is_a_group_and_a_missing_label_is_none(people: People) -> None:
    known = on(people, [0, 2], "2019-09-02", "2019-09-02")
    np.testing.assert_array_equal(known.others_there([]), [1, 2])
    np.testing.assert_array_equal(known.others_there(["region"]), [1, np.nan])
    np.testing.assert_array_equal(known.others_there(["specialism", "region"]), [0, np.nan])


def test_a_window_begins_with_its_first_day_and_ends_before_the_day(people: People) -> None:
    # c leaves on 1 March 2019.
    when = ("2019-03-01", "2019-03-02", "2019-06-01", "2019-06-02", "2019-06-03")
    known = on(people, [0] * 5, *when)
    within = known.others_dated(["specialism"], "leave_nhs_date", within_months=3)
    # b leaves on 31 March.
    np.testing.assert_array_equal(within, [0, 1, 2, 1, 1])
    started = on(people, [0] * 3, "2019-09-01", "2019-09-02", "2019-10-02").others_dated(
        [], "start_date", within_months=1
    )
    # A start counts on its day, and no longer a month later.
    np.testing.assert_array_equal(started, [0, 1, 0])


def test_oneself_is_left_out_of_a_window(people: People) -> None:
    known = on(people, [2, 1], "2019-04-02", "2019-04-02")
    within = known.others_dated(["specialism"], "leave_nhs_date", within_months=2)
    np.testing.assert_array_equal(within, [1, 1])


def test_groups_and_dates_are_those_that_are_known(people: People) -> None:
    known = on(people, [0], "2030-01-01")
    with pytest.raises(InputError, match="destination is never known"):
        known.others_there(["destination"])
    with pytest.raises(InputError, match="grade is not known at the start"):
        known.others_there(["grade"])
    with pytest.raises(InputError, match="last_seen_date is never known"):
        known.others_dated(["region"], "last_seen_date")
    with pytest.raises(InputError, match="region is not a date"):
        known.others_dated([], "region")


def test_the_plan_of_someone_yet_to_start_is_not_counted(people: People) -> None:
    known = on(people, [0, 0], "2020-09-03", "2020-09-04")
    ended = known.others_dated(["specialism"], "scheme_end_date")
    np.testing.assert_array_equal(ended, [0, 2])
    odd = people.trainees.assign(scheme_end_date=pd.Timestamp("2019-01-01"))
    known = on(replace(people, trainees=odd), [0, 0], "2019-09-01", "2019-09-02")
    np.testing.assert_array_equal(known.others_dated(["region"], "scheme_end_date"), [1, 2])


def test_no_column_of_ones_own_is_taken_for_the_rows(people: People) -> None:
    frame = people.tables["placements"].assign(row=9)
    own = {"row": Column(name="row", kind="number", meaning="", known="start_date")}
    odd = replace(people, tables={"placements": frame}, table_attributes={"placements": own})
    known = on(odd, [0], "2020-01-01")
    with pytest.raises(InputError, match="cannot be called 'row'"):
        known.records("placements")
    assert "organisation" in known.limited(["placements.organisation"]).records("placements")


@given(
    people_=st.lists(
        st.tuples(st.sampled_from("xy "), st.integers(0, 70), st.integers(0, 70)), min_size=1
    ),
    asked=st.lists(st.tuples(st.integers(0, 10**6), st.integers(-1, 80)), max_size=8),
    months=st.none() | st.integers(0, 2),
)
@settings(max_examples=60)
def test_counts_and_records_are_those_of_a_loop(
    people_: list[tuple[str, int, int]], asked: list[tuple[int, int]], months: int | None
) -> None:
    first = np.datetime64("2020-01-10", "D")
    group = [each[0].strip() or None for each in people_]
    start = first + np.array([each[1] for each in people_]) * DAY
    left = start + np.array([each[2] for each in people_]) * DAY
    trainees = pd.DataFrame(
        {
            "trainee_id": [str(i) for i in range(len(people_))],
            "region": pd.Series(group, dtype=object),
            "start_date": start.astype("datetime64[ns]"),
            "leave_nhs_date": left.astype("datetime64[ns]"),
        }
    )
    placements = pd.DataFrame({"trainee_id": trainees["trainee_id"], "start_date": left[::-1]})
    person = np.array([i % len(people_) for i, _ in asked], dtype=np.int64)
    when = first + np.array([day for _, day in asked], dtype=np.int64) * DAY
    known = known_on(People(trainees=trainees, tables={"placements": placements}), person, when)
    there, gone = [], []
    for i, day in zip(person, when, strict=True):
        since = day - 10**6 if months is None else add_months(np.array([day]), -months)[0]
        others = [j for j in range(len(people_)) if j != i and group[j] == group[i]]
        told = group[i] is not None and start[i] <= day
        there.append(sum(start[j] <= day <= left[j] for j in others) if told else np.nan)
        gone.append(sum(since <= left[j] < day for j in others) if told else np.nan)
    np.testing.assert_array_equal(known.others_there(["region"]), there)
    np.testing.assert_array_equal(known.others_dated(["region"], "leave_nhs_date", months), gone)
    row = [r for r, (i, day) in enumerate(zip(person, when, strict=True)) if left[::-1][i] < day]
    assert known.records("placements")["row"].tolist() == row


# -------------------------------------------------------------------- access


def test_only_declared_sources_are_read(people: People) -> None:
    known = on(people, [0], "2020-01-01").limited(["region", "placements.organisation"])
    assert list(known.records("placements")) == ["row", "start_date", "organisation"]
    assert known.has("region")
    assert known.has("placements.organisation")
    assert not known.has("placements.end_date")
    assert not known.has("surveys.morale")
    for read in (
        lambda: known.trainee("specialism"),
        lambda: known.start,
        lambda: known.months,
        lambda: known.others_there(["region"]),
        lambda: known.others_dated(["specialism"], "start_date"),
    ):
        with pytest.raises(InputError, match="not a declared source"):
            read()
    wider = known.limited(["specialism", "region"])
    assert wider.sources == {"region"}
    with pytest.raises(InputError, match="never known"):
        on(people, [0], "2020-01-01").limited(["placements.notes"]).records("placements")


def test_a_lag_moves_what_is_known_and_not_the_day(people: People) -> None:
    known = on(people, [0, 0, 1], "2018-09-20", "2018-09-21", "2019-04-10")
    late = known.limited(
        ["region", "start_date", "leave_nhs_date", "placements.end_date"], lag_days=10
    )
    assert late.records("placements")["row"].tolist() == [1, 2]
    assert late.trainee("leave_nhs_date").isna().all()
    np.testing.assert_array_equal(late.on, known.on)
    # b's departure of 31 March 2019 is known from 11 April on.
    later = replace(late, on=late.on + DAY)
    assert later.trainee("leave_nhs_date").isna().tolist() == [True, True, False]
    # Facts of the start are late too.
    early = on(people, [0, 0], "2018-09-12", "2018-09-13").limited(["region"], lag_days=10)
    assert early.trainee("region").isna().tolist() == [True, False]
    with pytest.raises(InputError, match="cannot be negative"):
        late.limited(["region"], lag_days=-1)
    assert late.limited(["region"], lag_days=5).lag_days == 15


def test_a_moved_view_keeps_nothing_of_the_old_one(people: People) -> None:
    known = on(people, [1], "2018-10-01")
    assert known.records("placements").empty
    assert len(replace(known, on=known.on + DAY).records("placements")) == 1
    assert len(replace(known, person=np.array([0])).records("placements")) == 1


def test_derived_values_cannot_spoil_the_view(people: People) -> None:
    known = on(people, [0, 1], "2020-01-01", "2020-01-01")
    first = known.records("placements")
    first.loc[:, "organisation"] = "spoilt"
    assert "spoilt" not in known.records("placements")["organisation"].tolist()
    known.trainee("specialism")[:] = "spoilt"
    assert "spoilt" not in people.trainees["specialism"].tolist()
    with pytest.raises(ValueError, match="read-only"):
        known.on[0] = np.datetime64("2030-01-01")


def test_what_is_not_there_is_named(people: People) -> None:
    known = on(people, [0], "2020-01-01")
    with pytest.raises(InputError, match="no table 'surveys'"):
        known.records("surveys")
    with pytest.raises(InputError, match="no table 'wages'"):
        known.records("wages")
    with pytest.raises(InputError, match="no column 'wages'"):
        known.trainee("wages")
    with pytest.raises(InputError, match="belongs to no one"):
        on(series(ROWS), [0], "2020-01-01").records("labour_market")
    with pytest.raises(InputError, match="belong to people"):
        known.series("placements", "organisation")


def test_rows_and_dates_go_together(people: People) -> None:
    with pytest.raises(InputError, match="one prediction date a row"):
        on(people, [0, 1], "2020-01-01")
    for wrong in (-1, 4):
        with pytest.raises(InputError, match=r"positions must lie in 0\.\.3"):
            on(people, [wrong], "2020-01-01")


def test_the_repr_shows_no_rows(people: People) -> None:
    known = on(people, [0], "2020-01-01")
    assert repr(known) == "Known(n=1, sources=all)"
    assert repr(known.limited(["region"])) == "Known(n=1, sources=['region'])"
