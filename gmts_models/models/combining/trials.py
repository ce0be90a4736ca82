"""Trials of a search: how good parameters are in each fold, and the tables that say so."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import GmtsError, NotEstimableError
from gmts_models.models.combining.cross_validation import (
    part,
    weigh,
    weights_of,
)
from gmts_models.models.combining.inner_models import fit_clone
from gmts_models.models.combining.search_space import Params
from gmts_models.models.protocol import TrainingRows, risk_from_entry
from gmts_models.models.scorers import Score, score_of
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.censoring import CensoringWeights

PARAM = "param_"
"""What the names of columns of parameters begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one set of parameters.

    Attributes
    ----------
    params : parameter: value.
    scores : in each fold, at each horizon, NaN where it cannot be given; empty where a fit failed.
    seconds : of all folds, added up.
    error : why a fit failed, else None.
    """

    params: dict[str, Any]
    scores: tuple[tuple[float, ...], ...]
    seconds: float
    error: str | None

    def horizons(self) -> Bools:
        """Return (m,) bool: the horizons at which every fold has a score."""
        return np.asarray(np.isfinite(self.scores).all(axis=0) if self.scores else False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A trial, by the mean of its scores over the horizons that all trials are judged at.

    Attributes
    ----------
    params, seconds : of the trial.
    scores : in each fold; empty where the trial failed.
    error : why it failed, else None.
    """

    params: dict[str, Any]
    scores: tuple[float, ...]
    seconds: float
    error: str | None

    @property
    def value(self) -> float:
        """The mean over the folds; NaN where the trial failed."""
        return math.fsum(self.scores) / len(self.scores) if self.scores else math.nan


def judge(trial: Trial, months: Floats, used: Bools | None, criterion: Score) -> Judged:
    """Judge a trial at those of (m,) horizons that are used; None = no trial had any so far."""
    asked = np.ones(len(months), dtype=bool) if used is None else used
    error = trial.error
    if error is None and len(missing := months[asked & ~trial.horizons()]):
        told = ", ".join(f"{month:g}" for month in missing)
        error = f"{criterion} cannot be given at {told} months in every fold"
    means = () if error else tuple(np.array(trial.scores)[:, asked].mean(axis=1).tolist())
    return Judged(params=trial.params, scores=means, seconds=trial.seconds, error=error)


def params_text(params: Mapping[str, Any]) -> str:
    """Return parameters as JSON, the same for the same parameters."""
    return json.dumps(params, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPlan:
    """The fold of each row, and the censoring weights of all rows by horizon."""

    fold: Ints
    weights: dict[float, CensoringWeights]


def plan_trials(rows: TrainingRows, fold: Ints, months: Floats) -> TrialPlan:
    """Weigh the rows for censoring, once for all trials.

    Raises
    ------
    NotEstimableError : nobody was followed for as long as the first horizon.
    """
    weights = {horizon: weigh(rows, horizon) for horizon in months.tolist()}
    if not any(at.weight.any() for at in weights.values()):
        raise NotEstimableError(
            f"nobody was followed for {months[0]:g} months",
            where="Tuned(horizons=...)",
            fix="ask for shorter horizons",
        )
    return TrialPlan(fold=fold, weights=weights)


def score_fold(
    estimator: Any, rows: TrainingRows, plan: TrialPlan, k: int, criterion: Score
) -> tuple[tuple[float, ...], float, str | None]:
    """Return the scores of the people of a fold, the seconds it took, and why a fit failed."""
    began = time.perf_counter()
    theirs = plan.fold == k
    new = part(rows, theirs)
    try:
        fitted = fit_clone(estimator, part(rows, ~theirs))
        risk = risk_from_entry(fitted, new.X, new.y.entry, np.array(list(plan.weights)))
    except GmtsError as error:
        return (), time.perf_counter() - began, error.what
    scores = tuple(
        score_of(criterion, risk[:, j], weights_of(at, theirs))
        for j, at in enumerate(plan.weights.values())
    )
    return scores, time.perf_counter() - began, None


def to_trial(
    params: Params, results: Sequence[tuple[tuple[float, ...], float, str | None]]
) -> Trial:
    """Return a trial from what `score_fold` said of each fold; it failed if one of them did."""
    errors = [f"fold {k + 1}: {error}" for k, (_, _, error) in enumerate(results) if error]
    return Trial(
        params=params,
        scores=() if errors else tuple(scores for scores, _, _ in results),
        seconds=sum(seconds for _, seconds, _ in results),
        error=errors[0] if errors else None,
    )


def trials_table(done: Sequence[Judged], folds: int) -> pd.DataFrame:
    """Return a row a trial: trial, param_NAME, value, fold_1, ..., seconds, error."""
    params = {name: [trial.params[name] for trial in done] for name in done[0].params}
    scores = np.array([trial.scores or (np.nan,) * folds for trial in done])
    return pd.DataFrame(
        {"trial": np.arange(len(done))}
        | {f"{PARAM}{name}": _column(values) for name, values in params.items()}
        | {"value": [trial.value for trial in done]}
        | {f"fold_{k + 1}": scores[:, k] for k in range(folds)}
        | {"seconds": [trial.seconds for trial in done]}
        | {"error": pd.Series([trial.error for trial in done], dtype=object)}
    )


def _column(values: list[Any]) -> pd.Series[Any]:
    """Return values as a column in which None stays None beside numbers."""
    kinds = {type(value) for value in values}
    return pd.Series(values, dtype=object if len(kinds) > 1 else None)


def search_trials(model: str, fitted: Any, fold: str | None = None) -> pd.DataFrame | None:
    """Return the trials of a fitted `Tuned`, as a run folder keeps them; None of another model.

    Parameters
    ----------
    model : its name in the experiment.
    fitted : the model; a pipeline is asked for its last step.
    fold : of the evaluation, whose training rows were searched; None = everyone.

    Returns
    -------
    model, fold, trial, params (as JSON), score, value, seconds, error.
    """
    last = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    if not hasattr(last, "trials_"):
        return None
    table: pd.DataFrame = last.trials_
    names = [str(name) for name in table if str(name).startswith(PARAM)]
    return pd.DataFrame(
        {
            "model": model,
            "fold": fold,
            "trial": table["trial"],
            "params": [
                params_text({name.removeprefix(PARAM): row[name] for name in names})
                for row in table.to_dict("records")
            ],
            "score": last.criterion,
            "value": table["value"],
            "seconds": table["seconds"],
            "error": table["error"],
        }
    )
