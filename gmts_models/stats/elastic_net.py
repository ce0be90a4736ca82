"""Paths of elastic-net fits for any convex loss, by proximal Newton steps.

The loss is minus a log likelihood over the sum of weights, of columns of mean 0 and variance 1.
For each lambda, from the largest down, its quadratic model with the exact second derivative is
minimised under the penalty: coordinate descent finds which coefficients are 0, a Cholesky factor
then solves for the others. The second derivative costs most, so it is kept as long as the steps
with it converge quickly, and is taken of those columns only that the strong rule lets in; the
conditions for a minimum (KKT) are checked over all columns before a fit counts as done.

Source: Friedman, Hastie & Tibshirani (2010), J. Statistical Software 33(1); Simon et al. (2011),
J. Statistical Software 39(5); Tibshirani et al. (2012), JRSS B 74:245-266 (strong rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import linalg

from gmts_models.errors import FitError, InputError
from gmts_models.outcome import Bools, Floats, Ints

KKT = 1e-10
"""Most by which the derivative may miss the condition for a minimum, for standardised columns."""
_INFINITE = 9.9e35
_SMALLEST_ALPHA = 1e-3  # for the largest lambda of a ridge path
_MOST_STEPS, _MOST_HALVINGS, _MOST_SWEEPS = 200, 40, 10_000
_SLOW = 0.2  # a step that leaves more of the violation than this asks for a new second derivative
_RUNAWAY = 1e-5  # share of an unpenalised column's information at 0 below which it has no end


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticNet:
    """The penalty lambda * sum_j f_j (alpha |b_j| + (1 - alpha) / 2 b_j^2), and its path.

    Attributes
    ----------
    alpha : 1 is the lasso, 0 is ridge.
    lambdas : those to fit, taken from the largest down; default `n_lambdas` of them, evenly on
        the log scale from the smallest at which all penalised coefficients are 0 (for ridge: of
        alpha 0.001, while the first fit is at an infinite lambda) to `lambda_min_ratio` of it.
    lambda_min_ratio : default 0.01 where rows are fewer than columns, else 0.0001.
    penalty_factor : (p,) f, >= 0, rescaled to a mean of 1; 0 leaves a column unpenalised.
    standardise : whether b is of columns divided by their standard deviation (of n, weighted).
        Coefficients are returned for the columns as given either way.
    """

    alpha: float = 1.0
    lambdas: Sequence[float] | Floats | None = None
    n_lambdas: int = 100
    lambda_min_ratio: float | None = None
    penalty_factor: Sequence[float] | Floats | None = None
    standardise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticNetPath:
    """Fits along lambda.

    Attributes
    ----------
    lambdas : (m,) decreasing.
    coefficients : (m, p) for the columns as given.
    intercepts : (m,); 0 for Cox.
    df : (m,) int number of coefficients that are not 0.
    dev_ratio : (m,) share of the null deviance that is explained.
    null_deviance : twice the log likelihood that a saturated model has above the null model.
    violation : (m,) largest violation of the conditions for a minimum, for standardised columns.
    """

    lambdas: Floats
    coefficients: Floats
    intercepts: Floats
    df: Ints
    dev_ratio: Floats
    null_deviance: float
    violation: Floats


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedPath:
    """Minima along lambda, of standardised columns.

    Attributes
    ----------
    lambdas, violation : (m,).
    coefficients : (m, p).
    values : (m,) of the loss, without the penalty.
    """

    lambdas: Floats
    coefficients: Floats
    values: Floats
    violation: Floats


def trace_path(
    loss: Loss,
    penalty: ElasticNet,
    scale: Floats,
    rows: int,
    names: Sequence[str],
    unpenalised: Bools | None = None,
) -> TracedPath:
    """Minimise loss plus penalty at each lambda.

    Parameters
    ----------
    loss : of p standardised columns.
    penalty : what is added.
    scale : (p,) standard deviations of the columns as given.
    rows : number of rows, for the default of `lambda_min_ratio`.
    names : (p,) of the columns, for errors.
    unpenalised : (p,) bool, columns (an intercept) without a penalty factor.

    Raises
    ------
    InputError : the penalty is none.
    FitError : no unique minimum, along columns that are not penalised.
    """
    free = np.zeros(len(scale), dtype=bool) if unpenalised is None else unpenalised
    factor = _factors(penalty, free)
    unit = factor if penalty.standardise else factor / scale
    l1 = penalty.alpha * unit
    l2 = (1 - penalty.alpha) * (factor if penalty.standardise else factor / scale**2)
    search = _Search(loss, factor == 0, names)
    above = unit > 0
    largest = np.max(np.abs(search.point.gradient[above]) / unit[above], initial=0.0)
    largest /= max(penalty.alpha, _SMALLEST_ALPHA)
    fitted, shown = _lambdas(penalty, float(largest), rows, int((~free).sum()))
    coefficients, values, violation = [], [], []
    previous = max(float(largest), fitted[0])
    for each in fitted:
        strong = np.abs(search.point.gradient) >= l1 * (2 * each - previous)
        violation.append(search.minimise(each * l1, each * l2, strong))
        coefficients.append(search.beta)
        values.append(search.point.value)
        previous = each
    search.refuse_runaway((factor == 0) | (fitted[-1] == 0))
    return TracedPath(
        lambdas=shown,
        coefficients=np.array(coefficients),
        values=np.array(values),
        violation=np.array(violation),
    )


def _factors(penalty: ElasticNet, free: Bools) -> Floats:
    p = int((~free).sum())
    if not 0 <= penalty.alpha <= 1:
        raise InputError(f"alpha is {penalty.alpha}, must be in [0, 1]", where="elastic net, alpha")
    given = penalty.penalty_factor
    factor = np.ones(p) if given is None else np.asarray(given, dtype=float)
    if factor.shape != (p,) or not np.isfinite(factor).all() or (factor < 0).any():
        raise InputError(
            f"penalty_factor must be {p} finite numbers >= 0, one a column",
            where="elastic net, penalty_factor",
        )
    if not factor.any():
        raise InputError(
            "no column is penalised",
            where="elastic net, penalty_factor",
            fix="fit without a penalty",
        )
    whole = np.zeros(len(free))
    whole[~free] = factor * p / factor.sum()
    return whole


def _lambdas(penalty: ElasticNet, largest: float, rows: int, p: int) -> tuple[Floats, Floats]:
    """Return (m,) lambdas to fit, and as reported: they differ where the first is infinite."""
    if penalty.lambdas is not None:
        given = np.sort(np.asarray(penalty.lambdas, dtype=float).ravel())[::-1]
        if not len(given) or not np.isfinite(given).all() or given[-1] < 0:
            raise InputError("lambdas must be finite numbers >= 0", where="elastic net, lambdas")
        return given, given
    if penalty.n_lambdas < 2:
        raise InputError("n_lambdas must be at least 2", where="elastic net, n_lambdas")
    ratio = penalty.lambda_min_ratio
    if ratio is None:
        ratio = 0.01 if rows < p else 1e-4
    if not 0 < ratio < 1:
        raise InputError("lambda_min_ratio must be in (0, 1)", where="elastic net")
    shown = largest * ratio ** np.linspace(0, 1, penalty.n_lambdas)
    fitted = shown.copy()
    if penalty.alpha < _SMALLEST_ALPHA:
        fitted[0] = _INFINITE
    return fitted, shown


class _Search:
    """Where the path stands: the last minimum, and the second derivative last taken."""

    def __init__(self, loss: Loss, unpenalised: Bools, names: Sequence[str]) -> None:
        self.loss, self.names = loss, names
        self.beta = np.zeros(len(unpenalised))
        self.point = loss.at(self.beta)
        self.columns = np.flatnonzero(unpenalised)
        self.hessian = self.at_zero = loss.information(self.point, self.columns)
        none = np.zeros(len(unpenalised))
        if len(self.columns):
            self._refuse_aliased()
            self._descend(none, none)

    def minimise(self, l1: Floats, l2: Floats, strong: Bools) -> float:
        """Go to the minimum under l1' |b| + l2' b^2 / 2; return how far its conditions are missed.

        `strong` says which columns to begin with; those at 0 that turn out to belong join.
        """
        wanted = strong | (self.beta != 0)
        while True:
            wanted[self.columns] |= (l1 == 0)[self.columns]
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

    def _refuse_aliased(self) -> None:
        """Raise FitError where unpenalised columns are constant or sums of others."""
        size = np.diag(self.hessian)
        lost = size <= 1e-10 * np.max(size, initial=1e-10)
        if not lost.any():
            values, vectors = linalg.eigh(self.hessian / np.sqrt(np.outer(size, size)))
            if values[0] <= 1e-10:
                lost = np.abs(vectors[:, 0]) > 1e-3
        if lost.any():
            which = np.zeros(len(self.beta), dtype=bool)
            which[self.columns[lost]] = True
            raise FitError(
                "unpenalised columns are constant, or sums of others, among those at risk",
                where=self._named(which),
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
            which = np.zeros(len(self.beta), dtype=bool)
            which[columns[flat]] = True
            raise FitError(
                "a column without a penalty separates those who leave from those who stay",
                where=self._named(which),
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


def standard_scale(X: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return (p,) weighted means, and standard deviations (of n); 1 for constant columns."""
    share = weights / weights.sum()
    mean = share @ X
    spread = np.sqrt(share @ (X - mean) ** 2)
    size = np.sqrt(share @ X**2)
    return mean, np.where(spread > 1e-12 * size, spread, 1.0)


def coefficients_at(path: ElasticNetPath, lambdas: npt.ArrayLike) -> Floats:
    """Return (m, p) coefficients at other lambdas, linear in lambda between those of the path.

    Agrees with ``coef(fit, s = lambdas)``; beyond the ends of the path, its ends.
    """
    at = np.asarray(lambdas, dtype=float).ravel()
    return np.stack(
        [np.interp(at, path.lambdas[::-1], each[::-1]) for each in path.coefficients.T], axis=1
    )
