"""Brier, AUC and C under censoring, against R, SciPy and scikit-learn, and by their identities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from gmts_models.outcome import Outcome
from gmts_models.stats.censoring import censoring_weights
from gmts_models.stats.scores import auc, brier_score, null_brier_score, observed_risk
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

PITFALLS = Path(__file__).parents[1] / "reference" / "pitfalls"


def test_brier_and_auc_agree_with_risk_regression(
    r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    data = pd.read_csv(open_data("reference/data/score_turnover.csv"))
    out = r_values("f_score_turnover")["km_ipcw"]
    y = Outcome(0, data["stag"], data["event"])
    for table, score in (("auc", auc), ("brier", brier_score)):
        rows = pd.DataFrame(
            {key: out[table][key] for key in ("model", "times", {"auc": "AUC"}.get(table, "Brier"))}
        )
        compared = 0
        for model, horizon, want in rows.itertuples(index=False):
            at = censoring_weights(y, horizon)
            if model in ("m1", "m2"):
                got = score(data[f"r_{model}_{horizon}"].to_numpy(), at)
            else:
                got = null_brier_score(at)
            np.testing.assert_allclose(got, want, rtol=1e-9)
            compared += 1
        assert compared >= 6


def test_brier_of_tied_months_agrees_with_r() -> None:
    # R 4.2.2, riskRegression::Score on rows 1001..1500 of tr.csv. Peers are up to 5 % off here.
    data = pd.read_csv(PITFALLS / "tr.csv").iloc[1000:]
    risk = pd.read_csv(PITFALLS / "pred.csv")
    y = Outcome(0, data["time"], data["status"] > 0)
    for horizon, want in ((6, 0.1613397430), (12, 0.2304185770), (24, 0.2420168258)):
        got = brier_score(risk[f"p{horizon}"].to_numpy(), censoring_weights(y, horizon))
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_without_censoring_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    time, risk = rng.integers(1, 30, 300).astype(float), rng.uniform(size=300).round(2)
    at = censoring_weights(Outcome(0, time, np.ones(300, int)), 12)
    np.testing.assert_allclose(brier_score(risk, at), brier_score_loss(time <= 12, risk))
    np.testing.assert_allclose(auc(risk, at), roc_auc_score(time <= 12, risk))


def test_all_who_remain_are_censored_at_the_horizon() -> None:
    # Two of ten left; eight are last seen exactly at their twelfth month, the census.
    time = np.array([3, 7] + [12] * 8, float)
    left = np.arange(10) < 2
    at = censoring_weights(Outcome(0, time, left), 12)
    np.testing.assert_array_equal(at.weight[:, 0], np.ones(10))
    assert null_brier_score(at)[0] == pytest.approx(0.2 * 0.8)


def test_horizon_past_the_census_is_not_scored() -> None:
    time, left = np.array([3, 12, 12, 20, 24, 24.0]), np.array([1, 0, 0, 1, 0, 0], bool)
    cohort = np.array([0, 0, 0, 1, 1, 1])
    at = censoring_weights(Outcome(0, time, left), 24, strata=cohort)
    np.testing.assert_array_equal(at.counted[:, 0], [0, 0, 0, 1, 1, 1])
    # The one who left early in a cohort whose census is past is not scored either.
    follow_up = np.array([12, 12, 12, 24, 24, 24.0])
    same = censoring_weights(Outcome(0, time, left), 24, follow_up=follow_up)
    np.testing.assert_array_equal(same.counted[:, 0], at.counted[:, 0])


rows = st.lists(st.tuples(st.integers(1, 15), st.booleans()), min_size=1, max_size=60)


@given(rows, st.integers(1, 16))
def test_weights_add_up_to_the_people(rows: list[tuple[int, bool]], horizon: int) -> None:
    time, left = (np.array(column) for column in zip(*rows, strict=True))
    at = censoring_weights(Outcome(0, time.astype(float), left), horizon)
    if at.counted.any():
        assert at.weight.sum() == pytest.approx(len(rows), rel=1e-9)
        curve = kaplan_meier(time.astype(float), left)
        staying = survival_at(curve, np.array([horizon], float)).survival[0]
        if not np.isnan(staying):
            assert observed_risk(at)[0] == pytest.approx(1 - staying, abs=1e-9)
    else:
        assert horizon > time.max()


@given(rows, st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_counts_are_replicated_rows(rows: list[tuple[int, bool]], horizon: int, seed: int) -> None:
    time, left = (np.array(column) for column in zip(*rows, strict=True))
    rng = np.random.default_rng(seed)
    counts, risk = rng.integers(0, 3, len(rows)), rng.uniform(size=len(rows)).round(1)
    y = Outcome(0, time.astype(float), left)
    by_counts = censoring_weights(y, horizon, counts=counts[:, None].astype(float))
    repeat = np.repeat(np.arange(len(rows)), counts)
    if len(repeat) == 0:
        return
    by_rows = censoring_weights(y[repeat], horizon)
    for score in (brier_score, auc):
        np.testing.assert_allclose(
            score(risk, by_counts), score(risk[repeat], by_rows), rtol=1e-9, atol=1e-12
        )


@pytest.mark.slow
def test_late_entry_weights_are_unbiased() -> None:
    """Among those who enter late, P(T <= 12 | T > entry) is recovered; ignoring entry is not."""
    rng = np.random.default_rng(5)
    repetitions, n, differences, naive = 400, 600, [], []
    for _ in range(repetitions):
        time = np.ceil(rng.exponential(30, n))
        entry = np.where(rng.uniform(size=n) < 0.5, rng.integers(0, 9, n), 0).astype(float)
        lost = entry + np.ceil(rng.exponential(25, n))
        seen = time > entry
        exit_, left = np.minimum(time, lost)[seen], (time <= lost)[seen]
        at = censoring_weights(Outcome(entry[seen], exit_, left), 12)
        share = float(at.left @ at.weight[:, 0]) / at.counted.sum()
        truth = (time <= 12)[seen].mean()
        differences.append(share - truth)
        naive.append(observed_risk(censoring_weights(Outcome(0, exit_, left), 12))[0] - truth)
    error = np.std(differences) / np.sqrt(repetitions)
    assert abs(np.mean(differences)) < 4 * error
    assert abs(np.mean(naive)) > 4 * error  # so the check above can fail


def test_an_early_gap_does_not_unscore_those_who_enter_later() -> None:
    entry = np.array([0, 2, 2, 2, 2, 2, 2.0])
    exit_ = np.array([1, 30, 30, 12, 20, 30, 30.0])
    left = np.array([0, 0, 0, 1, 1, 0, 0], bool)
    at = censoring_weights(Outcome(entry, exit_, left), 24)
    np.testing.assert_array_equal(at.counted[:, 0], [0, 1, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(at.weight[:, 0], [0, 1, 1, 1, 1, 1, 1])
