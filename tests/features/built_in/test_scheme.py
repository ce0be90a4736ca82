"""Tenure and the phase of the scheme, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.people import People
from gmts_models.features.built_in.scheme import ATTRIBUTES
from gmts_models.features.catalogue import available
from gmts_models.features.known import known_on

BY_NAME = {each.name: each for each in ATTRIBUTES}
PLACEMENTS = [
    ("a", "2018-09-03", "2018-09-28", "orientation"),
    ("a", "2018-10-01", "2019-09-02", "first"),
    ("a", "2019-09-10", "2019-11-08", "flexi"),
    ("a", "2019-11-11", "2020-09-02", "second"),
    ("b", "2018-10-01", "2019-03-15", "first"),
    ("c", "2018-10-01", None, None),
]


def people(*, without: tuple[str, ...] = (), placements: bool = True) -> People:
    trainees = pd.DataFrame(
        {
            "trainee_id": ["a", "b", "c", "d"],
            "start_date": pd.Timestamp("2018-09-03"),
            "scheme_end_date": pd.to_datetime(["2020-09-03", "2020-09-03", "2020-09-03", None]),
            "leave_scheme_date": pd.to_datetime([None, "2019-03-15", None, None]),
        }
    )
    columns = ["trainee_id", "start_date", "end_date", "placement_type"]
    table = pd.DataFrame(PLACEMENTS, columns=columns)
    for name in ("start_date", "end_date"):
        table[name] = pd.to_datetime(table[name])
    return People(
        trainees=trainees.drop(columns=list(without)),
        tables={"placements": table} if placements else {},
    )


def values(name: str, made: People, person: str, *on: str) -> list[Any]:
    at = np.full(len(on), list("abcd").index(person))
    known = known_on(made, at, np.array(on, dtype="datetime64[D]"))
    return BY_NAME[name].values(known).tolist()


def test_tenure_counts_from_the_start() -> None:
    made = values("tenure_months", people(), "a", "2018-09-02", "2018-09-03", "2019-09-03")
    np.testing.assert_array_equal(made, [np.nan, 0, 12])
    # 15 of the 30 days from 3 September to 3 October.
    np.testing.assert_allclose(values("tenure_months", people(), "a", "2018-09-18"), [0.5])


def test_months_to_the_end_of_the_scheme_turn_negative() -> None:
    on = ("2018-09-02", "2018-09-03", "2020-08-03", "2020-09-03", "2020-12-03")
    made = values("months_to_scheme_end", people(), "a", *on)
    np.testing.assert_array_equal(made, [np.nan, 24, 1, 0, -3])
    np.testing.assert_array_equal(values("months_to_scheme_end", people(), "d", on[1]), [np.nan])


def test_a_withdrawal_is_known_from_the_day_after_it() -> None:
    on = ("2018-09-02", "2018-09-03", "2019-03-15", "2019-03-16", "2025-01-01")
    np.testing.assert_array_equal(values("withdrew", people(), "b", *on), [np.nan, 0, 0, 1, 1])
    np.testing.assert_array_equal(values("withdrew", people(), "a", *on), [np.nan, 0, 0, 0, 0])


def test_who_leaves_the_scheme_on_its_last_day_has_completed_it() -> None:
    frame = people().trainees
    frame.loc[frame["trainee_id"] == "c", "leave_scheme_date"] = pd.Timestamp("2020-09-03")
    frame.loc[frame["trainee_id"] == "d", "leave_scheme_date"] = pd.Timestamp("2020-09-03")
    made, on = People(trainees=frame), ("2020-09-04", "2021-03-03")
    assert values("withdrew", made, "c", *on) == [0, 0]
    assert values("scheme_phase", made, "c", *on) == ["0 to 6 months after the scheme", "later"]
    assert values("withdrew", made, "d", *on) == [1, 1]  # no end is known


def test_the_phase_follows_the_latest_placement() -> None:
    phases = {
        "2018-09-02": None,
        "2018-09-03": "on the scheme",  # the placement that begins today is not known
        "2018-09-04": "orientation",
        "2018-09-30": "orientation",
        "2018-10-02": "first placement",
        "2019-09-10": "first placement",
        "2019-09-11": "flexi",
        "2019-11-12": "second placement",
        "2020-09-02": "second placement",
        "2020-09-03": "0 to 6 months after the scheme",
        "2021-03-02": "0 to 6 months after the scheme",
        "2021-03-03": "later",
    }
    assert values("scheme_phase", people(), "a", *phases) == list(phases.values())


def test_the_phase_of_the_withdrawn_and_of_the_unknown() -> None:
    on = ("2019-03-15", "2019-03-16", "2022-01-01")
    assert values("scheme_phase", people(), "b", *on) == [
        "first placement",
        "withdrew",
        "withdrew",
    ]
    # A placement without a type, and no planned end.
    assert values("scheme_phase", people(), "c", "2019-01-01") == ["on the scheme"]
    assert values("scheme_phase", people(), "d", "2019-01-01") == [None]


def test_the_phase_without_placements_and_withdrawals() -> None:
    plain = people(without=("leave_scheme_date",), placements=False)
    on = ("2018-09-03", "2020-09-02", "2020-09-03", "2022-01-01")
    expected = ["on the scheme"] * 2 + ["0 to 6 months after the scheme", "later"]
    assert values("scheme_phase", plain, "a", *on) == expected
    assert values("scheme_phase", plain, "b", *on) == expected


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        ("scheme_end_date", {"scheme_phase", "months_to_scheme_end"}),
        ("leave_scheme_date", {"withdrew"}),
    ],
)
def test_what_can_be_made_depends_on_the_columns(without: str, missing: set[str]) -> None:
    there = set(BY_NAME) & set(available(people(without=(without,)), ATTRIBUTES))
    assert there == set(BY_NAME) - missing


def test_ready_durations_have_no_phase() -> None:
    trainees = people(without=("start_date",)).trainees
    on = np.full(4, np.datetime64("NaT"), dtype="datetime64[D]")
    known = known_on(People(trainees=trainees), np.arange(4), on)
    assert BY_NAME["scheme_phase"].values(known).isna().all()
    assert BY_NAME["months_to_scheme_end"].values(known).isna().all()
