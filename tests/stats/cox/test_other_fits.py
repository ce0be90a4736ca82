"""Exact ties, changing effects and smooth effects."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from brute import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.cox import exact
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
