"""What benchmarks/accuracy.py compares: a quantity, R's call for it, and ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.accuracy_data import (
    MONTHS,
    TRAINEES,
    Figures,
    book,
    fine,
    four,
    kidney,
    lung,
    scored,
    trainees,
)
from gmts_models.errors import FitError
from gmts_models.stats.competing.fine_gray import fit_fine_gray
from gmts_models.stats.concordance import concordance
from gmts_models.stats.cox.fit import CoxFit, fit_cox
from gmts_models.stats.cox.gamma_frailty import fit_gamma_frailty
from gmts_models.stats.cox.prediction import predict_survival
from gmts_models.stats.cox.proportionality import proportionality_test
from gmts_models.stats.cox.residuals import score_residuals
from gmts_models.stats.cox.robust import robust_covariance
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen, incidence_at
from gmts_models.stats.parametric.fit import fit_parametric
from gmts_models.stats.parametric.observations import right_censored
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at
from gmts_models.stats.survival.quantiles import survival_quantiles
from gmts_models.stats.survival.restricted_mean import restricted_mean


def cox(d: pd.DataFrame, columns: Sequence[str] = ("age", "sex"), *, late: bool = False) -> CoxFit:
    """Fit ours to the trainees."""
    X, entry = d[list(columns)].to_numpy(float), d["entry"] if late else None
    return fit_cox(X, d["time"], d["e"], entry, names=tuple(columns))


def _errors(covariance: np.ndarray) -> Figures:
    return [*np.sqrt(np.diag(covariance))]


def _weighted(ties: str) -> Figures:
    b = book()
    fit = fit_cox(b[["x"]], b["time"], b["left"], weights=b["w"], ties=ties)
    return [*fit.coefficients, *_errors(fit.covariance)]


def _zph() -> Figures:
    d = trainees()
    return [proportionality_test(cox(each), "rank").p[0] for each in (d, d.iloc[::-1])]


def late_score(d: pd.DataFrame) -> np.ndarray:
    """Return the linear predictor of the fit that heeds late entry."""
    return d[["age", "sex"]].to_numpy(float) @ cox(d, late=True).coefficients


def _late_concordance() -> Figures:
    d = trainees()
    return [concordance(late_score(d), d["time"], d["e"], d["entry"]).concordance]


def _uno() -> Figures:
    v = scored()
    return [concordance(v["score"], v["time"], v["e"], time_weight="n/G2").concordance]


def _survival() -> Figures:
    return [*predict_survival(cox(trainees()), [[30.0, 0.0]], MONTHS).survival[0]]


def _incidence() -> Figures:
    d = trainees()
    return [*incidence_at(aalen_johansen(d["time"], d["status"]), MONTHS).incidence[:, 0]]


def _restricted_mean() -> Figures:
    found = restricted_mean(trainees()["time"], trainees()["e"], until=24.0)
    return [found.mean, found.std_err]


def _fine_gray(*, late: bool, **options: str) -> Figures:
    d = trainees()
    entry = d["entry"] if late else None
    return [
        *fit_fine_gray(d[["age", "sex"]], d["time"], d["status"], entry, **options).coefficients
    ]


def _frailty_kidney() -> Figures:
    k = kidney()
    fit = fit_gamma_frailty(k[["age", "sex"]], k["time"], k["status"], k["id"], ties="breslow")
    return [fit.theta, *_errors(fit.covariance)]


def _frailty_trainees() -> Figures:
    d = trainees()
    return [
        fit_gamma_frailty(d[["age", "sex"]], d["time"], d["e"], d["spec"], ties="breslow").theta
    ]


def _median() -> Figures:
    curve = kaplan_meier(four()["time"], four()["left"])
    return [*survival_quantiles(curve, [0.5]).value]


def _beyond() -> Figures:
    return [*survival_at(kaplan_meier(trainees()["time"], trainees()["e"]), [24.0, 60.0]).survival]


def _parametric(name: str) -> Figures:
    d = lung()
    X = d[["age", "sex", "ph.ecog"]].to_numpy(float)
    fit = fit_parametric(X, right_censored(d["time"], d["status"]), name)
    return [*fit.coefficients, *fit.scale, *_errors(fit.covariance)[1:4]]


def _refusal(*columns: str) -> str:
    try:
        cox(trainees(), columns)
    except FitError as error:
        return f"refused: {' '.join(str(error).split())}"
    return "fitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison.

    Attributes
    ----------
    key : by which accuracy_peers.py knows it.
    quantity : what is estimated.
    data : file, or what else it is from.
    call : R's, whose value is right.
    ours : the same from gmts_models.
    r_too : other calls of R that go wrong, by what they are.
    note : what the reader must know.
    """

    key: str
    quantity: str
    call: str
    ours: Callable[[], Figures | str]
    data: str = TRAINEES
    r_too: dict[str, str] = field(default_factory=dict)
    note: str = ""


