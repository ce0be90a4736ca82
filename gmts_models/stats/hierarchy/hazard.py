"""Hazards of whole periods with partial pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.hazards.period_design import Baseline
from gmts_models.stats.hazards.person_periods import PersonPeriods, person_periods
from gmts_models.stats.hierarchy.laplace import Evaluation
from gmts_models.stats.hierarchy.posterior import (
    Described,
    check_model,
    check_penalty,
    integrated_fit,
    layout_of,
    summarise,
)
from gmts_models.stats.hierarchy.result import HierarchicalFit, PeriodBase
from gmts_models.stats.hierarchy.terms import RandomTerm, group_columns
from gmts_models.stats.options import check_option, column_names
from gmts_models.stats.regression.glm import fit_glm
from gmts_models.stats.rows import check_rows, read_matrix, refuse_rows

Link = Literal["logit", "cloglog"]
_FAR = 300.0
"""Predictors beyond which hazards are 0 or 1, and exponentials would not be finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardLogLikelihood:
    """Leaving in each period, of people who share their columns: a table of u by m periods.

    A linear predictor is the sum of one of the period and one of the people, so that the sums of
    the information need no row for each person and period.

    Attributes
    ----------
    link : "logit" or "cloglog".
    base : (m, b) the baseline's columns, by period.
    columns : (u, q - b) those of X and of the groups, of each distinct kind of person.
    trials, gone : (u, m) weight of those at risk and of those who leave.
    """

    link: Link
    base: Floats
    columns: Floats
    trials: Floats
    gone: Floats

    def evaluate(self, at: Floats) -> Evaluation:
        """Return value and derivatives at (q,) parameters."""
        b = self.base.shape[1]
        value, score, weight = hazard_terms(
            self.link, self.columns @ at[b:], self.base @ at[:b], self.trials, self.gone
        )
        mixed = self.base.T @ (weight.T @ self.columns)
        return Evaluation(
            at=at,
            value=value,
            gradient=np.concatenate(
                [score.sum(axis=0) @ self.base, score.sum(axis=1) @ self.columns]
            ),
            information=np.block(
                [
                    [(self.base.T * weight.sum(axis=0)) @ self.base, mixed],
                    [mixed.T, (self.columns.T * weight.sum(axis=1)) @ self.columns],
                ]
            ),
        )


def hazard_terms(
    link: Link, own: Floats, base: Floats, trials: Floats, gone: Floats
) -> tuple[float, Floats, Floats]:
    """Return the log likelihood, and (u, m) its score and observed information by predictor.

    The information observed, not the expected: Laplace's approximation is about the likelihood.
    The cells in which somebody leaves are few, so that only these take logarithms of hazards.

    Parameters
    ----------
    own, base : (u,) and (m,), whose sums are the linear predictors.
    trials, gone : (u, m).
    """
    kinds, periods = np.nonzero(gone)
    left, eta = gone[kinds, periods], own[kinds] + base[periods]
    odds = np.outer(np.exp(np.clip(own, -_FAR, _FAR)), np.exp(np.clip(base, -_FAR, _FAR)))
    if link == "logit":
        hazard = odds / (1 + odds)
        value = float(left @ eta - (trials * np.log1p(odds)).sum())
        return value, gone - trials * hazard, trials * hazard / (1 + odds)
    score = (gone - trials) * odds  # the odds are here the hazard passed through
    information, passed = -score, odds[kinds, periods]
    with np.errstate(over="ignore"):
        ratio = np.where(passed > 0, passed / np.expm1(passed), 1.0)
    value = float(score.sum() + left @ np.log(-np.expm1(-passed)))
    score[kinds, periods] += left * ratio
    bent = np.where(passed > 1e-4, ratio * (passed - 1 + ratio), passed / 2)
    information[kinds, periods] += left * bent
    return value, score, information


