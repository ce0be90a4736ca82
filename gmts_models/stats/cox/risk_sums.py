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

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import sparse

from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.cox.event_grid import EventGrid, cumulate_down, cumulate_up, places
from gmts_models.stats.rows import Rows, pick

Ties = Literal["efron", "breslow"]

_CROSS_PRODUCT = 1_600_000
"""Multiplications of one chunk of a cross-product, few enough for it to stay in the cache."""
_FEW = 8192
"""Rows up to which a sum by segments is made from a copy of them, quicker than a sparse product."""
_PLACES_AT_ONCE = 32_768
"""Places of the grid of which S1 is held at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxRows:
    """Rows as the sums want them: only those ever at risk, in the order of their last place.

    Attributes
    ----------
    X : (n, p) columns, less `centre`.
    weights : (n,).
    offset : (n,), None where there is none.
    left : (n,) bool.
    pointer : (k + 1,) int; the rows pointer[j]..pointer[j + 1] - 1 have the last place j.
    died : (d,) int positions of the rows that leave.
    died_pointer : (k + 1,) int, as `pointer`, into `died`.
    late : (m,) int positions of the rows that are not yet at risk at their stratum's first place,
        in the order of `late_until`.
    late_until : (m,) int the last place before these are at risk.
    order : (n,) int positions of these rows among those given.
    centre : (p,).
    """

    X: Floats
    weights: Floats
    offset: Floats | None
    left: Bools
    pointer: Ints
    died: Ints
    died_pointer: Ints
    late: Ints
    late_until: Ints
    order: Ints
    centre: Floats

    @property
    def last(self) -> Ints:
        """(n,) int, increasing: the last place at which each row is at risk."""
        return np.repeat(np.arange(len(self.pointer) - 1), np.diff(self.pointer))

    @property
    def died_at(self) -> Ints:
        """(d,) int, increasing: the places at which the rows `died` leave."""
        return np.repeat(np.arange(len(self.pointer) - 1), np.diff(self.died_pointer))


def cox_rows(
    X: Floats,
    rows: Rows,
    grid: EventGrid,
    centre: Floats,
    offset: Floats | None = None,
    among: Ints | None = None,
) -> CoxRows:
    """Sort rows by the last place of `grid` at which they are at risk, and centre X (n, p).

    Where `rows` are in another order than those of X and `offset`, `among` (n,) says in which.
    """
    order, last, late, late_until = _in_order(rows, grid)
    left = rows.left[order]
    died = np.flatnonzero(left)
    pointer, died_pointer = _pointer(last, len(grid)), _pointer(last[died], len(grid))
    del last
    weights = pick(rows.weights, order)
    order = order if among is None else among[order]
    centred = np.take(X, order, axis=0)
    centred -= centre
    return CoxRows(
        X=centred,
        weights=weights,
        offset=None if offset is None else offset[order],
        left=left,
        pointer=pointer,
        died=died,
        died_pointer=died_pointer,
        late=late,
        late_until=late_until,
        order=order,
        centre=centre,
    )


def _in_order(rows: Rows, grid: EventGrid) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the order of the rows ever at risk, and in it their last places, and the late ones."""
    at = places(grid, rows)
    used = (at.first <= at.last) & (rows.weights > 0)
    kept = None if used.all() else np.flatnonzero(used)
    last = at.last if kept is None else at.last[kept]
    if (last[1:] >= last[:-1]).all():
        order = np.arange(len(last))
    elif len(grid) <= np.iinfo(np.uint16).max:
        order = np.argsort(last.astype(np.uint16), kind="stable")  # by radix
        last = last[order]
    else:
        order = np.argsort(last)
        last = last[order]
    order = order if kept is None else kept[order]
    if not rows.entry.any():
        return order, last, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    first = at.first[order]
    late = np.flatnonzero(first > _stratum_starts(grid)[last])
    late = late[np.argsort(first[late], kind="stable")]
    return order, last, late, first[late] - 1


