"""Fine-Gray and cause-specific regression against cmprsk, survival and riskRegression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd
from check_cox import columns_of, compare_fit
from reference import Case, against

from gmts_models.stats.competing import cause_specific_prediction
from gmts_models.stats.competing.cause_specific import CauseSpecificFit, fit_cause_specific
from gmts_models.stats.competing.cause_specific_prediction import (
    absolute_risk_limits,
    predict_absolute_risk,
)
from gmts_models.stats.competing.fine_gray import (
    FineGrayFit,
    fine_gray_covariance,
    fit_fine_gray,
)
from gmts_models.stats.competing.fine_gray_prediction import predict_fine_gray
from gmts_models.stats.competing.fine_gray_variance import score_influence
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.cox.inference import robust_score_test
from gmts_models.stats.cox.residuals import (
    risk_set_means,
    schoenfeld_residuals,
    score_residuals,
)

Floats = npt.NDArray[np.float64]
MGUS2 = ("age10", "male", "hgb", "mspike")
UNEMPLOYMENT = ("ui", "reprate", "logwage", "tenure", "age")
FIT = 1e-8
"""Relative, for what follows from coefficients that R iterates to."""
LOOSE_FIT = 1e-6
"""Relative, where crr was called with a loose gtol."""


# crr


@against("c_finegray_mgus2", "crr_cause1", estimator="fit_fine_gray")
def crr_pcm(case: Case) -> None:
    _crr(case, _crr_fit(case, MGUS2, "etime", 1))


@against("c_finegray_mgus2", "crr_cause2", estimator="fit_fine_gray")
def crr_death(case: Case) -> None:
    _crr(case, _crr_fit(case, MGUS2, "etime", 2))


@against("c_finegray_mgus2", "crr_cause1_cengroup_male", estimator="fit_fine_gray")
def crr_by_sex(case: Case) -> None:
    """Compare the variance with what R makes of several groups."""
    fit = _crr_fit(case, MGUS2, "etime", 1, groups="male")
    _crr(case, fit, _variance_as_crr(fit))


def _variance_as_crr(fit: FineGrayFit) -> Floats:
    """Return crr's variance with cengroup, which is wrong (cmprsk 2.2-11).

    In q(u) of a group, the integral over the subdistribution's hazard, crr counts only departures
    of people of that group, as if those of the others had moved nobody's score. Ours counts all
    and is the derivative by case weights (test_fine_gray.py).
    """
    rows, groups, cox = fit.seen.rows, fit.seen.groups, fit.cox
    grid, centred = cox.data.grid, fit.X - cox.data.rows.centre
    mean = risk_set_means(cox).at_departure
    psi = np.zeros_like(fit.X)
    for group, curve in enumerate(fit.curves):
        member = groups == group
        own = rows.exit[member & (rows.event == fit.cause)]
        hazard = np.array([(own == time).sum() for time in grid.time]) / cox.likelihood.at.at_risk
        gone = np.flatnonzero(member & (rows.event > 0) & (rows.event != fit.cause))
        left_at = rows.exit[gone]
        now = np.searchsorted(curve.time, grid.time, side="left")
        then = np.searchsorted(curve.time, left_at, side="left")[:, None]
        weight = np.where(
            (grid.time > left_at[:, None]) & (curve.lost[now] == curve.lost[then]),
            np.exp(curve.log[now] - curve.log[then]) * hazard,
            0.0,
        )
        weight *= np.exp(centred[gone] @ fit.coefficients)[:, None]
        moved = weight[:, :, None] * (centred[gone][:, None] - mean)
        q = np.array([moved[left_at < c][:, grid.time >= c].sum(axis=(0, 1)) for c in curve.time])
        jump = q / curve.at_risk[:, None]
        through = np.cumsum(jump * (curve.censored / curve.at_risk)[:, None], axis=0)
        passed = np.searchsorted(curve.time, rows.exit[member], side="right")
        psi[member] -= np.vstack([np.zeros(fit.X.shape[1]), through])[passed]
        lost = member & fit.seen.ends
        psi[lost] += jump[np.searchsorted(curve.time, rows.exit[lost])]
    eta = score_influence(cox, fit.seen, fit.curves, fit.weighted, "known")
    each = (eta + psi) @ cox.covariance
    return np.asarray(each.T @ each)


@against("c_competing_unemployment", "crr_fulltime", estimator="fit_fine_gray")
def crr_fulltime(case: Case) -> None:
    _crr(case, _crr_fit(case, UNEMPLOYMENT, "spell", 1), tol=LOOSE_FIT)


@against("c_competing_unemployment", "crr_parttime", estimator="fit_fine_gray")
def crr_parttime(case: Case) -> None:
    _crr(case, _crr_fit(case, UNEMPLOYMENT, "spell", 2))


def _crr_fit(
    case: Case, columns: Sequence[str], time: str, cause: int, groups: str | None = None
) -> FineGrayFit:
    d = case.data()
    return fit_fine_gray(
        columns_of(d, columns),
        d[time],
        d["cause"],
        cause=cause,
        censoring_strata=None if groups is None else d[groups],
        ties="breslow",
        censoring_ties="together",
    )


def _crr(case: Case, fit: FineGrayFit, V: Floats | None = None, *, tol: float = FIT) -> None:
    out, cox = case.out, fit.cox
    V = fine_gray_covariance(fit, "crr") if V is None else V
    case.agree("n", len(fit.X), out["n"])
    case.agree("coefficients", fit.coefficients, out["coef"], rtol=tol)
    case.agree("log likelihood", cox.log_likelihood, out["loglik"])
    case.agree("null log likelihood", cox.log_likelihood_null, out["loglik_null"])
    case.agree("score at the maximum", cox.likelihood.gradient, out["score_at_end"], atol=1e-5)
    _agree_matrix(case, "information", cox.information, out["inf_inverse"], tol)
    _agree_matrix(case, "variance", V, out["var"], tol)
    case.agree("standard errors", np.sqrt(np.diag(V)), out["se"], rtol=tol)
    time = cox.data.grid.time
    case.agree("times, n", len(time), out["n_uftime"])
    case.agree("times", time[:5], out["uftime_first"])
    at_zero = np.exp(-cox.data.rows.centre @ fit.coefficients)
    jumps = cox.likelihood.at.hazard * at_zero
    # At columns of 0, far from the data: the coefficients' differences are multiplied.
    case.agree("baseline", jumps[:5], out["bfitj_first"], rtol=20 * tol)
    case.agree("baseline, sum", jumps.sum(), out["bfitj_sum"], rtol=20 * tol)
    _agree_scores(case, cox, out["res"], tol)
    if "predict" in out:
        want = out["predict"]
        got = predict_fine_gray(fit, want["newx"], want["time"]).T
        case.agree("incidence", got, want["cif"], rtol=tol)


def _agree_scores(case: Case, cox: CoxFit, want: dict[str, Any], tol: float) -> None:
    """Compare the contributions to the score, by time."""
    residuals = schoenfeld_residuals(cox)
    time = cox.data.grid.time
    got = np.zeros((len(time), len(cox.coefficients)))
    np.add.at(got, np.searchsorted(time, residuals.time), residuals.residual)
    size = np.sqrt(np.array(want["sumsq"]) / want["n"])
    for name, ours in (("first", got[:5]), ("last", got[-5:])):
        case.agree(f"scores, {name}", ours / size, np.array(want[name]) / size, rtol=tol, atol=tol)
    case.agree("scores, sum", got.sum(axis=0), want["sum"], atol=1e-5)  # what is left of 0
    case.agree("scores, sumsq", np.square(got).sum(axis=0), want["sumsq"], rtol=tol)


def _agree_matrix(case: Case, what: str, got: Floats, want: Any, tol: float) -> None:
    size = np.sqrt(np.outer(np.diag(want), np.diag(want)))
    case.agree(what, got / size, np.array(want) / size, rtol=tol, atol=tol)


# finegray


def _finegray(d: pd.DataFrame, columns: Sequence[str], **options: Any) -> FineGrayFit:
    return fit_fine_gray(columns_of(d, columns), d["etime"], d["cause"], **options)


@against("c_finegray_mgus2", "finegray_expand_pcm", estimator="fit_fine_gray")
def expand(case: Case) -> None:
    """Rows, times and weights; ids count from 1."""
    out, rows = case.out, _finegray(case.data(), MGUS2).weighted
    case.agree("rows", len(rows.row), out["nrow"])
    case.agree("sum of weights", rows.weight.sum(), out["sum_wt"])
    case.agree("departures", rows.left.sum(), out["events"])
    kept = {
        "id": rows.row + 1,
        "fgstart": rows.entry,
        "fgstop": rows.exit,
        "fgstatus": rows.left,
        "fgwt": rows.weight,
    }
    number = len(out["first"]["id"])
    person = np.flatnonzero(rows.row + 1 == out["one_person"]["id"][0])
    for name, values in kept.items():
        case.agree(f"first, {name}", values[:number], out["first"][name])
        case.agree(f"one person, {name}", values[person], out["one_person"][name])


@against("c_finegray_mgus2", "finegray_coxph_breslow_cause1", estimator="fit_fine_gray")
def finegray_pcm(case: Case) -> None:
    _coxph(case, _finegray(case.data(), MGUS2, ties="breslow"))


@against("c_finegray_mgus2", "finegray_coxph_breslow_cause2", estimator="fit_fine_gray")
def finegray_death(case: Case) -> None:
    _coxph(case, _finegray(case.data(), MGUS2, cause=2, ties="breslow"))


@against("c_finegray_mgus2", "finegray_coxph_efron_cause1", estimator="fit_fine_gray")
def finegray_efron(case: Case) -> None:
    """R was not told of people, so that each row stands for itself in its robust variance."""
    _coxph(case, _finegray(case.data(), MGUS2), by_row=True)


@against("c_competing_lefttrunc_weights", "finegray_left_truncated", estimator="fit_fine_gray")
def finegray_late(case: Case) -> None:
    d = case.data()
    _coxph(case, _finegray(d, MGUS2[:3], entry=d["entry"], ties="breslow"))


def _coxph(case: Case, fit: FineGrayFit, *, by_row: bool = False) -> None:
    out, data = case.out, fit.cox.data
    cox = fit.cox
    if by_row:
        cox = replace(cox, data=replace(data, given=replace(data.given, clusters=None)))
    else:
        V = fine_gray_covariance(fit, "known")
        _agree_matrix(case, "variance of known weights", V, out["var"], FIT)
    case.agree("n", len(fit.weighted.row), out["n"])
    case.agree("departures", data.grid.deaths.sum(), out["nevent"])
    means = np.array(out["means"])
    shown = means != 0  # R centres no column of 0 and 1
    case.agree("means", fit.X[fit.weighted.row].mean(axis=0)[shown], means[shown])
    case.agree("score statistic", cox.score_test, out["score_stat"], rtol=FIT)
    case.agree("robust score test", robust_score_test(cox).statistic, out["robust_score"])
    compare_fit(case, cox, out)


@against("c_finegray_mgus2", "finegray_cif_breslow_cause1", estimator="predict_fine_gray")
def finegray_incidence(case: Case) -> None:
    out = case.out
    fit = _finegray(case.data(), MGUS2, ties="breslow")
    got = predict_fine_gray(fit, columns_of(pd.DataFrame(out["newdata"]), MGUS2), out["time"])
    case.agree("incidence", got.T, out["cif"], rtol=FIT)


# Cause-specific


@against("c_causespecific_mgus2", "cause_specific_cox_1", estimator="fit_cause_specific")
def pcm(case: Case) -> None:
    _one_cause(case, _by_cause(case).fits[0])


@against("c_causespecific_mgus2", "cause_specific_cox_2", estimator="fit_cause_specific")
def death(case: Case) -> None:
    _one_cause(case, _by_cause(case).fits[1])


@against("c_competing_unemployment", "cause_specific_fulltime", estimator="fit_cause_specific")
def fulltime(case: Case) -> None:
    d = case.data()
    fit = fit_cause_specific(columns_of(d, UNEMPLOYMENT), d["spell"], d["cause"])
    _one_cause(case, fit.fits[0])


@against(
    "c_competing_unemployment", "cause_specific_parttime_breslow", estimator="fit_cause_specific"
)
def parttime(case: Case) -> None:
    d = case.data()
    fit = fit_cause_specific(columns_of(d, UNEMPLOYMENT), d["spell"], d["cause"], ties="breslow")
    _one_cause(case, fit.fits[1])


@against(
    "c_competing_lefttrunc_weights",
    "cause_specific_left_truncated",
    estimator="fit_cause_specific",
)
def pcm_late(case: Case) -> None:
    d = case.data()
    X = columns_of(d, MGUS2[:3])
    _one_cause(case, fit_cause_specific(X, d["etime"], d["cause"], d["entry"]).fits[0])


def _by_cause(case: Case, **options: Any) -> CauseSpecificFit:
    d = case.data()
    return fit_cause_specific(columns_of(d, MGUS2), d["etime"], d["cause"], **options)


def _one_cause(case: Case, cox: CoxFit) -> None:
    rows = cox.data.rows
    case.agree("n", len(cox.data.given), case.out["n"])
    case.agree("departures", cox.data.grid.deaths.sum(), case.out["nevent"])
    means = np.array(case.out["means"])
    shown = means != 0  # R centres no column of 0 and 1
    case.agree("means", rows.centre[shown], means[shown])
    case.agree("score statistic", cox.score_test, case.out["score_stat"], rtol=FIT)
    compare_fit(case, cox, case.out)


@against("c_causespecific_mgus2", "CSC_breslow", estimator="predict_absolute_risk")
def csc_breslow(case: Case) -> None:
    _csc(case, _by_cause(case, ties="breslow"))


@against("c_causespecific_mgus2", "CSC_efron", estimator="predict_absolute_risk")
def csc_efron(case: Case) -> None:
    _csc(case, _by_cause(case))


def _csc(case: Case, fit: CauseSpecificFit) -> None:
    """Coefficients, likelihoods, and risks in both of R's forms, with standard errors."""
    out = case.out
    new = columns_of(pd.DataFrame(out["newdata"]), MGUS2)
    left = predict_absolute_risk(fit, new, out["time"], form="left sum")
    product = predict_absolute_risk(fit, new, out["time"], form="product-limit")
    error = _errors_as_csc(fit, new, out["time"])
    for c, cox in enumerate(fit.fits):
        name, short = f"Cause {c + 1}", f"cause{c + 1}"
        case.agree(f"coefficients, {name}", cox.coefficients, list(out["coef"][name].values()))
        _agree_matrix(case, f"variance, {name}", cox.covariance, out["var"][name], FIT)
        both = [cox.log_likelihood_null, cox.log_likelihood]
        case.agree(f"log likelihoods, {name}", both, out["loglik"][name])
        want = out["risk_exponential"][short]
        case.agree(f"risk, {name}", left[:, :, c], want["cif"], rtol=FIT)
        case.agree(f"standard errors, {name}", error[:, :, c], want["se"], rtol=FIT)
        limit = out["risk_product_limit"][short]
        case.agree(f"product-limit risk, {name}", product[:, :, c], limit, rtol=FIT)


