"""What a run could not estimate, and what its readers should mind, in plain sentences."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.config import ExperimentConfig
from gmts_models.data.people import Checked
from gmts_models.disclosure import is_small
from gmts_models.errors import FitError, GmtsError
from gmts_models.evaluation.evaluate import Evaluation
from gmts_models.features.table import FeatureTable
from gmts_models.models.checks.proportionality import check_proportional_hazards
from gmts_models.models.checks.sample_size import check_sample_size
from gmts_models.models.survival.cox import CoxPH
from gmts_models.models.survival.time_model import TimeModel
from gmts_models.outcome import Ints
from gmts_models.reporting.retention import RetentionTable

log = logging.getLogger(__name__)


def limits_of_run(
    checked: Checked,
    table: FeatureTable,
    retention: RetentionTable,
    evaluation: Evaluation,
    spec: ExperimentConfig,
) -> tuple[str, ...]:
    """Say in plain sentences what could not be estimated, and why."""
    said = []
    if checked.valid.synthetic:
        said.append("The people are synthetic: made by a simulation, not observed.")
    missing = np.isnan(retention.retention)
    for group, gaps in zip(retention.groups, missing, strict=True):
        if gaps.any():
            months = ", ".join(f"{h:g}" for h in retention.horizons[gaps])
            said.append(
                f"{group}: retention at {months} months is not shown; nobody was followed for as "
                f"long, or fewer than {retention.threshold} people are left to follow."
            )
    for model, why in evaluation.predictions.failed.items():
        said.append(f"Model {model} could not be fitted: {why}.")
    overall = evaluation.scores.query("group == 'All' and score == 'brier'")
    followed = count_people(table.y.people)
    by_size: dict[int, list[str]] = {}
    for horizon, rows in overall.groupby("horizon_months"):
        scored = int(rows["n"].max()) if rows["estimate"].notna().any() else 0
        by_size.setdefault(scored, []).append(f"{horizon:g}")
    for n, at in by_size.items():
        missing_people = pd.Series([followed - n])
        if n == 0:
            said.append(
                f"No model could be scored at {', '.join(at)} months: nobody who was predicted was "
                "followed for as long, or no model has an estimate for everyone."
            )
        elif n < followed and not is_small(missing_people, retention.threshold).any():
            said.append(
                f"Scores at {', '.join(at)} months rest on {n:,} of {followed:,} people: the "
                "others were not followed for as long, entered later, or are in cohorts too small "
                "to be held out."
            )
    averaged = str(evaluation.leaderboard["horizons"].iloc[0])
    asked = ", ".join(f"{h:g}" for h in spec.horizons)
    if averaged != asked:
        said.append(
            f"The leaderboard averages over {averaged or 'no'} of {asked} months: elsewhere the "
            f"reference, {evaluation.reference}, has no estimate for everyone."
        )
    left = count_people(table.y.people[table.y.left])
    if left < 30:
        said.append("Fewer than 30 people left, so intervals of the scores are too narrow.")
    if spec.endpoint == "left_scheme":
        said.append("Completing the scheme competes with withdrawing; those who completed stay.")
    return tuple(said)


def notes_on_models(
    models: dict[str, Any], table: FeatureTable, spec: ExperimentConfig
) -> Iterator[str]:
    """Say where hazards are not proportional, and what is extrapolated."""
    for name, model in models.items():
        if isinstance(model, CoxPH):
            try:
                found = check_proportional_hazards(table, model)
            except GmtsError as error:
                log.info("%s: proportional hazards were not checked: %s", name, error.what)
                continue
            if found.breached:
                yield f"{name}: {found}"
    last = float(table.y.exit.max())
    far = [f"{months:g}" for months in spec.horizons if months > last]
    extrapolating = [name for name, each in models.items() if isinstance(each, TimeModel)]
    if far and extrapolating:
        yield (
            f"Nobody was followed for more than {last:g} months: what {', '.join(extrapolating)} "
            f"say of {', '.join(far)} months is extrapolation."
        )


def too_few_people(
    models: dict[str, Any], table: FeatureTable, spec: ExperimentConfig
) -> tuple[str, ...]:
    """Say of which models there are too few people, and by how much; alike ones together."""
    if not table.y.left.any():
        return ()
    horizon = min(spec.horizons, key=lambda months: abs(months - 24))
    few: dict[str, list[str]] = {}
    for name, model in models.items():
        size = check_sample_size(table, model, horizon=horizon)
        if size is not None and not size.enough:
            few.setdefault(str(size), []).append(name)
    if few and spec.strict:
        said, names = next(iter(few.items()))
        raise FitError(
            f"model {names[0]}: {said}",
            where="models",
            fix="name fewer features, pool specialisms partially, or say 'strict: false'",
        )
    return tuple(f"{', '.join(names)}: {said}" for said, names in few.items())


def count_people(codes: Ints) -> int:
    """Return how many people the rows are of."""
    return len(np.unique(codes))
