"""Surveys: the latest answers, their moves, and non-response; cases worked by hand."""

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

from gmts_models.data.contract.columns import Column
from gmts_models.data.people import People
from gmts_models.features.attribute import Attribute
from gmts_models.features.built_in import surveys
from gmts_models.features.known import known_on
from gmts_models.outcome import Floats

NAN = np.nan

ANSWERS = [
    # trainee, date, morale, engagement, voice_that_counts, a_team
    ("a", "2020-09-01", 8.0, NAN, NAN, NAN),
    ("a", "2019-09-01", 4.0, 7.0, 6.0, NAN),
    ("b", "2020-03-01", 5.0, 5.0, 2.0, 4.0),
    ("a", "2020-03-01", 6.0, 9.0, 5.0, 8.0),
    ("a", "2020-12-01", NAN, NAN, NAN, NAN),  # sent, not answered
    ("c", "2020-06-01", NAN, NAN, NAN, NAN),
]


def _people(answers: Sequence[tuple[Any, ...]] = ANSWERS) -> People:
    names = ["trainee_id", "date", "morale", "engagement", "voice_that_counts", "a_team"]
    frame = pd.DataFrame(answers, columns=names)
    frame["date"] = pd.to_datetime(frame["date"])
    return _with(frame)


def _with(
    frame: pd.DataFrame, own: dict[str, Column] | None = None, start: str = "2019-01-01"
) -> People:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c", "d"],
            "specialism": "Finance",
            "start_date": pd.Timestamp(start),
        }
    )
    return People(
        trainees=trainees, tables={"surveys": frame}, table_attributes={"surveys": own or {}}
    )


def _values(people: People, name: str, on: str = "2021-03-01") -> Floats:
    return _of(people, _attribute(people, name), on)


def _attribute(people: People, name: str) -> Attribute:
    return next(each for each in surveys.for_people(people) if each.name == name)


def _readable(attribute: Attribute, frame: pd.DataFrame) -> bool:
    there = {f"surveys.{name}" for name in frame}
    return there.issuperset(each for each in attribute.sources if each != "start_date")


def _of(people: People, attribute: Attribute, on: str) -> Floats:
    days = np.full(len(people), np.datetime64(on, "D"))
    return attribute.values(known_on(people, np.arange(len(people)), days)).to_numpy(float)


