"""Exit rates, Poisson and piecewise-exponential regression against R."""

from __future__ import annotations

import numpy as np
from reference import CLOSED_FORM, ITERATED, Case, against

from gmts_models.stats.hazards.piecewise import piecewise_exponential
from gmts_models.stats.hazards.rates import exit_rates, poisson_rates


@against("j_rates_turnover", "rates_by_gender", "rates_by_industry", estimator="exit_rates")
def rates(case: Case) -> None:
    data = case.data()
    group = data[case.name.removeprefix("rates_by_")]
    got = exit_rates(data["stag"], data["event"] == 1, groups=group)
    assert list(got.group) == sorted(case.out)
    for name, ours in (
        ("events", got.events),
        ("person_time", got.person_time),
        ("rate", got.rate),
        ("exact_lower", got.lower),
        ("exact_upper", got.upper),
    ):
        case.agree(name, ours, [case.out[each][name] for each in got.group], rtol=CLOSED_FORM)


@against("j_rates_turnover", "poisson_glm_rate_ratio", estimator="poisson_rates")
def rate_regression(case: Case) -> None:
    data = case.data()
    X = np.column_stack([np.ones(len(data)), data["male"], data["greywage_black"]])
    got = poisson_rates(X, data["stag"], data["event"] == 1)
    case.agree("coef", got.coefficients, case.out["coef"], rtol=ITERATED)
    case.agree("var", got.covariance, case.out["var"], rtol=ITERATED)
    case.agree("deviance", got.deviance, case.out["deviance"], rtol=CLOSED_FORM)


@against("j_rates_turnover", "piecewise_exponential", estimator="piecewise_exponential")
def piecewise(case: Case) -> None:
    data = case.data()
    X = data[["male", "age"]].to_numpy(float)
    got = piecewise_exponential(X, data["stag"], data["event"] == 1, cuts=[6, 12, 24, 48])
    case.agree("coef", got.coefficients, case.out["coef"], rtol=ITERATED)
    case.agree("var", got.covariance, case.out["var"], rtol=ITERATED)
    case.agree("deviance", got.deviance, case.out["deviance"], rtol=CLOSED_FORM)
