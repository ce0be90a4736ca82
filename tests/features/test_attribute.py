"""Attributes: what they may read, what they must return, and that they can be sent elsewhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.attribute import Attribute, from_column, source_of, when_known
from gmts_models.features.catalogue import BUILT_IN, available
from gmts_models.features.known import Known, known_on
from gmts_models.features.table import Recipe


def attribute(derive: Callable[[Known], Any], **changed: Any) -> Attribute:
    made = Attribute(
        name="made", kind="number", meaning="made up", sources=("region",), derive=derive
    )
    return replace(made, **changed)


def exams(known: Known) -> pd.Series:
    sat = known.records("assessments").query("assessment_type == 'exam'")
    return sat.groupby("row").size().reindex(range(len(known)), fill_value=0)


@pytest.fixture
def known() -> Known:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c"],
            "region": ["London", None, "Midlands"],
            "start_date": pd.Timestamp("2018-09-03"),
        }
    )
    assessments = pd.DataFrame(
        {
            "trainee_id": ["c", "a", "a"],
            "date": pd.to_datetime(["2019-01-01", "2019-06-01", "2019-05-01"]),
            "assessment_type": ["exam", "competency", "exam"],
            "passed": pd.array([True, None, False], dtype="boolean"),
        }
    )
    people = People(trainees=trainees, tables={"assessments": assessments})
    return known_on(people, np.arange(3), np.full(3, np.datetime64("2019-06-01")))


# --------------------------------------------------------------------- sources


def test_ones_own_attribute(known: Known) -> None:
    own = attribute(exams, sources=("assessments.assessment_type",))
    np.testing.assert_array_equal(own.values(known), [1, 0, 1])
    # With a lag of 31 days a sitting of 1 May is known from 2 June on.
    np.testing.assert_array_equal(replace(own, lag_days=30).values(known), [1, 0, 1])
    np.testing.assert_array_equal(replace(own, lag_days=31).values(known), [0, 0, 1])


@pytest.mark.parametrize(
    "derive",
    [
        lambda known: known.trainee("specialism"),
        lambda known: known.start,
        lambda known: known.months,
        lambda known: known.others_there(["region"]),
        lambda known: known.series("labour_market", "vacancies"),
    ],
)
def test_what_is_not_declared_is_refused(known: Known, derive: Callable[[Known], Any]) -> None:
    people = known._people
    people = replace(
        people,
        trainees=people.trainees.assign(specialism="Finance", leave_nhs_date=pd.NaT),
        tables={"labour_market": pd.DataFrame({"date": [pd.NaT], "vacancies": [1.0]})},
    )
    with pytest.raises(InputError, match="not a declared source"):
        attribute(derive).values(known_on(people, known.person, known.on))


def test_an_undeclared_column_of_a_record_is_not_there(known: Known) -> None:
    own = attribute(lambda known: known.records("assessments")["passed"], sources=("region",))
    with pytest.raises(InputError, match="a column that is not there"):
        own.values(known)


def test_optional_sources_are_read_where_they_are_there(known: Known) -> None:
    def grade(known: Known) -> pd.Series:
        return known.trainee("degree_class" if known.has("degree_class") else "region")

    own = attribute(grade, kind="category", optional=("degree_class",))
    assert own.values(known).tolist() == ["London", None, "Midlands"]
    people = known._people
    with_class = replace(people, trainees=people.trainees.assign(degree_class="first"))
    again = known_on(with_class, known.person, known.on)
    assert own.values(again).tolist() == ["first"] * 3
    assert replace(own, optional=()).values(again).tolist() == ["London", None, "Midlands"]
    assert "made" in available(people, [own])
    assert "made" not in available(people, [replace(own, sources=("degree_class",))])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sources": ("salaries.pay",)}, "no table 'salaries'"),
        ({"sources": ("destination",)}, "destination is never known"),
        ({"optional": ("last_seen_date",)}, "last_seen_date is never known"),
        ({"sources": "region"}, "sources is one text"),
        ({"kind": "flag"}, "the kind must be one of category, number"),
        ({"lag_days": -1}, "a negative lag would look ahead"),
        ({"lag_days": 1.5}, "a whole number of days"),
        ({"lag_days": True}, "a whole number of days"),
    ],
)
def test_what_cannot_be_meant_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attribute(exams, **changed)


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, None, False], [1, np.nan, 0]),
        (pd.array([True, None, False], dtype="boolean"), [1, np.nan, 0]),
        (pd.array([1, None, 3], dtype="Int64"), [1, np.nan, 3]),
        (np.array([1, 2, 3]), [1, 2, 3]),
        (pd.Series([1.5, pd.NA, None], dtype=object), [1.5, np.nan, np.nan]),
    ],
)
def test_numbers_are_floats(known: Known, values: Any, expected: list[float]) -> None:
    made = attribute(lambda _: values).values(known)
    assert made.dtype == np.float64
    assert made.name == "made"
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["x", None, pd.NA], dtype=object),
        pd.Series(["x", None, None], dtype="category"),
        pd.array(["x", None, None], dtype="string"),
        ["x", None, np.nan],
    ],
)
def test_labels_are_text_or_none(known: Known, values: Any) -> None:
    made = attribute(lambda _: values, kind="category").values(known)
    assert made.dtype == object
    assert made.tolist() == ["x", None, None]


def test_labels_that_are_numbers_become_text(known: Known) -> None:
    made = attribute(lambda _: [7, None, "8a"], kind="category").values(known)
    assert made.tolist() == ["7", None, "8a"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 2], "2 values for 3 rows"),
        (np.zeros((3, 1)), "not in one dimension"),
        (1.0, "not in one dimension"),
        (None, "not in one dimension"),
        (pd.DataFrame({"a": [1, 2, 3]}), "not in one dimension"),
        (pd.Series([1, 2, 3], index=[2, 1, 0]), r"index of the values is not 0\.\.n-1"),
        (pd.Series([1, 2, 3], index=["a", "b", "c"]), r"index of the values is not 0\.\.n-1"),
        ([1, np.inf, 2], "infinite"),
    ],
)
def test_a_value_a_row(known: Known, values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        attribute(lambda _: values).values(known)
    assert "attribute made" in str(caught.value)


@pytest.mark.parametrize("values", [["5", "secret", "6"], pd.to_datetime(["2020-02-03"] * 3)])
def test_an_error_repeats_no_value(known: Known, values: Any) -> None:
    with pytest.raises(InputError, match="not numbers") as caught:
        attribute(lambda _: values).values(known)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_nobody(known: Known) -> None:
    nobody = known_on(known._people, np.arange(0), known.on[:0])
    for each in available(known._people).values():
        assert each.values(nobody).shape == (0,)
    assert attribute(exams, sources=("assessments.assessment_type",)).values(nobody).empty


# ----------------------------------------------------------------- elsewhere


def test_every_attribute_survives_pickling() -> None:
    own = Column(name="shift", kind="category", meaning="hours worked", known="start")
    for each in (*BUILT_IN, from_column(BY_NAME["region"]), from_column(own)):
        again = pickle.loads(pickle.dumps(each))
        # Partial functions are the same only if they are one.
        assert replace(again, derive=exams) == replace(each, derive=exams)


def test_a_recipe_with_ones_own_attribute_survives_pickling(known: Known) -> None:
    own = attribute(exams, sources=("assessments.assessment_type",))
    recipe = pickle.loads(pickle.dumps(Recipe(names=("region",), attributes=(own,))))
    assert recipe.attributes == (own,)
    np.testing.assert_array_equal(recipe.attributes[0].values(known), [1, 0, 1])


def test_a_pickled_attribute_gives_the_same(known: Known) -> None:
    again = pickle.loads(pickle.dumps(from_column(BY_NAME["region"])))
    assert again.values(known).tolist() == ["London", None, "Midlands"]


def test_when_the_facts_are_known() -> None:
    own = Column(name="grade", kind="category", meaning="", known="graded")
    visits = {"visit": Column(name="visit", kind="number", meaning="", known="visited")}
    people = People(
        trainees=pd.DataFrame({"trainee_id": ["a"]}),
        attributes={"grade": own},
        table_attributes={"placements": visits},
    )
    made = attribute(
        exams,
        sources=("region", "leave_nhs_date", "placements.end_date", "placements.focus"),
        lag_days=14,
    )
    assert when_known(made) == (
        "the start; the day after `leave_nhs_date`; the day after `placements.end_date`; "
        "the day after `placements.start_date`, and 14 days more"
    )
    made = attribute(exams, sources=("grade", "placements.visit"))
    assert when_known(made, people) == (
        "the day after `graded`; the day after `placements.visited`"
    )
    assert when_known(made) == "the day after `placements.start_date`"
    assert source_of("surveys.morale") == ("surveys", "morale")
    assert source_of("region") == ("trainees", "region")
