"""Ridge regression of hazards, by sums over people, against rows of people and periods."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.hazards import ridge_hazard
from gmts_models.stats.hazards.discrete_hazard import cause_hazards, discrete_hazard
from gmts_models.stats.hazards.period_risk import incidence_by, spent_periods
from gmts_models.stats.hazards.person_periods import PeriodSpans, expand_spans, period_spans
from gmts_models.stats.hazards.ridge_hazard import (
    PeriodColumns,
    RidgeHazard,
    cumulative_variance,
    fit_ridge_hazard,
    ridge_hazards,
)

Q = 8


def _draw(n: int = 300) -> tuple[Floats, Floats, Ints, Floats, Floats]:
    """Return X, exit, event (0, 1, 2), entry and weights."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(n, 3))
    time = np.ceil(rng.exponential(5 * np.exp(-0.4 * X[:, 0])))
    end = rng.integers(1, Q + 1, n)
    entry = np.minimum(rng.integers(0, 3, n), np.minimum(time, end) - 1)
    event = np.where(time <= end, rng.integers(1, 3, n), 0)
    return (
        X,
        np.minimum(time, end).astype(float),
        event,
        entry.astype(float),
        rng.uniform(0.5, 2, n),
    )


def _time(period: Floats) -> Floats:
    return np.column_stack([np.ones_like(period), np.log(period)])


def _columns(varying: list[int] | None = None) -> PeriodColumns:
    period = np.arange(1.0, Q + 1)
    return PeriodColumns(
        time=_time(period),
        trend=period - 4,
        varying=np.array(varying or [], dtype=np.int64),
        at_risk=np.ones(Q, dtype=bool),
    )


