"""Cox likelihoods with an effect of each group, penalised: the core of frailty models.

A group's log hazard is moved by b_i, and b is drawn towards 0 by a penalty that grows as the
variance theta falls. In u = b / sqrt(theta) the penalty stays of one size for every theta, so that
theta = 0 is no special case: it is the plain Cox fit.

No column a group is built. The group block of the information is the diagonal of what each group
went through, less cross-products of the groups' shares of each risk set; both come from sums by
(place of the grid, group).

Source: Therneau, Grambsch & Pankratz (2003), JCGS 12:156-175; Ripatti & Palmgren (2000),
Biometrics 56:1016-1022.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.cox.event_grid import cumulate_down
from gmts_models.stats.cox.fit import MOST_HALVINGS, MOST_STEPS, CoxData
from gmts_models.stats.cox.risk_sums import (
    Increments,
    hazard_passed,
    increments,
    linear_predictor,
    moment_sums,
    risk_blocks,
    risk_sums,
    subtracted_part,
)

_LAST_STEP = 1e-7
"""Length of a Newton step, in standard errors, after which nothing is evaluated again: what is
left of the way is of the order of its square."""
_AT_ONCE = 4_000_000
"""Numbers of one table of (place, column or group) that are held at a time."""

Penalty = Callable[[Floats, float], tuple[float, Floats, Floats]]
"""From u (g,) and theta: the penalty, and its first and second derivatives in each u."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedData:
    """Rows of a Cox fit with the group of each.

    Attributes
    ----------
    data : as prepared by `cox_data`.
    labels : (g,) distinct labels of the groups, sorted.
    codes : int codes of the groups of the rows given.
    group : (n,) those of the rows of ``data.rows``.
    deaths : (g,) float sum of the weights of those who leave.
    members : (g,) int people (distinct clusters; rows where none are given) of positive weight.
    """

    data: CoxData
    labels: npt.NDArray[Any]
    codes: Ints
    group: Ints
    deaths: Floats
    members: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class PenalisedFit:
    """The maximum of a penalised log partial likelihood at one theta.

    Attributes
    ----------
    theta : variance of the groups' effects.
    coefficients : (p,).
    effects : (g,) b, log relative hazards of the groups.
    log_partial : log partial likelihood, without the penalty.
    penalty : subtracted from it.
    information : (p + g, p + g) minus the second derivative of the log partial likelihood in
        (coefficients, b).
    scaled : (p + g, p + g) the same with the penalty, in (coefficients, u).
    """

    theta: float
    coefficients: Floats
    effects: Floats
    log_partial: float
    penalty: float
    information: Floats
    scaled: Floats


def grouped_data(data: CoxData, groups: npt.ArrayLike) -> GroupedData:
    """Give prepared rows their groups (n,), in the order in which the rows were given."""
    labels = np.asarray(groups)
    rows = data.given
    if labels.shape != (len(rows),):
        raise InputError(
            f"exit_ has {len(rows)} rows, groups has shape {labels.shape}", where="frailty, groups"
        )
    missing = np.array([each is None or each != each for each in labels.tolist()])
    if missing.any():
        raise InputError(f"groups is missing in {missing.sum()} row(s)", where="frailty, groups")
    distinct, codes = np.unique(
        labels.astype(str) if labels.dtype == object else labels, return_inverse=True
    )
    g = len(distinct)
    if g < 2:
        raise FitError("there is one group only: its effect is the baseline's", where="groups")
    counted = np.flatnonzero(rows.weights > 0)
    people = counted if rows.clusters is None else rows.clusters[counted]
    pairs = np.unique(np.stack([codes[counted], people]), axis=1)
    return GroupedData(
        data=data,
        labels=distinct,
        codes=codes.astype(np.int64),
        group=codes[data.rows.order].astype(np.int64),
        deaths=sums(codes, rows.weights * rows.left, g),
        members=np.bincount(pairs[0], minlength=g),
    )


