"""The minimum of a smooth convex loss plus an elastic-net penalty, by proximal Newton steps.

The quadratic model of the loss, with its exact second derivative, is minimised under the penalty:
columns whose derivative exceeds their bound come in by coordinate descent, a Cholesky factor
solves for all that are in, and what would change its sign on the way is dropped. The second
derivative costs most, so it is kept as long as the steps with it converge quickly, and is taken of
those columns only that are in play; the conditions for a minimum (KKT) are checked over all
columns before a fit counts as done.

Source: Friedman, Hastie & Tibshirani (2010), J. Statistical Software 33(1); Lee, Sun & Saunders
(2014), SIAM J. Optimization 24:1420-1443; Osborne, Presnell & Turlach (2000), IMA J. Numerical
Analysis 20:389-403 (changes of sign).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import linalg

from gmts_models.errors import FitError
from gmts_models.outcome import Bools, Floats, Ints

KKT = 1e-10
"""Most by which the derivative may miss the condition for a minimum, for standardised columns."""
_MOST_STEPS, _MOST_HALVINGS, _MOST_SWEEPS = 200, 40, 10_000
_SLOW = 0.2  # a step that leaves more of the violation than this asks for a new second derivative
_RUNAWAY = 1e-5  # share of an unpenalised column's information at 0 below which it has no end
_ALIASED = 1e-10  # share of a column's information that the others leave


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """A loss at one point.

    Attributes
    ----------
    value : of the loss.
    gradient : (p,).
    state : what the loss needs to give the second derivative here.
    """

    value: float
    gradient: Floats
    state: Any


class Loss(Protocol):
    """A convex function of p coefficients, of standardised columns."""

    def at(self, beta: Floats) -> LossPoint:
        """Evaluate with the gradient."""
        ...

    def information(self, point: LossPoint, columns: Ints) -> Floats:
        """Return the second derivative by some of the columns."""
        ...


class ProximalNewton:
    """Where the path stands: the last minimum, and the second derivative last taken."""

    def __init__(self, loss: Loss, unpenalised: Bools, names: Sequence[str]) -> None:
        self.loss, self.names = loss, names
        self.beta = np.zeros(len(unpenalised))
        self.point = loss.at(self.beta)
        self.columns = np.flatnonzero(unpenalised)
        self.hessian = loss.information(self.point, self.columns)
        self.refuse_aliased(unpenalised)
        if len(self.columns):
            none = np.zeros(len(unpenalised))
            self._descend(none, none)

    def minimise(self, l1: Floats, l2: Floats, strong: Bools) -> float:
        """Go to the minimum under l1' |b| + l2' b^2 / 2; return how far its conditions are missed.

        `strong` says which columns to begin with; those at 0 that turn out to belong join.
        """
        wanted = strong | (self.beta != 0)
        while True:
            columns = np.flatnonzero(wanted | (l1 == 0))
            if not np.array_equal(columns, self.columns):
                self.columns = columns
                self.hessian = self.loss.information(self.point, columns)
            self._descend(l1, l2)
            missed = _violation(self.beta, self.point.gradient, l1, l2)
            if not (missed > KKT).any():
                return float(missed.max())
            wanted |= missed > KKT

    def _descend(self, l1: Floats, l2: Floats) -> None:
        """Minimise over `self.columns`, the others staying."""
        inside, fresh = self.columns, False
        l1_in, l2_in = l1[inside], l2[inside]
        missed = self._missed(l1, l2)
        for _ in range(_MOST_STEPS):
            if missed <= KKT:
                return
            here = self.beta[inside]
            linear = self.hessian @ here - self.point.gradient[inside]
            target = minimise_quadratic(self.hessian + np.diag(l2_in), linear, l1_in, here)
            self._move(l1, l2, target - here)
            before, missed = missed, self._missed(l1, l2)
            if missed > KKT and (missed > _SLOW * before or not np.isfinite(missed)):
                if fresh and np.array_equal(self.beta[inside], here):
                    break
                self.hessian, fresh = self.loss.information(self.point, inside), True
            else:
                fresh = False
        raise FitError(
            "the elastic net does not converge",
            where=self._named(np.abs(self.beta) == np.abs(self.beta).max()),
            fix="use a larger lambda, or penalise all columns",
        )

    def _move(self, l1: Floats, l2: Floats, step: Floats) -> None:
        """Go a step, or as much of it as does not climb."""
        beta = self.beta
        value = _objective(self.point.value, beta, l1, l2)
        for _ in range(_MOST_HALVINGS):
            trial = beta.copy()
            trial[self.columns] += step
            point = self.loss.at(trial)
            if _objective(point.value, trial, l1, l2) <= value + 1e-12 * (1 + abs(value)):
                self.beta, self.point = trial, point
                return
            step = step / 2

    def _missed(self, l1: Floats, l2: Floats) -> float:
        missed = _violation(self.beta, self.point.gradient, l1, l2)[self.columns]
        return float(np.max(missed, initial=0.0))

    def refuse_aliased(self, unpenalised: Bools) -> None:
        """Raise FitError where unpenalised columns are constant or sums of others."""
        columns = np.flatnonzero(unpenalised)
        information = self.loss.information(self.point, columns)
        size = np.diag(information)
        lost = size <= _ALIASED * np.max(size, initial=_ALIASED)
        if len(columns) and not lost.any():
            values, vectors = linalg.eigh(information / np.sqrt(np.outer(size, size)))
            if values[0] <= _ALIASED:
                lost = np.abs(vectors[:, 0]) > 1e-3
        if lost.any():
            raise FitError(
                "unpenalised columns are constant, or sums of others",
                where=self._named(np.isin(np.arange(len(self.beta)), columns[lost])),
                fix="leave them out, or penalise them",
            )

    def refuse_runaway(self, unpenalised: Bools) -> None:
        """Raise FitError where the loss flattens along unpenalised columns: no minimum there."""
        columns = np.flatnonzero(unpenalised)
        null = self.loss.at(np.zeros(len(self.beta)))
        before = np.diag(self.loss.information(null, columns))
        flat = np.diag(self.loss.information(self.point, columns)) <= _RUNAWAY * before
        flat &= self.beta[columns] != 0
        if flat.any():
            raise FitError(
                "a column without a penalty separates those who leave from those who stay",
                where=self._named(np.isin(np.arange(len(self.beta)), columns[flat])),
                fix="penalise it, or use Firth's penalty",
            )

    def _named(self, which: Bools) -> str:
        return ", ".join(name for name, is_one in zip(self.names, which, strict=True) if is_one)


def _objective(value: float, beta: Floats, l1: Floats, l2: Floats) -> float:
    return value + float(l1 @ np.abs(beta) + l2 @ beta**2 / 2)


def _violation(beta: Floats, gradient: Floats, l1: Floats, l2: Floats) -> Floats:
    """Return (p,) the distance of 0 from the subdifferential."""
    inside = np.abs(gradient + l2 * beta + l1 * np.sign(beta))
    return np.where(beta != 0, inside, np.maximum(np.abs(gradient) - l1, 0.0))


def minimise_quadratic(Q: Floats, linear: Floats, l1: Floats, start: Floats) -> Floats:
    """Minimise b' Q b / 2 - linear' b + l1' |b|.

    Parameters
    ----------
    Q : (p, p) positive semidefinite.
    linear, l1, start : (p,); l1 >= 0; `start` is where the search begins.

    Returns
    -------
    (p,) with exact zeros.
    """
    b = start
    diagonal, bounds = np.diag(Q).tolist(), l1.tolist()
    for _ in range(_MOST_SWEEPS):
        b, solved = _solve_with_signs(Q, linear, l1, b)
        residual = linear - Q @ b
        pulled = (b == 0) & (np.abs(residual) > l1 + KKT / 100)
        if solved and not pulled.any():
            return b
        moved = 0.0
        for j in np.flatnonzero(pulled if solved else pulled | (b != 0)).tolist():
            if diagonal[j] <= 0:
                continue
            old = float(b[j])
            pull = float(residual[j]) + diagonal[j] * old
            size = abs(pull) - bounds[j]
            new = 0.0 if size <= 0 else (size if pull > 0 else -size) / diagonal[j]
            if new != old:
                residual -= Q[j] * (new - old)
                b[j] = new
                moved = max(moved, diagonal[j] * abs(new - old))
        if moved <= KKT / 100:
            break
    return b


def _solve_with_signs(Q: Floats, linear: Floats, l1: Floats, start: Floats) -> tuple[Floats, bool]:
    """Go to the minimum among those that share the signs of `start`, dropping what reaches 0.

    Returns False with it where the columns that are in determine each other: nothing is solved.
    """
    b = start.copy()
    while True:
        inside = np.flatnonzero((b != 0) | (l1 == 0))
        here = b[inside]
        sign = np.sign(here)
        try:
            factor = linalg.cho_factor(Q[np.ix_(inside, inside)], check_finite=False)
        except linalg.LinAlgError:
            return b, False
        there = linalg.cho_solve(factor, linear[inside] - l1[inside] * sign, check_finite=False)
        turned = (np.sign(there) != sign) & (l1[inside] > 0)
        if not turned.any():
            b[inside] = there
            return b, True
        share = np.where(turned, here / np.where(turned, here - there, 1.0), np.inf)
        first = int(np.argmin(share))
        b[inside] = here + share[first] * (there - here)
        b[inside[first]] = 0.0
