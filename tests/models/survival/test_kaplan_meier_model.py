"""Kaplan-Meier as a model: weights, limits against R and at the edges, late entry, coverage."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Outcome

LUNG = Path(__file__).parents[2] / "reference" / "data" / "lung_cc.csv"


def _people(n: int = 120, seed: int = 1) -> tuple[pd.DataFrame, Outcome]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"group": rng.choice(["a", "b"], n)})
    time, lost = np.ceil(rng.exponential(20, n)), rng.integers(6, 40, n)
    return X, Outcome(0, np.minimum(time, lost), time <= lost)


@pytest.mark.parametrize("case", ["overall_log-log", "by_sex_log-log"])
def test_limits_agree_with_r(
    case: str, r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    lung = pd.read_csv(open_data("reference/data/lung.csv"))
    by = "sex" if case.startswith("by") else None
    y = Outcome(0, lung["time"], lung["status"] == lung["status"].max())
    model = KaplanMeier(by=by).fit(lung, y)
    for group, at in r_values("a_km_lung")[case]["at"].items():
        new = pd.DataFrame({"sex": [group.removeprefix("sex=")]})
        months = np.array(at["time"])
        curve = model.curves_.get(new["sex"].iloc[0], model.pooled_)
        seen = (months > 0) & (months <= curve.time[-1])
        found = model.predict_risk_interval(new, months[seen])
        want = {name: np.array(at[name], dtype=float)[seen] for name in ("surv", "lower", "upper")}
        np.testing.assert_allclose(1 - found.risk[0], want["surv"], rtol=1e-9)
        np.testing.assert_allclose(1 - found.upper[0], want["lower"], rtol=1e-9)
        np.testing.assert_allclose(1 - found.lower[0], want["upper"], rtol=1e-9)


def test_a_weight_of_two_is_the_row_twice() -> None:
    X, y = _people()
    weight = np.resize([2, 0, 1], len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = KaplanMeier(by="group").fit(X, y, sample_weight=weight)
    again = KaplanMeier(by="group").fit(X.iloc[rows], y[rows])
    horizons = [0, 6, 12, 24, 39]
    got, want = (each.predict_risk_interval(X, horizons) for each in (weighted, again))
    for part in ("risk", "lower", "upper"):
        np.testing.assert_allclose(getattr(got, part), getattr(want, part), rtol=1e-12)
    with pytest.raises(InputError, match="every sample_weight is zero"):
        KaplanMeier(by=None).fit(X, y, sample_weight=np.zeros(len(X)))


def test_limits_where_nobody_or_everybody_has_left() -> None:
    """Eight people: nobody leaves until 10; then one by one until the last leaves at 20."""
    exit_ = np.array([4, 10, 12, 14, 16, 18, 19, 20.0])
    y = Outcome(0, exit_, np.array([0, 1, 1, 1, 1, 1, 1, 1]))
    X = pd.DataFrame({"group": ["a"] * 8})
    model = KaplanMeier(by="group").fit(X, y)
    found = model.predict_risk_interval(X[:1], [0, 3, 5, 12, 19.5, 20, 30])
    np.testing.assert_allclose(found.risk[0], [0, 0, 0, 2 / 7, 6 / 7, 1, 1])
    # 0 of 8, and 0 of 7 once one is lost from sight: Clopper-Pearson.
    exact = [stats.beta.ppf(0.975, 1, n) for n in (8, 8, 7)]
    np.testing.assert_allclose(found.upper[0, :3], exact)
    np.testing.assert_array_equal(found.lower[0, :3], 0)
    # Two of seven by hand: Greenwood's variance of log S is 1/7/6 + 1/6/5.
    stays, width = 5 / 7, 1.959964 * np.sqrt(1 / 42 + 1 / 30) / np.log(5 / 7)
    limits = [1 - stays ** np.exp(sign * width) for sign in (1, -1)]
    np.testing.assert_allclose([found.lower[0, 3], found.upper[0, 3]], limits, rtol=1e-6)
    np.testing.assert_array_equal(found.upper[0, 5:], 1)
    np.testing.assert_array_equal(found.lower[0, 5:], found.lower[0, 4])


def test_nobody_leaves_or_everybody_at_once() -> None:
    X = pd.DataFrame({"group": ["a"] * 5})
    stays = KaplanMeier(by="group").fit(X, Outcome(0, np.full(5, 9.0), np.zeros(5, int)))
    found = stays.predict_risk_interval(X[:1], [9, 10])
    np.testing.assert_allclose(found.upper[0, 0], stats.beta.ppf(0.975, 1, 5))
    assert np.isnan([found.risk[0, 1], found.lower[0, 1], found.upper[0, 1]]).all()
    goes = KaplanMeier(by=None).fit(X, Outcome(0, np.full(5, 9.0), np.ones(5, int)))
    found = goes.predict_risk_interval(X[:1], [9])
    assert found.risk[0, 0] == found.upper[0, 0] == 1
    np.testing.assert_allclose(found.lower[0, 0], stats.beta.ppf(0.025, 5, 1))


def test_whom_no_group_knows_gets_the_curve_of_all() -> None:
    X, y = _people()
    model, pooled = KaplanMeier(by="group").fit(X, y), KaplanMeier(by=None).fit(X, y)
    new = pd.DataFrame({"group": ["b", "elsewhere", "a"]}, index=[7, 7, 9])
    found = model.predict_risk_interval(new, [6, 12])
    np.testing.assert_array_equal(
        found.upper[1], pooled.predict_risk_interval(new, [6, 12]).upper[0]
    )
    np.testing.assert_array_equal(found.risk, model.predict_risk(new, [6, 12]))
    assert found.risk[0, 1] != found.risk[2, 1]
    assert model.predict_risk(new[:0], [6]).shape == (0, 1)
    assert model.predict_risk_interval(new[:0], [6]).lower.shape == (0, 1)


def test_people_who_stand_in_several_rows_count_once() -> None:
    """A stack of one person's rows says no more than one of them."""
    X, y = _people()
    n = len(X)
    ids = np.arange(n)
    twice = Outcome(
        np.r_[y.entry, y.entry],
        np.r_[y.exit, y.exit],
        np.r_[y.event, y.event],
        ids=np.r_[ids, ids],
        clocks=np.r_[np.zeros(n), np.ones(n)],
    )
    both = pd.concat([X, X], ignore_index=True)
    one = KaplanMeier(by=None).fit(X, y).predict_risk_interval(X[:1], [6, 12])
    stacked = KaplanMeier(by=None).fit(both, twice).predict_risk_interval(X[:1], [6, 12])
    np.testing.assert_allclose(stacked.risk, one.risk)
    np.testing.assert_allclose(stacked.lower, one.lower, rtol=1e-9)
    np.testing.assert_allclose(stacked.upper, one.upper, rtol=1e-9)