_BOOK = "Therneau & Grambsch (2000), test data 3"
_KIDNEY = "tests/reference/data/kidney.csv"
_LUNG = "tests/reference/data/lung.csv"
_AFT = (
    '{{ f <- survreg(Surv(time, status) ~ age + sex + ph.ecog, lung, dist = "{}", '
    "rel.tolerance = 1e-12); c(coef(f), f$scale, se(f)[2:4]) }}"
)

ROWS = [
    Row(
        key="cox",
        quantity="Cox, Efron: coefficients, SE (age, sex)",
        call="{ f <- coxph(Surv(time, e) ~ age + sex, d, control = coxph.control(eps = 1e-12)); "
        "c(coef(f), se(f)) }",
        ours=lambda: [*cox(trainees()).coefficients, *_errors(cox(trainees()).covariance)],
        note="a plain fit, for comparison; scikit-survival has no SE",
    ),
    Row(
        key="weighted efron",
        quantity="Cox with case weights, Efron: coefficient, SE; Therneau & Grambsch's data 3",
        data=_BOOK,
        call="{ f <- coxph(Surv(time, left) ~ x, book, weights = w, robust = FALSE, "
        "control = coxph.control(eps = 1e-12)); c(coef(f), se(f)) }",
        ours=lambda: _weighted("efron"),
        note="lifelines by default stops at a Newton decrement of 1e-7",
    ),
    Row(
        key="weighted breslow",
        quantity="Cox with case weights, Breslow: coefficient, SE; the same data",
        data=_BOOK,
        call="{ f <- coxph(Surv(time, left) ~ x, book, weights = w, robust = FALSE, "
        'ties = "breslow", control = coxph.control(eps = 1e-12)); c(coef(f), se(f)) }',
        ours=lambda: _weighted("breslow"),
    ),
    Row(
        key="robust",
        quantity="robust SE, Efron (age, sex)",
        call="se(coxph(Surv(time, e) ~ age + sex, d, robust = TRUE))",
        ours=lambda: _errors(robust_covariance(cox(trainees()))),
        note="lifelines' and greenwood's residuals are not Efron's",
    ),
    Row(
        key="cluster",
        quantity="robust SE by specialism, Efron (age, sex)",
        call="se(coxph(Surv(time, e) ~ age + sex, d, cluster = spec))",
        ours=lambda: _errors(robust_covariance(cox(trainees()), trainees()["spec"])),
        note="as above; 12 clusters are few for any such error",
    ),
    Row(
        key="scores",
        quantity="sums of score residuals, tied (age, sex), to 1e-6",
        call='round(colSums(residuals(coxph(Surv(time, e) ~ age + sex, d), "score")), 6)',
        ours=lambda: [*np.round(score_residuals(cox(trainees())).sum(axis=0), 6) + 0.0],
        note="greenwood's are Breslow's after an Efron fit, right after a Breslow fit; "
        "lifelines' take times for different, and columns for standardised",
    ),
    Row(
        key="scores untied",
        quantity="the same, untied by adding id / 10000 to time",
        data=f"{TRAINEES}, time + id / 10000",
        call='round(colSums(residuals(coxph(Surv(time, e) ~ age + sex, fine), "score")), 6)',
        ours=lambda: [*np.round(score_residuals(cox(fine())).sum(axis=0), 6) + 0.0],
        note="lifelines' take columns for standardised",
    ),
    Row(
        key="survival",
        quantity="S(6, 12, 24) at age 30, sex 0 after an Efron fit",
        call="summary(survfit(coxph(Surv(time, e) ~ age + sex, d), "
        "data.frame(age = 30, sex = 0)), c(6, 12, 24))$surv",
        ours=_survival,
        note="lifelines and scikit-survival have Breslow's baseline after an Efron fit",
    ),
    Row(
        key="late concordance",
        quantity="concordance with late entry",
        call="concordance(coxph(Surv(entry, time, e) ~ age + sex, d))$concordance",
        ours=_late_concordance,
        note="of the fit that heeds late entry; the peers count pairs as if all had entered at 0",
    ),
    Row(
        key="uno",
        quantity="Uno's C of a given score (pred.csv) on the last 500 trainees",
        data=f"{TRAINEES}, rows 1001 to 1500; score of pred.csv",
        call='concordance(Surv(time, e) ~ score, v, reverse = TRUE, timewt = "n/G2")$concordance',
        ours=_uno,
        note="scikit-survival weighs by G(t), not G(t-); greenwood leaves out pairs with someone "
        "censored at t",
    ),
    Row(
        key="incidence",
        quantity="cumulative incidence of cause 1 at 6, 12, 24",
        call="summary(survfit(Surv(time, ev) ~ 1, d), c(6, 12, 24))$pstate[, 2]",
        ours=_incidence,
        note="lifelines moves tied times at random, with a warning",
    ),
    Row(
        key="restricted mean",
        quantity="restricted mean of 24 months, its SE",
        call='summary(survfit(Surv(time, e) ~ 1, d), rmean = 24)$table[c("rmean", "se(rmean)")]',
        ours=_restricted_mean,
        note="lifelines' is the variance of a person's months, not of their mean",
    ),
    Row(
        key="zph",
        quantity="test of proportional hazards, ranks: p of age; rows in reverse order",
        call="sapply(list(d, d[nrow(d):1, ]), function(x) "
        'cox.zph(coxph(Surv(time, e) ~ age + sex, x), "rank")$table["age", "p"])',
        ours=_zph,
        note="lifelines ranks rows, so that tied times have different ranks",
    ),
    Row(
        key="fine-gray late",
        quantity="Fine-Gray with late entry, cause 1 (age, sex)",
        call="coef(coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, finegray("
        'Surv(entry, time, ev) ~ age + sex + id, d, etype = "one", id = id), weights = fgwt))',
        ours=lambda: _fine_gray(late=True),
        note="greenwood takes entry times and does not use them, without a warning",
    ),
    Row(
        key="fine-gray",
        quantity="Fine-Gray without late entry, cause 1, as cmprsk (age, sex)",
        call='cmprsk::crr(d$time, d$status, d[c("age", "sex")], gtol = 1e-12)$coef',
        ours=lambda: _fine_gray(late=False, ties="breslow", censoring_ties="together"),
    ),
    Row(
        key="fine-gray breslow",
        quantity="the same, as finegray with Breslow's ties",
        call="coef(coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, finegray("
        'Surv(time, ev) ~ age + sex + id, d, etype = "one", id = id), weights = fgwt, '
        'ties = "breslow"))',
        ours=lambda: _fine_gray(late=False, ties="breslow"),
    ),
    Row(
        key="frailty kidney",
        quantity="gamma frailty, Breslow: theta, SE given theta (age, sex); kidney data",
        data=_KIDNEY,
        call="{ f <- coxph(Surv(time, status) ~ age + sex + frailty(id, eps = 1e-10, "
        'sparse = FALSE), kidney, ties = "breslow"); c(f$history[[1]]$theta, se(f)[1:2]) }',
        ours=_frailty_kidney,
        note="greenwood takes theta from a grid in steps of 38 %, and its SE take the frailties "
        "for known",
    ),
    Row(
        key="frailty trainees",
        quantity="gamma frailty of specialisms, Breslow: theta",
        call="optimize(function(theta) coxph(Surv(time, e) ~ age + sex + frailty(spec, "
        'theta = theta), d, ties = "breslow", control = coxph.control(eps = 1e-12, '
        "toler.chol = 1e-13))$history[[1]]$c.loglik, c(0.01, 2), maximum = TRUE, "
        "tol = 1e-8)$maximum",
        r_too={
            "by default": 'coxph(Surv(time, e) ~ age + sex + frailty(spec), d, ties = "breslow")'
            "$history[[1]]$theta"
        },
        ours=_frailty_trainees,
        note="the maximum of R's own likelihood; R's default search ends after 10 steps, without "
        "a warning; greenwood's grid as above",
    ),
    Row(
        key="median",
        quantity="median of departures at 1, 2, 3, 4: S = 0.5 exactly",
        data="departures at 1, 2, 3, 4",
        call="quantile(survfit(Surv(time, left) ~ 1, four), 0.5, conf.int = FALSE)",
        ours=_median,
        note="the middle of the flat part, R's convention; its beginning is another",
    ),
    Row(
        key="beyond",
        quantity="S(24), S(60); nobody was observed past 36",
        call="summary(survfit(Surv(time, e) ~ 1, d), c(24, 60))$surv[1:2]",
        ours=_beyond,
        note="a dash is not estimable",
    ),
    Row(
        key="separation",
        quantity="Cox with a column whose members all stay (every tenth of those who do)",
        data=f"{TRAINEES}; stays = every tenth trainee, if they stayed",
        call="tryCatch(coxph(Surv(time, e) ~ age + stays, d), warning = conditionMessage)",
        ours=lambda: _refusal("age", "stays"),
    ),
    Row(
        key="collinear",
        quantity="Cox with collinear columns: age, sex, other = 1 - sex",
        call="coef(coxph(Surv(time, e) ~ age + sex + other, d))",
        ours=lambda: _refusal("age", "sex", "other"),
        note="R's dash is its NA: it leaves the column out",
    ),
    Row(
        key="constant",
        quantity="Cox with a constant column",
        call="coef(coxph(Surv(time, e) ~ age + one, d))",
        ours=lambda: _refusal("age", "one"),
        note="as above; the figures of singular systems differ between machines",
    ),
    *(
        Row(
            key=name,
            quantity=f"{name}: intercept, age, sex, ph.ecog, scale, SE of the three; lung data",
            data=_LUNG,
            call=_AFT.format(name),
            ours=lambda name=name: _parametric(name),
        )
        for name in ("weibull", "loglogistic")
    ),
]
