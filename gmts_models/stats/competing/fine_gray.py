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

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import UNKNOWN_CAUSE, Bools, Floats, Ints
from gmts_models.stats.clusters import sum_by_cluster
from gmts_models.stats.competing.fine_gray_variance import CensoringWeights, score_influence
from gmts_models.stats.competing.fine_gray_weights import (
    CensoringTies,
    ObservationCurve,
    Observed,
    WeightedRows,
    observation_curve,
    weighted_rows,
)
from gmts_models.stats.cox.fit import CoxFit, cox_data, maximise
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.options import check_option
from gmts_models.stats.rows import Rows, check_rows, code_labels, read_matrix

_WHERE = "fine_gray"


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
    penalty : as given.
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
    penalty: Floats | None = None


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
    penalty: Floats | None = None,
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
    if cause < 1:
        raise InputError("causes are numbered from 1", where=f"{_WHERE}, cause")
    if not ((rows.event == cause) & (rows.weights > 0)).any():
        raise FitError(f"nobody leaves from cause {cause}", where=f"{_WHERE}, cause")
    check_option(censoring_ties, get_args(CensoringTies), "censoring_ties", _WHERE)
    matrix = read_matrix(X, len(rows))
    n = len(rows)
    people = np.arange(n) if ids is None else _codes(ids, n, "ids")
    if ids is None and rows.clusters is not None:
        _refuse_split_people(rows, rows.clusters)
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
    fit = fit_seen(matrix, seen, together, cause=cause, ties=ties, names=names, penalty=penalty)
    return replace(fit, covariance=fine_gray_covariance(fit))


def fit_seen(
    X: Floats,
    seen: Observed,
    people: Ints,
    *,
    cause: int,
    ties: Ties,
    names: Sequence[str] | None,
    penalty: Floats | None = None,
    start: Floats | None = None,
) -> FineGrayFit:
    """Fit checked rows, the variance left model-based; `start` (p,) is where the search begins."""
    curves = [observation_curve(seen, group) for group in range(int(seen.groups.max()) + 1)]
    weighted = weighted_rows(seen, cause, curves)
    row = weighted.row
    data = cox_data(
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
    cox = maximise(data, penalty, start=start)
    return FineGrayFit(
        coefficients=cox.coefficients,
        covariance=cox.covariance,
        cox=cox,
        X=X,
        seen=seen,
        curves=tuple(curves),
        weighted=weighted,
        people=people,
        cause=cause,
        penalty=penalty,
    )


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
    stratum; for several, R leaves out what departures of the others move (cmprsk 2.2-11).
    """
    check_option(weights, get_args(CensoringWeights), "weights", "fine_gray_covariance")
    influence = score_influence(fit.cox, fit.seen, fit.curves, fit.weighted, weights)
    moved = sum_by_cluster(influence, fit.people) @ fit.cox.covariance
    return np.asarray(moved.T @ moved)


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
    return code_labels(labels, name, _WHERE)


def _refuse_split_people(rows: Rows, clusters: Ints) -> None:
    """Refuse clusters whose rows all follow on from each other: they are people."""
    same, follows = _chains(rows, clusters)
    if same.any() and follows[same].all():
        raise InputError(
            "the rows of each cluster follow on from each other, as those of one person do",
            where=f"{_WHERE}, clusters",
            fix="give people as ids, so that the end of a row is not taken for a censoring",
        )


def _ends_of_people(rows: Rows, people: Ints) -> tuple[Bools, Bools]:
    """Say which rows are the first, and which the last, of a person."""
    same, follows = _chains(rows, people)
    if not follows[same].all():
        raise InputError(
            f"{int((same & ~follows).sum())} rows of people do not follow on from the row before, "
            "or follow an event",
            where=f"{_WHERE}, ids",
            fix="give each stay of a person its own id",
        )
    order = _by_label(rows, people)
    first, last = np.ones(len(order), dtype=bool), np.ones(len(order), dtype=bool)
    first[order[1:]] = ~same
    last[order[:-1]] = ~same
    return first, last


def _chains(rows: Rows, labels: Ints) -> tuple[Bools, Bools]:
    """Say of each row but the first, by label and time, how it relates to the one before.

    Returns
    -------
    same : (n - 1,) of the same label. follows : (n - 1,) begins where that ends without an event.
    """
    order = _by_label(rows, labels)
    same = labels[order][1:] == labels[order][:-1]
    follows = (rows.entry[order][1:] == rows.exit[order][:-1]) & ~rows.left[order][:-1]
    return same, follows


def _by_label(rows: Rows, labels: Ints) -> Ints:
    return np.lexsort((rows.exit, rows.entry, labels))
