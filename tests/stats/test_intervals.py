"""Limits of probabilities against R, at 0 and 1 too, and by their symmetries."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.errors import InputError
from gmts_models.stats.intervals import Interval, exact_limits, limits, normal_quantile

ESTIMATE = np.array([0, 0.001, 0.3, 0.8, 0.999, 1])
STD_ERR = np.array([0, 0.0008, 0.12, 0.07, 0.0009, 0])
NAN = np.nan
# survival:::survfit_confint(p, se, logse = FALSE, conf.type, conf.int = .9), survival 3.5-3, with
# the estimates and errors above.
R: dict[Interval, tuple[list[float], list[float]]] = {
    "plain": (
        [0, 0, 0.10261756476582343, 0.68486024611339702, 0.99751963173574365, 1],
        [0, 0.0023158829015611773, 0.49738243523417658, 0.91513975388660307, 1, 1],
    ),
    "log": (
        [NAN, 0.0002682373914492272, 0.1553749182797225, 0.6927623667831352, 0.9975207280361, 1],
        [NAN, 0.0037280410258883788, 0.57924406974085973, 0.92383771216075306, 1, 1],
    ),
    "log-log": (
        [
            NAN,
            0.00023467144622358018,
            0.1249992895021385,
            0.6535715983876887,
            0.9956096450831434,
            NAN,
        ],
        [
            NAN,
            0.0033139561712720632,
            0.49803519070897667,
            0.8895170682291074,
            0.9997725267442661,
            NAN,
        ],
    ),
    "logit": (
        [
            NAN,
            0.0002680805677179876,
            0.14341460812874995,
            0.6607573175476278,
            0.9956138370381536,
            NAN,
        ],
        [
            NAN,
            0.0037227806460573554,
            0.5231380865974709,
            0.8914770306914265,
            0.999772607352832,
            NAN,
        ],
    ),
    "arcsin": (
        [
            NAN,
            0.00011688837033751322,
            0.12693160598682307,
            0.6741006890831439,
            0.9969729488385911,
            NAN,
        ],
        [
            NAN,
            0.0027478939743607327,
            0.5096028794455664,
            0.9012132902705716,
            0.9999326029991624,
            NAN,
        ],
    ),
}


@pytest.mark.parametrize("interval", get_args(Interval))
def test_agrees_with_r_at_both_ends_too(interval: Interval) -> None:
    lower, upper = limits(ESTIMATE, STD_ERR, 0.9, interval)
    np.testing.assert_allclose(lower, R[interval][0], rtol=1e-12)
    np.testing.assert_allclose(upper, R[interval][1], rtol=1e-12)


@pytest.mark.parametrize("interval", get_args(Interval))
def test_an_error_of_the_log_is_the_error_over_the_estimate(interval: Interval) -> None:
    by_error = limits(ESTIMATE[1:], STD_ERR[1:], 0.9, interval)
    none = np.full(5, np.nan)
    by_log = limits(ESTIMATE[1:], none, 0.9, interval, se_of_log=STD_ERR[1:] / ESTIMATE[1:])
    np.testing.assert_allclose(by_log, by_error, rtol=1e-14)


@pytest.mark.parametrize("interval", get_args(Interval))
def test_an_infinite_error_of_the_log_at_0_has_no_limits(interval: Interval) -> None:
    # survival:::survfit_confint(0, Inf, logse = TRUE, ...): NaN or NA for each conf.type.
    got = limits(np.zeros(1), np.zeros(1), 0.9, interval, se_of_log=np.array([np.inf]))
    assert np.isnan(got).all()


@given(
    st.floats(0.01, 0.99),
    st.floats(0.0001, 0.5),
    st.floats(0.5, 0.99),
    st.sampled_from(get_args(Interval)),
)
def test_limits_lie_around_the_estimate_within_0_and_1(
    p: float, se: float, level: float, interval: Interval
) -> None:
    lower, upper = limits(np.array([p]), np.array([se]), level, interval)
    assert 0 <= lower[0] <= p <= upper[0] <= 1
    narrow = limits(np.array([p]), np.array([se]), level / 2, interval)
    assert lower[0] <= narrow[0][0]
    assert narrow[1][0] <= upper[0]


@given(st.floats(0.01, 0.99), st.floats(0.0001, 0.5))
def test_plain_logit_and_arcsin_mirror_at_one_half(p: float, se: float) -> None:
    for interval in ("plain", "logit", "arcsin"):
        lower, upper = limits(np.array([p, 1 - p]), np.array([se, se]), 0.95, interval)
        np.testing.assert_allclose(upper[0], 1 - lower[1], atol=1e-12)


def test_exact_limit_of_nobody_leaving() -> None:
    lower, upper = exact_limits(20)
    assert lower == pytest.approx(0.025 ** (1 / 20))  # the binomial chance of 0 of 20 is then .025
    assert upper == pytest.approx(1 - lower)
    assert exact_limits(0) == (0.0, 1.0)


def test_the_quantile_is_the_normal_one() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054, rel=1e-15)


@pytest.mark.parametrize("level", [0, 1, 95, np.nan])
def test_a_level_outside_0_and_1_is_refused(level: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        limits(ESTIMATE, STD_ERR, level, "log")


def test_an_unknown_interval_is_refused() -> None:
    with pytest.raises(InputError, match="no such interval"):
        limits(ESTIMATE, STD_ERR, 0.95, "loglog")  # type: ignore[arg-type]
