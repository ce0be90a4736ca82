"""Gray's test by hand, against cmprsk, by its identities, and by its size."""

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
from gmts_models.stats.comparison.gray import gray_test
from gmts_models.stats.comparison.groups import GroupTest
from gmts_models.stats.comparison.logrank import logrank

REFERENCE_DATA = Path(__file__).parents[2] / "reference" / "data"
REPETITIONS = int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "300"))
EXACT = 1e-9  # relative: the same sums in another order

# a: cause 1 at 1 and 2, cause 2 at 2, censored at 3; b: cause 1 at 3 and 4, cause 2 at 4.
EXIT = np.array([1.0, 2, 2, 3, 3, 4, 4, 5])
EVENT = np.array([1, 1, 2, 0, 1, 1, 2, 0])
GROUP = np.array(["a"] * 4 + ["b"] * 4)


@dataclass(frozen=True, kw_only=True)
class People:
    """Tied monthly data of 2 or 3 groups, two causes."""

    exit: np.ndarray
    event: np.ndarray
    group: np.ndarray
    entry: np.ndarray
    weights: np.ndarray
    strata: np.ndarray

    def test(self, **options: Any) -> GroupTest:
        return gray_test(
            self.exit, self.event, self.group, self.entry, self.weights, self.strata, **options
        )

    def take(self, rows: np.ndarray) -> People:
        return People(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def draw_people(seed: int) -> People:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 4))
    n = int(rng.integers(20, 60)) * k
    exit_ = rng.integers(0, 13, n).astype(float)
    event = rng.choice([0, 1, 2], n, p=[0.4, 0.35, 0.25])
    group = np.arange(n) % k
    entry = np.where(rng.random(n) < 0.2, np.minimum(rng.integers(0, 3, n), exit_ - 1), 0)
    return People(
        exit=exit_,
        event=event,
        group=group,
        entry=np.maximum(entry, 0.0),
        weights=rng.integers(1, 4, n).astype(float),
        strata=rng.integers(0, 2, n),
    )


people = st.integers(0, 10**6).map(draw_people)
powers = st.sampled_from([0.0, 1.0, 0.5])


def assert_same(one: GroupTest, other: GroupTest) -> None:
    for name in ("observed", "expected", "variance", "n"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=EXACT, atol=1e-9)
    assert one.df == other.df
    assert_allclose([one.statistic, one.p], [other.statistic, other.p], rtol=1e-6, atol=1e-9)


# By hand


def test_expected_departures_by_hand() -> None:
    # a's risk set: 4 at 1; at 2, 3 of whom none but cause 1 is out; at 3 the one who is left
    # stands for 2, as the one lost to cause 2 stays; at 4 nobody of a could be seen.
    test = gray_test(EXIT, EVENT, GROUP)
    assert_allclose(test.n, [4, 4])
    assert_allclose(test.observed, [2, 2])
    assert_allclose(test.expected, [4 / 8 + 3 / 7 + 2 / 6, 4 / 8 + 4 / 7 + 4 / 6 + 1])


def test_weights_of_time_by_hand() -> None:
    # F of both: steps of 1 / (at_risk / stay, summed): 1/8, 1/8, 1/8, and 1/4 without a.
    test = gray_test(EXIT, EVENT, GROUP, rho=1.0)
    assert_allclose(test.observed, [1 + 7 / 8, 6 / 8 + 5 / 8])
    assert_allclose(test.expected[0], 4 / 8 + 7 / 8 * 3 / 7 + 6 / 8 * 2 / 6)


# Values from R 4.2.2, cmprsk 2.2-11; more in tests/conformance


def test_the_example_agrees_with_r() -> None:
    """cuminc(t, e, g, rho = 0 and 1)$Tests."""
    want = {(1, 0): 0.72542690185700809, (1, 1): 0.97825163938293169, (2, 0): 0.97297297297297303}
    for (cause, rho), statistic in want.items():
        test = gray_test(EXIT, EVENT, GROUP, cause=cause, rho=rho)
        assert_allclose(test.statistic, statistic, rtol=EXACT)


def test_a_group_that_everyone_leaves_agrees_with_r() -> None:
    """t <- c(1,1,2,3, 2,4,5,6,7,8); e <- c(1,2,1,1, 1,2,1,0,1,0); g <- rep(1:2, c(4, 6));
    cuminc(t, e, g)$Tests."""
    exit_, event = [1.0, 1, 2, 3, 2, 4, 5, 6, 7, 8], [1, 2, 1, 1, 1, 2, 1, 0, 1, 0]
    group = [1] * 4 + [2] * 6
    for cause, statistic in ((1, 3.1255947148262901), (2, 1.4999999999999993)):
        test = gray_test(exit_, event, group, cause=cause)
        assert_allclose(test.statistic, statistic, rtol=EXACT)


