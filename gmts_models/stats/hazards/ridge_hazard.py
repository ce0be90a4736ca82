"""Ridge regression of the hazards of whole periods, without a row for each person and period.

A row of the regression is made of columns of the person and columns of the period. The sums over
rows that Newton's method needs are so sums over people of (columns of the person) times (sums over
periods), which takes the number of columns fewer operations, and as much less memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.hazards.person_periods import PeriodSpans
from gmts_models.stats.options import column_names
from gmts_models.stats.regression.information import solve_positive

_MAX_STEPS = 60
_DONE = 1e-18  # Newton decrement, as in regression/glm.py
_CELLS = 1 << 17  # people times periods looked at together


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodColumns:
    """What periods are told apart by.

    Attributes
    ----------
    time : (q, b) columns of the periods 1..q, of which the first is ones.
    trend : (q,) a column of the period that columns of people are multiplied with.
    varying : (v,) int, which columns of people are.
    at_risk : (q,) bool, whether anyone can leave in the period; rows in others do not count.
    """

    time: Floats
    trend: Floats
    varying: Ints
    at_risk: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeHazard:
    """Log odds of leaving for each of k causes in a period, against staying.

    Attributes
    ----------
    coefficients : (k, d) float; d = b + p + v: of the period's columns, of the person's, and of
        the products of these with the trend.
    covariance : (k d, k d), the inverse of information and penalty together; in the order of
        ``coefficients.ravel()``.
    log_likelihood : float, without the penalty.
    steps : Newton steps that it took.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """The penalised log likelihood at some coefficients, with its derivatives."""

    value: float
    log_likelihood: float
    score: Floats
    information: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Some rows and the window of periods in which any is at risk."""

    X: Floats
    weight: Floats
    periods: slice
    inside: Bools
    left: Floats


@on_one_thread
def fit_ridge_hazard(
    X: Floats,
    spans: PeriodSpans,
    weights: Floats,
    columns: PeriodColumns,
    *,
    causes: int = 1,
    penalty: Floats,
    names: Sequence[str] | None = None,
) -> RidgeHazard:
    """Fit a (multinomial) logistic regression of the hazards of periods.

    Parameters
    ----------
    X : (n, p) float, columns of people; p may be 0.
    spans : of n rows; its events are 0..k, of which each happens.
    weights : (n,) float > 0, times that a row counts.
    columns : of the periods up to the last of `spans`.
    causes : k.
    penalty : (d,) float >= 0; half of it times the squared coefficient is taken from the log
        likelihood.
    names : (d,) of the columns, for errors.

    Raises
    ------
    InputError : shapes differ, or a value is missing.
    FitError : nobody stays through any period, a cause has no departures, or the penalised
        likelihood has no maximum.

    Source: Allison (1982), Sociological Methodology 13:61-98; Le Cessie & van Houwelingen (1992),
    Applied Statistics 41:191-201. Without a penalty it agrees with ``glm(binomial)`` and
    ``nnet::multinom`` on rows of persons and periods.
    """
    _check(X, spans, weights, columns, penalty)
    d = len(penalty)
    coef = np.zeros((causes, d))
    gone = np.bincount(spans.event, weights=weights, minlength=causes + 1)[1:]
    cells = _cells(spans, weights, columns.at_risk)
    stay = cells - gone.sum()
    if not stay > 1e-9 * cells or not (gone > 0).all():
        raise FitError(
            "nobody stays through any period, or a cause has no departures",
            where="fit_ridge_hazard",
            fix="use shorter periods, or fewer causes",
        )
    coef[:, 0] = np.log(gone / stay)
    now = _sums(X, spans, weights, columns, coef, penalty)
    for steps in range(1, _MAX_STEPS + 1):
        try:
            step = solve_positive(now.information, now.score)
        except FitError:
            raise _no_maximum(coef, names) from None
        decrement = float(now.score @ step)
        moved = False
        for _ in range(30):
            trial = _sums(X, spans, weights, columns, coef + step.reshape(causes, d), penalty)
            if trial.value >= now.value - 1e-12 * (1 + abs(now.value)):
                coef, now, moved = coef + step.reshape(causes, d), trial, True
                break
            step = step / 2
        if decrement < _DONE or (not moved and decrement < 1e-8):
            break
        if not moved or steps == _MAX_STEPS or (steps >= 15 and np.abs(coef).max() > 30):
            raise _no_maximum(coef, names)
    return RidgeHazard(
        coefficients=coef,
        covariance=solve_positive(now.information, np.eye(causes * d)),
        log_likelihood=now.log_likelihood,
        steps=steps,
    )


def _no_maximum(coef: Floats, names: Sequence[str] | None) -> FitError:
    """Return the error of separation, which names the columns that went furthest."""
    size = np.abs(coef).max(axis=0)[1:]
    far = np.flatnonzero(size > size.max(initial=0) / 2) + 1  # none at the start
    labels = column_names(coef.shape[1], names)
    return FitError(
        "the likelihood has no maximum: columns tell exactly who leaves, or are sums of others",
        where=", ".join(["fit_ridge_hazard", *(labels[j] for j in far)]),
        fix="penalise these columns (alpha above 0), or drop or merge them",
    )


def ridge_hazards(X: Floats, coefficients: Floats, columns: PeriodColumns) -> Floats:
    """Return (n, q, k) hazards of people with columns X (n, p) in the periods of `columns`."""
    linear = np.stack([_linear(X, each, columns, slice(None)) for each in coefficients], axis=2)
    hazard = _chances(linear)
    hazard[:, ~columns.at_risk] = 0.0
    return hazard


def cumulative_variance(
    X: Floats, fit: RidgeHazard, columns: PeriodColumns, hazards: Floats, spent: Floats
) -> Floats:
    """Return (n, m) variances of cumulative hazards, -log P(still there), by the delta method.

    Parameters
    ----------
    X, columns : as for `ridge_hazards`, of which `hazards` (n, q, k) are.
    spent : (m, q) share of each period that has passed by each of m horizons.
    """
    n, m = len(X), len(spent)
    timed = (spent[:, :, None] * columns.time).transpose(1, 0, 2).reshape(len(columns.time), -1)
    parts = []
    for hazard in np.moveaxis(hazards, 2, 0):
        time = (hazard @ timed).reshape(n, m, -1)
        level = (hazard @ spent.T)[:, :, None] * X[:, None]
        slope = (hazard @ (spent * columns.trend).T)[:, :, None] * X[:, None, columns.varying]
        parts += [time, level, slope]
    gradient = np.concatenate(parts, axis=2)
    return np.asarray(((gradient @ fit.covariance) * gradient).sum(axis=2))


def _check(
    X: Floats, spans: PeriodSpans, weights: Floats, columns: PeriodColumns, penalty: Floats
) -> None:
    d = columns.time.shape[1] + X.shape[1] + len(columns.varying)
    if len(X) != len(spans.first) or len(weights) != len(X) or penalty.shape != (d,):
        raise InputError(
            f"X has {X.shape} values, with {len(spans.first)} rows of time, {len(weights)} "
            f"weights and {len(penalty)} penalties for {d} columns",
            where="fit_ridge_hazard",
        )
    if (bad := ~np.isfinite(X).all(axis=1)).any():
        raise InputError(
            f"{int(bad.sum())} row(s) hold a value that is missing or infinite",
            where=f"fit_ridge_hazard, first at row {int(np.argmax(bad))}",
        )


def _cells(spans: PeriodSpans, weights: Floats, at_risk: Bools) -> float:
    """Return the number of rows of persons and periods, by weight."""
    until = np.concatenate([[0], np.cumsum(at_risk)])
    return float(weights @ (until[spans.last] - until[spans.first]))


def _parts(
    X: Floats, spans: PeriodSpans, weights: Floats, columns: PeriodColumns, causes: int
) -> Iterator[_Part]:
    """Give the rows by when they are at risk, a window of periods at a time."""
    order = np.lexsort((spans.last, spans.first))
    order = order[spans.last[order] > spans.first[order]]
    size = max(1, _CELLS // len(columns.time))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        first, last, event = spans.first[rows], spans.last[rows], spans.event[rows]
        low, high = int(first.min()), int(last.max())
        period = np.arange(low, high)  # from 0
        inside = (period >= first[:, None]) & (period < last[:, None]) & columns.at_risk[low:high]
        left = np.zeros((len(rows), high - low, causes))
        gone = np.flatnonzero(event)
        left[gone, last[gone] - 1 - low, event[gone] - 1] = 1
        yield _Part(
            X=X[rows],
            weight=weights[rows],
            periods=slice(low, high),
            inside=inside,
            left=left,
        )


def _sums(
    X: Floats,
    spans: PeriodSpans,
    weights: Floats,
    columns: PeriodColumns,
    coef: Floats,
    penalty: Floats,
) -> _Sums:
    k, d = coef.shape
    value, score = 0.0, np.zeros((k, d))
    information = np.zeros((k, d, k, d))
    for part in _parts(X, spans, weights, columns, k):
        linear = np.stack([_linear(part.X, each, columns, part.periods) for each in coef], axis=2)
        count = part.inside * part.weight[:, None]
        chance = _chances(linear)
        value += float((part.left * linear).sum(axis=(1, 2)) @ part.weight)
        value -= float((count * _log_total(linear)).sum())
        for a in range(k):
            residual = part.weight[:, None] * part.left[:, :, a] - count * chance[:, :, a]
            score[a] += _first(part, residual, columns)
            for b in range(a, k):
                spread = count * chance[:, :, a] * ((a == b) - chance[:, :, b])
                information[a, :, b] += _second(part, spread, columns)
    for a in range(k):
        information[a, :, a] += np.diag(penalty)
        for b in range(a):
            information[a, :, b] = information[b, :, a].T
    return _Sums(
        value=value - float((penalty * coef**2).sum()) / 2,
        log_likelihood=value,
        score=(score - penalty * coef).ravel(),
        information=information.reshape(k * d, k * d),
    )


def _linear(X: Floats, coef: Floats, columns: PeriodColumns, periods: slice) -> Floats:
    """Return (n, q) the log odds of one cause."""
    time, trend = columns.time[periods], columns.trend[periods]
    b, p = time.shape[1], X.shape[1]
    linear = (X @ coef[b : b + p])[:, None] + time @ coef[:b]
    if len(columns.varying):
        linear += np.outer(X[:, columns.varying] @ coef[b + p :], trend)
    return np.asarray(linear)


def _chances(linear: Floats) -> Floats:
    """Return (n, q, k) the probabilities of the causes."""
    if linear.shape[2] == 1:
        return np.asarray(special.expit(linear))
    none = np.zeros((*linear.shape[:2], 1))
    return np.asarray(special.softmax(np.concatenate([none, linear], axis=2), axis=2)[:, :, 1:])


def _log_total(linear: Floats) -> Floats:
    """Return (n, q) minus the log of the probability to stay."""
    if linear.shape[2] == 1:
        return np.logaddexp(0.0, linear[:, :, 0])
    none = np.zeros((*linear.shape[:2], 1))
    return np.asarray(special.logsumexp(np.concatenate([none, linear], axis=2), axis=2))


def _first(part: _Part, value: Floats, columns: PeriodColumns) -> Floats:
    """Return (d,) the sum over people and periods of a value (n, q) times the columns."""
    time, trend = columns.time[part.periods], columns.trend[part.periods]
    return np.concatenate(
        [
            value.sum(axis=0) @ time,
            value.sum(axis=1) @ part.X,
            (value @ trend) @ part.X[:, columns.varying],
        ]
    )


def _second(part: _Part, value: Floats, columns: PeriodColumns) -> Floats:
    """Return (d, d) the sum of a value (n, q) times the products of the columns."""
    time, trend = columns.time[part.periods], columns.trend[part.periods]
    X, moving = part.X, part.X[:, columns.varying]
    b, p = time.shape[1], X.shape[1]
    total = np.empty((b + p + moving.shape[1],) * 2)
    by_time = np.column_stack([time, trend[:, None] * time])
    timed = value @ by_time
    total[:b, :b] = time.T @ (value.sum(axis=0)[:, None] * time)
    total[b : b + p, :b] = X.T @ timed[:, :b]
    total[b : b + p, b : b + p] = X.T @ (value.sum(axis=1)[:, None] * X)
    total[b + p :, :b] = moving.T @ timed[:, b:]
    total[b + p :, b : b + p] = moving.T @ ((value @ trend)[:, None] * X)
    total[b + p :, b + p :] = moving.T @ ((value @ trend**2)[:, None] * moving)
    total[:b, b:] = total[b:, :b].T
    total[b : b + p, b + p :] = total[b + p :, b : b + p].T
    return total
