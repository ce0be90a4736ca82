"""Paths of elastic-net fits for any convex loss, from the largest lambda down.

The loss is minus a log likelihood over the sum of weights, of columns of mean 0 and variance 1.
Each fit begins at the last one, with the columns that the strong rule lets in.

Source: Friedman, Hastie & Tibshirani (2010), J. Statistical Software 33(1); Simon et al. (2011),
J. Statistical Software 39(5); Tibshirani et al. (2012), JRSS B 74:245-266 (strong rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gmts_models.errors import InputError
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.blas import on_one_thread
from gmts_models.stats.regression.proximal_newton import Loss, ProximalNewton

_INFINITE = 9.9e35
_SMALLEST_ALPHA = 1e-3  # for the largest lambda of a ridge path


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


@on_one_thread
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
    if not isinstance(penalty, ElasticNet):
        raise InputError(
            "the penalty must be an ElasticNet",
            where="elastic net, penalty",
            fix="ElasticNet(alpha=0.5, lambdas=[0.1])",
        )
    free = np.zeros(len(scale), dtype=bool) if unpenalised is None else unpenalised
    factor = _factors(penalty, free)
    unit = factor if penalty.standardise else factor / scale
    l1 = penalty.alpha * unit
    l2 = (1 - penalty.alpha) * (factor if penalty.standardise else factor / scale**2)
    search = ProximalNewton(loss, factor == 0, names)
    above = unit > 0
    largest = np.max(np.abs(search.point.gradient[above]) / unit[above], initial=0.0)
    largest /= max(penalty.alpha, _SMALLEST_ALPHA)
    fitted, shown = _lambdas(penalty, float(largest), rows, int((~free).sum()))
    without = (factor == 0) | (fitted[-1] == 0)
    search.refuse_aliased(without)
    coefficients, values, violation = [], [], []
    previous = max(float(largest), fitted[0])
    for each in fitted:
        strong = np.abs(search.point.gradient) >= l1 * (2 * each - previous)
        violation.append(search.minimise(each * l1, each * l2, strong))
        coefficients.append(search.beta)
        values.append(search.point.value)
        previous = each
    search.refuse_runaway(without)
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
