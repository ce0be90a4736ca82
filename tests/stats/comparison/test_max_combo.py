"""Max-combo against its parts, against simulated normals, and by its size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.stats.comparison.logrank import logrank, logrank_trend
from gmts_models.stats.comparison.max_combo import WEIGHTINGS, chance_of_maximum, max_combo

REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "300"))

# a leaves at 1 and 2, is censored at 3; b leaves at 2 and 3 (the example of the log-rank test).
EXIT = np.array([1.0, 2.0, 3.0, 2.0, 3.0])
LEFT = np.array([True, True, False, True, True])
GROUP = np.array(["a", "a", "a", "b", "b"])


def draw_people(rng: np.random.Generator, size: int, k: int = 2) -> tuple[np.ndarray, ...]:
    """Months (4 % a month, census at 12, 24 or 36), left, group, entry at month 3 for some."""
    group = np.repeat(np.arange(k), size)
    time = rng.geometric(0.04, len(group)).astype(float)
    census = rng.choice([12.0, 24.0, 36.0], len(group))
    entry = np.where(rng.random(len(group)) < 1 / 3, 3.0, 0.0)
    seen = time > entry
    return (
        np.minimum(time, census)[seen],
        (time <= census)[seen],
        group[seen],
        entry[seen],
    )


# By hand


def test_by_hand() -> None:
    # Of 5, 4, 2 at risk 1, 2, 1 leave: one departure varies by 6/25, 1/3, 1/4.
    test = max_combo(EXIT, LEFT, GROUP, weightings=[(0, 0), (0, 1)])
    v, w = np.array([6 / 25, 1 / 3, 1 / 4]), np.array([0, 0.2, 0.6])
    score = np.array([1 / 10, 3 / 10])  # b's departures less those expected
    size = np.sqrt([v.sum(), w**2 @ v])
    together = w @ v / size.prod()
    assert_allclose(test.z, score / size)
    assert_allclose(test.correlation, [[1, together], [together, 1]])
    assert test.chosen == 1
    assert_allclose(test.statistic, 0.3 / size[1])


@pytest.mark.parametrize("variance", ["hypergeometric", "breslow", "robust"])
def test_each_z_is_that_of_the_test_alone(variance: Any) -> None:
    d = draw_people(np.random.default_rng(3), 40)
    test = max_combo(*d, variance=variance)
    for (rho, gamma), z in zip(WEIGHTINGS, test.z, strict=True):
        alone = logrank(*d, rho=rho, gamma=gamma, variance=variance)
        assert_allclose(z**2, alone.statistic, rtol=1e-10)
        assert z * (alone.observed[1] - alone.expected[1]) > 0


def test_one_weighting_is_the_log_rank_test() -> None:
    d = draw_people(np.random.default_rng(4), 40)
    test, alone = max_combo(*d, weightings=[(0, 0)]), logrank(*d)
    assert_allclose(test.p, alone.p, rtol=1e-10)
    greater, less = (
        max_combo(*d, weightings=[(0, 0)], alternative=side).p for side in ("greater", "less")
    )
    assert_allclose(greater + less, 1)
    assert_allclose(2 * min(greater, less), alone.p, rtol=1e-10)


def test_the_same_weighting_twice_costs_nothing() -> None:
    d = draw_people(np.random.default_rng(5), 40)
    twice = max_combo(*d, weightings=[(0, 0), (0, 0), (0, 1), (0, 1)])
    assert_allclose(twice.p, max_combo(*d, weightings=[(0, 0), (0, 1)]).p, rtol=1e-4)


def test_scores_make_a_trend_of_several_groups() -> None:
    d = draw_people(np.random.default_rng(6), 30, k=3)
    test = max_combo(*d, scores=[0, 1, 3])
    for (rho, gamma), z in zip(WEIGHTINGS, test.z, strict=True):
        assert_allclose(z, logrank_trend(*d, scores=[0, 1, 3], rho=rho, gamma=gamma).z)


def test_a_weighting_that_compares_nothing_takes_no_part() -> None:
    # All leave at one time: late weights are 0.
    test = max_combo([1.0, 1, 1, 2], [True, True, False, False], [1, 1, 2, 2])
    assert_allclose(np.isnan(test.z), [False, False, True, True])
    assert_allclose(test.p, logrank([1.0, 1, 1, 2], [1, 1, 0, 0], [1, 1, 2, 2]).p, rtol=1e-9)
    nobody = max_combo(EXIT, np.zeros(5, bool), GROUP)
    assert np.isnan([nobody.p, nobody.statistic]).all()


# Values from R 4.2.2: survival 3.5-3 and mvtnorm


def test_lung_by_sex_agrees_with_r() -> None:
    """z and their correlation R written out from the counts at each time of leaving;
    1 - pmvnorm(rep(-3.56569087291055, 4), rep(3.56569087291055, 4), corr = R), abseps = 1e-10."""
    d = pd.read_csv(Path(__file__).parents[2] / "reference" / "data" / "lung.csv")
    test = max_combo(d["time"], d["status"], d["sex"])
    z = [-3.21352484896035, -3.56569087291055, -1.86010326758789, -2.7685344459842]
    correlation = [
        0.919348938396786, 0.840680223222446, 0.926749176742413,
        0.559816455597053, 0.784859166767913, 0.871519863764597,
    ]  # fmt: skip
    assert_allclose(test.z, z, rtol=1e-12)
    assert_allclose(test.correlation[np.triu_indices(4, 1)], correlation, rtol=1e-12)
    # Both are quasi-random integrals: R states an error of 6e-8 and 3e-8, 6e-5 of p.
    assert_allclose(test.p, 0.000984011679075, rtol=8e-5)
    less = max_combo(d["time"], d["status"], d["sex"], alternative="less")
    assert_allclose(less.p, 0.000492000516718, rtol=8e-5)


# The integral


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("q", [2, 4, 6])
def test_the_integral_agrees_with_simulated_normals(q: int, two_sided: bool) -> None:
    rng = np.random.default_rng(q)
    root = rng.normal(size=(q, q)) + 1.5
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    z = rng.normal(size=(400_000, q)) @ root.T
    largest = (np.abs(z) if two_sided else z).max(axis=1)
    for limit in (0.3, 1.5, 2.5):
        p = chance_of_maximum(limit, root @ root.T, two_sided=two_sided)
        error = np.sqrt(p * (1 - p) / len(z))
        assert abs((largest >= limit).mean() - p) < 4 * error


@pytest.mark.parametrize("two_sided", [True, False])
def test_the_integral_is_exact_where_it_is_known(two_sided: bool) -> None:
    for limit in (1.0, 3.0, 8.0):
        tail = stats.norm.sf(limit) * (2 if two_sided else 1)
        same = chance_of_maximum(limit, np.ones((3, 3)), two_sided=two_sided)
        assert_allclose(same, tail, rtol=1e-12)
        apart = chance_of_maximum(limit, np.eye(3), two_sided=two_sided)
        assert_allclose(apart, -np.expm1(3 * np.log1p(-tail)), rtol=1e-9)
    assert chance_of_maximum(0.0, np.eye(2), two_sided=True) == 1.0
    assert_allclose(
        chance_of_maximum(-1.0, np.eye(2), two_sided=False), 1 - stats.norm.cdf(-1) ** 2
    )


def test_two_variables_agree_with_scipy() -> None:
    correlation = np.array([[1, 0.7], [0.7, 1]])
    box = stats.multivariate_normal(cov=correlation).cdf([2, 2], lower_limit=[-2, -2])
    assert_allclose(chance_of_maximum(2.0, correlation, two_sided=True), 1 - box, rtol=1e-5)


def test_variables_that_others_determine_are_bounded_exactly() -> None:
    # Of two normals X, Y apart and their sum: P(|X|, |Y| or |X + Y| / sqrt 2 >= 2) by quadrature.
    root = np.array([[1, 0], [0, 1], [np.sqrt(0.5), np.sqrt(0.5)]])
    x = (np.arange(400_000) + 0.5) / 100_000 - 2
    high = np.minimum(2, 2 * np.sqrt(2) - x)
    low = np.maximum(-2, -2 * np.sqrt(2) - x)
    inside = stats.norm.pdf(x) @ (stats.norm.cdf(high) - stats.norm.cdf(low)) / 100_000
    p = chance_of_maximum(2.0, root @ root.T, two_sided=True)
    assert_allclose(p, 1 - inside, rtol=2e-5)


def test_the_same_data_give_the_same_digits() -> None:
    d = draw_people(np.random.default_rng(7), 40)
    assert max_combo(*d).p == max_combo(*d).p


# Identities


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_what_should_not_matter_does_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exit_, left, group, entry = draw_people(rng, 15)
    weights = rng.integers(1, 4, len(exit_))
    one = max_combo(exit_, left, group, entry, weights)
    rows = np.repeat(np.arange(len(exit_)), weights)
    copies = max_combo(exit_[rows], left[rows], group[rows], entry[rows])
    days = max_combo(exit_ * 30.4375, left, group, entry * 30.4375, weights)
    swapped = max_combo(exit_, left, 1 - group, entry, weights)
    for other in (copies, days, swapped):
        assert_allclose(other.p, one.p, rtol=1e-7)
        assert_allclose(other.correlation, one.correlation, rtol=1e-7)
    assert_allclose(swapped.z, -one.z, rtol=1e-9, atol=1e-12)
    single = np.array([2 * stats.norm.sf(abs(z)) for z in one.z])
    smallest = np.nanmin(single)
    assert smallest * (1 - 1e-6) <= one.p <= smallest * 4 * (1 + 1e-6)
    greater = max_combo(exit_, left, group, entry, weights, alternative="greater")
    less = max_combo(exit_, left, 1 - group, entry, weights, alternative="less")
    assert_allclose(greater.p, less.p, rtol=1e-7)


# Bad input


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"groups": [1, 2, 3, 1, 2]}, "no scores"),
        ({"groups": [1] * 5}, "one group only"),
        ({"alternative": "both"}, "no such alternative"),
        ({"weightings": []}, "pairs"),
        ({"weightings": [(0, -1)]}, "not be negative"),
        ({"scores": [1]}, "scores has shape"),
        ({"weights": [0.5, 1, 1, 1, 1]}, "whole numbers"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        max_combo(**({"exit_": EXIT, "left": LEFT, "groups": GROUP} | change))


# Size and power on tied monthly data


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, 60])
def test_size_is_5_percent(size: int) -> None:
    rng = np.random.default_rng(8)
    p = np.array([max_combo(*draw_people(rng, size)).p for _ in range(REPETITIONS)])
    rate, error = (p < 0.05).mean(), np.sqrt(0.05 * 0.95 / REPETITIONS)
    # Late weights reject 6 % where groups are small (see the Notes of `logrank`): one point more.
    assert -4 * error < rate - 0.05 < 0.01 + 4 * error, (
        f"size {rate:.4f}, Monte Carlo error {error:.4f}"
    )


@pytest.mark.slow
def test_a_late_difference_is_seen_where_the_log_rank_test_is_blind() -> None:
    """Group 1 leaves later at first and sooner after a year: the curves cross."""
    rng = np.random.default_rng(9)
    found = []
    for _ in range(REPETITIONS):
        group = np.repeat([0, 1], 100)
        early = rng.geometric(np.where(group == 1, 0.02, 0.04))
        late = 12 + rng.geometric(np.where(group == 1, 0.12, 0.04))
        time = np.where(early <= 12, early, late).astype(float)
        d = np.minimum(time, 36.0), time <= 36, group
        found.append((max_combo(*d).p < 0.05, logrank(*d).p < 0.05))
    combo, plain = np.mean(found, axis=0)
    error = np.sqrt(0.25 / REPETITIONS)
    assert combo - plain > 4 * error, f"power {combo:.3f} and {plain:.3f}"
