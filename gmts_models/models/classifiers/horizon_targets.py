"""What is learned at a horizon: states with weights for censoring, or pseudo-observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.models.protocol import censored_together
from gmts_models.outcome import Floats, Ints, Outcome
from gmts_models.stats.censoring import censoring_weights
from gmts_models.stats.cox_censoring import cox_censoring_weights
from gmts_models.stats.pseudo_observations import pseudo_observations
from gmts_models.stats.times import merge_near_ties

Censoring = Literal["kaplan_meier", "cox", "pseudo"]

RIDGE = 1.0
"""Ridge penalty of the default classifier and of the Cox model of censoring; it shrinks effects of
columns of unit variance, as much as one more person or so would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonTarget:
    """What n rows say of one horizon.

    Attributes
    ----------
    value : (n,) 1 = left by the horizon, 0 = did not; or a pseudo-observation.
    factor : (n,) censoring weight; 1 for pseudo-observations; 0 = nothing is learned from the row.
    """

    value: Floats
    factor: Floats


def horizon_targets(
    censoring: Censoring,
    y: Outcome,
    horizons: Floats,
    matrix: Floats,
    weight: Floats | None,
    strata: Ints | None,
) -> list[HorizonTarget]:
    """Return what is learned at each of m horizons.

    Parameters
    ----------
    censoring : how the censored are made up for.
    y : n rows without late entry.
    horizons : (m,) months.
    matrix : (n, p) standardised columns, of which a Cox model of censoring is made.
    weight : (n,) case weights, above 0; None for 1.
    strata : (n,) codes of groups that are censored together; None for one group.
    """
    match censoring:
        case "kaplan_meier":
            return [_kaplan_meier(y, horizon, weight, strata) for horizon in horizons]
        case "cox":
            columns = _without_gaps(matrix)
            factors = cox_censoring_weights(
                columns,
                y.exit,
                y.left,
                horizons,
                weight,
                strata,
                penalty=np.full(columns.shape[1], RIDGE),
            )
            months = merge_near_ties(np.concatenate([y.exit, horizons]))
            left = y.left[:, None] & (months[: len(y), None] <= months[len(y) :])
            return [
                HorizonTarget(value=left[:, j].astype(float), factor=factors[:, j])
                for j in range(len(horizons))
            ]
        case "pseudo":
            found = pseudo_observations(y.exit, y.left, horizons, weight, strata)
            return [
                HorizonTarget(value=np.nan_to_num(each), factor=np.isfinite(each).astype(float))
                for each in found.T
            ]
    assert_never(censoring)


def _kaplan_meier(
    y: Outcome, horizon: float, weight: Floats | None, strata: Ints | None
) -> HorizonTarget:
    counts = np.ones(len(y)) if weight is None else weight
    merged = merge_near_ties(np.append(y.exit, horizon))
    exit_, end = merged[:-1], merged[-1]
    left = y.left & (exit_ <= end)
    # Whoever is lost at the horizon was there until then, and did not leave: their state is known.
    until = np.where((exit_ >= end) & ~left, end + 1, exit_)
    at = censoring_weights(Outcome(0, until, left), end, strata=strata, counts=counts[:, None])
    return HorizonTarget(value=left.astype(float), factor=at.weight[:, 0] / counts)


def _without_gaps(matrix: Floats) -> Floats:
    """Give gaps, where an encoder leaves them, the mean, and a column that says so."""
    gaps = np.isnan(matrix)
    return np.column_stack([np.where(gaps, 0.0, matrix), gaps[:, gaps.any(axis=0)]])


def strata_codes(frame: pd.DataFrame, columns: str | Sequence[str] | None) -> Ints | None:
    """Return (n,) codes of the labels of one column, or of several together; None of none."""
    if columns == "auto" and "auto" not in frame:
        columns = censored_together(frame)
    if columns is None:
        return None
    names = [columns] if isinstance(columns, str) else list(columns)
    for name in names:
        if name not in frame:
            raise InputError(
                f"X has no column {name!r}", where="HorizonClassifier(censoring_by=...)"
            )
    labels = frame[names].astype(str)
    return np.asarray(labels.groupby(names, sort=False).ngroup(), dtype=np.int64)
