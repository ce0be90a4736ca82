"""Bounds of a new person's time: by hand, and how many they cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks

from gmts_models.errors import FitError, InputError
from gmts_models.models.combining.conformal_time import ConformalTime
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.censoring import leaver_weights
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at


def _draw(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, Floats]:
    """Return attributes, one of which matters, and whole months of leaving."""
    X = pd.DataFrame({"x": rng.normal(size=n), "noise": rng.normal(size=n)})
    return X, np.ceil(12 * np.exp(-0.7 * X["x"]) * rng.weibull(1.3, size=n)).to_numpy(float)


def _observed(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, Outcome]:
    X, time = _draw(rng, n)
    lost = rng.integers(12, 100, n)
    return X, Outcome(0, np.minimum(time, lost), time <= lost)


def test_weights_of_leavers_are_those_of_kaplan_meier() -> None:
    _, y = _observed(np.random.default_rng(1), 400)
    weight = leaver_weights(y)
    assert (weight[~y.left] == 0).all()
    curve = kaplan_meier(y.exit, y.left)
    for month in (3.0, 12.0, 24.0, 60.0):
        share = weight[y.exit <= month].sum() / len(y)
        assert share == pytest.approx(1 - survival_at(curve, [month]).survival[0], rel=1e-12)


def test_weights_of_counts_are_those_of_repeated_rows() -> None:
    _, y = _observed(np.random.default_rng(2), 60)
    counts = np.random.default_rng(3).integers(1, 4, 60).astype(float)
    repeated = y[np.repeat(np.arange(60), counts.astype(int))]
    assert leaver_weights(y, counts).sum() == pytest.approx(leaver_weights(repeated).sum())


def test_without_censoring_it_is_split_conformal_by_hand() -> None:
    # Kaplan-Meier without groups: everyone's risk is the training share. 40 people leave at months
    # 1..40; the scores of the calibration are their ranks, about.
    y = Outcome(0, np.arange(1.0, 41.0), np.ones(40, dtype=bool))
    X = pd.DataFrame({"a": np.zeros(40)})
    model = ConformalTime(KaplanMeier(by=None), folds=40).fit(X, y)
    bounds = model.predict_time_bounds(X.head(1), level=0.8)
    # Of 41 with the new one, at most 4 may lie below the lower bound: with the new one itself
    # counted as below, 3 leavers, so that the bound is month 4 or just beside it.
    assert 3 <= bounds.lower[0] <= 5
    assert 36 <= bounds.upper[0] <= 38


@pytest.mark.slow
def test_bounds_cover_as_many_as_they_say(repetitions: int) -> None:
    # 2,000 repetitions at a nominal .90: lower .9077, upper .9300, Monte Carlo error .0008.
    runs = min(repetitions // 2, 2000)
    covered = np.empty((runs, 2))
    for run in range(runs):
        rng = np.random.default_rng(run)
        X, y = _observed(rng, 100)
        new, time = _draw(rng, 400)
        bounds = ConformalTime(CoxPH()).fit(X, y).predict_time_bounds(new, level=0.8)
        covered[run] = (time >= bounds.lower).mean(), (time <= bounds.upper).mean()
    mean, error = covered.mean(axis=0), covered.std(axis=0) / np.sqrt(runs)
    said = f"lower {mean[0]:.4f}, upper {mean[1]:.4f}, Monte Carlo error {error.max():.4f}"
    assert (mean > 0.9 - 3 * error).all(), said
    assert (mean < 0.95).all(), said


def test_a_bound_that_follow_up_does_not_reach_is_infinite() -> None:
    rng = np.random.default_rng(4)
    X, time = _draw(rng, 200)
    y = Outcome(0, np.minimum(time, 6), time <= 6)
    bounds = ConformalTime(CoxPH()).fit(X, y).predict_time_bounds(X, level=0.9)
    assert np.isinf(bounds.upper).all()
    assert (bounds.lower <= 6).all()
    assert bounds.to_frame().shape == (200, 2)


def test_stronger_demands_give_wider_bounds() -> None:
    X, y = _observed(np.random.default_rng(5), 300)
    model = ConformalTime(CoxPH()).fit(X, y)
    narrow, wide = (model.predict_time_bounds(X, level=level) for level in (0.5, 0.9))
    assert (wide.lower <= narrow.lower).all()
    assert (wide.upper >= narrow.upper).all()
    assert (narrow.lower <= narrow.upper).all()


def test_what_it_cannot_do_is_refused() -> None:
    X, y = _observed(np.random.default_rng(6), 50)
    late = Outcome(np.where(y.exit > 3, 1.0, 0.0), y.exit, y.left)
    with pytest.raises(FitError, match="entered late"):
        ConformalTime(CoxPH()).fit(X, late)
    with pytest.raises(InputError, match="level must lie"):
        ConformalTime(CoxPH()).fit(X, y).predict_time_bounds(X, level=1.0)
    with pytest.raises(InputError, match="folds"):
        ConformalTime(CoxPH(), folds=51).fit(X, y)


def test_scikit_learn_checks() -> None:
    found = run_checks(ConformalTime(CoxPH(alpha=1.0, ties="breslow"), folds=2))
    failed = {name: said for name, (status, said) in found.items() if status == "failed"}
    # Folds are drawn over rows, so that a row of weight 2 is not the row twice.
    assert set(failed) <= {"check_sample_weight_equivalence_on_dense_data"}, failed
