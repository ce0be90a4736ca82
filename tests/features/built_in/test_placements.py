"""Attributes of placements, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.people import People
from gmts_models.features.built_in.placements import ATTRIBUTES
from gmts_models.features.known import Known, known_on

BY_NAME = {each.name: each for each in ATTRIBUTES}
NAN = np.nan
COLUMNS = (
    "trainee_id",
    "start_date",
    "end_date",
    "organisation",
    "organisation_type",
    "region",
    "focus",
    "manager",
    "commute_minutes",
)
ROWS = [
    ("a", "2019-11-18", "2020-09-02", "A", "acute trust", "London", "operational", "m1", 50.0),
    ("a", "2018-10-03", "2019-09-02", "A", "acute trust", "London", "strategic", "m1", 30.0),
    ("a", "2019-09-18", "2019-11-17", "B", "board", "London", "operational", "m2", 20.0),
    # b: gaps in what is told
    ("b", "2018-10-03", "2019-01-02", None, "acute trust", "London", None, None, None),
    ("b", "2019-01-03", "2019-02-02", "C", None, "London", "strategic", "m3", 15.0),
    ("b", "2019-02-03", None, "C", "board", "Midlands", "operational", "m4", None),
    # e: a placement beside another one, and one that is open for good
    ("e", "2018-10-03", None, "A", "board", "London", "strategic", "m1", 10.0),
    ("e", "2019-01-03", "2019-03-02", "B", "board", "London", "strategic", "m1", 20.0),
    ("e", "2019-05-03", "2019-06-02", "B", "board", "London", "strategic", "m2", 40.0),
]
ANYONE = list("abcde")


def people(rows: list[tuple[Any, ...]] = ROWS) -> People:
    """a, b, e with placements; c begins with them and has none; d began long before any record."""
    trainees = pd.DataFrame(
        {
            "trainee_id": ANYONE,
            "start_date": pd.to_datetime(
                ["2018-09-03", "2018-09-03", "2019-09-02", "2012-09-03", "2018-09-03"]
            ),
        }
    )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("start_date", "end_date"):
        table[name] = pd.to_datetime(table[name])
    return People(trainees=trainees, tables={"placements": table})


def seen(person: str, *on: str, made: People | None = None) -> Known:
    at = np.full(len(on), ANYONE.index(person))
    return known_on(made or people(), at, np.array(on, dtype="datetime64[D]"))


def values(name: str, person: str, *on: str, made: People | None = None) -> list[Any]:
    return BY_NAME[name].values(seen(person, *on, made=made)).tolist()


def check(name: str, person: str, **expected: float) -> None:
    on = [each.lstrip("d").replace("_", "-") for each in expected]
    np.testing.assert_allclose(values(name, person, *on), list(expected.values()), err_msg=name)


def test_a_placement_counts_from_the_day_after_it_begins() -> None:
    check("placements_so_far", "a", d2018_10_04=1, d2019_09_18=1, d2019_09_19=2)
    check("placements_so_far", "a", d2019_11_19=3, d2030_01_01=3)


def test_none_is_zero_where_it_is_known_and_missing_elsewhere() -> None:
    for name in (
        "placements_so_far",
        "organisations_so_far",
        "organisation_changes",
        "organisation_type_changes",
        "region_changes",
        "gap_months",
    ):
        # On the first day none has begun. The first cohort's record begins a month later.
        check(name, "a", d2018_09_02=NAN, d2018_09_03=0, d2018_09_04=NAN)
        # c starts when records are kept; d did so long before.
        check(name, "c", d2019_09_01=NAN, d2019_09_02=0, d2019_12_01=0)
        check(name, "d", d2012_09_03=0, d2019_01_01=NAN)


def test_what_changed_from_one_placement_to_the_next() -> None:
    for name in ("organisation", "organisation_type"):
        check(f"{name}_changes", "a", d2019_09_18=0, d2019_09_19=1, d2019_11_19=2)
    check("organisations_so_far", "a", d2018_10_04=1, d2019_09_19=2, d2019_11_19=2)
    check("region_changes", "a", d2019_11_19=0)


def test_placements_without_a_label_are_passed_over() -> None:
    check("organisations_so_far", "b", d2018_10_04=NAN, d2019_01_04=1, d2019_02_04=1)
    check("organisation_changes", "b", d2018_10_04=NAN, d2019_01_04=0, d2019_02_04=0)
    check("organisation_type_changes", "b", d2018_10_04=0, d2019_01_04=0, d2019_02_04=1)
    check("region_changes", "b", d2018_10_04=0, d2019_02_04=1)


def test_gaps_between_placements() -> None:
    # a: from 3 September 2019 to the 18th there is none: half of a month of 30 days.
    check("gap_months", "a", d2019_09_18=0, d2019_09_19=0.5, d2030_01_01=0.5)
    check("gap_months", "b", d2019_02_04=0)
    # e: the first goes on, so that nothing after it is a gap.
    check("gap_months", "e", d2019_07_01=0)
    ended = [(*row[:2], "2019-04-02", *row[3:]) if row[1] == "2018-10-03" else row for row in ROWS]
    # A month from 3 April to 3 May, whatever ended within the first placement.
    assert values("gap_months", "e", "2019-05-04", made=people(ended)) == [1]
    # Until its end is known it goes on.
    assert values("gap_months", "e", "2019-04-02", made=people(ended)) == [0]


def test_months_in_the_current_placement() -> None:
    check("months_in_placement", "a", d2018_10_03=NAN, d2019_01_03=3, d2019_09_02=10 + 30 / 31)
    # It ended on 2 September; the next begins on the 18th.
    check("months_in_placement", "a", d2019_09_03=NAN, d2019_09_18=NAN, d2019_10_18=1)
    # Of two, the one that goes on.
    check("months_in_placement", "e", d2019_02_03=1, d2019_03_03=5, d2019_05_03=7)


def test_without_ends_the_last_placement_is_the_current_one() -> None:
    plain = people()
    plain = People(
        trainees=plain.trainees,
        tables={"placements": plain.tables["placements"].drop(columns="end_date")},
    )
    assert values("months_in_placement", "a", "2019-09-10", made=plain) == [
        pytest.approx(11 + 7 / 30)
    ]
    assert values("placement_commute_minutes", "e", "2019-03-10", made=plain) == [20]


def test_labels_of_the_latest_placement() -> None:
    on = ("2018-10-03", "2018-10-04", "2019-09-18", "2019-09-19", "2021-01-01")
    assert values("placement_organisation_type", "a", *on) == [
        None,
        *("acute trust", "acute trust", "board", "acute trust"),
    ]
    assert values("placement_region", "b", "2019-02-03", "2019-02-04") == ["London", "Midlands"]
    assert values("placement_organisation_type", "b", "2019-02-03") == [None]


def test_commutes() -> None:
    check("placement_commute_minutes", "a", d2018_10_03=NAN, d2018_10_04=30, d2019_11_19=50)
    check("commute_change", "a", d2018_10_03=NAN, d2018_10_04=0, d2019_09_19=-10, d2019_11_19=20)
    # b's first commute that is told is the second placement's; that to the third is not told.
    check("commute_change", "b", d2018_10_04=NAN, d2019_01_04=0, d2019_02_04=NAN)


def test_the_same_manager_again() -> None:
    check("same_manager", "a", d2018_10_03=NAN, d2018_10_04=NAN, d2019_09_19=0, d2019_11_19=1)
    check("same_manager", "b", d2018_10_04=NAN, d2019_01_04=NAN, d2019_02_04=0)
    # The latest is the first, which goes on: m1 came back in the second.
    check("same_manager", "e", d2019_01_04=1, d2019_03_03=1)


def test_the_operational_share_of_the_time() -> None:
    # a: 335 strategic days, then operational ones from 18 September on.
    check("operational_share", "a", d2018_10_03=NAN, d2018_10_04=0, d2019_09_18=0)
    check("operational_share", "a", d2019_09_19=1 / 336, d2019_10_18=30 / 365)
    check("operational_share", "a", d2030_01_01=(61 + 290) / (335 + 61 + 290))
    # b: time whose kind of work is not told does not count.
    check("operational_share", "b", d2018_12_01=NAN, d2019_02_03=0, d2019_03_06=31 / 62)


def test_nobody_and_no_records() -> None:
    nothing = people([])
    for each in ATTRIBUTES:
        assert each.values(seen("a", made=nothing)).empty
        made = each.values(seen("a", "2018-09-03", "2019-01-01", made=nothing))
        assert pd.isna(made[1])
