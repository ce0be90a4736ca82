"""Risks of new people from a hierarchical fit.

Given the standard deviations, the log of a person's cumulative hazard is about normal. Its mean is
that at the mode. Its variance has the parts of the baseline and of the parameters, with what the
two have in common (delta method), and for a group that is not seen the variance of such a group's
effect. The posterior is the mixture of these normals over the nodes. Limits are its quantiles, the
risk is the mean of 1 - exp(-cumulative hazard) over it. Among the horizons asked for, none is lower
at a later one: where a variance falls faster than a hazard grows, the earlier figure stands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from gmts_models.errors import InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.baseline import BaselineHazard, hazard_at
from gmts_models.stats.hierarchy.mixture import mean_risk, mixture_quantile
from gmts_models.stats.hierarchy.result import (
    CoxBase,
    HierarchicalFit,
    HierarchicalRisk,
    NodeHazard,
    PeriodBase,
)
from gmts_models.stats.hierarchy.terms import RandomTerm, check_terms, group_columns, groups_of
from gmts_models.stats.intervals import check_level
from gmts_models.stats.options import new_columns
from gmts_models.stats.rows import read_numbers
from gmts_models.stats.times import TIE_TOLERANCE


@on_one_thread
def hierarchical_risk(
    fit: HierarchicalFit,
    X: npt.ArrayLike,
    terms: Sequence[RandomTerm],
    horizons: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> HierarchicalRisk:
    """Predict P(left by the horizon) of new people.

    Parameters
    ----------
    X : (n, p) columns, as in the fit.
    terms : as in the fit, with its labels (`random_term(..., labels=)`); a code of -1 is a group
        that the fit has not seen.
    horizons : (m,) months since the start.
    strata : (n,) int codes: the rank of the label among the sorted labels of the fit (Cox only).
    level : of the limits.

    Raises
    ------
    InputError : shapes differ, a value is missing, or labels or strata are not those of the fit.
    """
    check_level(level)
    months = read_numbers(np.atleast_1d(np.asarray(horizons)), "horizons", "hierarchical_risk")
    if np.isnan(months).any():
        raise InputError("horizons must be months, none missing", where="horizons")
    matrix = new_columns(X, len(fit.names), "hierarchical_risk")
    if not np.isfinite(matrix).all():
        raise InputError("X holds values that are missing or infinite", where="X")
    n = len(matrix)
    _check_terms(fit, terms, n)
    columns = np.column_stack([matrix, group_columns(terms, n)])
    mean, variance, weight = np.full((3, len(fit.mixture.share), n, len(months)), np.nan)
    if isinstance(fit.base, CoxBase):
        codes = _strata(strata, n, len(fit.base.strata))
        weight[:] = 1.0
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            mean[:, rows], variance[:, rows] = _of_cox(
                fit, fit.base, fit.base.strata[code], columns[rows], months
            )
    else:
        if strata is not None:
            raise InputError("a fit of periods has no strata", where="strata")
        mean, variance, weight = _of_periods(fit, fit.base, columns, months)
    for j, term in enumerate(terms):
        unseen = np.where(term.codes < 0, 1.0 if term.column is None else term.column, 0.0)
        variance += (fit.mixture.sd[:, j, None, None] * unseen[:, None] * weight) ** 2
    return _risk(fit.mixture.share, mean, variance, months, level)


def _check_terms(fit: HierarchicalFit, terms: Sequence[RandomTerm], n: int) -> None:
    check_terms(terms, n, seen=False)
    known = [(each.name, each.labels, each.slope) for each in fit.terms]
    given = [(each.name, each.labels, each.slope) for each in map(groups_of, terms)]
    if known != given:
        raise InputError(
            "the terms of the new rows are not those of the fit, in its order and with its labels",
            where="hierarchical_risk, terms",
            fix="random_term(name, groups, column, labels=those of fit.terms)",
        )


def _strata(strata: npt.ArrayLike | None, n: int, known: int) -> Ints:
    if strata is None and known > 1:
        raise InputError(f"the fit has {known} strata: say which each row is of", where="strata")
    codes = np.zeros(n) if strata is None else read_numbers(strata, "strata", "strata")
    if codes.shape != (n,) or not np.isin(codes, np.arange(known)).all():
        raise InputError(
            f"strata must be {n} codes from 0 to {known - 1}",
            where="strata",
            fix="take the rank of each label among the sorted labels of the fit",
        )
    return codes.astype(np.int64)


def _of_cox(
    fit: HierarchicalFit, base: CoxBase, hazard: NodeHazard, columns: Floats, months: Floats
) -> tuple[Floats, Floats]:
    """Return mean and variance (t, n, m) of the log cumulative hazard, of people of one stratum."""
    z = columns - base.centre
    shape = (len(fit.mixture.share), len(z), len(months))
    mean, variance = np.empty(shape), np.empty(shape)
    for t, (at, V) in enumerate(zip(fit.mixture.mean, fit.mixture.covariance, strict=True)):
        here = hazard_at(
            BaselineHazard(
                time=hazard.time,
                cumulative=hazard.cumulative[t],
                variance=hazard.variance[t],
                mean=hazard.mean[t],
                last=hazard.last,
            ),
            months,
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            known = here.cumulative != 0  # NaN is not 0
            log_base = np.log(here.cumulative)
            of_base = np.where(known, here.variance / here.cumulative**2, 0.0)
            centre = np.where(known[:, None], here.mean / here.cumulative[:, None], 0.0)
        moved = z @ V
        own = np.einsum("ij,ij->i", moved, z)
        of_centre = np.einsum("mi,ij,mj->m", centre, V, centre)
        mean[t] = np.add.outer(z @ at, log_base)
        variance[t] = own[:, None] - 2 * moved @ centre.T + of_centre + of_base
    return mean, np.maximum(variance, 0.0)


def _of_periods(
    fit: HierarchicalFit, base: PeriodBase, columns: Floats, months: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance (t, n, m) of the log cumulative hazard, and its slope in eta."""
    b = base.columns.shape[1]
    passed = periods_passed(base, months)
    shape = (len(fit.mixture.share), len(columns), len(months))
    mean, variance, weight = np.empty(shape), np.empty(shape), np.empty(shape)
    for t, (at, V) in enumerate(zip(fit.mixture.mean, fit.mixture.covariance, strict=True)):
        eta = np.add.outer(columns @ at[b:], base.columns @ at[:b])
        if base.link == "logit":
            hazard, slope = np.logaddexp(0, eta), special.expit(eta)
        else:
            hazard = slope = np.exp(np.minimum(eta, 300.0))
        total = hazard @ passed.T
        with np.errstate(divide="ignore", invalid="ignore"):
            mean[t] = np.log(total)
            known = total != 0
            weight[t] = np.where(known, slope @ passed.T / total, 1.0)
            gradient = np.einsum("nk,mk,kb->nmb", slope, passed, base.columns, optimize=True)
            gradient = np.where(known[:, :, None], gradient / total[:, :, None], 0.0)
        own = np.einsum("ij,jk,ik->i", columns, V[b:, b:], columns, optimize=True)
        mixed = np.einsum("nmb,nb->nm", gradient, columns @ V[b:, :b])
        of_base = np.einsum("nma,ab,nmb->nm", gradient, V[:b, :b], gradient, optimize=True)
        variance[t] = of_base + 2 * weight[t] * mixed + weight[t] ** 2 * own[:, None]
    return mean, np.maximum(variance, 0.0), weight


