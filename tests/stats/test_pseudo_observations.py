"""Pseudo-observations: worked by hand, against R, and against refits without the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.pseudo_observations import pseudo_observations
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

LUNG = Path(__file__).parents[1] / "reference" / "data" / "lung_cc.csv"
SOME_ROWS = [0, 3, 14, 17, 149]


def test_worked_by_hand() -> None:
    # One leaves at 1, one is lost at 2, one leaves at 3, one stays: S(3) = 3/4 * 1/2 = 3/8.
    found = pseudo_observations([1, 2, 3, 4], [True, False, True, False], [3])[:, 0]
    # Without each of them in turn S(3) is 1/2, 2/3 * 1/2, 2/3 and 1/3 (the last leaves nobody: 0).
    without = np.array([1 / 2, 1 / 3, 2 / 3, 0])
    np.testing.assert_allclose(found, 1 - (4 * 3 / 8 - 3 * without))


def test_without_censoring_they_are_what_happened() -> None:
    time = np.array([2.0, 2, 5, 9, 12])
    found = pseudo_observations(time, np.ones(5, bool), [0, 2, 5, 12])
    np.testing.assert_allclose(found, time[:, None] <= [0, 2, 5, 12], atol=1e-12)


def test_agrees_with_r() -> None:
    # R 4.2.2, prodlim 2019.11.13:
    # 1 - jackknife(prodlim(Hist(time, status) ~ 1, data = d), times = c(180, 365, 600))
    d = pd.read_csv(LUNG)
    found = pseudo_observations(d["time"], d["status"] == 1, [180, 365, 600])
    np.testing.assert_allclose(
        found[SOME_ROWS],
        [
            [-0.002403991250361, -0.1197846980801, 1.2684676799551],
            [-0.002403991250361, -0.1197846980801, -0.4157594229077],
            [-0.002403991250361, -0.1197846980801, -0.4157594229077],
            [-0.002403991250361, 1.2293938186972, 1.1216917156604],
            [-0.002403991250361, -0.1197846980801, 0.3811837216451],
        ],
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        np.square(found).sum(axis=0), [53.80564625846, 130.82843807314, 183.73130972635], rtol=1e-12
    )


def test_agrees_with_r_where_months_tie() -> None:
    # As above, with d$m <- ceiling(d$time / 30.4375) and times = c(6, 12, 18).
    d = pd.read_csv(LUNG)
    found = pseudo_observations(np.ceil(d["time"] / 30.4375), d["status"] == 1, [6, 12, 18])
    np.testing.assert_allclose(
        found[SOME_ROWS],
        [
            [-0.001569267465953, -0.1116588047605, 1.3217536515595],
            [-0.001569267465953, -0.1116588047605, -0.3077781396122],
            [-0.001569267465953, -0.1116588047605, -0.3077781396122],
            [-0.001569267465953, 1.1685455602539, 1.1075503013537],
            [-0.001569267465953, -0.1116588047605, 0.2281672640233],
        ],
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        np.square(found).sum(axis=0), [56.52506225641, 128.92988894636, 170.90669965778], rtol=1e-12
    )


def _risk(time: Floats, left: Bools, weight: Floats, horizon: float) -> float:
    """Return 1 - Kaplan-Meier, which goes on as it was past the last row."""
    risk, some = 1.0, weight > 0
    for t in np.unique(time[some & (time <= horizon)]):
        here = some & (time == t)
        risk *= 1 - weight[here & left].sum() / weight[some & (time >= t)].sum()
    return 1 - risk


people = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.sampled_from([0.25, 0.5, 1, 1, 1, 1.5, 2, 3])),
    min_size=1,
    max_size=14,
)


@given(people, st.sampled_from([1.0, 3.0, 5.5]))
def test_it_is_the_jackknife(rows: list[tuple[int, bool, float]], horizon: float) -> None:
    time, left, weight = (np.array(each) for each in zip(*rows, strict=True))
    time, weight = time.astype(float), weight.astype(float)
    found = pseudo_observations(time, left, [horizon], weight)[:, 0]
    if time.max() < horizon and not left[time == time.max()].all():
        assert np.isnan(found).all()
        return
    whole = _risk(time, left, weight, horizon)
    total = weight.sum()
    for row in range(len(rows)):
        out = min(weight[row], 1.0)
        rest = weight.copy()
        rest[row] -= out
        fall = whole - _risk(time, left, rest, horizon)
        assert found[row] == pytest.approx(whole + (total - out) / out * fall, abs=1e-9)


@given(people)
def test_a_whole_weight_is_so_many_rows(rows: list[tuple[int, bool, float]]) -> None:
    time, left, weight = (np.array(each) for each in zip(*rows, strict=True))
    times = np.maximum(np.round(weight), 1).astype(int)
    once = pseudo_observations(time, left, [2, 4], times)
    again = pseudo_observations(np.repeat(time, times), np.repeat(left, times), [2, 4])
    np.testing.assert_allclose(np.repeat(once, times, axis=0), again, atol=1e-9)


def test_each_stratum_by_itself_and_not_past_its_follow_up() -> None:
    time = np.array([1.0, 2, 3, 4, 1, 2, 2, 2])
    left = np.array([1, 0, 1, 0, 1, 1, 0, 0], bool)
    group = np.repeat(["a", "b"], 4)
    found = pseudo_observations(time, left, [2, 3], strata=group)
    np.testing.assert_allclose(found[:4], pseudo_observations(time[:4], left[:4], [2, 3]))
    np.testing.assert_allclose(found[4:, 0], pseudo_observations(time[4:], left[4:], [2])[:, 0])
    assert np.isnan(found[4:, 1]).all()


def test_their_mean_is_near_the_risk_and_noise_in_times_is_none() -> None:
    rng = np.random.default_rng(4)
    time, lost = np.ceil(rng.exponential(30, 500)), rng.integers(6, 61, 500)
    end, left = np.minimum(time, lost), time <= lost
    found = pseudo_observations(end, left, [12, 36])
    curve = survival_at(kaplan_meier(end, left), [12, 36])
    np.testing.assert_allclose(found.mean(axis=0), 1 - curve.survival, atol=1e-3)
    noisy = pseudo_observations(end + rng.uniform(-1, 1, 500) * 1e-10, left, [12, 36])
    np.testing.assert_allclose(noisy, found, atol=1e-9)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(InputError, match="horizons"):
        pseudo_observations([1, 2], [True, False], ["soon"])
    with pytest.raises(InputError, match="negative"):
        pseudo_observations([-1, 2], [True, False], [1])
