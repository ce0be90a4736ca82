"""Firth's penalty against maxima of R's own likelihoods; both sides are converged to about 1e-9."""

from __future__ import annotations

from typing import Any

import numpy as np
from reference import Case, against, agree_with_summary
from scipy import special

from gmts_models.stats.cox.firth import fit_cox_firth
from gmts_models.stats.regression.firth import FirthFit
from gmts_models.stats.regression.firth_logistic import fit_firth_logistic
from gmts_models.stats.regression.glm import fit_glm

FIRTH = 1e-7
"""Relative; ten to a hundred times closer than the reference states its own precision."""


def _agree(case: Case, fit: FirthFit) -> None:
    want = {
        "coef": fit.coefficients,
        "var": fit.covariance,
        "se": np.sqrt(np.diag(fit.covariance)),
        "loglik_at_estimate": fit.log_likelihood,
        "penalised_loglik": fit.penalised_log_likelihood,
        "profile_lower": fit.lower,
        "profile_upper": fit.upper,
        "profile_lr": fit.statistic,
        "profile_p": fit.p,
    }
    for name, ours in want.items():
        case.agree(name, ours, case.out[name], rtol=FIRTH, atol=1e-9)
    assert fit.score_length < 1e-9


@against(
    "h_firth_turnover",
    "cox_monotone_breslow",
    "cox_monotone_efron",
    "cox_regular_breslow",
    "cox_single",
    estimator="fit_cox_firth",
)
def cox(case: Case) -> None:
    d, names = case.data(), case.out["coef_names"]
    fit = fit_cox_firth(
        d[names],
        d["stag"],
        d["event"] == 1,
        ties="efron" if case.name.endswith("efron") else "breslow",
    )
    _agree(case, fit)
    null = fit.penalised_log_likelihood_null
    case.agree("penalised_loglik_null", null, case.out["penalised_loglik_null"], rtol=FIRTH)
    case.agree("lr", fit.overall_statistic, case.out["lr"], rtol=FIRTH)
    case.agree("lr_p", fit.overall_p, case.out["lr_p"], rtol=FIRTH)


def _design(case: Case, names: list[str]) -> Any:
    d = case.data()
    return np.column_stack([np.ones(len(d)), d[names]]), d


@against("h_firth_turnover", "logit_separated", estimator="fit_firth_logistic")
@against("h_firth_logit_endometrial", "separated", "subset_two", estimator="fit_firth_logistic")
def logistic(case: Case) -> None:
    X, d = _design(case, case.out["coef_names"][1:])
    fit = fit_firth_logistic(X, d["HG" if "HG" in d else "event"])
    _agree(case, fit)
    fitted = special.expit(X @ fit.coefficients)
    agree_with_summary(case, "fitted", fitted, case.out["fitted"], rtol=FIRTH)


@against("h_firth_logit_endometrial", "ml_glm_not_separated", estimator="fit_glm")
def unpenalised(case: Case) -> None:
    X, d = _design(case, ["PI", "EH"])
    fit = fit_glm(X, d["HG"], link="logit")
    case.agree("coef", fit.coefficients, case.out["coef"], rtol=FIRTH)
    case.agree("var", fit.covariance, case.out["var"], rtol=FIRTH)
    case.agree("loglik", fit.log_likelihood, case.out["loglik"], rtol=FIRTH)
