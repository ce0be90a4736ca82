"""Scores of out-of-fold predictions by horizon and group, each with a bootstrap interval.

The intervals are about these predictions for new people of these cohorts: people are drawn
again, within their cohorts, and the censoring weights made anew each time; models are not
refitted. Rankings (AUC, C) compare people within a fold only, since risks of different folds
come from different fits. In a stack of landmarks people are censored together, and compared, on
one landmark only; a person is drawn with all of their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gmts_models.evaluation.prediction import Predictions
from gmts_models.features.table import FeatureTable, codes
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.censoring import CensoringWeights, censoring_weights
from gmts_models.stats.concordance import concordance
from gmts_models.stats.scores import auc, brier_score, null_brier_score, observed_risk

ALL = "All"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPlan:
    """What all models share: the bootstrap's counts, and the weights at each horizon.

    Attributes
    ----------
    counts : (n, 1 + b) how often each row is drawn; the first column is the sample itself.
    weights : by horizon, the censoring weights of the rows that were predicted.
    groups : mask of the rows, by group; "All" first, then the specialisms, then the landmarks.
    people : (n,) codes of the people.
    compared : (n,) codes of the rows among which rankings are made: those of a fold, in a stack
        those of a fold and landmark.
    level : of the intervals.
    """

    counts: Floats
    weights: dict[float, CensoringWeights]
    groups: dict[str, Bools]
    people: Ints
    compared: Ints
    level: float


def make_plan(
    table: FeatureTable,
    predictions: Predictions,
    *,
    bootstrap: int,
    level: float,
    rng: np.random.Generator,
) -> ScoringPlan:
    """Draw the bootstrap and weigh the rows, once for all models."""
    predicted = predictions.fold >= 0
    cohort = codes(table.cohort)
    together, compared = cohort, predictions.fold
    if table.recipe.landmarks is not None:
        together, compared = _pairs(cohort, table.landmark), _pairs(compared, table.landmark)
    counts = np.ones((len(table), 1 + bootstrap))
    counts[:, 1:] = _draw_people(table.y.people, cohort, bootstrap, rng)
    counts[~predicted] = 0
    weights = {}
    rows = np.flatnonzero(predicted)
    for horizon in predictions.horizons:
        part = censoring_weights(
            table.y[rows],
            float(horizon),
            strata=together[rows],
            follow_up=table.follow_up[rows],
            counts=counts[rows],
        )
        # A row that the sample cannot score is not scored in any draw either, or draws that happen
        # to lose the censored would let it in.
        scored = (part.counted[:, :1] > 0).astype(float)
        part = CensoringWeights(
            left=part.left, counted=part.counted * scored, weight=part.weight * scored
        )
        weights[float(horizon)] = _spread(part, rows, len(table))
    labels = table.specialism.astype(str)
    groups = {ALL: predicted}
    groups |= {name: predicted & (labels == name).to_numpy() for name in sorted(labels.unique())}
    for landmark in table.recipe.landmarks or ():
        groups[landmark_group(landmark)] = predicted & (table.landmark == landmark)
    return ScoringPlan(
        counts=counts,
        weights=weights,
        groups=groups,
        people=table.y.people,
        compared=compared,
        level=level,
    )


def landmark_group(landmark: int) -> str:
    """Return the name of the group of a stack's rows at one landmark."""
    return f"landmark {landmark}"


