"""The standard distributions: against scipy, against each other, and far out in the tails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.stats.parametric.distributions import (
    EXTREME,
    FAMILIES,
    GAUSSIAN,
    LOGISTIC,
    Distribution,
    family_named,
    log_difference,
)
from gmts_models.stats.parametric.likelihood import log_interval

ALL = [(EXTREME, stats.gumbel_l), (GAUSSIAN, stats.norm), (LOGISTIC, stats.logistic)]
Z = np.array([-30.0, -8, -2, -0.5, 0, 0.3, 1, 2.5, 3])


@pytest.mark.parametrize(("ours", "theirs"), ALL)
def test_agrees_with_scipy(ours: Distribution, theirs: Any) -> None:
    np.testing.assert_allclose(ours.log_density(Z), theirs.logpdf(Z), rtol=1e-13)
    np.testing.assert_allclose(ours.log_survival(Z), theirs.logsf(Z), rtol=1e-13)
    np.testing.assert_allclose(ours.log_cdf(Z), theirs.logcdf(Z), rtol=1e-12, atol=1e-300)
    assert ours.mean == pytest.approx(theirs.mean(), abs=1e-12)
    assert ours.variance == pytest.approx(theirs.var())
    assert ours.mode == pytest.approx(Z[np.argmax(ours.log_density(Z))])


@pytest.mark.parametrize("ours", [each[0] for each in ALL])
def test_slopes_are_derivatives_and_the_inverse_inverts(ours: Distribution) -> None:
    h, z = 1e-5, Z[1:]
    np.testing.assert_allclose(
        ours.slope(z),
        (ours.log_density(z + h) - ours.log_density(z - h)) / (2 * h),
        rtol=1e-6,
        atol=1e-9,
    )
    np.testing.assert_allclose(
        ours.curvature(z), (ours.slope(z + h) - ours.slope(z - h)) / (2 * h), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(ours.from_log_survival(ours.log_survival(z)), z, rtol=1e-9)


def test_tails_keep_their_digits() -> None:
    # P(W > z) at z = 40 underflows; its logarithm is -z^2/2 - log z - log(2 pi)/2 - 1/z^2 ...
    z = np.array([40.0, 1e4])
    tail = -1 / z**2 + 3 / z**4 - 15 / z**6
    series = -(z**2) / 2 - np.log(z) - 0.5 * np.log(2 * np.pi) + np.log1p(tail)
    np.testing.assert_allclose(GAUSSIAN.log_survival(z), series, rtol=1e-12)
    np.testing.assert_allclose(GAUSSIAN.log_cdf(-z), series, rtol=1e-12)
    np.testing.assert_allclose(LOGISTIC.log_survival(np.array([800.0])), -800)
    np.testing.assert_allclose(EXTREME.log_cdf(np.array([-800.0, -50])), [-800, -50], rtol=1e-15)
    far = np.array([1e3])
    np.testing.assert_allclose(
        LOGISTIC.from_log_survival(-far), far, rtol=1e-15, err_msg="S = e^-1000"
    )
    # An interval in either tail, where both ends are 1 or 0 to the last digit.
    for ours in (GAUSSIAN, LOGISTIC):
        left = log_interval(ours, np.array([-40.0]), np.array([-39.0]))
        right = log_interval(ours, np.array([39.0]), np.array([40.0]))
        np.testing.assert_allclose(left, right, rtol=1e-12)
        assert np.isfinite(left).all()


def test_log_difference() -> None:
    a, b = np.log(np.array([0.5, 1e-3])), np.log(np.array([0.2, 1e-3 - 1e-12]))
    np.testing.assert_allclose(log_difference(a, b), np.log([0.3, 1e-12]), rtol=1e-5)
    np.testing.assert_allclose(log_difference(np.array([-1e4]), np.array([-2e4])), -1e4)


def test_narrow_intervals_are_densities() -> None:
    z, width = np.linspace(-3, 2, 11), 1e-7
    for ours in (EXTREME, GAUSSIAN, LOGISTIC):
        got = log_interval(ours, z, z + width)
        np.testing.assert_allclose(
            got - np.log(width), ours.log_density(z + width / 2), rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize("ours", [each[0] for each in ALL])
@pytest.mark.parametrize("width", [1e-3, 0.5, 2.0, 6.0])
def test_an_interval_is_likeliest_at_its_mode(ours: Distribution, width: float) -> None:
    z = ours.interval_mode(np.array([width]))
    best = log_interval(ours, z, z + width)[0]
    around = z[0] + np.linspace(-1, 1, 2001)
    assert (log_interval(ours, around, around + width) <= best + 1e-9).all()


def test_families_are_known_by_name() -> None:
    assert family_named("rayleigh").scale == 0.5
    assert {name for name, each in FAMILIES.items() if not each.log_time} == {
        "extreme",
        "gaussian",
        "logistic",
    }
    with pytest.raises(InputError, match="gamma"):
        family_named("gamma")
