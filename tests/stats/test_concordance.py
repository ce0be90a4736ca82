"""Harrell's and Uno's C against R, against all pairs one by one, and against SciPy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats
from gmts_models.stats.concordance import Concordance, TimeWeight, concordance

PITFALLS = Path(__file__).parents[1] / "reference" / "pitfalls"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "300"))


def _figures(found: Concordance) -> list[float]:
    return [
        found.concordance,
        found.std_err,
        found.concordant,
        found.discordant,
        found.tied_score,
        found.tied_time,
        found.tied_both,
    ]


def _scored() -> pd.DataFrame:
    """Return rows 1001..1500 of tr.csv with their linear predictor, whole and rounded."""
    data = pd.read_csv(PITFALLS / "tr.csv").iloc[1000:].reset_index(drop=True)
    data["lp"] = pd.read_csv(PITFALLS / "pred.csv")["lp"]
    return data.assign(rounded=data["lp"].round(1), left=data["status"] > 0)


def test_three_people_by_hand() -> None:
    # Leavers at 1 and 2, one stays. Pairs (1, 2), (1, 3), (2, 3): right, tied, wrong.
    found = concordance([2.0, 1.0, 2.0], [1.0, 2.0, 3.0], [True, True, False])
    assert (found.concordant, found.tied_score, found.discordant) == (1, 1, 1)
    assert found.concordance == 0.5
    # By person, won less half of the pairs: 1.5 - 1, 1 - 1, 0.5 - 1; over 3 pairs.
    np.testing.assert_allclose(found.influence, [1 / 6, 0, -1 / 6], atol=1e-15)
    assert found.std_err == pytest.approx(np.sqrt(2) / 6)


def test_two_who_leave_together_are_no_pair() -> None:
    found = concordance([1.0, 2.0, 2.0], [1.0, 1.0, 1.0], [True, True, True], weights=[2, 3, 5])
    assert np.isnan(found.concordance)
    assert (found.tied_time, found.tied_both) == (2 * 3 + 2 * 5, 3 * 5)


def test_late_entry_strata_weights_clusters_agree_with_r() -> None:
    # R 4.2.2, survival 3.5-3, d = rows 1001..1500 of tr.csv with lp of pred.csv:
    # concordance(Surv(entry, time, status > 0) ~ round(lp, 1) + strata(sex), d, weights = w,
    #   cluster = spec, ymax = 30, reverse = TRUE). With entry, R's tied.y (1386.25) is not cut at
    # ymax, as it is without; the cut one is checked below, pair by pair.
    d = _scored()
    found = concordance(
        d["rounded"], d["time"], d["left"], d["entry"], d["w"], d["sex"], d["spec"], until=30
    )
    want = [0.5570049211985, 0.01653942630195, 33083.75, 23932.75, 23248.5, 1384.75, 513]
    np.testing.assert_allclose(_figures(found), want, rtol=1e-12)
    # concordance(Surv(entry, time, status > 0) ~ lp, d, reverse = TRUE)
    found = concordance(d["lp"], d["time"], d["left"], d["entry"])
    want = [0.5621206358865, 0.01987907314806, 36951, 28784, 0, 1426, 0]
    np.testing.assert_allclose(_figures(found), want, rtol=1e-12)
    # lifelines 0.30.3 and greenwood 0.8.0 give .5598 for coxph's on all of tr.csv: .5613743
    # (tests/models/test_models.py), since they ignore entry.


WEIGHTED = {
    "n": [
        *(0.5729605148722, 0.02608215215105, 7151.75, 5054.5, 2166.25, 393.25, 71.25),
    ],
    "S": [
        *(0.573210375705, 0.02596961540847, 8013.19361215, 5658.035237319, 2413.63857644),
        *(436.7357284755, 77.28584962728),
    ],
    "S/G": [
        *(0.5741733565004, 0.02652199182767, 9317.953225843, 6550.334566826, 2788.132717307),
        *(500.1041638876, 84.31249904911),
    ],
    "n/G2": [
        *(0.5741733565004, 0.02652199182767, 9317.953225843, 6550.334566826, 2788.132717307),
        *(500.1041638876, 84.31249904911),
    ],
    "I": [
        *(0.5765634921206, 0.02493766102207, 160.3979702956, 111.6780536932, 46.09073704182),
        *(8.784309422842, 1.497394582564),
    ],
}


@pytest.mark.parametrize("time_weight", get_args(TimeWeight))
def test_time_weights_in_strata_agree_with_r(time_weight: TimeWeight) -> None:
    # R 4.2.2, survival 3.5-3, d as above: concordance(Surv(time, status > 0) ~ round(lp, 1) +
    # strata(spec), d, weights = w, timewt = time_weight, ymax = 30, reverse = TRUE).
    d = _scored()
    found = concordance(
        d["rounded"], d["time"], d["left"], None, d["w"], d["spec"],
        time_weight=time_weight, until=30,
    )  # fmt: skip
    np.testing.assert_allclose(_figures(found), WEIGHTED[time_weight], rtol=1e-11)


def test_uno_under_ties_agrees_with_r() -> None:
    # R 4.2.2, survival 3.5-3: concordance(Surv(time, status > 0) ~ lp, timewt = "n/G2",
    # reverse = TRUE). greenwood 0.8.0 gives .5597, scikit-survival 0.28.0 .5620.
    d = _scored()
    found = concordance(d["lp"], d["time"], d["left"], time_weight="n/G2")
    want = [0.564092990662, 0.01943149320946, 61426.10985803, 47467.47838872, 0, 2002.173619538, 0]
    np.testing.assert_allclose(_figures(found), want, rtol=1e-11, atol=1e-9)


def _draw(seed: int, n: int = 60) -> tuple[Floats, Floats, Bools, Floats]:
    """Return score, exit, left and entry: monthly times, ties in all."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n).round(1)
    exit_ = np.ceil(rng.exponential(12 * np.exp(-score)))
    entry = np.floor(rng.uniform(size=n) * exit_) * (rng.uniform(size=n) < 0.5)
    return score, exit_, rng.uniform(size=n) < 0.7, entry


