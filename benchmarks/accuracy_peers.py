"""The same quantities from other Python libraries, as their documentation has them used.

Where a library has no such estimate, or says that it does not take such data, it has no entry.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.accuracy_rows import (
    MONTHS,
    Figures,
    book,
    fine,
    four,
    kidney,
    lung,
    scored,
    trainees,
)

Peer = Callable[[], Figures | str]
PEERS: dict[str, dict[str, Peer]] = {}
"""Key of a row -> label (a library's name on the registry, then what is said of its use) -> it."""

SEEDS = range(1, 41)


def of(key: str, label: str) -> Callable[[Peer], Peer]:
    """Register a peer's answer to a row."""

    def register(peer: Peer) -> Peer:
        PEERS.setdefault(key, {})[label] = peer
        return peer

    return register


def told(fit: Callable[[], Figures]) -> str:
    """Say what a user sees of a fit that has no answer: warnings, figures or an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            figures = ", ".join(f"{each:.4g}" for each in fit())
        except Exception as error:  # noqa: BLE001 - whatever the library raises is what is asked
            return f"error: {_short(error)}"
    heard = list(dict.fromkeys(_short(each.message).split(": slice")[0] for each in caught))
    return f"{figures}; " + ("warning: " + " / ".join(heard) if heard else "no warning")


def _short(said: object, most: int = 160) -> str:
    text = " ".join(str(said).split()).split(" Please see")[0]
    return text if len(text) <= most else text[: most - 3] + "..."


# lifelines ---------------------------------------------------------------------------------


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


# scikit-survival ---------------------------------------------------------------------------


def _sksurv_y(d: pd.DataFrame) -> np.ndarray:
    from sksurv.util import Surv

    return Surv.from_arrays(d["e"], d["time"])


@of("cox", "scikit-survival, ties='efron'")
def _() -> Figures:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    d = trainees()
    return [*CoxPHSurvivalAnalysis(ties="efron").fit(d[["age", "sex"]], _sksurv_y(d)).coef_]


@of("survival", "scikit-survival, ties='efron'")
def _() -> Figures:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    d = trainees()
    fit = CoxPHSurvivalAnalysis(ties="efron").fit(d[["age", "sex"]], _sksurv_y(d))
    who = pd.DataFrame({"age": [30.0], "sex": [0.0]})
    return [*fit.predict_survival_function(who)[0](MONTHS)]


@of("uno", "scikit-survival")
def _() -> Figures:
    from sksurv.metrics import concordance_index_ipcw

    v = scored()
    return [concordance_index_ipcw(_sksurv_y(v), _sksurv_y(v), v["score"].to_numpy())[0]]


@of("incidence", "scikit-survival")
def _() -> Figures:
    from sksurv.nonparametric import cumulative_incidence_competing_risks

    d = trainees()
    time, found = cumulative_incidence_competing_risks(d["status"].to_numpy(), d["time"].to_numpy())
    return [*found[1][np.searchsorted(time, MONTHS, side="right") - 1]]


@of("beyond", "scikit-survival")
def _() -> str:
    from sksurv.nonparametric import SurvivalFunctionEstimator

    fit = SurvivalFunctionEstimator().fit(_sksurv_y(trainees()))
    return told(lambda: [*fit.predict_proba(np.array([24.0, 60.0]))])


def _sksurv_told(*columns: str) -> Peer:
    def fit() -> Figures:
        from sksurv.linear_model import CoxPHSurvivalAnalysis

        d = trainees()
        return [*CoxPHSurvivalAnalysis(ties="efron").fit(d[[*columns]], _sksurv_y(d)).coef_]

    return lambda: told(fit)


# greenwood ---------------------------------------------------------------------------------


def _greenwood(d: pd.DataFrame, *columns: str, **options: object) -> object:
    import greenwood

    fit = greenwood.CoxPH(ties=str(options.pop("ties", "efron")))
    times = [d["entry"].to_numpy(float)] if options.pop("late", False) else []
    y = greenwood.Surv(*times, d["time"].to_numpy(float), d["e"].to_numpy())
    return fit.fit(y, d[[*columns]].astype(float), **options)


@of("cox", "greenwood")
def _() -> Figures:
    fit = _greenwood(trainees(), "age", "sex")
    return [*fit.coef_, *fit.std_error_]


def _greenwood_weighted(ties: str) -> Peer:
    def fit() -> Figures:
        b = book().rename(columns={"left": "e"})
        found = _greenwood(b, "x", ties=ties, weights=b["w"].to_numpy(float))
        return [*found.coef_, *found.std_error_]

    return fit


@of("robust", "greenwood")
def _() -> Figures:
    return [*_greenwood(trainees(), "age", "sex", robust=True).std_error_]


@of("cluster", "greenwood")
def _() -> Figures:
    cluster = trainees()["spec"].to_numpy()
    return [*_greenwood(trainees(), "age", "sex", cluster=cluster).std_error_]


def _greenwood_scores(d: pd.DataFrame) -> Figures:
    found = _greenwood(d, "age", "sex").residuals("score", format="pandas")
    return [*found[["age", "sex"]].sum().round(6)]


@of("scores", "greenwood")
def _() -> Figures:
    return _greenwood_scores(trainees())


@of("scores untied", "greenwood")
def _() -> Figures:
    return _greenwood_scores(fine())


@of("survival", "greenwood")
def _() -> Figures:
    who = pd.DataFrame({"age": [30.0], "sex": [0.0]})
    fit = _greenwood(trainees(), "age", "sex")
    found = fit.predict(who, type="survival", times=MONTHS, format="pandas")
    return [*found.drop(columns="time").iloc[:, 0]]


@of("late concordance", "greenwood")
def _() -> Figures:
    return [_greenwood(trainees(), "age", "sex", late=True).concordance()]


@of("uno", "greenwood")
def _() -> Figures:
    import greenwood

    v = scored()
    y = greenwood.Surv(v["time"].to_numpy(), v["e"].to_numpy())
    return [greenwood.concordance_index_ipcw(y, v["score"].to_numpy())]


def _greenwood_causes(*, late: bool) -> object:
    import greenwood

    d = trainees()
    names = np.array(["censored", "one", "two"])
    event = pd.Categorical(names[d["status"]], categories=names)
    times = [d["entry"].to_numpy(), d["time"].to_numpy()] if late else [d["time"].to_numpy()]
    return greenwood.Surv(*times, event=event)


@of("incidence", "greenwood")
def _() -> Figures:
    import greenwood

    found = greenwood.AalenJohansen().fit(_greenwood_causes(late=False)).to_frame(format="pandas")
    found = found[found["cause"] == "one"]
    place = np.searchsorted(found["time"], MONTHS, side="right") - 1
    return [*found["estimate"].to_numpy()[place]]


@of("restricted mean", "greenwood, from its limits")
def _() -> Figures:
    import greenwood
    from scipy.special import ndtri

    d = trainees()
    y = greenwood.Surv(d["time"].to_numpy(), d["e"].to_numpy())
    mean, lower, upper = greenwood.KaplanMeier().fit(y).rmst(24.0, ci=True)
    return [mean, (upper - lower) / (2 * ndtri(0.975))]


@of("zph", "greenwood")
def _() -> Figures:
    found = []
    for d in (trainees(), trainees().iloc[::-1].reset_index(drop=True)):
        table = _greenwood(d, "age", "sex").cox_zph(transform="rank").to_frame(format="pandas")
        found.append(float(table.set_index("term").loc["age", "p_value"]))
    return found


def _greenwood_fine_gray(*, late: bool) -> Peer:
    def fit() -> Figures:
        import greenwood

        y = _greenwood_causes(late=late)
        return [*greenwood.FineGray(cause="one").fit(y, trainees()[["age", "sex"]]).coef_]

    return fit


def _greenwood_frailty(d: pd.DataFrame, groups: str) -> object:
    given = {"frailty": "gamma", "frailty_cluster": d[groups].to_numpy(), "ties": "breslow"}
    return _greenwood(d, "age", "sex", **given)


@of("frailty kidney", "greenwood")
def _() -> Figures:
    fit = _greenwood_frailty(kidney().rename(columns={"status": "e"}), "id")
    return [fit.frailty_theta_, *fit.std_error_]


@of("frailty trainees", "greenwood")
def _() -> Figures:
    return [_greenwood_frailty(trainees(), "spec").frailty_theta_]


@of("median", "greenwood")
def _() -> Figures:
    import greenwood

    y = greenwood.Surv(four()["time"].to_numpy(), four()["left"].to_numpy())
    return [greenwood.KaplanMeier().fit(y).median()]


@of("beyond", "greenwood")
def _() -> Figures:
    import greenwood

    d = trainees()
    y = greenwood.Surv(d["time"].to_numpy(), d["e"].to_numpy())
    return [*np.ravel(greenwood.KaplanMeier().fit(y).predict([24.0, 60.0]))]


def _greenwood_told(*columns: str) -> Peer:
    def fit() -> Figures:
        found = _greenwood(trainees(), *columns)
        return [*found.coef_, *found.std_error_]

    return lambda: told(fit)


def _greenwood_aft(name: str) -> Peer:
    def fit() -> Figures:
        import greenwood

        d = lung()
        y = greenwood.Surv(d["time"].to_numpy(float), d["status"].to_numpy())
        found = greenwood.AFT(dist=name).fit(y, d[["age", "sex", "ph.ecog"]].astype(float))
        return [*found.coef_, found.scale_, *found.std_error_[1:4]]

    return fit


# comprisk, SurPyval ------------------------------------------------------------------------


@of("incidence", "comprisk")
def _() -> Figures:
    from comprisk import CumulativeIncidence

    d = trainees()
    fit = CumulativeIncidence().fit(d["time"].to_numpy(), d["status"].to_numpy())
    return [*fit.curves_[None, 1].evaluate(np.array(MONTHS))[0]]


@of("fine-gray", "comprisk")
def _() -> Figures:
    from comprisk import FineGrayRegression

    d = trainees()
    X = d[["age", "sex"]].to_numpy(float)
    fit = FineGrayRegression(cause=1)
    return [*fit.fit(X, time=d["time"].to_numpy(), event=d["status"].to_numpy()).coef_]


def _surpyval(d: pd.DataFrame, groups: str) -> object:
    from surpyval import CoxFrailty

    return CoxFrailty.fit(
        d["time"].to_numpy(float),
        Z=d[["age", "sex"]].to_numpy(float),
        c=1 - d["e"].to_numpy(int),
        groups=d[groups].to_numpy(),
        tie_method="breslow",
    )


@of("frailty kidney", "SurPyval")
def _() -> Figures:
    fit = _surpyval(kidney().rename(columns={"status": "e"}), "id")
    return [fit.theta, *np.sqrt(np.diag(fit.covariance()))[:2]]


@of("frailty trainees", "SurPyval")
def _() -> Figures:
    return [_surpyval(trainees(), "spec").theta]


_EXACT = "lifelines, fit_options precision 1e-12"
of("weighted efron", "lifelines")(_lifelines_weighted())
of("weighted efron", _EXACT)(_lifelines_weighted(fit_options={"precision": 1e-12}))
for _key, _data in (("scores", trainees), ("scores untied", fine)):
    of(_key, "lifelines")(_lifelines_scores(_data, standardised=False))
    of(_key, "lifelines, columns standardised")(_lifelines_scores(_data, standardised=True))
for _ties in ("efron", "breslow"):
    of(f"weighted {_ties}", "greenwood")(_greenwood_weighted(_ties))
of("fine-gray late", "greenwood")(_greenwood_fine_gray(late=True))
of("fine-gray breslow", "greenwood")(_greenwood_fine_gray(late=False))
for _key, _columns in {
    "separation": ("age", "stays"),
    "collinear": ("age", "sex", "other"),
    "constant": ("age", "one"),
}.items():
    of(_key, "lifelines")(_lifelines_told(*_columns))
    of(_key, "scikit-survival")(_sksurv_told(*_columns))
    of(_key, "greenwood")(_greenwood_told(*_columns))
for _name in ("weibull", "loglogistic"):
    of(_name, "lifelines")(_lifelines_aft(_name))
    _options = {"ftol": 1e-12, "gtol": 1e-10}
    of(_name, "lifelines, fit_options ftol 1e-12")(_lifelines_aft(_name, fit_options=_options))
    of(_name, "greenwood")(_greenwood_aft(_name))
