"""The labour market as published before the prediction date, by region; worked by hand."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.contract.columns import Column
from gmts_models.data.people import People
from gmts_models.features.built_in import labour_market
from gmts_models.features.known import known_on
from gmts_models.outcome import Floats

NAN = np.nan
Record = tuple[str, str | None, float, float]

RECORDS: list[Record] = [
    # published, region, unemployment rate, vacancies
    ("2020-06-16", "London", 6.0, 90.0),
    ("2019-06-18", "London", 4.5, NAN),
    ("2019-06-18", None, 3.8, 800.0),
    ("2020-06-16", None, 3.9, NAN),
    ("2020-05-12", "Midlands", 5.0, NAN),
    ("2021-06-15", None, 4.7, 850.0),
]


def _table(records: Sequence[Record] = RECORDS) -> pd.DataFrame:
    names = ["date", "region", "unemployment_rate", "vacancies"]
    frame = pd.DataFrame(records, columns=names)
    return frame.assign(date=pd.to_datetime(frame["date"]))


def _people(table: pd.DataFrame, own: dict[str, Column] | None = None) -> People:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c", "d"],
            "specialism": "Finance",
            "region": ["London", "Midlands", "South West", None],
            "start_date": pd.Timestamp("2020-01-01"),
        }
    )
    return People(
        trainees=trainees,
        tables={"labour_market": table},
        table_attributes={"labour_market": own or {}},
    )


def _values(people: People, name: str, on: str) -> Floats:
    every = (*labour_market.ATTRIBUTES, *labour_market.for_people(people))
    attribute = next(each for each in every if each.name == name)
    days = np.full(len(people), np.datetime64(on, "D"))
    return attribute.values(known_on(people, np.arange(len(people)), days)).to_numpy(float)


@pytest.mark.parametrize(
    ("name", "on", "expected"),
    [
        ("unemployment_rate", "2020-05-12", [4.5, 3.8, 3.8, 3.8]),  # on the day of publication
        ("unemployment_rate", "2020-05-13", [4.5, 5.0, 3.8, 3.8]),
        ("unemployment_rate", "2020-06-17", [6.0, 5.0, 3.9, 3.9]),
        ("vacancies", "2020-06-16", [800, 800, 800, 800]),
        ("vacancies", "2020-06-17", [90, 800, 800, 800]),
        ("unemployment_rate", "2021-06-16", [6.0, 5.0, 4.7, 4.7]),
        # b has one figure of its own, so no change of its own: everywhere's is taken.
        ("unemployment_change", "2020-06-19", [1.5, 0.1, 0.1, 0.1]),
        # The day before there was a year earlier no figure yet that was known.
        ("unemployment_change", "2020-06-18", [NAN, NAN, NAN, NAN]),
        # London's own has not been published for a year.
        ("unemployment_change", "2021-06-17", [0.8, 0.8, 0.8, 0.8]),
        # Nothing at all has been published for a year: no change is known.
        ("unemployment_change", "2023-01-01", [NAN, NAN, NAN, NAN]),
        ("calendar_period", "2020-12-31", [2020, 2020, 2020, 2020]),
        ("calendar_period", "2021-01-01", [2021, 2021, 2021, 2021]),
    ],
)
def test_values(name: str, on: str, expected: list[float]) -> None:
    np.testing.assert_allclose(_values(_people(_table()), name, on), expected, rtol=1e-12)


def test_without_regions() -> None:
    """Only the figures of everywhere serve people without a region, and a table without them."""
    people = _people(_table())
    without = People(trainees=people.trainees.drop(columns="region"), tables=people.tables)
    for name, expected in (("unemployment_rate", 3.9), ("unemployment_change", 0.1)):
        told = _values(without, name, "2020-06-19")
        np.testing.assert_allclose(told, np.full(4, expected), rtol=1e-12)
    everywhere = _table()[_table()["region"].isna()]
    for table in (everywhere, everywhere.drop(columns="region")):
        told = _values(_people(table), "unemployment_rate", "2020-06-17")
        np.testing.assert_array_equal(told, np.full(4, 3.9))


def test_own_columns_are_offered_as_they_are() -> None:
    own = {
        "house_prices": Column(name="house_prices", kind="number", meaning="index", known="date"),
        "freeze": Column(name="freeze", kind="flag", meaning="pay freeze", known="date"),
        "prior_nhs": Column(name="prior_nhs", kind="number", meaning="a clash", known="date"),
        "mood": Column(name="mood", kind="category", meaning="no number", known="date"),
        "unsaid": Column(name="unsaid", kind="number", meaning="not said when it is known"),
        "absent": Column(name="absent", kind="number", meaning="not there", known="date"),
    }
    table = _table().assign(
        house_prices=[110.0, 105.0, 100.0, 101.0, NAN, 120.0],
        freeze=pd.array([None, None, True, False, None, True], dtype="boolean"),
        prior_nhs=1.0,
        mood="low",
        unsaid=1.0,
    )
    people = _people(table, own)
    names = [each.name for each in labour_market.for_people(people)]
    assert names == ["house_prices", "freeze", "labour_market_prior_nhs"]
    told = _values(people, "house_prices", "2020-06-17")
    np.testing.assert_array_equal(told, [110, 101, 101, 101])
    np.testing.assert_array_equal(_values(people, "freeze", "2020-06-16"), [1, 1, 1, 1])
    np.testing.assert_array_equal(_values(people, "freeze", "2020-06-17"), [0, 0, 0, 0])
    assert labour_market.for_people(People(trainees=people.trainees)) == ()


def test_neither_the_order_nor_the_index_nor_the_future_matters() -> None:
    table = _table()
    twice = pd.concat([table, table.assign(unemployment_rate=9.0)[:1]])  # two of one day
    for seed in range(5):
        mixed = table.sample(frac=1, random_state=seed)
        mixed_twice = twice.sample(frac=1, random_state=seed)
        for attribute in labour_market.ATTRIBUTES:
            name = attribute.name
            if name == "pay_growth":  # not in the table
                continue
            expected = _values(_people(table), name, "2020-06-19")
            past = mixed[mixed["date"] < "2020-06-19"]
            for other in (mixed, past, mixed.astype({"region": "category"})):
                np.testing.assert_array_equal(_values(_people(other), name, "2020-06-19"), expected)
            told = _values(_people(mixed_twice), name, "2020-06-19")
            np.testing.assert_array_equal(told, _values(_people(twice), name, "2020-06-19"))


def test_an_empty_table_and_ready_durations() -> None:
    people = _people(_table([]).astype({"unemployment_rate": float}))
    for name in ("unemployment_rate", "unemployment_change"):
        assert np.isnan(_values(people, name, "2020-06-17")).all()
    undated = known_on(people, np.arange(4), np.full(4, np.datetime64("NaT", "D")))
    for attribute in labour_market.ATTRIBUTES:
        if attribute.name in ("unemployment_rate", "unemployment_change", "calendar_period"):
            assert attribute.values(undated).isna().all()


def test_attributes_can_be_pickled() -> None:
    for attribute in labour_market.ATTRIBUTES:
        assert pickle.loads(pickle.dumps(attribute)) == attribute
