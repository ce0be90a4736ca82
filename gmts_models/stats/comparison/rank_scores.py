"""Scores of the log-rank family by group, and their joint variance over several weightings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.comparison.groups import (
    check_frequencies,
    count_by_group,
    rows_by_stratum,
    sum_by_group,
)
from gmts_models.stats.options import check_option
from gmts_models.stats.rows import Rows

Variance = Literal["hypergeometric", "breslow", "robust"]
"""Of observed less expected departures.

hypergeometric: given the numbers at risk and leaving at each time, all drawn together without
replacement; the log-rank test's own, exact under ties.
breslow: the departures of one time drawn independently; the score test of a Cox model with
Breslow's ties.
robust: the sum of squares of each person's (or cluster's) residual; for weights that are not
counts of people, and for people who are not independent.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankScores:
    """Observed and expected departures of k groups in s strata, under q weightings.

    Attributes
    ----------
    observed, expected : (q, s, k).
    covariance : (q, k, q, k) of ``(observed - expected).sum(axis=1)``.
    linked : (k, k) bool, groups that were at risk together when somebody left.
    """

    observed: Floats
    expected: Floats
    covariance: Floats
    linked: Bools

    @property
    def score(self) -> Floats:
        """(q, k): observed less expected, over all strata."""
        return np.asarray((self.observed - self.expected).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One stratum at its m times of leaving.

    share (m, k) is each group's part of those at risk; events (m, k); total and leaving (m,)
    those at risk and leaving; weight (m, q).
    """

    time: Floats
    share: Floats
    events: Floats
    total: Floats
    leaving: Floats
    weight: Floats


def rank_scores(
    rows: Rows,
    group: Ints,
    k: int,
    weightings: Sequence[tuple[float, float]],
    variance: Variance,
    where: str,
) -> RankScores:
    """Compare k groups under q weightings of time.

    Parameters
    ----------
    rows : n checked rows.
    group : (n,) codes 0..k-1.
    weightings : q pairs (rho, gamma), both >= 0; the weight of time t is
        S(t-)^rho (1 - S(t-))^gamma, S the Kaplan-Meier of all groups of the stratum together.
    variance : which; see `Variance`.
    where : name of the caller, for the error.

    Raises
    ------
    InputError : a weighting that is not finite or negative; weights that are not whole numbers,
        or clusters, with a variance that is not robust.
    NotEstimableError : fewer clusters than groups.

    Source: Fleming & Harrington (1991), Counting Processes and Survival Analysis, chapter 7;
    Lin & Wei (1989), JASA 84:1074-1078, for the residuals.
    """
    _check(rows, weightings, variance, where)
    strata = int(rows.strata.max()) + 1
    q = len(weightings)
    observed, expected = np.zeros((2, q, strata, k))
    covariance = np.zeros((q, k, q, k))
    linked = np.zeros((k, k), dtype=bool)
    residuals = np.zeros((len(rows), q, k)) if variance == "robust" else None
    for s, of in enumerate(rows_by_stratum(rows.strata)):
        table = _tabulate(rows, group, k, of, weightings)
        observed[:, s] = table.weight.T @ table.events
        expected[:, s] = (table.weight * table.leaving[:, None]).T @ table.share
        if residuals is not None:
            residuals[of] = _residuals(rows, group, of, table)
            linked |= (table.share * table.leaving[:, None]).T @ table.share > 0
        else:
            _add_covariance(covariance, table, ties=variance == "hypergeometric")
    if residuals is not None:
        covariance = _sum_of_squares(residuals, rows.clusters)
        _check_clusters(rows.clusters, k, where)
    else:
        linked = (covariance != 0).any(axis=(0, 2))
    return RankScores(observed=observed, expected=expected, covariance=covariance, linked=linked)


def _check(
    rows: Rows, weightings: Sequence[tuple[float, float]], variance: Variance, where: str
) -> None:
    powers = np.array(weightings, dtype=float)
    if powers.ndim != 2 or powers.shape[1] != 2 or not np.isfinite(powers).all():
        raise InputError("weightings must be pairs (rho, gamma) of numbers", where=where)
    if (powers < 0).any():
        raise InputError("rho and gamma must not be negative", where=where)
    check_option(variance, get_args(Variance), "variance", where)
    if variance != "robust":
        check_frequencies(rows.weights, where, 'use variance="robust" for other weights')
        if rows.clusters is not None:
            raise InputError(
                "clusters enter the robust variance only",
                where=f"{where}, clusters",
                fix='use variance="robust", or leave them out',
            )


def _check_clusters(clusters: Ints | None, k: int, where: str) -> None:
    if clusters is not None and (count := int(clusters.max()) + 1) < k:
        raise NotEstimableError(
            f"{count} clusters cannot tell {k} groups apart", where=f"{where}, clusters"
        )


def _tabulate(
    rows: Rows, group: Ints, k: int, of: Ints, weightings: Sequence[tuple[float, float]]
) -> _Table:
    entry, exit_, w = rows.entry[of], rows.exit[of], rows.weights[of]
    left, code = rows.left[of] & (w > 0), group[of]
    time = np.unique(exit_[left])
    at_risk = count_by_group(time, entry, exit_, w, code, k)
    events = sum_by_group(time, exit_[left], w[left], code[left], k)
    at_risk = np.maximum(at_risk, events)
    total, leaving = at_risk.sum(axis=1), events.sum(axis=1)
    stays: Floats = np.cumprod((total - leaving) / total, dtype=float)
    stay = np.concatenate([[1.0], stays])[:-1]
    weight = np.stack([stay**rho * (1 - stay) ** gamma for rho, gamma in weightings], axis=1)
    share = at_risk / total[:, None]
    return _Table(
        time=time, share=share, events=events, total=total, leaving=leaving, weight=weight
    )


def _add_covariance(covariance: Floats, table: _Table, *, ties: bool) -> None:
    size = table.leaving.copy()
    if ties:
        alone = table.total == 1
        size *= (table.total - table.leaving) / np.where(alone, 1.0, table.total - 1)
    q, k = covariance.shape[:2]
    own = np.arange(k)
    for a in range(q):
        for b in range(q):
            weight = size * table.weight[:, a] * table.weight[:, b]
            part = -(table.share * weight[:, None]).T @ table.share
            # The rows sum to 0: taking the diagonal from the rest keeps that, and exact zeros.
            part[own, own] = 0.0
            part[own, own] = -part.sum(axis=1)
            covariance[a, :, b, :] += part


def _residuals(rows: Rows, group: Ints, of: Ints, table: _Table) -> Floats:
    """Return (n, q, k): each row's part of the scores, less what it adds to those expected."""
    q, k = table.weight.shape[1], table.share.shape[1]
    rate = table.weight * (table.leaving / table.total)[:, None]
    passed = np.concatenate([np.zeros((1, q)), np.cumsum(rate, axis=0)])
    shares = rate[:, :, None] * table.share[:, None, :]
    passed_share = np.concatenate([np.zeros((1, q, k)), np.cumsum(shares, axis=0)])
    entry, exit_ = rows.entry[of], rows.exit[of]
    end = np.searchsorted(table.time, exit_, side="right")
    begin = np.where(entry > 0, np.searchsorted(table.time, entry, side="right"), 0)
    own = np.eye(k)[group[of]][:, None, :]
    result = passed_share[end] - passed_share[begin]
    result -= own * (passed[end] - passed[begin])[:, :, None]
    left = rows.left[of] & (rows.weights[of] > 0)
    at = end[left] - 1
    result[left] += table.weight[at][:, :, None] * (own[left] - table.share[at][:, None, :])
    return np.asarray(result * rows.weights[of][:, None, None])


def _sum_of_squares(residuals: Floats, clusters: Ints | None) -> Floats:
    n, q, k = residuals.shape
    flat = sum_by_cluster(residuals.reshape(n, q * k), clusters)
    return np.asarray((flat.T @ flat).reshape(q, k, q, k))
