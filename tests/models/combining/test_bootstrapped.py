"""Refits to people drawn again: what is drawn, how limits are made of it, and what fails."""

from __future__ import annotations

import pickle
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from checkable import run_checks
from joblib import parallel_config
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from trainees_drawn import RATE, cox, people, split_rows

from gmts_models.errors import FitError, InputError, InputTypeError
from gmts_models.models.classifiers.horizon_classifier import HorizonClassifier
from gmts_models.models.combining.bootstrap_limits import bootstrap_limits
from gmts_models.models.combining.bootstrapped import Bootstrapped
from gmts_models.models.combining.drawn_people import draw_people
from gmts_models.models.combining.inner_models import takes_weights
from gmts_models.models.combining.tuned import Tuned
from gmts_models.models.pipeline import RiskPipeline
from gmts_models.models.protocol import TrainingRows
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Outcome


class ByCause(KaplanMeier):
    """Kaplan-Meier, shared out over the causes by how many left from each."""

    def fit(self, X: pd.DataFrame, y: Outcome, sample_weight: Any = None) -> Self:
        self.causes_ = y.causes
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        self.share_ = np.bincount(y.event, weight, 1 + len(y.causes))[1:] / weight[y.left].sum()
        return super().fit(X, y, sample_weight)

    def predict_incidence(self, X: pd.DataFrame, horizons: Any) -> Any:
        return self.predict_risk(X, horizons)[:, :, None] * self.share_


def test_every_check_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gmts_models.models.combining.bootstrapped._FEWEST", 2)  # it is quicker
    found = run_checks(Bootstrapped(cox(1.0).set_params(encoder=None), repetitions=2))
    assert {name for name, (status, _) in found.items() if status == "failed"} == set()


# ------------------------------------------------------------ what is drawn


def _drawn(rows: TrainingRows, stratum: Any = None, repetitions: int = 400) -> Any:
    codes = np.zeros(len(rows.X), dtype=np.int64) if stratum is None else stratum
    return draw_people(rows, codes, repetitions, np.random.default_rng(0))


def test_people_are_drawn_whole() -> None:
    X, y = split_rows(*people(60), at=12.0)
    rows = TrainingRows(X=X, y=y, weight=None)
    drawn = _drawn(rows)
    assert drawn.copies.shape == (400, 60)
    assert (drawn.copies.sum(axis=1) == 60).all()
    # Of as many people as there are, (1 - 1/60)^60 are not drawn.
    assert (drawn.copies == 0).mean() == pytest.approx((59 / 60) ** 60, abs=0.01)
    weights = drawn.weights(3, rows)
    for person in np.unique(y.people):
        assert len(np.unique(weights[y.people == person])) == 1
    copied = y[drawn.rows(3)]  # raises where a person is cut
    assert len(np.unique(copied.people)) == 60
    np.testing.assert_array_equal(np.bincount(drawn.rows(3), minlength=len(X)), weights)


def test_strata_keep_their_numbers() -> None:
    X, y = people(60)
    stratum = np.repeat([0, 1, 2], [50, 9, 1])
    copies = _drawn(TrainingRows(X=X, y=y, weight=None), stratum).copies
    assert (copies[:, :50].sum(axis=1) == 50).all()
    assert (copies[:, 50:59].sum(axis=1) == 9).all()
    assert (copies[:, 59] == 1).all()


def test_a_weight_of_two_is_drawn_as_two_people() -> None:
    X, y = people(40)
    weight = np.r_[np.full(20, 2.0), np.full(20, 1.0)]
    rows = TrainingRows(X=X, y=y, weight=weight)
    drawn = _drawn(rows, repetitions=2000)
    total = np.array([drawn.weights(i, rows) for i in range(2000)])
    assert (total.sum(axis=1) == 60).all()
    np.testing.assert_allclose(total.mean(axis=0), weight, atol=0.15)
    # Each of two twins is drawn Binomial(60, 1/60) times, so both together with variance near 2.
    assert total[:, 0].var() == pytest.approx(60 * (2 / 60) * (58 / 60), rel=0.15)


def test_refits_are_fits_to_those_who_were_drawn() -> None:
    X, y = people()
    model = Bootstrapped(cox(), repetitions=20, seed=3).fit(X, y)
    drawn = draw_people(
        TrainingRows(X=X, y=y, weight=None),
        np.zeros(len(X), dtype=np.int64),
        20,
        np.random.default_rng(3),
    )
    rows = drawn.rows(7)
    expected = cox().fit(X.iloc[rows], y[rows])
    np.testing.assert_allclose(model.refits_[7].coef_, expected.coef_, rtol=1e-6)
    assert model.failed_ == 0
    np.testing.assert_array_equal(
        model.predict_risk(X, [12, 24]), cox().fit(X, y).predict_risk(X, [12, 24])
    )