def _pointer(place: Ints, k: int) -> Ints:
    """Return (k + 1,) where each of k places begins in sorted `place`."""
    return np.append(0, np.cumsum(np.bincount(place, minlength=k)))


def _stratum_starts(grid: EventGrid) -> Ints:
    """Return (k,) the first place of each place's stratum."""
    return np.repeat(grid.starts, np.diff(np.append(grid.starts, len(grid))))


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSums:
    """Sums of the first pass; add those of the parts.

    Attributes
    ----------
    joining : (k,) what the risk set gains at a place, seen from the latest down: the risk of the
        rows whose last place it is, less that of the rows that are not at risk until after it.
    tied : (k,) T0, sum of risk over the rows that leave there.
    predictor : sum of w eta over the rows that leave.
    """

    joining: Floats
    tied: Floats
    predictor: float

    def __add__(self, other: RiskSums) -> RiskSums:
        return RiskSums(
            joining=self.joining + other.joining,
            tied=self.tied + other.tied,
            predictor=self.predictor + other.predictor,
        )


def linear_predictor(rows: CoxRows, beta: Floats) -> Floats:
    """Return (n,) eta, of the centred columns."""
    eta = rows.X @ beta
    if rows.offset is not None:
        eta += rows.offset
    return np.asarray(eta, dtype=float)


def risk_sums(rows: CoxRows, grid: EventGrid, eta: Floats) -> tuple[Floats, RiskSums]:
    """Return (n,) risks w exp(eta), and their sums by place of the grid."""
    with np.errstate(over="ignore", under="ignore"):
        risk = np.exp(eta)
        risk *= rows.weights
    of_died = risk[rows.died]
    joining = sum_segments(risk, rows.pointer)
    if len(rows.late):
        joining -= np.bincount(rows.late_until, risk[rows.late], len(grid))
    return risk, RiskSums(
        joining=joining,
        tied=sum_segments(of_died, rows.died_pointer),
        predictor=float(rows.weights[rows.died] @ eta[rows.died]),
    )


def sum_segments(values: Floats, pointer: Ints) -> Floats:
    """Sum `values` (n,) or (n, p) over segments pointer[j]..pointer[j + 1] - 1, some empty."""
    filled = pointer[1:] > pointer[:-1]
    if filled.all():
        return np.asarray(np.add.reduceat(values, pointer[:-1], axis=0))
    total = np.zeros((len(pointer) - 1, *values.shape[1:]))
    if filled.any():
        total[filled] = np.add.reduceat(values, pointer[:-1][filled], axis=0)
    return total


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
    # Whoever leaves is at risk: what cancellation leaves of a small risk set is no less.
    at_risk = np.maximum(cumulate_down(sums.joining, grid.starts), sums.tied)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_sum, powers = _breslow(grid, at_risk)
        if ties == "efron" and len(grid.tied):
            log_sum[grid.tied], powers[:, grid.tied] = _efron(grid, at_risk, sums.tied)
        value = sums.predictor - float(log_sum.sum())
    return Increments(
        log_likelihood=value,
        at_risk=at_risk,
        hazard=powers[0],
        tied_hazard=powers[1],
        squares=powers[2:].T,
        passed=cumulate_up(powers[0], grid.starts),
    )


def _breslow(grid: EventGrid, at_risk: Floats) -> tuple[Floats, Floats]:
    """Return (k,) sums of w log S, and (5, k) those of w times 1/S, f/S, 1/S^2, f/S^2, f^2/S^2."""
    powers = np.zeros((5, len(grid)))
    np.divide(grid.weight, at_risk, out=powers[0], where=grid.deaths > 0)
    np.divide(powers[0], at_risk, out=powers[2], where=grid.deaths > 0)
    # Where nobody leaves, nobody need be at risk.
    return grid.weight * np.log(np.where(grid.deaths > 0, at_risk, 1.0)), powers


