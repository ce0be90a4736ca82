"""Out-of-fold predictions: each row's risk from a model that never saw its person."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone

from gmts_models.errors import GmtsError
from gmts_models.evaluation.splits import Fold
from gmts_models.features.table import FeatureTable
from gmts_models.models.combining.trials import search_trials
from gmts_models.models.protocol import risk_from_entry
from gmts_models.outcome import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What each model said of each row.

    Attributes
    ----------
    horizons : (m,) months.
    fold : (n,) number of the fold in which the row was predicted; -1 = never.
    risk : by model, (n, m); NaN where never predicted or not estimable. For late entrants it is
        the risk given that they were still there at entry.
    rank : by model, (n, m) risk from the start, also for late entrants: what the concordance
        ranks by.
    seconds : by model, time of all its fits.
    failed : by model that could not be fitted in some fold, why.
    trials : of the models whose parameters were searched for in each fold (`search_trials`); None
        where there are none.
    """

    horizons: Floats
    fold: Ints
    risk: dict[str, Floats]
    rank: dict[str, Floats]
    seconds: dict[str, float]
    failed: dict[str, str]
    trials: pd.DataFrame | None = None


def predict_out_of_fold(
    models: Mapping[str, Any],
    table: FeatureTable,
    folds: Sequence[Fold],
    horizons: Floats,
    *,
    n_jobs: int = 1,
    on_done: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Fit every model in every fold.

    Parameters
    ----------
    models : unfitted estimators by name; clones of them are fitted.
    table, folds, horizons : what to predict.
    n_jobs : processes; -1 = one a core. The numbers are the same for any.
    on_done : called with (fits done, fits in all).
    """
    tasks = [(name, number) for number in range(len(folds)) for name in models]
    jobs = (
        delayed(_fit_and_predict)(name, models[name], table, folds[number], horizons)
        for name, number in tasks
    )
    risk = {name: np.full((len(table), len(horizons)), np.nan) for name in models}
    rank = {name: np.full((len(table), len(horizons)), np.nan) for name in models}
    seconds = dict.fromkeys(models, 0.0)
    failed: dict[str, str] = {}
    trials: list[pd.DataFrame] = []
    results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    for done, ((name, number), result) in enumerate(zip(tasks, results, strict=True), start=1):
        values, from_start, took, trouble, searched = result
        seconds[name] += took
        trials += [] if searched is None else [searched]
        if trouble is not None:
            failed.setdefault(name, f"{trouble} (predicting {folds[number].label})")
        else:
            risk[name][folds[number].test] = values
            rank[name][folds[number].test] = from_start
        if on_done is not None:
            on_done(done, len(tasks))
    for name in failed:
        risk[name][:], rank[name][:] = np.nan, np.nan
    fold = np.full(len(table), -1, dtype=np.int64)
    for number, each in enumerate(folds):
        fold[each.test] = number
    return Predictions(
        horizons=horizons,
        fold=fold,
        risk=risk,
        rank=rank,
        seconds=seconds,
        failed=failed,
        trials=pd.concat(trials, ignore_index=True) if trials else None,
    )


def _fit_and_predict(
    name: str, model: Any, table: FeatureTable, fold: Fold, horizons: Floats
) -> tuple[Floats | None, Floats | None, float, str | None, pd.DataFrame | None]:
    began = time.perf_counter()
    try:
        fitted = clone(model).fit(table.X.iloc[fold.train], table.y[fold.train])
        new, entry = table.X.iloc[fold.test], table.y.entry[fold.test]
        from_start = fitted.predict_risk(new, horizons)
        risk = risk_from_entry(fitted, new, entry, horizons, from_start)
    except GmtsError as error:
        return None, None, time.perf_counter() - began, error.what, None
    searched = search_trials(name, fitted, fold.label)
    return risk, from_start, time.perf_counter() - began, None, searched
