"""Peers: how many others there are, and how many leave; worked by hand."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.data.people import People
from gmts_models.features.built_in.peers import ATTRIBUTES
from gmts_models.features.known import known_on
from gmts_models.outcome import Floats

NAN = np.nan

TRAINEES = pd.DataFrame(
    [
        # id, cohort, specialism, region, start, left the NHS
        ("a", "2019-09", "Finance", "London", "2019-09-02", None),
        ("b", "2019-09", "Finance", "London", "2019-09-02", "2020-03-02"),
        ("c", "2019-09", "Finance", "Midlands", "2019-09-16", "2020-09-02"),
        ("d", "2019-09", "Human Resources", "London", "2019-09-02", None),
        ("e", "2020-09", "Finance", "London", "2020-09-01", None),
        ("f", None, "Finance", None, "2019-09-02", None),
    ],
    columns=["trainee_id", "cohort", "specialism", "region", "start_date", "leave_nhs_date"],
)


def _people(frame: pd.DataFrame = TRAINEES) -> People:
    dates = {name: pd.to_datetime(frame[name]) for name in ("start_date", "leave_nhs_date")}
    return People(trainees=frame.assign(**dates))


def _values(people: People, name: str, on: str | list[str]) -> Floats:
    attribute = next(each for each in ATTRIBUTES if each.name == name)
    days = np.broadcast_to(np.array(on, dtype="datetime64[D]"), len(people)).copy()
    return attribute.values(known_on(people, np.arange(len(people)), days)).to_numpy(float)


@pytest.mark.parametrize(
    ("name", "on", "expected"),
    [
        # c starts a fortnight later; of e, who has not started, nothing is known.
        ("cohort_size", "2019-09-02", [1, 1, NAN, 0, NAN, NAN]),
        ("cohort_size", "2019-09-16", [2, 2, 2, 0, NAN, NAN]),
        ("cohort_size", "2021-01-01", [2, 2, 2, 0, 0, NAN]),
        # b leaves on 2 March 2020, which is known from the day after on.
        ("peers_there", "2020-03-02", [2, 2, 2, 0, NAN, NAN]),
        ("peers_there", "2020-03-03", [1, 2, 1, 0, NAN, NAN]),
        ("peers_there", "2020-09-03", [0, 1, 1, 0, 0, NAN]),
        ("peers_left_6_months", "2020-03-02", [0, 0, 0, 0, NAN, NAN]),
        ("peers_left_6_months", "2020-03-03", [1, 0, 1, 0, NAN, NAN]),
        ("peers_left_6_months", "2020-09-02", [1, 0, 1, 0, 0, NAN]),
        ("peers_left_6_months", "2020-09-03", [1, 1, 0, 0, 0, NAN]),
        ("peers_left_6_months", "2021-09-03", [0, 0, 0, 0, 0, NAN]),
        # d and e have no peers: there is no share of nobody.
        ("peers_left_6_months_rate", "2020-03-03", [0.5, 0, 0.5, NAN, NAN, NAN]),
        ("peers_left_6_months_rate", "2020-09-03", [1, 0.5, 0, NAN, NAN, NAN]),
        # There, for a: b and d in London.
        ("specialism_share_of_region", "2020-03-02", [0.5, 0.5, NAN, 0, NAN, NAN]),
        ("specialism_share_of_region", "2020-03-03", [0, 0.5, NAN, 0, NAN, NAN]),
        ("specialism_share_of_region", "2020-09-03", [0.5, 2 / 3, NAN, 0, 0.5, NAN]),
        ("region_left_6_months", "2020-03-03", [1, 0, 0, 1, NAN, NAN]),
        ("region_left_6_months_rate", "2020-03-03", [0.5, 0, NAN, 0.5, NAN, NAN]),
        # For e on the first day: a and d are there, b left on the first day of the six months.
        ("region_left_6_months", "2020-09-02", [1, 0, 0, 1, 1, NAN]),
        ("region_left_6_months_rate", "2020-09-02", [1 / 3, 0, NAN, 1 / 3, 1 / 3, NAN]),
    ],
)
def test_values(name: str, on: str, expected: list[float]) -> None:
    np.testing.assert_allclose(_values(_people(), name, on), expected, rtol=1e-12)


def test_each_row_has_its_own_day() -> None:
    days = ["2020-03-02", "2020-03-03", "2020-03-03", "2020-03-03", "2020-09-01", "2020-03-03"]
    told = _values(_people(), "peers_there", days)
    np.testing.assert_array_equal(told, [2, 2, 1, 0, 0, NAN])


def test_a_lost_peer_counts_as_still_there() -> None:
    lost = TRAINEES.assign(last_seen_date=pd.Timestamp("2019-12-01"))
    for attribute in ATTRIBUTES:
        told = _values(_people(lost), attribute.name, "2020-09-03")
        np.testing.assert_array_equal(told, _values(_people(), attribute.name, "2020-09-03"))


def _counted(frame: pd.DataFrame, on: pd.Timestamp, by: list[str]) -> tuple[Floats, Floats]:
    """Count person by person: those there, and those who left in the 6 months before."""
    there, left = np.full(len(frame), NAN), np.full(len(frame), NAN)
    begin = on - pd.DateOffset(months=6)
    for i, own in frame.iterrows():
        if own[by].isna().any() or own["start_date"] > on:
            continue
        others = frame[(frame[by] == own[by]).all(axis=1) & (frame.index != i)]
        others = others[others["start_date"] <= on]
        gone = others["leave_nhs_date"] < on
        there[i], left[i] = (~gone).sum(), (gone & (others["leave_nhs_date"] >= begin)).sum()
    return there, left


people_drawn = st.lists(
    st.tuples(
        st.sampled_from(["2019-09", "2020-09", None]),
        st.sampled_from(["Finance", "Policy and Strategy"]),
        st.sampled_from(["London", "Midlands", None]),
        st.sampled_from(["2019-09-02", "2019-09-16", "2020-08-31", "2020-09-01"]),
        st.sampled_from([None, "2020-09-01", "2020-11-30", "2021-02-28", "2021-03-01"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(drawn=people_drawn, on=st.sampled_from(["2020-09-01", "2021-03-01", "2021-08-31"]))
def test_counts_are_those_of_counting(drawn: list[tuple[str | None, ...]], on: str) -> None:
    frame = pd.DataFrame(drawn, columns=TRAINEES.columns[1:])
    frame.insert(0, "trainee_id", [f"t{i}" for i in range(len(frame))])
    people = _people(frame)
    for by, prefix in ((["cohort", "specialism"], "peers"), (["region"], "region")):
        there, left = _counted(people.trainees, pd.Timestamp(on), by)
        np.testing.assert_array_equal(_values(people, f"{prefix}_left_6_months", on), left)
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(there + left > 0, left / (there + left), NAN)
        np.testing.assert_array_equal(_values(people, f"{prefix}_left_6_months_rate", on), rate)
        if prefix == "peers":
            np.testing.assert_array_equal(_values(people, "peers_there", on), there)


@settings(max_examples=30, deadline=None)
@given(drawn=people_drawn, seed=st.integers(0, 99))
def test_neither_the_order_nor_the_future_matters(
    drawn: list[tuple[str | None, ...]], seed: int
) -> None:
    frame = pd.DataFrame(drawn, columns=TRAINEES.columns[1:])
    frame.insert(0, "trainee_id", [f"t{i}" for i in range(len(frame))])
    order = np.random.default_rng(seed).permutation(len(frame))
    mixed = frame.iloc[order].reset_index(drop=True)
    later = pd.to_datetime(frame["leave_nhs_date"]) >= "2021-01-01"
    past = frame.assign(leave_nhs_date=frame["leave_nhs_date"].mask(later))
    for attribute in ATTRIBUTES:
        told = _values(_people(frame), attribute.name, "2021-01-01")
        again = _values(_people(mixed), attribute.name, "2021-01-01")
        np.testing.assert_array_equal(again, told[order])
        np.testing.assert_array_equal(_values(_people(past), attribute.name, "2021-01-01"), told)


def test_one_person_has_no_peers() -> None:
    people = _people(TRAINEES[:1])
    assert _values(people, "cohort_size", "2020-01-01") == [0]
    assert np.isnan(_values(people, "region_left_6_months_rate", "2020-01-01")).all()


def test_attributes_can_be_pickled() -> None:
    for attribute in ATTRIBUTES:
        assert pickle.loads(pickle.dumps(attribute)) == attribute
