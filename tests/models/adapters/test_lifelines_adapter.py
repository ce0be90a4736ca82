"""lifelines models, wrapped: the same risks, right-continuous steps, and what is refused."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import lifelines
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.errors import InputError
from gmts_models.features.table import build_features
from gmts_models.models.adapters.wrapped import adopt, wrap
from gmts_models.models.fitted import FittedModel
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.models.survival.parametric import WeibullAFT
from gmts_models.outcome import Outcome

INSIDE = [0, 0.5, 3, 6.5, 12, 30]


def _people(n: int = 150) -> tuple[pd.DataFrame, Outcome, pd.DataFrame]:
    """X with an index of its own, y, and both as lifelines takes them."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "score": rng.normal(size=n),
            "part_time": rng.integers(0, 2, n).astype(float),
            "group": rng.choice(["a", "b", "c"], n),
        },
        index=3 * np.arange(n)[::-1] + 5,
    )
    time = np.ceil(rng.exponential(20 * np.exp(-0.5 * X["score"].to_numpy())))
    lost = rng.integers(5, 40, n)
    y = Outcome(0, np.minimum(time, lost), time <= lost, index=X.index)
    return X, y, X.assign(time=y.exit, left=y.left)


def _fit(fitter: Any, data: pd.DataFrame, **options: Any) -> Any:
    """Fit without lifelines' own warnings; columns of text are left out unless something codes."""
    codes = options.get("formula") or options.get("regressors") or getattr(fitter, "strata", None)
    data = data if codes or "strata" in options else data.drop(columns="group")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitter.fit(data, "time", "left", **options)


def _cox(**options: Any) -> lifelines.CoxPHFitter:
    return lifelines.CoxPHFitter(**options)


