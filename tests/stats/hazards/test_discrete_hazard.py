"""Hazards of whole periods against the curves they must be, and known truth."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.hazards.discrete_hazard import (
    cause_hazards,
    cause_hazards_at,
    discrete_hazard,
    discrete_hazard_at,
    incidence_of,
    survival_of,
)
from gmts_models.stats.survival.kaplan_meier import kaplan_meier

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))
NOTHING = np.zeros((1, 0))


def _line(period: Floats) -> Floats:
    return np.column_stack([np.ones_like(period), period])


def _steps(period: Floats) -> Floats:
    return np.asarray(np.equal.outer(period, np.arange(1.0, 5)), dtype=float)


def _draw(seed: int, n: int = 200) -> tuple[Floats, Floats, Ints, Floats]:
    """Return X, exit, cause (0, 1, 2) and entry in whole periods up to 4."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    time = np.ceil(rng.exponential(3 * np.exp(-0.3 * x[:, 0])))
    end = rng.integers(1, 5, n)
    entry = np.minimum(rng.integers(0, 3, n), np.minimum(time, end) - 1)
    cause = np.where(time <= end, rng.integers(1, 3, n), 0)
    return x, np.minimum(time, end).astype(float), cause, entry.astype(float)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_without_columns_it_is_the_kaplan_meier_curve(link: str) -> None:
    x, exit_, cause, entry = _draw(1)
    got = discrete_hazard(x[:, :0], exit_, cause > 0, entry, link=link)  # type: ignore[arg-type]
    hazard = discrete_hazard_at(got, NOTHING, [1, 2, 3, 4, 5]).hazard
    want = kaplan_meier(exit_, cause > 0, entry).survival
    np.testing.assert_allclose(survival_of(hazard)[0], [*want, np.nan], rtol=1e-9)


def test_causes_without_columns_are_the_product_of_their_shares() -> None:
    x, exit_, cause, entry = _draw(2, 600)
    got = cause_hazards(x[:, :0], exit_, cause, entry, baseline=_steps)
    hazard = cause_hazards_at(got, NOTHING, [1, 2, 3, 4])
    at_risk = [((entry < t) & (exit_ >= t)).sum() for t in (1, 2, 3, 4)]
    share = [
        [((exit_ == t) & (cause == k)).sum() / n for k in (1, 2)]
        for t, n in zip((1, 2, 3, 4), at_risk, strict=True)
    ]
    np.testing.assert_allclose(hazard[0], share, rtol=1e-9)
    incidence = incidence_of(hazard)[0]
    survival = kaplan_meier(exit_, cause > 0, entry).survival
    np.testing.assert_allclose(incidence.sum(axis=1) + survival, 1, rtol=1e-12)
    assert (np.diff(incidence, axis=0) >= 0).all()


@pytest.mark.parametrize("link", ["logit", "cloglog"])
@given(seed=st.integers(0, 10_000))
def test_weights_order_width_and_rows_of_a_person(link: str, seed: int) -> None:
    x, exit_, cause, entry = _draw(seed)
    rng = np.random.default_rng(seed)
    times = rng.integers(1, 4, len(x))
    options = {"link": link, "baseline": _line}
    found = discrete_hazard(x, exit_, cause > 0, entry, times, np.arange(200), **options)  # type: ignore[arg-type]
    copied = rng.permutation(np.repeat(np.arange(200), times))
    other = discrete_hazard(
        x[copied], exit_[copied] * 12, cause[copied] > 0, entry[copied] * 12,
        clusters=copied, width=12, **options,  # type: ignore[arg-type]
    )  # fmt: skip
    np.testing.assert_allclose(other.coefficients, found.coefficients, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(other.naive_covariance, found.naive_covariance, rtol=1e-6, atol=1e-9)
    cut = np.flatnonzero(exit_ - entry > 1)
    rows = np.concatenate([np.arange(200), cut])
    end, begin, event = exit_[rows], entry[rows], cause[rows] > 0
    end[cut], event[cut] = entry[cut] + 1, False
    begin[200:] = entry[cut] + 1
    split = discrete_hazard(x[rows], end, event, begin, times[rows], rows, **options)  # type: ignore[arg-type]
    np.testing.assert_allclose(split.coefficients, found.coefficients, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(split.covariance, found.covariance, rtol=1e-6, atol=1e-9)


@given(seed=st.integers(0, 10_000))
def test_labels_of_causes_are_only_labels(seed: int) -> None:
    x, exit_, cause, entry = _draw(seed)
    found = cause_hazards(x, exit_, cause, entry, baseline=_line)
    turned = cause_hazards(x, exit_, np.array([0, 2, 1])[cause], entry, baseline=_line)
    np.testing.assert_allclose(turned.coefficients[::-1], found.coefficients, rtol=1e-7, atol=1e-9)
    hazard = cause_hazards_at(found, x[:3], [1, 2, 5])
    assert hazard.shape == (3, 3, 2)
    assert np.isnan(hazard[:, 2]).all()


def test_bad_input_is_refused() -> None:
    x, exit_, cause, _ = _draw(4)
    with pytest.raises(InputError, match="X has shape"):
        discrete_hazard(x[:3], exit_, cause > 0)
    with pytest.raises(InputError, match="unknown cause"):
        cause_hazards(x, exit_, np.where(cause == 2, -1, cause), baseline=_line)
    with pytest.raises(InputError, match="baseline of 4 periods"):
        discrete_hazard(x, exit_, cause > 0, baseline=lambda period: np.ones((2, 1)))
    with pytest.raises(FitError) as error:
        discrete_hazard(x, exit_, (cause > 0) & (exit_ != 3))
    assert error.value.where == "discrete_hazard, periods 3"


@pytest.mark.slow
def test_cloglog_recovers_proportional_hazards_and_both_errors_cover() -> None:
    # Continuous times with hazard 0.03 exp(0.5 x) a month, late entry, a census at the end of a
    # quarter: the complementary log-log hazard of quarters has the same 0.5, intercept log(0.09).
    rng = np.random.default_rng(12)
    truth = np.array([np.log(0.09), 0.5])
    estimates, naive, robust = [], [], []
    for _ in range(REPETITIONS):
        x = rng.normal(size=(400, 1))
        time = rng.exponential(1 / (0.03 * np.exp(0.5 * x[:, 0])))
        entry = np.where(rng.uniform(size=400) < 0.4, rng.uniform(0, 12, 400), 0)
        end = 3 * np.ceil((entry + rng.uniform(1, 36, 400)) / 3)
        seen = time > entry
        found = discrete_hazard(
            x[seen], np.minimum(time, end)[seen], (time <= end)[seen], entry[seen], None,
            np.arange(400)[seen], link="cloglog", width=3, baseline=lambda t: np.ones((len(t), 1)),
        )  # fmt: skip
        estimates.append(found.coefficients)
        miss = np.abs(found.coefficients - truth) / 1.959964
        naive.append(miss < np.sqrt(np.diag(found.naive_covariance)))
        robust.append(miss < np.sqrt(np.diag(found.covariance)))
    error = np.std(estimates, axis=0) / np.sqrt(REPETITIONS)
    bias = np.mean(estimates, axis=0) - truth
    # The maximum likelihood's bias of order 1 / departures.
    assert (np.abs(bias) < 4 * error + 0.006).all(), f"{bias} +- {error}"
    band = 4 * np.sqrt(0.95 * 0.05 / REPETITIONS)
    for name, kind in (("naive", naive), ("robust", robust)):
        share = np.mean(kind, axis=0)[1]
        assert abs(share - 0.95) < band + 0.01, f"{name} covers {share}"
