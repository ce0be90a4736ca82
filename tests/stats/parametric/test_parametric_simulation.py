"""Bias and coverage of parametric fits where the truth is known.

GMTS_SIMULATION_REPETITIONS = 2000 or more for the figures of docs/numbers.md; 200 by default. A
figure is accepted within 4 Monte Carlo standard errors, and coverage so around what 95 % is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gmts_models.stats.parametric.fit import fit_parametric
from gmts_models.stats.parametric.observations import (
    Observations,
    interval_censored,
    right_censored,
)
from gmts_models.stats.parametric.predict import predict_quantile, predict_survival

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))
INTERCEPT, EFFECT = 3.2, 0.5
SCALE = {"weibull": 0.8, "lognormal": 0.9}
NEW, STAYED, HORIZON = np.array([[1.0]]), 12, 24
STANDARD = {"weibull": stats.gumbel_l, "lognormal": stats.norm}


def _draw(name: str, rng: np.random.Generator, n: int = 400) -> tuple[Any, ...]:
    """Half come under observation late, after whole months; the census is at 36 months."""
    X = (rng.random((4 * n, 1)) < 0.5).astype(float)
    noise = STANDARD[name].ppf(rng.random(4 * n))
    time = np.exp(INTERCEPT + EFFECT * X[:, 0] + SCALE[name] * noise)
    entry = np.where(rng.random(4 * n) < 0.5, rng.integers(1, 13, 4 * n), 0)
    there = np.flatnonzero(time > entry)[:n]  # who has left already is never seen
    lost = entry[there] + np.ceil(rng.uniform(6, 30, n))
    return X[there], time[there], entry[there].astype(float), lost


def _observed(kind: str, time: Any, entry: Any, lost: Any) -> Observations:
    """Exact times; or the month in which they fall, as an interval or taken for its end."""
    left = time <= lost
    if kind == "exact":
        return right_censored(np.minimum(time, lost), left, entry)
    month = np.ceil(time)
    if kind == "rounded":
        return right_censored(np.minimum(month, lost), left, entry)
    return interval_censored(np.where(left, month - 1, lost), np.where(left, month, np.nan), entry)


def _simulate(name: str, kind: str) -> dict[str, np.ndarray]:
    """Return estimate and whether the interval holds the truth, (r, 2), by figure."""
    rng = np.random.default_rng(20)
    eta = INTERCEPT + EFFECT
    law = STANDARD[name]
    survival = law.sf((np.log([STAYED, HORIZON]) - eta) / SCALE[name])
    median = np.exp(eta + SCALE[name] * law.ppf(0.5))
    truth = {
        "intercept": INTERCEPT,
        "effect": EFFECT,
        "log scale": np.log(SCALE[name]),
        "median": median,
        "stays, given stayed": survival[1] / survival[0],
    }
    found: dict[str, list[list[float]]] = {each: [] for each in truth}
    z = stats.norm.ppf(0.975)
    for _ in range(REPETITIONS):
        X, *rest = _draw(name, rng)
        fit = fit_parametric(X, _observed(kind, *rest), name)
        theta = [*fit.coefficients, np.log(fit.scale[0])]
        se = np.sqrt(np.diag(fit.covariance))
        for j, each in enumerate(("intercept", "effect", "log scale")):
            inside = abs(theta[j] - truth[each]) < z * se[j]
            found[each].append([theta[j] - truth[each], inside])
        quantile = predict_quantile(fit, NEW, [0.5])
        stays = predict_survival(fit, NEW, [HORIZON], since=STAYED)
        for each, at in (("median", quantile), ("stays, given stayed", stays)):
            inside = at.lower[0, 0] < truth[each] < at.upper[0, 0]
            found[each].append([at.estimate[0, 0] - truth[each], inside])
    return {each: np.array(values, dtype=float) for each, values in found.items()}


Record = Callable[[str, object], None]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weibull", "lognormal"])
@pytest.mark.parametrize("kind", ["exact", "interval"])
def test_estimates_are_unbiased_and_intervals_cover(
    name: str, kind: str, record_property: Record
) -> None:
    """With exact times, and with months treated as the intervals that they are.

    Maximum likelihood has a bias of order 1 / n of its own, which the band allows for.
    """
    for each, values in _simulate(name, kind).items():
        bias, cover = values.mean(axis=0)
        spread = values[:, 0].std(ddof=1)
        record_property(f"{name} {kind} {each}", f"{bias / spread:+.3f} SE, covers {cover:.4f}")
        assert abs(bias) < (4 / np.sqrt(REPETITIONS) + OWN_BIAS) * spread, each
        assert abs(cover - 0.95) < 4 * np.sqrt(0.05 * 0.95 / REPETITIONS) + OWN_COVER, each


OWN_BIAS, OWN_COVER = 0.12, 0.005
"""Of maximum likelihood at n = 400: bias in standard errors of the estimate, loss of coverage."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weibull", "lognormal"])
def test_months_taken_for_exact_times_bias_the_scale(name: str, record_property: Record) -> None:
    """Rounding up lengthens the short times most, so that the scale comes out too small.

    Its intervals then miss the truth: times known to the month belong in `interval_censored`.
    """
    for each, values in _simulate(name, "rounded").items():
        bias, cover = values.mean(axis=0)
        spread = values[:, 0].std(ddof=1)
        record_property(f"{name} rounded {each}", f"{bias / spread:+.3f} SE, covers {cover:.4f}")
        if each == "log scale":
            assert bias < (-0.5 + 4 / np.sqrt(REPETITIONS)) * spread
            assert cover < 0.9 + 4 * np.sqrt(0.1 * 0.9 / REPETITIONS)
