"""Kaplan-Meier against R's survfit, by hand, and by its identities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.kaplan_meier import kaplan_meier, survival_at
from gmts_models.stats.times import merge_near_ties

REFERENCE_DATA = Path(__file__).parents[1] / "reference" / "data"
CLOSED_FORM = 1e-9  # relative; R and we do the same few operations


def _agree(got: np.ndarray, want: list[float | None], tolerance: float = CLOSED_FORM) -> None:
    expected = np.array([np.nan if value is None else value for value in want])
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=1e-12)


def _compare(at: dict[str, Any], frame: pd.DataFrame, interval: Any, entry: str | None) -> None:
    time, left = frame["time"].to_numpy(float), frame["event"].to_numpy() == 1
    start = None if entry is None else frame[entry].to_numpy(float)
    curve = kaplan_meier(time, left, start, interval=interval)
    got = survival_at(curve, np.array(at["time"], float), last=np.inf)
    _agree(got.survival, at["surv"])
    _agree(got.std_err, at["std_err"])
    _agree(got.lower, at["lower"])
    _agree(got.upper, at["upper"])
    # Between times of the curve R looks ahead in ways of its own: compare at the curve's times.
    asked, given = np.array(at["time"], float), np.array(at["n_risk"], float)
    on = np.isin(asked, curve.time)
    _agree(curve.at_risk[np.searchsorted(curve.time, asked[on])], list(given[on]))


def test_edge_cases_agree_with_r(r_values: Callable[[str], dict[str, Any]]) -> None:
    data = pd.read_csv(REFERENCE_DATA / "edge.csv")
    cases = r_values("a_km_edge_cases")
    assert len(cases) == 7
    for name, out in cases.items():
        frame = data[data["case"] == name]
        _compare(out["at"]["all"], frame, "log", None)


@pytest.mark.parametrize("interval", ["plain", "log", "log-log"])
def test_lung_agrees_with_r(r_values: Callable[[str], dict[str, Any]], interval: str) -> None:
    data = pd.read_csv(REFERENCE_DATA / "lung.csv").rename(columns={"status": "event"})
    cases = r_values("a_km_lung")
    _compare(cases[f"overall_{interval}"]["at"]["all"], data, interval, None)
    for sex in (1, 2):
        _compare(
            cases[f"by_sex_{interval}"]["at"][f"sex={sex}"],
            data[data["sex"] == sex],
            interval,
            None,
        )


def test_start_stop_rows_agree_with_r(r_values: Callable[[str], dict[str, Any]]) -> None:
    data = pd.read_csv(REFERENCE_DATA / "heart.csv").rename(columns={"stop": "time"})
    _compare(
        r_values("a_km_startstop_heart")["startstop_model_variance"]["at"]["all"],
        data,
        "log",
        "start",
    )


def test_late_entry_agrees_with_r(
    r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    data = pd.read_csv(open_data("reference/data/physicians.csv")).rename(columns={"exit": "time"})
    cases = r_values("a_km_lefttrunc_physicians")
    _compare(cases["left_truncated"]["at"]["all"], data, "log", "entry")
    _compare(cases["ignoring_truncation"]["at"]["all"], data, "log", None)
    for part in (0, 1):
        at = cases["left_truncated_loglog_by_parttime"]["at"][f"part_time={part}"]
        _compare(at, data[data["part_time"] == part], "log-log", "entry")


def test_turnover_agrees_with_r(
    r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    data = pd.read_csv(open_data("reference/data/turnover.csv")).rename(columns={"stag": "time"})
    cases = r_values("a_km_turnover")
    _compare(cases["overall"]["at"]["all"], data, "log", None)
    for gender in ("f", "m"):
        at = cases["by_gender_loglog"]["at"][f"gender={gender}"]
        _compare(at, data[data["gender"] == gender], "log-log", None)
    for industry, at in cases["by_industry_log"]["at"].items():
        part = data[data["industry"].str.strip() == industry.removeprefix("industry=").strip()]
        _compare(at, part, "log", None)
    for profession, at in cases["by_profession_plain"]["at"].items():
        part = data[data["profession"] == profession.removeprefix("profession=")]
        _compare(at, part, "plain", None)


def test_by_hand() -> None:
    # Five people: one leaves on the first day, one at 2 where another is censored, one at 4.
    curve = kaplan_meier(np.array([0, 2, 2, 4, 5.0]), np.array([True, True, False, True, False]))
    np.testing.assert_allclose(curve.survival, [4 / 5, 3 / 5, 3 / 10, 3 / 10])
    np.testing.assert_array_equal(curve.at_risk, [5, 4, 2, 1])
    greenwood = 0.3 * np.sqrt(1 / (5 * 4) + 1 / (4 * 3) + 1 / (2 * 1))
    np.testing.assert_allclose(curve.std_err[-1], greenwood)


def test_past_follow_up_is_not_estimable() -> None:
    curve = kaplan_meier(np.array([1, 2, 3.0]), np.array([True, False, False]))
    assert np.isnan(survival_at(curve, np.array([3.5])).survival[0])
    everyone_left = kaplan_meier(np.array([1, 2.0]), np.array([True, True]))
    assert survival_at(everyone_left, np.array([3.5])).survival[0] == 0


def test_no_rows_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        kaplan_meier(np.array([]), np.array([], dtype=bool))


people = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 12), st.booleans(), st.integers(1, 3)),
    min_size=1,
    max_size=40,
)


@given(people)
def test_weights_are_replicated_rows(rows: list[tuple[int, int, bool, int]]) -> None:
    entry, length, left, weight = (np.array(column) for column in zip(*rows, strict=True))
    exit_ = (entry + length).astype(float)
    weighted = kaplan_meier(exit_, left, entry.astype(float), weight.astype(float))
    repeat = np.repeat(np.arange(len(rows)), weight)
    replicated = kaplan_meier(exit_[repeat], left[repeat], entry[repeat].astype(float))
    np.testing.assert_allclose(weighted.survival, replicated.survival, rtol=1e-12)
    np.testing.assert_allclose(weighted.std_err, replicated.std_err, rtol=1e-12)


@given(people, st.randoms())
def test_row_order_and_splitting_change_nothing(rows: list[Any], random: Any) -> None:
    entry, length, left, _ = (np.array(column) for column in zip(*rows, strict=True))
    entry, exit_ = entry.astype(float), (entry + length).astype(float)
    whole = kaplan_meier(exit_, left, entry)
    order = np.array(random.sample(range(len(rows)), len(rows)))
    shuffled = kaplan_meier(exit_[order], left[order], entry[order])
    np.testing.assert_allclose(shuffled.survival, whole.survival, rtol=1e-12)
    middle = (entry + exit_) / 2
    split = kaplan_meier(
        np.r_[middle, exit_], np.r_[np.zeros(len(left), bool), left], np.r_[entry, middle]
    )
    at = whole.time
    np.testing.assert_allclose(
        survival_at(split, at).survival, survival_at(whole, at).survival, rtol=1e-12
    )


def test_near_ties_are_one_time() -> None:
    noisy = np.array([0.1 + 0.2, 0.3, 1.0])
    assert len(np.unique(noisy)) == 3
    assert len(np.unique(merge_near_ties(noisy))) == 2
    apart = np.array([1.0, 1.0 + 1e-6])
    np.testing.assert_array_equal(merge_near_ties(apart), apart)
