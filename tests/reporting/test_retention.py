"""The retention table: its numbers, its small groups, and what it does not show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.reporting.retention import retention_curves, retention_table


def _people(groups: list[str], months: list[float], left: list[int]) -> People:
    frame = pd.DataFrame(
        {
            "trainee_id": [f"T{i}" for i in range(len(groups))],
            "specialism": groups,
            "duration_months": np.array(months, float),
            "event": np.array(left, float),
        }
    )
    return People(trainees=frame, scheme="any")


TWENTY = _people(["A"] * 12 + ["B"] * 8, [6] * 2 + [24] * 10 + [24] * 8, [1] * 2 + [0] * 18)


def test_by_hand() -> None:
    table = retention_table(TWENTY, horizons=[12, 24])
    assert table.groups == ("All", "A", "B")
    np.testing.assert_allclose(table.retention[:, 0], [18 / 20, 10 / 12, 1])
    np.testing.assert_array_equal(table.n, [20, 12, 8])
    np.testing.assert_array_equal(table.at_risk[:, 1], [18, 10, 8])


def test_nobody_left_still_has_an_interval() -> None:
    table = retention_table(TWENTY, horizons=[12])
    assert table.lower[2, 0] == pytest.approx(0.025 ** (1 / 8))
    assert table.upper[2, 0] == 1


def test_interval_of_nobody_leaving_covers() -> None:
    """Groups of 20 at a true retention of 0.98: at least 95 % of the intervals hold it."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        left = rng.uniform(size=20) < 0.02
        months = np.where(left, 6, 12).tolist()
        row = retention_table(_people(["A"] * 20, months, left.astype(int).tolist()), horizons=[12])
        held += row.lower[0, 0] <= 0.98 <= row.upper[0, 0]
    assert held / 300 >= 0.93


def test_small_groups_and_their_complements_are_hidden_everywhere() -> None:
    people = _people(["A"] * 12 + ["B"] * 8 + ["C"] * 3, [24.0] * 23, [0] * 23)
    table = retention_table(people, horizons=[12])
    for hidden in (2, 3):  # three people, and the next smallest group, or subtraction tells
        for values in (table.n, table.left, table.atom):
            assert np.isnan(values[hidden])
        for shown in (table.retention, table.lower, table.upper, table.at_risk):
            assert np.isnan(shown[hidden]).all()
    assert table.n[1] == 12
    assert table.retention[1, 0] == 1
    assert set(retention_curves(people)["group"]) == {"All", "A"}
    open_ = retention_table(people, horizons=[12], threshold=1)
    np.testing.assert_array_equal(open_.n, [23, 12, 8, 3])


def test_nobody_leaving_among_late_entrants_is_little_knowledge() -> None:
    """Two people were there from the start; forty joined them in month 23."""
    frame = pd.DataFrame(
        {
            "trainee_id": [f"T{i}" for i in range(42)],
            "specialism": "A",
            "entry_months": [0.0] * 2 + [23.0] * 40,
            "duration_months": 48.0,
            "event": 0.0,
        }
    )
    table = retention_table(People(trainees=frame, scheme="any"), horizons=[24])
    assert table.lower[0, 0] == pytest.approx(0.025 ** (1 / 2))


def test_the_upper_limit_does_not_fall_with_the_last_leaver() -> None:
    months = [float(m) for m in [*range(1, 31)] * 2]
    people = _people(["A"] * 60, months, [1] * 30 + [0] * 29 + [1])
    table = retention_table(people, horizons=[27, 36], threshold=1)
    # R's log-log upper limit at 29, before the last two leave or are lost at 30, is .394.
    assert table.retention[0, 1] == 0
    assert table.upper[0, 1] == pytest.approx(0.394, abs=5e-4)


def test_small_counts_of_leavers_are_hidden() -> None:
    table = retention_table(TWENTY, horizons=[12])
    assert np.isnan(table.left[0])
    assert np.isnan(table.left[1])
    assert table.left[2] == 0


def test_past_follow_up_is_not_estimable() -> None:
    table = retention_table(TWENTY, horizons=[12, 36])
    assert np.isnan(table.retention[:, 1]).all()
    assert table.at_risk[0, 1] == 0


