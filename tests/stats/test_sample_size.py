"""Riley's criteria, against figures that are published and worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.sample_size import sample_size


def test_the_published_example() -> None:
    # Riley et al. (2019), section 5: recurrent venous thromboembolism, 30 parameters, a rate of
    # 0.065 a year, followed for 2.07 years on average, R squared 0.051, risk at 2 years;
    # pmsampsize(type = "s", csrsquared = 0.051, parameters = 30, rate = 0.065, timepoint = 2,
    # meanfup = 2.07) asks for 5,143 people, of whom 692 leave, for the shrinkage.
    n = 5143
    found = sample_size(n, round(0.065 * 2.07 * n), 2.07 * n, 30, 2, 0.051)
    assert (found.needed_shrinkage, found.needed_optimism) == (5143, 1039)
    assert found.needed == 5143
    assert found.shrinkage == pytest.approx(0.9, abs=1e-5)
    assert found.events_per_parameter == pytest.approx(23.07, abs=0.01)


def test_the_overall_risk_by_hand() -> None:
    # A rate of 0.01 a month over 24 months: risk 1 - exp(-0.24). With n people followed for 24
    # months each the standard error of the rate is sqrt(0.01 / (24 n)).
    found = sample_size(500, 120, 12_000, 1, 24)
    n = found.needed_risk
    for people, inside in ((n, True), (n - 1, False)):
        se = np.sqrt(0.01 / (24 * people))
        low = 1 - np.exp(-24 * (0.01 - 1.959964 * se))
        high = 1 - np.exp(-24 * (0.01 + 1.959964 * se))
        risk = 1 - np.exp(-0.24)
        assert bool(max(risk - low, high - risk) <= 0.05) is inside


@given(
    st.integers(2, 5000),
    st.floats(0.01, 1),
    st.integers(1, 80),
    st.floats(1, 60),
)
def test_more_parameters_need_more_people(n: int, share: float, p: int, horizon: float) -> None:
    events = max(1, int(share * n))
    few = sample_size(n, events, 20.0 * n, p, horizon)
    many = sample_size(n, events, 20.0 * n, p + 1, horizon)
    assert many.needed_shrinkage >= few.needed_shrinkage
    assert many.shrinkage <= few.shrinkage
    assert 0 < many.shrinkage < 1
    assert (few.shrinkage >= 0.9) == (n >= few.needed_shrinkage)


@pytest.mark.parametrize(
    ("given_", "match"),
    [
        ((0, 0, 1, 1, 12), "above 0"),
        ((10, 0, 1, 1, 12), "above 0"),
        ((10, 11, 1, 1, 12), "above 0"),
        ((10, 5, 100, 0, 12), "one parameter"),
        ((10, 5, 100, 1, 12, 1.0), "r2 must lie"),
    ],
)
def test_what_makes_no_sense_is_refused(given_: tuple[float, ...], match: str) -> None:
    with pytest.raises(InputError, match=match):
        sample_size(*given_)  # type: ignore[arg-type]
