"""Discrete-time hazards against glm, sandwich and nnet."""

from __future__ import annotations

from typing import Any

import numpy as np
from reference import CLOSED_FORM, ITERATED, Case, against, agree_with_summary

from gmts_models.outcome import Bools, Floats
from gmts_models.stats.hazards.discrete_hazard import (
    DiscreteHazard,
    cause_hazards,
    discrete_hazard,
    discrete_hazard_at,
    survival_of,
)
from gmts_models.stats.hazards.period_design import Baseline, hazard_design
from gmts_models.stats.hazards.person_periods import person_periods
from gmts_models.stats.regression.glm import fit_glm
from gmts_models.stats.regression.glm_residuals import (
    deviance_residuals,
    null_deviance,
    pearson_residuals,
)


def _linear(t: Floats) -> Floats:
    return np.column_stack([np.ones_like(t), t])


def _quadratic(t: Floats) -> Floats:
    return np.column_stack([np.ones_like(t), t, t**2])


def _log(t: Floats) -> Floats:
    return np.column_stack([np.ones_like(t), np.log(t)])


def _six(t: Floats) -> Floats:
    return np.column_stack([np.ones_like(t), np.equal.outer(np.minimum(t, 6), np.arange(2, 7))])


TENURE: dict[str, tuple[Baseline | None, Any]] = {
    "logit_period_factor": (None, "logit"),
    "cloglog_period_linear": (_linear, "cloglog"),
    "logit_period_quadratic": (_quadratic, "logit"),
}
UNEMPLOYMENT: dict[str, tuple[Baseline, Any, list[str]]] = {
    "logit_logt": (_log, "logit", ["ui", "reprate", "logwage", "tenure"]),
    "cloglog_period_factor6": (_six, "cloglog", ["ui", "logwage"]),
    "cluster_robust_id": (_log, "logit", ["ui", "logwage"]),
}


def _agree_with_glm(
    case: Case,
    got: DiscreteHazard,
    time: tuple[Floats, Bools],
    X: Floats,
    until: int | None,
    *,
    intercept: bool,
) -> None:
    out, p = case.out, len(got.coefficients)
    case.agree("coef", got.coefficients, out["coef"], rtol=ITERATED)
    case.agree("var", got.covariance, out["var"], rtol=ITERATED, atol=1e-11)
    case.agree("se", np.sqrt(np.diag(got.covariance)), out["se"], rtol=ITERATED)
    case.agree("deviance", got.deviance, out["deviance"], rtol=CLOSED_FORM)
    case.agree("loglik", got.log_likelihood, out["loglik"], rtol=CLOSED_FORM)
    case.agree("aic", 2 * p - 2 * got.log_likelihood, out["aic"], rtol=CLOSED_FORM)
    bic = p * np.log(got.person_periods) - 2 * got.log_likelihood
    case.agree("bic", bic, out["bic"], rtol=CLOSED_FORM)
    case.agree("df_residual", got.person_periods - p, out["df_residual"])
    cut = person_periods(*time, until=until)
    y = cut.event != 0
    case.agree(
        "null_deviance",
        null_deviance(y, link=got.link, intercept=intercept),
        out["null_deviance"],
        rtol=CLOSED_FORM,
    )
    fit = fit_glm(hazard_design(X, cut, got.baseline), y, link=got.link)
    for name, values in (
        ("fitted", fit.mean),
        ("resid_deviance", deviance_residuals(fit, y)),
        ("resid_pearson", pearson_residuals(fit, y)),
    ):
        agree_with_summary(case, name, values, out[name], rtol=ITERATED)


@against("i_discrete_tenure", *TENURE, estimator="discrete_hazard")
def tenure(case: Case) -> None:
    data = case.data()
    baseline, link = TENURE[case.name]
    time = data["years"].to_numpy(float), data["event"].to_numpy() == 1
    X = np.zeros((len(data), 0))
    until = 9 if baseline is None else None
    got = discrete_hazard(X, *time, link=link, baseline=baseline, until=until)
    _agree_with_glm(case, got, time, X, until, intercept=baseline is not None)
    if baseline is None:
        hazard = discrete_hazard_at(got, np.zeros((1, 0)), np.arange(1, 10)).hazard
        case.agree("hazard", hazard[0], case.out["hazard"], rtol=CLOSED_FORM)
        case.agree("survival", survival_of(hazard)[0], case.out["survival"], rtol=CLOSED_FORM)
        return
    new = case.out["new"]
    at = discrete_hazard_at(got, np.zeros((1, 0)), new["newdata"]["period"])
    case.agree("link", at.linear_predictor[0], new["link"], rtol=ITERATED)
    case.agree("link_se", at.std_err[0], new["link_se"], rtol=ITERATED)
    case.agree("prob", at.hazard[0], new["prob"], rtol=ITERATED)


@against("i_discrete_unemployment", *UNEMPLOYMENT, estimator="discrete_hazard")
def unemployment(case: Case) -> None:
    data = case.data()
    baseline, link, columns = UNEMPLOYMENT[case.name]
    # R truncates the spells first, so that someone who left later counts as having left at 28.
    time = np.minimum(data["spell"].to_numpy(float), 28), data["cause"].to_numpy() == 1
    X = data[columns].to_numpy(float)
    if case.name == "cluster_robust_id":
        got = discrete_hazard(X, *time, clusters=data["id"], baseline=baseline)
        case.agree("vcov", got.covariance, case.out["vcov"], rtol=ITERATED)
        return
    got = discrete_hazard(X, *time, link=link, baseline=baseline)
    _agree_with_glm(case, got, time, X, None, intercept=True)
    if "new" in case.out:
        new = case.out["new"]
        people = np.column_stack([new["newdata"][each] for each in columns])
        at = discrete_hazard_at(got, people, np.exp(new["newdata"]["lt"]))
        case.agree("link", np.diag(at.linear_predictor), new["link"], rtol=ITERATED)
        case.agree("link_se", np.diag(at.std_err), new["link_se"], rtol=ITERATED)
        case.agree("prob", np.diag(at.hazard), new["prob"], rtol=ITERATED)


@against("i_discrete_unemployment", "multinomial_cause", estimator="cause_hazards")
def causes(case: Case) -> None:
    data = case.data()
    spell = np.minimum(data["spell"].to_numpy(float), 28)
    got = cause_hazards(data[["ui"]].to_numpy(float), spell, data["cause"], baseline=_log)
    out = case.out
    case.agree("coef", got.coefficients, out["coef"], rtol=ITERATED)
    se = np.sqrt(np.diag(got.covariance)).reshape(got.coefficients.shape)
    case.agree("se", se, out["se"], rtol=ITERATED)
    case.agree("loglik", got.log_likelihood, out["loglik"], rtol=CLOSED_FORM)
    assert got.log_likelihood >= out["loglik"] - 1e-9