def test_weights_agree_with_r_on_replicated_rows() -> None:
    """w <- rep(1:3, length.out = nrow(mgus2)); r <- rep(seq_len(nrow(mgus2)), w);
    with(mgus2[r, ], cuminc(etime, cause, male, cut(age, c(0, 65, 75, 200)), rho = 0.5))$Tests."""
    d = pd.read_csv(REFERENCE_DATA / "mgus2.csv")
    weights = np.resize([1, 2, 3], len(d))
    age = np.digitize(d["age"], [65, 75], right=True)
    for cause, statistic in ((1, 2.0068541575059498), (2, 56.671637620599476)):
        test = gray_test(
            d["etime"], d["cause"], d["male"], None, weights, age, cause=cause, rho=0.5
        )
        assert_allclose(test.statistic, statistic, rtol=EXACT)


# Identities


@given(people, powers)
def test_weights_are_replicated_rows(d: People, rho: float) -> None:
    copies = d.take(np.repeat(np.arange(len(d.exit)), d.weights.astype(int)))
    copies = replace(copies, weights=np.ones(len(copies.exit)))
    assert_same(d.test(rho=rho), copies.test(rho=rho))
    nothing = d.take(np.r_[np.arange(len(d.exit)), 0, 1, 2])
    weights = np.r_[d.weights, 0, 0, 0]
    assert_same(d.test(rho=rho), replace(nothing, weights=weights).test(rho=rho))


@given(people, powers)
def test_what_should_not_matter_does_not(d: People, rho: float) -> None:
    one = d.test(rho=rho)
    order = np.random.default_rng(1).permutation(len(d.exit))
    assert_same(one, d.take(order).test(rho=rho))
    assert_same(one, replace(d, exit=d.exit * 30.4375, entry=d.entry * 30.4375).test(rho=rho))
    if not (d.exit == 0).any():
        assert_same(one, replace(d, exit=d.exit + 5, entry=d.entry + 5).test(rho=rho))
    noisy = replace(d, exit=d.exit + 1e-12 * np.random.default_rng(2).random(len(d.exit)))
    assert_same(one, noisy.test(rho=rho))
    causes = replace(d, event=np.array([0, 2, 1])[d.event])
    assert_same(one, causes.test(rho=rho, cause=2))
    renamed = replace(d, group=9 - d.group).test(rho=rho)
    assert_allclose(renamed.variance[::-1, ::-1], one.variance, rtol=EXACT, atol=1e-12)
    assert_allclose(renamed.statistic, one.statistic, rtol=1e-6, atol=1e-9)


@given(people, powers)
def test_splitting_a_person_into_rows_changes_nothing(d: People, rho: float) -> None:
    cut = (d.entry + d.exit) / 2
    rows = np.arange(len(d.exit))
    first = rows[cut > d.entry]
    split = d.take(np.r_[rows, first])
    entry, exit_, event = split.entry.copy(), split.exit.copy(), split.event.copy()
    entry[first] = cut[first]
    exit_[len(rows) :], event[len(rows) :] = cut[first], 0
    two = replace(split, entry=entry, exit=exit_, event=event).test(rho=rho)
    assert_same(replace(d.test(rho=rho), n=two.n), two)


@given(people)
def test_the_scores_sum_to_zero(d: People) -> None:
    test = d.test()
    observed, expected = test.observed_by_stratum, test.expected_by_stratum
    assert_allclose(observed.sum(axis=1), expected.sum(axis=1), rtol=EXACT)
    assert_allclose(test.variance.sum(axis=1), 0, atol=1e-9)


@given(people)
def test_without_censoring_those_lost_to_other_causes_stay_for_good(d: People) -> None:
    # Some of each group are still there at the end: a group that is empty leaves the comparison.
    event = np.r_[np.where(d.event == 0, 2, d.event), 0, 0, 0]
    exit_, group = np.r_[d.exit, 50, 50, 50], np.r_[d.group, 0, 1, d.group.max()]
    gray = gray_test(exit_, event, group)
    stay = np.where(event == 2, 99.0, exit_)
    plain = logrank(stay, event == 1, group)
    assert_allclose(gray.expected, plain.expected, rtol=EXACT)


@given(people)
def test_with_one_cause_the_score_is_that_of_the_log_rank_test(d: People) -> None:
    left = d.event != 0
    gray = gray_test(d.exit, left, d.group, d.entry, d.weights, d.strata)
    plain = logrank(d.exit, left, d.group, d.entry, d.weights, d.strata)
    assert_allclose(gray.expected, plain.expected, rtol=EXACT)


def test_strata_in_which_a_group_is_missing() -> None:
    exit_, event = np.r_[EXIT, EXIT], np.r_[EVENT, EVENT]
    group, strata = np.array([*GROUP, *"ccccdddd"]), np.repeat([0, 1], 8)
    test = gray_test(exit_, event, group, strata=strata)
    assert test.df == 2
    assert_allclose(test.statistic, 2 * gray_test(EXIT, EVENT, GROUP).statistic)


