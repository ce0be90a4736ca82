"""The sides of gmts_models: each takes data and returns what is timed, a call that gives figures.

The figures are those that sides must agree on, and come in the same order from every side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.simulate import Data
from benchmarks.snapshots import groupby, snapshots
from gmts_models.stats.comparison.logrank import logrank
from gmts_models.stats.concordance import concordance
from gmts_models.stats.cox.bootstrap import bootstrap_cox
from gmts_models.stats.cox.elastic_net import cox_elastic_net
from gmts_models.stats.cox.fit import CoxFit, cox_data, fit_cox, likelihood_at
from gmts_models.stats.cox.gamma_frailty import fit_gamma_frailty
from gmts_models.stats.cox.robust import robust_covariance
from gmts_models.stats.incidence.aalen_johansen import aalen_johansen, incidence_at
from gmts_models.stats.parametric.fit import fit_parametric
from gmts_models.stats.parametric.observations import right_censored
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

Figures = Sequence[float]
Run = Callable[[], Figures]

MONTHS = np.array([6.0, 12.0, 24.0, 36.0, 48.0])
"""At which curves are compared."""
OF_PATH = [20, 50]
"""Positions in a path at which coefficients are compared."""


def _of_fit(fit: CoxFit) -> Figures:
    return [*fit.coefficients, *np.sqrt(np.diag(fit.covariance))]


def cox(d: Data) -> Run:
    return lambda: _of_fit(fit_cox(d.X, d.time, d.left))


def start_stop(d: Data) -> Run:
    return lambda: _of_fit(fit_cox(d.X, d.time, d.left, d.entry))


def cluster_robust(d: Data) -> Run:
    group = d.column["group"]

    def run() -> Figures:
        fit = fit_cox(d.X, d.time, d.left, clusters=group)
        return [*fit.coefficients, *np.sqrt(np.diag(robust_covariance(fit)))]

    return run


class _Drawn:
    """Stands for a generator, and draws the people that the data say, as in every other side."""

    def __init__(self, draws: npt.NDArray[np.int64]) -> None:
        self.draws = iter(draws)

    def integers(self, low: int, high: int, size: int) -> npt.NDArray[np.int64]:
        return next(self.draws)


def bootstrap(d: Data) -> Run:
    draws = d.draws()

    def run() -> Figures:
        fit = fit_cox(d.X, d.time, d.left)
        found = bootstrap_cox(fit, len(draws), _Drawn(draws)).coefficients
        return [*found.mean(axis=0), *found.std(axis=0, ddof=1)]

    return run


def bootstrap_from_scratch(d: Data) -> Run:
    """Fit drawn rows as if they were new, as the loops of the other sides do."""
    draws = d.draws()

    def run() -> Figures:
        fits = [fit_cox(d.X[i], d.time[i], d.left[i]).coefficients for i in draws]
        return [*np.mean(fits, axis=0), *np.std(fits, axis=0, ddof=1)]

    return run


def newton_step(d: Data) -> Run:
    data, beta = cox_data(d.X, d.time, d.left), np.full(d.X.shape[1], 0.1)

    def run() -> Figures:
        here = likelihood_at(data, beta)
        return np.linalg.solve(here.information, here.gradient)

    return run


def cross_product(d: Data) -> Run:
    """X'X, which no fit can do without."""

    def run() -> Figures:
        return (d.X.T @ d.X)[:0].ravel()  # computed, and nothing to compare

    return run


def elastic_net(d: Data) -> Run:
    return lambda: cox_elastic_net(d.X, d.time, d.left).coefficients[OF_PATH].ravel()


def frailty(d: Data) -> Run:
    group = d.column["group"]

    def run() -> Figures:
        fit = fit_gamma_frailty(d.X, d.time, d.left, group)
        return [*fit.coefficients, fit.theta]

    return run


def frailty_given(d: Data) -> Run:
    group = d.column["group"]

    def run() -> Figures:
        fit = fit_gamma_frailty(d.X, d.time, d.left, group, theta=0.3)
        return [*fit.coefficients, *np.sqrt(np.diag(fit.covariance))]

    return run


def weibull(d: Data) -> Run:
    def run() -> Figures:
        fit = fit_parametric(d.X, right_censored(d.time, d.left), "weibull")
        return [*fit.coefficients[1:], fit.coefficients[0], fit.scale[0]]

    return run


def survival(d: Data) -> Run:
    def run() -> Figures:
        at = survival_at(kaplan_meier(d.time, d.left), MONTHS)
        return [*at.survival, *at.std_err]

    return run


def log_rank(d: Data) -> Run:
    group = d.column["group"]
    return lambda: [logrank(d.time, d.left, group).statistic]


def incidence(d: Data) -> Run:
    def run() -> Figures:
        at = incidence_at(aalen_johansen(d.time, d.event), MONTHS)
        return [*at.incidence.T.ravel(), *at.std_err.T.ravel()]

    return run


def c_index(d: Data) -> Run:
    def run() -> Figures:
        found = concordance(d.column["score"], d.time, d.left)
        return [found.concordance, found.std_err]

    return run


SIDES: dict[str, dict[str, Callable[[Data], Run]]] = {
    "gmts_models": {
        each.__name__: each
        for each in (
            *(cox, start_stop, cluster_robust, bootstrap, newton_step, elastic_net, frailty),
            *(frailty_given, weibull, survival, log_rank, incidence, c_index, snapshots),
        )
    },
    "gmts_models, plain fit": {"cluster_robust": cox},
    "gmts_models, fit_cox": {"bootstrap": bootstrap_from_scratch},
    "pandas groupby": {"snapshots": groupby},
    "X'X, one thread": {"newton_step": cross_product},
    "X'X, two threads": {"newton_step": cross_product},
}
