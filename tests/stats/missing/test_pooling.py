"""Rubin's rules against mice, against hand-worked cases, and at their edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gmts_models.errors import FitError, InputError
from gmts_models.stats.missing.pooling import degrees_of_freedom, pool
from gmts_models.stats.missing.scales import pool_on_scale
from gmts_models.stats.missing.wald import pooled_chi_squared, pooled_wald

Values = Callable[[str], dict[str, Any]]
FILE = "m_pool_lung"
EXACT = 1e-11
COX = ("cox", "cox_large", "linear", "linear_few", "two_imputations")
NAMES = {
    "estimate": "estimate",
    "within": "ubar",
    "between": "b",
    "variance": "t",
    "df": "df",
    "riv": "riv",
    "share_between": "lambda",
    "fmi": "fmi",
    "std_err": "std_error",
    "p": "p",
    "lower": "lower",
    "upper": "upper",
}


@pytest.mark.parametrize("case", COX)
def test_pooled_coefficients_are_those_of_mice(case: str, r_values: Values) -> None:
    out = r_values(FILE)[case]
    pooled = pool(out["estimates"], out["covariances"], n_complete_df=out["dfcom"][0])
    for ours, theirs in NAMES.items():
        np.testing.assert_allclose(getattr(pooled, ours), out[theirs], rtol=EXACT, err_msg=ours)
    np.testing.assert_allclose(np.diagonal(pooled.covariance), out["t"], rtol=EXACT)
    variances = np.diagonal(out["covariances"], axis1=1, axis2=2)
    alone = pool(out["estimates"], variances, n_complete_df=out["dfcom"][0])
    assert alone.covariance is None
    np.testing.assert_array_equal(alone.p, pooled.p)


@pytest.mark.parametrize(("case", "df"), [("scalar", None), ("scalar_n", 36)])
def test_a_single_quantity_is_that_of_mice(case: str, df: int | None, r_values: Values) -> None:
    out = r_values(FILE)[case]
    pooled = pool(out["Q"], out["U"], n_complete_df=df)
    for ours, theirs in (("estimate", "qbar"), ("within", "ubar"), ("between", "b")):
        np.testing.assert_allclose(getattr(pooled, ours), out[theirs], rtol=EXACT)
    for ours, theirs in (("variance", "t"), ("df", "df"), ("riv", "r"), ("fmi", "fmi")):
        np.testing.assert_allclose(getattr(pooled, ours), out[theirs], rtol=EXACT)


@pytest.mark.parametrize("case", ["d1_cox", "d1_cox_large", "d1_linear", "d1_two"])
def test_several_coefficients_are_tested_as_in_mice(case: str, r_values: Values) -> None:
    out = r_values(FILE)[case]
    test = pooled_wald(out["estimates"], out["covariances"], n_complete_df=out.get("dfcom"))
    got = (test.statistic, test.df1, test.df2, test.p, test.riv)
    want = [out[name] for name in ("F", "df1", "df2", "p", "riv")]
    np.testing.assert_allclose(got, want, rtol=1e-10)


@pytest.mark.parametrize("case", ["d2_cox", "d2_linear"])
def test_statistics_alone_are_pooled_as_in_mice(case: str, r_values: Values) -> None:
    out = r_values(FILE)[case]
    estimates, covariances = np.array(out["estimates"]), np.array(out["covariances"])
    chi = [q @ np.linalg.solve(u, q) for q, u in zip(estimates, covariances, strict=True)]
    test = pooled_chi_squared(chi, 2)
    got = (test.statistic, test.df1, test.df2, test.p, test.riv)
    want = [out[name] for name in ("F", "df1", "df2", "p", "riv")]
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_by_hand() -> None:
    # Within 2, between 2, total 2 + 3/2 * 2 = 5, of which the gaps make 3.
    pooled = pool([0.0, 2.0], [1.0, 3.0])
    assert pooled.estimate[0] == 1
    assert (pooled.within[0], pooled.between[0], pooled.variance[0]) == (2, 2, 5)
    assert pooled.share_between[0] == pytest.approx(3 / 5)
    assert pooled.df[0] == pytest.approx(1 / (3 / 5) ** 2)
    assert pooled.riv[0] == pytest.approx(1.5)
    assert pooled.fmi[0] == pytest.approx((1.5 + 2 / (25 / 9 + 3)) / 2.5)


def test_estimates_that_agree_are_the_estimate() -> None:
    pooled = pool(np.ones((5, 1)), np.full((5, 1), 4.0), n_complete_df=20)
    assert pooled.std_err[0] == 2
    assert pooled.fmi[0] == pytest.approx(2 / (pooled.df[0] + 3))
    assert pooled.df[0] == pytest.approx(21 / 23 * 20)
    large = pool(np.ones((5, 1)), np.full((5, 1), 4.0))
    assert np.isinf(large.df[0])
    assert large.upper[0] == pytest.approx(1 + stats.norm.ppf(0.975) * 2)
    assert large.fmi[0] == 0
    known = pool(np.zeros((3, 1)), np.zeros((3, 1)))  # a coefficient held at 0
    assert known.variance[0] == 0
    assert known.share_between[0] == 0


def test_a_quantity_that_is_missing_once_is_missing() -> None:
    pooled = pool([[1.0, 2.0], [np.nan, 2.5]], [[1.0, 1.0], [1.0, 1.0]])
    for name in ("estimate", "std_err", "df", "riv", "share_between", "fmi", "lower", "p"):
        assert np.isnan(getattr(pooled, name)[0])
        assert np.isfinite(getattr(pooled, name)[1])


@settings(deadline=None)
@given(
    st.floats(0.001, 0.999),
    st.integers(2, 60),
    st.floats(1, 1e6),
    st.floats(1.01, 10),
)
def test_degrees_of_freedom_keep_barnard_and_rubins_promises(
    share: float, m: int, complete: float, more: float
) -> None:
    lam = np.array([share])
    df = degrees_of_freedom(lam, m, complete)[0]
    assert 0 < df <= complete
    assert df <= degrees_of_freedom(lam, m, np.inf)[0]
    assert df < degrees_of_freedom(lam, m, complete * more)[0]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_scale_and_order_do_not_matter(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(4, 3))
    spread = np.array([part @ part.T for part in rng.normal(size=(4, 3, 5))])
    one = pool(found, spread, n_complete_df=30)
    other = pool(found[::-1] * factor, spread[::-1] * factor**2, n_complete_df=30)
    np.testing.assert_allclose(other.lower, one.lower * factor)
    np.testing.assert_allclose(other.p, one.p)
    np.testing.assert_allclose(other.covariance, one.covariance * factor**2)
    test, again = pooled_wald(found, spread), pooled_wald(found[::-1] * factor, spread * factor**2)
    mixed = np.array([[1.0, 0.3, 0], [0, 2, 1], [1, 0, -1]])
    turned = pooled_wald(found @ mixed.T, mixed @ spread @ mixed.T)
    assert (turned.statistic, turned.df2) == pytest.approx((test.statistic, test.df2))
    assert again.p == pytest.approx(test.p)


def test_one_coefficient_is_tested_as_by_its_t() -> None:
    found, spread = np.array([0.4, 0.7, 0.1, 0.5]), np.array([0.1, 0.2, 0.1, 0.15])
    pooled, test = pool(found, spread), pooled_wald(found[:, None], spread[:, None, None])
    assert test.statistic == pytest.approx(pooled.statistic[0] ** 2)
    assert test.riv == pytest.approx(pooled.riv[0])


def test_a_test_without_gaps_is_the_chi_squared() -> None:
    found, spread = np.tile([0.5, -0.3], (6, 1)), np.tile(np.diag([0.04, 0.09]), (6, 1, 1))
    test = pooled_wald(found, spread)
    assert np.isinf(test.df2)
    assert test.p == pytest.approx(stats.chi2.sf(0.25 / 0.04 + 0.09 / 0.09, 2))
    flat = pooled_chi_squared([5.0, 5.0, 5.0], 2)
    assert flat.p == pytest.approx(stats.chi2.sf(5, 2))
    assert 3.9 < pooled_wald(found, spread, n_complete_df=3).df2 <= 4


@pytest.mark.parametrize("scale", ["plain", "log", "logit", "cloglog"])
def test_pooling_on_a_scale_is_pooling_what_was_moved(scale: Any) -> None:
    p, se = np.array([0.2, 0.3, 0.25]), np.array([0.05, 0.06, 0.04])
    forth = {
        "plain": lambda x: x,
        "log": np.log,
        "logit": lambda x: np.log(x / (1 - x)),
        "cloglog": lambda x: np.log(-np.log(1 - x)),
    }[scale]
    step = 1e-6
    slope = (forth(p + step) - forth(p - step)) / (2 * step)
    by_hand = pool(forth(p), (slope * se) ** 2)
    pooled = pool_on_scale(p, se, scale)
    np.testing.assert_allclose(forth(pooled.estimate), by_hand.estimate)
    np.testing.assert_allclose(forth(pooled.lower), by_hand.lower, rtol=1e-6)
    np.testing.assert_allclose(forth(pooled.upper), by_hand.upper, rtol=1e-6)
    assert pooled.lower[0] < pooled.estimate[0] < pooled.upper[0]
    assert pooled.std_err[0] == pytest.approx(0.06, abs=0.02)


def test_at_the_edge_of_a_scale_there_is_a_mean_and_no_interval() -> None:
    pooled = pool_on_scale([[0.0, 0.4], [0.1, 0.5]], [[0.0, 0.1], [0.1, 0.1]], "cloglog")
    assert pooled.estimate[0] == pytest.approx(0.05)
    assert np.isnan([pooled.std_err[0], pooled.lower[0], pooled.upper[0]]).all()
    assert np.isfinite([pooled.std_err[1], pooled.lower[1], pooled.upper[1]]).all()


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: pool([[1.0]], [[1.0]]), "cannot be pooled"),
        (lambda: pool(np.ones((3, 2)), np.ones((3, 3))), "do not fit"),
        (lambda: pool(np.ones((3, 2)), np.ones((2, 2))), "do not fit"),
        (lambda: pool(np.ones((3, 2)), -np.ones((3, 2))), "below 0"),
        (lambda: pool(np.full((3, 2), np.inf), np.ones((3, 2))), "infinite"),
        (lambda: pool([[1.0], ["a"]], [[1.0], [1.0]]), "numbers"),
        (lambda: pool([1.0, 2.0], [1.0, 1.0], n_complete_df=0), "degrees of freedom"),
        (lambda: pool([1.0, 2.0], [1.0, 1.0], level=95), "level"),
        (lambda: pool_on_scale([0.1, 1.2], [0.1, 0.1], "logit"), "outside 0 to 1"),
        (lambda: pool_on_scale([0.1, 0.2], [-0.1, 0.1], "logit"), "below 0"),
        (lambda: pool_on_scale([0.1, 0.2], [0.1, 0.1], "probit"), "no such scale"),
        (lambda: pooled_wald([[1.0], [2.0]], [[1.0], [1.0]]), "without missing"),
        (lambda: pooled_chi_squared([1.0, -1.0], 1), "at least 0"),
    ],
)
def test_what_cannot_be_pooled_is_refused(call: Callable[[], Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        call()


def test_coefficients_that_are_one_cannot_be_tested() -> None:
    with pytest.raises(FitError, match="no inverse"):
        pooled_wald(np.ones((3, 2)), np.ones((3, 2, 2)))