GAMMA = {"lambda_": "1", "mu_": "score + C(group)", "sigma_": "1"}
FAMILIES = {
    "weibull": (lifelines.WeibullAFTFitter, {}, {"formula": "score", "ancillary": "C(group)"}),
    "lognormal": (lifelines.LogNormalAFTFitter, {}, {}),
    "loglogistic": (lifelines.LogLogisticAFTFitter, {}, {}),
    "gamma": (lifelines.GeneralizedGammaRegressionFitter, {}, {"regressors": GAMMA}),
    "pieces": (
        lifelines.PiecewiseExponentialRegressionFitter,
        {"breakpoints": [10, 20]},
        {},
    ),
    "cox spline": (
        lifelines.CoxPHFitter,
        {"baseline_estimation_method": "spline", "n_baseline_knots": 3},
        {},
    ),
    "cox spline strata": (
        lifelines.CoxPHFitter,
        {"baseline_estimation_method": "spline", "n_baseline_knots": 3, "strata": "group"},
        {},
    ),
    "cox pieces": (
        lifelines.CoxPHFitter,
        {"baseline_estimation_method": "piecewise", "breakpoints": [10, 20]},
        {},
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_families_answer_as_lifelines_does_and_go_on(name: str) -> None:
    X, y, data = _people()
    kind, made, given = FAMILIES[name]
    fitter = _fit(kind(**made), data, **given)
    model = wrap(fitter)
    months = [60, 12, *INSIDE, 240]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        risk = model.predict_risk(X, months)
        plain = X.reset_index(drop=True)
        want = 1 - fitter.predict_survival_function(plain, times=[*INSIDE, 240])[plain.index]
    np.testing.assert_allclose(risk[:, 2:], want.to_numpy().T, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(risk[:, 1], risk[:, 2 + INSIDE.index(12)])
    np.testing.assert_array_equal(risk[:, 2], 0)
    assert (risk[:, 0] < 1).all()
    assert model.score(X, y) > 0.55


@pytest.mark.parametrize(
    "formula", [None, "score + C(group) + np.exp(part_time) + score:part_time"]
)
def test_cox_is_read_as_steps(formula: str | None) -> None:
    X, y, data = _people()
    fitter = _fit(_cox(), data, formula=formula)
    model = wrap(fitter)
    assert set(model.feature_names_in_) == (
        {"score", "part_time"} | ({"group"} if formula else set())
    )
    at = fitter.baseline_cumulative_hazard_.index.to_numpy()
    want = 1 - fitter.predict_survival_function(X.reset_index(drop=True), times=at).to_numpy().T
    np.testing.assert_allclose(model.predict_risk(X, at), want, rtol=1e-12)
    # Between two times the step before holds; before the first nobody has left.
    between = (at[:-1] + at[1:]) / 2
    np.testing.assert_allclose(model.predict_risk(X, between), want[:, :-1], rtol=1e-12)
    np.testing.assert_array_equal(model.predict_risk(X, [0, at[0] / 2]), 0)
    last = y.exit.max()
    assert np.isnan(model.predict_risk(X, [last + 0.5])).all()
    assert np.isfinite(model.predict_risk(X, [last])).all()
    # The order of rows and columns, other columns and the other horizons change nothing.
    order = np.random.default_rng(1).permutation(len(X))
    again = model.predict_risk(X.iloc[order, ::-1].assign(other="text"), [12, 3])
    np.testing.assert_allclose(again, model.predict_risk(X, [3, 12])[order][:, ::-1], rtol=1e-12)


@pytest.mark.parametrize("strata", ["group", ["group", "part_time"]])
def test_strata_keep_their_rows_and_end_with_their_own_follow_up(strata: Any) -> None:
    X, y, data = _people()
    model = wrap(_fit(_cox(strata=strata), data))
    columns = [strata] if isinstance(strata, str) else strata
    last = data.groupby(columns)["time"].transform("max").to_numpy()
    assert len(set(last)) > 1
    months = np.array([3.0, 12.0, 36.5, 37.5, 38.5])
    risk = model.predict_risk(X, months)
    np.testing.assert_array_equal(np.isnan(risk), months > last[:, None])
    alone = np.concatenate([model.predict_risk(X.iloc[[i]], [12]) for i in range(20)])
    np.testing.assert_allclose(risk[:20, 1], alone[:, 0], rtol=1e-12)
    # Ours has Efron's baseline beside Efron's coefficients, theirs Breslow's: near, not equal.
    if isinstance(strata, str):
        ours = CoxPH(strata="group").fit(X, y).predict_risk(X, [12])
        np.testing.assert_allclose(risk[:, [1]], ours, atol=0.03)
        assert np.abs(risk[:, [1]] - ours).max() > 1e-4
    with pytest.raises(InputError, match="StatError"):
        model.predict_risk(X.assign(group="z"), [12])


def test_additive_hazards_never_fall() -> None:
    X, _, data = _people()
    model = wrap(_fit(lifelines.AalenAdditiveFitter(), data, formula="score + C(group)"))
    months = np.arange(0, 39.5, 0.5)
    risk = model.predict_risk(X.assign(score=4 * X["score"]), months)  # far out, where hazards fall
    assert (np.diff(risk, axis=1) >= 0).all()
    one = model.predict_risk(X.assign(score=4 * X["score"]), [12])
    np.testing.assert_array_equal(one[:, 0], risk[:, 24])
    assert np.isnan(model.predict_risk(X, [39.5])).all()


def test_curves_of_everyone() -> None:
    X, y, _ = _people()
    steps = lifelines.KaplanMeierFitter().fit(y.exit, y.left)
    ours = KaplanMeier(by=None).fit(X, y)
    months = [0, 0.5, 3, 12.5, 39, 39.5]
    np.testing.assert_allclose(
        wrap(steps).predict_risk(X, months), ours.predict_risk(X, months), rtol=1e-12
    )
    family = lifelines.WeibullFitter().fit(y.exit, y.left)
    got = wrap(family).predict_risk(X[:1], [0, 12, 240])
    scale, shape = family.lambda_, family.rho_
    want = -np.expm1(-((np.array([0, 12, 240]) / scale) ** shape))
    np.testing.assert_allclose(got[0], want, rtol=1e-9)


def test_text_gaps_labels_and_columns_are_refused_and_named() -> None:
    X, _, data = _people()
    plain = wrap(_fit(_cox(), data))
    coded = wrap(_fit(_cox(), data, formula="score + C(group)"))
    with pytest.raises(InputError, match=r"hold text(.|\n)*part_time"):
        plain.predict_risk(X.assign(part_time="no"), [12])
    with pytest.raises(InputError, match=r"missing values(.|\n)*score"):
        coded.predict_risk(X.assign(score=np.nan), [12])
    with pytest.raises(InputError, match=r"has not seen(.|\n)*group") as caught:
        coded.predict_risk(X.assign(group="zebra"), [12])
    assert "zebra" not in str(caught.value)
    with pytest.raises(InputError, match=r"lacks 1 of the columns(.|\n)*part_time"):
        plain.predict_risk(X.drop(columns="part_time"), [12])
    assert plain.predict_risk(X[:0], [12, 24]).shape == (0, 2)


def test_another_librarys_error_tells_no_value_of_a_row() -> None:
    X, _, data = _people()
    model = wrap(_fit(_cox(strata="group"), data))
    with pytest.raises(InputError) as caught:
        model.predict_risk(X.assign(group="zebra"), [12])
    assert "zebra" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_it_is_fitted_for_good() -> None:
    X, y, data = _people()
    model = wrap(_fit(_cox(), data))
    assert clone(model) is model
    assert repr(model) == "WrappedModel(lifelines.CoxPHFitter)"
    with pytest.raises(InputError, match="fitted elsewhere"):
        model.fit(X, y)
    with pytest.raises(InputError, match="fitted elsewhere"):
        cross_val_score(model, X, y, cv=3, error_score="raise")
    with pytest.raises(InputError, match="has no interval here"):
        model.predict_risk_interval(X, [12])
    np.testing.assert_allclose(model.predict_retention(X, [12]), 1 - model.predict_risk(X, [12]))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_risk(X, [12]), model.predict_risk(X, [12]))


def test_a_last_month_cuts_what_would_go_on() -> None:
    X, _, data = _people()
    fitter = _fit(lifelines.LogNormalAFTFitter(), data)
    risk = wrap(fitter, last=36).predict_risk(X, [36, 37])
    assert np.isfinite(risk[:, 0]).all()
    assert np.isnan(risk[:, 1]).all()
    with pytest.raises(InputError, match="last"):
        wrap(fitter, last=0)


@pytest.mark.parametrize(
    ("fitted", "said"),
    [
        (lifelines.CoxTimeVaryingFitter(), "go on changing"),
        (lifelines.AalenJohansenFitter(), "one cause"),
        (lifelines.CoxPHFitter(), "not fitted"),
        (lifelines.WeibullAFTFitter(), "not fitted"),
        (lifelines.AalenAdditiveFitter(), "not fitted"),
        (lifelines.KaplanMeierFitter(), "not fitted"),
        (lifelines.NelsonAalenFitter(), "no risk"),
        (WeibullAFT(), "of this package already"),
        (object(), "lifelines.*scikit-survival.*SurPyval.*greenwood"),
        (None, "cannot be wrapped"),
    ],
)
def test_what_cannot_be_wrapped_is_told_why(fitted: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        wrap(fitted)


def test_an_adopted_model_answers_for_new_people() -> None:
    people = simulate_trainees(seed=7)
    table = build_features(people, features=["specialism", "prior_nhs"])
    data = table.X.assign(time=table.y.exit.clip(0.01), left=table.y.left)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitter = lifelines.LogNormalAFTFitter().fit(
            data, "time", "left", formula="prior_nhs + C(specialism)"
        )
    fitted = adopt(fitter, table)
    assert isinstance(fitted, FittedModel)
    new = simulate_trainees(seed=8)
    risk = fitted.predict_risk(new, [12, 24])
    assert risk.shape == (len(new.trainees), 2)
    assert ((risk > 0) & (risk < 1)).all()
    with pytest.raises(InputError, match=r"lack 1 of the columns(.|\n)*specialism"):
        adopt(fitter, build_features(people, features=["prior_nhs"]))