def _by_pairs(
    score: Floats, exit_: Floats, left: Bools, entry: Floats, weights: Floats, strata: Any
) -> list[float]:
    """Count every pair by the definition."""
    later = (exit_ > exit_[:, None]) | ((exit_ == exit_[:, None]) & ~left)
    here = (entry < exit_[:, None]) | (entry == 0)
    same = strata[:, None] == strata
    weight = weights[:, None] * weights * same
    pair = weight * (left[:, None] & later & here)
    together = np.triu(weight * (left[:, None] & left & (exit_[:, None] == exit_)), 1)
    up, tied = score[:, None] > score, score[:, None] == score
    sums = [(pair * up).sum(), (pair * (~up & ~tied)).sum(), (pair * tied).sum()]
    return [*sums, (together * ~tied).sum(), (together * tied).sum()]


@given(seed=st.integers(0, 10_000))
def test_counts_are_those_of_all_pairs(seed: int) -> None:
    score, exit_, left, entry = _draw(seed)
    rng = np.random.default_rng(seed)
    weights, strata = rng.integers(0, 4, 60) / 2, rng.integers(0, 4, 60)
    found = concordance(score, exit_, left, entry, weights, strata)
    want = _by_pairs(score, exit_, left, entry, weights, strata)
    np.testing.assert_allclose(_figures(found)[2:], want, rtol=1e-12)
    assert found.influence.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("time_weight", ["S", "I"])
@given(seed=st.integers(0, 10_000))
def test_time_weights_under_late_entry_are_those_of_the_risk_set(
    time_weight: Any, seed: int
) -> None:
    # survival 3.5-3 crashes on these (concordance with start-stop times and timewt "S").
    score, exit_, left, entry = _draw(seed)
    found = concordance(score, exit_, left, entry, time_weight=time_weight)
    want, curve, one = np.zeros(5), 1.0, np.ones(60)
    for time in np.unique(exit_[left]):
        gone = left & (exit_ == time)
        at_risk = ((entry < time) & (exit_ >= time)).sum()
        weight = 1 / at_risk if time_weight == "I" else 60 * curve / at_risk
        here = exit_ >= time  # as if the study had ended now
        now = score[here], np.full(here.sum(), time), gone[here], entry[here], one[here], one[here]
        want += weight * np.array(_by_pairs(*now))
        curve *= 1 - gone.sum() / at_risk
    np.testing.assert_allclose(_figures(found)[2:], want, rtol=1e-10, atol=1e-12)


@given(seed=st.integers(0, 10_000))
def test_the_influence_is_the_derivative_by_the_weight(seed: int) -> None:
    score, exit_, left, entry = _draw(seed, 25)
    weights = np.random.default_rng(seed).uniform(0.5, 2, 25)
    found = concordance(score, exit_, left, entry, weights=weights)
    small = 1e-6
    for row in range(3):
        step = np.where(np.arange(25) == row, small, 0.0)
        up, down = (
            concordance(score, exit_, left, entry, weights=weights + sign * step).concordance
            for sign in (1, -1)
        )
        slope = (up - down) / (2 * small)
        assert found.influence[row] == pytest.approx(slope * weights[row], abs=1e-8)


@pytest.mark.parametrize("time_weight", get_args(TimeWeight))
@given(seed=st.integers(0, 10_000))
def test_a_weight_is_a_number_of_people(time_weight: TimeWeight, seed: int) -> None:
    score, exit_, left, _ = _draw(seed)
    times = np.random.default_rng(seed).integers(0, 4, 60)
    weighted = concordance(score, exit_, left, weights=times, time_weight=time_weight)
    copied = np.repeat(np.arange(60), times)
    repeated = concordance(
        score[copied], exit_[copied], left[copied], clusters=copied, time_weight=time_weight
    )
    # The copies of one leaver are tied with each other, which a weight does not show.
    np.testing.assert_allclose(
        _figures(weighted)[:6], _figures(repeated)[:6], rtol=1e-9, atol=1e-12
    )


