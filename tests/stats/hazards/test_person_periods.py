"""Follow-up cut into whole periods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError, NotEstimableError
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


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="before the first period"):
        person_periods([0.0, 1], [True, False])
    with pytest.raises(InputError, match="width"):
        person_periods([1.0], [True], width=0)
    with pytest.raises(NotEstimableError, match="whole period"):
        person_periods([0.5], [False])
