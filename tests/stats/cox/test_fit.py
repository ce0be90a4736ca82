"""The maximum of the partial likelihood: closed forms, its definition, and its invariances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brute import draw, log_likelihood
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from gmts_models.errors import FitError, InputError
from gmts_models.stats.cox.fit import cox_data, fit_cox, likelihood_at
from gmts_models.stats.cox.inference import global_tests
from gmts_models.stats.cox.residuals import martingale_residuals

TIES: list[Any] = ["efron", "breslow"]
seeds = st.integers(0, 10_000)

# Therneau & Grambsch (2000), Modeling Survival Data, appendix E.
FIRST = (
    np.array([[1.0], [1], [1], [0], [0], [0]]),
    np.array([1, 1, 6, 6, 8, 9.0]),
    np.array([True, False, True, True, False, True]),
)


def test_breslow_in_closed_form() -> None:
    # The score 2 - r/(r+1) - 2 r/(r+3), with r = exp(beta), is 0 where r^2 - 3 r - 6 is.
    fit = fit_cox(*FIRST, ties="breslow")
    r = (3 + np.sqrt(33)) / 2
    assert fit.coefficients[0] == pytest.approx(np.log(r), rel=1e-12)
    information = r / (r + 1) ** 2 + 6 * r / (r + 3) ** 2
    assert fit.covariance[0, 0] == pytest.approx(1 / information, rel=1e-12)
    value = 2 * np.log(r) - np.log(3 * r + 3) - 2 * np.log(r + 3)
    assert fit.log_likelihood == pytest.approx(value, rel=1e-12)
    assert fit.log_likelihood_null == pytest.approx(-np.log(6 * 4 * 4), rel=1e-12)
    # Score 1 at beta = 0, information 1/4 + 6/16.
    assert fit.score_test == pytest.approx((2 - 1 / 2 - 2 / 4) ** 2 / (1 / 4 + 6 / 16), rel=1e-12)


def test_efron_in_closed_form() -> None:
    # 2 - r/(r+1) - r/(r+3) - r/(r+5) is 0 where r^3 - 23 r - 30 is: three real roots.
    fit = fit_cox(*FIRST)
    angle = np.arccos(45 / 23 * np.sqrt(3 / 23))
    r = 2 * np.sqrt(23 / 3) * np.cos(angle / 3)
    assert fit.coefficients[0] == pytest.approx(np.log(r), rel=1e-12)
    information = r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2 + 5 * r / (r + 5) ** 2
    # Evaluated within 1e-9 standard errors of the maximum.
    assert fit.covariance[0, 0] == pytest.approx(1 / information, rel=1e-10)
    value = 2 * np.log(r) - np.log(3 * r + 3) - np.log(r + 3) - np.log((r + 5) / 2)
    assert fit.log_likelihood == pytest.approx(value, rel=1e-12)


def test_start_stop_rows_of_the_book() -> None:
    # Its second data set; beta there to six digits.
    rows = np.array(
        [
            [1, 2, 1, 1],
            [2, 3, 1, 0],
            [5, 6, 1, 0],
            [2, 7, 1, 1],
            [1, 8, 1, 0],
            [7, 9, 1, 1],
            [3, 9, 1, 1],
            [4, 9, 0, 1],
            [8, 14, 0, 0],
            [8, 17, 0, 0],
        ],
        dtype=float,
    )
    entry, exit_, left, x = rows.T
    breslow = fit_cox(x[:, None], exit_, left == 1, entry, ties="breslow")
    assert breslow.coefficients[0] == pytest.approx(-0.084526, abs=1e-6)
    # The null likelihood multiplies the sizes of the risk sets: 2 3 2 3 4 5 5 5 by hand.
    efron = fit_cox(x[:, None], exit_, left == 1, entry)
    assert efron.coefficients[0] == pytest.approx(-0.021105, abs=1e-6)
    assert breslow.log_likelihood_null == pytest.approx(
        log_likelihood(np.zeros(1), x[:, None], exit_, left == 1, entry, ties="breslow")
    )


def test_case_weights_of_the_book() -> None:
    # Its third data set, R: coxph(..., weights = w, control = coxph.control(eps = 1e-13)).
    t = np.array([1, 1, 2, 2, 2, 2, 3, 4, 5.0])
    left = np.array([1, 0, 1, 1, 1, 0, 0, 1, 0]) == 1
    x = np.array([2, 0, 1, 1, 0, 1, 0, 1, 0.0])[:, None]
    w = np.array([1, 2, 3, 4, 3, 2, 1, 2, 1.0])
    efron, breslow = (fit_cox(x, t, left, weights=w, ties=ties) for ties in TIES)
    assert efron.coefficients[0] == pytest.approx(0.872604246398, abs=1e-11)
    assert efron.covariance[0, 0] ** 0.5 == pytest.approx(0.712570436493, abs=1e-11)
    assert efron.log_likelihood == pytest.approx(-29.416784600136, abs=1e-11)
    assert breslow.coefficients[0] == pytest.approx(0.859557444507, abs=1e-11)
    assert breslow.covariance[0, 0] ** 0.5 == pytest.approx(0.713094199613, abs=1e-11)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("seed", range(6))
def test_value_and_derivatives_are_those_of_the_definition(seed: int, ties: Any) -> None:
    rows = draw(seed)
    data = cox_data(**rows, ties=ties)
    beta = np.array([0.2, -0.4, 0.1])

    def value(b: Any) -> float:
        return log_likelihood(b, ties=ties, **rows)

    here = likelihood_at(data, beta)
    # The offset is centred, which a partial likelihood does not see.
    assert here.value == pytest.approx(value(beta), rel=1e-12)
    slope = optimize.approx_fprime(beta, value, 1e-6)
    np.testing.assert_allclose(here.gradient, slope, rtol=1e-5, atol=1e-4)
    for j in range(3):
        move = 1e-5 * np.eye(3)[j]
        up, down = likelihood_at(data, beta + move), likelihood_at(data, beta - move)
        bend = -(up.gradient - down.gradient) / 2e-5
        np.testing.assert_allclose(here.information[j], bend, rtol=1e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(TIES))
def test_order_scale_labels_and_shift_change_nothing(seed: int, ties: Any) -> None:
    rows = draw(seed, 90)
    fit = fit_cox(**rows, ties=ties)
    order = np.random.default_rng(seed).permutation(90)
    changed = {
        "order": {name: each[order] for name, each in rows.items()},
        "days": rows | {"exit_": rows["exit_"] * 30.4375, "entry": rows["entry"] * 30.4375},
        "labels": rows | {"strata": np.array(["c", "a", "b"])[rows["strata"]]},
        "columns": rows | {"X": rows["X"] + 1000.0},
        "offset": rows | {"offset": rows["offset"] + 7.0},
    }
    for name, other in changed.items():
        same = fit_cox(**other, ties=ties)
        tight = {"rtol": 1e-7, "atol": 1e-9, "err_msg": name}
        np.testing.assert_allclose(same.coefficients, fit.coefficients, **tight)
        np.testing.assert_allclose(same.covariance, fit.covariance, **tight)
        assert same.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-10)
    later = rows | {"exit_": rows["exit_"] + 5, "entry": rows["entry"] + 5}
    shifted = fit_cox(**later, ties=ties)
    np.testing.assert_allclose(shifted.coefficients, fit.coefficients, rtol=1e-7, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_whole_weights_are_replicated_rows(seed: int) -> None:
    rows = draw(seed, 50)
    number = np.random.default_rng(seed).integers(0, 4, 50)
    number[rows["left"].argmax()] = 2
    again = np.repeat(np.arange(50), number)
    del rows["weights"]
    try:
        weighted = fit_cox(**rows, weights=number.astype(float), ties="breslow")
    except FitError:
        return  # the rows left separate people: another test's subject
    replicated = fit_cox(**{name: each[again] for name, each in rows.items()}, ties="breslow")
    np.testing.assert_allclose(weighted.coefficients, replicated.coefficients, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(weighted.covariance, replicated.covariance, rtol=1e-8, atol=1e-10)
    assert weighted.log_likelihood == pytest.approx(replicated.log_likelihood, rel=1e-11)


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(TIES))
def test_splitting_follow_up_changes_nothing(seed: int, ties: Any) -> None:
    rows = draw(seed, 70)
    fit = fit_cox(**rows, ties=ties)
    middle = (rows["entry"] + rows["exit_"]) / 2
    twice = {name: np.concatenate([each, each]) for name, each in rows.items()}
    twice["entry"] = np.concatenate([rows["entry"], middle])
    twice["exit_"] = np.concatenate([middle, rows["exit_"]])
    twice["left"] = np.concatenate([np.zeros(70, dtype=bool), rows["left"]])
    split = fit_cox(**twice, ties=ties)
    np.testing.assert_allclose(split.coefficients, fit.coefficients, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(split.covariance, fit.covariance, rtol=1e-8, atol=1e-10)
    assert split.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-11)


def test_many_small_strata_are_many_small_fits() -> None:
    rng = np.random.default_rng(4)
    n, pairs = 4000, np.repeat(np.arange(2000), 2)
    X, exit_ = rng.normal(size=(n, 2)), rng.integers(1, 40, n).astype(float)
    # Matched pairs of which one leaves first are a logistic regression on their difference.
    exits = exit_.reshape(-1, 2)
    first = np.sign(exits[:, 1] - exits[:, 0])
    away = ((X[::2] - X[1::2]) * first[:, None])[first != 0]

    def minus_log(b: Any) -> float:
        return float(np.log1p(np.exp(-away @ b)).sum())

    keep = np.repeat(first != 0, 2)
    fit = fit_cox(X[keep], exit_[keep], np.ones(keep.sum(), dtype=bool), strata=pairs[keep])
    best = optimize.minimize(minus_log, np.zeros(2), tol=1e-12)
    np.testing.assert_allclose(fit.coefficients, best.x, atol=1e-6)


def test_a_penalty_shrinks_as_it_says() -> None:
    rows = draw(3, 80)
    fit = fit_cox(**rows, penalty=np.array([5.0, 0.0, 50.0]))
    data = cox_data(**rows)
    gradient = likelihood_at(data, fit.coefficients).gradient
    np.testing.assert_allclose(gradient, [5.0, 0.0, 50.0] * fit.coefficients, atol=1e-8)
    as_matrix = fit_cox(**rows, penalty=np.diag([5.0, 0.0, 50.0]))
    np.testing.assert_array_equal(as_matrix.coefficients, fit.coefficients)


def test_no_columns_is_the_null_model() -> None:
    fit = fit_cox(np.empty((6, 0)), FIRST[1], FIRST[2])
    assert fit.log_likelihood == pytest.approx(-np.log(6 * 4 * 3))  # Efron: 4, then 4 - 1
    assert martingale_residuals(fit).sum() == pytest.approx(0, abs=1e-12)


def test_columns_without_an_effect_of_their_own_are_named() -> None:
    rows = draw(1, 60)
    a, b = rows["X"][:, 0], rows["X"][:, 1]
    constant = np.full(60, 3.0)
    by_stratum = rows["strata"] * 2.0
    X = np.column_stack([a, constant, b, 2 * a - b + 1, by_stratum])
    with pytest.raises(FitError, match="sums of others") as found:
        fit_cox(**rows | {"X": X}, names=["a", "constant", "b", "sum", "by stratum"])
    assert found.value.where == "constant, sum, by stratum"
    # A penalty gives them one answer.
    assert np.isfinite(fit_cox(**rows | {"X": X}, penalty=np.ones(5)).coefficients).all()


@pytest.mark.parametrize("strength", [1.0, -1.0])
def test_separation_is_named_and_firth_offered(strength: float) -> None:
    rows = draw(2, 60)
    apart = np.where(rows["left"], strength, 0.0)
    X = np.column_stack([rows["X"], apart])
    with pytest.raises(FitError, match="separates") as found:
        fit_cox(**rows | {"X": X}, names=["a", "b", "c", "rare"])
    assert found.value.where is not None
    assert "rare" in found.value.where
    assert "Firth" in str(found.value)


def test_a_strong_effect_is_not_separation() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=400)
    time = rng.exponential(np.exp(-2.5 * x))
    fit = fit_cox(x[:, None], time, np.ones(400, dtype=bool))
    assert fit.coefficients[0] == pytest.approx(2.5, abs=4 * fit.covariance[0, 0] ** 0.5)


@pytest.mark.parametrize("outlier", [1e2, -1e3, -1e4, 1e6])
def test_a_gross_outlier_is_not_separation(outlier: float) -> None:
    """One wrong value owns the information at 0; the likelihood has a maximum all the same."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        x = rng.normal(size=(200, 1))
        time = rng.exponential(20 * np.exp(-0.5 * x[:, 0]))
        exit_, left = np.minimum(time, 30), time <= 30
        x[int(np.argsort(exit_)[100])] = outlier
        try:
            fit = fit_cox(x, exit_, left)
        except FitError:
            # Only where nothing else is seen: the others' spread is rounding beside it.
            assert abs(outlier) >= 1e6
            continue
        data = cox_data(x, exit_, left)
        gradient = likelihood_at(data, fit.coefficients).gradient
        assert abs(gradient[0]) * fit.covariance[0, 0] ** 0.5 < 1e-7


