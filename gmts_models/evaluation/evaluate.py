"""Judge models by predicting people they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.config import SchemeSpec
from gmts_models.errors import InputError
from gmts_models.evaluation.calibration import calibrate
from gmts_models.evaluation.new_rows import as_given
from gmts_models.evaluation.prediction import Predictions, predict_out_of_fold
from gmts_models.evaluation.scoring import (
    ALL,
    compare,
    interval,
    make_plan,
    person_losses,
    score_models,
)
from gmts_models.evaluation.splits import SchemeName, make_folds
from gmts_models.features.matrix import LANDMARK
from gmts_models.features.table import FeatureTable
from gmts_models.models.protocol import check_horizons
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Floats


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    scores : tidy frame: model, score (brier, ipa, auc, observed_expected, c_index),
        horizon_months (missing for c_index), group ("All", a specialism, or of a stack "landmark
        12"), estimate, se, lower, upper, n (people scored), left and stayed (of them, by the
        horizon).
    leaderboard : a row a model, best first: mean_brier with its interval over the `horizons` at
        which the reference can be scored, the paired difference from the reference with its
        interval, and a verdict in words.
    calibration : model, horizon_months, bin, predicted, observed, lower, upper, n.
    losses : row, fold, model, horizon_months, risk, loss (the weighted squared error that the
        Brier score averages; missing where not scored). Of people, so not for publication.
    predictions : the same risks as arrays.
    reference : name of the model that the others are compared with.
    level : of the intervals.
    """

    scores: pd.DataFrame
    leaderboard: pd.DataFrame
    calibration: pd.DataFrame
    losses: pd.DataFrame
    predictions: Predictions
    reference: str
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return the scores."""
        return self.scores

    def __repr__(self) -> str:
        return (
            f"Evaluation({', '.join(self.predictions.risk)}; horizons {self.predictions.horizons})"
        )


def evaluate(
    model: Any,
    table: FeatureTable,
    scheme: SchemeSpec | SchemeName = "leave_one_cohort_out",
    horizons: npt.ArrayLike = (12, 24, 36, 60),
    *,
    bootstrap: int = 500,
    level: float = 0.95,
    seed: int = 0,
    n_jobs: int = 1,
    on_done: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Predict people out of fold and score the predictions.

    Parameters
    ----------
    model : an estimator; or several by name, of which the first `KaplanMeier` (else the first) is
        the reference. A single one is compared with Kaplan-Meier by specialism where X has it, in
        a stack by specialism at each landmark.
    table : of `build_features`.
    scheme : "leave_one_cohort_out", "temporal", "k_fold", or a specification of one; or
        "new_rows": fitted models (of `gm.fit`, or wrapped) are asked of every row as they are. Then
        a single one is compared with one Kaplan-Meier curve of these rows, which has seen them;
        nothing can check that the models have not.
    horizons : (m,) months, increasing.
    bootstrap : repetitions behind each interval; 0 = none.
    level : of the intervals.
    seed : of the folds and of the bootstrap.
    n_jobs : processes for the fits; the numbers are the same for any.
    on_done : called with (fits done, fits in all).

    Raises
    ------
    InputError : the table does not suit the scheme, a horizon is not a month after 0, the rows are
        episodes, or a model is not fitted under the scheme "new_rows".

    Notes
    -----
    A score is missing where a model's risk is not estimable for someone in it, and where nobody
    was followed for as long (``docs/numbers.md``).
    """
    if table.recipe.episodes:
        raise InputError(
            "episodes end where features change, so they are no follow-up to score against",
            where="table",
            fix="judge models on build_features(..., landmarks=[...])",
        )
    months = check_horizons(horizons)
    if (months <= 0).any() or (np.diff(months) <= 0).any():
        raise InputError("horizons must increase, from above 0", where="horizons")
    if scheme == "new_rows":
        models, reference = as_given(model, table)
    else:
        models = dict(model) if isinstance(model, Mapping) else _with_reference(model, table)
        kaplan_meiers = [name for name, each in models.items() if isinstance(each, KaplanMeier)]
        reference = (kaplan_meiers or list(models))[0]
    split_seed, draw_seed = np.random.SeedSequence(seed).spawn(2)
    folds = make_folds(scheme, table, np.random.default_rng(split_seed))
    predictions = predict_out_of_fold(models, table, folds, months, n_jobs=n_jobs, on_done=on_done)
    plan = make_plan(
        table,
        predictions,
        bootstrap=bootstrap,
        level=level,
        rng=np.random.default_rng(draw_seed),
    )
    scores, briers = score_models(table, predictions, plan)
    return Evaluation(
        scores=scores,
        leaderboard=_leaderboard(scores, briers, predictions, reference, level),
        calibration=calibrate(predictions, plan),
        losses=person_losses(predictions, plan),
        predictions=predictions,
        reference=reference,
        level=level,
    )


def _with_reference(model: Any, table: FeatureTable) -> dict[str, Any]:
    name = type(model).__name__
    if isinstance(model, KaplanMeier) or "specialism" not in table.X:
        return {name: model}
    stacked = table.recipe.landmarks is not None and LANDMARK in table.X
    by = ("specialism", LANDMARK) if stacked else "specialism"
    return {"KaplanMeier": KaplanMeier(by=by), name: model}


def _leaderboard(
    scores: pd.DataFrame,
    briers: Mapping[tuple[str, float], Floats],
    predictions: Predictions,
    reference: str,
    level: float,
) -> pd.DataFrame:
    estimable = [
        float(h) for h in predictions.horizons if np.isfinite(briers[reference, float(h)][0])
    ]
    overall = scores[scores["group"] == ALL]
    rows = []
    for model in predictions.risk:
        row: dict[str, Any] = {"model": model}
        mine = overall[overall["model"] == model]
        if estimable:
            mean = interval(np.mean([briers[model, h] for h in estimable], axis=0), level)
            difference = compare(briers, model, reference, estimable, level)
        else:
            mean = difference = interval(np.full(1, np.nan), level)
        row |= {"mean_brier": mean["estimate"], "lower": mean["lower"], "upper": mean["upper"]}
        row |= {
            "difference": difference["estimate"],
            "difference_lower": difference["lower"],
            "difference_upper": difference["upper"],
        }
        within = mine["horizon_months"].isin(estimable)
        for score in ("ipa", "auc"):
            row[f"mean_{score}"] = mine[within & (mine["score"] == score)]["estimate"].mean(
                skipna=False
            )
        row["c_index"] = mine[mine["score"] == "c_index"]["estimate"].iloc[0]
        row["horizons"] = ", ".join(f"{h:g}" for h in estimable)
        row["verdict"] = _verdict(model, reference, difference, predictions.failed)
        rows.append(row)
    board = pd.DataFrame(rows).sort_values("mean_brier", kind="stable", na_position="last")
    board.insert(0, "rank", np.arange(1, len(board) + 1))
    return board.reset_index(drop=True)


def _verdict(
    model: str, reference: str, difference: Mapping[str, float], failed: Mapping[str, str]
) -> str:
    if model in failed:
        return f"could not be fitted: {failed[model]}"
    if model == reference:
        return "the reference"
    if np.isnan(difference["estimate"]):
        return "not estimable at every horizon"
    if np.isnan(difference["upper"]):
        return "no interval was asked for"
    if difference["upper"] < 0:
        return "better than the reference"
    if difference["lower"] > 0:
        return "worse than the reference"
    return "not distinguishable from the reference"
