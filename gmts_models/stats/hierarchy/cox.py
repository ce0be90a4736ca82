"""Cox models with partial pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.outcome import Floats
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.baseline import baseline_hazards
from gmts_models.stats.cox.fit import CoxData, CoxFit, cox_data, fit_cox, likelihood_at
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.hierarchy.laplace import Evaluation, LaplaceFit
from gmts_models.stats.hierarchy.posterior import (
    Described,
    check_model,
    check_penalty,
    integrated_fit,
    layout_of,
    summarise,
)
from gmts_models.stats.hierarchy.result import CoxBase, HierarchicalFit, NodeHazard
from gmts_models.stats.hierarchy.terms import RandomTerm, group_columns
from gmts_models.stats.options import column_names
from gmts_models.stats.rows import read_matrix


@dataclass(frozen=True, slots=True)
class CoxLogLikelihood:
    """The log partial likelihood of the columns of X and of the groups."""

    data: CoxData

    def evaluate(self, at: Floats) -> Evaluation:
        """Return value and derivatives at (q,) parameters."""
        here = likelihood_at(self.data, at)
        return Evaluation(
            at=at, value=here.value, gradient=here.gradient, information=here.information
        )


@on_one_thread
def fit_hierarchical_cox(
    X: npt.ArrayLike,
    terms: Sequence[RandomTerm],
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    ties: Ties = "efron",
    penalty: npt.ArrayLike | None = None,
    sd: Sequence[float] | None = None,
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> HierarchicalFit:
    """Fit proportional hazards with effects of groups, their standard deviations integrated over.

    Parameters
    ----------
    X : (n, p) columns without an intercept; p may be 0.
    terms : (k,) the groupings, of n rows, k >= 1.
    exit_, left, entry, weights, strata : as for `fit_cox`.
    clusters : (n,) labels of people, to count them.
    ties : "efron" or "breslow".
    penalty : (p,) ridge on the coefficients, as for `fit_cox`; default none (a flat prior).
    sd : (k,) standard deviations, held fixed; default: integrated over.
    level : of all limits.
    names : (p,) of the columns of X.

    Returns
    -------
    HierarchicalFit

    Raises
    ------
    InputError : as `fit_cox`; terms are none, or not of n rows, or a group is not seen.
    FitError : as `fit_cox`.

    Notes
    -----
    Given the standard deviations, coefficients (flat prior, but for `penalty`) and effects are
    taken to be normal around their penalised maximum (Laplace). Efron's method for ties makes a
    weight of 2 differ a little from the row twice; Breslow's does not.

    Source: Therneau, Grambsch & Pankratz (2003), JCGS 12:156-175; Gelman (2006), Bayesian Analysis
    1:515-534 (half-normal and similar priors of a standard deviation between groups). At `sd` it
    agrees with ``coxph(Surv(entry, exit, left) ~ X + ridge(G, theta = 1 / sd^2, scale = FALSE))``
    with a 0/1 column of G for each group, and risks with its ``survfit``.
    """
    matrix = read_matrix(X, len(np.atleast_1d(np.asarray(exit_))), "partial pooling")
    n, p = matrix.shape
    check_model(terms, n, sd, level)
    own = tuple(column_names(p, names))
    ridge = check_penalty(penalty, p)
    free = np.flatnonzero(ridge == 0)
    given = (exit_, left, entry, weights, strata)
    if len(free):  # effects are drawn to 0: without a maximum here there is none with them
        fit_cox(matrix[:, free], *given, ties=ties, names=[own[j] for j in free])
    groups = [f"{term.name} {label}" for term in terms for label in term.labels]
    data = cox_data(
        np.column_stack([matrix, group_columns(terms, n)]),
        *given,
        clusters,
        ties=ties,
        names=[*own, *groups],
    )
    model, layout = CoxLogLikelihood(data), layout_of(ridge, terms)
    start = model.evaluate(np.zeros(len(layout.component)))
    found = integrated_fit(model, layout, terms, sd, start)
    base = CoxBase(centre=data.rows.centre, strata=_hazards(data, found.nodes))
    of = Described(names=own, terms=terms, rows=data.given, level=level)
    return summarise(found, layout, base, of)


def _hazards(data: CoxData, nodes: Sequence[LaplaceFit]) -> tuple[NodeHazard, ...]:
    """Return the baseline hazards at each node, stratum by stratum."""
    each = [baseline_hazards(_as_cox(data, node)) for node in nodes]
    return tuple(
        NodeHazard(
            time=of_nodes[0].time,
            cumulative=np.array([base.cumulative for base in of_nodes]),
            variance=np.array([base.variance for base in of_nodes]),
            mean=np.array([base.mean for base in of_nodes]),
            last=of_nodes[0].last,
        )
        for of_nodes in zip(*each, strict=True)
    )


def _as_cox(data: CoxData, node: LaplaceFit) -> CoxFit:
    """Return the Cox fit with the groups' columns that a node is, without tests of it."""
    covariance = node.covariance_scaled() * np.outer(node.scale, node.scale)
    here = likelihood_at(data, node.mode)
    return CoxFit(
        coefficients=node.mode,
        covariance=covariance,
        information=here.information,
        log_likelihood=here.value,
        log_likelihood_null=np.nan,
        score_test=np.nan,
        steps=0,
        data=data,
        likelihood=here,
    )
