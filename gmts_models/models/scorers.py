"""Scorers of risks for scikit-learn's searches: greater is better.

They weigh the rows that they score for censoring by those rows alone (``stats/censoring.py``), by
cohort where X has the cohort year. Of late entrants the risk given that they were still there at
entry is scored. ``evaluate`` is what judges models for publication.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, assert_never, get_args

import numpy as np
import pandas as pd

from gmts_models.errors import InputError, NotEstimableError
from gmts_models.models.protocol import (
    check_horizons,
    check_rows,
    risk_from_entry,
    together_codes,
)
from gmts_models.outcome import Floats, Outcome
from gmts_models.stats.censoring import CensoringWeights, censoring_weights
from gmts_models.stats.scores import auc, brier_score, null_brier_score

Score = Literal["brier", "ipa", "auc", "log"]
"""Brier score, index of prediction accuracy, time-dependent AUC, and the log score of having left;
a scorer turns the sign of the first and the last."""

LOWER_IS_BETTER: frozenset[Score] = frozenset({"brier", "log"})


def score_of(score: Score, risk: Floats, at: CensoringWeights) -> float:
    """Return a score of (n,) risks at one horizon; NaN where it cannot be given.

    The log score is the mean of -log of the chance given to what happened.
    """
    scored = at.counted[:, 0] > 0
    if not scored.any() or np.isnan(risk[scored]).any():
        return np.nan
    risk = np.where(scored, risk, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        match score:
            case "brier":
                return float(brier_score(risk, at)[0])
            case "ipa":
                return float(1 - brier_score(risk, at)[0] / null_brier_score(at)[0])
            case "auc":
                return float(auc(risk, at)[0])
            case "log":
                chance = np.clip(np.where(at.left, risk, 1 - risk), 1e-15, 1)
                return float(-(np.log(chance) @ at.weight)[0] / at.counted.sum())
    assert_never(score)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScorer:
    """A score averaged over horizons, as ``scoring=`` of a search takes it.

    Attributes
    ----------
    score : which.
    horizons : (m,) months.
    """

    score: Score
    horizons: tuple[float, ...]

    def __call__(self, estimator: Any, X: pd.DataFrame, y: Outcome) -> float:
        """Return the mean over the horizons; greater is better."""
        frame = check_rows(X, y)
        risk = risk_from_entry(estimator, X, y.entry, np.array(self.horizons))
        strata = together_codes(frame)
        values = np.array(
            [
                score_of(self.score, risk[:, j], censoring_weights(y, h, strata=strata))
                for j, h in enumerate(self.horizons)
            ]
        )
        known = np.isfinite(values)
        if not known.all():
            missing = ", ".join(f"{h:g}" for h in np.array(self.horizons)[~known])
            raise NotEstimableError(
                f"the score {self.score} cannot be given at {missing} months: a risk is not "
                "estimable, nobody's state is known, or all whose state is known left or stayed",
                where="risk_scorer(horizons=...)",
                fix="ask for horizons within the follow-up of every fold",
            )
        return float(-values.mean() if self.score in LOWER_IS_BETTER else values.mean())


def risk_scorer(score: Score, horizons: Any) -> RiskScorer:
    """Return a scorer for ``GridSearchCV(scoring=...)`` and ``cross_val_score``.

    Parameters
    ----------
    score : "brier", "ipa", "auc" or "log".
    horizons : (m,) months over which it is averaged.

    Raises
    ------
    InputError : there is no such score, or a horizon is not above 0.
    """
    if score not in get_args(Score):
        raise InputError(
            f"unknown score {score!r}", where="risk_scorer", fix=f"one of {get_args(Score)}"
        )
    months = check_horizons(horizons)
    if (months <= 0).any():
        raise InputError("horizons must be above 0", where="risk_scorer")
    return RiskScorer(score=score, horizons=tuple(map(float, months)))
