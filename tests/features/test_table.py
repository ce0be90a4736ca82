"""The first attributes, as known at the start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.people import People
from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.errors import InputError
from gmts_models.features.built_in import start
from gmts_models.features.catalogue import available, default_names
from gmts_models.features.known import known_at_start
from gmts_models.features.table import build_features


@pytest.fixture
def people() -> People:
    frame = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c"],
            "specialism": ["Finance", "Health Analysis", "Finance"],
            "cohort": ["2018-09", "2019-09", None],
            "start_date": pd.to_datetime(["2018-09-03", "2019-09-02", "2019-09-02"]),
            "leave_nhs_date": pd.to_datetime([None, "2020-03-02", None]),
            "last_seen_date": pd.Timestamp("2021-09-03"),
            "age_at_start": [21.0, 30.0, np.nan],
            "gender": ["f", "m", "f"],
            "in_service": pd.array([True, False, None], dtype="boolean"),
            "commute_minutes": [20.0, np.nan, 45.0],
            "shift": ["night", "day", "day"],
        }
    )
    own = {"shift": Column(name="shift", kind="category", meaning="hours worked", known="start")}
    return People(trainees=frame, attributes=own, census_date=pd.Timestamp("2021-09-03"))


def test_default_features(people: People) -> None:
    table = build_features(people)
    assert list(table.X.columns) == [
        "specialism",
        "cohort_year",
        "age_band",
        "in_service",
        "commute_minutes",
        "shift",
    ]
    assert list(table.X["age_band"].iloc[:2]) == ["under 22", "30 and over"]
    assert pd.isna(table.X["age_band"].iloc[2])
    np.testing.assert_array_equal(table.X["cohort_year"], [2018, 2019, np.nan])
    np.testing.assert_array_equal(table.X["in_service"], [1, 0, np.nan])
    assert list(table.cohort) == ["2018-09", "2019-09", "unknown"]


def test_protected_characteristics_are_used_only_when_named(people: People) -> None:
    protected = {name for name, each in available(people).items() if each.protected}
    assert protected == {"age_band", "age_at_start", "gender"}
    assert protected.intersection(default_names(people, known_at_start(people))) == {"age_band"}
    assert list(build_features(people, features=["gender"]).X["gender"]) == ["f", "m", "f"]


def test_nothing_later_than_the_start_is_a_feature(people: People) -> None:
    """Change all that happens after the start: the features stay the same."""
    later = ["leave_nhs_date", "last_seen_date"]
    changed = people.trainees.assign(**dict.fromkeys(later, pd.Timestamp("2021-09-01")))
    again = People(trainees=changed, attributes=people.attributes, census_date=people.census_date)
    pd.testing.assert_frame_equal(build_features(people).X, build_features(again).X)
    for attribute in start.ATTRIBUTES:
        assert all(BY_NAME[source].known == "start" for source in attribute.sources)


def test_unknown_features_are_named(people: People) -> None:
    with pytest.raises(InputError, match="did you mean 'commute_minutes'"):
        build_features(people, features=["commute_minuts"])


def test_a_column_of_records_is_no_feature_by_itself(people: People) -> None:
    mine = {"feedback": Column(name="feedback", kind="number", meaning="")}
    told = replace(people, table_attributes={"placements": mine})
    with pytest.raises(InputError, match="'feedback' is a column of placements") as caught:
        build_features(told, features=["specialism", "feedback"])
    assert 'sources=("placements.feedback",)' in str(caught.value)


def test_the_repr_shows_no_rows(people: People) -> None:
    assert "night" not in repr(build_features(people))
    assert repr(people) == "People(n=3, columns=11, census 2021-09-03)"


def test_the_default_recipe_stands_among_other_names(people: People) -> None:
    default = list(build_features(people).X.columns)
    both = build_features(people, features=["default", "gender", "commute_minutes"])
    assert list(both.X.columns) == [*default, "gender"]
    assert both.recipe.names == (*default, "gender")
    with pytest.raises(InputError, match="did you mean 'gender'"):
        build_features(people, features=["default", "gendre"])


def test_what_is_known_of_a_handful_is_no_default() -> None:
    """Of 100 people two have an answer: by name it is a feature, by default it is none."""
    frame = pd.DataFrame(
        {
            "trainee_id": [str(i) for i in range(100)],
            "specialism": ["A", "B"] * 50,
            "start_date": pd.Timestamp("2019-09-02"),
            "last_seen_date": pd.Timestamp("2021-09-03"),
            "joining_survey": [3.0, 4.0] + [np.nan] * 98,
            "commute_minutes": [3.0, 4.0] * 4 + [np.nan] * 92,
        }
    )
    few = People(trainees=frame, scheme="any", census_date=pd.Timestamp("2021-09-03"))
    assert list(build_features(few).X.columns) == ["specialism", "commute_minutes"]
    assert build_features(few, features=["joining_survey"]).X["joining_survey"].notna().sum() == 2


def test_completing_may_compete() -> None:
    people = simulate_trainees(3, cohorts=[2018, 2019], census_date="2023-09-01")
    table = build_features(people, at=12, endpoint="left_scheme", competing=True)
    assert table.y.causes == ("withdrew", "completed")
    # Time restarts: who completes two years after the start does so twelve months on.
    assert set(np.unique(table.y.exit[table.y.event == 2])) == {12.0, 18.0}