def test_late_entry_is_respected() -> None:
    """Hazard 1 / 20: who leaves before entry is never seen. Nobody is seen before month 1."""
    rng = np.random.default_rng(2)
    time, entry = rng.exponential(20, 6000), rng.uniform(1, 15, 6000)
    there = time > entry
    y = Outcome(entry[there], np.minimum(time, 40)[there], (time < 40)[there])
    X = pd.DataFrame({"group": np.where(np.arange(len(y)) % 2, "a", "b")})
    want = (np.exp(-2 / 20) - np.exp(-24 / 20)) / np.exp(-2 / 20)
    since = KaplanMeier(by=None).fit(X, y)
    risk = since.predict_risk(X[:1], [2, 24])[0]
    assert 1 - (1 - risk[1]) / (1 - risk[0]) == pytest.approx(want, abs=0.03)
    # Until somebody is seen nothing is known: the limits are 0 and 1.
    found = since.predict_risk_interval(X[:1], [0.5])
    assert (found.lower[0, 0], found.upper[0, 0]) == (0, 1)


def test_scikit_learns_checks_pass() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = run_checks(KaplanMeier(by=None))
    assert {name for name, (status, _) in results.items() if status == "failed"} == set()


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 300])
def test_limits_cover(n: int, repetitions: int) -> None:
    """Weibull times, censored from 12 to 60 months.

    With 2,000 repetitions 97.1, 95.9, 95.5 and 95.0 % at 6, 12, 24 and 36 months (n = 100), and
    95.1, 94.6, 95.0, 94.8 % (300), with a Monte Carlo error of 0.5.
    """
    horizons, hits = np.array([6, 12, 24, 36.0]), []
    want = -np.expm1(-((horizons / 35) ** 1.2))
    X = pd.DataFrame({"group": np.zeros(n)})
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        time, lost = 35 * rng.weibull(1.2, n), rng.uniform(12, 60, n)
        model = KaplanMeier(by=None).fit(X, Outcome(0, np.minimum(time, lost), time <= lost))
        found = model.predict_risk_interval(X[:1], horizons)
        hits.append(((found.lower <= want) & (want <= found.upper))[0])
    share, error = np.mean(hits, axis=0), np.sqrt(0.95 * 0.05 / repetitions)
    told = f"n = {n}: {100 * share} %, Monte Carlo error {100 * error:.2f}"
    assert (share > 0.94 - 3.5 * error).all(), told
    assert (share < 0.98 + 3.5 * error).all(), told
