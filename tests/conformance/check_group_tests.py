"""Tests that compare groups, against survdiff, the Cox score test and cmprsk's Gray test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from reference import Case, against

from gmts_models.stats.comparison.gray import gray_test
from gmts_models.stats.comparison.groups import GroupTest
from gmts_models.stats.comparison.logrank import logrank
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen, incidence_at


def agree_with_survdiff(case: Case, test: GroupTest, names: list[str]) -> None:
    """Compare everything that survdiff returns; it states strata side by side."""
    out = case.out
    assert [str(each) for each in test.groups] == names
    if "n" in out:
        case.agree("n", test.n, out["n"])
    by_stratum = np.ndim(out["obs"]) == 2
    observed = test.observed_by_stratum.T if by_stratum else test.observed
    expected = test.expected_by_stratum.T if by_stratum else test.expected
    case.agree("observed", observed, out["obs"])
    case.agree("expected", expected, out["exp"])
    case.agree("variance", test.variance, out["var"])
    case.agree("statistic", test.statistic, out["chisq"])
    case.agree("df", test.df, out["df"])
    case.agree("p", test.p, out["p"])


def names_of(case: Case) -> list[str]:
    """Shorten R's labels to the values: "sex=1" to "1", "sex=1, ph.ecog=0" to "1, 0"."""
    return [
        ", ".join(part.split("=")[1].strip() for part in label.split(", "))
        for label in case.out["groups"]
    ]


@against("b_logrank_lung", "logrank_sex", "peto_rho1_sex", "rho05_sex", estimator="logrank")
def lung_by_sex(case: Case) -> None:
    d = case.data()
    rho = {"logrank_sex": 0.0, "peto_rho1_sex": 1.0, "rho05_sex": 0.5}[case.name]
    agree_with_survdiff(case, logrank(d["time"], d["status"], d["sex"], rho=rho), names_of(case))


@against("b_logrank_lung", "logrank_phecog_4groups", estimator="logrank")
def lung_by_score(case: Case) -> None:
    d = case.data().dropna(subset="ph.ecog").astype({"ph.ecog": int})
    agree_with_survdiff(case, logrank(d["time"], d["status"], d["ph.ecog"]), names_of(case))


@against(
    "b_logrank_lung", "stratified_sex_by_phecog", "stratified_sex_by_inst", estimator="logrank"
)
def lung_stratified(case: Case) -> None:
    by = "ph.ecog" if case.name == "stratified_sex_by_phecog" else "inst"
    d = case.data().dropna(subset=by)
    test = logrank(d["time"], d["status"], d["sex"], strata=d[by])
    agree_with_survdiff(case, test, names_of(case))


@against("b_logrank_lung", "two_factor_groups", estimator="logrank")
def lung_by_two_factors(case: Case) -> None:
    d = case.data()
    d = d[d["ph.ecog"] < 3].astype({"ph.ecog": int})
    group = d["sex"].astype(str) + ", " + d["ph.ecog"].astype(str)
    agree_with_survdiff(case, logrank(d["time"], d["status"], group), names_of(case))


@against("b_logrank_turnover", "gender", "industry_16groups", "industry_rho1", estimator="logrank")
def turnover(case: Case) -> None:
    d = case.data()
    group = d["gender"] if case.name == "gender" else d["industry"]
    rho = 1.0 if case.name == "industry_rho1" else 0.0
    agree_with_survdiff(case, logrank(d["stag"], d["event"], group, rho=rho), names_of(case))


@against(
    "b_logrank_turnover",
    "gender_strata_industry",
    "greywage_strata_profession_rho1",
    estimator="logrank",
)
def turnover_stratified(case: Case) -> None:
    d = case.data()
    if case.name == "gender_strata_industry":
        test = logrank(d["stag"], d["event"], d["gender"], strata=d["industry"])
    else:
        test = logrank(d["stag"], d["event"], d["greywage"], strata=d["profession"], rho=1.0)
    agree_with_survdiff(case, test, names_of(case))


@against(
    "b_logrank_lefttrunc_physicians",
    "hypergeometric_parttime",
    "hypergeometric_age3",
    estimator="logrank",
)
def physicians(case: Case) -> None:
    d = case.data()
    age = pd.cut(d["age"], [0, 30, 35, 100], labels=["a_to30", "b_30to35", "c_over35"])
    group = d["part_time"] if case.name == "hypergeometric_parttime" else age.astype(str)
    test = logrank(d["exit"], d["event"], group, d["entry"])
    agree_with_survdiff(case, test, case.out["groups"])


@against("b_logrank_lefttrunc_physicians", "cox_score_breslow_parttime", estimator="logrank")
def physicians_score_test(case: Case) -> None:
    d = case.data()
    test = logrank(d["exit"], d["event"], d["part_time"], d["entry"], variance="breslow")
    case.agree("statistic", test.statistic, case.out["score"])
    case.agree("df", test.df, case.out["df"])
    case.agree("p", test.p, case.out["p"])


def agree_with_cuminc(
    case: Case, exit_: pd.Series, event: pd.Series, group: pd.Series, **options: Any
) -> None:
    """Compare the curves of each group, and the test of each cause.

    R takes all other causes as one in the variance. Its tables change at the times of the curve's
    own cause, and end with the group's observation, though nobody is left and ours go on. Its p is
    1 - pchisq, good to about 1e-16 absolutely.
    """
    out, causes = case.out, range(1, int(event.max()) + 1)
    at = np.asarray(out["time"], dtype=float)
    for label in group.unique():
        for cause in causes:
            own, row = group == label, out["curves"].index(f"{label} {cause}")
            one = np.where(event == cause, 1, 2 * (event != 0))[own]
            curves = aalen_johansen(exit_[own], one, causes=2, variance="aalen")
            changes = np.r_[0.0, np.unique(exit_[own & (event == cause)])]
            last = changes[np.searchsorted(changes, at, side="right") - 1]
            found = incidence_at(curves, last)
            ended = at > exit_[own].max()
            incidence = np.where(ended, np.nan, found.incidence[:, 0])
            variance = np.where(ended, np.nan, np.square(found.std_err[:, 0]))
            case.agree(f"incidence, {label} {cause}", incidence, out["est"][row])
            case.agree(f"variance, {label} {cause}", variance, out["var"][row])
    for cause, row in zip(causes, out["gray"]["m"], strict=True):
        test = gray_test(exit_, event, group, cause=cause, **options)
        case.agree(f"statistic, {cause}", test.statistic, row[0])
        case.agree(f"p, {cause}", test.p, row[1])
        case.agree(f"df, {cause}", test.df, row[2])


@against("c_aj_mgus2", "cuminc_gray_rho1_sex", estimator="gray_test")
def gray_by_sex(case: Case) -> None:
    d = case.data()
    agree_with_cuminc(case, d["etime"], d["cause"], d["male"], rho=1.0)


@against("c_aj_mgus2", "cuminc_gray_agegroup_strata_sex", estimator="gray_test")
def gray_stratified(case: Case) -> None:
    d = case.data()
    age = pd.cut(d["age"], [0, 65, 75, 200], labels=["a", "b", "c"]).astype(str)
    agree_with_cuminc(case, d["etime"], d["cause"], age, strata=d["male"])


@against("c_competing_unemployment", "gray_ui", estimator="gray_test")
def gray_of_three_causes(case: Case) -> None:
    d = case.data()
    agree_with_cuminc(case, d["spell"], d["cause"], d["ui"])
