"""Models in which groups borrow strength: rows, options, refusals, and what they may show."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from checkable import run_checks
from grouped_people import BOTH, EFFECTS, MONTHS, effect_of, people
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.preprocessing import FunctionTransformer

from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.errors import FitError, InputError, NotEstimableError
from gmts_models.evaluation.evaluate import evaluate
from gmts_models.features.table import build_features
from gmts_models.models.grouped import Grouped, Pooling
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.models.hierarchical import partially_pooled
from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.models.pipeline import RiskPipeline
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Outcome


@pytest.mark.parametrize("model", [*BOTH, HierarchicalCox(slopes="score", ties="breslow")])
def test_a_weight_of_two_is_the_row_twice(model: Any) -> None:
    X, y = people()
    weight = np.random.default_rng(2).integers(0, 3, len(X))
    weighted = clone(model).fit(X, y, sample_weight=pd.Series(weight))
    rows = np.repeat(np.arange(len(X)), weight)
    twice = clone(model).fit(X.iloc[rows].reset_index(drop=True), _again(y, rows))
    np.testing.assert_allclose(
        weighted.predict_risk(X, MONTHS), twice.predict_risk(X, MONTHS), rtol=1e-3
    )
    np.testing.assert_allclose(weighted.groups_["estimate"], twice.groups_["estimate"], atol=1e-3)


def _again(y: Outcome, rows: npt.NDArray[Any]) -> Outcome:
    return Outcome(y.entry[rows], y.exit[rows], y.event[rows])


@pytest.mark.parametrize("model", [HierarchicalCox(), HierarchicalHazard()])
def test_cutting_follow_up_into_rows_changes_nothing(model: Any) -> None:
    X, y = people(150)
    half = np.floor(y.exit / 2)
    ids = np.r_[np.arange(len(X)), np.arange(len(X))]
    kept = np.r_[half > 0, half >= 0]
    cut = Outcome(
        np.r_[np.zeros(len(X)), half][kept],
        np.r_[half, y.exit][kept],
        np.r_[np.zeros(len(X), int), y.event][kept],
        ids=ids[kept],
    )
    both = pd.concat([X, X])[kept].reset_index(drop=True)
    alike = {"rtol": 1e-4} if isinstance(model, HierarchicalCox) else {"rtol": 1e-3}
    np.testing.assert_allclose(
        clone(model).fit(both, cut).predict_risk(X, MONTHS),
        clone(model).fit(X, y).predict_risk(X, MONTHS),
        **alike,
    )


def test_a_month_in_which_rows_meet_is_kept() -> None:
    X, y = people(200)
    part = y.exit - 0.4  # the last row of each begins within the month of leaving
    both = pd.concat([X, X], ignore_index=True)
    cut = Outcome(
        np.r_[np.zeros(len(X)), part],
        np.r_[part, y.exit],
        np.r_[np.zeros(len(X), int), y.event],
        ids=np.tile(np.arange(len(X)), 2),
    )
    model, whole = HierarchicalHazard().fit(both, cut), HierarchicalHazard().fit(X, y)
    assert model.uncounted_ == 0
    np.testing.assert_allclose(
        model.predict_risk(X, MONTHS), whole.predict_risk(X, MONTHS), rtol=1e-3
    )
    late = Outcome(part, y.exit, y.event, index=X.index)
    with pytest.raises(NotEstimableError, match="whole period"):
        HierarchicalHazard().fit(X, late)


@pytest.mark.parametrize("model", [HierarchicalCox(), HierarchicalHazard()])
def test_late_entry_is_respected(model: Any) -> None:
    X, y = people(4000)
    entry = np.random.default_rng(1).integers(0, 13, len(X)).astype(float)
    seen = np.flatnonzero(y.exit > entry)
    late = Outcome(entry[seen], y.exit[seen], y.event[seen])
    fitted = clone(model).fit(X.iloc[seen].reset_index(drop=True), late)
    whole = clone(model).fit(X, y)
    np.testing.assert_allclose(effect_of(fitted), effect_of(whole), atol=0.1)
    risk, expected = fitted.predict_risk(X, [24]).mean(), whole.predict_risk(X, [24]).mean()
    assert risk == pytest.approx(expected, abs=0.02)


def test_months_without_departures_and_the_first_day() -> None:
    X, y = people()
    exit_ = np.where(y.left, np.ceil(y.exit / 6) * 6, 66)
    exit_[:9] = 0
    left = y.left | (np.arange(len(X)) < 9)
    model = HierarchicalHazard().fit(X, Outcome(0, exit_, left, index=X.index))
    last = model.predict_risk(X, [0, 0.5, 1, 65, 66, 66.5])
    assert (last[:, 0] == 0).all()
    assert ((last[:, 1] > 0) & (last[:, 1] < last[:, 2])).all()
    assert np.isfinite(last[:, 4]).all()
    assert np.isnan(last[:, 5]).all()
    at_one = np.where(exit_ == 0, 1.0, exit_)
    same = HierarchicalHazard().fit(X, Outcome(0, at_one, left, index=X.index))
    np.testing.assert_allclose(same.predict_risk(X, MONTHS), model.predict_risk(X, MONTHS))


def test_past_the_follow_up_nothing_is_said() -> None:
    X, y = people()
    short = np.asarray(X["flag"])
    cut = Outcome(
        0,
        np.where(short, np.minimum(y.exit, 10), y.exit),
        y.left & (~short | (y.exit <= 10)),
        index=X.index,
    )
    model = HierarchicalCox(strata="flag").fit(X, cut)
    found = model.predict_risk_interval(X, [6, 24])
    np.testing.assert_array_equal(np.isnan(found.risk[:, 1]), short)
    np.testing.assert_array_equal(np.isnan(found.upper[:, 1]), short)
    assert np.isfinite(found.risk[:, 0]).all()
    ends = HierarchicalHazard(until=18).fit(X, y).predict_risk(X, [18, 19])
    assert np.isnan(ends[:, 1]).all()
    assert np.isfinite(ends[:, 0]).all()
    quarters = HierarchicalHazard(width=3.0).fit(X, y).predict_risk(X, [24])
    months = HierarchicalHazard().fit(X, y).predict_risk(X, [24])
    np.testing.assert_allclose(quarters, months, atol=0.05)


def test_partial_pooling_takes_the_options_over() -> None:
    X, y = people()
    cox = Grouped(CoxPH(alpha=2.0, ties="breslow", strata="region"), "partial").fit(X, y)
    own = HierarchicalCox(alpha=2.0, ties="breslow", strata="region").fit(X, y)
    assert isinstance(cox.estimator_, HierarchicalCox)
    np.testing.assert_array_equal(cox.predict_risk(X, MONTHS), own.predict_risk(X, MONTHS))
    np.testing.assert_array_equal(
        cox.predict_risk_interval(X, MONTHS).upper, own.predict_risk_interval(X, MONTHS).upper
    )
    options: dict[str, Any] = {"time_basis": "steps", "time_df": 2, "width": 2.0, "until": 20}
    hazard = Grouped(DiscreteTimeHazard(**options), "partial", by="region").fit(X, y)
    same = HierarchicalHazard(by="region", alpha=1.0, **options).fit(X, y)
    assert isinstance(hazard.estimator_, HierarchicalHazard)
    np.testing.assert_array_equal(hazard.predict_risk(X, MONTHS), same.predict_risk(X, MONTHS))


def test_a_model_without_a_partial_form_is_refused_by_name() -> None:
    X, y = people()
    refused = {
        "KaplanMeier has": KaplanMeier(by=None),
        "RiskPipeline has": RiskPipeline([("model", CoxPH())]),
        r"CoxPH\(robust=True\) has": CoxPH(robust=True),
        r"DiscreteTimeHazard\(by_cause=True\) has": DiscreteTimeHazard(by_cause=True),
        r"DiscreteTimeHazard\(time_varying=\.\.\.\) has": DiscreteTimeHazard(time_varying=["flag"]),
        r'time_basis="months"\) has': DiscreteTimeHazard(time_basis="months"),
        r"DiscreteTimeHazard\(KaplanMeier\(\)\) has": DiscreteTimeHazard(KaplanMeier()),
        "HierarchicalCox has": HierarchicalCox(),
    }
    for message, model in refused.items():
        with pytest.raises(InputError, match=f"{message} no partially pooled form: CoxPH and Disc"):
            Grouped(model, "partial").fit(X, y)


def test_groups_may_be_all_that_is_known() -> None:
    X, y = people()
    for model in BOTH:
        fitted = clone(model).fit(X[["specialism"]], y)
        assert fitted.coef_.shape == (0,)
        assert fitted.summary().empty
        assert np.ptp(fitted.predict_risk(X, [24])) > 0.1
        one = clone(model).fit(X.assign(specialism="HR")[["specialism"]], y)
        assert one.groups_["estimate"].tolist() == pytest.approx([0.0])


def test_what_is_shown_of_groups_counts_nobody() -> None:
    X, y = people()
    model = HierarchicalCox(slopes="score").fit(X, y)
    assert list(model.groups_) == [
        "term",
        "group",
        "estimate",
        "se",
        "ratio",
        "lower",
        "upper",
        "shrinkage",
    ]
    assert list(model.variance_) == ["term", "sd", "lower", "upper"]
    np.testing.assert_allclose(model.groups_["ratio"], np.exp(model.groups_["estimate"]))
    assert (model.groups_["lower"] < model.groups_["ratio"]).all()
    sums = model.groups_.groupby("term")["estimate"].sum()
    np.testing.assert_allclose(sums, 0, atol=1e-9)
    summary = model.summary(level=0.9)
    assert list(summary["term"]) == list(model.terms_)
    assert (summary["lower"] < summary["ratio"]).all()


def test_a_fitted_model_holds_no_rows_of_people() -> None:
    for model in (HierarchicalCox(), HierarchicalHazard()):
        small, large = (len(pickle.dumps(clone(model).fit(*people(n)))) for n in (300, 3000))
        assert large < small * 1.3
    X, y = people()
    fitted = HierarchicalCox(slopes="score").fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_risk(X, MONTHS), fitted.predict_risk(X, MONTHS))
    assert again.compare("HR", "Policy") == fitted.compare("HR", "Policy")


def test_many_people_are_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = people()
    for model in BOTH:
        fitted = clone(model).fit(X, y)
        whole = fitted.predict_risk_interval(X, MONTHS)
        with monkeypatch.context() as patch:
            patch.setattr(partially_pooled, "_CELLS", 3000)
            parts = fitted.predict_risk_interval(X, MONTHS)
        np.testing.assert_allclose(parts.risk, whole.risk, rtol=1e-12)
        np.testing.assert_allclose(parts.upper, whole.upper, rtol=1e-12)
        assert fitted.predict_risk(X.head(0), MONTHS).shape == (0, 3)


def test_a_model_that_is_not_fitted_says_so() -> None:
    for ask in ("rank_probabilities", "summary"):
        with pytest.raises(NotFittedError):
            getattr(HierarchicalCox(), ask)()


def test_mistakes_are_told_as_such() -> None:
    X, y = people()
    wrong: list[tuple[Any, str]] = [
        (HierarchicalCox(by="nothing"), "no column 'nothing'"),
        (HierarchicalCox(crossed="nothing"), "no column 'nothing'"),
        (HierarchicalCox(slopes="nothing"), "no column 'nothing'"),
        (HierarchicalCox(strata="nothing"), "no column 'nothing'"),
        (HierarchicalCox(by=()), "names the group"),
        (HierarchicalCox(crossed=("region", "region")), "names the group"),
        (HierarchicalCox(crossed="specialism"), "two roles"),
        (HierarchicalCox(slopes="specialism"), "two roles"),
        (HierarchicalCox(slopes="region", crossed="region"), "two roles"),
        (HierarchicalCox(strata="specialism"), "strata are groups too"),
        (HierarchicalCox(crossed="region", strata="region"), "strata are groups too"),
        (HierarchicalCox(prior_sd=0), "prior_sd must be"),
        (HierarchicalCox(prior_sd=np.inf), "prior_sd must be"),
        (HierarchicalCox(prior_sd="wide"), "prior_sd must be"),  # type: ignore[arg-type]
        (HierarchicalCox(alpha=-1), "alpha must be"),
        (HierarchicalCox(ties="exact"), "ties must be"),  # type: ignore[arg-type]
        (HierarchicalHazard(time_basis="months"), "time_basis must be"),  # type: ignore[arg-type]
        (HierarchicalHazard(link="probit"), "link must be"),  # type: ignore[arg-type]
        (HierarchicalHazard(width=0), "width must be"),
        (HierarchicalHazard(until=0), "until must be"),
        (HierarchicalHazard(time_df=0), "whole number"),
    ]
    for model, message in wrong:
        with pytest.raises(InputError, match=message):
            model.fit(X, y)
    fitted = HierarchicalCox(strata="region").fit(X, y)
    with pytest.raises(InputError, match="1 strata were not in the training rows"):
        fitted.predict_risk(X.assign(region="Moon"), [12])
    with pytest.raises(InputError, match="no group 'Astronomy'"):
        fitted.compare("HR", "Astronomy")
    with pytest.raises(InputError, match="no term 'region'"):
        fitted.rank_probabilities("region")
    with pytest.raises(InputError, match="level"):
        fitted.predict_risk_interval(X, [12], level=1.5)
    with pytest.raises(FitError, match="does not vary"):
        HierarchicalCox(slopes="score").fit(X.assign(score=1.0), y)
    stays = Outcome(0, y.exit, np.zeros(len(X), int), index=X.index)
    for each in BOTH:
        with pytest.raises(FitError, match="nobody leaves"):
            clone(each).fit(X, stays)


def test_it_lives_in_pipelines_searches_and_imputations() -> None:
    X, y = people()
    search = GridSearchCV(
        Grouped(CoxPH(), "partial"),
        {"estimator__alpha": [0.1, 1.0], "pooling": ["partial", "full"]},
        cv=GroupKFold(3),
    ).fit(X, y, groups=y.people)
    assert search.best_params_["pooling"] == "partial"
    pipeline = RiskPipeline([("same", FunctionTransformer()), ("model", HierarchicalCox())])
    plain = HierarchicalCox().fit(X, y)
    np.testing.assert_array_equal(
        pipeline.fit(X, y).predict_risk(X, MONTHS), plain.predict_risk(X, MONTHS)
    )
    gaps = X.assign(score=X["score"].where(np.arange(len(X)) % 7 > 0))
    imputed = MultipleImputation(HierarchicalCox(), m=2, iterations=4).fit(gaps, y)
    assert list(imputed.terms_) == list(plain.terms_)
    assert np.isfinite(imputed.predict_risk(gaps, [12])).all()


def test_poolings_are_judged_beside_each_other() -> None:
    table = build_features(simulate_trainees(seed=7, cohorts=range(2014, 2020)))
    poolings: list[Pooling] = ["none", "partial", "full"]
    models = {
        "reference": KaplanMeier(),
        **{pooling: Grouped(CoxPH(alpha=10.0), pooling) for pooling in poolings},
        "hazards": Grouped(DiscreteTimeHazard(), "partial"),
        "too few": Grouped(CoxPH(), "none"),
    }
    found = evaluate(models, table, "temporal", horizons=[12, 24], bootstrap=0)
    board = found.leaderboard.set_index("model")
    assert board.loc[[*poolings, "hazards"], "mean_brier"].between(0.01, 0.2).all()
    told = board.loc["too few", "verdict"]
    assert told.startswith(
        "could not be fitted: CoxPH cannot be fitted to the group 'Health Analysis'"
    )


@given(order=st.randoms(use_true_random=False), names=st.permutations(list("abcde")))
@settings(max_examples=5, deadline=None)
def test_order_of_rows_and_names_of_groups_change_nothing(order: Any, names: list[str]) -> None:
    X, y = people(120)
    rows = list(range(len(X)))
    order.shuffle(rows)
    renamed = X.assign(specialism=X["specialism"].map(dict(zip(EFFECTS, names, strict=True))))
    for model in BOTH:
        expected = clone(model).fit(X, y).predict_risk(X, MONTHS)
        got = clone(model).fit(renamed.iloc[rows], y[rows]).predict_risk(renamed, MONTHS)
        np.testing.assert_allclose(got, expected, rtol=1e-4)


@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_risk_is_a_growing_probability(data: Any) -> None:
    n = data.draw(st.integers(20, 60))
    whole = st.lists(st.integers(0, 4), min_size=n, max_size=n)
    X = pd.DataFrame(
        {
            "specialism": [f"g{each}" for each in data.draw(whole)],
            "score": np.asarray(data.draw(whole), dtype=float),
            "other": np.arange(n) % 3 / 1.0,
        }
    )
    exit_ = np.asarray(data.draw(whole)) * 3.0 + 1
    left = np.asarray(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    left[0], exit_[1], left[1] = True, 20.0, False
    y = Outcome(0, exit_, left)
    for model in (HierarchicalCox(alpha=1.0), HierarchicalHazard(alpha=1.0, time_basis="linear")):
        found = clone(model).fit(X, y).predict_risk_interval(X, [0, 1, 2.5, 7, 13, 20])
        assert ((found.risk >= 0) & (found.risk <= 1)).all()
        assert (np.diff(found.risk, axis=1) >= -1e-12).all()
        # A mean may lie outside equal tails, where nearly all is certain.
        assert ((found.lower >= 0) & (found.lower <= found.upper) & (found.upper <= 1)).all()
        assert (found.risk[:, 0] == 0).all()


@pytest.mark.filterwarnings("ignore")  # of the checks' own numbers
@pytest.mark.parametrize(
    "model",
    [
        HierarchicalCox(by="x0", alpha=1.0, ties="breslow"),
        HierarchicalHazard(by="x0", alpha=1.0),
        Grouped(CoxPH(alpha=1.0, ties="breslow"), "partial", by="x0"),
    ],
)
def test_scikit_learn_s_checks_pass(model: Any) -> None:
    failed = {name for name, each in run_checks(model).items() if each[0] == "failed"}
    # This check's frame has no column x0.
    assert failed == {"check_sample_weights_pandas_series"}
