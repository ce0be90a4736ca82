"""Parametric survival against R's ``survreg``: every figure of every case.

All cases but those with late entry come from ``survreg`` with rel.tolerance 1e-13; the ones with
late entry from the likelihood written out in R and ``nlm``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from reference import Case, against, agree_with_summary
from scipy import stats

from gmts_models.stats.parametric.fit import ParametricFit, fit_parametric, likelihood_ratio
from gmts_models.stats.parametric.observations import (
    Observations,
    interval_censored,
    right_censored,
)
from gmts_models.stats.parametric.predict import predict_quantile, predict_time
from gmts_models.stats.parametric.residuals import Residuals, residuals

# Both sides iterate to the last digits; what is left is the rounding of ill-scaled inverses.
CLOSE = 1e-8
WRITTEN_OUT = 1e-6
"""Of cases with late entry: R's own gradient there is up to 1e-5."""


@against(
    "e_survreg_lung",
    *(
        f"dist_{name}"
        for name in (
            "weibull",
            "exponential",
            "lognormal",
            "loglogistic",
            "gaussian",
            "logistic",
            "rayleigh",
            "extreme",
        )
    ),
    *(f"intercept_only_{name}" for name in ("weibull", "lognormal", "loglogistic", "exponential")),
    "weibull_strata_scale",
    "weibull_weights",
    "weibull_fixed_scale_1_5",
    "weibull_cluster_inst",
    "lognormal_robust",
    "weibull_offset",
    estimator="fit_parametric",
)
def lung(case: Case) -> None:
    d = case.data()
    rows = right_censored(
        d["time"],
        d["status"],
        weights=d["w"] if case.name == "weibull_weights" else None,
        strata=d["female"] if case.name == "weibull_strata_scale" else None,
        clusters=d["inst"] if case.name == "weibull_cluster_inst" else None,
    )
    _agree(
        case,
        rows,
        offset=d["off"] if case.name == "weibull_offset" else None,
        scale=1.5 if case.name == "weibull_fixed_scale_1_5" else None,
        robust=case.name == "lognormal_robust",
    )


@against(
    "e_survreg_turnover",
    "dist_weibull",
    "dist_exponential",
    "dist_lognormal",
    "dist_loglogistic",
    estimator="fit_parametric",
)
def turnover(case: Case) -> None:
    d = case.data()
    _agree(case, right_censored(d["stag"], d["event"]))


@against("e_survreg_left_tobin", "tobit_gaussian_left", "logistic_left", estimator="fit_parametric")
def tobin(case: Case) -> None:
    d = case.data()
    durable = d["durable"].to_numpy(float)
    _agree(case, interval_censored(np.where(durable > 0, durable, np.nan), durable))


@against(
    "e_survreg_interval",
    "interval2_weibull",
    "interval2_exponential",
    "interval2_lognormal",
    "interval2_loglogistic",
    "interval2_group_weibull",
    "interval2_group_lognormal",
    "interval2_group_loglogistic",
    estimator="fit_parametric",
)
def interval(case: Case) -> None:
    d = case.data()
    _agree(case, interval_censored(d["left"], d["right"]))


@against(
    "e_aft_lefttrunc_physicians",
    "left_truncated_weibull",
    "left_truncated_lognormal",
    "left_truncated_loglogistic",
    estimator="fit_parametric",
)
def late_entry(case: Case) -> None:
    d, out = case.data(), case.out
    X = d[out["coef_names"][1:-1]].to_numpy(float)
    fit = fit_parametric(X, right_censored(d["exit"], d["event"], d["entry"]), case.name[15:])
    case.agree("coefficients", fit.coefficients, out["coef"], rtol=WRITTEN_OUT)
    case.agree("scale", fit.scale[0], out["scale"], rtol=WRITTEN_OUT)
    case.agree("covariance", fit.covariance, out["var"], rtol=WRITTEN_OUT)
    case.agree("log-likelihood", fit.log_likelihood, out["loglik"])
    # `gradient` is the largest entry of R's own; it is the more exact result whose is smaller.
    assert np.abs(fit.gradient).max() < 1e-10 < out["gradient"] < 1e-4
    case.agree("gradient", np.abs(fit.gradient).max(), out["gradient"], atol=1e-4)


def _agree(case: Case, rows: Observations, **options: Any) -> None:
    out = case.out
    d = case.data()
    X = d[[name for name in out["coef_names"] if name != "(Intercept)"]].to_numpy(float)
    fit = fit_parametric(X, rows, out["dist"], **options)
    case.agree("n", len(rows), out["n"])
    case.agree("coefficients", fit.coefficients, out["coef"], rtol=CLOSE)
    scales = out["scale"].values() if isinstance(out["scale"], dict) else [out["scale"]]
    case.agree("scale", fit.scale, list(scales), rtol=CLOSE)
    case.agree("covariance", fit.covariance, out["var"], rtol=CLOSE)
    if "naive_var" in out:
        case.agree("naive covariance", fit.naive_covariance, out["naive_var"], rtol=CLOSE)
    case.agree("log-likelihood", fit.log_likelihood, out["loglik"])
    case.agree("null log-likelihood", fit.log_likelihood_null, out["loglik_null"])
    case.agree("parameters", fit.parameters, out["df"])
    case.agree("aic", fit.aic, out["aic"])
    case.agree(
        "chi-squared", likelihood_ratio(fit).statistic, out["lrchisq"], rtol=CLOSE, atol=1e-9
    )
    _agree_table(case, fit)
    if "new" in out:
        _agree_prediction(case, fit)
    if "resid" in out:
        _agree_residuals(case, fit, X, rows, options.get("offset"))


