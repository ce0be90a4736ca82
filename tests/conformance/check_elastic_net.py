"""Paths of elastic-net fits against glmnet's, which stops at a violation of about 1e-7."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from reference import CLOSED_FORM, ITERATED, Case, against
from scipy import special

from gmts_models.stats.cox.elastic_net import cox_elastic_net
from gmts_models.stats.cox.elastic_net_cv import choose_cox_elastic_net
from gmts_models.stats.cox.fit import cox_data, likelihood_at
from gmts_models.stats.regression.elastic_net import ElasticNet, ElasticNetPath
from gmts_models.stats.regression.logistic_elastic_net import logistic_elastic_net

COEFFICIENT = {"rtol": 1e-4, "atol": 3e-5}
"""glmnet's error: its fits miss the conditions for a minimum by up to 1e-7, ours by 1e-10
(`_misses`)."""
NETS = {
    "cox_lasso": ElasticNet(n_lambdas=30),
    "cox_enet_05": ElasticNet(alpha=0.5, n_lambdas=30),
    "cox_ridge": ElasticNet(alpha=0, n_lambdas=20),
    "cox_enet_nostandardize": ElasticNet(alpha=0.7, n_lambdas=20, standardise=False),
    "cox_penalty_factor": ElasticNet(n_lambdas=20, penalty_factor=[0, 0] + 26 * [1]),
    "cox_given_lambdas": ElasticNet(alpha=0.9, lambdas=[0.1, 0.05, 0.02, 0.01, 0.005]),
    "cox_weights": ElasticNet(n_lambdas=20),
    "cox_left_truncated_lasso": ElasticNet(n_lambdas=20),
    "cox_stratified_enet": ElasticNet(alpha=0.5, n_lambdas=20),
    "binomial_lasso": ElasticNet(n_lambdas=30),
    "binomial_enet_05": ElasticNet(alpha=0.5, n_lambdas=20),
}


def _turnover(case: Case) -> tuple[Any, npt.NDArray[np.float64]]:
    d = case.data()
    return d, d.loc[:, "genderm":"novator"].to_numpy(dtype=float)


def _misses(
    gradient: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
    lambda_: float,
    net: ElasticNet,
) -> float:
    """Return how far the conditions for a minimum are missed, written out.

    The gradient is of minus the log likelihood over the sum of weights, by the columns as given.
    """
    factor = np.ones(len(beta)) if net.penalty_factor is None else np.array(net.penalty_factor)
    factor = factor * len(beta) / factor.sum()
    unit = scale if net.standardise else np.ones(len(beta))
    own = lambda_ * factor * ((1 - net.alpha) * beta * unit**2)
    bound = lambda_ * factor * net.alpha * unit
    at = np.where(
        beta != 0,
        np.abs(gradient + own + bound * np.sign(beta)),
        np.maximum(np.abs(gradient) - bound, 0),
    )
    return float((at / scale).max())


def _agree(case: Case, path: ElasticNetPath, first: int = 0) -> None:
    """Compare all figures; R's coefficients without the first ones."""
    out = case.out
    theirs = np.array(out["coef_at_index"], dtype=float)[:, first:]
    case.agree("n_lambda", len(path.lambdas), out["n_lambda"])
    case.agree("lambda", path.lambdas, out["lambda"], rtol=2e-7)  # glmnet's ratio is rounded
    case.agree("df", path.df, out["df"])
    case.agree("nulldev", path.null_deviance, out["nulldev"], rtol=CLOSED_FORM)
    case.agree("dev_ratio", path.dev_ratio, out["dev_ratio"], rtol=1e-5, atol=1e-7)
    case.agree("coef", path.coefficients[out["at_index"]], theirs, **COEFFICIENT)


def _cox(case: Case, X: npt.NDArray[np.float64], *rows: Any, **more: Any) -> None:
    net = NETS[case.name]
    path = cox_elastic_net(X, *rows, penalty=net, **more)
    _agree(case, path)
    assert path.violation.max() <= 1e-10
    data = cox_data(X, *rows, ties="breslow", **more)
    weights = data.given.weights
    scale = np.sqrt(np.cov(X.T, aweights=weights, ddof=0).diagonal())
    infinite = int(net.alpha == 0)  # the first fit of a ridge path
    for beta, lambda_ in list(zip(path.coefficients, path.lambdas, strict=True))[infinite:]:
        gradient = -likelihood_at(data, beta).gradient / weights.sum()
        assert _misses(gradient, beta, scale, lambda_, net) <= 2e-10


