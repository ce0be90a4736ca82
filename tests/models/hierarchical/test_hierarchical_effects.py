"""Effects of groups: limits, known truths, and who is near to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from grouped_people import BOTH, EFFECTS, MONTHS, NARROW, effect_of, people, true_effects
from sklearn.base import clone

from gmts_models.errors import FitError
from gmts_models.models.grouped import Grouped, Pooling
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
from gmts_models.models.survival.cox import CoxPH
from gmts_models.outcome import Outcome


def test_where_groups_cannot_differ_it_is_the_fit_without_them() -> None:
    X, y = people()
    cox = HierarchicalCox(prior_sd=NARROW, strata="flag").fit(X, y)
    plain = Grouped(CoxPH(strata="flag"), "full").fit(X, y)
    np.testing.assert_allclose(cox.coef_, plain.estimator_.coef_, rtol=1e-5)
    np.testing.assert_allclose(cox.covariance_, plain.estimator_.covariance_, rtol=1e-5)
    # A posterior mean of the risk lies below the risk at the mean, by half a variance.
    risk, at_mean = cox.predict_risk(X, MONTHS), plain.predict_risk(X, MONTHS)
    np.testing.assert_allclose(risk, at_mean, atol=0.02)
    own = cox.predict_risk_interval(X, MONTHS)
    other = plain.predict_risk_interval(X, MONTHS)
    np.testing.assert_allclose(own.lower, other.lower, atol=0.002)
    np.testing.assert_allclose(own.upper, other.upper, atol=0.002)


def test_where_groups_cannot_differ_hazards_of_months_are_those_without_them() -> None:
    X, y = people()
    for options in ({}, {"time_basis": "steps", "alpha": 5.0}, {"width": 3.0, "until": 8}):
        given: dict[str, Any] = {"alpha": 1.0, **options}
        model = HierarchicalHazard(prior_sd=NARROW, **given).fit(X, y)
        plain = Grouped(DiscreteTimeHazard(**given), "full").fit(X, y)
        np.testing.assert_allclose(model.coef_, plain.estimator_.coef_, rtol=1e-5)
        risk, at_mean = model.predict_risk(X, MONTHS), plain.predict_risk(X, MONTHS)
        np.testing.assert_allclose(risk, at_mean, atol=0.02)


def test_where_groups_differ_widely_it_is_the_fit_with_their_columns() -> None:
    X, y = people(3000)
    cox = HierarchicalCox(prior_sd=50.0).fit(X, y)
    dummies = CoxPH().fit(X, y)
    at = dict(zip(dummies.terms_, dummies.coef_, strict=True))
    effects = pd.Series({g: at.get(f"specialism_{g}", 0.0) for g in EFFECTS})
    np.testing.assert_allclose(effect_of(cox), effects - effects.mean(), atol=0.02)
    se = np.sqrt(dummies.covariance_[list(dummies.terms_).index("specialism_HR")].max())
    found = cox.compare("HR", "Analysis")
    assert np.log(found.ratio) == pytest.approx(at["specialism_HR"], abs=0.3 * se)


@pytest.mark.parametrize("model", [*BOTH, HierarchicalHazard(link="cloglog", time_basis="steps")])
def test_known_effects_of_groups_are_found(model: Any) -> None:
    X, y = people(3000)
    fitted = clone(model).fit(X, y)
    np.testing.assert_allclose(effect_of(fitted), true_effects(), atol=0.15)
    table = fitted.groups_.set_index("group")
    inside = np.log(table["lower"]) < true_effects()
    inside &= true_effects() < np.log(table["upper"])
    assert inside.sum() >= 4
    ranks = fitted.rank_probabilities()
    assert ranks.index[ranks[1].argmax()] == "Strategy"
    assert ranks.index[ranks[5].argmax()] == "Analysis"
    np.testing.assert_allclose(ranks.sum(axis=0), 1)
    np.testing.assert_allclose(ranks.sum(axis=1), 1)
    spread = fitted.variance_.set_index("term").loc["specialism"]
    assert spread["lower"] < np.std(list(EFFECTS.values()), ddof=1) < spread["upper"]


def test_a_small_group_borrows_most() -> None:
    X, y = people(600, share=[0.02, 0.32, 0.22, 0.22, 0.22])
    table = HierarchicalCox().fit(X, y).groups_.set_index("group")
    assert table["shrinkage"].idxmax() == "Analysis"
    assert table.loc["Analysis", "shrinkage"] > 2 * table.loc["Finance", "shrinkage"]
    assert table["se"].idxmax() == "Analysis"
    assert table["shrinkage"].between(0, 1).all()


def test_a_group_of_whom_nobody_leaves_has_an_effect() -> None:
    X, y = people()
    policy = np.asarray(X["specialism"] == "Policy")
    quiet = Outcome(0, y.exit, y.left & ~policy, index=X.index)
    with pytest.raises(FitError, match="'Policy' by itself"):
        Grouped(CoxPH()).fit(X, quiet)
    model = Grouped(CoxPH(), "partial").fit(X, quiet).estimator_
    assert model.rank_probabilities().loc["Policy", 1] > 0.9
    risk = model.predict_risk_interval(X[policy], [24])
    assert ((risk.lower > 0) & (risk.risk < 0.2)).all()


def test_a_comparison_is_the_same_from_both_sides() -> None:
    X, y = people()
    model = HierarchicalCox().fit(X, y)
    one, other = model.compare("Policy", "HR"), model.compare("HR", "Policy")
    assert one.ratio == pytest.approx(1 / other.ratio)
    assert one.lower == pytest.approx(1 / other.upper)
    assert one.higher == pytest.approx(1 - other.higher)
    assert one.lower < one.ratio < one.upper
    wide = model.compare("Policy", "HR", level=0.99)
    assert wide.lower < one.lower < one.upper < wide.upper
    table = effect_of(model)
    assert np.log(one.ratio) == pytest.approx(table["Policy"] - table["HR"])
    assert list(one.to_frame()) == ["term", "group", "against", "ratio", "lower", "upper", "higher"]


@pytest.mark.parametrize("model", BOTH)
def test_a_group_that_was_not_seen_is_less_sure(model: Any) -> None:
    X, y = people()
    fitted = clone(model).fit(X, y)
    row = X.head(1)
    unseen = fitted.predict_risk_interval(row.assign(specialism="Astronomy"), MONTHS)
    width = unseen.upper - unseen.lower
    risks = []
    for group in EFFECTS:
        found = fitted.predict_risk_interval(row.assign(specialism=group), MONTHS)
        assert (found.upper - found.lower < width).all()
        assert ((found.lower < found.risk) & (found.risk < found.upper)).all()
        risks.append(found.risk)
    assert (np.min(risks, axis=0) < unseen.risk).all()
    assert (unseen.risk < np.max(risks, axis=0)).all()
    assert unseen.method == "posterior"
    narrow = fitted.predict_risk_interval(row, MONTHS, level=0.5)
    wide = fitted.predict_risk_interval(row, MONTHS, level=0.95)
    assert (narrow.upper - narrow.lower < wide.upper - wide.lower).all()
    np.testing.assert_array_equal(narrow.risk, fitted.predict_risk(row, MONTHS))


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
def test_a_missing_label_is_a_group_where_training_had_any(gap: Any) -> None:
    X, y = people()
    gaps = X.assign(specialism=X["specialism"].where(X["specialism"] != "HR", gap))
    model = HierarchicalCox().fit(gaps, y)
    assert "missing" in list(model.groups_["group"])
    named = HierarchicalCox().fit(X, y)
    np.testing.assert_allclose(
        model.predict_risk(gaps, MONTHS), named.predict_risk(X, MONTHS), rtol=1e-6
    )
    new = X.head(2).assign(specialism=[gap, "Astronomy"], score=0.0, region="North", flag=False)
    risk = named.predict_risk(new, MONTHS)
    np.testing.assert_allclose(risk[0], risk[1])


def test_slopes_that_differ_are_found() -> None:
    X, y = people(3000, slope=0.5)
    X["score"] = X["score"] * 10 + 30  # a slope is per unit of its column
    model = HierarchicalCox(slopes=["score"]).fit(X, y)
    slopes = effect_of(model, "score by specialism")
    np.testing.assert_allclose(slopes, np.linspace(-0.05, 0.05, 5), atol=0.015)
    spread = model.variance_.set_index("term").loc["score by specialism"]
    assert spread["lower"] < 0.05 * np.std(np.linspace(-1, 1, 5), ddof=1) < spread["upper"]
    at = dict(zip(model.terms_, model.coef_, strict=True))
    assert at["score"] == pytest.approx(0.05, abs=0.02)
    found = model.compare("Strategy", "Analysis", term="score by specialism")
    assert found.lower < np.exp(0.1) < found.upper
    assert found.higher > 0.99
    ranks = model.rank_probabilities("score by specialism")
    assert ranks.loc["Analysis", 1] > 0.8


def test_slopes_may_be_of_flags_and_text_and_have_gaps() -> None:
    X, y = people(600)
    X["score"] = X["score"].where(np.arange(len(X)) % 7 > 0)
    X["region"] = X["region"].where(np.arange(len(X)) % 11 > 0, None)
    model = HierarchicalCox(slopes=("score", "flag", "region")).fit(X, y)
    pairs = model.groups_[model.groups_["term"] == "region by specialism"]["group"]
    assert {"HR | North", "HR | missing"} <= set(pairs)
    assert list(model.variance_["term"]) == [
        "specialism",
        "score by specialism",
        "flag by specialism",
        "region by specialism",
    ]
    new = X.head(4).assign(region=["Moon", "North", None, "West"], score=[np.nan, 1, 2, 3])
    risk = model.predict_risk(new, MONTHS)
    assert np.isfinite(risk).all()
    twin = X.head(1).assign(score=np.nan)
    mean = X.head(1).assign(score=X["score"].mean())
    apart = model.predict_risk(twin, [12]) / model.predict_risk(mean, [12])
    assert apart == pytest.approx(1, abs=0.3)  # but for the indicator of the gap


def test_crossed_groups_are_found_beside_the_others() -> None:
    X, y = people(3000)
    rng = np.random.default_rng(3)
    year = rng.integers(2015, 2021, len(X))
    time = rng.exponential(
        40 * np.exp(-true_effects()[X["specialism"]].to_numpy() - 0.3 * (year % 2))
    )
    y = Outcome(0, np.minimum(np.ceil(time), 48), time <= 48, index=X.index)
    model = HierarchicalCox(crossed=("cohort_year", "region")).fit(X.assign(cohort_year=year), y)
    assert list(model.variance_["term"]) == ["specialism", "cohort_year", "region"]
    years = effect_of(model, "cohort_year")
    assert list(years.index) == [str(each) for each in range(2015, 2021)]
    np.testing.assert_allclose(years, 0.3 * (np.arange(2015, 2021) % 2) - 0.15, atol=0.12)
    np.testing.assert_allclose(effect_of(model), true_effects(), atol=0.15)
    assert model.terms_ == ("score", "flag")  # no column of the groups has a coefficient
    assert model.compare(2015, 2016.0, term="cohort_year").higher > 0.9
    same = HierarchicalCox(crossed="region").fit(X, y)
    assert list(same.variance_["term"]) == ["specialism", "region"]


def test_several_columns_name_a_group_together() -> None:
    X, y = people()
    together = X.assign(both=X["specialism"] + " | " + X["region"])
    model = HierarchicalCox(by=("specialism", "region")).fit(X, y)
    one = HierarchicalCox(by="both").fit(together.drop(columns=["specialism", "region"]), y)
    assert list(model.variance_["term"]) == ["specialism | region"]
    np.testing.assert_allclose(
        model.predict_risk(X, MONTHS), one.predict_risk(together, MONTHS), rtol=1e-9
    )


@pytest.mark.slow
def test_partial_pooling_is_nearest_to_true_risks(repetitions: int) -> None:
    rng = np.random.default_rng(4)
    poolings: list[Pooling] = ["none", "partial", "full"]
    errors = []
    for _ in range(repetitions // 10):
        effects = rng.normal(0, 0.4, 6)
        group = np.r_[np.arange(6), rng.choice(6, 354, p=[0.3, 0.25, 0.2, 0.1, 0.08, 0.07])]
        score = rng.normal(size=360)
        X = pd.DataFrame({"score": score, "specialism": np.array(list("abcdef"))[group]})
        rate = np.exp(0.4 * score + effects[group]) / 50
        time = np.ceil(rng.exponential(1 / rate))
        y = Outcome(0, np.minimum(time, 48), time <= 48)
        truth = 1 - np.exp(-24 * rate)
        fits = (Grouped(CoxPH(alpha=1.0), pooling).fit(X, y) for pooling in poolings)
        apart = (fit.predict_risk(X, [24])[:, 0] - truth for fit in fits)
        # Each group counts once, for the small ones are what pooling is for.
        errors.append([pd.Series(each**2).groupby(group).mean().mean() for each in apart])
    none, partial, full = np.array(errors).T
    for name, other in (("none", none), ("full", full)):
        gain = other - partial
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        told = f"{name} less partial: {gain.mean():.5f}, Monte Carlo error {error:.5f}"
        assert gain.mean() > 2 * error, told
