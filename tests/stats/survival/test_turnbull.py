"""Turnbull's estimate against curves that are known, R, and the conditions of a maximum."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.survival.kaplan_meier import kaplan_meier
from gmts_models.stats.survival.turnbull import TurnbullCurve, turnbull, turnbull_bounds

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))
UNKNOWN = np.nan


def _draw(seed: int, n: int = 60) -> tuple[Floats, Floats]:
    """Return intervals between visits, some known times, some left- and right-censored."""
    rng = np.random.default_rng(seed)
    time = rng.weibull(1.3, n) * 20
    begin, gap = rng.uniform(0, 12, n), rng.uniform(1, 10, n)
    visit = begin + np.floor((time - begin) / gap) * gap
    left = np.where(time < begin, -np.inf, visit)
    right = np.where(time < begin, begin, visit + gap)
    right = np.where(rng.uniform(size=n) < 0.2, np.inf, right)
    left = np.where(np.isinf(left) & np.isinf(right), begin, left).round()
    right = np.maximum(right.round(), left + 1)
    known = rng.uniform(size=n) < 0.2
    return np.where(known, np.ceil(time), left), np.where(known, np.ceil(time), right)


def _chance(curve: TurnbullCurve, left: Floats, right: Floats) -> Floats:
    """Return P(row) by the definition: the masses whose interval lies in the row's."""
    exact = curve.start == curve.end
    after = np.where(
        exact & (left[:, None] != right[:, None]),
        curve.start > left[:, None],
        curve.start >= left[:, None],
    )
    return np.asarray((after & (curve.end <= right[:, None])) @ curve.mass)


def test_two_rows_that_overlap_by_hand() -> None:
    # (0, 4] and (2, 6] have (2, 4] in common, which explains both for sure.
    found = turnbull([0.0, 2.0], [4.0, 6.0])
    np.testing.assert_array_equal([found.start, found.end, found.mass], [[2], [4], [1]])
    assert found.log_likelihood == 0
    lower, upper = turnbull_bounds(found, [2, 3, 4, 7])
    np.testing.assert_array_equal(lower, [1, 0, 0, 0])
    np.testing.assert_array_equal(upper, [1, 1, 0, 0])


def test_ends_that_touch_do_not_overlap() -> None:
    # (0, 3], {3} and (3, 5]: the known time lies in the first only.
    found = turnbull([0.0, 3.0, 3.0], [3.0, 3.0, 5.0])
    np.testing.assert_array_equal(found.start, [3, 3])
    np.testing.assert_array_equal(found.end, [3, 5])
    np.testing.assert_allclose(found.mass, [2 / 3, 1 / 3], rtol=1e-9)


def test_it_agrees_with_r_and_is_above_it() -> None:
    # R 4.2.2, survival 3.5-3: survfit(Surv(l, r, type = "interval2") ~ 1, weights = w)
    left = np.array([0, 2, -np.inf, 3, 5, 4, 6, 8, 1, 7, 5, 10])
    right = np.array([4, 6, 3, 7, 5, 9, np.inf, 12, 8, 7, np.inf, 14])
    weights = np.array([1, 2, 1, 3, 1, 1, 2, 1, 1, 1, 2, 1])
    time = np.array([2.5, 3.5, 5, 5.5, 6, 7, 8.5, 11])
    plain = [0.7638506249, 0.7638240894, 0.5489610076, 0.5489598287, 0.5489598287, 0.2393278669]
    heavy = [0.8170321322, 0.8154212253, 0.5900862592, 0.5899395129, 0.5899395129, 0.1956853941]
    for w, want in (
        (np.ones(12), [*plain, 0.2393266561, 0]),
        (weights, [*heavy, 0.1956853875, 0]),
    ):
        found = turnbull(left, right, w)
        np.testing.assert_array_equal(found.start, [2, 5, 7, 10])
        np.testing.assert_array_equal(found.end, [3, 5, 7, 12])
        middle = (found.start + found.end) / 2
        survival = 1 - (middle <= time[:, None]) @ found.mass
        # R's EM stops at about 1e-4 here, and below our likelihood.
        np.testing.assert_allclose(survival, want, atol=1e-3)
        mass = -np.diff(want, prepend=1.0)
        inside = (time > left[:, None]) & (time <= right[:, None])
        inside |= (time == left[:, None]) & (left == right)[:, None]
        highest = w @ np.log(_chance(found, left, right))
        assert w @ np.log(inside @ mass) < highest
        assert found.log_likelihood == pytest.approx(highest, rel=1e-12)


