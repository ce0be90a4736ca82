"""Accelerated failure time models: against R, penalised, with late entry, and what they refuse."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special
from scipy.optimize import minimize

from gmts_models.errors import FitError, InputError
from gmts_models.models.survival.flexible import GeneralisedGammaAFT, SplineAFT
from gmts_models.models.survival.parametric import (
    FIRST_DAY,
    ExponentialAFT,
    LogLogisticAFT,
    LogNormalAFT,
    WeibullAFT,
)
from gmts_models.outcome import Outcome

REFERENCE = Path(__file__).parents[2] / "reference"
FAMILIES = {
    "weibull": WeibullAFT,
    "exponential": ExponentialAFT,
    "lognormal": LogNormalAFT,
    "loglogistic": LogLogisticAFT,
}
ROUNDING = 1e-8  # relative; the columns are standardised and taken back


def _people(n: int = 200) -> tuple[pd.DataFrame, Outcome]:
    rng = np.random.default_rng(4)
    X = pd.DataFrame(
        {"score": rng.normal(size=n), "route": rng.choice(["new graduate", "changer"], n)}
    )
    time = np.ceil(rng.weibull(1.2, n) * 30 * np.exp(0.4 * X["score"]))
    lost = rng.integers(6, 61, n)
    return X, Outcome(0, np.minimum(time, lost), time <= lost)


@pytest.mark.parametrize("name", FAMILIES)
def test_agrees_with_r(name: str, r_values: Callable[[str], dict[str, Any]]) -> None:
    lung = pd.read_csv(REFERENCE / "data" / "lung_cc.csv").astype({"female": float})
    out = r_values("e_survreg_lung")[f"dist_{name}"]
    X, y = lung[["age", "female", "ph.ecog"]], Outcome(0, lung["time"], lung["status"])
    model = FAMILIES[name]().fit(X.astype(float), y)
    got = [model.intercept_, *model.coef_, model.scale_]
    np.testing.assert_allclose(got, [*out["coef"], out["scale"]], rtol=ROUNDING)
    np.testing.assert_allclose(model.covariance_, np.array(out["var"])[1:4, 1:4], rtol=ROUNDING)
    np.testing.assert_allclose(
        model.summary()["se"], np.array(out["coef_table"]["m"])[1:4, 1], rtol=ROUNDING
    )
    # At its quantiles the risk is the share that they are quantiles of.
    new = out["new"]
    frame = pd.DataFrame(new["newdata"])[X.columns].astype(float)
    for j, share in enumerate(new["p"]):
        at = np.array(new["quantile"])[:, j]
        risk = np.diag(model.predict_risk(frame, at))
        np.testing.assert_allclose(risk, share, rtol=ROUNDING)
    assert WeibullAFT().fit(X, y).shape_ == pytest.approx(1 / 0.7214326229367696)


@pytest.mark.parametrize("name", ["weibull", "lognormal", "loglogistic"])
def test_late_entry_agrees_with_r(
    name: str, r_values: Callable[[str], dict[str, Any]], open_data: Callable[[str], Path]
) -> None:
    data = pd.read_csv(open_data("reference/data/physicians.csv"))
    out = r_values("e_aft_lefttrunc_physicians")[f"left_truncated_{name}"]
    X = data[["age", "part_time"]].astype(float)
    model = FAMILIES[name]().fit(X, Outcome(data["entry"], data["exit"], data["event"]))
    got = [model.intercept_, *model.coef_, model.scale_]
    np.testing.assert_allclose(got, [*out["coef"], out["scale"]], rtol=1e-6)  # R's own digits


def test_neither_intercept_nor_shape_is_penalised() -> None:
    X, y = _people()
    model = WeibullAFT(alpha=50).fit(X[["score"]], y)
    z = ((X["score"] - X["score"].mean()) / X["score"].std()).to_numpy()

    def loss(p: np.ndarray) -> float:
        scale, shape = np.exp(p[0] + p[1] * z), np.exp(p[2])
        hazard = np.log(shape) - np.log(scale) + (shape - 1) * np.log(y.exit / scale)
        return float(25 * p[1] ** 2 - (y.left * hazard - (y.exit / scale) ** shape).sum())

    best = minimize(loss, [3.0, 0.0, 0.0], options={"gtol": 1e-6}).x
    assert model.coef_[0] * X["score"].std() == pytest.approx(best[1], abs=1e-6)
    assert model.shape_ == pytest.approx(np.exp(best[2]), abs=1e-6)


def test_who_leaves_on_the_first_day_leaves_after_half_a_day() -> None:
    X, y = _people()
    exit_ = y.exit.copy()
    exit_[:3] = 0
    zero = LogNormalAFT().fit(X, Outcome(0, exit_, y.event))
    exit_[:3] = FIRST_DAY
    half = LogNormalAFT().fit(X, Outcome(0, exit_, y.event))
    np.testing.assert_array_equal(zero.coef_, half.coef_)


def test_rows_of_one_person_change_nothing() -> None:
    X, y = _people()
    middle = y.exit / 3
    split = Outcome(
        np.r_[np.zeros(len(y)), middle],
        np.r_[middle, y.exit],
        np.r_[np.zeros(len(y), int), y.event],
        ids=np.r_[np.arange(len(y)), np.arange(len(y))],
    )
    twice = pd.concat([X, X], ignore_index=True)
    whole, parts = WeibullAFT().fit(X, y), WeibullAFT().fit(twice, split)
    np.testing.assert_allclose(parts.coef_, whole.coef_, atol=1e-9)
    np.testing.assert_allclose(parts.covariance_, whole.covariance_, rtol=1e-7)


@pytest.mark.parametrize("name", FAMILIES)
def test_trouble_is_named(name: str) -> None:
    X, y = _people()
    model = FAMILIES[name]()
    with pytest.raises(FitError, match="copy"):
        model.fit(X.assign(copy=X["score"]), y)
    with pytest.raises(FitError, match="tell_tale"):
        model.fit(X.assign(tell_tale=1.0 - y.left), y)
    assert np.isfinite(type(model)(alpha=1).fit(X.assign(tell_tale=1.0 - y.left), y).coef_).all()
    with pytest.raises(InputError, match="alpha"):
        type(model)(alpha=-1).fit(X, y)


@pytest.mark.parametrize("model", [GeneralisedGammaAFT(), SplineAFT(knots=3)])
def test_flexible_families_answer_as_every_model_does(model: Any) -> None:
    X, y = _people()
    model.fit(X, y)
    horizons = [36, 0, 12, 80, 12]
    risk = model.predict_risk(X, horizons)
    np.testing.assert_array_equal(risk[:, 1], 0)
    np.testing.assert_array_equal(risk[:, 2], risk[:, 4])
    assert (np.diff(risk[:, [1, 2, 0, 3]], axis=1) > 0).all()
    assert (risk[:, 3] < 1).all()  # past the follow-up it goes on
    near = WeibullAFT().fit(X, y)  # which is how these people were drawn
    np.testing.assert_allclose(risk[:, 0], near.predict_risk(X, [36])[:, 0], atol=0.05)
    assert list(model.summary()["term"]) == list(near.terms_)
    np.testing.assert_allclose(model.summary()["se"], near.summary()["se"], rtol=0.12)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_risk(X, [12]), model.predict_risk(X, [12]))
    assert model.predict_risk(X[:0], [12]).shape == (0, 1)


def test_flexible_parameters_are_those_of_the_raw_columns() -> None:
    X, y = _people()
    gamma, spline = GeneralisedGammaAFT().fit(X, y), SplineAFT().fit(X, y)
    assert np.diff(spline.knots_).min() > 0
    # The median by hand: z of S = 0.5, then location + scale z at this person's raw columns.
    person = X.iloc[:1]
    linear = gamma.intercept_ + gamma.coef_ @ [
        person["score"].iloc[0] if term == "score" else person["route"].iloc[0] == "new graduate"
        for term in gamma.terms_
    ]
    q = gamma.shape_
    z = np.log(q * q * special.gammaincinv(1 / q**2, 0.5)) / q  # q > 0 or not, half lies below
    at = np.exp(linear + gamma.scale_ * z)
    assert gamma.predict_risk(person, [at])[0, 0] == pytest.approx(0.5, abs=1e-9)


def test_a_falling_cumulative_hazard_and_too_few_knots_are_refused() -> None:
    X, y = _people()
    for knots in (1, 2.5, "3"):
        with pytest.raises(InputError, match="2 knots"):
            SplineAFT(knots=knots).fit(X, y)  # type: ignore[arg-type]


def test_nothing_here_needs_lifelines() -> None:
    code = (
        "import sys; import gmts_models.models.survival.flexible; "
        "import gmts_models.models.survival.parametric; "
        "sys.exit('lifelines' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
