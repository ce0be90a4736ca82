"""Partial pooling: hand-worked cases, limits of no and of full pooling, what must not matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pooled_people import draw
from scipy.optimize import brentq
from scipy.special import expit

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.hazards.discrete_hazard import discrete_hazard
from gmts_models.stats.hierarchy.cox import fit_hierarchical_cox
from gmts_models.stats.hierarchy.hazard import fit_hierarchical_hazard
from gmts_models.stats.hierarchy.period_baseline import SmoothBaseline, SteppedBaseline
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm, random_term

Fit = Callable[..., HierarchicalFit]


def cox(people: dict[str, Any], **more: Any) -> HierarchicalFit:
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    terms = more.pop("terms", [random_term("group", people["group"])])
    return fit_hierarchical_cox(people["X"], terms, **rows, **more)


def periods(people: dict[str, Any], **more: Any) -> HierarchicalFit:
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    terms = more.pop("terms", [random_term("group", people["group"])])
    more.setdefault("baseline", SmoothBaseline((1.0, 12.0, 30.0)))
    return fit_hierarchical_hazard(people["X"], terms, **rows, **more)


BOTH = pytest.mark.parametrize("fit", [cox, periods])


# Hand-worked.


def test_two_groups_and_one_time_by_hand() -> None:
    """Three of group A leave at once of 10 and 10: b = sd^2 (3 - 6 P(A)), P(A) = expit(2 b)."""
    left = np.array([True] * 3 + [False] * 17)
    term = random_term("g", ["A"] * 10 + ["B"] * 10)
    X, months, sd = np.zeros((20, 0)), np.ones(20), 0.7
    fit = fit_hierarchical_cox(X, [term], months, left, ties="breslow", sd=[sd])
    b = brentq(lambda b: b - sd**2 * (3 - 3 * expit(2 * b)), 0, 3)
    p = expit(2 * b)
    np.testing.assert_allclose(fit.mixture.mean[0], [b, -b], rtol=1e-7)
    information = 3 * p * (1 - p) * np.array([[1, -1], [-1, 1]]) + np.eye(2) / sd**2
    np.testing.assert_allclose(fit.mixture.covariance[0], np.linalg.inv(information), rtol=1e-6)
    value = 3 * (b - np.log(10 * np.exp(b) + 10 * np.exp(-b)))
    half = np.log(np.linalg.det(information * sd**2)) / 2
    assert fit.log_marginal == pytest.approx(value - b**2 / sd**2 - half, abs=1e-9)
    effects = fit.effects[0]
    assert effects.members.tolist() == [10, 10]
    assert effects.departures.tolist() == [3, 0]


@pytest.mark.parametrize("sd", [0.0, 0.3, 2.0])
def test_two_equal_groups_in_one_period_by_hand(sd: float) -> None:
    """W is a group's information; the shrinkage is v / (v + sd^2) with v = 1 / W."""
    left = np.array([True, True, False, False, False, False] * 2)
    term = random_term("g", ["A"] * 6 + ["B"] * 6)
    flat = SteppedBaseline(())
    fit = fit_hierarchical_hazard(
        np.zeros((12, 0)), [term], np.ones(12), left, baseline=flat, sd=[sd]
    )
    np.testing.assert_allclose(fit.mixture.mean[0], [np.log(0.5), 0, 0], atol=1e-7)
    W = 6 * (1 / 3) * (2 / 3)
    value = 4 * np.log(1 / 3) + 8 * np.log(2 / 3)
    want = value - np.log(2 * W * (1 + sd**2 * W)) / 2
    assert fit.log_marginal == pytest.approx(want, abs=1e-9)
    np.testing.assert_allclose(fit.effects[0].shrinkage, 1 / (1 + sd**2 * W), rtol=1e-7)


