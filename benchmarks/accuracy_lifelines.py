"""lifelines' answers to the rows of benchmarks/accuracy.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.accuracy_data import MONTHS, Figures, book, fine, four, lung, trainees
from benchmarks.accuracy_peers import DEGENERATE, Peer, of, told


def _lifelines(d: pd.DataFrame, *columns: str, **options: object) -> object:
    from lifelines import CoxPHFitter

    extra = [str(name) for name in options.values() if isinstance(name, str)]
    return CoxPHFitter().fit(d[["time", "e", *columns, *extra]], "time", "e", **options)


@of("cox", "lifelines")
def _() -> Figures:
    fit = _lifelines(trainees(), "age", "sex")
    return [*fit.params_, *fit.standard_errors_]


def _lifelines_weighted(**options: object) -> Peer:
    def fit() -> Figures:
        found = _lifelines(book().rename(columns={"left": "e"}), "x", weights_col="w", **options)
        return [*found.params_, *found.standard_errors_]

    return fit


@of("robust", "lifelines")
def _() -> Figures:
    return [*_lifelines(trainees(), "age", "sex", robust=True).standard_errors_]


@of("cluster", "lifelines")
def _() -> Figures:
    return [*_lifelines(trainees(), "age", "sex", cluster_col="spec").standard_errors_]


def _lifelines_scores(of_data: Callable[[], pd.DataFrame], *, standardised: bool) -> Peer:
    def fit() -> Figures:
        d = of_data()[["time", "e", "age", "sex"]].astype(float)
        X = d[["age", "sex"]]
        if standardised:
            d[["age", "sex"]] = (X - X.mean()) / X.std()
        return [*_lifelines(d, "age", "sex").compute_residuals(d, kind="score").sum().round(6)]

    return fit


@of("survival", "lifelines")
def _() -> Figures:
    fit = _lifelines(trainees(), "age", "sex")
    who = pd.DataFrame({"age": [30.0], "sex": [0.0]})
    return [*fit.predict_survival_function(who, times=MONTHS).iloc[:, 0]]


@of("late concordance", "lifelines")
def _() -> Figures:
    return [_lifelines(trainees(), "age", "sex", entry_col="entry").concordance_index_]


SEEDS = range(1, 41)


def _lifelines_incidence(seed: int) -> np.ndarray:
    from lifelines import AalenJohansenFitter

    d = trainees()
    fit = AalenJohansenFitter(seed=seed, calculate_variance=False)
    curve = fit.fit(d["time"], d["status"], event_of_interest=1).cumulative_density_
    times, values = curve.index.to_numpy(), curve.iloc[:, 0].to_numpy()
    # Tied times are moved by less than a hundredth; read off after the last of a month.
    return values[np.searchsorted(times, np.add(MONTHS, 0.5), side="right") - 1]


@of("incidence", "lifelines, seed 1")
def _() -> Figures:
    return [*_lifelines_incidence(1)]


@of("incidence", "lifelines, seed 2")
def _() -> Figures:
    return [*_lifelines_incidence(2)]


@of("incidence", f"lifelines, mean of {len(SEEDS)} seeds")
def _() -> Figures:
    return [*np.mean([_lifelines_incidence(seed) for seed in SEEDS], axis=0)]


@of("restricted mean", "lifelines, root of return_variance")
def _() -> Figures:
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    curve = KaplanMeierFitter().fit(trainees()["time"], trainees()["e"])
    mean, variance = restricted_mean_survival_time(curve, t=24, return_variance=True)
    return [mean, np.sqrt(variance)]


@of("zph", "lifelines")
def _() -> Figures:
    from lifelines.statistics import proportional_hazard_test

    found = []
    for d in (trainees(), trainees().iloc[::-1].reset_index(drop=True)):
        d = d[["time", "e", "age", "sex"]]
        test = proportional_hazard_test(_lifelines(d, "age", "sex"), d, time_transform="rank")
        found.append(test.summary.loc["age", "p"])
    return found


@of("median", "lifelines")
def _() -> Figures:
    from lifelines import KaplanMeierFitter

    return [KaplanMeierFitter().fit(four()["time"], four()["left"]).median_survival_time_]


@of("beyond", "lifelines")
def _() -> Figures:
    from lifelines import KaplanMeierFitter

    return [*KaplanMeierFitter().fit(trainees()["time"], trainees()["e"]).predict([24, 60])]


def _lifelines_told(*columns: str) -> Peer:
    def fit() -> Figures:
        found = _lifelines(trainees(), *columns)
        return [*found.params_, *found.standard_errors_]

    return lambda: told(fit)


def _lifelines_aft(name: str, **options: object) -> Peer:
    def fit() -> Figures:
        import lifelines

        kind, first, second = {
            "weibull": ("WeibullAFTFitter", "lambda_", "rho_"),
            "loglogistic": ("LogLogisticAFTFitter", "alpha_", "beta_"),
        }[name]
        found = getattr(lifelines, kind)().fit(lung(), "time", "status", **options)
        names = ["age", "sex", "ph.ecog"]
        return [
            *found.params_[first][["Intercept", *names]],
            np.exp(-found.params_[second, "Intercept"]),
            *found.standard_errors_[first][names],
        ]

    return fit


_EXACT = "lifelines, fit_options precision 1e-12"
of("weighted efron", "lifelines")(_lifelines_weighted())
of("weighted efron", _EXACT)(_lifelines_weighted(fit_options={"precision": 1e-12}))
for _key, _data in (("scores", trainees), ("scores untied", fine)):
    of(_key, "lifelines")(_lifelines_scores(_data, standardised=False))
    of(_key, "lifelines, columns standardised")(_lifelines_scores(_data, standardised=True))
for _key, _columns in DEGENERATE.items():
    of(_key, "lifelines")(_lifelines_told(*_columns))
for _name in ("weibull", "loglogistic"):
    of(_name, "lifelines")(_lifelines_aft(_name))
    _options = {"ftol": 1e-12, "gtol": 1e-10}
    of(_name, "lifelines, fit_options ftol 1e-12")(_lifelines_aft(_name, fit_options=_options))
