"""Causes joined to one whole: limits by the delta method, and Fine-Gray fits kept to 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.stats.competing.absolute_risk import SurvivalForm
from gmts_models.stats.competing.cause_specific import cause_specific_curves, fit_cause_specific
from gmts_models.stats.competing.cause_specific_prediction import (
    absolute_risk_limits,
    predict_absolute_risk,
)
from gmts_models.stats.competing.delta_limits import delta_limits
from gmts_models.stats.competing.fine_gray import fit_fine_gray
from gmts_models.stats.competing.fine_gray_prediction import fine_gray_curves, predict_fine_gray
from gmts_models.stats.competing.fine_gray_together import predict_fine_gray_together
from gmts_models.stats.cox.prediction import predict_survival

FORMS = get_args(SurvivalForm)
NEW = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 2.0]])


def _draw(seed: int, n: int, effect: float = 0.5) -> dict[str, Any]:
    """Tied months, two causes, late entry, two strata."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    hazard = np.exp(np.outer(X[:, 0], [effect, -effect / 2])) * [0.02, 0.01]
    total = hazard.sum(axis=1)
    time = np.ceil(rng.exponential(1 / total))
    census = rng.integers(24, 49, n)
    exit_ = np.minimum(time, census)
    cause = 1 + (rng.random(n) > hazard[:, 0] / total)
    return {
        "X": X,
        "exit_": exit_,
        "event": np.where(time <= census, cause, 0),
        "entry": np.where(rng.random(n) < 0.3, np.minimum(exit_ - 1, rng.integers(0, 10, n)), 0),
        "strata": rng.integers(0, 2, n),
    }


@pytest.mark.parametrize("form", FORMS)
def test_errors_agree_with_those_that_do_not_trust_the_model(form: SurvivalForm) -> None:
    """The model holds here, so that both are right; they differ by their own noise."""
    fit = fit_cause_specific(**_draw(1, 4000))
    asked: dict[str, Any] = {"strata": [0, 1, 1], "since": [0, 0, 5], "form": form}
    delta = delta_limits(cause_specific_curves(fit), NEW, [6, 24, 40], **asked)
    jackknife = absolute_risk_limits(fit, NEW, [6, 24, 40], **asked)
    np.testing.assert_allclose(delta.risk, jackknife.risk)
    np.testing.assert_allclose(delta.std_err, jackknife.std_err, rtol=0.08)
    np.testing.assert_allclose(delta.total_std_err, jackknife.total_std_err, rtol=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_errors_are_the_derivative_by_what_moves(form: SurvivalForm) -> None:
    """By moving coefficients and each jump of the baselines a little, and adding up squares."""
    curves = cause_specific_curves(fit_cause_specific(**_draw(2, 120)))
    times, strata = np.array([12.0, 24]), np.array([1, 0, 1])
    step = 1e-6

    def risk(of: Any) -> Any:
        return predict_absolute_risk(of, NEW, times, strata=strata, form=form)

    here, variance = risk(curves), 0.0
    for c, each in enumerate(curves):
        bases = list(each.baselines)
        for s, base in enumerate(bases):
            noise = np.diff(base.variance, prepend=0.0)
            for j in range(len(base.time)):
                cumulative = base.cumulative + step * (np.arange(len(base.time)) >= j)
                moved = [*bases[:s], replace(base, cumulative=cumulative), *bases[s + 1 :]]
                other = [*curves[:c], replace(each, baselines=tuple(moved)), *curves[c + 1 :]]
                variance = variance + ((risk(other) - here) / step) ** 2 * noise[j]
        slopes = []
        for p in range(len(each.coefficients)):
            # A coefficient moves the baseline too, against the mean of the risk sets.
            moved = [
                replace(base, cumulative=base.cumulative - step * base.mean[:, p]) for base in bases
            ]
            coefficients = each.coefficients + step * (np.arange(len(each.coefficients)) == p)
            changed = replace(each, coefficients=coefficients, baselines=tuple(moved))
            slopes.append((risk([*curves[:c], changed, *curves[c + 1 :]]) - here) / step)
        variance = variance + np.einsum("p...,pq,q...->...", slopes, each.covariance, slopes)
    got = delta_limits(curves, NEW, times, strata=strata, form=form)
    np.testing.assert_allclose(got.std_err, np.sqrt(variance), rtol=1e-4)


def test_one_cause_has_the_limits_of_cox() -> None:
    d = _draw(3, 200)
    fit = fit_cause_specific(**(d | {"event": (d["event"] > 0).astype(int)}))
    got = delta_limits(cause_specific_curves(fit), NEW, [6, 24, 60], strata=[0, 1, 1])
    want = predict_survival(fit.fits[0], NEW, [6, 24, 60], strata=[0, 1, 1], interval="log-log")
    for risk, stay in (
        (got.total, want.survival),
        (got.total_lower, want.upper),
        (got.total_upper, want.lower),
        (got.lower[:, :, 0], want.upper),
    ):
        np.testing.assert_allclose(risk, 1 - stay, rtol=1e-9)
    np.testing.assert_allclose(got.total_std_err, want.std_err, rtol=1e-9)
    assert np.isnan(got.total_lower[:, 2]).all()


def test_fine_gray_by_hand_stops_in_the_month_of_one() -> None:
    """Incidences 1/2 and 1/4 after a month; then 3/4 and 3/4, of which there is room for 1/4."""
    d = _draw(4, 200)
    curves = [fine_gray_curves(fit_fine_gray(**d, cause=cause)) for cause in (1, 2)]
    hazards = -np.log1p(-np.array([[0.5, 0.75, 0.8], [0.25, 0.75, 0.9]]))
    by_hand = [
        replace(
            each,
            coefficients=np.zeros(2),
            baselines=(replace(each.baselines[0], time=np.array([1.0, 2, 3]), cumulative=hazard),),
        )
        for each, hazard in zip(curves, hazards, strict=True)
    ]
    got = predict_fine_gray_together(by_hand, [[0.0, 0.0]], [0, 1, 2, 3, 24])
    # Growth of 1/4 and 1/2, of which a third each is left: 1/12 and 1/6.
    stopped = [0.5 + 1 / 12, 0.25 + 1 / 6]
    want = [[0, 0], [0.5, 0.25], stopped, stopped, stopped]
    np.testing.assert_allclose(got[0], want, atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 3.0))