def test_a_group_nobody_left_is_shrunk_by_what_its_data_say() -> None:
    people = draw(3, sd=0.0, late=False)
    people["left"] = people["left"] & (people["group"] != 2)
    few = people["group"] == 4
    effects = cox(people).effects[0]
    assert effects.departures[2] == 0
    assert np.isfinite([effects.lower[2], effects.upper[2]]).all()
    assert effects.estimate[2] == effects.estimate.min()
    assert 0 < effects.shrinkage[2] < 1
    # Nobody of the group seen for long: the data say next to nothing of it.
    people["exit_"] = np.where(few, 1.0, people["exit_"])
    people["left"] = people["left"] & ~few
    people["entry"] = np.where(few, 0.0, people["entry"])
    assert cox(people).effects[0].shrinkage[4] > 0.95


# Full pooling and none.


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_without_spread_is_the_plain_fit(ties: Ties) -> None:
    people = draw(1, late=True)
    fit = cox(people, ties=ties, sd=[0.0])
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    plain = fit_cox(people["X"], **rows, ties=ties)
    np.testing.assert_allclose(fit.coefficients.estimate, plain.coefficients, rtol=1e-7)
    np.testing.assert_allclose(fit.coefficients.covariance, plain.covariance, rtol=1e-6)
    assert (fit.effects[0].estimate == 0).all()
    np.testing.assert_allclose(fit.effects[0].shrinkage, 1.0)


def test_cox_with_endless_spread_pools_nothing() -> None:
    people = draw(1, late=True)
    fit = cox(people, sd=[1e4])
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    dummies = np.eye(6)[people["group"]][:, 1:]
    plain = fit_cox(np.column_stack([people["X"], dummies]), **rows)
    b = fit.effects[0].estimate
    np.testing.assert_allclose(b[1:] - b[0], plain.coefficients[2:], rtol=1e-5)
    np.testing.assert_allclose(fit.coefficients.estimate, plain.coefficients[:2], rtol=1e-5)
    np.testing.assert_allclose(fit.coefficients.covariance, plain.covariance[:2, :2], rtol=1e-4)
    assert (fit.effects[0].shrinkage < 1e-4).all()


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_periods_without_spread_and_with_endless_spread(link: str) -> None:
    people = draw(2, late=True)
    rows = {name: people[name] for name in ("exit_", "left", "entry", "weights")}
    baseline = SmoothBaseline((1.0, 12.0, 30.0))
    given: dict[str, Any] = {"link": link, "baseline": baseline}
    pooled = periods(people, sd=[0.0], **given)
    plain = discrete_hazard(people["X"], **rows, **given)
    np.testing.assert_allclose(pooled.mixture.mean[0, :5], plain.coefficients, rtol=1e-6)
    dummies = np.eye(6)[people["group"]][:, 1:]
    apart = discrete_hazard(np.column_stack([people["X"], dummies]), **rows, **given)
    b = periods(people, sd=[1e4], **given).effects[0].estimate
    np.testing.assert_allclose(b[1:] - b[0], apart.coefficients[5:], rtol=1e-4)


def test_shrinkage_falls_with_people_and_estimates_lie_between() -> None:
    people = draw(5, groups=8, sd=0.6, size=(8, 120), late=False)
    effects, own = cox(people).effects[0], cox(people, sd=[50.0]).effects[0]
    order = np.argsort(effects.departures)
    assert (np.diff(effects.shrinkage[order]) < 0.01).all()
    assert effects.shrinkage[order[0]] > 2 * effects.shrinkage[order[-1]]
    # The weight that the definition gives the mean is about what the estimates show: those
    # without pooling, against their mean weighted by the rest.
    free = own.estimate - np.average(own.estimate, weights=1 - effects.shrinkage)
    far = np.abs(free) > 0.3
    assert far.sum() > 3
    np.testing.assert_allclose(
        1 - effects.estimate[far] / free[far], effects.shrinkage[far], atol=0.2
    )


# What must not matter.


