"""The sides of other Python libraries, as their documentation has them used."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.ours import MONTHS, OF_PATH, Figures, Run
from benchmarks.simulate import Data, Floats


def _step(time: Floats, value: Floats) -> Floats:
    """Read a right-continuous step function off at MONTHS, where it is past its first step."""
    return np.asarray(value)[np.searchsorted(np.asarray(time), MONTHS, side="right") - 1]


def _frame(d: Data, *others: str) -> pd.DataFrame:
    frame = pd.DataFrame(d.X, columns=[name for name in d.names if name[0] == "x"])
    frame["time"], frame["left"] = d.time, d.left.astype(int)
    return frame.assign(**{name: d.column[name] for name in others})


# lifelines ---------------------------------------------------------------------------------


def lifelines_cox(d: Data, **options: object) -> Run:
    from lifelines import CoxPHFitter

    frame = _frame(d, *(str(name) for name in options.values()))

    def run() -> Figures:
        fit = CoxPHFitter().fit(frame, "time", "left", **options)
        return [*fit.params_, *fit.standard_errors_]

    return run


def lifelines_start_stop(d: Data) -> Run:
    return lifelines_cox(d, entry_col="entry")


def lifelines_robust(d: Data) -> Run:
    return lifelines_cox(d, cluster_col="group")


def lifelines_bootstrap(d: Data) -> Run:
    from lifelines import CoxPHFitter

    frame, draws = _frame(d), d.draws()

    def run() -> Figures:
        fits = [CoxPHFitter().fit(frame.iloc[i], "time", "left").params_ for i in draws]
        return [*np.mean(fits, axis=0), *np.std(fits, axis=0, ddof=1)]

    return run


def lifelines_weibull(d: Data) -> Run:
    from lifelines import WeibullAFTFitter

    frame = _frame(d)

    def run() -> Figures:
        found = WeibullAFTFitter().fit(frame, "time", "left").params_
        slopes = found["lambda_"][[name for name in frame if name[0] == "x"]]
        return [*slopes, found["lambda_", "Intercept"], np.exp(-found["rho_", "Intercept"])]

    return run


def lifelines_survival(d: Data) -> Run:
    from lifelines import KaplanMeierFitter

    def run() -> Figures:
        curve = KaplanMeierFitter().fit(d.time, d.left).survival_function_
        return _step(curve.index, curve.iloc[:, 0])

    return run


def lifelines_incidence(d: Data) -> Run:
    from lifelines import AalenJohansenFitter

    def run() -> Figures:
        found = []
        for cause in range(1, d.event.max() + 1):
            fit = AalenJohansenFitter(seed=1).fit(d.time, d.event, event_of_interest=cause)
            curve = fit.cumulative_density_
            found.append(_step(curve.index, curve.iloc[:, 0]))
        return np.concatenate(found)

    return run


def lifelines_c_index(d: Data) -> Run:
    from lifelines.utils import concordance_index

    return lambda: [concordance_index(d.time, -d.column["score"], d.left)]


def lifelines_log_rank(d: Data) -> Run:
    from lifelines.statistics import multivariate_logrank_test

    group = d.column["group"]
    return lambda: [multivariate_logrank_test(d.time, group, d.left).test_statistic]


# scikit-survival ---------------------------------------------------------------------------


def sksurv_cox(d: Data) -> Run:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    y = Surv.from_arrays(d.left, d.time)
    return lambda: CoxPHSurvivalAnalysis(ties="efron").fit(d.X, y).coef_


def sksurv_bootstrap(d: Data) -> Run:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    y, draws = Surv.from_arrays(d.left, d.time), d.draws()

    def run() -> Figures:
        fits = [CoxPHSurvivalAnalysis(ties="efron").fit(d.X[i], y[i]).coef_ for i in draws]
        return [*np.mean(fits, axis=0), *np.std(fits, axis=0, ddof=1)]

    return run


def sksurv_elastic_net(d: Data) -> Run:
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    y, spread = Surv.from_arrays(d.left, d.time), d.X.std(axis=0)

    def run() -> Figures:
        model = CoxnetSurvivalAnalysis(l1_ratio=1.0, alpha_min_ratio=1e-4, max_iter=10**6)
        return (model.fit(d.X / spread, y).coef_.T[OF_PATH] / spread).ravel()

    return run


def sksurv_survival(d: Data) -> Run:
    from sksurv.nonparametric import kaplan_meier_estimator

    return lambda: _step(*kaplan_meier_estimator(d.left, d.time))


def sksurv_incidence(d: Data) -> Run:
    from sksurv.nonparametric import cumulative_incidence_competing_risks

    def run() -> Figures:
        time, found = cumulative_incidence_competing_risks(d.event, d.time)
        return np.concatenate([_step(time, each) for each in found[1:]])

    return run


def sksurv_c_index(d: Data) -> Run:
    from sksurv.metrics import concordance_index_censored

    return lambda: [concordance_index_censored(d.left, d.time, d.column["score"])[0]]


def sksurv_log_rank(d: Data) -> Run:
    from sksurv.compare import compare_survival
    from sksurv.util import Surv

    y, group = Surv.from_arrays(d.left, d.time), d.column["group"]
    return lambda: [compare_survival(y, group)[0]]


# greenwood ---------------------------------------------------------------------------------


def greenwood_cox(d: Data, **options: object) -> Run:
    from greenwood import CoxPH, Surv

    def run() -> Figures:
        fit = CoxPH().fit(Surv(d.time, event=d.left.astype(int)), d.X, **options)
        return [*fit.coef_, *fit.std_error_]

    return run


def greenwood_robust(d: Data) -> Run:
    return greenwood_cox(d, cluster=d.column["group"])


def greenwood_start_stop(d: Data) -> Run:
    from greenwood import CoxPH, Surv

    def run() -> Figures:
        fit = CoxPH().fit(Surv(d.entry, d.time, d.left.astype(int)), d.X)
        return [*fit.coef_, *fit.std_error_]

    return run


def greenwood_bootstrap(d: Data) -> Run:
    from greenwood import CoxPH, Surv

    left, draws = d.left.astype(int), d.draws()

    def run() -> Figures:
        fits = [CoxPH().fit(Surv(d.time[i], event=left[i]), d.X[i]).coef_ for i in draws]
        return [*np.mean(fits, axis=0), *np.std(fits, axis=0, ddof=1)]

    return run


def greenwood_frailty(d: Data) -> Run:
    from greenwood import CoxPH, Surv

    group = d.column["group"]

    def run() -> Figures:
        surv = Surv(d.time, event=d.left.astype(int))
        fit = CoxPH(ties="breslow").fit(surv, d.X, frailty="gamma", frailty_cluster=group)
        return [*fit.coef_, fit.frailty_theta_]

    return run


def greenwood_weibull(d: Data) -> Run:
    from greenwood import AFT, Surv

    def run() -> Figures:
        fit = AFT("weibull").fit(Surv(d.time, event=d.left.astype(int)), d.X)
        return [*fit.coef_[1:], fit.coef_[0], fit.scale_]

    return run


def greenwood_survival(d: Data) -> Run:
    from greenwood import KaplanMeier, Surv

    def run() -> Figures:
        fit = KaplanMeier().fit(Surv(d.time, event=d.left.astype(int)))
        return _step(fit.time_, fit.survival_)

    return run


def greenwood_incidence(d: Data) -> Run:
    from greenwood import AalenJohansen, Surv

    event = pd.Categorical(d.event)

    def run() -> Figures:
        curves = AalenJohansen().fit(Surv(d.time, event=event)).to_frame()
        return np.concatenate(
            [_step(each["time"], each["estimate"]) for _, each in curves.groupby("cause")]
        )

    return run


def greenwood_c_index(d: Data) -> Run:
    from greenwood import Surv, concordance_index

    surv = Surv(d.time, event=d.left.astype(int))
    return lambda: [concordance_index(surv, d.column["score"])]


def greenwood_log_rank(d: Data) -> Run:
    from greenwood import Surv, logrank_test

    surv, group = Surv(d.time, event=d.left.astype(int)), d.column["group"]
    return lambda: [logrank_test(surv, group).statistic]


# comprisk ----------------------------------------------------------------------------------


def comprisk_incidence(d: Data) -> Run:
    from comprisk import CumulativeIncidence

    def run() -> Figures:
        curves = CumulativeIncidence().fit(d.time, d.event).curves_
        causes = range(1, d.event.max() + 1)
        return np.concatenate([_step(curves[None, c].times, curves[None, c].cif) for c in causes])

    return run


SIDES: dict[str, dict[str, Callable[[Data], Run]]] = {
    "lifelines": {
        "cox": lifelines_cox,
        "start_stop": lifelines_start_stop,
        "cluster_robust": lifelines_robust,
        "bootstrap": lifelines_bootstrap,
        "weibull": lifelines_weibull,
        "survival": lifelines_survival,
        "incidence": lifelines_incidence,
        "c_index": lifelines_c_index,
        "log_rank": lifelines_log_rank,
    },
    "scikit-survival": {
        "cox": sksurv_cox,
        "bootstrap": sksurv_bootstrap,
        "elastic_net": sksurv_elastic_net,
        "survival": sksurv_survival,
        "incidence": sksurv_incidence,
        "c_index": sksurv_c_index,
        "log_rank": sksurv_log_rank,
    },
    "greenwood": {
        "cox": greenwood_cox,
        "start_stop": greenwood_start_stop,
        "cluster_robust": greenwood_robust,
        "bootstrap": greenwood_bootstrap,
        "frailty": greenwood_frailty,
        "weibull": greenwood_weibull,
        "survival": greenwood_survival,
        "incidence": greenwood_incidence,
        "c_index": greenwood_c_index,
        "log_rank": greenwood_log_rank,
    },
    "comprisk": {"incidence": comprisk_incidence},
}
