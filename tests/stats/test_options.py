"""What is asked for and does not exist is refused with what there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gmts_models.errors import InputError
from gmts_models.stats.competing.cause_specific import fit_cause_specific
from gmts_models.stats.competing.cause_specific_prediction import predict_absolute_risk
from gmts_models.stats.competing.fine_gray import fit_fine_gray
from gmts_models.stats.concordance import concordance
from gmts_models.stats.cox.elastic_net_cv import choose_cox_elastic_net
from gmts_models.stats.hazards.discrete_hazard import discrete_hazard, discrete_hazard_at
from gmts_models.stats.hazards.piecewise import piecewise_exponential, piecewise_survival
from gmts_models.stats.hazards.rates import exit_rates, rate_ratios
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen, incidence_at
from gmts_models.stats.intervals import exact_limits
from gmts_models.stats.options import column_names
from gmts_models.stats.parametric.fit import fit_parametric
from gmts_models.stats.parametric.observations import right_censored
from gmts_models.stats.regression.firth_logistic import fit_firth_logistic
from gmts_models.stats.regression.glm import fit_glm
from gmts_models.stats.regression.glm_residuals import null_deviance
from gmts_models.stats.regression.logistic_elastic_net import logistic_elastic_net
from gmts_models.stats.regression.multinomial import fit_multinomial
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at
from gmts_models.stats.survival.turnbull import turnbull, turnbull_bounds

ANY: Any = "probit"
X = np.arange(8.0)[:, None]
EXIT, LEFT = np.arange(8) + 1.0, np.arange(8) % 2 == 0
RATES = exit_rates(EXIT, LEFT, groups=list("aaaabbbb"))
ROWS: Any = EXIT
GAP = np.where(X == 3, np.nan, X)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: fit_glm(X, LEFT, link=ANY), "no such link"),
        (lambda: null_deviance(LEFT, link=ANY), "no such link"),
        (lambda: concordance(EXIT, EXIT, LEFT, time_weight=ANY), "no such time_weight"),
        (lambda: choose_cox_elastic_net(X, EXIT, LEFT, measure=ANY), "no such measure"),
        (lambda: fit_parametric(X, ROWS), "must be Observations"),
        (lambda: logistic_elastic_net(X, LEFT, penalty=ANY), "must be an ElasticNet"),
        (lambda: concordance(list("abcdefgh"), EXIT, LEFT), "score must be numbers"),
        (lambda: discrete_hazard(GAP, EXIT, LEFT), "X is missing or infinite in 1 row"),
        (lambda: piecewise_exponential(GAP, EXIT, LEFT, cuts=[4]), "X is missing or infinite"),
        (lambda: rate_ratios(RATES, ANY), "position of a group, from 0 to 1"),
        (lambda: rate_ratios(RATES, 2), "position of a group, from 0 to 1"),
        (lambda: rate_ratios(RATES, level=95), "level"),
        (lambda: exit_rates(EXIT, LEFT, level=95), "level"),
        (lambda: exact_limits(20, 95), "level"),
        (lambda: fit_glm(X, LEFT, link="logit", names=["a", "b"]), "1 columns, names has 2"),
        (lambda: logistic_elastic_net(X, LEFT, names=["a", "b"]), "1 columns, names has 2"),
        (lambda: fit_multinomial(X, LEFT.astype(int), names=["a", "b"]), "1 columns, names has 2"),
    ],
)
def test_what_there_is_not(call: Callable[[], object], what: str) -> None:
    with pytest.raises(InputError, match=what):
        call()


def test_names_are_those_given_or_numbers() -> None:
    assert column_names(2, None) == ["column 0", "column 1"]
    assert column_names(2, ("a", "b")) == ["a", "b"]


def test_a_curve_is_read_off_at_one_time_as_at_several() -> None:
    curves = aalen_johansen(EXIT, np.where(LEFT, 1 + np.arange(8) // 4, 0))
    one, several = incidence_at(curves, 3), incidence_at(curves, [3, 99])
    np.testing.assert_array_equal(one.incidence, several.incidence[0])
    assert one.survival == several.survival[0]
    assert np.isnan(several.upper[1]).all()
    assert np.isnan(several.survival_lower[1])


def test_new_people_have_the_columns_of_the_fit() -> None:
    bands = piecewise_exponential(X, EXIT, LEFT, cuts=[4])
    periods = discrete_hazard(
        X, EXIT, LEFT, baseline=lambda period: np.ones((len(period), 1)), until=4
    )
    for new, what in (([1.0], "two dimensions"), ([[1.0, 2.0]], "2 columns, the fit has 1")):
        with pytest.raises(InputError, match=what):
            piecewise_survival(bands, np.array(new), [1])
        with pytest.raises(InputError, match=what):
            discrete_hazard_at(periods, np.array(new), [1])
    with pytest.raises(InputError, match="must be numbers"):
        fit_fine_gray([["a"]] * 8, EXIT, LEFT.astype(int))
    np.testing.assert_array_equal(
        piecewise_survival(bands, X, 3), piecewise_survival(bands, X, [3])
    )
    np.testing.assert_array_equal(
        discrete_hazard_at(periods, X, 3).hazard, discrete_hazard_at(periods, X, [3]).hazard
    )


def test_what_stands_at_an_unknown_time_is_unknown() -> None:
    # A search puts NaN past the last time, where a curve that ended at 0 would be read off.
    gone = np.ones(8, dtype=bool)
    assert np.isnan(survival_at(kaplan_meier(EXIT, gone), np.nan).survival)
    curves = aalen_johansen(EXIT, gone.astype(int))
    assert np.isnan(incidence_at(curves, np.nan).incidence).all()
    assert np.isnan(turnbull_bounds(turnbull(EXIT, EXIT), np.nan)).all()
    fit = fit_cause_specific(X * 5 % 8, EXIT, LEFT.astype(int))
    assert np.isnan(predict_absolute_risk(fit, X, np.nan)).all()
    one = predict_absolute_risk(fit, X, [6], since=2)
    np.testing.assert_array_equal(one, predict_absolute_risk(fit, X, [6], since=[2] * 8))


@pytest.mark.parametrize(
    "call",
    [
        lambda X: fit_glm(X, LEFT, link="logit"),
        lambda X: fit_multinomial(X, LEFT.astype(int)),
        lambda X: fit_firth_logistic(X, LEFT),
        lambda X: logistic_elastic_net(X, LEFT),
        lambda X: fit_parametric(X, right_censored(EXIT, LEFT)),
        lambda X: discrete_hazard(X, EXIT, LEFT),
        lambda X: piecewise_exponential(X, EXIT, LEFT, cuts=[4]),
    ],
)
def test_columns_are_numbers_in_two_dimensions(call: Callable[[Any], object]) -> None:
    with pytest.raises(InputError, match="X must be numbers"):
        call([["Finance"]] * 8)
    with pytest.raises(InputError, match="two dimensions"):
        call(EXIT)
    with pytest.raises(InputError, match="there are 8 rows"):
        call(np.ones((7, 1)))