def same(a: HierarchicalFit, b: HierarchicalFit, order: Any = slice(None)) -> None:
    np.testing.assert_allclose(a.coefficients.estimate, b.coefficients.estimate, atol=1e-6)
    np.testing.assert_allclose(a.coefficients.std_err, b.coefficients.std_err, atol=1e-6)
    for name in ("estimate", "std_err", "lower", "upper", "shrinkage", "departures", "members"):
        first, second = getattr(a.effects[0], name), getattr(b.effects[0], name)
        np.testing.assert_allclose(first, second[order], atol=1e-6, err_msg=name)
    assert a.spreads[0].mean == pytest.approx(b.spreads[0].mean, abs=1e-6)
    assert a.spreads[0].upper == pytest.approx(b.spreads[0].upper, abs=1e-6)


@BOTH
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_and_names_of_groups_do_not_matter(fit: Fit, seed: int) -> None:
    people = draw(seed, groups=4, size=(8, 25), late=True)
    if not people["left"].any():
        return
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(people["left"]))
    same(fit(people), fit({name: each[order] for name, each in people.items()}))
    new = rng.permutation(4)
    names = {**people, "group": new[people["group"]]}
    same(fit(people), fit(names), new)


@pytest.mark.parametrize("fit", [lambda people: cox(people, ties="breslow"), periods])
def test_weights_are_so_many_rows(fit: Fit) -> None:
    people = draw(11, late=True)
    times = people["weights"].astype(int)
    rows = {name: np.repeat(each, times, axis=0) for name, each in people.items()}
    rows["weights"] = np.ones(times.sum())
    a, b = fit(people), fit(rows)
    clustered = replace(b.effects[0], members=a.effects[0].members)
    same(a, replace(b, effects=(clustered,)))
    assert (a.effects[0].members < b.effects[0].members).all()


@BOTH
def test_rows_of_weight_0_are_no_rows(fit: Fit) -> None:
    people = draw(12, late=True)
    people["weights"][::3] = 0
    kept = {
        name: np.delete(each, np.arange(0, len(each), 3), axis=0) for name, each in people.items()
    }
    same(fit(people), fit(kept))


@BOTH
def test_start_stop_rows_of_a_person_are_one_person(fit: Fit) -> None:
    people = draw(13, late=True)
    n = len(people["left"])
    cut = people["exit_"] > 8
    cut &= people["entry"] < 8
    second = {name: each[cut] for name, each in people.items()} | {"entry": np.full(cut.sum(), 8.0)}
    first = dict(people)
    first["exit_"] = np.where(cut, 8.0, people["exit_"])
    first["left"] = people["left"] & ~cut
    rows = {name: np.concatenate([first[name], second[name]]) for name in people}
    ids = np.concatenate([np.arange(n), np.flatnonzero(cut)])
    same(fit(people), fit(rows, clusters=ids))


def test_strata_take_up_what_lies_between_them() -> None:
    """Groups within strata of other hazards: the spread is that within."""
    people = draw(14, groups=12, sd=0.0, size=(30, 60), late=False)
    high = people["group"] >= 6
    people["exit_"] = np.where(high, np.ceil(people["exit_"] / 4), people["exit_"])
    plain, apart = cox(people), cox(people, strata=high)
    assert plain.spreads[0].mean > 0.4
    assert apart.spreads[0].mean < 0.2
    assert len(apart.base.strata) == 2  # type: ignore[union-attr]


def test_a_prior_that_holds_the_spread_down_holds_groups_together() -> None:
    people = draw(15, sd=0.6, late=False)
    means = []
    for scale in (0.02, 0.2, 0.5, 1.0, 5.0):
        term = random_term("group", people["group"], scale=scale)
        means.append(cox(people, terms=[term]).spreads[0].mean)
    assert (np.diff(means) > 0).all()
    assert means[0] < 0.03


