"""The answers of scikit-survival and comprisk to the rows of benchmarks/accuracy.py."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.accuracy_data import MONTHS, Figures, scored, trainees
from benchmarks.accuracy_peers import DEGENERATE, Peer, of, told

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


for _key, _columns in DEGENERATE.items():
    of(_key, "scikit-survival")(_sksurv_told(*_columns))


# comprisk ----------------------------------------------------------------------------------


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
