"""Exact ties, changing effects and smooth effects."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from brute import draw
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gmts_models.errors import FitError, InputError
from gmts_models.stats.cox import exact, spline
from gmts_models.stats.cox.exact import fit_cox_exact
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.inference import global_tests
from gmts_models.stats.cox.spline import fit_cox_spline, spline_effect
from gmts_models.stats.cox.time_effects import TimeEffect, fit_cox_time_effects, split_rows


def _exact_by_enumeration(rows: dict[str, Any], beta: Any) -> float:
    eta = rows["X"] @ beta + rows["offset"]
    begin = np.where(rows["entry"] > 0, rows["entry"], -1)
    total = 0.0
    for s in np.unique(rows["strata"]):
        for t in np.unique(rows["exit_"][rows["left"] & (rows["strata"] == s)]):
            here = (rows["strata"] == s) & (begin < t) & (rows["exit_"] >= t)
            died = here & rows["left"] & (rows["exit_"] == t)
            sets = combinations(np.flatnonzero(here), int(died.sum()))
            total += eta[died].sum() - np.log(sum(np.exp(eta[list(each)].sum()) for each in sets))
    return float(total)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_exact_likelihood_is_that_of_every_set(seed: int) -> None:
    rows = draw(seed, 24)
    del rows["weights"]
    rows["X"] = rows["X"][:, :2]
    fit = fit_cox_exact(**rows)
    best = _exact_by_enumeration(rows, fit.coefficients)
    assert fit.log_likelihood == pytest.approx(best, rel=1e-10)
    null = _exact_by_enumeration(rows, np.zeros(2))
    assert fit.log_likelihood_null == pytest.approx(null, rel=1e-10)
    for j in range(2):
        move = 1e-4 * np.eye(2)[j]
        up, down = (_exact_by_enumeration(rows, fit.coefficients + s * move) for s in (1, -1))
        assert max(up, down) <= best + 1e-12
        bend = (up - 2 * best + down) / 1e-8
        assert np.linalg.inv(fit.covariance)[j, j] == pytest.approx(-bend, rel=1e-3)
    assert global_tests(fit).wald.df == 2


def test_without_ties_all_methods_are_one() -> None:
    rng = np.random.default_rng(2)
    X, exit_, left = rng.normal(size=(50, 2)), rng.random(50), rng.random(50) < 0.7
    want = fit_cox(X, exit_, left)
    got = fit_cox_exact(X, exit_, left)
    np.testing.assert_allclose(got.coefficients, want.coefficients, rtol=1e-9)
    np.testing.assert_allclose(got.covariance, want.covariance, rtol=1e-9)
    assert got.log_likelihood == pytest.approx(want.log_likelihood)


def test_too_many_ties_for_the_exact_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "MOST_PRODUCTS", 10)
    with pytest.raises(InputError, match="too many tied") as found:
        fit_cox_exact(np.eye(6)[:, :1], np.ones(6), np.arange(6) < 4)
    assert "efron" in str(found.value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 12), max_size=4))
def test_pieces_are_the_follow_up(seed: int, cuts: list[int]) -> None:
    rows = draw(seed, 40)
    pieces = split_rows(rows["exit_"], rows["left"], cuts, rows["entry"])
    length = np.bincount(pieces.row, pieces.exit - pieces.entry)
    np.testing.assert_allclose(length, rows["exit_"] - rows["entry"])
    np.testing.assert_array_equal(np.bincount(pieces.row, pieces.left), rows["left"])
    inside = np.unique(cuts)
    for entry, exit_, episode in zip(pieces.entry, pieces.exit, pieces.episode, strict=True):
        assert not ((entry < inside) & (inside < exit_)).any()
        assert episode == (inside < exit_).sum()


def test_an_effect_that_does_not_change_is_the_column() -> None:
    rows = draw(5, 80)
    del rows["offset"]
    plain = fit_cox(**rows)
    same = TimeEffect(column=2, function=lambda x, t: x + 0 * t, name="again")
    wide = fit_cox_time_effects(**rows | {"X": rows["X"]}, effects=[], ties="efron")
    np.testing.assert_allclose(wide.coefficients, plain.coefficients, rtol=1e-8)
    two = rows | {"X": np.column_stack([rows["X"][:, :2], rows["X"][:, 2]])}
    moved = fit_cox_time_effects(
        **two | {"X": two["X"][:, [0, 1, 2]]},
        effects=[TimeEffect(column=2, function=lambda x, t: x * (t > 4), name="late")],
    )
    assert moved.log_likelihood >= plain.log_likelihood
    with pytest.raises(InputError, match="no column 9"):
        fit_cox_time_effects(
            **rows, effects=[TimeEffect(column=9, function=same.function, name="x")]
        )


def test_smooth_effects_run_from_a_line_to_a_curve() -> None:
    rng = np.random.default_rng(1)
    n = 600
    x, other = rng.uniform(20, 60, n), rng.normal(size=(n, 1))
    truth = 0.8 * np.sin((x - 20) / 8)
    time = np.ceil(rng.exponential(30 * np.exp(-truth - 0.3 * other[:, 0])))
    exit_, left = np.minimum(time, 60), time <= 60
    line = fit_cox(np.column_stack([other, x]), exit_, left)
    stiff = fit_cox_spline(other, x, exit_, left, df=1.001, intervals=10)
    at = np.array([25.0, 35.0, 55.0])
    slope = line.coefficients[1] * (at - 30.0)
    np.testing.assert_allclose(spline_effect(stiff, at, 30.0).effect, slope, atol=0.01)
    free = fit_cox_spline(other, x, exit_, left, df=6)
    assert free.df == pytest.approx(6, abs=1e-8)
    got = spline_effect(free, at, 30.0)
    want = 0.8 * (np.sin((at - 20) / 8) - np.sin(10 / 8))
    assert (np.abs(got.effect - want) < 3.5 * got.std_err).all()
    assert free.nonlinear_p < 1e-6
    outside = spline_effect(free, [10.0, 61.0], 30.0)
    assert np.isnan(outside.effect).all()
    assert spline_effect(free, [30.0], 30.0).std_err[0] == pytest.approx(0, abs=1e-9)
    with pytest.raises(InputError, match="df must lie"):
        fit_cox_spline(other, x, exit_, left, df=40, intervals=10)
    with pytest.raises(InputError, match="vary"):
        fit_cox_spline(other, np.ones(n), exit_, left)


@pytest.mark.slow
def test_nonlinearity_test_keeps_its_size(repetitions: int) -> None:
    rng = np.random.default_rng(21)
    n, rejected = 200, 0
    for _ in range(repetitions):
        x = rng.uniform(20, 60, n)
        time = np.ceil(rng.exponential(30 * np.exp(-0.02 * (x - 40))))
        fit = fit_cox_spline(np.empty((n, 0)), x, np.minimum(time, 60), time <= 60)
        rejected += fit.nonlinear_p < 0.05
    rate = rejected / repetitions
    assert abs(rate - 0.05) < 4 * np.sqrt(0.05 * 0.95 / repetitions) + 0.02, rate


def test_exact_likelihood_of_many_ties_is_fishers() -> None:
    # One time, one column of 0 and 1: the number of leavers with 1 is noncentral hypergeometric.
    n, ones, leave, both = 3000, 1200, 2300, 890
    x = (np.arange(n) < ones).astype(float)
    left = np.concatenate([np.arange(ones) < both, np.arange(n - ones) < leave - both])
    fit = fit_cox_exact(x[:, None], np.ones(n), left)
    law = stats.nchypergeom_fisher(n, ones, leave, np.exp(fit.coefficients[0]))
    assert law.mean() == pytest.approx(both, rel=1e-8)
    assert fit.covariance[0, 0] == pytest.approx(1 / law.var(), rel=1e-6)


def test_exact_likelihood_takes_extreme_offsets() -> None:
    x = np.array([[0.3], [-1.0], [0.8], [0.1], [1.2], [-0.4]])
    exit_, left = np.array([1, 1, 1, 2, 2, 2.0]), np.array([1, 1, 0, 1, 0, 0], dtype=bool)
    plain = fit_cox_exact(x, exit_, left)
    strata = [0, 0, 0, 1, 1, 1]
    apart = fit_cox_exact(x, exit_, left, strata=strata, offset=np.repeat([500.0, -500.0], 3))
    same = fit_cox_exact(x, exit_, left, strata=strata)
    assert apart.coefficients[0] == pytest.approx(same.coefficients[0], rel=1e-10)
    assert np.isfinite(plain.coefficients).all()


def test_noise_makes_no_piece() -> None:
    exit_, left = 0.1 * np.array([3, 6, 7]), np.array([True, True, False])
    pieces = split_rows(exit_, left, [0.3, 0.6, 0.7])  # 0.1 * 3 is a little more than 0.3
    np.testing.assert_array_equal(pieces.row, [0, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(pieces.exit[[0, 2]], exit_[:2])
    for bad in ([np.nan, 1], ["a"]):
        with pytest.raises(InputError, match="cuts must be"):
            split_rows(exit_, left, bad)


def test_effects_at_the_first_moment_are_those_of_then() -> None:
    """R: coxph(Surv(ex, ev) ~ x + tt(x), tt = function(x, t, ...) x * t)."""
    exit_ = [0, 0, 1, 2, 2, 3, 4, 5, 5, 6]
    left = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1], dtype=bool)
    x = np.array([0.5, -0.2, 1, -1, 0.3, 0.7, -0.4, 0.1, 0.9, -0.8])
    effect = TimeEffect(column=0, function=lambda x, t: x * t, name="trend")
    fit = fit_cox_time_effects(x[:, None], exit_, left, effects=[effect])
    np.testing.assert_allclose(fit.coefficients, [0.921848550555, -0.269386360339], rtol=1e-10)


@pytest.mark.parametrize("made", [1.0, np.ones(3), np.ones((3, 2)), ["a"]])
def test_an_effect_that_is_no_column_is_named(made: Any) -> None:
    rows = draw(5, 40)
    del rows["offset"]
    effect = TimeEffect(column=0, function=lambda x, t: made, name="odd")
    with pytest.raises(InputError) as found:
        fit_cox_time_effects(**rows, effects=[effect])
    assert found.value.where is not None
    assert found.value.where.startswith("TimeEffect 'odd'")


def test_smooth_effects_that_cannot_be_are_refused() -> None:
    rng = np.random.default_rng(1)
    n = 60
    X, x, exit_, left = np.empty((n, 0)), rng.normal(size=n), rng.integers(1, 9, n), np.ones(n)
    with pytest.raises(InputError, match="between 1 and 3"):
        fit_cox_spline(X, rng.integers(0, 4, n), exit_, left)
    with pytest.raises(FitError, match="degrees of freedom"):
        fit_cox_spline(X, np.append(x[1:], 1e6), exit_, left)
    with pytest.raises(InputError, match="more than 1"):
        fit_cox_spline(X, x, exit_, left, df=np.nan)
    with pytest.raises(InputError, match="5 rows"):
        fit_cox_spline(X, x[:5], exit_, left)
    fit = fit_cox_spline(X, x, exit_, left)
    with pytest.raises(InputError, match="reference"):
        spline_effect(fit, [0.0], 99.0)
    assert np.isnan(spline_effect(fit, [np.nan, 99.0], 0.0).effect).all()


def test_a_smooth_term_without_information_is_said() -> None:
    nothing = np.zeros((2, 2))
    with pytest.raises(FitError, match="singular"):
        spline._degrees(nothing, nothing, slice(0, 2))
