"""Fine-Gray regression: what columns do to the incidence of one cause of leaving.

It is a Cox fit in which those who left from another cause stay at risk, weighted by how far they
would still be seen (`fine_gray_weights`). The ratio it estimates is of subdistribution hazards: it
orders the incidence of the cause, and mixes its own hazard with the absence of the others. For
what drives a cause see `cause_specific`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError, GmtsError, InputError, NotEstimableError
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints
from gmts_models.stats.cox.baseline import baseline_hazards
from gmts_models.stats.cox.fit import CoxFit, fit_cox
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.cox.robust import sum_by_code
from gmts_models.stats.fine_gray_variance import CensoringWeights, score_influence
from gmts_models.stats.fine_gray_weights import (
    CensoringTies,
    ObservationCurve,
    Observed,
    WeightedRows,
    observation_curve,
    weighted_rows,
)
from gmts_models.stats.intervals import check_level
from gmts_models.stats.rows import Rows, check_rows

_WHERE = "fine_gray"
MOST_FAILED = 0.05
"""Share of bootstrap samples without a fit above which there is no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FineGrayFit:
    """A Fine-Gray fit.

    Attributes
    ----------
    coefficients : (p,) log ratios of subdistribution hazards.
    covariance : (p, p) robust, with the estimation of the weights (`fine_gray_covariance`).
    cox : the fit of the weighted rows; its `covariance` is the model-based one, which takes the
        weights for known and rows for independent, and is too large or too small.
    X : (n, p) as given.
    seen, curves, weighted : who is seen when, what follows from it by censoring stratum, and the
        rows of the subdistribution.
    people : (n,) int codes of clusters: people, or larger.
    cause : of leaving.
    names : (p,) of the columns.
    """

    coefficients: Floats
    covariance: Floats
    cox: CoxFit
    X: Floats
    seen: Observed
    curves: tuple[ObservationCurve, ...]
    weighted: WeightedRows
    people: Ints
    cause: int
    names: tuple[str, ...]


def fit_fine_gray(
    X: npt.ArrayLike,
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    cause: int = 1,
    ids: npt.ArrayLike | None = None,
    censoring_strata: npt.ArrayLike | None = None,
    ties: Ties = "efron",
    censoring_ties: CensoringTies = "events first",
    names: Sequence[str] | None = None,
) -> FineGrayFit:
    """Fit proportional subdistribution hazards of one cause.

    Parameters
    ----------
    X : (n, p) columns, no intercept.
    exit_ : (n,) months at which observation ends.
    event : (n,) int, 0 = censored, 1..k = cause.
    entry : (n,) months at which observation begins; default 0, no delayed entry.
    weights : (n,) case weights; they count as people in the censoring weights too.
    strata : (n,) labels; each has a baseline of its own.
    clusters : (n,) labels of what is independent, for the variance; default `ids`.
    cause : of interest; all others compete.
    ids : (n,) labels of people, where one has several rows, which must follow each other without
        a gap. Columns stay as last seen after a competing event. Default: a person a row.
    censoring_strata : (n,) labels of those censored alike, such as cohorts; default all.
    ties : of departures.
    censoring_ties : whether those who leave at t are at risk of being censored at t: "events
        first" (not, as ``finegray``) or "together" (they are, as ``crr``).
    names : (p,) of the columns, for errors.

    Returns
    -------
    FineGrayFit

    Raises
    ------
    InputError : invalid rows; a cause of leaving is unknown (-1); rows of a person with a gap, an
        overlap or an event before the last.
    FitError : nobody leaves from `cause`, or as `fit_cox`; or competing events cannot be weighed,
        for with delayed entry nobody was under observation for a while after them.

    Notes
    -----
    After the last month of a censoring stratum its G stays as it is, so that competitors stay at
    risk where nobody is censored; ``crr`` takes it for 0 there.

    Source: Fine & Gray (1999), JASA 94:496-509; Geskus (2011), Biometrics 67:39-49. Agrees with
    ``survival::finegray`` and ``coxph(Surv(fgstart, fgstop, fgstatus) ~ X, weights = fgwt)``; with
    ties = "breslow" and censoring_ties = "together" with ``cmprsk::crr(cengroup = )``. R's
    ``finegray`` ignores case weights in the censoring weights; here they equal replicated rows.
    """
    rows = check_rows(exit_, event, entry, weights, strata, clusters, where=_WHERE)
    _refuse_unknown(rows)
    if not ((rows.event == cause) & (rows.weights > 0)).any():
        raise FitError(f"nobody leaves from cause {cause}", where=f"{_WHERE}, cause")
    if censoring_ties not in get_args(CensoringTies):
        raise InputError(
            "there is no such rule",
            where=f"{_WHERE}, censoring_ties",
            fix=f"one of {', '.join(get_args(CensoringTies))}",
        )
    matrix = np.asarray(X, dtype=float)
    if matrix.ndim != 2 or len(matrix) != len(rows):
        raise InputError(f"X has shape {matrix.shape}, but there are {len(rows)} rows", where="X")
    n = len(rows)
    people = np.arange(n) if ids is None else _codes(ids, n, "ids")
    first, last = _ends_of_people(rows, people)
    seen = Observed(
        rows=rows,
        begins=first & (rows.entry > 0),
        ends=last & ~rows.left,
        groups=np.zeros(n, dtype=np.int64)
        if censoring_strata is None
        else _codes(censoring_strata, n, "censoring_strata"),
        ties=censoring_ties,
    )
    together = people if rows.clusters is None else rows.clusters
    return _fit(matrix, seen, together, cause, ties, names)