def test_bad_input_is_one_clear_error() -> None:
    X, exit_, left = FIRST
    with pytest.raises(FitError, match="nobody leaves"):
        fit_cox(X, exit_, np.zeros(6, dtype=bool))
    bad = X.copy()
    bad[2, 0] = np.nan
    with pytest.raises(InputError, match="missing or infinite") as found:
        fit_cox(bad, exit_, left, names=["score"])
    assert found.value.where == "score"
    with pytest.raises(InputError, match="shape"):
        fit_cox(X[:3], exit_, left)
    with pytest.raises(InputError, match="offset"):
        fit_cox(X, exit_, left, offset=np.ones(2))
    with pytest.raises(InputError, match="names"):
        fit_cox(X, exit_, left, names=["a", "b"])
    with pytest.raises(InputError, match="weights is negative"):
        fit_cox(X, exit_, left, weights=-np.ones(6))


@pytest.mark.slow
def test_estimates_and_intervals_are_honest_on_tied_months(repetitions: int) -> None:
    """Months with late entry: bias and coverage of the 95 % interval, each within 4 MC errors."""
    rng = np.random.default_rng(11)
    truth, n = np.array([0.5, -0.4]), 150
    found, covered = [], []
    for _ in range(repetitions):
        X = np.column_stack([rng.normal(size=n), rng.random(n) < 0.4])
        time = np.ceil(rng.exponential(30 * np.exp(-X @ truth)))
        entry = np.where(rng.random(n) < 0.3, rng.integers(1, 12, n), 0)
        here = time > entry
        lost = np.maximum(rng.integers(12, 61, n), entry + 1)
        exit_ = np.minimum(time, lost)
        fit = fit_cox(X[here], exit_[here], (time <= lost)[here], entry[here])
        error = np.sqrt(np.diag(fit.covariance))
        found.append(fit.coefficients)
        covered.append(np.abs(fit.coefficients - truth) < 1.959964 * error)
    bias = np.mean(found, axis=0) - truth
    # Small samples push estimates out by a little under 3 %, months pull them in.
    assert (np.abs(bias) < 0.02 + 4 * np.std(found, axis=0) / repetitions**0.5).all(), bias
    band = 4 * np.sqrt(0.95 * 0.05 / repetitions)
    assert (np.abs(np.mean(covered, axis=0) - 0.95) < band + 0.005).all(), np.mean(covered, axis=0)
    assert global_tests(fit).wald.df == 2


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"ties": "Breslow"}, "method for ties"),
        ({"X": [["a"]] * 6}, "X must be numbers"),
        ({"exit_": np.arange(1, 7).astype("timedelta64[D]")}, "exit_ must be numbers"),
        ({"offset": ["a"] * 6}, "offset must be numbers"),
        ({"penalty": np.ones(3)}, "penalty must be 1"),
        ({"penalty": np.array([np.nan])}, "penalty must be 1"),
        ({"penalty": np.array([-0.1])}, "semidefinite"),
    ],
)
def test_what_would_give_another_model_or_none_is_refused(
    changed: dict[str, Any], match: str
) -> None:
    X, exit_, left = FIRST
    with pytest.raises(InputError, match=match):
        fit_cox(**{"X": X, "exit_": exit_, "left": left} | changed)


