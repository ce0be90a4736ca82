"""Exits per person-month, their ratios, and their regression on columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.intervals import check_level
from gmts_models.stats.regression.glm import GLMFit, fit_glm
from gmts_models.stats.rows import Rows, check_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRates:
    """Exits per person-month by group; all (g,).

    Attributes
    ----------
    group : the labels given, sorted; one 0 where none were.
    events, person_time : sums of weights, and of weighted months.
    rate : events / person_time, NaN where nobody was followed.
    lower, upper : exact limits at `level`.
    level : of the interval.
    """

    group: npt.NDArray[Any]
    events: Floats
    person_time: Floats
    rate: Floats
    lower: Floats
    upper: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRatios:
    """Each group's rate over that of one group; all (g,), the latter's own being 1, NaN, NaN, NaN.

    Attributes
    ----------
    ratio : infinite where only the reference has no exits, NaN where neither has any.
    lower, upper : exact limits at `level`.
    p : exact, of equal rates.
    level : of the interval.
    """

    ratio: Floats
    lower: Floats
    upper: Floats
    p: Floats
    level: float


def exit_rates(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> ExitRates:
    """Count exits per person-month, with exact Poisson limits.

    Parameters
    ----------
    exit_, left, entry : (n,) months and bool; each row is followed for exit - entry months.
    weights : (n,) numbers of people (frequencies); limits take them as counts.
    groups : (n,) labels; default all in one.
    level : of the interval.

    Source: Garwood (1936), Biometrika 28:437-442. Agrees with ``poisson.test(events,
    person_time)``.
    """
    check_level(level)
    rows = check_rows(exit_, left, entry, weights, groups, where="exit_rates", merge_ties=False)
    first = np.unique(rows.strata, return_index=True)[1]
    labels = rows.strata[first] if groups is None else np.asarray(groups)[first]
    time = rows.exit - rows.entry
    events: Floats = np.bincount(rows.strata, weights=rows.weights * rows.left).astype(float)
    months: Floats = np.bincount(rows.strata, weights=rows.weights * time).astype(float)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        followed = np.where(months > 0, months, np.nan)
        lower = np.where(events > 0, stats.gamma.ppf(tail, events), 0.0) / followed
        upper = stats.gamma.isf(tail, events + 1) / followed
    return ExitRates(
        group=labels,
        events=events,
        person_time=months,
        rate=events / followed,
        lower=lower,
        upper=upper,
        level=level,
    )


def rate_ratios(rates: ExitRates, reference: int = 0, *, level: float = 0.95) -> RateRatios:
    """Compare the rate of each group with that of one, exactly.

    Parameters
    ----------
    rates : of `exit_rates`, with events that are whole numbers.
    reference : position in `rates` of the group to compare with.
    level : of the interval.

    Raises
    ------
    InputError : there is no such group, or weights made the events fractions: use a Poisson
        regression with `clusters`.

    Source: given the sum of both counts, one is binomial; Clopper & Pearson (1934), Biometrika
    26:404-413. Agrees with ``poisson.test(c(events, events_0), c(time, time_0))``.
    """
    check_level(level)
    if not isinstance(reference, int | np.integer) or not 0 <= reference < len(rates.rate):
        raise InputError(
            f"reference is the position of a group, from 0 to {len(rates.rate) - 1}",
            where="rate_ratios, reference",
            fix="list(rates.group).index(label)",
        )
    if (rates.events != np.round(rates.events)).any():
        raise InputError(
            "an exact ratio needs whole numbers of events",
            where="rate_ratios, events",
            fix="use poisson_rates with robust_covariance for weighted rows",
        )
    events, months = rates.events.astype(np.int64), rates.person_time
    base, scale = events[reference], months[reference] / np.where(months > 0, months, np.nan)
    total = events + base
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = rates.rate / rates.rate[reference]
        low = np.where(events > 0, stats.beta.ppf(tail, events, base + 1), 0.0)
        high = np.where(base > 0, stats.beta.isf(tail, events + 1, base), 1.0)
        lower, upper = low / (1 - low) * scale, high / (1 - high) * scale
        share = months / (months + months[reference])
    p = np.full(len(events), np.nan)
    for each in np.flatnonzero((total > 0) & (months > 0)):
        test = stats.binomtest(int(events[each]), int(total[each]), float(share[each]))
        p[each] = test.pvalue
    itself = np.arange(len(events)) == reference
    unknown = itself | (total == 0) | ~(months > 0) | ~(months[reference] > 0)
    lower, upper, p = (np.where(unknown, np.nan, each) for each in (lower, upper, p))
    return RateRatios(
        ratio=np.where(itself, 1.0, ratio), lower=lower, upper=upper, p=p, level=level
    )


def poisson_rates(
    X: Floats,
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
) -> GLMFit:
    """Regress log exit rates on columns, by Poisson's likelihood.

    Parameters
    ----------
    X : (n, p) float, the whole design: a column of ones is the intercept.
    exit_, left, entry, weights : (n,) as in `exit_rates`.
    names : (p,) of the columns, for errors.

    Raises
    ------
    InputError : bad rows; someone left without having been followed for any time.
    FitError : see `fit_glm`.

    Notes
    -----
    Rows of no length without an exit tell nothing and have weight 0. `robust_covariance` gives
    errors that hold for the repeated rows of people.

    Source: Holford (1980), Biometrics 36:299-305. Agrees with ``glm(left ~ 0 + X +
    offset(log(exit - entry)), poisson, weights = weights)``.
    """
    rows = check_rows(exit_, left, entry, weights, where="poisson_rates", merge_ties=False)
    months, weight = exposure(rows, "poisson_rates")
    return fit_glm(X, rows.left, link="log", offset=np.log(months), weights=weight, names=names)


def exposure(rows: Rows, where: str) -> tuple[Floats, Floats]:
    """Return months followed and weights; rows of no length get 1 month and weight 0."""
    months = rows.exit - rows.entry
    nothing = months <= 0
    if (bad := nothing & rows.left & (rows.weights > 0)).any():
        raise InputError(
            f"{int(bad.sum())} row(s) end in an exit at month 0, and no rate is that high",
            where=f"{where}, first at row {int(np.argmax(bad))}",
            fix="give an exit on the first day half a day of follow-up (0.016 months)",
        )
    return np.where(nothing, 1.0, months), np.where(nothing, 0.0, rows.weights)
