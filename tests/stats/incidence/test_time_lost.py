"""Months lost by cause: by hand, against R, by their identities, and their intervals' coverage.

The means of tests/reference are compared in tests/conformance/check_incidence.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen
from gmts_models.stats.incidence.time_lost import TimeLost, difference_of_time_lost, time_lost
from gmts_models.stats.survival.restricted_mean import restricted_mean

REFERENCE = Path(__file__).parents[2] / "reference"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))
EXACT = {"rtol": 1e-11, "atol": 1e-12}  # the same few operations in another order
VARIANCE = {"rtol": 1e-9, "atol": 1e-12}  # one of 0 is left with the rounding of terms near 100


def test_by_hand() -> None:
    # Of four, one leaves at 1 from cause 1, one at 2 from cause 2, two stay beyond 4: until 4 the
    # first loses 3 months and the second 2, a quarter of each on average.
    got = time_lost([1.0, 2, 5, 6], [1, 2, 0, 1], until=4)
    np.testing.assert_allclose(got.lost, [3 / 4, 2 / 4], **EXACT)
    # The error of a mean of 3, 0, 0, 0 and of 0, 2, 0, 0, and their covariance.
    np.testing.assert_allclose(got.covariance[0, 0], 9 * (1 / 4) * (3 / 4) / 4, **EXACT)
    np.testing.assert_allclose(got.covariance[1, 1], 4 * (1 / 4) * (3 / 4) / 4, **EXACT)
    np.testing.assert_allclose(got.covariance[0, 1], -(3 / 4) * (2 / 4) / 4, **EXACT)
    half = 1.959963984540054 * np.sqrt(np.diag(got.covariance))
    np.testing.assert_allclose(got.upper, [3 / 4 + half[0], 2 / 4 + half[1]], **EXACT)
    np.testing.assert_array_equal(got.lower, 0)  # cut: the normal limits are below
    most = time_lost([0.0, 0, 0, 2], [1, 1, 1, 0], until=2)
    np.testing.assert_allclose([most.lost, most.upper], [[1.5], [2]], **EXACT)  # cut as well


def test_beyond_follow_up_it_is_not_estimable() -> None:
    censored = time_lost([1.0, 2.0], [1, 0], until=2.5)
    assert np.isnan([censored.lost, censored.std_err, censored.lower, censored.upper]).all()
    np.testing.assert_allclose(time_lost([1.0, 2.0], [1, 0], until=2).lost, [0.5], **EXACT)
    all_left = time_lost([1.0, 2.0], [1, 2], until=10)
    np.testing.assert_allclose(all_left.lost, [4.5, 4.0], **EXACT)


def test_before_the_first_departure_nothing_is_lost() -> None:
    got = time_lost([3.0, 4.0], [1, 0], until=2)
    np.testing.assert_array_equal([got.lost, got.std_err], 0)


def test_agrees_with_r_under_late_entry_weights_and_clusters() -> None:
    # d <- tr[tr$sex == s, ]; f <- survfit(Surv(entry, time, factor(status)) ~ 1, data = d, id = id,
    #   weights = w, influence = TRUE); width <- diff(c(0, pmin(f$time, 18.5), 18.5))
    # u <- sapply(2:3, function(k) d$w * f$influence.pstate[, , k] %*% width)
    # colSums(rbind(c(1, 0, 0), f$pstate) * width); sqrt(colSums(u^2));
    # sqrt(colSums(rowsum(u, d$id %/% 4)^2))        R 4.2.2, survival 3.5-3
    tr = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv")
    want = {
        1: (
            [3.559912944609337, 1.247013818248597],
            [0.2687965214900750, 0.1832309274217709],
            [0.2562022216670962, 0.1905736461474958],
        ),
        0: (
            [4.399584111152770, 1.759291224210795],
            [0.3074281977376842, 0.2088969008581821],
            [0.2994057573930487, 0.2062537085351241],
        ),
    }
    groups = []
    for sex, (lost, std_err, fours) in want.items():
        d = tr[tr["sex"] == sex]
        rows = [d["time"], d["status"], d["entry"], d["w"]]
        groups.append(time_lost(*rows, until=18.5))
        np.testing.assert_allclose(groups[-1].lost, lost, rtol=1e-12)
        np.testing.assert_allclose(groups[-1].std_err, std_err, rtol=1e-12)
        clustered = time_lost(*rows, d["id"] // 4, until=18.5)
        np.testing.assert_allclose(clustered.std_err, fours, rtol=1e-12)
    difference = difference_of_time_lost(*groups)
    estimate = np.array([-0.8396711665434333, -0.5122774059621986])
    error = np.array([0.4083670735127956, 0.2778695520419527])
    np.testing.assert_allclose(difference.estimate, estimate, rtol=1e-11)
    np.testing.assert_allclose(difference.std_err, error, rtol=1e-12)
    np.testing.assert_allclose(difference.z, estimate / error, rtol=1e-11)
    p = [0.039766359152853210, 0.065242978245802205]
    np.testing.assert_allclose(difference.p, p, rtol=1e-10)
    np.testing.assert_allclose(difference.lower, estimate - 1.959963984540054 * error, rtol=1e-11)
    np.testing.assert_allclose(difference.upper, estimate + 1.959963984540054 * error, rtol=1e-9)


# -- identities ---------------------------------------------------------------------------------


@st.composite
def outcomes(draw: st.DrawFn) -> dict[str, Any]:
    """Up to 30 rows with ties, late entry, weights and three causes; one is seen until 12."""
    n = draw(st.integers(1, 30))

    def column(low: int, high: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    entry = column(0, 6) * column(0, 1)
    return {
        "exit_": np.append(entry + column(1, 6), 12).astype(float),
        "event": np.append(column(0, 3), 0),
        "entry": np.append(entry, 0).astype(float),
        "weights": np.append(column(1, 4), 1).astype(float),
    }


horizons = st.sampled_from([1.0, 4.5, 7.0, 11.25, 12.0])


def _same(got: TimeLost, want: TimeLost, unit: float = 1.0) -> None:
    np.testing.assert_allclose(got.lost, want.lost * unit, **EXACT)
    np.testing.assert_allclose(got.covariance, want.covariance * unit**2, **VARIANCE)


@given(outcomes(), horizons)
def test_lost_and_stayed_sum_to_the_horizon(rows: dict[str, Any], until: float) -> None:
    got = time_lost(**rows, causes=3, until=until)
    left = rows["event"] > 0
    stayed = restricted_mean(
        rows["exit_"], left, rows["entry"], rows["weights"], until=until, robust=True
    )
    assert got.lost.sum() + stayed.mean == pytest.approx(until, rel=1e-12)
    assert got.covariance.sum() == pytest.approx(stayed.std_err**2, rel=1e-9, abs=1e-12)


@given(outcomes(), horizons)
def test_lost_is_the_area_under_the_incidence(rows: dict[str, Any], until: float) -> None:
    curves = aalen_johansen(**rows, causes=3, variance="none")
    quarter = np.arange(0, until, 0.25)  # every step is at a whole month
    position = np.searchsorted(curves.time, quarter, side="right") - 1
    area = np.where(position[:, None] >= 0, curves.incidence[position], 0).sum(axis=0) * 0.25
    np.testing.assert_allclose(time_lost(**rows, causes=3, until=until).lost, area, **EXACT)


@given(outcomes(), horizons)
def test_without_censoring_it_is_a_mean(rows: dict[str, Any], until: float) -> None:
    exit_, event, w = rows["exit_"], np.maximum(rows["event"], 1), rows["weights"]
    got = time_lost(exit_, event, weights=w, causes=3, until=until)
    lost = np.maximum(until - exit_, 0)[:, None] * (event[:, None] == [1, 2, 3])
    mean = w @ lost / w.sum()
    residual = w[:, None] * (lost - mean) / w.sum()
    np.testing.assert_allclose(got.lost, mean, **EXACT)
    np.testing.assert_allclose(got.covariance, residual.T @ residual, **VARIANCE)


@given(outcomes(), horizons, st.integers(1, 3))
def test_covariance_is_that_of_the_derivatives(
    rows: dict[str, Any], until: float, size: int
) -> None:
    people = np.arange(len(rows["exit_"])) // size
    got = time_lost(**rows, clusters=people, causes=3, until=until)
    w, h = rows["weights"], 1e-4
    moved = np.zeros((people[-1] + 1, 3))
    for i, person in enumerate(people):
        nudge = np.where(np.arange(len(w)) == i, h, 0.0)
        up = time_lost(**rows | {"weights": w + nudge}, causes=3, until=until).lost
        down = time_lost(**rows | {"weights": w - nudge}, causes=3, until=until).lost
        moved[person] += w[i] * (up - down) / (2 * h)
    # A central difference is off by about h^2 of the third derivative.
    np.testing.assert_allclose(got.covariance, moved.T @ moved, rtol=1e-5, atol=1e-6)


@given(outcomes(), horizons, st.randoms(use_true_random=False))
def test_order_copies_scale_and_labels_change_nothing(
    rows: dict[str, Any], until: float, random: Any
) -> None:
    want = time_lost(**rows, causes=3, until=until)
    order = np.array(random.sample(range(len(rows["exit_"])), len(rows["exit_"])))
    _same(time_lost(**{k: v[order] for k, v in rows.items()}, causes=3, until=until), want)
    copies = {k: np.repeat(v, rows["weights"].astype(int)) for k, v in rows.items()}
    del copies["weights"]
    who = np.repeat(np.arange(len(order)), rows["weights"].astype(int))
    _same(time_lost(**copies, clusters=who, causes=3, until=until), want)
    days = rows | {"exit_": rows["exit_"] * 30.4375, "entry": rows["entry"] * 30.4375}
    _same(time_lost(**days, causes=3, until=until * 30.4375), want, 30.4375)
    renamed = time_lost(
        **rows | {"event": np.array([0, 3, 1, 2])[rows["event"]]}, causes=3, until=until
    )
    np.testing.assert_allclose(renamed.lost[[2, 0, 1]], want.lost, **EXACT)
    rotated = renamed.covariance[np.ix_([2, 0, 1], [2, 0, 1])]
    np.testing.assert_allclose(rotated, want.covariance, **VARIANCE)


@given(outcomes(), horizons)
def test_splitting_a_person_into_rows_changes_nothing(rows: dict[str, Any], until: float) -> None:
    length = (rows["exit_"] - rows["entry"]).astype(int)
    who = np.repeat(np.arange(len(length)), length)
    month = np.arange(len(who)) - np.repeat(np.cumsum(length) - length, length)
    parts = {
        "entry": rows["entry"][who] + month,
        "exit_": rows["entry"][who] + month + 1,
        "event": np.where(month == length[who] - 1, rows["event"][who], 0),
        "weights": rows["weights"][who],
    }
    _same(
        time_lost(**parts, clusters=who, causes=3, until=until),
        time_lost(**rows, causes=3, until=until),
    )


# -- coverage -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_intervals_cover(late: bool) -> None:
    # Two causes with hazards .03 and .015 a month, cohorts seen for 12, 24 or 36 months, and late
    # entry of 40 % in one variant; months lost until 24, by group and between two alike groups.
    rng, hazard, until = np.random.default_rng(23), np.array([0.03, 0.015]), 24
    both = hazard.sum()
    months = np.arange(1, until)
    want = (1 - (1 - both) ** months).sum() * hazard / both

    def group(n: int) -> TimeLost:
        month = rng.geometric(both, n).astype(float)
        seen_until = rng.choice([12.0, 24.0, 36.0], n)
        entry = np.where(rng.uniform(size=n) < 0.4, rng.integers(1, 9, n), 0) * float(late)
        kept = month > entry
        event = np.where(month <= seen_until, rng.choice([1, 2], n, p=hazard / both), 0)
        exit_ = np.minimum(month, seen_until)
        return time_lost(exit_[kept], event[kept], entry[kept], until=until, causes=2)

    covered, equal, off, errors = [], [], [], []
    for _ in range(REPETITIONS):
        first, second = group(250), group(150)
        difference = difference_of_time_lost(first, second)
        covered.append((first.lower <= want) & (want <= first.upper))
        equal.append(difference.p >= 0.05)
        off.append(first.lost - want)
        errors.append(first.std_err)
    rates, rate_error = np.mean([covered, equal], axis=1), np.sqrt(0.95 * 0.05 / REPETITIONS)
    bias, sd = np.mean(off, axis=0), np.std(off, axis=0)
    ratio = np.mean(errors, axis=0) / sd
    figures = f"coverage {rates} +- {rate_error:.4f}; bias {bias}, sd {sd}; error / sd {ratio}"
    # 0.01 is for the normal approximation in 150 to 250 people.
    assert (np.abs(rates - 0.95) < 4 * rate_error + 0.01).all(), figures
    assert (np.abs(bias) < 4 * sd / np.sqrt(REPETITIONS)).all(), figures
    assert (np.abs(ratio - 1) < 4 / np.sqrt(2 * REPETITIONS)).all(), figures


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("until", [0.0, -1.0, np.nan, np.inf])
def test_bad_horizon(until: float) -> None:
    with pytest.raises(InputError, match="horizon is not a positive number"):
        time_lost([1.0, 2.0], [1, 0], until=until)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="unknown cause"):
        time_lost([1.0, 2.0], [1, -1], until=1)
    with pytest.raises(InputError, match="level"):
        time_lost([1.0, 2.0], [1, 0], until=1, level=95)


@pytest.mark.parametrize("change", [{"until": 1.5}, {"causes": 2}, {"level": 0.9}])
def test_groups_that_cannot_be_compared(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"exit_": [1.0, 2.0], "event": [1, 0], "until": 2}
    with pytest.raises(InputError, match="differ"):
        difference_of_time_lost(time_lost(**good), time_lost(**good | change))