@pytest.mark.parametrize("cells", [1, 100, 1 << 17])
def test_without_a_penalty_it_is_the_regression_of_rows(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ridge_hazard, "_CELLS", cells)
    X, exit_, event, entry, weights = _draw()
    spans = period_spans(exit_, event > 0, entry)
    found = fit_ridge_hazard(X, spans, weights, _columns(), penalty=np.zeros(5))
    want = discrete_hazard(X, exit_, event > 0, entry, weights, baseline=_time)
    np.testing.assert_allclose(found.coefficients[0], want.coefficients, rtol=1e-8)
    np.testing.assert_allclose(found.covariance, want.covariance, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.log_likelihood, want.log_likelihood, rtol=1e-12)
    spans = period_spans(exit_, event, entry)
    both = fit_ridge_hazard(X, spans, weights, _columns(), causes=2, penalty=np.zeros(5))
    causes = cause_hazards(X, exit_, event, entry, weights, baseline=_time)
    np.testing.assert_allclose(both.coefficients, causes.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(both.covariance, causes.covariance, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(both.log_likelihood, causes.log_likelihood, rtol=1e-12)


def test_products_with_time_and_a_penalty_are_those_of_rows() -> None:
    X, exit_, event, entry, weights = _draw()
    spans = period_spans(exit_, event, entry)
    columns = _columns([0, 2])
    found = fit_ridge_hazard(
        X, spans, weights, columns, causes=2, penalty=np.r_[0, np.full(6, 2.0)]
    )
    cut = expand_spans(spans)
    rows = np.column_stack(
        [
            columns.time[cut.period - 1, 1:],
            X[cut.row],
            X[cut.row][:, [0, 2]] * columns.trend[cut.period - 1, None],
        ]
    )
    # scikit-learn penalises all classes alike, the one of staying too, so it is held against the
    # gradient of the penalised likelihood instead.
    chance = ridge_hazards(X, found.coefficients, columns)[cut.row, cut.period - 1]
    happened = np.equal.outer(cut.event, [1, 2])
    design = np.column_stack([np.ones(len(rows)), rows])
    gradient = (design * weights[cut.row, None]).T @ (happened - chance)
    np.testing.assert_allclose(gradient[0], 0, atol=1e-8)
    np.testing.assert_allclose(gradient[1:], 2.0 * found.coefficients[:, 1:].T, atol=1e-8)
    one = fit_ridge_hazard(
        X,
        period_spans(exit_, event > 0, entry),
        weights,
        columns,
        penalty=np.r_[0, np.full(6, 2.0)],
    )
    want = LogisticRegression(C=0.5, tol=1e-12, solver="newton-cholesky").fit(
        rows, cut.event > 0, sample_weight=weights[cut.row]
    )
    np.testing.assert_allclose(
        one.coefficients[0], np.r_[want.intercept_, want.coef_[0]], rtol=1e-6, atol=1e-8
    )


def test_the_variance_of_the_cumulative_hazard_is_that_of_its_derivatives() -> None:
    X, exit_, event, entry, weights = _draw()
    columns = _columns([1])
    fit = fit_ridge_hazard(
        X, period_spans(exit_, event, entry), weights, columns, causes=2, penalty=np.ones(6)
    )
    spent = spent_periods(np.array([0.0, 2.5, 8.0]), Q)

    def cumulative(coefficients: Floats) -> Floats:
        risk = incidence_by(ridge_hazards(X[:5], coefficients, columns), spent).sum(axis=2)
        return np.asarray(-np.log1p(-risk))

    gradient = np.empty((5, 3, 12))
    for j in range(12):
        step = np.zeros(12)
        step[j] = 1e-5
        up, down = (cumulative(fit.coefficients + s * step.reshape(2, 6)) for s in (1, -1))
        gradient[:, :, j] = (up - down) / 2e-5
    want = np.einsum("nma,ab,nmb->nm", gradient, fit.covariance, gradient)
    got = cumulative_variance(
        X[:5], fit, columns, ridge_hazards(X[:5], fit.coefficients, columns), spent
    )
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12)


def test_periods_in_which_nobody_can_leave_do_not_count() -> None:
    X, exit_, event, _, weights = _draw()
    event = np.where(exit_ == 3, 0, event)
    at_risk = np.arange(1, Q + 1) != 3
    columns = PeriodColumns(
        time=_columns().time, trend=np.zeros(Q), varying=np.empty(0, np.int64), at_risk=at_risk
    )
    spans = period_spans(exit_, event > 0)
    found = fit_ridge_hazard(X, spans, weights, columns, penalty=np.zeros(5))
    cut = expand_spans(spans)
    keep = cut.period != 3
    rows = np.column_stack([columns.time[cut.period[keep] - 1, 1:], X[cut.row[keep]]])
    want = LogisticRegression(C=np.inf, tol=1e-12, solver="newton-cholesky").fit(
        rows, cut.event[keep], sample_weight=weights[cut.row[keep]]
    )
    np.testing.assert_allclose(found.coefficients[0, 1:], want.coef_[0], rtol=1e-6, atol=1e-8)
    assert (ridge_hazards(X, found.coefficients, columns)[:, 2] == 0).all()


def test_what_has_no_answer_is_refused() -> None:
    X, exit_, event, _, weights = _draw()
    spans = period_spans(exit_, event > 0)
    names = ["intercept", "time", "a", "b", "c"]

    def fit(X: Floats, spans: PeriodSpans, penalty: Floats) -> RidgeHazard:
        return fit_ridge_hazard(X, spans, weights, _columns(), penalty=penalty, names=names)

    tells = X.copy()
    tells[:, 1] = np.where(event > 0, 3, -3) - 0.4 * exit_
    spread = np.r_[0, np.ones(4)]
    assert np.isfinite(fit(tells, spans, spread).coefficients).all()
    first = np.arange(300) % 3
    alike = PeriodSpans(first=first, last=first + 1, event=(X[:, 1] > 0).astype(int))
    with pytest.raises(FitError, match="tell exactly who leaves") as error:
        fit(X, alike, np.zeros(5))
    assert error.value.where == "fit_ridge_hazard, b"
    constant = X * [1, 0, 1]
    with pytest.raises(FitError, match="sums of others"):
        fit(constant, spans, np.zeros(5))
    with pytest.raises(FitError, match="nobody stays"):
        fit(X, PeriodSpans(first=alike.first, last=alike.last, event=np.ones(300, int)), spread)
    with pytest.raises(InputError, match="penalties"):
        fit(X, spans, np.zeros(3))
    X[7, 0] = np.nan
    with pytest.raises(InputError, match="missing or infinite"):
        fit(X, spans, spread)