def _fit(
    X: Floats, seen: Observed, people: Ints, cause: int, ties: Ties, names: Sequence[str] | None
) -> FineGrayFit:
    curves = [observation_curve(seen, group) for group in range(int(seen.groups.max()) + 1)]
    weighted = weighted_rows(seen, cause, curves)
    row = weighted.row
    cox = fit_cox(
        X[row],
        weighted.exit,
        weighted.left,
        weighted.entry,
        seen.rows.weights[row] * weighted.weight,
        seen.rows.strata[row],
        people[row],
        ties=ties,
        names=names,
        merge_ties=False,
    )
    fit = FineGrayFit(
        coefficients=cox.coefficients,
        covariance=cox.covariance,
        cox=cox,
        X=X,
        seen=seen,
        curves=tuple(curves),
        weighted=weighted,
        people=people,
        cause=cause,
        names=cox.data.names,
    )
    return replace(fit, covariance=fine_gray_covariance(fit))


def fine_gray_covariance(fit: FineGrayFit, weights: CensoringWeights = "estimated") -> Floats:
    """Return the (p, p) sandwich variance of the coefficients, by the fit's clusters.

    Parameters
    ----------
    weights : what the censoring weights are taken for. "estimated": the derivative of the
        product-limits G and H counts, ties or not. "crr": the same by Fine & Gray's formula,
        which differs a little under ties, as ``crr(...)$var``. "known": as in
        ``coxph(..., weights = fgwt, cluster = id)``.

    Raises
    ------
    InputError : "crr" with delayed entry, or no such choice.

    Source: Fine & Gray (1999), section 3. "crr" agrees with ``crr(...)$var`` for one censoring
    stratum; for several, R's is not the derivative of its own weights by half a per cent or so.
    """
    if weights not in get_args(CensoringWeights):
        raise InputError(
            "there is no such variance",
            where="fine_gray_covariance, weights",
            fix=f"one of {', '.join(get_args(CensoringWeights))}",
        )
    influence = score_influence(fit.cox, fit.seen, fit.curves, fit.weighted, weights)
    moved = sum_by_code(influence, fit.people) @ fit.cox.covariance
    return np.asarray(moved.T @ moved)


def predict_fine_gray(
    fit: FineGrayFit,
    X: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
) -> Floats:
    """Predict the cumulative incidence of new people.

    Parameters
    ----------
    X : (n, p) columns, as in the fit.
    times : (m,) months since the start.
    strata : (n,) int codes: the rank of the label among the sorted labels of the fit.

    Returns
    -------
    (n, m) P(left from the cause by then); NaN past the stratum's last month of observation.

    Raises
    ------
    InputError : shapes differ, or a stratum was not in the fit.

    Source: Fine & Gray (1999), section 4. Agrees with ``predict.crr`` and ``survfit`` of a
    ``coxph`` of ``finegray``'s rows.
    """
    matrix, codes = _new_people(fit, X, strata)
    when = np.atleast_1d(np.asarray(times, dtype=float))
    risk = _incidence(fit, matrix, when, codes)
    rows = fit.seen.rows
    last = np.zeros(int(rows.strata.max()) + 1)
    np.maximum.at(last, rows.strata, rows.exit)
    return np.where(when > last[codes][:, None] * (1 + 1e-12), np.nan, risk)


def _incidence(fit: FineGrayFit, X: Floats, times: Floats, strata: Ints) -> Floats:
    """Return (n, m) incidences, carried on past the end of follow-up."""
    relative = np.exp((X - fit.cox.data.rows.centre) @ fit.coefficients)
    bases = [
        np.append(0.0, base.cumulative)[np.searchsorted(base.time, times, side="right")]
        for base in baseline_hazards(fit.cox)
    ]
    return np.asarray(-np.expm1(-relative[:, None] * np.stack(bases)[strata]))


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceInterval:
    """Cumulative incidence of n new people at m times with its bootstrap interval.

    Attributes
    ----------
    incidence, std_err, lower, upper : (n, m); NaN where not estimable.
    failed : bootstrap samples left out, for they had no fit.
    """

    incidence: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    failed: int