def _pairs(first: Ints, second: Floats) -> Ints:
    """Return (n,) codes of the pairs of labels."""
    both = np.column_stack([first, second])
    return np.unique(both, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def score_models(
    table: FeatureTable, predictions: Predictions, plan: ScoringPlan
) -> tuple[pd.DataFrame, dict[tuple[str, float], Floats]]:
    """Score every model at every horizon in every group.

    Returns
    -------
    A tidy frame (model, score, horizon_months, group, estimate, se, lower, upper, n, left,
    stayed), and the (1 + b,) Brier scores of all rows by model and horizon, for comparisons. n,
    left and stayed count people; in a stack one person can have stayed after one landmark and left
    after another.
    """
    records: list[dict[str, Any]] = []
    briers: dict[tuple[str, float], Floats] = {}
    ranked = _last_estimable(predictions)
    for model, risk in predictions.risk.items():
        for column, horizon in enumerate(predictions.horizons):
            for group, mask in plan.groups.items():
                values, counted = _at_horizon(
                    risk[:, column], plan.weights[float(horizon)], mask, plan
                )
                if group == ALL:
                    briers[model, float(horizon)] = values["brier"]
                records += [
                    {
                        "model": model,
                        "score": score,
                        "horizon_months": float(horizon),
                        "group": group,
                        **interval(draws, plan.level),
                        **counted,
                    }
                    for score, draws in values.items()
                ]
        rank = predictions.rank[model][:, ranked]
        records += list(_concordances(model, rank, table, plan))
    return pd.DataFrame(records), briers


def _last_estimable(predictions: Predictions) -> int:
    """Return the last horizon at which every model that was fitted has a risk for everyone."""
    rows = predictions.fold >= 0
    gaps = [
        np.isnan(rank[rows]).any(axis=0)
        for name, rank in predictions.rank.items()
        if name not in predictions.failed
    ]
    known = np.flatnonzero(~np.any(gaps, axis=0)) if gaps else np.array([], dtype=np.int64)
    return int(known[-1]) if len(known) else -1


def person_losses(predictions: Predictions, plan: ScoringPlan) -> pd.DataFrame:
    """Return each row's risk and weighted squared error, by model and horizon.

    The mean of `loss` over the rows where it is not missing is the Brier score.
    """
    parts = []
    for column, horizon in enumerate(predictions.horizons):
        at = plan.weights[float(horizon)]
        for model, risk in predictions.risk.items():
            loss = at.weight[:, 0] * np.square(at.left - risk[:, column])
            parts.append(
                pd.DataFrame(
                    {
                        "row": np.arange(len(risk)),
                        "fold": predictions.fold,
                        "model": model,
                        "horizon_months": float(horizon),
                        "risk": risk[:, column],
                        "loss": np.where(at.counted[:, 0] > 0, loss, np.nan),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def interval(draws: Floats, level: float) -> dict[str, float]:
    """Return estimate, SE and percentile interval; `draws[0]` is the estimate itself."""
    again = draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(draws[0]) or len(again) < 20:
        return {"estimate": float(draws[0]), "se": np.nan, "lower": np.nan, "upper": np.nan}
    lower, upper = np.quantile(again, [(1 - level) / 2, (1 + level) / 2])
    return {
        "estimate": float(draws[0]),
        "se": float(again.std(ddof=1)),
        "lower": float(lower),
        "upper": float(upper),
    }


def _at_horizon(
    risk: Floats, at: CensoringWeights, group: Bools, plan: ScoringPlan
) -> tuple[dict[str, Floats], dict[str, int]]:
    """Return the draws of each score, and how many people were scored, had left and had stayed."""
    rows = np.flatnonzero(group & (at.counted[:, 0] > 0))
    part = CensoringWeights(left=at.left[rows], counted=at.counted[rows], weight=at.weight[rows])
    risk = risk[rows]
    scored = part.counted[:, 0] > 0
    counted = _count_people(plan.people[rows][scored], part.left[scored])
    nothing = np.full(at.counted.shape[1], np.nan)
    if (
        not counted["n"] or np.isnan(risk[scored]).any()
    ):  # a mean over some of the people would mislead
        names = ("brier", "ipa", "auc", "observed_expected")
        return dict.fromkeys(names, nothing), counted
    brier = brier_score(risk, part)
    with np.errstate(divide="ignore", invalid="ignore"):
        ipa = 1 - brier / null_brier_score(part)
        expected = (risk @ part.counted) / part.counted.sum(axis=0)
        ratio = observed_risk(part) / expected
    return (
        {
            "brier": brier,
            "ipa": np.where(np.isfinite(ipa), ipa, np.nan),
            "auc": _auc_within(risk, part, plan.compared[rows]),
            "observed_expected": np.where(np.isfinite(ratio), ratio, np.nan),
        },
        counted,
    )


def _count_people(people: Ints, left: Bools) -> dict[str, int]:
    return {
        "n": len(np.unique(people)),
        "left": len(np.unique(people[left])),
        "stayed": len(np.unique(people[~left])),
    }


def _auc_within(risk: Floats, at: CensoringWeights, compared: Ints) -> Floats:
    """AUC over the pairs that are compared; each set of them counts by its pairs."""
    won = pairs = np.zeros(at.weight.shape[1])
    for each in np.unique(compared):
        rows = compared == each
        part = CensoringWeights(
            left=at.left[rows], counted=at.counted[rows], weight=at.weight[rows]
        )
        left = part.left.astype(float)
        number = (left @ part.weight) * ((1 - left) @ part.weight)
        won = won + np.where(number > 0, auc(risk[rows], part) * number, 0.0)
        pairs = pairs + number
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(pairs > 0, won / pairs, np.nan), dtype=float)


def _concordances(
    model: str, risk: Floats, table: FeatureTable, plan: ScoringPlan
) -> Iterator[dict[str, Any]]:
    """Harrell's C of the risk at one horizon, of those compared; interval by the jackknife."""
    z = stats.norm.ppf((1 + plan.level) / 2)
    y = table.y
    for group, mask in plan.groups.items():
        rows = np.flatnonzero(mask)
        c, se = np.nan, np.nan
        if len(rows) and not np.isnan(risk[rows]).any():
            part = risk[rows], y.exit[rows], y.left[rows], y.entry[rows]
            found = concordance(*part, strata=plan.compared[rows], clusters=y.people[rows])
            c, se = found.concordance, found.std_err
        yield {
            "model": model,
            "score": "c_index",
            "horizon_months": np.nan,
            "group": group,
            "estimate": c,
            "se": se,
            "lower": max(c - z * se, 0.0) if np.isfinite(c) else np.nan,
            "upper": min(c + z * se, 1.0) if np.isfinite(c) else np.nan,
            **_count_people(plan.people[rows], y.left[rows]),
        }


def _draw_people(people: Ints, cohort: Ints, bootstrap: int, rng: np.random.Generator) -> Floats:
    """Return (n, b) counts: people drawn with replacement within their cohort."""
    person, first = np.unique(people, return_index=True)
    drawn = np.zeros((len(person), bootstrap))
    for each in np.unique(cohort):
        members = np.flatnonzero(cohort[first] == each)
        if len(members):
            chance = np.full(len(members), 1 / len(members))
            drawn[members] = rng.multinomial(len(members), chance, size=bootstrap).T
    return drawn[np.searchsorted(person, people)]


def _spread(part: CensoringWeights, rows: Ints, n: int) -> CensoringWeights:
    left = np.zeros(n, dtype=bool)
    counted, weight = (np.zeros((n, part.weight.shape[1])) for _ in range(2))
    left[rows], counted[rows], weight[rows] = part.left, part.counted, part.weight
    return CensoringWeights(left=left, counted=counted, weight=weight)


def compare(
    briers: Mapping[tuple[str, float], Floats],
    model: str,
    reference: str,
    horizons: Sequence[float],
    level: float,
) -> dict[str, float]:
    """Return the mean difference of Brier scores over horizons, with its paired interval."""
    mean = np.mean([briers[model, h] - briers[reference, h] for h in horizons], axis=0)
    return interval(mean, level)