def test_a_slope_a_group() -> None:
    rng = np.random.default_rng(5)
    n, g = 900, 10
    group, x = rng.integers(0, g, n), rng.normal(size=n)
    slopes = np.linspace(-0.8, 0.8, g)
    month = np.ceil(rng.exponential(30 * np.exp(-(0.3 + slopes[group]) * x)))
    rows = (np.minimum(month, 36), month <= 36)
    terms = [random_term("group", group), random_term("x by group", group, x)]
    for fit in (
        fit_hierarchical_cox(x[:, None], terms, *rows),
        fit_hierarchical_hazard(x[:, None], terms, *rows, baseline=SteppedBaseline()),
    ):
        assert np.corrcoef(fit.effects[1].estimate, slopes)[0, 1] > 0.97
        assert fit.spreads[1].lower < slopes.std() < fit.spreads[1].upper
        assert fit.spreads[0].mean < 0.2
        assert fit.terms[1].slope


# Hostile input.


@BOTH
def test_one_group_tells_nothing_of_the_spread(fit: Fit) -> None:
    people = draw(16, groups=1, size=(40, 60), late=False)
    found = fit(people)
    assert found.effects[0].shrinkage[0] == pytest.approx(1.0)
    assert found.spreads[0].mean == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=2e-3)
    assert found.effects[0].estimate[0] == pytest.approx(0.0, abs=1e-6)


@BOTH
def test_groups_of_one_person_and_a_group_all_of_whom_leave(fit: Fit) -> None:
    people = draw(17, groups=5, size=(12, 30), late=False)
    people["group"] = people["group"].copy()
    people["group"][0] = 77
    people["left"] = people["left"] | (people["group"] == 3)
    found = fit(people).effects[0]
    assert np.isfinite([found.estimate, found.lower, found.upper]).all()
    assert found.members.min() == 1


@BOTH
def test_nobody_leaves(fit: Fit) -> None:
    people = draw(18, late=False)
    people["left"] = np.zeros(len(people["left"]), dtype=bool)
    with pytest.raises(FitError, match="nobody leaves"):
        fit(people)


@BOTH
def test_a_column_that_separates_is_named(fit: Fit) -> None:
    people = draw(19, late=False)
    people["X"] = np.column_stack([people["X"], ~people["left"]])
    with pytest.raises(FitError, match="stays") as caught:
        fit(people, names=["a", "b", "stays"])
    assert caught.value is not None
    found = fit(people, names=["a", "b", "stays"], penalty=np.array([0, 0, 1.0]))
    assert found.coefficients.estimate[2] < -1


@BOTH
def test_a_ridge_draws_coefficients_in(fit: Fit) -> None:
    people = draw(20, late=True)
    free, held = fit(people), fit(people, penalty=[50.0, 50.0])
    assert (np.abs(held.coefficients.estimate) < np.abs(free.coefficients.estimate)).all()
    assert (held.coefficients.std_err < free.coefficients.std_err).all()


