"""greenwood's answers to the rows of benchmarks/accuracy.py."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.accuracy_data import (
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
from benchmarks.accuracy_peers import DEGENERATE, Peer, of, told


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


for _ties in ("efron", "breslow"):
    of(f"weighted {_ties}", "greenwood")(_greenwood_weighted(_ties))
of("fine-gray late", "greenwood")(_greenwood_fine_gray(late=True))
of("fine-gray breslow", "greenwood")(_greenwood_fine_gray(late=False))
for _key, _columns in DEGENERATE.items():
    of(_key, "greenwood")(_greenwood_told(*_columns))
for _name in ("weibull", "loglogistic"):
    of(_name, "greenwood")(_greenwood_aft(_name))