# a has answers on morale of 4, 6 and 8 on days 0, 182 and 366, of which the mean is 182.667 and
# the slope (182.667 x 2 + 183.333 x 2) / (182.667**2 + 0.667**2 + 183.333**2) a day.
SLOPE = (182 + 2 / 3 + 183 + 1 / 3) * 2 / ((548 / 3) ** 2 + (2 / 3) ** 2 + (550 / 3) ** 2) * 365.25


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("latest_morale", [8, 5, NAN, NAN]),
        ("latest_engagement", [9, 5, NAN, NAN]),  # the latest answer to this very question
        ("morale_change", [2, NAN, NAN, NAN]),
        ("engagement_change", [2, NAN, NAN, NAN]),
        ("morale_trend", [SLOPE, NAN, NAN, NAN]),
        ("engagement_trend", [NAN, NAN, NAN, NAN]),  # two answers only
        ("people_promise", [6.5, 3, NAN, NAN]),
        ("months_since_answer", [6, 12, NAN, NAN]),
        ("surveys_sent", [4, 1, 1, NAN]),
        ("surveys_unanswered", [1, 0, 1, NAN]),
        ("latest_unanswered", [1, 0, 1, NAN]),
        ("answer_rate", [0.75, 1, 0, NAN]),
    ],
)
def test_values(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(_values(_people(), name), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("on", "morale", "sent", "unanswered"),
    [
        ("2019-09-01", NAN, NAN, NAN),  # on the day itself it is not known yet
        ("2019-09-02", 4, 1, 0),
        ("2020-09-01", 6, 2, 0),
        ("2020-12-02", 8, 4, 1),
    ],
)
def test_only_what_came_before_counts(
    on: str, morale: float, sent: float, unanswered: float
) -> None:
    people = _people()
    told = [_values(people, each, on)[0] for each in ("latest_morale", "surveys_sent")]
    np.testing.assert_array_equal(told, [morale, sent])
    assert _values(people, "surveys_unanswered", on)[0] == unanswered or np.isnan(unanswered)


def test_none_sent_is_a_zero_where_the_table_reaches_back_to_the_start() -> None:
    table = _people().tables["surveys"]  # from 1 September 2019 on
    since = {"2019-08-31": NAN, "2019-09-01": 0}
    for start, sent in since.items():
        people = _with(table, start=start)
        for name in ("surveys_sent", "surveys_unanswered"):
            np.testing.assert_array_equal(_values(people, name)[3], sent)
        assert np.isnan(_values(people, "answer_rate")[3])
    # On a day on which the table has not begun, nothing is known, whatever it holds later.
    assert np.isnan(_values(_with(table, start="2019-08-31"), "surveys_sent", "2019-09-01")).all()
    # On the first day there can have been none.
    told = _values(_with(table, start="2019-09-01"), "surveys_sent", "2019-09-01")
    np.testing.assert_array_equal(told, 0)


def test_a_trend_is_the_slope_of_least_squares() -> None:
    rng = np.random.default_rng(3)
    days = pd.Timestamp("2019-02-01") + pd.to_timedelta(np.sort(rng.choice(700, 9, False)), "D")
    morale = rng.uniform(0, 10, 9)
    frame = pd.DataFrame({"trainee_id": "b", "date": days, "morale": morale})
    years = (days - days[0]).days.to_numpy() / 365.25
    expected = np.polyfit(years, morale, 1)[0]
    np.testing.assert_allclose(_values(_with(frame), "morale_trend")[1], expected, rtol=1e-10)


def test_answers_of_one_day_count_as_their_mean() -> None:
    people = _people(
        [
            ("a", "2020-01-01", 2.0, NAN, NAN, NAN),
            ("a", "2020-02-01", 4.0, NAN, NAN, NAN),
            ("a", "2020-02-01", 7.0, NAN, NAN, NAN),
            ("a", "2020-02-01", NAN, NAN, NAN, NAN),
        ]
    )
    assert _values(people, "latest_morale")[0] == 5.5
    assert _values(people, "morale_change")[0] == 3.5
    assert np.isnan(_values(people, "morale_trend")[0])  # two days
    assert _values(people, "surveys_sent")[0] == 4
    assert _values(people, "latest_unanswered")[0] == 0


def test_a_table_with_some_scores_only() -> None:
    frame = _people().tables["surveys"][["trainee_id", "date", "morale"]]
    people = _with(frame)
    assert _attribute(people, "answer_rate").sources == ("surveys.morale", "start_date")
    np.testing.assert_array_equal(_values(people, "surveys_unanswered"), [1, 0, 1, NAN])
    assert set(_attribute(people, "people_promise").sources).isdisjoint({"surveys.morale"})


def test_own_numbers_are_scores() -> None:
    own = {
        "pulse": Column(name="pulse", kind="number", meaning="pulse", unit="points", known="date"),
        "channel": Column(name="channel", kind="category", meaning="how it was sent", known="date"),
        "unsaid": Column(name="unsaid", kind="number", meaning="not said when it is known"),
    }
    frame = _people().tables["surveys"].assign(channel="mail", pulse=NAN, unsaid=1.0)
    frame.loc[5, "pulse"] = 3.0  # c answered this question alone
    people = _with(frame, own)
    np.testing.assert_array_equal(_values(people, "surveys_unanswered"), [1, 0, 0, NAN])
    np.testing.assert_array_equal(_values(people, "latest_pulse"), [NAN, NAN, 3, NAN])
    assert _attribute(people, "latest_pulse").unit == "points"
    names = {each.name for each in surveys.for_people(people)}
    assert names.isdisjoint({"latest_channel", "latest_unsaid"})


def test_an_empty_table_and_none_at_all() -> None:
    people = _people([])
    empty = people.tables["surveys"].astype({"morale": float, "trainee_id": object})
    for attribute in surveys.for_people(_with(empty)):
        if _readable(attribute, empty):
            assert np.isnan(_of(_with(empty), attribute, "2021-03-01")).all(), attribute.name
    assert surveys.for_people(People(trainees=people.trainees)) == ()


def test_other_types_of_numbers() -> None:
    frame = _people().tables["surveys"]
    for dtype in ("Float64", "object"):
        scores = frame[["morale", "a_team"]].astype(dtype)
        other = frame.assign(**dict(scores.items()))
        for name in ("latest_morale", "surveys_unanswered", "people_promise"):
            np.testing.assert_array_equal(_values(_with(other), name), _values(_people(), name))


def test_attributes_can_be_pickled() -> None:
    for attribute in (*surveys.ATTRIBUTES, *surveys.for_people(_people())):
        assert pickle.loads(pickle.dumps(attribute)) == attribute


records = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.dates(dt.date(2019, 1, 2), dt.date(2021, 6, 30)).map(str),
        *[st.sampled_from([NAN, 0.0, 2.5, 7.0, 10.0])] * 4,
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(records=records, seed=st.integers(0, 99))
def test_neither_the_order_nor_the_index_nor_the_future_matters(
    records: list[tuple[Any, ...]], seed: int
) -> None:
    people = _people(records)
    frame = people.tables["surveys"]
    mixed = frame.sample(frac=1, random_state=seed)  # and with it the index
    past = frame[frame["date"] < "2020-06-01"]
    for attribute in surveys.ATTRIBUTES:
        if not _readable(attribute, frame):
            continue
        first = _of(people, attribute, "2020-06-01")
        for other in (mixed, past):
            np.testing.assert_allclose(first, _of(_with(other), attribute, "2020-06-01"))
