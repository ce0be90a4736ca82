"""The sums that a Cox likelihood is made of, each over rows, so that parts of the rows add up.

With risk r_i = w_i exp(eta_i), and over the risk set of a place of the grid:

- first pass (`risk_sums`): S0, the sum of r, and T0, the same over those who leave there;
- `increments`: from S0 and T0, by the method for ties, the hazard at each place and what the
  likelihood needs of it;
- second pass (`moment_sums`): X' diag(v) X, where v_i is r_i times the hazard that row i went
  through, X' (w left - v), which is the gradient, and S1 and T1, S0 and T0 with r x for r.

The information is X' diag(v) X minus a cross-product of S1 and T1 over the places. So a step costs
about one weighted cross-product of X, whatever the number of times.

Efron's method shares d tied leavers out: the l-th of them meets the risk set less l / d of the
tied, and each counts with the mean weight of the tied. Breslow's leaves every risk set whole.

Source: Therneau & Grambsch (2000), Modeling Survival Data, chapter 3; Efron (1977), JASA
72:557-565; Breslow (1974), Biometrics 30:89-99.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.cox.event_grid import EventGrid, cumulate_down, cumulate_up, places
from gmts_models.stats.rows import Rows

Ties = Literal["efron", "breslow"]

_CROSS_PRODUCT = 400_000
"""Multiplications of one chunk of a cross-product: as many as one thread of BLAS takes alone, and
few enough for the chunk to stay in the cache."""
_PLACES_AT_ONCE = 32_768
"""Places of the grid of which S1 is held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxRows:
    """Rows as the sums want them: only those ever at risk, in the order of their last place.

    Attributes
    ----------
    X : (n, p) columns, less `centre`.
    weights, offset : (n,).
    left : (n,) bool.
    last : (n,) int, increasing: the last place at which the row is at risk.
    late : (m,) int positions of the rows that are not yet at risk at their stratum's first place,
        in the order of `late_first`.
    late_first : (m,) int the first place at which these are at risk.
    order : (n,) int positions of these rows among those given.
    centre : (p,).
    """

    X: Floats
    weights: Floats
    offset: Floats
    left: Bools
    last: Ints
    late: Ints
    late_first: Ints
    order: Ints
    centre: Floats


def cox_rows(
    X: Floats, rows: Rows, grid: EventGrid, centre: Floats, offset: Floats | None = None
) -> CoxRows:
    """Sort rows by the last place of `grid` at which they are at risk, and centre X (n, p)."""
    at = places(grid, rows)
    used = (at.first <= at.last) & (rows.weights > 0)
    order = np.flatnonzero(used)
    last = at.last[order]
    small = len(grid) <= np.iinfo(np.uint16).max  # these are sorted by radix
    by_last = np.argsort(last.astype(np.uint16) if small else last, kind="stable")
    order, last = order[by_last], last[by_last]
    first = at.first[order]
    late = np.flatnonzero(first > _stratum_starts(grid)[last])
    late = late[np.argsort(first[late], kind="stable")]
    centred = np.take(X, order, axis=0)
    centred -= centre
    return CoxRows(
        X=centred,
        weights=rows.weights[order],
        offset=np.zeros(len(order)) if offset is None else offset[order],
        left=rows.left[order],
        last=last,
        late=late,
        late_first=first[late],
        order=order,
        centre=centre,
    )


def _stratum_starts(grid: EventGrid) -> Ints:
    """Return (k,) the first place of each place's stratum."""
    return np.repeat(grid.starts, np.diff(np.append(grid.starts, len(grid))))


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSums:
    """Sums of the first pass; add those of the parts.

    Attributes
    ----------
    last : (k,) sum of risk over the rows whose last place it is.
    entering : (k,) sum of risk over the late rows whose first place it is.
    tied : (k,) T0, sum of risk over the rows that leave there.
    predictor : sum of w eta over the rows that leave.
    """

    last: Floats
    entering: Floats
    tied: Floats
    predictor: float

    def __add__(self, other: RiskSums) -> RiskSums:
        return RiskSums(
            last=self.last + other.last,
            entering=self.entering + other.entering,
            tied=self.tied + other.tied,
            predictor=self.predictor + other.predictor,
        )


def linear_predictor(rows: CoxRows, beta: Floats) -> Floats:
    """Return (n,) eta, of the centred columns."""
    return np.asarray(rows.X @ beta + rows.offset, dtype=float)


