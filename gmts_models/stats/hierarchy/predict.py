"""Risks of new people from a hierarchical fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from gmts_models.stats.hierarchy.result import HierarchicalFit, HierarchicalRisk
from gmts_models.stats.hierarchy.terms import RandomTerm


def hierarchical_risk(
    fit: HierarchicalFit,
    X: npt.ArrayLike,
    terms: Sequence[RandomTerm],
    horizons: npt.ArrayLike,
    *,
    strata: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> HierarchicalRisk:
    """Predict P(left by the horizon) of new people.

    Parameters
    ----------
    X : (n, p) columns, as in the fit.
    terms : as in the fit, with its labels (`random_term(..., labels=)`); a code of -1 is a group
        that the fit has not seen.
    horizons : (m,) months since the start.
    strata : (n,) int codes: the rank of the label among the sorted labels of the fit (Cox only).
    level : of the limits.

    Raises
    ------
    InputError : shapes differ, a value is missing, or labels or strata are not those of the fit.
    """
    raise NotImplementedError
