"""Incidences by cause: by hand, against R, by their identities, and their intervals' coverage.

The cases of tests/reference are compared in tests/conformance/check_incidence.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.incidence.aalen_johansen import (
    IncidenceAt,
    IncidenceCurves,
    aalen_johansen,
    incidence_at,
)
from gmts_models.stats.survival.kaplan_meier import kaplan_meier

REFERENCE = Path(__file__).parents[2] / "reference"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))
EXACT = {"rtol": 1e-11, "atol": 1e-13}  # the same few operations in another order

VARIANCE = {"rtol": 1e-9, "atol": 1e-14}  # one of 0 is left with the rounding of terms near 1

# -- by hand ------------------------------------------------------------------------------------

# Six people: one leaves at 1 from each cause, one is censored there, one leaves at 3 from cause 1,
# one is censored at 4, one leaves at 5 from cause 2.
EXIT = np.array([1.0, 1.0, 1.0, 3.0, 4.0, 5.0])
EVENT = np.array([2, 1, 0, 1, 0, 2])


def test_by_hand() -> None:
    curves = aalen_johansen(EXIT, EVENT)
    np.testing.assert_array_equal(curves.time, [1, 3, 4, 5])
    np.testing.assert_array_equal(curves.at_risk, [6, 3, 2, 1])
    np.testing.assert_array_equal(curves.events, [[1, 1], [1, 0], [0, 0], [0, 1]])
    np.testing.assert_array_equal(curves.censored, [1, 0, 1, 0])
    # S: 4/6, then two of three stay: 4/9; the last one at risk leaves.
    np.testing.assert_allclose(curves.survival, [2 / 3, 4 / 9, 4 / 9, 0], **EXACT)
    first, second = 1 / 6 + 2 / 9, 1 / 6 + 4 / 9
    np.testing.assert_allclose(
        curves.incidence, [[1 / 6, 1 / 6], [first, 1 / 6], [first, 1 / 6], [first, second]], **EXACT
    )
    hazard = [[1 / 6, 1 / 6], [1 / 2, 1 / 6], [1 / 2, 1 / 6], [1 / 2, 7 / 6]]
    np.testing.assert_allclose(curves.cumulative_hazard, hazard, **EXACT)


def test_variances_by_hand() -> None:
    # At the first time an incidence is a proportion of six: p (1 - p) / 6 as a multinomial; with
    # d = 1 Aalen's is d / n^2.
    jackknife = aalen_johansen(EXIT, EVENT)
    greenwood = aalen_johansen(EXIT, EVENT, variance="greenwood")
    aalen = aalen_johansen(EXIT, EVENT, variance="aalen")
    assert jackknife.std_err[0, 0] ** 2 == pytest.approx(1 / 6 * 5 / 6 / 6, rel=1e-12)
    assert greenwood.std_err[0, 0] ** 2 == pytest.approx(1 / 6 * 5 / 6 / 6, rel=1e-12)
    assert aalen.std_err[0, 0] ** 2 == pytest.approx(1 / 36, rel=1e-12)
    assert jackknife.survival_std_err[0] ** 2 == pytest.approx(2 / 3 / 3 / 6, rel=1e-12)
    # At time 3, F_1 = h + (1 - h - g) q: h = g = 1/6 of six, then q = 1/3 of three. Delta method
    # with var h = var g = 5/216, cov(h, g) = -1/216, var q = 2/27.
    by_h, by_g, by_q = 1 - 1 / 3, -1 / 3, 2 / 3
    greenwood_3 = (by_h**2 + by_g**2) * 5 / 216 - 2 * by_h * by_g / 216 + by_q**2 * 2 / 27
    assert greenwood.std_err[1, 0] ** 2 == pytest.approx(greenwood_3, rel=1e-12)
    aalen_3 = (by_h**2 + by_g**2) / 36 + by_q**2 / 9
    assert aalen.std_err[1, 0] ** 2 == pytest.approx(aalen_3, rel=1e-12)
    # Two of four at once: d (n - d) / (n^2 (n - 1)).
    tied = aalen_johansen([1.0, 1, 2, 2], [1, 1, 0, 0], variance="aalen")
    assert tied.std_err[0, 0] ** 2 == pytest.approx(2 * 2 / (16 * 3), rel=1e-12)


def test_reading_off() -> None:
    censored_last = aalen_johansen(EXIT[:5], EVENT[:5], interval="plain")
    got = incidence_at(censored_last, np.array([0, 0.5, 1, 3.5, 4, 4.01]))
    np.testing.assert_allclose(got.incidence[:, 0], [0, 0, 0.2, 0.5, 0.5, np.nan], **EXACT)
    np.testing.assert_array_equal(got.survival[:2], 1)
    np.testing.assert_array_equal(got.upper[:2], 0)
    np.testing.assert_array_equal(got.survival_lower[:2], 1)
    assert np.isnan([got.survival[-1], got.std_err[-1, 0], got.lower[-1, 1]]).all()
    assert incidence_at(censored_last, np.array([9.0]), last=10).incidence[0, 0] == pytest.approx(
        0.5
    )
    # All have left by 5: nothing happens afterwards, and that is known.
    all_left = incidence_at(aalen_johansen(EXIT, EVENT), np.array([99.0]))
    np.testing.assert_allclose(all_left.incidence.sum(), 1, **EXACT)


def test_a_group_may_lack_a_cause() -> None:
    curves = aalen_johansen([1.0, 2.0], [1, 0], causes=3)
    assert curves.incidence.shape == (2, 3)
    np.testing.assert_array_equal(curves.incidence[:, 1:], 0)
    np.testing.assert_array_equal(curves.std_err[:, 1:], 0)
    assert aalen_johansen([1.0, 2.0], [0, 0]).incidence.tolist() == [[0.0], [0.0]]


def test_leaving_on_the_first_day_counts() -> None:
    curves = aalen_johansen([0.0, 0.0, 2.0, 2.0], [1, 2, 1, 0])
    np.testing.assert_allclose(curves.incidence, [[0.25, 0.25], [0.5, 0.25]], **EXACT)


def test_without_variance() -> None:
    none, full = aalen_johansen(EXIT, EVENT, variance="none"), aalen_johansen(EXIT, EVENT)
    np.testing.assert_array_equal(none.incidence, full.incidence)
    assert np.isnan(none.std_err).all()
    assert np.isnan(none.survival_lower).all()
    assert np.isnan(incidence_at(none, np.array([0.0])).upper).all()


def test_complementary_interval_is_that_of_survival() -> None:
    one = aalen_johansen(EXIT, EVENT > 0, interval="complementary log-log")
    curve = kaplan_meier(EXIT, EVENT > 0, interval="log-log")
    np.testing.assert_allclose(one.upper[:3, 0], 1 - curve.lower[:3], **EXACT)
    np.testing.assert_allclose(one.survival_lower[:3], curve.lower[:3], **EXACT)


# -- R ------------------------------------------------------------------------------------------


def test_tied_causes_need_no_order() -> None:
    # survfit(Surv(time, factor(status)) ~ 1, data = tr), at 6, 12 and 24 (R 4.2.2, survival 3.5-3).
    # A peer breaks the ties at random, and gets more than this on average.
    tr = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv")
    got = incidence_at(aalen_johansen(tr["time"], tr["status"]), np.array([6.0, 12, 24]))
    want = [0.1568904587711085, 0.2609204408331493, 0.3902652170582112]
    np.testing.assert_allclose(got.incidence[:, 0], want, rtol=1e-13)
    std_err = [0.009517615020634669, 0.012087126917709589, 0.015172336585591546]
    np.testing.assert_allclose(got.std_err[:, 0], std_err, rtol=1e-12)
    shuffled = tr.sample(frac=1, random_state=3)
    again = aalen_johansen(shuffled["time"], shuffled["status"])
    np.testing.assert_array_equal(incidence_at(again, got.time).incidence, got.incidence)


def test_late_entry_weights_and_clusters_of_people() -> None:
    # f <- survfit(Surv(entry, time, factor(status)) ~ 1, data = tr, id = id, weights = w,
    #   influence = TRUE); with clusters, sqrt(colSums(rowsum(w * f$influence.pstate[, j, ],
    #   id %/% 4)^2)): survfit itself takes `cluster` in without a word and leaves it out.
    tr = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv")
    rows = [tr["time"], tr["status"], tr["entry"], tr["w"]]
    alone = incidence_at(aalen_johansen(*rows), np.array([6.0, 12, 24]))
    fours = incidence_at(aalen_johansen(*rows, tr["id"] // 4), np.array([6.0, 12, 24]))
    incidence = [
        [0.1865205026086508, 0.06271155670967699],
        [0.2787832409717861, 0.11201932293044584],
        [0.4010622086533523, 0.16366226445729340],
    ]
    want_alone = [
        [0.01410954287257460, 0.01269445392720582, 0.007974345410717528],
        [0.01592291824222354, 0.01459521389606235, 0.010383900363171160],
        [0.01821292126393387, 0.01749798092042687, 0.013210178583687671],
    ]
    want_fours = [
        [0.014322036114919893, 0.012883756444132241, 0.008115875920962917],
        [0.01639290531137490, 0.01434155782399084, 0.01058580577310856],
        [0.01770882026159163, 0.01700053541312612, 0.01325840383075134],
    ]
    for got, std_err in ((alone, want_alone), (fours, want_fours)):
        np.testing.assert_allclose(got.incidence, incidence, rtol=1e-12)
        errors = np.column_stack([got.survival_std_err, got.std_err])
        np.testing.assert_allclose(errors, std_err, rtol=1e-12)


def test_risk_set_that_empties_and_fills_again() -> None:
    # d <- data.frame(entry = c(0,0,0,5,5,6), exit = c(2,3,3,7,8,9), id = 1:6,
    #   ev = factor(c(1,1,2,2,0,1), 0:2), w = c(1,2,.5,1,1,3))
    # survfit(Surv(entry, exit, ev) ~ 1, d, id = id, weights = w)
    curves = aalen_johansen(
        [2.0, 3, 3, 7, 8, 9], [1, 1, 2, 2, 0, 1], [0.0, 0, 0, 5, 5, 6], [1, 2, 0.5, 1, 1, 3]
    )
    assert (curves.survival[1:] == 0).all()  # for good
    np.testing.assert_allclose(curves.incidence[1:], [[6 / 7, 1 / 7]] * 4, rtol=1e-12)
    np.testing.assert_allclose(curves.std_err[0], [0.2645200285064433, 0], rtol=1e-12)
    np.testing.assert_allclose(curves.std_err[1:], 0.1527207096642425, rtol=1e-12)
    np.testing.assert_allclose(curves.survival_std_err[1:], 0, atol=1e-15)


# -- identities ---------------------------------------------------------------------------------


@st.composite
def outcomes(draw: st.DrawFn, late: bool = True, weighted: bool = True) -> dict[str, Any]:
    """Up to 30 rows with ties among few whole months, and up to three causes."""
    n = draw(st.integers(1, 30))

    def column(low: int, high: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    entry = column(0, 6) * (column(0, 1) if late else 0)
    length = column(1, 6)
    rows: dict[str, Any] = {
        "exit_": (entry + length).astype(float),
        "event": column(0, 3),
        "entry": entry.astype(float),
        "causes": 3,
    }
    if weighted:
        rows["weights"] = column(1, 4).astype(float)
    return rows


def _same(got: IncidenceCurves | IncidenceAt, want: IncidenceCurves | IncidenceAt) -> None:
    np.testing.assert_allclose(got.survival, want.survival, **EXACT)
    np.testing.assert_allclose(got.incidence, want.incidence, **EXACT)
    for ours, theirs in (
        (got.survival_std_err, want.survival_std_err),
        (got.std_err, want.std_err),
    ):
        np.testing.assert_allclose(ours**2, theirs**2, **VARIANCE)


@given(outcomes())
def test_incidences_and_survival_sum_to_one(rows: dict[str, Any]) -> None:
    curves = aalen_johansen(**rows)
    np.testing.assert_allclose(curves.survival + curves.incidence.sum(axis=1), 1, **EXACT)
    assert (np.diff(curves.incidence, axis=0) >= 0).all()


@given(outcomes(late=False))
def test_without_censoring_they_are_proportions(rows: dict[str, Any]) -> None:
    rows["event"] = np.maximum(rows["event"], 1)
    curves, w = aalen_johansen(**rows), rows["weights"]
    for j, t in enumerate(curves.time):
        for cause in (1, 2, 3):
            hit = (rows["exit_"] <= t) & (rows["event"] == cause)
            p = w[hit].sum() / w.sum()
            assert curves.incidence[j, cause - 1] == pytest.approx(p, **_pytest(EXACT))
            # The influence on a weighted mean is the weighted residual.
            error = np.sqrt(np.square(w * (hit - p)).sum()) / w.sum()
            assert curves.std_err[j, cause - 1] ** 2 == pytest.approx(error**2, rel=1e-9, abs=1e-14)


def _pytest(tolerance: dict[str, float]) -> dict[str, float]:
    return {"rel": tolerance["rtol"], "abs": tolerance["atol"]}


@given(outcomes())
def test_one_cause_is_kaplan_meier(rows: dict[str, Any]) -> None:
    left = rows["event"] > 0
    curve = kaplan_meier(rows["exit_"], left, rows["entry"], rows["weights"])
    one = aalen_johansen(rows["exit_"], left, rows["entry"], rows["weights"], variance="greenwood")
    by_cause = aalen_johansen(**rows, variance="greenwood")
    np.testing.assert_allclose(one.incidence[:, 0], 1 - curve.survival, **EXACT)
    np.testing.assert_allclose(by_cause.survival, curve.survival, **EXACT)
    stays = curve.survival > 0
    for curves in (one, by_cause):
        np.testing.assert_allclose(curves.survival_std_err[stays], curve.std_err[stays], rtol=1e-9)
    np.testing.assert_allclose(one.std_err[:, 0] ** 2, one.survival_std_err**2, **VARIANCE)


@given(outcomes(), st.randoms(use_true_random=False))
def test_row_order_labels_and_scale_change_nothing(rows: dict[str, Any], random: Any) -> None:
    curves = aalen_johansen(**rows)
    order = np.array(random.sample(range(len(rows["exit_"])), len(rows["exit_"])))
    moved = {k: v if k == "causes" else v[order] for k, v in rows.items()}
    _same(aalen_johansen(**moved), curves)
    days = rows | {"exit_": rows["exit_"] * 30.4375, "entry": rows["entry"] * 30.4375}
    _same(aalen_johansen(**days), curves)
    renamed = rows | {"event": np.array([0, 3, 1, 2])[rows["event"]]}
    permuted = aalen_johansen(**renamed)
    np.testing.assert_allclose(permuted.incidence[:, [2, 0, 1]], curves.incidence, **EXACT)
    np.testing.assert_allclose(permuted.std_err[:, [2, 0, 1]] ** 2, curves.std_err**2, **VARIANCE)


@given(outcomes(), st.sampled_from(["infinitesimal jackknife", "aalen", "greenwood"]))
def test_a_shift_of_entry_and_exit_changes_nothing(rows: dict[str, Any], variance: Any) -> None:
    shifted = rows | {"exit_": rows["exit_"] + 7, "entry": rows["entry"] + 7}
    _same(aalen_johansen(**shifted, variance=variance), aalen_johansen(**rows, variance=variance))


@given(outcomes())
def test_whole_weights_are_replicated_rows(rows: dict[str, Any]) -> None:
    times = rows["weights"].astype(int)
    copies = {k: v if k == "causes" else np.repeat(v, times) for k, v in rows.items()}
    del copies["weights"]
    for variance in ("aalen", "greenwood"):
        _same(
            aalen_johansen(**rows, variance=variance),  # type: ignore[arg-type]
            aalen_johansen(**copies, variance=variance),  # type: ignore[arg-type]
        )
    # To the jackknife a weight is one person's, so that the copies are a cluster.
    who = np.repeat(np.arange(len(times)), times)
    _same(aalen_johansen(**rows), aalen_johansen(**copies, clusters=who))


@given(outcomes())
def test_rows_of_weight_0_and_the_scale_of_weights_do_not_count(rows: dict[str, Any]) -> None:
    curves = aalen_johansen(**rows)
    _same(aalen_johansen(**rows | {"weights": rows["weights"] * 0.37}), curves)
    more = {
        "exit_": np.append(rows["exit_"], 50.0),
        "event": np.append(rows["event"], 1),
        "entry": np.append(rows["entry"], 0.0),
        "weights": np.append(rows["weights"], 0.0),
    }
    _same(aalen_johansen(**more, causes=3), curves)


def split(rows: dict[str, Any], people: np.ndarray) -> dict[str, Any]:
    """Cut each row into months; the last keeps the event."""
    length = (rows["exit_"] - rows["entry"]).astype(int)
    which = np.repeat(np.arange(len(length)), length)
    month = np.arange(len(which)) - np.repeat(np.cumsum(length) - length, length)
    result = {k: v if k == "causes" else v[which] for k, v in rows.items()}
    result["entry"] = result["entry"] + month
    result["event"] = np.where(month == length[which] - 1, result["event"], 0)
    result["exit_"] = result["entry"] + 1
    return result | {"clusters": people[which]}


@given(outcomes(), st.integers(1, 3))
def test_splitting_a_person_into_rows_changes_nothing(rows: dict[str, Any], size: int) -> None:
    people = np.arange(len(rows["exit_"])) // size  # or a cluster of them
    whole = aalen_johansen(**rows, clusters=people)
    _same(
        incidence_at(aalen_johansen(**split(rows, people)), whole.time),
        incidence_at(whole, whole.time),
    )


@given(outcomes(late=False, weighted=False))
def test_jackknife_is_greenwood_without_late_entry(rows: dict[str, Any]) -> None:
    greenwood = aalen_johansen(**rows, variance="greenwood")
    _same(aalen_johansen(**rows), greenwood)  # takes the short way
    n = len(rows["exit_"])
    _same(aalen_johansen(**rows, clusters=np.arange(n)), greenwood)  # the long way round
    _same(aalen_johansen(**rows, weights=np.full(n, 2)), greenwood)


@given(outcomes(), st.integers(1, 3))
def test_jackknife_is_the_sum_of_squared_derivatives(rows: dict[str, Any], size: int) -> None:
    people = np.arange(len(rows["exit_"])) // size
    curves = aalen_johansen(**rows, clusters=people)
    w, h = rows["weights"], 1e-4
    moved = np.zeros((people[-1] + 1, len(curves.time), 4))
    for i, person in enumerate(people):
        nudge = np.where(np.arange(len(w)) == i, h, 0.0)
        up = aalen_johansen(**rows | {"weights": w + nudge}, variance="none")
        down = aalen_johansen(**rows | {"weights": w - nudge}, variance="none")
        moved[person, :, 0] += w[i] * (up.survival - down.survival) / (2 * h)
        moved[person, :, 1:] += w[i] * (up.incidence - down.incidence) / (2 * h)
    std_err = np.sqrt(np.square(moved).sum(axis=0))
    # A central difference is off by about h^2 of the third derivative.
    np.testing.assert_allclose(curves.survival_std_err, std_err[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(curves.std_err, std_err[:, 1:], rtol=1e-5, atol=1e-6)


def test_errors_keep_their_digits_in_a_long_tail() -> None:
    # Of 200,000 people a handful stays to the last months: sums over all must not swamp theirs.
    # Without censoring an incidence is a weighted mean, with the error of one.
    rng = np.random.default_rng(5)
    exit_, w = np.floor(rng.exponential(10, 200_000)), rng.uniform(0.1, 2, 200_000)
    event, people = rng.integers(1, 3, len(exit_)), np.arange(len(exit_))
    curves = aalen_johansen(exit_, event, None, w, people)
    for t in (5.0, 60.0, exit_.max() - 1):
        got = incidence_at(curves, np.array([t]))
        for hit, p, std_err in (
            ((exit_ <= t) & (event == 1), got.incidence[0, 0], got.std_err[0, 0]),
            (exit_ > t, got.survival[0], got.survival_std_err[0]),
        ):
            mean = w[hit].sum() / w.sum()
            error = np.sqrt(np.square(w * (hit - mean)).sum()) / w.sum()
            assert p == pytest.approx(mean, rel=1e-13)
            assert std_err == pytest.approx(error, rel=1e-13)


# -- coverage -----------------------------------------------------------------------------------

CAUSES = 3


def simulate(rng: np.random.Generator, n: int, late: bool) -> dict[str, Any]:
    """Whole months of leaving from three causes, with hazards .02, .01, .005 a month.

    Cohorts are seen until 12, 24 or 36; of those who come late, only who are still there are seen.
    """
    hazard = np.array([0.02, 0.01, 0.005])
    month = rng.geometric(hazard.sum(), n).astype(float)
    cause = rng.choice(3, n, p=hazard / hazard.sum()) + 1
    until = rng.choice([12.0, 24.0, 36.0], n)
    entry = np.where(rng.uniform(size=n) < 0.4, rng.integers(1, 9, n), 0).astype(float) * late
    seen = month > entry
    return {
        "exit_": np.minimum(month, until)[seen],
        "event": np.where(month <= until, cause, 0)[seen],
        "entry": entry[seen],
        "causes": CAUSES,
    }


def truth(times: np.ndarray) -> np.ndarray:
    hazard = np.array([0.02, 0.01, 0.005])
    return np.outer(1 - (1 - hazard.sum()) ** times, hazard / hazard.sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("late", "variance"),
    [
        (False, "infinitesimal jackknife"),  # = greenwood
        (True, "infinitesimal jackknife"),
        (True, "aalen"),
        (True, "greenwood"),
    ],
)
def test_intervals_cover(late: bool, variance: Any) -> None:
    rng, times = np.random.default_rng(11), np.array([6.0, 12, 24])
    want = truth(times)
    covered, off, errors = [], [], []
    for _ in range(REPETITIONS):
        rows = simulate(rng, 400, late)
        curves = aalen_johansen(**rows, interval="complementary log-log", variance=variance)
        got = incidence_at(curves, times)
        covered.append((got.lower <= want) & (want <= got.upper))
        off.append(got.incidence - want)
        errors.append(got.std_err)
    rate, rate_error = np.mean(covered, axis=0), np.sqrt(0.95 * 0.05 / REPETITIONS)
    bias, sd = np.mean(off, axis=0), np.std(off, axis=0)
    ratio = np.mean(errors, axis=0) / sd
    figures = f"coverage {rate} +- {rate_error:.4f}; bias {bias}, sd {sd}; error / sd {ratio}"
    # 0.01 is for the normal approximation: cause 3 takes about 12 of 400 people by month 6.
    assert (np.abs(rate - 0.95) < 4 * rate_error + 0.01).all(), figures
    assert (np.abs(bias) < 4 * sd / np.sqrt(REPETITIONS)).all(), figures
    assert (np.abs(ratio - 1) < 4 / np.sqrt(2 * REPETITIONS)).all(), figures


# -- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event": [1, -1]}, "unknown cause"),
        ({"event": [1, 3]}, "event codes run to 3, causes is 2"),
        ({"weights": [0, 0]}, "every weight is 0"),
        ({"entry": [1.0, 2.0 - 1e-12]}, "are one time"),
        ({"exit_": [-1.0, 2.0]}, "exit_ is negative"),
        ({"variance": "jack"}, "no such variance"),
        ({"interval": "cloglog"}, "no such interval"),
        ({"level": 95}, "level"),
        ({"variance": "aalen", "weights": [1, 1.5]}, "whole numbers"),
        ({"variance": "greenwood", "clusters": [1, 1]}, "clusters do not enter"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"exit_": [2.0, 2.0], "event": [1, 2], "causes": 2}
    aalen_johansen(**good)
    with pytest.raises(InputError, match=message):
        aalen_johansen(**good | change)
