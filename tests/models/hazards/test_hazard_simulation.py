"""Hazards of months with a known truth: their recovery, and the coverage of their limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.outcome import Bools, Floats, Outcome

Q = 36
EFFECTS = np.array([0.5, -0.3, 0.6])
NEW = pd.DataFrame([[0, 0, 0], [1, 0, 0], [-1, 1, 0], [0, 0, 1], [1.5, -1.5, 1]], columns=[*"abc"])
HORIZONS = [6, 12, 24, 36]


def _hazard(X: Floats) -> Floats:
    """Return (n, 36) chances to leave in a month: most often around month 20."""
    month = np.arange(1, Q + 1)
    level = -4.2 + np.exp(-(((month - 20) / 7) ** 2)) - 0.5 * (month < 6)
    return np.asarray(1 / (1 + np.exp(-level - (X @ EFFECTS)[:, None])))


def _draw(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, Floats, Bools]:
    """Return columns, exit and whether left: censored at random, or at month 36."""
    X = np.column_stack([rng.normal(size=(n, 2)), rng.uniform(size=n) < 0.4])
    gone = rng.uniform(size=(n, Q)) < _hazard(X)
    time = np.where(gone.any(axis=1), gone.argmax(axis=1) + 1, 99)
    end = np.minimum(rng.integers(6, 61, n), Q)
    return pd.DataFrame(X, columns=[*"abc"]), np.minimum(time, end).astype(float), time <= end


def test_the_truth_is_recovered_with_late_entry() -> None:
    rng = np.random.default_rng(2)
    X, exit_, left = _draw(rng, 20_000)
    entry = np.where(rng.uniform(size=len(X)) < 0.5, rng.integers(0, 24, len(X)), 0)
    seen = exit_ > entry
    y = Outcome(entry[seen], exit_[seen], left[seen])
    model = DiscreteTimeHazard(time_df=6).fit(X[seen].reset_index(drop=True), y)
    error = np.abs(model.coef_ - EFFECTS) / np.sqrt(np.diag(model.covariance_))
    assert (error < 4).all()
    truth = 1 - np.cumprod(1 - _hazard(NEW.to_numpy()), axis=1)
    assert np.abs(model.predict_risk(NEW, np.arange(1, Q + 1)) - truth).max() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300])
def test_limits_cover(n: int, repetitions: int) -> None:
    # 2,000 repetitions: .9515 of 100 people and .9500 of 300, with a Monte Carlo error below .003
    # (.005 of a single risk, between .936 and .965).
    rng = np.random.default_rng(5)
    truth = 1 - np.cumprod(1 - _hazard(NEW.to_numpy()), axis=1)[:, np.array(HORIZONS) - 1]
    model, covered = DiscreteTimeHazard(), []
    for _ in range(repetitions):
        X, exit_, left = _draw(rng, n)
        found = model.fit(X, Outcome(0, exit_, left)).predict_risk_interval(NEW, HORIZONS)
        covered.append((found.lower <= truth) & (truth <= found.upper))
    share = np.mean(covered, axis=(1, 2))  # of 20 risks, which are not independent
    error = float(np.std(share) / np.sqrt(repetitions))
    assert abs(share.mean() - 0.95) < 4 * error + 0.01, f"{share.mean():.4f} +- {error:.4f}"
