"""Whether effects are constant in time: the score test of a trend of each coefficient.

For each column x the column x g(t) is tested at a coefficient of 0, given the fit. The blocks of
the information of (x, x g) are the information's own sums, with the hazard's increments times g or
g squared. So the test costs two evaluations more, whatever the number of times, and does not
depend on the order of rows.

Source: Grambsch & Therneau (1994), Biometrika 81:515-526, as a true score test. Agrees with
``survival::cox.zph(fit, transform)`` (from survival 3.0 on).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy import linalg, stats

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Floats
from gmts_models.stats.cox.event_grid import cumulate_up
from gmts_models.stats.cox.fit import CoxFit
from gmts_models.stats.cox.residuals import risk_set_means
from gmts_models.stats.cox.risk_sums import (
    hazard_passed,
    subtracted_information,
    weighted_cross,
)
from gmts_models.stats.cox.trouble import ALIASED, is_singular, quadratic_form
from gmts_models.stats.rows import read_numbers
from gmts_models.stats.survival.kaplan_meier import kaplan_meier

Transform = Literal["km", "rank", "identity", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionalityTest:
    """Tests of proportional hazards, a term each, and of all together.

    Attributes
    ----------
    terms : (q,) names; the last is "GLOBAL".
    chi2 : (q,) score statistics.
    df : (q,) degrees of freedom.
    p : (q,).

    Statistic and p are NaN where a term differs in the risk sets at one value of g only.
    """

    terms: tuple[str, ...]
    chi2: Floats
    df: Floats
    p: Floats


def proportionality_test(
    fit: CoxFit,
    transform: Transform | Floats = "km",
    *,
    terms: Sequence[tuple[str, Sequence[int]]] | None = None,
) -> ProportionalityTest:
    """Test whether coefficients change with g(t).

    Parameters
    ----------
    fit : of `fit_cox`.
    transform : g: 1 - Kaplan-Meier just before t ("km"), the rank of t among the rows' last times
        ("rank"; it changes where follow-up is split into more rows), t ("identity"), log t
        ("log"); or (k,) its values at the places of the fit's grid. Kaplan-Meier and ranks are of
        the weighted rows; R's are not.
    terms : (name, columns) of terms of several columns; default a term a column.

    Raises
    ------
    InputError : there is no such transform or column, or a time is not positive under "log".
    NotEstimableError : g is the same whenever anyone leaves, or the fit needed its penalty.
    """
    p = len(fit.coefficients)
    named = _terms(fit, terms)
    g = _transformed(fit, transform)
    if np.ptp(g) == 0:
        raise NotEstimableError(
            "all leave at one value of g(t), so no effect can be seen to change",
            where="proportionality_test, transform",
        )
    weight = fit.data.grid.weight
    g = (g - g.min()) / float(np.ptp(g))  # the test is the same; >= 0 is wanted
    plain, with_g = fit.information, weighted_information(fit, g)
    if is_singular(plain):
        raise NotEstimableError(
            "columns that only a penalty tells apart have no effects to compare over time",
            where="proportionality_test, fit",
            fix="fit without a penalty",
        )
    with_g2 = weighted_information(fit, g**2)
    centre = float(weight @ g / weight.sum())
    # Of (x, x (g - centre)): less correlated, so that nothing is lost when inverted.
    cross = with_g - centre * plain
    square = with_g2 - 2 * centre * with_g + centre**2 * plain
    score = weighted_score(fit, g - centre)
    chi2, df = [], []
    for columns in [*(columns for _, columns in named), list(range(p))]:
        whole = square[np.ix_(columns, columns)]
        own = whole - cross[columns] @ linalg.solve(plain, cross[:, columns], assume_a="sym")
        u = score[columns] - cross[columns] @ linalg.solve(
            plain, fit.likelihood.gradient, assume_a="sym"
        )
        # What rounding leaves of an information of 0 is no information.
        lost = (np.diag(own) <= ALIASED * np.diag(whole)).any()
        chi2.append(np.nan if lost else quadratic_form(own, u))
        df.append(float(len(columns)))
    return ProportionalityTest(
        terms=(*(name for name, _ in named), "GLOBAL"),
        chi2=np.array(chi2),
        df=np.array(df),
        p=np.asarray(stats.chi2.sf(chi2, df)),
    )


def _terms(
    fit: CoxFit, terms: Sequence[tuple[str, Sequence[int]]] | None
) -> list[tuple[str, list[int]]]:
    if terms is None:
        return [(name, [j]) for j, name in enumerate(fit.data.names)]
    named = [(name, list(columns)) for name, columns in terms]
    for name, columns in named:
        known = set(columns) <= set(range(len(fit.coefficients)))
        if not columns or not known or len(set(columns)) < len(columns):
            raise InputError(
                f"a term takes one or more of the columns 0 to {len(fit.coefficients) - 1}, "
                "each once",
                where=f"terms, {name}",
            )
    return named


def weighted_information(fit: CoxFit, g: Floats) -> Floats:
    """Return (p, p) the information with each place's part times g (k,) >= 0."""
    rows, grid, here = fit.data.rows, fit.data.grid, fit.likelihood
    hazard = here.at.hazard * g
    at = replace(
        here.at,
        hazard=hazard,
        tied_hazard=here.at.tied_hazard * g,
        squares=here.at.squares * g[:, None],
        passed=cumulate_up(hazard, grid.starts),
    )
    v = here.risk * hazard_passed(rows, grid, at)
    return weighted_cross(rows.X, v) - subtracted_information(rows, grid, here.risk, at)


def weighted_score(fit: CoxFit, g: Floats) -> Floats:
    """Return (p,) the sum over departures of w g(t) times their Schoenfeld residual."""
    rows = fit.data.rows
    died, died_at = rows.died, rows.died_at
    residual = rows.X[died] - risk_set_means(fit).at_departure[died_at]
    return np.asarray((rows.weights[died] * g[died_at]) @ residual)


def _transformed(fit: CoxFit, transform: Transform | Floats) -> Floats:
    """Return (k,) g at the places of the grid."""
    grid, given = fit.data.grid, fit.data.given
    if not isinstance(transform, str):
        values = read_numbers(transform, "transform", "transform")
        if values.shape != grid.time.shape or not np.isfinite(values).all():
            raise InputError(f"transform must be {len(grid)} finite numbers", where="transform")
        return values
    if transform not in get_args(Transform):
        raise InputError(
            "there is no such transform",
            where="transform",
            fix=f"one of {', '.join(get_args(Transform))}",
        )
    match transform:
        case "identity":
            return grid.time
        case "log":
            if (grid.time <= 0).any():
                raise InputError(
                    "the log of a time of 0 is not finite", where="transform", fix='take "km"'
                )
            return np.log(grid.time)
        case "rank":
            times, at = np.unique(given.exit, return_inverse=True)
            count = np.bincount(at, given.weights, len(times))
            rank = np.cumsum(count) - (count - 1) / 2  # tied times share their mean rank
            return rank[np.searchsorted(times, grid.time)]
        case "km":
            curve = kaplan_meier(given.exit, given.left, given.entry, given.weights)
            before = np.concatenate([[1.0], curve.survival])
            return 1 - before[np.searchsorted(curve.time, grid.time, side="left")]
