"""Incidence where the cause of some departures is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen, incidence_at
from gmts_models.stats.incidence.missing_causes import (
    impute_causes,
    incidence_with_missing_causes,
)

SEED = 20


def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def test_the_bounds_by_hand() -> None:
    """Of four, one leaves at 1 for cause 1, one at 2 for a missing one, one at 3 for cause 2."""
    event = [1, -1, 2, 0]
    drawn = impute_causes(event, 2, rng=rng())
    found = incidence_with_missing_causes([1, 2, 3, 4], event, [1, 2, 3], imputed=drawn)
    np.testing.assert_allclose(found.lowest, [[0.25, 0], [0.25, 0], [0.25, 0.25]])
    np.testing.assert_allclose(found.highest, [[0.25, 0], [0.5, 0.25], [0.5, 0.5]])
    assert found.missing == pytest.approx(1 / 3)


def test_without_missing_causes_it_is_aalen_johansen() -> None:
    exit_, event = [1, 2, 2, 3, 4, 5], [1, 2, 1, 0, 2, 0]
    drawn = impute_causes(event, 2, rng=rng())
    found = incidence_with_missing_causes(exit_, event, [2, 4], imputed=drawn)
    plain = incidence_at(aalen_johansen(exit_, event, interval="complementary log-log"), [2.0, 4.0])
    np.testing.assert_array_equal(found.incidence, plain.incidence)
    np.testing.assert_allclose(found.std_err, plain.std_err, rtol=1e-12)
    np.testing.assert_allclose(found.lower, plain.lower, rtol=1e-12)
    np.testing.assert_allclose(found.upper, plain.upper, rtol=1e-12)
    np.testing.assert_array_equal(found.lowest, found.highest)
    assert found.imputations == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 60), st.booleans())
def test_estimates_lie_between_the_bounds_and_add_up(seed: int, n: int, late: bool) -> None:
    draw = np.random.default_rng(seed)
    exit_ = draw.integers(1, 8, n).astype(float)
    entry = np.where(draw.random(n) < 0.3, exit_ - 1, 0.0) if late else np.zeros(n)
    event = draw.choice([0, 1, 2, 3, -1], n)
    event[:2] = 1, -1
    at = [2.0, 5.0]
    drawn = impute_causes(event, 3, rng=draw)
    found = incidence_with_missing_causes(exit_, event, at, entry, causes=3, imputed=drawn)
    ever = incidence_at(aalen_johansen(exit_, event != 0, entry, causes=1), at)
    known = np.isfinite(found.incidence)
    assert (found.lowest <= found.incidence + 1e-12)[known].all()
    assert (found.incidence <= found.highest + 1e-12)[known].all()
    np.testing.assert_allclose(found.incidence.sum(axis=1), ever.incidence[:, 0], atol=1e-12)


def test_a_stratum_keeps_its_causes_and_a_small_one_borrows() -> None:
    event = np.r_[np.full(400, 1), np.full(100, -1), np.full(400, 2), np.full(100, -1), [1, -1]]
    strata = np.repeat(["a", "b", "c"], [500, 500, 2])
    drawn = impute_causes(event, 2, rng=rng(), strata=strata, imputations=400)
    share = (drawn == 1).mean(axis=0)
    assert share[400:500].mean() == pytest.approx(401 / 402, abs=0.01)
    assert share[900:1000].mean() == pytest.approx(1 / 402, abs=0.01)
    # One known departure and two pseudo-counts at the even shares of all: 2 of 3.
    assert share[-1] == pytest.approx(2 / 3, abs=4 * np.sqrt(2 / 9 / 400))
    known = event != -1
    assert (drawn[:, known] == event[known]).all()


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(NotEstimableError, match="no departure has a known cause"):
        impute_causes([0, -1, 0], 2, rng=rng())
    with pytest.raises(InputError, match="at least 2"):
        impute_causes([1, -1], 2, rng=rng(), imputations=1)
    with pytest.raises(InputError, match="from -1 to 2"):
        impute_causes([3, -1], 2, rng=rng())
    drawn = impute_causes([1, -1, 0], 2, rng=rng())
    with pytest.raises(InputError, match="not those of these rows"):
        incidence_with_missing_causes([1, 2, 3], [2, -1, 0], [1], imputed=drawn)
    with pytest.raises(InputError, match="at least 2"):
        incidence_with_missing_causes([1, 2, 3], [1, -1, 0], [1], imputed=drawn[:1])


@pytest.mark.slow
def test_limits_cover_the_truth_when_causes_are_missing_at_random(repetitions: int) -> None:
    """Two strata differ in causes and in how often causes are missing; 150 people, monthly ties.

    Taking the known causes at their share of all departures is biased: stratum b, which leaves for
    cause 2, misses its causes three times as often. With 2,000 repetitions the limits covered
    96.3 % (Monte Carlo error 0.5 %): strata of fixed size vary less than the formula takes them to.
    """
    draw = np.random.default_rng(SEED)
    n, at = 150, 12.0
    stratum = np.repeat([0, 1], n // 2)
    chance_1 = np.where(stratum == 0, 0.8, 0.3)
    gone = 1 - 0.97**12
    truth = gone * chance_1.mean()
    covered, estimates, naive = [], [], []
    for _ in range(repetitions):
        leave = draw.geometric(0.03, n).astype(float)
        census = draw.integers(10, 37, n).astype(float)
        event = np.where(leave <= census, np.where(draw.random(n) < chance_1, 1, 2), 0)
        hidden = draw.random(n) < np.where(stratum == 0, 0.2, 0.6)
        event = np.where((event > 0) & hidden, -1, event)
        drawn = impute_causes(event, 2, rng=draw, strata=stratum)
        found = incidence_with_missing_causes(
            np.minimum(leave, census), event, [at], causes=2, imputed=drawn
        )
        covered.append(found.lower[0, 0] <= truth <= found.upper[0, 0])
        estimates.append(found.incidence[0, 0])
        ever = found.incidence[0].sum()
        naive.append(ever * (event == 1).sum() / (event > 0).sum())
    error = np.sqrt(0.95 * 0.05 / repetitions)
    told = f"covered {np.mean(covered):.3f} (Monte Carlo error {error:.3f})"
    assert 0.95 - 0.01 - 3 * error < np.mean(covered) < 0.98 + 3 * error, told
    spread = np.std(estimates) / np.sqrt(repetitions)
    assert abs(np.mean(estimates) - truth) < 0.004 + 3 * spread
    assert np.mean(naive) - truth > 0.02
