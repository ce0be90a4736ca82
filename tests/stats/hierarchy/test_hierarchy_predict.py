"""Risks, ranks and ratios from a hierarchical fit."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pooled_people import draw

from gmts_models.errors import InputError
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.prediction import predict_survival
from gmts_models.stats.hazards.discrete_hazard import discrete_hazard, discrete_hazard_at
from gmts_models.stats.hierarchy.cox import fit_hierarchical_cox
from gmts_models.stats.hierarchy.effects import (
    effects_of,
    group_samples,
    log_hazard_ratio,
    rank_probabilities,
)
from gmts_models.stats.hierarchy.hazard import fit_hierarchical_hazard
from gmts_models.stats.hierarchy.period_baseline import SmoothBaseline
from gmts_models.stats.hierarchy.predict import hierarchical_risk
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm, random_term

SMOOTH = SmoothBaseline((1.0, 12.0, 30.0))


def fitted(people: dict[str, Any], model: str, **more: Any) -> HierarchicalFit:
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    terms = more.pop("terms", [random_term("group", people["group"])])
    if model == "cox":
        return fit_hierarchical_cox(people["X"], terms, **rows, **more)
    link: Any = model
    return fit_hierarchical_hazard(people["X"], terms, **rows, link=link, baseline=SMOOTH, **more)


def new(fit: HierarchicalFit, labels: list[str]) -> list[RandomTerm]:
    return [random_term("group", labels, labels=fit.terms[0].labels)]


MODELS = pytest.mark.parametrize("model", ["cox", "logit", "cloglog"])


def test_without_spread_risks_are_those_of_the_plain_cox_fit() -> None:
    people = draw(40, late=True)
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    strata = people["X"][:, 0] > 0
    fit = fitted(people, "cox", sd=[0.0], strata=strata)
    plain = fit_cox(people["X"], **rows, strata=strata)
    X, codes = people["X"][:7], strata[:7].astype(int)
    term = new(fit, ["0", "1", "2", "zz", "0", "1", "zz"])
    months = [0, 6, 12.5, 24]
    got = hierarchical_risk(fit, X, term, months, strata=codes)
    want = predict_survival(plain, X, months, strata=codes, interval="log-log")
    np.testing.assert_allclose(got.lower[:, 1:], 1 - want.upper[:, 1:], atol=1e-8)
    np.testing.assert_allclose(got.upper[:, 1:], 1 - want.lower[:, 1:], atol=1e-8)
    assert (got.risk[:, 0] == 0).all()
    assert np.abs(got.risk - (1 - want.survival)).max() < 0.01  # a mean, not the mode


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_without_spread_risks_are_those_of_the_plain_hazards(link: str) -> None:
    people = draw(41, late=True)
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    fit = fitted(people, link, sd=[0.0])
    plain = discrete_hazard(people["X"], **rows, link=link, baseline=SMOOTH)  # type: ignore[arg-type]
    X = people["X"][:5]
    got = hierarchical_risk(fit, X, new(fit, ["0"] * 5), [1, 2, 12, 24, 12.5], level=1e-9)
    hazard = discrete_hazard_at(plain, X, np.arange(1, 25)).hazard
    survival = np.cumprod(1 - hazard, axis=1)
    np.testing.assert_allclose(
        1 - got.lower[:, [0, 1, 2, 3]], survival[:, [0, 1, 11, 23]], rtol=1e-6
    )
    halfway = survival[:, 11] * np.sqrt(1 - hazard[:, 12])
    np.testing.assert_allclose(1 - got.lower[:, 4], halfway, rtol=1e-6)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_variance_is_that_of_draws(link: str) -> None:
    """Delta method on the log cumulative hazard, against draws of all parameters at one sd."""
    people = draw(42, groups=5, late=False)
    fit = fitted(people, link, sd=[0.4])
    got = hierarchical_risk(fit, [[0.5, -1.0]], new(fit, ["2"]), [24], level=0.8)
    rng = np.random.default_rng(1)
    draws = rng.multivariate_normal(fit.mixture.mean[0], fit.mixture.covariance[0], 20_000)
    z = np.array([0.5, -1.0, 0, 0, 1, 0, 0])
    eta = (draws[:, 3:] @ z)[:, None] + draws[:, :3] @ SMOOTH(np.arange(1.0, 25)).T
    total = (np.logaddexp(0, eta) if link == "logit" else np.exp(eta)).sum(axis=1)
    risk = -np.expm1(-total)
    assert got.risk[0, 0] == pytest.approx(risk.mean(), abs=0.004)
    limits = np.quantile(risk, [0.1, 0.9])
    np.testing.assert_allclose([got.lower[0, 0], got.upper[0, 0]], limits, atol=0.006)


@MODELS
def test_a_group_not_seen_has_the_mean_risk_of_such_groups(model: str) -> None:
    """Against groups of known effects, drawn from the normal law at the fit's one node."""
    people = draw(43, sd=0.6, late=True)
    sd = 0.7
    fit = fitted(people, model, sd=[sd])
    unseen = hierarchical_risk(fit, [[0.0, 0.0]], new(fit, ["new"]), [24])
    # The same fit with one more group, whose effect is known to be b.
    labels = (*fit.terms[0].labels, "known")
    q = fit.mixture.mean.shape[1]
    covariance = np.zeros((1, q + 1, q + 1))
    covariance[:, :q, :q] = fit.mixture.covariance
    points, weights = np.polynomial.hermite_e.hermegauss(25)
    risks = []
    for b in points * sd:
        base = fit.base
        if model == "cox":
            strata = tuple(
                replace(each, mean=np.pad(each.mean, ((0, 0), (0, 0), (0, 1))))
                for each in fit.base.strata  # type: ignore[union-attr]
            )
            base = replace(base, centre=np.append(base.centre, 0.0), strata=strata)  # type: ignore
        with_known = replace(
            fit,
            terms=(replace(fit.terms[0], labels=labels),),
            mixture=replace(
                fit.mixture,
                mean=np.append(fit.mixture.mean, [[b]], axis=1),
                covariance=covariance,
            ),
            base=base,
        )
        term = new(with_known, ["known"])
        risks.append(hierarchical_risk(with_known, [[0.0, 0.0]], term, [24]).risk[0, 0])
    assert unseen.risk[0, 0] == pytest.approx(weights @ risks / weights.sum(), abs=2e-3)
    seen = hierarchical_risk(fit, np.zeros((6, 2)), new(fit, list(fit.terms[0].labels)), [24])
    assert unseen.upper[0, 0] - unseen.lower[0, 0] > (seen.upper - seen.lower).max()


