"""Columns that tell periods apart, so that a hazard may change with time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import numpy as np
import numpy.typing as npt

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Bools, Floats

TimeKind = Literal["spline", "steps", "log", "linear", "months"]
"""How a hazard changes with time; see `fit_time_basis`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBasis:
    """Columns of the period, standardised over the people followed in each; no intercept.

    Attributes
    ----------
    kind : as given to `fit_time_basis`.
    knots : (k,) periods. Of a spline, where its pieces meet; of steps, the last period of each but
        the last; of months, those in which somebody left; else none.
    centre : (b,) mean of the columns before they are standardised; b is 0 where nothing varies.
    scale : (b, b) upper triangular, what the centred columns are multiplied with. Diagonal, but for
        a spline, whose columns are uncorrelated.
    last : the last period that anyone was followed in.
    """

    kind: TimeKind
    knots: Floats
    centre: Floats
    scale: Floats
    last: int

    @property
    def names(self) -> tuple[str, ...]:
        """(b,) names of the columns."""
        match self.kind:
            case "linear" | "log":
                every = [f"time: {self.kind}"]
            case "spline":
                every = ["time: linear", *(f"time: bend {j + 1}" for j in range(len(self.knots)))]
            case "steps":
                every = [f"time: after {k:g}" for k in self.knots]
            case "months":
                every = [f"time: {k:g}" for k in self.knots[1:]]
            case _:
                assert_never(self.kind)
        return tuple(every[: len(self.centre)])

    def columns(self, period: npt.ArrayLike) -> Floats:
        """Return the (n, b) columns of periods (n,) >= 1.

        Past the knots a spline is a straight line, and steps stay at the first and last.
        """
        at = np.asarray(period, dtype=float)
        raw = _raw(self.kind, self.knots, at)[:, : len(self.centre)]
        return np.asarray((raw - self.centre) @ self.scale)

    def can_leave(self, period: npt.ArrayLike) -> Bools:
        """Return (n,) bool: whether the hazard of periods (n,) may be above 0.

        It is 0 in months that have no column because nobody left in them. The columns are then
        of no meaning: leave such rows out of a fit, and set their hazard to 0.
        """
        at = np.asarray(period, dtype=float)
        return np.isin(at, self.knots) if self.kind == "months" else np.ones(at.shape, dtype=bool)


def fit_time_basis(
    kind: TimeKind, departures: npt.ArrayLike, followed: npt.ArrayLike, *, df: int = 3
) -> TimeBasis:
    """Choose the columns of the period from who was followed and who left in each.

    Parameters
    ----------
    kind : "spline" is a natural cubic spline with ``df + 1`` knots at quantiles (5 to 95 %) of the
        departures' periods; "steps" up to ``df + 1`` bands of periods with as many departures
        each; "log" and "linear" the period; "months" a column for each period in which somebody
        left, the others having hazard 0.
    departures : (q,) departures in the periods 1..q, by weight.
    followed : (q,) people followed in them, by weight.
    df : columns of a spline, or of steps; fewer where departures are in fewer periods.

    Raises
    ------
    InputError : the kind or `df` is none.
    FitError : nobody left.

    Notes
    -----
    The columns of a spline span those of ``splines::ns(period, knots, Boundary.knots)`` of R, whose
    boundary knots are the first and last here.

    Source: Harrell (2015), Regression Modeling Strategies, section 2.4.5.
    """
    if kind not in get_args(TimeKind):
        known = ", ".join(f'"{each}"' for each in get_args(TimeKind))
        raise InputError(f"a time basis is one of {known}", where="time_basis")
    if isinstance(df, bool) or not isinstance(df, int | np.integer) or df < 1:
        raise InputError("the columns of time are a whole number, at least 1", where="time_df")
    gone = np.asarray(departures, dtype=float)
    share = np.asarray(followed, dtype=float)
    if not gone.any():
        raise FitError("nobody leaves in the periods that were followed", where="time_basis")
    knots = _knots(kind, gone, int(df))
    seen = np.flatnonzero(share > 0)
    last = int(seen[-1]) + 1
    if kind == "months":  # the rows that a fit keeps
        seen = seen[gone[seen] > 0]
    share = share[seen] / share[seen].sum()
    raw = _raw(kind, knots, seen.astype(float) + 1)
    if len(seen) == 1:
        raw = raw[:, :0]
    centre = share @ raw
    return TimeBasis(
        kind=kind,
        knots=knots,
        centre=centre,
        scale=_scale((raw - centre) * np.sqrt(share)[:, None], turned=kind == "spline"),
        last=last,
    )


def _scale(columns: Floats, *, turned: bool) -> Floats:
    """Return (b, b) what gives columns length 1; where `turned`, a right angle between them too."""
    if not turned:
        return np.asarray(np.diag(1 / np.sqrt(np.square(columns).sum(axis=0))))
    r = np.linalg.qr(columns)[1]
    return np.linalg.inv(r * np.sign(np.diag(r))[:, None])


def _knots(kind: TimeKind, departures: Floats, df: int) -> Floats:
    match kind:
        case "linear" | "log":
            return np.empty(0)
        case "months":
            return np.flatnonzero(departures).astype(float) + 1
        case "spline":
            knots = _quantiles(departures, np.linspace(0.05, 0.95, df + 1))
            return knots if len(knots) > 2 else np.empty(0)
        case "steps":
            ends = _quantiles(departures, np.arange(1, df + 1) / (df + 1))
            return np.asarray(ends[ends <= np.flatnonzero(departures)[-1]])
    assert_never(kind)


def _quantiles(departures: Floats, shares: Floats) -> Floats:
    """Return the distinct periods by which at least these shares of departures have happened."""
    until = np.cumsum(departures)
    place = np.searchsorted(until, shares * until[-1] * (1 - 1e-12))
    return np.unique(place).astype(float) + 1


def _raw(kind: TimeKind, knots: Floats, period: Floats) -> Floats:
    match kind:
        case "linear":
            return period[:, None]
        case "log":
            return np.log(period)[:, None]
        case "spline":
            return np.column_stack([period, _bends(knots, period)])
        case "steps":
            return np.asarray(period[:, None] > knots, dtype=float)
        case "months":
            return np.asarray(period[:, None] == knots[1:], dtype=float)
    assert_never(kind)


def _bends(knots: Floats, period: Floats) -> Floats:
    """Return (n, k - 2) the columns of a natural cubic spline beside the straight line."""
    if len(knots) < 3:
        return np.empty((len(period), 0))
    cubes = np.maximum(period[:, None] - knots, 0) ** 3
    before, end = knots[-2:]
    inner = knots[:-2]
    tail = cubes[:, [-2]] * (end - inner) - cubes[:, [-1]] * (before - inner)
    return np.asarray((cubes[:, :-2] - tail / (end - before)) / (end - knots[0]) ** 2)
