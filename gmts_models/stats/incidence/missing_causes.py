"""Incidence by cause where the cause of some departures is missing: imputed, and with bounds.

That a person left is known, so survival is not touched; only how the departures divide is. The
bounds need no assumption: no missing cause is this one, or all are. Between them, causes are drawn
for those who miss one as they occur among the known departures of the same stratum, several times
over, and the results pooled by Rubin's rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.outcome import UNKNOWN_CAUSE, Floats, Ints
from gmts_models.stats.incidence.aalen_johansen import IncidenceAt, aalen_johansen, incidence_at
from gmts_models.stats.intervals import check_level, limits, normal_quantile
from gmts_models.stats.missing.pooling import pool
from gmts_models.stats.rows import Rows, check_rows, code_labels

_WHERE = "incidence_with_missing_causes"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceWithMissingCauses:
    """Incidence at m times by c causes, with what is not known about the causes.

    Attributes
    ----------
    time : (m,) months.
    incidence : (m, c) mean over the imputations.
    std_err : (m, c), the uncertainty about the missing causes included.
    lower, upper : (m, c) limits at `level`, on the scale log(-log(1 - p)).
    lowest, highest : (m, c) bounds: the incidence if none, or all, of the missing causes were this
        one. Not limits: they hold no sampling error.
    missing : share of the departures without a cause.
    imputations : how many.
    level : of the limits.
    """

    time: Floats
    incidence: Floats
    std_err: Floats
    lower: Floats
    upper: Floats
    lowest: Floats
    highest: Floats
    missing: float
    imputations: int
    level: float


def incidence_with_missing_causes(
    exit_: npt.ArrayLike,
    event: npt.ArrayLike,
    times: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    imputed: Ints,
    causes: int | None = None,
    level: float = 0.95,
) -> IncidenceWithMissingCauses:
    """Estimate incidence by cause where some departures have no known cause.

    Parameters
    ----------
    exit_, entry, weights, clusters : (n,) as for `aalen_johansen`.
    event : (n,) int, 0 = censored, 1..c = cause, -1 = left, cause missing.
    times : (m,) months.
    imputed : (i, n) events with the missing causes drawn, by `impute_causes`. Of a part of the
        people take the part of its columns: then all parts share what is known of the causes.
    causes : c; default the highest code.
    level : of the limits.

    Raises
    ------
    InputError : invalid rows or options, or imputations that do not fit the events.

    Source: Rubin (1987), Multiple Imputation for Nonresponse in Surveys. Aalen & Johansen (1978).
    Manski (2003), Partial Identification of Probability Distributions, for the bounds.
    """
    check_level(level)
    rows = check_rows(exit_, event, entry, weights, clusters=clusters, where=_WHERE)
    c = max(int(rows.event.max(initial=0)), causes or 1)
    at = np.atleast_1d(np.asarray(times, dtype=float))
    unknown = rows.event == UNKNOWN_CAUSE
    drawn = _check_imputed(imputed, rows.event, unknown)
    found = [_read(rows, event, at, c) for event in drawn]
    estimate, std_err, df = _pooled(found)
    none, every = _bounds(rows, unknown, at, c)
    # Limits of `limits` are normal ones: widen the error to the quantile of t.
    wide = stats.t.ppf((1 + level) / 2, df) / normal_quantile(level)
    stay_lower, stay_upper = limits(1 - estimate, std_err * wide, level, "log-log")
    left = float(rows.weights[rows.event != 0].sum())
    return IncidenceWithMissingCauses(
        time=at,
        incidence=estimate,
        std_err=std_err,
        lower=1 - stay_upper,
        upper=1 - stay_lower,
        lowest=none,
        highest=every,
        missing=float(rows.weights[unknown].sum()) / left if left else 0.0,
        imputations=len(drawn),
        level=level,
    )


def impute_causes(
    event: npt.ArrayLike,
    causes: int,
    *,
    rng: np.random.Generator,
    strata: npt.ArrayLike | None = None,
    imputations: int = 20,
) -> Ints:
    """Draw the missing causes of departures, as they occur in the same stratum.

    Parameters
    ----------
    event : (n,) int, 0 = censored, 1..c = cause, -1 = left, cause missing.
    causes : c.
    rng : draws.
    strata : (n,) labels; default one stratum.
    imputations : how many times.

    Returns
    -------
    (imputations, n) int events without -1.

    Raises
    ------
    InputError : a code is not one of -1..c, or there are fewer than 2 imputations.
    NotEstimableError : departures miss their cause and none has one.

    Notes
    -----
    Each time the shares of the causes are drawn anew, so that the imputations are proper: those of
    all strata together from a Dirichlet distribution with the counts, plus 1 for each cause spread
    evenly (Perks), and those of a stratum from one with its counts plus c pseudo-counts at the
    shares of all. A small stratum so borrows from the others. The assumption is that within a
    stratum causes go missing whatever they are.
    """
    codes = np.asarray(event, dtype=np.int64)
    if imputations < 2:
        raise InputError("at least 2 imputations are needed", where="imputations")
    if len(codes) and (codes.min() < UNKNOWN_CAUSE or codes.max() > causes):
        raise InputError(f"event codes must run from -1 to {causes}", where="event")
    unknown = np.flatnonzero(codes == UNKNOWN_CAUSE)
    drawn = np.tile(codes, (imputations, 1))
    if not len(unknown):
        return drawn
    if not (codes > 0).any():
        raise NotEstimableError(
            "no departure has a known cause, so nothing tells how they divide",
            where="event",
            fix="estimate the incidence of leaving from any cause",
        )
    group = (
        np.zeros(len(codes), dtype=np.int64)
        if strata is None
        else code_labels(strata, "strata", _WHERE)
    )
    counts = np.zeros((group.max() + 1, causes))
    np.add.at(counts, (group[codes > 0], codes[codes > 0] - 1), 1.0)
    shares = rng.dirichlet(counts.sum(axis=0) + 1 / causes, size=imputations)
    for row in range(imputations):
        draws = rng.gamma(counts + causes * shares[row])
        cumulative = np.cumsum(draws / draws.sum(axis=1, keepdims=True), axis=1)
        chance = rng.random(len(unknown))[:, None]
        picked = (chance > cumulative[group[unknown], :-1]).sum(axis=1)
        drawn[row, unknown] = 1 + picked
    return drawn


def _check_imputed(imputed: Ints, event: Ints, unknown: npt.NDArray[np.bool_]) -> Ints:
    drawn = np.atleast_2d(np.asarray(imputed, dtype=np.int64))
    fits = drawn.shape[1] == len(event) and (drawn[:, ~unknown] == event[~unknown]).all()
    if not fits or (drawn == UNKNOWN_CAUSE).any():
        raise InputError(
            "the imputed events are not those of these rows with the missing causes filled in",
            where=f"{_WHERE}, imputed",
            fix="take them from impute_causes(event, ...)",
        )
    if not unknown.any():
        return drawn[:1]
    if len(drawn) < 2:
        raise InputError("at least 2 imputations are needed", where=f"{_WHERE}, imputed")
    return drawn


def _read(rows: Rows, event: Ints, times: Floats, causes: int) -> IncidenceAt:
    curves = aalen_johansen(
        rows.exit, event, rows.entry, rows.weights, rows.clusters, causes=causes
    )
    return incidence_at(curves, times)


def _pooled(found: list[IncidenceAt]) -> tuple[Floats, Floats, Floats]:
    """Return estimate, standard error and degrees of freedom, (m, c) each."""
    estimates = np.array([each.incidence for each in found])
    errors = np.array([each.std_err for each in found])
    if len(found) == 1:
        return estimates[0], errors[0], np.full(estimates[0].shape, np.inf)
    shape = estimates.shape[1:]
    pooled = pool(estimates.reshape(len(found), -1), np.square(errors).reshape(len(found), -1))
    return (
        pooled.estimate.reshape(shape),
        pooled.std_err.reshape(shape),
        pooled.df.reshape(shape),
    )


def _bounds(
    rows: Rows, unknown: npt.NDArray[np.bool_], times: Floats, causes: int
) -> tuple[Floats, Floats]:
    """Return the (m, c) incidences if none, and if all, of the missing causes were this one."""
    apart = np.where(unknown, causes + 1, rows.event)
    curves = aalen_johansen(
        rows.exit, apart, rows.entry, rows.weights, causes=causes + 1, variance="none"
    )
    both = incidence_at(curves, times).incidence
    lowest = both[:, :causes]
    return lowest, lowest + both[:, causes:]