def periods_passed(base: PeriodBase, months: Floats) -> Floats:
    """Return (m, q) how much of each of q periods has passed by each month, 0 to 1.

    Within a period the cumulative hazard is a straight line; past the last it is NaN.
    """
    last = len(base.columns)
    at = months / base.width
    at = np.where(
        np.abs(at - np.round(at)) <= TIE_TOLERANCE * np.maximum(1.0, at), np.round(at), at
    )
    passed = np.clip(at[:, None] - np.arange(last), 0.0, 1.0)
    passed[at > last] = np.nan
    return passed


def _risk(
    share: Floats, mean: Floats, variance: Floats, months: Floats, level: float
) -> HierarchicalRisk:
    risk, lower, upper = np.full((3, *mean.shape[1:]), np.nan)
    never = np.isneginf(mean).all(axis=0)
    risk[never] = lower[never] = upper[never] = 0.0
    some = np.isfinite(mean).all(axis=0)
    tail = (1 - level) / 2
    m, v = mean[:, some], variance[:, some]
    risk[some] = mean_risk(m, v, share)
    with np.errstate(over="ignore"):
        for out, q in ((lower, tail), (upper, 1 - tail)):
            out[some] = -np.expm1(-np.exp(mixture_quantile(m, np.sqrt(v), share, q)))
    order = np.argsort(months, kind="stable")
    for out in (risk, lower, upper):  # NaN comes last, and stays
        out[:, order] = np.maximum.accumulate(out[:, order], axis=1)
    return HierarchicalRisk(horizons=months, risk=risk, lower=lower, upper=upper, level=level)
