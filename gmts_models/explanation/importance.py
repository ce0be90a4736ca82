"""How much worse people are predicted without what an attribute tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.base import clone

from gmts_models.config import SchemeSpec
from gmts_models.errors import InputError
from gmts_models.evaluation.splits import Fold, SchemeName, make_folds
from gmts_models.features.table import FeatureTable, codes
from gmts_models.models.protocol import check_horizons, risk_from_entry
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.censoring import CensoringWeights, censoring_weights
from gmts_models.stats.scores import brier_score


def permutation_importance(
    model: Any,
    table: FeatureTable,
    scheme: SchemeSpec | SchemeName = "k_fold",
    horizons: npt.ArrayLike = (12, 24, 36),
    *,
    attributes: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    repetitions: int = 10,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Shuffle an attribute among the people that are predicted, and see the Brier score rise.

    Parameters
    ----------
    model : unfitted; fitted in each fold to the others.
    table : of `build_features`.
    scheme : who is predicted by models of whom, as for `evaluate`.
    horizons : (m,) months over which the score is averaged; those at which somebody has no risk,
        or nobody is followed for as long, are left out.
    attributes : columns of X, or names for several columns that are shuffled together; default
        each column. Of related columns, shuffled one by one, each can do for the other.
    repetitions : shuffles of each attribute.
    level : of the limits.
    seed : of the folds and the shuffles.

    Returns
    -------
    A row an attribute, the most important first: attribute, importance (what the Brier score
    rises by), se, lower, upper, share (of the Brier score), horizons. The errors are about people
    and shuffles, not about other training rows.

    Raises
    ------
    InputError : an attribute is not in X; or no horizon can be scored.

    Notes
    -----
    The rows of a person are shuffled to another person's as they come. Censoring is weighed for by
    cohort, as in `evaluate`.

    Source: Fisher, Rudin & Dominici (2019), JMLR 20(177).
    """
    months = check_horizons(horizons)
    groups = _groups(attributes, table.X)
    split_seed, draw_seed = np.random.SeedSequence(seed).spawn(2)
    folds = make_folds(scheme, table, np.random.default_rng(split_seed))
    rng = np.random.default_rng(draw_seed)
    plain = np.full((len(table), len(months)), np.nan)
    shuffled = {name: np.full((repetitions, len(table), len(months)), np.nan) for name in groups}
    for fold in folds:
        fitted = clone(model).fit(table.X.iloc[fold.train], table.y[fold.train])
        new = table.X.iloc[fold.test]
        entry = table.y.entry[fold.test]
        plain[fold.test] = risk_from_entry(fitted, new, entry, months)
        for name, columns in groups.items():
            for turn in range(repetitions):
                order = rng.permutation(len(new))
                mixed = new.copy()
                for column in columns:
                    mixed[column] = new[column].to_numpy()[order]
                risk = risk_from_entry(fitted, mixed, entry, months)
                shuffled[name][turn, fold.test] = risk
    return _table(plain, shuffled, table, folds, months, level)


def _groups(
    attributes: Sequence[str] | Mapping[str, Sequence[str]] | None, X: pd.DataFrame
) -> dict[str, list[str]]:
    if attributes is None:
        attributes = list(X.columns)
    given = attributes if isinstance(attributes, Mapping) else {name: [name] for name in attributes}
    groups = {str(name): list(columns) for name, columns in given.items()}
    for name, columns in groups.items():
        if missing := [column for column in columns if column not in X]:
            raise InputError(
                f"X has no column {missing[0]!r}", where=f"permutation_importance, {name}"
            )
    return groups


def _table(
    plain: Floats,
    shuffled: dict[str, Floats],
    table: FeatureTable,
    folds: Sequence[Fold],
    months: Floats,
    level: float,
) -> pd.DataFrame:
    rows = np.sort(np.concatenate([fold.test for fold in folds]))
    weights = {h: _weights(table, rows, h) for h in months}
    scored = [
        j
        for j, h in enumerate(months)
        if weights[h].counted.any()
        and not np.isnan(plain[rows, j][weights[h].counted[:, 0] > 0]).any()
    ]
    if not scored:
        raise InputError(
            "no horizon can be scored: nobody was followed for as long, or a risk is not estimable",
            where="permutation_importance, horizons",
        )
    brier = np.mean([brier_score(_whole(plain[rows, j]), weights[months[j]])[0] for j in scored])
    z = stats.norm.ppf((1 + level) / 2)
    found = []
    for name, risk in shuffled.items():
        # Each row's part of the rise, averaged over shuffles and horizons: its mean is the rise.
        part = np.mean(
            [_rise(plain[rows, j], risk[:, rows, j], weights[months[j]]) for j in scored], axis=0
        )
        per_person = np.bincount(np.unique(table.y.people[rows], return_inverse=True)[1], part)
        n, people = len(part), len(per_person)
        rise = float(part.sum() / n)
        se = float(np.std(per_person, ddof=1) * np.sqrt(people) / n) if people > 1 else np.nan
        found.append(
            {
                "attribute": name,
                "importance": rise,
                "se": se,
                "lower": rise - z * se,
                "upper": rise + z * se,
                "share": rise / brier,
                "horizons": ", ".join(f"{months[j]:g}" for j in scored),
            }
        )
    frame = pd.DataFrame(found).sort_values("importance", ascending=False, kind="stable")
    return frame.reset_index(drop=True)


def _weights(table: FeatureTable, rows: Ints, horizon: float) -> CensoringWeights:
    together = codes(table.cohort)[rows]
    if table.recipe.landmarks is not None:
        together = np.unique(
            np.stack([together, table.landmark[rows]]), axis=1, return_inverse=True
        )[1]
    return censoring_weights(
        table.y.keep(rows), float(horizon), strata=together, follow_up=table.follow_up[rows]
    )


def _rise(plain: Floats, shuffled: Floats, at: CensoringWeights) -> Floats:
    """Return (n,) what each row adds to the rise of the score, scaled so that the mean is it."""
    left = at.left.astype(float)
    after = np.mean(np.square(left - _whole(shuffled)), axis=0)
    gain = (after - np.square(left - _whole(plain))) * at.weight[:, 0]
    return np.asarray(gain * len(left) / at.counted.sum())


def _whole(risk: Floats) -> Floats:
    """Return risks in which those that are not scored are numbers too."""
    return np.nan_to_num(risk)