def _efron(grid: EventGrid, at_risk: Floats, tied: Floats) -> tuple[Floats, Floats]:
    """Return the same for the tied places only, with S = S0 - f T0.

    f = l / d over l = 0..d-1, and w is the mean weight of the tied.
    """
    number = grid.deaths[grid.tied]
    begin = np.append(0, np.cumsum(number)[:-1])
    # In place: there are as many of these as people who leave.
    inverse, gone = (np.repeat(each[grid.tied], number) for each in (at_risk, tied))
    gone *= grid.gone
    inverse -= gone
    np.reciprocal(inverse, out=inverse)
    np.multiply(grid.gone, inverse, out=gone)
    mean_weight = grid.weight[grid.tied] / number
    pairs = ((inverse, 1.0), (gone, 1.0), (inverse, inverse), (gone, inverse), (gone, gone))
    sums = [mean_weight * np.add.reduceat(a * b, begin) for a, b in pairs]
    return -mean_weight * np.add.reduceat(np.log(inverse), begin), np.array(sums)


def tied_shares(grid: EventGrid) -> tuple[Ints, Floats]:
    """Return for each death its place, and the share l / d of its tied that is gone by then."""
    which = np.repeat(np.arange(len(grid)), grid.deaths)
    gone = np.zeros(len(which))
    gone[np.repeat(grid.deaths > 1, grid.deaths)] = grid.gone
    return which, gone


def hazard_passed(rows: CoxRows, grid: EventGrid, at: Increments) -> Floats:
    """Return (n,) the baseline hazard that each row went through (to its own share of ties)."""
    passed = np.repeat(at.passed, rows.pointer[1:] - rows.pointer[:-1])
    if len(rows.late):
        passed[rows.late] -= at.passed[rows.late_until]
    if at.tied_hazard.any():
        passed[rows.died] -= np.repeat(
            at.tied_hazard, rows.died_pointer[1:] - rows.died_pointer[:-1]
        )
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
    v = hazard_passed(rows, grid, at)
    v *= risk
    cross = weighted_cross(rows.X, v)
    np.negative(v, out=v)
    v[rows.died] += rows.weights[rows.died]
    return MomentSums(gradient=v @ rows.X, cross=cross)


