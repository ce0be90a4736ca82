"""Inner folds of whole people, and how the rows of each are weighed."""

from __future__ import annotations

from typing import Any

import numpy as np

from gmts_models.errors import InputError
from gmts_models.models.missing.imputed import check_counts
from gmts_models.models.protocol import (
    TrainingRows,
    check_horizons,
    together_codes,
)
from gmts_models.outcome import Bools, Floats, Ints, Outcome
from gmts_models.stats.censoring import CensoringWeights, censoring_weights


def check_scored_horizons(horizons: Any, where: str) -> Floats:
    """Return (m,) months above 0, each once, in order; or raise InputError."""
    months = np.unique(check_horizons(horizons))
    if months[0] <= 0:
        raise InputError("horizons must be above 0", where=f"{where}(horizons=...)")
    return months


def fold_of_rows(y: Outcome, folds: int, seed: int, where: str) -> Ints:
    """Return (n,) the number of each row's fold: people are whole, and leavers spread evenly.

    Raises
    ------
    InputError : `folds` or `seed` is no whole number, or there are fewer people than folds.
    """
    check_counts(where, folds=(folds, 2), seed=(seed, 0))
    people, code = np.unique(y.people, return_inverse=True)
    if len(people) < folds:
        raise InputError(
            f"{len(people)} sample(s) are too few: {folds} folds need as many people",
            where=f"{where}(folds=...)",
            fix="ask for fewer folds",
        )
    leaves = np.bincount(code, weights=y.left) > 0
    order = np.random.default_rng(seed).permutation(len(people))
    order = order[np.argsort(leaves[order], kind="stable")]
    fold = np.empty(len(people), dtype=np.int64)
    fold[order] = np.arange(len(people)) % folds
    return np.asarray(fold[code])


def part(rows: TrainingRows, mask: Bools) -> TrainingRows:
    """Return the rows where `mask` (n,) holds; people are whole in it."""
    kept = np.flatnonzero(mask)
    return TrainingRows(
        X=rows.X.iloc[kept],
        y=rows.y[kept],
        weight=None if rows.weight is None else rows.weight[kept],
    )


def weigh(rows: TrainingRows, horizon: float) -> CensoringWeights:
    """Return the censoring weights of rows, each counted by its case weight, by cohort."""
    counts = None if rows.weight is None else rows.weight[:, None]
    return censoring_weights(rows.y, horizon, strata=together_codes(rows.X), counts=counts)


def weights_of(at: CensoringWeights, mask: Bools) -> CensoringWeights:
    """Return the censoring weights of some of the rows."""
    return CensoringWeights(left=at.left[mask], counted=at.counted[mask], weight=at.weight[mask])
