"""Cox regression against ``survival::coxph`` and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from reference import CLOSED_FORM, Case, against, agree_with_summary
from scipy.interpolate import BSpline

from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.concordance import concordance
from gmts_models.stats.cox.baseline import baseline_hazards, cox_curves
from gmts_models.stats.cox.exact import fit_cox_exact
from gmts_models.stats.cox.fit import CoxFit, fit_cox
from gmts_models.stats.cox.inference import (
    global_tests,
    information_criteria,
    robust_score_test,
    wald_inference,
)
from gmts_models.stats.cox.prediction import predict_path, predict_survival
from gmts_models.stats.cox.proportionality import proportionality_test
from gmts_models.stats.cox.residuals import (
    deviance_residuals,
    dfbeta,
    dfbetas,
    martingale_residuals,
    schoenfeld_residuals,
    score_residuals,
)
from gmts_models.stats.cox.robust import robust_covariance
from gmts_models.stats.cox.spline import fit_cox_spline, spline_effect
from gmts_models.stats.cox.time_effects import TimeEffect, fit_cox_time_effects, split_rows
from gmts_models.stats.survival.kaplan_meier import kaplan_meier

Floats = npt.NDArray[np.float64]
FIT = 1e-8
"""Relative, for what follows from R's coefficients: R iterates until its log likelihood changes by
1e-13 of itself, which leaves 1e-12 to 1e-9 of a coefficient."""
FEW_STEPS = 1e-6
"""Relative, where R's penalised fits stop at its looser default."""