def penalised_fit(
    grouped: GroupedData, theta: float, penalty: Penalty, start: tuple[Floats, Floats]
) -> PenalisedFit:
    """Maximise over coefficients and effects at one theta; concave, so Newton's method.

    Parameters
    ----------
    start : coefficients (p,) and effects (g,) from which to begin.
    """
    p, g = grouped.data.rows.X.shape[1], len(grouped.labels)
    size = np.sqrt(theta)
    scale = np.append(np.ones(p), np.full(g, size))
    at = np.append(start[0], start[1] / size if theta > 0 else np.zeros(g))
    value, step = -np.inf, np.zeros(p + g)
    for _ in range(MOST_STEPS + 1):
        for _ in range(MOST_HALVINGS):
            trial = at + step
            risk, increment = _risk_at(grouped, trial * scale)
            cost, first, second = penalty(trial[p:], theta)
            if increment.log_likelihood - cost >= value - 1e-11 * abs(value):
                break
            step = step / 2
        at, value = trial, increment.log_likelihood - cost
        gradient, information = _derivatives(grouped, risk, increment)
        scaled = information * np.outer(scale, scale)
        scaled[range(p, p + g), range(p, p + g)] += second
        slope = gradient * scale
        slope[p:] -= first
        step = linalg.cho_solve(linalg.cho_factor(scaled, check_finite=False), slope)
        if np.sqrt(max(0.0, float(slope @ step))) < _LAST_STEP:
            at = at + step
            return PenalisedFit(
                theta=theta,
                coefficients=at[:p],
                effects=at[p:] * size,
                log_partial=increment.log_likelihood,
                penalty=cost,
                information=information,
                scaled=scaled,
            )
    raise FitError("the penalised Cox fit does not converge", where="frailty")


def _risk_at(grouped: GroupedData, at: Floats) -> tuple[Floats, Increments]:
    data = grouped.data
    p = data.rows.X.shape[1]
    eta = linear_predictor(data.rows, at[:p]) + at[p:][grouped.group]
    risk, of_places = risk_sums(data.rows, data.grid, eta)
    return risk, increments(data.grid, of_places, data.ties)


def _derivatives(grouped: GroupedData, risk: Floats, at: Increments) -> tuple[Floats, Floats]:
    """Return the gradient (p + g,) and the information (p + g, p + g) in coefficients and b."""
    rows, grid = grouped.data.rows, grouped.data.grid
    p, g = rows.X.shape[1], len(grouped.labels)
    moments = moment_sums(rows, grid, risk, at)
    v = risk * hazard_passed(rows, grid, at)
    passed = sums(grouped.group, v, g)
    information = np.zeros((p + g, p + g))
    information[:p, :p] = moments.cross
    for j in range(p):
        information[j, p:] = information[p:, j] = sums(grouped.group, v * rows.X[:, j], g)
    information[range(p, p + g), range(p, p + g)] = passed
    information -= _subtracted(grouped, risk, at)
    gradient = np.append(moments.gradient, grouped.deaths - passed)
    return gradient, (information + information.T) / 2


def _subtracted(grouped: GroupedData, risk: Floats, at: Increments) -> Floats:
    """Return the cross-products of S1 and T1 (`risk_sums`), for columns and groups together."""
    rows, grid, g = grouped.data.rows, grouped.data.grid, len(grouped.labels)
    width = rows.X.shape[1] + g
    total = np.zeros((width, width))
    above = np.zeros(g)  # as in `risk_blocks`
    for here, S1, T1 in risk_blocks(rows, grid, risk, max(1, _AT_ONCE // width)):
        joining, tied = _group_sums(grouped, risk, here)
        starts = grid.starts[slice(*np.searchsorted(grid.starts, [here.start, here.stop]))]
        edges = np.union1d(starts, here.start).astype(np.int64) - here.start
        joining[-1] += above
        shares = cumulate_down(joining, edges)
        above = np.zeros(g) if here.start in starts else shares[0]
        total += subtracted_part(np.hstack([S1, shares]), np.hstack([T1, tied]), at.squares[here])
    return total


def _group_sums(grouped: GroupedData, risk: Floats, here: slice) -> tuple[Floats, Floats]:
    """Sum risk by (place, group) over places `here`: what joins the risk sets, and who leaves."""
    rows, g, k = grouped.data.rows, len(grouped.labels), here.stop - here.start
    ends = [here.start, here.stop]
    last = np.arange(*np.searchsorted(rows.last, ends))
    late_of = slice(*np.searchsorted(rows.late_until, ends))

    def by_group(which: Ints, place: Ints) -> Floats:
        key = (place - here.start) * g + grouped.group[which]
        return sums(key, risk[which], k * g).reshape(k, g)

    joining = by_group(last, rows.last[last])
    if late_of.stop > late_of.start:
        joining -= by_group(rows.late[late_of], rows.late_until[late_of])
    died = last[rows.left[last]]
    return joining, by_group(died, rows.last[died])


def sums(codes: Ints, values: Floats, size: int) -> Floats:
    """Sum `values` by their codes 0..size-1."""
    return np.bincount(codes, values, size).astype(float, copy=False)
