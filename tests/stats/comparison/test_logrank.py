"""The log-rank family by hand, against R, by its identities, and by its size."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.stats.comparison.groups import GroupTest, chi_square
from gmts_models.stats.comparison.logrank import holm, logrank, logrank_pairs, logrank_trend

REFERENCE_DATA = Path(__file__).parents[2] / "reference" / "data"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "300"))
EXACT = 1e-9  # relative: the same sums in another order

# Five people: a leaves at 1 and 2, is censored at 3; b leaves at 2 and 3.
EXIT = np.array([1.0, 2.0, 3.0, 2.0, 3.0])
LEFT = np.array([True, True, False, True, True])
GROUP = np.array(["a", "a", "a", "b", "b"])


@dataclass(frozen=True, kw_only=True)
class People:
    """Tied monthly data of 2 to 4 groups with late entry."""

    exit: np.ndarray
    left: np.ndarray
    group: np.ndarray
    entry: np.ndarray
    weights: np.ndarray
    strata: np.ndarray

    def test(self, **options: Any) -> GroupTest:
        return logrank(
            self.exit, self.left, self.group, self.entry, self.weights, self.strata, **options
        )

    def take(self, rows: np.ndarray) -> People:
        return People(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def draw_people(seed: int) -> People:
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(15, 60)), int(rng.integers(2, 5))
    exit_ = rng.integers(0, 13, n).astype(float)
    entry = np.where(rng.random(n) < 0.3, np.minimum(rng.integers(0, 6, n), exit_ - 1), 0)
    return People(
        exit=exit_,
        left=rng.random(n) < 0.6,
        group=np.r_[np.arange(k), rng.integers(0, k, n - k)],
        entry=np.maximum(entry, 0.0),
        weights=rng.integers(0, 4, n).astype(float),
        strata=rng.integers(0, 2, n),
    )


people = st.integers(0, 10**6).map(draw_people)
powers = st.sampled_from([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 2.0)])


def assert_same(one: GroupTest, other: GroupTest) -> None:
    for name in ("observed", "expected", "variance", "n"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=EXACT, atol=1e-9)
    assert one.df == other.df
    assert_allclose([one.statistic, one.p], [other.statistic, other.p], rtol=1e-7, atol=1e-9)


# By hand


def test_by_hand() -> None:
    # At 1, 2, 3: of 5, 4, 2 at risk 3, 2, 1 are in a; 1, 2, 1 leave.
    test = logrank(EXIT, LEFT, GROUP)
    v = 1 * 6 / 25 + 2 * (1 / 4) * (2 / 3) + 1 * 1 / 4
    assert list(test.groups) == ["a", "b"]
    assert_allclose(test.n, [3, 2])
    assert_allclose(test.observed, [2, 2])
    assert_allclose(test.expected, [3 / 5 + 1 + 1 / 2, 2 / 5 + 1 + 1 / 2])
    assert_allclose(test.variance, [[v, -v], [-v, v]])
    assert_allclose(test.statistic, 0.1**2 / v)
    assert test.df == 1


@pytest.mark.parametrize(
    ("rho", "gamma", "weight"),
    [
        (1.0, 0.0, (1, 0.8, 0.4)),
        (0.0, 1.0, (0, 0.2, 0.6)),
        (2.0, 1.0, (0, 0.8**2 * 0.2, 0.4**2 * 0.6)),
    ],
)
def test_weights_of_time_by_hand(rho: float, gamma: float, weight: tuple[float, ...]) -> None:
    test = logrank(EXIT, LEFT, GROUP, rho=rho, gamma=gamma)
    w = np.array(weight)
    assert_allclose(test.observed[0], w @ [1, 1, 0])
    assert_allclose(test.expected[0], w @ [3 / 5, 1, 1 / 2])
    assert_allclose(test.variance[0, 0], w**2 @ [6 / 25, 1 / 3, 1 / 4])


def test_late_entry_by_hand() -> None:
    # The b who leaves at 2 enters at 1: at 1 the risk set is 3 of a, 1 of b.
    entry = np.array([0.0, 0, 0, 1, 0])
    test = logrank(EXIT, LEFT, GROUP, entry)
    assert_allclose(test.expected[0], 3 / 4 + 1 + 1 / 2)


def test_leaving_at_time_0_counts() -> None:
    test = logrank([0.0, 1.0, 1.0], [True, True, False], ["a", "b", "a"])
    assert_allclose(test.expected, [2 / 3 + 1 / 2, 1 / 3 + 1 / 2])


def test_a_breslow_variance_by_hand() -> None:
    test = logrank(EXIT, LEFT, GROUP, variance="breslow")
    assert_allclose(test.variance[0, 0], 6 / 25 + 2 / 4 + 1 / 4)


def test_a_robust_variance_by_hand() -> None:
    # a at 1: +(1 - 3/5) less a risk of 1/5 over its comparison; and so on for each person.
    test = logrank(EXIT, LEFT, GROUP, variance="robust")
    steps = np.array([1 / 5, 2 / 4, 1 / 2])
    share = np.array([3 / 5, 1 / 2, 1 / 2])
    own = np.cumsum(steps * (1 - share))
    other = np.cumsum(steps * (0 - share))
    residual = [2 / 5 - own[0], 1 / 2 - own[1], -own[2], -1 / 2 - other[1], -1 / 2 - other[2]]
    assert_allclose(sum(residual), test.observed[0] - test.expected[0])
    assert_allclose(test.variance[0, 0], np.square(residual).sum())


# Values from R 4.2.2, survival 3.5-3


def test_robust_agrees_with_the_robust_score_test_of_r() -> None:
    """coxph(Surv(time, status) ~ factor(celltype), veteran_w, weights = w, ties = "breslow",
    robust = TRUE)$rscore; with cluster = cl; ~ factor(trt) + strata(celltype)."""
    d = pd.read_csv(REFERENCE_DATA / "veteran_w.csv")
    y = (d["time"], d["status"], d["celltype"])
    test = logrank(*y, weights=d["w"], variance="robust")
    assert_allclose(test.statistic, 23.553947967549824, rtol=EXACT)
    test = logrank(*y, weights=d["w"], clusters=d["cl"], variance="robust")
    assert_allclose(test.statistic, 21.308933182622944, rtol=EXACT)
    test = logrank(
        d["time"], d["status"], d["trt"], weights=d["w"], strata=d["celltype"], variance="robust"
    )
    assert_allclose(test.statistic, 0.35256704469464983, rtol=EXACT)


def test_start_stop_rows_agree_with_the_score_tests_of_r() -> None:
    """coxph(Surv(start, stop, event) ~ factor(transplant) + strata(surgery), heart,
    cluster = id, ties = "breslow")$rscore and $score."""
    d = pd.read_csv(REFERENCE_DATA / "heart.csv")
    y = (d["stop"], d["event"], d["transplant"], d["start"])
    robust = logrank(*y, strata=d["surgery"], clusters=d["id"], variance="robust")
    assert_allclose(robust.statistic, 0.22736791537740283, rtol=EXACT)
    model = logrank(*y, strata=d["surgery"], variance="breslow")
    assert_allclose(model.statistic, 0.22678227076972624, rtol=EXACT)


def test_trend_agrees_with_r() -> None:
    """s <- survdiff(Surv(time, status) ~ ph.ecog, lung); u <- s$obs - s$exp;
    sum((0:3) * u) / sqrt((0:3) %*% s$var %*% (0:3))."""
    d = pd.read_csv(REFERENCE_DATA / "lung.csv").dropna(subset="ph.ecog")
    test = logrank_trend(d["time"], d["status"], d["ph.ecog"])
    assert_allclose(test.z, 4.2278979129737611, rtol=EXACT)
    assert_allclose(test.scores, [0, 1, 2, 3])


def test_pairs_agree_with_r() -> None:
    """combn(0:3, 2, \\(k) survdiff(Surv(time, status) ~ ph.ecog, subset(lung, ph.ecog %in% k)))
    and p.adjust(p, "holm")."""
    d = pd.read_csv(REFERENCE_DATA / "lung.csv").dropna(subset="ph.ecog")
    pairs = logrank_pairs(d["time"], d["status"], d["ph.ecog"])
    assert [*zip(pairs.first, pairs.second, strict=True)] == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)
    ]  # fmt: skip
    statistic = [
        3.4568305499978309, 16.682328146944183, 5.7798727021963954,
        8.4334463780730324, 5.3333349409566173, 1.2423100486138519,
    ]  # fmt: skip
    p = [
        0.062990949051257725, 4.419074022433362e-05, 0.01621071542036262,
        0.0036838148577698891, 0.020921316041399771, 0.26502631515515862,
    ]  # fmt: skip
    adjusted = [
        0.12598189810251545, 0.00026514444134600172, 0.064842861681450481,
        0.018419074288849445, 0.064842861681450481, 0.26502631515515862,
    ]  # fmt: skip
    assert_allclose(pairs.statistic, statistic, rtol=EXACT)
    assert_allclose(pairs.p, p, rtol=EXACT)
    assert_allclose(pairs.p_holm, adjusted, rtol=EXACT)


# Identities


@given(people, powers)
def test_whole_weights_are_replicated_rows(d: People, power: tuple[float, float]) -> None:
    rho, gamma = power
    copies = d.take(np.repeat(np.arange(len(d.exit)), d.weights.astype(int)))
    if len(np.unique(copies.group)) < len(np.unique(d.group)):
        return
    copies = replace(copies, weights=np.ones(len(copies.exit)))
    for variance in ("hypergeometric", "breslow"):
        one = d.test(rho=rho, gamma=gamma, variance=variance)
        assert_same(one, copies.test(rho=rho, gamma=gamma, variance=variance))


@given(people)
def test_robust_weights_are_replicated_rows_of_one_person(d: People) -> None:
    rows = np.repeat(np.arange(len(d.exit)), d.weights.astype(int))
    copies = d.take(rows)
    if len(np.unique(copies.group)) < len(np.unique(d.group)):
        return
    copies = replace(copies, weights=np.ones(len(rows)))
    with_weights, with_copies = (
        _or_nan(d, variance="robust"),
        _or_nan(copies, variance="robust", clusters=rows),
    )
    assert_allclose(with_weights, with_copies, rtol=1e-7, atol=1e-9)


def _or_nan(d: People, **options: Any) -> float:
    try:
        return d.test(**options).statistic
    except NotEstimableError:
        return np.nan


@given(people, powers)
def test_what_should_not_matter_does_not(d: People, power: tuple[float, float]) -> None:
    rho, gamma = power
    one = d.test(rho=rho, gamma=gamma)
    order = np.random.default_rng(1).permutation(len(d.exit))
    assert_same(one, d.take(order).test(rho=rho, gamma=gamma))
    months_as_days = replace(d, exit=d.exit * 30.4375, entry=d.entry * 30.4375)
    assert_same(one, months_as_days.test(rho=rho, gamma=gamma))
    later = replace(d, exit=d.exit + 5, entry=d.entry + 5)
    if not (d.exit == 0).any():
        assert_same(one, later.test(rho=rho, gamma=gamma))
    noisy = replace(d, exit=d.exit + 1e-12 * np.random.default_rng(2).random(len(d.exit)))
    assert_same(one, noisy.test(rho=rho, gamma=gamma))
    k = int(d.group.max())
    renamed = replace(d, group=k - d.group).test(rho=rho, gamma=gamma)
    assert_allclose(renamed.observed[::-1], one.observed, rtol=EXACT, atol=1e-12)
    assert_allclose(renamed.variance[::-1, ::-1], one.variance, rtol=EXACT, atol=1e-12)
    assert renamed.df == one.df
    assert_allclose(renamed.statistic, one.statistic, rtol=1e-7, atol=1e-9)


@given(people, powers)
def test_observed_and_expected_have_one_sum_in_each_stratum(
    d: People, power: tuple[float, float]
) -> None:
    test = d.test(rho=power[0], gamma=power[1])
    observed, expected = test.observed_by_stratum, test.expected_by_stratum
    assert_allclose(observed.sum(axis=1), expected.sum(axis=1), rtol=EXACT, atol=1e-12)
    assert_allclose(test.variance.sum(axis=1), 0, atol=1e-12)


@given(people)
def test_splitting_a_person_into_rows_changes_nothing(d: People) -> None:
    cut = (d.entry + d.exit) / 2
    whole = cut <= d.entry  # exit 0
    last = np.arange(len(d.exit))
    first = last[~whole]
    split = d.take(np.r_[last, first])
    exit_, left, entry = split.exit.copy(), split.left.copy(), split.entry.copy()
    entry[last[~whole]] = cut[~whole]
    exit_[len(last) :], left[len(last) :] = cut[first], False
    split = replace(split, exit=exit_, left=left, entry=entry)
    one, two = d.test(), split.test()
    assert_same(replace(one, n=two.n), two)
    ids = np.r_[last, first]
    robust = _or_nan(d, variance="robust")
    assert_allclose(_or_nan(split, variance="robust", clusters=ids), robust, rtol=1e-7, atol=1e-9)


@given(people)
def test_a_stratum_apart_adds_up(d: People) -> None:
    parts = [d.take(np.flatnonzero(d.strata == s)) for s in np.unique(d.strata)]
    if any(len(np.unique(part.group)) != len(np.unique(d.group)) for part in parts):
        return
    whole, tests = d.test(), [part.test() for part in parts]
    assert_allclose(whole.variance, np.sum([t.variance for t in tests], axis=0), atol=1e-12)
    assert_allclose(whole.observed_by_stratum, [t.observed for t in tests], atol=1e-12)
    assert_allclose(whole.expected_by_stratum, [t.expected for t in tests], atol=1e-12)


@given(people, st.floats(-3, 3).filter(lambda x: abs(x) > 0.1))
def test_a_trend_over_two_groups_is_the_test_itself(d: People, slope: float) -> None:
    d = replace(d, group=np.minimum(d.group, 1))
    test = d.test()
    trend = logrank_trend(
        d.exit, d.left, d.group, d.entry, d.weights, d.strata, scores=[7.0, 7.0 + slope]
    )
    if test.df == 0:
        assert np.isnan(trend.z)
        assert np.isnan(trend.p)
        return
    assert_allclose(trend.z**2, test.statistic, rtol=1e-7, atol=1e-9)
    assert_allclose(trend.p, test.p, rtol=1e-7)
    assert trend.z * slope * (test.observed[1] - test.expected[1]) >= 0
    pairs = logrank_pairs(d.exit, d.left, d.group, d.entry, d.weights, d.strata)
    assert_allclose(pairs.p, [test.p], rtol=1e-7)
    assert_allclose(pairs.p_holm, [test.p], rtol=1e-7)


@given(people)
def test_the_scale_of_robust_weights_does_not_matter(d: People) -> None:
    scaled = _or_nan(replace(d, weights=d.weights * 0.3), variance="robust")
    assert_allclose(scaled, _or_nan(d, variance="robust"), rtol=1e-7, atol=1e-9)


# Groups that cannot be compared


def test_a_group_that_is_never_at_risk_takes_no_part() -> None:
    exit_, left = np.r_[EXIT, 9.0, 9.0], np.r_[LEFT, False, False]
    entry, group = np.r_[np.zeros(5), 4, 5], np.array([*GROUP, "c", "c"])
    test = logrank(exit_, left, group, entry)
    assert test.df == 1
    assert_allclose(test.statistic, logrank(EXIT, LEFT, GROUP).statistic)
    pairs = logrank_pairs(exit_, left, group, entry)
    assert_allclose(np.isnan(pairs.p_holm), [False, True, True])
    assert_allclose(pairs.p_holm[0], pairs.p[0])
    robust = logrank(exit_, left, group, entry, variance="robust")
    assert robust.df == 1
    assert_allclose(robust.statistic, logrank(EXIT, LEFT, GROUP, variance="robust").statistic)


def test_groups_that_meet_in_different_strata_only() -> None:
    exit_, left = np.r_[EXIT, EXIT], np.r_[LEFT, LEFT]
    group, strata = np.array([*GROUP, *"cccdd"]), np.repeat([0, 1], 5)
    test = logrank(exit_, left, group, strata=strata)
    assert test.df == 2
    assert_allclose(test.statistic, 2 * logrank(EXIT, LEFT, GROUP).statistic)


def test_nothing_to_compare_is_said() -> None:
    test = logrank(EXIT, np.zeros(5, bool), GROUP)
    assert (test.statistic, test.df) == (0.0, 0)
    assert np.isnan(test.p)
    assert logrank(EXIT, LEFT, GROUP, weights=np.zeros(5)).df == 0
    trend = logrank_trend(EXIT, np.zeros(5, bool), GROUP, scores=[0, 1])
    assert np.isnan(trend.z)


def test_holm_by_hand() -> None:
    got = holm(np.array([0.04, np.nan, 0.01, 0.03]))
    assert_allclose(got, [0.06, np.nan, 0.03, 0.06])
    assert_allclose(holm(np.array([0.6, 0.7])), [1.0, 1.0])


# Bad input


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"groups": ["a"] * 5}, "one group only"),
        ({"groups": ["a", "b"]}, "groups has shape"),
        ({"groups": ["a", None, "a", "b", "b"]}, "groups is missing"),
        ({"groups": [1, np.nan, 1, 2, 2]}, "groups is missing"),
        ({"groups": pd.array([True, None, True, False, False])}, "groups is missing"),
        ({"weights": [0.5, 1, 1, 1, 1]}, "whole numbers"),
        ({"clusters": [0, 0, 1, 1, 2]}, "robust variance only"),
        ({"rho": -1.0}, "not be negative"),
        ({"gamma": np.nan}, "pairs"),
        ({"variance": "other"}, "no such variance"),
        ({"entry": [5.0, 0, 0, 0, 0]}, "exit is not after entry"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        logrank(**({"exit_": EXIT, "left": LEFT, "groups": GROUP} | change))


@pytest.mark.parametrize(
    ("scores", "match"),
    [
        (None, "order of the groups"),
        ([1], "2 groups, scores has shape"),
        ([1, np.inf], "finite"),
        ([1, 1], "all equal"),
    ],
)
def test_bad_scores_are_refused(scores: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        logrank_trend(EXIT, LEFT, GROUP, scores=scores)


def test_too_few_clusters_are_refused() -> None:
    # The sum of the clusters is the score itself: with one, the statistic would always be 1.
    with pytest.raises(NotEstimableError, match="clusters"):
        logrank(EXIT, LEFT, GROUP, clusters=[0] * 5, variance="robust")


def test_a_singular_variance_is_refused() -> None:
    linked = np.ones((3, 3), dtype=bool)
    with pytest.raises(NotEstimableError, match="singular"):
        chi_square(np.zeros(3), np.ones((3, 3)), linked, "here")


# Size on tied monthly data


def draw_cohorts(rng: np.random.Generator, sizes: tuple[int, ...]) -> People:
    """Groups that leave alike within two strata whose hazards and census differ.

    Hazards of 3 % and 6 % a month; census at 12, 24 or 36 months; a third seen from month 3 on.
    The strata are not alike in the mix of the groups.
    """
    group = np.repeat(np.arange(len(sizes)), sizes)
    n = len(group)
    strata = (rng.random(n) < 0.3 + 0.4 * (group % 2)).astype(int)
    time = rng.geometric(np.where(strata == 1, 0.06, 0.03)).astype(float)
    census = rng.choice([12.0, 24.0, 36.0], n)
    entry = np.where(rng.random(n) < 1 / 3, 3.0, 0.0)
    seen = time > entry
    d = People(
        exit=np.minimum(time, census),
        left=time <= census,
        group=group,
        entry=entry,
        weights=np.ones(n),
        strata=strata,
    )
    return d.take(np.flatnonzero(seen))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "power", "variance"),
    [
        (sizes, power, "hypergeometric")
        for sizes in ((20, 20), (20, 60), (20, 40, 60), (30, 30, 30, 30))
        for power in ((0.0, 0.0), (1.0, 0.0))
    ]
    # Late weights rest on few people, and a robust variance on few residuals: see the Notes.
    + [((150, 150), (0.0, 1.0), "hypergeometric"), ((150, 150), (0.0, 0.0), "robust")],
)
def test_size_is_5_percent(
    sizes: tuple[int, ...], power: tuple[float, float], variance: Any
) -> None:
    rng = np.random.default_rng(20)
    tests = [
        draw_cohorts(rng, sizes).test(rho=power[0], gamma=power[1], variance=variance)
        for _ in range(REPETITIONS)
    ]
    rate = np.mean([test.p < 0.05 for test in tests])
    error = np.sqrt(0.05 * 0.95 / REPETITIONS)
    assert abs(rate - 0.05) < 4 * error, f"size {rate:.4f}, Monte Carlo error {error:.4f}"


@pytest.mark.slow
def test_ignoring_strata_that_differ_is_wrong() -> None:
    """The strata's hazards and mix of groups differ: only the stratified test keeps its size."""
    rng = np.random.default_rng(21)
    drawn = [draw_cohorts(rng, (60, 60)) for _ in range(REPETITIONS)]
    pooled = np.mean([logrank(d.exit, d.left, d.group, d.entry).p < 0.05 for d in drawn])
    stratified = np.mean([d.test().p < 0.05 for d in drawn])
    error = np.sqrt(0.05 * 0.95 / REPETITIONS)
    assert pooled > 0.05 + 4 * error, f"pooled {pooled:.4f}"
    assert abs(stratified - 0.05) < 4 * error, f"stratified {stratified:.4f}"
