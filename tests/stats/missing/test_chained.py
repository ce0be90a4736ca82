"""Draws of missing values: what they may be, what they depend on, and how uncertain they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gmts_models.outcome import UNKNOWN_CAUSE
from gmts_models.stats.missing.chained import impute_chained, potential_scale_reduction
from gmts_models.stats.missing.matching import match_donors
from gmts_models.stats.missing.new_rows import (
    Variable,
    draw_equations,
    impute_new_rows,
    uniform,
)
from gmts_models.stats.missing.outcome_columns import outcome_columns
from gmts_models.stats.missing.pooling import pool
from gmts_models.stats.missing.regression import PRIOR, draw_regression, fit_slopes


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=0)) / values.std(axis=0)


def test_the_draw_of_a_regression_is_its_posterior() -> None:
    rng = np.random.default_rng(1)
    x = _standard(rng.normal(size=(40, 3)))
    x[:, 2] = 0.5 * x[:, 0] + 0.3 * rng.normal(size=40)
    draws = [draw_regression(x, np.array([2]), np.array([0, 1]), rng) for _ in range(8000)]
    away = x - x.mean(axis=0)
    inner = np.linalg.inv(away[:, :2].T @ away[:, :2] + PRIOR * np.eye(2))
    slopes = inner @ away[:, :2].T @ away[:, 2]
    np.testing.assert_allclose(fit_slopes(x, np.array([2]), np.array([0, 1])).slopes[:2, 0], slopes)
    rss = float(np.square(away[:, 2] - away[:, :2] @ slopes).sum())
    df = 40 - (1 + 2 - PRIOR * np.trace(inner))
    found = np.array([each.slopes[:2, 0] for each in draws])
    np.testing.assert_allclose(found.mean(axis=0), slopes, atol=0.004)
    np.testing.assert_allclose(np.cov(found.T), inner * rss / (df - 2), rtol=0.08, atol=2e-4)
    noise = np.array([each.noise[0, 0] ** 2 for each in draws])
    assert stats.kstest(rss / noise, stats.chi2(df).cdf).pvalue > 1e-4
    level = np.array([each.level[0] for each in draws])
    assert level.var() == pytest.approx(rss / (df - 2) / 40, rel=0.08)


def test_more_columns_than_rows_and_sums_of_columns_are_solved() -> None:
    rng = np.random.default_rng(2)
    few = rng.normal(size=(4, 9))
    few[:, 8] = few[:, 7]
    model = draw_regression(few, np.array([0]), np.arange(1, 9), rng)
    assert np.isfinite(model.means(few)).all()
    alone = draw_regression(few, np.array([0]), np.empty(0, dtype=int), rng)
    assert (alone.slopes == 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 12), st.integers(1, 9))
def test_donors_are_among_the_nearest(seed: int, d: int, r: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    for width in (1, 3):
        donors, recipients = rng.normal(size=(d, width)), rng.normal(size=(r, width))
        chosen = match_donors(donors, recipients, k, rng)
        distance = np.linalg.norm(recipients[:, None] - donors[None], axis=2)
        rank = (distance < distance[np.arange(r), chosen][:, None] - 1e-5).sum(axis=1)
        assert (rank < k).all()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_chance_chooses_among_equals(width: int) -> None:
    rng = np.random.default_rng(3)
    donors = np.repeat([[0.0] * width, [1.0] * width], 50, axis=0)
    donors += 1e-15 * rng.normal(size=donors.shape)  # equals but for rounding
    chosen = match_donors(donors, np.ones((20_000, width)), 5, rng)
    count = np.bincount(chosen, minlength=100)
    assert count[:50].sum() == 0
    assert stats.chisquare(count[50:]).pvalue > 1e-4
    # Four near, of which one must be left out each time, and one far.
    near = np.array([[0.1] * width, [0.3] * width, [0.3] * width, [0.3] * width, [9.0] * width])
    often = np.bincount(match_donors(near, np.zeros((30_000, width)), 3, rng), minlength=5)
    np.testing.assert_allclose(often / 30_000, [1 / 3, 2 / 9, 2 / 9, 2 / 9, 0], atol=0.012)
    flat = match_donors(np.zeros((10, width)), np.zeros((5000, width)), 3, rng)
    assert stats.chisquare(np.bincount(flat, minlength=10)).pvalue > 1e-4


def _mixed(rng: np.random.Generator, n: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Draw a number, a flag and three labels, standardised, with gaps."""
    label = rng.integers(3, size=n)
    raw = np.column_stack([rng.normal(size=n), rng.random(n) < 0.3, label[:, None] == range(3)])
    blocks = [np.array([0]), np.array([1]), np.array([2, 3, 4])]
    missing = rng.random((n, 3)) < 0.3
    missing[0] = False
    return raw.astype(float), blocks, missing


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 60))
def test_gaps_take_values_that_were_seen_and_nothing_else_moves(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    values, blocks, missing = _mixed(rng, n)
    for b, block in enumerate(blocks):
        values[np.ix_(missing[:, b], block)] = np.nan
    given_ = rng.normal(size=(n, 2))
    chain = impute_chained(values, blocks, missing, given_, iterations=4, nearest=5, rng=rng)
    for b, block in enumerate(blocks):
        gaps = np.flatnonzero(missing[:, b])
        seen = np.flatnonzero(~missing[:, b])
        np.testing.assert_array_equal(chain.values[seen][:, block], values[seen][:, block])
        assert np.isin(chain.donors[b], seen).all()
        np.testing.assert_array_equal(
            chain.values[gaps][:, block], values[chain.donors[b]][:, block]
        )
    assert chain.trace.shape == (4 if missing.any(axis=0).sum() > 1 else min(missing.sum(), 1), 5)


def test_the_same_seed_gives_the_same_draws() -> None:
    values, blocks, missing = _mixed(np.random.default_rng(4), 50)
    first, second, other = (
        impute_chained(
            values,
            blocks,
            missing,
            np.empty((50, 0)),
            iterations=5,
            nearest=5,
            rng=np.random.default_rng(seed),
        )
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.values, second.values)
    assert (first.values != other.values).any()


def test_what_follows_from_the_others_is_found_again() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 3))
    x[:, 2] = x[:, 0] - x[:, 1]
    label = np.searchsorted([0.0, 1.0], x[:, 0])
    whole = _standard(np.column_stack([x, label[:, None] == range(3)]).astype(float))
    missing = np.zeros((400, 4), dtype=bool)
    missing[:100, 2], missing[100:200, 3] = True, True
    blocks = [np.array([0]), np.array([1]), np.array([2]), np.array([3, 4, 5])]
    chain = impute_chained(
        whole, blocks, missing, np.empty((400, 0)), iterations=5, nearest=5, rng=rng
    )
    assert np.corrcoef(chain.values[:100, 2], whole[:100, 2])[0, 1] > 0.99
    right = (chain.values[100:200, 3:] == whole[100:200, 3:]).all(axis=1).mean()
    assert right > 0.7  # a linear rule for three labels in a row; by chance 0.4


