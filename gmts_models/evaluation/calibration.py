"""Whether those given a risk of 20 % leave 20 % of the time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gmts_models.evaluation.prediction import Predictions
from gmts_models.evaluation.scoring import ScoringPlan, interval
from gmts_models.outcome import Floats, Ints
from gmts_models.stats.censoring import CensoringWeights
from gmts_models.stats.scores import observed_risk

COLUMNS = ["model", "horizon_months", "bin", "predicted", "observed", "lower", "upper", "n"]


def calibrate(predictions: Predictions, plan: ScoringPlan, bins: int = 5) -> pd.DataFrame:
    """Compare predicted with observed risk in groups of similar predictions.

    Parameters
    ----------
    predictions, plan : of the evaluation.
    bins : number of groups, of about equal size; equal predictions share a group.

    Returns
    -------
    A row a model, horizon and group: mean predicted risk, observed risk made up for censoring
    with its bootstrap interval, and the number of people.
    """
    records: list[dict[str, Any]] = []
    for model, risk in predictions.risk.items():
        for column, horizon in enumerate(predictions.horizons):
            at = plan.weights[float(horizon)]
            rows = np.flatnonzero(at.counted[:, 0] > 0)
            values = risk[rows, column]
            if not len(rows) or np.isnan(values).any():
                continue
            which = _bins(values, bins)
            for number in np.unique(which):
                part = rows[which == number]
                observed = interval(_observed(at, part), plan.level)
                records.append(
                    {
                        "model": model,
                        "horizon_months": float(horizon),
                        "bin": int(number) + 1,
                        "predicted": float(risk[part, column].mean()),
                        "observed": observed["estimate"],
                        "lower": observed["lower"],
                        "upper": observed["upper"],
                        "n": len(np.unique(plan.people[part])),
                    }
                )
    return pd.DataFrame(records, columns=COLUMNS)


def _bins(values: Floats, bins: int) -> Ints:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1].astype(
        np.int64
    )


def _observed(at: CensoringWeights, rows: Ints) -> Floats:
    return observed_risk(
        CensoringWeights(left=at.left[rows], counted=at.counted[rows], weight=at.weight[rows])
    )
