"""Coefficients of many samples of the same people, drawn again with replacement.

Rows stay in the order of one fit: drawing people again only repeats them, so that nothing is
sorted or checked anew, and Newton's method starts at the fit.

Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap; Davison & Hinkley (1997),
section 7.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gmts_models.outcome import Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.cox.event_grid import EventGrid, shares_of_ties
from gmts_models.stats.cox.fit import CoxData, CoxFit, likelihood_at
from gmts_models.stats.cox.risk_sums import CoxRows, sum_segments

_MOST_STEPS = 20
_LAST_STEP = 1e-5
"""Length of the last Newton step, in standard errors; what is left is about its square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxBootstrap:
    """Coefficients of drawn samples.

    Attributes
    ----------
    coefficients : (b, p), a row a sample; NaN where the sample's likelihood has no maximum.
    failed : number of those samples.
    """

    coefficients: Floats
    failed: int


@on_one_thread
def bootstrap_cox(fit: CoxFit, repetitions: int, rng: np.random.Generator) -> CoxBootstrap:
    """Fit again to samples of as many people, drawn with replacement.

    Parameters
    ----------
    fit : of `fit_cox`, unpenalised. People are its `clusters`, else its rows.
    repetitions : number of samples.
    rng : where the draws come from.

    Notes
    -----
    Copies of a person who leaves tie with each other, as in R's ``coxph(data[sample, ])``.
    """
    given = fit.data.given
    people = np.arange(len(given)) if given.clusters is None else given.clusters
    number = int(people.max()) + 1
    found = np.full((repetitions, len(fit.coefficients)), np.nan)
    for sample in found:
        drawn = np.bincount(rng.integers(0, number, number), minlength=number)
        sample[:] = _refit(resample(fit.data, drawn[people]), fit.coefficients)
    return CoxBootstrap(coefficients=found, failed=int(np.isnan(found).any(axis=1).sum()))


def resample(data: CoxData, copies: Ints) -> CoxData:
    """Return data ready for `likelihood_at`, with `copies` (n,) of each row given.

    Its `given` is still that of all rows.
    """
    rows, grid = data.rows, data.grid
    times = copies[rows.order]
    begin = np.append(0, np.cumsum(times))
    kept = np.repeat(np.arange(len(times)), times)
    died = np.flatnonzero(rows.left[kept])
    late = np.repeat(rows.late, times[rows.late])
    # The copies of a late row lie one behind the other.
    first = np.append(True, late[1:] != late[:-1]) if len(late) else np.empty(0, dtype=bool)
    of = np.maximum.accumulate(np.where(first, np.arange(len(late)), 0))
    drawn = CoxRows(
        X=np.take(rows.X, kept, axis=0),
        weights=rows.weights[kept],
        offset=None if rows.offset is None else rows.offset[kept],
        left=rows.left[kept],
        pointer=begin[rows.pointer],
        died=died,
        died_pointer=np.searchsorted(died, begin[rows.pointer]),
        late=begin[late] + np.arange(len(late)) - of,
        late_until=np.repeat(rows.late_until, times[rows.late]),
        order=rows.order[kept],
        centre=rows.centre,
    )
    return replace(data, rows=drawn, grid=_grid_of(drawn, grid))


def _grid_of(rows: CoxRows, grid: EventGrid) -> EventGrid:
    """Return the grid with the departures of these rows; at some places nobody may leave."""
    deaths = rows.died_pointer[1:] - rows.died_pointer[:-1]
    tied, gone = shares_of_ties(deaths)
    return replace(
        grid,
        deaths=deaths,
        weight=sum_segments(rows.weights[rows.died], rows.died_pointer),
        tied=tied,
        gone=gone,
    )


def _refit(data: CoxData, start: Floats) -> Floats:
    """Return the (p,) maximum by Newton steps from `start`, NaN where there is none."""
    beta = start
    for _ in range(_MOST_STEPS):
        with np.errstate(over="ignore", invalid="ignore"):  # of a sample without a maximum
            here = likelihood_at(data, beta)
        try:
            step = np.linalg.solve(here.information, here.gradient)
        except np.linalg.LinAlgError:
            break
        length = float(here.gradient @ step)
        if not length >= 0:
            break
        beta = beta + step
        if length < _LAST_STEP**2:
            return np.asarray(beta)
    return np.full(len(start), np.nan)