def _line(rng: np.random.Generator, n: int = 100, m: int = 10) -> tuple[float, bool]:
    """Estimate a slope from half the x, and tell whether the interval holds it."""
    x = rng.normal(size=n)
    y = 0.8 * x + 0.6 * rng.normal(size=n)
    missing = np.column_stack([rng.random(n) < 0.5, np.zeros(n, dtype=bool)])
    both = np.column_stack([x, y])
    found, spread = [], []
    for _ in range(m):
        chain = impute_chained(
            both,
            [np.array([0]), np.array([1])],
            missing,
            np.empty((n, 0)),
            iterations=4,
            nearest=5,
            rng=rng,
        )
        fit = stats.linregress(chain.values[:, 0], y)
        found.append(fit.slope)
        spread.append(fit.stderr**2)
    pooled = pool(found, spread, n_complete_df=n - 2)
    return float(pooled.estimate[0]), bool(pooled.lower[0] <= 0.8 <= pooled.upper[0])


@pytest.mark.slow
def test_intervals_hold_a_slope_of_which_half_is_missing(repetitions: int) -> None:
    """Over 2,000 repetitions: mean .813 (Monte Carlo error .002), held in .947 (.005)."""
    rng = np.random.default_rng(6)
    found = np.array([_line(rng) for _ in range(repetitions)])
    assert abs(found[:, 0].mean() - 0.8) < 4 * found[:, 0].std() / repetitions**0.5 + 0.02
    assert found[:, 1].mean() > 0.94 - 4 * np.sqrt(0.95 * 0.05 / repetitions)


def test_chains_that_agree_have_mixed_and_others_have_not() -> None:
    rng = np.random.default_rng(7)
    mixed = rng.normal(size=(20, 10, 2))
    apart = mixed + 3 * rng.normal(size=(20, 1, 2))
    assert (potential_scale_reduction(mixed) < 1.2).all()
    assert (potential_scale_reduction(apart) > 2).all()
    # By hand, two chains over the second half: means 1 and 3, each of variance 2.
    traces = np.array([[9, 9, 0, 2], [9, 9, 2, 4.0]])[:, :, None]
    assert potential_scale_reduction(traces)[0] == pytest.approx(np.sqrt(1 / 2 + 4 / (2 * 2)))
    gaps = np.full((3, 6, 1), np.nan)
    assert np.isnan(potential_scale_reduction(gaps)[0])
    assert potential_scale_reduction(np.ones((3, 1, 1)))[0] == 1
    assert potential_scale_reduction(np.ones((3, 8, 1)))[0] == 1
    assert np.isnan(potential_scale_reduction(np.ones((3, 3, 1)))[0])