def _agree_table(case: Case, fit: ParametricFit) -> None:
    """R's table: value, standard error (and the naive one), z, p."""
    table = case.out["coef_table"]
    value = np.concatenate([fit.coefficients, [] if fit.scale_is_fixed else np.log(fit.scale)])
    error = np.sqrt(np.diag(fit.covariance))
    columns = [value, error]
    if "naive_var" in case.out:
        columns.append(np.sqrt(np.diag(fit.naive_covariance)))
    z = value / error
    columns += [z, 2 * stats.norm.sf(np.abs(z))]
    assert len(table["cols"]) == len(columns)
    case.agree("table", np.array(columns)[:-1].T, np.array(table["m"])[:, :-1], rtol=CLOSE)
    # A p far out in the tail multiplies the rounding of z by z squared.
    case.agree("p", columns[-1], np.array(table["m"])[:, -1], rtol=1e-6, atol=1e-300)


def _agree_prediction(case: Case, fit: ParametricFit) -> None:
    new = case.out["new"]
    names = [name for name in case.out["coef_names"] if name != "(Intercept)"]
    X = np.column_stack([new["newdata"][name] for name in names]).astype(float)
    at = predict_time(fit, X)
    case.agree("response", at.estimate, new["response"], rtol=CLOSE)
    case.agree("response, error", at.std_err, new["response_se"], rtol=CLOSE)
    full = np.hstack([np.ones((len(X), 1)), X])
    q = full.shape[1]
    case.agree("linear predictor", full @ fit.coefficients, new["lp"], rtol=CLOSE)
    error = np.sqrt(np.einsum("ij,jk,ik->i", full, fit.covariance[:q, :q], full))
    case.agree("linear predictor, error", error, new["lp_se"], rtol=CLOSE)
    quantile = predict_quantile(fit, X, new["p"])
    case.agree("quantiles", quantile.estimate, new["quantile"], rtol=CLOSE)
    case.agree("quantiles, errors", quantile.std_err, new["quantile_se"], rtol=CLOSE)


def _agree_residuals(
    case: Case, fit: ParametricFit, X: Any, rows: Observations, offset: Any
) -> None:
    want, got = case.out["resid"], residuals(fit, X, rows, offset=offset)
    if case.file == "e_survreg_interval":
        got = _as_r_has_them(fit, X, rows, got)
    agree_with_summary(case, "deviance", got.deviance, want["deviance"], rtol=1e-7)
    agree_with_summary(case, "response", got.response, want["response"], rtol=CLOSE)
    for j in range(got.dfbeta.shape[1]):
        part = {
            key: value if key == "n" else np.asarray(value)[..., j]
            for key, value in want["dfbeta"].items()
            if key != "colnames"
        }
        agree_with_summary(case, f"dfbeta {j}", got.dfbeta[:, j], part, rtol=1e-7)


def _as_r_has_them(fit: ParametricFit, X: Any, rows: Observations, got: Residuals) -> Residuals:
    """Put R's residuals of intervals in the place of the right ones (survival 3.5-3).

    In ``residuals.survreg`` the derivative in log scale of an interval has the wrong sign, so that
    R's dfbeta do not sum to 0. ``survreg.distributions$extreme$deviance`` takes the saturated
    log-likelihood for ``-temp + log(1 - exp(-exp(width)))``, where the maximum is
    ``-temp + log(1 - exp(-width))``, and its place for ``y - log(temp)``, where it is
    ``y - scale * log(temp)``; temp is ``width / (exp(width) - 1)``.
    tests/stats/parametric/test_residuals.py shows which is right.
    """
    between = (rows.lower > 0) & np.isfinite(rows.upper) & ~rows.seen
    assert between.sum() > 100
    score = got.score.copy()
    score[between, -1] *= -1
    got = replace(got, score=score, dfbeta=score @ fit.naive_covariance)
    if fit.family != "weibull":
        return got
    eta = fit.coefficients[0] + X @ fit.coefficients[1:]
    low, high = np.log(rows.lower[between]), np.log(rows.upper[between])
    width = (high - low) / fit.scale[0]
    temp = width / np.expm1(width)
    deviance, response = got.deviance.copy(), got.response.copy()
    right = -temp + np.log(-np.expm1(-width))
    theirs = -temp + np.log1p(-np.exp(-np.exp(width)))
    gain = np.square(deviance[between]) / 2 + theirs - right
    deviance[between] = np.sign(deviance[between]) * np.sqrt(2 * gain)
    response[between] = np.exp(low - np.log(temp)) - np.exp(eta[between])
    return replace(got, deviance=deviance, response=response)