def weighted_cross(X: Floats, v: Floats) -> Floats:
    """Return X' diag(v) X (p, p) for weights v (n,) >= 0, a chunk at a time."""
    n, p = X.shape
    size = min(max(_CROSS_PRODUCT // max(1, p * p), 64), 16_384)
    total, buffer = np.zeros((p, p)), np.empty((min(size, n), p))
    for begin in range(0, n, size):
        part = X[begin : begin + size]
        root = np.sqrt(np.maximum(v[begin : begin + size, None], 0.0))
        scaled = np.multiply(part, root, out=buffer[: len(part)])
        total += scaled.T @ scaled
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskMoments:
    """S1 and T1 as sums by place; add those of the parts, then `cumulate_down`.

    Attributes
    ----------
    joining, tied : (k, p), as those of `RiskSums` with r x for r.
    """

    joining: Floats
    tied: Floats

    def __add__(self, other: RiskMoments) -> RiskMoments:
        return RiskMoments(joining=self.joining + other.joining, tied=self.tied + other.tied)


def risk_moments(
    rows: CoxRows, risk: Floats, begin: int, end: int, tied: Ints | None = None
) -> RiskMoments:
    """Sum r x over the rows by their places begin..end-1 of the grid.

    T1 is wanted only where several leave: `tied` (t,) names these places, default all.
    """
    joining = _weigh_neighbours(rows, risk, rows.pointer[begin : end + 1])
    late_of = slice(*np.searchsorted(rows.late_until, [begin, end]))
    if late_of.stop > late_of.start:
        late = rows.late[late_of]
        pointer = _pointer(rows.late_until[late_of] - begin, end - begin)
        joining -= _weigh_rows(rows, risk[late], late, pointer)
    here = np.arange(begin, end)
    if tied is not None:
        here = tied[slice(*np.searchsorted(tied, [begin, end]))]
    if len(here) == end - begin:
        died = rows.died[rows.died_pointer[begin] : rows.died_pointer[end]]
        pointer = rows.died_pointer[begin : end + 1] - rows.died_pointer[begin]
        return RiskMoments(joining=joining, tied=_weigh_rows(rows, risk[died], died, pointer))
    T1 = np.zeros_like(joining)
    if len(here):
        first, number = rows.died_pointer[here], np.diff(rows.died_pointer)[here]
        pointer = np.append(0, np.cumsum(number))
        died = rows.died[np.repeat(first - pointer[:-1], number) + np.arange(pointer[-1])]
        T1[here - begin] = _weigh_rows(rows, risk[died], died, pointer)
    return RiskMoments(joining=joining, tied=T1)


def _weigh_neighbours(rows: CoxRows, values: Floats, pointer: Ints) -> Floats:
    """Sum values (n,) times x over the segments pointer[j]..pointer[j + 1] - 1 of all rows."""
    first, last = pointer[0], pointer[-1]
    if last - first > _FEW * len(pointer):  # few long segments: a product each
        return np.array([values[a:b] @ rows.X[a:b] for a, b in pairwise(pointer)])
    return _weigh_rows(rows, values[first:last], np.arange(first, last), pointer - first)


def _weigh_rows(rows: CoxRows, values: Floats, which: Ints, pointer: Ints) -> Floats:
    """Sum values times x over the rows `which`, by segments."""
    if len(which) <= _FEW:
        return sum_segments(values[:, None] * rows.X[which], pointer)
    # (segments x rows) times (rows x p), without a copy of values times x.
    shape = (len(pointer) - 1, len(rows.X))
    return np.asarray(sparse.csr_array((values, which, pointer), shape=shape) @ rows.X)


def risk_blocks(
    rows: CoxRows, grid: EventGrid, risk: Floats, size: int = _PLACES_AT_ONCE
) -> Iterator[tuple[slice, Floats, Floats]]:
    """Yield places with their S1 and T1 (both (places, p)), some at a time, the latest first.

    T1 is 0 where one row leaves alone: nothing is made of it there.
    """
    above = np.zeros(rows.X.shape[1])  # S1 at the place after, where that is of the same stratum
    for end in range(len(grid), 0, -size):
        begin = max(0, end - size)
        starts = grid.starts[slice(*np.searchsorted(grid.starts, [begin, end]))] - begin
        whole = len(starts) > 0 and starts[0] == 0
        edges = starts if whole else np.append(0, starts).astype(np.int64)
        moments = risk_moments(rows, risk, begin, end, grid.tied)
        moments.joining[-1] += above
        S1 = cumulate_down(moments.joining, edges)
        above = np.zeros_like(above) if whole else S1[0]
        yield slice(begin, end), S1, moments.tied


def subtracted_information(rows: CoxRows, grid: EventGrid, risk: Floats, at: Increments) -> Floats:
    """Return (p, p) the second term of the information: S1 and T1 over the places."""
    total = np.zeros((rows.X.shape[1], rows.X.shape[1]))
    for here, S1, T1 in risk_blocks(rows, grid, risk):
        total += subtracted_part(S1, T1, at.squares[here])
    return total


def subtracted_part(S1: Floats, T1: Floats, squares: Floats) -> Floats:
    """Return the sum over places of the products of S1 and T1 (both (k, p)) in `squares`."""
    total = weighted_cross(S1, squares[:, 0])
    tied = np.flatnonzero(squares[:, 2])
    if len(tied):
        mixed = S1[tied].T @ (squares[tied, 1, None] * T1[tied])
        total += weighted_cross(T1[tied], squares[tied, 2]) - mixed - mixed.T
    return total
