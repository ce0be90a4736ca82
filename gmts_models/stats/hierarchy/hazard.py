"""Hazards of whole periods with partial pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy.typing as npt

from gmts_models.outcome import Floats
from gmts_models.stats.hazards.period_design import Baseline
from gmts_models.stats.hierarchy.result import HierarchicalFit
from gmts_models.stats.hierarchy.terms import RandomTerm


def fit_hierarchical_hazard(
    X: npt.ArrayLike,
    terms: Sequence[RandomTerm],
    exit_: npt.ArrayLike,
    left: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    *,
    baseline: Baseline,
    link: Literal["logit", "cloglog"] = "logit",
    width: float = 1.0,
    until: int | None = None,
    penalty: Floats | None = None,
    sd: Sequence[float] | None = None,
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> HierarchicalFit:
    """Regress the hazard of each period, with effects of groups, on columns.

    Parameters
    ----------
    X, terms, exit_, left, entry, weights, clusters, penalty, sd, level, names : as for
        `fit_hierarchical_cox`; departures at month 0 are refused, as by `person_periods`.
    baseline : columns by period with an intercept: (q,) periods -> (q, b). Only its values are
        kept. See `period_baseline` for two.
    link : "cloglog" (proportional hazards seen by the period) or "logit".
    width : months in a period.
    until : the last period to use; later ones are censored.

    Returns
    -------
    HierarchicalFit

    Raises
    ------
    InputError, FitError, NotEstimableError : as `discrete_hazard`.
    """
    raise NotImplementedError
