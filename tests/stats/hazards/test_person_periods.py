"""Follow-up cut into whole periods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Ints
from gmts_models.stats.hazards.person_periods import person_periods
from gmts_models.stats.times import count_at_risk


def test_four_people_by_hand() -> None:
    # Years: left in the 2nd; lost in the 3rd, which therefore does not count; came under
    # observation in the 1st, left in the 2nd; came in the 1st and left in it, unseen at its start.
    found = person_periods([14, 30, 20, 9], [2, 0, 1, 1], [0, 0, 7, 3], width=12)
    np.testing.assert_array_equal(found.row, [0, 0, 1, 1, 2])
    np.testing.assert_array_equal(found.period, [1, 2, 1, 2, 2])
    np.testing.assert_array_equal(found.event, [0, 2, 0, 0, 1])
    short = person_periods([14, 30], [2, 0], width=12, until=1)
    np.testing.assert_array_equal(short.period, [1, 1])
    np.testing.assert_array_equal(short.event, [0, 0])


def test_noise_does_not_begin_a_period() -> None:
    found = person_periods([0.1 + 0.2, 0.3], [True, True], width=0.1)
    np.testing.assert_array_equal(found.period, [1, 2, 3, 1, 2, 3])


@given(seed=st.integers(0, 10_000))
def test_those_at_risk_are_those_of_the_survival_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exit_ = rng.integers(1, 12, 40).astype(float)
    entry = np.floor(exit_ * rng.uniform(size=40))
    left = rng.uniform(size=40) < 0.6
    found = person_periods(exit_, left, entry)
    at = np.arange(1.0, 12)
    count = np.bincount(found.period, minlength=12)[1:]
    np.testing.assert_array_equal(count, count_at_risk(at, entry, exit_))
    assert found.event.sum() == left.sum()


def test_rows_of_a_person_that_meet_within_a_period_by_hand() -> None:
    # The second period begins in the first row and is its own, with the departure in it; the
    # other person changes rows in the second period, is seen to its end and beyond, and is lost.
    found = person_periods([1.5, 1.8, 1.5, 3.2], [0, 2, 0, 0], [0, 1.5, 0, 1.5], [5, 5, 9, 9])
    np.testing.assert_array_equal(found.row, [0, 0, 2, 2, 3])
    np.testing.assert_array_equal(found.period, [1, 2, 1, 2, 3])
    np.testing.assert_array_equal(found.event, [0, 2, 0, 0, 0])
    # Without the people, and with a gap between the rows, the second period is nobody's.
    apart = person_periods([1.5, 1.8, 1.5, 3.2], [0, 2, 0, 0], [0, 1.5, 0, 1.5])
    np.testing.assert_array_equal(apart.period, [1, 1, 3])
    gap = person_periods([1.5, 1.8], [0, 2], [0, 1.6], [5, 5])
    np.testing.assert_array_equal(gap.event, [0])


@given(seed=st.integers(0, 10_000))
def test_cutting_people_into_rows_changes_no_period(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exit_ = rng.integers(1, 60, 30) / 4
    entry = np.floor(exit_ * 4 * rng.uniform(size=30)) / 4 * (rng.uniform(size=30) < 0.5)
    event = rng.integers(0, 3, 30)
    until = [None, 4][seed % 2]
    whole = person_periods(exit_, event, entry, until=until)
    cuts = [
        np.sort(rng.uniform(a, b, rng.integers(0, 4))) for a, b in zip(entry, exit_, strict=True)
    ]
    edges = [np.r_[a, np.round(cut, 2), b] for a, cut, b in zip(entry, cuts, exit_, strict=True)]
    edges = [np.unique(each[(each >= each[0]) & (each <= each[-1])]) for each in edges]
    person = np.repeat(np.arange(30), [len(each) - 1 for each in edges])
    begin, end = np.concatenate([e[:-1] for e in edges]), np.concatenate([e[1:] for e in edges])
    code = np.where(np.r_[person[1:] != person[:-1], True], event[person], 0)
    mix = rng.permutation(len(person))
    cut = person_periods(end[mix], code[mix], begin[mix], person[mix], until=until)

    def as_set(row: Ints, period: Ints, code: Ints) -> list[tuple[int, ...]]:
        return sorted(zip(row.tolist(), period.tolist(), code.tolist(), strict=True))

    want = as_set(whole.row, whole.period, whole.event)
    assert as_set(person[mix][cut.row], cut.period, cut.event) == want


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="before the first period"):
        person_periods([0.0, 1], [True, False])
    with pytest.raises(InputError, match="width"):
        person_periods([1.0], [True], width=0)
    with pytest.raises(NotEstimableError, match="whole period"):
        person_periods([0.5], [False])