@MODELS
def test_a_slope_of_a_group_not_seen_widens_with_its_column(model: str) -> None:
    people = draw(44, groups=8, sd=0.5, late=False)
    x = people["X"][:, 0]
    terms = [random_term("g", people["group"]), random_term("s", people["group"], x, scale=0.5)]
    fit = fitted(people, model, terms=terms, sd=[0.3, 0.4])
    X = np.array([[0.0, 0.0], [2.0, 0.0]])
    ahead = [
        random_term("g", ["?", "?"], labels=fit.terms[0].labels),
        random_term("s", ["?", "?"], X[:, 0], labels=fit.terms[1].labels),
    ]
    found = hierarchical_risk(fit, X, ahead, [24])
    wide = [np.log(-np.log1p(-each)) for each in (found.upper, found.lower)]
    widths = (wide[0] - wide[1])[:, 0]
    assert widths[1] > widths[0] * 1.3


@MODELS
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_risks_are_within_limits_and_never_fall(model: str, seed: int) -> None:
    people = draw(seed, groups=4, size=(8, 25), late=True)
    if people["left"].sum() < 4:
        return
    fit = fitted(people, model, penalty=[0.1, 0.1])
    rng = np.random.default_rng(seed)
    X, horizons = rng.normal(size=(6, 2)) * 3, np.append(rng.integers(0, 36, 5), [60, 12, 12])
    found = hierarchical_risk(fit, X, new(fit, ["0", "1", "2", "3", "?", "!"]), horizons)
    order = np.argsort(horizons, kind="stable")
    beyond = np.isnan(found.risk[0])
    assert beyond[5]
    for each in (found.risk, found.lower, found.upper):
        known = each[:, order][:, ~beyond[order]]
        assert ((known >= 0) & (known <= 1)).all()
        assert (np.diff(known, axis=1) >= 0).all()
        assert np.isnan(each[:, beyond]).all()
    assert (found.lower[:, ~beyond] <= found.upper[:, ~beyond]).all()
    order = rng.permutation(6)
    other = hierarchical_risk(
        fit, X[order], new(fit, list(np.array(["0", "1", "2", "3", "?", "!"])[order])), horizons
    )
    np.testing.assert_allclose(other.upper, found.upper[order], atol=1e-9)


