"""Assessments: exams, competencies, and progress against the scheme's aim; worked by hand."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.data.people import People
from gmts_models.features.built_in import assessments
from gmts_models.features.built_in.assessments import expected_share
from gmts_models.features.known import known_on
from gmts_models.outcome import Floats

NAN = np.nan

RECORDS = [
    # trainee, date, type, subject, rating, signed off, framework size, passed
    ("a", "2020-01-10", "exam", "E1", NAN, None, NAN, False),
    ("a", "2019-12-01", "competency", "lead", 2.0, False, 10.0, None),
    ("a", "2020-03-01", "competency", "plan", 3.0, True, 10.0, None),
    ("a", "2020-02-10", "exam", "E1", NAN, None, NAN, True),
    ("a", "2020-06-01", "competency", "lead", 5.0, True, 8.0, None),
    ("a", "2020-04-01", "competency", "lead", 4.0, None, NAN, None),
    ("a", "2020-05-01", "exam", "E2", NAN, None, NAN, None),  # the result is not out
    ("b", "2020-05-01", "competency", "lead", NAN, None, NAN, None),
    ("c", "2020-05-01", "exam", "E1", NAN, None, NAN, None),
    ("d", "2020-05-01", "exam", "E1", NAN, None, NAN, True),
]


def _table(records: Sequence[tuple[Any, ...]] = RECORDS) -> pd.DataFrame:
    names = ["trainee_id", "date", "assessment_type", "subject", "rating", "signed_off"]
    frame = pd.DataFrame(records, columns=[*names, "framework_size", "passed"])
    frame["date"] = pd.to_datetime(frame["date"])
    flags = {name: frame[name].astype("boolean") for name in ("signed_off", "passed")}
    return frame.assign(**flags).astype({"rating": float, "framework_size": float})


def _people(
    table: pd.DataFrame, placements: pd.DataFrame | None = None, start: str = "2019-09-01"
) -> People:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c", "d", "e"],
            "specialism": "Finance",
            "start_date": pd.Timestamp(start),
            "scheme_end_date": pd.Timestamp("2021-09-01"),
        }
    )
    tables = {"assessments": table}
    return People(
        trainees=trainees,
        tables=tables if placements is None else {**tables, "placements": placements},
    )


def _values(people: People, name: str, on: str = "2020-07-01") -> Floats:
    attribute = next(each for each in assessments.ATTRIBUTES if each.name == name)
    days = np.full(len(people), np.datetime64(on, "D"))
    return attribute.values(known_on(people, np.arange(len(people)), days)).to_numpy(float)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # c has sat an exam of which no result is known; of e nothing is recorded.
        ("exams_passed", [1, 0, NAN, 1, NAN]),
        ("exams_failed", [1, 0, NAN, 0, NAN]),
        ("exam_pass_rate", [0.5, NAN, NAN, 1, NAN]),
        # b has a competency of which nobody says whether it was signed off.
        ("competencies_signed_off", [2, NAN, 0, 0, NAN]),
        ("competency_progress", [2 / 8, NAN, NAN, NAN, NAN]),
        # 10 months of a scheme of 24: expected are 0.4 x 10 / 12.
        ("progress_against_expected", [2 / 8 - 1 / 3, NAN, NAN, NAN, NAN]),
        ("mean_rating", [4, NAN, NAN, NAN, NAN]),
        ("months_since_assessment", [1, 2, 2, 2, NAN]),
    ],
)
def test_values(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(_values(_people(_table()), name), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("on", "passed", "signed", "rating"),
    [
        ("2019-12-01", NAN, NAN, NAN),  # on the day itself it is not known yet
        ("2019-12-02", 0, 0, 2),
        ("2020-02-10", 0, 0, 2),
        ("2020-02-11", 1, 0, 2),
        ("2020-03-02", 1, 1, 2.5),
        ("2020-04-02", 1, 1, 3.5),  # a rating without a word on signing off
        ("2020-06-01", 1, 1, 3.5),
        ("2020-06-02", 1, 2, 4),
    ],
)
def test_only_what_came_before_counts(on: str, passed: float, signed: float, rating: float) -> None:
    people = _people(_table())
    names = ("exams_passed", "competencies_signed_off", "mean_rating")
    told = [_values(people, name, on)[0] for name in names]
    np.testing.assert_array_equal(told, [passed, signed, rating])


def test_none_is_a_zero_where_the_table_reaches_back_to_the_start() -> None:
    table = _table()  # from 1 December 2019 on
    for start, expected in (("2019-11-30", NAN), ("2019-12-01", 0)):
        people = _people(table, start=start)
        for name in ("exams_passed", "exams_failed", "competencies_signed_off"):
            np.testing.assert_array_equal(_values(people, name)[4], expected)
        for name in ("exam_pass_rate", "competency_progress", "mean_rating"):
            assert np.isnan(_values(people, name)[4])
    # On the first day there can have been none.
    told = _values(_people(table, start="2019-11-30"), "exams_passed", "2019-11-30")
    np.testing.assert_array_equal(told, 0)


def test_a_sign_off_can_be_taken_back() -> None:
    taken_back = ("a", "2020-06-15", "competency", "plan", 1.0, False, NAN, None)
    people = _people(_table([*RECORDS, taken_back]))
    assert _values(people, "competencies_signed_off")[0] == 1
    assert _values(people, "mean_rating")[0] == 3


def test_records_without_a_subject_are_competencies_of_their_own() -> None:
    record = ("a", "2020-01-01", "competency", None, 3.0, True, 4.0, None)
    people = _people(
        _table([record, record, ("a", "2020-01-01", "competency", "x", 1.5, True, 4.0, None)])
    )
    assert _values(people, "competencies_signed_off")[0] == 3
    assert _values(people, "competency_progress")[0] == 0.75
    assert _values(people, "mean_rating")[0] == 2.5


def test_of_two_values_on_one_day_the_greater_counts() -> None:
    records = [
        ("a", "2020-01-01", "competency", "x", 2.0, True, 5.0, None),
        ("a", "2020-01-01", "competency", "x", 3.0, False, 10.0, None),
    ]
    for each in (records, records[::-1]):
        people = _people(_table(each))
        assert _values(people, "competency_progress")[0] == 0.1
        assert _values(people, "mean_rating")[0] == 3


def test_expected_share() -> None:
    months = np.array([-1, 0, 5, 10, 17, 24, 30, NAN])
    share = expected_share(months, np.full(8, 10.0), np.full(8, 24.0))
    np.testing.assert_allclose(share, [NAN, 0, 0.2, 0.4, 0.65, 0.9, 0.9, NAN], rtol=1e-12)
    # A first placement that outlasts the scheme: the first line goes on to its end.
    late = expected_share(np.array([20.0, 25, 26]), np.full(3, 25.0), np.full(3, 24.0))
    np.testing.assert_allclose(late, [0.32, 0.4, 0.9], rtol=1e-12)
    assert np.isnan(expected_share(np.array([5.0]), np.array([NAN]), np.array([24.0]))).all()


def _placements(*records: tuple[str, str, str, str | None]) -> pd.DataFrame:
    names = ["trainee_id", "placement_type", "start_date", "end_date"]
    frame = pd.DataFrame(records, columns=names)
    dates = {name: pd.to_datetime(frame[name]) for name in ("start_date", "end_date")}
    return frame.assign(**dates)


@pytest.mark.parametrize(
    ("on", "placements", "first_end"),
    [
        ("2020-07-01", [("a", "first", "2019-10-01", "2020-06-01")], 9),
        ("2020-06-01", [("a", "first", "2019-10-01", "2020-06-01")], 12),  # the end is not known
        ("2021-03-01", [("a", "first", "2019-10-01", None)], 18),  # it goes on
        ("2020-07-01", [("a", "first", "2019-10-01", None)], 12),
        ("2021-03-01", [("a", "orientation", "2019-09-01", "2019-10-01")], 12),
        # Without its last day it ends where the next one begins.
        (
            "2021-03-01",
            [("a", "second", "2020-08-01", None), ("a", "first", "2019-10-01", None)],
            11,
        ),
        (
            "2021-03-01",
            [
                ("a", "flexi", "2020-06-01", "2020-08-01"),
                ("a", "first", "2019-10-01", "2020-07-01"),
            ],
            10,
        ),
        # Two parts: over when both are.
        (
            "2021-03-01",
            [
                ("a", "first", "2020-04-01", "2020-11-01"),
                ("a", "first", "2019-10-01", "2020-04-01"),
            ],
            14,
        ),
        ("2021-03-01", [("b", "first", "2019-10-01", "2020-06-01")], 12),
    ],
)
def test_the_end_of_the_first_placement(
    on: str, placements: list[tuple[str, str, str, str | None]], first_end: float
) -> None:
    table = _table([("a", "2020-01-01", "competency", "x", 2.0, True, 5.0, None)])
    people = _people(table, _placements(*placements))
    months = (pd.Period(on, "M") - pd.Period("2019-09", "M")).n
    expected = expected_share(np.array([months]), np.array([first_end]), np.array([24.0]))
    told = _values(people, "progress_against_expected", on)[0]
    np.testing.assert_allclose(told, 0.2 - expected[0], rtol=1e-12)


def test_an_empty_table() -> None:
    people = _people(_table([]))
    for attribute in assessments.ATTRIBUTES:
        assert np.isnan(_values(people, attribute.name)).all(), attribute.name


def test_other_types() -> None:
    other = _table().convert_dtypes(dtype_backend="pyarrow")
    as_objects = _table().astype({"passed": object, "signed_off": object, "rating": object})
    for attribute in assessments.ATTRIBUTES:
        expected = _values(_people(_table()), attribute.name)
        for table in (other, as_objects, _table().astype({"subject": "category"})):
            np.testing.assert_array_equal(_values(_people(table), attribute.name), expected)


def test_attributes_can_be_pickled() -> None:
    for attribute in assessments.ATTRIBUTES:
        assert pickle.loads(pickle.dumps(attribute)) == attribute


records = st.lists(
    st.tuples(
        st.sampled_from("abcde"),
        st.dates(dt.date(2019, 9, 2), dt.date(2020, 12, 31)).map(str),
        st.sampled_from(["competency", "exam"]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from([NAN, 1.0, 2.5, 5.0]),
        st.sampled_from([None, True, False]),
        st.sampled_from([NAN, 4.0, 5.0]),
        st.sampled_from([None, True, False]),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(records=records, seed=st.integers(0, 99))
def test_neither_the_order_nor_the_index_nor_the_future_matters(
    records: list[tuple[Any, ...]], seed: int
) -> None:
    table = _table(records)
    mixed = table.sample(frac=1, random_state=seed)  # and with it the index
    past = table[table["date"] < "2020-06-01"]
    for attribute in assessments.ATTRIBUTES:
        first = _values(_people(table), attribute.name, "2020-06-01")
        for other in (mixed, past):
            told = _values(_people(other), attribute.name, "2020-06-01")
            np.testing.assert_array_equal(told, first)
