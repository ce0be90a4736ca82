"""Fine-Gray: by hand, by its identities, by R, by simulation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.stats.competing.fine_gray import (
    FineGrayFit,
    fine_gray_covariance,
    fit_fine_gray,
)
from gmts_models.stats.competing.fine_gray_prediction import (
    bootstrap_incidence,
    fine_gray_curves,
    predict_fine_gray,
)
from gmts_models.stats.cox import fit as cox_fit
from gmts_models.stats.cox import robust

Floats = npt.NDArray[np.float64]
REFERENCE = Path(__file__).parents[2] / "reference"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))


def _draw(seed: int, n: int = 60, *, late: bool = True) -> dict[str, Any]:
    """Tied months, two causes, censoring, late entry; whole case weights."""
    rng = np.random.default_rng(seed)
    # Some are there from the start, so that nobody's weight rests on an empty risk set.
    entry = np.where(rng.uniform(size=n) < 0.5, rng.integers(0, 4, n), 0).astype(float) * late
    event = rng.integers(0, 3, n)
    event[:2] = 1, 2
    return {
        "X": rng.normal(size=(n, 2)),
        "exit_": entry + rng.integers(1, 9, n),
        "event": event,
        "entry": entry,
        "weights": rng.integers(1, 4, n).astype(float),
    }


def _same(a: FineGrayFit, b: FineGrayFit, rtol: float = 1e-8) -> None:
    np.testing.assert_allclose(a.coefficients, b.coefficients, rtol=rtol, atol=1e-10)
    np.testing.assert_allclose(a.covariance, b.covariance, rtol=rtol, atol=1e-10)


# By hand


def test_weights_by_hand() -> None:
    """Exits 1 (other), 2 (censored), 2 (cause), 3 (censored), 4 (cause), 5 (censored).

    G falls at 2 to 3/4 (four at risk once the leaver at 2 is gone), at 3 to 3/4 2/3 = 1/2.
    """
    fit = _fit_six(censoring_ties="events first")
    rows = fit.weighted
    mine = rows.row == 0
    np.testing.assert_array_equal(rows.entry[mine], [0, 3])
    np.testing.assert_array_equal(rows.exit[mine], [2, 5])
    np.testing.assert_allclose(rows.weight[mine], [1, 1 / 2], rtol=1e-15)
    np.testing.assert_array_equal(rows.left, [False, False, False, True, False, True, False])
    # crr: who leaves at 2 is at risk of being censored at 2, so that G falls to 4/5, then 8/15.
    together = _fit_six(censoring_ties="together").weighted
    np.testing.assert_allclose(together.weight[:2], [1, 8 / 15], rtol=1e-15)


def _fit_six(**rule: Any) -> FineGrayFit:
    x = np.array([[0.0], [1], [1], [0], [0], [1]])
    return fit_fine_gray(x, [1, 2, 2, 3, 4, 5], [2, 0, 1, 0, 1, 0], **rule)


def test_incidence_by_hand() -> None:
    """Without an effect the Breslow form of 1 - exp(-H), H the sum of departures over at risk."""
    x = np.array([[1.0], [-1], [1], [-1], [1], [-1], [1], [-1]])
    exit_, event = np.repeat([1.0, 2, 3, 4], 2), np.repeat([2, 1, 0, 1], 2)
    fit = fit_fine_gray(x, exit_, event, ties="breslow")
    assert fit.coefficients[0] == pytest.approx(0, abs=1e-12)
    # At 2 eight are at risk (the two of cause 2 weigh 1), at 4 two, and these two weigh 1/2.
    got = predict_fine_gray(fit, [[0.0]], [1, 2, 4, 5])[0]
    want = -np.expm1(-np.array([0, 2 / 8, 2 / 8 + 2 / 3, np.nan]))
    np.testing.assert_allclose(got, want, rtol=1e-12)


# R


def test_late_entry_as_finegray_has_it() -> None:
    """R 4.2.2, survival 3.5-3, on pitfalls/tr.csv, which Python peers fit as if all entered at 0.

    fg <- finegray(Surv(entry, time, factor(status)) ~ ., data = d, id = id)
    coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, data = fg, weights = fgwt, ties = "efron")
    """
    d = pd.read_csv(REFERENCE / "pitfalls" / "tr.csv")
    fit = fit_fine_gray(d[["age", "sex"]], d.time, d.status, d.entry)
    np.testing.assert_allclose(fit.coefficients, [0.02273365417, -0.14286627448], rtol=1e-9)


def test_strata_with_late_entry_as_finegray_has_them() -> None:
    """R 4.2.2, survival 3.5-3, d = mgus2_lt.csv, m a copy of male.

    fg <- finegray(Surv(entry, etime, ev) ~ age10 + hgb + m + pid + strata(male), data = d,
                   etype = "1", id = pid)
    coxph(Surv(fgstart, fgstop, fgstatus) ~ age10 + hgb + strata(m), data = fg, weights = fgwt,
          cluster = pid)
    """
    d = pd.read_csv(REFERENCE / "data" / "mgus2_lt.csv")
    fit = fit_fine_gray(
        d[["age10", "hgb"]], d.etime, d.cause, d.entry, strata=d.male, censoring_strata=d.male
    )
    np.testing.assert_allclose(fit.coefficients, [-0.188197343247, 0.00743888789812], rtol=1e-9)
    want = [0.00330580660563, 0.000325958257958, 0.000325958257958, 0.00196214374537]
    np.testing.assert_allclose(fine_gray_covariance(fit, "known").ravel(), want, rtol=1e-9)
    assert len(fit.weighted.row) == 23444


def test_changing_columns_as_finegray_has_them() -> None:
    """R as above, each person's rows cut at 30 and 90 months, and a column that changes there.

    d2 <- survSplit(Surv(entry, etime, ev) ~ ., data = d, cut = c(30, 90), episode = "ep")
    d2$x <- d2$age10 + .5 * d2$ep * d2$male
    fg <- finegray(Surv(entry, etime, ev) ~ x + hgb + pid, data = d2, etype = "2", id = pid)
    coxph(Surv(fgstart, fgstop, fgstatus) ~ x + hgb, data = fg, weights = fgwt, cluster = pid,
          ties = "breslow")
    """
    d = pd.read_csv(REFERENCE / "data" / "mgus2_lt.csv")
    entry, exit_, event, x, hgb, ids = [], [], [], [], [], []
    for episode, (begin, end) in enumerate([(0, 30), (30, 90), (90, np.inf)], start=1):
        part = d[(d.entry < end) & (d.etime > begin)]
        entry += list(np.maximum(part.entry, begin))
        exit_ += list(np.minimum(part.etime, end))
        event += list(np.where(part.etime <= end, part.cause, 0))
        x += list(part.age10 + 0.5 * episode * part.male)
        hgb += list(part.hgb)
        ids += list(part.index)
    X = np.column_stack([x, hgb])
    fit = fit_fine_gray(X, exit_, event, entry, cause=2, ids=ids, ties="breslow")
    np.testing.assert_allclose(fit.coefficients, [0.521891447908, -0.1185580819], rtol=1e-9)
    want = [0.00118442616058, 7.68634902025e-05, 7.68634902025e-05, 0.000426575727432]
    np.testing.assert_allclose(fine_gray_covariance(fit, "known").ravel(), want, rtol=1e-9)
    assert len(fit.weighted.row) == 14339


def test_case_weights_are_people() -> None:
    """R as above, d = mgus2_lt.csv[1:300, ], n = 1, 2, 3, 1, 2, 3, ...: weighted, and replicated.

    r <- d[rep(1:300, d$n), ]; fg <- finegray(Surv(etime, ev) ~ age10 + male, data = r, etype = "2")
    coxph(Surv(fgstart, fgstop, fgstatus) ~ age10 + male, data = fg, weights = fgwt,
          ties = "breslow")
    crr(r$etime, r$cause, cbind(r$age10, r$male), failcode = 2)

    With finegray(..., data = d, weights = n), which leaves the weights out of G, R has
    0.774863155074, 0.490366419816 instead of the former.
    """
    d = pd.read_csv(REFERENCE / "data" / "mgus2_lt.csv")[:300]
    rows: dict[str, Any] = {
        "X": d[["age10", "male"]],
        "exit_": d.etime,
        "event": d.cause,
        "weights": 1 + np.arange(300) % 3,
    }
    fit = fit_fine_gray(**rows, cause=2, ties="breslow")
    np.testing.assert_allclose(fit.coefficients, [0.774558255803, 0.489686922194], rtol=1e-9)
    fit = fit_fine_gray(**rows, cause=2, ties="breslow", censoring_ties="together")
    np.testing.assert_allclose(fit.coefficients, [0.774275780374, 0.489272160738], rtol=1e-9)


# Identities


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["events first", "together"]))
def test_case_weights_are_replicated_rows(seed: int, rule: Any) -> None:
    d = _draw(seed)
    again = np.repeat(np.arange(len(d["event"])), d["weights"].astype(int))
    options = {"ties": "breslow", "censoring_ties": rule}
    fit = fit_fine_gray(**d, **options)
    copies = {name: each[again] for name, each in d.items() if name != "weights"}
    # Copies of one row are of one person: so their squares add up as the weight's square does.
    same = fit_fine_gray(**copies, clusters=again, **options)
    _same(fit, same)
    np.testing.assert_allclose(fit.cox.covariance, same.cox.covariance, rtol=1e-8)
    assert fit.cox.log_likelihood == pytest.approx(same.cox.log_likelihood, rel=1e-10)
    got = predict_fine_gray(fit, d["X"][:3], [2, 5, 8])
    np.testing.assert_allclose(predict_fine_gray(same, d["X"][:3], [2, 5, 8]), got, rtol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["efron", "breslow"]))
def test_without_competing_events_it_is_cox(seed: int, ties: Any) -> None:
    d = _draw(seed)
    event = np.minimum(d.pop("event"), 1)
    fit = fit_fine_gray(**d, event=event, ties=ties)
    cox = cox_fit.fit_cox(d["X"], d["exit_"], event, d["entry"], d["weights"], ties=ties)
    np.testing.assert_allclose(fit.coefficients, cox.coefficients, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, robust.robust_covariance(cox), rtol=1e-8)
    assert fit.cox.log_likelihood == pytest.approx(cox.log_likelihood)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_without_censoring_competitors_stay_for_ever(seed: int) -> None:
    d = _draw(seed, late=False)
    event = np.maximum(d["event"], 1)
    fit = fit_fine_gray(d["X"], d["exit_"], event)
    for_ever = np.where(event == 2, 1000.0, d["exit_"])
    cox = cox_fit.fit_cox(d["X"], for_ever, event == 1)
    np.testing.assert_allclose(fit.coefficients, cox.coefficients, rtol=1e-10)
    np.testing.assert_allclose(fit.covariance, robust.robust_covariance(cox), rtol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_order_scale_labels_and_shift_change_nothing(seed: int) -> None:
    d = _draw(seed)
    n = len(d["event"])
    strata, groups = np.arange(n) % 2, np.arange(n) % 3
    fit = fit_fine_gray(**d, strata=strata, censoring_strata=groups)
    order = np.random.default_rng(seed).permutation(n)
    _same(
        fit,
        fit_fine_gray(
            **{name: each[order] for name, each in d.items()},
            strata=np.array(["b", "a"])[strata][order],
            censoring_strata=-groups[order],
        ),
    )
    days = d | {"exit_": d["exit_"] * 30.4375, "entry": d["entry"] * 30.4375}
    _same(fit, fit_fine_gray(**days, strata=strata, censoring_strata=groups))
    other = d | {"event": np.where(d["event"] == 2, 7, d["event"])}
    _same(fit, fit_fine_gray(**other, strata=strata, censoring_strata=groups))
    later = d | {
        "exit_": d["exit_"] + 5,
        "entry": np.where(d["entry"] > 0, d["entry"] + 5, 0),
    }
    _same(fit, fit_fine_gray(**later, strata=strata, censoring_strata=groups))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_who_leaves_on_the_first_day_counts(seed: int) -> None:
    """Departures, competitors and censorings at 0 are as those of any other month."""
    d = _draw(seed, late=False)
    at_zero = d | {"exit_": d["exit_"] - 1, "entry": None}
    later = d | {"exit_": d["exit_"] + 4, "entry": None}
    fit = fit_fine_gray(**at_zero)
    assert fit.cox.data.grid.time[0] == 0 or (d["event"][d["exit_"] == 1] != 1).all()
    _same(fit, fit_fine_gray(**later))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_rows_of_one_person_are_one_person(seed: int) -> None:
    d = _draw(seed)
    n = len(d["event"])
    cut = np.ceil((d["entry"] + d["exit_"]) / 2)
    split = np.flatnonzero((cut > d["entry"]) & (cut < d["exit_"]))
    begin = np.r_[d["entry"], cut[split]]
    end, event = np.r_[d["exit_"], d["exit_"][split]], np.r_[d["event"], d["event"][split]]
    end[split], event[split] = cut[split], 0
    ids = np.r_[np.arange(n), split]
    fit = fit_fine_gray(**d)
    _same(fit, fit_fine_gray(d["X"][ids], end, event, begin, d["weights"][ids], ids=ids))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["events first", "together"]), st.booleans())
def test_variance_is_the_derivative_by_case_weights(seed: int, rule: Any, grouped: bool) -> None:
    """The sandwich with estimated weights is the infinitesimal jackknife, ties or not."""
    d = _draw(seed, 40)
    groups = np.arange(40) % 2 if grouped else None
    options = {"ties": "breslow", "censoring_ties": rule, "censoring_strata": groups}
    fit = fit_fine_gray(**d, **options)
    moved = np.zeros((40, 2))
    for i in range(40):
        step = 1e-4 * np.eye(40)[i]
        up = fit_fine_gray(**(d | {"weights": d["weights"] + step}), **options)
        down = fit_fine_gray(**(d | {"weights": d["weights"] - step}), **options)
        moved[i] = (up.coefficients - down.coefficients) / 2e-4
    moved *= d["weights"][:, None]
    np.testing.assert_allclose(moved.T @ moved, fit.covariance, rtol=1e-4, atol=1e-6)
    # The choice matters: known weights give another variance.
    assert not np.allclose(fine_gray_covariance(fit, "known"), fit.covariance, rtol=1e-4)


def test_a_clusters_rows_are_kept_together() -> None:
    d = _draw(1)
    labels = np.arange(60) // 2
    fit = fit_fine_gray(**d)
    clustered = fit_fine_gray(**d, clusters=labels)
    np.testing.assert_allclose(fit.coefficients, clustered.coefficients, rtol=1e-14)
    assert not np.allclose(fit.covariance, clustered.covariance, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_incidence_is_a_distribution_function(seed: int) -> None:
    d = _draw(seed)
    fit = fit_fine_gray(**d)
    risk = predict_fine_gray(fit, 20 * d["X"], np.arange(0, 30))
    known = np.arange(0, 30) <= d["exit_"].max()
    assert np.isnan(risk[:, ~known]).all()
    assert ((risk[:, known] >= 0) & (risk[:, known] <= 1)).all()
    assert (np.diff(risk[:, known], axis=1) >= 0).all()


def test_strata_have_baselines_of_their_own() -> None:
    d = _draw(5, 200)
    strata = np.arange(200) % 2
    fit = fit_fine_gray(**d, strata=strata, censoring_strata=strata)
    alone = [
        fit_fine_gray(
            **{name: each[strata == s] for name, each in d.items()}
        ).cox.data.grid.deaths.sum()
        for s in range(2)
    ]
    assert fit.cox.data.grid.deaths.sum() == sum(alone)
    a, b = (predict_fine_gray(fit, [[0.0, 0]], [6], strata=[s])[0, 0] for s in range(2))
    assert a != b
    with pytest.raises(InputError, match="2 strata"):
        predict_fine_gray(fit, [[0.0, 0]], [6])


# The bootstrap


def test_bootstrap_is_reproducible_and_keeps_people_whole() -> None:
    d = _draw(2, 120)
    fit = fit_fine_gray(**d)
    x = np.array([[0.0, 0], [1, 1]])
    one = bootstrap_incidence(fit, x, [3, 6, 99], rng=np.random.default_rng(1), repetitions=40)
    two = bootstrap_incidence(fit, x, [3, 6, 99], rng=np.random.default_rng(1), repetitions=40)
    np.testing.assert_array_equal(one.lower, two.lower)
    np.testing.assert_array_equal(one.incidence, predict_fine_gray(fit, x, [3, 6, 99]))
    assert np.isnan(one.upper[:, 2]).all()
    assert (one.lower[:, :2] < one.incidence[:, :2]).all()
    assert (one.incidence[:, :2] < one.upper[:, :2]).all()
    # One person's rows doubled are drawn together: the same draws of people, the same limits.
    middle = d["entry"] + 0.5
    ids = np.tile(np.arange(120), 2)
    split = fit_fine_gray(
        d["X"][ids],
        np.r_[middle, d["exit_"]],
        np.r_[np.zeros(120, dtype=int), d["event"]],
        np.r_[d["entry"], middle],
        d["weights"][ids],
        ids=ids,
    )
    again = bootstrap_incidence(split, x, [3, 6, 99], rng=np.random.default_rng(1), repetitions=40)
    np.testing.assert_allclose(again.lower, one.lower, rtol=1e-7)
    # Percentiles are of the same draws, and the curves keep all that prediction needs.
    share = bootstrap_incidence(
        fit, x, [6], rng=np.random.default_rng(1), repetitions=40, interval="percentile"
    )
    np.testing.assert_allclose(share.std_err[:, 0], one.std_err[:, 1], rtol=1e-12)
    assert (share.lower < share.incidence).all()
    assert (share.incidence < share.upper).all()
    np.testing.assert_array_equal(
        predict_fine_gray(fine_gray_curves(fit), x, [3, 99]), one.incidence[:, [0, 2]]
    )


def test_bootstrap_refuses_what_seldom_fits() -> None:
    x = np.zeros((12, 1))
    x[[2, 9]] = 1  # a rare label, missing in one sample of eight
    fit = fit_fine_gray(x, np.arange(1, 13), [1, 0, 1, 2, 1, 0] * 2)
    with pytest.raises(NotEstimableError, match="bootstrap samples"):
        bootstrap_incidence(fit, x, [5], rng=np.random.default_rng(0), repetitions=50)
    with pytest.raises(InputError, match="repetitions"):
        bootstrap_incidence(fit, x, [5], rng=np.random.default_rng(0), repetitions=1)


# Simulation with known truth

TRUE = np.array([0.5, -0.5])


def _simulate(rng: np.random.Generator, n: int, *, late: bool) -> tuple[Any, ...]:
    """Fine & Gray's (1999) model with a truth of its own, seen in whole months.

    F1(t | x) = 1 - (1 - 0.5 (1 - exp(-t / 24)))^exp(x beta); the other cause is exponential.
    """
    X = np.stack([rng.normal(size=n), rng.integers(0, 2, n)], axis=1)
    relative = np.exp(X @ TRUE)
    first = rng.uniform(size=n) < 1 - 0.5**relative
    u = rng.uniform(size=n) * (1 - 0.5**relative)
    with np.errstate(invalid="ignore", divide="ignore"):
        own = -24 * np.log(1 - (1 - (1 - u) ** (1 / relative)) / 0.5)
    other = rng.exponential(24 / np.exp(0.4 * X[:, 0]))
    exit_ = np.ceil(np.where(first, own, other))
    census = 12.0 * rng.integers(2, 6, n)
    event = np.where(exit_ > census, 0, np.where(first, 1, 2))
    exit_ = np.minimum(exit_, census)
    entry = np.where(rng.uniform(size=n) < 0.5, rng.integers(1, 18, n), 0.0) * late
    seen = (exit_ > entry) | (entry == 0)
    return X[seen], exit_[seen], event[seen], entry[seen]


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_coefficients_are_unbiased_and_covered(late: bool) -> None:
    """Bias within 4 standard errors of its mean plus 0.01, coverage of 95 % limits likewise.

    The hundredth is for months: ties are drawn from a continuous time.
    """
    rng = np.random.default_rng(11)
    estimates, errors = np.empty((2, REPETITIONS, 2))
    for r in range(REPETITIONS):
        X, exit_, event, entry = _simulate(rng, 400, late=late)
        fit = fit_fine_gray(X, exit_, event, entry)
        estimates[r], errors[r] = fit.coefficients, np.sqrt(np.diag(fit.covariance))
    bias = estimates.mean(axis=0) - TRUE
    noise = estimates.std(axis=0) / np.sqrt(REPETITIONS)
    covered = (np.abs(estimates - TRUE) < 1.959964 * errors).mean(axis=0)
    assert (np.abs(bias) < 4 * noise + 0.01).all(), (bias, noise)
    assert (np.abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / REPETITIONS) + 0.01).all(), covered


@pytest.mark.slow
def test_bootstrap_limits_cover() -> None:
    """Limits of the incidence at 24 months, 200 people each time."""
    rng = np.random.default_rng(12)
    repetitions, samples = (200, 200) if REPETITIONS >= 2000 else (30, 60)
    x = np.array([[0.0, 0], [1, 1]])
    truth = 1 - (1 - 0.5 * (1 - np.exp(-1))) ** np.exp(x @ TRUE)
    covered = np.empty((repetitions, 2))
    for r in range(repetitions):
        X, exit_, event, entry = _simulate(rng, 200, late=False)
        fit = fit_fine_gray(X, exit_, event, entry)
        got = bootstrap_incidence(fit, x, [24], rng=rng, repetitions=samples)
        covered[r] = (got.lower[:, 0] <= truth) & (truth <= got.upper[:, 0])
    share = covered.mean(axis=0)
    # So few samples make the limits themselves uncertain, which costs about a hundredth.
    assert (np.abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / repetitions) + 0.02).all(), share


# Bad input


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"event": [1, 2, 0, -1, 1, 0]}, InputError, "unknown cause"),
        ({"cause": 3}, FitError, "nobody leaves from cause 3"),
        ({"cause": 0}, InputError, "numbered from 1"),
        ({"entry": [0, 0, 0, 0, 0, 3], "clusters": [0, 1, 2, 3, 4, 3]}, InputError, "one person"),
        ({"X": np.zeros((3, 1))}, InputError, "X has shape"),
        ({"ids": [0, 1, 2, 3, 4, 4]}, InputError, "do not follow on"),
        ({"ids": [0, 1]}, InputError, "ids has shape"),
        ({"censoring_strata": [0, 1]}, InputError, "censoring_strata has shape"),
        ({"censoring_ties": "crr"}, InputError, "no such censoring_ties"),
    ],
)
def test_errors(change: dict[str, Any], error: type[Exception], match: str) -> None:
    given_ = {
        "X": np.array([[0.0], [1], [1], [0], [0], [1]]),
        "exit_": [1, 2, 2, 3, 4, 5],
        "event": [2, 0, 1, 0, 1, 0],
    }
    with pytest.raises(error, match=match):
        fit_fine_gray(**(given_ | change))  # type: ignore[arg-type]


def test_a_gap_in_observation_cannot_be_weighed() -> None:
    """Nobody is seen on (2, 3]: how often those gone by 2 would be seen after 3 is not known."""
    with pytest.raises(FitError, match="nobody was under observation"):
        fit_fine_gray(np.array([[0.0], [1], [0], [1]]), [1, 2, 5, 6], [2, 1, 1, 1], [0, 0, 3, 3])


def test_variances_that_there_are_not() -> None:
    fit = fit_fine_gray(**_draw(1))
    with pytest.raises(InputError, match="no delayed entry"):
        fine_gray_covariance(fit, "crr")
    with pytest.raises(InputError, match="no such weights"):
        fine_gray_covariance(fit, "robust")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the fit has 2 columns"):
        predict_fine_gray(fit, [[1.0]], [3])
    with pytest.raises(InputError, match="missing or infinite"):
        predict_fine_gray(fit, [[1.0, np.nan]], [3])