def test_rows_are_copied_where_there_are_no_weights() -> None:
    """With Breslow's ties a row twice is a weight of 2, so that both ways agree."""
    X, y = people()
    pipeline = RiskPipeline([("cox", cox())])
    assert takes_weights(cox())
    assert not takes_weights(pipeline)
    assert not takes_weights(Tuned(pipeline, {"cox__alpha": [1.0]}))
    copied, weighted = (
        Bootstrapped(each, repetitions=20).fit(X, y).predict_risk_interval(X[:5], [12, 24])
        for each in (pipeline, cox())
    )
    np.testing.assert_allclose(copied.lower, weighted.lower, rtol=1e-6)
    np.testing.assert_allclose(copied.upper, weighted.upper, rtol=1e-6)
    with pytest.raises(InputError, match="RiskPipeline takes no weights"):
        Bootstrapped(pipeline, repetitions=20).fit(X, y, sample_weight=np.ones(len(X)))


# ------------------------------------------------------------ limits


def test_limits_by_hand() -> None:
    """Half the distance of the quantiles on the scale of the log hazard, to both sides."""

    def risk(log_hazard: Any) -> Any:
        return 1 - np.exp(-np.exp(log_hazard))

    # Quantiles 0.025 and 0.975 of 41 are the second from below and above: -2.95 and -1.05.
    draws = risk(np.linspace(-3, -1, 41))
    lower, upper = bootstrap_limits(np.array([risk(-1.5)]), draws[:, None], 0.95)
    assert lower[0] == pytest.approx(risk(-1.5 - 0.95))
    assert upper[0] == pytest.approx(risk(-1.5 + 0.95))
    narrow = bootstrap_limits(np.array([risk(-1.5)]), draws[:, None], 0.5)
    assert narrow[0][0] == pytest.approx(risk(-2.0))


def test_limits_at_the_edges_are_quantiles() -> None:
    draws = np.linspace(0, 0.4, 41)[:, None] * [1, 1, 0, 1] + [0, 0.1, 0, 0]
    draws[30:, 3] = np.nan
    estimate = np.array([0.5, 0.0, 0.0, np.nan])
    lower, upper = bootstrap_limits(estimate, np.where(draws < 0.02, 0, draws), 0.95)
    assert (lower[0], upper[0]) == (pytest.approx(0, abs=1e-12), 0.5)  # the estimate is inside
    assert (lower[1], upper[1]) == (0, pytest.approx(0.49))
    assert (lower[2], upper[2]) == (0, 0)
    assert np.isnan([lower[3], upper[3]]).all()
    # Of refits without a risk there may not be half.
    few, many = (np.r_[np.full(n, np.nan), np.linspace(0.1, 0.2, 40 - n)] for n in (19, 20))
    lower, upper = bootstrap_limits(np.full(2, 0.15), np.column_stack([few, many]), 0.9)
    assert np.isnan(lower).tolist() == np.isnan(upper).tolist() == [False, True]
    with pytest.raises(InputError, match="level"):
        bootstrap_limits(estimate, draws, 95)


def test_risks_and_incidences_have_limits() -> None:
    X, y = people(causes=2)
    model = Bootstrapped(ByCause(by=None), repetitions=30).fit(X, y)
    found = model.predict_risk_interval(X, [0, 12, 24], 0.9)
    assert (found.lower <= found.risk).all()
    assert (found.risk <= found.upper).all()
    assert found.lower[0, 0] == found.upper[0, 0] == 0  # nobody leaves by 0 in any refit
    assert (found.lower[:, 1:] < found.upper[:, 1:]).all()
    assert (found.level, found.method) == (0.9, "bootstrap")
    by_cause = model.predict_incidence_interval(X, [12, 24])
    assert by_cause.causes == ("cause 1", "cause 2")
    np.testing.assert_array_equal(by_cause.incidence, model.predict_incidence(X, [12, 24]))
    assert (by_cause.lower < by_cause.incidence).all()
    assert (by_cause.incidence < by_cause.upper).all()
    frame = by_cause.to_frame()
    assert len(frame) == len(X) * 2 * 2
    row = frame.iloc[5]  # person 1, first horizon, second cause
    assert (row["row"], row["horizon_months"], row["cause"]) == (1, 12, "cause 2")
    assert row["upper"] == by_cause.upper[1, 0, 1]
    assert not hasattr(Bootstrapped(cox()), "predict_incidence_interval")