@BOTH
@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"terms": []}, "no terms"),
        ({"sd": [0.1, 0.2]}, "one a term"),
        ({"sd": [-1.0]}, "one a term"),
        ({"sd": ["a"]}, "must be numbers"),
        ({"level": 1.5}, "level"),
        ({"penalty": [1.0]}, "penalty"),
        ({"penalty": [1.0, -1.0]}, "penalty"),
        ({"penalty": ["a", "b"]}, "penalty"),
        ({"names": ["a"]}, "names"),
    ],
)
def test_options_are_checked(fit: Fit, more: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        fit(draw(21, late=False), **more)


@BOTH
def test_rows_are_checked(fit: Fit) -> None:
    people = draw(22, late=False)
    n = len(people["left"])
    for name, bad, match in (
        ("X", np.full((n, 2), np.nan), "missing"),
        ("exit_", np.full(n, np.nan), "missing"),
        ("weights", -np.ones(n), "negative"),
        ("X", np.zeros((n + 1, 2)), "rows"),
    ):
        with pytest.raises(InputError, match=match):
            fit({**people, name: bad})
    term = random_term("group", people["group"])
    for codes, match in (
        (np.append(term.codes[1:], -1), "no group"),
        (term.codes[1:], "codes must be"),
        (term.codes + 1, "none of 6 labels"),
    ):
        with pytest.raises(InputError, match=match):
            fit(people, terms=[replace(term, codes=codes)])
    with pytest.raises(InputError, match="one name"):
        fit(people, terms=[term, term])


def test_the_baseline_of_periods_is_checked() -> None:
    people = draw(23, late=False)
    with pytest.raises(InputError, match="shape"):
        periods(people, baseline=lambda k: k)
    with pytest.raises(InputError, match="link"):
        periods(people, link="probit")
    with pytest.raises(FitError):  # in the last band nobody leaves
        periods(people, baseline=SteppedBaseline((35,)), until=36)


def test_a_penalty_keeps_a_baseline_finite() -> None:
    people = draw(24, late=False)

    def last(k: Floats) -> Floats:  # nobody leaves in period 36
        return np.column_stack([np.ones_like(k), k == 36])

    def line(k: Floats) -> Floats:
        return np.column_stack([np.ones_like(k), k / 12])

    people["left"] = people["left"] & (people["exit_"] < 36)
    people["exit_"] = np.where(people["left"], people["exit_"], 36.0)
    with pytest.raises(FitError):
        periods(people, baseline=last)
    found = periods(people, baseline=last, baseline_penalty=[0, 0.1])
    assert -10 < found.mixture.mean[0, 1] < 0
    left = people["left"] & (people["exit_"] == people["exit_"][people["left"]].min())
    at_once = {**people, "left": left}
    held = periods(at_once, baseline=line, baseline_penalty=[0, 0.1], penalty=[1, 1])
    assert -10 < held.mixture.mean[0, 1] < 0
    with pytest.raises(InputError, match="baseline_penalty must be 2"):
        periods(people, baseline=line, baseline_penalty=[1.0])


def test_terms_from_labels() -> None:
    term = random_term("g", ["b", "a", 3, "b"])
    assert term.labels == ("3", "a", "b")
    assert term.codes.tolist() == [2, 1, 0, 2]
    assert random_term("g", ["a", "z"], labels=term.labels).codes.tolist() == [1, -1]
    with pytest.raises(InputError, match="no group in 1 row"):
        random_term("g", ["a", None])
    with pytest.raises(InputError, match="rows 1"):
        random_term("g", ["a", float("nan")])
    with pytest.raises(InputError, match="column"):
        random_term("g", ["a", "b"], [1.0])
    with pytest.raises(InputError, match="missing"):
        random_term("g", ["a", "b"], [1.0, np.inf])
    with pytest.raises(InputError, match="scale"):
        random_term("g", ["a", "b"], scale=0.0)
    with pytest.raises(InputError, match="distinct"):
        fit_hierarchical_cox(
            np.zeros((2, 0)),
            [RandomTerm(name="g", labels=("a", "a"), codes=np.array([0, 1]))],
            [1, 2],
            [1, 0],
        )


def test_a_natural_spline_is_straight_beyond_its_knots() -> None:
    smooth = SmoothBaseline((1.0, 12.0, 24.0, 36.0))
    months = np.arange(1.0, 80)
    columns = smooth(months)
    assert columns.shape == (79, 4)
    assert np.linalg.matrix_rank(columns) == 4
    np.testing.assert_allclose(np.diff(columns[36:], n=2, axis=0), 0, atol=1e-10)
    np.testing.assert_array_equal(SmoothBaseline((1.0, 12.0))(months)[:, 0], 1)
    bands = SteppedBaseline((12, 24))(np.array([1.0, 12, 13, 24, 25, 99]))
    np.testing.assert_array_equal(bands.argmax(axis=1), [0, 0, 1, 1, 2, 2])