# Bad input


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"groups": ["a"] * 8}, "one group only"),
        ({"event": [1, 1, -1, 0, 1, 1, 2, 0]}, "unknown"),
        ({"weights": [0.5] * 8}, "whole numbers"),
        ({"rho": np.nan}, "rho"),
        ({"cause": 0}, "from 1"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        gray_test(**({"exit_": EXIT, "event": EVENT, "groups": GROUP} | change))


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(NotEstimableError, match="cause 3"):
        gray_test(EXIT, EVENT, GROUP, cause=3)
    with pytest.raises(NotEstimableError, match="under observation"):  # all leave at 1
        gray_test([1.0, 5, 3, 4], [1, 1, 1, 0], [1, 1, 2, 2], [0, 2, 0, 0])
    with pytest.raises(NotEstimableError, match="under observation"):  # b enters after a's first
        gray_test([1.0, 5, 3, 4], [1, 1, 1, 0], [1, 1, 2, 2], [0, 0, 2, 2])
    # The eight of one group leave at 1: 8 / 16; at 2, 4 of the other 8 leave, and it is 1 at 3.
    exit_, group = np.array([1.0] * 8 + [2, 2, 3, 4] * 2), np.repeat([1, 1, 2, 3], 4)
    with pytest.raises(NotEstimableError, match="1 or more"):
        gray_test(exit_, np.ones(16, int), group)


# Size on tied monthly data


def draw_cohorts(rng: np.random.Generator, sizes: tuple[int, ...], *, late: bool) -> People:
    """Groups with one incidence of two causes, in two strata that differ.

    Hazards of 3.5 % and 7 % a month, 55 % and 30 % from cause 1; census at 12, 24 or 36 months,
    earlier for the last group; with late entry, from month 3 or 6 for half of the last group.
    """
    group = np.repeat(np.arange(len(sizes)), sizes)
    n, last = len(group), group == len(sizes) - 1
    strata = (rng.random(n) < 0.3 + 0.4 * (group % 2)).astype(int)
    time = rng.geometric(np.where(strata == 1, 0.07, 0.035)).astype(float)
    cause = np.where(rng.random(n) < np.where(strata == 1, 0.3, 0.55), 1, 2)
    census = np.where(last, rng.choice([12.0, 24.0], n), rng.choice([24.0, 36.0], n))
    entry = np.where(late & last & (rng.random(n) < 0.5), rng.choice([3.0, 6.0], n), 0.0)
    d = People(
        exit=np.minimum(time, census),
        event=np.where(time <= census, cause, 0),
        group=group,
        entry=entry,
        weights=np.ones(n),
        strata=strata,
    )
    return d.take(np.flatnonzero(time > entry))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "late"),
    [
        ((20, 20), False),
        ((20, 60), False),
        ((20, 40, 60), False),
        ((60, 60), True),
        ((20, 40, 80), True),
    ],
)
def test_size_is_5_percent_and_the_variance_is_that_of_the_score(
    sizes: tuple[int, ...], late: bool
) -> None:
    rng = np.random.default_rng(30)
    tests = [draw_cohorts(rng, sizes, late=late).test() for _ in range(REPETITIONS)]
    rate = np.mean([test.p < 0.05 for test in tests])
    error = np.sqrt(0.05 * 0.95 / REPETITIONS)
    assert abs(rate - 0.05) < 4 * error, f"size {rate:.4f}, Monte Carlo error {error:.4f}"
    score = np.array([test.observed - test.expected for test in tests])
    stated = np.mean([np.diag(test.variance) for test in tests], axis=0)
    bias = np.abs(score.mean(axis=0)) / score.std(axis=0)
    assert (bias < 4 / np.sqrt(REPETITIONS)).all(), f"mean of the score in its SD {bias}"
    ratio = stated / score.var(axis=0)
    assert (np.abs(ratio - 1) < 4 * np.sqrt(2 / REPETITIONS)).all(), f"variance ratio {ratio}"


@pytest.mark.slow
def test_taking_late_entrants_as_there_from_the_start_is_wrong() -> None:
    """Most of a group are seen from month 9 on only: they seem to stay if entry is ignored."""
    rng = np.random.default_rng(31)
    found = []
    for _ in range(REPETITIONS):
        d = draw_cohorts(rng, (200, 400), late=False)
        entry = np.where((d.group == 1) & (rng.random(len(d.exit)) < 0.7), 9.0, 0.0)
        d = replace(d, entry=entry).take(np.flatnonzero(d.exit > entry))
        ignored = replace(d, entry=np.zeros(len(d.exit)))
        found.append((d.test().p < 0.05, ignored.test().p < 0.05))
    right, wrong = np.mean(found, axis=0)
    error = np.sqrt(0.05 * 0.95 / REPETITIONS)
    assert abs(right - 0.05) < 4 * error, f"size {right:.4f}"
    assert wrong > 0.05 + 4 * error, f"size with entry ignored {wrong:.4f}"
