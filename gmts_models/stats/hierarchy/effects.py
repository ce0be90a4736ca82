"""What the posterior says of a term's groups: samples, ranks, comparisons."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.hierarchy.mixture import mixture_moments, mixture_quantile
from gmts_models.stats.hierarchy.result import HazardRatios, HierarchicalFit, Mixture, Ranks
from gmts_models.stats.intervals import check_level


def group_samples(fit: HierarchicalFit, term: str, draws: int, seed: int) -> Floats:
    """Return (draws, g) effects of a term's groups, drawn from the posterior.

    Raises
    ------
    InputError : there is no such term; draws is not above 0.
    """
    if draws < 1:
        raise InputError("draws must be 1 at least", where="group_samples, draws")
    part = effects_of(fit, term)
    rng = np.random.default_rng(seed)
    count = rng.multinomial(draws, part.share)
    samples = np.empty((draws, part.mean.shape[1]))
    at = 0
    for t in np.flatnonzero(count):
        # By eigenvectors: at sd = 0 there is no Cholesky factor.
        value, vector = np.linalg.eigh(part.covariance[t])
        noise = rng.normal(size=(count[t], len(value))) * np.sqrt(np.maximum(value, 0.0))
        samples[at : at + count[t]] = part.mean[t] + noise @ vector.T
        at += count[t]
    return rng.permutation(samples)


def rank_probabilities(
    fit: HierarchicalFit, term: str, *, draws: int = 10_000, seed: int = 0
) -> Ranks:
    """Return the probability of each rank of each group, by `draws` from the posterior.

    Raises
    ------
    InputError : as `group_samples`.
    """
    samples = group_samples(fit, term, draws, seed)
    g = samples.shape[1]
    order = np.argsort(samples, axis=1)
    rank = np.argsort(order, axis=1)
    counts = np.bincount((np.arange(g) * g + rank).ravel(), minlength=g * g)
    probability = counts.reshape(g, g) / draws
    return Ranks(
        labels=fit.terms[_position(fit, term)].labels,
        probability=probability,
        lowest=probability[:, 0],
        highest=probability[:, -1],
        mean=probability @ np.arange(1.0, g + 1),
    )


def log_hazard_ratio(
    fit: HierarchicalFit, term: str, against: str | None = None, *, level: float = 0.95
) -> HazardRatios:
    """Compare a term's groups with the mean of those seen, or with one of them.

    Parameters
    ----------
    term : its name.
    against : label of a group; None = the mean of the groups' effects, each counting once.
    level : of the limits.

    Raises
    ------
    InputError : there is no such term or group.
    """
    check_level(level)
    part, labels = effects_of(fit, term), fit.terms[_position(fit, term)].labels
    g = len(labels)
    other = np.full(g, 1 / g)
    if against is not None:
        if against not in labels:
            raise InputError(f"term {term} has no such group", where="log_hazard_ratio, against")
        other = np.eye(g)[labels.index(against)]
    contrast = np.eye(g) - other
    mean = part.mean @ contrast.T
    variance = np.einsum("ij,tjk,ik->ti", contrast, part.covariance, contrast)
    std_err = np.sqrt(np.maximum(variance, 0.0))
    estimate, total = mixture_moments(mean, std_err, part.share)
    tail = (1 - level) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        higher = part.share @ ndtr(mean / std_err)
    same = (contrast == 0).all(axis=1)
    return HazardRatios(
        labels=labels,
        against=against,
        estimate=estimate,
        std_err=total,
        lower=mixture_quantile(mean, std_err, part.share, tail),
        upper=mixture_quantile(mean, std_err, part.share, 1 - tail),
        higher=np.where(same, np.nan, higher),
        level=level,
    )


def effects_of(fit: HierarchicalFit, term: str) -> Mixture:
    """Return the joint posterior of one term's effects."""
    j = _position(fit, term)
    sizes = [len(each.labels) for each in fit.terms]
    begin = fit.mixture.mean.shape[1] - sum(sizes[j:])
    which = slice(begin, begin + sizes[j])
    return Mixture(
        sd=fit.mixture.sd[:, [j]],
        share=fit.mixture.share,
        mean=fit.mixture.mean[:, which],
        covariance=fit.mixture.covariance[:, which, which],
    )


def _position(fit: HierarchicalFit, term: str) -> int:
    names = [each.name for each in fit.terms]
    if term not in names:
        raise InputError("there is no such term", where="term", fix=f"one of {', '.join(names)}")
    return names.index(term)
