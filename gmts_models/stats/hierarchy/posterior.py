"""From a log likelihood and terms to a hierarchical fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import trapezoid

from gmts_models.errors import InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.hierarchy.integrate import Integrated, integrate_sds
from gmts_models.stats.hierarchy.laplace import (
    Evaluation,
    LaplaceFit,
    Layout,
    LogLikelihood,
    laplace_fit,
)
from gmts_models.stats.hierarchy.mixture import mixture_moments, mixture_quantile
from gmts_models.stats.hierarchy.result import (
    Coefficients,
    CoxBase,
    Effects,
    HierarchicalFit,
    Mixture,
    PeriodBase,
    Spread,
)
from gmts_models.stats.hierarchy.slices import quantiles
from gmts_models.stats.hierarchy.terms import RandomTerm, check_terms, groups_of
from gmts_models.stats.intervals import check_level
from gmts_models.stats.rows import Rows, read_numbers


def check_penalty(penalty: npt.ArrayLike | None, p: int, name: str = "penalty") -> Floats:
    """Return (p,) ridge penalties, or raise InputError."""
    if penalty is None:
        return np.zeros(p)
    ridge = np.asarray(penalty)
    if ridge.shape != (p,) or ridge.dtype.kind not in "iuf":
        raise InputError(f"{name} must be {p} numbers, one a column", where=name)
    if not (np.isfinite(ridge) & (ridge >= 0)).all():
        raise InputError(f"{name} must be finite and at least 0", where=name)
    return ridge.astype(float)


def check_model(
    terms: Sequence[RandomTerm], n: int, sd: Sequence[float] | None, level: float
) -> None:
    """Raise InputError where terms, fixed standard deviations or level are no such."""
    if not len(terms):
        raise InputError(
            "there are no terms: without groups there is nothing to pool", where="terms"
        )
    check_terms(terms, n, seen=True)
    check_level(level)
    if sd is not None:
        given = read_numbers(sd, "sd", "partial pooling")
        if given.shape != (len(terms),) or not (np.isfinite(given) & (given >= 0)).all():
            raise InputError(
                f"sd must be {len(terms)} standard deviations, one a term, none negative",
                where="sd",
            )


def layout_of(ridge: Floats, terms: Sequence[RandomTerm]) -> Layout:
    """Return the layout of coefficients with penalties `ridge`, then the terms' effects."""
    sizes = [len(term.labels) for term in terms]
    return Layout(
        component=np.concatenate(
            [np.full(len(ridge), -1), np.repeat(np.arange(len(terms)), sizes)]
        ).astype(np.int64),
        ridge=np.concatenate([ridge, np.zeros(sum(sizes))]),
    )


def integrated_fit(
    model: LogLikelihood,
    layout: Layout,
    terms: Sequence[RandomTerm],
    sd: Sequence[float] | None,
    start: Evaluation,
) -> Integrated:
    """Integrate over the standard deviations, or take those given."""
    if sd is not None:
        node = laplace_fit(model, layout, np.asarray(sd, dtype=float), start)
        return Integrated(
            nodes=(node,), share=np.ones(1), marginals=(), log_marginal=node.log_marginal
        )

    def fit(at: Floats, near: Evaluation | None) -> LaplaceFit:
        return laplace_fit(model, layout, at, start if near is None else near)

    return integrate_sds(fit, np.array([term.scale for term in terms], dtype=float))


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a fit is of: names (p,) of columns, terms, checked rows, level of limits."""

    names: tuple[str, ...]
    terms: Sequence[RandomTerm]
    rows: Rows
    level: float


def summarise(
    found: Integrated, layout: Layout, base: CoxBase | PeriodBase, of: Described
) -> HierarchicalFit:
    """Turn nodes into a fit; layouts begin with the baseline's columns, if any, then those of X."""
    inverses = np.array([node.covariance_scaled() for node in found.nodes])
    scales = np.array([node.scale for node in found.nodes])
    mixture = Mixture(
        sd=np.array([node.sd for node in found.nodes]),
        share=found.share,
        mean=np.array([node.mode for node in found.nodes]),
        covariance=inverses * scales[:, :, None] * scales[:, None, :],
    )
    fixed = int((layout.component < 0).sum())
    shrunk = [
        shrinkage(inverses[:, at][:, :, at], found.share)
        for at in (np.flatnonzero(layout.component == j) for j in range(len(of.terms)))
    ]
    return HierarchicalFit(
        names=of.names,
        coefficients=_coefficients(mixture, slice(fixed - len(of.names), fixed), of.level),
        terms=tuple(groups_of(term) for term in of.terms),
        spreads=tuple(_spread(found, j, term.name, of.level) for j, term in enumerate(of.terms)),
        effects=tuple(
            _effects(mixture, layout, j, term, of, shrunk[j]) for j, term in enumerate(of.terms)
        ),
        log_marginal=found.log_marginal,
        effective_nodes=float(1 / (found.share @ found.share)),
        mixture=mixture,
        base=base,
        level=of.level,
    )


