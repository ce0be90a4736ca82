"""SurPyval's answers to the rows of benchmarks/accuracy.py."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.accuracy_data import MONTHS, Figures, book, four, kidney, lung, trainees
from benchmarks.accuracy_peers import DEGENERATE, Peer, of, told


def _matrix(d: pd.DataFrame, *columns: str) -> np.ndarray:
    return d[list(columns)].to_numpy(float)


def _surpyval(*columns: str, d: pd.DataFrame | None = None) -> object:
    from surpyval import CoxPH

    d = trainees() if d is None else d
    return CoxPH.fit(d["time"].to_numpy(float), _matrix(d, *columns), c=1 - d["e"].to_numpy(int))


def _curve() -> object:
    from surpyval import KaplanMeier

    d = trainees()
    return KaplanMeier.fit(d["time"].to_numpy(float), c=1 - d["e"].to_numpy(int))


def _causes() -> np.ndarray:
    """Return names of causes, None for the censored."""
    return np.array([None, "one", "two"], dtype=object)[trainees()["status"]]


@of("cox", "SurPyval")
def _() -> Figures:
    fit = _surpyval("age", "sex")
    return [*fit.params, *fit.standard_errors()]


@of("weighted breslow", "SurPyval, weights as counts")
def _() -> Figures:
    from surpyval import CoxPH

    b = book()
    rows = {"c": 1 - b["left"].to_numpy(), "n": b["w"].to_numpy(), "tie_method": "breslow"}
    fit = CoxPH.fit(b["time"].to_numpy(float), _matrix(b, "x"), **rows)
    return [*fit.params, *fit.standard_errors()]


@of("robust", "SurPyval")
def _() -> Figures:
    return [*np.sqrt(np.diag(_surpyval("age", "sex").robust_covariance()))]


@of("cluster", "SurPyval")
def _() -> Figures:
    clusters = trainees()["spec"].to_numpy()
    return [*np.sqrt(np.diag(_surpyval("age", "sex").robust_covariance(clusters)))]


@of("scores", "SurPyval")
def _() -> Figures:
    return [*_surpyval("age", "sex").compute_residuals("score").sum(axis=0).round(6)]


@of("survival", "SurPyval")
def _() -> Figures:
    return [*_surpyval("age", "sex").sf(MONTHS, [30.0, 0.0])]


@of("late concordance", "SurPyval")
def _() -> Figures:
    from surpyval import CoxPH

    d = trainees()
    rows = {"c": 1 - d["e"].to_numpy(int), "tl": d["entry"].to_numpy(float)}
    fit = CoxPH.fit(d["time"].to_numpy(float), _matrix(d, "age", "sex"), **rows)
    return [fit.concordance()]


@of("incidence", "SurPyval")
def _() -> Figures:
    from surpyval import CompetingRisks

    return [*CompetingRisks.fit(trainees()["time"].to_numpy(float), e=_causes()).cif(MONTHS, "one")]


@of("restricted mean", "SurPyval")
def _() -> Figures:
    found = _curve().rmst(24.0)
    return [found["rmst"], found["se"]]


@of("zph", "SurPyval")
def _() -> Figures:
    both = (trainees(), trainees().iloc[::-1])
    return [_surpyval("age", "sex", d=d).check_ph("rank")["p"].iloc[0] for d in both]


@of("fine-gray", "SurPyval")
def _() -> Figures:
    from surpyval import FineGray

    d = trainees()
    fit = FineGray.fit(d["time"].to_numpy(float), _matrix(d, "age", "sex"), _causes(), event="one")
    return [*fit.beta]


def _frailty(d: pd.DataFrame, left: str, groups: str) -> object:
    from surpyval import CoxFrailty

    rows = {"c": 1 - d[left].to_numpy(int), "groups": d[groups].to_numpy()}
    times = d["time"].to_numpy(float)
    return CoxFrailty.fit(times, Z=_matrix(d, "age", "sex"), tie_method="breslow", **rows)


@of("frailty kidney", "SurPyval")
def _() -> Figures:
    fit = _frailty(kidney(), "status", "id")
    return [fit.theta, *np.sqrt(np.diag(fit.covariance()))[:2]]


@of("frailty trainees", "SurPyval")
def _() -> Figures:
    return [_frailty(trainees(), "e", "spec").theta]


@of("median", "SurPyval")
def _() -> Figures:
    from surpyval import KaplanMeier

    return [KaplanMeier.fit(four()["time"].to_numpy()).median]


@of("beyond", "SurPyval")
def _() -> Figures:
    return [*_curve().sf([24.0, 60.0])]


def _surpyval_told(*columns: str) -> Peer:
    def fit() -> Figures:
        found = _surpyval(*columns)
        return [*found.params, *found.standard_errors()]

    return lambda: told(fit)


def _surpyval_aft(name: str) -> Peer:
    """Turn signs and scale: its columns multiply the hazard's time, its shape is 1 / scale."""

    def fit() -> Figures:
        import surpyval

        d = lung()
        law = {"weibull": surpyval.Weibull, "loglogistic": surpyval.LogLogistic}[name]
        rows = (d["time"].to_numpy(float), _matrix(d, "age", "sex", "ph.ecog"))
        found = surpyval.AFT(law).fit(*rows, c=1 - d["status"].to_numpy(int))
        alpha, beta, *slopes = found.params
        errors = found.standard_errors()[2:]
        return [np.log(alpha), *(-each for each in slopes), 1 / beta, *errors]

    return fit


for _key, _columns in DEGENERATE.items():
    of(_key, "SurPyval")(_surpyval_told(*_columns))
for _name in ("weibull", "loglogistic"):
    of(_name, "SurPyval")(_surpyval_aft(_name))