def test_nobody_of_weight_leaves_with_an_offset_too() -> None:
    X, exit_, left = FIRST
    with pytest.raises(FitError, match="nobody leaves"):
        fit_cox(X, exit_, left, weights=np.zeros(6), offset=np.ones(6))


def test_risks_that_cannot_be_added_are_an_error_not_a_nan() -> None:
    rows = draw(4, 60)
    apart = np.where(rows["strata"] == rows["strata"][0], -500.0, 500.0)
    with pytest.raises(FitError, match="orders of magnitude"):
        fit_cox(**rows | {"offset": apart})
    nearer = np.where(rows["strata"] == rows["strata"][0], -100.0, 100.0)
    plain = fit_cox(**rows | {"offset": None})  # a constant of a stratum changes nothing
    np.testing.assert_allclose(
        fit_cox(**rows | {"offset": nearer}).coefficients, plain.coefficients, rtol=1e-8
    )


def test_the_unit_of_weights_does_not_stop_the_search_early() -> None:
    X, exit_, left = FIRST
    small = fit_cox(X, exit_, left, weights=np.full(6, 1e-20))
    plain = fit_cox(X, exit_, left)
    np.testing.assert_allclose(small.coefficients, plain.coefficients, rtol=1e-10)


def test_what_looks_like_separation_points_to_outliers_too() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=60)
    exit_, left = np.ceil(10 * rng.exponential(np.exp(-x))), rng.random(60) < 0.6
    left[0] = False
    x[0], exit_[0] = -1e6, 30  # a typing error of one who stays
    with pytest.raises(FitError, match="outlier") as found:
        fit_cox(x[:, None], exit_, left, names=["pay"])
    assert found.value.where == "pay"


def test_columns_that_order_all_who_leave_together_are_named() -> None:
    X = np.random.default_rng(3).normal(size=(200, 2))
    exit_ = np.argsort(np.argsort(-X.sum(axis=1))) + 1.0  # neither column alone does
    with pytest.raises(FitError, match="separates") as found:
        fit_cox(X, exit_, np.ones(200), names=["a", "b"])
    assert found.value.where == "a, b"