def columns_of(d: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Build R's design columns by their names, products of columns included."""
    return np.column_stack(
        [np.prod([d[part].to_numpy(float) for part in name.split(":")], axis=0) for name in names]
    )


def _with_levels(d: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Build treatment-coded columns: "genderm" is the level m of gender."""
    made = []
    for name in names:
        if name in d:
            made.append(d[name].to_numpy(float))
            continue
        column = max((c for c in d if name.startswith(c)), key=len)
        made.append((d[column].to_numpy() == name.removeprefix(column)).astype(float))
    return np.column_stack(made)


def compare_fit(case: Case, fit: CoxFit | Any, out: dict[str, Any], tol: float = FIT) -> None:
    """Compare coefficients, variances, likelihoods and tests; `fit` may be an exact one."""
    robust = "naive_var" in out
    V = robust_covariance(fit) if robust else fit.covariance
    case.agree("coefficients", fit.coefficients, out["coef"], rtol=tol)
    size = np.sqrt(np.outer(np.diag(out["var"]), np.diag(out["var"])))
    case.agree("covariance", V / size, np.array(out["var"]) / size, rtol=tol, atol=tol)
    if robust:
        naive = np.array(out["naive_var"])
        case.agree("model covariance", fit.covariance / size, naive / size, rtol=tol, atol=tol)
        case.agree("robust score test", robust_score_test(fit).statistic, out["robust_score"])
        case.agree("its p", robust_score_test(fit).p, out["robscoretest"]["pvalue"], rtol=FIT)
    case.agree("standard errors", np.sqrt(np.diag(V)), out["se"], rtol=tol)
    case.agree("null log likelihood", fit.log_likelihood_null, out["loglik_null"])
    case.agree("log likelihood", fit.log_likelihood, out["loglik"])
    tests = global_tests(fit, V)
    for name, got in (
        ("lrtest", tests.likelihood_ratio),
        ("waldtest", tests.wald),
        ("scoretest", tests.score),
    ):
        want = out[name]
        case.agree(name, got.statistic, want["test"], rtol=FIT)
        case.agree(f"{name}, df", got.df, want["df"])
        case.agree(f"{name}, p", got.p, want["pvalue"], rtol=1e-7)
    each = wald_inference(fit, covariance=V)
    table = np.array(out["coef_table"]["m"])
    case.agree("hazard ratios", np.exp(each.estimate), table[:, 1], rtol=tol)
    case.agree("z", each.z, table[:, -2], rtol=tol)
    case.agree("p", each.p, table[:, -1], rtol=1e-7)
    limits = np.array(out["conf_int"]["m"])[:, 2:]
    case.agree("limits", np.exp(np.column_stack([each.lower, each.upper])), limits, rtol=tol)
    events = int(out["nevent"])
    aic, bic = information_criteria(fit, events)
    case.agree("AIC, BIC", [aic, bic], [out["aic"], out["bic"]])


def _compare_residuals(case: Case, fit: CoxFit, out: dict[str, Any]) -> None:
    schoenfeld = schoenfeld_residuals(fit)
    ours: dict[str, Callable[[], Floats]] = {
        "martingale": lambda: martingale_residuals(fit),
        "deviance": lambda: deviance_residuals(fit),
        "score": lambda: score_residuals(fit),
        "dfbeta": lambda: dfbeta(fit),
        "dfbetas": lambda: dfbetas(fit),
        "schoenfeld": lambda: schoenfeld.residual,
        "scaledsch": lambda: schoenfeld.scaled,
    }
    for name, want in out.items():
        got = ours[name]()
        if got.ndim == 1:
            agree_with_summary(case, name, got, want, rtol=FIT, atol=1e-9)
            continue
        size = np.sqrt(np.array(want["sumsq"]) / want["n"])
        first, last = np.array(want["first"]), np.array(want["last"])
        case.agree(f"{name}, n", len(got), want["n"])
        case.agree(f"{name}, first", got[:5] / size, first / size, rtol=FIT, atol=1e-8)
        case.agree(f"{name}, last", got[-5:] / size, last / size, rtol=FIT, atol=1e-8)
        case.agree(f"{name}, sumsq", np.square(got).sum(axis=0), want["sumsq"], rtol=FIT)
        total = got.sum(axis=0) / size
        case.agree(f"{name}, sum", total, np.array(want["sum"]) / size, rtol=FIT, atol=1e-8)
        if "time_first" in want:
            case.agree("times", schoenfeld.time[:5], want["time_first"])


def _compare_what_follows(case: Case, fit: CoxFit, out: dict[str, Any]) -> None:
    """Compare residuals and the test of proportional hazards, where R has them."""
    if "residuals" in out:
        _compare_residuals(case, fit, out["residuals"])
    if "zph" in out:
        _compare_zph(case, fit, out["zph"])


def _compare_zph(case: Case, fit: CoxFit, out: dict[str, Any]) -> None:
    given = fit.data.given
    for transform, want in out.items():
        g: Any = transform
        if transform == "km" and (given.weights != 1).any():
            # R's transform takes no notice of case weights; ours is that of replicated rows.
            curve = kaplan_meier(given.exit, given.left, given.entry)
            before = np.append(1.0, curve.survival)
            g = 1 - before[np.searchsorted(curve.time, fit.data.grid.time, side="left")]
        got = proportionality_test(fit, g)
        table = np.array(want["table"])
        case.agree(f"zph {transform}", got.chi2, table[:, 0], rtol=1e-7)
        case.agree(f"zph {transform}, df", got.df, table[:, 1])
        case.agree(f"zph {transform}, p", got.p, table[:, 2], rtol=1e-7)


def _compare_baseline(
    case: Case, fit: CoxFit, out: dict[str, Any], means: Floats, offset_mean: float = 0.0
) -> None:
    """R centres at its own means (0 for columns of -1, 0, 1) or not at all."""
    bases = baseline_hazards(fit)
    centre, b = fit.data.rows.centre, fit.coefficients
    given = fit.data.given
    for kind, of in (("centered", means), ("uncentered", np.zeros_like(means))):
        factor = np.exp((of - centre) @ b + offset_mean - (fit.data.offset_centre or 0.0))
        for number, want in enumerate(out[kind].values()):
            base = bases[number]
            at = np.searchsorted(base.time, want["time"], side="right")
            steps = np.append(0.0, base.cumulative) * factor
            # R ends a curve with its last time; up to there it carries values on.
            case.agree(f"{kind} baseline hazard", steps[at], want["hazard"], rtol=FIT)
            case.agree(f"{kind} baseline hazard, last", steps[-1], want["last"], rtol=FIT)
            here = given.exit[given.strata == number]
            case.agree("its times", len(np.unique(here)), want["n_times"])


def _compare_survfit(
    case: Case,
    fit: CoxFit,
    out: dict[str, Any],
    names: Sequence[str],
    covariance: Floats | None = None,
) -> None:
    new = columns_of(pd.DataFrame(out["newdata"]), names)
    interval: Literal["log", "log-log"] = out["conf_type"]
    curves = cox_curves(fit, covariance)
    times = np.array(out["time"], dtype=float)
    if out["strata"] is None:
        parts = [(0, new, np.arange(len(times)))]
    else:  # a curve for each new row, in its own stratum, one after another
        codes = np.array(out["newdata"]["female"])
        of = np.array(out["strata"], dtype=int) - 1
        parts = [(code, new[[i]], np.flatnonzero(of == i)) for i, code in enumerate(codes)]
    for code, X, rows in parts:
        got = predict_survival(
            curves, X, times[rows], strata=np.full(len(X), code), interval=interval
        )
        beyond = np.isnan(got.survival[0])
        rows = rows[~beyond]
        for name, ours in (
            ("surv", got.survival),
            ("std_err", got.std_err),
            ("lower", got.lower),
            ("upper", got.upper),
            ("cumhaz", got.hazard),
            ("std_chaz", got.hazard_std_err),
        ):
            want = np.array(out[name], dtype=float).reshape(len(times), -1)[rows]
            case.agree(f"predicted {name}", ours[:, ~beyond].T, want, rtol=FIT, atol=1e-10)


def _compare_predictions(
    case: Case, fit: CoxFit, d: pd.DataFrame, out: dict[str, Any], end: str, entry: str | None
) -> None:
    """R's predict(): lp and terms about its own centre, expected and survival of each row."""
    names, V = fit.data.names, fit.covariance
    means = np.array(case.out["means"])
    for which, want in out.items():
        new = d if which == "train" else pd.DataFrame(want["newdata"])
        X = columns_of(new, names) - means
        relative = np.exp(X @ fit.coefficients)
        stratified = len(fit.data.grid.starts) > 1
        strata = new["female"].to_numpy(int) if stratified else np.zeros(len(new), dtype=int)
        if stratified:  # R centres within strata
            given = fit.data.given
            own = np.array(
                [columns_of(d, names)[given.strata == s].mean(axis=0) for s in np.unique(strata)]
            )
            X = columns_of(new, names) - own[strata]
            relative = np.exp(X @ fit.coefficients)
        lp = X @ fit.coefficients
        lp_se = np.sqrt(np.einsum("ij,jk,ik->i", X, V, X))
        case_rows = np.arange(len(new))
        at = predict_survival(fit, columns_of(new, names), new[end].unique(), strata=strata)
        column = pd.Categorical(new[end], categories=new[end].unique()).codes
        hazard, hazard_se = at.hazard[case_rows, column], at.hazard_std_err[case_rows, column]
        if entry is not None:
            pieces = [
                predict_path(fit, x[None], [a], [b], [b])
                for x, a, b in zip(columns_of(new, names), new[entry], new[end], strict=True)
            ]
            hazard = np.array([each.hazard[0, 0] for each in pieces])
            hazard_se = np.array([each.hazard_std_err[0, 0] for each in pieces])
        if which == "train":  # R counts those who leave to their own share of ties
            hazard = fit.data.given.left - martingale_residuals(fit)
        for kind, got, error in (
            ("lp", lp, lp_se),
            ("risk", relative, lp_se * np.sqrt(relative)),
            ("expected", hazard, hazard_se),
            ("survival", np.exp(-hazard), np.exp(-hazard) * hazard_se),
        ):
            agree_with_summary(case, f"{which} {kind}", got, want[kind]["fit"], rtol=FIT)
            if entry is None or kind in ("lp", "risk"):
                agree_with_summary(case, f"{which} {kind}, SE", error, want[kind]["se"], rtol=1e-7)
                continue
            if which == "new":  # R's errors here are not those of its own survfit, which are ours
                continue
            # Of the hazard between entry and exit R takes the variance to be the difference of
            # the variances up to each; tests/stats/cox/test_prediction.py shows what it is.
            for part, rows in (("first", slice(0, 5)), ("last", slice(-5, None))):
                first = (new[entry] == 0).to_numpy()[rows]
                theirs = np.array(want[kind]["se"][part])[first]
                case.agree(f"{which} {kind}, SE", error[rows][first], theirs, rtol=1e-7)
        away = columns_of(new, names) - means
        for kind, got in (
            ("fit", away * fit.coefficients),
            ("se", np.abs(away) * np.sqrt(np.diag(V))),
        ):
            for j in range(len(means)):
                summary = {
                    part: np.array(value)[..., j] if part not in ("n", "colnames") else value
                    for part, value in want["terms"][kind].items()
                }
                agree_with_summary(case, f"{which} term {j} {kind}", got[:, j], summary, rtol=FIT)


def _lung(case: Case, d: pd.DataFrame, **options: Any) -> CoxFit:
    names = case.out["coef_names"]
    return fit_cox(columns_of(d, names), d["time"], d["status"] == 1, names=names, **options)


def _compare_concordance(case: Case, fit: CoxFit, d: pd.DataFrame, out: dict[str, Any]) -> None:
    given = fit.data.given
    score = columns_of(d, fit.data.names) @ fit.coefficients
    # R forms scores at full precision; ours tie where rounding alone parts them.
    score = np.round(score, 10)
    for name, want in out.items():
        got = concordance(
            score,
            given.exit,
            given.left,
            given.entry,
            given.weights,
            given.strata,
            given.clusters,
            time_weight="n" if name == "n_ymax" else name,
            until=want.get("ymax", np.inf),
        )
        case.agree(f"concordance {name}", got.concordance, want["concordance"], rtol=FIT)
        case.agree(f"concordance {name}, SE", got.std_err, want["se"], rtol=1e-6)


@against("d_cox_lung", "efron", "breslow", estimator="fit_cox")
def lung(case: Case) -> None:
    d, out = case.data(), case.out
    fit = _lung(case, d, ties=case.name)
    compare_fit(case, fit, out)
    _compare_what_follows(case, fit, out)
    _compare_baseline(case, fit, out["basehaz"], np.array(out["means"]))
    _compare_survfit(case, fit, out["survfit_log"], out["coef_names"])
    _compare_survfit(case, fit, out["survfit_loglog"], out["coef_names"])
    _compare_predictions(case, fit, d, out["predict"], "time", None)
    _compare_concordance(case, fit, d, out["concordance"])


@against("d_cox_lung", "exact", estimator="fit_cox_exact")
def exact(case: Case) -> None:
    d, names = case.data(), case.out["coef_names"]
    compare_fit(case, fit_cox_exact(columns_of(d, names), d["time"], d["status"] == 1), case.out)


@against("d_cox_lung", "null_model_residuals", estimator="martingale_residuals")
def nocolumns_of(case: Case) -> None:
    d = case.data()
    fit = fit_cox(np.empty((len(d), 0)), d["time"], d["status"] == 1)
    case.agree("log likelihood", fit.log_likelihood, case.out["loglik"])
    agree_with_summary(
        case, "martingale", martingale_residuals(fit), case.out["martingale"], rtol=CLOSED_FORM
    )
    agree_with_summary(
        case, "deviance", deviance_residuals(fit), case.out["deviance"], rtol=CLOSED_FORM
    )


@against("d_cox_lung", "single_covariate", estimator="fit_cox")
def one_column(case: Case) -> None:
    compare_fit(case, _lung(case, case.data()), case.out)


@against("d_cox_lung", "interaction_and_poly", estimator="fit_cox")
def products(case: Case) -> None:
    d = case.data()
    d["I(wt.loss^2)"] = d["wt.loss"] ** 2
    compare_fit(case, _lung(case, d), case.out)


@against("d_cox_lung", "wald_confint_90", estimator="wald_inference")
def other_level(case: Case) -> None:
    d = case.data()
    fit = fit_cox(columns_of(d, ["age", "female"]), d["time"], d["status"] == 1)
    each = wald_inference(fit, level=0.9)
    case.agree("limits", np.column_stack([each.lower, each.upper]), case.out["confint90"], rtol=FIT)


@against("d_cox_lung", "spline_ns3_age", estimator="fit_cox")
def natural_spline(case: Case) -> None:
    d = case.data()
    basis = _natural_basis(d["age"].to_numpy(float), case.out["knots"], case.out["boundary"])
    # The basis is R's up to the signs of a QR decomposition.
    basis *= np.sign(basis[0] * np.array(case.out["basis_first"][0]))
    case.agree("basis", basis[: len(case.out["basis_first"])], case.out["basis_first"])
    X = np.column_stack([basis, d["female"]])
    compare_fit(case, fit_cox(X, d["time"], d["status"] == 1), case.out)


def _natural_basis(x: Floats, knots: list[float], boundary: list[float]) -> Floats:
    """Cubic B-splines without an intercept, straight at the boundary: R's ``ns``."""
    whole = np.r_[[boundary[0]] * 4, knots, [boundary[1]] * 4]
    columns = BSpline.design_matrix(x, whole, 3).toarray()[:, 1:]
    splines = [BSpline.basis_element(whole[i : i + 5], extrapolate=False) for i in range(7)]
    bend = np.array(
        [
            [np.nan_to_num(BSpline(whole, np.eye(6)[i], 3).derivative(2)(end)) for i in range(1, 6)]
            for end in boundary
        ]
    )
    assert len(splines) == 7
    q = np.linalg.qr(bend.T, mode="complete")[0]
    return np.asarray((columns @ q)[:, 2:])


@against(
    "d_cox_float_noise",
    "exact_times",
    "noisy_times_timefix",
    "noisy_times_no_timefix",
    estimator="fit_cox",
)
def noise(case: Case) -> None:
    d = case.data()
    fit = fit_cox(
        columns_of(d, case.out["coef_names"]),
        d["years" if case.name == "exact_times" else "years2"],
        d["status"] == 1,
        merge_ties=case.name != "noisy_times_no_timefix",
    )
    compare_fit(case, fit, case.out)


@against(
    "d_cox_turnover",
    "numeric_efron",
    "all_factors",
    "strata_industry",
    "cluster_industry",
    estimator="fit_cox",
)
def turnover(case: Case) -> None:
    d, out = case.data(), case.out
    d["male"], d["greywage_black"] = d["gender"] == "m", d["greywage"] != "white"
    options: dict[str, Any] = {}
    if case.name == "strata_industry":
        options["strata"] = d["industry"]
    if case.name == "cluster_industry":
        options["clusters"] = d["industry"]
    names = out["coef_names"]
    fit = fit_cox(_with_levels(d, names), d["stag"], d["event"] == 1, names=names, **options)
    compare_fit(case, fit, out)
    _compare_what_follows(case, fit, out)


@against(
    "d_cox_lefttrunc_physicians",
    "left_truncated_efron",
    "left_truncated_breslow",
    "ignoring_truncation",
    "left_truncated_strata_parttime",
    estimator="fit_cox",
)
def late_entry(case: Case) -> None:
    d, out = case.data(), case.out
    names = out["coef_names"]
    fit = fit_cox(
        columns_of(d, names),
        d["exit"],
        d["event"] == 1,
        None if case.name == "ignoring_truncation" else d["entry"],
        strata=d["part_time"] if "strata" in case.name else None,
        ties="breslow" if "breslow" in case.name else "efron",
        names=names,
    )
    compare_fit(case, fit, out)
    _compare_what_follows(case, fit, out)


@against(
    "d_cox_weights_strata_lung",
    "case_weights",
    "case_weights_robust",
    "case_weights_breslow",
    "offset",
    "cluster_inst",
    "cluster_inst_breslow_weights",
    "robust_no_cluster",
    "strata_female",
    "strata_inst_breslow",
    "strata_by_covariate_interaction",
    estimator="fit_cox",
)
def weights_and_strata(case: Case) -> None:
    d, out, name = case.data(), case.out, case.name
    options: dict[str, Any] = {"ties": "breslow" if "breslow" in name else "efron"}
    if "weights" in name:
        options["weights"] = d["w"]
    if name.startswith("strata"):
        options["strata"] = d["inst" if "inst" in name else "female"]
    if "cluster_inst" in name:
        options["clusters"] = d["inst"]
    if name == "offset":
        options["offset"] = d["off"]
    d = d.rename(columns={"female": "strata(female)female=1"}, copy=True).assign(female=d["female"])
    fit = _lung(case, d, **options)
    compare_fit(case, fit, out)
    V = robust_covariance(fit) if "naive_var" in out else fit.covariance
    _compare_what_follows(case, fit, out)
    if "basehaz" in out:
        moved = float(d["off"].mean()) if name == "offset" else 0.0
        _compare_baseline(case, fit, out["basehaz"], np.array(out["means"]), moved)
    for key in ("survfit", "survfit_log", "survfit_loglog"):
        if key in out:
            _compare_survfit(case, fit, out[key], out["coef_names"], V)
    if "predict" in out:
        _compare_predictions(case, fit, d, out["predict"], "time", None)
    if "concordance" in out:
        _compare_concordance(case, fit, d, out["concordance"])
    each = dfbeta(fit)
    if "dfbeta_collapsed" in out:
        codes = np.unique(d["inst"], return_inverse=True)[1]
        _compare_matrix(
            case, "dfbeta by inst", sum_by_cluster(each, codes), out["dfbeta_collapsed"]
        )
    if "dfbeta_weighted" in out:
        _compare_matrix(case, "weighted dfbeta", each, out["dfbeta_weighted"])


def _compare_matrix(case: Case, what: str, got: Floats, want: dict[str, Any]) -> None:
    size = np.sqrt(np.array(want["sumsq"]) / want["n"])
    case.agree(f"{what}, n", len(got), want["n"])
    for part, ours in (("first", got[:5]), ("last", got[-5:]), ("sum", got.sum(axis=0))):
        case.agree(f"{what}, {part}", ours / size, np.array(want[part]) / size, rtol=FIT, atol=1e-8)
    case.agree(f"{what}, sumsq", np.square(got).sum(axis=0), want["sumsq"], rtol=FIT)


@against(
    "d_cox_tvc_heart",
    "tvc_efron",
    "tvc_breslow",
    "tvc_cluster_id",
    "tvc_interaction",
    estimator="fit_cox",
)
def start_stop(case: Case) -> None:
    d, out = case.data(), case.out
    names = out["coef_names"]
    fit = fit_cox(
        columns_of(d, names),
        d["stop"],
        d["event"] == 1,
        d["start"],
        clusters=d["id"] if "cluster" in case.name else None,
        ties="breslow" if "breslow" in case.name else "efron",
        names=names,
    )
    compare_fit(case, fit, out)
    _compare_what_follows(case, fit, out)
    if "basehaz" in out:
        _compare_baseline(case, fit, out["basehaz"], np.array(out["means"]))
    for key in ("survfit_log", "survfit_loglog"):
        if key in out:
            _compare_survfit(case, fit, out[key], names)
    if "predict" in out:
        _compare_predictions(case, fit, d, out["predict"], "stop", "start")
    if "concordance" in out:
        _compare_concordance(case, fit, d, out["concordance"])
    people = np.unique(d["id"], return_inverse=True)[1]
    if "martingale_by_id" in out:
        summed = np.bincount(people, martingale_residuals(fit))
        agree_with_summary(
            case, "martingale by id", summed, out["martingale_by_id"], rtol=FIT, atol=1e-9
        )
        _compare_matrix(
            case, "dfbeta by id", sum_by_cluster(dfbeta(fit), people), out["dfbeta_by_id"]
        )


@against("d_cox_tvc_heart", "survfit_covariate_path", estimator="predict_path")
def path(case: Case) -> None:
    d, out = case.data(), case.out
    names = ["age", "year", "surgery", "transplant"]
    fit = fit_cox(columns_of(d, names), d["stop"], d["event"] == 1, d["start"])
    stretches = pd.DataFrame(out["path"])
    for person, rows in stretches.groupby("id"):
        here = np.flatnonzero(np.array(out["id"]) == str(person))
        times = np.array(out["time"], dtype=float)[here]
        got = predict_path(fit, columns_of(rows, names), rows["start"], rows["stop"], times)
        # R carries a curve on beyond the path's end; here it is not estimable there.
        known = times <= rows["stop"].max()
        assert np.isnan(got.survival[0, ~known]).all()
        case.agree("surv", got.survival[0, known], np.array(out["surv"])[here][known], rtol=FIT)
        # R's error takes the last stretch's columns for the whole past: it agrees on the first
        # stretch alone. tests/stats/cox/test_prediction.py shows ours to be the derivative's.
        known &= times <= rows["stop"].min()
        for name, ours in (("std_err", got.std_err), ("lower", got.lower), ("upper", got.upper)):
            case.agree(name, ours[0, known], np.array(out[name])[here][known], rtol=FIT)


@against("d_cox_timedependent_effects", "tt_age_logt", estimator="fit_cox_time_effects")
def changing_effect(case: Case) -> None:
    d = case.data()
    effect = TimeEffect(column=1, function=lambda x, t: x * np.log(t + 20), name="tt(age)")
    fit = fit_cox_time_effects(
        columns_of(d, ["female", "age"]),
        d["time"],
        d["status"] == 1,
        effects=[effect],
        ties="breslow",
    )
    compare_fit(case, fit, case.out)


@against("d_cox_timedependent_effects", "survSplit_cut", estimator="split_rows")
def stepwise_effect(case: Case) -> None:
    d = case.data()
    pieces = split_rows(d["time"], d["status"] == 1, [90, 180, 365])
    case.agree("rows", len(pieces.row), case.out["n_rows"])
    steps = d["female"].to_numpy(float)[pieces.row, None] * (
        pieces.episode[:, None] == np.arange(4)
    )
    X = np.column_stack([columns_of(d, ["age", "ph.ecog"])[pieces.row], steps])
    compare_fit(case, fit_cox(X, pieces.exit, pieces.left, pieces.entry), case.out)


def _compare_penalised(case: Case, fit: CoxFit, penalty: Floats) -> None:
    out, b = case.out, fit.coefficients
    case.agree("coefficients", b, out["coef"], rtol=FEW_STEPS)
    # R's var is the inverse of the penalised information, its var2 the sandwich of it.
    sandwich = fit.covariance @ fit.information @ fit.covariance
    case.agree("var", fit.covariance, out["var"], rtol=FEW_STEPS, atol=1e-9)
    case.agree("var2", sandwich, out["var2"], rtol=FEW_STEPS, atol=1e-9)
    both = [fit.log_likelihood_null, fit.log_likelihood]
    case.agree("log likelihoods", both, out["loglik"])
    case.agree("penalty", b @ np.diag(penalty) @ b / 2, out["penalty"][1], rtol=FEW_STEPS)
    df = np.trace(fit.information @ fit.covariance)
    case.agree("df", df, np.sum(out["df"]), rtol=FEW_STEPS)
    wald = b @ np.linalg.solve(fit.covariance, b)
    case.agree("Wald", wald, out["wald"], rtol=FEW_STEPS)


@against(
    "d_cox_frailty_ridge_kidney",
    "ridge_scaled_theta1",
    "ridge_unscaled_theta10",
    estimator="fit_cox(penalty=...)",
)
def ridge(case: Case) -> None:
    d = case.data()
    X = columns_of(d, ["age", "male", "frail"])
    scale = np.var(X, axis=0, ddof=1) if case.name[6:] == "scaled_theta1" else np.ones(3)
    penalty = (1.0 if case.name.endswith("theta1") else 10.0) * scale
    fit = fit_cox(X, d["time"], d["status"] == 1, penalty=penalty)
    _compare_penalised(case, fit, penalty)


@against("d_cox_frailty_ridge_kidney", "cluster_id", estimator="robust_covariance")
def kidney_clusters(case: Case) -> None:
    d = case.data()
    X = columns_of(d, case.out["coef_names"])
    fit = fit_cox(X, d["time"], d["status"] == 1, clusters=d["id"])
    compare_fit(case, fit, case.out)


@against(
    "d_cox_penalised_turnover",
    "ridge_theta5_unscaled_breslow",
    "ridge_theta50_scaled_efron",
    estimator="fit_cox(penalty=...)",
)
def ridge_turnover(case: Case) -> None:
    d = case.data()
    d["male"] = d["gender"] == "m"
    names = ["age", "male", "extraversion", "independ", "selfcontrol", "anxiety", "novator"]
    X, scaled = columns_of(d, names), "50_scaled" in case.name
    penalty = 50.0 * np.var(X, axis=0, ddof=1) if scaled else np.full(len(names), 5.0)
    ties: Literal["efron", "breslow"] = "efron" if scaled else "breslow"
    fit = fit_cox(X, d["stag"], d["event"] == 1, penalty=penalty, ties=ties)
    _compare_penalised(case, fit, penalty)


@against("d_cox_penalised_turnover", "pspline_age_df4", estimator="fit_cox_spline")
def smooth_age(case: Case) -> None:
    d, out = case.data(), case.out
    male = (d["gender"] == "m").to_numpy(float)[:, None]
    # R stops near 4 degrees of freedom: where it stopped.
    found = fit_cox_spline(
        male, d["age"], d["stag"], d["event"] == 1, df=out["df"][0], intervals=10
    )
    fit = found.fit
    case.agree("log likelihoods", [fit.log_likelihood_null, fit.log_likelihood], out["loglik"])
    case.agree("df of age", found.df, out["df"][0])
    sandwich = fit.covariance @ fit.information @ fit.covariance
    case.agree("df of male", sandwich[0, 0] / fit.covariance[0, 0], out["df"][1], rtol=FIT)
    case.agree("coefficient of male", fit.coefficients[0], out["coef_male"], rtol=FIT)
    effect = spline_effect(found, out["age"], float(out["age"][0])).effect
    want = np.array(out["term_age"]) - out["term_age"][0]
    case.agree("effect of age", effect, want, rtol=FIT, atol=1e-10)
