"""Mean time stayed up to a horizon: by hand, against R, by its identities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.stats.survival.restricted_mean import (
    RestrictedMean,
    difference_of_means,
    ratio_of_means,
    restricted_mean,
)

TRAINEES = Path(__file__).parents[2] / "reference" / "pitfalls" / "tr.csv"


@pytest.fixture
def trainees() -> pd.DataFrame:
    return pd.read_csv(TRAINEES)


def _means(got: RestrictedMean, mean: float, std_err: float) -> None:
    np.testing.assert_allclose([got.mean, got.std_err], [mean, std_err], rtol=1e-12)


def test_by_hand() -> None:
    # 1 to time 1, 3/4 to time 2, then 3/8 to time 3.
    got = restricted_mean([1, 2, 2, 4], [True, True, False, False], until=3)
    assert got.mean == pytest.approx(1 + 3 / 4 + 1 / 2)
    # Area to come after each departure, squared, times d / (n (n - d)).
    variance = (3 / 4 + 1 / 2) ** 2 / (4 * 3) + (1 / 2) ** 2 / (3 * 2)
    assert got.std_err == pytest.approx(np.sqrt(variance))
    half = 1.959963984540054 * got.std_err
    assert got.lower == pytest.approx(got.mean - half)
    assert got.upper == 3  # not above the horizon
    assert half > 0.75


def test_trainees_agree_with_r(trainees: pd.DataFrame) -> None:
    """summary(survfit(Surv(time, e) ~ 1, d), rmean = 24)$table, then Surv(entry, time, e).

    survival 3.5-3; d is pitfalls/tr.csv, e = status > 0. lifelines 0.30.3 gives 8.58 as the error.
    """
    d = trainees
    got = restricted_mean(d["time"], d["status"], until=24)
    _means(got, 16.2876152913407672, 0.2363409346852571)
    late = restricted_mean(d["time"], d["status"], d["entry"], until=24)
    _means(late, 15.72958992529576427, 0.25272753698067008)


def test_robust_errors_agree_with_rs_influences(trainees: pd.DataFrame) -> None:
    """Area under the influences that R gives.

    f <- survfit(Surv(entry, time, e) ~ 1, d, weights = w, cluster = id %% 100, influence = TRUE);
    k <- f$time < 24; sqrt(sum((f$influence.surv[, k] %*% diff(c(f$time[k], 24)))^2))
    """
    d = trainees
    got = restricted_mean(d["time"], d["status"], d["entry"], d["w"], d["id"] % 100, until=24)
    _means(got, 15.63806946967099520, 0.32854776354560356)


def test_from_a_start_agrees_with_r(trainees: pd.DataFrame) -> None:
    """survfit(Surv(entry, time, e) ~ 1, d, start.time = 6.5); R's mean counts from 0."""
    d = trainees
    got = restricted_mean(d["time"], d["status"], d["entry"], until=24, start=6.5)
    _means(got, 19.7526474962477110 - 6.5, 0.1977746737351174)
    assert (got.start, got.until) == (6.5, 24)


def test_two_groups_are_compared(trainees: pd.DataFrame) -> None:
    """summary(survfit(Surv(entry, time, e) ~ sex, d), rmean = 24) gives means and errors.

    The contrasts are those of survRM2::rmst2, worked out from them.
    """
    by_sex = [
        restricted_mean(part["time"], part["status"], part["entry"], until=24)
        for _, part in trainees.groupby("sex")
    ]
    m0, s0, m1, s1 = (
        14.681490758252968,
        0.37206991120493382,
        16.700376167996364,
        0.33985826950600923,
    )
    _means(by_sex[0], m0, s0)
    _means(by_sex[1], m1, s1)
    z = 1.959963984540054
    gap = difference_of_means(by_sex[1], by_sex[0])
    se = np.hypot(s0, s1)
    np.testing.assert_allclose(
        [gap.estimate, gap.std_err, gap.lower, gap.upper, gap.z],
        [m1 - m0, se, m1 - m0 - z * se, m1 - m0 + z * se, (m1 - m0) / se],
    )
    np.testing.assert_allclose(gap.p, 2 * stats.norm.sf((m1 - m0) / se))
    ratio = ratio_of_means(by_sex[1], by_sex[0])
    se = np.hypot(s0 / m0, s1 / m1)
    np.testing.assert_allclose(
        [ratio.estimate, ratio.std_err, ratio.lower, ratio.upper],
        [m1 / m0, se, m1 / m0 * np.exp(-z * se), m1 / m0 * np.exp(z * se)],
    )
    np.testing.assert_allclose(ratio.p, 2 * stats.norm.sf(np.log(m1 / m0) / se))
    back = difference_of_means(by_sex[0], by_sex[1])
    assert (back.estimate, back.p) == (-gap.estimate, gap.p)