def bootstrap_incidence(
    fit: FineGrayFit,
    X: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    strata: npt.ArrayLike | None = None,
    repetitions: int = 500,
    level: float = 0.95,
) -> IncidenceInterval:
    """Predict the incidence of new people with percentile limits, by redrawing clusters.

    Parameters
    ----------
    X, times, strata : as for `predict_fine_gray`.
    rng : of the draws; the same state gives the same limits.
    repetitions : bootstrap samples; censoring weights, coefficients and baseline are estimated
        anew in each. A sample that is not followed up to a time keeps its last incidence there.
    level : of the interval.

    Raises
    ------
    InputError : as `predict_fine_gray`; fewer than 2 repetitions.
    NotEstimableError : more than `MOST_FAILED` of the samples have no fit.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    check_level(level)
    if repetitions < 2:
        raise InputError("an interval needs repetitions", where="repetitions", fix="500 or more")
    matrix, codes = _new_people(fit, X, strata)
    when = np.atleast_1d(np.asarray(times, dtype=float))
    incidence = predict_fine_gray(fit, matrix, when, strata=codes)
    clusters = int(fit.people.max()) + 1
    drawn: list[Floats] = []
    for _ in range(repetitions):
        counts = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
        sample = _redraw(fit, counts[fit.people])
        if sample is not None:
            drawn.append(_incidence(sample, matrix, when, codes))
    failed = repetitions - len(drawn)
    if failed > MOST_FAILED * repetitions:
        raise NotEstimableError(
            f"{failed} of {repetitions} bootstrap samples have no fit",
            where="bootstrap_incidence",
            fix="use fewer columns, or merge rare labels and small strata",
        )
    edges = [(1 - level) / 2, (1 + level) / 2]
    lower, upper = np.quantile(drawn, edges, axis=0)
    unknown = np.isnan(incidence)
    for each in (lower, upper, std_err := np.std(drawn, axis=0, ddof=1)):
        each[unknown] = np.nan
    return IncidenceInterval(
        incidence=incidence, std_err=std_err, lower=lower, upper=upper, failed=failed
    )


def _redraw(fit: FineGrayFit, counts: Ints) -> FineGrayFit | None:
    """Fit again with each row counted `counts` (n,) times; None where that has no fit."""
    kept = np.flatnonzero(counts)
    rows = fit.seen.rows
    strata = rows.strata[kept]
    if len(np.unique(strata)) <= rows.strata.max():
        return None  # a stratum without a baseline
    part = Rows(
        entry=rows.entry[kept],
        exit=rows.exit[kept],
        event=rows.event[kept],
        weights=rows.weights[kept] * counts[kept],
        strata=strata,
        clusters=None,
    )
    seen = Observed(
        rows=part,
        begins=fit.seen.begins[kept],
        ends=fit.seen.ends[kept],
        groups=fit.seen.groups[kept],
        ties=fit.seen.ties,
    )
    try:
        return _fit(fit.X[kept], seen, fit.people[kept], fit.cause, fit.cox.data.ties, fit.names)
    except GmtsError:
        return None


def _new_people(
    fit: FineGrayFit, X: npt.ArrayLike, strata: npt.ArrayLike | None
) -> tuple[Floats, Ints]:
    matrix = np.asarray(X, dtype=float)
    p, known = len(fit.coefficients), int(fit.seen.rows.strata.max()) + 1
    if matrix.ndim != 2 or matrix.shape[1] != p:
        raise InputError(f"X has shape {matrix.shape}, the fit has {p} columns", where="X")
    if not np.isfinite(matrix).all():
        raise InputError("X holds values that are missing or infinite", where="X")
    if strata is None and known > 1:
        raise InputError(f"the fit has {known} strata: say which each row is of", where="strata")
    n = len(matrix)
    codes = np.zeros(n, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    if codes.shape != (n,) or ((codes < 0) | (codes >= known)).any():
        raise InputError(f"strata must be {n} codes from 0 to {known - 1}", where="strata")
    return matrix, codes


def _refuse_unknown(rows: Rows) -> None:
    unknown = int((rows.event == UNKNOWN_CAUSE).sum())
    if unknown:
        raise InputError(
            f"{unknown} people left from an unknown cause (-1), which neither leave from the cause "
            "nor compete with it",
            where=f"{_WHERE}, event",
            fix="impute the causes several times, or give all of them each cause in turn for "
            "bounds",
        )


def _codes(labels: npt.ArrayLike, n: int, name: str) -> Ints:
    array = np.asarray(labels)
    if array.shape != (n,):
        raise InputError(f"there are {n} rows, {name} has shape {array.shape}", where=_WHERE)
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _ends_of_people(rows: Rows, people: Ints) -> tuple[Bools, Bools]:
    """Say which rows are the first, and which the last, of a person."""
    order = np.lexsort((rows.exit, rows.entry, people))
    same = people[order][1:] == people[order][:-1]
    broken = same & (
        (rows.entry[order][1:] != rows.exit[order][:-1]) | (rows.event[order][:-1] != 0)
    )
    if broken.any():
        raise InputError(
            f"{int(broken.sum())} rows of people do not follow on from the row before, or follow "
            "an event",
            where=f"{_WHERE}, ids",
            fix="give each stay of a person its own id",
        )
    first, last = np.ones(len(order), dtype=bool), np.ones(len(order), dtype=bool)
    first[order[1:]] = ~same
    last[order[:-1]] = ~same
    return first, last
