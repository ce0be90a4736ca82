"""Attributes of posts, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gmts_models.data.people import People
from gmts_models.features.built_in.roles import ATTRIBUTES
from gmts_models.features.known import known_on

BY_NAME = {each.name: each for each in ATTRIBUTES}
NAN = np.nan
ROWS = [
    # a: a post before the start that goes on, then two employers and a rise
    ("a", "2020-09-03", "2021-03-02", "b7", "A", 1.0),
    ("a", "2015-01-01", None, "b5", "Z", 1.0),
    ("a", "2021-03-03", "2021-09-02", "b8a", "A", 0.8),
    ("a", "2021-10-03", None, "b8a", "B", None),
    # b: a post from the first day on, another beside it that ends
    ("b", "2018-09-03", None, "b6", "A", 0.6),
    ("b", "2019-09-03", "2020-09-02", "b6", None, 0.4),
]


def people() -> People:
    trainees = pd.DataFrame(
        {
            "trainee_id": list("abcd"),
            "start_date": pd.to_datetime(["2018-09-03"] * 3 + ["2014-09-01"]),
        }
    )
    columns = ["trainee_id", "start_date", "end_date", "band", "organisation", "fte"]
    table = pd.DataFrame(ROWS, columns=columns)
    for name in ("start_date", "end_date"):
        table[name] = pd.to_datetime(table[name])
    return People(trainees=trainees, tables={"roles": table})


def values(name: str, person: str, *on: str, made: People | None = None) -> list[Any]:
    at = np.full(len(on), list("abcd").index(person))
    known = known_on(made or people(), at, np.array(on, dtype="datetime64[D]"))
    return BY_NAME[name].values(known).tolist()


def check(name: str, person: str, **expected: float) -> None:
    on = [each.lstrip("d").replace("_", "-") for each in expected]
    np.testing.assert_allclose(values(name, person, *on), list(expected.values()), err_msg=name)


def test_the_band_is_that_of_the_latest_post_since_the_start() -> None:
    on = ("2020-09-03", "2020-09-04", "2021-03-03", "2021-03-04", "2021-09-20", "2022-01-01")
    assert values("role_band", "a", *on) == [None, "b7", "b7", "b8a", "b8a", "b8a"]
    assert values("role_band", "c", "2022-01-01") == [None]


def test_hours() -> None:
    check("role_fte", "a", d2020_09_03=NAN, d2020_09_04=1, d2021_03_04=0.8, d2022_01_01=NAN)
    check("part_time", "a", d2020_09_03=NAN, d2020_09_04=0, d2021_03_04=1, d2022_01_01=NAN)
    # The second post begins last; once it has ended, the first still goes on.
    check("role_fte", "b", d2018_09_03=NAN, d2018_09_04=0.6, d2019_10_01=0.4, d2020_09_03=0.6)


def test_months_in_the_current_post() -> None:
    check("months_in_role", "a", d2020_09_03=NAN, d2021_03_02=5 + 27 / 28, d2021_03_03=NAN)
    check("months_in_role", "a", d2021_06_03=3, d2021_09_03=NAN, d2022_10_03=12)
    check("months_in_role", "b", d2019_09_03=12, d2019_10_03=1, d2020_10_03=25)


def test_moves_between_employers() -> None:
    # The first record of anyone is of 2015, before a, b and c start.
    check("employer_changes", "a", d2018_09_03=0, d2020_09_04=0, d2021_03_04=0, d2021_10_04=1)
    check("employer_changes", "b", d2019_10_01=0)
    check("employer_changes", "c", d2018_09_02=NAN, d2022_01_01=0)
    check("employer_changes", "d", d2014_09_01=0, d2022_01_01=NAN)


def test_posts_before_the_start_count_as_such_alone() -> None:
    check("earlier_nhs_posts", "a", d2018_09_02=NAN, d2018_09_03=1, d2022_01_01=1)
    # A post from the first day on is none of them.
    check("earlier_nhs_posts", "b", d2018_09_03=0, d2022_01_01=0)
    # When d started, nobody's posts were recorded.
    check("earlier_nhs_posts", "d", d2014_09_01=NAN, d2022_01_01=NAN)


def test_without_ends_the_last_post_is_the_current_one() -> None:
    made = people()
    plain = People(
        trainees=made.trainees, tables={"roles": made.tables["roles"].drop(columns="end_date")}
    )
    assert values("months_in_role", "a", "2021-09-03", made=plain) == [6]


def test_posts_of_one_day_have_no_order() -> None:
    made = people()
    table = made.tables["roles"]
    twins = table.iloc[[4, 4]].assign(fte=[0.4, 0.5], band=["b6", "b7"], organisation=["X", "Y"])
    for order in ([0, 1], [1, 0]):
        people_ = People(trainees=made.trainees, tables={"roles": twins.iloc[order]})
        assert values("role_fte", "b", "2019-01-01", made=people_) == [0.5]
        assert values("role_band", "b", "2019-01-01", made=people_) == ["b7"]
        assert values("employer_changes", "b", "2019-01-01", made=people_) == [1]