def test_fine_gray_together_is_a_distribution(seed: int, far: float) -> None:
    d = _draw(seed, 150, effect=1.5)
    curves = [fine_gray_curves(fit_fine_gray(**d, cause=cause)) for cause in (1, 2)]
    times, strata = np.arange(0.0, 25), np.array([0, 1])
    X = np.array([[far, 0], [-far, far]])
    got = predict_fine_gray_together(curves, X, times, strata=strata)
    known = ~np.isnan(got).any(axis=2)
    assert (got[known] >= 0).all()
    assert (got[known].sum(axis=1) <= 1 + 1e-12).all()
    assert (np.diff(got, axis=1)[known[:, 1:]] >= 0).all()
    alone = np.stack([predict_fine_gray(each, X, times, strata=strata) for each in curves], axis=2)
    np.testing.assert_array_equal(np.isnan(alone), np.isnan(got))
    free = known & (alone.sum(axis=2) <= 1)
    np.testing.assert_allclose(got[free], alone[free], atol=1e-12)
    stopped = known & (alone.sum(axis=2) > 1)
    np.testing.assert_allclose(got[stopped].sum(axis=1), 1, atol=1e-12)


def test_a_ridge_on_fine_gray_draws_to_none_and_is_cox_without_competition() -> None:
    d = _draw(5, 200)
    penalty = np.full(2, 1e9)
    strong = fit_fine_gray(**d, cause=1, penalty=penalty)
    assert np.abs(strong.coefficients).max() < 1e-5
    one = d | {"event": (d["event"] > 0).astype(int)}
    fine_gray = fit_fine_gray(**one, cause=1, penalty=np.array([3.0, 3.0]))
    cox = fit_cause_specific(**one, penalty=np.array([3.0, 3.0]))
    np.testing.assert_allclose(fine_gray.coefficients, cox.fits[0].coefficients, rtol=1e-9)