def _errors_as_csc(fit: CauseSpecificFit, new: Floats, times: Sequence[float]) -> Floats:
    """Return standard errors with what riskRegression 2022.11.28 makes of ties.

    It counts d departures at one time once in what a person moves the coefficients by, so that
    its IFbeta is not ``residuals(coxph, "dfbeta")``, and under Efron's method it moves hazards as
    Breslow's. Without ties it agrees with ours (test_cause_specific.py), and ours are the
    derivative by case weights, ties or not.
    """
    moved = {id(cox): _scores_once(cox) for cox in fit.fits}
    with (
        patch.object(cause_specific_prediction, "score_residuals", lambda cox: moved[id(cox)]),
        patch.object(cause_specific_prediction, "_through_hazard", _through_breslow),
    ):
        return absolute_risk_limits(fit, new, times, form="left sum").std_err


def _scores_once(cox: CoxFit) -> Floats:
    rows, S0, k = cox.data.rows, cox.likelihood.at.at_risk, len(cox.data.grid)
    sums = [np.bincount(rows.last, cox.likelihood.risk * x, k) for x in rows.X.T]
    mean = np.stack([np.cumsum(each[::-1])[::-1] for each in sums], axis=1) / S0[:, None]
    hazard = 1 / S0
    relative = (cox.likelihood.risk / rows.weights)[:, None]
    passed = np.cumsum(mean * hazard[:, None], axis=0)[rows.last]
    inner = relative * (passed - rows.X * np.cumsum(hazard)[rows.last][:, None])
    inner[rows.left] += rows.X[rows.left] - mean[rows.last[rows.left]]
    scores = np.zeros((len(cox.data.given), rows.X.shape[1]))
    scores[rows.order] = inner
    return scores