def test_past_follow_up_is_not_estimable() -> None:
    got = restricted_mean([1, 2, 3], [True, False, False], until=4)
    assert np.isnan([got.mean, got.std_err, got.lower, got.upper]).all()
    known = restricted_mean([1, 2, 3], [True, False, False], until=3)
    other = replace(got, until=3.0)
    for contrast in (difference_of_means(known, other), ratio_of_means(known, other)):
        assert np.isnan([contrast.estimate, contrast.lower, contrast.p]).all()
    everyone_left = restricted_mean([1, 2, 3], [True, True, True], until=40)
    assert everyone_left.mean == 2


def test_before_the_first_departure_everyone_stayed() -> None:
    got = restricted_mean([7.0], [True], until=2)
    assert (got.mean, got.std_err, got.lower, got.upper) == (2, 0, 2, 2)


people = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 12), st.booleans(), st.integers(1, 3)),
    min_size=2,
    max_size=40,
)


def _columns(rows: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    entry, length, left, weight = (np.array(column) for column in zip(*rows, strict=True))
    return entry.astype(float), (entry + length).astype(float), left, weight.astype(float)


@given(people, st.integers(1, 12))
def test_without_censoring_it_is_the_mean_of_times_cut_at_the_horizon(
    rows: list[Any], until: int
) -> None:
    _, exit_, _, _ = _columns(rows)
    got = restricted_mean(exit_, np.ones(len(exit_), bool), until=until)
    cut = np.minimum(exit_, until)
    np.testing.assert_allclose(got.mean, cut.mean(), rtol=1e-12)
    np.testing.assert_allclose(got.std_err, cut.std() / np.sqrt(len(cut)), rtol=1e-9, atol=1e-9)


@given(people)
def test_robust_error_is_the_model_based_one_without_weights_and_late_entry(
    rows: list[Any],
) -> None:
    _, exit_, left, _ = _columns(rows)
    until = float(exit_.max())
    model = restricted_mean(exit_, left, until=until)
    robust = restricted_mean(exit_, left, until=until, robust=True)
    assert robust.mean == model.mean
    np.testing.assert_allclose(robust.std_err, model.std_err, rtol=1e-9, atol=1e-9)


@given(people, st.booleans(), st.floats(0.5, 40))
def test_weights_copies_scale_and_splits_change_nothing(
    rows: list[Any], robust: bool, factor: float
) -> None:
    entry, exit_, left, weight = _columns(rows)
    until = float(exit_.max())
    person = np.arange(len(exit_))
    whole = restricted_mean(exit_, left, entry, weight, until=until, robust=robust)
    copies = np.repeat(person, weight.astype(int))
    replicated = restricted_mean(
        exit_[copies], left[copies], entry[copies], None, copies if robust else None, until=until
    )
    middle = (entry + exit_) / 2
    split = restricted_mean(
        np.r_[middle, exit_],
        np.r_[np.zeros(len(left), bool), left],
        np.r_[entry, middle],
        np.r_[weight, weight],
        np.r_[person, person] if robust else None,
        until=until,
    )
    scaled = restricted_mean(
        exit_ * factor, left, entry * factor, weight, until=until * factor, robust=robust
    )
    for got, unit in ((replicated, 1.0), (split, 1.0), (scaled, factor)):
        np.testing.assert_allclose(got.mean / unit, whole.mean, rtol=1e-9)
        np.testing.assert_allclose(got.std_err / unit, whole.std_err, rtol=1e-9, atol=1e-9)


def test_errors() -> None:
    rows = [1.0, 2.0], [True, False]
    with pytest.raises(InputError, match="not after the start"):
        restricted_mean(*rows, until=0)
    with pytest.raises(InputError, match="not after the start"):
        restricted_mean(*rows, until=np.inf)
    with pytest.raises(InputError, match="between 0 and 1"):
        restricted_mean(*rows, until=1, level=95)
    with pytest.raises(InputError, match="ignores the clusters"):
        restricted_mean(*rows, None, None, [1, 1], until=1, robust=False)
    mean = restricted_mean(*rows, until=1)
    with pytest.raises(InputError, match="differ"):
        difference_of_means(mean, restricted_mean(*rows, until=2))
    at_once = restricted_mean([0.0, 0.0], [True, True], until=1)
    with pytest.raises(InputError, match="no ratio"):
        ratio_of_means(mean, at_once)
