"""The survival curve of times that are known only to lie in intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.times import merge_near_ties

_CERTAIN = 1e-10  # how far a derivative may be from what it is at the maximum
_MAX_STEPS = 2000
_MOST_AT_ONCE = 4000  # intervals in a Newton step: more take too long


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnbullCurve:
    """Probabilities of the intervals in which the likelihood can tell them, at its maximum.

    Attributes
    ----------
    start, end : (k,) float, of the intervals with positive probability, in order: (start, end],
        or the time itself where both are equal. A start is -inf where the data do not say how
        early, an end inf where they do not say how late.
    mass : (k,) float, sums to 1. How a mass is spread within its interval is not estimable.
    log_likelihood : float.
    shortfall : the log likelihood is at most so much below the highest of any curve.
    """

    start: Floats
    end: Floats
    mass: Floats
    log_likelihood: float
    shortfall: float


def turnbull(
    lower: npt.ArrayLike, upper: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> TurnbullCurve:
    """Estimate the distribution of times that lie in intervals, without any assumed shape.

    Parameters
    ----------
    lower, upper : (n,) months; the event happened in (lower, upper]. Equal where the time is
        known; lower NaN or -inf where the event had happened before observation began
        (left-censored), upper NaN or inf where it had not happened at its end (right-censored).
    weights : (n,) case weights, >= 0; default 1.

    Raises
    ------
    InputError : lengths differ, a time is negative, upper is below lower, or a row has no end.
    FitError : the maximum was not reached to the digits promised.

    Notes
    -----
    Late entry is not supported: the estimate under left truncation may not exist, and the intervals
    that it needs are others. Errors have no simple form (the estimate converges more slowly than
    the square root of n): use a bootstrap of people.

    The maximum is checked by its own conditions: the derivative of the log likelihood by each
    mass is n where there is mass and at most n elsewhere. By concavity, what it exceeds n by
    bounds the shortfall. The masses are unique: each interval is the last of some row, so that the
    rows' probabilities, which are, tell its mass from those before it.

    Source: Turnbull (1976), JRSS B 38:290-295; Wellner & Zhan (1997), JASA 92:945-959, and Wang
    (2008), Computational Statistics & Data Analysis 52:2388-2402, for the algorithms. Agrees with
    ``survival::survfit(Surv(lower, upper, type = "interval2") ~ 1)`` to the three or four digits
    to which that iterates.
    """
    begin, end, w = _check(lower, upper, weights)
    low, high, first, last = _innermost(begin, end)
    # Rows over the same intervals count as one.
    code, row = np.unique(first * len(low) + last, return_inverse=True)
    first, last = code // len(low), code % len(low)
    w = np.bincount(row, weights=w) / w.sum()
    likelihood = _Likelihood(first=first, last=last, weight=w, size=len(low))
    mass = _maximise(likelihood)
    slope = likelihood.slope(mass)
    kept = mass > 0
    total = float(np.sum(np.ones(len(begin)) if weights is None else np.asarray(weights, float)))
    return TurnbullCurve(
        start=low[kept],
        end=high[kept],
        mass=mass[kept],
        log_likelihood=total * likelihood.value(mass),
        shortfall=total * max(float(slope.max()) - 1, 0.0),
    )


def turnbull_bounds(curve: TurnbullCurve, times: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return (m,) lowest and highest P(T > time) that agree with the curve.

    They differ within an interval that has mass. Both are NaN past the last known time, where the
    data do not say when the rest leave.
    """
    at = np.atleast_1d(np.asarray(times, dtype=float))[:, None]
    exact = curve.start == curve.end
    begun = np.where(exact, curve.start <= at, curve.start < at)
    over = curve.end <= at
    known = np.concatenate([curve.start, curve.end])
    beyond = np.isinf(curve.end[-1]) & (at[:, 0] > known[np.isfinite(known)].max(initial=0))
    lower, upper = ((~each).astype(float) @ curve.mass for each in (begun, over))
    beyond |= np.isnan(at[:, 0])
    return np.where(beyond, np.nan, lower), np.where(beyond, np.nan, upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Likelihood:
    """Row i covers the intervals first[i] to last[i] of `size`; weights sum to 1."""

    first: Ints
    last: Ints
    weight: Floats
    size: int

    def chance(self, mass: Floats) -> Floats:
        sums = np.concatenate([[0.0], np.cumsum(mass)])
        one = self.first == self.last  # without the digits that a difference of sums loses
        wide = sums[self.last + 1] - sums[self.first]
        return np.asarray(np.where(one, mass[self.first], wide))

    def value(self, mass: Floats) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(self.weight @ np.log(self.chance(mass)))

    def slope(self, mass: Floats) -> Floats:
        """Return the derivative by each mass; at the maximum 1 where there is mass, else <= 1."""
        pull = self.weight / self.chance(mass)
        steps = np.bincount(self.first, pull, self.size + 1)
        steps -= np.bincount(self.last + 1, pull, self.size + 1)
        return np.asarray(np.cumsum(steps)[:-1])

    def curvature(self, mass: Floats, which: Ints) -> Floats:
        """Return minus the second derivative by the masses `which` (sorted)."""
        pull = self.weight / np.square(self.chance(mass))
        a = np.searchsorted(which, self.first)
        b = np.searchsorted(which, self.last, side="right") - 1
        some, k = a <= b, len(which)
        corner = np.zeros((k, k))
        np.add.at(corner, (a[some], b[some]), pull[some])
        # Intervals j <= l are both covered by the rows with a <= j and b >= l.
        upper = np.triu(np.cumsum(np.cumsum(corner[:, ::-1], axis=1)[:, ::-1], axis=0))
        return np.asarray(upper + np.triu(upper, 1).T)


def _check(
    lower: npt.ArrayLike, upper: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    begin, end = np.array(lower, dtype=float), np.array(upper, dtype=float)
    w = np.ones(len(begin)) if weights is None else np.asarray(weights, dtype=float)
    if begin.ndim != 1 or len(begin) == 0 or begin.shape != end.shape or w.shape != begin.shape:
        raise InputError("lower, upper and weights need rows, and one length", where="turnbull")
    if not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise InputError("weights must be finite, >= 0 and not all 0", where="turnbull, weights")
    begin[np.isnan(begin)] = -np.inf
    end[np.isnan(end)] = np.inf
    for what, bad in (
        ("negative", (end < 0) | ((begin < 0) & np.isfinite(begin)) | (begin == np.inf)),
        ("unknown at both ends", np.isinf(begin) & np.isinf(end)),
        ("the wrong way round", begin > end),
    ):
        if bad.any():
            raise InputError(
                f"{int(bad.sum())} interval(s) are {what}",
                where=f"turnbull, first at row {int(np.argmax(bad))}",
            )
    known = np.isfinite(begin), np.isfinite(end)
    merged = merge_near_ties(np.concatenate([begin[known[0]], end[known[1]]]))
    begin[known[0]], end[known[1]] = np.split(merged, [int(known[0].sum())])
    used = w > 0
    return begin[used], end[used], w[used]


def _innermost(begin: Floats, end: Floats) -> tuple[Floats, Floats, Ints, Ints]:
    """Return the ends of the intervals that can hold mass, and each row's first and last of them.

    They run from a beginning to an end with no other end between. At one time, a known time
    begins before ends, and an open interval begins after them.
    """
    keys = np.column_stack([begin, np.where(begin == end, 0, 2)])
    starts, start_of = np.unique(keys, axis=0, return_inverse=True)
    ends = np.unique(end)
    times = np.concatenate([starts[:, 0], ends])
    kind = np.concatenate([starts[:, 1], np.ones(len(ends))])
    order = np.lexsort((kind, times))
    is_end = kind[order] == 1
    inner = np.flatnonzero(~is_end[:-1] & is_end[1:])
    low, high = times[order][inner], times[order][inner + 1]
    place = np.argsort(order)[start_of.reshape(-1)]
    first = np.searchsorted(inner, place, side="left")
    last = np.searchsorted(high, end, side="right") - 1
    return low, high, first.astype(np.int64), last.astype(np.int64)


def _maximise(likelihood: _Likelihood) -> Floats:
    """Climb by steps that cost little each, then by Newton's where there is mass or may be."""
    mass = np.full(likelihood.size, 1 / likelihood.size)
    for step in range(_MAX_STEPS):
        slope = likelihood.slope(mass)
        if _is_maximum(mass, slope):
            return mass
        mass = mass * slope  # the EM algorithm's step
        mass = _isotonic_step(likelihood, mass)
        mass = mass * likelihood.slope(mass)
        if step < 10:
            continue
        free = np.flatnonzero((mass > 1e-10) | (likelihood.slope(mass) > 1))
        if len(free) <= _MOST_AT_ONCE:
            mass = _newton_step(likelihood, mass, free)
    worst = float(likelihood.slope(mass).max()) - 1
    raise FitError(
        f"the curve is not at its maximum yet: a derivative is off by {worst:.1g}",
        where="turnbull",
        fix="round times to coarser units, so that fewer intervals are told apart",
    )


def _is_maximum(mass: Floats, slope: Floats) -> bool:
    return bool((slope <= 1 + _CERTAIN).all() and (np.abs(slope[mass > 0] - 1) <= _CERTAIN).all())


def _isotonic_step(likelihood: _Likelihood, mass: Floats) -> Floats:
    """Take a Newton step with a diagonal curvature in the cumulated masses, kept increasing."""
    if likelihood.size == 1:
        return mass
    pull = likelihood.weight / likelihood.chance(mass)
    size, before, after = likelihood.size, likelihood.first, likelihood.last + 1
    gradient = np.bincount(after, pull, size + 1) - np.bincount(before, pull, size + 1)
    curved = pull**2 / likelihood.weight
    curvature = np.bincount(after, curved, size + 1) + np.bincount(before, curved, size + 1)
    inside = slice(1, size)
    now = np.cumsum(mass)[:-1]
    target = optimize.isotonic_regression(
        now + gradient[inside] / curvature[inside], weights=curvature[inside]
    ).x
    ends = np.concatenate([[0.0], np.clip(target, 0, 1), [1.0]])
    return _between(likelihood, mass, np.diff(ends))


def _newton_step(likelihood: _Likelihood, mass: Floats, free: Ints) -> Floats:
    """Maximise the quadratic approximation in the masses `free`, none below 0."""
    curvature = likelihood.curvature(mass, free)
    # Without the sum's constraint the maximum of log likelihood - sum of masses has sum 1, too.
    # Curvature times mass is the slope, where the masses that are not free are as good as 0.
    target = np.zeros(likelihood.size)
    target[free] = _nonnegative(
        curvature, likelihood.slope(mass)[free] - 1 + curvature @ mass[free]
    )
    if not target.sum() > 0:
        return mass
    return _between(likelihood, mass, target / target.sum())


def _nonnegative(matrix: Floats, right: Floats) -> Floats:
    """Minimise x' matrix x / 2 - right' x over x >= 0, by exchanging all that are infeasible.

    Source: Portugal, Judice & Vicente (1994), Mathematics of Computation 63:625-643, without their
    safeguard: it may give up, which costs only this step.
    """
    k = len(right)
    scale = 1 / np.sqrt(np.diag(matrix))
    matrix, right = matrix * scale[:, None] * scale, right * scale
    positive = np.ones(k, dtype=bool)
    solution = np.zeros(k)
    for _ in range(30):
        which = np.flatnonzero(positive)
        solution = np.zeros(k)
        part = matrix[np.ix_(which, which)] + 1e-13 * np.eye(len(which))
        try:
            solution[which] = linalg.cho_solve(linalg.cho_factor(part), right[which])
        except linalg.LinAlgError:
            break
        pull = matrix @ solution - right
        wrong = np.where(positive, solution < 0, pull < -1e-12)
        if not wrong.any():
            break
        positive ^= wrong
    return np.asarray(np.maximum(solution, 0) * scale)


def _between(likelihood: _Likelihood, mass: Floats, target: Floats) -> Floats:
    """Go towards the target, halving until the likelihood does not fall."""
    now, share = likelihood.value(mass), 1.0
    for _ in range(40):
        new = target if share == 1 else mass + share * (target - mass)
        if likelihood.value(new) >= now - 1e-15 * abs(now):
            return new
        share /= 2
    return mass