@given(seed=st.integers(0, 10_000), left_censored=st.booleans())
def test_without_intervals_it_is_the_kaplan_meier_curve(seed: int, left_censored: bool) -> None:
    rng = np.random.default_rng(seed)
    time, left = rng.integers(1, 30, 50).astype(float), rng.uniform(size=50) < 0.6
    if left_censored:  # the same, with time running backwards
        found = turnbull(np.where(left, 40 - time, UNKNOWN), np.where(left, 40 - time, 39.5 - time))
        lower, _ = turnbull_bounds(found, 39.7 - np.unique(time))
        want = 1 - kaplan_meier(time, left).survival
        np.testing.assert_allclose(lower[:-1], want[:-1], atol=1e-8)
        return
    found = turnbull(time, np.where(left, time, UNKNOWN))
    curve = kaplan_meier(time, left)
    lower, upper = turnbull_bounds(found, curve.time)
    known = ~np.isnan(lower)
    np.testing.assert_allclose(lower[known], curve.survival[known], atol=1e-8)
    np.testing.assert_allclose(upper[known], curve.survival[known], atol=1e-8)


@given(seed=st.integers(0, 10_000))
def test_seen_once_it_is_the_isotonic_regression(seed: int) -> None:
    # Source: Ayer et al. (1955): with one visit each, P(T <= visit) is the monotone regression of
    # whether it had happened by then.
    rng = np.random.default_rng(seed)
    visit = rng.integers(1, 25, 80).astype(float)
    happened = rng.weibull(1.3, 80) * 12 <= visit
    found = turnbull(np.where(happened, UNKNOWN, visit), np.where(happened, visit, UNKNOWN))
    at, which = np.unique(visit, return_inverse=True)
    count = np.bincount(which)
    share = np.bincount(which, weights=happened) / count
    want = 1 - optimize.isotonic_regression(share, weights=count).x
    lower, upper = turnbull_bounds(found, at)
    sure = np.isclose(lower, upper)
    np.testing.assert_allclose(upper[sure], want[sure], atol=1e-7)
    assert sure.any() or len(found.mass) < 3


@given(seed=st.integers(0, 10_000))
def test_it_is_the_maximum(seed: int) -> None:
    left, right = _draw(seed)
    found = turnbull(left, right)
    chance = _chance(found, left, right)
    assert found.mass.sum() == pytest.approx(1, abs=1e-12)
    assert (found.mass > 0).all()
    assert found.log_likelihood == pytest.approx(np.log(chance).sum(), rel=1e-9)
    # The conditions of a maximum over *all* distributions: what a point mass anywhere would add.
    for each in np.unique(np.concatenate([left, right])):
        if not np.isfinite(each):
            continue
        for moment in (each, each + 1e-6):
            in_row = np.where(left == right, left == moment, (left < moment) & (moment <= right))
            assert (in_row / chance).sum() <= len(left) * (1 + 1e-8)
    assert 0 <= found.shortfall < 1e-7


@given(seed=st.integers(0, 10_000))
def test_weights_order_and_scale(seed: int) -> None:
    left, right = _draw(seed)
    rng = np.random.default_rng(seed)
    times = rng.integers(0, 4, 60)
    found = turnbull(left, right, times)
    copied = rng.permutation(np.repeat(np.arange(60), times))
    other = turnbull(left[copied] * 30.4375, right[copied] * 30.4375)
    assert other.log_likelihood == pytest.approx(found.log_likelihood, rel=1e-9)
    at = np.arange(0, 40) + 0.5
    for ours, theirs in zip(
        turnbull_bounds(found, at), turnbull_bounds(other, at * 30.4375), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_bad_input_is_refused() -> None:
    for left, right, what in (
        ([1.0], [1.0, 2.0], "one length"),
        ([3.0], [2.0], "wrong way round"),
        ([-1.0], [2.0], "negative"),
        ([UNKNOWN], [UNKNOWN], "unknown at both ends"),
    ):
        with pytest.raises(InputError, match=what):
            turnbull(left, right)
    with pytest.raises(InputError, match="weights"):
        turnbull([1.0], [2.0], [0.0])


@pytest.mark.slow
def test_it_finds_the_truth_between_visits() -> None:
    # Visits every 3 months, each missed by one in three: S at the visits is estimable.
    rng = np.random.default_rng(21)
    at = np.arange(3.0, 25, 3)
    truth = np.exp(-at / 15)
    found = []
    for _ in range(REPETITIONS):
        time = rng.exponential(15, 150)
        came = np.concatenate([np.ones((150, 1)), rng.uniform(size=(150, 8)) < 2 / 3], axis=1)
        visits = np.concatenate([[0.0], at])
        before = np.where((came == 1) & (visits < time[:, None]), visits, 0).max(axis=1)
        after = np.where((came == 1) & (visits >= time[:, None]), visits, np.inf).min(axis=1)
        lower, upper = turnbull_bounds(turnbull(before, after), at)
        found.append((lower + upper) / 2)
    bias = np.nanmean(found, axis=0)[:-1] - truth[:-1]
    error = np.nanstd(found, axis=0)[:-1] / np.sqrt(REPETITIONS)
    assert (np.abs(bias) < 4 * error + 0.004).all(), f"{bias} +- {error}"