@against(
    "g_glmnet_turnover",
    "cox_lasso",
    "cox_enet_05",
    "cox_ridge",
    "cox_enet_nostandardize",
    "cox_penalty_factor",
    "cox_given_lambdas",
    "cox_weights",
    estimator="cox_elastic_net",
)
def path(case: Case) -> None:
    d, X = _turnover(case)
    weights = d["w"] if case.name == "cox_weights" else None
    _cox(case, X, d["stag"], d["event"] == 1, None, weights)


@against("g_glmnet_lefttrunc_strata", "cox_left_truncated_lasso", estimator="cox_elastic_net")
def late_entry(case: Case) -> None:
    d = case.data()
    X = d[case.out["var_names"]].to_numpy(dtype=float)
    _cox(case, X, d["exit"], d["event"] == 1, d["entry"])


@against("g_glmnet_lefttrunc_strata", "cox_stratified_enet", estimator="cox_elastic_net")
def strata(case: Case) -> None:
    d = case.data()
    X = d[case.out["var_names"]].to_numpy(dtype=float)
    _cox(case, X, d["exit"], d["event"] == 1, strata=d["late"])


@against("g_glmnet_turnover", "cox_unpenalised_equals_coxph_breslow", estimator="cox_elastic_net")
def unpenalised(case: Case) -> None:
    d, X = _turnover(case)
    fit = cox_elastic_net(X[:, :2], d["stag"], d["event"] == 1, penalty=ElasticNet(lambdas=[0.0]))
    case.agree("coxph", fit.coefficients[0], case.out["coxph"], rtol=ITERATED)
    case.agree("coef", fit.coefficients[0], case.out["coef"], rtol=ITERATED)


@against("g_glmnet_turnover", "cv_cox_lasso_grouped", estimator="choose_cox_elastic_net")
def by_deviance(case: Case) -> None:
    d, X = _turnover(case)
    found = choose_cox_elastic_net(
        X, d["stag"], d["event"] == 1, penalty=ElasticNet(n_lambdas=30), folds=d["foldid"]
    )
    case.agree("lambda", found.path.lambdas, case.out["lambda"], rtol=2e-7)
    case.agree("cvm", found.mean, case.out["cvm"], rtol=1e-7)
    case.agree("cvsd", found.std_err, case.out["cvsd"], rtol=1e-5)
    case.agree("lambda_min", found.lambda_min, case.out["lambda_min"], rtol=2e-7)
    case.agree("lambda_1se", found.lambda_1se, case.out["lambda_1se"], rtol=2e-7)
    best = found.path.coefficients[found.best]
    case.agree("coef_min", best, case.out["coef_min"], **COEFFICIENT)


@against("g_glmnet_turnover", "cv_cox_lasso_C", estimator="choose_cox_elastic_net")
def by_concordance(case: Case) -> None:
    d, X = _turnover(case)
    found = choose_cox_elastic_net(
        X,
        d["stag"],
        d["event"] == 1,
        penalty=ElasticNet(n_lambdas=30),
        folds=d["foldid"],
        measure="concordance",
    )
    case.agree("lambda", found.path.lambdas, case.out["lambda"], rtol=2e-7)
    case.agree("cvm", found.mean, case.out["cvm"])
    case.agree("cvsd", found.std_err, case.out["cvsd"])
    case.agree("lambda_min", found.lambda_min, case.out["lambda_min"], rtol=2e-7)


@against(
    "g_glmnet_turnover", "binomial_lasso", "binomial_enet_05", estimator="logistic_elastic_net"
)
def binomial(case: Case) -> None:
    d, X = _turnover(case)
    y, net = d["event"].to_numpy(dtype=float), NETS[case.name]
    fit = logistic_elastic_net(X, y, penalty=net)
    _agree(case, fit, first=1)
    places = case.out["at_index"]
    case.agree("a0", fit.intercepts[places], case.out["a0"], **COEFFICIENT)
    assert fit.violation.max() <= 1e-10
    scale = X.std(axis=0)
    for at in places:
        residual = special.expit(fit.intercepts[at] + X @ fit.coefficients[at]) - y
        missed = _misses(residual @ X / len(y), fit.coefficients[at], scale, fit.lambdas[at], net)
        assert missed <= 2e-10