def test_many_rows_are_asked_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = people()
    model = Bootstrapped(cox(), repetitions=20).fit(X, y)
    whole = model.predict_risk_interval(X, [12, 24])
    monkeypatch.setattr("gmts_models.models.combining.bootstrapped._MOST_CELLS", 20 * 2 * 7)
    parts = model.predict_risk_interval(X, [12, 24])
    np.testing.assert_array_equal(parts.lower, whole.lower)
    assert model.predict_risk_interval(X[:0], [12]).lower.shape == (0, 1)


# ------------------------------------------------------------ what fails


def test_too_many_failures_are_an_error_with_their_reason() -> None:
    X, y = people(40)
    group = pd.Series("big", X.index).mask(np.arange(40) < 1, "tiny")
    rare = X.assign(group=group)
    model = Bootstrapped(cox(strata="group"), repetitions=40)
    with pytest.raises(FitError, match=r"of 40 refits .* strata were not in the training rows"):
        clone(model).fit(rare, y)
    within = clone(model).set_params(by="group").fit(rare, y)
    assert within.failed_ == 0
    assert np.isfinite(within.predict_risk_interval(rare[5:], [6]).upper).all()
    # One departure, which a third of the samples do not have.
    once = Outcome(0, y.exit, np.arange(40) == 3, index=X.index)
    with pytest.raises(FitError, match="nobody leaves"):
        Bootstrapped(cox(), repetitions=40).fit(X, once)


def test_a_few_failures_are_counted() -> None:
    X, y = people(60)
    left = y.left & (np.cumsum(y.left) <= 3)  # 3 departures: 1 sample in 22 has none
    few = Outcome(0, y.exit, left, index=X.index)
    model = Bootstrapped(cox(1.0), repetitions=150, seed=1).fit(X, few)
    assert 0 < model.failed_ <= 15
    assert len(model.refits_) == 150 - model.failed_
    assert np.isfinite(model.predict_risk_interval(X[:3], [12]).upper).all()


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"estimator": LogisticRegression()}, InputTypeError, "HorizonClassifier first"),
        ({"estimator": CoxPH}, InputTypeError, "predict_risk"),
        ({"repetitions": 19}, InputError, "repetitions"),
        ({"repetitions": 50.0}, InputError, "repetitions"),
        ({"by": "cohort"}, InputError, "no column 'cohort'"),
        ({"seed": -1}, InputError, "seed"),
    ],
)
def test_what_is_refused(change: dict[str, Any], error: type, match: str) -> None:
    X, y = people()
    options: dict[str, Any] = {"estimator": cox(), "repetitions": 20} | change
    with pytest.raises(error, match=match):
        Bootstrapped(**options).fit(X, y)


# ------------------------------------------------------------ as a model


def test_it_is_a_model_like_others() -> None:
    X, y = people()
    model = Bootstrapped(cox(), repetitions=20)
    fitted = clone(model).fit(X, y)
    with parallel_config(backend="threading"):
        parallel = clone(model).set_params(n_jobs=2).fit(X, y)
    one, two = (each.predict_risk_interval(X, [12]) for each in (fitted, parallel))
    np.testing.assert_array_equal(one.lower, two.lower)
    assert fitted.score(X, y) > 0.55
    content = pickle.dumps(fitted)
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.predict_risk_interval(X, [12]).upper, one.upper)
    # No rows: as large as a fit to many more people, but for the times of leaving.
    assert len(content) < 20 * 8000


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        cox(0.0),
        HorizonClassifier(LogisticRegression(), horizons=(12, 24), encoder=cox().encoder),
    ],
    ids=["cox", "logistic"],
)
def test_coverage(model: Any, repetitions: int) -> None:
    """The share of limits that hold the true risk, over ten people and two horizons."""
    number = max(repetitions // 12, 20)
    new = people(10, 99)[0]
    truth = 1 - np.exp(-RATE * np.exp(0.7 * new["x"].to_numpy()))[:, None] ** [12, 24]
    covered = np.empty(number)
    for seed in range(number):
        found = Bootstrapped(model, repetitions=40, seed=seed).fit(*people(100, seed + 1000))
        limits = found.predict_risk_interval(new, [12, 24])
        covered[seed] = ((limits.lower <= truth) & (truth <= limits.upper)).mean()
    se = covered.std(ddof=1) / np.sqrt(number)
    told = f"coverage {covered.mean():.3f} +- {se:.3f}, {number} repetitions"
    assert 0.95 - 4 * se - 0.02 < covered.mean() < 0.95 + 4 * se + 0.02, told
