"""Exits per person-month against hand, R and known truth."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.stats.hazards.rates import ExitRates, exit_rates, poisson_rates, rate_ratios

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "300"))


def _rates(events: list[float], months: list[float]) -> ExitRates:
    """Return rates of groups with so many exits in so much time."""
    group = np.concatenate([np.full(int(d), g) for g, d in enumerate(events)] + [[0, 1]])
    left = np.arange(len(group)) < sum(events)
    # The exits take 1 month each, one stayer a group the rest.
    time = np.where(left, 1.0, 0.0)
    time[-2:] = np.array(months) - events
    return exit_rates(time, left, groups=group)


def test_a_rate_by_hand() -> None:
    # Three rows: 2 exits in 4 + (10 - 4) + 2 = 12 months.
    found = exit_rates([4.0, 10, 2], [True, False, True], [0.0, 4, 0])
    assert (found.events[0], found.person_time[0], found.rate[0]) == (2, 12, 2 / 12)
    # Exact limits turn Poisson tails into level / 2.
    assert stats.poisson.sf(1, found.lower[0] * 12) == pytest.approx(0.025)
    assert stats.poisson.cdf(2, found.upper[0] * 12) == pytest.approx(0.025)


def test_limits_and_ratios_agree_with_r() -> None:
    # R 4.2.2: poisson.test(0, 80)$conf.int
    none = exit_rates([80.0], [False])
    np.testing.assert_allclose([none.lower[0], none.upper[0]], [0, 0.04611099317642], rtol=1e-12)
    for events, months, want in (
        # poisson.test(c(11, 25), c(800, 1400)), c(0, 5) in c(80, 100), c(5, 0) in c(80, 100):
        # estimate, conf.int, p.value
        ([25, 11], [1400, 800], [0.77, 0.3419851479130, 1.6223279142984, 0.6036681071674]),
        ([5, 0], [100, 80], [0, 0, 1.36409888147818, 0.07026367931718]),
        ([0, 5], [100, 80], [np.inf, 1.14544482164433, np.inf, 0.01734152991583]),
    ):
        found = rate_ratios(_rates(list(events), list(months)))
        got = [found.ratio[1], found.lower[1], found.upper[1], found.p[1]]
        np.testing.assert_allclose(got, want, rtol=1e-10)
        assert found.ratio[0] == 1
        assert np.isnan(found.lower[0])


def test_what_nobody_was_followed_for_is_not_estimable() -> None:
    found = exit_rates([0.0, 5.0], [True, True], groups=["a", "b"])
    assert np.isnan([found.rate[0], found.lower[0], found.upper[0]]).all()
    assert found.rate[1] == 0.2
    ratios = rate_ratios(found, reference=1)
    assert np.isnan([ratios.ratio[0], ratios.lower[0], ratios.p[0]]).all()


@given(seed=st.integers(0, 10_000))
def test_weights_rows_order_and_scale(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exit_ = rng.exponential(20, 30)
    entry, left = exit_ * rng.uniform(0, 0.5, 30), rng.uniform(size=30) < 0.5
    group, times = rng.integers(0, 3, 30), rng.integers(0, 4, 30)
    found = exit_rates(exit_, left, entry, times, group)
    copied = rng.permutation(np.repeat(np.arange(30), times))
    other = exit_rates(
        (exit_[copied] + 3) * 30, left[copied], (entry[copied] + 3) * 30, None, group[copied]
    )
    kept = np.isin(found.group, other.group)
    np.testing.assert_allclose(found.events[kept], other.events)
    for name in ("person_time", "rate", "lower", "upper"):
        scale = 1 / 30 if name == "person_time" else 30
        got = getattr(other, name) * scale
        np.testing.assert_allclose(getattr(found, name)[kept], got, rtol=1e-9)
    np.testing.assert_allclose(found.events.sum(), (left * times).sum())


def test_labels_keep_their_kind() -> None:
    mixed = np.array([10, 9, 10], dtype=object)
    found = exit_rates([1.0, 2, 3], [True, False, False], groups=mixed)
    by_label = dict(zip(found.group, found.person_time, strict=True))
    assert by_label == {10: 4, 9: 2}


def test_a_regression_on_groups_gives_their_rates() -> None:
    rng = np.random.default_rng(2)
    exit_, left, group = rng.exponential(9, 90), rng.uniform(size=90) < 0.6, np.arange(90) % 3
    found = exit_rates(exit_, left, groups=group)
    fit = poisson_rates(np.eye(3)[group], exit_, left)
    np.testing.assert_allclose(np.exp(fit.coefficients), found.rate, rtol=1e-10)
    np.testing.assert_allclose(np.diag(fit.covariance), 1 / found.events, rtol=1e-10)
    nobody = np.zeros(91, dtype=bool)
    nobody[:90] = left
    longer = poisson_rates(np.eye(3)[[*group, 0]], [*exit_, 0], nobody)  # adds no time, no exit
    np.testing.assert_allclose(longer.coefficients, fit.coefficients, rtol=1e-12)
    assert longer.df_residual == fit.df_residual


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="exit at month 0"):
        poisson_rates(np.ones((2, 1)), [0.0, 3.0], [True, True])
    with pytest.raises(InputError, match="whole numbers"):
        rate_ratios(exit_rates([1.0, 2], [True, True], None, [0.5, 1], [0, 1]))
    with pytest.raises(InputError, match="exit is not after entry"):
        exit_rates([1.0], [True], [2.0])


@pytest.mark.slow
def test_exact_limits_cover_at_least_as_often_as_they_say() -> None:
    # 50 people, hazard 0.02 a month, all followed until 12 months at most: about 10 exits. A
    # design of fixed length makes the count nearly Poisson, so that exact limits are conservative.
    rng = np.random.default_rng(4)
    rate, ratio = [], []
    for _ in range(REPETITIONS):
        group = np.repeat([0, 1], 50)
        time = rng.exponential(1 / np.where(group == 0, 0.02, 0.04))
        found = exit_rates(np.minimum(time, 12), time <= 12, groups=group)
        rate.append((found.lower[0] <= 0.02) & (found.upper[0] >= 0.02))
        ratios = rate_ratios(found)
        ratio.append((ratios.lower[1] <= 2) & (ratios.upper[1] >= 2))
    error = np.sqrt(0.95 * 0.05 / REPETITIONS)
    assert np.mean(rate) > 0.95 - 4 * error, f"covers {np.mean(rate)}"
    assert np.mean(ratio) > 0.95 - 4 * error, f"covers {np.mean(ratio)}"