@MODELS
def test_past_the_follow_up_nothing_is_said(model: str) -> None:
    people = draw(45, late=False)
    fit = fitted(people, model)
    last = people["exit_"].max()
    found = hierarchical_risk(fit, [[0.0, 0.0]], new(fit, ["1"]), [last, last + 0.5])
    assert np.isfinite(found.risk[0, 0])
    assert np.isnan([found.risk[0, 1], found.lower[0, 1], found.upper[0, 1]]).all()


def test_new_rows_are_checked() -> None:
    people = draw(46, late=False)
    fit = fitted(people, "cox", strata=people["X"][:, 0] > 0)
    term = new(fit, ["0", "1"])
    X = np.zeros((2, 2))
    good = hierarchical_risk(fit, X, term, [12], strata=[0, 1])
    assert good.risk.shape == (2, 1)
    other = random_term("group", ["0", "1"], labels=("0", "1"))
    for more, match in (
        ({"X": np.zeros((2, 3))}, "columns"),
        ({"X": X * np.nan}, "missing"),
        ({"terms": []}, "not those of the fit"),
        ({"terms": [other]}, "not those of the fit"),
        ({"terms": new(fit, ["0"])}, "codes"),
        ({"horizons": [np.nan]}, "horizons"),
        ({"horizons": ["a"]}, "horizons"),
        ({"strata": None}, "2 strata"),
        ({"strata": [0, 2]}, "strata"),
        ({"level": 0.0}, "level"),
    ):
        given_: dict[str, Any] = {"X": X, "terms": term, "horizons": [12], "strata": [0, 1]}
        with pytest.raises(InputError, match=match):
            hierarchical_risk(fit, **(given_ | more))
    periods = fitted(people, "logit")
    with pytest.raises(InputError, match="no strata"):
        hierarchical_risk(periods, X, term, [12], strata=[0, 1])
    none = hierarchical_risk(fit, X[:0], new(fit, []), [12], strata=[])
    assert none.risk.shape == (0, 1)


@pytest.mark.parametrize("model", ["cox", "cloglog"])
def test_prediction_is_quick(model: str) -> None:
    rng = np.random.default_rng(1)
    people = draw(47, groups=6, sd=0.4, size=(100, 200), late=True)
    fit = fitted(people, model)
    term = [replace(new(fit, ["0"])[0], codes=rng.integers(-1, 6, 2000))]
    X = rng.normal(size=(2000, 2))
    begin = time.process_time()
    hierarchical_risk(fit, X, term, [12, 18, 24, 30])
    assert time.process_time() - begin < 2.0  # .1 s at rest


def test_nothing_kept_is_as_long_as_the_rows() -> None:
    people = draw(48, groups=6, size=(150, 151), late=True)
    for model in ("cox", "logit"):
        fit = fitted(people, model)
        assert max(_lengths(fit)) < 450


