"""The actuarial life table: departures grouped into intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.stats.rows import check_rows
from gmts_models.stats.survival.risk_sets import sum_at


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeTable:
    """One row for each of the k intervals [start, end); all (k,) float, NaN where undefined.

    Attributes
    ----------
    start, end : months.
    entering : still there at `start`.
    withdrawn, events : censored, and left, within the interval.
    exposed : entering - withdrawn / 2.
    survival : P(T >= start), and its standard error.
    density : P(leaving in the interval) / its width, and its standard error.
    hazard : leaving per month stayed, at the interval's middle, and its standard error.
    """

    start: Floats
    end: Floats
    entering: Floats
    withdrawn: Floats
    events: Floats
    exposed: Floats
    survival: Floats
    survival_std_err: Floats
    density: Floats
    density_std_err: Floats
    hazard: Floats
    hazard_std_err: Floats


def life_table(
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    breaks: npt.ArrayLike,
) -> LifeTable:
    """Group times into intervals, as if those censored within one stayed half of it.

    Where exact times are known, `kaplan_meier` needs no such assumption. Late entry has no place
    here.

    Parameters
    ----------
    exit_ : (n,) months at which observation ends, >= 0.
    left : (n,) bool.
    weights : (n,) numbers of people; default 1.
    breaks : (k + 1,) increasing, from 0 on. Leaving at month 12 belongs to [12, 24), not [0, 12).

    Raises
    ------
    InputError : as `check_rows`; breaks that do not increase from 0; a time at or past the last.

    Source: Berkson & Gage (1950); Gehan (1969), J. Chronic Dis. 21:629-644, for the errors. Agrees
    with ``KMsurv::lifetab(breaks, n, withdrawn, events)``.
    """
    rows = check_rows(exit_, left, weights=weights, where="life_table")
    edges = np.asarray(breaks, dtype=float)
    if edges.ndim != 1 or len(edges) < 2 or edges[0] != 0 or not (np.diff(edges) > 0).all():
        raise InputError(
            "breaks must increase from 0 on", where="life_table, breaks", fix="such as 0, 12, 24"
        )
    if (rows.exit >= edges[-1]).any():
        raise InputError(
            "some times are at or past the last break",
            where="life_table, breaks",
            fix="add a break after the last time",
        )
    place = np.searchsorted(edges, rows.exit, side="right") - 1
    k, went = len(edges) - 1, rows.left
    d = sum_at(place[went], rows.weights[went], k)
    c = sum_at(place[~went], rows.weights[~went], k)
    entering = np.cumsum((d + c)[::-1])[::-1]
    exposed = entering - c / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return _table(edges, entering, c, d, exposed)


def _table(edges: Floats, entering: Floats, c: Floats, d: Floats, exposed: Floats) -> LifeTable:
    width = np.diff(edges)
    q = np.where(exposed > 0, d / exposed, np.nan)
    p = 1 - q
    survival = np.concatenate([[1.0], np.cumprod(p)[:-1]])
    variance = np.concatenate([[0.0], np.cumsum(q / (exposed * p))[:-1]])
    hazard = 2 * q / (width * (1 + p))
    some = d > 0
    density_term = variance + p / (exposed * q)
    hazard_term = (1 - (hazard * width / 2) ** 2) / (exposed * q)
    return LifeTable(
        start=edges[:-1],
        end=edges[1:],
        entering=entering,
        withdrawn=c,
        events=d,
        exposed=exposed,
        survival=survival,
        survival_std_err=survival * np.sqrt(variance),
        density=survival * q / width,
        density_std_err=np.where(some, survival * q / width * np.sqrt(density_term), np.nan),
        hazard=hazard,
        hazard_std_err=np.where(some, hazard * np.sqrt(hazard_term), np.nan),
    )
