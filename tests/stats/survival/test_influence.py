"""Influences against derivatives taken by force, and the robust variance as their squares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.rows import check_rows
from gmts_models.stats.survival.influence import influence_variance, row_influence
from gmts_models.stats.survival.kaplan_meier import kaplan_meier
from gmts_models.stats.survival.product_limit import Hazard, product_limit_steps
from gmts_models.stats.survival.risk_sets import risk_sets

SEEDS = st.integers(0, 2**32 - 1)


Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _rows(seed: int, n: int = 40) -> Table:
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, 6, n).astype(float)
    exit_ = entry + rng.integers(1, 10, n)
    return exit_, rng.random(n) < 0.5, entry, rng.choice([0.5, 1, 1.7, 3], n)


def _by_force(rows: Table, clusters: np.ndarray, hazard: Hazard) -> tuple[np.ndarray, np.ndarray]:
    """Move each weight a little up and down; errors of survival and hazard from the slopes."""
    exit_, left, entry, weights = rows
    moved = []
    for i in range(len(exit_)):
        up, down = (weights + sign * 1e-5 * (np.arange(len(exit_)) == i) for sign in (1, -1))
        a, b = (kaplan_meier(exit_, left, entry, w, hazard=hazard) for w in (up, down))
        slope = np.array([a.survival - b.survival, a.hazard - b.hazard]) / 2e-5
        moved.append(weights[i] * slope)
    by_cluster = np.array([np.sum(np.array(moved)[clusters == c], axis=0) for c in set(clusters)])
    survival, chaz = np.sqrt(np.square(by_cluster).sum(axis=0))
    return survival, chaz


@settings(deadline=None, max_examples=10)
@given(SEEDS, st.sampled_from(["nelson-aalen", "fleming-harrington"]))
def test_robust_errors_are_those_of_derivatives(seed: int, hazard: Hazard) -> None:
    rows = _rows(seed)
    clusters = np.random.default_rng(seed + 1).integers(0, 12, len(rows[0]))
    survival, chaz = _by_force(rows, clusters, hazard)
    curve = kaplan_meier(*rows, clusters=clusters, hazard=hazard)
    # The slope's own error is of the order of the step squared, 1e-10.
    np.testing.assert_allclose(curve.std_err, survival, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(curve.hazard_std_err, chaz, rtol=1e-6, atol=1e-8)


@given(SEEDS)
def test_running_sums_are_the_squares_of_whole_influences(seed: int) -> None:
    exit_, left, entry, weights = _rows(seed)
    clusters = np.random.default_rng(seed).integers(0, 9, len(exit_))
    rows = check_rows(exit_, left, entry, weights, clusters=clusters, where="test")
    alone = check_rows(exit_, left, entry, weights, where="test")
    sets = risk_sets(rows)
    _, spread, leaving = product_limit_steps(sets, np.ones(len(sets.time), dtype=bool))
    for each in (rows, alone):
        variance = influence_variance(each, sets, spread, leaving)
        for k in range(len(sets.time)):
            until = np.arange(len(sets.time)) <= k
            moved = row_influence(each, sets, spread * until, leaving * until)
            squares = np.square(sum_by_cluster(moved, each.clusters)).sum()
            np.testing.assert_allclose(variance[k], squares, rtol=1e-9, atol=1e-12)


@given(SEEDS)
def test_influences_sum_to_0(seed: int) -> None:
    rows = check_rows(*_rows(seed), where="test")
    sets = risk_sets(rows)
    _, spread, leaving = product_limit_steps(sets, np.ones(len(sets.time), dtype=bool))
    # A curve that depends on ratios of weights does not move if all weights grow alike.
    np.testing.assert_allclose(row_influence(rows, sets, spread, leaving).sum(), 0, atol=1e-10)


def test_one_cluster_of_all_has_no_variance_that_can_be_seen() -> None:
    exit_, left, entry, weights = _rows(3)
    curve = kaplan_meier(exit_, left, entry, weights, np.zeros(len(exit_)))
    np.testing.assert_allclose(curve.std_err, 0, atol=1e-7)


def test_a_row_without_weight_changes_nothing() -> None:
    exit_, left, entry, weights = _rows(4)
    weights[:5] = 0
    whole = kaplan_meier(exit_, left, entry, weights)
    kept = kaplan_meier(exit_[5:], left[5:], entry[5:], weights[5:])
    at = np.searchsorted(whole.time, kept.time)
    np.testing.assert_allclose(whole.survival[at], kept.survival, rtol=1e-12)
    np.testing.assert_allclose(whole.std_err[at], kept.std_err, rtol=1e-9)


def test_a_row_that_covers_no_time_but_noise_is_refused() -> None:
    with pytest.raises(InputError, match="are one time"):
        kaplan_meier([0.1 + 0.2, 1.0], [True, False], [0.3, 0.0])