@given(seed=st.integers(0, 10_000))
def test_order_scale_labels_and_rows_of_a_person_change_nothing(seed: int) -> None:
    score, exit_, left, entry = _draw(seed)
    rng = np.random.default_rng(seed)
    strata = rng.integers(0, 3, 60)
    want = _figures(concordance(score, exit_, left, entry, None, strata))
    order = rng.permutation(60)
    parts = [each[order] for each in (score, exit_, left, entry)]
    labels = np.array(list("zax"))[strata][order]
    np.testing.assert_allclose(_figures(concordance(*parts, strata=labels)), want, rtol=1e-12)
    days = concordance(np.exp(score), exit_ * 30.4375, left, entry * 30.4375, None, strata)
    np.testing.assert_allclose(_figures(days), want, rtol=1e-12)
    late = concordance(score, exit_ + 7, left, entry + 7, None, strata)
    np.testing.assert_allclose(_figures(late), want, rtol=1e-12)
    turned = _figures(concordance(-score, exit_, left, entry, None, strata))
    np.testing.assert_allclose([1 - turned[0], turned[1]], want[:2], rtol=1e-10)
    cut = np.floor((entry + exit_) / 2)
    several = np.flatnonzero((cut > entry) & (cut < exit_))
    rows = np.concatenate([np.arange(60), several])
    begin, end, event = entry[rows], exit_[rows].copy(), left[rows].copy()
    end[several], event[several] = cut[several], False
    begin[60:] = cut[several]
    event[60:] = left[several]
    split = concordance(score[rows], end, event, begin, strata=strata[rows], clusters=rows)
    np.testing.assert_allclose(_figures(split), want, rtol=1e-10)


@given(seed=st.integers(0, 10_000))
def test_without_censoring_it_is_kendalls_and_the_auc(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, time = rng.normal(size=50), rng.permutation(50) + 1.0
    everyone = np.ones(50, dtype=bool)
    found = concordance(score, time, everyone)
    assert found.concordance == pytest.approx((1 - stats.kendalltau(score, time).statistic) / 2)
    for time_weight in ("S", "S/G", "n/G2"):  # G is 1; S(t-) is the share at risk
        same = concordance(score, time, everyone, time_weight=time_weight)
        np.testing.assert_allclose(_figures(same), _figures(found), rtol=1e-12)
    two = np.where(time <= 20, 1.0, 2.0)
    rounded = score.round()
    auc = roc_auc_score(two == 1, rounded)
    assert concordance(rounded, two, two == 1).concordance == pytest.approx(auc, rel=1e-12)


def test_a_missing_score_is_not_a_lost_pair() -> None:
    found = concordance([np.nan, 0.2, 0.3, 0.4], [1.0, 2, 3, 4], np.ones(4, bool))
    assert np.isnan(found.concordance)
    assert np.isnan(found.std_err)


def test_nobody_leaves_or_only_out_of_reach() -> None:
    score, time = np.arange(3.0), np.array([1.0, 2, 3])
    assert np.isnan(concordance(score, time, np.zeros(3, bool)).concordance)
    assert np.isnan(concordance(score, time, np.ones(3, bool), until=0.5).concordance)
    assert np.isnan(concordance(score, time, np.ones(3, bool), strata=[1, 2, 3]).concordance)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="score has shape"):
        concordance([1.0], [1.0, 2.0], [True, True])
    with pytest.raises(InputError, match="not defined under late entry"):
        concordance([1.0, 2], [3.0, 4], [True, True], [1.0, 0], time_weight="n/G2")
    with pytest.raises(InputError, match="negative"):
        concordance([1.0, 2], [-3.0, 4], [True, True])


@pytest.mark.slow
def test_uno_finds_the_truth_under_heavy_censoring_and_both_cover() -> None:
    # Exponential times with log hazard x: of two people, P(the higher x leaves first) up to 12
    # months, by a sample of 400,000 without censoring.
    rng = np.random.default_rng(5)
    x = rng.normal(size=400_000)
    long = rng.exponential(20 * np.exp(-x))
    truth = concordance(x, long, np.ones(len(x), bool), until=12).concordance
    uno, harrell, covered = [], [], []
    for _ in range(REPETITIONS):
        x = rng.normal(size=300)
        time, end = rng.exponential(20 * np.exp(-x)), rng.uniform(0, 20, 300)
        data = x, np.minimum(time, end), time <= end
        found = concordance(*data, time_weight="n/G2", until=12)
        uno.append(found.concordance)
        covered.append(abs(found.concordance - truth) < 1.959964 * found.std_err)
        harrell.append(concordance(*data).concordance)
    error = np.std(uno) / np.sqrt(REPETITIONS)
    bias = np.mean(uno) - truth
    # Without weights the early pairs count too much: Harrell's is off by many errors.
    assert abs(bias) < 4 * error + 0.001, f"{bias} +- {error}"
    assert abs(np.mean(harrell) - truth) > abs(bias)
    share = np.mean(covered)
    # Fixed time weights and the normal limit at n = 300 cost up to two per cent.
    assert abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / REPETITIONS) + 0.02, f"covers {share}"
