"""Baseline hazards and predicted survival: by hand, by derivatives, and what R has wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from brute import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.cox.baseline import baseline_hazards, cox_curves, hazard_at
from gmts_models.stats.cox.fit import CoxFit, fit_cox, likelihood_at
from gmts_models.stats.cox.prediction import predict_path, predict_survival
from gmts_models.stats.survival.kaplan_meier import kaplan_meier

TRAINEES = Path(__file__).parents[2] / "reference" / "pitfalls" / "tr.csv"


def test_baseline_by_hand() -> None:
    # Two of three leave at 1, nobody differs: 1/3 and 1/(3 - 1/2 * 2) = 1/2.
    exit_, left = np.array([1.0, 1.0, 2.0]), np.array([True, True, False])
    efron = baseline_hazards(fit_cox(np.empty((3, 0)), exit_, left))[0]
    assert efron.cumulative[0] == pytest.approx(1 / 3 + 1 / 2)
    breslow = baseline_hazards(fit_cox(np.empty((3, 0)), exit_, left, ties="breslow"))[0]
    assert breslow.cumulative[0] == pytest.approx(2 / 3)
    at = hazard_at(breslow, np.array([0.5, 2.0, 2.5]))
    np.testing.assert_allclose(at.cumulative, [0.0, 2 / 3, np.nan])


def test_efron_survival_of_trainees_agrees_with_r() -> None:
    """R: survfit(coxph(Surv(time, status > 0) ~ age + sex), newdata = (28, 0)), tied months."""
    d = pd.read_csv(TRAINEES)
    fit = fit_cox(d[["age", "sex"]], d["time"], d["status"] > 0)
    got = predict_survival(fit, [[28, 0]], [6, 12, 24]).survival[0]
    np.testing.assert_allclose(got, [0.7656873873, 0.5963349262, 0.4039727710], rtol=1e-9)


def test_without_columns_it_is_the_product_limit_of_nelson_and_aalen() -> None:
    rows = draw(4, 90)
    exit_, left, entry, w = (rows[name] for name in ("exit_", "left", "entry", "weights"))
    fit = fit_cox(np.empty((90, 0)), exit_, left, entry, w, ties="breslow")
    got = predict_survival(fit, np.empty((1, 0)), [2, 5, 8])
    km = kaplan_meier(exit_, left, entry, w)
    hazard = np.cumsum(km.events / km.at_risk)
    want = hazard[np.searchsorted(km.time, [2, 5, 8], side="right") - 1]
    np.testing.assert_allclose(got.hazard[0], want, rtol=1e-12)


def _at(fit: CoxFit, beta: Any) -> CoxFit:
    return replace(fit, coefficients=beta, likelihood=likelihood_at(fit.data, beta))


def _slope(fit: CoxFit, hazard: Any) -> Any:
    """Differentiate a hazard, with its baseline, by the coefficients."""
    columns = []
    for j in range(len(fit.coefficients)):
        move = 1e-5 * np.eye(len(fit.coefficients))[j]
        up, down = (hazard(_at(fit, fit.coefficients + s * move)) for s in (1, -1))
        columns.append((up - down) / 2e-5)
    return np.array(columns)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_errors_are_those_of_the_derivative(ties: Any) -> None:
    """The part of the variance that is the coefficients', for a person and for a path.

    R takes, along a path, the columns of the last stretch for all of the past, and for the
    hazard between two times the difference of the variances up to each. Both are not this.
    """
    rows = draw(7, 150)
    del rows["offset"], rows["strata"]
    fit = fit_cox(**rows, ties=ties)
    x, path = np.array([[0.5, -1.0, 1.0]]), np.array([[0.5, -1.0, 1.0], [1.5, 0.3, 0.0]])
    base = baseline_hazards(fit)[0]

    def increment(a: float, b: float) -> float:
        at = hazard_at(base, np.array([a, b])).variance
        return float(at[1] - at[0])

    def relative(row: Any) -> float:
        return float(np.exp((row - fit.data.rows.centre) @ fit.coefficients))

    alone = _slope(fit, lambda each: predict_survival(each, x, [6.0]).hazard[0, 0])
    want = relative(x[0]) ** 2 * increment(0, 6) + alone @ fit.covariance @ alone
    got = predict_survival(fit, x, [6.0]).hazard_std_err[0, 0]
    assert got == pytest.approx(np.sqrt(want), rel=1e-7)

    since = _slope(fit, lambda each: predict_survival(each, x, [7.0], since=[3.0]).hazard[0, 0])
    want = relative(x[0]) ** 2 * increment(3, 7) + since @ fit.covariance @ since
    got = predict_survival(fit, x, [7.0], since=[3.0]).hazard_std_err[0, 0]
    assert got == pytest.approx(np.sqrt(want), rel=1e-7)

    def along(each: CoxFit) -> Any:
        return predict_path(each, path, [0, 3], [3, 9], [7.0]).hazard[0, 0]

    moving = _slope(fit, along)
    want = moving @ fit.covariance @ moving + sum(
        relative(row) ** 2 * increment(a, b) for row, a, b in zip(path, [0, 3], [3, 7], strict=True)
    )
    got = predict_path(fit, path, [0, 3], [3, 9], [7.0]).hazard_std_err[0, 0]
    assert got == pytest.approx(np.sqrt(want), rel=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_survival_falls_and_tenure_divides_it(seed: int) -> None:
    rows = draw(seed, 80)
    fit = fit_cox(**rows)
    new = {"strata": rows["strata"][:10], "offset": rows["offset"][:10]}
    times = np.arange(0, 9.0)
    got = predict_survival(fit, rows["X"][:10], times, **new)
    known = ~np.isnan(got.survival)
    assert (np.diff(got.survival, axis=1)[known[:, 1:]] <= 0).all()
    assert (got.survival[:, 0] == 1).all()
    since = np.full(10, 2.0)
    later = predict_survival(fit, rows["X"][:10], times[3:], since=since, **new)
    np.testing.assert_allclose(
        later.survival, got.survival[:, 3:] / got.survival[:, [2]], rtol=1e-10
    )
    before = predict_survival(fit, rows["X"][:10], [1.0], since=since, **new)
    np.testing.assert_array_equal(before.survival, 1.0)
    straight = predict_path(
        fit,
        np.repeat(rows["X"][:1], 2, axis=0),
        [0, 3],
        [3, 8],
        [5.0],
        strata=np.repeat(new["strata"][:1], 2),
        offset=np.repeat(new["offset"][:1], 2),
    )
    own = predict_survival(
        fit, rows["X"][:1], [5.0], strata=new["strata"][:1], offset=new["offset"][:1]
    )
    np.testing.assert_allclose(straight.survival, own.survival, rtol=1e-12)
    np.testing.assert_allclose(straight.std_err, own.std_err, rtol=1e-9)


def test_past_the_follow_up_of_the_stratum_nothing_is_estimable() -> None:
    exit_ = np.array([1, 2, 3, 4, 8, 9.0])
    left = np.array([True, True, False, True, True, False])
    x = np.array([[0], [1], [0.5], [1], [0], [1.0]])
    fit = fit_cox(x, exit_, left, strata=[0, 0, 0, 1, 1, 1])
    got = predict_survival(fit, [[0.5], [0.5]], [3, 3.5, 9, 9.5], strata=[0, 1])
    np.testing.assert_array_equal(
        np.isnan(got.survival), [[False, True, True, True], [False, False, False, True]]
    )


def test_curves_hold_no_rows_of_people() -> None:
    rows = draw(1, 200)
    curves = cox_curves(fit_cox(**rows))
    sizes = [np.size(getattr(curves, name)) for name in ("coefficients", "covariance", "centre")]
    assert max(sizes) <= 9
    for base in curves.baselines:
        assert len(base.time) <= 12


def test_bad_requests() -> None:
    rows = draw(2, 60)
    fit = fit_cox(**rows)
    X, strata, offset = rows["X"][:2], rows["strata"][:2], rows["offset"][:2]
    with pytest.raises(InputError, match="3 columns"):
        predict_survival(fit, X[:, :2], [3], strata=strata, offset=offset)
    with pytest.raises(InputError, match="strata"):
        predict_survival(fit, X, [3], offset=offset)
    with pytest.raises(InputError, match="codes from 0"):
        predict_survival(fit, X, [3], strata=[0, 7], offset=offset)
    with pytest.raises(InputError, match="offset"):
        predict_survival(fit, X, [3], strata=strata)
    with pytest.raises(InputError, match="missing or infinite"):
        predict_survival(fit, X * np.nan, [3], strata=strata, offset=offset)
    with pytest.raises(InputError, match="since"):
        predict_survival(fit, X, [3], strata=strata, offset=offset, since=[1.0])
    with pytest.raises(InputError, match="stretches"):
        predict_path(fit, X, [0, 1], [2, 3], [3], strata=strata, offset=offset)


@pytest.mark.slow
def test_limits_of_absolute_risk_cover(repetitions: int) -> None:
    """Risk by 24 months at x = 1 on tied months with late entry, given 6 months of tenure too."""
    rng = np.random.default_rng(5)
    n, covered = 200, np.zeros((repetitions, 2), dtype=bool)
    # Leaving within month m is what months can see: P(T > m) is exact at whole months.
    truth = np.exp(-np.array([24, 18]) / 40 * np.exp(0.5))
    for r in range(repetitions):
        x = rng.normal(size=n)
        time = np.ceil(rng.exponential(40 * np.exp(-0.5 * x)))
        entry = np.where(rng.random(n) < 0.3, rng.integers(1, 10, n), 0)
        here = time > entry
        lost = np.maximum(rng.integers(12, 61, n), entry + 1)
        fit = fit_cox(
            x[here, None], np.minimum(time, lost)[here], (time <= lost)[here], entry[here]
        )
        whole = predict_survival(fit, [[1.0]], [24], interval="log-log")
        later = predict_survival(fit, [[1.0]], [24], since=[6.0], interval="log-log")
        for j, got in enumerate((whole, later)):
            covered[r, j] = got.lower[0, 0] <= truth[j] <= got.upper[0, 0]
    band = 4 * np.sqrt(0.95 * 0.05 / repetitions)
    assert (np.abs(covered.mean(axis=0) - 0.95) < band + 0.01).all(), covered.mean(axis=0)


def test_a_path_past_the_follow_up_says_nothing_of_earlier_times() -> None:
    fit = fit_cox([[0], [1], [0], [1.0]], [1, 2, 3, 5], [True, True, True, False])
    path = predict_path(fit, [[0], [1], [0.0]], [0, 4, 8], [4, 8, 9], [1, 3, 5, 6, 9])
    straight = predict_survival(fit, [[0.0]], [1, 3])
    np.testing.assert_allclose(path.survival[0, :2], straight.survival[0])
    np.testing.assert_allclose(path.std_err[0, :2], straight.std_err[0])
    np.testing.assert_array_equal(np.isnan(path.survival[0]), [False, False, False, True, True])


def test_from_month_0_on_means_from_the_first_moment() -> None:
    # Someone leaves on the first day, and whoever starts is at risk of it.
    fit = fit_cox([[0], [1], [0], [1.0]], [0, 2, 3, 5], [True, True, True, False])
    plain = predict_survival(fit, [[0.5]], [0, 2])
    assert plain.survival[0, 0] < 1
    since = predict_survival(fit, [[0.5]], [0, 2], since=[0])
    path = predict_path(fit, [[0.5]], [0], [5], [0, 2])
    for other in (since, path):
        np.testing.assert_allclose(other.survival, plain.survival)
        np.testing.assert_allclose(other.std_err, plain.std_err)


@pytest.mark.filterwarnings("error")
def test_extreme_people_leave_for_certain() -> None:
    fit = fit_cox([[0], [1], [0], [1.0]], [1, 2, 3, 5], [True, True, True, False])
    far = np.sign(fit.coefficients) * 1e6
    got = predict_survival(fit, [far, -far], [0.5, 2])
    np.testing.assert_array_equal(got.survival, [[1, 0], [1, 1]])


def test_requests_with_gaps_are_one_clear_error() -> None:
    fit = fit_cox([[0], [1], [0], [1.0]], [1, 2, 3, 5], [True, True, True, False])
    X = [[0.0], [1.0]]
    for bad, match in (
        ({"times": [1, np.nan]}, "none missing"),
        ({"times": [[1, 2]]}, "one dimension"),
        ({"strata": [0.5, 0]}, "codes from 0"),
        ({"strata": ["a", "b"]}, "must be numbers"),
        ({"offset": [1.0]}, "offset must be"),
        ({"offset": [1.0, np.nan]}, "offset must be"),
    ):
        with pytest.raises(InputError, match=match):
            predict_survival(fit, **{"X": X, "times": [1]} | bad)
    for entry, exit_ in (([0], [1]), ([0, np.nan], [1, 2]), ([-1, 0], [0, 2])):
        with pytest.raises(InputError, match="stretches"):
            predict_path(fit, X, entry, exit_, [1])


def test_noise_in_a_time_asked_for_loses_no_departure() -> None:
    x, left = np.array([[0], [1], [0], [1.0], [0.5]]), np.array([True, True, True, True, False])
    tenths = np.array([1, 2, 3, 6, 7])
    fit = fit_cox(x, 0.1 * tenths, left)  # 0.1 * 3 is a little more than 0.3
    asked = np.array([0.1, 0.2, 0.3, 0.6, 0.7])
    got, want = (predict_survival(fit, x[:1], times) for times in (asked, 0.1 * tenths + 1e-6))
    assert not np.isnan(got.survival).any()
    np.testing.assert_array_equal(got.survival[:, :4], want.survival[:, :4])
    assert np.isnan(want.survival[0, 4])


def test_rows_of_weight_0_lengthen_no_follow_up() -> None:
    x = np.array([[0], [1], [0], [1.0], [0.5], [0.5]])
    exit_, left = np.array([1, 2, 3, 5, 9, 4.0]), np.array([True, True, True, False, False, True])
    weights, strata = np.array([1, 1, 1, 1, 0, 0.0]), [0, 0, 0, 0, 0, 1]
    fit = fit_cox(x, exit_, left, weights=weights, strata=strata)
    got = predict_survival(fit, x[:2], [5, 6], strata=[0, 1])
    np.testing.assert_array_equal(np.isnan(got.survival), [[False, True], [True, True]])
