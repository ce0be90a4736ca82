"""Cox models with partial pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from gmts_models.outcome import Floats
from gmts_models.stats.cox.risk_sums import Ties
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm


def fit_hierarchical_cox(
    X: npt.ArrayLike,
    terms: Sequence[RandomTerm],
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    ties: Ties = "efron",
    penalty: Floats | None = None,
    sd: Sequence[float] | None = None,
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> HierarchicalFit:
    """Fit proportional hazards with effects of groups, their standard deviations integrated over.

    Parameters
    ----------
    X : (n, p) columns without an intercept; p may be 0.
    terms : (k,) the groupings, of n rows, k >= 1.
    exit_, left, entry, weights, strata : as for `fit_cox`.
    clusters : (n,) labels of people, to count them.
    ties : "efron" or "breslow".
    penalty : (p,) ridge on the coefficients, as for `fit_cox`; default none (a flat prior).
    sd : (k,) standard deviations, held fixed; default: integrated over.
    level : of all limits.
    names : (p,) of the columns of X.

    Returns
    -------
    HierarchicalFit

    Raises
    ------
    InputError : as `fit_cox`; terms are none, or not of n rows, or a group is not seen.
    FitError : as `fit_cox`.
    """
    raise NotImplementedError