def risk_sums(rows: CoxRows, grid: EventGrid, eta: Floats) -> tuple[Floats, RiskSums]:
    """Return (n,) risks w exp(eta), and their sums by place of the grid."""
    with np.errstate(over="ignore", under="ignore"):
        risk = rows.weights * np.exp(eta)
    k, died = len(grid), np.flatnonzero(rows.left)
    return risk, RiskSums(
        last=np.bincount(rows.last, risk, k),
        entering=np.bincount(rows.late_first, risk[rows.late], k),
        tied=np.bincount(rows.last[died], risk[died], k),
        predictor=float(rows.weights[died] @ eta[died]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments:
    """What happens at each place of the grid, given the coefficients.

    Attributes
    ----------
    log_likelihood : of all rows.
    at_risk : (k,) S0.
    hazard : (k,) increment of the cumulative baseline hazard.
    tied_hazard : (k,) what a row that leaves there has not gone through of it.
    squares : (k, 3) weights of S1 S1', -(S1 T1' + T1 S1') and T1 T1' in the information.
    passed : (k,) cumulative hazard of the stratum just after the place.
    """

    log_likelihood: float
    at_risk: Floats
    hazard: Floats
    tied_hazard: Floats
    squares: Floats
    passed: Floats


def increments(grid: EventGrid, sums: RiskSums, ties: Ties = "efron") -> Increments:
    """Turn the sums over *all* rows into hazards."""
    entered = cumulate_down(sums.entering, grid.starts)
    before = np.append(entered[1:], 0.0)
    before[grid.starts[1:] - 1] = 0.0
    # Whoever leaves is at risk: what cancellation leaves of a small risk set is no less.
    at_risk = np.maximum(cumulate_down(sums.last, grid.starts) - before, sums.tied)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if ties == "breslow" or (grid.deaths == 1).all():
            log_sum, powers = grid.weight * np.log(at_risk), _breslow(grid, at_risk)
        else:
            log_sum, powers = _efron(grid, at_risk, sums.tied)
        value = sums.predictor - float(log_sum.sum())
    hazard = powers[0]
    return Increments(
        log_likelihood=value,
        at_risk=at_risk,
        hazard=hazard,
        tied_hazard=powers[1],
        squares=np.stack(powers[2:], axis=1),
        passed=cumulate_up(hazard, grid.starts),
    )


def _breslow(grid: EventGrid, at_risk: Floats) -> list[Floats]:
    none = np.zeros(len(grid))
    return [grid.weight / at_risk, none, grid.weight / at_risk**2, none, none]


def _efron(grid: EventGrid, at_risk: Floats, tied: Floats) -> tuple[Floats, list[Floats]]:
    """Return by place the sum of w log(S) and of w (1/S, f/S, 1/S^2, f/S^2, f^2/S^2).

    S = S0 - f T0 with f = l / d over l = 0..d-1, and w the mean weight of the tied.
    """
    which, gone = tied_shares(grid)
    mean_weight = grid.weight / grid.deaths
    inverse = 1 / (at_risk[which] - gone * tied[which])
    by_place = [
        mean_weight * np.bincount(which, each, len(grid))
        for each in (
            -np.log(inverse),
            inverse,
            gone * inverse,
            inverse**2,
            gone * inverse**2,
            (gone * inverse) ** 2,
        )
    ]
    return by_place[0], by_place[1:]


def tied_shares(grid: EventGrid) -> tuple[Ints, Floats]:
    """Return for each death its place, and the share l / d of its tied that is gone by then."""
    which = np.repeat(np.arange(len(grid)), grid.deaths)
    order = np.arange(len(which)) - np.repeat(np.cumsum(grid.deaths) - grid.deaths, grid.deaths)
    return which, order / grid.deaths[which]


def hazard_passed(rows: CoxRows, grid: EventGrid, at: Increments) -> Floats:
    """Return (n,) the baseline hazard that each row went through (to its own share of ties)."""
    passed = at.passed[rows.last]
    starts = grid.starts[np.searchsorted(grid.starts, rows.late_first, side="right") - 1]
    before = np.where(rows.late_first > starts, at.passed[rows.late_first - 1], 0.0)
    passed[rows.late] -= before
    passed[rows.left] -= at.tied_hazard[rows.last[rows.left]]
    return passed


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentSums:
    """Sums of the second pass; add those of the parts.

    Attributes
    ----------
    gradient : (p,) X' (w left - v).
    cross : (p, p) X' diag(v) X.
    """

    gradient: Floats
    cross: Floats

    def __add__(self, other: MomentSums) -> MomentSums:
        return MomentSums(gradient=self.gradient + other.gradient, cross=self.cross + other.cross)


def moment_sums(rows: CoxRows, grid: EventGrid, risk: Floats, at: Increments) -> MomentSums:
    """Return the gradient and the first term of the information, of these rows."""
    v = risk * hazard_passed(rows, grid, at)
    return MomentSums(
        gradient=(rows.weights * rows.left - v) @ rows.X, cross=weighted_cross(rows.X, v)
    )


def weighted_cross(X: Floats, v: Floats) -> Floats:
    """Return X' diag(v) X (p, p) for weights v (n,) >= 0, a chunk at a time."""
    n, p = X.shape
    size = int(np.clip(_CROSS_PRODUCT // max(1, p * p), 64, 16_384))
    root = np.sqrt(np.maximum(v, 0.0))
    total, buffer = np.zeros((p, p)), np.empty((min(size, n), p))
    for begin in range(0, n, size):
        part = X[begin : begin + size]
        scaled = np.multiply(part, root[begin : begin + size, None], out=buffer[: len(part)])
        total += scaled.T @ scaled
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskMoments:
    """S1 and T1 as sums by place; add those of the parts, then `cumulate_down` within strata.

    Attributes
    ----------
    last, entering, tied : (k, p), as those of `RiskSums` with r x for r.
    """

    last: Floats
    entering: Floats
    tied: Floats

    def __add__(self, other: RiskMoments) -> RiskMoments:
        return RiskMoments(
            last=self.last + other.last,
            entering=self.entering + other.entering,
            tied=self.tied + other.tied,
        )


def risk_moments(rows: CoxRows, risk: Floats, begin: int, end: int) -> RiskMoments:
    """Sum r x over the rows by their places begin..end-1 of the grid."""
    rows_of = slice(*np.searchsorted(rows.last, [begin, end]))
    late_of = slice(*np.searchsorted(rows.late_first, [begin, end]))
    died = np.flatnonzero(rows.left[rows_of]) + rows_of.start
    late = rows.late[late_of]

    def by_place(which: Ints, place: Ints) -> Floats:
        # (places x rows) times (rows x p), without a copy of r x.
        pointer = np.searchsorted(place, np.arange(begin, end + 1))
        shape = (end - begin, len(rows.X))
        return np.asarray(sparse.csr_array((risk[which], which, pointer), shape=shape) @ rows.X)

    return RiskMoments(
        last=by_place(np.arange(rows_of.start, rows_of.stop), rows.last[rows_of]),
        entering=by_place(late, rows.late_first[late_of]),
        tied=by_place(died, rows.last[died]),
    )


def first_moments(
    moments: RiskMoments, starts: Ints, carry: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats]:
    """Cumulate sums by place to S1 (k, p) and the part of it that is entering (k, p).

    Parameters
    ----------
    moments : of all rows, at places in a row.
    starts : (s,) those of the places at which a stratum begins; the first place need not.
    carry : what `first_moments` returned at the place after the last, if of the same stratum.
    """
    edges = starts if len(starts) and starts[0] == 0 else np.append(0, starts).astype(np.int64)
    inside = cumulate_down(moments.last, edges)
    entered = cumulate_down(moments.entering, edges)
    if carry is not None:
        inside[edges[-1] :] += carry[0]
        entered[edges[-1] :] += carry[1]
    return inside, entered


def subtracted_information(rows: CoxRows, grid: EventGrid, risk: Floats, at: Increments) -> Floats:
    """Return (p, p) the second term of the information: S1 and T1 over the places.

    Places are taken from the latest down, some at a time, so that S1 is never held whole.
    """
    p = rows.X.shape[1]
    total = np.zeros((p, p))
    above: tuple[Floats, Floats] | None = None  # at the place after, if of the same stratum
    for end in range(len(grid), 0, -_PLACES_AT_ONCE):
        begin = max(0, end - _PLACES_AT_ONCE)
        starts = grid.starts[slice(*np.searchsorted(grid.starts, [begin, end]))] - begin
        moments = risk_moments(rows, risk, begin, end)
        inside, entered = first_moments(moments, starts, above)
        before = np.zeros_like(entered)
        before[:-1] = entered[1:]
        if above is not None:
            before[-1] = above[1]
        before[starts[starts > 0] - 1] = 0.0
        total += subtracted_part(inside - before, moments.tied, at.squares[begin:end])
        above = None if len(starts) and starts[0] == 0 else (inside[0], entered[0])
    return total


def subtracted_part(S1: Floats, T1: Floats, squares: Floats) -> Floats:
    """Return the sum over places of the products of S1 and T1 (both (k, p)) in `squares`."""
    total = weighted_cross(S1, squares[:, 0])
    tied = np.flatnonzero(squares[:, 2])
    if len(tied):
        mixed = S1[tied].T @ (squares[tied, 1, None] * T1[tied])
        total += weighted_cross(T1[tied], squares[tied, 2]) - mixed - mixed.T
    return total