@on_one_thread
def fit_hierarchical_hazard(
    X: npt.ArrayLike,
    terms: Sequence[RandomTerm],
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    baseline: Baseline,
    link: Link = "logit",
    width: float = 1.0,
    until: int | None = None,
    penalty: npt.ArrayLike | None = None,
    baseline_penalty: npt.ArrayLike | None = None,
    sd: Sequence[float] | None = None,
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> HierarchicalFit:
    """Regress the hazard of each period, with effects of groups, on columns.

    Parameters
    ----------
    X, terms, exit_, left, entry, weights, clusters, penalty, sd, level, names : as for
        `fit_hierarchical_cox`; departures at month 0 are refused, as by `person_periods`.
    baseline : columns by period with an intercept: (q,) periods -> (q, b). Only its values are
        kept. See `period_baseline` for two.
    link : "cloglog" (proportional hazards seen by the period) or "logit".
    width : months in a period.
    until : the last period to use; later ones are censored.
    baseline_penalty : (b,) ridge on the baseline's columns, to be 0 for an intercept; keeps a
        baseline finite of which the data do not tell all columns. Default none.

    Returns
    -------
    HierarchicalFit

    Raises
    ------
    InputError, FitError, NotEstimableError : as `discrete_hazard`.

    Notes
    -----
    Given the standard deviations, coefficients (flat prior, but for `penalty`) and effects are
    taken to be normal around their penalised maximum (Laplace, with the observed information).

    Source: Breslow & Clayton (1993), JASA 88:9-25; Gelman (2006), Bayesian Analysis 1:515-534. At
    `sd` it agrees with ``lme4::glmer(left ~ 0 + baseline(period) + X + (1 | group), family =
    binomial(link), nAGQ = 0)`` on rows of persons and periods.
    """
    where = "partial pooling"
    check_option(link, get_args(Link), "link", where)
    rows = check_rows(exit_, left, entry, weights, None, clusters, where=where, merge_ties=False)
    matrix = read_matrix(X, len(rows), where)
    refuse_rows(np.asarray(~np.isfinite(matrix).all(axis=1)), "X is missing or infinite", where)
    check_model(terms, len(rows), sd, level)
    own = tuple(column_names(matrix.shape[1], names))
    ridge = check_penalty(penalty, len(own))
    cut = person_periods(rows.exit, rows.left, rows.entry, width=width, until=until)
    if not ((cut.event != 0) & (rows.weights[cut.row] > 0)).any():
        raise FitError("nobody leaves in these rows, so there is no hazard to model", where=where)
    base = _base(baseline, int(cut.period.max()))
    columns, kind = np.unique(
        np.column_stack([matrix, group_columns(terms, len(rows))]), axis=0, return_inverse=True
    )
    trials, gone = _table(cut, kind.ravel(), rows.weights, (len(columns), len(base)))
    model = HazardLogLikelihood(link=link, base=base, columns=columns, trials=trials, gone=gone)
    ridge = np.append(check_penalty(baseline_penalty, base.shape[1], "baseline_penalty"), ridge)
    layout = layout_of(ridge, terms)
    start = model.evaluate(_plain(model, ridge, own, len(layout.component)))
    found = integrated_fit(model, layout, terms, sd, start)
    kept = PeriodBase(link=link, columns=base, width=float(width))
    return summarise(found, layout, kept, Described(names=own, terms=terms, rows=rows, level=level))


def _base(baseline: Baseline, last: int) -> Floats:
    """Return (m, b) the baseline's columns in the periods 1..m."""
    base = np.asarray(baseline(np.arange(1.0, last + 1)), dtype=float)
    if base.ndim != 2 or len(base) != last or not base.shape[1] or not np.isfinite(base).all():
        raise InputError(
            f"the baseline of periods 1 to {last} has shape {base.shape}, or is not finite",
            where="baseline",
            fix="return a row for each period, with a column of ones or one for each band",
        )
    return base


def _table(
    cut: PersonPeriods, kind: Ints, weights: Floats, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Sum weights of those at risk, and of those who leave, by kind of person and period."""
    key = kind[cut.row] * shape[1] + cut.period - 1
    weight, size = weights[cut.row], shape[0] * shape[1]
    trials = np.bincount(key, weight, size).reshape(shape)
    gone = np.bincount(key, weight * (cut.event != 0), size).reshape(shape)
    return trials.astype(float), gone.astype(float)


def _plain(model: HazardLogLikelihood, ridge: Floats, names: tuple[str, ...], total: int) -> Floats:
    """Return (total,) parameters to start from: the fit without groups and penalised columns.

    Effects are drawn to 0: where this likelihood has no maximum, there is none with them.
    """
    start, free = np.zeros(total), np.flatnonzero(ridge == 0)
    if not len(free):
        return start
    kinds, periods = np.nonzero(model.trials)
    trials, b = model.trials[kinds, periods], model.base.shape[1]
    design = np.column_stack([model.base[periods], model.columns[kinds, : len(names)]])
    labels = [*(f"baseline column {j}" for j in range(b)), *names]
    fit = fit_glm(
        design[:, free],
        model.gone[kinds, periods] / trials,
        link=model.link,
        weights=trials,
        names=[labels[j] for j in free],
    )
    start[free] = fit.coefficients
    return start