def _lengths(value: object) -> list[int]:
    if dataclasses.is_dataclass(value):
        each = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return [length for part in each for length in _lengths(part)]
    if isinstance(value, tuple):
        return [length for part in value for length in _lengths(part)] + [len(value)]
    if isinstance(value, np.ndarray):
        return list(value.shape) or [0]
    assert value is None or isinstance(value, str | int | float)
    return [0]


# Groups.


def test_samples_ranks_and_ratios_agree() -> None:
    people = draw(50, groups=5, sd=0.6, late=False)
    fit = fitted(people, "cox")
    effects = fit.effects[0]
    samples = group_samples(fit, "group", 60_000, seed=1)
    np.testing.assert_allclose(samples.mean(axis=0), effects.estimate, atol=0.01)
    np.testing.assert_allclose(samples.std(axis=0), effects.std_err, rtol=0.03)
    limits = np.quantile(samples, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(limits, [effects.lower, effects.upper], atol=0.04)
    ratio = log_hazard_ratio(fit, "group")
    off = samples - samples.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(off.mean(axis=0), ratio.estimate, atol=0.01)
    np.testing.assert_allclose(np.quantile(off, 0.025, axis=0), ratio.lower, atol=0.02)
    np.testing.assert_allclose((off > 0).mean(axis=0), ratio.higher, atol=0.01)
    assert ratio.estimate.sum() == pytest.approx(0.0, abs=1e-9)
    against = log_hazard_ratio(fit, "group", "2", level=0.5)
    difference = samples - samples[:, [2]]
    np.testing.assert_allclose(difference.mean(axis=0), against.estimate, atol=0.01)
    np.testing.assert_allclose(np.quantile(difference, 0.75, axis=0), against.upper, atol=0.01)
    assert np.isnan(against.higher[2])
    assert against.lower[2] == against.upper[2] == 0
    ranks = rank_probabilities(fit, "group", draws=60_000, seed=1)
    np.testing.assert_allclose(ranks.probability.sum(axis=0), 1)
    np.testing.assert_allclose(ranks.probability.sum(axis=1), 1)
    np.testing.assert_allclose(
        ranks.lowest, np.bincount(samples.argmin(axis=1), minlength=5) / 60_000
    )
    np.testing.assert_allclose(
        ranks.highest, np.bincount(samples.argmax(axis=1), minlength=5) / 60_000
    )
    assert ranks.mean.sum() == pytest.approx(15)
    assert ranks.labels[int(ranks.mean.argmax())] == effects.labels[int(effects.estimate.argmax())]


def test_a_mean_of_groups_is_better_known_than_the_mean_of_all_there_might_be() -> None:
    fit = fitted(draw(51, sd=0.6, late=False), "cox")
    assert (log_hazard_ratio(fit, "group").std_err < fit.effects[0].std_err).all()


def test_draws_repeat_with_their_seed_and_terms_are_named() -> None:
    people = draw(52, late=False)
    terms = [random_term("a", people["group"]), random_term("b", people["group"] % 2)]
    fit = fitted(people, "cloglog", terms=terms)
    a, b = (rank_probabilities(fit, "b", draws=500, seed=3) for _ in range(2))
    np.testing.assert_array_equal(a.probability, b.probability)
    assert a.probability.shape == (2, 2)
    assert effects_of(fit, "a").mean.shape[1] == 6
    np.testing.assert_array_equal(effects_of(fit, "b").mean, fit.mixture.mean[:, -2:])
    with pytest.raises(InputError, match="one of a, b"):
        rank_probabilities(fit, "c")
    with pytest.raises(InputError, match="draws"):
        group_samples(fit, "a", 0, seed=1)
    with pytest.raises(InputError, match="no such group"):
        log_hazard_ratio(fit, "a", "zz")
    flat = fitted(people, "cloglog", sd=[0.0])
    assert (group_samples(flat, "group", 10, seed=1) == 0).all()