def test_curves_stop_where_few_are_left() -> None:
    people = _people(["A"] * 20, [*range(1, 21)], [1] * 20)
    curves = retention_curves(people, step=3)
    assert curves["at_risk"].min() >= 5
    assert set(curves["months"] % 3) == {0}
    assert curves["months"].max() == 15


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(InputError, match="no such column"):
        retention_table(TWENTY, by="specialty")


@pytest.mark.parametrize("by", ["trainee_id", "scheme_end_date"])
def test_ids_and_dates_make_no_groups(by: str) -> None:
    frame = TWENTY.trainees.assign(scheme_end_date=pd.Timestamp("2020-09-01"))
    people = People(trainees=frame, scheme="any")
    with pytest.raises(InputError, match="make no groups") as caught:
        retention_table(people, by=by)
    assert by not in str(caught.value).partition("fix:")[2]


def test_turnover_agrees_with_r(
    r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    raw = pd.read_csv(open_data("data/turnover_babushkin.csv"))
    people = _people(raw["industry"].tolist(), raw["stag"].tolist(), raw["event"].tolist())
    cases = r_values("a_km_turnover")
    at = cases["overall"]["at"]["all"]
    table = retention_table(people, horizons=at["time"], threshold=1)
    np.testing.assert_allclose(table.retention[0], at["surv"], rtol=1e-9)
    for name, at in cases["by_industry_log"]["at"].items():
        group = table.groups.index(name.removeprefix("industry=").strip())
        by = retention_table(people, horizons=at["time"], threshold=1)
        want = np.array(at["surv"], float)
        known = ~np.isnan(by.retention[group])
        assert known.any()
        np.testing.assert_allclose(by.retention[group][known], want[known], rtol=1e-9)


def test_post_scheme_states_those_who_leave_at_completion() -> None:
    end = pd.Timestamp("2020-09-01")
    n = 40
    leave = [end] * 8 + [end + pd.DateOffset(months=6)] * 6 + [pd.NaT] * 26
    frame = pd.DataFrame(
        {
            "trainee_id": [f"T{i}" for i in range(n)],
            "specialism": "Finance",
            "start_date": pd.Timestamp("2018-09-01"),
            "scheme_end_date": end,
            "leave_nhs_date": pd.to_datetime(pd.Series(leave)),
            "last_seen_date": pd.Timestamp("2022-09-01"),
        }
    )
    people = People(trainees=frame, census_date=pd.Timestamp("2022-09-01"))
    table = retention_table(people, horizons=[3, 12], endpoint="post_scheme")
    assert table.atom[0] == pytest.approx(0.2)
    np.testing.assert_allclose(table.retention[0], [32 / 40, 26 / 40])


def test_people_without_a_label_are_a_group_that_subtraction_must_not_tell() -> None:
    """Two of nobody's team, who both left: all less A and B would tell of them."""
    people = _people(["A"] * 20 + ["B"] * 30 + ["C"] * 2, [9.0] * 52, [0] * 50 + [1] * 2)
    people.trainees["team"] = people.trainees["specialism"].replace("C", None)
    table = retention_table(people, "team", horizons=[6])
    assert table.groups == ("All", "A", "B")
    np.testing.assert_array_equal(np.isnan(table.n), [False, True, False])
    np.testing.assert_array_equal(np.isnan(table.at_risk[:, 0]), [False, True, False])
    np.testing.assert_array_equal(np.isnan(table.retention[:, 0]), [False, True, False])
    many = _people(["A"] * 20 + ["B"] * 30 + ["C"] * 9, [9.0] * 59, [0] * 59)
    many.trainees["team"] = many.trainees["specialism"].replace("C", None)
    assert np.isfinite(retention_table(many, "team", horizons=[6]).n).all()


def test_a_group_may_be_called_all() -> None:
    table = retention_table(_people(["All"] * 20 + ["B"] * 20, [9.0] * 40, [1] * 10 + [0] * 30))
    assert table.groups == ("All", "All", "B")
    np.testing.assert_array_equal(table.n, [40, 20, 20])
