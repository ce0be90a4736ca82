"""Columns of the period: their span, their knots, and what cannot be told apart."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import FitError, InputError
from gmts_models.models.hazards.time_basis import TimeKind, fit_time_basis

KINDS = get_args(TimeKind)
GONE = [0, 3, 0, 2, 5, 0, 4, 1, 0, 2, 3, 0]
SEEN = [90, 88, 80, 79, 70, 60, 58, 50, 40, 39, 30, 10]


def test_knots_are_periods_in_which_people_left() -> None:
    # Cumulated departures 3, 5, 10, 14, 15, 17, 20 in periods 2, 4, 5, 7, 8, 10, 11.
    assert fit_time_basis("spline", GONE, SEEN).knots.tolist() == [2, 5, 7, 11]
    assert fit_time_basis("steps", GONE, SEEN, df=3).knots.tolist() == [4, 5, 8]
    assert fit_time_basis("months", GONE, SEEN).knots.tolist() == [2, 4, 5, 7, 8, 10, 11]
    steps = fit_time_basis("steps", [0, 0, 9, 1], [20, 20, 20, 11], df=3)
    assert steps.knots.tolist() == [3]  # the last band has somebody who leaves, as each has
    assert steps.names == ("time: after 3",)


def test_a_spline_is_straight_outside_its_knots_and_smooth_inside() -> None:
    basis = fit_time_basis("spline", GONE, SEEN, df=4)
    at = np.linspace(0.5, 14, 2701)
    second = np.diff(basis.columns(at), n=2, axis=0) / 0.005**2
    first, last = basis.knots[[0, -1]]
    inner = at[1:-1]
    outside = (inner < first - 0.01) | (inner > last + 0.01)
    assert np.abs(second[outside]).max() < 1e-6
    assert np.abs(np.diff(second, axis=0)).max() < 0.02  # no jump of the curvature
    assert np.abs(second).max() > 0.1


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000), df=st.integers(1, 6))
def test_columns_are_standardised_and_independent(kind: TimeKind, seed: int, df: int) -> None:
    rng = np.random.default_rng(seed)
    q = int(rng.integers(1, 40))
    seen = np.sort(rng.integers(1, 200, q))[::-1]
    gone = rng.binomial(np.minimum(seen, 3), 0.2)
    if not gone.any():
        with pytest.raises(FitError, match="nobody leaves"):
            fit_time_basis(kind, gone, seen, df=df)
        return
    basis = fit_time_basis(kind, gone, seen, df=df)
    period = np.arange(1.0, q + 1)
    kept = basis.can_leave(period)
    columns = basis.columns(period[kept])
    assert columns.shape == (kept.sum(), len(basis.names))
    weight = seen[kept] / seen[kept].sum()
    np.testing.assert_allclose(weight @ columns, 0, atol=1e-9)
    np.testing.assert_allclose(weight @ columns**2, 1, rtol=1e-9)
    if kind == "spline":
        gram = columns.T @ (weight[:, None] * columns)
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-8)
    design = np.column_stack([np.ones(len(columns)), columns])
    assert np.linalg.matrix_rank(design) == design.shape[1]
    # Weights are people: twice as many of all changes nothing.
    again = fit_time_basis(kind, 2 * gone, 2 * seen, df=df)
    np.testing.assert_array_equal(again.knots, basis.knots)
    np.testing.assert_allclose(again.columns(period), basis.columns(period), rtol=1e-12)


def test_months_without_departures_have_no_column_and_no_hazard() -> None:
    basis = fit_time_basis("months", GONE, SEEN)
    period = np.arange(1, 14)
    assert (basis.can_leave(period) == np.array([*GONE, 0], bool)).all()
    assert len(basis.names) == 6
    assert fit_time_basis("spline", GONE, SEEN).can_leave(period).all()
    assert basis.last == 12


@pytest.mark.parametrize("kind", KINDS)
def test_one_period_has_no_columns(kind: TimeKind) -> None:
    basis = fit_time_basis(kind, [3], [9])
    assert basis.columns([1.0, 2.0]).shape == (2, 0)
    assert basis.names == ()


def test_what_is_no_basis_is_refused() -> None:
    with pytest.raises(InputError, match='one of "spline", "steps"'):
        fit_time_basis("cubic", GONE, SEEN)  # type: ignore[arg-type]
    for df in (0, 2.5, True, "3"):
        with pytest.raises(InputError, match="whole number"):
            fit_time_basis("steps", GONE, SEEN, df=df)  # type: ignore[arg-type]
