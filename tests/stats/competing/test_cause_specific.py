"""Cause-specific Cox and the risks it joins to: by hand, by identities, by R, by simulation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmts_models.errors import FitError, InputError
from gmts_models.stats.competing.absolute_risk import SurvivalForm, risk_gradient, risk_steps
from gmts_models.stats.competing.cause_specific import cause_specific_curves, fit_cause_specific
from gmts_models.stats.competing.cause_specific_prediction import (
    absolute_risk_limits,
    predict_absolute_risk,
)
from gmts_models.stats.cox.prediction import predict_survival

Floats = npt.NDArray[np.float64]
REFERENCE = Path(__file__).parents[2] / "reference"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "200"))
FORMS = get_args(SurvivalForm)
NEW = np.array([[6, 0, 13, 1], [7.5, 1, 12, 2], [8.2, 1, 10, 0.5]])


def _mgus2() -> tuple[Floats, pd.DataFrame]:
    d = pd.read_csv(REFERENCE / "data" / "mgus2.csv")
    return d[["age10", "male", "hgb", "mspike"]].to_numpy(), d


def _draw(seed: int, n: int = 80) -> dict[str, Any]:
    """Tied months, two causes, censoring, late entry; whole case weights; two strata."""
    rng = np.random.default_rng(seed)
    entry = np.where(rng.uniform(size=n) < 0.5, rng.integers(0, 4, n), 0).astype(float)
    event = rng.integers(0, 3, n)
    event[:4] = 1, 1, 2, 2
    return {
        "X": rng.normal(size=(n, 2)),
        "exit_": entry + rng.integers(1, 9, n),
        "event": event,
        "entry": entry,
        "weights": rng.integers(1, 4, n).astype(float),
        "strata": np.arange(n) % 2,
    }


TIMES = [2, 5, 8]


# By hand


def test_risks_by_hand() -> None:
    """At 2 one of eight leaves from each cause, at 4 two of four from the first."""
    x = np.array([[1.0], [-1], [1], [-1], [1], [-1], [1], [-1]])
    exit_ = [2, 2, 2, 2, 4, 4, 4, 4]
    fit = fit_cause_specific(x, exit_, [1, 1, 2, 2, 1, 1, 0, 0], ties="breslow")
    for each in fit.fits:
        assert each.coefficients[0] == pytest.approx(0, abs=1e-12)

    def risk(form: SurvivalForm) -> Any:
        return predict_absolute_risk(fit, [[0.0]], [1, 2, 4], form=form)[0]

    np.testing.assert_allclose(
        risk("product-limit"), [[0.0, 0], [1 / 4, 1 / 4], [1 / 2, 1 / 4]], rtol=1e-12
    )
    stay = np.exp(-0.5)
    half = (1 - stay) / 2
    np.testing.assert_allclose(
        risk("exponential"), [[0.0, 0], [half, half], [half + stay * (1 - stay), half]], rtol=1e-12
    )
    np.testing.assert_allclose(
        risk("left sum"), [[0.0, 0], [1 / 4, 1 / 4], [1 / 4 + stay / 2, 1 / 4]], rtol=1e-12
    )


# R


def test_multistate_breslow_as_r_has_it() -> None:
    """R 4.2.2, survival 3.5-3, d = mgus2, ndf = NEW, by person and time: pcm, death.

    f <- coxph(Surv(etime, ev) ~ age10 + male + hgb + mspike, data = d, id = id, ties = "breslow")
    summary(survfit(f, newdata = ndf, stype = 1 or 2), times = c(12, 60, 120, 240))$pstate
    """
    X, d = _mgus2()
    fit = fit_cause_specific(X, d.etime, d.cause, ties="breslow")
    product = """
    0.006359595986 0.042373071118 0.025986895460 0.130747651016 0.055981489472 0.275165726629
    0.106328264622 0.533351687888 0.021877589684 0.168123182400 0.075608327470 0.434859075853
    0.124345041729 0.690449090098 0.150794410098 0.835973963907 0.006727511897 0.345923701134
    0.019397982651 0.739227172836 0.025516532171 0.939429923333 0.026532038563 0.973313325396
    """
    exponential = """
    0.006347264718 0.042256776268 0.025951555257 0.130526315201 0.055889980678 0.274701637528
    0.106025422877 0.531828617880 0.021730828455 0.166311507387 0.075356421439 0.432478344738
    0.124055895640 0.688020456205 0.150712569092 0.834770113280 0.006673923006 0.338853943330
    0.019426640517 0.733655546242 0.025664680456 0.937131171119 0.026745660368 0.973021657646
    """
    for form, text in (("product-limit", product), ("exponential", exponential)):
        got = predict_absolute_risk(fit, NEW, [12, 60, 120, 240], form=form)  # type: ignore[arg-type]
        want = np.array(text.split(), dtype=float).reshape(3, 4, 2)
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_multistate_efron_in_r_is_wrong() -> None:
    """Efron's hazards lie above d / S0, Breslow's with the same coefficients, by construction.

    R's survfit of the multi-state coxph with ties = "efron" (survival 3.5-3) has them below: the
    first of NEW stays 12 months with probability .9561690867 (c_causespecific_mgus2.json,
    multistate_predicted_pstate), a hazard of .0448, where R's own separate fits,
    survfit(coxph(Surv(etime, cause == 1) ~ ...), newdata = ndf)$cumhaz, have .00657219 for cause 1
    alone, against .00501063 in the former.
    """
    X, d = _mgus2()
    fit = fit_cause_specific(X, d.etime, d.cause)
    floor = ours = 0.0
    for each in fit.fits:
        relative = np.exp((NEW[0] - each.data.rows.centre) @ each.coefficients)
        early = each.data.grid.time <= 12
        at = each.likelihood.at
        floor += relative * (each.data.grid.weight / at.at_risk)[early].sum()
        ours += relative * at.hazard[early].sum()
    assert -np.log(0.9561690867) < floor < ours
    got = predict_absolute_risk(fit, NEW[:1], [12], form="exponential")[0, 0]
    assert 1 - got.sum() == pytest.approx(np.exp(-ours), rel=1e-12)
    alone = predict_survival(fit.fits[0], NEW[:1], [12]).hazard[0, 0]
    assert alone == pytest.approx(0.006572192, rel=1e-6)


def test_standard_errors_without_ties_as_r_has_them() -> None:
    """R 4.2.2, riskRegression 2022.11.28, which goes wrong under ties; here there are none.

    d$t <- d$etime + d$id / 2000; f <- CSC(Hist(t, cause) ~ age10 + male + hgb + mspike, data = d)
    predict(f, newdata = ndf, times = c(12, 60, 120), cause = 1 or 2, se = TRUE,
            product.limit = FALSE)$absRisk.se
    predict(f, newdata = ndf, times = c(60, 120), cause = 1, landmark = 24, product.limit = FALSE)
    """
    X, d = _mgus2()
    time = d.etime + d.id / 2000
    fit = fit_cause_specific(X, time, d.cause)
    got = absolute_risk_limits(fit, NEW, [12, 60, 120], form="left sum").std_err
    want = """
    0.001880752392 0.005062906011 0.009847151715 0.006419377670 0.014750148599 0.021466934602
    0.002351722210 0.005656313130 0.007503572112
    0.004804860215 0.011679908331 0.019871698141 0.015139110031 0.026157591493 0.027939778046
    0.031600724751 0.033987167490 0.014631860104
    """
    for c, each in enumerate(np.array(want.split(), dtype=float).reshape(2, 3, 3)):
        np.testing.assert_allclose(got[:, :, c], each, rtol=1e-7)
    since = predict_absolute_risk(fit, NEW, [60, 120], since=np.full(3, 24), form="left sum")
    landmark = [
        [0.013461705137, 0.047227246932],
        [0.044358834237, 0.114806520119],
        [0.013089932996, 0.025373684408],
    ]
    np.testing.assert_allclose(since[:, :, 0], landmark, rtol=1e-9)


def test_strata_as_r_has_them() -> None:
    """As above, CSC(Hist(t, cause) ~ age10 + strata(male) + hgb + mspike), cause 1."""
    X, d = _mgus2()
    columns = [0, 2, 3]
    fit = fit_cause_specific(X[:, columns], d.etime + d.id / 2000, d.cause, strata=d.male)
    got = absolute_risk_limits(
        fit, NEW[:, columns], [12, 60, 120], strata=[0, 1, 1], form="left sum"
    )
    risk = [
        [0.008319748439, 0.027303822307, 0.059374340113],
        [0.012695725856, 0.064753021689, 0.116590364221],
        [0.004025620355, 0.016973822210, 0.023864065816],
    ]
    error = [
        [0.003084300269, 0.006038810506, 0.011038615625],
        [0.006741538368, 0.015793637366, 0.022103315764],
        [0.002154855110, 0.005293941317, 0.007038835605],
    ]
    np.testing.assert_allclose(got.risk[:, :, 0], risk, rtol=1e-9)
    np.testing.assert_allclose(got.std_err[:, :, 0], error, rtol=1e-7)


# Identities


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["efron", "breslow"]))
def test_causes_add_up_to_leaving(seed: int, ties: Any) -> None:
    d = _draw(seed)
    fit = fit_cause_specific(**d, ties=ties)
    new, strata = d["X"][:4], d["strata"][:4]
    hazard = sum(predict_survival(each, new, TIMES, strata=strata).hazard for each in fit.fits)
    got = predict_absolute_risk(fit, new, TIMES, strata=strata, form="exponential")
    np.testing.assert_allclose(got.sum(axis=2), -np.expm1(-hazard), rtol=1e-10)
    kept = cause_specific_curves(fit)
    np.testing.assert_array_equal(
        predict_absolute_risk(kept, new, TIMES, strata=strata, form="exponential"), got
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_one_cause_is_cox(seed: int) -> None:
    d = _draw(seed)
    d["event"] = np.minimum(d["event"], 1)
    fit = fit_cause_specific(**d)
    strata = d["strata"][:4]
    survival = predict_survival(fit.fits[0], d["X"][:4], TIMES, strata=strata).survival
    got = absolute_risk_limits(fit, d["X"][:4], TIMES, strata=strata, form="exponential")
    np.testing.assert_allclose(got.risk[:, :, 0], 1 - survival, rtol=1e-9)
    np.testing.assert_allclose(got.total_std_err, got.std_err[:, :, 0], rtol=1e-12)
    np.testing.assert_allclose(got.total_upper, got.upper[:, :, 0], rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_tenure_so_far(seed: int, form: SurvivalForm) -> None:
    """Given a stay of s months the risk by t is (F(t) - F(s)) / S(s)."""
    d = _draw(seed)
    fit = fit_cause_specific(**d)
    new, strata, s = 0.2 * d["X"][:4], d["strata"][:4], np.array([0, 1, 2, 4.0])
    whole = predict_absolute_risk(fit, new, np.r_[s, TIMES], strata=strata, form=form)
    at = whole[np.arange(4), np.arange(4)]
    hazard = sum(
        predict_survival(each, new, s, strata=strata).hazard[np.arange(4), np.arange(4)]
        for each in fit.fits
    )
    stay = 1 - at.sum(axis=1) if form == "product-limit" else np.exp(-hazard)
    got = predict_absolute_risk(fit, new, TIMES, strata=strata, since=s, form=form)
    want = np.maximum(whole[:, 4:] - at[:, None], 0) / stay[:, None, None]
    want = np.minimum(want, 1)  # which the left sum may pass
    np.testing.assert_allclose(got[1:], want[1:], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(got[0], whole[0, 4:], rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_order_scale_labels_and_replication_change_nothing(seed: int) -> None:
    d = _draw(seed)
    n = len(d["event"])
    new, codes = d["X"][:3], d["strata"][:3]

    def limits_of(factor: float = 1.0, **rows: Any) -> Any:
        fit = fit_cause_specific(**rows, ties="breslow")
        return absolute_risk_limits(fit, new, factor * np.array(TIMES), strata=codes)

    want = limits_of(**d)
    order = np.random.default_rng(seed).permutation(n)
    days = d | {"exit_": d["exit_"] * 30.4375, "entry": d["entry"] * 30.4375}
    again = np.repeat(np.arange(n), d["weights"].astype(int))
    copies = {name: each[again] for name, each in d.items() if name != "weights"}
    for got in (
        limits_of(**{name: each[order] for name, each in d.items()}),
        limits_of(30.4375, **days),
        limits_of(**copies, clusters=again),
    ):
        np.testing.assert_allclose(got.risk, want.risk, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(got.std_err, want.std_err, rtol=1e-7, atol=1e-12)
    begun = d | {"entry": None, "exit_": d["exit_"] - d["exit_"].min()}
    fits = [fit_cause_specific(**(begun | {"exit_": begun["exit_"] + by})) for by in (0, 3)]
    early, late = (
        predict_absolute_risk(fit, new, np.array([0, 2, 4]) + by, strata=codes)
        for fit, by in zip(fits, (0, 3), strict=True)
    )
    np.testing.assert_allclose(late, early, rtol=1e-10)
    swapped = limits_of(**(d | {"event": np.array([0, 2, 1])[d["event"]]}))
    np.testing.assert_allclose(swapped.risk[..., ::-1], want.risk, rtol=1e-10)
    np.testing.assert_allclose(swapped.lower[..., ::-1], want.lower, rtol=1e-8, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_splitting_a_person_changes_nothing(seed: int) -> None:
    d = _draw(seed)
    n = len(d["event"])
    cut = (d["entry"] + d["exit_"]) / 2
    ids = np.tile(np.arange(n), 2)
    split = fit_cause_specific(
        d["X"][ids],
        np.r_[cut, d["exit_"]],
        np.r_[np.zeros(n, dtype=int), d["event"]],
        np.r_[d["entry"], cut],
        d["weights"][ids],
        d["strata"][ids],
        clusters=ids,
    )
    new, codes = d["X"][:3], d["strata"][:3]
    want = absolute_risk_limits(fit_cause_specific(**d), new, TIMES, strata=codes)
    got = absolute_risk_limits(split, new, TIMES, strata=codes)
    np.testing.assert_allclose(got.risk, want.risk, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got.std_err, want.std_err, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_standard_error_is_the_derivative_by_case_weights(form: SurvivalForm, ties: Any) -> None:
    d = _draw(4, 30)
    new, codes, since = 0.3 * d["X"][:2], d["strata"][:2], [0.0, 2]
    # Whole numbers of departures keep Efron's steps: every weight moves by itself.
    moved = []
    for i in range(30):
        step = 1e-5 * np.eye(30)[i]
        up, down = (
            predict_absolute_risk(
                fit_cause_specific(**(d | {"weights": d["weights"] + sign * step}), ties=ties),
                new,
                TIMES,
                strata=codes,
                since=since,
                form=form,
            )
            for sign in (1, -1)
        )
        moved.append(d["weights"][i] * (up - down) / 2e-5)
    cube = np.array(moved)
    fit = fit_cause_specific(**d, ties=ties)
    got = absolute_risk_limits(fit, new, TIMES, strata=codes, since=since, form=form)
    assert (got.risk < 1).all()
    np.testing.assert_allclose(got.std_err, np.sqrt((cube**2).sum(axis=0)), rtol=1e-5, atol=1e-9)
    total = np.sqrt((cube.sum(axis=3) ** 2).sum(axis=0))
    np.testing.assert_allclose(got.total_std_err, total, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_is_the_derivative(form: SurvivalForm) -> None:
    """By log hazards, at small, middling and (product-limit) exhausting hazards."""
    base = np.array([[[1e-6, 0.1, 0.2, 0.7, 0.1], [2e-6, 0.3, 0.1, 0.6, 0.2]]])
    place = np.array([1, 3, 5])

    def risk(hazard: Floats) -> Any:
        return risk_steps(hazard, form).incidence[0][:, place].T

    got = risk_gradient(risk_steps(base, form), form, place)[0]
    for c in range(2):
        for k in range(5):
            up, down = base.copy(), base.copy()
            up[0, c, k] *= np.exp(1e-6)
            down[0, c, k] *= np.exp(-1e-6)
            slope = (risk(up) - risk(down)) / 2e-6
            np.testing.assert_allclose(got[:, :, c, k], slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_risks_stay_within_bounds(seed: int, form: SurvivalForm) -> None:
    d = _draw(seed)
    fit = fit_cause_specific(**d)
    months = np.arange(0, 30)
    risk = predict_absolute_risk(fit, 20 * d["X"], months, strata=d["strata"], form=form)
    last = np.array([d["exit_"][d["strata"] == s].max() for s in range(2)])[d["strata"]]
    known = months <= last[:, None]
    assert np.isnan(risk[~known]).all()
    assert ((risk[known] >= 0) & (risk[known] <= 1)).all()
    steps = np.diff(risk, axis=1)
    assert (steps[known[:, 1:]] >= 0).all()
    if form != "left sum":
        assert (risk[known].sum(axis=1) <= 1 + 1e-12).all()


def test_many_people_in_blocks_are_those_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    d = _draw(9)
    fit = fit_cause_specific(**d)
    whole = absolute_risk_limits(fit, d["X"], TIMES, strata=d["strata"])
    monkeypatch.setattr("gmts_models.stats.competing.new_people._CELLS", 1)
    single = absolute_risk_limits(fit, d["X"], TIMES, strata=d["strata"])
    np.testing.assert_allclose(whole.std_err, single.std_err, rtol=1e-12)
    assert (whole.lower < whole.risk).any()
    assert (whole.risk < whole.upper).any()


# Simulation with known truth


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_risks_are_unbiased_and_covered(late: bool) -> None:
    """Constant hazards by cause, seen in whole months; risks at 12 and 36 of two people.

    Bias within 4 standard errors of its mean plus a hundredth (the months), coverage of 95 %
    limits within 4 plus a hundredth.
    """
    rng = np.random.default_rng(21)
    first, second = np.array([0.5, -0.5]), np.array([-0.3, 0.4])
    new = np.array([[0.0, 0], [1, 1]])
    a, b = 0.02 * np.exp(new @ first), 0.03 * np.exp(new @ second)
    when = np.array([12.0, 36])
    truth = (a / (a + b))[:, None] * -np.expm1(-(a + b)[:, None] * when)
    risks, covered = np.empty((2, REPETITIONS, 2, 2))
    for r in range(REPETITIONS):
        X = np.stack([rng.normal(size=400), rng.integers(0, 2, 400)], axis=1)
        one = rng.exponential(1 / (0.02 * np.exp(X @ first)))
        two = rng.exponential(1 / (0.03 * np.exp(X @ second)))
        exit_, census = np.ceil(np.minimum(one, two)), 12.0 * rng.integers(2, 6, 400)
        event = np.where(exit_ > census, 0, np.where(one < two, 1, 2))
        exit_ = np.minimum(exit_, census)
        entry = np.where(rng.uniform(size=400) < 0.5, rng.integers(1, 18, 400), 0.0) * late
        seen = (exit_ > entry) | (entry == 0)
        fit = fit_cause_specific(X[seen], exit_[seen], event[seen], entry[seen])
        got = absolute_risk_limits(fit, new, when)
        risks[r] = got.risk[:, :, 0]
        inside = (got.lower[:, :, 0] <= truth) & (truth <= got.upper[:, :, 0])
        covered[r] = inside
    bias, share = risks.mean(axis=0) - truth, covered.mean(axis=0)
    noise = risks.std(axis=0) / np.sqrt(REPETITIONS)
    assert (np.abs(bias) < 4 * noise + 0.01).all(), (bias, noise)
    assert (np.abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / REPETITIONS) + 0.01).all(), share


# Bad input


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"event": [1, 2, 0, -1, 1, 2]}, InputError, "unknown cause"),
        ({"event": [0, 1, 1, 0, 1, 0], "causes": 2}, FitError, "nobody leaves from cause 2"),
        ({"causes": 1}, InputError, "event codes run to 2"),
    ],
)
def test_fit_errors(change: dict[str, Any], error: type[Exception], match: str) -> None:
    given_ = {
        "X": np.array([[0.0], [1], [1], [0], [0], [1]]),
        "exit_": [1, 2, 2, 3, 4, 5],
        "event": [2, 1, 1, 2, 1, 2],
    }
    with pytest.raises(error, match=match):
        fit_cause_specific(**(given_ | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"X": [[1.0]]}, "the fit has 2 columns"),
        ({"X": [[1.0, np.inf]]}, "missing or infinite"),
        ({"strata": None}, "the fit has 2 strata"),
        ({"strata": [2]}, "codes from 0 to 1"),
        ({"since": [-1.0]}, "none negative"),
        ({"form": "hazard"}, "no such form"),
    ],
)
def test_prediction_errors(change: dict[str, Any], match: str) -> None:
    fit = fit_cause_specific(**_draw(1))
    given_: dict[str, Any] = {"X": [[0.0, 0]], "times": [3], "strata": [0]}
    with pytest.raises(InputError, match=match):
        predict_absolute_risk(fit, **(given_ | change))