def _through_breslow(cox: CoxFit, at: slice, by_base: Floats, result: Floats) -> Floats:
    rows, hazard = cox.data.rows, cox.likelihood.at
    relative = (cox.likelihood.risk / rows.weights)[:, None]
    passed = np.cumsum(by_base * (hazard.hazard / hazard.at_risk)[:, None], axis=0)
    gone = relative * passed[rows.last]
    result[rows.order] -= gone
    died = np.flatnonzero(rows.left)
    result[rows.order[died]] += (by_base / hazard.at_risk[:, None])[rows.last[died]]
    return np.asarray(rows.X.T @ (rows.weights[:, None] * gone))


@against("c_causespecific_mgus2", "multistate_coxph", estimator="fit_cause_specific")
def multistate(case: Case) -> None:
    """A multi-state coxph from one state is the cause-specific fits, block by block.

    Its variance is robust, by person; there the scores of two causes of one person meet.
    """
    fit, out = _by_cause(case), case.out
    case.agree("coefficients", np.concatenate([c.coefficients for c in fit.fits]), out["coef"])
    moved = np.concatenate([score_residuals(cox) @ cox.covariance for cox in fit.fits], axis=1)
    _agree_matrix(case, "variance", moved.T @ moved, out["var"], FIT)
    both = [
        sum(cox.log_likelihood_null for cox in fit.fits),
        sum(cox.log_likelihood for cox in fit.fits),
    ]
    case.agree("log likelihoods", both, out["loglik"])