def test_the_outcome_is_who_left_and_the_hazard_until_then() -> None:
    entry, exit_ = np.zeros(4), np.array([1.0, 2, 2, 3])
    event = np.array([1, 1, 0, 1])
    columns = outcome_columns(entry, exit_, event)
    hazard = np.array([1 / 4, 1 / 4 + 1 / 3, 1 / 4 + 1 / 3, 1 / 4 + 1 / 3 + 1])
    np.testing.assert_allclose(columns, _standard(np.column_stack([event, hazard])))
    # Late entry: the second is not at risk at 1, and brings the hazard at entry as a column.
    late = outcome_columns(np.array([0, 1.0, 0, 0]), exit_, event)
    hazard = np.array([1 / 3, 2 / 3, 2 / 3, 5 / 3])
    at_entry = np.array([0, 1 / 3, 0, 0])
    np.testing.assert_allclose(late, _standard(np.column_stack([event, hazard, at_entry])))


def test_each_cause_has_its_own_columns() -> None:
    exit_ = np.array([1.0, 2, 3, 4, 5])
    event = np.array([1, 2, UNKNOWN_CAUSE, 0, 1])
    columns = outcome_columns(np.zeros(5), exit_, event)
    first = np.array([1 / 5, 1 / 5, 1 / 5, 1 / 5, 6 / 5])
    second = np.array([0, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
    told = [event == UNKNOWN_CAUSE, event == 1, event == 2, first, second]
    np.testing.assert_allclose(columns, _standard(np.column_stack(told)))
    unknown = outcome_columns(np.zeros(5), exit_, np.array([-1, -1, 0, 0, -1]))
    known = outcome_columns(np.zeros(5), exit_, np.array([1, 1, 0, 0, 1]))
    np.testing.assert_allclose(unknown, known)
    assert outcome_columns(np.zeros(2), np.array([1.0, 1]), np.array([1, 1])).shape == (2, 0)


def test_numbers_of_keys_are_uniform_and_independent() -> None:
    keys = np.arange(20_000, dtype=np.uint64)
    one, two = uniform(keys, 0), uniform(keys, 1)
    for each in (one, two):
        assert stats.kstest(each, "uniform").pvalue > 1e-4
        assert ((each > 0) & (each < 1)).all()
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03
    np.testing.assert_array_equal(uniform(keys[::-1], 1), two[::-1])


def test_new_rows_follow_the_regressions_and_stay_within_what_values_can_be() -> None:
    rng = np.random.default_rng(8)
    n = 4000
    x = rng.normal(size=n)
    flag = (rng.random(n) < 0.3 + 0.2 * (x > 0)).astype(float)
    whole = np.clip(np.round(2 * x + 5 + rng.normal(size=n)), 0, 10)
    label = (rng.random(n) < 0.2 + 0.4 * flag).astype(int)
    raw = np.column_stack([x, flag, whole, label == 0, label == 1]).astype(float)
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    low, high = (raw.min(axis=0) - centre) / spread, (raw.max(axis=0) - centre) / spread
    columns = [np.array([0]), np.array([1]), np.array([2]), np.array([3, 4])]
    steps = [0.0, float(high[1] - low[1]), float(1 / spread[2]), 0.0]
    variables = [
        Variable(columns=c, low=low[c], high=high[c], step=step, category=len(c) > 1)
        for c, step in zip(columns, steps, strict=True)
    ]
    values = (raw - centre) / spread
    equations = draw_equations(values, variables, rng)
    missing = np.zeros((n, 4), dtype=bool)
    missing[:, 1:] = True
    keys = rng.integers(2**63, size=n).astype(np.uint64)
    done = impute_new_rows(values, missing, equations, keys, iterations=10) * spread + centre
    np.testing.assert_allclose(done[:, 0], x)
    assert set(np.unique(done[:, 1].round(9))) == {0, 1}
    assert set(np.unique(done[:, 2].round(9))) <= set(range(11))
    np.testing.assert_allclose(done[:, 3:].sum(axis=1), 1)
    for up in (x > 0, x <= 0):
        assert done[up, 1].mean() == pytest.approx(flag[up].mean(), abs=0.04)
    assert np.corrcoef(x, done[:, 2])[0, 1] == pytest.approx(np.corrcoef(x, whole)[0, 1], abs=0.03)
    for value in (0, 1):
        own, seen = done[:, 1].round() == value, flag == value
        assert done[own, 4].mean() == pytest.approx((label[seen] == 1).mean(), abs=0.05)
    part = impute_new_rows(values[:7], missing[:7], equations, keys[:7], iterations=10)
    np.testing.assert_allclose(part * spread + centre, done[:7])