def _limits(mixture: Mixture, which: slice | Ints, level: float) -> tuple[Floats, ...]:
    """Return mean, standard deviation and limits of some parameters."""
    mean = mixture.mean[:, which]
    std_err = np.sqrt(np.diagonal(mixture.covariance, axis1=1, axis2=2)[:, which])
    tail = (1 - level) / 2
    return (
        *mixture_moments(mean, std_err, mixture.share),
        mixture_quantile(mean, std_err, mixture.share, tail),
        mixture_quantile(mean, std_err, mixture.share, 1 - tail),
    )


def _coefficients(mixture: Mixture, which: slice, level: float) -> Coefficients:
    estimate, std_err, lower, upper = _limits(mixture, which, level)
    off = mixture.mean[:, which] - estimate
    within = np.tensordot(mixture.share, mixture.covariance[:, which, which], 1)
    return Coefficients(
        estimate=estimate,
        std_err=std_err,
        lower=lower,
        upper=upper,
        covariance=within + (off.T * mixture.share) @ off,
    )


def _effects(
    mixture: Mixture, layout: Layout, j: int, term: RandomTerm, of: Described, shrunk: Floats
) -> Effects:
    g, rows = len(term.labels), of.rows
    counted = np.flatnonzero(rows.weights > 0)
    people = counted if rows.clusters is None else rows.clusters[counted]
    pairs = np.unique(np.stack([term.codes[counted], people]), axis=1)
    estimate, std_err, lower, upper = _limits(
        mixture, np.flatnonzero(layout.component == j), of.level
    )
    return Effects(
        name=term.name,
        labels=term.labels,
        members=np.bincount(pairs[0], minlength=g),
        departures=np.bincount(term.codes, rows.weights * rows.left, g).astype(float),
        estimate=estimate,
        std_err=std_err,
        lower=lower,
        upper=upper,
        shrinkage=shrunk,
    )


def shrinkage(covariance: Floats, share: Floats) -> Floats:
    """Return (g,) how much of a group's effect is the mean of the groups, from 0 to 1.

    That is the variance, after seeing the data, of the effect less the mean of the groups' effects,
    over that before; averaged over the nodes. Where a group's own estimate is normal with variance
    v, and the mean known, it is v / (v + sd^2), which is the weight that the mean has against the
    group's own estimate. It needs no such estimate, so that it is there for a group that nobody
    left too; and it says what a group's data are worth, not how far they moved the estimate.

    Parameters
    ----------
    covariance : (t, g, g) of effects over sd, at each node.
    share : (t,).
    """
    g = covariance.shape[1]
    own = np.diagonal(covariance, axis1=1, axis2=2)
    if g == 1:
        return np.asarray(share @ own, dtype=float)
    rows = covariance.mean(axis=2)
    off = own - 2 * rows + rows.mean(axis=1, keepdims=True)
    return np.asarray(np.clip(share @ off / (1 - 1 / g), 0.0, 1.0), dtype=float)


def _spread(found: Integrated, j: int, name: str, level: float) -> Spread:
    if not found.marginals:  # held fixed
        sd = float(found.nodes[0].sd[j])
        nothing = np.zeros(0)
        return Spread(name=name, mean=sd, lower=sd, upper=sd, sd=nothing, density=nothing)
    grid, density = found.marginals[j]
    tail = (1 - level) / 2
    lower, upper = quantiles(grid, density, np.array([tail, 1 - tail]))
    mean = float(trapezoid(grid * density, grid))
    return Spread(
        name=name, mean=mean, lower=float(lower), upper=float(upper), sd=grid, density=density
    )
